//! The text of a checkpoint.
#![no_main]

use tagout_log::Checkpoint;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(checkpoint) = Checkpoint::from_text(text) {
        assert_eq!(checkpoint.to_text(), text, "a checkpoint has one spelling");
    }
});
