//! Checks of what a desk keeps of its sidecars.

use super::Place;
use super::events::{
    Dice, adopted, agent, allowed, enrolled, invitation, invited, log, shipped, sidecar, withdrawn,
};
use super::rules::at;
use crate::audit::event::{Event, RequestKey};
use crate::party::TxnId;
use crate::store::{Change, Invitation, StoreError};
use std::sync::Arc;
use tokio::task::JoinSet;

pub(super) async fn leaves_of_a_log_are_handed_over_once(place: &mut dyn Place) {
    let mut store = place.open().await;
    let ship = |number, first, size, after| {
        Change::of(at(0), [shipped(number, first, size)]).following(log(number), after)
    };
    assert_eq!(store.shipped(&log(0)), Ok(None));
    assert_eq!(store.commit(ship(0, 0, 3, Some(0))).await, Err(StoreError::Overtaken(log(0))), "nothing was");
    assert_eq!(store.commit(ship(0, 0, 3, None)).await, Ok(0..1));
    assert_eq!(store.commit(ship(0, 0, 3, None)).await, Err(StoreError::Overtaken(log(0))), "a second time");
    assert_eq!(store.commit(ship(1, 0, 2, None)).await, Ok(1..2), "another log");
    assert_eq!(store.commit(ship(0, 3, 4, Some(0))).await, Ok(2..3));
    for _ in 0..2 {
        assert_eq!((store.shipped(&log(0)), store.shipped(&log(1))), (Ok(Some(2)), Ok(Some(1))));
        assert_eq!(store.commit(ship(0, 4, 5, Some(0))).await, Err(StoreError::Overtaken(log(0))));
        assert_eq!(store.len(), 3, "nothing of a refused change stays");
        drop(store);
        store = place.open().await;
    }
    // Another change of the same log, without a word about it, moves it on too.
    store.commit(Change::of(at(1), [shipped(0, 4, 5)])).await.unwrap();
    assert_eq!(store.commit(ship(0, 5, 6, Some(2))).await, Err(StoreError::Overtaken(log(0))));
    assert_eq!(store.commit(ship(0, 5, 6, Some(3))).await, Ok(4..5));
}

pub(super) async fn an_enrolment_is_found_until_it_is_withdrawn(place: &mut dyn Place) {
    let mut store = place.open().await;
    assert_eq!((store.enrolled(&sidecar(0)), store.enrolments(None, 9)), (Ok(None), Ok(Vec::new())));
    let events = [enrolled(0, None, false), enrolled(1, None, false), enrolled(0, None, true)];
    store.commit(Change::of(at(0), events)).await.unwrap();
    assert_eq!(store.enrolments(None, 9), Ok(vec![2, 1]), "once each, the latest first");
    store.commit(Change::of(at(0), [enrolled(2, None, false), withdrawn(1), withdrawn(3)])).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.enrolments(None, 9), Ok(vec![3, 2]));
        assert_eq!((store.enrolments(None, 1), store.enrolments(Some(3), 9)), (Ok(vec![3]), Ok(vec![2])));
        assert_eq!((store.enrolments(Some(2), 9), store.enrolments(Some(0), 9)), (Ok(vec![]), Ok(vec![])));
        assert_eq!((store.enrolled(&sidecar(1)), store.enrolled(&sidecar(3))), (Ok(Some(4)), Ok(Some(5))));
        drop(store);
        store = place.open().await;
    }
    store.commit(Change::of(at(1), [enrolled(1, None, false)])).await.unwrap();
    assert_eq!(store.enrolments(None, 9), Ok(vec![6, 3, 2]), "it came back");
}

pub(super) async fn a_join_token_is_used_once(place: &mut dyn Place) {
    let mut store = place.open().await;
    store.commit(Change::of(at(0), [invited(1, at(60)), invited(2, at(60))])).await.unwrap();
    assert_eq!(store.invitation(invitation(3)), Ok(None));
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.commit(Change::of(at(1), [enrolled(number, Some(1), false)])).await });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == Ok(2..3)).count(), 1, "{answers:?}");
    let refused = answers.iter().filter(|answer| **answer == Err(StoreError::Answered(2)));
    assert_eq!(refused.count(), 15, "{answers:?}");
    for _ in 0..2 {
        assert_eq!(store.invitation(invitation(1)), Ok(Some(Invitation { made: 0, used: Some(2) })));
        assert_eq!(store.invitation(invitation(2)), Ok(Some(Invitation { made: 1, used: None })));
        let again = Change::of(at(2), [enrolled(20, Some(1), false)]);
        assert_eq!(store.commit(again).await, Err(StoreError::Answered(2)));
        drop(store);
        store = place.open().await;
    }
    let twice = [enrolled(21, Some(2), false), enrolled(22, Some(2), false)];
    assert_eq!(store.commit(Change::of(at(3), twice)).await, Err(StoreError::Answered(3)), "in one change");
    assert_eq!(store.len(), 3);
    // Whoever joined with it renews as often as it likes.
    let renewals = [enrolled(0, Some(1), true), enrolled(0, Some(1), true)];
    assert_eq!(store.commit(Change::of(at(4), renewals)).await, Ok(3..5));
}

pub(super) async fn requests_that_a_sidecar_answered_are_not_answered_here(place: &mut dyn Place) {
    let store = place.open().await;
    let mut dice = Dice::new(41);
    let mut one = |number, index| {
        let decided = allowed(TxnId::from_random(dice.bits()), &agent(0), Some("r"));
        adopted(at(0), number, index, decided)
    };
    let records = vec![one(0, 0), one(1, 0), one(0, 1)];
    let change = Change { records: records.clone(), ..Change::default() };
    assert_eq!(store.commit(change).await, Ok(0..3));
    assert_eq!(store.answered(RequestKey::new(&agent(0), "r")), Ok(None));
    assert_eq!(store.record(1).as_ref(), Ok(&records[1]), "where it was first is kept");
    assert_eq!(store.decisions_of(&agent(0), 9), Ok(vec![2, 1, 0]));
    // What its desk decides itself is another matter.
    let own = Change::of(at(1), [allowed(TxnId::from_random([9; 16]), &agent(0), Some("r"))]);
    assert_eq!(store.commit(own).await, Ok(3..4));
    assert_eq!(store.answered(RequestKey::new(&agent(0), "r")), Ok(Some(3)));
    let Event::Decided(decided) = &records[0].event else { return };
    let twice = adopted(at(2), 0, 2, allowed(decided.txn, &agent(0), None));
    let change = Change { records: vec![twice], ..Change::default() };
    assert_eq!(store.commit(change).await, Err(StoreError::Answered(0)), "a decision is recorded once");
}

pub(super) async fn one_of_many_who_hand_over_the_same_is_recorded(place: &mut dyn Place) {
    let store = place.open().await;
    let mut last = None;
    for round in 0..20 {
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let store = Arc::clone(&store);
            let change = Change::of(at(round), [shipped(0, round, round + 1)]).following(log(0), last);
            tasks.spawn(async move { store.commit(change).await });
        }
        let answers = tasks.join_all().await;
        let won: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        let lost = answers.iter().filter(|answer| **answer == Err(StoreError::Overtaken(log(0))));
        assert_eq!(lost.count(), 7, "{answers:?}");
        last = Some(won[0].start);
    }
    assert_eq!((store.shipped(&log(0)), store.len()), (Ok(last), 20));
}
