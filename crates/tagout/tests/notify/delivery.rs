//! Webhooks, and what holds for every channel: nothing is lost, nothing is sent twice under two
//! ids, and what cannot be delivered is seen.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use tagout_core::limits;
use tagout_core::time::Time;

use super::receiver::{Got, Receiver};
use super::service::{Service, call};
use super::world::{PAGES, WHSEC, answer, events, home, recorded, serve, stuck, with};

fn webhook(name: &str, url: &str) -> String {
    format!(
        "[[channel]]\nname = {name:?}\nkind = \"webhook\"\nurl = {url:?}\n\
         secrets = [{{ env = \"WHSEC\" }}]\n"
    )
}

/// As a receiver checks it that knows the specification and nothing of us.
fn assert_signed(got: &Got) {
    let key = BASE64_STANDARD.decode(WHSEC.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let (id, seconds) = (got.header("webhook-id"), got.header("webhook-timestamp"));
    mac.update(format!("{id}.{seconds}.{}", got.body).as_bytes());
    let tag = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(got.header("webhook-signature"), format!("v1,{tag}"), "{got:?}");
    assert!(!id.is_empty() && got.header("content-type") == "application/json", "{got:?}");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(now.abs_diff(seconds.parse().unwrap()) < 120, "{got:?}");
}

#[test]
fn a_request_and_its_end_are_told_signed_and_recorded() {
    let receiver = Receiver::taking();
    let service = with(&webhook("hook", &receiver.url("/in")));
    let id = stuck(&service, "warning", "mq-1");
    let asked = receiver.wait(1).remove(0);
    assert_signed(&asked);
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/in"));
    let body = asked.json();
    assert_eq!(body["type"], "tagout.review_requested");
    assert_eq!(body["data"]["incident"], id.as_str());
    assert_eq!(body["data"]["notice"], asked.header("webhook-id"));
    assert_eq!(body["data"]["link"], format!("{PAGES}/incidents/{id}"));
    assert_eq!(body["data"]["facts"]["target"], "mq-1");
    let steps = body["data"]["steps"].to_string();
    assert!(steps.contains("queuectl --host mq-1 restart"), "{steps}");

    let delivered = recorded(&service, &id, "notice_delivered", 1).remove(0);
    assert_eq!(delivered["channel"], "hook");
    assert_eq!(delivered["notice"], asked.header("webhook-id"));
    assert_eq!(delivered["attempts"], 1);

    answer(&service, "approve", &id);
    let decided = receiver.wait(2).remove(1);
    assert_signed(&decided);
    assert_eq!(decided.json()["data"]["settled"], "approved");
    assert_eq!(decided.json()["data"]["by"][0], "ben");
    recorded(&service, &id, "notice_delivered", 2);
    let name = r#"tagout_notices_total{channel="hook",outcome="delivered"}"#;
    assert_eq!(service.metric(name), Some(2.0));
    let home = service.stop();
    home.assert_log_holds();
}

#[test]
fn a_receiver_that_is_away_gets_the_same_notice_under_the_same_id_later() {
    let receiver = Receiver::start(|_, before| (if before < 2 { 503 } else { 204 }, String::new()));
    let service = with(&webhook("hook", &receiver.url("/")));
    let id = stuck(&service, "warning", "mq-1");
    let got = receiver.wait(3);
    let ids: BTreeSet<_> = got.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!(ids.len(), 1, "{got:#?}");
    got.iter().for_each(assert_signed);
    let delivered = recorded(&service, &id, "notice_delivered", 1);
    assert_eq!(delivered[0]["attempts"], 3);
    let name = r#"tagout_notices_total{channel="hook",outcome="failed"}"#;
    assert_eq!(service.metric(name), Some(2.0));
}

#[test]
fn what_a_receiver_refuses_for_good_is_given_up_where_everybody_sees_it() {
    let receiver = Receiver::start(|_, _| (422, "no".into()));
    let service = with(&webhook("hook", &receiver.url("/")));
    let id = stuck(&service, "warning", "mq-1");
    let given_up = recorded(&service, &id, "notice_given_up", 1).remove(0);
    assert_eq!(given_up["channel"], "hook");
    assert!(given_up["why"]["$text"].as_str().unwrap().contains("422"), "{given_up}");
    let page = service.wait("the outbox", |service| {
        let page = service.read("/v1/notices?all=true").is(200).json();
        Some(page).filter(|page| page["notices"][0]["state"] == "given_up")
    });
    assert_eq!(page["notices"][0]["channel"], "hook");
    assert_eq!(service.read("/v1/notices").is(200).json()["notices"].as_array().unwrap().len(), 0);
    let name = r#"tagout_notices_total{channel="hook",outcome="given_up"}"#;
    assert_eq!(service.metric(name), Some(1.0));
    let listed = service.home.tagout(&["notices", "list", "--all"]).done().ok();
    assert!(listed.stdout.contains("given_up") && listed.stdout.contains("422"), "{listed:?}");
    assert_eq!(receiver.got().len(), 1);
    service.read("/v1/notices?limit=200").is(200);
    service.read("/v1/notices?limit=201").fails_with(400);
    service.get("/v1/notices").fails_with(401);
    service.home.tagout(&["notices", "list", "--limit", "201"]).done().exits(2);
}

#[test]
fn what_was_taken_is_not_sent_again_however_the_rest_of_the_answer_reads() {
    let long = Receiver::start(|_, _| (200, "x".repeat(1 << 20)));
    let short = Receiver::short_of(9, |_, _| (202, "{".into()));
    let service = with(&(webhook("long", &long.url("/")) + &webhook("short", &short.url("/"))));
    let id = stuck(&service, "warning", "mq-1");
    for delivered in recorded(&service, &id, "notice_delivered", 2) {
        assert_eq!(delivered["attempts"], 1, "{delivered}");
    }
    assert_eq!((long.got().len(), short.got().len()), (1, 1));
}

#[test]
fn as_many_as_wait_for_their_time_hide_nothing_that_came_after_them() {
    let receiver = Receiver::taking();
    let home = home(&[], &webhook("hook", &receiver.url("/")));
    let outbox = rusqlite::Connection::open(home.database()).unwrap();
    for n in 0..2 * limits::NOTICES_AHEAD {
        let notice = json!({
            "id": format!("ntc-{n}"), "topic": "person_needed", "incident": format!("inc-{n}"),
            "at": Time::from_millis(0), "entry": 0,
        });
        let put_off = "INSERT INTO outbox (idx, kind, body, due) VALUES (0, 'notice:hook', ?1, ?2)";
        outbox.execute(put_off, (notice.to_string(), i64::MAX)).unwrap();
    }
    drop(outbox);
    let service = serve(home);
    let id = stuck(&service, "critical", "mq-1");
    assert_eq!(receiver.wait(1)[0].json()["data"]["incident"], id.as_str());
}

#[test]
fn a_proxy_of_the_environment_sees_nothing_that_stays_on_this_machine() {
    let (proxy, receiver) = (Receiver::taking(), Receiver::taking());
    let home = home(&[], &webhook("hook", &receiver.url("/")));
    let (names, url) = (["HTTP_PROXY", "http_proxy", "ALL_PROXY"], proxy.url(""));
    let call = call(&home).env("WHSEC", WHSEC);
    let service = Service::of(home, names.iter().fold(call, |call, name| call.env(name, &url)));
    let id = stuck(&service, "warning", "mq-1");
    recorded(&service, &id, "notice_delivered", 1);
    assert_eq!((receiver.got().len(), proxy.got().len()), (1, 0));
}

#[test]
fn a_channel_that_is_dead_holds_up_neither_the_others_nor_the_pipeline() {
    // It takes the connection and never answers.
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead_url = format!("http://{}/", dead.local_addr().unwrap());
    let receiver = Receiver::taking();
    let service = with(&(webhook("dead", &dead_url) + &webhook("alive", &receiver.url("/"))));
    let ids: Vec<_> = (0..6).map(|n| stuck(&service, "warning", &format!("mq-{n}"))).collect();
    let got = receiver.wait(6);
    let told: BTreeSet<_> =
        got.iter().map(|one| one.json()["data"]["incident"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, ids.into_iter().collect());
    // What arrived is noted a moment later.
    service.wait("what is left", |service| {
        let page = service.read("/v1/notices").is(200).json();
        let waiting = page["notices"].as_array().unwrap();
        let dead = waiting.iter().filter(|one| one["channel"] == "dead").count();
        assert_eq!(dead, 6, "{page:#}");
        (waiting.len() == 6).then_some(())
    });
    let name = r#"tagout_notices_waiting{channel="dead"}"#;
    service.wait("the gauge", |service| service.metric(name).filter(|n| *n > 5.0));
}

#[test]
fn what_waits_when_the_service_is_killed_is_sent_by_the_next_one() {
    let receiver =
        Receiver::start(|_, before| (if before == 0 { 503 } else { 200 }, String::new()));
    let service = with(&webhook("hook", &receiver.url("/")));
    stuck(&service, "warning", "mq-1");
    receiver.wait(1);
    let home = service.kill();
    let before = receiver.got().len();
    let service = serve(home);
    let got = receiver.wait(before + 1);
    let ids: BTreeSet<_> = got.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!(ids.len(), 1, "{got:#?}");
    drop(service);
}

#[test]
fn an_end_is_never_told_before_its_beginning() {
    // The first attempts fail, and the incident is over by the time one succeeds.
    let receiver = Receiver::start(|_, before| (if before < 2 { 500 } else { 200 }, String::new()));
    let service = with(&webhook("hook", &receiver.url("/")));
    let id = stuck(&service, "warning", "mq-1");
    receiver.wait(1);
    answer(&service, "reject", &id);
    let got = receiver
        .until("the decision", |got| got.iter().any(|one| one.json()["type"] == "tagout.decided"));
    let types: Vec<_> =
        got.iter().map(|one| one.json()["type"].as_str().unwrap().to_owned()).collect();
    let first_decided = types.iter().position(|topic| topic == "tagout.decided").unwrap();
    assert!(types[..first_decided].iter().all(|topic| topic == "tagout.review_requested"));
    let later = types[first_decided..].iter().all(|topic| topic == "tagout.decided");
    assert!(later, "asked after it was decided: {types:?}");
}

#[test]
fn nobody_is_followed_elsewhere() {
    let receiver = Receiver::start(|_, _| (307, String::new()));
    let service = with(&webhook("hook", &receiver.url("/in")));
    let id = stuck(&service, "warning", "mq-1");
    let got = receiver.wait(2);
    assert!(got.iter().all(|one| one.path == "/in"), "{got:#?}");
    assert_eq!(events(&service, &id, "notice_delivered").len(), 0);
}

#[test]
fn the_kill_switch_is_told_although_the_command_line_knows_of_no_channel() {
    let receiver = Receiver::taking();
    let service = with(&webhook("hook", &receiver.url("/")));
    service.home.tagout(&["halt", "--as", "ben", "--reason", "drill"]).done().ok();
    let told = receiver.wait(1).remove(0).json();
    assert_eq!(told["type"], "tagout.kill_switch_engaged");
    assert_eq!(told["data"]["by"][0], "ben");
    assert!(told["data"]["incident"].is_null());
    let home = service.stop();
    assert_eq!(home.count("notice_delivered"), 1);
}

#[test]
fn a_channel_is_told_what_it_is_for_and_nothing_else() {
    let (all, some) = (Receiver::taking(), Receiver::taking());
    let some_topics = webhook("some", &some.url("/")) + "topics = [\"decided\"]\n";
    let service = with(&(webhook("all", &all.url("/")) + &some_topics));
    let id = stuck(&service, "warning", "mq-1");
    all.wait(1);
    answer(&service, "reject", &id);
    all.wait(2);
    let got = some.wait(1);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].json()["type"], "tagout.decided");
}

#[test]
fn what_waits_for_a_channel_that_was_removed_is_given_up_where_everybody_sees_it() {
    let receiver = Receiver::start(|_, _| (503, String::new()));
    let service = with(&webhook("old", &receiver.url("/")));
    let id = stuck(&service, "warning", "mq-1");
    receiver.wait(1);
    let home = service.stop();
    let (new, server) = (Receiver::taking(), format!("public_url = {PAGES:?}"));
    let rest = webhook("new", &new.url("/"));
    home.write("state/tagout/tagout.toml", super::service::configuration(&server, &rest));
    let service = serve(home);
    let given_up = recorded(&service, &id, "notice_given_up", 1).remove(0);
    assert_eq!(given_up["channel"], "old");
    assert!(given_up["why"]["$text"].as_str().unwrap().contains("configured"), "{given_up}");
    service.wait("the outbox to be empty", |service| {
        let page = service.read("/v1/notices").is(200).json();
        page["notices"].as_array().unwrap().is_empty().then_some(())
    });
}

#[test]
fn a_notice_says_how_many_people_the_groups_of_a_plan_need() {
    let receiver = Receiver::taking();
    let home = super::world::home(&[], &webhook("hook", &receiver.url("/")));
    let groups = "[tier.critical]\ngroups = { database = 2, on-call = 1 }\n";
    home.write("policy.toml", format!("{}{groups}", super::home::POLICY));
    let service = serve(home);
    stuck(&service, "critical", "mq-1");
    let asked = receiver.wait(1).remove(0).json();
    assert_eq!(asked["data"]["facts"]["needed"], "3", "{asked:#}");
}
