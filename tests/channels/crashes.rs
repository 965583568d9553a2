//! Crashes: whenever the outbox ends, what it had not told is told after the next start, and hardly anything twice.

use crate::hall::{Does, Hall, Post, policy, staff};
use countersign::desk::outbox::Settings;
use countersign::escalation::vote::Choice;
use countersign::notice::Topic;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[tokio::test]
async fn a_restart_tells_nothing_twice_and_forgets_nothing() {
    let post = Post::new("slack");
    let mut hall = Hall::open(
        &policy("      channels: [\"slack:#approvals\"]"),
        &staff(),
        std::slice::from_ref(&post),
        Settings::default(),
    );
    let first = hall.escalate("do.it", "db://orders").await;
    hall.restarted().await;
    hall.settle().await;
    assert_eq!(post.told(), ["UADA asked", "#approvals asked"]);
    post.does(Does::Later);
    hall.escalate("do.it", "other://orders").await;
    hall.restarted().await;
    post.does(Does::Takes);
    hall.pass(5).await;
    let mut told = post.told().split_off(2);
    told.sort();
    assert_eq!(told.len(), 2, "the second, now: {told:?}");
    // What was delivered before the restart can still be changed.
    hall.world.vote(first, "bob", Choice::Deny).await.unwrap();
    hall.settle().await;
    let changed = post.about(Topic::Updated);
    let handles: Vec<_> = changed.iter().filter_map(|letter| letter.replaces.as_deref()).collect();
    assert!(handles.contains(&"m1") && handles.contains(&"m2"), "{handles:?}");
    let before = changed.len();
    hall.restarted().await;
    hall.pass(5).await;
    assert_eq!(post.about(Topic::Updated).len(), before, "and is not changed to the same once more");
}

#[tokio::test]
async fn what_ended_while_nobody_ran_is_shown_after_the_start() {
    let post = Post::new("slack");
    let mut hall = Hall::open(&policy(""), &staff(), std::slice::from_ref(&post), Settings::default());
    let id = hall.escalate("do.it", "db://orders").await;
    hall.kill().await;
    hall.world.vote(id, "bob", Choice::Deny).await.unwrap();
    hall.killed_and_started().await;
    hall.settle().await;
    let changed = post.about(Topic::Updated);
    assert_eq!(changed.len(), 1);
    assert!(changed[0].message.headline.starts_with("denied: "));
}

/// What happens between two crashes.
#[derive(Clone, Debug)]
enum Happens {
    Asked,
    Denied,
    Passes(u64),
    /// The channel fails this often, then works.
    Fails(usize),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        3 => Just(Happens::Asked),
        1 => Just(Happens::Denied),
        2 => (1_u64..400).prop_map(Happens::Passes),
        1 => (1_usize..4).prop_map(Happens::Fails),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever happens, and wherever the outbox is cut off: everybody who was asked and could still decide was told,
    /// and nothing was told more often than the outbox was killed.
    #[test]
    fn nothing_is_lost_and_little_is_doubled(
        course in proptest::collection::vec((happens(), 0_usize..30), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let post = Post::new("email");
            let mut hall = Hall::open(&policy(""), &staff(), std::slice::from_ref(&post), Settings::default());
            let (mut open, mut kills, mut n) = (Vec::new(), 0, 0);
            for (happens, polls) in course {
                match happens {
                    Happens::Asked => {
                        n += 1;
                        let ask = crate::world::World::ask("do.it", &format!("db{n}://orders"), "{}");
                        open.push(hall.world.escalate(ask).await);
                    }
                    Happens::Denied => {
                        if let Some(id) = open.pop() {
                            drop(hall.world.vote(id, "bob", Choice::Deny).await);
                        }
                    }
                    Happens::Passes(seconds) => hall.pass(seconds).await,
                    Happens::Fails(times) => post.does_then_takes(&vec![Does::Later; times]),
                }
                // It is cut off after so many steps of its own.
                for _ in 0..polls {
                    tokio::task::yield_now().await;
                }
                hall.killed_and_started().await;
                kills += 1;
            }
            hall.pass(200).await;
            let mut owed: Vec<String> = Vec::new();
            for id in hall.world.open() {
                let docket = hall.world.docket(id).await;
                if docket.escalation.status(hall.now()) == countersign::escalation::Status::Pending {
                    owed.push(id.to_string());
                }
            }
            let told = hall.recorded();
            for id in &owed {
                let called = told.iter().any(|told| told.escalation.is_some_and(|one| one.to_string() == *id)
                    && matches!(told.topic, Topic::Asked | Topic::Reminded | Topic::PassedOn));
                prop_assert!(called, "nobody was told of {}", id);
            }
            let mut times: BTreeMap<String, usize> = BTreeMap::new();
            for letter in post.letters() {
                *times.entry(letter.message.notice.to_string()).or_default() += 1;
            }
            prop_assert!(times.values().all(|times| *times <= kills + 1), "{:?}", times);
            let mut recorded: BTreeMap<String, usize> = BTreeMap::new();
            for told in &told {
                *recorded.entry(told.notice.to_string()).or_default() += 1;
            }
            let sent = |notice: &String| times.get(notice).copied().unwrap_or(kills + 1);
            prop_assert!(recorded.iter().all(|(notice, count)| *count <= sent(notice)), "{:?}", recorded);
            Ok(())
        })?;
    }
}
