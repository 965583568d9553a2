//! The objects of the Kubernetes API, as far as they are written and read here.

use crate::cluster::{
    Access, Announcement, BoundPod, Bundle, ClusterError, Holder, SecretPlace, SecretValue, Standing,
    Version, WebhookPlace,
};
use crate::moment::Moment;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The most characters of an event's note; the API server refuses more than 1 KiB.
const MOST_MESSAGE: usize = 250;

fn text<'v>(value: &'v Value, place: &str) -> Option<&'v str> {
    value.pointer(place).and_then(Value::as_str)
}

pub(super) fn version(answer: &Value) -> Result<Version, ClusterError> {
    // Providers write `34+`.
    let number = |place| -> Option<u32> {
        let digits: String = text(answer, place)?.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    match (number("/major"), number("/minor")) {
        (Some(major), Some(minor)) => Ok(Version { major, minor }),
        _ => Err(ClusterError::Answer("its version")),
    }
}

pub(super) fn token_review(token: &str, audience: &str) -> Value {
    json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": { "token": token, "audiences": [audience] },
    })
}

/// What a review says. An API server that does not know audiences answers without them: that is no yes.
pub(super) fn standing(review: &Value, audience: &str) -> Result<Standing, ClusterError> {
    let status = review.get("status").filter(|status| status.is_object());
    let status = status.ok_or(ClusterError::Answer("`status`"))?;
    if status.get("authenticated") != Some(&Value::Bool(true)) {
        let why = text(status, "/error").unwrap_or("it is not authenticated");
        return Ok(Standing::Refused(why.chars().filter(|c| !c.is_control()).take(300).collect()));
    }
    let audiences = status.get("audiences").and_then(Value::as_array).map(Vec::as_slice);
    if !audiences.unwrap_or_default().iter().any(|one| one == audience) {
        return Ok(Standing::Refused("it is not for this audience".to_owned()));
    }
    let account = text(status, "/user/username").and_then(|name| name.strip_prefix("system:serviceaccount:"));
    let parts = account.and_then(|account| account.split_once(':'));
    let Some((namespace, name)) = parts.filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
    else {
        return Ok(Standing::Refused("it is no service account's".to_owned()));
    };
    let Some(uid) = text(status, "/user/uid").filter(|uid| !uid.is_empty()) else {
        return Err(ClusterError::Answer("`status.user.uid`"));
    };
    let extra = |name: &str| -> Option<Box<str>> {
        let values = status.pointer("/user/extra")?.get(name)?.as_array()?;
        values.first()?.as_str().map(Into::into)
    };
    let pod = extra("authentication.kubernetes.io/pod-name");
    let pod = pod.zip(extra("authentication.kubernetes.io/pod-uid"));
    Ok(Standing::Good(Holder {
        namespace: namespace.into(),
        service_account: name.into(),
        uid: uid.into(),
        pod: pod.map(|(name, uid)| BoundPod { name, uid }),
    }))
}

pub(super) fn secret_value(secret: &Value, key: &str) -> Result<SecretValue, ClusterError> {
    let version =
        text(secret, "/metadata/resourceVersion").ok_or(ClusterError::Answer("a resourceVersion"))?;
    let value = match secret.get("data").and_then(|data| data.get(key)).and_then(Value::as_str) {
        None => None,
        Some(encoded) => Some(STANDARD.decode(encoded).map_err(|_| ClusterError::Answer("data in base64"))?),
    };
    Ok(SecretValue { value, version: version.into() })
}

pub(super) fn new_secret(place: &SecretPlace, value: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": { "name": place.name, "namespace": place.namespace },
        "data": { (&*place.key): value },
    })
}

/// Puts a value into a Secret that still has this version.
pub(super) fn change_secret(
    secret: &mut Value,
    key: &str,
    value: &str,
    version: &str,
) -> Result<(), ClusterError> {
    if text(secret, "/metadata/resourceVersion") != Some(version) {
        return Err(ClusterError::Conflict);
    }
    let secret = secret.as_object_mut().ok_or(ClusterError::Answer("a Secret"))?;
    let data = secret.entry("data").or_insert_with(|| json!({}));
    if data.is_null() {
        *data = json!({});
    }
    data.as_object_mut().ok_or(ClusterError::Answer("data"))?.insert(key.to_owned(), json!(value));
    Ok(())
}

/// Whether a webhook calls this service.
fn calls(webhook: &Value, place: &WebhookPlace) -> bool {
    text(webhook, "/clientConfig/service/name") == Some(&place.service)
        && text(webhook, "/clientConfig/service/namespace") == Some(&place.namespace)
}

pub(super) fn bundle(configuration: &Value, place: &WebhookPlace) -> Result<Bundle, ClusterError> {
    let webhooks = configuration.get("webhooks").and_then(Value::as_array);
    let webhooks = webhooks.map(Vec::as_slice).unwrap_or_default();
    let authorities = webhooks.iter().filter(|webhook| calls(webhook, place)).map(|webhook| {
        let encoded = text(webhook, "/clientConfig/caBundle").unwrap_or_default();
        STANDARD.decode(encoded).map_err(|_| ClusterError::Answer("a bundle in base64"))
    });
    let authorities = authorities.collect::<Result<Vec<_>, _>>()?;
    if authorities.is_empty() { Err(ClusterError::Missing) } else { Ok(Bundle { authorities }) }
}

/// Puts authorities into each webhook that calls the service.
pub(super) fn change_bundle(
    configuration: &mut Value,
    place: &WebhookPlace,
    authorities: &str,
) -> Result<(), ClusterError> {
    let webhooks = configuration.get_mut("webhooks").and_then(Value::as_array_mut);
    let mut changed = false;
    for webhook in webhooks.into_iter().flatten().filter(|webhook| calls(webhook, place)) {
        if let Some(client) = webhook.get_mut("clientConfig").and_then(Value::as_object_mut) {
            client.insert("caBundle".to_owned(), json!(authorities));
            changed = true;
        }
    }
    if changed { Ok(()) } else { Err(ClusterError::Missing) }
}

pub(super) fn event(announcement: &Announcement) -> Value {
    let about = &announcement.about;
    // Six decimals, neither more nor less.
    let whole = Moment::from_unix_seconds(announcement.at.unix_seconds()).to_string();
    let at = format!("{}.{:03}000Z", whole.trim_end_matches('Z'), announcement.at.unix_millis() % 1000);
    let unique: String = announcement.unique.iter().map(|byte| format!("{byte:02x}")).collect();
    let name: String = about.name.chars().take(200).collect();
    json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": { "name": format!("{name}.{unique}"), "namespace": announcement.namespace },
        "eventTime": at,
        "reportingController": "countersign.dev/injector",
        "reportingInstance": "countersign-injector",
        "action": "Inject",
        "reason": announcement.reason,
        "regarding": {
            "apiVersion": about.api_version,
            "kind": about.kind,
            "name": about.name,
            "namespace": announcement.namespace,
            "uid": about.uid,
        },
        "note": announcement.message.chars().take(MOST_MESSAGE).collect::<String>(),
        "type": if announcement.warning { "Warning" } else { "Normal" },
    })
}

pub(super) fn access_review(access: &Access) -> Value {
    json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": {
            "verb": access.verb,
            "group": access.group,
            "resource": access.resource,
            "namespace": access.namespace,
            "name": access.name,
        } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_what_providers_add() {
        for (answer, version) in [
            (json!({ "major": "1", "minor": "34" }), Some((1, 34))),
            (json!({ "major": "1", "minor": "27+" }), Some((1, 27))),
            (json!({ "major": "1", "minor": "" }), None),
            (json!({ "major": 1, "minor": 34 }), None),
            (json!({}), None),
        ] {
            let wanted = version.map(|(major, minor)| Version { major, minor });
            assert_eq!(super::version(&answer).ok(), wanted, "{answer}");
        }
    }

    #[test]
    fn a_token_is_good_only_where_the_answer_says_all_of_it() {
        let good = json!({ "status": {
            "authenticated": true,
            "audiences": ["countersign"],
            "user": {
                "username": "system:serviceaccount:agents:robot",
                "uid": "9f0e",
                "groups": ["system:serviceaccounts"],
                "extra": {
                    "authentication.kubernetes.io/pod-name": ["robot-7d9"],
                    "authentication.kubernetes.io/pod-uid": ["0a1b"],
                },
            },
        } });
        let holder = Holder {
            namespace: "agents".into(),
            service_account: "robot".into(),
            uid: "9f0e".into(),
            pod: Some(BoundPod { name: "robot-7d9".into(), uid: "0a1b".into() }),
        };
        assert_eq!(standing(&good, "countersign"), Ok(Standing::Good(holder)));
        for (place, value) in [
            ("/status/authenticated", json!(false)),
            ("/status/authenticated", json!("true")),
            ("/status/audiences", json!(["https://kubernetes.default.svc"])),
            ("/status/audiences", json!([])),
            ("/status/audiences", Value::Null),
            ("/status/user/username", json!("ada")),
            ("/status/user/username", json!("system:node:n1")),
            ("/status/user/username", json!("system:serviceaccount:agents:")),
        ] {
            let mut answer = good.clone();
            *answer.pointer_mut(place).unwrap() = value.clone();
            let found = standing(&answer, "countersign");
            assert!(matches!(found, Ok(Standing::Refused(_))), "{place} {value}: {found:?}");
        }
        assert!(standing(&json!({}), "countersign").is_err());
        let mut unbound = good;
        unbound["status"]["user"]["extra"] = Value::Null;
        assert!(matches!(standing(&unbound, "countersign"), Ok(Standing::Good(Holder { pod: None, .. }))));
    }

    #[test]
    fn only_the_webhooks_of_our_service_are_changed() {
        let place = WebhookPlace { configuration: "c".into(), namespace: "ns".into(), service: "s".into() };
        let webhook = |namespace: &str, name: &str| {
            let service = json!({ "name": name, "namespace": namespace });
            json!({ "name": "w", "clientConfig": { "caBundle": "QQ==", "service": service } })
        };
        let all = [webhook("ns", "s"), webhook("other", "s"), webhook("ns", "t"), webhook("ns", "s")];
        let mut all = json!({ "webhooks": all });
        change_bundle(&mut all, &place, "Qg==").unwrap();
        let bundles = all["webhooks"].as_array().unwrap().iter();
        let bundles: Vec<_> = bundles.map(|one| one["clientConfig"]["caBundle"].clone()).collect();
        assert_eq!(bundles, ["Qg==", "QQ==", "QQ==", "Qg=="]);
        assert_eq!(bundle(&all, &place).unwrap().authorities, [b"B", b"B"]);
        let mut none = json!({ "webhooks": [webhook("ns", "t")] });
        assert_eq!(change_bundle(&mut none, &place, "Qg=="), Err(ClusterError::Missing));
        assert_eq!(bundle(&json!({}), &place), Err(ClusterError::Missing));
    }

    #[test]
    fn a_secret_is_changed_only_in_its_key_and_only_in_its_version() {
        let metadata = json!({ "resourceVersion": "7", "labels": { "a": "b" } });
        let secret = json!({ "metadata": metadata, "data": { "other": "QQ==" } });
        let mut changed = secret;
        change_secret(&mut changed, "key", "Qg==", "7").unwrap();
        assert_eq!(changed["data"], json!({ "other": "QQ==", "key": "Qg==" }));
        assert_eq!(changed["metadata"], metadata);
        assert_eq!(change_secret(&mut changed, "key", "Qg==", "6"), Err(ClusterError::Conflict));
        let mut empty = json!({ "metadata": { "resourceVersion": "7" }, "data": null });
        change_secret(&mut empty, "key", "Qg==", "7").unwrap();
        assert_eq!(secret_value(&empty, "key").unwrap().value.as_deref(), Some(b"B".as_slice()));
        assert_eq!(secret_value(&empty, "none").unwrap().value, None);
    }
}
