//! What flows through a pipe, as far as it can be told without running anything.

use super::quote;
use crate::classify::command::Argument;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What a command gets on its standard input, or gives on its standard output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::classify) struct Stream {
    /// Whether anything is there at all; a terminal is nothing.
    pub(in crate::classify) given: bool,
    /// The text, where it is known.
    pub(in crate::classify) text: Option<String>,
    /// Whether it went through a program that decodes.
    pub(in crate::classify) encoded: bool,
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Programs whose output is their input in another form.
const DECODERS: &[&str] = &[
    "base32", "base64", "basenc", "bunzip2", "bzip2", "dd", "gpg", "gunzip", "gzip", "openssl", "rev", "sed",
    "tac", "tr", "unxz", "uudecode", "xxd", "xz", "zcat", "zstd",
];

impl Stream {
    /// A text that is known.
    pub(in crate::classify) const fn known(text: String) -> Self {
        Self { given: true, text: Some(text), encoded: false }
    }

    /// Something that is not known.
    pub(in crate::classify) const fn unknown() -> Self {
        Self { given: true, text: None, encoded: false }
    }

    /// What a program writes when it is given this.
    pub(in crate::classify) fn through(&self, name: &str, arguments: &[Argument]) -> Self {
        let sure = arguments.iter().all(|argument| argument.sure && !argument.pattern);
        let (text, spelled) = if sure { self.output(name, arguments) } else { (None, false) };
        Self { given: true, text, encoded: self.encoded || spelled || DECODERS.contains(&name) }
    }

    /// What is written, if it is known; and whether escapes spelled what could have been written as itself.
    fn output(&self, name: &str, arguments: &[Argument]) -> (Option<String>, bool) {
        let words: Vec<&str> = arguments.iter().map(|argument| argument.text.as_str()).collect();
        match (name, words.as_slice()) {
            ("echo", words) => echo(words),
            ("printf", [format, rest @ ..]) => printf(format, rest),
            (_, words) => (self.filtered(name, words), false),
        }
    }

    /// What a program makes of its input.
    fn filtered(&self, name: &str, words: &[&str]) -> Option<String> {
        let input = self.text.as_deref();
        match (name, words) {
            ("cat", [] | ["-"]) | ("tee", _) => input.map(str::to_owned),
            ("base64", words) if words.iter().any(|w| matches!(*w, "-d" | "-D" | "--decode" | "-di")) => {
                let source: String = input?.chars().filter(|c| !c.is_whitespace()).collect();
                String::from_utf8(LENIENT.decode(source).ok()?).ok()
            }
            ("xxd", words) if words.concat().contains('r') && words.concat().contains('p') => unhex(input?),
            ("rev", []) => {
                let lines = input?.lines().map(|line| line.chars().rev().collect::<String>() + "\n");
                Some(lines.collect())
            }
            _ => None,
        }
    }
}

/// A backslash is an escape in one shell and text in another: then nothing is known.
fn echo(words: &[&str]) -> (Option<String>, bool) {
    let options = |word: &&&str| matches!(**word, "-n" | "-e" | "-ne" | "-en" | "-E");
    let set = words.iter().take_while(options).count();
    let escapes = words.iter().take(set).any(|word| word.contains('e'));
    let rest: Vec<&str> = words.iter().skip(set).copied().collect();
    let text = rest.join(" ");
    if escapes {
        let (text, spelled) = quote::decode(&text);
        return (Some(text), spelled);
    }
    (Some(text).filter(|text| !text.contains('\\')), false)
}

/// `%s`, `%b` and `%%`; any other directive is not worked out. The format is used again while words are left.
fn printf(format: &str, words: &[&str]) -> (Option<String>, bool) {
    let (format, mut spelled) = quote::decode(format);
    let mut out = String::new();
    let mut words = words.iter();
    loop {
        let before = words.len();
        let mut rest = format.chars();
        while let Some(c) = rest.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match rest.next() {
                Some('%') => out.push('%'),
                Some('s') => out.push_str(words.next().copied().unwrap_or_default()),
                Some('b') => {
                    let (text, escaped) = quote::decode(words.next().copied().unwrap_or_default());
                    spelled |= escaped;
                    out.push_str(&text);
                }
                _ => return (None, spelled),
            }
        }
        if out.len() > super::MAX_VALUE {
            return (None, spelled);
        }
        if words.len() == 0 || words.len() == before {
            return (Some(out), spelled);
        }
    }
}

fn unhex(text: &str) -> Option<String> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let pairs = digits.chunks_exact(2).map(|pair| {
        let value = pair.iter().try_fold(0, |value, c| Some(value * 16 + c.to_digit(16)?));
        value.and_then(|value| u8::try_from(value).ok())
    });
    String::from_utf8(pairs.collect::<Option<Vec<u8>>>()?).ok()
}
