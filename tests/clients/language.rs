//! The two languages: where their programs are, and whether this machine can run them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A language in which there are an agent and an executor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Language {
    Python,
    TypeScript,
}

impl Language {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::TypeScript => "typescript",
        }
    }

    /// A program of this language: `agent`, `executor`, `stock` or `vectors`. `None`, and a word about it, where the
    /// language is not installed; in CI that is a failure.
    pub(crate) fn program(self, program: &str) -> Option<Vec<String>> {
        let folder = examples().join(self.name());
        let (interpreter, file) = match self {
            Self::Python => (python()?, folder.join(format!("{program}.py"))),
            Self::TypeScript => (node()?, folder.join(format!("dist/{program}.js"))),
        };
        Some([interpreter, file].iter().map(|part| part.to_str().unwrap().to_owned()).collect())
    }
}

pub(crate) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn python() -> Option<PathBuf> {
    let beside = || examples().join("python/.venv/bin/python");
    let python = std::env::var_os("COUNTERSIGN_PYTHON").map_or_else(beside, PathBuf::from);
    let imports = "import cryptography, grpc, grpc_tools, jwt";
    let found = Command::new(&python).args(["-c", imports]).output().is_ok_and(|done| done.status.success());
    installed(found, "COUNTERSIGN_PYTHON, or examples/python/.venv with requirements.txt").then_some(python)
}

fn node() -> Option<PathBuf> {
    static BUILT: OnceLock<bool> = OnceLock::new();
    let folder = examples().join("typescript");
    let compiler = folder.join("node_modules/typescript/bin/tsc");
    let found = *BUILT.get_or_init(|| {
        let here = compiler.is_file() && Command::new("node").arg("--version").output().is_ok();
        if here {
            // Strict, so this is a test too.
            let built = Command::new("node").arg(&compiler).current_dir(&folder).output().unwrap();
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stdout));
        }
        here
    });
    installed(found, "node, and `npm ci` in examples/typescript").then(|| PathBuf::from("node"))
}

fn installed(found: bool, what: &str) -> bool {
    assert!(found || std::env::var_os("CI").is_none(), "missing: {what}");
    if !found {
        eprintln!("not run, because there is no {what}");
    }
    found
}

fn vectors(language: Language) {
    let Some(program) = language.program("vectors") else { return };
    let done = Command::new(&program[0]).args(&program[1..]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    print!("{}: {said}", language.name());
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    // More than three hundred of ours for tokens, a hundred for operations.
    let passed = said.lines().last().and_then(|line| line.split(' ').next()).and_then(|n| n.parse().ok());
    assert!(passed >= Some(400), "{said}");
}

#[test]
fn every_vector_gives_its_code_in_python() {
    vectors(Language::Python);
}

#[test]
fn every_vector_gives_its_code_in_typescript() {
    vectors(Language::TypeScript);
}
