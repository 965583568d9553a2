//! The reader that builds a value.

use super::error::{Fault, ReadError};
use super::number::Number;
use super::scan::{Scanner, Start};
use super::{Limits, Object, Value, utf16_order};
use core::cmp::Ordering;

/// Reads a JSON text strictly: what [`super::canonicalize`] takes, and with the same faults.
///
/// # Errors
/// The first fault and where it is; see [`Fault`].
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Value, ReadError> {
    let mut scanner = Scanner::new(bytes, limits)?;
    let value = value(&mut scanner, &mut String::new())?;
    scanner.end()?;
    Ok(value)
}

fn value(scanner: &mut Scanner<'_>, scratch: &mut String) -> Result<Value, ReadError> {
    match scanner.start()? {
        Start::Object => object(scanner, scratch),
        Start::Array => {
            scanner.open()?;
            let mut elements = Vec::new();
            while scanner.more_elements(elements.is_empty())? {
                elements.push(value(scanner, scratch)?);
            }
            Ok(Value::Array(elements))
        }
        Start::String => Ok(Value::String(string(scanner, scratch)?)),
        Start::Number => {
            let at = scanner.at();
            let (literal, as_is) = scanner.number()?;
            let number = Number::from_scanned(literal, as_is).map_err(|fault| ReadError { fault, at })?;
            Ok(Value::Number(number))
        }
        Start::Literal => Ok(scanner.literal()?.map_or(Value::Null, Value::Bool)),
    }
}

fn object(scanner: &mut Scanner<'_>, scratch: &mut String) -> Result<Value, ReadError> {
    scanner.open()?;
    let mut members: Vec<(String, Value, usize)> = Vec::new();
    let mut sorted = true;
    while scanner.more_members(members.is_empty())? {
        let at = scanner.at();
        let name = string(scanner, scratch)?;
        if let Some((previous, ..)) = members.last() {
            match utf16_order(previous.as_bytes(), name.as_bytes()) {
                Ordering::Less => {}
                Ordering::Equal => return Err(ReadError { fault: Fault::DuplicateName, at }),
                Ordering::Greater => sorted = false,
            }
        }
        scanner.colon()?;
        members.push((name, value(scanner, scratch)?, at));
    }
    if !sorted {
        members.sort_by(|(a, ..), (b, ..)| utf16_order(a.as_bytes(), b.as_bytes()));
        for ((a, ..), (b, _, at)) in members.iter().zip(members.iter().skip(1)) {
            if a == b {
                return Err(ReadError { fault: Fault::DuplicateName, at: *at });
            }
        }
    }
    let members = members.into_iter().map(|(name, value, _)| (name, value)).collect();
    Ok(Value::Object(Object { members }))
}

fn string(scanner: &mut Scanner<'_>, scratch: &mut String) -> Result<String, ReadError> {
    let at = scanner.at();
    let plain = scanner.string(scratch)?;
    Ok(if plain { scanner.string_since(at).to_owned() } else { scratch.clone() })
}
