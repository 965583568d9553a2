//! Statement: what one SQL statement does, from its tree and its lexemes together.

use super::extent;
use super::lexeme::Lexeme;
use super::sweep::{effects, tables};
use super::{head, worst};
use crate::classify::{Act, Extent, Kind, Language, Reading, Why};
use sqlparser::ast::{
    Insert, Merge, MergeAction, OnConflictAction, OnInsert, Query, SetExpr, SqliteOnConflict, Statement,
};

/// The words that a statement within another begins with.
const BEGINNINGS: &[&str] = &[
    "select", "with", "insert", "update", "delete", "merge", "replace", "create", "values", "table",
    "execute", "refresh", "declare", "drop", "truncate",
];

/// Adds what a parsed statement does.
#[expect(clippy::wildcard_enum_match_arm, reason = "their first words say what the others do")]
pub(super) fn read(tree: &Statement, lexemes: &[Lexeme<'_>], reading: &mut Reading) {
    let from = reading.acts.len();
    match tree {
        Statement::Explain { statement, .. } => {
            let inner = lexemes.iter().position(|one| one.is_any(BEGINNINGS)).unwrap_or(lexemes.len());
            let (before, inner) = lexemes.split_at_checked(inner).unwrap_or((lexemes, &[]));
            if before.iter().any(|one| one.is_any(&["analyze", "analyse"])) {
                // It runs what it explains.
                return read(statement, inner, reading);
            }
            reading.act(Act { targets: tables(inner), ..Act::new("EXPLAIN", Kind::Read) });
            return;
        }
        Statement::Prepare { statement, .. } => {
            let at = lexemes.iter().position(|one| one.is("as")).unwrap_or(0);
            return read(statement, lexemes.get(at + 1..).unwrap_or_default(), reading);
        }
        Statement::Query(query) => read_query(query, lexemes, reading),
        Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) | Statement::Merge(_) => {
            for act in changes(tree, None) {
                reading.act(Act { targets: tables_of_change(lexemes), ..act });
            }
            nested(lexemes, 0, reading);
        }
        _ => read_by_head(tree, lexemes, reading),
    }
    if let Some(at) = lexemes.iter().position(|one| *one == Lexeme::Semicolon) {
        // The parser took further statements into this one: the body of a block, or the rows of COPY FROM STDIN, which
        // come by another way.
        for act in worst::acts(lexemes.get(at..).unwrap_or_default()) {
            if !reading.acts.iter().skip(from).any(|one| one.what == act.what && one.targets == act.targets) {
                reading.act(act);
            }
        }
    }
    add_effects(lexemes, from, reading);
}

/// Adds what a statement that could not be parsed may do, never milder than the worst of its keywords.
pub(super) fn read_unparsed(lexemes: &[Lexeme<'_>], reading: &mut Reading) {
    let from = reading.acts.len();
    let known = head::read(lexemes, reading);
    for act in worst::acts(lexemes.get(usize::from(known)..).unwrap_or_default()) {
        reading.act(act);
    }
    if !known && lexemes.first().is_some_and(|one| one.is_any(&["select", "with", "table", "values", "from"]))
    {
        let mut targets = tables(lexemes);
        if let [first, rest @ ..] = lexemes
            && first.is("table")
        {
            targets = head::names(rest);
        }
        let bounded = targets.is_empty() || lexemes.iter().any(|one| one.is_any(&["where", "limit", "top"]));
        let extent = if bounded { Extent::Unstated } else { Extent::Everything };
        reading.act(Act { targets, extent, ..Act::new("SELECT", Kind::Read) });
    }
    add_effects(lexemes, from, reading);
    if reading.acts.len() == from
        && let Some(first) = lexemes.first()
    {
        reading.act(Act { targets: tables(lexemes), ..Act::new(shown(first), Kind::Unknown) });
    }
}

/// Whether a statement that cannot be parsed is understood by its first words: what runs is a doubt of its own, or
/// only a question is asked.
pub(super) fn says_enough(lexemes: &[Lexeme<'_>]) -> bool {
    let Some(first) = lexemes.first() else { return false };
    let mut asked = Reading::new(Language::Sql);
    let asks = first.is("pragma")
        && head::read(lexemes, &mut asked)
        && asked.acts.iter().all(|act| act.kind == Kind::Read);
    asks || first.is_any(&["do", "call", "exec", "execute"])
}

fn shown(first: &Lexeme<'_>) -> String {
    first.name().map_or_else(|| "SQL".to_owned(), head::upper)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "no other statement holds statements that run with it")]
fn read_by_head(tree: &Statement, lexemes: &[Lexeme<'_>], reading: &mut Reading) {
    let block = match tree {
        Statement::StartTransaction { statements, .. } => !statements.is_empty(),
        Statement::If(_) | Statement::While(_) | Statement::Case(_) => true,
        _ => false,
    };
    if block {
        reading.doubt(Why::Dynamic, &format!("{} block", lexemes.first().map(shown).unwrap_or_default()));
        worst::acts(lexemes).into_iter().for_each(|act| reading.act(act));
        return;
    }
    if !head::read(lexemes, reading) {
        let what = lexemes.first().map(shown).unwrap_or_default();
        reading.doubt(Why::Unfamiliar, &what);
        reading.act(Act { targets: tables(lexemes), ..Act::new(what, Kind::Unknown) });
        worst::acts(lexemes).into_iter().for_each(|act| reading.act(act));
    }
    if let Statement::Copy { source: sqlparser::ast::CopySource::Query(query), .. } = tree {
        let extent = extent::of_query(query);
        if let Some(act) = reading.acts.last_mut() {
            act.extent = extent;
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else a query is, it reads")]
fn read_query(query: &Query, lexemes: &[Lexeme<'_>], reading: &mut Reading) {
    let mut inner = Vec::new();
    for table in query.with.iter().flat_map(|with| &with.cte_tables) {
        if let Some(statement) = change_in(&table.query.body) {
            inner.extend(
                changes(statement, None).into_iter().map(|act| Act { targets: target_of(statement), ..act }),
            );
        }
    }
    let expected = inner.len();
    inner.into_iter().for_each(|act| reading.act(act));
    if let Some(statement) = change_in(&query.body) {
        let mut targets = target_of(statement);
        let others = tables(lexemes).into_iter().filter(|table| !targets.contains(table)).collect::<Vec<_>>();
        targets.extend(others);
        for act in changes(statement, Some(query)) {
            reading.act(Act { targets: targets.clone(), ..act });
        }
    } else {
        let selects_into = match &*query.body {
            SetExpr::Select(select) => select
                .into
                .as_ref()
                .filter(|into| !into.targets.iter().all(|target| target.to_string().starts_with(['@', ':']))),
            SetExpr::Query(_)
            | SetExpr::SetOperation { .. }
            | SetExpr::Values(_)
            | SetExpr::Insert(_)
            | SetExpr::Update(_)
            | SetExpr::Delete(_)
            | SetExpr::Merge(_)
            | SetExpr::Table(_) => None,
        };
        let outfile = lexemes.iter().any(|one| one.is_any(&["outfile", "dumpfile"]));
        let (what, kind) = match &*query.body {
            SetExpr::Values(_) => ("VALUES", Kind::Read),
            _ if selects_into.is_some() && !outfile => ("SELECT INTO", Kind::Write),
            _ => ("SELECT", Kind::Read),
        };
        let extent = extent::of_query(query);
        reading.act(Act { targets: tables(lexemes), extent, ..Act::new(what, kind) });
    }
    nested(lexemes, expected, reading);
}

/// Adds changes within parentheses that the tree did not show at its top: more than `expected` of them.
fn nested(lexemes: &[Lexeme<'_>], expected: usize, reading: &mut Reading) {
    let begins = |at: usize| {
        let at = |more: usize| lexemes.get(at + more).copied().unwrap_or(Lexeme::Mark);
        at(0) == Lexeme::Open
            && at(1).is_any(&["delete", "insert", "update", "merge"])
            && at(2) != Lexeme::Open
    };
    let starts: Vec<usize> = (0..lexemes.len()).filter(|at| begins(*at)).collect();
    for at in starts.iter().skip(expected) {
        let rest = lexemes.get(at + 1..).unwrap_or_default();
        worst::acts(rest.get(..rest.len().min(8)).unwrap_or_default())
            .into_iter()
            .take(1)
            .for_each(|act| reading.act(act));
    }
}

fn add_effects(lexemes: &[Lexeme<'_>], from: usize, reading: &mut Reading) {
    for act in effects(lexemes) {
        let known = reading.acts.get(from..).unwrap_or_default().iter().any(|one| one.what == act.what);
        if !known {
            reading.act(act);
        }
    }
}

/// The statement, if a part of a query changes rows.
fn change_in(body: &SetExpr) -> Option<&Statement> {
    match body {
        SetExpr::Insert(statement)
        | SetExpr::Update(statement)
        | SetExpr::Delete(statement)
        | SetExpr::Merge(statement) => Some(statement),
        SetExpr::Query(query) => change_in(&query.body),
        SetExpr::Select(_) | SetExpr::SetOperation { .. } | SetExpr::Values(_) | SetExpr::Table(_) => None,
    }
}

/// What a change of rows does, without its tables.
#[expect(clippy::wildcard_enum_match_arm, reason = "only these four change rows")]
fn changes(statement: &Statement, within: Option<&Query>) -> Vec<Act> {
    match statement {
        Statement::Delete(delete) => {
            vec![Act { extent: extent::of_delete(delete), ..Act::new("DELETE", Kind::Delete) }]
        }
        Statement::Update(update) => {
            vec![Act { extent: extent::of_update(update), ..Act::new("UPDATE", Kind::Update) }]
        }
        Statement::Insert(insert) => vec![insertion(insert, within)],
        Statement::Merge(merge) => merges(merge),
        _ => Vec::new(),
    }
}

fn insertion(insert: &Insert, within: Option<&Query>) -> Act {
    let updates = match &insert.on {
        Some(OnInsert::DuplicateKeyUpdate(_)) => true,
        Some(OnInsert::OnConflict(conflict)) => matches!(conflict.action, OnConflictAction::DoUpdate(_)),
        Some(_) | None => false,
    };
    let (what, kind) = match () {
        // Everything that was in the table or partition is gone.
        () if insert.overwrite => ("INSERT OVERWRITE", Kind::Delete),
        () if insert.replace_into || insert.or == Some(SqliteOnConflict::Replace) => {
            ("REPLACE", Kind::Update)
        }
        () if updates => ("INSERT ON CONFLICT UPDATE", Kind::Update),
        () => ("INSERT", Kind::Write),
    };
    Act { extent: extent::of_insert(insert, within), irreversible: insert.overwrite, ..Act::new(what, kind) }
}

fn merges(merge: &Merge) -> Vec<Act> {
    let extent = extent::of_condition(&merge.on, &[]);
    let deletes = merge.clauses.iter().any(|clause| matches!(clause.action, MergeAction::Delete { .. }));
    let mut acts = vec![Act { extent, ..Act::new("MERGE", Kind::Update) }];
    if deletes {
        acts.push(Act { extent, ..Act::new("MERGE DELETE", Kind::Delete) });
    }
    acts
}

/// The tables of a change; `DELETE users` and `UPDATE users` name theirs without FROM.
fn tables_of_change(lexemes: &[Lexeme<'_>]) -> Vec<String> {
    let mut found = tables(lexemes);
    if let Some((first, rest)) = lexemes.split_first()
        && first.is("delete")
        && !rest.iter().take(4).any(|one| one.is("from"))
    {
        for name in head::names(rest) {
            if !found.contains(&name) {
                found.insert(0, name);
            }
        }
    }
    found
}

/// The table that a change within a query is made to.
fn target_of(statement: &Statement) -> Vec<String> {
    super::retold(&statement.to_string(), tables_of_change).into_iter().take(1).collect()
}
