//! What an operation's digest costs, beside SHA-256 of the same bytes and beside a general JCS crate.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark, not the product")]

use countersign::operation::Operation;
use countersign::operation::json::{Limits, read};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sha2::{Digest as _, Sha256};
use std::hint::black_box;

/// Parameters as an agent's tool call has them, in no particular order, of exactly `size` bytes: what is left is
/// one statement.
fn tool_call(size: usize) -> String {
    let head = r#"{"table": "orders", "where": {"customer_id": 48213, "status": "stale"}, "limit": 250, "dry_run": false, "columns": ["id", "total", "updated_at"], "threshold": 0.75"#;
    filled(head.to_owned(), size)
}

/// The hard case: nothing but short members, none of them in order, and strings with escapes.
fn small_members(size: usize) -> String {
    let mut text = String::from(r#"{"threshold": 0.75, "limit": 250"#);
    let mut step = 0;
    while text.len() + 70 < size {
        text.push_str(&format!(r#", "step_{step}": {{"run": "vacuum \"t{step}\"", "after": {step}}}"#));
        step += 1;
    }
    filled(text, size)
}

fn filled(mut text: String, size: usize) -> String {
    let rest = size.checked_sub(text.len() + r#", "sql": ""}"#.len()).unwrap();
    let sql: String = "delete from orders where id = 7 and total < 10; ".chars().cycle().take(rest).collect();
    text.push_str(&format!(r#", "sql": "{sql}"}}"#));
    assert_eq!(text.len(), size);
    text
}

fn digest(c: &mut Criterion) {
    let mut group = c.benchmark_group("digest");
    for size in [280, 600, 4096] {
        for (shape, text) in [("tool call", tool_call(size)), ("small members", small_members(size))] {
            let sorted = Operation::from_json("db.rows.delete", "prod/orders", text.as_bytes()).unwrap();
            let sorted = sorted.parameters_json().unwrap().to_vec();
            let id = |what: &str| BenchmarkId::new(format!("{what}, {shape}"), size);
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_with_input(id("operation"), text.as_bytes(), |b, text| {
                b.iter(|| {
                    Operation::from_json("db.rows.delete", "prod/orders", black_box(text)).unwrap().digest()
                });
            });
            group.bench_with_input(id("operation in canonical form"), &sorted, |b, text| {
                b.iter(|| {
                    Operation::from_json("db.rows.delete", "prod/orders", black_box(text)).unwrap().digest()
                });
            });
            group.bench_with_input(id("read into a value"), text.as_bytes(), |b, text| {
                b.iter(|| read(black_box(text), &Limits::OPERATION).unwrap());
            });
            group.bench_with_input(id("sha256 alone"), text.as_bytes(), |b, text| {
                b.iter(|| Sha256::digest(black_box(text)));
            });
            group.bench_with_input(id("serde_json_canonicalizer"), text.as_bytes(), |b, text| {
                b.iter(|| {
                    let tree: serde_json::Value = serde_json::from_slice(black_box(text)).unwrap();
                    Sha256::digest(serde_json_canonicalizer::to_vec(&tree).unwrap())
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, digest);
criterion_main!(benches);
