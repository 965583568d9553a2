//! How an escalation stands, in words for agents and reviewers.

use crate::condition::Condition;
use crate::escalation::requirement::Standing;
use crate::escalation::{Denial, Escalation, Status};
use crate::party::PersonId;
use crate::reviewer::Attendance;
use std::collections::BTreeSet;

/// What is missing, or why it ended.
pub(super) fn reasons(escalation: &Escalation, here: &Attendance<'_>) -> Vec<String> {
    let now = here.at();
    match escalation {
        Escalation::Pending(_) if escalation.status(now) == Status::Expired => vec![expired(escalation)],
        Escalation::Pending(_) if escalation.case().amendment().is_some() => {
            vec!["a changed operation was proposed instead, and waits for the agent to accept it".to_owned()]
        }
        Escalation::Pending(_) => vec![match escalation.case().standing(here, now) {
            Standing::Met(_) => "enough people have agreed".to_owned(),
            Standing::Missing(1) => "one more person must agree".to_owned(),
            Standing::Missing(people) => format!("{people} more people must agree"),
            Standing::Impossible => "nobody is left who could complete it".to_owned(),
        }],
        Escalation::Approved(_) | Escalation::Claimed(_) => {
            let mut words = approvals(escalation);
            if let Some(due) = escalation.review_due() {
                words.push(format!("it was an emergency, and has to be reviewed by {due}"));
            }
            if let Some(review) = escalation.case().review() {
                let verdict = if review.justified { "justified" } else { "not justified" };
                words.push(format!("{} reviewed the emergency: {verdict}: {}", review.by, review.note));
            }
            words
        }
        Escalation::Denied(denied) => match &denied.cause {
            Denial::Reviewer(person) if escalation.case().opening().drill => {
                vec![denial(escalation, person), "it was a drill: nobody had asked for it".to_owned()]
            }
            Denial::Reviewer(person) => vec![denial(escalation, person)],
            Denial::Drill => vec!["it was a drill, and ought to have been denied".to_owned()],
            Denial::Contradiction(kind) => {
                vec![format!("the approvals' conditions `{kind}` contradict each other")]
            }
        },
        Escalation::Expired(_) => vec![expired(escalation)],
        Escalation::Cancelled(cancelled) if cancelled.reason.is_empty() => {
            vec![format!("withdrawn by {}", cancelled.by)]
        }
        Escalation::Cancelled(cancelled) => {
            vec![format!("withdrawn by {}: {}", cancelled.by, cancelled.reason)]
        }
        Escalation::Blocked(blocked) => blocked.reasons.clone(),
        Escalation::Lapsed(_) => vec!["it was approved, and the token was not collected in time".to_owned()],
    }
}

/// The smallest sets of people who could still complete it.
pub(super) fn can_complete(escalation: &Escalation, here: &Attendance<'_>) -> Vec<String> {
    let Escalation::Pending(_) = escalation else { return Vec::new() };
    let sets = escalation.case().completions(here, here.at(), 10);
    sets.iter()
        .map(|people: &BTreeSet<PersonId>| {
            let names: Vec<&str> = people.iter().map(PersonId::as_str).collect();
            names.join(" and ")
        })
        .collect()
}

fn expired(escalation: &Escalation) -> String {
    format!("nobody decided by {}", escalation.case().opening().decide_by())
}

fn approvals(escalation: &Escalation) -> Vec<String> {
    let approving = escalation.case().votes().iter().filter(|vote| vote.approves());
    approving
        .map(|vote| {
            let conditions: Vec<String> =
                vote.statement.choice.conditions().iter().map(Condition::describe).collect();
            let only_if =
                if conditions.is_empty() { String::new() } else { format!(", {}", conditions.join(" and ")) };
            format!("approved by {}{only_if}: {}", vote.person(), vote.statement.reason.as_str())
        })
        .collect()
}

fn denial(escalation: &Escalation, person: &PersonId) -> String {
    let vote = escalation.case().votes().iter().find(|vote| vote.person() == person);
    let reason = vote.map(|vote| format!(": {}", vote.statement.reason.as_str())).unwrap_or_default();
    format!("denied by {person}{reason}")
}
