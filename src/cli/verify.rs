//! `countersign verify`: checks a token offline, as an executor does, and consumes it if asked to.

use super::exit::{Exit, Failed};
use super::output::{Output, Tone, visible};
use super::trust::{Trust, facts};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::replay::journal::JournalGuard;
use crate::token::{CheckedOperation, Presented, Refusal, Verdict};
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Verify a token offline against the operation that is about to run
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    trust: Trust,
    /// The grant, as `authorize --grant` writes it; - reads standard input
    #[arg(long, value_name = "FILE")]
    grant: PathBuf,
    /// The canonical operation that is about to run, in a file; without it the grant's own is taken
    #[arg(long, value_name = "FILE")]
    operation: Option<PathBuf>,
    /// A fact about this execution, as in targets=1 (may be repeated)
    #[arg(long = "fact", value_name = "NAME=VALUE")]
    facts: Vec<String>,
    /// Use the token up in this folder, durably, so that it is accepted once
    #[arg(long, value_name = "FOLDER")]
    consume: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// A token and what goes beside it, as a file.
#[derive(Debug, Deserialize)]
pub(super) struct GrantFile {
    /// The authority token.
    pub token: String,
    /// The certificates that lead from a root to its key.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// The reviewers' signed votes.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// The proof that the mint is in the log.
    #[serde(default)]
    pub log_proof: Option<String>,
    /// The canonical operation.
    pub operation: String,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if the token is not one to act on.
pub(super) fn run(args: &Args) -> Result<Exit, Failed> {
    let output = Output::new(args.json);
    let now = super::now();
    let verifier = args.trust.verifier(now)?;
    let grant = read_grant(&args.grant)?;
    let operation = match &args.operation {
        Some(path) => read(path)?,
        None => grant.operation.clone().into_bytes(),
    };
    let operation = Operation::from_op_bytes(&operation)
        .map_err(|error| Failed::new(Exit::Usage, format!("the operation: {error} ({})", error.code())))?;
    let facts = facts(&args.facts)?;
    let certificates: Vec<&str> = grant.certificates.iter().map(String::as_str).collect();
    let evidence: Vec<&[u8]> = grant.evidence.iter().map(String::as_bytes).collect();
    let presented = Presented {
        token: &grant.token,
        certificates: &certificates,
        operation,
        facts: &facts,
        proof: None,
        evidence: &evidence,
        log_proof: grant.log_proof.as_deref(),
    };
    let checked = match verifier.check(presented, now) {
        Ok(checked) => checked,
        Err(refusal) => return Ok(refused(output, &refusal)),
    };
    let document = accepted(&checked, args.consume.is_some());
    let words = accepted_words(output, &checked, args.consume.is_some());
    if let Some(folder) = &args.consume {
        let guard = JournalGuard::open(folder).map_err(|error| Failed::new(Exit::Undetermined, error))?;
        if let Err(refusal) = checked.consume(now, &guard) {
            return Ok(refused(output, &refusal));
        }
    }
    output.print(|| document, |_| words);
    Ok(Exit::Success)
}

/// What a command ends with for a refusal of this verdict.
#[must_use]
pub(super) fn exit_of(refusal: &Refusal) -> Exit {
    match refusal.verdict() {
        Verdict::Denied if refusal.code() == "time.expired" => Exit::Expired,
        Verdict::Denied => Exit::Denied,
        Verdict::Undetermined => Exit::Undetermined,
    }
}

fn refused(output: Output, refusal: &Refusal) -> Exit {
    let exit = exit_of(refusal);
    let document = || {
        json!({
            "verdict": refusal.verdict().to_string(),
            "code": refusal.code(),
            "reason": refusal.to_string(),
        })
    };
    output.print(document, |output| {
        format!("{} {} ({})", output.paint(Tone::Bad, "refused:"), refusal, refusal.code())
    });
    exit
}

fn accepted(checked: &CheckedOperation, consumed: bool) -> serde_json::Value {
    let claims = checked.claims();
    let text = |moment: Moment| moment.to_string();
    json!({
        "verdict": "accepted",
        "consumed": consumed,
        "agent": claims.subject.as_str(),
        "on_behalf_of": claims.on_behalf_of.as_ref().map(ToString::to_string),
        "decision_id": claims.txn.to_string(),
        "operation_digest": claims.operation.to_string(),
        "risk": claims.risk.thousandths(),
        "conditions": claims.conditions.iter().map(crate::condition::Condition::to_short).collect::<Vec<_>>(),
        "approvals": claims.approvals.iter().map(|approval| json!({
            "person": approval.person.as_str(),
            "seats": approval.seats.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "at": text(approval.at),
            "assurance": approval.assurance.as_str(),
        })).collect::<Vec<_>>(),
        "expires_at": text(claims.times.expires_at),
    })
}

fn accepted_words(output: Output, checked: &CheckedOperation, consumed: bool) -> String {
    let claims = checked.claims();
    let state =
        if consumed { "accepted and used up" } else { "accepted (not used up: add --consume FOLDER)" };
    let mut text =
        format!("{}\n  agent      {}", output.paint(Tone::Good, state), visible(claims.subject.as_str()));
    for approval in &claims.approvals {
        text.push_str(&format!(
            "\n  approved   by {}, {} ({})",
            approval.person, approval.at, approval.assurance
        ));
    }
    for condition in &claims.conditions {
        text.push_str(&format!("\n  condition  {}", condition.describe()));
    }
    text + &format!("\n  expires    {}", claims.times.expires_at)
}

fn read_grant(path: &Path) -> Result<GrantFile, Failed> {
    let bytes = read(path)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Failed::new(Exit::Usage, format!("`{}` is not a grant: {error}", path.display())))
}

fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map_err(Failed::plain)?;
        return Ok(bytes);
    }
    std::fs::read(path)
        .map_err(|error| Failed::new(Exit::Usage, format!("cannot read `{}`: {error}", path.display())))
}
