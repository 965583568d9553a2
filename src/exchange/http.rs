//! The exchange over HTTP: no redirects, ten seconds, a bounded answer.

use super::{Brought, Exchange, Exchanging, NotExchanged};
use crate::notify::http::{Http, Reach};
use crate::operation::json::{Limits, Value, read};
use core::time::Duration;

/// How long the provider may take.
const TIMEOUT: Duration = Duration::from_secs(10);
const LIMITS: Limits = Limits { bytes: 64 << 10, depth: 8, members: 256 };

/// A token endpoint.
pub struct TokenEndpoint {
    http: Http,
    url: String,
    client_id: String,
    client_secret: Option<String>,
}

impl TokenEndpoint {
    /// The endpoint at this URL, which is `https://` or on this machine. With a secret the client is authenticated by
    /// HTTP Basic (RFC 6749 §2.3.1).
    ///
    /// # Errors
    /// What is wrong with the URL, or with this machine.
    pub fn new(url: &str, client_id: &str, client_secret: Option<String>) -> Result<Self, String> {
        // A provider is often inside the own network, and its address is the operator's word.
        let http = Http::new(Reach { loopback: true, private: true }, TIMEOUT, None)?;
        http.admits(url)?;
        Ok(Self { http, url: url.to_owned(), client_id: client_id.to_owned(), client_secret })
    }

    async fn ask(&self, brought: Brought) -> Result<String, NotExchanged> {
        let unreachable = |error: crate::notify::NotSent| NotExchanged::Unreachable(format!("{error:?}"));
        let request = self.http.post(&self.url).map_err(unreachable)?.header("accept", "application/json");
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &brought.code),
            ("redirect_uri", &brought.redirect_uri),
            ("client_id", &self.client_id),
            ("code_verifier", &brought.verifier),
        ];
        let request = match &self.client_secret {
            Some(secret) => request.basic_auth(percent(&self.client_id), Some(percent(secret))),
            None => request,
        };
        let answer = self.http.send(request.form(&form)).await.map_err(unreachable)?;
        if answer.status != 200 {
            return Err(NotExchanged::Refused(answer.status));
        }
        let value = read(&answer.body, &LIMITS).map_err(|_| NotExchanged::Answer)?;
        let token = value.as_object().and_then(|object| object.get("id_token")).and_then(Value::as_str);
        token.map(ToOwned::to_owned).ok_or(NotExchanged::Answer)
    }
}

impl Exchange for TokenEndpoint {
    fn exchange(&self, brought: Brought) -> Exchanging<'_> {
        Box::pin(self.ask(brought))
    }
}

/// Percent-encoded, all but what is plain everywhere.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
