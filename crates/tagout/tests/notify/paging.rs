//! PagerDuty and Opsgenie: what is sent is held against the published formats, key by key.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::home::{POLICY, alert};
use super::people::{Person, Plan};
use super::receiver::{Got, Receiver};
use super::service::{OWN_SECRET, Service};
use super::world::{PAGES, TOKEN, answer, home, plan, serve, stuck, with};

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn assert_within(value: &Value, known: &[&str], needed: &[&str]) {
    let keys = keys(value);
    assert!(keys.is_subset(&known.iter().copied().collect()), "unknown keys: {value:#}");
    assert!(keys.is_superset(&needed.iter().copied().collect()), "missing keys: {value:#}");
}

/// Events API v2: <https://developer.pagerduty.com/docs/send-alert-event>.
fn pagerduty(got: &Got) -> (u16, String) {
    let event = got.json();
    assert_eq!((got.method.as_str(), got.path.as_str()), ("POST", "/v2/enqueue"));
    let known = [
        "routing_key",
        "event_action",
        "dedup_key",
        "payload",
        "images",
        "links",
        "client",
        "client_url",
    ];
    assert_within(&event, &known, &["routing_key", "event_action", "dedup_key"]);
    assert_eq!(event["routing_key"], TOKEN);
    assert!(event["dedup_key"].as_str().unwrap().len() <= 255);
    match event["event_action"].as_str().unwrap() {
        "trigger" => {
            let payload = &event["payload"];
            let known = [
                "summary",
                "source",
                "severity",
                "timestamp",
                "component",
                "group",
                "class",
                "custom_details",
            ];
            assert_within(payload, &known, &["summary", "source", "severity"]);
            assert!((1..=1024).contains(&payload["summary"].as_str().unwrap().chars().count()));
            let severity = payload["severity"].as_str().unwrap();
            assert!(["critical", "error", "warning", "info"].contains(&severity));
            for link in event["links"].as_array().unwrap() {
                assert_within(link, &["href", "text"], &["href"]);
            }
        }
        "acknowledge" | "resolve" => assert!(event.get("payload").is_none(), "{event:#}"),
        other => panic!("{other}"),
    }
    (202, r#"{"status":"success","message":"Event processed","dedup_key":"x"}"#.into())
}

fn actions(got: &[Got]) -> Vec<(String, String)> {
    let of = |event: Value| {
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        (text("event_action"), text("dedup_key"))
    };
    got.iter().map(|got| of(got.json())).collect()
}

fn end(service: &Service, name: &str, host: &str) {
    let mut alert: Value = serde_json::from_str(&alert(name, "critical", host)).unwrap();
    alert["status"] = "resolved".into();
    service.post("own", OWN_SECRET, alert.to_string()).is(200);
}

#[test]
fn pagerduty_has_an_alert_for_a_plan_that_is_opened_taken_and_ended() {
    let receiver = Receiver::start(|got, _| pagerduty(got));
    let service = with(&format!(
        "[[channel]]\nname = \"pager\"\nkind = \"pagerduty\"\nurl = {:?}\n\
         token = {{ env = \"CHANNEL\" }}\n",
        receiver.url("")
    ));
    let id = stuck(&service, "warning", "mq-1");
    let opened = receiver.wait(1).remove(0).json();
    assert_eq!(opened["payload"]["severity"], "warning");
    assert_eq!(opened["client_url"], format!("{PAGES}/incidents/{id}"));
    let key = format!("{id}-{}", &plan(&service, &id)[..12]);
    answer(&service, "approve", &id);
    receiver.wait(2);
    end(&service, "QueueStuck", "mq-1");
    let got = receiver.wait(4);
    let expected = [("trigger", &key), ("acknowledge", &key), ("resolve", &id), ("resolve", &key)]
        .map(|(action, key)| (action.to_owned(), key.clone()));
    assert_eq!(actions(&got), expected);

    service.home.tagout(&["halt", "--as", "ben", "--reason", "drill"]).done().ok();
    receiver.wait(5);
    service.home.tagout(&["resume", "--as", "ben", "--reason", "over"]).done().ok();
    let got = receiver.wait(6);
    let key = "tagout-kill-switch".to_owned();
    let expected = [("trigger".to_owned(), key.clone()), ("resolve".to_owned(), key)];
    assert_eq!(actions(&got[4..]), expected);
}

fn pager(receiver: &Receiver) -> String {
    format!(
        "[[channel]]\nname = \"pager\"\nkind = \"pagerduty\"\nurl = {:?}\n\
         token = {{ env = \"CHANNEL\" }}\n",
        receiver.url("")
    )
}

#[test]
fn what_was_taken_does_not_silence_a_later_plan_and_nothing_silences_broken_glass() {
    let receiver = Receiver::start(|got, _| pagerduty(got));
    let home = home(&[], &pager(&receiver));
    let glass = "[break_glass]\npeople = [\"ana\"]\nmax_per_window = 3\nwindow = \"1h\"\n";
    home.write("policy.toml", format!("{POLICY}{glass}"));
    let service = serve(home);
    let ana = Person::of(&service, "ana", "approver");
    let first = Plan::for_two(&service);
    let id = &first.incident;
    let key = |plan: &Plan, kind: &str| format!("{id}-{}{kind}", &plan.digest[..12]);
    receiver.wait(1);
    ana.post(&format!("/v1/incidents/{id}/acknowledge"), &json!({})).is(200);
    receiver.wait(3);
    ana.change(&first, &json!({ "keep": "200" })).is(200);
    receiver.wait(5);
    let second = ana.plan(id);
    assert_ne!(first, second);
    let alone = json!({ "mode": "dry_run", "reason": "nobody else is awake" });
    ana.post(&second.path("break-glass"), &alone).is(200);
    receiver.wait(7);
    end(&service, "CacheFull", "host-1");
    let expected = [
        ("trigger", key(&first, "")),
        ("acknowledge", id.clone()),
        ("acknowledge", key(&first, "")),
        ("resolve", key(&first, "")),
        ("trigger", key(&second, "")),
        ("trigger", key(&second, "-glass")),
        ("acknowledge", key(&second, "")),
    ];
    let got = actions(&receiver.wait(10));
    assert_eq!(got[..7], expected.map(|(action, key)| (action.to_owned(), key)));
    let ended: BTreeSet<_> = got[7..].iter().cloned().collect();
    let over = [id.clone(), key(&first, ""), key(&second, "")];
    assert_eq!(ended, over.map(|key| ("resolve".to_owned(), key)).into());
}

#[test]
fn a_rejected_plan_stays_with_people_until_somebody_takes_the_incident() {
    let receiver = Receiver::start(|got, _| pagerduty(got));
    let service = with(&pager(&receiver));
    let ana = Person::of(&service, "ana", "approver");
    let plan = Plan::for_one(&service, "mq-1");
    receiver.wait(1);
    let no = json!({ "mode": "dry_run", "reason": "not this" });
    ana.post(&plan.path("reject"), &no).is(200);
    let path = format!("/v1/incidents/{}/acknowledge", plan.incident);
    ana.post(&path, &json!({})).is(200);
    let got = actions(&receiver.wait(3));
    let taken = [plan.incident.clone(), format!("{}-{}", plan.incident, &plan.digest[..12])];
    assert_eq!(got[1..], taken.map(|key| ("acknowledge".to_owned(), key)));
    // The receiver has a notice before the service has written down that it has.
    service.wait("nothing to be waiting", |service| {
        let waiting = service.read("/v1/notices").is(200).json();
        waiting["notices"].as_array().unwrap().is_empty().then_some(())
    });
}

/// Alert API v2: <https://docs.opsgenie.com/docs/alert-api>.
fn opsgenie(got: &Got) -> (u16, String) {
    assert_eq!(got.method, "POST");
    assert_eq!(got.header("authorization"), format!("GenieKey {TOKEN}"));
    let body = got.json();
    if got.path == "/v2/alerts" {
        let known = [
            "message",
            "alias",
            "description",
            "responders",
            "visibleTo",
            "actions",
            "tags",
            "details",
            "entity",
            "source",
            "priority",
            "user",
            "note",
        ];
        assert_within(&body, &known, &["message", "alias"]);
        assert!((1..=130).contains(&body["message"].as_str().unwrap().chars().count()));
        assert!(body["alias"].as_str().unwrap().len() <= 512);
        assert!(body["description"].as_str().unwrap().chars().count() <= 15_000);
        assert!(body["details"].as_object().unwrap().values().all(Value::is_string));
        let priority = body["priority"].as_str().unwrap();
        assert!(["P1", "P2", "P3", "P4", "P5"].contains(&priority));
    } else {
        assert!(got.path.ends_with("?identifierType=alias"), "{got:?}");
        assert_within(&body, &["user", "source", "note"], &[]);
    }
    (202, r#"{"result":"Request will be processed","took":0.1,"requestId":"r"}"#.into())
}

#[test]
fn opsgenie_has_an_alert_for_a_plan_that_is_made_acknowledged_and_closed() {
    let receiver = Receiver::start(|got, _| opsgenie(got));
    let service = with(&format!(
        "[[channel]]\nname = \"genie\"\nkind = \"opsgenie\"\nurl = {:?}\n\
         token = {{ env = \"CHANNEL\" }}\n",
        receiver.url("/")
    ));
    let id = stuck(&service, "warning", "mq-1");
    let made = receiver.wait(1).remove(0);
    let alias = format!("{id}-{}", &plan(&service, &id)[..12]);
    assert_eq!(
        (made.json()["alias"].as_str(), made.json()["priority"].as_str()),
        (Some(&*alias), Some("P3"))
    );
    answer(&service, "approve", &id);
    receiver.wait(2);
    end(&service, "QueueStuck", "mq-1");
    let got = receiver.wait(4);
    let paths: Vec<_> = got.iter().map(|one| one.path.as_str()).collect();
    let expected = [
        "/v2/alerts".to_owned(),
        format!("/v2/alerts/{alias}/acknowledge?identifierType=alias"),
        format!("/v2/alerts/{id}/close?identifierType=alias"),
        format!("/v2/alerts/{alias}/close?identifierType=alias"),
    ];
    assert_eq!(paths, expected);
}
