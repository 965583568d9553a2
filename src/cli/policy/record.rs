//! The record of a service, read beside it: what was decided, and what came of it, in the order in which it happened.

use crate::audit::event::{Context, Decided, Event, Outcome as Reported};
use crate::cli::exit::{Exit, Failed};
use crate::config::Config;
use crate::decision::Request;
use crate::decision::replay::{Recorded, Replay};
use crate::digest::PolicyDigest;
use crate::escalation::{self, Denial};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::{AgentId, EscalationId, ExecutorId, PersonId, TxnId};
use crate::risk::{Claims, Novelty};
use crate::store::embedded::Look;
use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

/// Where the record is.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(in crate::cli) struct Source {
    /// The service's configuration; it tells where the record is
    #[arg(long, short, env = "COUNTERSIGN_CONFIG", value_name = "FILE", default_value = "countersign.yaml")]
    config: PathBuf,
    /// The folder of the record, without a configuration
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

impl Source {
    /// Looks into the record, beside a service that may be writing it.
    ///
    /// # Errors
    /// [`Failed`] if there is none.
    pub(in crate::cli) fn look(&self) -> Result<Look, Failed> {
        let data = self.folder()?;
        Look::into_store(&data).map_err(|error| {
            Failed::plain(format!("cannot read the record in `{}`: {error}", data.display()))
        })
    }

    /// The folder of the record.
    ///
    /// # Errors
    /// [`Failed`] if there is no configuration that says it.
    pub(in crate::cli) fn folder(&self) -> Result<PathBuf, Failed> {
        match &self.data {
            Some(data) => Ok(data.clone()),
            None => {
                let config = Config::load(&self.config).map_err(|error| Failed::new(Exit::Usage, error))?;
                Ok(config.data)
            }
        }
    }
}

/// What happened, as far as decisions depend on it.
pub(super) enum Step {
    Decided(Box<Kept>),
    Refused(AgentId, Moment),
    Denied(EscalationId, PersonId),
    Over(EscalationId),
}

/// What is kept of a decision.
pub(super) struct Kept {
    txn: TxnId,
    pub(super) at: Moment,
    agent: AgentId,
    on_behalf_of: Option<PersonId>,
    executor: ExecutorId,
    operation: Operation,
    claims: Claims,
    context: Context,
    new: Novelty,
    effect: &'static str,
    escalation: Option<EscalationId>,
}

impl Kept {
    pub(super) fn recorded(&self) -> Recorded<'_> {
        Recorded {
            txn: self.txn,
            at: self.at,
            request: Request {
                operation: &self.operation,
                claims: &self.claims,
                agent: &self.agent,
                on_behalf_of: self.on_behalf_of.as_ref(),
                context: &self.context,
                executor: Some(&self.executor),
            },
            new: self.new,
            effect: self.effect,
            escalation: self.escalation,
        }
    }

    /// `None` for an operation that the record has in a form which is none.
    fn of(decided: Decided, at: Moment) -> Option<Self> {
        Some(Self {
            txn: decided.txn,
            at,
            operation: Operation::from_op_bytes(decided.op.as_bytes()).ok()?,
            agent: decided.agent,
            on_behalf_of: decided.on_behalf_of,
            executor: decided.executor,
            claims: decided.claims,
            context: decided.context,
            new: decided.decision.assessment.facts.new,
            effect: decided.decision.outcome.as_str(),
            escalation: decided.escalation,
        })
    }
}

impl Step {
    /// Lets it happen in a replay; what is decided there is dropped.
    pub(super) fn happen(&self, replay: &mut Replay<'_>) {
        match self {
            Self::Decided(kept) => drop(replay.decide(&kept.recorded())),
            Self::Refused(agent, at) => replay.refused(agent, *at),
            Self::Denied(escalation, by) => replay.denied(*escalation, by),
            Self::Over(escalation) => replay.over(*escalation),
        }
    }
}

/// What a record holds.
pub(super) struct Read {
    /// What happened at or after the moment that was asked for, oldest first.
    pub(super) steps: Vec<Step>,
    /// The policies that came into force, by their digests: their texts.
    pub(super) policies: HashMap<PolicyDigest, String>,
    /// The last of them.
    pub(super) policy: Option<(PolicyDigest, String)>,
    /// The roster in force.
    pub(super) roster: Option<String>,
    /// The decision that was looked for, if it was found; it is the last step then.
    pub(super) wanted: Option<Box<Decided>>,
}

/// Reads the record from `since` on, or up to the decision that is wanted.
///
/// # Errors
/// [`Failed`] if there is none, or it cannot be read.
pub(super) fn read(source: &Source, since: Moment, wanted: Option<TxnId>) -> Result<Read, Failed> {
    let look = source.look()?;
    let mut read =
        Read { steps: Vec::new(), policies: HashMap::new(), policy: None, roster: None, wanted: None };
    let mut progress = Progress::new("reading the record", look.len());
    for found in look.from(0) {
        let (index, record) = found.map_err(Failed::plain)?;
        progress.at(index);
        let (at, recent) = (record.at, record.at >= since);
        match record.event {
            Event::PolicyLoaded { digest, text, .. } => {
                read.policies.insert(digest, text.clone());
                read.policy = Some((digest, text));
            }
            Event::RosterLoaded { text, .. } => read.roster = Some(text),
            Event::Decided(decided) => {
                let is_wanted = wanted == Some(decided.txn);
                // What a suspension stopped says nothing about the policy.
                let counts = decided.suspension.is_none() || is_wanted;
                if is_wanted {
                    read.wanted = Some(decided.clone());
                }
                if let Some(kept) = Kept::of(*decided, at).filter(|_| recent && counts) {
                    read.steps.push(Step::Decided(Box::new(kept)));
                }
                if is_wanted {
                    break;
                }
            }
            Event::Reported(reported) if recent && reported.outcome == Reported::Refused => {
                read.steps.push(Step::Refused(reported.agent, at));
            }
            Event::Escalation { id, step } if recent => read.steps.extend(ended(id, step)),
            Event::Escalation { .. }
            | Event::Reported(_)
            | Event::Started { .. }
            | Event::Stopped {}
            | Event::KeyCertified { .. }
            | Event::Minted(_)
            | Event::Drill { .. }
            | Event::Absence { .. }
            | Event::KeyRevoked { .. }
            | Event::Receipted(_)
            | Event::Incident(_)
            | Event::Saturated(_)
            | Event::Erased { .. }
            | Event::ClockInDoubt { .. }
            | Event::Suspended { .. }
            | Event::Resumed { .. } => {}
        }
    }
    progress.done();
    Ok(read)
}

fn ended(id: EscalationId, step: escalation::Event) -> Option<Step> {
    match step {
        escalation::Event::Denied { cause: Denial::Reviewer(by), .. } => Some(Step::Denied(id, by)),
        escalation::Event::Denied { cause: Denial::Contradiction(_) | Denial::Drill, .. }
        | escalation::Event::Expired { .. }
        | escalation::Event::Cancelled { .. }
        | escalation::Event::Blocked { .. }
        | escalation::Event::Lapsed { .. } => Some(Step::Over(id)),
        escalation::Event::Opened(_)
        | escalation::Event::Asked { .. }
        | escalation::Event::Reassigned { .. }
        | escalation::Event::Reminded { .. }
        | escalation::Event::Seen { .. }
        | escalation::Event::Widened { .. }
        | escalation::Event::Voted(_)
        | escalation::Event::VoteRefused { .. }
        | escalation::Event::Withdrawn(_)
        | escalation::Event::Amended(_)
        | escalation::Event::Approved(_)
        | escalation::Event::Claimed { .. }
        | escalation::Event::Reviewed(_) => None,
    }
}

/// How far something is, on standard error if that is a terminal.
pub(in crate::cli) struct Progress {
    what: &'static str,
    total: u64,
    shown: bool,
}

impl Progress {
    pub(in crate::cli) fn new(what: &'static str, total: u64) -> Self {
        Self { what, total, shown: std::io::stderr().is_terminal() && total > Self::EVERY }
    }

    const EVERY: u64 = 5_000;

    pub(in crate::cli) fn at(&mut self, done: u64) {
        if self.shown && done.is_multiple_of(Self::EVERY) {
            let mut terminal = std::io::stderr().lock();
            drop(write!(terminal, "\r{}: {done} of {}", self.what, self.total));
            drop(terminal.flush());
        }
    }

    pub(in crate::cli) fn done(&mut self) {
        if self.shown {
            drop(write!(std::io::stderr().lock(), "\r\x1b[2K"));
            self.shown = false;
        }
    }
}
