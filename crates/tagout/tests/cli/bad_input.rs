//! Input that is wrong: exit code 2, a message that names file, place and fix, and nothing
//! written.

use std::fs::File;

use super::home::{CACHE, Home, Out, alert};

fn with_book(home: &Home, book: &str) -> Out {
    home.tagout(&["run", "--runbooks", book]).stdin(alert("CacheFull", "warning", "c-1")).done()
}

fn with_policy(home: &Home, policy: &str) -> Out {
    home.write("wrong.toml", policy);
    home.tagout(&["run", "--runbooks", "book", "--policy", "wrong.toml"])
        .stdin(alert("CacheFull", "warning", "c-1"))
        .done()
}

fn with_alerts(home: &Home, bytes: &[u8]) -> Out {
    home.write("wrong.json", bytes);
    home.tagout(&["run", "--runbooks", "book", "--alerts", "wrong.json"]).done()
}

#[test]
fn broken_yaml_is_refused_by_file_and_line() {
    let home = Home::new();
    home.write("bad/a.md", "---\nid: x\nsymptoms: [a\n---\n# X\n");
    with_book(&home, "bad").exits(2).names(&["bad/a.md:3", "symptoms", "close it"]);
    home.assert_untouched();
}

#[test]
fn two_pages_with_one_id_are_refused_and_both_named() {
    let home = Home::new();
    home.write("bad/a.md", CACHE);
    home.write("bad/b.md", CACHE);
    with_book(&home, "bad").exits(2).names(&["bad/b.md:2", "bad/a.md", "cache-full", "another id"]);
    home.assert_untouched();
}

#[test]
fn a_default_outside_its_limits_is_refused() {
    let home = Home::new();
    home.write("bad/a.md", CACHE.replace(r#"default: "100""#, r#"default: "5000""#));
    with_book(&home, "bad").exits(2).names(&["bad/a.md:11", "keep", "5000", "between 10 and 1000"]);
    home.assert_untouched();
}

#[test]
fn every_error_of_every_page_is_reported_at_once() {
    let home = Home::new();
    home.write("bad/a.md", "---\nid: x\nsymptoms: [a\n---\n# X\n");
    home.write("bad/b.md", CACHE.replace("risk: low", "risk: lwo"));
    with_book(&home, "bad").exits(2).names(&["bad/a.md:3", "bad/b.md:5", "lwo"]);
    home.assert_untouched();
}

#[test]
fn a_directory_of_runbooks_that_is_missing_or_empty_is_refused() {
    let home = Home::new();
    std::fs::create_dir(home.path("empty")).unwrap();
    with_book(&home, "empty").exits(2).names(&["empty", "holds no runbook"]);
    with_book(&home, "nowhere").exits(2).names(&["nowhere", "does not exist"]);
    home.tagout(&["run"]).done().exits(2).names(&["--runbooks DIR"]);
    home.tagout(&["runbooks", "lint", "nowhere"]).done().exits(2).names(&["nowhere"]);
    home.assert_untouched();
}

#[test]
fn a_typo_in_the_policy_is_refused_with_what_it_could_have_been() {
    let home = Home::new();
    let key = "version = 1\n[tier.low]\nmin_confidnce = 0.9\n";
    with_policy(&home, key).exits(2).names(&[
        "wrong.toml",
        "line 3",
        "min_confidnce",
        "min_confidence",
    ]);
    let tier = "version = 1\n[tier.hihg]\nquorum = 1\n";
    with_policy(&home, tier).exits(2).names(&["wrong.toml", "line 2", "hihg", "high"]);
    home.assert_untouched();
}

#[test]
fn a_threshold_of_five_decimals_is_refused_and_one_of_four_is_not() {
    let home = Home::new();
    let text = |value: &str| format!("version = 1\n[tier.low]\nmin_confidence = {value}\n");
    let parts = ["wrong.toml", "tier.low.min_confidence", "0.90001", "four decimal"];
    with_policy(&home, &text("0.90001")).exits(2).names(&parts);
    home.assert_untouched();
    with_policy(&home, &text("0.9001")).ok();
}

#[test]
fn a_missing_policy_is_refused() {
    let home = Home::new();
    let args = ["run", "--runbooks", "book", "--policy", "nowhere.toml"];
    home.tagout(&args).done().exits(2).names(&["nowhere.toml", "No such file"]);
    home.assert_untouched();
}

#[test]
fn alerts_that_are_not_utf8_are_refused_with_the_offset() {
    let home = Home::new();
    with_alerts(&home, b"{\"title\":\"caf\xe9\"}").exits(2).names(&[
        "wrong.json",
        "offset 13",
        "UTF-8",
    ]);
    home.assert_untouched();
}

#[test]
fn deeply_nested_json_is_refused_with_its_place() {
    let home = Home::new();
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    with_alerts(&home, deep.as_bytes()).exits(2).names(&[
        "wrong.json",
        "line 1, column 65",
        "64 levels",
    ]);
    let object = ["{\"a\":".repeat(100_000), "}".repeat(100_000)].concat();
    with_alerts(&home, object.as_bytes()).exits(2).names(&["64 levels"]);
    home.assert_untouched();
}

#[test]
fn an_empty_and_a_missing_file_are_refused() {
    let home = Home::new();
    with_alerts(&home, b"").exits(2).names(&["wrong.json", "empty", "DiskFull"]);
    with_alerts(&home, b" \n\t\n").exits(2).names(&["wrong.json", "empty"]);
    let args = ["run", "--runbooks", "book", "--alerts", "nowhere.json"];
    home.tagout(&args).done().exits(2).names(&["nowhere.json", "No such file"]);
    home.tagout(&["run", "--runbooks", "book"]).done().exits(2).names(&["standard input", "empty"]);
    home.assert_untouched();
}

#[test]
fn json_that_breaks_off_is_refused_with_its_place() {
    let home = Home::new();
    let text = b"{\"title\": \"x\"}\n{\"title\": \n";
    with_alerts(&home, text).exits(2).names(&["wrong.json", "line 2", "valid"]);
    home.assert_untouched();
}

#[test]
fn an_unknown_flag_or_command_is_refused() {
    let home = Home::new();
    home.tagout(&["run", "--runbook", "book"]).done().exits(2).names(&["--runbook", "--help"]);
    home.tagout(&["rnu"]).done().exits(2).names(&["rnu"]);
    home.tagout(&[]).done().exits(2);
    home.assert_untouched();
}

/// Both tries run in an address space that could not hold the body, let alone twice; that a
/// usual call fits is tried first.
#[test]
fn two_hundred_megabytes_are_refused_without_being_read() {
    let home = Home::new();
    let big = home.path("big.json");
    File::create(&big).unwrap().set_len(200 << 20).unwrap();
    let bounded = |tail: &str| {
        let line = format!(
            "ulimit -v 400000; exec '{}' run --json --runbooks book {tail}",
            env!("CARGO_BIN_EXE_tagout")
        );
        home.program("bash", &["-c", &line]).done()
    };
    bounded("--alerts big.json").exits(2).names(&[
        "big.json",
        "larger than 67108864 bytes",
        "smaller parts",
    ]);
    bounded("< big.json").exits(2).names(&["standard input", "larger than 67108864 bytes"]);
    home.assert_untouched();
    home.write("small.json", alert("CacheFull", "warning", "c-1"));
    bounded("--alerts small.json").ok();
}

#[test]
fn a_configuration_with_an_unknown_key_is_refused() {
    let home = Home::new();
    home.write("state/tagout/tagout.toml", "runbook = \"book\"\n");
    home.tagout(&["run"]).done().exits(2).names(&["tagout.toml", "line 1", "runbook"]);
    assert!(!home.database().exists() && !home.data().join("log.key").exists());
}

#[test]
fn a_call_without_a_log_says_how_to_get_one_and_makes_none() {
    let home = Home::new();
    let calls: [&[&str]; 7] = [
        &["approvals", "list"],
        &["audit", "show"],
        &["audit", "export"],
        &["oversight"],
        &["replay", "--policy", "policy.toml"],
        &["halt", "--reason", "x"],
        &["approvals", "approve", "inc-1", "--plan", "0123456789ab"],
    ];
    for call in calls {
        home.tagout(call).done().exits(2).names(&["holds no log", "tagout run"]);
    }
    home.assert_untouched();
}

#[test]
fn an_address_that_is_taken_is_said_with_the_setting_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = Home::new();
    let serve = home.tagout(&["serve"]).env("TAGOUT_SERVER_LISTEN", &address);
    let serve = serve.env("TAGOUT_RUNBOOKS", "book").done();
    serve.exits(3).names(&["[server] listen", &address, "Address already in use"]);
    home.assert_untouched();
}
