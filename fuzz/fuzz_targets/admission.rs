//! Any bytes as a review, and any bytes as the object of one: there is an answer with the same uid; what is added can be
//! added, and asking again adds nothing.
#![no_main]

use base64::Engine as _;
use countersign::inject::names;
use countersign::inject::plan::{Asked, Plan, plan};
use countersign::inject::quantity::Quantity;
use countersign::inject::review::answer;
use countersign::inject::settings::{Mode, Resources, Settings, Tolerated};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use std::sync::LazyLock;

static SETTINGS: LazyLock<[Settings; 2]> = LazyLock::new(|| [settings(Mode::Native), settings(Mode::Ordinary)]);

fn settings(mode: Mode) -> Settings {
    let quantity = |text| Quantity::read(text).expect("a quantity");
    Settings {
        image: "countersign:1".into(),
        repositories: Vec::new(),
        desk: "https://desk:8443".into(),
        desk_ca: None,
        trust_domain: "https://acme.example".into(),
        roots: "{}".into(),
        mode,
        resources: Resources {
            cpu_request: quantity("20m"),
            cpu_limit: quantity("500m"),
            memory_request: quantity("32Mi"),
            memory_limit: quantity("128Mi"),
        },
        own_namespace: "countersign".into(),
        tolerated: Tolerated { host_path: mode == Mode::Ordinary, privileged: mode == Mode::Ordinary },
    }
}

fuzz_target!(|bytes: &[u8]| {
    for settings in SETTINGS.iter() {
        let reviewed = answer(Asked::ByNamespace, bytes, settings);
        assert!(reviewed.answer["response"]["uid"].is_string());
        let Ok(object) = serde_json::from_slice::<Value>(bytes) else { continue };
        let uid = "705ab4f5-6393-11e8-b7cc-42010a800002";
        let review = json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": uid, "kind": { "group": "", "version": "v1", "kind": "Pod" }, "namespace": "agents",
            "operation": "CREATE", "object": object,
        } });
        let text = review.to_string();
        let reviewed = answer(Asked::ByNamespace, text.as_bytes(), settings);
        // What is deeper than it reads has no uid that could be read.
        let response = &reviewed.answer["response"];
        assert!(response["uid"] == uid || response["allowed"] == false);
        let Plan::Inject(injection) = plan(Asked::ByNamespace, "agents", &object, settings) else {
            assert!(response.get("patch").is_none());
            continue;
        };
        if let Some(patch) = response["patch"].as_str() {
            let patch = base64::engine::general_purpose::STANDARD.decode(patch).expect("base64");
            let patch: Value = serde_json::from_slice(&patch).expect("JSON");
            assert_eq!(patch, injection.patch.to_json());
        }
        let once = injection.patch.applied_to(&object).expect("what is added can be added");
        alone(&once);
        for mode in SETTINGS.iter().filter(|other| other.tolerated == settings.tolerated) {
            match plan(Asked::ByNamespace, "agents", &once, mode) {
                Plan::Skip(_) => {}
                again => panic!("{again:?}"),
            }
        }
    }
});

/// Nobody but the sidecar has its data and its token.
fn alone(pod: &Value) {
    for kind in ["initContainers", "containers", "ephemeralContainers"] {
        for container in pod["spec"][kind].as_array().into_iter().flatten() {
            for mount in container["volumeMounts"].as_array().into_iter().flatten() {
                let private = mount["name"] == names::DATA_VOLUME || mount["name"] == names::TOKEN_VOLUME;
                assert!(!private || container["name"] == names::CONTAINER, "{container}");
            }
        }
    }
}
