//! What one decision costs (facts, risk, rules, reasons), and how that grows with the number of rules.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark says what it expects")]

use core::fmt::Write as _;
use core::hint::black_box;
use core::time::Duration;
use countersign::decision::{Request, decide};
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::party::AgentId;
use countersign::policy::Policy;
use countersign::risk::{Claims, Environment, History, Kind};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const HEAD: &str = include_str!("../examples/policies/starter.yaml");

/// The starter policy's tables with `count` rules of which a request can match few: rules about other actions,
/// about other resources, about other agents, one in ten about the same family of actions. The last one matches.
fn policy(count: usize, when: &str) -> String {
    let tables = HEAD.split_once("\nrules:").unwrap().0;
    let mut text = format!("{tables}\nrules:\n");
    for n in 1..count {
        let matching = match n % 10 {
            0 if n < 100 => format!("{{action: db.table{n}.*, environment: production}}"),
            1..=3 => format!("{{resource: 'prod/service-{n}/*', kind: [delete, admin]}}"),
            4 => format!("{{agent: 'agent-{n}', kind: read}}"),
            _ => format!("{{action: ['service{n}.*', 'tool{n}.run']}}"),
        };
        writeln!(text, "  - {{name: r{n}, match: {matching}, {when}decision: escalate}}").unwrap();
    }
    text.push_str(
        "  - {name: last, match: {action: 'db.*'}, decision: escalate, reason: somebody should look}\n\
         levels: {}\n",
    );
    text
}

/// A condition that every rule has: over facts, the parameters and the time.
const WHEN: &str = "when: \"facts.rows > 100 && operation.parameters.limit > 10 && !now.working_hours\", ";

fn decisions(criterion: &mut Criterion) {
    let operation = Operation::from_json(
        "db.rows.delete",
        "prod/customers/eu-central-1",
        br#"{"database":"orders","limit":25,"reason_code":"gdpr-17","table":"customers","where":"id in (7, 8, 9) and deleted_at is not null"}"#,
    )
    .unwrap();
    let agent = AgentId::new("spiffe://acme.example/agent/7").unwrap();
    let (now, history) =
        (Moment::from_unix_seconds(1_795_521_600), History { anomalies: 1, ..History::default() });
    let honest = Claims::default();
    let raising = Claims {
        kind: Some(Kind::Admin),
        environment: Some(Environment::Production),
        rows: Some(2000),
        irreversible: true,
        ..Claims::default()
    };
    let mut group = criterion.benchmark_group("decide");
    group.measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_secs(1));
    for count in [10, 100, 1000, 10_000] {
        let conditional = Policy::parse(&policy(count, WHEN), "bench.yaml").unwrap();
        let policy = Policy::parse(&policy(count, ""), "bench.yaml").unwrap();
        for (name, claims) in [("honest", &honest), ("claims raise", &raising)] {
            let request = Request {
                operation: &operation,
                claims,
                agent: &agent,
                on_behalf_of: None,
                context: &Default::default(),
                executor: None,
            };
            assert_eq!(decide(&request, &policy, &history, now).rule.as_deref(), Some("last"));
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| decide(black_box(&request), black_box(&policy), &history, now));
            });
            if name == "honest" {
                group.bench_function(BenchmarkId::new("every rule with a condition", count), |bencher| {
                    bencher.iter(|| decide(black_box(&request), black_box(&conditional), &history, now));
                });
            }
        }
    }
    group.finish();
}

/// What it costs to read what really runs.
fn payloads(criterion: &mut Criterion) {
    let policy = Policy::parse(HEAD, "starter.yaml").unwrap();
    let agent = AgentId::new("spiffe://acme.example/agent/7").unwrap();
    let (now, history) = (Moment::from_unix_seconds(1_795_521_600), History::default());
    let mut group = criterion.benchmark_group("payload");
    for (name, action, parameters) in [
        ("none", "orders.read", r#"{"limit":10}"#),
        (
            "sql",
            "db.execute",
            r#"{"sql":"DELETE FROM orders WHERE customer_id = 7 AND created_at < '2020-01-01'"}"#,
        ),
        (
            "shell",
            "shell.run",
            r#"{"command":"kubectl --context staging -n shop rollout restart deploy/web && git status"}"#,
        ),
        ("http", "http.post", r#"{"method":"POST","url":"https://api.example.com/v1/orders?id=7"}"#),
    ] {
        let operation = Operation::from_json(action, "shop/staging", parameters.as_bytes()).unwrap();
        let request = Request {
            operation: &operation,
            claims: &Claims::default(),
            agent: &agent,
            on_behalf_of: None,
            context: &Default::default(),
            executor: None,
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| decide(black_box(&request), black_box(&policy), &history, now));
        });
    }
    group.finish();
}

fn loading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    for count in [100, 10_000] {
        for (name, when) in [("policy", ""), ("policy with conditions", WHEN)] {
            let text = policy(count, when);
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| Policy::parse(black_box(&text), "bench.yaml").unwrap());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, decisions, payloads, loading);
criterion_main!(benches);
