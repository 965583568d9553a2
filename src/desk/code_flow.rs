//! Signing in at the identity provider: the authorization-code flow with PKCE (OpenID Connect Core §3.1, RFC 7636).
//!
//! What is under way is kept nowhere but in a sealed cookie of the browser that began it, so that a code that somebody
//! else's browser was given signs nobody in here.

use crate::clock::Clock;
use crate::digest::{base64url, from_base64url, sha256};
use crate::entropy::{Entropy, NoEntropy};
use crate::exchange::{Brought, Exchange, NotExchanged};
use crate::moment::Moment;
use core::fmt;
use core::time::Duration;
use ring::hmac;
use std::sync::Arc;

/// How long somebody may take at the provider.
pub const FLOW_LIFE: Duration = Duration::from_secs(600);

const TITLE: &str = "countersign/oidc/v1";
/// The longest cookie in bytes.
const MAX_COOKIE: usize = 4096;
/// The longest code and state that come back, in bytes.
const MAX_ANSWER: usize = 2048;

/// Whom one is sent to, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The provider: its `iss`.
    pub issuer: Box<str>,
    /// This service at the provider.
    pub client_id: Box<str>,
    /// Where browsers are sent to.
    pub authorize_url: Box<str>,
    /// Where they come back to.
    pub redirect_uri: Box<str>,
}

/// Why somebody who came back is not signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowRefused {
    /// This browser did not begin it, or too long ago.
    NotBegun,
    /// What came back is not the answer to what was begun.
    OtherState,
    /// Another provider answered.
    OtherIssuer,
    /// The provider let nobody in, with its error code.
    Provider(String),
    /// The code was not taken.
    Exchange(NotExchanged),
}

impl FlowRefused {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotBegun => "oidc.not_begun",
            Self::OtherState => "oidc.state",
            Self::OtherIssuer => "oidc.other_issuer",
            Self::Provider(_) => "oidc.provider",
            Self::Exchange(_) => "oidc.exchange",
        }
    }
}

impl fmt::Display for FlowRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBegun => f.write_str("this browser did not begin to sign in, or too long ago"),
            Self::OtherState => f.write_str("what came back is not the answer to what was begun"),
            Self::OtherIssuer => f.write_str("another provider answered"),
            Self::Provider(error) => write!(f, "the provider let nobody in: `{error}`"),
            Self::Exchange(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FlowRefused {}

/// What the provider sent the browser back with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CameBack {
    /// The code.
    pub code: Option<String>,
    /// What the flow was begun with.
    pub state: Option<String>,
    /// The provider that says so (RFC 9207).
    pub issuer: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

/// Somebody who has been at the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Finished {
    /// The identity token, not checked yet.
    pub token: String,
    /// The nonce that has to be in it.
    pub nonce: String,
    /// Where they wanted to go.
    pub to: String,
}

/// A flow that is under way.
struct Begun {
    until: Moment,
    state: String,
    nonce: String,
    verifier: String,
    to: String,
}

/// Sends people to the provider, and takes those who come back.
pub struct CodeFlow {
    client: Client,
    exchange: Arc<dyn Exchange>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    seal: hmac::Key,
}

impl CodeFlow {
    /// As this client.
    ///
    /// # Errors
    /// [`NoEntropy`] if there is no key to seal cookies with.
    pub fn new(
        client: Client,
        exchange: Arc<dyn Exchange>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, NoEntropy> {
        let mut key = [0; 32];
        entropy.fill(&mut key)?;
        Ok(Self { client, exchange, clock, entropy, seal: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    /// … whose cookies each replica that has this key takes.
    #[must_use]
    pub fn sealed_with(mut self, key: &[u8; 32]) -> Self {
        self.seal = hmac::Key::new(hmac::HMAC_SHA256, key);
        self
    }

    /// The provider.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.client.issuer
    }

    /// This service at the provider: whom its identity tokens are made for.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client.client_id
    }

    /// Where a browser is sent, and the cookie that it has to bring back.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn begin(&self, to: &str) -> Result<(String, String), NoEntropy> {
        let random = || {
            let mut bytes = [0; 32];
            self.entropy.fill(&mut bytes).map(|()| base64url(&bytes))
        };
        let begun = Begun {
            until: self.clock.now().plus(FLOW_LIFE),
            state: random()?,
            nonce: random()?,
            verifier: random()?,
            to: to.to_owned(),
        };
        let challenge = base64url(&sha256(&[begun.verifier.as_bytes()]));
        let Client { client_id, authorize_url, redirect_uri, .. } = &self.client;
        let query: Vec<String> = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("scope", "openid email"),
            ("state", &begun.state),
            ("nonce", &begun.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]
        .iter()
        .map(|(name, value)| format!("{name}={}", percent(value)))
        .collect();
        let joint = if authorize_url.contains('?') { '&' } else { '?' };
        let url = format!("{authorize_url}{joint}{}", query.join("&"));
        let text = begun.text();
        let seal = hmac::sign(&self.seal, text.as_bytes());
        Ok((url, base64url(&[seal.as_ref(), text.as_bytes()].concat())))
    }

    /// Takes somebody who comes back, with the cookie that their browser was given.
    ///
    /// # Errors
    /// [`FlowRefused`].
    pub async fn finish(&self, cookie: &str, back: CameBack) -> Result<Finished, FlowRefused> {
        let begun = self.begun(cookie).ok_or(FlowRefused::NotBegun)?;
        if back.state.as_deref() != Some(&*begun.state) {
            return Err(FlowRefused::OtherState);
        }
        if back.issuer.is_some_and(|issuer| *issuer != *self.client.issuer) {
            return Err(FlowRefused::OtherIssuer);
        }
        if let Some(error) = back.error {
            let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
            return Err(FlowRefused::Provider(error.chars().filter(plain).take(64).collect()));
        }
        let code = back.code.filter(|code| (1..=MAX_ANSWER).contains(&code.len()));
        let code = code.ok_or(FlowRefused::OtherState)?;
        let Begun { nonce, verifier, to, .. } = begun;
        let redirect_uri = self.client.redirect_uri.to_string();
        let asked = self.exchange.exchange(Brought { code, verifier, redirect_uri });
        let token = asked.await.map_err(FlowRefused::Exchange)?;
        Ok(Finished { token, nonce, to })
    }

    fn begun(&self, cookie: &str) -> Option<Begun> {
        let bytes = from_base64url(cookie).filter(|bytes| bytes.len() <= MAX_COOKIE)?;
        let (seal, text) = bytes.split_first_chunk::<32>()?;
        hmac::verify(&self.seal, text, seal).ok()?;
        let begun = Begun::read(core::str::from_utf8(text).ok()?)?;
        (self.clock.now() < begun.until).then_some(begun)
    }
}

impl Begun {
    fn text(&self) -> String {
        let Self { until, state, nonce, verifier, to } = self;
        format!("{TITLE}\nuntil {until}\nstate {state}\nnonce {nonce}\nverifier {verifier}\nto {to}\n")
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut after = |name: &str| lines.next()?.strip_prefix(name);
        after(TITLE)?;
        let begun = Self {
            until: Moment::from_rfc3339(after("until ")?)?,
            state: after("state ")?.to_owned(),
            nonce: after("nonce ")?.to_owned(),
            verifier: after("verifier ")?.to_owned(),
            to: after("to ")?.to_owned(),
        };
        (begun.text() == text).then_some(begun)
    }
}

/// Percent-encoded, all but what is plain everywhere.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
