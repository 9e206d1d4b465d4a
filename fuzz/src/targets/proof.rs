//! One entry's proof as a file.

use crate::rules::{KEYS, is_the_signed_one};
use tagout_log::proof_file::ProofFile;

pub fn fuzz(text: &str) {
    if let Ok(file) = text.parse::<ProofFile>()
        && let Ok(proved) = file.verify(KEYS.as_slice())
    {
        is_the_signed_one(&proved.checkpoint);
        let again: ProofFile = file.to_string().parse().expect("a proof is written as it is read");
        assert_eq!(again, file);
    }
}
