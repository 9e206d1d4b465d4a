//! The journal: events in, events out, over the audit log. State is what the events say and
//! nothing else.

mod archive;
mod erasure;
mod joins;
mod look;
mod overview;
mod permit;
mod receipt;
mod record;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tagout_core::digest::PolicyDigest;
use tagout_core::event::Event;
use tagout_core::evolve::evolve;
use tagout_core::incident::Incident;
use tagout_core::policy::EscalationPolicy;
use tagout_core::shared::Shared;
use tagout_core::time::Time;
use tagout_core::verdict::{PolicyInput, Verdict};
use tagout_log::proof_file::ProofFile;
use tagout_log::storage::Storage;
use tagout_log::{AuditLog, KeyChain, LogError, Opened, SignedCheckpoint, SignerKey};

use crate::clock::Clock;
use crate::fault::Fault;

pub use archive::{Archivable, in_files};
pub use erasure::Erasure;
pub(crate) use joins::Joins;
pub use look::LookPermit;
pub use overview::{Declared, FoldedIn, Overview, Quarantined};
pub use permit::StepPermit;
pub use receipt::NoReceipt;
pub use record::Recorded;
pub(crate) use record::decode;
use record::{EVENT_VERSION, SHARED_STREAM};
pub use turn::{CommitError, Leave, NOTICE, Turn};

/// What the streams of incidents begin with.
pub(crate) const INCIDENT_PREFIX: &str = "incident/";
/// How many entries are read at once.
const CHUNK: u64 = 4096;

/// Which incidents stay in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All of them: for commands that look at the whole log.
    All,
    /// Those in which something may still happen; the others are read when they are asked for.
    Open,
}

/// The journal and the state that its events add up to.
#[derive(Debug)]
pub struct Journal<S> {
    log: AuditLog<S>,
    read: u64,
    keep: Keep,
    shared: Shared,
    incidents: BTreeMap<String, Incident>,
    policies: BTreeMap<PolicyDigest, Arc<EscalationPolicy>>,
    joins: Joins,
    overview: Overview,
}

impl<S: Storage> Journal<S> {
    /// Opens the journal that a storage keeps, and reads it.
    ///
    /// # Errors
    /// If the log is damaged, holds events that cannot follow one another, or is of a later
    /// release.
    pub fn open(storage: S) -> Result<Self, Fault> {
        Self::open_keeping(storage, Keep::All)
    }

    /// As [`Journal::open`], with only some of the incidents in memory.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_keeping(storage: S, keep: Keep) -> Result<Self, Fault> {
        let log = AuditLog::open(storage, salt).map_err(log_fault)?;
        // State is what the events say, so nothing is taken from an altered log.
        log.verify_all().map_err(log_fault)?;
        let (incidents, policies) = (BTreeMap::new(), BTreeMap::new());
        let shared = Shared::default();
        let (joins, overview) = (Joins::default(), Overview::default());
        let mut journal = Self { log, read: 0, keep, shared, incidents, policies, joins, overview };
        journal.catch_up()?;
        Ok(journal)
    }

    /// Reads what others have recorded since.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn catch_up(&mut self) -> Result<(), Fault> {
        self.log.refresh().map_err(log_fault)?;
        self.read_on()
    }

    fn read_on(&mut self) -> Result<(), Fault> {
        while self.read < self.log.size() {
            let entries = self.log.entries(self.read..self.read + CHUNK).map_err(log_fault)?;
            // What is said of an incident just after its end finds it still there.
            let mut touched = BTreeSet::new();
            let mut all = entries.into_iter();
            let read = all.try_for_each(|entry| self.take_in(entry, &mut touched));
            // Also where reading stopped: the next time goes on from there, and finds in memory
            // what is kept there and no more.
            touched.iter().for_each(|id| self.let_go(id));
            read?;
        }
        Ok(())
    }

    /// Takes in the next entry, or leaves everything as it was before it.
    fn take_in(&mut self, entry: Opened, touched: &mut BTreeSet<String>) -> Result<(), Fault> {
        let (next, first) = (entry.index + 1, entry.entry.seq == 1);
        if let Some(erased) = erasure::erased_by(&entry) {
            self.forget_texts(erased, next)?;
        } else if let Some(recorded) = decode(entry)? {
            if !first {
                self.recall(&recorded)?;
            }
            touched.insert(recorded.incident.clone());
            if let Err(damage) = self.apply(&recorded) {
                // It was taken out of memory. If it cannot be put back now, the next reading of this
                // entry recalls it, so the entry is refused each time.
                let _ = self.recall(&recorded);
                return Err(damage);
            }
            self.overview.note(&recorded, &self.shared);
        }
        // Only now: an entry that cannot be read must not be passed over the next time.
        self.read = next;
        Ok(())
    }

    /// Puts an incident into memory, as it was before this event, if it was let go since: people
    /// are told of its end, comment on it and review what it did when it is over, and what may not
    /// follow is refused as it is where all of them are kept.
    fn recall(&mut self, recorded: &Recorded) -> Result<(), Fault> {
        let Recorded { index, incident: id, .. } = recorded;
        if id.is_empty() || self.incidents.contains_key(id) {
            return Ok(());
        }
        let before = self.as_of(id, *index)?;
        if before != Incident::Absent {
            self.incidents.insert(id.clone(), before);
        }
        Ok(())
    }

    /// Takes the one place of order and reads what others have recorded: what is decided in
    /// the turn rests on everything that is durable, and nobody comes in between.
    ///
    /// # Errors
    /// If the storage fails or the log is damaged.
    pub fn turn(&mut self) -> Result<Turn<'_, S>, Fault> {
        let clock = self.log.hold().map_err(log_fault)?;
        if let Err(fault) = self.read_on() {
            // The first fault is what matters; the place goes back with the connection anyway.
            let _ = self.log.release();
            return Err(fault);
        }
        Ok(Turn::begin(self, clock))
    }

    fn apply(&mut self, recorded: &Recorded) -> Result<(), Fault> {
        let Recorded { index, at, incident: id, event } = recorded;
        if !id.is_empty() {
            // Taken out and not copied: whoever calls this puts it back if it is refused.
            let before = self.incidents.remove(id).unwrap_or_default();
            let after = evolve(before, event, *at).map_err(|e| {
                Fault::damage(format!(
                    "entry {index} of the log breaks its own record ({e}); \
                     run `tagout audit verify` and restore a backup"
                ))
            })?;
            self.incidents.insert(id.clone(), after);
        }
        if let Event::PolicyLoaded { digest, policy, .. } = event {
            self.policies.insert(*digest, Arc::new(policy.clone()));
        }
        self.joins.note(*index, event);
        self.shared = std::mem::take(&mut self.shared).after(event, id, *at);
        Ok(())
    }

    /// Forgets an incident in which nothing can happen any more, if those are not kept.
    fn let_go(&mut self, id: &str) {
        let over = |i: &Incident| matches!(i, Incident::Closed(case, _) if !case.is_unsettled());
        if self.keep == Keep::Open && self.incidents.get(id).is_some_and(over) {
            self.incidents.remove(id);
        }
    }

    /// An incident that is not in memory, out of its own entries.
    ///
    /// # Errors
    /// If the log is damaged or the storage fails.
    pub fn load(&self, id: &str) -> Result<Incident, Fault> {
        if let Some(incident) = self.incidents.get(id) {
            return Ok(incident.clone());
        }
        self.as_of(id, u64::MAX)
    }

    /// An incident out of its own entries before the place `end` in the log.
    fn as_of(&self, id: &str, end: u64) -> Result<Incident, Fault> {
        let history = self.history(Some(id))?;
        let mut before = history.iter().take_while(|recorded| recorded.index() < end);
        before.try_fold(Incident::Absent, |incident, recorded| {
            evolve(incident, recorded.event(), recorded.at()).map_err(|e| {
                Fault::damage(format!("entry {} breaks its own record ({e})", recorded.index()))
            })
        })
    }

    /// Whether anything was ever recorded of an incident.
    ///
    /// # Errors
    /// If the storage fails.
    pub fn knows(&self, id: &str) -> Result<bool, Fault> {
        Ok(self.length(id)? > 0)
    }

    /// How many events are recorded of an incident.
    ///
    /// # Errors
    /// If the storage fails.
    pub fn length(&self, id: &str) -> Result<u64, Fault> {
        self.log.stream_version(&format!("{INCIDENT_PREFIX}{id}")).map_err(log_fault)
    }

    /// What spans incidents.
    #[must_use]
    pub const fn shared(&self) -> &Shared {
        &self.shared
    }

    /// What people look for that the state does not keep.
    #[must_use]
    pub const fn overview(&self) -> &Overview {
        &self.overview
    }

    /// The policy in force: the one that was recorded last.
    #[must_use]
    pub fn policy(&self) -> Option<&Arc<EscalationPolicy>> {
        self.policies.get(&self.shared.policy?)
    }

    /// Whether a recorded decision comes out the same when the policy that made it is asked
    /// again.
    #[must_use]
    pub fn repeats(&self, input: &PolicyInput, verdict: &Verdict) -> bool {
        let policy = self.policies.get(&verdict.policy);
        policy.is_some_and(|policy| policy.decide(input).agrees_with(verdict))
    }

    /// An incident in memory; [`Incident::Absent`] if there is none of this id.
    #[must_use]
    pub fn incident(&self, id: &str) -> &Incident {
        const ABSENT: &Incident = &Incident::Absent;
        self.incidents.get(id).unwrap_or(ABSENT)
    }

    /// The incidents in memory, by id.
    pub fn incidents(&self) -> impl Iterator<Item = (&str, &Incident)> {
        self.incidents.iter().map(|(id, incident)| (id.as_str(), incident))
    }

    /// The incidents in memory whose id comes after `id`, in order.
    pub fn incidents_after(&self, id: &str) -> impl Iterator<Item = (&str, &Incident)> {
        use std::ops::Bound;
        let after = (Bound::Excluded(id), Bound::Unbounded);
        self.incidents.range::<str, _>(after).map(|(id, incident)| (id.as_str(), incident))
    }

    /// The ids of at most `limit` incidents, in memory or not, that come after `id`, in order.
    ///
    /// # Errors
    /// If the storage fails.
    pub fn ids_after(&self, id: &str, limit: usize) -> Result<Vec<String>, Fault> {
        let after = format!("{INCIDENT_PREFIX}{id}");
        let streams = self.log.storage().streams(INCIDENT_PREFIX, &after, limit);
        let streams = streams.map_err(|e| Fault::new(e.to_string()))?;
        let id = |stream: String| stream.strip_prefix(INCIDENT_PREFIX).map(str::to_owned);
        Ok(streams.into_iter().filter_map(id).collect())
    }

    /// The places in the log of everything that is recorded of an incident, in order.
    ///
    /// # Errors
    /// If the storage fails.
    pub fn places(&self, incident: &str) -> Result<Vec<u64>, Fault> {
        let places = self.log.storage().stream(&format!("{INCIDENT_PREFIX}{incident}"), 0);
        places.map_err(|e| Fault::new(e.to_string()))
    }

    /// The events at these places in the log.
    ///
    /// # Errors
    /// If the log is damaged or of a later release.
    pub fn events(&self, places: &[u64]) -> Result<Vec<Recorded>, Fault> {
        let events = places.iter().map(|place| self.event(*place));
        events.filter_map(Result::transpose).collect()
    }

    /// At most `limit` events of one incident, in order, from those whose place in the log is
    /// `from` or later.
    ///
    /// # Errors
    /// If the log is damaged or of a later release.
    pub fn history_from(
        &self,
        incident: &str,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, Fault> {
        let mut places = self.places(incident)?;
        places.retain(|place| *place >= from);
        places.truncate(limit);
        self.events(&places)
    }

    /// Everything that was recorded, in order; of one incident if one is named.
    ///
    /// # Errors
    /// If the log is damaged or of a later release.
    pub fn history(&self, incident: Option<&str>) -> Result<Vec<Recorded>, Fault> {
        let entries = match incident {
            Some(id) => self.log.stream(&format!("{INCIDENT_PREFIX}{id}"), 0),
            None => self.log.entries(0..self.log.size()),
        };
        let mut history = Vec::new();
        for entry in entries.map_err(log_fault)? {
            history.extend(decode(entry)?);
        }
        Ok(history)
    }

    /// At most `limit` entries from the place `from` on, as far as they are events, and the
    /// place after them.
    ///
    /// # Errors
    /// If the log is damaged or of a later release.
    pub fn read_from(&self, from: u64, limit: u64) -> Result<(Vec<Recorded>, u64), Fault> {
        let end = self.log.size().min(from.saturating_add(limit));
        let entries = self.log.entries(from.min(end)..end).map_err(log_fault)?;
        let events = entries.into_iter().map(decode).filter_map(Result::transpose);
        Ok((events.collect::<Result<_, _>>()?, end))
    }

    /// The storage, for what it keeps besides the log.
    pub const fn storage_mut(&mut self) -> &mut S {
        self.log.storage_mut()
    }

    /// Where alerts joined incidents.
    pub(crate) const fn joins(&self) -> &Joins {
        &self.joins
    }

    /// The event of one entry; `None` if the log keeps the entry about itself.
    ///
    /// # Errors
    /// If there is no such entry, the log is damaged or the storage fails.
    pub fn event(&self, entry: u64) -> Result<Option<Recorded>, Fault> {
        decode(self.log.entry(entry).map_err(log_fault)?)
    }

    /// The time of the last entry.
    #[must_use]
    pub const fn last_at(&self) -> Option<Time> {
        self.log.last_at()
    }

    /// Whether the log goes on from an older checkpoint of it.
    ///
    /// # Errors
    /// If it does not: it was rolled back or forked.
    pub fn extends(&self, older: &SignedCheckpoint) -> Result<(), Fault> {
        self.log.extends(older.checkpoint()).map_err(|e| {
            Fault::damage(format!(
                "the log does not go on from its kept checkpoint over {} entries ({e}); it was \
                 rolled back or forked: restore a backup that reaches it",
                older.checkpoint().size
            ))
        })
    }

    /// The checkpoint that was signed last, if one was.
    ///
    /// # Errors
    /// If the storage fails.
    pub fn last_checkpoint(&self) -> Result<Option<SignedCheckpoint>, Fault> {
        let stored = self.log.storage().checkpoint();
        let stored = stored.map_err(|e| Fault::new(e.to_string()))?;
        let parse =
            |note: &str| SignedCheckpoint::parse(note).map_err(|e| Fault::damage(e.to_string()));
        stored.map(|kept| parse(&kept.note)).transpose()
    }

    /// Whether every entry, text and hash of the log holds.
    #[must_use]
    pub fn verifies(&self) -> bool {
        self.log.verify_all().is_ok()
    }

    /// Writes the log up to a checkpoint, as one file that can be checked anywhere.
    ///
    /// # Errors
    /// If the log is damaged, or reading or writing fails.
    pub fn export<W: std::io::Write>(
        &self,
        out: W,
        checkpoint: &SignedCheckpoint,
    ) -> Result<W, Fault> {
        self.log.export(out, checkpoint).map_err(log_fault)
    }

    /// The proof of one entry against a checkpoint.
    ///
    /// # Errors
    /// If the checkpoint does not cover it, or the log is damaged.
    pub fn prove(&self, entry: u64, checkpoint: &SignedCheckpoint) -> Result<ProofFile, Fault> {
        self.log.prove(entry, checkpoint).map_err(log_fault)
    }

    /// The log beneath.
    pub const fn log(&self) -> &AuditLog<S> {
        &self.log
    }

    /// The keys that the log's rotations name, one after another.
    ///
    /// # Errors
    /// If the log is damaged or the storage fails.
    pub fn key_chain(&self) -> Result<KeyChain, Fault> {
        self.log.key_chain().map_err(log_fault)
    }

    /// Puts a new key in the place of the log's. Says which entry records it.
    ///
    /// # Errors
    /// If the old key is not in force, or the storage fails. Then nothing has changed, as far as
    /// is known.
    pub fn rotate_key(&mut self, old: &SignerKey, new: &SignerKey) -> Result<u64, Fault> {
        let shared = self.log.hold().map_err(log_fault)?;
        let (at, _) = Clock::default().read(shared, self.log.last_at());
        let done = self.log.rotate_key(old, new, at);
        if done.is_err() {
            // The first fault is what matters; the place goes back with the connection anyway.
            let _ = self.log.release();
        }
        let index = done.map_err(log_fault)?.index;
        self.catch_up()?;
        Ok(index)
    }

    /// Reads at most `limit` of the entries that [`Journal::sign`] will be over, so that others
    /// get their turns in between. Returns how many are left.
    ///
    /// # Errors
    /// If the log is damaged or the storage fails.
    pub fn read_ahead(&mut self, limit: u64) -> Result<u64, Fault> {
        self.log.read_ahead(limit).map_err(log_fault)
    }

    /// Signs the log as it stands: the checkpoint to hand to somebody else.
    ///
    /// # Errors
    /// If the log has signed more than it holds now, or the storage fails.
    pub fn sign(&mut self, signer: &SignerKey) -> Result<SignedCheckpoint, Fault> {
        let at = self.log.last_at().unwrap_or(Time::from_millis(0));
        self.log.checkpoint(&[signer], at).map_err(log_fault)
    }
}

fn log_fault<E: std::error::Error>(error: LogError<E>) -> Fault {
    let words = error.to_string();
    match error {
        LogError::Damaged { .. } | LogError::Behind { .. } | LogError::NoEntry { .. } => {
            Fault::damage(words)
        }
        LogError::NotInForce { .. } => Fault::new(format!(
            "{words}. `tagout keys rotate` finishes a rotation that was interrupted here; if it \
             was done elsewhere, copy log.key and log.pub from there"
        )),
        _ => Fault::new(words),
    }
}

/// A salt that nobody can guess. Without one nothing may be recorded, so the process ends.
fn salt() -> [u8; 32] {
    let mut salt = [0; 32];
    if let Err(error) = getrandom::fill(&mut salt) {
        eprintln!("tagout: the operating system gives no random bytes: {error}");
        std::process::exit(3);
    }
    salt
}
