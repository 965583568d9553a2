//! What the server acknowledged, as those whom it told remember it.

use countersign::client::{Answer, Ask, Grant, Status, Verdict};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use tokio::sync::watch;

/// An answer that an agent was given.
#[derive(Clone)]
pub(crate) struct Answered {
    pub(crate) agent: usize,
    pub(crate) ask: Ask,
    pub(crate) decision: String,
    pub(crate) verdict: Verdict,
    pub(crate) grant: Option<Grant>,
    pub(crate) escalation: Option<String>,
}

/// What is known of one escalation.
#[derive(Clone, Default)]
pub(crate) struct Case {
    pub(crate) agent: usize,
    /// Who voted, and whether it was a yes; each was acknowledged.
    pub(crate) votes: BTreeMap<String, bool>,
    /// The furthest state that somebody was told of, from [`rank`].
    pub(crate) status: Option<Status>,
    pub(crate) grant: Option<Grant>,
}

#[derive(Default)]
pub(crate) struct Known {
    pub(crate) answers: Vec<Answered>,
    /// Asked, and the answer never arrived.
    pub(crate) unanswered: Vec<(usize, Ask)>,
    pub(crate) cases: HashMap<String, Case>,
    /// Accepted by the executor, by single-use key.
    pub(crate) consumed: HashSet<String>,
}

/// The ledger of one folder, for all its lives.
pub(crate) struct Ledger {
    known: Mutex<Known>,
    acknowledged: watch::Sender<u64>,
    killed: AtomicBool,
}

/// How far a state is: none of a higher one goes back to a lower one.
fn rank(status: Status) -> u8 {
    match status {
        Status::Pending => 0,
        Status::Approved => 1,
        Status::Denied
        | Status::Expired
        | Status::Cancelled
        | Status::Blocked
        | Status::Claimed
        | Status::Lapsed => 2,
    }
}

/// Whether an escalation of which somebody was told `before` may stand like `after`.
pub(crate) fn may_follow(before: Status, after: Status) -> bool {
    before == after
        || rank(before) == 0
        || (before == Status::Approved && matches!(after, Status::Claimed | Status::Blocked))
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let (acknowledged, _) = watch::channel(0);
        Self { known: Mutex::default(), acknowledged, killed: AtomicBool::new(false) }
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    /// Counts what was acknowledged since the last start.
    pub(crate) fn acknowledged(&self) -> watch::Receiver<u64> {
        self.acknowledged.subscribe()
    }

    /// From here on calls may fail.
    pub(crate) fn expect_kill(&self) {
        self.killed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    /// The server is there again.
    pub(crate) fn revive(&self) {
        self.killed.store(false, Ordering::SeqCst);
        self.acknowledged.send_replace(0);
    }

    fn told(&self) {
        self.acknowledged.send_modify(|count| *count += 1);
    }

    pub(crate) fn answered(&self, agent: usize, ask: &Ask, answer: Answer) {
        let escalation = answer.pending.map(|pending| pending.escalation);
        let mut known = self.known();
        if let Some(id) = &escalation {
            known.cases.entry(id.clone()).or_default().agent = agent;
        }
        known.answers.push(Answered {
            agent,
            ask: ask.clone(),
            decision: answer.decision,
            verdict: answer.verdict,
            grant: answer.grant,
            escalation,
        });
        drop(known);
        self.told();
    }

    pub(crate) fn unanswered(&self, agent: usize, ask: Ask) {
        self.known().unanswered.push((agent, ask));
    }

    pub(crate) fn voted(&self, id: &str, who: &str, approves: bool, status: Status) {
        self.known().cases.get_mut(id).unwrap().votes.insert(who.to_owned(), approves);
        self.stands(id, status, None);
    }

    /// Somebody was told that it stands like this.
    pub(crate) fn stands(&self, id: &str, status: Status, grant: Option<&Grant>) {
        let mut known = self.known();
        let case = known.cases.get_mut(id).unwrap();
        // What two are told at the same time may arrive in any order.
        if case.status.is_none_or(|before| rank(status) > rank(before)) {
            case.status = Some(status);
        } else if rank(status) == 2 {
            assert_eq!(case.status, Some(status), "{id} ended twice");
        }
        if let Some(grant) = grant {
            let first = case.grant.get_or_insert_with(|| grant.clone());
            assert_eq!(first, grant, "{id} has two tokens");
        }
        drop(known);
        self.told();
    }

    /// The executor accepted this token.
    pub(crate) fn consumed(&self, jti: &str) {
        let first = self.known().consumed.insert(jti.to_owned());
        assert!(first, "{jti} was accepted twice");
    }
}
