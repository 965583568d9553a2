//! A world in which anything happens, driven through the policy and the state machine, and the record that it leaves.

use core::time::Duration;
use countersign::audit::event::{
    Decided, Event, Incident, IncidentSeverity, Minted, Outcome as Became, Record, Reported,
};
use countersign::condition::{Condition, ConditionKind};
use countersign::decision::{Outcome, Request, decide};
use countersign::digest::{KeyId, PolicyDigest, RenderingDigest};
use countersign::escalation::requirement::{Pool, Requirement, Seat};
use countersign::escalation::vote::{Choice, Conditions, Nonce, Reason, Statement};
use countersign::escalation::{
    self, Amendment, Amends, Attestation, Ballot, Escalation, Flag, OnTimeout, Opening, Review, Sight, Status,
};
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::operation::context::Context;
use countersign::party::{AgentId, EscalationId, ExecutorId, PersonId, SuspensionId, TokenId, TxnId};
use countersign::policy::Policy;
use countersign::reviewer::{Absences, Attendance, Directory};
use countersign::risk::{Claims, History};
use countersign::token::Assurance;
use proptest::prelude::*;
use std::collections::BTreeSet;

pub(crate) const POLICY: &str = "version: 1
name: tests
defaults: {reviewers: [role:oncall], assurance: session, timeout: 30m}
risk:
  # None but our own.
  standard_floors: false
classify:
  - {action: '*read*', kind: read}
  - {action: '*write*', kind: write}
  - {action: '*delete*', kind: delete}
floors:
  - {name: laid, match: {action: '*.lift'}, level: medium}
rules:
  - name: never
    match: {action: '*.never'}
    decision: deny
  - name: free
    match: {action: '*.free'}
    decision: allow
  - name: two
    match: {action: '*.two'}
    decision: escalate
    escalation:
      approvals: 2
      deny_threshold: 2
      delegation:
        - {after: 10m, approvals: 1, reviewers: [role:lead]}
        - {after: 20m, approvals: 1, reviewers: [user:eve]}
      break_glass:
        reviewers: [role:lead]
        review: {reviewers: [role:oncall, role:lead]}
        review_within: 1h
  - name: waits
    match: {action: '*.waits'}
    decision: escalate
    escalation: {approvals: 2, timeout_action: allow, timeout: 5m}
  - name: one
    match: {action: '*.one'}
    decision: escalate
    escalation: {approvals: 1, escalation_pool: {reviewers: [user:eve]}}
levels:
  medium: {decision: escalate, escalation: {approvals: 1}}
";

pub(crate) const ROSTER: &str = "version: 1
roles: [oncall, lead]
people:
  - {id: ada, roles: [oncall]}
  - {id: bob, roles: [oncall], daily_cap: 3, time_zone: Asia/Tokyo}
  - {id: cyd, roles: [oncall, lead]}
  - {id: eve, roles: [lead]}
";

pub(crate) const PEOPLE: [&str; 4] = ["ada", "bob", "cyd", "eve"];
/// A Monday, 22:30 UTC.
pub(crate) const START: Moment = Moment::from_unix_seconds(1_795_473_000);

/// Something that may happen.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Ask {
        action: &'static str,
        resource: &'static str,
        agent: usize,
    },
    Suspended {
        action: &'static str,
    },
    Drill {
        action: &'static str,
    },
    /// The escalation is one of those that were opened, counted from the latest.
    Vote {
        which: usize,
        who: usize,
        say: Say,
        hasty: bool,
    },
    Amend {
        which: usize,
        who: usize,
    },
    Accept {
        which: usize,
    },
    Cancel {
        which: usize,
    },
    Claim {
        which: usize,
    },
    Block {
        which: usize,
    },
    Widen {
        which: usize,
    },
    Pass {
        which: usize,
        from: usize,
        to: usize,
    },
    Open {
        which: usize,
        who: usize,
    },
    Review {
        which: usize,
        who: usize,
        justified: bool,
    },
    Wait {
        seconds: u64,
    },
    Incident {
        which: usize,
        known: bool,
    },
    Report {
        which: usize,
        failed: bool,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Say {
    Approve,
    Conditions,
    Deny,
    BreakGlass,
    Withdraw,
}

pub(crate) fn happening() -> impl Strategy<Value = Happening> {
    let which = 0_usize..6;
    let who = 0_usize..4;
    let action = prop::sample::select(vec![
        "db.read.free",
        "db.write.one",
        "DB.Write.One",
        "db.read.two",
        "db.read.two",
        "db.read.waits",
        "db.never",
        "db.write.lift",
        "db.write",
        "db.delete",
    ]);
    let resource = prop::sample::select(vec!["test/a/1", "prod/orders/2", "prod/customers"]);
    let say = prop::sample::select(vec![
        Say::Approve,
        Say::Approve,
        Say::Approve,
        Say::Conditions,
        Say::Deny,
        Say::BreakGlass,
        Say::Withdraw,
    ]);
    prop_oneof![
        8 => (action.clone(), resource, 0_usize..2)
            .prop_map(|(action, resource, agent)| Happening::Ask { action, resource, agent }),
        1 => action.clone().prop_map(|action| Happening::Suspended { action }),
        1 => Just(Happening::Drill { action: "db.write.one" }),
        12 => (which.clone(), who.clone(), say, prop::bool::weighted(0.1))
            .prop_map(|(which, who, say, hasty)| Happening::Vote { which, who, say, hasty }),
        1 => (which.clone(), who.clone()).prop_map(|(which, who)| Happening::Amend { which, who }),
        1 => which.clone().prop_map(|which| Happening::Accept { which }),
        1 => which.clone().prop_map(|which| Happening::Cancel { which }),
        3 => which.clone().prop_map(|which| Happening::Claim { which }),
        1 => which.clone().prop_map(|which| Happening::Block { which }),
        1 => which.clone().prop_map(|which| Happening::Widen { which }),
        1 => (which.clone(), who.clone(), 0_usize..4).prop_map(|(which, from, to)| Happening::Pass { which, from, to }),
        2 => (which.clone(), who.clone()).prop_map(|(which, who)| Happening::Open { which, who }),
        6 => (which, who, any::<bool>())
            .prop_map(|(which, who, justified)| Happening::Review { which, who, justified }),
        5 => prop::sample::select(vec![1_u64, 40, 400, 1900, 20_000]).prop_map(|seconds| Happening::Wait { seconds }),
        1 => (0_usize..12, prop::bool::weighted(0.9)).prop_map(|(which, known)| Happening::Incident { which, known }),
        1 => (0_usize..12, any::<bool>()).prop_map(|(which, failed)| Happening::Report { which, failed }),
    ]
}

/// One of the leads, signed in.
fn unsigned() -> Requirement {
    let pool = Pool::new([], ["lead".parse().unwrap()], []).unwrap();
    Requirement::seat(Seat::new(pool, 1, Assurance::Session).unwrap())
}

/// What is going on, and the record.
pub(crate) struct World {
    pub(crate) policy: Policy,
    directory: Directory,
    pub(crate) now: Moment,
    pub(crate) record: Vec<Record>,
    states: Vec<Option<Escalation>>,
    decided: Vec<Decided>,
    count: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(POLICY)
    }

    pub(crate) fn with(policy: &str) -> Self {
        let mut world = Self {
            policy: Policy::parse(policy, "policy.yaml").unwrap(),
            directory: Directory::parse(ROSTER, "roster.yaml").unwrap(),
            now: START,
            record: Vec::new(),
            states: Vec::new(),
            decided: Vec::new(),
            count: 0,
        };
        let (digest, text) = (world.policy.digest(), policy.to_owned());
        world.note(Event::PolicyLoaded { digest, text, approved: None });
        world.note(Event::RosterLoaded { text: ROSTER.to_owned(), approved: None });
        world
    }

    /// Everything that happens, and in the end enough time for every deadline.
    pub(crate) fn of(all: &[Happening]) -> Self {
        let mut world = Self::new();
        for one in all {
            world.happen(one);
        }
        world
    }

    fn note(&mut self, event: Event) {
        self.record.push(Record::new(self.now, event));
    }

    fn bits(&mut self) -> [u8; 16] {
        self.count += 1;
        let mut bits = [0; 16];
        bits[..8].copy_from_slice(&self.count.to_be_bytes());
        bits
    }

    /// An agent asks; what it is told.
    pub(crate) fn ask(&mut self, action: &str, resource: &str, agent: &str) -> (TxnId, Option<usize>) {
        let operation = Operation::from_json(action, resource, b"{}").unwrap();
        let decided = self.judge(&operation, agent, None);
        self.settle(&decided, &operation, None)
    }

    fn judge(&mut self, operation: &Operation, agent: &str, id: Option<EscalationId>) -> Decided {
        let agent = AgentId::new(agent).unwrap();
        let (claims, context) = (Claims::default(), Context::default());
        let request = Request {
            operation,
            claims: &claims,
            agent: &agent,
            on_behalf_of: None,
            context: &context,
            executor: None,
        };
        let decision = decide(&request, &self.policy, &History::default(), self.now);
        let escalates = matches!(decision.outcome, Outcome::Escalate(_));
        let new = EscalationId::from_random(self.bits());
        let txn = TxnId::from_random(self.bits());
        Decided {
            txn,
            agent,
            on_behalf_of: None,
            request_id: None,
            executor: ExecutorId::new("exec:fleet").unwrap(),
            digest: operation.digest(),
            op: String::from_utf8(operation.op_bytes().to_vec()).unwrap(),
            payload: None,
            context,
            claims,
            holder_key: None,
            decision,
            escalation: escalates.then(|| id.unwrap_or(new)),
            suspension: None,
            trace: None,
            shown: None,
        }
    }

    fn settle(
        &mut self,
        decided: &Decided,
        operation: &Operation,
        amends: Option<Amends>,
    ) -> (TxnId, Option<usize>) {
        let txn = decided.txn;
        self.decided.push(decided.clone());
        self.note(Event::Decided(Box::new(decided.clone())));
        if decided.decision.allows() {
            self.mint(txn, None);
        }
        let Some(id) = decided.escalation else { return (txn, None) };
        (txn, Some(self.open(id, decided, operation, amends, false)))
    }

    fn open(
        &mut self,
        id: EscalationId,
        decided: &Decided,
        operation: &Operation,
        amends: Option<Amends>,
        drill: bool,
    ) -> usize {
        let Outcome::Escalate(terms) = &decided.decision.outcome else { panic!("nobody is asked") };
        let mut terms = terms.clone();
        // Nobody here has a key.
        if let Some(emergency) = &mut terms.break_glass {
            emergency.requirement = unsigned();
        }
        if drill {
            (terms.break_glass, terms.on_timeout) = (None, OnTimeout::Deny);
        }
        let opening = Opening {
            id,
            txn: decided.txn,
            agent: decided.agent.clone(),
            on_behalf_of: None,
            operators: BTreeSet::new(),
            operation: operation.digest(),
            shown: RenderingDigest::from_bytes([3; 32]),
            policy: PolicyDigest::from_bytes([4; 32]),
            terms,
            enforceable: ConditionKind::ALL.into_iter().collect(),
            opened_at: self.now,
            amends,
            drill,
        };
        let absences = Absences::default();
        let (events, asked) = {
            let attendance = Attendance::new(&self.directory, &absences, self.now);
            let events = Escalation::open(opening, &attendance);
            let state = Escalation::replay(&events).unwrap();
            let people = state.case().eligible(&attendance, self.now);
            (events, people)
        };
        self.states.push(None);
        let number = self.states.len() - 1;
        self.states[number] = Some(Escalation::replay(&events).unwrap());
        for event in events {
            self.note(Event::Escalation { id, step: event });
        }
        // Two are asked; to others it can be passed on.
        let asked: Vec<PersonId> = asked.into_iter().take(2).collect();
        let asked = self.states[number].as_ref().unwrap().ask(&asked, self.now);
        self.after(number, asked.into_iter().collect());
        number
    }

    fn mint(&mut self, txn: TxnId, escalation: Option<EscalationId>) {
        let jti = TokenId::from_random(self.bits());
        let kid = KeyId::from_bytes([1; 32]);
        self.note(Event::Minted(Box::new(Minted { txn, jti, kid, escalation, claims: String::new() })));
    }

    /// Records steps of an escalation.
    fn after(&mut self, number: usize, events: Vec<escalation::Event>) {
        let state = self.states[number].take().unwrap();
        let (id, txn) = (state.case().opening().id, state.case().opening().txn);
        let state = state.after(&events).expect("its own events can follow");
        self.states[number] = Some(state);
        for step in events {
            let claimed = matches!(step, escalation::Event::Claimed { .. });
            self.note(Event::Escalation { id, step });
            if claimed {
                self.mint(txn, Some(id));
            }
        }
    }

    fn with_people<T>(&self, number: usize, act: impl FnOnce(&Escalation, &Attendance<'_>) -> T) -> T {
        let absences = Absences::default();
        let attendance = Attendance::new(&self.directory, &absences, self.now);
        act(self.states[number].as_ref().unwrap(), &attendance)
    }

    pub(crate) fn vote(&mut self, number: usize, who: &str, say: Say, flags: &[Flag]) {
        let conditions = |all: &[Condition]| Conditions::new(all).unwrap();
        let choice = match say {
            Say::Approve => Choice::Approve(conditions(&[])),
            Say::Conditions => {
                Choice::Approve(conditions(&[Condition::parse_short("row_limit:max=9").unwrap()]))
            }
            Say::Deny => Choice::Deny,
            Say::BreakGlass => Choice::BreakGlass(conditions(&[])),
            Say::Withdraw => Choice::Withdraw,
        };
        let ballot = self.ballot(number, who, choice);
        let events =
            self.with_people(number, |state, people| state.vote(&ballot, flags, people, self.now).events);
        self.after(number, events);
    }

    fn ballot(&mut self, number: usize, who: &str, choice: Choice) -> Ballot {
        let nonce = Nonce::from_random(self.bits());
        let opening = self.states[number].as_ref().unwrap().case().opening();
        let statement = Statement {
            escalation: opening.id,
            operation: opening.operation,
            shown: opening.shown,
            policy: opening.policy,
            choice,
            reason: Reason::new("looked at it").unwrap(),
            reviewer: PersonId::new(who).unwrap(),
            time: self.now,
            nonce,
        };
        Ballot::Attested(Box::new(statement), Attestation::Session)
    }

    pub(crate) fn claim(&mut self, number: usize) {
        let events = self.with_people(number, |state, _| state.claim(self.now).events);
        self.after(number, events);
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
        for number in 0..self.states.len() {
            let events = self.with_people(number, |state, people| state.reconsider(people, self.now));
            self.after(number, events);
        }
    }

    /// Somebody is told of an incident of this operation.
    pub(crate) fn incident(&mut self, txn: TxnId) {
        let (severity, by, what) = (IncidentSeverity::Major, "olivia".to_owned(), "it burned".to_owned());
        self.note(Event::Incident(Box::new(Incident { txn, severity, by, what })));
    }

    pub(crate) fn report(&mut self, txn: TxnId, outcome: Became) {
        let agent = AgentId::new("agent:0").unwrap();
        let (code, detail) = (String::new(), String::new());
        self.note(Event::Reported(Reported { txn, agent, outcome, code, detail }));
    }

    pub(crate) fn suspended(&mut self, action: &str, resource: &str) {
        let operation = Operation::from_json(action, resource, b"{}").unwrap();
        let mut decided = self.judge(&operation, "agent:0", None);
        decided.decision.outcome = Outcome::Deny;
        decided.escalation = None;
        decided.suspension = Some(SuspensionId::from_random([1; 16]));
        self.settle(&decided, &operation, None);
    }

    pub(crate) fn amend(&mut self, number: usize, who: &str) {
        let state = self.states[number].as_ref().unwrap();
        let original = state.case().opening().id;
        let operation = Operation::from_json("db.write.one", "prod/orders/9", b"{\"n\":1}").unwrap();
        let Ballot::Attested(mut statement, how) =
            self.ballot(number, who, Choice::Approve(Conditions::new(&[]).unwrap()))
        else {
            panic!()
        };
        statement.operation = operation.digest();
        statement.escalation = Amendment::successor_of(original, operation.digest());
        let vote = Ballot::Attested(statement, how).cast(self.now, &[]);
        let op = String::from_utf8(operation.op_bytes().to_vec()).unwrap();
        let amendment = Amendment { at: self.now, op, payload: None, vote };
        let events =
            self.with_people(number, |state, people| state.amend(amendment, people, self.now).events);
        self.after(number, events);
    }

    /// The agent takes the changed operation: it is decided, opened with the vote for it, and then the first is over.
    pub(crate) fn accept(&mut self, number: usize) {
        let state = self.states[number].as_ref().unwrap();
        let (agent, pending) =
            (state.case().opening().agent.clone(), state.status(self.now) == Status::Pending);
        let Some(amendment) = state.case().amendment().filter(|_| pending).cloned() else { return };
        let operation = Operation::from_op_bytes(amendment.op.as_bytes()).unwrap();
        let amends = Amends {
            escalation: state.case().opening().id,
            by: amendment.vote.person().clone(),
            since: state.case().opening().opened_at,
        };
        let decided = self.judge(&operation, agent.as_str(), Some(amendment.successor()));
        let (_, opened) = self.settle(&decided, &operation, Some(amends));
        let successor = opened.unwrap();
        let mut statement = amendment.vote.statement;
        let now = self.states[successor].as_ref().unwrap().case().opening().clone();
        (statement.shown, statement.policy) = (now.shown, now.policy);
        let ballot = Ballot::Attested(Box::new(statement), Attestation::Session);
        let events =
            self.with_people(successor, |state, people| state.vote(&ballot, &[], people, self.now).events);
        self.after(successor, events);
        let events = self.with_people(number, |state, _| state.accept(&agent, self.now).events);
        self.after(number, events);
    }

    fn nth(&self, which: usize) -> Option<usize> {
        self.states.len().checked_sub(which + 1)
    }

    pub(crate) fn happen(&mut self, happening: &Happening) {
        let agent = |number: usize| ["agent:0", "agent:1"][number];
        match *happening {
            Happening::Ask { action, resource, agent: number } => {
                self.ask(action, resource, agent(number));
            }
            Happening::Suspended { action } => self.suspended(action, "prod/orders/2"),
            Happening::Drill { action } => {
                let operation = Operation::from_json(action, "prod/orders/7", b"{}").unwrap();
                let proposal = self.judge(&operation, "agent:0", None);
                let id = proposal.escalation.unwrap();
                let by = "olivia".to_owned();
                self.note(Event::Drill { id, proposal: Box::new(proposal.clone()), by });
                self.open(id, &proposal, &operation, None, true);
            }
            Happening::Wait { seconds } => self.wait(seconds),
            Happening::Incident { which, known } => {
                let at = self.decided.len().checked_sub(which + 1).filter(|_| known);
                let txn = at.map_or(TxnId::from_random([9; 16]), |at| self.decided[at].txn);
                self.incident(txn);
            }
            Happening::Report { which, failed } => {
                let Some(at) = self.decided.len().checked_sub(which + 1) else { return };
                self.report(self.decided[at].txn, if failed { Became::Failed } else { Became::Succeeded });
            }
            Happening::Vote { which, who, say, hasty } => {
                let Some(number) = self.nth(which) else { return };
                let flags: &[Flag] = if hasty { &[Flag::Hasty { took: 1, least: 2 }] } else { &[] };
                // A denial is never a poor one.
                let flags = if matches!(say, Say::Deny | Say::Withdraw) { &[] } else { flags };
                self.vote(number, PEOPLE[who], say, flags);
                // There is no time to lose then.
                if matches!(say, Say::BreakGlass) {
                    self.claim(number);
                }
            }
            Happening::Amend { which, who } => {
                if let Some(number) = self.nth(which) {
                    self.amend(number, PEOPLE[who]);
                }
            }
            Happening::Accept { which } => {
                if let Some(number) = self.nth(which) {
                    self.accept(number);
                }
            }
            Happening::Cancel { which } => {
                let Some(number) = self.nth(which) else { return };
                let agent = self.states[number].as_ref().unwrap().case().opening().agent.clone();
                let events = self.with_people(number, |state, _| state.cancel(&agent, "", self.now).events);
                self.after(number, events);
            }
            Happening::Claim { which } => {
                if let Some(number) = self.nth(which) {
                    self.claim(number);
                }
            }
            Happening::Block { which } => {
                let Some(number) = self.nth(which) else { return };
                let events =
                    self.with_people(number, |state, _| state.block(vec!["no".into()], self.now).events);
                self.after(number, events);
            }
            Happening::Widen { which } => {
                let Some(number) = self.nth(which) else { return };
                let events = self.with_people(number, |state, _| state.widen(self.now)).into_iter().collect();
                self.after(number, events);
                let events = self.with_people(number, |state, people| state.reconsider(people, self.now));
                self.after(number, events);
            }
            Happening::Pass { which, from, to } => {
                let Some(number) = self.nth(which) else { return };
                let [from, to] = [from, to].map(|who| PersonId::new(PEOPLE[who]).unwrap());
                let step =
                    self.with_people(number, |state, people| state.reassign(&from, &to, people, self.now));
                self.after(number, step.events);
            }
            Happening::Open { which, who } => {
                let Some(number) = self.nth(which) else { return };
                let person = PersonId::new(PEOPLE[who]).unwrap();
                let seen = self.with_people(number, |state, people| {
                    state.seen(&person, Sight::Opened, people, self.now)
                });
                self.after(number, seen.into_iter().collect());
            }
            Happening::Review { which, who, justified } => {
                let Some(number) = self.nth(which) else { return };
                let by = PersonId::new(PEOPLE[who]).unwrap();
                let review = Review {
                    at: self.now,
                    by,
                    assurance: Assurance::Session,
                    justified,
                    note: "seen".into(),
                };
                let events = self.with_people(number, |state, people| state.review(review, people).events);
                self.after(number, events);
            }
        }
    }
}
