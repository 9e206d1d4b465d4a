//! The journal: events in, events out, over the audit log. State is what the events say and
//! nothing else.

use std::collections::BTreeMap;

use serde_json::Value;
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
use tagout_log::{AuditLog, LogError, Opened, Record, SignedCheckpoint, SignerKey};

use crate::fault::Fault;

/// The stream of what spans incidents.
const SHARED_STREAM: &str = "shared";
/// What the streams of incidents begin with.
const INCIDENT_PREFIX: &str = "incident/";
/// The version of the events' data that this release writes.
const EVENT_VERSION: u16 = 1;
/// How many entries are read at once.
const CHUNK: u64 = 4096;

/// An event that is durable in the log. Only [`Journal::commit`] and reading make one.
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
#[derive(Debug)]
pub enum CommitError {
    /// Somebody else recorded something since the state was read. Read again and decide anew.
    Stale,
    /// The log could not be written; nothing was recorded.
    Fault(Fault),
}

/// The journal and the state that its events add up to.
#[derive(Debug)]
pub struct Journal<S> {
    log: AuditLog<S>,
    read: u64,
    shared: Shared,
    incidents: BTreeMap<String, Incident>,
    policies: BTreeMap<PolicyDigest, EscalationPolicy>,
}

impl<S: Storage> Journal<S> {
    /// Opens the journal that a storage keeps, and reads it.
    ///
    /// # Errors
    /// If the log is damaged, holds events that cannot follow one another, or is of a later
    /// release.
    pub fn open(storage: S) -> Result<Self, Fault> {
        let log = AuditLog::open(storage, salt).map_err(log_fault)?;
        // State is what the events say, so nothing is taken from an altered log.
        log.verify_all().map_err(log_fault)?;
        let (incidents, policies) = (BTreeMap::new(), BTreeMap::new());
        let mut journal = Self { log, read: 0, shared: Shared::default(), incidents, policies };
        journal.catch_up()?;
        Ok(journal)
    }

    /// Reads what others have recorded since.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn catch_up(&mut self) -> Result<(), Fault> {
        self.log.refresh().map_err(log_fault)?;
        while self.read < self.log.size() {
            let entries = self.log.entries(self.read..self.read + CHUNK).map_err(log_fault)?;
            for entry in entries {
                self.read = entry.index + 1;
                if let Some(recorded) = decode(entry)? {
                    self.apply(&recorded)?;
                }
            }
        }
        Ok(())
    }

    /// Records events of one incident (or, with an empty id, of what spans incidents): all of
    /// them or none. It fails if anything was recorded since this journal last read.
    ///
    /// # Errors
    /// See [`CommitError`]. In each case nothing was recorded.
    pub fn commit(
        &mut self,
        incident: &str,
        events: Vec<Event>,
        at: Time,
    ) -> Result<Vec<Recorded>, CommitError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let records = events
            .iter()
            .map(|event| encode(event, incident, at))
            .collect::<Result<Vec<_>, _>>()
            .map_err(CommitError::Fault)?;
        let appended = match self.log.append_after(self.read, &records, &[]) {
            Ok(appended) => appended,
            Err(LogError::HeadMoved { .. }) => return Err(CommitError::Stale),
            Err(error) => return Err(CommitError::Fault(log_fault(error))),
        };
        let mut recorded = Vec::with_capacity(events.len());
        for (event, appended) in events.into_iter().zip(appended) {
            let incident = incident.to_owned();
            let one = Recorded { index: appended.index, at, incident, event };
            self.read = one.index + 1;
            self.apply(&one).map_err(CommitError::Fault)?;
            recorded.push(one);
        }
        Ok(recorded)
    }

    fn apply(&mut self, recorded: &Recorded) -> Result<(), Fault> {
        let Recorded { index, at, incident: id, event } = recorded;
        if !id.is_empty() {
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
            self.policies.insert(*digest, policy.clone());
        }
        self.shared = std::mem::take(&mut self.shared).after(event, id, *at);
        Ok(())
    }

    /// What spans incidents.
    #[must_use]
    pub const fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The policy in force: the one that was recorded last.
    #[must_use]
    pub fn policy(&self) -> Option<&EscalationPolicy> {
        self.policies.get(&self.shared.policy?)
    }

    /// Whether a recorded decision comes out the same when the policy that made it is asked
    /// again.
    #[must_use]
    pub fn repeats(&self, input: &PolicyInput, verdict: &Verdict) -> bool {
        let policy = self.policies.get(&verdict.policy);
        policy.is_some_and(|policy| policy.decide(input).agrees_with(verdict))
    }

    /// An incident; [`Incident::Absent`] if there is none of this id.
    #[must_use]
    pub fn incident(&self, id: &str) -> &Incident {
        const ABSENT: &Incident = &Incident::Absent;
        self.incidents.get(id).unwrap_or(ABSENT)
    }

    /// All incidents by id.
    pub fn incidents(&self) -> impl Iterator<Item = (&str, &Incident)> {
        self.incidents.iter().map(|(id, incident)| (id.as_str(), incident))
    }

    /// The incidents whose id comes after `id`, in order.
    pub fn incidents_after(&self, id: &str) -> impl Iterator<Item = (&str, &Incident)> {
        use std::ops::Bound;
        let after = (Bound::Excluded(id), Bound::Unbounded);
        self.incidents.range::<str, _>(after).map(|(id, incident)| (id.as_str(), incident))
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

    /// Signs the log as it stands: the checkpoint to hand to somebody else.
    ///
    /// # Errors
    /// If the log has signed more than it holds now, or the storage fails.
    pub fn sign(&mut self, signer: &SignerKey) -> Result<SignedCheckpoint, Fault> {
        let at = self.log.last_at().unwrap_or(Time::from_millis(0));
        self.log.checkpoint(&[signer], at).map_err(log_fault)
    }
}

fn encode(event: &Event, incident: &str, at: Time) -> Result<Record, Fault> {
    let unwritable = |why: String| Fault::new(format!("an event cannot be written: {why}"));
    let value = serde_json::to_value(event).map_err(|e| unwritable(e.to_string()))?;
    let (Some(Value::String(kind)), Some(data)) = (value.get("kind"), value.get("data")) else {
        return Err(unwritable("it has no kind".into()));
    };
    Ok(Record {
        at,
        stream: if incident.is_empty() {
            SHARED_STREAM.to_owned()
        } else {
            format!("{INCIDENT_PREFIX}{incident}")
        },
        kind: kind.clone(),
        version: EVENT_VERSION,
        data: data.clone(),
    })
}

/// The event of an entry; none for entries that the log keeps about itself.
fn decode(opened: Opened) -> Result<Option<Recorded>, Fault> {
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
