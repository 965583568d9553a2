//! What Slack sends when somebody presses a button or sends off a dialog: `POST /slack/interactions`.

use super::Console;
use crate::desk::clicks::{ClickRefused, REASON, Reply};
use crate::operation::json::{Object, Value};
use crate::presence::slack::{MAX_BODY, SlackError};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use std::sync::Arc;

/// `/slack/interactions`.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/slack/interactions", post(take)).layer(DefaultBodyLimit::max(MAX_BODY))
}

async fn take(State(console): State<Arc<Console>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(clicks) = &console.incoming.clicks else { return StatusCode::NOT_FOUND.into_response() };
    // Twice the same header could mean two things to two readers.
    let header = |name| {
        let mut values = headers.get_all(name).iter();
        let first = values.next().and_then(|value| value.to_str().ok());
        first.filter(|_| values.next().is_none()).unwrap_or_default()
    };
    let (timestamp, signature) = (header("x-slack-request-timestamp"), header("x-slack-signature"));
    match clicks.take(timestamp, signature, &body).await {
        Ok(Reply::Taken) => StatusCode::OK.into_response(),
        Ok(Reply::Close) => json(Object::new().with("response_action", "clear")),
        Ok(Reply::Mend(words)) => {
            let errors = Object::new().with(REASON, words);
            json(Object::new().with("response_action", "errors").with("errors", Value::Object(errors)))
        }
        Err(refused) => {
            tracing::warn!(%refused, "what came for Slack's buttons is not taken");
            status(refused).into_response()
        }
    }
}

fn json(object: Object) -> Response {
    ([(CONTENT_TYPE, "application/json")], Value::Object(object).to_canonical()).into_response()
}

const fn status(refused: ClickRefused) -> StatusCode {
    match refused {
        ClickRefused::Slack(SlackError::Size) => StatusCode::PAYLOAD_TOO_LARGE,
        ClickRefused::Slack(
            SlackError::EmptySecret | SlackError::Timestamp | SlackError::Stale | SlackError::Signature,
        ) => StatusCode::UNAUTHORIZED,
        ClickRefused::Slack(SlackError::Form | SlackError::Payload) => StatusCode::BAD_REQUEST,
        ClickRefused::TooMuch => StatusCode::TOO_MANY_REQUESTS,
    }
}
