//! The runner's part in looking before a decision: each look is a listed command under the whole
//! read-only profile, or a listed question over HTTP. Where the kernel does not enforce all of the profile
//! no command starts, and that is recorded. What comes of a look never holds the incident up.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tagout_core::command::Command;
use tagout_core::decide::Rejection;
use tagout_core::digest::PlanDigest;
use tagout_core::event::{CommandEnd, LookOutcome};
use tagout_core::inspection::PlannedLook;
use tagout_core::limits;
use tagout_core::runbook::StepKind;
use tagout_core::text::FreeText;
use tagout_core::time::Span;
use tagout_core::work::BoundWork;
use tokio::time::sleep;

use super::told::{command_end, printed};
use super::{AGAIN, Runner};
use crate::engine::{Engine, EngineError};
use crate::exec::{Ask, Bounds, Containment, End, Executor, Order, Profile, Program, StepOutcome};
use crate::fault::Fault;
use crate::halt::Place;
use crate::journal::LookPermit;
use crate::lease::Lease;
use crate::store::Store;
use crate::writer::NotRecorded;

/// A look whose start is recorded, and the membership that it ends with.
type Begun = (LookPermit, Lease);

/// What came of a look.
type Looked = (LookOutcome, FreeText, Option<CommandEnd>);

/// What a look does.
enum Due {
    Run(Order),
    Ask(Ask),
}

impl Runner {
    /// Takes the looks of an inspection, one after the other.
    pub(super) async fn look_at(self: Arc<Self>, incident: String, inspection: PlanDigest) {
        let Some(executor) = &self.executor else { return };
        let Some(place) = self.halt.take_on_looks(inspection) else { return };
        let place = Arc::new(place);
        while let Some((begun, look)) = self.start_look(&incident, inspection, &place).await {
            let step = look.step.clone();
            let looked = self.look_on_a_thread(executor, &place, begun, look).await;
            tracing::info!(incident, step, outcome = ?looked.0, "a look is over");
            self.record_look(&incident, inspection, step, looked).await;
        }
    }

    async fn start_look(
        &self,
        incident: &str,
        inspection: PlanDigest,
        place: &Arc<Place>,
    ) -> Option<(Begun, PlannedLook)> {
        if place.holds().is_some() || !(self.leads)() {
            return None;
        }
        let (id, place) = (incident.to_owned(), Arc::clone(place));
        let start = move |engine: &mut Engine<Store>| {
            // It may have been stopped while this waited for its turn.
            if place.holds().is_some() {
                return Ok(None);
            }
            let Some(permit) = engine.start_look(&id, inspection)? else { return Ok(None) };
            let inspected = engine.journal().incident(&id).case();
            let inspected = inspected.and_then(|case| case.inspected.as_ref());
            let look = inspected.and_then(|inspected| inspected.running());
            let look = look.map(|(look, _)| look.clone());
            let look = look.ok_or_else(|| Fault::new("a look was started that nobody planned"))?;
            let lease = engine.journal().log().storage().membership();
            Ok::<_, EngineError>(Some(((permit, lease), look)))
        };
        match self.writer.turn(start).await {
            Ok(Ok(started)) => started,
            Ok(Err(EngineError::Rejected(Rejection::NotDue(_)))) => None,
            Ok(Err(error)) => {
                tracing::warn!(incident, %error, "the next look does not start");
                None
            }
            Err(error) => {
                tracing::warn!(incident, %error, "the next look does not start");
                None
            }
        }
    }

    async fn look_on_a_thread(
        self: &Arc<Self>,
        executor: &Arc<Executor>,
        place: &Arc<Place>,
        begun: Begun,
        look: PlannedLook,
    ) -> Looked {
        let (runner, executor, place) = (Arc::clone(self), Arc::clone(executor), Arc::clone(place));
        let (to, answer) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new().name("look".into()).spawn(move || {
            let looked = runner.look_here(&executor, &place, begun, &look);
            drop((runner, executor, place));
            drop(to.send(looked));
        });
        match thread {
            Ok(_) => answer.await.unwrap_or_else(|_| {
                (LookOutcome::Cut, "it was cut off by a fault of ours".into(), None)
            }),
            Err(error) => not_started(error.to_string()),
        }
    }

    fn look_here(
        &self,
        executor: &Executor,
        place: &Place,
        (permit, lease): Begun,
        look: &PlannedLook,
    ) -> Looked {
        // Both the policy in force and what this process was started with must say so.
        if !self.inspection.as_ref().is_some_and(|rules| rules.lists(look)) {
            return not_started("it is not listed where this service runs");
        }
        let due = match &look.work {
            Some(work) => Ok(Due::Ask(look_ask(&permit, look, work))),
            None => self.look_order(&permit, look).map(Due::Run),
        };
        // Last of all: whatever was stopped until now does not start.
        match due.and_then(|due| Ok((due, place.begin(lease)?))) {
            Ok((Due::Run(order), stop)) => came_of(&executor.look(permit, order, stop)),
            Ok((Due::Ask(ask), stop)) => came_of(&executor.look_up(permit, ask, stop)),
            Err(why) => not_started(why),
        }
    }

    /// Exactly what is run, and all that bounds it.
    fn look_order(&self, permit: &LookPermit, look: &PlannedLook) -> Result<Order, String> {
        let (program, arguments) = look.argv.split_first().ok_or("it has no command")?;
        let program = Program::resolve(Path::new(program)).map_err(|e| e.to_string())?;
        let mut containments = vec![Containment::Namespace, Containment::Cgroup];
        if self.execution.weak_containment {
            containments.push(Containment::Weak);
        }
        let environment = [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C")];
        let environment: BTreeMap<String, String> =
            environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Ok(Order {
            plan: permit.inspection(),
            step: look.step.clone(),
            program,
            arguments: arguments.to_vec(),
            line: None,
            input: None,
            inherit: Default::default(),
            environment,
            secrets: Vec::new(),
            directory: "/".into(),
            timeout: look.timeout,
            grace: self.execution.grace.min(Span::from_secs(1)),
            bounds: Bounds::default(),
            containments,
            profiles: vec![Profile::ReadOnly { connect: Vec::new() }],
            exit_codes: look.exit_codes.clone(),
            every: None,
        })
    }

    /// Records what came of a look, as often as it takes: until then nobody starts the next one.
    async fn record_look(
        &self,
        incident: &str,
        inspection: PlanDigest,
        step: String,
        (outcome, output, ended): Looked,
    ) {
        let command = Command::FinishLook { inspection, step, outcome, output, ended };
        loop {
            match self.writer.command(incident, command.clone()).await {
                // What nobody waits for any more was given up in the meantime.
                Ok(_)
                | Err(NotRecorded::Engine(EngineError::Rejected(_)) | NotRecorded::Closing) => {
                    return;
                }
                Err(error) => {
                    tracing::error!(incident, %error, "what a look saw is not recorded yet");
                    sleep(AGAIN).await;
                }
            }
        }
    }
}

/// Exactly what is asked, and all that bounds it.
fn look_ask(permit: &LookPermit, look: &PlannedLook, work: &BoundWork) -> Ask {
    Ask {
        plan: permit.inspection(),
        step: look.step.clone(),
        kind: StepKind::Check,
        work: work.clone(),
        timeout: look.timeout,
        every: None,
    }
}

fn not_started(why: impl Into<String>) -> Looked {
    (LookOutcome::NotStarted, bounded(&why.into()).into(), None)
}

/// What came of a command, as it is recorded.
fn came_of(ran: &StepOutcome) -> Looked {
    let (outcome, why) = match &ran.end {
        End::Succeeded => (LookOutcome::Held, None),
        End::Exited { code } if ran.exit_codes.contains(*code) => (LookOutcome::Held, None),
        End::Exited { .. } | End::Failed => (LookOutcome::DidNotHold, None),
        End::Signalled { signal } => (LookOutcome::Cut, Some(format!("ended by signal {signal}"))),
        End::TimedOut => (LookOutcome::TimedOut, None),
        End::Stopped => (LookOutcome::Cut, Some("it was stopped".to_owned())),
        End::NotStarted { why } => return not_started(why.as_str()),
        End::Unknown { why } => (LookOutcome::Cut, Some(why.clone())),
    };
    let text: Vec<String> = why.into_iter().chain(printed(ran)).collect();
    (outcome, bounded(&text.join("\n")).into(), Some(command_end(ran)))
}

/// The beginning and the end of a text, if it is longer than is kept.
fn bounded(text: &str) -> String {
    if text.len() <= limits::LOOK_OUTPUT_BYTES {
        return text.to_owned();
    }
    // Room for the remark between the two.
    let half = (limits::LOOK_OUTPUT_BYTES - 64) / 2;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half);
    let left_out = tail - head;
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default().to_owned();
    format!("{}\n[{left_out} bytes left out]\n{}", part(0..head), part(tail..text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_output_the_beginning_and_the_end_are_kept() {
        let most = limits::LOOK_OUTPUT_BYTES;
        assert_eq!(bounded(&"x".repeat(most)), "x".repeat(most));
        let long = format!("begin{}end", "ö".repeat(most));
        let kept = bounded(&long);
        assert!(kept.len() <= most, "{}", kept.len());
        assert!(kept.starts_with("begin") && kept.ends_with("end"), "{kept}");
        assert!(kept.contains("bytes left out"), "{kept}");
        assert!(bounded(&"x".repeat(most + 1)).len() <= most);
    }
}
