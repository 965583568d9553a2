//! Secret parameters: which members of an operation nobody is shown, and the operation without them.
//!
//! What is hashed, decided, signed and executed is the true operation. What is recorded and shown is the masked one,
//! in which each secret value is the text `⟨secret, 7 characters⟩`, and so is every other text that has one of the
//! secrets in it, or that looks like such a mark: who sees the mark does not see the value, whatever was there.

use super::Operation;
use super::json::{Object, Value};

/// The most names of secrets, and the longest of them in bytes.
pub const MAX_SECRETS: usize = 256;
/// The longest name.
pub const MAX_SECRET_NAME: usize = 256;
/// A shorter text is not looked for elsewhere: it would be found in places that have nothing to do with it.
const LOOKED_FOR: usize = 4;
/// Where there are more secret texts than this, nothing of the parameters is shown: looking for each of them
/// everywhere would be work that an agent orders.
const MAX_TEXTS: usize = 64;
/// The member under which it is told that there were parameters, where nothing of them is shown.
const ALL: &str = "parameters";
const MARK: &str = "⟨secret, ";

/// The names of secret members: `password`, or with the member around it, `headers.authorization`.
///
/// A name fits where the path of a member ends with it, whole members, upper and lower case alike. Places in arrays
/// don't count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets(Vec<String>);

/// An operation without its secret values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// Its canonical form, which is that of an operation.
    pub op: String,
    /// The secret texts that are long enough to be looked for elsewhere, the longest first; nothing where there are
    /// too many to look for, so that no text may be shown.
    texts: Option<Vec<String>>,
}

impl Secrets {
    /// These names; `None` if one is empty or too long, or there are too many.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut secrets = Vec::new();
        for name in names {
            let fits =
                (1..=MAX_SECRET_NAME).contains(&name.len()) && name.split('.').all(|part| !part.is_empty());
            secrets.push(fits.then(|| name.to_lowercase())?);
        }
        (secrets.len() <= MAX_SECRETS).then_some(Self(secrets))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The operation without its secret values; `None` if it has none.
    #[must_use]
    pub fn mask(&self, operation: &Operation) -> Option<Masked> {
        if self.is_empty() {
            return None;
        }
        let parameters = operation.parameters()?;
        let mut texts = Vec::new();
        let found = self.find(&parameters, &mut String::new(), &mut texts);
        if !found {
            return None;
        }
        texts.retain(|text| text.chars().count() >= LOOKED_FOR);
        // The longest first, so that none is found by the half of another.
        texts.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        texts.dedup();
        let texts = Some(texts).filter(|texts| texts.len() <= MAX_TEXTS);
        let shown = texts.as_deref().filter(|texts| !named(&parameters, texts));
        let resource = match &texts {
            Some(texts) if texts.iter().any(|secret| operation.resource().contains(secret)) => {
                scrubbed(operation.resource(), texts)
            }
            Some(_) | None => operation.resource().to_owned(),
        };
        let written = |parameters| written(operation.action(), &resource, parameters);
        let op = shown.and_then(|texts| written(self.masked(&parameters, &mut String::new(), texts)));
        // What can't be shown in part, or read again as an operation, is not shown at all.
        let op = op.or_else(|| written(Object::new().with(ALL, mark(&parameters)).into()));
        Some(Masked { op: op.unwrap_or_default(), texts })
    }

    fn names(&self, path: &str) -> bool {
        let fits = |name: &String| {
            path.strip_suffix(name.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        self.0.iter().any(fits)
    }

    /// Whether there are secrets in it; adds their texts.
    fn find(&self, value: &Value, path: &mut String, texts: &mut Vec<String>) -> bool {
        if !path.is_empty() && self.names(path) {
            all_texts(value, texts);
            return true;
        }
        match value {
            Value::Array(items) => {
                // All of them are looked into: each may hold a text.
                let found: Vec<bool> = items.iter().map(|item| self.find(item, path, texts)).collect();
                found.contains(&true)
            }
            Value::Object(members) => {
                let look = |(name, member): (&str, &Value)| {
                    inside(path, name, |path| self.find(member, path, texts))
                };
                let found: Vec<bool> = members.iter().map(look).collect();
                found.contains(&true)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }

    fn masked(&self, value: &Value, path: &mut String, texts: &[String]) -> Value {
        if !path.is_empty() && self.names(path) {
            return mark(value);
        }
        match value {
            Value::String(text)
                if text.contains(MARK) || texts.iter().any(|secret| text.contains(secret)) =>
            {
                mark(value)
            }
            Value::Number(number) if texts.iter().any(|secret| secret == number.as_str()) => mark(value),
            Value::Array(items) => {
                let items: Vec<Value> = items.iter().map(|item| self.masked(item, path, texts)).collect();
                Value::from(items)
            }
            Value::Object(members) => {
                let mut object = Object::new();
                for (name, member) in members.iter() {
                    object.set(name, inside(path, name, |path| self.masked(member, path, texts)));
                }
                Value::from(object)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }
}

impl Masked {
    /// A text in which the secret ones are masked.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        self.texts.as_ref().map_or_else(|| mark_of(text.chars().count()), |texts| scrubbed(text, texts))
    }
}

/// Whether a text is the mark of a secret value, whole.
#[must_use]
pub(super) fn is_mark(text: &str) -> bool {
    let number = text.strip_prefix(MARK).and_then(|rest| rest.strip_suffix(" characters⟩"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn scrubbed(text: &str, secrets: &[String]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| match text.contains(secret) {
        true => text.replace(secret, &mark_of(secret.chars().count())),
        false => text,
    })
}

/// An operation of these; `None` if that is none.
fn written(action: &str, resource: &str, parameters: Value) -> Option<String> {
    let op = Object::new()
        .with("action", action)
        .with("parameters", parameters)
        .with("resource", resource)
        .with("v", 1u64);
    let op = String::from_utf8(Value::from(op).to_canonical()).ok()?;
    Operation::from_op_bytes(op.as_bytes()).ok().map(|_| op)
}

/// Whether the name of a member tells a secret.
fn named(value: &Value, texts: &[String]) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| named(item, texts)),
        Value::Object(members) => members
            .iter()
            .any(|(name, member)| texts.iter().any(|text| name.contains(text)) || named(member, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn mark(value: &Value) -> Value {
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            String::from_utf8_lossy(&value.to_canonical()).chars().count()
        }
    };
    Value::from(mark_of(length))
}

fn mark_of(characters: usize) -> String {
    format!("{MARK}{characters} characters⟩")
}

fn inside<T>(path: &mut String, name: &str, then: impl FnOnce(&mut String) -> T) -> T {
    let length = path.len();
    if length > 0 {
        path.push('.');
    }
    path.push_str(&name.to_lowercase());
    let result = then(path);
    path.truncate(length);
    result
}

fn all_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| all_texts(item, texts)),
        Value::Object(members) => members.iter().for_each(|(_, member)| all_texts(member, texts)),
        Value::Number(number) => texts.push(number.as_str().to_owned()),
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(names: &[&str], parameters: &str) -> Option<String> {
        let operation = Operation::from_json("db.login", "db", parameters.as_bytes()).unwrap();
        let masked = Secrets::new(names.iter().copied()).unwrap().mask(&operation)?;
        let text = masked.op.split_once("\"parameters\":").unwrap().1;
        Some(text.rsplit_once(",\"resource\"").unwrap().0.to_owned())
    }

    #[test]
    fn a_name_fits_where_a_path_ends_with_it_in_any_case_and_inside_arrays() {
        let marked = |n: usize| format!("⟨secret, {n} characters⟩");
        for (names, parameters, expected) in [
            (
                &["password"][..],
                r#"{"password":"hunter2"}"#,
                Some(format!(r#"{{"password":"{}"}}"#, marked(7))),
            ),
            (&["password"], r#"{"PassWord":"x"}"#, Some(format!(r#"{{"PassWord":"{}"}}"#, marked(1)))),
            (&["PASSWORD"], r#"{"password":"abc"}"#, Some(format!(r#"{{"password":"{}"}}"#, marked(3)))),
            (&["password"], r#"{"password":true}"#, Some(format!(r#"{{"password":"{}"}}"#, marked(4)))),
            (
                &["password"],
                r#"{"password":["a",{"b":1}]}"#,
                Some(format!(r#"{{"password":"{}"}}"#, marked(13))),
            ),
            (&["password"], r#"{"passwords":"x","my_password":"x","my":{"word":1}}"#, None),
            (
                &["headers.authorization"],
                r#"{"authorization":"a","requests":[[{"headers":{"Authorization":"Bearer t"}}]]}"#,
                Some(format!(
                    r#"{{"authorization":"a","requests":[[{{"headers":{{"Authorization":"{}"}}}}]]}}"#,
                    marked(8)
                )),
            ),
            // A name with a dot in it is no way around.
            (
                &["headers.authorization"],
                r#"{"headers.authorization":"Bearer t"}"#,
                Some(format!(r#"{{"headers.authorization":"{}"}}"#, marked(8))),
            ),
            // The same text elsewhere, but not a short one.
            (
                &["password"],
                r#"{"password":"hunter2","url":"postgres://ada:hunter2@db"}"#,
                Some(format!(r#"{{"password":"{}","url":"{}"}}"#, marked(7), marked(25))),
            ),
            (
                &["password"],
                r#"{"n":"abc","password":"abc"}"#,
                Some(format!(r#"{{"n":"abc","password":"{}"}}"#, marked(3))),
            ),
            // What looks like a mark is masked: nobody takes a text for a mark that is none.
            (
                &["password"],
                r#"{"note":"⟨secret, 99 characters⟩","password":"abc"}"#,
                Some(format!(r#"{{"note":"{}","password":"{}"}}"#, marked(23), marked(3))),
            ),
            (&[], r#"{"password":"x"}"#, None),
        ] {
            assert_eq!(masked(names, parameters), expected, "{names:?} {parameters}");
        }
    }

    /// Whatever cannot be shown in part is not shown at all: the true operation never stands in for the masked one.
    #[test]
    fn what_cannot_be_masked_in_part_is_masked_whole() {
        let many: Vec<String> = (0..=MAX_TEXTS).map(|n| format!("\"secret-{n}\"")).collect();
        let long = format!(r#"{{"password":"abcd","notes":[{}"abcd"]}}"#, r#""abcd","#.repeat(20_000));
        for parameters in [
            r#"{"password":"hunter2","about hunter2":1}"#,
            &format!(r#"{{"password":[{}],"note":"secret-3"}}"#, many.join(",")),
            // With marks in it, it would be longer than an operation may be.
            &long,
        ] {
            let shown = masked(&["password"], parameters).unwrap();
            assert!(shown.starts_with(r#"{"parameters":"⟨secret, "#), "{shown}");
        }
        let operation = format!(r#"{{"password":[{}]}}"#, many.join(","));
        let operation = Operation::from_json("db.login", "db", operation.as_bytes()).unwrap();
        let masked = Secrets::new(["password"]).unwrap().mask(&operation).unwrap();
        assert_eq!(masked.scrub("anything"), "⟨secret, 8 characters⟩", "too many to look for");
    }

    #[test]
    fn a_secret_in_the_resource_is_not_shown_either() {
        let operation =
            Operation::from_json("http.get", "https://api/x?key=hunter2", br#"{"api_key":"hunter2"}"#)
                .unwrap();
        let masked = Secrets::new(["api_key"]).unwrap().mask(&operation).unwrap();
        assert!(!masked.op.contains("hunter2"), "{}", masked.op);
        assert!(Operation::from_op_bytes(masked.op.as_bytes()).is_ok());
    }

    #[test]
    fn a_number_is_as_secret_as_a_text() {
        let shown = masked(&["pin"], r#"{"note":"pin 123456","again":123456,"pin":123456}"#).unwrap();
        assert!(!shown.contains("123456"), "{shown}");
    }

    #[test]
    fn names_without_sense_are_refused() {
        for name in ["", ".", "a.", ".a", "a..b"] {
            assert_eq!(Secrets::new([name]), None, "{name}");
        }
        assert_eq!(Secrets::new(["x".repeat(MAX_SECRET_NAME + 1).as_str()]), None);
        assert_eq!(Secrets::new(vec!["x"; MAX_SECRETS + 1]), None);
    }

    #[test]
    fn the_same_text_is_masked_in_words() {
        let operation =
            Operation::from_json("db.login", "db", br#"{"password":"hunter2","pin":"123"}"#).unwrap();
        let masked = Secrets::new(["password", "pin"]).unwrap().mask(&operation).unwrap();
        assert_eq!(masked.scrub("log in with hunter2 (123)"), "log in with ⟨secret, 7 characters⟩ (123)");
    }
}
