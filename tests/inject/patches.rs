//! The patches themselves: nothing of the pod's is lost, everything comes in the right order, and once is enough.

use crate::corpus::{Row, rows, settings, word};
use countersign::inject::names;
use countersign::inject::plan::{Asked, Plan, plan};
use serde_json::{Value, json};

fn injected() -> Vec<Row> {
    rows().into_iter().filter(|row| row.becomes == "injected").collect()
}

fn find(name: &str) -> Row {
    rows().into_iter().find(|row| row.name == name).unwrap_or_else(|| panic!("{name}"))
}

fn names_in(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|one| one["name"].as_str().unwrap()).collect()
}

/// Everything of `before` is in `after`: objects keep their members, and lists their elements in order.
fn kept(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            before.iter().all(|(name, value)| after.get(name).is_some_and(|after| kept(value, after)))
        }
        (Value::Array(before), Value::Array(after)) => {
            let mut after = after.iter();
            before.iter().all(|value| after.any(|after| kept(value, after)))
        }
        (Value::Null, _) => true,
        (before, after) => before == after,
    }
}

#[test]
fn nothing_of_the_pods_own_is_lost_or_put_elsewhere() {
    for row in injected() {
        let mut before = row.pod.clone();
        // The one thing that is ours to say.
        if let Some(annotations) = before["metadata"]["annotations"].as_object_mut() {
            annotations.remove(names::STATUS);
            annotations.remove(names::INJECTED_VERSION);
        }
        assert!(kept(&before, &row.injected()), "{}: {}", row.name, row.injected());
    }
}

#[test]
fn nothing_is_replaced_that_is_there() {
    for row in injected() {
        let Plan::Inject(injection) = row.plan() else { panic!() };
        let mut pod = row.pod.clone();
        for add in injection.patch.operations() {
            let there = pod.pointer(add.path.as_str()).filter(|there| !there.is_null()).cloned();
            let in_a_list = add.path.as_str().rsplit('/').next().unwrap().parse::<usize>().is_ok();
            let annotation = add.path.as_str().starts_with("/metadata/annotations/countersign.dev~1");
            assert!(there.is_none() || in_a_list || annotation, "{}: {add:?}", row.name);
            let mut one = countersign::inject::patch::Patch::default();
            one.add(add.path.clone(), add.value.clone());
            pod = one.applied_to(&pod).unwrap();
        }
    }
}

#[test]
fn once_is_enough_however_often_and_by_whichever_way_it_is_asked() {
    for row in injected() {
        let once = row.injected();
        for asked in [Asked::ByPod, Asked::ByNamespace] {
            let mut labelled = once.clone();
            labelled["metadata"]["labels"]["countersign.dev/inject"] = json!("true");
            let again = plan(asked, row.namespace, &labelled, &row.settings());
            assert_eq!(word(&again), "already_injected", "{}: {again:?}", row.name);
        }
        // Whatever the cluster is taken for meanwhile, and with everything that the API server fills in.
        for mode in
            [countersign::inject::settings::Mode::Native, countersign::inject::settings::Mode::Ordinary]
        {
            let mut settings = row.settings();
            settings.mode = mode;
            let shown = crate::corpus::defaulted(&once);
            let again = plan(Asked::ByNamespace, row.namespace, &shown, &settings);
            assert_eq!(word(&again), "already_injected", "{}: {again:?}", row.name);
        }
    }
}

#[test]
fn the_sidecar_comes_first_but_after_the_network() {
    for (name, wanted) in [
        ("the least of a pod", &["countersign"][..]),
        ("init containers", &["countersign", "fetch", "migrate"]),
        ("another native sidecar", &["countersign", "logs", "fetch"]),
        ("in Istio", &["istio-init", "countersign"]),
        ("in Istio with native sidecars", &["istio-init", "istio-proxy", "countersign", "fetch"]),
        ("in Linkerd with its validator", &["linkerd-network-validator", "linkerd-proxy", "countersign"]),
        ("a network that is set up by a container of its own", &["vpn", "routes", "countersign", "fetch"]),
    ] {
        let pod = find(name).injected();
        assert_eq!(names_in(&pod["spec"]["initContainers"]), wanted, "{name}");
        assert!(!names_in(&pod["spec"]["containers"]).contains(&"countersign"), "{name}");
    }
    for (name, wanted) in [
        ("where the cluster is old", &["countersign", "agent"][..]),
        ("several containers where the cluster is old", &["countersign", "agent", "browser"]),
        ("in Istio, where the cluster is old", &["istio-proxy", "countersign", "agent"]),
        ("an ordinary container by choice", &["countersign", "agent"]),
    ] {
        let pod = find(name).injected();
        assert_eq!(names_in(&pod["spec"]["containers"]), wanted, "{name}");
        assert!(!names_in(&pod["spec"]["initContainers"]).contains(&"countersign"), "{name}");
    }
}

#[test]
fn agents_and_only_agents_get_the_socket() {
    let has = |container: &Value| {
        let mount =
            json!({ "name": "countersign-socket", "mountPath": "/run/countersign", "readOnly": true });
        let variable = json!({ "name": "COUNTERSIGN_SOCKET", "value": "/run/countersign/agent.sock" });
        let (mounts, env) = (&container["volumeMounts"], &container["env"]);
        let mounted =
            mounts.as_array().is_some_and(|list| list.iter().filter(|one| **one == mount).count() == 1);
        let told =
            env.as_array().is_some_and(|list| list.iter().filter(|one| **one == variable).count() == 1);
        assert_eq!(mounted, told, "{container}");
        mounted
    };
    for (name, wanted) in [
        ("the least of a pod", "agent"),
        ("several containers", "agent browser memory"),
        ("init containers", "fetch migrate agent"),
        ("another native sidecar", "fetch agent"),
        ("in Istio", "agent"),
        ("in Istio with native sidecars", "fetch agent"),
        ("in Linkerd", "agent"),
        ("several containers where the cluster is old", "agent browser"),
        ("the socket for one container", "agent"),
        ("the socket for two, with spaces", "fetch agent"),
        ("the socket for nobody yet", ""),
        ("knowing the socket already", "agent"),
        ("injected, and then another container came", "agent late"),
    ] {
        let pod = find(name).injected();
        let all = ["initContainers", "containers"]
            .iter()
            .flat_map(|kind| pod["spec"][*kind].as_array().into_iter().flatten());
        let equipped = all.filter(|one| one["name"] != "countersign" && has(one));
        let equipped: Vec<_> = equipped.map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(equipped.join(" "), wanted, "{name}");
    }
}

/// The sidecar's container as the injector puts it in.
fn sidecar(name: &str) -> Value {
    let pod = find(name).injected();
    let all = ["initContainers", "containers"]
        .iter()
        .flat_map(|kind| pod["spec"][*kind].as_array().into_iter().flatten());
    all.into_iter().find(|one| one["name"] == "countersign").unwrap().clone()
}

#[test]
fn the_sidecar_is_told_what_the_operator_said_and_nothing_else() {
    let sidecar = sidecar("the least of a pod");
    let env: Vec<_> = sidecar["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["value"].as_str().unwrap()))
        .collect();
    let settings = settings();
    assert_eq!(
        env,
        [
            ("COUNTERSIGN_DESK", &*settings.desk),
            ("COUNTERSIGN_DESK_CA", settings.desk_ca.as_deref().unwrap()),
            ("COUNTERSIGN_TRUST_DOMAIN", &*settings.trust_domain),
            // A kubelet makes one dollar of two, and would put a variable's value for `$(A)`.
            ("COUNTERSIGN_ROOTS", r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"$$(A)$$"}]}"#),
            ("COUNTERSIGN_SERVICE_ACCOUNT_TOKEN_FILE", "/var/run/secrets/countersign/token"),
            ("COUNTERSIGN_DATA", "/var/lib/countersign"),
            ("COUNTERSIGN_SOCKET", "/run/countersign/agent.sock"),
            ("COUNTERSIGN_HEALTH", "0.0.0.0:9464"),
        ]
    );
    assert_eq!(sidecar["args"], json!(["sidecar"]));
    assert!(sidecar.get("command").is_none(), "the image's own entry point");
}

#[test]
fn annotations_are_obeyed() {
    let resources = |name| sidecar(name)["resources"].clone();
    let of = |cpu: [&str; 2], memory: [&str; 2]| json!({ "requests": { "cpu": cpu[0], "memory": memory[0] }, "limits": { "cpu": cpu[1], "memory": memory[1] } });
    assert_eq!(resources("the least of a pod"), of(["20m", "500m"], ["32Mi", "128Mi"]));
    assert_eq!(resources("more of everything"), of(["0.25", "2"], ["64Mi", "1Gi"]));
    assert_eq!(resources("a request above the usual limit"), of(["20m", "500m"], ["1Gi", "1Gi"]));
    assert_eq!(resources("a limit below the usual request"), of(["10m", "10m"], ["32Mi", "128Mi"]));
    // A pod of guaranteed quality stays one.
    assert_eq!(resources("given what it may use at most"), of(["500m", "500m"], ["128Mi", "128Mi"]));
    assert_eq!(resources("given less than it may use"), of(["20m", "500m"], ["32Mi", "128Mi"]));
    assert_eq!(sidecar("the image by its digest")["image"], "mirror.example:5000/countersign@sha256:00");
    assert!(
        sidecar("a talkative sidecar")["env"]
            .as_array()
            .unwrap()
            .contains(&json!({ "name": "COUNTERSIGN_LOG", "value": "debug" }))
    );
    let moved = sidecar("another port for probes, because of its own metrics");
    assert_eq!(moved["ports"][0]["containerPort"], 19464);
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(moved[probe]["httpGet"]["port"], 19464);
    }
    assert!(
        moved["env"]
            .as_array()
            .unwrap()
            .contains(&json!({ "name": "COUNTERSIGN_HEALTH", "value": "0.0.0.0:19464" }))
    );
}

#[test]
fn the_two_kinds_differ_in_what_they_must() {
    let native = sidecar("the least of a pod");
    assert_eq!(native["restartPolicy"], "Always");
    assert!(native.get("lifecycle").is_none());
    let ordinary = sidecar("where the cluster is old");
    assert!(ordinary.get("restartPolicy").is_none(), "an old cluster doesn't know it");
    let command = &ordinary["lifecycle"]["postStart"]["exec"]["command"];
    assert_eq!(
        command,
        &json!(["/countersign", "wait", "--socket", "/run/countersign/agent.sock", "--seconds", "120"])
    );
    let annotations = |name| find(name).injected()["metadata"]["annotations"].clone();
    assert_eq!(annotations("where the cluster is old")["kubectl.kubernetes.io/default-container"], "agent");
    assert!(annotations("the least of a pod").get("kubectl.kubernetes.io/default-container").is_none());
    assert_eq!(annotations("the least of a pod")["countersign.dev/status"], "injected");
    assert_eq!(
        annotations("the least of a pod")["countersign.dev/injected-version"],
        env!("CARGO_PKG_VERSION")
    );
}

#[test]
fn its_author_is_warned_of_what_is_allowed_and_unwise() {
    for (name, words) in [
        ("the least of a pod", None),
        ("the default service account", Some("service account `default`")),
        ("an annotation that means nothing", Some("`countersign.dev/imgae`")),
        ("a Job's where the cluster is old", Some("will not complete by itself")),
    ] {
        let Plan::Inject(injection) = find(name).plan() else { panic!() };
        match words {
            None => assert!(injection.warnings.is_empty(), "{name}: {:?}", injection.warnings),
            Some(words) => {
                assert!(injection.warnings.join("\n").contains(words), "{name}: {:?}", injection.warnings)
            }
        }
    }
}
