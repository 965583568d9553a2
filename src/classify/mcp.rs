//! MCP: what a tool call may do. A tool's name and annotations come from its server, so they raise and never lower.

use super::disguise::undisguise;
use super::{Act, Kind, Language, Reading, Why};
use crate::operation::json::{Object, Value};

/// The longest name of a tool that is looked at, in bytes.
const MAX_NAME: usize = 256;

/// Reads a tool call, alone or as the parameters of a JSON-RPC request. `inner` reads the arguments as the
/// parameters of an operation are read; a call within them is not followed again.
///
/// A name that says `delete` or `grant` is believed, because it only raises. One that says `get`, `create` or
/// `update` leaves the kind unknown: the server chose the name, and those are milder than what is unknown.
#[must_use]
pub fn read(call: &Object, inner: &dyn Fn(&Object) -> Vec<Reading>) -> Reading {
    let mut reading = Reading::new(Language::Mcp);
    let call = match call.get("method") {
        None => call,
        Some(Value::String(method)) if method == "tools/call" => {
            match call.get("params").and_then(Value::as_object) {
                Some(params) => params,
                None => {
                    reading.doubt(Why::Missing, "params");
                    call
                }
            }
        }
        Some(method) => {
            let method = method.as_str().unwrap_or("method");
            reading.doubt(Why::Unfamiliar, method);
            reading.act(Act::new(format!("mcp {}", shown(method)), Kind::Unknown));
            return reading;
        }
    };
    let Some(name) = call.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
        reading.doubt(Why::Missing, "name");
        reading.act(Act::new("mcp tool", Kind::Unknown));
        return reading;
    };
    let plain = undisguise(name);
    if let Some(marks) = plain.marks {
        reading.doubt(Why::Disguised, &marks);
    }
    if name.len() > MAX_NAME {
        reading.doubt(Why::TooMuch, name);
    }
    let what = format!("mcp tool {}", shown(&plain.text));
    let hints = call.get("annotations").and_then(Value::as_object);
    let hint = |name: &str| {
        // Anything but a plain no is a yes to a hint that raises.
        hints
            .and_then(|hints| hints.get(name))
            .is_some_and(|hint| *hint != Value::Bool(false) && !hint.is_null())
    };
    let destructive = hint("destructiveHint");
    let said = kind_of(&plain.text);
    let kind = if said == Kind::Unknown && destructive { Kind::Delete } else { said };
    reading.act(Act { irreversible: destructive && kind == Kind::Delete, ..Act::new(what.clone(), kind) });
    if hint("openWorldHint") {
        reading.act(Act::new(what, Kind::ExternalCall));
    }
    match call.get("arguments") {
        None | Some(Value::Null) => {}
        Some(Value::Object(arguments)) => {
            inner(arguments).into_iter().for_each(|found| reading.absorb(found))
        }
        Some(_) => reading.doubt(Why::Missing, "arguments"),
    }
    reading
}

fn shown(name: &str) -> &str {
    name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or_default()
}

/// What the words of a tool's name say, if that is worse than nothing.
fn kind_of(name: &str) -> Kind {
    const ADMIN: &[&str] = &[
        "grant",
        "revoke",
        "permission",
        "permissions",
        "role",
        "roles",
        "admin",
        "administer",
        "password",
        "passwords",
        "policy",
        "policies",
        "iam",
        "sudo",
        "chmod",
        "chown",
        "impersonate",
        "invite",
        "shutdown",
        "reboot",
        "credential",
        "credentials",
        "acl",
        "firewall",
        "privilege",
        "privileges",
        "escalate",
        "authorize",
        "mfa",
    ];
    const DELETE: &[&str] = &[
        "delete",
        "deletes",
        "del",
        "remove",
        "removes",
        "rm",
        "rmdir",
        "drop",
        "drops",
        "destroy",
        "destroys",
        "purge",
        "erase",
        "wipe",
        "truncate",
        "clear",
        "uninstall",
        "terminate",
        "unlink",
        "prune",
        "discard",
        "trash",
        "flush",
        "deprovision",
        "teardown",
        "kill",
        "nuke",
        "reset",
        "empty",
        "bulkdelete",
    ];
    let words = words(name);
    let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let reads = words
        .first()
        .is_some_and(|word| ["get", "list", "read", "search", "describe"].contains(&word.as_str()));
    if any(DELETE) {
        // Both at once is the worse of the two.
        if any(ADMIN) { Kind::Admin } else { Kind::Delete }
    } else if any(ADMIN) && !reads {
        Kind::Admin
    } else {
        Kind::Unknown
    }
}

/// The words of a name in lower case, at separators and at changes of case: `deleteUser`, `delete_user`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    let characters: Vec<char> = name.chars().take(MAX_NAME).collect();
    for (at, c) in characters.iter().copied().enumerate() {
        let after = characters.get(at + 1).copied().unwrap_or(' ');
        let starts =
            c.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && after.is_lowercase()));
        if starts || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}
