//! What watches a cluster: the same alerts and the same dashboard as without one, and it asks for what there is.

use crate::kit::{FOREIGN, everything, list, named, of_kind, read, text};
use countersign::inject::names;
use serde_json::Value;

#[test]
fn the_alerts_are_those_that_promtool_tests() {
    let plain: Value = serde_saphyr::from_str(&read("prometheus/countersign.rules.yaml")).unwrap();
    let objects = everything("fleet");
    let rule = named(&objects, "PrometheusRule", "countersign");
    // tests/telemetry.rs has promtool check and test them.
    assert_eq!(
        rule["spec"]["groups"], plain["groups"],
        "deploy/kubernetes/components/monitoring/rules.yaml repeats deploy/prometheus/countersign.rules.yaml, set in by two"
    );
}

#[test]
fn the_dashboard_is_the_one_that_is_tested() {
    let objects = everything("fleet");
    let dashboard = named(&objects, "ConfigMap", "countersign-dashboard");
    assert_eq!(dashboard["data"]["countersign.json"], read("grafana/countersign.json").as_str());
    assert_eq!(dashboard["metadata"]["labels"]["grafana_dashboard"], "1");
}

#[test]
fn what_is_watched_is_at_the_port_where_metrics_are() {
    let objects = everything("fleet");
    let ours = named(&objects, "ServiceMonitor", "countersign");
    assert_eq!(list(&ours["spec"]["endpoints"]).len(), 1);
    assert_eq!(ours["spec"]["endpoints"][0]["path"], names::METRICS_PATH);
    let sidecars = &named(&objects, "PodMonitor", "countersign-sidecars")["spec"];
    assert_eq!(sidecars["podMetricsEndpoints"][0]["port"], names::HEALTH_PORT_NAME);
    assert_eq!(sidecars["podMetricsEndpoints"][0]["path"], names::METRICS_PATH);
    assert_eq!(sidecars["podMetricsEndpoints"][0]["relabelings"][0]["regex"], names::CONTAINER);
    // Alerts ask for this job.
    for endpoint in [&ours["spec"]["endpoints"][0], &sidecars["podMetricsEndpoints"][0]] {
        let job = list(&endpoint["relabelings"]).iter().find(|one| one["targetLabel"] == "job").unwrap();
        assert_eq!(job["replacement"], "countersign");
    }
}

/// There is no schema of these here: their groups and versions are those that the projects publish, and every field is
/// one that is written down in this test.
#[test]
fn objects_of_other_projects_have_no_field_that_was_not_looked_up() {
    let versions = [("Certificate", "cert-manager.io/v1"), ("Issuer", "cert-manager.io/v1")];
    let objects = everything("fleet");
    for kind in FOREIGN {
        let version = versions
            .iter()
            .find(|(of, _)| *of == kind)
            .map_or("monitoring.coreos.com/v1", |(_, version)| *version);
        let found = of_kind(&objects, kind);
        assert!(!found.is_empty(), "{kind}");
        for object in found {
            assert_eq!(text(&object["apiVersion"]), version);
            let known: &[&str] = match kind {
                "Certificate" => &[
                    "isCA",
                    "commonName",
                    "secretName",
                    "duration",
                    "renewBefore",
                    "privateKey",
                    "usages",
                    "dnsNames",
                    "issuerRef",
                ],
                "Issuer" => &["selfSigned", "ca"],
                "PodMonitor" => &["namespaceSelector", "selector", "podMetricsEndpoints"],
                "PrometheusRule" => &["groups"],
                _ => &["selector", "endpoints"],
            };
            let fields: Vec<&String> = object["spec"].as_object().unwrap().keys().collect();
            assert!(fields.iter().all(|field| known.contains(&field.as_str())), "{kind}: {fields:?}");
        }
    }
}
