//! Rendered by kubectl, printed by the program: the same objects, which the schema of Kubernetes takes.

use crate::kit::{
    FOREIGN, OVERLAYS, PARTS, choices, deploy, everything, install, kubectl, kustomize, printed, python, run,
    yaml,
};
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn what_is_printed_is_what_kubectl_renders() {
    for overlay in OVERLAYS {
        for parts in choices() {
            let with = parts.join(",");
            let mut arguments = vec![format!("--{overlay}")];
            if !parts.is_empty() {
                arguments.extend(["--with".to_owned(), with]);
            }
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let (theirs, ours) = (kubectl(overlay, &parts), install(&arguments));
            let keys = |objects: &crate::kit::Objects| objects.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&ours), keys(&theirs), "{arguments:?}");
            for (key, theirs) in &theirs {
                assert_eq!(ours[key], *theirs, "{arguments:?}: {key:?}");
            }
        }
    }
}

#[test]
fn the_yaml_that_is_printed_is_read_as_the_same() {
    for overlay in OVERLAYS {
        let text = printed(&[&format!("--{overlay}"), "--with", &PARTS.join(",")]);
        let expected = everything(overlay);
        assert_eq!(yaml(&text), expected, "by a reader of our own");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("all.yaml"), &text).unwrap();
        std::fs::write(folder.path().join("kustomization.yaml"), "resources: [all.yaml]\n").unwrap();
        assert_eq!(yaml(&kustomize(folder.path())), expected, "by kubectl's");
        let first = text.lines().find(|line| line.starts_with("kind: "));
        assert_eq!(first, Some("kind: Namespace"), "what others need comes first");
    }
    assert_eq!(install(&[]), install(&["--fleet"]));
}

/// Validates objects against the schema of several versions; tells what is wrong.
fn faults(objects: &[&Value], versions: &[&str]) -> (bool, String) {
    let lines: Vec<String> =
        objects.iter().map(|object| json!({ "object": object, "versions": versions }).to_string()).collect();
    let (fine, report, errors) = run(&mut python("schema.py"), &lines.join("\n"));
    (fine, report + &errors)
}

#[test]
fn the_schema_of_kubernetes_takes_every_object() {
    for overlay in OVERLAYS {
        let all = everything(overlay);
        let known: Vec<&Value> =
            all.values().filter(|object| !FOREIGN.contains(&object["kind"].as_str().unwrap())).collect();
        assert!(all.len() > known.len() && known.len() > 10);
        // Validating admission policies came with 1.30.
        let (fine, report) = faults(&known, &["1.30", "1.33", "1.37"]);
        assert!(fine, "{report}");
        assert_eq!(report.trim(), format!("{} objects", known.len()));
    }
}

#[test]
fn the_schema_would_notice() {
    let all = everything("fleet");
    let deployment = crate::kit::named(&all, "Deployment", "countersign-desk");
    for (pointer, value) in [
        ("/spec/replicas", json!("three")),
        ("/spec/template/spec/containers/0/securityContext", json!({ "readOnlyRootFileSystem": true })),
        ("/spec/template/spec/volumes/0", json!({ "configMap": {} })),
    ] {
        let mut wrong = deployment.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        let (fine, report) = faults(&[&wrong], &["1.30"]);
        assert!(!fine && report.contains("Deployment/countersign-desk"), "{pointer}: {report}");
    }
}

/// The strings of kustomize that are on their way out are not used, so that it says nothing.
#[test]
fn kubectl_has_nothing_to_say() {
    for overlay in OVERLAYS {
        let folder = deploy(&format!("kubernetes/overlays/{overlay}"));
        let mut kubectl = std::process::Command::new("kubectl");
        let (fine, _, said) =
            run(kubectl.arg("kustomize").arg(&folder).env("KUBECONFIG", Path::new("/nowhere")), "");
        assert!(fine, "{said}");
        assert_eq!(said, "");
    }
}

#[test]
fn every_file_below_kubernetes_is_in_use() {
    let mut folders = vec![deploy("kubernetes")];
    let mut named = String::new();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.ends_with("kustomization.yaml") => {
                    named.push_str(&std::fs::read_to_string(path).unwrap());
                }
                false => files.push(path),
            }
        }
    }
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(named.contains(name), "no kustomization names {}", file.display());
    }
}

#[test]
fn the_policy_of_the_cluster_is_the_starter_policy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let starter = std::fs::read_to_string(root.join("examples/policies/starter.yaml")).unwrap();
    assert_eq!(crate::kit::read("kubernetes/base/policy.yaml"), starter);
}

#[test]
fn the_version_of_the_image_is_the_program_s() {
    let image = concat!("countersign:", env!("CARGO_PKG_VERSION"));
    for overlay in OVERLAYS {
        let mut images = Vec::new();
        for deployment in crate::kit::of_kind(&everything(overlay), "Deployment") {
            let spec = &deployment["spec"]["template"]["spec"];
            for container in
                ["initContainers", "containers"].iter().flat_map(|kind| crate::kit::list(&spec[kind]))
            {
                images.push(container["image"].as_str().unwrap().to_owned());
            }
        }
        assert!(!images.is_empty() && images.iter().all(|there| there == image), "{images:?}");
    }
    let dockerfile = crate::kit::read("Dockerfile");
    assert!(dockerfile.contains(&format!("image.version=\"{}\"", env!("CARGO_PKG_VERSION"))));
}
