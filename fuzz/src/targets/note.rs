//! A signed note and the checkpoint that it may carry.

use crate::rules::{KEYS, is_the_signed_one};
use tagout_log::SignedCheckpoint;
use tagout_log::note::Note;

pub fn fuzz(text: &str) {
    if let Ok(note) = Note::parse(text) {
        assert_eq!(Note::parse(&note.to_string()), Ok(note), "a note is written as it was read");
    }
    if let Ok(checkpoint) = SignedCheckpoint::parse(text)
        && checkpoint.verify(KEYS.as_slice()).is_ok()
    {
        is_the_signed_one(&checkpoint);
    }
}
