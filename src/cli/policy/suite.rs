//! `countersign policy test`: suites of cases, and what of a policy they reach.

use super::{files, junit};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, visible};
use crate::decision::suite::{Coverage, Outcome, Reached, Report, Suite};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Test policies: run suites of cases, each an operation and what must come of it
///
/// Ends with 0 if every case passes and 1 if one does not; with --require-coverage also if a rule, floor or limit is
/// reached by no case.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The suites
    #[arg(required = true, value_name = "SUITE")]
    suites: Vec<PathBuf>,
    /// Test this policy and not the one that the suites name
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Fail if a rule, floor or limit is reached by no case
    #[arg(long)]
    require_coverage: bool,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// One suite that was run.
pub(super) struct Run {
    pub(super) file: String,
    pub(super) report: Report,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if a file cannot be read or has a mistake.
pub(in crate::cli) fn run(args: &Args) -> Result<Exit, Failed> {
    let output = Output::new(args.json);
    let runs = args.suites.iter().map(|path| run_suite(path, args.policy.as_deref()));
    let runs: Vec<Run> = runs.collect::<Result<_, _>>()?;
    if let Some(path) = &args.junit {
        std::fs::write(path, junit::report(&runs))
            .map_err(|error| Failed::plain(format!("cannot write `{}`: {error}", path.display())))?;
    }
    let passes =
        |run: &Run| run.report.failed() == 0 && (!args.require_coverage || run.report.coverage.is_whole());
    let ok = runs.iter().all(passes);
    let document = || json!({ "ok": ok, "suites": runs.iter().map(run_json).collect::<Vec<_>>() });
    output.print(document, |output| {
        let words = runs.iter().map(|run| run_words(output, run, args.require_coverage));
        words.collect::<Vec<_>>().join("\n\n")
    });
    Ok(if ok { Exit::Success } else { Exit::Failure })
}

fn run_suite(path: &Path, policy: Option<&Path>) -> Result<Run, Failed> {
    let file = files::name(path);
    let suite = Suite::parse(&files::text(path)?, &file).map_err(files::wrong)?;
    let beside = |name: &str| path.parent().unwrap_or(Path::new("")).join(name);
    let policy = files::policy(&policy.map_or_else(|| beside(suite.policy()), Path::to_path_buf))?;
    let directory = suite.roster().map(|name| files::roster(&beside(name))).transpose()?;
    let report = suite.run(&policy, directory.as_ref()).map_err(files::wrong)?;
    Ok(Run { file, report })
}

fn run_words(output: Output, run: &Run, require_coverage: bool) -> String {
    let Run { file, report } = run;
    let mut lines = vec![output.paint(Tone::Strong, file)];
    for case in &report.cases {
        if case.differences.is_empty() {
            lines.push(format!("  {} {}", output.paint(Tone::Good, "✓"), visible(&case.name)));
            continue;
        }
        let place = output.paint(Tone::Faint, format!("({file}:{})", case.line));
        lines.push(format!("  {} {}  {place}", output.paint(Tone::Bad, "✗"), visible(&case.name)));
        for difference in &case.differences {
            let label = |text: &str| format!("{text:<9}");
            lines.push(format!("      {}", output.paint(Tone::Strong, difference.key)));
            lines.push(format!("        {}{}", label("expected"), visible(&difference.expected)));
            lines.push(format!("        {}{}", label("found"), visible(&difference.found)));
        }
    }
    let failed = report.failed();
    let passed = format!("{} passed", report.cases.len() - failed);
    let tone = if failed == 0 { Tone::Good } else { Tone::Bad };
    let Coverage { rules, floors, limits, levels } = &report.coverage;
    let parts: Vec<String> = [
        ("rules", "decided", rules),
        ("floors", "applied", floors),
        ("limits", "exceeded", limits),
        ("levels", "decided", levels),
    ]
    .into_iter()
    .filter(|(.., reached)| reached.total() > 0)
    .map(|(what, verb, reached)| covered(what, verb, reached))
    .collect();
    let summary = output.paint(tone, format!("{passed}, {failed} failed"));
    lines.push(format!("{summary}; {}", parts.join("; ")));
    if require_coverage && !report.coverage.is_whole() {
        lines.push(output.paint(Tone::Bad, "the coverage is not whole"));
    }
    lines.join("\n")
}

fn covered(what: &str, verb: &str, reached: &Reached) -> String {
    let counted = format!("{what} covered {} of {}", reached.reached.len(), reached.total());
    if reached.missed.is_empty() {
        return counted;
    }
    let missed: Vec<String> = reached.missed.iter().map(|name| visible(name)).collect();
    format!("{counted}: never {verb}: {}", missed.join(", "))
}

fn run_json(run: &Run) -> Value {
    let Run { file, report } = run;
    let reached = |part: &Reached| json!({ "reached": part.reached, "missed": part.missed });
    let Coverage { rules, floors, limits, levels } = &report.coverage;
    json!({
        "file": file,
        "passed": report.cases.len() - report.failed(),
        "failed": report.failed(),
        "cases": report.cases.iter().map(case_json).collect::<Vec<_>>(),
        "coverage": {
            "whole": report.coverage.is_whole(),
            "rules": reached(rules),
            "floors": reached(floors),
            "limits": reached(limits),
            "levels": reached(levels),
        },
    })
}

fn case_json(case: &Outcome) -> Value {
    let differences = case.differences.iter().map(|difference| {
        json!({ "key": difference.key, "expected": difference.expected, "found": difference.found })
    });
    json!({
        "name": case.name,
        "line": case.line,
        "passed": case.differences.is_empty(),
        "differences": differences.collect::<Vec<_>>(),
        "decision": case.decision,
    })
}
