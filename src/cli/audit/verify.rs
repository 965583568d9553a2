//! `countersign audit verify`: whether a log is what was logged, and whether what it says can have happened.

use super::folder::Source;
use super::trust;
use crate::audit::log::{Fault, Report, Verdict, verify};
use crate::audit::verify::{Finding, Severity, meaning};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, visible};
use crate::cli::policy::counted;
use crate::cli::policy::record::Progress;
use serde_json::{Value, json};
use std::path::PathBuf;

/// How many faults, findings and notes are told in words.
const TOLD: usize = 50;

/// Verify a log from its signatures down to what it means, trusting nobody who wrote it
///
/// The log is a folder that `audit export --format tiles` wrote, or the one in which a service keeps its record. Every
/// checkpoint, tile and entry is checked, and then whether each token follows from a decision and from enough people who
/// agreed to just that. Ends with 0 if the log is sound, with 1 if something in it cannot have happened or may not,
/// with 2 if it is not what was logged, with 3 if that cannot be told.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The folder of the log
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Whom to trust: a root's public key as JWK, the verifier key of the log, or a log policy that names logs and
    /// witnesses (may be repeated)
    #[arg(long = "trust", value_name = "FILE", required = true)]
    trust: Vec<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if there is no log, or nobody to trust.
pub(super) fn run(args: &Args) -> Result<Exit, Failed> {
    let trust = trust::read(&args.trust)?;
    let source = Source::open(&args.folder).map_err(|failed| Failed { exit: Exit::CannotTell, ..failed })?;
    let mut progress = Progress::new("verifying the log", source.expected());
    let report = verify(source.kept(), source.leaves(), trust, |entries| progress.at(entries));
    progress.done();
    Output::new(args.json).print(|| document(&report), |output| words(output, &report));
    Ok(exit(report.verdict()))
}

const fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Sound => Exit::Success,
        Verdict::Findings => Exit::Failure,
        Verdict::Tampered => Exit::Tampered,
        Verdict::Undecided => Exit::CannotTell,
    }
}

fn document(report: &Report) -> Value {
    let summary = &report.summary;
    let moment = |moment: Option<crate::moment::Moment>| moment.map(|moment| moment.to_string());
    json!({
        "verdict": report.verdict().as_str(),
        "origin": report.origin,
        "entries": report.entries,
        "covered": report.covered,
        "root": report.root.map(|root| root.to_string()),
        "checkpoints": report.checkpoints,
        "witnesses": report.witnesses,
        "faults": report.faults.iter().map(fault_json).collect::<Vec<_>>(),
        "fault_count": report.fault_count,
        "findings": report.findings.iter().map(finding_json).collect::<Vec<_>>(),
        "finding_count": report.finding_count.0,
        "note_count": report.finding_count.1,
        "record": {
            "first": moment(summary.first),
            "last": moment(summary.last),
            "decisions": summary.decisions,
            "escalations": summary.escalations,
            "votes": summary.votes,
            "signed_votes": summary.signed,
            "tokens": summary.mints,
            "receipts": summary.receipts,
            "values_apart": summary.apart,
        },
    })
}

fn fault_json(fault: &Fault) -> Value {
    json!({
        "proof": fault.proof.as_str(),
        "code": fault.code,
        "file": fault.place,
        "byte": fault.byte,
        "index": fault.index,
        "what": fault.words,
    })
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.as_str(),
        "code": finding.code,
        "index": finding.index,
        "txn": finding.txn.map(|txn| txn.to_string()),
        "what": finding.words,
        "meaning": meaning(finding.code),
    })
}

fn words(output: Output, report: &Report) -> String {
    let mut lines = Vec::new();
    for fault in report.faults.iter().take(TOLD) {
        lines.push(fault_words(output, fault));
    }
    more(&mut lines, report.fault_count);
    let findings = |severity| report.findings.iter().filter(move |one| one.severity == severity);
    for finding in findings(Severity::Finding).take(TOLD) {
        lines.push(finding_words(output, finding));
    }
    more(&mut lines, report.finding_count.0);
    for note in findings(Severity::Note).take(TOLD) {
        lines.push(finding_words(output, note));
    }
    more(&mut lines, report.finding_count.1);
    lines.push(held_words(report));
    lines.push(verdict_words(output, report));
    lines.join("\n")
}

fn more(lines: &mut Vec<String>, count: u64) {
    if let Some(more) = count.checked_sub(TOLD as u64).filter(|more| *more > 0) {
        lines.push(format!("… and {more} more of these"));
    }
}

fn fault_words(output: Output, fault: &Fault) -> String {
    let tone = match fault.proof {
        crate::audit::log::Proof::Tampered => Tone::Bad,
        crate::audit::log::Proof::Undecided => Tone::Wait,
    };
    let index = fault.index.map(|index| format!(", entry {index}")).unwrap_or_default();
    let byte = fault.byte.map(|byte| format!(", byte {byte}")).unwrap_or_default();
    format!(
        "{} {}{index}{byte}: {} ({})",
        output.paint(tone, fault.proof.as_str()),
        visible(&fault.place),
        visible(&fault.words),
        fault.code
    )
}

fn finding_words(output: Output, finding: &Finding) -> String {
    let tone = match finding.severity {
        Severity::Finding => Tone::Bad,
        Severity::Note => Tone::Faint,
    };
    let about = finding.txn.map(|txn| format!(" ({txn})")).unwrap_or_default();
    format!(
        "{} entry {}{about}: {}\n  {}: {}",
        output.paint(tone, finding.severity.as_str()),
        finding.index,
        meaning(finding.code).unwrap_or_default(),
        finding.code,
        visible(&finding.words)
    )
}

/// What there is, in figures.
fn held_words(report: &Report) -> String {
    let number = |count: u64, name: &str| counted(usize::try_from(count).unwrap_or(usize::MAX), name);
    let summary = &report.summary;
    let mut words = format!(
        "{}, {} of them under a checkpoint that is believed; {}; {}; {}; {} ({} signed by their reviewers); {}",
        report.entries.to_string() + " entries",
        report.covered,
        number(report.checkpoints, "checkpoint"),
        number(summary.decisions, "decision"),
        number(summary.escalations, "escalation"),
        number(summary.votes, "vote"),
        summary.signed,
        number(summary.mints, "token"),
    );
    if summary.apart > 0 {
        words.push_str(&format!("; {} apart, not checked", number(summary.apart, "value")));
    }
    if let (Some(first), Some(last)) = (summary.first, summary.last) {
        words.push_str(&format!("\nfrom {first} to {last}"));
    }
    words
}

fn verdict_words(output: Output, report: &Report) -> String {
    let origin = report
        .origin
        .as_deref()
        .map_or_else(|| "the log".to_owned(), |origin| format!("`{}`", visible(origin)));
    match report.verdict() {
        Verdict::Sound => {
            let uncovered = report.entries.saturating_sub(report.covered);
            let mut words = output.paint(Tone::Good, format!("{origin} is sound"));
            if uncovered > 0 {
                words.push_str(&format!(
                    ", but for its last {uncovered} entries, which no checkpoint covers yet"
                ));
            }
            words
        }
        Verdict::Findings => output.paint(
            Tone::Bad,
            format!(
                "{origin} is what its operator signed, and something in it cannot have happened or may not"
            ),
        ),
        Verdict::Tampered => {
            output.paint(Tone::Bad, format!("{origin} has been tampered with, or is damaged"))
        }
        Verdict::Undecided => {
            output.paint(Tone::Wait, format!("whether {origin} is sound cannot be told from what there is"))
        }
    }
}
