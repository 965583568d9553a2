//! Scalars: where a part of a text stands in the file, however YAML lets the text be written.

use super::source::At;

/// Where the byte `offset` of `text` stands in `file`, if the scalar at `at` says `text`; else `at`.
///
/// YAML folds, indents and trims white space, and leaves every other character in its order, so the characters
/// that are not white space are counted. An alias stands for a text that is elsewhere, and some escapes for
/// characters that are written otherwise: then the place of the scalar is as near as one gets.
pub(super) fn place(file: &str, at: At, text: &str, offset: usize) -> At {
    within(file, at, text, offset).unwrap_or(at)
}

fn within(file: &str, at: At, text: &str, offset: usize) -> Option<At> {
    let lines = file.lines().enumerate().skip(at.line.checked_sub(1)?);
    let mut written = lines
        .flat_map(|(line, text)| {
            let places = text.chars().enumerate();
            places.map(move |(column, c)| (At { line: line + 1, column: column + 1 }, c))
        })
        .filter(|(_, c)| !c.is_whitespace())
        .skip_while(|(place, _)| *place < at)
        .peekable();
    let style = written.peek().map(|(_, c)| *c)?;
    if matches!(style, '|' | '>') {
        let header = at.line;
        while written.next_if(|(place, _)| place.line == header).is_some() {}
    } else if matches!(style, '"' | '\'') {
        written.next();
    }
    let mut last = None;
    for (start, c) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        if start >= offset {
            return written.next().map(|(place, _)| place);
        }
        let (mut place, mut found) = written.next()?;
        // `\"` in double quotes and `''` in single ones.
        let escaped = (style == '"' && found == '\\') || (style == '\'' && found == '\'');
        if escaped {
            (place, found) = written.next()?;
        }
        if found != c {
            return None;
        }
        last = Some(place);
    }
    last.map(|place| At { column: place.column + 1, ..place })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::parse::{Yaml, parse};

    /// Where `marked` begins, for every way to write the same text.
    #[test]
    fn every_style_of_scalar_leads_to_the_same_character() {
        for (file, line, column) in [
            ("a: one two\n", 1, 8),
            ("a:   one   two\n", 1, 12),
            ("a: one\n   two\n", 2, 4),
            ("a: 'one two'\n", 1, 9),
            ("a: \"one two\"\n", 1, 9),
            ("a: |\n  one two\n", 2, 7),
            ("a: |\n  one\n    two\n", 3, 5),
            ("a: >-\n  one\n\n  two\n", 4, 3),
            ("a: > # folded\n  one\n  two\n", 3, 3),
            ("{a: one two}\n", 1, 9),
        ] {
            let root = parse(file).unwrap();
            let Yaml::Map(entries) = &root.value else { panic!("{file}") };
            let Yaml::Text(text) = &entries[0].1.value else { panic!("{file}") };
            let offset = text.find("two").unwrap();
            let found = place(file, entries[0].1.at, text, offset);
            assert_eq!((found.line, found.column), (line, column), "{file}");
            let end = place(file, entries[0].1.at, text, text.len());
            assert_eq!((end.line, end.column), (line, column + 3), "{file}");
        }
    }

    #[test]
    fn escapes_and_aliases_lead_somewhere_sensible() {
        let at = At { line: 1, column: 4 };
        assert_eq!(place("a: 'it''s two'", at, "it's two", 5), At { line: 1, column: 11 });
        assert_eq!(place(r#"a: "x \" two""#, at, "x \" two", 4), At { line: 1, column: 10 });
        assert_eq!(place(r#"a: "\x41 two""#, at, "A two", 2), at);
        assert_eq!(place("a: *b", at, "one two", 4), at);
        assert_eq!(place("", At::default(), "one", 0), At::default());
    }
}
