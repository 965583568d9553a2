//! What a step of an escalation is compared with: the decision that asked for it, the votes before it, and the time.

use super::SLACK;
use super::decisions::Awaited;
use super::findings::Findings;
use crate::decision::Outcome;
use crate::escalation::vote::Choice;
use crate::escalation::{Escalation, Event as Step, Grant, Opening};
use crate::moment::Moment;
use crate::party::PersonId;
use std::collections::BTreeSet;

/// Whether what is brought before people is just what was decided to be.
pub(super) fn check_opening(opening: &Opening, awaited: &Awaited, findings: &mut Findings) {
    let terms = match &awaited.outcome {
        Outcome::Escalate(terms) => Some(terms),
        Outcome::Allow { .. } | Outcome::Deny => None,
    };
    let same = [
        ("id", awaited.escalation == Some(opening.id)),
        ("agent", awaited.agent == opening.agent),
        ("on_behalf_of", awaited.on_behalf_of == opening.on_behalf_of),
        ("operation", awaited.digest == opening.operation),
        ("policy", awaited.policy == opening.policy),
        ("terms", terms == Some(&opening.terms)),
        ("shown", awaited.shown.is_none_or(|shown| shown == opening.shown)),
    ];
    for (name, same) in same {
        findings.require(same, "escalation.other_opening", || {
            format!("`{name}` is not what was decided in record {}", awaited.index)
        });
    }
}

/// Why what was granted does not follow from the votes.
pub(super) fn why_not(state: &Escalation, grant: &Grant) -> (&'static str, String) {
    let case = state.case();
    match state {
        Escalation::Denied(_) => return ("approval.after_denial", "it was denied before".to_owned()),
        Escalation::Pending(_) => {}
        Escalation::Approved(_)
        | Escalation::Expired(_)
        | Escalation::Cancelled(_)
        | Escalation::Blocked(_)
        | Escalation::Claimed(_)
        | Escalation::Lapsed(_) => {
            return ("approval.after_end", format!("it was {} before", state.recorded_status()));
        }
    }
    if case.votes().iter().any(|vote| vote.statement.choice == Choice::Deny)
        && matches!(state.due(grant.at), Some(Step::Denied { .. }))
    {
        return ("approval.after_denial", "somebody who may said no before".to_owned());
    }
    if case.opening().drill {
        return ("approval.drill", "it is a drill, which nobody can approve".to_owned());
    }
    if grant.at >= case.opening().decide_by() && !grant.seated.is_empty() {
        let words = format!("the time to decide was over at {}", case.opening().decide_by());
        return ("approval.late", words);
    }
    let people: BTreeSet<&PersonId> = grant.seated.iter().map(|seated| &seated.person).collect();
    if people.len() < grant.seated.len() {
        return ("approval.one_person_twice", "somebody fills two seats".to_owned());
    }
    let unvoted = grant.seated.iter().find(|seated| {
        let mut votes = case.votes().iter();
        !votes.any(|vote| {
            vote.approves() && *vote.person() == seated.person && vote.statement.digest() == seated.vote
        })
    });
    if let Some(seated) = unvoted {
        let words = format!("`{}` fills a seat, and cast no such vote on it", seated.person);
        return ("approval.without_vote", words);
    }
    let words = format!(
        "{} of those who agreed are seated, and what was asked for is {}",
        grant.seated.len(),
        case.opening().terms.requirement
    );
    ("approval.too_few", words)
}

/// Whether what happened is recorded when it happened; only what falls due may be recorded later.
pub(super) fn check_time(step: &Step, at: Moment, findings: &mut Findings) {
    let (happened, due) = match step {
        Step::Opened(opening) => (opening.opened_at, false),
        Step::Voted(cast) | Step::Withdrawn(cast) => (cast.at, false),
        Step::Amended(amendment) => (amendment.at, false),
        Step::Approved(grant) => (grant.at, grant.seated.is_empty()),
        Step::Reviewed(review) => (review.at, false),
        Step::Denied { at, .. } | Step::Expired { at } | Step::Lapsed { at } => (*at, true),
        Step::Asked { at, .. }
        | Step::Reassigned { at, .. }
        | Step::Reminded { at, .. }
        | Step::Seen { at, .. }
        | Step::Widened { at, .. }
        | Step::VoteRefused { at, .. }
        | Step::Cancelled { at, .. }
        | Step::Blocked { at, .. }
        | Step::Claimed { at, .. } => (*at, false),
    };
    let ahead = happened > at.plus(SLACK);
    let behind = !due && happened.plus(SLACK) < at;
    findings.require(!ahead && !behind, "time.other", || {
        format!("`{}` is said to have happened at {happened}, and was recorded at {at}", step.name())
    });
}
