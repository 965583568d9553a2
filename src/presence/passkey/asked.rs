//! What the console asks a passkey for, other than a vote: a challenge that names the desk, the purpose and its own end.

use super::assertion::Challenge;
use crate::digest::{base64url, from_base64url, sha256};
use crate::moment::Moment;
use crate::party::{PersonId, TrustDomain};

/// The longest text in bytes.
pub const MAX_ASKED: usize = 1024;

const TITLE: &str = "countersign/passkey-challenge/v1";

/// What for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing in, as whomever the passkey belongs to.
    SignIn,
    /// A new passkey of this person.
    Enrol(PersonId),
}

/// A question to a passkey. Its seal says that this desk asked it; its digest is the challenge.
///
/// ```
/// use countersign::presence::passkey::{Asked, Purpose};
///
/// let text = "countersign/passkey-challenge/v1\ndomain https://acme.example\nfor sign-in\n\
///             until 2026-11-21T09:30:00Z\nnonce AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\
///             seal AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
/// let asked = Asked::parse(text).unwrap();
/// assert_eq!(asked.purpose, Purpose::SignIn);
/// assert_eq!(asked.to_text(), text);
/// assert!(Asked::parse(&text.replace("sign-in", "vote")).is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The trust domain of the desk.
    pub domain: TrustDomain,
    /// What for.
    pub purpose: Purpose,
    /// From this moment on an answer comes too late.
    pub until: Moment,
    /// What makes it unlike any other.
    pub nonce: [u8; 32],
    /// The desk's own mark.
    pub seal: [u8; 32],
}

impl Asked {
    /// The text.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}seal {}\n", self.sealed(), base64url(&self.seal))
    }

    /// The part of the text that is sealed.
    #[must_use]
    pub fn sealed(&self) -> String {
        let Self { domain, purpose, until, nonce, seal: _ } = self;
        let purpose = match purpose {
            Purpose::SignIn => "sign-in".to_owned(),
            Purpose::Enrol(person) => format!("enrol {person}"),
        };
        format!("{TITLE}\ndomain {domain}\nfor {purpose}\nuntil {until}\nnonce {}\n", base64url(nonce))
    }

    /// What the passkey signs: SHA-256 of the text.
    #[must_use]
    pub fn challenge(&self) -> Challenge {
        Challenge::from_bytes(sha256(&[self.to_text().as_bytes()]))
    }

    /// Reads the text that [`to_text`](Self::to_text) writes; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_ASKED {
            return None;
        }
        let mut lines = text.lines();
        let mut after = |name: &str| lines.next()?.strip_prefix(name);
        after(TITLE)?;
        let asked = Self {
            domain: TrustDomain::new(after("domain ")?).ok()?,
            purpose: match after("for ")? {
                "sign-in" => Purpose::SignIn,
                other => Purpose::Enrol(PersonId::new(other.strip_prefix("enrol ")?).ok()?),
            },
            until: Moment::from_rfc3339(after("until ")?)?,
            nonce: from_base64url(after("nonce ")?)?.try_into().ok()?,
            seal: from_base64url(after("seal ")?)?.try_into().ok()?,
        };
        (asked.to_text() == text).then_some(asked)
    }
}
