//! What a message lets its reader do: one-time links and buttons, each sealed so that nobody else can make one.
//!
//! A link is one person's, for one escalation as it was shown to them, and for one answer. It proves that the desk sent
//! it, never who follows it: whoever does is asked that. A button names no person, because the chat says who pressed
//! it. Neither is kept anywhere; each is worth something for as long as what it offers can be done.

use super::local::LocalDesk;
use super::{Desk as _, DeskError, Docket};
use crate::digest::{RenderingDigest, base64url, from_base64url};
use crate::escalation::Status;
use crate::moment::Moment;
use crate::party::{EscalationId, PersonId};
use core::fmt;
use core::time::Duration;
use ring::hmac;

/// How long a browser stays known for who signed in with it.
pub const DEVICE_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
/// The longest sealed text that is looked at.
const MAX_SEALED: usize = 1024;

/// Makes links, buttons and the marks of known browsers, and knows its own again. The key outlives a restart.
pub struct Links(hmac::Key);

/// Something that can be answered: an escalation as it is shown, and yes or no to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Which.
    pub escalation: EscalationId,
    /// What was shown of it; the answer is bound to that.
    pub shown: RenderingDigest,
    /// Yes, otherwise no.
    pub approves: bool,
}

/// A link that the desk made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whom it was sent to.
    pub person: PersonId,
    /// What it offers.
    pub offered: Offered,
    /// From then on it is worth nothing.
    pub until: Moment,
}

/// Why a link or a button does nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkRefused {
    /// The desk did not make it, or not all of it came.
    Foreign,
    /// Its time is over.
    Over(Moment),
    /// Whom it was sent to has voted already.
    Used,
    /// The escalation is not pending any more.
    Ended(Status),
    /// What is asked is shown otherwise now.
    Changed,
    /// The desk could not say.
    Desk(DeskError),
}

impl fmt::Display for LinkRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("this link is not one of ours, or a part of it is missing"),
            Self::Over(at) => write!(f, "this link was good until {at}"),
            Self::Used => f.write_str("the person whom this link was sent to has decided already"),
            Self::Ended(status) => write!(f, "this is already {status}"),
            Self::Changed => f.write_str("what is asked has changed since this was sent"),
            Self::Desk(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LinkRefused {}

/// What a seal is for: a text that is sealed for one is nothing to another.
#[derive(Clone, Copy)]
enum Kind {
    Link,
    Button,
    Device,
}

impl Kind {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Link => b"countersign/link/v1\n",
            Self::Button => b"countersign/button/v1\n",
            Self::Device => b"countersign/device/v1\n",
        }
    }
}

impl Links {
    /// Seals with this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// A key of its own for something else that every replica of this desk seals alike.
    #[must_use]
    pub fn key_for(&self, what: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.0, format!("countersign/replicas/v1\n{what}").as_bytes());
        let mut key = [0; 32];
        key.iter_mut().zip(tag.as_ref()).for_each(|(to, byte)| *to = *byte);
        key
    }

    /// The text of a link, as it stands in its address.
    #[must_use]
    pub fn link(&self, link: &Link) -> String {
        let mut body = link.offered.to_bytes().to_vec();
        body.extend(link.until.unix_millis().to_be_bytes());
        body.extend(link.person.as_str().as_bytes());
        self.seal(Kind::Link, body)
    }

    /// The link of this text, if its time is not over. Whether it can still be answered, the desk says:
    /// [`LocalDesk::still_open`].
    ///
    /// # Errors
    /// [`LinkRefused::Foreign`], [`LinkRefused::Over`].
    pub fn followed(&self, text: &str, now: Moment) -> Result<Link, LinkRefused> {
        let body = self.unseal(Kind::Link, text).ok_or(LinkRefused::Foreign)?;
        let link = Link::from_bytes(&body).ok_or(LinkRefused::Foreign)?;
        if now >= link.until { Err(LinkRefused::Over(link.until)) } else { Ok(link) }
    }

    /// What a button brings back when it is pressed: 108 characters.
    #[must_use]
    pub fn button(&self, offered: &Offered) -> String {
        self.seal(Kind::Button, offered.to_bytes().to_vec())
    }

    /// What a button that was pressed offers.
    #[must_use]
    pub fn pressed(&self, value: &str) -> Option<Offered> {
        Offered::from_bytes(&self.unseal(Kind::Button, value)?)
    }

    /// The mark by which the browser of somebody who has signed in is known again.
    #[must_use]
    pub fn device(&self, person: &PersonId, now: Moment) -> String {
        let mut body = now.unix_millis().to_be_bytes().to_vec();
        body.extend(person.as_str().as_bytes());
        self.seal(Kind::Device, body)
    }

    /// Whose browser has this mark, and since when.
    #[must_use]
    pub fn device_of(&self, mark: &str, now: Moment) -> Option<(PersonId, Moment)> {
        let body = self.unseal(Kind::Device, mark)?;
        let (since, person) = body.split_first_chunk()?;
        let since = Moment::from_unix_millis(u64::from_be_bytes(*since));
        let person = PersonId::new(str::from_utf8(person).ok()?).ok()?;
        (now < since.plus(DEVICE_LIFE)).then_some((person, since))
    }

    fn seal(&self, kind: Kind, mut body: Vec<u8>) -> String {
        let seal = hmac::sign(&self.0, &[kind.label(), &body].concat());
        body.extend(seal.as_ref());
        base64url(&body)
    }

    fn unseal(&self, kind: Kind, text: &str) -> Option<Vec<u8>> {
        if text.len() > MAX_SEALED {
            return None;
        }
        let mut body = from_base64url(text)?;
        let seal = body.split_off(body.len().checked_sub(32)?);
        hmac::verify(&self.0, &[kind.label(), &body].concat(), &seal).ok()?;
        Some(body)
    }
}

impl Offered {
    fn to_bytes(self) -> [u8; 49] {
        let mut bytes = [0; 49];
        let (escalation, rest) = bytes.split_at_mut(16);
        escalation.copy_from_slice(self.escalation.as_bytes());
        let (shown, approves) = rest.split_at_mut(32);
        shown.copy_from_slice(self.shown.as_bytes());
        approves.fill(u8::from(self.approves));
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (escalation, rest) = bytes.split_first_chunk()?;
        let (shown, approves) = rest.split_first_chunk()?;
        let approves = match approves {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        Some(Self {
            escalation: EscalationId::from_random(*escalation),
            shown: RenderingDigest::from_bytes(*shown),
            approves,
        })
    }
}

impl Link {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (offered, rest) = bytes.split_first_chunk::<49>()?;
        let (until, person) = rest.split_first_chunk()?;
        Some(Self {
            offered: Offered::from_bytes(offered)?,
            until: Moment::from_unix_millis(u64::from_be_bytes(*until)),
            person: PersonId::new(str::from_utf8(person).ok()?).ok()?,
        })
    }
}

impl LocalDesk {
    /// The escalation that is offered, if `person` can still answer what they were shown of it.
    ///
    /// # Errors
    /// [`LinkRefused`]: why they can't.
    pub async fn still_open(&self, offered: &Offered, person: &PersonId) -> Result<Docket, LinkRefused> {
        let docket = self.docket(offered.escalation).await.map_err(LinkRefused::Desk)?;
        let case = docket.escalation.case();
        if case.votes().iter().any(|vote| vote.person() == person) {
            return Err(LinkRefused::Used);
        }
        match docket.escalation.status(self.now()) {
            Status::Pending if case.opening().shown != offered.shown => Err(LinkRefused::Changed),
            Status::Pending => Ok(docket),
            status @ (Status::Approved
            | Status::Denied
            | Status::Expired
            | Status::Cancelled
            | Status::Blocked
            | Status::Claimed
            | Status::Lapsed) => Err(LinkRefused::Ended(status)),
        }
    }
}

#[cfg(test)]
mod tests;
