//! Like plans that are answered together.

use serde_json::json;

use super::browser::Look;
use super::home::alert;
use super::stage::{LOOKS, Stage};

#[test]
fn like_plans_are_read_and_answered_together_each_by_itself() {
    let stage = Stage::set();
    for n in 1..=4 {
        stage.fires("QueueStuck", &format!("q-{n}"));
    }
    stage.sends(&alert("MailStuck", "error", "m-1"));
    for (name, look) in LOOKS {
        let page = stage.page("ana", "approver", look);
        page.goes("/", 200).says("4 like plans of queue-stuck").is_sound();
        page.click("text=read and answer them together").says("QueueStuck on q-3");
        page.says_not("MailStuck").is_sound().picture(&format!("batch-{name}"));
        assert_eq!(page.count("input[name=plan]:checked"), 0, "nobody ticks for them");
    }
    let page = stage.page("ana", "approver", Look::PLAIN);
    page.goes("/", 200).click("text=read and answer them together");
    page.fill("#reason", "all four are the new broker").click("text=Approve the ticked");
    page.says("none is ticked").is_sound();
    assert_eq!(page.value("#reason"), "all four are the new broker");
    for n in 1..=3 {
        page.click(&format!("label:has-text('QueueStuck on q-{n}') input"));
    }
    // Somebody else is faster with one of them.
    let first = page.evaluate("document.querySelector('.pick input').value");
    let (digest, id) = first.as_str().unwrap().split_once(' ').unwrap();
    let path = format!("/incidents/{id}/review/{digest}/reject");
    stage.post("bob", "approver", &path, "mode=dry-run&reason=not+this+one");
    page.click("text=Approve the ticked").says("2 answers were taken, 1 was not");
    page.says("Not taken").is_sound().picture("batch-done");
    assert_eq!(stage.service.count("review_given"), 3);
    page.click("text=More like these").says("1 plan of one runbook").is_sound();
}

#[test]
fn like_plans_are_rejected_by_keys_alone() {
    let stage = Stage::set();
    stage.fires("QueueStuck", "q-1");
    stage.fires("QueueStuck", "q-2");
    let page = stage.page("ana", "approver", Look::DESKTOP);
    page.goes("/", 200).tabs_to(
        "2 like plans of queue-stuck, medium tier, dry-run: read and answer them together",
    );
    page.press("Enter").wait("text=Like plans of queue-stuck");
    page.tabs_to("plan").press("Space");
    page.tabs_to("reason").call("type", json!(["by keys"]));
    page.tabs_to("Reject the ticked").press("Enter").wait("text=1 answer was taken");
    assert_eq!(stage.service.count("review_given"), 1);
}

#[test]
fn whoever_may_not_answer_is_offered_nothing() {
    let stage = Stage::set();
    stage.fires("QueueStuck", "q-1");
    stage.fires("QueueStuck", "q-2");
    let ana = stage.page("ana", "approver", Look::PLAIN);
    ana.goes("/", 200).click("text=read and answer them together");
    let path = ana.path();
    let vic = stage.page("vic", "viewer", Look::PLAIN);
    vic.goes("/", 200).says_not("like plans");
    vic.goes(&path, 200).says("None waits for an answer of yours").is_sound();
    let named = ana.evaluate("document.querySelector('.pick input').value.replace(' ', '+')");
    let like = path.split_once('?').unwrap().1;
    let form = format!("{like}&plan={}&reason=a", named.as_str().unwrap());
    assert_eq!(stage.post("vic", "viewer", "/batch/approve", &form).status, 403);
    assert_eq!(stage.service.count("review_given"), 0);
    vic.goes("/batch?runbook=a&tier=low&mode=live", 404).is_sound();
}
