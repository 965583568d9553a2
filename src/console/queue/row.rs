//! A line of the queue as a page shows it, and the lines that are alike together.

use crate::console::words::{ago, brief, left, state};
use crate::desk::queue::Line;
use crate::escalation::Status;
use crate::moment::Moment;
use crate::operation::render::visible;
use crate::party::PersonId;
use crate::risk::Level;
use core::time::Duration;

/// How short the time is from which on a line says that it is urgent.
const PRESSING: Duration = Duration::from_secs(5 * 60);

/// A line of the queue.
#[derive(Clone, Debug)]
pub(in crate::console) struct Row {
    pub(in crate::console) id: String,
    pub(in crate::console) level: Level,
    pub(in crate::console) action: String,
    pub(in crate::console) resource: String,
    pub(in crate::console) agent: String,
    pub(in crate::console) age: String,
    /// How much time is left; empty where it does not matter any more.
    pub(in crate::console) left: String,
    /// Until when, in milliseconds since 1970.
    pub(in crate::console) until: u64,
    pub(in crate::console) pressing: bool,
    /// What has been done about it, in words.
    pub(in crate::console) progress: String,
    /// It waits for whoever looks.
    pub(in crate::console) yours: bool,
    group: String,
}

impl Row {
    /// The line as it stands.
    pub(in crate::console) fn of(line: &Line, person: &PersonId, yours: bool, now: Moment) -> Self {
        let (case, status) = (line.escalation.case(), line.escalation.status(now));
        let opening = case.opening();
        let open = status == Status::Pending;
        let until = opening.decide_by();
        Self {
            id: line.id.to_string(),
            level: line.assessment.level,
            action: visible(&line.action),
            resource: brief(&visible(&line.resource)),
            agent: line.agent.to_string(),
            age: ago(opening.opened_at, now),
            left: if open { left(until, now) } else { String::new() },
            until: if open { until.unix_millis() } else { 0 },
            pressing: open && until.since(now) < PRESSING,
            progress: progress(line, person, now),
            yours,
            group: line.group.clone(),
        }
    }
}

/// What has been done about it, in words.
pub(in crate::console) fn progress(line: &Line, person: &PersonId, now: Moment) -> String {
    let case = line.escalation.case();
    let status = line.escalation.status(now);
    let needed = case.opening().terms.requirement.people();
    match (status, case.agreed()) {
        (Status::Pending, _) if case.amendment().is_some() => "a change waits for the agent".to_owned(),
        (Status::Pending, _) if line.escalation.hides_votes_from(Some(person), now) => {
            format!("{needed} must agree")
        }
        (Status::Pending, agreed) => format!("{agreed} of {needed} agreed"),
        _ if line.escalation.review_due().is_some() => "an emergency, to be reviewed".to_owned(),
        (status, _) => state(status).to_owned(),
    }
}

/// Lines that are alike: shown together, and decided one by one.
#[derive(Clone, Debug)]
pub(in crate::console) struct Group {
    pub(in crate::console) rows: Vec<Row>,
}

impl Group {
    /// Each line with those that are alike, where the first of them is.
    pub(super) fn of(rows: Vec<Row>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for row in rows {
            let alike = |group: &&mut Self| group.rows.first().is_some_and(|first| first.group == row.group);
            match groups.iter_mut().find(alike) {
                Some(group) => group.rows.push(row),
                None => groups.push(Self { rows: vec![row] }),
            }
        }
        groups
    }

    /// The heading of several; nothing over one alone.
    pub(in crate::console) fn heading(&self) -> Option<String> {
        let first = self.rows.first().filter(|_| self.rows.len() > 1)?;
        Some(format!("{} alike: {} by {}", self.rows.len(), first.action, first.agent))
    }
}
