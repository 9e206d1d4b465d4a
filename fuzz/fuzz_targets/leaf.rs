//! A leaf of the log, and the entry that it holds.
#![no_main]

use tagout_log::envelope::open;
use tagout_log::leaf::Leaf;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if Leaf::parse(bytes).is_ok() {
        open(bytes, &[]).expect("what has the form of a leaf can be opened");
    }
});
