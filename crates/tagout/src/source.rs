//! A configured sender: its name, how it proves that it is the one, and how its body is read.
//!
//! For each request to `POST /v1/sources/{name}` the HTTP layer does this, in this order:
//!
//! 1. [`Source::authenticate`] with the headers and the body exactly as they arrived. On an
//!    error it answers 503 if [`Unauthenticated::is_temporary`], else 401, and reads nothing.
//! 2. [`Source::read`]. An error is a body to quarantine: the sender is genuine, so it is
//!    answered 2xx and people are shown what could not be read.
//! 3. [`Message::Alerts`] goes to the writer; [`Message::Nothing`] is answered 2xx;
//!    [`Message::Handshake`] goes to [`Source::confirm`] together with the [`Proof`] of step 1,
//!    and is answered 2xx if that succeeds and 503 if it does not, so that the sender asks again.

mod certificate;
mod config;
mod credentials;
mod declared;
mod pinned;
mod secret;
mod signature;
mod sns;
mod unauthenticated;

use std::path::Path;
use std::sync::Arc;

use axum::http::HeaderMap;
use tagout_core::limits;
use tagout_core::time::Time;

pub use config::{Auth, Kind, SecretRef, SourceConfig};
pub use declared::{Declared, InForce};
pub use pinned::{Fetch, Fetching, Https, PinnedUrl};
pub use secret::Secret;
pub use unauthenticated::{NotConfirmed, Unauthenticated};

use crate::config::BadInput;
use crate::exec::redact::Redactions;
use crate::signals::{self, Format, Handshake, Message, SignalError};
use signature::Scheme;
use sns::Subscriber;

/// A sender that may bring alerts.
#[derive(Debug)]
pub struct Source {
    name: String,
    format: Format,
    /// How its body is read, where that is declared and not known.
    declared: Option<InForce>,
    gate: Gate,
    /// What is taken out of a body before it is shown to people.
    hidden: Redactions,
}

/// How the sender proves itself.
#[derive(Debug)]
enum Gate {
    /// It need not; the operator wrote so.
    Open,
    Bearer(Vec<Secret>),
    Basic(Vec<Secret>),
    Signature(Scheme, Vec<Secret>),
    Sns(Subscriber),
}

/// That a request's sender has proven itself. Made by [`Source::authenticate`] only.
#[derive(Debug)]
pub struct Proof(());

impl Source {
    /// Makes a source from its configuration and reads its secrets. Relative paths of secret
    /// files are relative to `base_dir`.
    ///
    /// # Errors
    /// If the configuration says too little, too much or contradicts itself, or a secret
    /// cannot be read. The message names the source and the fix, and never a secret.
    pub fn load(config: &SourceConfig, base_dir: &Path) -> Result<Self, BadInput> {
        let named = |what: String| BadInput(format!("source {:?}: {what}", config.name));
        config.check().map_err(named)?;
        let declared = Declared::load(config, base_dir)?.map(InForce::new);
        let format = config.kind.format().unwrap_or(Format::Mapped);
        let secrets = config
            .secrets
            .iter()
            .map(|reference| reference.load(base_dir))
            .collect::<Result<Vec<_>, _>>()
            .map_err(named)?;
        // What is too short to be told from other text would be found in every word.
        let told = secrets.iter().filter(|one| one.bytes().len() >= limits::EXEC_SECRET_BYTES);
        let hidden =
            Redactions::new(told).map_err(|why| named(format!("one of its secrets {why}")))?;
        let gate = match config.checked_auth().map_err(named)? {
            Auth::None => Gate::Open,
            Auth::Bearer => Gate::Bearer(secrets),
            Auth::Basic => Gate::Basic(secrets),
            Auth::Signature if format == Format::CloudWatch => {
                let tolerance = config.tolerance().map_err(named)?;
                let fetch = Arc::new(Https::new().map_err(named)?);
                let tolerance = tolerance.unwrap_or(limits::SNS_TOLERANCE);
                Gate::Sns(Subscriber::new(config.topics.clone(), tolerance, fetch))
            }
            Auth::Signature => Gate::Signature(Scheme::of(config, format).map_err(named)?, secrets),
        };
        Ok(Self { name: config.name.clone(), format, declared, gate, hidden })
    }

    /// Lets the source fetch certificates and confirm subscriptions through `fetch`.
    #[must_use]
    pub fn fetching_through(mut self, fetch: Arc<dyn Fetch>) -> Self {
        if let Gate::Sns(subscriber) = &mut self.gate {
            subscriber.fetch_through(fetch);
        }
        self
    }

    /// Its name, as it stands in the URL.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The format in which it sends.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The declaration by which its bodies are read, if they are read by one.
    #[must_use]
    pub const fn declared(&self) -> Option<&InForce> {
        self.declared.as_ref()
    }

    /// Whether the request comes from the sender that is configured. Only SNS may wait here,
    /// for a certificate that was not seen before.
    ///
    /// All secrets are tried in constant time, whichever of them fits.
    ///
    /// # Errors
    /// If it does not, or if that cannot be found out now.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Time,
    ) -> Result<Proof, Unauthenticated> {
        match &self.gate {
            Gate::Open => {}
            Gate::Bearer(secrets) => credentials::bearer(headers, secrets)?,
            Gate::Basic(secrets) => credentials::basic(headers, secrets)?,
            Gate::Signature(scheme, secrets) => scheme.verify(headers, body, secrets, now)?,
            Gate::Sns(subscriber) => subscriber.verify(body, now).await?,
        }
        Ok(Proof(()))
    }

    /// Whether the headers alone prove the sender, for a body that is too large to be read.
    #[must_use]
    pub fn is_proved_by(&self, headers: &HeaderMap) -> bool {
        match &self.gate {
            Gate::Bearer(secrets) => credentials::bearer(headers, secrets).is_ok(),
            Gate::Basic(secrets) => credentials::basic(headers, secrets).is_ok(),
            Gate::Open | Gate::Signature(..) | Gate::Sns(_) => false,
        }
    }

    /// What the request says. Reading proves nothing: ask [`Source::authenticate`] first.
    ///
    /// # Errors
    /// If the body is not in the source's format.
    pub fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Message, SignalError> {
        match &self.declared {
            Some(declared) => declared.read(body).map(Message::Alerts),
            None => signals::read_request(self.format, headers, body),
        }
    }

    /// A body as people may see it: without the secrets by which the source proves itself, should
    /// its sender have put one in.
    #[must_use]
    pub fn shown(&self, body: &[u8]) -> Vec<u8> {
        let (mut redactor, mut shown) = (self.hidden.redactor(), Vec::with_capacity(body.len()));
        redactor.push(body, &mut shown);
        redactor.finish(&mut shown);
        shown
    }

    /// Answers a handshake of a sender that has proven itself.
    ///
    /// # Errors
    /// If the URL to answer at is not the provider's own, its topic is not one of this source,
    /// or the provider cannot be reached.
    pub async fn confirm(&self, handshake: &Handshake, _: &Proof) -> Result<(), NotConfirmed> {
        match (&self.gate, handshake) {
            (Gate::Sns(subscriber), Handshake::SnsSubscription { topic, subscribe_url }) => {
                subscriber.confirm(topic, subscribe_url).await
            }
            _ => Err(NotConfirmed::Refused(
                "the source does not verify signatures of SNS; set auth = \"signature\"".to_owned(),
            )),
        }
    }
}
