//! The console: pages on which people see what waits, and decide. It translates; it decides nothing.
//!
//! Every page is whole as it comes from the server and every act is a form, so that all of it works without a script;
//! scripts add passkeys, what changes while one looks, and notices. A page is read by a `Visitor`, and a form by
//! `Posted`: there is no other way to either, so that no page forgets who is there and whether they meant it.

mod account;
mod agents;
mod analytics;
mod assets;
mod change;
pub mod doors;
mod drills;
mod enrol;
mod filters;
mod headers;
mod history;
mod hooks;
mod host;
mod links;
mod live;
mod manifest;
mod page;
mod passkeys;
mod people;
mod policy;
mod problem;
mod proposal;
pub mod provider;
mod push;
mod queue;
mod sign_in;
mod slack;
mod sorry;
mod telling;
mod visitor;
mod vote;
mod words;

use crate::desk::LocalDesk;
use crate::desk::code_flow::CodeFlow;
use crate::desk::incoming::Incoming;
use crate::desk::invitations::Invitations;
use crate::desk::queue::Queue;
use crate::desk::reading::{Reading, ReadingError};
use crate::desk::sessions::Sessions;
use crate::party::PersonId;
use crate::reviewer::Wall;
use crate::sidecar::Sidecar;
use crate::sidecar::brake::Brake;
use crate::sidecar::figures::Figures;
use crate::sidecar::previews::Previews;
use crate::sidecar::profiles::ProfileBook;
use crate::sidecar::reload::Reloader;
use crate::store::StoreError;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;

/// The largest form in bytes: a changed operation with its payload, and what surrounds it.
const MAX_FORM: usize = 1 << 20;
/// The largest form in bytes of somebody who is not signed in: a passkey's answer, and what surrounds it.
const MAX_STRANGERS_FORM: usize = 32 << 10;

/// What the pages stand on.
pub struct Console {
    /// Where it is reached, as browsers write an origin: `https://approve.example.com`.
    pub origin: Box<str>,
    /// What people may do here besides reviewing.
    pub rights: Rights,
    /// What stands before the pages.
    pub doors: doors::Doors,
    /// Makes one-time links.
    pub invitations: Arc<Invitations>,
    /// What people set up themselves.
    pub profiles: Arc<ProfileBook>,
    /// Whether who signs in at the identity provider may enrol passkeys.
    pub provider_enrols: bool,
    /// Signing in at the identity provider, where that is configured.
    pub code_flow: Option<CodeFlow>,
    /// The story of the sidecar.
    pub sidecar: Arc<Sidecar>,
    /// The desk.
    pub desk: Arc<LocalDesk>,
    /// What waits.
    pub queue: Arc<Queue>,
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// What is suspended.
    pub brake: Arc<Brake>,
    /// The policy and the roster, and their files.
    pub reloader: Arc<Reloader>,
    /// What the record says, in numbers.
    pub figures: Figures,
    /// Tries drafts of the policy.
    pub previews: Previews,
    /// The record.
    pub reading: Reading,
    /// What comes back from other channels.
    pub incoming: Incoming,
    /// Turns true when the service stops; whoever follows a page is let go then.
    pub stopping: watch::Receiver<bool>,
}

/// What people who are signed in may do besides reviewing.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    /// Who operates the service, with the name that the record has for them.
    pub operators: BTreeMap<PersonId, Box<str>>,
    /// Who else reads the whole record.
    pub auditors: BTreeSet<PersonId>,
}

/// All pages.
pub fn router(console: Arc<Console>) -> Router {
    let secure = console.origin.starts_with("https://");
    let strangers = enrol::routes().merge(sign_in::routes()).merge(provider::routes()).merge(links::routes());
    let strangers = strangers.layer(DefaultBodyLimit::max(MAX_STRANGERS_FORM));
    Router::new()
        .route("/static/{name}", get(assets::serve))
        .route("/favicon.ico", get(assets::favicon))
        .merge(account::routes())
        .merge(people::routes())
        .merge(policy::routes())
        .merge(agents::routes())
        .merge(analytics::routes())
        .merge(drills::routes())
        .merge(strangers)
        .merge(change::routes())
        .merge(live::routes())
        .merge(manifest::routes())
        .merge(proposal::routes())
        .merge(queue::routes())
        .merge(vote::routes())
        .merge(history::routes())
        .merge(push::routes())
        .merge(telling::routes())
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .merge(hooks::routes())
        .merge(slack::routes())
        .layer(axum::middleware::from_fn_with_state(console.clone(), host::own_only))
        .layer(axum::middleware::map_response(move |response| headers::add(response, secure)))
        .with_state(console)
}

/// The clock on the wall of whoever looks.
fn clock(console: &Console, visitor: &visitor::Visitor) -> Wall {
    console.desk.directory().person(visitor.reviewer.person()).map_or_else(Wall::default, Wall::of)
}

/// Reads the record where it holds up nobody: it waits for the disk.
async fn read<T: Send + 'static>(
    console: &Console,
    with: impl FnOnce(Reading) -> Result<T, ReadingError> + Send + 'static,
) -> Result<T, ReadingError> {
    let reading = console.reading.clone();
    let stopping = |_| Err(StoreError::Unavailable("the service is stopping".to_owned()).into());
    tokio::task::spawn_blocking(move || with(reading)).await.unwrap_or_else(stopping)
}
