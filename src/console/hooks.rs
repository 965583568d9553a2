//! Votes that programs send in: `POST /hooks/<name>`, signed over the raw bytes.

use super::Console;
use crate::desk::hooks::HookRefused;
use crate::operation::json::{Object, Value};
use crate::presence::webhook::{Headers, MAX_BODY, WebhookError};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use std::sync::Arc;

/// `/hooks/{name}`.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/hooks/{name}", post(take)).layer(DefaultBodyLimit::max(MAX_BODY))
}

async fn take(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // What began is brought to its end, also where the program has gone away.
    let taking = tokio::spawn(async move {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let signed = Headers {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
        };
        let taken = console.incoming.hooks.take(&name, signed, &body).await;
        if let Err(refused) = &taken {
            tracing::warn!(hook = ?name, %refused, "a delivery is no vote");
        }
        if let Some(refused) = taken.as_ref().err().and_then(HookRefused::vote) {
            console.sidecar.metrics.vote_refused(refused.code());
        }
        match taken {
            Ok(docket) => {
                let status = docket.escalation.status(console.desk.now());
                answer(StatusCode::OK, "status", status.as_str())
            }
            Err(refused) => answer(status(&refused), "error", &refused.to_string()),
        }
    });
    taking.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn answer(status: StatusCode, name: &str, words: &str) -> Response {
    let body = Value::Object(Object::new().with(name, words)).to_canonical();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// What never counts is answered so that the sender doesn't try it again for long.
const fn status(refused: &HookRefused) -> StatusCode {
    match refused {
        HookRefused::Unknown => StatusCode::NOT_FOUND,
        HookRefused::Delivery(WebhookError::Size) => StatusCode::PAYLOAD_TOO_LARGE,
        HookRefused::Delivery(
            WebhookError::Secret
            | WebhookError::Id
            | WebhookError::Timestamp
            | WebhookError::Stale
            | WebhookError::Signature,
        ) => StatusCode::UNAUTHORIZED,
        HookRefused::Again => StatusCode::CONFLICT,
        HookRefused::TooMuch => StatusCode::TOO_MANY_REQUESTS,
        HookRefused::Message(_) | HookRefused::Reason(_) => StatusCode::BAD_REQUEST,
        HookRefused::Stranger | HookRefused::NotAnswered(_) => StatusCode::FORBIDDEN,
    }
}
