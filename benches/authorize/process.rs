//! The service as a process of its own: how soon it answers, how much memory and disk it takes.

use crate::load::{Caller, Place, median, processor_time_of};
use crate::stage::{Stage, allows, deploy, wire_request, wire_request_id};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const AUTHORIZE: &str = "/countersign.v1.Authority/Authorize";

/// `countersign serve` on a stage; it is killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// From before it was started until it had answered a first `Authorize`.
    until_answer: Duration,
}

impl Process {
    async fn start(stage: &Stage) -> Self {
        Self::start_saying(stage, "info").await
    }

    /// … with this filter for its log.
    pub(crate) async fn start_saying(stage: &Stage, log: &str) -> Self {
        let begin = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .arg("serve")
            .env("COUNTERSIGN_LOG", log)
            .arg("--config")
            .arg(stage.path("countersign.yaml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Self { child, until_answer: Duration::ZERO };
        let socket = stage.path("agent.sock");
        while tokio::net::UnixStream::connect(&socket).await.is_err() {
            assert!(process.child.try_wait().unwrap().is_none(), "the service ended");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        authorize(stage, 1).await.call(0).await;
        process.until_answer = begin.elapsed();
        process
    }

    /// The processor time that it has taken so far, in steps of 10 ms.
    pub(crate) fn processor_time(&self) -> Duration {
        processor_time_of(&self.child.id().to_string())
    }

    /// Resident memory in MiB, of which what is not the program file's pages.
    fn memory(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kib = |name: &str| -> f64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        (kib("VmRSS:") / 1024.0, kib("RssAnon:") / 1024.0)
    }

    /// Ends it as an operator would, or as a power cut would.
    fn end(mut self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) async fn authorize(stage: &Stage, connections: usize) -> Arc<Caller> {
    let place = Place::Unix(stage.path("agent.sock"));
    let caller = Caller::new(&place, connections, AUTHORIZE, wire_request(), allows).await;
    Arc::new(caller.with_unique(wire_request_id))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Starts, restarts and fills a service.
pub(crate) async fn measure(folder: Option<&str>, records: u64, waits: u32) -> Value {
    let mut starts = Vec::new();
    let mut idle = Vec::new();
    for _ in 0..7 {
        let stage = Stage::set(folder);
        let process = Process::start(&stage).await;
        starts.push(ms(process.until_answer));
        tokio::time::sleep(Duration::from_millis(100)).await;
        idle.push(process.memory());
        process.end("-TERM");
    }
    let (idle, anonymous): (Vec<_>, Vec<_>) = idle.into_iter().unzip();

    let stage = Stage::set(folder);
    let process = Process::start(&stage).await;
    let before = occupied(&stage.config().data);
    // Each decision that allows is two records: the decision and its mint.
    let caller = authorize(&stage, 4).await;
    let workers = (0..64_u64).map(|worker| {
        let caller = caller.clone();
        tokio::spawn(async move {
            for _ in 0..records / 2 / 64 {
                caller.call(worker as usize).await;
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    let per_decision = (occupied(&stage.config().data) - before) as f64 / (records / 2) as f64;
    let agent = stage.agent().await;
    let mut pending = Vec::new();
    for _ in 0..waits {
        pending.push(agent.authorize(deploy()).await.unwrap().pending.unwrap().escalation);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (full, full_anonymous) = process.memory();
    let mut following = Vec::new();
    for id in &pending {
        let mut follows = agent.follow(id).await.unwrap();
        follows.next().await.unwrap().unwrap();
        following.push(follows);
    }
    let (waiting, _) = process.memory();
    drop(following);
    process.end("-TERM");
    let after_stop = Process::start(&stage).await;
    let restart = ms(after_stop.until_answer);
    after_stop.end("-KILL");
    let after_kill = ms(Process::start(&stage).await.until_answer);
    json!({
        "start_to_first_answer_ms": median(starts),
        "idle_memory_mib": median(idle),
        "idle_memory_anonymous_mib": median(anonymous),
        "records": records,
        "pending": waits,
        "memory_with_records_mib": full,
        "memory_with_records_anonymous_mib": full_anonymous,
        "memory_of_open_waits_mib": waiting - full,
        "open_waits": waits,
        "restart_with_records_ms": restart,
        "restart_after_kill_ms": after_kill,
        "disk_bytes_per_decision": per_decision,
    })
}

/// What the files in a folder occupy on the disk, in bytes.
fn occupied(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let sizes = entries.map(|entry| {
        let about = entry.metadata().unwrap();
        if about.is_dir() { occupied(&entry.path()) } else { about.blocks() * 512 }
    });
    sizes.sum()
}
