//! What came of a step's command, and inside what it ran.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tagout_core::event;
use tagout_core::exit_codes::ExitCodes;

use super::capture::Captured;

/// What holds a command's processes together, so that all of them can be ended. The best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Containment {
    /// A PID namespace of its own, which the kernel empties when its first process ends. The
    /// command cannot send signals to processes outside.
    Namespace,
    /// A cgroup of its own, ended by `cgroup.kill`.
    Cgroup,
    /// A session of its own under a subreaper, ended by walking through its descendants. A
    /// process that forks faster than it is found can get away.
    Weak,
}

impl Containment {
    /// All, the best first.
    pub const ALL: [Self; 3] = [Self::Namespace, Self::Cgroup, Self::Weak];
}

impl fmt::Display for Containment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespace => "PID namespace",
            Self::Cgroup => "cgroup",
            Self::Weak => "weak containment",
        })
    }
}

/// How much of a Landlock profile the kernel enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforced {
    /// The order demanded none.
    NotAsked,
    /// All of it. A command that demands a profile starts with nothing less.
    Fully,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It ended by itself with this code.
    Exited {
        /// Zero by convention says that it did what it should.
        code: i32,
    },
    /// A signal ended it that was not ours.
    Signalled {
        /// Its number.
        signal: i32,
    },
    /// What was asked over HTTP was answered as it should be.
    Succeeded,
    /// It was answered otherwise.
    Failed,
    /// It took too long and was stopped.
    TimedOut,
    /// It was stopped because somebody said so.
    Stopped,
    /// It was never started; nothing of it has run.
    NotStarted {
        /// Why, and what to do.
        why: String,
    },
    /// It may have run, and it may have run to any point.
    Unknown {
        /// What got lost.
        why: String,
    },
}

/// What came of the command of one step.
#[derive(Debug)]
pub struct StepOutcome {
    /// How it ended.
    pub end: End,
    /// The codes with which it would say that it did what it should.
    pub exit_codes: ExitCodes,
    /// Inside what it ran; `None` if it got into nothing.
    pub containment: Option<Containment>,
    /// The better containments that could not be had, each with the reason.
    pub refused: Vec<(Containment, String)>,
    /// How much of its profile was enforced.
    pub profile: Enforced,
    /// Whether processes were left when the command itself had ended; they were ended too.
    pub left_behind: bool,
    /// Whether the polite signal was not enough, and processes were killed.
    pub killed: bool,
    /// Whether all its processes are gone, as far as can be seen. Only `false` is bad news.
    pub gone: bool,
    /// What it printed on standard output, redacted.
    pub stdout: Captured,
    /// What it printed on standard error, redacted.
    pub stderr: Captured,
    /// How often something was asked over HTTP, or a command that waits was run.
    pub looks: u32,
    /// From the first attempt to start it until all was gone.
    pub took: Duration,
}

impl StepOutcome {
    /// A command that was not started.
    pub(super) fn not_started(why: impl Into<String>) -> Self {
        Self::of(End::NotStarted { why: why.into() })
    }

    pub(super) fn of(end: End) -> Self {
        Self {
            end,
            exit_codes: ExitCodes::default(),
            containment: None,
            refused: Vec::new(),
            profile: Enforced::NotAsked,
            left_behind: false,
            killed: false,
            gone: true,
            stdout: Captured::default(),
            stderr: Captured::default(),
            looks: 0,
            took: Duration::ZERO,
        }
    }

    /// What the log says of it; `None` if the end is unknown, and a person has to find out: also
    /// when the command has ended and some of its processes may go on.
    #[must_use]
    pub fn recorded(&self) -> Option<event::StepOutcome> {
        if !self.gone {
            return None;
        }
        Some(match self.end {
            End::Succeeded => event::StepOutcome::Succeeded,
            End::Exited { code } if self.exit_codes.contains(code) => event::StepOutcome::Succeeded,
            End::Exited { .. } | End::Signalled { .. } | End::NotStarted { .. } | End::Failed => {
                event::StepOutcome::Failed
            }
            End::TimedOut => event::StepOutcome::TimedOut,
            End::Stopped => event::StepOutcome::Stopped,
            End::Unknown { .. } => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_a_command_ended_nobody_can_say_so_while_its_processes_may_go_on() {
        let ends = [
            End::Exited { code: 0 },
            End::Exited { code: 1 },
            End::Signalled { signal: 9 },
            End::TimedOut,
            End::Stopped,
        ];
        for end in ends {
            let mut outcome = StepOutcome::of(end);
            assert!(outcome.recorded().is_some(), "{outcome:?}");
            outcome.gone = false;
            assert_eq!(outcome.recorded(), None, "{outcome:?}");
        }
    }
}
