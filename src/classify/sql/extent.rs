//! Extent: how many rows a query or a change touches, from its conditions and limits.

use super::truth::{always, counted};
use crate::classify::Extent;
use sqlparser::ast::{
    Delete, Expr, FromTable, Insert, LimitClause, Query, Select, SetExpr, TableFactor, TableWithJoins,
    TopQuantity, Update, Value,
};

/// The tables of common table expressions, and how much each of them reads.
type Named = Vec<(String, Extent)>;

/// How much a query reads.
pub(super) fn of_query(query: &Query) -> Extent {
    read_query(query, &Vec::new())
}

/// How much a DELETE removes.
pub(super) fn of_delete(delete: &Delete) -> Extent {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let tables = tables(from);
    let joined =
        delete.using.is_some() || tables.len() != 1 || from.iter().any(|from| !from.joins.is_empty());
    limited(filtered(delete.selection.as_ref(), &tables, joined), delete.limit.as_ref())
}

/// How much an UPDATE changes.
pub(super) fn of_update(update: &Update) -> Extent {
    let tables = tables(core::slice::from_ref(&update.table));
    let joined = update.from.is_some() || !update.table.joins.is_empty();
    limited(filtered(update.selection.as_ref(), &tables, joined), update.limit.as_ref())
}

/// How much an INSERT adds; `within` is the query that names tables for it.
pub(super) fn of_insert(insert: &Insert, within: Option<&Query>) -> Extent {
    match &insert.source {
        None => Extent::Counted(1),
        Some(source) => {
            read_query(source, &within.map(|query| named(query, &Vec::new())).unwrap_or_default())
        }
    }
}

/// What a condition alone leaves.
pub(super) fn of_condition(condition: &Expr, tables: &[String]) -> Extent {
    filtered(Some(condition), tables, true)
}

fn filtered(condition: Option<&Expr>, tables: &[String], joined: bool) -> Extent {
    let Some(condition) = condition else { return Extent::Everything };
    match always(condition, tables) {
        Some(true) => Extent::Everything,
        Some(false) => Extent::Counted(0),
        None if joined => Extent::Unstated,
        None => counted(condition, tables).map_or(Extent::Unstated, Extent::Counted),
    }
}

fn limited(extent: Extent, limit: Option<&Expr>) -> Extent {
    let Some(limit) = limit.and_then(whole) else { return extent };
    match extent {
        Extent::Counted(count) => Extent::Counted(count.min(limit)),
        Extent::Unstated | Extent::Everything => Extent::Counted(limit),
    }
}

fn whole(expr: &Expr) -> Option<u64> {
    let Expr::Value(value) = expr else { return None };
    if let Value::Number(digits, _) = &value.value { digits.parse().ok() } else { None }
}

fn read_query(query: &Query, outer: &Named) -> Extent {
    let named = named(query, outer);
    let extent = read_set(&query.body, &named);
    let limit = match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit, .. }) => limit.as_ref(),
        Some(LimitClause::OffsetCommaLimit { limit, .. }) => Some(limit),
        None => query.fetch.as_ref().filter(|fetch| !fetch.percent).and_then(|fetch| fetch.quantity.as_ref()),
    };
    limited(extent, limit)
}

fn named(query: &Query, outer: &Named) -> Named {
    let mut named = outer.clone();
    for table in query.with.iter().flat_map(|with| &with.cte_tables) {
        let extent = read_query(&table.query, &named);
        named.push((table.alias.name.value.to_lowercase(), extent));
    }
    named
}

fn read_set(set: &SetExpr, named: &Named) -> Extent {
    match set {
        SetExpr::Select(select) => read_select(select, named),
        SetExpr::Query(query) => read_query(query, named),
        SetExpr::SetOperation { left, right, .. } => {
            more(read_set(left, named), read_set(right, named), u64::saturating_add)
        }
        SetExpr::Values(values) => count(values.rows.len()),
        SetExpr::Table(_) => Extent::Everything,
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => Extent::Unstated,
    }
}

fn read_select(select: &Select, named: &Named) -> Extent {
    let names = tables(&select.from);
    let single = select.from.len() == 1 && select.from.iter().all(|from| from.joins.is_empty());
    let condition = select.selection.as_ref().or(select.prewhere.as_ref());
    let extent = match condition.map(|one| filtered(Some(one), &names, !single)) {
        Some(Extent::Everything) | None => {
            let factors = select.from.iter().flat_map(|from| {
                core::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
            });
            let each = factors.map(|factor| read_factor(factor, named));
            // A join of tables reads each of them, and gives as many rows as they multiply to.
            each.reduce(|a, b| more(a, b, u64::saturating_mul)).unwrap_or(Extent::Unstated)
        }
        Some(extent @ (Extent::Counted(_) | Extent::Unstated)) => extent,
    };
    let top = select.top.as_ref().filter(|top| !top.percent && !top.with_ties);
    match top.and_then(|top| top.quantity.as_ref()) {
        Some(TopQuantity::Constant(top)) => limited_to(extent, *top),
        Some(TopQuantity::Expr(expr)) => limited(extent, Some(expr)),
        None => extent,
    }
}

fn limited_to(extent: Extent, limit: u64) -> Extent {
    match extent {
        Extent::Counted(count) => Extent::Counted(count.min(limit)),
        Extent::Unstated | Extent::Everything => Extent::Counted(limit),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what else stands in FROM computes rows, and holds none")]
fn read_factor(factor: &TableFactor, named: &Named) -> Extent {
    match factor {
        TableFactor::Table { name, args: None, .. } => {
            let name = name.to_string().to_lowercase();
            named.iter().rev().find(|(one, _)| *one == name).map_or(Extent::Everything, |(_, extent)| *extent)
        }
        TableFactor::Derived { subquery, .. } => read_query(subquery, named),
        TableFactor::NestedJoin { table_with_joins, .. } => {
            let rest = table_with_joins.joins.iter().map(|join| &join.relation);
            core::iter::once(&table_with_joins.relation)
                .chain(rest)
                .map(|factor| read_factor(factor, named))
                .reduce(|a, b| more(a, b, u64::saturating_mul))
                .unwrap_or(Extent::Unstated)
        }
        TableFactor::Pivot { table, .. }
        | TableFactor::Unpivot { table, .. }
        | TableFactor::MatchRecognize { table, .. } => read_factor(table, named),
        _ => Extent::Unstated,
    }
}

/// The larger of two, where what is counted adds or multiplies.
fn more(a: Extent, b: Extent, combine: fn(u64, u64) -> u64) -> Extent {
    match (a, b) {
        (Extent::Everything, _) | (_, Extent::Everything) => Extent::Everything,
        (Extent::Unstated, _) | (_, Extent::Unstated) => Extent::Unstated,
        (Extent::Counted(a), Extent::Counted(b)) => Extent::Counted(combine(a, b)),
    }
}

fn count(rows: usize) -> Extent {
    Extent::Counted(u64::try_from(rows).unwrap_or(u64::MAX))
}

fn tables(from: &[TableWithJoins]) -> Vec<String> {
    from.iter().filter_map(|from| table_name(&from.relation)).collect()
}

/// The name of a table that stands in FROM by itself, without quotes.
pub(super) fn table_name(factor: &TableFactor) -> Option<String> {
    let TableFactor::Table { name, args: None, .. } = factor else { return None };
    let parts = name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.as_str());
    Some(parts.collect::<Vec<_>>().join("."))
}
