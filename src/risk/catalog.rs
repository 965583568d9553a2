//! The catalog: what the policy declares about actions and resources, and the facts that follow for an operation.

mod acts;
mod places;

use super::assessment::Anomaly;
use super::facts::{Environment, Fact, Facts, Kind, Sensitivity, Source, Weigh};
use super::floor::{Case, Subject};
use super::history::{Novelty, Totals};
use super::model::Model;
use super::pattern::{Glob, Index, Named};
use super::payload::Reading;
use super::quoted;
use super::words::Name;
use crate::classify::{self, Language};
use crate::operation::json::Object;
use places::{bulk, cost, environment_by_words, scope, sensitivity_by_words, touched};

/// What the policy says about the actions that match a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// The pattern of the action.
    pub action: Glob,
    /// What kind of thing it does; `None` if the payload says.
    pub kind: Option<Kind>,
    /// Whether it cannot be undone.
    pub irreversible: bool,
    /// Where its payload is.
    pub payload: Payload,
}

/// Which parameters hold something that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Payload {
    /// Those that are called so: `sql`, `command`, `url`, `manifest` …
    #[default]
    Usual,
    /// None: what looks like a command is not one.
    Nothing,
    /// These.
    Declared(Vec<(Language, Box<str>)>),
}

/// What the policy says about the resources that match a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The pattern of the resource.
    pub resource: Glob,
    /// Where it is, if this says so.
    pub environment: Option<Environment>,
    /// How sensitive it is, if this says so.
    pub sensitivity: Option<Sensitivity>,
    /// Whether others depend on it.
    pub critical: bool,
}

/// What the operation carries beside its two names.
#[derive(Clone, Copy, Debug)]
pub enum Arguments<'a> {
    /// Parameters that can be read.
    Parameters(&'a Object),
    /// Bytes that are only known by their digest (TOKEN §5, raw mode).
    Raw,
}

/// The declarations of a policy, in order: the first that matches counts.
///
/// A declaration that matches but for the case of a letter may raise a fact and never lower it.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    classes: Vec<Class>,
    declarations: Vec<Declaration>,
    by_action: Filed,
    by_resource: Filed,
}

#[derive(Clone, Debug, Default)]
struct Filed {
    index: Index,
    anywhere: Vec<u32>,
}

impl Filed {
    fn new<'a>(globs: impl Iterator<Item = &'a Glob>) -> Self {
        let mut filed = Self::default();
        for (number, glob) in (0_u32..).zip(globs) {
            match glob.filed_under() {
                Some(key) => filed.index.file(key, number),
                None => filed.anywhere.push(number),
            }
        }
        filed
    }

    /// The numbers of the patterns that may match, rising.
    fn candidates(&self, lower: &str) -> Vec<usize> {
        let mut found = self.anywhere.clone();
        self.index.candidates(lower, &mut found);
        found.sort_unstable();
        found.into_iter().filter_map(|number| usize::try_from(number).ok()).collect()
    }
}

impl Catalog {
    /// The catalog of these declarations.
    #[must_use]
    pub fn new(classes: Vec<Class>, declarations: Vec<Declaration>) -> Self {
        let by_action = Filed::new(classes.iter().map(|class| &class.action));
        let by_resource = Filed::new(declarations.iter().map(|declaration| &declaration.resource));
        Self { classes, declarations, by_action, by_resource }
    }

    /// What is declared about actions, in order; an entry of several patterns is several.
    #[must_use]
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// What is declared about resources, in order; an entry of several patterns is several.
    #[must_use]
    pub fn declarations(&self) -> &[Declaration] {
        &self.declarations
    }

    /// What is known about an operation without asking the agent, and what its payload gives away.
    #[must_use]
    pub fn facts(
        &self,
        model: &Model,
        subject: &Subject<'_>,
        arguments: Arguments<'_>,
    ) -> (Facts, Vec<Anomaly>) {
        let class = self.class_of(&subject.action);
        let reading = match arguments {
            Arguments::Parameters(parameters) => Some(Reading::of(parameters, &model.scope)),
            Arguments::Raw => None,
        };
        let payloads = payloads(class.payload(), arguments);
        let (kind, irreversible) = class.facts(model, subject.action.exact);
        let (environment, sensitivity, critical) = self.place_of(model, &subject.resource);
        let facts = Facts {
            kind,
            environment,
            sensitivity: bulk(model, sensitivity, reading.as_ref()),
            scope: scope(model, reading.as_ref()),
            irreversible,
            cost: cost(reading.as_ref()),
            touched: touched(reading.as_ref()),
            critical,
            acts: Vec::new(),
            doubts: Vec::new(),
            recent: Totals::default(),
            new: Novelty::default(),
        };
        acts::weigh(model, facts, payloads, class.leaves_kind_to_payload())
    }

    fn class_of(&self, action: &Named<'_>) -> Classes<'_> {
        let candidates = self.by_action.candidates(&action.lower);
        let classes = || candidates.iter().filter_map(|number| self.classes.get(*number));
        Classes {
            exact: classes().find(|class| class.action.matches(action.exact)),
            alike: classes().find(|class| class.action.matches_any_case(&action.lower)),
        }
    }

    fn place_of(
        &self,
        model: &Model,
        resource: &Named<'_>,
    ) -> (Fact<Environment>, Fact<Sensitivity>, Option<String>) {
        let candidates = self.by_resource.candidates(&resource.lower);
        let name = Name::new(resource.exact);

        let environments = self.declared(&candidates, |declaration| declaration.environment);
        let mut environment = environments.first(resource, Case::Exact).map_or_else(
            || environment_by_words(model, &name),
            |(glob, value)| policy(value, format!("`{glob}` is declared as `{value}`")),
        );
        if let Some((glob, value)) = environments.first(resource, Case::Any) {
            raise(
                &mut environment,
                value,
                |place| Weigh::environment(model, place),
                || format!("but for the case of a letter it is `{glob}`, declared as `{value}`"),
            );
        }

        let sensitivities = self.declared(&candidates, |declaration| declaration.sensitivity);
        let mut sensitivity = sensitivities.first(resource, Case::Exact).map_or_else(
            || sensitivity_by_words(model, &name),
            |(glob, value)| policy(value, format!("`{glob}` is declared as `{value}`")),
        );
        if let Some((glob, value)) = sensitivities.first(resource, Case::Any) {
            raise(
                &mut sensitivity,
                value,
                |data| Weigh::sensitivity(model, data),
                || format!("but for the case of a letter it is `{glob}`, declared as `{value}`"),
            );
        }
        let critical = self.declared(&candidates, |declaration| declaration.critical.then_some(()));
        // It only raises, so the case of a letter does not matter.
        let critical = critical.first(resource, Case::Any).map(|(glob, ())| glob.to_string());
        (environment, sensitivity, critical)
    }

    fn declared<T>(&self, candidates: &[usize], part: impl Fn(&Declaration) -> Option<T>) -> Declared<'_, T> {
        let declarations = candidates.iter().filter_map(|number| self.declarations.get(*number));
        Declared(declarations.filter_map(|one| Some((&one.resource, part(one)?))).collect())
    }
}

/// The classes of an action: the first that matches as written, and the first that matches but for the case.
#[derive(Clone, Copy)]
struct Classes<'a> {
    exact: Option<&'a Class>,
    alike: Option<&'a Class>,
}

impl Classes<'_> {
    /// Where the payload is. That there is none widens authority, so only an exact match can say it.
    fn payload(&self) -> &Payload {
        match (self.exact, self.alike) {
            (Some(class), _) => &class.payload,
            (None, Some(class)) if class.payload != Payload::Nothing => &class.payload,
            (None, Some(_) | None) => &Payload::Usual,
        }
    }

    fn leaves_kind_to_payload(&self) -> bool {
        self.exact.is_some_and(|class| class.kind.is_none())
    }

    fn facts(&self, model: &Model, action: &str) -> (Fact<Kind>, Fact<bool>) {
        let mut kind = match self.exact {
            None => policy(Kind::Unknown, format!("the policy does not classify {}", quoted(action))),
            Some(Class { action, kind: Some(kind), .. }) => {
                policy(*kind, format!("`{action}` is classified as `{kind}`"))
            }
            Some(Class { action, kind: None, .. }) => {
                policy(Kind::Unknown, format!("`{action}` is what its payload is, and that does not say"))
            }
        };
        let mut irreversible = self.exact.map_or_else(
            || policy(false, "nothing says that it cannot be undone".to_owned()),
            |class| policy(class.irreversible, undoing(class)),
        );
        if let Some(Class { action, kind: Some(alike), .. }) = self.alike {
            let reason = || format!("but for the case of a letter it is `{action}`, classified as `{alike}`");
            raise(&mut kind, *alike, |kind| model.kind(kind), reason);
        }
        if let Some(class) = self.alike {
            raise(&mut irreversible, class.irreversible, u64::from, || undoing(class));
        }
        (kind, irreversible)
    }
}

/// What the parameters that hold something that runs say it does.
fn payloads(payload: &Payload, arguments: Arguments<'_>) -> Vec<classify::Reading> {
    match (payload, arguments) {
        (Payload::Nothing, _) | (Payload::Usual, Arguments::Raw) => Vec::new(),
        (Payload::Usual, Arguments::Parameters(parameters)) => classify::detect::read(parameters, &[]),
        (Payload::Declared(declared), Arguments::Parameters(parameters)) => {
            classify::detect::read(parameters, declared)
        }
        (Payload::Declared(declared), Arguments::Raw) => {
            let missing = |(language, name): &(Language, Box<str>)| {
                let mut reading = classify::Reading::new(*language);
                reading.doubt(classify::Why::Missing, name);
                reading
            };
            declared.iter().map(missing).collect()
        }
    }
}

/// What the declarations that may match say about one thing.
struct Declared<'a, T>(Vec<(&'a Glob, T)>);

impl<'a, T: Copy> Declared<'a, T> {
    fn first(&self, resource: &Named<'_>, case: Case) -> Option<(&'a Glob, T)> {
        let matches = |glob: &Glob| match case {
            Case::Exact => glob.matches(resource.exact),
            Case::Any => glob.matches_any_case(&resource.lower),
        };
        self.0.iter().copied().find(|(glob, _)| matches(glob))
    }
}

const fn policy<T>(value: T, reason: String) -> Fact<T> {
    Fact::new(value, Source::Policy, reason)
}

fn undoing(class: &Class) -> String {
    if class.irreversible {
        format!("`{}` is classified as irreversible", class.action)
    } else {
        format!("`{}` is not classified as irreversible", class.action)
    }
}

fn raise<T: Copy, W: Ord>(
    fact: &mut Fact<T>,
    value: T,
    weigh: impl Fn(T) -> W,
    reason: impl FnOnce() -> String,
) {
    if weigh(value) > weigh(fact.value) {
        *fact = policy(value, reason());
    }
}
