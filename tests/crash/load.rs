//! Agents, reviewers and an executor, all at once, until the server is gone.

use crate::chance::Chance;
use crate::ledger::Ledger;
use crate::support::{ask, cast, delete, deploy, key, presented, read, statement};
use countersign::client::{AgentClient, Ask, ClientError, Connect, Grant, ReviewClient, Status, Target};
use countersign::clock::{Clock as _, SystemClock};
use countersign::condition::ExecutionFacts;
use countersign::escalation::vote::{Choice, Conditions};
use countersign::replay::journal::JournalGuard;
use countersign::token::{UnverifiedToken, Verifier};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The bearer tokens of the agents on TCP; the agent of number 0 is known by its uid on the socket.
pub(crate) const BEARERS: [&str; 2] = ["second agent", "third agent"];
/// How many agents there are.
pub(crate) const AGENTS: usize = 1 + BEARERS.len();
/// How many escalations of one agent may be under way.
const CASES: usize = 6;

/// Everything that the load is made with.
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) chance: Chance,
    pub(crate) verifier: Verifier,
    pub(crate) guard: JournalGuard,
}

/// The connections of one life of the server.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) agents: Vec<AgentClient>,
    pub(crate) reviewer: ReviewClient,
}

impl Connections {
    pub(crate) async fn open(folder: &Path, tcp: &Target) -> Result<Self, ClientError> {
        let socket = Connect::to(Target::Unix(folder.join("agent.sock")));
        let mut agents = vec![AgentClient::connect(socket).await?];
        for bearer in BEARERS {
            let connect = Connect::to(tcp.clone()).with_bearer(bearer)?;
            agents.push(AgentClient::connect(connect).await?);
        }
        let reviewer = ReviewClient::connect(Connect::to(Target::Unix(folder.join("review.sock")))).await?;
        Ok(Self { agents, reviewer })
    }
}

/// What came of a call; a failure counts as one only while the server is meant to live.
fn survived<T>(world: &World, result: Result<T, ClientError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(_) if world.ledger.is_killed() => None,
        Err(error) => panic!("a call failed while the server was alive: {error:?}"),
    }
}

/// Keeps everybody busy until the server is gone.
pub(crate) async fn run(world: Arc<World>, connections: Connections, life: u64) {
    let mut everybody = JoinSet::new();
    for agent in 0..AGENTS {
        everybody.spawn(busy(world.clone(), connections.clone(), agent, life));
    }
    let open: Vec<(String, usize)> = {
        let known = world.ledger.known();
        let open = known.cases.iter().filter(|(_, case)| {
            case.status.is_none_or(|status| matches!(status, Status::Pending | Status::Approved))
        });
        open.map(|(id, case)| (id.clone(), case.agent)).take(12).collect()
    };
    for (id, agent) in open {
        everybody.spawn(case(world.clone(), connections.clone(), agent, id));
    }
    while let Some(ended) = everybody.join_next().await {
        ended.unwrap();
    }
}

/// One agent: asks, asks again, and follows what it asked for.
async fn busy(world: Arc<World>, connections: Connections, agent: usize, life: u64) {
    let room = Arc::new(Semaphore::new(CASES));
    let mut cases = JoinSet::new();
    let lost: Vec<Ask> = {
        let mut known = world.ledger.known();
        let (mine, others) =
            std::mem::take(&mut known.unanswered).into_iter().partition(|(of, _)| *of == agent);
        known.unanswered = others;
        let mine: Vec<(usize, Ask)> = mine;
        mine.into_iter().map(|(_, ask)| ask).collect()
    };
    let mut lost = lost.into_iter();
    for number in 0_u64.. {
        // What got no answer in the last life is asked for again under its old request id.
        let again = lost.next();
        let permit = room.clone().try_acquire_owned().ok();
        let next = again.unwrap_or_else(|| {
            let request_id = format!("{life}-{agent}-{number}");
            Ask { request_id, ..something(&world.chance, permit.is_some(), number) }
        });
        let client = &connections.agents[agent];
        let Some(answer) = survived(&world, client.authorize(next.clone()).await) else {
            world.ledger.unanswered(agent, next);
            for ask in lost {
                world.ledger.unanswered(agent, ask);
            }
            break;
        };
        world.ledger.answered(agent, &next, answer.clone());
        if let Some(grant) = answer.grant.clone() {
            let world = world.clone();
            cases.spawn(async move { execute(world, grant).await });
        }
        if let Some(pending) = answer.pending.clone() {
            let work = case(world.clone(), connections.clone(), agent, pending.escalation);
            cases.spawn(async move {
                work.await;
                drop(permit);
            });
        }
        if world.chance.one_in(4) {
            let Some(same) = survived(&world, client.authorize(next).await) else { break };
            assert_eq!(
                (same.decision, same.grant, same.pending),
                (answer.decision, answer.grant, answer.pending)
            );
        }
    }
    while let Some(ended) = cases.join_next().await {
        ended.unwrap();
    }
}

/// An operation that runs by itself, needs one person, needs two, or never runs.
fn something(chance: &Chance, escalating: bool, number: u64) -> Ask {
    match chance.below(20) {
        0..=4 if escalating => deploy(&number.to_string()),
        5..=9 if escalating => delete(u32::try_from(number).unwrap()),
        // Rarely: an agent that is often denied is trusted less, and then nothing runs by itself.
        10 if number > 20 => ask("orders.delete", "db/production/customers", r#"{"filter":"*"}"#),
        _ => read(),
    }
}

/// One escalation: its agent follows, two people vote at the same time, and sometimes it is withdrawn.
async fn case(world: Arc<World>, connections: Connections, agent: usize, id: String) {
    let withdrawn = world.chance.one_in(6);
    tokio::join!(
        follow(&world, &connections, agent, &id),
        vote(&world, &connections, &id, "ada"),
        vote(&world, &connections, &id, "grace"),
        async {
            if withdrawn {
                tokio::time::sleep(Duration::from_millis(world.chance.below(40))).await;
                cancel(&world, &connections, agent, &id).await;
            }
        },
    );
}

async fn follow(world: &Arc<World>, connections: &Connections, agent: usize, id: &str) {
    let following = connections.agents[agent].follow(id).await;
    let Some(mut following) = survived(world, following) else { return };
    while let Some(progress) = survived(world, following.next().await).flatten() {
        world.ledger.stands(id, progress.status, progress.grant.as_ref());
        if let Some(grant) = progress.grant {
            execute(world.clone(), grant).await;
        }
    }
}

async fn vote(world: &World, connections: &Connections, id: &str, who: &str) {
    if world.ledger.known().cases[id].votes.contains_key(who) {
        return;
    }
    let Some(shown) = survived(world, connections.reviewer.show(id).await) else { return };
    let choice = match world.chance.below(8) {
        0 => Choice::Deny,
        1..=3 => {
            let canary = countersign::condition::Condition::parse_short("canary:max_percent=10").unwrap();
            Choice::Approve(Conditions::new(&[canary]).unwrap())
        }
        _ => Choice::Approve(Conditions::new(&[]).unwrap()),
    };
    let approves = matches!(choice, Choice::Approve(_));
    let statement = statement(&shown, who, choice);
    let voted = cast(&connections.reviewer, id, &key(who), &statement).await;
    // Somebody else ended it, or this person's vote counted in the last life and nobody could say so.
    if matches!(&voted, Err(ClientError::Refused { code, .. }) if code == "PermissionDenied") {
        return;
    }
    if let Some(status) = survived(world, voted) {
        world.ledger.voted(id, who, approves, status);
    }
}

async fn cancel(world: &World, connections: &Connections, agent: usize, id: &str) {
    let cancelled = connections.agents[agent].cancel(id, "not needed any more").await;
    if matches!(&cancelled, Err(ClientError::Refused { code, .. }) if code == "FailedPrecondition") {
        return;
    }
    if let Some(status) = survived(world, cancelled) {
        world.ledger.stands(id, status, None);
    }
}

/// Two threads of the executor present the token at once: one of them at most is let through, ever.
async fn execute(world: Arc<World>, grant: Grant) {
    let mut threads = JoinSet::new();
    for _ in 0..2 {
        let (world, grant) = (world.clone(), grant.clone());
        threads.spawn_blocking(move || present(&world, &grant));
    }
    while let Some(ended) = threads.join_next().await {
        ended.unwrap();
    }
}

/// Presents a token to the executor and notes if it is let through.
pub(crate) fn present(world: &World, grant: &Grant) {
    let certificates: Vec<&str> = grant.certificates.iter().map(String::as_str).collect();
    let evidence: Vec<&[u8]> = grant.evidence.iter().map(Vec::as_slice).collect();
    let facts = ExecutionFacts { targets: Some(1), all_targets: Some(10), ..ExecutionFacts::default() };
    let presented = presented(grant, &certificates, &evidence, &facts);
    match world.verifier.verify(presented, SystemClock::start().now(), &world.guard) {
        Ok(_) => world.ledger.consumed(&jti(grant)),
        Err(refusal) => assert_eq!(refusal.code(), "replay", "{refusal}"),
    }
}

/// The token's single-use key.
pub(crate) fn jti(grant: &Grant) -> String {
    let claims = UnverifiedToken::inspect(&grant.token).unwrap().claims;
    claims.as_object().unwrap().get("jti").unwrap().as_str().unwrap().to_owned()
}
