//! `countersign config`: whether a service could start with what it is told, and what that comes to.

use super::configured::{Configured, refused};
use super::exit::{Exit, Failed};
use super::output::{Output, Tone, visible};
use crate::config::{ConfigError, Origin, Shown, Wrong};
use serde_json::{Value, json};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Read the configuration, the policy, the roster and the keys, and say all that is wrong or questionable
    Check {
        #[command(flatten)]
        config: Configured,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show every value in force and where it was said: in the file, by a variable, by a flag, or nowhere
    Show {
        #[command(flatten)]
        config: Configured,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if there is no configuration that can be shown.
pub(super) fn run(command: &Command) -> Result<Exit, Failed> {
    match command {
        Command::Check { config, json } => Ok(check(config, Output::new(*json))),
        Command::Show { config, json } => show(config, Output::new(*json)),
    }
}

/// What a check finds.
struct Found {
    /// What keeps a service from starting.
    wrong: Vec<Wrong>,
    /// What is questionable.
    questionable: Vec<String>,
}

fn find(config: &Configured) -> Found {
    let alone = |what: String| Wrong { origin: None, key: String::new(), what, hint: None };
    let wrong = |wrong| Found { wrong, questionable: Vec::new() };
    match config.layered() {
        Err(ConfigError::Wrong(all)) => wrong(all),
        Err(error @ ConfigError::Unreadable { .. }) => wrong(vec![alone(error.to_string())]),
        Ok(layered) => match crate::serve::check(&layered.value) {
            Ok(questionable) => Found { wrong: Vec::new(), questionable },
            Err(error) => wrong(vec![alone(error.to_string())]),
        },
    }
}

fn check(config: &Configured, output: Output) -> Exit {
    let Found { wrong, questionable } = find(config);
    let document = || {
        let wrong: Vec<Value> = wrong.iter().map(wrong_document).collect();
        json!({ "sound": wrong.is_empty(), "wrong": wrong, "questionable": questionable })
    };
    output.print(document, |output| {
        let say = |tone, what, one: &str| format!("{}: {}", output.paint(tone, what), visible(one));
        let bad = wrong.iter().map(|one| say(Tone::Bad, "wrong", &one.to_string()));
        let doubts = questionable.iter().map(|one| say(Tone::Wait, "questionable", one));
        let mut lines: Vec<String> = bad.chain(doubts).collect();
        if lines.is_empty() {
            lines.push(output.paint(Tone::Good, "all is well"));
        }
        lines.join("\n")
    });
    if wrong.is_empty() { Exit::Success } else { Exit::Usage }
}

fn wrong_document(Wrong { origin, key, what, hint }: &Wrong) -> Value {
    let key = Some(key).filter(|key| !key.is_empty());
    json!({ "at": origin.as_ref().map(origin_document), "key": key, "what": what, "hint": hint })
}

fn origin_document(origin: &Origin) -> Value {
    match origin {
        Origin::File { path, line, column } => {
            json!({ "file": path.display().to_string(), "line": line, "column": column })
        }
        Origin::Environment(name) => json!({ "variable": name }),
        Origin::Flag(_) => json!({ "flag": origin.to_string() }),
    }
}

fn show(config: &Configured, output: Output) -> Result<Exit, Failed> {
    let layered = config.layered().map_err(refused)?;
    let shown = layered.shown().map_err(Failed::plain)?;
    let document = || {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
        let values = shown.iter().map(|Shown { key, value: text, origin }| {
            json!({ "key": key, "value": value(text), "at": origin.as_ref().map(origin_document) })
        });
        json!({ "values": values.collect::<Vec<_>>() })
    };
    output.print(document, |output| {
        let lines = shown.iter().map(|Shown { key, value, origin }| {
            let place = origin.as_ref().map_or_else(|| "default".to_owned(), Origin::to_string);
            let place = output.paint(Tone::Faint, format!("# {}", visible(&place)));
            format!("{}: {}  {place}", visible(key), visible(value))
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    Ok(Exit::Success)
}
