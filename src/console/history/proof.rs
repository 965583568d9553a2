//! The proof that a record stands in the log, in one file that is checked anywhere.

use super::record::{file, readable};
use crate::console::visitor::Visitor;
use crate::console::{Console, sorry};
use crate::store::Index;
use axum::extract::{Path, State};
use axum::response::Response;
use std::sync::Arc;

/// The proof of a record of a chain, as `countersign audit check-proof` takes it.
pub(super) async fn proof(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path((id, index)): Path<(String, Index)>,
) -> Response {
    let (_, leaves) = match readable(&console, &visitor, &id).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    if !leaves.iter().any(|leaf| leaf.index == index) {
        return sorry::nothing_here(&visitor, "this record is not one of its chain");
    }
    let checkpoints = console.sidecar.checkpoints.clone();
    match tokio::task::spawn_blocking(move || checkpoints.prove(index)).await {
        Ok(Ok(proof)) => {
            file(&format!("record-{index}.tlog-proof"), "application/octet-stream", proof.to_string().into())
        }
        Ok(Err(fault)) => sorry::failed(&visitor, &fault),
        Err(stopping) => sorry::failed(&visitor, &stopping),
    }
}
