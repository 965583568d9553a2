//! Checks of single rules, one change after the other.

use super::Place;
use super::events::{
    Dice, absence, agent, allowed, denied, ending, minted, opened, policy, profile, receipted, refused_vote,
    reported, resumed, roster, step, stopped, suspended,
};
use super::model::Model;
use crate::audit::event::{Changes, Event, Outcome, Record, RequestKey};
use crate::moment::Moment;
use crate::party::{EscalationId, SuspensionId, TxnId};
use crate::store::{Basis, Change, Document, StoreError};

pub(super) fn at(second: u64) -> Moment {
    Moment::from_unix_seconds(1_700_000_000 + second)
}

fn started(text: &str) -> Event {
    Event::Started { version: text.to_owned(), domain: None, origin: None, changes: Changes::Free }
}

pub(super) async fn an_empty_store_knows_nothing(place: &mut dyn Place) {
    let store = place.open().await;
    let mut dice = Dice::new(1);
    Model::default().compare(&*store);
    assert_eq!(store.answered(RequestKey::new(&agent(0), "r")), Ok(None));
    assert_eq!(store.decided(TxnId::from_random(dice.bits())), Ok(None));
    assert_eq!(store.course(EscalationId::from_random(dice.bits())).unwrap().records, []);
    assert_eq!(store.decisions_of(&agent(0), 9), Ok(Vec::new()));
    assert_eq!(store.anomalies(&agent(0), Moment::default()), Ok(Vec::new()));
    assert_eq!(store.suspensions(), Ok(Vec::new()));
    assert_eq!(store.in_force(Document::Policy), Ok(None));
}

pub(super) async fn records_get_consecutive_places_and_are_read_back(place: &mut dyn Place) {
    let store = place.open().await;
    assert_eq!(store.commit(Change::of(at(0), [started("a")])).await, Ok(0..1));
    assert_eq!(store.commit(Change::of(at(1), [started("b"), started("c")])).await, Ok(1..3));
    assert_eq!(store.record(1), Ok(Record::new(at(1), started("b"))));
    assert_eq!(store.record(2), Ok(Record::new(at(1), started("c"))));
}

pub(super) async fn what_was_recorded_is_seen_at_once(place: &mut dyn Place) {
    let store = place.open().await;
    let (mut dice, mut model) = (Dice::new(2), Model::default());
    for round in 0..40 {
        let (txn, id) = (TxnId::from_random(dice.bits()), EscalationId::from_random(dice.bits()));
        let request = format!("r{round}");
        let events = [denied(txn, &agent(0), Some(&request)), opened(id, txn, &agent(0), at(round))];
        let change = Change::of(at(round), events);
        model.records.extend(change.records.iter().cloned());
        store.commit(change).await.unwrap();
        model.compare(&*store);
    }
}

pub(super) async fn a_request_is_answered_once(place: &mut dyn Place) {
    let store = place.open().await;
    let mut dice = Dice::new(3);
    let mut ask = |who: usize, request: &str| {
        let event = allowed(TxnId::from_random(dice.bits()), &agent(who), Some(request));
        Change::of(at(0), [started("before"), event])
    };
    assert_eq!(store.commit(ask(0, "r")).await, Ok(0..2));
    assert_eq!(store.commit(ask(0, "r")).await, Err(StoreError::Answered(1)));
    assert_eq!(store.commit(ask(1, "r")).await, Ok(2..4), "another agent's is another request");
    assert_eq!(store.commit(ask(0, "s")).await, Ok(4..6));
    assert_eq!(store.commit(ask(0, "r")).await, Err(StoreError::Answered(1)), "also later");
    let mut twice = ask(0, "t");
    twice.records.extend(ask(0, "t").records);
    assert_eq!(store.commit(twice).await, Err(StoreError::Answered(7)), "also within one change");
    assert_eq!(store.answered(RequestKey::new(&agent(0), "r")), Ok(Some(1)));
    assert_eq!(store.answered(RequestKey::new(&agent(0), "t")), Ok(None));
    assert_eq!(store.len(), 6);
    drop(store);
    let store = place.open().await;
    assert_eq!(store.commit(ask(1, "r")).await, Err(StoreError::Answered(3)), "also after reopening");
}

pub(super) async fn a_decision_is_recorded_once(place: &mut dyn Place) {
    let store = place.open().await;
    let txn = TxnId::from_random([7; 16]);
    assert_eq!(store.commit(Change::of(at(0), [allowed(txn, &agent(0), None)])).await, Ok(0..1));
    let again = store.commit(Change::of(at(0), [denied(txn, &agent(1), None)])).await;
    assert_eq!(again, Err(StoreError::Answered(0)));
    assert_eq!(store.decided(txn), Ok(Some(0)));
}

pub(super) async fn a_token_is_minted_once(place: &mut dyn Place) {
    let mut store = place.open().await;
    let mut dice = Dice::new(4);
    let (txn, other) = (TxnId::from_random(dice.bits()), TxnId::from_random(dice.bits()));
    let id = EscalationId::from_random(dice.bits());
    let change = |events: Vec<Event>| Change::of(at(0), events);
    assert_eq!(store.commit(change(vec![allowed(txn, &agent(0), None), minted(txn, None)])).await, Ok(0..2));
    assert_eq!(store.commit(change(vec![allowed(other, &agent(0), None)])).await, Ok(2..3));
    assert_eq!(store.commit(change(vec![opened(id, other, &agent(0), at(0))])).await, Ok(3..4));
    assert_eq!(store.commit(change(vec![minted(other, Some(id))])).await, Ok(4..5));
    for _ in 0..2 {
        let again = store.commit(change(vec![minted(txn, None)])).await;
        assert_eq!(again, Err(StoreError::Answered(1)));
        let again = store.commit(change(vec![minted(other, Some(id))])).await;
        assert_eq!(again, Err(StoreError::Moved(id)));
        let third = TxnId::from_random(dice.bits());
        let spliced = store.commit(change(vec![minted(third, Some(id))])).await;
        assert_eq!(spliced, Err(StoreError::Moved(id)), "one token for each escalation");
        let twice = vec![minted(third, None), minted(third, None)];
        assert_eq!(store.commit(change(twice)).await, Err(StoreError::Answered(5)));
        assert_eq!(store.len(), 5);
        drop(store);
        store = place.open().await;
    }
}

pub(super) async fn a_receipt_is_recorded_once(place: &mut dyn Place) {
    let store = place.open().await;
    let (txn, other) = (TxnId::from_random([7; 16]), TxnId::from_random([8; 16]));
    let commit = |events: Vec<Event>| store.commit(Change::of(at(0), events));
    assert_eq!(store.receipts(txn), Ok(Vec::new()));
    assert_eq!(commit(vec![receipted(txn, 1)]).await, Ok(0..1));
    assert_eq!(commit(vec![receipted(txn, 1)]).await, Err(StoreError::Answered(0)));
    assert_eq!(commit(vec![receipted(txn, 2), started("a")]).await, Ok(1..3), "another one is kept too");
    assert_eq!(commit(vec![started("b"), receipted(txn, 2)]).await, Err(StoreError::Answered(1)));
    assert_eq!(commit(vec![receipted(txn, 3), receipted(txn, 3)]).await, Err(StoreError::Answered(3)));
    assert_eq!(commit(vec![receipted(other, 1)]).await, Ok(3..4), "and the same of another decision");
    assert_eq!(store.receipts(txn), Ok(vec![0, 1]));
    assert_eq!(store.receipts(other), Ok(vec![3]));
    assert_eq!(store.minted(txn), Ok(None));
    drop(store);
    let store = place.open().await;
    assert_eq!(store.receipts(txn), Ok(vec![0, 1]), "also after reopening");
    let again = store.commit(Change::of(at(1), [receipted(txn, 2)])).await;
    assert_eq!(again, Err(StoreError::Answered(1)));
}

pub(super) async fn a_change_that_rests_on_something_old_is_refused(place: &mut dyn Place) {
    let store = place.open().await;
    let mut dice = Dice::new(5);
    let (id, other) = (EscalationId::from_random(dice.bits()), EscalationId::from_random(dice.bits()));
    let vote = |n| Change::of(at(0), [step(id, refused_vote(at(0), n))]);
    let open = |id| Change::of(at(0), [opened(id, TxnId::from_random([9; 16]), &agent(0), at(0))]);
    assert_eq!(store.commit(open(id).after(id, 0)).await, Ok(0..1));
    assert_eq!(store.commit(open(id).after(id, 0)).await, Err(StoreError::Moved(id)));
    assert_eq!(store.commit(vote(1).after(id, 1)).await, Ok(1..2));
    assert_eq!(store.commit(vote(2).after(id, 1)).await, Err(StoreError::Moved(id)));
    assert_eq!(store.commit(vote(2).after(id, 3)).await, Err(StoreError::Moved(id)), "that is yet to come");
    assert_eq!(store.commit(open(other).after(other, 0)).await, Ok(2..3));
    let both = vote(3).after(other, 1).after(id, 1);
    assert_eq!(store.commit(both).await, Err(StoreError::Moved(id)), "each that was read counts");
    assert_eq!(store.commit(vote(3).after(other, 1).after(id, 2)).await, Ok(3..4));
    assert_eq!(store.course(id).unwrap().records.len(), 3);
    drop(store);
    let store = place.open().await;
    assert_eq!(store.commit(vote(4).after(id, 2)).await, Err(StoreError::Moved(id)));
    assert_eq!(store.commit(vote(4).after(id, 3)).await, Ok(4..5));
}

pub(super) async fn a_refused_change_leaves_nothing_behind(place: &mut dyn Place) {
    let store = place.open().await;
    let mut dice = Dice::new(6);
    let first = Change::of(at(0), [denied(TxnId::from_random(dice.bits()), &agent(0), Some("r"))]);
    let mut model = Model { records: first.records.clone() };
    store.commit(first).await.unwrap();
    let (txn, id) = (TxnId::from_random(dice.bits()), EscalationId::from_random(dice.bits()));
    let refused = Change::of(
        at(1),
        [
            denied(txn, &agent(1), Some("s")),
            opened(id, txn, &agent(1), at(1)),
            step(id, ending(0, at(1), &agent(1))),
            reported(txn, &agent(1), Outcome::Refused),
            denied(TxnId::from_random(dice.bits()), &agent(0), Some("r")),
        ],
    );
    let allowed_after = Change { records: refused.records[..4].to_vec(), ..refused.clone() };
    assert_eq!(store.commit(refused.clone()).await, Err(StoreError::Answered(0)));
    // Together with one that is taken, too, however they are grouped.
    let (taken, refused) =
        tokio::join!(store.commit(Change::of(at(2), [started("between")])), store.commit(refused));
    assert_eq!((taken, refused), (Ok(1..2), Err(StoreError::Answered(0))));
    model.records.push(Record::new(at(2), started("between")));
    model.compare(&*store);
    assert_eq!(store.answered(RequestKey::new(&agent(1), "s")), Ok(None));
    assert_eq!(store.decided(txn), Ok(None));
    assert_eq!(store.course(id).unwrap().records, []);
    assert_eq!(store.anomalies(&agent(1), Moment::default()), Ok(Vec::new()));
    model.records.extend(allowed_after.records.iter().cloned());
    assert_eq!(store.commit(allowed_after).await, Ok(2..6));
    model.compare(&*store);
}

pub(super) async fn a_long_record_is_kept_and_one_that_is_too_long_is_refused(place: &mut dyn Place) {
    let store = place.open().await;
    let long = Record::new(at(0), started(&"x".repeat(3 << 20)));
    let change = |record: &Record| Change { records: vec![record.clone()], ..Change::default() };
    assert_eq!(store.commit(change(&long)).await, Ok(0..1));
    let too_long = Record::new(at(0), started(&"x".repeat(4 << 20)));
    assert_eq!(store.commit(change(&too_long)).await, Err(StoreError::TooLarge));
    assert_eq!(store.commit(change(&long)).await, Ok(1..2));
    assert_eq!(store.record(0).unwrap(), long);
    drop(store);
    let store = place.open().await;
    assert_eq!(store.record(1).unwrap(), long);
}

pub(super) async fn any_text_is_kept_or_refused_by_name(place: &mut dyn Place) {
    let store = place.open().await;
    let change = |text: &str| Change::of(at(0), [started(text)]);
    let kept = "\u{0}\u{7f}\u{2028}\u{fffd}\u{10fffd} \"\\ é e\u{301} \u{202e}";
    assert_eq!(store.commit(change(kept)).await, Ok(0..1));
    let refused = store.commit(change("a noncharacter: \u{ffff}")).await;
    assert!(matches!(refused, Err(StoreError::Unrecordable(_))), "{refused:?}");
    assert_eq!(store.len(), 1);
    assert_eq!(store.record(0).unwrap(), Record::new(at(0), started(kept)));
}

pub(super) async fn anomalies_are_counted_from_a_moment_on_and_not_without_end(place: &mut dyn Place) {
    let store = place.open().await;
    let mut dice = Dice::new(8);
    let bad = |dice: &mut Dice, n| reported(TxnId::from_random(dice.bits()), &agent(n), Outcome::Refused);
    for second in 0..11 {
        let events = [bad(&mut dice, 0), bad(&mut dice, 1), bad(&mut dice, 0)];
        store.commit(Change::of(at(second * 10), events)).await.unwrap();
    }
    let harmless = reported(TxnId::from_random(dice.bits()), &agent(0), Outcome::Failed);
    store.commit(Change::of(at(50), [harmless])).await.unwrap();
    let count = |n, since| store.anomalies(&agent(n), since).unwrap().len();
    assert_eq!((count(0, at(0)), count(1, at(0)), count(2, at(0))), (22, 11, 0));
    assert_eq!((count(0, at(100)), count(0, at(101))), (2, 0), "the moment itself counts");
    assert_eq!((count(0, Moment::default()), count(0, at(95))), (22, 2));
    for _ in 0..50 {
        let events: Vec<_> = (0..25).map(|_| bad(&mut dice, 3)).collect();
        store.commit(Change::of(at(200), events)).await.unwrap();
    }
    assert_eq!(count(3, at(0)), 1000);
}

pub(super) async fn a_suspension_is_found_until_it_is_lifted(place: &mut dyn Place) {
    let mut store = place.open().await;
    let ids: Vec<_> = (0..40).map(|n| SuspensionId::from_random([n; 16])).collect();
    let commit = |events: Vec<Event>| store.commit(Change::of(at(0), events));
    for id in &ids {
        commit(vec![suspended(*id, at(0)), started("between")]).await.unwrap();
    }
    commit(vec![resumed(ids[3]), resumed(ids[4]), resumed(ids[3])]).await.unwrap();
    commit(vec![resumed(ids[4])]).await.unwrap();
    let expected: Vec<_> = (0..40).filter(|n| ![3, 4].contains(n)).map(|n| 2 * n).collect();
    for _ in 0..2 {
        assert_eq!(store.suspensions(), Ok(expected.clone()));
        drop(store);
        store = place.open().await;
    }
    // A denial that it asked for speaks against nobody.
    let denied = stopped(TxnId::from_random([1; 16]), &agent(0), ids[0]);
    store.commit(Change::of(at(0), [denied])).await.unwrap();
    assert_eq!(store.anomalies(&agent(0), Moment::default()), Ok(Vec::new()));
}

pub(super) async fn the_documents_in_force_are_the_last_ones(place: &mut dyn Place) {
    let mut store = place.open().await;
    store.commit(Change::of(at(0), [policy("a"), policy("b")])).await.unwrap();
    assert_eq!((store.in_force(Document::Policy), store.in_force(Document::Roster)), (Ok(Some(1)), Ok(None)));
    store.commit(Change::of(at(0), [roster("c"), policy("d"), absence(), started("e")])).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.in_force(Document::Policy), Ok(Some(3)));
        assert_eq!(store.in_force(Document::Roster), Ok(Some(2)));
        assert_eq!(store.in_force(Document::Absences), Ok(Some(4)));
        drop(store);
        store = place.open().await;
    }
}

pub(super) async fn the_latest_profile_of_each_person_is_found(place: &mut dyn Place) {
    let mut store = place.open().await;
    assert_eq!(store.profiles(), Ok(Vec::new()));
    store.commit(Change::of(at(0), [profile(1, 1), profile(2, 1), profile(1, 2)])).await.unwrap();
    assert_eq!(store.profiles(), Ok(vec![1, 2]), "two in one change");
    store.commit(Change::of(at(0), [profile(2, 2), started("a"), profile(3, 1)])).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.profiles(), Ok(vec![2, 3, 5]));
        drop(store);
        store = place.open().await;
    }
}

pub(super) async fn a_change_that_rests_on_what_was_recorded_anew_is_refused(place: &mut dyn Place) {
    let mut store = place.open().await;
    let person = |n| {
        let person =
            if let Event::ProfileChanged { person, .. } = profile(n, 1) { Some(person) } else { None };
        Basis::Profile(person.unwrap())
    };
    let suspension = SuspensionId::from_random([1; 16]);
    let all = [
        (Basis::Document(Document::Policy), policy("a"), policy("b")),
        (Basis::Document(Document::Roster), roster("a"), roster("b")),
        (Basis::Document(Document::Absences), absence(), absence()),
        (person(1), profile(1, 1), profile(1, 2)),
        (Basis::Suspensions, suspended(suspension, at(0)), resumed(suspension)),
    ];
    let resting = |what: &Basis, on| Change::of(at(1), [started("s")]).resting_on(what.clone(), on);
    for (what, first, second) in all {
        let changed = Err(StoreError::Changed(what.clone()));
        assert_eq!(store.stands(&what), Ok(None), "{what}");
        assert_eq!(store.commit(resting(&what, Some(0))).await, changed, "there is none yet: {what}");
        let opened = store.commit(Change::of(at(0), [started("-"), first]).resting_on(what.clone(), None));
        let one = opened.await.unwrap().end - 1;
        assert_eq!(store.commit(resting(&what, None)).await, changed, "{what}");
        assert_eq!(store.commit(resting(&what, Some(one - 1))).await, changed, "{what}");
        store.commit(resting(&what, Some(one))).await.unwrap();
        // Of two that follow on the same, one is taken, however they are grouped.
        let follow = || store.commit(Change::of(at(2), [second.clone()]).resting_on(what.clone(), Some(one)));
        let (left, right) = tokio::join!(follow(), follow());
        assert_eq!(usize::from(left.is_ok()) + usize::from(right.is_ok()), 1, "{what}");
        assert!([&left, &right].contains(&&changed), "{what}");
        drop(store);
        store = place.open().await;
        assert_eq!(store.stands(&what).unwrap(), left.or(right).ok().map(|places| places.start), "{what}");
        assert_eq!(store.commit(resting(&what, Some(one))).await, changed, "also after reopening: {what}");
    }
    assert_eq!(store.stands(&person(2)), Ok(None), "another person's is another");
}

pub(super) async fn a_change_of_nothing_changes_nothing(place: &mut dyn Place) {
    let store = place.open().await;
    assert_eq!(store.commit(Change::of(at(0), [])).await, Ok(0..0));
    store.commit(Change::of(at(0), [started("a")])).await.unwrap();
    assert_eq!(store.commit(Change::of(at(0), [])).await, Ok(1..1));
    assert_eq!(store.len(), 1);
    let id = EscalationId::from_random([1; 16]);
    let unread = Change::default().after(id, 1);
    assert_eq!(
        store.commit(unread).await,
        Err(StoreError::Moved(id)),
        "what it rests on counts all the same"
    );
}

pub(super) async fn a_missing_record_is_an_error(place: &mut dyn Place) {
    let store = place.open().await;
    store.commit(Change::of(at(0), [started("a")])).await.unwrap();
    for index in [1, 2, u64::MAX] {
        assert!(matches!(store.record(index), Err(StoreError::Damaged(_))), "{:?}", store.record(index));
    }
}
