//! Words inside names: whether `prod` is a word of `db-prod-eu`, and is none of `product-catalog` (DESIGN §5.13).

/// A word, or several that follow one another, to look for in a name: `prod`, `api_key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    text: Box<str>,
    words: Vec<Box<str>>,
}

impl Phrase {
    /// The longest phrase in bytes.
    pub const MAX: usize = 64;

    /// Takes ASCII letters and digits, in words separated by `_`, `-`, `.` or a space; anything else is `None`.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let words: Vec<Box<str>> = lower.split(['_', '-', '.', ' ']).map(Into::into).collect();
        let plain = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric());
        let fits = text.len() <= Self::MAX && words.iter().all(|word| plain(word));
        fits.then(|| Self { text: lower.clone().into(), words })
    }

    /// The phrase as it was written, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Where a word has to end for it to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edges {
    /// At any change of character class: `DBProd`, `prod_users`, `prod2`. For words that raise a risk.
    Any,
    /// Only at the ends and at the separators of infrastructure names, `-` `.` `/` `:` `@`, because
    /// `lab_test_results` is a table of results and not a test environment. For words that lower a risk.
    Separators,
}

/// A name prepared for looking for words in it.
#[derive(Debug)]
pub struct Name<'a> {
    original: &'a [u8],
    lower: String,
}

impl<'a> Name<'a> {
    /// Prepares `name`.
    #[must_use]
    pub fn new(name: &'a str) -> Self {
        Self { original: name.as_bytes(), lower: name.to_ascii_lowercase() }
    }

    /// Whether every character is ASCII, so that nothing in it can look like something else.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.original.is_ascii()
    }

    /// Whether `phrase`, or its plural in `s`, is in the name as a word of its own.
    #[must_use]
    pub fn has(&self, phrase: &Phrase, edges: Edges) -> bool {
        let Some((first, rest)) = phrase.words.split_first() else { return false };
        self.lower.match_indices(&**first).any(|(start, _)| {
            self.is_edge(start, edges)
                && self.end_of(start + first.len(), rest).is_some_and(|end| self.ends_at(end, edges))
        })
    }

    /// Where the words `rest` end if they follow from `at`, each after at most one separator.
    fn end_of(&self, at: usize, rest: &[Box<str>]) -> Option<usize> {
        rest.iter().try_fold(at, |at, word| {
            let separator = self.byte(at).is_some_and(|b| matches!(b, b'_' | b'-' | b'.' | b' ' | b'/'));
            let at = at + usize::from(separator);
            self.lower.as_bytes().get(at..)?.starts_with(word.as_bytes()).then_some(at + word.len())
        })
    }

    fn ends_at(&self, end: usize, edges: Edges) -> bool {
        let plural = self.byte(end).is_some_and(|b| b.eq_ignore_ascii_case(&b's'));
        self.is_edge(end, edges) || (plural && self.is_edge(end + 1, edges))
    }

    fn is_edge(&self, at: usize, edges: Edges) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.byte(before));
        let (Some(before), Some(after)) = (before, self.byte(at)) else { return true };
        match edges {
            Edges::Any => Class::of(before) == Class::Other || Class::of(before) != Class::of(after),
            Edges::Separators => {
                [before, after].iter().any(|b| matches!(b, b'-' | b'.' | b'/' | b':' | b'@'))
            }
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.original.get(at).copied()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Digit,
    /// Everything else, and every byte of a character beyond ASCII.
    Other,
}

impl Class {
    const fn of(byte: u8) -> Self {
        match byte {
            b'a'..=b'z' => Self::Lower,
            b'A'..=b'Z' => Self::Upper,
            b'0'..=b'9' => Self::Digit,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(name: &str, phrase: &str, edges: Edges) -> bool {
        Name::new(name).has(&Phrase::new(phrase).unwrap(), edges)
    }

    #[test]
    fn a_word_is_found_where_it_is_one() {
        for (name, word) in [
            ("db-prod-eu", "prod"),
            ("prod.db", "prod"),
            ("PRODUCTION", "production"),
            ("prod", "prod"),
            ("prod01", "prod"),
            ("eu2prod", "prod"),
            ("ordersProdDb", "prod"),
            ("ProdDB", "prod"),
            ("PRODdb", "prod"),
            ("billing_prod_users", "prod"),
            ("k8s://prod/default", "prod"),
            ("üprod", "prod"),
            ("db.customers", "customer"),
            ("CUSTOMERS", "customer"),
            ("user", "user"),
            ("app.users.emails", "user"),
            ("api_key", "api_key"),
            ("apiKeys", "api_key"),
            ("API-KEY-store", "api_key"),
            ("apikey", "api_key"),
            ("vault/api/key", "api_key"),
        ] {
            assert!(has(name, word, Edges::Any), "{word} in {name}");
        }
    }

    #[test]
    fn part_of_another_word_is_not_the_word() {
        for (name, word) in [
            ("product-catalog", "prod"),
            ("reproduction", "production"),
            ("superuser-docs", "user"),
            ("username", "user"),
            ("tokenizer", "token"),
            ("stage-left", "staging"),
            ("nonprod", "prod"),
            ("prodss", "prod"),
            ("\u{440}rod", "prod"),
            ("api__key", "api_key"),
            ("apis-keyed", "api_key"),
            ("", "prod"),
            ("latest", "test"),
        ] {
            assert!(!has(name, word, Edges::Any), "{word} in {name}");
        }
    }

    #[test]
    fn a_word_that_lowers_counts_only_between_separators() {
        for name in ["test", "db-test", "test.db", "db/test/orders", "postgres://test:5432", "TEST-db"] {
            assert!(has(name, "test", Edges::Separators), "{name}");
        }
        for name in
            ["lab_test_results", "test_results", "dbTest", "test1", "testüdb", "test db", "x?env=test"]
        {
            assert!(!has(name, "test", Edges::Separators), "{name}");
        }
    }

    #[test]
    fn a_phrase_is_plain() {
        for wrong in ["", "_", "a__b", "prod*", "prodü", &"x".repeat(65)] {
            assert_eq!(Phrase::new(wrong), None, "{wrong}");
        }
    }
}
