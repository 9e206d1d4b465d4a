//! The configuration: a file, and the environment that wins over it.

pub(crate) mod address;
mod endpoint;
pub mod environment;
mod execution;
mod exposed;
mod host;
mod inspection;
mod oidc;
mod sandbox;
mod secret;
mod server;
mod session;
mod telemetry;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use tagout_core::limits;
use tagout_core::policy::EscalationPolicy;
use tagout_core::time::Span;
use tagout_core::verdict::Mode;

use crate::checkpoints::CheckpointsConfig;
use crate::notify::{self, ChannelConfig};
use crate::poll::{self, PollConfig};
use crate::rota::{self, RotaConfig};
use crate::source::{Secret, SecretRef, SourceConfig};

pub use endpoint::{AwsConfig, EndpointConfig};
pub use execution::{ExecutionConfig, ProgramConfig};
pub use host::HostConfig;
pub use inspection::{InspectionConfig, LookConfig, LookEndpointConfig};
pub use oidc::OidcConfig;
pub(crate) use oidc::is_safe;
pub use sandbox::SandboxConfig;
pub use secret::StepSecretConfig;
pub use server::{ApiConfig, PublicUrl, ServerConfig};
pub use session::SessionConfig;
pub use telemetry::{LogFormat, LogLevel, TelemetryConfig};

use crate::store::StoreConfig;

/// The file that `tagout init` writes.
pub const ANNOTATED: &str = include_str!("../config/tagout.toml");

/// What is configured.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The directory of runbooks.
    pub runbooks: Option<PathBuf>,
    /// The policy file; the shipped policy if absent.
    pub policy: Option<PathBuf>,
    /// What may be done: one of three that must say so before anything runs.
    #[serde(default)]
    pub mode: ConfiguredMode,
    /// What live mode may start, and what it gets.
    #[serde(default)]
    pub execution: ExecutionConfig,
    /// What may be looked at before a decision; nothing if absent.
    pub inspection: Option<InspectionConfig>,
    /// Where the log is.
    #[serde(default)]
    pub store: StoreConfig,
    /// How the service listens.
    #[serde(default)]
    pub server: ServerConfig,
    /// Who may read what is recorded.
    #[serde(default)]
    pub api: ApiConfig,
    /// How long somebody stays signed in.
    #[serde(default)]
    pub session: SessionConfig,
    /// Where people sign in besides by password.
    pub oidc: Option<OidcConfig>,
    /// What the service tells of itself.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
    /// Who may send alerts.
    #[serde(default, rename = "source")]
    pub sources: Vec<SourceConfig>,
    /// Who is asked for alerts.
    #[serde(default, rename = "poll")]
    pub polls: Vec<PollConfig>,
    /// Who is handed checkpoints.
    #[serde(default)]
    pub checkpoints: CheckpointsConfig,
    /// How people are told.
    #[serde(default, rename = "channel")]
    pub channels: Vec<ChannelConfig>,
    /// Who is on duty.
    #[serde(default, rename = "rota")]
    pub rotas: Vec<RotaConfig>,
    /// The directory that relative paths of secrets are relative to: the file's.
    #[serde(skip)]
    pub base_dir: PathBuf,
}

/// The mode as it is configured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfiguredMode {
    /// Every step is shown and none is started.
    #[default]
    DryRun,
    /// Steps run, where the tier's `live` and an admitted page say so too.
    Live,
}

impl ConfiguredMode {
    /// In the core's words.
    #[must_use]
    pub const fn mode(self) -> Mode {
        match self {
            Self::DryRun => Mode::DryRun,
            Self::Live => Mode::Live,
        }
    }
}

/// A file that a person wrote is wrong: where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);

impl Config {
    /// Reads the file at `path`, if there is to be one, and then the environment. Relative
    /// paths in the file are relative to its directory, those of the environment to the
    /// working directory.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML or has a key we do not know; if a variable
    /// looks like a setting and is none; if a value is outside its limits.
    pub fn load(path: Option<&Path>) -> Result<Self, BadInput> {
        let mut config = path.map_or_else(|| Ok(Self::default()), Self::read)?;
        environment::apply(&mut config, std::env::vars_os())?;
        config.store.check().map_err(|e| match path {
            Some(path) => BadInput(format!("{}: {e}", path.display())),
            None => e,
        })?;
        config.check()?;
        Ok(config)
    }

    fn read(path: &Path) -> Result<Self, BadInput> {
        let text = read_text(path, limits::CONFIG_BYTES)?;
        let mut config: Self = toml::from_str(&text).map_err(|e| {
            // The parser's own words would repeat the line, and what stands in it may be secret.
            let before = e.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            BadInput(format!("{}: line {line}: {}", path.display(), e.message()))
        })?;
        let address = config.store.check_address();
        address.map_err(|e| BadInput(format!("{}: {e}", path.display())))?;
        let base = path.parent().unwrap_or(Path::new("."));
        for file in [&mut config.runbooks, &mut config.policy].into_iter().flatten() {
            *file = base.join(&*file);
        }
        config.polls.iter_mut().for_each(|poll| poll.relative_to(base));
        config.base_dir = base.to_owned();
        Ok(config)
    }

    /// Every secret that is named.
    fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        self.secrets_beside_polls().chain(self.polls.iter().flat_map(PollConfig::secret_refs))
    }

    /// Every secret that is named, as it is now.
    ///
    /// # Errors
    /// If one cannot be read.
    pub(crate) fn load_secrets(&self) -> Result<Vec<Secret>, BadInput> {
        let most = limits::SECRET_BYTES.max(limits::POLL_SECRET_BYTES);
        // Where those of the polls are is told from the working directory on.
        let polls = self.polls.iter().flat_map(PollConfig::secret_refs);
        let polls = polls.map(|secret| secret.load_within(Path::new(""), most));
        let beside = self.secrets_beside_polls();
        let beside = beside.map(|secret| secret.load_within(&self.base_dir, most));
        let keys: Vec<_> = self.execution.identities().collect();
        let keys = keys.iter().map(|key| key.load_within(&self.base_dir, most));
        let loaded: Result<_, _> = beside.chain(polls).chain(keys).collect();
        loaded.map_err(|why| {
            BadInput(format!("mode = \"live\" and [inspection] need every secret: {why}"))
        })
    }

    fn secrets_beside_polls(&self) -> impl Iterator<Item = &SecretRef> {
        let provider = self.oidc.iter().filter_map(|oidc| oidc.client_secret.as_ref());
        let channels = self.channels.iter().flat_map(ChannelConfig::secret_refs);
        let rotas = self.rotas.iter().filter_map(|rota| rota.token.as_ref());
        let sources = self.sources.iter().flat_map(|source| &source.secrets);
        let checkpoints = self.checkpoints.secret_refs();
        let endpoints = self.execution.endpoints.values().flat_map(EndpointConfig::secret_refs);
        let steps = self.execution.secrets.values().filter_map(|secret| secret.from.as_ref());
        let read = self.api.tokens.iter().chain(sources).chain(provider).chain(checkpoints);
        read.chain(channels).chain(rotas).chain(endpoints).chain(steps)
    }

    /// A secret of the service that a step could print would be redacted nowhere.
    fn check_environment(&self) -> Result<(), BadInput> {
        let secret = self.secrets().find_map(|secret| match secret {
            SecretRef::Env(name) if self.execution.environment.contains(name) => Some(name),
            _ => None,
        });
        secret.map_or(Ok(()), |name| {
            Err(BadInput(format!(
                "[execution] environment: {name} holds a secret of the service; steps do not get it"
            )))
        })
    }

    /// The policy with what the configuration says may be started and looked at.
    #[must_use]
    pub fn bind(&self, policy: EscalationPolicy) -> EscalationPolicy {
        let policy = self.execution.bind(policy);
        match &self.inspection {
            Some(inspection) => inspection.bind(&self.execution.endpoints, policy),
            None => policy,
        }
    }

    fn check(&self) -> Result<(), BadInput> {
        self.server.check()?;
        self.session.check()?;
        let live = self.mode == ConfiguredMode::Live;
        self.execution.check(live)?;
        let services = &self.execution.endpoints;
        self.inspection.iter().try_for_each(|inspection| inspection.check(services))?;
        self.check_environment()?;
        self.oidc.iter().try_for_each(|oidc| oidc.check(&self.server))?;
        self.telemetry.check()?;
        if self.api.tokens.len() > limits::API_TOKENS {
            let most = limits::API_TOKENS;
            return Err(BadInput(format!("api.tokens has more than {most} entries")));
        }
        if self.sources.len() > limits::SOURCES {
            let most = limits::SOURCES;
            return Err(BadInput(format!("there are more than {most} sources")));
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = self.sources.iter().find(|source| !names.insert(&source.name)) {
            return Err(BadInput(format!("two sources are named {:?}", twice.name)));
        }
        poll::check_all(&self.polls)?;
        self.checkpoints.check()?;
        notify::check_all(&self.channels)?;
        rota::check_all(&self.rotas)
    }
}

/// A length of time as people write it, such as `30s`.
fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// The policy in the file at `path`.
///
/// # Errors
/// If it cannot be read or breaks a rule; the message names the file, the place and the fix.
pub fn read_policy(path: &Path) -> Result<EscalationPolicy, BadInput> {
    let text = read_text(path, limits::POLICY_BYTES)?;
    EscalationPolicy::parse(&text).map_err(|e| BadInput(format!("{}: {e}", path.display())))
}

/// The text of a file, if it is not larger than `limit` bytes.
///
/// # Errors
/// If it cannot be read, is too large, or is not UTF-8.
pub fn read_text(path: &Path, limit: usize) -> Result<String, BadInput> {
    let named = |what: String| BadInput(format!("{}: {what}", path.display()));
    let file = fs::File::open(path).map_err(|e| named(e.to_string()))?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|e| named(e.to_string()))?;
    if bytes.len() > limit {
        return Err(named(format!("is larger than {limit} bytes")));
    }
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        named(format!("the byte at offset {at} is not UTF-8; save the file as UTF-8"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_up_to_its_limit_and_refused_one_byte_past_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("tagout.toml");
        for (more, good) in [(0, true), (1, false)] {
            let text = format!("mode = \"dry-run\"\n#{}", "x".repeat(limits::CONFIG_BYTES));
            std::fs::write(&path, &text[..limits::CONFIG_BYTES + more]).unwrap();
            let read = Config::read(&path);
            assert_eq!(read.is_ok(), good, "{more} more: {:?}", read.err());
        }
    }
}
