//! Heads: what a statement does by the words that it begins with, for all that is no query and no change of rows.

use super::lexeme::{Lexeme, name};
use super::object::{alter_object, create_object, drop_object, object};
use super::sweep::tables;
use crate::classify::{Act, Extent, Kind, Reading, Why};

/// Adds what a statement does by its first words; `false` if they say nothing.
pub(super) fn read(lexemes: &[Lexeme<'_>], reading: &mut Reading) -> bool {
    let Some(&Lexeme::Word(first)) = lexemes.first() else { return false };
    let act = match first.to_ascii_lowercase().as_str() {
        "drop" => drop_object(lexemes),
        "truncate" => {
            let skipped =
                lexemes.iter().skip(1).take_while(|one| one.is_any(&["table", "partition", "only"])).count();
            let targets = names(lexemes.get(1 + skipped..).unwrap_or_default());
            Act {
                targets,
                extent: Extent::Everything,
                irreversible: true,
                ..Act::new("TRUNCATE", Kind::Delete)
            }
        }
        "create" => create_object(lexemes, reading),
        "alter" => alter_object(lexemes),
        "grant" | "revoke" | "deny" => grant(first, lexemes),
        "set" => set(lexemes),
        "pragma" => pragma(lexemes),
        "copy" => copy(lexemes),
        "use" => Act { places: names(lexemes.get(1..).unwrap_or_default()), ..Act::new("USE", Kind::Read) },
        "call" | "exec" | "execute" | "do" | "perform" | "prepare" => {
            let what = if first.eq_ignore_ascii_case("exec") { "EXECUTE".to_owned() } else { upper(first) };
            let skipped = usize::from(word_at(lexemes, 1, &["immediate"]));
            let targets: Vec<String> =
                names(lexemes.get(1 + skipped..).unwrap_or_default()).into_iter().take(1).collect();
            reading.doubt(Why::Dynamic, format!("{what} {}", targets.concat()).trim_end());
            Act { targets, ..Act::new(what, Kind::Unknown) }
        }
        other => match SIMPLE.iter().find(|(words, ..)| words.contains(&other)) {
            Some(&(_, kind)) => simple(first, kind, lexemes),
            None => return false,
        },
    };
    reading.act(act);
    true
}

/// Statements of one word, with what kind they are.
const SIMPLE: &[(&[&str], Kind)] = &[
    (
        &[
            "show",
            "describe",
            "desc",
            "explain",
            "help",
            "begin",
            "start",
            "commit",
            "end",
            "rollback",
            "savepoint",
            "release",
            "abort",
            "listen",
            "unlisten",
            "deallocate",
            "discard",
            "close",
            "open",
            "fetch",
            "move",
            "declare",
            "print",
            "raiserror",
            "throw",
            "return",
            "waitfor",
            "list",
            "check",
            "checksum",
            "cache",
            "uncache",
            "handler",
            "go",
            "assert",
        ],
        Kind::Read,
    ),
    (&["notify", "import"], Kind::Write),
    (
        &[
            "analyze", "vacuum", "optimize", "repair", "reindex", "cluster", "refresh", "comment", "rename",
            "lock", "unlock", "detach", "undrop", "msck", "reset",
        ],
        Kind::Update,
    ),
    // Files and other hosts are outside.
    (&["load", "attach", "unload", "export", "put", "get", "backup", "bulk"], Kind::ExternalCall),
    (&["purge", "remove", "rm"], Kind::Delete),
    (
        &[
            "kill",
            "shutdown",
            "restart",
            "flush",
            "reload",
            "checkpoint",
            "reassign",
            "security",
            "dbcc",
            "reconfigure",
            "install",
            "uninstall",
            "change",
            "stop",
            "system",
            "restore",
            "clone",
        ],
        Kind::Admin,
    ),
];

fn simple(first: &str, kind: Kind, lexemes: &[Lexeme<'_>]) -> Act {
    let second = lexemes.get(1).copied().unwrap_or(Lexeme::Mark);
    // `LOAD 'library'` loads code into the server; `START REPLICA` and `VACUUM INTO 'file'` are more than their words.
    let kind = match first.to_ascii_lowercase().as_str() {
        "load" if !second.is_any(&["data", "xml"]) => Kind::Admin,
        "start" if second.is_any(&["slave", "replica", "group_replication"]) => Kind::Admin,
        "vacuum" if lexemes.iter().any(|word| word.is("into")) => Kind::ExternalCall,
        "reset" if second.is_any(&["master", "slave", "replica", "persist", "binary"]) => Kind::Admin,
        _ => kind,
    };
    let mut what = upper(first);
    let second_counts = ["load", "show", "flush", "start", "purge", "bulk", "reset", "security", "import"];
    if let (Lexeme::Word(word), true) =
        (second, second_counts.iter().any(|one| first.eq_ignore_ascii_case(one)))
    {
        what.push(' ');
        what.push_str(&upper(word));
    }
    let in_place =
        ["vacuum", "analyze", "optimize", "repair", "reindex", "describe", "desc", "lock", "cluster"];
    let mut targets = tables(lexemes);
    if ["comment", "rename", "refresh", "detach"].iter().any(|one| first.eq_ignore_ascii_case(one)) {
        let (_, at) = object(lexemes);
        targets = names(lexemes.get(at..).unwrap_or_default());
    }
    if targets.is_empty() && in_place.iter().any(|one| first.eq_ignore_ascii_case(one)) {
        let skipped = ["table", "tables", "index", "full", "verbose", "analyze", "database", "schema"];
        let skipped = lexemes.iter().skip(1).take_while(|word| word.is_any(&skipped)).count();
        targets = names(lexemes.get(1 + skipped..).unwrap_or_default());
    }
    let irreversible = kind == Kind::Delete || first.eq_ignore_ascii_case("restore");
    Act { targets, irreversible, ..Act::new(what, kind) }
}

fn grant(first: &str, lexemes: &[Lexeme<'_>]) -> Act {
    let mut targets = Vec::new();
    for (at, lexeme) in lexemes.iter().enumerate().skip(1) {
        if lexeme.is_any(&["on", "to", "from"]) {
            let kinds = [
                "table", "schema", "database", "all", "tables", "in", "sequence", "function", "role", "user",
            ];
            let rest = lexemes.get(at + 1..).unwrap_or_default();
            let skipped = rest.iter().take_while(|word| word.is_any(&kinds)).count();
            targets.extend(names(rest.get(skipped..).unwrap_or_default()));
        }
    }
    Act { targets, ..Act::new(upper(first), Kind::Admin) }
}

/// Settings that turn a safeguard off or change what names mean.
const SAFEGUARDS: &[&str] = &[
    "foreign_key_checks",
    "unique_checks",
    "sql_safe_updates",
    "sql_log_bin",
    "sql_log_off",
    "row_security",
    "session_replication_role",
    "search_path",
    "default_transaction_read_only",
    "transaction_read_only",
    "sql_mode",
    "identity_insert",
    "local_infile",
    "check_function_bodies",
    "lo_compat_privileges",
    "secure_file_priv",
    "max_execution_time_limit",
    "query_audit",
];

/// Settings of one's own session that change nothing for the rows.
const HARMLESS: &[&str] = &[
    "statement_timeout",
    "lock_timeout",
    "time",
    "timezone",
    "time_zone",
    "names",
    "client_encoding",
    "application_name",
    "datestyle",
    "transaction",
    "character",
    "work_mem",
    "nocount",
    "ansi_nulls",
    "quoted_identifier",
    "intervalstyle",
    "extra_float_digits",
    "client_min_messages",
    "autocommit",
    "max_execution_time",
    "idle_in_transaction_session_timeout",
    "constraints",
    "statistics",
    "arithabort",
];

fn set(lexemes: &[Lexeme<'_>]) -> Act {
    let until =
        lexemes.iter().position(|one| *one == Lexeme::Equals || one.is("to")).unwrap_or(lexemes.len());
    let head: Vec<String> = lexemes
        .iter()
        .take(until)
        .skip(1)
        .filter_map(|one| one.name())
        .map(str::to_ascii_lowercase)
        .collect();
    let all = || {
        lexemes
            .iter()
            .filter_map(|one| one.name())
            .map(|word| word.trim_start_matches('@').to_ascii_lowercase())
    };
    let is = |words: &[&str]| head.iter().any(|word| words.contains(&word.as_str()));
    if all().any(|word| matches!(word.as_str(), "global" | "persist" | "persist_only")) {
        let targets = head.last().map(|word| word.trim_start_matches('@').to_owned()).into_iter().collect();
        return Act { targets, ..Act::new("SET GLOBAL", Kind::Admin) };
    }
    if is(&["role", "authorization", "password", "resource"]) {
        return Act::new("SET ROLE", Kind::Admin);
    }
    if let Some(guard) = all().find(|word| SAFEGUARDS.contains(&word.as_str())) {
        return Act { targets: vec![guard], ..Act::new("SET", Kind::Admin) };
    }
    let scopes = ["session", "local"];
    let setting = head.iter().find(|word| !scopes.contains(&word.as_str()));
    let own =
        matches!(lexemes.get(1), Some(Lexeme::Mark)) || setting.is_some_and(|word| word.starts_with('@'));
    let harmless = own || setting.is_none_or(|word| HARMLESS.contains(&word.as_str()));
    let kind = if harmless { Kind::Read } else { Kind::Update };
    Act { targets: setting.cloned().into_iter().collect(), ..Act::new("SET", kind) }
}

fn pragma(lexemes: &[Lexeme<'_>]) -> Act {
    const LOOKS: &[&str] = &[
        "table_info",
        "table_xinfo",
        "index_list",
        "index_info",
        "index_xinfo",
        "foreign_key_list",
        "table_list",
        "foreign_key_check",
        "integrity_check",
        "quick_check",
    ];
    let (setting, taken) = name(lexemes.get(1..).unwrap_or_default()).unwrap_or_default();
    let asks = lexemes.len() <= 1 + taken
        || LOOKS
            .iter()
            .any(|one| setting.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case(one)));
    let kind = if asks { Kind::Read } else { Kind::Admin };
    Act { targets: vec![setting.to_ascii_lowercase()], ..Act::new("PRAGMA", kind) }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only parentheses change the depth")]
fn copy(lexemes: &[Lexeme<'_>]) -> Act {
    if word_at(lexemes, 1, &["into"]) {
        return Act { targets: tables(lexemes), ..Act::new("COPY INTO", Kind::ExternalCall) };
    }
    let mut depth = 0_usize;
    let direction = lexemes.iter().position(|one| {
        match one {
            Lexeme::Open => depth += 1,
            Lexeme::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && one.is_any(&["to", "from"])
    });
    let mut targets: Vec<String> = names(lexemes.get(1..).unwrap_or_default()).into_iter().take(1).collect();
    if targets.is_empty() {
        targets = tables(lexemes.get(..direction.unwrap_or(0)).unwrap_or_default());
    }
    let end = direction.and_then(|at| lexemes.get(at + 1)).copied().unwrap_or(Lexeme::Mark);
    let out = direction.and_then(|at| lexemes.get(at)).is_some_and(|one| one.is("to"));
    let after = direction.and_then(|at| lexemes.get(at + 2)).copied().unwrap_or(Lexeme::Mark);
    if let (Lexeme::Text(path), _) | (Lexeme::Word(_), Lexeme::Text(path)) = (end, after) {
        targets.push(path.to_owned());
    }
    let (what, kind) = match (out, end) {
        (_, end) if end.is("program") => ("COPY PROGRAM", Kind::Admin),
        (true, end) if end.is("stdout") => ("COPY TO STDOUT", Kind::Read),
        (false, end) if end.is("stdin") => ("COPY FROM STDIN", Kind::Write),
        (true, _) => ("COPY TO", Kind::ExternalCall),
        (false, _) => ("COPY FROM", Kind::ExternalCall),
    };
    let all = out && lexemes.get(1) != Some(&Lexeme::Open);
    Act { targets, extent: if all { Extent::Everything } else { Extent::Unstated }, ..Act::new(what, kind) }
}

/// The names of a list at the start of `lexemes`: `a, b.c`.
pub(super) fn names(lexemes: &[Lexeme<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = lexemes;
    while let Some((name, taken)) = name(rest) {
        found.push(name);
        match rest.get(taken..) {
            Some([Lexeme::Comma, after @ ..]) => rest = after,
            _ => break,
        }
    }
    found
}

/// Whether the lexeme at `at` is one of these words.
pub(super) fn word_at(lexemes: &[Lexeme<'_>], at: usize, words: &[&str]) -> bool {
    lexemes.get(at).is_some_and(|one| one.is_any(words))
}

/// A word as `what` writes it.
pub(super) fn upper(word: &str) -> String {
    word.to_ascii_uppercase()
}
