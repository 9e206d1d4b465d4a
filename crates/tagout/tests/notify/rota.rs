//! Who is on duty, out of the configuration and out of schedules elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::{Value, json};

use super::receiver::Receiver;
use super::service::Service;
use super::world::{TOKEN, with};

/// Waits until the log says so many times who is on duty, and what it says.
fn changes(service: &Service, times: usize) -> Vec<Value> {
    service.wait("a change of duty", |service| {
        let trail = service.home.trail();
        let changed: Vec<_> = trail
            .iter()
            .filter(|entry| entry["event"]["kind"] == "rota_changed")
            .map(|entry| entry["event"]["data"].clone())
            .collect();
        (changed.len() >= times).then_some(changed)
    })
}

#[test]
fn a_static_rota_is_recorded_once() {
    let service = with(
        "[[rota]]\nname = \"primary\"\nkind = \"static\"\npeople = [\"ana\"]\nturn = \"1d\"\n\
         start = \"2026-01-01T08:00:00+01:00\"\n",
    );
    let changed = changes(&service, 1);
    assert_eq!(changed[0], json!({"rota": "primary", "people": ["ana"], "stand_in": false}));
    let home = service.stop();
    assert_eq!(home.count("rota_changed"), 1);
    let service = super::world::serve(home);
    service.wait("a tick", |service| service.metric("tagout_log_entries"));
    let home = service.stop();
    assert_eq!(home.count("rota_changed"), 1);
}

fn schedule(kind: &str, url: &str, rest: &str) -> String {
    format!(
        "[[rota]]\nname = \"primary\"\nkind = {kind:?}\nurl = {url:?}\nschedule = \"PSCHED1\"\n\
         token = {{ env = \"CHANNEL\" }}\ninterval = \"10s\"\n\
         users = {{ PANA = \"ana\", \"ben@example.org\" = \"ben\", PCEM = \"cem\" }}\n{rest}\n"
    )
}

#[test]
fn whoever_is_on_duty_in_pagerduty_is_on_duty_here() {
    let receiver = Receiver::start(|got, _| {
        assert_eq!(got.header("authorization"), format!("Token token={TOKEN}"));
        let (path, query) = got.path.split_once('?').unwrap();
        assert_eq!((got.method.as_str(), path), ("GET", "/oncalls"));
        assert!(query.contains("schedule_ids%5B%5D=PSCHED1"), "{query}");
        let on_call = |id: &str, email: &str| {
            json!({
                "user": {"id": id, "type": "user", "summary": "N", "email": email},
                "schedule": {"id": "PSCHED1", "type": "schedule_reference"},
                "escalation_level": 1, "start": null, "end": null,
            })
        };
        let on_calls = [
            on_call("PANA", "other@example.org"),
            on_call("P0STRANGE", "Ben@Example.org"),
            on_call("PYYY", "stranger@example.org"),
        ];
        let body = json!({"oncalls": on_calls, "limit": 100, "offset": 0, "more": false});
        (200, body.to_string())
    });
    let service = with(&schedule("pagerduty", &receiver.url(""), ""));
    let changed = changes(&service, 1);
    assert_eq!(changed[0], json!({"rota": "primary", "people": ["ana", "ben"], "stand_in": false}));
}

#[test]
fn a_schedule_that_cannot_be_read_is_believed_for_a_while_and_then_others_stand_in() {
    let works = Arc::new(AtomicU8::new(1));
    let asked = Arc::clone(&works);
    let receiver = Receiver::start(move |got, _| {
        assert_eq!(got.header("authorization"), format!("GenieKey {TOKEN}"));
        assert_eq!(got.path, "/v2/schedules/PSCHED1/on-calls?flat=true");
        match asked.load(Ordering::Relaxed) {
            1 => (200, json!({"data": {"onCallRecipients": ["ben@example.org"]}}).to_string()),
            _ => (503, String::new()),
        }
    });
    let rest = "max_age = \"20s\"\nfallback = [\"cem\", \"ana\"]";
    let service = with(&schedule("opsgenie", &receiver.url("/"), rest));
    let changed = changes(&service, 1);
    assert_eq!(changed[0], json!({"rota": "primary", "people": ["ben"], "stand_in": false}));
    works.store(0, Ordering::Relaxed);
    let stands_in = json!({"rota": "primary", "people": ["cem", "ana"], "stand_in": true});
    service.wait("the stand-ins", |service| changes(service, 2).contains(&stands_in).then_some(()));
    works.store(1, Ordering::Relaxed);
    service.wait("those on duty again", |service| {
        let changed = changes(service, 3);
        (changed.last().unwrap()["people"] == json!(["ben"])).then_some(())
    });
}
