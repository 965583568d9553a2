//! The advice of `stats`: what could be done otherwise, why, and what that would have changed.

use super::tables::percent;
use crate::audit::advice::Given;
use crate::audit::again::Step;
use crate::cli::exit::Failed;
use crate::cli::output::{Output, Tone, visible};
use crate::cli::policy::record::Source;
use crate::moment::Moment;
use std::collections::VecDeque;

/// A change is previewed over so many steps of the record at the most, the latest.
const MOST_STEPS: usize = 50_000;

/// The latest of what decisions depend on.
///
/// # Errors
/// [`Failed`] if the record cannot be read.
pub(super) fn steps(source: &Source) -> Result<VecDeque<Step>, Failed> {
    let look = source.look()?;
    let mut steps: VecDeque<Step> = VecDeque::new();
    for found in look.from(0) {
        let (_, record) = found.map_err(Failed::plain)?;
        let Some(step) = Step::of(record) else { continue };
        if steps.len() >= MOST_STEPS {
            steps.pop_front();
        }
        steps.push_back(step);
    }
    Ok(steps)
}

pub(super) fn words(output: Output, all: &[Given]) -> Vec<String> {
    if all.is_empty() {
        return vec!["nothing to advise: either all is well, or there are too few cases to say".to_owned()];
    }
    let mut lines = vec![output.paint(Tone::Strong, "advice")];
    for Given { advice, preview } in all {
        let cases = advice.evidence.cases;
        lines.push(String::new());
        lines.extend(wrapped(&visible(&advice.words), 78).into_iter().map(|line| format!("  {line}")));
        let interval = cases
            .interval()
            .map(|interval| format!(" (95 %: {:.1} to {:.1})", interval.low * 100.0, interval.high * 100.0));
        let day = |since: Moment| since.to_string().chars().take(10).collect::<String>();
        let since = advice.evidence.since.map(|since| format!(", since {}", day(since))).unwrap_or_default();
        let evidence = format!(
            "    {}  {} of {}, {}{}{since}",
            advice.code.as_str(),
            cases.part,
            cases.of,
            percent(cases),
            interval.unwrap_or_default()
        );
        lines.push(output.paint(Tone::Faint, evidence));
        if let Some(change) = &advice.change {
            let place = match &change.before {
                Some(rule) => format!("    before the rule `{}`:", visible(rule)),
                None if change.is_rule() => "    after all rules:".to_owned(),
                None => "    in the policy:".to_owned(),
            };
            lines.push(place);
            lines.extend(visible(&change.text).lines().map(|line| format!("      {line}")));
        }
        if let Some(report) = preview {
            lines.push(format!(
                "    of {} operations: {} looser, {} stricter, {} otherwise, {} unchanged",
                report.compared, report.looser, report.stricter, report.otherwise, report.unchanged
            ));
        }
    }
    lines
}

/// The words in lines of at most so many characters, broken at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}
