//! Bodies of a bounded size, read whole within a time. A request under way keeps its place among
//! the connections, so nobody may keep one by announcing a body that never comes.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tagout_core::limits;
use tokio::time::timeout;

use super::App;
use super::problem::Problem;

/// A body of at most `most` bytes, once all of it is there.
pub(super) async fn whole(app: &App, body: Body, most: usize) -> Result<Bytes, Problem> {
    let read = timeout(app.timeout(), to_bytes(body, most)).await.map_err(|_| {
        Problem::new(StatusCode::REQUEST_TIMEOUT).detail("the body did not arrive in time")
    })?;
    read.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
            .detail(format!("the body is larger than {most} bytes, or did not arrive whole"))
    })
}

/// Has what a form sends there before anything looks at it. A layer around every route that
/// takes forms, so that none of them waits for a body by itself.
pub(super) async fn forms(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match whole(&app, body, limits::FORM_BYTES).await {
        Ok(body) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Err(problem) => problem.into_response(),
    }
}
