//! A receipt.

use crate::rules::{KEYS, is_the_signed_one};
use tagout_log::receipt::verify_receipt;

pub fn fuzz(file: &[u8]) {
    if let Ok(receipt) = verify_receipt(file, KEYS.as_slice()) {
        is_the_signed_one(&receipt.checkpoint);
    }
}
