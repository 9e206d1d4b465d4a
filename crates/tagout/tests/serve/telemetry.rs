//! What the service tells of itself.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tagout::telemetry::trace_id;

use super::home::alert;
use super::http::Request;
use super::service::{FIRING, OWN_SECRET, SECRET, Service, TOKEN};

#[test]
fn no_stranger_can_make_a_label() {
    let service = Service::start();
    for n in 0..30 {
        let hostile = format!("hostile{n}");
        service.post(&hostile, &hostile, hostile.clone()).fails_with(401);
        service.post("am", &hostile, FIRING).fails_with(401);
        service.post("am", SECRET, hostile.clone()).is(202);
        let request = Request::new("BREW", &format!("/{hostile}")).header("X-Request-Id", &hostile);
        request.send(&service.address).fails_with(404);
        let labels = alert(&hostile, &hostile, &hostile);
        service.post("own", OWN_SECRET, labels).is(200);
    }
    let metrics = service.read("/metrics").is(200).body;
    assert!(!metrics.contains("hostile"), "{metrics}");
    let deliveries = metrics.lines().filter(|line| line.starts_with("tagout_deliveries_total{"));
    let sources: BTreeSet<_> =
        deliveries.map(|line| line.split('"').nth(1).unwrap().to_owned()).collect();
    assert_eq!(sources, ["am", "other", "own"].map(str::to_owned).into());
    let series = metrics.lines().filter(|line| !line.starts_with('#')).count();
    assert!(series < 200, "{series} series");
    let name = r#"tagout_deliveries_total{source="other",format="none",outcome="unauthenticated"}"#;
    assert_eq!(service.metric(name), Some(30.0));
}

#[test]
fn metrics_have_base_units_and_say_what_they_are() {
    let service = Service::start();
    service.post("am", SECRET, FIRING).is(200);
    let metrics = service.read("/metrics").is(200).body;
    for line in metrics.lines().filter(|line| line.starts_with("# TYPE")) {
        let mut words = line.split(' ').skip(2);
        let (name, kind) = (words.next().unwrap(), words.next().unwrap());
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name} has no description");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        assert!(!name.ends_with("_ms") && !name.ends_with("_millis"), "{line}");
    }
    assert_eq!(service.metric(r#"tagout_acknowledge_seconds_count{source="am"}"#), Some(1.0));
    assert_eq!(service.metric(r#"tagout_alerts_total{source="am"}"#), Some(1.0));
    let open = service.wait("the tick", |service| {
        service.metric("tagout_incidents_open").filter(|open| *open > 0.0)
    });
    assert!((open - 1.0).abs() < 0.5, "{open}");
}

#[test]
fn no_secret_and_no_body_is_in_the_log_even_at_the_finest_level() {
    let telemetry = "[telemetry]\nlog_level = \"trace\"\nlog_format = \"json\"";
    let service = Service::with("", telemetry);
    service.post("am", SECRET, FIRING).is(200);
    service.post("am", "a-wrong-secret", "a-body-of-a-stranger").is(401);
    service.post("am", SECRET, "an-unreadable-body").is(202);
    service.read("/v1/incidents").is(200);
    let agent = Request::new("GET", "/livez").header("User-Agent", "a-value-of-a-header");
    agent.send(&service.address).is(200);
    service.signal("-HUP");
    service.wait("the reload", |service| service.told().contains("loaded anew").then_some(()));
    let told = service.told();
    assert!(told.contains("\"request_id\""), "requests are told at this level: {told}");
    for hidden in [
        SECRET,
        OWN_SECRET,
        TOKEN,
        "a-wrong-secret",
        "a-body-of-a-stranger",
        "an-unreadable-body",
        "a-value-of-a-header",
        "DiskFull",
    ] {
        assert!(!told.contains(hidden), "{hidden} is in the log: {told}");
    }
    for line in told.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    }
}

/// A receiver of traces: its address, and the spans of every request it got.
fn receiver() -> (String, Receiver<Vec<Span>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (told, spans) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            // One connection carries many exports.
            loop {
                let (mut line, mut length) = (String::new(), 0);
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    break;
                }
                assert!(line.starts_with("POST /v1/traces "), "{line}");
                while line.trim_end() != "" {
                    line.clear();
                    reader.read_line(&mut line).unwrap();
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                        length = value.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let export = ExportTraceServiceRequest::decode(&body[..]).unwrap();
                let resources = export.resource_spans.into_iter();
                let found = resources.flat_map(|r| r.scope_spans).flat_map(|scope| scope.spans);
                told.send(found.collect()).unwrap();
                let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                reader.get_mut().write_all(ok.as_bytes()).unwrap();
            }
        }
    });
    (address, spans)
}

/// Everything that arrives until `enough` is content.
fn spans(received: &Receiver<Vec<Span>>, enough: impl Fn(&[Span]) -> bool) -> Vec<Span> {
    let end = Instant::now() + Duration::from_secs(30);
    let mut all = Vec::new();
    while !enough(&all) {
        let left = end.saturating_duration_since(Instant::now());
        all.extend(received.recv_timeout(left).expect("spans arrive"));
    }
    all
}

#[test]
fn each_incident_is_one_trace_whose_id_follows_from_its_own() {
    let (address, received) = receiver();
    let telemetry = format!("[telemetry]\notlp_endpoint = \"http://{address}\"");
    let service = Service::with("", &telemetry);
    let alerts = ["q-1", "q-2"].map(|instance| alert("QueueStuck", "warning", instance));
    let receipt = service.post("own", OWN_SECRET, format!("[{}]", alerts.join(","))).is(200).json();
    let asked = |spans: &[Span]| spans.iter().filter(|s| s.name == "review requested").count();
    let spans = spans(&received, |spans| asked(spans) == 2);
    for id in receipt["incidents"].as_array().unwrap() {
        let trace = trace_id(id.as_str().unwrap());
        let own: Vec<_> = spans.iter().filter(|span| span.trace_id == trace).collect();
        let names: Vec<_> = own.iter().map(|span| span.name.as_str()).collect();
        for stage in ["delivery", "triage", "search", "plan", "policy", "review requested"] {
            assert!(names.contains(&stage), "{stage} is missing: {names:?}");
        }
        let root = own.iter().find(|span| span.name == "delivery").unwrap();
        assert!(root.parent_span_id.is_empty(), "{root:?}");
        for span in own.iter().filter(|span| span.name != "delivery") {
            assert_eq!(span.parent_span_id, root.span_id, "{span:?}");
            assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
            assert!(span.start_time_unix_nano >= root.start_time_unix_nano, "{span:?}");
        }
        let ids: BTreeSet<_> = own.iter().map(|span| &span.span_id).collect();
        assert_eq!(ids.len(), own.len(), "two spans have one id");
    }
    let traces: BTreeSet<_> = spans.iter().map(|span| &span.trace_id).collect();
    assert_eq!(traces.len(), 2);
}

#[test]
fn a_restart_goes_on_with_the_same_trace() {
    let (address, received) = receiver();
    let telemetry = format!("[telemetry]\notlp_endpoint = \"http://{address}\"");
    let service = Service::with("", &telemetry);
    let body = alert("QueueStuck", "warning", "q-1");
    let receipt = service.post("own", OWN_SECRET, body.clone()).is(200).json();
    let id = receipt["incidents"][0].as_str().unwrap().to_owned();
    let first = spans(&received, |spans| spans.iter().any(|s| s.name == "review requested"));
    let home = service.kill();
    let call = super::service::call(&home);
    let service = Service::of(home, call);
    let worse = alert("QueueStuck", "critical", "q-1");
    service.post("own", OWN_SECRET, worse).is(200);
    let second = spans(&received, |spans| spans.iter().any(|s| s.name == "alert worsened"));
    let root = first.iter().find(|span| span.name == "delivery").unwrap();
    for span in &second {
        assert_eq!(span.trace_id, trace_id(&id), "{span:?}");
        assert_eq!(span.parent_span_id, root.span_id, "{span:?}");
    }
}

#[test]
fn a_receiver_that_is_not_there_costs_spans_and_nothing_else() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let telemetry = format!("[telemetry]\notlp_endpoint = \"http://{nobody}\"");
    let service = Service::with("", &telemetry);
    service.post("am", SECRET, FIRING).is(200);
    let dropped = r#"tagout_spans_total{outcome="dropped"}"#;
    service.wait("dropped spans", |service| service.metric(dropped).filter(|n| *n > 0.0));
    service.stop();
}

#[test]
fn an_incident_outside_the_sample_is_not_traced() {
    let (address, received) = receiver();
    let telemetry =
        format!("[telemetry]\notlp_endpoint = \"http://{address}\"\nsample_ratio = 0.0");
    let service = Service::with("", &telemetry);
    service.post("am", SECRET, FIRING).is(200);
    service.stop();
    assert!(received.try_recv().is_err());
}
