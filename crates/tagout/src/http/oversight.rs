//! Is the human review real? The theater check over the whole log, read once and then from
//! where it was left.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use tagout_core::command::SharedCommand;
use tagout_core::oversight::{Oversight as Check, OversightReport, Verdict};
use tokio::sync::Mutex;

use super::caller::Caller;
use super::page::NotRead;
use super::problem::Problem;
use super::{App, unavailable, unreadable};
use crate::writer::NotRecorded;

/// How many entries are read between two turns of the writer.
const CHUNK: u64 = 1_000;

/// The check, as far as the log was read.
#[derive(Debug, Default)]
pub(super) struct Oversight(Mutex<(Check, u64)>);

/// The theater check: figures of all reviews, by runbook and by reviewer.
#[utoipa::path(
    get,
    path = "/v1/oversight",
    tag = "oversight",
    security(("token" = [])),
    responses(
        (status = 200, description = "The figures, as `tagout oversight --json` prints them.",
         body = Object),
        NotRead
    )
)]
pub(super) async fn show(
    _: Caller,
    State(app): State<Arc<App>>,
) -> Result<Json<OversightReport>, Problem> {
    app.oversight().await.map(Json)
}

impl App {
    /// The theater check over all that is recorded.
    pub(super) async fn oversight(&self) -> Result<OversightReport, Problem> {
        let mut known = self.oversight.0.lock().await;
        loop {
            let from = known.1;
            let read = self.writer.read(move |journal| journal.read_from(from, CHUNK));
            let (events, next) = read.await.map_err(unavailable)?.map_err(unreadable)?;
            if next == from {
                return Ok(known.0.report());
            }
            let check = std::mem::take(&mut known.0);
            known.0 = events
                .iter()
                .fold(check, |check, one| check.after(one.event(), one.incident(), one.at()));
            known.1 = next;
        }
    }

    /// Has the log say which runbooks are approved unread and which no longer are: what relieves
    /// reviewers is off for those. Due now and then, on the replica that leads.
    ///
    /// # Errors
    /// If it cannot be found out or recorded just now.
    pub(crate) async fn find_oversight(&self) -> Result<(), NotRecorded> {
        // What went wrong is told where it did.
        let Ok(report) = self.oversight().await else { return Ok(()) };
        for (runbook, figures) in report.by_runbook {
            let ceremonial = matches!(figures.verdict, Verdict::Ceremonial { .. });
            self.writer.shared(SharedCommand::FindOversight { runbook, ceremonial }).await?;
        }
        Ok(())
    }
}
