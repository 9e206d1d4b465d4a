//! The read API.

use super::home::{Home, alert};
use super::http::Request;
use super::service::{OWN_SECRET, SECRET, Service, TOKEN, configuration};

const READERS_ONLY: [&str; 7] = [
    "/metrics",
    "/v1/incidents",
    "/v1/incidents/inc-1",
    "/v1/incidents/inc-1/alerts",
    "/v1/log/checkpoint",
    "/v1/openapi.json",
    "/v1/deliveries",
];

#[test]
fn nothing_can_be_read_without_the_token() {
    let service = Service::start();
    for path in READERS_ONLY {
        service.get(path).fails_with(401);
        let wrong = Request::new("GET", path).token(SECRET).send(&service.address);
        wrong.fails_with(401);
        let basic = Request::new("GET", path).header("Authorization", &format!("Basic {TOKEN}"));
        basic.send(&service.address).fails_with(401);
    }
}

#[test]
fn without_a_configured_token_nobody_reads_but_open_metrics_are_open() {
    let home = Home::new();
    let text =
        configuration("", "").replace("tokens = [{ env = \"READERS\" }]", "metrics_open = true");
    home.write("state/tagout/tagout.toml", text);
    let call = super::service::call(&home);
    let service = Service::of(home, call);
    for path in &READERS_ONLY[1..] {
        service.get(path).fails_with(401);
        service.read(path).fails_with(401);
        Request::new("GET", path).token("").send(&service.address).fails_with(401);
    }
    service.get("/metrics").is(200);
    service.get("/livez").is(200);
    service.get("/readyz").is(200);
}

#[test]
fn incidents_are_read_page_by_page() {
    let service = Service::start();
    let alerts: Vec<_> =
        (0..5).map(|n| alert("QueueStuck", "warning", &format!("q-{n}"))).collect();
    let receipt = service.post("own", OWN_SECRET, format!("[{}]", alerts.join(","))).is(200).json();
    let calm = alert("CacheFull", "info", "c-1");
    service.post("own", OWN_SECRET, calm).is(200);
    for id in receipt["incidents"].as_array().unwrap() {
        service.decided(id.as_str().unwrap());
    }
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/incidents?state=pending_review&limit=2{cursor}");
        let page = service.read(&path).is(200).json();
        let incidents = page["incidents"].as_array().unwrap();
        assert!(incidents.len() <= 2);
        found.extend(incidents.iter().map(|incident| incident["incident"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(&found, receipt["incidents"].as_array().unwrap());
    let closed = service.read("/v1/incidents?state=closed").is(200).json();
    assert_eq!(closed["incidents"].as_array().unwrap().len(), 1);
    let open = service.read("/v1/incidents?state=open&limit=200").is(200).json();
    assert_eq!(open["incidents"].as_array().unwrap().len(), 5);
    service.read("/v1/incidents?limit=201").fails_with(400);
}

#[test]
fn an_incident_is_shown_with_its_recorded_history() {
    let service = Service::start();
    let body = alert("QueueStuck", "warning", "q-1");
    let receipt = service.post("own", OWN_SECRET, body).is(200).json();
    let id = receipt["incidents"][0].as_str().unwrap().to_owned();
    let incident = service.decided(&id);
    assert_eq!(incident["summary"]["state"], "pending_review");
    let history = incident["history"].as_array().unwrap().clone();
    let kinds: Vec<_> = history.iter().map(|e| e["event"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["incident_opened", "triaged"]);
    assert!(kinds.contains(&"policy_decided"), "{kinds:?}");
    let from = history[2]["entry"].as_u64().unwrap();
    let rest = service.read(&format!("/v1/incidents/{id}?from={from}")).is(200).json();
    assert_eq!(rest["history"].as_array().unwrap()[..], history[2..]);
}

#[test]
fn the_checkpoint_is_signed_by_the_key_of_the_log() {
    let service = Service::start();
    let answer = service.wait("a signature", |service| {
        Some(service.read("/v1/log/checkpoint")).filter(|answer| answer.status == 200)
    });
    let note = answer.json()["note"].as_str().unwrap().to_owned();
    let home = service.stop();
    let kept = home.write("kept", note);
    let verify = ["audit", "verify", "--checkpoint", kept.to_str().unwrap()];
    home.tagout(&verify).done().ok();
}
