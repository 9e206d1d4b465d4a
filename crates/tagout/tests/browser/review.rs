//! The review of a plan, its answer, and MODIFY.

use super::browser::{Look, Page};
use super::home::alert;
use super::stage::{LOOKS, Stage};

/// A plan with a value and three steps that waits for one person.
fn waiting(stage: &Stage, instance: &str) -> String {
    stage.sends(&alert("MailStuck", "error", instance))
}

/// From the inbox to the review by clicks, as people go.
fn opens<'p>(page: &'p Page, id: &str) -> &'p Page {
    page.goes(&format!("/incidents/{id}"), 200).click("text=Read and answer");
    page.says("What an answer covers")
}

#[test]
fn a_plan_is_approved_by_clicks_and_the_button_names_the_mode() {
    let stage = Stage::set();
    for (n, look) in [Look::DESKTOP, Look::PLAIN, Look::PHONE].into_iter().enumerate() {
        let id = waiting(&stage, &format!("c-{n}"));
        let page = stage.page("ana", "approver", look);
        opens(&page, &id).says("It waits for an answer").says("Nothing is started");
        // Why this one, how sure, what else; what the policy says; what is expected; the way back.
        for words in [
            "the alert bears a name this runbook declares",
            "(chosen)",
            "queue-stuck",
            "What the policy said",
            "requires approval",
            "The queue is shorter than before",
            &format!("mailctl\n--host\nc-{n}\nrestore"),
            "nothing is declared that takes back warm",
        ] {
            page.says(words);
        }
        assert_eq!(page.text("button.primary"), "Approve for dry-run");
        page.fill("#reason", "read the graphs").click("text=Approve for dry-run");
        assert_eq!(page.path(), format!("/incidents/{id}"));
        page.says("Ana approved the plan").says("“read the graphs”");
        page.says("nothing was started").says_not("Read and answer");
        page.is_sound();
    }
}

#[test]
fn a_plan_is_approved_by_keys_alone() {
    let stage = Stage::set();
    let id = waiting(&stage, "c-1");
    let page = stage.page("ana", "approver", Look::DESKTOP);
    page.goes("/", 200).press("Tab");
    assert_eq!(page.focused(), "Skip to the content");
    page.press("Enter");
    assert_eq!(page.focused(), "main");
    page.press("j").press("Enter").wait("text=Read and answer");
    assert_eq!(page.path(), format!("/incidents/{id}"));
    page.tabs_to("Read and answer").press("Enter").wait("text=What an answer covers");
    page.tabs_to("reason").call("type", serde_json::json!(["by keys"]));
    page.tabs_to("Approve for dry-run").press("Enter").wait("text=Ana approved the plan");
    assert_eq!(page.path(), format!("/incidents/{id}"));
}

#[test]
fn a_plan_is_rejected_and_nobody_answers_twice() {
    let stage = Stage::set();
    let id = waiting(&stage, "c-1");
    let (ana, again) = (Look::DESKTOP, Look::PLAIN);
    let (page, second) = (stage.page("ana", "approver", ana), stage.page("ana", "approver", again));
    opens(&second, &id);
    opens(&page, &id).fill("#reason", "wrong cache").click("button:has-text('Reject')");
    page.says("rejected by ana").says("A person is needed");
    // The same answer from another window, which was opened before.
    second.click("button:has-text('Reject')").says("Not taken: nothing was decided").is_sound();
    assert_eq!(stage.service.count("review_given"), 1);
}

#[test]
fn a_change_is_previewed_before_it_is_sent_and_its_author_does_not_approve_it() {
    let stage = Stage::set();
    for (n, look) in [Look::DESKTOP, Look::PLAIN].into_iter().enumerate() {
        let id = waiting(&stage, &format!("c-{n}"));
        let page = stage.page("ana", "approver", look);
        opens(&page, &id);
        let before = stage.service.entries();
        page.click("text=Change the plan…");
        page.says("Leave out steps").is_sound().picture("change");
        page.click("label:has-text('Warm') input").fill("[name='set.keep']", "5000");
        page.click("text=Show the difference").says("This change is not possible");
        page.says("keep").is_sound();
        page.fill("[name='set.keep']", "50").click("text=Show the difference");
        page.says("keep: 100 -> 50 (looser)")
            .says("somebody else must")
            .says("without step warm: Warm")
            .is_sound();
        page.picture("change-difference");
        assert_eq!(stage.service.entries(), before, "a preview leaves no trace");
        page.fill("#reason", "the reports need them");
        page.click("text=Send this change (dry-run)").says("What a person changed");
        page.says("keep: 100 -> 50 (looser)").says("You asked for this plan");
        page.says("ana, who cannot approve it");
        assert_eq!(page.count("button.primary"), 0, "nobody approves their own plan");
        page.is_sound();
        let bob = stage.page("bob", "approver", look);
        opens(&bob, &id).click("text=Approve for dry-run").says("Bob approved the plan");
        bob.says("“the reports need them”");
    }
    // To the side that the runbook calls safer it is their approval, and the page says so before.
    let id = stage.fires("MailStuck", "c-safer");
    opens(&stage.page("ana", "approver", Look::PLAIN), &id)
        .click("text=Change the plan…")
        .says("a whole number from 10 to 1000; higher is safer")
        .fill("[name='set.keep']", "500")
        .click("text=Show the difference")
        .says("keep: 100 -> 500 (tighter)")
        .says("Your change counts as your approval")
        .is_sound()
        .click("text=Send this change (dry-run)")
        .says("What a person changed");
    assert_eq!(stage.service.count("plan_granted"), 3);
}

#[test]
fn a_first_use_waits_for_the_owner_and_the_page_says_who_stands_in_for_one_who_is_not_known() {
    let stage = Stage::needing_owners();
    let root = stage.page("root", "admin", Look::PLAIN);
    let ana = stage.page("ana", "approver", Look::PLAIN);
    let id = stage.fires("MailStuck", "c-1");
    opens(&ana, &id).says("The first use of this runbook on this target").says("an admin must");
    ana.says("still missing 1 of mail").is_sound();
    ana.click("text=Approve for dry-run").says("1 of 2 approved");
    assert_eq!(stage.service.count("plan_granted"), 0);
    opens(&root, &id).click("text=Approve for dry-run").says("Root approved the plan");
    assert_eq!(stage.service.count("plan_granted"), 1);
}

#[test]
fn an_answer_to_an_older_plan_is_refused_with_the_difference() {
    let stage = Stage::set();
    let id = waiting(&stage, "c-1");
    let bob = stage.page("bob", "approver", Look::PLAIN);
    opens(&bob, &id);
    let older = bob.path();
    let ana = stage.page("ana", "approver", Look::DESKTOP);
    opens(&ana, &id).click("text=Change the plan…").click("label:has-text('Warm') input");
    ana.click("text=Show the difference").click("text=Send this change (dry-run)");
    bob.click("text=Approve for dry-run");
    bob.says("Not taken: nothing was decided").says("without step warm: Warm");
    bob.is_sound().picture("outdated");
    assert_eq!(stage.service.count("review_given"), 0);
    // Whoever opens the older one later sees the same.
    bob.goes(&older, 200).says("This is not the plan any more").says("without step warm: Warm");
    bob.click("text=Read the plan as it is now").says("It waits for an answer");
}

#[test]
fn what_changes_under_a_reviewer_takes_the_buttons_and_nothing_else() {
    let stage = Stage::set();
    let id = waiting(&stage, "c-1");
    let bob = stage.page("bob", "approver", Look::PHONE);
    opens(&bob, &id).fill("#reason", "half a sent");
    let (place, before) = (bob.box_of("#reason"), bob.text("#review"));
    let ana = stage.page("ana", "approver", Look::DESKTOP);
    opens(&ana, &id).fill("#reason", "no").click("button:has-text('Reject')");
    bob.wait("#notice.speaks");
    assert!(bob.text("#notice").contains("not possible any more"), "{}", bob.text("#notice"));
    assert!(!bob.is_enabled("text=Approve for dry-run"));
    assert_eq!(bob.focused(), "reason", "the focus stays");
    assert_eq!(bob.box_of("#reason"), place, "nothing moved");
    let still =
        |text: &str| -> String { text.lines().filter(|line| !line.contains(" in ")).collect() };
    assert_eq!(still(&bob.text("#review")), still(&before), "nothing was replaced");
    bob.is_sound().picture("held-phone");
    bob.click("#notice button").wait("text=rejected by ana");
}

#[test]
fn whoever_may_not_answer_reads_everything_and_finds_no_button() {
    let stage = Stage::set();
    let id = waiting(&stage, "c-1");
    let page = stage.page("vic", "viewer", Look::DESKTOP);
    page.goes(&format!("/incidents/{id}"), 200).click("text=Read the plan");
    page.says("an approver answers them").is_sound();
    assert_eq!(page.count("main form"), 0);
    // A form that was made elsewhere is refused, and the attempt is recorded.
    let path = format!("{}/approve", page.path());
    let answer = stage.post("vic", "viewer", &path, "mode=dry-run");
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.body.contains("nothing was decided"));
    assert_eq!(stage.service.count("ask_refused"), 1);
    assert_eq!(stage.service.count("review_given"), 0);
    // So is an address that only looks like a plan's.
    let zeros = "0".repeat(64);
    let answer = stage.post(
        "ana",
        "approver",
        &format!("/incidents/{id}/review/{zeros}/approve"),
        "mode=dry-run",
    );
    assert_eq!(answer.status, 404, "{answer:?}");
}

#[test]
fn the_review_is_sound_however_it_is_looked_at() {
    let stage = Stage::set();
    let id = waiting(&stage, "c-1");
    for (name, look) in LOOKS {
        let page = stage.page("ana", "approver", look);
        opens(&page, &id).is_sound().picture(&format!("review-{name}"));
    }
}

#[test]
fn somebody_entitled_breaks_the_glass_alone_and_every_page_says_so() {
    let stage = Stage::set();
    let id = stage.sends(&alert("MailStuck", "critical", "c-1"));
    let bob = stage.page("bob", "approver", Look::PLAIN);
    opens(&bob, &id).says("0 of 2 approved").says_not("Break the glass");
    let ana = stage.page("ana", "approver", Look::PHONE);
    opens(&ana, &id).click("text=Break the glass: approve alone").is_sound();
    ana.picture("glass-phone").fill("#glass-reason", "nobody answers the phone");
    ana.click("text=Break the glass and approve for dry-run");
    ana.says("nothing was started").says("nobody answers the phone").is_sound();
    bob.goes("/runbooks", 200);
    assert!(bob.text("#holds").contains("Glass broken by ana"), "{}", bob.text("#holds"));
    bob.is_sound().picture("glass-broken").click("#holds p a");
    assert_eq!(bob.path(), format!("/incidents/{id}"));
    assert_eq!(stage.service.count("glass_broken"), 1);
    // It is reviewed afterwards, by somebody else.
    ana.says("A review afterwards is owed").says("somebody else must review it");
    bob.says("broke the glass and approved it alone").is_sound().picture("glass-afterwards");
    bob.click("[value=upheld]").fill("form[action$='/afterwards'] textarea", "so would I");
    bob.click("text=Record this review").says("it was right. so would I");
    bob.goes("/runbooks", 200);
    assert!(!bob.text("#holds").contains("Glass broken"), "{}", bob.text("#holds"));
}

#[test]
fn the_lone_engineer_breaks_the_glass_of_their_own_plan_and_of_one_that_others_approve() {
    let stage = Stage::set();
    let id = waiting(&stage, "c-1");
    let ana = stage.page("ana", "approver", Look::PLAIN);
    opens(&ana, &id).says("0 of 1 approved").says_not("Break the glass");
    ana.click("text=Change the plan…").click("label:has-text('Warm') input");
    ana.click("text=Show the difference").fill("[name='set.keep']", "50");
    ana.click("text=Show the difference").click("text=Send this change (dry-run)");
    ana.says("You asked for this plan").click("text=Break the glass: approve alone").is_sound();
    ana.fill("#glass-reason", "the others are on a plane");
    ana.click("text=Break the glass and approve for dry-run").says("nothing was started");

    let stage = Stage::under("[[approve]]\ngroup = \"mail\"\n");
    let id = waiting(&stage, "c-1");
    let ana = stage.page("ana", "approver", Look::PLAIN);
    opens(&ana, &id).says("The policy lets others approve this plan: mail");
    assert_eq!(ana.count("button.primary"), 0, "it would be refused");
    ana.click("text=Break the glass: approve alone").is_sound();
    ana.fill("#glass-reason", "the others are on a plane");
    ana.click("text=Break the glass and approve for dry-run").says("nothing was started");
    assert_eq!(stage.service.count("glass_broken"), 1);
    ana.goes("/?show=mine", 200).says_not("Waits for you");
}

#[test]
fn whoever_does_not_answer_may_stop_a_plan_for_good() {
    let stage = Stage::set();
    let id = waiting(&stage, "c-1");
    let rob = stage.page("rob", "responder", Look::PHONE);
    rob.goes(&format!("/incidents/{id}"), 200).click("text=Read the plan").is_sound();
    rob.click("[name=sure]").click("text=Stop this plan for good").says("A person is needed");
    assert_eq!(stage.service.count("plan_voided"), 1);
}

#[test]
fn a_refused_answer_keeps_its_reason() {
    let stage = Stage::set();
    let id = waiting(&stage, "c-1");
    let ana = stage.page("ana", "approver", Look::PLAIN);
    opens(&ana, &id);
    // More than is recorded, in characters that take two bytes each.
    let long = "ä".repeat(3000);
    ana.fill("#reason", &long).click("text=Approve for dry-run");
    ana.says("Not taken: nothing was decided").says("1 to 4096 bytes").is_sound();
    assert_eq!(ana.value("#reason"), long);
    ana.fill("#reason", "shorter").click("text=Approve for dry-run").says("Ana approved the plan");
}

#[test]
fn how_many_must_approve_counts_the_places_of_the_groups() {
    let stage = Stage::under("[[route]]\nrequire = { mail = 1, on-call = 1 }\n");
    let id = waiting(&stage, "c-1");
    let ana = stage.page("ana", "approver", Look::PLAIN);
    opens(&ana, &id).says("0 of 2 approved").says("still missing 1 of mail, 1 of on-call");
    ana.says("2 different people").is_sound().picture("groups");
    ana.goes("/", 200).says("0 of 2 approved");
    ana.goes(&format!("/incidents/{id}"), 200).says("People were asked: 2 different people");
}
