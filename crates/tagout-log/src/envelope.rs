//! An entry and its leaf: sealing puts a commitment in the place of each text, opening puts
//! the text back where it still exists.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tagout_core::canonical::{self, CanonicalError, MAX_INTEGER};
use tagout_core::text::{ERASED_KEY, TEXT_KEY};
use tagout_core::time::Time;

use crate::commitment::{Commitment, Payload};
use crate::leaf::{Irregular, Leaf, NAME_RULE, is_name};

pub use crate::leaf::{ENVELOPE_VERSION, MAX_LEAF_BYTES, MAX_NAME_BYTES};
pub use crate::scan::{COMMIT_KEY, MAX_DEPTH};

/// How many bytes the texts of one entry may have together.
pub const MAX_TEXT_BYTES: usize = 4 << 20;

/// What is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it happened. Times in a log never run backwards.
    pub at: Time,
    /// What it belongs to; entries of a stream are numbered.
    pub stream: String,
    /// The position in the stream, from 1.
    pub seq: u64,
    /// What sort of entry it is.
    pub kind: String,
    /// The version of the kind's data.
    pub version: u16,
    /// The data: any JSON without floats. An object `{"$text": "…"}` is free text.
    pub data: Value,
    /// The texts that this entry removes from the log, if any.
    pub erases: Vec<Commitment>,
}

/// An entry turned into a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The bytes of the leaf.
    pub leaf: Vec<u8>,
    /// The texts of the entry, to be kept beside the tree.
    pub payloads: Vec<Payload>,
}

/// A leaf turned back into an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The position in the log, from 0.
    pub index: u64,
    /// The entry; a text that is gone stands as `{"$erased": "<commitment>"}`.
    pub entry: Entry,
}

/// Why an entry cannot be recorded or a leaf cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The name of the stream or kind is not allowed.
    #[error("{name:?} cannot be the name of a stream or kind: {NAME_RULE}")]
    Name {
        /// The name.
        name: String,
    },
    /// A reserved member stands where it may not.
    #[error("{place}: a member may not be called {key}; rename it before recording")]
    Reserved {
        /// Where in the data, as a JSON pointer.
        place: String,
        /// The member.
        key: &'static str,
    },
    /// A text is not marked up as free text is.
    #[error("{place}: free text is an object whose only member is $text, a string")]
    Text {
        /// Where in the data, as a JSON pointer.
        place: String,
    },
    /// The data nests too deep.
    #[error("{place}: the data nests deeper than {MAX_DEPTH} levels; record it as one $text")]
    TooDeep {
        /// Where in the data, as a JSON pointer.
        place: String,
    },
    /// The leaf would be too long.
    #[error(
        "the leaf would have {bytes} bytes and may have {MAX_LEAF_BYTES}; shorten the data or \
         record what is long as $text"
    )]
    LeafTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The texts of the entry are too long together.
    #[error(
        "the texts of the entry have {bytes} bytes and may have {MAX_TEXT_BYTES}; cut them \
         and record that they were cut"
    )]
    TextTooLong {
        /// Their length together.
        bytes: usize,
    },
    /// A number is beyond what JSON readers agree on.
    #[error("{0}")]
    Number(#[from] CanonicalError),
    /// The index or the position in the stream is out of range.
    #[error("the index and seq of an entry lie between 0 (seq: 1) and 2^53 - 1")]
    Position,
    /// The bytes are not a leaf.
    #[error("not a leaf: {0}")]
    Leaf(#[from] Irregular),
    /// A kept text is not the one that was committed to.
    #[error("the text kept for commitment {0} is not the text that was recorded")]
    Mismatch(Commitment),
}

/// Turns an entry into the leaf at `index`. Each text gets a salt from `salts`, which must
/// return unpredictable bytes that it never returned before.
///
/// # Errors
/// If the entry breaks a rule or a bound; the message says which and what to do.
pub fn seal(
    entry: &Entry,
    index: u64,
    salts: &mut dyn FnMut() -> [u8; 32],
) -> Result<Sealed, EnvelopeError> {
    let Entry { at, ref stream, seq, ref kind, version, ref data, ref erases } = *entry;
    seal_draft(Draft { at, stream, seq, kind, version, data, erases }, index, salts)
}

/// An entry that somebody else holds.
#[derive(Clone, Copy)]
pub(crate) struct Draft<'a> {
    pub(crate) at: Time,
    pub(crate) stream: &'a str,
    pub(crate) seq: u64,
    pub(crate) kind: &'a str,
    pub(crate) version: u16,
    pub(crate) data: &'a Value,
    pub(crate) erases: &'a [Commitment],
}

/// As [`seal`].
pub(crate) fn seal_draft(
    entry: Draft<'_>,
    index: u64,
    salts: &mut dyn FnMut() -> [u8; 32],
) -> Result<Sealed, EnvelopeError> {
    for name in [entry.stream, entry.kind] {
        if !is_name(name) {
            return Err(EnvelopeError::Name { name: name.to_owned() });
        }
    }
    if index > MAX_INTEGER || !(1..=MAX_INTEGER).contains(&entry.seq) {
        return Err(EnvelopeError::Position);
    }
    // The members stand in the order of their names, and no name of a stream or kind needs an
    // escape.
    let mut leaf = Vec::with_capacity(1024);
    let mut sealing = Sealing { salts, payloads: Vec::new(), text_bytes: 0 };
    leaf.extend_from_slice(format!("{{\"at\":\"{}\",\"data\":", entry.at).as_bytes());
    sealing.value(entry.data, MAX_DEPTH, &Place::Root, &mut leaf)?;
    let payloads = sealing.payloads;
    if !entry.erases.is_empty() {
        let mut erases = entry.erases.to_vec();
        erases.sort_unstable();
        erases.dedup();
        let erases: Vec<Value> = erases.iter().map(|c| c.to_string().into()).collect();
        leaf.extend_from_slice(b",\"erases\":");
        canonical::write(&erases.into(), &mut leaf)?;
    }
    let Draft { kind, version, seq, stream, .. } = entry;
    let end = format!(
        ",\"index\":{index},\"kind\":\"{kind}\",\"kind_version\":{version},\"seq\":{seq},\
         \"stream\":\"{stream}\",\"v\":{ENVELOPE_VERSION}}}"
    );
    leaf.extend_from_slice(end.as_bytes());
    if leaf.len() > MAX_LEAF_BYTES {
        return Err(EnvelopeError::LeafTooLong { bytes: leaf.len() });
    }
    // What cannot be read back must never be hashed into the tree.
    Leaf::parse(&leaf)?;
    Ok(Sealed { leaf, payloads })
}

/// Turns a leaf back into an entry. Of the payloads given, those that the leaf holds
/// commitments to are put back; the texts of all others are shown as erased.
///
/// # Errors
/// If the bytes are not a leaf, or a payload is not the text that was recorded.
pub fn open(leaf: &[u8], payloads: &[Payload]) -> Result<Opened, EnvelopeError> {
    let leaf = Leaf::parse(leaf)?;
    let payloads: BTreeMap<_, _> = payloads.iter().map(|p| (p.commitment, p)).collect();
    let data: Value = serde_json::from_str(leaf.data)
        .map_err(|_| Irregular { offset: 0, reason: "the data is not JSON" })?;
    let entry = Entry {
        at: leaf.time(),
        stream: leaf.stream.to_owned(),
        seq: leaf.seq,
        kind: leaf.kind.to_owned(),
        version: leaf.kind_version,
        data: restore(data, &payloads)?,
        erases: leaf.erases,
    };
    Ok(Opened { index: leaf.index, entry })
}

fn restore(
    value: Value,
    payloads: &BTreeMap<Commitment, &Payload>,
) -> Result<Value, EnvelopeError> {
    match value {
        Value::Array(items) => items
            .into_iter()
            .map(|item| restore(item, payloads))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array),
        Value::Object(members) => {
            let commitment = members.get(COMMIT_KEY).and_then(Value::as_str);
            if let Some(commitment) = commitment.and_then(|hex| hex.parse().ok()) {
                return match payloads.get(&commitment) {
                    None => Ok(json!({ERASED_KEY: commitment.to_string()})),
                    Some(payload) if payload.is_intact() => Ok(json!({TEXT_KEY: payload.text})),
                    Some(_) => Err(EnvelopeError::Mismatch(commitment)),
                };
            }
            let restored =
                members.into_iter().map(|(key, member)| Ok((key, restore(member, payloads)?)));
            restored.collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        scalar => Ok(scalar),
    }
}

/// Where in the data the walk stands, written out only when something is wrong there.
enum Place<'a> {
    Root,
    Member(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root => f.write_str("/data"),
            Self::Member(parent, key) => {
                write!(f, "{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Self::Item(parent, n) => write!(f, "{parent}/{n}"),
        }
    }
}

struct Sealing<'a> {
    salts: &'a mut dyn FnMut() -> [u8; 32],
    payloads: Vec<Payload>,
    text_bytes: usize,
}

impl Sealing<'_> {
    /// Writes the value, with a commitment in the place of each text. `depth` is how many more
    /// levels may follow.
    fn value(
        &mut self,
        value: &Value,
        depth: usize,
        at: &Place<'_>,
        leaf: &mut Vec<u8>,
    ) -> Result<(), EnvelopeError> {
        let inner =
            || depth.checked_sub(1).ok_or_else(|| EnvelopeError::TooDeep { place: at.to_string() });
        match value {
            Value::Array(items) => {
                let depth = inner()?;
                canonical::array(items, leaf, |n, item, leaf| {
                    self.value(item, depth, &Place::Item(at, n), leaf)
                })
            }
            Value::Object(members) if members.contains_key(COMMIT_KEY) => {
                Err(EnvelopeError::Reserved { place: at.to_string(), key: COMMIT_KEY })
            }
            Value::Object(members) => {
                let depth = inner()?;
                match members.get(TEXT_KEY) {
                    None => canonical::object(members, leaf, |key, member, leaf| {
                        self.value(member, depth, &Place::Member(at, key), leaf)
                    }),
                    Some(Value::String(text)) if members.len() == 1 => self.text(text, leaf),
                    Some(_) => Err(EnvelopeError::Text { place: at.to_string() }),
                }
            }
            scalar => Ok(canonical::write(scalar, leaf)?),
        }
    }

    fn text(&mut self, text: &str, leaf: &mut Vec<u8>) -> Result<(), EnvelopeError> {
        self.text_bytes = self.text_bytes.saturating_add(text.len());
        if self.text_bytes > MAX_TEXT_BYTES {
            return Err(EnvelopeError::TextTooLong { bytes: self.text_bytes });
        }
        let salt = (self.salts)();
        let commitment = Commitment::to(text, &salt);
        leaf.extend_from_slice(format!("{{\"{COMMIT_KEY}\":\"{commitment}\"}}").as_bytes());
        self.payloads.push(Payload { commitment, salt, text: text.to_owned() });
        Ok(())
    }
}
