//! One's own names: put where they belong and nowhere else.

use crate::kit::{Objects, PARTS, PROGRAM, everything, install, named, run};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;

const WISHES: [&str; 8] = [
    "--namespace",
    "approvals",
    "--image",
    "registry.example.com:5000/team/countersign:2",
    "--trust-domain",
    "https://acme.example",
    "--console-url",
    "https://approve.acme.example",
];

/// The places at which two documents differ, with `*` for a place in a list.
fn differences(here: &Value, there: &Value, at: &str, found: &mut BTreeSet<String>) {
    match (here, there) {
        (Value::Object(here), Value::Object(there)) if here.keys().eq(there.keys()) => {
            here.iter()
                .for_each(|(key, value)| differences(value, &there[key], &format!("{at}/{key}"), found));
        }
        (Value::Array(here), Value::Array(there)) if here.len() == there.len() => {
            let pairs = here.iter().zip(there);
            pairs.for_each(|(here, there)| differences(here, there, &format!("{at}/*"), found));
        }
        (here, there) if here == there => {}
        _ => drop(found.insert(at.to_owned())),
    }
}

fn all(overlay: &str) -> Objects {
    let with = PARTS.join(",");
    install(&[&[format!("--{overlay}").as_str(), "--with", &with], &WISHES[..]].concat())
}

#[test]
fn names_are_put_where_they_belong_and_nowhere_else() {
    let mut found = BTreeSet::new();
    for overlay in ["fleet", "standalone"] {
        let (before, after) = (everything(overlay), all(overlay));
        assert_eq!(before.len(), after.len());
        for ((kind, _, name), here) in &before {
            let name = if kind == "Namespace" { "approvals" } else { name };
            differences(here, named(&after, kind, name), kind, &mut found);
        }
    }
    let expected = [
        "Certificate/metadata/namespace",
        "Certificate/spec/dnsNames/*",
        "ClusterRoleBinding/subjects/*/namespace",
        "ConfigMap/data/console-url",
        "ConfigMap/data/sidecar-image",
        "ConfigMap/data/sidecar-image-pattern",
        "ConfigMap/data/trust-domain",
        "ConfigMap/metadata/namespace",
        "Deployment/metadata/namespace",
        "Deployment/spec/template/spec/containers/*/image",
        "Deployment/spec/template/spec/initContainers/*/image",
        "Issuer/metadata/namespace",
        "MutatingWebhookConfiguration/metadata/annotations/cert-manager.io/inject-ca-from",
        "MutatingWebhookConfiguration/webhooks/*/clientConfig/service/namespace",
        "MutatingWebhookConfiguration/webhooks/*/namespaceSelector/matchExpressions/*/values/*",
        "Namespace/metadata/name",
        "NetworkPolicy/metadata/namespace",
        "PersistentVolumeClaim/metadata/namespace",
        "PodDisruptionBudget/metadata/namespace",
        "PodMonitor/metadata/namespace",
        "PrometheusRule/metadata/namespace",
        "Role/metadata/namespace",
        "RoleBinding/metadata/namespace",
        "RoleBinding/subjects/*/namespace",
        "Secret/metadata/namespace",
        "Service/metadata/namespace",
        "ServiceAccount/metadata/namespace",
        "ServiceMonitor/metadata/namespace",
        "ValidatingAdmissionPolicy/spec/matchConstraints/namespaceSelector/matchExpressions/*/values/*",
        "ValidatingAdmissionPolicyBinding/spec/paramRef/namespace",
    ];
    let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
    assert_eq!(found, expected);
}

#[test]
fn they_are_what_was_said() {
    let objects = all("fleet");
    let settings = named(&objects, "ConfigMap", "countersign");
    assert_eq!(settings["data"]["trust-domain"], "https://acme.example");
    assert_eq!(settings["data"]["sidecar-image"], "registry.example.com:5000/team/countersign:2");
    let pattern = r"^registry\.example\.com:5000/team/countersign([:@][^/]+)?$";
    assert_eq!(settings["data"]["sidecar-image-pattern"], pattern);
    let webhook = named(&objects, "MutatingWebhookConfiguration", "countersign-injector");
    let excluded = webhook.pointer("/webhooks/0/namespaceSelector/matchExpressions/0/values").unwrap();
    assert_eq!(*excluded, json!(["approvals", "kube-system", "kube-node-lease", "kube-public"]));
    let desk = named(&objects, "Certificate", "countersign-desk");
    let dns = ["countersign-desk", "countersign-desk.approvals", "countersign-desk.approvals.svc"];
    assert_eq!(desk["spec"]["dnsNames"].as_array().unwrap()[..3], dns.map(Value::from));
}

#[test]
fn some_of_it_can_be_asked_for() {
    let only = |wishes: &[&str]| -> Vec<String> {
        let wishes: Vec<&str> = wishes.iter().flat_map(|wish| ["--only", wish]).collect();
        install(&wishes).keys().map(|(kind, _, name)| format!("{kind}/{name}")).collect()
    };
    assert_eq!(only(&["Namespace"]), ["Namespace/countersign"]);
    assert_eq!(
        only(&["deployment/countersign-desk", "service"]),
        ["Deployment/countersign-desk", "Service/countersign-desk", "Service/countersign-injector"]
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let rows: &[(&[&str], &[&str])] = &[
        (&[], &["--print"]),
        (&["--print", "--fleet", "--standalone"], &["--standalone", "--fleet"]),
        (&["--print", "--namespace", "Not_A_Name"], &["`--namespace Not_A_Name`"]),
        (&["--print", "--namespace", ""], &["`--namespace `"]),
        (&["--print", "--image", "a b"], &["`--image a b`", "REPOSITORY:TAG"]),
        (&["--print", "--image", "x\n- evil: y"], &["`--image x"]),
        (&["--print", "--trust-domain", "not a uri"], &["`--trust-domain not a uri`"]),
        (
            &["--print", "--console-url", "http://approve.example"],
            &["`--console-url http://approve.example`"],
        ),
        (&["--print", "--console-url", "https://approve.example/path"], &["`--console-url"]),
        (&["--print", "--with", "magic"], &["magic", "cert-manager", "monitoring", "network-policies"]),
        (&["--print", "--only", "Ingress"], &["`--only Ingress`", "Deployment/countersign-desk"]),
    ];
    for (arguments, words) in rows {
        let (fine, out, err) = run(Command::new(PROGRAM).arg("install").args(*arguments), "");
        assert!(!fine && out.is_empty(), "{arguments:?}: {out}");
        for word in *words {
            assert!(err.contains(word), "{arguments:?}: `{word}` is not in {err}");
        }
    }
}
