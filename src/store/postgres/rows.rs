//! The rows that a batch adds, gathered by table: each table is written with one statement, whatever the batch holds.

use super::judge::{Invited, Known, Ready, State, receipt};
use super::standing::What;
use crate::digest::{InvitationDigest, ValueDigest};
use crate::moment::Moment;
use crate::party::{EscalationId, SuspensionId};
use crate::store::facts::PersonKey;
use crate::store::{Index, StoreError};
use crate::tlog::Hash;
use std::collections::BTreeMap;

/// A column of names or hashes.
pub(super) type Bytes = Vec<Vec<u8>>;

/// Columns to be inserted, by table.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) records: Records,
    pub(super) nodes: (Vec<i16>, Vec<i64>, Bytes),
    pub(super) requests: (Bytes, Vec<i64>),
    pub(super) decisions: Decisions,
    pub(super) mints: (Bytes, Vec<i64>),
    pub(super) receipts: (Bytes, Bytes, Vec<i64>),
    pub(super) courses: (Bytes, Vec<i64>, Vec<i64>),
    pub(super) told: (Bytes, Vec<i64>),
    pub(super) anomalies: (Bytes, Vec<i64>, Vec<i64>),
    pub(super) habits: Bytes,
    pub(super) parts: (Bytes, Vec<i64>),
    pub(super) kept: (Bytes, Bytes),
    pub(super) erased: Bytes,
    pub(super) lifted: Bytes,
    suspended: BTreeMap<Index, SuspensionId>,
    standing: BTreeMap<What, (i64, bool)>,
    invitations: BTreeMap<InvitationDigest, Invited>,
    escalations: BTreeMap<EscalationId, State>,
}

#[derive(Default)]
pub(super) struct Records {
    pub(super) places: Vec<i64>,
    pub(super) at: Vec<i64>,
    pub(super) kinds: Vec<&'static str>,
    pub(super) hashes: Bytes,
    pub(super) leaves: Bytes,
}

#[derive(Default)]
pub(super) struct Decisions {
    pub(super) txns: Bytes,
    pub(super) places: Vec<i64>,
    pub(super) at: Vec<i64>,
    pub(super) agents: Bytes,
    pub(super) actions: Bytes,
    pub(super) effects: Vec<&'static str>,
    pub(super) escalations: Vec<Option<Vec<u8>>>,
}

/// The columns of the escalations' states.
#[derive(Default)]
pub(super) struct Escalations {
    pub(super) ids: Bytes,
    pub(super) opened: Vec<i64>,
    pub(super) last: Vec<i64>,
    pub(super) lengths: Vec<i64>,
    pub(super) minted: Vec<Option<i64>>,
    pub(super) asked: Vec<Option<i64>>,
    pub(super) open: Vec<bool>,
}

/// A place as a column holds it.
///
/// # Errors
/// Where the log has become longer than a column can tell.
pub(super) fn place_of(index: Index) -> Result<i64, StoreError> {
    i64::try_from(index).map_err(|_| StoreError::Unavailable("the log is full".to_owned()))
}

/// A number that is known to fit, as a column holds it.
fn number(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

/// A moment as a column holds it.
pub(super) fn moment(at: Moment) -> i64 {
    number(at.unix_millis())
}

impl Rows {
    /// Whether there is nothing to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.records.places.is_empty()
    }

    /// Keeps a hash of the tree that the leaf at `index` completes. Those of the leaves are in their records.
    pub(super) fn node(&mut self, level: u8, index: Index, hash: Hash) {
        if level > 0 {
            let (levels, places, hashes) = &mut self.nodes;
            levels.push(level.into());
            places.push(number(index >> (u32::from(level) * 8).min(63)));
            hashes.push(hash.as_bytes().to_vec());
        }
    }

    /// Adds what follows from a record that is taken; `first` is its change's first one.
    pub(super) fn record(&mut self, first: Index, index: Index, ready: &Ready, known: &Known) {
        let (place, at, facts) = (number(index), moment(ready.at), &ready.facts);
        self.records.places.push(place);
        self.records.at.push(at);
        self.records.kinds.push(ready.kind);
        self.records.hashes.push(ready.hash.as_bytes().to_vec());
        self.records.leaves.push(ready.leaf.clone());
        for kept in &ready.kept {
            self.kept.0.push(kept.value.as_bytes().to_vec());
            self.kept.1.push(kept.bytes.clone());
        }
        self.erased.extend(ready.erases.as_ref().map(bytes_of));
        if let Some(decided) = &facts.decided {
            if let Some(request) = decided.request {
                self.requests.0.push(request.as_bytes().to_vec());
                self.requests.1.push(place);
            }
            let decisions = &mut self.decisions;
            decisions.txns.push(decided.txn.as_bytes().to_vec());
            decisions.places.push(place);
            decisions.at.push(at);
            decisions.agents.push(decided.agent.as_bytes().to_vec());
            decisions.actions.push(decided.action.as_bytes().to_vec());
            decisions.effects.push(decided.effect.as_str());
            decisions.escalations.push(ready.asks.map(|id| id.as_bytes().to_vec()));
        }
        if let Some(txn) = facts.told {
            self.told.0.push(txn.as_bytes().to_vec());
            self.told.1.push(place);
        }
        if let Some(txn) = facts.minted {
            self.mints.0.push(txn.as_bytes().to_vec());
            self.mints.1.push(place);
        }
        if let Some(receipted) = &facts.receipted {
            self.receipts.0.push(receipt(receipted).to_vec());
            self.receipts.1.push(receipted.txn.as_bytes().to_vec());
            self.receipts.2.push(place);
        }
        let habits = facts.habits.iter().flatten().flatten();
        self.habits.extend(habits.map(|habit| habit.as_bytes().to_vec()));
        if let Some((agent, _)) = facts.anomaly {
            self.anomalies.0.push(agent.as_bytes().to_vec());
            self.anomalies.1.push(at);
            self.anomalies.2.push(place);
        }
        if let Some(step) = facts.step {
            self.courses.0.push(step.id.as_bytes().to_vec());
            self.courses.1.push(place);
            self.courses.2.push(number(first));
            if let Some(state) = known.escalations.get(&step.id) {
                self.part(facts.participant, state);
                self.escalations.insert(step.id, *state);
            }
        }
        if let Some(id) = facts.suspended {
            self.suspended.insert(index, id);
        }
        if let Some(id) = facts.resumed {
            self.suspended.retain(|_, suspended| *suspended != id);
            self.lifted.push(id.as_bytes().to_vec());
        }
        self.standing.extend(What::of(facts).into_iter().map(|(what, is_over)| (what, (place, is_over))));
        for invitation in facts.invited.into_iter().chain(facts.joined) {
            let invited = known.invitations.get(&invitation).copied().unwrap_or_default();
            self.invitations.insert(invitation, invited);
        }
    }

    /// Notes that somebody takes part in an escalation, where a decision asked for it: a drill is asked for by none.
    fn part(&mut self, person: Option<PersonKey>, state: &State) {
        if let (Some(person), Some(asked)) = (person, state.asked) {
            self.parts.0.push(person.as_bytes().to_vec());
            self.parts.1.push(number(asked));
        }
    }

    /// The suspensions that are not lifted.
    pub(super) fn suspended(&self) -> (Vec<i64>, Bytes) {
        self.suspended.iter().map(|(index, id)| (number(*index), id.as_bytes().to_vec())).unzip()
    }

    /// What stands from now on.
    pub(super) fn standing(&self) -> (Bytes, Vec<&'static str>, Vec<i64>, Vec<bool>) {
        let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (what, (place, is_over)) in &self.standing {
            columns.0.push(what.as_bytes().to_vec());
            columns.1.push(what.kind());
            columns.2.push(*place);
            columns.3.push(*is_over);
        }
        columns
    }

    /// The join tokens that were made or used.
    pub(super) fn invitations(&self) -> (Bytes, Vec<Option<i64>>, Vec<Option<i64>>) {
        let mut columns = (Vec::new(), Vec::new(), Vec::new());
        for (invitation, invited) in &self.invitations {
            columns.0.push(invitation.as_bytes().to_vec());
            columns.1.push(invited.made.map(number));
            columns.2.push(invited.used.map(number));
        }
        columns
    }

    /// The states that escalations have after the batch.
    pub(super) fn escalations(&self) -> Escalations {
        let mut columns = Escalations::default();
        for (id, state) in &self.escalations {
            columns.ids.push(id.as_bytes().to_vec());
            columns.opened.push(number(state.opened));
            columns.last.push(number(state.last));
            columns.lengths.push(number(state.length));
            columns.minted.push(state.minted.map(number));
            columns.asked.push(state.asked.map(number));
            columns.open.push(state.is_open);
        }
        columns
    }
}

fn bytes_of(value: &ValueDigest) -> Vec<u8> {
    value.as_bytes().to_vec()
}
