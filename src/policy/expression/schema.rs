//! The schema of conditions: every name with its type and what it is, every field of an act, every function.

use super::program::{ActField, Field};
use super::types::{Type, Words};
use crate::risk::FactorName;

/// A name that a condition may use.
pub(super) struct Name {
    pub(super) path: &'static str,
    pub(super) field: Field,
    pub(super) kind: Type,
    pub(super) about: &'static str,
}

/// A field of an act.
pub(super) struct FieldOfAct {
    pub(super) name: &'static str,
    pub(super) field: ActField,
    pub(super) kind: Type,
    pub(super) about: &'static str,
}

/// A function or a quantifier.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) form: &'static str,
    pub(super) about: &'static str,
}

const TEXT: Type = Type::Text(Words::Any);
pub(super) const TEXTS: Type = Type::List(&TEXT);

const fn name(path: &'static str, field: Field, kind: Type, about: &'static str) -> Name {
    Name { path, field, kind, about }
}

const fn factor(path: &'static str, name: FactorName, about: &'static str) -> Name {
    Name { path, field: Field::Factor(name), kind: Type::Double, about }
}

/// Every name. Names of one group stand together.
pub(super) const NAMES: &[Name] = &[
    name("operation.action", Field::Action, TEXT, "what is done"),
    name("operation.resource", Field::Resource, TEXT, "to what"),
    name("operation.digest", Field::Digest, TEXT, "the operation's digest"),
    name(
        "operation.parameters",
        Field::Parameters,
        Type::Dyn,
        "its arguments; a raw payload has none, and to ask for them is an error",
    ),
    name("facts.kind", Field::Kind, Type::Text(Words::Kind), "what kind of thing is done"),
    name("facts.environment", Field::Environment, Type::Text(Words::Environment), "where"),
    name(
        "facts.sensitivity",
        Field::Sensitivity,
        Type::Text(Words::Sensitivity),
        "how sensitive the data is",
    ),
    name("facts.scope", Field::Scope, Type::Text(Words::Scope), "how much is touched"),
    name("facts.irreversible", Field::Irreversible, Type::Bool, "whether it cannot be undone"),
    name(
        "facts.cost",
        Field::Cost,
        Type::Int,
        "what it costs; to ask is an error where nobody said, unless `has(facts.cost)` is asked first",
    ),
    name("facts.rows", Field::Rows, Type::Int, "how many rows it touches, as far as anyone can say"),
    name("facts.objects", Field::Objects, Type::Int, "how many other things it touches"),
    name("facts.critical", Field::Critical, Type::Bool, "whether others depend on the resource"),
    name("facts.understood", Field::Understood, Type::Bool, "whether all of its payload was understood"),
    name("facts.acts", Field::Acts, Type::List(&Type::Act), "what its payload does, one by one"),
    name("facts.targets", Field::Targets, TEXTS, "what all the acts touch"),
    name("facts.places", Field::Places, TEXTS, "where all the acts do it"),
    name("risk.score", Field::Score, Type::Double, "the score, 0.0 to 1.0"),
    name("risk.level", Field::Level, Type::Text(Words::Level), "the level, floors included"),
    factor("risk.factors.operation", FactorName::Operation, "the kind of operation, 0.0 to 1.0"),
    factor("risk.factors.environment", FactorName::Environment, "the environment, 0.0 to 1.0"),
    factor("risk.factors.sensitivity", FactorName::Sensitivity, "the sensitivity, 0.0 to 1.0"),
    factor("risk.factors.behaviour", FactorName::Behaviour, "the agent's behaviour, 0.0 to 1.0"),
    factor("risk.factors.scope", FactorName::Scope, "the scope, 0.0 to 1.0"),
    factor("risk.factors.timing", FactorName::Timing, "the time, 0.0 to 1.0"),
    name("agent.id", Field::Agent, TEXT, "who asks"),
    name(
        "agent.on_behalf_of",
        Field::OnBehalfOf,
        TEXT,
        "for whom; to ask is an error where it is nobody, unless `has(agent.on_behalf_of)` is asked first",
    ),
    name("history.anomalies", Field::Anomalies, Type::Int, "the agent's recent anomalies"),
    name(
        "history.requests",
        Field::Requests,
        Type::Int,
        "operations of this kind within the window, this one too",
    ),
    name("history.rows", Field::PastRows, Type::Int, "rows that they touch together"),
    name("history.objects", Field::PastObjects, Type::Int, "other things that they touch together"),
    name("history.cost", Field::PastCost, Type::Int, "what they cost together"),
    name("history.new_action", Field::NewAction, Type::Bool, "the agent never did this before"),
    name("history.new_resource", Field::NewResource, Type::Bool, "… not with such a resource"),
    name("history.new_environment", Field::NewEnvironment, Type::Bool, "… not in this environment"),
    name("history.denied", Field::Denied, Type::Bool, "somebody lately denied this agent the like"),
    name("request.executor", Field::Executor, TEXT, "the executor that the agent names"),
    name("request.reason", Field::Reason, TEXT, "the agent's reason"),
    name("request.user_request", Field::UserRequest, TEXT, "what the user asked for, as the agent tells it"),
    name("request.reasoning", Field::Reasoning, TEXT, "the agent's reasoning"),
    name("request.blast_radius", Field::BlastRadius, TEXT, "what the agent says that it may affect"),
    name("request.reversibility", Field::Reversibility, TEXT, "how the agent says that it can be undone"),
    name("request.alternatives", Field::Alternatives, TEXTS, "what else the agent considered"),
    name("now.hour", Field::Hour, Type::Int, "the hour of the policy's day, 0 to 23"),
    name("now.minute", Field::Minute, Type::Int, "the minute of the hour, 0 to 59"),
    name("now.unix", Field::Unix, Type::Int, "seconds since the epoch"),
    name(
        "now.weekday",
        Field::Weekday,
        Type::Text(Words::Weekday),
        "the day of the week, `monday` to `sunday`",
    ),
    name("now.date", Field::Date, TEXT, "the day, as `2026-11-21`"),
    name("now.working_hours", Field::WorkingHours, Type::Bool, "whether it is a day and an hour of work"),
];

const fn of_act(name: &'static str, field: ActField, kind: Type, about: &'static str) -> FieldOfAct {
    FieldOfAct { name, field, kind, about }
}

/// Every field of an act.
pub(super) const ACT: &[FieldOfAct] = &[
    of_act("what", ActField::What, TEXT, "what it is, such as `DROP TABLE`"),
    of_act("kind", ActField::Kind, Type::Text(Words::Kind), "what kind of thing that is"),
    of_act("targets", ActField::Targets, TEXTS, "what it touches"),
    of_act("places", ActField::Places, TEXTS, "where"),
];

const fn function(name: &'static str, form: &'static str, about: &'static str) -> Function {
    Function { name, form, about }
}

/// Every function and quantifier.
pub(super) const FUNCTIONS: &[Function] = &[
    function("has", "has(operation.parameters.x)", "whether the field is there"),
    function("size", "size(x)", "how many characters a text, elements a list, or members an object has"),
    function("contains", "text.contains(text)", "whether it is somewhere in the text"),
    function("startsWith", "text.startsWith(text)", "whether the text begins with it"),
    function("endsWith", "text.endsWith(text)", "whether the text ends with it"),
    function(
        "matches",
        "text.matches(\"expression\")",
        "whether the regular expression matches a part of the text",
    ),
    function(
        "glob",
        "text.glob(\"pattern\")",
        "whether the pattern, in which `*` is anything, is the whole text",
    ),
    function("lowerAscii", "text.lowerAscii()", "the text with A to Z in lower case"),
    function("at_least", "risk.level.at_least(\"level\")", "whether the level is this one or a higher one"),
    function("exists", "list.exists(x, …)", "whether it holds for one of them"),
    function("all", "list.all(x, …)", "whether it holds for every one of them"),
    function("exists_one", "list.exists_one(x, …)", "whether it holds for exactly one of them"),
    function("int", "int(x)", "a number without its fraction, or the number that a text is"),
    function("double", "double(x)", "a number, or the number that a text is"),
    function("string", "string(x)", "a number or a truth value as a text"),
];

/// What can be absent although the schema has it.
pub(super) const fn may_be_absent(field: Field) -> bool {
    matches!(field, Field::Cost | Field::OnBehalfOf)
}
