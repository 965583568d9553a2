//! `countersign audit chain`: everything that the record has about one decision, in order.

use super::list::{overview_json, status_tone};
use super::read;
use crate::audit::chain::{Chain, Key};
use crate::cli::connection::AuditConnection;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, span, thousandths, visible};
use crate::cli::policy::record::Source;
use crate::client::{AuditClient, ClientError};
use crate::operation::Operation;
use crate::operation::render::{render, render_masked};
use serde_json::{Value, json};

/// Tell everything that is recorded about one decision: what was asked, why it was decided so, who agreed, what ran
///
/// The record is read from its folder, beside a service that may be writing it. Whether the record itself can be
/// believed is what `audit verify` finds out.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The decision, the escalation or the token: txn_…, esc_…, or a token's jti
    #[arg(value_name = "ID", value_parser = key, allow_hyphen_values = true)]
    id: Key,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    connection: AuditConnection,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

fn key(text: &str) -> Result<Key, String> {
    Key::parse(text).ok_or_else(|| "expected txn_…, esc_…, or a token's jti".to_owned())
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if the record cannot be read, or has no such thing.
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let chain = match args.connection.open().await? {
        Some(client) => ask(&client, args.id).await?,
        None => read::chain(&args.source.look()?, args.id)?,
    };
    Output::new(args.json).print(|| document(&chain), |output| words(output, &chain));
    Ok(Exit::Success)
}

async fn ask(client: &AuditClient, id: Key) -> Result<Chain, Failed> {
    let nothing = ClientError::Unintelligible("a chain without a decision");
    let mut records = client.chain(&id.to_string()).await?.into_iter();
    let first = records.next().ok_or(nothing.clone())?;
    let mut chain = Chain::begin(first.index, read::record(first.index, &first.leaf)?).ok_or(nothing)?;
    for one in records {
        chain.add(one.index, read::record(one.index, &one.leaf)?);
    }
    Ok(chain)
}

fn document(chain: &Chain) -> Value {
    let decided = chain.decided();
    let events: Vec<Value> = chain
        .rest()
        .iter()
        .map(|(index, record)| json!({ "index": index, "sentence": record.sentence(), "record": record }))
        .collect();
    json!({
        "overview": overview_json(&chain.overview()),
        "decided": decided,
        "events": events,
    })
}

fn words(output: Output, chain: &Chain) -> String {
    let (decided, overview) = (chain.decided(), chain.overview());
    let assessment = &decided.decision.assessment;
    let head = |text: &str| output.paint(Tone::Strong, text);
    let mut text = format!("{}  {}\n", head(&decided.txn.to_string()), output.paint(Tone::Faint, chain.at()));
    text.push_str(&format!("\n{}\n", head("what was asked, exactly")));
    match Operation::from_op_bytes(decided.op.as_bytes()) {
        Ok(operation) => {
            let payload = decided.payload.as_deref().and_then(crate::digest::from_base64url);
            // What stands in the log for an operation with secret values has another digest.
            let rendered = match operation.digest() == decided.digest {
                true => render(&operation, payload.as_deref()),
                false => render_masked(&operation, decided.digest),
            };
            match rendered {
                Ok(rendering) => text.push_str(&format!("{}\n", rendering.text.trim_end())),
                // Its payload is kept apart from the log, or was erased.
                Err(_) => text.push_str(&format!("{}\n", visible(&decided.op))),
            }
        }
        Err(_) => text.push_str(&format!("{}\n", visible(&decided.op))),
    }
    let mut facts = vec![("asked by", decided.agent.to_string()), ("run by", decided.executor.to_string())];
    facts.extend(decided.on_behalf_of.as_ref().map(|person| ("on behalf of", person.to_string())));
    facts.extend(decided.trace.as_ref().map(|trace| ("trace", trace.clone())));
    for (name, claim) in [
        ("reason", &decided.context.reason),
        ("user asked", &decided.context.user_request),
        ("reasoning", &decided.context.reasoning),
        ("blast radius", &decided.context.blast_radius),
        ("undo", &decided.context.reversibility),
    ] {
        if !claim.is_empty() {
            facts.push((name, format!("{claim} (the agent's claim)")));
        }
    }
    text.push('\n');
    for (name, value) in facts {
        text.push_str(&format!("{name:<13} {}\n", visible(&value)));
    }
    text.push_str(&format!(
        "\n{}  {}, risk {} ({})\n",
        head("decided"),
        decided.decision.outcome.as_str(),
        thousandths(assessment.score.thousandths().into()),
        assessment.level
    ));
    for reason in &decided.decision.reasons {
        text.push_str(&format!("  {}\n", visible(reason)));
    }
    text.push_str(&format!(
        "  {}\n",
        output.paint(Tone::Faint, format!("policy {}", decided.decision.policy))
    ));
    text.push_str(&format!("\n{}\n", head("what happened")));
    text.push_str(&line(output, chain, chain.index(), chain.at(), "decided and recorded"));
    for (index, record) in chain.rest() {
        text.push_str(&line(output, chain, *index, record.at, &record.sentence()));
    }
    if let Some(status) = overview.status {
        let status = output.paint(status_tone(status), status.as_str());
        text.push_str(&format!("\n{}  {status}", head("it stands")));
    }
    text.trim_end().to_owned()
}

/// `  +2 min 5 s  [17] grace approved (signed): looks right`
fn line(output: Output, chain: &Chain, index: u64, at: crate::moment::Moment, what: &str) -> String {
    let after = format!("+{}", span(at.since(chain.at())));
    let place = output.paint(Tone::Faint, format!("[{index}]"));
    format!("  {after:<12} {} {place}\n", visible(what))
}
