//! URL: its parts, its path as a server resolves it, and what in it hides where it goes.

use crate::classify::{Kind, Reading, Why};

/// The parts of a URL that say what it does.
#[derive(Debug)]
pub(super) struct Url {
    pub(super) scheme: Scheme,
    /// The host as written, without user and port; in brackets if it is an IPv6 address.
    pub(super) host: String,
    port: String,
    /// The path as the server resolves it.
    path: String,
    pub(super) query: String,
}

/// What a URL's scheme reaches.
#[derive(Debug)]
pub(super) enum Scheme {
    /// `http`, `https`, or none at all, which clients take for `http`.
    Web,
    /// `ws`, `wss`: a connection both ways.
    Socket(String),
    /// `file`: this machine's files.
    File,
    /// `javascript`, `data`: the URL itself is what runs.
    Inline(String),
    /// Any other.
    Other(String),
}

impl Scheme {
    fn of(name: &str) -> Self {
        match name {
            "http" | "https" => Self::Web,
            "ws" | "wss" => Self::Socket(name.to_owned()),
            "file" => Self::File,
            "javascript" | "data" | "vbscript" => Self::Inline(name.to_owned()),
            other => Self::Other(other.to_owned()),
        }
    }

    pub(super) const fn is_web(&self) -> bool {
        matches!(self, Self::Web)
    }

    /// What is done over a scheme that is not HTTP's.
    pub(super) fn act(&self, reading: &mut Reading) -> (String, Kind) {
        match self {
            Self::Web => ("http:".to_owned(), Kind::ExternalCall),
            Self::Socket(name) => (format!("{name}:"), Kind::ExternalCall),
            Self::File => {
                reading.doubt(Why::Unfamiliar, "file:");
                ("file:".to_owned(), Kind::Read)
            }
            Self::Inline(name) => {
                reading.doubt(Why::Foreign, &format!("{name}:"));
                (format!("{name}:"), Kind::Unknown)
            }
            Self::Other(name) => {
                reading.doubt(Why::Unfamiliar, &format!("{name}:"));
                (format!("{name}:"), Kind::ExternalCall)
            }
        }
    }
}

impl Url {
    /// Reads a URL, and tells what in it hides where it goes.
    pub(super) fn read(text: &str, reading: &mut Reading) -> Self {
        let mut text = text.to_owned();
        if text.contains(|c: char| c.is_ascii_control() || c == ' ') {
            // Clients differ in which of these they leave out.
            reading.doubt(Why::Disguised, "space in URL");
            text.retain(|c| !c.is_ascii_control() && c != ' ');
        }
        if text.split(['?', '#']).next().is_some_and(|path| path.contains('\\')) {
            reading.doubt(Why::Disguised, "\\ in URL");
            text = text.replace('\\', "/");
        }
        let (scheme, rest) = split_scheme(&text);
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match (&scheme, rest.trim_start_matches('/')) {
            (Scheme::Inline(_), _) => ("", rest),
            (Scheme::File, _) => match rest.strip_prefix("//") {
                Some(after) => split_at(after, '/'),
                None => ("", rest),
            },
            // `/path` alone is on a host that is not said here.
            (Scheme::Web, _) if rest.starts_with('/') && !rest.starts_with("//") && !text.contains("://") => {
                ("", rest)
            }
            (_, after) => split_at(after, '/'),
        };
        let authority = match authority.rsplit_once('@') {
            Some((_, host)) => {
                reading.doubt(Why::Disguised, &format!("user before @{host}"));
                host
            }
            None => authority,
        };
        let (host, port) = split_port(authority);
        if host.is_empty() && matches!(scheme, Scheme::Web | Scheme::Socket(_)) {
            reading.doubt(Why::Missing, "host");
        }
        let default = matches!(port, "80" | "443");
        Self {
            scheme,
            host: host.to_owned(),
            port: if default { String::new() } else { port.to_owned() },
            path: resolved(path, reading),
            query: query.to_owned(),
        }
    }

    /// What the URL names: host and path.
    pub(super) fn target(&self, host: &str) -> String {
        let port = if self.port.is_empty() { String::new() } else { format!(":{}", self.port) };
        let path = if self.path.is_empty() { "/" } else { &self.path };
        format!("{host}{port}{path}")
    }
}

fn split_scheme(text: &str) -> (Scheme, &str) {
    let Some((name, rest)) = text.split_once(':') else { return (Scheme::Web, text) };
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'));
    let name = name.to_ascii_lowercase();
    // `localhost:8080` has no scheme, but `javascript:alert(1)` does.
    let port = rest
        .split('/')
        .next()
        .is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    if !plain || (port && !rest.starts_with('/')) || (name.contains('.') && !rest.starts_with("//")) {
        return (Scheme::Web, text);
    }
    (Scheme::of(&name), rest)
}

fn split_at(text: &str, mark: char) -> (&str, &str) {
    text.find(mark).and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

/// Splits `host:port`; an IPv6 address keeps its brackets.
pub(super) fn split_port(authority: &str) -> (&str, &str) {
    let bracket = authority.rfind(']').unwrap_or(0);
    match authority.rfind(':').filter(|colon| *colon >= bracket) {
        Some(colon) => {
            let (host, port) = authority.split_at_checked(colon).unwrap_or((authority, ""));
            (host, port.trim_start_matches(':'))
        }
        None => (authority, ""),
    }
}

/// The path with what needs no encoding decoded and its dots followed, as servers do before they route it.
fn resolved(path: &str, reading: &mut Reading) -> String {
    let lower = path.to_ascii_lowercase();
    if ["%25", "%2f", "%5c", "%00", "%3b", "%u"].iter().any(|code| lower.contains(code)) || spells(path) {
        reading.doubt(Why::Encoded, path);
    }
    let decoded = decode(path);
    let climbs = decoded.split('/').any(|segment| matches!(segment.split(';').next(), Some("..")));
    if climbs {
        reading.doubt(Why::Disguised, path);
    }
    if !decoded.split('/').any(|segment| matches!(segment, "." | "..")) {
        return decoded;
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            ".." => {
                kept.pop();
            }
            "." => {}
            other => kept.push(other),
        }
    }
    let joined = kept.join("/");
    if joined.starts_with('/') || joined.is_empty() { joined } else { format!("/{joined}") }
}

/// Whether a letter or digit is encoded that needs no encoding.
fn spells(path: &str) -> bool {
    path.as_bytes()
        .windows(3)
        .any(|code| hex(code).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'.'))
}

fn hex(code: &[u8]) -> Option<u8> {
    let [b'%', high, low] = *code else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Decodes percent signs once; what is then no text stays as it is.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match rest.get(..3).and_then(hex) {
            Some(byte) => {
                bytes.push(byte);
                rest = rest.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
