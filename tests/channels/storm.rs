//! A storm: a thousand requests for ten people, who are told of every one and disturbed seldom.

use crate::hall::{Hall, Post, policy, whom};
use crate::world::{World, people};
use countersign::desk::outbox::Settings;
use countersign::notice::{Recipient, Topic};
use std::collections::{BTreeMap, BTreeSet};

fn ten() -> String {
    let names: Vec<String> = (0..10).map(|n| format!("p{n}")).collect();
    let said = names
        .iter()
        .map(|name| format!("roles: [oncall], daily_cap: 1000, accounts: ['{name}@example.com']"));
    let said: Vec<String> = said.collect();
    let staff: Vec<(&str, &str)> =
        names.iter().zip(&said).map(|(name, said)| (name.as_str(), said.as_str())).collect();
    people("oncall, lead", &staff)
}

#[tokio::test]
async fn a_thousand_requests_are_told_to_ten_people_within_their_limits() {
    let post = Post::new("email");
    let hall = Hall::open(&policy(""), &ten(), std::slice::from_ref(&post), Settings::default());
    let mut asked: BTreeSet<(String, String)> = BTreeSet::new();
    for n in 0..1000 {
        let ask = World::ask("do.it", &format!("db{}://orders", n % 50), &format!(r#"{{"n": {n}}}"#));
        let id = hall.world.escalate(ask).await;
        for person in hall.world.docket(id).await.escalation.case().asked() {
            asked.insert((person.to_string(), id.to_string()));
        }
    }
    assert!(asked.len() >= 1000);
    hall.pass(10 * 60).await;
    let told: BTreeSet<(String, String)> = hall
        .recorded()
        .into_iter()
        .filter(|told| told.topic == Topic::Asked)
        .filter_map(|told| match told.to {
            Recipient::Person(person) => Some((person.to_string(), told.escalation?.to_string())),
            Recipient::Place(_) => None,
        })
        .collect();
    assert_eq!(told, asked, "everybody is told of everything");
    let mut messages: BTreeMap<String, usize> = BTreeMap::new();
    for letter in post.letters() {
        *messages.entry(whom(&letter.to)).or_default() += 1;
    }
    // Six of their own, and what is told together once in a hundred seconds.
    for (who, messages) in messages {
        assert!(messages <= 13, "{who} got {messages} messages in ten minutes");
    }
    let together = post.about(Topic::Digest);
    assert!(together.iter().any(|letter| letter.message.headline.ends_with(" requests wait for you")));
    assert!(together.iter().all(|letter| letter.message.actions.is_empty()), "each is decided by itself");
}

#[tokio::test]
async fn what_is_alike_is_told_together_and_what_is_not_is_not() {
    let post = Post::new("email");
    let hall =
        Hall::open(&policy(""), &crate::hall::staff(), std::slice::from_ref(&post), Settings::default());
    for n in 0..4 {
        let ask = World::ask("do.it", "db://orders", &format!(r#"{{"n": {n}}}"#));
        hall.world.escalate(ask).await;
    }
    hall.settle().await;
    hall.pass(20).await;
    let mut told: Vec<String> = post.told();
    told.sort();
    let singles = told.iter().filter(|told| told.ends_with(" asked")).count();
    assert!(singles <= 2, "one of a kind for each who was asked: {told:?}");
    assert!(told.iter().any(|told| told.ends_with(" digest")), "{told:?}");
}
