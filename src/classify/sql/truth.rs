//! Truth: what a condition says before any row is looked at, by folding its constants.

use sqlparser::ast::{BinaryOperator as Op, Expr, Query, SelectItem, SetExpr, UnaryOperator, Value};

/// What an expression is, as far as that can be said without rows.
#[derive(Clone, Debug, PartialEq)]
enum Folded {
    Bool(bool),
    Number(f64),
    Text(String),
    Null,
    /// It depends on a row, a parameter or a function.
    Open,
}

use Folded::{Bool, Null, Number, Open, Text};

/// Whether a condition on a statement's rows is the same for all of them: `Some(true)` leaves none out, `Some(false)`
/// leaves no row in. `tables` are those that the statement touches.
pub(super) fn always(condition: &Expr, tables: &[String]) -> Option<bool> {
    let truth = Rows { tables }.fold(condition).truth();
    truth.or_else(|| (!super::text::depends(&condition.to_string())).then_some(true))
}

/// The most rows that a condition leaves, where it names them by their key.
pub(super) fn counted(condition: &Expr, tables: &[String]) -> Option<u64> {
    Rows { tables }.counted(condition)
}

/// Most alternatives of one condition that are compared with each other.
const MOST_ALTERNATIVES: usize = 64;

struct Rows<'a> {
    tables: &'a [String],
}

impl Folded {
    fn truth(&self) -> Option<bool> {
        match self {
            Bool(truth) => Some(*truth),
            Number(number) => Some(*number != 0.0),
            // PostgreSQL reads words, MySQL reads the number that a text begins with.
            Text(text) => {
                let lower = text.trim().to_ascii_lowercase();
                let said = ["t", "true", "y", "yes", "on"].contains(&lower.as_str());
                (said || numeric(&lower) != 0.0).then_some(true)
            }
            Null => Some(false),
            Open => None,
        }
    }

    fn not(&self) -> Self {
        match self {
            Null => Null,
            Bool(_) | Number(_) | Text(_) | Open => self.truth().map_or(Open, |truth| Bool(!truth)),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Bool(truth) => Some(f64::from(u8::from(*truth))),
            Number(number) => Some(*number),
            Text(text) => Some(numeric(text)),
            Null | Open => None,
        }
    }
}

/// The number that a text begins with, and 0 if with none, as MySQL has it.
fn numeric(text: &str) -> f64 {
    let text = text.trim();
    let end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || *c == '.' || (*at == 0 && matches!(c, '-' | '+'))))
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

impl Rows<'_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not folded is open, whatever it is")]
    fn fold(&self, expr: &Expr) -> Folded {
        match expr {
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } | Expr::Collate { expr: inner, .. } => {
                self.fold(inner)
            }
            Expr::Value(value) => literal(&value.value),
            Expr::UnaryOp { op: UnaryOperator::Not | UnaryOperator::BangNot, expr } => self.fold(expr).not(),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                self.fold(expr).number().map_or(Open, |number| Number(-number))
            }
            Expr::UnaryOp { op: UnaryOperator::Plus, expr } => self.fold(expr),
            Expr::BinaryOp { op: Op::Or, .. } => self.fold_alternatives(expr),
            Expr::BinaryOp { left, op, right } => self.fold_binary(left, op, right),
            Expr::IsNull(inner) => self.fold_is_null(inner),
            Expr::IsNotNull(inner) if is_id(inner) => Bool(true),
            Expr::IsNotNull(inner) => self.fold_is_null(inner).not(),
            Expr::IsTrue(inner) => self.fold(inner).truth().map_or(Open, Bool),
            Expr::IsNotTrue(inner) => self.fold(inner).truth().map_or(Open, |truth| Bool(!truth)),
            Expr::IsFalse(inner) => self.fold(inner).not().truth().map_or(Open, Bool),
            Expr::IsNotFalse(inner) => self.fold(inner).not().truth().map_or(Open, |truth| Bool(!truth)),
            Expr::IsDistinctFrom(left, right) => self.fold_binary(left, &Op::Spaceship, right).not(),
            Expr::IsNotDistinctFrom(left, right) => self.fold_binary(left, &Op::Spaceship, right),
            Expr::InList { expr, list, negated } => {
                let each = list.iter().map(|one| self.fold_binary(expr, &Op::Eq, one));
                negate_if(*negated, any(each))
            }
            Expr::InSubquery { expr, subquery, negated } => {
                negate_if(*negated, if self.is_own_column(expr, subquery) { Bool(true) } else { Open })
            }
            Expr::Between { expr, negated, low, high } => {
                let (above, below) =
                    (self.fold_binary(expr, &Op::GtEq, low), self.fold_binary(expr, &Op::LtEq, high));
                negate_if(*negated, and(&above, &below))
            }
            Expr::Like { negated, expr, pattern, .. } | Expr::ILike { negated, expr, pattern, .. } => {
                negate_if(*negated, self.fold_like(expr, pattern, |text| text.bytes().all(|b| b == b'%')))
            }
            Expr::SimilarTo { negated, expr, pattern, .. } => {
                negate_if(*negated, self.fold_like(expr, pattern, |text| text.bytes().all(|b| b == b'%')))
            }
            Expr::RLike { negated, expr, pattern, .. } => {
                negate_if(*negated, self.fold_like(expr, pattern, matches_anything))
            }
            Expr::Exists { subquery, negated } => negate_if(*negated, self.fold_exists(subquery)),
            Expr::Subquery(query) => self.fold_scalar(query),
            Expr::Case { operand, conditions, else_result, .. } => {
                for when in conditions {
                    let met = match operand {
                        Some(operand) => self.fold_binary(operand, &Op::Eq, &when.condition),
                        None => self.fold(&when.condition),
                    };
                    match met.truth() {
                        Some(true) => return self.fold(&when.result),
                        Some(false) => {}
                        None => return Open,
                    }
                }
                else_result.as_ref().map_or(Null, |result| self.fold(result))
            }
            _ => Open,
        }
    }

    fn fold_is_null(&self, inner: &Expr) -> Folded {
        match self.fold(inner) {
            Null => Bool(true),
            Open => Open,
            Bool(_) | Number(_) | Text(_) => Bool(false),
        }
    }

    fn fold_like(&self, expr: &Expr, pattern: &Expr, anything: impl Fn(&str) -> bool) -> Folded {
        match (self.fold(expr), self.fold(pattern)) {
            (_, Text(pattern)) if anything(&pattern) => Bool(true),
            (Text(text), Text(pattern)) if !pattern.contains(['%', '_']) => {
                Bool(text.eq_ignore_ascii_case(&pattern))
            }
            _ if same(expr, pattern) => Bool(true),
            _ => Open,
        }
    }

    /// A chain of OR, and pairs in it of which one is true for every row: `a IS NULL OR a IS NOT NULL`.
    fn fold_alternatives(&self, expr: &Expr) -> Folded {
        let mut terms = Vec::new();
        let mut rest = expr;
        while let Expr::BinaryOp { left, op: Op::Or, right } = bare(rest) {
            terms.push(&**right);
            rest = left;
        }
        terms.push(rest);
        let all = any(terms.iter().map(|term| self.fold(term)));
        if all == Bool(true) {
            return all;
        }
        terms.truncate(MOST_ALTERNATIVES);
        let covered = terms
            .iter()
            .enumerate()
            .any(|(at, one)| terms.iter().skip(at + 1).any(|other| self.cover(bare(one), bare(other))));
        if covered { Bool(true) } else { all }
    }

    /// Whether every row meets one of two conditions.
    fn cover(&self, one: &Expr, other: &Expr) -> bool {
        match (one, other) {
            (Expr::UnaryOp { op: UnaryOperator::Not, expr }, plain)
            | (plain, Expr::UnaryOp { op: UnaryOperator::Not, expr }) => same(expr, plain),
            (Expr::IsNull(a), Expr::IsNotNull(b)) | (Expr::IsNotNull(a), Expr::IsNull(b)) => same(a, b),
            (Expr::BinaryOp { left: a, op, right: x }, Expr::BinaryOp { left: b, op: other, right: y }) => {
                same(a, b) && self.cover_comparisons(op, x, other, y)
            }
            (one, other) => {
                let (one, other) = (one.to_string(), other.to_string());
                [(&one, &other), (&other, &one)].iter().any(|(plain, negated)| {
                    ["NOT IN", "NOT LIKE", "NOT BETWEEN", "NOT ILIKE"].iter().any(|not| {
                        negated.contains(not)
                            && negated.replacen(not, not.trim_start_matches("NOT "), 1) == **plain
                    })
                })
            }
        }
    }

    fn cover_comparisons(&self, op: &Op, x: &Expr, other: &Op, y: &Expr) -> bool {
        let is = |a: Op, b: Op| (*op == a && *other == b) || (*op == b && *other == a);
        if *op == Op::NotEq && *other == Op::NotEq {
            let (x, y) = (self.fold(x), self.fold(y));
            return x != Open && y != Open && !equal(&x, &y);
        }
        if same(x, y) && (is(Op::Eq, Op::NotEq) || is(Op::Lt, Op::GtEq) || is(Op::Gt, Op::LtEq)) {
            return true;
        }
        let (Some(x), Some(y)) = (self.fold(x).number(), self.fold(y).number()) else { return false };
        let (from, to) = match (op, other) {
            (Op::Gt | Op::GtEq, Op::Lt | Op::LtEq) => (x, y),
            (Op::Lt | Op::LtEq, Op::Gt | Op::GtEq) => (y, x),
            _ => return false,
        };
        from < to || (from == to && (is(Op::GtEq, Op::LtEq) || is(Op::Gt, Op::LtEq) || is(Op::GtEq, Op::Lt)))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not folded is open, whatever it is")]
    fn fold_binary(&self, left: &Expr, op: &Op, right: &Expr) -> Folded {
        if *op == Op::And {
            return and(&self.fold(left), &self.fold(right));
        }
        let (a, b) = (self.fold(left), self.fold(right));
        if a == Open || b == Open {
            return match op {
                Op::Eq | Op::LtEq | Op::GtEq | Op::Spaceship if same(left, right) => Bool(true),
                Op::NotEq | Op::Lt | Op::Gt if same(left, right) => Bool(false),
                Op::PGRegexMatch | Op::PGRegexIMatch | Op::Regexp => match &b {
                    Text(pattern) if matches_anything(pattern) => Bool(true),
                    _ => Open,
                },
                _ if is_id(left) && every_id(op, &b) => Bool(true),
                _ => Open,
            };
        }
        match op {
            Op::Or => any([a, b].into_iter()),
            Op::Xor => match (a.truth(), b.truth()) {
                (Some(a), Some(b)) => Bool(a != b),
                _ => Open,
            },
            Op::Spaceship if a == Null || b == Null => Bool(a == b),
            _ if a == Null || b == Null => Null,
            Op::Eq | Op::Spaceship => Bool(equal(&a, &b)),
            // Whether case counts depends on the database: the riskier answer, both ways.
            Op::NotEq => Bool(a != b && (!equal(&a, &b) || matches!((&a, &b), (Text(_), Text(_))))),
            Op::Lt | Op::LtEq | Op::Gt | Op::GtEq => {
                let order = match (&a, &b) {
                    (Text(a), Text(b)) => Some(a.cmp(b)),
                    (a, b) => a.number().zip(b.number()).and_then(|(a, b)| a.partial_cmp(&b)),
                };
                order.map_or(Open, |order| {
                    Bool(match op {
                        Op::Lt => order.is_lt(),
                        Op::LtEq => order.is_le(),
                        Op::Gt => order.is_gt(),
                        _ => order.is_ge(),
                    })
                })
            }
            Op::StringConcat => match (a, b) {
                (Text(a), Text(b)) => Text(a + &b),
                _ => Open,
            },
            _ => match (a.number(), b.number()) {
                (Some(a), Some(b)) => match op {
                    Op::Plus => Number(a + b),
                    Op::Minus => Number(a - b),
                    Op::Multiply => Number(a * b),
                    Op::Divide if b != 0.0 => Number(a / b),
                    Op::Modulo if b != 0.0 => Number(a % b),
                    _ => Open,
                },
                _ => Open,
            },
        }
    }

    /// `id IN (SELECT id FROM the_same_table)`.
    fn is_own_column(&self, expr: &Expr, subquery: &Query) -> bool {
        let SetExpr::Select(select) = &*subquery.body else { return false };
        let [SelectItem::UnnamedExpr(column)] = select.projection.as_slice() else { return false };
        let own = select.from.iter().all(|from| {
            let name = super::extent::table_name(&from.relation);
            from.joins.is_empty()
                && name.is_some_and(|name| self.tables.iter().any(|t| t.eq_ignore_ascii_case(&name)))
        });
        own && last(expr).is_some() && last(expr) == last(column) && self.unfiltered(subquery)
    }

    fn fold_exists(&self, subquery: &Query) -> Folded {
        let SetExpr::Select(select) = &*subquery.body else { return Open };
        match select.selection.as_ref().map(|condition| self.fold(condition).truth()) {
            Some(Some(false)) => Bool(false),
            _ if self.unfiltered(subquery) => Bool(true),
            _ => Open,
        }
    }

    fn unfiltered(&self, query: &Query) -> bool {
        let SetExpr::Select(select) = &*query.body else { return false };
        let all = select.selection.as_ref().is_none_or(|one| self.fold(one).truth() == Some(true));
        all && select.having.is_none() && query.limit_clause.is_none() && query.fetch.is_none()
    }

    fn fold_scalar(&self, query: &Query) -> Folded {
        let SetExpr::Select(select) = &*query.body else { return Open };
        match select.projection.as_slice() {
            [SelectItem::UnnamedExpr(expr)] if select.from.is_empty() && self.unfiltered(query) => {
                self.fold(expr)
            }
            _ => Open,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only a key that is named counts rows")]
    fn counted(&self, expr: &Expr) -> Option<u64> {
        let fixed =
            |value: &Expr| matches!(bare(value), Expr::Value(_) | Expr::TypedString(_) | Expr::Cast { .. });
        match bare(expr) {
            Expr::BinaryOp { left, op: Op::And, right } => match (self.counted(left), self.counted(right)) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
            Expr::BinaryOp { left, op: Op::Or, right } => {
                Some(self.counted(left)?.saturating_add(self.counted(right)?))
            }
            Expr::BinaryOp { left, op: Op::Eq, right } => {
                let keyed = (self.is_key(left) && fixed(right)) || (self.is_key(right) && fixed(left));
                keyed.then_some(1)
            }
            Expr::InList { expr, list, negated: false } if self.is_key(expr) && list.iter().all(fixed) => {
                u64::try_from(list.len()).ok()
            }
            _ => None,
        }
    }

    /// Whether a column is the key of the only table: `id`, or `user_id` of `users`. Any other `…_id` may well name
    /// many rows.
    fn is_key(&self, expr: &Expr) -> bool {
        let ([table], Some(column)) = (self.tables, last(expr)) else { return false };
        let table = table.rsplit('.').next().unwrap_or(table).to_ascii_lowercase();
        is_id(expr)
            || column
                .strip_suffix("_id")
                .is_some_and(|name| table == name || table.strip_suffix('s') == Some(name))
    }
}

/// Whether every row has such an `id`: they count from 1 (or 0), and are never null.
#[expect(clippy::wildcard_enum_match_arm, reason = "only comparisons bound an id")]
fn every_id(op: &Op, bound: &Folded) -> bool {
    let Number(bound) = bound else {
        return matches!((op, bound), (Op::NotEq, Text(text)) if text.is_empty());
    };
    match op {
        Op::Gt | Op::NotEq => *bound <= 0.0,
        Op::GtEq => *bound <= 1.0,
        _ => false,
    }
}

fn equal(a: &Folded, b: &Folded) -> bool {
    match (a, b) {
        (Text(a), Text(b)) => a.trim_end().eq_ignore_ascii_case(b.trim_end()),
        (a, b) => a.number() == b.number(),
    }
}

fn negate_if(negated: bool, folded: Folded) -> Folded {
    if negated { folded.not() } else { folded }
}

fn and(a: &Folded, b: &Folded) -> Folded {
    match (a.truth(), b.truth()) {
        (Some(false), _) | (_, Some(false)) => Bool(false),
        (Some(true), Some(true)) => Bool(true),
        _ => Open,
    }
}

fn any(terms: impl Iterator<Item = Folded>) -> Folded {
    let mut open = false;
    for term in terms {
        match term.truth() {
            Some(true) => return Bool(true),
            Some(false) => {}
            None => open = true,
        }
    }
    if open { Open } else { Bool(false) }
}

fn matches_anything(pattern: &str) -> bool {
    matches!(pattern.trim_start_matches('^').trim_end_matches('$'), "" | ".*" | ".+" | ".")
}

#[expect(clippy::wildcard_enum_match_arm, reason = "literals of other types are of no use here")]
fn literal(value: &Value) -> Folded {
    match value {
        Value::Number(digits, _) => digits.parse().map_or(Open, Number),
        Value::Boolean(truth) => Bool(*truth),
        Value::Null => Null,
        Value::SingleQuotedString(text)
        | Value::DoubleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::UnicodeStringLiteral(text)
        | Value::NationalStringLiteral(text) => Text(text.clone()),
        Value::DollarQuotedString(text) => Text(text.value.clone()),
        Value::HexStringLiteral(digits) => {
            u64::from_str_radix(digits, 16).map_or(Open, |number| Number(number as f64))
        }
        _ => Open,
    }
}

/// An expression without parentheses around it.
fn bare(mut expr: &Expr) -> &Expr {
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}

/// A column's own name in lower case.
#[expect(clippy::wildcard_enum_match_arm, reason = "anything else is no column")]
fn last(expr: &Expr) -> Option<String> {
    match bare(expr) {
        Expr::Identifier(name) => Some(name.value.to_ascii_lowercase()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|name| name.value.to_ascii_lowercase()),
        _ => None,
    }
}

fn is_id(expr: &Expr) -> bool {
    last(expr).is_some_and(|name| matches!(name.as_str(), "id" | "_id" | "rowid" | "uuid"))
}

/// Whether two expressions are the same in every row: the same column, the same call.
fn same(a: &Expr, b: &Expr) -> bool {
    fn text(expr: &Expr) -> String {
        let mut text = bare(expr).to_string().to_ascii_lowercase();
        text.retain(|c| !matches!(c, '"' | '`' | '[' | ']' | ' '));
        text
    }
    let column = |expr: &Expr| last(expr).is_some();
    let (one, other) = (text(a), text(b));
    let ends = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.ends_with('.'));
    one == other || (column(a) && column(b) && (ends(&one, &other) || ends(&other, &one)))
}
