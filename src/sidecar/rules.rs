//! Rules that come from the desk: a policy and a roster, taken whole or not at all.

use super::reload::Next;
use super::{InForce, Sidecar};
use crate::audit::event::Event;
use crate::moment::Moment;
use crate::reviewer::profile::Profiles;
use crate::store::{Change, Document, Store, StoreError};
use std::sync::Arc;

/// A policy and a roster that were read and checked together.
#[derive(Debug)]
pub struct Rules(Next);

impl Rules {
    /// Reads and checks both.
    ///
    /// # Errors
    /// What is wrong with either.
    pub fn compile(policy: &[u8], roster: &[u8]) -> Result<Self, String> {
        Next::compile(("the desk's policy", policy), ("the desk's roster", roster)).map(Self)
    }

    /// Those that the record has in force; nothing where it never had any.
    ///
    /// # Errors
    /// [`StoreError`] if they can't be read.
    pub fn recall(store: &dyn Store) -> Result<Option<Self>, StoreError> {
        let recorded = |document| {
            let index = store.in_force(document)?;
            index.map(|index| store.record(index).map(|record| record.event)).transpose()
        };
        let (Some(Event::PolicyLoaded { text: policy, .. }), Some(Event::RosterLoaded { text: roster, .. })) =
            (recorded(Document::Policy)?, recorded(Document::Roster)?)
        else {
            return Ok(None);
        };
        let compiled = Self::compile(policy.as_bytes(), roster.as_bytes());
        compiled.map(Some).map_err(|error| StoreError::Damaged(format!("the rules on record: {error}")))
    }

    /// What the record says when they come into force.
    #[must_use]
    pub fn events(&self) -> [Event; 2] {
        let Next { policy, roster_text, .. } = &self.0;
        let (digest, text) = (policy.digest(), policy.text().to_owned());
        [
            Event::PolicyLoaded { digest, text, approved: None },
            Event::RosterLoaded { text: roster_text.clone(), approved: None },
        ]
    }

    /// In force since a moment.
    #[must_use]
    pub fn in_force(self, since: Moment) -> InForce {
        let Next { policy, directory, roster, .. } = self.0;
        InForce::new(policy, directory, roster, since, Arc::new(Profiles::default()))
    }
}

impl Sidecar {
    /// Brings rules into force once that is recorded; what changes nothing is not recorded.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be recorded: then what was in force stays so.
    pub async fn take_rules(&self, rules: Rules) -> Result<bool, StoreError> {
        let before = self.in_force.load_full();
        let same = (before.policy.digest() == rules.0.policy.digest(), before.roster == rules.0.roster);
        let [policy, roster] = rules.events();
        let changed = [(policy, same.0), (roster, same.1)].into_iter();
        let changed: Vec<Event> = changed.filter(|(_, same)| !same).map(|(event, _)| event).collect();
        if changed.is_empty() {
            return Ok(false);
        }
        let now = self.clock.now();
        self.store.commit(Change::of(now, changed)).await?;
        self.in_force.store(Arc::new(rules.in_force(now).with(before.profiles.clone())));
        self.metrics.reloaded("taken");
        Ok(true)
    }
}
