//! Who decides: who is there, who can, and who is away.

use super::session::Desk;
use super::vote::{not_counted, tell};
use crate::cli::exit::{Exit, Failed};
use crate::cli::now;
use crate::cli::output::{Output, Tone, relative, visible};
use crate::client::{Able, Whereabouts};
use crate::moment::Moment;
use crate::policy::Span;
use serde_json::json;

/// When somebody is away.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("end").required(true).args(["until", "lasts"])))]
pub(in crate::cli) struct Away {
    #[command(flatten)]
    desk: Desk,
    /// From when on, as in 2026-12-24T09:00:00Z; from now on if nothing is said
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    from: Option<Moment>,
    /// Until when
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    until: Option<Moment>,
    /// For how long instead, as in 8h or 14d
    #[arg(long = "for", value_name = "SPAN", value_parser = Span::parse)]
    lasts: Option<Span>,
    /// Who stands in, by their id in the roster
    #[arg(long, value_name = "PERSON", default_value = "")]
    delegate: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

fn moment(text: &str) -> Result<Moment, String> {
    Moment::from_rfc3339(text).ok_or_else(|| "not a moment like 2026-12-24T09:00:00Z".to_owned())
}

/// Says when the caller is away.
///
/// # Errors
/// [`Failed`] if that can't be.
pub(super) async fn away(away: Away) -> Result<Exit, Failed> {
    let from = away.from.unwrap_or_else(now);
    let until = away.until.or_else(|| away.lasts.map(|lasts| from.plus(lasts.duration()))).unwrap_or(from);
    let begins = away.from.map_or(0, Moment::unix_millis);
    let client = away.desk.open().await?;
    client.set_away(begins, until.unix_millis(), &away.delegate).await.map_err(not_counted)?;
    let delegate = (!away.delegate.is_empty()).then_some(&away.delegate);
    let document =
        || json!({ "from": from.unix_millis(), "until": until.unix_millis(), "delegate": delegate });
    Output::new(away.json).print(document, |_| {
        let stands_in = delegate.map(|name| format!("; {} stands in", visible(name))).unwrap_or_default();
        let begins = away.from.map(|from| format!("from {from} ")).unwrap_or_default();
        format!("you are away {begins}until {until}{stands_in}")
    });
    Ok(Exit::Success)
}

/// Ends whatever absence the caller is in.
///
/// # Errors
/// [`Failed`] if it was not recorded.
pub(super) async fn back(desk: Desk, json: bool) -> Result<Exit, Failed> {
    desk.open().await?.come_back().await?;
    Output::new(json).print(|| json!({ "back": true }), |_| "you are back".to_owned());
    Ok(Exit::Success)
}

/// Who of the roster is there.
///
/// # Errors
/// [`Failed`] if there is no answer.
pub(super) async fn people(desk: Desk, json: bool) -> Result<Exit, Failed> {
    let people = desk.open().await?.people().await?;
    let document = |one: &Whereabouts| json!({ "person": one.person, "there": one.there, "words": one.words, "stands_in_for": one.stands_in_for });
    Output::new(json).print(
        || json!({ "people": people.iter().map(document).collect::<Vec<_>>() }),
        |output| {
            let line = |one: &Whereabouts| {
                let tone = if one.there { Tone::Good } else { Tone::Wait };
                let mut text =
                    format!("{:<16} {}", visible(&one.person), output.paint(tone, visible(&one.words)));
                if !one.stands_in_for.is_empty() {
                    text.push_str(&format!("; stands in for {}", visible(&one.stands_in_for.join(", "))));
                }
                text
            };
            people.iter().map(line).collect::<Vec<_>>().join("\n")
        },
    );
    Ok(Exit::Success)
}

/// Who can still decide an escalation.
///
/// # Errors
/// [`Failed`] if there is no answer.
pub(super) async fn who_can(desk: Desk, id: String, json: bool) -> Result<Exit, Failed> {
    let able = desk.open().await?.who_can(&id).await?;
    let document = || {
        let person = |one: &Able| json!({ "person": one.person, "asked": one.asked, "why": one.why });
        json!({ "sets": able.sets, "people": able.people.iter().map(person).collect::<Vec<_>>() })
    };
    Output::new(json).print(document, |output| {
        if able.sets.is_empty() {
            return "it is decided, or nobody is left who could complete it".to_owned();
        }
        let mut text = output.paint(Tone::Strong, "any of these can complete it");
        for set in &able.sets {
            text.push_str(&format!("\n  {}", visible(&set.join(" and "))));
        }
        text.push_str(&format!("\n{}", output.paint(Tone::Strong, "who could fill a seat")));
        for one in &able.people {
            let asked = match one.asked {
                true => output.paint(Tone::Good, "asked"),
                false => format!("{}: {}", output.paint(Tone::Faint, "not asked"), visible(&one.why)),
            };
            text.push_str(&format!("\n  {:<16} {asked}", visible(&one.person)));
        }
        text
    });
    Ok(Exit::Success)
}

/// Passes an escalation on.
///
/// # Errors
/// [`Failed`] if the caller was not asked, or the other can't decide it.
pub(super) async fn pass_on(desk: Desk, id: String, to: String, json: bool) -> Result<Exit, Failed> {
    desk.open().await?.pass_on(&id, &to).await.map_err(not_counted)?;
    Output::new(json)
        .print(|| json!({ "passed_on_to": to }), |_| format!("{} is asked instead of you", visible(&to)));
    Ok(Exit::Success)
}

/// The review of an emergency approval.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("verdict").required(true).args(["justified", "unjustified"])))]
pub(in crate::cli) struct Closing {
    #[command(flatten)]
    desk: Desk,
    /// The escalation's id
    id: String,
    /// It was right to break the glass
    #[arg(long)]
    justified: bool,
    /// It was not
    #[arg(long)]
    unjustified: bool,
    /// Why
    #[arg(long, short = 'm')]
    note: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Reviews an emergency approval afterwards.
///
/// # Errors
/// [`Failed`] if no review is due, or the caller can't.
pub(super) async fn close(closing: Closing) -> Result<Exit, Failed> {
    let client = closing.desk.open().await?;
    let reviewed = client.review_emergency(&closing.id, closing.justified, &closing.note).await;
    tell(Output::new(closing.json), &reviewed.map_err(not_counted)?, "your review is recorded");
    Ok(Exit::Success)
}

/// A moment in words; nothing for none.
pub(super) fn by(moment: u64) -> Option<String> {
    (moment != 0).then(|| relative(Moment::from_unix_millis(moment), now()))
}
