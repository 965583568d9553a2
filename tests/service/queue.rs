//! The queue: what a reviewer finds, in which order, page by page, and what they are told while they watch.

use crate::review::{sign_in, with_session};
use crate::support::{POLICY, Service, approve, ask, code, delete, deploy};
use crate::world::{World, world};
use countersign::client::{AgentClient, Connect, Filter, Level, News as Told, Order, Status};
use countersign::desk::queue::{self, News, NoPage, Page, Queue};
use countersign::digest::sha256;
use countersign::escalation::vote::Choice;
use countersign::escalation::{self, Status as State};
use countersign::moment::Moment;
use countersign::party::{AgentId, EscalationId, PersonId, TxnId};
use countersign::risk::pattern::Glob;
use countersign::store::conformance::events::{allowed, opened, refused_vote, step};
use countersign::store::{Change, Store as _};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

fn id(number: u32) -> EscalationId {
    let mut bits = [0; 16];
    bits[..4].copy_from_slice(&number.to_be_bytes());
    EscalationId::from_random(bits)
}

fn txn(number: u32) -> TxnId {
    TxnId::from_random(*id(number).as_bytes())
}

/// The events that open an escalation of this number, by this agent, so many seconds after noon.
fn opening(world: &World, number: u32, agent: &str, after: u64) -> Change {
    world.make_up_events();
    use countersign::clock::Clock as _;
    let (agent, at) = (AgentId::new(agent).unwrap(), world.clock.now().plus(Duration::from_secs(after)));
    Change::of(at, [allowed(txn(number), &agent, None), opened(id(number), txn(number), &agent, at)])
}

async fn open(world: &World, number: u32, agent: &str, after: u64) {
    world.store.commit(opening(world, number, agent, after)).await.unwrap();
}

fn list(queue: &Queue, filter: &queue::Filter, order: queue::Order) -> Vec<EscalationId> {
    let Page { lines, next } = queue.list(filter, order, 500, None).unwrap();
    assert_eq!(next, None);
    lines.iter().map(|line| line.id).collect()
}

/// How many votes on the first one were refused: it only grows.
fn refusals(queue: &Queue) -> u32 {
    let text = format!("{:?}", queue.line(id(0)).unwrap().escalation);
    let (_, number) = text.split_once("refusals: ").unwrap();
    number.split(',').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_in_memory_is_never_older_than_what_is_recorded() {
    let world = world();
    let queue = Arc::new(Queue::new(world.desk.clone()));
    open(&world, 0, "agent:a", 0).await;
    let reading = {
        let queue = queue.clone();
        tokio::task::spawn_blocking(move || {
            let mut last = 0;
            // Read over and over while it changes: it never goes back.
            while last < 64 {
                let now = refusals(&queue);
                assert!(now >= last, "{now} after {last}");
                last = now;
            }
        })
    };
    let at = Moment::from_rfc3339("2026-11-21T12:00:01Z").unwrap();
    for n in 0..64 {
        world.store.commit(Change::of(at, [step(id(0), refused_vote(at, n))])).await.unwrap();
        assert_eq!(refusals(&queue), u32::from(n) + 1, "read after it was answered");
    }
    reading.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_takes_what_it_says_and_nothing_else() {
    let world = world();
    for (number, agent) in [(0, "agent:a"), (1, "agent:b"), (2, "agent:a")] {
        open(&world, number, agent, u64::from(number)).await;
    }
    world.clock.advance(Duration::from_secs(2));
    let noon = Moment::from_rfc3339("2026-11-21T12:00:00Z").unwrap();
    let queue = Queue::new(world.desk.clone());
    let all = queue::Filter::default();
    let newest = |filter: &queue::Filter| list(&queue, filter, queue::Order::Newest);
    assert_eq!(newest(&all), [id(2), id(1), id(0)]);
    assert_eq!(list(&queue, &all, queue::Order::Oldest), [id(0), id(1), id(2)]);
    let agent = |pattern: &str| queue::Filter { agent: Glob::new(pattern), ..all.clone() };
    assert_eq!(newest(&agent("agent:b")), [id(1)]);
    assert_eq!(newest(&agent("agent:*")).len(), 3);
    assert_eq!(newest(&agent("agent")), []);
    let action = queue.line(id(0)).unwrap().action.clone();
    let by_action =
        |pattern: &str| newest(&queue::Filter { action: Glob::new(pattern), ..all.clone() }).len();
    assert_eq!((by_action(&action), by_action("*"), by_action("no.such.*")), (3, 3, 0));
    let since = queue::Filter { since: Some(noon.plus(Duration::from_secs(1))), ..all.clone() };
    assert_eq!(newest(&since), [id(2), id(1)]);
    let until = queue::Filter { until: Some(noon.plus(Duration::from_secs(1))), ..all.clone() };
    assert_eq!(newest(&until), [id(0)]);
    let level = queue.line(id(0)).unwrap().assessment.level;
    assert_eq!(newest(&queue::Filter { levels: vec![level], ..all.clone() }).len(), 3);

    // The seats are for ada and bob, whom this roster does not have.
    let awaits = |name: &str| queue::Filter { awaits: PersonId::new(name).ok(), ..all.clone() };
    assert_eq!(newest(&awaits("ada")).len(), 3);
    assert_eq!(newest(&awaits("bob")), []);
    assert_eq!(newest(&awaits("grace")), []);

    // What is over is not looked for unless it is asked for; a deadline that has passed has taken effect.
    let step_of = |number, event| Change::of(noon.plus(Duration::from_secs(9)), [step(id(number), event)]);
    let cancelled = escalation::Event::Cancelled {
        at: noon,
        by: AgentId::new("agent:a").unwrap(),
        reason: String::new(),
        successor: None,
    };
    world.store.commit(step_of(0, cancelled)).await.unwrap();
    assert_eq!(newest(&all), [id(2), id(1)]);
    let over = |state| newest(&queue::Filter { statuses: vec![state], ..all.clone() });
    assert_eq!(over(State::Cancelled), [id(0)]);
    assert_eq!(over(State::Denied), []);
    world.clock.advance(Duration::from_secs(599));
    assert_eq!(newest(&all), [id(2)]);
    assert_eq!(over(State::Expired), [id(1)]);
    assert_eq!(newest(&awaits("ada")), [id(2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_belong_to_their_list() {
    let world = world();
    for number in 0..5 {
        open(&world, number, "agent:a", 0).await;
    }
    let queue = Queue::new(world.desk.clone());
    let all = queue::Filter::default();
    let first = queue.list(&all, queue::Order::Newest, 2, None).unwrap();
    assert_eq!(first.lines.len(), 2);
    let token = first.next.unwrap();
    let other = queue::Filter { agent: Glob::new("*"), ..all.clone() };
    for (filter, order) in [(&other, queue::Order::Newest), (&all, queue::Order::Oldest)] {
        assert_eq!(queue.list(filter, order, 2, Some(&token)).map(drop), Err(NoPage::Token));
    }
    for wrong in ["x", "AAAA", &token.replace('e', "f"), &"A".repeat(1_000_000)] {
        assert_eq!(queue.list(&all, queue::Order::Newest, 2, Some(wrong)).map(drop), Err(NoPage::Token));
    }
    // Others are opened, and what was shown ends: the rest is still shown, once.
    world.clock.advance(Duration::from_secs(1));
    open(&world, 9, "agent:a", 0).await;
    let second = queue.list(&all, queue::Order::Newest, 2, Some(&token)).unwrap();
    let third = queue.list(&all, queue::Order::Newest, 2, second.next.as_deref()).unwrap();
    assert_eq!(third.next, None);
    let pages = [first.lines, second.lines, third.lines];
    let mut shown: Vec<_> = pages.iter().flatten().map(|line| line.id).collect();
    shown.sort_unstable();
    assert_eq!(shown, [id(0), id(1), id(2), id(3), id(4)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn equivalent_requests_are_one_group_and_no_others() {
    let service = Service::start().await;
    let ids = [
        service.escalate(ask("orders.delete", "db/production/orders/17", "{\"id\":17}")).await,
        service.escalate(ask("orders.delete", "db/production/orders/18", "{\"id\":18}")).await,
        service.escalate(ask("orders.delete", "db/production/bills/18", "{\"id\":18}")).await,
        service.escalate(ask("deploy.release", "db/production/orders/17", "{}")).await,
    ];
    let client = service.reviewer().await;
    let listed = client.list(Filter::default(), Order::Oldest, 10, None).await.unwrap().escalations;
    assert!(listed.iter().map(|line| &line.id).eq(&ids), "in the order that they came");
    let groups: Vec<&str> = listed.iter().map(|line| &*line.group).collect();
    assert_eq!(groups[0], groups[1]);
    assert!(groups[0] != groups[2] && groups[0] != groups[3] && groups[2] != groups[3]);
    assert!(!listed[0].rule.is_empty());
    // Each is voted on by itself.
    service.vote(&ids[0], "ada", Choice::Deny).await.unwrap();
    let listed = client.list(Filter::default(), Order::Oldest, 10, None).await.unwrap().escalations;
    assert_eq!(listed.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_by_one_agent_does_not_bury_another() {
    let secret = sha256(&[b"other"]).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let lines = format!("  - id: agent:other\n    by: {{token_sha256: {secret}}}\n");
    let service = Service::start_with(POLICY, &lines, "").await;
    for number in 0..12 {
        service.escalate(delete(number)).await;
    }
    let other = AgentClient::connect(Connect::to(service.tcp()).with_bearer("other").unwrap()).await.unwrap();
    let single = other.authorize(delete(99)).await.unwrap().pending.unwrap().escalation;
    let client = service.reviewer().await;
    let first = client.list(Filter::default(), Order::Urgent, 2, None).await.unwrap();
    assert_eq!(first.escalations[1].id, single, "the second, after one of the twelve");
    let oldest = client.list(Filter::default(), Order::Oldest, 2, None).await.unwrap();
    assert!(oldest.escalations.iter().all(|line| line.id != single));
    let mut seen = first.escalations;
    let mut next = first.next;
    while let Some(token) = next {
        let page = client.list(Filter::default(), Order::Urgent, 5, Some(token)).await.unwrap();
        seen.extend(page.escalations);
        next = page.next;
    }
    assert_eq!(seen.len(), 13);
    let wrong = client.list(Filter::default(), Order::Urgent, 5, Some("x".to_owned())).await.unwrap_err();
    assert_eq!(code(wrong), "InvalidArgument");
}

#[tokio::test(flavor = "multi_thread")]
async fn mine_is_what_i_could_decide_and_have_not() {
    let service = Service::start().await;
    let (small, large) = (service.escalate(deploy("1")).await, service.escalate(delete(1)).await);
    let mine = Filter { mine: true, ..Filter::default() };
    let anybody = service.reviewer().await;
    let refused = anybody.list(mine.clone(), Order::Newest, 10, None).await.unwrap_err();
    assert!(refused.to_string().contains("needs a person"), "{refused}");
    assert_eq!(code(anybody.watch(mine.clone()).await.map(drop).unwrap_err()), "Unauthenticated");
    let found = async |who: &str| {
        let client = with_session(&service, &sign_in(&service, who, who).await.unwrap().session).await;
        let listed = client.list(mine.clone(), Order::Oldest, 10, None).await.unwrap().escalations;
        let all = client.list(Filter::default(), Order::Oldest, 10, None).await.unwrap().escalations;
        let awaited = all.into_iter().filter(|line| line.awaits_you).map(|line| line.id).collect::<Vec<_>>();
        let ids: Vec<_> = listed.into_iter().map(|line| line.id).collect();
        assert_eq!(ids, awaited);
        ids
    };
    assert_eq!(found("ada").await, [small.clone(), large.clone()]);
    assert_eq!(found("linus").await, Vec::<String>::new(), "an engineer is not on call");
    service.vote(&large, "ada", approve(&[])).await.unwrap();
    assert_eq!(found("ada").await, std::slice::from_ref(&small));
    assert_eq!(found("grace").await, [small.clone(), large]);
    service.vote(&small, "grace", Choice::Deny).await.unwrap();
    assert_eq!(found("ada").await, Vec::<String>::new());
    let over = Filter { statuses: vec![Status::Denied], levels: Level::ALL.to_vec(), ..Filter::default() };
    let denied = anybody.list(over, Order::Newest, 10, None).await.unwrap().escalations;
    assert_eq!(denied.iter().map(|line| &line.id).collect::<Vec<_>>(), [&small]);
    assert!(!denied[0].awaits_you);
}

/// The next that is said beside heartbeats.
async fn next(watching: &mut countersign::client::Watching) -> (String, Status, u32) {
    loop {
        match watching.next().await.unwrap().expect("it ended") {
            Told::Changed(line) => return (line.id, line.status, line.approvals),
            Told::Beat(_) => {}
            Told::Missed => panic!("missed something"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_is_told_what_is_opened_voted_on_and_ended() {
    let mut service = Service::start().await;
    let client = service.reviewer().await;
    let mut all = client.watch(Filter::default()).await.unwrap();
    assert!(
        matches!(all.next().await.unwrap(), Some(Told::Beat(at)) if at > 0),
        "nothing is missed from here on"
    );
    let deletes = Filter { action: "orders.*".to_owned(), ..Filter::default() };
    let mut deletes = client.watch(deletes).await.unwrap();
    deletes.next().await.unwrap();
    let ada = sign_in(&service, "ada", "ada").await.unwrap().session;
    let linus = with_session(&service, &sign_in(&service, "linus", "linus").await.unwrap().session).await;
    let mine = Filter { mine: true, ..Filter::default() };
    let ada = with_session(&service, &ada).await;
    let mut adas = ada.watch(mine.clone()).await.unwrap();
    let mut linuses = linus.watch(mine).await.unwrap();
    assert!(matches!(adas.next().await.unwrap(), Some(Told::Beat(_))));
    assert!(matches!(linuses.next().await.unwrap(), Some(Told::Beat(_))));

    let other = service.escalate(deploy("1")).await;
    assert_eq!(next(&mut all).await, (other.clone(), Status::Pending, 0));
    assert_eq!(next(&mut adas).await, (other, Status::Pending, 0));
    let id = service.escalate(delete(1)).await;
    for watching in [&mut all, &mut deletes, &mut adas] {
        assert_eq!(next(watching).await, (id.clone(), Status::Pending, 0));
    }
    service.vote(&id, "ada", approve(&[])).await.unwrap();
    for watching in [&mut all, &mut deletes, &mut adas] {
        assert_eq!(next(watching).await, (id.clone(), Status::Pending, 1), "also to her who voted");
    }
    service.vote(&id, "grace", Choice::Deny).await.unwrap();
    for watching in [&mut all, &mut deletes, &mut adas] {
        assert_eq!(next(watching).await, (id.clone(), Status::Denied, 1), "and that it has ended");
    }

    // A proof that is not good any more ends what was begun with it, at the next news.
    ada.sign_out().await.unwrap();
    service.escalate(deploy("2")).await;
    next(&mut all).await;
    let ended = adas.next().await.unwrap_err();
    assert!(ended.to_string().contains("session.unknown"), "{ended}");

    // The service stops: everybody is let go in order.
    let told = tokio::spawn(async move {
        let mut news = Vec::new();
        while let Some(one) = linuses.next().await.unwrap() {
            news.push(one);
        }
        assert!(news.iter().all(|one| matches!(one, Told::Beat(_))), "linus has nothing to decide: {news:?}");
        while all.next().await.unwrap().is_some() {}
    });
    service.stop().await;
    told.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_watcher_holds_up_nobody_and_is_told_what_it_missed() {
    let world = world();
    let queue = Arc::new(Queue::new(world.desk.clone()));
    let mut slow = queue.watch(queue::Filter::default(), pending()).unwrap();
    let mut prompt = queue.watch(queue::Filter::default(), pending()).unwrap();
    assert!(matches!(prompt.recv().await, Some(Ok(News::Beat))));
    for number in 0..3000 {
        // Each is recorded although the slow one has not taken anything yet.
        open(&world, number, "agent:a", 0).await;
        if number % 8 == 0 {
            while matches!(prompt.try_recv(), Ok(Ok(News::Changed(_) | News::Beat | News::Missed))) {}
        }
    }
    assert_eq!(world.store.open().unwrap().len(), 3000);
    let mut changed = 0;
    let missed = loop {
        match slow.recv().await.unwrap().unwrap() {
            News::Beat => {}
            News::Changed(_) => changed += 1,
            News::Missed => break changed,
        }
    };
    assert!(missed < 1500, "{missed} waited for a reader who took none");
}

#[tokio::test(flavor = "multi_thread")]
async fn places_to_watch_are_counted_and_given_back() {
    let world = world();
    let queue = Arc::new(Queue::new(world.desk.clone()));
    let watch = || queue.watch(queue::Filter::default(), pending());
    let mut watching: Vec<_> = (0..queue::MAX_WATCHERS).map(|_| watch().unwrap()).collect();
    assert!(watch().is_err());
    watching.truncate(1);
    // The tasks that held the others' places end now, and so does this one's.
    drop(patient(|| watch().ok()).await);
    let mut stopped = patient(|| queue.watch(queue::Filter::default(), async {}).ok()).await;
    while let Some(Ok(news)) = stopped.recv().await {
        assert!(matches!(news, News::Beat));
    }
}

/// Tries until there is room.
async fn patient<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        tokio::task::yield_now().await;
    }
}
