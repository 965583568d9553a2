//! An escalation as a message: everything that a reviewer needs to decide.

use super::list;
use crate::desk::queue::Line;
use crate::desk::{LocalDesk, View};
use crate::grpc::convert;
use crate::party::PersonId;
use crate::proto;

pub(super) fn escalation(view: View, reader: Option<&PersonId>, desk: &LocalDesk) -> proto::Escalation {
    let View { docket, payload, rendering, can_complete, conditions_allowed, recent_activity } = view;
    let summary = list::summary(&Line::of(docket.clone()), reader, desk);
    let decided = &docket.decided;
    let context = decided.context.clone();
    let votes = docket.escalation.case().votes().iter().map(|vote| proto::CastVote {
        reviewer: vote.person().to_string(),
        approve: vote.approves(),
        reason: vote.statement.reason.as_str().to_owned(),
        conditions: vote.statement.choice.conditions().iter().map(convert::condition).collect(),
        at: vote.at.unix_millis(),
        assurance: vote.assurance.to_string(),
    });
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
        op_bytes: decided.op.clone().into_bytes(),
        payload,
        rendering: rendering.text,
        rendering_digest: rendering.digest.to_string(),
        hazards: rendering.hazards.iter().map(ToString::to_string).collect(),
        votes: votes.collect(),
        can_complete,
        conditions_allowed,
        conditions: docket
            .escalation
            .case()
            .opening()
            .terms
            .conditions
            .iter()
            .map(convert::condition)
            .collect(),
        recent_activity,
    }
}
