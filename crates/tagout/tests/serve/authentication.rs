//! Who may send.

use super::http::Request;
use super::service::{FIRING, OWN_SECRET, SECRET, Service};

#[test]
fn a_wrong_or_absent_secret_is_refused_and_leaves_nothing_in_the_log() {
    let service = Service::start();
    for secret in ["", "wrong", &SECRET[1..], &SECRET[..5], OWN_SECRET] {
        let answer = service.post("am", secret, FIRING).fails_with(401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let answer = Request::new("POST", "/v1/sources/am").body(FIRING).send(&service.address);
    answer.fails_with(401);
    let basic = Request::new("POST", "/v1/sources/am").header("Authorization", SECRET);
    basic.body(FIRING).send(&service.address).fails_with(401);
    service.post("am", SECRET, FIRING).is(200);
    let home = service.stop();
    assert_eq!(home.count("delivery_received"), 1, "only the one with the right secret");
}

#[test]
fn an_unknown_source_is_answered_like_a_wrong_secret() {
    let service = Service::start();
    let mut unknown = service.post("nobody", SECRET, FIRING).fails_with(401).json();
    let mut wrong = service.post("am", "wrong", FIRING).fails_with(401).json();
    for answer in [&mut unknown, &mut wrong] {
        answer["request_id"] = "one".into();
    }
    assert_eq!(unknown, wrong);
}

#[test]
fn a_refused_sender_shows_in_metrics_and_not_line_by_line() {
    let service = Service::start();
    let before = service.told().lines().count();
    for _ in 0..50 {
        service.post("am", "wrong", FIRING).fails_with(401);
    }
    let name = r#"tagout_deliveries_total{source="am",format="none",outcome="unauthenticated"}"#;
    assert_eq!(service.metric(name), Some(50.0));
    let more = service.told().lines().count() - before;
    assert!(more <= 1, "fifty refusals made {more} lines");
}
