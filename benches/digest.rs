//! What an operation's digest costs, beside SHA-256 of the same bytes and beside a general JCS crate.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark, not the product")]

use countersign::operation::Operation;
use countersign::operation::json::{Limits, read};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sha2::{Digest as _, Sha256};
use std::hint::black_box;

/// Parameters as an agent's tool call has them, in no particular order, of exactly `size` bytes.
fn parameters(size: usize) -> String {
    let mut text = String::from(
        r#"{"table": "orders", "where": {"customer_id": 48213, "status": "stale"}, "limit": 250, "dry_run": false, "columns": ["id", "total", "updated_at"], "threshold": 0.75"#,
    );
    let mut step = 0;
    while text.len() + 70 < size {
        text.push_str(&format!(r#", "step_{step}": {{"run": "vacuum \"t{step}\"", "after": {step}}}"#));
        step += 1;
    }
    let note = r#", "note": ""}"#.len();
    let rest = size.checked_sub(text.len() + note).unwrap();
    text.push_str(&format!(r#", "note": "{}"}}"#, "x".repeat(rest)));
    assert_eq!(text.len(), size);
    text
}

fn digest(c: &mut Criterion) {
    let mut group = c.benchmark_group("digest");
    for size in [280, 600, 4096] {
        let text = parameters(size);
        let sorted = Operation::from_json("db.rows.delete", "prod/orders", text.as_bytes()).unwrap();
        let sorted = sorted.parameters_json().unwrap().to_vec();
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::new("operation", size), text.as_bytes(), |b, text| {
            b.iter(|| {
                Operation::from_json("db.rows.delete", "prod/orders", black_box(text)).unwrap().digest()
            });
        });
        group.bench_with_input(BenchmarkId::new("operation, already canonical", size), &sorted, |b, text| {
            b.iter(|| {
                Operation::from_json("db.rows.delete", "prod/orders", black_box(text)).unwrap().digest()
            });
        });
        group.bench_with_input(BenchmarkId::new("read into a value", size), text.as_bytes(), |b, text| {
            b.iter(|| read(black_box(text), &Limits::OPERATION).unwrap());
        });
        group.bench_with_input(BenchmarkId::new("sha256 alone", size), text.as_bytes(), |b, text| {
            b.iter(|| Sha256::digest(black_box(text)));
        });
        group.bench_with_input(
            BenchmarkId::new("serde_json_canonicalizer", size),
            text.as_bytes(),
            |b, text| {
                b.iter(|| {
                    let tree: serde_json::Value = serde_json::from_slice(black_box(text)).unwrap();
                    Sha256::digest(serde_json_canonicalizer::to_vec(&tree).unwrap())
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, digest);
criterion_main!(benches);
