//! git: what it changes here and elsewhere.

use super::{Argument, Call, Options, Style, names};
use crate::classify::shell::{Session, Stream};
use crate::classify::{Act, Extent, Kind, Why};

/// Settings that make git run a program.
const RUNS: &[&str] = &[
    "alias.",
    "core.sshcommand",
    "core.pager",
    "core.editor",
    "core.fsmonitor",
    "core.hookspath",
    "core.askpass",
    "core.gitproxy",
    "credential.",
    "diff.external",
    "sequence.editor",
    "gpg.program",
    "gpg.ssh.program",
    "uploadpack.",
    "receive.",
    "pager.",
    "filter.",
    "merge.",
    "diff.",
    "protocol.ext",
    "remote.",
    "url.",
    "include.",
    "interactive.difffilter",
    "trailer.",
    "browser.",
    "man.",
    "submodule.",
    "web.browser",
];

pub(super) fn git(session: &mut Session, call: &Call<'_>) {
    let valued = ["-c", "-C", "--git-dir", "--work-tree", "--exec-path", "--namespace", "--config-env"];
    let options = Options::new(call.arguments, &valued, Style::First);
    for setting in options.values(&["-c", "--config-env"]) {
        let (name, value) = setting.split_once('=').unwrap_or((&setting, ""));
        let name = name.to_ascii_lowercase();
        if RUNS.iter().any(|known| name.starts_with(known)) {
            session.doubt(Why::Dynamic, &setting);
            if let Some(command) = value.strip_prefix('!') {
                session.script(command, &Stream::default());
            } else if name.ends_with("command") || name.ends_with("pager") || name.ends_with("editor") {
                session.script(value, &Stream::default());
            }
        }
    }
    if options.value(&["--exec-path"]).is_some() {
        session.doubt(Why::Dynamic, "git --exec-path");
    }
    let places = options.values(&["-C", "--git-dir", "--work-tree"]);
    let (verb, rest) = options.verb();
    let rest: Vec<Argument> = rest.into_iter().cloned().collect();
    session.at(places, |session| subcommand(session, call, verb, &rest));
}

fn subcommand(session: &mut Session, call: &Call<'_>, verb: &str, rest: &[Argument]) {
    let valued = [
        "-m",
        "-b",
        "-B",
        "-c",
        "-C",
        "-F",
        "-t",
        "-n",
        "-u",
        "-x",
        "-s",
        "-S",
        "-G",
        "-L",
        "-o",
        "--message",
        "--author",
        "--date",
        "--format",
        "--pretty",
        "--since",
        "--until",
        "--onto",
        "--exec",
        "--upload-pack",
        "--receive-pack",
        "--depth",
        "--branch",
        "--file",
        "--tree-filter",
        "--index-filter",
        "--msg-filter",
        "--env-filter",
        "--commit-filter",
        "--push-option",
        "--repo",
        "--origin",
        "--template",
        "--config",
        "--pathspec-from-file",
        "--extcmd",
        "-e",
    ];
    // `-n`, `-x`, `-f` and others are flags of some subcommands.
    let flags: &[&str] = match verb {
        "clean" => &["-n", "-x", "-m", "-s", "-e"],
        "push" => &["-n", "-u", "-x", "-m", "-s", "-c", "-C", "-t", "-b", "-B"],
        "commit" => &["-n", "-s", "-u", "-e", "-b", "-x", "-o", "-B", "-S", "-G", "-L"],
        "branch" | "tag" | "rm" | "merge" | "pull" | "fetch" => {
            &["-n", "-c", "-C", "-u", "-t", "-b", "-B", "-x", "-s", "-e"]
        }
        "add" | "log" | "show" | "diff" => {
            &["-u", "-n", "-m", "-b", "-c", "-s", "-t", "-e", "-x", "-C", "-B"]
        }
        "rebase" | "cherry-pick" | "revert" => &["-n", "-m", "-e", "-s", "-u", "-t", "-b", "-c", "-C", "-B"],
        "grep" => &["-n", "-c", "-s", "-o", "-x", "-F", "-L", "-G", "-u"],
        "status" | "blame" | "ls-files" | "checkout" | "switch" | "restore" | "reset" | "stash" | "clone" => {
            &["-m", "-n", "-u", "-s", "-t", "-S", "-e", "-L", "-x", "-o", "-c", "-C", "-F", "-B"]
        }
        _ => &[],
    };
    let keeps_value = |flag: &&str| {
        !flags.contains(flag) || (matches!(verb, "checkout" | "clone") && matches!(*flag, "-b"))
    };
    let valued: Vec<&str> = valued.iter().copied().filter(keeps_value).collect();
    let options = Options::new(rest, &valued, Style::Mixed);
    // Options that name a program to run.
    for program in options.values(&[
        "--upload-pack",
        "--receive-pack",
        "--exec",
        "--extcmd",
        "-x",
        "--tree-filter",
        "--index-filter",
        "--msg-filter",
        "--env-filter",
        "--commit-filter",
    ]) {
        session.doubt(Why::Dynamic, &format!("git {verb} {program}"));
        session.script(&program, &Stream::default());
    }
    // A pager of `grep`, and files that output is written to.
    if verb == "grep"
        && (options.has(&["--open-files-in-pager"]) || rest.iter().any(|word| word.text.starts_with("-O")))
    {
        session.doubt(Why::Dynamic, "git grep -O");
    }
    for file in options.values(&["--output", "-o"]) {
        let kind = super::path::kind_of_change(&file, Kind::Update);
        session.act(Act { targets: vec![file], ..Act::new(format!("git {verb} --output"), kind) });
    }
    let what = format!("git {verb}");
    let targets = options.names();
    let act = |kind| Act { targets: targets.clone(), ..Act::new(what.trim(), kind) };
    match verb {
        "push" => push(session, &options),
        "status" | "log" | "diff" | "show" | "blame" | "describe" | "shortlog" | "rev-parse" | "rev-list"
        | "ls-files" | "ls-tree" | "cat-file" | "grep" | "help" | "version" | "whatchanged"
        | "merge-base" | "name-rev" | "for-each-ref" | "show-ref" | "count-objects" | "fsck" | "annotate"
        | "cherry" | "range-diff" | "var" | "check-ignore" | "diff-tree" | "verify-commit" | "verify-tag"
        | "--version" | "format-patch" | "archive" | "show-branch" | "" => session.act(act(Kind::Read)),
        "fetch" | "clone" | "ls-remote" | "pull" | "request-pull" | "send-email" => {
            for url in targets.iter().filter(|target| target.starts_with("ext::")) {
                session.doubt(Why::Dynamic, url);
                session.script(url.trim_start_matches("ext::"), &Stream::default());
            }
            session.act(act(Kind::ExternalCall));
        }
        "submodule" | "lfs" | "svn" | "remote" | "worktree" | "bisect" | "notes" | "stash" | "reflog"
        | "config" | "branch" | "tag" => {
            nouns(session, call, verb, &options);
        }
        "reset" if options.has(&["--hard", "--merge", "--keep"]) => {
            session.act(Act {
                extent: Extent::Everything,
                irreversible: true,
                ..Act { what: "git reset --hard".to_owned(), ..act(Kind::Delete) }
            });
        }
        "clean" => {
            let dry = options.has_exactly(&["-n", "--dry-run"]);
            let letters: String = ['f', 'd', 'x', 'X']
                .into_iter()
                .filter(|letter| options.has(&[format!("-{letter}").as_str()]))
                .collect();
            let (kind, extent) =
                if dry { (Kind::Read, Extent::Unstated) } else { (Kind::Delete, Extent::Everything) };
            let what = if letters.is_empty() { what.clone() } else { format!("{what} -{letters}") };
            session.act(Act { what, extent, irreversible: !dry, ..act(kind) });
        }
        "checkout" | "restore" | "switch" => {
            // Throws away what was changed in files, unless it only goes to a branch.
            let paths = rest.iter().any(|argument| argument.text == "--")
                || targets.iter().any(|target| matches!(target.as_str(), "." | "*" | ":/"));
            let discards = paths || verb == "restore" || options.has(&["-f", "--force", "--discard-changes"]);
            let staged = options.has_exactly(&["--staged"]) && !options.has(&["--worktree", "-W"]);
            let gone = discards && !staged;
            let extent = match super::extent(&options.operands) {
                _ if !gone => Extent::Unstated,
                // `checkout -f` throws all of it away.
                Extent::Unstated => Extent::Everything,
                extent @ (Extent::Counted(_) | Extent::Everything) => extent,
            };
            session.act(Act {
                extent,
                irreversible: gone,
                ..act(if gone { Kind::Delete } else { Kind::Update })
            });
        }
        "filter-branch" | "filter-repo" => {
            session.act(Act { extent: Extent::Everything, irreversible: true, ..act(Kind::Delete) });
        }
        "gc" | "prune" | "repack" | "maintenance" => {
            let prunes = verb == "prune" || options.has(&["--prune"]);
            session
                .act(Act { irreversible: prunes, ..act(if prunes { Kind::Delete } else { Kind::Update }) });
        }
        "update-ref" | "replace" | "symbolic-ref" => {
            let gone = options.has(&["-d", "--delete"]);
            session.act(Act { irreversible: gone, ..act(if gone { Kind::Delete } else { Kind::Update }) });
        }
        "rm" => session.act(Act { extent: super::extent(&options.operands), ..act(Kind::Delete) }),
        "add" | "commit" | "init" | "mv" | "stage" => {
            let amends = options.has(&["--amend"]);
            let what = if amends { "git commit --amend".to_owned() } else { what.clone() };
            session.act(Act { what, ..act(if amends { Kind::Update } else { Kind::Write }) });
        }
        "merge" | "rebase" | "cherry-pick" | "revert" | "reset" | "am" | "apply" | "read-tree"
        | "update-index" | "checkout-index" => session.act(act(Kind::Update)),
        "daemon" | "credential" | "upload-pack" | "receive-pack" | "shell" => session.act(act(Kind::Admin)),
        _ => {
            // An alias may be anything.
            session.act(act(Kind::Unknown));
            session.doubt(Why::Unfamiliar, &what);
        }
    }
}

/// Branches that others build on.
fn is_shared(branch: &str) -> bool {
    let name = branch.rsplit(':').next().unwrap_or(branch).trim_start_matches('+');
    let name = name.strip_prefix("refs/heads/").unwrap_or(name);
    matches!(name, "main" | "master" | "trunk" | "develop" | "production" | "prod" | "staging" | "stable")
        || name.starts_with("release")
        || name.starts_with("hotfix")
}

fn push(session: &mut Session, options: &Options<'_>) {
    let (remote, rest) = options.verb();
    let refs = names(&rest);
    if let Some(command) = remote.strip_prefix("ext::") {
        session.doubt(Why::Dynamic, remote);
        session.script(command, &Stream::default());
    }
    let places: Vec<String> =
        Some(remote.to_owned()).filter(|remote| !remote.is_empty()).into_iter().collect();
    let dry = options.has_exactly(&["-n", "--dry-run"]);
    let lease = options.has(&["--force-with-lease"]);
    let force = options.has_exactly(&["-f"])
        || options.has(&["--force"])
        || lease
        || refs.iter().any(|name| name.starts_with('+'));
    let mirror = options.has(&["--mirror", "--prune"]);
    let deletes = options.has(&["-d", "--delete"]) || refs.iter().any(|name| name.starts_with(':'));
    let shared = refs.iter().any(|name| is_shared(name));
    let (what, kind, irreversible) = match () {
        () if mirror => ("git push --mirror", Kind::Delete, true),
        () if deletes => ("git push --delete", Kind::Delete, true),
        () if force => ("git push --force", Kind::Delete, true),
        () if shared => ("git push", Kind::Update, false),
        () => ("git push", Kind::ExternalCall, false),
    };
    let kind = if dry { Kind::Read } else { kind };
    let extent =
        if mirror || options.has(&["--all", "--tags"]) { Extent::Everything } else { Extent::Unstated };
    session.act(Act {
        targets: refs,
        places,
        extent,
        irreversible: irreversible && !dry,
        ..Act::new(what, kind)
    });
}

/// Subcommands that look, change or remove according to their own verb or flags.
fn nouns(session: &mut Session, call: &Call<'_>, noun: &str, options: &Options<'_>) {
    let (verb, rest) = options.verb();
    let has = |flags: &[&str]| options.has(flags);
    let (what, kind, gone) = match (noun, verb) {
        ("branch" | "tag", _) if has(&["-d", "-D", "--delete"]) => {
            (format!("git {noun} -D"), Kind::Delete, noun == "branch" && options.has_exactly(&["-D"]))
        }
        ("branch" | "tag", "") => (format!("git {noun}"), Kind::Read, false),
        ("branch" | "tag", _)
            if options.has_exactly(&["-l", "--list", "-a", "-r", "-v", "--contains", "--merged"]) =>
        {
            (format!("git {noun}"), Kind::Read, false)
        }
        ("branch" | "tag", _) if has(&["-f", "--force", "-m", "-M"]) => {
            (format!("git {noun} -f"), Kind::Update, false)
        }
        ("branch" | "tag", _) => (format!("git {noun}"), Kind::Write, false),
        ("stash", "drop" | "clear") | ("notes", "remove" | "prune") | ("reflog", "expire" | "delete") => {
            (format!("git {noun} {verb}"), Kind::Delete, true)
        }
        ("worktree" | "remote" | "submodule", "remove" | "rm" | "prune" | "deinit") => {
            (format!("git {noun} {verb}"), Kind::Delete, false)
        }
        (
            "stash" | "worktree" | "notes" | "submodule" | "remote",
            "list" | "show" | "status" | "get-url" | "-v",
        )
        | ("reflog" | "remote" | "notes" | "submodule", "")
        | ("reflog", _) => (format!("git {noun} {verb}"), Kind::Read, false),
        ("bisect", "run") | ("submodule", "foreach") => {
            let words: Vec<Argument> = rest.iter().map(|word| (*word).clone()).collect();
            let text = names(&rest).join(" ");
            if noun == "submodule" {
                session.script(&text, call.input);
            } else {
                // Its options were taken for git's own.
                session.doubt(Why::Dynamic, &format!("git bisect run {text}"));
                session.run(&words, call.input);
            }
            (format!("git {noun} {verb}"), Kind::Update, false)
        }
        ("config", _) => {
            let looks = options.has_exactly(&["-l", "--list", "--get", "--get-all", "--get-regexp"])
                || matches!(verb, "list" | "get")
                || (rest.is_empty() && !has(&["--unset", "--edit", "-e", "--unset-all", "--remove-section"]));
            let name = verb.to_ascii_lowercase();
            let other = rest.first().map_or("", |word| word.text.as_str()).to_ascii_lowercase();
            if !looks && RUNS.iter().any(|known| name.starts_with(known) || other.starts_with(known)) {
                session.doubt(Why::Dynamic, &options.names().join(" "));
            }
            let wide = has(&["--global", "--system"]);
            let kind = if looks {
                Kind::Read
            } else if wide {
                Kind::Admin
            } else {
                Kind::Update
            };
            ("git config".to_owned(), kind, false)
        }
        ("remote", "update") | ("lfs" | "svn", _) | ("submodule", "update" | "add" | "init" | "sync") => {
            (format!("git {noun} {verb}"), Kind::ExternalCall, false)
        }
        _ => (format!("git {noun} {verb}"), Kind::Update, false),
    };
    let own = matches!(noun, "branch" | "tag" | "config");
    let targets = if own { options.names() } else { names(&rest) };
    let extent =
        if gone && (verb == "clear" || has(&["--all"])) { Extent::Everything } else { Extent::Unstated };
    session.act(Act { targets, extent, irreversible: gone, ..Act::new(what.trim(), kind) });
}
