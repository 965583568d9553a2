//! `countersign reviewers passkeys`: the passkeys that votes are signed with, as rosters and executors pin them.

use crate::cli::connection::ReviewConnection;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, visible};
use crate::client::{Passkeys, ReviewerPasskey};
use crate::moment::Moment;
use serde_json::{Value, json};

/// List the passkeys that people sign votes with, in the form in which executors pin them
///
/// Those that people enrolled at the console count at the desk at once. An executor that checks votes itself
/// (`countersign verify --reviewers FILE`) trusts only what you pin there: look at each line first. With `--roster` they
/// are printed as the roster takes them.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    connection: ReviewConnection,
    /// Print them as the `passkeys:` of each person in a roster
    #[arg(long, conflicts_with = "json")]
    roster: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if there is no answer.
pub(in crate::cli) async fn run(args: Args) -> Result<Exit, Failed> {
    let Args { connection, roster, json } = args;
    let known = connection.open_admin().await?.passkeys().await?;
    let document = || {
        json!({
            "rp_id": known.rp_id,
            "origins": known.origins,
            "passkeys": known.passkeys.iter().map(passkey_json).collect::<Vec<_>>(),
        })
    };
    Output::new(json).print(document, |_| match (known.passkeys.is_empty(), roster) {
        (true, _) => "# nobody has a passkey".to_owned(),
        (false, true) => as_roster(&known.passkeys),
        (false, false) => as_pins(&known),
    });
    Ok(Exit::Success)
}

fn passkey_json(passkey: &ReviewerPasskey) -> Value {
    json!({
        "person": passkey.person,
        "id": passkey.credential,
        "key": passkey.key,
        "name": passkey.name,
        "enrolled_at": passkey.enrolled.as_ref().map(|(at, _)| at),
        "enrolled_by": passkey.enrolled.as_ref().map(|(_, by)| by),
    })
}

/// What is said of a passkey beside it: where it comes from, and what it is called.
fn origin_words(passkey: &ReviewerPasskey) -> String {
    let name = visible(&passkey.name);
    let from = match &passkey.enrolled {
        Some((at, by)) => format!("enrolled {} by {}", Moment::from_unix_millis(*at), visible(by)),
        None => "of the roster".to_owned(),
    };
    if name.is_empty() { from } else { format!("{from}: {name}") }
}

fn as_pins(known: &Passkeys) -> String {
    let origins = known.origins.join(",");
    let line = |passkey: &ReviewerPasskey| {
        let ReviewerPasskey { person, credential, key, .. } = passkey;
        format!("# {}\n{person} passkey {} {origins} {credential} {key}", origin_words(passkey), known.rp_id)
    };
    known.passkeys.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn as_roster(passkeys: &[ReviewerPasskey]) -> String {
    let mut text = String::from("people:");
    let mut last = "";
    for passkey in passkeys {
        if passkey.person != last {
            text.push_str(&format!("\n  - id: {}\n    passkeys:", passkey.person));
            last = &passkey.person;
        }
        let said = origin_words(passkey);
        text.push_str(&format!(
            "\n      # {said}\n      - {{id: {}, key: {}}}",
            passkey.credential, passkey.key
        ));
    }
    text
}
