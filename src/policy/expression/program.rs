//! The program of an expression: a tree in which every name is resolved and every pattern compiled.

use crate::risk::pattern::Glob;
use crate::risk::{FactorName, Level};
use regex::Regex;
use std::sync::Arc;

/// A part of a program.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Box<str>),
    List(Vec<Self>),
    /// A name of the schema.
    Field(Field),
    /// Whether it is there.
    HasField(Field),
    /// The variable of a quantifier; 0 is the outer one.
    Variable(usize),
    /// A field of an act.
    Act(Box<Self>, ActField),
    /// A member of an object in the parameters.
    Member(Box<Self>, Arc<str>),
    HasMember(Box<Self>, Arc<str>),
    Index(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Negate(Box<Self>),
    Arithmetic(Arithmetic, Box<Self>, Box<Self>),
    Order(Order, Box<Self>, Box<Self>),
    Equal(Box<Self>, Box<Self>),
    In(Box<Self>, Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Choose(Box<[Self; 3]>),
    Size(Box<Self>),
    Search(Search, Box<Self>, Box<Self>),
    Matches(Box<Self>, Regex),
    Glob(Box<Self>, Glob),
    Lower(Box<Self>),
    AtLeast(Box<Self>, Level),
    Convert(Conversion, Box<Self>),
    /// The list, the condition, and the number of its variable.
    Quantified(Quantifier, Box<Self>, Box<Self>, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    Contains,
    StartsWith,
    EndsWith,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    Int,
    Double,
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    Exists,
    All,
    ExistsOne,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Action,
    Resource,
    Digest,
    Parameters,
    Kind,
    Environment,
    Sensitivity,
    Scope,
    Irreversible,
    Cost,
    Rows,
    Objects,
    Critical,
    Understood,
    Acts,
    Targets,
    Places,
    Score,
    Level,
    Factor(FactorName),
    Agent,
    OnBehalfOf,
    Anomalies,
    Requests,
    PastRows,
    PastObjects,
    PastCost,
    NewAction,
    NewResource,
    NewEnvironment,
    Denied,
    Executor,
    Reason,
    UserRequest,
    Reasoning,
    BlastRadius,
    Reversibility,
    Alternatives,
    Hour,
    Minute,
    Unix,
    Weekday,
    Date,
    WorkingHours,
}

/// A field of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ActField {
    What,
    Kind,
    Targets,
    Places,
}
