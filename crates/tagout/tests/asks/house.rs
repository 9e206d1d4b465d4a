//! A writer over a log of its own with two runbooks, and people who ask.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tagout::asks::{AskError, Asks, IncidentAsk};
use tagout::engine::{Engine, Taken};
use tagout::fault::Fault;
use tagout::journal::{Journal, Keep, Recorded};
use tagout::matching::Search;
use tagout::runbooks;
use tagout::signals::{self, Intake};
use tagout::store::{SqliteStore, Store};
use tagout::writer::Writer;
use tagout_core::actor::{Actor, Role};
use tagout_core::alert::Alert;
use tagout_core::approval::{Answer, Person};
use tagout_core::confidence::Confidence;
use tagout_core::digest::{PlanDigest, SearchDigest};
use tagout_core::findings::{Candidate, ExactKey, Findings};
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_core::verdict::Mode;
use tempfile::TempDir;

use super::home::{CACHE, POLICY, QUEUE, alert};

/// Finds the runbook that is named like the alert, and the other one after it.
struct ByName(Catalogue);

impl Search for ByName {
    fn find(&mut self, alert: &Alert) -> Result<Findings, Fault> {
        let digest = SearchDigest::from_raw([0; 32]);
        let order = match alert.name() {
            "CacheFull" => ["cache-full", "queue-stuck"],
            _ => ["queue-stuck", "cache-full"],
        };
        let confidences = [9_900, 1_000].map(Confidence::from_basis_points);
        let candidates = order.into_iter().zip(confidences).map(|(id, confidence)| Candidate {
            runbook: id.to_owned(),
            confidence,
            key: Some(ExactKey::AlertName),
            matched_terms: Vec::new(),
            similarity: 0,
        });
        Ok(Findings {
            candidates: candidates.collect(),
            calibrated: true,
            catalogue: self.0.digest(),
            model: digest,
            index: digest,
            calibration: digest,
        })
    }
}

/// A running house.
pub(crate) struct House {
    pub(crate) asks: Asks,
    pub(crate) writer: Writer,
    _dir: TempDir,
}

pub(crate) fn somebody(name: &str, role: Role) -> Actor {
    Actor::new(Person::new(name).unwrap(), role)
}

pub(crate) fn ana() -> Actor {
    somebody("ana", Role::Approver)
}

pub(crate) fn bob() -> Actor {
    somebody("bob", Role::Approver)
}

impl House {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let book = dir.path().join("book");
        fs::create_dir(&book).unwrap();
        fs::write(book.join("cache.md"), CACHE).unwrap();
        fs::write(book.join("queue.md"), QUEUE).unwrap();
        let runbooks = runbooks::load(&book).unwrap().catalogue;
        let store = SqliteStore::open(&dir.path().join("tagout.db")).unwrap();
        let journal = Journal::open_keeping(Store::from(store), Keep::Open).unwrap();
        let policy = EscalationPolicy::parse(POLICY).unwrap();
        let search = || ByName(runbooks.clone());
        let mut engine = Engine::new(journal, policy, runbooks.clone(), search());
        engine.announce().unwrap();
        let (writer, _) = Writer::start(engine, Box::new(search()), 64, None).unwrap();
        Self { asks: Asks::new(writer.clone()), writer, _dir: dir }
    }

    /// An incident whose plan waits for two people: its id and the digest of the plan.
    pub(crate) async fn waiting(&self) -> (String, PlanDigest) {
        self.waiting_on("CacheFull", "critical", "host-1").await
    }

    pub(crate) async fn waiting_on(
        &self,
        name: &str,
        severity: &str,
        host: &str,
    ) -> (String, PlanDigest) {
        let delivery = signals::read(alert(name, severity, host).as_bytes()).unwrap();
        let intake = Intake::Alerts { source: None, delivery };
        let taken = self.writer.deliver(Arc::new(intake)).await.unwrap();
        let Taken::Incident(id) = taken[0].clone() else { panic!("{taken:?}") };
        for _ in 0..400 {
            if let Some(plan) = self.plan(&id).await {
                return (id, plan);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no plan waits: {:?}", self.history(Some(&id)).await);
    }

    /// The plan that waits now.
    pub(crate) async fn plan(&self, id: &str) -> Option<PlanDigest> {
        let id = id.to_owned();
        let read = self.writer.read(move |journal| {
            journal.incident(&id).waiting().map(|(proposal, _)| proposal.digest)
        });
        read.await.unwrap()
    }

    pub(crate) async fn history(&self, id: Option<&str>) -> Vec<Recorded> {
        let id = id.map(str::to_owned);
        self.writer.read(move |journal| journal.history(id.as_deref())).await.unwrap().unwrap()
    }

    /// How many events of this kind the log holds.
    pub(crate) async fn count(&self, kind: &str) -> usize {
        let history = self.history(None).await;
        history.iter().filter(|one| tagout_core::evolve::kind(one.event()) == kind).count()
    }

    pub(crate) async fn approve(
        &self,
        actor: &Actor,
        id: &str,
        plan: PlanDigest,
    ) -> Result<Vec<Recorded>, AskError> {
        self.asks.incident(actor, id, approval(plan)).await
    }
}

pub(crate) fn approval(plan: PlanDigest) -> IncidentAsk {
    let (mode, reason) = (Mode::DryRun, "looked at it".into());
    IncidentAsk::Answer { plan, mode, answer: Answer::Approve, reason }
}
