//! The patch: JSON Patch (RFC 6902) of `add` operations only, with JSON Pointers (RFC 6901).
//!
//! Nothing is ever replaced, removed or moved: what other people's webhooks and the pod's author wrote stays. An array
//! is made where there is none before anything is added to its end.

use serde_json::{Map, Value, json};

/// A place in a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer(String);

impl Pointer {
    /// The place of these names below the whole document.
    #[must_use]
    pub fn to<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        names.into_iter().fold(Self::default(), |pointer, name| pointer.then(name))
    }

    /// The member `name` of what is at this place.
    #[must_use]
    pub fn then(mut self, name: &str) -> Self {
        self.0.push('/');
        // In this order, or the tilde of `~1` would be escaped again.
        self.0.push_str(&name.replace('~', "~0").replace('/', "~1"));
        self
    }

    /// The element at `index` of the array at this place.
    #[must_use]
    pub fn at(self, index: usize) -> Self {
        self.then(&index.to_string())
    }

    /// The end of the array at this place.
    #[must_use]
    pub fn end(self) -> Self {
        self.then("-")
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One `add` operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Add {
    /// Where.
    pub path: Pointer,
    /// What.
    pub value: Value,
}

/// What is added to a document, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    operations: Vec<Add>,
}

impl Patch {
    /// Adds this there.
    pub fn add(&mut self, path: Pointer, value: impl Into<Value>) {
        self.operations.push(Add { path, value: value.into() });
    }

    /// Adds these to the end of the array at `path`, which is made first where the document has none.
    pub fn append(&mut self, path: &Pointer, there: bool, values: impl IntoIterator<Item = Value>) {
        let mut there = there;
        for value in values {
            if !there {
                self.add(path.clone(), json!([]));
                there = true;
            }
            self.add(path.clone().end(), value);
        }
    }

    /// Whether it adds nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// What it adds.
    #[must_use]
    pub fn operations(&self) -> &[Add] {
        &self.operations
    }

    /// As a JSON Patch document.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let add = |add: &Add| json!({ "op": "add", "path": add.path.as_str(), "value": add.value });
        Value::Array(self.operations.iter().map(add).collect())
    }

    /// The document with all of it added; nothing if one of the places is not there.
    #[must_use]
    pub fn applied_to(&self, document: &Value) -> Option<Value> {
        let mut document = document.clone();
        for Add { path, value } in &self.operations {
            let (parent, name) = path.as_str().rsplit_once('/')?;
            let name = name.replace("~1", "/").replace("~0", "~");
            match document.pointer_mut(parent)? {
                Value::Object(members) => drop(members.insert(name, value.clone())),
                Value::Array(elements) if name == "-" => elements.push(value.clone()),
                Value::Array(elements) => {
                    let index: usize = name.parse().ok().filter(|index| *index <= elements.len())?;
                    elements.insert(index, value.clone());
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
            }
        }
        Some(document)
    }
}

/// An object of these members, without those that have no value.
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(members.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pointers_escape_what_rfc_6901_says() {
        let pointer = Pointer::to(["metadata", "annotations"]).then("a/b~c~1");
        assert_eq!(pointer.as_str(), "/metadata/annotations/a~1b~0c~01");
        assert_eq!(Pointer::to(["spec", "containers"]).at(3).end().as_str(), "/spec/containers/3/-");
    }

    #[test]
    fn an_array_is_made_once_and_only_where_there_is_none() {
        let mut patch = Patch::default();
        let path = Pointer::to(["a"]);
        patch.append(&path, false, []);
        assert!(patch.is_empty());
        patch.append(&path, false, [json!(1), json!(2)]);
        assert_eq!(patch.applied_to(&json!({})), Some(json!({ "a": [1, 2] })));
        assert_eq!(patch.applied_to(&json!({ "a": null })), Some(json!({ "a": [1, 2] })));
        let mut more = Patch::default();
        more.append(&path, true, [json!(3)]);
        assert_eq!(more.applied_to(&json!({ "a": [1] })), Some(json!({ "a": [1, 3] })));
        assert_eq!(more.applied_to(&json!({})), None);
        assert_eq!(more.applied_to(&json!({ "a": "text" })), None);
    }

    proptest! {
        #[test]
        fn whatever_the_name_it_is_added_under_it_and_found_again(name in ".{0,20}", other in ".{0,20}") {
            let mut patch = Patch::default();
            patch.add(Pointer::to(["there"]).then(&name), other.clone());
            let document = patch.applied_to(&json!({ "there": { "before": 1 } })).unwrap();
            prop_assert_eq!(&document["there"][&name], &json!(other));
            prop_assert_eq!(document.pointer(patch.operations()[0].path.as_str()), Some(&json!(other)));
        }
    }
}
