//! What a payload does, weighed: the facts that follow from its acts and doubts. They raise what the policy says of
//! the action; only where the policy leaves the kind to the payload do they also say what it is.

use super::places::{environment_of, sensitivity_by_words};
use crate::classify::{self, Act, Extent, Language};
use crate::risk::assessment::{Anomaly, AnomalyKind};
use crate::risk::facts::{Fact, Facts, Kind, LARGEST, Scope, Sensitivity, Source, Weigh};
use crate::risk::model::Model;
use crate::risk::quoted;
use crate::risk::words::Name;

/// The facts, with what the payloads say.
pub(super) fn weigh(
    model: &Model,
    mut facts: Facts,
    payloads: Vec<classify::Reading>,
    leaves_kind: bool,
) -> (Facts, Vec<Anomaly>) {
    let declared = facts.kind.value;
    count(&mut facts, &payloads);
    for reading in payloads {
        facts.acts.extend(reading.acts);
        facts.doubts.extend(reading.doubts);
    }
    kind(model, &mut facts, leaves_kind);
    let mut anomalies = Vec::new();
    // Whoever calls a deletion a query says less than it is.
    if declared == Kind::Read && matches!(facts.kind.value, Kind::Delete | Kind::Admin) {
        let words = format!("what is classified as `read` is not: {}", facts.kind.reason);
        anomalies.push(Anomaly::new(AnomalyKind::Misdeclared, words));
    }
    if let Some(act) = facts.acts.iter().find(|act| act.irreversible)
        && !facts.irreversible.value
    {
        facts.irreversible = payload(true, format!("{} cannot be undone", quoted(&act.what)));
    }
    place(model, &mut facts, leaves_kind);
    sensitivity(model, &mut facts);
    scope(model, &mut facts);
    (facts, anomalies)
}

const fn payload<T>(value: T, reason: String) -> Fact<T> {
    Fact::new(value, Source::Payload, reason)
}

fn kind(model: &Model, facts: &mut Facts, leaves_kind: bool) {
    let weighs = |kind| Weigh::kind(model, kind);
    let worst = facts.acts.iter().max_by_key(|act| weighs(act.kind));
    let (value, reason) = match (worst, facts.doubts.first()) {
        (Some(act), None) => (act.kind, format!("the payload runs {}", quoted(&act.to_string()))),
        (Some(act), Some(_)) if weighs(act.kind) >= weighs(Kind::Unknown) => {
            (act.kind, format!("the payload runs {}", quoted(&act.to_string())))
        }
        // What is in doubt is at least as bad as the unknown.
        (_, Some(doubt)) => {
            (Kind::Unknown, format!("the payload is not understood: {}", quoted(&doubt.part)))
        }
        (None, None) => return,
    };
    if leaves_kind || weighs(value) > weighs(facts.kind.value) {
        facts.kind = payload(value, reason);
    }
}

/// Where the payload says that it runs. Any name in it may raise; only what says where may say that it is safer than
/// what is taken for granted, and only if every act says the same.
fn place(model: &Model, facts: &mut Facts, leaves_kind: bool) {
    let weighs = |place| Weigh::environment(model, place);
    let taken_for_granted = facts.environment.source == Source::Default;
    let mut raised = None;
    for name in facts.acts.iter().flat_map(|act| act.places.iter().chain(&act.targets)) {
        if let Some((place, word)) = environment_of(model, &Name::new(name))
            && weighs(place) > weighs(raised.map_or(facts.environment.value, |(place, _)| place))
        {
            raised = Some((place, word));
        }
    }
    let agreed = || {
        let mut said = facts.acts.iter().map(|act| {
            let names = act.places.iter().filter_map(|name| environment_of(model, &Name::new(name)));
            names.max_by_key(|(place, _)| weighs(*place))
        });
        let first = said.next()??;
        said.all(|other| other.is_some_and(|(place, _)| place == first.0)).then_some(first)
    };
    let lower = leaves_kind && taken_for_granted && facts.doubts.is_empty();
    if let Some((place, word)) = raised.or_else(|| lower.then(agreed).flatten()) {
        facts.environment = payload(place, format!("`{word}` in the payload says `{place}`"));
    }
}

fn sensitivity(model: &Model, facts: &mut Facts) {
    let weighs = |data| Weigh::sensitivity(model, data);
    let mut names = facts.acts.iter().flat_map(|act| act.targets.iter().chain(&act.places));
    let found = names.find_map(|name| {
        let fact = sensitivity_by_words(model, &Name::new(name));
        (fact.value == Sensitivity::Sensitive).then(|| quoted(name))
    });
    if let Some(name) = found
        && weighs(Sensitivity::Sensitive) > weighs(facts.sensitivity.value)
    {
        facts.sensitivity =
            payload(Sensitivity::Sensitive, format!("a sensitive word in {name} in the payload"));
    }
}

/// The acts that decide how much: those that change something, or all if none does.
fn deciding(acts: &[Act]) -> impl Iterator<Item = &Act> {
    let changes = acts.iter().any(|act| act.kind != Kind::Read);
    acts.iter().filter(move |act| !changes || act.kind != Kind::Read)
}

fn scope(model: &Model, facts: &mut Facts) {
    let mut raise = |scope: Scope, reason: String| {
        if Weigh::scope(model, scope) > Weigh::scope(model, facts.scope.value) {
            facts.scope = payload(scope, reason);
        }
    };
    if let Some(act) = deciding(&facts.acts).find(|act| act.extent == Extent::Everything) {
        raise(Scope::Everything, format!("{} leaves nothing out", quoted(&act.to_string())));
    }
    let most = facts.touched.rows.max(facts.touched.objects);
    raise(Weigh::rows(model, most), format!("the payload counts {most}"));
    if let Some(doubt) = facts.doubts.first() {
        raise(
            Scope::Unknown,
            format!("the payload is not understood ({}): {}", doubt.why, quoted(&doubt.part)),
        );
    }
}

/// Adds up what the payloads count.
fn count(facts: &mut Facts, payloads: &[classify::Reading]) {
    for reading in payloads {
        for act in deciding(&reading.acts) {
            let Extent::Counted(count) = act.extent else { continue };
            let sum = match reading.language {
                Language::Sql => &mut facts.touched.rows,
                Language::Shell
                | Language::Argv
                | Language::Http
                | Language::Kubernetes
                | Language::Terraform
                | Language::Mcp => &mut facts.touched.objects,
            };
            *sum = sum.saturating_add(count).min(LARGEST);
        }
    }
}
