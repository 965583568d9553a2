//! Whether what a pod already has under our names is what we would put there.
//!
//! The API server fills in defaults, other webhooks add to what they find, and an author may write anything: so what is
//! there has to say everything that we would, and nothing that would change what runs or where its keys are. The
//! annotation that says `injected` is not looked at: anybody can write it.

use crate::inject::names;
use crate::inject::refusal::Refusal;
use crate::inject::settings::Settings;
use serde_json::Value;

/// What has to be there as we would write it. Not the image, of which the repository counts; nor resources and probes,
/// which other webhooks rewrite for reasons of their own.
const COMPARED: [&str; 6] = ["args", "restartPolicy", "env", "volumeMounts", "securityContext", "lifecycle"];
/// What may not be there at all.
const FORBIDDEN: [&str; 3] = ["command", "envFrom", "volumeDevices"];

/// Where the API server puts the service account's own token into every container that does not decline it.
const API_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Refuses a container of our name that is not ours.
pub(super) fn container(there: &Value, ours: &Value, settings: &Settings) -> Result<(), Refusal> {
    let foreign = |what| Err(Refusal::ForeignContainer(what));
    if !there.get("image").and_then(Value::as_str).is_some_and(|image| settings.admits(image)) {
        return foreign("image");
    }
    for key in FORBIDDEN {
        if !is_nothing(there.get(key)) {
            return foreign(key);
        }
    }
    for key in COMPARED {
        match (there.get(key), ours.get(key)) {
            (Some(there), Some(ours)) if covers(there, ours) => {}
            (there, None) if is_nothing(there) => {}
            _ => return foreign(key),
        }
    }
    if !variables_are_ours(there, ours) {
        return foreign("env");
    }
    if !mounts_are_ours(there, ours) {
        return foreign("volumeMounts");
    }
    let context = there.get("securityContext");
    let added = context.and_then(|context| context.pointer("/capabilities/add"));
    let unmasked = context.and_then(|context| context.get("procMount"));
    if !is_nothing(added) || unmasked.is_some_and(|mount| !mount.is_null() && mount != "Default") {
        return foreign("securityContext");
    }
    Ok(())
}

/// Refuses a volume of our name that is not ours.
pub(super) fn volume(there: &Value, ours: &Value) -> Result<(), Refusal> {
    // One kind of volume, and ours: the API server refuses two, but looks only later.
    let kinds = |volume: &Value| {
        volume.as_object().map_or(0, |members| members.values().filter(|v| !v.is_null()).count())
    };
    if covers(there, ours) && kinds(there) == kinds(ours) {
        return Ok(());
    }
    let name = ours.get("name").and_then(Value::as_str).unwrap_or_default();
    Err(Refusal::ForeignVolume(name.to_owned()))
}

/// Every variable that the sidecar reads says what we would have it say, each time that it is there.
fn variables_are_ours(there: &Value, ours: &Value) -> bool {
    let list =
        |container: &Value| container.get("env").and_then(Value::as_array).cloned().unwrap_or_default();
    let ours = list(ours);
    list(there).iter().all(|variable| {
        let name = variable.get("name").and_then(Value::as_str).unwrap_or_default();
        !name.starts_with("COUNTERSIGN_") || ours.iter().any(|ours| covers(variable, ours))
    })
}

/// Nothing is mounted but what is ours: over the program, or within the folder of the keys, it would be the author's
/// program or the author's folder. The API server itself adds a token of its own at one place.
fn mounts_are_ours(there: &Value, ours: &Value) -> bool {
    let list = |container: &Value| {
        container.get("volumeMounts").and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let ours = list(ours);
    list(there).iter().all(|mount| {
        let path = mount.get("mountPath").and_then(Value::as_str);
        path == Some(API_TOKEN) || ours.iter().any(|ours| covers(mount, ours))
    })
}

/// Whether everything that `ours` says is said, too. Lists of named things may have more of them, and in another order;
/// other lists are the same.
fn covers(there: &Value, ours: &Value) -> bool {
    match (there, ours) {
        (Value::Object(there), Value::Object(ours)) => {
            ours.iter().all(|(key, ours)| there.get(key).is_some_and(|there| covers(there, ours)))
        }
        (Value::Array(there), Value::Array(ours)) => {
            let named = ours.iter().all(|one| one.get("name").is_some());
            if named && !ours.is_empty() {
                return ours.iter().all(|ours| there.iter().any(|there| covers(there, ours)));
            }
            there.len() == ours.len() && there.iter().zip(ours).all(|(there, ours)| covers(there, ours))
        }
        (there, ours) => there == ours,
    }
}

/// Whether this is not there, or is as good as not there.
fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(elements)) => elements.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => false,
    }
}

/// Whether a container has our name.
pub(super) fn is_named_as_ours(container: &Value) -> bool {
    container.get("name").and_then(Value::as_str) == Some(names::CONTAINER)
}
