//! Who is on duty by what is written and recorded, for a command that looks at no schedule.

use std::collections::BTreeSet;

use tagout_core::approval::Person;
use tagout_core::shared::{Duty, Shared};
use tagout_core::time::Time;

use super::config::{RotaConfig, RotaKind};

/// The rotas of a configuration, without the secrets that their schedules are read with.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) rotas: Vec<RotaConfig>,
    /// Whether a service works on the log: then what it recorded last is the case.
    pub(crate) served: bool,
}

impl Recorded {
    /// The rotas for which a person is on duty at `now`.
    pub(crate) fn groups_of(
        &self,
        person: &Person,
        shared: &Shared,
        now: Time,
    ) -> BTreeSet<String> {
        let on_duty = |rota: &&RotaConfig| {
            // A rota that is wrong has nobody on duty: who speaks for it would be guessed.
            let people = self.on_duty(rota, shared.rota(&rota.name), now);
            people.is_ok_and(|people| people.contains(person))
        };
        self.rotas.iter().filter(on_duty).map(|rota| rota.name.clone()).collect()
    }

    fn on_duty(
        &self,
        rota: &RotaConfig,
        recorded: Option<&Duty>,
        now: Time,
    ) -> Result<Vec<Person>, String> {
        if rota.kind == RotaKind::Static {
            return Ok(vec![rota.turns()?.on_duty(now).clone()]);
        }
        let believed_for = rota.believed_for()?;
        match recorded {
            Some(duty) if self.served || now.since(duty.since) <= believed_for => {
                Ok(duty.people.clone())
            }
            _ => rota.stand_ins(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tagout_core::event::Event;
    use tagout_core::time::Span;

    use super::*;

    #[test]
    fn what_was_recorded_of_a_schedule_holds_while_it_is_believed_or_a_service_keeps_it() {
        let text = "name = \"primary\"\nkind = \"opsgenie\"\nschedule = \"P1\"\nmax_age = \"1h\"\n\
                    token = { env = \"A\" }\nusers = { U1 = \"ana\", U2 = \"ben\" }\n\
                    fallback = [\"cem\"]\n";
        let rotas = vec![toml::from_str(text).unwrap()];
        let mut recorded = Recorded { rotas, served: false };
        let person = |name: &str| Person::new(name).unwrap();
        let begun: Time = "2026-11-02T08:00:00Z".parse().unwrap();
        let mut shared = Shared::default();
        let speaks = |recorded: &Recorded, shared: &Shared, name: &str, minutes: u64| {
            let now = begun.after(Span::from_secs(minutes * 60));
            !recorded.groups_of(&person(name), shared, now).is_empty()
        };
        assert!(speaks(&recorded, &shared, "cem", 0), "nothing is known");
        assert!(!speaks(&recorded, &shared, "ana", 0));
        let (rota, people) = ("primary".to_owned(), vec![person("ana")]);
        let changed = Event::RotaChanged { rota, people, stand_in: false };
        shared = shared.after(&changed, "", begun);
        assert!(speaks(&recorded, &shared, "ana", 60));
        assert!(!speaks(&recorded, &shared, "ben", 60));
        assert!(!speaks(&recorded, &shared, "ana", 61), "it is too old");
        assert!(speaks(&recorded, &shared, "cem", 61));
        recorded.served = true;
        assert!(speaks(&recorded, &shared, "ana", 61));
    }
}
