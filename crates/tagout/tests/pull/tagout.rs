//! A Tagout that polls: a writer over a log of its own, without runbooks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::tagout::engine::Engine;
use ::tagout::fault::Fault;
use ::tagout::journal::{Journal, Keep};
use ::tagout::matching::Search;
use ::tagout::poll::{self, PollConfig, PollKind};
use ::tagout::signals::{self, Intake};
use ::tagout::store::{SqliteStore, Store};
use ::tagout::writer::Writer;
use tagout_core::alert::Alert;
use tagout_core::digest::{CatalogueDigest, SearchDigest};
use tagout_core::event::{Event, TriagedAway};
use tagout_core::findings::Findings;
use tagout_core::incident::{Closure, Incident};
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_core::time::Span;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::daemons::until;

/// Many alerts are no storm here, and nothing cools down: most tests want what they ask for.
const POLICY: &str = "version = 1\n[noise]\nstorm_per_name = 1000\nstorm_overall = 1000\n\
                      cooldown = \"0s\"\nflapping_starts = 16\n";

/// Finds nothing.
struct NoRunbooks;

impl Search for NoRunbooks {
    fn find(&mut self, _: &Alert) -> Result<Findings, Fault> {
        let digest = SearchDigest::from_raw([0; 32]);
        Ok(Findings {
            candidates: Vec::new(),
            calibrated: false,
            catalogue: CatalogueDigest::from_raw([0; 32]),
            model: digest,
            index: digest,
            calibration: digest,
        })
    }
}

/// One Tagout.
pub(crate) struct Tagout {
    pub(crate) writer: Writer,
    dir: TempDir,
    shutdown: watch::Sender<bool>,
    leads: Arc<AtomicBool>,
    polls: Vec<JoinHandle<()>>,
}

/// An incident, as a test looks at it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) alert: Alert,
    pub(crate) incident: Incident,
}

impl Seen {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.incident, Incident::Open(..))
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.incident, Incident::Closed(_, Closure::AlertEnded))
    }

    pub(crate) fn away(&self) -> Option<TriagedAway> {
        match &self.incident {
            Incident::Closed(_, Closure::TriagedAway(why)) => Some(why.clone()),
            _ => None,
        }
    }
}

/// An entry that polls `url` five times a second, which no configuration may ask for.
pub(crate) fn entry(kind: PollKind, url: String) -> PollConfig {
    PollConfig {
        name: "one".into(),
        kind,
        url,
        interval: Span::from_millis(200),
        settle: Some(Span::default()),
        bearer: None,
        basic: None,
        silences: false,
        labels: [].into(),
    }
}

impl Tagout {
    pub(crate) fn start() -> Self {
        Self::over(tempfile::tempdir().unwrap())
    }

    fn over(dir: TempDir) -> Self {
        let store = SqliteStore::open(&dir.path().join("tagout.db")).unwrap();
        let journal = Journal::open_keeping(Store::from(store), Keep::All).unwrap();
        let policy = EscalationPolicy::parse(POLICY).unwrap();
        let runbooks = Catalogue::new(std::iter::empty()).unwrap();
        let mut engine = Engine::new(journal, policy, runbooks, NoRunbooks);
        engine.announce().unwrap();
        engine.resume().unwrap();
        let (writer, _) = Writer::start(engine, Box::new(NoRunbooks), 64, None).unwrap();
        let (shutdown, _) = watch::channel(false);
        let leads = Arc::new(AtomicBool::new(true));
        Self { writer, dir, shutdown, leads, polls: Vec::new() }
    }

    pub(crate) fn poll(&mut self, config: PollConfig) {
        let leads = Arc::clone(&self.leads);
        let leads: poll::Leads = Arc::new(move || leads.load(Ordering::Relaxed));
        let shutdown = self.shutdown.subscribe();
        self.polls.push(poll::spawn(config, self.writer.clone(), leads, shutdown).unwrap());
    }

    pub(crate) fn lead(&self, leads: bool) {
        self.leads.store(leads, Ordering::Relaxed);
    }

    /// Stops polling and starts anew over the same log, as after a restart.
    pub(crate) async fn again(self) -> Self {
        self.shutdown.send_replace(true);
        for poll in self.polls {
            poll.await.unwrap();
        }
        drop(self.writer);
        Self::over(self.dir)
    }

    /// Hands over what a webhook brings.
    pub(crate) async fn push(&self, body: &str) {
        let delivery = signals::read(body.as_bytes()).unwrap();
        let intake = Intake::Alerts { source: Some("push".into()), delivery };
        self.writer.deliver(Arc::new(intake)).await.unwrap();
    }

    /// Every incident about an alert of this name, in the order of their ids.
    pub(crate) async fn incidents(&self, name: &'static str) -> Vec<Seen> {
        let all = self.writer.read(move |journal| {
            let of_name = |(_, incident): (&str, &Incident)| {
                let alert = incident.case()?.alert.clone();
                (alert.name() == name).then(|| Seen { alert, incident: incident.clone() })
            };
            journal.incidents().filter_map(of_name).collect()
        });
        all.await.unwrap()
    }

    /// Waits until an incident about an alert of this name looks so.
    pub(crate) async fn wait(
        &self,
        name: &'static str,
        what: &str,
        looks: impl Fn(&Seen) -> bool,
    ) -> Seen {
        let what = format!("{name}: {what}");
        until(&what, async || self.incidents(name).await.into_iter().find(|seen| looks(seen))).await
    }

    /// Waits until there are `n` incidents about an alert of this name, of which one is open.
    pub(crate) async fn open(&self, name: &'static str, n: usize) {
        until(&format!("{n} incidents of {name}, one open"), async || {
            let all = self.incidents(name).await;
            (all.len() == n && all.iter().filter(|seen| seen.is_open()).count() == 1).then_some(())
        })
        .await;
    }

    /// The formats of the deliveries in the log.
    pub(crate) async fn deliveries(&self) -> Vec<String> {
        let history = self.writer.read(|journal| journal.history(None).unwrap());
        let formats =
            history.await.unwrap().into_iter().filter_map(|recorded| match recorded.event() {
                Event::DeliveryReceived { format, .. } => Some(format.clone()),
                _ => None,
            });
        formats.collect()
    }

    /// Lets so many more polls happen, whatever they bring.
    pub(crate) async fn polls(&self, n: u64) {
        tokio::time::sleep(std::time::Duration::from_millis(250 * n)).await;
    }
}
