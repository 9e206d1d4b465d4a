//! Rotas: who is on duty. A rota is written in the configuration, or is a schedule of PagerDuty
//! or Opsgenie that is looked at now and then.
//!
//! It fails towards people: a schedule that cannot be read is believed for a while, and after
//! that everybody who can stand in is on duty.

mod config;
mod recorded;
mod schedule;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use config::{RotaConfig, RotaKind, check_all};
pub(crate) use recorded::Recorded;
use schedule::Schedule;
use tagout_core::approval::Person;
use tagout_core::command::SharedCommand;
use tagout_core::time::{Span, Time};
use tagout_log::storage::Storage;
use tokio::time::{MissedTickBehavior, interval};
pub use turns::Turns;

use crate::clock::now;
use crate::config::BadInput;
use crate::journal::Journal;
use crate::notify::HttpClient;
use crate::poll::Leads;
use crate::writer::Writer;

/// How often it is looked who is on duty.
const LOOK: Duration = Duration::from_secs(1);

/// Every configured rota, and what is known of it.
#[derive(Debug)]
pub struct Rotas {
    rotas: Vec<Rota>,
}

#[derive(Debug)]
struct Rota {
    name: String,
    /// Everybody who stands in if nobody can say who is on duty.
    stand_ins: Vec<Person>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// Turns that were written down.
    Turns(Turns),
    /// A schedule elsewhere.
    Schedule { schedule: Schedule, known: Mutex<Option<Known>>, believed_for: Span, every: Span },
}

/// What was last read of a schedule.
#[derive(Debug, Clone)]
struct Known {
    people: Vec<Person>,
    at: Time,
}

/// Who is on duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDuty {
    /// The people.
    pub people: Vec<Person>,
    /// Whether they stand in because nobody could say who is on duty.
    pub stand_in: bool,
}

impl Rotas {
    /// Makes the configured rotas ready, with their secrets.
    ///
    /// # Errors
    /// If one is wrong or a secret cannot be read.
    pub fn load(configs: &[RotaConfig], base_dir: &Path) -> Result<Self, BadInput> {
        let client = HttpClient::new().map_err(BadInput)?;
        let load = |config: &RotaConfig| {
            let named = |what: String| BadInput(format!("rota {:?}: {what}", config.name));
            config.check()?;
            let source = match config.kind {
                RotaKind::Static => Source::Turns(config.turns().map_err(named)?),
                RotaKind::PagerDuty | RotaKind::Opsgenie => Source::Schedule {
                    schedule: Schedule::load(config, client.clone(), base_dir).map_err(named)?,
                    known: Mutex::new(None),
                    believed_for: config.believed_for().map_err(named)?,
                    every: config.every().map_err(named)?,
                },
            };
            let stand_ins = config.stand_ins().map_err(named)?;
            Ok(Rota { name: config.name.clone(), stand_ins, source })
        };
        Ok(Self { rotas: configs.iter().map(load).collect::<Result<_, BadInput>>()? })
    }

    /// Who is on duty for a rota at `now`; nobody if there is none of this name.
    #[must_use]
    pub fn on_duty(&self, name: &str, now: Time) -> Option<OnDuty> {
        self.rotas.iter().find(|rota| rota.name == name).map(|rota| rota.on_duty(now))
    }

    /// The rotas for which a person is on duty at `now`.
    #[must_use]
    pub fn groups_of(&self, person: &Person, now: Time) -> BTreeSet<String> {
        let on_duty = self.rotas.iter().filter(|rota| rota.on_duty(now).people.contains(person));
        on_duty.map(|rota| rota.name.clone()).collect()
    }

    /// Looks at schedules, and records who is on duty whenever that changes, for as long as it
    /// runs. Every replica looks; the one that leads records.
    pub(crate) async fn run(rotas: Arc<Self>, writer: Writer, leads: Leads) {
        if rotas.rotas.is_empty() {
            return;
        }
        let mut looks = tokio::task::JoinSet::new();
        for n in 0..rotas.rotas.len() {
            let rotas = Arc::clone(&rotas);
            looks.spawn(async move {
                if let Some(rota) = rotas.rotas.get(n) {
                    rota.look_now_and_then().await;
                }
            });
        }
        let mut recorded: BTreeMap<String, OnDuty> = BTreeMap::new();
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if !leads() {
                recorded.clear();
                continue;
            }
            for rota in &rotas.rotas {
                // Not known yet is no change.
                let Some(duty) = rota.known_duty(now()) else { continue };
                if recorded.get(&rota.name) == Some(&duty) {
                    continue;
                }
                let command = SharedCommand::RecordRota {
                    rota: rota.name.clone(),
                    people: duty.people.clone(),
                    stand_in: duty.stand_in,
                };
                match writer.shared(command).await {
                    Ok(_) => drop(recorded.insert(rota.name.clone(), duty)),
                    Err(error) => {
                        tracing::warn!(rota = rota.name, %error, "a change of duty is not recorded");
                    }
                }
            }
        }
    }

    /// Takes over what the log says of schedules. It holds until each was looked at for the
    /// first time, and if that fails for as long as it would have held when the log was last
    /// written: a restart takes nobody off duty and puts nobody on.
    pub fn remember<S: Storage>(&self, journal: &Journal<S>) {
        for rota in &self.rotas {
            let Source::Schedule { known, .. } = &rota.source else { continue };
            if let Some(duty) = journal.shared().rota(&rota.name)
                && !duty.stand_in
            {
                let at = journal.last_at().map_or(duty.since, |last| last.max(duty.since));
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                known.get_or_insert(Known { people: duty.people.clone(), at });
            }
        }
    }
}

impl Rota {
    fn on_duty(&self, now: Time) -> OnDuty {
        self.known_duty(now).unwrap_or_else(|| self.standing_in())
    }

    fn standing_in(&self) -> OnDuty {
        OnDuty { people: self.stand_ins.clone(), stand_in: true }
    }

    /// Who is on duty, unless a schedule was not looked at yet.
    fn known_duty(&self, now: Time) -> Option<OnDuty> {
        let people = match &self.source {
            Source::Turns(turns) => vec![turns.on_duty(now).clone()],
            Source::Schedule { known, believed_for, schedule, .. } => {
                let known = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
                match known {
                    Some(known) if !schedule.was_tried() => known.people,
                    Some(known) if now.since(known.at) <= *believed_for => known.people,
                    None if !schedule.was_tried() => return None,
                    _ => return Some(self.standing_in()),
                }
            }
        };
        // A schedule that names nobody we know leaves nobody to ask.
        if people.is_empty() {
            return Some(self.standing_in());
        }
        Some(OnDuty { people, stand_in: false })
    }

    async fn look_now_and_then(&self) {
        let Source::Schedule { schedule, known, every, .. } = &self.source else { return };
        let mut ticks = interval(Duration::from_millis(every.millis()));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            let looked = schedule.look().await;
            let outcome = if looked.is_ok() { "ok" } else { "failed" };
            let rota = self.name.clone();
            metrics::counter!("tagout_rota_polls_total", "rota" => rota, "outcome" => outcome)
                .increment(1);
            if looked.is_err() != failing {
                failing = looked.is_err();
                let rota = &self.name;
                match &looked {
                    Ok(_) => tracing::info!(rota, "the schedule can be read again"),
                    Err(why) => tracing::warn!(rota, why, "the schedule cannot be read"),
                }
            }
            if let Ok(people) = looked {
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                *known = Some(Known { people, at: now() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tagout_core::findings::Findings;
    use tagout_core::policy::EscalationPolicy;
    use tagout_core::runbook::Catalogue;

    use super::*;
    use crate::engine::Engine;
    use crate::fault::Fault;
    use crate::matching::Search;
    use crate::store::SqliteStore;

    struct NoSearch;

    impl Search for NoSearch {
        fn find(&mut self, _: &tagout_core::alert::Alert) -> Result<Findings, Fault> {
            Err(Fault::new("nothing is to be found here"))
        }
    }

    /// A schedule that nobody answers for, and two who stand in.
    fn rotas(dir: &Path) -> Rotas {
        std::fs::write(dir.join("key"), "a-key-of-a-schedule").unwrap();
        let config = "name = \"primary\"\nkind = \"pagerduty\"\nschedule = \"P1\"\n\
            url = \"http://127.0.0.1:9\"\ntoken = { file = \"key\" }\nusers = { U1 = \"ana\" }\n\
            max_age = \"1h\"\nfallback = [\"ben\", \"cem\"]\n";
        Rotas::load(&[toml::from_str(config).unwrap()], dir).unwrap()
    }

    async fn look(rotas: &Rotas) {
        let Source::Schedule { schedule, .. } = &rotas.rotas[0].source else { panic!() };
        schedule.look().await.unwrap_err();
    }

    #[tokio::test]
    async fn a_restart_takes_nobody_off_duty_before_the_first_look_and_for_a_while_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("tagout.db")).unwrap();
        let (policy, runbooks) =
            (EscalationPolicy::parse("").unwrap(), Catalogue::new([]).unwrap());
        let mut engine = Engine::new(Journal::open(store).unwrap(), policy, runbooks, NoSearch);
        let (rota, ana) = ("primary".to_owned(), Person::new("ana").unwrap());
        let record = SharedCommand::RecordRota { rota, people: vec![ana.clone()], stand_in: false };
        engine.ask_shared(record).unwrap();
        let later = |hours: u64| now().after(Span::from_secs(hours * 3600));

        let rotas = rotas(dir.path());
        rotas.remember(engine.journal());
        let on_duty = |hours: u64| rotas.on_duty("primary", later(hours)).unwrap();
        let known = OnDuty { people: vec![ana], stand_in: false };
        assert_eq!(on_duty(0), known);
        assert_eq!(on_duty(72), known, "the log is old and nothing was looked at yet");
        look(&rotas).await;
        assert_eq!(on_duty(0), known, "believed for a while");
        assert!(on_duty(2).stand_in);
    }

    #[tokio::test]
    async fn without_anything_known_everybody_who_can_stands_in() {
        let dir = tempfile::tempdir().unwrap();
        let rotas = rotas(dir.path());
        assert!(rotas.on_duty("primary", now()).unwrap().stand_in);
        look(&rotas).await;
        assert_eq!(rotas.on_duty("primary", now()).unwrap().people.len(), 2);
    }
}
