//! The console and the notices as people meet them: how soon somebody is told, how soon an agent holds its token after a
//! vote, what a page weighs, how soon it can be used on a slow phone, and what a thousand proposals and two hundred open
//! consoles cost.
//!
//! `cargo bench --bench console [-- [notices] [votes] [consoles] [phone] [--json]]`; `phone` needs Chromium, which
//! `tests/run` installs. Everything is real: the service with its store, HTTP, forms, a webhook that receives. Service
//! and load share the process and the machine. Beside each figure stands what can't be had for less: a request that does
//! nothing, and one synced append, in the same run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    dead_code,
    missing_docs,
    reason = "a benchmark says what it expects"
)]

#[path = "../../tests/console/browser.rs"]
mod browser;
#[path = "../../tests/browser/chromium.rs"]
mod chromium;
#[path = "../../tests/browser/driver.rs"]
mod driver;
mod receiver;
#[path = "../../tests/service/support.rs"]
mod service;
#[path = "../../tests/console/site.rs"]
mod site;

use browser::Browser;
use chromium::{Size, Window};
use countersign::client::{Ask, Context};
use countersign::journal::{self, Journal};
use http_body_util::BodyExt as _;
use receiver::Receiver;
use serde_json::{Value, json};
use service::{POLICY, deploy};
use site::Site;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often and how many.
#[derive(Clone, Copy)]
struct Plan {
    notices: u32,
    votes: u32,
    pending: u32,
    consoles: usize,
    looks: usize,
}

const MEASURING: Plan = Plan { notices: 300, votes: 300, pending: 1000, consoles: 200, looks: 100 };
/// Whether it runs at all.
const TRYING: Plan = Plan { notices: 3, votes: 3, pending: 20, consoles: 4, looks: 3 };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |name: &str| arguments.iter().any(|argument| argument == name);
    let plan = if given("--bench") { MEASURING } else { TRYING };
    let parts = ["notices", "votes", "consoles", "phone"];
    let all = !parts.into_iter().any(given);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut document = json!({});
    if all || given("notices") {
        document["notices_ms"] = runtime.block_on(notices(plan.notices));
    }
    if all || given("votes") {
        document["votes_ms"] = runtime.block_on(votes(plan.votes));
    }
    if all || given("consoles") {
        document["consoles"] = runtime.block_on(consoles(plan));
    }
    // A browser takes longer than anybody wants to wait where nothing is measured.
    if given("phone") || (all && given("--bench")) {
        document["phone"] = runtime.block_on(phone(plan.pending));
    }
    println!("{document:#}");
}

/// A policy by which a session is enough, many may wait, and the team's webhook is told.
fn policy(channels: &str) -> String {
    let policy = POLICY.replacen("version: 1\n", "version: 1\nescalations: {open_per_agent: 1000}\n", 1);
    policy.replacen("assurance: signed ", &format!("assurance: session\n{channels}  # "), 1)
}

fn numbered(number: u32) -> Ask {
    let context = Context {
        reason: "fixes the checkout".to_owned(),
        user_request: "please release the fix before noon".to_owned(),
        ..Context::default()
    };
    Ask { context, ..deploy(&format!("2.0.{number}")) }
}

/// From the agent's call to the whole message at the receiver.
async fn notices(times: u32) -> Value {
    let mut receiver = Receiver::start().await;
    let lines = format!(
        "channels:\n  webhooks:\n    - {{name: team, url: \"http://127.0.0.1:{}/hook\", allow_loopback: true}}\n",
        receiver.port
    );
    let site = Site::start_with(&policy("  channels: [\"webhook:team\"]\n"), &lines).await;
    let agent = site.service.agent().await;
    let (mut told, mut answered) = (Vec::new(), Vec::new());
    for number in 0..times {
        let begin = Instant::now();
        let pending = agent.authorize(numbered(number)).await.unwrap().pending.unwrap();
        answered.push(begin.elapsed());
        let at = receiver.wait_for(&pending.escalation).await;
        told.push(at.duration_since(begin));
    }
    json!({
        "authorize_answered": spread(answered),
        "notice_received": spread(told),
        "bare_post": spread(receiver.bare_posts(times).await),
        "synced_append": spread(appends(times)),
    })
}

/// From the form that approves to the token in the waiting agent's hands.
async fn votes(times: u32) -> Value {
    let site = Site::start_with(&policy(""), "").await;
    let agent = site.service.agent().await;
    let mut ada = site.signed_in("ada").await;
    let token = ada.form_token().await;
    let (mut held, mut answered, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..times {
        let id = agent.authorize(numbered(number)).await.unwrap().pending.unwrap().escalation;
        let mut follows = agent.follow(&id).await.unwrap();
        follows.next().await.unwrap().unwrap();
        let page = ada.get(&format!("/e/{id}")).await;
        let shown = page.input("shown");
        let fields = [
            ("form_token", token.as_str()),
            ("shown", &shown),
            ("whole", "1"),
            ("reason", "looks right"),
            ("choice", "approve"),
        ];
        let waiting = tokio::spawn(async move {
            loop {
                let progress = follows.next().await.unwrap().expect("it ended without a token");
                if progress.grant.is_some() {
                    return Instant::now();
                }
            }
        });
        let begin = Instant::now();
        let answer = ada.post_bare(&format!("/e/{id}/vote"), &fields).await;
        answered.push(begin.elapsed());
        assert_eq!(answer.status, 303, "{}", answer.body);
        held.push(waiting.await.unwrap().duration_since(begin));
        let begin = Instant::now();
        ada.get("/static/nothing").await;
        bare.push(begin.elapsed());
    }
    json!({
        "token_held": spread(held),
        "page_answered": spread(answered),
        "bare_request": spread(bare),
        "synced_append": spread(appends(times)),
    })
}

/// Many proposals and many who look at them.
async fn consoles(plan: Plan) -> Value {
    let site = Site::start_with(&policy(""), "").await;
    let agent = site.service.agent().await;
    let mut ids = Vec::new();
    for number in 0..plan.pending {
        ids.push(agent.authorize(numbered(number)).await.unwrap().pending.unwrap().escalation);
    }
    let mut ada = site.signed_in("ada").await;
    let alone = looks(&mut ada, "/", plan.looks).await;
    let before = resident();
    let mut open = Vec::new();
    for _ in 0..plan.consoles {
        let mut browser = ada.clone();
        let response =
            browser.open(hyper::Method::GET, "/live", &[("accept", "text/event-stream")], "").await;
        assert_eq!(response.status().as_u16(), 200);
        open.push(response.into_body());
    }
    let opened = resident();
    let beside = looks(&mut ada, "/", plan.looks).await;
    let proposal = looks(&mut ada, &format!("/e/{}", ids[0]), plan.looks).await;
    let id = ids.last().unwrap().clone();
    let shown = ada.get(&format!("/e/{id}")).await.input("shown");
    let token = ada.form_token().await;
    // Somebody decides; every console hears of it.
    let begun = Arc::new(AtomicBool::new(false));
    let heard = open.into_iter().map(|mut body| {
        let (begun, id) = (begun.clone(), id.clone());
        tokio::spawn(async move {
            loop {
                let data = body.frame().await.unwrap().unwrap().into_data().unwrap_or_default();
                if begun.load(Ordering::Acquire) && String::from_utf8_lossy(&data).contains(&id) {
                    return Instant::now();
                }
            }
        })
    });
    let heard: Vec<_> = heard.collect();
    // What was told until now is read first.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let fields = [
        ("form_token", token.as_str()),
        ("shown", &shown),
        ("whole", "1"),
        ("reason", "not today"),
        ("choice", "deny"),
    ];
    begun.store(true, Ordering::Release);
    let begin = Instant::now();
    let answer = ada.post_bare(&format!("/e/{id}/vote"), &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let mut times = Vec::new();
    for one in heard {
        let at = tokio::time::timeout(Duration::from_secs(30), one).await.expect("unheard").unwrap();
        times.push(at.duration_since(begin));
    }
    let page = ada.get("/").await;
    let style = asset(&mut ada, &page.body, "console.").await;
    json!({
        "pending": plan.pending,
        "open": plan.consoles,
        "queue_alone_ms": alone,
        "queue_ms": beside,
        "proposal_ms": proposal,
        "change_heard_ms": spread(times),
        "memory_of_open_kib_each": (opened - before) / plan.consoles as f64,
        "queue_bytes": page.body.len(),
        "proposal_bytes": ada.get(&format!("/e/{id}")).await.body.len(),
        "style_bytes": style,
    })
}

async fn looks(browser: &mut Browser, path: &str, times: usize) -> Value {
    let mut taken = Vec::new();
    for _ in 0..times {
        let begin = Instant::now();
        assert_eq!(browser.get(path).await.status, 200);
        taken.push(begin.elapsed());
    }
    spread(taken)
}

async fn asset(browser: &mut Browser, page: &str, name: &str) -> usize {
    let path =
        page.split(['"', '\'']).find(|part| part.starts_with("/static/") && part.contains(name)).unwrap();
    browser.get(path).await.body.len()
}

/// How soon a page can be used on a phone that is a quarter as fast, over 1.6 Mbit/s and 150 ms.
async fn phone(pending: u32) -> Value {
    let site = Site::start_with(&policy(""), "").await;
    let agent = site.service.agent().await;
    let mut id = String::new();
    for number in 0..pending {
        id = agent.authorize(numbered(number)).await.unwrap().pending.unwrap().escalation;
    }
    let mut document = json!({"pending": pending});
    for (name, path) in [("queue", "/".to_owned()), ("proposal", format!("/e/{id}"))] {
        let mut usable = Vec::new();
        let mut bytes = 0.0;
        for _ in 0..5 {
            // A new window has nothing in its cache.
            let window = Window::open(Size::Phone).await;
            window.set_cookie(&site.origin, "__Host-countersign", &site.session("ada").await).await;
            window.command("Network.enable", json!({})).await;
            let slow = json!({"offline": false, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750});
            window.command("Network.emulateNetworkConditions", slow).await;
            window.command("Emulation.setCPUThrottlingRate", json!({"rate": 4})).await;
            window.go(&format!("{}{path}", site.origin)).await;
            let timing = window
                .run(
                    "const page = performance.getEntriesByType('navigation')[0]; \
                     const files = performance.getEntriesByType('resource'); \
                     return {usable: page.domContentLoadedEventEnd, \
                     bytes: [page, ...files].reduce((sum, file) => sum + file.transferSize, 0)}",
                )
                .await;
            usable.push(timing["usable"].as_f64().unwrap());
            bytes = timing["bytes"].as_f64().unwrap();
            window.close().await;
        }
        usable.sort_by(f64::total_cmp);
        document[name] = json!({"usable_ms": usable[usable.len() / 2], "transferred_bytes": bytes});
    }
    document
}

/// What one record that is on the disk costs at least.
fn appends(times: u32) -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) =
        Journal::open(&folder.path().join("journal"), journal::Options::default()).unwrap();
    let record = vec![b'x'; 3000];
    (0..times)
        .map(|_| {
            let begin = Instant::now();
            journal.append_group(std::slice::from_ref(&record)).unwrap();
            begin.elapsed()
        })
        .collect()
}

/// Median, 99th percentile and most, in milliseconds.
fn spread(mut times: Vec<Duration>) -> Value {
    times.sort();
    let at = |share: f64| {
        let place = ((times.len() - 1) as f64 * share).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the list")]
        let time = times[place as usize];
        (time.as_secs_f64() * 1e5).round() / 1e2
    };
    json!({"p50": at(0.5), "p99": at(0.99), "most": at(1.0)})
}

/// Resident memory of this process, in KiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
