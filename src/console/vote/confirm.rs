//! Signing: what somebody is about to sign, in words, and the passkey that signs it.

use crate::condition::Condition;
use crate::console::Console;
use crate::console::page::{Page, Place, show};
use crate::console::passkeys::{SCRIPT, get_options};
use crate::console::visitor::Visitor;
use crate::escalation::vote::{Choice, Statement};
use crate::operation::render::visible;
use crate::presence::passkey::Challenge;
use askama::Template;
use axum::response::Response;

#[derive(Template)]
#[template(path = "confirm.html")]
struct Confirm {
    page: Page,
    /// Where the signed vote is sent, and where one goes back to.
    action: String,
    back: String,
    says: &'static str,
    request: String,
    reason: String,
    conditions: Vec<String>,
    operation: String,
    shown: String,
    /// What is signed, byte for byte.
    statement: String,
    /// What the browser is asked for; nothing where they have no passkey.
    options: Option<String>,
    /// How the same is said at a terminal.
    command: String,
    /// What goes along: a changed operation.
    carried: Vec<(String, String)>,
}

/// The page on which a vote is signed.
pub(super) fn page(console: &Console, visitor: &Visitor, statement: &Statement) -> Response {
    let id = statement.escalation;
    let command = command(statement);
    carrying(
        console,
        visitor,
        statement,
        (format!("/e/{id}/signed"), format!("/e/{id}")),
        command,
        Vec::new(),
    )
}

/// The same, for a vote to which something belongs that goes along.
pub(in crate::console) fn carrying(
    console: &Console,
    visitor: &Visitor,
    statement: &Statement,
    (action, back): (String, String),
    command: String,
    carried: Vec<(String, String)>,
) -> Response {
    let directory = console.desk.directory();
    let person = directory.person(visitor.reviewer.person());
    let passkeys = person.map(|person| person.passkeys.as_slice()).unwrap_or_default();
    let text = statement.to_text();
    let challenge = Challenge::of_vote(text.as_bytes());
    let party = directory.relying_party().filter(|_| !passkeys.is_empty());
    let says = match &statement.choice {
        Choice::Approve(_) => "You approve it",
        Choice::BreakGlass(_) => "You approve it in an emergency",
        Choice::Deny => "You deny it",
        Choice::Withdraw => "You take your vote back",
    };
    show(&Confirm {
        page: Page::new("Sign your vote", Place::Queue, visitor).with(&[SCRIPT]),
        action,
        back,
        says,
        request: statement.escalation.to_string(),
        reason: visible(statement.reason.as_str()),
        conditions: statement.choice.conditions().iter().map(|one| visible(&one.describe())).collect(),
        operation: statement.operation.to_string(),
        shown: statement.shown.to_string(),
        statement: text,
        options: party.map(|party| get_options(&challenge, party, passkeys.iter().map(|key| &key.id))),
        command,
        carried,
    })
}

/// How the same is said at a terminal.
fn command(statement: &Statement) -> String {
    let verb = match &statement.choice {
        Choice::Approve(_) => "approve",
        Choice::BreakGlass(_) => "break-glass",
        Choice::Deny => "deny",
        Choice::Withdraw => "withdraw",
    };
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let conditions = statement.choice.conditions().iter().map(Condition::to_short);
    let conditions: String = conditions.map(|one| format!(" --condition {}", quoted(&one))).collect();
    let (id, reason) = (statement.escalation, quoted(&visible(statement.reason.as_str())));
    format!("countersign review {verb} {id} --as {} -m {reason}{conditions}", statement.reviewer)
}
