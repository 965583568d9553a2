//! The keys and values of the views: one sorted map, told apart by the first byte of the key.
//!
//! All integers are big endian, so that keys sort by them.
//!
//! ```text
//! r request                    → where it was answered
//! d txn                        → where it was decided, where its token was minted (all ones: not yet)
//! x txn  receipt's hash        → where the receipt was recorded
//! s escalation                 → where it was opened, its last record, how many it has, where its token was minted
//! e escalation  record         → nothing: the record is part of its course
//! o opened-at                  → the escalation, while it is not over
//! l opened-at                  → the escalation
//! a agent  record              → nothing: the record decides an operation of this agent
//! n agent  milliseconds record → nothing: the record speaks against this agent
//! b habit                      → nothing: its agent has done this before
//! u record                     → nothing: the record suspends something, and nobody has lifted that
//! p suspension                 → where it was recorded, until it is lifted
//! c document                   → where it last came into force; the suspensions, where one was last ordered or lifted
//! m person                     → where their profile was last recorded
//! j record                     → nothing: the record is the latest profile of its person
//! g log                        → where its leaves were handed over last
//! h sidecar                    → where it last enrolled or was withdrawn
//! y record                     → nothing: with the record a sidecar enrolled last, and it was not withdrawn
//! i join token                 → where it was made, where it was used (all ones: not yet)
//! ```

use crate::audit::event::RequestKey;
use crate::audit::filter::Effect;
use crate::digest::InvitationDigest;
use crate::moment::Moment;
use crate::party::{EscalationId, SuspensionId, TxnId};
use crate::store::facts::{ActionKey, AgentKey, HabitKey, HolderKey, LogKey, PersonKey, Receipted};
use crate::store::{Basis, Document, Index};

/// A short string of bytes, kept in place: millions of them pass through the views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Short<const N: usize> {
    // Zeros follow the last byte, and the length comes second, so that the derived order is that of the bytes.
    bytes: [u8; N],
    length: u8,
}

pub(super) type Key = Short<33>;
pub(super) type Value = Short<32>;

impl<const N: usize> Default for Short<N> {
    fn default() -> Self {
        Self::of(&[])
    }
}

impl<const N: usize> Short<N> {
    /// Joins the parts; what does not fit is cut off, which the widest key below rules out.
    fn of(parts: &[&[u8]]) -> Self {
        let mut short = Self { bytes: [0; N], length: 0 };
        let all = parts.iter().flat_map(|part| part.iter());
        for (place, byte) in short.bytes.iter_mut().zip(all) {
            *place = *byte;
            short.length += 1;
        }
        short
    }

    /// Takes bytes that came from outside; `None` if they are too many.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= N).then(|| Self::of(&[bytes]))
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// All keys between two, both included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: Key,
    pub(super) to: Key,
}

fn numbered(view: u8, of: &[u8; 16], index: Index) -> Key {
    Key::of(&[&[view], of, &index.to_be_bytes()])
}

pub(super) fn request(key: RequestKey) -> Key {
    Key::of(&[b"r", key.as_bytes()])
}

pub(super) fn decision(txn: TxnId) -> Key {
    Key::of(&[b"d", txn.as_bytes()])
}

pub(super) fn receipt(receipt: Receipted) -> Key {
    Key::of(&[b"x", receipt.txn.as_bytes(), &receipt.hash])
}

pub(super) fn receipts(txn: TxnId) -> Span {
    let with = |hash| receipt(Receipted { txn, hash });
    Span { from: with([0; 16]), to: with([0xff; 16]) }
}

pub(super) fn state(id: EscalationId) -> Key {
    Key::of(&[b"s", id.as_bytes()])
}

pub(super) fn course(id: EscalationId, index: Index) -> Key {
    numbered(b'e', id.as_bytes(), index)
}

pub(super) fn whole_course(id: EscalationId) -> Span {
    Span { from: course(id, 0), to: course(id, Index::MAX) }
}

pub(super) fn open(index: Index) -> Key {
    Key::of(&[b"o", &index.to_be_bytes()])
}

pub(super) fn all_open() -> Span {
    Span { from: open(0), to: open(Index::MAX) }
}

pub(super) fn opened(index: Index) -> Key {
    Key::of(&[b"l", &index.to_be_bytes()])
}

pub(super) fn all_opened() -> Span {
    Span { from: opened(0), to: opened(Index::MAX) }
}

pub(super) fn decision_of(agent: AgentKey, index: Index) -> Key {
    numbered(b'a', agent.as_bytes(), index)
}

pub(super) fn decisions_of(agent: AgentKey) -> Span {
    Span { from: decision_of(agent, 0), to: decision_of(agent, Index::MAX) }
}

/// The decisions of one action.
pub(super) fn decision_for(action: ActionKey, index: Index) -> Key {
    numbered(b'k', action.as_bytes(), index)
}

/// The decisions with one effect.
pub(super) fn decision_with(effect: Effect, index: Index) -> Key {
    Key::of(&[b"f", &[code(effect)], &index.to_be_bytes()])
}

/// The decisions in whose escalation a person took part.
pub(super) fn decision_before(person: PersonKey, index: Index) -> Key {
    numbered(b'v', person.as_bytes(), index)
}

/// The decision that asked for an escalation.
pub(super) fn asked(id: EscalationId) -> Key {
    Key::of(&[b"q", id.as_bytes()])
}

/// What became of a decision, beside its mint and its escalation.
pub(super) fn told(txn: TxnId, index: Index) -> Key {
    numbered(b't', txn.as_bytes(), index)
}

pub(super) fn all_told(txn: TxnId) -> Span {
    Span { from: told(txn, 0), to: told(txn, Index::MAX) }
}

/// What a list of decisions says of each of them: what was decided, and of which action or agent it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) effect: Effect,
    pub(super) other: [u8; 16],
}

impl Line {
    pub(super) fn value(self) -> Value {
        Value::of(&[&[code(self.effect)], &self.other])
    }

    pub(super) fn read(value: &Value) -> Option<Self> {
        let (first, other) = value.as_slice().split_first()?;
        let effect = Effect::ALL.iter().copied().find(|effect| code(*effect) == *first)?;
        Some(Self { effect, other: other.try_into().ok()? })
    }
}

const fn code(effect: Effect) -> u8 {
    match effect {
        Effect::Allow => b'a',
        Effect::Deny => b'd',
        Effect::Escalate => b'e',
    }
}

pub(super) fn anomaly(agent: AgentKey, at: Moment, index: Index) -> Key {
    Key::of(&[b"n", agent.as_bytes(), &at.unix_millis().to_be_bytes(), &index.to_be_bytes()])
}

pub(super) fn habit(habit: HabitKey) -> Key {
    Key::of(&[b"b", habit.as_bytes()])
}

/// The moment in the key of an anomaly.
pub(super) fn moment_in(key: &Key) -> Option<Moment> {
    let (_, rest) = key.as_slice().split_at_checked(1 + 16)?;
    rest.first_chunk().copied().map(u64::from_be_bytes).map(Moment::from_unix_millis)
}

pub(super) fn anomalies_since(agent: AgentKey, since: Moment) -> Span {
    let end = Key::of(&[b"n", agent.as_bytes(), &[0xff; 16]]);
    Span { from: anomaly(agent, since, 0), to: end }
}

pub(super) fn suspended(index: Index) -> Key {
    Key::of(&[b"u", &index.to_be_bytes()])
}

pub(super) fn all_suspended() -> Span {
    Span { from: suspended(0), to: suspended(Index::MAX) }
}

pub(super) fn suspension(id: SuspensionId) -> Key {
    Key::of(&[b"p", id.as_bytes()])
}

pub(super) fn document(document: Document) -> Key {
    let name: &[u8] = match document {
        Document::Policy => b"cp",
        Document::Roster => b"cr",
        Document::Absences => b"ca",
    };
    Key::of(&[name])
}

/// Where the latest suspension was ordered or lifted.
pub(super) fn suspensions() -> Key {
    Key::of(&[b"cs"])
}

/// Where this was recorded last.
pub(super) fn basis(what: &Basis) -> Key {
    match what {
        Basis::Document(document) => self::document(*document),
        Basis::Profile(person) => profile_of(PersonKey::new(person)),
        Basis::Suspensions => suspensions(),
    }
}

pub(super) fn profile_of(person: PersonKey) -> Key {
    Key::of(&[b"m", person.as_bytes()])
}

pub(super) fn profile(index: Index) -> Key {
    Key::of(&[b"j", &index.to_be_bytes()])
}

pub(super) fn all_profiles() -> Span {
    Span { from: profile(0), to: profile(Index::MAX) }
}

pub(super) fn log(log: LogKey) -> Key {
    Key::of(&[b"g", log.as_bytes()])
}

pub(super) fn sidecar(sidecar: HolderKey) -> Key {
    Key::of(&[b"h", sidecar.as_bytes()])
}

pub(super) fn enrolment(index: Index) -> Key {
    Key::of(&[b"y", &index.to_be_bytes()])
}

pub(super) fn enrolments(before: Option<Index>) -> Option<Span> {
    let last = before.map_or(Some(Index::MAX), |before| before.checked_sub(1))?;
    Some(Span { from: enrolment(0), to: enrolment(last) })
}

pub(super) fn invitation(invitation: InvitationDigest) -> Key {
    // A random token needs no more of its hash to be told from others.
    Key::of(&[b"i", invitation.as_bytes().split_at(16).0])
}

/// The record that a key names with its last eight bytes.
pub(super) fn index_in(key: &Key) -> Option<Index> {
    key.as_slice().last_chunk().copied().map(Index::from_be_bytes)
}

/// The record that made an entry, where its key or its value names it.
pub(super) fn record_in(key: &Key, value: &Value) -> Option<Index> {
    // The key of a receipt ends with a hash.
    if key.as_slice().starts_with(b"x") { read_place(value) } else { index_in(key) }
}

pub(super) fn nothing() -> Value {
    Value::of(&[])
}

pub(super) fn place(index: Index) -> Value {
    Value::of(&[&index.to_be_bytes()])
}

pub(super) fn read_place(value: &Value) -> Option<Index> {
    Some(Index::from_be_bytes(value.as_slice().try_into().ok()?))
}

pub(super) fn escalation(id: EscalationId) -> Value {
    Value::of(&[id.as_bytes()])
}

pub(super) fn read_escalation(value: &Value) -> Option<EscalationId> {
    Some(EscalationId::from_random(value.as_slice().try_into().ok()?))
}

/// What is kept of a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Txn {
    pub(super) decided: Option<Index>,
    pub(super) minted: Option<Index>,
}

impl Txn {
    pub(super) fn value(self) -> Value {
        Value::of(&[&or_ones(self.decided), &or_ones(self.minted)])
    }

    pub(super) fn read(value: &Value) -> Option<Self> {
        let [decided, minted] = numbers(value)?;
        Some(Self { decided: unless_ones(decided), minted: unless_ones(minted) })
    }
}

/// What is kept of an escalation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) opened: Index,
    pub(super) last: Index,
    pub(super) length: u64,
    pub(super) minted: Option<Index>,
}

impl State {
    pub(super) fn value(self) -> Value {
        let [opened, last, length] = [self.opened, self.last, self.length].map(u64::to_be_bytes);
        Value::of(&[&opened, &last, &length, &or_ones(self.minted)])
    }

    pub(super) fn read(value: &Value) -> Option<Self> {
        let [opened, last, length, minted] = numbers(value)?;
        Some(Self { opened, last, length, minted: unless_ones(minted) })
    }
}

/// No journal ever holds 2⁶⁴ records, so that the last index is free to mean none.
fn or_ones(index: Option<Index>) -> [u8; 8] {
    index.unwrap_or(Index::MAX).to_be_bytes()
}

fn unless_ones(index: Index) -> Option<Index> {
    (index != Index::MAX).then_some(index)
}

fn numbers<const N: usize>(value: &Value) -> Option<[u64; N]> {
    let (chunks, rest) = value.as_slice().as_chunks();
    let chunks: [[u8; 8]; N] = chunks.try_into().ok()?;
    rest.is_empty().then(|| chunks.map(u64::from_be_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_bytes_do() {
        let id = EscalationId::from_random([0; 16]);
        let keys =
            [course(id, 0), course(id, 1), state(id), open(0), open(256), request_of(0), request_of(255)];
        for a in &keys {
            for b in &keys {
                assert_eq!(a.cmp(b), a.as_slice().cmp(b.as_slice()), "{a:?} {b:?}");
            }
        }
    }

    fn request_of(byte: u8) -> Key {
        Key::of(&[b"r", &[byte; 16]])
    }

    /// Two views with one letter would find each other's entries.
    #[test]
    fn each_view_has_a_letter_of_its_own() {
        let (id, txn) = (EscalationId::from_random([7; 16]), TxnId::from_random([7; 16]));
        let agent = crate::party::AgentId::new("a").unwrap();
        let person = crate::party::PersonId::new("p").unwrap();
        let of = AgentKey::new(&agent);
        let keys = [
            request_of(1),
            decision(txn),
            receipt(Receipted { txn, hash: [7; 16] }),
            state(id),
            course(id, 1),
            open(1),
            opened(1),
            decision_of(of, 1),
            decision_for(ActionKey::new("x"), 1),
            decision_with(Effect::Deny, 1),
            decision_before(PersonKey::new(&person), 1),
            asked(id),
            told(txn, 1),
            anomaly(of, Moment::default(), 1),
            habit(HabitKey::new(&agent, crate::store::Habit::Action("x"))),
            suspended(1),
            suspension(SuspensionId::from_random([7; 16])),
            document(Document::Policy),
            profile_of(PersonKey::new(&person)),
            profile(1),
            log(LogKey::new(&crate::party::LogOrigin::new("l").unwrap())),
            sidecar(HolderKey::new(&crate::party::KeyHolder::new("s").unwrap())),
            enrolment(1),
            invitation(InvitationDigest::from_bytes([7; 32])),
        ];
        let letters: std::collections::BTreeSet<u8> = keys.iter().map(|key| key.as_slice()[0]).collect();
        assert_eq!(letters.len(), keys.len());
    }

    #[test]
    fn what_is_written_is_read() {
        for txn in [
            Txn::default(),
            Txn { decided: Some(0), minted: None },
            Txn { decided: Some(7), minted: Some(u64::MAX - 1) },
        ] {
            assert_eq!(Txn::read(&txn.value()), Some(txn));
        }
        let state = State { opened: 1, last: 2, length: 3, minted: None };
        assert_eq!(State::read(&state.value()), Some(state));
        assert_eq!(State::read(&place(1)), None);
        assert_eq!(Txn::read(&state.value()), None);
        assert_eq!(read_place(&place(9)), Some(9));
        assert_eq!(read_place(&nothing()), None);
        let widest = anomaly(AgentKey::new(&crate::party::AgentId::new("a").unwrap()), Moment::default(), 5);
        assert_eq!(index_in(&widest), Some(5));
        assert_eq!(widest.as_slice().len(), 33);
        assert_eq!(Value::read(&[0; 33]), None);
    }
}
