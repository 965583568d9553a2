//! Inputs: what a condition looks at, borrowed, and read only where a condition names it.

use super::evaluate::EvaluationFault as Fault;
use super::program::Field;
use super::types::WEEKDAYS;
use super::value::{List, Value};
use crate::classify::Act;
use crate::operation::context::Context;
use crate::operation::{Operation, json};
use crate::party::{AgentId, ExecutorId, PersonId};
use crate::risk::{Factor, Facts, Level, Score};
use std::borrow::Cow;

/// Everything that a condition can look at.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What is to be done.
    pub operation: &'a Operation,
    /// Its parameters, if they are JSON.
    pub parameters: Option<&'a json::Value>,
    /// What is known about it.
    pub facts: &'a Facts,
    /// How many rows it touches.
    pub rows: u64,
    /// How many other things it touches.
    pub objects: u64,
    /// What its payload does.
    pub acts: &'a [Act],
    /// Whether all of the payload was understood.
    pub understood: bool,
    /// The score.
    pub score: Score,
    /// The level.
    pub level: Level,
    /// The factors.
    pub factors: &'a [Factor],
    /// Who asks.
    pub agent: &'a AgentId,
    /// For whom.
    pub on_behalf_of: Option<&'a PersonId>,
    /// What the agent did before.
    pub past: Past,
    /// The agent's own words.
    pub context: &'a Context,
    /// The executor that the agent names.
    pub executor: Option<&'a ExecutorId>,
    /// The time.
    pub now: LocalTime,
}

/// What the record says about the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Its recent anomalies.
    pub anomalies: u32,
    /// Operations of this kind within the window.
    pub requests: u64,
    /// Rows that they touch together.
    pub rows: u64,
    /// Other things that they touch together.
    pub objects: u64,
    /// What they cost together.
    pub cost: u64,
    /// The agent never did this before.
    pub new_action: bool,
    /// … not with such a resource.
    pub new_resource: bool,
    /// … not in this environment.
    pub new_environment: bool,
    /// Somebody lately denied it the like.
    pub denied: bool,
}

/// A moment as a clock on the wall shows it where the policy's people work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Seconds since the epoch, wherever.
    pub unix: u64,
    /// The minute of the day, 0 to 1439.
    pub minute: u16,
    /// The day of the week, Monday is 0.
    pub weekday: u8,
    /// Year, month and day.
    pub date: (i16, i8, i8),
    /// Whether it is a day and an hour of work.
    pub at_work: bool,
}

/// What a name stands for in these inputs.
pub(super) fn field<'a>(inputs: &Inputs<'a>, field: Field) -> Result<Value<'a>, Fault> {
    let context = inputs.context;
    Ok(match field {
        Field::Action => Value::text(inputs.operation.action()),
        Field::Resource => Value::text(inputs.operation.resource()),
        Field::Digest => Value::Text(Cow::Owned(inputs.operation.digest().to_string())),
        Field::Parameters => Value::from_json(inputs.parameters.ok_or(Fault::Raw)?),
        Field::Kind => Value::text(inputs.facts.kind.value.as_str()),
        Field::Environment => Value::text(inputs.facts.environment.value.as_str()),
        Field::Sensitivity => Value::text(inputs.facts.sensitivity.value.as_str()),
        Field::Scope => Value::text(inputs.facts.scope.value.as_str()),
        Field::Irreversible => Value::Bool(inputs.facts.irreversible.value),
        Field::Cost => int(inputs.facts.cost.value.ok_or(Fault::Absent("facts.cost"))?),
        Field::Rows => int(inputs.rows),
        Field::Objects => int(inputs.objects),
        Field::Understood => Value::Bool(inputs.understood),
        Field::Acts => Value::List(List::Acts(inputs.acts)),
        Field::Targets => Value::List(List::Targets(inputs.acts)),
        Field::Places => Value::List(List::Places(inputs.acts)),
        Field::Score => thousandths(inputs.score),
        Field::Level => Value::text(inputs.level.as_str()),
        Field::Factor(name) => {
            let factor = inputs.factors.iter().find(|factor| factor.name == name);
            thousandths(factor.ok_or(Fault::Absent("this factor"))?.value)
        }
        Field::Agent => Value::text(inputs.agent.as_str()),
        Field::OnBehalfOf => {
            Value::text(inputs.on_behalf_of.ok_or(Fault::Absent("agent.on_behalf_of"))?.as_str())
        }
        Field::Anomalies => Value::Int(i64::from(inputs.past.anomalies)),
        Field::Requests => int(inputs.past.requests),
        Field::PastRows => int(inputs.past.rows),
        Field::PastObjects => int(inputs.past.objects),
        Field::PastCost => int(inputs.past.cost),
        Field::NewAction => Value::Bool(inputs.past.new_action),
        Field::NewResource => Value::Bool(inputs.past.new_resource),
        Field::NewEnvironment => Value::Bool(inputs.past.new_environment),
        Field::Denied => Value::Bool(inputs.past.denied),
        Field::Executor => Value::text(inputs.executor.map_or("", ExecutorId::as_str)),
        Field::Reason => Value::text(&context.reason),
        Field::UserRequest => Value::text(&context.user_request),
        Field::Reasoning => Value::text(&context.reasoning),
        Field::BlastRadius => Value::text(&context.blast_radius),
        Field::Reversibility => Value::text(&context.reversibility),
        Field::Alternatives => Value::List(List::Texts(&context.alternatives)),
        Field::Hour => Value::Int(i64::from(inputs.now.minute / 60)),
        Field::Minute => Value::Int(i64::from(inputs.now.minute % 60)),
        Field::Unix => int(inputs.now.unix),
        Field::Weekday => {
            Value::text(WEEKDAYS.get(usize::from(inputs.now.weekday)).copied().unwrap_or_default())
        }
        Field::Date => {
            let (year, month, day) = inputs.now.date;
            Value::Text(Cow::Owned(format!("{year:04}-{month:02}-{day:02}")))
        }
        Field::WorkingHours => Value::Bool(inputs.now.at_work),
    })
}

/// Whether what may be absent is there.
pub(super) const fn is_there(inputs: &Inputs<'_>, field: Field) -> bool {
    if matches!(field, Field::Cost) {
        inputs.facts.cost.value.is_some()
    } else if matches!(field, Field::OnBehalfOf) {
        inputs.on_behalf_of.is_some()
    } else {
        true
    }
}

/// A count. One that no int holds is as good as the largest.
fn int<'a>(count: u64) -> Value<'a> {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn thousandths<'a>(score: Score) -> Value<'a> {
    Value::Double(f64::from(score.thousandths()) / 1000.0)
}
