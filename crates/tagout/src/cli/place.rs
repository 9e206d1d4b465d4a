//! Where people's asks go: the data directory, or a running service. Both are held to the same
//! rules and answer in the same words.

use std::path::PathBuf;

use tagout_core::actor::{Act, Actor, Role};
use tagout_core::approval::Person;
use tagout_core::command::SharedCommand;
use tagout_core::decide::Rejection;
use tagout_core::event::{Event, NotLet};
use tagout_core::plan::Plan;
use tagout_core::time::Time;

use crate::admission::Admission;
use crate::asks::{AskError, IncidentAsk, SharedAsk, told as difference};
use crate::clock::now;
use crate::data_dir::DataDir;
use crate::engine::{Engine, EngineError};
use crate::gathered::{Gathered, gathered};
use crate::journal::Journal;
use crate::quarantine::KeptDelivery;
use crate::queue::{Pending, PlanView, Request};
use crate::rota::Recorded;
use crate::serving::is_served;
use crate::steps::{OpenStep, open_steps};
use crate::store::Store;
use crate::summary::Summary;
use crate::terminal::printable_lines;

use super::afterwards::Line as Owed;
use super::approvals::{Who, engine, engine_with_runbooks, made_from};
use super::client::{Client, Server};
use super::windows::Line;
use super::{Failure, Home};

/// How many of the alerts that an incident stands for are shown.
const SHOWN_ALERTS: usize = 10;

/// How an incident stands.
pub(super) struct State {
    pub(super) summary: Summary,
    pub(super) request: Option<Request>,
}

/// An incident with all that is recorded of it.
pub(super) struct Told {
    pub(super) summary: Summary,
    pub(super) events: Vec<Event>,
}

/// What somebody at the command line may need.
#[derive(Clone, Copy)]
pub(super) enum Needs<'a> {
    /// To answer.
    Answers,
    /// To have plans made anew, from the runbooks of this directory or the configuration's.
    Plans(Option<&'a PathBuf>),
}

/// The data directory, and who asks if they said so.
pub(super) struct Here {
    engine: Engine<Store>,
    person: Option<Person>,
    duty: Recorded,
}

/// Where asks go.
pub(super) enum Place {
    /// The data directory.
    Here(Box<Here>),
    /// A service, which knows who asks.
    There(Client),
}

impl Place {
    /// How somebody says in a call who they are: a service knows them by their token.
    pub(super) fn by(&self) -> &'static str {
        if matches!(self, Self::There(_)) { "" } else { " --as NAME" }
    }

    /// The place that a call names.
    pub(super) fn open(
        home: &Home,
        server: &Server,
        who: &Who,
        needs: Needs<'_>,
    ) -> Result<Self, Failure> {
        if let Some(client) = server.client(home.chosen.is_some())? {
            if who.is_named() {
                return Err(Who::named_at_a_service());
            }
            return Ok(Self::There(client));
        }
        let mut engine = match needs {
            Needs::Answers => engine(home, None)?,
            Needs::Plans(named) => engine_with_runbooks(home, named)?,
        };
        engine.tick()?;
        let duty = duty(home, &engine);
        Ok(Self::Here(Box::new(Here { engine, person: who.person().ok(), duty })))
    }

    /// Who asks, where that is known here.
    pub(super) fn person(&self) -> Option<&Person> {
        match self {
            Self::Here(here) => here.person.as_ref(),
            Self::There(_) => None,
        }
    }

    /// What waits for people.
    pub(super) fn queue(&mut self) -> Result<Vec<Pending>, Failure> {
        match self {
            Self::Here(here) => {
                let journal = here.engine.journal();
                let pending = |(id, incident)| Pending::of(journal, id, incident);
                Ok(journal.incidents().filter_map(pending).collect())
            }
            Self::There(client) => client.queue(),
        }
    }

    /// An incident with all that is recorded of it.
    pub(super) fn told(&mut self, id: &str) -> Result<Told, Failure> {
        let told = match self {
            Self::Here(here) => {
                let engine = &here.engine;
                match Summary::among(engine.journal(), id, engine.journal().incident(id)) {
                    Some(summary) => {
                        let history = engine.journal().history(Some(id))?;
                        let events = history.iter().map(|one| one.event().clone()).collect();
                        Some(Told { summary, events })
                    }
                    None => None,
                }
            }
            Self::There(client) => client.told(id)?,
        };
        told.ok_or_else(|| Failure::BadInput(format!("there is no incident {id:?}")))
    }

    /// The first of the alerts that an incident stands for.
    pub(super) fn gathered(&mut self, id: &str) -> Result<Option<Gathered>, Failure> {
        match self {
            Self::Here(here) => Ok(gathered(here.engine.journal(), id, 0, SHOWN_ALERTS)?),
            Self::There(client) => client.gathered(id, SHOWN_ALERTS),
        }
    }

    /// The plan of an incident, if it has one.
    pub(super) fn plan(&mut self, id: &str) -> Result<Option<PlanView>, Failure> {
        match self {
            Self::Here(here) => {
                let journal = here.engine.journal();
                Ok(PlanView::of(journal, id, journal.incident(id)))
            }
            Self::There(client) => client.plan(id),
        }
    }

    /// Whether this plan can be made anew.
    pub(super) fn ready_to_plan(&mut self, home: &Home, plan: &Plan) -> Result<(), Failure> {
        match self {
            Self::Here(here) => {
                made_from(&here.engine, plan)?;
                bring_into_force(&home.dir()?, &mut here.engine)
            }
            Self::There(_) => Ok(()),
        }
    }

    /// Asks for something about an incident, and says how it stands then.
    pub(super) fn ask(&mut self, id: &str, ask: &IncidentAsk) -> Result<State, Failure> {
        match self {
            Self::Here(here) => {
                let Here { engine, person, duty } = &mut **here;
                let actor = allowed(engine, person.as_ref(), duty, ask.act(), Some(id))?;
                let before = engine.journal().incident(id).proposal().cloned();
                let asked = engine.handle(id, ask.command(&actor)).map(drop);
                told(engine, &actor, ask.act(), Some(id), asked)?;
                let incident = engine.journal().incident(id);
                if let (Some(before), Some(now)) = (before, ask.made_anew(incident)) {
                    let mut words = format!("{}:", AskError::overtaken());
                    for line in difference(&before.plan, &now.plan, Some(before.plan.mode)) {
                        words.push_str(&format!("\n  {line}"));
                    }
                    return Err(Failure::BadInput(words));
                }
                let gone = || Failure::BadInput(format!("there is no incident {id:?}"));
                let summary = Summary::among(engine.journal(), id, incident).ok_or_else(gone)?;
                Ok(State { summary, request: Request::of(incident) })
            }
            Self::There(client) => client.ask(id, ask),
        }
    }

    /// As [`Place::ask`], in the name of somebody else where nobody proves who they are.
    pub(super) fn ask_as(
        &mut self,
        by: Option<Person>,
        id: &str,
        ask: &IncidentAsk,
    ) -> Result<State, Failure> {
        let Self::Here(here) = self else { return self.ask(id, ask) };
        let me = std::mem::replace(&mut here.person, by);
        let asked = self.ask(id, ask);
        if let Self::Here(here) = self {
            here.person = me;
        }
        asked
    }

    /// The deliveries in quarantine.
    pub(super) fn deliveries(&self) -> Result<Vec<KeptDelivery>, Failure> {
        match self {
            Self::Here(here) => Ok(KeptDelivery::all(here.engine.journal())),
            Self::There(client) => client.deliveries(),
        }
    }

    /// The steps that are not over.
    pub(super) fn steps(&mut self) -> Result<Vec<OpenStep>, Failure> {
        match self {
            Self::Here(here) => Ok(open_steps(here.engine.journal())),
            Self::There(client) => client.steps(),
        }
    }

    /// How the admission of a runbook stands.
    pub(super) fn admission(&mut self, runbook: &str) -> Result<Option<Admission>, Failure> {
        match self {
            Self::Here(here) => Ok(Admission::of(&here.engine, runbook)?),
            Self::There(client) => client.admission(runbook),
        }
    }

    /// Admits a version of a runbook, as it was shown.
    pub(super) fn admit(&mut self, shown: &Admission) -> Result<(), Failure> {
        let here = match self {
            Self::Here(here) => here,
            Self::There(client) => return client.admit(shown),
        };
        let runbook = here.engine.runbooks().get(&shown.runbook);
        let runbook = runbook.filter(|runbook| runbook.digest.to_string() == shown.digest);
        let Some(runbook) = runbook else {
            return Err(Failure::BadInput("the page has changed since it was shown".into()));
        };
        let ask = SharedAsk::AdmitRunbook {
            runbook: runbook.id.clone(),
            digest: runbook.digest,
            page: (*runbook.page).into(),
            author: runbook.author.clone(),
        };
        self.ask_shared(ask)
    }

    /// Asks for something about what spans incidents.
    pub(super) fn ask_shared(&mut self, ask: SharedAsk) -> Result<(), Failure> {
        match self {
            Self::Here(here) => {
                let Here { engine, person, duty } = &mut **here;
                let act = ask.act();
                let actor = allowed(engine, person.as_ref(), duty, act, None)?;
                let asked = engine.ask_shared(ask.command(&actor)).map(drop);
                told(engine, &actor, act, None, asked)
            }
            Self::There(client) => client.ask_shared(&ask),
        }
    }

    /// The reviews that are owed, the most pressing first, and how many there are in all.
    pub(super) fn owed(&self) -> Result<(Vec<Owed>, usize), Failure> {
        match self {
            Self::Here(here) => {
                let owed = Owed::all(here.engine.journal().shared().debts());
                let total = owed.len();
                Ok((owed, total))
            }
            Self::There(client) => client.owed(),
        }
    }

    /// Until when a change freeze holds, if one does: `Some(None)` until it is lifted.
    pub(super) fn freeze(&self, at: Time) -> Result<Option<Option<Time>>, Failure> {
        match self {
            Self::Here(here) => Ok(here.engine.journal().shared().freeze(at)),
            Self::There(client) => client.freeze(),
        }
    }

    /// What holds every plan up now, a sentence for each: the kill switch, a change freeze.
    pub(super) fn holds(&self) -> Result<Vec<String>, Failure> {
        let engaged = match self {
            Self::Here(here) => here.engine.journal().shared().kill_switch,
            Self::There(client) => client.kill_switch()?,
        };
        let mut holds = Vec::new();
        if engaged {
            holds.push("The kill switch is engaged: nothing starts until `tagout resume`.".into());
        }
        if let Some(until) = self.freeze(now())? {
            let until = until.map_or(String::new(), |until| format!(" until {until}"));
            holds.push(format!("A change freeze holds{until}."));
        }
        Ok(holds)
    }

    /// The windows that have not ended at `at`; a service tells those that have not ended now.
    pub(super) fn windows(&self, at: Time) -> Result<Vec<Line>, Failure> {
        match self {
            Self::Here(here) => {
                let windows = here.engine.journal().shared().windows(at);
                Ok(windows.map(|window| Line::of(window, now())).collect())
            }
            Self::There(client) => client.windows(),
        }
    }
}

/// Records the rules of a command as those in force. Beside a service that has others the
/// command is refused: what is in force is then the service's to say, and every plan that was
/// made from its runbooks would be stale.
pub(super) fn bring_into_force(dir: &DataDir, engine: &mut Engine<Store>) -> Result<(), Failure> {
    if !engine.is_in_force() && is_served(dir, engine.journal().log().storage())? {
        return Err(Failure::BadInput(
            "a service works on this log with other runbooks or another policy than these, and \
             nothing is decided by both. Ask the service (--server), or give its runbooks \
             (--runbooks) and its policy; to change what is in force, change the files of the \
             service, which loads them anew"
                .into(),
        ));
    }
    Ok(engine.announce()?)
}

/// Who asks, if their role lets them. An attempt of somebody whose role does not is recorded.
pub(super) fn allowed(
    engine: &mut Engine<Store>,
    person: Option<&Person>,
    duty: &Recorded,
    act: Act,
    incident: Option<&str>,
) -> Result<Actor, Failure> {
    let actor = actor(engine.journal(), person, duty)?;
    if actor.may(act) {
        return Ok(actor);
    }
    note_refused(engine, &actor, act, incident, NotLet::Role(actor.role))?;
    Err(Failure::BadInput(AskError::NotAllowed { act, role: actor.role }.to_string()))
}

/// What came of an ask. An attempt of somebody whom the rules do not let is recorded.
fn told(
    engine: &mut Engine<Store>,
    actor: &Actor,
    act: Act,
    incident: Option<&str>,
    asked: Result<(), EngineError>,
) -> Result<(), Failure> {
    if let Err(EngineError::Rejected(Rejection::NotLet { why, .. })) = &asked {
        note_refused(engine, actor, act, incident, *why)?;
    }
    Ok(asked?)
}

/// Records that somebody was not let.
fn note_refused(
    engine: &mut Engine<Store>,
    actor: &Actor,
    act: Act,
    incident: Option<&str>,
    why: NotLet,
) -> Result<(), Failure> {
    // What no incident is called is not recorded as if one were.
    let known = incident.filter(|id| engine.journal().incident(id).case().is_some());
    let (by, incident) = (actor.person.clone(), known.map(str::to_owned));
    engine.ask_shared(SharedCommand::RecordRefusedAsk { by, act, incident, why })?;
    Ok(())
}

/// Somebody by name. Where people are known to the log, each asks as what they are, and
/// whoever has the files but is not known may stop things and work on incidents. Where none
/// are, they speak for themselves.
fn actor(
    journal: &Journal<Store>,
    person: Option<&Person>,
    duty: &Recorded,
) -> Result<Actor, Failure> {
    let person = person.ok_or_else(Who::unnamed)?;
    let people = &journal.shared().people;
    let stranger = if people.is_empty() { Role::Approver } else { Role::Responder };
    let known = people.actor(person);
    let mut actor = known.unwrap_or_else(|| Actor::new(person.clone(), stranger));
    // Whoever is on duty speaks for their rota.
    actor.groups.extend(duty.groups_of(person, journal.shared(), now()));
    Ok(actor)
}

/// The rotas of the data directory's configuration. Whoever must say no can do so while that
/// file is broken; then nobody speaks for a rota.
pub(super) fn duty(home: &Home, engine: &Engine<Store>) -> Recorded {
    let rotas = match home.config() {
        Ok(config) => config.rotas,
        Err(Failure::BadInput(why) | Failure::Fault(why)) => {
            let why = printable_lines(&why);
            anstream::eprintln!("tagout: nobody speaks for a rota while this is so: {why}");
            Vec::new()
        }
        Err(Failure::DoesNotHold) => Vec::new(),
    };
    let served = !rotas.is_empty()
        && home
            .dir()
            .is_ok_and(|dir| is_served(&dir, engine.journal().log().storage()).unwrap_or(false));
    Recorded { rotas, served }
}
