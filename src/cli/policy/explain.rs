//! `countersign policy explain`: why an operation gets what it gets, or got what it got, with every rule beside it.

use super::files;
use super::record::{self, Source};
use crate::audit::again::Step;
use crate::audit::event::{Context, Decided};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, visible};
use crate::decision::Decision;
use crate::decision::explain::{Explanation, Role, RuleExplained};
use crate::decision::replay::Replay;
use crate::decision::scenario::{NOON, Past, Scenario};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::{AgentId, ExecutorId, PersonId, TxnId};
use crate::policy::Policy;
use crate::risk::{Claims, Environment, Facts, Kind};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Explain a decision: every factor with its source, the floors, every rule and what kept it from deciding
///
/// Either of an operation under a policy file, given by options or by a scenario (a case of a suite without `name` and
/// `expect`), or of a decision that was recorded, by its id: then the record is read beside the running service, and
/// decided once more under the policy that was in force.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["decision", "scenario", "action"])))]
pub(in crate::cli) struct Args {
    /// The policy
    #[arg(long, value_name = "FILE", required_unless_present = "decision", conflicts_with = "decision")]
    policy: Option<PathBuf>,
    /// A recorded decision, by its id: txn_…
    #[arg(long, value_name = "ID")]
    decision: Option<String>,
    #[command(flatten)]
    source: Source,
    /// An operation with everything around it, YAML or JSON; - reads standard input
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// What is to be done, as in db.rows.delete
    #[arg(long, requires = "resource")]
    action: Option<String>,
    /// To what, as in prod/orders
    #[arg(long, requires = "action")]
    resource: Option<String>,
    /// Its parameters, a JSON object, or @FILE
    #[arg(long, value_name = "JSON", default_value = "{}")]
    parameters: String,
    /// Who asks
    #[arg(long, default_value = "agent:someone")]
    agent: String,
    /// For whom
    #[arg(long, value_name = "PERSON")]
    on_behalf_of: Option<String>,
    /// The executor that the agent names
    #[arg(long)]
    executor: Option<String>,
    /// What the agent says about why
    #[arg(long, short = 'm', default_value = "")]
    reason: String,
    /// The kind that the agent declares
    #[arg(long)]
    kind: Option<String>,
    /// The environment that the agent declares
    #[arg(long)]
    environment: Option<String>,
    /// How many rows the agent says that it touches
    #[arg(long, value_name = "N")]
    affected_rows: Option<u64>,
    /// What the agent says that it costs
    #[arg(long, value_name = "N")]
    cost: Option<u64>,
    /// The agent says that it can't be undone
    #[arg(long)]
    irreversible: bool,
    /// How many recent anomalies speak against the agent
    #[arg(long, value_name = "N", default_value_t = 0)]
    anomalies: u32,
    /// When, as in 2026-11-24T12:00:00Z; a Tuesday at noon if nothing is said
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Show every rule, however many there are
    #[arg(long)]
    all_rules: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What is explained.
struct Explained {
    operation: Operation,
    agent: AgentId,
    on_behalf_of: Option<PersonId>,
    at: Moment,
    explanation: Explanation,
    recorded: Option<Box<Decided>>,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if a file cannot be read or has a mistake, or there is no such decision.
pub(in crate::cli) fn run(args: &Args) -> Result<Exit, Failed> {
    let explained = match &args.decision {
        Some(id) => recorded(args, id)?,
        None => imagined(args)?,
    };
    Output::new(args.json).print(|| document(&explained), |output| words(output, &explained, args.all_rules));
    Ok(Exit::Success)
}

fn imagined(args: &Args) -> Result<Explained, Failed> {
    let missing = || Failed::new(Exit::Usage, "`--policy` is missing");
    let policy = files::policy(args.policy.as_deref().ok_or_else(missing)?)?;
    let (scenario, text, file) = match &args.scenario {
        Some(path) => {
            let (text, file) = (files::text(path)?, files::name(path));
            (Scenario::parse(&text, &file).map_err(files::wrong)?, text, file)
        }
        None => (from_options(args)?, String::new(), String::new()),
    };
    let explanation = scenario.explain(&policy, &text, &file).map_err(files::wrong)?;
    let Scenario { operation, agent, on_behalf_of, at, .. } = scenario;
    Ok(Explained { operation, agent, on_behalf_of, at, explanation, recorded: None })
}

fn from_options(args: &Args) -> Result<Scenario, Failed> {
    let usage = |option: &str, value: &str, why: &dyn core::fmt::Display| {
        Failed::new(Exit::Usage, format!("`{option} {value}`: {why}"))
    };
    let (action, resource) =
        (args.action.as_deref().unwrap_or_default(), args.resource.as_deref().unwrap_or_default());
    let parameters = match args.parameters.strip_prefix('@') {
        Some(path) => files::bytes(path.as_ref())?,
        None => args.parameters.clone().into_bytes(),
    };
    let one_of = |option: &str, value: &str, known: Vec<String>| {
        usage(option, value, &format!("it is one of {}", known.join(", ")))
    };
    let kinds = || Kind::ALL.iter().map(ToString::to_string).collect();
    let places = || Environment::ALL.iter().map(ToString::to_string).collect();
    let claims = Claims {
        kind: args
            .kind
            .as_deref()
            .map(|text| Kind::parse(text).ok_or_else(|| one_of("--kind", text, kinds())))
            .transpose()?,
        environment: args
            .environment
            .as_deref()
            .map(|text| Environment::parse(text).ok_or_else(|| one_of("--environment", text, places())))
            .transpose()?,
        sensitivity: None,
        rows: args.affected_rows,
        irreversible: args.irreversible,
        cost: args.cost,
    };
    let at = args.at.as_deref().map(|text| {
        let form = "a moment is written 2026-11-24T12:00:00Z";
        Moment::from_rfc3339(text).ok_or_else(|| usage("--at", text, &form))
    });
    Ok(Scenario {
        operation: Operation::from_json(action, resource, &parameters)
            .map_err(|error| Failed::new(Exit::Usage, error))?,
        agent: AgentId::new(&args.agent).map_err(|error| usage("--agent", &args.agent, &error))?,
        on_behalf_of: args
            .on_behalf_of
            .as_deref()
            .map(|name| PersonId::new(name).map_err(|error| usage("--on-behalf-of", name, &error)))
            .transpose()?,
        executor: args
            .executor
            .as_deref()
            .map(|name| ExecutorId::new(name).map_err(|error| usage("--executor", name, &error)))
            .transpose()?,
        claims,
        context: Context { reason: args.reason.clone(), ..Context::default() },
        at: at.transpose()?.unwrap_or(NOON),
        past: Past { anomalies: args.anomalies, ..Past::default() },
    })
}

fn recorded(args: &Args, id: &str) -> Result<Explained, Failed> {
    let txn = TxnId::parse(id)
        .ok_or_else(|| Failed::new(Exit::Usage, format!("`--decision {id}`: an id has the form txn_…")))?;
    let mut read = record::read(&args.source, Moment::default(), Some(txn))?;
    let missing = || Failed::plain(format!("the record has no decision `{txn}`"));
    let decided = read.wanted.take().ok_or_else(missing)?;
    let text = read.policies.get(&decided.decision.policy);
    let text =
        text.ok_or_else(|| Failed::plain("the record has not the policy that it was decided under"))?;
    let policy = Policy::parse(text, "(recorded)").map_err(files::wrong)?;
    let Some(Step::Decided(last)) = read.steps.pop() else { return Err(missing()) };
    let mut replay = Replay::new(&policy);
    let since = last.at().minus(replay.reach());
    for step in &read.steps {
        let recent = match step {
            Step::Decided(kept) => kept.at() >= since,
            Step::Refused(_, at) => *at >= since,
            Step::Denied(..) | Step::Over(_) => true,
        };
        if recent {
            step.happen(&mut replay);
        }
    }
    let explanation = replay.explain(&last.recorded());
    Ok(Explained {
        operation: Operation::from_op_bytes(decided.op.as_bytes()).map_err(Failed::plain)?,
        agent: decided.agent.clone(),
        on_behalf_of: decided.on_behalf_of.clone(),
        at: last.at(),
        explanation,
        recorded: Some(decided),
    })
}

impl Explained {
    /// The decision that holds: the recorded one where there is one.
    fn decision(&self) -> &Decision {
        self.recorded.as_ref().map_or(&self.explanation.decision, |decided| &decided.decision)
    }

    /// Why what was recorded is not what is decided now.
    fn apart(&self) -> Option<String> {
        let decided = self.recorded.as_ref()?;
        let (then, now) = (&decided.decision, &self.explanation.decision);
        if let Some(suspension) = decided.suspension {
            return Some(format!("it was stopped by suspension {suspension}, whatever the policy says"));
        }
        let same = then.outcome.as_str() == now.outcome.as_str()
            && then.assessment.score == now.assessment.score
            && then.assessment.level == now.assessment.level;
        (!same).then(|| {
            format!(
                "decided once more from the record it is {}, with a score of {}: what was under way at the time, or \
                 an executor that could not enforce a condition, is not replayed",
                now.outcome.as_str(),
                now.assessment.score
            )
        })
    }
}

/// The most rules that are shown where nobody asks for all.
const SHOWN: usize = 60;

fn words(output: Output, explained: &Explained, all_rules: bool) -> String {
    let decision = explained.decision();
    let (tone, effect) = match decision.outcome.as_str() {
        "allow" => (Tone::Good, "allowed"),
        "deny" => (Tone::Bad, "denied"),
        _ => (Tone::Wait, "escalated"),
    };
    let operation = &explained.operation;
    let mut lines = vec![format!(
        "{}  {} on {}",
        output.paint(tone, effect),
        output.paint(Tone::Strong, visible(operation.action())),
        visible(operation.resource())
    )];
    let person = explained.on_behalf_of.as_ref().map(|person| format!(" for {person}")).unwrap_or_default();
    lines.push(format!("  by {}{person}, {}", explained.agent, explained.at));
    let id = explained.recorded.as_ref().map(|decided| format!("decision {}, ", decided.txn));
    lines.push(format!("  {}policy {}", id.unwrap_or_default(), decision.policy));
    if let Some(apart) = explained.apart() {
        lines.push(format!("  {}", output.paint(Tone::Wait, apart)));
    }
    let factors: Vec<String> = decision.assessment.factors.iter().map(ToString::to_string).collect();
    lines.push(String::new());
    let besides = decision.reasons.iter().filter(|reason| !factors.contains(reason));
    lines.extend(besides.map(|reason| format!("  {}", visible(reason))));
    lines.extend(risk_words(output, decision));
    lines.extend(facts_words(output, &decision.assessment.facts));
    lines.extend(history_words(output, &explained.explanation));
    lines.extend(rules_words(output, &explained.explanation.rules, all_rules));
    lines.join("\n")
}

fn risk_words(output: Output, decision: &Decision) -> Vec<String> {
    let assessment = &decision.assessment;
    let title = format!("risk {} {}", assessment.score, assessment.level);
    let mut lines = vec![String::new(), output.paint(Tone::Strong, title)];
    for factor in &assessment.factors {
        lines.push(format!(
            "  {:<12} {:>5} × {:<5} = {:<8} {:<8} {}",
            factor.name.as_str(),
            factor.value.to_string(),
            factor.weight.to_string(),
            factor.contribution.to_string(),
            factor.source.as_str(),
            output.paint(Tone::Faint, visible(&factor.reason))
        ));
    }
    for floor in &assessment.floors {
        let what = if floor.beyond.is_some() { "limit" } else { "floor" };
        let beyond = floor.beyond.as_ref().map(|beyond| format!(" ({beyond})")).unwrap_or_default();
        lines.push(format!(
            "  {} {}: at least {}{}",
            output.paint(Tone::Wait, what),
            visible(&floor.floor),
            floor.level,
            visible(&beyond)
        ));
    }
    lines
}

fn facts_words(output: Output, facts: &Facts) -> Vec<String> {
    let mut lines = vec![String::new(), output.paint(Tone::Strong, "facts")];
    let mut fact = |name: &str, value: String, source: &str, reason: &str| {
        let reason = output.paint(Tone::Faint, visible(reason));
        lines.push(format!("  {name:<12} {value:<12} {source:<8} {reason}"));
    };
    fact("kind", facts.kind.value.to_string(), facts.kind.source.as_str(), &facts.kind.reason);
    let environment = &facts.environment;
    fact("environment", environment.value.to_string(), environment.source.as_str(), &environment.reason);
    let sensitivity = &facts.sensitivity;
    fact("sensitivity", sensitivity.value.to_string(), sensitivity.source.as_str(), &sensitivity.reason);
    fact("scope", facts.scope.value.to_string(), facts.scope.source.as_str(), &facts.scope.reason);
    let irreversible = &facts.irreversible;
    fact("irreversible", irreversible.value.to_string(), irreversible.source.as_str(), &irreversible.reason);
    let cost = facts.cost.value.map_or_else(|| "unknown".to_owned(), |cost| cost.to_string());
    fact("cost", cost, facts.cost.source.as_str(), &facts.cost.reason);
    if let Some(pattern) = &facts.critical {
        fact("critical", "true".to_owned(), "policy", &format!("`{pattern}` is declared as critical"));
    }
    if !facts.touched.is_none() {
        lines.push(format!("  it touches rows {}, objects {}", facts.touched.rows, facts.touched.objects));
    }
    for (number, act) in facts.acts.iter().enumerate().take(ACTS) {
        let kind = output.paint(Tone::Faint, act.kind.as_str());
        lines.push(format!("  payload {}    {kind} {}", number + 1, visible(&act.to_string())));
    }
    if facts.acts.len() > ACTS {
        lines.push(format!("  … and {} acts more", facts.acts.len() - ACTS));
    }
    let doubt = |doubt: &crate::classify::Doubt| {
        format!("  {} {}", output.paint(Tone::Wait, "in doubt:"), visible(&doubt.to_string()))
    };
    lines.extend(facts.doubts.iter().take(ACTS).map(doubt));
    lines
}

/// The most acts of a payload that are shown.
const ACTS: usize = 20;

fn history_words(output: Output, explanation: &Explanation) -> Vec<String> {
    let history = &explanation.history;
    let recent = &history.recent;
    let mut lines = vec![String::new(), output.paint(Tone::Strong, "history, this operation included")];
    lines.push(format!("  anomalies that count: {}", history.anomalies));
    lines.push(format!(
        "  like it lately: requests {}, rows {}, objects {}, cost {}",
        recent.requests, recent.rows, recent.objects, recent.cost
    ));
    if let Some(denied) = &history.denied {
        lines.push(format!("  {} denied one like it lately", denied.by));
    }
    lines
}

fn rules_words(output: Output, rules: &[RuleExplained], all: bool) -> Vec<String> {
    let mut lines = vec![String::new(), output.paint(Tone::Strong, "rules")];
    let decides = rules.iter().position(|rule| rule.part == Role::Decided);
    let shown = |number: usize, rule: &RuleExplained| {
        all || rules.len() <= SHOWN
            || !matches!(rule.part, Role::Unlike { .. })
            || number < SHOWN / 2
            || decides.is_some_and(|decides| number.abs_diff(decides) < SHOWN / 4)
    };
    let longest = rules.iter().map(|rule| rule.name.chars().count()).max().unwrap_or_default();
    let width = longest.min(32);
    let mut left_out = 0;
    for (number, rule) in rules.iter().enumerate() {
        if !shown(number, rule) {
            left_out += 1;
            continue;
        }
        let (mark, tone) = match rule.part {
            Role::Decided => ("→", Tone::Good),
            Role::WouldToo => ("·", Tone::Wait),
            Role::Erred { .. } => ("!", Tone::Bad),
            Role::Unlike { .. } => (" ", Tone::Faint),
        };
        lines.push(format!(
            "{mark} line {:<4} {:<8} {:<width$}  {}",
            rule.line,
            rule.effect,
            visible(&rule.name),
            output.paint(tone, visible(&rule.part.to_string()))
        ));
    }
    if rules.is_empty() {
        lines.push("  there is none".to_owned());
    }
    if left_out > 0 {
        lines.push(format!("  … and {left_out} that do not match; --all-rules shows them"));
    }
    lines
}

fn document(explained: &Explained) -> Value {
    let operation = &explained.operation;
    let history = &explained.explanation.history;
    json!({
        "operation": {
            "action": operation.action(),
            "resource": operation.resource(),
            "digest": operation.digest().to_string(),
        },
        "agent": explained.agent.as_str(),
        "on_behalf_of": explained.on_behalf_of.as_ref().map(PersonId::as_str),
        "at": explained.at.to_string(),
        "decision_id": explained.recorded.as_ref().map(|decided| decided.txn.to_string()),
        "differs_from_record": explained.apart(),
        "decision": explained.decision(),
        "history": history,
        "rules": explained.explanation.rules.iter().map(rule_json).collect::<Vec<_>>(),
    })
}

fn rule_json(rule: &RuleExplained) -> Value {
    let role = match &rule.part {
        Role::Decided => json!({ "role": "decided" }),
        Role::WouldToo => json!({ "role": "would_too" }),
        Role::Unlike { key, wants, found } => {
            json!({ "role": "unlike", "key": key, "wants": wants, "found": found })
        }
        Role::Erred { fault, counts } => {
            json!({ "role": "erred", "fault": fault.to_string(), "counts": counts })
        }
    };
    let mut document = json!({ "name": rule.name, "line": rule.line, "effect": rule.effect });
    if let (Some(members), Value::Object(role)) = (document.as_object_mut(), role) {
        members.extend(role);
    }
    document
}
