//! Who may do what in the cluster: little, and nothing by a wildcard.

use crate::kit::{OVERLAYS, everything, list, named, of_kind, text};
use countersign::inject::names;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn nobody_may_do_anything_that_is_not_written_down_here() {
    let plain = crate::kit::install(&["--fleet"]);
    let rules = |objects: &crate::kit::Objects| -> BTreeSet<String> {
        let roles = ["Role", "ClusterRole"].into_iter().flat_map(|kind| of_kind(objects, kind));
        roles
            .flat_map(|role| {
                list(&role["rules"]).iter().map(|rule| {
                    let of = |key: &str| list(&rule[key]).iter().map(text).collect::<Vec<_>>().join(",");
                    let names = of("resourceNames");
                    let names = if names.is_empty() { String::new() } else { format!("/{names}") };
                    format!("{}: {} {}{names}", text(&role["kind"]), of("verbs"), of("resources"))
                })
            })
            .collect()
    };
    let expected = [
        format!("Role: get,update secrets/{}", names::CERTIFICATE_SECRET),
        format!("ClusterRole: get,update mutatingwebhookconfigurations/{}", names::WEBHOOK_CONFIGURATION),
        "ClusterRole: create events".to_owned(),
        "ClusterRole: create tokenreviews".to_owned(),
    ];
    assert_eq!(rules(&plain), expected.clone().into());
    // Where cert-manager does it, the injector need not.
    assert_eq!(rules(&everything("fleet")), expected[2..].iter().cloned().collect());
    assert_eq!(rules(&everything("standalone")), BTreeSet::new());
}

#[test]
fn rights_are_bound_to_whom_they_are_named_after_and_who_has_none_has_no_token() {
    for overlay in OVERLAYS {
        let objects = everything(overlay);
        for kind in ["RoleBinding", "ClusterRoleBinding"] {
            for binding in of_kind(&objects, kind) {
                named(&objects, text(&binding["roleRef"]["kind"]), text(&binding["roleRef"]["name"]));
                let [subject] = list(&binding["subjects"]) else { panic!("{binding}") };
                let account = json!({ "kind": "ServiceAccount", "name": binding["roleRef"]["name"], "namespace": names::NAMESPACE });
                assert_eq!(*subject, account);
            }
        }
        for account in of_kind(&objects, "ServiceAccount") {
            assert_eq!(account["automountServiceAccountToken"], false);
        }
        for deployment in of_kind(&objects, "Deployment") {
            let asks = overlay == "fleet";
            assert_eq!(
                deployment["spec"]["template"]["spec"]["automountServiceAccountToken"],
                Value::from(asks)
            );
        }
    }
}

#[test]
fn no_secret_is_written_out() {
    for overlay in OVERLAYS {
        for secret in of_kind(&everything(overlay), "Secret") {
            assert!(secret["data"].is_null() && secret["stringData"].is_null(), "{secret}");
        }
    }
}

/// Whether traffic of one of our pods passes: which policy lets it.
fn admits<'o>(
    objects: &'o crate::kit::Objects,
    component: &str,
    direction: &str,
    port: &Value,
) -> Vec<&'o Value> {
    let labels = json!({ "app.kubernetes.io/name": "countersign", "countersign.dev/component": component });
    let policies = of_kind(objects, "NetworkPolicy").into_iter();
    let chosen = policies.filter(|policy| crate::kit::chooses(&policy["spec"]["podSelector"], &labels));
    let rules = chosen.flat_map(|policy| list(&policy["spec"][direction]));
    rules.filter(|rule| list(&rule["ports"]).iter().any(|there| there["port"] == *port)).collect()
}

#[test]
fn nobody_reaches_anybody_but_those_who_have_to() {
    let objects = everything("fleet");
    let nothing = named(&objects, "NetworkPolicy", "countersign-nothing");
    let all = json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] });
    assert_eq!(nothing["spec"], all);
    let rows: &[(&str, &str, Value, bool)] = &[
        ("desk", "ingress", json!("fleet"), true),
        ("desk", "ingress", json!("review"), true),
        ("desk", "ingress", json!("console"), true),
        ("desk", "ingress", json!("health"), true),
        ("desk", "ingress", json!("webhook"), false),
        ("desk", "egress", json!(5432), true),
        ("desk", "egress", json!(53), true),
        ("desk", "egress", json!(443), true),
        ("desk", "egress", json!(6443), true),
        ("injector", "ingress", json!("webhook"), true),
        ("injector", "ingress", json!("health"), true),
        ("injector", "ingress", json!("fleet"), false),
        ("injector", "egress", json!(6443), true),
        ("injector", "egress", json!(5432), false),
    ];
    for (component, direction, port, passes) in rows {
        assert_eq!(
            !admits(&objects, component, direction, port).is_empty(),
            *passes,
            "{component} {direction} {port}"
        );
    }
    // Metrics are for Prometheus: no rule lets others in.
    for component in ["desk", "injector"] {
        for rule in admits(&objects, component, "ingress", &json!("health")) {
            assert_eq!(list(&rule["from"]).len(), 2, "{rule}");
        }
    }
}
