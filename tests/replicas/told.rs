//! Several outboxes tell everybody once.

use crate::fleet::{Replica, replicas, settle};
use crate::hall::{Does, Post, policy, staff};
use crate::world::World;
use countersign::audit::event::Event;
use countersign::desk::outbox::{Outbox, Settings};
use countersign::entropy::SystemEntropy;
use countersign::notice::{NoticeId, Told};
use countersign::notify::Messenger;
use countersign::store::Store as _;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

struct Running {
    outbox: Arc<Outbox>,
    task: JoinHandle<()>,
    _stop: watch::Sender<bool>,
}

fn run(replica: &Replica, post: &Arc<Post>) -> Running {
    let messengers = vec![post.clone() as Arc<dyn Messenger>];
    let outbox = Outbox::new(replica.desk.clone(), messengers, Settings::default(), Arc::new(SystemEntropy));
    let outbox = Arc::new(outbox.replica(replica.claims.clone(), replica.following.clone()));
    replica.following.add(&outbox);
    let (stop, stopping) = watch::channel(false);
    let task = tokio::spawn(outbox.clone().run(stopping));
    Running { outbox, task, _stop: stop }
}

/// Lets so much time pass, in steps in which everything happens that is due.
async fn pass(world: &World, outboxes: &[Running], seconds: u64) {
    for _ in 0..seconds / 20 + 1 {
        world.clock.advance(Duration::from_secs(20));
        for id in world.open() {
            drop(countersign::desk::Desk::docket(world.desk.as_ref(), id).await);
        }
        for running in outboxes {
            // There is no such notice, but it looks at the clock.
            running.outbox.retry(NoticeId::parse("not_AAAAAAAAAAAAAAAAAAAAAA"));
        }
        settle(world).await;
    }
}

fn recorded(world: &World) -> Vec<Told> {
    let records = (0..world.store.len()).map(|index| world.store.record(index).unwrap().event);
    records.filter_map(|event| if let Event::Told(told) = event { Some(*told) } else { None }).collect()
}

fn once_each(world: &World, posts: &[Arc<Post>]) -> usize {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for letter in posts.iter().flat_map(|post| post.letters()) {
        *times.entry(letter.message.notice.to_string()).or_default() += 1;
    }
    assert!(times.values().all(|times| *times == 1), "told more than once: {times:?}");
    let told = recorded(world);
    let mut notices: Vec<String> = told.iter().map(|told| told.notice.to_string()).collect();
    notices.sort();
    let all = notices.len();
    notices.dedup();
    assert_eq!(notices.len(), all, "recorded more than once");
    times.len()
}

#[tokio::test(start_paused = true)]
async fn each_is_told_once_by_whichever_replica_takes_it_on() {
    let world = World::of(&policy(""), &staff());
    world.make_up_events();
    let (replicas, _) = replicas(&world, 3);
    let posts: Vec<_> = replicas.iter().map(|_| Post::new("email")).collect();
    let running: Vec<_> = replicas.iter().zip(&posts).map(|(replica, post)| run(replica, post)).collect();
    for number in 0..6 {
        let ask = World::ask("do.it", &format!("db://{number}"), "{}");
        replicas[number % 3].sidecar.authorize(ask).await.unwrap();
    }
    pass(&world, &running, 31 * 60).await;
    let told = once_each(&world, &posts);
    assert!(told >= 6, "asked and reminded: {told}");
    running.iter().for_each(|running| running.task.abort());
}

#[tokio::test(start_paused = true)]
async fn what_a_replica_took_on_and_did_not_do_another_does() {
    let world = World::of(&policy(""), &staff());
    world.make_up_events();
    let (replicas, _) = replicas(&world, 2);
    let posts: Vec<_> = replicas.iter().map(|_| Post::new("email")).collect();
    posts[0].does(Does::Later);
    let mut running = vec![run(&replicas[0], &posts[0])];
    replicas[0].sidecar.authorize(World::ask("do.it", "db://orders", "{}")).await.unwrap();
    pass(&world, &running, 60).await;
    assert!(posts[0].tries() > 0, "it has taken it on, and its mail server does not work");
    running.push(run(&replicas[1], &posts[1]));
    pass(&world, &running, 120).await;
    assert_eq!(posts[1].tries(), 0, "as long as the one tries, the other does not");
    running[0].task.abort();
    pass(&world, &running, 180).await;
    assert_eq!(posts[1].told(), ["ada asked"], "when it is gone, the other tells her");
    once_each(&world, &posts);
    running.iter().for_each(|running| running.task.abort());
}

#[tokio::test(start_paused = true)]
async fn a_message_is_changed_by_one_replica_whoever_sent_it() {
    let world = World::of(&policy("      channels: [slack]\n"), &staff());
    world.make_up_events();
    let (replicas, _) = replicas(&world, 2);
    let posts: Vec<_> = replicas.iter().map(|_| Post::new("slack")).collect();
    let running: Vec<_> = replicas.iter().zip(&posts).map(|(replica, post)| run(replica, post)).collect();
    let answer = replicas[0].sidecar.authorize(World::ask("do.it", "db://orders", "{}")).await.unwrap();
    let id = answer.opened.unwrap().id;
    pass(&world, &running, 60).await;
    assert_eq!(once_each(&world, &posts), 1);
    replicas[1].sidecar.cancel(&World::caller(), id, "not any more".to_owned()).await.unwrap();
    pass(&world, &running, 180).await;
    assert_eq!(once_each(&world, &posts), 2, "it was sent, and changed, once");
    running.iter().for_each(|running| running.task.abort());
}
