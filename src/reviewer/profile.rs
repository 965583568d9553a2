//! What people set up themselves, beside the roster: passkeys that they enrolled, and how they like to be told.

use crate::escalation::Channel;
use crate::moment::Moment;
use crate::party::PersonId;
use crate::presence::passkey::{CredentialId, CredentialKey, Passkey};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most passkeys that one person can enrol.
pub const MAX_ENROLLED: usize = 16;

/// What one person set up. It is recorded whole with each change of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// How often it was changed; an invitation is good for one revision only.
    pub revision: u64,
    /// The passkeys that they enrolled, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passkeys: Vec<Enrolled>,
    /// How they like to be told, where it is not as the roster says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferences: Option<Preferences>,
    /// Browsers that were known for them until then are not known any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browsers_since: Option<Moment>,
}

/// A passkey that its owner enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    /// The credential's id, in base64url.
    pub id: String,
    /// Its public key, as a roster writes it (SPKI, base64).
    pub key: String,
    /// What its owner calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When.
    pub at: Moment,
    /// How they were known then: `invitation by ada`, `passkey …`, `ssh …`, `account ada@example.com`.
    pub by: String,
}

impl Enrolled {
    /// As a passkey of the roster; `None` if it is none.
    #[must_use]
    pub fn passkey(&self) -> Option<Passkey> {
        Some(Passkey {
            id: CredentialId::parse(&self.id).ok()?,
            key: CredentialKey::parse(&self.key).ok()?,
            name: self.name.as_deref().map(Into::into),
        })
    }
}

/// How somebody likes to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preferences {
    /// What they like best first; empty for as the roster or the policy says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
    /// From when to when, in minutes of their day, only what is urgent is sent. It may go over midnight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<(u16, u16)>,
}

/// How long it may take from the making of a change until it is recorded.
const RECORDING: Duration = Duration::from_secs(10);

/// That somebody's profile was changed, for whoever tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Whose.
    pub person: PersonId,
    /// What was done, and by whom, in words.
    pub what: String,
    /// When.
    pub at: Moment,
    /// Which of their changes it was.
    pub revision: u64,
}

impl Changed {
    /// That a profile was recorded, said in the same words by whoever reads the record: then and after a restart, here
    /// and at every other replica.
    #[must_use]
    pub fn of(person: &PersonId, by: &str, profile: &Profile, at: Moment) -> Self {
        let lately = |then: Moment| then <= at && at.since(then) < RECORDING;
        let what = if profile.passkeys.iter().any(|enrolled| lately(enrolled.at)) {
            "a passkey was enrolled"
        } else if profile.browsers_since.is_some_and(lately) {
            "a passkey was removed, or no browser is known for you any more"
        } else {
            "how you are told, or which browsers are known for you, was changed"
        };
        Self { person: person.clone(), what: format!("{what}: {by}"), at, revision: profile.revision }
    }
}

/// The profiles of all who have one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profiles(BTreeMap<PersonId, Profile>);

impl Profiles {
    /// With this one in the place of what there was.
    pub fn set(&mut self, person: PersonId, profile: Profile) {
        self.0.insert(person, profile);
    }

    /// Somebody's; an empty one if they have none.
    #[must_use]
    pub fn of(&self, person: &PersonId) -> Profile {
        self.0.get(person).cloned().unwrap_or_default()
    }

    /// Everyone's.
    pub fn iter(&self) -> impl Iterator<Item = (&PersonId, &Profile)> {
        self.0.iter()
    }
}
