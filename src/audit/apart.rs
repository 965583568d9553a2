//! Values apart: a record split into its leaf and the values that stand outside it, and joined again.
//!
//! A leaf holds no secret and is no longer than [`MAX_LEAF`]. What does not belong in it is replaced by a stand-in, and
//! the record says under [`Record::apart`] what proves the value: SHA-256 of a random salt and the value. With value
//! and salt erased the leaf is as it was, and no guess can be confirmed any more.
//!
//! An operation is kept apart whole, its stand-in is again an operation in its canonical form: who did what to what
//! can be told without the value.

use super::event::{Apart, Record, RecordError, WhyApart};
use crate::digest::{ValueDigest, sha256};
use crate::operation::json as strict;
use serde_json::Value;
use std::collections::BTreeMap;

/// The longest leaf in bytes: what a bundle of entries (C2SP tlog-tiles) can hold.
pub const MAX_LEAF: usize = 65_535;
/// How many random bytes come before a value.
pub const SALT: usize = 16;
/// What is shorter stays: taking it out would save next to nothing.
const WORTH: usize = 512;
/// How much of a long text stays, in characters.
const BEGINNING: usize = 256;
/// How many values can stand outside one record.
const MOST: usize = 256;

const OP: strict::Limits = strict::Limits { bytes: 4 * 1024 * 1024, depth: 48, members: 65_536 };

/// A value that is kept outside the log: salt and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What the log names it by.
    pub value: ValueDigest,
    /// The salt, and after it the value.
    pub bytes: Vec<u8>,
}

impl Kept {
    fn of(salt: [u8; SALT], value: &str) -> Self {
        let bytes = [&salt, value.as_bytes()].concat();
        Self { value: digest(&bytes), bytes }
    }
}

/// What names these bytes: a salt, and after it a value.
#[must_use]
pub fn digest(bytes: &[u8]) -> ValueDigest {
    ValueDigest::from_bytes(sha256(&[bytes]))
}

/// A record as it is written: the leaf, and what is kept apart from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The canonical bytes of the record with its stand-ins.
    pub leaf: Vec<u8>,
    /// The values, each with a salt of its own.
    pub kept: Vec<Kept>,
}

/// Splits a record; most have nothing to be kept apart.
///
/// # Errors
/// [`RecordError`] if it has no canonical form, or does not fit into a leaf whatever is taken out.
pub fn split(
    record: &Record,
    salt: &mut dyn FnMut() -> Result<[u8; SALT], RecordError>,
) -> Result<Split, RecordError> {
    let secret = record.event.operation().and_then(|(pointer, of)| Some((pointer, of.shown.as_deref()?)));
    // Refused here if the record has no canonical form, or is longer than any may be.
    let whole = record.to_canonical()?;
    if secret.is_none() && whole.len() <= MAX_LEAF {
        return Ok(Split { leaf: whole, kept: Vec::new() });
    }
    let mut value = to_value(record)?;
    let mut parts = Parts { kept: Vec::new(), apart: record.apart.clone(), salt };
    if let Some((pointer, shown)) = secret {
        parts.take(&mut value, pointer, shown.to_owned(), WhyApart::Secret)?;
    }
    loop {
        let mut split = from_value(value.clone())?;
        split.apart = parts.apart.clone();
        let leaf = split.to_canonical()?;
        if leaf.len() <= MAX_LEAF {
            return Ok(Split { leaf, kept: parts.kept });
        }
        let longest = longest(&value, &parts.apart).filter(|_| parts.kept.len() < MOST);
        let Some((pointer, text)) = longest else { return Err(RecordError::TooLong) };
        let stand_in = stand_in(&pointer, text);
        // A second time something is taken from where a secret was: only what is shown in its place.
        match parts.apart.contains_key(&pointer) {
            true => set(&mut value, &pointer, stand_in),
            false => parts.take(&mut value, &pointer, stand_in, WhyApart::Large)?,
        }
    }
}

/// What still has the values, salt and value each.
pub type Look<'a> = dyn FnMut(&Apart) -> Result<Option<Vec<u8>>, RecordError> + 'a;

/// Puts the values back that `look` still has; what it has not keeps its stand-in, and its place in
/// [`Record::apart`]. `look` is asked for the salt and the value, and what it gives has to be that.
///
/// # Errors
/// [`RecordError::Unreadable`] if what it gives is something else.
pub fn join(leaf: Record, look: &mut Look<'_>) -> Result<Record, RecordError> {
    if leaf.apart.is_empty() {
        return Ok(leaf);
    }
    let shown = leaf.event.operation().map(|(_, decided)| decided.op.clone());
    let (mut value, mut gone) = (to_value(&leaf)?, BTreeMap::new());
    let mut secret = false;
    for (pointer, apart) in leaf.apart {
        let Some(bytes) = look(&apart)? else {
            gone.insert(pointer, apart);
            continue;
        };
        let unreadable = || RecordError::Unreadable(format!("the value `{}` is not as it was", apart.value));
        if digest(&bytes) != apart.value {
            return Err(unreadable());
        }
        let text =
            bytes.get(SALT..).and_then(|value| core::str::from_utf8(value).ok()).ok_or_else(unreadable)?;
        set(&mut value, &pointer, text.to_owned());
        secret |= apart.why == WhyApart::Secret;
    }
    let mut record = from_value(value)?;
    record.apart = gone;
    if let Some(shown) = shown.filter(|_| secret) {
        record.event.show(shown);
    }
    Ok(record)
}

/// What is taken out of a record.
struct Parts<'a> {
    kept: Vec<Kept>,
    apart: BTreeMap<String, Apart>,
    salt: &'a mut dyn FnMut() -> Result<[u8; SALT], RecordError>,
}

impl Parts<'_> {
    fn take(
        &mut self,
        record: &mut Value,
        pointer: &str,
        stand_in: String,
        why: WhyApart,
    ) -> Result<(), RecordError> {
        let Some(Value::String(text)) = record.pointer(pointer) else { return Ok(()) };
        let kept = Kept::of((self.salt)()?, text);
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.apart.insert(pointer.to_owned(), Apart { value: kept.value, bytes, why });
        self.kept.push(kept);
        set(record, pointer, stand_in);
        Ok(())
    }
}

fn to_value(record: &Record) -> Result<Value, RecordError> {
    let mut value =
        serde_json::to_value(record).map_err(|error| RecordError::Unreadable(error.to_string()))?;
    if let Some(record) = value.as_object_mut() {
        record.remove("apart");
    }
    Ok(value)
}

fn from_value(value: Value) -> Result<Record, RecordError> {
    serde_json::from_value(value).map_err(|error| RecordError::Unreadable(error.to_string()))
}

fn set(record: &mut Value, pointer: &str, text: String) {
    if let Some(place) = record.pointer_mut(pointer) {
        *place = Value::String(text);
    }
}

/// The longest text that is worth taking out, and where it is.
fn longest<'a>(record: &'a Value, apart: &BTreeMap<String, Apart>) -> Option<(String, &'a str)> {
    let mut texts = Vec::new();
    collect(record, &mut String::new(), &mut texts);
    // What stands in for something large is as short as it gets.
    texts.retain(|(pointer, _)| apart.get(pointer).is_none_or(|apart| apart.why == WhyApart::Secret));
    let (pointer, text) = texts.into_iter().max_by_key(|(_, text)| text.len())?;
    let shortened = stand_in(&pointer, text).len();
    (text.len() > WORTH && shortened < text.len()).then_some((pointer, text))
}

fn collect<'a>(value: &'a Value, pointer: &mut String, texts: &mut Vec<(String, &'a str)>) {
    let length = pointer.len();
    let mut inside = |name: &str, value: &'a Value| {
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        collect(value, pointer, texts);
        pointer.truncate(length);
    };
    match value {
        Value::String(text) => texts.push((pointer.clone(), text)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(place, item)| inside(&place.to_string(), item));
        }
        Value::Object(members) => members.iter().for_each(|(name, member)| inside(name, member)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What stands for a long text: of an operation an operation, of base64 base64, of words their beginning.
fn stand_in(pointer: &str, text: &str) -> String {
    let beginning = || text.chars().take(BEGINNING).collect::<String>();
    match pointer.rsplit('/').next() {
        Some("op") => shortened(text).unwrap_or_else(beginning),
        // A multiple of four characters is base64 of its own.
        Some("payload") => beginning(),
        _ => format!("{}⟨… {} bytes⟩", beginning(), text.len()),
    }
}

/// An operation whose parameters were too long: their beginnings, or only how long they were.
fn shortened(op: &str) -> Option<String> {
    let strict::Value::Object(operation) = strict::read(op.as_bytes(), &OP).ok()? else { return None };
    let parameters = operation.get("parameters")?;
    let text = |value: &strict::Value| String::from_utf8(value.to_canonical()).ok();
    let beginnings = strict::Value::from(operation.clone().with("parameters", shorten(parameters)));
    let beginnings = text(&beginnings)?;
    if beginnings.len() <= MAX_LEAF / 4 {
        return Some(beginnings);
    }
    let bytes = text(parameters)?.len();
    let nothing = strict::Object::new().with("⟨too long⟩", u64::try_from(bytes).ok()?);
    text(&strict::Value::from(operation.with("parameters", nothing)))
}

fn shorten(value: &strict::Value) -> strict::Value {
    if let Some(text) = value.as_str().filter(|text| text.len() > BEGINNING) {
        let beginning: String = text.chars().take(BEGINNING / 4).collect();
        return strict::Value::from(format!("{beginning}⟨… {} bytes⟩", text.len()));
    }
    if let Some(items) = value.as_array() {
        return strict::Value::from(items.iter().map(shorten).collect::<Vec<_>>());
    }
    match value.as_object() {
        Some(members) => {
            let mut object = strict::Object::new();
            members.iter().for_each(|(name, member)| object.set(name, shorten(member)));
            strict::Value::from(object)
        }
        None => value.clone(),
    }
}
