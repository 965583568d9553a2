//! What people set up themselves comes into force: it is recorded first, and counts at once and after every restart.

use super::InForce;
use crate::audit::event::{Event, Record};
use crate::clock::Clock;
use crate::party::PersonId;
use crate::presence::passkey::{CredentialId, Passkey};
use crate::reviewer::profile::{Changed, Enrolled, MAX_ENROLLED, Profile, Profiles};
use crate::store::follow::Follows;
use crate::store::{Basis, Change, Index, Store, StoreError};
use arc_swap::ArcSwap;
use core::fmt;
use std::sync::Arc;
use tokio::sync::{Mutex, broadcast};

/// The longest name of a passkey, in characters.
pub const MAX_NAME: usize = 64;

/// Why what somebody set up did not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileRefused {
    /// They are not in the roster.
    NoSuchPerson,
    /// The roster does not say for which pages passkeys are.
    NoRelyingParty,
    /// What they set up changed meanwhile; an invitation is used up by that.
    Changed,
    /// They have as many passkeys as anybody can enrol.
    TooMany,
    /// The passkey, or its key, is somebody's already.
    Taken,
    /// They enrolled no such passkey.
    NoSuchPasskey,
    /// Without it they could not sign in any more, and they did not say that they know.
    LastWay,
    /// It could not be recorded.
    Store(StoreError),
}

impl fmt::Display for ProfileRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchPerson => "this person is not in the roster",
            Self::NoRelyingParty => "the roster does not say for which pages passkeys are (`passkeys:`)",
            Self::Changed => "what they set up has changed meanwhile",
            Self::TooMany => "they have enrolled as many passkeys as anybody can",
            Self::Taken => "this passkey is enrolled already",
            Self::NoSuchPasskey => "they have enrolled no such passkey",
            Self::LastWay => "it is the last way in: without it they can't sign in any more",
            Self::Store(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for ProfileRefused {}

/// The profiles as they were last recorded.
///
/// # Errors
/// [`StoreError`] if they can't be read.
pub fn recall(store: &dyn Store) -> Result<Profiles, StoreError> {
    let mut profiles = Profiles::default();
    for index in store.profiles()? {
        let Event::ProfileChanged { person, profile, .. } = store.record(index)?.event else {
            let what = format!("record {index} is not what it was found as: a profile");
            return Err(StoreError::Damaged(what));
        };
        profiles.set(person, *profile);
    }
    Ok(profiles)
}

/// The profiles, and how they change.
pub struct ProfileBook {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    in_force: Arc<ArcSwap<InForce>>,
    /// Held while one is changed.
    changing: Mutex<()>,
    changes: broadcast::Sender<Changed>,
}

impl Follows for ProfileBook {
    fn follow(&self, _: Index, record: &Record) {
        if let Event::ProfileChanged { person, by, profile } = &record.event
            && self.of(person).revision < profile.revision
        {
            self.take(person, profile);
            drop(self.changes.send(Changed::of(person, by, profile, record.at)));
        }
    }
}

impl ProfileBook {
    /// What is in force is what they are merged into.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, in_force: Arc<ArcSwap<InForce>>) -> Self {
        Self { store, clock, in_force, changing: Mutex::default(), changes: broadcast::Sender::new(64) }
    }

    /// All profiles.
    #[must_use]
    pub fn all(&self) -> Arc<Profiles> {
        self.in_force.load().profiles.clone()
    }

    /// What somebody set up.
    #[must_use]
    pub fn of(&self, person: &PersonId) -> Profile {
        self.in_force.load().profiles.of(person)
    }

    /// Each change from now on.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Changed> {
        self.changes.subscribe()
    }

    /// What is in force.
    #[must_use]
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Changes what somebody set up; `by` says who did it and how they were known.
    ///
    /// # Errors
    /// [`ProfileRefused`], also whatever `change` says.
    pub async fn change(
        &self,
        person: &PersonId,
        by: &str,
        change: impl FnOnce(&mut Profile, &InForce) -> Result<(), ProfileRefused> + Send,
    ) -> Result<Profile, ProfileRefused> {
        let _alone = self.changing.lock().await;
        let in_force = self.in_force.load_full();
        if in_force.directory.person(person).is_none() {
            return Err(ProfileRefused::NoSuchPerson);
        }
        // By the record: another replica may have changed it since this one heard of any.
        let basis = Basis::Profile(person.clone());
        let place = self.store.stands(&basis).map_err(ProfileRefused::Store)?;
        let before = self.recorded(person, place).map_err(ProfileRefused::Store)?;
        if before != in_force.profiles.of(person) {
            self.take(person, &before);
            return Err(ProfileRefused::Changed);
        }
        let mut profile = before.clone();
        change(&mut profile, &in_force)?;
        if profile == before {
            return Ok(before);
        }
        profile.revision = before.revision.saturating_add(1);
        let event = Event::ProfileChanged {
            person: person.clone(),
            by: by.to_owned(),
            profile: Box::new(profile.clone()),
        };
        let at = self.clock.now();
        let committed = self.store.commit(Change::of(at, [event]).resting_on(basis, place)).await;
        match committed {
            Ok(_) => {}
            Err(StoreError::Changed(_)) => return Err(ProfileRefused::Changed),
            Err(error) => return Err(ProfileRefused::Store(error)),
        }
        self.take(person, &profile);
        tracing::info!(%person, %by, revision = profile.revision, "what somebody set up has changed");
        // Nobody may be there who tells them.
        drop(self.changes.send(Changed::of(person, by, &profile, at)));
        Ok(profile)
    }

    /// What somebody set up, by the record.
    fn recorded(&self, person: &PersonId, place: Option<Index>) -> Result<Profile, StoreError> {
        let Some(index) = place else { return Ok(Profile::default()) };
        if let Event::ProfileChanged { person: whose, profile, .. } = self.store.record(index)?.event
            && whose == *person
        {
            return Ok(*profile);
        }
        Err(StoreError::Damaged(format!("record {index} is not what it was found as: a profile")))
    }

    /// Puts a profile in force, unless a later one is.
    fn take(&self, person: &PersonId, profile: &Profile) {
        // The roster may be swapped meanwhile.
        self.in_force.rcu(|now| {
            if now.profiles.of(person).revision >= profile.revision {
                return InForce::clone(now);
            }
            let mut profiles = Profiles::clone(&now.profiles);
            profiles.set(person.clone(), profile.clone());
            now.with(Arc::new(profiles))
        });
    }

    /// Enrols a passkey of somebody. `revision` is that of the profile which an invitation was made for.
    ///
    /// # Errors
    /// [`ProfileRefused`].
    pub async fn enrol(
        &self,
        person: &PersonId,
        by: &str,
        revision: Option<u64>,
        passkey: Passkey,
    ) -> Result<(), ProfileRefused> {
        let at = self.clock.now();
        let change = |profile: &mut Profile, in_force: &InForce| {
            if revision.is_some_and(|revision| revision != profile.revision) {
                return Err(ProfileRefused::Changed);
            }
            if in_force.directory.relying_party().is_none() {
                return Err(ProfileRefused::NoRelyingParty);
            }
            if profile.passkeys.len() >= MAX_ENROLLED {
                return Err(ProfileRefused::TooMany);
            }
            if in_force.directory.is_taken(&passkey) {
                return Err(ProfileRefused::Taken);
            }
            profile.passkeys.push(Enrolled {
                id: passkey.id.to_string(),
                key: passkey.key.to_string(),
                name: passkey.name.as_deref().map(|name| name.chars().take(MAX_NAME).collect()),
                at,
                by: by.to_owned(),
            });
            Ok(())
        };
        self.change(person, by, change).await.map(drop)
    }

    /// No browser is known for them any more.
    ///
    /// # Errors
    /// [`ProfileRefused`].
    pub async fn forget_browsers(&self, person: &PersonId, by: &str) -> Result<(), ProfileRefused> {
        let now = self.clock.now();
        let change = |profile: &mut Profile, _: &InForce| {
            profile.browsers_since = Some(now);
            Ok(())
        };
        self.change(person, by, change).await.map(drop)
    }

    /// Removes a passkey that somebody enrolled. `knowing` says that they know what it means if it is the last way in.
    ///
    /// # Errors
    /// [`ProfileRefused`].
    pub async fn remove(
        &self,
        person: &PersonId,
        by: &str,
        credential: &CredentialId,
        knowing: bool,
    ) -> Result<(), ProfileRefused> {
        let named = credential.to_string();
        let now = self.clock.now();
        let change = |profile: &mut Profile, in_force: &InForce| {
            // What it opened goes with it.
            profile.browsers_since = Some(now);
            let before = profile.passkeys.len();
            profile.passkeys.retain(|enrolled| enrolled.id != named);
            if profile.passkeys.len() == before {
                return Err(ProfileRefused::NoSuchPasskey);
            }
            let person = in_force.directory.person(person).ok_or(ProfileRefused::NoSuchPerson)?;
            let others = person.passkeys.iter().any(|passkey| passkey.id != *credential);
            let last = !others && person.keys.is_empty();
            if last && !knowing { Err(ProfileRefused::LastWay) } else { Ok(()) }
        };
        self.change(person, by, change).await.map(drop)
    }
}
