//! The machine: disk, clock, record, limits, and the service that may be running on it.

use super::super::output::span;
use super::keys::secret;
use super::{Finding, Standing};
use crate::ceiling::Ceiling;
use crate::config::Config;
use crate::store::embedded::Look;
use core::time::Duration;
use rustix::process::{Resource, getrlimit};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Instant;

const MIB: u64 = 1 << 20;
/// How long a service that runs on this machine has to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// A clock that is behind by less is steered and not set.
const SLACK: Duration = Duration::from_secs(2);

/// Files with secrets beside the keys.
pub(super) fn secrets(config: &Config) -> Vec<Finding> {
    let channels = &config.channels;
    let files = [
        config.oidc.as_ref().and_then(|oidc| oidc.client_secret_file.as_deref()),
        channels.email.as_ref().and_then(|email| email.password_file.as_deref()),
        channels.slack.as_ref().map(|slack| slack.token_file.as_path()),
        channels.slack.as_ref().map(|slack| slack.signing_secret_file.as_path()),
        channels.sms.as_ref().map(|sms| sms.token_file.as_path()),
    ];
    let webhooks = channels.webhooks.iter().map(|webhook| webhook.secret_file.as_deref());
    let files: Vec<&Path> = files.into_iter().chain(webhooks).flatten().collect();
    let wrong: Vec<String> = files.iter().filter_map(|file| secret(file)).collect();
    if wrong.is_empty() {
        let none = (!files.is_empty())
            .then(|| Finding::ok("secrets", format!("{} files, for their owner only", files.len())));
        return none.into_iter().collect();
    }
    let fail = |what| {
        let matters =
            "who reads it can send, or sign in, as this service; and a service does not start with it";
        Finding::new(
            Standing::Fail,
            "secrets",
            what,
            matters,
            "put it there, for the service's own user only (chmod 600)",
        )
    };
    wrong.into_iter().map(fail).collect()
}

/// The record, read from its beginning to its end, and the clock beside it.
pub(super) fn record(config: &Config) -> Vec<Finding> {
    const MATTERS: &str = "what was decided can't be shown any more, and a service does not start on it";
    const ADVICE: &str = "keep the folder as it is; `countersign audit verify` says how far it holds, and a copy of it may hold \
                          further";
    if !config.data.join("journal").exists() {
        return vec![Finding::ok("record", "there is none yet")];
    }
    let damaged =
        |error: &dyn core::fmt::Display| Finding::new(Standing::Fail, "record", error, MATTERS, ADVICE);
    let look = match Look::into_store(&config.data) {
        Ok(look) => look,
        Err(error) => return vec![damaged(&error)],
    };
    let mut last = None;
    for read in look.from(0) {
        match read {
            Ok((_, record)) => last = Some(record.at),
            Err(error) => return vec![damaged(&error)],
        }
    }
    let now = crate::cli::now();
    let mut findings = vec![Finding::ok("record", format!("{} records, each as it was written", look.len()))];
    findings.push(match last {
        Some(last) if last > now.plus(SLACK) => Finding::new(
            Standing::Fail,
            "clock",
            format!("the clock is {} behind the last record", span(last.since(now))),
            "nothing is minted until it has caught up, so that an expired token stays expired",
            "find out who set it back; synchronise it (chrony, systemd-timesyncd) and wait",
        ),
        Some(_) => Finding::ok("clock", "it is not behind the record"),
        None => Finding::ok("clock", "there is no record to hold it against"),
    });
    findings
}

/// The disk under the data.
pub(super) fn disk(data: &Path) -> Vec<Finding> {
    const MATTERS: &str = "when it is full the answer to every request is no";
    const ADVICE: &str =
        "make room, or give it a larger disk; erased values and old tiles don't shrink the journal";
    if !data.exists() {
        let advice = "make it, for the service's own user only (chmod 700)";
        let what = format!("`{}` is not there", data.display());
        return vec![Finding::new(
            Standing::Warn,
            "disk",
            what,
            "a service needs a folder for what it records",
            advice,
        )];
    }
    let mut findings = Vec::new();
    match rustix::fs::statvfs(data) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize) / MIB;
            let what = format!("{free} MiB and {} files are left", disk.f_favail);
            // Some file systems have no fixed number of files and say 0.
            let few_files = disk.f_files > 0 && disk.f_favail < 1000;
            let standing = match (free, few_files) {
                (0..64, _) => Standing::Fail,
                (64..1024, _) | (_, true) => Standing::Warn,
                _ => Standing::Ok,
            };
            findings.push(match standing {
                Standing::Ok => Finding::ok("disk", what),
                Standing::Warn | Standing::Fail => Finding::new(standing, "disk", what, MATTERS, ADVICE),
            });
        }
        Err(error) => {
            findings.push(Finding::new(
                Standing::Warn,
                "disk",
                format!("it can't be looked at: {error}"),
                MATTERS,
                ADVICE,
            ));
        }
    }
    findings.push(sync(data));
    findings
}

/// How long a sync takes: the middle one of some.
fn sync(data: &Path) -> Finding {
    const MATTERS: &str = "every answer waits for one, so that nothing that was said is forgotten";
    let file = data.join(format!(".doctor-{}", std::process::id()));
    let measured = (|| {
        let mut open = File::options().write(true).create_new(true).open(&file)?;
        let mut took = Vec::new();
        for _ in 0..9 {
            let begin = Instant::now();
            open.write_all(&[0; 4096])?;
            open.sync_data()?;
            took.push(begin.elapsed());
        }
        took.sort_unstable();
        Ok::<_, std::io::Error>(took.get(4).copied().unwrap_or_default())
    })();
    drop(std::fs::remove_file(&file));
    match measured {
        Ok(took) => {
            let what = format!("a sync takes {:.1} ms", took.as_secs_f64() * 1000.0);
            match took.as_millis() {
                0..50 => Finding::ok("disk", what),
                _ => {
                    let advice = "put the data on a local disk with a cache that survives a power cut, not on a network";
                    Finding::new(Standing::Warn, "disk", what, MATTERS, advice)
                }
            }
        }
        Err(error) => {
            let what = format!("`{}` can't be written: {error}", data.display());
            Finding::new(
                Standing::Fail,
                "disk",
                what,
                MATTERS,
                "run this as the service's own user, or give it the folder",
            )
        }
    }
}

/// What the system lets a process have.
pub(super) fn limits() -> Vec<Finding> {
    let files = getrlimit(Resource::Nofile).current;
    let files = match files {
        Some(files) if files < 4096 => Finding::new(
            Standing::Warn,
            "limits",
            format!("{files} files and sockets may be open"),
            "each connection takes one, and a service that has none left takes no more of them",
            "raise it (`LimitNOFILE=` of a unit, `ulimit -n`)",
        ),
        Some(files) => Finding::ok("limits", format!("{files} files and sockets may be open")),
        None => Finding::ok("limits", "any number of files and sockets may be open"),
    };
    let memory = match Ceiling::of_the_system() {
        Some(limit) if limit < 128 * MIB => Finding::new(
            Standing::Warn,
            "limits",
            format!("{} MiB of memory may be used", limit / MIB),
            "work is shed from 85 % of it on, and the system ends a process that goes beyond it",
            "give it 128 MiB at least (`resources.limits.memory` of a container)",
        ),
        Some(limit) => Finding::ok("limits", format!("{} MiB of memory may be used", limit / MIB)),
        None => Finding::ok("limits", "nothing limits the memory but the machine"),
    };
    vec![files, memory]
}

/// The service that runs here, if one does.
pub(super) fn running(config: &Config) -> Vec<Finding> {
    let Some(address) = config.listen.metrics else { return Vec::new() };
    let address = super::super::probe::here(address);
    let ready = match ask(address, "/ready") {
        Ok(ready) => ready,
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            return vec![Finding::ok("service", format!("none answers on {address}"))];
        }
        // Somebody listens there, and does not speak as a service does.
        Err(_) => String::new(),
    };
    let mut findings = Vec::new();
    findings.push(match ready.split_once("\r\n\r\n") {
        Some((head, _)) if head.contains(" 200 ") => Finding::ok("service", "it runs, and takes work"),
        Some((_, why)) => Finding::new(
            Standing::Fail,
            "service",
            format!("it runs, and takes no work: {}", why.trim()),
            "its agents may do nothing but what needs no answer",
            "docs/telemetry.md says what to do about each alert",
        ),
        None => Finding::new(
            Standing::Warn,
            "service",
            format!("what answers on {address} is something else"),
            "the service can't listen there",
            "give `listen.metrics` another address",
        ),
    });
    let metrics = ask(address, "/metrics").unwrap_or_default();
    let version = metrics.lines().find_map(|line| line.strip_prefix("countersign_build_info{version=\""));
    let version = version.and_then(|rest| rest.split('"').next());
    if let Some(other) = version.filter(|version| *version != env!("CARGO_PKG_VERSION")) {
        findings.push(Finding::new(
            Standing::Warn,
            "service",
            format!("{other} runs, and this is {}", env!("CARGO_PKG_VERSION")),
            "what this command finds sound another version may refuse",
            "restart the service, or use the command of its version",
        ));
    }
    findings
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(4 * MIB).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
