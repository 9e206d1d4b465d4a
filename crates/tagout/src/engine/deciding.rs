//! One turn of the engine: each wish is decided on what is durable and on what the wishes
//! before it have added.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::{Rejection, Rules, decide, decide_shared};
use tagout_core::digest::{AlertIdentity, DeliveryDigest, sha256, to_hex};
use tagout_core::effect::{Effect, effect};
use tagout_core::event::{Event, FlawedAlert, Fold, FoldedAlert};
use tagout_core::incident::{Incident, Stage};
use tagout_core::intake::{Folds, Place, fold_unreadable, place};
use tagout_core::limits;
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_core::shared::Shared;
use tagout_core::text::FreeText;
use tagout_core::time::Time;
use tagout_core::triage::by_structure;
use tagout_core::verdict::Mode;
use tagout_log::storage::Storage;

use super::{EngineError, Taken, Wish};
use crate::clock::{Clock, TOLERANCE};
use crate::fault::Fault;
use crate::journal::{Journal, Turn};
use crate::signals::{Delivery, Intake, Reading, Unreadable};

/// How many flawed alerts of one delivery are recorded one by one.
const FLAWS: usize = 100;
/// The longest name or subject of a gathered alert that is kept, in characters.
const JOINED_CHARS: usize = 200;
/// How many held alerts are looked at again in one tick.
const HELD_PER_TICK: usize = 100;

/// A turn in which wishes are decided.
pub(super) struct Deciding<'j, S: Storage> {
    turn: Turn<'j, S>,
    at: Time,
    policy: Arc<EscalationPolicy>,
    runbooks: Arc<Catalogue>,
    mode: Mode,
    looks: bool,
    to_search: VecDeque<String>,
    sweep: Option<AlertIdentity>,
}

impl<'j, S: Storage> Deciding<'j, S> {
    /// Begins a turn at one point in time. A jump of the clock is recorded first.
    pub(super) fn begin(
        turn: Turn<'j, S>,
        clock: &mut Clock,
        (policy, runbooks): (Arc<EscalationPolicy>, Arc<Catalogue>),
        (mode, looks, sweep): (Mode, bool, Option<AlertIdentity>),
    ) -> Result<Self, Fault> {
        let (at, jump) = clock.read(turn.clock(), turn.last_at());
        let jump = jump.or_else(|| gap(clock, turn.journal(), at));
        // The policy that was recorded last is in force, whichever replica recorded it.
        let policy = turn.journal().policy().map_or(policy, Arc::clone);
        let to_search = VecDeque::new();
        let mut begun = Self { turn, at, policy, runbooks, mode, looks, to_search, sweep };
        if let Some(jump) = jump {
            let shared = begun.turn.journal().shared();
            // Noting a jump is never rejected.
            let events = decide_shared(shared, jump, at).unwrap_or_default();
            begun.turn.add("", events, at)?;
        }
        Ok(begun)
    }

    /// How many events were added.
    pub(super) fn len(&self) -> usize {
        self.turn.len()
    }

    /// What was added and is to be committed, what is to be searched for, and where looking
    /// again goes on.
    pub(super) fn end(self) -> (Turn<'j, S>, VecDeque<String>, Option<AlertIdentity>) {
        (self.turn, self.to_search, self.sweep)
    }

    /// Decides one wish. After a fault the turn must be dropped.
    pub(super) fn grant(&mut self, wish: &Wish) -> Result<Vec<Taken>, EngineError> {
        match wish {
            Wish::Deliver(intake) => self.take_in(intake, 0..usize::MAX),
            Wish::DeliverPart(intake, part) => self.take_in(intake, part.clone()),
            Wish::Ask(id, command) => {
                self.turn.bring_back(id)?;
                self.ask(id, command.clone())?;
                // What was merged stands in the trail of both.
                if let Command::Merge { into, by, .. } = command {
                    self.ask(into, Command::TakeIn { from: id.clone(), by: by.clone() })?;
                }
                Ok(Vec::new())
            }
            Wish::Share(command) => self.share(command.clone()).map(|()| Vec::new()),
            Wish::Tick => self.tick().map(|()| Vec::new()),
        }
    }

    fn take_in(&mut self, intake: &Intake, part: Range<usize>) -> Result<Vec<Taken>, EngineError> {
        match intake {
            Intake::Alerts { source, delivery } => self.deliver(source.as_deref(), delivery, part),
            Intake::Quarantined(unreadable) => self.quarantine(unreadable),
        }
    }

    fn share(&mut self, command: SharedCommand) -> Result<(), EngineError> {
        let events = decide_shared(self.turn.journal().shared(), command, self.at)?;
        Ok(self.turn.add("", events, self.at)?)
    }

    /// Decides about one incident, and then what it calls for as far as that needs no search.
    fn ask(&mut self, id: &str, command: Command) -> Result<(), EngineError> {
        let mut command = Some(command);
        while let Some(due) = command.take() {
            let journal = self.turn.journal();
            let (policy, runbooks) = (&self.policy, &self.runbooks);
            let rules = Rules { policy, runbooks, mode: self.mode };
            let decided = decide(journal.incident(id), id, journal.shared(), rules, due, self.at);
            let opened = match decided {
                Ok(events) => {
                    let opened = events.iter().find_map(|event| match event {
                        Event::InspectionOpened { digest, .. } => Some(*digest),
                        _ => None,
                    });
                    self.turn.add(id, events, self.at)?;
                    opened
                }
                Err(rejection) => {
                    // A refused answer of a known person is itself recorded.
                    if let Some(event) = rejection.record() {
                        self.turn.add(id, vec![event.clone()], self.at)?;
                    }
                    return Err(rejection.into());
                }
            };
            match effect(self.turn.journal().incident(id)) {
                Some(Effect::Search) => self.to_search.push_back(id.to_owned()),
                Some(Effect::Rehearse) => command = Some(Command::Rehearse),
                // Nobody may start it any more, so it is shown.
                Some(Effect::StartRehearsal(_)) if !self.rehearses() => {
                    command = Some(Command::Rehearse);
                }
                // Each start is a turn of its own, with leave to run it.
                Some(Effect::Look(inspection)) if !self.looks && opened == Some(inspection) => {
                    let why = "no service runs that could look".into();
                    command = Some(Command::GiveUpLooks { inspection, all: true, why });
                }
                Some(Effect::StartStep(_) | Effect::StartRehearsal(_) | Effect::Look(_)) | None => {
                }
            }
        }
        Ok(())
    }

    /// Whether the policy lets dry-runs start what changes nothing.
    fn rehearses(&self) -> bool {
        self.policy.execution.as_ref().is_some_and(|execution| execution.rehearse)
    }

    fn deliver(
        &mut self,
        source: Option<&str>,
        delivery: &Delivery,
        part: Range<usize>,
    ) -> Result<Vec<Taken>, EngineError> {
        let alerts = delivery.alerts.len();
        let mut taken = Vec::with_capacity(part.len().min(alerts));
        let (mut flawed, mut folded) = (Vec::new(), Folded::default());
        let readings = delivery.alerts.iter().enumerate();
        for (n, reading) in readings.take(part.end).skip(part.start) {
            let flaw = match reading {
                Reading::Alert(alert) => {
                    match self.receive(alert, delivery.digest, n, &mut folded) {
                        Ok(id) => {
                            taken.push(Taken::Incident(id));
                            continue;
                        }
                        // It must not keep out the others of the delivery. It is noted as
                        // flawed, so a person is called.
                        Err(EngineError::Rejected(why)) => note(n, &why),
                        Err(fault) => return Err(fault),
                    }
                }
                Reading::Flawed { index, flaw } => note(*index, flaw),
            };
            if flawed.len() < FLAWS {
                flawed.push(flaw.clone());
            }
            taken.push(Taken::Flawed(flaw));
        }
        if let (Some(source), false) = (source, flawed.is_empty()) {
            // The number of no alert: the id of the incident is made of it.
            let n = alerts + part.start;
            self.report_unreadable(
                source,
                (source_unreadable(source), false),
                (delivery.digest, n),
                &mut folded,
            )?;
        }
        let mut parts = folded.parts();
        let (folded_first, joined) = parts.next().unwrap_or_default();
        let (digest, format) = (delivery.digest, delivery.source.name().to_owned());
        self.share(if part.end < alerts {
            SharedCommand::RecordDeliveryPart {
                delivery: digest,
                format,
                alerts: alerts as u64,
                part: part.start as u64..part.end as u64,
                flawed,
                folded: folded_first,
                joined,
            }
        } else {
            // The event of the whole delivery names the first that are wrong in all of it.
            let before = delivery.alerts.iter().take(part.start);
            let wrong = before.filter_map(|reading| match reading {
                Reading::Flawed { index, flaw } => Some(note(*index, flaw)),
                Reading::Alert(_) => None,
            });
            SharedCommand::RecordDelivery {
                delivery: digest,
                format,
                alerts: alerts as u64,
                flawed: wrong.chain(flawed).take(FLAWS).collect(),
                truncated: delivery.truncated,
                folded: folded_first,
                joined,
            }
        })?;
        for (folded, joined) in parts {
            self.share(SharedCommand::FoldAlerts { delivery: delivery.digest, folded, joined })?;
        }
        self.end_emptied(delivery.digest, &folded)?;
        Ok(taken)
    }

    /// Records the folds there are so far.
    fn note_folded(
        &mut self,
        delivery: DeliveryDigest,
        folded: &mut Folded,
    ) -> Result<(), EngineError> {
        for (folded, joined) in folded.parts() {
            self.share(SharedCommand::FoldAlerts { delivery, folded, joined })?;
        }
        Ok(())
    }

    /// Ends the incidents whose last alert has gone to another one.
    fn end_emptied(
        &mut self,
        delivery: DeliveryDigest,
        folded: &Folded,
    ) -> Result<(), EngineError> {
        for id in folded.folds.emptied(self.turn.journal().shared()) {
            self.ask(&id, Command::EndAlerts { delivery, ended: None })?;
        }
        Ok(())
    }

    /// Takes in one alert, and says which incident it is in.
    fn receive(
        &mut self,
        alert: &Alert,
        delivery: DeliveryDigest,
        n: usize,
        folded: &mut Folded,
    ) -> Result<String, EngineError> {
        let identity = alert.identity();
        if folded.folds.must_come_first(identity) {
            self.note_folded(delivery, folded)?;
        }
        let shared = self.turn.journal().shared();
        match place(alert, identity, shared, &folded.folds, &self.policy, self.at) {
            Place::Open(gathers) => {
                folded.folds.leaves(identity, shared);
                let alert = alert.clone();
                let command = match gathers {
                    Some(gathers) => Command::OpenGathering { alert, delivery, gathers },
                    None => Command::ReceiveAlert { alert, delivery },
                };
                self.open(identity, delivery, n, command)
            }
            Place::Change(id) => {
                let alert = alert.clone();
                self.ask(&id, Command::ReceiveAlert { alert, delivery })?;
                Ok(id.to_string())
            }
            Place::End(id) => {
                let own = shared.open(&id).map(|open| open.identity);
                let ended = alert.ends_at.map(|ends| ends.min(self.at));
                self.ask(&id, Command::EndAlerts { delivery, ended })?;
                if own != Some(identity) {
                    let (incident, how) = (id.to_string(), Fold::Ended(ended));
                    let fold = FoldedAlert { identity, incident, how };
                    folded.push(fold, alert, self.turn.journal().shared());
                }
                Ok(id.to_string())
            }
            Place::Fold(fold) => {
                let id = fold.incident.clone();
                folded.push(fold, alert, shared);
                Ok(id)
            }
        }
    }

    fn open(
        &mut self,
        identity: AlertIdentity,
        delivery: DeliveryDigest,
        n: usize,
        command: Command,
    ) -> Result<String, EngineError> {
        let id = self.new_id(identity, delivery, n)?;
        self.ask(&id, command)?;
        Ok(id)
    }

    /// Calls a person to a source that sends what cannot be read. All that it sends wrong goes
    /// into one incident. `kept`: there is a body to look at that was not there before.
    fn report_unreadable(
        &mut self,
        source: &str,
        (alert, kept): (Alert, bool),
        (delivery, n): (DeliveryDigest, usize),
        folded: &mut Folded,
    ) -> Result<(), EngineError> {
        let identity = alert.identity();
        let shared = self.turn.journal().shared();
        match fold_unreadable(identity, kept, shared, &self.policy, self.at) {
            Some(fold) => folded.push(fold, &alert, shared),
            None => {
                let source = source.to_owned();
                let command = Command::ReportUnreadable { source, alert, delivery };
                self.open(identity, delivery, n, command)?;
            }
        }
        Ok(())
    }

    fn quarantine(&mut self, unreadable: &Unreadable) -> Result<Vec<Taken>, EngineError> {
        let Unreadable { source, digest, why, bytes, body } = unreadable;
        let (mut full, mut kept) = (None, false);
        // Sent again and again, it is kept once.
        if !self.turn.journal().shared().is_quarantined(*digest) {
            let (body, base64) = match std::str::from_utf8(body) {
                Ok(text) => (text.to_owned(), false),
                Err(_) => (BASE64_STANDARD.encode(body), true),
            };
            let answer = self.share(SharedCommand::Quarantine {
                delivery: *digest,
                source: source.clone(),
                why: why.as_str().into(),
                bytes: *bytes,
                body: body.into(),
                base64,
            });
            match answer {
                Err(EngineError::Rejected(why @ Rejection::QuarantineFull(_))) => full = Some(why),
                answer => kept = answer.map(|()| true)?,
            }
        }
        let alert =
            if full.is_some() { quarantine_full(source) } else { source_unreadable(source) };
        let mut folded = Folded::default();
        self.report_unreadable(source, (alert, kept), (*digest, 0), &mut folded)?;
        // The sender is not told that it was taken; the incident tells people why. No more than
        // that is recorded: what sends rubbish without end must not fill the log.
        if let Some(full) = full {
            return Err(full.into());
        }
        self.note_folded(*digest, &mut folded)?;
        Ok(Vec::new())
    }

    fn tick(&mut self) -> Result<(), EngineError> {
        let open: Vec<String> =
            self.turn.journal().shared().open_incidents().map(str::to_owned).collect();
        let mut first = Ok(());
        for id in open {
            match self.ask(&id, Command::Tick) {
                // One incident must not keep time from passing for the others.
                Err(EngineError::Rejected(why)) => first = first.and(Err(why.into())),
                done => done?,
            }
        }
        self.share(SharedCommand::LapseBypasses)?;
        self.look_again()?;
        first
    }

    /// Looks again at some of the alerts that were held back: a window may have closed, an
    /// inhibition ended, and their sender will not repeat them for hours.
    fn look_again(&mut self) -> Result<(), EngineError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let journal = self.turn.journal();
        let from = self.sweep.map_or(Unbounded, Excluded);
        let held = journal.shared().sightings().held().range((from, Unbounded));
        let held: Vec<AlertIdentity> = held.take(HELD_PER_TICK).copied().collect();
        self.sweep = held.last().copied().filter(|_| held.len() == HELD_PER_TICK);
        for identity in held {
            let journal = self.turn.journal();
            let Some(seen) = journal.shared().sightings().get(identity) else { continue };
            let incident = journal.load(&seen.incident)?;
            let Some(case) = incident.case() else { continue };
            // An alert whose text was erased since is another one without it.
            if case.alert.identity() != identity {
                continue;
            }
            let severity = self.policy.severity(&case.alert).severity;
            let holds =
                by_structure(&case.alert, severity, journal.shared(), &self.policy, self.at);
            if !holds.is_some_and(|why| why.is_held()) {
                let (alert, delivery) = (case.alert.clone(), case.delivery);
                let mut folded = Folded::default();
                self.receive(&alert, delivery, 0, &mut folded)?;
                self.note_folded(delivery, &mut folded)?;
                self.end_emptied(delivery, &folded)?;
            }
        }
        Ok(())
    }

    /// An id that no incident has: short enough to read out, and no counter, so that replicas
    /// need not agree on one.
    fn new_id(
        &self,
        identity: AlertIdentity,
        delivery: DeliveryDigest,
        n: usize,
    ) -> Result<String, Fault> {
        let journal = self.turn.journal();
        let size = journal.log().size() + self.turn.len() as u64;
        let mut salt = 0u64;
        loop {
            let parts: [&[u8]; 5] = [
                identity.as_bytes(),
                delivery.as_bytes(),
                &(n as u64).to_be_bytes(),
                &size.to_be_bytes(),
                &salt.to_be_bytes(),
            ];
            let digest = sha256("tagout.incident-id.v1", &parts);
            let id = format!("inc-{}", to_hex(&digest[..5]));
            if journal.incident(&id).case().is_none() && !journal.knows(&id)? {
                return Ok(id);
            }
            salt += 1;
        }
    }
}

/// The alerts of a delivery that go into incidents without changing them.
#[derive(Default)]
struct Folded {
    folds: Folds,
    /// The names and subjects of those that join, with their places.
    joined: Vec<(usize, String)>,
}

impl Folded {
    fn push(&mut self, folded: FoldedAlert, alert: &Alert, shared: &Shared) {
        if let Fold::Joined { .. } = folded.how {
            let mut line = String::new();
            let mut push = |text: &str, end: char| {
                let blank = |c| if matches!(c, '\n' | '\t') { ' ' } else { c };
                line.extend(text.chars().take(JOINED_CHARS).map(blank));
                line.push(end);
            };
            push(alert.name(), '\t');
            push(alert.subject(), '\n');
            self.joined.push((self.folds.len(), line));
        }
        self.folds.push(folded, shared);
    }

    /// What there is so far, in pieces that an event can hold.
    fn parts(&mut self) -> impl Iterator<Item = (Vec<FoldedAlert>, FreeText)> + use<> {
        let mut all = self.folds.take().into_iter();
        let mut joined = std::mem::take(&mut self.joined).into_iter().peekable();
        let mut end = 0;
        std::iter::from_fn(move || {
            let some: Vec<_> = all.by_ref().take(limits::FOLDED_PER_EVENT).collect();
            end += some.len();
            let mut lines = String::new();
            while let Some((_, line)) = joined.next_if(|(place, _)| *place < end) {
                lines.push_str(&line);
            }
            (!some.is_empty()).then_some((some, FreeText::from(lines)))
        })
    }
}

fn note(index: usize, flaw: &impl ToString) -> FlawedAlert {
    FlawedAlert { index: index as u64, flaw: flaw.to_string().into() }
}

/// What stands for the fault of a source that sends what cannot be read.
fn source_unreadable(source: &str) -> Alert {
    let message = "A source sends deliveries or alerts that cannot be read. They are kept, and \
                   what they report is not known.";
    about(source, "TagoutSourceUnreadable", message)
}

/// What stands for a source of which no more can be kept that cannot be read.
fn quarantine_full(source: &str) -> Alert {
    let message = "So many deliveries of a source that cannot be read are kept that no more are \
                   taken: they are answered 503, and what they report is not known. Mend the \
                   source, and read those that are kept again or put them away: `tagout \
                   deliveries list` shows them.";
    about(source, "TagoutQuarantineFull", message)
}

fn about(source: &str, name: &str, message: &str) -> Alert {
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Alert {
        id: String::new(),
        source: "tagout".to_owned(),
        status: AlertStatus::Firing,
        severity: Some("critical".to_owned()),
        title: name.into(),
        message: message.into(),
        labels: [label("alertname", name), label("source", source)].into(),
        annotations: BTreeMap::new(),
        metrics: BTreeMap::new(),
        starts_at: None,
        ends_at: None,
        runbook_url: None,
    }
}

/// The time in which no agent ran before this one, if some plan waits for the clock or for the end
/// of its alert: neither could have been heard in it, so it counts as a jump.
fn gap<S: Storage>(clock: &Clock, journal: &Journal<S>, now: Time) -> Option<SharedCommand> {
    if !clock.is_fresh() {
        return None;
    }
    let waits = |(_, incident): (&str, &Incident)| {
        matches!(incident, Incident::Open(_, Stage::Waiting(_, _, Some(_))))
            || matches!(incident, Incident::Open(case, _) if case.awaits.is_some())
    };
    let by = now.since(journal.last_at()?);
    (by > TOLERANCE && journal.incidents().any(waits))
        .then_some(SharedCommand::RecordClockJump { by, forward: true })
}
