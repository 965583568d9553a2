//! Pods that are left as they are.

use super::Row;
use serde_json::{Value, json};

pub(super) fn rows() -> Vec<Row> {
    let skip = Row::new;
    let label = |value: &str| json!({ "metadata": { "labels": { "countersign.dev/inject": value } } });
    let whole = |name, ordinary: bool| {
        let mut row = skip(name, "already_injected", &json!({}));
        if ordinary {
            row = row.ordinary();
        }
        row.pod = Row { becomes: "injected", ..row.clone() }.injected();
        row
    };
    let changed = |name, change: &dyn Fn(&mut Value)| {
        let mut row = whole(name, false);
        change(&mut row.pod);
        row
    };
    vec![
        skip(
            "not asking",
            "not_asked",
            &json!({ "metadata": { "labels": { "countersign.dev/inject": null } } }),
        ),
        skip("without any label", "not_asked", &json!({ "metadata": { "labels": null } })),
        skip("asking in other words", "not_asked", &label("yes")),
        skip("asking in capitals", "not_asked", &label("True")),
        skip("declining", "opted_out", &label("false")),
        skip("declining in a namespace that asks", "opted_out", &label("false")).by_namespace(),
        skip("in our own namespace", "own_namespace", &json!({})).within("countersign"),
        skip(
            "in our own namespace, of ours",
            "own_namespace",
            &json!({
            "metadata": { "labels": { "countersign.dev/component": "desk" } } }),
        )
        .within("countersign"),
        skip("in kube-system", "system_namespace", &json!({})).within("kube-system"),
        skip("in kube-node-lease", "system_namespace", &json!({})).by_namespace().within("kube-node-lease"),
        skip("in kube-public", "system_namespace", &json!({})).within("kube-public"),
        skip(
            "a mirror pod",
            "mirror_pod",
            &json!({ "metadata": { "annotations": {
            "kubernetes.io/config.mirror": "8c0f", "kubernetes.io/config.source": "file" } } }),
        ),
        skip(
            "a mirror pod in the node's network",
            "mirror_pod",
            &json!({
                "metadata": { "annotations": { "kubernetes.io/config.mirror": "8c0f" } },
                "spec": { "hostNetwork": true, "hostPID": true, "volumes": [{ "name": "v", "hostPath": { "path": "/" } }] },
            }),
        ),
        skip(
            "going away",
            "terminating",
            &json!({ "metadata": { "deletionTimestamp": "2026-11-22T05:00:00Z" } }),
        ),
        whole("injected already", false),
        whole("injected already, ordinarily", true),
        changed("injected by another version", &|pod| {
            pod["metadata"]["annotations"]["countersign.dev/injected-version"] = json!("0.0.1");
            pod["spec"]["initContainers"][0]["image"] = json!("registry.example/countersign:0.0.1");
        }),
        changed("injected, and its image rewritten to a mirror", &|pod| {
            pod["spec"]["initContainers"][0]["image"] = json!("mirror.example:5000/countersign:0.1.0");
        }),
        changed("injected, and resources recommended by somebody else", &|pod| {
            pod["spec"]["initContainers"][0]["resources"] =
                json!({ "requests": { "cpu": "5m", "memory": "40Mi" } });
        }),
        changed("injected, and its probes rewritten by a mesh", &|pod| {
            pod["spec"]["initContainers"][0]["livenessProbe"]["httpGet"] =
                json!({ "path": "/app-health/countersign/livez", "port": 15020 });
        }),
        changed("injected, and the API server's defaults filled in", &|pod| *pod = defaulted(pod)),
        changed("injected, and variables of somebody else added", &|pod| {
            let env = pod["spec"]["initContainers"][0]["env"].as_array_mut().unwrap();
            env.insert(0, json!({ "name": "KUBERNETES_SERVICE_HOST", "value": "api.example" }));
        }),
        changed("injected, and a mesh put before it", &|pod| {
            let init = pod["spec"]["initContainers"].as_array_mut().unwrap();
            init.insert(0, json!({ "name": "istio-init", "image": "istio/proxyv2:1" }));
        }),
    ]
}

/// What the API server shows to a webhook when it asks again: its defaults, and its own token in every container.
pub(crate) fn defaulted(pod: &Value) -> Value {
    let mut pod = pod.clone();
    let token = json!({ "name": "kube-api-access-x", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true });
    for list in ["containers", "initContainers"] {
        for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
            for (name, value) in [
                ("imagePullPolicy", json!("IfNotPresent")),
                ("terminationMessagePath", json!("/dev/termination-log")),
                ("terminationMessagePolicy", json!("File")),
                ("resources", json!({})),
            ] {
                if container.get(name).is_none() {
                    container[name] = value;
                }
            }
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                if container.get(probe).is_some() {
                    container[probe]["successThreshold"] = json!(1);
                }
            }
            if container.get("volumeMounts").is_none() {
                container["volumeMounts"] = json!([]);
            }
            container["volumeMounts"].as_array_mut().unwrap().push(token.clone());
        }
    }
    for volume in pod["spec"]["volumes"].as_array_mut().into_iter().flatten() {
        if volume.get("projected").is_some() {
            volume["projected"]["defaultMode"] = json!(420);
        }
    }
    let spec = pod["spec"].as_object_mut().unwrap();
    for (name, value) in [("dnsPolicy", json!("ClusterFirst")), ("schedulerName", json!("default-scheduler"))]
    {
        spec.entry(name).or_insert(value);
    }
    pod
}
