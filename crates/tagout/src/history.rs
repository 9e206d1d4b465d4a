//! What is recorded of one incident, read between the writer's turns: a long history is read a
//! piece at a time, and whoever else waits comes in between two pieces.

use std::ops::ControlFlow;
use std::sync::Arc;

use tagout_core::evolve::evolve;
use tagout_core::incident::Incident;
use tagout_log::storage::Storage;

use crate::engine::EngineError;
use crate::fault::Fault;
use crate::journal::{Journal, Recorded};
use crate::summary::Summary;
use crate::writer::{NotRecorded, Writer};

/// How many events are read while the others wait.
pub const PIECE: usize = 256;

/// An incident in short, as far as one look goes.
#[allow(clippy::large_enum_variant, reason = "moved once")]
enum Told {
    /// All of it; `None` if nothing is recorded of it.
    Whole(Option<Summary>),
    /// Its history takes more than one look.
    Long,
}

impl Writer {
    /// An incident as it is now. One in which nothing can happen any more is not kept, and comes
    /// out of its history; [`Incident::Absent`] if there is none of this id.
    ///
    /// # Errors
    /// If the log cannot be read now.
    pub async fn incident(&self, id: &str) -> Result<Incident, NotRecorded> {
        let named = id.to_owned();
        let kept = self.read(move |journal| journal.incident(&named).clone()).await?;
        if kept != Incident::Absent {
            return Ok(kept);
        }
        let mut incident = Incident::Absent;
        let flaw = self.walk(id, |recorded| {
            match evolve(std::mem::take(&mut incident), recorded.event(), recorded.at()) {
                Ok(after) => {
                    incident = after;
                    ControlFlow::Continue(())
                }
                Err(e) => ControlFlow::Break(Fault::damage(format!(
                    "entry {} breaks its own record ({e})",
                    recorded.index()
                ))),
            }
        });
        match flaw.await? {
            Some(flaw) => Err(EngineError::from(flaw).into()),
            None => Ok(incident),
        }
    }

    /// Has `step` see what is recorded of an incident, in order, until it breaks off; `None` if
    /// it never does.
    ///
    /// # Errors
    /// If the log cannot be read now.
    pub async fn walk<B>(
        &self,
        id: &str,
        mut step: impl FnMut(&Recorded) -> ControlFlow<B>,
    ) -> Result<Option<B>, NotRecorded> {
        let named = id.to_owned();
        let places = self.read(move |journal| journal.places(&named)).await?;
        let places = places.map_err(EngineError::from)?;
        for piece in places.chunks(PIECE) {
            let piece = piece.to_vec();
            let events = self.read(move |journal| journal.events(&piece)).await?;
            for recorded in events.map_err(EngineError::from)? {
                if let ControlFlow::Break(found) = step(&recorded) {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// At most `most` of these incidents in short, those that `fits` chooses, and how many of
    /// `ids` were looked at for that.
    ///
    /// # Errors
    /// If the log cannot be read now.
    pub async fn summaries(
        &self,
        ids: &[String],
        most: usize,
        fits: impl Fn(&Summary) -> bool,
    ) -> Result<(Vec<Summary>, usize), NotRecorded> {
        let ids: Arc<[String]> = ids.into();
        let (mut found, mut seen) = (Vec::new(), 0);
        while seen < ids.len() && found.len() < most {
            let rest = Arc::clone(&ids);
            let told = self.read(move |journal| piece(journal, rest.get(seen..).unwrap_or(&[])));
            for one in told.await?.map_err(EngineError::from)? {
                if found.len() == most {
                    break;
                }
                let summary = match (one, ids.get(seen)) {
                    (Told::Whole(summary), _) => summary,
                    (Told::Long, Some(id)) => self.summary(id).await?,
                    (Told::Long, None) => None,
                };
                seen += 1;
                found.extend(summary.filter(&fits));
            }
        }
        Ok((found, seen))
    }

    async fn summary(&self, id: &str) -> Result<Option<Summary>, NotRecorded> {
        let (id, incident) = (id.to_owned(), self.incident(id).await?);
        self.read(move |journal| Summary::among(journal, &id, &incident)).await
    }
}

/// The first of these incidents in short, as many as one look may read; one at least.
fn piece<S: Storage>(journal: &Journal<S>, ids: &[String]) -> Result<Vec<Told>, Fault> {
    let (mut told, mut read) = (Vec::new(), 0);
    for id in ids {
        if *journal.incident(id) == Incident::Absent {
            read += journal.length(id)?;
            if read > PIECE as u64 {
                if told.is_empty() {
                    told.push(Told::Long);
                }
                break;
            }
        }
        told.push(Told::Whole(Summary::among(journal, id, &journal.load(id)?)));
    }
    Ok(told)
}
