//! The shell reader: what a command line for a POSIX shell or bash does.
//!
//! The parser is our own: brush-parser, the only maintained crate, brings some sixty others, a snapshot tester among
//! them, and recurses without bound. Ours reads both dialects as one language, follows quoting, expansions, pipes and
//! assignments as far as they can be followed without running anything, and hands each program with its arguments to
//! what is known about that program. A command that may run counts as one that does: both branches, every loop's
//! body, a function when it is defined.
//!
//! ```
//! use countersign::classify::shell;
//!
//! let reading = shell::read(r#"X='r''m'; bash -c "$X -rf /srv""#);
//! assert_eq!(reading.acts[0].to_string(), "delete: rm -rf on /srv, everything, for good");
//! ```

mod brace;
mod compound;
mod expand;
mod parse;
mod quote;
mod redirect;
mod rough;
mod stream;
mod tree;
mod walk;
mod word;

pub(super) use {stream::Stream, tree::RedirectKind, walk::Session};

use super::command::Argument;
use super::disguise::undisguise;
use super::{Language, Reading, Why};
use tree::Command;

/// The longest text that is read, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// The most levels of nesting: of brackets, substitutions, and texts inside texts.
pub const MAX_DEPTH: usize = 32;
/// The most words, before and after expansion.
pub const MAX_WORDS: usize = 4_000;
/// The longest value of a variable that is followed, in bytes.
const MAX_VALUE: usize = 4 * 1024;

/// Reads a command line or a script.
#[must_use]
pub fn read(text: &str) -> Reading {
    let mut session = Session::new(Language::Shell);
    session.text(text, &Stream::default());
    session.finish()
}

/// Reads a program and its arguments, run without a shell: nothing in them is expanded.
#[must_use]
pub fn read_argv(words: &[&str]) -> Reading {
    let mut session = Session::new(Language::Argv);
    let bytes = words.iter().map(|word| word.len()).sum::<usize>();
    if bytes > MAX_BYTES || words.len() > MAX_WORDS {
        session.doubt(Why::TooMuch, words.first().copied().unwrap_or_default());
        return session.finish();
    }
    let mut known = Vec::with_capacity(words.len());
    for word in words {
        let plain = undisguise(word);
        if let Some(marks) = plain.marks {
            session.doubt(Why::Disguised, &marks);
        }
        known.push(Argument::new(&plain.text));
    }
    let words = known;
    if words.is_empty() {
        session.doubt(Why::Missing, "program");
    } else {
        session.run(&words, &Stream::default());
    }
    session.finish()
}

/// The words of a text that is one simple command, when all of them are known.
#[must_use]
pub fn words(text: &str) -> Option<Vec<String>> {
    let mut session = Session::new(Language::Shell);
    let parsed = parse::parse(text, MAX_DEPTH, &mut session.words);
    let ([chain], None) = (parsed.list.as_slice(), parsed.fault) else { return None };
    let [pipeline] = chain.pipelines.as_slice() else { return None };
    let [stage] = pipeline.as_slice() else { return None };
    let Command::Simple { words, .. } = &stage.command else { return None };
    let words = words.iter().flat_map(|word| session.expand(word, &parsed.documents));
    words.map(|word| (word.sure && !word.pattern).then_some(word.text)).collect()
}
