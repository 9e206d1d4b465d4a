//! Alerts of an Alertmanager: what fires, what ends, what it holds back, and what a restart of
//! either side does not do.

use serde_json::json;
use tagout::poll::{PollConfig, PollKind};
use tagout_core::event::TriagedAway;
use tagout_core::time::Span;

use crate::daemons::{Alertmanager, until};
use crate::tagout::{Tagout, entry};

pub(crate) const CONFIG: &str = "route: {receiver: nobody, group_wait: 1s}\n\
    receivers: [{name: nobody}]\n\
    inhibit_rules:\n\
    - source_matchers: ['alertname = NodeDown']\n\
    \x20 target_matchers: ['alertname = ServiceDown']\n\
    \x20 equal: [instance]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_is_found_by_asking_and_resolved_when_it_is_gone() {
    let source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    tagout.poll(entry(PollKind::Alertmanager, source.url()));
    let (a, b) = (json!({"alertname": "A", "severity": "critical"}), json!({"alertname": "B"}));
    source.fire(&[a.clone(), b]).await;
    let seen = tagout.wait("A", "opened", |seen| seen.is_open()).await;
    assert_eq!(seen.alert.source, "alertmanager");
    assert_eq!(seen.alert.annotations["tagout_poll"].as_str(), "one");
    tagout.wait("B", "opened", |seen| seen.is_open()).await;
    source.resolve(&[a]).await;
    tagout.wait("A", "ended", |seen| seen.has_ended()).await;
    tagout.polls(3).await;
    assert!(tagout.incidents("B").await[0].is_open());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_that_is_asked_for_and_also_sent_is_one_incident() {
    let source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    let labels = json!({"alertname": "A", "severity": "critical", "instance": "db-1"});
    let push = |status: &str, ends: &str| {
        json!({"version": "4", "status": status, "receiver": "tagout", "alerts": [{
            "status": status, "labels": labels, "annotations": {"summary": "something is wrong"},
            "startsAt": "2026-11-01T10:00:00Z", "endsAt": ends, "fingerprint": "00"}]})
        .to_string()
    };
    tagout.push(&push("firing", "0001-01-01T00:00:00Z")).await;
    source.fire(std::slice::from_ref(&labels)).await;
    tagout.poll(entry(PollKind::Alertmanager, source.url()));
    until("a delivery by asking", async || {
        tagout.deliveries().await.contains(&"alertmanager-api".into()).then_some(())
    })
    .await;
    assert_eq!(tagout.incidents("A").await.len(), 1);
    source.resolve(std::slice::from_ref(&labels)).await;
    tagout.wait("A", "ended", |seen| seen.has_ended()).await;
    let ends = jiff::Timestamp::now().to_string();
    tagout.push(&push("resolved", &ends)).await;
    assert_eq!(tagout.incidents("A").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_that_bring_nothing_new_leave_nothing_in_the_log() {
    let source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    source.fire(&[json!({"alertname": "A"}), json!({"alertname": "B"})]).await;
    tagout.poll(entry(PollKind::Alertmanager, source.url()));
    tagout.wait("A", "opened", |seen| seen.is_open()).await;
    tagout.polls(10).await;
    assert_eq!(tagout.deliveries().await, ["alertmanager-api"]);
    source.fire(&[json!({"alertname": "C"})]).await;
    tagout.wait("C", "opened", |seen| seen.is_open()).await;
    assert_eq!(tagout.deliveries().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_alertmanager_inhibits_is_held_back_until_it_no_longer_does() {
    let source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    let node = json!({"alertname": "NodeDown", "instance": "n1"});
    let service = json!({"alertname": "ServiceDown", "instance": "n1"});
    source.fire(&[node.clone(), service]).await;
    tagout.poll(entry(PollKind::Alertmanager, source.url()));
    tagout.wait("NodeDown", "opened", |seen| seen.is_open()).await;
    let held = tagout.wait("ServiceDown", "held back", |seen| seen.away().is_some()).await;
    assert_eq!(held.away(), Some(TriagedAway::Suppressed));
    source.resolve(&[node]).await;
    tagout.wait("NodeDown", "ended", |seen| seen.has_ended()).await;
    tagout.wait("ServiceDown", "opened", |seen| seen.is_open()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_alertmanager_resolves_nothing() {
    let mut source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    let labels = json!({"alertname": "A"});
    source.fire(std::slice::from_ref(&labels)).await;
    let settle = Some(Span::from_secs(3600));
    let config = PollConfig { settle, ..entry(PollKind::Alertmanager, source.url()) };
    tagout.poll(config);
    tagout.wait("A", "opened", |seen| seen.is_open()).await;
    source.again().await;
    assert_eq!(source.named().await, Vec::<serde_json::Value>::new(), "it forgets its alerts");
    source.fire(&[json!({"alertname": "B"})]).await;
    tagout.wait("B", "opened after the restart", |seen| seen.is_open()).await;
    tagout.polls(5).await;
    assert!(tagout.incidents("A").await[0].is_open());
    source.fire(&[labels]).await;
    tagout.polls(3).await;
    assert_eq!(tagout.incidents("A").await.len(), 1, "told again, it is the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ended_while_tagout_was_down_is_resolved_after_its_restart() {
    let source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    let (a, b) = (json!({"alertname": "A"}), json!({"alertname": "B"}));
    source.fire(&[a.clone(), b]).await;
    tagout.poll(entry(PollKind::Alertmanager, source.url()));
    tagout.wait("B", "opened", |seen| seen.is_open()).await;
    let mut tagout = tagout.again().await;
    source.resolve(&[a]).await;
    tagout.poll(entry(PollKind::Alertmanager, source.url()));
    tagout.wait("A", "ended", |seen| seen.has_ended()).await;
    let b = tagout.incidents("B").await;
    assert_eq!((b.len(), b[0].is_open()), (1, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_replica_that_leads_polls() {
    let source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    tagout.lead(false);
    source.fire(&[json!({"alertname": "A"})]).await;
    tagout.poll(entry(PollKind::Alertmanager, source.url()));
    tagout.polls(5).await;
    assert_eq!(tagout.deliveries().await, Vec::<String>::new());
    tagout.lead(true);
    tagout.wait("A", "opened", |seen| seen.is_open()).await;
}
