//! What every keeper of shared things must do: claims and values that live for a while.

use crate::store::shared::{Claims, Ephemeral, Name, Work};
use core::time::Duration;
use std::sync::Arc;
use tokio::task::JoinSet;

/// One or more replicas that share.
pub struct Replicas {
    /// Each as it claims.
    pub claims: Vec<Arc<dyn Claims>>,
    /// Each as it keeps values.
    pub values: Vec<Arc<dyn Ephemeral>>,
    /// Lets time pass for the keeper.
    pub pass: Box<dyn Fn(Duration) + Send + Sync>,
}

impl Replicas {
    fn value(&self, number: usize) -> &Arc<dyn Ephemeral> {
        &self.values[number % self.values.len()]
    }
}

const MINUTE: Duration = Duration::from_secs(60);

fn name(owner: &str, id: &str) -> Name {
    Name::new("mark", owner, id)
}

/// Panics where they don't do what they must. Nothing is kept by them before.
pub async fn check(replicas: &Replicas) {
    a_value_lives_for_its_time(replicas).await;
    a_value_is_put_once_and_taken_once(replicas).await;
    values_are_told_apart_by_kind_owner_and_name(replicas).await;
    a_holder_may_hold_again(replicas).await;
    // Whoever is alone has nobody to share with.
    if replicas.claims.len() > 1 {
        what_one_holds_no_other_gets(replicas).await;
        each_piece_of_work_goes_to_one_of_many(replicas).await;
    }
}

async fn a_value_lives_for_its_time(replicas: &Replicas) {
    let (one, other) = (replicas.value(0), replicas.value(1));
    assert_eq!(other.get(name("bo", "1")).await, Ok(None));
    one.put(name("bo", "1"), b"a".to_vec(), MINUTE).await.unwrap();
    assert_eq!(other.get(name("bo", "1")).await, Ok(Some(b"a".to_vec())));
    other.put(name("bo", "1"), b"b".to_vec(), 2 * MINUTE).await.unwrap();
    (replicas.pass)(MINUTE + MINUTE / 2);
    assert_eq!(one.get(name("bo", "1")).await, Ok(Some(b"b".to_vec())), "it was put anew, for longer");
    (replicas.pass)(MINUTE);
    for number in 0..2 {
        let values = replicas.value(number);
        assert_eq!(values.get(name("bo", "1")).await, Ok(None));
        assert_eq!(values.take(name("bo", "1")).await, Ok(None), "what has ended can't be taken");
        assert_eq!(values.list("mark", "bo").await, Ok(Vec::new()));
    }
}

async fn a_value_is_put_once_and_taken_once(replicas: &Replicas) {
    for round in 0..10 {
        let id = format!("round {round}");
        let mut putting = JoinSet::new();
        for number in 0..8 {
            let (values, name) = (Arc::clone(replicas.value(number)), name("once", &id));
            putting.spawn(async move { values.put_new(name, vec![1], MINUTE).await });
        }
        let put = putting.join_all().await;
        assert_eq!(put.iter().filter(|put| **put == Ok(true)).count(), 1, "{put:?}");
        assert_eq!(put.iter().filter(|put| **put == Ok(false)).count(), 7, "{put:?}");
        let mut taking = JoinSet::new();
        for number in 0..8 {
            let (values, name) = (Arc::clone(replicas.value(number)), name("once", &id));
            taking.spawn(async move { values.take(name).await });
        }
        let taken = taking.join_all().await;
        assert_eq!(taken.iter().filter(|taken| **taken == Ok(Some(vec![1]))).count(), 1, "{taken:?}");
        assert_eq!(taken.iter().filter(|taken| **taken == Ok(None)).count(), 7, "{taken:?}");
    }
    let (one, other) = (replicas.value(0), replicas.value(1));
    assert_eq!(one.put_new(name("once", "again"), vec![1], MINUTE).await, Ok(true));
    (replicas.pass)(2 * MINUTE);
    assert_eq!(other.put_new(name("once", "again"), vec![2], MINUTE).await, Ok(true), "it had ended");
    assert_eq!(one.take(name("once", "again")).await, Ok(Some(vec![2])));
}

async fn values_are_told_apart_by_kind_owner_and_name(replicas: &Replicas) {
    let (one, other) = (replicas.value(0), replicas.value(1));
    let odd = ["", "a", "a\0", "é\u{10fffd}", "' OR 1 = 1 --", "%"];
    for owner in odd {
        for id in odd {
            one.put(name(owner, id), format!("{owner}/{id}").into_bytes(), MINUTE).await.unwrap();
            one.put(Name::new("session", owner, id), Vec::new(), MINUTE).await.unwrap();
        }
    }
    for owner in odd {
        let mut sorted = odd;
        sorted.sort_unstable();
        let expected: Vec<_> =
            sorted.iter().map(|id| (name(owner, id), format!("{owner}/{id}").into_bytes())).collect();
        assert_eq!(other.list("mark", owner).await, Ok(expected), "{owner:?}");
        assert_eq!(other.take(name(owner, "a")).await, Ok(Some(format!("{owner}/a").into_bytes())));
        assert_eq!(other.get(Name::new("session", owner, "a")).await, Ok(Some(Vec::new())));
    }
}

fn work(names: &[&str]) -> Vec<Work> {
    names.iter().map(|name| Work::new("notice", name)).collect()
}

async fn a_holder_may_hold_again(replicas: &Replicas) {
    let one = &replicas.claims[0];
    assert_eq!(one.claim(Vec::new(), MINUTE).await, Ok(Vec::new()));
    for _ in 0..2 {
        assert_eq!(one.claim(work(&["held", "twice"]), MINUTE).await, Ok(work(&["held", "twice"])));
    }
    one.release(work(&["held", "twice", "never held"])).await.unwrap();
}

async fn what_one_holds_no_other_gets(replicas: &Replicas) {
    let (one, other) = (&replicas.claims[0], &replicas.claims[1]);
    assert_eq!(one.claim(work(&["a", "b"]), MINUTE).await, Ok(work(&["a", "b"])));
    assert_eq!(other.claim(work(&["b", "c"]), MINUTE).await, Ok(work(&["c"])), "the others are free");
    other.release(work(&["b"])).await.unwrap();
    assert_eq!(
        other.claim(work(&["b"]), MINUTE).await,
        Ok(Vec::new()),
        "nobody gives back what another holds"
    );
    one.release(work(&["b"])).await.unwrap();
    assert_eq!(other.claim(work(&["a", "b"]), MINUTE).await, Ok(work(&["b"])));
    (replicas.pass)(MINUTE / 2);
    assert_eq!(one.claim(work(&["a"]), MINUTE).await, Ok(work(&["a"])), "it holds on");
    (replicas.pass)(MINUTE / 2 + MINUTE / 4);
    assert_eq!(other.claim(work(&["a"]), MINUTE).await, Ok(Vec::new()));
    (replicas.pass)(MINUTE / 2);
    assert_eq!(other.claim(work(&["a"]), MINUTE).await, Ok(work(&["a"])), "its time was over");
    assert_eq!(one.claim(work(&["a"]), MINUTE).await, Ok(Vec::new()));
}

async fn each_piece_of_work_goes_to_one_of_many(replicas: &Replicas) {
    let names: Vec<String> = (0..20).map(|number| format!("raced {number}")).collect();
    let all: Vec<Work> = names.iter().map(|name| Work::new("timer", name)).collect();
    for _ in 0..5 {
        let mut claiming = JoinSet::new();
        for number in 0..replicas.claims.len() * 2 {
            let claims = Arc::clone(&replicas.claims[number % replicas.claims.len()]);
            let mut wanted = all.clone();
            let middle = number % wanted.len();
            wanted.rotate_left(middle);
            claiming.spawn(async move { (number, claims.claim(wanted, MINUTE).await) });
        }
        let claimed = claiming.join_all().await;
        for piece in &all {
            let mut holders: Vec<usize> = claimed
                .iter()
                .filter(|(_, got)| got.as_ref().unwrap().contains(piece))
                .map(|(number, _)| number % replicas.claims.len())
                .collect();
            holders.sort_unstable();
            holders.dedup();
            assert_eq!(holders.len(), 1, "{} is held by {holders:?}", piece.as_str());
        }
        (replicas.pass)(2 * MINUTE);
    }
}
