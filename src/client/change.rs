//! What a reviewer proposes instead, and who else can decide: the types of those answers.

use super::ClientError;
use super::types::{DifferenceLine, Verdict};
use crate::proto;

/// An operation that a reviewer would have instead: with parameters, or with a raw payload.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What is done.
    pub action: String,
    /// To what.
    pub resource: String,
    /// The parameters, a JSON object.
    pub parameters: Option<Vec<u8>>,
    /// The raw payload, where there are no parameters.
    pub payload: Option<Vec<u8>>,
}

/// A changed operation as its reviewer sees it before voting for it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The id that the escalation of the changed operation will have: the vote names it.
    pub successor: String,
    /// The changed operation, canonical.
    pub op_bytes: Vec<u8>,
    /// What the service says it looks like; a careful program makes its own from `op_bytes`.
    pub rendering: String,
    /// The digest of that.
    pub rendering_digest: String,
    /// The operation's digest.
    pub operation_digest: String,
    /// The policy's digest.
    pub policy_digest: String,
    /// How it differs from what was asked for.
    pub difference: Vec<DifferenceLine>,
    /// What the policy says to it.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<String>,
}

/// Who can still decide an escalation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhoCan {
    /// The smallest sets of people who could complete it.
    pub sets: Vec<Vec<String>>,
    /// Everyone who could fill a seat, by id.
    pub people: Vec<Able>,
}

/// Somebody who could fill a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Able {
    /// Who.
    pub person: String,
    /// Whether they were asked.
    pub asked: bool,
    /// Why they would be asked, or why they were not.
    pub why: String,
}

/// Whether a person is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// Who.
    pub person: String,
    /// Whether they are there.
    pub there: bool,
    /// In words.
    pub words: String,
    /// Those who are away and for whom they stand in.
    pub stands_in_for: Vec<String>,
}

impl From<Change> for proto::Operation {
    fn from(change: Change) -> Self {
        let parameters = change.parameters.map(proto::operation::Body::Parameters);
        let body = parameters.or(change.payload.map(proto::operation::Body::Payload));
        Self { action: change.action, resource: change.resource, body }
    }
}

impl TryFrom<proto::DraftChangeResponse> for Draft {
    type Error = ClientError;

    fn try_from(wire: proto::DraftChangeResponse) -> Result<Self, ClientError> {
        Ok(Self {
            verdict: wire.verdict.try_into()?,
            successor: wire.successor_id,
            op_bytes: wire.op_bytes,
            rendering: wire.rendering,
            rendering_digest: wire.rendering_digest,
            operation_digest: wire.operation_digest,
            policy_digest: wire.policy_digest,
            difference: wire
                .difference
                .into_iter()
                .map(DifferenceLine::try_from)
                .collect::<Result<_, _>>()?,
            reasons: wire.reasons,
        })
    }
}
