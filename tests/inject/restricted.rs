//! The Pod Security rules, written down from their documentation ("Pod Security Standards", profile "restricted", with
//! what it takes from "baseline"), and what the sidecar does to a pod that keeps them.

use crate::corpus::rows;
use serde_json::Value;

/// Which rules a pod breaks.
pub(crate) fn broken(pod: &Value) -> Vec<String> {
    let spec = &pod["spec"];
    let mut broken = Vec::new();
    let mut rule = |kept: bool, what: String| {
        if !kept {
            broken.push(what);
        }
    };
    for flag in ["hostNetwork", "hostPID", "hostIPC"] {
        rule(spec[flag] != true, flag.to_owned());
    }
    for volume in list(&spec["volumes"]) {
        const KINDS: [&str; 9] = [
            "configMap",
            "csi",
            "downwardAPI",
            "emptyDir",
            "ephemeral",
            "image",
            "persistentVolumeClaim",
            "projected",
            "secret",
        ];
        let kinds = volume.as_object().unwrap().keys().filter(|key| *key != "name");
        for kind in kinds {
            rule(KINDS.contains(&kind.as_str()), format!("a volume of the type {kind}"));
        }
    }
    let whole = &spec["securityContext"];
    rule(is_seccomp_or_nothing(whole), "the pod's seccompProfile".to_owned());
    rule(!matches!(whole["runAsUser"].as_i64(), Some(0)), "the pod's runAsUser".to_owned());
    rule(whole["runAsNonRoot"] != false, "the pod's runAsNonRoot".to_owned());
    rule(list(&whole["sysctls"]).is_empty(), "sysctls".to_owned());
    for kind in ["initContainers", "containers", "ephemeralContainers"] {
        for container in list(&spec[kind]) {
            for what in broken_by(container, whole) {
                rule(false, format!("{}: {what}", container["name"]));
            }
        }
    }
    broken
}

fn broken_by(container: &Value, whole: &Value) -> Vec<&'static str> {
    let own = &container["securityContext"];
    let capabilities = &own["capabilities"];
    let drops_all = list(&capabilities["drop"]).iter().any(|one| *one == "ALL");
    let adds_little = list(&capabilities["add"]).iter().all(|one| *one == "NET_BIND_SERVICE");
    let non_root =
        own["runAsNonRoot"] == true || own["runAsNonRoot"].is_null() && whole["runAsNonRoot"] == true;
    let seccomp = |context: &Value| !context["seccompProfile"].is_null() && is_seccomp_or_nothing(context);
    let confined = if own["seccompProfile"].is_null() { seccomp(whole) } else { seccomp(own) };
    let proc_mount = own["procMount"].is_null() || own["procMount"] == "Default";
    let host_ports = list(&container["ports"]).iter().all(|port| port["hostPort"].as_i64().unwrap_or(0) == 0);
    let handlers =
        ["/startupProbe", "/livenessProbe", "/readinessProbe", "/lifecycle/postStart", "/lifecycle/preStop"];
    let hosts = handlers.iter().flat_map(|handler| {
        let handler = container.pointer(handler).unwrap_or(&Value::Null);
        [handler["httpGet"]["host"].clone(), handler["tcpSocket"]["host"].clone()]
    });
    let rules = [
        (own["privileged"] != true, "privileged"),
        (own["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation"),
        (drops_all, "capabilities.drop"),
        (adds_little, "capabilities.add"),
        (non_root, "runAsNonRoot"),
        (own["runAsUser"].as_i64() != Some(0), "runAsUser"),
        (confined, "seccompProfile"),
        (proc_mount, "procMount"),
        (host_ports, "hostPort"),
        (hosts.into_iter().all(|host| host.is_null() || host == ""), "a probe with a host"),
        (own["windowsOptions"]["hostProcess"] != true, "hostProcess"),
    ];
    rules.into_iter().filter(|(kept, _)| !kept).map(|(_, what)| what).collect()
}

fn is_seccomp_or_nothing(context: &Value) -> bool {
    let profile = &context["seccompProfile"];
    profile.is_null() || profile["type"] == "RuntimeDefault" || profile["type"] == "Localhost"
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[test]
fn a_restricted_pod_stays_one_and_the_sidecar_keeps_the_rules_beside_any_agent() {
    let mut restricted = 0;
    for row in rows().iter().filter(|row| row.becomes == "injected") {
        let (before, after) = (broken(&row.pod), broken(&row.injected()));
        restricted += usize::from(before.is_empty());
        // It breaks what it broke, and nothing more: so nothing that is ours.
        assert_eq!(before, after, "{}", row.name);
    }
    assert!(restricted >= 4, "{restricted} pods of the corpus are restricted");
}

#[test]
fn the_check_would_notice() {
    let row = rows().into_iter().find(|row| row.name == "restricted in its container").unwrap();
    let pod = row.injected();
    assert!(broken(&pod).is_empty());
    for (place, value) in [
        ("/spec/initContainers/0/securityContext/allowPrivilegeEscalation", Value::Null),
        ("/spec/initContainers/0/securityContext/runAsNonRoot", Value::Null),
        ("/spec/initContainers/0/securityContext/runAsUser", 0.into()),
        ("/spec/initContainers/0/securityContext/capabilities/drop", Value::Null),
        ("/spec/initContainers/0/securityContext/seccompProfile", Value::Null),
        ("/spec/containers/0/securityContext/seccompProfile/type", "Unconfined".into()),
        ("/spec/initContainers/0/startupProbe/httpGet", serde_json::json!({ "host": "evil.example" })),
    ] {
        let mut pod = pod.clone();
        *pod.pointer_mut(place).unwrap() = value;
        assert_eq!(broken(&pod).len(), 1, "{place}: {:?}", broken(&pod));
    }
}
