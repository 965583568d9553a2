//! Folding records into the views: which entries each record adds, changes or takes away.

use super::key::{self, Key, Line, State, Txn, Value};
use super::shelf::Trouble;
use crate::audit::filter::Effect;
use crate::party::{EscalationId, SuspensionId};
use crate::store::facts::{Decided, Facts, HolderKey, LogKey, PersonKey, Standing, Step};
use crate::store::{Basis, Index, StoreError};

/// An entry of the views, as it was and as it is from now on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

/// Where entries are looked up that were there before.
pub(super) type Lookup<'a> = &'a dyn Fn(&Key, Expected) -> Result<Option<Value>, Trouble>;

/// What a lookup most likely finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Something that was recorded earlier, if it was.
    Known,
    /// Nothing: the id is new.
    New,
}

/// The entries of some records, on top of those that were there before.
pub(super) struct Draft<'a> {
    before: Lookup<'a>,
    entries: Vec<Entry>,
}

impl<'a> Draft<'a> {
    pub(super) fn on(before: Lookup<'a>) -> Self {
        Self { before, entries: Vec::with_capacity(8) }
    }

    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    fn get(&self, key: &Key, expected: Expected) -> Result<Option<Value>, Trouble> {
        // A change has a handful of entries.
        let own = self.entries.iter().rev().find(|own| own.key == *key);
        own.map_or_else(|| (self.before)(key, expected), |own| Ok(own.after))
    }

    /// Adds an entry that was not there before.
    fn add(&mut self, key: Key, value: Value) {
        self.entries.push(Entry { key, before: None, after: Some(value) });
    }

    fn state(&self, id: EscalationId) -> Result<Option<State>, Trouble> {
        let value = self.get(&key::state(id), Expected::Known)?;
        value.map(|value| State::read(&value).ok_or_else(nonsense)).transpose()
    }

    /// How many records the course of an escalation has.
    pub(super) fn length(&self, id: EscalationId) -> Result<u64, Trouble> {
        Ok(self.state(id)?.map_or(0, |state| state.length))
    }

    /// Folds in the record at `index`, which comes after all that were folded before.
    pub(super) fn fold(&mut self, index: Index, facts: &Facts) -> Result<(), Trouble> {
        if let Some(Decided { txn, agent, action, effect, request }) = facts.decided {
            if let Some(request) = request {
                self.add(key::request(request), key::place(index));
            }
            self.add(key::decision(txn), Txn { decided: Some(index), minted: None }.value());
            let line = |other: &[u8; 16]| Line { effect, other: *other }.value();
            self.add(key::decision_of(agent, index), line(action.as_bytes()));
            self.add(key::decision_for(action, index), line(agent.as_bytes()));
            // Most are allowed: who looks for those finds them anywhere.
            if effect != Effect::Allow {
                self.add(key::decision_with(effect, index), key::nothing());
            }
        }
        if let Some(txn) = facts.told {
            self.add(key::told(txn, index), key::nothing());
        }
        if let Some(txn) = facts.minted {
            let key = key::decision(txn);
            let before = self.get(&key, Expected::Known)?;
            let txn = read_txn(before)?;
            let after = Some(Txn { minted: Some(index), ..txn }.value());
            self.entries.push(Entry { key, before, after });
        }
        if let Some(receipted) = facts.receipted {
            self.add(key::receipt(receipted), key::place(index));
        }
        for habit in facts.habits.into_iter().flatten().flatten() {
            let key = key::habit(habit);
            if self.get(&key, Expected::Known)?.is_none() {
                self.add(key, key::nothing());
            }
        }
        if let Some((agent, at)) = facts.anomaly {
            self.add(key::anomaly(agent, at, index), key::nothing());
        }
        if let Some(step) = facts.step {
            self.step(index, step, facts.minted.is_some())?;
            self.part(step.id, facts)?;
        }
        if facts.suspended.is_some() || facts.resumed.is_some() {
            self.replace(key::suspensions(), key::place(index))?;
        }
        if let Some(id) = facts.suspended {
            self.add(key::suspended(index), key::nothing());
            self.add(key::suspension(id), key::place(index));
        }
        if let Some(id) = facts.resumed {
            self.resume(id)?;
        }
        if let Some(person) = facts.profile {
            self.profile(person, index)?;
        }
        if let Some(log) = facts.shipped {
            let key = key::log(log);
            let before = self.get(&key, Expected::Known)?;
            self.entries.push(Entry { key, before, after: Some(key::place(index)) });
        }
        if let Some((sidecar, standing)) = facts.enrolled {
            self.enrol(sidecar, standing, index)?;
        }
        if let Some(invitation) = facts.invited {
            let key = key::invitation(invitation);
            let before = self.get(&key, Expected::Known)?;
            let after = Some(Txn { decided: Some(index), ..read_txn(before)? }.value());
            self.entries.push(Entry { key, before, after });
        }
        if let Some(invitation) = facts.joined {
            let key = key::invitation(invitation);
            let before = self.get(&key, Expected::Known)?;
            let after = Some(Txn { minted: Some(index), ..read_txn(before)? }.value());
            self.entries.push(Entry { key, before, after });
        }
        if let Some(document) = facts.document {
            self.replace(key::document(document), key::place(index))?;
        }
        Ok(())
    }

    /// Puts a value in the place of the one before.
    fn replace(&mut self, key: Key, after: Value) -> Result<(), Trouble> {
        let before = self.get(&key, Expected::Known)?;
        self.entries.push(Entry { key, before, after: Some(after) });
        Ok(())
    }

    /// Where this was recorded last.
    pub(super) fn stands(&self, what: &Basis) -> Result<Option<Index>, Trouble> {
        let value = self.get(&key::basis(what), Expected::Known)?;
        value.map(|value| key::read_place(&value).ok_or_else(nonsense)).transpose()
    }

    /// Puts a profile in the place of what its person had before.
    fn profile(&mut self, person: PersonKey, index: Index) -> Result<(), Trouble> {
        let key = key::profile_of(person);
        let before = self.get(&key, Expected::Known)?;
        if let Some(place) = before {
            let key = key::profile(key::read_place(&place).ok_or_else(nonsense)?);
            let before = self.get(&key, Expected::Known)?;
            self.entries.push(Entry { key, before, after: None });
        }
        self.entries.push(Entry { key, before, after: Some(key::place(index)) });
        self.add(key::profile(index), key::nothing());
        Ok(())
    }

    /// Puts an enrolment in the place of the sidecar's last one, or takes that away.
    fn enrol(&mut self, sidecar: HolderKey, standing: Standing, index: Index) -> Result<(), Trouble> {
        let key = key::sidecar(sidecar);
        let before = self.get(&key, Expected::Known)?;
        if let Some(place) = before {
            let key = key::enrolment(key::read_place(&place).ok_or_else(nonsense)?);
            let before = self.get(&key, Expected::Known)?;
            self.entries.push(Entry { key, before, after: None });
        }
        self.entries.push(Entry { key, before, after: Some(key::place(index)) });
        if standing == Standing::Enrolled {
            self.add(key::enrolment(index), key::nothing());
        }
        Ok(())
    }

    /// Where the latest leaves of a log were handed over.
    pub(super) fn shipped(&self, log: LogKey) -> Result<Option<Index>, Trouble> {
        let place = self.get(&key::log(log), Expected::Known)?;
        place.map(|place| key::read_place(&place).ok_or_else(nonsense)).transpose()
    }

    /// Notes which decision asked for an escalation, and who takes part in it.
    fn part(&mut self, id: EscalationId, facts: &Facts) -> Result<(), Trouble> {
        let asked = key::asked(id);
        if let Some(txn) = facts.opens {
            let decided = read_txn(self.get(&key::decision(txn), Expected::Known)?)?.decided;
            // A drill is asked for by no decision.
            if let Some(index) = decided {
                self.add(asked, key::place(index));
            }
        }
        if let Some(person) = facts.participant
            && let Some(place) = self.get(&asked, Expected::Known)?
        {
            let key = key::decision_before(person, key::read_place(&place).ok_or_else(nonsense)?);
            if self.get(&key, Expected::Known)?.is_none() {
                self.add(key, key::nothing());
            }
        }
        Ok(())
    }

    /// Takes a suspension away; one that is not there is lifted already.
    fn resume(&mut self, id: SuspensionId) -> Result<(), Trouble> {
        let key = key::suspension(id);
        let Some(place) = self.get(&key, Expected::Known)? else { return Ok(()) };
        let suspended = key::suspended(key::read_place(&place).ok_or_else(nonsense)?);
        let before = self.get(&suspended, Expected::Known)?;
        self.entries.push(Entry { key: suspended, before, after: None });
        self.entries.push(Entry { key, before: Some(place), after: None });
        Ok(())
    }

    fn step(&mut self, index: Index, step: Step, mints: bool) -> Result<(), Trouble> {
        let minted = mints.then_some(index);
        let before = self.state(step.id)?;
        let after = match before {
            None => {
                self.add(key::opened(index), key::escalation(step.id));
                self.add(key::open(index), key::escalation(step.id));
                State { opened: index, last: index, length: 1, minted }
            }
            Some(State { last, .. }) if index <= last => return Err(nonsense()),
            Some(State { opened, length, minted: earlier, .. }) => {
                State { opened, last: index, length: length + 1, minted: earlier.or(minted) }
            }
        };
        let (key, value) = (key::state(step.id), Some(after.value()));
        self.entries.push(Entry { key, before: before.map(State::value), after: value });
        self.add(key::course(step.id, index), key::nothing());
        if step.ends {
            let key = key::open(after.opened);
            let before = self.get(&key, Expected::Known)?;
            self.entries.push(Entry { key, before, after: None });
        }
        Ok(())
    }

    /// Why a record may not come next: what may be recorded once is recorded already.
    pub(super) fn refusal(&self, facts: &Facts) -> Result<Option<StoreError>, Trouble> {
        if let Some(decided) = &facts.decided {
            if let Some(request) = decided.request
                && let Some(place) = self.get(&key::request(request), Expected::New)?
            {
                return Ok(Some(StoreError::Answered(key::read_place(&place).ok_or_else(nonsense)?)));
            }
            let earlier = read_txn(self.get(&key::decision(decided.txn), Expected::New)?)?;
            if let Some(index) = earlier.decided.or(earlier.minted) {
                return Ok(Some(StoreError::Answered(index)));
            }
        }
        if let Some(receipted) = facts.receipted
            && let Some(place) = self.get(&key::receipt(receipted), Expected::Known)?
        {
            return Ok(Some(StoreError::Answered(key::read_place(&place).ok_or_else(nonsense)?)));
        }
        if let Some(invitation) = facts.joined
            && let Some(used) = read_txn(self.get(&key::invitation(invitation), Expected::Known)?)?.minted
        {
            return Ok(Some(StoreError::Answered(used)));
        }
        let Some(txn) = facts.minted else { return Ok(None) };
        let of_escalation = match facts.step {
            Some(step) => self.state(step.id)?.and_then(|state| state.minted).map(|_| step.id),
            None => None,
        };
        if let Some(id) = of_escalation {
            return Ok(Some(StoreError::Moved(id)));
        }
        let minted = read_txn(self.get(&key::decision(txn), Expected::Known)?)?.minted;
        Ok(minted
            .map(|index| facts.step.map_or(StoreError::Answered(index), |step| StoreError::Moved(step.id))))
    }
}

fn read_txn(value: Option<Value>) -> Result<Txn, Trouble> {
    value.map_or(Ok(Txn::default()), |value| Txn::read(&value).ok_or_else(nonsense))
}

/// An entry of the views that was never written like this.
pub(super) fn nonsense() -> Trouble {
    Trouble::Damaged("an entry makes no sense".to_owned())
}
