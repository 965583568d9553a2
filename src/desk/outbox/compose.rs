//! What a notice says: everything that matters for deciding, as far as a message can hold it, and where the rest is.

use super::super::links::{Link, Links, Offered};
use super::super::{LocalDesk, View};
use crate::escalation::{Case, Escalation, Status};
use crate::moment::Moment;
use crate::notice::{Action, Excerpt, Line, Message, Owed, Recipient, Topic};
use crate::operation::render::visible;
use crate::party::PersonId;
use crate::reviewer::Attendance;
use crate::token::Assurance;

/// The most characters of an operation in a message. With more, nobody approves from it.
const MAX_EXCERPT: usize = 2_400;
/// The most characters of one line: what an agent argues must not push out of sight what it wants to do.
const MAX_LINE: usize = 600;
/// The most characters of a headline's part.
const MAX_PART: usize = 80;
/// How many things a digest names.
const NAMED: usize = 10;
/// How many factors of the risk are told.
const FACTORS: usize = 3;

/// Where messages lead.
#[derive(Clone, Copy)]
pub struct Paths<'a> {
    /// Where browsers reach the console, as an origin; messages have no links without one.
    pub console: Option<&'a str>,
    /// Seals what a message lets its reader do.
    pub links: Option<&'a Links>,
}

impl Paths<'_> {
    fn to(&self, path: &str) -> Option<String> {
        self.console.map(|console| format!("{}{path}", console.trim_end_matches('/')))
    }
}

impl LocalDesk {
    /// The message of a notice about an escalation, by what is known of it now.
    #[must_use]
    pub fn compose(&self, view: &View, owed: &Owed, paths: Paths<'_>) -> Message {
        let here = self.here();
        let here = here.attendance();
        let (escalation, now) = (&view.docket.escalation, here.at());
        let case = escalation.case();
        let pending = escalation.status(now) == Status::Pending && case.amendment().is_none();
        let assessment = &view.docket.decided.decision.assessment;
        let operation = excerpt(&view.rendering.text);
        let page = format!("/e/{}", view.docket.id);
        // A message that is changed while it waits goes on offering what it offered, but to those who have answered.
        let answered = match &owed.to {
            Recipient::Person(person) => case.votes().iter().any(|vote| vote.person() == person),
            Recipient::Place(_) => false,
        };
        let calls = matches!(owed.topic, Topic::Asked | Topic::Reminded | Topic::PassedOn | Topic::Updated);
        let actions = match pending && calls && !answered {
            true => actions(view, owed, operation.more == 0, paths, &here),
            false => Vec::new(),
        };
        Message {
            notice: owed.notice,
            topic: owed.topic,
            urgency: owed.urgency,
            headline: headline(view, owed, now),
            lines: lines(view, pending, now),
            operation: Some(operation),
            level: Some(assessment.level),
            link: paths.to(&page),
            actions,
            until: owed.until,
        }
    }
}

/// News of something that is no escalation.
pub(super) fn news(owed: &Owed, paths: Paths<'_>) -> Message {
    let says = owed.says.as_deref().unwrap_or_default();
    let page = match owed.topic {
        Topic::Account => "/account",
        Topic::Saturated => "/analytics",
        Topic::Asked
        | Topic::Reminded
        | Topic::PassedOn
        | Topic::Updated
        | Topic::Emergency
        | Topic::ReviewDue
        | Topic::Digest
        | Topic::Expired => "/",
    };
    Message {
        notice: owed.notice,
        topic: owed.topic,
        urgency: owed.urgency,
        headline: visible(says),
        lines: Vec::new(),
        operation: None,
        level: None,
        link: paths.to(page),
        actions: Vec::new(),
        until: owed.until,
    }
}

/// Several things together: how many, and the first of them. `views` are those that could be read.
pub(super) fn together(owed: &Owed, of: Topic, count: usize, views: &[View], paths: Paths<'_>) -> Message {
    let headline = match of {
        Topic::Expired => {
            format!("nobody decided {} in time", plural(count, "request", "requests"))
        }
        Topic::Asked
        | Topic::Reminded
        | Topic::PassedOn
        | Topic::Updated
        | Topic::Emergency
        | Topic::ReviewDue
        | Topic::Digest
        | Topic::Saturated
        | Topic::Account => format!("{} for you", plural(count, "request waits", "requests wait")),
    };
    let named = views.iter().take(NAMED);
    let mut lines: Vec<Line> = named
        .map(|view| {
            let opening = view.docket.escalation.case().opening();
            let level = view.docket.decided.decision.assessment.level;
            let tail = match of == Topic::Expired {
                true => asked_words(view.docket.escalation.case()),
                false => format!(", decide by {}", opening.decide_by()),
            };
            // What an agent wrote in it is visible already.
            Line { label: level.to_string(), text: format!("{}{tail}", subject(view)), claim: false }
        })
        .collect();
    let more = count.saturating_sub(lines.len());
    if more > 0 {
        lines.push(fact("and", &plural(more, "more", "more")));
    }
    Message {
        notice: owed.notice,
        topic: owed.topic,
        urgency: owed.urgency,
        headline,
        lines,
        operation: None,
        level: views.iter().map(|view| view.docket.decided.decision.assessment.level).max(),
        link: paths.to("/"),
        actions: Vec::new(),
        until: owed.until,
    }
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The request in one line: `deployer wants db.migrate on postgres://prod/orders`.
fn subject(view: &View) -> String {
    let (action, resource) = view.docket.subject();
    let part = |text: &str| cut(&visible(text), MAX_PART);
    format!("{} wants {} on {}", part(view.docket.decided.agent.as_str()), part(&action), part(&resource))
}

fn headline(view: &View, owed: &Owed, now: Moment) -> String {
    let (subject, escalation) = (subject(view), &view.docket.escalation);
    let decide_by = escalation.case().opening().decide_by();
    match owed.topic {
        Topic::Asked | Topic::Digest | Topic::Saturated | Topic::Account => subject,
        Topic::Reminded => format!("still waiting for you, until {decide_by}: {subject}"),
        Topic::PassedOn => format!("passed on to you: {subject}"),
        Topic::Updated => format!("{}: {subject}", stands(escalation, now)),
        Topic::Emergency => format!("approved in an emergency: {subject}"),
        Topic::ReviewDue => match escalation.review_due() {
            Some(due) if now >= due => format!("an emergency was not reviewed by {due}: {subject}"),
            Some(due) => format!("an emergency has to be reviewed by {due}: {subject}"),
            None => format!("the emergency was reviewed: {subject}"),
        },
        Topic::Expired => format!("nobody decided in time: {subject}"),
    }
}

/// How it stands, in a word or two.
fn stands(escalation: &Escalation, now: Moment) -> &'static str {
    match escalation.status(now) {
        Status::Pending if escalation.case().amendment().is_some() => "changed",
        Status::Pending => "waiting",
        Status::Approved => "approved",
        Status::Denied => "denied",
        Status::Expired => "expired",
        Status::Cancelled => "withdrawn",
        Status::Blocked => "blocked",
        Status::Claimed => "approved and collected",
        Status::Lapsed => "approved, and not collected in time",
    }
}

fn lines(view: &View, pending: bool, now: Moment) -> Vec<Line> {
    let View { docket, can_complete, .. } = view;
    let (decided, case) = (&docket.decided, docket.escalation.case());
    let mut lines = Vec::new();
    if !pending {
        lines.push(fact(stands(&docket.escalation, now), &docket.reasons.join("; ")));
    }
    lines.push(fact("agent", decided.agent.as_str()));
    if let Some(person) = &decided.on_behalf_of {
        lines.push(fact("for", person.as_str()));
    }
    let context = &decided.context;
    for (label, text) in [
        ("request", &context.user_request),
        ("reason", &context.reason),
        ("reasoning", &context.reasoning),
        ("blast radius", &context.blast_radius),
        ("undo", &context.reversibility),
    ] {
        if !text.is_empty() {
            lines.push(Line { claim: true, ..fact(label, text) });
        }
    }
    let assessment = &decided.decision.assessment;
    let mut factors: Vec<_> = assessment.factors.iter().collect();
    factors.sort_by_key(|factor| core::cmp::Reverse(factor.contribution.millionths()));
    let why: Vec<&str> = factors.iter().take(FACTORS).map(|factor| factor.reason.as_str()).collect();
    lines.push(fact("risk", &format!("{} ({}): {}", assessment.level, assessment.score, why.join("; "))));
    lines.push(fact("rule", decided.decision.rule.as_deref().unwrap_or("by level")));
    lines.push(fact("needs", &case.opening().terms.requirement.to_string()));
    if pending {
        // What others said is nobody's to know before they have voted, where the rule says so; nor who is left.
        let hidden = case.opening().terms.hidden_votes;
        if !case.votes().is_empty() && !hidden {
            lines.push(fact("now", &docket.reasons.join("; ")));
        }
        if let Some(who) = who(can_complete).filter(|_| !hidden) {
            lines.push(fact("can decide", &who));
        }
        lines.push(fact("decide by", &case.opening().decide_by().to_string()));
    }
    lines.push(fact("escalation", &docket.id.to_string()));
    lines
}

/// Who could complete it, the first three ways.
fn who(can_complete: &[String]) -> Option<String> {
    let first: Vec<&str> = can_complete.iter().take(3).map(String::as_str).collect();
    let more = can_complete.len().saturating_sub(first.len());
    let more =
        if more == 0 { String::new() } else { format!(", or {}", plural(more, "other way", "other ways")) };
    (!first.is_empty()).then(|| format!("{}{more}", first.join(", or ")))
}

fn asked_words(case: &Case) -> String {
    let asked: Vec<&str> = case.asked().map(PersonId::as_str).collect();
    match asked.as_slice() {
        [] => "; nobody had been asked".to_owned(),
        asked => format!("; asked: {}", asked.join(", ")),
    }
}

/// What can be done from the message itself. A no is taken from anywhere; a yes only from who is known surely enough
/// there, and only where the message shows all of what they would agree to.
fn actions(view: &View, owed: &Owed, whole: bool, paths: Paths<'_>, here: &Attendance<'_>) -> Vec<Action> {
    let (Some(page), Some(links)) = (paths.to(&format!("/e/{}", view.docket.id)), paths.links) else {
        return Vec::new();
    };
    let case = view.docket.escalation.case();
    let seen = case.seen_on(here);
    let requirement = case.requirement_at(here.at());
    let person = match &owed.to {
        Recipient::Person(person) => Some(person),
        Recipient::Place(_) => None,
    };
    let least = requirement.and_then(|requirement| match person {
        Some(person) => requirement.assurance_for(person, &seen),
        None => requirement.seats().iter().map(|seat| seat.assurance()).min(),
    });
    let by_click = least == Some(Assurance::Channel);
    let offer =
        |approves: bool| Offered { escalation: view.docket.id, shown: case.opening().shown, approves };
    let action = |label: &str, approves: bool, here: bool| {
        let offered = offer(approves);
        let intent = if approves { "approve" } else { "deny" };
        let sealed = person.filter(|_| here).map(|person| {
            links.link(&Link { person: person.clone(), offered, until: case.opening().decide_by() })
        });
        let link = sealed.and_then(|sealed| paths.to(&format!("/l/{sealed}")));
        let link = link.unwrap_or_else(|| format!("{page}?intent={intent}"));
        Action { label: label.to_owned(), approves, value: links.button(&offered), link }
    };
    let mut actions = Vec::new();
    if whole && by_click {
        actions.push(action("Approve", true, true));
    }
    actions.push(action("Deny", false, true));
    actions
}

fn excerpt(text: &str) -> Excerpt {
    let all = text.chars().count();
    let text: String = text.chars().take(MAX_EXCERPT).collect();
    Excerpt { text, more: all.saturating_sub(MAX_EXCERPT) }
}

/// In one line, so that nothing that an agent writes looks like a line of ours.
fn fact(label: &str, text: &str) -> Line {
    Line { label: label.to_owned(), text: cut(&visible(text), MAX_LINE), claim: false }
}

/// The beginning of a text, which says so where there is more.
fn cut(text: &str, most: usize) -> String {
    let mut characters = text.chars();
    let beginning: String = characters.by_ref().take(most).collect();
    match characters.count() {
        0 => beginning,
        more => format!("{beginning}… ({more} more)"),
    }
}
