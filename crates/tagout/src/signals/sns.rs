//! The envelope in which Amazon SNS posts a message over HTTP, and the text it signs.
//!
//! Format: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>;
//! signature: <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>.
//! Raw message delivery must be off: it sends no envelope and no signature.

use tagout_core::alert::AlertFlaw;

use super::fields::Fields;
use super::json::{self, Kind, Members, quoted};
use super::{Content, Format, Handshake, SignalError, cloudwatch};

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Somebody published to the topic.
    Notification,
    /// SNS asks whether we want the topic's messages.
    SubscriptionConfirmation,
    /// The subscription was deleted.
    UnsubscribeConfirmation,
}

/// One message, with every string exactly as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) sent: Sent,
    /// The word of `Type`.
    kind: String,
    message_id: String,
    /// The topic's ARN.
    pub(crate) topic: String,
    message: String,
    /// Absent where there is no subject.
    subject: Option<String>,
    /// When it was published, RFC 3339.
    pub(crate) timestamp: String,
    /// `1` or `2`.
    pub(crate) signature_version: String,
    /// In base64.
    pub(crate) signature: String,
    pub(crate) signing_cert_url: String,
    /// Only where a subscription began or ended.
    subscribe_url: Option<String>,
    token: Option<String>,
}

/// Whether an outermost object is such an envelope.
pub(super) fn recognises(members: &Members<'_>) -> bool {
    ["Type", "MessageId", "TopicArn", "Message", "Signature", "SigningCertURL"]
        .iter()
        .all(|name| members.values.get(*name).is_some_and(|value| Kind::of(value) == Kind::String))
}

impl Envelope {
    /// Reads the envelope of a body.
    ///
    /// # Errors
    /// If it is no JSON object, or lacks what every SNS message has.
    pub(crate) fn of(body: &[u8]) -> Result<Self, SignalError> {
        Self::from_members(&json::outermost(json::text(body)?)?)
    }

    pub(super) fn from_members(members: &Members<'_>) -> Result<Self, SignalError> {
        Self::read(&Fields::from_members(members)).map_err(|flaw| wrong(flaw.to_string()))
    }

    fn read(sent: &Fields<'_>) -> Result<Self, AlertFlaw> {
        let needed =
            |name: &str| sent.text(name)?.ok_or_else(|| super::fields::flaw(name, "is missing"));
        let kind = needed("Type")?;
        let what = match kind.as_str() {
            "Notification" => Sent::Notification,
            "SubscriptionConfirmation" => Sent::SubscriptionConfirmation,
            "UnsubscribeConfirmation" => Sent::UnsubscribeConfirmation,
            other => {
                let what = format!("{} is no kind of SNS message", quoted(other));
                return Err(super::fields::flaw("Type", what));
            }
        };
        let confirms = what != Sent::Notification;
        Ok(Self {
            sent: what,
            kind,
            message_id: needed("MessageId")?,
            topic: needed("TopicArn")?,
            message: needed("Message")?,
            subject: sent.text("Subject")?,
            timestamp: needed("Timestamp")?,
            signature_version: needed("SignatureVersion")?,
            signature: needed("Signature")?,
            signing_cert_url: needed("SigningCertURL")?,
            subscribe_url: if confirms { Some(needed("SubscribeURL")?) } else { None },
            token: if confirms { Some(needed("Token")?) } else { None },
        })
    }

    /// The text that SNS signs: names and values in turn, each ended by a line feed.
    pub(crate) fn signed_text(&self) -> String {
        let mut pairs = vec![("Message", self.message.as_str()), ("MessageId", &self.message_id)];
        match (&self.subscribe_url, &self.token) {
            (Some(url), Some(token)) => {
                pairs.extend([("SubscribeURL", url.as_str()), ("Timestamp", &self.timestamp)]);
                pairs.push(("Token", token));
            }
            _ => {
                pairs.extend(self.subject.as_deref().map(|subject| ("Subject", subject)));
                pairs.push(("Timestamp", &self.timestamp));
            }
        }
        pairs.extend([("TopicArn", self.topic.as_str()), ("Type", &self.kind)]);
        let lines = pairs.into_iter().flat_map(|(name, value)| [name, "\n", value, "\n"]);
        lines.collect()
    }
}

/// What the message says, once nobody doubts who sent it.
pub(super) fn read(members: &Members<'_>) -> Result<Content, SignalError> {
    let envelope = Envelope::from_members(members)?;
    match (envelope.sent, envelope.subscribe_url) {
        (Sent::Notification, _) => cloudwatch::read(&envelope.message),
        (Sent::SubscriptionConfirmation, Some(url)) => {
            Ok(Content::Handshake(Handshake::SnsSubscription {
                topic: envelope.topic,
                subscribe_url: url,
            }))
        }
        _ => Ok(Content::Nothing("SNS says that the subscription was deleted")),
    }
}

/// What is wrong with the envelope.
pub(super) fn wrong(what: String) -> SignalError {
    SignalError::NotOfFormat { format: Format::CloudWatch, what }
}
