//! A receipt.
#![no_main]

use tagout_fuzz::{KEYS, is_the_signed_one};
use tagout_log::receipt::verify_receipt;

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    if let Ok(receipt) = verify_receipt(file, KEYS.as_slice()) {
        is_the_signed_one(&receipt.checkpoint);
    }
});
