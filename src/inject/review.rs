//! The review: `admission.k8s.io/v1` AdmissionReview, what the API server asks and what it is answered.

use super::names;
use super::plan::{Asked, Injection, Plan, look_around, plan};
use super::pod::{OwnerReference, Pod};
use super::refusal::{Refusal, Shown, Skip};
use super::settings::Settings;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The largest review that is read, in bytes. An object in etcd has 1.5 MiB at most.
pub const MOST_BYTES: usize = 3 << 20;
/// The version that is spoken.
const API_VERSION: &str = "admission.k8s.io/v1";

/// What came of a review.
#[derive(Clone, Debug, PartialEq)]
pub struct Reviewed {
    /// What the API server is answered.
    pub answer: Value,
    /// What was done.
    pub outcome: Outcome,
    /// About which pod, where that could be read.
    pub about: Option<About>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The pod gets its sidecar.
    Injected,
    /// It was left as it is.
    Skipped(Skip),
    /// It may not be made.
    Refused(Refusal),
}

impl Outcome {
    /// The stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Injected => "injected",
            Self::Skipped(_) => "skipped",
            Self::Refused(_) => "refused",
        }
    }

    /// The stable name of the reason.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Injected => "asked",
            Self::Skipped(skip) => skip.code(),
            Self::Refused(refusal) => refusal.code(),
        }
    }
}

/// Which pod it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its namespace.
    pub namespace: String,
    /// Its name, or what one will be made of.
    pub name: String,
    /// Who manages it.
    pub owner: Option<Owner>,
    /// Whether it was only tried: nothing may come of it.
    pub dry_run: bool,
}

/// Who manages a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// `apps/v1`
    pub api_version: String,
    /// `ReplicaSet`
    pub kind: String,
    /// The name.
    pub name: String,
    /// The uid.
    pub uid: String,
}

impl From<&OwnerReference> for Owner {
    fn from(owner: &OwnerReference) -> Self {
        let OwnerReference { api_version, kind, name, uid, controller: _ } = owner.clone();
        Self { api_version, kind, name, uid }
    }
}

/// Answers a review. Whatever the bytes are, there is an answer, and it lets nothing in that was not understood.
#[must_use]
pub fn answer(asked: Asked, bytes: &[u8], settings: &Settings) -> Reviewed {
    if bytes.len() > MOST_BYTES {
        return unreadable("", "it is too large");
    }
    // Depth is bounded by the reader: 128.
    let review: Value = match serde_json::from_slice(bytes) {
        Ok(review) => review,
        Err(error) => return unreadable("", &error.to_string()),
    };
    let text = |place: &str| review.pointer(place).and_then(Value::as_str).unwrap_or_default();
    let uid = text("/request/uid");
    if text("/apiVersion") != API_VERSION || text("/kind") != "AdmissionReview" {
        return unreadable(uid, "it is no AdmissionReview of `admission.k8s.io/v1`");
    }
    if uid.is_empty() || uid.len() > 128 {
        return unreadable("", "its request has no uid");
    }
    let namespace = text("/request/namespace");
    let object = review.pointer("/request/object").unwrap_or(&Value::Null);
    let kind = ["/request/kind/group", "/request/kind/version", "/request/kind/kind"].map(text);
    let planned = match (kind, text("/request/subResource"), text("/request/operation")) {
        (["", "v1", "Pod"], "", "CREATE") if namespace.is_empty() => {
            return unreadable(uid, "it names no namespace");
        }
        (["", "v1", "Pod"], "", "CREATE") => plan(asked, namespace, object, settings),
        (["", "v1", "Pod"], "ephemeralcontainers", "CREATE" | "UPDATE") => look_around(object, settings),
        (["", "v1", "Pod"], _, _) => Plan::Skip(Skip::NotACreation),
        _ => Plan::Skip(Skip::NotAPod),
    };
    let dry_run = review.pointer("/request/dryRun") == Some(&Value::Bool(true));
    let about = about(namespace, text("/request/name"), object, dry_run);
    match planned {
        Plan::Inject(injection) => injected(uid, &injection, about),
        Plan::Skip(skip) => {
            let outcome = Outcome::Skipped(skip);
            Reviewed { answer: allowed(uid, &outcome), outcome, about }
        }
        Plan::Refuse(refusal) => refused(uid, refusal, about),
    }
}

fn about(namespace: &str, name: &str, object: &Value, dry_run: bool) -> Option<About> {
    let pod = Pod::read(object).ok().filter(|_| !namespace.is_empty())?;
    let name = [Some(name), pod.metadata.name.as_deref(), pod.metadata.generate_name.as_deref()];
    let name = name.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_default().to_owned();
    Some(About { namespace: namespace.to_owned(), name, owner: pod.owner().map(Owner::from), dry_run })
}

fn injected(uid: &str, injection: &Injection, about: Option<About>) -> Reviewed {
    let outcome = Outcome::Injected;
    let mut answer = allowed(uid, &outcome);
    if let Some(response) = answer.get_mut("response").and_then(Value::as_object_mut) {
        response.insert("patchType".to_owned(), json!("JSONPatch"));
        response.insert("patch".to_owned(), json!(STANDARD.encode(injection.patch.to_json().to_string())));
        if !injection.warnings.is_empty() {
            response.insert("warnings".to_owned(), json!(injection.warnings));
        }
    }
    Reviewed { answer, outcome, about }
}

fn allowed(uid: &str, outcome: &Outcome) -> Value {
    let annotations = json!({ "outcome": outcome.code(), "reason": outcome.reason() });
    respond(&json!({ "uid": uid, "allowed": true, "auditAnnotations": annotations }))
}

fn refused(uid: &str, refusal: Refusal, about: Option<About>) -> Reviewed {
    let misread = matches!(refusal, Refusal::Unreadable(_));
    let (code, reason) = if misread { (400, "BadRequest") } else { (403, "Forbidden") };
    let message = format!("countersign: {refusal}");
    let outcome = Outcome::Refused(refusal);
    let answer = respond(&json!({
        "uid": uid,
        "allowed": false,
        "status": { "status": "Failure", "code": code, "reason": reason, "message": message },
        "auditAnnotations": { "outcome": outcome.code(), "reason": outcome.reason() },
    }));
    Reviewed { answer, outcome, about }
}

/// Answers what could not be read as a whole, so that nobody knows its uid.
#[must_use]
pub fn unread(why: &str) -> Reviewed {
    unreadable("", why)
}

fn unreadable(uid: &str, why: &str) -> Reviewed {
    refused(uid, Refusal::Unreadable(why.to_owned()), None)
}

fn respond(response: &Value) -> Value {
    json!({ "apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response })
}

/// What people read of it among the events: a reason in one word and a sentence; nothing where it is no news.
#[must_use]
pub fn told(reviewed: &Reviewed) -> Option<(&'static str, bool, String)> {
    let name = &reviewed.about.as_ref()?.name;
    let pod = format!("pod `{}`", Shown(name));
    match &reviewed.outcome {
        Outcome::Injected => {
            Some(("Injected", false, format!("{pod}: the container `{}` was put in", names::CONTAINER)))
        }
        Outcome::Refused(refusal) => Some(("InjectionRefused", true, format!("{pod}: {refusal}"))),
        Outcome::Skipped(skip) => match skip {
            Skip::OptedOut | Skip::MirrorPod => Some(("InjectionSkipped", false, format!("{pod}: {skip}"))),
            // Nobody expected one.
            Skip::NotAsked
            | Skip::OwnNamespace
            | Skip::SystemNamespace
            | Skip::AlreadyInjected
            | Skip::Terminating
            | Skip::NotAPod
            | Skip::NotACreation => None,
        },
    }
}
