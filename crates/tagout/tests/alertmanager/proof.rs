//! How a real Alertmanager proves itself, also while its secret changes.

use std::fs;

use serde_json::json;

use super::home::Home;
use super::peer::{Peer, configuration};
use super::service::{SECRET, Service, TOKEN, configuration as of_tagout, with_secrets};
use super::trail::incidents;

const ROUTE: &str = "group_by: [alertname]\n  group_wait: 1s\n  group_interval: 1s";
const ACCEPTED: &str =
    r#"tagout_deliveries_total{source="am",format="alertmanager",outcome="accepted"}"#;

fn alert(name: &str) -> serde_json::Value {
    json!({"alertname": name, "severity": "warning", "instance": "c-1", "environment": "test"})
}

fn arrives(service: &Service, name: &str) {
    service.wait(name, |service| {
        incidents(service, "open").iter().any(|one| one["alert"] == name).then_some(())
    });
}

#[test]
fn while_a_secret_changes_the_old_and_the_new_one_open() {
    let home = Home::new();
    let old = r#"secrets = [{ env = "AM_SECRET" }]"#;
    let both = r#"secrets = [{ env = "AM_SECRET" }, { env = "AM_NEXT" }]"#;
    let text = of_tagout("", "").replacen(old, both, 1);
    home.write("state/tagout/tagout.toml", text);
    let call = with_secrets(home.tagout(&["serve"])).env("AM_NEXT", "the-next-sesame");
    let service = Service::of(home, call);
    let token = tempfile::NamedTempFile::new().unwrap();
    fs::write(token.path(), SECRET).unwrap();
    let proof = format!("{{authorization: {{credentials_file: {}}}}}", token.path().display());
    let peer = Peer::start(&configuration(&service.address, ROUTE, &proof), None);
    peer.fire(&[alert("UnderTheOld")]);
    arrives(&service, "UnderTheOld");
    fs::write(token.path(), "the-next-sesame").unwrap();
    peer.fire(&[alert("UnderTheNext")]);
    arrives(&service, "UnderTheNext");
    let before = service.metric(ACCEPTED);
    // One that is neither is refused: the change ends with the old one taken away.
    fs::write(token.path(), "the-one-after-next").unwrap();
    peer.fire(&[alert("UnderNone")]);
    let refused = r#"tagout_deliveries_total{source="am",format="none",outcome="unauthenticated"}"#;
    service.wait("a refusal", |service| service.metric(refused).filter(|count| *count > 0.0));
    assert_eq!(service.metric(ACCEPTED), before);
    assert_eq!(incidents(&service, "open").len(), 2);
}

#[test]
fn a_user_and_password_of_a_real_alertmanager_open() {
    let home = Home::new();
    let text = of_tagout("", "").replacen("auth = \"bearer\"", "auth = \"basic\"", 1);
    home.write("state/tagout/tagout.toml", text);
    let call = home.tagout(&["serve"]).env("READERS", TOKEN).env("OWN_SECRET", "sesame-of-own");
    let service = Service::of(home, call.env("AM_SECRET", "am:a-password-of-some-length"));
    let proof = "{basic_auth: {username: am, password: a-password-of-some-length}}";
    let peer = Peer::start(&configuration(&service.address, ROUTE, proof), None);
    peer.fire(&[alert("ByPassword")]);
    arrives(&service, "ByPassword");
}
