//! A scenario: an operation with everything around it that a decision looks at, written down in a file.

use super::{Decision, Examined, Request, judge};
use crate::escalation::requirement::Membership;
use crate::moment::Moment;
use crate::operation::Operation;
use crate::operation::context::Context;
use crate::party::{AgentId, EscalationId, ExecutorId, NotAName, PersonId};
use crate::policy::parse::{self, Node, Yaml};
use crate::policy::read::{Fields, expected, list, malformed, one_or_more, text, truth, whole, word};
use crate::policy::{At, Fault, Policy, Problem, SourceError};
use crate::risk::{Claims, DeniedBefore, Environment, History, Kind, Novelty, Sensitivity, Totals};

/// The keys of a scenario.
pub(super) const SCENARIO: &[&str] =
    &["operation", "agent", "on_behalf_of", "executor", "declared", "context", "at", "history"];
const OPERATION: &[&str] = &["action", "resource", "parameters", "payload"];
const DECLARED: &[&str] = &["kind", "environment", "sensitivity", "rows", "irreversible", "cost"];
const CONTEXT: &[&str] =
    &["reason", "user_request", "reasoning", "blast_radius", "reversibility", "alternatives"];
const HISTORY: &[&str] = &["anomalies", "recent", "limits", "just_below", "pieces", "new", "denied_by"];
const TOTALS: &[&str] = &["requests", "rows", "objects", "cost"];
const NEW: &[&str] = &["action", "resource", "environment"];

/// When a scenario is that does not say: a Tuesday, at noon in UTC.
pub const NOON: Moment = Moment::from_unix_seconds(1_767_700_800);

/// An operation with everything around it that a decision looks at.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What is to be done.
    pub operation: Operation,
    /// Who asks.
    pub agent: AgentId,
    /// For whom.
    pub on_behalf_of: Option<PersonId>,
    /// The executor that the agent names.
    pub executor: Option<ExecutorId>,
    /// What the agent declares.
    pub claims: Claims,
    /// What it says in its own words.
    pub context: Context,
    /// When.
    pub at: Moment,
    /// What the agent did before.
    pub past: Past,
}

/// What an agent did before; the operation itself is not counted yet.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// How many anomalies count.
    pub anomalies: u32,
    /// What it did like this operation within the model's window.
    pub recent: Totals,
    /// What the policy's limits have added up, by their names, and where that is written.
    pub limits: Vec<(String, At, Totals)>,
    /// How many operations like it were just below a threshold.
    pub just_below: u32,
    /// How many small operations followed a large one that was not simply allowed.
    pub pieces: u32,
    /// What of the operation it never did before.
    pub new: Novelty,
    /// Who lately denied it an operation like this one.
    pub denied_by: Option<PersonId>,
}

/// What a scenario has where it does not say otherwise.
#[derive(Clone, Debug, Default)]
pub(super) struct Defaults {
    agent: Option<AgentId>,
    on_behalf_of: Option<PersonId>,
    executor: Option<ExecutorId>,
    claims: Option<Claims>,
    context: Option<Context>,
    at: Option<Moment>,
    past: Option<Past>,
}

impl Scenario {
    /// Reads one scenario, YAML or JSON; `file_name` is what errors call it.
    ///
    /// # Errors
    /// [`SourceError`]: the first problem, with its place.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, SourceError> {
        let read = || {
            let root = parse::parse(text)?;
            Self::read(&root, &Fields::of(&root, SCENARIO)?, &Defaults::default())
        };
        read().map_err(|fault: Fault| fault.within(text, file_name))
    }

    pub(super) fn read(node: &Node, fields: &Fields<'_>, defaults: &Defaults) -> Result<Self, Fault> {
        let own = Defaults::read(fields)?;
        let missing = || Fault::new(node.at, Problem::MissingKey("agent"));
        Ok(Self {
            operation: operation(fields.required("operation")?)?,
            agent: own.agent.or_else(|| defaults.agent.clone()).ok_or_else(missing)?,
            on_behalf_of: own.on_behalf_of.or_else(|| defaults.on_behalf_of.clone()),
            executor: own.executor.or_else(|| defaults.executor.clone()),
            claims: own.claims.or_else(|| defaults.claims.clone()).unwrap_or_default(),
            context: own.context.or_else(|| defaults.context.clone()).unwrap_or_default(),
            at: own.at.or(defaults.at).unwrap_or(NOON),
            past: own.past.or_else(|| defaults.past.clone()).unwrap_or_default(),
        })
    }

    /// What is asked of a policy.
    #[must_use]
    pub const fn request(&self) -> Request<'_> {
        Request {
            operation: &self.operation,
            claims: &self.claims,
            agent: &self.agent,
            on_behalf_of: self.on_behalf_of.as_ref(),
            context: &self.context,
            executor: self.executor.as_ref(),
        }
    }

    /// The history under this policy, this operation included, as a running service has it.
    ///
    /// # Errors
    /// [`Fault`] for a limit that the policy does not have.
    pub(super) fn history(&self, policy: &Policy, examined: &Examined) -> Result<History, Fault> {
        for (name, at, _) in &self.past.limits {
            if !policy.limits().iter().any(|limit| *limit.name == **name) {
                let known = policy.limits().iter().map(|limit| limit.name.to_string()).collect();
                return Err(Fault::new(*at, Problem::Undeclared("limit", name.clone(), known)));
            }
        }
        let footprint = examined.footprint(&self.request(), policy);
        let own = *footprint.own();
        let limits = policy.limits().iter().enumerate().map(|(place, limit)| {
            let before = self.past.limits.iter().find(|(name, ..)| *limit.name == **name);
            let before = before.map(|(.., totals)| *totals).unwrap_or_default();
            if footprint.counts_towards(place) { before.plus(own) } else { Totals::default() }
        });
        let denied = self.past.denied_by.clone();
        Ok(History {
            anomalies: self.past.anomalies,
            recent: self.past.recent.plus(own),
            limits: limits.collect(),
            just_below: self.past.just_below,
            pieces: self.past.pieces,
            new: self.past.new,
            denied: denied.map(|by| DeniedBefore { by, escalation: EscalationId::from_random([0; 16]) }),
        })
    }

    pub(super) fn decided(&self, policy: &Policy) -> Result<Decision, Fault> {
        let examined = Examined::new(&self.operation, policy);
        let history = self.history(policy, &examined)?;
        Ok(judge(&self.request(), examined, policy, &history, self.at))
    }

    /// Who could approve it: those who may fill a seat, but for whom the agent acts for, or is.
    pub(super) fn reviewers(
        &self,
        decision: &Decision,
        directory: &crate::reviewer::Directory,
    ) -> Vec<PersonId> {
        let Some(terms) = decision.terms() else { return Vec::new() };
        let asking = [Some(self.agent.as_str()), self.on_behalf_of.as_ref().map(PersonId::as_str)];
        let asking: Vec<PersonId> =
            asking.into_iter().flatten().filter_map(|name| Membership::known_as(directory, name)).collect();
        let eligible = directory.eligible(&terms.requirement).into_iter();
        eligible.filter(|person| !asking.contains(person)).cloned().collect()
    }
}

impl Defaults {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Fault> {
        Ok(Self {
            agent: fields.read("agent", |node| named(node, AgentId::new))?,
            on_behalf_of: fields.read("on_behalf_of", |node| named(node, PersonId::new))?,
            executor: fields.read("executor", |node| named(node, ExecutorId::new))?,
            claims: fields.read("declared", claims)?,
            context: fields.read("context", context)?,
            at: fields.read("at", moment)?,
            past: fields.read("history", past)?,
        })
    }
}

/// The name of an agent, a person or an executor.
fn named<T>(node: &Node, new: fn(&str) -> Result<T, NotAName>) -> Result<T, Fault> {
    const FORM: &str = "a name: printable ASCII without space, quote, backslash and comma";
    let text = text(node)?;
    new(text).map_err(|_| malformed(node, text, FORM))
}

/// A moment in UTC.
fn moment(node: &Node) -> Result<Moment, Fault> {
    let text = text(node)?;
    Moment::from_rfc3339(text).ok_or_else(|| malformed(node, text, "a moment such as `2026-11-24T12:00:00Z`"))
}

fn operation(node: &Node) -> Result<Operation, Fault> {
    let fields = Fields::of(node, OPERATION)?;
    let (action, resource) = (fields.required("action")?, fields.required("resource")?);
    let (name, on) = (text(action)?, text(resource)?);
    // Where each part is wrong is told by trying it alone.
    if Operation::from_payload(name, "x", b"").is_err() {
        return Err(malformed(
            action,
            name,
            "an action: a dotted name of ASCII letters, digits, `_` and `-`",
        ));
    }
    if Operation::from_payload(name, on, b"").is_err() {
        return Err(malformed(resource, on, "a resource: 1 to 2048 bytes without control characters"));
    }
    match (fields.get("parameters"), fields.key("payload"), fields.get("payload")) {
        (Some(_), Some(key), _) => Err(Fault::new(key.at, Problem::NotBeside("payload", "parameters"))),
        (None, _, Some(payload)) => Operation::from_payload(name, on, text(payload)?.as_bytes())
            .map_err(|_| malformed(resource, on, "a resource")),
        (parameters, ..) => {
            let at = parameters.unwrap_or(node);
            let value = parameters.map(parameters_of).transpose()?.unwrap_or_else(|| "{}".to_owned());
            Operation::from_json(name, on, value.as_bytes())
                .map_err(|error| Fault::new(at.at, Problem::Condition(error.to_string())))
        }
    }
}

/// Parameters as JSON text; a text is JSON already.
fn parameters_of(node: &Node) -> Result<String, Fault> {
    match &node.value {
        Yaml::Text(text) => Ok(text.clone()),
        Yaml::Map(_) => Ok(value(node)?.to_string()),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) => {
            Err(expected(node, "a mapping, or a text of JSON"))
        }
    }
}

fn value(node: &Node) -> Result<serde_json::Value, Fault> {
    use serde_json::Value;
    Ok(match &node.value {
        Yaml::Null => Value::Null,
        Yaml::Bool(truth) => Value::Bool(*truth),
        Yaml::Number(digits) => {
            serde_json::from_str(digits).map_err(|_| malformed(node, digits, "a number of JSON"))?
        }
        Yaml::Text(text) => Value::String(text.clone()),
        Yaml::List(items) => Value::Array(items.iter().map(value).collect::<Result<_, _>>()?),
        Yaml::Map(entries) => {
            let entry = |(key, node): &(Node, Node)| Ok((text(key)?.to_owned(), value(node)?));
            Value::Object(entries.iter().map(entry).collect::<Result<_, Fault>>()?)
        }
    })
}

fn claims(node: &Node) -> Result<Claims, Fault> {
    macro_rules! words {
        ($type:ident) => {
            |node| word(node, $type::parse, || $type::ALL.iter().map(ToString::to_string).collect())
        };
    }
    let fields = Fields::of(node, DECLARED)?;
    Ok(Claims {
        kind: fields.read("kind", words!(Kind))?,
        environment: fields.read("environment", words!(Environment))?,
        sensitivity: fields.read("sensitivity", words!(Sensitivity))?,
        rows: fields.read("rows", whole)?,
        irreversible: fields.read("irreversible", truth)?.unwrap_or_default(),
        cost: fields.read("cost", whole)?,
    })
}

fn context(node: &Node) -> Result<Context, Fault> {
    let fields = Fields::of(node, CONTEXT)?;
    let words = |key| fields.read(key, |node| text(node).map(str::to_owned)).map(Option::unwrap_or_default);
    let each = |node| one_or_more(node, |node| text(node).map(str::to_owned));
    Ok(Context {
        reason: words("reason")?,
        user_request: words("user_request")?,
        reasoning: words("reasoning")?,
        blast_radius: words("blast_radius")?,
        reversibility: words("reversibility")?,
        alternatives: fields.read("alternatives", each)?.unwrap_or_default(),
    })
}

fn past(node: &Node) -> Result<Past, Fault> {
    let fields = Fields::of(node, HISTORY)?;
    Ok(Past {
        anomalies: fields.read("anomalies", whole)?.unwrap_or_default(),
        recent: fields.read("recent", totals)?.unwrap_or_default(),
        limits: fields.read("limits", limits)?.unwrap_or_default(),
        just_below: fields.read("just_below", whole)?.unwrap_or_default(),
        pieces: fields.read("pieces", whole)?.unwrap_or_default(),
        new: fields.read("new", new)?.unwrap_or_default(),
        denied_by: fields.read("denied_by", |node| named(node, PersonId::new))?,
    })
}

fn totals(node: &Node) -> Result<Totals, Fault> {
    let fields = Fields::of(node, TOTALS)?;
    let count = |key| fields.read(key, whole).map(Option::unwrap_or_default);
    Ok(Totals {
        requests: count("requests")?,
        rows: count("rows")?,
        objects: count("objects")?,
        cost: count("cost")?,
    })
}

/// What each limit added up, by its name.
fn limits(node: &Node) -> Result<Vec<(String, At, Totals)>, Fault> {
    let Yaml::Map(entries) = &node.value else {
        return Err(expected(node, "a mapping of limits by their names"));
    };
    entries.iter().map(|(key, node)| Ok((text(key)?.to_owned(), key.at, totals(node)?))).collect()
}

/// What is new: a mapping, or a list of what is.
fn new(node: &Node) -> Result<Novelty, Fault> {
    if let Yaml::Map(_) = &node.value {
        let fields = Fields::of(node, NEW)?;
        let is = |key| fields.read(key, truth).map(Option::unwrap_or_default);
        return Ok(Novelty {
            action: is("action")?,
            resource: is("resource")?,
            environment: is("environment")?,
        });
    }
    let known = || NEW.iter().map(|name| (*name).to_owned()).collect();
    let one = |node| word(node, |text| NEW.iter().find(|name| **name == text).copied(), known);
    let named = list(node)?.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let has = |name| named.contains(&name);
    Ok(Novelty { action: has("action"), resource: has("resource"), environment: has("environment") })
}
