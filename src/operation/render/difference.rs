//! What differs between two renderings, line by line: what a reviewer changed, and what an agent is asked to accept.

use super::Rendering;

/// How many pairs of lines are compared at most; beyond that everything between the first and the last difference
/// counts as changed.
const MOST_PAIRS: usize = 1_000_000;

/// A line of two renderings laid beside each other. Each is as the renderer made it, with nothing hidden in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// In both.
    Kept(String),
    /// Only in the one before.
    Removed(String),
    /// Only in the one after.
    Added(String),
}

/// Lays two renderings beside each other: the lines before without those added, and after without those removed, are
/// the two renderings.
#[must_use]
pub fn difference(before: &Rendering, after: &Rendering) -> Vec<Line> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.text.lines().collect(), after.text.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let tail = old.iter().skip(head).rev().zip(new.iter().skip(head).rev()).take_while(same).count();
    let middle = |lines: &[&'_ str]| -> Vec<String> {
        let until = lines.len().saturating_sub(tail);
        lines.iter().take(until).skip(head).map(|line| (*line).to_owned()).collect()
    };
    let mut lines: Vec<Line> = old.iter().take(head).map(|line| Line::Kept((*line).to_owned())).collect();
    lines.extend(changes(middle(&old), middle(&new)));
    lines.extend(old.iter().skip(old.len().saturating_sub(tail)).map(|line| Line::Kept((*line).to_owned())));
    lines
}

/// The shortest way from one list of lines to the other, by their longest common subsequence.
fn changes(old: Vec<String>, new: Vec<String>) -> Vec<Line> {
    if old.len().saturating_mul(new.len()) > MOST_PAIRS {
        return old.into_iter().map(Line::Removed).chain(new.into_iter().map(Line::Added)).collect();
    }
    // common[i][j]: how many lines old[i..] and new[j..] have in common.
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    let at = |common: &[u32], i: usize, j: usize| common.get(i * width + j).copied().unwrap_or(0);
    for (i, before) in old.iter().enumerate().rev() {
        for (j, after) in new.iter().enumerate().rev() {
            let longest = match before == after {
                true => at(&common, i + 1, j + 1) + 1,
                false => at(&common, i + 1, j).max(at(&common, i, j + 1)),
            };
            if let Some(cell) = common.get_mut(i * width + j) {
                *cell = longest;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let (mut olds, mut news) = (old.into_iter().peekable(), new.into_iter().peekable());
    let mut lines = Vec::new();
    loop {
        match (olds.peek(), news.peek()) {
            (None, None) => return lines,
            (Some(before), Some(after)) if before == after => {
                lines.extend(olds.next().map(Line::Kept));
                news.next();
                (i, j) = (i + 1, j + 1);
            }
            (Some(_), Some(_)) if at(&common, i, j + 1) > at(&common, i + 1, j) => {
                lines.extend(news.next().map(Line::Added));
                j += 1;
            }
            (Some(_), _) => {
                lines.extend(olds.next().map(Line::Removed));
                i += 1;
            }
            (None, Some(_)) => {
                lines.extend(news.next().map(Line::Added));
                j += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Operation;
    use crate::operation::render::render;

    fn rendering(parameters: &str) -> Rendering {
        let operation = Operation::from_json("db.rows.delete", "orders", parameters.as_bytes()).unwrap();
        render(&operation, None).unwrap()
    }

    fn back(lines: &[Line]) -> (String, String) {
        let (mut before, mut after) = (String::new(), String::new());
        for line in lines {
            let (to, text): (Vec<&mut String>, _) = match line {
                Line::Kept(text) => (vec![&mut before, &mut after], text),
                Line::Removed(text) => (vec![&mut before], text),
                Line::Added(text) => (vec![&mut after], text),
            };
            for side in to {
                side.push_str(text);
                side.push('\n');
            }
        }
        (before, after)
    }

    #[test]
    fn what_was_changed_is_told_and_nothing_else() {
        let (before, after) = (
            rendering(r#"{"limit": 5000, "table": "customers", "where": "age > 3"}"#),
            rendering(r#"{"limit": 50, "table": "customers", "where": "age > 3"}"#),
        );
        let lines = difference(&before, &after);
        let changed: Vec<&Line> = lines.iter().filter(|line| !matches!(line, Line::Kept(_))).collect();
        // The digest of the operation is told as well.
        assert_eq!(changed.len(), 4, "{lines:#?}");
        assert_eq!(changed[2], &Line::Removed("  limit: 5000".to_owned()));
        assert_eq!(changed[3], &Line::Added("  limit: 50".to_owned()));
        assert_eq!(back(&lines), (before.text, after.text));
    }

    proptest::proptest! {
        #[test]
        fn both_renderings_can_be_read_back(
            old in proptest::collection::vec("[a-c]", 0..12),
            new in proptest::collection::vec("[a-c]", 0..12),
        ) {
            let rendering = |lines: &[String]| {
                let mut text = lines.join("\n");
                if !text.is_empty() { text.push('\n'); }
                let digest = crate::digest::RenderingDigest::from_bytes([0; 32]);
                Rendering { text, digest, hazards: Vec::new() }
            };
            let (before, after) = (rendering(&old), rendering(&new));
            proptest::prop_assert_eq!(back(&difference(&before, &after)), (before.text, after.text));
        }
    }
}
