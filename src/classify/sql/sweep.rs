//! Sweep: what a statement names and calls, from its lexemes alone, so that nothing nested in it is missed.

use super::lexeme::{Lexeme, name};
use crate::classify::{Act, Kind};
use std::collections::BTreeSet;

/// The tables that a statement names after FROM, JOIN, INTO and UPDATE, at any depth, in their order and each once.
/// Names of common table expressions are none.
pub(super) fn tables(lexemes: &[Lexeme<'_>]) -> Vec<String> {
    let common = common_tables(lexemes);
    let mut found: Vec<String> = Vec::new();
    // For each open parenthesis: whether a table comes next, and whether one comes after a comma.
    let mut frames = vec![Frame::default()];
    let mut at = 0;
    while let Some(&lexeme) = lexemes.get(at) {
        let before = at.checked_sub(1).and_then(|at| lexemes.get(at)).copied().unwrap_or(Lexeme::Mark);
        let Some(frame) = frames.last_mut() else { break };
        let expected = core::mem::take(&mut frame.expects);
        let mut taken = 1;
        match lexeme {
            Lexeme::Open => {
                let inner = Frame { expects: expected, lists: expected, ..Frame::default() };
                let call = before.name().is_some_and(|word| FROM_IS_SYNTAX.contains(&lower(word).as_str()));
                frames.push(Frame { call, ..inner });
            }
            Lexeme::Close => {
                if frames.len() > 1 {
                    frames.pop();
                }
            }
            Lexeme::Comma => frame.expects = frame.lists,
            Lexeme::Word(word) if frame.opens(word, before, lexemes.get(at + 1).copied()) => {
                frame.expects = true;
                frame.lists = true;
            }
            Lexeme::Word(word) if ENDS.contains(&lower(word).as_str()) => frame.lists = false,
            Lexeme::Word(word) if expected && MODIFIERS.contains(&lower(word).as_str()) => {
                frame.expects = true
            }
            Lexeme::Word(_) | Lexeme::Quoted(_) if expected => {
                if let Some((table, length)) = name(lexemes.get(at..).unwrap_or_default()) {
                    taken = length;
                    let calls = lexemes.get(at + length) == Some(&Lexeme::Open);
                    let into = before.is_any(&["into", "table", "overwrite"]);
                    if (!calls || into) && !common.contains(&lower(&table)) && !found.contains(&table) {
                        found.push(table);
                    }
                }
            }
            // `FROM 'file.csv'`
            Lexeme::Text(text) if expected && !found.iter().any(|one| one == text) => {
                found.push(text.to_owned())
            }
            Lexeme::Word(_)
            | Lexeme::Quoted(_)
            | Lexeme::Text(_)
            | Lexeme::Number(_)
            | Lexeme::Period
            | Lexeme::Equals
            | Lexeme::Semicolon
            | Lexeme::Mark => {}
        }
        at += taken;
    }
    found
}

#[derive(Default)]
struct Frame {
    expects: bool,
    lists: bool,
    /// Inside `EXTRACT(… FROM …)`, where FROM is no clause.
    call: bool,
}

impl Frame {
    fn opens(&self, word: &str, before: Lexeme<'_>, after: Option<Lexeme<'_>>) -> bool {
        let set = after.is_some_and(|after| after.is("set"));
        match lower(word).as_str() {
            "from" => !self.call && !before.is("distinct"),
            "into" => !after.is_some_and(|after| after.is_any(&["outfile", "dumpfile"])),
            "join" | "overwrite" | "straight_join" | "apply" => true,
            "using" => matches!(after, Some(Lexeme::Word(_) | Lexeme::Quoted(_))),
            "update" => !set && !before.is_any(&["for", "key", "on", "or", "before", "after", "do", "then"]),
            "table" => before == Lexeme::Open || before == Lexeme::Mark || before.is("union"),
            _ => false,
        }
    }
}

const FROM_IS_SYNTAX: &[&str] = &["extract", "substring", "trim", "overlay", "position", "substr"];
const ENDS: &[&str] = &[
    "where",
    "group",
    "order",
    "having",
    "limit",
    "set",
    "values",
    "select",
    "returning",
    "union",
    "intersect",
    "except",
    "with",
    "when",
    "window",
    "qualify",
    "output",
    "fetch",
    "offset",
    "for",
];
const MODIFIERS: &[&str] = &["only", "lateral", "table", "low_priority", "ignore", "or", "replace", "outer"];

/// The names before `AS (`: `WITH x AS (…)`, `WITH x (a, b) AS (…)`.
fn common_tables(lexemes: &[Lexeme<'_>]) -> BTreeSet<String> {
    let mut common = BTreeSet::new();
    if !lexemes.iter().any(|lexeme| lexeme.is("with")) {
        return common;
    }
    // Where the last complete pair of parentheses at each depth began, to step back over a list of columns.
    let mut opened = Vec::new();
    let mut closed = None;
    for (at, lexeme) in lexemes.iter().enumerate() {
        match lexeme {
            Lexeme::Open => {
                let mut back = at;
                let mut step = || {
                    back = back.checked_sub(1)?;
                    lexemes.get(back).copied()
                };
                let mut before = step();
                while before.is_some_and(|word| word.is_any(&["materialized", "not"])) {
                    before = step();
                }
                if before.is_some_and(|word| word.is("as")) {
                    let mut name = step();
                    if name == Some(Lexeme::Close)
                        && let Some((start, end)) = closed
                        && end == back
                    {
                        name = usize::checked_sub(start, 1).and_then(|at| lexemes.get(at)).copied();
                    }
                    common.extend(name.and_then(Lexeme::name).map(lower));
                }
                opened.push(at);
            }
            Lexeme::Close => closed = opened.pop().map(|start| (start, at)),
            Lexeme::Word(_)
            | Lexeme::Quoted(_)
            | Lexeme::Text(_)
            | Lexeme::Number(_)
            | Lexeme::Comma
            | Lexeme::Period
            | Lexeme::Equals
            | Lexeme::Semicolon
            | Lexeme::Mark => {}
        }
    }
    common
}

/// What a statement does besides: functions with effects, files written, rows locked.
pub(super) fn effects(lexemes: &[Lexeme<'_>]) -> Vec<Act> {
    let mut acts: Vec<Act> = Vec::new();
    let mut add = |act: Act| {
        if !acts.contains(&act) {
            acts.push(act);
        }
    };
    for (at, pair) in lexemes.windows(2).enumerate() {
        let [one, two] = pair else { continue };
        let third = lexemes.get(at + 2).copied();
        if let (Some(function), Lexeme::Open) = (one.name(), two)
            && let Some(kind) = function_kind(&lower(function))
        {
            add(Act::new(format!("{}()", lower(function)), kind));
        } else if one.is("into") && two.is_any(&["outfile", "dumpfile"]) {
            let mut act = Act::new("INTO OUTFILE", Kind::ExternalCall);
            if let Some(Lexeme::Text(path)) = third {
                act.targets.push(path.to_owned());
            }
            add(act);
        } else if one.is("for") && (two.is_any(&["update", "share"]) || (two.is_any(&["no", "key"]))) {
            // Rows are locked until the transaction ends: others wait.
            add(Act::new("FOR UPDATE", Kind::Update));
        } else if one.is_any(&["xp_cmdshell", "sp_configure"]) {
            add(Act::new(lower(one.name().unwrap_or_default()), Kind::Admin));
        }
    }
    acts
}

/// What a call of this function does beyond computing a value. Reaching files and other hosts is an external call;
/// running programs, loading code, ending sessions and changing settings is administration.
fn function_kind(name: &str) -> Option<Kind> {
    const EXTERNAL: &[&str] = &[
        "pg_read_file",
        "pg_read_binary_file",
        "pg_ls_dir",
        "pg_stat_file",
        "pg_ls_logdir",
        "pg_ls_waldir",
        "pg_ls_tmpdir",
        "pg_file_write",
        "pg_file_read",
        "lo_import",
        "lo_export",
        "lo_put",
        "lo_from_bytea",
        "dblink",
        "dblink_exec",
        "dblink_connect",
        "dblink_connect_u",
        "dblink_send_query",
        "dblink_open",
        "load_file",
        "readfile",
        "writefile",
        "openrowset",
        "opendatasource",
        "openquery",
        "http_get",
        "http_post",
        "http_put",
        "http_delete",
        "http_patch",
        "http",
        "net_http_post",
        "httpuritype",
        "url_get",
        "read_csv",
        "read_csv_auto",
        "read_parquet",
        "read_json",
        "read_json_auto",
        "read_text",
        "read_blob",
        "parquet_scan",
        "sqlite_scan",
        "postgres_scan",
        "s3",
        "url",
        "remote",
        "remotesecure",
        "hdfs",
        "jdbc",
        "odbc",
        "aws_lambda",
        "lambda_sync",
        "lambda_async",
        "query_export_to_s3",
        "table_import_from_s3",
        "xp_dirtree",
        "xp_fileexist",
        "xp_subdirs",
        "bfilename",
        "fopen",
        "request",
        "inaddr",
        "get_host_address",
        "pg_logdir_ls",
        "bulk_import",
        "sp_oamethod",
    ];
    const ADMIN: &[&str] = &[
        "pg_terminate_backend",
        "pg_cancel_backend",
        "pg_reload_conf",
        "pg_rotate_logfile",
        "pg_switch_wal",
        "pg_promote",
        "pg_create_restore_point",
        "pg_start_backup",
        "pg_stop_backup",
        "pg_backup_start",
        "pg_backup_stop",
        "pg_wal_replay_pause",
        "pg_wal_replay_resume",
        "pg_drop_replication_slot",
        "pg_create_logical_replication_slot",
        "pg_create_physical_replication_slot",
        "pg_replication_origin_drop",
        "pg_file_unlink",
        "pg_file_rename",
        "pg_stat_reset",
        "pg_stat_statements_reset",
        "set_config",
        "xp_cmdshell",
        "xp_regread",
        "xp_regwrite",
        "xp_servicecontrol",
        "sp_oacreate",
        "sp_configure",
        "sys_exec",
        "sys_eval",
        "load_extension",
        "executable",
        "shellexec",
        "java_call",
        "runcmd",
        "add_grantee",
        "create_credential",
        "grant_permission",
    ];
    const UPDATE: &[&str] = &[
        "setval",
        "nextval",
        "pg_advisory_lock",
        "pg_advisory_xact_lock",
        "pg_advisory_unlock_all",
        "get_lock",
        "lo_unlink",
        "lo_create",
        "lo_creat",
        "lowrite",
        "pg_notify",
        "pg_logical_emit_message",
        "pg_logical_slot_get_changes",
        "pg_replication_slot_advance",
    ];
    const UNKNOWN: &[&str] = &[
        "query_to_xml",
        "query_to_xml_and_xmlschema",
        "cursor_to_xml",
        "crosstab",
        "ts_stat",
        "exec_sql",
        "xmltable_query",
        "execute_immediate",
        "getxml",
    ];
    [(ADMIN, Kind::Admin), (EXTERNAL, Kind::ExternalCall), (UPDATE, Kind::Update), (UNKNOWN, Kind::Unknown)]
        .into_iter()
        .find_map(|(names, kind)| names.contains(&name).then_some(kind))
}

fn lower(word: &str) -> String {
    word.to_ascii_lowercase()
}
