//! Reviewers: the roster of the people who may be asked, their roles, teams, keys and accounts.
//!
//! A roster is one YAML file (`examples/policies/roster.yaml` explains every key), read as strictly as a policy.
//! Nobody shares a key or an account with another, so that a key or an account always means one person; an address that
//! reaches the same mailbox is the same account.

mod absence;
mod account;
mod attendance;
pub mod check;
pub mod diligence;
mod hours;
mod person;
pub mod profile;
mod roster;
pub mod routing;
pub mod simulation;
mod wall;
pub mod workload;

pub use crate::policy::SourceError as RosterError;
pub use absence::{Absence, AbsenceError, Absences, LONGEST, MAX_ANNOUNCED};
pub use attendance::{Attendance, Presence};
pub use hours::Hours;
pub use person::{DAILY_CAP, Expertise, Person};
pub use wall::Wall;
pub use workload::Workload;

use crate::digest::{RosterDigest, sha256};
use crate::escalation::requirement::{Membership, Pool, Requirement, RoleName, TeamName};
use crate::escalation::vote::Keys;
use crate::party::PersonId;
use crate::presence::passkey::{CredentialId, Passkey, RelyingParty};
use crate::presence::ssh::PublicKey;
use crate::token::Assurance;
use profile::{Enrolled, Profiles};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What keeps a roster's digest apart from every other SHA-256.
const LABEL: &[u8] = b"countersign/roster/v1\n";

/// Everyone who may be asked, and what they may be asked for.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// In the order of the roster, lowest first.
    roles: Vec<RoleName>,
    people: BTreeMap<PersonId, Person>,
    /// For whose pages passkeys are used, if they are.
    relying_party: Option<RelyingParty>,
    by_key: HashMap<Vec<u8>, PersonId>,
    by_account: HashMap<Box<str>, PersonId>,
}

impl Directory {
    /// Reads a roster; `file_name` is what errors call it.
    ///
    /// # Errors
    /// [`RosterError`]: the first problem, with its place.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, RosterError> {
        roster::read(text).map_err(|fault| fault.within(text, file_name))
    }

    /// Reads a roster from the bytes of a file.
    ///
    /// # Errors
    /// As [`Directory::parse`], and for bytes that are not UTF-8.
    pub fn from_bytes(bytes: &[u8], file_name: &str) -> Result<Self, RosterError> {
        Self::parse(crate::policy::utf8(bytes, file_name)?, file_name)
    }

    /// The digest that a roster of this text has: SHA-256 of `countersign/roster/v1`, a line feed, and the text.
    #[must_use]
    pub fn digest_of(text: &str) -> RosterDigest {
        RosterDigest::from_bytes(sha256(&[LABEL, text.as_bytes()]))
    }

    /// The same people with what they set up themselves: passkeys that they enrolled count as those of the roster, unless
    /// the roster has no relying party, the person is not in it, or somebody has that credential or key already.
    #[must_use]
    pub fn with(mut self, profiles: &Profiles) -> Self {
        if self.relying_party.is_none() {
            return self;
        }
        let (mut ids, mut points) = (HashSet::new(), HashSet::new());
        for person in self.people() {
            ids.extend(person.passkeys.iter().map(|passkey| passkey.id.clone()));
            points.extend(person.points());
        }
        for (id, profile) in profiles.iter() {
            for passkey in profile.passkeys.iter().filter_map(Enrolled::passkey) {
                let point = passkey.key.point_bytes();
                if let Some(person) = self.people.get_mut(id)
                    && !ids.contains(&passkey.id)
                    && !points.contains(&point)
                {
                    ids.insert(passkey.id.clone());
                    points.insert(point);
                    person.passkeys.push(passkey);
                }
            }
        }
        self
    }

    /// Whether this credential is somebody's already, or its key is, in whatever form.
    #[must_use]
    pub fn is_taken(&self, passkey: &Passkey) -> bool {
        let point = passkey.key.point_bytes();
        self.owner(&passkey.id).is_some()
            || self.people().any(|person| person.points().any(|own| own == point))
    }

    /// The person of this id.
    #[must_use]
    pub fn person(&self, id: &PersonId) -> Option<&Person> {
        self.people.get(id)
    }

    /// Everyone, by id.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        self.people.values()
    }

    /// The roles, lowest first.
    #[must_use]
    pub fn roles(&self) -> &[RoleName] {
        &self.roles
    }

    /// The teams that anyone belongs to.
    #[must_use]
    pub fn teams(&self) -> BTreeSet<&TeamName> {
        self.people().flat_map(|person| &person.teams).collect()
    }

    /// The place of a role in the order, lowest first.
    #[must_use]
    pub fn rank(&self, role: &RoleName) -> Option<usize> {
        self.roles.iter().position(|other| other == role)
    }

    /// Whose key this is.
    #[must_use]
    pub fn person_of_key(&self, key: &PublicKey) -> Option<&Person> {
        self.people.get(self.by_key.get(key.blob())?)
    }

    /// Whose passkey this is.
    #[must_use]
    pub fn owner(&self, credential: &CredentialId) -> Option<(&Person, &Passkey)> {
        self.people().find_map(|person| {
            let passkey = person.passkeys.iter().find(|passkey| passkey.id == *credential)?;
            Some((person, passkey))
        })
    }

    /// The relying party of everyone's passkeys.
    #[must_use]
    pub const fn relying_party(&self) -> Option<&RelyingParty> {
        self.relying_party.as_ref()
    }

    /// Who is known by this id or by this account, or by an alias of it: compared without case, an e-mail address also
    /// without the tag after its plus and the dot at its end.
    ///
    /// The person an agent acts for is looked up with it, so that they cannot approve their own request (P4).
    #[must_use]
    pub fn person_known_as(&self, name: &str) -> Option<&Person> {
        self.people.get(self.by_account.get(&account::canonical(name))?)
    }

    /// Everyone in this pool.
    #[must_use]
    pub fn members(&self, pool: &Pool) -> BTreeSet<&PersonId> {
        self.people.keys().filter(|person| pool.admits(person, self)).collect()
    }

    /// Everyone who could fill a seat of this requirement.
    #[must_use]
    pub fn eligible(&self, requirement: &Requirement) -> BTreeSet<&PersonId> {
        self.people.keys().filter(|person| requirement.admits(person, self)).collect()
    }
}

impl Keys for Directory {
    fn holds(&self, person: &PersonId, key: &PublicKey) -> bool {
        self.person_of_key(key).is_some_and(|owner| owner.id == *person)
    }

    fn passkey(&self, person: &PersonId, credential: &CredentialId) -> Option<(&Passkey, &RelyingParty)> {
        let passkey = self.person(person)?.passkeys.iter().find(|passkey| passkey.id == *credential)?;
        Some((passkey, self.relying_party.as_ref()?))
    }
}

impl Membership for Directory {
    fn people(&self) -> Vec<PersonId> {
        self.people.keys().cloned().collect()
    }

    fn holds(&self, person: &PersonId, role: &RoleName) -> bool {
        self.person(person).is_some_and(|person| person.roles.contains(role))
    }

    fn belongs(&self, person: &PersonId, team: &TeamName) -> bool {
        self.person(person).is_some_and(|person| person.teams.contains(team))
    }

    /// A role that the roster does not declare is above everyone.
    fn reaches(&self, person: &PersonId, least: &RoleName) -> bool {
        let Some(least) = self.rank(least) else { return false };
        let Some(person) = self.person(person) else { return false };
        person.roles.iter().filter_map(|role| self.rank(role)).any(|rank| rank >= least)
    }

    fn known_as(&self, name: &str) -> Option<PersonId> {
        self.person_known_as(name).map(|person| person.id.clone())
    }

    fn teams(&self, person: &PersonId) -> Vec<TeamName> {
        self.person(person).map(|person| person.teams.iter().cloned().collect()).unwrap_or_default()
    }

    fn manager(&self, person: &PersonId) -> Option<PersonId> {
        self.person(person)?.manager.clone()
    }

    /// The roster alone does not say who is away.
    fn stood_in_for(&self, _person: &PersonId, _least: Assurance) -> Vec<PersonId> {
        Vec::new()
    }

    fn knows(&self, person: &PersonId) -> bool {
        self.people.contains_key(person)
    }
}
