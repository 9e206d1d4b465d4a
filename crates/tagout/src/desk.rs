//! The search desk: a thread that finds runbooks, so that the writer never waits for a search.

use std::sync::mpsc as std_mpsc;
use std::thread;

use tagout_core::alert::Alert;
use tokio::sync::mpsc;

use crate::matching::Search;
use crate::writer::Ask;

/// The writer's side of the desk. Storms are gathered before anything is searched, so the
/// incidents that wait here are few.
pub(crate) struct SearchDesk {
    jobs: std_mpsc::Sender<Job>,
}

enum Job {
    Find(String, Box<Alert>),
    SearchWith(Box<dyn Search>),
}

impl SearchDesk {
    /// Opens the desk. What is found goes to `writer` as long as there is one.
    pub(crate) fn open(
        mut search: Box<dyn Search>,
        writer: mpsc::WeakSender<Ask>,
    ) -> std::io::Result<Self> {
        let (jobs, waiting) = std_mpsc::channel();
        thread::Builder::new().name("search".into()).spawn(move || {
            for job in waiting {
                match job {
                    Job::Find(id, alert) => {
                        let start = std::time::Instant::now();
                        let found = search.find(&alert);
                        metrics::histogram!("tagout_search_seconds").record(start.elapsed());
                        let Some(writer) = writer.upgrade() else { return };
                        if writer.blocking_send(Ask::Found(id, found)).is_err() {
                            return;
                        }
                    }
                    Job::SearchWith(other) => search = other,
                }
            }
        })?;
        Ok(Self { jobs })
    }

    /// Has the runbooks for an alert found.
    pub(crate) fn find(&self, id: String, alert: Alert) {
        // The desk ends with the writer and not before.
        let _ = self.jobs.send(Job::Find(id, Box::new(alert)));
    }

    /// Searches otherwise from now on.
    pub(crate) fn search_with(&self, search: Box<dyn Search>) {
        let _ = self.jobs.send(Job::SearchWith(search));
    }
}
