//! The `risk:` block: the published model, and what the policy changes in it.

use super::blocks::{environment, window};
use super::document::level;
use super::keys::{
    BEHAVIOUR, ENVIRONMENT, EVASION, OPERATION, RISK, SCOPE, SENSITIVITY, THRESHOLDS, TIMING, WEIGHTS,
    WORKING_HOURS,
};
use super::parse::Node;
use super::read::{Fields, expected, malformed, one_or_more, out_of_range, score, text, truth, whole, word};
use super::source::{Fault, Problem};
use crate::risk::Level;
use crate::risk::calendar::{Calendar, WEEKDAYS};
use crate::risk::model::{Field, Model, Weights};
use crate::risk::words::Phrase;

/// What the `risk:` block says.
pub(super) struct Risk {
    pub(super) model: Model,
    pub(super) standard_floors: bool,
}

impl Default for Risk {
    fn default() -> Self {
        Self { model: Model::default(), standard_floors: true }
    }
}

/// `risk:`
pub(super) fn risk(node: &Node) -> Result<Risk, Fault> {
    let mut risk = Risk::default();
    let model = &mut risk.model;
    let fields = Fields::of(node, &RISK)?;
    fields.read("weights", |node| weights(node, &mut model.weights))?;
    fields.read("operation", |node| operation(node, model))?;
    fields.read("environment", |node| environments(node, model))?;
    fields.read("sensitivity", |node| sensitivities(node, model))?;
    fields.read("behaviour", |node| behaviour(node, model))?;
    fields.read("scope", |node| scopes(node, model))?;
    fields.read("timing", |node| timing(node, model))?;
    fields.read("evasion", |node| evasion(node, model))?;
    fields.read("thresholds", |node| thresholds(node, model))?;
    fields.set("blocked_from", &mut model.blocked_from, level)?;
    if model.blocked_from == Level::Low
        && let Some(node) = fields.get("blocked_from")
    {
        return Err(malformed(node, "low", "a level that leaves anything to be decided"));
    }
    fields.set("standard_floors", &mut risk.standard_floors, truth)?;
    Ok(risk)
}

fn weights(node: &Node, weights: &mut Weights) -> Result<(), Fault> {
    let fields = Fields::of(node, &WEIGHTS)?;
    fields.set("operation", &mut weights.operation, score)?;
    fields.set("environment", &mut weights.environment, score)?;
    fields.set("sensitivity", &mut weights.sensitivity, score)?;
    fields.set("behaviour", &mut weights.behaviour, score)?;
    fields.set("scope", &mut weights.scope, score)?;
    fields.set("timing", &mut weights.timing, score)?;
    match weights.total() {
        1000 => Ok(()),
        sum => {
            let sum = format!("{}.{:03}", sum / 1000, sum % 1000);
            Err(Fault::new(node.at, Problem::WeightsSum(sum)))
        }
    }
}

fn operation(node: &Node, model: &mut Model) -> Result<(), Fault> {
    let (fields, table) = (Fields::of(node, &OPERATION)?, &mut model.operation);
    fields.set("read", &mut table.read, score)?;
    fields.set("write", &mut table.write, score)?;
    fields.set("update", &mut table.update, score)?;
    fields.set("external_call", &mut table.external_call, score)?;
    fields.set("delete", &mut table.delete, score)?;
    fields.set("admin", &mut table.admin, score)?;
    fields.set("unknown", &mut table.unknown, score)
}

fn environments(node: &Node, model: &mut Model) -> Result<(), Fault> {
    let (fields, table) = (Fields::of(node, &ENVIRONMENT)?, &mut model.environment);
    fields.set("test", &mut table.test, score)?;
    fields.set("staging", &mut table.staging, score)?;
    fields.set("production", &mut table.production, score)?;
    fields.set("unknown", &mut table.unknown, environment)?;
    fields.set("test_words", &mut table.test_words, phrases)?;
    fields.set("staging_words", &mut table.staging_words, phrases)?;
    fields.set("production_words", &mut table.production_words, phrases)
}

fn sensitivities(node: &Node, model: &mut Model) -> Result<(), Fault> {
    let (fields, table) = (Fields::of(node, &SENSITIVITY)?, &mut model.sensitivity);
    fields.set("ordinary", &mut table.ordinary, score)?;
    fields.set("bulk", &mut table.bulk, score)?;
    fields.set("sensitive", &mut table.sensitive, score)?;
    fields.set("bulk_over", &mut table.bulk_over, whole)?;
    fields.set("words", &mut table.words, phrases)?;
    rising(node, ("bulk", table.bulk), ("ordinary", table.ordinary))
}

fn behaviour(node: &Node, model: &mut Model) -> Result<(), Fault> {
    let (fields, table) = (Fields::of(node, &BEHAVIOUR)?, &mut model.behaviour);
    fields.set("usual", &mut table.usual, score)?;
    fields.set("concerning", &mut table.concerning, score)?;
    fields.set("concerning_over", &mut table.concerning_over, whole)?;
    fields.set("anomalous", &mut table.anomalous, score)?;
    fields.set("anomalous_over", &mut table.anomalous_over, whole)?;
    fields.set("window", &mut table.window, window)?;
    rising(node, ("concerning", table.concerning), ("usual", table.usual))?;
    rising(node, ("anomalous", table.anomalous), ("concerning", table.concerning))?;
    rising(node, ("anomalous_over", table.anomalous_over), ("concerning_over", table.concerning_over))
}

fn scopes(node: &Node, model: &mut Model) -> Result<(), Fault> {
    let (fields, table) = (Fields::of(node, &SCOPE)?, &mut model.scope);
    fields.set("narrow", &mut table.narrow, score)?;
    fields.set("wide", &mut table.wide, score)?;
    fields.set("wide_over", &mut table.wide_over, whole)?;
    fields.set("huge", &mut table.huge, score)?;
    fields.set("huge_over", &mut table.huge_over, whole)?;
    fields.set("everything", &mut table.everything, score)?;
    fields.set("unknown", &mut table.unknown, score)?;
    fields.set("filter_fields", &mut table.filter_fields, names)?;
    fields.set("rows_fields", &mut table.rows_fields, names)?;
    fields.set("limit_fields", &mut table.limit_fields, names)?;
    fields.set("cost_fields", &mut table.cost_fields, names)?;
    rising(node, ("wide", table.wide), ("narrow", table.narrow))?;
    rising(node, ("huge", table.huge), ("wide", table.wide))?;
    rising(node, ("everything", table.everything), ("huge", table.huge))?;
    rising(node, ("huge_over", table.huge_over), ("wide_over", table.wide_over))
}

fn timing(node: &Node, model: &mut Model) -> Result<(), Fault> {
    let (fields, table) = (Fields::of(node, &TIMING)?, &mut model.timing);
    fields.set("quiet", &mut table.quiet, score)?;
    fields.set("otherwise", &mut table.otherwise, score)?;
    fields.set("from", &mut table.from, minute)?;
    fields.set("to", &mut table.to, minute)?;
    if let Some(node) = fields.get("time_zone") {
        let name = text(node)?;
        let form = "a time zone such as `Europe/Berlin`, `UTC` or `+05:30`";
        table.calendar.set_zone(Calendar::zone(name).ok_or_else(|| malformed(node, name, form))?);
    }
    let Some(node) = fields.get("working_hours") else { return Ok(()) };
    let fields = Fields::of(node, &WORKING_HOURS)?;
    let days = fields.read("days", |node| one_or_more(node, weekday))?;
    let working = |day| days.as_ref().map_or(day < 5, |days| days.contains(&day));
    let from = fields.read("from", minute)?.unwrap_or(9 * 60);
    let to = fields.read("to", minute)?.unwrap_or(17 * 60);
    table.calendar.set_work(core::array::from_fn(working), from, to);
    Ok(())
}

/// A day of the week, Monday is 0.
pub(crate) fn weekday(node: &Node) -> Result<usize, Fault> {
    let short = |day: &str, text: &str| day == text || (text.len() == 3 && day.starts_with(text));
    let parse = |text: &str| WEEKDAYS.iter().position(|day| short(day, text));
    word(node, parse, || WEEKDAYS.map(str::to_owned).to_vec())
}

fn evasion(node: &Node, model: &mut Model) -> Result<(), Fault> {
    let (fields, table) = (Fields::of(node, &EVASION)?, &mut model.evasion);
    fields.set("window", &mut table.window, window)?;
    fields.set("just_below", &mut table.just_below, score)?;
    let count = |node| match whole::<u32>(node)? {
        0 => Err(out_of_range(node, "at least 1")),
        count => Ok(count),
    };
    fields.set("just_below_count", &mut table.just_below_count, count)?;
    fields.set("pieces_count", &mut table.pieces_count, count)?;
    fields.set("denial_stands", &mut table.denial_stands, window)
}

fn thresholds(node: &Node, model: &mut Model) -> Result<(), Fault> {
    let (fields, table) = (Fields::of(node, &THRESHOLDS)?, &mut model.thresholds);
    fields.set("medium", &mut table.medium, score)?;
    fields.set("high", &mut table.high, score)?;
    fields.set("critical", &mut table.critical, score)?;
    rising(node, ("high", table.high), ("medium", table.medium))?;
    rising(node, ("critical", table.critical), ("high", table.high))
}

fn rising<T: Ord + Copy>(node: &Node, high: (&'static str, T), low: (&'static str, T)) -> Result<(), Fault> {
    if high.1 < low.1 { Err(Fault::new(node.at, Problem::NotRising(high.0, low.0))) } else { Ok(()) }
}

/// The most words of one list. Each is looked for in every resource.
const MAX_WORDS: usize = 100;

fn phrases(node: &Node) -> Result<Vec<Phrase>, Fault> {
    let phrase = |node| {
        let text = text(node)?;
        Phrase::new(text).ok_or_else(|| malformed(node, text, "a word of ASCII letters and digits"))
    };
    let phrases = one_or_more(node, phrase)?;
    if phrases.len() > MAX_WORDS {
        Err(Fault::new(node.at, Problem::TooMany(MAX_WORDS)))
    } else {
        Ok(phrases)
    }
}

fn names(node: &Node) -> Result<Vec<Field>, Fault> {
    let fields = one_or_more(node, |node| text(node).map(Field::new))?;
    if fields.len() > MAX_WORDS { Err(Fault::new(node.at, Problem::TooMany(MAX_WORDS))) } else { Ok(fields) }
}

/// A time of day, `22:00`.
pub(crate) fn minute(node: &Node) -> Result<u16, Fault> {
    let text = text(node).map_err(|_| expected(node, "a time of day such as `\"22:00\"`"))?;
    minute_of(text).ok_or_else(|| malformed(node, text, "a time of day such as `22:00`"))
}

/// The minute of the day that `22:00` is.
pub(crate) fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |part: &str, below: u16| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u16>().ok().filter(|n| digits && *n < below)
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}
