//! The policy: the one in force, its files, what is doubtful about it, and a draft tried on the record.

mod tried;

use super::Console;
use super::filters;
use super::page::{Page, Place, show};
use super::visitor::{Posted, Visitor};
use crate::policy::{Finding, Severity};
use crate::sidecar::previews::NotTried;
use crate::sidecar::reload::{Changes, Outcome as Looked};
use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use std::sync::Arc;
use tried::Shown;

/// Beside the page where drafts are written.
const SCRIPTS: &[&str] = &["draft.js"];

/// `/policy`, and the forms to look at the files and to try a draft.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/policy", get(policy))
        .route("/policy/reload", post(reload))
        .route("/policy/draft", get(draft).post(preview))
}

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    page: Page,
    operator: bool,
    auditor: bool,
    done: Option<&'static str>,
    facts: Vec<(&'static str, String)>,
    trouble: Option<String>,
    /// The escalations that changed files wait for.
    waiting: Vec<String>,
    findings: Vec<Remark>,
    lines: Vec<String>,
}

#[derive(Template)]
#[template(path = "draft.html")]
struct Draft {
    page: Page,
    text: String,
    problem: Option<String>,
    tried: Option<Shown>,
}

/// Something that a reader of a policy should know.
struct Remark {
    severity: &'static str,
    tone: &'static str,
    line: usize,
    words: String,
    hint: Option<String>,
}

impl From<&Finding> for Remark {
    fn from(finding: &Finding) -> Self {
        Self {
            severity: finding.severity.as_str(),
            tone: match finding.severity {
                Severity::Error => "bad",
                Severity::Warning => "warn",
                Severity::Note => "quiet",
            },
            line: finding.what.at.line,
            words: finding.what.problem.to_string(),
            hint: finding.what.problem.hint(),
        }
    }
}

#[derive(Deserialize)]
struct Outcome {
    done: Option<String>,
}

async fn policy(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(outcome): Query<Outcome>,
) -> Response {
    let done = match outcome.done.as_deref() {
        Some("unchanged") => Some("The files are what is in force."),
        Some("taken") => Some("The changed files are in force now."),
        Some("waiting") => Some("The changed files wait for people to agree."),
        Some("refused") => Some("The files are not taken; below is why."),
        Some("unsettled") => Some("The files are being written; look again in a moment."),
        Some(_) | None => None,
    };
    let (in_force, files) = (console.sidecar.in_force.load_full(), console.reloader.status());
    let wall = super::clock(&console, &visitor);
    let checked = in_force.clone();
    let findings = tokio::task::spawn_blocking(move || checked.policy.findings(Some(&checked.directory)));
    let findings = match findings.await {
        Ok(findings) => findings,
        Err(error) => return super::sorry::failed(&visitor, &error),
    };
    let same = |file: bool| if file { "the same as in force" } else { "another, or it cannot be read" };
    let facts = vec![
        ("Name", in_force.policy.name().to_owned()),
        ("Digest", in_force.policy.digest().to_string()),
        ("In force since", wall.shows(in_force.since)),
        ("Its file", same(files.policy_file == Some(in_force.policy.digest())).to_owned()),
        ("The roster", in_force.roster.to_string()),
        ("Its file", same(files.roster_file == Some(in_force.roster)).to_owned()),
        (
            "Changes",
            match console.reloader.changes() {
                Changes::Free => "come into force as soon as their files are sound",
                Changes::Approved => "wait for people to agree",
            }
            .to_owned(),
        ),
    ];
    show(&PolicyPage {
        page: Page::new("Policy", Place::Policy, &visitor),
        operator: visitor.operator.is_some(),
        auditor: visitor.auditor,
        done,
        facts,
        trouble: files.trouble.as_ref().map(|(what, at)| format!("{} ({})", what, wall.shows(*at))),
        waiting: files.waiting.iter().map(ToString::to_string).collect(),
        findings: findings.iter().map(Remark::from).collect(),
        lines: in_force.policy.text().lines().map(str::to_owned).collect(),
    })
}

/// Looks at the files at once.
async fn reload(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    let Some(by) = posted.visitor.operator.clone() else {
        return super::sorry::not_yours(&posted.visitor, "only operators have the files looked at");
    };
    let reloader = console.reloader.clone();
    // Carried out to its end, whether or not the browser stays to hear of it.
    let looked = match tokio::spawn(async move { reloader.look_at_once().await }).await {
        Ok(looked) => looked,
        Err(error) => return super::sorry::failed(&posted.visitor, &error),
    };
    tracing::info!(%by, ?looked, "the policy and the roster were looked at");
    let done = match looked {
        Looked::Unchanged => "unchanged",
        Looked::Taken => "taken",
        Looked::Waiting => "waiting",
        Looked::Refused => "refused",
        Looked::Unsettled => "unsettled",
    };
    Redirect::to(&format!("/policy?done={done}")).into_response()
}

const READERS_ONLY: &str = "a draft is tried on the whole record, which is for operators and auditors";

/// Where a draft is written: it begins as what is in force.
async fn draft(State(console): State<Arc<Console>>, visitor: Visitor) -> Response {
    if !visitor.auditor {
        return super::sorry::not_yours(&visitor, READERS_ONLY);
    }
    let text = console.sidecar.in_force.load().policy.text().to_owned();
    let page = Page::new("Draft", Place::Policy, &visitor).with(SCRIPTS);
    show(&Draft { page, text, problem: None, tried: None })
}

/// What a draft would have done.
async fn preview(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    if !posted.visitor.auditor {
        return super::sorry::not_yours(&posted.visitor, READERS_ONLY);
    }
    // A browser sends line ends as two characters.
    let text = posted.fields.one("draft").unwrap_or_default().replace("\r\n", "\n");
    let tried = console.previews.try_out(text.clone(), posted.visitor.reviewer.person()).await;
    let wall = super::clock(&console, &posted.visitor);
    let (status, problem, tried) = match tried {
        Ok(tried) => (StatusCode::OK, None, Some(Shown::of(&tried, &wall))),
        Err(NotTried::Wrong(error)) => (StatusCode::UNPROCESSABLE_ENTITY, Some(error.to_string()), None),
        Err(error @ NotTried::Busy) => (StatusCode::CONFLICT, Some(error.to_string()), None),
        Err(NotTried::Store(error)) => return super::sorry::failed(&posted.visitor, &error),
    };
    let page = Page::new("Draft", Place::Policy, &posted.visitor).with(SCRIPTS);
    (status, show(&Draft { page, text, problem, tried })).into_response()
}
