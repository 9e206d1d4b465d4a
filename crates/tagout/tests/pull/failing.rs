//! A source that cannot be asked becomes visible to people, and its alerts stay.

use serde_json::json;
use tagout::poll::{Basic, PollConfig, PollKind};
use tagout::source::SecretRef;

use crate::alertmanager::CONFIG;
use crate::daemons::{Alertmanager, free_port};
use crate::tagout::{Tagout, entry};

const FAILING: &str = "TagoutPollFailing";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_down_is_told_of_and_resolves_nothing_and_its_return_too() {
    let mut source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    source.fire(&[json!({"alertname": "A"})]).await;
    tagout.poll(entry(PollKind::Alertmanager, source.url()));
    tagout.wait("A", "opened", |seen| seen.is_open()).await;
    source.stop();
    let told = tagout.wait(FAILING, "opened", |seen| seen.is_open()).await;
    assert_eq!(told.alert.labels["poll"], "one");
    assert_eq!(told.alert.severity.as_deref(), Some("error"));
    assert!(tagout.incidents("A").await[0].is_open());
    source.again().await;
    tagout.wait(FAILING, "ended", |seen| seen.has_ended()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_that_is_mended_while_tagout_is_down_is_taken_back_after_its_restart() {
    let mut tagout = Tagout::start();
    let nobody = format!("http://127.0.0.1:{}", free_port());
    tagout.poll(entry(PollKind::Alertmanager, nobody));
    tagout.open(FAILING, 1).await;
    let mut tagout = tagout.again().await;
    let source = Alertmanager::start(CONFIG).await;
    tagout.poll(entry(PollKind::Alertmanager, source.url()));
    tagout.wait(FAILING, "ended", |seen| seen.has_ended()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_answers_otherwise_than_such_a_source_is_a_failure_and_no_secret_is_told() {
    let source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    let password = SecretRef::File(file);
    // An Alertmanager does not answer as a Prometheus does.
    tagout.poll(PollConfig {
        basic: Some(Basic { user: "ana".into(), password }),
        ..entry(PollKind::Prometheus, source.url())
    });
    let told = tagout.wait(FAILING, "opened", |seen| seen.is_open()).await;
    let message = told.alert.message.as_str();
    assert!(message.contains("404") && !message.contains("hunter2"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_cannot_be_read_is_a_failure_that_says_where() {
    let source = Alertmanager::start(CONFIG).await;
    let mut tagout = Tagout::start();
    let bearer = SecretRef::Env("TAGOUT_TEST_NO_SUCH_TOKEN".into());
    let config = entry(PollKind::Alertmanager, source.url());
    tagout.poll(PollConfig { bearer: Some(bearer), ..config });
    let told = tagout.wait(FAILING, "opened", |seen| seen.is_open()).await;
    let said =
        "bearer: the environment variable TAGOUT_TEST_NO_SUCH_TOKEN of its secret is not set";
    assert!(told.alert.message.as_str().contains(said), "{told:?}");
}
