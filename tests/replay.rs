//! The durable replay guard: a token is used once, whatever happens to threads, processes, disks, power and clocks.
#![cfg(feature = "journal")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "tests say what they expect, and share a disk with the journal's"
)]

#[path = "journal/chance.rs"]
mod chance;
#[path = "journal/disk.rs"]
mod disk;
#[path = "journal/platter.rs"]
mod platter;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use chance::Chance;
use countersign::moment::Moment;
use countersign::party::{TokenId, TrustDomain};
use countersign::replay::journal::{GuardError, GuardOptions, JournalGuard};
use countersign::token::{ReplayError, ReplayGuard, ReplayKey, TokenUse};
use disk::{Files, MemoryDisk, Op, Told};
use platter::{CRUELTIES, Platter};

fn at(second: u64) -> Moment {
    Moment::from_unix_seconds(second)
}

/// A token that lives for `life` seconds.
fn token(number: u64, issued_at: u64, life: u64) -> TokenUse {
    let mut random = [0; 16];
    random[..8].copy_from_slice(&number.to_be_bytes());
    let issuer = TrustDomain::new("https://acme.example").unwrap();
    let key = ReplayKey { issuer, jti: TokenId::from_random(random) };
    TokenUse { key, issued_at: at(issued_at), keep_until: at(issued_at + life + 60) }
}

/// Segments of 4 KiB, so that there are many.
const SMALL: GuardOptions = GuardOptions { capacity: 1000, begin: None, segment_bytes: 4096 };

fn open_as(disk: &MemoryDisk, options: GuardOptions) -> JournalGuard {
    JournalGuard::open_on(Arc::new(disk.clone()), Path::new("/g"), options).unwrap()
}

fn open_on(disk: &MemoryDisk) -> JournalGuard {
    open_as(disk, SMALL)
}

#[test]
fn of_64_threads_that_present_one_token_one_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let guard = JournalGuard::open(&folder.path().join("used")).unwrap();
    for round in 0..20 {
        let (accepted, together) = (AtomicUsize::new(0), Barrier::new(64));
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    together.wait();
                    match guard.consume(&token(round, 1000, 300), at(1001)) {
                        Ok(()) => _ = accepted.fetch_add(1, Ordering::Relaxed),
                        Err(refused) => assert_eq!(refused, ReplayError::Replayed),
                    }
                });
            }
        });
        assert_eq!(accepted.into_inner(), 1);
    }
}

#[test]
fn a_use_is_remembered_by_issuer_and_id_until_it_need_not_be() {
    let disk = MemoryDisk::default();
    for reopened in 0..3 {
        let guard = open_on(&disk);
        let used = guard.consume(&token(1, 1000, 300), at(1001));
        assert_eq!(used, if reopened == 0 { Ok(()) } else { Err(ReplayError::Replayed) });
        let mut other = token(1, 1000, 300);
        other.key.issuer = TrustDomain::new(&format!("https://other-{reopened}.example")).unwrap();
        assert_eq!(guard.consume(&other, at(1001)), Ok(()), "another issuer's token");
    }
    let guard = open_on(&disk);
    assert_eq!(guard.consume(&token(1, 1000, 300), at(1359)), Err(ReplayError::Replayed));
    assert_eq!(guard.consume(&token(2, 1359, 300), at(1361)), Ok(()));
    assert_eq!(guard.consume(&token(1, 1000, 300), at(1361)), Err(ReplayError::BeforeMemory));
    // The clock goes back: what was forgotten stays refused, also by the next process.
    assert_eq!(guard.consume(&token(1, 1000, 300), at(1001)), Err(ReplayError::BeforeMemory));
    drop(guard);
    let guard = open_on(&disk);
    assert_eq!(guard.consume(&token(1, 1000, 300), at(1001)), Err(ReplayError::Replayed));
    assert_eq!(guard.consume(&token(3, 1000, 300), at(1001)), Err(ReplayError::BeforeMemory));
}

#[test]
fn a_guard_that_began_knows_that_it_knows_nothing_before() {
    let disk = MemoryDisk::default();
    let open = |now| open_as(&disk, GuardOptions { begin: Some(at(now)), ..SMALL });
    let guard = open(5000);
    assert_eq!(guard.consume(&token(1, 4999, 3600), at(5001)), Err(ReplayError::BeforeMemory));
    assert_eq!(guard.consume(&token(2, 5000, 3600), at(5001)), Ok(()));
    drop(guard);
    let guard = open(5100);
    assert_eq!(guard.consume(&token(1, 4999, 3600), at(5101)), Err(ReplayError::BeforeMemory));
    assert_eq!(guard.consume(&token(3, 5050, 3600), at(5101)), Ok(()), "it began once only");
    assert_eq!(guard.consume(&token(2, 5000, 3600), at(5101)), Err(ReplayError::Replayed));
}

/// The note of when a guard began is there as long as it matters, however much is forgotten meanwhile.
#[test]
fn the_beginning_is_not_forgotten_too_early() {
    let disk = MemoryDisk::default();
    let options = GuardOptions { begin: Some(at(5000)), ..SMALL };
    let open = || open_as(&disk, options);
    let mut guard = open();
    for minute in 0..58 {
        let now = 5000 + minute * 60;
        for number in 0..150 {
            assert_eq!(guard.consume(&token(minute * 1000 + number, now, 10), at(now)), Ok(()));
        }
        drop(guard);
        guard = open();
        assert_eq!(guard.consume(&token(u64::MAX, 4999, 3600), at(now)), Err(ReplayError::BeforeMemory));
    }
}

#[test]
fn a_full_guard_refuses_and_never_forgets_for_room() {
    let disk = MemoryDisk::default();
    let guard = open_as(&disk, GuardOptions { capacity: 2, ..SMALL });
    assert_eq!(guard.consume(&token(1, 1000, 300), at(1000)), Ok(()));
    assert_eq!(guard.consume(&token(2, 1100, 300), at(1100)), Ok(()));
    assert_eq!(guard.consume(&token(3, 1100, 300), at(1100)), Err(ReplayError::Full));
    assert_eq!(guard.consume(&token(1, 1000, 300), at(1100)), Err(ReplayError::Replayed));
    assert_eq!(guard.consume(&token(3, 1100, 300), at(1361)), Ok(()));
}

#[test]
fn a_full_disk_refuses_the_use_and_it_can_be_tried_again() {
    let disk = MemoryDisk::default();
    let guard = open_on(&disk);
    disk.fill_up_after(Some(0));
    assert_eq!(guard.consume(&token(1, 1000, 300), at(1001)), Err(ReplayError::Full));
    assert_eq!(guard.consume(&token(1, 1000, 300), at(1001)), Ok(()), "nothing was recorded by the first");
    assert_eq!(guard.consume(&token(1, 1000, 300), at(1001)), Err(ReplayError::Replayed));
    disk.fail_a_sync_after(Some(0));
    assert_eq!(guard.consume(&token(2, 1000, 300), at(1001)), Err(ReplayError::Unavailable));
    assert_eq!(guard.consume(&token(3, 1000, 300), at(1001)), Err(ReplayError::Unavailable));
    drop(guard);
    let guard = open_on(&disk);
    assert_eq!(guard.consume(&token(1, 1000, 300), at(1001)), Err(ReplayError::Replayed));
    assert_eq!(guard.consume(&token(3, 1000, 300), at(1001)), Ok(()));
}

/// A day of tokens leaves no more on disk than an hour of them.
#[test]
fn the_folder_does_not_grow_for_ever() {
    let disk = MemoryDisk::default();
    let guard = open_as(&disk, GuardOptions { capacity: 100_000, ..SMALL });
    let mut most = 0;
    for minute in 0..24 * 60 {
        let now = minute * 60;
        for number in 0..40 {
            let life = if number == 0 { 3600 } else { 300 };
            let used = token(minute * 100 + number, now, life);
            assert_eq!(guard.consume(&used, at(now)), Ok(()));
            drop(disk.take_ops());
        }
        most = most.max(disk.used());
    }
    // 61 minutes of 40 uses of about 130 bytes.
    assert!(most <= 400_000, "{most}");
    drop(guard);
    let guard = open_as(&disk, GuardOptions { capacity: 100_000, ..SMALL });
    let last = (24 * 60 - 1) * 60;
    assert_eq!(
        guard.consume(&token((24 * 60 - 50) * 100, last - 49 * 60, 3600), at(last)),
        Err(ReplayError::Replayed)
    );
}

#[test]
fn a_damaged_or_foreign_guard_is_refused() {
    let disk = MemoryDisk::default();
    let guard = open_on(&disk);
    for number in 0..10 {
        guard.consume(&token(number, 1000, 300), at(1001)).unwrap();
    }
    drop(guard);
    let name = disk.files().into_keys().find(|name| name.ends_with(".seg")).unwrap();
    for byte in 32..1292 {
        let mut files = disk.files();
        files.get_mut(&name).unwrap()[byte] ^= 1;
        let opened = JournalGuard::open_on(Arc::new(MemoryDisk::of(files)), Path::new("/g"), SMALL);
        assert!(matches!(opened.err(), Some(GuardError::Journal(_))), "byte {byte}");
    }

    let folder = tempfile::tempdir().unwrap();
    let options = countersign::journal::Options::default();
    for record in
        ["", "{}", "what another journal holds", r#"{"began":-1}"#, r#"{"began":"x"}"#, "{\"began\":1}\n"]
    {
        let folder = folder.path().join(format!("{}-{}", record.len(), record.contains('x')));
        let (mut journal, _) = countersign::journal::Journal::open(&folder, options).unwrap();
        journal.append_group(&[record]).unwrap();
        drop(journal);
        assert_eq!(JournalGuard::open(&folder).err(), Some(GuardError::Foreign { index: 0 }), "{record}");
    }
}

/// A run with a moving clock is cut everywhere: a token whose use was acknowledged is never accepted again.
#[test]
fn no_power_cut_lets_a_token_through_twice() {
    let (mut cuts, mut replays) = (0, 0);
    for seed in 1..=25 {
        println!("seed {seed}");
        let mut chance = Chance::new(seed);
        let (mut base, mut used): (Files, Vec<(TokenUse, u64)>) = (Files::new(), Vec::new());
        let mut now = 10_000;
        for generation in 0..3_u64 {
            let disk = MemoryDisk::of(base.clone());
            let guard = open_on(&disk);
            let mut answers = Vec::new();
            for number in 0..120_u64 {
                now += chance.between(0, 60) as u64;
                let token = token(generation * 1000 + number, now, *chance.of(&[30, 300, 300, 900]));
                disk.tell(Told::Submitted(Vec::new()));
                guard.consume(&token, at(now)).unwrap();
                disk.tell(Told::Acknowledged);
                answers.push((token, now));
            }
            drop(guard);
            let ops = disk.take_ops();
            let mut places: Vec<usize> = (0..30).map(|_| chance.between(0, ops.len())).collect();
            places.sort_unstable();
            let (mut platter, mut played, mut acknowledged) = (Platter::of(&base), 0, 0);
            let mut left = Vec::new();
            for place in places {
                for op in &ops[played..place] {
                    platter.play(op, &mut chance);
                    acknowledged += usize::from(matches!(op, Op::Told(Told::Acknowledged)));
                }
                played = place;
                let cruelty = *chance.of(&CRUELTIES);
                let files = platter.cut(cruelty, &mut chance);
                let mut known = used.clone();
                known.extend_from_slice(&answers[..acknowledged]);
                let guard = open_on(&MemoryDisk::of(files.clone()));
                for (token, used_at) in &known {
                    let replayed = guard.consume(token, at(*used_at));
                    assert!(replayed.is_err(), "{token:?} was accepted twice after {cruelty:?} at {place}");
                    replays += 1;
                }
                cuts += 1;
                left.push((files, known));
            }
            let next = chance.between(0, left.len() - 1);
            (base, used) = left.swap_remove(next);
        }
    }
    println!("{cuts} cuts, {replays} replays refused");
    assert!(cuts >= 2000);
}

/// Set in the child process that [`no_kill_lets_a_token_through_twice`] starts and kills.
const VICTIM: &str = "COUNTERSIGN_TEST_REPLAY_VICTIM";

#[test]
fn no_kill_lets_a_token_through_twice() {
    if let Some(folder) = std::env::var_os(VICTIM) {
        return be_the_victim(Path::new(&folder));
    }
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("used");
    let mut chance = Chance::new(1);
    let mut accepted: Vec<u64> = Vec::new();
    let mut kills = 0;
    while kills < 25 || accepted.len() < 500 {
        kills += 1;
        assert!(kills < 500, "only {} were accepted", accepted.len());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "no_kill_lets_a_token_through_twice"])
            .env(VICTIM, &folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let killer_waits = Duration::from_millis(chance.between(0, 60) as u64);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let begun = lines.by_ref().find(|line| line.as_ref().is_ok_and(|line| line == "open")).is_some();
        assert!(begun, "the victim could not open the guard");
        std::thread::sleep(killer_waits);
        child.kill().unwrap();
        child.wait().unwrap();
        // What was written before the kill is still in the pipe; the last line may be half.
        let told =
            lines.map_while(Result::ok).filter_map(|line| line.strip_suffix(" used")?.parse::<u64>().ok());
        accepted.extend(told);
    }
    let mut unique = accepted.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), accepted.len(), "a token was accepted by two processes");
    let guard = JournalGuard::open(&folder).unwrap();
    for number in accepted {
        assert_eq!(guard.consume(&token(number, 1000, 3600), at(1001)), Err(ReplayError::Replayed));
    }
}

/// Uses all tokens from the first on, as those before it did, and says which were accepted.
fn be_the_victim(folder: &Path) {
    let guard = JournalGuard::open(folder).unwrap();
    println!("open");
    let next = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    match guard.consume(&token(number, 1000, 3600), at(1001)) {
                        Ok(()) => println!("{number} used"),
                        Err(refused) => assert_eq!(refused, ReplayError::Replayed),
                    }
                }
            });
        }
    });
}
