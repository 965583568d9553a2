//! Worst: what a text that cannot be parsed could do at most, by the keywords in it.

use super::head::{names, upper};
use super::lexeme::Lexeme;
use crate::classify::{Act, Extent, Kind};

/// An act for each keyword that changes something, each once.
pub(super) fn acts(lexemes: &[Lexeme<'_>]) -> Vec<Act> {
    let mut found: Vec<Act> = Vec::new();
    for statement in lexemes.split(|one| *one == Lexeme::Semicolon) {
        let filters = statement.iter().any(|one| one.is("where"));
        for (at, lexeme) in statement.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| statement.get(at)).copied().unwrap_or(Lexeme::Mark);
            let Some(act) = act(*lexeme, before, statement.get(at + 1..).unwrap_or_default(), filters) else {
                continue;
            };
            if !found.contains(&act) {
                found.push(act);
            }
        }
    }
    found
}

fn act(word: Lexeme<'_>, before: Lexeme<'_>, rest: &[Lexeme<'_>], filters: bool) -> Option<Act> {
    let Lexeme::Word(word) = word else { return None };
    let lower = word.to_ascii_lowercase();
    // `ON DELETE CASCADE`, `FOR UPDATE` and `ON CONFLICT DO UPDATE` are parts of other statements, and a name after a
    // dot or before a parenthesis is a column or a call.
    if before == Lexeme::Period || before.is_any(&["on", "for", "key"]) {
        return None;
    }
    let kind = match lower.as_str() {
        "drop" | "truncate" | "delete" | "purge" => Kind::Delete,
        "grant" | "revoke" | "deny" | "shutdown" | "kill" | "xp_cmdshell" | "sp_configure" => Kind::Admin,
        "update" | "alter" | "merge" | "replace" | "rename" => Kind::Update,
        "insert" | "create" => Kind::Write,
        "copy" | "attach" | "unload" => Kind::ExternalCall,
        "exec" | "execute" | "call" => Kind::Unknown,
        _ => return None,
    };
    if rest.first() == Some(&Lexeme::Open) && matches!(lower.as_str(), "replace" | "insert" | "truncate") {
        return None;
    }
    let mut what = upper(word);
    let mut rest = rest;
    const OBJECTS: &[&str] = &[
        "table",
        "database",
        "schema",
        "view",
        "index",
        "role",
        "user",
        "column",
        "trigger",
        "function",
        "procedure",
        "policy",
        "sequence",
        "type",
        "extension",
        "tablespace",
        "constraint",
        "partition",
        "system",
    ];
    while let [first, after @ ..] = rest {
        let Some(name) = first.name() else { break };
        if first.is_any(OBJECTS) {
            what.push(' ');
            what.push_str(&upper(name));
        } else if !first.is_any(&[
            "from",
            "into",
            "if",
            "exists",
            "not",
            "only",
            "low_priority",
            "ignore",
            "quick",
            "all",
        ]) {
            break;
        }
        rest = after;
    }
    let guard = what.ends_with(" ROLE") || what.ends_with(" USER") || what.ends_with(" POLICY");
    let everything = match lower.as_str() {
        "delete" | "update" => !filters,
        "truncate" | "purge" => true,
        "drop" => what.ends_with(" TABLE") || what.ends_with(" DATABASE") || what.ends_with(" SCHEMA"),
        _ => false,
    };
    Some(Act {
        kind: if guard { Kind::Admin } else { kind },
        targets: if kind == Kind::Admin { Vec::new() } else { names(rest).into_iter().take(1).collect() },
        extent: if everything { Extent::Everything } else { Extent::Unstated },
        irreversible: matches!(lower.as_str(), "drop" | "truncate" | "purge"),
        ..Act::new(what, kind)
    })
}
