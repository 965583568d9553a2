//! What an agent's author gone bad might try: nobody but the sidecar ever has its volumes, its token or its processes.

use crate::corpus::{rows, settings};
use countersign::inject::names;
use countersign::inject::plan::{Plan, look_around};
use countersign::inject::settings::Tolerated;
use serde_json::{Value, json};

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[test]
fn after_injection_only_the_sidecar_has_data_and_token_and_nobody_else_writes_to_the_sockets_folder() {
    for row in rows().iter().filter(|row| matches!(row.becomes, "injected" | "already_injected")) {
        let pod = if row.becomes == "injected" { row.injected() } else { row.pod.clone() };
        let mut sidecars = 0;
        for container in ["initContainers", "containers"].iter().flat_map(|kind| list(&pod["spec"][*kind])) {
            let own = container["name"] == names::CONTAINER;
            sidecars += usize::from(own);
            for mount in list(&container["volumeMounts"]) {
                let volume = mount["name"].as_str().unwrap();
                assert!(own || volume != names::DATA_VOLUME && volume != names::TOKEN_VOLUME, "{}", row.name);
                assert!(own || volume != names::SOCKET_VOLUME || mount["readOnly"] == true, "{}", row.name);
            }
        }
        assert_eq!(sidecars, 1, "{}", row.name);
        for volume in list(&pod["spec"]["volumes"]) {
            for source in list(&volume["projected"]["sources"]) {
                let ours = source["serviceAccountToken"]["audience"] == names::AUDIENCE;
                assert!(!ours || volume["name"] == names::TOKEN_VOLUME, "{}", row.name);
            }
            let name = volume["name"].as_str().unwrap();
            assert!(!name.starts_with("countersign-") || volume["hostPath"].is_null(), "{}", row.name);
        }
        assert_ne!(pod["spec"]["shareProcessNamespace"], true, "{}", row.name);
        assert_ne!(pod["spec"]["hostPID"], true, "{}", row.name);
        assert_ne!(pod["spec"]["hostNetwork"], true, "{}", row.name);
    }
}

#[test]
fn a_container_for_looking_around_is_kept_out_of_the_sidecar() {
    let row = rows().into_iter().find(|row| row.name == "the least of a pod").unwrap();
    let with = |container: Value| {
        let mut pod = row.injected();
        pod["spec"]["ephemeralContainers"] = json!([container]);
        pod
    };
    let code = |container: Value, settings| match look_around(&with(container), settings) {
        Plan::Refuse(refusal) => refusal.code(),
        Plan::Skip(_) => "let in",
        Plan::Inject(_) => panic!("nothing is added"),
    };
    let strict = settings();
    for (container, wanted) in [
        (json!({ "name": "d", "image": "busybox", "targetContainerName": "agent" }), "let in"),
        (json!({ "name": "d", "image": "busybox" }), "let in"),
        (json!({ "name": "d", "image": "busybox", "targetContainerName": "countersign" }), "targets_sidecar"),
        (
            json!({ "name": "d", "volumeMounts": [{ "name": "countersign-data", "mountPath": "/d" }] }),
            "foreign_mount",
        ),
        (
            json!({ "name": "d", "volumeMounts": [{ "name": "countersign-token", "mountPath": "/d" }] }),
            "foreign_mount",
        ),
        (json!({ "name": "d", "securityContext": { "privileged": true } }), "privileged"),
        (
            json!({ "name": "d", "securityContext": { "capabilities": { "add": ["SYS_PTRACE"] } } }),
            "capability",
        ),
    ] {
        assert_eq!(code(container.clone(), &strict), wanted, "{container}");
    }
    let mut lenient = settings();
    lenient.tolerated = Tolerated { host_path: true, privileged: true };
    assert_eq!(code(json!({ "name": "d", "securityContext": { "privileged": true } }), &lenient), "let in");
    assert_eq!(
        code(json!({ "name": "d", "targetContainerName": "countersign" }), &lenient),
        "targets_sidecar"
    );
    // Beside no sidecar, anybody may look.
    let mut pod = row.pod.clone();
    pod["spec"]["ephemeralContainers"] = json!([{ "name": "d", "securityContext": { "privileged": true } }]);
    assert!(matches!(look_around(&pod, &strict), Plan::Skip(_)));
}

#[test]
fn a_refusal_says_what_is_wrong_and_repeats_nothing_that_a_terminal_obeys() {
    for row in rows() {
        let Plan::Refuse(refusal) = row.plan() else { continue };
        let message = refusal.to_string();
        assert!(
            message.len() > 20 && message.len() < 400 && !message.contains('\n'),
            "{}: {message}",
            row.name
        );
        assert!(message.chars().next().unwrap().is_lowercase() && !message.ends_with('.'), "{message}");
    }
    let mut row = rows().into_iter().find(|row| row.name == "privileged").unwrap();
    row.pod["spec"]["containers"][0]["name"] = json!(format!("\u{1b}[31m`x`\n{}", "y".repeat(1000)));
    let Plan::Refuse(refusal) = row.plan() else { panic!() };
    let message = refusal.to_string();
    assert!(!message.contains(['\u{1b}', '\n']) && message.len() < 400, "{message}");
}
