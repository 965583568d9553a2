//! Patches of the kustomizations (RFC 6902), of the operations that they use.

use serde::Deserialize;
use serde_json::Value;

/// One operation.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Operation {
    /// Puts a member into a mapping or, before `at` or at the end (`-`), into a list.
    Add {
        /// Where.
        path: String,
        /// What.
        value: Value,
    },
    /// Takes away what is there.
    Remove {
        /// Where.
        path: String,
    },
    /// Puts something in place of what is there.
    Replace {
        /// Where.
        path: String,
        /// What.
        value: Value,
    },
}

impl Operation {
    /// Does it; `None` if there is no such place.
    pub(super) fn apply(&self, document: &mut Value) -> Option<()> {
        match self {
            Self::Add { path, value } => {
                let (parent, name) = place(document, path)?;
                match parent {
                    Value::Object(members) => drop(members.insert(name, value.clone())),
                    Value::Array(list) if name == "-" => list.push(value.clone()),
                    Value::Array(list) => {
                        let at = name.parse().ok().filter(|at| *at <= list.len())?;
                        list.insert(at, value.clone());
                    }
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
                }
            }
            Self::Remove { path } => {
                let (parent, name) = place(document, path)?;
                match parent {
                    Value::Object(members) => drop(members.remove(&name)?),
                    Value::Array(list) => {
                        let at = name.parse().ok().filter(|at| *at < list.len())?;
                        list.remove(at);
                    }
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
                }
            }
            Self::Replace { path, value } => document.pointer_mut(path)?.clone_from(value),
        }
        Some(())
    }
}

/// What holds the place, and its name in there.
fn place<'a>(document: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let (parent, name) = path.rsplit_once('/')?;
    Some((document.pointer_mut(parent)?, name.replace("~1", "/").replace("~0", "~")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(operation: Value) -> Option<Value> {
        let mut document = json!({ "a": { "b/c": 1 }, "l": [1, 2] });
        let operation: Operation = serde_json::from_value(operation).unwrap();
        operation.apply(&mut document).map(|()| document)
    }

    #[test]
    fn operations_do_what_the_standard_says() {
        let rows = [
            (
                json!({ "op": "add", "path": "/a/d", "value": 2 }),
                json!({ "a": { "b/c": 1, "d": 2 }, "l": [1, 2] }),
            ),
            (
                json!({ "op": "add", "path": "/l/-", "value": 3 }),
                json!({ "a": { "b/c": 1 }, "l": [1, 2, 3] }),
            ),
            (
                json!({ "op": "add", "path": "/l/0", "value": 0 }),
                json!({ "a": { "b/c": 1 }, "l": [0, 1, 2] }),
            ),
            (json!({ "op": "remove", "path": "/a/b~1c" }), json!({ "a": {}, "l": [1, 2] })),
            (json!({ "op": "remove", "path": "/l/1" }), json!({ "a": { "b/c": 1 }, "l": [1] })),
            (json!({ "op": "replace", "path": "/l", "value": [] }), json!({ "a": { "b/c": 1 }, "l": [] })),
        ];
        for (operation, document) in rows {
            assert_eq!(patched(operation.clone()), Some(document), "{operation}");
        }
    }

    #[test]
    fn a_place_that_is_not_there_is_no_place() {
        for operation in [
            json!({ "op": "add", "path": "/x/y", "value": 1 }),
            json!({ "op": "add", "path": "/l/3", "value": 1 }),
            json!({ "op": "add", "path": "/l/0/x", "value": 1 }),
            json!({ "op": "remove", "path": "/a/x" }),
            json!({ "op": "remove", "path": "/l/2" }),
            json!({ "op": "replace", "path": "/a/x", "value": 1 }),
        ] {
            assert_eq!(patched(operation.clone()), None, "{operation}");
        }
    }
}
