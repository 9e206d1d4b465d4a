//! The service put together: what is read, what is started, and how it ends.

mod signals;
mod signing;
mod ticking;

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tagout_core::approval::Person;
use tagout_core::command::SharedCommand;
use tagout_core::limits;
use tagout_core::time::Span;
use tagout_core::verdict::Mode;
use tagout_log::SignerKey;
use tagout_search::Embedder;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::access::first;
use crate::access::oidc::Oidc;
use crate::asks::Asks;
use crate::checkpoints::Holders;
use crate::clock::now;
use crate::config::{BadInput, Config, LogFormat};
use crate::contact::Contact;
use crate::data_dir::DataDir;
use crate::engine::{Engine, EngineError};
use crate::exec::{Endpoints, Executor, Settings};
use crate::fault::Fault;
use crate::halt::Halt;
use crate::http::health::Health;
use crate::http::{App, Parts, Tokens, connections, router};
use crate::journal::Keep;
use crate::matching::{Matcher, embedder};
use crate::notify::slack::clicks::Clicks;
use crate::notify::{Channels, Sender, Works};
use crate::poll::{self, Leads};
use crate::reload::{Lead, Readers, ReloadState, RuleFiles, Rules, Watch};
use crate::rota::Rotas;
use crate::runner::Runner;
use crate::serving::Serving;
use crate::source::Source;
use crate::store::reserve::Reserve;
use crate::store::{Store, StoreKind};
use crate::telemetry::{Counts, Exporter, Traces, install_metrics, start_log};
use crate::tls;
use crate::writer::Writer;
use signals::Signals;
use signing::{sign_at_the_end, sign_now_and_then};
use ticking::{Ticking, summarise};

/// How much of the disk is kept for decisions, in bytes, unless the configuration says it.
const RESERVE: u64 = 256 << 20;
/// How long the last signature may take: the store's own patience and a little more.
const LAST_SIGNATURE: Duration = Duration::from_secs(15);

/// Everything from outside that a service needs, read and checked before anything is written.
pub struct Prepared {
    config: Config,
    dir: DataDir,
    files: RuleFiles,
    /// How the files looked before they were read.
    looked: u64,
    rules: Rules,
    sources: Vec<Source>,
    tokens: Tokens,
    oidc: Option<Oidc>,
    channels: Channels,
    rotas: Rotas,
    holders: Holders,
}

impl Prepared {
    /// Reads what the configuration names.
    ///
    /// # Errors
    /// The first thing that is wrong, with what to do about it.
    pub fn new(config: Config, dir: DataDir) -> Result<Self, BadInput> {
        let files = RuleFiles::of(&config)?;
        let looked = Watch::look(&files);
        let rules = files.load()?;
        let sources = config.sources.iter().map(|source| Source::load(source, &config.base_dir));
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        // What is announced and what reads are the same, should a file change just now.
        Readers::of(&sources).put(rules.mappings.clone());
        let tokens = Tokens::load(&config.api.tokens, &config.base_dir)?;
        let oidc = oidc(&config)?;
        let channels = Channels::load(&config.channels, &config.base_dir)?;
        let rotas = Rotas::load(&config.rotas, &config.base_dir)?;
        let holders = Holders::load(&config.checkpoints, &config.base_dir)?;
        Ok(Self {
            config,
            dir,
            files,
            looked,
            rules,
            sources,
            tokens,
            oidc,
            channels,
            rotas,
            holders,
        })
    }
}

/// The identity provider that the configuration names.
///
/// # Errors
/// If its secret is not there.
pub fn oidc(config: &Config) -> Result<Option<Oidc>, BadInput> {
    let Some((oidc, url)) = config.oidc.as_ref().zip(config.server.public_url.as_ref()) else {
        return Ok(None);
    };
    Oidc::new(oidc, url.origin(), &config.base_dir).map(Some)
}

/// Runs the service until it is asked to stop.
///
/// # Errors
/// If it cannot start, or the log could not be signed at the end.
pub fn run(prepared: Prepared) -> Result<(), Fault> {
    start_log(&prepared.config.telemetry)?;
    for line in prepared.config.exposed_secrets() {
        tracing::warn!("{line}");
    }
    let metrics = install_metrics()?;
    tls::install();
    let begun = Begun::new(prepared)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Fault::new(format!("no threads: {e}")))?;
    let ended = runtime.block_on(serve(begun, metrics));
    // Whatever still blocks must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

/// What was made before anything runs beside anything else: stores are met by plain threads.
struct Begun {
    config: Config,
    dir: DataDir,
    files: RuleFiles,
    looked: u64,
    sources: Vec<Source>,
    tokens: Tokens,
    oidc: Option<Oidc>,
    channels: Channels,
    rotas: Rotas,
    holders: Holders,
    listener: std::net::TcpListener,
    signer: Arc<SignerKey>,
    serving: Option<Arc<Serving>>,
    embedder: Arc<Embedder>,
    matcher: Matcher,
    engine: Engine<Store>,
    halt: Arc<Halt>,
    executor: Option<Arc<Executor>>,
    exporter: Option<Exporter>,
}

impl Begun {
    fn new(prepared: Prepared) -> Result<Self, Fault> {
        let Prepared { config, dir, files, looked, rules, sources, tokens, oidc, .. } = prepared;
        let Prepared { channels, rotas, holders, .. } = prepared;
        let listen = config.server.listen;
        // An address that is taken is found out before anything is written.
        let listener = std::net::TcpListener::bind(listen)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|e| {
                Fault::new(format!(
                    "[server] listen = \"{listen}\": {e}; it is set there or by \
                     TAGOUT_SERVER_LISTEN"
                ))
            })?;
        let dir = dir.with_store(config.store.clone());
        if dir.prepare()? {
            let directory = dir.path().display();
            tracing::info!(%directory, "made a data directory with a new key");
        }
        let (signer, journal) = (Arc::new(dir.signer()?), dir.journal_keeping(Keep::Open)?);
        let serving = match config.store.kind {
            StoreKind::Sqlite => Some(Arc::new(Serving::begin(&dir)?)),
            StoreKind::Postgres => None,
        };
        let embedder = embedder()?;
        let matcher = Matcher::new(Arc::clone(&embedder), &rules.runbooks, &mut dir.vectors())?;
        // Before anything is recorded or asked for.
        rotas.remember(&journal);
        let mappings = rules.mapping_digests();
        let engine = Engine::new(journal, rules.policy, rules.runbooks, matcher.clone());
        let (traces, exporter) = Exporter::new(&config.telemetry)?.unzip();
        let halt = Arc::new(Halt::new(dir.path()));
        let mode = config.mode.mode();
        let engine = observed(engine, traces, Arc::clone(&halt)).in_mode(mode);
        let mut engine = engine.reading_by(mappings);
        engine.announce().map_err(fault)?;
        let starts = config.execution.rehearse || config.inspection.is_some();
        let executor = match mode {
            Mode::Live => Some(Arc::new(begin_live(&mut engine, &config)?)),
            // What is looked at and rehearsed changes nothing, so it is possible in a dry-run too.
            Mode::DryRun if starts => Some(Arc::new(executor(&config)?)),
            Mode::DryRun => None,
        };
        let mut engine = if config.inspection.is_some() { engine.looking() } else { engine };
        let first = first::admin(&mut engine, now())?;
        if let Some(secret) = first {
            say_first(config.telemetry.log_format, &secret);
        }
        for (incident, error) in engine.resume().map_err(fault)? {
            tracing::warn!(incident, %error, "an incident could not be brought further");
        }
        Ok(Self {
            config,
            dir,
            files,
            looked,
            sources,
            tokens,
            oidc,
            channels,
            rotas,
            holders,
            listener,
            signer,
            serving,
            embedder,
            matcher,
            engine,
            halt,
            executor,
            exporter,
        })
    }
}

async fn serve(begun: Begun, metrics: PrometheusHandle) -> Result<(), Fault> {
    let Begun { config, dir, files, looked, sources, tokens, oidc, channels, rotas, .. } = begun;
    let Begun {
        holders, listener, signer, serving, embedder, matcher, engine, halt, executor, ..
    } = begun;
    let exporter = begun.exporter;
    let listener = TcpListener::from_std(listener);
    let listener = listener.map_err(|e| Fault::new(format!("{}: {e}", config.server.listen)))?;
    let mut signals = Signals::new()?;
    let exporting = exporter.map(|exporter| tokio::spawn(exporter.run()));

    let reserve = (config.store.kind == StoreKind::Sqlite)
        .then(|| Reserve::new(dir.path(), config.store.reserve_bytes.unwrap_or(RESERVE)));
    let contact = Arc::new(Contact::default());
    let look = Contact::check(&contact, engine.journal().log().storage(), reserve.clone());
    let (writer, thread) = Writer::start(engine, Box::new(matcher), config.server.queue, reserve)
        .map_err(|e| Fault::new(format!("no threads: {e}")))?;
    contact.note(writer.turn(ticking::meet).await.map_err(|e| Fault::new(e.to_string()))?);
    let (close, closing) = watch::channel(false);
    let reload = Arc::new(ReloadState::default());
    let Channels { channels, heartbeats } = channels;
    let pages = config.server.public_url.as_ref().map(|url| url.origin().to_owned());
    let rotas = Arc::new(rotas);
    let asks = Asks::new(writer.clone()).stopping(Arc::clone(&halt));
    let asking = (asks.clone(), writer.clone());
    let clicks = Clicks::new(&channels, asking, Arc::clone(&rotas), pages.clone());
    let readers = Readers::of(&sources);
    let app = App::new(Parts {
        clicks: Arc::new(clicks),
        rotas: Arc::clone(&rotas),
        asks,
        writer: writer.clone(),
        sources,
        tokens,
        metrics_open: config.api.metrics_open,
        config: config.server.clone(),
        session: config.session,
        oidc,
        health: Health::new(look),
        reload: Arc::clone(&reload),
        metrics: metrics.clone(),
        closing: closing.clone(),
    });

    let runner = Arc::new(Runner {
        writer: writer.clone(),
        halt: Arc::clone(&halt),
        leads: {
            // Over an embedded store everybody leads; of several, the one that came first runs.
            let (leader, serving) = (Arc::clone(&contact), serving.clone());
            let first = move || serving.as_ref().is_none_or(|s| s.is_first().unwrap_or(false));
            Arc::new(move || leader.leads() && first())
        },
        executor,
        execution: config.execution.clone(),
        inspection: {
            let services = &config.execution.endpoints;
            let rules = config.inspection.as_ref().map(|looks| looks.rules(services)).transpose();
            rules.map_err(|e| Fault::new(e.to_string()))?
        },
        by: own()?,
        told: std::sync::Mutex::default(),
        offered: std::sync::Mutex::default(),
        taken_over: Arc::default(),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&runner).run());
    let (reload_now, told) = mpsc::channel(1);
    let cache = dir.vectors();
    let leader = Arc::clone(&contact);
    let leads: Leads = Arc::new(move || leader.leads());
    let lead = Lead { leads: Arc::clone(&leads), serving };
    let watch = Watch { files, writer: writer.clone(), embedder, cache, readers, state: reload };
    tasks.spawn(watch.run(looked, told, lead));
    let ticking = Ticking { writer: writer.clone(), app: Arc::clone(&app), metrics };
    tasks.spawn(ticking.run(Arc::clone(&contact)));
    let signing = (dir.clone(), Arc::clone(&signer), Arc::clone(&contact));
    tasks.spawn(sign_now_and_then(writer.clone(), signing));
    tasks.spawn(summarise(Arc::clone(&app), Arc::clone(&contact)));
    let sender = Sender { writer: writer.clone(), channels, leads: Arc::clone(&leads), pages };
    tasks.spawn(sender.run());
    for heartbeat in heartbeats {
        let (leader, app) = (Arc::clone(&contact), Arc::clone(&app));
        let works: Works = Arc::new(move || leader.leads() && app.health().keeps_time());
        tasks.spawn(heartbeat.run(works));
    }
    tasks.spawn(holders.run(writer.clone(), Arc::clone(&leads)));
    tasks.spawn(Rotas::run(rotas, writer.clone(), Arc::clone(&leads)));
    for poll in config.polls {
        let polling = poll::spawn(poll, writer.clone(), Arc::clone(&leads), closing.clone());
        let polling = polling.map_err(|e| Fault::new(e.0))?;
        tasks.spawn(async move { drop(polling.await) });
    }

    let at = listener.local_addr().unwrap_or(config.server.listen);
    say_where(config.telemetry.log_format, &at);
    let grace = duration(config.server.shutdown_grace);
    let serving = tokio::spawn(connections::serve(
        listener,
        router(&app),
        (config.server.max_connections, limits::UNREAD),
        closing,
        grace,
    ));
    tokio::select! {
        () = signals.wait_for_stop(&reload_now, &halt) => {}
        // Nothing can be recorded any more, and a new process can.
        () = writer.ended() => {
            return Err(Fault::new(
                "the writer ended by a fault of ours, and what it was about to record was not \
                 acknowledged; start anew, and report what stands above",
            ));
        }
    }
    tracing::info!("stopping: requests under way may finish");
    close.send_replace(true);
    let drained = async {
        // What runs may end within the grace, and is ended then.
        let ending = async { runner.end(grace).await };
        let (serving, ()) = tokio::join!(serving, ending);
        if !serving.unwrap_or(false) {
            tracing::warn!("some requests did not finish in time and were cut off");
        }
        // Nobody waits for what is still being taken in, and the signature is to cover the log.
        writer.refuse_deliveries();
        tasks.shutdown().await;
        app.tell_refusals();
        drop(app.asks().tell_refused().await);
        app.record_strangers().await;
        // The writer's turns come in order: this one comes after everything that was asked.
        let last = sign_at_the_end(&writer, dir, signer, contact.leads());
        let signed = timeout(LAST_SIGNATURE, last).await;
        drop((app, runner, writer));
        let joined = tokio::task::spawn_blocking(move || thread.join());
        let _ = timeout(Duration::from_secs(2), joined).await;
        if let Some(exporting) = exporting {
            let _ = timeout(Duration::from_secs(2), exporting).await;
        }
        signed.unwrap_or_else(|_| Err("the store does not answer".into()))
    };
    tokio::select! {
        signed = drained => match signed {
            Ok(entries) => {
                tracing::info!(entries, "stopped; the log is signed");
                Ok(())
            }
            Err(why) => Err(Fault::new(format!(
                "everything that was answered is in the log, and its end could not be signed: {why}"
            ))),
        },
        () = signals.wait_for_second(&halt) => Err(Fault::new("stopped at once, as a second signal asked")),
    }
}

fn observed(engine: Engine<Store>, mut traces: Option<Traces>, halt: Arc<Halt>) -> Engine<Store> {
    let mut counts = Counts::default();
    engine.observed_by(move |recorded| {
        halt.observe(recorded.event());
        counts.observe(recorded);
        if let Some(traces) = &mut traces {
            traces.observe(recorded);
        }
    })
}

fn fault(error: EngineError) -> Fault {
    match error {
        EngineError::Fault(fault) => fault,
        EngineError::Rejected(rejection) => Fault::new(rejection.to_string()),
    }
}

/// The name under which the service itself does something.
fn own() -> Result<Person, Fault> {
    Person::new("tagout").map_err(|e| Fault::new(e.to_string()))
}

/// What runs commands.
fn executor(config: &Config) -> Result<Executor, Fault> {
    let execution = &config.execution;
    let executor = Executor::open(Settings {
        cgroup: execution.cgroup.clone(),
        allow_weak: execution.weak_containment,
        directory: config.base_dir.clone(),
        ..Settings::default()
    })?;
    // A step runs as the service's user and can read what the service can.
    let secrets = config.load_secrets().map_err(|e| Fault::new(e.to_string()))?;
    let executor = executor
        .hiding(secrets)
        .map_err(|e| Fault::new(format!("[execution]: one of the service's secrets {e}")))?;
    let endpoints = Endpoints::load(&execution.endpoints, &config.base_dir)
        .map_err(|e| Fault::new(format!("[execution.endpoints]: {e}")))?;
    let executor = executor.asking(endpoints);
    let granted = executor.survey();
    for (containment, granted) in &granted {
        match granted {
            Ok(()) => tracing::info!(%containment, "steps can be contained"),
            Err(why) => tracing::info!(%containment, why, "steps cannot be contained so"),
        }
    }
    if !granted.iter().any(|(_, granted)| granted.is_ok()) {
        tracing::error!("no step can run: this machine grants no containment that may be used");
    }
    Ok(executor)
}

/// What runs commands in live mode. The first time, the kill switch is engaged.
fn begin_live(engine: &mut Engine<Store>, config: &Config) -> Result<Executor, Fault> {
    let executor = executor(config)?;
    let begun = engine.ask_shared(SharedCommand::BeginLiveMode { by: own()? }).map_err(fault)?;
    if !begun.is_empty() {
        tracing::warn!(
            "the first start in live mode: the kill switch is engaged; `tagout resume` lets it go on"
        );
    }
    Ok(executor)
}

const fn duration(span: Span) -> Duration {
    Duration::from_millis(span.millis())
}

/// The one line that says where the service listens, whatever the level of the log.
fn say_where(format: LogFormat, at: &std::net::SocketAddr) {
    match format {
        LogFormat::Text => anstream::eprintln!("tagout: listening on http://{at}"),
        LogFormat::Json => {
            let line = serde_json::json!({"message": "listening", "address": at.to_string()});
            anstream::eprintln!("{line}");
        }
    }
}

/// Shows the secret of the first admin, once. It goes to whoever started the service and
/// through no part of the telemetry.
fn say_first(format: LogFormat, secret: &str) {
    let (name, lifetime) = (first::NAME, limits::ONE_TIME_SECRET_LIFETIME);
    match format {
        LogFormat::Text => anstream::eprintln!(
            "tagout: nobody is known here yet. Sign in as {name} with this secret, which holds \
             once and for {lifetime}:\n\n    {secret}\n"
        ),
        LogFormat::Json => {
            let line = serde_json::json!({
                "message": "nobody is known here yet; this secret holds once",
                "person": name,
                "one_time_secret": secret,
                "holds_for": lifetime.to_string(),
            });
            anstream::eprintln!("{line}");
        }
    }
}
