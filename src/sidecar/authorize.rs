//! One request, decided and recorded before its answer leaves (DESIGN §3).

use super::memory::Weighed;
use super::mint::Granted;
use super::{Caller, Sidecar, SidecarError};
use crate::audit::event::{Context, Decided, Event, RequestKey};
use crate::clock::Reading;
use crate::decision::{Decision, Outcome, Request, judge};
use crate::desk::{Amended, Opened, Proposal, Room};
use crate::digest::{OperationDigest, base64url};
use crate::metrics::Stopwatch;
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::{EscalationId, ExecutorId, TxnId};
use crate::risk::Claims;
use crate::store::{Basis, Change, Index, StoreError};
use crate::token::{Executor, PublicKey};
use std::sync::Arc;
use tracing::Instrument as _;

/// How often a decision is taken anew because another replica changed what is suspended.
const ATTEMPTS: usize = 8;

/// A request for one operation.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Who asks.
    pub caller: Caller,
    /// Makes the request idempotent.
    pub request_id: Option<String>,
    /// What it would run.
    pub operation: Operation,
    /// The raw payload, where the operation is of its digest.
    pub payload: Option<Vec<u8>>,
    /// Who would act.
    pub executor: ExecutorId,
    /// What argues for it.
    pub context: Context,
    /// What the agent declares.
    pub claims: Claims,
    /// The key whose holder alone may present the token.
    pub holder: Option<PublicKey>,
    /// The trace that the request is part of.
    pub trace: Option<String>,
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug)]
pub struct Answer {
    /// The decision's id.
    pub txn: TxnId,
    /// The decision, with every factor and reason.
    pub decision: Decision,
    /// The operation's digest.
    pub operation: OperationDigest,
    /// The token, where it is allowed.
    pub granted: Option<Granted>,
    /// The escalation, where people decide.
    pub opened: Option<Opened>,
}

impl Ask {
    fn request(&self) -> Request<'_> {
        Request {
            operation: &self.operation,
            claims: &self.claims,
            agent: &self.caller.agent,
            on_behalf_of: self.caller.on_behalf_of.as_ref(),
            context: &self.context,
            executor: Some(&self.executor),
        }
    }

    /// The request that a recorded decision answered.
    pub(super) fn of(decided: &Decided, operation: Operation) -> Self {
        Self {
            caller: Caller { agent: decided.agent.clone(), on_behalf_of: decided.on_behalf_of.clone() },
            request_id: decided.request_id.clone(),
            operation,
            payload: None,
            executor: decided.executor.clone(),
            context: decided.context.clone(),
            claims: decided.claims.clone(),
            holder: None,
            trace: decided.trace.clone(),
        }
    }
}

impl Sidecar {
    /// Decides one operation; the answer is recorded, and synced, before it is given.
    ///
    /// # Errors
    /// [`SidecarError`] if it could not be judged or recorded: then nothing may run.
    pub async fn authorize(self: &Arc<Self>, ask: Ask) -> Result<Answer, SidecarError> {
        self.answer_to_the_end(ask, None).await
    }

    /// … whether or not whoever asks stays to hear of it: what is on the record is opened, takes its room and is looked
    /// after all the same.
    pub(super) async fn answer_to_the_end(
        self: &Arc<Self>,
        ask: Ask,
        amended: Option<(EscalationId, Amended)>,
    ) -> Result<Answer, SidecarError> {
        let sidecar = self.clone();
        let answering = async move {
            let watch = Stopwatch::start();
            let answer = sidecar.answer(ask, amended).await;
            let outcome = answer.as_ref().map(|answer| answer.decision.outcome.as_str());
            sidecar.metrics.authorized(outcome.ok(), watch);
            answer.inspect_err(|error| sidecar.metrics.not_minted(error.code()))
        };
        let answering = tokio::spawn(answering.in_current_span());
        let stopping = |_| Err(StoreError::Unavailable("the service is stopping".to_owned()).into());
        answering.await.unwrap_or_else(stopping)
    }

    /// … that may be what a reviewer changed an earlier one into: then its escalation has the id that they voted for,
    /// and their vote.
    pub(super) async fn answer(
        &self,
        ask: Ask,
        amended: Option<(EscalationId, Amended)>,
    ) -> Result<Answer, SidecarError> {
        let roles = self.roles.load_full();
        let executor = roles.executors.get(&ask.executor);
        let executor = executor.ok_or_else(|| SidecarError::UnknownExecutor(ask.executor.clone()))?;
        let request = ask.request_id.as_deref().map(|id| RequestKey::new(&ask.caller.agent, id));
        if let Some(answered) = request.map(|key| self.store.answered(key)).transpose()?.flatten() {
            return self.repeat(&ask, answered, amended).await;
        }
        for _ in 0..ATTEMPTS {
            match self.decide_anew(&ask, executor, request, amended.clone()).await {
                // The same request was under way twice; this one was the later.
                Err(SidecarError::Store(StoreError::Answered(index))) => {
                    return self.repeat(&ask, index, amended).await;
                }
                // Another replica has suspended or lifted something meanwhile.
                Err(SidecarError::Store(StoreError::Changed(_))) => self.brake.doubt(),
                other => return other,
            }
        }
        Err(StoreError::Changed(Basis::Suspensions).into())
    }

    async fn decide_anew(
        &self,
        ask: &Ask,
        executor: &Executor,
        request: Option<RequestKey>,
        amended: Option<(EscalationId, Amended)>,
    ) -> Result<Answer, SidecarError> {
        let now = self.sure_time()?;
        let txn = TxnId::from_random(self.entropy.bits128()?);
        // Held until the answer is recorded and, where it allows, signed.
        let standing = self.brake.standing().await?;
        // Everything about a decision is of one policy and one roster.
        let watch = Stopwatch::start();
        let deciding = tracing::info_span!("decide").entered();
        let (weighed, weighing) =
            self.memories.weigh(self.store.as_ref(), &self.in_force, &ask.request(), now)?;
        let mut decision = judged(weighed, ask, executor, now);
        drop(deciding);
        self.metrics.judged(watch);
        let suspension = standing.stops(&ask.caller.agent, ask.operation.action(), now);
        if let Some(suspension) = suspension {
            decision.outcome = Outcome::Deny;
            decision.rule = None;
            decision.reasons.insert(0, suspension.to_string());
        }
        let suspension = suspension.map(|suspension| suspension.id);
        self.deny_what_is_stale(&mut decision);
        // Held until the escalation is open: what others of this agent are about to open counts as well.
        let _room = self.room_for(&mut decision, ask, amended.is_some());
        let escalation = match (&decision.outcome, &amended) {
            (Outcome::Escalate(_), Some((successor, _))) => Some(*successor),
            (Outcome::Escalate(_), None) => Some(EscalationId::from_random(self.entropy.bits128()?)),
            (Outcome::Allow { .. } | Outcome::Deny, _) => None,
        };
        let decided = Decided { suspension, ..decided(ask, txn, decision, escalation) };
        let decided = Box::new(self.masked(&ask.operation, decided));
        describe(&decided);
        if let Outcome::Allow { conditions } = &decided.decision.outcome {
            let conditions = conditions.clone();
            let granted = self.mint_allowed(decided.clone(), executor, conditions, now, |mint| {
                standing.guard(mint).answering(request)
            });
            let granted = granted.await;
            let granted = match granted {
                Ok(granted) => granted,
                Err(error) => {
                    weighing.failed(&error);
                    return Err(error);
                }
            };
            weighing.settle(&decided.decision, None);
            return Ok(Answer {
                txn,
                operation: decided.digest,
                decision: decided.decision,
                granted: Some(granted),
                opened: None,
            });
        }
        let change = Change::of(now, [Event::Decided(decided.clone())]).answering(request);
        let committed = self.store.commit(change).instrument(tracing::info_span!("commit")).await;
        if let Err(error) = committed.map_err(SidecarError::from) {
            weighing.failed(&error);
            return Err(error);
        }
        drop(standing);
        match suspension {
            Some(_) => weighing.stopped(),
            None => weighing.settle(&decided.decision, decided.escalation),
        }
        let opened = self.open(&decided, amended).await?;
        Ok(Answer { txn, operation: decided.digest, decision: decided.decision, granted: None, opened })
    }

    /// Whoever has not heard from the desk for longer than the policy says knows too little to allow anything.
    fn deny_what_is_stale(&self, decision: &mut Decision) {
        let most = self.in_force.load().policy.stale_after();
        let silence = self.tether.as_ref().and_then(|tether| tether.stale(self.clock.now(), most));
        if let Some(why) = silence.filter(|_| decision.allows()) {
            decision.outcome = Outcome::Deny;
            decision.rule = None;
            decision.reasons.insert(0, why);
        }
    }

    /// Room for one more open escalation of this agent, where people are to be asked. Where it has too many, it is
    /// denied: it can wait for those or cancel them, and nobody else's request waits behind them.
    fn room_for(&self, decision: &mut Decision, ask: &Ask, instead: bool) -> Option<Room> {
        let Outcome::Escalate(_) = &decision.outcome else { return None };
        let most = self.in_force.load().policy.open_per_agent();
        // A changed operation takes the place of the one that it was changed from.
        let room = self.desk.room(&ask.caller.agent, most + usize::from(instead));
        if room.is_none() {
            decision.outcome = Outcome::Deny;
            decision.rule = None;
            decision.reasons.insert(
                0,
                format!("{most} requests of this agent wait for people already, and the policy allows no more: wait for them, or cancel some"),
            );
        }
        room
    }

    /// The decision of the policy in force on an operation that was decided before.
    pub(super) fn decide_again(
        &self,
        ask: &Ask,
        executor: &Executor,
        now: Moment,
    ) -> Result<Decision, SidecarError> {
        let weighed = self.memories.look(self.store.as_ref(), &self.in_force, &ask.request(), now)?;
        Ok(judged(weighed, ask, executor, now))
    }

    /// The time, or a refusal while it is in doubt; the doubt is logged once by who watches the clock.
    pub(super) fn sure_time(&self) -> Result<Moment, SidecarError> {
        match self.clock.read() {
            Reading::Sure(now) => Ok(now),
            Reading::InDoubt { .. } => Err(SidecarError::ClockInDoubt),
        }
    }

    async fn open(
        &self,
        decided: &Decided,
        amended: Option<(EscalationId, Amended)>,
    ) -> Result<Option<Opened>, SidecarError> {
        let (Some(id), Outcome::Escalate(terms)) = (decided.escalation, &decided.decision.outcome) else {
            return Ok(None);
        };
        let operators = self.roles.load().operators.get(&decided.agent).cloned().unwrap_or_default();
        let amends = amended.map(|(_, amended)| Box::new(amended));
        let proposal = Proposal { id, decided: decided.clone(), terms: terms.clone(), operators, amends };
        let opening = tracing::info_span!("open", escalation = %id);
        Ok(Some(self.desk.open(proposal).instrument(opening).await?))
    }

    /// Gives the answer again that was recorded at `index`.
    async fn repeat(
        &self,
        ask: &Ask,
        index: Index,
        amended: Option<(EscalationId, Amended)>,
    ) -> Result<Answer, SidecarError> {
        let record = self.store.record(index)?;
        let Event::Decided(decided) = record.event else {
            return Err(StoreError::Damaged(format!("record {index} is not a decision")).into());
        };
        if decided.digest != ask.operation.digest() || decided.executor != ask.executor {
            return Err(SidecarError::RequestReused { earlier: decided.txn });
        }
        let granted = match decided.decision.outcome {
            Outcome::Allow { .. } => {
                let standing = self.brake.standing().await?;
                Self::stopped(&standing, &decided.agent, ask.operation.action(), self.clock.now())?;
                Some(self.granted_at(index + 1, &decided).await?)
            }
            Outcome::Deny | Outcome::Escalate(_) => None,
        };
        // Opening is idempotent too: whatever a crash left undone between the two is done now.
        let opened = self.open(&decided, amended).await?;
        Ok(Answer {
            txn: decided.txn,
            operation: decided.digest,
            decision: decided.decision,
            granted,
            opened,
        })
    }
}

/// Tells the span what was decided: ids and the names that the policy has for things, nothing that the agent sent.
fn describe(decided: &Decided) {
    let span = tracing::Span::current();
    span.record("txn", tracing::field::display(decided.txn));
    span.record("outcome", decided.decision.outcome.as_str());
    span.record("level", decided.decision.assessment.level.as_str());
    if let Some(rule) = &decided.decision.rule {
        span.record("rule", tracing::field::display(rule));
    }
    if let Some(escalation) = decided.escalation {
        span.record("escalation", tracing::field::display(escalation));
    }
}

/// The decision, denied where the executor cannot carry it out.
fn judged(weighed: Weighed, ask: &Ask, executor: &Executor, now: Moment) -> Decision {
    let Weighed { in_force, examined, history } = weighed;
    let mut decision = judge(&ask.request(), examined, &in_force.policy, &history, now);
    if let Some(kind) = executor.unenforced(decision.outcome.conditions()) {
        let why = format!(
            "the policy asks for the condition `{kind}`, which the executor `{}` does not enforce",
            ask.executor
        );
        decision.outcome = Outcome::Deny;
        decision.reasons.push(why);
    }
    decision
}

pub(super) fn decided(
    ask: &Ask,
    txn: TxnId,
    decision: Decision,
    escalation: Option<EscalationId>,
) -> Decided {
    Decided {
        txn,
        agent: ask.caller.agent.clone(),
        on_behalf_of: ask.caller.on_behalf_of.clone(),
        request_id: ask.request_id.clone(),
        executor: ask.executor.clone(),
        digest: ask.operation.digest(),
        // Canonical JSON is UTF-8, so nothing is lost.
        op: String::from_utf8_lossy(ask.operation.op_bytes()).into_owned(),
        payload: ask.payload.as_deref().map(base64url),
        context: ask.context.clone(),
        claims: ask.claims.clone(),
        holder_key: ask.holder.as_ref().map(|key| base64url(key.as_bytes())),
        decision,
        escalation,
        suspension: None,
        trace: ask.trace.clone(),
        shown: None,
    }
}
