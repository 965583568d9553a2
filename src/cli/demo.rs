//! `countersign demo`: all real parts in a temporary folder, and the whole story played with them.

mod shop;
mod stage;

use super::authorize::wait;
use super::exit::{Exit, Failed};
use super::output::{Output, Tone, thousandths};
use super::review::cast;
use crate::client::{AgentClient, Answer, Ask, Context, Grant, Progress, Status, Verdict};
use crate::condition::Condition;
use crate::escalation::vote::{Choice, Conditions};
use crate::operation::Operation;
use serde_json::{Value, json};
use shop::Shop;
use stage::Stage;

/// Play the whole story with real parts in a temporary folder
///
/// A safe operation runs by itself, a risky one is approved by a person under a condition, a critical one is blocked,
/// and a changed and a repeated one are refused. Ends with 0 only if each step went as it must.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Vote yourself, from a second terminal
    #[arg(long)]
    interactive: bool,
    /// Leave the folder when it is over, to look at the record and the keys
    #[arg(long)]
    keep: bool,
    /// Print one JSON document
    #[arg(long, conflicts_with = "interactive")]
    json: bool,
}

/// One step as it went.
struct Step {
    title: &'static str,
    lines: Vec<(&'static str, String)>,
    ok: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if a part could not be started. A step that goes wrong is printed and makes the exit code 1.
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let output = Output::new(args.json);
    let stage = Stage::set().await?;
    let played = play(&args, output, &stage).await;
    let folder = stage.folder().to_owned();
    stage.strike(args.keep).await?;
    let steps = played?;
    let ok = steps.iter().all(|step| step.ok);
    let document = || {
        let step = |step: &Step| {
            let lines: serde_json::Map<String, Value> =
                step.lines.iter().map(|(who, what)| ((*who).to_owned(), json!(what))).collect();
            json!({ "step": step.title, "ok": step.ok, "what_happened": lines })
        };
        json!({ "ok": ok, "steps": steps.iter().map(step).collect::<Vec<_>>() })
    };
    output.print(document, |output| {
        let verdict = match ok {
            true => output.paint(Tone::Good, "Everything went as it must."),
            false => output.paint(Tone::Bad, "Something went otherwise than it must."),
        };
        let kept = if args.keep {
            format!("\nThe folder is still there: {}", folder.display())
        } else {
            String::new()
        };
        format!("\n{verdict}{kept}")
    });
    Ok(if ok { Exit::Success } else { Exit::Failure })
}

async fn play(args: &Args, output: Output, stage: &Stage) -> Result<Vec<Step>, Failed> {
    if !args.json {
        output.line(format!(
            "{}\nA service on a Unix socket, a record that is synced, votes signed with SSH keys, tokens verified \
             offline:\neverything below is the real part. It happens in {}",
            output.paint(Tone::Strong, "Countersign, played through"),
            stage.folder().display()
        ));
    }
    let mut steps = Vec::new();
    let mut told = |step: Step| {
        if !args.json {
            output.line(words(output, steps.len() + 1, &step));
        }
        steps.push(step);
    };
    let agent = stage.agent().await?;
    let shop = stage.shop()?;
    told(safe(&agent, &shop).await?);
    let (step, approved) = risky(args, output, stage, &shop, &agent).await?;
    told(step);
    if let Some(grant) = approved {
        told(too_far(&shop, &grant)?);
        told(tampered(&shop, &grant)?);
        told(canary(&shop, &grant)?);
        told(replayed(&shop, &grant)?);
    }
    told(critical(&agent).await?);
    Ok(steps)
}

async fn safe(agent: &AgentClient, shop: &Shop) -> Result<Step, Failed> {
    let answer = agent.authorize(shop.count_orders()).await?;
    let mut lines = asked("orders.count on the test shop's orders", &answer);
    let counted = match &answer.grant {
        Some(grant) => shop.carry_out_count(grant).map_err(|refusal| refusal.to_string()),
        None => Err("there is no token".to_owned()),
    };
    let ok = counted == Ok(3);
    lines.push((
        "executor",
        match counted {
            Ok(orders) => format!("verified the token offline, read the file and counted {orders} orders"),
            Err(why) => format!("did nothing: {why}"),
        },
    ));
    Ok(Step { title: "a safe operation runs by itself", lines, ok })
}

async fn risky(
    args: &Args,
    output: Output,
    stage: &Stage,
    shop: &Shop,
    agent: &AgentClient,
) -> Result<(Step, Option<Grant>), Failed> {
    let answer = agent.authorize(shop.release("2.0.0")).await?;
    let mut lines = asked("deploy.release 2.0.0 to the shop in production", &answer);
    let Some(pending) = &answer.pending else {
        return Ok((Step { title: "a risky operation waits for a person", lines, ok: false }, None));
    };
    lines.push(("desk", format!("opened {}: it needs {}", pending.escalation, pending.requirement)));
    if args.interactive {
        output.line(stage.invitation(&pending.escalation));
    } else {
        let canary = Condition::parse_short("canary:max_percent=10").map_err(Failed::plain)?;
        let conditions = Conditions::new(&[canary]).map_err(Failed::plain)?;
        let reviewer = stage.reviewer().await?;
        let shown = reviewer.show(&pending.escalation).await?;
        let (ada, key) = stage.ada()?;
        let reason = "fine for one server first";
        let (status, ..) =
            cast(&reviewer, &shown, ada, Choice::Approve(conditions), reason, Some(&key)).await?;
        lines.push((
            "ada",
            format!(
                "read it, approved it for at most 10 % of the servers, and signed that with her SSH key ({})",
                status.as_str()
            ),
        ));
    }
    let end: Progress = wait(agent, &pending.escalation, |_| false).await?;
    let how = match &end.grant {
        Some(grant) => {
            format!("waited, and now holds a token with the condition {}", grant.conditions.join(", "))
        }
        None => format!("waited, and got no token: {} ({})", end.status.as_str(), end.reasons.join("; ")),
    };
    lines.push(("agent", how));
    let conditional = end.grant.as_ref().is_some_and(|grant| !grant.conditions.is_empty());
    let ok = end.status == Status::Claimed && (conditional || args.interactive);
    Ok((
        Step { title: "a risky operation waits for a person, who attaches a condition", lines, ok },
        end.grant,
    ))
}

fn too_far(shop: &Shop, grant: &Grant) -> Result<Step, Failed> {
    let refused = shop.carry_out_release(grant, &operation_of(grant)?, 10);
    let ok = matches!(&refused, Err(refusal) if refusal.code() == "condition.unmet")
        || grant.conditions.is_empty();
    let lines =
        vec![("executor", told("wanted to put it on all 10 servers", refused.map(|servers| servers.len())))];
    Ok(Step { title: "an executor that would break the condition refuses", lines, ok })
}

fn tampered(shop: &Shop, grant: &Grant) -> Result<Step, Failed> {
    let Ask { action, resource, parameters, .. } = shop.release("6.6.6");
    let changed =
        Operation::from_json(&action, &resource, &parameters.unwrap_or_default()).map_err(Failed::plain)?;
    let refused = shop.carry_out_release(grant, &changed, 1);
    let ok = matches!(&refused, Err(refusal) if refusal.code() == "operation.mismatch" || refusal.code() == "audience.mismatch");
    let what = "was given the same token for release 6.6.6, which nobody approved";
    let lines = vec![("executor", told(what, refused.map(|servers| servers.len())))];
    Ok(Step { title: "an operation that was changed after approval is refused", lines, ok })
}

fn canary(shop: &Shop, grant: &Grant) -> Result<Step, Failed> {
    let released = shop.carry_out_release(grant, &operation_of(grant)?, 1);
    let ok = released.as_ref().is_ok_and(|servers| servers.len() == 1) && shop.servers_at("2.0.0")? == 1;
    let lines = vec![(
        "executor",
        match released {
            Ok(servers) => format!(
                "verified the token offline, used it up, and put release 2.0.0 on {} of 10 servers",
                servers.join(", ")
            ),
            Err(refusal) => format!("refused: {refusal} ({})", refusal.code()),
        },
    )];
    Ok(Step { title: "an executor that keeps to the condition acts", lines, ok })
}

fn replayed(shop: &Shop, grant: &Grant) -> Result<Step, Failed> {
    let refused = shop.carry_out_release(grant, &operation_of(grant)?, 1);
    let ok = matches!(&refused, Err(refusal) if refusal.code() == "replay") && shop.servers_at("2.0.0")? == 1;
    let lines = vec![(
        "executor",
        told("was given the same token a second time", refused.map(|servers| servers.len())),
    )];
    Ok(Step { title: "a token works once", lines, ok })
}

async fn critical(agent: &AgentClient) -> Result<Step, Failed> {
    let ask = Ask {
        action: "orders.delete".to_owned(),
        resource: "db/production/customers".to_owned(),
        parameters: Some(br#"{"filter":"*"}"#.to_vec()),
        executor: shop::FLEET.to_owned(),
        context: Context { reason: "free some space".to_owned(), ..Context::default() },
        ..Ask::default()
    };
    let answer = agent.authorize(ask).await?;
    let ok = answer.verdict == Verdict::Deny && answer.grant.is_none() && answer.pending.is_none();
    let lines = asked("orders.delete with the filter `*` on production customers", &answer);
    Ok(Step { title: "a critical operation never runs, whoever would approve it", lines, ok })
}

fn asked(what: &str, answer: &Answer) -> Vec<(&'static str, String)> {
    let verdict = match answer.verdict {
        Verdict::Allow => "allowed at once",
        Verdict::Deny => "denied",
        Verdict::Escalate => "escalated to people",
    };
    let risk = format!("risk {}, {}", thousandths(answer.risk.score), answer.risk.level.as_str());
    let why = answer.reasons.first().cloned().unwrap_or_default();
    vec![("agent", format!("asks for {what}")), ("sidecar", format!("{verdict} ({risk}): {why}"))]
}

fn told(what: &str, result: Result<usize, crate::token::Refusal>) -> String {
    match result {
        Ok(servers) => format!("{what}, and did it on {servers}"),
        Err(refusal) => format!("{what}, and refused: {refusal} ({})", refusal.code()),
    }
}

fn operation_of(grant: &Grant) -> Result<Operation, Failed> {
    Operation::from_op_bytes(&grant.op_bytes).map_err(Failed::plain)
}

fn words(output: Output, number: usize, step: &Step) -> String {
    let mark = if step.ok { output.paint(Tone::Good, "✓") } else { output.paint(Tone::Bad, "✗") };
    let mut text = format!("\n{mark} {}", output.paint(Tone::Strong, format!("{number}. {}", step.title)));
    for (who, what) in &step.lines {
        text.push_str(&format!("\n    {:<9} {}", who, super::output::visible(what)));
    }
    text
}
