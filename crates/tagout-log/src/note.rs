//! Signed notes: a text with signatures under it, as in C2SP `signed-note` (Ed25519 only).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tagout_core::digest::to_hex;

use crate::key::{SignerKey, VerifierKey, is_key_name};

pub use crate::signature::{NoteError, Signature};

/// The longest note in bytes.
pub const MAX_NOTE_BYTES: usize = 1 << 20;
/// How many signatures a note may have.
pub const MAX_SIGNATURES: usize = 100;

const DASH: &str = "\u{2014} ";

/// A text with signatures. Written with [`fmt::Display`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// Signs a text with each of the keys.
    ///
    /// # Errors
    /// If the text does not end with a newline, holds other control characters or is too long,
    /// or if there is no key.
    pub fn sign(text: &str, signers: &[&SignerKey]) -> Result<Self, NoteError> {
        check_text(text)?;
        if signers.is_empty() || signers.len() > MAX_SIGNATURES {
            return Err(NoteError::Form("a note has between 1 and 100 signatures"));
        }
        let signatures = signers.iter().map(|signer| signer.sign(text)).collect();
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// Reads a note. This says nothing about its signatures: see [`Note::verify`].
    ///
    /// # Errors
    /// If it does not have the form of a note.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(NoteError::Form("it is longer than 1 MiB"));
        }
        let split = note.rfind("\n\n").ok_or(NoteError::Form("it has no blank line"))?;
        let (text, signatures) = note.split_at(split + 1);
        check_text(text)?;
        let signatures = signatures.strip_prefix('\n').and_then(|s| s.strip_suffix('\n'));
        let signatures = signatures.ok_or(NoteError::Form("it does not end with a newline"))?;
        let signatures =
            signatures.split('\n').map(read_signature).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Form("it has more than 100 signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text that is signed, its final newline included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signatures, by keys known or not.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Which of the keys have signed. Signatures by other keys are skipped.
    ///
    /// # Errors
    /// If none has, or if a signature by one of them is wrong.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signed_by = Vec::new();
        for signature in &self.signatures {
            let listed = keys.iter().find(|k| k.id() == signature.id && k.name() == signature.name);
            if let Some(key) = listed {
                key.verify(&self.text, signature)?;
                if !signed_by.contains(&key) {
                    signed_by.push(key);
                }
            }
        }
        if signed_by.is_empty() {
            let names = self.signatures.iter();
            let names = names.map(|s| format!("{}+{}", s.name, to_hex(&s.id.to_be_bytes())));
            return Err(NoteError::NoKnownSignature(names.collect::<Vec<_>>().join(", ")));
        }
        Ok(signed_by)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            let mut bytes = signature.id.to_be_bytes().to_vec();
            bytes.extend_from_slice(&signature.bytes);
            writeln!(f, "{DASH}{} {}", signature.name, BASE64.encode(bytes))?;
        }
        Ok(())
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::Form("its text does not end with a newline"));
    }
    if text.bytes().any(|b| b < 0x20 && b != b'\n') {
        return Err(NoteError::Form("its text holds a control character"));
    }
    if text.len() > MAX_NOTE_BYTES / 2 {
        return Err(NoteError::Form("its text is longer than 512 KiB"));
    }
    Ok(())
}

fn read_signature(line: &str) -> Result<Signature, NoteError> {
    let form = NoteError::Form("a signature line is a dash, a key name and base64");
    let Some((name, base64)) = line.strip_prefix(DASH).and_then(|line| line.split_once(' ')) else {
        return Err(form);
    };
    let bytes = BASE64.decode(base64).map_err(|_| form.clone())?;
    match bytes.split_first_chunk::<4>() {
        Some((id, bytes)) if is_key_name(name) && !bytes.is_empty() => Ok(Signature {
            name: name.to_owned(),
            id: u32::from_be_bytes(*id),
            bytes: bytes.to_vec(),
        }),
        _ => Err(form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The key and note in the documentation of Go's golang.org/x/mod/sumdb/note.
    const GO_SECRET: &str =
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const GO_PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn key(name: &str, seed: u8) -> SignerKey {
        SignerKey::from_seed(name, &[seed; 32]).unwrap()
    }

    #[test]
    fn keys_and_notes_of_go_are_read_and_written_alike() {
        let signer = SignerKey::from_secret_text(GO_SECRET).unwrap();
        assert_eq!(signer.to_secret_text(), GO_SECRET);
        assert_eq!(signer.verifier().to_string(), GO_PUBLIC);
        let note = Note::parse(GO_NOTE).unwrap();
        assert_eq!(note.verify(&[GO_PUBLIC.parse().unwrap()]).unwrap().len(), 1);
        let signed = Note::sign(note.text(), &[&signer]).unwrap();
        assert_eq!(signed.to_string(), GO_NOTE);
    }

    #[test]
    fn a_signature_by_an_unknown_key_is_skipped_and_never_enough() {
        let (old, new, other) = (key("log", 1), key("log", 2), key("log", 3));
        let note = Note::sign("hello\n", &[&old, &new]).unwrap();
        let note = Note::parse(&note.to_string()).unwrap();
        let list = |k: &SignerKey| vec![k.verifier().clone()];
        assert_eq!(note.verify(&list(&old)).unwrap(), [old.verifier()]);
        assert_eq!(note.verify(&list(&new)).unwrap(), [new.verifier()]);
        assert!(matches!(note.verify(&list(&other)), Err(NoteError::NoKnownSignature(_))));
        assert!(matches!(note.verify(&[]), Err(NoteError::NoKnownSignature(_))));
    }

    #[test]
    fn a_wrong_signature_by_a_known_key_condemns_the_note() {
        let (a, b) = (key("a", 1), key("b", 2));
        let good = Note::sign("hello\n", &[&a]).unwrap();
        let bad = Note::sign("hallo\n", &[&b]).unwrap();
        let mixed = Note {
            text: good.text.clone(),
            signatures: vec![good.signatures[0].clone(), bad.signatures[0].clone()],
        };
        let keys = [a.verifier().clone(), b.verifier().clone()];
        assert_eq!(mixed.verify(&keys), Err(NoteError::WrongSignature("b".into())));
    }

    #[test]
    fn a_text_with_blank_lines_is_split_at_the_last_one() {
        let note = Note::sign("a\n\n\nb\n", &[&key("k", 1)]).unwrap();
        assert_eq!(Note::parse(&note.to_string()).unwrap(), note);
    }

    #[test]
    fn what_is_not_a_note_is_refused() {
        let note = Note::sign("hello\n", &[&key("k", 1)]).unwrap().to_string();
        for wrong in [
            String::new(),
            "hello\n".into(),
            "hello\n\n".into(),
            note.trim_end().to_owned(),
            format!("{note}\n"),
            note.replace('\u{2014}', "-"),
            note.replace("hello", "hel\tlo"),
            note.replace("\u{2014} k ", "\u{2014} k  "),
            note.replace('=', ""),
        ] {
            assert!(Note::parse(&wrong).is_err(), "{wrong:?}");
        }
        assert!(Note::sign("no newline", &[&key("k", 1)]).is_err());
        assert!(Note::sign("nobody\n", &[]).is_err());
    }
}
