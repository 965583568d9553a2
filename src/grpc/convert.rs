//! Between protobuf messages and the story's types: what is wrong on the wire is named, and goes no further.

use crate::audit::event::{self, Context};
use crate::desk::DeskError;
use crate::operation::Operation;
use crate::operation::render::Line;
use crate::party::{EscalationId, ExecutorId, TxnId};
use crate::proto;
use crate::risk::{Assessment, Claims, Environment, Kind, Level, Sensitivity};
use crate::sidecar::{Answer, Ask, Caller, Granted, Offer, Progress, SidecarError, SignedReceipt};
use crate::store::StoreError;
use crate::token::{Algorithm, MAX_CHAIN, MAX_RECEIPT, MAX_VERIFIED, PublicKey};
use tonic::Status;

/// The largest raw payload: 1 MiB.
pub(super) const MAX_PAYLOAD: usize = 1024 * 1024;
/// The longest of the texts that argue for an operation, in bytes.
const MAX_TEXT: usize = 16 * 1024;
const MAX_ALTERNATIVES: usize = 16;
const MAX_REQUEST_ID: usize = 128;

/// A request as the story takes it.
pub(super) fn ask(
    caller: Caller,
    trace: Option<String>,
    wire: proto::AuthorizeRequest,
) -> Result<Ask, Status> {
    let request_id = request_id(wire.request_id)?;
    let (operation, payload) = operation(wire.operation)?;
    let executor =
        ExecutorId::new(&wire.executor).map_err(|error| invalid(format!("`executor`: {error}")))?;
    Ok(Ask {
        caller,
        request_id,
        operation,
        payload,
        executor,
        context: context(wire.context.unwrap_or_default())?,
        claims: claims(&wire.declared.unwrap_or_default())?,
        holder: holder(&wire.holder_key)?,
        trace,
    })
}

fn request_id(text: String) -> Result<Option<String>, Status> {
    match text {
        text if text.is_empty() => Ok(None),
        text if text.len() <= MAX_REQUEST_ID && text.bytes().all(|b| b.is_ascii_graphic()) => Ok(Some(text)),
        _ => Err(invalid(format!("`request_id` is not up to {MAX_REQUEST_ID} printable characters"))),
    }
}

/// An operation that came by itself, with its raw payload where it has one.
pub(super) fn operation(wire: Option<proto::Operation>) -> Result<(Operation, Option<Vec<u8>>), Status> {
    read_operation(wire.ok_or_else(|| invalid("`operation` is missing"))?)
}

fn read_operation(wire: proto::Operation) -> Result<(Operation, Option<Vec<u8>>), Status> {
    let wrong =
        |error: crate::operation::OperationError| invalid(format!("`operation`: {error} ({})", error.code()));
    match wire.body {
        None => Err(invalid("`operation` has neither `parameters` nor `payload`")),
        Some(proto::operation::Body::Parameters(parameters)) => {
            Operation::from_json(&wire.action, &wire.resource, &parameters)
                .map_err(wrong)
                .map(|op| (op, None))
        }
        Some(proto::operation::Body::Payload(payload)) if payload.len() > MAX_PAYLOAD => {
            Err(invalid(format!("`payload` is longer than {MAX_PAYLOAD} bytes")))
        }
        Some(proto::operation::Body::Payload(payload)) => {
            let operation = Operation::from_payload(&wire.action, &wire.resource, &payload).map_err(wrong)?;
            Ok((operation, Some(payload)))
        }
    }
}

fn context(wire: proto::Context) -> Result<Context, Status> {
    let texts = [&wire.reason, &wire.user_request, &wire.reasoning, &wire.blast_radius, &wire.reversibility];
    if texts.into_iter().chain(&wire.alternatives).any(|text| text.len() > MAX_TEXT) {
        return Err(invalid(format!("a text in `context` is longer than {MAX_TEXT} bytes")));
    }
    if wire.alternatives.len() > MAX_ALTERNATIVES {
        return Err(invalid(format!("`context.alternatives` has more than {MAX_ALTERNATIVES} members")));
    }
    Ok(Context {
        reason: wire.reason,
        user_request: wire.user_request,
        reasoning: wire.reasoning,
        blast_radius: wire.blast_radius,
        reversibility: wire.reversibility,
        alternatives: wire.alternatives,
    })
}

fn claims(wire: &proto::Declared) -> Result<Claims, Status> {
    let unknown = |what: &str, value: &str| invalid(format!("`declared.{what}`: unknown value `{value}`"));
    let kind = match wire.kind.as_str() {
        "" => None,
        text => Some(Kind::parse(text).ok_or_else(|| unknown("kind", text))?),
    };
    let environment = match wire.environment.as_str() {
        "" => None,
        text => Some(Environment::parse(text).ok_or_else(|| unknown("environment", text))?),
    };
    Ok(Claims {
        kind,
        environment,
        sensitivity: wire.sensitive.then_some(Sensitivity::Sensitive),
        rows: (wire.affected_rows > 0).then_some(wire.affected_rows),
        irreversible: wire.irreversible,
        cost: (wire.cost > 0).then_some(wire.cost),
    })
}

fn holder(bytes: &[u8]) -> Result<Option<PublicKey>, Status> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let key = <[u8; 32]>::try_from(bytes).map_err(|_| invalid("`holder_key` is not 32 bytes"))?;
    PublicKey::from_bytes(&key, Algorithm::EdDsa)
        .map(Some)
        .map_err(|error| invalid(format!("`holder_key`: {error}")))
}

/// An id of the form that the service gave out.
pub(super) fn escalation_id(text: &str) -> Result<EscalationId, Status> {
    EscalationId::parse(text).ok_or_else(|| invalid("`escalation_id` is not an id of the form `esc_…`"))
}

/// An id of the form that the service gave out.
pub(super) fn txn_id(text: &str) -> Result<TxnId, Status> {
    TxnId::parse(text).ok_or_else(|| invalid("`decision_id` is not an id of the form `txn_…`"))
}

/// What became of an operation.
pub(super) fn outcome(number: i32) -> Result<event::Outcome, Status> {
    match proto::Outcome::try_from(number) {
        Ok(proto::Outcome::Succeeded) => Ok(event::Outcome::Succeeded),
        Ok(proto::Outcome::Failed) => Ok(event::Outcome::Failed),
        Ok(proto::Outcome::Unknown) => Ok(event::Outcome::Unknown),
        Ok(proto::Outcome::Refused) => Ok(event::Outcome::Refused),
        Ok(proto::Outcome::Unspecified) | Err(_) => Err(invalid("`outcome` is not one that is known")),
    }
}

/// A text that is recorded as it is.
/// A receipt with its certificates, bounded; what it says is for the reader of receipts.
pub(super) fn receipt(receipt: String, certificates: Vec<String>) -> Result<SignedReceipt, Status> {
    if receipt.len() > MAX_RECEIPT {
        return Err(invalid(format!("`receipt` is longer than {MAX_RECEIPT} bytes")));
    }
    if certificates.len() > MAX_CHAIN || certificates.iter().any(|text| text.len() > MAX_VERIFIED) {
        return Err(invalid("the receipt's certificates are more, or longer, than a chain has"));
    }
    Ok(SignedReceipt { receipt, certificates })
}

pub(super) fn text(name: &str, text: String) -> Result<String, Status> {
    match text.len() <= MAX_TEXT {
        true => Ok(text),
        false => Err(invalid(format!("`{name}` is longer than {MAX_TEXT} bytes"))),
    }
}

pub(super) fn invalid(what: impl Into<String>) -> Status {
    Status::invalid_argument(what)
}

pub(super) fn answer(answer: Answer) -> proto::AuthorizeResponse {
    use crate::decision::Outcome;
    let decision = answer.decision;
    let verdict = match decision.outcome {
        Outcome::Allow { .. } => proto::Verdict::Allow,
        Outcome::Deny => proto::Verdict::Deny,
        Outcome::Escalate(_) => proto::Verdict::Escalate,
    };
    proto::AuthorizeResponse {
        decision_id: answer.txn.to_string(),
        verdict: verdict.into(),
        risk: Some(risk(&decision.assessment)),
        rule: decision.rule.unwrap_or_default(),
        policy_digest: decision.policy.to_string(),
        reasons: decision.reasons,
        operation_digest: answer.operation.to_string(),
        grant: answer.granted.map(grant),
        pending: answer.opened.map(|opened| proto::Pending {
            escalation_id: opened.id.to_string(),
            decide_by: opened.decide_by.unix_millis(),
            requirement: opened.requirement,
            queued: opened.queued,
        }),
    }
}

pub(super) fn risk(assessment: &Assessment) -> proto::Risk {
    let level = match assessment.level {
        Level::Low => proto::Level::Low,
        Level::Medium => proto::Level::Medium,
        Level::High => proto::Level::High,
        Level::Critical => proto::Level::Critical,
    };
    let factors = assessment.factors.iter().map(|factor| proto::Factor {
        name: factor.name.as_str().to_owned(),
        value: factor.value.thousandths().into(),
        weight: factor.weight.thousandths().into(),
        reason: factor.reason.clone(),
    });
    proto::Risk {
        score: assessment.score.thousandths().into(),
        level: level.into(),
        factors: factors.collect(),
        floors: assessment
            .floors
            .iter()
            .filter(|floor| floor.level > assessment.level_of_score)
            .map(|lifted| format!("`{}` lifts it to {}", lifted.floor, lifted.level))
            .collect(),
    }
}

fn grant(granted: Granted) -> proto::Grant {
    let conditions = granted.conditions.iter().map(condition).collect();
    proto::Grant {
        token: granted.token,
        certificates: granted.certificates,
        evidence: granted.evidence,
        op_bytes: granted.op_bytes,
        conditions,
        expires_at: granted.expires_at.unix_seconds(),
        log_proof: granted.log_proof.unwrap_or_default(),
    }
}

/// A condition as its canonical JSON text.
pub(super) fn condition(condition: &crate::condition::Condition) -> String {
    String::from_utf8_lossy(&condition.to_value().to_canonical()).into_owned()
}

pub(super) fn progress(id: EscalationId, progress: Progress) -> proto::AwaitResponse {
    proto::AwaitResponse {
        escalation_id: id.to_string(),
        status: status(progress.status).into(),
        decide_by: progress.decide_by.unix_millis(),
        reasons: progress.reasons,
        grant: progress.granted.map(grant),
        approvals: u32::try_from(progress.approvals).unwrap_or(u32::MAX),
        offer: progress.offer.map(offer),
        queued: progress.queued,
    }
}

/// A changed operation that waits for its agent.
pub(super) fn offer(offer: Offer) -> proto::Offer {
    proto::Offer {
        reviewer: offer.by.to_string(),
        reason: offer.reason,
        op_bytes: offer.op_bytes,
        payload: offer.payload.unwrap_or_default(),
        difference: difference(offer.difference),
    }
}

/// Two renderings laid beside each other.
pub(super) fn difference(lines: Vec<Line>) -> Vec<proto::DifferenceLine> {
    let line = |line| {
        let (side, text) = match line {
            Line::Kept(text) => (proto::Side::Kept, text),
            Line::Removed(text) => (proto::Side::Removed, text),
            Line::Added(text) => (proto::Side::Added, text),
        };
        proto::DifferenceLine { side: side.into(), text }
    };
    lines.into_iter().map(line).collect()
}

pub(super) const fn status(status: crate::escalation::Status) -> proto::Status {
    use crate::escalation::Status;
    match status {
        Status::Pending => proto::Status::Pending,
        Status::Approved => proto::Status::Approved,
        Status::Denied => proto::Status::Denied,
        Status::Expired => proto::Status::Expired,
        Status::Cancelled => proto::Status::Cancelled,
        Status::Blocked => proto::Status::Blocked,
        Status::Claimed => proto::Status::Claimed,
        Status::Lapsed => proto::Status::Lapsed,
    }
}

/// The one map from the sidecar's errors to gRPC's.
pub(super) fn sidecar_error(error: SidecarError) -> Status {
    let words = error.to_string();
    match error {
        SidecarError::UnknownExecutor(_) => Status::invalid_argument(words),
        SidecarError::RequestReused { .. } => Status::already_exists(words),
        SidecarError::UnknownDecision(_)
        | SidecarError::UnknownEscalation(_)
        | SidecarError::NothingApart => Status::not_found(words),
        SidecarError::Suspended(_) => Status::permission_denied(words),
        SidecarError::Erased(_)
        | SidecarError::KeyGone
        | SidecarError::Draft(_)
        | SidecarError::NotAmendable(_)
        | SidecarError::NoDrill(_)
        | SidecarError::Proposal(_) => Status::failed_precondition(words),
        SidecarError::ClockInDoubt
        | SidecarError::NoKey(_)
        | SidecarError::Sign(_)
        | SidecarError::NotWitnessed(_)
        | SidecarError::Halted(_)
        | SidecarError::NoEntropy => Status::unavailable(words),
        SidecarError::Record(_) | SidecarError::Receipt(_) => Status::invalid_argument(words),
        SidecarError::Store(error) => store_error(&error),
        SidecarError::Desk(error) => desk_error(&error),
    }
}

/// The one map from the desk's errors to gRPC's.
pub(super) fn desk_error(error: &DeskError) -> Status {
    match error {
        DeskError::Unknown(_) => Status::not_found(error.to_string()),
        DeskError::Over(_) => Status::failed_precondition(error.to_string()),
        DeskError::Refused(refusal) => Status::failed_precondition(format!("{refusal} ({})", refusal.code())),
        DeskError::Contended(_) => Status::aborted(error.to_string()),
        DeskError::Untrue(..) => Status::failed_precondition(format!("{error} (desk_untrue)")),
        DeskError::Away(_) => Status::unavailable(format!("{error} (desk_away)")),
        DeskError::Senseless(_, cause) => {
            tracing::error!(%cause, "the record of an escalation makes no sense");
            Status::data_loss("the record of the escalation cannot be read")
        }
        DeskError::Store(error) => store_error(error),
    }
}

/// The one map from the store's errors to gRPC's. What the disk said is for the log, not for the caller.
pub(super) fn store_error(error: &StoreError) -> Status {
    match error {
        StoreError::Answered(_)
        | StoreError::Moved(_)
        | StoreError::Overtaken(_)
        | StoreError::Changed(_) => Status::aborted(error.to_string()),
        StoreError::TooLarge | StoreError::Unrecordable(_) => Status::invalid_argument(error.to_string()),
        StoreError::Full => Status::resource_exhausted("the record cannot be written: the disk is full"),
        StoreError::Unavailable(cause) => {
            tracing::error!(%cause, "the store is unavailable");
            Status::unavailable("the record cannot be written")
        }
        StoreError::Damaged(cause) => {
            tracing::error!(%cause, "the store is damaged");
            Status::data_loss("the record cannot be read")
        }
    }
}
