//! What of a decision is recorded and shown where its operation has secret values.

use super::Sidecar;
use crate::audit::event::{Context, Decided};
use crate::operation::Operation;
use crate::operation::mask::Masked;
use crate::risk::Facts;
use serde_json::Value;

impl Sidecar {
    /// The decision with what may be shown of its operation, and without its secrets wherever else they stand.
    pub(super) fn masked(&self, operation: &Operation, mut decided: Decided) -> Decided {
        let in_force = self.in_force.load();
        let Some(masked) = in_force.policy.secrets().mask(operation) else { return decided };
        scrub_context(&masked, &mut decided.context);
        decided.decision.reasons.iter_mut().for_each(|reason| *reason = masked.scrub(reason));
        let assessment = &mut decided.decision.assessment;
        assessment.factors.iter_mut().for_each(|factor| factor.reason = masked.scrub(&factor.reason));
        for floor in &mut assessment.floors {
            floor.beyond = floor.beyond.as_deref().map(|beyond| masked.scrub(beyond));
        }
        for anomaly in &mut assessment.anomalies {
            anomaly.words = masked.scrub(&anomaly.words);
        }
        scrub_facts(&masked, &mut assessment.facts);
        decided.shown = Some(masked.op);
        decided
    }
}

fn scrub_context(masked: &Masked, context: &mut Context) {
    let Context { reason, user_request, reasoning, blast_radius, reversibility, alternatives } = context;
    let texts = [reason, user_request, reasoning, blast_radius, reversibility];
    texts.into_iter().chain(alternatives).for_each(|text| *text = masked.scrub(text));
}

fn scrub_facts(masked: &Masked, facts: &mut Facts) {
    let reasons = [
        &mut facts.kind.reason,
        &mut facts.environment.reason,
        &mut facts.sensitivity.reason,
        &mut facts.scope.reason,
        &mut facts.irreversible.reason,
        &mut facts.cost.reason,
    ];
    reasons.into_iter().for_each(|reason| *reason = masked.scrub(reason));
    // What the payload does is told in many forms; where a secret is among them, it is not told at all.
    let tells = |told: serde_json::Result<Value>| told.map_or(true, |told| holds(masked, &told));
    if tells(serde_json::to_value(&facts.acts)) {
        facts.acts.clear();
    }
    if tells(serde_json::to_value(&facts.doubts)) {
        facts.doubts.clear();
    }
}

fn holds(masked: &Masked, told: &Value) -> bool {
    match told {
        Value::String(text) => masked.scrub(text) != *text,
        Value::Array(items) => items.iter().any(|item| holds(masked, item)),
        Value::Object(members) => members.values().any(|member| holds(masked, member)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
