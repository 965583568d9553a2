//! The image: the Dockerfile is sound, copies what the program is made of, and the bill of materials is what is linked.

use crate::kit::{deploy, list, python, ran, read, run, text};
use countersign::inject::names;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// hadolint of the Python that has tests/deploy/requirements.txt.
fn hadolint(file: &Path) -> (bool, String) {
    let python = python("x");
    let program = Path::new(python.get_program()).with_file_name("hadolint");
    let (fine, out, err) = run(Command::new(program).arg("--failure-threshold=info").arg(file), "");
    (fine, out + &err)
}

#[test]
fn the_dockerfile_has_nothing_that_a_linter_minds() {
    let (fine, said) = hadolint(&deploy("Dockerfile"));
    assert!(fine && said.is_empty(), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("Dockerfile");
    std::fs::write(&wrong, read("Dockerfile").replace("FROM scratch", "FROM debian:latest")).unwrap();
    assert!(!hadolint(&wrong).0, "it would have minded");
}

#[test]
fn the_image_is_one_static_file_that_nobody_is_root_of() {
    let file = read("Dockerfile");
    let last = file.rsplit("\nFROM ").next().unwrap();
    let lines: Vec<&str> = last.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    assert_eq!(lines[0], "scratch");
    let has = |line: &str| lines.contains(&line);
    assert!(has(&format!("USER {0}:{0}", names::USER)));
    assert!(has(&format!("ENTRYPOINT [\"{}\"]", names::BINARY)));
    assert!(has(&format!("EXPOSE {}", names::HEALTH_PORT)));
    assert!(!last.contains("RUN ") && !last.contains("/bin/sh"), "there is no shell: {last}");
    assert!(file.contains("target-feature=+crt-static") && file.contains("--locked"));
    let probe = lines.iter().find(|line| line.contains("HEALTHCHECK")).unwrap();
    let arguments: Vec<String> = serde_json::from_str(probe.split_once("CMD ").unwrap().1).unwrap();
    assert_eq!(arguments[0], names::BINARY);
    crate::program::assert_knows(&arguments[1..].iter().map(String::as_str).collect::<Vec<_>>(), &[]);
}

/// What is not copied is not there while it builds: everything that the sources include, and what Cargo looks for.
#[test]
fn everything_that_the_program_is_made_of_is_copied() {
    let file = read("Dockerfile");
    let ignored = read("Dockerfile.dockerignore");
    let copied: BTreeSet<&str> = file
        .lines()
        .filter(|line| line.starts_with("COPY ") && !line.contains("--from") && !line.contains("--chown"))
        .flat_map(|line| line.split(' ').skip(1))
        .filter(|part| !part.starts_with(['/', '.']))
        .collect();
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut needed: BTreeSet<&str> = ["Cargo.toml", "Cargo.lock", "build.rs", "src"].into();
    let folders =
        [("[[bench]]", "benches"), ("[[example]]", "examples"), ("askama", "templates"), ("protox", "proto")];
    needed.extend(folders.iter().filter(|(word, _)| manifest.contains(word)).map(|(_, folder)| *folder));
    let mut waiting = vec![root().join("src")];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                for folder in ["deploy", "docs", "examples", "tests", "clients"] {
                    if text.contains("include_") && text.contains(&format!("../{folder}/")) {
                        needed.insert(folder);
                    }
                }
            }
        }
    }
    assert!(needed.contains("deploy") && needed.contains("examples"), "{needed:?}");
    for path in needed {
        assert!(copied.contains(path), "{path} is not copied");
        assert!(ignored.lines().any(|line| line == format!("!{path}")), "{path} is ignored");
    }
}

#[test]
fn the_bill_of_materials_is_what_is_linked() {
    let folder = tempfile::tempdir().unwrap();
    let target = "x86_64-unknown-linux-gnu";
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        ran(command.args(arguments).args(["--locked", "--offline"]).current_dir(root()), "")
    };
    let tree =
        cargo(&["tree", "--edges", "normal", "--prefix", "none", "--target", target, "--format", "{p}"]);
    let linked = folder.path().join("linked");
    std::fs::write(&linked, &tree).unwrap();
    let metadata = cargo(&["metadata", "--format-version", "1", "--filter-platform", target]);
    let (from, to) = (folder.path().join("metadata.json"), folder.path().join("bill.json"));
    std::fs::write(&from, metadata).unwrap();
    let write = || {
        let mut script = Command::new(python("x").get_program());
        script.env("SOURCE_DATE_EPOCH", "1760000000").arg(deploy("sbom.py"));
        drop(ran(script.args([&from, &linked, &root().join("Cargo.lock"), &to]), ""));
        std::fs::read_to_string(&to).unwrap()
    };
    let bill = write();
    assert_eq!(bill, write(), "the same input gives the same bytes");
    let bill: Value = serde_json::from_str(&bill).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    assert_eq!(bill["metadata"]["timestamp"], "2025-10-09T08:53:20Z");
    assert_eq!(bill["metadata"]["component"]["version"], env!("CARGO_PKG_VERSION"));
    let ours: BTreeSet<String> = list(&bill["components"])
        .iter()
        .map(|component| format!("{} {}", text(&component["name"]), text(&component["version"])))
        .collect();
    let tree =
        cargo(&["tree", "--edges", "normal", "--prefix", "none", "--target", target, "--format", "{p}"]);
    let theirs: BTreeSet<String> = tree
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("countersign "))
        .map(|line| {
            let mut words = line.split(' ');
            format!("{} {}", words.next().unwrap(), words.next().unwrap().trim_start_matches('v'))
        })
        .collect();
    assert_eq!(ours, theirs);
    assert!(theirs.len() > 200, "{}", theirs.len());
    // What is linked leads from the program to everything that is listed.
    let mut reached: BTreeSet<&str> = [text(&bill["metadata"]["component"]["bom-ref"])].into();
    for _ in 0..theirs.len() {
        let before = reached.len();
        for one in list(&bill["dependencies"]) {
            if reached.contains(text(&one["ref"])) {
                reached.extend(list(&one["dependsOn"]).iter().map(text));
            }
        }
        if reached.len() == before {
            break;
        }
    }
    assert_eq!(reached.len(), theirs.len() + 1);
    for component in list(&bill["components"]) {
        assert!(component["hashes"][0]["content"].as_str().is_some_and(|hex| hex.len() == 64), "{component}");
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
    }
}
