//! A storage that fails on demand, with a clock of its own, and an engine over it.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use tagout::engine::{Engine, EngineError, Granted, Wish};
use tagout::fault::Fault;
use tagout::journal::{Journal, Keep};
use tagout::matching::Search;
use tagout::signals::{Delivery, Format, Intake, Reading};
use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::digest::DeliveryDigest;
use tagout_core::findings::Findings;
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_core::time::{Span, Time};
use tagout_log::MemoryStorage;
use tagout_log::commitment::Payload;
use tagout_log::storage::{AppendError, Batch, Head, Held, Storage, StoredCheckpoint, TextPlace};
use tagout_log::tree::Hash;

/// What goes wrong next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Trouble {
    #[default]
    Nothing,
    /// The place of order is not given.
    Hold,
    /// Nothing is written.
    Append,
    /// Everything is written, and the answer is lost.
    Answer,
    /// The leaves cannot be read.
    Leaves,
    /// The entries of this stream cannot be read.
    Stream(String),
}

#[derive(Debug, thiserror::Error)]
#[error("the storage was told to fail")]
pub(crate) struct Told;

#[derive(Debug)]
struct Inner {
    memory: MemoryStorage,
    trouble: Trouble,
    /// How often it has failed.
    failed: usize,
    now: Time,
}

/// A handle; all of its clones are one storage.
#[derive(Debug, Clone)]
pub(crate) struct Faulty(Arc<Mutex<Inner>>);

impl Faulty {
    pub(crate) fn new() -> Self {
        let now = "2026-11-01T10:00:00Z".parse().unwrap();
        let (memory, trouble) = (MemoryStorage::new(), Trouble::Nothing);
        Self(Arc::new(Mutex::new(Inner { memory, trouble, failed: 0, now })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Fails so from now on; how often it has failed is counted anew.
    pub(crate) fn fails(&self, trouble: Trouble) {
        let mut inner = self.inner();
        (inner.trouble, inner.failed) = (trouble, 0);
    }

    /// Fails no more, and says how often it has failed.
    pub(crate) fn recovers(&self) -> usize {
        let mut inner = self.inner();
        inner.trouble = Trouble::Nothing;
        inner.failed
    }

    pub(crate) fn wait(&self, seconds: u64) {
        let mut inner = self.inner();
        inner.now = inner.now.after(Span::from_secs(seconds));
    }

    fn or(&self, trouble: &Trouble) -> Result<MutexGuard<'_, Inner>, Told> {
        let mut inner = self.inner();
        if inner.trouble == *trouble {
            inner.failed += 1;
            return Err(Told);
        }
        Ok(inner)
    }
}

fn sure<T>(result: Result<T, std::convert::Infallible>) -> T {
    result.unwrap_or_else(|never| match never {})
}

impl Storage for Faulty {
    type Error = Told;

    fn head(&self) -> Result<Head, Told> {
        Ok(sure(self.inner().memory.head()))
    }

    fn hold(&mut self) -> Result<Held, Told> {
        let inner = self.or(&Trouble::Hold)?;
        Ok(Held { head: sure(inner.memory.head()), now: Some(inner.now) })
    }

    fn stream_version(&self, stream: &str) -> Result<u64, Told> {
        Ok(sure(self.inner().memory.stream_version(stream)))
    }

    fn append(&mut self, batch: &Batch<'_>) -> Result<(), AppendError<Told>> {
        let mut inner = self.or(&Trouble::Append).map_err(AppendError::Storage)?;
        inner.memory.append(batch).map_err(|error| match error {
            AppendError::HeadMoved => AppendError::HeadMoved,
            AppendError::Stale { stream, expected, found } => {
                AppendError::Stale { stream, expected, found }
            }
            AppendError::Storage(never) => match never {},
        })?;
        drop(inner);
        self.or(&Trouble::Answer).map(drop).map_err(AppendError::Storage)
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Told> {
        Ok(sure(self.inner().memory.leaf(index)))
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, Told> {
        Ok(sure(self.or(&Trouble::Leaves)?.memory.leaves(range)))
    }

    fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, Told> {
        Ok(sure(self.inner().memory.leaf_hashes(range)))
    }

    fn stream(&self, stream: &str, after: u64) -> Result<Vec<u64>, Told> {
        let inner = self.or(&Trouble::Stream(stream.to_owned()))?;
        Ok(sure(inner.memory.stream(stream, after)))
    }

    fn streams(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>, Told> {
        Ok(sure(self.inner().memory.streams(prefix, after, limit)))
    }

    fn payload(&self, text: &TextPlace) -> Result<Option<Payload>, Told> {
        Ok(sure(self.inner().memory.payload(text)))
    }

    fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, Told> {
        Ok(sure(self.inner().memory.checkpoint()))
    }

    fn put_checkpoint(&mut self, checkpoint: &StoredCheckpoint) -> Result<(), Told> {
        sure(self.inner().memory.put_checkpoint(checkpoint));
        Ok(())
    }
}

/// Nothing is found, because nothing is searched.
pub(crate) struct NoSearch;

impl Search for NoSearch {
    fn find(&mut self, _: &Alert) -> Result<Findings, Fault> {
        Err(Fault::new("nothing is searched here"))
    }
}

/// An engine over this storage that keeps open incidents only, under a policy of a few lines.
pub(crate) fn engine(storage: &Faulty, policy: &str) -> Engine<Faulty> {
    let journal = Journal::open_keeping(storage.clone(), Keep::Open).unwrap();
    let policy = EscalationPolicy::parse(policy).unwrap();
    let runbooks = Catalogue::new(std::iter::empty()).unwrap();
    let mut engine = Engine::new(journal, policy, runbooks, NoSearch);
    engine.announce().unwrap();
    engine
}

/// A firing alert of this name about this host.
pub(crate) fn alert(name: &str, host: &str, severity: &str) -> Alert {
    Alert {
        id: String::new(),
        source: "test".into(),
        status: AlertStatus::Firing,
        severity: Some(severity.into()),
        title: name.into(),
        message: "the disk is almost full".into(),
        labels: [("instance".to_owned(), host.to_owned())].into(),
        annotations: Default::default(),
        metrics: Default::default(),
        starts_at: None,
        ends_at: None,
        runbook_url: None,
    }
}

pub(crate) fn ended(alert: &Alert) -> Alert {
    Alert { status: AlertStatus::Resolved, ..alert.clone() }
}

/// The wish of a source that delivers these alerts.
pub(crate) fn delivery(alerts: &[Alert]) -> Wish {
    let digest = DeliveryDigest::of_bytes(format!("{alerts:?}").as_bytes());
    let alerts = alerts.iter().cloned().map(Reading::Alert).collect();
    let delivery = Delivery { source: Format::Alertmanager, digest, alerts, truncated: 0 };
    Wish::Deliver(Arc::new(Intake::Alerts { source: Some("am".into()), delivery }))
}

/// Grants one wish.
pub(crate) fn one(engine: &mut Engine<Faulty>, wish: Wish) -> Result<Granted, EngineError> {
    engine.grant(&[wish]).pop().unwrap()
}

/// All that the engine knows, in words.
pub(crate) fn state(engine: &Engine<Faulty>) -> String {
    let incidents: Vec<_> = engine.journal().incidents().collect();
    format!("{:#?}\n{incidents:#?}", engine.journal().shared())
}
