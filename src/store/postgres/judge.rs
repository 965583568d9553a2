//! Judging: which of the changes that wait may be recorded, in order, given what is recorded already.

use super::rows::{Rows, place_of};
use super::standing::What;
use crate::audit::apart::{self, Kept, SALT, Split};
use crate::audit::event::{Event, Record, RecordError, RequestKey};
use crate::digest::{InvitationDigest, ValueDigest};
use crate::entropy::{Entropy as _, SystemEntropy};
use crate::moment::Moment;
use crate::operation::json::{Fault, ReadError as ReadFault};
use crate::party::{EscalationId, TxnId};
use crate::store::facts::{Facts, LogKey, Receipted};
use crate::store::{Change, Index, StoreError};
use crate::tlog::{Frontier, Hash, leaf_hash};
use core::ops::Range;
use core::time::Duration;
use std::collections::HashMap;

/// A change on its way to the writer.
pub(super) struct Submission {
    pub(super) records: Vec<Record>,
    pub(super) ready: Vec<Ready>,
    /// The escalations that were read for it, with the number of records each had.
    pub(super) read: Vec<(EscalationId, usize)>,
    /// What else it rests on, with the places where that was recorded last.
    pub(super) rests: Vec<Rest>,
    /// How many bytes it has.
    pub(super) bytes: usize,
}

/// A record in its canonical form.
pub(super) struct Ready {
    pub(super) leaf: Vec<u8>,
    pub(super) hash: Hash,
    pub(super) at: Moment,
    pub(super) kind: &'static str,
    pub(super) facts: Facts,
    /// The escalation that a decision asks for.
    pub(super) asks: Option<EscalationId>,
    /// The value that is erased with it.
    pub(super) erases: Option<ValueDigest>,
    pub(super) kept: Vec<Kept>,
}

impl Ready {
    pub(super) fn of(record: &Record) -> Result<Self, StoreError> {
        let Split { leaf, kept } = apart::split(record, &mut salt).map_err(unrecordable)?;
        let asks = if let Event::Decided(decided) = &record.event { decided.escalation } else { None };
        let erases = if let Event::Erased { value, .. } = &record.event { Some(*value) } else { None };
        Ok(Self {
            hash: leaf_hash(&leaf),
            leaf,
            at: record.at,
            kind: record.event.kind(),
            facts: Facts::of(record),
            asks,
            erases,
            kept,
        })
    }

    fn bytes(&self) -> usize {
        self.leaf.len() + self.kept.iter().map(|kept| kept.bytes.len()).sum::<usize>()
    }
}

/// The most bytes that one change may have.
const LARGEST: usize = 64 << 20;

/// Something that a change rests on.
pub(super) struct Rest {
    pub(super) what: What,
    pub(super) place: Option<Index>,
    /// Why the change is refused where that was recorded anew.
    refusal: StoreError,
}

impl Submission {
    pub(super) fn of(change: Change) -> Result<Self, StoreError> {
        let Change { records, request: _, read, follows, rests } = change;
        let ready = records.iter().map(Ready::of).collect::<Result<Vec<_>, _>>()?;
        let bytes = ready.iter().map(Ready::bytes).sum();
        if bytes > LARGEST {
            return Err(StoreError::TooLarge);
        }
        let follows = follows.into_iter().map(|(origin, place)| Rest {
            what: What::log(LogKey::new(&origin)),
            place,
            refusal: StoreError::Overtaken(origin),
        });
        let rests = rests.into_iter().map(|(basis, place)| Rest {
            what: What::basis(&basis),
            place,
            refusal: StoreError::Changed(basis),
        });
        Ok(Self { records, ready, read, rests: follows.chain(rests).collect(), bytes })
    }

    /// Moves its records up to the log's latest moment, where a clock that is a little behind made them.
    fn lift(&mut self, latest: Moment) -> Result<(), StoreError> {
        let mut latest = latest;
        for (record, ready) in self.records.iter_mut().zip(&mut self.ready) {
            if record.at < latest {
                record.at = latest;
                *ready = Ready::of(record)?;
            }
            latest = record.at;
        }
        Ok(())
    }
}

fn salt() -> Result<[u8; SALT], RecordError> {
    let mut salt = [0; SALT];
    match SystemEntropy.fill(&mut salt) {
        Ok(()) => Ok(salt),
        Err(error) => Err(RecordError::Unreadable(error.to_string())),
    }
}

fn unrecordable(error: RecordError) -> StoreError {
    match error {
        RecordError::TooLong | RecordError::Unwritable(ReadFault { fault: Fault::TooLarge, .. }) => {
            StoreError::TooLarge
        }
        other @ (RecordError::Unwritable(_) | RecordError::Unreadable(_)) => StoreError::Unrecordable(other),
    }
}

/// The log's head, as it is locked for a batch.
#[derive(Clone, Debug)]
pub(super) struct Locked {
    pub(super) tree: Frontier,
    /// The latest moment that was recorded.
    pub(super) latest: Moment,
    /// What the database's clock says.
    pub(super) now: Moment,
}

/// What is known of an escalation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) opened: Index,
    pub(super) last: Index,
    pub(super) length: u64,
    pub(super) minted: Option<Index>,
    /// Where the decision is recorded that asked for it.
    pub(super) asked: Option<Index>,
    pub(super) is_open: bool,
}

/// What is recorded of everything that a batch names.
#[derive(Default)]
pub(super) struct Known {
    pub(super) requests: HashMap<RequestKey, Index>,
    pub(super) decided: HashMap<TxnId, Index>,
    pub(super) minted: HashMap<TxnId, Index>,
    pub(super) receipts: HashMap<[u8; 32], Index>,
    pub(super) escalations: HashMap<EscalationId, State>,
    pub(super) standing: HashMap<What, Index>,
    pub(super) invitations: HashMap<InvitationDigest, Invited>,
}

/// What is known of a join token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Invited {
    pub(super) made: Option<Index>,
    pub(super) used: Option<Index>,
}

impl Known {
    fn extend(&mut self, other: Self) {
        self.requests.extend(other.requests);
        self.decided.extend(other.decided);
        self.minted.extend(other.minted);
        self.receipts.extend(other.receipts);
        self.escalations.extend(other.escalations);
        self.standing.extend(other.standing);
        self.invitations.extend(other.invitations);
    }
}

/// What a batch asks the database about.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) requests: Vec<RequestKey>,
    pub(super) txns: Vec<TxnId>,
    pub(super) receipts: Vec<[u8; 32]>,
    pub(super) escalations: Vec<EscalationId>,
    pub(super) standing: Vec<What>,
    pub(super) invitations: Vec<InvitationDigest>,
}

impl Wanted {
    pub(super) fn of<'a>(batch: impl IntoIterator<Item = &'a Submission>) -> Self {
        let mut wanted = Self::default();
        for submission in batch {
            wanted.escalations.extend(submission.read.iter().map(|(id, _)| *id));
            wanted.standing.extend(submission.rests.iter().map(|rest| rest.what.clone()));
            for Ready { facts, .. } in &submission.ready {
                if let Some(decided) = &facts.decided {
                    wanted.requests.extend(decided.request);
                    wanted.txns.push(decided.txn);
                }
                wanted.txns.extend(facts.minted.into_iter().chain(facts.opens));
                wanted.receipts.extend(facts.receipted.as_ref().map(receipt));
                wanted.escalations.extend(facts.step.map(|step| step.id));
                wanted.invitations.extend(facts.invited.into_iter().chain(facts.joined));
            }
        }
        wanted
    }
}

/// What a receipt is called: the decision, and the beginning of its hash.
pub(super) fn receipt(receipted: &Receipted) -> [u8; 32] {
    let mut name = [0; 32];
    let (txn, hash) = name.split_at_mut(16);
    txn.copy_from_slice(receipted.txn.as_bytes());
    hash.copy_from_slice(&receipted.hash);
    name
}

/// A batch that was judged: what is to be written, and what comes of each change.
pub(super) struct Judged {
    pub(super) answers: Vec<Result<Range<Index>, StoreError>>,
    /// The log's tree with the batch.
    pub(super) tree: Frontier,
    pub(super) latest: Moment,
}

/// One change on top of what is known.
struct Draft<'a> {
    known: &'a Known,
    own: Known,
}

impl Draft<'_> {
    fn decided(&self, txn: &TxnId) -> Option<Index> {
        self.own.decided.get(txn).or_else(|| self.known.decided.get(txn)).copied()
    }

    fn minted(&self, txn: &TxnId) -> Option<Index> {
        self.own.minted.get(txn).or_else(|| self.known.minted.get(txn)).copied()
    }

    fn stands(&self, what: &What) -> Option<Index> {
        self.own.standing.get(what).or_else(|| self.known.standing.get(what)).copied()
    }

    fn invited(&self, invitation: &InvitationDigest) -> Invited {
        let own = self.own.invitations.get(invitation);
        own.or_else(|| self.known.invitations.get(invitation)).copied().unwrap_or_default()
    }

    fn state(&self, id: &EscalationId) -> Option<State> {
        self.own.escalations.get(id).or_else(|| self.known.escalations.get(id)).copied()
    }

    /// Why a record may not come next: what may be recorded once is recorded already.
    fn refusal(&self, facts: &Facts) -> Option<StoreError> {
        if let Some(decided) = &facts.decided {
            let request = decided.request.and_then(|request| {
                self.own.requests.get(&request).or_else(|| self.known.requests.get(&request)).copied()
            });
            let earlier = || self.decided(&decided.txn).or_else(|| self.minted(&decided.txn));
            if let Some(index) = request.or_else(earlier) {
                return Some(StoreError::Answered(index));
            }
        }
        if let Some(receipted) = &facts.receipted {
            let name = receipt(receipted);
            let earlier = self.own.receipts.get(&name).or_else(|| self.known.receipts.get(&name));
            if let Some(index) = earlier {
                return Some(StoreError::Answered(*index));
            }
        }
        if let Some(invitation) = facts.joined
            && let Some(used) = self.invited(&invitation).used
        {
            return Some(StoreError::Answered(used));
        }
        let txn = facts.minted?;
        if let Some(step) = facts.step
            && self.state(&step.id).is_some_and(|state| state.minted.is_some())
        {
            return Some(StoreError::Moved(step.id));
        }
        let index = self.minted(&txn)?;
        Some(facts.step.map_or(StoreError::Answered(index), |step| StoreError::Moved(step.id)))
    }

    /// Takes in the record at `index`.
    fn fold(&mut self, index: Index, facts: &Facts) {
        if let Some(decided) = &facts.decided {
            self.own.requests.extend(decided.request.map(|request| (request, index)));
            self.own.decided.insert(decided.txn, index);
        }
        if let Some(txn) = facts.minted {
            self.own.minted.insert(txn, index);
        }
        if let Some(receipted) = &facts.receipted {
            self.own.receipts.insert(receipt(receipted), index);
        }
        self.own.standing.extend(What::of(facts).into_iter().map(|(what, _)| (what, index)));
        if let Some(invitation) = facts.invited {
            let invited = Invited { made: Some(index), ..self.invited(&invitation) };
            self.own.invitations.insert(invitation, invited);
        }
        if let Some(invitation) = facts.joined {
            let invited = Invited { used: Some(index), ..self.invited(&invitation) };
            self.own.invitations.insert(invitation, invited);
        }
        let Some(step) = facts.step else { return };
        let minted = facts.minted.map(|_| index);
        let asked = facts.opens.and_then(|txn| self.decided(&txn));
        let after = match self.state(&step.id) {
            None => State { opened: index, last: index, length: 1, minted, asked, is_open: !step.ends },
            Some(before) => State {
                last: index,
                length: before.length + 1,
                minted: before.minted.or(minted),
                asked: before.asked.or(asked),
                is_open: before.is_open && !step.ends,
                ..before
            },
        };
        self.own.escalations.insert(step.id, after);
    }
}

/// Judges the changes one after the other, each on top of those before it that are taken, and notes in `rows` what is
/// to be written. With a `tolerance` moments never fall.
pub(super) fn judge<'a>(
    batch: impl IntoIterator<Item = &'a mut Submission>,
    mut known: Known,
    locked: &Locked,
    tolerance: Option<Duration>,
    rows: &mut Rows,
) -> Judged {
    let (mut tree, mut latest) = (locked.tree.clone(), locked.latest);
    let mut answers = Vec::new();
    for submission in batch {
        let first = tree.size();
        let judged = judge_one(submission, &known, first, latest, locked.now, tolerance);
        let own = match judged {
            Ok(own) => own,
            Err(refusal) => {
                answers.push(Err(refusal));
                continue;
            }
        };
        known.extend(own);
        for ready in &submission.ready {
            let index = tree.size();
            tree.push_keeping(ready.hash, |level, hash| rows.node(level, index, hash));
            latest = latest.max(ready.at);
            rows.record(first, index, ready, &known);
        }
        answers.push(Ok(first..tree.size()));
    }
    Judged { answers, tree, latest }
}

fn judge_one(
    submission: &mut Submission,
    known: &Known,
    first: Index,
    latest: Moment,
    now: Moment,
    tolerance: Option<Duration>,
) -> Result<Known, StoreError> {
    if let Some(tolerance) = tolerance {
        check_clock(submission, latest, now, tolerance)?;
        submission.lift(latest)?;
    }
    let mut draft = Draft { known, own: Known::default() };
    for (id, length) in &submission.read {
        if draft.state(id).map_or(0, |state| state.length) != *length as u64 {
            return Err(StoreError::Moved(*id));
        }
    }
    for rest in &submission.rests {
        if draft.stands(&rest.what) != rest.place {
            return Err(rest.refusal.clone());
        }
    }
    for (index, Ready { facts, .. }) in (first..).zip(&submission.ready) {
        if let Some(refusal) = draft.refusal(facts) {
            return Err(refusal);
        }
        draft.fold(index, facts);
    }
    // No place may be beyond what a column can hold; that is some hundred thousand years away.
    place_of(first)?;
    Ok(draft.own)
}

/// A record may be no further behind the log's latest moment, nor ahead of the database's clock, than is tolerated:
/// the clock of one machine must not carry away the log's time, nor be carried far by it.
fn check_clock(
    submission: &Submission,
    latest: Moment,
    now: Moment,
    tolerance: Duration,
) -> Result<(), StoreError> {
    let skew = |behind: bool, by: Duration| {
        let (which, of) =
            if behind { ("behind", "the log's latest record") } else { ("ahead of", "the database's") };
        let millis = by.as_millis();
        let text = format!("this machine's clock differs: it is {millis} ms {which} {of}; set it right");
        Err(StoreError::Unavailable(text))
    };
    for record in &submission.records {
        let (behind, ahead) = (latest.since(record.at), record.at.since(now));
        if behind > tolerance {
            return skew(true, behind);
        }
        if ahead > tolerance {
            return skew(false, ahead);
        }
    }
    Ok(())
}
