//! The files beside the pages: styles, scripts, icons. They are part of the binary and never change under one name.

use crate::digest::sha256;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Redirect, Response};
use std::sync::LazyLock;

/// A file under `/static/`.
struct Asset {
    /// `console.css`
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

const ASSETS: &[Asset] = &[
    Asset {
        name: "console.css",
        media_type: "text/css; charset=utf-8",
        bytes: include_bytes!("assets/console.css"),
    },
    Asset {
        name: "draft.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/draft.js"),
    },
    Asset { name: "icon-192.png", media_type: "image/png", bytes: include_bytes!("assets/icon-192.png") },
    Asset { name: "icon-512.png", media_type: "image/png", bytes: include_bytes!("assets/icon-512.png") },
    Asset {
        name: "icon-maskable.png",
        media_type: "image/png",
        bytes: include_bytes!("assets/icon-maskable.png"),
    },
    Asset { name: "icon.svg", media_type: "image/svg+xml", bytes: include_bytes!("assets/icon.svg") },
    Asset {
        name: "live.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/live.js"),
    },
    Asset {
        name: "passkey.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/passkey.js"),
    },
    Asset {
        name: "push.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/push.js"),
    },
];

/// The names with the digests of what is in them: `console.3f2a….css`.
static NAMES: LazyLock<Vec<(String, &'static Asset)>> = LazyLock::new(|| {
    let named = |asset: &'static Asset| {
        let digest = sha256(&[asset.bytes]);
        let start: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let (stem, extension) = asset.name.rsplit_once('.').unwrap_or((asset.name, ""));
        (format!("{stem}.{start}.{extension}"), asset)
    };
    ASSETS.iter().map(named).collect()
});

/// The path under which a page names a file: `/static/console.3f2a….css`.
pub(super) fn path(name: &str) -> String {
    let found = NAMES.iter().find(|(_, asset)| asset.name == name);
    found.map_or_else(|| format!("/static/{name}"), |(hashed, _)| format!("/static/{hashed}"))
}

/// The icon, where a browser asks for it by the name that it makes up.
pub(super) async fn favicon() -> Redirect {
    Redirect::permanent(&path("icon.svg"))
}

pub(super) async fn serve(Path(name): Path<String>) -> Response {
    let Some((_, asset)) = NAMES.iter().find(|(hashed, _)| *hashed == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, asset.bytes).into_response()
}
