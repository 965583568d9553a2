//! Tokens of an expression, each with its place.

use super::fault::{ExpressionProblem as Problem, Wrong};

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'s> {
    Name(&'s str),
    /// A whole number without its sign.
    Int(u64),
    Double(f64),
    Text(String),
    Symbol(&'static str),
    End,
}

impl Token<'_> {
    /// How it is called in a message.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Name(name) => format!("`{name}`"),
            Self::Int(_) | Self::Double(_) => "a number".to_owned(),
            Self::Text(_) => "a text".to_owned(),
            Self::Symbol(symbol) => format!("`{symbol}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Longer ones first. A single `=`, `&` or `|` is a token too, so that the parser can say what was meant.
const SYMBOLS: &[&str] = &[
    "==", "!=", "<=", ">=", "&&", "||", "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "<", ">", "!", "-",
    "+", "*", "/", "%", "=", "&", "|",
];

/// All tokens with their offsets; the last is [`Token::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<(usize, Token<'_>)>, Wrong> {
    let mut lexer = Lexer { source, rest: source };
    let mut tokens = Vec::with_capacity(source.len() / 4 + 2);
    loop {
        lexer.skip_space();
        let offset = lexer.offset();
        let token = lexer.token()?;
        let done = token == Token::End;
        tokens.push((offset, token));
        if done {
            return Ok(tokens);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    rest: &'s str,
}

impl<'s> Lexer<'s> {
    const fn offset(&self) -> usize {
        self.source.len() - self.rest.len()
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn eat(&mut self, prefix: &str) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The text from here on as far as `wanted` goes.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'s str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip_space(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}'));
            if !self.rest.starts_with("//") {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn token(&mut self) -> Result<Token<'s>, Wrong> {
        let start = self.offset();
        let Some(first) = self.peek() else { return Ok(Token::End) };
        match first {
            '0'..='9' => self.number(),
            '.' if self.rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit()) => self.number(),
            '"' | '\'' => self.text(false),
            'a'..='z' | 'A'..='Z' | '_' => {
                let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                match (name, self.peek()) {
                    ("r" | "R", Some('"' | '\'')) => self.text(true),
                    ("b" | "B" | "br" | "rb" | "bR" | "Rb" | "Br" | "rB" | "BR" | "RB", Some('"' | '\'')) => {
                        Err(Wrong::new(start, Problem::NotInConditions("bytes")))
                    }
                    _ => Ok(Token::Name(name)),
                }
            }
            other => match SYMBOLS.iter().find(|symbol| self.eat(symbol)) {
                Some(symbol) => Ok(Token::Symbol(symbol)),
                None => Err(Wrong::new(start, Problem::Character(other))),
            },
        }
    }

    fn number(&mut self) -> Result<Token<'s>, Wrong> {
        let start = self.offset();
        let from = self.rest;
        let wrong = |text: &str| Wrong::new(start, Problem::Number(text.chars().take(40).collect()));
        let token = if self.eat("0x") || self.eat("0X") {
            let digits = self.take_while(|c| c.is_ascii_hexdigit());
            u64::from_str_radix(digits, 16).map(Token::Int).map_err(|_| wrong(digits))?
        } else {
            self.take_while(|c| c.is_ascii_digit());
            let mut whole = true;
            if self.rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            {
                whole = false;
                self.next();
                self.take_while(|c| c.is_ascii_digit());
            }
            if self.eat("e") || self.eat("E") {
                whole = false;
                let _ = self.eat("-") || self.eat("+");
                self.take_while(|c| c.is_ascii_digit());
            }
            let text = from.get(..from.len() - self.rest.len()).unwrap_or_default();
            if whole {
                text.parse().map(Token::Int).map_err(|_| wrong(text))?
            } else {
                let double = text.parse::<f64>().ok().filter(|double| double.is_finite());
                Token::Double(double.ok_or_else(|| wrong(text))?)
            }
        };
        match self.peek() {
            Some('u' | 'U') => Err(Wrong::new(start, Problem::NotInConditions("unsigned numbers"))),
            Some(c) if c.is_ascii_alphanumeric() || c == '_' => {
                let more = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                Err(wrong(&format!("{}{more}", from.split(more).next().unwrap_or_default())))
            }
            Some(_) | None => Ok(token),
        }
    }

    fn text(&mut self, raw: bool) -> Result<Token<'s>, Wrong> {
        let start = self.offset();
        let unfinished = || Wrong::new(start, Problem::UnfinishedText);
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| self.eat(quote));
        let quote = quote.ok_or_else(unfinished)?;
        let mut text = String::new();
        loop {
            if self.eat(quote) {
                return Ok(Token::Text(text));
            }
            let at = self.offset();
            match self.next().ok_or_else(unfinished)? {
                '\n' | '\r' if quote.len() == 1 => return Err(unfinished()),
                '\\' if !raw => {
                    text.push(self.escape().ok_or_else(|| Wrong::new(at, Problem::Escape))?);
                }
                // A raw text keeps the backslash, and what follows it closes nothing.
                '\\' => {
                    text.push('\\');
                    text.push(self.next().ok_or_else(unfinished)?);
                }
                other => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            same @ ('\\' | '"' | '\'' | '`' | '?') => same,
            'x' | 'X' => self.code(2, 16)?,
            'u' => self.code(4, 16)?,
            'U' => self.code(8, 16)?,
            first @ '0'..='3' => {
                let rest = self.rest.get(..2)?;
                self.rest = self.rest.get(2..)?;
                octal(&format!("{first}{rest}"))?
            }
            _ => return None,
        })
    }

    fn code(&mut self, digits: usize, radix: u32) -> Option<char> {
        let text = self.rest.get(..digits).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.rest = self.rest.get(digits..)?;
        char::from_u32(u32::from_str_radix(text, radix).ok()?)
    }
}

fn octal(text: &str) -> Option<char> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| u32::from_str_radix(text, 8).ok().and_then(char::from_u32)).flatten()
}
