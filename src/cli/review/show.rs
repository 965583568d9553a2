//! One escalation with all that is needed to decide, in words and as a document.

use super::list::{paint_status, summary_json};
use super::people::by;
use crate::cli::authorize::{beside_the_factors, difference_words, offer_json, risk_words};
use crate::cli::exit::{Exit, Failed};
use crate::cli::now;
use crate::cli::output::{Output, Tone, relative, visible};
use crate::client::{CastVote, Escalation};
use crate::digest::OperationDigest;
use crate::moment::Moment;
use crate::operation::Operation;
use crate::operation::render::{Rendering, render, render_masked};
use serde_json::{Value, json};

/// What the reviewer's own program makes of the operation: nothing that the service says about it is believed.
pub(super) fn rendering(escalation: &Escalation) -> Result<Rendering, Failed> {
    let untrue = |what: &str| {
        let what = format!("the service's answer is not consistent: {what}");
        Failed::new(Exit::Undetermined, what).advise("do not vote; tell whoever runs the desk")
    };
    let operation = Operation::from_op_bytes(&escalation.op_bytes)
        .map_err(|error| untrue(&format!("the operation: {error}")))?;
    if escalation.masked {
        // Only the service and the executor see what is secret in it, so here its digest is taken as it is told.
        let digest = OperationDigest::parse(&escalation.operation_digest);
        let digest = digest.ok_or_else(|| untrue("the operation's digest is none"))?;
        let rendering = render_masked(&operation, digest).map_err(|error| untrue(&error.to_string()))?;
        return match rendering.digest.to_string() == escalation.rendering_digest {
            true => Ok(rendering),
            false => Err(untrue("the desk shows the operation otherwise than this program does")),
        };
    }
    if operation.digest().to_string() != escalation.operation_digest {
        return Err(untrue("the operation has another digest"));
    }
    let payload = operation.payload_digest().map(|_| escalation.payload.as_slice());
    let rendering = render(&operation, payload).map_err(|error| untrue(&format!("the payload: {error}")))?;
    match rendering.digest.to_string() == escalation.rendering_digest {
        true => Ok(rendering),
        false => Err(untrue("the desk shows the operation otherwise than this program does")),
    }
}

pub(super) fn show_words(output: Output, escalation: &Escalation, rendering: &Rendering) -> String {
    let summary = &escalation.summary;
    let deadline = relative(Moment::from_unix_millis(summary.decide_by), now());
    let head = |text: &str| output.paint(Tone::Strong, text);
    let mut text = format!(
        "{} is {}; decide {deadline}\n\n{}\n{}\n",
        head(&summary.id),
        paint_status(output, summary.status),
        head("what would run, exactly"),
        rendering.text.trim_end(),
    );
    for hazard in &rendering.hazards {
        text.push_str(&format!("{} {hazard}\n", output.paint(Tone::Bad, "careful:")));
    }
    let mut facts = vec![("asked by", visible(&summary.agent)), ("run by", visible(&escalation.executor))];
    if !escalation.on_behalf_of.is_empty() {
        facts.push(("on behalf of", visible(&escalation.on_behalf_of)));
    }
    let context = &escalation.context;
    for (name, claim) in [
        ("reason", &context.reason),
        ("user asked", &context.user_request),
        ("reasoning", &context.reasoning),
        ("blast radius", &context.blast_radius),
        ("undo", &context.reversibility),
    ] {
        if !claim.is_empty() {
            facts.push((
                name,
                format!("{} {}", visible(claim), output.paint(Tone::Faint, "(the agent's claim)")),
            ));
        }
    }
    text.push('\n');
    for (name, value) in facts {
        text.push_str(&format!("{:<13} {value}\n", name));
    }
    text.push_str(&format!("\n{}\n", risk_words(output, &summary.risk)));
    let decided = if escalation.rule.is_empty() {
        "by level".to_owned()
    } else {
        format!("rule `{}`", visible(&escalation.rule))
    };
    text.push_str(&format!("\n{}  {decided}\n", head("why it was escalated")));
    for reason in beside_the_factors(&escalation.reasons, &summary.risk) {
        text.push_str(&format!("  {}\n", visible(reason)));
    }
    text.push_str(&format!("\n{}  {}\n", head("needs"), visible(&summary.requirement)));
    for way in &escalation.can_complete {
        text.push_str(&format!("  {}\n", visible(way)));
    }
    for condition in &escalation.conditions {
        text.push_str(&format!("  attached by policy: {}\n", visible(condition)));
    }
    if !escalation.conditions_allowed.is_empty() {
        let allowed = escalation.conditions_allowed.join(", ");
        text.push_str(&format!("  conditions that its executor enforces: {}\n", visible(&allowed)));
    }
    for line in terms_words(escalation) {
        text.push_str(&format!("  {line}\n"));
    }
    for vote in &escalation.votes {
        text.push_str(&format!("{}\n", vote_words(output, vote)));
        if !vote.counts {
            text.push_str(&format!("    {}\n", output.paint(Tone::Bad, "it fills no seat")));
        }
    }
    for vote in &escalation.void_votes {
        text.push_str(&format!(
            "{} {}\n",
            vote_words(output, vote),
            output.paint(Tone::Faint, "(does not stand any more)")
        ));
    }
    if let Some(offer) = &escalation.offer {
        text.push_str(&format!("\n{}", head("what a reviewer proposes instead")));
        text.push_str(&format!("\n  {}: {}", visible(&offer.reviewer), visible(&offer.reason)));
        text.push_str(&difference_words(output, &offer.difference));
        text.push('\n');
    }
    if !escalation.recent_activity.is_empty() {
        text.push_str(&format!("\n{}\n", head("what this agent did lately")));
        for line in &escalation.recent_activity {
            text.push_str(&format!("  {}\n", visible(line)));
        }
    }
    text.trim_end().to_owned()
}

/// What else counts, in words.
fn terms_words(escalation: &Escalation) -> Vec<String> {
    let mut words = Vec::new();
    if !escalation.asked.is_empty() {
        words.push(format!("asked: {}", visible(&escalation.asked.join(", "))));
    }
    if escalation.denials > 1 {
        words.push(format!("{} denials end it", escalation.denials));
    }
    if let Some(begins) = by(escalation.not_before) {
        words.push(format!("an approval counts {begins}"));
    }
    if !escalation.break_glass.is_empty() {
        words.push(format!("in an emergency: {}", visible(&escalation.break_glass)));
    }
    if let Some(due) = by(escalation.review_by) {
        words.push(format!("it was an emergency; to be reviewed {due}"));
    }
    words
}

fn vote_words(output: Output, vote: &CastVote) -> String {
    let verdict = match (vote.approve, vote.decision.as_str()) {
        (true, "break_glass") => output.paint(Tone::Bad, "broke the glass"),
        (true, _) => output.paint(Tone::Good, "approved"),
        (false, _) => output.paint(Tone::Bad, "denied"),
    };
    let when = relative(Moment::from_unix_millis(vote.at), now());
    let mut text = format!("  {} {verdict} {when}: {}", visible(&vote.reviewer), visible(&vote.reason));
    for condition in &vote.conditions {
        text.push_str(&format!("\n    if {}", visible(condition)));
    }
    for flag in &vote.flags {
        text.push_str(&format!("\n    {} {}", output.paint(Tone::Wait, "poor:"), visible(flag)));
    }
    text
}

pub(super) fn show_json(escalation: &Escalation, rendering: &Rendering) -> Value {
    let vote = |vote: &CastVote| {
        json!({
            "reviewer": vote.reviewer,
            "approve": vote.approve,
            "reason": vote.reason,
            "conditions": vote.conditions,
            "at": vote.at,
            "assurance": vote.assurance,
            "decision": vote.decision,
            "flags": vote.flags,
            "counts": vote.counts,
        })
    };
    let context = &escalation.context;
    json!({
        "escalation": summary_json(&escalation.summary),
        "decision_id": escalation.decision,
        "executor": escalation.executor,
        "on_behalf_of": escalation.on_behalf_of,
        "claims": {
            "reason": context.reason,
            "user_request": context.user_request,
            "reasoning": context.reasoning,
            "blast_radius": context.blast_radius,
            "reversibility": context.reversibility,
            "alternatives": context.alternatives,
        },
        "rule": escalation.rule,
        "reasons": escalation.reasons,
        "policy_digest": escalation.policy_digest,
        "operation_digest": escalation.operation_digest,
        "operation": String::from_utf8_lossy(&escalation.op_bytes),
        "rendering": rendering.text,
        "hazards": rendering.hazards.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "votes": escalation.votes.iter().map(vote).collect::<Vec<_>>(),
        "can_complete": escalation.can_complete,
        "conditions": escalation.conditions,
        "conditions_allowed": escalation.conditions_allowed,
        "recent_activity": escalation.recent_activity,
        "void_votes": escalation.void_votes.iter().map(vote).collect::<Vec<_>>(),
        "asked": escalation.asked,
        "break_glass": (!escalation.break_glass.is_empty()).then_some(&escalation.break_glass),
        "review_by": (escalation.review_by != 0).then_some(escalation.review_by),
        "offer": escalation.offer.as_ref().map(offer_json),
        "stage": escalation.stage,
        "stages_left": escalation.stages_left,
        "denials": escalation.denials,
        "not_before": (escalation.not_before != 0).then_some(escalation.not_before),
    })
}
