//! Patterns over names, and an index that finds the patterns which can match a name without trying them all.

use core::fmt;
use std::collections::HashMap;

/// A pattern over a name: `*` stands for any characters, separators too; everything else is itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: Box<str>,
    lower: Box<str>,
}

impl Glob {
    /// The longest pattern in bytes.
    pub const MAX: usize = 512;

    /// Takes a pattern; empty or longer than [`Glob::MAX`] is `None`.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX).contains(&text.len());
        fits.then(|| Self { text: text.into(), lower: text.to_ascii_lowercase().into() })
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `name` matches exactly as written.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        matches(&self.text, name)
    }

    /// Whether `lower`, a name in ASCII lower case, matches if case is not looked at.
    #[must_use]
    pub fn matches_any_case(&self, lower: &str) -> bool {
        matches(&self.lower, lower)
    }

    /// The pattern in lower case up to its first `*`, and whether that is all of it.
    fn key(&self) -> (&str, bool) {
        self.lower.split_once('*').map_or((&*self.lower, true), |(prefix, _)| (prefix, false))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl serde::Serialize for Glob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> serde::Deserialize<'de> for Glob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| serde::de::Error::custom("not a pattern of 1 to 512 bytes"))
    }
}

/// Every piece between two stars is taken at its first place, which finds a match if there is one.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((prefix, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(prefix) else { return false };
    let (middle, suffix) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        let Some((_, after)) = name.split_once(piece) else { return false };
        name = after;
    }
    name.ends_with(suffix)
}

/// A name beside its lower case.
#[derive(Clone, Debug)]
pub struct Named<'a> {
    /// As it was given.
    pub exact: &'a str,
    /// In ASCII lower case.
    pub lower: String,
}

impl<'a> Named<'a> {
    /// Prepares `name`.
    #[must_use]
    pub fn new(name: &'a str) -> Self {
        Self { exact: name, lower: name.to_ascii_lowercase() }
    }
}

/// What a glob is filed under: its literal beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Key<'a> {
    /// The whole name.
    Exact(&'a str),
    /// How the name begins.
    Prefix(&'a str),
}

impl Glob {
    /// Its literal beginning in lower case: the whole of it where it has no star.
    pub(crate) fn beginning(&self) -> &str {
        self.key().0
    }

    /// What this is filed under; `None` if it begins with a star.
    pub(crate) fn filed_under(&self) -> Option<Key<'_>> {
        match self.key() {
            (text, true) => Some(Key::Exact(text)),
            ("", false) => None,
            (text, false) => Some(Key::Prefix(text)),
        }
    }
}

/// Numbers filed under the literal beginnings of patterns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    exact: HashMap<Box<str>, Vec<u32>>,
    prefix: HashMap<Box<str>, Vec<u32>>,
    /// The lengths of the prefixes, rising.
    lengths: Vec<usize>,
}

impl Index {
    /// Files `number`.
    pub(crate) fn file(&mut self, key: Key<'_>, number: u32) {
        let (map, text) = match key {
            Key::Exact(text) => (&mut self.exact, text),
            Key::Prefix(text) => {
                if let Err(at) = self.lengths.binary_search(&text.len()) {
                    self.lengths.insert(at, text.len());
                }
                (&mut self.prefix, text)
            }
        };
        let numbers = map.entry(text.into()).or_default();
        if numbers.last() != Some(&number) {
            numbers.push(number);
        }
    }

    /// Adds to `found` the numbers whose patterns can match `lower`; the same number may come twice.
    pub(crate) fn candidates(&self, lower: &str, found: &mut Vec<u32>) {
        found.extend(self.exact.get(lower).into_iter().flatten());
        let prefixes = self.lengths.iter().map_while(|length| (*length <= lower.len()).then_some(*length));
        for prefix in prefixes.filter_map(|length| lower.get(..length)) {
            found.extend(self.prefix.get(prefix).into_iter().flatten());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_stands_for_anything_and_nothing_else_does() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "a.b/c"),
            ("db.*", "db."),
            ("db.*", "db.a.b"),
            ("*.delete", "db.users.delete"),
            ("a*c", "ac"),
            ("a*c", "abcc"),
            ("a*b*c", "aXbYc"),
            ("a**c", "abc"),
            ("k8s/*/pods", "k8s/ns/pods"),
            ("a[b]?", "a[b]?"),
        ] {
            assert!(Glob::new(pattern).unwrap().matches(name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("db.*", "db"),
            ("db.*", "DB.read"),
            ("a", "ab"),
            ("a*b*c", "ac"),
            ("a*aa", "aa"),
            ("*x", "xy"),
            ("a?", "ab"),
        ] {
            assert!(!Glob::new(pattern).unwrap().matches(name), "{pattern} {name}");
        }
        assert!(Glob::new("Vault/*").unwrap().matches_any_case("vault/x"));
        assert_eq!(Glob::new(""), None);
        assert_eq!(Glob::new(&"x".repeat(513)), None);
    }

    /// The same by trying every way.
    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|skip| naive(rest, &name[skip..])),
            Some((byte, rest)) => name.first() == Some(byte) && naive(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn a_glob_agrees_with_trying_every_way(pattern in "[ab*]{1,7}", name in "[ab]{0,9}") {
            let glob = Glob::new(&pattern).unwrap();
            prop_assert_eq!(glob.matches(&name), naive(pattern.as_bytes(), name.as_bytes()));
        }

        #[test]
        fn the_index_finds_every_pattern_that_matches(
            patterns in prop::collection::vec("[abA.*]{1,5}", 1..20),
            name in "[abA.é]{0,6}",
        ) {
            let globs: Vec<Glob> = patterns.iter().map(|text| Glob::new(text).unwrap()).collect();
            let (mut index, mut rest) = (Index::default(), Vec::new());
            for (number, glob) in (0_u32..).zip(&globs) {
                match glob.filed_under() {
                    Some(key) => index.file(key, number),
                    None => rest.push(number),
                }
            }
            let named = Named::new(&name);
            index.candidates(&named.lower, &mut rest);
            for (number, glob) in (0_u32..).zip(&globs) {
                if glob.matches(&name) || glob.matches_any_case(&named.lower) {
                    prop_assert!(rest.contains(&number), "{} {}", glob, name);
                }
            }
        }
    }
}
