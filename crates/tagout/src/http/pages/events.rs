//! A stream that tells open pages that something was recorded, and nothing more: each page then
//! looks again at what it shows. A stream costs a waiting task and holds no state.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use super::Reader;
use crate::http::App;

/// After how long a stream ends. The browser comes back at once, and is asked again who it is.
const LENGTH: Duration = Duration::from_secs(5 * 60);
/// How often a word is sent although there is nothing to tell.
const ALIVE: Duration = Duration::from_secs(20);
/// The shortest time between two words.
const PAUSE: Duration = Duration::from_millis(500);

struct Following {
    entries: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    end: Instant,
    first: bool,
    _place: OwnedSemaphorePermit,
}

/// Tells how many entries the log has, whenever that changes.
pub(super) async fn follow(_: Reader, State(app): State<Arc<App>>) -> Response {
    let Ok(place) = Arc::clone(&app.streams).try_acquire_owned() else {
        // The page asks by itself now and then.
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "30")]).into_response();
    };
    let following = Following {
        entries: app.entries.subscribe(),
        closing: app.closing.clone(),
        end: Instant::now() + LENGTH,
        first: true,
        _place: place,
    };
    let told = stream::unfold(following, |mut following| async move {
        let entries = following.next().await?;
        let event = Event::default().event("recorded").data(entries.to_string());
        Some((Ok::<_, Infallible>(event), following))
    });
    Sse::new(told).keep_alive(KeepAlive::new().interval(ALIVE)).into_response()
}

impl Following {
    /// How many entries there are, once there are others than before; `None` at the end.
    async fn next(&mut self) -> Option<u64> {
        if std::mem::take(&mut self.first) {
            return Some(*self.entries.borrow_and_update());
        }
        tokio::time::sleep(PAUSE).await;
        tokio::select! {
            biased;
            _ = self.closing.wait_for(|closing| *closing) => None,
            () = tokio::time::sleep_until(self.end) => None,
            changed = self.entries.changed() => {
                changed.ok()?;
                Some(*self.entries.borrow_and_update())
            }
        }
    }
}
