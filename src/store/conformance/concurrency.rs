//! Checks of what holds when much happens at once.

use super::Place;
use super::events::{Dice, agent, allowed, minted, opened, refused_vote, reported, step};
use super::model::Model;
use super::rules::at;
use crate::audit::event::{Event, Outcome, RequestKey};
use crate::party::{EscalationId, TxnId};
use crate::store::{Change, Index, Store, StoreError};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Submits all at once, each from a task of its own.
async fn at_once(
    store: &Arc<dyn Store>,
    changes: impl IntoIterator<Item = Change>,
) -> Vec<Result<Range<Index>, StoreError>> {
    let mut tasks = JoinSet::new();
    for change in changes {
        let store = Arc::clone(store);
        tasks.spawn(async move { store.commit(change).await });
    }
    tasks.join_all().await
}

pub(super) async fn one_of_many_same_requests_is_recorded(place: &mut dyn Place) {
    let store = place.open().await;
    let mut dice = Dice::new(11);
    for round in 0..20 {
        let request = format!("r{round}");
        let ask = |dice: &mut Dice| {
            let txn = TxnId::from_random(dice.bits());
            Change::of(at(round), [allowed(txn, &agent(0), Some(&request)), minted(txn, None)])
        };
        let changes: Vec<_> = (0..16).map(|_| ask(&mut dice)).collect();
        let answers = at_once(&store, changes).await;
        let recorded: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
        assert_eq!(recorded.len(), 1, "{answers:?}");
        let first = recorded[0].start;
        let others = answers.iter().filter(|answer| **answer == Err(StoreError::Answered(first)));
        assert_eq!(others.count(), 15, "{answers:?}");
        assert_eq!(store.answered(RequestKey::new(&agent(0), &request)), Ok(Some(first)));
    }
    assert_eq!(store.len(), 40);
}

pub(super) async fn one_of_two_votes_wins_each_round(place: &mut dyn Place) {
    let store = place.open().await;
    let id = EscalationId::from_random([1; 16]);
    let txn = TxnId::from_random([2; 16]);
    store.commit(Change::of(at(0), [opened(id, txn, &agent(0), at(0))]).after(id, 0)).await.unwrap();
    for round in 1..=50 {
        let length = store.course(id).unwrap().records.len();
        assert_eq!(length, round);
        let vote = |n| Change::of(at(1), [step(id, refused_vote(at(1), n))]).after(id, length);
        let answers = at_once(&store, [vote(1), vote(2), vote(3)]).await;
        let lost = answers.iter().filter(|answer| **answer == Err(StoreError::Moved(id))).count();
        assert_eq!((answers.iter().filter(|answer| answer.is_ok()).count(), lost), (1, 2), "{answers:?}");
    }
}

pub(super) async fn changes_from_many_tasks_stay_whole(place: &mut dyn Place) {
    let store = place.open().await;
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut dice = Dice::new(100 + task as u64);
            let mut made = Vec::new();
            for round in 0..40 {
                let txn = TxnId::from_random(dice.bits());
                let request = format!("{task}/{round}");
                let mut events = vec![allowed(txn, &agent(task), Some(&request)), minted(txn, None)];
                events.extend((0..dice.below(4)).map(|_| reported(txn, &agent(task), Outcome::Succeeded)));
                let change = Change::of(at(round), events);
                let places = store.commit(change.clone()).await.unwrap();
                assert_eq!(places.end - places.start, change.records.len() as u64);
                assert_eq!(store.decided(txn), Ok(Some(places.start)), "seen by its submitter at once");
                made.push((places, change));
            }
            made
        });
    }
    let made: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    let mut places: Vec<_> = made.iter().map(|(places, _)| places.clone()).collect();
    places.sort_by_key(|places| places.start);
    assert_eq!(places[0].start, 0);
    assert!(places.is_sorted_by(|one, next| one.end == next.start), "no gap and no overlap");
    for (places, change) in made {
        for (index, record) in places.zip(change.records) {
            assert_eq!(store.record(index), Ok(record));
        }
    }
    let model = Model::of(&*store);
    model.compare(&*store);
    drop(store);
    model.compare(&*place.open().await);
}

pub(super) async fn a_submitter_who_leaves_breaks_nothing(place: &mut dyn Place) {
    let store = place.open().await;
    let mut dice = Dice::new(12);
    let mut asked = Vec::new();
    for round in 0..200 {
        let txn = TxnId::from_random(dice.bits());
        asked.push(txn);
        let change = Change::of(at(round), [allowed(txn, &agent(0), None), minted(txn, None)]);
        let commit = store.commit(change);
        match dice.below(3) {
            0 => drop(commit),
            1 => drop(tokio::time::timeout(core::time::Duration::ZERO, commit).await),
            _ => drop(commit.await.unwrap()),
        }
    }
    // Whatever was submitted before is recorded before this.
    store.commit(Change::of(at(300), [Event::Stopped {}])).await.unwrap();
    let model = Model::of(&*store);
    model.compare(&*store);
    let known: BTreeSet<_> = asked.iter().filter(|txn| store.decided(**txn).unwrap().is_some()).collect();
    assert_eq!(model.records.len(), 2 * known.len() + 1, "each is there whole or not at all");
}

pub(super) async fn watchers_wake_when_their_escalation_changes(place: &mut dyn Place) {
    let store = place.open().await;
    let mut dice = Dice::new(13);
    let (id, other) = (EscalationId::from_random(dice.bits()), EscalationId::from_random(dice.bits()));
    let (mut early, untouched) = (store.watch(id), store.watch(other));
    let txn = TxnId::from_random(dice.bits());
    store.commit(Change::of(at(0), [opened(id, txn, &agent(0), at(0))])).await.unwrap();
    early.changed().await.unwrap();
    assert_eq!(store.course(id).unwrap().records.len(), 1);

    // Many wait for the length to reach ten; none of them may miss it.
    let mut waiting = JoinSet::new();
    for _ in 0..50 {
        let store = Arc::clone(&store);
        waiting.spawn(async move {
            let mut changes = store.watch(id);
            loop {
                changes.mark_unchanged();
                if store.course(id).unwrap().records.len() >= 10 {
                    return;
                }
                changes.changed().await.unwrap();
            }
        });
    }
    for n in 1..10 {
        tokio::task::yield_now().await;
        store
            .commit(Change::of(at(1), [step(id, refused_vote(at(1), n))]).after(id, n.into()))
            .await
            .unwrap();
    }
    waiting.join_all().await;
    assert!(!untouched.has_changed().unwrap(), "another escalation's change");
    let refused =
        store.commit(Change::of(at(1), [opened(other, txn, &agent(0), at(1))]).after(other, 5)).await;
    assert_eq!(refused, Err(StoreError::Moved(other)));
    assert!(!untouched.has_changed().unwrap(), "a change that was refused");
    let mut late = store.watch(id);
    assert!(!late.has_changed().unwrap(), "what was before");
    store.commit(Change::of(at(2), [minted(txn, Some(id))])).await.unwrap();
    late.changed().await.unwrap();
}

pub(super) async fn whoever_watches_all_hears_of_every_change_once_it_can_be_read(place: &mut dyn Place) {
    let store = place.open().await;
    let mut dice = Dice::new(15);
    let ids: Vec<_> = (0..8).map(|_| EscalationId::from_random(dice.bits())).collect();
    let txn = TxnId::from_random(dice.bits());
    store.commit(Change::of(at(0), [opened(ids[0], txn, &agent(0), at(0))])).await.unwrap();
    let mut changes = store.watch_all();
    let mut writing = JoinSet::new();
    for id in ids.clone() {
        let store = Arc::clone(&store);
        let rest = if id == ids[0] { 1..10 } else { 0..10 };
        writing.spawn(async move {
            for n in rest {
                let event =
                    if n == 0 { opened(id, txn, &agent(0), at(0)) } else { step(id, refused_vote(at(1), n)) };
                store.commit(Change::of(at(1), [event]).after(id, n.into())).await.unwrap();
            }
        });
    }
    let mut heard = 0;
    while heard < 79 {
        let id = changes.recv().await.unwrap();
        assert!(!store.course(id).unwrap().records.is_empty(), "heard of before it could be read");
        heard += 1;
    }
    writing.join_all().await;
    assert!(ids.iter().all(|id| store.course(*id).unwrap().records.len() == 10));
    let refused =
        store.commit(Change::of(at(2), [step(ids[0], refused_vote(at(2), 0))]).after(ids[0], 3)).await;
    assert_eq!(refused, Err(StoreError::Moved(ids[0])));
    store.commit(Change::of(at(2), [Event::Stopped {}])).await.unwrap();
    assert!(changes.try_recv().is_err(), "a change that was refused, or is none of an escalation");
    store.commit(Change::of(at(2), [step(ids[1], refused_vote(at(2), 0))])).await.unwrap();
    assert_eq!(changes.try_recv(), Ok(ids[1]), "before the commit is answered");
    let two = [step(ids[1], refused_vote(at(2), 1)), step(ids[1], refused_vote(at(2), 2))];
    store.commit(Change::of(at(2), two)).await.unwrap();
    assert_eq!(changes.try_recv(), Ok(ids[1]));
    assert!(changes.try_recv().is_err(), "one change is told once, however many records it has");
}

/// Two steps are recorded with each change, so that nobody may ever see an odd number.
pub(super) async fn a_change_is_seen_whole_or_not_at_all(place: &mut dyn Place) {
    let store = place.open().await;
    let mut dice = Dice::new(14);
    let id = EscalationId::from_random(dice.bits());
    let writer = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for n in 0..=255 {
                let pair = [step(id, refused_vote(at(0), n)), step(id, refused_vote(at(1), n))];
                let txn = TxnId::from_random(dice.bits());
                let other = [allowed(txn, &agent(0), None), minted(txn, None)];
                store.commit(Change::of(at(0), pair.into_iter().chain(other))).await.unwrap();
            }
        })
    };
    let mut readers = JoinSet::new();
    for _ in 0..3 {
        let store = Arc::clone(&store);
        readers.spawn(async move {
            let mut last = 0;
            while last < 512 {
                let length = store.course(id).unwrap().records.len();
                assert!(length >= last && length % 2 == 0, "{last} {length}");
                last = length;
                tokio::task::yield_now().await;
            }
        });
    }
    writer.await.unwrap();
    readers.join_all().await;
}
