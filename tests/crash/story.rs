//! Two hundred kills: ten folders, each through twenty lives of its server.

use crate::chance::Chance;
use crate::check::Sample;
use crate::ledger::Ledger;
use crate::load::{self, BEARERS, Connections, World};
use crate::record;
use crate::server::{Server, let_go_of_locks, start};
use crate::support::{FLEET, POLICY, Service};
use countersign::digest::sha256;
use countersign::replay::journal::JournalGuard;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const FOLDERS: u64 = 10;
const KILLS: u64 = 20;

#[derive(Default)]
struct Totals {
    kills: AtomicU64,
    answers: AtomicU64,
    votes: AtomicU64,
    escalations: AtomicU64,
    consumed: AtomicU64,
    slowest_start_ms: AtomicU64,
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_used_twice_when_the_server_is_killed() {
    let seed = Chance::seed("kills of the server");
    let (totals, next) = (Totals::default(), AtomicU64::new(0));
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = Runtime::new().unwrap();
                loop {
                    let folder = next.fetch_add(1, Ordering::SeqCst);
                    if folder >= FOLDERS {
                        break;
                    }
                    live_and_die(&runtime, seed.wrapping_add(folder), &totals);
                }
            });
        }
    });
    let Totals { kills, answers, votes, escalations, consumed, slowest_start_ms } = totals;
    println!(
        "{kills:?} kills in {:.1} s: {answers:?} answers, {escalations:?} escalations, {votes:?} votes and \
         {consumed:?} uses were acknowledged, and none was lost; the slowest start took {slowest_start_ms:?} ms",
        begin.elapsed().as_secs_f32()
    );
    assert_eq!(kills.into_inner(), FOLDERS * KILLS);
    for acknowledged in [answers, votes, escalations, consumed] {
        assert!(acknowledged.into_inner() > FOLDERS * KILLS / 2, "there was hardly any load");
    }
}

/// All lives of the server on one folder.
fn live_and_die(runtime: &Runtime, seed: u64, totals: &Totals) {
    let service = Service::prepare(POLICY, &bearers(), "");
    let folder = service.folder.path();
    let guard = service.path("used");
    let world = Arc::new(World {
        ledger: Ledger::new(),
        chance: Chance::new(seed),
        verifier: service.verifier(FLEET),
        guard: JournalGuard::open(&guard).unwrap(),
    });
    let mut checked = 0;
    let mut usual_start = Duration::from_millis(100);
    let mut log = None;
    for life in 0..KILLS {
        if life > 0 && world.chance.one_in(6) {
            let mut server = Server::spawn(folder);
            let range = u64::try_from(usual_start.as_micros()).unwrap();
            std::thread::sleep(Duration::from_micros(world.chance.below(range)));
            server.kill();
        } else {
            let (mut server, tcp, took) = start(folder);
            usual_start = took;
            totals.slowest_start_ms.fetch_max(u64::try_from(took.as_millis()).unwrap(), Ordering::Relaxed);
            world.ledger.revive();
            let connections = runtime.block_on(Connections::open(folder, &tcp)).unwrap();
            let sample = Sample::recent(&world.ledger, &world.chance, checked);
            checked = world.ledger.known().answers.len();
            runtime.block_on(sample.check(&connections));
            let load = runtime.spawn(load::run(world.clone(), connections, life));
            runtime.block_on(random_point(&world));
            // Said before it is done, or a call that fails at once would look like a fault.
            world.ledger.expect_kill();
            server.kill();
            runtime.block_on(load).unwrap();
        }
        totals.kills.fetch_add(1, Ordering::Relaxed);
        let_go_of_locks();
        log = Some(record::check_log(&service.path("data"), &world.ledger.known(), log));
    }
    let (mut server, tcp, _) = start(folder);
    let everything = Sample::all(&world.ledger);
    assert!(everything.len() > 0);
    runtime.block_on(async { everything.check(&Connections::open(folder, &tcp).await.unwrap()).await });
    server.kill();

    let World { ledger, verifier, guard: open, chance } =
        Arc::into_inner(world).expect("everybody has gone home");
    drop(open);
    let_go_of_locks();
    record::check(&service.path("data"), &ledger.known());
    count(totals, &ledger);
    // A new executor on the old folder lets nothing through that the old one did.
    let world = World { ledger, verifier, chance, guard: JournalGuard::open(&guard).unwrap() };
    let before = world.ledger.known().consumed.len();
    let tokens: Vec<_> =
        world.ledger.known().answers.iter().rev().filter_map(|a| a.grant.clone()).take(50).collect();
    for token in &tokens {
        load::present(&world, token);
    }
    assert_eq!(world.ledger.known().consumed.len(), before);
}

/// A moment after so much time, or right when so much has been acknowledged.
async fn random_point(world: &World) {
    if world.chance.one_in(2) {
        tokio::time::sleep(Duration::from_micros(world.chance.below(150_000))).await;
        return;
    }
    let (count, mut acknowledged) = (1 + world.chance.below(80), world.ledger.acknowledged());
    let reached = acknowledged.wait_for(|so_far| *so_far >= count);
    let _ = tokio::time::timeout(Duration::from_secs(2), reached).await;
}

fn count(totals: &Totals, ledger: &Ledger) {
    let known = ledger.known();
    let votes: usize = known.cases.values().map(|case| case.votes.len()).sum();
    for (total, more) in [
        (&totals.answers, known.answers.len()),
        (&totals.votes, votes),
        (&totals.escalations, known.cases.len()),
        (&totals.consumed, known.consumed.len()),
    ] {
        total.fetch_add(more as u64, Ordering::Relaxed);
    }
}

/// The configuration's lines for the agents on TCP.
pub(crate) fn bearers() -> String {
    let line = |token: &&str| {
        let hash: String = sha256(&[token.as_bytes()]).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("  - id: \"agent:{}\"\n    by: {{token_sha256: {hash}}}\n", token.replace(' ', "-"))
    };
    BEARERS.iter().map(line).collect()
}
