//! Enrolling passkeys: the first by an invitation, further ones from one's own account.

use super::Console;
use super::account::known_by;
use super::doors::{Address, enter, trouble};
use super::page::{Page, show};
use super::passkeys::{SCRIPT, create_options};
use super::sign_in::{party, status, words};
use super::visitor::{Fields, Posted, Visitor};
use crate::desk::invitations::Invitation;
use crate::desk::sessions::KnownBy;
use crate::party::PersonId;
use crate::presence::passkey::{CredentialId, Purpose};
use crate::sidecar::profiles::{MAX_NAME, ProfileRefused};
use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use core::time::Duration;
use std::sync::Arc;

/// How long after signing in one can add a passkey: a session that was left open, or stolen, adds none.
pub(super) const FRESH: Duration = Duration::from_secs(15 * 60);

/// `/enrol`, and the forms of `/account` about passkeys.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/enrol", get(invited).post(accept))
        .route("/account/passkeys", post(add))
        .route("/account/passkeys/remove", post(remove))
}

#[derive(Template)]
#[template(path = "enrol.html")]
struct Enrol {
    page: Page,
    name: String,
    invitation: String,
    asked: String,
    options: String,
    until: String,
    error: Option<String>,
}

#[derive(serde::Deserialize)]
struct Opened {
    invitation: Option<String>,
}

async fn invited(
    State(console): State<Arc<Console>>,
    from: Address,
    Query(opened): Query<Opened>,
) -> Response {
    let shown = match invitation(&console, &from, opened.invitation.as_deref()) {
        Ok((text, invitation)) => form(&console, text, &invitation, None),
        Err(refused) => Err(refused),
    };
    shown.unwrap_or_else(|refused| *refused)
}

/// The invitation, if it is one that can still be used.
fn invitation<'a>(
    console: &Console,
    from: &Address,
    written: Option<&'a str>,
) -> Result<(&'a str, Invitation), Box<Response>> {
    console.doors.knock(from)?;
    let gone = |words: String| Box::new(trouble(StatusCode::GONE, "This invitation can't be used", &words));
    let written = written.unwrap_or("");
    let invitation =
        console.invitations.read(written).map_err(|error| gone(format!("It did not work: {error}.")))?;
    if console.profiles.of(&invitation.person).revision == invitation.revision {
        Ok((written, invitation))
    } else {
        Err(gone(
            "It was used already, or its person has changed their account since. Ask for a new one."
                .to_owned(),
        ))
    }
}

fn form(
    console: &Console,
    written: &str,
    invitation: &Invitation,
    error: Option<(StatusCode, String)>,
) -> Result<Response, Box<Response>> {
    let (asked, options) = question(console, &invitation.person)?;
    let directory = console.desk.directory();
    let name = directory.person(&invitation.person).map(|person| person.name.to_string()).unwrap_or_default();
    let (status, error) = error.map_or((StatusCode::OK, None), |(status, words)| (status, Some(words)));
    let page = Page { title: "Set up a passkey".to_owned(), place: None, visitor: None, scripts: &[SCRIPT] };
    let until = invitation.until.to_string();
    let template = Enrol { page, name, invitation: written.to_owned(), asked, options, until, error };
    Ok((status, show(&template)).into_response())
}

/// What a browser is asked for, so that a passkey of this person is made: the question and the options.
pub(super) fn question(console: &Console, person: &PersonId) -> Result<(String, String), Box<Response>> {
    let gone = |words| Box::new(trouble(StatusCode::GONE, "No passkey can be made here", words));
    let directory = console.desk.directory();
    let Some(person) = directory.person(person) else {
        return Err(gone("The person is not in the roster any more."));
    };
    let Some(party) = party(console, directory.relying_party()) else {
        return Err(gone("The roster does not name this address for passkeys."));
    };
    let asked = console.sessions.ask(Purpose::Enrol(person.id.clone()));
    let asked = asked.map_err(|_| Box::new(StatusCode::SERVICE_UNAVAILABLE.into_response()))?;
    let options = create_options(&asked.challenge(), party, &console.sidecar.domain, person);
    Ok((asked.to_text(), options))
}

async fn accept(
    State(console): State<Arc<Console>>,
    from: Address,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    let (written, invitation) = match invitation(&console, &from, fields.one("invitation")) {
        Ok(known) => known,
        Err(refused) => return *refused,
    };
    if let Err(wait) = console.doors.knock_as(invitation.person.as_str()) {
        return *wait;
    }
    let by = format!("invitation by {}", invitation.by);
    let made = make(&console, &invitation.person, &by, Some(invitation.revision), &fields).await;
    let registration = match made {
        Ok(registration) => registration,
        Err(wrong) => {
            return form(&console, written, &invitation, Some(wrong)).unwrap_or_else(|refused| *refused);
        }
    };
    let asked = fields.one("asked").unwrap_or("");
    let began = console.sessions.sign_in_enrolled(&invitation.person, asked, &registration);
    match console.sessions.share(began).await {
        Ok(signed_in) => enter(&console, &headers, &signed_in, "/account").await,
        // It is enrolled, and one signs in with it like any other time.
        Err(_) => Redirect::to("/sign-in").into_response(),
    }
}

/// Enrols the passkey that a form brings.
async fn make(
    console: &Console,
    person: &PersonId,
    by: &str,
    revision: Option<u64>,
    fields: &Fields,
) -> Result<crate::presence::passkey::Registration, (StatusCode, String)> {
    let (asked, credential) = (fields.one("asked"), fields.one("credential"));
    let registration = console
        .sessions
        .created(person, asked.unwrap_or(""), credential.unwrap_or(""))
        .map_err(|refused| (status(refused), words(refused)))?;
    let name: String = fields.one("name").unwrap_or("").trim().chars().take(MAX_NAME).collect();
    let name = Some(name).filter(|name| !name.is_empty()).map(Into::into);
    let passkey = registration.clone().passkey(name);
    let enrolled = console.profiles.enrol(person, by, revision, passkey).await;
    enrolled.map_err(|refused| (refused_status(&refused), refused_words(&refused)))?;
    Ok(registration)
}

fn refused_status(refused: &ProfileRefused) -> StatusCode {
    match refused {
        ProfileRefused::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        ProfileRefused::NoSuchPerson
        | ProfileRefused::NoRelyingParty
        | ProfileRefused::Changed
        | ProfileRefused::TooMany
        | ProfileRefused::Taken
        | ProfileRefused::NoSuchPasskey
        | ProfileRefused::LastWay => StatusCode::CONFLICT,
    }
}

fn refused_words(refused: &ProfileRefused) -> String {
    format!("That did not work: {refused}.")
}

/// Whether somebody who is known so adds passkeys themselves.
pub(super) fn may_add(console: &Console, visitor: &Visitor) -> bool {
    match visitor.reviewer.by() {
        KnownBy::Key(_) | KnownBy::Passkey(_) => true,
        KnownBy::Provider(_) => console.provider_enrols,
    }
}

/// Whether their session began just now.
pub(super) fn is_fresh(console: &Console, visitor: &Visitor) -> bool {
    let listed = console.sessions.list(visitor.reviewer.person(), &visitor.session);
    let own = listed.iter().find(|session| session.own);
    own.is_some_and(|own| console.desk.now() < own.since.plus(FRESH))
}

/// How somebody is known, as the record has it.
/// Who changes something, and how they are known, as the record says it.
pub(super) fn by(visitor: &Visitor) -> String {
    match visitor.reviewer.by() {
        KnownBy::Passkey(credential) => format!("passkey {credential}"),
        by @ (KnownBy::Key(_) | KnownBy::Provider(_)) => known_by(by),
    }
}

async fn add(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    let Posted { visitor, fields } = posted;
    if !may_add(&console, &visitor) {
        let words = "Who signs in at the identity provider can't add passkeys here. Ask for an invitation.";
        return trouble(StatusCode::FORBIDDEN, "Not so", words);
    }
    if !is_fresh(&console, &visitor) {
        let words = "You signed in a while ago. Sign out and in again, and then add the passkey.";
        return trouble(StatusCode::FORBIDDEN, "Sign in again first", words);
    }
    match make(&console, visitor.reviewer.person(), &by(&visitor), None, &fields).await {
        Ok(_) => Redirect::to("/account#passkeys").into_response(),
        Err((status, words)) => trouble(status, "The passkey was not added", &words),
    }
}

async fn remove(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    let Posted { visitor, fields } = posted;
    let Some(credential) = fields.one("passkey").and_then(|id| CredentialId::parse(id).ok()) else {
        return trouble(StatusCode::BAD_REQUEST, "Nothing was removed", "The form names no passkey.");
    };
    if !is_fresh(&console, &visitor) {
        let words = "Sign in again first: who removes a passkey has to have shown one a moment ago.";
        return trouble(StatusCode::FORBIDDEN, "Nothing was removed", words);
    }
    let knowing = fields.one("knowing") == Some("yes");
    let person = visitor.reviewer.person();
    match console.profiles.remove(person, &by(&visitor), &credential, knowing).await {
        Ok(()) => Redirect::to("/account#passkeys").into_response(),
        Err(refused) => trouble(refused_status(&refused), "Nothing was removed", &refused_words(&refused)),
    }
}
