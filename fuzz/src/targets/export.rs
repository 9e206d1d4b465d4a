//! An exported log.

use crate::rules::{KEYS, is_the_signed_one};
use tagout_log::verify::verify_export;

pub fn fuzz(file: &[u8]) {
    if let Ok(report) = verify_export(file, KEYS.as_slice(), &[]) {
        is_the_signed_one(&report.checkpoint);
    }
}
