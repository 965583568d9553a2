//! Programs that install, publish and build.

use super::{Argument, Call, Options, Reader, Style, names};
use crate::classify::shell::Session;
use crate::classify::{Act, Kind, Why};

pub(super) fn reader(name: &str) -> Option<Reader> {
    Some(match name {
        "apt" | "apt-get" | "yum" | "dnf" | "apk" | "zypper" | "pacman" | "dpkg" | "rpm" | "brew"
        | "snap" | "flatpak" | "port" | "emerge" | "aptitude" | "apt-key" | "add-apt-repository"
        | "nix-env" => system,
        "pip" | "pip3" | "pipx" | "npm" | "pnpm" | "yarn" | "gem" | "composer" | "cargo" | "go"
        | "poetry-core" | "conda" | "twine" | "mvn" | "gradle" | "dotnet" | "nuget" | "rustup"
        | "corepack" | "nvm" => library,
        "npx" | "pnpx" | "bunx" | "uvx" => fetched,
        _ => return None,
    })
}

/// Packages of the system: installing one runs its scripts as root, so that it is an administrator's act.
fn system(session: &mut Session, call: &Call<'_>) {
    let options =
        Options::new(call.arguments, &["-o", "-c", "-t", "--root", "--target-release"], Style::Mixed);
    let (verb, packages) = options.verb();
    if options.value(&["-o"]).is_some() {
        session.doubt(Why::Dynamic, &format!("{} -o", call.name));
    }
    let query = match call.name {
        "rpm" => {
            options.has_exactly(&["-q", "--query", "-V"])
                && !options.has(&["-i", "-e", "-U", "-F", "--erase", "--install"])
        }
        "dpkg" => {
            options.has_exactly(&["-l", "-L", "-s", "-S", "--list"])
                && !options.has(&["-i", "-r", "-P", "--purge"])
        }
        "pacman" => options.has_exactly(&["-Q", "-F"]),
        "add-apt-repository" | "apt-key" => false,
        _ => matches!(
            verb,
            "list"
                | "search"
                | "show"
                | "info"
                | "policy"
                | "depends"
                | "rdepends"
                | "check-update"
                | "repolist"
                | "changelog"
                | "outdated"
                | "deps"
                | "leaves"
                | "provides"
                | "history"
                | ""
        ),
    };
    let kind = if query { Kind::Read } else { Kind::Admin };
    let targets =
        if matches!(call.name, "rpm" | "dpkg" | "pacman") { options.names() } else { names(&packages) };
    let verb = if matches!(call.name, "rpm" | "dpkg" | "pacman") { "" } else { verb };
    session.act(Act { targets, ..Act::new(format!("{} {verb}", call.name).trim(), kind) });
}

/// What a verb of a language's package manager does.
enum Verb {
    Look,
    /// Fetches code of others, which may run when it is installed.
    Fetch,
    Publish,
    Unpublish,
    Remove,
    /// Who may publish.
    Permit,
    /// Runs what a file of the project says.
    Project,
}

fn verb_of(program: &str, verb: &str) -> Option<Verb> {
    Some(match verb {
        "list" | "ls" | "ll" | "show" | "view" | "info" | "search" | "outdated" | "freeze" | "audit"
        | "why" | "tree" | "metadata" | "version" | "--version" | "-v" | "-V" | "help" | "check" | "fmt"
        | "vet" | "env" | "root" | "bin" | "prefix" | "whoami" | "doctor" | "ping" | "fund" | "explain"
        | "docs" | "doc" | "cache" | "licenses" => Verb::Look,
        "install" | "add" | "i" | "ci" | "update" | "upgrade" | "up" | "get" | "download" | "fetch"
        | "require" | "sync" | "mod" | "create" | "restore" | "generate-lockfile" | "vendor"
        | "toolchain" | "dlx" | "exec" | "x" => Verb::Fetch,
        "deploy" if matches!(program, "yarn" | "npm" | "pnpm") => return None,
        "publish" | "push" | "deploy" | "upload" | "dist-tag" => Verb::Publish,
        "unpublish" | "yank" | "deprecate" => Verb::Unpublish,
        "uninstall" | "remove" | "rm" | "un" | "clean" | "prune" | "autoremove" => Verb::Remove,
        "owner" | "access" | "token" | "login" | "logout" | "adduser" | "team" | "org" | "profile"
        | "signin" | "config" | "set" => Verb::Permit,
        "run" | "test" | "build" | "start" | "stop" | "restart" | "t" | "run-script" | "bench" | "clippy"
        | "generate" | "package" | "verify" | "compile" | "pack" | "rebuild" | "nextest" => Verb::Project,
        "" if program == "yarn" => Verb::Fetch,
        "" => Verb::Look,
        _ => return None,
    })
}

fn library(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-r",
        "-i",
        "-C",
        "-e",
        "-p",
        "--registry",
        "--index",
        "--index-url",
        "--prefix",
        "--token",
        "--manifest-path",
        "--requirement",
    ];
    let arguments: Vec<Argument> =
        call.arguments.iter().filter(|argument| !argument.text.starts_with('+')).cloned().collect();
    let options = Options::new(&arguments, &valued, Style::Mixed);
    let (verb, rest) = options.verb();
    let places = options.values(&["-C", "--prefix", "--registry", "--index", "--index-url", "-i"]);
    let what = format!("{} {verb}", call.name);
    let what = what.trim();
    let dry = options.has_exactly(&["--dry-run"]);
    let act = |kind| Act { targets: names(&rest), places: places.clone(), ..Act::new(what, kind) };
    match verb_of(call.name, verb) {
        Some(Verb::Look) => session.act(act(Kind::Read)),
        Some(Verb::Fetch) => session.act(act(Kind::ExternalCall)),
        Some(Verb::Publish) if dry => session.act(act(Kind::Read)),
        Some(Verb::Publish) => session.act(Act { irreversible: true, ..act(Kind::ExternalCall) }),
        Some(Verb::Unpublish) => session.act(Act { irreversible: true, ..act(Kind::Delete) }),
        Some(Verb::Remove) => session.act(act(Kind::Delete)),
        Some(Verb::Permit) => session.act(act(Kind::Admin)),
        Some(Verb::Project) => {
            session.act(act(Kind::Unknown));
            session.doubt(
                Why::Foreign,
                &std::iter::once(what.to_owned()).chain(names(&rest)).collect::<Vec<_>>().join(" "),
            );
        }
        // `yarn deploy`: a script of the project.
        None => {
            session.act(act(Kind::Unknown));
            session.doubt(Why::Unfamiliar, what);
        }
    }
}

/// Fetches a program of others and runs it.
fn fetched(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, &["-p", "-c", "--package", "--call", "--from"], Style::First);
    let (program, _) = options.verb();
    session.act(Act { targets: vec![program.to_owned()], ..Act::new(call.name, Kind::ExternalCall) });
    session.doubt(Why::Foreign, &format!("{} {program}", call.name));
    if let Some(text) = options.value(&["-c", "--call"]) {
        session.script(&text, call.input);
    }
}
