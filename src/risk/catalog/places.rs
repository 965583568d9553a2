//! What names and numbers say: the words in a resource's name, the limit and the rows among the parameters.

use super::policy;
use crate::risk::facts::{Environment, Fact, LARGEST, Scope, Sensitivity, Source, Touched, Weigh};
use crate::risk::model::Model;
use crate::risk::payload::{Amount, Reading, Unfiltered};
use crate::risk::quoted;
use crate::risk::score::Score;
use crate::risk::words::{Edges, Name, Phrase};

/// Where a resource is by the words in its name, or else by what the policy takes for granted.
pub(super) fn environment_by_words(model: &Model, name: &Name<'_>) -> Fact<Environment> {
    if let Some((place, phrase)) = environment_of(model, name) {
        return policy(place, format!("`{phrase}` in the resource's name says `{place}`"));
    }
    let place = model.environment.unknown;
    let reason = format!("nothing in the resource's name says where it is, which counts as `{place}`");
    Fact::new(place, Source::Default, reason)
}

/// The riskiest environment whose word is in the name, and the word. One that makes it safer than a name without
/// any has to stand between separators, and in a name that cannot be mistaken for another (DESIGN §5.13).
pub(super) fn environment_of<'a>(model: &'a Model, name: &Name<'_>) -> Option<(Environment, &'a str)> {
    let table = &model.environment;
    let default = Weigh::environment(model, table.unknown);
    let mut places = [
        (Environment::Production, table.production, &table.production_words),
        (Environment::Staging, table.staging, &table.staging_words),
        (Environment::Test, table.test, &table.test_words),
    ];
    places.sort_by_key(|(_, value, _)| core::cmp::Reverse(*value));
    places.into_iter().find_map(|(place, value, words)| {
        let found = if value >= default { word(name, words, Edges::Any) } else { lowering(name, words) };
        found.map(|phrase| (place, phrase.as_str()))
    })
}

fn word<'a>(name: &Name<'_>, words: &'a [Phrase], edges: Edges) -> Option<&'a Phrase> {
    words.iter().find(|phrase| name.has(phrase, edges))
}

fn lowering<'a>(name: &Name<'_>, words: &'a [Phrase]) -> Option<&'a Phrase> {
    name.is_ascii().then(|| word(name, words, Edges::Separators)).flatten()
}

pub(super) fn sensitivity_by_words(model: &Model, name: &Name<'_>) -> Fact<Sensitivity> {
    word(name, &model.sensitivity.words, Edges::Any).map_or_else(
        || policy(Sensitivity::Ordinary, "no word in the resource's name is a sensitive one".to_owned()),
        |phrase| policy(Sensitivity::Sensitive, format!("`{}` in the resource's name", phrase.as_str())),
    )
}

/// Much at a time counts as `bulk` where nothing makes the data more sensitive than that.
pub(super) fn bulk(
    model: &Model,
    sensitivity: Fact<Sensitivity>,
    reading: Option<&Reading>,
) -> Fact<Sensitivity> {
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
pub(super) fn scope(model: &Model, reading: Option<&Reading>) -> Fact<Scope> {
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

/// What it costs, as far as the parameters say.
pub(super) fn cost(reading: Option<&Reading>) -> Fact<Option<u64>> {
    match reading.and_then(|reading| reading.cost.as_ref()) {
        Some((field, cost)) => {
            let reason = format!("{} says that it costs {cost}", quoted(field));
            Fact::new(Some((*cost).min(LARGEST)), Source::Payload, reason)
        }
        None => policy(None, "nothing says what it costs".to_owned()),
    }
}

/// How much is touched, as far as the parameters say it in numbers.
pub(super) fn touched(reading: Option<&Reading>) -> Touched {
    let rows = match reading.and_then(|reading| reading.rows.as_ref()) {
        Some((_, Amount::Number(rows))) => (*rows).min(LARGEST),
        Some((_, Amount::Nonsense)) => LARGEST,
        None => 0,
    };
    Touched { rows, objects: 0 }
}
