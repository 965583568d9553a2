//! `countersign reviewers check`: what is wrong or doubtful about a roster, and what of a policy its people could not do.

use crate::cli::exit::{Exit, Failed};
use crate::cli::now;
use crate::cli::output::{Output, Tone, visible};
use crate::cli::policy::{counted, files};
use crate::policy::{Finding, Severity};
use crate::reviewer::check::Doubt;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Check a roster: mistakes, roles of nobody, hours without anybody; and what of a policy its people could not approve
///
/// Ends with 0 if nothing is wrong and 1 if there is an error; with --strict also for warnings.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The roster; - reads standard input
    roster: PathBuf,
    /// A policy, to check who could approve what it asks for
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Take warnings for errors
    #[arg(long)]
    strict: bool,
    /// Leave out what is only worth knowing
    #[arg(long)]
    no_notes: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Something that was found, of the roster alone or of the policy with it.
enum Found {
    Doubt(Doubt),
    Finding(Finding),
}

impl Found {
    const fn severity(&self) -> Severity {
        match self {
            Self::Doubt(doubt) => doubt.severity(),
            Self::Finding(finding) => finding.severity,
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::Doubt(doubt) => doubt.code(),
            Self::Finding(finding) => finding.code(),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Doubt(doubt) => doubt.to_string(),
            Self::Finding(finding) => finding.what.to_string(),
        }
    }

    fn json(&self) -> Value {
        let (message, place) = match self {
            Self::Doubt(doubt) => (doubt.to_string(), Value::Null),
            Self::Finding(Finding { what, .. }) => {
                let place = json!({ "file": what.file, "line": what.at.line, "column": what.at.column });
                (what.problem.to_string(), place)
            }
        };
        json!({ "severity": self.severity().as_str(), "code": self.code(), "message": message, "place": place })
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if a file cannot be read, or the policy is not one.
pub(in crate::cli) fn run(args: &Args) -> Result<Exit, Failed> {
    let output = Output::new(args.json);
    let policy = args.policy.as_deref().map(files::policy).transpose()?;
    let (people, mut found) = match files::read_roster(&args.roster)? {
        Ok(directory) => {
            let mut found: Vec<Found> = directory.doubts(now()).into_iter().map(Found::Doubt).collect();
            if let Some(policy) = &policy {
                // What the policy is without its people, `policy check` says.
                let alone = policy.findings(None);
                let with = policy.findings(Some(&directory)).into_iter();
                found.extend(with.filter(|finding| !alone.contains(finding)).map(Found::Finding));
            }
            (Some(directory.people().count()), found)
        }
        Err(what) => (None, vec![Found::Finding(Finding { severity: Severity::Error, what })]),
    };
    found.retain(|one| !args.no_notes || one.severity() > Severity::Note);
    found.sort_by_key(|one| core::cmp::Reverse(one.severity()));
    let least = if args.strict { Severity::Warning } else { Severity::Error };
    let ok = found.iter().all(|one| one.severity() < least);
    let document = || {
        json!({
            "file": args.roster.display().to_string(),
            "ok": ok,
            "people": people,
            "findings": found.iter().map(Found::json).collect::<Vec<_>>(),
        })
    };
    output.print(document, |output| words(output, people, &found));
    Ok(if ok { Exit::Success } else { Exit::Failure })
}

fn words(output: Output, people: Option<usize>, found: &[Found]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for one in found {
        let tone = match one.severity() {
            Severity::Error => Tone::Bad,
            Severity::Warning => Tone::Wait,
            Severity::Note => Tone::Faint,
        };
        let severity = output.paint(tone, one.severity().as_str());
        let code = output.paint(Tone::Faint, format!("[{}]", one.code()));
        lines.push(format!("{severity}: {}\n  = {code}\n", visible(&one.words())));
    }
    let count = |severity| found.iter().filter(|one| one.severity() == severity).count();
    let counts = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")];
    let counts = counts.map(|(severity, name)| counted(count(severity), name)).join(", ");
    lines.push(match people {
        None => format!("not a roster: {counts}"),
        Some(1) => format!("1 person: {counts}"),
        Some(people) => format!("{people} people: {counts}"),
    });
    lines.join("\n")
}
