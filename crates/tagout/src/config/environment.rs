//! The environment: every single-valued setting of the file under a name such as
//! `TAGOUT_SERVER_LISTEN`, which wins over the file.

use std::ffi::OsString;
use std::fmt::Display;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as ValueError;

use super::{BadInput, Config, OidcConfig, PublicUrl};
use crate::notify::config::Place;
use crate::source::SecretRef;
use crate::store::StoreConfig;
use crate::store::config::{Address, InEnv};

type Set = fn(&mut Config, &str) -> Result<(), String>;

/// Every setting that the environment can give, and how.
const SETTINGS: [(&str, Set); 35] = [
    ("TAGOUT_RUNBOOKS", |c, text| some(&mut c.runbooks, text)),
    ("TAGOUT_POLICY", |c, text| some(&mut c.policy, text)),
    ("TAGOUT_MODE", |c, text| word(&mut c.mode, text)),
    ("TAGOUT_STORE_KIND", |c, text| word(&mut c.store.kind, text)),
    ("TAGOUT_STORE_URL", |c, _| {
        // It may hold a password, so it is read where it is used and nowhere else.
        c.store.url = Some(Address::Env(InEnv { env: "TAGOUT_STORE_URL".to_owned() }));
        Ok(())
    }),
    ("TAGOUT_STORE_REQUIRE_SYNCHRONOUS_STANDBY", |c, text| {
        parsed(&mut c.store.require_synchronous_standby, text)
    }),
    ("TAGOUT_STORE_RESERVE_BYTES", |c, text| {
        let mut bytes = 0;
        parsed(&mut bytes, text)?;
        c.store.reserve_bytes = Some(bytes);
        Ok(())
    }),
    ("TAGOUT_SERVER_LISTEN", |c, text| parsed(&mut c.server.listen, text)),
    ("TAGOUT_SERVER_MAX_BODY_BYTES", |c, text| parsed(&mut c.server.max_body_bytes, text)),
    ("TAGOUT_SERVER_MAX_BODY_BYTES_IN_FLIGHT", |c, text| {
        parsed(&mut c.server.max_body_bytes_in_flight, text)
    }),
    ("TAGOUT_SERVER_QUEUE", |c, text| parsed(&mut c.server.queue, text)),
    ("TAGOUT_SERVER_MAX_CONNECTIONS", |c, text| parsed(&mut c.server.max_connections, text)),
    ("TAGOUT_SERVER_REQUEST_TIMEOUT", |c, text| parsed(&mut c.server.request_timeout, text)),
    ("TAGOUT_SERVER_SHUTDOWN_GRACE", |c, text| parsed(&mut c.server.shutdown_grace, text)),
    ("TAGOUT_SERVER_PUBLIC_URL", |c, text| {
        let mut url = PublicUrl::default();
        parsed(&mut url, text)?;
        c.server.public_url = Some(url);
        Ok(())
    }),
    ("TAGOUT_EXECUTION_DIRECTORY", |c, text| {
        c.execution.directory = text.into();
        Ok(())
    }),
    ("TAGOUT_EXECUTION_GRACE", |c, text| parsed(&mut c.execution.grace, text)),
    ("TAGOUT_EXECUTION_SSH", |c, text| some(&mut c.execution.ssh, text)),
    ("TAGOUT_EXECUTION_CGROUP", |c, text| some(&mut c.execution.cgroup, text)),
    ("TAGOUT_EXECUTION_WEAK_CONTAINMENT", |c, text| {
        parsed(&mut c.execution.weak_containment, text)
    }),
    ("TAGOUT_OIDC_ISSUER", |c, text| parsed(&mut oidc(c).issuer, text)),
    ("TAGOUT_OIDC_CLIENT_ID", |c, text| parsed(&mut oidc(c).client_id, text)),
    ("TAGOUT_OIDC_CLIENT_SECRET", |c, _| {
        // Read where it is used and nowhere else.
        oidc(c).client_secret = Some(SecretRef::Env("TAGOUT_OIDC_CLIENT_SECRET".to_owned()));
        Ok(())
    }),
    ("TAGOUT_OIDC_NAME_CLAIM", |c, text| parsed(&mut oidc(c).name_claim, text)),
    ("TAGOUT_OIDC_GROUPS_CLAIM", |c, text| parsed(&mut oidc(c).groups_claim, text)),
    ("TAGOUT_SESSION_IDLE", |c, text| parsed(&mut c.session.idle, text)),
    ("TAGOUT_SESSION_LIFETIME", |c, text| parsed(&mut c.session.lifetime, text)),
    ("TAGOUT_API_METRICS_OPEN", |c, text| parsed(&mut c.api.metrics_open, text)),
    ("TAGOUT_CHECKPOINTS_FILE", |c, text| some(&mut c.checkpoints.file, text)),
    ("TAGOUT_CHECKPOINTS_URL", |c, _| {
        // It may hold a secret, so it is read where it is used and nowhere else.
        let url = SecretRef::Env("TAGOUT_CHECKPOINTS_URL".to_owned());
        c.checkpoints.url = Some(Place::Secret(url));
        Ok(())
    }),
    ("TAGOUT_CHECKPOINTS_MINUTES", |c, text| {
        let mut minutes = 0;
        parsed(&mut minutes, text)?;
        c.checkpoints.minutes = Some(minutes);
        Ok(())
    }),
    ("TAGOUT_TELEMETRY_LOG_FORMAT", |c, text| word(&mut c.telemetry.log_format, text)),
    ("TAGOUT_TELEMETRY_LOG_LEVEL", |c, text| word(&mut c.telemetry.log_level, text)),
    ("TAGOUT_TELEMETRY_OTLP_ENDPOINT", |c, text| some(&mut c.telemetry.otlp_endpoint, text)),
    ("TAGOUT_TELEMETRY_SAMPLE_RATIO", |c, text| parsed(&mut c.telemetry.sample_ratio, text)),
];

/// What settings begin with: a name like that which is none is a slip.
const SECTIONS: [&str; 8] = [
    "TAGOUT_STORE_",
    "TAGOUT_SERVER_",
    "TAGOUT_EXECUTION_",
    "TAGOUT_OIDC_",
    "TAGOUT_SESSION_",
    "TAGOUT_API_",
    "TAGOUT_CHECKPOINTS_",
    "TAGOUT_TELEMETRY_",
];

/// The identity provider, which the file need not name. What it lacks is said by its check.
fn oidc(config: &mut Config) -> &mut OidcConfig {
    config.oidc.get_or_insert_with(OidcConfig::unset)
}

fn parsed<T: FromStr<Err: Display>>(slot: &mut T, text: &str) -> Result<(), String> {
    *slot = text.parse().map_err(|e: T::Err| e.to_string())?;
    Ok(())
}

fn some<T: for<'a> From<&'a str>>(slot: &mut Option<T>, text: &str) -> Result<(), String> {
    *slot = Some(text.into());
    Ok(())
}

fn word<'de, T: Deserialize<'de>>(slot: &mut T, text: &'de str) -> Result<(), String> {
    let read: Result<T, ValueError> = T::deserialize(text.into_deserializer());
    *slot = read.map_err(|e| e.to_string())?;
    Ok(())
}

/// The names of all settings that the environment can give.
pub fn settings() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|(name, _)| *name)
}

/// Has `variables` win over what `config` says.
///
/// # Errors
/// If a value is not of its kind, or a name looks like a setting and is none.
pub(super) fn apply(
    config: &mut Config,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(), BadInput> {
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with("TAGOUT_")) else { continue };
        // A variable that holds a secret is read where it is named, and nowhere else.
        if config.secrets().any(|secret| matches!(secret, SecretRef::Env(known) if known == name)) {
            continue;
        }
        if let Some((_, set)) = SETTINGS.iter().find(|(known, _)| *known == name) {
            let value = value.to_str().ok_or_else(|| BadInput(format!("{name} is not UTF-8")))?;
            set(config, value).map_err(|why| BadInput(format!("{name} is {value:?}: {why}")))?;
        } else if SECTIONS.iter().any(|section| name.starts_with(section)) && !is_foreign(name) {
            let known: Vec<_> = settings().collect();
            return Err(BadInput(format!(
                "{name} is no setting and no secret that the configuration names; the settings \
                 are {}",
                known.join(", ")
            )));
        }
    }
    Ok(())
}

/// Has the variables of `[store]` win over what the file says of it, whose text is `file`. No
/// other variable is looked at, as no other part of the file is.
///
/// # Errors
/// If a value is not of its kind, or a name looks like a setting and is none.
pub(crate) fn store(
    store: StoreConfig,
    file: &str,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<StoreConfig, BadInput> {
    let ours = |name: &str| {
        // One that the file names is a secret, unless it is a setting.
        name.starts_with("TAGOUT_STORE_")
            && (settings().any(|known| known == name) || !file.contains(name))
    };
    let variables = variables.into_iter().filter(|(name, _)| name.to_str().is_some_and(ours));
    let mut config = Config { store, ..Config::default() };
    apply(&mut config, variables)?;
    Ok(config.store)
}

/// Whether a cluster put it there: Kubernetes describes each service by variables that begin
/// with the service's name, <https://kubernetes.io/docs/concepts/services-networking/service/>.
fn is_foreign(name: &str) -> bool {
    name.ends_with("_PORT")
        || ["_PORT_", "_SERVICE_HOST", "_SERVICE_PORT"].iter().any(|part| name.contains(part))
}
