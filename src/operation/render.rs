//! What a reviewer is shown of an operation: one deterministic text, whole, with nothing hidden in it (TOKEN §5).
//!
//! Every character that could hide, reorder or imitate others is written as its code point, `⟨U+202E⟩`, and the
//! character `⟨` itself too, so that nothing in an operation can look like such a mark. Every line of a text of
//! several lines begins with `│`, so that no text can look like a line of ours. Nothing is left out: a character
//! that is repeated is counted, `⟨U+0020 ×400⟩`.
//!
//! ```
//! use countersign::operation::{Operation, render::render};
//!
//! let operation = Operation::from_json("shell.run", "build-7", br#"{"argv": ["rm", "-rf", "a\u202eb"]}"#)?;
//! let rendering = render(&operation, None)?;
//! assert!(rendering.text.contains("- \"a⟨U+202E⟩b\"\n"));
//! assert_eq!(rendering.hazards[0].to_string(), "U+202E: changes the direction in which text is shown");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod characters;
mod difference;
mod visible;

pub use difference::{Line, difference};

use super::Operation;
use super::json::Value;
use crate::digest::{OperationDigest, PayloadDigest, RenderingDigest, sha256};
use core::fmt::{self, Write as _};
use visible::Visible;

/// The largest payload that is rendered: what nobody can review need not be shown.
pub const MAX_PAYLOAD: usize = 1024 * 1024;

/// What keeps a rendering's digest apart from every other SHA-256.
const LABEL: &[u8] = b"countersign/render/v1\n";

/// What a reviewer is shown, and its digest, which becomes part of the vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendering {
    /// The text: printable characters and line feeds, each line complete.
    pub text: String,
    /// The digest of the text.
    pub digest: RenderingDigest,
    /// What had to be made visible, each character once, by kind and code point.
    pub hazards: Vec<Hazard>,
}

/// A character that was made visible, and how often it was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hazard {
    /// What the character does.
    pub kind: HazardKind,
    /// The character.
    pub character: char,
    /// How often it was made visible.
    pub count: usize,
}

/// What a character does to a text that is shown as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HazardKind {
    /// It controls the terminal: an escape, a backspace, a carriage return.
    Control,
    /// It changes the direction in which what follows is shown.
    Bidirectional,
    /// Its letters run from right to left between others that don't.
    RightToLeft,
    /// It is not to be seen.
    Invisible,
    /// It looks like a space, or like nothing.
    Space,
    /// It looks like another character.
    Confusable,
    /// It changes how the character before it looks.
    Combining,
    /// What it looks like depends on the font.
    PrivateUse,
    /// It is repeated so often that it pushes out of sight what follows.
    Padding,
}

impl HazardKind {
    /// The stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Bidirectional => "bidirectional",
            Self::RightToLeft => "right_to_left",
            Self::Invisible => "invisible",
            Self::Space => "space",
            Self::Confusable => "confusable",
            Self::Combining => "combining",
            Self::PrivateUse => "private_use",
            Self::Padding => "padding",
        }
    }
}

impl fmt::Display for HazardKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "controls the terminal",
            Self::Bidirectional => "changes the direction in which text is shown",
            Self::RightToLeft => "runs from right to left between text that does not",
            Self::Invisible => "is invisible",
            Self::Space => "looks like a space or like nothing",
            Self::Confusable => "looks like another character",
            Self::Combining => "changes how the character before it looks",
            Self::PrivateUse => "looks different in each font",
            Self::Padding => "is repeated to push what follows out of sight",
        })
    }
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "U+{:04X}", u32::from(self.character))?;
        if self.count > 1 {
            write!(f, " ×{}", self.count)?;
        }
        write!(f, ": {}", self.kind)
    }
}

/// The characters of `text` that would have to be made visible, each once, for whoever reads a text that is not shown.
#[cfg(feature = "engine")]
pub(crate) fn hazards(text: &str) -> Vec<Hazard> {
    let mut visible = Visible::default();
    let mut shown = String::new();
    for line in text.lines().filter(|line| !line.is_ascii() || line.contains(|c: char| c.is_ascii_control()))
    {
        shown.clear();
        visible.line(line, &mut shown);
    }
    visible.hazards()
}

/// A text that is shown beside an operation, a name or a reason, with everything in it visible as in a rendering; a line
/// feed too, so that it stays one line.
///
/// ```
/// use countersign::operation::render::{visible, visible_lines};
///
/// assert_eq!(visible("prod\u{202e}\n"), "prod⟨U+202E⟩⟨U+000A⟩");
/// assert_eq!(visible_lines("a\u{200b}\nb\n"), "a⟨U+200B⟩\nb\n");
/// ```
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    Visible::default().line(text, &mut shown);
    shown
}

/// The same for a text of several lines: what ends a line stays.
#[must_use]
pub fn visible_lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut visible = Visible::default();
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        visible.line(line, &mut shown);
        shown.push_str(end);
    }
    shown
}

/// Why an operation cannot be shown whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RenderError {
    /// The operation is in raw mode, and its payload is not here.
    PayloadMissing,
    /// The operation has parameters; a payload is no part of it.
    PayloadUnexpected,
    /// The payload is not the one that the operation names.
    PayloadMismatch,
    /// The payload is larger than [`MAX_PAYLOAD`].
    PayloadTooLarge,
}

impl RenderError {
    /// The stable name of this error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PayloadMissing => "render.payload_missing",
            Self::PayloadUnexpected => "render.payload_unexpected",
            Self::PayloadMismatch => "render.payload_mismatch",
            Self::PayloadTooLarge => "render.payload_too_large",
        }
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PayloadMissing => f.write_str("the payload that the operation names was not given"),
            Self::PayloadUnexpected => {
                f.write_str("a payload was given for an operation that has parameters")
            }
            Self::PayloadMismatch => f.write_str("the payload is not the one that the operation names"),
            Self::PayloadTooLarge => {
                write!(f, "a payload of more than {MAX_PAYLOAD} bytes cannot be reviewed")
            }
        }
    }
}

impl std::error::Error for RenderError {}

/// Shows a masked operation whose true one has this digest: secret values are marked, `⟨secret, 7 characters⟩`, as
/// nothing else can be, because in every other text `⟨` is written as its code point.
///
/// # Errors
/// [`RenderError`]: it is an operation with a payload, of which nothing is masked.
#[cfg(feature = "engine")]
pub fn render_masked(operation: &Operation, digest: OperationDigest) -> Result<Rendering, RenderError> {
    page(operation, digest, None, Page { masked: true, ..Page::default() })
}

/// Shows an operation; in raw mode with its `payload`, which must be the bytes that the operation names.
///
/// # Errors
/// [`RenderError`]: the payload is missing, not the right one, not wanted, or too large.
pub fn render(operation: &Operation, payload: Option<&[u8]>) -> Result<Rendering, RenderError> {
    page(operation, operation.digest(), payload, Page::default())
}

fn page(
    operation: &Operation,
    digest: OperationDigest,
    payload: Option<&[u8]>,
    mut page: Page,
) -> Result<Rendering, RenderError> {
    page.pair("action", operation.action());
    page.pair("resource", operation.resource());
    page.pair("digest", &digest.to_string());
    match (operation.payload_digest(), payload) {
        (None, None) => {
            // In JSON mode there always are some.
            let parameters = operation.parameters().unwrap_or(Value::Null);
            page.out.push_str("parameters:");
            page.value(&parameters, 1);
        }
        (Some(named), Some(payload)) => page.payload(named, payload)?,
        (Some(_), None) => return Err(RenderError::PayloadMissing),
        (None, Some(_)) => return Err(RenderError::PayloadUnexpected),
    }
    let hazards = page.visible.hazards();
    let text = match hazards.iter().map(|hazard| hazard.count).sum::<usize>() {
        0 => page.out,
        1 => format!("attention: 1 character that misleads the eye is written as ⟨U+…⟩\n{}", page.out),
        n => format!("attention: {n} characters that mislead the eye are written as ⟨U+…⟩\n{}", page.out),
    };
    let digest = RenderingDigest::from_bytes(sha256(&[LABEL, text.as_bytes()]));
    Ok(Rendering { text, digest, hazards })
}

#[derive(Default)]
struct Page {
    out: String,
    visible: Visible,
    /// Marks of secret values are shown as such.
    #[cfg(feature = "engine")]
    masked: bool,
}

impl Page {
    fn pair(&mut self, name: &str, text: &str) {
        self.out.push_str(name);
        self.out.push_str(": ");
        self.visible.line(text, &mut self.out);
        self.out.push('\n');
    }

    fn indent(&mut self, depth: usize) {
        self.out.extend(core::iter::repeat_n("  ", depth));
    }

    /// Writes a value after its name and colon, or after a dash, to the end of its last line. What it consists of
    /// goes on lines of its own, `depth` steps to the right.
    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Null => self.out.push_str(" null\n"),
            Value::Bool(truth) => self.out.push_str(if *truth { " true\n" } else { " false\n" }),
            Value::Number(number) => {
                self.out.push(' ');
                self.out.push_str(number.as_str());
                self.out.push('\n');
            }
            #[cfg(feature = "engine")]
            Value::String(text) if self.masked && super::mask::is_mark(text) => {
                self.out.push(' ');
                self.out.push_str(text);
                self.out.push('\n');
            }
            Value::String(text) if text.contains('\n') => self.block(text, depth),
            Value::String(text) => {
                // Not escaped further: the string is what is between the first quote and the last on the line.
                self.out.push_str(" \"");
                self.visible.line(text, &mut self.out);
                self.out.push_str("\"\n");
            }
            Value::Array(elements) if elements.is_empty() => self.out.push_str(" []\n"),
            Value::Object(object) if object.is_empty() => self.out.push_str(" {}\n"),
            Value::Array(elements) => {
                self.out.push('\n');
                for element in elements {
                    self.indent(depth);
                    self.out.push('-');
                    self.value(element, depth + 1);
                }
            }
            Value::Object(object) => {
                self.out.push('\n');
                for (name, member) in object.iter() {
                    self.indent(depth);
                    self.name(name);
                    self.out.push(':');
                    self.value(member, depth + 1);
                }
            }
        }
    }

    fn name(&mut self, name: &str) {
        let starts_plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if starts_plain && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        {
            self.out.push_str(name);
        } else {
            // A quote in a name would leave open where it ends.
            self.out.push('"');
            self.visible.quoted_line(name, &mut self.out);
            self.out.push('"');
        }
    }

    /// Writes a text of several lines, each behind a bar.
    fn block(&mut self, text: &str, depth: usize) {
        let lines = text.split('\n').count();
        // Cannot fail: writing to a string.
        let _ = writeln!(self.out, " text of {lines} lines");
        let mut empty = 0;
        for line in text.split('\n').map(Some).chain([None]) {
            if line == Some("") {
                empty += 1;
                continue;
            }
            self.empty_lines(empty, depth);
            empty = 0;
            if let Some(line) = line {
                self.indent(depth);
                self.out.push_str("│ ");
                self.visible.line(line, &mut self.out);
                self.out.push('\n');
            }
        }
    }

    fn empty_lines(&mut self, count: usize, depth: usize) {
        if count > visible::MOST_EMPTY_LINES {
            self.indent(depth);
            self.out.push_str("│ ");
            self.visible.padding('\n', count, &mut self.out);
            self.out.push('\n');
        } else {
            for _ in 0..count {
                self.indent(depth);
                self.out.push_str("│\n");
            }
        }
    }

    fn payload(&mut self, named: PayloadDigest, payload: &[u8]) -> Result<(), RenderError> {
        if payload.len() > MAX_PAYLOAD {
            return Err(RenderError::PayloadTooLarge);
        }
        if PayloadDigest::from_bytes(sha256(&[payload])) != named {
            return Err(RenderError::PayloadMismatch);
        }
        self.pair("payload sha256", &named.to_string());
        let _ = write!(self.out, "payload: {} bytes,", payload.len());
        match core::str::from_utf8(payload) {
            Ok("") => self.out.push_str(" empty\n"),
            Ok(text) => self.block(text, 1),
            Err(_) => self.dump(payload),
        }
        Ok(())
    }

    /// Writes bytes that are no text: sixteen to a line, in hexadecimal and as far as they are ASCII.
    fn dump(&mut self, bytes: &[u8]) {
        self.out.push_str(" not text\n");
        for (line, bytes) in bytes.chunks(16).enumerate() {
            let _ = write!(self.out, "  {:08x} ", line * 16);
            for place in 0..16 {
                let _ = match bytes.get(place) {
                    Some(byte) => write!(self.out, " {byte:02x}"),
                    None => write!(self.out, "   "),
                };
            }
            self.out.push_str("  │");
            self.out.extend(
                bytes.iter().map(|&b| if b == b' ' || b.is_ascii_graphic() { char::from(b) } else { '.' }),
            );
            self.out.push_str("│\n");
        }
    }
}
