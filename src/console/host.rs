//! Which host a request is meant for: this console's, or it is not answered.

use super::Console;
use super::doors::trouble;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// Lets through what is meant for the console's own address. A name that somebody else gave this machine is not it:
/// a page of theirs would be of one origin with what is answered.
pub(super) async fn own_only(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let named = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let named = named.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    if named.is_some_and(|named| is_host(&console.origin, named)) {
        return next.run(request).await;
    }
    let words = format!("This console is at {}, and not where you looked for it.", console.origin);
    trouble(StatusCode::MISDIRECTED_REQUEST, "Another address", &words)
}

/// Whether a host, with its port if it is not the usual one, is that of an origin.
fn is_host(origin: &str, named: &str) -> bool {
    let (own, usual) = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
        (Some(own), _) => (own, ":443"),
        (None, Some(own)) => (own, ":80"),
        (None, None) => return false,
    };
    own.eq_ignore_ascii_case(named.strip_suffix(usual).unwrap_or(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_compared_whole() {
        for (origin, named) in [
            ("https://approve.example.com", "approve.example.com"),
            ("https://approve.example.com", "Approve.Example.com:443"),
            ("https://approve.example.com:8443", "approve.example.com:8443"),
            ("http://localhost:8080", "localhost:8080"),
            ("http://localhost", "localhost:80"),
        ] {
            assert!(is_host(origin, named), "{origin} {named}");
        }
        for (origin, named) in [
            ("https://approve.example.com", "example.com"),
            ("https://approve.example.com", "approve.example.com.evil.example"),
            ("https://approve.example.com", "approve.example.com:8443"),
            ("https://approve.example.com", "approve.example.com:80"),
            ("https://approve.example.com:8443", "approve.example.com"),
            ("http://localhost:8080", "127.0.0.1:8080"),
            ("http://localhost:8080", ""),
        ] {
            assert!(!is_host(origin, named), "{origin} {named}");
        }
    }
}
