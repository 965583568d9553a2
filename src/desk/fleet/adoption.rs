//! Adoption: which leaves of a sidecar's log become records of the desk, and which of them may not.

use super::{Fleet, FleetError, Member, Value};
use crate::audit::apart;
use crate::audit::event::{Adopted, Decided, Event, Minted, Record, RecordError, WhyApart};
use crate::decision::Outcome;
use crate::escalation::Escalation;
use crate::operation::Operation;
use crate::party::{EscalationId, TxnId};
use crate::token::{Draft, LogLeaf};
use std::collections::{BTreeMap, BTreeSet};

/// The longest batch in bytes, values and all.
const MAX_BATCH: usize = 8 * 1024 * 1024;

/// What of this batch was judged already.
#[derive(Default)]
struct Batch {
    /// What was decided, whether it allows by itself, and the escalation that it asks for.
    decided: BTreeMap<TxnId, (bool, Option<EscalationId>)>,
    minted: BTreeSet<TxnId>,
}

impl Fleet {
    /// The records that are adopted from these leaves, which come next in this sidecar's log.
    pub(super) fn adopted(
        &self,
        member: &Member,
        first: u64,
        leaves: &[Vec<u8>],
        values: &[Value],
    ) -> Result<Vec<Record>, FleetError> {
        let bytes = leaves.iter().map(Vec::len).chain(values.iter().map(|value| value.bytes.len()));
        if bytes.sum::<usize>() > MAX_BATCH {
            return Err(FleetError::Malformed("the batch is too long"));
        }
        let (mut batch, mut records) = (Batch::default(), Vec::new());
        for (index, leaf) in (first..).zip(leaves) {
            let refused = |why: String| FleetError::NotAdopted { index, why };
            let record = read(leaf).map_err(refused)?;
            if !record.event.is_adopted_by_desks() {
                continue;
            }
            let record = whole(record, values).map_err(refused)?;
            if !self.judge(member, index, &record, &mut batch)? {
                continue;
            }
            let from = Adopted { origin: member.origin.clone(), index, at: record.at };
            records.push(Record { from: Some(from), ..record });
        }
        Ok(records)
    }

    /// Whether a record is adopted; `false` where it is on record already by another way.
    fn judge(
        &self,
        member: &Member,
        index: u64,
        record: &Record,
        batch: &mut Batch,
    ) -> Result<bool, FleetError> {
        let refuse = |why: &str| Err(FleetError::NotAdopted { index, why: why.to_owned() });
        if record.at > self.clock.now().plus(crate::token::CALL_SKEW) {
            return refuse("it is dated in the future: the sidecar's clock is ahead");
        }
        if let Event::Decided(decided) = &record.event {
            if let Err(why) = self.may_decide(member, decided, record.apart.contains_key("/op"), batch)? {
                return Err(FleetError::NotAdopted { index, why });
            }
            let allows = matches!(decided.decision.outcome, Outcome::Allow { .. });
            batch.decided.insert(decided.txn, (allows, decided.escalation));
            return Ok(true);
        }
        if let Event::Minted(minted) = &record.event {
            if let Err(why) = self.may_mint(member, index, minted, batch)? {
                return Err(FleetError::NotAdopted { index, why });
            }
            batch.minted.insert(minted.txn);
            return Ok(true);
        }
        let Some(txn) = record.event.txn() else { return refuse("it is of no decision") };
        if self.decision_of(member, txn, batch)?.is_none() {
            return refuse("it is about a decision that is not this sidecar's");
        }
        if let Event::Reported(reported) = &record.event
            && reported.agent != member.role.agent
        {
            return refuse("another agent reports");
        }
        if let Event::Receipted(receipted) = &record.event {
            // An executor may have brought it to the desk, too.
            for known in self.store.receipts(txn)? {
                if let Event::Receipted(known) = self.store.record(known)?.event
                    && known.receipt == receipted.receipt
                {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Whether a decision is this sidecar's to make; the inner error says why not.
    fn may_decide(
        &self,
        member: &Member,
        decided: &Decided,
        apart: bool,
        batch: &Batch,
    ) -> Result<Result<(), String>, FleetError> {
        if decided.agent != member.role.agent {
            return Ok(Err(format!(
                "`{}` asks, and this sidecar speaks for `{}`",
                decided.agent, member.role.agent
            )));
        }
        if batch.decided.contains_key(&decided.txn) || self.store.decided(decided.txn)?.is_some() {
            return Ok(Err("a decision of this id is recorded already".to_owned()));
        }
        // What is secret stays with the sidecar, and its operation stands for itself here.
        let operation = Operation::from_op_bytes(decided.op.as_bytes());
        if !operation.is_ok_and(|operation| apart || operation.digest() == decided.digest) {
            return Ok(Err("its operation is not the one that its digest names".to_owned()));
        }
        let escalates = matches!(decided.decision.outcome, Outcome::Escalate(_));
        match decided.escalation {
            Some(_) if !escalates => return Ok(Err("it names an escalation, and asks nobody".to_owned())),
            None if escalates => return Ok(Err("it asks people, and names no escalation".to_owned())),
            Some(id) if !self.store.course(id)?.records.is_empty() => {
                return Ok(Err("its escalation is open already".to_owned()));
            }
            Some(id) if batch.decided.values().any(|(_, other)| *other == Some(id)) => {
                return Ok(Err("two decisions ask for one escalation".to_owned()));
            }
            Some(_) | None => {}
        }
        if self.policies.of(decided.decision.policy)?.is_none() {
            return Ok(Err("it was decided under a policy that was never in force here".to_owned()));
        }
        Ok(Ok(()))
    }

    /// Whether a token is this sidecar's to mint; the inner error says why not.
    fn may_mint(
        &self,
        member: &Member,
        index: u64,
        minted: &Minted,
        batch: &Batch,
    ) -> Result<Result<(), String>, FleetError> {
        let enrolled = &member.enrolled;
        // A key that was renewed more than once since then minted it: the record knows whose it was.
        let own = [Some(enrolled.authority), enrolled.replaces].contains(&Some(minted.kid));
        if !own && !self.was_its_key(member, minted.kid)? {
            return Ok(Err("the token is signed by a key that is not this sidecar's".to_owned()));
        }
        let leaf = LogLeaf { origin: member.origin.clone(), index };
        let claims = Draft::from_recorded(minted.claims.as_bytes()).and_then(|draft| draft.read(&leaf).ok());
        let Some(claims) = claims else {
            return Ok(Err("what was minted is no token".to_owned()));
        };
        if claims.subject != member.role.agent || claims.txn != minted.txn || claims.jti != minted.jti {
            return Ok(Err("the token is for another agent or decision".to_owned()));
        }
        let Some((allows, escalation)) = self.decision_of(member, minted.txn, batch)? else {
            return Ok(Err("the token is of a decision that is not this sidecar's".to_owned()));
        };
        if batch.minted.contains(&minted.txn) || self.store.minted(minted.txn)?.is_some() {
            return Ok(Err("a token was minted for this decision before".to_owned()));
        }
        if minted.escalation != escalation {
            return Ok(Err("the token names another escalation than its decision".to_owned()));
        }
        match escalation {
            None if allows => Ok(Ok(())),
            None => Ok(Err("a token was minted for what was denied".to_owned())),
            Some(id) => {
                let claimed = matches!(self.desk.read(id), Ok(docket) if matches!(docket.escalation, Escalation::Claimed(_)));
                Ok(claimed.then_some(()).ok_or_else(|| "nobody approved what the token is for".to_owned()))
            }
        }
    }

    /// Whether a key was certified for this sidecar before the ones that it has now.
    fn was_its_key(&self, member: &Member, kid: crate::digest::KeyId) -> Result<bool, FleetError> {
        let mut replaced = member.enrolled.replaces;
        let mut before = member.index;
        // From each enrolment back to the one that it renewed.
        for _ in 0..16 {
            let Some(wanted) = replaced else { return Ok(false) };
            if wanted == kid {
                return Ok(true);
            }
            let Some((index, next)) = self.enrolment_of(member, wanted, before)? else { return Ok(false) };
            (before, replaced) = (index, next);
        }
        Ok(false)
    }

    /// Where the enrolment with this key is, looking back from another, and which key it replaced.
    fn enrolment_of(
        &self,
        member: &Member,
        kid: crate::digest::KeyId,
        before: u64,
    ) -> Result<Option<(u64, Option<crate::digest::KeyId>)>, FleetError> {
        for index in (before.saturating_sub(100_000)..before).rev() {
            if let Event::Enrolled(enrolled) = self.store.record(index)?.event
                && enrolled.sidecar == member.sidecar
                && enrolled.authority == kid
            {
                return Ok(Some((index, enrolled.replaces)));
            }
        }
        Ok(None)
    }

    /// Whether a decision of this sidecar's log allows by itself, and the escalation that it asks for.
    fn decision_of(
        &self,
        member: &Member,
        txn: TxnId,
        batch: &Batch,
    ) -> Result<Option<(bool, Option<EscalationId>)>, FleetError> {
        if let Some(found) = batch.decided.get(&txn) {
            return Ok(Some(*found));
        }
        let Some(index) = self.store.decided(txn)? else { return Ok(None) };
        let record = self.store.record(index)?;
        let own = record.from.as_ref().is_some_and(|from| from.origin == member.origin);
        let Event::Decided(decided) = record.event else { return Ok(None) };
        let allows = matches!(decided.decision.outcome, Outcome::Allow { .. });
        Ok(own.then_some((allows, decided.escalation)))
    }
}

/// Reads a leaf, and refuses what this version would not write back as it is.
fn read(leaf: &[u8]) -> Result<Record, String> {
    if leaf.len() > apart::MAX_LEAF {
        return Err("it is longer than any leaf is".to_owned());
    }
    let newer = |error: RecordError| format!("{error}; is the sidecar newer than its desk?");
    let record = Record::from_bytes(leaf).map_err(newer)?;
    if record.from.is_some() {
        return Err("it was adopted from another log".to_owned());
    }
    match record.to_canonical().map_err(newer)? == leaf {
        true => Ok(record),
        false => {
            Err("it is not in the one form that a record has; is the sidecar newer than its desk?".to_owned())
        }
    }
}

/// Puts back what stands apart only because it is long.
fn whole(leaf: Record, values: &[Value]) -> Result<Record, String> {
    let joined = apart::join(leaf, &mut |apart| {
        let value = values.iter().find(|value| value.digest == apart.value);
        Ok(value.filter(|_| apart.why == WhyApart::Large).map(|value| value.bytes.clone()))
    });
    joined.map_err(|error| error.to_string())
}
