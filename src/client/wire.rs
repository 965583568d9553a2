//! Between protobuf messages and the client's types: what does not fit is refused.

use super::ClientError;
use super::types::{
    Answer, Ask, CastVote, Context, DifferenceLine, Escalation, Factor, Filter, Grant, Listed, News, Offer,
    Pending, Progress, Risk, Status, Summary, Verdict,
};
use crate::proto;

impl From<Ask> for proto::AuthorizeRequest {
    fn from(ask: Ask) -> Self {
        let parameters = ask.parameters.map(proto::operation::Body::Parameters);
        let body = parameters.or(ask.payload.map(proto::operation::Body::Payload));
        let (context, declared) = (ask.context, ask.declared);
        Self {
            request_id: ask.request_id,
            operation: Some(proto::Operation { action: ask.action, resource: ask.resource, body }),
            executor: ask.executor,
            context: Some(proto::Context {
                reason: context.reason,
                user_request: context.user_request,
                reasoning: context.reasoning,
                blast_radius: context.blast_radius,
                reversibility: context.reversibility,
                alternatives: context.alternatives,
            }),
            declared: Some(proto::Declared {
                kind: declared.kind,
                environment: declared.environment,
                affected_rows: declared.affected_rows,
                irreversible: declared.irreversible,
                sensitive: declared.sensitive,
                cost: declared.cost,
            }),
            holder_key: ask.holder_key,
        }
    }
}

impl TryFrom<Option<proto::Risk>> for Risk {
    type Error = ClientError;

    fn try_from(wire: Option<proto::Risk>) -> Result<Self, ClientError> {
        let wire = wire.ok_or(ClientError::Unintelligible("no risk"))?;
        let factors = wire.factors.into_iter();
        let factors =
            factors.map(|f| Factor { name: f.name, value: f.value, weight: f.weight, reason: f.reason });
        Ok(Self {
            score: wire.score,
            level: wire.level.try_into()?,
            factors: factors.collect(),
            floors: wire.floors,
        })
    }
}

impl From<proto::Grant> for Grant {
    fn from(wire: proto::Grant) -> Self {
        Self {
            token: wire.token,
            certificates: wire.certificates,
            evidence: wire.evidence,
            op_bytes: wire.op_bytes,
            conditions: wire.conditions,
            expires_at: wire.expires_at,
            log_proof: (!wire.log_proof.is_empty()).then_some(wire.log_proof),
        }
    }
}

impl TryFrom<proto::AuthorizeResponse> for Answer {
    type Error = ClientError;

    fn try_from(wire: proto::AuthorizeResponse) -> Result<Self, ClientError> {
        let verdict = wire.verdict.try_into()?;
        let pending = wire.pending.map(|pending| Pending {
            escalation: pending.escalation_id,
            decide_by: pending.decide_by,
            requirement: pending.requirement,
            queued: pending.queued,
        });
        match (verdict, &wire.grant, &pending) {
            (Verdict::Allow, Some(_), None)
            | (Verdict::Deny, None, None)
            | (Verdict::Escalate, None, Some(_)) => {}
            (Verdict::Allow | Verdict::Deny | Verdict::Escalate, ..) => {
                return Err(ClientError::Unintelligible("the verdict and what came with it do not fit"));
            }
        }
        Ok(Self {
            decision: wire.decision_id,
            verdict,
            risk: wire.risk.try_into()?,
            rule: wire.rule,
            policy_digest: wire.policy_digest,
            reasons: wire.reasons,
            operation_digest: wire.operation_digest,
            grant: wire.grant.map(Grant::from),
            pending,
        })
    }
}

impl TryFrom<proto::DifferenceLine> for DifferenceLine {
    type Error = ClientError;

    fn try_from(wire: proto::DifferenceLine) -> Result<Self, ClientError> {
        match wire.side() {
            proto::Side::Kept => Ok(Self::Kept(wire.text)),
            proto::Side::Removed => Ok(Self::Removed(wire.text)),
            proto::Side::Added => Ok(Self::Added(wire.text)),
            proto::Side::Unspecified => {
                Err(ClientError::Unintelligible("a line of a difference is of no side"))
            }
        }
    }
}

impl TryFrom<proto::Offer> for Offer {
    type Error = ClientError;

    fn try_from(wire: proto::Offer) -> Result<Self, ClientError> {
        let difference =
            wire.difference.into_iter().map(DifferenceLine::try_from).collect::<Result<_, _>>()?;
        let proto::Offer { reviewer, reason, op_bytes, payload, .. } = wire;
        Ok(Self { reviewer, reason, op_bytes, payload, difference })
    }
}

impl TryFrom<proto::AwaitResponse> for Progress {
    type Error = ClientError;

    fn try_from(wire: proto::AwaitResponse) -> Result<Self, ClientError> {
        let status = wire.status.try_into()?;
        if wire.grant.is_some() != (status == Status::Claimed) {
            return Err(ClientError::Unintelligible("the status and what came with it do not fit"));
        }
        let grant = wire.grant.map(Grant::from);
        let offer = wire.offer.map(Offer::try_from).transpose()?;
        Ok(Self {
            offer,
            status,
            decide_by: wire.decide_by,
            reasons: wire.reasons,
            grant,
            approvals: wire.approvals,
            queued: wire.queued,
        })
    }
}

impl TryFrom<proto::ListResponse> for Listed {
    type Error = ClientError;

    fn try_from(wire: proto::ListResponse) -> Result<Self, ClientError> {
        let escalations = wire.escalations.into_iter().map(Summary::try_from).collect::<Result<_, _>>()?;
        Ok(Self { escalations, next: Some(wire.next_page_token).filter(|token| !token.is_empty()) })
    }
}

impl TryFrom<proto::Summary> for Summary {
    type Error = ClientError;

    fn try_from(wire: proto::Summary) -> Result<Self, ClientError> {
        Ok(Self {
            id: wire.escalation_id,
            status: wire.status.try_into()?,
            agent: wire.agent,
            action: wire.action,
            resource: wire.resource,
            risk: wire.risk.try_into()?,
            opened_at: wire.opened_at,
            decide_by: wire.decide_by,
            approvals: wire.approvals,
            requirement: wire.requirement,
            rule: wire.rule,
            group: wire.group,
            awaits_you: wire.awaits_you,
        })
    }
}

impl From<Filter> for proto::Filter {
    fn from(filter: Filter) -> Self {
        let Filter { statuses, agent, action, levels, mine, opened_since, opened_until } = filter;
        Self {
            statuses: statuses.into_iter().map(|status| proto::Status::from(status).into()).collect(),
            agent,
            action,
            levels: levels.into_iter().map(|level| proto::Level::from(level).into()).collect(),
            mine,
            opened_since,
            opened_until,
        }
    }
}

impl TryFrom<proto::WatchResponse> for News {
    type Error = ClientError;

    fn try_from(wire: proto::WatchResponse) -> Result<Self, ClientError> {
        use proto::watch_response::News as Wire;
        match wire.news {
            Some(Wire::Changed(summary)) => Ok(Self::Changed(Box::new(summary.try_into()?))),
            Some(Wire::Heartbeat(beat)) => Ok(Self::Beat(beat.at)),
            Some(Wire::Missed(proto::Missed {})) => Ok(Self::Missed),
            None => Err(ClientError::Unintelligible("no news")),
        }
    }
}

impl From<proto::CastVote> for CastVote {
    fn from(vote: proto::CastVote) -> Self {
        Self {
            reviewer: vote.reviewer,
            approve: vote.approve,
            reason: vote.reason,
            conditions: vote.conditions,
            at: vote.at,
            assurance: vote.assurance,
            decision: vote.decision,
            flags: vote.flags,
            counts: vote.counts,
        }
    }
}

impl TryFrom<proto::Escalation> for Escalation {
    type Error = ClientError;

    fn try_from(wire: proto::Escalation) -> Result<Self, ClientError> {
        let summary = wire.summary.ok_or(ClientError::Unintelligible("no summary"))?.try_into()?;
        let context = wire.context.unwrap_or_default();
        Ok(Self {
            summary,
            decision: wire.decision_id,
            executor: wire.executor,
            on_behalf_of: wire.on_behalf_of,
            context: Context {
                reason: context.reason,
                user_request: context.user_request,
                reasoning: context.reasoning,
                blast_radius: context.blast_radius,
                reversibility: context.reversibility,
                alternatives: context.alternatives,
            },
            rule: wire.rule,
            reasons: wire.reasons,
            policy_digest: wire.policy_digest,
            operation_digest: wire.operation_digest,
            masked: wire.masked,
            op_bytes: wire.op_bytes,
            payload: wire.payload,
            rendering: wire.rendering,
            rendering_digest: wire.rendering_digest,
            hazards: wire.hazards,
            votes: wire.votes.into_iter().map(CastVote::from).collect(),
            can_complete: wire.can_complete,
            conditions_allowed: wire.conditions_allowed,
            conditions: wire.conditions,
            recent_activity: wire.recent_activity,
            void_votes: wire.void_votes.into_iter().map(CastVote::from).collect(),
            asked: wire.asked,
            break_glass: wire.break_glass,
            review_by: wire.review_by,
            offer: wire.offer.map(Offer::try_from).transpose()?,
            stage: wire.stage,
            stages_left: wire.stages_left,
            denials: wire.denials,
            not_before: wire.not_before,
        })
    }
}
