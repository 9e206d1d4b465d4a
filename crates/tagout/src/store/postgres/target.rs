//! Which database to connect to, and how: the URL, TLS and time-outs.

use std::fmt;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::Severity;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::session::SessionError;
use crate::config::address;
use crate::store::StoreError;

/// How long one attempt to connect to one address may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a connection may be silent before it is asked whether it is alive.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
/// How often it is asked again, and how often in all.
const KEEPALIVE: (Duration, u32) = (Duration::from_secs(2), 3);
/// How long what was sent may go without a sign that it arrived.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// A database as a URL names it: `postgres://user@host:port,host:port/database?sslmode=…`, in
/// the form of <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>.
///
/// `sslmode` is `disable`, `require` or `verify-full`. The last two are the same here: the
/// certificate and the name of the server are always checked, against the certificates in the
/// file `sslrootcert` or the system's. Without it, TLS is required of every host that is not
/// this machine. The modes that may silently go without TLS or without a check are refused.
#[derive(Clone)]
pub struct Target {
    config: Config,
    tls: bool,
    roots: Option<PathBuf>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// The hosts and the database, never the password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.config.get_ports();
        for (n, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            let port = ports.get(n).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}:{port}")?,
                Host::Unix(path) => write!(f, "{comma}{}:{port}", path.display())?,
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// If it is no such URL; the message never repeats it, as it may hold a password.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let wrong = |what: &str| StoreError::Address(what.to_owned());
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong("it must begin with postgres://"));
        }
        let (front, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) if value.contains('%') => {
                    return Err(wrong("sslrootcert must be a path without %"));
                }
                Some(("sslrootcert", value)) => roots = Some(PathBuf::from(value)),
                Some(("target_session_attrs" | "application_name", _)) => {}
                Some(("sslcert" | "sslkey", _)) => {
                    return Err(wrong("client certificates (sslcert, sslkey) are not supported"));
                }
                _ => rest.push(pair),
            }
        }
        let bare = format!("{front}?{}", rest.join("&"));
        let mut config: Config = bare.parse().map_err(|e: tokio_postgres::Error| {
            let why = std::error::Error::source(&e).map_or(String::new(), |why| format!(": {why}"));
            StoreError::Address(format!("it cannot be read{why}"))
        })?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host"));
        }
        let tls = match mode {
            Some("disable") => false,
            Some("require" | "verify-full") => true,
            None => !config.get_hosts().iter().all(is_here),
            Some(_) => {
                return Err(wrong(
                    "sslmode must be verify-full, require (both check the certificate and the \
                     name) or disable",
                ));
            }
        };
        if tls && config.get_hosts().iter().any(|host| matches!(host, Host::Unix(_))) {
            return Err(wrong("PostgreSQL has no TLS over a Unix socket; leave sslmode out"));
        }
        config
            .ssl_mode(if tls { SslMode::Require } else { SslMode::Disable })
            // Of several hosts only the primary will do, wherever it is by now.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .application_name("tagout")
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE.0)
            .keepalives_retries(KEEPALIVE.1)
            .tcp_user_timeout(UNACKNOWLEDGED);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        Ok(Self { config, tls, roots })
    }

    /// Whether the URL holds a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// Connects once. `warned` becomes true whenever the server warns of something.
    pub(super) fn connect(&self, warned: Arc<AtomicBool>) -> Result<Connecting<'_>, ConnectError> {
        if !self.tls {
            return Ok(Box::pin(connect(&self.config, NoTls, warned)));
        }
        let tls = MakeRustlsConnect::new(self.tls_config().map_err(ConnectError::Settings)?);
        Ok(Box::pin(connect(&self.config, tls, warned)))
    }

    fn tls_config(&self) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore::empty();
        match &self.roots {
            Some(path) => {
                let named = |what: String| format!("sslrootcert {}: {what}", path.display());
                let certificates =
                    CertificateDer::pem_file_iter(path).map_err(|e| named(e.to_string()))?;
                for certificate in certificates {
                    let certificate = certificate.map_err(|e| named(e.to_string()))?;
                    roots.add(certificate).map_err(|e| named(e.to_string()))?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
            }
        }
        if roots.is_empty() {
            return Err("no certificates to check the server by; name some with sslrootcert".into());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }
}

/// An attempt to connect, under way.
type Connecting<'a> =
    Pin<Box<dyn Future<Output = Result<Client, tokio_postgres::Error>> + Send + 'a>>;

async fn connect<T>(
    config: &Config,
    tls: T,
    warned: Arc<AtomicBool>,
) -> Result<Client, tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket> + Send,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as tokio_postgres::tls::TlsConnect<Socket>>::Future: Send,
{
    let (client, mut connection) = config.connect(tls).await?;
    // It runs whenever an answer is waited for, and ends with the client.
    tokio::spawn(async move {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            match message {
                Ok(AsyncMessage::Notice(notice)) => {
                    if notice.parsed_severity() == Some(Severity::Warning) {
                        warned.store(true, Ordering::Relaxed);
                    }
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
    });
    Ok(client)
}

/// Why one attempt to connect failed.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// What is configured, or this machine, does not allow a connection.
    Settings(String),
    /// The server or the network.
    Session(SessionError),
}

impl From<SessionError> for ConnectError {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl From<tokio_postgres::Error> for ConnectError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Session(error.into())
    }
}

/// Whether a host is this machine: a Unix socket or the loopback.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => address::is_here(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(url: &str) -> bool {
        Target::parse(url).unwrap().tls
    }

    #[test]
    fn tls_is_required_of_every_host_that_is_not_this_machine() {
        assert!(tls("postgres://u@db.example.org/x"));
        assert!(tls("postgres://u@localhost,db.example.org/x"));
        assert!(tls("postgres://u@localhost/x?sslmode=require"));
        assert!(!tls("postgres://u@localhost,127.0.0.1:5433/x"));
        assert!(!tls("postgres://u@%2Frun%2Fpostgresql/x"));
        assert!(!tls("postgres://u@db.example.org/x?sslmode=disable"));
    }

    #[test]
    fn a_mode_that_may_go_without_a_check_is_refused() {
        for mode in ["prefer", "allow", "verify-ca", "", "Require"] {
            let refused = Target::parse(&format!("postgres://u:secret@db/x?sslmode={mode}"));
            let words = refused.unwrap_err().to_string();
            assert!(words.contains("verify-full") && !words.contains("secret"), "{words}");
        }
        Target::parse("postgres://u@%2Frun/x?sslmode=require").unwrap_err();
    }

    #[test]
    fn a_database_is_named_without_its_password() {
        let target = Target::parse("postgres://u:secret@a,b:6000/x?sslmode=disable").unwrap();
        assert_eq!(target.to_string(), "a:5432,b:6000/x");
        assert!(!format!("{target:?}").contains("secret"));
        assert!(target.has_password());
        for url in ["mysql://db/x", "postgres:///x", "postgres://u:secret@db:port/x"] {
            let words = Target::parse(url).unwrap_err().to_string();
            assert!(!words.contains("secret"), "{words}");
        }
    }
}
