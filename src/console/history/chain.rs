//! The chain of a decision: what was asked, what happened, who said what, and what proves it.

use super::record::readable;
use super::{outcome_words, state, thousandths};
use crate::audit::chain::Overview;
use crate::audit::event::{Decided, Event, Record};
use crate::console::page::{Page, Place, show};
use crate::console::visitor::Visitor;
use crate::console::{Console, clock, filters};
use crate::desk::reading::Leaf;
use crate::desk::rendering;
use crate::digest::OperationDigest;
use crate::escalation::Cast;
use crate::escalation::vote::{self, SignedVote};
use crate::notice::{Delivery, Told};
use crate::party::EscalationId;
use crate::reviewer::{Directory, Wall};
use crate::store::Index;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use core::time::Duration;
use serde::Deserialize;
use std::sync::Arc;

/// How many records are on a page.
const PAGE: usize = 200;
/// How much of a record's bytes a page shows.
const SHOWN: usize = 16 * 1024;

#[derive(Template)]
#[template(path = "chain.html")]
struct ChainPage {
    page: Page,
    /// By which it was asked for.
    id: String,
    title: String,
    state: &'static str,
    tone: &'static str,
    zone: String,
    facts: Vec<(&'static str, String)>,
    /// What the agent said for it.
    claims: Vec<(&'static str, String)>,
    operation: String,
    outcome: &'static str,
    reasons: Vec<String>,
    policy: String,
    votes: Vec<VoteLine>,
    notices: Vec<Notice>,
    entries: Vec<Entry>,
    /// How many there are in all.
    records: usize,
    /// After which record later ones are.
    later: Option<Index>,
    /// The record that is to be proved: the mint, or the decision.
    proved: Index,
    proved_is_mint: bool,
    log_key: Option<String>,
}

/// A record of the chain.
struct Entry {
    index: Index,
    at: String,
    /// How long after the decision.
    after: String,
    sentence: String,
    /// Its bytes, as far as a page shows them.
    bytes: String,
    /// How many more there are.
    more: usize,
}

/// What somebody said.
struct VoteLine {
    person: String,
    said: &'static str,
    at: String,
    assurance: &'static str,
    signature: String,
    tone: &'static str,
    reason: String,
    conditions: Vec<String>,
    flags: Vec<String>,
}

/// A notice, and what became of it.
struct Notice {
    to: String,
    channel: String,
    topic: &'static str,
    at: String,
    took: String,
    attempts: u32,
    given_up: Option<String>,
}

/// Where a page of a long chain begins.
#[derive(Deserialize)]
pub(super) struct From {
    after: Option<Index>,
}

pub(super) async fn chain(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(from): Query<From>,
) -> Response {
    let (overview, leaves) = match readable(&console, &visitor, &id).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let (wall, directory) = (clock(&console, &visitor), console.desk.directory());
    let log_key = console.sidecar.checkpoints.verifier_key().map(|key| key.to_string());
    show(&page(&visitor, id, &overview, &leaves, from.after, &wall, &directory, log_key))
}

#[expect(clippy::too_many_arguments, reason = "each is another part of what a page is made from")]
fn page(
    visitor: &Visitor,
    id: String,
    overview: &Overview,
    leaves: &[Leaf],
    after: Option<Index>,
    wall: &Wall,
    directory: &Directory,
    log_key: Option<String>,
) -> ChainPage {
    let (state, tone) = state(overview);
    let decided = leaves.first().and_then(|leaf| decided(&leaf.record));
    let shown: Vec<&Leaf> =
        leaves.iter().filter(|leaf| after.is_none_or(|after| leaf.index > after)).take(PAGE).collect();
    let last = leaves.last().map(|leaf| leaf.index);
    let later = shown.last().map(|leaf| leaf.index).filter(|index| Some(*index) != last);
    let assessment = format!("{} {}", overview.level, thousandths(overview.score));
    let mut facts = vec![
        ("Decision", overview.txn.to_string()),
        ("Asked by", overview.agent.to_string()),
        ("Asked", wall.shows(overview.at)),
        ("Risk", assessment),
    ];
    facts.extend(overview.on_behalf_of.as_ref().map(|person| ("For", person.to_string())));
    facts.extend(overview.rule.as_ref().map(|rule| ("Rule", rule.clone())));
    facts.extend(overview.escalation.map(|id| ("Escalation", id.to_string())));
    facts.extend(decided.map(|decided| ("To be run by", decided.executor.to_string())));
    facts.extend(token(leaves).map(|token| ("Token", token)));
    facts.push(("What became of it", became(overview)));
    facts.extend(decided.and_then(|decided| decided.trace.clone()).map(|trace| ("Trace", trace)));
    ChainPage {
        page: Page::new("History", Place::History, visitor),
        id,
        title: match overview.action.as_str() {
            "" => "an operation that cannot be read".to_owned(),
            action => format!("{action} on {}", overview.resource),
        },
        state,
        tone,
        zone: wall.zone(),
        facts,
        claims: decided.map(claims).unwrap_or_default(),
        operation: decided.map(operation).unwrap_or_default(),
        outcome: decided.map_or("", |decided| decided.decision.outcome.as_str()),
        reasons: decided.map(|decided| decided.decision.reasons.clone()).unwrap_or_default(),
        policy: decided.map(|decided| decided.decision.policy.to_string()).unwrap_or_default(),
        votes: leaves
            .iter()
            .filter_map(|leaf| cast(&leaf.record))
            .map(|cast| vote(cast, wall, directory))
            .collect(),
        notices: leaves.iter().filter_map(|leaf| notice(&leaf.record, wall)).collect(),
        entries: shown.into_iter().map(|leaf| entry(leaf, overview, wall)).collect(),
        records: leaves.len(),
        later,
        proved: overview.minted.unwrap_or(overview.index),
        proved_is_mint: overview.minted.is_some(),
        log_key,
    }
}

fn decided(record: &Record) -> Option<&Decided> {
    if let Event::Decided(decided) | Event::Drill { proposal: decided, .. } = &record.event {
        return Some(decided);
    }
    None
}

fn token(leaves: &[Leaf]) -> Option<String> {
    leaves.iter().find_map(|leaf| {
        let Event::Minted(minted) = &leaf.record.event else { return None };
        Some(format!("{}, signed with {}", minted.jti, minted.kid))
    })
}

fn became(overview: &Overview) -> String {
    let mut words = match (overview.outcome, overview.minted) {
        (Some(outcome), _) => outcome_words(outcome).to_owned(),
        (None, Some(_)) => "a token was minted; nothing was told of it yet".to_owned(),
        (None, None) => "nothing was run".to_owned(),
    };
    match overview.incidents {
        0 => {}
        1 => words.push_str("; one incident was reported"),
        incidents => words.push_str(&format!("; {incidents} incidents were reported")),
    }
    words
}

/// What the agent said for it; nobody has checked that.
fn claims(decided: &Decided) -> Vec<(&'static str, String)> {
    let context = &decided.context;
    let said = [
        ("Its reason", &context.reason),
        ("The user's request", &context.user_request),
        ("Its reasoning", &context.reasoning),
        ("Blast radius", &context.blast_radius),
        ("Undoing it", &context.reversibility),
    ];
    said.into_iter()
        .filter(|(_, claim)| !claim.is_empty())
        .map(|(name, claim)| (name, claim.clone()))
        .collect()
}

/// What was to be done, as far as the log has it: secret values and erased payloads are not in it.
fn operation(decided: &Decided) -> String {
    let id = decided.escalation.unwrap_or_else(|| EscalationId::from_random([0; 16]));
    // In the log stands what may be shown; with a secret masked, it has another digest than the operation.
    let shown = Decided { shown: masked(decided), ..decided.clone() };
    match rendering(id, &shown) {
        Ok((rendering, _)) => rendering.text,
        Err(_) => crate::operation::render::visible(&decided.op),
    }
}

fn masked(decided: &Decided) -> Option<String> {
    let operation = crate::operation::Operation::from_op_bytes(decided.op.as_bytes()).ok()?;
    let digest: OperationDigest = operation.digest();
    (digest != decided.digest).then(|| decided.op.clone())
}

fn cast(record: &Record) -> Option<&Cast> {
    let Event::Escalation { step, .. } = &record.event else { return None };
    step.cast()
}

fn vote(cast: &Cast, wall: &Wall, directory: &Directory) -> VoteLine {
    let statement = &cast.statement;
    let (signature, tone) = signature(cast, directory);
    VoteLine {
        person: cast.person().to_string(),
        said: match statement.choice {
            vote::Choice::Approve(_) => "approved",
            vote::Choice::BreakGlass(_) => "approved in an emergency",
            vote::Choice::Deny => "denied",
            vote::Choice::Withdraw => "took back what they had said",
        },
        at: wall.shows(cast.at),
        assurance: cast.assurance.as_str(),
        signature,
        tone,
        reason: statement.reason.as_str().to_owned(),
        conditions: statement.choice.conditions().iter().map(|condition| condition.describe()).collect(),
        flags: cast.flags.iter().map(ToString::to_string).collect(),
    }
}

/// Whether a vote is signed by a key that is its reviewer's by the roster of now.
fn signature(cast: &Cast, directory: &Directory) -> (String, &'static str) {
    let Some(signed) = cast.signed() else {
        return ("not signed: the desk vouches for it".to_owned(), "quiet");
    };
    let with = if SignedVote::is_by_passkey(&signed) { "a passkey" } else { "an SSH key" };
    match vote::verify(&signed, directory) {
        Ok(_) => (format!("signed with {with} of theirs; the signature holds"), "good"),
        Err(vote::VoteError::UnknownKey) => {
            (format!("signed with {with} that the roster of now does not give them"), "warn")
        }
        Err(error) => (format!("signed with {with}; the signature does not hold: {error}"), "bad"),
    }
}

fn notice(record: &Record, wall: &Wall) -> Option<Notice> {
    let Event::Told(told) = &record.event else { return None };
    let Told { to, channel, topic, attempts, after, delivery, .. } = told.as_ref();
    let given_up = match delivery {
        Delivery::Delivered { .. } => None,
        Delivery::GivenUp { why } => Some(why.clone()),
    };
    Some(Notice {
        to: to.to_string(),
        channel: channel.as_str().to_owned(),
        topic: topic.as_str(),
        at: wall.shows(record.at),
        took: span(*after),
        attempts: *attempts,
        given_up,
    })
}

fn entry(leaf: &Leaf, overview: &Overview, wall: &Wall) -> Entry {
    let start = leaf.bytes.get(..SHOWN).unwrap_or(&leaf.bytes);
    Entry {
        index: leaf.index,
        at: wall.shows(leaf.record.at),
        after: span(leaf.record.at.since(overview.at)),
        sentence: leaf.record.sentence(),
        bytes: String::from_utf8_lossy(start).into_owned(),
        more: leaf.bytes.len() - start.len(),
    }
}

/// A length of time for people: `0.4 s`, `14 min 58 s`, `2 h 5 min`, `3 d 4 h`.
pub(in crate::console) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) if seconds < 10 => format!("{}.{} s", seconds, length.subsec_millis() / 100),
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
