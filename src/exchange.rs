//! The exchange: a promise to turn an authorization code into the identity token that belongs to it (RFC 6749 §4.1.3).

pub mod http;

use core::fmt;
use core::pin::Pin;

/// What is brought to the token endpoint.
#[derive(Clone, PartialEq, Eq)]
pub struct Brought {
    /// The code that the browser came back with.
    pub code: String,
    /// What its challenge was made of (RFC 7636).
    pub verifier: String,
    /// Where the browser came back to.
    pub redirect_uri: String,
}

/// None of it belongs in a log.
impl fmt::Debug for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Brought(…)")
    }
}

/// Why there is no identity token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotExchanged {
    /// The provider did not take the code, with its status.
    Refused(u16),
    /// It could not be asked, or did not answer.
    Unreachable(String),
    /// Its answer is not JSON with an `id_token`.
    Answer,
}

impl fmt::Display for NotExchanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "the provider's token endpoint answered {status}"),
            Self::Unreachable(why) => write!(f, "the provider's token endpoint did not answer: {why}"),
            Self::Answer => f.write_str("the provider's token endpoint answered without an `id_token`"),
        }
    }
}

impl std::error::Error for NotExchanged {}

/// What comes of it: the identity token. It is not checked yet.
pub type Exchanging<'a> = Pin<Box<dyn Future<Output = Result<String, NotExchanged>> + Send + 'a>>;

/// Turns codes into identity tokens.
pub trait Exchange: Send + Sync {
    /// Asks the token endpoint, once.
    fn exchange(&self, brought: Brought) -> Exchanging<'_>;
}
