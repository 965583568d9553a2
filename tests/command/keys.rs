//! `keys`: made, rotated, revoked and published, with effect on tokens.

use crate::process::{Served, run};
use crate::support::{POLICY, Service};
use crate::world::{World, prepare};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_revoked_key_signs_nothing_that_is_accepted() {
    let world = World { served: Served::start(prepare()) };
    let here = world.folder().to_owned();
    let grant = world.grant("grant.json");
    let listed = run(&here, &["keys", "list", "--json"]).prints(0, &[]).json();
    let keys = listed["keys"].as_array().unwrap();
    assert!(keys.iter().all(|key| key["state"] == "valid"));
    let minting = keys.iter().find(|key| key["use"] == "authority").unwrap();
    let kid = minting["kid"].as_str().unwrap();
    let bundle = world.path("bundle.json").display().to_string();

    run(&here, &["keys", "bundle", "--out", &bundle]).prints(0, &[]);
    world.verify(&["--grant", &grant, "--bundle", &bundle]).prints(0, &["accepted"]);
    // A new key mints, and tokens of the one before still verify.
    run(&here, &["keys", "rotate"]).prints(0, &["authority"]);
    run(&here, &["keys", "bundle", "--out", &bundle]).prints(0, &[]);
    world.verify(&["--grant", &grant, "--bundle", &bundle]).prints(0, &["accepted"]);
    let jwks = world.path("jwks.json").display().to_string();
    run(&here, &["keys", "jwks", "--out", &jwks]).prints(0, &[]);
    let jwks: serde_json::Value = serde_json::from_slice(&std::fs::read(jwks).unwrap()).unwrap();
    assert!(jwks["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none()));
    assert!(jwks["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid));

    run(&here, &["keys", "revoke", kid]).prints(0, &["revoked"]);
    run(&here, &["keys", "bundle", "--out", &bundle]).prints(0, &[]);
    world.verify(&["--grant", &grant, "--bundle", &bundle]).prints(120, &["key.revoked"]);
    let revocations = world.path("revocations.json").display().to_string();
    run(&here, &["keys", "revocations", "--out", &revocations]).prints(0, &[]);
    assert!(std::fs::read_to_string(revocations).unwrap().contains("revocations"));
    let again = world.served.stop().again();
    let world = World { served: again };
    let fresh = world.grant("fresh.json");
    world.verify(&["--grant", &fresh, "--bundle", &bundle]).prints(0, &["accepted"]);
    world.served.stop();
}

#[test]
fn the_issuer_is_replaced_by_the_root_alone() {
    let service = Service::prepare(POLICY, "", "");
    let here = service.folder.path();
    let issuer = || {
        let listed = run(here, &["keys", "list", "--json"]).json();
        let keys = listed["keys"].as_array().unwrap().clone();
        let issuer = keys.iter().find(|key| key["use"] == "issuer").unwrap();
        issuer["kid"].as_str().unwrap().to_owned()
    };
    let before = issuer();
    let root = run(here, &["keys", "root"]).prints(0, &["OKP"]).out.clone();
    run(here, &["keys", "rotate", "--root", "data/keys/root.jwk"]).prints(0, &["issuer"]);
    assert_ne!(issuer(), before);
    assert_eq!(run(here, &["keys", "root"]).out, root, "what executors pin stays");
    let wrong = run(here, &["keys", "rotate", "--root", "data/keys/issuer.jwk"]);
    wrong.says(1, &["issuer.jwk", "not the root"]);
    run(here, &["keys", "rotate", "--root", "missing.jwk"]).says(1, &["missing.jwk"]);
    run(here, &["keys", "revoke", "nonsense"]).says(2, &["`nonsense` is not a key id"]);
    run(here, &["keys", "revoke", &"A".repeat(43)]).says(1, &["no key"]);
    run(here, &["keys", "revoke", &format!("-{}", "A".repeat(42))]).says(1, &["no key"]);
    run(here, &["keys", "bundle", "--out", "missing/bundle"]).says(1, &["missing/bundle"]);
}

#[test]
fn an_executor_gets_a_key_for_receipts_and_the_log_another_one() {
    let service = Service::prepare(POLICY, "", "");
    let here = service.folder.path();
    let certify = |with: &[&str]| run(here, &[&["keys", "certify-executor"], with].concat());
    let made =
        certify(&["--executor", "exec:plain", "--out", "receipts.jwk", "--json"]).prints(0, &[]).json();
    let kid = made["kid"].as_str().unwrap().to_owned();
    let mode = std::fs::metadata(service.path("receipts.jwk")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(service.path("receipts.cert")).unwrap().lines().count(), 2);
    certify(&["--executor", "exec:plain", "--out", "receipts.jwk"]).says(1, &["receipts.jwk", "--key"]);
    let again =
        certify(&["--executor", "exec:plain", "--key", "receipts.jwk", "--json"]).prints(0, &[]).json();
    assert_eq!(again["kid"], made["kid"]);
    certify(&["--executor", "exec:nobody", "--out", "other.jwk"]).says(2, &["no executor `exec:nobody`"]);
    assert!(!service.path("other.jwk").exists());
    certify(&["--executor", "exec:plain"]).says(2, &["--key", "--out"]);
    certify(&["--executor", "exec:plain", "--key", "missing.jwk"]).says(2, &["missing.jwk"]);
    certify(&["--executor", "exec:plain", "--key", "countersign.yaml"]).says(2, &["countersign.yaml"]);

    run(here, &["keys", "rotate-log"]).prints(0, &["log", "https://", "/sidecar", "valid"]);
    run(here, &["keys", "rotate-log"]).prints(0, &["public half only"]);
    let state = || {
        let listed = run(here, &["keys", "list", "--json"]).json();
        let keys = listed["keys"].as_array().unwrap().clone();
        keys.into_iter().find(|key| key["kid"] == kid.as_str()).unwrap()
    };
    assert_eq!((state()["use"].as_str(), state()["name"].as_str()), (Some("receipt"), Some("exec:plain")));
    assert_eq!((state()["state"].as_str(), state()["private"].as_bool()), (Some("valid"), Some(false)));
    run(here, &["keys", "revoke", &kid]).prints(0, &["revoked"]);
    assert_eq!(state()["state"], "revoked");
    let issuer = run(here, &["keys", "list", "--json"]).json();
    let issuer =
        issuer["keys"].as_array().unwrap().iter().find(|key| key["use"] == "issuer").unwrap().clone();
    run(here, &["keys", "revoke", issuer["kid"].as_str().unwrap()]).says(1, &["no key"]);
}

#[test]
fn keys_are_taken_up_from_a_folder_that_can_only_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for house in ["office", "elsewhere"] {
        run(here, &["init", house]).prints(0, &[]);
    }
    // What a Secret holds: the root's private key stayed in the office.
    let secret = |house: &str| {
        let to = here.join(format!("{house}-secret"));
        std::fs::create_dir_all(&to).unwrap();
        for name in ["root.public.jwk", "issuer.jwk", "issuer.cert"] {
            std::fs::copy(here.join(house).join("data/keys").join(name), to.join(name)).unwrap();
        }
        to.display().to_string()
    };
    let text = std::fs::read_to_string(here.join("office/countersign.yaml")).unwrap();
    std::fs::write(here.join("office/pod.yaml"), text.replace("data: data", "data: pod")).unwrap();
    let import =
        |from: &str| run(here, &["keys", "import", "--from", from, "--config", "office/pod.yaml", "--json"]);
    let listed =
        || run(here, &["keys", "list", "--config", "office/pod.yaml", "--json"]).prints(0, &[]).json();
    let issuer = || {
        let keys = listed()["keys"].as_array().unwrap().clone();
        let root = keys.iter().find(|key| key["use"] == "root").unwrap();
        assert_eq!(root["private"], false, "the root's private key was not asked for");
        let issuer = keys.iter().find(|key| key["use"] == "issuer").unwrap();
        assert_eq!(issuer["private"], true);
        issuer["kid"].as_str().unwrap().to_owned()
    };

    let office = secret("office");
    import(&office).prints(0, &["issuer"]);
    let first = issuer();
    import(&office).prints(0, &["issuer"]);
    assert_eq!(issuer(), first, "doing it again changes nothing");
    run(here, &["keys", "rotate", "--config", "office/pod.yaml"]).prints(0, &["authority"]);

    let rotate =
        ["keys", "rotate", "--root", "office/data/keys/root.jwk", "--config", "office/countersign.yaml"];
    run(here, &rotate).prints(0, &["issuer"]);
    import(&secret("office")).prints(0, &["issuer"]);
    assert_ne!(issuer(), first, "an issuer that was replaced there is replaced here");
    assert!(listed().to_string().contains("authority"), "what the service made itself stays");

    let second = issuer();
    let path = here.join("office-secret/issuer.jwk");
    import(&secret("elsewhere")).says(1, &["root", "pinned here already"]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    import(&office).says(1, &["issuer.jwk", "0644"]);
    std::fs::copy(here.join("elsewhere/data/keys/issuer.jwk"), &path).unwrap();
    import(&office).says(1, &["issuer.cert", "another key"]);
    std::fs::remove_file(here.join("office-secret/issuer.cert")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    import(&office).says(1, &["there is no", "issuer.cert"]);
    import("nowhere").says(1, &["there is no", "root.public.jwk"]);
    assert_eq!(issuer(), second, "what was refused changed nothing");
}
