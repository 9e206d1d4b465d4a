//! The text of a checkpoint.

use tagout_log::Checkpoint;

pub fn fuzz(text: &str) {
    if let Ok(checkpoint) = Checkpoint::from_text(text) {
        assert_eq!(checkpoint.to_text(), text, "a checkpoint has one spelling");
    }
}
