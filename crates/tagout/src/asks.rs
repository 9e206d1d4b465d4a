//! What people may ask, over every channel alike: page, command, message and API. Whoever
//! asks is held to their role, a refused attempt is recorded, and what was before them must be
//! what is still the case.

mod batch;
mod error;
mod incident;
mod refused;
mod shared;
mod shown;

use std::ops::ControlFlow;
use std::sync::Arc;

use tagout_core::actor::{Act, Actor};
use tagout_core::approval::Refusal;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::{Rejection, Rules, decide};
use tagout_core::digest::{PlanDigest, RunbookDigest};
use tagout_core::event::{Event, NotLet};
use tagout_core::incident::Incident;
use tagout_core::limits;
use tagout_core::plan::{Plan, difference};
use tagout_core::text::FreeText;
use tagout_core::verdict::Mode;

use crate::clock::Clock;
use crate::engine::{Engine, EngineError};
use crate::fault::Fault;
use crate::halt::Halt;
use crate::journal::Recorded;
use crate::store::Store;
use crate::writer::{NotRecorded, Writer};
use refused::RefusedLately;
use shown::Shown;

pub use batch::{BatchAsk, Batched};
pub use error::AskError;
pub use incident::IncidentAsk;
pub use shared::SharedAsk;

/// What to say to whoever would release the kill switch while the file engages it.
const FILE_HOLDS: &str =
    "the file halt in the service's data directory engages it; remove the file first";

/// Where people's asks go in; clone it freely.
#[derive(Debug, Clone)]
pub struct Asks {
    writer: Writer,
    refused: Arc<RefusedLately>,
    shown: Arc<Shown>,
    halt: Option<Arc<Halt>>,
}

/// The plan that somebody had before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    plan: PlanDigest,
    /// The mode, where the ask depends on it.
    mode: Option<Mode>,
}

/// Whether the file `halt` engages the kill switch. What cannot be looked for counts as there.
async fn is_held_by_file(halt: &Arc<Halt>) -> bool {
    let halt = Arc::clone(halt);
    tokio::task::spawn_blocking(move || halt.is_held_by_file()).await.unwrap_or(true)
}

impl Asks {
    /// Asks that `writer` takes turns for.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { writer, refused: Arc::default(), shown: Arc::default(), halt: None }
    }

    /// The same; what is stopped is stopped before that is recorded.
    #[must_use]
    pub fn stopping(self, halt: Arc<Halt>) -> Self {
        Self { halt: Some(halt), ..self }
    }

    /// Why no step starts in this process now, if that is so.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        self.halt.as_ref().and_then(|halt| halt.holds())
    }

    /// Asks for something about one incident. What is returned is durable.
    ///
    /// # Errors
    /// Why nothing came of it. A refused attempt is recorded where it is one.
    pub async fn incident(
        &self,
        actor: &Actor,
        id: &str,
        ask: IncidentAsk,
    ) -> Result<Vec<Recorded>, AskError> {
        self.put(actor, id, ask, None).await
    }

    /// As [`Asks::incident`], as one of those that were asked for in one go.
    async fn put(
        &self,
        actor: &Actor,
        id: &str,
        ask: IncidentAsk,
        batch: Option<&str>,
    ) -> Result<Vec<Recorded>, AskError> {
        if id.len() > limits::NAME_BYTES {
            return Err(AskError::Rejected(Rejection::NoSuchIncident));
        }
        self.allow(actor, ask.act(), Some(id)).await?;
        ask.names_known(&self.writer.people())?;
        let seen = ask.seen();
        if let IncidentAsk::Show { plan } = ask {
            // Whoever only reads is no reviewer, and their latency is nobody's concern.
            if !actor.may(Act::Review) || self.shown.knows(id, plan, &actor.person) {
                return Ok(Vec::new());
            }
        }
        let (act, mut command) = (ask.act(), ask.command(actor));
        if let Command::Answer(review) = &mut command {
            review.batch = batch.map(str::to_owned);
        }
        if self.refused.is_full(&actor.person)
            && let Err(rejection) = self.foresee(id, command.clone()).await?
            && rejection.record().is_some()
        {
            self.refused.count(&actor.person, act);
            return Err(self.explain(actor, id, seen, rejection).await);
        }
        if let (Some(halt), IncidentAsk::Revoke { plan }) = (&self.halt, &ask) {
            halt.stop(*plan);
        }
        match self.writer.command(id, command).await {
            Ok(recorded) => {
                if let IncidentAsk::Show { plan } = ask {
                    self.shown.remember(id, plan, &actor.person);
                }
                if let (Some(seen), Act::Review | Act::BreakGlass) = (seen, act) {
                    let incident = self.writer.incident(id).await?;
                    if ask.made_anew(&incident).is_some()
                        && let Some(outdated) = self.outdated(id, &incident, seen).await?
                    {
                        return Err(outdated);
                    }
                }
                Ok(recorded)
            }
            Err(NotRecorded::Engine(EngineError::Rejected(rejection))) => {
                match rejection {
                    Rejection::NotLet { why, .. } => {
                        self.note_refused(actor, act, Some(id), why).await;
                    }
                    _ if rejection.record().is_some() => {
                        self.refused.take_place(&actor.person);
                    }
                    _ => {}
                }
                Err(self.explain(actor, id, seen, rejection).await)
            }
            Err(error) => Err(AskError::NotRecorded(error)),
        }
    }

    /// Asks for something about what spans incidents. What is returned is durable.
    ///
    /// # Errors
    /// Why nothing came of it. A refused attempt is recorded where it is one.
    pub async fn shared(&self, actor: &Actor, ask: SharedAsk) -> Result<Vec<Recorded>, AskError> {
        let act = ask.act();
        self.allow(actor, act, None).await?;
        // A release that lasts half a second would be told as one.
        if let (Some(halt), SharedAsk::ReleaseKillSwitch { .. }) = (&self.halt, &ask)
            && is_held_by_file(halt).await
        {
            return Err(AskError::Rejected(Rejection::NotDue(FILE_HOLDS)));
        }
        // Whatever has to be stopped does not wait for the log.
        if let (Some(halt), SharedAsk::EngageKillSwitch { reason }) = (&self.halt, &ask)
            && (1..=limits::REASON_BYTES).contains(&reason.as_str().len())
        {
            halt.engage_and_record(actor.person.clone(), reason.clone());
        }
        match self.writer.shared(ask.command(actor)).await {
            Ok(recorded) => Ok(recorded),
            Err(NotRecorded::Engine(EngineError::Rejected(rejection))) => {
                if let Rejection::NotLet { why, .. } = rejection {
                    self.note_refused(actor, act, None, why).await;
                }
                Err(AskError::Rejected(rejection))
            }
            Err(error) => Err(AskError::NotRecorded(error)),
        }
    }

    /// Admits the version of a runbook that was before somebody to live mode.
    ///
    /// # Errors
    /// Why nothing came of it. A refused attempt is recorded where it is one.
    pub async fn admit(
        &self,
        actor: &Actor,
        runbook: &str,
        digest: RunbookDigest,
    ) -> Result<Vec<Recorded>, AskError> {
        self.allow(actor, Act::Admit, None).await?;
        let id = runbook.to_owned();
        let look = self.writer.look(move |engine| {
            let found = engine.runbooks().get(&id);
            found.map(|found| (found.digest, Arc::clone(&found.page), found.author.clone()))
        });
        let not_due = |words| Err(AskError::Rejected(Rejection::NotDue(words)));
        let Some((now, page, author)) = look.await? else {
            return not_due("there is no such runbook; GET /v1/runbooks lists them");
        };
        if now != digest {
            return not_due("the page has changed since it was shown; read it again");
        }
        let (runbook, page) = (runbook.to_owned(), FreeText::from(&*page));
        self.shared(actor, SharedAsk::AdmitRunbook { runbook, digest, page, author }).await
    }

    /// Lets an actor through whose role may do this, and records the attempt of one whose role
    /// may not. For whatever is done beside [`Asks::incident`] and [`Asks::shared`].
    ///
    /// # Errors
    /// [`AskError::NotAllowed`].
    pub async fn allow(
        &self,
        actor: &Actor,
        act: Act,
        incident: Option<&str>,
    ) -> Result<(), AskError> {
        if actor.may(act) {
            return Ok(());
        }
        self.note_refused(actor, act, incident, NotLet::Role(actor.role)).await;
        Err(AskError::NotAllowed { act, role: actor.role })
    }

    /// Records that somebody was not let, or counts it where enough of theirs were recorded.
    pub(crate) async fn note_refused(
        &self,
        actor: &Actor,
        act: Act,
        incident: Option<&str>,
        why: NotLet,
    ) {
        if !self.refused.take_place(&actor.person) {
            self.refused.count(&actor.person, act);
            return;
        }
        let by = actor.person.clone();
        // What no incident is called is not recorded as if one were.
        let named = incident.map(str::to_owned);
        let known = match named {
            Some(id) => {
                let known = self
                    .writer
                    .read(move |journal| journal.knows(&id).is_ok_and(|known| known).then_some(id));
                known.await.ok().flatten()
            }
            None => None,
        };
        let command = SharedCommand::RecordRefusedAsk { by, act, incident: known, why };
        if let Err(error) = self.writer.shared(command).await {
            // It was not let all the same.
            tracing::warn!(person = actor.person.name(), %error, "a refused ask is not recorded");
            self.refused.count(&actor.person, act);
        }
    }

    /// Records how many refused attempts were counted since the last time. Due every minute,
    /// and before the service ends.
    ///
    /// # Errors
    /// If that cannot be recorded; then they stay counted.
    pub async fn tell_refused(&self) -> Result<(), NotRecorded> {
        while let Some((refused, since)) = self.refused.drain() {
            let command = SharedCommand::CountRefusedAsks { refused: refused.clone(), since };
            if let Err(error) = self.writer.shared(command).await {
                self.refused.put_back(&refused, since);
                return Err(error);
            }
        }
        Ok(())
    }

    /// What would come of an ask about one incident if it were asked now, without a trace: for
    /// whoever wants to see the difference before they ask.
    ///
    /// # Errors
    /// Why nothing would come of it.
    pub async fn preview(
        &self,
        actor: &Actor,
        id: &str,
        ask: IncidentAsk,
    ) -> Result<Vec<Event>, AskError> {
        if !actor.may(ask.act()) {
            return Err(AskError::NotAllowed { act: ask.act(), role: actor.role });
        }
        match self.foresee(id, ask.command(actor)).await? {
            Ok(events) => Ok(events),
            Err(rejection) => Err(self.explain(actor, id, ask.seen(), rejection).await),
        }
    }

    /// What would come of a command, without a trace.
    async fn foresee(
        &self,
        id: &str,
        command: Command,
    ) -> Result<Result<Vec<Event>, Rejection>, AskError> {
        // One in which nothing can happen any more is not in memory; its history may be long.
        let (over, id) = (self.writer.incident(id).await?, id.to_owned());
        let look = move |engine: &mut Engine<Store>| {
            engine.journal_mut().catch_up()?;
            let journal = engine.journal();
            let (at, _) = Clock::default().read(None, journal.last_at());
            let policy = journal.policy().map_or(engine.policy(), |policy| policy);
            let rules = Rules { policy, runbooks: engine.runbooks(), mode: engine.mode() };
            let incident = match journal.incident(&id) {
                Incident::Absent => &over,
                kept => kept,
            };
            Ok::<_, Fault>(decide(incident, &id, journal.shared(), rules, command, at))
        };
        let seen = self.writer.turn(look).await?;
        seen.map_err(AskError::fault)
    }

    /// What a rejection means to somebody who had a plan before them.
    async fn explain(
        &self,
        actor: &Actor,
        id: &str,
        seen: Option<Seen>,
        rejection: Rejection,
    ) -> AskError {
        use Refusal::{AlreadyAnswered, Decided, Lapsed, OtherMode, OtherPlan};
        let settled = matches!(
            rejection,
            Rejection::NotDue(_)
                | Rejection::Closed
                | Rejection::Refused(OtherPlan | OtherMode | Decided | Lapsed | AlreadyAnswered, _)
        );
        let (Some(seen), true) = (seen, settled) else { return AskError::Rejected(rejection) };
        match self.look_again(actor, id, seen).await {
            Ok(Some(explained)) => explained,
            // Nothing more is known than what was said.
            _ => AskError::Rejected(rejection),
        }
    }

    /// What became of the plan that somebody had before them.
    async fn look_again(
        &self,
        actor: &Actor,
        id: &str,
        seen: Seen,
    ) -> Result<Option<AskError>, NotRecorded> {
        let incident = self.writer.incident(id).await?;
        if let Some(outdated) = self.outdated(id, &incident, seen).await? {
            return Ok(Some(outdated));
        }
        Ok(incident.waiting().and_then(|(_, gate)| {
            gate.reviews()
                .find(|(review, _)| review.reviewer == actor.person)
                .map(|(review, at)| AskError::Answered { answer: review.answer, at })
        }))
    }

    /// Whether the plan now is another one than the one that was seen, and in what they differ.
    async fn outdated(
        &self,
        id: &str,
        incident: &Incident,
        seen: Seen,
    ) -> Result<Option<AskError>, NotRecorded> {
        let Some(now) = incident.proposal() else { return Ok(None) };
        let other_mode = seen.mode.is_some_and(|mode| mode != now.plan.mode);
        if now.digest == seen.plan && !other_mode {
            return Ok(None);
        }
        let before = self.writer.walk(id, |recorded| match recorded.event() {
            Event::PlanProposed { plan, digest, .. } if *digest == seen.plan => {
                ControlFlow::Break(plan.clone())
            }
            _ => ControlFlow::Continue(()),
        });
        let difference = match before.await? {
            Some(before) => told(&before, &now.plan, seen.mode),
            None => vec!["the plan that was named was never a plan of this incident".to_owned()],
        };
        Ok(Some(AskError::Outdated { plan_now: now.digest, difference }))
    }
}

/// In what a plan differs from the one that somebody saw, one line each; never empty.
pub(crate) fn told(before: &Plan, now: &Plan, seen: Option<Mode>) -> Vec<String> {
    let mut lines = difference(before, now);
    if let Some(mode) = seen.filter(|mode| *mode != now.mode) {
        lines.push(format!("mode: {mode} -> {}", now.mode));
    }
    if before.quorum != now.quorum {
        lines.push(format!("people who must approve: {} -> {}", before.quorum, now.quorum));
    }
    if lines.is_empty() {
        lines.push(match &now.requested_by {
            Some(person) => format!("the same steps, asked for anew by {person}"),
            None => "the same steps, decided anew".to_owned(),
        });
    }
    lines
}
