//! Who is told what: those who are asked, once, where they read it, and nobody of what they did themselves.

use crate::hall::{Hall, Post, everybody, policy, staff, staff_with, team};
use crate::world::{World, person};
use countersign::desk::Desk as _;
use countersign::desk::outbox::Settings;
use countersign::escalation::Status;
use countersign::escalation::vote::{Choice, Conditions};
use countersign::notice::{Topic, Urgency};
use countersign::party::AgentId;

fn approve() -> Choice {
    Choice::Approve(Conditions::default())
}

#[tokio::test]
async fn those_who_are_asked_are_told_once_and_reminded_twice() {
    let post = Post::new("email");
    let hall = Hall::open(&policy(""), &staff(), std::slice::from_ref(&post), Settings::default());
    hall.escalate("do.it", "db://orders").await;
    assert_eq!(post.told(), ["ada asked"], "one is enough, and she is the first");
    hall.pass(14 * 60).await;
    assert_eq!(post.told(), ["ada asked"]);
    hall.pass(60).await;
    assert_eq!(post.told(), ["ada asked", "ada reminded"]);
    hall.pass(12 * 60).await;
    assert_eq!(post.told(), ["ada asked", "ada reminded", "ada reminded"]);
    let last = post.letters().pop().unwrap().message;
    assert_eq!(last.urgency, Urgency::High, "three minutes are left");
    assert!(
        last.headline.starts_with("still waiting for you, until 2026-11-21T12:30:00Z"),
        "{}",
        last.headline
    );
}

#[tokio::test]
async fn nobody_is_told_what_they_did_themselves_or_asked_for() {
    let post = Post::new("email");
    let world = World::operated_by(&policy(""), &everybody(), &["ada"]);
    let hall = Hall::of(world, std::slice::from_ref(&post), Settings::default());
    let id = hall.escalate("do.it", "db://orders").await;
    assert_eq!(post.told(), ["bob asked"], "ada runs the agent that asks");
    hall.world.vote(id, "bob", approve()).await.unwrap();
    hall.pass(20 * 60).await;
    assert_eq!(post.told(), ["bob asked"], "he has said what he thinks, and knows it");
}

#[tokio::test]
async fn whoever_it_is_passed_on_to_is_told_and_who_passed_it_on_is_not_reminded() {
    let post = Post::new("email");
    let hall = Hall::open(&policy(""), &staff(), std::slice::from_ref(&post), Settings::default());
    let id = hall.escalate("do.it", "db://orders").await;
    let ada = hall.world.signed_in("ada");
    hall.world.desk.pass_on(id, &ada, &person("bob")).await.unwrap();
    hall.pass(15 * 60).await;
    assert_eq!(post.told(), ["ada asked", "bob passed_on", "bob reminded"]);
}

#[tokio::test]
async fn a_place_that_the_rule_names_is_told_beside_the_people() {
    let (mail, slack) = (Post::new("email"), Post::new("slack"));
    let policy = policy("      channels: [\"slack:#approvals\", email]");
    let hall = Hall::open(&policy, &staff(), &[mail.clone(), slack.clone()], Settings::default());
    hall.escalate("do.it", "db://orders").await;
    assert_eq!(slack.told(), ["#approvals asked"]);
    assert_eq!(mail.told(), ["ada asked"], "the rule says mail");
}

#[tokio::test]
async fn a_message_that_can_be_changed_is_whichever_way_it_ends() {
    for end in
        ["approved", "denied", "expired", "withdrawn", "blocked", "approved, and not collected in time"]
    {
        let slack = Post::new("slack");
        let policy = policy("      channels: [\"slack:#approvals\"]");
        let hall = Hall::open(&policy, &staff(), std::slice::from_ref(&slack), Settings::default());
        let id = hall.escalate("do.it", "db://orders").await;
        slack.forget();
        let desk = &hall.world.desk;
        match end {
            "approved" => drop(hall.world.vote(id, "bob", approve()).await.unwrap()),
            "denied" => drop(hall.world.vote(id, "bob", Choice::Deny).await.unwrap()),
            "expired" => hall.pass(30 * 60 + 1).await,
            "withdrawn" => {
                let agent = AgentId::new("agent:tester").unwrap();
                drop(desk.cancel(id, agent, "not needed".to_owned()).await.unwrap());
            }
            "blocked" => drop(desk.block(id, vec!["the policy changed".to_owned()]).await.unwrap()),
            _ => {
                hall.world.vote(id, "bob", approve()).await.unwrap();
                hall.pass(11 * 60).await;
            }
        }
        hall.settle().await;
        let changed: Vec<_> = slack.about(Topic::Updated);
        for handle in ["m1", "m2"] {
            let of = |letter: &&countersign::notify::Letter| letter.replaces.as_deref() == Some(handle);
            let last = changed.iter().rfind(of).unwrap_or_else(|| panic!("{end}: {handle} was not changed"));
            assert!(last.message.headline.starts_with(&format!("{end}: ")), "{}", last.message.headline);
            assert!(last.message.actions.is_empty(), "{end}: nothing can be done any more");
        }
    }
}

#[tokio::test]
async fn a_vote_from_elsewhere_changes_a_message_and_many_changes_become_one() {
    let slack = Post::new("slack");
    let policy = policy("      approvals: 2\n      channels: [\"slack:#approvals\"]");
    let hall = Hall::open(&policy, &everybody(), std::slice::from_ref(&slack), Settings::default());
    let id = hall.escalate("do.it", "db://orders").await;
    assert_eq!(slack.told(), ["UADA asked", "UBOB asked", "#approvals asked"]);
    slack.forget();
    hall.world.vote(id, "ada", approve()).await.unwrap();
    hall.world.vote(id, "bob", approve()).await.unwrap();
    hall.settle().await;
    let place = slack.letters().into_iter().filter(|letter| letter.replaces.as_deref() == Some("m3"));
    let headlines: Vec<_> = place.map(|letter| letter.message.headline).collect();
    assert!(headlines.len() <= 2, "{headlines:?}");
    assert!(headlines.last().unwrap().starts_with("approved: "), "{headlines:?}");
}

#[tokio::test]
async fn quiet_hours_hold_back_what_can_wait_and_never_too_long() {
    // It is noon in UTC, 13:00 in Berlin.
    let quiet = ", time_zone: Europe/Berlin, quiet: '12:30-13:10'";
    let post = Post::new("email");
    let hall = Hall::open(&policy(""), &staff_with(quiet), std::slice::from_ref(&post), Settings::default());
    hall.escalate("do.it", "db://orders").await;
    assert_eq!(post.told(), [""; 0]);
    hall.pass(9 * 60).await;
    assert_eq!(post.told(), [""; 0]);
    hall.pass(60).await;
    assert_eq!(post.told(), ["ada asked"]);

    let longer = ", time_zone: Europe/Berlin, quiet: '12:30-18:00'";
    let post = Post::new("email");
    let hall = Hall::open(&policy(""), &staff_with(longer), std::slice::from_ref(&post), Settings::default());
    hall.escalate("do.it", "db://orders").await;
    hall.pass(14 * 60).await;
    assert_eq!(post.told(), [""; 0]);
    hall.pass(70).await;
    assert_eq!(post.told().len(), 1, "half of the time is left to decide: {:?}", post.told());
}

#[tokio::test]
async fn the_team_reads_what_expired_at_most_four_times_an_hour() {
    let post = Post::new("email");
    let hall = Hall::open(&policy(""), &staff(), std::slice::from_ref(&post), team());
    for place in ["a", "b"] {
        hall.escalate("do.it", &format!("db://{place}")).await;
        hall.pass(60).await;
    }
    hall.pass(29 * 60).await;
    let expired = || post.about(Topic::Expired);
    assert_eq!(expired().len(), 1, "{:?}", post.told());
    let first = expired().pop().unwrap();
    assert_eq!(first.message.headline, "nobody decided 1 request in time");
    assert!(first.message.lines[0].text.ends_with("; asked: ada"), "{:?}", first.message.lines);
    hall.pass(14 * 60).await;
    assert_eq!(expired().len(), 1, "the second waits for the next report");
    hall.pass(2 * 60).await;
    assert_eq!(expired().len(), 2);
}

#[tokio::test]
async fn an_emergency_is_told_to_the_team_and_to_who_reviews_it() {
    let more = "      break_glass:\n        reviewers: [role:oncall]\n        execute_within: 2m\n        \
                review: {reviewers: [role:lead]}\n        review_within: 2h\n      approvals: 2";
    let post = Post::new("email");
    let hall = Hall::open(&policy(more), &everybody(), std::slice::from_ref(&post), team());
    let id = hall.escalate("do.it", "db://orders").await;
    post.forget();
    let granted = hall.world.vote(id, "ada", Choice::BreakGlass(Conditions::default())).await;
    assert_eq!(granted, Ok(Status::Approved));
    hall.settle().await;
    assert_eq!(post.told(), ["team emergency"]);
    assert_eq!(post.letters()[0].message.urgency, Urgency::High);
    hall.world.granted(id).await;
    hall.settle().await;
    assert_eq!(post.told(), ["team emergency", "cyd review_due"], "ada broke the glass, bob can't review it");
    hall.pass(2 * 3600 + 60).await;
    let late: Vec<_> = post.told().split_off(2);
    assert_eq!(late, ["cyd review_due", "team review_due"]);
    assert!(post.letters()[3].message.headline.starts_with("an emergency was not reviewed by"));
}

#[tokio::test]
async fn what_can_be_done_from_a_message_is_what_the_rule_takes_from_there() {
    let post = Post::new("email");
    let links = std::sync::Arc::new(countersign::desk::links::Links::new(&[7; 32]));
    let settings = Settings {
        console: Some("https://approve.example".into()),
        links: Some(links),
        ..Settings::default()
    };
    for (assurance, actions) in [("signed", "Deny"), ("channel", "Approve Deny")] {
        post.forget();
        let policy = policy(&format!("      assurance: {assurance}"));
        let hall = Hall::open(&policy, &staff(), std::slice::from_ref(&post), settings.clone());
        let id = hall.escalate("do.it", "db://orders").await;
        let message = post.letters().pop().unwrap().message;
        let labels: Vec<_> = message.actions.iter().map(|action| action.label.as_str()).collect();
        assert_eq!(labels.join(" "), actions, "{assurance}");
        assert_eq!(message.link.unwrap(), format!("https://approve.example/e/{id}"));
        assert!(message.actions.iter().all(|action| action.link.starts_with("https://approve.example/l/")));
        assert!(message.actions.iter().all(|action| action.value.len() <= 255));
        assert_eq!(message.operation.unwrap().more, 0);
    }
}

#[tokio::test]
async fn a_message_that_does_not_show_all_lets_nobody_approve() {
    let post = Post::new("email");
    let links = std::sync::Arc::new(countersign::desk::links::Links::new(&[7; 32]));
    let settings = Settings {
        console: Some("https://approve.example".into()),
        links: Some(links),
        ..Settings::default()
    };
    let hall =
        Hall::open(&policy("      assurance: channel"), &staff(), std::slice::from_ref(&post), settings);
    let long = format!(r#"{{"sql": "{}"}}"#, "select now(); ".repeat(300));
    hall.world.escalate(World::ask("do.it", "db://orders", &long)).await;
    hall.settle().await;
    let message = post.letters().pop().unwrap().message;
    assert!(message.operation.unwrap().more > 0);
    let labels: Vec<_> = message.actions.iter().map(|action| action.label.as_str()).collect();
    assert_eq!(labels, ["Deny"]);
}

#[tokio::test]
async fn without_channels_nothing_is_done() {
    let hall = Hall::open(&policy(""), &staff(), &[], Settings::default());
    hall.escalate("do.it", "db://orders").await;
    assert!(!hall.outbox.has_channels() && hall.outbox.standing().is_empty());
    assert!(hall.recorded().is_empty());
}
