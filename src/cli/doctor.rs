//! `countersign doctor`: looks at a machine and what a service there is told, and says what to do.

mod keys;
mod machine;
mod reach;

use super::configured::Configured;
use super::exit::{Exit, Failed};
use super::output::{Output, Tone, visible};
use crate::config::{Config, ConfigError};
use crate::serve;
use core::fmt::Display;
use serde_json::json;
use std::path::PathBuf;

/// Check a machine: configuration, keys, certificates, clock, disk, record, and whether all that is needed can be reached
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Configured,
    /// Look at what a sidecar of this desk needs instead of at a service's configuration
    #[arg(long, env = "COUNTERSIGN_DESK", value_name = "URL")]
    desk: Option<String>,
    /// The authority that the desk's certificate comes from, PEM
    #[arg(long, env = "COUNTERSIGN_DESK_CA", value_name = "FILE", requires = "desk")]
    desk_ca: Option<PathBuf>,
    /// Don't ask anybody over the network
    #[arg(long)]
    offline: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Ok,
    Warn,
    Fail,
}

impl Standing {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    const fn tone(self) -> Tone {
        match self {
            Self::Ok => Tone::Good,
            Self::Warn => Tone::Wait,
            Self::Fail => Tone::Bad,
        }
    }
}

/// What was found about one thing.
struct Finding {
    about: &'static str,
    standing: Standing,
    what: String,
    /// Why it matters, and what to do; said where it is not well.
    matters: &'static str,
    advice: &'static str,
}

impl Finding {
    fn ok(about: &'static str, what: impl Display) -> Self {
        Self { about, standing: Standing::Ok, what: what.to_string(), matters: "", advice: "" }
    }

    fn new(
        standing: Standing,
        about: &'static str,
        what: impl Display,
        matters: &'static str,
        advice: &'static str,
    ) -> Self {
        Self { about, standing, what: what.to_string(), matters, advice }
    }
}

/// Runs the command.
///
/// # Errors
/// None: what is wrong is a finding.
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let mut findings = Vec::new();
    match &args.desk {
        Some(desk) => {
            findings.extend(machine::limits());
            if !args.offline {
                findings.push(reach::desk(desk, args.desk_ca.as_deref()).await);
            }
        }
        None => service(&args, &mut findings).await,
    }
    Ok(tell(&findings, Output::new(args.json)))
}

async fn service(args: &Args, findings: &mut Vec<Finding>) {
    const MATTERS: &str = "a service does not start with it";
    const ADVICE: &str = "mend it; `countersign config check` names all that is wrong, each with its place";
    let config = match args.config.layered() {
        Ok(layered) => layered.value,
        Err(ConfigError::Wrong(all)) => {
            let fail = |wrong| Finding::new(Standing::Fail, "configuration", wrong, MATTERS, ADVICE);
            findings.extend(all.iter().map(fail));
            findings.extend(machine::limits());
            return;
        }
        Err(error @ ConfigError::Unreadable { .. }) => {
            findings.push(Finding::new(
                Standing::Fail,
                "configuration",
                error,
                MATTERS,
                "say which file by `--config`",
            ));
            findings.extend(machine::limits());
            return;
        }
    };
    findings.extend(rules(&config));
    // It reads the disk, and writes a few bytes to see how long that takes.
    let local = config.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let mut found = keys::keys(&local);
        found.extend(keys::certificates(&local));
        found.extend(machine::secrets(&local));
        found.extend(machine::record(&local));
        found.extend(machine::disk(&local.data));
        found.extend(machine::limits());
        found.extend(machine::running(&local));
        found
    });
    findings.extend(looked.await.unwrap_or_default());
    if !args.offline {
        findings.extend(reach::others(&config).await);
    }
}

/// The policy and the roster.
fn rules(config: &Config) -> Vec<Finding> {
    const ADVICE: &str = "`countersign policy check` and `reviewers check` say more";
    match serve::check(config) {
        Err(error) => {
            vec![Finding::new(
                Standing::Fail,
                "configuration",
                error,
                "a service does not start with it",
                ADVICE,
            )]
        }
        Ok(doubts) if doubts.is_empty() => {
            vec![Finding::ok("configuration", "the configuration, the policy and the roster are sound")]
        }
        Ok(doubts) => {
            let matters = "a service starts with it, and somebody may get less, or more, than is meant";
            let warn = |doubt| Finding::new(Standing::Warn, "configuration", doubt, matters, ADVICE);
            doubts.into_iter().map(warn).collect()
        }
    }
}

fn tell(findings: &[Finding], output: Output) -> Exit {
    let fails = findings.iter().any(|finding| finding.standing == Standing::Fail);
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let document = || {
        let findings = findings.iter().map(|Finding { about, standing, what, matters, advice }| {
            let (matters, advice) = (said(matters), said(advice));
            json!({ "about": about, "standing": standing.as_str(), "what": what, "matters": matters, "advice": advice })
        });
        json!({ "healthy": !fails, "findings": findings.collect::<Vec<_>>() })
    };
    output.print(document, |output| {
        let lines = findings.iter().map(|Finding { about, standing, what, matters, advice }| {
            let mark = output.paint(standing.tone(), format!("{:<4}", standing.as_str()));
            let mut line = format!("{mark} {about}: {}", visible(what));
            if !matters.is_empty() {
                line.push_str(&format!("\n       {matters}"));
            }
            if !advice.is_empty() {
                line.push_str(&format!("\n     → {advice}"));
            }
            line
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    if fails { Exit::Failure } else { Exit::Success }
}
