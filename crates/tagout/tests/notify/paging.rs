//! PagerDuty and Opsgenie: what is sent is held against the published formats, key by key.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::home::{Home, POLICY, alert};
use super::people::{Person, Plan};
use super::receiver::{Got, Receiver};
use super::service::{OWN_SECRET, Service, call};
use super::stage::{self, LIVE, Stage};
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

fn pager(receiver: &Receiver) -> String {
    format!(
        "[[channel]]\nname = \"pager\"\nkind = \"pagerduty\"\nurl = {:?}\n\
         token = {{ env = \"CHANNEL\" }}\n",
        receiver.url("")
    )
}

fn genie(receiver: &Receiver) -> String {
    format!(
        "[[channel]]\nname = \"genie\"\nkind = \"opsgenie\"\nurl = {:?}\n\
         token = {{ env = \"CHANNEL\" }}\n",
        receiver.url("/")
    )
}

/// What is expected, as [`actions`] gives it.
fn these<'a>(actions: impl IntoIterator<Item = (&'a str, &'a String)>) -> Vec<(String, String)> {
    actions.into_iter().map(|(action, key)| (action.to_owned(), key.clone())).collect()
}

#[test]
fn pagerduty_has_an_alert_for_a_plan_that_is_opened_taken_and_ended() {
    let receiver = Receiver::start(|got, _| pagerduty(got));
    let service = with(&pager(&receiver));
    let id = stuck(&service, "warning", "mq-1");
    let opened = receiver.wait(1).remove(0).json();
    assert_eq!(opened["payload"]["severity"], "warning");
    assert_eq!(opened["client_url"], format!("{PAGES}/incidents/{id}"));
    let key = opened["dedup_key"].as_str().unwrap().to_owned();
    assert!(key.starts_with(&format!("{id}-{}-", &plan(&service, &id)[..12])), "{key}");
    answer(&service, "approve", &id);
    receiver.wait(2);
    end(&service, "QueueStuck", "mq-1");
    let got = receiver.wait(3);
    let expected = [("trigger", &key), ("acknowledge", &key), ("resolve", &key)];
    assert_eq!(actions(&got), these(expected));

    service.home.tagout(&["halt", "--as", "ben", "--reason", "drill"]).done().ok();
    receiver.wait(4);
    service.home.tagout(&["resume", "--as", "ben", "--reason", "over"]).done().ok();
    let got = receiver.wait(5);
    let key = "tagout-kill-switch".to_owned();
    assert_eq!(actions(&got[3..]), these([("trigger", &key), ("resolve", &key)]));
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
    receiver.wait(1);
    ana.post(&format!("/v1/incidents/{id}/acknowledge"), &json!({})).is(200);
    receiver.wait(2);
    ana.change(&first, &json!({ "keep": "200" })).is(200);
    receiver.wait(4);
    let second = ana.plan(id);
    assert_ne!(first, second);
    let alone = json!({ "mode": "dry_run", "reason": "nobody else is awake" });
    ana.post(&second.path("break-glass"), &alone).is(200);
    receiver.wait(6);
    end(&service, "CacheFull", "host-1");
    let got = actions(&receiver.wait(8));
    let (before, after) = (&got[0].1, &got[3].1);
    for (key, plan) in [(before, &first), (after, &second)] {
        assert!(key.starts_with(&format!("{id}-{}-", &plan.digest[..12])), "{key}");
    }
    let glass = format!("{id}-{}-glass", &second.digest[..12]);
    let expected = [
        ("trigger", before),
        ("acknowledge", before),
        ("resolve", before),
        ("trigger", after),
        ("trigger", &glass),
        ("acknowledge", after),
    ];
    assert_eq!(got[..6], these(expected));
    let ended: BTreeSet<_> = got[6..].iter().cloned().collect();
    assert_eq!(ended, these([before, after].map(|key| ("resolve", key))).into_iter().collect());
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
    let got = actions(&receiver.wait(2));
    assert_eq!(got, these([("trigger", &got[0].1), ("acknowledge", &got[0].1)]));
    // The receiver has a notice before the service has written down that it has.
    service.wait("nothing to be waiting", |service| {
        let waiting = service.read("/v1/notices").is(200).json();
        waiting["notices"].as_array().unwrap().is_empty().then_some(())
    });
}

/// The keys of an incident with which something was done.
fn keys_of(done: &[(String, String)], action: &str, incident: &str) -> Vec<String> {
    let of = done.iter().filter(|(done, key)| done == action && key.starts_with(incident));
    of.map(|(_, key)| key.clone()).collect()
}

/// Everybody who is called hears it: nothing is opened under a key that was acknowledged.
fn assert_all_ring(done: &[(String, String)]) {
    for (n, (action, key)) in done.iter().enumerate() {
        let silenced = done[..n].contains(&("acknowledge".to_owned(), key.clone()));
        assert!(action != "trigger" || !silenced, "nobody hears {key}: {done:#?}");
    }
}

#[test]
fn who_took_an_incident_is_called_again_when_nobody_answers() {
    let receiver = Receiver::start(|got, _| pagerduty(got));
    let home = home(&[], &pager(&receiver));
    let chain = "[[chain]]\nafter = \"5s\"\nask = [\"everyone\"]\n";
    home.write("policy.toml", format!("{POLICY}{chain}"));
    let service = serve(home);
    let ana = Person::of(&service, "ana", "approver");
    let plan = Plan::for_one(&service, "mq-1");
    let id = &plan.incident;
    ana.post(&format!("/v1/incidents/{id}/acknowledge"), &json!({})).is(200);
    receiver.until("an escalation", |got| keys_of(&actions(got), "trigger", id).len() == 2);
    end(&service, "QueueStuck", "mq-1");
    let over = receiver.until("the end", |got| {
        let ended: BTreeSet<_> = keys_of(&actions(got), "resolve", id).into_iter().collect();
        ended.len() == 2
    });
    let over = actions(&over);
    assert_all_ring(&over);
    let opened: BTreeSet<_> = keys_of(&over, "trigger", id).into_iter().collect();
    assert_eq!(opened, keys_of(&over, "resolve", id).into_iter().collect());
}

/// A service in live mode with these channels.
fn live(home: Home) -> Service {
    let counts = home.path("counts");
    let call = call(&home).env("COUNTS", counts.to_str().unwrap()).env("CHANNEL", TOKEN);
    Service::of(home, call)
}

/// Its pages are admitted, and nothing holds it back.
fn staged(channels: &str) -> Stage {
    let home = stage::home("live", LIVE);
    let path = home.path("state/tagout/tagout.toml");
    let configuration = std::fs::read_to_string(&path).unwrap();
    let server = format!("[server]\npublic_url = {PAGES:?}\n");
    let configuration = configuration.replace("[server]\n", &server);
    std::fs::write(&path, configuration + channels).unwrap();
    let stage = Stage::with(live(home));
    stage.admit("repair").is(200);
    stage.release();
    stage
}

/// What of that which came is a call, as what is done and under which key.
type Done = fn(&[Got]) -> Vec<(String, String)>;

#[test]
fn whoever_approved_is_called_again_when_the_plan_fails_and_the_end_ends_every_call() {
    let (pages, alerts) =
        (Receiver::start(|got, _| pagerduty(got)), Receiver::start(|got, _| opsgenie(got)));
    let stage = staged(&(pager(&pages) + &genie(&alerts)));
    let look: [(&Receiver, Done); 2] = [(&pages, actions), (&alerts, calls)];
    let id = stage.alert("Repair", "host-1", "fail");
    for (receiver, done) in look {
        receiver.until("the request", |got| keys_of(&done(got), "trigger", &id).len() == 1);
    }
    stage.approve(&id);
    stage.until(&id, "failed");
    for (receiver, done) in look {
        receiver.until("the failure", |got| keys_of(&done(got), "trigger", &id).len() == 2);
    }
    let close = json!({ "reason": "replaced by hand" });
    stage.ben.post(&format!("/v1/incidents/{id}/close"), &close).is(200);
    for (receiver, done) in look {
        let over = receiver.until("the end", |got| keys_of(&done(got), "resolve", &id).len() == 2);
        let over = done(&over);
        assert_all_ring(&over);
        assert_eq!(keys_of(&over, "acknowledge", &id).len(), 1, "{over:#?}");
        let opened: BTreeSet<_> = keys_of(&over, "trigger", &id).into_iter().collect();
        assert_eq!(opened, keys_of(&over, "resolve", &id).into_iter().collect());
    }
}

#[test]
fn whoever_approved_is_called_again_when_a_step_is_lost() {
    let receiver = Receiver::start(|got, _| pagerduty(got));
    let stage = staged(&pager(&receiver));
    let id = stage.alert("Repair", "host-1", "20");
    receiver.until("the request", |got| keys_of(&actions(got), "trigger", &id).len() == 1);
    stage.approve(&id);
    stage.until_begun("host-1", "drain");
    receiver.until("the approval", |got| keys_of(&actions(got), "acknowledge", &id).len() == 1);
    let (home, ..) = stage.kill();
    let _service = live(home);
    let lost = receiver.until("the loss", |got| keys_of(&actions(got), "trigger", &id).len() == 2);
    assert_all_ring(&actions(&lost));
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

/// What was done there, in the words of [`actions`].
fn calls(got: &[Got]) -> Vec<(String, String)> {
    let of = |got: &Got| {
        let Some((alias, verb)) =
            got.path.strip_prefix("/v2/alerts/").and_then(|path| path.split_once('/'))
        else {
            return ("trigger".to_owned(), got.json()["alias"].as_str().unwrap().to_owned());
        };
        let action = if verb.starts_with("close") { "resolve" } else { "acknowledge" };
        (action.to_owned(), alias.to_owned())
    };
    got.iter().map(of).collect()
}

#[test]
fn opsgenie_has_an_alert_for_a_plan_that_is_made_acknowledged_and_closed() {
    let receiver = Receiver::start(|got, _| opsgenie(got));
    let service = with(&genie(&receiver));
    let id = stuck(&service, "warning", "mq-1");
    let made = receiver.wait(1).remove(0).json();
    let alias = made["alias"].as_str().unwrap();
    assert!(alias.starts_with(&format!("{id}-{}-", &plan(&service, &id)[..12])), "{alias}");
    assert_eq!(made["priority"], "P3");
    answer(&service, "approve", &id);
    receiver.wait(2);
    end(&service, "QueueStuck", "mq-1");
    let got = receiver.wait(3);
    let paths: Vec<_> = got.iter().map(|one| one.path.as_str()).collect();
    let expected = [
        "/v2/alerts".to_owned(),
        format!("/v2/alerts/{alias}/acknowledge?identifierType=alias"),
        format!("/v2/alerts/{alias}/close?identifierType=alias"),
    ];
    assert_eq!(paths, expected);
}
