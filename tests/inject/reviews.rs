//! Reviews as the API server sends them, and as nobody should: there is always an answer, with the same uid.

use crate::corpus::{rows, settings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::inject::plan::Asked;
use countersign::inject::review::{MOST_BYTES, Reviewed, answer, told};
use serde_json::{Value, json};

pub(crate) fn review(pod: &Value) -> Value {
    json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "", "version": "v1", "kind": "Pod" },
            "resource": { "group": "", "version": "v1", "resource": "pods" },
            "requestKind": { "group": "", "version": "v1", "kind": "Pod" },
            "requestResource": { "group": "", "version": "v1", "resource": "pods" },
            "namespace": "agents",
            "operation": "CREATE",
            "userInfo": { "username": "system:serviceaccount:kube-system:replicaset-controller", "groups": ["system:authenticated"] },
            "object": pod,
            "oldObject": null,
            "dryRun": false,
            "options": { "kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1" },
        },
    })
}

fn pod(name: &str) -> Value {
    rows().into_iter().find(|row| row.name == name).unwrap().pod
}

fn answered(review: &Value) -> Reviewed {
    answer(Asked::ByPod, review.to_string().as_bytes(), &settings())
}

#[test]
fn a_pod_that_asks_is_answered_with_a_patch() {
    let reviewed = answered(&review(&pod("of a Deployment")));
    let response = &reviewed.answer["response"];
    assert_eq!(reviewed.answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(reviewed.answer["kind"], "AdmissionReview");
    assert_eq!(response["uid"], "705ab4f5-6393-11e8-b7cc-42010a800002");
    assert_eq!(response["allowed"], true);
    assert_eq!(response["patchType"], "JSONPatch");
    assert!(response.get("warnings").is_none());
    assert_eq!(response["auditAnnotations"], json!({ "outcome": "injected", "reason": "asked" }));
    let patch: Value =
        serde_json::from_slice(&STANDARD.decode(response["patch"].as_str().unwrap()).unwrap()).unwrap();
    assert!(patch.as_array().unwrap().iter().all(|one| one["op"] == "add"));
    let about = reviewed.about.clone().unwrap();
    assert_eq!(
        (about.namespace.as_str(), about.name.as_str(), about.dry_run),
        ("agents", "robot-7d9-", false)
    );
    assert_eq!(about.owner.unwrap().kind, "ReplicaSet");
    assert!(told(&reviewed).is_some_and(|(reason, warning, _)| reason == "Injected" && !warning));
}

#[test]
fn what_is_left_alone_is_let_in_without_a_patch() {
    for (change, reason) in [
        (json!({ "operation": "UPDATE" }), "not_a_creation"),
        (json!({ "operation": "DELETE", "object": null }), "not_a_creation"),
        (json!({ "subResource": "binding" }), "not_a_creation"),
        (json!({ "kind": { "group": "apps", "version": "v1", "kind": "Deployment" } }), "not_a_pod"),
        (json!({ "kind": null }), "not_a_pod"),
        (json!({ "namespace": "kube-system" }), "system_namespace"),
    ] {
        let mut review = review(&pod("the least of a pod"));
        crate::corpus::merge(&mut review["request"], &change);
        let reviewed = answered(&review);
        assert_eq!(reviewed.answer["response"]["allowed"], true, "{change}");
        assert!(reviewed.answer["response"].get("patch").is_none(), "{change}");
        assert_eq!(reviewed.outcome.reason(), reason, "{change}");
    }
}

#[test]
fn what_may_not_be_made_is_refused_with_what_to_change() {
    let reviewed = answered(&review(&pod("mounting our token")));
    let response = &reviewed.answer["response"];
    assert_eq!((&response["allowed"], &response["status"]["code"]), (&json!(false), &json!(403)));
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.contains("`agent`") && message.contains("`countersign-token`"), "{message}");
    assert!(response.get("patch").is_none());
    assert!(told(&reviewed).is_some_and(|(reason, warning, _)| reason == "InjectionRefused" && warning));
    let mut debug = review(&pod("injected already"));
    debug["request"]["subResource"] = json!("ephemeralcontainers");
    debug["request"]["operation"] = json!("UPDATE");
    debug["request"]["object"]["spec"]["ephemeralContainers"] =
        json!([{ "name": "d", "targetContainerName": "countersign" }]);
    assert_eq!(answered(&debug).outcome.reason(), "targets_sidecar");
}

#[test]
fn what_is_not_understood_is_refused_with_the_same_uid() {
    let good = review(&pod("the least of a pod"));
    let uid = good["request"]["uid"].clone();
    let changed = |change: Value| {
        let mut review = good.clone();
        crate::corpus::merge(&mut review, &change);
        review.to_string().into_bytes()
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let huge = " ".repeat(MOST_BYTES + 1);
    for (bytes, wanted) in [
        (Vec::new(), json!("")),
        (b"null".to_vec(), json!("")),
        (b"{".to_vec(), json!("")),
        (b"\xff\xfe".to_vec(), json!("")),
        (b"{} {}".to_vec(), json!("")),
        (deep.into_bytes(), json!("")),
        (huge.into_bytes(), json!("")),
        (changed(json!({ "apiVersion": "admission.k8s.io/v1beta1" })), uid.clone()),
        (changed(json!({ "kind": "Pod" })), uid.clone()),
        (changed(json!({ "request": { "uid": null } })), json!("")),
        (changed(json!({ "request": { "uid": 7 } })), json!("")),
        (changed(json!({ "request": { "uid": "u".repeat(1000) } })), json!("")),
        (changed(json!({ "request": { "namespace": null } })), uid.clone()),
        (changed(json!({ "request": { "object": null } })), uid.clone()),
        (changed(json!({ "request": { "object": { "spec": [] } } })), uid.clone()),
        (changed(json!({ "request": { "object": { "spec": { "containers": 7 } } } })), uid),
    ] {
        let reviewed = answer(Asked::ByPod, &bytes, &settings());
        let response = &reviewed.answer["response"];
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        assert_eq!((&response["allowed"], &response["uid"]), (&json!(false), &wanted), "{shown}");
        assert_eq!(response["status"]["code"], 400, "{shown}");
        assert!(response["status"]["message"].as_str().unwrap().len() < 400, "{shown}");
    }
}

#[test]
fn a_trial_is_marked_as_one() {
    let mut review = review(&pod("the least of a pod"));
    review["request"]["dryRun"] = json!(true);
    let reviewed = answered(&review);
    assert_eq!(reviewed.outcome.code(), "injected");
    assert!(reviewed.about.unwrap().dry_run);
}
