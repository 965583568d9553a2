//! One record of a chain, and who may read it.

use super::refused;
use crate::audit::chain::{Key, Overview};
use crate::console::visitor::Visitor;
use crate::console::{Console, read, sorry};
use crate::desk::reading::{Leaf, ReadingError};
use crate::escalation::Status;
use crate::store::Index;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;

/// Among how many of the latest records the mint of a token is looked for.
const LOOKED_THROUGH: u64 = 50_000;

/// The chain of an id, if this visitor may read it: auditors and operators any, reviewers what people were asked about;
/// nobody what they may still vote on themselves, and reviewers nothing that is still open: what others said is to be
/// found in the proposal, as far as the policy shows it.
pub(super) async fn readable(
    console: &Arc<Console>,
    visitor: &Visitor,
    id: &str,
) -> Result<(Overview, Vec<Leaf>), Response> {
    let none =
        || sorry::nothing_here(visitor, "there is no such decision, escalation or token that you may read");
    let Some(key) = Key::parse(id) else { return Err(none()) };
    let auditor = visitor.auditor;
    let found = read(console, move |reading| {
        let key = match key {
            Key::Token(token) if auditor => match reading.minted_lately(token, LOOKED_THROUGH)? {
                Some(txn) => Key::Txn(txn),
                None => return Err(ReadingError::Unknown(key.to_string())),
            },
            Key::Token(_) | Key::Txn(_) | Key::Escalation(_) => key,
        };
        reading.chain(key)
    });
    let (overview, leaves) = match found.await {
        Ok(found) => found,
        Err(ReadingError::Unknown(_)) => return Err(none()),
        Err(error) => return Err(refused(visitor, &error)),
    };
    if !auditor && overview.escalation.is_none() {
        return Err(none());
    }
    if overview.status == Some(Status::Pending) {
        let awaits = match overview.escalation.map(|id| console.queue.line(id)).transpose() {
            Ok(line) => line.is_some_and(|line| console.desk.awaits(&line, visitor.reviewer.person())),
            Err(error) => return Err(sorry::failed(visitor, &error)),
        };
        if awaits || !auditor {
            let words = "it is still open: what was said of it so far is in the proposal, its history here once it is over";
            return Err(sorry::sorry(visitor, StatusCode::FORBIDDEN, "Not yet", words));
        }
    }
    Ok((overview, leaves))
}

/// The exact bytes of a record of a chain.
pub(super) async fn record(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path((id, index)): Path<(String, Index)>,
) -> Response {
    let (_, leaves) = match readable(&console, &visitor, &id).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    match leaves.into_iter().find(|leaf| leaf.index == index) {
        Some(leaf) => file(&format!("record-{index}.json"), "application/json", leaf.bytes),
        None => sorry::nothing_here(&visitor, "this record is not one of its chain"),
    }
}

/// A file to be kept. Whatever is in it, a browser shows nothing of it as a page.
pub(super) fn file(name: &str, media_type: &'static str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(CONTENT_TYPE, media_type.to_owned()), (CONTENT_DISPOSITION, disposition)], bytes).into_response()
}
