//! From the tree to a type: as serde reads any format, with the place of whatever it refuses.

use super::document::{Entry, Node, Value};
use super::fault::Wrong;
use super::layers::Layered;
use crate::policy::suggestion;
use core::fmt;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer as _,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use std::collections::btree_map;

/// The most things that are named at once.
const MOST: usize = 32;

/// Reads the whole tree, or says all that can be found wrong with it.
///
/// serde ends at the first mistake; so what is wrong is noted and taken out, and the rest is read again.
pub(super) fn decode<T: DeserializeOwned>(root: Node) -> Result<Layered<T>, Vec<Wrong>> {
    let mut found = Vec::new();
    let mut rest = root.clone();
    let mut taken_out: Vec<Vec<String>> = Vec::new();
    while found.len() < MOST {
        let refused = match T::deserialize(At(&rest)) {
            Ok(value) if found.is_empty() => return Ok(Layered { value, root }),
            Ok(_) => break,
            Err(refused) => refused,
        };
        let mut path = refused.path();
        // What is missing only because it was taken out was named already.
        if refused.missing.is_none() || !taken_out.contains(&path) {
            found.push(refused.wrong(&root, &path));
        }
        if refused.missing.is_some() {
            path.pop();
        }
        if !rest.take_out(&path) {
            break;
        }
        taken_out.push(path);
    }
    Err(found)
}

/// What was refused.
#[derive(Debug)]
struct Refused {
    what: String,
    hint: Option<String>,
    /// The key that is missing where this was refused.
    missing: Option<&'static str>,
    /// It is the key that is wrong and not what stands under it.
    key: bool,
    /// The keys that lead here, the last one first.
    steps: Vec<String>,
}

impl Refused {
    /// The keys that lead here, from the top.
    fn path(&self) -> Vec<String> {
        let steps = self.steps.iter().rev().cloned();
        steps.chain(self.missing.map(str::to_owned)).collect()
    }

    fn wrong(&self, root: &Node, path: &[String]) -> Wrong {
        let key_of = |path: &[String]| {
            let (last, before) = path.split_last()?;
            match &root.at(before)?.value {
                Value::Map(entries) => entries.get(last).map(|entry| entry.key.clone()),
                Value::Null | Value::Bool(_) | Value::Number { .. } | Value::Text(_) | Value::List(_) => None,
            }
        };
        let origin = match self.key {
            true => key_of(path),
            false => None,
        };
        let origin = origin.unwrap_or_else(|| root.nearest(path).origin.clone());
        Wrong { hint: self.hint.clone(), ..Wrong::new(origin, &path.join("."), &self.what) }
    }

    fn below(mut self, step: &str) -> Self {
        self.steps.push(step.to_owned());
        self
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Refused {}

impl serde::de::Error for Refused {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self { what: what.to_string(), hint: None, missing: None, key: false, steps: Vec::new() }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("expected {expected}, found {}", words(&found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("expected {expected}, found {}", words(&found)))
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self {
            hint: Some(suggestion(variant, known)),
            ..Self::custom(format!("unknown value `{}`", variant.escape_debug()))
        }
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self { key: true, hint: Some(suggestion(name, known)), ..Self::custom("there is no such key") }
    }

    fn missing_field(key: &'static str) -> Self {
        Self { missing: Some(key), ..Self::custom("this is missing") }
    }
}

fn words(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Str(text) => format!("`{}`", text.escape_debug()),
        Unexpected::Bool(truth) => format!("`{truth}`"),
        Unexpected::Unsigned(number) => format!("`{number}`"),
        Unexpected::Signed(number) => format!("`{number}`"),
        Unexpected::Float(number) => format!("`{number}`"),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        Unexpected::Char(_)
        | Unexpected::Bytes(_)
        | Unexpected::NewtypeStruct
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant
        | Unexpected::Other(_) => found.to_string(),
    }
}

/// A part of the tree that is being read.
#[derive(Clone, Copy)]
struct At<'a>(&'a Node);

impl At<'_> {
    fn found(&self) -> Unexpected<'_> {
        match &self.0.value {
            Value::Null => Unexpected::Unit,
            Value::Bool(truth) => Unexpected::Bool(*truth),
            Value::Number { written, .. } => Unexpected::Str(written),
            Value::Text(text) => Unexpected::Str(text),
            Value::List(_) => Unexpected::Seq,
            Value::Map(_) => Unexpected::Map,
        }
    }
}

/// Numbers by the type that is asked for, so that none is read as one that it is not.
macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            let Value::Number { decimal, written } = &self.0.value else {
                return Err(Refused::invalid_type(self.found(), &visitor));
            };
            match decimal.parse::<$type>() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(Refused::invalid_value(Unexpected::Str(written), &visitor)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for At<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(*truth),
            Value::Number { decimal, .. } => match (decimal.parse(), decimal.parse(), decimal.parse()) {
                (Ok(number), _, _) => visitor.visit_u64(number),
                (_, Ok(number), _) => visitor.visit_i64(number),
                (_, _, Ok(number)) => visitor.visit_f64(number),
                (Err(_), Err(_), Err(_)) => Err(Refused::invalid_type(self.found(), &visitor)),
            },
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Map(entries) => visitor.visit_map(Keys { entries: entries.iter(), value: None }),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match &self.0.value {
            Value::Number { written, .. } => visitor.visit_borrowed_str(written),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => {
                Err(Refused::invalid_type(self.found(), &visitor))
            }
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match &self.0.value {
            Value::Null => visitor.visit_none(),
            Value::Bool(_) | Value::Number { .. } | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                visitor.visit_some(self)
            }
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match &self.0.value {
            Value::Text(name) => visitor.visit_enum(Variant { name, inside: None }),
            Value::Map(entries) if entries.len() == 1 => {
                let (name, entry) =
                    entries.first_key_value().ok_or_else(|| Refused::custom("nothing is said"))?;
                visitor.visit_enum(Variant { name, inside: Some(&entry.node) })
            }
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::List(_) | Value::Map(_) => {
                Err(Refused::invalid_type(self.found(), &"a word, or one key with what belongs to it"))
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match &self.0.value {
            Value::Map(_) => self.deserialize_any(visitor),
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::Text(_) | Value::List(_) => {
                Err(Refused::invalid_type(self.found(), &"a mapping"))
            }
        }
    }

    numbers! {
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64, deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64
    }

    serde::forward_to_deserialize_any! {
        bool i128 u128 char bytes byte_buf unit unit_struct seq tuple tuple_struct map ignored_any
    }
}

/// The items of a list, each at its place.
struct Items<'a>(btree_map::Iter<'a, usize, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Refused;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        let Some((at, item)) = self.0.next() else { return Ok(None) };
        seed.deserialize(At(item)).map(Some).map_err(|refused| refused.below(&at.to_string()))
    }
}

/// The keys of a mapping, and what stands under each.
struct Keys<'a> {
    entries: btree_map::Iter<'a, String, Entry>,
    value: Option<(&'a str, &'a Node)>,
}

impl<'de> MapAccess<'de> for Keys<'de> {
    type Error = Refused;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        let Some((name, entry)) = self.entries.next() else { return Ok(None) };
        self.value = Some((name, &entry.node));
        let key: StrDeserializer<'_, Refused> = name.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|refused| refused.below(name))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        let Some((name, node)) = self.value.take() else {
            return Err(Refused::custom("a value without its key"));
        };
        seed.deserialize(At(node)).map_err(|refused| refused.below(name))
    }
}

/// A word, or the one key of a mapping with what belongs to it.
struct Variant<'a> {
    name: &'a str,
    inside: Option<&'a Node>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Refused> {
        let name: StrDeserializer<'_, Refused> = self.name.into_deserializer();
        seed.deserialize(name).map(|value| (value, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        match self.inside.map(|node| &node.value) {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(Refused::custom("nothing belongs to this word").below(self.name)),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refused> {
        let Some(node) = self.inside else {
            return Err(Refused::custom(format!("what belongs to `{}` is missing", self.name)));
        };
        seed.deserialize(At(node)).map_err(|refused| refused.below(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Refused> {
        self.newtype_variant_seed(Inner(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.newtype_variant_seed(Inner(visitor))
    }
}

/// What belongs to a word, as its own visitor reads it.
struct Inner<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Inner<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_any(self.0)
    }
}
