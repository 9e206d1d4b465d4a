//! The signing key stays in its file.

use std::fs;

use super::home::{Home, alert};

/// The bytes that base64 text stands for.
fn decoded(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut held, mut bytes) = (0u32, 0, Vec::new());
    for byte in text.bytes().filter(|b| *b != b'=') {
        let value = DIGITS.iter().position(|d| *d == byte).expect("base64");
        bits = bits << 6 | u32::try_from(value).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    bytes
}

fn holds(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}

#[test]
fn the_secret_key_is_in_no_database_export_cache_or_output() {
    let home = Home::new();
    home.tagout(&["init"]).done().ok();
    let text = fs::read_to_string(home.data().join("log.key")).unwrap();
    // The last field is the type byte and the seed, in base64 that may itself hold a plus.
    let encoded = text.trim().splitn(5, '+').nth(4).unwrap().to_owned();
    let seed = decoded(&encoded)[1..].to_vec();
    assert_eq!(seed.len(), 32, "{} bytes", seed.len());
    let hex: String = seed.iter().map(|b| format!("{b:02x}")).collect();

    home.run(
        &[alert("CacheFull", "warning", "c-1"), alert("QueueStuck", "warning", "q-1")].join("\n"),
    )
    .ok();
    home.tagout(&["audit", "export", "--output", "state/tagout/log.jsonl"]).done().ok();
    let mut outputs = String::new();
    let calls: [&[&str]; 9] = [
        &["init"],
        &["keys", "show"],
        &["config", "check"],
        &["audit", "show", "--json"],
        &["audit", "export"],
        &["audit", "prove", "1"],
        &["audit", "checkpoint"],
        &["audit", "verify", "--json"],
        &["approvals", "list", "--json"],
    ];
    for call in calls {
        let out = home.tagout(call).done().ok();
        outputs.push_str(&out.stdout);
        outputs.push_str(&out.stderr);
    }
    let mut searched = vec![("the outputs".to_owned(), outputs.into_bytes())];
    for dir in [home.data(), home.data().join("vectors")] {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() && entry.file_name() != "log.key" {
                searched
                    .push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
            }
        }
    }
    assert!(searched.iter().any(|(name, _)| name.ends_with("tagout.db")));
    for (name, bytes) in searched {
        for part in [&seed[..], encoded.as_bytes(), hex.as_bytes(), b"PRIVATE"] {
            assert!(!holds(&bytes, part), "{name} holds the secret key");
        }
    }
}
