//! The sessions that are held, and the questions that were answered.

use super::{IDLE_LIFE, KnownBy, MAX_SESSIONS, MAX_SIGN_INS, SignInRefused, has_account};
use crate::digest::base64url;
use crate::escalation::vote::Keys as _;
use crate::moment::Moment;
use crate::party::PersonId;
use crate::presence::passkey::{Counter, CredentialId, Passkey};
use crate::presence::ssh::PublicKey;
use crate::reviewer::Directory;
use core::time::Duration;
use std::collections::HashMap;

/// What a session began with; it lasts no longer than the roster has that.
pub(super) enum Means {
    /// An SSH key.
    Key(Box<PublicKey>),
    /// A passkey.
    Passkey(Box<Passkey>),
    /// An account that the provider vouched for.
    Provider(Box<str>),
}

impl Means {
    pub(super) fn known_by(&self) -> KnownBy {
        match self {
            Self::Key(key) => KnownBy::Key(key.fingerprint().into()),
            Self::Passkey(passkey) => KnownBy::Passkey(passkey.id.clone()),
            Self::Provider(account) => KnownBy::Provider(account.clone()),
        }
    }
}

/// Somebody who is signed in.
pub(super) struct Session {
    pub(super) person: PersonId,
    pub(super) means: Means,
    since: Moment,
    life: Duration,
    pub(super) used: Moment,
    /// When other replicas were last told that it is used.
    pub(super) marked: Option<Moment>,
}

impl Session {
    pub(super) const fn new(person: PersonId, means: Means, now: Moment, life: Duration) -> Self {
        Self { person, means, since: now, life, used: now, marked: None }
    }

    /// Since when, and for how long at most.
    pub(super) const fn span(&self) -> (Moment, Duration) {
        (self.since, self.life)
    }

    /// As its person sees it.
    pub(super) fn listed(&self, id: String, own: bool) -> Listed {
        let (by, since, used, until) = (self.means.known_by(), self.since, self.used, self.until());
        Listed { id, by, since, used, until, own }
    }

    /// When it ends if it is not used any more.
    pub(super) fn until(&self) -> Moment {
        self.since.plus(self.life).min(self.used.plus(IDLE_LIFE))
    }

    pub(super) fn over(&self, now: Moment) -> bool {
        now >= self.until()
    }

    /// Whether what it began with is still its person's.
    pub(super) fn holds(&self, directory: &Directory) -> bool {
        match &self.means {
            Means::Key(key) => directory.holds(&self.person, key),
            Means::Passkey(own) => {
                let known = directory.passkey(&self.person, &own.id);
                known.is_some_and(|(passkey, _)| passkey.key == own.key)
            }
            Means::Provider(account) => {
                directory.person(&self.person).is_some_and(|person| has_account(person, account))
            }
        }
    }
}

/// A session as its person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What it is called here; it opens nothing.
    pub id: String,
    /// How it began.
    pub by: KnownBy,
    /// When it began.
    pub since: Moment,
    /// When it was last used.
    pub used: Moment,
    /// When it ends if it is not used any more.
    pub until: Moment,
    /// Whether it is the one that asks.
    pub own: bool,
}

/// What a session is called in a list.
pub(super) fn name(token: &[u8; 32]) -> String {
    base64url(token.split_at(9).0)
}

#[derive(Default)]
pub(super) struct State {
    /// By the SHA-256 of its token.
    pub(super) sessions: HashMap<[u8; 32], Session>,
    /// The challenges that were answered, until they end.
    pub(super) answered: HashMap<PersonId, Vec<([u8; 32], Moment)>>,
    /// What the counters of passkeys stood at when they last signed somebody in.
    counters: HashMap<CredentialId, Counter>,
}

impl State {
    /// Drops what is over. What is left is bounded by the people whom the roster has.
    pub(super) fn forget(&mut self, now: Moment) {
        self.sessions.retain(|_, session| !session.over(now));
        self.answered.retain(|_, challenges| {
            challenges.retain(|(_, until)| *until > now);
            !challenges.is_empty()
        });
    }

    pub(super) fn answer(
        &mut self,
        person: &PersonId,
        nonce: [u8; 32],
        until: Moment,
    ) -> Result<(), SignInRefused> {
        let answered = self.answered.entry(person.clone()).or_default();
        if answered.iter().any(|(other, _)| *other == nonce) {
            return Err(SignInRefused::Answered);
        }
        if answered.len() >= MAX_SIGN_INS {
            return Err(SignInRefused::TooMany);
        }
        answered.push((nonce, until));
        Ok(())
    }

    pub(super) fn begin(&mut self, token: [u8; 32], session: Session) {
        let theirs = self.sessions.iter().filter(|(_, other)| other.person == session.person);
        let theirs: Vec<(Moment, [u8; 32])> = theirs.map(|(token, other)| (other.since, *token)).collect();
        if theirs.len() >= MAX_SESSIONS
            && let Some((_, oldest)) = theirs.into_iter().min()
        {
            self.sessions.remove(&oldest);
        }
        self.sessions.insert(token, session);
    }

    /// Whether the counter has risen since this passkey last signed somebody in; from now on it stands there.
    pub(super) fn count(&mut self, credential: &CredentialId, counter: Counter) -> Result<(), SignInRefused> {
        let last = self.counters.get(credential).copied().unwrap_or_default();
        counter.check_after(last).map_err(SignInRefused::Passkey)?;
        if counter > last {
            self.counters.insert(credential.clone(), counter);
        }
        Ok(())
    }

    pub(super) fn list(&self, person: &PersonId, own: &[u8; 32], now: Moment) -> Vec<Listed> {
        let theirs = self.sessions.iter().filter(|(_, one)| one.person == *person && !one.over(now));
        let listed = theirs.map(|(token, session)| session.listed(name(token), token == own));
        let mut listed: Vec<Listed> = listed.collect();
        listed.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.id.cmp(&b.id)));
        listed
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DAY_LIFE, SESSION_LIFE};
    use super::*;

    #[test]
    fn a_session_ends_when_it_is_not_used_and_at_the_end_of_its_day() {
        let start = Moment::from_unix_seconds(1_800_000_000);
        let ada = PersonId::new("ada").unwrap();
        let begin = |life| Session::new(ada.clone(), Means::Provider("ada@example.com".into()), start, life);
        let mut day = begin(DAY_LIFE);
        assert_eq!(day.until(), start.plus(IDLE_LIFE));
        for hour in 1..20 {
            day.used = start.plus(IDLE_LIFE / 2 * hour);
        }
        assert_eq!(day.until(), start.plus(DAY_LIFE), "however much it is used");
        assert!(day.over(day.until()) && !day.over(start.plus(DAY_LIFE / 2)));
        assert_eq!(begin(SESSION_LIFE).until(), start.plus(SESSION_LIFE));
    }
}
