//! Reading the record from its folder: only what may matter is taken apart, so that a million records take a second.

use crate::audit::chain::{Chain, Glance, Key, Overview};
use crate::audit::event::{Event, Record};
use crate::audit::filter::{Effect, Filter, participant};
use crate::cli::exit::{Exit, Failed};
use crate::cli::policy::record::Progress;
use crate::cli::when::When;
use crate::party::{EscalationId, PersonId, TxnId};
use crate::risk::pattern::Glob;
use crate::store::embedded::Look;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// Which decisions; each option narrows it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Wanted {
    /// Only what an agent of this pattern asked, as in agent:builder or agent:*
    #[arg(long, value_name = "PATTERN", value_parser = glob)]
    agent: Option<Glob>,
    /// Only actions of this pattern, as in payment.*
    #[arg(long, value_name = "PATTERN", value_parser = glob)]
    action: Option<Glob>,
    /// Only what was decided so at first: allow, deny or escalate
    #[arg(long, value_name = "DECISION", value_parser = effect)]
    decision: Option<Effect>,
    /// Only what this person voted on, changed or reviewed
    #[arg(long, value_name = "PERSON", value_parser = person)]
    reviewer: Option<PersonId>,
    /// Only what was decided at most so long ago, as in 2h, or since a moment, as in 2026-11-21T09:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    since: Option<When>,
    /// Only what was decided before that
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    until: Option<When>,
}

fn glob(text: &str) -> Result<Glob, String> {
    Glob::new(text).ok_or_else(|| "expected a name, in which `*` stands for any characters".to_owned())
}

fn effect(text: &str) -> Result<Effect, String> {
    Effect::parse(text).ok_or_else(|| "expected allow, deny or escalate".to_owned())
}

fn person(text: &str) -> Result<PersonId, String> {
    PersonId::new(text).map_err(|error| error.to_string())
}

impl Wanted {
    /// The filter that these options say.
    pub(super) fn filter(self) -> Filter {
        let Self { agent, action, decision, reviewer, since, until } = self;
        let (from, until) = (since.map(When::moment), until.map(When::moment));
        Filter { agent, action, effect: decision, reviewer, from, until }
    }
}

/// Which page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    /// At most so many.
    pub(super) limit: usize,
    /// Only those recorded before this place.
    pub(super) before: Option<u64>,
}

/// A page of decisions, the latest first.
pub(super) struct Found {
    pub(super) overviews: Vec<Overview>,
    /// What the next page is asked for with, where there are earlier ones.
    pub(super) next: Option<u64>,
}

/// What is kept of the records that belong to one decision.
trait Gathered: Sized {
    fn begin(index: u64, record: Record) -> Option<Self>;
    fn add(&mut self, index: u64, record: Record);
    fn escalation(&self) -> Option<EscalationId>;
    fn index(&self) -> u64;
}

impl Gathered for Chain {
    fn begin(index: u64, record: Record) -> Option<Self> {
        Self::begin(index, record)
    }

    fn add(&mut self, index: u64, record: Record) {
        self.add(index, record);
    }

    fn escalation(&self) -> Option<EscalationId> {
        self.decided().escalation
    }

    fn index(&self) -> u64 {
        self.index()
    }
}

impl Gathered for Glance {
    fn begin(index: u64, record: Record) -> Option<Self> {
        Self::begin(index, &record)
    }

    fn add(&mut self, index: u64, record: Record) {
        self.add(index, &record);
    }

    fn escalation(&self) -> Option<EscalationId> {
        self.overview().escalation
    }

    fn index(&self) -> u64 {
        self.overview().index
    }
}

/// The chain of this decision, escalation or token.
///
/// # Errors
/// [`Failed`] if the record cannot be read, or has no such thing.
pub(super) fn chain(look: &Look, key: Key) -> Result<Chain, Failed> {
    let unknown = || Failed::plain(format!("there is no `{key}` in the record"));
    let needle = format!("\"{key}\"");
    let mut first = None;
    for found in look.leaves(0) {
        let (index, leaf) = found.map_err(Failed::plain)?;
        if !text(index, &leaf)?.contains(&needle) {
            continue;
        }
        let record = record(index, &leaf)?;
        if let Some(txn) = key.found_in(&record.event) {
            first = Some((index, txn));
            break;
        }
    }
    let (index, txn) = first.ok_or_else(unknown)?;
    // A token is minted after its decision.
    let from = if matches!(key, Key::Token(_)) { 0 } else { index };
    gather::<Chain>(look, from, &BTreeSet::from([txn]))?.pop().ok_or_else(unknown)
}

/// The decisions that a filter wants, the latest first, each with everything that belongs to it.
///
/// # Errors
/// [`Failed`] if the record cannot be read.
pub(super) fn find(look: &Look, filter: &Filter, page: Page) -> Result<Found, Failed> {
    let mut progress = Progress::new("reading the record", look.len());
    // Votes come after decisions: with a reviewer wanted, all that people were asked about is kept until the end.
    let mut candidates: VecDeque<(u64, TxnId, Option<EscalationId>)> = VecDeque::new();
    let mut voted: HashSet<EscalationId> = HashSet::new();
    let person = filter.reviewer.as_ref().map(|person| format!("\"{person}\""));
    for found in look.leaves(0) {
        let (index, leaf) = found.map_err(Failed::plain)?;
        progress.at(index);
        let text = text(index, &leaf)?;
        if text.contains("\"kind\":\"decided\"") && page.before.is_none_or(|before| index < before) {
            let record = record(index, &leaf)?;
            if let Event::Decided(decided) = &record.event
                && filter.wants(decided, record.at)
                && (person.is_none() || decided.escalation.is_some())
            {
                candidates.push_back((index, decided.txn, decided.escalation));
                if person.is_none() && candidates.len() > page.limit.saturating_add(1) {
                    candidates.pop_front();
                }
            }
        } else if person.as_ref().is_some_and(|name| text.contains(name)) {
            let record = record(index, &leaf)?;
            if participant(&record) == filter.reviewer.as_ref() {
                voted.extend(record.event.escalation());
            }
        }
    }
    progress.done();
    if person.is_some() {
        candidates.retain(|(_, _, id)| id.is_some_and(|id| voted.contains(&id)));
    }
    let more = candidates.len() > page.limit;
    candidates.drain(..candidates.len().saturating_sub(page.limit));
    let from = candidates.front().map_or(look.len(), |(index, ..)| *index);
    let glances: Vec<Glance> = gather(look, from, &candidates.iter().map(|(_, txn, _)| *txn).collect())?;
    let overviews: Vec<Overview> = glances.iter().rev().map(|glance| glance.overview().clone()).collect();
    let next = overviews.last().filter(|_| more).map(|last| last.index);
    Ok(Found { overviews, next })
}

/// Everything that belongs to these decisions, in the order in which they were recorded.
fn gather<T: Gathered>(look: &Look, from: u64, txns: &BTreeSet<TxnId>) -> Result<Vec<T>, Failed> {
    let mut names: HashMap<String, TxnId> = txns.iter().map(|txn| (txn.to_string(), *txn)).collect();
    let mut chains: BTreeMap<TxnId, T> = BTreeMap::new();
    if txns.is_empty() {
        return Ok(Vec::new());
    }
    for found in look.leaves(from) {
        let (index, leaf) = found.map_err(Failed::plain)?;
        if !ids(text(index, &leaf)?).any(|id| names.contains_key(id)) {
            continue;
        }
        let record = record(index, &leaf)?;
        let own = record.event.txn().filter(|txn| txns.contains(txn));
        let course = record.event.escalation().and_then(|id| names.get(&id.to_string()).copied());
        let Some(txn) = own.or(course) else { continue };
        match chains.get_mut(&txn) {
            Some(chain) => chain.add(index, record),
            None => {
                if let Some(chain) = T::begin(index, record) {
                    names.extend(chain.escalation().map(|id| (id.to_string(), txn)));
                    chains.insert(txn, chain);
                }
            }
        }
    }
    let mut chains: Vec<T> = chains.into_values().collect();
    chains.sort_by_key(T::index);
    Ok(chains)
}

/// The ids of decisions and escalations that stand in a leaf as texts of their own.
fn ids(leaf: &str) -> impl Iterator<Item = &str> {
    leaf.split('"').filter(|text| text.starts_with("txn_") || text.starts_with("esc_"))
}

/// A leaf as a text.
///
/// # Errors
/// [`Failed`] where it is none, and so no record.
pub(super) fn text(index: u64, leaf: &[u8]) -> Result<&str, Failed> {
    core::str::from_utf8(leaf).map_err(|error| unreadable(index, &error))
}

/// A leaf as a record.
///
/// # Errors
/// [`Failed`] where it is none.
pub(super) fn record(index: u64, leaf: &[u8]) -> Result<Record, Failed> {
    Record::from_bytes(leaf).map_err(|error| unreadable(index, &error))
}

fn unreadable(index: u64, error: &dyn core::fmt::Display) -> Failed {
    Failed::new(Exit::Undetermined, format!("record {index} can't be read: {error}"))
}
