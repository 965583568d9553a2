//! The operators' forms: suspending, in two steps, and lifting.

use super::{Form, page};
use crate::console::page::{Page, Place, show};
use crate::console::visitor::{Posted, Visitor};
use crate::console::{Console, clock, filters, sorry};
use crate::party::SuspensionId;
use crate::sidecar::brake::{BrakeError, Living, Order, OrderError, Which, Written};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use std::sync::Arc;

const OPERATORS_ONLY: &str = "only operators suspend agents and lift suspensions";

#[derive(Template)]
#[template(path = "suspend.html")]
struct Confirm {
    page: Page,
    form: Form,
    /// What is stopped, in words.
    scope: String,
    until: Option<String>,
    /// How many living tokens it covers; nothing if there are too many to tell.
    tokens: Option<usize>,
}

/// First says what it would do; once that is confirmed, does it.
pub(super) async fn suspend(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    let Some(by) = posted.visitor.operator.clone() else {
        return sorry::not_yours(&posted.visitor, OPERATORS_ONLY);
    };
    let text = |name: &str| posted.fields.one(name).unwrap_or_default().trim().to_owned();
    let form = Form {
        agent: text("agent"),
        action: text("action"),
        everything: posted.fields.one("everything").is_some(),
        reason: text("reason"),
        until: text("until"),
    };
    let order = match order(&console, &posted.visitor, &form, by) {
        Ok(order) => order,
        Err(problem) => {
            let again = page(&console, &posted.visitor, None, Some(problem), form).await;
            return (StatusCode::UNPROCESSABLE_ENTITY, again).into_response();
        }
    };
    if posted.fields.one("confirmed").is_none() {
        return confirm(&console, &posted.visitor, form, order).await;
    }
    match console.brake.suspend(order).await {
        Ok(ordered) => {
            let tokens = match ordered.tokens {
                Living::Revoked(tokens) => tokens.to_string(),
                Living::AllRevoked => "all".to_owned(),
                Living::NotRevoked(_) => "not".to_owned(),
            };
            Redirect::to(&format!("/agents?done=suspended&tokens={tokens}")).into_response()
        }
        Err(error) => refused(&posted.visitor, &error),
    }
}

/// Lifts a suspension.
pub(super) async fn lift(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    let Some(by) = posted.visitor.operator.clone() else {
        return sorry::not_yours(&posted.visitor, OPERATORS_ONLY);
    };
    let Some(id) = posted.fields.one("id").and_then(SuspensionId::parse) else {
        return sorry::nothing_here(&posted.visitor, "there is no such suspension");
    };
    match console.brake.resume(Which::One(id), by).await {
        Ok(_) => Redirect::to("/agents?done=lifted").into_response(),
        Err(error) => refused(&posted.visitor, &error),
    }
}

async fn confirm(console: &Arc<Console>, visitor: &Visitor, form: Form, order: Order) -> Response {
    let scope = order.scope();
    let tokens = match console.brake.would_cover(order).await {
        Ok(tokens) => tokens,
        Err(error) => return sorry::failed(visitor, &error),
    };
    let wall = clock(console, visitor);
    let until = wall.read(&form.until).map(|until| wall.shows(until));
    let page = Page::new("Suspend", Place::Agents, visitor);
    show(&Confirm { page, form, scope, until, tokens })
}

/// What the form orders; or what is wrong with it, in words.
fn order(console: &Console, visitor: &Visitor, form: &Form, by: String) -> Result<Order, String> {
    let now = console.desk.now();
    let lasts = match form.until.as_str() {
        "" => None,
        text => {
            let until = clock(console, visitor).read(text).ok_or("`Until` is not a date with a time")?;
            if until <= now {
                return Err("`Until` is over already".to_owned());
            }
            Some(until.since(now))
        }
    };
    if form.reason.is_empty() {
        return Err("say why".to_owned());
    }
    let Form { agent, action, everything, reason, .. } = form;
    let written = Written { agent, action, everything: *everything, reason, lasts };
    Order::read(written, by).map_err(|error| match error {
        OrderError::Nothing => "say which agent or which action, or that you mean everything".to_owned(),
        OrderError::Both => "`everything` goes without an agent and an action".to_owned(),
        OrderError::Characters(_) | OrderError::Long(_) | OrderError::Reason(_) | OrderError::TooLong => {
            error.to_string()
        }
    })
}

fn refused(visitor: &Visitor, error: &BrakeError) -> Response {
    match error {
        BrakeError::Unknown(_) => sorry::nothing_here(visitor, error),
        BrakeError::TooMany => sorry::sorry(visitor, StatusCode::CONFLICT, "Not suspended", error),
        BrakeError::NoEntropy | BrakeError::Store(_) | BrakeError::Stopping => sorry::failed(visitor, error),
    }
}
