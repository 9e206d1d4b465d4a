//! The texts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(name: &str) -> String {
    fs::read_to_string(repository().join("evals/hostile").join(name)).unwrap()
}

/// Those that were written for this project.
pub(crate) fn own() -> Vec<String> {
    let text = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        row["text"].as_str().unwrap().to_owned()
    };
    read("own.jsonl").lines().map(text).collect()
}

/// All, each once.
pub(crate) fn all() -> Vec<String> {
    let mut texts: BTreeSet<String> = own().into_iter().collect();
    for name in ["naughty_strings.json", "command_injection.json", "prompt_injection.json"] {
        let list: Vec<String> = serde_json::from_str(&read(name)).unwrap();
        texts.extend(list);
    }
    texts.remove("");
    assert!(texts.len() > 1_200, "{} texts", texts.len());
    texts.into_iter().collect()
}
