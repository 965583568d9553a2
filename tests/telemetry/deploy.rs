//! What `deploy/` has for the tools that watch a service: it names nothing that there is not, and the tools accept it.

use crate::exposition::Exposition;
use crate::metrics::everything;
use countersign::sidecar::SidecarError;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DASHBOARD: &str = include_str!("../../deploy/grafana/countersign.json");
const RULES: &str = include_str!("../../deploy/prometheus/countersign.rules.yaml");
const DOCUMENT: &str = include_str!("../../docs/telemetry.md");

/// One word of a query, or one other character; what is in quotes is one word with them.
fn words(query: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut quoted, mut joined) = (false, false);
    for c in query.chars() {
        let part = quoted || c.is_ascii_alphanumeric() || c == '_' || c == '"';
        match words.last_mut() {
            Some(word) if part && joined && (quoted || c != '"') => word.push(c),
            _ => words.push(c.to_string()),
        }
        quoted ^= c == '"';
        joined = part && (quoted || c != '"');
    }
    words
}

/// The metrics that a query names, which there must be; its labels must be theirs.
fn names(query: &str, told: &Exposition) -> BTreeSet<String> {
    let there = told.names();
    let words = words(query);
    let mut named = BTreeSet::new();
    let mut labels: BTreeSet<String> = ["instance", "job", "le"].map(str::to_owned).into();
    for word in words.iter().filter(|word| word.starts_with("countersign_") || word.starts_with("process_")) {
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
        let metric = there.get(word).map(|metric| (word.as_str(), metric)).or_else(|| {
            let name = histogram?;
            there.get(name).filter(|(kind, _)| kind == "histogram").map(|metric| (name, metric))
        });
        let (name, (kind, of)) = metric.unwrap_or_else(|| panic!("there is no `{word}`: {query}"));
        assert!(kind != "histogram" || histogram.is_some(), "`{word}` is a histogram: {query}");
        labels.extend(of.iter().cloned());
        named.insert(name.to_owned());
    }
    assert!(!named.is_empty(), "`{query}` asks for nothing");
    // Matchers, and what is grouped by.
    for (at, word) in words.iter().enumerate() {
        let next = words[at + 1..].iter().find(|word| *word != " ").map(String::as_str);
        let matcher = matches!(next, Some("=" | "!")) && words[..at].iter().rev().any(|word| word == "{");
        let matcher = matcher && word.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !word.is_empty();
        if matcher {
            assert!(labels.contains(word), "`{word}` is no label of what `{query}` asks for");
            let value = words[at + 1..].iter().find(|word| word.starts_with('"')).unwrap().trim_matches('"');
            if !["instance", "job"].contains(&word.as_str()) {
                value.split('|').for_each(|value| assert_value(word, value, told));
            }
        }
        if word == "by" {
            let group = words[at + 1..].iter().skip_while(|word| *word != "(").skip(1);
            for label in
                group.take_while(|word| *word != ")").filter(|word| ![",", " "].contains(&word.as_str()))
            {
                assert!(labels.contains(label), "`{label}` is no label of what `{query}` asks for");
            }
        }
    }
    named
}

fn assert_value(label: &str, value: &str, told: &Exposition) {
    let samples = told.0.values().flat_map(|metric| metric.samples.keys());
    let values: BTreeSet<&str> = samples
        .filter_map(|(_, labels)| labels.get(label))
        .map(String::as_str)
        .chain(SidecarError::CODES)
        .collect();
    assert!(values.contains(value), "`{label}` is never `{value}`: {values:?}");
}

#[test]
fn the_dashboard_asks_for_nothing_that_there_is_not() {
    let told = everything();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut shown = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(!panel["title"].as_str().unwrap().is_empty());
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel}");
        for target in targets {
            shown.extend(names(target["expr"].as_str().unwrap(), &told));
        }
    }
    let all: BTreeSet<String> = told.names().into_keys().collect();
    assert_eq!(all.difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new(), "these are not shown");
}

#[test]
fn the_dashboard_s_test_would_notice() {
    let told = everything();
    let fine = "sum by (outcome) (rate(countersign_decisions_total{outcome=\"allow\", instance=~\"$instance\"}[5m]))";
    assert_eq!(names(fine, &told).len(), 1);
    for wrong in [
        fine.replace("decisions_total", "decision_total"),
        fine.replace("by (outcome)", "by (agent)"),
        fine.replace("{outcome=", "{result="),
        fine.replace("allow", "perhaps"),
        "rate(countersign_authorize_duration_seconds[5m])".to_owned(),
        "up".to_owned(),
    ] {
        assert!(std::panic::catch_unwind(|| names(&wrong, &told)).is_err(), "{wrong}");
    }
}

/// The alerts with their queries.
fn alerts() -> Vec<(String, String)> {
    let rules: Value = serde_saphyr::from_str(RULES).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rules.iter().map(|rule| (text(&rule["alert"]), text(&rule["expr"]))).collect()
}

#[test]
fn each_alert_asks_for_what_there_is_and_says_what_to_do() {
    let told = everything();
    let headings = DOCUMENT.lines().filter_map(|line| line.strip_prefix("### Countersign"));
    let documented: BTreeSet<String> = headings.map(|name| format!("Countersign{name}")).collect();
    let mut there = BTreeSet::new();
    for (name, query) in alerts() {
        if !query.starts_with("up{") {
            names(&query, &told);
        }
        there.insert(name);
    }
    assert_eq!(documented, there);
}

fn promtool(arguments: &[&str], folder: &Path, input: &str) -> (bool, String) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is not there: tests/run installs the package that has it");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn prometheus_accepts_the_rules_and_each_fires_when_it_should() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus");
    for arguments in
        [["check", "rules", "countersign.rules.yaml"], ["test", "rules", "countersign.rules.test.yaml"]]
    {
        let (fine, said) = promtool(&arguments, &folder, "");
        assert!(fine && said.contains("SUCCESS"), "{arguments:?}: {said}");
    }
    // Each alert is among those that fire in the rules' own tests.
    let tests: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(folder.join("countersign.rules.test.yaml")).unwrap())
            .unwrap();
    let tests = tests["tests"].as_array().unwrap().iter();
    let tests = tests.flat_map(|test| test["alert_rule_test"].as_array().unwrap().clone());
    let tests: Vec<Value> = tests.collect();
    for (name, _) in alerts() {
        let of: Vec<&Value> = tests.iter().filter(|test| test["alertname"] == name.as_str()).collect();
        assert!(of.iter().any(|test| !test["exp_alerts"].is_null()), "{name} is never seen to fire");
        assert!(of.iter().any(|test| test["exp_alerts"].is_null()), "{name} is never seen to be quiet");
    }
}

/// The same in the older text format, which is what the tool reads.
fn older(text: &str) -> String {
    let mut counters = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter")) {
            counters.insert(name.to_owned());
        }
    }
    let mut older = String::new();
    for line in text.lines().filter(|line| !line.starts_with("# UNIT") && *line != "# EOF") {
        let declared = line.strip_prefix("# ").and_then(|rest| rest.split(' ').nth(1));
        match declared.filter(|name| counters.contains(*name)) {
            Some(name) => older.push_str(&line.replacen(name, &format!("{name}_total"), 1)),
            None => older.push_str(line),
        }
        older.push('\n');
    }
    older
}

#[test]
fn prometheus_has_nothing_to_say_against_the_metrics() {
    let text = older(&crate::metrics::text_of_everything());
    let (fine, said) = promtool(&["check", "metrics"], Path::new("."), &text);
    assert!(fine && said.trim().is_empty(), "{said}");
    let (fine, _) =
        promtool(&["check", "metrics"], Path::new("."), &text.replace("_seconds", "_milliseconds"));
    assert!(!fine, "it would be told");
}
