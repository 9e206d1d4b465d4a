//! What people do with an incident besides deciding about its plan, and their reviews afterwards.

use serde_json::json;

use super::browser::{Look, Page};
use super::home::alert;
use super::stage::{LOOKS, Stage};

/// Opens one of the lines under "Who looks after it".
fn unfolds<'p>(page: &'p Page, title: &str) -> &'p Page {
    page.click(&format!("summary:has-text('{title}')"))
}

#[test]
fn an_incident_is_acknowledged_assigned_handed_over_snoozed_and_woken() {
    let stage = Stage::set();
    stage.headers("bob", "responder");
    for (n, look) in [Look::PLAIN, Look::PHONE].into_iter().enumerate() {
        let id = stage.fires("NobodyKnowsThis", &format!("x-{n}"));
        let page = stage.page("rob", "responder", look);
        page.goes(&format!("/incidents/{id}"), 200).says("Nobody has acknowledged it");
        page.click("text=I look after it").says("rob acknowledged it");
        unfolds(&page, "Assign it");
        assert_eq!(page.value("#assign-to"), "rob", "most take it themselves");
        page.is_sound().click("form[action$='/assign'] button").says("It is assigned to rob");
        unfolds(&page, "Hand it over").chooses("#hand-over-to", "bob");
        page.fill("#hand-over-note", "restarted it twice").is_sound();
        page.click("form[action$='/hand-over'] button").says("It is assigned to bob");
        page.says("restarted it twice");
        unfolds(&page, "Snooze it").chooses("#snooze-lasts", "2h");
        page.fill("#snooze-reason", "the vendor is at it").is_sound().picture("snooze");
        page.click("form[action$='/snooze'] button").says("It is snoozed").says("in 1 h 59 min");
        page.goes("/", 200).says("Snoozed until").says("With bob").is_sound();
        page.goes(&format!("/incidents/{id}"), 200).click("text=End the snooze now");
        page.says_not("It is snoozed").is_sound();
    }
    assert_eq!(stage.service.count("incident_handled"), 10);
}

#[test]
fn an_incident_is_snoozed_and_an_owed_review_is_given_by_keys_alone() {
    let stage = Stage::set();
    let id = stage.fires("NobodyKnowsThis", "x-1");
    let page = stage.page("ana", "approver", Look::DESKTOP);
    page.goes(&format!("/incidents/{id}"), 200).tabs_to("Snooze it").press("Enter");
    page.tabs_to("snooze-lasts").press("ArrowDown");
    page.tabs_to("snooze-reason").call("type", json!(["until the bus"]));
    page.press("Tab").press("Enter").wait("text=It is snoozed");
    page.says("in 29 min");
    let id = stage.fires("CacheFull", "c-1");
    page.goes(&format!("/incidents/{id}"), 200).tabs_to("hindsight").press("Space");
    page.tabs_to("Record this review").press("Enter").wait("text=it was right");
    assert_eq!(stage.service.count("reviewed_afterwards"), 1);
}

#[test]
fn what_is_snoozed_stands_below_what_is_not() {
    let stage = Stage::set();
    let first = stage.sends(&alert("NobodyKnowsThis", "critical", "x-1"));
    let second = stage.sends(&alert("NobodyKnowsThat", "warning", "x-2"));
    let page = stage.page("rob", "responder", Look::PLAIN);
    let keys = || page.evaluate("[...document.querySelectorAll('.row')].map(r => r.dataset.key)");
    page.goes("/", 200);
    assert_eq!(keys(), json!([first, second]));
    stage.post("rob", "responder", &format!("/incidents/{first}/snooze"), "lasts=1h&reason=later");
    page.goes("/", 200);
    assert_eq!(keys(), json!([second, first]));
}

#[test]
fn an_incident_is_merged_into_one_like_it_and_a_comment_still_finds_it() {
    let stage = Stage::set();
    let (one, other) =
        (stage.fires("NobodyKnowsThis", "x-1"), stage.fires("NobodyKnowsThis", "x-2"));
    let page = stage.page("rob", "responder", Look::PHONE);
    page.goes(&format!("/incidents/{one}"), 200);
    unfolds(&page, "It is part of another incident");
    page.click("text=Incidents like it").says("NobodyKnowsThis on x-2").is_sound();
    page.picture("merge-phone").fill("#merge-into", &other).fill("#merge-reason", "one switch");
    page.click("text=Merge it into that one").says("A person made it part of").is_sound();
    unfolds(&page, "Say something about it").fill("#comment", "it was port 7");
    page.click("text=Record the comment").says("it was port 7").is_sound();
    page.goes(&format!("/incidents/{other}"), 200).says("Merged into it").is_sound();
}

#[test]
fn what_is_refused_says_what_to_do_and_keeps_what_was_typed() {
    let stage = Stage::set();
    let id = stage.fires("NobodyKnowsThis", "x-1");
    let path = format!("/incidents/{id}");
    for look in [Look::PLAIN, Look::PHONE] {
        let page = stage.page("rob", "responder", look);
        page.goes(&path, 200);
        unfolds(&page, "It is part of another incident").fill("#merge-into", "inc-of-old");
        page.fill("#merge-reason", "the same\n\nswitch").click("text=Merge it into that one");
        page.says("Not taken: nothing was decided").says("is not open").is_sound();
        assert_eq!(page.value("#merge-into"), "inc-of-old");
        assert_eq!(page.value("#merge-reason"), "the same\n\nswitch");
        assert_eq!(page.value("#close-reason"), "", "what is in one form is in no other");
        page.picture("refused");
    }
    assert_eq!(stage.service.count("incident_merged"), 0);
}

#[test]
fn a_form_is_refused_with_the_status_that_a_program_gets() {
    let stage = Stage::set();
    let id = stage.fires("NobodyKnowsThis", "x-1");
    let snooze = [("lasts=1h&reason=", json!({"lasts": "1h", "reason": ""}), 422)];
    let soon = [("lasts=soon&reason=a", json!({"lasts": "soon", "reason": "a"}), 400)];
    for (form, body, status) in snooze.into_iter().chain(soon) {
        let page = stage.post("rob", "responder", &format!("/incidents/{id}/snooze"), form);
        assert_eq!(page.status, status, "{form}");
        assert!(page.body.contains("Not taken"), "{}", page.body);
        let program = format!("/v1/incidents/{id}/snooze");
        assert_eq!(stage.asks("rob", "responder", &program, &body), status, "{form}");
    }
    let merge = ("into=nothing&reason=a", json!({"into": "nothing", "reason": "a"}));
    let page = stage.post("rob", "responder", &format!("/incidents/{id}/merge"), merge.0).status;
    let program = format!("/v1/incidents/{id}/merge");
    assert_eq!(page, stage.asks("rob", "responder", &program, &merge.1));
    // What is asked for by somebody whose role does not let them is so for both.
    let page = stage.post("vic", "viewer", &format!("/incidents/{id}/close"), "reason=a").status;
    assert_eq!(page, 403);
    let program = format!("/v1/incidents/{id}/close");
    assert_eq!(stage.asks("vic", "viewer", &program, &json!({"reason": "a"})), 403);
    assert_eq!(stage.post("ana", "approver", "/stops/lift", "").status, 409);
}

#[test]
fn a_review_that_is_owed_is_found_on_the_inbox_and_given_on_the_incident() {
    let stage = Stage::set();
    // It goes on alone: nobody was asked.
    let id = stage.fires("CacheFull", "c-1");
    for (name, look) in LOOKS {
        let page = stage.page("ana", "approver", look);
        page.goes("/", 200).click("text=Reviews owed (1)");
        page.says("CacheFull on c-1").says("It went on without people").is_sound();
        page.picture(&format!("owed-{name}")).click("main h3 a");
        assert_eq!(page.path(), format!("/incidents/{id}"));
        page.says("A review afterwards is owed").is_sound();
        page.picture(&format!("afterwards-{name}"));
    }
    let vic = stage.page("vic", "viewer", Look::PLAIN);
    vic.goes(&format!("/incidents/{id}"), 200).says("an approver reviews it").is_sound();
    let page = stage.page("ana", "approver", Look::PLAIN);
    page.goes(&format!("/incidents/{id}"), 200).click("[value=rejected]");
    page.click("text=Record this review").says("Give a reason of 1 to 4096 bytes").is_sound();
    assert_eq!(page.call("enabled", json!(["[value=rejected]:checked"])), true, "it is kept");
    page.fill("form[action$='/afterwards'] textarea", "the cache was warm again");
    page.click("text=Record this review").says_not("A review afterwards is owed");
    page.says("it was not right. the cache was warm again").is_sound();
    page.goes("/?show=owed", 200).says("None is owed").is_sound();
    assert_eq!(stage.service.count("reviewed_afterwards"), 1);
}

#[test]
fn owed_reviews_come_a_page_at_a_time() {
    let stage =
        Stage::under("[tier.medium]\nmax_autonomous_actions = 1000\nmax_targets = \"any\"\n");
    for n in 0..53 {
        stage.fires("CacheFull", &format!("c-{n}"));
    }
    let page = stage.page("ana", "approver", Look::PLAIN);
    page.goes("/?show=owed", 200);
    assert_eq!(page.count(".row"), 50);
    page.is_sound().click("text=Next page");
    assert_eq!(page.count(".row"), 3);
    page.goes("/?show=owed&after=nonsense", 400).is_sound();
}
