//! What is recorded of those who came in and of those who did not.

use super::browser::{Browser, PASSWORD, service_of, signed_in, with_ana};
use super::http::Request;
use super::service::{FIRING, Service};

#[test]
fn refused_attempts_in_a_known_name_are_recorded_one_by_one_and_not_without_end() {
    let service = with_ana();
    signed_in(&service, "ana");
    for guess in 0..30 {
        Browser::new(&service).sign_in("ana", &format!("wrong number {guess}"));
    }
    let home = service.stop();
    let trail = home.trail();
    let refused: Vec<_> = trail
        .iter()
        .map(|line| &line["event"])
        .filter(|event| event["kind"] == "sign_in_refused")
        .collect();
    assert!((3..=10).contains(&refused.len()), "{refused:?}");
    assert_eq!(refused[0]["data"]["person"], "ana");
    assert_eq!(refused.last().unwrap()["data"]["why"], "wrong_password");
    assert_eq!(refused[0]["data"]["from"]["$text"], "127.0.0.1");
    assert!(home.count("signed_in") >= 1);
    assert!(!format!("{trail:?}").contains("wrong number"), "a guess may be a password elsewhere");
    assert!(!format!("{trail:?}").contains(PASSWORD));
    home.assert_log_holds();
}

#[test]
fn strangers_are_counted_in_one_entry_without_what_they_said() {
    let service = Service::start();
    let hostile = "<b>nobody\u{1b}[31m";
    for _ in 0..5 {
        service.post("am", "wrong", FIRING).fails_with(401);
        Request::new("GET", "/v1/incidents").token("nonsense").send(&service.address);
        Browser::new(&service).sign_in(hostile, PASSWORD).is(403);
    }
    let home = service.stop();
    let trail = home.trail();
    let told: Vec<_> = trail
        .iter()
        .map(|line| &line["event"])
        .filter(|event| event["kind"] == "strangers_refused")
        .collect();
    assert_eq!(told.len(), 1, "{trail:?}");
    let counts = told[0]["data"]["counts"].as_object().unwrap();
    assert_eq!(counts.values().filter_map(|n| n.as_u64()).sum::<u64>(), 15, "{counts:?}");
    assert!(counts.keys().any(|key| key.starts_with("deliveries to am")), "{counts:?}");
    assert!(counts.contains_key("the API: an unknown token"), "{counts:?}");
    let all = format!("{trail:?}");
    assert!(!all.contains("nonsense") && !all.contains("nobody\u{1b}"), "{all}");
    assert_eq!(home.count("sign_in_refused"), 0);
}

#[test]
fn the_address_that_a_named_proxy_tells_is_recorded_and_no_other() {
    for (proxies, expected) in [("proxies = [\"127.0.0.1\"]", "198.51.100.7"), ("", "127.0.0.1")] {
        let service = service_of(&[("ana", "viewer")], proxies, "");
        let headers = [("X-Forwarded-For", "6.6.6.6, 198.51.100.7")];
        let fields = [("name", "ana"), ("password", "a wrong password")];
        Browser::new(&service).post_with("/login", &fields, &headers).is(403);
        let trail = service.stop().trail();
        let refused = trail.iter().rfind(|line| line["event"]["kind"] == "sign_in_refused");
        assert_eq!(refused.unwrap()["event"]["data"]["from"]["$text"], expected);
    }
}
