//! The JSON Schema of a policy, made of the tables that the reader uses, so that editors complete and check.

use super::keys::{Block, DOCUMENT, Form, Key};
use crate::operation::json::{Number, Object, Value};
use std::collections::BTreeMap;

/// The schema of a policy (JSON Schema, draft 2020-12).
pub(super) fn of_policies() -> Value {
    schema(&DOCUMENT, "A Countersign policy", "urn:countersign:schema:policy:1")
}

/// The schema of documents whose top is this block.
pub(crate) fn schema(block: &'static Block, title: &str, id: &str) -> Value {
    let mut made = Made::default();
    made.block(block);
    let mut definitions = Object::new();
    for (name, definition) in made.definitions {
        definitions.set(name, definition.unwrap_or(Value::Bool(false)));
    }
    let schema = Object::new()
        .with("$schema", "https://json-schema.org/draft/2020-12/schema")
        .with("$id", id)
        .with("title", title)
        .with("$ref", reference(block).as_str())
        .with("$defs", Value::from(definitions));
    Value::from(schema)
}

fn reference(block: &Block) -> String {
    format!("#/$defs/{}", block.name)
}

/// The blocks that were described so far; `None` for those that are being described.
#[derive(Default)]
struct Made {
    definitions: BTreeMap<&'static str, Option<Value>>,
}

impl Made {
    fn block(&mut self, block: &'static Block) {
        if self.definitions.contains_key(block.name) {
            return;
        }
        self.definitions.insert(block.name, None);
        let mut properties = Object::new();
        for key in block.keys {
            properties.set(key.name, self.key(key));
        }
        let required = block.keys.iter().filter(|key| key.required).map(|key| key.name);
        let mut described = of_type("object").with("properties", Value::from(properties));
        described.set("additionalProperties", false);
        described.set("required", texts(required));
        self.definitions.insert(block.name, Some(Value::from(described)));
    }

    fn key(&mut self, key: &'static Key) -> Value {
        let Value::Object(form) = self.form(&key.form) else { return Value::Bool(true) };
        Value::from(form.with("description", key.about))
    }

    fn form(&mut self, form: &'static Form) -> Value {
        Value::from(match form {
            Form::Version => Object::new().with("const", Value::from(1_u32)),
            Form::Truth => of_type("boolean"),
            Form::Score => {
                of_type("number").with("minimum", Value::from(0_u32)).with("maximum", Value::from(1_u32))
            }
            Form::Whole(least, most) => {
                let number = of_type("integer").with("minimum", Value::from(*least));
                // Beyond what every reader of JSON takes, there is no number to name.
                match Number::try_from(*most) {
                    Ok(most) => number.with("maximum", Value::from(most)),
                    Err(_) => number,
                }
            }
            Form::Text(longest) => of_type("string")
                .with("minLength", Value::from(1_u32))
                .with("maxLength", Value::from(u64::try_from(*longest).unwrap_or(u64::MAX))),
            Form::Shaped(pattern) => {
                of_type("string").with("minLength", Value::from(1_u32)).with("pattern", *pattern)
            }
            Form::Words(words) => Object::new().with("enum", texts(words())),
            Form::Member => either([
                Value::from(of_type("string").with("pattern", "^(user|role|team):.+$")),
                one_member(),
            ]),
            Form::Condition => either([
                Value::from(of_type("string").with("minLength", Value::from(1_u32))),
                Value::from(of_type("object").with("required", texts(["type"]))),
            ]),
            Form::Map(block) => {
                self.block(block);
                Object::new().with("$ref", reference(block).as_str())
            }
            Form::Each(names) => {
                let mut properties = Object::new();
                for name in names() {
                    properties.set(name, one_or_more(Value::from(of_type("string"))));
                }
                of_type("object")
                    .with("properties", Value::from(properties))
                    .with("additionalProperties", false)
                    .with("minProperties", Value::from(1_u32))
            }
            Form::OneOrMore(element) => return one_or_more(self.form(element)),
            Form::List(element) => of_type("array").with("items", self.form(element)),
            Form::Either(forms) => {
                let forms: Vec<Value> = forms.iter().map(|form| self.form(form)).collect();
                either(forms)
            }
        })
    }
}

fn of_type(name: &str) -> Object {
    Object::new().with("type", name)
}

fn texts(texts: impl IntoIterator<Item = &'static str>) -> Value {
    Value::from(texts.into_iter().map(Value::from).collect::<Vec<_>>())
}

fn either(forms: impl IntoIterator<Item = Value>) -> Object {
    Object::new().with("anyOf", Value::from(forms.into_iter().collect::<Vec<_>>()))
}

fn one_or_more(element: Value) -> Value {
    let list = of_type("array").with("items", element.clone()).with("minItems", Value::from(1_u32));
    Value::from(either([element, Value::from(list)]))
}

/// What YAML makes of `role: oncall`.
fn one_member() -> Value {
    let mut properties = Object::new();
    for group in ["user", "role", "team"] {
        properties.set(group, Value::from(of_type("string").with("minLength", Value::from(1_u32))));
    }
    Value::from(
        of_type("object")
            .with("properties", Value::from(properties))
            .with("additionalProperties", false)
            .with("minProperties", Value::from(1_u32))
            .with("maxProperties", Value::from(1_u32)),
    )
}
