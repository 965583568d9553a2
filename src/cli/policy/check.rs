//! `countersign policy check`: what is wrong or doubtful about a policy, before it is used.

use super::files;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, visible};
use crate::policy::{Finding, Policy, Severity, SourceError};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Check a policy: mistakes, rules that never decide, levels out of reach, requirements that nobody could meet
///
/// Ends with 0 if nothing is wrong and 1 if there is an error; with --strict also for warnings.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The policy; - reads standard input
    policy: PathBuf,
    /// The roster, to check who could approve
    #[arg(long, value_name = "FILE")]
    roster: Option<PathBuf>,
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

/// Runs the command.
///
/// # Errors
/// [`Failed`] if a file cannot be read, or the roster is not one.
pub(in crate::cli) fn run(args: &Args) -> Result<Exit, Failed> {
    let output = Output::new(args.json);
    let directory = args.roster.as_deref().map(files::roster).transpose()?;
    let (policy, mut findings) = match files::read_policy(&args.policy)? {
        Ok(policy) => {
            let findings = policy.findings(directory.as_ref());
            (Some(policy), findings)
        }
        Err(what) => (None, vec![Finding { severity: Severity::Error, what }]),
    };
    if args.no_notes {
        findings.retain(|finding| finding.severity > Severity::Note);
    }
    let least = if args.strict { Severity::Warning } else { Severity::Error };
    let ok = findings.iter().all(|finding| finding.severity < least);
    let document = || {
        json!({
            "file": args.policy.display().to_string(),
            "ok": ok,
            "policy": policy.as_ref().map(about),
            "findings": findings.iter().map(finding_json).collect::<Vec<_>>(),
        })
    };
    output.print(document, |output| words(output, policy.as_ref(), &findings));
    Ok(if ok { Exit::Success } else { Exit::Failure })
}

fn about(policy: &Policy) -> Value {
    let range = policy.model().range();
    json!({
        "name": policy.name(),
        "digest": policy.digest().to_string(),
        "rules": policy.rules().len(),
        "floors": policy.floors().len(),
        "limits": policy.limits().len(),
        "score": { "lowest": range.lowest.thousandths(), "highest": range.highest.thousandths() },
    })
}

fn finding_json(finding: &Finding) -> Value {
    let SourceError { file, at, problem, .. } = &finding.what;
    json!({
        "severity": finding.severity.as_str(),
        "code": finding.code(),
        "file": file,
        "line": at.line,
        "column": at.column,
        "message": problem.to_string(),
        "hint": problem.hint(),
    })
}

fn words(output: Output, policy: Option<&Policy>, findings: &[Finding]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for finding in findings {
        let tone = match finding.severity {
            Severity::Error => Tone::Bad,
            Severity::Warning => Tone::Wait,
            Severity::Note => Tone::Faint,
        };
        let severity = output.paint(tone, finding.severity.as_str());
        let code = output.paint(Tone::Faint, format!("[{}]", finding.code()));
        lines.push(format!("{severity}: {}\n  = {code}\n", visible(&finding.what.to_string())));
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    let counted =
        format!("{}, {}, {}", counted(errors, "error"), counted(warnings, "warning"), counted(notes, "note"));
    lines.push(match policy {
        None => format!("not a policy: {counted}"),
        Some(policy) => {
            let range = policy.model().range();
            format!(
                "policy `{}`: {}; {counted}; scores go from {} to {}",
                visible(policy.name()),
                self::counted(policy.rules().len(), "rule"),
                range.lowest,
                range.highest
            )
        }
    });
    lines.join("\n")
}

/// `1 rule`, `2 rules`.
pub(in crate::cli) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
