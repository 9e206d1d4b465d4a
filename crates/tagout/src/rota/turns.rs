//! Turns of duty that were written down: the people one after the other, each for as long as the
//! others, over and over.

use tagout_core::approval::Person;
use tagout_core::time::{Span, Time};

/// People who take turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turns {
    people: Vec<Person>,
    /// When the first person's first turn begins.
    start: Time,
    turn: Span,
}

impl Turns {
    /// People who take turns of this length, the first from `start` on.
    ///
    /// # Errors
    /// If there is nobody, or the turns have no length.
    pub fn new(people: Vec<Person>, start: Time, turn: Span) -> Result<Self, &'static str> {
        if people.is_empty() {
            return Err("people: a rota needs somebody");
        }
        if turn.millis() == 0 {
            return Err("turn: it must have a length");
        }
        Ok(Self { people, start, turn })
    }

    /// Who is on duty at `now`. Before the start it goes on backwards, so that somebody always
    /// is.
    #[must_use]
    pub fn on_duty(&self, now: Time) -> &Person {
        let turn = i64::try_from(self.turn.millis()).unwrap_or(i64::MAX);
        let gone = now.millis().saturating_sub(self.start.millis()).div_euclid(turn);
        let people = i64::try_from(self.people.len()).unwrap_or(1);
        let index = usize::try_from(gone.rem_euclid(people)).unwrap_or(0);
        // Never empty, and the index is below its length.
        &self.people[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns() -> Turns {
        let people = ["ana", "ben", "cem"].map(|name| Person::new(name).unwrap());
        let start = "2026-11-02T08:00:00+01:00".parse().unwrap();
        Turns::new(people.to_vec(), start, Span::from_secs(7 * 24 * 3600)).unwrap()
    }

    #[test]
    fn duty_changes_at_the_handover_and_comes_round_again() {
        let turns = turns();
        let at = |time: &str| turns.on_duty(time.parse().unwrap()).name().to_owned();
        assert_eq!(at("2026-11-02T07:00:00Z"), "ana");
        assert_eq!(at("2026-11-09T06:59:59.999Z"), "ana");
        assert_eq!(at("2026-11-09T07:00:00Z"), "ben");
        assert_eq!(at("2026-11-16T07:00:00Z"), "cem");
        assert_eq!(at("2026-11-23T07:00:00Z"), "ana");
    }

    #[test]
    fn before_the_start_somebody_is_on_duty_too() {
        let turns = turns();
        let at = |time: &str| turns.on_duty(time.parse().unwrap()).name().to_owned();
        assert_eq!(at("2026-11-02T06:59:59Z"), "cem");
        assert_eq!(at("0001-01-01T00:00:00Z").len(), 3);
        assert_eq!(at("9999-12-30T00:00:00Z").len(), 3);
    }

    #[test]
    fn nobody_and_no_length_are_refused() {
        let person = Person::new("ana").unwrap();
        assert!(Turns::new(vec![], Time::from_millis(0), Span::from_secs(1)).is_err());
        assert!(Turns::new(vec![person], Time::from_millis(0), Span::default()).is_err());
    }
}
