//! Kubernetes: what applying, creating or deleting objects does to a cluster.

mod kinds;
mod power;

use super::disguise::undisguise;
use super::{Act, Extent, Kind, Language, Reading, Why};
use crate::operation::json::{Object, Value};

/// The most bytes of manifests that are read.
pub const MAX_BYTES: usize = 256 * 1024;
/// The most objects that are looked at.
const MAX_OBJECTS: usize = 1_000;
/// How deep lists of lists are followed.
const MAX_LISTS: usize = 4;

/// Reads an object, a list, or several of them in an array. Without a verb it is applied.
///
/// ```
/// use countersign::classify::kubernetes;
///
/// let reading = kubernetes::read_text(Some("delete"), "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
/// assert_eq!(reading.acts[0].to_string(), "admin: delete Namespace on namespace/shop at shop, everything, for good");
/// ```
#[must_use]
pub fn read(verb: Option<&str>, manifest: &Value) -> Reading {
    let mut reader = Reader::new(verb);
    reader.read(manifest, 0);
    reader.said_something()
}

/// Reads manifests in YAML or JSON, several documents if there are.
#[must_use]
pub fn read_text(verb: Option<&str>, text: &str) -> Reading {
    let mut reader = Reader::new(verb);
    if text.len() > MAX_BYTES {
        reader.reading.doubt(Why::TooMuch, text);
        reader.read_lines(text);
        return reader.reading;
    }
    let plain = undisguise(text);
    if let Some(marks) = plain.marks {
        reader.reading.doubt(Why::Disguised, &marks);
    }
    match serde_saphyr::from_multiple_with_options::<Value>(&plain.text, options()) {
        Ok(documents) if documents.iter().all(Value::is_null) => {
            reader.reading.doubt(Why::Missing, "manifest")
        }
        Ok(documents) => {
            for document in documents.iter().filter(|document| !document.is_null()) {
                reader.read(document, 0);
            }
        }
        Err(_) => {
            let template = ["{{", "${", "<%"].iter().any(|open| plain.text.contains(open));
            let shown = plain.text.split_whitespace().take(20).collect::<Vec<_>>().join(" ");
            reader.reading.doubt(if template { Why::Dynamic } else { Why::Syntax }, &shown);
            reader.read_lines(&plain.text);
        }
    }
    reader.said_something()
}

/// Bounded, so that neither depth nor aliases cost more than the text is worth; every key once, because which of two
/// counts is for the cluster to choose.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 48,
            flow_nesting_limit: 48,
            max_events: 200_000,
            max_nodes: 100_000,
            max_aliases: 1000,
            max_anchors: 1000,
            max_documents: 1000,
            max_total_scalar_bytes: 4 * MAX_BYTES,
        },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 8,
        },
        with_snippet: false,
    }
}

struct Reader {
    verb: String,
    kind: Kind,
    objects: usize,
    reading: Reading,
}

impl Reader {
    /// The reading; an empty list of objects is no manifest.
    fn said_something(mut self) -> Reading {
        if self.reading.acts.is_empty() && self.reading.doubts.is_empty() {
            self.reading.doubt(Why::Missing, "manifest");
        }
        self.reading
    }

    fn new(verb: Option<&str>) -> Self {
        let mut reading = Reading::new(Language::Kubernetes);
        let verb = verb.unwrap_or("apply").trim().to_ascii_lowercase();
        let kind = match verb.as_str() {
            "create" => Kind::Write,
            "apply" | "replace" | "patch" | "update" | "edit" | "scale" | "set" | "label" | "annotate"
            | "rollout" => Kind::Update,
            "delete" => Kind::Delete,
            "get" | "list" | "watch" | "describe" | "diff" | "explain" => Kind::Read,
            "exec" | "attach" | "debug" | "proxy" | "port-forward" | "cp" | "drain" | "cordon" | "taint"
            | "impersonate" | "bind" | "escalate" | "approve" => Kind::Admin,
            _ => {
                reading.doubt(Why::Unfamiliar, &verb);
                Kind::Unknown
            }
        };
        Self { verb, kind, objects: 0, reading }
    }

    fn read(&mut self, manifest: &Value, depth: usize) {
        if depth > MAX_LISTS {
            return self.reading.doubt(Why::TooMuch, "lists");
        }
        match manifest {
            Value::Array(manifests) => manifests.iter().for_each(|one| self.read(one, depth + 1)),
            Value::Object(object) => match (text(object, "kind"), object.get("items")) {
                (Some(kind), Some(Value::Array(items))) if kind.ends_with("List") => {
                    items.iter().for_each(|one| self.read(one, depth + 1));
                }
                _ => self.read_object(object),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.reading.doubt(Why::Missing, "kind");
            }
        }
    }

    fn read_object(&mut self, object: &Object) {
        self.objects += 1;
        if self.objects > MAX_OBJECTS {
            return self.reading.doubt(Why::TooMuch, "objects");
        }
        let metadata = object.get("metadata").and_then(Value::as_object);
        let field = |name: &str| metadata.and_then(|metadata| text(metadata, name));
        for name in ["apiVersion", "kind"] {
            if text(object, name).is_none() {
                self.reading.doubt(Why::Missing, name);
            }
        }
        let kind = text(object, "kind").unwrap_or("object");
        let group = text(object, "apiVersion")
            .and_then(|version| version.split_once('/'))
            .map_or("", |(group, _)| group);
        let name = match (field("name"), field("generateName")) {
            (Some(name), _) => name.to_owned(),
            (None, Some(prefix)) => format!("{prefix}*"),
            (None, None) => {
                self.reading.doubt(Why::Missing, "metadata.name");
                "?".to_owned()
            }
        };
        for part in [Some(kind), Some(name.as_str()), field("namespace")].into_iter().flatten() {
            if ["{{", "${", "$("].iter().any(|template| part.contains(template)) {
                self.reading.doubt(Why::Dynamic, part);
            } else if let Some(marks) = undisguise(part).marks {
                self.reading.doubt(Why::Disguised, &marks);
            }
        }
        if !kinds::is_known(kind) && !group.contains('.') {
            self.reading.doubt(Why::Unfamiliar, kind);
        }
        self.reading.act(self.act(object, kind, &name, field("namespace"), metadata));
    }

    fn act(
        &self,
        object: &Object,
        kind: &str,
        name: &str,
        namespace: Option<&str>,
        metadata: Option<&Object>,
    ) -> Act {
        let looks = self.kind == Kind::Read;
        let deletes = self.kind == Kind::Delete;
        let powers = if looks || deletes { Vec::new() } else { power::powers(object) };
        let labelled = !looks && metadata.is_some_and(power::weakens_pod_security);
        let whole = kind.eq_ignore_ascii_case("namespace");
        let guarded = kinds::guards(kind) || (whole && (deletes || labelled));

        let mut what = format!("{} {kind}", self.verb);
        if !powers.is_empty() {
            what.push_str(&format!(" ({})", powers.join(", ")));
        }
        if self.kind == Kind::Update && scales_to_nothing(object) {
            what.push_str(" to 0 replicas");
        }
        let mut places: Vec<String> = namespace.map(str::to_owned).into_iter().collect();
        if whole {
            places.push(name.to_owned());
        }
        Act {
            what,
            kind: if !looks && (guarded || !powers.is_empty()) { Kind::Admin } else { self.kind },
            targets: vec![format!("{}/{name}", kind.to_ascii_lowercase())],
            places,
            extent: if whole && deletes { Extent::Everything } else { Extent::Counted(1) },
            irreversible: deletes && kinds::holds_data(kind),
        }
    }

    /// Looks at the lines of what is no YAML for the kinds that it names.
    fn read_lines(&mut self, text: &str) {
        for line in text.lines().take(10_000) {
            let line = line.trim().trim_start_matches("- ").trim_start_matches(['"', '\'']);
            let Some(kind) = line.strip_prefix("kind") else { continue };
            let kind: String = kind
                .trim_start_matches(['"', '\'', ':', ' '])
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .take(64)
                .collect();
            let guarded = self.kind != Kind::Read && kinds::guards(&kind);
            let what = format!("{} {kind}", self.verb);
            let irreversible = self.kind == Kind::Delete && kinds::holds_data(&kind);
            let kind = if guarded { Kind::Admin } else { self.kind };
            self.reading.act(Act { irreversible, ..Act::new(what, kind) });
        }
        if self.reading.acts.is_empty() {
            self.reading.act(Act::new(self.verb.clone(), Kind::Unknown));
        }
    }
}

/// Whether an object says that nothing of it shall run.
fn scales_to_nothing(object: &Object) -> bool {
    let replicas = object.get("spec").and_then(Value::as_object).and_then(|spec| spec.get("replicas"));
    replicas.and_then(Value::as_u64) == Some(0)
}

fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}
