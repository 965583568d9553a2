//! Manifests, rendered by kubectl and printed by the program; and other people's tools.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");
pub(crate) const OVERLAYS: [&str; 2] = ["standalone", "fleet"];
pub(crate) const PARTS: [&str; 3] = ["cert-manager", "monitoring", "network-policies"];
/// Kinds of other projects, which the schema of Kubernetes does not have.
pub(crate) const FOREIGN: [&str; 5] =
    ["Certificate", "Issuer", "PodMonitor", "PrometheusRule", "ServiceMonitor"];

/// Objects by kind, namespace and name.
pub(crate) type Objects = BTreeMap<(String, String, String), Value>;

pub(crate) fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

pub(crate) fn read(path: &str) -> String {
    let path = deploy(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs a program to its end, with this as its input; it has to succeed.
pub(crate) fn ran(command: &mut Command, input: &str) -> String {
    let done = run(command, input);
    assert!(done.0, "{command:?}: {}\n{}", done.2, done.1);
    done.1
}

/// … or says whether it did, and what it wrote.
pub(crate) fn run(command: &mut Command, input: &str) -> (bool, String, String) {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        piped.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}; tests/run installs it"));
    let mut to = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Beside reading, or both would wait. It may have ended without reading all.
    let writing = std::thread::spawn(move || drop(to.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

pub(crate) fn objects(documents: Vec<Value>) -> Objects {
    let count = documents.len();
    let key = |value: &Value| {
        let text =
            |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
    };
    let objects: Objects = documents.into_iter().map(|value| (key(&value), value)).collect();
    assert_eq!(objects.len(), count, "two objects have the same name");
    assert!(count > 0);
    objects
}

pub(crate) fn yaml(text: &str) -> Objects {
    objects(serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}\n{text}")))
}

/// A path from one folder to another, as kustomize wants it.
fn relative(from: &Path, to: &Path) -> String {
    let up = from.canonicalize().unwrap().components().count() - 1;
    format!(
        "{}{}",
        "../".repeat(up),
        to.canonicalize().unwrap().display().to_string().trim_start_matches('/')
    )
}

/// An overlay with components, as `kubectl kustomize` renders it.
pub(crate) fn kubectl(overlay: &str, parts: &[&str]) -> Objects {
    let folder = tempfile::tempdir().unwrap();
    let to = |path: String| relative(folder.path(), &deploy(&path));
    let components: Vec<String> =
        parts.iter().map(|part| to(format!("kubernetes/components/{part}"))).collect();
    let kustomization = serde_json::json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [to(format!("kubernetes/overlays/{overlay}"))],
        "components": components,
    });
    std::fs::write(folder.path().join("kustomization.yaml"), kustomization.to_string()).unwrap();
    yaml(&kustomize(folder.path()))
}

pub(crate) fn kustomize(folder: &Path) -> String {
    let mut kubectl = Command::new("kubectl");
    ran(kubectl.arg("kustomize").arg(folder).env("KUBECONFIG", folder.join("none")), "")
}

/// Every choice of components.
pub(crate) fn choices() -> Vec<Vec<&'static str>> {
    let chosen = |bits: usize| PARTS.into_iter().enumerate().filter(move |(at, _)| bits >> at & 1 == 1);
    (0..1 << PARTS.len()).map(|bits| chosen(bits).map(|(_, part)| part).collect()).collect()
}

/// What `countersign install --print` prints, as it is.
pub(crate) fn printed(arguments: &[&str]) -> String {
    ran(Command::new(PROGRAM).args(["install", "--print"]).args(arguments), "")
}

/// … and as objects, by way of JSON.
pub(crate) fn install(arguments: &[&str]) -> Objects {
    let list: Value = serde_json::from_str(&printed(&[arguments, &["--json"]].concat())).unwrap();
    assert_eq!((&list["kind"], &list["apiVersion"]), (&Value::from("List"), &Value::from("v1")));
    objects(list["items"].as_array().unwrap().clone())
}

/// Everything that there is for one overlay.
pub(crate) fn everything(overlay: &str) -> Objects {
    install(&[&format!("--{overlay}"), "--with", &PARTS.join(",")])
}

pub(crate) fn of_kind<'o>(objects: &'o Objects, kind: &str) -> Vec<&'o Value> {
    objects.iter().filter(|((of, ..), _)| of == kind).map(|(_, value)| value).collect()
}

pub(crate) fn named<'o>(objects: &'o Objects, kind: &str, name: &str) -> &'o Value {
    let found = objects.iter().find(|((of, _, there), _)| of == kind && there == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}")).1
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A Python that has tests/deploy/requirements.txt. It has to be there: tests/run installs it.
pub(crate) fn python(script: &str) -> Command {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/parts/python/bin/python");
    let python = std::env::var_os("COUNTERSIGN_PYTHON").map_or_else(beside, PathBuf::from);
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy").join(script));
    command
}

/// Whether something with these labels is chosen (matchLabels and matchExpressions).
pub(crate) fn chooses(selector: &Value, labels: &Value) -> bool {
    let equal =
        selector["matchLabels"].as_object().into_iter().flatten().all(|(key, value)| labels[key] == *value);
    let expressions = list(&selector["matchExpressions"]).iter().all(|expression| {
        let value = labels.get(text(&expression["key"]));
        let among = value.is_some_and(|value| list(&expression["values"]).contains(value));
        match text(&expression["operator"]) {
            "In" => among,
            "NotIn" => !among,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            other => panic!("{other}"),
        }
    });
    equal && expressions
}
