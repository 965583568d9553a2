//! Paths: which files are a system's own, and which are nothing.

use crate::classify::Kind;

/// A path without `.`, `..` and doubled slashes; nothing is looked up.
pub(super) fn normal(path: &str) -> String {
    let relative_program = path.starts_with("./");
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if path.starts_with('/') {
        format!("/{joined}")
    } else if relative_program || (path.contains('/') && !joined.contains('/')) {
        format!("./{joined}")
    } else {
        joined
    }
}

/// Whether programs in a folder are the ones that their names say.
pub(super) fn holds_programs(folder: &str) -> bool {
    matches!(
        folder,
        "/bin"
            | "/sbin"
            | "/usr/bin"
            | "/usr/sbin"
            | "/usr/local/bin"
            | "/usr/local/sbin"
            | "/opt/homebrew/bin"
            | "/snap/bin"
    )
}

/// Where writing disturbs nothing.
pub(super) fn is_sink(path: &str) -> bool {
    matches!(path, "/dev/null" | "/dev/stdout" | "/dev/stderr" | "/dev/tty" | "/dev/zero" | "-")
        || path.starts_with("/dev/fd/")
}

/// A device: what is written to it is not a file.
pub(super) fn is_device(path: &str) -> bool {
    path.starts_with("/dev/") && !is_sink(path) && !path.starts_with("/dev/shm/")
}

const SYSTEM: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/proc",
    "/root",
    "/run/systemd",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib",
    "/var/run/docker.sock",
    "/var/spool",
    "/Library",
    "/System",
];

/// Files that say who may log in, or what runs by itself, wherever they are.
const POWERFUL: &[&str] = &[
    ".aws",
    ".bash_login",
    ".bash_profile",
    ".bashrc",
    ".git",
    ".gnupg",
    ".kube",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".profile",
    ".ssh",
    ".zprofile",
    ".zshenv",
    ".zshrc",
    "authorized_keys",
    "crontab",
    "sudoers",
];

/// Whether a path belongs to the system, or says who may do what.
pub(super) fn is_system(path: &str) -> bool {
    let path = normal(path);
    let within =
        |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let temporary = path.starts_with("/dev/shm/") || path.starts_with("/usr/local/src/") || is_sink(&path);
    (!temporary && SYSTEM.iter().any(|folder| within(folder)))
        || path.split('/').any(|part| POWERFUL.contains(&part))
}

/// The kind of a change to a path: of the system's own files it is an administrator's.
pub(super) fn kind_of_change(path: &str, plain: Kind) -> Kind {
    if is_system(path) { Kind::Admin } else { plain }
}

/// Whether a path is the whole of something: a root, a home, the current folder, a folder of the system.
pub(super) fn is_root(path: &str) -> bool {
    let path = normal(path);
    let path = path.trim_end_matches("/*");
    let top = path.starts_with('/') && path.matches('/').count() <= 1;
    top || matches!(path, "" | "*" | ".*" | "~" | "." | "./" | ".." | "./.." | "./*" | "$HOME" | "${HOME}")
        || path.starts_with("../..")
        || (path.starts_with('~') && !path.contains('/'))
        || (path.starts_with("/home/") && path.matches('/').count() == 2)
}
