//! Quantifiers: `exists`, `all` and `exists_one` over a list, or over the names of an object's members.

use super::evaluate::{Evaluation, EvaluationFault};
use super::program::{Node, Quantifier};
use super::value::Value;

impl<'a> Evaluation<'a, '_> {
    /// As CEL has it: one element that settles it settles it, whatever goes wrong for the others; `exists_one`
    /// needs all of them.
    pub(super) fn quantified(
        &mut self,
        quantifier: Quantifier,
        list: &'a Node,
        condition: &'a Node,
        variable: usize,
    ) -> Result<bool, EvaluationFault> {
        let whole = self.value(list)?;
        let elements: Box<dyn Iterator<Item = Value<'a>> + '_> = if let Value::List(list) = &whole {
            list.iter()
        } else if let Value::Object(object) = &whole {
            Box::new(object.names().map(Value::text))
        } else {
            return Err(whole.is_no("list"));
        };
        let (mut fault, mut found) = (None, 0_usize);
        for element in elements {
            self.meter.spend(1)?;
            if let Some(place) = self.variables.get_mut(variable) {
                *place = element;
            }
            match (quantifier, self.truth(condition)) {
                (_, Err(EvaluationFault::TooCostly)) => return Err(EvaluationFault::TooCostly),
                (Quantifier::ExistsOne, Err(other)) => return Err(other),
                (Quantifier::Exists | Quantifier::All, Err(other)) => fault = fault.or(Some(other)),
                (Quantifier::Exists, Ok(true)) => return Ok(true),
                (Quantifier::All, Ok(false)) => return Ok(false),
                (Quantifier::ExistsOne, Ok(truth)) => found += usize::from(truth),
                (Quantifier::Exists, Ok(false)) | (Quantifier::All, Ok(true)) => {}
            }
        }
        match (fault, quantifier) {
            (Some(fault), _) => Err(fault),
            (None, Quantifier::Exists) => Ok(false),
            (None, Quantifier::All) => Ok(true),
            (None, Quantifier::ExistsOne) => Ok(found == 1),
        }
    }
}
