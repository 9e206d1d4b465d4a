//! What a command comes to: the events to append, or why it is not done.
//!
//! Pure: the state, the rules, the command and the time go in; events come out. Nothing here
//! reads a clock, a file or a random number, so every path can be explored.

mod afterwards;
mod ended;
mod glass;
mod handling;
mod look;
mod made;
mod maker;
mod people;
mod propose;
mod receive;
mod rehearsal;
mod replace;
mod review;
mod shared;
mod step;
mod undo;

use crate::approval::Refusal;
use crate::command::{Command, SharedCommand};
use crate::condition::BadCondition;
use crate::event::{Event, NotLet};
use crate::evolve::{IllegalEvent, evolve};
use crate::incident::Incident;
use crate::limits;
use crate::plan::BindError;
use crate::policy::EscalationPolicy;
use crate::runbook::Catalogue;
use crate::shared::Shared;
use crate::time::Time;
use crate::verdict::Mode;

/// What a decision is made under.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The policy in force.
    pub policy: &'a EscalationPolicy,
    /// The only runbooks that can be planned.
    pub runbooks: &'a Catalogue,
    /// What the configuration allows. A plan is live only if the tier and the admitted digest
    /// say so too.
    pub mode: Mode,
}

/// Why a command is not done. The asker's fault, with what to do about it; nothing is recorded
/// unless [`Rejection::record`] says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such incident.
    #[error("there is no such incident; `tagout approvals list` shows those that wait")]
    NoSuchIncident,
    /// The incident is closed.
    #[error("the incident is closed; nothing more can be done about it")]
    Closed,
    /// Nothing of the kind is due.
    #[error("{0}")]
    NotDue(&'static str),
    /// The gate did not take the answer.
    #[error("{0}")]
    Refused(Refusal, Box<Event>),
    /// Their role would let them, and something else does not. The attempt is to be recorded
    /// (`SharedCommand::RecordRefusedAsk`), within the limit of how many of them are.
    #[error("{words}")]
    NotLet {
        /// What does not let them.
        why: NotLet,
        /// That in words, and who can do it.
        words: &'static str,
    },
    /// The runbook is not among the candidates of this incident.
    #[error("{0:?} is not among the candidates that the search found for this incident")]
    NotACandidate(String),
    /// The runbook says itself that it is not for this alert.
    #[error("{0} cannot be used: {1}")]
    Excluded(String, String),
    /// The plan could not be bound.
    #[error("{0}")]
    CannotBind(#[from] BindError),
    /// Nothing may start now.
    #[error("nothing may start: {0}")]
    Stopped(&'static str),
    /// Another plan holds the target.
    #[error("{target} is held by incident {holder}; wait for its end")]
    TargetBusy {
        /// The target.
        target: String,
        /// The incident that holds it.
        holder: String,
    },
    /// A window's conditions cannot be held against alerts.
    #[error("the window {0}")]
    BadCondition(#[from] BadCondition),
    /// So much of a source is quarantined that no more is taken.
    #[error(
        "{most} deliveries of {0} that cannot be read are kept already; `tagout deliveries list` \
         shows them: have some read again or put away",
        most = limits::QUARANTINED
    )]
    QuarantineFull(String),
    /// A reason is needed, and none or too long a one was given.
    #[error("give a reason of 1 to 4096 bytes")]
    ReasonNeeded,
    /// The events would not be legal: a fault of ours, caught before it is recorded.
    #[error("this would break the record: {0}")]
    Illegal(#[from] IllegalEvent),
}

impl Rejection {
    /// It is about what the asker did alone.
    const fn own_doing(words: &'static str) -> Self {
        Self::NotLet { why: NotLet::OwnDoing, words }
    }

    /// What is recorded of the attempt itself, if it is somebody's refused answer.
    #[must_use]
    pub fn record(&self) -> Option<&Event> {
        match self {
            Self::Refused(_, event) => Some(event),
            _ => None,
        }
    }
}

/// The events that `command` comes to for this incident, in order, or why it is not done.
///
/// # Errors
/// A [`Rejection`] that says what to do; the incident is as it was.
pub fn decide(
    incident: &Incident,
    id: &str,
    shared: &Shared,
    rules: Rules<'_>,
    command: Command,
    now: Time,
) -> Result<Vec<Event>, Rejection> {
    let ask = Ask { incident, id, shared, rules, now };
    match command {
        Command::ReceiveAlert { alert, delivery } => receive::alert(ask, alert, delivery),
        Command::OpenGathering { alert, delivery, gathers } => {
            receive::gathering(ask, alert, delivery, gathers)
        }
        Command::ReportUnreadable { source, alert, delivery } => {
            receive::unreadable(ask, source, alert, delivery)
        }
        Command::EndAlerts { delivery, ended } => receive::all_ended(ask, delivery, ended),
        Command::RecordFindings { findings } => propose::from_findings(ask, findings),
        Command::StartLook { inspection } => look::start(ask, inspection),
        Command::FinishLook { inspection, step, outcome, output, ended } => {
            look::finish(ask, Event::LookEnded { inspection, step, outcome, output, ended })
        }
        Command::GiveUpLooks { inspection, all, why } => look::given_up(ask, inspection, all, &why),
        Command::Modify { by, plan, mode, change, reason } => {
            replace::modified(ask, by, (plan, mode), &change, reason)
        }
        Command::ResumeHalt { by, plan, reason } => replace::resumed(ask, by, plan, reason),
        Command::ShowRequest { plan, to } => review::shown(ask, plan, to),
        Command::Answer(answer) => review::answer(ask, answer),
        Command::BreakGlass { by, plan, mode, reason } => {
            glass::broken(ask, by, (plan, mode), reason)
        }
        Command::ConfirmClockWarning { plan } => review::warned(ask, plan),
        Command::Tick => review::tick(ask),
        Command::Revoke { by, plan } => review::revoke(ask, by, plan),
        Command::Rehearse => rehearsal::shown(ask),
        Command::StartRehearsal { plan } => rehearsal::start(ask, plan),
        Command::FinishRehearsal { plan, step, outcome, output, ended } => rehearsal::ended(
            ask,
            match outcome {
                Some(outcome) => Event::RehearsalEnded { plan, step, outcome, output, ended },
                None => Event::RehearsalCut { plan, step, output, ended },
            },
        ),
        Command::StartStep { plan } => step::start(ask, plan),
        Command::FinishStep { plan, step, attempt, outcome, output, ended } => {
            step::ended(ask, Event::StepFinished { plan, step, attempt, outcome, output, ended })
        }
        Command::ReportUnknown { plan, step, attempt, output, ended } => {
            step::unknown(ask, Event::StepLost { plan, step, attempt, output, ended })
        }
        Command::ReportLost { running } => step::lost(ask, &running),
        Command::ResolveStep { by, plan, step, attempt, finding, reason } => {
            let event = Event::StepResolved { plan, step, attempt, by, finding, reason };
            step::resolve(ask, event)
        }
        Command::ReportNotice(report) => match incident {
            Incident::Absent => Err(Rejection::NoSuchIncident),
            Incident::Open(..) | Incident::Closed(..) => ask.checked(vec![report.into_event()]),
        },
        Command::Handle { by, what } => handling::handle(ask, by, what),
        Command::Merge { into, by, reason } => handling::merge(ask, into, by, reason),
        Command::TakeIn { from, by } => handling::take_in(ask, from, by),
        Command::ReviewAfterwards { by, plan, hindsight, reason } => {
            afterwards::review(ask, by, plan, hindsight, reason)
        }
        Command::Close { by, reason } => review::close(ask, by, reason),
    }
}

/// The events that a command about the shared state comes to.
///
/// # Errors
/// A [`Rejection`] that says what to do; the state is as it was.
pub fn decide_shared(
    shared: &Shared,
    command: SharedCommand,
    now: Time,
) -> Result<Vec<Event>, Rejection> {
    shared::decide(shared, command, now)
}

/// What every decision looks at.
#[derive(Clone, Copy)]
struct Ask<'a> {
    incident: &'a Incident,
    id: &'a str,
    shared: &'a Shared,
    rules: Rules<'a>,
    now: Time,
}

impl Ask<'_> {
    /// The events, if each can follow the one before.
    fn checked(self, events: Vec<Event>) -> Result<Vec<Event>, Rejection> {
        // Each second finds nothing to do for nearly every incident: none of them is copied.
        if !events.is_empty() {
            self.after(&events)?;
        }
        Ok(events)
    }

    /// The incident after these events.
    fn after(self, events: &[Event]) -> Result<Incident, Rejection> {
        let mut incident = self.incident.clone();
        for event in events {
            incident = evolve(incident, event, self.now)?;
        }
        Ok(incident)
    }
}
