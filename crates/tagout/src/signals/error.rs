//! Why nothing in a body can be used.

use tagout_core::limits;

use super::Format;

/// Why nothing in a body can be used: where it is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// More bytes than [`limits::BODY_BYTES`].
    #[error("the input is larger than {} bytes; send it in smaller parts", limits::BODY_BYTES)]
    TooLarge,
    /// The source of the bytes failed.
    #[error("the input cannot be read: {why}")]
    Unreadable {
        /// What the operating system said.
        why: String,
    },
    /// Not UTF-8.
    #[error("the byte at offset {offset} is not UTF-8; save or send the alerts as UTF-8")]
    NotUtf8 {
        /// Bytes before the first wrong one.
        offset: usize,
    },
    /// Nothing, or nothing but white space.
    #[error("the input is empty; send an alert as JSON, such as {{\"title\": \"DiskFull\"}}")]
    Empty,
    /// Nested deeper than [`limits::JSON_DEPTH`].
    #[error(
        "line {line}, column {column}: nested more than {} levels deep; send flatter JSON",
        limits::JSON_DEPTH
    )]
    TooDeep {
        /// From 1.
        line: usize,
        /// From 1, in bytes.
        column: usize,
    },
    /// Not JSON (RFC 8259).
    #[error("line {line}, column {column}: {what}; check that the JSON is complete and valid")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1, in bytes.
        column: usize,
        /// What the parser met.
        what: String,
    },
    /// JSON, but neither an object nor an array.
    #[error("the input is {found}; send one alert as an object, an array, or one per line")]
    WrongShape {
        /// The kind of value, such as `a number`.
        found: String,
    },
    /// A member of the outermost object stands twice.
    #[error("the member {member} stands twice, so two readers may see two inputs; send it once")]
    Repeated {
        /// Its name in quotes.
        member: String,
    },
    /// More alerts than [`limits::ALERTS_PER_BODY`].
    #[error(
        "the input holds more than {} alerts; split it, or set max_alerts in the Alertmanager \
         receiver",
        limits::ALERTS_PER_BODY
    )]
    TooManyAlerts,
    /// An Alertmanager webhook of a version that is not known.
    #[error(
        "the webhook's version is {found} and only \"4\" is read; send from Alertmanager itself, \
         or send the alerts in Tagout's own JSON"
    )]
    UnknownVersion {
        /// The version as it was sent, in quotes if it was a string.
        found: String,
    },
    /// What a source that was asked answers is no list of alerts.
    #[error("the answer {what}; check the url and the kind of the source")]
    NoAnswer {
        /// What is wrong with it, as `is …` or `has …`.
        what: String,
    },
    /// A member of the Alertmanager webhook, outside its alerts, that cannot be read.
    #[error("{member}: {what}; send the webhook as Alertmanager writes it")]
    BadMember {
        /// The name of the member.
        member: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The body is not what its format says.
    #[error("this is no {format} message that can be read: {what}; check the kind of the source")]
    NotOfFormat {
        /// The format in which it was read.
        format: Format,
        /// What is wrong.
        what: String,
    },
    /// The body is well formed and brings no alert.
    #[error("the input is no alert but {what}; send an alert")]
    NoAlert {
        /// What it is.
        what: &'static str,
    },
    /// A body whose alerts are not where a mapping says.
    #[error(
        "{place} {what}, and the mapping {mapping} reads its alerts there; correct what is sent, \
         or each in the mapping"
    )]
    Unmapped {
        /// The name of the mapping.
        mapping: String,
        /// The pointer.
        place: String,
        /// What is wrong there.
        what: String,
    },
}
