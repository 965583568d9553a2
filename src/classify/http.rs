//! HTTP: what a request does, from its method, its URL and its headers.

mod host;
mod url;

use super::disguise::undisguise;
use super::{Act, Kind, Language, Reading, Why};
use host::{Host, Reach};
use url::Url;

/// The most bytes of a URL that are read.
pub const MAX_URL: usize = 16 * 1024;
/// The most headers that are looked at.
pub const MAX_HEADERS: usize = 256;

/// Reads a request. Headers matter where they say that the request is another than its method and URL say.
///
/// ```
/// use countersign::classify::http;
///
/// let reading = http::read("DELETE", "https://api.example.com/users/7", &[]);
/// assert_eq!(reading.acts[0].to_string(), "delete: DELETE on api.example.com/users/7 at api.example.com");
/// ```
#[must_use]
pub fn read(method: &str, url: &str, headers: &[(&str, &str)]) -> Reading {
    let mut reading = Reading::new(Language::Http);
    if url.len() > MAX_URL {
        reading.doubt(Why::TooMuch, url);
    }
    let url = url.get(..url.floor_char_boundary(MAX_URL)).unwrap_or_default();
    let plain = undisguise(url.trim());
    if let Some(marks) = plain.marks {
        reading.doubt(Why::Disguised, &marks);
    }
    if ["{{", "${", "<%", "$("].iter().any(|template| plain.text.contains(template)) {
        reading.doubt(Why::Dynamic, &plain.text);
    }
    let url = Url::read(&plain.text, &mut reading);
    let host = Host::read(&url.host, &mut reading);
    let act =
        Act { targets: vec![url.target(&host.name)], places: host.places(), ..Act::new("", Kind::Read) };

    let method = method.trim().to_ascii_uppercase();
    let mut methods = vec![method.as_str()];
    let hidden = overriding(&url, headers, &mut reading);
    methods.extend(hidden.iter().map(String::as_str).filter(|other| **other != *method));
    if url.scheme.is_web() {
        for method in methods {
            let kind = kind_of(method, &mut reading);
            let (what, kind) = match host.reach {
                // What it answers are the machine's own credentials.
                Reach::Metadata => (format!("{method} instance metadata"), Kind::Admin),
                // Services that listen here trust whoever is here.
                Reach::Local if kind == Kind::Read => (method.to_owned(), Kind::ExternalCall),
                Reach::Local | Reach::Elsewhere => (method.to_owned(), kind),
            };
            reading.act(Act { what, kind, ..act.clone() });
        }
    } else {
        let (what, kind) = url.scheme.act(&mut reading);
        reading.act(Act { what, kind, ..act });
    }
    check_headers(&host, headers, &mut reading);
    reading
}

fn kind_of(method: &str, reading: &mut Reading) -> Kind {
    match method {
        "GET" | "HEAD" | "OPTIONS" => Kind::Read,
        "POST" => Kind::ExternalCall,
        "PUT" | "PATCH" => Kind::Update,
        "DELETE" => Kind::Delete,
        "" => {
            reading.doubt(Why::Missing, "method");
            Kind::Unknown
        }
        other => {
            reading.doubt(Why::Unfamiliar, other);
            Kind::Unknown
        }
    }
}

/// The methods that frameworks take instead of the request's own, from the query and the headers.
fn overriding(url: &Url, headers: &[(&str, &str)], reading: &mut Reading) -> Vec<String> {
    const HEADERS: &[&str] = &["x-http-method-override", "x-http-method", "x-method-override"];
    let named = headers
        .iter()
        .take(MAX_HEADERS)
        .filter(|(name, _)| HEADERS.iter().any(|one| name.trim().eq_ignore_ascii_case(one)));
    let asked = url.query.split(['&', ';']).filter_map(|pair| pair.split_once('=')).filter(|(name, _)| {
        let name = url::decode(name);
        ["_method", "x-http-method-override", "$method"].iter().any(|one| name.eq_ignore_ascii_case(one))
    });
    let mut found = Vec::new();
    for (name, value) in named.copied().chain(asked) {
        let method: String =
            url::decode(value).trim().chars().take(32).collect::<String>().to_ascii_uppercase();
        reading.doubt(Why::Disguised, &format!("{}={method}", name.trim()));
        if !found.contains(&method) && found.len() < 4 {
            found.push(method);
        }
    }
    found
}

fn check_headers(host: &Host, headers: &[(&str, &str)], reading: &mut Reading) {
    if headers.len() > MAX_HEADERS {
        reading.doubt(Why::TooMuch, "headers");
    }
    for (name, value) in headers.iter().take(MAX_HEADERS) {
        let name = name.trim();
        if name.contains(['\r', '\n', ':']) || value.contains(['\r', '\n']) {
            // A line break in a header begins another header, or another request.
            reading.doubt(Why::Disguised, &format!("header {name}"));
        }
        let elsewhere = name.eq_ignore_ascii_case("host") && {
            let (said, _) = url::split_port(value.trim());
            !said.trim_matches(['[', ']']).eq_ignore_ascii_case(&host.name)
        };
        let rewrites = ["x-original-url", "x-rewrite-url"].iter().any(|one| name.eq_ignore_ascii_case(one));
        if elsewhere || rewrites {
            reading.doubt(Why::Disguised, &format!("{name}: {value}"));
        }
    }
}
