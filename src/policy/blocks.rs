//! The blocks of a policy that say what operations are: classify, resources, floors and limits.

use super::document::level;
use super::keys::{CLASS, COUNTED, DECLARATION, FLOOR, LIMIT, SITUATION};
use super::parse::{Node, Yaml};
use super::read::{
    Fields, list, malformed, one_or_more, out_of_range, sentence, span, text, truth, whole, word,
};
use super::source::{Fault, Problem};
use crate::classify::{Language, Why};
use crate::risk::catalog::{Class, Declaration, Payload};
use crate::risk::limit::AtMost;
use crate::risk::pattern::Glob;
use crate::risk::{Environment, Floor, Kind, Limit, Scope, Sensitivity, Situation};
use crate::token::Assurance;
use core::str::FromStr;
use core::time::Duration;

/// A pattern.
pub(super) fn glob(node: &Node) -> Result<Glob, Fault> {
    let text = text(node)?;
    Glob::new(text).ok_or_else(|| malformed(node, text, "a pattern of 1 to 512 bytes"))
}

/// The name of a person, role or team.
pub(super) fn name<T: FromStr>(node: &Node, text: &str) -> Result<T, Fault> {
    const FORM: &str = "a name: printable ASCII without space, quote, backslash and comma";
    text.parse().map_err(|_| malformed(node, text, FORM))
}

/// The words of a closed set, for hints.
macro_rules! one_of {
    ($name:ident, $type:ident $(, $reach:vis)?) => {
        $($reach)? fn $name(node: &Node) -> Result<$type, Fault> {
            word(node, $type::parse, || $type::ALL.iter().map(ToString::to_string).collect())
        }
    };
}

one_of!(kind, Kind);
one_of!(sensitivity, Sensitivity);
one_of!(scope, Scope);
one_of!(why, Why);
one_of!(assurance, Assurance, pub(super));
one_of!(environment, Environment, pub(super));

/// The part of a match that floors and rules share.
pub(super) fn situation(fields: &Fields<'_>) -> Result<Situation, Fault> {
    Ok(Situation {
        action: fields.read("action", |node| one_or_more(node, glob))?.unwrap_or_default(),
        resource: fields.read("resource", |node| one_or_more(node, glob))?.unwrap_or_default(),
        kind: fields.read("kind", |node| one_or_more(node, kind))?.unwrap_or_default(),
        environment: fields.read("environment", |node| one_or_more(node, environment))?.unwrap_or_default(),
        sensitivity: fields.read("sensitivity", |node| one_or_more(node, sensitivity))?.unwrap_or_default(),
        scope: fields.read("scope", |node| one_or_more(node, scope))?.unwrap_or_default(),
        irreversible: fields.read("irreversible", truth)?,
        cost_over: fields.read("cost_over", whole)?,
        rows_over: fields.read("rows_over", whole)?,
        objects_over: fields.read("objects_over", whole)?,
        critical: fields.read("critical", truth)?,
        understood: fields.read("understood", truth)?,
        doubt: fields.read("doubt", |node| one_or_more(node, why))?.unwrap_or_default(),
        new_action: fields.read("new_action", truth)?,
        new_resource: fields.read("new_resource", truth)?,
        new_environment: fields.read("new_environment", truth)?,
    })
}

/// `classify:`
pub(super) fn classes(node: &Node) -> Result<Vec<Class>, Fault> {
    let mut classes = Vec::new();
    for node in list(node)? {
        let fields = Fields::of(node, &CLASS)?;
        let kind = class_kind(fields.required("kind")?)?;
        let irreversible = fields.read("irreversible", truth)?.unwrap_or_default();
        let payload = fields.read("payload", payload)?.unwrap_or_default();
        if kind.is_none() && payload == Payload::Nothing {
            return Err(Fault::new(fields.required("payload")?.at, Problem::NoPayload));
        }
        for action in one_or_more(fields.required("action")?, glob)? {
            classes.push(Class { action, kind, irreversible, payload: payload.clone() });
        }
    }
    Ok(classes)
}

/// A kind, or `payload`: what the payload does.
fn class_kind(node: &Node) -> Result<Option<Kind>, Fault> {
    let names = || Kind::ALL.iter().map(ToString::to_string).chain(["payload".to_owned()]).collect();
    word(node, |text| if text == "payload" { Some(None) } else { Kind::parse(text).map(Some) }, names)
}

/// `payload:`, a language with the parameter that holds it, or `none`.
fn payload(node: &Node) -> Result<Payload, Fault> {
    if let Yaml::Map(entries) = &node.value {
        let mut declared = Vec::new();
        for (language, parameters) in entries {
            let names = || Language::ALL.iter().map(ToString::to_string).collect();
            let language = word(language, Language::parse, names)?;
            for name in one_or_more(parameters, |node| sentence(node))? {
                declared.push((language, name.into()));
            }
        }
        return match declared.is_empty() {
            true => Err(Fault::new(node.at, Problem::EmptyList)),
            false => Ok(Payload::Declared(declared)),
        };
    }
    let form = || vec!["none".to_owned(), "{sql: statement}".to_owned(), "{shell: command}".to_owned()];
    word(node, |text| (text == "none").then_some(Payload::Nothing), form)
}

/// `resources:`
pub(super) fn declarations(node: &Node) -> Result<Vec<Declaration>, Fault> {
    let mut declarations = Vec::new();
    for node in list(node)? {
        let fields = Fields::of(node, &DECLARATION)?;
        let environment = fields.read("environment", environment)?;
        let sensitivity = fields.read("sensitivity", sensitivity)?;
        let critical = fields.read("critical", truth)?.unwrap_or_default();
        if environment.is_none() && sensitivity.is_none() && !critical {
            return Err(Fault::new(
                node.at,
                Problem::MissingEither("environment`, `sensitivity", "critical"),
            ));
        }
        for resource in one_or_more(fields.required("resource")?, glob)? {
            declarations.push(Declaration { resource, environment, sensitivity, critical });
        }
    }
    Ok(declarations)
}

/// `floors:`
pub(super) fn floors(node: &Node) -> Result<Vec<Floor>, Fault> {
    let read = |node| {
        let fields = Fields::of(node, &FLOOR)?;
        Ok(Floor {
            name: sentence(fields.required("name")?)?.into(),
            situation: situation(&Fields::of(fields.required("match")?, &SITUATION)?)?,
            level: level(fields.required("level")?)?,
        })
    };
    list(node)?.iter().map(read).collect()
}

/// `limits:`
pub(super) fn limits(node: &Node) -> Result<Vec<Limit>, Fault> {
    let mut limits: Vec<Limit> = Vec::new();
    for node in list(node)? {
        let fields = Fields::of(node, &LIMIT)?;
        let name = fields.required("name")?;
        let at_most = AtMost {
            requests: fields.read("requests", whole)?,
            rows: fields.read("rows", whole)?,
            objects: fields.read("objects", whole)?,
            cost: fields.read("cost", whole)?,
        };
        if at_most == AtMost::default() {
            return Err(Fault::new(node.at, Problem::MissingEither("requests`, `rows`, `objects", "cost")));
        }
        let counted = Fields::of(fields.required("match")?, &COUNTED)?;
        limits.push(Limit {
            name: sentence(name)?.into(),
            situation: situation(&counted)?,
            agent: counted.read("agent", |node| one_or_more(node, glob))?.unwrap_or_default(),
            window: window(fields.required("window")?)?,
            at_most,
            level: level(fields.required("level")?)?,
        });
    }
    match limits.len() > MAX_LIMITS {
        true => Err(Fault::new(node.at, Problem::TooMany(MAX_LIMITS))),
        false => Ok(limits),
    }
}

/// The most limits of a policy: each is looked at for every operation.
const MAX_LIMITS: usize = 100;

/// A window over which operations add up.
pub(super) fn window(node: &Node) -> Result<Duration, Fault> {
    let window = span(node)?.duration();
    let range = "from one minute to one day";
    let fits = (Duration::from_secs(60)..=Limit::LONGEST).contains(&window);
    if fits { Ok(window) } else { Err(out_of_range(node, range)) }
}
