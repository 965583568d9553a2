//! Checks of finding: by reading everything, a decision that is wanted and all that belongs to it are the same ones.

use super::Place;
use super::events::agent;
use super::history::History;
use super::model::Model;
use super::rules::at;
use crate::audit::event::{Event, Record};
use crate::audit::filter::{Effect, Filter, participant};
use crate::party::{EscalationId, PersonId, TxnId};
use crate::risk::pattern::Glob;
use crate::store::{Index, Store};
use std::collections::BTreeSet;

/// Everything that belongs to a decision, found by reading all records.
fn chain(model: &Model, txn: TxnId) -> Vec<Index> {
    let own = |record: &Record| record.event.txn() == Some(txn);
    let courses: BTreeSet<EscalationId> = model
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::Decided(decided) if decided.txn == txn => decided.escalation,
            _ => None,
        })
        .collect();
    let belongs = |record: &Record| {
        let course = record.event.escalation().is_some_and(|id| courses.contains(&id));
        // Its opening names the decision, also where the decision does not name it.
        course || own(record) && !matches!(record.event, Event::Escalation { .. })
    };
    (0..).zip(&model.records).filter(|(_, record)| belongs(record)).map(|(index, _)| index).collect()
}

/// The decisions that a filter wants, the latest first, found by reading all records.
fn wanted(model: &Model, filter: &Filter) -> Vec<Index> {
    let numbered = || (0..).zip(&model.records);
    let took_part = |txn: TxnId| {
        let opened: BTreeSet<EscalationId> = numbered()
            .filter_map(|(_, record)| match &record.event {
                Event::Escalation { id, .. } if record.event.txn() == Some(txn) => Some(*id),
                _ => None,
            })
            .collect();
        numbered().any(|(_, record)| {
            record.event.escalation().is_some_and(|id| opened.contains(&id))
                && participant(record) == filter.reviewer.as_ref()
        })
    };
    let wants = |record: &Record| match &record.event {
        Event::Decided(decided) => {
            filter.wants(decided, record.at) && (filter.reviewer.is_none() || took_part(decided.txn))
        }
        _ => false,
    };
    let mut found: Vec<Index> =
        numbered().filter(|(_, record)| wants(record)).map(|(index, _)| index).collect();
    found.reverse();
    found
}

/// All that a store finds, page by page.
fn all_pages(store: &dyn Store, filter: &Filter, limit: usize) -> Vec<Index> {
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = store.find(filter, before, limit).unwrap();
        assert!(page.indices.len() <= limit, "a page holds no more than was asked for");
        assert!(page.next.is_none_or(|next| before.is_none_or(|before| next < before)), "it gets on");
        found.extend(page.indices);
        before = page.next;
        if before.is_none() {
            return found;
        }
    }
}

fn filters() -> Vec<Filter> {
    let glob = |text: &str| Glob::new(text);
    let person = |name: &str| PersonId::new(name).ok();
    let none = Filter::default;
    let mut filters = vec![
        none(),
        Filter { agent: glob("*agent/1"), ..none() },
        Filter { action: glob("sql.*"), ..none() },
        Filter { action: glob("sql.query"), ..none() },
        Filter { action: glob("sql.drop"), ..none() },
        Filter { agent: glob("nobody"), ..none() },
        Filter { reviewer: person("nobody"), ..none() },
    ];
    for number in 0..4 {
        let of = Filter { agent: glob(agent(number).as_str()), ..none() };
        filters.push(Filter { action: glob("sql.query"), effect: Some(Effect::Deny), ..of.clone() });
        filters.push(of);
    }
    for effect in Effect::ALL {
        filters.push(Filter { effect: Some(*effect), ..none() });
        filters.push(Filter { effect: Some(*effect), reviewer: person("eve"), ..none() });
    }
    filters
}

pub(super) async fn what_is_found_is_what_reading_everything_finds(place: &mut dyn Place) {
    let mut store = place.open().await;
    let (mut history, mut model) = (History::new(29), Model::default());
    for round in 0..6 {
        for _ in 0..40 {
            let change = history.next_change();
            model.records.extend(change.records.iter().cloned());
            store.commit(change).await.unwrap();
        }
        for filter in filters() {
            let expected = wanted(&model, &filter);
            for limit in [1, 7, 1000] {
                assert_eq!(all_pages(&*store, &filter, limit), expected, "{filter:?}, {limit} at once");
            }
        }
        for (_, record) in (0..).zip(&model.records).filter(|(index, _): &(Index, _)| index % 5 == 0) {
            if let Event::Decided(decided) = &record.event {
                assert_eq!(store.chain(decided.txn).unwrap(), chain(&model, decided.txn), "{}", decided.txn);
            }
        }
        assert_eq!(store.chain(TxnId::from_random([0; 16])), Ok(Vec::new()), "nobody decided that");
        if round % 2 == 1 {
            drop(store);
            store = place.open().await;
        }
    }
}

pub(super) async fn decisions_are_found_by_their_time(place: &mut dyn Place) {
    let store = place.open().await;
    let (mut history, mut model) = (History::new(31), Model::default());
    for second in 0..60 {
        let mut change = history.next_change();
        for record in &mut change.records {
            // As a clock has it: never earlier than before.
            record.at = at(second);
        }
        model.records.extend(change.records.iter().cloned());
        store.commit(change).await.unwrap();
    }
    for (from, until) in [(0, 60), (10, 20), (20, 20), (20, 10), (59, 60), (0, 1), (40, 1000)] {
        for agent in [None, Glob::new(agent(1).as_str())] {
            let filter = Filter { agent, from: Some(at(from)), until: Some(at(until)), ..Filter::default() };
            assert_eq!(all_pages(&*store, &filter, 3), wanted(&model, &filter), "{filter:?}");
        }
    }
}
