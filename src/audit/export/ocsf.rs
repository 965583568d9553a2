//! A record as an event of the Open Cybersecurity Schema Framework, version 1.6.0.
//!
//! A decision is API Activity (6003) with the security control's profile; a start and a stop are Application Lifecycle
//! (6002); everything else is a Base Event (0). The whole record is under `unmapped.countersign`.

use super::Entry;
use crate::audit::event::{Decided, Event, IncidentSeverity};
use crate::operation::Operation;
use crate::policy::Outcome;
use crate::risk::{Kind, Level};
use serde_json::{Map, Value, json};

const SCHEMA: &str = "1.6.0";

/// The event.
///
/// # Errors
/// Where the record has no JSON form, which none has that was recorded.
pub fn event(entry: &Entry<'_>) -> Result<Value, serde_json::Error> {
    let mut event = Map::new();
    let product =
        json!({ "name": "Countersign", "vendor_name": "Countersign", "version": env!("CARGO_PKG_VERSION") });
    let (class, activity) = if let Event::Decided(decided) = &entry.record.event {
        put(&mut event, decision(decided));
        (Class::ApiActivity, activity_of(decided.decision.assessment.facts.kind.value))
    } else if let Some(activity) = lifecycle(&entry.record.event) {
        put(&mut event, json!({ "app": product }));
        (Class::ApplicationLifecycle, activity)
    } else {
        (Class::Base, 99)
    };
    let (category, class) = class.uids();
    let mut metadata = json!({
        "version": SCHEMA,
        "product": product,
        "uid": format!("{}/{}", entry.origin, entry.index),
        "log_name": entry.origin,
        "sequence": entry.index,
        "event_code": entry.kind(),
        "profiles": ["security_control"],
    });
    // Where a sidecar recorded it first, and when that was.
    if let (Some(from), Some(metadata)) = (&entry.record.from, metadata.as_object_mut()) {
        metadata.insert("original_event_uid".to_owned(), format!("{}/{}", from.origin, from.index).into());
        metadata.insert("original_time".to_owned(), from.at.to_string().into());
    }
    if let (Some(subject), Some(metadata)) = (entry.subject(), metadata.as_object_mut()) {
        metadata.insert("correlation_uid".to_owned(), subject.into());
    }
    put(
        &mut event,
        json!({
            "activity_id": activity,
            "category_uid": category,
            "class_uid": class,
            "type_uid": class * 100 + activity,
            "severity_id": severity(&entry.record.event),
            "time": entry.record.at.unix_millis(),
            "message": entry.record.sentence(),
            "metadata": metadata,
            "unmapped": { "countersign": serde_json::to_value(entry.record)? },
        }),
    );
    Ok(Value::Object(event))
}

/// The classes that records are mapped to.
#[derive(Clone, Copy)]
enum Class {
    ApiActivity,
    ApplicationLifecycle,
    Base,
}

impl Class {
    /// The category and the class.
    const fn uids(self) -> (u32, u32) {
        match self {
            Self::ApiActivity => (6, 6003),
            Self::ApplicationLifecycle => (6, 6002),
            Self::Base => (0, 0),
        }
    }
}

fn put(event: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        event.extend(more);
    }
}

fn decision(decided: &Decided) -> Value {
    let (decision, assessment) = (&decided.decision, &decided.decision.assessment);
    let operation = Operation::from_op_bytes(decided.op.as_bytes()).ok();
    let action = operation.as_ref().map_or("", Operation::action);
    let resource = operation.as_ref().map_or("", Operation::resource);
    // Allowed, blocked, or delayed until people have decided.
    let (action_id, disposition_id) = match &decision.outcome {
        Outcome::Allow { .. } => (1, 1),
        Outcome::Deny => (2, 2),
        Outcome::Escalate(_) => (0, 14),
    };
    let policy = json!({
        "uid": decision.policy,
        "name": decision.rule.as_deref().unwrap_or("by level"),
        "is_applied": true,
    });
    let mut actor = json!({ "app_uid": decided.agent });
    if let (Some(person), Some(actor)) = (&decided.on_behalf_of, actor.as_object_mut()) {
        actor.insert("user".to_owned(), json!({ "uid": person }));
    }
    json!({
        "actor": actor,
        "api": {
            "operation": action,
            "request": { "uid": decided.txn },
            "service": { "name": decided.executor },
        },
        // The schema wants an endpoint; what is known of it is who called.
        "src_endpoint": { "uid": decided.agent },
        "resources": [{ "name": resource }],
        "action_id": action_id,
        "disposition_id": disposition_id,
        "authorizations": [{ "decision": decision.outcome.as_str(), "policy": policy }],
        "policy": policy,
        "is_alert": matches!(decision.outcome, Outcome::Deny),
        "risk_level_id": risk_level(assessment.level),
        "risk_level": assessment.level,
        "risk_score": assessment.score.thousandths(),
        "risk_details": decision.reasons.join("; "),
    })
}

/// Start or stop.
fn lifecycle(event: &Event) -> Option<u32> {
    if matches!(event, Event::Started { .. }) {
        return Some(3);
    }
    matches!(event, Event::Stopped {}).then_some(4)
}

/// Create, read, update, delete, or something else.
const fn activity_of(kind: Kind) -> u32 {
    match kind {
        Kind::Write => 1,
        Kind::Read => 2,
        Kind::Update => 3,
        Kind::Delete => 4,
        Kind::ExternalCall | Kind::Admin | Kind::Unknown => 99,
    }
}

const fn risk_level(level: Level) -> u32 {
    match level {
        Level::Low => 1,
        Level::Medium => 2,
        Level::High => 3,
        Level::Critical => 4,
    }
}

/// Informational, but for what somebody ought to look at.
fn severity(event: &Event) -> u32 {
    if let Event::Incident(incident) = event {
        return match incident.severity {
            IncidentSeverity::Minor => 2,
            IncidentSeverity::Major => 4,
            IncidentSeverity::Critical => 5,
        };
    }
    let alarming = matches!(
        event,
        Event::ClockInDoubt { .. }
            | Event::KeyRevoked { .. }
            | Event::Suspended { .. }
            | Event::Withdrawn(_)
            | Event::Diverged(_)
    );
    let notable = matches!(event, Event::Saturated(_) | Event::Erased { .. }) || event.anomaly_of().is_some();
    match (alarming, notable) {
        (true, _) => 4,
        (false, true) => 3,
        (false, false) => 1,
    }
}
