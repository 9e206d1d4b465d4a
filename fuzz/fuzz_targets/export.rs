//! An exported log.
#![no_main]

use tagout_fuzz::{KEYS, is_the_signed_one};
use tagout_log::verify::verify_export;

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    if let Ok(report) = verify_export(file, KEYS.as_slice(), &[]) {
        is_the_signed_one(&report.checkpoint);
    }
});
