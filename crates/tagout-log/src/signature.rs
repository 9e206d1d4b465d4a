//! A signature under a note, and what can be wrong with one.

/// Why a key or a note is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A key has a name that notes cannot carry.
    #[error(
        "{0:?} cannot be the name of a key: it is empty or holds a space, a plus or a control character"
    )]
    Name(String),
    /// A text is not a public key.
    #[error("not a public key of the form name+hash+base64: {0}")]
    VerifierKey(&'static str),
    /// A text is not a private key. The message does not repeat the key.
    #[error("not a private key of the form PRIVATE+KEY+name+hash+base64: {0}")]
    SignerKey(&'static str),
    /// A text cannot be signed or is not a note.
    #[error("not a signed note: {0}")]
    Form(&'static str),
    /// A listed key's signature is wrong.
    #[error("the signature by {0} does not fit the text")]
    WrongSignature(String),
    /// Nobody listed has signed.
    #[error("none of the given keys has signed it; it is signed by {0}")]
    NoKnownSignature(String),
}

/// A signature as it stands under a note, by a key that is known or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name of the key.
    pub name: String,
    /// The id of the key.
    pub id: u32,
    /// The signature itself; 64 bytes if it is one by an Ed25519 key.
    pub bytes: Vec<u8>,
}
