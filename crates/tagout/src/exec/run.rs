//! One run from the agent's side: a supervisor is started, told and followed, and what the command
//! prints is taken in. If the supervisor is lost, what it was to end is ended from here.

use std::io::{self, PipeReader, Read as _, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tagout_core::digest::PlanDigest;
use tagout_core::limits;
use tagout_core::time::Span;

use super::capture::{Capture, Captured};
use super::cgroup::Cgroup;
use super::order::{Bounds, Order};
use super::outcome::{Containment, End, Enforced, StepOutcome};
use super::program::Program;
use super::redact::{Redactions, Redactor};
use super::secret::{SecretOrigin, SecretUse};
use super::stop::{Listener, Stop};
use super::streams::wait;
use super::tree;
use super::wire::{Handed, Launch, Report, Task, receive, send};
use super::{Executor, RUN_VARIABLE};
use crate::lease::Moment;
use crate::source::{Secret, SecretRef};

/// How long a supervisor may take over one message.
const MESSAGE: Duration = Duration::from_secs(10);
/// How often the supervisor is told that the agent may act, and it is looked whether that is so
/// and whether the supervisor should long have been done.
const LOOKING: Duration = Duration::from_millis(250);
/// How often a check that waits looks whether to stop.
const STOP_LOOK: Duration = Duration::from_millis(50);
/// How much longer than it should need a supervisor gets.
const MARGIN: Duration = Duration::from_secs(5);
/// How long an output is read that is still open when all should be gone.
const DRAIN: Duration = Duration::from_secs(1);

/// What became of the attempt to run a command in one containment.
enum Attempt {
    Refused(String),
    Over(StepOutcome),
}

impl Executor {
    /// Runs a command in the best containment that will do and can be had. It is given `secrets`;
    /// they and what is `hidden` are taken out of what it prints.
    pub(super) fn supervised(
        &self,
        order: &Order,
        (secrets, hidden): (&[Secret], &[Secret]),
        stop: &Stop,
    ) -> StepOutcome {
        let started = Instant::now();
        let redactions = match Redactions::new(secrets.iter().chain(hidden)) {
            Ok(redactions) => redactions,
            Err(e) => return StepOutcome::not_started(format!("one of its secrets {e}")),
        };
        let mut refused = Vec::new();
        for containment in order.containments.iter().copied() {
            match self.attempt(containment, order, secrets, &redactions, stop) {
                Ok(Attempt::Over(outcome)) => {
                    return StepOutcome { refused, took: started.elapsed(), ..outcome };
                }
                Ok(Attempt::Refused(why)) => refused.push((containment, why)),
                Err(why) => {
                    let outcome = StepOutcome::not_started(why);
                    return StepOutcome { refused, took: started.elapsed(), ..outcome };
                }
            }
        }
        let whys: Vec<_> = refused.iter().map(|(what, why)| format!("{what}: {why}")).collect();
        let why = format!("no containment can be had ({})", whys.join("; "));
        StepOutcome { refused, took: started.elapsed(), ..StepOutcome::not_started(why) }
    }

    /// Runs a command until it ends with a code of success, as long as the order says; once if it does not say.
    /// Each run has a bound of its own.
    pub(super) fn awaited(&self, order: &Order, secrets: &[Secret], stop: &Stop) -> StepOutcome {
        let Some(every) = order.every else {
            return self.supervised(order, (secrets, &self.hidden), stop);
        };
        let began = Instant::now();
        let (whole, every) = (order.timeout.millis(), Duration::from_millis(every.millis()));
        let mut looks = 0;
        let ended = loop {
            looks += 1;
            let passed = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let left = Span::from_millis(whole.saturating_sub(passed).max(1));
            let one = Order { timeout: left.min(limits::LOOK_TIMEOUT), ..order.clone() };
            let outcome = self.supervised(&one, (secrets, &self.hidden), stop);
            let held = match outcome.end {
                End::Exited { code } => order.exit_codes.contains(code),
                End::Signalled { .. } | End::TimedOut => false,
                _ => true,
            };
            if held || !outcome.gone {
                break outcome;
            }
            let last = began.elapsed() + every >= Duration::from_millis(whole);
            let end = if last { Some(End::TimedOut) } else { pause(every, stop) };
            if let Some(end) = end {
                break StepOutcome { end, ..outcome };
            }
        };
        StepOutcome { looks, took: began.elapsed(), ..ended }
    }

    /// Whether a containment can be had now.
    pub(super) fn probe(&self, containment: Containment) -> Result<(), String> {
        let task = self.task(containment, None)?;
        let supervisor = self.start(Stdio::null(), Stdio::null())?;
        let said = supervisor.tell(&task).and_then(|()| {
            receive(&supervisor.stream).map_err(|e| format!("its supervisor is lost: {e}"))
        });
        supervisor.end();
        match said? {
            Some(Report::Ready) => Ok(()),
            Some(Report::Refused { why }) => Err(why),
            other => Err(format!("its supervisor ended and said {other:?}")),
        }
    }

    /// The secrets of a command, read now.
    pub(super) fn secrets(&self, uses: &[SecretUse], stop: &Stop) -> Result<Vec<Secret>, String> {
        uses.iter()
            .map(|one| match &one.origin {
                SecretOrigin::Reference(SecretRef::Misplaced) => {
                    Err(format!("the secret of {} is not a reference", one.variable))
                }
                SecretOrigin::Reference(reference) => reference.load(&self.settings.directory),
                SecretOrigin::Command { program, arguments } => {
                    let named =
                        |what| format!("the secret that {} prints {what}", program.display());
                    let program = Program::resolve(program).map_err(|e| e.to_string())?;
                    self.printed(program, arguments, stop).map_err(named)
                }
            })
            .collect()
    }

    /// The secret that a program prints.
    fn printed(
        &self,
        program: Program,
        arguments: &[String],
        stop: &Stop,
    ) -> Result<Secret, String> {
        let order = Order {
            // It belongs to no step: what decides over it is the operator's configuration.
            plan: PlanDigest::from_raw([0; 32]),
            step: String::new(),
            program,
            arguments: arguments.to_vec(),
            line: None,
            input: None,
            inherit: Default::default(),
            environment: Default::default(),
            secrets: Vec::new(),
            directory: "/".into(),
            timeout: limits::EXEC_SECRET_WAIT,
            grace: Span::default(),
            bounds: Bounds::default(),
            containments: Containment::ALL.into(),
            profiles: Vec::new(),
            exit_codes: Default::default(),
            every: None,
        };
        order.check()?;
        let outcome = self.supervised(&order, (&[], &[]), stop);
        match outcome.end {
            End::Exited { code: 0 } if !outcome.stdout.is_truncated() => {
                Secret::new(outcome.stdout.head)
            }
            End::Exited { code: 0 } => Err("is too long".into()),
            // What it printed may be half a secret, so nothing of it is repeated.
            End::NotStarted { why } => Err(format!("cannot be had: {why}")),
            end => Err(format!("cannot be had: it ended as {end:?}")),
        }
    }

    fn attempt(
        &self,
        containment: Containment,
        order: &Order,
        secrets: &[Secret],
        redactions: &Redactions,
        stop: &Stop,
    ) -> Result<Attempt, String> {
        if containment == Containment::Weak && !self.settings.allow_weak {
            return Ok(Attempt::Refused("the operator has not allowed it".into()));
        }
        if containment == Containment::Cgroup && self.settings.cgroup.is_none() {
            return Ok(Attempt::Refused("no cgroup is delegated to the agent".into()));
        }
        if stop.is_said() {
            return Err("it was stopped before it started".into());
        }
        let mut task = self.task(containment, Some((order, stop)))?;
        let run = task.run.clone();
        let cgroup = task.cgroup.clone().map(Cgroup::at);
        if let Some(launch) = &mut task.launch {
            let mark = (RUN_VARIABLE.to_owned(), run.clone().into_bytes());
            launch.environment.extend([mark]);
            launch.secrets = order.secrets.iter().zip(secrets).map(handed).collect();
        }
        let pipes = pipe().and_then(|out| Ok((out, pipe()?)));
        let ((out, out_end), (err, err_end)) = pipes.map_err(|e| format!("no pipes: {e}"))?;
        let supervisor = self.start(out_end.into(), err_end.into())?;
        if let Err(why) = supervisor.tell(&task) {
            // It takes a whole order or none.
            supervisor.end();
            return Err(why);
        }
        drop(task);
        let listener = supervisor.stream.try_clone().map(|stream| stop.listen(stream));
        let mut following = Following {
            supervisor,
            outputs: [Output::new(out, redactions), Output::new(err, redactions)],
            ready: false,
            profile: Enforced::NotAsked,
            refused: None,
            finished: None,
        };
        following.follow(order, stop, listener.as_ref().ok());
        drop(listener);
        following.supervisor.end();
        let Following { outputs, ready, profile, refused, finished, .. } = following;
        let (end, left_behind, killed, gone) = match (finished, refused) {
            (_, Some(why)) => return Ok(Attempt::Refused(why)),
            (Some((end, left_behind, killed, gone)), None) => (end, left_behind, killed, gone),
            (None, None) => {
                let gone = end_lost(containment, &run, cgroup.as_ref());
                let why = "its supervisor was lost; it may have run to any point".into();
                (End::Unknown { why }, false, true, gone)
            }
        };
        let [stdout, stderr] = outputs.map(Output::finish);
        let containment = ready.then_some(containment);
        let outcome = StepOutcome::of(end);
        Ok(Attempt::Over(StepOutcome {
            containment,
            profile,
            left_behind,
            killed,
            gone,
            stdout,
            stderr,
            ..outcome
        }))
    }

    fn task(
        &self,
        containment: Containment,
        order: Option<(&Order, &Stop)>,
    ) -> Result<Task, String> {
        let lease = limits::EXEC_LEASE.millis();
        // Taken before anything is looked at: however long the rest takes, this is when.
        let start_by = Moment::now().after(lease);
        let run = self.sweeper.run()?;
        let delegated = self.settings.cgroup.as_deref();
        let cgroup = delegated.filter(|_| containment == Containment::Cgroup);
        let inherited =
            |name: &String| std::env::var_os(name).map(|value| (name.clone(), value.into_vec()));
        let launch = order.map(|(order, stop)| {
            let own = order.environment.iter();
            let own = own.map(|(name, value)| (name.clone(), value.clone().into_bytes()));
            Launch {
                program: order.program.path().to_owned(),
                digest: order.program.digest().to_string(),
                arguments: order.arguments.iter().chain(&order.line).cloned().collect(),
                input: order.input.clone(),
                environment: order.inherit.iter().filter_map(inherited).chain(own).collect(),
                secrets: Vec::new(),
                directory: order.directory.clone(),
                start_by: start_by.min(stop.lease().end()),
                bounds: order.bounds,
                profiles: order.profiles.clone(),
            }
        });
        Ok(Task {
            cgroup: cgroup.map(|delegated| Cgroup::path(delegated, &run)),
            run,
            containment,
            timeout_ms: order.map_or(0, |(order, _)| order.timeout.millis()),
            grace_ms: order.map_or(0, |(order, _)| order.grace.millis()),
            lease_ms: lease,
            launch,
        })
    }

    fn start(&self, stdout: Stdio, stderr: Stdio) -> Result<Supervisor, String> {
        let failed = |e: io::Error| format!("its supervisor cannot be started: {e}");
        let (stream, theirs) = UnixStream::pair().map_err(failed)?;
        stream.set_read_timeout(Some(MESSAGE)).map_err(failed)?;
        stream.set_write_timeout(Some(MESSAGE)).map_err(failed)?;
        let child = Command::new(&self.settings.supervisor)
            .arg("supervise")
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .map_err(failed)?;
        Ok(Supervisor { child, stream })
    }
}

/// Waits, unless a stop is said.
fn pause(every: Duration, stop: &Stop) -> Option<End> {
    let until = Instant::now() + every;
    while Instant::now() < until {
        if stop.is_said() {
            return Some(End::Stopped);
        }
        std::thread::sleep(STOP_LOOK.min(until.saturating_duration_since(Instant::now())));
    }
    None
}

fn handed((one, secret): (&SecretUse, &Secret)) -> Handed {
    Handed { variable: one.variable.clone(), hand: one.hand, value: secret.bytes().to_vec() }
}

/// Ends what a lost supervisor was to end; whether nothing is left.
fn end_lost(containment: Containment, run: &str, cgroup: Option<&Cgroup>) -> bool {
    let until = tree::patience();
    match containment {
        // The kernel does it: the first process in the namespace dies with its supervisor.
        Containment::Namespace => tree::wait_unmarked(run, until),
        Containment::Cgroup => {
            let empty = cgroup.is_none_or(|cgroup| tree::end_cgroup(cgroup, until));
            cgroup.into_iter().for_each(Cgroup::remove);
            empty
        }
        Containment::Weak => tree::end_by_walk(&[], run, until, || false),
    }
}

/// A supervisor process and the stream to it.
struct Supervisor {
    child: Child,
    stream: UnixStream,
}

impl Supervisor {
    fn tell(&self, task: &Task) -> Result<(), String> {
        send(&self.stream, task).map_err(|e| format!("its supervisor did not take the order: {e}"))
    }

    /// Sees it end. What is left to do it does at the end of its stream.
    fn end(self) {
        let Self { mut child, stream } = self;
        drop(stream);
        let _ = child.wait();
    }
}

/// One of the two outputs.
struct Output {
    pipe: Option<PipeReader>,
    redactor: Redactor,
    capture: Capture,
}

impl Output {
    fn new(pipe: PipeReader, redactions: &Redactions) -> Self {
        Self { pipe: Some(pipe), redactor: redactions.redactor(), capture: Capture::new() }
    }

    /// Takes what there is to be read now.
    fn take(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut buffer = [0; 16 << 10];
        match pipe.read(&mut buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => self.pipe = None,
            Ok(length) => {
                let mut redacted = Vec::new();
                self.redactor.push(buffer.get(..length).unwrap_or_default(), &mut redacted);
                self.capture.push(&redacted);
            }
        }
    }

    fn finish(self) -> Captured {
        let Self { pipe, redactor, mut capture } = self;
        let mut rest = Vec::new();
        redactor.finish(&mut rest);
        capture.push(&rest);
        capture.finish(pipe.is_some())
    }
}

/// A run as it goes on.
struct Following {
    supervisor: Supervisor,
    outputs: [Output; 2],
    ready: bool,
    profile: Enforced,
    refused: Option<String>,
    finished: Option<(End, bool, bool, bool)>,
}

impl Following {
    /// Follows until the supervisor is done or lost, and both outputs are read.
    fn follow(&mut self, order: &Order, stop: &Stop, listener: Option<&Listener<'_>>) {
        let after =
            Duration::from_millis(order.grace.millis() + 2 * limits::EXEC_KILL_WAIT.millis())
                + MARGIN;
        let mut last = Instant::now() + Duration::from_millis(order.timeout.millis()) + after;
        // Without a way to be stopped it must not go on.
        let (mut stopped, mut lost) = (false, listener.is_none());
        let mut beat = Instant::now();
        let mut closed = false;
        loop {
            if stop.is_said() {
                // It may have been reading its order still when this was said, or the end of the
                // lease says it.
                stop.now();
            }
            // While a stop has its grace as well, but not beyond the lease.
            if beat.elapsed() >= LOOKING && stop.lease().holds() {
                listener.into_iter().for_each(Listener::beat);
                beat = Instant::now();
            }
            if !stopped && stop.is_said() {
                stopped = true;
                last = last.min(Instant::now() + after);
            }
            if !closed && (lost || Instant::now() >= last) {
                // It should long have been done, so it is not able to. Its death ends the rest.
                let _ = self.supervisor.child.kill();
                lost = false;
                last = Instant::now() + MARGIN;
            }
            if closed && (self.outputs.iter().all(|o| o.pipe.is_none()) || Instant::now() >= last) {
                return;
            }
            let mut streams = Vec::new();
            if !closed {
                streams.push(self.supervisor.stream.as_fd());
            }
            let pipes = self.outputs.iter().filter_map(|output| output.pipe.as_ref());
            streams.extend(pipes.map(AsFd::as_fd));
            let until = last.min(Instant::now() + LOOKING);
            let Ok(ready) = wait(&streams, until) else {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            };
            let mut ready = ready.into_iter();
            if !closed && ready.next() == Some(true) && !self.hear() {
                closed = true;
                last = Instant::now() + DRAIN;
            }
            let open = self.outputs.iter_mut().filter(|output| output.pipe.is_some());
            for (output, ready) in open.zip(ready) {
                if ready {
                    output.take();
                }
            }
        }
    }

    /// What the supervisor says; whether it is still there.
    fn hear(&mut self) -> bool {
        match receive::<Report>(&self.supervisor.stream) {
            Ok(Some(Report::Ready)) => self.ready = true,
            Ok(Some(Report::Starting { profile })) => self.profile = profile,
            Ok(Some(Report::Refused { why })) => self.refused = Some(why),
            Ok(Some(Report::Finished { end, left_behind, killed, gone })) => {
                self.finished = Some((end, left_behind, killed, gone));
            }
            // These stay between the supervisors.
            Ok(Some(Report::NotStarted { .. } | Report::Ended { .. })) => {}
            Ok(None) | Err(_) => return false,
        }
        true
    }
}
