//! Database clients: the SQL that they are given, and where it goes.

use super::environment::without_password;
use super::{Argument, Call, Options, Reader, Style};
use crate::classify::shell::{Session, Stream};
use crate::classify::{Act, Extent, Kind, Why, sql};

pub(super) fn reader(name: &str) -> Option<Reader> {
    Some(match name {
        "psql" | "pgcli" | "cockroach" => psql,
        "mysql" | "mariadb" | "mycli" => mysql,
        "sqlite3" | "sqlite" | "duckdb" => sqlite,
        "clickhouse-client" | "sqlcmd" | "snowsql" | "usql" | "bq" => other_sql,
        "dropdb" | "createdb" | "dropuser" | "createuser" | "mysqladmin" => administer,
        "pg_dump" | "pg_dumpall" | "mysqldump" | "mongodump" | "mariadb-dump" => dump,
        "pg_restore" | "mongorestore" | "mysqlimport" | "mongoimport" => restore,
        _ => return None,
    })
}

/// SQL, and what a client adds to it, in lines that begin with a backslash or a dot.
fn statements(session: &mut Session, text: &str, places: &[String], meta: char) {
    let mut plain = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with(meta) {
            directive(session, line.trim(), places);
        } else {
            plain.push_str(line);
            plain.push('\n');
        }
    }
    // A shell's or file's escape in the middle of a line.
    if meta == '\\'
        && ["\\!", "\\gexec", "\\g |", "\\copy", "\\i", "\\o"].iter().any(|escape| plain.contains(escape))
    {
        session.doubt(Why::Foreign, plain.trim());
        for (_, command) in plain.lines().filter_map(|line| line.split_once("\\!")) {
            session.script(command, &Stream::default());
        }
    }
    if !plain.trim().is_empty() {
        session.absorb(sql::read(plain.trim()), places);
    }
}

/// `\dt`, `\! rm -rf /`, `\copy t to program 'sh'`, `.tables`, `.shell rm -rf /`.
fn directive(session: &mut Session, line: &str, places: &[String]) {
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let lower = line.to_ascii_lowercase();
    if let Some(command) = line.strip_prefix("\\!") {
        session.script(command, &Stream::default());
    } else if matches!(name, ".shell" | ".system") {
        session.script(rest, &Stream::default());
    } else if lower.contains("program") || line.contains('|') {
        session.doubt(Why::Foreign, line);
        if let Some(command) = line.split('\'').nth(1) {
            session.script(command, &Stream::default());
        }
    } else if name == "\\copy" || name == ".import" {
        let kind = if lower.contains(" to ") { Kind::Read } else { Kind::Write };
        session.act(Act {
            targets: rest.split_whitespace().take(1).map(str::to_owned).collect(),
            places: places.to_vec(),
            ..Act::new(name, kind)
        });
    } else if name.starts_with("\\d")
        || matches!(name, "\\l" | "\\x" | "\\q" | "\\timing" | "\\conninfo" | "\\pset" | "\\l+" | "\\z")
        || matches!(
            name,
            ".tables"
                | ".schema"
                | ".mode"
                | ".headers"
                | ".quit"
                | ".exit"
                | ".databases"
                | ".indexes"
                | ".dump"
        )
    {
        session.act(Act { places: places.to_vec(), ..Act::new(name, Kind::Read) });
    } else {
        session.act(Act::new(name, Kind::Unknown));
        session.doubt(Why::Foreign, line);
    }
}

/// What a client is told to run; without, what comes through the pipe, or whatever is typed.
fn run(
    session: &mut Session,
    call: &Call<'_>,
    texts: &[String],
    files: &[String],
    places: &[String],
    meta: char,
) {
    for file in files {
        session.act(Act {
            targets: vec![file.clone()],
            places: places.to_vec(),
            ..Act::new(format!("{} -f", call.name), Kind::Unknown)
        });
        session.doubt(Why::Foreign, file);
    }
    for text in texts {
        statements(session, text, places, meta);
    }
    if texts.is_empty() && files.is_empty() {
        match &call.input.text {
            Some(text) => statements(session, text, places, meta),
            None => {
                session.act(Act { places: places.to_vec(), ..Act::new(call.name, Kind::Unknown) });
                session.doubt(Why::Dynamic, call.name);
            }
        }
    }
}

/// The values of `host=db dbname=app`, or the text itself where it is a URL or a name.
fn connection(text: &str) -> Vec<String> {
    if text.contains("://") || !text.contains('=') {
        return vec![without_password(text)];
    }
    let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(name, _)| matches!(*name, "host" | "hostaddr" | "dbname" | "service"))
        .map(|(_, value)| value.to_owned())
        .collect()
}

fn psql(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-c",
        "-f",
        "-h",
        "-d",
        "-p",
        "-U",
        "-v",
        "-o",
        "-L",
        "-F",
        "-R",
        "-P",
        "-T",
        "-e",
        "--command",
        "--file",
        "--host",
        "--dbname",
        "--port",
        "--username",
        "--set",
        "--variable",
        "--output",
        "--log-file",
        "--url",
        "--execute",
    ];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    let mut places = options.values(&["-h", "--host"]);
    for database in options
        .values(&["-d", "--dbname", "--url"])
        .iter()
        .chain(options.names().iter().filter(|name| *name != "sql").take(1))
    {
        places.extend(connection(database));
    }
    if options.has_exactly(&["-l", "--list", "--version", "-V"]) {
        return session.act(Act { places, ..Act::new(call.name, Kind::Read) });
    }
    for file in options.values(&["-o", "--output", "-L", "--log-file"]) {
        if let Some(command) = file.strip_prefix('|') {
            session.script(command, &Stream::unknown());
        }
    }
    let texts = options.values(&["-c", "--command", "-e", "--execute"]);
    run(session, call, &texts, &options.values(&["-f", "--file"]), &places, '\\');
}

fn mysql(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-e",
        "-h",
        "-u",
        "-D",
        "-P",
        "-S",
        "--execute",
        "--host",
        "--user",
        "--database",
        "--port",
        "--socket",
        "--init-command",
        "--pager",
        "--tee",
    ];
    let arguments = without_glued_password(call);
    let options = Options::new(&arguments, &valued, Style::Mixed);
    let places = [options.values(&["-h", "--host", "-D", "--database"]), options.names()].concat();
    if let Some(pager) = options.value(&["--pager"]) {
        session.script(&pager, &Stream::unknown());
    }
    let texts = options.values(&["-e", "--execute", "--init-command"]);
    for text in &texts {
        if text.contains("system ") || text.contains("\\!") {
            session.doubt(Why::Foreign, text);
        }
    }
    run(session, call, &texts, &[], &places, '\\');
}

/// The arguments without `-psecret`, which the clients of MySQL take, and no other does.
fn without_glued_password(call: &Call<'_>) -> Vec<Argument> {
    let ours = call.name.starts_with("my") || call.name.starts_with("maria");
    let password = |argument: &&Argument| ours && argument.text.starts_with("-p");
    call.arguments.iter().filter(|argument| !password(argument)).cloned().collect()
}

fn sqlite(session: &mut Session, call: &Call<'_>) {
    let options =
        Options::new(call.arguments, &["-cmd", "-init", "-separator", "-nullvalue", "-c"], Style::Words);
    let (file, rest) = options.verb();
    let texts = [super::names(&rest), options.values(&["-cmd", "-c"])].concat();
    run(session, call, &texts, &options.values(&["-init"]), &[file.to_owned()], '.');
}

fn other_sql(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-q",
        "-Q",
        "-c",
        "-h",
        "-S",
        "-d",
        "-i",
        "-f",
        "-U",
        "-P",
        "-u",
        "--query",
        "--host",
        "--database",
        "--multiquery",
        "--project_id",
    ];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    let places = options.values(&["-h", "-S", "-d", "--host", "--database", "--project_id"]);
    let mut texts = options.values(&["-q", "-Q", "-c", "--query", "--multiquery"]);
    if call.name == "bq" {
        let (verb, rest) = options.verb();
        if verb != "query" {
            return super::cloud::verb(session, call, "bq", &options.names(), places);
        }
        texts.extend(super::names(&rest));
    }
    run(session, call, &texts, &options.values(&["-i", "-f"]), &places, '\\');
}

const CONNECTION: &[&str] = &[
    "-h",
    "-p",
    "-U",
    "-d",
    "-u",
    "-f",
    "-F",
    "-t",
    "-n",
    "-j",
    "-e",
    "--host",
    "--port",
    "--username",
    "--dbname",
    "--file",
    "--db",
    "--uri",
    "--user",
    "--out",
    "--collection",
    "-o",
    "-T",
    "-N",
    "-E",
];

fn administer(session: &mut Session, call: &Call<'_>) {
    let arguments = without_glued_password(call);
    let options = Options::new(&arguments, CONNECTION, Style::Mixed);
    let (places, targets) = (options.values(&["-h", "--host"]), options.names());
    let verb = targets.first().map_or("", String::as_str);
    let (kind, gone) = match call.name {
        "dropdb" => (Kind::Delete, true),
        "createdb" => (Kind::Write, false),
        "mysqladmin" if verb == "drop" => (Kind::Delete, true),
        "mysqladmin"
            if matches!(
                verb,
                "status" | "ping" | "version" | "processlist" | "variables" | "extended-status"
            ) =>
        {
            (Kind::Read, false)
        }
        _ => (Kind::Admin, call.name == "dropuser"),
    };
    let extent = if gone && kind == Kind::Delete { Extent::Everything } else { Extent::Unstated };
    session.act(Act { targets, places, extent, irreversible: gone, ..Act::new(call.name, kind) });
}

fn dump(session: &mut Session, call: &Call<'_>) {
    let arguments = without_glued_password(call);
    let options = Options::new(&arguments, CONNECTION, Style::Mixed);
    let mut places = options.values(&["-h", "--host"]);
    places.extend(
        options.values(&["-d", "--dbname", "--db", "--uri"]).iter().flat_map(|text| connection(text)),
    );
    let targets = options.names().iter().map(|name| without_password(name)).collect();
    session.act(Act { targets, places, extent: Extent::Everything, ..Act::new(call.name, Kind::Read) });
    let files = options.values(&["-f", "--file", "-o", "--out", "--result-file"]);
    if !files.is_empty() {
        let system = files.iter().any(|file| super::path::is_system(file));
        let kind = if system { Kind::Admin } else { Kind::Write };
        session.act(Act { targets: files, ..Act::new(format!("{} -f", call.name), kind) });
    }
}

fn restore(session: &mut Session, call: &Call<'_>) {
    let arguments = without_glued_password(call);
    let options = Options::new(&arguments, CONNECTION, Style::Mixed);
    let mut places = options.values(&["-h", "--host"]);
    places.extend(
        options.values(&["-d", "--dbname", "--db", "--uri"]).iter().flat_map(|text| connection(text)),
    );
    let clean = options.has(&["--clean", "--drop"]) || (call.name == "pg_restore" && options.has(&["-c"]));
    let looks = call.name == "pg_restore" && options.has_exactly(&["-l", "--list"]);
    let targets = options.names();
    if looks {
        return session.act(Act { targets, ..Act::new("pg_restore -l", Kind::Read) });
    }
    let (what, kind) = if clean {
        (format!("{} --clean", call.name), Kind::Delete)
    } else {
        (call.name.to_owned(), Kind::Update)
    };
    session.act(Act {
        targets,
        places,
        extent: Extent::Everything,
        irreversible: clean,
        ..Act::new(what, kind)
    });
}
