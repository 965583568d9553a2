//! The corpus: pods as people and controllers write them, and what has to become of each.

#[path = "corpus/injected.rs"]
mod injected;
#[path = "corpus/left.rs"]
mod left;
#[path = "corpus/refused.rs"]
mod refused;

use countersign::inject::plan::{Asked, Plan, plan};
use countersign::inject::quantity::Quantity;
use countersign::inject::settings::{Mode, Resources, Settings, Tolerated};
pub(crate) use left::defaulted;
use serde_json::{Value, json};

/// A pod, how the injector was asked about it, and what becomes of it.
#[derive(Clone)]
pub(crate) struct Row {
    /// What it is, in words.
    pub(crate) name: &'static str,
    pub(crate) asked: Asked,
    pub(crate) namespace: &'static str,
    pub(crate) mode: Mode,
    pub(crate) tolerated: Tolerated,
    pub(crate) pod: Value,
    /// `injected`, or the code of the skip or the refusal.
    pub(crate) becomes: &'static str,
}

impl Row {
    fn new(name: &'static str, becomes: &'static str, change: &Value) -> Self {
        let mut pod = base();
        merge(&mut pod, change);
        let (asked, mode) = (Asked::ByPod, Mode::Native);
        Self { name, asked, namespace: "agents", mode, tolerated: Tolerated::default(), pod, becomes }
    }

    fn by_namespace(mut self) -> Self {
        self.asked = Asked::ByNamespace;
        if let Some(labels) = self.pod["metadata"]["labels"].as_object_mut()
            && labels.get("countersign.dev/inject") == Some(&json!("true"))
        {
            labels.remove("countersign.dev/inject");
        }
        self
    }

    fn ordinary(mut self) -> Self {
        self.mode = Mode::Ordinary;
        self
    }

    fn within(mut self, namespace: &'static str) -> Self {
        self.namespace = namespace;
        self
    }

    fn tolerating(mut self, tolerated: Tolerated) -> Self {
        self.tolerated = tolerated;
        self
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings { mode: self.mode, tolerated: self.tolerated, ..settings() }
    }

    pub(crate) fn plan(&self) -> Plan {
        plan(self.asked, self.namespace, &self.pod, &self.settings())
    }

    /// The pod as it becomes; only for those that are injected.
    pub(crate) fn injected(&self) -> Value {
        let Plan::Inject(injection) = self.plan() else { panic!("{}: {:?}", self.name, self.plan()) };
        injection.patch.applied_to(&self.pod).unwrap_or_else(|| panic!("{}: it does not apply", self.name))
    }
}

/// What becomes of a plan, in one word.
pub(crate) fn word(plan: &Plan) -> &'static str {
    match plan {
        Plan::Inject(_) => "injected",
        Plan::Skip(skip) => skip.code(),
        Plan::Refuse(refusal) => refusal.code(),
    }
}

pub(crate) fn settings() -> Settings {
    let quantity = |text| Quantity::read(text).unwrap();
    Settings {
        image: "registry.example/countersign:0.1.0".into(),
        repositories: vec!["mirror.example:5000/countersign".into()],
        desk: "https://countersign-desk.countersign.svc:8443".into(),
        desk_ca: Some("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".into()),
        trust_domain: "https://acme.example".into(),
        roots: r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"$(A)$"}]}"#.into(),
        mode: Mode::Native,
        resources: Resources {
            cpu_request: quantity("20m"),
            cpu_limit: quantity("500m"),
            memory_request: quantity("32Mi"),
            memory_limit: quantity("128Mi"),
        },
        own_namespace: "countersign".into(),
        tolerated: Tolerated::default(),
    }
}

fn base() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "robot", "labels": { "app": "robot", "countersign.dev/inject": "true" } },
        "spec": { "serviceAccountName": "robot", "containers": [{ "name": "agent", "image": "agent:1" }] },
    })
}

/// Puts a change into a document: objects are merged, `null` takes out, everything else takes its place.
pub(crate) fn merge(document: &mut Value, change: &Value) {
    let Value::Object(changes) = change else {
        *document = change.clone();
        return;
    };
    if !document.is_object() {
        *document = json!({});
    }
    for (name, change) in changes {
        if change.is_null() {
            document.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut document[name.as_str()], change);
        }
    }
}

pub(crate) fn rows() -> Vec<Row> {
    [injected::rows(), left::rows(), refused::rows()].concat()
}

#[test]
fn everything_becomes_what_it_has_to() {
    let rows = rows();
    assert!(rows.len() >= 100, "{}", rows.len());
    let mut names: Vec<_> = rows.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows.len(), "no pod is there twice");
    let mut wrong = Vec::new();
    for row in &rows {
        let plan = row.plan();
        if word(&plan) != row.becomes {
            wrong.push(format!("{}: {} instead of {}\n    {plan:?}", row.name, word(&plan), row.becomes));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
