//! Steps that ask over HTTP: a permit and what is asked go in, what came of it comes out. Nothing is
//! sent to a place that the operator has not named, and what may have been done is never called
//! failed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url, redirect, retry};
use tagout_core::digest::PlanDigest;
use tagout_core::endpoint::Method;
use tagout_core::job::JobRequest;
use tagout_core::limits;
use tagout_core::request::HttpRequest;
use tagout_core::runbook::StepKind;
use tagout_core::time::Span;
use tagout_core::work::BoundWork;
use tokio::time::{Instant, sleep, sleep_until};

use super::Executor;
use super::answer::{Answer, Unwanted, take_in};
use super::aws::Signer;
use super::capture::Capture;
use super::outcome::{End, StepOutcome};
use super::redact::{Redactions, Redactor};
use super::stop::Stop;
use crate::config::EndpointConfig;
use crate::journal::{LookPermit, StepPermit};
use crate::notify::words;
use crate::source::{Secret, SecretRef};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How often it is looked whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// What one step asks, and all that bounds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The plan that the step belongs to.
    pub plan: PlanDigest,
    /// The step's name.
    pub step: String,
    /// Whether it looks or does something.
    pub kind: StepKind,
    /// What is asked.
    pub work: BoundWork,
    /// How long all of it may take.
    pub timeout: Span,
    /// How long to wait before a check that does not hold looks again.
    pub every: Option<Span>,
}

/// The services that may be asked, each with what it alone is shown.
#[derive(Default)]
pub struct Endpoints(BTreeMap<String, Ready>);

struct Ready {
    url: String,
    methods: BTreeSet<Method>,
    headers: HeaderMap,
    /// What signs each request, if it is a service of AWS.
    aws: Option<Signer>,
}

impl fmt::Debug for Endpoints {
    /// The names alone: the headers are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Endpoints {
    /// Those that are configured, with their secrets as they are now. Paths of secrets are relative
    /// to `base`.
    ///
    /// # Errors
    /// If a secret cannot be read, or not be sent as a header.
    pub fn load(
        configured: &BTreeMap<String, EndpointConfig>,
        base: &Path,
    ) -> Result<Self, String> {
        let ready = configured.iter().map(|(name, one)| {
            let headers = headers(one, base).map_err(|e| format!("endpoint {name}: {e}"))?;
            let (url, methods) = (one.bound().url, one.methods.keys().copied().collect());
            let aws = one.aws.as_ref().map(|aws| Signer::load(aws, base)).transpose();
            let aws = aws.map_err(|e| format!("endpoint {name}: {e}"))?;
            Ok((name.clone(), Ready { url, methods, headers, aws }))
        });
        ready.collect::<Result<_, String>>().map(Self)
    }
}

fn headers(one: &EndpointConfig, base: &Path) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let read = |reference: &SecretRef| -> Result<Secret, String> {
        reference.load_within(base, limits::SECRET_BYTES)
    };
    let mut put = |name: HeaderName, value: &[u8]| -> Result<(), String> {
        let value = HeaderValue::from_bytes(value);
        let mut value = value.map_err(|_| format!("its secret cannot be sent as {name}"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    };
    if let Some(bearer) = &one.bearer {
        put(AUTHORIZATION, &[b"Bearer ", read(bearer)?.bytes()].concat())?;
    }
    for (name, reference) in &one.headers {
        let named = HeaderName::try_from(name.as_str());
        put(named.map_err(|e| format!("{name}: {e}"))?, read(reference)?.bytes())?;
    }
    Ok(headers)
}

impl Executor {
    /// Asks what one step asks, and uses its permit up. It blocks until all is over.
    ///
    /// Without a permit it cannot be called:
    ///
    /// ```compile_fail,E0061
    /// use tagout::exec::{Ask, Executor, StepOutcome, Stop};
    /// fn start(executor: &Executor, ask: Ask, stop: Stop) -> StepOutcome {
    ///     executor.ask(ask, stop)
    /// }
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "asking what a step asks uses its permit up")]
    #[must_use]
    pub fn ask(&self, permit: StepPermit, ask: Ask, stop: Stop) -> StepOutcome {
        self.ask_for((permit.plan(), permit.step()), &ask, &stop, false)
    }

    /// Takes one look over HTTP, as [`Executor::ask`] asks what a step asks: once, by GET. What was not
    /// answered was not seen, which is another thing than not to hold.
    #[expect(clippy::needless_pass_by_value, reason = "taking a look uses its permit up")]
    #[must_use]
    pub fn look_up(&self, permit: LookPermit, ask: Ask, stop: Stop) -> StepOutcome {
        let gets = ask.work.methods().into_iter().all(|method| method == Method::Get);
        if !gets || ask.kind != StepKind::Check || ask.every.is_some() {
            return StepOutcome::not_started("a look may only read; this one asks for more");
        }
        self.ask_for((permit.inspection(), permit.step()), &ask, &stop, true)
    }

    fn ask_for(
        &self,
        (plan, step): (PlanDigest, &str),
        ask: &Ask,
        stop: &Stop,
        look: bool,
    ) -> StepOutcome {
        let began = std::time::Instant::now();
        if plan != ask.plan || step != ask.step {
            return StepOutcome::not_started("the permit is for another step");
        }
        let outcome = match self.asked(ask, stop, look) {
            Ok(outcome) => outcome,
            Err(why) => StepOutcome::not_started(why),
        };
        let end = match outcome.end {
            End::NotStarted { .. } if stop.is_said() => End::Stopped,
            end => end,
        };
        StepOutcome { end, took: began.elapsed(), ..outcome }
    }

    fn asked(&self, ask: &Ask, stop: &Stop, look: bool) -> Result<StepOutcome, String> {
        let request = ask.work.request();
        let ready = self.endpoints.0.get(&request.endpoint);
        let ready = ready.filter(|ready| ready.url == request.base);
        let ready = ready.ok_or_else(|| {
            format!("{} is not at {} in [execution.endpoints]", request.endpoint, request.base)
        })?;
        if let Some(method) = ask.work.methods().difference(&ready.methods).next() {
            return Err(format!("{method} may not be used at endpoint {}", request.endpoint));
        }
        if stop.is_said() {
            return Err("it was stopped before it started".into());
        }
        let redactions = Redactions::new(&self.hidden).map_err(|e| format!("a secret {e}"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("nothing can be asked: {e}"))?;
        let timeout = Duration::from_millis(ask.timeout.millis());
        let outcome = runtime.block_on(async {
            let asking = Asking {
                client: client()?,
                ready,
                stop,
                deadline: Instant::now() + timeout,
                told: Told::new(&redactions),
                looks: 0,
            };
            Ok::<_, String>(asking.carry_out(ask, &redactions, look).await)
        });
        // A name that is still looked up is not waited for.
        runtime.shutdown_background();
        outcome
    }
}

/// A client that goes nowhere else, by itself or by the environment, and sends nothing twice.
fn client() -> Result<Client, String> {
    crate::tls::install();
    Client::builder()
        .connect_timeout(CONNECT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .retry(retry::never())
        // A connection of before may be closed when it is used again, and nobody could say whether
        // the request was read.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("tagout/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| format!("no client can be made: {}", words(e)))
}

/// Why something was not waited for any longer.
enum Cut {
    Stopped,
    Late,
}

/// What came of one request.
enum Got {
    Answer(Answer),
    /// It was not sent, for certain.
    NotSent(String),
    /// It may have been read.
    Lost(String),
}

/// What is told of an ask: redacted as it comes, within bounds.
struct Told {
    redactor: Redactor,
    capture: Capture,
}

impl Told {
    fn new(redactions: &Redactions) -> Self {
        Self { redactor: redactions.redactor(), capture: Capture::new() }
    }

    fn say(&mut self, bytes: &[u8]) {
        let mut redacted = Vec::new();
        self.redactor.push(bytes, &mut redacted);
        self.redactor.push(b"\n", &mut redacted);
        self.capture.push(&redacted);
    }

    fn answer(&mut self, answer: &Answer) {
        self.say(format!("status {}", answer.status).as_bytes());
        if !answer.body.is_empty() {
            self.say(&answer.body);
        }
        if let Some(why) = &answer.cut {
            self.say(format!("[the rest was not read: {why}]").as_bytes());
        }
    }

    fn finish(self) -> super::Captured {
        let Self { redactor, mut capture } = self;
        let mut rest = Vec::new();
        redactor.finish(&mut rest);
        capture.push(&rest);
        capture.finish(false)
    }
}

struct Asking<'a> {
    client: Client,
    ready: &'a Ready,
    stop: &'a Stop,
    deadline: Instant,
    told: Told,
    looks: u32,
}

impl Asking<'_> {
    async fn carry_out(mut self, ask: &Ask, redactions: &Redactions, look: bool) -> StepOutcome {
        let end = match (&ask.work, ask.kind) {
            _ if look => self.look(ask).await,
            (BoundWork::Job(job), _) => self.job(job, redactions).await,
            (_, StepKind::Check) => self.check(ask, redactions).await,
            _ => match self.act(ask.work.request(), &ask.work).await {
                Ok(_) => End::Succeeded,
                Err(end) => end,
            },
        };
        let (looks, stdout) = (self.looks, self.told.finish());
        StepOutcome { looks, stdout, ..StepOutcome::of(end) }
    }

    /// Looks once, for people who have not decided yet.
    async fn look(&mut self, ask: &Ask) -> End {
        self.looks += 1;
        match self.within(self.deadline, self.send(ask.work.request())).await {
            Err(Cut::Stopped) => End::Stopped,
            Err(Cut::Late) => End::TimedOut,
            Ok(Got::NotSent(why)) => End::NotStarted { why },
            Ok(Got::Lost(why)) => End::Unknown { why: format!("no answer came ({why})") },
            Ok(Got::Answer(answer)) => {
                self.told.answer(&answer);
                match answer.suits(&ask.work) {
                    Ok(()) => End::Succeeded,
                    Err(Unwanted::Other(why)) => {
                        self.told.say(format!("does not hold: {why}").as_bytes());
                        End::Failed
                    }
                    // What the answer holds is told where its secrets are taken out.
                    Err(Unwanted::Open(why)) => {
                        self.told.say(why.as_bytes());
                        End::Unknown { why: "what came is no answer to the question".to_owned() }
                    }
                }
            }
        }
    }

    /// Looks until it holds, once if nothing is said of waiting. Only the last answer is kept.
    async fn check(&mut self, ask: &Ask, redactions: &Redactions) -> End {
        let request = ask.work.request();
        loop {
            self.looks += 1;
            self.told = Told::new(redactions);
            let limit = match ask.every {
                Some(_) => self.deadline.min(Instant::now() + span(limits::LOOK_TIMEOUT)),
                None => self.deadline,
            };
            let why = match self.within(limit, self.send(request)).await {
                Err(Cut::Stopped) => return End::Stopped,
                Err(Cut::Late) => "no answer came in time".to_owned(),
                Ok(Got::NotSent(why) | Got::Lost(why)) => why,
                Ok(Got::Answer(answer)) => {
                    self.told.answer(&answer);
                    match answer.suits(&ask.work) {
                        Ok(()) => return End::Succeeded,
                        Err(Unwanted::Other(why) | Unwanted::Open(why)) => why,
                    }
                }
            };
            self.told.say(format!("does not hold: {why}").as_bytes());
            let Some(every) = ask.every.map(span) else {
                return if Instant::now() < self.deadline { End::Failed } else { End::TimedOut };
            };
            if Instant::now() + every >= self.deadline {
                return End::TimedOut;
            }
            if let Err(Cut::Stopped) = self.within(self.deadline, sleep(every)).await {
                return End::Stopped;
            }
        }
    }

    /// Sends what does something, once. An end that is not known to be its own is unknown.
    async fn act(&mut self, request: &HttpRequest, work: &BoundWork) -> Result<Answer, End> {
        self.looks += 1;
        let unknown =
            |why: &str| Err(End::Unknown { why: format!("{why}; it may have been done") });
        match self.within(self.deadline, self.send(request)).await {
            Err(Cut::Stopped) => unknown("it was stopped while no answer had come"),
            Err(Cut::Late) => unknown("no answer came in time"),
            Ok(Got::NotSent(why)) => Err(End::NotStarted { why }),
            Ok(Got::Lost(why)) => unknown(&format!("no answer came ({why})")),
            Ok(Got::Answer(answer)) => {
                self.told.answer(&answer);
                match answer.suits(work) {
                    Ok(()) => Ok(answer),
                    Err(Unwanted::Other(why)) => {
                        self.told.say(format!("not what is expected: {why}").as_bytes());
                        Err(End::Failed)
                    }
                    Err(Unwanted::Open(why)) => {
                        self.told.say(why.as_bytes());
                        unknown("the answer does not say what came of it")
                    }
                }
            }
        }
    }

    /// Starts a job and asks how it stands until it is over. It is somebody else's: what ends the
    /// asking does not end the job.
    async fn job(&mut self, job: &JobRequest, redactions: &Redactions) -> End {
        let unknown = |why: &str| End::Unknown { why: format!("{why}; the job goes on by itself") };
        let started = match self.act(&job.start, &BoundWork::Http(job.start.clone())).await {
            Ok(answer) => answer,
            Err(end) => return end,
        };
        let look = started
            .word_at(&job.id)
            .and_then(|id| job.look(&id).map(|look| (id, look)).map_err(|e| e.to_string()));
        let (id, look) = match look {
            Ok(look) => look,
            Err(why) => {
                self.told.say(why.as_bytes());
                return unknown("the answer to its start names no id that it can be asked by");
            }
        };
        let every = span(job.poll.every);
        loop {
            match self.within(self.deadline, sleep(every)).await {
                Err(Cut::Stopped) => return unknown("it was stopped while the job ran"),
                Err(Cut::Late) => return unknown("the job is not over in time"),
                Ok(()) => {}
            }
            self.looks += 1;
            self.told = Told::new(redactions);
            self.told.say(format!("job {id} was started").as_bytes());
            let limit = self.deadline.min(Instant::now() + span(limits::LOOK_TIMEOUT));
            let stands = match self.within(limit, self.send(&look)).await {
                Err(Cut::Stopped) => return unknown("it was stopped while the job ran"),
                Err(Cut::Late) => Err("no answer came in time".to_owned()),
                Ok(Got::NotSent(why) | Got::Lost(why)) => Err(why),
                Ok(Got::Answer(answer)) => {
                    self.told.answer(&answer);
                    answer.job(&job.poll)
                }
            };
            // To look again does no harm, so what goes wrong with one look is no end.
            match stands {
                Ok(Some(true)) => return End::Succeeded,
                Ok(Some(false)) => return End::Failed,
                Ok(None) => {}
                Err(why) => self.told.say(format!("cannot be told yet: {why}").as_bytes()),
            }
        }
    }

    /// Waits for something, no longer than until `limit` and until a stop is said.
    async fn within<T>(&self, limit: Instant, what: impl Future<Output = T>) -> Result<T, Cut> {
        let said = async {
            while !self.stop.is_said() {
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            biased;
            () = said => Err(Cut::Stopped),
            got = what => Ok(got),
            () = sleep_until(limit) => Err(Cut::Late),
        }
    }

    async fn send(&self, request: &HttpRequest) -> Got {
        // At AWS the path is the name of the operation, and is sent as a header.
        let target = if self.ready.aws.is_some() { "/" } else { request.target.as_str() };
        let address = format!("{}{target}", self.ready.url);
        let url = match Url::parse(&address) {
            // What people saw is what is sent: nothing is resolved or written otherwise.
            Ok(url) if url.as_str() == address => url,
            _ => return Got::NotSent(format!("{address} is not read as it is written")),
        };
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let signed = self.ready.aws.as_ref().map(|aws| {
            let body = request.body.as_deref().unwrap_or_default();
            // A signature holds for minutes around the time of the clock that AWS reads.
            aws.headers(&url, &request.target, body, jiff::Timestamp::now())
        });
        let mut ask = self.client.request(method, url).headers(self.ready.headers.clone());
        match signed {
            None => ask = ask.header(ACCEPT, "application/json"),
            Some(Ok(headers)) => ask = ask.headers(headers),
            Some(Err(why)) => return Got::NotSent(why),
        }
        if let Some(body) = &request.body {
            if self.ready.aws.is_none() {
                ask = ask.header(CONTENT_TYPE, "application/json");
            }
            ask = ask.body(body.clone());
        }
        let mut answer = match ask.send().await {
            Ok(answer) => answer,
            Err(e) if e.is_connect() || e.is_builder() => return Got::NotSent(words(e)),
            Err(e) => return Got::Lost(words(e)),
        };
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        let cut = loop {
            match answer.chunk().await {
                Ok(None) => break None,
                Ok(Some(part)) => {
                    if let Err(why) = take_in(&mut body, &part) {
                        break Some(why);
                    }
                }
                Err(e) => break Some(words(e)),
            }
        };
        Got::Answer(Answer { status, body, cut })
    }
}

const fn span(span: Span) -> Duration {
    Duration::from_millis(span.millis())
}
