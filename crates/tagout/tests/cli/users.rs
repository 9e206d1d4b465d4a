//! People and tokens on the command line.

use std::fs;

use serde_json::Value;

use super::home::{Home, Out};

fn home() -> Home {
    let home = Home::new();
    home.tagout(&["init"]).done().ok();
    home
}

fn call(home: &Home, line: &str) -> Out {
    home.tagout(&line.split(' ').collect::<Vec<_>>()).done()
}

fn json(home: &Home, line: &str) -> Value {
    call(home, &format!("{line} --json")).ok().json()
}

#[test]
fn people_are_added_listed_changed_and_removed_and_each_is_recorded_with_who_did_it() {
    let home = home();
    let added = json(&home, "users add root --role admin --as op");
    assert_eq!(added["password"], "one_time");
    assert_eq!(added["one_time_secret"].as_str().unwrap().len(), 29);
    json(&home, "users add Ana --role approver --group database --group on-call --as op");
    let list = json(&home, "users list");
    assert_eq!(list[0]["person"], "ana");
    assert_eq!(list[0]["groups"], serde_json::json!(["database", "on-call"]));
    assert!(list[0]["one_time_secret"].is_null(), "shown once: {list}");
    let changed = json(&home, "users change ana --role responder --as op");
    assert_eq!(
        (&changed["role"], &changed["groups"][0]),
        (&"responder".into(), &"database".into())
    );
    let changed = json(&home, "users change ana --no-groups --as op");
    assert_eq!(
        (&changed["role"], &changed["groups"]),
        (&"responder".into(), &Value::Array(vec![]))
    );
    json(&home, "users remove ana --as op");
    assert_eq!(json(&home, "users list").as_array().unwrap().len(), 1);
    let trail = home.trail();
    let kinds: Vec<_> = trail.iter().map(|line| line["event"]["kind"].as_str().unwrap()).collect();
    let expected =
        ["person_added", "person_added", "person_changed", "person_changed", "person_removed"];
    assert_eq!(kinds, expected);
    assert!(trail.iter().all(|line| line["event"]["data"]["by"] == "op"), "{trail:?}");
    home.tagout(&["audit", "checkpoint"]).done().ok();
    home.assert_log_holds();
    let told = call(&home, "audit show").ok().stdout;
    assert!(told.contains("ana is let in as approver for database, on-call, by op"), "{told}");
}

#[test]
fn a_wrong_call_says_what_to_do_and_records_nothing() {
    let home = home();
    json(&home, "users add root --role admin");
    let entries = home.trail().len();
    call(&home, "users add ben --role root").exits(2).names(&["viewer", "admin"]);
    call(&home, "users add ROOT --role viewer").exits(2).names(&["users change"]);
    call(&home, "users add api --role viewer").exits(2).names(&["configuration"]);
    call(&home, "users remove root").exits(2).names(&["last admin"]);
    call(&home, "users change root --role viewer").exits(2).names(&["last admin"]);
    call(&home, "users remove ben").exits(2).names(&["users list"]);
    call(&home, "users password ben").exits(2).names(&["nobody", "users list"]);
    call(&home, "users add ben --role viewer --issuer https://id").exits(2).names(&["--subject"]);
    call(&home, "tokens issue ben").exits(2).names(&["users list"]);
    call(&home, "tokens issue root --for 367d").exits(2).names(&["year"]);
    call(&home, "tokens revoke tok-1").exits(2).names(&["tokens list"]);
    assert_eq!(home.trail().len(), entries);
    let nowhere = Home::new();
    call(&nowhere, "users list").exits(2).names(&["tagout init"]);
    nowhere.assert_untouched();
}

#[test]
fn a_password_comes_from_standard_input_and_must_not_be_guessed() {
    let home = home();
    json(&home, "users add ana --role admin");
    let password = |text: &str| {
        home.tagout(&["users", "password", "ana", "--stdin", "--json"]).stdin(text).done()
    };
    password("short\n").exits(2).names(&["12 characters"]);
    password("aaaaaaaaaaaaaaaaaaaa\n").exits(2).names(&["guessed"]);
    password("").exits(2);
    assert_eq!(home.count("password_changed"), 0);
    let changed = password("correct horse battery\n").ok();
    assert_eq!(changed.json()["password"], "own");
    assert!(!changed.stdout.contains("battery"));
    assert_eq!(json(&home, "users password ana")["password"], "one_time");
    assert_eq!(home.count("password_changed"), 2);
}

#[test]
fn a_token_is_shown_once_and_is_nowhere_in_the_data_directory() {
    let home = home();
    json(&home, "users add ana --role responder");
    let issued = json(&home, "tokens issue ana --role responder --for 30d --note ci");
    let token = issued["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("tagout_") && token.len() == 50, "{token}");
    assert_eq!((&issued["person"], &issued["note"]), (&"ana".into(), &"ci".into()));
    call(&home, "tokens issue ana --role approver").exits(2).names(&["more than the person"]);
    let second = json(&home, "tokens issue ana");
    assert_eq!(second["role"], "viewer", "what is trusted with more is asked for");
    let secret = json(&home, "users password ana")["one_time_secret"].as_str().unwrap().to_owned();
    let list = json(&home, "tokens list");
    assert_eq!(list.as_array().unwrap().len(), 2);
    let outputs = format!("{list}{:?}", home.trail());
    let mut files = vec![outputs.into_bytes()];
    for entry in fs::read_dir(home.data()).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            files.push(fs::read(entry.path()).unwrap());
        }
    }
    for kept in &files {
        for secret in [&token[7..], &secret] {
            assert!(!kept.windows(secret.len()).any(|part| part == secret.as_bytes()));
        }
    }
    let id = issued["id"].as_str().unwrap();
    json(&home, &format!("tokens revoke {id}"));
    assert_eq!(json(&home, "tokens list").as_array().unwrap().len(), 1);
    json(&home, "users add root --role admin");
    json(&home, "users remove ana");
    assert_eq!(json(&home, "tokens list"), serde_json::json!([]));
}
