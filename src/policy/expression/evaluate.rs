//! The evaluation of a program: total, pure, and stopped when it has cost too much.

use super::Expression;
use super::check::MAX_QUANTIFIERS;
use super::fault::a;
use super::inputs::{Inputs, field, is_there};
use super::program::{ActField, Arithmetic, Conversion, Node, Order, Search};
use super::value::{List, Value, truncated};
use crate::risk::Level;
use core::cmp::Ordering;
use core::fmt;
use std::borrow::Cow;
use std::sync::Arc;

/// Why nobody can say whether a condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvaluationFault {
    /// The operation's payload is not JSON, and the condition asks for parameters.
    Raw,
    /// Something that may be absent is.
    Absent(&'static str),
    /// The parameters have no such member.
    Missing(Arc<str>),
    /// What is wanted, and what is found.
    WrongType(&'static str, &'static str),
    /// A result that no int holds.
    Overflow,
    /// A division by zero.
    DivisionByZero,
    /// A list has no such element.
    OutOfRange,
    /// A text is not the number that it is taken for.
    NotANumber,
    /// A text that is put together is longer than the limit.
    TooLong,
    /// It took more than an evaluation may.
    TooCostly,
}

impl fmt::Display for EvaluationFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw => f.write_str("the payload is not JSON, so it has no parameters"),
            Self::Absent(what) => write!(f, "`{what}` is not known"),
            Self::Missing(name) => {
                write!(f, "there is no `{}`", name.chars().take(80).collect::<String>().escape_debug())
            }
            Self::WrongType(wanted, found) => write!(f, "{} where {} is needed", a(found), a(wanted)),
            Self::Overflow => f.write_str("a number that is out of range"),
            Self::DivisionByZero => f.write_str("a division by zero"),
            Self::OutOfRange => f.write_str("a list has no such element"),
            Self::NotANumber => f.write_str("a text that is not a number"),
            Self::TooLong => write!(f, "a text of more than {MAX_TEXT} bytes"),
            Self::TooCostly => f.write_str("it takes too long to find out"),
        }
    }
}

impl std::error::Error for EvaluationFault {}

/// The longest text that an expression puts together, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// Whether a program's value is `true`.
pub(super) fn holds(node: &Node, inputs: &Inputs<'_>) -> Result<bool, EvaluationFault> {
    let mut evaluation = Evaluation {
        inputs,
        variables: [const { Value::Null }; MAX_QUANTIFIERS],
        meter: Meter(Expression::MAX_COST),
    };
    evaluation.truth(node)
}

/// What an evaluation may still spend.
pub(super) struct Meter(u32);

impl Meter {
    pub(super) const fn spend(&mut self, units: u32) -> Result<(), EvaluationFault> {
        match self.0.checked_sub(units) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => Err(EvaluationFault::TooCostly),
        }
    }

    /// So many bytes of text are read.
    pub(super) fn read(&mut self, bytes: usize) -> Result<(), EvaluationFault> {
        self.spend(u32::try_from(bytes / 64).unwrap_or(u32::MAX))
    }
}

pub(super) struct Evaluation<'a, 'i> {
    inputs: &'i Inputs<'a>,
    pub(super) variables: [Value<'a>; MAX_QUANTIFIERS],
    pub(super) meter: Meter,
}

type Evaluated<'a> = Result<Value<'a>, EvaluationFault>;

impl<'a> Evaluation<'a, '_> {
    pub(super) fn truth(&mut self, node: &'a Node) -> Result<bool, EvaluationFault> {
        let value = self.value(node)?;
        if let Value::Bool(truth) = value { Ok(truth) } else { Err(value.is_no("bool")) }
    }

    fn text(&mut self, node: &'a Node) -> Result<Cow<'a, str>, EvaluationFault> {
        let value = self.value(node)?;
        if let Value::Text(text) = value { Ok(text) } else { Err(value.is_no("string")) }
    }

    pub(super) fn value(&mut self, node: &'a Node) -> Evaluated<'a> {
        self.meter.spend(1)?;
        Ok(match node {
            Node::Null => Value::Null,
            Node::Bool(truth) => Value::Bool(*truth),
            Node::Int(number) => Value::Int(*number),
            Node::Double(number) => Value::Double(*number),
            Node::Text(text) => Value::text(text),
            Node::List(nodes) => {
                let values = nodes.iter().map(|node| self.value(node));
                Value::List(List::Made(values.collect::<Result<_, _>>()?))
            }
            Node::Field(name) => field(self.inputs, *name)?,
            Node::HasField(name) => Value::Bool(is_there(self.inputs, *name)),
            Node::Variable(number) => self.variables.get(*number).cloned().unwrap_or(Value::Null),
            Node::Act(act, name) => self.of_act(act, *name)?,
            Node::Member(whole, name) => {
                let value = self.value(whole)?;
                self.member(&value, name)?.ok_or_else(|| EvaluationFault::Missing(Arc::clone(name)))?
            }
            Node::HasMember(whole, name) => {
                let value = self.value(whole)?;
                Value::Bool(self.member(&value, name)?.is_some())
            }
            Node::Index(whole, index) => self.index(whole, index)?,
            Node::Not(inner) => Value::Bool(!self.truth(inner)?),
            Node::Negate(inner) => negated(&self.value(inner)?)?,
            Node::Arithmetic(operation, one, other) => {
                let (one, other) = (self.value(one)?, self.value(other)?);
                calculate(*operation, one, other)?
            }
            Node::Order(order, one, other) => {
                let (one, other) = (self.value(one)?, self.value(other)?);
                self.order(*order, &one, &other)?
            }
            Node::Equal(one, other) => {
                let (one, other) = (self.value(one)?, self.value(other)?);
                Value::Bool(one.equals(&other, &mut self.meter)?)
            }
            Node::In(element, whole) => self.is_in(element, whole)?,
            Node::All(parts) => Value::Bool(self.settled(parts, false)?),
            Node::Any(parts) => Value::Bool(self.settled(parts, true)?),
            Node::Choose(parts) => {
                let [condition, then, otherwise] = &**parts;
                if self.truth(condition)? { self.value(then)? } else { self.value(otherwise)? }
            }
            Node::Size(whole) => self.size(whole)?,
            Node::Search(search, text, wanted) => {
                let (text, wanted) = (self.text(text)?, self.text(wanted)?);
                self.meter.read(text.len())?;
                Value::Bool(match search {
                    Search::Contains => text.contains(&*wanted),
                    Search::StartsWith => text.starts_with(&*wanted),
                    Search::EndsWith => text.ends_with(&*wanted),
                })
            }
            Node::Matches(text, regex) => {
                let text = self.text(text)?;
                self.meter.read(text.len().saturating_mul(4))?;
                Value::Bool(regex.is_match(&text))
            }
            Node::Glob(text, glob) => {
                let text = self.text(text)?;
                self.meter.read(text.len())?;
                Value::Bool(glob.matches(&text))
            }
            Node::Lower(text) => {
                let text = self.text(text)?;
                self.meter.read(text.len())?;
                let lower = text.bytes().any(|b| b.is_ascii_uppercase());
                if lower && text.len() > MAX_TEXT {
                    return Err(EvaluationFault::TooLong);
                }
                Value::Text(if lower { Cow::Owned(text.to_ascii_lowercase()) } else { text })
            }
            Node::AtLeast(level, least) => {
                let text = self.text(level)?;
                let level = Level::ALL.into_iter().find(|level| *level.as_str() == *text);
                Value::Bool(level.ok_or(EvaluationFault::WrongType("level", "string"))? >= *least)
            }
            Node::Convert(to, inner) => {
                let value = self.value(inner)?;
                self.meter.read(if let Value::Text(text) = &value { text.len() } else { 0 })?;
                convert(*to, value)?
            }
            Node::Quantified(quantifier, list, condition, number) => {
                Value::Bool(self.quantified(*quantifier, list, condition, *number)?)
            }
        })
    }

    /// `&&` and `||`: a part that settles it settles it, whatever goes wrong in the others.
    fn settled(&mut self, parts: &'a [Node], by: bool) -> Result<bool, EvaluationFault> {
        let mut fault = None;
        for part in parts {
            match self.truth(part) {
                Ok(truth) if truth == by => return Ok(by),
                Ok(_) => {}
                Err(EvaluationFault::TooCostly) => return Err(EvaluationFault::TooCostly),
                Err(other) => fault = fault.or(Some(other)),
            }
        }
        fault.map_or(Ok(!by), Err)
    }

    fn of_act(&mut self, act: &'a Node, name: ActField) -> Evaluated<'a> {
        let value = self.value(act)?;
        let Value::Act(act) = value else { return Err(value.is_no("act")) };
        Ok(match name {
            ActField::What => Value::text(&act.what),
            ActField::Kind => Value::text(act.kind.as_str()),
            ActField::Targets => Value::List(List::Texts(&act.targets)),
            ActField::Places => Value::List(List::Texts(&act.places)),
        })
    }

    fn member(&mut self, whole: &Value<'a>, name: &str) -> Result<Option<Value<'a>>, EvaluationFault> {
        let Value::Object(object) = whole else {
            return Err(whole.is_no("map"));
        };
        // An object is searched by halves or from end to end; it has 4096 members at most.
        self.meter.spend(u32::try_from(object.len() / 16).unwrap_or(u32::MAX))?;
        Ok(object.get(name).map(Value::from_json))
    }

    fn index(&mut self, whole: &'a Node, index: &'a Node) -> Evaluated<'a> {
        match (self.value(whole)?, self.value(index)?) {
            (Value::List(list), Value::Int(number)) => {
                let number = usize::try_from(number).map_err(|_| EvaluationFault::OutOfRange)?;
                self.meter.spend(u32::try_from(number.min(list.len()) / 16).unwrap_or(u32::MAX))?;
                list.iter().nth(number).ok_or(EvaluationFault::OutOfRange)
            }
            (Value::List(_), other) => Err(other.is_no("int")),
            (whole @ Value::Object(_), Value::Text(name)) => {
                self.member(&whole, &name)?.ok_or_else(|| EvaluationFault::Missing(Arc::from(&*name)))
            }
            (Value::Object(_), other) => Err(other.is_no("string")),
            (other, _) => Err(other.is_no("list or a map")),
        }
    }

    fn is_in(&mut self, element: &'a Node, whole: &'a Node) -> Evaluated<'a> {
        let element = self.value(element)?;
        let whole = self.value(whole)?;
        if let Value::List(list) = &whole {
            for one in list.iter() {
                if one.equals(&element, &mut self.meter)? {
                    return Ok(Value::Bool(true));
                }
            }
            return Ok(Value::Bool(false));
        }
        let Value::Object(_) = whole else { return Err(whole.is_no("list or a map")) };
        let Value::Text(name) = element else { return Ok(Value::Bool(false)) };
        Ok(Value::Bool(self.member(&whole, &name)?.is_some()))
    }

    fn size(&mut self, whole: &'a Node) -> Evaluated<'a> {
        let value = self.value(whole)?;
        let size = if let Value::Text(text) = &value {
            self.meter.read(text.len())?;
            text.chars().count()
        } else if let Value::List(list) = &value {
            list.len()
        } else if let Value::Object(object) = &value {
            object.len()
        } else {
            return Err(value.is_no("string or a list"));
        };
        Ok(Value::Int(i64::try_from(size).map_err(|_| EvaluationFault::Overflow)?))
    }

    fn order(&mut self, order: Order, one: &Value<'a>, other: &Value<'a>) -> Evaluated<'a> {
        if let (Value::Text(one), Value::Text(other)) = (one, other) {
            self.meter.read(one.len().min(other.len()))?;
        }
        let found = match one.compare(other) {
            Some(found) => found,
            // What is no number is neither below nor above.
            None if matches!(
                (one, other),
                (Value::Int(_) | Value::Double(_), Value::Int(_) | Value::Double(_))
            ) =>
            {
                return Ok(Value::Bool(false));
            }
            None if matches!(one, Value::Int(_) | Value::Double(_) | Value::Text(_)) => {
                return Err(EvaluationFault::WrongType(one.kind(), other.kind()));
            }
            None => return Err(one.is_no("number or a string")),
        };
        Ok(Value::Bool(match order {
            Order::Less => found == Ordering::Less,
            Order::LessOrEqual => found != Ordering::Greater,
            Order::Greater => found == Ordering::Greater,
            Order::GreaterOrEqual => found != Ordering::Less,
        }))
    }
}

/// An int beside a double counts as a double.
fn calculate<'a>(operation: Arithmetic, one: Value<'a>, other: Value<'a>) -> Evaluated<'a> {
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => whole(operation, one, other),
        (Value::Double(one), Value::Double(other)) => fraction(operation, one, other),
        (Value::Double(one), Value::Int(other)) => fraction(operation, one, double(other)),
        (Value::Int(one), Value::Double(other)) => fraction(operation, double(one), other),
        (Value::Text(one), Value::Text(other)) if operation == Arithmetic::Add => {
            if one.len().saturating_add(other.len()) > MAX_TEXT {
                return Err(EvaluationFault::TooLong);
            }
            Ok(Value::Text(one + other))
        }
        (Value::Int(_) | Value::Double(_), other) => Err(other.is_no("number")),
        (Value::Text(_), other) if operation == Arithmetic::Add => Err(other.is_no("string")),
        (other, _) => Err(other.is_no("number")),
    }
}

fn negated<'a>(value: &Value<'a>) -> Evaluated<'a> {
    if let Value::Int(number) = value {
        number.checked_neg().map(Value::Int).ok_or(EvaluationFault::Overflow)
    } else if let Value::Double(number) = value {
        Ok(Value::Double(-number))
    } else {
        Err(value.is_no("number"))
    }
}

fn whole<'a>(operation: Arithmetic, one: i64, other: i64) -> Evaluated<'a> {
    let divides = matches!(operation, Arithmetic::Divide | Arithmetic::Remainder);
    if divides && other == 0 {
        return Err(EvaluationFault::DivisionByZero);
    }
    let result = match operation {
        Arithmetic::Add => one.checked_add(other),
        Arithmetic::Subtract => one.checked_sub(other),
        Arithmetic::Multiply => one.checked_mul(other),
        Arithmetic::Divide => one.checked_div(other),
        Arithmetic::Remainder => one.checked_rem(other),
    };
    result.map(Value::Int).ok_or(EvaluationFault::Overflow)
}

fn fraction<'a>(operation: Arithmetic, one: f64, other: f64) -> Evaluated<'a> {
    Ok(Value::Double(match operation {
        Arithmetic::Add => one + other,
        Arithmetic::Subtract => one - other,
        Arithmetic::Multiply => one * other,
        Arithmetic::Divide => one / other,
        Arithmetic::Remainder => return Err(EvaluationFault::WrongType("int", "double")),
    }))
}

#[expect(clippy::cast_precision_loss, reason = "a double is the nearest that there is, as CEL has it")]
const fn double(int: i64) -> f64 {
    int as f64
}

/// The longest number that is read, so that a long text is not.
const MAX_NUMBER: usize = 64;

fn convert<'a>(to: Conversion, value: Value<'a>) -> Evaluated<'a> {
    match (to, value) {
        (Conversion::Int, same @ Value::Int(_))
        | (Conversion::Double, same @ Value::Double(_))
        | (Conversion::Text, same @ Value::Text(_)) => Ok(same),
        (Conversion::Int, Value::Double(number)) => {
            truncated(number).map(Value::Int).ok_or(EvaluationFault::Overflow)
        }
        (Conversion::Int, Value::Text(text)) => {
            number(&text)?.parse().map(Value::Int).map_err(|_| EvaluationFault::NotANumber)
        }
        (Conversion::Double, Value::Int(number)) => Ok(Value::Double(double(number))),
        (Conversion::Double, Value::Text(text)) => {
            let read = number(&text)?.parse::<f64>().ok().filter(|number| number.is_finite());
            read.map(Value::Double).ok_or(EvaluationFault::NotANumber)
        }
        (Conversion::Text, Value::Int(number)) => Ok(Value::Text(Cow::Owned(number.to_string()))),
        (Conversion::Text, Value::Double(number)) => Ok(Value::Text(Cow::Owned(number.to_string()))),
        (Conversion::Text, Value::Bool(truth)) => Ok(Value::text(if truth { "true" } else { "false" })),
        (_, other) => Err(other.is_no("number or a string")),
    }
}

/// A text that is written as a number is: `inf` and `+1` are not.
fn number(text: &str) -> Result<&str, EvaluationFault> {
    let digits = text.strip_prefix('-').unwrap_or(text).starts_with(|c: char| c.is_ascii_digit());
    if digits && text.len() <= MAX_NUMBER { Ok(text) } else { Err(EvaluationFault::NotANumber) }
}
