//! The catalog: what the policy declares about actions and resources, and the facts that follow for an operation.

use super::facts::{Environment, Fact, Facts, Kind, Scope, Sensitivity, Source, Weigh};
use super::floor::{Case, Subject};
use super::model::Model;
use super::pattern::{Glob, Index, Named};
use super::payload::{Amount, Reading, Unfiltered};
use super::quoted;
use super::score::Score;
use super::words::{Edges, Name, Phrase};
use crate::operation::json::Object;

/// What the policy says about the actions that match a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// The pattern of the action.
    pub action: Glob,
    /// What kind of thing it does.
    pub kind: Kind,
    /// Whether it cannot be undone.
    pub irreversible: bool,
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

    /// What is known about an operation without asking the agent.
    #[must_use]
    pub fn facts(&self, model: &Model, subject: &Subject<'_>, arguments: Arguments<'_>) -> Facts {
        let reading = match arguments {
            Arguments::Parameters(parameters) => Some(Reading::of(parameters, &model.scope)),
            Arguments::Raw => None,
        };
        let (kind, irreversible) = self.class_of(model, &subject.action);
        let (environment, sensitivity) = self.place_of(model, &subject.resource);
        Facts {
            kind,
            environment,
            sensitivity: bulk(model, sensitivity, reading.as_ref()),
            scope: scope(model, reading.as_ref()),
            irreversible,
            cost: Fact::new(None, Source::Policy, "nothing says what it costs".to_owned()),
        }
    }

    fn class_of(&self, model: &Model, action: &Named<'_>) -> (Fact<Kind>, Fact<bool>) {
        let candidates = self.by_action.candidates(&action.lower);
        let classes = || candidates.iter().filter_map(|number| self.classes.get(*number));
        let exact = classes().find(|class| class.action.matches(action.exact));
        let alike = classes().find(|class| class.action.matches_any_case(&action.lower));

        let mut kind = exact.map_or_else(
            || policy(Kind::Unknown, format!("the policy does not classify {}", quoted(action.exact))),
            |class| policy(class.kind, format!("`{}` is classified as `{}`", class.action, class.kind)),
        );
        let mut irreversible = exact.map_or_else(
            || policy(false, "nothing says that it cannot be undone".to_owned()),
            |class| policy(class.irreversible, undoing(class)),
        );
        if let Some(class) = alike {
            raise(
                &mut kind,
                class.kind,
                |kind| model.kind(kind),
                || {
                    format!(
                        "but for the case of a letter it is `{}`, classified as `{}`",
                        class.action, class.kind
                    )
                },
            );
            raise(&mut irreversible, class.irreversible, u64::from, || undoing(class));
        }
        (kind, irreversible)
    }

    fn place_of(&self, model: &Model, resource: &Named<'_>) -> (Fact<Environment>, Fact<Sensitivity>) {
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
        (environment, sensitivity)
    }

    fn declared<T>(&self, candidates: &[usize], part: impl Fn(&Declaration) -> Option<T>) -> Declared<'_, T> {
        let declarations = candidates.iter().filter_map(|number| self.declarations.get(*number));
        Declared(declarations.filter_map(|one| Some((&one.resource, part(one)?))).collect())
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

/// The riskiest environment whose word is in the name. A word that makes it safer than a name without any has
/// to stand between separators, and in a name that cannot be mistaken for another (DESIGN §5.13).
fn environment_by_words(model: &Model, name: &Name<'_>) -> Fact<Environment> {
    let table = &model.environment;
    let default = Weigh::environment(model, table.unknown);
    let mut places = [
        (Environment::Production, table.production, &table.production_words),
        (Environment::Staging, table.staging, &table.staging_words),
        (Environment::Test, table.test, &table.test_words),
    ];
    places.sort_by_key(|(_, value, _)| core::cmp::Reverse(*value));
    for (place, value, words) in places {
        let found = if value >= default { word(name, words, Edges::Any) } else { lowering(name, words) };
        if let Some(phrase) = found {
            return policy(place, format!("`{}` in the resource's name says `{place}`", phrase.as_str()));
        }
    }
    let place = table.unknown;
    policy(place, format!("nothing in the resource's name says where it is, which counts as `{place}`"))
}

fn word<'a>(name: &Name<'_>, words: &'a [Phrase], edges: Edges) -> Option<&'a Phrase> {
    words.iter().find(|phrase| name.has(phrase, edges))
}

fn lowering<'a>(name: &Name<'_>, words: &'a [Phrase]) -> Option<&'a Phrase> {
    name.is_ascii().then(|| word(name, words, Edges::Separators)).flatten()
}

fn sensitivity_by_words(model: &Model, name: &Name<'_>) -> Fact<Sensitivity> {
    word(name, &model.sensitivity.words, Edges::Any).map_or_else(
        || policy(Sensitivity::Ordinary, "no word in the resource's name is a sensitive one".to_owned()),
        |phrase| policy(Sensitivity::Sensitive, format!("`{}` in the resource's name", phrase.as_str())),
    )
}

/// Much at a time counts as `bulk` where nothing makes the data more sensitive than that.
fn bulk(model: &Model, sensitivity: Fact<Sensitivity>, reading: Option<&Reading>) -> Fact<Sensitivity> {
    let Some((field, limit)) = reading.and_then(|reading| reading.limit.as_ref()) else { return sensitivity };
    let reason = match limit {
        Amount::Number(limit) if *limit <= model.sensitivity.bulk_over => return sensitivity,
        Amount::Number(limit) => {
            format!("{} is {limit}, over {}", quoted(field), model.sensitivity.bulk_over)
        }
        Amount::Nonsense => format!("{} limits nothing", quoted(field)),
    };
    let weigh = |data| Weigh::sensitivity(model, data);
    if weigh(Sensitivity::Bulk) > weigh(sensitivity.value) {
        Fact::new(Sensitivity::Bulk, Source::Payload, reason)
    } else {
        sensitivity
    }
}

/// The riskiest scope that anything in the parameters says.
fn scope(model: &Model, reading: Option<&Reading>) -> Fact<Scope> {
    let payload = |scope, reason| Fact::new(scope, Source::Payload, reason);
    let Some(reading) = reading else {
        return payload(Scope::Unknown, "the payload is not JSON, so nothing in it says how much".to_owned());
    };
    let mut scope = payload(Scope::Narrow, "nothing in the parameters says that it is much".to_owned());
    let weigh = |scope| -> Score { Weigh::scope(model, scope) };
    if let Some((field, amount)) = &reading.rows {
        let (value, reason) = match amount {
            Amount::Number(rows) => (model.rows(*rows), format!("{} is {rows}", quoted(field))),
            Amount::Nonsense => (Scope::Huge, format!("{} is no number of rows", quoted(field))),
        };
        if weigh(value) >= weigh(scope.value) {
            scope = payload(value, reason);
        }
    }
    if let Some((field, why)) = &reading.everything
        && weigh(Scope::Everything) >= weigh(scope.value)
    {
        let field = quoted(field);
        let reason = match why {
            Unfiltered::Wildcard(text) => format!("{field} is the wildcard {}", quoted(text)),
            Unfiltered::AlwaysTrue(text) => format!("{field} is always true: {}", quoted(text)),
            Unfiltered::Nothing => format!("{field} filters nothing"),
        };
        scope = payload(Scope::Everything, reason);
    }
    scope
}
