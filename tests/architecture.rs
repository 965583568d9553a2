//! The import map of the house: who may name whom, and what only some may touch.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests say what they expect"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The layers, lowest first. A module names modules of lower layers, and of its own only where `MAP` says so.
const WORDS: &[&str] = &[
    "audit",
    "classify",
    "condition",
    "decision",
    "digest",
    "escalation",
    "moment",
    "names",
    "notice",
    "operation",
    "party",
    "policy",
    "presence",
    "reviewer",
    "risk",
    "suspension",
    "tlog",
    "token",
];
const PROMISES: &[&str] = &[
    "ceiling", "clock", "cluster", "entropy", "exchange", "files", "health", "journal", "metrics", "notify",
    "replay", "signer", "store", "tls", "witness",
];
const STORY: &[&str] = &["desk", "sidecar"];

/// Each module of `src/`, and what it may import. `words`, `promises` and `story` stand for their layers.
const MAP: &[(&str, &[&str])] = &[
    // The words.
    ("moment", &[]),
    ("names", &[]),
    ("digest", &[]),
    ("party", &["digest"]),
    ("operation", &["digest", "moment", "party"]),
    ("condition", &["digest", "moment", "operation"]),
    ("token", &["condition", "digest", "moment", "operation", "party", "tlog"]),
    // What other people's log tools read. A log's key is an Ed25519 key as any other here.
    ("tlog", &["digest", "moment", "token"]),
    // Checking a signature made by a person's key is pure; what asks a person for one is not here.
    // The client data of a passkey is JSON from a stranger, so `operation::json` reads it, and a provider's tokens.
    ("presence", &["digest", "moment", "operation", "party"]),
    // What a payload does; the risk model weighs it.
    ("classify", &["names", "operation"]),
    ("risk", &["classify", "digest", "moment", "names", "operation", "party"]),
    // What people are told, and that they were.
    ("notice", &["digest", "escalation", "moment", "names", "party", "reviewer", "risk"]),
    // Who may not act for now, whatever else is said.
    ("suspension", &["moment", "party", "risk"]),
    (
        "reviewer",
        &["condition", "digest", "escalation", "moment", "party", "policy", "presence", "risk", "token"],
    ),
    (
        "escalation",
        &["condition", "digest", "moment", "operation", "party", "presence", "reviewer", "risk", "token"],
    ),
    (
        "policy",
        &[
            "classify",
            "condition",
            "digest",
            "escalation",
            "moment",
            "operation",
            "party",
            "reviewer",
            "risk",
            "token",
        ],
    ),
    (
        "decision",
        &[
            "condition",
            "digest",
            "escalation",
            "moment",
            "operation",
            "party",
            "policy",
            "reviewer",
            "risk",
            "token",
        ],
    ),
    (
        "audit",
        &[
            "condition",
            "decision",
            "digest",
            "escalation",
            "moment",
            "names",
            "notice",
            "operation",
            "party",
            "policy",
            "presence",
            "reviewer",
            "risk",
            "suspension",
            "tlog",
            "token",
        ],
    ),
    // The promises. The journal is what the store and the durable replay guard are both kept on.
    // What the kernel lets a process have.
    ("ceiling", &[]),
    ("clock", &["moment"]),
    ("cluster", &["moment"]),
    ("entropy", &[]),
    ("files", &[]),
    ("health", &[]),
    ("journal", &[]),
    // It counts what words tell it.
    ("metrics", &["words"]),
    // One adapter for each channel: none knows another, and none knows why it sends what.
    ("notify", &["words", "clock", "entropy", "files"]),
    // A provider's token endpoint is asked over HTTP, as channels are.
    ("exchange", &["operation", "notify"]),
    ("replay", &["digest", "journal", "moment", "operation", "party", "token"]),
    ("signer", &["digest", "entropy", "files", "moment", "operation", "party", "token"]),
    ("store", &["words", "clock", "entropy", "files", "journal"]),
    ("tls", &["digest", "files", "moment"]),
    ("witness", &["clock", "digest", "entropy", "files", "moment", "signer", "tlog", "token"]),
    // The story.
    ("desk", &["words", "promises"]),
    ("sidecar", &["words", "promises", "desk"]),
    // The surfaces.
    ("proto", &[]),
    ("config", &["words"]),
    ("client", &["words", "proto"]),
    ("executor", &["words"]),
    ("grpc", &["words", "story", "ceiling", "clock", "health", "metrics", "store", "tls", "proto"]),
    // A sidecar's way to a desk that is elsewhere.
    ("link", &["words", "story", "clock", "entropy", "files", "signer", "store", "witness", "proto"]),
    ("console", &["words", "story", "clock", "entropy", "metrics", "store"]),
    ("inject", &["words", "clock", "cluster", "entropy", "files", "metrics"]),
    ("telemetry", &["health", "metrics"]),
    // The only file that names concrete adapters; and the command, which stands on all of it.
    ("serve", &["words", "promises", "story", "config", "console", "grpc", "link", "telemetry"]),
    ("cli", &["words", "promises", "config", "client", "executor", "inject", "serve", "telemetry"]),
];

/// What may be named only below these modules.
const FENCES: &[(&str, &[&str])] = &[
    ("sled::", &["store"]),
    ("tokio_postgres", &["store"]),
    ("deadpool_postgres", &["store"]),
    ("prost::", &["grpc", "client", "proto"]),
    ("tonic::", &["grpc", "client", "link", "proto", "serve"]),
    ("opentelemetry::", &["grpc", "telemetry"]),
    ("opentelemetry_otlp::", &["telemetry"]),
    ("prometheus_client::", &["metrics"]),
    ("serde_saphyr", &["classify", "config", "policy", "reviewer", "executor", "cli"]),
    ("rand::", &["entropy"]),
    ("use ring::", &["desk", "notify", "presence"]),
    ("askama", &["console"]),
    ("axum::", &["console", "inject", "serve"]),
    ("lettre::", &["notify"]),
    ("reqwest::", &["cluster", "notify"]),
    ("SystemTime::now", &["clock", "cli"]),
];

/// What no word may name: they are pure and synchronous.
const NOT_IN_WORDS: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::time",
    "std::thread",
    "tokio",
    "async fn",
    "rand::",
    "sled::",
];

struct Source {
    module: String,
    path: PathBuf,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(&root).unwrap();
                let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
                let module = first.trim_end_matches(".rs").to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                found.push(Source { module, path: relative.into(), text });
            }
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// The code of a file without comments and without its own unit tests.
fn code(text: &str) -> String {
    let until =
        text.find("#[cfg(test)]").filter(|at| text[*at..].contains("mod tests {")).unwrap_or(text.len());
    let lines = text[..until].lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The modules that a piece of code names after `crate::`, also inside braces.
fn imports(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let preceded = code[..at].chars().next_back();
        if preceded.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut word = String::new();
            let mut at_start = true;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 1 && at_start && (c.is_alphanumeric() || c == '_') {
                    word.push(c);
                } else if !word.is_empty() {
                    named.insert(std::mem::take(&mut word));
                    at_start = false;
                }
                if depth == 1 && c == ',' {
                    at_start = true;
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            named.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    named
}

#[test]
fn every_module_has_a_row_and_imports_only_what_its_row_allows() {
    let map: BTreeMap<&str, &[&str]> = MAP.iter().copied().collect();
    let mut wrong = Vec::new();
    for Source { module, path, text } in sources() {
        if module == "lib" || module == "main" {
            continue;
        }
        let Some(row) = map.get(module.as_str()) else {
            wrong.push(format!("{}: module `{module}` has no row in the import map", path.display()));
            continue;
        };
        let mut allowed: BTreeSet<&str> = row.iter().copied().collect();
        for (layer, members) in [("words", WORDS), ("promises", PROMISES), ("story", STORY)] {
            if allowed.remove(layer) {
                allowed.extend(members);
            }
        }
        for import in imports(&code(&text)) {
            if import != module && map.contains_key(import.as_str()) && !allowed.contains(import.as_str()) {
                wrong.push(format!("{}: `{module}` may not import `{import}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_word_never_imports_what_stands_above_it() {
    for (module, row) in MAP.iter().filter(|(module, _)| WORDS.contains(module)) {
        for import in *row {
            assert!(WORDS.contains(import), "the word `{module}` imports `{import}`");
        }
    }
}

#[test]
fn words_do_no_io_and_what_is_fenced_stays_in_its_fence() {
    let mut wrong = Vec::new();
    for Source { module, path, text } in sources() {
        let code = code(&text);
        for (name, fence) in FENCES {
            if code.contains(name) && !fence.contains(&module.as_str()) {
                wrong.push(format!("{}: `{name}` is for {fence:?} only", path.display()));
            }
        }
        if WORDS.contains(&module.as_str()) {
            for name in NOT_IN_WORDS {
                if code.contains(name) {
                    wrong.push(format!("{}: a word names `{name}`", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_one_sentence_on_what_it_is() {
    for Source { path, text, .. } in sources() {
        assert!(text.starts_with("//! "), "{} does not say what it is", path.display());
    }
}

#[test]
fn the_map_test_would_notice_a_forbidden_import() {
    let named = imports("use crate::{store::Store, token::{Claims, verify}};\nlet x = crate::clock::now();");
    assert_eq!(named.into_iter().collect::<Vec<_>>(), ["clock", "store", "token"]);
}

/// What an executor links for `verify`: at most 30 crates, and no runtime (DESIGN: "The house").
#[test]
fn the_verify_rung_keeps_its_budget() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--no-default-features", "--features", "verify", "-e", "normal", "--prefix", "none"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| *name != "countersign")
        .collect();
    assert!(crates.contains("ed25519-dalek"), "{crates:?}");
    assert!(crates.len() <= 30, "{} crates: {crates:?}", crates.len());
    assert!(!crates.contains("tokio") && !crates.contains("serde"), "{crates:?}");
}
