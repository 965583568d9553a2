//! The program itself, with all that it says.

use crate::exposition::Exposition;
use crate::support::Service;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// `countersign serve --log-json` on a prepared folder.
pub(crate) struct Program {
    pub(crate) service: Service,
    pub(crate) agents: String,
    metrics: String,
    child: Child,
    out: String,
}

impl Program {
    /// Starts it with this filter for its log, and returns when it says that it is ready.
    pub(crate) fn start(service: Service, log: &str) -> Self {
        let err = File::create(service.path("log")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .current_dir(service.folder.path())
            .args(["serve", "--config", "countersign.yaml", "--log-json"])
            .env("COUNTERSIGN_LOG", log)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(err)
            .spawn()
            .unwrap();
        let mut out = String::new();
        let mut at = |name: &str, lines: &mut dyn Iterator<Item = String>| {
            for line in lines {
                out.push_str(&line);
                out.push('\n');
                let words: Vec<&str> = line.split_whitespace().collect();
                if let [who, place] = words[..]
                    && who == name
                    && !place.starts_with("unix:")
                {
                    return place.to_owned();
                }
            }
            panic!("it did not start: {}", std::fs::read_to_string(service.path("log")).unwrap());
        };
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (agents, metrics) = (at("agents", &mut lines), at("metrics", &mut lines));
        Self { service, agents, metrics, child, out }
    }

    /// What its metrics say now.
    pub(crate) async fn scrape(&self) -> (String, Exposition) {
        let mut stream = TcpStream::connect(&self.metrics).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let exposition = Exposition::read(answer.split_once("\r\n\r\n").unwrap().1);
        (answer, exposition)
    }

    /// Stops it in order, and gives all that it ever wrote.
    pub(crate) async fn stop(mut self) -> (Service, String) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut child = std::mem::replace(&mut self.child, Command::new("true").spawn().unwrap());
        let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
        let log = std::fs::read_to_string(self.service.path("log")).unwrap();
        assert!(status.success(), "{status}: {log}");
        assert!(!log.contains("panicked"), "{log}");
        let folder = Service { folder: tempfile::tempdir().unwrap(), running: None };
        let all = format!("{}{log}", self.out);
        (std::mem::replace(&mut self.service, folder), all)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
