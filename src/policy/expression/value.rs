//! Values: what the parts of an expression come to while it is evaluated, mostly borrowed from the inputs.

use super::evaluate::{EvaluationFault as Fault, Meter};
use crate::classify::Act;
use crate::operation::json;
use core::cmp::Ordering;
use std::borrow::Cow;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    List(List<'a>),
    Object(&'a json::Object),
    Act(&'a Act),
}

/// A list, left where it is.
#[derive(Clone, Debug)]
pub(super) enum List<'a> {
    Json(&'a [json::Value]),
    Texts(&'a [String]),
    Acts(&'a [Act]),
    /// The targets of all these acts.
    Targets(&'a [Act]),
    /// The places of all these acts.
    Places(&'a [Act]),
    Made(Vec<Value<'a>>),
}

impl<'a> List<'a> {
    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = Value<'a>> + '_> {
        let texts = |names: &'a [String]| names.iter().map(|name| Value::text(name));
        match self {
            Self::Json(values) => Box::new(values.iter().map(Value::from_json)),
            Self::Texts(names) => Box::new(texts(names)),
            Self::Acts(acts) => Box::new(acts.iter().map(Value::Act)),
            Self::Targets(acts) => Box::new(acts.iter().flat_map(move |act| texts(&act.targets))),
            Self::Places(acts) => Box::new(acts.iter().flat_map(move |act| texts(&act.places))),
            Self::Made(values) => Box::new(values.iter().cloned()),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(values) => values.len(),
            Self::Texts(names) => names.len(),
            Self::Acts(acts) => acts.len(),
            Self::Targets(acts) => acts.iter().map(|act| act.targets.len()).sum(),
            Self::Places(acts) => acts.iter().map(|act| act.places.len()).sum(),
            Self::Made(values) => values.len(),
        }
    }
}

impl<'a> Value<'a> {
    pub(super) const fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A number that is whole and fits is an int.
    pub(super) fn from_json(value: &'a json::Value) -> Self {
        match value {
            json::Value::Null => Self::Null,
            json::Value::Bool(truth) => Self::Bool(*truth),
            json::Value::Number(number) => {
                number.as_i64().map_or_else(|| Self::Double(number.as_f64()), Self::Int)
            }
            json::Value::String(text) => Self::text(text),
            json::Value::Array(values) => Self::List(List::Json(values)),
            json::Value::Object(object) => Self::Object(object),
        }
    }

    /// Its type, as CEL calls it.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Double(_) => "double",
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Object(_) => "map",
            Self::Act(_) => "act",
        }
    }

    /// The fault that something else was wanted.
    pub(super) const fn is_no(&self, wanted: &'static str) -> Fault {
        Fault::WrongType(wanted, self.kind())
    }

    /// Whether they are equal; of different types they are not, but for numbers, which are compared by their value.
    pub(super) fn equals(&self, other: &Self, meter: &mut Meter) -> Result<bool, Fault> {
        meter.spend(1)?;
        Ok(match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Int(_) | Self::Double(_), Self::Int(_) | Self::Double(_)) => {
                self.compare(other) == Some(Ordering::Equal)
            }
            (Self::Text(one), Self::Text(other)) => {
                meter.read(one.len().min(other.len()))?;
                one == other
            }
            (Self::List(one), Self::List(other)) => {
                if one.len() != other.len() {
                    return Ok(false);
                }
                for (one, other) in one.iter().zip(other.iter()) {
                    if !one.equals(&other, meter)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Object(one), Self::Object(other)) => {
                if one.len() != other.len() {
                    return Ok(false);
                }
                for ((name, value), (other_name, other)) in one.iter().zip(other.iter()) {
                    meter.read(name.len())?;
                    let equal = name == other_name
                        && Value::from_json(value).equals(&Value::from_json(other), meter)?;
                    if !equal {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Act(one), Self::Act(other)) => one == other,
            _ => false,
        })
    }

    /// Which is larger, of numbers and of texts; `None` for anything else, and beside what is no number.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => Some(one.cmp(other)),
            (Self::Double(one), Self::Double(other)) => one.partial_cmp(other),
            (Self::Int(one), Self::Double(other)) => compare_exactly(*one, *other),
            (Self::Double(one), Self::Int(other)) => compare_exactly(*other, *one).map(Ordering::reverse),
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

/// The smallest double that no int reaches, 2^63.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// Compares without rounding the int to a double.
fn compare_exactly(int: i64, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        None
    } else if double >= BEYOND {
        Some(Ordering::Less)
    } else {
        match truncated(double) {
            None => Some(Ordering::Greater),
            Some(whole) => Some(int.cmp(&whole).then_with(|| 0.0_f64.total_cmp(&(double.fract() + 0.0)))),
        }
    }
}

/// A double without its fraction, if that is an int.
pub(super) fn truncated(double: f64) -> Option<i64> {
    if !(-BEYOND..BEYOND).contains(&double) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it lies in the range of an i64, and the fraction is to go"
    )]
    let whole = double as i64;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_int_beside_a_double_is_compared_without_rounding() {
        use Ordering::{Equal, Greater, Less};
        for (int, double, expected) in [
            (1, 1.0, Some(Equal)),
            (1, 1.5, Some(Less)),
            (-1, -1.5, Some(Greater)),
            (0, -0.0, Some(Equal)),
            (0, -0.25, Some(Greater)),
            (i64::MAX, 9_223_372_036_854_775_808.0, Some(Less)),
            (i64::MIN, -9_223_372_036_854_775_808.0, Some(Equal)),
            (i64::MIN, -9_223_372_036_854_777_856.0, Some(Greater)),
            (9_007_199_254_740_993, 9_007_199_254_740_992.0, Some(Greater)),
            (0, f64::NAN, None),
            (0, f64::INFINITY, Some(Less)),
            (0, f64::NEG_INFINITY, Some(Greater)),
        ] {
            assert_eq!(compare_exactly(int, double), expected, "{int} {double}");
        }
    }

    proptest! {
        #[test]
        fn small_ints_compare_as_their_doubles_do(int in -1000_i32..1000, double in -1000.0_f64..1000.0) {
            prop_assert_eq!(compare_exactly(i64::from(int), double), f64::from(int).partial_cmp(&double));
        }
    }
}
