//! A reviewer's change: another operation in the place of the one that was asked for.

use super::vote::{Voting, agreed, needs_terminal, not_counted, signature, tell};
use crate::cli::authorize::{difference_words, read_parameters};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, visible};
use crate::client::{Change, Draft};
use crate::condition::Condition;
use crate::digest::{PolicyDigest, RenderingDigest};
use crate::entropy::{Entropy as _, SystemEntropy};
use crate::escalation::vote::{Choice, Conditions, Nonce, Reason, Statement};
use crate::operation::Operation;
use crate::operation::render::render;
use crate::party::EscalationId;
use std::io::Write as _;
use std::path::PathBuf;

/// What is to be done instead.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Changing {
    #[command(flatten)]
    voting: Voting,
    /// Another action; the same if nothing is said
    #[arg(long)]
    action: Option<String>,
    /// Another resource; the same if nothing is said
    #[arg(long)]
    resource: Option<String>,
    /// The changed parameters, a JSON object; @FILE reads them from a file, - from standard input
    #[arg(long, value_name = "JSON", required_unless_present = "payload")]
    parameters: Option<String>,
    /// A file with the changed payload, instead of parameters
    #[arg(long, value_name = "FILE", conflicts_with = "parameters")]
    payload: Option<PathBuf>,
    /// A condition that must hold when it is executed, as in canary:max_percent=10 (may be repeated)
    #[arg(long = "condition", value_name = "CONDITION")]
    conditions: Vec<String>,
}

/// Proposes the changed operation with the reviewer's vote for it.
///
/// # Errors
/// [`Failed`] if the policy denies it, the desk's answer is not consistent, or the vote does not count.
pub(super) async fn change(changing: Changing) -> Result<Exit, Failed> {
    let Changing { voting, action, resource, parameters, payload, conditions } = changing;
    let output = Output::new(voting.json);
    let reviewer = voting.person()?;
    let conditions = conditions_of(&conditions)?;
    let client = voting.desk.open().await?;
    let asked = client.show(&voting.id).await?;
    let read = |path: PathBuf| {
        std::fs::read(&path)
            .map_err(|error| Failed::new(Exit::Usage, format!("cannot read `{}`: {error}", path.display())))
    };
    let change = Change {
        action: action.unwrap_or(asked.summary.action),
        resource: resource.unwrap_or(asked.summary.resource),
        parameters: parameters.as_deref().map(read_parameters).transpose()?,
        payload: payload.map(read).transpose()?,
    };
    let meant = meant(&change)?;
    let draft = client.draft_change(&voting.id, change.clone()).await.map_err(not_counted)?;
    let shown = check(&draft, &meant, change.payload.as_deref())?;
    if !voting.yes {
        needs_terminal(output)?;
        output.line(words(output, &draft));
        drop(write!(std::io::stdout(), "\npropose this instead? [y/N] "));
        drop(std::io::stdout().flush());
        agreed()?;
    }
    let unclear = || Failed::new(Exit::Undetermined, "the service's answer has ids that cannot be read");
    let statement = Statement {
        escalation: EscalationId::parse(&draft.successor).ok_or_else(unclear)?,
        operation: meant.digest(),
        shown,
        policy: PolicyDigest::parse(&draft.policy_digest).ok_or_else(unclear)?,
        choice: Choice::Approve(conditions),
        reason: Reason::new(&voting.reason).map_err(|error| Failed::new(Exit::Usage, error))?,
        reviewer,
        time: crate::cli::now(),
        nonce: Nonce::from_random(SystemEntropy.bits128().map_err(Failed::plain)?),
    };
    let bytes = statement.to_bytes();
    let signature = signature(voting.signer()?.as_ref(), &bytes)?;
    let voted = client.propose_change(&voting.id, change, bytes, signature).await.map_err(not_counted)?;
    tell(output, &voted, "your change is proposed");
    Ok(Exit::Success)
}

/// Conditions as they are written on the command line.
pub(super) fn conditions_of(conditions: &[String]) -> Result<Conditions, Failed> {
    let read = |text: &String| {
        let wrong = |error| Failed::new(Exit::Usage, format!("condition `{text}`: {error}"));
        Condition::parse_short(text).map_err(wrong)
    };
    let conditions = conditions.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Conditions::new(&conditions).map_err(|error| Failed::new(Exit::Usage, error))
}

/// The operation that is to be proposed.
fn meant(change: &Change) -> Result<Operation, Failed> {
    let meant = match (&change.parameters, &change.payload) {
        (Some(parameters), _) => Operation::from_json(&change.action, &change.resource, parameters),
        (None, payload) => {
            Operation::from_payload(&change.action, &change.resource, payload.as_deref().unwrap_or_default())
        }
    };
    meant.map_err(|error| Failed::new(Exit::Usage, format!("the changed operation: {error}")))
}

/// What this program makes of the draft: it is the change that was meant, and the desk shows it as it is.
fn check(draft: &Draft, meant: &Operation, payload: Option<&[u8]>) -> Result<RenderingDigest, Failed> {
    let untrue = |what: &str| {
        let what = format!("the service's answer is not consistent: {what}");
        Failed::new(Exit::Undetermined, what).advise("do not vote; tell whoever runs the desk")
    };
    if meant.op_bytes() != draft.op_bytes || meant.digest().to_string() != draft.operation_digest {
        return Err(untrue("it drafted another operation"));
    }
    let rendering = render(meant, payload).map_err(|error| untrue(&error.to_string()))?;
    match rendering.digest.to_string() == draft.rendering_digest {
        true => Ok(rendering.digest),
        false => Err(untrue("the desk shows the operation otherwise than this program does")),
    }
}

fn words(output: Output, draft: &Draft) -> String {
    let mut text = output.paint(Tone::Strong, "what would run instead");
    text.push_str(&difference_words(output, &draft.difference));
    text.push_str(&format!("\n\nthe policy says {}", draft.verdict.as_str()));
    for reason in &draft.reasons {
        text.push_str(&format!("\n  {}", visible(reason)));
    }
    text
}
