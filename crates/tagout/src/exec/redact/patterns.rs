//! What a secret looks like where it is not hidden by escapes: as it is, line by line, and in base64.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use secrecy::zeroize::Zeroizing;

/// A line of a secret of several lines is looked for by itself from this many bytes on.
const LINE_BYTES: usize = 8;

/// Appends what to look for.
pub(super) fn of(secret: &[u8], into: &mut Vec<Zeroizing<Vec<u8>>>) {
    plain_and_base64(secret, into);
    // Programs print a key line by line, with something before or after each.
    let lines = secret.split(|byte| *byte == b'\n' || *byte == b'\r');
    for line in lines.filter(|line| line.len() >= LINE_BYTES && line.len() < secret.len()) {
        plain_and_base64(line, into);
    }
}

fn plain_and_base64(secret: &[u8], into: &mut Vec<Zeroizing<Vec<u8>>>) {
    into.push(Zeroizing::new(secret.to_vec()));
    for engine in [&STANDARD, &URL_SAFE] {
        for before in 0..3 {
            let mut text = Zeroizing::new(vec![0; before]);
            text.extend_from_slice(secret);
            let encoded = Zeroizing::new(engine.encode(&*text));
            // A character stands for six bits. Those that hold bits of the bytes before are not
            // known; the last one is known if nothing follows, and so is looked for with and
            // without.
            let first = (8 * before).div_ceil(6);
            let last = 8 * text.len() / 6;
            let with_end = (8 * text.len()).div_ceil(6);
            for end in [last, with_end] {
                if let Some(part) = encoded.as_bytes().get(first..end) {
                    into.push(Zeroizing::new(part.to_vec()));
                }
            }
        }
    }
}
