//! Objects: what DROP, CREATE and ALTER do, by the kind of object that they name.

use super::head::{names, upper, word_at};
use super::lexeme::{Lexeme, name};
use super::sweep::tables;
use crate::classify::{Act, Extent, Kind, Reading, Why};

/// The kinds of object that DROP, CREATE and ALTER name. What is not here is named by its own word.
const OBJECTS: &[&str] = &[
    "table",
    "view",
    "index",
    "schema",
    "database",
    "role",
    "user",
    "login",
    "group",
    "policy",
    "server",
    "subscription",
    "publication",
    "trigger",
    "event",
    "rule",
    "extension",
    "credential",
    "secret",
    "cast",
    "language",
    "function",
    "procedure",
    "aggregate",
    "sequence",
    "type",
    "domain",
    "tablespace",
    "owned",
    "keyspace",
    "system",
    "privileges",
    "instance",
    "session",
    "operator",
    "collation",
    "stage",
    "stream",
    "task",
    "warehouse",
    "pipe",
    "macro",
    "connector",
    "assembly",
    "certificate",
    "key",
    "dictionary",
    "synonym",
    "package",
    "profile",
    "statistics",
    "conversion",
    "account",
    "endpoint",
    "audit",
    "wrapper",
    "mapping",
    "column",
    "constraint",
    "method",
    "configuration",
    "parser",
    "foreign",
    "quota",
];

/// Objects that say who may do what, or that run by themselves.
const GUARDS: &[&str] = &[
    "role",
    "user",
    "login",
    "group",
    "policy",
    "server",
    "subscription",
    "publication",
    "trigger",
    "event",
    "rule",
    "extension",
    "credential",
    "secret",
    "cast",
    "language",
    "system",
    "privileges",
    "instance",
    "account",
    "profile",
    "endpoint",
    "audit",
    "wrapper",
    "mapping",
    "assembly",
    "certificate",
    "key",
    "quota",
];

/// Objects that hold rows.
const HOLDERS: &[&str] =
    &["table", "database", "schema", "tablespace", "owned", "keyspace", "materialized view"];

/// The kind of object that a statement is about, and where its names begin.
pub(super) fn object<'a>(lexemes: &[Lexeme<'a>]) -> (String, usize) {
    let known = |lexeme: &Lexeme<'a>| OBJECTS.iter().find(|object| lexeme.is(object));
    let found = lexemes.iter().enumerate().skip(1).take(10).find_map(|(at, one)| Some((at, known(one)?)));
    let Some((mut at, object)) = found else {
        return (lexemes.get(1).and_then(|one| one.name()).unwrap_or_default().to_ascii_lowercase(), 2);
    };
    let mut text = (*object).to_owned();
    if text == "view" && lexemes.iter().take(at).any(|one| one.is("materialized")) {
        text.insert_str(0, "materialized ");
    }
    at += 1;
    while lexemes
        .get(at)
        .is_some_and(|one| one.is_any(&["if", "not", "exists", "concurrently", "only", "by", "set"]))
    {
        at += 1;
    }
    (text, at)
}

pub(super) fn drop_object(lexemes: &[Lexeme<'_>]) -> Act {
    let (object, at) = object(lexemes);
    let mut targets = names(lexemes.get(at..).unwrap_or_default());
    targets.extend(after_on(lexemes, &object));
    let kind = if GUARDS.contains(&object.as_str()) { Kind::Admin } else { Kind::Delete };
    let all = HOLDERS.contains(&object.as_str());
    let extent = if all { Extent::Everything } else { Extent::Unstated };
    Act { targets, extent, irreversible: true, ..Act::new(format!("DROP {}", upper(&object)), kind) }
}

pub(super) fn create_object(lexemes: &[Lexeme<'_>], reading: &mut Reading) -> Act {
    let (object, at) = object(lexemes);
    let mut targets: Vec<String> = names(lexemes.get(at..).unwrap_or_default()).into_iter().take(1).collect();
    targets.extend(after_on(lexemes, &object));
    let code =
        matches!(object.as_str(), "function" | "procedure" | "trigger" | "event" | "aggregate" | "package");
    let replaces = word_at(lexemes, 1, &["or"]) && word_at(lexemes, 2, &["replace"]);
    let what = format!("CREATE {}{}", if replaces { "OR REPLACE " } else { "" }, upper(&object));
    if code {
        // What it holds runs later, for whoever calls it.
        reading.doubt(Why::Foreign, &what);
    } else {
        for table in tables(lexemes) {
            if !targets.contains(&table) {
                targets.push(table);
            }
        }
    }
    let trusted = ["definer", "c", "plpythonu", "plpython3u", "plperlu", "pltclu", "internal"];
    let privileged = code
        && lexemes
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.is_any(&["security", "language"]) && b.is_any(&trusted)));
    // CREATE OR REPLACE TABLE drops the table that was there.
    let drops = replaces && object == "table";
    let kind = match () {
        () if drops => Kind::Delete,
        () if privileged || GUARDS.contains(&object.as_str()) => Kind::Admin,
        () if replaces => Kind::Update,
        () => Kind::Write,
    };
    let extent = if drops { Extent::Everything } else { Extent::Unstated };
    Act { targets, extent, irreversible: drops, ..Act::new(what, kind) }
}

/// ALTER that takes something away is a delete. Of the rest, what says who may do what or how the server runs (roles,
/// row security, triggers, owners) is administration, because access hangs on it; another change of a table or view
/// is an update, because it changes something that is there and no more.
pub(super) fn alter_object(lexemes: &[Lexeme<'_>]) -> Act {
    let (object, at) = object(lexemes);
    let mut targets: Vec<String> = names(lexemes.get(at..).unwrap_or_default()).into_iter().take(1).collect();
    targets.extend(after_on(lexemes, &object));
    let mut act = Act { targets, ..Act::new(format!("ALTER {}", upper(&object)), Kind::Update) };
    let pair = |a: &str, b: &[&str]| {
        lexemes.windows(2).any(|pair| matches!(pair, [one, two] if one.is(a) && two.is_any(b)))
    };
    let has = |word: &str| lexemes.iter().skip(at).any(|one| one.is(word));
    let keeps_rows = [
        "constraint",
        "index",
        "key",
        "default",
        "not",
        "primary",
        "foreign",
        "check",
        "identity",
        "expression",
        "projection",
        "unique",
        "partitioning",
    ];
    let drops = lexemes.windows(2).skip(at.saturating_sub(1)).find_map(|pair| match pair {
        [one, two] if one.is("drop") && !two.is_any(&keeps_rows) => Some(*two),
        _ => None,
    });
    let security = pair("level", &["security"])
        || pair("owner", &["to"])
        || ["enable", "disable"].iter().any(|word| pair(word, &["trigger", "rule", "always", "replica"]));
    if let Some(dropped) = drops.filter(|_| !GUARDS.contains(&object.as_str())) {
        act.kind = Kind::Delete;
        act.irreversible = true;
        act.extent = Extent::Everything;
        act.what.push_str(if dropped.is("partition") { " DROP PARTITION" } else { " DROP COLUMN" });
    } else if object == "table" && has("truncate") {
        act = Act { kind: Kind::Delete, irreversible: true, extent: Extent::Everything, ..act };
        act.what.push_str(" TRUNCATE PARTITION");
    } else if object == "table" && has("delete") && !pair("on", &["delete"]) {
        act.kind = Kind::Delete;
        act.what.push_str(" DELETE");
    } else if security || GUARDS.contains(&object.as_str()) || object == "database" {
        act.kind = Kind::Admin;
    } else if has("type") || has("modify") || has("change") {
        // A narrower type cuts what it holds.
        act.irreversible = object == "table";
    }
    act
}

/// The table that an index, a trigger or a policy is on.
fn after_on(lexemes: &[Lexeme<'_>], object: &str) -> Option<String> {
    let at = lexemes.iter().position(|one| one.is("on"))?;
    let hangs = matches!(object, "index" | "trigger" | "policy" | "rule");
    if hangs { Some(name(lexemes.get(at + 1..)?)?.0) } else { None }
}
