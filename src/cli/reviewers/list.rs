//! `countersign reviewers list`: who is in a roster, what they may be asked for, and whether they are there.

use crate::cli::exit::{Exit, Failed};
use crate::cli::now;
use crate::cli::output::{Output, Tone, visible};
use crate::cli::policy::files;
use crate::reviewer::{Absences, Attendance, Directory, Person};
use serde_json::{Value, json};
use std::path::PathBuf;

/// List the people of a roster, what they may be asked for, and whether they are there now
///
/// What people have announced to a running service is not in the roster and not looked at.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The roster; - reads standard input
    roster: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if the file cannot be read or is not a roster.
pub(in crate::cli) fn run(args: &Args) -> Result<Exit, Failed> {
    let directory = files::roster(&args.roster)?;
    let absences = Absences::default();
    let attendance = Attendance::new(&directory, &absences, now());
    let document = || json!({ "people": each(&directory, |person| person_json(person, &attendance)) });
    let words =
        |output: Output| each(&directory, |person| person_words(output, person, &attendance)).join("\n");
    Output::new(args.json).print(document, words);
    Ok(Exit::Success)
}

fn each<T>(directory: &Directory, say: impl Fn(&Person) -> T) -> Vec<T> {
    directory.people().map(say).collect()
}

fn presence(person: &Person, attendance: &Attendance<'_>) -> String {
    attendance.presence(&person.id).map(|presence| presence.to_string()).unwrap_or_default()
}

fn person_json(person: &Person, attendance: &Attendance<'_>) -> Value {
    let delegate_for: Vec<&str> = attendance
        .stand_ins()
        .filter(|(_, to)| **to == person.id)
        .map(|(absent, _)| absent.as_str())
        .collect();
    json!({
        "id": person.id,
        "name": person.name,
        "roles": person.roles,
        "teams": person.teams,
        "manager": person.manager,
        "keys": person.keys.len() + person.passkeys.len(),
        "expertise": person.expertise.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "daily_cap": person.daily_cap,
        "there": attendance.is_there(&person.id),
        "presence": presence(person, attendance),
        "stands_in_for": delegate_for,
    })
}

fn person_words(output: Output, person: &Person, attendance: &Attendance<'_>) -> String {
    let tone = if attendance.is_there(&person.id) { Tone::Good } else { Tone::Wait };
    let list = |label: &str, names: Vec<String>| match names.is_empty() {
        true => String::new(),
        false => format!("\n  {label}: {}", visible(&names.join(", "))),
    };
    let strings = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>();
    format!(
        "{} {}  {}{}{}{}",
        output.paint(Tone::Strong, visible(person.id.as_str())),
        visible(&person.name),
        output.paint(tone, presence(person, attendance)),
        list("roles", strings(&mut person.roles.iter().map(ToString::to_string))),
        list("teams", strings(&mut person.teams.iter().map(ToString::to_string))),
        list("knows", strings(&mut person.expertise.iter().map(ToString::to_string))),
    )
}
