//! The policy, the roster and the absences in force at each moment of the record, and how they came to be.

use super::SLACK;
use super::findings::Findings;
use crate::audit::event::Changes;
use crate::digest::PolicyDigest;
use crate::moment::Moment;
use crate::party::{PersonId, TxnId};
use crate::policy::Policy;
use crate::reviewer::profile::{Enrolled, MAX_ENROLLED, Profile, Profiles};
use crate::reviewer::{Absence, Absences, Attendance, Directory};
use std::collections::HashMap;
use std::sync::Arc;

/// A policy as it was loaded.
#[derive(Clone)]
pub(super) struct Rules {
    pub(super) digest: PolicyDigest,
    /// Nothing where this version cannot read it.
    pub(super) policy: Option<Arc<Policy>>,
}

/// Who could be asked, and who was away.
#[derive(Clone, Default)]
struct People {
    /// With the passkeys that they enrolled.
    directory: Arc<Directory>,
    absences: Arc<Absences>,
    /// As the roster has them.
    listed: Arc<Directory>,
    profiles: Arc<Profiles>,
}

impl People {
    fn merged(self) -> Self {
        let directory = Arc::new(Directory::clone(&self.listed).with(&self.profiles));
        Self { directory, ..self }
    }
}

#[derive(Default)]
pub(super) struct Documents {
    changes: Changes,
    policy: Option<Rules>,
    /// The one before, and until when: what was judged under it may have been recorded a little later.
    policy_before: Option<(Rules, Moment)>,
    /// All that were in force before: a sidecar may have decided under one that it had not heard the end of.
    policies_before: HashMap<PolicyDigest, Rules>,
    roster: Option<Box<str>>,
    /// The roster in force stands apart from the record, so that nobody can be judged by it.
    roster_apart: bool,
    people: People,
    people_before: Option<(People, Moment)>,
    /// The changes of documents that were granted, and for what: the digest of the document.
    granted: HashMap<TxnId, Granted>,
}

/// A change of a document that was granted.
pub(super) struct Granted {
    /// `policy` or `roster`.
    pub(super) document: Box<str>,
    /// The digest that it is to have.
    pub(super) to: Box<str>,
}

impl Documents {
    pub(super) fn started(&mut self, changes: Changes, findings: &mut Findings) {
        if (self.changes, changes) == (Changes::Approved, Changes::Free) {
            let words = "from here on a changed policy or roster needs nobody's approval; before it did";
            findings.note("policy.changes_freed", words);
        }
        self.changes = changes;
    }

    /// A change of a document was granted by this decision.
    pub(super) fn grant(&mut self, txn: TxnId, granted: Granted) {
        self.granted.insert(txn, granted);
    }

    pub(super) fn policy(
        &mut self,
        digest: PolicyDigest,
        text: Option<&str>,
        approved: Option<TxnId>,
        at: Moment,
        findings: &mut Findings,
    ) {
        let known = self.policy.as_ref().filter(|rules| rules.digest == digest);
        if let Some(text) = text {
            findings.require(Policy::digest_of(text) == digest, "policy.other_digest", || {
                format!("the text of the policy has not the digest `{digest}`")
            });
        }
        if known.is_some() {
            return;
        }
        if self.policy.is_some() {
            self.approved("policy", &digest.to_string(), approved, findings);
        }
        let policy = text.and_then(|text| Policy::parse(text, "(record)").ok()).map(Arc::new);
        if policy.is_none() {
            findings.note(
                "policy.unreadable",
                "this version cannot read the policy: what it says is not checked",
            );
        }
        let before = self.policy.replace(Rules { digest, policy });
        if let Some(rules) = &before {
            self.policies_before.insert(rules.digest, rules.clone());
        }
        self.policy_before = before.map(|rules| (rules, at));
    }

    pub(super) fn roster(
        &mut self,
        text: Option<&str>,
        approved: Option<TxnId>,
        at: Moment,
        findings: &mut Findings,
    ) {
        self.roster_apart = text.is_none();
        let Some(text) = text else {
            self.roster = None;
            findings
                .note("roster.apart", "the roster stands apart from the record: who may vote is not checked");
            return;
        };
        if self.roster.as_deref() == Some(text) {
            return;
        }
        if self.roster.is_some() {
            self.approved("roster", &Directory::digest_of(text).to_string(), approved, findings);
        }
        match Directory::parse(text, "(record)") {
            Ok(directory) => {
                let next = People { listed: Arc::new(directory), ..self.people.clone() };
                self.people_are(next.merged(), at);
            }
            Err(error) => {
                findings.finding("roster.unreadable", format!("the roster cannot be read: {error}"));
            }
        }
        self.roster = Some(text.into());
    }

    fn people_are(&mut self, next: People, at: Moment) {
        let before = core::mem::replace(&mut self.people, next);
        self.people_before = Some((before, at));
    }

    /// Whether a change names a decision that granted just this.
    fn approved(&self, document: &str, to: &str, approved: Option<TxnId>, findings: &mut Findings) {
        if self.changes == Changes::Free {
            return;
        }
        let Some(txn) = approved else {
            let words = format!("the {document} was changed, and names no decision that allowed it");
            findings.finding("policy.unapproved", words);
            return;
        };
        findings.about(txn);
        match self.granted.get(&txn) {
            None => {
                let words = format!("the {document} was changed, and decision `{txn}` granted no change");
                findings.finding("policy.unapproved", words);
            }
            Some(granted) if *granted.document != *document || *granted.to != *to => {
                let words = format!(
                    "the {document} of digest `{to}` came into force, and decision `{txn}` granted the {} of digest `{}`",
                    granted.document, granted.to
                );
                findings.finding("policy.other_approved", words);
            }
            Some(_) => {}
        }
    }

    pub(super) fn absence(
        &mut self,
        person: &PersonId,
        absence: Option<Absence>,
        recorded: Absences,
        at: Moment,
        findings: &mut Findings,
    ) {
        let mut absences = Absences::clone(&self.people.absences);
        match absence {
            Some(absence) => absences.announce(person, absence, at),
            None => absences.end(person, at),
        }
        findings.require(absences == recorded, "absence.not_followed", || {
            format!("what is said of all absences does not follow from what `{person}` and others announced")
        });
        self.people_are(People { absences: Arc::new(recorded), ..self.people.clone() }, at);
    }

    /// Somebody set up something else: from now on the passkeys that they enrolled count, and no other.
    pub(super) fn profile(
        &mut self,
        person: PersonId,
        profile: Profile,
        at: Moment,
        findings: &mut Findings,
    ) {
        let before = self.people.profiles.of(&person);
        findings.require(
            before.revision.checked_add(1) == Some(profile.revision),
            "profile.not_followed",
            || format!("what `{person}` set up does not follow what they had set up before"),
        );
        // One passkey is added, or one removed, with a change; nothing that stays is touched.
        let kept = profile.passkeys.iter().filter(|enrolled| before.passkeys.contains(enrolled)).count();
        let (added, removed) = (profile.passkeys.len() - kept, before.passkeys.len().saturating_sub(kept));
        let known = self.people.directory.person(&person).is_some();
        let sound = added + removed <= 1 && profile.passkeys.len() <= MAX_ENROLLED && known;
        findings.require(sound, "profile.impossible", || {
            format!("no service lets `{person}` set up what is said here: {added} passkeys more and {removed} less")
        });
        let added = profile.passkeys.iter().filter(|enrolled| !before.passkeys.contains(enrolled));
        for taken in added.filter_map(Enrolled::passkey).filter(|key| self.people.directory.is_taken(key)) {
            findings.finding("profile.taken", format!("the passkey `{}` is somebody's already", taken.id));
        }
        let unusable = profile.passkeys.iter().filter(|enrolled| enrolled.passkey().is_none()).count();
        findings.require(unusable == 0, "profile.unreadable", || {
            format!("{unusable} of the passkeys that `{person}` enrolled are none")
        });
        let mut profiles = Profiles::clone(&self.people.profiles);
        profiles.set(person, profile);
        let next = People { profiles: Arc::new(profiles), ..self.people.clone() };
        self.people_are(next.merged(), at);
    }

    /// The policies that a decision recorded at this moment may have been made under, the likelier first.
    pub(super) fn rules(&self, at: Moment) -> impl Iterator<Item = &Rules> {
        let before = self.policy_before.as_ref().filter(move |(_, until)| at <= until.plus(SLACK));
        self.policy.iter().chain(before.map(|(rules, _)| rules))
    }

    /// The policy of this digest, if it was in force before.
    pub(super) fn earlier(&self, digest: PolicyDigest) -> Option<&Rules> {
        self.policies_before.get(&digest)
    }

    /// Whether this holds by the roster and the absences of this moment, or by those that were in force just before.
    pub(super) fn hold(&self, at: Moment, holds: impl Fn(&Attendance<'_>) -> bool) -> bool {
        let by = |people: &People| holds(&Attendance::new(&people.directory, &people.absences, at));
        let before = self.people_before.as_ref().filter(|(_, until)| at <= until.plus(SLACK));
        self.roster_apart || by(&self.people) || before.is_some_and(|(people, _)| by(people))
    }

    /// Whether it is known who may vote.
    pub(super) const fn know_people(&self) -> bool {
        !self.roster_apart
    }

    /// The directories of this moment, the likelier first.
    pub(super) fn directories(&self, at: Moment) -> impl Iterator<Item = &Directory> {
        let before = self.people_before.as_ref().filter(move |(_, until)| at <= until.plus(SLACK));
        core::iter::once(&*self.people.directory).chain(before.map(|(people, _)| &*people.directory))
    }

    /// Does this by the roster and the absences of this moment.
    pub(super) fn with<T>(&self, at: Moment, does: impl FnOnce(&Attendance<'_>) -> T) -> T {
        does(&Attendance::new(&self.people.directory, &self.people.absences, at))
    }
}
