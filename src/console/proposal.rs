//! A proposal: everything that matters for deciding one request, the most important first.

mod decide;
mod people;
mod risk;
mod text;

use decide::Decide;
pub(super) use decide::{Intent, plain};
pub(super) use text::Text;

use super::Console;
use super::page::{Page, Place, show};
use super::problem::{desk_problem, problem};
use super::queue::progress;
use super::visitor::Visitor;
use super::words::{ago, brief, ended, left, ours, state, verb};
use crate::audit::filter::Filter;
use crate::decision::Decision;
use crate::desk::queue::Line;
use crate::desk::{DeskError, View, Voter, WhoCan};
use crate::escalation::{Sight, Status};
use crate::operation::render::{self, visible};
use crate::party::EscalationId;
use crate::risk::history::family;
use crate::risk::pattern::Glob;
use crate::sidecar::Offer;
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use people::People;
use risk::Risk;
use std::sync::Arc;

/// How many characters of an operation are shown before somebody asks for the rest.
const OPERATION: usize = 4_000;
/// The same of each of the texts with which an agent argues.
const CLAIM: usize = 600;
/// How many earlier decisions are shown, and among how many they are looked for.
const EARLIER: usize = 5;
const LOOKED_THROUGH: usize = 40;

/// `/e/{id}`
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/e/{id}", get(proposal))
}

/// What is being told of what was done before.
#[derive(Clone, Debug)]
pub(super) struct Note {
    /// `good`, `bad`, `warn`
    pub(super) tone: &'static str,
    pub(super) words: String,
}

#[derive(Template)]
#[template(path = "proposal.html")]
struct ProposalPage {
    page: Page,
    note: Option<Note>,
    id: String,
    headline: String,
    on_behalf_of: Option<String>,
    executor: String,
    status: Status,
    state: &'static str,
    /// How it stands in the queue.
    words: String,
    /// What happened, in a sentence and then in what the record says.
    ended: &'static str,
    reasons: Vec<String>,
    age: String,
    opened_at: String,
    left: String,
    until: u64,
    now: u64,
    decide_by: String,
    operation: Text,
    hazards: Vec<String>,
    masked: bool,
    /// The evidence is on the page.
    whole: bool,
    /// The request as the executor gets it.
    raw: Text,
    user_request: Option<Text>,
    claims: Vec<(&'static str, Text)>,
    risk: Risk,
    rule: String,
    why: Vec<String>,
    people: People,
    conditions: Vec<String>,
    offer: Option<OfferShown>,
    recent: Vec<String>,
    earlier: Vec<Earlier>,
    decide: Decide,
    digest: String,
    policy: String,
}

impl ProposalPage {
    fn pending(&self) -> bool {
        self.status == Status::Pending
    }

    /// Whether something of what argues for it is not on the page.
    fn more(&self) -> usize {
        let claims = self.claims.iter().map(|(_, text)| text.more).sum::<usize>();
        claims + self.user_request.as_ref().map_or(0, |text| text.more)
    }
}

/// A changed operation that waits for the agent.
struct OfferShown {
    by: String,
    reason: String,
    lines: Vec<(&'static str, String)>,
}

/// An earlier decision on something like it.
struct Earlier {
    at: String,
    words: String,
    link: Option<String>,
}

/// The id in an address; a page that says so where it is none.
pub(super) fn id_of(visitor: &Visitor, text: &str) -> Result<EscalationId, Box<Response>> {
    let missing = || {
        let words = "The link is not complete, or it is of another service.";
        Box::new(problem(visitor, StatusCode::NOT_FOUND, "There is no such request", words, "/"))
    };
    EscalationId::parse(text).ok_or_else(missing)
}

async fn proposal(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let id = match id_of(&visitor, &id) {
        Ok(id) => id,
        Err(response) => return *response,
    };
    let said = |name: &str| query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let look = Look {
        whole: said("evidence") == Some("1"),
        intent: said("intent").and_then(Intent::parse),
        did: said("did"),
        ..Look::default()
    };
    page(&console, &visitor, id, look).await
}

/// How somebody looks at a proposal.
#[derive(Default)]
pub(super) struct Look<'a> {
    /// With all of the evidence.
    pub(super) whole: bool,
    /// What they are about to say.
    pub(super) intent: Option<Intent>,
    /// The reason that they typed.
    pub(super) typed: Option<String>,
    /// What they did, by its name.
    pub(super) did: Option<&'a str>,
    /// What they are told besides.
    pub(super) note: Option<Note>,
}

/// The page of a proposal; that it was looked at is recorded.
pub(super) async fn page(console: &Console, visitor: &Visitor, id: EscalationId, look: Look<'_>) -> Response {
    match made(console, visitor, id, look).await {
        Ok(page) => show(&page),
        Err(error) => desk_problem(visitor, &error),
    }
}

async fn made(
    console: &Console,
    visitor: &Visitor,
    id: EscalationId,
    look: Look<'_>,
) -> Result<ProposalPage, DeskError> {
    let person = visitor.reviewer.person();
    let seen: &[Sight] = match look.whole {
        true => &[Sight::Delivered, Sight::Opened, Sight::Evidence],
        false => &[Sight::Delivered, Sight::Opened],
    };
    console.desk.seen(id, person, seen).await?;
    let view = console.desk.show(id).await?;
    let able = console.desk.who_can(id).await?;
    let voter = console.desk.voter(&view.docket, person);
    let offer = Offer::of(&view.docket).map_err(|error| DeskError::Senseless(id, error.to_string()))?;
    let earlier = earlier(console, &view).await;
    let parts = Parts { console, visitor, view, able, voter, offer, earlier };
    Ok(parts.page(look))
}

/// Earlier decisions on something like it: the same action, on the same family of resources.
async fn earlier(console: &Console, view: &View) -> Vec<Earlier> {
    let (action, resource) = view.docket.subject();
    // An action with a star in it is looked for as the pattern that it is, and found among others.
    let Some(pattern) = Glob::new(&action) else { return Vec::new() };
    let (reading, txn, now) = (console.reading.clone(), view.docket.decided.txn, console.desk.now());
    let find = move || {
        let filter = Filter { action: Some(pattern), ..Filter::default() };
        reading.decisions(&filter, None, LOOKED_THROUGH)
    };
    // What it finds helps to decide; that it can't be found is no reason not to show the rest.
    let Ok(Ok(found)) = tokio::task::spawn_blocking(find).await else { return Vec::new() };
    let like = |resource: &str| family(resource);
    let alike = found
        .overviews
        .into_iter()
        .filter(|one| one.txn != txn && one.action == action && like(&one.resource) == like(&resource))
        // What still waits is nobody's example, and who voted on it may be hidden.
        .filter(|one| one.status != Some(Status::Pending));
    alike
        .take(EARLIER)
        .map(|one| {
            let how = match one.status {
                Some(status) => state(status).to_owned(),
                None => one.effect.to_string(),
            };
            let people: Vec<&str> = one.reviewers.iter().map(|person| person.as_str()).collect();
            let by = if people.is_empty() { String::new() } else { format!(", by {}", people.join(" and ")) };
            Earlier {
                at: ago(one.at, now),
                words: visible(&format!("{how}{by}: {} for {}", one.resource, one.agent)),
                link: one.escalation.map(|id| format!("/e/{id}")),
            }
        })
        .collect()
}

/// What a page is made from.
struct Parts<'a> {
    console: &'a Console,
    visitor: &'a Visitor,
    view: View,
    able: WhoCan,
    voter: Voter,
    offer: Option<Offer>,
    earlier: Vec<Earlier>,
}

impl Parts<'_> {
    fn page(self, look: Look<'_>) -> ProposalPage {
        let now = self.console.desk.now();
        let Self { console, visitor, view, able, voter, offer, earlier } = self;
        let directory = console.desk.directory();
        let docket = &view.docket;
        let (decided, case) = (&docket.decided, docket.escalation.case());
        let (opening, status) = (case.opening(), docket.escalation.status(now));
        let (action, resource) = docket.subject();
        let (action, resource) = (visible(&action), visible(&resource));
        let most = (!look.whole).then_some(OPERATION);
        let operation = Text::visible(view.rendering.text.clone(), most);
        let claim = (!look.whole).then_some(CLAIM);
        let context = &decided.context;
        let alternatives = context.alternatives.join("\n");
        let claims = [
            ("Why", &context.reason),
            ("What it may affect", &context.blast_radius),
            ("How it can be undone", &context.reversibility),
            ("What else was considered", &alternatives),
            ("Its reasoning", &context.reasoning),
        ];
        let claims = claims.into_iter().filter(|(_, text)| !text.is_empty());
        let raw = if look.whole { Text::of(decided.shown(), None) } else { Text::default() };
        let pending = status == Status::Pending;
        let kind = decided.decision.assessment.facts.kind.value;
        let headline = format!("{} wants to {} {} ({action})", decided.agent, verb(kind), brief(&resource));
        let people = People::of(docket, &able, &directory, visitor.reviewer.person(), now);
        let note = look.note.or_else(|| look.did.and_then(|did| done(did, status)));
        let me = directory.person(visitor.reviewer.person());
        let passkeys = directory.relying_party().is_some() && me.is_some_and(|one| !one.passkeys.is_empty());
        let page = Page::new(headline.clone(), Place::Queue, visitor).with(&["live.js"]);
        let decide = Decide::of(docket, &voter, &able, &people, operation.more > 0, now).preset(
            look.intent,
            look.typed,
            passkeys,
        );
        ProposalPage {
            page,
            note,
            id: docket.id.to_string(),
            headline,
            on_behalf_of: decided.on_behalf_of.as_ref().map(|person| people::called(&directory, person)),
            executor: decided.executor.to_string(),
            status,
            state: state(status),
            words: progress(&Line::of(docket.clone()), visitor.reviewer.person(), now),
            ended: ended(&docket.escalation, status),
            reasons: docket.reasons.iter().map(|reason| ours(reason)).collect(),
            age: ago(opening.opened_at, now),
            opened_at: opening.opened_at.to_string(),
            left: left(opening.decide_by(), now),
            until: if pending { opening.decide_by().unix_millis() } else { 0 },
            now: now.unix_millis(),
            decide_by: opening.decide_by().to_string(),
            operation,
            hazards: view.rendering.hazards.iter().map(ToString::to_string).collect(),
            masked: decided.shown.is_some(),
            whole: look.whole,
            raw,
            user_request: (!context.user_request.is_empty()).then(|| Text::of(&context.user_request, claim)),
            claims: claims.map(|(name, text)| (name, Text::of(text, claim))).collect(),
            risk: Risk::of(&decided.decision.assessment),
            rule: visible(decided.decision.rule.as_deref().unwrap_or_default()),
            why: why(&decided.decision),
            people,
            conditions: opening.terms.conditions.iter().map(|one| visible(&one.describe())).collect(),
            offer: offer.map(|offer| offered(&offer, &directory)),
            recent: view.recent_activity.iter().map(|line| visible(line)).collect(),
            earlier,
            decide,
            digest: opening.operation.to_string(),
            policy: opening.policy.to_string(),
        }
    }
}

/// Why people are asked; what each factor adds stands in the picture of the risk.
fn why(decision: &Decision) -> Vec<String> {
    let factors: Vec<String> = decision.assessment.factors.iter().map(ToString::to_string).collect();
    let reasons = decision.reasons.iter().filter(|reason| !factors.contains(reason));
    reasons.map(|reason| ours(reason)).collect()
}

fn offered(offer: &Offer, directory: &crate::reviewer::Directory) -> OfferShown {
    OfferShown {
        by: people::called(directory, &offer.by),
        reason: visible(&offer.reason),
        lines: offer.difference.iter().map(difference_line).collect(),
    }
}

/// A line of a difference: its class and its text, which the renderer has made visible.
pub(super) fn difference_line(line: &render::Line) -> (&'static str, String) {
    match line {
        render::Line::Kept(text) => ("kept", format!("  {text}")),
        render::Line::Removed(text) => ("removed", format!("- {text}")),
        render::Line::Added(text) => ("added", format!("+ {text}")),
    }
}

/// What somebody is told of what they did.
fn done(did: &str, status: Status) -> Option<Note> {
    let good = |words: &str| Some(Note { tone: "good", words: words.to_owned() });
    let approved = matches!(status, Status::Approved | Status::Claimed);
    match did {
        "approve" if approved => good("You approved it, and that was enough: the agent may go on."),
        "approve" => good("Your approval is recorded."),
        "poor" => Some(Note {
            tone: "warn",
            words: "Your approval is recorded, and marked as a hasty one. See the votes below.".to_owned(),
        }),
        "break_glass" => good("Your emergency approval is recorded. It will be reviewed."),
        "deny" => good("You denied it. That is recorded."),
        "withdraw" => good("You took your vote back."),
        "pass" => good("You passed it on."),
        "change" => good("Your change is proposed. The agent takes it or gives up."),
        "review" => good("Your review of the emergency is recorded."),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_and_nothing_else_is() {
        assert!(done("approve", Status::Pending).is_some());
        assert!(done("<script>", Status::Pending).is_none());
        assert!(done("", Status::Pending).is_none());
    }
}
