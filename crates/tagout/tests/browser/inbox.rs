//! The inbox.

use super::browser::Look;
use super::stage::{LOOKS, Stage};

#[test]
fn the_inbox_shows_what_waits_with_what_a_tired_person_needs_to_know() {
    let stage = Stage::set();
    let waiting = stage.fires("QueueStuck", "q-1");
    stage.fires("CacheFull", "c-1");
    stage.fires("NobodyKnowsThis", "x-1");
    for (name, look) in LOOKS {
        let page = stage.page("ana", "approver", look);
        page.goes("/", 200).says("QueueStuck on q-1").says("queue-stuck").says("dry-run");
        page.says("0 of 1 approved").says("Waits for you").says("no known runbook fits");
        page.says_not("cache-full");
        page.is_sound().picture(&format!("inbox-{name}"));
        page.click("main h3 a >> nth=0");
        assert_eq!(page.path(), format!("/incidents/{waiting}"));
        page.says("A plan waits for an answer").says("queuectl");
        page.is_sound().picture(&format!("incident-{name}"));
    }
}

#[test]
fn ten_thousand_incidents_come_a_page_at_a_time_and_are_found_by_name() {
    let stage = Stage::set();
    for n in 0..120 {
        stage.fires("QueueStuck", &format!("q-{n}"));
    }
    let page = stage.page("ana", "approver", Look::PLAIN);
    page.goes("/", 200).says("120 plans wait for an answer");
    let mut seen = std::collections::BTreeSet::new();
    for (part, rows) in [50, 50, 20].into_iter().enumerate() {
        assert_eq!(page.count(".row"), rows);
        let keys = page.evaluate("[...document.querySelectorAll('.row')].map(r => r.dataset.key)");
        seen.extend(keys.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()));
        page.is_sound();
        if part < 2 {
            page.click("text=Next page");
        }
    }
    assert_eq!(seen.len(), 120, "no incident is left out or shown twice");
    page.click("text=First page").fill("#q", "Q-11").click("text=Find");
    // q-11, and q-110 to q-119.
    assert_eq!(page.count(".row"), 11);
    page.fill("#q", "nothing like it")
        .click("text=Find")
        .says("Nothing in this list has to do with");
    page.click("text=Show the whole list");
    assert_eq!(page.count(".row"), 50);
    page.goes("/?after=nonsense", 400).is_sound();
    page.goes("/?show=everything", 400);
}

#[test]
fn an_incident_is_closed_with_a_reason() {
    let stage = Stage::set();
    let id = stage.fires("NobodyKnowsThis", "x-1");
    let page = stage.page("rob", "responder", Look::PHONE);
    page.goes("/?show=mine", 200).click("text=NobodyKnowsThis").says("A person is needed");
    page.click("text=I look after it").says("rob acknowledged it");
    page.click("text=Say something about it").fill("#comment", "the night shift knows");
    page.click("text=Record the comment").says("the night shift knows");
    page.click("text=It is dealt with").fill("#close-reason", "a test of ours");
    page.is_sound().click("text=Close the incident");
    assert_eq!(page.path(), format!("/incidents/{id}"));
    page.says("A person closed it: “a test of ours”").is_sound().picture("closed-phone");
    page.goes("/?show=open", 200).says_not("NobodyKnowsThis");
    page.goes("/incidents/inc-0000000000", 404).says("There is no incident of this id").is_sound();
}
