//! How an escalation stands, in words for agents and reviewers.

use crate::condition::Condition;
use crate::escalation::requirement::Standing;
use crate::escalation::{Denial, Escalation, Status};
use crate::moment::Moment;
use crate::party::PersonId;
use crate::reviewer::Directory;
use std::collections::BTreeSet;

/// What is missing, or why it ended.
pub(super) fn reasons(escalation: &Escalation, directory: &Directory, now: Moment) -> Vec<String> {
    match escalation {
        Escalation::Pending(_) if escalation.status(now) == Status::Expired => vec![expired(escalation)],
        Escalation::Pending(_) => vec![match escalation.case().standing(directory, now) {
            Standing::Met(_) => "enough people have agreed".to_owned(),
            Standing::Missing(1) => "one more person must agree".to_owned(),
            Standing::Missing(people) => format!("{people} more people must agree"),
            Standing::Impossible => "nobody is left who could complete it".to_owned(),
        }],
        Escalation::Approved(_) | Escalation::Claimed(_) => approvals(escalation),
        Escalation::Denied(denied) => match &denied.cause {
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
pub(super) fn can_complete(escalation: &Escalation, directory: &Directory, now: Moment) -> Vec<String> {
    let Escalation::Pending(_) = escalation else { return Vec::new() };
    let sets = escalation.case().completions(directory, now, 10);
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
