//! What the pages are dressed in: one style sheet, one script and one icon, served from the
//! binary. Their names hold a digest of their content, so a browser may keep them for good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use tagout_core::digest::sha256;

use crate::http::problem::Problem;

/// A file that ships in the binary.
pub(super) struct Asset {
    body: &'static str,
    media_type: &'static str,
    /// Where it is served.
    pub(super) path: String,
}

impl Asset {
    fn new(stem: &str, extension: &str, media_type: &'static str, body: &'static str) -> Self {
        let digest = sha256("tagout.asset.v1", &[body.as_bytes()]);
        let digest: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { body, media_type, path: format!("/assets/{stem}-{digest}.{extension}") }
    }
}

/// The style sheet.
pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let body = include_str!("../../../assets/tagout.css");
    Asset::new("tagout", "css", "text/css; charset=utf-8", body)
});

/// The script. Every page works without it.
pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let body = include_str!("../../../assets/tagout.js");
    Asset::new("tagout", "js", "text/javascript; charset=utf-8", body)
});

/// The icon.
pub(super) static ICON: LazyLock<Asset> = LazyLock::new(|| {
    let body = include_str!("../../../assets/tagout.svg");
    Asset::new("tagout", "svg", "image/svg+xml", body)
});

/// One of them. They are the same for everybody and hold nothing of anybody's.
pub(super) async fn show(Path(name): Path<String>) -> Response {
    let path = format!("/assets/{name}");
    let all = [&*STYLE, &*SCRIPT, &*ICON];
    let Some(asset) = all.into_iter().find(|asset| asset.path == path) else {
        return Problem::new(StatusCode::NOT_FOUND).into_response();
    };
    let kept = "public, max-age=31536000, immutable";
    ([(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, kept)], asset.body).into_response()
}
