//! Alerts of a Prometheus: what fires and ends, what is pending, and external labels.

use tagout::poll::{PollConfig, PollKind};

use crate::alertmanager::CONFIG;
use crate::daemons::{Alertmanager, Prometheus, until};
use crate::tagout::{Tagout, entry};

const ALWAYS: &str = "[{alert: Always, expr: vector(1), labels: {severity: critical}}, \
                      {alert: Later, expr: vector(1), for: 1h}]";
const NEVER: &str = "[{alert: Never, expr: vector(1) > 1}]";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_fires_is_found_and_its_end_too_and_a_pending_one_is_none() {
    let source = Prometheus::start(ALWAYS, None, "{}").await;
    let mut tagout = Tagout::start();
    tagout.poll(entry(PollKind::Prometheus, source.url()));
    let seen = tagout.wait("Always", "opened", |seen| seen.is_open()).await;
    assert_eq!(seen.alert.source, "prometheus");
    assert_eq!(seen.alert.metrics["value"], "1e+00");
    tagout.polls(3).await;
    assert!(tagout.incidents("Later").await.is_empty());
    source.rules(NEVER).await;
    tagout.wait("Always", "ended", |seen| seen.has_ended()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_its_external_labels_an_alert_of_prometheus_is_the_one_that_alertmanager_has() {
    let alertmanager = Alertmanager::start(CONFIG).await;
    let external = "{region: eu}";
    let source = Prometheus::start(ALWAYS, Some(&alertmanager.target()), external).await;
    until("the alert at Alertmanager", async || {
        (!alertmanager.named().await.is_empty()).then_some(())
    })
    .await;
    let prometheus = || entry(PollKind::Prometheus, source.url());
    let both = |labels| {
        let mut tagout = Tagout::start();
        tagout.poll(PollConfig { name: "prometheus".into(), labels, ..prometheus() });
        tagout.poll(entry(PollKind::Alertmanager, alertmanager.url()));
        tagout
    };
    let tagout = both([("region".to_owned(), "eu".to_owned())].into());
    until("a delivery of each", async || (tagout.deliveries().await.len() >= 2).then_some(()))
        .await;
    assert_eq!(tagout.incidents("Always").await.len(), 1);
    // Without them it is another alert, and the page about polling says so.
    let tagout = both([].into());
    until("two incidents", async || (tagout.incidents("Always").await.len() == 2).then_some(()))
        .await;
}
