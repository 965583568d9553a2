//! Channels in trouble: what fails is tried again, another one takes over, and no decision waits for any of it.

use crate::hall::{Does, Hall, Post, policy, staff};
use countersign::desk::outbox::Settings;
use countersign::escalation::Status;
use countersign::escalation::vote::{Choice, Conditions};
use countersign::notice::{Delivery, Topic};
use std::time::Duration;

#[tokio::test]
async fn what_fails_is_tried_again_and_told_once() {
    let post = Post::new("email");
    post.does_then_takes(&[Does::Later, Does::Later, Does::Later]);
    let hall = Hall::open(&policy(""), &staff(), std::slice::from_ref(&post), Settings::default());
    hall.escalate("do.it", "db://orders").await;
    hall.pass(60).await;
    assert_eq!((post.tries(), post.told()), (4, vec!["ada asked".to_owned()]));
}

#[tokio::test]
async fn a_channel_that_asks_for_time_is_left_alone_for_so_long() {
    let post = Post::new("email");
    post.does_then_takes(&[Does::LaterAfter(Duration::from_secs(300))]);
    let hall = Hall::open(&policy(""), &staff(), std::slice::from_ref(&post), Settings::default());
    hall.escalate("do.it", "db://orders").await;
    hall.pass(299).await;
    assert_eq!(post.tries(), 1);
    hall.pass(2).await;
    assert_eq!(post.told(), ["ada asked"]);
}

#[tokio::test]
async fn the_next_channel_takes_over_in_time_and_at_once_where_there_is_no_hope() {
    for (does, at_once) in
        [(Does::Later, false), (Does::Hangs, false), (Does::Never, true), (Does::Gone, true)]
    {
        let (slack, mail) = (Post::new("slack"), Post::new("email"));
        slack.does(does.clone());
        let hall = Hall::open(&policy(""), &staff(), &[slack.clone(), mail.clone()], Settings::default());
        hall.escalate("do.it", "db://orders").await;
        assert_eq!(!mail.told().is_empty(), at_once, "{does:?}");
        hall.pass(19).await;
        assert_eq!(!mail.told().is_empty(), at_once, "{does:?} after 19 s");
        hall.pass(2).await;
        assert_eq!(mail.told(), ["ada asked"], "{does:?} after 21 s");
        hall.pass(60).await;
        assert_eq!(mail.told(), ["ada asked"], "{does:?}: once");
    }
}

#[tokio::test]
async fn no_decision_waits_for_a_channel() {
    let post = Post::new("email");
    post.does(Does::Hangs);
    let hall = Hall::open(&policy(""), &staff(), std::slice::from_ref(&post), Settings::default());
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(hall.escalate("do.it", &format!("db{n}://orders")).await);
    }
    assert!(post.tries() <= 4, "four at a time");
    for id in ids {
        let voted = hall.world.vote(id, "ada", Choice::Approve(Conditions::default())).await;
        assert_eq!(voted, Ok(Status::Approved));
        hall.world.granted(id).await;
    }
}

#[tokio::test]
async fn a_channel_that_hangs_holds_up_no_other() {
    let (slack, mail) = (Post::new("slack"), Post::new("email"));
    slack.does(Does::Hangs);
    let policy = policy("      channels: [\"slack:#approvals\", email]");
    let hall = Hall::open(&policy, &staff(), &[slack.clone(), mail.clone()], Settings::default());
    for database in ["orders", "users", "stock", "prices", "mail", "log"] {
        hall.escalate("do.it", &format!("{database}://all")).await;
    }
    assert_eq!(mail.tries(), 6);
}

#[tokio::test]
async fn what_nobody_takes_is_a_dead_letter_that_can_be_tried_again() {
    let post = Post::new("email");
    post.does(Does::Never);
    let hall = Hall::open(&policy(""), &staff(), std::slice::from_ref(&post), Settings::default());
    hall.escalate("do.it", "db://orders").await;
    let dead = hall.outbox.dead();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].topic, dead[0].why.as_str()), (Topic::Asked, "email: no such address"));
    let standing = hall.outbox.standing();
    assert_eq!((standing[0].failed, standing[0].delivered), (1, 0));
    assert!(standing[0].last_failure.is_some());
    let given_up =
        hall.recorded().into_iter().filter(|told| matches!(told.delivery, Delivery::GivenUp { .. }));
    assert_eq!(given_up.count(), 1);
    post.does(Does::Takes);
    assert_eq!(hall.outbox.retry(Some(dead[0].notice)), 1);
    hall.settle().await;
    assert_eq!((post.told(), hall.outbox.dead().len()), (vec!["ada asked".to_owned()], 0));
}

#[tokio::test]
async fn what_is_gone_is_told_nothing_more() {
    let post = Post::new("email");
    post.does(Does::Gone);
    let hall = Hall::open(&policy(""), &staff(), std::slice::from_ref(&post), Settings::default());
    hall.escalate("do.it", "db://orders").await;
    hall.escalate("do.it", "other://users").await;
    assert_eq!(post.tries(), 1, "and the second is not even tried");
    assert_eq!(hall.outbox.standing()[0].gone, ["email:ada@example.com"]);
}

#[tokio::test]
async fn what_is_over_is_not_told_any_more() {
    let post = Post::new("email");
    post.does(Does::Later);
    let hall = Hall::open(&policy(""), &staff(), std::slice::from_ref(&post), Settings::default());
    let id = hall.escalate("do.it", "db://orders").await;
    hall.world.vote(id, "bob", Choice::Deny).await.unwrap();
    hall.settle().await;
    let tries = post.tries();
    post.does(Does::Takes);
    hall.pass(600).await;
    assert_eq!((post.tries(), post.told().len()), (tries, 0), "she would be called to what is over");
    assert!(hall.outbox.dead().is_empty(), "and nobody has to know of that");
}
