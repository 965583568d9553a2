//! Options: which of a program's arguments are flags, values of flags, and operands.

use super::Argument;

/// How a program reads its options.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `-rf` is `-r -f`; options may stand anywhere; long ones may be cut short.
    Mixed,
    /// As `Mixed`, but options end at the first operand: programs that run another.
    First,
    /// `-auto-approve` is one option.
    Words,
}

/// A program's arguments, sorted.
pub(super) struct Options<'a> {
    flags: Vec<(String, Option<&'a str>)>,
    pub(super) operands: Vec<&'a Argument>,
}

impl<'a> Options<'a> {
    /// Sorts arguments; `valued` are the options that take the next argument as their value.
    pub(super) fn new(arguments: &'a [Argument], valued: &[&str], style: Style) -> Self {
        let mut sorted = Self { flags: Vec::new(), operands: Vec::new() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let text = argument.text.as_str();
            if text == "--" {
                sorted.operands.extend(rest);
                break;
            }
            if !text.starts_with('-') || text == "-" {
                sorted.operands.push(argument);
                if style == Style::First {
                    sorted.operands.extend(rest);
                    break;
                }
                continue;
            }
            if text.starts_with("--") || style == Style::Words {
                if let Some((name, value)) = text.split_once('=') {
                    sorted.flags.push((name.to_owned(), Some(value)));
                } else {
                    let value = if valued.contains(&text) {
                        rest.next().map(|value| value.text.as_str())
                    } else {
                        None
                    };
                    sorted.flags.push((text.to_owned(), value));
                }
                continue;
            }
            sorted.cluster(text, valued, &mut rest);
        }
        sorted
    }

    /// `-rf`, `-nprod`, `-n prod`.
    fn cluster(&mut self, text: &'a str, valued: &[&str], rest: &mut core::slice::Iter<'a, Argument>) {
        let mut letters = text.chars();
        letters.next();
        while let Some(letter) = letters.next() {
            let name = format!("-{letter}");
            if valued.contains(&name.as_str()) {
                let glued = letters.as_str();
                let glued = glued.strip_prefix('=').unwrap_or(glued);
                let value =
                    if glued.is_empty() { rest.next().map(|value| value.text.as_str()) } else { Some(glued) };
                self.flags.push((name, value));
                return;
            }
            self.flags.push((name, None));
        }
    }

    /// Whether one of these was given; a long one also where it is cut short.
    pub(super) fn has(&self, wanted: &[&str]) -> bool {
        self.flags.iter().any(|(flag, value)| {
            let off = value.is_some_and(|value| matches!(value, "false" | "0"));
            !off && wanted.iter().any(|wanted| {
                flag == wanted
                    || (flag.len() > 3 && flag.starts_with("--") && wanted.starts_with(flag.as_str()))
            })
        })
    }

    /// Whether one of these was given in full: for what makes a command milder.
    pub(super) fn has_exactly(&self, wanted: &[&str]) -> bool {
        let off = |value: &Option<&str>| value.is_some_and(|value| matches!(value, "false" | "0" | "none"));
        self.flags.iter().any(|(flag, value)| wanted.contains(&flag.as_str()) && !off(value))
    }

    /// The values of these options.
    pub(super) fn values(&self, wanted: &[&str]) -> Vec<String> {
        let of = self.flags.iter().filter(|(flag, _)| wanted.contains(&flag.as_str()));
        of.filter_map(|(_, value)| value.map(str::to_owned)).collect()
    }

    /// The last value of these options.
    pub(super) fn value(&self, wanted: &[&str]) -> Option<String> {
        self.values(wanted).pop()
    }

    /// The first operand, and the rest.
    pub(super) fn verb(&self) -> (&'a str, Vec<&'a Argument>) {
        let verb = self.operands.first().map_or("", |operand| operand.text.as_str());
        (verb, self.operands.iter().skip(1).copied().collect())
    }

    /// The texts of the operands.
    pub(super) fn names(&self) -> Vec<String> {
        super::names(&self.operands)
    }
}
