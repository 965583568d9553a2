//! A filter: which decisions of the record somebody wants to see.

use super::event::{Decided, Event, Record};
use crate::escalation;
use crate::moment::Moment;
use crate::names::names;
use crate::operation::Operation;
use crate::party::PersonId;
use crate::policy::Outcome;
use crate::risk::pattern::Glob;

names! {
    /// What was decided, without the terms.
    Effect {
        /// It may run.
        Allow = "allow",
        /// It may not.
        Deny = "deny",
        /// People have to agree.
        Escalate = "escalate",
    }
}

impl Effect {
    /// What an outcome comes to.
    #[must_use]
    pub const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Allow { .. } => Self::Allow,
            Outcome::Deny => Self::Deny,
            Outcome::Escalate(_) => Self::Escalate,
        }
    }
}

/// Which decisions somebody wants to see; whatever is not said does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Whose, as a pattern.
    pub agent: Option<Glob>,
    /// Of which action, as a pattern.
    pub action: Option<Glob>,
    /// What was decided first, before any people were asked.
    pub effect: Option<Effect>,
    /// On which this person voted, withdrew, changed something or reviewed an emergency.
    pub reviewer: Option<PersonId>,
    /// Recorded at this moment or later.
    pub from: Option<Moment>,
    /// Recorded before this moment.
    pub until: Option<Moment>,
}

impl Filter {
    /// Whether it wants this decision, as far as its own record tells: who voted on it is told by later ones.
    #[must_use]
    pub fn wants(&self, decided: &Decided, at: Moment) -> bool {
        let action = || Operation::from_op_bytes(decided.op.as_bytes()).map(|one| one.action().to_owned());
        self.from.is_none_or(|from| at >= from)
            && self.until.is_none_or(|until| at < until)
            && self.effect.is_none_or(|effect| effect == Effect::of(&decided.decision.outcome))
            && self.agent.as_ref().is_none_or(|agent| agent.matches(decided.agent.as_str()))
            && self.action.as_ref().is_none_or(|wanted| action().is_ok_and(|action| wanted.matches(&action)))
    }
}

/// Who took part in an escalation with this record: voted, counted or not, took a vote back, proposed a change, or
/// reviewed an emergency.
#[must_use]
pub fn participant(record: &Record) -> Option<&PersonId> {
    let Event::Escalation { step, .. } = &record.event else { return None };
    if let escalation::Event::Reviewed(review) = step {
        return Some(&review.by);
    }
    if let escalation::Event::VoteRefused { person, .. } = step {
        return Some(person);
    }
    step.cast().map(escalation::Cast::person)
}
