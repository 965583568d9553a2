//! What the static binary weighs: its size, how soon after its start it has answered, and its memory when idle; beside
//! Cerbos's PDP, in turn in the same run.
//!
//! `cargo build --release --target x86_64-unknown-linux-musl && cargo bench --bench footprint -- [--binary FILE] [--json]`.
//! The PDP comes from npm into the target folder. Each start is of a fresh folder; "answered" is the answer to a first
//! decision over gRPC on a Unix socket, recorded and signed by us, neither by the PDP (no audit).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    dead_code,
    missing_docs,
    reason = "a benchmark says what it expects"
)]

#[path = "../authorize/load.rs"]
mod load;
#[path = "../authorize/stage.rs"]
mod stage;

use load::{Caller, Place, median};
use serde_json::{Value, json};
use stage::{Stage, allows, wire_request, wire_request_id};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const STARTS: usize = 15;
/// How long a process is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(2);
const CERBOS: &str = "cerbos@0.51.0";

/// A server that is killed when it is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One start: how long until it had answered, then its resident memory and the part that no file backs, in MiB.
struct Start {
    answered: f64,
    resident: f64,
    anonymous: f64,
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let said = args.iter().position(|arg| arg == "--binary").and_then(|at| args.get(at + 1));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let musl = target.join("x86_64-unknown-linux-musl/release/countersign");
    let ours = said.map_or(musl, PathBuf::from);
    assert!(ours.exists(), "`{}` is not there: build it first, or say `--binary FILE`", ours.display());
    let theirs = cerbos(&target.join("parts/cerbos"));
    // `cargo bench` says so; `cargo test` only tries whether it runs.
    let starts = if args.iter().any(|arg| arg == "--bench") { STARTS } else { 2 };
    let (mut us, mut them) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        us.push(countersign(&ours).await);
        them.push(pdp(&theirs).await);
    }
    let figures = json!({ "countersign": summed(&ours, &us), "cerbos": summed(&theirs, &them) });
    if args.iter().any(|arg| arg == "--json") {
        println!("{figures:#}");
        return;
    }
    for (name, of) in figures.as_object().unwrap() {
        println!(
            "{name:<12} {:>6.1} MB, answered after {:>6.1} ms, idle {:>6.1} MiB resident, {:>5.1} of it its own",
            of["megabytes"].as_f64().unwrap(),
            of["answered_ms"].as_f64().unwrap(),
            of["resident_mib"].as_f64().unwrap(),
            of["anonymous_mib"].as_f64().unwrap(),
        );
    }
}

fn summed(binary: &Path, starts: &[Start]) -> Value {
    let of = |part: fn(&Start) -> f64| median(starts.iter().map(part).collect());
    json!({
        "megabytes": std::fs::metadata(binary).unwrap().len() as f64 / 1e6,
        "answered_ms": of(|start| start.answered),
        "resident_mib": of(|start| start.resident),
        "anonymous_mib": of(|start| start.anonymous),
        "starts": starts.len(),
    })
}

async fn countersign(binary: &Path) -> Start {
    let stage = Stage::set(None);
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(stage.path("countersign.yaml"));
    let begin = Instant::now();
    let server = start(&mut command);
    let place = socket(&server, &stage.path("agent.sock")).await;
    let caller = Caller::new(&place, 1, "/countersign.v1.Authority/Authorize", wire_request(), allows).await;
    caller.with_unique(wire_request_id).call(0).await;
    weighed(&server, begin.elapsed()).await
}

async fn pdp(binary: &Path) -> Start {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir(at.join("policies")).unwrap();
    std::fs::write(at.join("policies/orders.yaml"), POLICY).unwrap();
    let path = at.join("cerbos.sock");
    let config = format!(
        "server: {{httpListenAddr: \"127.0.0.1:0\", grpcListenAddr: \"unix:{}\"}}\nstorage:\n  driver: disk\n  \
         disk: {{directory: {}, watchForChanges: false}}\ntelemetry: {{disabled: true}}\n",
        path.display(),
        at.join("policies").display()
    );
    std::fs::write(at.join("conf.yaml"), config).unwrap();
    let mut command = Command::new(binary);
    command.arg("server").arg("--config").arg(at.join("conf.yaml"));
    let begin = Instant::now();
    let server = start(&mut command);
    let place = socket(&server, &path).await;
    // CheckResourcesRequest: request_id 1, principal 3 {id 1, roles 3}, resources 4 {actions 1, resource 2 {kind 1, id 3}}.
    let principal = [field(1, b"agent:bench"), field(3, b"agent")].concat();
    let resource = [field(1, b"orders"), field(3, b"db/staging/orders")].concat();
    let entry = [field(1, b"query"), field(2, &resource)].concat();
    let request = [field(1, b"request-1"), field(3, &principal), field(4, &entry)].concat();
    let method = "/cerbos.svc.v1.CerbosService/CheckResources";
    // EFFECT_ALLOW is 1, the value of the action's entry in the answer's map.
    let allowed = |answer: &[u8]| answer.windows(9).any(|window| window == b"\x0a\x05query\x10\x01");
    Caller::new(&place, 1, method, request, allowed).await.call(0).await;
    weighed(&server, begin.elapsed()).await
}

const POLICY: &str = "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: orders\n  version: default\n  rules:\n    - \
                      actions: [query]\n      effect: EFFECT_ALLOW\n      roles: [agent]\n      condition: {match: {expr: \
                      \"R.id.startsWith('db/')\"}}\n";

fn start(command: &mut Command) -> Server {
    Server(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

async fn socket(server: &Server, path: &Path) -> Place {
    let alive = PathBuf::from(format!("/proc/{}/exe", server.0.id()));
    while tokio::net::UnixStream::connect(path).await.is_err() {
        assert!(alive.exists(), "the server ended");
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    Place::Unix(path.to_owned())
}

async fn weighed(server: &Server, answered: Duration) -> Start {
    tokio::time::sleep(IDLE).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.0.id())).unwrap();
    let mib = |name: &str| -> f64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    };
    Start { answered: answered.as_secs_f64() * 1e3, resident: mib("VmRSS:"), anonymous: mib("RssAnon:") }
}

/// The PDP's binary, installed by npm where it is not there yet.
fn cerbos(folder: &Path) -> PathBuf {
    let binary = folder.join("node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64");
    if !binary.exists() {
        std::fs::create_dir_all(folder).unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(folder).arg(CERBOS);
        assert!(npm.status().unwrap().success(), "npm could not install {CERBOS}");
    }
    binary
}

/// One length-delimited protobuf field of less than 128 bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}
