//! A restart on a hundred thousand records, or on as many as `COUNTERSIGN_RESTART_RECORDS` says: nothing is missing,
//! and how long it takes is printed.

use crate::chance::Chance;
use crate::load::Connections;
use crate::server::{Server, let_go_of_locks, start};
use crate::support::{Service, approve, ask, delete, deploy, read};
use countersign::audit::event::{Event, Record};
use countersign::client::{Ask, Filter, Order, Status, Target};
use countersign::digest::{VoteDigest, sha256};
use countersign::escalation::Event as Step;
use countersign::journal::{Journal, Options};
use countersign::party::{EscalationId, TokenId, TxnId};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const GROUP: usize = 500;
/// Far above what it takes: it is only there to catch what hangs.
const BOUND: Duration = Duration::from_secs(30);
const REBUILD_BOUND: Duration = Duration::from_secs(180);

/// A story as it was recorded, of which copies can be made that differ in every id.
struct Story {
    records: Vec<Vec<Part>>,
    ids: Vec<String>,
    /// The votes as they were stated: they name their escalation, and approvals name their digests.
    statements: Vec<String>,
}

/// A piece of a record.
enum Part {
    Same(String),
    /// The id, or else the digest, of this number.
    Own(usize),
}

impl Story {
    /// What stands in the original.
    fn names(ids: &[String], statements: &[String]) -> Vec<String> {
        ids.iter().cloned().chain(statements.iter().map(|text| digest_of(text))).collect()
    }

    fn new(records: &[String], ids: Vec<String>, statements: Vec<String>) -> Self {
        let names = Self::names(&ids, &statements);
        let records = records.iter().map(|record| parts(record, &names)).collect();
        Self { records, ids, statements }
    }

    /// What stands in a copy, at the places of the original's.
    fn names_of(&self, copy: u64) -> Vec<String> {
        let ids: Vec<String> = self.ids.iter().map(|id| fresh(id, copy)).collect();
        let renamed = |text: &String| {
            let pairs = self.ids.iter().zip(&ids);
            pairs.fold(text.clone(), |text, (old, new)| text.replace(old, new))
        };
        let statements: Vec<String> = self.statements.iter().map(renamed).collect();
        Self::names(&ids, &statements)
    }

    fn copy(&self, copy: u64) -> Vec<String> {
        let names = self.names_of(copy);
        let text = |part: &Part| match part {
            Part::Same(text) => text.clone(),
            Part::Own(name) => names[*name].clone(),
        };
        self.records.iter().map(|record| record.iter().map(text).collect()).collect()
    }
}

fn parts(record: &str, names: &[String]) -> Vec<Part> {
    let (mut parts, mut rest) = (Vec::new(), record);
    let next =
        |rest: &str| names.iter().enumerate().filter_map(|(n, name)| Some((rest.find(name)?, n))).min();
    while let Some((at, name)) = next(rest) {
        let (same, after) = rest.split_at(at);
        parts.extend([Part::Same(same.to_owned()), Part::Own(name)]);
        rest = after.strip_prefix(names[name].as_str()).unwrap();
    }
    parts.push(Part::Same(rest.to_owned()));
    parts
}

fn digest_of(statement: &str) -> String {
    VoteDigest::from_bytes(sha256(&[statement.as_bytes()])).to_string()
}

fn fresh(id: &str, copy: u64) -> String {
    let hash = sha256(&[id.as_bytes(), &copy.to_be_bytes()]);
    let bits: [u8; 16] = hash[..16].try_into().unwrap();
    if TxnId::parse(id).is_some() {
        TxnId::from_random(bits).to_string()
    } else if EscalationId::parse(id).is_some() {
        EscalationId::from_random(bits).to_string()
    } else if TokenId::parse(id).is_some() {
        TokenId::from_random(bits).to_string()
    } else {
        // A request id.
        format!("{id}-{copy:08}")
    }
}

fn request(name: &str) -> String {
    format!("request:{name}")
}

/// Plays everything once: run at once, approved by one and by two and claimed, turned down.
async fn play(service: &Service) {
    let agent = service.agent().await;
    let named = |name: &str, ask: Ask| Ask { request_id: request(name), ..ask };
    for name in ["first", "second", "third"] {
        agent.authorize(named(name, read())).await.unwrap();
    }
    let one = service.escalate(named("one", deploy("1"))).await;
    service.vote(&one, "ada", approve(&["canary:max_percent=10"])).await.unwrap();
    assert_eq!(service.end_of(&one).await.status, Status::Claimed);
    let two = service.escalate(named("two", delete(1))).await;
    service.vote(&two, "ada", approve(&[])).await.unwrap();
    service.vote(&two, "grace", approve(&[])).await.unwrap();
    assert_eq!(service.end_of(&two).await.status, Status::Claimed);
    let down = service.escalate(named("down", delete(2))).await;
    service.vote(&down, "ada", countersign::escalation::vote::Choice::Deny).await.unwrap();
}

/// Reads what was recorded after `from`, with its ids.
fn recorded(journal: &Path, from: u64) -> Story {
    let (journal, opened) = Journal::open(journal, Options::default()).unwrap();
    let records: Vec<String> = journal
        .reader()
        .iter_from(from)
        .map(|record| String::from_utf8(record.unwrap().1).unwrap())
        .take(usize::try_from(opened.records.end - from).unwrap())
        .filter(|record| !record.contains(r#""kind":"stopped""#))
        .collect();
    let (mut ids, mut statements) = (Vec::new(), Vec::new());
    for record in &records {
        let record: Value = serde_json::from_str(record).unwrap();
        for member in ["txn", "jti", "id", "request_id"] {
            let id = record.get(member).and_then(Value::as_str).map(ToOwned::to_owned);
            ids.extend(id.filter(|id| !ids.contains(id)));
        }
        if let Ok(Record { event: Event::Escalation { step: Step::Voted(cast), .. }, .. }) =
            serde_json::from_value(record)
        {
            statements.push(cast.statement.to_text());
        }
    }
    // Not the lines of the start, which have no ids.
    let records: Vec<String> =
        records.into_iter().filter(|record| ids.iter().any(|id| record.contains(id.as_str()))).collect();
    assert!(statements.iter().any(|text| records.iter().any(|record| record.contains(&digest_of(text)))));
    Story::new(&records, ids, statements)
}

/// Appends copies until there are enough records; says how many copies, and the digest of everything.
fn grow(journal: &Path, story: &Story) -> (u64, [u8; 32], u64) {
    let (mut journal, _) = Journal::open(journal, Options::default()).unwrap();
    let mut copies = 0;
    let mut group = Vec::new();
    let asked = std::env::var("COUNTERSIGN_RESTART_RECORDS").ok().and_then(|text| text.parse().ok());
    let records: u64 = asked.unwrap_or(100_000);
    while journal.next_index() < records {
        group.extend(story.copy(copies));
        copies += 1;
        if group.len() >= GROUP {
            journal.append_group(&group).unwrap();
            group.clear();
        }
    }
    journal.append_group(&group).unwrap();
    (copies, digest(&journal, journal.next_index()), journal.next_index())
}

/// Of the first `count` records, each after the digest of those before it.
fn digest(journal: &Journal, count: u64) -> [u8; 32] {
    let records = journal.reader().iter_from(0).take(usize::try_from(count).unwrap());
    records.fold([0; 32], |chain, record| sha256(&[&chain, &record.unwrap().1]))
}

/// Some copies, wherever they are, are what they were: found by request, by escalation, and whole.
async fn sample(folder: &Path, tcp: &Target, story: &Story, chance: &Chance, copies: u64) {
    let connections = Connections::open(folder, tcp).await.unwrap();
    let agent = &connections.agents[0];
    let asks = [("first", read()), ("one", deploy("1")), ("two", delete(1)), ("down", delete(2))];
    for _ in 0..10 {
        let copy = chance.below(copies);
        let names = story.names_of(copy);
        for (name, ask) in asks.clone() {
            let request_id = format!("{}-{copy:08}", request(name));
            let answer = agent.authorize(Ask { request_id, ..ask }).await.unwrap();
            assert!(names.contains(&answer.decision), "{name} of {copy} was decided anew");
            let Some(pending) = answer.pending else { continue };
            let (status, votes) = match name {
                "one" => (Status::Claimed, 1),
                "two" => (Status::Claimed, 2),
                _ => (Status::Denied, 1),
            };
            let shown = connections.reviewer.show(&pending.escalation).await.unwrap();
            assert_eq!((shown.summary.status, shown.votes.len()), (status, votes), "{name} of {copy}");
        }
    }
}

#[test]
fn a_hundred_thousand_records_are_there_after_a_kill() {
    let chance = Chance::new(Chance::seed("restarts"));
    let runtime = Runtime::new().unwrap();
    let (service, before) = runtime.block_on(async {
        let room = "version: 1\nescalations: {open_per_agent: 1000}\n";
        let policy = crate::support::POLICY.replacen("version: 1\n", room, 1);
        let mut service = Service::start_with(&policy, &crate::story::bearers(), "").await;
        for version in 0..20 {
            service.escalate(Ask { request_id: format!("open-{version}"), ..deploy("open") }).await;
        }
        // Once: an agent that is denied a thousand times is trusted with nothing.
        let never = ask("orders.delete", "db/production/customers", r#"{"filter":"*"}"#);
        service.agent().await.authorize(never).await.unwrap();
        service.stop().await;
        let_go_of_locks();
        let before = count(&service.path("data/journal"));
        let_go_of_locks();
        service.run().await;
        play(&service).await;
        service.stop().await;
        let_go_of_locks();
        (service, before)
    });
    let begin = Instant::now();
    let (folder, journal) = (service.folder.path(), service.path("data/journal"));
    let story = recorded(&journal, before);
    let_go_of_locks();
    let (copies, digest_before, total) = grow(&journal, &story);
    let_go_of_locks();
    println!("{total} records written in {:.1} s", begin.elapsed().as_secs_f32());
    std::fs::remove_dir_all(service.path("data/views")).unwrap();

    let (mut server, tcp, rebuilt) = start(folder);
    println!("ready after {} ms on {total} records without views: they are rebuilt", rebuilt.as_millis());
    assert!(rebuilt < REBUILD_BOUND, "{rebuilt:?}");
    runtime.block_on(sample(folder, &tcp, &story, &chance, copies));
    server.kill();
    for life in 0..3 {
        let (mut server, tcp, took) = start(folder);
        println!("ready after {} ms on {total} records, killed before", took.as_millis());
        assert!(took < BOUND, "{took:?}");
        let work = async {
            sample(folder, &tcp, &story, &chance, copies).await;
            more(&service, life).await;
        };
        runtime.block_on(work);
        server.kill();
    }
    let mut server: Server = start(folder).0;
    runtime.block_on(more(&service, 2));
    server.kill();
    let (journal, opened) = Journal::open(&journal, Options::default()).unwrap();
    assert!(opened.records.end >= total);
    assert_eq!(digest(&journal, total), digest_before, "something in between is not as it was written");
}

fn count(journal: &Path) -> u64 {
    Journal::open(journal, Options::default()).unwrap().1.records.end
}

/// Asks for what every earlier life was asked for, and for something new.
async fn more(service: &Service, life: usize) {
    let agent = service.agent().await;
    for number in 0..=life {
        let ask = Ask { request_id: format!("life-{number}"), ..read() };
        let answers = [agent.authorize(ask.clone()).await.unwrap(), agent.authorize(ask).await.unwrap()];
        assert_eq!(answers[0].grant, answers[1].grant);
    }
    let shown =
        service.reviewer().await.list(Filter::default(), Order::Newest, 100, None).await.unwrap().escalations;
    assert_eq!(shown.iter().filter(|open| open.resource == "shop/production").count(), 20);
}
