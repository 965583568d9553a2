//! Names, ports, flags, variables and paths: the manifests say what the program says of itself.

use crate::kit::{OVERLAYS, PROGRAM, everything, list, named, of_kind, ran, run, text};
use countersign::inject::names;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

fn container<'o>(objects: &'o crate::kit::Objects, deployment: &str) -> &'o Value {
    &named(objects, "Deployment", deployment)["spec"]["template"]["spec"]["containers"][0]
}

fn ports(container: &Value) -> BTreeMap<&str, u64> {
    list(&container["ports"])
        .iter()
        .map(|port| (text(&port["name"]), port["containerPort"].as_u64().unwrap()))
        .collect()
}

#[test]
fn ports_are_the_program_s() {
    let objects = everything("fleet");
    let desk = [
        ("fleet", names::FLEET_PORT),
        ("review", names::REVIEW_PORT),
        ("console", names::CONSOLE_PORT),
        ("health", names::HEALTH_PORT),
    ];
    let expect =
        |ports: &[(&'static str, u16)]| ports.iter().map(|(name, port)| (*name, u64::from(*port))).collect();
    assert_eq!(ports(container(&objects, names::DESK_SERVICE)), expect(&desk));
    let injector = [("webhook", names::WEBHOOK_PORT), ("health", names::HEALTH_PORT)];
    assert_eq!(ports(container(&objects, names::INJECTOR_SERVICE)), expect(&injector));
    let service = named(&objects, "Service", names::DESK_SERVICE);
    let fleet = list(&service["spec"]["ports"]).iter().find(|port| port["name"] == "fleet").unwrap();
    assert_eq!(fleet["port"], names::FLEET_PORT, "where sidecars look for it");
    let configuration = named(&objects, "MutatingWebhookConfiguration", names::WEBHOOK_CONFIGURATION);
    for webhook in list(&configuration["webhooks"]) {
        let at = &webhook["clientConfig"]["service"];
        let service = named(&objects, "Service", text(&at["name"]));
        assert!(list(&service["spec"]["ports"]).iter().any(|port| port["port"] == at["port"]));
        assert_eq!((text(&at["name"]), text(&at["namespace"])), (names::INJECTOR_SERVICE, names::NAMESPACE));
    }
    named(&objects, "Secret", names::CERTIFICATE_SECRET);
    named(&objects, "Namespace", names::NAMESPACE);
}

/// The ports that the configuration of a desk listens on.
fn listens(configuration: &Value) -> BTreeMap<String, u64> {
    let of = |address: &Value| text(address).rsplit_once(':').unwrap().1.parse::<u64>().unwrap();
    let names =
        [("agents", "agents"), ("sidecars", "fleet"), ("reviewers", "review"), ("console", "console")];
    let listen = &configuration["listen"];
    let there = names.into_iter().filter(|(key, _)| !listen[*key].is_null());
    let mut found: BTreeMap<String, u64> =
        there.map(|(key, name)| (name.to_owned(), of(&listen[key]["tcp"]))).collect();
    found.insert("health".to_owned(), of(&listen["metrics"]));
    found
}

#[test]
fn the_desk_listens_where_its_pod_says() {
    for overlay in OVERLAYS {
        let objects = everything(overlay);
        let written = named(&objects, "ConfigMap", "countersign-desk");
        let configuration: Value =
            serde_saphyr::from_str(text(&written["data"]["countersign.yaml"])).unwrap();
        let there = ports(container(&objects, names::DESK_SERVICE));
        let there: BTreeMap<String, u64> =
            there.into_iter().map(|(name, port)| (name.to_owned(), port)).collect();
        assert_eq!(listens(&configuration), there, "{overlay}");
        // What the file names is mounted where it looks for it, and nothing that it writes is mounted for reading.
        let pod = &named(&objects, "Deployment", names::DESK_SERVICE)["spec"]["template"]["spec"];
        let mounts: Vec<&str> = list(&pod["containers"][0]["volumeMounts"])
            .iter()
            .map(|mount| text(&mount["mountPath"]))
            .collect();
        let mut paths = Vec::new();
        absolute(&configuration, &mut paths);
        assert!(paths.len() >= 3, "{paths:?}");
        for path in paths {
            assert!(
                mounts.iter().any(|mount| path.starts_with(&format!("{mount}/"))),
                "{path} is not in {mounts:?}"
            );
        }
        assert!(text(&configuration["data"]).starts_with(&format!("{}/", names::DATA_FOLDER)));
    }
}

fn absolute(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(path) if path.starts_with('/') => found.push(path.clone()),
        Value::Array(list) => list.iter().for_each(|value| absolute(value, found)),
        Value::Object(members) => members.values().for_each(|value| absolute(value, found)),
        _ => {}
    }
}

/// The configuration, the policy and the roster of an overlay as they are mounted, with the variables of its pod: keys
/// are taken up as the init container does it, and then nothing is wrong.
#[test]
fn the_program_takes_the_configuration_with_the_variables_of_the_pod() {
    for overlay in OVERLAYS {
        let objects = everything(overlay);
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        for map in ["countersign-desk", "countersign-policy"] {
            for (name, text) in named(&objects, "ConfigMap", map)["data"].as_object().unwrap() {
                std::fs::write(here.join(name), text.as_str().unwrap()).unwrap();
            }
        }
        let settings = |key: &str| text(&named(&objects, "ConfigMap", "countersign")["data"][key]).to_owned();
        let program = |data: &str| {
            let mut program = Command::new(PROGRAM);
            // Only the folder is another.
            program
                .env("COUNTERSIGN__DATA", here.join(data))
                .env("COUNTERSIGN_CONFIG", here.join("countersign.yaml"));
            for variable in list(&container(&objects, names::DESK_SERVICE)["env"]) {
                let name = text(&variable["name"]);
                if name.starts_with("COUNTERSIGN__") {
                    program.env(name, settings(text(&variable["valueFrom"]["configMapKeyRef"]["key"])));
                }
            }
            program
        };
        ran(program("office").args(["keys", "init"]), "");
        let secret = here.join("secret");
        std::fs::create_dir(&secret).unwrap();
        for name in ["root.public.jwk", "issuer.jwk", "issuer.cert"] {
            std::fs::copy(here.join("office/keys").join(name), secret.join(name)).unwrap();
        }
        ran(program("pod").args(["keys", "import", "--from"]).arg(&secret), "");
        let (fine, out, err) = run(program("pod").args(["config", "check", "--json"]), "");
        let said: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
        assert_eq!(said["wrong"], serde_json::json!([]), "{overlay}: {out}");
        assert!(fine, "{overlay}: {out}");
        let (_, shown, _) = run(program("pod").args(["config", "show"]), "");
        assert!(
            shown.contains("COUNTERSIGN__TRUST_DOMAIN"),
            "the settings of the cluster come first: {shown}"
        );
    }
}

/// Commands that are being written. Take each away when it is there.
pub(crate) const NOT_YET: [&str; 1] = ["sidecar"];

/// Whether the program has this command, with these options, and reads these variables.
pub(crate) fn assert_knows(arguments: &[&str], variables: &[&str]) {
    // What follows a command and is no option may be an option's value.
    let mut commands: Vec<&str> =
        arguments.iter().copied().take_while(|argument| !argument.starts_with('-')).collect();
    commands.truncate(2);
    let (fine, help, err) = run(Command::new(PROGRAM).args(&commands).arg("--help"), "");
    if !fine && NOT_YET.contains(&commands[0]) {
        return;
    }
    assert!(fine, "{commands:?}: {err}");
    // It is wrapped.
    let help: String = help.split_whitespace().map(|word| format!("{word} ")).collect();
    for flag in arguments.iter().filter(|argument| argument.starts_with("--")) {
        let flag = flag.split('=').next().unwrap();
        assert!(help.contains(&format!("{flag} ")), "{commands:?} knows no {flag}:\n{help}");
    }
    // Those with two underscores are keys of the configuration, at which `config check` looks.
    for name in variables.iter().filter(|name| !name.starts_with("COUNTERSIGN__")) {
        assert!(help.contains(&format!("[env: {name}=")), "{commands:?} reads no {name}:\n{help}");
    }
}

#[test]
fn what_the_pods_run_is_a_command_with_these_options() {
    for overlay in OVERLAYS {
        for deployment in of_kind(&everything(overlay), "Deployment") {
            let spec = &deployment["spec"]["template"]["spec"];
            for container in ["initContainers", "containers"].iter().flat_map(|kind| list(&spec[kind])) {
                let arguments: Vec<&str> = list(&container["args"]).iter().map(text).collect();
                let variables: Vec<&str> =
                    list(&container["env"]).iter().map(|variable| text(&variable["name"])).collect();
                assert_knows(&arguments, &variables);
            }
        }
    }
}
