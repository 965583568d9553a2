//! The command as an auditor runs it.

use std::path::Path;
use std::process::Command;

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) document: serde_json::Value,
    pub(crate) words: String,
}

/// Runs `countersign audit …`.
pub(crate) fn audit(arguments: &[&str]) -> Ended {
    let output =
        Command::new(env!("CARGO_BIN_EXE_countersign")).arg("audit").args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        code: output.status.code().expect("it was not killed"),
        document: serde_json::from_slice(&output.stdout).unwrap_or_default(),
        words: text(&output.stdout) + &text(&output.stderr),
    }
}

/// Verifies a log; `trust` may be several files.
pub(crate) fn verify(folder: &Path, trust: &[&Path]) -> Ended {
    let mut arguments = vec!["verify", folder.to_str().unwrap(), "--json"];
    for file in trust {
        arguments.extend(["--trust", file.to_str().unwrap()]);
    }
    audit(&arguments)
}

impl Ended {
    /// The codes of the faults, with their files.
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        let faults = self.document["faults"].as_array().cloned().unwrap_or_default();
        faults.iter().map(|fault| (text(&fault["code"]), text(&fault["file"]))).collect()
    }

    /// The codes of the findings, with the places of their entries.
    pub(crate) fn findings(&self) -> Vec<(String, u64)> {
        let findings = self.document["findings"].as_array().cloned().unwrap_or_default();
        findings
            .iter()
            .filter(|finding| finding["severity"] == "finding")
            .map(|finding| (text(&finding["code"]), finding["index"].as_u64().unwrap()))
            .collect()
    }
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
