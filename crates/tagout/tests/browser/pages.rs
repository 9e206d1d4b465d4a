//! The other pages: runbooks, the audit log, oversight, deliveries, stops.

use serde_json::json;
use tagout_core::limits;

use super::browser::{Look, Page};
use super::home::alert;
use super::service::{OWN_SECRET, SECRET};
use super::stage::{LOOKS, Stage};

/// A password that nobody guesses.
const PASSWORD: &str = "correct horse battery staple 42";

#[test]
fn a_runbook_shows_every_argument_and_the_limits_of_every_value() {
    let stage = Stage::set();
    for (name, look) in LOOKS {
        let page = stage.page("vic", "viewer", look);
        page.goes("/runbooks", 200).says("3 runbooks are in force").is_sound();
        page.picture(&format!("runbooks-{name}")).click("text=Mail is stuck");
        page.says("a whole number from 10 to 1000").says("{{host}}").says("MailStuck");
        page.is_sound().picture(&format!("runbook-{name}"));
    }
    let page = stage.page("vic", "viewer", Look::PLAIN);
    page.goes("/runbooks/nothing-of-this-name", 404).says("may have been renamed").is_sound();
}

#[test]
fn an_entry_is_found_and_its_proof_is_downloaded_and_holds() {
    let stage = Stage::set();
    let id = stage.fires("QueueStuck", "q-1");
    for (name, look) in LOOKS {
        let page = stage.page("vic", "viewer", look);
        page.goes("/audit", 200).says("Policy").is_sound().picture(&format!("audit-{name}"));
    }
    stage.service.wait("a signature", |service| {
        let page = service.read("/v1/log/checkpoint");
        (page.status == 200 && page.json()["entries"] == page.json()["entries_now"]).then_some(())
    });
    let page = stage.page("vic", "viewer", Look::PLAIN);
    page.goes("/audit", 200).fill("#incident", &id).click("text=Show");
    page.says("The alert QueueStuck on q-1 opened it").is_sound();
    let proof = page.call("download", json!([".entry a:has-text('Proof') >> nth=0"]));
    assert!(proof["name"].as_str().unwrap().ends_with(".proof"), "{proof}");
    let kept = page.call("download", json!(["a:has-text('Download the checkpoint')"]));
    assert!(kept["text"].as_str().unwrap().starts_with("tagout"), "{kept}");
    let service = stage.into_service();
    let home = service.stop();
    home.write("one.proof", proof["text"].as_str().unwrap());
    home.write("kept.txt", kept["text"].as_str().unwrap());
    let keys = home.data().join("log.pub").display().to_string();
    let run = ["audit", "verify", "one.proof", "--keys", &keys];
    assert!(home.tagout(&run).done().ok().stdout.starts_with("HOLDS"));
    let run = ["audit", "verify", "--checkpoint", "kept.txt"];
    home.tagout(&run).done().ok();
}

#[test]
fn oversight_shows_its_figures_and_what_they_mean() {
    let stage = Stage::set();
    let id = stage.fires("QueueStuck", "q-1");
    let page = stage.page("ana", "approver", Look::DESKTOP);
    page.goes(&format!("/incidents/{id}"), 200).click("text=Read and answer");
    page.click("text=Approve for dry-run");
    for (name, look) in LOOKS {
        let page = stage.page("vic", "viewer", look);
        page.goes("/oversight", 200).says("Too little data: 1 of 60 answers");
        page.says("1 approved").says("queue-stuck").says("ana");
        page.is_sound().picture(&format!("oversight-{name}"));
    }
}

#[test]
fn a_delivery_that_nobody_could_read_is_shown_and_put_away_on_purpose() {
    let stage = Stage::set();
    let sent = "<b>no alert</b> \u{1b}[31m \u{202e}";
    stage.service.post("own", OWN_SECRET, sent).is(202);
    for (name, look) in LOOKS {
        let page = stage.page("rob", "responder", look);
        page.goes("/deliveries", 200).says("1 delivery").is_sound();
        page.click("text=From own").says("<b>no alert</b> \\u{1b}[31m \\u{202e}");
        page.is_sound().picture(&format!("delivery-{name}"));
    }
    let page = stage.page("rob", "responder", Look::PLAIN);
    page.goes("/deliveries", 200).click("text=From own").click("text=Or put it away unread");
    page.click("[name=sure]").click("text=Put it away >> nth=-1").says("None. Everything");
    assert_eq!(stage.service.count("quarantine_lifted"), 1);
}

#[test]
fn a_delivery_is_found_and_read_again_by_keys_alone_once_its_source_is_mended() {
    let stage = Stage::set();
    let good = alert("QueueStuck", "warning", "q-7");
    stage.service.post("am", SECRET, good).is(202);
    let opens = |stage: &Stage| {
        let page = stage.page("rob", "responder", Look::DESKTOP);
        page.goes("/", 200).tabs_to("Deliveries").press("Enter").wait("text=1 delivery");
        page.tabs_to("From am").press("Enter").wait("text=What was sent");
        page.tabs_to("Read it again").press("Enter");
        page
    };
    let page = opens(&stage);
    page.wait("text=Not taken").says("still cannot be read").is_sound();
    let vic = stage.page("vic", "viewer", Look::PLAIN);
    vic.goes(&page.path().replace("/replay", ""), 200).says("A responder or a higher role");
    assert_eq!(vic.count("main form"), 0, "whoever only reads finds no button");

    let mended = |text: String| text.replacen("kind = \"alertmanager\"", "kind = \"native\"", 1);
    let stage = stage.configured(mended);
    let page = opens(&stage);
    page.wait("text=The alert QueueStuck on q-7 opened it").is_sound();
    assert!(page.path().starts_with("/incidents/"), "{}", page.path());
    page.goes("/deliveries", 200).says("None. Everything");
    assert_eq!(stage.service.count("quarantine_lifted"), 1);
}

#[test]
fn everything_is_stopped_and_let_go_on_by_the_right_people_with_a_reason() {
    let stage = Stage::set();
    let rob = stage.page("rob", "responder", Look::PHONE);
    rob.goes("/", 200).click("text=Stop everything…").is_sound().picture("stops-phone");
    rob.fill("#reason-stops-halt", "something runs wild").click("text=Engage the kill switch");
    rob.says("Engaged by rob").says("something runs wild").is_sound();
    assert!(rob.text("#holds").contains("Kill switch engaged by rob"));
    assert_eq!(rob.count("text=Release the kill switch"), 0, "an approver lets go on");
    let ana = stage.page("ana", "approver", Look::PLAIN);
    ana.goes("/runbooks", 200);
    assert!(ana.text("#holds").contains("Kill switch engaged by rob"), "it is on every page");
    ana.picture("stopped-desktop").click("#holds a");
    ana.fill("#reason-stops-release", "it was the backup").click("text=Release the kill switch");
    ana.says("It is not engaged");
    ana.fill("#reason-stops-freeze", "the fair").click("text=Declare a change freeze");
    ana.says("Declared by ana").says("It ends at").is_sound();
    ana.click("[name=sure]").click("text=Lift the freeze").says("None holds");
    for kind in ["kill_switch_engaged", "kill_switch_released", "freeze_declared", "freeze_lifted"]
    {
        assert_eq!(stage.service.count(kind), 1, "{kind}");
    }
}

#[test]
fn no_page_weighs_more_than_150_kilobytes_with_all_it_needs() {
    let stage = Stage::set();
    let mut id = String::new();
    for n in 0..60 {
        id = stage.fires("QueueStuck", &format!("q-{n}"));
    }
    for n in 0..60 {
        stage.fires("CacheFull", &format!("c-{n}"));
    }
    let page = stage.page("ana", "approver", Look::PLAIN);
    page.goes("/", 200).click("text=read and answer them together");
    assert_eq!(page.count(".pick"), limits::BATCH_ROWS as u64, "no more are on a page");
    let batch = page.path();
    page.goes(&format!("/incidents/{id}"), 200).click("text=Read and answer");
    let review = page.path();
    let pages = ["/", "/?show=owed", "/runbooks", "/runbooks/mail-stuck", "/windows", "/audit"];
    let more = ["/oversight", "/stops", &batch, &review, &format!("/incidents/{id}")];
    let pages = pages.into_iter().chain(more).map(str::to_owned).collect::<Vec<_>>();
    for path in pages {
        let page = stage.page("ana", "approver", Look::PLAIN);
        page.goes(&path, 200);
        let bytes = page.call("seen", json!([]))["bytes"].as_u64().unwrap();
        assert!((1_000..150_000).contains(&bytes), "{path} weighs {bytes} bytes");
        println!("{path} weighs {bytes} bytes");
    }
}

#[test]
fn whoever_is_not_known_is_sent_to_the_login_and_comes_back() {
    let stage = Stage::set();
    let secret =
        stage.service.home.tagout(&["users", "add", "eve", "--role", "approver", "--json"]);
    let secret = secret.done().ok().json();
    let secret =
        secret["one_time_secret"].as_str().unwrap_or_else(|| panic!("{secret}")).to_owned();
    let id = stage.fires("MailStuck", "m-1");
    for (n, look) in [Look::PHONE, Look::PLAIN].into_iter().enumerate() {
        let page = stage.stranger(look);
        page.goes(&format!("/incidents/{id}"), 200).says("Sign in").is_sound();
        page.picture("sign-in");
        page.fill("[name=name]", "eve");
        if n == 0 {
            page.fill("[name=password]", &secret).click("button:has-text('Sign in')");
            page.says("holds once").is_sound();
        }
        page.fill("[name=password]", if n == 0 { &secret } else { PASSWORD });
        if n == 0 {
            page.fill("[name=new]", PASSWORD).fill("[name=again]", PASSWORD);
        }
        page.click("main button");
        assert_eq!(page.path(), format!("/incidents/{id}"), "they come back to where they were");
        if n == 1 {
            page.click("text=Read and answer").fill("#reason", "signed in");
            page.click("text=Approve for dry-run").says("Eve approved the plan");
            every_form_is_ours(&stage, &page);
        }
        page.click("text=Sign out").says("Sign in").goes("/", 200).says("Sign in");
    }
    assert_eq!(stage.service.count("review_given"), 1);
    stage.service.get("/events").is(401);
    stage.service.get("/v1/incidents").is(401);
}

#[test]
fn no_look_at_any_page_changes_anything() {
    let stage = Stage::set();
    let id = stage.fires("QueueStuck", "q-1");
    let page = stage.page("vic", "viewer", Look::DESKTOP);
    let before = stage.service.entries();
    page.goes(&format!("/incidents/{id}"), 200).click("text=Read the plan");
    let review = page.path();
    for path in [
        "/",
        "/?show=open",
        "/?show=mine&q=queue",
        "/runbooks",
        "/audit",
        "/oversight",
        "/deliveries",
        "/stops",
        "/windows",
        "/?show=owed",
        &review,
        &format!("{review}/change?drop=restart"),
    ] {
        page.goes(path, 200);
    }
    for path in ["approve", "reject", "revoke", "resume", "modify"] {
        page.goes(&format!("{review}/{path}"), 405);
    }
    for path in ["close", "merge", "snooze", "assign", "hand-over"] {
        page.goes(&format!("/incidents/{id}/{path}"), 405);
    }
    for path in ["/stops/halt", "/stops/release", "/stops/bypasses", "/batch/approve"] {
        page.goes(path, 405);
    }
    assert_eq!(stage.service.entries(), before);
}

/// Each form that changes something carries what proves that it is of this session.
fn every_form_is_ours(stage: &Stage, page: &Page) {
    let one = stage.fires("QueueStuck", "q-1");
    stage.fires("QueueStuck", "q-2");
    let (owed, back) = (stage.fires("CacheFull", "c-1"), page.path());
    page.goes(&format!("/incidents/{one}"), 200).click("text=Read and answer");
    let review = page.path();
    page.goes("/", 200).click("text=read and answer them together");
    let batch = page.path();
    let (one, owed) = (format!("/incidents/{one}"), format!("/incidents/{owed}"));
    let mut forms = 0;
    for path in [&one, &owed, &review, &batch, "/stops", "/windows"] {
        page.goes(path, 200);
        let bare = "[...document.querySelectorAll('form[method=post]')] \
                    .filter((form) => !form.querySelector('[name=csrf]')).length";
        assert_eq!(page.evaluate(bare), 0, "{path}");
        forms += page.count("main form[method=post]");
    }
    assert!(forms > 12, "{forms}");
    page.goes(&back, 200);
}
