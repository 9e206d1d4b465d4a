//! Silences of an Alertmanager hold alerts back here, whoever sends them.

use serde_json::{Value, json};
use tagout::poll::{PollConfig, PollKind};
use tagout_core::event::TriagedAway;

use crate::alertmanager::CONFIG;
use crate::daemons::{Alertmanager, until};
use crate::tagout::{Tagout, entry};

fn matcher(name: &str, value: &str, regex: bool, equal: bool) -> Value {
    json!({"name": name, "value": value, "isRegex": regex, "isEqual": equal})
}

async fn windows(tagout: &Tagout, n: usize) {
    until(&format!("{n} windows"), async || {
        let now = jiff::Timestamp::now().to_string().parse().unwrap();
        let count = tagout.writer.read(move |journal| journal.shared().windows(now).count());
        (count.await.unwrap() == n).then_some(())
    })
    .await;
}

fn sent(name: &str, instance: &str) -> String {
    let labels = json!({"alertname": name, "instance": instance, "severity": "critical"});
    json!({"title": name, "labels": labels}).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_holds_a_new_alert_back_and_its_end_releases_it() {
    let source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    let config = entry(PollKind::Alertmanager, source.url());
    tagout.poll(PollConfig { silences: true, ..config });
    let silence = source.silence(json!([matcher("instance", "web-[0-9]+", true, true)])).await;
    windows(&tagout, 1).await;
    // One that comes from elsewhere, and one that comes from this Alertmanager.
    tagout.push(&sent("Elsewhere", "web-7")).await;
    tagout.push(&sent("Spared", "web-7b")).await;
    source.fire(&[json!({"alertname": "Here", "instance": "web-7"})]).await;
    let held = tagout.wait("Elsewhere", "held back", |seen| seen.away().is_some()).await;
    assert_eq!(held.away(), Some(TriagedAway::Silenced(format!("am:one:{silence}"))));
    let held = tagout.wait("Here", "held back", |seen| seen.away().is_some()).await;
    assert_eq!(held.away(), Some(TriagedAway::Suppressed));
    assert!(tagout.incidents("Spared").await[0].is_open());
    source.expire(&silence).await;
    windows(&tagout, 0).await;
    tagout.wait("Here", "released", |seen| seen.is_open()).await;
    tagout.writer.tick().await.unwrap();
    tagout.wait("Elsewhere", "released", |seen| seen.is_open()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_means_here_what_it_means_to_alertmanager() {
    let source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    let hosts = ["web-1", "web-12", "web.1", "db-1", "Web-1", "", "web-1 ", "a|b", "ä-1"];
    let silences = [
        [matcher("case", "0", false, true), matcher("host", "web-.", true, true)],
        [matcher("case", "1", false, true), matcher("host", "web.1|db-\\d", true, true)],
        [matcher("case", "2", false, true), matcher("host", "web-.*", true, false)],
        [matcher("case", "3", false, true), matcher("host", "web-1", false, false)],
        [matcher("case", "4", false, true), matcher("host", "", false, true)],
        [matcher("case", "5", false, true), matcher("host", ".-[[:digit:]]", true, true)],
        [matcher("case", "6", false, true), matcher("host", ".*", true, true)],
        [matcher("case", "7", false, true), matcher("host", "\\w+\\W\\d\\s?", true, true)],
        [
            matcher("case", "8", false, true),
            matcher("host", "[^\\d]{1,3}[-.|](?:1|b)", true, false),
        ],
    ];
    let mut alerts = Vec::new();
    for (case, silence) in silences.iter().enumerate() {
        source.silence(json!(silence)).await;
        for host in hosts {
            let labels = json!({"alertname": "A", "case": case.to_string(), "host": host});
            alerts.push(labels);
        }
    }
    source.fire(&alerts).await;
    let config = entry(PollKind::Alertmanager, source.url());
    tagout.poll(PollConfig { silences: true, ..config });
    windows(&tagout, silences.len()).await;
    let named = source.named().await;
    assert_eq!(named.len(), alerts.len());
    let mut held = 0;
    for alert in named {
        let there = alert["status"]["state"] == "suppressed";
        let labels: std::collections::BTreeMap<String, String> =
            serde_json::from_value(alert["labels"].clone()).unwrap();
        let now = jiff::Timestamp::now().to_string().parse().unwrap();
        let looked_at = labels.clone();
        let here = tagout.writer.read(move |journal| {
            journal.shared().windows(now).any(|(_, window)| window.covers(&looked_at, now))
        });
        assert_eq!(here.await.unwrap(), there, "{labels:?}");
        held += usize::from(there);
    }
    assert!(held > 10 && held < alerts.len() - 10, "{held} of {}", alerts.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_that_cannot_be_taken_over_holds_nothing_back_and_people_are_told() {
    let source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    let config = entry(PollKind::Alertmanager, source.url());
    tagout.poll(PollConfig { silences: true, ..config });
    let silence = source.silence(json!([matcher("instance", "(?i)web", true, true)])).await;
    let told = tagout.wait("TagoutSilenceNotApplied", "opened", |seen| seen.is_open()).await;
    assert_eq!(told.alert.labels["silence"], silence);
    assert!(told.alert.message.as_str().contains("(?i)web"), "{told:?}");
    tagout.push(&sent("A", "web")).await;
    assert!(tagout.incidents("A").await[0].is_open());
    windows(&tagout, 0).await;
    source.expire(&silence).await;
    tagout.wait("TagoutSilenceNotApplied", "ended", |seen| seen.has_ended()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_are_closed_when_silences_are_no_longer_taken_over() {
    let source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    let config = entry(PollKind::Alertmanager, source.url());
    tagout.poll(PollConfig { silences: true, ..config.clone() });
    source.silence(json!([matcher("instance", "web", false, true)])).await;
    windows(&tagout, 1).await;
    let mut tagout = tagout.again().await;
    tagout.poll(config);
    windows(&tagout, 0).await;
}
