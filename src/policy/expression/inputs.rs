//! Inputs: what a condition looks at, borrowed, and read only where a condition names it.

use super::evaluate::EvaluationFault as Fault;
use super::program::Field;
use super::value::{List, Value};
use crate::operation::context::Context;
use crate::operation::{Operation, json};
use crate::party::{AgentId, ExecutorId, PersonId};
use crate::risk::calendar::LocalTime;
use crate::risk::{Factor, Facts, History, Level, Score};
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
    pub history: &'a History,
    /// The agent's own words.
    pub context: &'a Context,
    /// The executor that the agent names.
    pub executor: Option<&'a ExecutorId>,
    /// The time.
    pub now: LocalTime,
}

/// What a name stands for in these inputs.
pub(super) fn field<'a>(inputs: &Inputs<'a>, field: Field) -> Result<Value<'a>, Fault> {
    let Inputs { context, facts, history, now, .. } = inputs;
    Ok(match field {
        Field::Action => Value::text(inputs.operation.action()),
        Field::Resource => Value::text(inputs.operation.resource()),
        Field::Digest => Value::Text(Cow::Owned(inputs.operation.digest().to_string())),
        Field::Parameters => Value::from_json(inputs.parameters.ok_or(Fault::Raw)?),
        Field::Kind => Value::text(facts.kind.value.as_str()),
        Field::Environment => Value::text(facts.environment.value.as_str()),
        Field::Sensitivity => Value::text(facts.sensitivity.value.as_str()),
        Field::Scope => Value::text(facts.scope.value.as_str()),
        Field::Irreversible => Value::Bool(facts.irreversible.value),
        Field::Cost => int(facts.cost.value.ok_or(Fault::Absent("facts.cost"))?),
        Field::Rows => int(facts.touched.rows),
        Field::Objects => int(facts.touched.objects),
        Field::Critical => Value::Bool(facts.critical.is_some()),
        Field::Understood => Value::Bool(facts.doubts.is_empty()),
        Field::Acts => Value::List(List::Acts(&facts.acts)),
        Field::Targets => Value::List(List::Targets(&facts.acts)),
        Field::Places => Value::List(List::Places(&facts.acts)),
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
        Field::Anomalies => Value::Int(i64::from(history.anomalies)),
        Field::Requests => int(history.recent.requests),
        Field::PastRows => int(history.recent.rows),
        Field::PastObjects => int(history.recent.objects),
        Field::PastCost => int(history.recent.cost),
        Field::NewAction => Value::Bool(history.new.action),
        Field::NewResource => Value::Bool(history.new.resource),
        Field::NewEnvironment => Value::Bool(history.new.environment),
        Field::Denied => Value::Bool(history.denied.is_some()),
        Field::Executor => Value::text(inputs.executor.map_or("", ExecutorId::as_str)),
        Field::Reason => Value::text(&context.reason),
        Field::UserRequest => Value::text(&context.user_request),
        Field::Reasoning => Value::text(&context.reasoning),
        Field::BlastRadius => Value::text(&context.blast_radius),
        Field::Reversibility => Value::text(&context.reversibility),
        Field::Alternatives => Value::List(List::Texts(&context.alternatives)),
        Field::Hour => Value::Int(i64::from(now.minute / 60)),
        Field::Minute => Value::Int(i64::from(now.minute % 60)),
        Field::Unix => int(now.unix),
        Field::Weekday => Value::text(now.weekday_name()),
        Field::Date => {
            let (year, month, day) = now.date;
            Value::Text(Cow::Owned(format!("{year:04}-{month:02}-{day:02}")))
        }
        Field::WorkingHours => Value::Bool(now.at_work),
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
