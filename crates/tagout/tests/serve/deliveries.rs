//! What a 2xx means.

use super::home::alert;
use super::http::Request;
use super::service::{FIRING, OWN_SECRET, SECRET, Service};

#[test]
fn what_was_answered_2xx_is_in_the_log_after_a_kill() {
    let service = Service::start();
    let mut answered = Vec::new();
    for n in 0..20 {
        let body = alert("CacheFull", "warning", &format!("c-{n}"));
        let receipt = service.post("own", OWN_SECRET, body).is(200).json();
        assert_eq!(receipt["alerts"], 1);
        answered.push(receipt);
    }
    let home = service.kill();
    home.assert_log_holds();
    let trail = home.trail();
    for receipt in answered {
        let delivery =
            trail.iter().any(|line| line["event"]["data"]["delivery"] == receipt["delivery"]);
        assert!(delivery, "{receipt} is not in the log");
        let incident = trail.iter().any(|line| line["incident"] == receipt["incidents"][0]);
        assert!(incident, "the incident of {receipt} is not in the log");
    }
}

#[test]
fn a_real_webhook_is_taken_to_its_decision() {
    let service = Service::start();
    let receipt = service.post("am", SECRET, FIRING).is(200).json();
    assert_eq!((&receipt["alerts"], &receipt["flawed"]), (&1.into(), &0.into()));
    let id = receipt["incidents"][0].as_str().unwrap();
    assert_eq!(service.decided(id)["summary"]["decision"], "escalate");
}

#[test]
fn an_authenticated_body_that_cannot_be_read_is_accepted_and_recorded() {
    let service = Service::start();
    let flawed = r#"{"version": "4", "status": "firing", "alerts": [{"labels": 7}]}"#;
    for body in ["nonsense", "", "[1, 2", r#"{"version": "5", "alerts": []}"#, flawed] {
        let receipt = service.post("am", SECRET, body).is(202).json();
        assert_eq!(receipt["quarantined"], true, "{body}");
    }
    let home = service.kill();
    assert_eq!(home.count("delivery_quarantined"), 5);
    let opened = home.trail();
    let mut opened = opened.iter().filter(|line| line["event"]["kind"] == "incident_opened");
    let labels = &opened.next().unwrap()["event"]["data"]["alert"]["labels"];
    assert_eq!(labels["alertname"], "TagoutSourceUnreadable");
    assert_eq!(opened.count(), 0, "a person is called once to a source");
}

#[test]
fn what_was_read_and_cannot_be_used_is_taken_also_where_no_more_of_it_are_kept() {
    let service = Service::start();
    let flawed = |n: usize| format!("{{\"severity\": \"warning\", \"id\": \"{n}\"}}");
    for n in 0..tagout_core::limits::QUARANTINED {
        service.post("own", OWN_SECRET, flawed(n)).is(202);
    }
    let receipt = service.post("own", OWN_SECRET, flawed(1_000)).is(200).json();
    assert_eq!((&receipt["quarantined"], &receipt["flawed"]), (&false.into(), &1.into()));
}

#[test]
fn the_good_alerts_beside_a_bad_one_are_processed() {
    let service = Service::start();
    let body = format!("[{}, {{\"severity\": \"warning\"}}]", alert("CacheFull", "warning", "c-1"));
    let receipt = service.post("own", OWN_SECRET, body).is(200).json();
    assert_eq!((&receipt["alerts"], &receipt["flawed"]), (&2.into(), &1.into()));
    assert_eq!(receipt["incidents"].as_array().unwrap().len(), 1);
}

#[test]
fn a_body_is_read_up_to_the_configured_size_and_one_byte_past_it_is_for_people() {
    let service = Service::with("max_body_bytes = 2048", "");
    let body = |length: usize| {
        let alert = alert("CacheFull", "warning", "c-1");
        format!("{}{alert}", " ".repeat(length - alert.len()))
    };
    service.post("own", OWN_SECRET, body(2048)).is(200);
    let aside = service.post("own", OWN_SECRET, body(2049)).is(202).json();
    assert_eq!(aside["quarantined"], true);
    service.post("own", "a-wrong-secret", body(2049)).fails_with(413);
    service.post("nobody", OWN_SECRET, body(2049)).fails_with(413);
    // Without an announced length it is found out while reading.
    let chunked = |length: usize| {
        let body = body(length);
        let body = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let request = Request::new("POST", "/v1/sources/own").token(OWN_SECRET);
        let mut request = request.header("Transfer-Encoding", "chunked");
        request.raw_body(body);
        request.send(&service.address)
    };
    chunked(2048).is(200);
    let first = chunked(2049).is(202).json();
    let second = chunked(2050).is(202).json();
    assert_eq!(first["delivery"], aside["delivery"], "the digest is of the whole body");
    assert_ne!(first["delivery"], second["delivery"]);
    let home = service.kill();
    let trail = home.trail();
    let kept = trail.iter().find(|line| line["event"]["kind"] == "delivery_quarantined");
    let kept = &kept.unwrap()["event"]["data"];
    assert_eq!(kept["bytes"], 2049);
    assert!(kept["body"].to_string().contains("CacheFull"), "its beginning is kept: {kept}");
    assert!(kept["why"].to_string().contains("server.max_body_bytes"), "{kept}");
    let opened = trail.iter().filter(|line| line["event"]["kind"] == "incident_opened");
    let opened: Vec<_> =
        opened.map(|l| &l["event"]["data"]["alert"]["labels"]["alertname"]).collect();
    assert_eq!(opened, ["CacheFull", "TagoutSourceUnreadable"], "a person is called");
}

#[test]
fn a_body_above_the_limit_of_alerts_is_set_aside_with_its_beginning() {
    let service = Service::with("max_body_bytes = 68000000", "");
    let body = vec![b' '; tagout_core::limits::BODY_BYTES + 1];
    let receipt = service.post("am", SECRET, body).is(202).json();
    assert_eq!(receipt["quarantined"], true);
}

#[test]
fn a_compressed_body_is_refused_with_what_to_send_instead() {
    let service = Service::start();
    let request = Request::new("POST", "/v1/sources/am").token(SECRET);
    let answer = request.header("Content-Encoding", "gzip").body("x").send(&service.address);
    assert_eq!(answer.fails_with(415).header("accept-encoding"), Some("identity"));
}

#[test]
fn an_answer_names_the_first_hundred_incidents() {
    let service = Service::start();
    let post = |count: usize, what: &str| {
        // Triaged away at once, so that nothing has to be searched.
        let alerts = (0..count).map(|n| alert("CacheFull", "info", &format!("{what}-{n}")));
        let body = alerts.collect::<Vec<_>>().join("\n");
        let receipt = service.post("own", OWN_SECRET, body).is(200).json();
        assert_eq!(receipt["alerts"], count);
        receipt["incidents"].as_array().unwrap().len()
    };
    let most = tagout_core::limits::ANSWERED_INCIDENTS;
    assert_eq!(post(most, "a"), most);
    assert_eq!(post(most + 1, "b"), most);
}

#[test]
fn a_quarantined_delivery_is_listed_shown_read_again_and_put_away() {
    let service = Service::start();
    service.post("own", OWN_SECRET, "nonsense").is(202);
    let good = alert("QueueStuck", "warning", "q-7");
    // Well formed, and not what this source is configured to send.
    service.post("am", SECRET, good.clone()).is(202);
    let home = service.stop();
    let list = || home.tagout(&["deliveries", "list", "--json"]).done().ok().json();
    let kept = list();
    assert_eq!((kept[0]["source"].as_str(), kept[1]["source"].as_str()), (Some("own"), Some("am")));
    let digest = |n: usize| kept[n]["delivery"].as_str().unwrap().to_owned();
    let shown = home.tagout(&["deliveries", "show", &digest(1)]).done().ok();
    assert_eq!(shown.stdout.trim(), good);
    let secrets = |args: &[&str]| super::service::with_secrets(home.tagout(args)).done();
    secrets(&["deliveries", "replay", &digest(1)]).exits(2).names(&["still cannot be read"]);
    // The source is mended.
    let file = "state/tagout/tagout.toml";
    let text = std::fs::read_to_string(home.path(file)).unwrap();
    home.write(file, text.replacen("kind = \"alertmanager\"", "kind = \"native\"", 1));
    secrets(&["deliveries", "replay", &digest(1)]).ok();
    assert!(
        home.trail()
            .iter()
            .any(|line| line["event"]["data"]["alert"]["labels"]["instance"] == "q-7")
    );
    home.tagout(&["deliveries", "dismiss", "0123456789ab"]).done().exits(2);
    home.tagout(&["deliveries", "dismiss", &digest(0)[..12]]).done().ok();
    assert_eq!(list(), serde_json::json!([]));
    home.assert_log_holds();
}
