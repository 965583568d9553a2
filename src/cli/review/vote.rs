//! A reviewer's vote: read, confirmed, signed and cast.

use super::session::Desk;
use super::show::{rendering, show_words};
use crate::cli::connection::refused;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, visible};
use crate::cli::ssh::SigningKey;
use crate::client::{ClientError, Escalation, ReviewClient, Status};
use crate::condition::Condition;
use crate::digest::{OperationDigest, PolicyDigest};
use crate::entropy::{Entropy as _, SystemEntropy};
use crate::escalation::vote::{Choice, Nonce, Reason, Statement};
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
    pub(super) desk: Desk,
    /// The escalation's id
    pub(super) id: String,
    /// Your id in the roster
    #[arg(long = "as", env = "COUNTERSIGN_REVIEWER", value_name = "PERSON")]
    reviewer: String,
    /// Your private SSH key, or the public half of one that an agent or a security key holds; without it the vote is not
    /// signed, which is enough only where you are signed in and the rule asks for no more
    #[arg(long, env = "COUNTERSIGN_SSH_KEY", value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
    /// Why
    #[arg(long, short = 'm')]
    pub(super) reason: String,
    /// Vote without being asked to confirm (for when you have read `review show` before)
    #[arg(long)]
    pub(super) yes: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

impl Voting {
    /// Who votes.
    pub(super) fn person(&self) -> Result<PersonId, Failed> {
        PersonId::new(&self.reviewer)
            .map_err(|error| Failed::new(Exit::Usage, format!("`--as {}`: {error}", self.reviewer)))
    }

    /// The key that signs, if there is one.
    pub(super) fn signer(&self) -> Result<Option<SigningKey>, Failed> {
        self.key.as_deref().map(SigningKey::load).transpose()
    }
}

pub(super) async fn vote(voting: Voting, choice: Choice) -> Result<Exit, Failed> {
    let output = Output::new(voting.json);
    let reviewer = voting.person()?;
    let client = voting.desk.open().await?;
    // Only where it is put before somebody have they looked at it.
    let escalation = match voting.yes {
        true => client.show(&voting.id).await?,
        false => client.look_at(&voting.id).await?,
    };
    let rendering = rendering(&escalation)?;
    if !voting.yes {
        confirm(output, &escalation, &rendering, &choice)?;
    }
    let key = voting.signer()?;
    let done = match &choice {
        Choice::Approve(_) | Choice::Deny => "your vote is recorded",
        Choice::BreakGlass(_) => "your emergency approval is recorded",
        Choice::Withdraw => "your vote is withdrawn",
    };
    let voted = cast(&client, &escalation, reviewer, choice, &voting.reason, key.as_ref()).await?;
    tell(output, &voted, done);
    Ok(Exit::Success)
}

/// Says how an escalation stands after what was done.
pub(super) fn tell(output: Output, (status, approvals, reasons): &(Status, u32, Vec<String>), done: &str) {
    let document = || json!({ "status": status.as_str(), "approvals": approvals, "reasons": reasons });
    output.print(document, |output| {
        let tone = match status {
            Status::Approved | Status::Claimed => Tone::Good,
            Status::Pending => Tone::Wait,
            Status::Denied | Status::Expired | Status::Cancelled | Status::Blocked | Status::Lapsed => {
                Tone::Bad
            }
        };
        let mut text = format!("{done}; the escalation is {}", output.paint(tone, status.as_str()));
        for reason in reasons {
            text.push_str(&format!("\n  {}", visible(reason)));
        }
        text
    });
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
    key: Option<&SigningKey>,
) -> Result<(Status, u32, Vec<String>), Failed> {
    let rendering = rendering(escalation)?;
    let bytes = statement(escalation, &rendering, choice, reason, reviewer)?.to_bytes();
    let signature = signature(key, &bytes)?;
    client.vote(&escalation.summary.id, bytes, signature).await.map_err(not_counted)
}

/// The signature over a statement; nothing where there is no key.
pub(super) fn signature(key: Option<&SigningKey>, statement: &[u8]) -> Result<String, Failed> {
    key.map(|key| key.sign(VOTE_NAMESPACE, statement)).transpose().map(Option::unwrap_or_default)
}

/// What the desk refuses is denied, and no wrong usage.
pub(super) fn not_counted(error: ClientError) -> Failed {
    let careless =
        matches!(&error, ClientError::Refused { .. } if error.to_string().contains("(vote.careless)"));
    let failed = refused(error);
    let failed =
        Failed { exit: if failed.exit == Exit::Usage { Exit::Denied } else { failed.exit }, ..failed };
    match careless {
        true => failed.advise(
            "countersign review show ID (while you are signed in, so that the desk knows), then vote",
        ),
        false => failed,
    }
}

fn statement(
    escalation: &Escalation,
    rendering: &Rendering,
    choice: Choice,
    reason: &str,
    reviewer: PersonId,
) -> Result<Statement, Failed> {
    let unclear = || Failed::new(Exit::Undetermined, "the service's answer has ids that cannot be read");
    // `rendering` has seen to it that this is the digest of what was shown, as far as it can be told.
    let operation = OperationDigest::parse(&escalation.operation_digest).ok_or_else(unclear)?;
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

/// Nobody can be asked where there is no terminal.
pub(super) fn needs_terminal(output: Output) -> Result<(), Failed> {
    match std::io::stdin().is_terminal() && !output.json() {
        true => Ok(()),
        false => {
            Err(Failed::new(Exit::Usage, "there is no terminal to confirm on")
                .advise("read it, then add --yes"))
        }
    }
}

/// Whether whoever sits before the terminal says yes.
pub(super) fn agreed() -> Result<(), Failed> {
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(Failed::plain)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failed::new(Exit::Pending, "you did not vote")),
    }
}

fn confirm(
    output: Output,
    escalation: &Escalation,
    rendering: &Rendering,
    choice: &Choice,
) -> Result<(), Failed> {
    needs_terminal(output)?;
    output.line(show_words(output, escalation, rendering));
    let conditions: Vec<String> = choice.conditions().iter().map(Condition::describe).collect();
    let with =
        if conditions.is_empty() { String::new() } else { format!(" if {}", conditions.join(" and ")) };
    drop(write!(std::io::stdout(), "\n{} this{with}? [y/N] ", choice.as_str()));
    drop(std::io::stdout().flush());
    agreed()
}
