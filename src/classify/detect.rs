//! Detect: which of an operation's parameters hold something that runs, and what that does.

use super::{Kind, Language, Reading, Why, http, kubernetes, mcp, shell, sql, terraform};
use crate::operation::json::{self, Limits, Object, Value};

/// How deep parameters within parameters are looked at.
const DEEPEST: usize = 2;
/// The most payloads of one operation; the rest is a doubt.
const MOST: usize = 64;

/// Reads the payloads among `parameters`.
///
/// Where the policy declares which parameter holds what (`.` is all of them together), that is read as told, and what
/// is missing or of another type is a doubt. Where it declares nothing, parameters of well-known names are read.
#[must_use]
pub fn read(parameters: &Object, declared: &[(Language, Box<str>)]) -> Vec<Reading> {
    if declared.is_empty() {
        return usual(parameters, 0);
    }
    let each = declared.iter().map(|(language, name)| {
        let read = match (&**name, parameters.get(name)) {
            (".", _) => read_object(*language, parameters, 0),
            (_, Some(value)) => read_as(*language, value, parameters),
            (_, None) => None,
        };
        read.unwrap_or_else(|| missing(*language, name))
    });
    each.collect()
}

fn missing(language: Language, name: &str) -> Reading {
    let mut reading = Reading::new(language);
    reading.doubt(Why::Missing, name);
    reading
}

/// Reads a parameter as it is declared; `None` if it is of another type.
fn read_as(language: Language, value: &Value, beside: &Object) -> Option<Reading> {
    if let Value::Object(object) = value {
        return read_object(language, object, 0);
    }
    match language {
        Language::Sql => every(language, texts(value)?, sql::read),
        Language::Shell => every(language, texts(value)?, shell::read),
        Language::Argv => {
            Some(shell::read_argv(&value.as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?))
        }
        Language::Http => Some(request(value.as_str()?, beside)),
        Language::Kubernetes => Some(match value.as_str() {
            Some(text) => kubernetes::read_text(verb(beside), text),
            None => kubernetes::read(verb(beside), value),
        }),
        Language::Terraform => {
            Some(terraform::read(&json::read(value.as_str()?.as_bytes(), &Limits::OPERATION).ok()?))
        }
        Language::Mcp => None,
    }
}

/// Reads an object as it is declared; `None` if the language is no object.
fn read_object(language: Language, object: &Object, depth: usize) -> Option<Reading> {
    match language {
        Language::Sql | Language::Shell => None,
        Language::Argv => command_with_arguments(object),
        Language::Http => Some(request(field(object, &["url", "uri", "endpoint"])?.as_str()?, object)),
        Language::Kubernetes => Some(kubernetes::read(verb(object), &Value::Object(object.clone()))),
        Language::Terraform => Some(terraform::read(&Value::Object(object.clone()))),
        Language::Mcp => Some(mcp::read(object, &|arguments| usual(arguments, depth + 1))),
    }
}

/// Reads what the well-known names hold.
fn usual(parameters: &Object, depth: usize) -> Vec<Reading> {
    if depth > DEEPEST {
        return Vec::new();
    }
    if is_call(parameters) {
        return read_object(Language::Mcp, parameters, depth).into_iter().collect();
    }
    let mut readings = Vec::new();
    if is_manifest(parameters) {
        readings.extend(read_object(Language::Kubernetes, parameters, depth));
    }
    if parameters.get("resource_changes").is_some() {
        readings.extend(read_object(Language::Terraform, parameters, depth));
    }
    let arguments = command_with_arguments(parameters);
    let with_arguments = arguments.is_some();
    readings.extend(arguments);
    for (name, value) in parameters.iter() {
        let name = plain(name);
        if with_arguments && COMMANDS.contains(&name.as_str()) && name != "commands" {
            continue;
        }
        match value {
            Value::Object(inner) if WRAPPERS.contains(&name.as_str()) => {
                readings.extend(usual(inner, depth + 1))
            }
            Value::Object(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => readings.extend(by_name(&name, value, parameters)),
        }
        if readings.len() > MOST {
            readings.truncate(MOST);
            if let Some(last) = readings.last_mut() {
                last.doubt(Why::TooMuch, "payloads");
            }
            break;
        }
    }
    readings
}

const COMMANDS: &[&str] = &["command", "cmd", "script", "bash", "shell", "commands"];

/// Names of parameters that hold the parameters proper.
const WRAPPERS: &[&str] =
    &["params", "parameters", "input", "args", "arguments", "request", "payload", "body", "data"];

fn by_name(name: &str, value: &Value, beside: &Object) -> Option<Reading> {
    match name {
        "sql" => match value {
            Value::Null => None,
            // `{"text": "SELECT …", "values": […]}`, as drivers take it.
            Value::Object(query) => Some(
                field(query, &["text", "sql", "query", "statement"])
                    .and_then(Value::as_str)
                    .map_or_else(|| missing(Language::Sql, name), sql::read),
            ),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => texts(value)
                .map_or_else(
                    || Some(missing(Language::Sql, name)),
                    |all| every(Language::Sql, all, sql::read),
                ),
        },
        "statement" | "statements" => every(Language::Sql, texts(value)?, sql::read),
        "query" => {
            let text = value.as_str().filter(|text| sql::begins(text))?;
            let reading = sql::read(text);
            // `show me the weather` is no SQL; but what could change something is read, whatever it is.
            let prose = sql::begins_like_prose(text)
                && reading.doubts.iter().any(|doubt| doubt.why == Why::Syntax)
                && reading.acts.iter().all(|act| matches!(act.kind, Kind::Read | Kind::Unknown));
            (!prose).then_some(reading)
        }
        "argv" => Some(shell::read_argv(&strings(value)?)),
        "commands" | "script" => every(Language::Shell, texts(value)?, shell::read),
        _ if COMMANDS.contains(&name) => match value {
            Value::String(line) => Some(shell::read(line)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                let words = strings(value)?;
                let mut reading = shell::read_argv(&words);
                // A list of command lines is no program with arguments.
                if words.first().is_some_and(|first| first.contains(char::is_whitespace)) {
                    words.iter().for_each(|line| reading.absorb(shell::read(line)));
                }
                Some(reading)
            }
        },
        "url" | "uri" | "endpoint" => {
            value.as_str().filter(|text| looks_like_url(text)).map(|text| request(text, beside))
        }
        "manifest" | "manifests" | "yaml" | "object" | "resource" => match value {
            Value::String(text) if text.contains("apiVersion") && text.contains("kind") => {
                Some(kubernetes::read_text(verb(beside), text))
            }
            Value::Object(object) if is_manifest(object) => Some(kubernetes::read(verb(beside), value)),
            Value::Array(all) if all.iter().any(|one| one.as_object().is_some_and(is_manifest)) => {
                Some(kubernetes::read(verb(beside), value))
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        },
        "plan" => match value {
            Value::Object(plan) if plan.get("resource_changes").is_some() => Some(terraform::read(value)),
            Value::String(text) if text.contains("resource_changes") => {
                let plan = json::read(text.as_bytes(), &Limits::OPERATION);
                Some(
                    plan.map_or_else(|_| missing(Language::Terraform, "plan"), |plan| terraform::read(&plan)),
                )
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        },
        _ => None,
    }
}

/// A program beside its arguments: `{"command": "rm", "args": ["-rf", "/"]}`.
fn command_with_arguments(parameters: &Object) -> Option<Reading> {
    let command = field(parameters, &["command", "cmd", "program", "executable"])?.as_str()?;
    let arguments = strings(field(parameters, &["args", "arguments", "argv"])?)?;
    let mut words = vec![command];
    words.extend(&arguments);
    let mut reading = shell::read_argv(&words);
    if command.trim().contains(char::is_whitespace) {
        // No program is named so: what runs it cuts it into words, or is a shell.
        let cut: Vec<&str> = command.split_whitespace().chain(words.iter().skip(1).copied()).collect();
        reading.absorb(shell::read_argv(&cut));
        reading.absorb(shell::read(&words.join(" ")));
    }
    Some(reading)
}

/// An HTTP request to `url`, with what stands beside it.
fn request(url: &str, beside: &Object) -> Reading {
    let carries = field(beside, &["body", "data", "json", "payload"]).is_some_and(|body| !body.is_null());
    let method = match field(beside, &["method", "httpmethod"]) {
        Some(method) => method.as_str().unwrap_or(""),
        None if carries => "POST",
        None => "GET",
    };
    let mut headers: Vec<(&str, &str)> = Vec::new();
    match field(beside, &["headers"]) {
        Some(Value::Object(named)) => {
            headers.extend(named.iter().map(|(name, value)| (name, value.as_str().unwrap_or_default())));
        }
        Some(Value::Array(pairs)) => headers.extend(pairs.iter().filter_map(|pair| match pair {
            Value::Object(pair) => {
                Some((field(pair, &["name", "key"])?.as_str()?, field(pair, &["value"])?.as_str()?))
            }
            Value::String(line) => line.split_once(':').map(|(name, value)| (name, value.trim())),
            Value::Array(pair) => match pair.as_slice() {
                [name, value] => Some((name.as_str()?, value.as_str()?)),
                _ => None,
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        })),
        Some(_) | None => {}
    }
    http::read(method, url, &headers)
}

/// The verb beside a manifest, if it does worse than to apply it: whoever runs the operation may not look at it.
fn verb(beside: &Object) -> Option<&str> {
    let verb = field(beside, &["verb", "operation", "subcommand"])?.as_str()?;
    verb.trim().eq_ignore_ascii_case("delete").then_some("delete")
}

/// An MCP tool call, or any JSON-RPC request.
fn is_call(object: &Object) -> bool {
    let says = |name: &str| object.get(name).and_then(Value::as_str);
    if says("method").is_some() && (says("jsonrpc").is_some() || says("method") == Some("tools/call")) {
        return true;
    }
    let known = ["name", "arguments", "annotations", "_meta"];
    says("name").is_some()
        && object.get("arguments").is_some_and(|arguments| arguments.as_object().is_some())
        && object.names().all(|name| known.contains(&name))
}

fn is_manifest(object: &Object) -> bool {
    object.get("apiVersion").is_some() && object.get("kind").is_some()
}

fn looks_like_url(text: &str) -> bool {
    let text = text.trim();
    let scheme = text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'))
    });
    let host = text.split('/').next().unwrap_or_default();
    scheme || text.starts_with("//") || (host.contains('.') && !host.contains(char::is_whitespace))
}

/// The first parameter of one of these names, without case, `_` and `-`.
fn field<'a>(object: &'a Object, names: &[&str]) -> Option<&'a Value> {
    names
        .iter()
        .find_map(|wanted| object.iter().find(|(name, _)| plain(name) == *wanted))
        .map(|(_, value)| value)
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// One text, or several.
fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_str().map_or_else(|| strings(value), |text| Some(vec![text]))
}

fn strings(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

/// Reads each of several texts into one reading.
fn every(language: Language, texts: Vec<&str>, read: impl Fn(&str) -> Reading) -> Option<Reading> {
    let mut readings = texts.into_iter().map(read);
    let mut reading = readings.next().unwrap_or_else(|| missing(language, "nothing"));
    readings.for_each(|more| reading.absorb(more));
    Some(reading)
}
