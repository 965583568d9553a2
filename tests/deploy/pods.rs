//! The pods of our Deployments: the Pod Security rules of the profile "restricted" and more, probes, rollouts, and that
//! everything that chooses pods chooses these.

use crate::kit::{OVERLAYS, Objects, chooses, everything, list, named, of_kind, text};
use countersign::inject::names;
use serde_json::{Value, json};

fn deployments(objects: &Objects) -> Vec<&Value> {
    let found = of_kind(objects, "Deployment");
    assert!(!found.is_empty());
    found
}

fn pod(deployment: &Value) -> &Value {
    &deployment["spec"]["template"]["spec"]
}

fn containers(deployment: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers"].into_iter().flat_map(|kind| list(&pod(deployment)[kind]))
}

/// What in a pod is not as strict as ours are: stricter than the profile asks, so that none of its rules is left out.
fn loose(deployment: &Value) -> Vec<String> {
    let spec = pod(deployment);
    let mut loose = Vec::new();
    let mut must = |kept: bool, what: &str| {
        if !kept {
            loose.push(what.to_owned());
        }
    };
    for shared in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"] {
        must(spec[shared].is_null(), shared);
    }
    must(spec["automountServiceAccountToken"].is_boolean(), "automountServiceAccountToken");
    must(spec["enableServiceLinks"] == false, "enableServiceLinks");
    let context = &spec["securityContext"];
    must(context["runAsNonRoot"] == true, "runAsNonRoot");
    must(context["seccompProfile"] == json!({ "type": "RuntimeDefault" }), "seccompProfile");
    for id in ["runAsUser", "runAsGroup", "fsGroup"] {
        must(context[id] == names::USER, id);
    }
    for volume in list(&spec["volumes"]) {
        let kinds: Vec<&String> = volume.as_object().unwrap().keys().filter(|key| *key != "name").collect();
        let [kind] = kinds[..] else { panic!("{volume}") };
        let known = ["configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"];
        must(known.contains(&kind.as_str()), kind);
    }
    let restricted = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] },
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    for container in containers(deployment) {
        must(container["securityContext"] == restricted, "securityContext");
        must(container["resources"]["requests"]["cpu"].is_string(), "a CPU request");
        must(container["resources"]["requests"]["memory"].is_string(), "a memory request");
        must(container["resources"]["limits"]["memory"].is_string(), "a memory limit");
        must(container["lifecycle"].is_null(), "a hook");
        must(container["command"].is_null(), "a command in place of the image's");
        must(list(&container["ports"]).iter().all(|port| port["hostPort"].is_null()), "hostPort");
        for mount in list(&container["volumeMounts"]) {
            let there = list(&spec["volumes"]).iter().any(|volume| volume["name"] == mount["name"]);
            must(there, "a mount without a volume");
            let data = mount["mountPath"] == names::DATA_FOLDER;
            must(data || mount["readOnly"] == true, "a mount that can be written to");
        }
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            must(
                container[probe].is_null() || container[probe]["httpGet"]["host"].is_null(),
                "a probe's host",
            );
        }
    }
    loose
}

#[test]
fn every_pod_is_stricter_than_the_restricted_profile() {
    for overlay in OVERLAYS {
        for deployment in deployments(&everything(overlay)) {
            assert_eq!(
                loose(deployment),
                Vec::<String>::new(),
                "{overlay}: {}",
                deployment["metadata"]["name"]
            );
        }
        let namespace = named(&everything(overlay), "Namespace", names::NAMESPACE).clone();
        for mode in ["enforce", "audit", "warn"] {
            let label = format!("pod-security.kubernetes.io/{mode}");
            assert_eq!(namespace["metadata"]["labels"][&label], "restricted");
        }
    }
}

#[test]
fn the_check_would_notice() {
    let objects = everything("fleet");
    let deployment = named(&objects, "Deployment", "countersign-desk");
    for (pointer, value) in [
        ("/spec/template/spec/hostNetwork", json!(true)),
        ("/spec/template/spec/securityContext/runAsUser", json!(0)),
        ("/spec/template/spec/securityContext/seccompProfile/type", json!("Unconfined")),
        ("/spec/template/spec/volumes/0", json!({ "name": "configuration", "hostPath": { "path": "/" } })),
        ("/spec/template/spec/containers/0/securityContext/capabilities/drop", json!([])),
        ("/spec/template/spec/containers/0/securityContext/privileged", json!(true)),
        ("/spec/template/spec/containers/0/resources/limits", json!({})),
        ("/spec/template/spec/containers/0/startupProbe/httpGet/host", json!("evil.example")),
        ("/spec/template/spec/containers/0/volumeMounts/0/readOnly", json!(false)),
    ] {
        let mut wrong = deployment.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match wrong.pointer_mut(parent).unwrap() {
            Value::Array(list) => list[name.parse::<usize>().unwrap()] = value,
            other => other[name] = value,
        }
        assert_eq!(loose(&wrong).len(), 1, "{pointer}: {:?}", loose(&wrong));
    }
}

#[test]
fn probes_ask_what_the_program_answers() {
    let expected = [
        ("startupProbe", names::STARTUP_PATH),
        ("livenessProbe", names::LIVE_PATH),
        ("readinessProbe", names::READY_PATH),
    ];
    for overlay in OVERLAYS {
        for deployment in deployments(&everything(overlay)) {
            let container = &pod(deployment)["containers"][0];
            for (probe, path) in expected {
                assert_eq!(container[probe]["httpGet"], json!({ "path": path, "port": "health" }));
            }
            let start = &container["startupProbe"];
            assert_eq!(start["periodSeconds"], 1);
            assert!((120..=600).contains(&start["failureThreshold"].as_u64().unwrap()), "{start}");
            let grace = pod(deployment)["terminationGracePeriodSeconds"].as_u64().unwrap();
            assert!((15..=60).contains(&grace), "longer than the drain and what ends under way: {grace}");
        }
    }
}

#[test]
fn whatever_chooses_pods_chooses_ours() {
    for overlay in OVERLAYS {
        let objects = everything(overlay);
        let labels: Vec<&Value> = deployments(&objects)
            .iter()
            .map(|deployment| &deployment["spec"]["template"]["metadata"]["labels"])
            .collect();
        let chosen = |selector: &Value| labels.iter().filter(|labels| chooses(selector, labels)).count();
        for deployment in deployments(&objects) {
            assert_eq!(chosen(&deployment["spec"]["selector"]), 1, "no two Deployments share pods");
            let own = &deployment["spec"]["template"]["metadata"]["labels"];
            assert!(chooses(&deployment["spec"]["selector"], own));
            let spread =
                list(&pod(deployment)["topologySpreadConstraints"]).iter().map(|one| &one["labelSelector"]);
            let apart = pod(deployment).pointer(
                "/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/podAffinityTerm/labelSelector",
            );
            let selectors: Vec<&Value> = spread.chain(apart).collect();
            assert_eq!(selectors.len(), if deployment["spec"]["replicas"] == 1 { 0 } else { 2 });
            assert!(selectors.iter().all(|selector| *selector == &deployment["spec"]["selector"]));
        }
        for service in of_kind(&objects, "Service") {
            let selector = json!({ "matchLabels": service["spec"]["selector"] });
            assert_eq!(chosen(&selector), 1, "{service}");
            let behind = deployments(&objects)
                .into_iter()
                .find(|deployment| chooses(&selector, &deployment["spec"]["template"]["metadata"]["labels"]));
            let ports: Vec<&Value> = list(&pod(behind.unwrap())["containers"][0]["ports"])
                .iter()
                .map(|port| &port["name"])
                .collect();
            for port in list(&service["spec"]["ports"]) {
                assert!(ports.contains(&&port["targetPort"]), "{port} of {ports:?}");
            }
        }
        for policy in of_kind(&objects, "NetworkPolicy") {
            let count = chosen(&policy["spec"]["podSelector"]);
            let meant_elsewhere =
                overlay == "standalone" && policy["metadata"]["name"] == "countersign-injector";
            assert_eq!(count == 0, meant_elsewhere, "{policy}");
        }
        for monitor in of_kind(&objects, "ServiceMonitor") {
            for service in of_kind(&objects, "Service") {
                assert!(chooses(&monitor["spec"]["selector"], &service["metadata"]["labels"]));
                let ports: Vec<&Value> =
                    list(&service["spec"]["ports"]).iter().map(|port| &port["name"]).collect();
                assert!(ports.contains(&&monitor["spec"]["endpoints"][0]["port"]));
            }
        }
    }
}

#[test]
fn a_drained_node_never_takes_the_last_replica() {
    let objects = everything("fleet");
    for deployment in deployments(&objects) {
        let replicas = deployment["spec"]["replicas"].as_u64().unwrap();
        assert!(replicas >= 2);
        assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
        let budgets: Vec<&Value> = of_kind(&objects, "PodDisruptionBudget")
            .into_iter()
            .filter(|budget| budget["spec"]["selector"] == deployment["spec"]["selector"])
            .collect();
        let [budget] = budgets[..] else { panic!("{budgets:?}") };
        assert!(budget["spec"]["maxUnavailable"].as_u64().unwrap() < replicas);
    }
    assert_eq!(of_kind(&objects, "PodDisruptionBudget").len(), deployments(&objects).len());
    // One replica is all there is: a budget would only keep nodes from being drained.
    let alone = everything("standalone");
    let desk = named(&alone, "Deployment", "countersign-desk");
    assert_eq!(
        (&desk["spec"]["replicas"], &desk["spec"]["strategy"]["type"]),
        (&json!(1), &json!("Recreate"))
    );
    assert!(of_kind(&alone, "PodDisruptionBudget").is_empty());
}

#[test]
fn everything_that_pods_read_is_there_or_is_asked_for_in_the_documents() {
    let documents = include_str!("../../docs/kubernetes.md");
    for overlay in OVERLAYS {
        let objects = everything(overlay);
        let mut asked = Vec::new();
        for deployment in deployments(&objects) {
            let account = text(&pod(deployment)["serviceAccountName"]);
            named(&objects, "ServiceAccount", account);
            for volume in list(&pod(deployment)["volumes"]) {
                let projected =
                    list(&volume["projected"]["sources"]).iter().map(|source| &source["configMap"]["name"]);
                asked.extend(
                    [&volume["configMap"]["name"]]
                        .into_iter()
                        .chain(projected)
                        .map(|name| ("ConfigMap", name)),
                );
                asked.push(("Secret", &volume["secret"]["secretName"]));
                asked.push(("PersistentVolumeClaim", &volume["persistentVolumeClaim"]["claimName"]));
            }
            for container in containers(deployment) {
                for variable in list(&container["env"]) {
                    let of = &variable["valueFrom"]["configMapKeyRef"];
                    if let Some(key) = of["key"].as_str() {
                        let map = named(&objects, "ConfigMap", text(&of["name"]));
                        assert!(map["data"][key].is_string(), "{variable}");
                    }
                }
            }
        }
        let made_by_certificates: Vec<&Value> = of_kind(&objects, "Certificate")
            .into_iter()
            .map(|certificate| &certificate["spec"]["secretName"])
            .collect();
        for (kind, name) in asked.into_iter().filter(|(_, name)| !name.is_null()) {
            let there = objects.keys().any(|(of, _, there)| of == kind && there == text(name));
            if !there && !made_by_certificates.contains(&name) {
                assert!(
                    documents.contains(&format!("`{}`", text(name))),
                    "docs/kubernetes.md says nothing of {name}"
                );
            }
        }
    }
}
