//! Files that are missing, cut, huge, binary or open to others: named, with the place, and with what to do.

use crate::process::{file, run};
use crate::support::{POLICY, Service};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

/// One file replaced by this, and what `serve --check` must say.
type Row = (&'static str, Vec<u8>, &'static [&'static str]);

#[test]
fn a_bad_configuration_policy_or_roster_is_named_with_its_place() {
    let good = Service::prepare(POLICY, "", "");
    let config = std::fs::read_to_string(good.path("countersign.yaml")).unwrap();
    let with = |from: &str, to: &str| {
        assert!(config.contains(from), "{from}");
        config.replacen(from, to, 1).into_bytes()
    };
    let bomb = {
        let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (this, last) in ('b'..='i').zip('a'..) {
            text.push_str(&format!("{this}: &{this} [{}]\n", vec![format!("*{last}"); 9].join(", ")));
        }
        text.into_bytes()
    };
    let huge = || vec![b'#'; 20 << 20];
    let deep = || "[".repeat(100_000).into_bytes();
    let rows: Vec<Row> = vec![
        ("countersign.yaml", b"".to_vec(), &["countersign.yaml"]),
        ("countersign.yaml", vec![0xff, 0xfe, 0, 1], &["countersign.yaml", "UTF-8"]),
        ("countersign.yaml", b"\0\0\0\0".to_vec(), &["countersign.yaml"]),
        ("countersign.yaml", config.as_bytes()[..config.len() / 2].to_vec(), &["countersign.yaml"]),
        ("countersign.yaml", bomb.clone(), &["countersign.yaml"]),
        ("countersign.yaml", deep(), &["countersign.yaml"]),
        ("countersign.yaml", huge(), &["countersign.yaml"]),
        ("countersign.yaml", with("data: data", "data: data\ndata: other"), &["countersign.yaml:", "data"]),
        ("countersign.yaml", with("data: data", "dada: data"), &["countersign.yaml:", "dada"]),
        ("countersign.yaml", with("127.0.0.1:0", "0.0.0.0:0"), &["countersign.yaml", "loopback", "tls"]),
        ("countersign.yaml", with("127.0.0.1:0", "localhost"), &["countersign.yaml:"]),
        ("countersign.yaml", with("[canary, time_window]", "[moon]"), &["unknown condition `moon`"]),
        ("countersign.yaml", with("https://acme.example", "not a uri"), &["countersign.yaml"]),
        ("countersign.yaml", with("uid: ", "uid: -1"), &["countersign.yaml:"]),
        ("countersign.yaml", with("agent:tester", "agent tester"), &["countersign.yaml:"]),
        ("policy.yaml", b"".to_vec(), &["policy.yaml"]),
        ("policy.yaml", b"\x7fELF\x02\xff\xff".to_vec(), &["policy.yaml", "UTF-8"]),
        ("policy.yaml", POLICY.split_inclusive("match: {kind").next().unwrap().into(), &["policy.yaml:"]),
        ("policy.yaml", POLICY.replace("decision: deny", "decision: dney").into_bytes(), &["policy.yaml:", "dney"]),
        ("policy.yaml", POLICY.replace("version: 1", "version: 1\nversion: 1").into_bytes(), &["policy.yaml:"]),
        ("policy.yaml", POLICY.replace("critical: deny", "critical: allow").into_bytes(), &["policy.yaml:"]),
        ("policy.yaml", bomb, &["policy.yaml"]),
        ("policy.yaml", deep(), &["policy.yaml"]),
        ("policy.yaml", huge(), &["policy.yaml"]),
        ("roster.yaml", b"".to_vec(), &["roster.yaml"]),
        ("roster.yaml", vec![0xff; 100], &["roster.yaml", "UTF-8"]),
        ("roster.yaml", b"version: 1\nroles: [oncall]\npeople:\n  - id: ada\n    roles: [boss]\n".to_vec(), &["roster.yaml:", "boss"]),
        ("roster.yaml", b"version: 1\nroles: [oncall]\npeople:\n  - id: ada\n    roles: [oncall]\n    keys: [ssh-ed25519 AAAA]\n".to_vec(), &["roster.yaml:"]),
        ("roster.yaml", deep(), &["roster.yaml"]),
        ("roster.yaml", huge(), &["roster.yaml"]),
    ];
    for (n, (name, bytes, words)) in rows.into_iter().enumerate() {
        let before = std::fs::read(good.path(name)).unwrap();
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        file(good.folder.path(), name, bytes);
        let ended = run(good.folder.path(), &["serve", "--check"]);
        assert_eq!(ended.code, Some(2), "{n} {name}: {start}: {ended:?}");
        for word in words {
            assert!(ended.err.contains(word), "{n} {name}: {start}: no `{word}` in {ended:?}");
        }
        assert!(ended.err.len() < 4000, "{n} {name} {start}: it says too much: {}", ended.err.len());
        file(good.folder.path(), name, before);
    }
    for name in ["countersign.yaml", "policy.yaml", "roster.yaml"] {
        let aside = good.path("aside");
        std::fs::rename(good.path(name), &aside).unwrap();
        run(good.folder.path(), &["serve", "--check"]).says(2, &[name, "cannot read"]);
        std::fs::create_dir(good.path(name)).unwrap();
        run(good.folder.path(), &["serve", "--check"]).says(2, &[name, "cannot read"]);
        std::fs::remove_dir(good.path(name)).unwrap();
        std::fs::rename(&aside, good.path(name)).unwrap();
    }
    run(good.folder.path(), &["serve", "--check"]).prints(0, &[]);
    let findings = run(good.folder.path(), &["serve", "--check", "--json"]).json();
    assert!(findings["findings"].is_array());
}

#[test]
fn keys_that_others_could_read_or_that_are_none_are_refused() {
    let service = Service::prepare(POLICY, "", "");
    let here = service.folder.path();
    let keys = service.path("data/keys");
    let issuer = keys.join("issuer.jwk");
    let mode =
        |path: &std::path::Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    mode(&issuer, 0o644);
    run(here, &["serve"]).says(1, &["issuer.jwk", "0644", "chmod 600"]);
    run(here, &["keys", "rotate"]).says(1, &["issuer.jwk", "0644", "chmod 600"]);
    mode(&issuer, 0o600);
    mode(&keys, 0o755);
    run(here, &["serve"]).says(1, &["keys", "0755", "chmod 700"]);
    run(here, &["serve", "--check"]).says(2, &["keys", "0755", "chmod 700"]);
    run(here, &["keys", "revoke", &"A".repeat(43)]).says(1, &["keys", "0755"]);
    run(here, &["keys", "bundle", "--out", "bundle"]).says(1, &["keys", "0755"]);
    run(here, &["keys", "rotate", "--root", "data/keys/root.jwk"]).says(1, &["keys", "0755"]);
    run(here, &["keys", "rotate"]).says(1, &["keys", "0755", "chmod 700"]);
    mode(&keys, 0o700);
    mode(&keys.join("root.jwk"), 0o640);
    let root = keys.join("root.jwk").display().to_string();
    run(here, &["keys", "rotate", "--root", &root]).says(1, &["root.jwk", "0640", "chmod 600"]);
    mode(&keys.join("root.jwk"), 0o600);
    run(here, &["keys", "rotate"]).prints(0, &["authority"]);
    for (name, bytes) in [
        ("issuer.jwk", b"".as_slice()),
        ("issuer.jwk", b"\xff\xfe"),
        ("issuer.jwk", &[b' '; 100_000]),
        ("issuer.cert", b"a.b.c"),
        ("issuer.cert", b"\xff"),
        ("root.public.jwk", b"{}"),
        ("root.public.jwk", b"{\"kty\":\"OKP\",\"kty\":\"OKP\"}"),
        ("state.json", b"{"),
        ("state.json", &[b'['; 100_000]),
    ] {
        let path = keys.join(name);
        let before = std::fs::read(&path).ok();
        file(&keys, name, bytes);
        mode(&path, 0o600);
        run(here, &["serve"]).says(1, &[name]);
        match before {
            Some(before) => drop(file(&keys, name, before)),
            None => std::fs::remove_file(&path).unwrap(),
        }
    }
    std::fs::rename(&issuer, service.path("aside")).unwrap();
    std::os::unix::fs::symlink(service.path("aside"), &issuer).unwrap();
    let through_a_link = run(here, &["keys", "rotate"]);
    assert!(matches!(through_a_link.code, Some(0 | 1)), "{through_a_link:?}");
    std::fs::remove_file(&issuer).unwrap();
    run(here, &["keys", "rotate"]).says(1, &["issuer.jwk"]);
    run(here, &["keys", "init"]).says(1, &["already"]);
    std::fs::remove_dir_all(&keys).unwrap();
    run(here, &["serve"]).says(1, &["keys"]);
    run(here, &["serve", "--check"]).says(2, &["keys"]);
}
