//! Pods that may not be made as they are.

use super::{Row, Tolerated};
use serde_json::{Value, json};

fn spec(name: &'static str, code: &'static str, spec: &Value) -> Row {
    Row::new(name, code, &json!({ "spec": spec }))
}

fn agent(name: &'static str, code: &'static str, more: &Value) -> Row {
    let mut container = json!({ "name": "agent", "image": "agent:1" });
    super::merge(&mut container, more);
    spec(name, code, &json!({ "containers": [container] }))
}

fn annotated(name: &'static str, key: &str, value: &str) -> Row {
    Row::new(name, "annotation", &json!({ "metadata": { "annotations": { (key): value } } }))
}

/// A pod that is injected, and what somebody made of its sidecar.
fn sidecar(name: &'static str, code: &'static str, change: &dyn Fn(&mut Value)) -> Row {
    let mut row = Row::new(name, code, &json!({}));
    row.pod = row.injected();
    change(&mut row.pod["spec"]["initContainers"][0]);
    row
}

pub(super) fn rows() -> Vec<Row> {
    [node(), volumes(), tokens(), sidecars(), agents(), annotations(), shapes()].concat()
}

fn node() -> Vec<Row> {
    let capability = |name, capability: &str| {
        agent(name, "capability", &json!({ "securityContext": { "capabilities": { "add": [capability] } } }))
    };
    let all = Tolerated { host_path: true, privileged: true };
    vec![
        spec("in the node's network", "host_network", &json!({ "hostNetwork": true })),
        spec("in the node's network, by its namespace", "host_network", &json!({ "hostNetwork": true }))
            .by_namespace(),
        spec("seeing the node's processes", "host_processes", &json!({ "hostPID": true })),
        spec("seeing each other's processes", "shared_processes", &json!({ "shareProcessNamespace": true })),
        spec(
            "seeing each other's processes, whatever is tolerated",
            "shared_processes",
            &json!({ "shareProcessNamespace": true }),
        )
        .tolerating(all),
        Row::new(
            "accepting by itself that processes are shared",
            "shared_processes",
            &json!({
                "metadata": { "annotations": { "countersign.dev/share-process-namespace": "accepted" } },
                "spec": { "shareProcessNamespace": true },
            }),
        ),
        spec("on Windows", "windows", &json!({ "os": { "name": "windows" } })),
        spec(
            "on Windows by its nodes",
            "windows",
            &json!({ "nodeSelector": { "kubernetes.io/os": "windows" } }),
        ),
        spec(
            "a process of a Windows node",
            "windows",
            &json!({
            "securityContext": { "windowsOptions": { "hostProcess": true } } }),
        ),
        agent(
            "a container that is a process of a Windows node",
            "windows",
            &json!({
            "securityContext": { "windowsOptions": { "hostProcess": true } } }),
        ),
        agent("privileged", "privileged", &json!({ "securityContext": { "privileged": true } })),
        spec(
            "privileged while it starts",
            "privileged",
            &json!({ "initContainers": [
            { "name": "tune", "image": "tune:1", "securityContext": { "privileged": true } }] }),
        ),
        capability("with all capabilities", "ALL"),
        capability("with the capability to administer", "SYS_ADMIN"),
        capability("with the capability to trace, in another spelling", "cap_sys_ptrace"),
        capability("with the capability to read any file", "DAC_READ_SEARCH"),
        capability("with the capability to load programs into the kernel", "CAP_BPF"),
        spec(
            "with the node's root",
            "host_path",
            &json!({ "volumes": [{ "name": "root", "hostPath": { "path": "/" } }] }),
        ),
        spec(
            "with the node's logs",
            "host_path",
            &json!({ "volumes": [
            { "name": "logs", "hostPath": { "path": "/var/log", "type": "Directory" } }] }),
        ),
    ]
}

fn volumes() -> Vec<Row> {
    let volume = |name, volume: Value| spec(name, "foreign_volume", &json!({ "volumes": [volume] }));
    let mount = |name, volume: &str, more: Value| {
        let mut mount = json!({ "name": volume, "mountPath": "/stolen" });
        super::merge(&mut mount, &more);
        agent(name, "foreign_mount", &json!({ "volumeMounts": [mount] }))
    };
    vec![
        volume(
            "our data, kept where others read it",
            json!({ "name": "countersign-data", "persistentVolumeClaim": { "claimName": "shared" } }),
        ),
        volume(
            "our token, from a Secret",
            json!({ "name": "countersign-token", "secret": { "secretName": "s" } }),
        ),
        volume(
            "our token, for another audience",
            json!({ "name": "countersign-token", "projected": { "sources": [
            { "serviceAccountToken": { "path": "token", "expirationSeconds": 3600 } }] } }),
        ),
        volume(
            "our token, with more beside it",
            json!({ "name": "countersign-token", "projected": { "sources": [
            { "serviceAccountToken": { "audience": "countersign", "path": "token", "expirationSeconds": 3600 } },
            { "configMap": { "name": "c" } }] } }),
        ),
        volume(
            "our token, living longer",
            json!({ "name": "countersign-token", "projected": { "sources": [
            { "serviceAccountToken": { "audience": "countersign", "path": "token", "expirationSeconds": 86400 } }] } }),
        ),
        volume("our socket, on a disk", json!({ "name": "countersign-socket", "emptyDir": {} })),
        volume(
            "our data, of two kinds",
            json!({ "name": "countersign-data", "emptyDir": {}, "nfs": { "server": "s", "path": "/" } }),
        ),
        spec(
            "our data, in the node's folders, which are tolerated",
            "host_path",
            &json!({ "volumes": [
            { "name": "countersign-data", "hostPath": { "path": "/tmp/keys" } }] }),
        )
        .tolerating(Tolerated { host_path: true, privileged: true }),
        mount("mounting our data", "countersign-data", json!({})),
        mount("mounting our data, only to be read", "countersign-data", json!({ "readOnly": true })),
        mount("mounting a part of our data", "countersign-data", json!({ "subPath": "keys" })),
        mount(
            "mounting a part of our data, with variables",
            "countersign-data",
            json!({ "subPathExpr": "$(X)" }),
        ),
        mount("mounting our token", "countersign-token", json!({ "readOnly": true })),
        mount(
            "mounting our token where ours is",
            "countersign-token",
            json!({ "mountPath": "/var/run/secrets/countersign" }),
        ),
        mount("mounting our socket's folder elsewhere", "countersign-socket", json!({ "readOnly": true })),
        mount(
            "mounting our socket's folder to write",
            "countersign-socket",
            json!({ "mountPath": "/run/countersign" }),
        ),
        mount(
            "mounting a part of our socket's folder",
            "countersign-socket",
            json!({ "mountPath": "/run/countersign", "readOnly": true, "subPath": "x" }),
        ),
        mount(
            "mounting our socket's folder so that mounts spread",
            "countersign-socket",
            json!({ "mountPath": "/run/countersign", "readOnly": true, "mountPropagation": "HostToContainer" }),
        ),
        agent(
            "taking our data as a block device",
            "foreign_mount",
            &json!({
            "volumeDevices": [{ "name": "countersign-data", "devicePath": "/dev/x" }] }),
        ),
        spec(
            "mounting our token while it starts",
            "foreign_mount",
            &json!({ "initContainers": [
            { "name": "fetch", "image": "fetch:1", "volumeMounts": [{ "name": "countersign-token", "mountPath": "/t" }] }] }),
        ),
        spec(
            "mounting our token in a container for looking around",
            "foreign_mount",
            &json!({ "ephemeralContainers": [
            { "name": "debug", "image": "busybox", "volumeMounts": [{ "name": "countersign-token", "mountPath": "/t" }] }] }),
        ),
        Row::new(
            "mounting our data in a mesh's container",
            "foreign_mount",
            &json!({ "spec": { "containers": [
            { "name": "agent", "image": "agent:1" },
            { "name": "istio-proxy", "image": "x:1", "volumeMounts": [{ "name": "countersign-data", "mountPath": "/d" }] }] } }),
        ),
    ]
}

fn tokens() -> Vec<Row> {
    let ours = json!({ "serviceAccountToken": { "audience": "countersign", "path": "token", "expirationSeconds": 3600 } });
    let volume = |name, sources: Value| {
        spec(
            name,
            "foreign_token",
            &json!({ "volumes": [{ "name": "t", "projected": { "sources": sources } }] }),
        )
    };
    vec![
        volume("a token for the desk in a volume of its own", json!([ours])),
        volume(
            "a token for the desk among others",
            json!([
            { "serviceAccountToken": { "audience": "vault", "path": "vault" } }, { "configMap": { "name": "c" } }, ours]),
        ),
    ]
}

fn sidecars() -> Vec<Row> {
    let code = "foreign_container";
    let push = |container: &mut Value, list: &str, one: Value| {
        container[list].as_array_mut().unwrap().push(one);
    };
    vec![
        agent("an agent with the sidecar's name", code, &json!({ "name": "countersign" })),
        spec(
            "an init container with the sidecar's name",
            code,
            &json!({ "initContainers": [
            { "name": "countersign", "image": "registry.example/countersign:0.1.0" }] }),
        ),
        sidecar("a sidecar of another image", code, &|c| {
            c["image"] = json!("evil.example/countersign:0.1.0")
        }),
        sidecar("a sidecar of an image with a longer name", code, &|c| {
            c["image"] = json!("registry.example/countersign/evil:0.1.0");
        }),
        sidecar("a sidecar without an image", code, &|c| c["image"] = Value::Null),
        sidecar("a sidecar that runs something else", code, &|c| c["command"] = json!(["/bin/sh"])),
        sidecar("a sidecar with other arguments", code, &|c| c["args"] = json!(["sidecar", "--set", "x=y"])),
        sidecar("a sidecar without arguments", code, &|c| drop(c.as_object_mut().unwrap().remove("args"))),
        sidecar("a sidecar that ends", code, &|c| drop(c.as_object_mut().unwrap().remove("restartPolicy"))),
        sidecar("a sidecar with another desk", code, &|c| {
            c["env"][0]["value"] = json!("https://evil.example")
        }),
        sidecar("a sidecar that is told of the desk twice", code, &|c| {
            push(c, "env", json!({ "name": "COUNTERSIGN_DESK", "value": "https://evil.example" }));
        }),
        sidecar("a sidecar that is told more than we would", code, &|c| {
            push(c, "env", json!({ "name": "COUNTERSIGN_CONFIG", "value": "/agent/countersign.yaml" }));
        }),
        sidecar("a sidecar with variables from elsewhere", code, &|c| {
            c["envFrom"] = json!([{ "configMapRef": { "name": "c" } }]);
        }),
        sidecar("a sidecar that keeps its keys in a folder of the agent's", code, &|c| {
            push(c, "volumeMounts", json!({ "name": "work", "mountPath": "/var/lib/countersign/keys" }));
        }),
        sidecar("a sidecar with another program in its place", code, &|c| {
            push(
                c,
                "volumeMounts",
                json!({ "name": "work", "mountPath": "/countersign", "subPath": "evil" }),
            );
        }),
        sidecar("a sidecar without its data", code, &|c| {
            drop(c["volumeMounts"].as_array_mut().unwrap().remove(1))
        }),
        sidecar("a sidecar that may gain rights", code, &|c| {
            c["securityContext"]["allowPrivilegeEscalation"] = json!(true);
        }),
        sidecar("a sidecar with a capability", code, &|c| {
            c["securityContext"]["capabilities"]["add"] = json!(["SYS_ADMIN"]);
        }),
        sidecar("a privileged sidecar", code, &|c| c["securityContext"]["privileged"] = json!(true)),
        sidecar("a sidecar as another user", code, &|c| c["securityContext"]["runAsUser"] = json!(1000)),
        sidecar("a sidecar that sees the kernel unmasked", code, &|c| {
            c["securityContext"]["procMount"] = json!("Unmasked");
        }),
        sidecar("a sidecar without any of it", code, &|c| {
            drop(c.as_object_mut().unwrap().remove("securityContext"))
        }),
        sidecar("a native sidecar that runs something when it starts", code, &|c| {
            c["lifecycle"] = json!({ "postStart": { "exec": { "command": ["/countersign", "keys"] } } });
        }),
    ]
}

fn agents() -> Vec<Row> {
    vec![
        agent(
            "looking for the socket elsewhere",
            "other_socket",
            &json!({
            "env": [{ "name": "COUNTERSIGN_SOCKET", "value": "/tmp/fake.sock" }] }),
        ),
        agent(
            "looking for the socket where a ConfigMap says",
            "other_socket",
            &json!({
            "env": [{ "name": "COUNTERSIGN_SOCKET", "valueFrom": { "configMapKeyRef": { "name": "c", "key": "k" } } }] }),
        ),
        agent(
            "looking for the socket here, and then elsewhere",
            "other_socket",
            &json!({ "env": [
            { "name": "COUNTERSIGN_SOCKET", "value": "/run/countersign/agent.sock" },
            { "name": "COUNTERSIGN_SOCKET", "value": "/tmp/fake.sock" }] }),
        ),
        spec(
            "a volume of its own where the socket belongs",
            "taken_path",
            &json!({
            "volumes": [{ "name": "work", "emptyDir": {} }],
            "containers": [{ "name": "agent", "image": "agent:1", "volumeMounts": [
                { "name": "work", "mountPath": "/run/countersign/" }] }] }),
        ),
        agent(
            "listening on the port of our probes",
            "taken_port",
            &json!({ "ports": [{ "containerPort": 9464 }] }),
        ),
    ]
}

fn annotations() -> Vec<Row> {
    vec![
        annotated("an image of somebody else's", "countersign.dev/image", "evil.example/countersign:0.1.0"),
        annotated(
            "an image that begins like ours",
            "countersign.dev/image",
            "registry.example/countersign-evil:1",
        ),
        annotated("no image", "countersign.dev/image", ""),
        annotated("a quantity that is none", "countersign.dev/memory-limit", "64MB"),
        annotated("too little memory to start", "countersign.dev/memory-limit", "1Mi"),
        annotated("a negative quantity", "countersign.dev/cpu-request", "-1"),
        annotated("a level that is none", "countersign.dev/log-level", "countersign=trace,h2=trace"),
        annotated("a mode that is none", "countersign.dev/mode", "Native"),
        annotated("a port that is none", "countersign.dev/health-port", "http"),
        annotated("a port for root", "countersign.dev/health-port", "80"),
        annotated("the socket for a container that is not there", "countersign.dev/mount", "agent,agnet"),
        annotated("the socket for the sidecar", "countersign.dev/mount", "countersign"),
        Row::new(
            "more asked for than allowed",
            "annotation",
            &json!({ "metadata": { "annotations": {
            "countersign.dev/cpu-request": "2", "countersign.dev/cpu-limit": "1000m" } } }),
        ),
        Row::new(
            "the socket for what ends before an ordinary sidecar starts",
            "annotation",
            &json!({
            "metadata": { "annotations": { "countersign.dev/mount": "fetch" } },
            "spec": { "initContainers": [{ "name": "fetch", "image": "fetch:1" }] } }),
        )
        .ordinary(),
    ]
}

fn shapes() -> Vec<Row> {
    let many: Vec<_> = (0..300).map(|n| json!({ "name": format!("c{n}"), "image": "x:1" })).collect();
    vec![
        spec("no containers", "no_containers", &json!({ "containers": [] })),
        spec("containers that are nothing", "no_containers", &json!({ "containers": null })),
        spec("more containers than anybody runs", "too_many_containers", &json!({ "containers": many })),
        spec("containers that are no list", "unreadable", &json!({ "containers": { "agent": {} } })),
        spec("a flag that is a word", "unreadable", &json!({ "hostNetwork": "true" })),
        Row::new("without a specification", "unreadable", &json!({ "spec": null })),
        Row::new("labels that are numbers", "unreadable", &json!({ "metadata": { "labels": { "a": 1 } } })),
    ]
}
