//! The manifest: as what, and with which icons, a phone installs the console.

use super::{Console, assets};
use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::json;
use std::sync::Arc;

/// `/manifest.webmanifest`
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/manifest.webmanifest", get(manifest))
}

/// The same for everybody, signed in or not.
async fn manifest() -> Response {
    let png = |name: &str, size: &str, purpose: &str| json!({ "src": assets::path(name), "sizes": size, "type": "image/png", "purpose": purpose });
    let manifest = json!({
        "id": "/",
        "name": "Countersign",
        "short_name": "Countersign",
        "description": "What agents ask people to approve.",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f6f7f9",
        "theme_color": "#1d4f91",
        "icons": [
            { "src": assets::path("icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any" },
            png("icon-192.png", "192x192", "any"),
            png("icon-512.png", "512x512", "any"),
            png("icon-maskable.png", "512x512", "maskable"),
        ],
        "shortcuts": [
            { "name": "Out of office", "url": "/people" },
            { "name": "History", "url": "/history" },
        ],
    });
    let headers = [(CONTENT_TYPE, "application/manifest+json"), (CACHE_CONTROL, "public, max-age=3600")];
    (headers, manifest.to_string()).into_response()
}
