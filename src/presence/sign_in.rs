//! What a person signs to sign in: a challenge that names the desk, the person and its own end, and is used once.

use crate::digest::{base64url, from_base64url};
use crate::moment::Moment;
use crate::party::{PersonId, TrustDomain};
use core::fmt;

/// The SSHSIG namespace of signing in. A vote is signed for another one, so that neither passes for the other.
pub const SIGN_IN_NAMESPACE: &str = "countersign-sign-in@v1";

/// The longest challenge in bytes.
pub const MAX_CHALLENGE: usize = 1024;

const TITLE: &str = "countersign/sign-in/v1";

/// A challenge. Its text is what is signed, byte for byte; whoever signs one looks at it first.
///
/// ```
/// use countersign::presence::sign_in::Challenge;
///
/// let text = "countersign/sign-in/v1\ndomain https://acme.example\nperson ada\nuntil 2026-11-21T09:30:00Z\n\
///             nonce AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nseal AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
/// let challenge = Challenge::parse(text).unwrap();
/// assert_eq!(challenge.person.as_str(), "ada");
/// assert_eq!(challenge.to_text(), text);
/// assert!(Challenge::parse(&text.replace("ada", "ada ")).is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The trust domain of the desk: a challenge that another desk passed on is seen to be one.
    pub domain: TrustDomain,
    /// Who signs in.
    pub person: PersonId,
    /// From this moment on it is worth nothing.
    pub until: Moment,
    /// 256 random bits.
    pub nonce: [u8; 32],
    /// By which the desk knows it for its own.
    pub seal: [u8; 32],
}

impl Challenge {
    /// The text.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}seal {}\n", self.sealed(), base64url(&self.seal))
    }

    /// What the seal is over: the text before its last line.
    #[must_use]
    pub fn sealed(&self) -> String {
        let Self { domain, person, until, nonce, seal: _ } = self;
        format!("{TITLE}\ndomain {domain}\nperson {person}\nuntil {until}\nnonce {}\n", base64url(nonce))
    }

    /// Reads the text that [`to_text`](Self::to_text) writes; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_CHALLENGE {
            return None;
        }
        let mut lines = text.lines();
        let mut after = |name: &str| lines.next()?.strip_prefix(name);
        after(TITLE)?;
        let challenge = Self {
            domain: TrustDomain::new(after("domain ")?).ok()?,
            person: PersonId::new(after("person ")?).ok()?,
            until: Moment::from_rfc3339(after("until ")?)?,
            nonce: from_base64url(after("nonce ")?)?.try_into().ok()?,
            seal: from_base64url(after("seal ")?)?.try_into().ok()?,
        };
        (challenge.to_text() == text).then_some(challenge)
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}
