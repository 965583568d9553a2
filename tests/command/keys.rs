//! `keys`: made, rotated, revoked and published, with effect on tokens.

use crate::process::{Served, run};
use crate::support::{POLICY, Service};
use crate::world::{World, prepare};

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
