//! How one likes to be told: by which channel first, and when only what is urgent.

use super::Console;
use super::doors::trouble;
use super::enrol::by;
use super::page::{Page, Place, show};
use super::visitor::{Posted, Visitor};
use crate::escalation::Channel;
use crate::reviewer::profile::Preferences;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use std::sync::Arc;

/// The most channels that somebody can put in an order.
const MAX_CHANNELS: usize = 8;

/// `/account/telling`
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/account/telling", get(telling).post(tell))
}

#[derive(Template)]
#[template(path = "telling.html")]
struct Telling {
    page: Page,
    channels: String,
    from: String,
    until: String,
}

async fn telling(State(console): State<Arc<Console>>, visitor: Visitor) -> Response {
    let preferences = console.profiles.of(visitor.reviewer.person()).preferences.unwrap_or_default();
    let channels: Vec<&str> = preferences.channels.iter().map(Channel::as_str).collect();
    let (from, until) =
        preferences.quiet.map(|(from, until)| (clock(from), clock(until))).unwrap_or_default();
    show(&Telling {
        page: Page::new("How you are told", Place::Account, &visitor),
        channels: channels.join(", "),
        from,
        until,
    })
}

async fn tell(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    let Posted { visitor, fields } = posted;
    let preferences = match read(fields.one("channels"), fields.one("from"), fields.one("until")) {
        Ok(preferences) => preferences,
        Err(words) => return trouble(StatusCode::BAD_REQUEST, "Nothing was changed", &words),
    };
    let preferences = Some(preferences).filter(|preferences| *preferences != Preferences::default());
    let change = |profile: &mut crate::reviewer::profile::Profile, _: &crate::sidecar::InForce| {
        profile.preferences = preferences;
        Ok(())
    };
    match console.profiles.change(visitor.reviewer.person(), &by(&visitor), change).await {
        Ok(_) => Redirect::to("/account").into_response(),
        Err(refused) => trouble(StatusCode::SERVICE_UNAVAILABLE, "Nothing was changed", &refused.to_string()),
    }
}

/// What a form says; or what is wrong with it.
fn read(channels: Option<&str>, from: Option<&str>, until: Option<&str>) -> Result<Preferences, String> {
    let named = channels.unwrap_or("").split(',').map(str::trim).filter(|name| !name.is_empty());
    let channels = named
        .map(|name| Channel::parse(name).ok_or_else(|| format!("`{name}` is no channel.")))
        .collect::<Result<Vec<_>, _>>()?;
    if channels.len() > MAX_CHANNELS {
        return Err(format!("Name {MAX_CHANNELS} channels at most."));
    }
    let quiet = match (from, until) {
        (None, None) => None,
        (Some(from), Some(until)) => match (minutes(from), minutes(until)) {
            (Some(from), Some(until)) if from != until => Some((from, until)),
            _ => return Err("Quiet hours are two different times, as in 22:00 and 07:00.".to_owned()),
        },
        (Some(_), None) | (None, Some(_)) => {
            return Err("Quiet hours have a beginning and an end, or neither.".to_owned());
        }
    };
    Ok(Preferences { channels, quiet })
}

/// `22:30` as minutes of the day.
fn minutes(time: &str) -> Option<u16> {
    let (hours, minutes) = time.split_once(':')?;
    let number = |text: &str, most: u16| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &u16| digits && *number <= most)
    };
    Some(number(hours, 23)? * 60 + number(minutes, 59)?)
}

fn clock(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_says_is_read_strictly() {
        let read = |channels, from, until| read(Some(channels), from, until);
        let told = read(" push, email ", Some("22:00"), Some("07:30")).unwrap();
        let channels: Vec<&str> = told.channels.iter().map(Channel::as_str).collect();
        assert_eq!((channels, told.quiet), (vec!["push", "email"], Some((1320, 450))));
        assert_eq!(read("", None, None), Ok(Preferences::default()));
        for (channels, from, until) in [
            ("pigeon", None, None),
            ("push", Some("22:00"), None),
            ("push", Some("24:00"), Some("07:00")),
            ("push", Some("7:00"), Some("08:00")),
            ("push", Some("07:00"), Some("07:00")),
            ("a,b", None, None),
        ] {
            assert!(read(channels, from, until).is_err(), "{channels} {from:?} {until:?}");
        }
        assert!(read(&"push,".repeat(9), None, None).is_err());
    }
}
