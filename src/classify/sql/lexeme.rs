//! Lexemes: the words, names and marks of a statement, as one database or another cuts the text into them.

use sqlparser::dialect::{Dialect, MySqlDialect};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Word};

/// A lexeme, as far as what a statement does depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lexeme<'a> {
    /// A word that is not quoted: a keyword or a name.
    Word(&'a str),
    /// A name in quotes or brackets.
    Quoted(&'a str),
    /// A text.
    Text(&'a str),
    /// A number.
    Number(&'a str),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `.`
    Period,
    /// `=`
    Equals,
    /// `;`
    Semicolon,
    /// An operator or anything else.
    Mark,
}

/// Cuts a text into tokens without spaces and comments; `None` if the dialect cannot.
#[expect(clippy::wildcard_enum_match_arm, reason = "only two operators mean something else in MySQL")]
pub(super) fn tokens(dialect: &dyn Dialect, text: &str) -> Option<Vec<TokenWithSpan>> {
    let mut tokens = Tokenizer::new(dialect, text).tokenize_with_location().ok()?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    if dialect.is::<MySqlDialect>() {
        for TokenWithSpan { token, .. } in &mut tokens {
            match token {
                Token::StringConcat => *token = keyword("OR", Keyword::OR),
                Token::Overlap => *token = keyword("AND", Keyword::AND),
                _ => {}
            }
        }
    }
    Some(tokens)
}

fn keyword(text: &str, keyword: Keyword) -> Token {
    Token::Word(Word { value: text.to_owned(), quote_style: None, keyword })
}

/// What a token is here.
#[expect(clippy::wildcard_enum_match_arm, reason = "operators are all the same here")]
pub(super) fn lexeme(token: &TokenWithSpan) -> Lexeme<'_> {
    match &token.token {
        Token::Word(Word { value, quote_style: None, .. }) => Lexeme::Word(value),
        Token::Word(Word { value, quote_style: Some(_), .. }) => Lexeme::Quoted(value),
        Token::Number(digits, _) => Lexeme::Number(digits),
        Token::LParen => Lexeme::Open,
        Token::RParen => Lexeme::Close,
        Token::Comma => Lexeme::Comma,
        Token::Period => Lexeme::Period,
        Token::Eq => Lexeme::Equals,
        Token::SemiColon => Lexeme::Semicolon,
        Token::DollarQuotedString(text) => Lexeme::Text(&text.value),
        Token::SingleQuotedString(text)
        | Token::DoubleQuotedString(text)
        | Token::TripleSingleQuotedString(text)
        | Token::TripleDoubleQuotedString(text)
        | Token::SingleQuotedByteStringLiteral(text)
        | Token::DoubleQuotedByteStringLiteral(text)
        | Token::SingleQuotedRawStringLiteral(text)
        | Token::DoubleQuotedRawStringLiteral(text)
        | Token::NationalStringLiteral(text)
        | Token::EscapedStringLiteral(text)
        | Token::UnicodeStringLiteral(text)
        | Token::HexStringLiteral(text) => Lexeme::Text(text),
        _ => Lexeme::Mark,
    }
}

impl<'a> Lexeme<'a> {
    /// Whether this is the keyword `word`, in any case.
    pub(super) fn is(self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text.eq_ignore_ascii_case(word))
    }

    /// Whether this is one of several keywords.
    pub(super) fn is_any(self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// The name that this can be a part of.
    pub(super) const fn name(self) -> Option<&'a str> {
        match self {
            Self::Word(text) | Self::Quoted(text) => Some(text),
            Self::Text(_)
            | Self::Number(_)
            | Self::Open
            | Self::Close
            | Self::Comma
            | Self::Period
            | Self::Equals
            | Self::Semicolon
            | Self::Mark => None,
        }
    }
}

/// The name at the start of `lexemes`, with its schema, and how many lexemes it takes.
pub(super) fn name(lexemes: &[Lexeme<'_>]) -> Option<(String, usize)> {
    let mut text = lexemes.first()?.name()?.to_owned();
    let mut taken = 1;
    while let (Some(Lexeme::Period), Some(after)) = (lexemes.get(taken), lexemes.get(taken + 1)) {
        text.push('.');
        // `database..table` leaves the schema out.
        if *after == Lexeme::Period {
            taken += 1;
            continue;
        }
        let Some(part) = after.name() else { break };
        text.push_str(part);
        taken += 2;
    }
    Some((text, taken))
}

/// Tokens written one after the other, for a doubt about them.
pub(super) fn written(tokens: &[TokenWithSpan]) -> String {
    let mut text = String::new();
    for token in tokens.iter().take(crate::classify::Doubt::SHOWN) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&token.token.to_string());
    }
    text
}

/// Whether two texts were cut in the same way.
pub(super) fn alike(one: &[TokenWithSpan], other: &[TokenWithSpan]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.token == b.token)
}
