//! The journal: events in, events out, over the audit log. State is what the events say and
//! nothing else.

mod archive;
mod erasure;
mod overview;
mod receipt;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tagout_core::digest::PolicyDigest;
use tagout_core::event::Event;
use tagout_core::evolve::evolve;
use tagout_core::incident::Incident;
use tagout_core::notice::{Happened, notices};
use tagout_core::policy::EscalationPolicy;
use tagout_core::shared::{Mark, Shared};
use tagout_core::time::Time;
use tagout_core::verdict::{PolicyInput, Verdict};
use tagout_log::proof_file::ProofFile;
use tagout_log::storage::Storage;
use tagout_log::{
    AuditLog, KeyChain, LogError, Opened, Outgoing, Record, SignedCheckpoint, SignerKey,
};

use crate::clock::Clock;
use crate::fault::Fault;
use crate::gathered::Joins;

pub use archive::{Archivable, in_files};
pub use erasure::Erasure;
pub use overview::{Declared, FoldedIn, Overview, Quarantined};
pub use receipt::NoReceipt;

/// The stream of what spans incidents.
const SHARED_STREAM: &str = "shared";
/// What the streams of incidents begin with.
pub(crate) const INCIDENT_PREFIX: &str = "incident/";
/// The version of the events' data that this release writes.
const EVENT_VERSION: u16 = 1;
/// The kind of work in the outbox that tells people of an event.
pub const NOTICE: &str = "notice";
/// How many entries are read at once.
const CHUNK: u64 = 4096;

/// An event that is durable in the log. Only [`Turn::commit`] and reading give one out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    index: u64,
    at: Time,
    incident: String,
    event: Event,
}

impl Recorded {
    /// Its place in the log, from 0.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// When it was recorded.
    #[must_use]
    pub const fn at(&self) -> Time {
        self.at
    }

    /// The incident it belongs to; empty for what spans incidents.
    #[must_use]
    pub fn incident(&self) -> &str {
        &self.incident
    }

    /// What happened.
    #[must_use]
    pub const fn event(&self) -> &Event {
        &self.event
    }
}

/// Why events were not recorded.
#[derive(Debug, Clone)]
pub enum CommitError {
    /// Somebody else recorded something since the state was read. Read again and decide anew.
    Stale,
    /// The log could not be written, as far as is known: it may have been, and the answer
    /// lost. The next turn reads what there is.
    Fault(Fault),
    /// What was to be recorded cannot be, though the log is well.
    Unfit(Fault),
}

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
            for entry in entries {
                let next = entry.index + 1;
                if let Some(recorded) = decode(entry)? {
                    self.apply(&recorded)?;
                    self.overview.note(&recorded, &self.shared);
                    self.let_go(recorded.incident());
                }
                // Only now: an entry that cannot be read must not be passed over the next time.
                self.read = next;
            }
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
        let (mark, before) = (self.shared.mark(), BTreeMap::new());
        Ok(Turn {
            journal: self,
            clock,
            mark: Some(mark),
            before,
            pending: Vec::new(),
            outgoing: Vec::new(),
        })
    }

    fn apply(&mut self, recorded: &Recorded) -> Result<(), Fault> {
        let Recorded { index, at, incident: id, event } = recorded;
        if !id.is_empty() {
            // Taken out and not copied: it is not put back only if the log is damaged, and then
            // nothing more may be decided.
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
        let over = |i: &Incident| matches!(i, Incident::Closed(case, _) if !case.in_flight());
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
        self.history(Some(id))?.iter().try_fold(Incident::Absent, |incident, recorded| {
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
        let version = self.log.stream_version(&format!("{INCIDENT_PREFIX}{id}"));
        Ok(version.map_err(log_fault)? > 0)
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
        let stream = format!("{INCIDENT_PREFIX}{incident}");
        let indexes = self.log.storage().stream(&stream, 0);
        let indexes = indexes.map_err(|e| Fault::new(e.to_string()))?;
        let mut history = Vec::new();
        for index in indexes.into_iter().filter(|index| *index >= from).take(limit) {
            history.extend(decode(self.log.entry(index).map_err(log_fault)?)?);
        }
        Ok(history)
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

    /// Signs the log as it stands: the checkpoint to hand to somebody else.
    ///
    /// # Errors
    /// If the log has signed more than it holds now, or the storage fails.
    pub fn sign(&mut self, signer: &SignerKey) -> Result<SignedCheckpoint, Fault> {
        let at = self.log.last_at().unwrap_or(Time::from_millis(0));
        self.log.checkpoint(&[signer], at).map_err(log_fault)
    }
}

/// One turn at the log: events are added, each decided on all before it, and become durable
/// together or not at all. A turn that is dropped has not happened.
pub struct Turn<'j, S: Storage> {
    journal: &'j mut Journal<S>,
    clock: Option<Time>,
    /// How the shared state stood; taken out when the turn is over.
    mark: Option<Mark>,
    /// The incidents as they were.
    before: BTreeMap<String, Incident>,
    pending: Vec<Recorded>,
    /// Whom to tell what of the pending events. It becomes durable with them, whatever is
    /// configured: whether somebody is told is known when it is sent.
    outgoing: Vec<Outgoing>,
}

impl<S: Storage> Turn<'_, S> {
    /// What the storage's clock shows, if it has one.
    #[must_use]
    pub const fn clock(&self) -> Option<Time> {
        self.clock
    }

    /// What is recorded, and what this turn has added to it.
    #[must_use]
    pub const fn journal(&self) -> &Journal<S> {
        self.journal
    }

    /// The time of the last event, this turn's included.
    #[must_use]
    pub fn last_at(&self) -> Option<Time> {
        self.pending.last().map_or(self.journal.last_at(), |last| Some(last.at))
    }

    /// How many events the turn has added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether it has added none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Adds events of one incident, or with an empty id of what spans incidents. Their effect
    /// on the state is seen at once; whether they hold is known when the turn is committed.
    ///
    /// # Errors
    /// If one of them cannot follow: a fault of ours, and the turn must be dropped.
    pub fn add(&mut self, incident: &str, events: Vec<Event>, at: Time) -> Result<(), Fault> {
        for event in events {
            let index = self.journal.read + self.pending.len() as u64;
            let one = Recorded { index, at, incident: incident.to_owned(), event };
            if !incident.is_empty() && !self.before.contains_key(incident) {
                let before = self.journal.incident(incident).clone();
                self.before.insert(incident.to_owned(), before);
            }
            let was_open = matches!(self.journal.incident(incident), Incident::Open(..));
            self.journal.apply(&one)?;
            self.tell(&one, was_open)?;
            self.pending.push(one);
        }
        Ok(())
    }

    /// Leaves behind what people are to be told of an event.
    fn tell(&mut self, one: &Recorded, was_open: bool) -> Result<(), Fault> {
        let Recorded { index, at, incident, event } = one;
        let after = self.journal.incident(incident);
        let happened = Happened { event, incident, was_open, after, entry: *index, at: *at };
        for notice in notices(happened) {
            let body = serde_json::to_string(&notice);
            let body = body.map_err(|e| Fault::new(format!("a notice cannot be written: {e}")))?;
            let record = self.pending.len();
            self.outgoing.push(Outgoing { record, kind: NOTICE.to_owned(), body });
        }
        Ok(())
    }

    /// Puts an incident into memory that is not there: what is decided next is about it.
    ///
    /// # Errors
    /// If the log is damaged or the storage fails.
    pub fn bring_back(&mut self, id: &str) -> Result<(), Fault> {
        if !self.journal.incidents.contains_key(id) {
            let incident = self.journal.load(id)?;
            if incident != Incident::Absent {
                self.before.insert(id.to_owned(), incident.clone());
                self.journal.incidents.insert(id.to_owned(), incident);
            }
        }
        Ok(())
    }

    /// Makes the events durable, all of them or none.
    ///
    /// # Errors
    /// See [`CommitError`]. In each case the state is as it was.
    pub fn commit(mut self) -> Result<Vec<Recorded>, CommitError> {
        if self.pending.is_empty() {
            return Ok(Vec::new());
        }
        let records = self.pending.iter().map(encode).collect::<Result<Vec<_>, _>>();
        let records = records.map_err(CommitError::Unfit)?;
        match self.journal.log.append_after(self.journal.read, &records, &self.outgoing) {
            Ok(_) => {}
            Err(LogError::HeadMoved { .. }) => return Err(CommitError::Stale),
            Err(error @ (LogError::Record { .. } | LogError::Shape)) => {
                return Err(CommitError::Unfit(log_fault(error)));
            }
            Err(error) => return Err(CommitError::Fault(log_fault(error))),
        }
        let pending = std::mem::take(&mut self.pending);
        if let Some(mark) = self.mark.take() {
            self.journal.shared.keep(mark);
        }
        self.journal.read += pending.len() as u64;
        let Journal { overview, shared, .. } = &mut *self.journal;
        pending.iter().for_each(|recorded| overview.note(recorded, shared));
        for id in std::mem::take(&mut self.before).into_keys() {
            self.journal.let_go(&id);
        }
        Ok(pending)
    }
}

impl<S: Storage> Drop for Turn<'_, S> {
    fn drop(&mut self) {
        let Some(mark) = self.mark.take() else { return };
        self.journal.shared.take_back(mark);
        self.journal.joins.take_back(self.journal.read);
        for (id, incident) in std::mem::take(&mut self.before) {
            match incident {
                Incident::Absent => self.journal.incidents.remove(&id),
                incident => self.journal.incidents.insert(id.clone(), incident),
            };
            self.journal.let_go(&id);
        }
        // A place that cannot be given back goes with the connection.
        let _ = self.journal.log.release();
    }
}

fn encode(recorded: &Recorded) -> Result<Record, Fault> {
    let Recorded { at, incident, event, .. } = recorded;
    let at = *at;
    let unwritable = |why: String| Fault::new(format!("an event cannot be written: {why}"));
    let mut value = serde_json::to_value(event).map_err(|e| unwritable(e.to_string()))?;
    let mut member = |name: &str| value.get_mut(name).map(Value::take);
    let (Some(Value::String(kind)), Some(data)) = (member("kind"), member("data")) else {
        return Err(unwritable("it has no kind".into()));
    };
    Ok(Record {
        at,
        stream: if incident.is_empty() {
            SHARED_STREAM.to_owned()
        } else {
            format!("{INCIDENT_PREFIX}{incident}")
        },
        kind,
        version: EVENT_VERSION,
        data,
    })
}

/// The event of an entry; none for entries that the log keeps about itself.
pub(crate) fn decode(opened: Opened) -> Result<Option<Recorded>, Fault> {
    let Opened { index, entry } = opened;
    if entry.kind.starts_with("log.") {
        return Ok(None);
    }
    let unreadable = |why: String| {
        Fault::new(format!(
            "entry {index} of the log ({}, version {}) cannot be read: {why}; \
             it may be of a later release",
            entry.kind, entry.version
        ))
    };
    if entry.version > EVENT_VERSION {
        return Err(unreadable(format!("this release knows version {EVENT_VERSION}")));
    }
    let value = serde_json::json!({"kind": entry.kind, "data": entry.data});
    let event = serde_json::from_value(value).map_err(|e| unreadable(e.to_string()))?;
    let incident = entry.stream.strip_prefix(INCIDENT_PREFIX).unwrap_or_default().to_owned();
    Ok(Some(Recorded { index, at: entry.at, incident, event }))
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
