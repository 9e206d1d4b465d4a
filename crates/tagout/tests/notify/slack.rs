//! Slack: messages, clicks that come back, and forged ones.

use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tagout_core::actor::Role;
use tagout_core::digest::to_hex;

use super::home::POLICY;
use super::http::{Answer, Request};
use super::receiver::{Got, Receiver};
use super::service::Service;
use super::world::{PAGES, SIGNING, TOKEN, answer, events, home, plan, recorded, serve, stuck};

/// As Slack answers, and as strict.
fn slack() -> Receiver {
    Receiver::start(|got, before| {
        assert_eq!(got.method, "POST");
        assert_eq!(got.header("authorization"), format!("Bearer {TOKEN}"));
        let body = got.json();
        let method = got.path.strip_prefix("/api/").unwrap();
        if method == "chat.postEphemeral" {
            assert!(body["text"].is_string() && body["user"].is_string());
            return (200, json!({"ok": true, "message_ts": "9.9"}).to_string());
        }
        assert!(["chat.postMessage", "chat.update"].contains(&method), "{method}");
        assert_eq!(method == "chat.update", body.get("ts").is_some(), "{body:#}");
        assert_blocks(&body["blocks"]);
        let ts = format!("1700000000.{before:06}");
        (200, json!({"ok": true, "channel": "C0123ABCD", "ts": ts}).to_string())
    })
}

/// Block Kit's limits: <https://docs.slack.dev/reference/block-kit/blocks>.
fn assert_blocks(blocks: &Value) {
    let blocks = blocks.as_array().unwrap();
    assert!((1..=50).contains(&blocks.len()));
    let plain = |text: &Value, most: usize| {
        assert_eq!(text["type"], "plain_text", "{text}");
        let length = text["text"].as_str().unwrap().chars().count();
        assert!((1..=most).contains(&length), "{text}");
    };
    for block in blocks {
        match block["type"].as_str().unwrap() {
            "header" => plain(&block["text"], 150),
            "section" => match block.get("fields") {
                Some(fields) => {
                    let fields = fields.as_array().unwrap();
                    assert!((1..=10).contains(&fields.len()));
                    fields.iter().for_each(|field| plain(field, 2000));
                }
                None => plain(&block["text"], 3000),
            },
            "rich_text" => {
                let part = &block["elements"][0];
                assert_eq!(part["type"], "rich_text_preformatted");
                assert_eq!(part["elements"][0]["type"], "text");
            }
            "actions" => {
                for button in block["elements"].as_array().unwrap() {
                    plain(&button["text"], 75);
                    assert!(button["value"].as_str().is_none_or(|value| value.len() <= 2000));
                    if let Some(confirm) = button.get("confirm") {
                        plain(&confirm["title"], 100);
                        plain(&confirm["text"], 300);
                        plain(&confirm["confirm"], 30);
                        plain(&confirm["deny"], 30);
                    }
                }
            }
            other => panic!("{other}"),
        }
    }
}

fn channel(receiver: &Receiver, rest: &str) -> String {
    format!(
        "[[channel]]\nname = \"ops\"\nkind = \"slack\"\nurl = {:?}\n\
         token = {{ env = \"CHANNEL\" }}\nsecrets = [{{ env = \"SIGNING\" }}]\n\
         conversation = \"C0123ABCD\"\n\
         people = {{ U0ANA = \"ana\", U0VIEW = \"vera\", U0GONE = \"gone\" }}\n{rest}\n",
        receiver.url("/api")
    )
}

fn start(receiver: &Receiver, rest: &str) -> Service {
    let people = [("ana", Role::Approver), ("vera", Role::Viewer)];
    serve(home(&people, &channel(receiver, rest)))
}

fn of<'g>(got: &'g [Got], method: &str) -> Vec<&'g Got> {
    got.iter().filter(|one| one.path == format!("/api/{method}")).collect()
}

fn buttons(message: &Value) -> Vec<Value> {
    let blocks = message["blocks"].as_array().unwrap();
    let actions = blocks.iter().filter(|block| block["type"] == "actions");
    actions.flat_map(|block| block["elements"].as_array().unwrap().clone()).collect()
}

/// The value of the button of this name.
fn value(message: &Value, action: &str) -> Option<String> {
    let button = buttons(message).into_iter().find(|button| button["action_id"] == action)?;
    Some(button["value"].as_str().unwrap().to_owned())
}

fn form(payload: &Value) -> String {
    let coded: String = payload.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("payload={coded}")
}

fn payload(user: &str, action: &str, value: &str) -> Value {
    json!({
        "type": "block_actions",
        "user": {"id": user, "username": "somebody", "team_id": "T0"},
        "container": {"type": "message", "message_ts": "1.2", "channel_id": "C0123ABCD"},
        "response_url": "http://127.0.0.1:9/never",
        "actions": [{"action_id": action, "block_id": "b", "type": "button", "value": value}],
    })
}

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn signed(secret: &str, seconds: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{seconds}:{body}").as_bytes());
    format!("v0={}", to_hex(&mac.finalize().into_bytes()))
}

fn send(service: &Service, seconds: u64, signature: &str, body: &str) -> Answer {
    Request::new("POST", "/v1/slack/interactions")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("X-Slack-Request-Timestamp", &seconds.to_string())
        .header("X-Slack-Signature", signature)
        .body(body)
        .send(&service.address)
}

fn click(service: &Service, user: &str, action: &str, value: &str) {
    let (seconds, body) = (now(), form(&payload(user, action, value)));
    let answer = send(service, seconds, &signed(SIGNING, seconds, &body), &body).is(200);
    assert!(answer.body.is_empty(), "{answer:?}");
}

/// What the clicker was told, and nobody else.
fn whispered(receiver: &Receiver, times: usize) -> String {
    let got = receiver.until("a whisper", |got| of(got, "chat.postEphemeral").len() >= times);
    let body = of(&got, "chat.postEphemeral")[times - 1].json();
    assert_eq!(body["channel"], "C0123ABCD");
    body["text"].as_str().unwrap().to_owned()
}

#[test]
fn a_click_of_somebody_who_may_approves_and_the_message_says_so() {
    let receiver = slack();
    let service = start(&receiver, "");
    let id = stuck(&service, "warning", "mq-1");
    let asked = receiver.wait(1).remove(0).json();
    assert_eq!(asked["channel"], "C0123ABCD");
    let open = &buttons(&asked)[0];
    assert_eq!(open["url"], format!("{PAGES}/incidents/{id}"));
    assert!(asked.to_string().contains("Approve (dry-run)"), "{asked:#}");
    click(&service, "U0ANA", "tagout.approve", &value(&asked, "tagout.approve").unwrap());
    assert_eq!(whispered(&receiver, 1), "Your approval is recorded.");
    let review = recorded(&service, &id, "review_given", 1).remove(0);
    assert_eq!(review["review"]["reviewer"], "ana");
    assert_eq!(review["review"]["plan"], plan(&service, &id).as_str());

    let got = receiver.until("the update", |got| !of(got, "chat.update").is_empty());
    let update = of(&got, "chat.update")[0].json();
    assert_eq!(update["ts"], "1700000000.000000");
    assert!(update["text"].as_str().unwrap().starts_with("Approved by ana"), "{update:#}");
    assert_eq!(value(&update, "tagout.approve"), None, "the buttons are gone");
    // Nobody was told twice.
    recorded(&service, &id, "notice_delivered", 2);
    assert_eq!(of(&receiver.got(), "chat.postMessage").len(), 1);
}

#[test]
fn a_click_is_answered_while_the_store_takes_nothing_and_is_decided_once_when_it_does_again() {
    let receiver = slack();
    let service = start(&receiver, "");
    let id = stuck(&service, "warning", "mq-1");
    let asked = receiver.wait(1).remove(0).json();
    recorded(&service, &id, "notice_delivered", 1);
    // Nobody else writes from here on: the decision cannot be recorded before this is given back.
    let held = rusqlite::Connection::open(service.home.database()).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let since = Instant::now();
    click(&service, "U0ANA", "tagout.approve", &value(&asked, "tagout.approve").unwrap());
    let none = || of(&receiver.got(), "chat.postEphemeral").is_empty();
    assert!(none(), "it was answered before anything came of it");
    // For longer than Slack waits for an answer.
    while since.elapsed() <= Duration::from_secs(3) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let own =
        "SELECT count(*) FROM leaves WHERE CAST(leaf AS TEXT) LIKE '%\"kind\":\"review_given\"%'";
    let reviews = || held.query_row(own, [], |row| row.get::<_, u32>(0)).unwrap();
    assert!(reviews() == 0 && none(), "nothing is decided that is not recorded");
    held.execute_batch("ROLLBACK").unwrap();
    assert_eq!(whispered(&receiver, 1), "Your approval is recorded.");
    let got = receiver.until("the update", |got| !of(got, "chat.update").is_empty());
    let update = of(&got, "chat.update")[0].json();
    assert!(update["text"].as_str().unwrap().starts_with("Approved by ana"), "{update:#}");
    recorded(&service, &id, "notice_delivered", 2);
    assert_eq!(reviews(), 1);
    assert_eq!(of(&receiver.got(), "chat.postEphemeral").len(), 1);
    service.stop().assert_log_holds();
}

#[test]
fn a_message_changes_when_it_is_decided_elsewhere_and_an_old_click_comes_to_nothing() {
    let receiver = slack();
    let service = start(&receiver, "");
    let id = stuck(&service, "warning", "mq-1");
    let asked = receiver.wait(1).remove(0).json();
    recorded(&service, &id, "notice_delivered", 1);
    answer(&service, "reject", &id);
    let got = receiver.until("the update", |got| !of(got, "chat.update").is_empty());
    let update = of(&got, "chat.update")[0].json();
    assert!(update["text"].as_str().unwrap().starts_with("Rejected by ben"), "{update:#}");
    click(&service, "U0ANA", "tagout.approve", &value(&asked, "tagout.approve").unwrap());
    assert!(whispered(&receiver, 1).contains("does not wait"), "nothing to approve any more");
    click(&service, "U0ANA", "tagout.reject", &value(&asked, "tagout.reject").unwrap());
    assert!(whispered(&receiver, 2).starts_with("Nothing was decided"));
    assert_eq!(events(&service, &id, "review_given").len(), 1);
}

#[test]
fn a_high_plan_is_rejected_but_never_approved_by_a_click() {
    let receiver = slack();
    let service = start(&receiver, "");
    let id = stuck(&service, "critical", "mq-1");
    let asked = receiver.wait(1).remove(0).json();
    assert_eq!(value(&asked, "tagout.approve"), None);
    let reject = value(&asked, "tagout.reject").unwrap();
    // Nothing keeps anybody from sending what no button offers.
    click(&service, "U0ANA", "tagout.approve", &reject);
    let told = whispered(&receiver, 1);
    assert!(told.contains("on its page") && told.contains(&format!("{PAGES}/incidents/{id}")));
    assert_eq!(events(&service, &id, "review_given").len(), 0);
    click(&service, "U0ANA", "tagout.reject", &reject);
    assert_eq!(whispered(&receiver, 2), "Your rejection is recorded.");
    let home = service.stop();
    let trail = home.trail();
    let refused = trail.iter().find(|entry| entry["event"]["kind"] == "ask_refused");
    let data = &refused.expect("the attempt is in the log")["event"]["data"];
    assert_eq!(
        (&data["by"], &data["why"], &data["incident"]),
        (&json!("ana"), &json!("click"), &json!(id))
    );
}

/// What the log counts of strangers.
fn strangers(home: &super::home::Home) -> Value {
    let trail = home.trail();
    let told = trail.iter().find(|entry| entry["event"]["kind"] == "strangers_refused");
    told.expect("they are in the log")["event"]["data"]["counts"].clone()
}

#[test]
fn forgers_are_counted_and_paced_and_keep_nobody_from_saying_no() {
    let receiver = slack();
    let service = start(&receiver, "");
    let id = stuck(&service, "warning", "mq-1");
    let reject = value(&receiver.wait(1).remove(0).json(), "tagout.reject").unwrap();
    let (seconds, body) = (now(), form(&payload("U0ANA", "tagout.reject", &reject)));
    let forged = signed("another secret", seconds, &body);
    let statuses: Vec<u16> =
        (0..15).map(|_| send(&service, seconds, &forged, &body).status).collect();
    assert_eq!(statuses[..10], [401; 10]);
    assert!(statuses.contains(&429), "{statuses:?}");
    click(&service, "U0ANA", "tagout.reject", &reject);
    assert_eq!(whispered(&receiver, 1), "Your rejection is recorded.");
    recorded(&service, &id, "review_given", 1);
    assert_eq!(strangers(&service.stop())["clicks: not signed by Slack"], 15);
}

#[test]
fn somebody_unknown_is_counted_and_no_user_clicks_without_end() {
    let receiver = slack();
    let service = start(&receiver, "");
    stuck(&service, "warning", "mq-1");
    let approve = value(&receiver.wait(1).remove(0).json(), "tagout.approve").unwrap();
    let body = form(&payload("U0STRANGER", "tagout.approve", &approve));
    let (mut taken, mut paced) = (0, 0);
    while paced == 0 {
        let seconds = now();
        let answer = send(&service, seconds, &signed(SIGNING, seconds, &body), &body);
        match answer.status {
            200 => taken += 1,
            429 => paced += 1,
            // As many as may be decided at once are being answered.
            other => assert_eq!(other, 503, "{answer:?}"),
        }
        assert!(taken < 60, "nobody paces them");
    }
    let counts = strangers(&service.stop());
    assert_eq!(counts["clicks: a user of Slack whom nobody knows"], taken);
    assert_eq!(counts["clicks: too many of one user"], paced);
}

#[test]
fn a_configuration_can_be_stricter_about_clicks_and_never_laxer() {
    let receiver = slack();
    let service = start(&receiver, "approve_up_to = \"never\"");
    stuck(&service, "warning", "mq-1");
    let asked = receiver.wait(1).remove(0).json();
    assert_eq!(value(&asked, "tagout.approve"), None);
    let reject = value(&asked, "tagout.reject").unwrap();
    click(&service, "U0ANA", "tagout.approve", &reject);
    assert!(whispered(&receiver, 1).contains("on its page"));
}

#[test]
fn a_signature_does_not_make_anybody_an_approver() {
    let receiver = slack();
    let service = start(&receiver, "");
    let id = stuck(&service, "warning", "mq-1");
    let approve = value(&receiver.wait(1).remove(0).json(), "tagout.approve").unwrap();
    for (n, user) in ["U0STRANGER", "U0GONE"].into_iter().enumerate() {
        click(&service, user, "tagout.approve", &approve);
        assert!(whispered(&receiver, n + 1).contains("not known"), "{user}");
    }
    click(&service, "U0VIEW", "tagout.approve", &approve);
    assert!(whispered(&receiver, 3).contains("viewer"), "a role that may not");
    assert_eq!(events(&service, &id, "review_given").len(), 0);
    // The attempt of somebody who is known is in the log.
    let home = service.stop();
    let refused = home.trail().into_iter().filter(|entry| entry["event"]["kind"] == "ask_refused");
    let refused: Vec<_> = refused.collect();
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert_eq!(refused[0]["event"]["data"]["by"], "vera");
}

#[test]
fn a_forged_or_late_request_of_slack_comes_to_nothing() {
    let receiver = slack();
    let service = start(&receiver, "");
    let id = stuck(&service, "warning", "mq-1");
    let approve = value(&receiver.wait(1).remove(0).json(), "tagout.approve").unwrap();
    let body = form(&payload("U0ANA", "tagout.approve", &approve));
    let seconds = now();
    let good = signed(SIGNING, seconds, &body);
    send(&service, seconds, &signed("another secret", seconds, &body), &body).fails_with(401);
    send(&service, seconds, &good, &body.replace("%41", "%42")).fails_with(401);
    send(&service, seconds + 1, &good, &body).fails_with(401);
    send(&service, seconds, &good.replace("v0=", ""), &body).fails_with(401);
    send(&service, seconds, "", &body).fails_with(401);
    for late in [seconds - 301, seconds + 400] {
        send(&service, late, &signed(SIGNING, late, &body), &body).fails_with(401);
    }
    let unsigned = Request::new("POST", "/v1/slack/interactions").body(body.clone());
    unsigned.send(&service.address).fails_with(401);
    let large = "x".repeat(300 << 10);
    send(&service, seconds, &signed(SIGNING, seconds, &large), &large).fails_with(413);
    let junk = "payload=%7B";
    send(&service, seconds, &signed(SIGNING, seconds, junk), junk).fails_with(400);
    // From a conversation that is not ours, though Slack signed it.
    let mut other = payload("U0ANA", "tagout.approve", &approve);
    other["container"]["channel_id"] = json!("C0OTHER");
    let other = form(&other);
    send(&service, seconds, &signed(SIGNING, seconds, &other), &other).fails_with(400);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(events(&service, &id, "review_given").len(), 0);
    assert_eq!(of(&receiver.got(), "chat.postEphemeral").len(), 0);
}

#[test]
fn a_replayed_click_counts_once() {
    let receiver = slack();
    let home = home(&[("ana", Role::Approver)], &channel(&receiver, ""));
    home.write("policy.toml", format!("{POLICY}[tier.medium]\nquorum = 2\n"));
    let service = serve(home);
    let id = stuck(&service, "warning", "mq-1");
    let approve = value(&receiver.wait(1).remove(0).json(), "tagout.approve").unwrap();
    let (seconds, body) = (now(), form(&payload("U0ANA", "tagout.approve", &approve)));
    let signature = signed(SIGNING, seconds, &body);
    for _ in 0..3 {
        send(&service, seconds, &signature, &body).is(200);
    }
    whispered(&receiver, 3);
    // Two people are needed, and one who clicks three times is one.
    assert_eq!(events(&service, &id, "review_given").len(), 1);
    assert_eq!(events(&service, &id, "plan_granted").len(), 0);
}

#[test]
fn a_service_without_slack_takes_no_clicks() {
    let service = super::world::with("");
    let (seconds, body) = (now(), form(&payload("U0ANA", "tagout.approve", "v1")));
    send(&service, seconds, &signed(SIGNING, seconds, &body), &body).fails_with(401);
}

#[test]
fn text_from_outside_rings_no_channel_and_hides_no_link() {
    let receiver = slack();
    let service = start(&receiver, "");
    let hostile = "<!channel> <https://evil.example|click> *bold* &amp; @here";
    let alert = json!({
        "title": hostile, "message": hostile, "severity": "critical",
        "labels": {"alertname": hostile, "environment": "test"},
    });
    service.post("own", super::service::OWN_SECRET, alert.to_string()).is(200);
    let message = receiver.wait(1).remove(0).json();
    let text = message["text"].as_str().unwrap();
    assert!(!text.contains("<!") && !text.contains("<https"), "{text}");
    // In blocks it stands as plain text only; `assert_blocks` saw to that.
    assert!(!message.to_string().contains("mrkdwn"), "{message:#}");
}
