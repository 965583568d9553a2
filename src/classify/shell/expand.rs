//! Expansion: from a word as it is written to the words that a program is given.

use super::brace::{self, Unit};
use super::stream::Stream;
use super::tree::{Change, Parameter, Piece, Word};
use super::walk::Session;
use crate::classify::Why;
use crate::classify::command::Argument;

impl Session {
    /// The words that a word becomes; its substitutions run.
    pub(super) fn expand(&mut self, word: &Word, documents: &[Word]) -> Vec<Argument> {
        let units = self.units(word, documents);
        let Some(words) = brace::expand(units.clone()) else {
            let whole = join(&units);
            self.doubt(Why::TooMuch, &whole.text);
            return vec![Argument { sure: false, ..whole }];
        };
        let fields: Vec<Argument> = words.iter().flat_map(|units| fields(units)).collect();
        match self.words.checked_sub(fields.len()) {
            Some(left) => {
                self.words = left;
                fields
            }
            None => {
                self.words = 0;
                self.doubt(Why::TooMuch, &join(&units).text);
                Vec::new()
            }
        }
    }

    /// The one word that a word becomes where nothing is split: a value, a redirection's target.
    pub(super) fn expand_whole(&mut self, word: &Word, documents: &[Word]) -> Argument {
        join(&self.units(word, documents))
    }

    fn units(&mut self, word: &Word, documents: &[Word]) -> Vec<Unit> {
        let mut units = Vec::new();
        for piece in &word.0 {
            match piece {
                Piece::Text { text, quoted: false } => units.extend(text.chars().map(Unit::Plain)),
                Piece::Text { text, quoted: true } => {
                    units.push(Unit::Mark);
                    units.extend(text.chars().map(Unit::Quoted));
                }
                Piece::Parameter(parameter) => self.parameter(parameter, documents, &mut units),
                Piece::Substitution { list, source, quoted } => {
                    let output = self.inside(list, documents, &Stream::default());
                    if output.encoded && output.text.is_some() {
                        self.doubt(Why::Encoded, source);
                    }
                    match output.text {
                        Some(text) => push(&mut units, text.trim_end_matches('\n'), *quoted),
                        None => units.push(Unit::Unknown { source: source.clone(), known: String::new() }),
                    }
                }
                Piece::Process { list, source } => {
                    let input = if source.starts_with('>') { Stream::unknown() } else { Stream::default() };
                    self.inside(list, documents, &input);
                    units.extend(source.chars().map(Unit::Quoted));
                }
                Piece::Arithmetic { word, source } => {
                    self.units(word, documents);
                    units.push(Unit::Unknown { source: source.clone(), known: String::new() });
                }
            }
        }
        units
    }

    fn parameter(&mut self, parameter: &Parameter, documents: &[Word], units: &mut Vec<Unit>) {
        let Parameter { name, source, quoted, change, word, subscript } = parameter;
        self.units(subscript, documents);
        let other = self.expand_whole(word, documents);
        let value = self.value(name);
        let known = match change {
            Change::Nothing => value,
            Change::Default => value.filter(|value| !value.is_empty()),
            Change::Assign => {
                self.forget([name.as_str()]);
                None
            }
            Change::Alternative | Change::Other => None,
        };
        if *quoted {
            units.push(Unit::Mark);
        }
        // Whatever part of the separators is taken, it separates.
        if name == "IFS" && *change == Change::Other && !quoted {
            self.doubt(Why::Dynamic, source);
            return units.push(Unit::Value(' '));
        }
        match known {
            Some(value) if *quoted || self.splits_at_blanks() => push(units, &value, *quoted),
            _ => {
                let known = if *change == Change::Other { String::new() } else { other.known };
                units.push(Unit::Unknown { source: source.clone(), known });
            }
        }
    }
}

fn push(units: &mut Vec<Unit>, text: &str, quoted: bool) {
    units.extend(text.chars().map(|c| if quoted { Unit::Quoted(c) } else { Unit::Value(c) }));
}

/// A word under construction.
#[derive(Default)]
struct Field {
    argument: Argument,
    there: bool,
    /// Whether there was a `[`.
    open: bool,
}

impl Field {
    fn add(&mut self, unit: &Unit) {
        let argument = &mut self.argument;
        match unit {
            Unit::Mark => {}
            Unit::Unknown { source, known } => {
                argument.sure = false;
                argument.text.push_str(source);
                argument.known.push_str(known);
            }
            Unit::Plain(c) | Unit::Quoted(c) | Unit::Value(c) => {
                let plain = !matches!(unit, Unit::Quoted(_));
                argument.pattern |= plain && (matches!(c, '*' | '?') || (*c == ']' && self.open));
                self.open |= plain && *c == '[';
                argument.text.push(*c);
                argument.known.push(*c);
            }
        }
        self.there = true;
    }
}

fn join(units: &[Unit]) -> Argument {
    let mut field = Field::default();
    for unit in units {
        field.add(unit);
    }
    field.argument
}

fn fields(units: &[Unit]) -> Vec<Argument> {
    let mut fields = Vec::new();
    let mut field = Field::default();
    for unit in units {
        if matches!(unit, Unit::Value(' ' | '\t' | '\n')) {
            if field.there {
                fields.push(std::mem::take(&mut field).argument);
            }
        } else {
            field.add(unit);
        }
    }
    if field.there {
        fields.push(field.argument);
    }
    fields
}
