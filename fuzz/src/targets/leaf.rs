//! A leaf of the log, and the entry that it holds.

use tagout_log::envelope::open;
use tagout_log::leaf::Leaf;

pub fn fuzz(bytes: &[u8]) {
    if Leaf::parse(bytes).is_ok() {
        open(bytes, &[]).expect("what has the form of a leaf can be opened");
    }
}
