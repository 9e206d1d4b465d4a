//! What lets some plans go on with less, and what keeps alerts quiet: bypasses and windows.

use super::browser::Look;
use super::stage::{LOOKS, Stage};

#[test]
fn a_bypass_is_opened_by_the_entitled_seen_on_every_page_and_ended_by_a_responder() {
    let stage = Stage::set();
    let ana = stage.page("ana", "approver", Look::PHONE);
    ana.goes("/stops", 200).says("None is open").click("text=Open a bypass").is_sound();
    ana.chooses("#bypass-runbook", "queue-stuck").chooses("#bypass-lasts", "1h");
    ana.fill("#bypass-reason", "the new broker has other names").picture("bypass-phone");
    ana.click("text=Open the bypass").says("queue-stuck").says("ends").is_sound();
    for (name, look) in LOOKS {
        let page = stage.page("rob", "responder", look);
        page.goes("/stops", 200).says("the new broker has other names").says("You cannot open one");
        page.is_sound().picture(&format!("stops-{name}"));
    }
    let rob = stage.page("rob", "responder", Look::PLAIN);
    rob.goes("/runbooks", 200);
    let holds = rob.text("#holds");
    assert!(holds.contains("Bypass for queue-stuck until"), "{holds}");
    rob.click("#holds p a").click("text=End it now").says("None is open").is_sound();
    assert!(rob.text("#holds").contains("Nothing is stopped"));
    // In the narrowest window nothing of it is cut off, the mode least of all.
    let narrow = stage.page("rob", "responder", Look::NARROW);
    narrow.goes("/runbooks", 200).picture("holds-narrow");
    assert_eq!(narrow.text("#holds p").trim(), "All is dry-run. Nothing is stopped.");
    let cut = "(() => { const p = document.querySelector('#holds p'); \
               return p.scrollHeight > p.clientHeight || p.scrollWidth > p.clientWidth; })()";
    assert_eq!(narrow.evaluate(cut), false);
    for kind in ["bypass_opened", "bypass_closed"] {
        assert_eq!(stage.service.count(kind), 1, "{kind}");
    }
}

#[test]
fn a_bypass_that_the_policy_does_not_allow_is_refused_and_stays_written() {
    let stage = Stage::set();
    let page = stage.page("ana", "approver", Look::PLAIN);
    page.goes("/stops", 200).click("text=Open a bypass");
    assert_eq!(page.count("#bypass-lasts option[value='4h']"), 0, "the policy allows two hours");
    let form = "runbook=queue-stuck&tier=low&lasts=4h&reason=long";
    let answer = stage.post("ana", "approver", "/stops/bypasses", form);
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert!(answer.body.contains("longer than the policy"), "{}", answer.body);
    assert!(answer.body.contains("\nlong</textarea>"), "{}", answer.body);
    assert_eq!(stage.service.count("bypass_opened"), 0);
}

#[test]
fn a_window_is_opened_covers_what_it_says_and_is_closed() {
    let stage = Stage::set();
    for (name, look) in LOOKS {
        let page = stage.page("vic", "viewer", look);
        page.goes("/windows", 200).says("a responder can open one").is_sound();
        page.picture(&format!("windows-empty-{name}"));
    }
    let page = stage.page("rob", "responder", Look::PHONE);
    page.goes("/", 200).click("nav >> text=Windows").fill("#match", "instance q-*");
    page.fill("#window-reason", "the brokers are moved").click("text=Open the window");
    page.says("“instance q-*” is no condition: write name=value")
        .is_sound()
        .picture("windows-phone");
    assert_eq!(page.value("#window-reason"), "the brokers are moved");
    page.fill("#match", "instance=q-*\nalertname=~Queue.*").chooses("#window-lasts", "2h");
    page.click("text=Open the window").says("Maintenance").says("instance=q-*");
    page.says("alertname=~").says("the brokers are moved").is_sound();
    let id = stage.fires("QueueStuck", "q-1");
    page.goes(&format!("/incidents/{id}"), 200).says("Closed").is_sound();
    let desktop = stage.page("rob", "responder", Look::DESKTOP);
    desktop.goes("/windows", 200).is_sound().picture("windows");
    desktop.click("text=Close it now").says("None is open").is_sound();
    for kind in ["window_opened", "window_closed"] {
        assert_eq!(stage.service.count(kind), 1, "{kind}");
    }
}
