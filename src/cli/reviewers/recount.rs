//! `countersign reviewers recount`: how everyone votes, and whether the flags of their votes follow from the record.

use crate::audit::event::{Decided, Event};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, span, visible};
use crate::cli::policy::counted;
use crate::cli::policy::record::{Progress, Source};
use crate::digest::from_base64url;
use crate::escalation::{Flag, Opening};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::operation::render::render;
use crate::party::{PersonId, TxnId};
use crate::reviewer::Directory;
use crate::reviewer::diligence::{Discrepancy, Recount, Surroundings, Tally};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Count from the record how everyone votes, and find once more what makes votes poor ones
///
/// The record is read beside the running service, or without one. Ends with 0 if the flags of every vote are those that
/// follow from the record, and with 1 if some are not.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    source: Source,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What the record says besides what happened to escalations.
#[derive(Default)]
struct Around {
    characters: HashMap<TxnId, usize>,
    /// The roster in force at the moment that is read.
    directory: Option<Directory>,
}

impl Surroundings for Around {
    fn characters(&self, opening: &Opening) -> usize {
        self.characters.get(&opening.txn).copied().unwrap_or_default()
    }

    fn hour(&self, person: &PersonId, at: Moment) -> Option<u8> {
        self.directory.as_ref()?.person(person)?.hour_of(at)
    }
}

impl Around {
    fn note(&mut self, decided: &Decided) -> Result<(), Failed> {
        if decided.escalation.is_none() {
            return Ok(());
        }
        let unclear =
            |what: &str| Failed::plain(format!("decision `{}` cannot be shown: {what}", decided.txn));
        let operation = Operation::from_op_bytes(decided.op.as_bytes());
        let operation = operation.map_err(|error| unclear(&error.to_string()))?;
        let payload = decided
            .payload
            .as_deref()
            .map(|text| from_base64url(text).ok_or_else(|| unclear("the payload is not base64url")));
        let rendering = render(&operation, payload.transpose()?.as_deref());
        let rendering = rendering.map_err(|error| unclear(&error.to_string()))?;
        self.characters.insert(decided.txn, rendering.text.chars().count());
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if the record cannot be read.
pub(in crate::cli) fn run(args: &Args) -> Result<Exit, Failed> {
    let look = args.source.look()?;
    let (mut around, mut recount) = (Around::default(), Recount::default());
    let mut differences = Vec::new();
    let mut progress = Progress::new("reading the record", look.len());
    for found in look.from(0) {
        let (index, record) = found.map_err(Failed::plain)?;
        progress.at(index);
        match &record.event {
            Event::RosterLoaded { text, .. } => {
                let directory = Directory::parse(text, &format!("(record {index})"));
                around.directory = Some(directory.map_err(Failed::plain)?);
            }
            Event::Decided(decided) | Event::Drill { proposal: decided, .. } => around.note(decided)?,
            Event::Escalation { id, step } => differences.extend(recount.take(*id, step, &around)),
            Event::PolicyLoaded { .. }
            | Event::Reported(_)
            | Event::Started { .. }
            | Event::Stopped {}
            | Event::Queued(_)
            | Event::KeyCertified { .. }
            | Event::Minted(_)
            | Event::Absence { .. }
            | Event::KeyRevoked { .. }
            | Event::Receipted(_)
            | Event::Incident(_)
            | Event::Saturated(_)
            | Event::Erased { .. }
            | Event::ProfileChanged { .. }
            | Event::Told(_)
            | Event::Shipped(_)
            | Event::Enrolled(_)
            | Event::Invited(_)
            | Event::Withdrawn(_)
            | Event::Diverged(_)
            | Event::ClockInDoubt { .. }
            | Event::Suspended { .. }
            | Event::Resumed { .. } => {}
        }
    }
    progress.done();
    let document = || {
        json!({
            "ok": differences.is_empty(),
            "reviewers": recount.tallies().iter().map(tally_json).collect::<Vec<_>>(),
            "differences": differences.iter().map(difference_json).collect::<Vec<_>>(),
        })
    };
    Output::new(args.json).print(document, |output| words(output, &recount, &differences));
    Ok(if differences.is_empty() { Exit::Success } else { Exit::Failure })
}

fn tally_json((person, tally): (&PersonId, &Tally)) -> Value {
    json!({
        "person": person,
        "approvals": tally.approvals,
        "denials": tally.denials,
        "changes": tally.changes,
        "withdrawals": tally.withdrawals,
        "poor": tally.poor,
        "asked_again": tally.asked_again,
        "median_seconds": tally.median().map(|median| median.as_secs_f64()),
    })
}

fn difference_json(difference: &Discrepancy) -> Value {
    json!({
        "escalation_id": difference.escalation.to_string(),
        "person": difference.person,
        "vote": difference.vote.to_string(),
        "recorded": flag_words(&difference.recorded),
        "found": flag_words(&difference.found),
    })
}

fn flag_words(flags: &[Flag]) -> Vec<String> {
    flags.iter().map(ToString::to_string).collect()
}

fn words(output: Output, recount: &Recount, differences: &[Discrepancy]) -> String {
    let mut lines: Vec<String> = recount.tallies().iter().map(|one| tally_words(output, one)).collect();
    if lines.is_empty() {
        return "nobody has voted yet".to_owned();
    }
    for difference in differences {
        let flags = |flags: &[Flag]| match flags {
            [] => "nothing".to_owned(),
            flags => flag_words(flags).join("; "),
        };
        lines.push(format!(
            "{} {} by {}\n  recorded: {}\n  follows:  {}",
            output.paint(Tone::Bad, "differs"),
            difference.escalation,
            visible(difference.person.as_str()),
            flags(&difference.recorded),
            flags(&difference.found),
        ));
    }
    lines.push(match differences.len() {
        0 => output.paint(Tone::Good, "what makes votes poor ones follows from the record"),
        count => format!("{} what the record says of it", counted_differing(count)),
    });
    lines.join("\n")
}

fn counted_differing(count: usize) -> String {
    let verb = if count == 1 { "contradicts" } else { "contradict" };
    format!("{} {verb}", counted(count, "vote"))
}

fn tally_words(output: Output, (person, tally): (&PersonId, &Tally)) -> String {
    let number = |count: u32, name: &str| counted(usize::try_from(count).unwrap_or(usize::MAX), name);
    let mut parts = vec![number(tally.approvals, "approval"), number(tally.denials, "denial")];
    for (count, name) in [(tally.changes, "change"), (tally.withdrawals, "withdrawal")] {
        if count > 0 {
            parts.push(number(count, name));
        }
    }
    if tally.asked_again > 0 {
        parts.push(format!("asked to look again {}", number(tally.asked_again, "time")));
    }
    let median = tally.median().map(|median| format!("; in the middle after {}", span(median)));
    let mut text =
        format!("{:<16} {}{}", visible(person.as_str()), parts.join(", "), median.unwrap_or_default());
    for (code, count) in &tally.poor {
        text.push_str(&format!("\n  {} {count}", output.paint(Tone::Wait, format!("{code:<30}"))));
    }
    text
}
