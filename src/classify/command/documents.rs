//! Clients of databases without SQL: documents and keys.

use super::environment::without_password;
use super::{Call, Options, Reader, Style};
use crate::classify::shell::Session;
use crate::classify::{Act, Extent, Kind, Why};

pub(super) fn reader(name: &str) -> Option<Reader> {
    Some(match name {
        "mongosh" | "mongo" => mongo,
        "redis-cli" | "valkey-cli" | "keydb-cli" => redis,
        _ => return None,
    })
}

fn mongo(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(
        call.arguments,
        &["-u", "-p", "--eval", "--host", "--port", "--username", "--password", "-f", "--file"],
        Style::Mixed,
    );
    let names = options.names();
    let places: Vec<String> = options
        .values(&["--host"])
        .into_iter()
        .chain(names.iter().take(1).map(|name| without_password(name)))
        .collect();
    let text = options.values(&["--eval"]).join(";");
    let text = if text.is_empty() { call.input.text.clone().unwrap_or_default() } else { text };
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let (what, kind, all) = match () {
        () if has(&["dropDatabase"]) => ("dropDatabase", Kind::Delete, true),
        () if has(&[".drop(", "dropCollection", "deleteMany({})", "remove({})", "deleteMany( {} )"]) => {
            ("drop", Kind::Delete, true)
        }
        () if has(&["delete", "remove", "dropIndex"]) => ("delete", Kind::Delete, false),
        () if has(&[
            "createUser",
            "grantRoles",
            "dropUser",
            "updateUser",
            "adminCommand",
            "runCommand",
            "shutdown",
        ]) =>
        {
            ("admin", Kind::Admin, false)
        }
        () if has(&[
            "update",
            "replace",
            "rename",
            "findAndModify",
            "$set",
            "$out",
            "$merge",
            "bulkWrite",
        ]) =>
        {
            ("update", Kind::Update, false)
        }
        () if has(&["insert", "save(", "create"]) => ("insert", Kind::Write, false),
        () => ("mongosh", Kind::Unknown, false),
    };
    let extent = if all { Extent::Everything } else { Extent::Unstated };
    session.act(Act { places, extent, irreversible: all, ..Act::new(what, kind) });
    session.doubt(Why::Foreign, &format!("{} {text}", call.name));
}

fn redis(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(
        call.arguments,
        &["-h", "-p", "-n", "-a", "-u", "-s", "-i", "-r", "-x", "--eval", "--user", "--pass"],
        Style::First,
    );
    let hosts = options.values(&["-h", "-u", "-n", "-s"]);
    let places: Vec<String> = hosts.iter().map(|host| without_password(host)).collect();
    if options.value(&["--eval"]).is_some() {
        session.doubt(Why::Foreign, "redis-cli --eval");
    }
    if options.operands.is_empty() {
        let Some(text) = call.input.text.clone() else {
            session.act(Act { places, ..Act::new(call.name, Kind::Unknown) });
            return session.doubt(Why::Dynamic, call.name);
        };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            redis_command(session, &line.split_whitespace().map(str::to_owned).collect::<Vec<_>>(), &places);
        }
        return;
    }
    redis_command(session, &options.names(), &places);
}

fn redis_command(session: &mut Session, words: &[String], places: &[String]) {
    let verb = words.first().map(|verb| verb.to_ascii_uppercase()).unwrap_or_default();
    let second = words.get(1).map(|word| word.to_ascii_uppercase()).unwrap_or_default();
    let targets: Vec<String> = words.iter().skip(1).cloned().collect();
    let act =
        |kind| Act { targets: targets.clone(), places: places.to_vec(), ..Act::new(verb.as_str(), kind) };
    let count = u64::try_from(targets.len()).unwrap_or(u64::MAX);
    match verb.as_str() {
        "FLUSHALL" | "FLUSHDB" => {
            session.act(Act { extent: Extent::Everything, irreversible: true, ..act(Kind::Delete) })
        }
        "DEL" | "UNLINK" | "HDEL" | "ZREM" | "SREM" | "LREM" | "GETDEL" | "LPOP" | "RPOP" | "LTRIM"
        | "XTRIM" | "XDEL" => {
            session.act(Act { extent: Extent::Counted(count), irreversible: true, ..act(Kind::Delete) });
        }
        "CONFIG" | "CLIENT" | "CLUSTER" | "ACL" | "MEMORY" | "SLOWLOG" | "LATENCY" | "COMMAND"
            if matches!(
                second.as_str(),
                "GET" | "LIST" | "INFO" | "NODES" | "WHOAMI" | "USAGE" | "STATS" | "DOCS" | "SLOTS" | ""
            ) =>
        {
            session.act(act(Kind::Read));
        }
        "CONFIG" | "SHUTDOWN" | "ACL" | "REPLICAOF" | "SLAVEOF" | "CLUSTER" | "MODULE" | "DEBUG"
        | "FAILOVER" | "CLIENT" | "MIGRATE" | "SWAPDB" | "BGREWRITEAOF" | "SAVE" | "BGSAVE" => {
            session.act(act(Kind::Admin))
        }
        "GET" | "MGET" | "KEYS" | "SCAN" | "INFO" | "PING" | "TTL" | "PTTL" | "TYPE" | "EXISTS" | "HGET"
        | "HGETALL" | "HKEYS" | "HMGET" | "LRANGE" | "LLEN" | "SMEMBERS" | "SCARD" | "ZRANGE" | "ZSCORE"
        | "ZCARD" | "DBSIZE" | "STRLEN" | "SELECT" | "MONITOR" | "TIME" | "SUBSCRIBE" | "LASTSAVE"
        | "ROLE" | "XRANGE" | "XLEN" | "HLEN" | "SISMEMBER" | "MEMORY" | "SLOWLOG" => {
            session.act(act(Kind::Read));
        }
        "SET" | "MSET" | "HSET" | "HMSET" | "SETEX" | "SETNX" | "GETSET" | "INCR" | "DECR" | "INCRBY"
        | "DECRBY" | "APPEND" | "EXPIRE" | "PERSIST" | "RENAME" | "EXPIREAT" | "PEXPIRE" | "HINCRBY"
        | "RESTORE" | "COPY" => session.act(act(Kind::Update)),
        "LPUSH" | "RPUSH" | "SADD" | "ZADD" | "XADD" | "PUBLISH" | "PFADD" => session.act(act(Kind::Write)),
        _ => {
            session.act(act(Kind::Unknown));
            let why =
                if verb.starts_with("EVAL") || verb == "FCALL" { Why::Foreign } else { Why::Unfamiliar };
            session.doubt(why, &words.join(" "));
        }
    }
}
