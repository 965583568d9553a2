//! A record in one sentence, as a person reads the log.
//!
//! The sentences hold texts that agents and reviewers wrote; whoever shows them makes hidden characters visible.

use super::event::{Decided, Divergence, Event, Outcome, QueueStep, Saturated, SaturationMeasure, Shipped};
use crate::escalation::diligence::Sight;
use crate::escalation::vote::Choice;
use crate::escalation::{Cast, Denial, Event as Step, Grant, Opening, Widening};
use crate::moment::Moment;
use crate::notice::Delivery;
use crate::operation::Operation;
use crate::party::PersonId;

/// How much of a text that somebody wrote goes into a sentence, in characters.
const MOST: usize = 120;

impl Event {
    /// What happened, in one sentence without a full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Started { version, .. } => format!("the service started, version {version}"),
            Self::Stopped {} => "the service stopped in order".to_owned(),
            Self::PolicyLoaded { digest, approved, .. } => match approved {
                Some(txn) => format!("policy {digest} came into force, approved by {txn}"),
                None => format!("policy {digest} came into force"),
            },
            Self::RosterLoaded { approved, .. } => match approved {
                Some(txn) => format!("a roster came into force, approved by {txn}"),
                None => "a roster came into force".to_owned(),
            },
            Self::Absence { person, absence: Some(absence), .. } => {
                format!("{person} is away from {} until {}", absence.from, absence.until)
            }
            Self::Absence { person, absence: None, .. } => format!("{person} is back"),
            Self::KeyCertified { kid, .. } => format!("key {kid} may sign from now on"),
            Self::KeyRevoked { kid } => format!("key {kid} was revoked"),
            Self::Decided(decided) => asked(decided),
            Self::Escalation { step, .. } => step_in_words(step),
            Self::Drill { proposal, by, .. } => {
                format!("{by} ordered a drill: {}", what(proposal))
            }
            Self::Minted(minted) => format!("token {} was minted with key {}", minted.jti, minted.kid),
            Self::Reported(reported) => {
                let told = format!("{} reports that it {}", reported.agent, ended(reported.outcome));
                join(told, &[&reported.code, &reported.detail])
            }
            Self::Receipted(receipt) => format!(
                "{} signed a receipt for token {}: it {}",
                receipt.executor,
                receipt.jti,
                ended(receipt.outcome)
            ),
            Self::Incident(incident) => {
                join(format!("{} reports a {} incident", incident.by, incident.severity), &[&incident.what])
            }
            Self::Queued(queued) => {
                let words = match queued.step {
                    QueueStep::Waiting => "waits here for the desk",
                    QueueStep::Opened => "was opened at the desk",
                    QueueStep::Expired => "expired here before the desk was back",
                    QueueStep::Cancelled => "was withdrawn before the desk was back",
                    QueueStep::Refused => "is not opened by the desk",
                };
                join(format!("escalation {} {words}", queued.id), &[&queued.why])
            }
            Self::Saturated(saturated) => saturation(saturated),
            Self::Erased { value, by, why } => join(format!("{by} had value {value} erased"), &[why]),
            Self::ProfileChanged { person, by, profile } => {
                let passkeys = profile.passkeys.len();
                format!("{by} changed what {person} set up: {passkeys} passkeys enrolled")
            }
            Self::Told(told) => {
                let (to, channel, topic) = (&told.to, told.channel.as_str(), told.topic);
                match &told.delivery {
                    Delivery::Delivered { .. } => format!("{to} was told by {channel}: {topic}"),
                    Delivery::GivenUp { why } => {
                        join(format!("{to} could not be told by {channel}: {topic}"), &[why])
                    }
                }
            }
            Self::Invited(invited) => format!(
                "{} had a join token made for a sidecar of {}, good until {}",
                invited.by, invited.agent, invited.until
            ),
            Self::Enrolled(enrolled) => {
                let how = if enrolled.replaces.is_some() { "renewed its keys" } else { "enrolled" };
                format!(
                    "sidecar {} of {} {how}, {}, until {}",
                    enrolled.sidecar, enrolled.agent, enrolled.by, enrolled.expires_at
                )
            }
            Self::Withdrawn(withdrawn) => {
                join(format!("{} revoked sidecar {}", withdrawn.by, withdrawn.sidecar), &[&withdrawn.why])
            }
            Self::Shipped(shipped) => {
                let Shipped { sidecar, first, leaves, size, .. } = &**shipped;
                format!(
                    "sidecar {sidecar} handed over {} leaves of its log, from {first} to {size}",
                    leaves.len()
                )
            }
            Self::Diverged(diverged) => {
                let how = match diverged.how {
                    Divergence::RolledBack => "was rolled back",
                    Divergence::Forked => "is not the one that it had handed over",
                };
                format!(
                    "the log of sidecar {} {how}, after {} leaves on record",
                    diverged.sidecar, diverged.size
                )
            }
            Self::ClockInDoubt { wall } => {
                format!("the clock was set back to {wall}; nothing is minted until it has caught up")
            }
            Self::Suspended { suspension } => suspension.to_string(),
            Self::Resumed { id, by: Some(by) } => format!("{by} lifted suspension {id}"),
            Self::Resumed { id, by: None } => format!("suspension {id} ended"),
        }
    }
}

/// `agent:builder asked to deploy.release on shop/production: escalate (high, 0.640), rule `deploys``
fn asked(decided: &Decided) -> String {
    let (decision, assessment) = (&decided.decision, &decided.decision.assessment);
    let by = decision.rule.as_ref().map_or_else(|| "by level".to_owned(), |rule| format!("rule `{rule}`"));
    let mut words = format!(
        "{} asked {}: {} ({}, {}), {by}",
        decided.agent,
        what(decided),
        decision.outcome.as_str(),
        assessment.level,
        assessment.score
    );
    if let Some(person) = &decided.on_behalf_of {
        words.push_str(&format!(", for {person}"));
    }
    if let Some(id) = decided.suspension {
        words.push_str(&format!(", suspended by {id}"));
    }
    words
}

fn what(decided: &Decided) -> String {
    match Operation::from_op_bytes(decided.op.as_bytes()) {
        Ok(operation) => format!("to {} on {}", short(operation.action()), short(operation.resource())),
        Err(_) => format!("for operation {}", decided.digest),
    }
}

fn step_in_words(step: &Step) -> String {
    match step {
        Step::Opened(opening) => opened(opening),
        Step::Asked { people, .. } => format!("asked {}", list(people)),
        Step::Reassigned { from, to, .. } => format!("{from} passed it on to {to}"),
        Step::Reminded { tenths, .. } => {
            format!("those who have not voted were reminded, {tenths} tenths of the time gone")
        }
        Step::Seen { person, what, .. } => match what {
            Sight::Delivered => format!("it reached {person}"),
            Sight::Opened => format!("{person} opened it"),
            Sight::Evidence => format!("{person} opened the evidence"),
        },
        Step::Widened { cause, .. } => match cause {
            Widening::NobodyCan => "the next stage began: nobody before it can complete it".to_owned(),
            Widening::NobodyAvailable => "the next stage began: too few before it are there".to_owned(),
        },
        Step::Voted(cast) => voted(cast),
        Step::VoteRefused { person, refusal, .. } => format!("a vote of {person} was not counted: {refusal}"),
        Step::Withdrawn(cast) => join(format!("{} took a vote back", cast.person()), &[reason(cast)]),
        Step::Amended(amendment) => join(
            format!("{} proposes a changed operation", amendment.vote.person()),
            &[reason(&amendment.vote)],
        ),
        Step::Approved(grant) => approved(grant),
        Step::Denied { cause, .. } => match cause {
            Denial::Reviewer(person) => format!("denied by {person}"),
            Denial::Contradiction(kind) => format!("denied: conditions `{kind}` contradict each other"),
            Denial::Drill => "denied: it was a drill, and enough people would have approved it".to_owned(),
        },
        Step::Expired { .. } => "expired: nobody decided in time".to_owned(),
        Step::Cancelled { by, reason, successor, .. } => {
            let taken = successor.map_or_else(String::new, |id| format!(" for the changed operation {id}"));
            join(format!("{by} withdrew it{taken}"), &[reason])
        }
        Step::Blocked { reasons, .. } => format!("blocked: {}", short(&reasons.join("; "))),
        Step::Claimed { review_by, .. } => match review_by {
            Some(due) => format!("the approval was claimed; the emergency is to be reviewed by {due}"),
            None => "the approval was claimed".to_owned(),
        },
        Step::Lapsed { .. } => "the approval was not claimed in time".to_owned(),
        Step::Reviewed(review) => {
            let verdict = if review.justified { "justified" } else { "not justified" };
            join(format!("{} found the emergency {verdict}", review.by), &[&review.note])
        }
    }
}

fn opened(opening: &Opening) -> String {
    let due: Moment = opening.decide_by();
    let mut words = format!("people are asked, until {due}");
    if let Some(amends) = &opening.amends {
        words.push_str(&format!("; {} changed it from {}", amends.by, amends.escalation));
    }
    if opening.drill {
        words.push_str("; it is a drill");
    }
    words
}

fn voted(cast: &Cast) -> String {
    let verdict = match &cast.statement.choice {
        Choice::Approve(_) => "approved",
        Choice::BreakGlass(_) => "broke the glass",
        Choice::Deny => "denied",
        Choice::Withdraw => "took a vote back",
    };
    let conditions: Vec<String> = cast.statement.choice.conditions().iter().map(|c| c.to_short()).collect();
    let mut words = format!("{} {verdict}", cast.person());
    if !conditions.is_empty() {
        words.push_str(&format!(" if {}", conditions.join(", ")));
    }
    words.push_str(&format!(" ({})", cast.assurance));
    let flags: Vec<String> = cast.flags.iter().map(ToString::to_string).collect();
    join(words, &[reason(cast), &flags.join("; ")])
}

fn reason(cast: &Cast) -> &str {
    cast.statement.reason.as_str()
}

fn approved(grant: &Grant) -> String {
    let seats: Vec<String> =
        grant.seated.iter().map(|seated| format!("{} as {}", seated.person, seated.seat)).collect();
    let mut words = match seats.is_empty() {
        true => "approved, because nobody decided and the policy lets it run".to_owned(),
        false => format!("approved by {}", seats.join(", ")),
    };
    if grant.emergency {
        words.push_str(", in an emergency");
    }
    let conditions: Vec<String> = grant.conditions.iter().map(|condition| condition.to_short()).collect();
    if !conditions.is_empty() {
        words.push_str(&format!(", if {}", conditions.join(", ")));
    }
    words
}

const fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "was done",
        Outcome::Failed => "was tried and failed",
        Outcome::Unknown => "stopped before it could tell",
        Outcome::Refused => "was refused by the executor",
    }
}

fn saturation(saturated: &Saturated) -> String {
    let Saturated { measure, above, figure, limit, window, cases } = saturated;
    let beyond = if *above { "above" } else { "no longer above" };
    let hours = window / 3600;
    match measure {
        SaturationMeasure::Share => format!(
            "{} % of {cases} operations in {hours} h went to people, {beyond} {} %",
            figure / 10,
            limit / 10
        ),
        SaturationMeasure::TimeToApprove => {
            format!("approvals took {figure} s in the middle ({cases} in {hours} h), {beyond} {limit} s")
        }
    }
}

fn list(people: &[PersonId]) -> String {
    people.iter().map(PersonId::as_str).collect::<Vec<_>>().join(", ")
}

/// The sentence with what was said, as far as anything was.
fn join(mut sentence: String, said: &[&str]) -> String {
    for text in said.iter().filter(|text| !text.is_empty()) {
        sentence.push_str(": ");
        sentence.push_str(&short(text));
    }
    sentence
}

/// One line of at most [`MOST`] characters; what is left out is said.
fn short(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let left = line.chars().count().saturating_sub(MOST);
    if left == 0 {
        return line;
    }
    let kept: String = line.chars().take(MOST).collect();
    format!("{kept}… ({left} more characters)")
}
