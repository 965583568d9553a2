//! A reviewer's vote: read, confirmed, signed and cast.

use super::session::Desk;
use super::show::{rendering, show_words};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, visible};
use crate::cli::ssh::SigningKey;
use crate::client::{Escalation, ReviewClient, Status};
use crate::condition::Condition;
use crate::digest::PolicyDigest;
use crate::entropy::{Entropy as _, SystemEntropy};
use crate::escalation::vote::{Choice, Nonce, Reason, Statement};
use crate::operation::Operation;
use crate::operation::render::Rendering;
use crate::party::{EscalationId, PersonId};
use crate::presence::ssh::VOTE_NAMESPACE;
use serde_json::json;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

/// Who votes, on what, and why.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Voting {
    #[command(flatten)]
    desk: Desk,
    /// The escalation's id
    id: String,
    /// Your id in the roster
    #[arg(long = "as", env = "COUNTERSIGN_REVIEWER", value_name = "PERSON")]
    reviewer: String,
    /// Your private SSH key, or the public half of one that an agent or a security key holds
    #[arg(long, env = "COUNTERSIGN_SSH_KEY", value_name = "FILE")]
    key: PathBuf,
    /// Why
    #[arg(long, short = 'm')]
    reason: String,
    /// Vote without being asked to confirm (for when you have read `review show` before)
    #[arg(long)]
    yes: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) async fn vote(voting: Voting, choice: Choice) -> Result<Exit, Failed> {
    let output = Output::new(voting.json);
    let reviewer = PersonId::new(&voting.reviewer)
        .map_err(|error| Failed::new(Exit::Usage, format!("`--as {}`: {error}", voting.reviewer)))?;
    let client = voting.desk.open().await?;
    let escalation = client.show(&voting.id).await?;
    let rendering = rendering(&escalation)?;
    if !voting.yes {
        confirm(output, &escalation, &rendering, &choice)?;
    }
    let key = SigningKey::load(&voting.key)?;
    let (status, approvals, reasons) =
        cast(&client, &escalation, reviewer, choice, &voting.reason, &key).await?;
    let document = || json!({ "status": status.as_str(), "approvals": approvals, "reasons": reasons });
    output.print(document, |output| {
        let tone = match status {
            Status::Approved | Status::Claimed => Tone::Good,
            Status::Pending => Tone::Wait,
            Status::Denied | Status::Expired | Status::Cancelled | Status::Blocked | Status::Lapsed => {
                Tone::Bad
            }
        };
        let mut text =
            format!("your vote is recorded; the escalation is {}", output.paint(tone, status.as_str()));
        for reason in &reasons {
            text.push_str(&format!("\n  {}", visible(reason)));
        }
        text
    });
    Ok(Exit::Success)
}

/// Makes a reviewer's statement on an escalation as this program sees it, signs it and casts it.
///
/// # Errors
/// [`Failed`] if the service's answer is not consistent, the key does not sign, or the vote does not count.
pub(in crate::cli) async fn cast(
    client: &ReviewClient,
    escalation: &Escalation,
    reviewer: PersonId,
    choice: Choice,
    reason: &str,
    key: &SigningKey,
) -> Result<(Status, u32, Vec<String>), Failed> {
    let rendering = rendering(escalation)?;
    let bytes = statement(escalation, &rendering, choice, reason, reviewer)?.to_bytes();
    let signature = key.sign(VOTE_NAMESPACE, &bytes)?;
    client.vote(&escalation.summary.id, bytes, signature).await.map_err(|error| {
        let failed = Failed::from(error);
        Failed { exit: if failed.exit == Exit::Usage { Exit::Denied } else { failed.exit }, ..failed }
    })
}

fn statement(
    escalation: &Escalation,
    rendering: &Rendering,
    choice: Choice,
    reason: &str,
    reviewer: PersonId,
) -> Result<Statement, Failed> {
    let unclear = || Failed::new(Exit::Undetermined, "the service's answer has ids that cannot be read");
    let operation = Operation::from_op_bytes(&escalation.op_bytes).map_err(|_| unclear())?.digest();
    let nonce = SystemEntropy.bits128().map_err(Failed::plain)?;
    Ok(Statement {
        escalation: EscalationId::parse(&escalation.summary.id).ok_or_else(unclear)?,
        operation,
        shown: rendering.digest,
        policy: PolicyDigest::parse(&escalation.policy_digest).ok_or_else(unclear)?,
        choice,
        reason: Reason::new(reason).map_err(|error| Failed::new(Exit::Usage, error))?,
        reviewer,
        time: crate::cli::now(),
        nonce: Nonce::from_random(nonce),
    })
}

fn confirm(
    output: Output,
    escalation: &Escalation,
    rendering: &Rendering,
    choice: &Choice,
) -> Result<(), Failed> {
    if !std::io::stdin().is_terminal() || output.json() {
        return Err(
            Failed::new(Exit::Usage, "there is no terminal to confirm on").advise("read it, then add --yes")
        );
    }
    output.line(show_words(output, escalation, rendering));
    let conditions: Vec<String> = choice.conditions().iter().map(Condition::describe).collect();
    let with =
        if conditions.is_empty() { String::new() } else { format!(" if {}", conditions.join(" and ")) };
    drop(write!(std::io::stdout(), "\n{} this{with}? [y/N] ", choice.as_str()));
    drop(std::io::stdout().flush());
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(Failed::plain)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failed::new(Exit::Pending, "you did not vote")),
    }
}
