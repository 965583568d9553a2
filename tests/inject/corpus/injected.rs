//! Pods that get their sidecar.

use super::{Row, Tolerated};
use serde_json::{Value, json};

fn row(name: &'static str, change: &Value) -> Row {
    Row::new(name, "injected", change)
}

fn annotated(name: &'static str, annotations: &Value) -> Row {
    row(name, &json!({ "metadata": { "annotations": annotations } }))
}

fn spec(name: &'static str, spec: &Value) -> Row {
    row(name, &json!({ "spec": spec }))
}

/// A security context as the restricted profile wants it.
fn restricted() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] },
        "runAsNonRoot": true,
        "seccompProfile": { "type": "RuntimeDefault" },
    })
}

pub(super) fn rows() -> Vec<Row> {
    [shapes(), controllers(), meshes(), choices(), security(), ordinary(), halves()].concat()
}

fn shapes() -> Vec<Row> {
    vec![
        row("the least of a pod", &json!({})),
        row("asked for by its namespace", &json!({})).by_namespace(),
        row("without labels, asked for by its namespace", &json!({ "metadata": { "labels": null } }))
            .by_namespace(),
        row("a name still to be made", &json!({ "metadata": { "name": null, "generateName": "robot-" } })),
        row("with empty annotations", &json!({ "metadata": { "annotations": {} } })),
        annotated("with annotations of its own", &json!({ "prometheus.io/scrape": "true" })),
        annotated("with annotations that need escaping", &json!({ "a/b": "1", "c.d/e_f": "/~" })),
        annotated("claiming to be injected", &json!({ "countersign.dev/status": "injected" })),
        annotated("claiming a status", &json!({ "countersign.dev/status": "nonsense" })),
        spec("empty lists", &json!({ "volumes": [], "initContainers": [] })),
        spec(
            "empty lists in its container",
            &json!({ "containers": [
            { "name": "agent", "image": "agent:1", "env": [], "volumeMounts": [] },
        ] }),
        ),
        spec(
            "with a volume",
            &json!({ "volumes": [{ "name": "work", "emptyDir": {} }], "containers": [
            { "name": "agent", "image": "agent:1", "volumeMounts": [{ "name": "work", "mountPath": "/work" }] },
        ] }),
        ),
        spec(
            "with volumes of each harmless kind",
            &json!({ "volumes": [
            { "name": "a", "configMap": { "name": "c" } },
            { "name": "b", "secret": { "secretName": "s" } },
            { "name": "c", "downwardAPI": { "items": [{ "path": "labels", "fieldRef": { "fieldPath": "metadata.labels" } }] } },
            { "name": "d", "persistentVolumeClaim": { "claimName": "p" } },
            { "name": "e", "projected": { "sources": [{ "configMap": { "name": "c" } }] } },
            { "name": "f", "ephemeral": { "volumeClaimTemplate": { "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } } } } },
            { "name": "g", "csi": { "driver": "secrets-store.csi.k8s.io" } },
        ] }),
        ),
        spec(
            "with a mount above the socket's folder",
            &json!({
                "volumes": [{ "name": "run", "emptyDir": {} }],
                "containers": [{ "name": "agent", "image": "agent:1", "volumeMounts": [{ "name": "run", "mountPath": "/run" }] }],
            }),
        ),
        spec(
            "with variables",
            &json!({ "containers": [{ "name": "agent", "image": "agent:1", "env": [
            { "name": "A", "value": "1" },
            { "name": "B", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } },
            { "name": "C", "value": "$(A)" },
        ], "envFrom": [{ "configMapRef": { "name": "c" } }] }] }),
        ),
        spec(
            "knowing the socket already",
            &json!({ "containers": [{ "name": "agent", "image": "agent:1", "env": [
            { "name": "COUNTERSIGN_SOCKET", "value": "/run/countersign/agent.sock" },
        ] }] }),
        ),
        spec(
            "with variables of our clients",
            &json!({ "containers": [{ "name": "agent", "image": "agent:1", "env": [
            { "name": "COUNTERSIGN_TIMEOUT", "value": "5" },
        ] }] }),
        ),
        spec(
            "several containers",
            &json!({ "containers": [
            { "name": "agent", "image": "agent:1" },
            { "name": "browser", "image": "browser:1", "ports": [{ "containerPort": 9222 }] },
            { "name": "memory", "image": "redis:7", "env": [{ "name": "A", "value": "1" }] },
        ] }),
        ),
        spec(
            "init containers",
            &json!({ "initContainers": [
            { "name": "fetch", "image": "fetch:1" },
            { "name": "migrate", "image": "migrate:1", "env": [{ "name": "A", "value": "1" }] },
        ] }),
        ),
        spec(
            "another native sidecar",
            &json!({ "initContainers": [
            { "name": "logs", "image": "logs:1", "restartPolicy": "Always" },
            { "name": "fetch", "image": "fetch:1" },
        ] }),
        ),
        spec(
            "scheduling",
            &json!({
                "nodeSelector": { "kubernetes.io/os": "linux" },
                "tolerations": [{ "key": "gpu", "operator": "Exists" }],
                "priorityClassName": "high",
                "topologySpreadConstraints": [{ "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway" }],
            }),
        ),
        spec("on Linux, in so many words", &json!({ "os": { "name": "linux" } })),
        spec(
            "a host of its own for the desk's name",
            &json!({
                "hostAliases": [{ "ip": "10.0.0.1", "hostnames": ["countersign-desk.countersign.svc"] }],
                "dnsPolicy": "None",
                "dnsConfig": { "nameservers": ["10.0.0.2"] },
            }),
        ),
        spec("without its own token", &json!({ "automountServiceAccountToken": false })),
        spec(
            "with a token for somebody else",
            &json!({ "volumes": [{ "name": "vault", "projected": { "sources": [
            { "serviceAccountToken": { "audience": "vault", "path": "token", "expirationSeconds": 600 } },
        ] } }] }),
        ),
        spec("without waiting for service links", &json!({ "enableServiceLinks": false })),
        spec("a runtime of its own", &json!({ "runtimeClassName": "gvisor" })),
        spec("user namespaces", &json!({ "hostUsers": false })),
        spec("the default service account", &json!({ "serviceAccountName": null })),
        spec("an image that is pulled with a secret", &json!({ "imagePullSecrets": [{ "name": "pull" }] })),
        spec("in the node's IPC namespace", &json!({ "hostIPC": true })),
        row(
            "with managed fields",
            &json!({ "metadata": { "managedFields": [{
            "manager": "kubectl", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": { "f:spec": { "f:containers": { "k:{\"name\":\"agent\"}": { ".": {}, "f:image": {} } } } },
        }] } }),
        ),
        row(
            "our own label outside our namespace",
            &json!({ "metadata": { "labels": { "countersign.dev/component": "desk" } } }),
        ),
    ]
}

fn controllers() -> Vec<Row> {
    let owner = |api: &str, kind: &str| {
        json!({ "metadata": { "name": null, "generateName": "robot-7d9-", "ownerReferences": [{
            "apiVersion": api, "kind": kind, "name": "robot-7d9", "uid": "9f0e", "controller": true,
            "blockOwnerDeletion": true,
        }] } })
    };
    let job = |mut change: Value| {
        change["spec"] = json!({ "restartPolicy": "Never", "activeDeadlineSeconds": 600 });
        change
    };
    vec![
        row("of a Deployment", &owner("apps/v1", "ReplicaSet")),
        row("of a StatefulSet", &owner("apps/v1", "StatefulSet")),
        row("of a DaemonSet", &owner("apps/v1", "DaemonSet")),
        row("of a Job", &job(owner("batch/v1", "Job"))),
        row("of a CronJob's Job", &{
            let mut change = job(owner("batch/v1", "Job"));
            change["metadata"]["labels"] =
                json!({ "batch.kubernetes.io/job-name": "robot-28917", "job-name": "robot-28917" });
            change
        }),
        row("restarted on failure", &json!({ "spec": { "restartPolicy": "OnFailure" } })),
        row("of a workflow", &owner("argoproj.io/v1alpha1", "Workflow")),
    ]
}

fn meshes() -> Vec<Row> {
    let net = json!({ "capabilities": { "add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"] }, "runAsUser": 0, "privileged": false });
    vec![
        spec("in Istio", &json!({
            "initContainers": [{ "name": "istio-init", "image": "istio/proxyv2:1", "securityContext": net }],
            "containers": [
                { "name": "agent", "image": "agent:1" },
                { "name": "istio-proxy", "image": "istio/proxyv2:1", "securityContext": { "runAsUser": 1337 } },
            ],
        })),
        spec("in Istio with native sidecars", &json!({ "initContainers": [
            { "name": "istio-init", "image": "istio/proxyv2:1", "securityContext": net },
            { "name": "istio-proxy", "image": "istio/proxyv2:1", "restartPolicy": "Always" },
            { "name": "fetch", "image": "fetch:1" },
        ] })),
        spec("in Linkerd", &json!({
            "initContainers": [{ "name": "linkerd-init", "image": "linkerd/proxy-init:1", "securityContext": net }],
            "containers": [
                { "name": "linkerd-proxy", "image": "linkerd/proxy:1", "securityContext": { "runAsUser": 2102 } },
                { "name": "agent", "image": "agent:1" },
            ],
        })),
        spec("in Linkerd with its validator", &json!({ "initContainers": [
            { "name": "linkerd-network-validator", "image": "linkerd/validator:1" },
            { "name": "linkerd-proxy", "image": "linkerd/proxy:1", "restartPolicy": "Always" },
        ] })),
        row("a network that is set up by a container of its own", &json!({
            "metadata": { "annotations": { "countersign.dev/network-setup": "vpn, routes" } },
            "spec": { "initContainers": [
                { "name": "vpn", "image": "vpn:1", "restartPolicy": "Always" },
                { "name": "routes", "image": "routes:1" },
                { "name": "fetch", "image": "fetch:1" },
            ] },
        })),
        spec("in Istio, where the cluster is old", &json!({
            "initContainers": [{ "name": "istio-init", "image": "istio/proxyv2:1", "securityContext": net }],
            "containers": [
                { "name": "istio-proxy", "image": "istio/proxyv2:1" },
                { "name": "agent", "image": "agent:1" },
            ],
        }))
        .ordinary(),
    ]
}

fn choices() -> Vec<Row> {
    let containers = json!([
        { "name": "agent", "image": "agent:1" },
        { "name": "cache", "image": "redis:7" },
    ]);
    let mount = |name, list: &str| {
        row(
            name,
            &json!({
                "metadata": { "annotations": { "countersign.dev/mount": list } },
                "spec": { "containers": containers, "initContainers": [{ "name": "fetch", "image": "fetch:1" }] },
            }),
        )
    };
    vec![
        mount("the socket for one container", "agent"),
        mount("the socket for two, with spaces", " agent , fetch ,"),
        mount("the socket for nobody yet", ""),
        annotated(
            "another version of the image",
            &json!({ "countersign.dev/image": "registry.example/countersign:0.2.0" }),
        ),
        annotated(
            "the image by its digest",
            &json!({ "countersign.dev/image": "mirror.example:5000/countersign@sha256:00" }),
        ),
        annotated(
            "more of everything",
            &json!({
                "countersign.dev/cpu-request": "0.25", "countersign.dev/cpu-limit": "2",
                "countersign.dev/memory-request": "64Mi", "countersign.dev/memory-limit": "1Gi",
            }),
        ),
        annotated("a request above the usual limit", &json!({ "countersign.dev/memory-request": "1Gi" })),
        annotated("a limit below the usual request", &json!({ "countersign.dev/cpu-limit": "10m" })),
        annotated("a talkative sidecar", &json!({ "countersign.dev/log-level": "debug" })),
        annotated("an ordinary container by choice", &json!({ "countersign.dev/mode": "ordinary" })),
        annotated("a native one by choice", &json!({ "countersign.dev/mode": "native" })).ordinary(),
        row(
            "another port for probes, because of its own metrics",
            &json!({
                "metadata": { "annotations": { "countersign.dev/health-port": "19464" } },
                "spec": { "containers": [{ "name": "agent", "image": "agent:1", "ports": [{ "name": "metrics", "containerPort": 9464 }] }] },
            }),
        ),
        annotated("an annotation that means nothing", &json!({ "countersign.dev/imgae": "x" })),
        spec(
            "given what it may use at most",
            &json!({ "containers": [{ "name": "agent", "image": "agent:1",
            "resources": { "limits": { "cpu": "1", "memory": "1Gi" }, "requests": { "cpu": "1", "memory": "1Gi" } } }] }),
        ),
        spec(
            "given less than it may use",
            &json!({ "containers": [{ "name": "agent", "image": "agent:1",
            "resources": { "limits": { "cpu": "1", "memory": "1Gi" }, "requests": { "cpu": "100m" } } }] }),
        ),
    ]
}

fn security() -> Vec<Row> {
    let agent =
        |context: &Value| json!([{ "name": "agent", "image": "agent:1", "securityContext": context }]);
    vec![
        spec("restricted in its container", &json!({ "containers": agent(&restricted()) })),
        spec(
            "restricted for all containers",
            &json!({
                "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
                "containers": agent(&json!({ "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } })),
                "initContainers": [{ "name": "fetch", "image": "fetch:1",
                    "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } } }],
            }),
        ),
        spec(
            "restricted, with a capability for low ports",
            &json!({ "containers": agent(&{
            let mut context = restricted();
            context["capabilities"]["add"] = json!(["NET_BIND_SERVICE"]);
            context
        }) }),
        ),
        spec(
            "restricted, and run as root by the pod otherwise",
            &json!({
                "securityContext": { "runAsUser": 1000, "runAsNonRoot": true, "fsGroup": 2000, "supplementalGroups": [3000],
                    "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": { "type": "Localhost", "localhostProfile": "p.json" } },
                "containers": agent(&json!({ "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } })),
            }),
        ),
        spec(
            "the sidecar's own user and group",
            &json!({
                "securityContext": { "runAsUser": 7117, "runAsGroup": 7117, "fsGroup": 7117 },
            }),
        ),
        spec("run as root", &json!({ "securityContext": { "runAsUser": 0, "runAsNonRoot": false } })),
        spec(
            "with the capabilities of a container runtime",
            &json!({ "containers": agent(&json!({
            "capabilities": { "add": ["CHOWN", "SETUID", "NET_RAW"] } })) }),
        ),
        spec(
            "with a folder of the node's that is tolerated",
            &json!({ "volumes": [{ "name": "logs", "hostPath": { "path": "/var/log" } }] }),
        )
        .tolerating(Tolerated { host_path: true, privileged: false }),
        spec(
            "privileged, which is tolerated",
            &json!({ "containers": agent(&json!({ "privileged": true })) }),
        )
        .tolerating(Tolerated { host_path: false, privileged: true }),
    ]
}

fn ordinary() -> Vec<Row> {
    vec![
        row("where the cluster is old", &json!({})).ordinary(),
        spec("several containers where the cluster is old", &json!({
            "initContainers": [{ "name": "fetch", "image": "fetch:1" }],
            "containers": [{ "name": "agent", "image": "agent:1" }, { "name": "browser", "image": "browser:1" }],
        }))
        .ordinary(),
        spec("a Job's where the cluster is old", &json!({ "restartPolicy": "Never" })).ordinary(),
        annotated("with its own idea of the container that people mean", &json!({
            "kubectl.kubernetes.io/default-container": "agent" })).ordinary(),
        spec("with a port called health where the cluster is old", &json!({ "containers": [
            { "name": "agent", "image": "agent:1", "ports": [{ "name": "health", "containerPort": 8081 }] },
        ] }))
        .ordinary(),
    ]
}

/// Pods that have some of it: the rest is added.
fn halves() -> Vec<Row> {
    let whole = Row::new("whole", "injected", &json!({})).injected();
    let half = |name, change: &dyn Fn(&mut Value)| {
        let mut row = row(name, &json!({}));
        row.pod = whole.clone();
        change(&mut row.pod);
        row
    };
    vec![
        half("injected, and then another container came", &|pod| {
            pod["spec"]["containers"]
                .as_array_mut()
                .unwrap()
                .push(json!({ "name": "late", "image": "late:1" }));
        }),
        half("injected, but for the annotations", &|pod| pod["metadata"]["annotations"] = json!({})),
        half("injected, but for the container", &|pod| {
            pod["spec"]["initContainers"] = json!([]);
        }),
        half("injected, but for a volume", &|pod| {
            drop(pod["spec"]["volumes"].as_array_mut().unwrap().remove(1))
        }),
        half("injected, but for the agent's mount", &|pod| {
            pod["spec"]["containers"][0].as_object_mut().unwrap().remove("volumeMounts");
        }),
    ]
}
