//! The time of the log: the machine's clock, which is suspect. Event time never runs
//! backwards, and a jump or a sleep is noticed and recorded.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tagout_core::command::SharedCommand;
use tagout_core::time::{Span, Time};

/// How far wall clock and steady clock may part before it is a jump.
pub const TOLERANCE: Span = Span::from_secs(30);

/// What the machine's clock shows. What is recorded is recorded at [`Clock::read`].
#[must_use]
pub fn now() -> Time {
    Clock::default().read(None, None).0
}

/// Reads the machine's two clocks and compares them.
#[derive(Debug)]
pub struct Clock {
    /// The reading that the next ones are compared with.
    settled: Reading,
    /// The last reading.
    read: Reading,
    /// Whether this process has recorded a reading yet.
    started: bool,
}

/// What both clocks showed at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    wall: SystemTime,
    steady: Instant,
}

impl Reading {
    fn now() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now() }
    }

    /// The jump of the wall clock from here to `later`.
    fn jump(self, later: Self) -> Option<SharedCommand> {
        jump(self.wall, later.wall, later.steady.saturating_duration_since(self.steady))
    }
}

impl Default for Clock {
    fn default() -> Self {
        let now = Reading::now();
        Self { settled: now, read: now, started: false }
    }
}

impl Clock {
    /// The time to record at, which is `shared` where several processes share a clock, and
    /// never before `last`, and the jump since the last settled reading,
    /// if the clocks parted by more than 30 seconds. The same jump is told until
    /// [`Clock::settle`] says that it was recorded.
    #[must_use]
    pub fn read(
        &mut self,
        shared: Option<Time>,
        last: Option<Time>,
    ) -> (Time, Option<SharedCommand>) {
        self.read = Reading::now();
        let jump = self.settled.jump(self.read);
        let ms = self.read.wall.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        let own = Time::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        let now = shared.unwrap_or(own);
        (last.map_or(now, |last| now.max(last)), jump)
    }

    /// What was read last is recorded: later readings are compared with that one. Not with this
    /// moment, or a jump that came while it was being recorded would never be seen.
    pub const fn settle(&mut self) {
        self.settled = self.read;
        self.started = true;
    }

    /// Whether nothing was recorded by this process yet.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        !self.started
    }
}

fn jump(before: SystemTime, after: SystemTime, steady: Duration) -> Option<SharedCommand> {
    let (apart, forward) = match after.duration_since(before) {
        Ok(wall) if wall >= steady => (wall - steady, true),
        Ok(wall) => (steady - wall, false),
        Err(back) => (back.duration() + steady, false),
    };
    let by = Span::from_millis(u64::try_from(apart.as_millis()).unwrap_or(u64::MAX));
    (by > TOLERANCE).then_some(SharedCommand::RecordClockJump { by, forward })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(s)
    }

    #[test]
    fn clocks_that_part_by_more_than_thirty_seconds_have_jumped() {
        let minute = Duration::from_secs(60);
        assert_eq!(jump(at(1000), at(1060), minute), None);
        assert_eq!(jump(at(1000), at(1090), minute), None);
        for (after, by, forward) in [(1091, 31, true), (1029, 31, false), (900, 160, false)] {
            let by = Span::from_secs(by);
            let expected = Some(SharedCommand::RecordClockJump { by, forward });
            assert_eq!(jump(at(1000), at(after), minute), expected, "{after}");
        }
    }

    #[test]
    fn a_jump_that_comes_while_a_reading_is_recorded_is_told_by_the_next_one() {
        let mut clock = Clock::default();
        assert_eq!(clock.read(None, None).1, None);
        // As if the wall clock stood an hour further on when that was read, and was set back
        // before it was durable.
        clock.read.wall += Duration::from_secs(3600);
        clock.settle();
        let Some(SharedCommand::RecordClockJump { by, forward: false }) = clock.read(None, None).1
        else {
            panic!("the jump was not told")
        };
        assert_eq!(by.millis().div_ceil(60_000), 60);
        clock.settle();
        assert_eq!(clock.read(None, None).1, None);
    }

    #[test]
    fn the_time_to_record_at_is_never_before_the_last_entry() {
        let future = Time::from_millis(i64::MAX);
        assert_eq!(Clock::default().read(None, Some(future)).0, future);
    }
}
