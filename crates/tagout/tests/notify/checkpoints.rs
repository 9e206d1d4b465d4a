//! Checkpoints are handed to somebody else, and a log that was shortened is caught by what they
//! hold.

use std::fs;
use std::thread;
use std::time::Duration;

use super::receiver::Receiver;
use super::world::with;

fn webhook(url: &str) -> String {
    format!("url = {url:?}\nsecrets = [{{ env = \"WHSEC\" }}]\n")
}

#[test]
fn a_file_and_a_receiver_are_handed_checkpoints_that_the_log_extends() {
    let receiver = Receiver::taking();
    let rest = format!("[checkpoints]\nfile = \"held\"\n{}", webhook(&receiver.url("/held")));
    let service = with(&rest);
    let got = receiver.wait(1);
    assert_eq!(got[0].json()["type"], "tagout.checkpoint");
    assert!(got[0].header("webhook-signature").starts_with("v1,"));
    assert!(got[0].header("webhook-id").starts_with("checkpoint_"));
    let note = got[0].json()["data"]["note"].as_str().unwrap().to_owned();
    let held = service.home.data().join("held");
    service
        .wait("the file", |_| fs::read_to_string(&held).ok().filter(|text| text.contains(&note)));
    let home = service.stop();
    let held = held.to_str().unwrap();
    home.tagout(&["audit", "verify", "--checkpoint", held]).done().ok();
    home.write("note", note);
    home.tagout(&["audit", "verify", "--checkpoint", "note"]).done().ok();
}

#[test]
fn a_receiver_that_is_away_is_told_of_and_asked_again_and_holds_nothing_up() {
    let receiver = Receiver::start(|_, before| (if before < 1 { 503 } else { 200 }, "{}".into()));
    let service = with(&format!("[checkpoints]\n{}", webhook(&receiver.url("/"))));
    receiver.wait(2);
    let failed = r#"tagout_checkpoints_handed_out_total{to="webhook",outcome="failed"}"#;
    let sent = r#"tagout_checkpoints_handed_out_total{to="webhook",outcome="sent"}"#;
    service.wait("both", |service| service.metric(sent).zip(service.metric(failed)));
    assert!(service.told().contains("a checkpoint was not handed out"), "{}", service.told());
    assert!(service.told().contains("handed out again"), "{}", service.told());
    // The next one is not due for a long time.
    thread::sleep(Duration::from_secs(6));
    assert_eq!(receiver.got().len(), 2);
    service.stop();
}
