//! SQL: what statements really do, whichever database they are for.
//!
//! No dialect is asked for, so a text is read as the common databases would each read it. Where they cut it into
//! different words (a backslash before a quote, nested comments, `#`, `||`) what any of them would do counts. What
//! cannot be parsed is a doubt, and is taken for the worst of its keywords.

mod bounds;
mod extent;
mod head;
mod lexeme;
mod object;
mod statement;
mod sweep;
mod text;
mod truth;
mod worst;

use super::disguise::undisguise;
use super::{Act, Extent, Kind, Language, Reading, Why};
pub(super) use text::{begins, begins_like_prose};

use bounds::bounded;
use lexeme::{Lexeme, lexeme};
use sqlparser::ast::Statement;
use sqlparser::dialect::{
    BigQueryDialect, ClickHouseDialect, Dialect, DuckDbDialect, GenericDialect, MsSqlDialect, MySqlDialect,
    OracleDialect, PostgreSqlDialect, RedshiftSqlDialect, SQLiteDialect, SnowflakeDialect,
};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};
use std::borrow::Cow;
use text::{BEGINNINGS, bind, fill, first_word};

/// The most bytes of SQL that are read.
pub const MAX_BYTES: usize = 64 * 1024;
/// The most words, names, literals and marks.
pub const MAX_TOKENS: usize = 8_000;
/// The most operators that can hang on each other in one expression: the parser builds a chain of them without
/// recursion, but dropping, walking and writing the tree recurse.
pub const MAX_OPERATORS: usize = 100;
/// The most parentheses within each other.
pub const MAX_DEPTH: usize = 24;
/// What the parser may recurse: in a build without optimization, each step of it takes up to 90 KiB of the stack.
/// Six queries within each other are read.
const RECURSION: usize = 16;
/// The most comments: the tokenizer reads what is in a MySQL comment by calling itself.
const MAX_COMMENTS: usize = 64;

/// Reads SQL: any number of statements.
///
/// ```
/// use countersign::classify::sql;
///
/// let reading = sql::read("DELETE FROM users WHERE id = 7 OR 1=1");
/// assert_eq!(reading.acts[0].to_string(), "delete: DELETE on users, everything");
/// ```
#[must_use]
pub fn read(text: &str) -> Reading {
    read_at(text, 0)
}

/// How often SQL in a text of SQL is read: `EXECUTE IMMEDIATE 'EXECUTE IMMEDIATE …'`.
const MAX_NESTED: usize = 2;

fn read_at(text: &str, depth: usize) -> Reading {
    let mut reading = Reading::new(Language::Sql);
    if text.len() > MAX_BYTES {
        reading.doubt(Why::TooMuch, text);
        return reading;
    }
    let plain = undisguise(text);
    if let Some(marks) = plain.marks {
        reading.doubt(Why::Disguised, &marks);
    }
    let mut plain = plain.text;
    if plain.contains("/*!") || plain.contains("/*M!") {
        // A comment that MySQL or MariaDB executes.
        reading.doubt(Why::Disguised, "/*!");
        plain = Cow::Owned(plain.replace("/*M!", "/*!"));
    }
    if let Some((filled, template)) = fill(&plain) {
        reading.doubt(Why::Dynamic, &template);
        plain = Cow::Owned(filled);
    }
    if let Some(bound) = bind(&plain) {
        plain = Cow::Owned(bound);
    }
    if plain.matches("/*").count() > MAX_COMMENTS {
        reading.doubt(Why::TooMuch, "/*");
        plain = Cow::Owned(plain.replace("/*", " "));
    }
    read_plain(&plain, depth, &mut reading);
    if reading.acts.is_empty() && reading.doubts.is_empty() {
        reading.doubt(Why::Missing, "statement");
    }
    reading
}

/// One way in which a text can be cut, with the dialects that cut it so.
struct Cut {
    tokens: Vec<TokenWithSpan>,
    dialects: Vec<Box<dyn Dialect>>,
}

/// The dialects whose cuts all count.
fn common() -> Vec<Box<dyn Dialect>> {
    vec![
        Box::new(GenericDialect {}),
        Box::new(PostgreSqlDialect {}),
        Box::new(MySqlDialect {}),
        Box::new(MsSqlDialect {}),
        Box::new(SQLiteDialect {}),
    ]
}

/// The dialects that are asked when none of the common ones can parse a text.
fn others() -> Vec<Box<dyn Dialect>> {
    vec![
        Box::new(SnowflakeDialect {}),
        Box::new(BigQueryDialect {}),
        Box::new(OracleDialect {}),
        Box::new(RedshiftSqlDialect {}),
        Box::new(DuckDbDialect {}),
        Box::new(ClickHouseDialect {}),
    ]
}

fn cuts(dialects: Vec<Box<dyn Dialect>>, text: &str) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = Vec::new();
    for dialect in dialects {
        let Some(tokens) = lexeme::tokens(&*dialect, text) else { continue };
        match cuts.iter_mut().find(|cut| lexeme::alike(&cut.tokens, &tokens)) {
            Some(cut) => cut.dialects.push(dialect),
            None => cuts.push(Cut { tokens, dialects: vec![dialect] }),
        }
    }
    cuts
}

fn read_plain(text: &str, depth: usize, reading: &mut Reading) {
    let mut cuts = cuts(common(), text);
    let cut_at_all = !cuts.is_empty();
    cuts.retain(|cut| !cut.tokens.is_empty());
    if cut_at_all && cuts.is_empty() {
        reading.doubt(Why::Missing, "statement");
        return;
    }
    if let Some(cut) = cuts.iter().find(|cut| !bounded(&cut.tokens)) {
        reading.doubt(Why::TooMuch, text);
        // Words are looked at all the same, as far as they go.
        let lexemes: Vec<Lexeme<'_>> = cut.tokens.iter().take(MAX_TOKENS).map(lexeme).collect();
        statement::read_unparsed(&lexemes, reading);
        return;
    }
    let mut parsed: Vec<bool> = cuts.iter().map(|cut| read_cut(cut, depth, reading)).collect();
    if !parsed.contains(&true) {
        let more = self::cuts(others(), text).into_iter().filter(|cut| bounded(&cut.tokens));
        for cut in more {
            let done = read_cut(&cut, depth, reading);
            parsed.push(done);
            cuts.push(cut);
            if done {
                break;
            }
        }
    }
    let mut understood = parsed.contains(&true);
    for (cut, parsed) in cuts.iter().zip(&parsed) {
        if !parsed {
            read_unparsed(cut, understood, depth, reading);
            understood = true;
        }
    }
    if cuts.is_empty() {
        reading.doubt(Why::Syntax, text);
        let words: Vec<Lexeme<'_>> = text
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|w| !w.is_empty())
            .map(Lexeme::Word)
            .collect();
        statement::read_unparsed(words.get(..words.len().min(MAX_TOKENS)).unwrap_or_default(), reading);
    }
}

/// Adds what a cut does if one of its dialects can parse it whole.
fn read_cut(cut: &Cut, depth: usize, reading: &mut Reading) -> bool {
    let Some(statements) = cut.dialects.iter().find_map(|dialect| parse(&**dialect, &cut.tokens).ok()) else {
        return false;
    };
    let mut found = Reading::new(Language::Sql);
    for (tree, from, to) in &statements {
        let lexemes = lexemes_of(&cut.tokens, *from, *to);
        statement::read(tree, &lexemes, &mut found);
        read_texts(&lexemes, depth, &mut found);
    }
    merge(found, reading);
    true
}

/// Adds what a cut could do that no dialect can parse. If another cut was read already, only what would be worse.
fn read_unparsed(cut: &Cut, understood: bool, depth: usize, reading: &mut Reading) {
    let mut found = Reading::new(Language::Sql);
    let end = cut.tokens.len();
    let ends =
        cut.tokens.iter().enumerate().filter(|(_, token)| token.token == Token::SemiColon).map(|(at, _)| at);
    let mut from = 0;
    for to in ends.chain([end]) {
        let chunk = cut.tokens.get(from..to).unwrap_or_default();
        from = to + 1;
        if chunk.is_empty() {
            continue;
        }
        let lexemes: Vec<Lexeme<'_>> = chunk.iter().map(lexeme).collect();
        let parsed: Vec<_> = cut.dialects.iter().map(|dialect| parse(&**dialect, chunk)).collect();
        match parsed.iter().find_map(|parsed| parsed.as_deref().ok()) {
            Some([(tree, ..)]) => statement::read(tree, &lexemes, &mut found),
            Some(_) | None => {
                if !understood && !statement::says_enough(&lexemes) {
                    let deep = parsed.iter().any(|one| one.as_ref().is_err_and(|why| *why == Why::TooMuch));
                    let why = if deep { Why::TooMuch } else { Why::Syntax };
                    found.doubt(why, &lexeme::written(chunk));
                }
                statement::read_unparsed(&lexemes, &mut found);
            }
        }
        read_texts(&lexemes, depth, &mut found);
    }
    if understood {
        found.doubts.clear();
        found.acts.retain(|act| {
            act.kind > Kind::Read
                && act.kind < Kind::Unknown
                && !reading.acts.iter().any(|one| one.kind == act.kind)
        });
        if let Some(act) = found.acts.first() {
            reading.doubt(Why::Disguised, &act.what);
        }
    }
    merge(found, reading);
}

/// Adds what SQL in the texts of a statement does that runs texts: `EXECUTE IMMEDIATE 'DROP …'`, `DO $$ … $$`.
fn read_texts(lexemes: &[Lexeme<'_>], depth: usize, reading: &mut Reading) {
    let runs = lexemes.first().is_some_and(|one| one.is_any(&["call", "do", "prepare"]))
        || lexemes.iter().any(|one| {
            one.is_any(&[
                "exec",
                "execute",
                "dblink",
                "dblink_exec",
                "query_to_xml",
                "openquery",
                "cursor_to_xml",
            ])
        });
    if !runs || depth >= MAX_NESTED {
        return;
    }
    for lexeme in lexemes {
        let Lexeme::Text(text) = lexeme else { continue };
        let first = first_word(text);
        let block = matches!(first.as_str(), "begin" | "declare" | "do");
        if block {
            let inner = cuts(common(), text);
            let Some(cut) = inner.first() else { continue };
            let lexemes: Vec<Lexeme<'_>> = cut.tokens.iter().take(MAX_TOKENS).map(lexeme::lexeme).collect();
            worst::acts(&lexemes).into_iter().for_each(|act| reading.act(act));
            read_texts(&lexemes, depth + 1, reading);
        } else if BEGINNINGS.contains(&first.as_str()) {
            reading.absorb(read_at(text, depth + 1));
        }
    }
}

/// Adds acts that are not there yet, and all doubts. Of acts that differ only in how much they touch, the one that
/// touches everything stays.
fn merge(mut found: Reading, reading: &mut Reading) {
    if !reading.acts.is_empty() {
        found.acts.retain(|act| {
            let same = |one: &Act| one.what == act.what && one.kind == act.kind && one.targets == act.targets;
            let Some(known) = reading.acts.iter_mut().find(|one| same(one)) else { return true };
            if act.extent == Extent::Everything {
                known.extent = Extent::Everything;
            }
            false
        });
        if let Some(act) = found.acts.iter().find(|act| !reading.acts.iter().any(|one| one.kind == act.kind))
        {
            // What one database reads as a text or a comment, another runs.
            reading.doubt(Why::Disguised, &act.what);
        }
    }
    reading.absorb(found);
}

/// Parses tokens into statements, each with the tokens that it takes.
fn parse(dialect: &dyn Dialect, tokens: &[TokenWithSpan]) -> Result<Vec<(Statement, usize, usize)>, Why> {
    let mut parser =
        Parser::new(dialect).with_recursion_limit(RECURSION).with_tokens_with_locations(tokens.to_vec());
    let mut statements = Vec::new();
    loop {
        while parser.consume_token(&Token::SemiColon) {}
        if parser.peek_token_ref().token == Token::EOF {
            return Ok(statements);
        }
        let from = parser.index();
        let statement = parser.parse_statement().map_err(|error| match error {
            ParserError::RecursionLimitExceeded => Why::TooMuch,
            ParserError::TokenizerError(_) | ParserError::ParserError(_) => Why::Syntax,
        })?;
        let next = &parser.peek_token_ref().token;
        if *next != Token::SemiColon && *next != Token::EOF {
            return Err(Why::Syntax);
        }
        statements.push((statement, from, parser.index()));
    }
}

fn lexemes_of(tokens: &[TokenWithSpan], from: usize, to: usize) -> Vec<Lexeme<'_>> {
    tokens.get(from..to.min(tokens.len())).unwrap_or_default().iter().map(lexeme).collect()
}

/// Cuts SQL that the parser wrote, and looks at it.
fn retold<T: Default>(text: &str, look: impl Fn(&[Lexeme<'_>]) -> T) -> T {
    let tokens = lexeme::tokens(&GenericDialect {}, text).unwrap_or_default();
    look(&tokens.iter().map(lexeme).collect::<Vec<_>>())
}
