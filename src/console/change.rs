//! A change: another operation in the place of the one that was asked for, looked at before it is proposed.

mod written;

use super::Console;
use super::page::{Page, Place, show};
use super::problem::{desk_problem, problem};
use super::proposal::{difference_line, id_of, plain};
use super::visitor::{Fields, Posted, Visitor};
use super::vote::{back, confirm, reason_in, signed_vote};
use crate::decision::Outcome;
use crate::desk::{Desk as _, DeskError, VoteRefused, attested};
use crate::escalation::vote::{Choice, Conditions, Nonce, Statement};
use crate::escalation::{Amendment, Ballot, TransitionError};
use crate::operation::Operation;
use crate::operation::render::visible;
use crate::party::EscalationId;
use crate::sidecar::{AmendmentDraft, SidecarError};
use crate::token::Assurance;
use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use std::sync::Arc;
use written::{Body, Written};

/// `/e/{id}/change`, `/e/{id}/change/signed`
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/e/{id}/change", get(begin).post(draft)).route("/e/{id}/change/signed", post(signed))
}

#[derive(Template)]
#[template(path = "change.html")]
struct ChangePage {
    page: Page,
    id: String,
    action: String,
    written: Written,
    /// What is wrong with it.
    wrong: Vec<String>,
    reason: String,
    preview: Option<Preview>,
    signed: bool,
}

impl ChangePage {
    fn parameters(&self) -> Option<&str> {
        match &self.written.body {
            Body::Parameters(text) => Some(text),
            Body::Payload(_) => None,
        }
    }

    fn payload(&self) -> Option<&str> {
        match &self.written.body {
            Body::Payload(text) => Some(text),
            Body::Parameters(_) => None,
        }
    }
}

/// A change as it is looked at before it is proposed.
struct Preview {
    shown: String,
    policy: String,
    /// What the policy says, in a sentence and then with its reasons.
    verdict: &'static str,
    reasons: Vec<String>,
    lines: Vec<(&'static str, String)>,
}

/// A request that whoever looks may change.
struct Changeable {
    id: EscalationId,
    operation: Operation,
    signed: bool,
}

/// The request, if whoever looks may change it; a page that says why not.
async fn changeable(console: &Console, visitor: &Visitor, id: &str) -> Result<Changeable, Box<Response>> {
    let id = id_of(visitor, id)?;
    let docket = console.desk.docket(id).await.map_err(|error| Box::new(desk_problem(visitor, &error)))?;
    let refuse = |words: &str| {
        let title = "It can't be changed";
        Box::new(problem(visitor, StatusCode::CONFLICT, title, words, &format!("/e/{id}")))
    };
    let voter = console.desk.voter(&docket, visitor.reviewer.person());
    let least = voter.approve.map_err(|refusal| refuse(&plain(refusal)))?;
    if voter.said.is_some() {
        return Err(refuse("You have voted on it. Take your vote back first."));
    }
    if docket.decided.shown.is_some() {
        return Err(refuse("It has secret values, which nobody can review. Deny it, and say why."));
    }
    let operation = Operation::from_op_bytes(docket.decided.op.as_bytes());
    let operation = operation.map_err(|error| refuse(&error.to_string()))?;
    Ok(Changeable { id, operation, signed: least == Assurance::Signed })
}

impl Changeable {
    fn page(&self, visitor: &Visitor, written: Written) -> ChangePage {
        ChangePage {
            page: Page::new("Propose a change", Place::Queue, visitor),
            id: self.id.to_string(),
            action: visible(self.operation.action()),
            written,
            wrong: Vec::new(),
            reason: String::new(),
            preview: None,
            signed: self.signed,
        }
    }
}

async fn begin(State(console): State<Arc<Console>>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let changeable = match changeable(&console, &visitor, &id).await {
        Ok(changeable) => changeable,
        Err(response) => return *response,
    };
    let payload = match console.desk.show(changeable.id).await {
        Ok(view) => view.payload,
        Err(error) => return desk_problem(&visitor, &error),
    };
    match Written::of(&changeable.operation, &payload) {
        Some(written) => show(&changeable.page(&visitor, written)),
        None => {
            let words =
                "Its payload is no text that a page could carry unchanged. Use `countersign review change`.";
            let back = format!("/e/{}", changeable.id);
            problem(&visitor, StatusCode::CONFLICT, "It can't be changed here", words, &back)
        }
    }
}

/// What the form says.
fn written(fields: &Fields) -> Written {
    let text = |name: &str| fields.one(name).unwrap_or_default().replace("\r\n", "\n");
    let body = match fields.all("payload").next() {
        Some(_) => Body::Payload(text("payload")),
        None => Body::Parameters(text("parameters")),
    };
    Written { resource: fields.one("resource").unwrap_or_default().to_owned(), body }
}

async fn draft(State(console): State<Arc<Console>>, Path(id): Path<String>, posted: Posted) -> Response {
    let Posted { visitor, fields } = posted;
    let changeable = match changeable(&console, &visitor, &id).await {
        Ok(changeable) => changeable,
        Err(response) => return *response,
    };
    let written = written(&fields);
    let mut page = changeable.page(&visitor, written.clone());
    page.reason = fields.one("reason").unwrap_or_default().to_owned();
    let wrong = |mut page: ChangePage, wrong: Vec<String>| {
        page.wrong = wrong.iter().map(|words| visible(words)).collect();
        let mut response = show(&page);
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        response
    };
    let (operation, payload) = match written.read(changeable.operation.action()) {
        Ok(read) => read,
        Err(why) => return wrong(page, vec![why]),
    };
    let drafted = console.sidecar.draft_amendment(changeable.id, operation, payload.clone()).await;
    let draft = match drafted {
        Ok(draft) => draft,
        Err(SidecarError::NotAmendable(why)) => return wrong(page, why),
        Err(error) => return failed(&visitor, changeable.id, &error),
    };
    let preview = preview(&draft);
    let looked_at =
        fields.one("shown") == Some(&preview.shown) && fields.one("policy") == Some(&preview.policy);
    page.preview = Some(preview);
    if fields.one("step") != Some("propose") {
        return show(&page);
    }
    if !looked_at {
        return wrong(
            page,
            vec!["this is not what you looked at: look at it again, and propose it then".to_owned()],
        );
    }
    let reason = match reason_in(&fields) {
        Ok(reason) => reason,
        Err(error) => return wrong(page, vec![error.to_string()]),
    };
    let Ok(nonce) = console.sidecar.entropy.bits128() else {
        return wrong(page, vec!["try again in a moment".to_owned()]);
    };
    let statement = Statement {
        escalation: draft.successor,
        operation: draft.operation.digest(),
        shown: draft.rendering.digest,
        policy: draft.decision.policy,
        choice: Choice::Approve(Conditions::default()),
        reason,
        reviewer: visitor.reviewer.person().clone(),
        time: console.desk.now(),
        nonce: Nonce::from_random(nonce),
    };
    if changeable.signed || fields.one("sign").is_some() {
        return sign(&console, &visitor, changeable.id, &statement, written);
    }
    match attested(statement, &visitor.reviewer) {
        Ok(ballot) => propose(&console, &visitor, changeable.id, draft.operation, payload, ballot).await,
        Err(refused) => refuse(&visitor, changeable.id, &refused),
    }
}

fn preview(draft: &AmendmentDraft) -> Preview {
    let verdict = match draft.decision.outcome {
        Outcome::Allow { .. } => "The policy allows it: once the agent takes it, it runs.",
        Outcome::Deny => "The policy denies it.",
        Outcome::Escalate(_) => "People have to agree to it, too. Your vote counts as the first.",
    };
    Preview {
        shown: draft.rendering.digest.to_string(),
        policy: draft.decision.policy.to_string(),
        verdict,
        reasons: draft.decision.reasons.iter().map(|reason| visible(reason)).collect(),
        lines: draft.difference.iter().map(difference_line).collect(),
    }
}

/// The page on which the vote for the change is signed; what is proposed goes along.
fn sign(
    console: &Console,
    visitor: &Visitor,
    id: EscalationId,
    statement: &Statement,
    written: Written,
) -> Response {
    let body = match written.body {
        Body::Parameters(text) => ("parameters".to_owned(), text),
        Body::Payload(text) => ("payload".to_owned(), text),
    };
    let carried = vec![("resource".to_owned(), written.resource), body];
    let ways = (format!("/e/{id}/change/signed"), format!("/e/{id}/change"));
    let command =
        format!("countersign review change {id} --as {} -m … --parameters @FILE", statement.reviewer);
    confirm::carrying(console, visitor, statement, ways, command, carried)
}

async fn signed(State(console): State<Arc<Console>>, Path(id): Path<String>, posted: Posted) -> Response {
    let Posted { visitor, fields } = posted;
    let changeable = match changeable(&console, &visitor, &id).await {
        Ok(changeable) => changeable,
        Err(response) => return *response,
    };
    let id = changeable.id;
    let (operation, payload) = match written(&fields).read(changeable.operation.action()) {
        Ok(read) => read,
        Err(why) => return refused(&visitor, id, &why),
    };
    let successor = Amendment::successor_of(id, operation.digest());
    let ballot = match signed_vote(&visitor, successor, &fields) {
        Ok(vote) => console.desk.signed_ballot(&vote),
        Err(why) => return refused(&visitor, id, &why),
    };
    match ballot {
        Ok(ballot) => propose(&console, &visitor, id, operation, payload, ballot).await,
        Err(error) => refuse(&visitor, id, &error),
    }
}

async fn propose(
    console: &Arc<Console>,
    visitor: &Visitor,
    id: EscalationId,
    operation: Operation,
    payload: Option<Vec<u8>>,
    ballot: Ballot,
) -> Response {
    let sidecar = console.sidecar.clone();
    let amend = async move { sidecar.amend(id, &operation, payload, &ballot).await };
    // To its end, whether or not somebody waits for the answer.
    match tokio::spawn(amend).await {
        Ok(Ok(_)) => {
            tracing::info!(escalation = %id, person = %visitor.reviewer.person(), "a changed operation was proposed");
            back(id, "change")
        }
        Ok(Err(error)) => failed(visitor, id, &error),
        Err(_) => desk_problem(visitor, &DeskError::Contended(id)),
    }
}

fn refuse(visitor: &Visitor, id: EscalationId, refused: &VoteRefused) -> Response {
    self::refused(visitor, id, &refused.to_string())
}

fn refused(visitor: &Visitor, id: EscalationId, why: &str) -> Response {
    let words = format!("Nothing is proposed: {}.", visible(why));
    problem(visitor, StatusCode::CONFLICT, "It was not proposed", &words, &format!("/e/{id}"))
}

fn failed(visitor: &Visitor, id: EscalationId, error: &SidecarError) -> Response {
    if let SidecarError::Desk(DeskError::Refused(TransitionError::NotEligible(refusal))) = error {
        return refused(visitor, id, &plain(*refusal));
    }
    if let SidecarError::Desk(error) = error {
        return desk_problem(visitor, error);
    }
    refused(visitor, id, &error.to_string())
}
