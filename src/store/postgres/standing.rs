//! What stands until it is recorded anew, by the names that the database has for it.

use crate::store::facts::{Facts, HolderKey, LogKey, PersonKey, Standing};
use crate::store::{Basis, Document};

/// The name of something that stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct What {
    kind: &'static str,
    name: Vec<u8>,
}

/// The kinds by which several are looked for.
pub(super) const PROFILE: &str = "profile";
pub(super) const SIDECAR: &str = "sidecar";

impl What {
    fn named(kind: &'static str, name: &[u8]) -> Self {
        Self { kind, name: [kind.as_bytes(), b"/", name].concat() }
    }

    /// A document.
    pub(super) fn document(document: Document) -> Self {
        let name: &[u8] = match document {
            Document::Policy => b"policy",
            Document::Roster => b"roster",
            Document::Absences => b"absences",
        };
        Self::named("document", name)
    }

    /// What a change may rest on.
    pub(super) fn basis(basis: &Basis) -> Self {
        match basis {
            Basis::Document(document) => Self::document(*document),
            Basis::Profile(person) => Self::profile(PersonKey::new(person)),
            Basis::Suspensions => Self::suspensions(),
        }
    }

    fn suspensions() -> Self {
        Self::named("suspensions", b"")
    }

    fn profile(person: PersonKey) -> Self {
        Self::named(PROFILE, person.as_bytes())
    }

    /// How far a log was handed over.
    pub(super) fn log(log: LogKey) -> Self {
        Self::named("log", log.as_bytes())
    }

    /// A sidecar that enrolled.
    pub(super) fn sidecar(sidecar: HolderKey) -> Self {
        Self::named(SIDECAR, sidecar.as_bytes())
    }

    pub(super) const fn kind(&self) -> &'static str {
        self.kind
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.name
    }

    /// What is recorded anew with these facts, and whether it is over with them.
    pub(super) fn of(facts: &Facts) -> Vec<(Self, bool)> {
        let mut all = Vec::new();
        all.extend(facts.document.map(|document| (Self::document(document), false)));
        all.extend(facts.profile.map(|person| (Self::profile(person), false)));
        if facts.suspended.is_some() || facts.resumed.is_some() {
            all.push((Self::suspensions(), false));
        }
        all.extend(facts.shipped.map(|log| (Self::log(log), false)));
        all.extend(
            facts
                .enrolled
                .map(|(sidecar, standing)| (Self::sidecar(sidecar), standing == Standing::Withdrawn)),
        );
        all
    }
}
