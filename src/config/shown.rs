//! A configuration as it can be shown: each value in force, where it was said, and no secret.

use super::document::{Node, Value};
use super::fault::{Origin, Wrong};
use super::layers::Layered;
use serde::Serialize;
use serde_json::Value as Json;

/// One value that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its key, from the top: `listen.agents.tcp`, `agents.0.id`.
    pub key: String,
    /// It, as JSON, without what is secret.
    pub value: String,
    /// Where it was said; nowhere for what holds if nothing is said.
    pub origin: Option<Origin>,
}

/// What stands for what is not shown.
const HIDDEN: &str = "(not shown)";

impl<T> Layered<T> {
    /// What is wrong with this key, and where that was said, if anywhere.
    pub(super) fn wrong(&self, key: &str, what: String) -> Wrong {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        let node = self.root.nearest(&path);
        Wrong::new(node.origin.clone(), key, what)
    }
}

impl<T: Serialize> Layered<T> {
    /// Every value in force, in the order of the keys; of what was not said only what holds then.
    ///
    /// # Errors
    /// In words, if the configuration can't be written down.
    pub fn shown(&self) -> Result<Vec<Shown>, String> {
        let json = serde_json::to_value(&self.value).map_err(|error| error.to_string())?;
        let mut shown = Vec::new();
        self.walk(&json, &mut Vec::new(), &mut shown);
        Ok(shown)
    }

    fn walk(&self, value: &Json, path: &mut Vec<String>, shown: &mut Vec<Shown>) {
        let mut inside = |name: String, value: &Json| {
            path.push(name);
            self.walk(value, path, shown);
            path.pop();
        };
        match value {
            Json::Null => {}
            Json::Object(members) if !members.is_empty() => {
                members.iter().for_each(|(name, value)| inside(name.clone(), value));
            }
            Json::Array(items) if !items.is_empty() => {
                items.iter().enumerate().for_each(|(at, value)| inside(at.to_string(), value));
            }
            Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) | Json::Array(_) => {
                let said = self.root.at(path).filter(|node| !matches!(node.value, Value::Null));
                let origin = said.map(|Node { origin, .. }| origin.clone());
                shown.push(Shown {
                    key: path.join("."),
                    value: without_secrets(path, value).to_string(),
                    origin,
                });
            }
        }
    }
}

/// Secrets belong into files, whose names may be shown; where somebody has written one down all the same it is not.
fn without_secrets(path: &[String], value: &Json) -> Json {
    let Json::String(text) = value else { return value.clone() };
    let name = path.last().map_or("", String::as_str);
    if ["password", "secret", "token"].iter().any(|end| name.ends_with(end)) {
        return Json::from(HIDDEN);
    }
    // A password in a URL, or in the words that PostgreSQL's programs take.
    if text.contains("password=") {
        return Json::from(HIDDEN);
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let (authority, path) =
            rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        if let Some((user, host)) = authority.rsplit_once('@').filter(|(user, _)| user.contains(':')) {
            let user = user.split(':').next().unwrap_or_default();
            let slash = if rest.contains('/') { "/" } else { "" };
            return Json::from(format!("{scheme}://{user}:{HIDDEN}@{host}{slash}{path}"));
        }
    }
    value.clone()
}
