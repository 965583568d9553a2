//! Asking for help, and mistyping.

use crate::process::{file, run, run_with};
use crate::support::{POLICY, Service};
use std::process::Command;

const COMMANDS: &[&[&str]] = &[
    &["demo"],
    &["init"],
    &["install"],
    &["serve"],
    &["desk"],
    &["probe"],
    &["doctor"],
    &["inject"],
    &["wait"],
    &["config"],
    &["config", "check"],
    &["config", "show"],
    &["authorize"],
    &["exec"],
    &["verify"],
    &["review"],
    &["review", "sign-in"],
    &["review", "sign-out"],
    &["review", "whoami"],
    &["review", "list"],
    &["review", "watch"],
    &["review", "show"],
    &["review", "approve"],
    &["review", "deny"],
    &["policy"],
    &["policy", "check"],
    &["policy", "test"],
    &["policy", "explain"],
    &["policy", "preview"],
    &["policy", "schema"],
    &["policy", "status"],
    &["policy", "reload"],
    &["stats"],
    &["incident"],
    &["incident", "report"],
    &["suspend"],
    &["resume"],
    &["suspensions"],
    &["channels"],
    &["channels", "list"],
    &["channels", "test"],
    &["channels", "dead"],
    &["channels", "late"],
    &["channels", "keys"],
    &["keys"],
    &["keys", "init"],
    &["keys", "import"],
    &["keys", "list"],
    &["keys", "root"],
    &["keys", "rotate"],
    &["keys", "rotate-log"],
    &["keys", "certify-executor"],
    &["audit", "receipts"],
    &["audit", "erase"],
    &["audit", "receipts", "add"],
    &["keys", "revoke"],
    &["keys", "bundle"],
    &["keys", "jwks"],
    &["keys", "revocations"],
];

#[test]
fn every_command_explains_itself_and_knows_its_options() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["--version"]).prints(0, &["countersign "]);
    run(folder.path(), &["--help"]).prints(0, &["Exit codes", "120 denied", "exec", "review"]);
    run::<&str>(folder.path(), &[]).says(2, &["Usage: countersign"]);
    for command in COMMANDS {
        let with = |more: &[&'static str]| -> Vec<&str> { command.iter().chain(more).copied().collect() };
        let help = run(folder.path(), &with(&["--help"]));
        help.prints(0, &["Usage: countersign "]);
        assert!(
            help.out.lines().next().is_some_and(|line| line.len() > 20),
            "{command:?} says little: {help:?}"
        );
        run(folder.path(), &with(&["--nonsense"])).says(2, &["--nonsense"]);
    }
    run(folder.path(), &["review"]).says(2, &["Usage: countersign review"]);
    run(folder.path(), &["autorize"]).says(2, &["autorize", "authorize"]);
    run(folder.path(), &["authorize", "--action", "a.b"]).says(2, &["--resource", "--executor"]);
    run(folder.path(), &["exec", "--executor", "e"]).says(2, &["required"]);
}

#[test]
fn what_makes_no_sense_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let authorize = |more: &[&'static str]| -> Vec<&str> {
        ["authorize", "--action", "a.b", "--resource", "r", "--executor", "e"]
            .iter()
            .chain(more)
            .copied()
            .collect()
    };
    let rows: &[(Vec<&str>, i32, &[&str])] = &[
        (authorize(&["--parameters", "{}", "--target", "somewhere"]), 2, &["`somewhere`", "unix:PATH"]),
        (authorize(&["--parameters", "{}", "--target", "unix:"]), 2, &["`unix:`"]),
        (authorize(&["--parameters", "{}", "--target", "http://"]), 2, &["target"]),
        (
            authorize(&["--parameters", "{}", "--target", "unix:/nowhere/agent.sock"]),
            122,
            &["does not answer", "countersign serve"],
        ),
        (authorize(&["--parameters", "@missing.json"]), 2, &["`missing.json`"]),
        (authorize(&["--payload", "missing.bin"]), 2, &["`missing.bin`"]),
        (authorize(&["--parameters", "{}", "--token-file", "missing"]), 2, &["`missing`"]),
        (authorize(&["--parameters", "{}", "--affected-rows", "1e9"]), 2, &["1e9"]),
        (vec!["review", "list", "--limit", "0"], 2, &["1..=500"]),
        (vec!["review", "list", "--status", "open"], 2, &["open", "pending, approved"]),
        (vec!["review", "list", "--level", "huge"], 2, &["huge", "low, medium, high, critical"]),
        (vec!["review", "list", "--order", "random"], 2, &["newest, oldest, urgent"]),
        (vec!["review", "list", "--since", "yesterday"], 2, &["yesterday", "2h"]),
        (vec!["review", "list", "--all", "--status", "denied"], 2, &["--all"]),
        (vec!["review", "list", "--desk", "unix:/nowhere"], 122, &["does not answer"]),
        (vec!["review", "watch", "--desk", "unix:/nowhere"], 122, &["does not answer"]),
        (vec!["review", "sign-in", "--as", "a da", "--key", "missing"], 2, &["`--as a da`"]),
        (vec!["review", "sign-in", "--as", "ada", "--key", "missing"], 2, &["`missing`"]),
        (vec!["init", "new", "--trust-domain", "not a uri"], 2, &["`--trust-domain not a uri`"]),
        (vec!["init", "new", "--reviewer", "ada"], 2, &["`--reviewer ada`", "PERSON=FILE"]),
        (vec!["init", "new", "--reviewer", "ada=missing.pub"], 2, &["`missing.pub`"]),
        (vec!["init", "missing/new"], 1, &["`missing/new`"]),
        (vec!["init", "new", "--console", "0.0.0.0:80"], 2, &["`--console 0.0.0.0:80`"]),
    ];
    for (arguments, code, words) in rows {
        let ended = run(here, arguments);
        ended.says(*code, words);
        assert!(ended.err.starts_with("error: "), "{ended:?}");
    }
    file(here, "token", "line\nline");
    run(here, &authorize(&["--parameters", "{}", "--token-file", "token"])).says(2, &["bearer token"]);
    run(here, &["init", "."]).says(1, &["`.`"]);
    assert!(!here.join("new").exists(), "nothing was left half made");
}

#[test]
fn init_makes_what_serve_takes() {
    let folder = tempfile::tempdir().unwrap();
    let document = run(folder.path(), &["init", "house", "--json"]).prints(0, &[]).json();
    assert!(document["root"].as_str().unwrap().ends_with("root.public.jwk"));
    run(folder.path(), &["serve", "--check", "--config", "house/countersign.yaml"]).prints(0, &[]);
    run(folder.path(), &["init", "house"]).says(1, &["`house`", "exists"]);
}

#[test]
fn colours_are_for_terminals_and_for_those_who_want_them() {
    let service = Service::prepare(POLICY, "", "");
    let here = service.folder.path();
    let list = ["keys", "list"];
    assert!(!run(here, &list).prints(0, &["issuer"]).out.contains('\u{1b}'));
    // Standard input is a file, and `script` makes the rest a terminal.
    let on_a_terminal = |variables: &[(&str, &str)], arguments: &str| {
        let program = format!("{} {arguments}", crate::process::PROGRAM);
        let mut script = Command::new("script");
        script.args(["-qec", &program, "/dev/null"]).current_dir(here).env_remove("NO_COLOR");
        let output = script.envs(variables.iter().copied()).stdin(std::process::Stdio::null()).output();
        String::from_utf8(output.expect("`script` is there").stdout).unwrap()
    };
    assert!(on_a_terminal(&[], "keys list").contains("\u{1b}[32mvalid"));
    assert!(on_a_terminal(&[("NO_COLOR", "")], "keys list").contains('\u{1b}'));
    assert!(!on_a_terminal(&[("NO_COLOR", "1")], "keys list").contains('\u{1b}'));
    assert!(!on_a_terminal(&[], "keys list --json").contains('\u{1b}'));
    assert!(on_a_terminal(&[], "keys list --config missing").contains("\u{1b}[31merror:"));
    assert!(!on_a_terminal(&[("NO_COLOR", "1")], "keys list --config missing").contains('\u{1b}'));
    let ended = run_with(here, &list, b"", &[("COUNTERSIGN_CONFIG", "\u{1b}[31m")]);
    assert!(!ended.err.contains('\u{1b}'), "{ended:?}");
}

#[test]
fn the_demo_goes_as_it_must() {
    let folder = tempfile::tempdir().unwrap();
    let document = run(folder.path(), &["demo", "--json"]).prints(0, &[]).json();
    assert_eq!(document["ok"], true);
    assert!(document["steps"].as_array().unwrap().len() >= 5);
}
