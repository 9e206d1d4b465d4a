//! A command on another host: the local command is OpenSSH's client, under the same supervisor as any
//! other, and what came of it is told apart from what became of the connection.
//!
//! Three things are certain, and everything else that happens to an action is unknown:
//!
//! - The command ended with a code, if the host said so in a line with this run's own number
//!   ([`marks`]), printed after the command.
//! - Nothing was started, if the client was not let in: its own log, which the host cannot take
//!   anything out of, names no session (`client`).
//! - Nothing was started, if the client itself was not.

mod client;
mod host_key;
pub mod line;
pub mod marks;

use std::path::PathBuf;

use serde_json::json;
use tagout_core::remote::Shell;

pub use host_key::{HostKey, UnfitHostKey};

pub use self::client::LET_IN;
pub(crate) use self::client::check_identity;
use self::client::{Client, Told};
use self::marks::Marks;
use super::{End, Executor, Order, StepOutcome, Stop};
use crate::exec::redact::Redactions;
use crate::journal::StepPermit;

/// What the client is told to run where a forced command answers. Without a forced command it is the
/// name of no program, so that what is sent besides is read by nobody.
const FORCED: &str = "tagout-forced";
/// What OpenSSH's client ends with if the connection is lost. A command can end with it too.
const LOST: i32 = 255;

/// A host that commands may be run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name in the inventory.
    pub name: String,
    /// Its address: an IP address or a DNS name.
    pub address: String,
    /// The port of its SSH server.
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// The only key that it is known by.
    pub host_key: HostKey,
    /// The file with the private key to log in with.
    pub identity: PathBuf,
    /// What reads the command there.
    pub shell: Shell,
}

/// One command on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Where.
    pub host: Host,
    /// The program's whole path there, and its arguments.
    pub command: Vec<String>,
    /// Whether it changes something. If it only looks, it does not matter how far it came.
    pub changes: bool,
}

impl Executor {
    /// As [`Executor::run`], on another host. The order's program is OpenSSH's client; its
    /// arguments are made here.
    #[must_use]
    pub fn run_on(&self, permit: StepPermit, order: Order, call: &Call, stop: Stop) -> StepOutcome {
        let client = match Client::of(&call.host) {
            Ok(client) => client,
            Err(why) => return StepOutcome::not_started(why),
        };
        let marks = match Marks::new() {
            Ok(marks) => marks,
            Err(why) => return StepOutcome::not_started(why),
        };
        let (line, input) = match call.host.shell {
            Shell::Posix => (line::marked(&call.command, &marks), None),
            Shell::Forced => {
                let asked = json!({"version": 1, "run": marks.run(), "command": call.command});
                (FORCED.to_owned(), Some(format!("{asked}\n").into_bytes()))
            }
        };
        let order = Order { arguments: client.arguments(), line: Some(line), input, ..order };
        let outcome = self.run(permit, order, stop);
        let told = client.told().map(|told| Told { errors: self.redacted(&told.errors), ..told });
        judged(call, &marks, outcome, told)
    }

    /// What the client said of itself, without secrets.
    fn redacted(&self, text: &str) -> String {
        let Ok(redactions) = Redactions::new(&self.hidden) else { return String::new() };
        let (mut redactor, mut out) = (redactions.redactor(), Vec::new());
        redactor.push(text.as_bytes(), &mut out);
        redactor.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// What became of the command, from what became of the client.
fn judged(call: &Call, marks: &Marks, mut outcome: StepOutcome, told: Option<Told>) -> StepOutcome {
    let said = marks.take(&mut outcome.stdout);
    if matches!(outcome.end, End::NotStarted { .. }) || !outcome.gone {
        return outcome;
    }
    let by_itself = matches!(outcome.end, End::Exited { .. } | End::Signalled { .. });
    if let (true, Some(code)) = (by_itself, said.ended) {
        outcome.end = End::Exited { code };
        return outcome;
    }
    let name = &call.host.name;
    let errors = told.as_ref().map(|told| told.errors.as_str()).unwrap_or_default();
    let errors = if errors.is_empty() { String::new() } else { format!(": {errors}") };
    if !said.began && told.is_some_and(|told| !told.let_in) {
        return match outcome.end {
            // Nothing of the command was in anything.
            End::Stopped => StepOutcome { containment: None, ..outcome },
            End::TimedOut => {
                let why = format!("{name} did not let it in within the time of the step{errors}");
                StepOutcome { end: End::NotStarted { why }, ..outcome }
            }
            End::Exited { .. } | End::Signalled { .. } => {
                let why = format!("{name} did not let it in{errors}");
                StepOutcome { end: End::NotStarted { why }, ..outcome }
            }
            End::Succeeded | End::Failed | End::NotStarted { .. } | End::Unknown { .. } => outcome,
        };
    }
    let how = match (&outcome.end, said.began) {
        (End::Stopped, _) => "the connection was cut by a stop",
        (End::TimedOut, _) => "the connection was cut after the time of the step",
        (_, true) => "the connection was lost before the host said how it ended",
        (_, false) => "the host did not say that it began, nor how it ended",
    };
    let why = format!("{how}; it may have run to any point on {name}, and may go on{errors}");
    match outcome.end {
        // As any command whose supervisor is lost.
        End::Unknown { .. } => outcome,
        _ if call.changes => StepOutcome { end: End::Unknown { why }, ..outcome },
        // It changes nothing, so it has failed, and may be tried again.
        End::Exited { .. } | End::Signalled { .. } => {
            outcome.end = End::Exited { code: LOST };
            // It is not the command that said so, whatever the page says of that code.
            outcome.exit_codes = Default::default();
            outcome.stderr.add(&format!("[{how}{errors}]\n"));
            outcome
        }
        _ => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Captured;
    use super::*;

    fn call(changes: bool) -> Call {
        let host = Host {
            name: "web".into(),
            address: "127.0.0.1".into(),
            port: 22,
            user: "ops".into(),
            host_key: host_key::tests::key(),
            identity: "/key".into(),
            shell: Shell::Posix,
        };
        Call { host, command: vec!["/bin/true".into()], changes }
    }

    /// What is recorded of an action and of a check: `None` is unknown.
    fn recorded(end: End, printed: &str, let_in: Option<bool>) -> [Option<&'static str>; 2] {
        [true, false].map(|changes| {
            let marks = Marks::of("0123");
            let stdout = Captured { head: printed.into(), ..Captured::default() };
            let outcome = StepOutcome { stdout, ..StepOutcome::of(end.clone()) };
            let told = let_in.map(|let_in| Told { let_in, errors: String::new() });
            let judged = judged(&call(changes), &marks, outcome, told);
            use tagout_core::event::StepOutcome as Recorded;
            judged.recorded().map(|recorded| match recorded {
                _ if matches!(judged.end, End::NotStarted { .. }) => "not started",
                Recorded::Succeeded => "succeeded",
                Recorded::Failed => "failed",
                Recorded::TimedOut => "timed out",
                Recorded::Stopped => "stopped",
            })
        })
    }

    #[test]
    fn only_what_is_certain_is_told_of_an_action_and_nothing_of_a_lost_connection() {
        let (began, done) = ("0123 begin\nx", "0123 begin\nx\n0123 end 0\n");
        let failed = "0123 begin\n\n0123 end 255\n";
        let (ok, lost) = (End::Exited { code: 0 }, End::Exited { code: 255 });
        let (killed, stopped) = (End::Signalled { signal: 9 }, End::Stopped);
        let both = |what| [Some(what), Some(what)];
        for (end, printed, let_in, expected) in [
            (&ok, done, Some(true), both("succeeded")),
            (&lost, failed, Some(true), both("failed")),
            (&killed, done, Some(true), both("succeeded")),
            // The client ended well, and nobody said that the command did.
            (&ok, "", Some(true), [None, Some("failed")]),
            (&ok, "0123 end\n", Some(true), [None, Some("failed")]),
            (&ok, "4567 begin\n\n4567 end 0\n", Some(true), [None, Some("failed")]),
            (&lost, began, Some(true), [None, Some("failed")]),
            (&lost, "", Some(true), [None, Some("failed")]),
            // Without a log nothing is known of how far the client came.
            (&lost, "", None, [None, Some("failed")]),
            (&lost, "", Some(false), both("not started")),
            (&killed, "", Some(false), both("not started")),
            (&End::TimedOut, "", Some(false), both("not started")),
            (&stopped, "", Some(false), both("stopped")),
            // The mark says more than a log in which something is missing.
            (&lost, began, Some(false), [None, Some("failed")]),
            (&stopped, began, Some(true), [None, Some("stopped")]),
            (&stopped, "", Some(true), [None, Some("stopped")]),
            (&End::TimedOut, began, Some(true), [None, Some("timed out")]),
            (&End::Unknown { why: String::new() }, began, Some(true), [None, None]),
        ] {
            assert_eq!(recorded(end.clone(), printed, let_in), expected, "{end:?} {printed:?}");
        }
    }
}
