//! An escalation as a message: everything that a reviewer needs to decide.

use super::list;
use crate::desk::queue::Line;
use crate::desk::{LocalDesk, View};
use crate::escalation::Cast;
use crate::grpc::convert;
use crate::moment::Moment;
use crate::party::PersonId;
use crate::proto;
use crate::sidecar::Offer;

pub(super) fn escalation(
    view: View,
    offer: Option<Offer>,
    reader: Option<&PersonId>,
    desk: &LocalDesk,
) -> proto::Escalation {
    let View { docket, payload, rendering, can_complete, conditions_allowed, recent_activity } = view;
    let summary = list::summary(&Line::of(docket.clone()), reader, desk);
    let decided = &docket.decided;
    let context = decided.context.clone();
    let case = docket.escalation.case();
    let opening = case.opening();
    let terms = &opening.terms;
    let vote = |vote: &Cast| proto::CastVote {
        reviewer: vote.person().to_string(),
        approve: vote.approves(),
        reason: vote.statement.reason.as_str().to_owned(),
        conditions: vote.statement.choice.conditions().iter().map(convert::condition).collect(),
        at: vote.at.unix_millis(),
        assurance: vote.assurance.to_string(),
        decision: vote.statement.choice.as_str().to_owned(),
        flags: vote.flags.iter().map(ToString::to_string).collect(),
        counts: case.counts(vote),
    };
    // What does not stand fills no seat, whatever it did before.
    let void = |cast: &Cast| proto::CastVote { counts: false, ..vote(cast) };
    let now = desk.now();
    let hidden = docket.escalation.hides_votes_from(reader, now);
    let (votes, void_votes) = if hidden { (&[][..], &[][..]) } else { (case.votes(), case.void_votes()) };
    let stage = case.stage(now);
    let millis = |moment: Option<Moment>| moment.map_or(0, Moment::unix_millis);
    let not_before = (!terms.min_review.is_zero()).then(|| opening.opened_at.plus(terms.min_review));
    proto::Escalation {
        summary: Some(summary),
        decision_id: decided.txn.to_string(),
        executor: decided.executor.to_string(),
        on_behalf_of: decided.on_behalf_of.as_ref().map(ToString::to_string).unwrap_or_default(),
        context: Some(proto::Context {
            reason: context.reason,
            user_request: context.user_request,
            reasoning: context.reasoning,
            blast_radius: context.blast_radius,
            reversibility: context.reversibility,
            alternatives: context.alternatives,
        }),
        rule: decided.decision.rule.clone().unwrap_or_default(),
        reasons: decided.decision.reasons.clone(),
        policy_digest: decided.decision.policy.to_string(),
        operation_digest: decided.digest.to_string(),
        op_bytes: decided.shown().as_bytes().to_vec(),
        masked: decided.shown.is_some(),
        payload,
        rendering: rendering.text,
        rendering_digest: rendering.digest.to_string(),
        hazards: rendering.hazards.iter().map(ToString::to_string).collect(),
        votes: votes.iter().map(vote).collect(),
        can_complete: if hidden { Vec::new() } else { can_complete },
        conditions_allowed,
        conditions: terms.conditions.iter().map(convert::condition).collect(),
        recent_activity,
        void_votes: void_votes.iter().map(void).collect(),
        asked: case.asked().map(ToString::to_string).collect(),
        break_glass: terms.break_glass.as_ref().map(|one| one.requirement.to_string()).unwrap_or_default(),
        review_by: millis(docket.escalation.review_due()),
        offer: offer.map(convert::offer),
        stage: u32::try_from(stage).unwrap_or(u32::MAX),
        stages_left: u32::try_from(case.stages().saturating_sub(stage)).unwrap_or(u32::MAX),
        denials: u32::try_from(terms.denials.get()).unwrap_or(u32::MAX),
        not_before: millis(not_before),
    }
}
