//! One program for all targets, so that the product is linked once: `TAGOUT_FUZZ` names the target.
#![no_main]

mod rules;
mod targets;

use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};

use targets::Target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("TAGOUT_FUZZ").unwrap_or_default();
    let found = targets::ALL.iter().find(|(known, _)| *known == name);
    let Some((_, target)) = found else {
        let known: Vec<_> = targets::ALL.iter().map(|(known, _)| *known).collect();
        panic!("set TAGOUT_FUZZ to one of: {}", known.join(" "));
    };
    *target
});

fuzz_target!(|bytes: &[u8]| -> Corpus {
    match *TARGET {
        Target::Bytes(fuzz) => fuzz(bytes),
        Target::Text(fuzz) => match std::str::from_utf8(bytes) {
            Ok(text) => fuzz(text),
            Err(_) => return Corpus::Reject,
        },
    }
    Corpus::Keep
});
