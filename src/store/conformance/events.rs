//! Events to record: small ones, of every kind that a store has to find again.

use crate::audit::event::{
    Adopted, Context, Credential, Decided, Enrolled, Event, Invited, Minted, Outcome, Receipted, Record,
    Reported, Shipped, Withdrawn,
};
use crate::decision::{self, Decision};
use crate::digest::{InvitationDigest, KeyId, OperationDigest, PolicyDigest, RenderingDigest, VoteDigest};
use crate::escalation;
use crate::escalation::requirement::{Pool, Requirement, Seat};
use crate::moment::Moment;
use crate::party::{
    AgentId, EscalationId, ExecutorId, KeyHolder, LogOrigin, PersonId, SuspensionId, TokenId, TxnId,
};
use crate::reviewer::Absences;
use crate::reviewer::profile::Profile;
use crate::risk::facts::{Environment, Fact, Facts, Kind, Scope, Sensitivity, Source, Touched};
use crate::risk::{Assessment, Claims, Level, Novelty, Score, Totals};
use crate::suspension::Suspension;
use crate::tlog::EMPTY_ROOT;
use crate::token::Assurance;
use core::time::Duration;

/// A source of numbers that look random and are the same each time.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number (SplitMix64).
    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end.max(1) as u64).unwrap()
    }

    /// The bits of a new id.
    pub fn bits(&mut self) -> [u8; 16] {
        let (high, low) = (self.roll(), self.roll());
        ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
    }
}

/// The agent of this number.
#[must_use]
pub fn agent(number: usize) -> AgentId {
    AgentId::new(&format!("spiffe://example.com/agent/{number}")).unwrap()
}

/// A decision about an operation of this agent.
#[must_use]
pub fn decided(txn: TxnId, agent: &AgentId, request_id: Option<&str>, outcome: decision::Outcome) -> Event {
    Event::Decided(Box::new(Decided {
        txn,
        agent: agent.clone(),
        on_behalf_of: None,
        request_id: request_id.map(str::to_owned),
        executor: ExecutorId::new("db").unwrap(),
        digest: OperationDigest::from_bytes([1; 32]),
        op: r#"{"action":"sql.query","parameters":{"q":"select 1"},"resource":"orders","v":1}"#.to_owned(),
        payload: None,
        context: Context { reason: "to see whether it is there".to_owned(), ..Context::default() },
        claims: Claims::default(),
        holder_key: None,
        decision: Decision {
            outcome,
            assessment: assessment(),
            rule: Some("reads".to_owned()),
            policy: PolicyDigest::from_bytes([2; 32]),
            reasons: vec!["the rule `reads` allows it".to_owned()],
            witnesses: 0,
        },
        escalation: None,
        suspension: None,
        trace: None,
        shown: None,
    }))
}

fn assessment() -> Assessment {
    fn fact<T>(value: T) -> Fact<T> {
        Fact::new(value, Source::Policy, "the policy says so".to_owned())
    }
    Assessment {
        score: Score::ZERO,
        level: Level::Low,
        level_of_score: Level::Low,
        factors: Vec::new(),
        floors: Vec::new(),
        facts: Facts {
            kind: fact(Kind::Read),
            environment: fact(Environment::Test),
            sensitivity: fact(Sensitivity::Ordinary),
            scope: fact(Scope::Narrow),
            irreversible: fact(false),
            cost: fact(None),
            touched: Touched::default(),
            critical: None,
            acts: Vec::new(),
            doubts: Vec::new(),
            recent: Totals::default(),
            new: Novelty::default(),
        },
        anomalies: Vec::new(),
    }
}

/// A decision that allows.
#[must_use]
pub fn allowed(txn: TxnId, agent: &AgentId, request_id: Option<&str>) -> Event {
    decided(txn, agent, request_id, decision::Outcome::Allow { conditions: Vec::new() })
}

/// A decision that denies.
#[must_use]
pub fn denied(txn: TxnId, agent: &AgentId, request_id: Option<&str>) -> Event {
    decided(txn, agent, request_id, decision::Outcome::Deny)
}

/// A decision after which people are asked; its outcome is that of an allowed one, which a store does not care about.
#[must_use]
pub fn escalated(txn: TxnId, agent: &AgentId, request_id: Option<&str>, id: EscalationId) -> Event {
    match allowed(txn, agent, request_id) {
        Event::Decided(decided) => Event::Decided(Box::new(Decided { escalation: Some(id), ..*decided })),
        other => other,
    }
}

/// A mint of this decision's token.
#[must_use]
pub fn minted(txn: TxnId, escalation: Option<EscalationId>) -> Event {
    let jti = TokenId::from_random(*txn.as_bytes());
    let claims = r#"{"aud":"db","sub":"spiffe://example.com/agent/0"}"#.to_owned();
    Event::Minted(Box::new(Minted { txn, jti, kid: KeyId::from_bytes([3; 32]), escalation, claims }))
}

/// A report about this decision's operation.
#[must_use]
pub fn reported(txn: TxnId, agent: &AgentId, outcome: Outcome) -> Event {
    let agent = agent.clone();
    Event::Reported(Reported { txn, agent, outcome, code: String::new(), detail: String::new() })
}

/// A receipt of this decision's token; another number is another receipt.
#[must_use]
pub fn receipted(txn: TxnId, number: u64) -> Event {
    Event::Receipted(Box::new(Receipted {
        txn,
        jti: TokenId::from_random(*txn.as_bytes()),
        executor: ExecutorId::new("db").unwrap(),
        outcome: Outcome::Succeeded,
        receipt: format!("receipt {number}"),
        certificates: Vec::new(),
    }))
}

/// Somebody is back.
#[must_use]
pub fn absence() -> Event {
    Event::Absence { person: PersonId::new("ada").unwrap(), absence: None, absences: Absences::default() }
}

/// Somebody changed what they set up themselves.
#[must_use]
pub fn profile(person: usize, revision: u64) -> Event {
    let person = PersonId::new(&format!("person-{person}")).unwrap();
    let profile = Box::new(Profile { revision, ..Profile::default() });
    Event::ProfileChanged { person, by: "a test".to_owned(), profile }
}

/// The opening of an escalation.
#[must_use]
pub fn opened(id: EscalationId, txn: TxnId, agent: &AgentId, at: Moment) -> Event {
    let pool = Pool::new([PersonId::new("ada").unwrap(), PersonId::new("bob").unwrap()], [], []).unwrap();
    let opening = escalation::Opening {
        id,
        txn,
        agent: agent.clone(),
        on_behalf_of: None,
        operators: [].into(),
        operation: OperationDigest::from_bytes([1; 32]),
        shown: RenderingDigest::from_bytes([4; 32]),
        policy: PolicyDigest::from_bytes([2; 32]),
        terms: escalation::Terms {
            decide_within: Duration::from_secs(600),
            claim_within: Duration::from_secs(60),
            ..escalation::Terms::new(Requirement::seat(Seat::new(pool, 2, Assurance::Signed).unwrap()))
        },
        enforceable: [].into(),
        opened_at: at,
        amends: None,
        drill: false,
    };
    step(id, escalation::Event::Opened(Box::new(opening)))
}

/// A denial that only a suspension asked for.
#[must_use]
pub fn stopped(txn: TxnId, agent: &AgentId, by: SuspensionId) -> Event {
    match denied(txn, agent, None) {
        Event::Decided(decided) => Event::Decided(Box::new(Decided { suspension: Some(by), ..*decided })),
        other => other,
    }
}

/// A suspension of everything.
#[must_use]
pub fn suspended(id: SuspensionId, at: Moment) -> Event {
    let (reason, by) = ("it runs wild".into(), "ada".into());
    let suspension = Suspension { id, agent: None, action: None, reason, by, at, until: None };
    Event::Suspended { suspension: Box::new(suspension) }
}

/// The end of a suspension.
#[must_use]
pub fn resumed(id: SuspensionId) -> Event {
    Event::Resumed { id, by: Some("ada".to_owned()) }
}

/// A policy that comes into force.
#[must_use]
pub fn policy(text: &str) -> Event {
    Event::PolicyLoaded { digest: PolicyDigest::from_bytes([2; 32]), text: text.to_owned(), approved: None }
}

/// A roster that comes into force.
#[must_use]
pub fn roster(text: &str) -> Event {
    Event::RosterLoaded { text: text.to_owned(), approved: None }
}

/// A step of an escalation.
#[must_use]
pub const fn step(id: EscalationId, step: escalation::Event) -> Event {
    Event::Escalation { id, step }
}

/// A step that does not end an escalation.
#[must_use]
pub fn refused_vote(at: Moment, number: u8) -> escalation::Event {
    let person = PersonId::new("eve").unwrap();
    let vote = VoteDigest::from_bytes([number; 32]);
    let (refusal, flags) = (escalation::VoteRefusal::NotInPool, Vec::new());
    escalation::Event::VoteRefused { at, person, vote, refusal, flags }
}

/// One of the steps that end an escalation.
#[must_use]
pub fn ending(which: usize, at: Moment, agent: &AgentId) -> escalation::Event {
    match which % 5 {
        0 => escalation::Event::Expired { at },
        1 => escalation::Event::Cancelled {
            at,
            by: agent.clone(),
            reason: "no more needed".to_owned(),
            successor: None,
        },
        2 => escalation::Event::Blocked { at, reasons: vec!["the agent is suspended".to_owned()] },
        3 => escalation::Event::Claimed { at, review_by: None },
        _ => escalation::Event::Lapsed { at },
    }
}

/// The sidecar of this number.
#[must_use]
pub fn sidecar(number: usize) -> KeyHolder {
    KeyHolder::new(&format!("ns/shop/pod/{number}")).unwrap()
}

/// The log of the sidecar of this number.
#[must_use]
pub fn log(number: usize) -> LogOrigin {
    LogOrigin::new(&format!("example.com/sidecar/{number}")).unwrap()
}

/// The digest of the join token of this number.
#[must_use]
pub fn invitation(number: u8) -> InvitationDigest {
    InvitationDigest::from_bytes([number; 32])
}

/// A sidecar hands over leaves of its log; a store doesn't care which.
#[must_use]
pub fn shipped(number: usize, first: u64, size: u64) -> Event {
    Event::Shipped(Box::new(Shipped {
        sidecar: sidecar(number),
        origin: log(number),
        kid: KeyId::from_bytes([5; 32]),
        first,
        leaves: vec![EMPTY_ROOT; usize::try_from(size - first).unwrap()],
        size,
        frontier: vec![EMPTY_ROOT; size.count_ones() as usize],
        checkpoint: "a checkpoint".to_owned(),
        before: None,
    }))
}

/// A record as it is adopted from the log of the sidecar of this number.
#[must_use]
pub fn adopted(at: Moment, number: usize, index: u64, event: Event) -> Record {
    let from = Adopted { origin: log(number), index, at: Moment::from_unix_seconds(1_600_000_000 + index) };
    Record { from: Some(from), ..Record::new(at, event) }
}

/// A sidecar enrols by this join token, or by its service account.
#[must_use]
pub fn enrolled(number: usize, token: Option<u8>, replaces: bool) -> Event {
    let account = || Credential::ServiceAccount {
        namespace: "shop".to_owned(),
        service_account: "builder".to_owned(),
        pod: Some(format!("builder-{number}")),
        pod_uid: None,
    };
    Event::Enrolled(Box::new(Enrolled {
        sidecar: sidecar(number),
        origin: log(number),
        agent: agent(number),
        on_behalf_of: None,
        operators: vec![PersonId::new("ada").unwrap()],
        by: token.map_or_else(account, |token| Credential::Invitation { invitation: invitation(token) }),
        authority: KeyId::from_bytes([6; 32]),
        log: KeyId::from_bytes([7; 32]),
        expires_at: Moment::from_unix_seconds(1_800_000_000),
        replaces: replaces.then(|| KeyId::from_bytes([8; 32])),
        version: "1".to_owned(),
    }))
}

/// A sidecar is withdrawn.
#[must_use]
pub fn withdrawn(number: usize) -> Event {
    let (by, why) = ("ada".to_owned(), "it was seen elsewhere".to_owned());
    Event::Withdrawn(Box::new(Withdrawn { sidecar: sidecar(number), by, why }))
}

/// A join token is made.
#[must_use]
pub fn invited(number: u8, until: Moment) -> Event {
    Event::Invited(Box::new(Invited {
        invitation: invitation(number),
        agent: agent(0),
        on_behalf_of: None,
        operators: Vec::new(),
        until,
        by: "ada".to_owned(),
    }))
}
