//! One object of a manifest: what it is called, and where in the order of applying it stands.

use serde_json::{Map, Value};

/// Kinds that belong to no namespace, of those that we have.
const CLUSTER_WIDE: &[&str] = &[
    "ClusterRole",
    "ClusterRoleBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];

/// What others need first, and what may refuse others last. What is not named stands between.
const FIRST: &[&str] =
    &["Namespace", "ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ConfigMap"];
const LAST: &[&str] =
    &["MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Object(Value);

impl Object {
    /// It is a mapping with a kind and a name.
    pub(super) fn new(value: Value) -> Option<Self> {
        let object = Self(value);
        (!object.kind().is_empty() && !object.name().is_empty()).then_some(object)
    }

    pub(super) const fn value(&self) -> &Value {
        &self.0
    }

    pub(super) fn into_value(self) -> Value {
        self.0
    }

    /// The part of it that a pointer (RFC 6901) names.
    pub(super) fn at(&mut self, pointer: &str) -> Option<&mut Value> {
        self.0.pointer_mut(pointer)
    }

    pub(super) fn whole(&mut self) -> &mut Value {
        &mut self.0
    }

    /// The members of a list in it; none if there is no such list.
    pub(super) fn each(&mut self, pointer: &str) -> impl Iterator<Item = &mut Value> {
        self.0.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten()
    }

    pub(super) fn kind(&self) -> &str {
        self.0.get("kind").and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.0.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
    }

    /// `Deployment/countersign-desk`.
    pub(super) fn title(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// Whether it is of this kind, or the one of this kind and name.
    pub(super) fn is(&self, wish: &str) -> bool {
        match wish.split_once('/') {
            Some((kind, name)) => self.kind().eq_ignore_ascii_case(kind) && self.name() == name,
            None => self.kind().eq_ignore_ascii_case(wish),
        }
    }

    pub(super) fn in_a_namespace(&self) -> bool {
        !CLUSTER_WIDE.contains(&self.kind())
    }

    /// Puts it into a namespace, if it belongs to one.
    pub(super) fn put_in_namespace(&mut self, namespace: &str) {
        if self.in_a_namespace()
            && let Some(metadata) = self.0.get_mut("metadata").and_then(Value::as_object_mut)
        {
            metadata.insert("namespace".to_owned(), Value::from(namespace));
        }
    }

    /// A ConfigMap of these texts.
    pub(super) fn config_map(
        namespace: &str,
        name: &str,
        labels: &Map<String, Value>,
        data: Map<String, Value>,
    ) -> Self {
        let mut value = serde_json::json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": name, "namespace": namespace, "labels": labels },
        });
        if let Some(members) = value.as_object_mut() {
            members.insert("data".to_owned(), Value::Object(data));
        }
        Self(value)
    }

    /// Where it stands in the order in which objects are applied.
    pub(super) fn rank(&self) -> usize {
        let kind = self.kind();
        let first = FIRST.iter().position(|first| *first == kind);
        let last = LAST.iter().position(|last| *last == kind).map(|at| FIRST.len() + 1 + at);
        first.or(last).unwrap_or(FIRST.len())
    }
}
