//! The inbox.

use super::browser::Look;
use super::stage::Stage;

const LOOKS: [(&str, Look); 4] = [
    ("desktop", Look::DESKTOP),
    ("dark", Look::DARK),
    ("phone", Look::PHONE),
    ("narrow", Look::NARROW),
];

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
