//! Words: quoting, parameters, substitutions and arithmetic.

use super::parse::{Fault, Parser, is_meta};
use super::quote;
use super::tree::{Change, Parameter, Piece, Word};

/// Where a word without quotes around it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// At a blank or an operator.
    Meta,
    /// At the `}` of `${…}`.
    Brace,
    /// At the `]` of a subscript.
    Bracket,
}

impl Parser<'_> {
    /// A word, which must be ahead.
    pub(super) fn word(&mut self) -> Result<Word, Fault> {
        *self.words = self.words.checked_sub(1).ok_or(Fault::TooMuch)?;
        let mut word = Word::default();
        self.plain(&mut word, Stop::Meta, false)?;
        if word.0.is_empty() {
            word.push("", false);
        }
        Ok(word)
    }

    /// Everything up to `stop`. Inside double quotes (`quoted`) single quotes are text.
    fn plain(&mut self, word: &mut Word, stop: Stop, quoted: bool) -> Result<(), Fault> {
        while let Some(c) = self.peek() {
            match c {
                _ if stop == Stop::Meta && self.at_process() => self.process(word)?,
                _ if stop == Stop::Meta && is_meta(c) => break,
                '}' if stop == Stop::Brace => break,
                ']' if stop == Stop::Bracket => break,
                '\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some('\n') => self.at += 1,
                        Some(next) => {
                            self.at += 1;
                            word.push(next.encode_utf8(&mut [0; 4]), true);
                        }
                        None => word.push("\\", true),
                    }
                }
                '\'' if !quoted => {
                    self.at += 1;
                    let text = self.until('\'')?;
                    word.push(&text, true);
                }
                '"' => {
                    self.at += 1;
                    word.push("", true);
                    let inner = self.double(Some('"'))?;
                    word.0.extend(inner.0);
                }
                '`' => self.backquoted(word, quoted)?,
                '$' => self.dollar(word, quoted)?,
                _ => {
                    self.at += 1;
                    word.push(c.encode_utf8(&mut [0; 4]), quoted);
                }
            }
        }
        Ok(())
    }

    /// The inside of double quotes up to `end`, or a here-document's body to the end of the text.
    pub(super) fn double(&mut self, end: Option<char>) -> Result<Word, Fault> {
        let mut word = Word::default();
        while let Some(c) = self.peek() {
            match c {
                _ if Some(c) == end => {
                    self.at += 1;
                    return Ok(word);
                }
                '\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some('\n') => self.at += 1,
                        Some(next) if matches!(next, '$' | '`' | '\\') || Some(next) == end => {
                            self.at += 1;
                            word.push(next.encode_utf8(&mut [0; 4]), true);
                        }
                        _ => word.push("\\", true),
                    }
                }
                '`' => self.backquoted(&mut word, true)?,
                '$' => self.dollar(&mut word, true)?,
                _ => {
                    self.at += 1;
                    word.push(c.encode_utf8(&mut [0; 4]), true);
                }
            }
        }
        if end.is_none() { Ok(word) } else { Err(Fault::Syntax) }
    }

    /// The text up to a quote, which is taken as well.
    fn until(&mut self, quote: char) -> Result<String, Fault> {
        let text: String = self.text.iter().skip(self.at).take_while(|c| **c != quote).collect();
        self.at += text.chars().count();
        if self.peek().is_none() {
            return Err(Fault::Syntax);
        }
        self.at += 1;
        Ok(text)
    }

    fn since(&self, from: usize) -> String {
        self.text.iter().skip(from).take(self.at.saturating_sub(from)).collect()
    }

    fn process(&mut self, word: &mut Word) -> Result<(), Fault> {
        let from = self.at;
        self.at += 2;
        let list = self.deeper(|parser| parser.list(true))?;
        if !self.take(")") {
            return Err(Fault::Syntax);
        }
        word.0.push(Piece::Process { list, source: self.since(from) });
        Ok(())
    }

    /// `` `…` ``: its text is unescaped once and read like a script of its own.
    fn backquoted(&mut self, word: &mut Word, quoted: bool) -> Result<(), Fault> {
        let from = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek().ok_or(Fault::Syntax)? {
                '`' => break,
                '\\' => {
                    self.at += 1;
                    let next = self.peek().ok_or(Fault::Syntax)?;
                    let escaped = matches!(next, '$' | '`' | '\\') || (quoted && next == '"');
                    if !escaped {
                        text.push('\\');
                    }
                    text.push(next);
                }
                c => text.push(c),
            }
            self.at += 1;
        }
        self.at += 1;
        let source = self.since(from);
        let list = self.within(&text, |parser| {
            let list = parser.list(true)?;
            if parser.peek().is_none() { Ok(list) } else { Err(Fault::Syntax) }
        })?;
        word.0.push(Piece::Substitution { list, source, quoted });
        Ok(())
    }

    fn dollar(&mut self, word: &mut Word, quoted: bool) -> Result<(), Fault> {
        let from = self.at;
        self.at += 1;
        while self.take("\\\n") {}
        match self.peek() {
            Some('\'') if !quoted => {
                self.at += 1;
                let text = self.ansi()?;
                word.push(&text, true);
            }
            Some('"') if !quoted => {
                self.at += 1;
                word.push("", true);
                let inner = self.double(Some('"'))?;
                word.0.extend(inner.0);
            }
            Some('(') => {
                if let Some(source) = self.arithmetic_ahead("((") {
                    self.at += source.chars().count() + 4;
                    let inner = self.within(&source, |parser| parser.double(None))?;
                    word.0.push(Piece::Arithmetic { word: inner, source: self.since(from) });
                    return Ok(());
                }
                self.at += 1;
                let list = self.deeper(|parser| parser.list(true))?;
                if !self.take(")") {
                    return Err(Fault::Syntax);
                }
                word.0.push(Piece::Substitution { list, source: self.since(from), quoted });
            }
            Some('[') => {
                self.at += 1;
                let mut inner = Word::default();
                self.deeper(|parser| parser.plain(&mut inner, Stop::Bracket, true))?;
                if !self.take("]") {
                    return Err(Fault::Syntax);
                }
                word.0.push(Piece::Arithmetic { word: inner, source: self.since(from) });
            }
            Some('{') => {
                self.at += 1;
                let parameter = self.deeper(|parser| parser.braced(from, quoted))?;
                word.0.push(Piece::Parameter(parameter));
            }
            Some(c)
                if c.is_ascii_alphanumeric()
                    || matches!(c, '_' | '@' | '*' | '#' | '?' | '-' | '$' | '!') =>
            {
                let name = self.name();
                word.0.push(Piece::Parameter(Parameter {
                    name,
                    source: self.since(from),
                    quoted,
                    change: Change::Nothing,
                    word: Word::default(),
                    subscript: Word::default(),
                }));
            }
            _ => word.push("$", quoted),
        }
        Ok(())
    }

    /// A parameter's name: an identifier, or one digit or sign.
    fn name(&mut self) -> String {
        let Some(first) = self.peek() else { return String::new() };
        self.at += 1;
        let mut name = String::from(first);
        if first.is_ascii_alphabetic() || first == '_' {
            while let Some(c) = self.peek().filter(|c| c.is_ascii_alphanumeric() || *c == '_') {
                name.push(c);
                self.at += 1;
            }
        }
        name
    }

    /// The inside of `${…}`, and its closing brace.
    fn braced(&mut self, from: usize, quoted: bool) -> Result<Parameter, Fault> {
        let mut change = Change::Nothing;
        // `${#X}` is a length and `${!X}` what another name holds; `${#}` and `${!}` are parameters.
        if matches!(self.peek(), Some('#' | '!')) && self.peek_after(1) != Some('}') {
            change = Change::Other;
            self.at += 1;
        }
        let name = match self.peek() {
            Some(c) if c.is_ascii_digit() => {
                let digits =
                    self.text.iter().skip(self.at).take_while(|c| c.is_ascii_digit()).collect::<String>();
                self.at += digits.len();
                digits
            }
            Some(c)
                if c.is_ascii_alphabetic() || matches!(c, '_' | '@' | '*' | '#' | '?' | '-' | '$' | '!') =>
            {
                self.name()
            }
            _ => String::new(),
        };
        let mut subscript = Word::default();
        if self.take("[") {
            change = Change::Other;
            self.plain(&mut subscript, Stop::Bracket, quoted)?;
            if !self.take("]") {
                return Err(Fault::Syntax);
            }
        }
        if self.peek() != Some('}') {
            let changes = [
                (":-", Change::Default),
                ("-", Change::Default),
                (":=", Change::Assign),
                ("=", Change::Assign),
                (":+", Change::Alternative),
                ("+", Change::Alternative),
                (":?", Change::Other),
                ("?", Change::Other),
            ];
            let found = changes.into_iter().find(|(sign, _)| self.take(sign));
            if change == Change::Nothing {
                change = found.map_or(Change::Other, |(_, change)| change);
            }
        }
        let mut word = Word::default();
        self.plain(&mut word, Stop::Brace, quoted)?;
        if !self.take("}") {
            return Err(Fault::Syntax);
        }
        Ok(Parameter { name, source: self.since(from), quoted, change, word, subscript })
    }

    /// The inside of `$'…'`, its escapes decoded.
    fn ansi(&mut self) -> Result<String, Fault> {
        let mut raw = String::new();
        loop {
            let c = self.peek().ok_or(Fault::Syntax)?;
            self.at += 1;
            match c {
                '\'' => {
                    let (text, spelled) = quote::decode(&raw);
                    if spelled {
                        self.spelled.push(raw);
                    }
                    return Ok(text);
                }
                '\\' => {
                    raw.push(c);
                    raw.push(self.peek().ok_or(Fault::Syntax)?);
                    self.at += 1;
                }
                _ => raw.push(c),
            }
        }
    }

    /// The inside of `((…))`, if the brackets that are ahead close as a pair.
    pub(super) fn arithmetic_ahead(&self, open: &str) -> Option<String> {
        if !self.looking_at(open) {
            return None;
        }
        let mut depth = 0_usize;
        let mut source = String::new();
        let mut rest = self.text.iter().skip(self.at + 2).copied().peekable();
        while let Some(c) = rest.next() {
            match c {
                '(' => depth += 1,
                ')' if depth == 0 => return (rest.peek() == Some(&')')).then_some(source),
                ')' => depth -= 1,
                '\\' => {
                    source.push(c);
                    source.push(rest.next()?);
                    continue;
                }
                '\'' | '"' => {
                    source.push(c);
                    loop {
                        let inner = rest.next()?;
                        source.push(inner);
                        if inner == c {
                            break;
                        }
                    }
                    continue;
                }
                _ => {}
            }
            source.push(c);
        }
        None
    }
}
