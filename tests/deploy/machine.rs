//! Without Kubernetes: systemd's units and the compose file.

use crate::kit::{PROGRAM, deploy, list, read, run, text};
use crate::program::assert_knows;
use countersign::inject::names;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The units, with the program that was built in place of the one that is installed.
fn units(folder: &Path) -> Vec<PathBuf> {
    let mut units: Vec<PathBuf> = std::fs::read_dir(deploy("systemd"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let unit = folder.join(path.file_name().unwrap());
            let text = std::fs::read_to_string(path).unwrap();
            std::fs::write(&unit, text.replace("/usr/local/bin/countersign", PROGRAM)).unwrap();
            unit
        })
        .collect();
    units.sort();
    assert_eq!(units.len(), 3, "{units:?}");
    units
}

fn analyze(arguments: &[&str], unit: &Path) -> (bool, String) {
    let (fine, out, err) = run(Command::new("systemd-analyze").args(arguments).arg(unit), "");
    (fine, out + &err)
}

#[test]
fn systemd_takes_the_units_and_finds_them_hardened() {
    let folder = tempfile::tempdir().unwrap();
    for unit in units(folder.path()) {
        let (fine, said) = analyze(&["verify"], &unit);
        // It also speaks of other units of this machine.
        let name = unit.file_name().unwrap().to_str().unwrap();
        assert!(fine && !said.contains(name), "{said}");
        let hardened = ["security", "--offline=true", "--threshold=20", "--no-pager"];
        let (fine, said) = analyze(&hardened, &unit);
        assert!(fine, "{said}");
        // It would say so otherwise.
        let text = std::fs::read_to_string(&unit).unwrap();
        let loose: String = text
            .lines()
            .filter(|line| !line.starts_with("Protect"))
            .map(|line| format!("{line}\n"))
            .collect();
        std::fs::write(&unit, loose).unwrap();
        assert!(!analyze(&hardened, &unit).0);
    }
}

#[test]
fn the_units_say_what_the_program_says() {
    for unit in std::fs::read_dir(deploy("systemd")).unwrap() {
        let unit = std::fs::read_to_string(unit.unwrap().path()).unwrap();
        let of = |key: &str| -> Vec<String> {
            unit.lines()
                .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .map(str::to_owned)
                .collect()
        };
        let environment = of("Environment");
        let variables: Vec<&str> =
            environment.iter().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        for line in of("ExecStart").iter().chain(&of("ExecStartPre")) {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(words[0], "/usr/local/bin/countersign");
            assert_knows(&words[1..], &variables);
        }
        for line in of("Environment").iter().filter(|line| line.starts_with(names::ENV_SOCKET)) {
            assert!(line.ends_with(names::SOCKET), "{line}");
        }
        // What is loaded is used, and nothing is used that is not loaded.
        let loaded: Vec<String> =
            of("LoadCredential").iter().map(|line| line.split(':').next().unwrap().to_owned()).collect();
        let used = unit.matches("${CREDENTIALS_DIRECTORY}/").count();
        assert!(used == 0 || used == loaded.len(), "{loaded:?}");
        for part in unit.split("${CREDENTIALS_DIRECTORY}/").skip(1) {
            let name = part.split_whitespace().next().unwrap();
            assert!(loaded.iter().any(|there| there == name), "{name}");
        }
    }
}

fn compose() -> Value {
    let text = read("compose.yaml");
    // `<<` is of YAML 1.1, which compose reads and we do not: other people's code puts it together.
    let mut python = crate::kit::python("yaml_to_json.py");
    serde_json::from_str(&crate::kit::ran(&mut python, &text)).unwrap()
}

#[test]
fn compose_takes_the_file() {
    let file = deploy("compose.yaml");
    let (fine, _, said) =
        run(Command::new("docker-compose").arg("-f").arg(&file).args(["config", "--quiet"]), "");
    assert!(fine, "{said}");
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("compose.yaml");
    std::fs::write(&wrong, read("compose.yaml").replace("read_only:", "readonly:")).unwrap();
    assert!(!run(Command::new("docker-compose").arg("-f").arg(&wrong).args(["config", "--quiet"]), "").0);
}

#[test]
fn what_compose_runs_is_a_command_with_these_options_and_has_what_it_reads() {
    let compose = compose();
    let mut ours = 0;
    for (name, service) in compose["services"].as_object().unwrap() {
        for kind in ["configs", "secrets"] {
            for one in list(&service[kind]) {
                let source = one.as_str().unwrap_or_else(|| text(&one["source"]));
                let file = compose[kind][source]["file"].as_str();
                let file = file.unwrap_or_else(|| panic!("{name}: there is no {source} in {kind}"));
                let made_there = file.starts_with("./compose/secrets/")
                    || ["./compose/roots.jwks", "./compose/desk-ca.crt"].contains(&file);
                let told = read("README.md").contains(file.rsplit('/').next().unwrap());
                assert!(if made_there { told } else { deploy(file).exists() }, "{name}: {file}");
            }
        }
        if service["image"] != concat!("countersign:", env!("CARGO_PKG_VERSION")) {
            continue;
        }
        ours += 1;
        let arguments: Vec<&str> = list(&service["command"]).iter().map(text).collect();
        let variables: Vec<&str> =
            service["environment"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        assert_knows(&arguments, &variables);
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]));
        assert_eq!(service["read_only"], true);
        assert!(!text(&service["user"]).starts_with("0"));
        if let Some(probe) = service["healthcheck"]["test"].as_array() {
            assert_eq!((&probe[0], &probe[1]), (&"CMD".into(), &names::BINARY.into()));
            assert_knows(&probe[2..].iter().map(text).collect::<Vec<_>>(), &[]);
        }
    }
    assert_eq!(ours, 4);
    let agent = &compose["services"]["agent"];
    assert_eq!(
        agent["volumes"],
        serde_json::json!(["socket:/run/countersign:ro"]),
        "an agent gets the socket alone"
    );
    assert!(agent["secrets"].is_null() && agent["network_mode"] == "none");
}
