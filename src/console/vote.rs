//! Voting: what somebody says about a proposal, in their own name, as a form brings it.

mod conditions;
pub(super) mod confirm;

use super::Console;
use super::problem::{desk_problem, problem};
use super::proposal::{self, Intent, Look, Note, id_of};
use super::visitor::{Fields, Posted, Visitor};
use crate::desk::{Desk as _, DeskError, Docket, VoteRefused};
use crate::escalation::vote::{Choice, Nonce, Reason, ReasonError, SignedVote, Statement};
use crate::escalation::{Flag, TransitionError, VoteRefusal};
use crate::operation::render::visible;
use crate::party::{EscalationId, PersonId};
use crate::presence::passkey::Assertion;
use crate::token::Assurance;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::response::{Redirect, Response};
use axum::routing::post;
use std::sync::Arc;

/// `/e/{id}/vote`, `/e/{id}/signed`, `/e/{id}/pass`, `/e/{id}/review`
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/e/{id}/vote", post(vote))
        .route("/e/{id}/signed", post(signed))
        .route("/e/{id}/pass", post(pass))
        .route("/e/{id}/review", post(review))
}

/// Why there is no vote yet.
enum NotYet {
    /// What the form says is no vote: the page again, with why.
    Form(String),
    /// What it is about is not what was shown.
    Stale,
    /// It needs, or they want, their signature.
    Sign(Box<Statement>),
    /// It was refused.
    Refused(VoteRefused),
    /// The desk could not take it.
    Desk(DeskError),
}

impl From<DeskError> for NotYet {
    fn from(error: DeskError) -> Self {
        Self::Desk(error)
    }
}

async fn vote(State(console): State<Arc<Console>>, Path(id): Path<String>, posted: Posted) -> Response {
    let Posted { visitor, fields } = posted;
    let id = match id_of(&visitor, &id) {
        Ok(id) => id,
        Err(response) => return *response,
    };
    match cast(&console, &visitor, id, &fields).await {
        Ok(did) => back(id, did),
        Err(NotYet::Sign(statement)) => confirm::page(&console, &visitor, &statement),
        Err(NotYet::Form(why)) => {
            let words = format!("Nothing is decided yet: {why}.");
            again(&console, &visitor, id, words, &fields).await
        }
        Err(NotYet::Stale) => stale(&visitor, id),
        Err(NotYet::Refused(refused)) => explain(&console, &visitor, id, &refused, &fields).await,
        Err(NotYet::Desk(error)) => desk_problem(&visitor, &error),
    }
}

/// Takes a vote; what was done, by its name.
async fn cast(
    console: &Arc<Console>,
    visitor: &Visitor,
    id: EscalationId,
    fields: &Fields,
) -> Result<&'static str, NotYet> {
    let person = visitor.reviewer.person();
    let docket = console.desk.docket(id).await?;
    let opening = docket.escalation.case().opening();
    if fields.one("shown") != Some(&opening.shown.to_string()) {
        return Err(NotYet::Stale);
    }
    let voter = console.desk.voter(&docket, person);
    let now = console.desk.now();
    let conditions = || conditions::read(fields, &opening.enforceable, now).map_err(NotYet::Form);
    let (choice, may) = match fields.one("choice") {
        Some("approve") => (Choice::Approve(conditions()?), voter.approve),
        Some("break_glass") if fields.one("emergency").is_none() => {
            return Err(NotYet::Form("say that it is an emergency".to_owned()));
        }
        Some("break_glass") => (Choice::BreakGlass(conditions()?), voter.break_glass),
        Some("deny") => (Choice::Deny, voter.deny.map(|()| Assurance::Session)),
        Some("withdraw") => {
            let said = voter.said.as_ref().map(|cast| cast.assurance);
            (Choice::Withdraw, said.ok_or(VoteRefusal::NothingToWithdraw))
        }
        Some(_) | None => return Err(NotYet::Form("say what you decide".to_owned())),
    };
    let reason = reason_in(fields).map_err(|error| NotYet::Form(error.to_string()))?;
    let nonce =
        console.sidecar.entropy.bits128().map_err(|_| NotYet::Form("try again in a moment".to_owned()))?;
    let statement = Statement {
        escalation: id,
        operation: opening.operation,
        shown: opening.shown,
        policy: opening.policy,
        choice,
        reason,
        reviewer: person.clone(),
        time: now,
        nonce: Nonce::from_random(nonce),
    };
    // Sent twice, it is said once.
    let said = voter.said.as_ref();
    if let Some(cast) = said.filter(|cast| cast.statement.choice == statement.choice) {
        return Ok(did(&cast.statement.choice, &cast.flags));
    }
    if may == Ok(Assurance::Signed) || (may.is_ok() && fields.one("sign").is_some()) {
        return Err(NotYet::Sign(Box::new(statement)));
    }
    let (desk, reviewer, choice) = (console.desk.clone(), visitor.reviewer.clone(), statement.choice.clone());
    // To its end, whether or not somebody waits for the answer.
    let taken = tokio::spawn(async move { desk.vote_unsigned(id, statement, &reviewer).await }).await;
    let docket = taken.map_err(|_| NotYet::Form("try again in a moment".to_owned()))?;
    let docket = docket.map_err(NotYet::Refused)?;
    told(console, &docket, person);
    Ok(did(&choice, &flags_of(&docket, person)))
}

fn told(console: &Console, docket: &Docket, person: &PersonId) {
    let status = docket.escalation.status(console.desk.now());
    tracing::info!(escalation = %docket.id, %person, status = status.as_str(), "a vote was recorded");
}

fn flags_of(docket: &Docket, person: &PersonId) -> Vec<Flag> {
    let votes = docket.escalation.case().votes();
    votes.iter().find(|vote| vote.person() == person).map(|vote| vote.flags.clone()).unwrap_or_default()
}

/// What was done, by the name under which the page tells of it.
fn did(choice: &Choice, flags: &[Flag]) -> &'static str {
    match choice {
        Choice::Approve(_) if !flags.is_empty() => "poor",
        Choice::Approve(_) => "approve",
        Choice::BreakGlass(_) => "break_glass",
        Choice::Deny => "deny",
        Choice::Withdraw => "withdraw",
    }
}

/// The reason of a form, on one line.
pub(super) fn reason_in(fields: &Fields) -> Result<Reason, ReasonError> {
    let text: Vec<&str> = fields.one("reason").unwrap_or_default().split_whitespace().collect();
    Reason::new(&text.join(" "))
}

pub(super) fn back(id: EscalationId, did: &str) -> Response {
    Redirect::to(&format!("/e/{id}?did={did}")).into_response()
}

/// The signed vote of the page that asked for it.
async fn signed(State(console): State<Arc<Console>>, Path(id): Path<String>, posted: Posted) -> Response {
    let Posted { visitor, fields } = posted;
    let id = match id_of(&visitor, &id) {
        Ok(id) => id,
        Err(response) => return *response,
    };
    let vote = match signed_vote(&visitor, id, &fields) {
        Ok(vote) => vote,
        Err(why) => return not_signed(&visitor, id, &why),
    };
    let (desk, person) = (console.desk.clone(), visitor.reviewer.person());
    let taken = tokio::spawn(async move { desk.vote(id, vote).await }).await;
    match taken {
        Ok(Ok(docket)) => {
            told(&console, &docket, person);
            let statement = fields.one("statement").unwrap_or_default();
            let choice = Statement::from_bytes(statement.as_bytes()).map(|statement| statement.choice);
            back(id, choice.map_or("", |choice| did(&choice, &flags_of(&docket, person))))
        }
        Ok(Err(VoteRefused::Desk(error))) => desk_problem(&visitor, &error),
        // Sent twice, it is said once.
        Ok(Err(VoteRefused::Refused(VoteRefusal::AlreadyVoted | VoteRefusal::Resolved(_))))
            if stands(&console, id, &fields).await =>
        {
            back(id, "")
        }
        Ok(Err(refused)) => explain(&console, &visitor, id, &refused, &fields).await,
        Err(_) => not_signed(&visitor, id, "try again in a moment"),
    }
}

/// Whether this very statement is a vote that stands.
async fn stands(console: &Console, id: EscalationId, fields: &Fields) -> bool {
    let Ok(docket) = console.desk.docket(id).await else { return false };
    let votes = docket.escalation.case().votes();
    votes.iter().any(|cast| fields.one("statement") == Some(&cast.statement.to_text()))
}

/// The statement with what the browser says of the passkey; it has to be this person's, about this proposal.
pub(super) fn signed_vote(
    visitor: &Visitor,
    id: EscalationId,
    fields: &Fields,
) -> Result<SignedVote, String> {
    let text = fields.one("statement").unwrap_or_default();
    let statement = Statement::from_bytes(text.as_bytes()).map_err(|error| error.to_string())?;
    if statement.reviewer != *visitor.reviewer.person() {
        return Err(VoteRefused::NotTheirs.to_string());
    }
    if statement.escalation != id {
        return Err(VoteRefusal::OtherEscalation.to_string());
    }
    let credential = fields.one("credential").unwrap_or_default();
    if credential.is_empty() {
        return Err("no passkey was used".to_owned());
    }
    let assertion = Assertion::from_browser(credential).map_err(|error| error.to_string())?;
    Ok(SignedVote { statement: text.to_owned(), signature: assertion.to_text() })
}

fn not_signed(visitor: &Visitor, id: EscalationId, why: &str) -> Response {
    let words = format!("Nothing is decided yet: {}.", visible(why));
    problem(visitor, StatusCode::BAD_REQUEST, "It was not signed", &words, &format!("/e/{id}"))
}

/// What was decided about is not what is there.
pub(super) fn stale(visitor: &Visitor, id: EscalationId) -> Response {
    let words = "Nothing is decided yet. What you saw is not what is there now: look at it again.";
    problem(visitor, StatusCode::CONFLICT, "This changed since you looked", words, &format!("/e/{id}"))
}

/// Says in plain words why a vote was refused, and what to do.
async fn explain(
    console: &Console,
    visitor: &Visitor,
    id: EscalationId,
    refused: &VoteRefused,
    fields: &Fields,
) -> Response {
    console.sidecar.metrics.vote_refused(refused.code());
    let words = match refused {
        VoteRefused::Desk(error) => return desk_problem(visitor, error),
        VoteRefused::Refused(
            VoteRefusal::OtherEscalation
            | VoteRefusal::OtherOperation
            | VoteRefusal::OtherRendering
            | VoteRefusal::OtherPolicy
            | VoteRefusal::Amended,
        ) => return stale(visitor, id),
        VoteRefused::Refused(refusal) => proposal::plain(*refusal),
        VoteRefused::Careless(flags) => careless(flags),
        VoteRefused::Vote(_) | VoteRefused::NotTheirs => {
            return not_signed(visitor, id, &refused.to_string());
        }
    };
    again(console, visitor, id, words, fields).await
}

/// What was missing, and what to do about it.
fn careless(flags: &[Flag]) -> String {
    let what: Vec<String> = flags.iter().map(ToString::to_string).collect();
    let evidence = flags.contains(&Flag::EvidenceNotOpened);
    let advice = if evidence { "Open the evidence, and vote again" } else { "Read it again, and vote again" };
    format!("Your vote does not count yet: {}. {advice}: the next one counts.", what.join("; "))
}

/// The proposal again, with what was typed.
async fn again(
    console: &Console,
    visitor: &Visitor,
    id: EscalationId,
    words: String,
    fields: &Fields,
) -> Response {
    let look = Look {
        whole: fields.one("whole").is_some(),
        intent: fields.one("choice").and_then(Intent::parse),
        typed: fields.one("reason").map(str::to_owned),
        note: Some(Note { tone: "bad", words }),
        ..Look::default()
    };
    let mut response = proposal::page(console, visitor, id, look).await;
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    response
}

async fn pass(State(console): State<Arc<Console>>, Path(id): Path<String>, posted: Posted) -> Response {
    let Posted { visitor, fields } = posted;
    let id = match id_of(&visitor, &id) {
        Ok(id) => id,
        Err(response) => return *response,
    };
    let Some(to) = fields.one("to").and_then(|to| PersonId::new(to).ok()) else {
        let words = "Nothing is changed: say to whom you pass it on.".to_owned();
        return again(&console, &visitor, id, words, &fields).await;
    };
    let (desk, reviewer, other) = (console.desk.clone(), visitor.reviewer.clone(), to.clone());
    let passed = tokio::spawn(async move { desk.pass_on(id, &reviewer, &other).await }).await;
    match passed {
        Ok(Ok(_)) => {
            tracing::info!(escalation = %id, from = %visitor.reviewer.person(), %to, "passed on");
            back(id, "pass")
        }
        Ok(Err(DeskError::Refused(error))) => {
            let words = match &error {
                TransitionError::NotEligible(_) => format!("{to} may not decide this. Choose somebody else."),
                TransitionError::NotTheRequester
                | TransitionError::NotApproved(_)
                | TransitionError::Over(_)
                | TransitionError::NotAmended
                | TransitionError::AmendedAlready
                | TransitionError::NoReviewDue
                | TransitionError::OwnEmergency
                | TransitionError::NotAsked
                | TransitionError::AskedBefore => format!("It was not passed on: {error}."),
            };
            again(&console, &visitor, id, words, &fields).await
        }
        Ok(Err(error)) => desk_problem(&visitor, &error),
        Err(_) => desk_problem(&visitor, &DeskError::Contended(id)),
    }
}

async fn review(State(console): State<Arc<Console>>, Path(id): Path<String>, posted: Posted) -> Response {
    let Posted { visitor, fields } = posted;
    let id = match id_of(&visitor, &id) {
        Ok(id) => id,
        Err(response) => return *response,
    };
    let (justified, note) = match (fields.one("justified"), reason_in(&fields)) {
        (Some("yes"), Ok(note)) => (true, note),
        (Some("no"), Ok(note)) => (false, note),
        (Some(_) | None, _) => {
            let words = "Nothing is recorded yet: say whether it was right, and why.".to_owned();
            return again(&console, &visitor, id, words, &fields).await;
        }
    };
    let (desk, reviewer) = (console.desk.clone(), visitor.reviewer.clone());
    let reviewed =
        tokio::spawn(async move { desk.review_emergency(id, &reviewer, justified, note.as_str()).await })
            .await;
    match reviewed {
        Ok(Ok(_)) => back(id, "review"),
        Ok(Err(error)) => desk_problem(&visitor, &error),
        Err(_) => desk_problem(&visitor, &DeskError::Contended(id)),
    }
}
