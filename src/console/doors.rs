//! What stands before the console: how often one may knock, who that is, and where one is sent from there.

use super::visitor::{COOKIE_NAME, cookie};
use super::{Console, links, page};
use crate::clock::Clock;
use crate::desk::limit::{Limit, TooOften};
use crate::desk::sessions::SignedIn;
use askama::Template;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use core::convert::Infallible;
use core::time::Duration;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// How often one address may try a door within [`SPAN`].
pub const MOST_TRIES: u32 = 60;
/// … and how often all of what one customer of a provider has in IPv6, a /48, which holds 65536 households.
pub const MOST_OF_A_NETWORK: u32 = 8 * MOST_TRIES;
/// How often one person's invitation may be tried within [`SPAN`].
pub const MOST_ENROLMENTS: u32 = 10;
/// Within how long.
pub const SPAN: Duration = Duration::from_secs(60);

/// The longest path that one is sent back to.
const MAX_PATH: usize = 2048;

/// How often one may knock.
pub struct Doors {
    addresses: Limit,
    networks: Limit,
    people: Limit,
}

impl Doors {
    /// Nobody has knocked yet.
    #[must_use]
    pub fn new(clock: &Arc<dyn Clock>) -> Self {
        Self {
            addresses: Limit::new(MOST_TRIES, SPAN, clock.clone()),
            networks: Limit::new(MOST_OF_A_NETWORK, SPAN, clock.clone()),
            people: Limit::new(MOST_ENROLMENTS, SPAN, clock.clone()),
        }
    }

    /// Counts a try from this address.
    pub(super) fn knock(&self, from: &Address) -> Result<(), Box<Response>> {
        self.addresses.knock(&from.near).map_err(too_often)?;
        from.network.as_ref().map_or(Ok(()), |network| self.networks.knock(network)).map_err(too_often)
    }

    /// Counts a try in the name of a person.
    pub(super) fn knock_as(&self, person: &str) -> Result<(), Box<Response>> {
        self.people.knock(person).map_err(too_often)
    }
}

fn too_often(TooOften { wait }: TooOften) -> Box<Response> {
    let seconds = wait.as_secs().saturating_add(1);
    let words = format!("There were too many tries. Wait {seconds} seconds, and try again.");
    let mut response = trouble(StatusCode::TOO_MANY_REQUESTS, "Too many tries", &words);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    Box::new(response)
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct Trouble<'a> {
    page: page::Page,
    words: &'a str,
}

/// A page that says why something did not work, and leads back to where one signs in.
pub(super) fn trouble(status: StatusCode, title: &str, words: &str) -> Response {
    let page = page::Page { title: title.to_owned(), place: None, visitor: None, scripts: &[] };
    (status, page::show(&Trouble { page, words })).into_response()
}

/// From where somebody knocks: an address, or of IPv6 the network that one household has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    near: String,
    /// The larger network that it may change within.
    network: Option<String>,
}

impl FromRequestParts<Arc<Console>> for Address {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Console>) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        Ok(Self::of(peer, &parts.headers))
    }
}

impl Address {
    /// Behind a proxy on this machine everybody comes from it; the proxy says last for whom.
    fn of(peer: Option<IpAddr>, headers: &HeaderMap) -> Self {
        let alone = |near: String| Self { near, network: None };
        let Some(peer) = peer else { return alone("unknown".to_owned()) };
        let said = headers.get_all("x-forwarded-for").iter().next_back();
        let said = said.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        match said.filter(|_| peer.is_loopback()).unwrap_or(peer) {
            IpAddr::V4(address) => alone(address.to_string()),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => alone(address.to_string()),
                None => {
                    let first = |segments| format!("{:x?}", address.segments().split_at(segments).0);
                    Self { near: first(4), network: Some(first(3)) }
                }
            },
        }
    }
}

/// Where somebody is sent after they signed in: a path of ours, and nothing that a browser takes for another place.
pub(super) fn local(to: Option<&str>) -> &str {
    to.filter(|to| is_local(to)).unwrap_or("/")
}

fn is_local(to: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let path = to.split(['?', '#']).next().unwrap_or_default();
    let away = ["/sign-in", "/sign-out", "/enrol"].iter().any(|door| path.starts_with(door));
    to.len() <= MAX_PATH && to.starts_with('/') && !to.starts_with("//") && to.bytes().all(plain) && !away
}

/// Gives the browser the session that has begun, ends the one that it had, and leads on.
pub(super) async fn enter(
    console: &Console,
    headers: &HeaderMap,
    signed_in: &SignedIn,
    to: &str,
) -> Response {
    // One browser is one person: what was there before is over, whoever put it there.
    if let Some(before) = cookie(headers, COOKIE_NAME)
        && let Err(refused) = console.sessions.end(before).await
    {
        tracing::warn!(%refused, "the session that a browser had before may not have ended");
    }
    tracing::info!(person = %signed_in.person, "signed in at the console");
    let life = crate::desk::sessions::DAY_LIFE.as_secs();
    let set =
        format!("{COOKIE_NAME}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={life}", signed_in.token);
    // By which this browser is known for them when they follow a link in a mail.
    let known = links::mark(console, &signed_in.person);
    (AppendHeaders([(SET_COOKIE, set), (SET_COOKIE, known)]), Redirect::to(to)).into_response()
}

/// Takes the cookie of the session away, and the mark of the browser.
pub(super) fn leave() -> Response {
    let gone = format!("{COOKIE_NAME}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    (AppendHeaders([(SET_COOKIE, gone), (SET_COOKIE, links::unmark())]), Redirect::to("/sign-in"))
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_sent_to_paths_of_ours_only() {
        for good in ["/", "/account", "/p/esc_1?x=1&y=%2F%2Fevil", "/history?to=https://evil.example", "/a#b"]
        {
            assert_eq!(local(Some(good)), good);
        }
        let long = format!("/{}", "a".repeat(MAX_PATH));
        for bad in [
            "",
            "account",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example",
            "https:/evil.example",
            "javascript:alert(1)",
            " /account",
            "/ü",
            "/sign-in?to=/",
            "/sign-out",
            "/enrol?invitation=x",
            &long,
        ] {
            assert_eq!(local(Some(bad)), "/", "{bad:?}");
        }
        assert_eq!(local(None), "/");
    }

    #[test]
    fn a_proxy_on_this_machine_is_believed_and_nobody_else() {
        let mut headers = HeaderMap::new();
        let of = |peer: &str, headers: &HeaderMap| Address::of(peer.parse().ok(), headers).near;
        assert_eq!(of("192.0.2.1", &headers), "192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1", &headers), "192.0.2.1");
        headers.insert("x-forwarded-for", HeaderValue::from_static("198.51.100.7, 203.0.113.9"));
        assert_eq!(of("192.0.2.1", &headers), "192.0.2.1", "anybody can write that");
        assert_eq!(of("127.0.0.1", &headers), "203.0.113.9", "what the proxy itself has seen");
        let one = of("2001:db8:1:2:3::1", &headers);
        assert_eq!(one, of("2001:db8:1:2:ffff::2", &headers), "one household");
        assert_ne!(one, of("2001:db8:1:3:3::1", &headers));
        let network = |peer: &str| Address::of(peer.parse().ok(), &HeaderMap::new()).network;
        assert_eq!(network("2001:db8:1:2:3::1"), network("2001:db8:1:ffff::2"), "one customer of a provider");
        assert_ne!(network("2001:db8:1:2:3::1"), network("2001:db8:2:2:3::1"));
        assert_eq!(network("192.0.2.1"), None);
        headers.insert("x-forwarded-for", HeaderValue::from_static("nonsense"));
        assert_eq!(of("127.0.0.1", &headers), "127.0.0.1");
    }
}
