//! Power: what in an object lets its pods out of their box, wherever in it that stands.

use crate::operation::json::{Object, Value};

/// How deep an object is looked into.
const DEEPEST: usize = 64;

/// The powers that pods of an object have over their node, in a fixed order, each once.
pub(super) fn powers(object: &Object) -> Vec<&'static str> {
    let mut found = Vec::new();
    look(object, 0, &mut found);
    found.sort_unstable();
    found.dedup();
    found
}

fn look(object: &Object, depth: usize, found: &mut Vec<&'static str>) {
    if depth > DEEPEST {
        found.push("too deep to be seen");
        return;
    }
    for (name, value) in object.iter() {
        match name {
            "privileged" if is_set(value) => found.push("privileged"),
            "hostPath" if !value.is_null() => found.push("hostPath"),
            "hostNetwork" if is_set(value) => found.push("hostNetwork"),
            "hostPID" if is_set(value) => found.push("hostPID"),
            "hostIPC" if is_set(value) => found.push("hostIPC"),
            "allowPrivilegeEscalation" if is_set(value) => found.push("allowPrivilegeEscalation"),
            "add" if has_strong_capability(value) => found.push("capabilities"),
            "procMount" if value.as_str() == Some("Unmasked") => found.push("procMount"),
            _ => {}
        }
        look_into(value, depth, found);
    }
}

fn look_into(value: &Value, depth: usize, found: &mut Vec<&'static str>) {
    match value {
        Value::Object(inner) => look(inner, depth + 1, found),
        Value::Array(elements) if depth <= DEEPEST => {
            elements.iter().for_each(|element| look_into(element, depth + 1, found));
        }
        Value::Array(_) => found.push("too deep to be seen"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a switch is on. The cluster's YAML has more words for yes than `true`, so only no is no.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => {
            !["false", "no", "off", "n", ""].contains(&text.trim().to_ascii_lowercase().as_str())
        }
        Value::Bool(true) | Value::Number(_) | Value::Array(_) | Value::Object(_) => true,
    }
}

/// Whether capabilities are added that reach beyond the container.
fn has_strong_capability(value: &Value) -> bool {
    const STRONG: &[&str] = &[
        "ALL",
        "SYS_ADMIN",
        "SYS_PTRACE",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_BOOT",
        "NET_ADMIN",
        "NET_RAW",
        "DAC_READ_SEARCH",
        "DAC_OVERRIDE",
        "BPF",
        "PERFMON",
        "MKNOD",
        "SETFCAP",
        "SYSLOG",
        "MAC_ADMIN",
    ];
    value.as_array().into_iter().flatten().filter_map(Value::as_str).any(|name| {
        let name = name.to_ascii_uppercase();
        STRONG.contains(&name.strip_prefix("CAP_").unwrap_or(&name))
    })
}

/// Whether labels of a namespace say how strictly its pods are held.
pub(super) fn weakens_pod_security(metadata: &Object) -> bool {
    let labels = metadata.get("labels").and_then(Value::as_object);
    labels.is_some_and(|labels| labels.names().any(|name| name.starts_with("pod-security.kubernetes.io/")))
}
