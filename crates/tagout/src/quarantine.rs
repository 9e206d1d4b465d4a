//! Deliveries in quarantine, as every channel tells them: what known senders sent and nobody could
//! read. Each is named by the digest of its body, kept whole or in part, and can be read again after
//! its source was mended.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use tagout_core::digest::DeliveryDigest;
use tagout_core::event::Event;
use tagout_core::limits;
use tagout_core::time::Time;
use tagout_log::storage::Storage;
use utoipa::ToSchema;

use crate::fault::Fault;
use crate::journal::{Journal, Quarantined};
use crate::signals::{self, Delivery, Message};
use crate::source::Source;

/// A delivery in quarantine, without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptDelivery {
    /// The digest of its body, by which it is named.
    pub delivery: String,
    /// The place in the log where it is kept.
    pub entry: u64,
    /// Who sent it.
    pub source: String,
    /// When it came (RFC 3339).
    #[schema(value_type = String)]
    pub at: Time,
    /// What is wrong with it.
    pub why: String,
    /// How long it was, in bytes.
    pub bytes: u64,
    /// Whether all of it was kept, so that it can be read again. In a list: unless it was erased.
    pub whole: bool,
}

/// Why a delivery cannot be read again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReadAgain {
    /// Its body is not all there.
    #[error(
        "only a part of its {bytes} bytes is kept, so it cannot be read again; have it sent again, \
         or dismiss it"
    )]
    InPart {
        /// How long it was.
        bytes: u64,
    },
    /// Nothing was mended, or not enough.
    #[error("it still cannot be read: {0}")]
    Unreadable(String),
    /// It was read, and no alert is in it.
    #[error("it is no alert; dismiss it")]
    NoAlert,
}

impl KeptDelivery {
    fn of(delivery: DeliveryDigest, one: &Quarantined) -> Self {
        Self {
            delivery: delivery.to_string(),
            entry: one.entry,
            source: one.source.clone(),
            at: one.at,
            why: one.why.to_string(),
            bytes: one.bytes,
            whole: one.bytes <= limits::QUARANTINED_BYTES as u64,
        }
    }

    /// All that are in quarantine, in the order in which they came.
    #[must_use]
    pub fn all<S: Storage>(journal: &Journal<S>) -> Vec<Self> {
        let latest_first = journal.overview().quarantined();
        latest_first.into_iter().rev().map(|(digest, one)| Self::of(digest, one)).collect()
    }

    /// One that is in quarantine, with what is kept of its body; `None` if it is not.
    ///
    /// # Errors
    /// If the log is damaged or the storage fails.
    pub fn opened<S: Storage>(
        journal: &Journal<S>,
        delivery: DeliveryDigest,
    ) -> Result<Option<(Self, Vec<u8>)>, Fault> {
        let all = journal.overview().quarantined();
        let Some((_, one)) = all.into_iter().find(|(digest, _)| *digest == delivery) else {
            return Ok(None);
        };
        let recorded = journal.event(one.entry)?;
        let Some(Event::DeliveryQuarantined { body, base64, .. }) =
            recorded.as_ref().map(|recorded| recorded.event())
        else {
            return Err(Fault::damage(format!("entry {} is no delivery", one.entry)));
        };
        // An erased body is a short text that is no base64 and fits no digest.
        let decoded = base64.then(|| BASE64_STANDARD.decode(body.as_str()).ok()).flatten();
        let body = decoded.unwrap_or_else(|| body.as_str().as_bytes().to_vec());
        let whole = DeliveryDigest::of_bytes(&body) == delivery;
        Ok(Some((Self { whole, ..Self::of(delivery, one) }, body)))
    }

    /// Reads its body again by its source as that is configured now. The format of a source that is
    /// gone is told from the body.
    ///
    /// # Errors
    /// Why no alert comes of it.
    pub fn read_again(
        &self,
        source: Option<&Source>,
        body: &[u8],
    ) -> Result<Delivery, NotReadAgain> {
        if !self.whole {
            return Err(NotReadAgain::InPart { bytes: self.bytes });
        }
        let read = match source {
            Some(source) => source.read(&HeaderMap::new(), body),
            None => signals::read(body).map(Message::Alerts),
        };
        match read {
            // What is as bad as before stays where it is.
            Ok(Message::Alerts(delivery)) => match delivery.unusable() {
                Some(why) => Err(NotReadAgain::Unreadable(why)),
                None => Ok(delivery),
            },
            Ok(_) => Err(NotReadAgain::NoAlert),
            Err(error) => Err(NotReadAgain::Unreadable(error.to_string())),
        }
    }
}
