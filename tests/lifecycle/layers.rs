//! Flags over variables over the file over what holds if nothing is said; and every mistake with its place.

use crate::process::{Ended, file, run_with};
use crate::support::{POLICY, Service};
use countersign::config::{Config, ConfigError, Layers, Wrong};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;

/// A configuration that is sound.
const SOUND: &str = "trust_domain: https://acme.example
data: data
policy: policy.yaml
roster: roster.yaml
listen:
  agents: {socket: agent.sock}
agents:
  - id: agent:one
    by: {uid: 1000}
  - id: agent:two
    by: {uid: 1001}
executors:
  - id: exec:fleet
    conditions: [canary]
";

fn layers(text: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Config, Vec<Wrong>> {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "countersign.yaml", text);
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    let layers = Layers::file(&path).with_variables(variables);
    let layers = layers.with_flags(flags.iter().map(|flag| (*flag).to_owned()));
    Config::layered(&layers).map(|layered| layered.value).map_err(|error| match error {
        ConfigError::Wrong(all) => all,
        ConfigError::Unreadable { .. } => panic!("{error}"),
    })
}

/// What is wrong, each as `place: key`, with the folder left out.
fn places(wrong: &[Wrong]) -> Vec<String> {
    let place = |one: &Wrong| {
        let place = one.origin.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{}: {}", place.rsplit('/').next().unwrap(), one.key)
    };
    wrong.iter().map(place).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Beside the naive model: the highest layer that says anything wins.
    #[test]
    fn the_highest_layer_that_says_it_wins(in_file: Option<u16>, variable: Option<u16>, flags in prop::collection::vec(any::<u16>(), 0..3)) {
        let limit = |seconds: u16| u64::from(seconds) + 1;
        let text = in_file.map_or_else(String::new, |n| format!("channels: {{fail_over_after_seconds: {}}}\n", limit(n)));
        let value = variable.map(|n| limit(n).to_string());
        let variables: Vec<(&str, &str)> =
            value.iter().map(|value| ("COUNTERSIGN__CHANNELS__FAIL_OVER_AFTER_SECONDS", value.as_str())).collect();
        let said: Vec<String> = flags.iter().map(|n| format!("channels.fail_over_after_seconds={}", limit(*n))).collect();
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        let config = layers(&format!("{SOUND}{text}"), &variables, &said).unwrap();
        let expected = flags.last().copied().or(variable).or(in_file).map_or(20, limit);
        prop_assert_eq!(config.channels.fail_over_after_seconds, expected);
    }

    /// Whatever is said, it is read or refused.
    #[test]
    fn nothing_that_is_said_ends_in_a_panic(key in "[a-z_.0-9]{0,24}", value in ".{0,40}", text in ".{0,60}") {
        drop(layers(SOUND, &[], &[&format!("{key}={value}")]));
        drop(layers(SOUND, &[(&format!("COUNTERSIGN__{}", key.to_uppercase().replace('.', "__")), &value)], &[]));
        drop(layers(&text, &[], &[]));
    }
}

#[test]
fn every_key_can_be_said_by_a_flag_and_by_a_variable() {
    for (key, value) in [
        ("listen.metrics", "127.0.0.1:9464"),
        ("listen.console", "{tcp: 127.0.0.1:8080}"),
        ("listen.agents.socket_for_everyone", "true"),
        ("agents.1.on_behalf_of", "ada"),
        ("agents.2", "{id: agent:three, by: {uid: 7}}"),
        ("executors.0.conditions", "[canary, time_window]"),
        ("telemetry.saturation.share", "0.25"),
        ("policy_changes", "approved"),
        ("oidc", "{issuer: https://id.example, audience: countersign, jwks: keys.json}"),
    ] {
        let by_flag = layers(SOUND, &[], &[&format!("{key}={value}")]).unwrap();
        let variable = format!("COUNTERSIGN__{}", key.to_uppercase().replace('.', "__"));
        let by_variable = layers(SOUND, &[(&variable, value)], &[]).unwrap();
        let document = |config: &Config| {
            let mut document = serde_json::to_value(config).unwrap();
            // Paths start at the folder of the file, and each has its own.
            document["data"].take();
            document["policy"].take();
            document["roster"].take();
            document["listen"]["agents"]["socket"].take();
            document["oidc"].as_object_mut().map(|oidc| oidc.remove("jwks"));
            document
        };
        assert_eq!(document(&by_flag), document(&by_variable), "{key}");
        assert_ne!(document(&by_flag), document(&layers(SOUND, &[], &[]).unwrap()), "{key} changes nothing");
    }
}

#[test]
fn a_whole_that_a_variable_says_comes_before_its_parts_and_texts_stay_as_they_were_written() {
    let sms = [
        ("COUNTERSIGN__CHANNELS__SMS__FROM", "+15550100"),
        ("COUNTERSIGN__CHANNELS__SMS", "{account: AC1, token_file: token, from: '+1'}"),
        ("COUNTERSIGN__LISTEN__CONSOLE", "{tcp: 127.0.0.1:8080, url: http://localhost:8080}"),
        ("COUNTERSIGN_LOG", "debug"),
        ("HOME", "/nowhere"),
    ];
    let config = layers(SOUND, &sms, &["telemetry.service_name=1.10"]).unwrap();
    assert_eq!(config.channels.sms.unwrap().from.as_deref(), Some("+15550100"));
    assert_eq!(config.telemetry.service_name, "1.10");
    let none =
        layers(&format!("{SOUND}telemetry: {{otlp: http://127.0.0.1:1}}\n"), &[], &["telemetry.otlp=~"]);
    assert_eq!(none.unwrap().telemetry.otlp, None);
}

/// The end of the file, variables and flags; where that is wrong, and what is told about it.
type Row = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
    &'static str,
    &'static str,
);

#[test]
fn every_mistake_names_its_place() {
    let rows: &[Row] = &[
        ("lisen: {}\n", &[], &[], "countersign.yaml:15:1: lisen", "did you mean `listen`?"),
        (
            "sla: {low_seconds: soon}\n",
            &[],
            &[],
            "countersign.yaml:15:20: sla.low_seconds",
            "expected u64, found `soon`",
        ),
        ("sla: {low_seconds: -1}\n", &[], &[], "countersign.yaml:15:20: sla.low_seconds", "found `-1`"),
        ("sla: 5\n", &[], &[], "countersign.yaml:15:6: sla", "expected a mapping, found `5`"),
        (
            "policy_changes: perhaps\n",
            &[],
            &[],
            "countersign.yaml:15:17: policy_changes",
            "`free`, `approved`",
        ),
        (
            "telemetry:\n  sample: 2\n",
            &[],
            &[],
            "countersign.yaml:16:3: telemetry",
            "`sample: 2` is not from 0 to 1",
        ),
        (
            "",
            &[("COUNTERSIGN__LISTEN__METRCIS", "127.0.0.1:1")],
            &[],
            "COUNTERSIGN__LISTEN__METRCIS: listen.metrcis",
            "`metrics`",
        ),
        (
            "",
            &[("COUNTERSIGN__LISTN__METRICS", "127.0.0.1:1")],
            &[],
            "COUNTERSIGN__LISTN__METRICS: listn",
            "`listen`",
        ),
        (
            "",
            &[("COUNTERSIGN__LISTEN__METRICS", "here")],
            &[],
            "COUNTERSIGN__LISTEN__METRICS: listen.metrics",
            "socket address",
        ),
        ("", &[("COUNTERSIGN__", "x")], &[], "COUNTERSIGN__: ", "has no name"),
        ("", &[], &["listen.metrics=9464"], "--set listen.metrics=…: listen.metrics", "socket address"),
        ("", &[], &["listen.metrics"], "--set listen.metrics: ", "`path.to.key=value`"),
        ("", &[], &["listen..metrics=1"], "--set listen..metrics=…: listen..metrics", "has no name"),
        ("", &[], &["listen.metrics=[::1]:9464"], "--set listen.metrics=…: listen.metrics", "in quotes"),
        ("", &[], &["data.folder=x"], "--set data.folder=…: data.folder", "no mapping"),
        ("", &[], &["agents.7.id=x"], "--set agents.7.id=…: agents.7.id", "a list of 2"),
        ("", &[], &["agents.first.id=x"], "--set agents.first.id=…: agents.first.id", "a list of 2"),
        ("", &[], &["executors=[]"], "--set executors=…: executors", "no token could be used"),
        ("", &[], &["trust_domain=~"], "--set trust_domain=…: trust_domain", "found nothing"),
    ];
    for (text, variables, flags, place, words) in rows {
        let wrong = layers(&format!("{SOUND}{text}"), variables, flags).unwrap_err();
        assert_eq!(places(&wrong), [*place], "{wrong:#?}");
        assert!(wrong[0].to_string().contains(words), "{}", wrong[0]);
    }
    let wrong = layers("a: [\n", &[], &[]).unwrap_err();
    assert!(wrong[0].to_string().contains("countersign.yaml:1:4:"), "{}", wrong[0]);
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let text = SOUND
        .replace("data: data", "dat: data")
        .replace("by: {uid: 1000}", "by: {uid: root}")
        .replace("id: agent:two", "name: agent:two")
        .replace("conditions: [canary]", "plain: perhaps");
    let wrong = layers(&text, &[("COUNTERSIGN__LISTEN__TCP", "1")], &["sla.low_seconds=x"]).unwrap_err();
    let mut found = places(&wrong);
    found.sort();
    assert_eq!(
        found,
        [
            "--set sla.low_seconds=…: sla.low_seconds",
            "COUNTERSIGN__LISTEN__TCP: listen.tcp",
            "countersign.yaml:10:5: agents.1.id",
            "countersign.yaml:10:5: agents.1.name",
            "countersign.yaml:14:12: executors.0.plain",
            "countersign.yaml:1:1: data",
            "countersign.yaml:2:1: dat",
            "countersign.yaml:9:15: agents.0.by.uid",
        ]
    );
    // What is well-formed and makes no sense is found together too.
    let senseless = ["executors=[]", "agents=[]", "telemetry.sample=7", "listen.console={tcp: 0.0.0.0:80}"];
    let wrong = layers(SOUND, &[], &senseless).unwrap_err();
    let keys: Vec<&str> = wrong.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["listen.console", "telemetry", "agents", "executors"]);
}

fn config(at: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let arguments: Vec<&str> = ["config"].iter().chain(arguments).copied().collect();
    run_with(at, &arguments, b"", variables)
}

#[test]
fn config_check_says_what_keeps_it_from_starting_and_what_is_questionable() {
    let service = Service::prepare(POLICY, "", "");
    let here = service.folder.path();
    run_with(here, &["init", "house"], b"", &[]).prints(0, &[]);
    config(&here.join("house"), &["check"], &[]).prints(0, &["questionable: error: policy.yaml"]);
    assert_eq!(config(here, &["check", "--json"], &[]).json()["sound"], true);
    let open = ["check", "--set", "unsafe_anyone_on_loopback_is=agent:guest"];
    config(here, &open, &[]).prints(0, &["questionable: UNSAFE", "agent:guest"]);
    let wrong = ["check", "--set", "sla.low_seconds=x", "--json"];
    let told = config(here, &wrong, &[("COUNTERSIGN__NONSENSE", "1")]).prints(2, &[]).json();
    assert_eq!(told["sound"], false);
    assert_eq!(
        told["wrong"].as_array().unwrap().iter().map(|one| one["at"].clone()).collect::<Vec<_>>(),
        [json!({ "variable": "COUNTERSIGN__NONSENSE" }), json!({ "flag": "--set sla.low_seconds=…" })]
    );
    config(here, &["check", "--set", "policy=missing.yaml"], &[]).prints(2, &["wrong: ", "missing.yaml"]);
    config(here, &["check", "--config", "missing.yaml"], &[]).prints(2, &["cannot read `missing.yaml`"]);
    // A service is told the same, and so is every command that reads its configuration.
    run_with(here, &["serve", "--set", "dat=x"], b"", &[]).says(2, &["--set dat=…", "did you mean `data`?"]);
    let misspelt = [("COUNTERSIGN__DAT", "x")];
    run_with(here, &["keys", "list"], b"", &misspelt).says(2, &["COUNTERSIGN__DAT", "config check"]);
}

#[test]
fn config_show_has_each_value_with_its_place_and_no_secret() {
    let service = Service::prepare(POLICY, "", "");
    let here = service.folder.path();
    let variables = [("COUNTERSIGN__TELEMETRY__SAMPLE", "0.5"), ("COUNTERSIGN__DATA", "data")];
    let email = "channels.email={host: localhost, from: 'a@b.example', user: u, password_file: p, port: 25}";
    let webhook = "channels.webhooks=[{name: w, url: 'https://user:sesame@w.example/in'}]";
    let console = "listen.console={tcp: 127.0.0.1:8080, url: http://localhost:8080}";
    let flags =
        ["show", "--set", email, "--set", webhook, "--set", console, "--set", "listen.metrics=127.0.0.1:0"];
    let words = config(here, &flags, &variables);
    words.prints(
        0,
        &["telemetry.sample: 0.5", "# COUNTERSIGN__TELEMETRY__SAMPLE", "# default", "password_file"],
    );
    assert!(!words.out.contains("sesame"), "{words:?}");
    let flags: Vec<&str> = flags.into_iter().chain(["--json"]).collect();
    let shown = config(here, &flags, &variables).json();
    let shown = shown["values"].as_array().unwrap();
    let at = |key: &str| -> (Value, Value) {
        let one = shown
            .iter()
            .find(|one| one["key"] == key)
            .unwrap_or_else(|| panic!("{key} is not in {shown:#?}"));
        (one["value"].clone(), one["at"].clone())
    };
    assert_eq!(at("listen.metrics"), (json!("127.0.0.1:0"), json!({ "flag": "--set listen.metrics=…" })));
    assert_eq!(at("telemetry.service_name"), (json!("countersign"), Value::Null));
    assert_eq!(at("channels.webhooks.0.url").0, json!("https://user:(not shown)@w.example/in"));
    let (id, place) = at("agents.0.id");
    assert_eq!((id, &place["line"]), (json!("agent:tester"), &json!(9)));
    // What is shown can be said again, key by key, and comes to the same.
    for one in shown {
        assert!(one["key"].as_str().is_some_and(|key| !key.is_empty()) && !one["value"].is_null(), "{one}");
    }
}
