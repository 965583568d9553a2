//! Other people's code: kubectl applies the patches, so does a second library, and both get the pod that we get; the
//! Kubernetes schema takes what comes out.

use crate::corpus::{Row, rows};
use countersign::inject::plan::Plan;
use countersign::inject::settings::Mode;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn injected() -> Vec<Row> {
    rows().into_iter().filter(|row| row.becomes == "injected").collect()
}

fn patch_of(row: &Row) -> Value {
    let Plan::Inject(injection) = row.plan() else { panic!("{}", row.name) };
    injection.patch.to_json()
}

/// kubectl's `patch --local` decodes into maps, not into the types that it was built with: so an old one keeps fields
/// that it does not know, such as the restart policy of a container. (Seen of 1.20 and 1.32.)
#[test]
fn kubectl_applies_every_patch_as_we_do() {
    if !is_there(Command::new("kubectl").arg("help").output().is_ok(), "kubectl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (at, row) in injected().iter().enumerate() {
        let file = folder.path().join(format!("{at}.json"));
        let mut pod = row.pod.clone();
        // It wants a name for the file's object, which the API server would still make.
        pod["metadata"].as_object_mut().unwrap().entry("name").or_insert_with(|| json!("made-up"));
        std::fs::write(&file, pod.to_string()).unwrap();
        let mut kubectl = Command::new("kubectl");
        kubectl.env("KUBECONFIG", folder.path().join("none")).args([
            "patch",
            "--local",
            "--type=json",
            "-o",
            "json",
            "-f",
        ]);
        let output = kubectl.arg(&file).arg("-p").arg(patch_of(row).to_string()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}: {}", row.name, String::from_utf8_lossy(&output.stderr));
        let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
        let Plan::Inject(injection) = row.plan() else { panic!() };
        let ours = injection.patch.applied_to(&pod).unwrap();
        // New ones don't print these.
        let printed = |mut pod: Value| {
            pod["metadata"].as_object_mut().unwrap().remove("managedFields");
            pod
        };
        assert_eq!(printed(theirs), printed(ours), "{}", row.name);
    }
}

/// Whether something that the tests need is there. In CI it has to be.
fn is_there(found: bool, what: &str) -> bool {
    assert!(found || std::env::var_os("CI").is_none(), "missing: {what}");
    if !found {
        eprintln!("not run, because there is no {what}");
    }
    found
}

/// A Python that has what `check.py` needs.
fn python() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/parts/python/bin/python");
    let python = std::env::var_os("COUNTERSIGN_PYTHON").map_or_else(beside, PathBuf::from);
    let imports = Command::new(&python).args(["-c", "import jsonpatch, kubernetes_validate"]).output();
    let found = imports.is_ok_and(|done| done.status.success());
    is_there(found, "Python with tests/inject/requirements.txt").then_some(python)
}

#[test]
fn another_library_applies_every_patch_as_we_do_and_the_schema_takes_the_result() {
    let Some(python) = python() else { return };
    let lines = injected().into_iter().map(|row| {
        let ordinary = row.injected()["spec"]["containers"].as_array().unwrap().iter().any(|one| one["name"] == "countersign");
        // Native sidecars are in the schema since 1.28.
        let versions = match (row.mode, ordinary) {
            (_, true) => json!(["1.25", "1.28", "1.37"]),
            (Mode::Native | Mode::Ordinary, false) => json!(["1.29", "1.33", "1.37"]),
        };
        json!({ "name": row.name, "pod": row.pod, "patch": patch_of(&row), "injected": row.injected(), "versions": versions })
    });
    let lines: Vec<_> = lines.map(|line| line.to_string()).collect();
    assert!(lines.len() >= 60, "{} pods are injected", lines.len());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inject/check.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/run installs it");
    let mut input = child.stdin.take().unwrap();
    let text = lines.join("\n");
    let writing = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{report}");
    assert_eq!(report.trim(), format!("{} pods", lines.len()));
}
