//! `countersign authorize`: asks for one operation and prints the decision.

use super::connection::{AgentConnection, refused};
use super::exit::{Exit, Failed};
use super::output::{Output, Tone, relative, thousandths, visible};
use crate::client::{
    AgentClient, Answer, Ask, Context, Declared, DifferenceLine, Grant, Offer, Progress, Risk, Status,
    Verdict,
};
use crate::moment::Moment;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Ask for one operation, and print the decision with its reasons
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    connection: AgentConnection,
    #[command(flatten)]
    asking: Asking,
    /// What is done, as a dotted name: db.rows.delete
    #[arg(long)]
    action: String,
    /// What it is done to: postgres://orders-prod/public.customers
    #[arg(long)]
    resource: String,
    /// The parameters, a JSON object; @FILE reads them from a file, - from standard input
    #[arg(long, value_name = "JSON", required_unless_present = "payload")]
    parameters: Option<String>,
    /// A file with the exact bytes that the executor will receive, instead of parameters
    #[arg(long, value_name = "FILE", conflicts_with = "parameters")]
    payload: Option<PathBuf>,
    /// The executor that will act, as registered with the sidecar
    #[arg(long)]
    executor: String,
    /// Wait until people have decided
    #[arg(long)]
    wait: bool,
    /// Take a changed operation that a reviewer proposes instead, and wait for that
    #[arg(long, requires = "wait")]
    accept_changes: bool,
    /// Write the grant (token, certificates, evidence, operation) to this file, mode 0600
    #[arg(long, value_name = "FILE")]
    grant: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What goes with a request beside the operation.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Asking {
    /// Makes the request idempotent: the same id and operation get the same answer
    #[arg(long, value_name = "ID", default_value = "")]
    request_id: String,
    /// Why it should run
    #[arg(long, default_value = "")]
    reason: String,
    /// What the user asked for, in their words
    #[arg(long, value_name = "TEXT", default_value = "")]
    user_request: String,
    /// What it may affect
    #[arg(long, value_name = "TEXT", default_value = "")]
    blast_radius: String,
    /// How it can be undone
    #[arg(long, value_name = "TEXT", default_value = "")]
    reversibility: String,
    /// Declare its kind: read, write, update, external_call, delete or admin (can only raise the risk)
    #[arg(long, value_name = "KIND", default_value = "")]
    kind: String,
    /// Declare its environment: test, staging or production (can only raise the risk)
    #[arg(long, value_name = "ENVIRONMENT", default_value = "")]
    environment: String,
    /// Declare how many rows it touches (can only raise the risk)
    #[arg(long, value_name = "N", default_value_t = 0)]
    affected_rows: u64,
    /// Declare what it costs, in whole units of the policy's currency (can only raise the risk)
    #[arg(long, value_name = "N", default_value_t = 0)]
    cost: u64,
    /// Declare that it can't be undone
    #[arg(long)]
    irreversible: bool,
}

impl Asking {
    /// The request for this operation.
    #[must_use]
    pub(super) fn ask(
        self,
        action: String,
        resource: String,
        parameters: Option<Vec<u8>>,
        executor: String,
    ) -> Ask {
        let declared = Declared {
            kind: self.kind,
            environment: self.environment,
            affected_rows: self.affected_rows,
            irreversible: self.irreversible,
            sensitive: false,
            cost: self.cost,
        };
        let context = Context {
            reason: self.reason,
            user_request: self.user_request,
            blast_radius: self.blast_radius,
            reversibility: self.reversibility,
            ..Context::default()
        };
        let request_id = self.request_id;
        Ask { request_id, action, resource, parameters, executor, context, declared, ..Ask::default() }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if there is no decision or it is not an allow.
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let output = Output::new(args.json);
    let parameters = args.parameters.as_deref().map(read_parameters).transpose()?;
    let payload = args.payload.as_deref().map(read_file).transpose()?;
    let mut ask = args.asking.ask(args.action, args.resource, parameters, args.executor);
    ask.payload = payload;
    let client = args.connection.open().await?;
    let answer = client.authorize(ask).await?;
    let Some(pending) = answer.pending.as_ref().filter(|_| args.wait) else {
        let kept = args.grant.as_deref();
        output.print(|| answer_json(&answer), |output| answer_words(output, &answer, kept));
        return match (answer.verdict, &answer.grant) {
            (Verdict::Allow, Some(grant)) => save(grant, args.grant.as_deref()).map(|()| Exit::Success),
            (Verdict::Escalate, _) => Ok(Exit::Pending),
            (Verdict::Allow | Verdict::Deny, _) => Ok(Exit::Denied),
        };
    };
    if !args.json {
        output.line(answer_words(output, &answer, None));
    }
    let end = decided(&client, &pending.escalation, output).await?;
    match &end.offer {
        Some(offer) if args.accept_changes => {
            eprintln!("{}", offer_words(output, offer, true));
            take(&client, &pending.escalation, args.grant.as_deref(), output).await
        }
        _ => finish(&client, &answer, end, args.grant.as_deref(), output).await,
    }
}

/// Follows an escalation until it is over, or a reviewer proposes another operation instead.
async fn decided(client: &AgentClient, escalation: &str, output: Output) -> Result<Progress, Failed> {
    let mut told = Vec::new();
    let each = |progress: &Progress| {
        let news = progress.status == Status::Pending && progress.reasons != told;
        if news && progress.offer.is_none() && !output.json() {
            eprintln!("waiting: {}", progress.reasons.join("; "));
            told.clone_from(&progress.reasons);
        }
        progress.offer.is_some()
    };
    wait(client, escalation, each).await
}

/// Says how it ended. Where a reviewer proposes another operation that is not taken, it ends here: nobody approves what
/// was asked for any more.
async fn finish(
    client: &AgentClient,
    answer: &Answer,
    mut end: Progress,
    kept: Option<&Path>,
    output: Output,
) -> Result<Exit, Failed> {
    if let (Some(offer), Some(pending)) = (&end.offer, &answer.pending) {
        let cancelled = client.cancel(&pending.escalation, "the proposed change was not taken").await;
        end.status = cancelled.map_err(refused)?;
        end.reasons = vec![format!("{} proposed another operation, which was not taken", offer.reviewer)];
    }
    output.print(|| end_json(answer, &end), |output| end_words(output, &end, kept));
    if let Some(grant) = &end.grant {
        save(grant, kept)?;
    }
    Ok(exit_of(end.status))
}

/// Takes the changed operation, and waits for that where people decide it. What is proposed instead of that is not taken.
async fn take(
    client: &AgentClient,
    escalation: &str,
    kept: Option<&Path>,
    output: Output,
) -> Result<Exit, Failed> {
    let answer = client.accept(escalation).await?;
    let Some(pending) = &answer.pending else {
        output.print(|| answer_json(&answer), |output| answer_words(output, &answer, kept));
        return match (answer.verdict, &answer.grant) {
            (Verdict::Allow, Some(grant)) => save(grant, kept).map(|()| Exit::Success),
            (Verdict::Allow | Verdict::Deny | Verdict::Escalate, _) => Ok(Exit::Denied),
        };
    };
    if !output.json() {
        output.line(answer_words(output, &answer, None));
    }
    let end = decided(client, &pending.escalation, output).await?;
    finish(client, &answer, end, kept, output).await
}

/// A changed operation that a reviewer proposes, laid beside the one that was asked for.
pub(super) fn offer_words(output: Output, offer: &Offer, accepting: bool) -> String {
    let mut text =
        format!("{} proposes another operation: {}", visible(&offer.reviewer), visible(&offer.reason));
    text.push_str(&difference_words(output, &offer.difference));
    let next = match accepting {
        true => "taking it",
        false => {
            "it is not taken, and nobody approves what was asked for any more: ask for it as it is proposed"
        }
    };
    format!("{text}\n{next}")
}

/// … as a document.
pub(super) fn offer_json(offer: &Offer) -> Value {
    json!({
        "reviewer": offer.reviewer,
        "reason": offer.reason,
        "operation": String::from_utf8_lossy(&offer.op_bytes),
    })
}

/// Two operations laid beside each other.
pub(super) fn difference_words(output: Output, lines: &[DifferenceLine]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&match line {
            DifferenceLine::Kept(line) => format!("\n    {}", visible(line)),
            DifferenceLine::Removed(line) => {
                format!("\n  {}", output.paint(Tone::Bad, format!("- {}", visible(line))))
            }
            DifferenceLine::Added(line) => {
                format!("\n  {}", output.paint(Tone::Good, format!("+ {}", visible(line))))
            }
        });
    }
    text
}

/// Follows an escalation to its end, or until `each` says that it was enough, reconnecting as often as needed.
///
/// # Errors
/// [`Failed`] if the service stays away for a minute or refuses to tell.
pub(super) async fn wait(
    client: &AgentClient,
    escalation: &str,
    mut each: impl FnMut(&Progress) -> bool,
) -> Result<Progress, Failed> {
    let mut failures = 0;
    loop {
        let broken = match client.follow(escalation).await {
            Ok(mut following) => loop {
                match following.next().await {
                    Ok(Some(progress)) => {
                        failures = 0;
                        let enough = each(&progress);
                        if enough || !matches!(progress.status, Status::Pending | Status::Approved) {
                            return Ok(progress);
                        }
                    }
                    Ok(None) => {
                        break crate::client::ClientError::Unreachable("the stream ended early".to_owned());
                    }
                    Err(error) => break error,
                }
            },
            Err(error) => error,
        };
        failures += 1;
        let lasting = matches!(&broken, crate::client::ClientError::Refused { code, .. }
            if !matches!(code.as_str(), "Cancelled" | "Unknown" | "Internal"));
        if lasting || failures > 60 {
            return Err(broken.into());
        }
        tokio::time::sleep(core::time::Duration::from_secs(1)).await;
    }
}

/// What a command ends with when an escalation ended so.
#[must_use]
pub(super) const fn exit_of(status: Status) -> Exit {
    match status {
        Status::Claimed => Exit::Success,
        Status::Pending | Status::Approved => Exit::Pending,
        Status::Denied | Status::Cancelled | Status::Blocked => Exit::Denied,
        Status::Expired | Status::Lapsed => Exit::Expired,
    }
}

pub(super) fn read_parameters(text: &str) -> Result<Vec<u8>, Failed> {
    match text.strip_prefix('@') {
        Some(path) => read_file(Path::new(path)),
        None if text == "-" => {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map_err(Failed::plain)?;
            Ok(bytes)
        }
        None => Ok(text.as_bytes().to_vec()),
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, Failed> {
    std::fs::read(path)
        .map_err(|error| Failed::new(Exit::Usage, format!("cannot read `{}`: {error}", path.display())))
}

fn save(grant: &Grant, path: Option<&Path>) -> Result<(), Failed> {
    let Some(path) = path else { return Ok(()) };
    let text = format!("{:#}\n", grant_json(grant));
    crate::files::write_private(path, text.as_bytes())
        .map_err(|error| Failed::plain(format!("cannot write `{}`: {error}", path.display())))
}

/// A grant as the document that `verify --grant` reads.
#[must_use]
pub(super) fn grant_json(grant: &Grant) -> Value {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let conditions = grant.conditions.iter().filter_map(|json| serde_json::from_str::<Value>(json).ok());
    let mut document = json!({
        "token": grant.token,
        "certificates": grant.certificates,
        "evidence": grant.evidence.iter().map(text).collect::<Vec<_>>(),
        "operation": text(&grant.op_bytes),
        "conditions": conditions.collect::<Vec<_>>(),
        "expires_at": grant.expires_at,
    });
    if let (Some(proof), Some(members)) = (&grant.log_proof, document.as_object_mut()) {
        members.insert("log_proof".to_owned(), Value::from(proof.as_str()));
    }
    document
}

fn answer_json(answer: &Answer) -> Value {
    let factor = |factor: &crate::client::Factor| json!({ "name": factor.name, "value": factor.value, "weight": factor.weight, "reason": factor.reason });
    json!({
        "decision_id": answer.decision,
        "verdict": answer.verdict.as_str(),
        "risk": {
            "score": answer.risk.score,
            "level": answer.risk.level.as_str(),
            "factors": answer.risk.factors.iter().map(factor).collect::<Vec<_>>(),
            "floors": answer.risk.floors,
        },
        "rule": answer.rule,
        "policy_digest": answer.policy_digest,
        "operation_digest": answer.operation_digest,
        "reasons": answer.reasons,
        "grant": answer.grant.as_ref().map(grant_json),
        "pending": answer.pending.as_ref().map(|pending| json!({
            "escalation_id": pending.escalation,
            "decide_by": pending.decide_by,
            "requirement": pending.requirement,
            "queued": pending.queued,
        })),
    })
}

fn end_json(answer: &Answer, end: &Progress) -> Value {
    let mut document = answer_json(answer);
    if let Some(members) = document.as_object_mut() {
        members.insert("status".to_owned(), json!(end.status.as_str()));
        members.insert("reasons".to_owned(), json!(end.reasons));
        members.insert("offer".to_owned(), json!(end.offer.as_ref().map(offer_json)));
        members.insert("grant".to_owned(), json!(end.grant.as_ref().map(grant_json)));
    }
    document
}

/// The reasons but those that the factors' own lines say again.
pub(super) fn beside_the_factors<'a>(
    reasons: &'a [String],
    risk: &'a Risk,
) -> impl Iterator<Item = &'a String> {
    reasons.iter().filter(|reason| !risk.factors.iter().any(|factor| reason.ends_with(&factor.reason)))
}

/// A risk in one line and its factors in one line each.
#[must_use]
pub(super) fn risk_words(output: Output, risk: &Risk) -> String {
    let mut text = format!("risk {} ({})", thousandths(risk.score), risk.level.as_str());
    for floor in &risk.floors {
        text.push_str(&format!("\n  {} {}", output.paint(Tone::Wait, "lifted:"), visible(floor)));
    }
    for factor in &risk.factors {
        let part = thousandths(factor.value * factor.weight / 1000);
        text.push_str(&format!(
            "\n  {:<16} {part}  {}",
            factor.name,
            output.paint(Tone::Faint, visible(&factor.reason))
        ));
    }
    text
}

fn answer_words(output: Output, answer: &Answer, kept: Option<&Path>) -> String {
    let (tone, word) = match answer.verdict {
        Verdict::Allow => (Tone::Good, "allowed"),
        Verdict::Deny => (Tone::Bad, "denied"),
        Verdict::Escalate => (Tone::Wait, "escalated"),
    };
    let mut text = format!("{}  {}", output.paint(tone, word), output.paint(Tone::Faint, &answer.decision));
    for reason in beside_the_factors(&answer.reasons, &answer.risk) {
        text.push_str(&format!("\n  {}", visible(reason)));
    }
    text.push_str(&format!("\n{}", risk_words(output, &answer.risk)));
    if let Some(pending) = &answer.pending {
        let deadline = relative(Moment::from_unix_millis(pending.decide_by), super::now());
        text.push_str(&format!("\nneeds {}, {deadline}", visible(&pending.requirement)));
        if pending.queued {
            text.push_str("\nthe desk is away: nobody is asked before it is back");
        }
        text.push_str(&format!("\nescalation {}", output.paint(Tone::Strong, &pending.escalation)));
    }
    if let Some(grant) = &answer.grant {
        text.push_str(&grant_words(grant, kept));
    }
    text
}

fn end_words(output: Output, end: &Progress, kept: Option<&Path>) -> String {
    let tone = if end.grant.is_some() { Tone::Good } else { Tone::Bad };
    let word = if end.grant.is_some() { "approved" } else { end.status.as_str() };
    let mut text = output.paint(tone, word);
    for reason in &end.reasons {
        text.push_str(&format!("\n  {}", visible(reason)));
    }
    if let Some(offer) = &end.offer {
        text.push_str(&format!("\n{}", offer_words(output, offer, false)));
    }
    text + &end.grant.as_ref().map(|grant| grant_words(grant, kept)).unwrap_or_default()
}

fn grant_words(grant: &Grant, kept: Option<&Path>) -> String {
    let mut text = String::new();
    for condition in &grant.conditions {
        text.push_str(&format!("\ncondition {}", visible(condition)));
    }
    let expires = relative(Moment::from_unix_seconds(grant.expires_at), super::now());
    match kept {
        Some(path) => format!("{text}\ntoken written to {} (expires {expires})", path.display()),
        None => format!("{text}\ntoken (expires {expires})\n{}", grant.token),
    }
}
