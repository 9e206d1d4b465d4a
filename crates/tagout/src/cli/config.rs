//! `tagout config check`: what is configured and what that allows, in words.

use tagout_core::inspection::{CommandPattern, PathPattern};
use tagout_core::policy::EscalationPolicy;
use tagout_core::quorum::least;
use tagout_core::runbook::Catalogue;
use tagout_core::tier::Tier;

use crate::config::{Config, ConfiguredMode};
use crate::http::Tokens;
use crate::notify::{ChannelConfig, ChannelKind, Channels};
use crate::rota::{RotaConfig, RotaKind, Rotas};
use crate::source::Source;
use crate::store::StoreKind;
use crate::terminal::{ASK, STRONG, command_line, paint, printable};

use super::run::{load_policy, load_runbooks};
use super::{Home, Outcome, print_json};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check the configuration and the policy, and say what they allow.
    Check {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(home: &Home, Command::Check { json }: &Command) -> Outcome {
    let dir = home.dir()?;
    let config = home.config()?;
    let policy = config.bind(load_policy(config.policy.as_deref())?);
    let catalogue = match &config.runbooks {
        Some(path) => Some(load_runbooks(path)?),
        None => None,
    };
    let sources = config.sources.iter().map(|source| Source::load(source, &config.base_dir));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    Tokens::load(&config.api.tokens, &config.base_dir)?;
    crate::service::oidc(&config)?;
    Channels::load(&config.channels, &config.base_dir)?;
    config.checkpoints.webhook(&config.base_dir)?;
    Rotas::load(&config.rotas, &config.base_dir)?;
    let store = &config.store;
    // Never with its password.
    let place = match store.kind {
        StoreKind::Sqlite => dir.journal_file().display().to_string(),
        StoreKind::Postgres => store.target(dir.path())?.to_string(),
    };
    if *json {
        return print_json(&serde_json::json!({
            "data_dir": dir.path(),
            "store": { "kind": store.kind.name(), "place": place },
            "mode": config.mode.mode().to_string(),
            "execution": policy.execution,
            "inspection": policy.inspection,
            "runbooks": config.runbooks,
            "runbook_count": catalogue.as_ref().map(Catalogue::len),
            "listen": config.server.listen,
            "sources": sources.iter().map(Source::name).collect::<Vec<_>>(),
            "warnings": config.exposed_secrets(),
            "policy": policy,
            "policy_digest": policy.digest(),
        }));
    }
    anstream::println!("{}", paint(STRONG, "Configuration"));
    anstream::println!("  data directory   {}", dir.path().display());
    anstream::println!("  store            {}: {}", store.kind.name(), printable(&place));
    for (at, line) in mode(&config, &policy).iter().enumerate() {
        let head = if at == 0 { "mode" } else { "" };
        anstream::println!("  {head:<16} {line}");
    }
    for (at, line) in looks(&policy).iter().enumerate() {
        let head = if at == 0 { "inspection" } else { "" };
        anstream::println!("  {head:<16} {line}");
    }
    match config.runbooks.as_ref().zip(catalogue) {
        Some((path, catalogue)) => {
            let executable = catalogue.iter().filter(|r| r.is_executable()).count();
            anstream::println!(
                "  runbooks         {}: {} pages, {executable} with executable steps",
                path.display(),
                catalogue.len()
            );
        }
        None => anstream::println!("  runbooks         none set; `tagout run --runbooks DIR`"),
    }
    anstream::println!("\n{}", paint(STRONG, "Service (`tagout serve`)"));
    for line in service(&config, &sources) {
        anstream::println!("  {line}");
    }
    for line in config.exposed_secrets() {
        anstream::println!("  {}", paint(ASK, format_args!("warning: {}", printable(&line))));
    }
    anstream::println!("\n{} ({})", paint(STRONG, "Policy"), policy.digest().short());
    for line in words(&policy) {
        anstream::println!("  {line}");
    }
    Ok(())
}

/// What the mode allows, one statement a line.
fn mode(config: &Config, policy: &EscalationPolicy) -> Vec<String> {
    let execution = &config.execution;
    if config.mode == ConfiguredMode::DryRun {
        if !execution.rehearse {
            return vec!["dry-run: every step is shown, none is started".into()];
        }
        let mut lines = vec![
            "dry-run: every step is shown, no action is started".into(),
            "of admitted pages, checks are run, and actions by the dry-run form that they declare"
                .into(),
        ];
        lines.extend(programs(config));
        return lines;
    }
    let live: Vec<_> = Tier::ALL.into_iter().filter(|tier| policy.rules(*tier).live).collect();
    let mut lines = vec![match live.as_slice() {
        [] => "live, and no tier of the policy is: every step is shown, none is started".into(),
        live => {
            let names: Vec<_> = live.iter().map(|tier| tier.name()).collect();
            let alone = live.iter().filter(|tier| policy.rules(**tier).max_autonomous_actions > 0);
            let alone: Vec<_> = alone.map(|tier| tier.name()).collect();
            let alone = match alone.as_slice() {
                [] => "once people have approved".to_owned(),
                alone => {
                    format!("at {} also WITHOUT ASKING anybody (see below)", alone.join(" and "))
                }
            };
            format!("live: steps of admitted pages run at {} tier, {alone}", names.join(" and "))
        }
    }];
    lines
        .push("a page is admitted with `tagout runbooks admit`; a changed one is a dry-run".into());
    if execution.rehearse {
        lines.push(
            "a dry-run of an admitted page runs its checks, and actions by the dry-run form that \
             they declare"
                .into(),
        );
    }
    lines.extend(programs(config));
    lines
}

/// What may be started, and how, one statement a line.
fn programs(config: &Config) -> Vec<String> {
    let execution = &config.execution;
    let mut lines = Vec::new();
    for (name, program) in &execution.programs {
        let least = program.tier().map(|tier| format!(", at least {tier} tier"));
        let path = program.path().display();
        let held = program.sandbox().map(|name| format!(", in sandbox {name}"));
        lines.push(format!(
            "may start {name}: {path}{}{}",
            least.unwrap_or_default(),
            held.unwrap_or_default()
        ));
    }
    for (name, sandbox) in &execution.sandboxes {
        lines.push(format!("sandbox {name}: {}", sandbox.bound()));
    }
    lines.extend(execution.secrets.iter().map(|(name, secret)| secret.words(name)));
    for (name, host) in &execution.hosts {
        lines.push(host.words(name));
        for (program, config) in &host.programs {
            let least = config.tier().map(|tier| format!(", at least {tier} tier"));
            let path = config.path().display();
            lines.push(format!("  and start {program}: {path}{}", least.unwrap_or_default()));
        }
    }
    lines.extend(execution.endpoints.iter().map(|(name, endpoint)| endpoint.words(name)));
    if config.mode == ConfiguredMode::Live {
        lines.push(
            "a plan that names another program, endpoint, host, secret or sandbox is a dry-run"
                .into(),
        );
    }
    let names: Vec<_> = execution.environment.iter().map(String::as_str).collect();
    lines.push(match names.as_slice() {
        [] => "steps see no environment variable of the service".into(),
        names => format!("steps see of the environment: {}", names.join(", ")),
    });
    lines.push(format!(
        "steps run in {}, and have {} to end when they are stopped",
        execution.directory.display(),
        execution.grace
    ));
    lines.push(match execution.weak_containment {
        true => "weak containment is allowed: a process of a step could get away".into(),
        false => "a step runs only where all of its processes can be ended for certain".into(),
    });
    lines
}

/// What may be looked at before a decision, one statement a line.
fn looks(policy: &EscalationPolicy) -> Vec<String> {
    let Some(rules) = &policy.inspection else {
        return vec!["off: nothing is looked at before a decision".into()];
    };
    let mut lines = vec![format!(
        "before a decision the service may look: at most {} times for an incident and {} times at \
         a target in {}, each for at most {}",
        rules.per_incident, rules.per_target, rules.window, rules.timeout
    )];
    let pattern =
        |pattern: &CommandPattern| format!("may look with {}", command_line(pattern.argv()));
    lines.extend(rules.commands.iter().map(pattern));
    for (name, endpoint) in &rules.endpoints {
        lines.push(match endpoint.paths.as_slice() {
            [] => format!("may ask {name} ({}) by PromQL and for alerts", endpoint.url),
            _ => format!("may ask {name} ({}) for these paths alone", endpoint.url),
        });
        let path = |path: &PathPattern| format!("may get {} of {name}", path.as_str());
        lines.extend(endpoint.paths.iter().map(path));
    }
    lines
}

/// What the service lets in and out, one statement a line.
fn service(config: &Config, sources: &[Source]) -> Vec<String> {
    let Config { server, api, telemetry, .. } = config;
    let who = if server.is_local() {
        "this machine alone reaches it"
    } else {
        "others reach it, over plain HTTP: put TLS before it"
    };
    let mut lines = vec![format!("listens on {}; {who}", server.listen)];
    lines.push(match &server.public_url {
        Some(url) if server.is_encrypted() => {
            format!("people reach it at {}; their cookies go over TLS alone", url.origin())
        }
        Some(url) => format!(
            "people reach it at {} without TLS: whoever listens on the way can act as them",
            url.origin()
        ),
        None if server.is_local() => "people sign in from this machine alone".into(),
        None => "no public_url: a session goes over plain HTTP, where others can take it".into(),
    });
    lines.push(format!(
        "somebody stays signed in for {} without use, and for {} at most",
        config.session.idle, config.session.lifetime
    ));
    lines.push(match &config.oidc {
        Some(oidc) if oidc.roles.is_empty() => {
            format!("at {} those sign in whom an admin has linked", oidc.issuer)
        }
        Some(oidc) => {
            let roles: Vec<_> =
                oidc.roles.iter().map(|(group, role)| format!("{group} as {role}")).collect();
            format!("at {} members sign in of: {}", oidc.issuer, roles.join(", "))
        }
        None => "no identity provider: people sign in by password".into(),
    });
    lines.push("open to everybody who reaches it: /livez, /readyz, the page to sign in at".into());
    lines.push(match (api.metrics_open, api.tokens.len()) {
        (true, _) => "/metrics is open as well".into(),
        (false, 0) => "/metrics is closed; give a token in [api], or set metrics_open".into(),
        (false, _) => "/metrics takes a token".into(),
    });
    lines.push(match api.tokens.len() {
        0 => "people and their tokens read incidents and the log, as far as their role goes".into(),
        1 => "incidents and the log can be read with one bearer token besides".into(),
        n => format!("incidents and the log can be read with any of {n} bearer tokens besides"),
    });
    if sources.is_empty() {
        lines.push("no source is configured, so no alerts can be sent".into());
    }
    for (source, written) in sources.iter().zip(&config.sources) {
        let auth = written.auth.map_or_else(String::new, |auth| format!("{auth:?}"));
        let secrets = written.secrets.len();
        let noun = if secrets == 1 { "secret" } else { "secrets" };
        let (name, format) = (source.name(), source.format());
        lines.push(format!(
            "source {name}: POST /v1/sources/{name}, {format}, proved by {} ({secrets} {noun})",
            auth.to_lowercase()
        ));
    }
    for poll in &config.polls {
        let silences = if poll.silences { ", and takes over its silences" } else { "" };
        lines.push(format!(
            "poll {}: asks {} each {}{silences}",
            poll.name, poll.url, poll.interval
        ));
    }
    lines.extend(told(config));
    lines.push(format!(
        "reads bodies up to {} bytes, {} bytes of them at once, {} connections; {} deliveries may \
         wait",
        server.max_body_bytes,
        server.max_body_bytes_in_flight,
        server.max_connections,
        server.queue
    ));
    lines.push(format!(
        "a request may take {}; after a stop those under way have {}",
        server.request_timeout, server.shutdown_grace
    ));
    lines.push(match &telemetry.otlp_endpoint {
        Some(endpoint) => {
            format!("sends traces of {} of all incidents to {endpoint}", telemetry.sample_ratio)
        }
        None => "sends no traces".into(),
    });
    lines.push(config.checkpoints.words());
    lines
}

/// How people are told, and who is on duty.
fn told(config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    if !config.channels.iter().any(|channel| channel.kind != ChannelKind::Heartbeat) {
        lines.push("nobody is told of anything: no channel is configured".into());
    }
    lines.extend(config.channels.iter().map(channel));
    if !config.channels.iter().any(|channel| channel.kind == ChannelKind::Heartbeat) {
        lines.push(
            "nobody notices when this service is silent: no channel of kind heartbeat".into(),
        );
    }
    lines.push(match &config.server.public_url {
        Some(url) => format!("what people are told links to {}", url.origin()),
        None => "what people are told has no links: set public_url in [server]".into(),
    });
    lines.extend(config.rotas.iter().map(rota));
    lines
}

/// One channel, without its address: that may hold a secret.
fn channel(channel: &ChannelConfig) -> String {
    let name = &channel.name;
    if channel.kind == ChannelKind::Heartbeat {
        let every = channel.heartbeat_interval().unwrap_or_default();
        return format!("channel {name}: a sign of life each {every} while the service works");
    }
    let whom = if channel.audiences.is_empty() {
        "everybody's notices".to_owned()
    } else {
        let audiences: Vec<_> = channel.audiences.iter().map(String::as_str).collect();
        format!("notices for {} and for everybody", audiences.join(", "))
    };
    let about = if channel.topics.is_empty() {
        String::new()
    } else {
        let topics: Vec<_> = channel.topics.iter().map(|topic| topic.name()).collect();
        format!(", of {} only", topics.join(", "))
    };
    let clicks = match channel.kind {
        ChannelKind::Slack if !channel.people.is_empty() => {
            format!("; {} people may answer there", channel.people.len())
        }
        _ => String::new(),
    };
    format!("channel {name}: {whom} through {}{about}{clicks}", channel.kind.name())
}

fn rota(rota: &RotaConfig) -> String {
    let name = &rota.name;
    match rota.kind {
        RotaKind::Static => format!("rota {name}: {} people take turns", rota.people.len()),
        RotaKind::PagerDuty | RotaKind::Opsgenie => {
            let schedule = rota.schedule.as_deref().unwrap_or_default();
            format!(
                "rota {name}: schedule {schedule} of {}, {} of whose people are known",
                if rota.kind == RotaKind::PagerDuty { "pagerduty" } else { "opsgenie" },
                rota.users.len()
            )
        }
    }
}

/// What a policy allows, one statement a line.
fn words(policy: &EscalationPolicy) -> Vec<String> {
    let mut lines = Vec::new();
    for tier in Tier::ALL {
        let rules = policy.rules(tier);
        let alone = match rules.min_confidence {
            Some(least) if rules.max_autonomous_actions > 0 => format!(
                "goes on alone from confidence {least}, at most {} actions in {}, then {:?}",
                rules.max_autonomous_actions, rules.window, rules.budget_spent
            )
            .to_lowercase(),
            _ => "never goes on alone".into(),
        };
        lines.push(format!("{:<9} {alone}", tier.name()));
        let most = match rules.max_targets {
            Some(most) => format!("acts on at most {most} targets in {}", rules.window),
            None => "acts on any number of targets".into(),
        };
        let cool_down = match rules.cool_down {
            Some(cool_down) => format!("not within {cool_down} of the last try on a target"),
            None => "without a pause after the last try on a target".into(),
        };
        lines.push(match rules.min_confidence {
            Some(_) if rules.max_autonomous_actions > 0 => {
                format!("{:<9} {most}; alone, {cool_down}", "")
            }
            _ => format!("{:<9} {most}", ""),
        });
        let among: Vec<_> =
            rules.groups.iter().map(|(group, n)| format!("{n} of {group}")).collect();
        let among = if among.is_empty() {
            String::new()
        } else {
            format!(" ({} among them)", among.join(" and "))
        };
        lines.push(format!(
            "{:<9} {}{among} must approve within {}; nobody answering means nobody approved",
            "",
            least(rules.quorum, &rules.groups),
            rules.timeout
        ));
    }
    for environment in &policy.environments {
        lines.push(format!("in {}: at least {} tier", environment.name, environment.floor));
    }
    lines.push(format!(
        "where no environment is declared: at least {} tier",
        policy.default_environment
    ));
    lines.push(format!("an alert without severity counts as {}", policy.default_severity));
    for minimum in &policy.minimums {
        let (kind, pattern) = match (&minimum.program, &minimum.target) {
            (Some(program), _) => ("program", program),
            (_, Some(target)) => ("target", target),
            _ => continue,
        };
        lines.push(format!("{kind} {pattern}: at least {} tier", minimum.tier));
    }
    for radius in &policy.radius {
        lines.push(format!(
            "runbooks {}: on at most {} targets in {}",
            radius.runbook, radius.max_targets, radius.window
        ));
    }
    lines.push(match policy.effective_within {
        Some(within) => format!(
            "{within} after a live plan its alert has ended, or people are told that it did not \
             help"
        ),
        None => "nobody looks whether a live plan has helped".into(),
    });
    if policy.approve.is_empty() {
        lines.push("any approver may approve any plan".into());
    }
    for rule in &policy.approve {
        lines.push(format!("may approve: {rule}"));
    }
    for route in &policy.routes {
        lines.push(route.to_string());
    }
    lines.push(format!("the first use of a runbook on a target: {}", policy.first_use));
    for rung in &policy.chain {
        let names: Vec<_> = rung.ask.iter().map(String::as_str).collect();
        let tier = rung.tier_at_least.map(|t| format!(", from {t} tier up")).unwrap_or_default();
        lines.push(format!(
            "after {} without a decision{tier}: asks {}",
            rung.after,
            names.join(", ")
        ));
    }
    match &policy.break_glass {
        Some(rules) => lines.push(format!(
            "may approve alone, with a reason and a review by somebody else afterwards, at most \
             {} times in {}: {}",
            rules.max_per_window, rules.window, rules.who
        )),
        None => lines.push("nobody approves alone what needs more people".into()),
    }
    match &policy.bypass {
        Some(rules) => lines.push(format!(
            "may let a runbook go on without people at low or medium tier for up to {}: {}",
            rules.longest, rules.who
        )),
        None => lines.push("nobody may let a runbook go on without people".into()),
    }
    match policy.warn_before {
        Some(before) => lines.push(format!("warns {before} before a request lapses")),
        None => lines.push("gives no warning before a request lapses".into()),
    }
    match &policy.clock_grant {
        Some(clock) => lines.push(format!(
            "silence for {} after a delivered warning is consent for: {}",
            clock.wait,
            clock.runbooks.iter().cloned().collect::<Vec<_>>().join(", ")
        )),
        None => lines.push("silence is never consent".into()),
    }
    lines
}
