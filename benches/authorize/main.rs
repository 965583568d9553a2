//! Authorize as an agent meets it, beside an empty call of the same size and one synced append in the same run.
//!
//! `cargo bench --bench authorize [-- [load] [votes] [process] [telemetry] [--json] [--in FOLDER] [--rival SOCKET METHOD FILE]]`,
//! FOLDER being on the disk in question. A rival is another gRPC service on a Unix socket, which gets the message in
//! FILE, over METHOD, in the same rounds. Everything is real: the starter policy, the risk, the signature, and the record synced before the answer.
//! Service and load share the machine. The load is a closed loop of raw bytes over a few connections, so that what is
//! compared is the service and not the client's protobuf. Rounds of the empty call and of Authorize take turns; a
//! figure is the median of its rounds, a ratio the median of the rounds' ratios. The processor time of a call, client
//! and service together, is told too: it says what a call costs where others keep the machine busy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark says what it expects"
)]

mod load;
mod process;
mod stage;
mod telemetry;

use bytes::Bytes;
use countersign::audit::event::Event;
use countersign::client::Status;
use countersign::journal::{self, Journal};
use countersign::serve::start;
use countersign::store::Store as _;
use countersign::store::embedded::{EmbeddedStore, Options};
use load::{Caller, Empty, Measured, Place, median, processor_time};
use process::AUTHORIZE;
use serde_json::{Value, json};
use stage::{Stage, allows, approval, deploy, wire_request, wire_request_id};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const IN_FLIGHT: [usize; 4] = [1, 8, 64, 256];
const EMPTY: &str = "/bench.Empty/Call";
/// Connections of one load, or fewer where less is in flight.
const CONNECTIONS: usize = 4;

/// How long and how often.
#[derive(Clone, Copy)]
struct Plan {
    lasting: Duration,
    rounds: usize,
    votes: u64,
    records: u64,
    waits: u32,
}

const MEASURING: Plan =
    Plan { lasting: Duration::from_millis(600), rounds: 5, votes: 200, records: 100_000, waits: 1000 };
/// Whether it runs at all.
const TRYING: Plan = Plan { lasting: Duration::from_millis(20), rounds: 1, votes: 3, records: 256, waits: 3 };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |name: &str| arguments.iter().any(|argument| argument == name);
    let folder = arguments.iter().skip_while(|argument| *argument != "--in").nth(1).map(String::as_str);
    let plan = if given("--bench") { MEASURING } else { TRYING };
    let parts = ["load", "votes", "process", "telemetry"];
    let all = !parts.into_iter().any(given);
    // The agents' side has threads of its own, as it would have in another process.
    let (service, agents) = (runtime("service"), runtime("agents"));
    let mut document = json!({});
    if all || given("load") {
        let (message, size) = agents.block_on(sizes(folder));
        document["sizes"] = size;
        let mut rival = arguments.iter().skip_while(|argument| *argument != "--rival").skip(1);
        let rival = rival.next().map(|socket| {
            let (method, file) = (rival.next().unwrap().clone(), rival.next().unwrap());
            Rival {
                at: Place::Unix(socket.into()),
                method: method.leak(),
                message: std::fs::read(file).unwrap(),
            }
        });
        document["calls"] = load(&service, &agents, folder, plan, &message, rival.as_ref());
    }
    if all || given("votes") {
        document["votes"] = votes(&service, &agents, folder, plan.votes);
    }
    if all || given("process") {
        document["process"] = agents.block_on(process::measure(folder, plan.records, plan.waits));
    }
    if all || given("telemetry") {
        document["telemetry"] = agents.block_on(telemetry::measure(folder, plan.lasting, plan.rounds));
    }
    if given("--json") {
        println!("{document:#}");
    } else {
        print(&document);
    }
}

fn runtime(name: &str) -> Runtime {
    tokio::runtime::Builder::new_multi_thread().thread_name(name).enable_all().build().unwrap()
}

/// Another service, beside which ours is measured.
struct Rival {
    at: Place,
    method: &'static str,
    message: Vec<u8>,
}

/// One answer, and the two records that it leaves in the log: what the floors have to carry too.
struct Message {
    answer: Bytes,
    records: Vec<Vec<u8>>,
}

async fn sizes(folder: Option<&str>) -> (Message, Value) {
    let stage = Stage::set(folder);
    let running = start(&stage.config()).await.unwrap();
    let place = Place::Unix(stage.path("agent.sock"));
    let caller = Caller::new(&place, 1, AUTHORIZE, wire_request(), allows).await;
    let answer = caller.with_unique(wire_request_id).call(0).await;
    running.stop().await.unwrap();
    let (store, opened) = EmbeddedStore::open(&stage.config().data, Options::default()).unwrap();
    let mut records = Vec::new();
    for index in 0..opened.records {
        let record = store.record(index).unwrap();
        if matches!(record.event, Event::Decided(_) | Event::Minted(_)) {
            records.push(record.to_canonical().unwrap());
        }
    }
    assert_eq!(records.len(), 2);
    let size = json!({
        "request_bytes": wire_request().len() + wire_request_id("request-0000000000000000").len(),
        "answer_bytes": answer.len(),
        "decision_record_bytes": records[0].len(),
        "mint_record_bytes": records[1].len(),
    });
    (Message { answer, records }, size)
}

/// One append of both records and its sync, over and over, with nothing else under way.
fn append(journal: &mut Journal, records: &[Vec<u8>], lasting: Duration) -> Measured {
    let (mut took, begin, processor) = (Vec::new(), Instant::now(), processor_time());
    while begin.elapsed() < lasting {
        let start = Instant::now();
        journal.append_group(records).unwrap();
        took.push(start.elapsed());
    }
    Measured::of(took, begin.elapsed(), processor_time() - processor)
}

fn load(
    service: &Runtime,
    agents: &Runtime,
    folder: Option<&str>,
    plan: Plan,
    message: &Message,
    rival: Option<&Rival>,
) -> Value {
    let stage = Stage::set(folder);
    let running = service.block_on(start(&stage.config())).unwrap();
    let empty_socket = stage.path("empty.sock");
    let empty_tcp = service.block_on(Empty(message.answer.clone()).serve(empty_socket.clone()));
    let tcp = Place::Tcp(format!("http://{}", running.addresses().agent_tcp.unwrap()));
    let places =
        [("unix", Place::Unix(empty_socket), Place::Unix(stage.path("agent.sock"))), ("tcp", empty_tcp, tcp)];
    let (mut journal, _) = Journal::open(&stage.path("floor"), journal::Options::default()).unwrap();
    let mut rows = Vec::new();
    for (transport, empty_at, service_at) in &places {
        for in_flight in IN_FLIGHT {
            let connections = in_flight.min(CONNECTIONS);
            let new = |place, method, accepts| {
                let caller =
                    agents.block_on(Caller::new(place, connections, method, wire_request(), accepts));
                caller.with_unique(wire_request_id)
            };
            let empty = Arc::new(new(empty_at, EMPTY, |_| true));
            let named = Arc::new(new(service_at, AUTHORIZE, allows));
            let nameless =
                agents.block_on(Caller::new(service_at, connections, AUTHORIZE, wire_request(), allows));
            let nameless = Arc::new(nameless);
            let rival = rival.filter(|_| *transport == "unix").map(|Rival { at, method, message }| {
                let caller =
                    Caller::new(at, connections, method, message.clone(), |answer| !answer.is_empty());
                Arc::new(agents.block_on(caller))
            });
            let run = |caller: &Arc<Caller>| agents.block_on(caller.load(in_flight, plan.lasting));
            let mut measured = [const { Vec::new() }; 4];
            let mut rivals = Vec::new();
            for round in 0..=plan.rounds {
                let ours = [
                    run(&empty),
                    run(&named),
                    run(&nameless),
                    append(&mut journal, &message.records, plan.lasting / 2),
                ];
                let theirs = rival.as_ref().map(run);
                // The first round warms up.
                if round > 0 || plan.rounds == 1 {
                    rivals.extend(theirs);
                    measured.iter_mut().zip(ours).for_each(|(all, figure)| all.push(figure));
                }
            }
            let mut row = row(transport, in_flight, &measured);
            if !rivals.is_empty() {
                row["rival"] = figures(&rivals);
            }
            rows.push(row);
        }
    }
    service.block_on(running.stop()).unwrap();
    Value::from(rows)
}

fn figures(rounds: &[Measured]) -> Value {
    let Measured { rate, p50, p99, processor } = Measured::median(rounds);
    json!({ "per_second": rate, "p50_us": p50, "p99_us": p99, "processor_us": processor })
}

fn row(transport: &str, in_flight: usize, [empty, named, nameless, append]: &[Vec<Measured>; 4]) -> Value {
    let work = |rounds: &[Measured]| {
        median(rounds.iter().zip(empty).map(|(one, empty)| empty.processor / one.processor).collect())
    };
    let ratio = |rounds: &[Measured]| {
        median(rounds.iter().zip(empty).map(|(one, empty)| one.rate / empty.rate).collect())
    };
    let floors = empty.iter().zip(append).map(|(empty, append)| empty.p50 + append.p50);
    let above_floors = named.iter().zip(floors).map(|(named, floor)| named.p50 / floor).collect();
    json!({
        "transport": transport,
        "in_flight": in_flight,
        "empty": figures(empty),
        "authorize": figures(named),
        "authorize_without_request_id": figures(nameless),
        "one_append": figures(append),
        "rate_of_empty": ratio(named),
        "work_of_empty": work(named),
        "rate_of_empty_without_request_id": ratio(nameless),
        "p50_of_empty_and_append": median(above_floors),
    })
}

/// From sending the deciding vote until the agent that waits holds the token. The vote's signature is checked and
/// recorded, the claim and the mint are recorded, and the token is signed, in between.
fn votes(service: &Runtime, agents: &Runtime, folder: Option<&str>, votes: u64) -> Value {
    let stage = Stage::set(folder);
    let running = service.block_on(start(&stage.config())).unwrap();
    let begin = Instant::now();
    let (recorded, held) = agents.block_on(async {
        let (agent, reviewer) = (stage.agent().await, stage.reviewer().await);
        let (mut recorded, mut held) = (Vec::new(), Vec::new());
        for salt in 0..votes {
            let id = agent.authorize(deploy()).await.unwrap().pending.unwrap().escalation;
            let mut following = agent.follow(&id).await.unwrap();
            assert_eq!(following.next().await.unwrap().unwrap().status, Status::Pending);
            let (bytes, signature) = approval(&reviewer, &id, salt).await;
            let sent = Instant::now();
            let waiting = tokio::spawn(async move {
                let progress = following.next().await.unwrap().unwrap();
                assert!(progress.grant.is_some(), "{:?}", progress.status);
                Instant::now()
            });
            reviewer.vote(&id, bytes, signature).await.unwrap();
            let answered = Instant::now();
            let got = waiting.await.unwrap();
            recorded.push(got.saturating_duration_since(answered));
            held.push(got.duration_since(sent));
        }
        (recorded, held)
    });
    service.block_on(running.stop()).unwrap();
    let of = |took| Measured::of(took, begin.elapsed(), Duration::ZERO);
    let (recorded, held) = (of(recorded), of(held));
    json!({
        "votes": votes,
        "sent_to_token": { "p50_us": held.p50, "p99_us": held.p99 },
        "vote_answered_to_token": { "p50_us": recorded.p50, "p99_us": recorded.p99 },
    })
}

fn print(document: &Value) {
    if let Some(calls) = document["calls"].as_array() {
        println!("sizes: {}", document["sizes"]);
        for row in calls {
            println!("\n{} socket, {} in flight", row["transport"].as_str().unwrap(), row["in_flight"]);
            for what in ["empty", "one_append", "authorize", "authorize_without_request_id", "rival"] {
                if row[what].is_null() {
                    continue;
                }
                let part = |name: &str| row[what][name].as_f64().unwrap();
                println!(
                    "  {what:<30} {:>8.0}/s   p50 {:>7.0} µs   p99 {:>7.0} µs   processor {:>6.1} µs",
                    part("per_second"),
                    part("p50_us"),
                    part("p99_us"),
                    part("processor_us")
                );
            }
            println!(
                "  of the empty call's rate: {:.3} (by processor time {:.3}), without request id {:.3};   p50 of empty + \
                 append: {:.2}",
                row["rate_of_empty"].as_f64().unwrap(),
                row["work_of_empty"].as_f64().unwrap(),
                row["rate_of_empty_without_request_id"].as_f64().unwrap(),
                row["p50_of_empty_and_append"].as_f64().unwrap()
            );
        }
    }
    for part in ["votes", "process", "telemetry"] {
        if document[part].is_object() {
            println!("\n{part}: {:#}", document[part]);
        }
    }
}
