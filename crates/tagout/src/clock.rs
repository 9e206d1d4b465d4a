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
    wall: SystemTime,
    steady: Instant,
    /// Whether this process has recorded a reading yet.
    started: bool,
}

impl Default for Clock {
    fn default() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now(), started: false }
    }
}

impl Clock {
    /// The time to record at, which is `shared` where several processes share a clock, and
    /// never before `last`, and the jump since the last settled reading,
    /// if the clocks parted by more than 30 seconds. The same jump is told until
    /// [`Clock::settle`] says that it was recorded.
    #[must_use]
    pub fn read(&self, shared: Option<Time>, last: Option<Time>) -> (Time, Option<SharedCommand>) {
        let wall = SystemTime::now();
        let jump = jump(self.wall, wall, self.steady.elapsed());
        let ms = wall.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        let own = Time::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        let now = shared.unwrap_or(own);
        (last.map_or(now, |last| now.max(last)), jump)
    }

    /// What was read is recorded: the next reading is compared with this moment.
    pub fn settle(&mut self) {
        *self = Self { started: true, ..Self::default() };
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
    fn the_time_to_record_at_is_never_before_the_last_entry() {
        let future = Time::from_millis(i64::MAX);
        assert_eq!(Clock::default().read(None, Some(future)).0, future);
    }
}
