//! Finding decisions: by the list that is likely the shortest, walked from its end, with a bound on what one page costs.

use super::key::{self, Key, Line, Span};
use super::{EmbeddedStore, Index, StoreError};
use crate::audit::event::{Event, Record};
use crate::audit::filter::{Effect, Filter};
use crate::moment::Moment;
use crate::party::{AgentId, TxnId};
use crate::risk::pattern::Glob;
use crate::store::facts::{ActionKey, AgentKey, PersonKey};
use crate::store::{Page, Store as _};

/// How many entries of a list one page looks at, and how many records it reads: some tens of milliseconds.
const MOST_ENTRIES: usize = 20_000;
const MOST_RECORDS: usize = 1_500;
/// How many entries are taken at once.
const AT_ONCE: usize = 1_000;

/// Where everything is recorded that belongs to a decision.
pub(super) fn chain(store: &EmbeddedStore, txn: TxnId) -> Result<Vec<Index>, StoreError> {
    let Some(value) = store.views.get(&key::decision(txn))? else { return Ok(Vec::new()) };
    let places = key::Txn::read(&value).ok_or_else(|| store.unreadable())?;
    let Some(decided) = places.decided else { return Ok(Vec::new()) };
    let mut indices = vec![decided];
    indices.extend(places.minted);
    indices.extend(store.indices(key::all_told(txn), false, usize::MAX)?);
    if let Event::Decided(decided) = store.record(decided)?.event
        && let Some(id) = decided.escalation
    {
        indices.extend(store.indices(key::whole_course(id), false, usize::MAX)?);
    }
    indices.sort_unstable();
    indices.dedup();
    Ok(indices)
}

/// A list of decisions, with what its entries say of each.
struct List {
    key: Box<dyn Fn(Index) -> Key>,
    /// What an entry must say so that its decision may be wanted.
    effect: Option<Effect>,
    other: Option<[u8; 16]>,
}

impl List {
    fn span(&self, range: &core::ops::Range<Index>) -> Span {
        Span { from: (self.key)(range.start), to: (self.key)(range.end.saturating_sub(1)) }
    }

    /// Whether an entry of the list may be of a decision that is wanted.
    fn may_want(&self, line: Option<Line>) -> bool {
        line.is_none_or(|line| {
            self.effect.is_none_or(|effect| line.effect == effect)
                && self.other.is_none_or(|other| line.other == other)
        })
    }
}

/// The name that a pattern is, where it is no more than a name.
fn exact(pattern: Option<&Glob>) -> Option<&str> {
    pattern.map(Glob::as_str).filter(|text| !text.contains('*'))
}

/// The list that is likely the shortest; none where nothing tells some decisions from most others.
fn list(filter: &Filter) -> Option<List> {
    let agent = exact(filter.agent.as_ref()).and_then(|name| AgentId::new(name).ok());
    let agent = agent.as_ref().map(AgentKey::new);
    let action = exact(filter.action.as_ref()).map(ActionKey::new);
    if let Some(person) = &filter.reviewer {
        let person = PersonKey::new(person);
        let key = Box::new(move |index| key::decision_before(person, index));
        return Some(List { key, effect: None, other: None });
    }
    if let Some(action) = action {
        let key = Box::new(move |index| key::decision_for(action, index));
        return Some(List { key, effect: filter.effect, other: agent.map(|agent| *agent.as_bytes()) });
    }
    if let Some(agent) = agent {
        let key = Box::new(move |index| key::decision_of(agent, index));
        return Some(List { key, effect: filter.effect, other: None });
    }
    let effect = filter.effect.filter(|effect| *effect != Effect::Allow)?;
    let key = Box::new(move |index| key::decision_with(effect, index));
    Some(List { key, effect: None, other: None })
}

/// Decisions that a filter wants, recorded before a place, the latest first.
pub(super) fn find(
    store: &EmbeddedStore,
    filter: &Filter,
    before: Option<Index>,
    limit: usize,
) -> Result<Page, StoreError> {
    let end = before.unwrap_or(Index::MAX).min(store.len());
    let start = filter.from.map_or(Ok(0), |from| first_at(store, from))?;
    let end = filter.until.map_or(Ok(end), |until| first_at(store, until).map(|bound| bound.min(end)))?;
    let search = Search { store, filter, limit, found: Vec::new(), records: 0 };
    match list(filter) {
        Some(list) => search.walk(&list, start..end),
        None => search.read_back(start..end),
    }
}

/// The first record at this moment or later.
fn first_at(store: &EmbeddedStore, moment: Moment) -> Result<Index, StoreError> {
    let (mut low, mut high) = (0, store.len());
    while low < high {
        let middle = low + (high - low) / 2;
        // What was retired is earlier than all that is left.
        let earlier = match store.record(middle) {
            Ok(record) => record.at < moment,
            Err(error) if store.reader.first() > middle => {
                drop(error);
                true
            }
            Err(error) => return Err(error),
        };
        if earlier { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

/// A page that is being filled.
struct Search<'a> {
    store: &'a EmbeddedStore,
    filter: &'a Filter,
    limit: usize,
    found: Vec<Index>,
    /// How many records were read for it.
    records: usize,
}

impl Search<'_> {
    /// Walks a list from its end.
    fn walk(mut self, list: &List, mut range: core::ops::Range<Index>) -> Result<Page, StoreError> {
        let mut entries = 0;
        while range.start < range.end {
            let lines = self.store.views.range(list.span(&range), true, AT_ONCE)?;
            let last = lines.len() < AT_ONCE;
            for (key, value) in lines {
                let index = key::index_in(&key).ok_or_else(|| self.store.unreadable())?;
                // One more is looked for than is wanted, to know whether there is one.
                if self.found.len() > self.limit || self.spent() || entries >= MOST_ENTRIES {
                    return Ok(self.page(index + 1));
                }
                entries += 1;
                range.end = index;
                if list.may_want(Line::read(&value)) {
                    self.look(index)?;
                }
            }
            if last {
                break;
            }
        }
        Ok(self.page(0))
    }

    /// Reads all records back from a place.
    fn read_back(mut self, range: core::ops::Range<Index>) -> Result<Page, StoreError> {
        let first = range.start.max(self.store.reader.first());
        for index in (first..range.end).rev() {
            if self.found.len() > self.limit || self.spent() {
                return Ok(self.page(index + 1));
            }
            self.look(index)?;
        }
        Ok(self.page(0))
    }

    const fn spent(&self) -> bool {
        self.records >= MOST_RECORDS
    }

    /// Takes the decision at this place, if it is one that is wanted.
    fn look(&mut self, index: Index) -> Result<(), StoreError> {
        if index < self.store.reader.first() {
            return Ok(());
        }
        self.records += 1;
        let Record { at, event, .. } = self.store.record(index)?;
        if let Event::Decided(decided) = event
            && self.filter.wants(&decided, at)
        {
            self.found.push(index);
        }
        Ok(())
    }

    /// The page, where everything from `from` on was looked at.
    fn page(mut self, from: Index) -> Page {
        if self.found.len() > self.limit {
            self.found.truncate(self.limit);
            let next = self.found.last().copied();
            return Page { indices: self.found, next: next.or(Some(from)) };
        }
        Page { indices: self.found, next: (from > 0).then_some(from) }
    }
}
