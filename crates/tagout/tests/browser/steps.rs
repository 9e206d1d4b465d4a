//! The steps that wait for somebody's word: what nobody knows, and what is a person's to do.

use serde_json::{Value, json};

use super::browser::{Browser, Look, Page};
use super::http::Request;
use super::lived::{self, Stage};
use super::people::Person;
use super::service::OWN_SECRET;
use super::stage::LOOKS;

fn page(browser: &Browser, stage: &Stage, who: &Person, look: Look) -> Page {
    let headers = json!({"Authorization": format!("Bearer {}", who.token)});
    browser.page(&stage.service.address, &headers, look)
}

/// A plan that was cut in the middle of its first action, and the service that came after.
fn cut() -> (Stage, String) {
    let stage = Stage::live();
    let incident = stage.alert("Rotate", "host-1", "20");
    stage.until_begun("host-1", "one");
    let (home, ada, ben) = stage.kill();
    let service = lived::start(home);
    let (ada, ben) = (ada.at(&service), ben.at(&service));
    let stage = Stage { service, ada, ben };
    stage.wait("an unknown step", || stage.steps().iter().any(|step| step["state"] == "unknown"));
    (stage, incident)
}

fn kinds(stage: &Stage) -> Vec<Value> {
    let queue = stage.ben.get("/v1/approvals").is(200).json();
    let pending = queue["pending"].as_array().unwrap();
    pending.iter().map(|one| one["needs_person"]["kind"].clone()).collect()
}

#[test]
fn what_nobody_knows_stands_first_until_somebody_says_it_also_when_its_alert_has_ended() {
    let (browser, (stage, incident)) = (Browser::start(), cut());
    let vic = Person::of(&stage.service, "vic", "responder");
    let inbox = page(&browser, &stage, &stage.ben, Look::PLAIN);
    inbox.goes("/", 200).says("1 incident needs a person").says("Waits for me (1)");
    assert_eq!(inbox.text("h2"), "Steps that wait for somebody's word");
    inbox.says("Nobody knows what step one did on host-1");
    // Another plan on the target waits for it, and says for what.
    let other = stage.alert("Repair", "host-1", "0");
    stage.approve(&other);
    let held = page(&browser, &stage, &stage.ben, Look::PLAIN);
    held.goes(&format!("/incidents/{other}"), 200).says("It waits for host-1, held by");
    held.says("nobody knows what its step one did").picture("held");
    held.goes("/?show=open", 200).says("granted; waits for host-1, held by");
    held.goes(&format!("/incidents/{other}"), 200);
    held.click(&format!("section.go a[href='/incidents/{incident}']"));
    held.says("A person is needed: nobody knows what step one did");
    let shown = stage.service.home.tagout(&["approvals", "show", &other]).done().ok().stdout;
    assert!(shown.contains(&format!("waits for host-1, held by {incident}")), "{shown}");
    // Its alert ends: the incident is closed, and the question is not.
    let labels = json!({
        "alertname": "Rotate", "instance": "host-1", "environment": "test", "seconds": "20",
    });
    let over =
        json!({"title": "Rotate", "severity": "warning", "status": "resolved", "labels": labels});
    stage.service.post("own", OWN_SECRET, over.to_string()).is(200);
    assert_eq!(stage.state(&incident), "closed");
    assert_eq!(kinds(&stage), ["unknown_step"]);
    inbox.goes("/", 200).says("Nobody knows what step one did on host-1").says("is closed");
    for (name, look) in LOOKS {
        let seen = page(&browser, &stage, &stage.ben, look);
        seen.goes("/", 200).is_sound().picture(&format!("steps-inbox-{name}"));
        seen.click(".rows a").says("Say what it did").says("Closed").is_sound();
        seen.picture(&format!("steps-unknown-{name}"));
    }
    // Who may say it is decided where the interface decides it, and no address says it.
    let rob = page(&browser, &stage, &vic, Look::PLAIN);
    rob.goes(&format!("/incidents/{incident}"), 200).says("it takes the role approver");
    assert_eq!(rob.count("form[action$='/steps/resolve']"), 0);
    let path = format!("/incidents/{incident}/steps/resolve");
    assert_eq!(stage.ben.get(&path).status, 405);
    let post = |who: &Person, form: &str| {
        let request = Request::new("POST", &path).token(&who.token);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request.body(form).send(&stage.service.address)
    };
    let plan = stage.steps()[0]["plan"].as_str().unwrap().to_owned();
    let whole = format!("plan={plan}&step=one&attempt=1&finding=ran&reason=looked");
    assert_eq!(post(&vic, &whole).status, 403);
    let other_plan = whole.replace(&plan, &"0".repeat(64));
    assert!((400..500).contains(&post(&stage.ben, &other_plan).status));
    let nothing = post(&stage.ben, &whole.replace("finding=ran&", ""));
    assert_eq!(nothing.status, 400);
    assert!(nothing.body.contains("\nlooked</textarea>"), "{}", nothing.body);
    assert_eq!(stage.service.home.count("step_resolved"), 0);
    // By keys alone: the first that is chosen, the reason, the button.
    let keys = page(&browser, &stage, &stage.ben, Look::DESKTOP);
    keys.goes(&format!("/incidents/{incident}"), 200);
    keys.click("text=It did not run, or did not do what it should");
    keys.fill("#step-reason-0", "nothing has changed on the host").press("Tab").press("Enter");
    keys.wait("text=it did not run, says ben").says_not("A person is needed").is_sound();
    assert_eq!(stage.service.home.count("step_resolved"), 1);
    assert!(!kinds(&stage).contains(&json!("unknown_step")));
    // What was approved before is asked about again: something was done on the target since.
    stage.until(&other, "pending_review");
}

#[test]
fn a_step_for_a_person_and_a_plan_that_failed_are_put_before_people() {
    let (browser, stage) = (Browser::start(), Stage::live());
    let manual = stage.alert("Repair", "host-1", "0");
    let failed = stage.alert("Repair", "host-2", "fail");
    stage.approve(&manual);
    stage.approve(&failed);
    stage.until(&failed, "failed");
    stage.wait("a step for a person", || {
        stage.steps().iter().any(|step| step["state"] == "for_a_person")
    });
    let ben = page(&browser, &stage, &stage.ben, Look::NARROW);
    ben.goes("/", 200).says("2 incidents need a person").says("Waits for me (2)");
    ben.says("Step swap is for a person to do: Swap the disk");
    ben.says("the plan of repair failed: step drain failed").is_sound().picture("steps-manual");
    let mut all = kinds(&stage);
    all.sort_by_key(Value::to_string);
    assert_eq!(all, ["manual_step", "plan_failed"]);
    ben.goes(&format!("/incidents/{failed}"), 200).says("A person is needed: the plan failed");
    ben.says("Step drain failed.").is_sound();
    for (id, hint) in [(&manual, "tagout steps resolve"), (&failed, "tagout approvals close")] {
        let shown = stage.service.home.tagout(&["approvals", "show", id]).done().ok().stdout;
        assert!(shown.contains(&format!("{hint} {id}")), "{shown}");
        assert!(shown.lines().rev().take(3).all(|line| line.len() <= 80), "{shown}");
    }
    let list = stage.service.home.tagout(&["approvals", "list"]).done().ok().stdout;
    assert!(list.contains("step swap is for a person to do"), "{list}");
    assert!(list.contains("step drain failed"), "{list}");
    ben.goes(&format!("/incidents/{manual}"), 200).says("A person is needed: do step swap");
    ben.is_sound().picture("steps-manual-page");
    ben.click("text=It is done").fill("#step-reason-0", "the disk is new");
    ben.click("text=Record it").says_not("A person is needed");
    stage.until(&manual, "completed");
    assert_eq!(stage.lines("host-1", "fill"), ["begin", "end"]);
}
