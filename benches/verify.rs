//! What verifying a token costs beside the bare signature check of the same bytes (goal: at most 1.15 times).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a benchmark, not the product"
)]

#[path = "../tests/token/kit.rs"]
mod kit;

use countersign::condition::ExecutionFacts;
use countersign::digest::from_base64url;
use countersign::operation::Operation;
use countersign::replay::memory::MemoryGuard;
use countersign::token::{
    Anchor, Draft, Presented, Ratchet, TrustBundle, UnverifiedToken, VerifiedOperation, Verifier,
    VerifierConfig,
};
use criterion::{BatchSize, Criterion, criterion_group};
use ed25519_dalek::{Signature, VerifyingKey};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A conditional token of about a kilobyte that two people agreed to, and executors that accept it.
struct Setup {
    token: String,
    chain: [String; 2],
    facts: ExecutionFacts,
    /// Has the sidecar's key in its trust bundle.
    bundled: Verifier,
    anchor: Anchor,
}

impl Setup {
    fn new() -> Self {
        let mut grant = kit::grant();
        grant.on_behalf_of = None;
        grant.conditions = vec![kit::condition("canary:max_percent=10")];
        let token = kit::mint(&grant, &kit::executor());
        assert!((1000..1400).contains(&token.len()), "{}", token.len());
        let root = kit::root();
        let anchor = Anchor::new(kit::domain(), [root.public.clone()]).unwrap();
        let bundle = kit::bundle_contents(vec![kit::sidecar_key()]).signing_input(&root.public).unwrap();
        let bundle = root.sign(bundle);
        let bundle =
            TrustBundle::read(&bundle, &[], &anchor, &Ratchet::default(), kit::at(kit::NOW)).unwrap();
        let config = VerifierConfig::new(anchor.clone(), kit::executor());
        Self {
            token,
            chain: [kit::issuer_certificate(), kit::sidecar_certificate()],
            facts: ExecutionFacts { targets: Some(2), all_targets: Some(20), ..ExecutionFacts::default() },
            bundled: config.bundle(Arc::new(bundle)).build().unwrap(),
            anchor,
        }
    }

    /// An executor that has only pinned the root.
    fn chained(&self) -> Verifier {
        VerifierConfig::new(self.anchor.clone(), kit::executor()).build().unwrap()
    }

    fn run(
        &self,
        verifier: &Verifier,
        chain: &[&str],
        op: Operation,
        guard: &MemoryGuard,
    ) -> VerifiedOperation {
        let presented = Presented {
            token: black_box(&self.token),
            certificates: chain,
            operation: op,
            facts: &self.facts,
            proof: None,
            evidence: &[],
            log_proof: None,
        };
        verifier.verify(presented, kit::at(kit::NOW), guard).unwrap()
    }
}

fn bare() -> (VerifyingKey, impl Fn(&str) -> (String, Signature)) {
    let key = VerifyingKey::from_bytes(kit::sidecar().public.as_bytes()).unwrap();
    let split = |token: &str| {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        (signed.to_owned(), Signature::from_slice(&from_base64url(signature).unwrap()).unwrap())
    };
    (key, split)
}

fn verify(c: &mut Criterion) {
    let setup = Setup::new();
    let chain = [setup.chain[0].as_str(), setup.chain[1].as_str()];
    let chained = setup.chained();
    let guard = || MemoryGuard::new(kit::at(0));
    let fresh = || (kit::operation(), guard());
    let batch = BatchSize::SmallInput;

    let mut group = c.benchmark_group("verify");
    group.bench_function("bare verify_strict", |b| {
        let (key, split) = bare();
        let (signed, signature) = split(&setup.token);
        b.iter(|| key.verify_strict(black_box(signed.as_bytes()), black_box(&signature)).unwrap());
    });
    group.bench_function("token, key in the bundle", |b| {
        b.iter_batched(fresh, |(op, guard)| (setup.run(&setup.bundled, &[], op, &guard), guard), batch);
    });
    group.bench_function("token, certificates seen before", |b| {
        b.iter_batched(fresh, |(op, guard)| (setup.run(&chained, &chain, op, &guard), guard), batch);
    });
    group.bench_function("token, operation read from its bytes", |b| {
        let run = |guard| (setup.run(&setup.bundled, &[], kit::operation(), &guard), guard);
        b.iter_batched(guard, run, batch);
    });
    group.bench_function("token, certificates never seen", |b| {
        let anew = || (setup.chained(), kit::operation(), guard());
        let run = |(verifier, op, guard)| (setup.run(&verifier, &chain, op, &guard), guard, verifier);
        b.iter_batched(anew, run, batch);
    });
    group.bench_function("form and claims alone, unverified", |b| {
        b.iter(|| UnverifiedToken::inspect(black_box(&setup.token)).unwrap());
    });
    group.bench_function("draft and signing input", |b| {
        let mut grant = kit::grant();
        grant.conditions = vec![kit::condition("canary:max_percent=10")];
        let (executor, leaf, key) = (kit::executor(), kit::leaf(), kit::sidecar().public);
        b.iter(|| Draft::new(black_box(&grant), &executor).unwrap().with_log(&leaf, &key).unwrap());
    });
    group.finish();
}

/// Runs `work` so many frames deeper in the stack.
#[inline(never)]
fn deeper(frames: usize, work: &mut dyn FnMut()) {
    let frame = [0_u8; 48];
    black_box(&frame);
    if frames == 0 {
        work()
    } else {
        deeper(frames - 1, work)
    }
    black_box(&frame);
}

/// What each of these takes: the median, over 64 places in the stack, of the least time it took there.
///
/// The curve's arithmetic takes up to a third longer at unlucky addresses, whoever calls it; at one place one would
/// compare addresses, not work.
fn least<const N: usize>(works: &mut [&mut dyn FnMut() -> Duration; N]) -> [Duration; N] {
    let mut least = [[Duration::MAX; 64]; N];
    for round in 0..64 * 200 {
        for (work, least) in works.iter_mut().zip(&mut least) {
            let place = &mut least[round % 64];
            deeper(round % 64, &mut || *place = work().min(*place));
        }
    }
    least.map(|mut places| {
        places.sort_unstable();
        places[32]
    })
}

/// The figure that the goal is about, interleaved in one run.
fn ratio() {
    let setup = Setup::new();
    let (key, split) = bare();
    let (signed, signature) = split(&setup.token);
    let timed = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    let mut bare =
        || timed(&mut || key.verify_strict(black_box(signed.as_bytes()), black_box(&signature)).unwrap());
    let mut whole = || {
        let (mut operation, guard) = (Some(kit::operation()), MemoryGuard::new(kit::at(0)));
        let mut kept = None;
        timed(&mut || kept = Some(setup.run(&setup.bundled, &[], operation.take().unwrap(), &guard)))
    };
    let mut with_operation = || {
        let guard = MemoryGuard::new(kit::at(0));
        let mut kept = None;
        timed(&mut || kept = Some(setup.run(&setup.bundled, &[], kit::operation(), &guard)))
    };
    let [bare, whole, with_operation] = least(&mut [&mut bare, &mut whole, &mut with_operation]);
    let to = |time: Duration| time.as_secs_f64() / bare.as_secs_f64();
    println!("verify/ratio            bare verify_strict {bare:?}");
    println!("verify/ratio            token {whole:?}, {:.3} times (goal 1.15)", to(whole));
    println!(
        "verify/ratio            token and operation {with_operation:?}, {:.3} times",
        to(with_operation)
    );
}

criterion_group!(benches, verify);

fn main() {
    ratio();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
