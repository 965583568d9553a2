//! A page taken apart: its elements with their attributes, and its text, as a browser's parser finds them.

use crate::browser::unescaped;

/// An element's tag, as it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
}

/// A page taken apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Markup {
    pub(crate) tags: Vec<Tag>,
    text: String,
}

impl Markup {
    /// Takes a page apart. What no template of ours writes, such as an attribute without quotes round its value, fails.
    #[track_caller]
    pub(crate) fn of(html: &str) -> Self {
        let mut markup = Self::default();
        let mut rest = html;
        while let Some((text, tail)) = rest.split_once('<') {
            markup.text.push_str(text);
            if let Some(tail) = tail.strip_prefix("!doctype html>") {
                rest = tail;
                continue;
            }
            let end = tail.strip_prefix('/');
            let (tag, tail) = tag(end.unwrap_or(tail));
            if end.is_none() {
                markup.tags.push(tag);
            } else {
                assert!(tag.attributes.is_empty());
            }
            markup.text.push(' ');
            rest = tail;
        }
        markup.text.push_str(rest);
        markup
    }

    /// The text, each gap a single space.
    pub(crate) fn text(&self) -> String {
        unescaped(&self.text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

fn word(text: &str) -> (&str, &str) {
    let plain = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == ':');
    text.split_at(text.find(plain).unwrap_or(text.len()))
}

#[track_caller]
fn tag(text: &str) -> (Tag, &str) {
    let (name, mut rest) = word(text);
    assert!(!name.is_empty(), "a bare `<`: {}", text.chars().take(80).collect::<String>());
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(tail) = rest.strip_prefix('>') {
            return (Tag { name: name.to_owned(), attributes }, tail);
        }
        if let Some(tail) = rest.strip_prefix("/>") {
            return (Tag { name: name.to_owned(), attributes }, tail);
        }
        let (attribute, tail) = word(rest);
        assert!(!attribute.is_empty(), "in `<{name}`: {}", rest.chars().take(80).collect::<String>());
        rest = tail;
        let mut value = String::new();
        if let Some(tail) = rest.strip_prefix('=') {
            let tail = tail.strip_prefix('"').unwrap_or_else(|| panic!("`{attribute}` has no quote"));
            let (inside, tail) = tail.split_once('"').expect("a quote without an end");
            assert!(!inside.contains('<'), "`{attribute}` has a raw `<`: {inside}");
            (value, rest) = (unescaped(inside), tail);
        }
        attributes.push((attribute.to_owned(), value));
    }
}
