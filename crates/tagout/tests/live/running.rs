//! Approved plans really run: each step once, in order, recorded before and after.

use serde_json::json;

use super::home::Home;
use super::people::Person;
use super::service::OWN_SECRET;
use super::stage::{LIVE, Stage, home, nap, start};

#[test]
fn the_steps_of_a_granted_plan_run_once_each_in_order_and_the_log_holds() {
    let stage = Stage::live();
    let incident = stage.alert("Rotate", "host-1", "0.2");
    stage.until(&incident, "completed");
    let whole: Vec<_> = ["look", "one", "two", "verify"]
        .iter()
        .flat_map(|step| [format!("start {step}"), format!("end {step} succeeded")])
        .chain(["plan completed".to_owned()])
        .collect();
    assert_eq!(stage.told(&incident), whole);
    for step in ["look", "one", "two", "verify"] {
        assert_eq!(stage.lines("host-1", step), ["begin", "end"], "{step}");
    }
    let trail = stage.service.home.trail();
    let end = trail.iter().find(|line| {
        line["event"]["data"]["step"] == "one" && line["event"]["kind"] == "step_finished"
    });
    let end = &end.unwrap()["event"]["data"];
    assert!(end["output"].to_string().contains("one of host-1 is done"), "{end}");
    assert_eq!(end["ended"]["exit_code"], 0);
    assert!(end["ended"]["containment"].is_string(), "{end}");
    // People read on the page and on the printed report what a step said.
    for page in [format!("/incidents/{incident}"), format!("/incidents/{incident}/report")] {
        let body = stage.ben.get(&page).is(200).body;
        assert!(body.contains("one of host-1 is done"), "{page}: {body}");
    }
    stage.service.stop().assert_log_holds();
}

#[test]
fn nothing_of_a_plan_runs_before_people_have_approved_it_and_then_once() {
    let stage = Stage::live();
    let incident = stage.alert("Repair", "host-1", "0");
    assert_eq!(stage.state(&incident), "pending_review");
    nap(1500);
    assert_eq!(stage.lines("host-1", "drain"), [""; 0]);
    stage.approve(&incident);
    stage.wait("a step for a person", || {
        stage.steps().iter().any(|step| step["state"] == "for_a_person")
    });
    assert_eq!(stage.lines("host-1", "drain"), ["begin", "end"]);
    assert_eq!(stage.lines("host-1", "fill"), [""; 0]);
    // The queue shows it, and the plan goes on with what a person says.
    let queue = stage.ben.get("/v1/approvals").is(200).json();
    assert_eq!(queue["pending"][0]["incident"], incident.as_str(), "{queue}");
    let open = stage.steps()[0].clone();
    assert_eq!(open["step"], "swap");
    stage.resolve(&open, "ran").is(200);
    stage.until(&incident, "completed");
    assert_eq!(stage.lines("host-1", "fill"), ["begin", "end"]);
    stage.service.stop().assert_log_holds();
}

#[test]
fn a_failing_step_ends_the_plan_and_says_with_what_code_and_words() {
    let stage = Stage::live();
    let incident = stage.alert("Repair", "host-1", "fail");
    stage.approve(&incident);
    stage.until(&incident, "failed");
    assert_eq!(stage.told(&incident), ["start drain", "end drain failed", "plan failed"]);
    let trail = stage.service.home.trail();
    let end = trail.iter().find(|line| line["event"]["kind"] == "step_finished").unwrap();
    let end = &end["event"]["data"];
    assert_eq!(end["ended"]["exit_code"], 3);
    assert!(end["output"].to_string().contains("no drain for host-1"), "{end}");
    // Whoever looks at a terminal reads the same words.
    let home = &stage.service.home;
    for call in [&["approvals", "show", &incident][..], &["audit", "show", &incident, "--outputs"]]
    {
        let shown = home.tagout(call).done().ok().stdout;
        for words in ["step drain failed (code 3", "no drain for host-1"] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
    }
    nap(1000);
    assert_eq!(stage.lines("host-1", "drain"), ["begin"]);
}

#[test]
fn where_the_tier_says_undo_what_was_done_is_offered_to_be_taken_back() {
    let stage = Stage::under(&format!("{LIVE}step_failure = \"undo\"\n"));
    let incident = stage.alert("Repair", "host-1", "0");
    stage.approve(&incident);
    stage.wait("a step for a person", || !stage.steps().is_empty());
    stage.wait("a step for a person", || {
        stage.steps().iter().any(|step| step["state"] == "for_a_person")
    });
    let open = stage.steps()[0].clone();
    stage.resolve(&open, "did_not_run").is(200);
    assert_eq!(stage.state(&incident), "pending_review");
    let plan = stage.plan(&incident);
    assert_eq!(plan["steps"][0]["argv"][2], "undrain");
    assert_eq!(plan["mode"], "live");
    let shown = stage.service.home.tagout(&["approvals", "show", &incident]).done().ok().stdout;
    for words in ["weak containment is allowed", "changed: takes back plan", "undo-drain"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // Wherever it waits it is told apart from a repair.
    let home = &stage.service.home;
    let list = || home.tagout(&["approvals", "list"]).done().ok().stdout;
    let page = |path: &str| stage.ben.get(path).is(200).body;
    assert!(shown.contains("way back") && shown.contains(", which failed"), "{shown}");
    assert!(list().contains(", which failed"), "{}", list());
    for path in ["/".to_owned(), format!("/incidents/{incident}")] {
        assert!(page(&path).contains(", which failed"), "{path}");
    }
    // And it is never answered together with a repair.
    let repair = stage.alert("Repair", "host-2", "0");
    stage.wait("the repair", || stage.state(&repair) == "pending_review");
    let digest = |incident: &str| {
        let told = stage.ben.get(&format!("/v1/incidents/{incident}")).is(200).json();
        json!({"incident": incident, "plan": told["summary"]["plan"]})
    };
    let plans = [digest(&incident), digest(&repair)];
    let both = json!({"answer": "approve", "mode": "live", "reason": "both", "plans": plans});
    let refused = stage.ben.post("/v1/approvals/batch", &both).fails_with(422).json();
    assert!(refused["detail"].as_str().unwrap().contains("takes another back"), "{refused}");
    assert!(!page("/").contains("/batch?"), "{}", page("/"));
    stage.approve(&incident);
    stage.until(&incident, "completed");
    assert_eq!(stage.lines("host-1", "undrain"), ["begin", "end"]);
    // What failed is as it was before, its alert still fires, and people are asked.
    let told = stage.ben.get(&format!("/v1/incidents/{incident}")).is(200).json();
    assert_eq!(told["summary"]["needs_person"]["kind"], "taken_back", "{told}");
    for shown in [list(), page("/"), page(&format!("/incidents/{incident}"))] {
        assert!(shown.contains("failed and was taken back; the alert still fires"), "{shown}");
    }
    assert!(!page("/").contains("waiting for nobody"));
    let call = ["audit", "receipt", &incident, "--output", "taken-back.json"];
    let said = home.tagout(&call).done().ok().stderr;
    assert!(said.contains("takes back plan") && said.contains(", which failed"), "{said}");
    assert_eq!(stage.lines("host-1", "fill"), [""; 0]);
}

/// The service started again.
fn again((home, ada, ben): (Home, Person, Person)) -> Stage {
    let service = start(home);
    Stage { ada: ada.at(&service), ben: ben.at(&service), service }
}

#[test]
fn what_is_rejected_after_its_alert_has_ended_is_taken_back_also_over_a_restart() {
    let home = home("live", LIVE);
    let page = super::stage::ROTATE.replace(
        ", one, \"{{seconds}}\"]",
        ", one, \"0\"], undo: [count, \"{{host}}\", back, \"0\"]",
    );
    home.write("book/rotate.md", page);
    let stage = Stage::of(home);
    let incident = stage.alert("Rotate", "host-1", "0");
    stage.until(&incident, "completed");
    let labels = json!({
        "alertname": "Rotate", "instance": "host-1", "environment": "test", "seconds": "0",
    });
    let over = json!({
        "title": "Rotate", "severity": "warning", "status": "resolved", "labels": labels,
    });
    stage.service.post("own", OWN_SECRET, over.to_string()).is(200);
    assert_eq!(stage.state(&incident), "closed");
    let plan = stage.ben.get("/v1/reviews/owed").is(200).json()["owed"][0]["plan"].clone();
    let path = format!("/v1/incidents/{incident}/plans/{}/hindsight", plan.as_str().unwrap());
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    assert!(page.contains("The incident is opened again with a plan"), "{page}");
    let no = json!({"hindsight": "rejected", "reason": "the log was needed"});
    stage.ada.post(&path, &no).is(200);
    assert_eq!(stage.state(&incident), "pending_review");
    // Whoever starts again reads that it is open.
    let stage = again(stage.kill());
    assert_eq!(stage.plan(&incident)["steps"][0]["argv"][2], "back");
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    assert!(page.contains("It is open only to take back what it did."), "{page}");
    assert!(!page.contains("It is part of another incident"), "{page}");
    stage.approve(&incident);
    stage.until(&incident, "closed");
    assert_eq!(stage.lines("host-1", "back"), ["begin", "end"]);
    let stage = again(stage.kill());
    assert_eq!(stage.state(&incident), "closed");
    stage.service.stop().assert_log_holds();
}

#[test]
fn plans_on_different_targets_run_beside_one_another() {
    let stage = Stage::live();
    let one = stage.alert("Rotate", "host-1", "2");
    let two = stage.alert("Rotate", "host-2", "2");
    stage.until_begun("host-1", "one");
    stage.until_begun("host-2", "one");
    assert_eq!(stage.lines("host-1", "one"), ["begin"]);
    assert_eq!(stage.lines("host-2", "one"), ["begin"]);
    stage.until(&one, "completed");
    stage.until(&two, "completed");
}

#[test]
fn a_plan_whose_page_has_changed_since_starts_nothing() {
    let stage = Stage::live();
    let incident = stage.alert("Repair", "host-1", "0");
    let page = super::stage::REPAIR.replace("title: Drain", "title: Drain it all");
    stage.service.home.write("book/repair.md", page);
    stage.service.signal("-HUP");
    stage.wait("the new page", || stage.admission("repair")["difference"].is_array());
    stage.approve(&incident);
    stage.wait("that the plan is void", || stage.service.home.count("plan_voided") > 0);
    nap(1500);
    assert_eq!(stage.lines("host-1", "drain"), [""; 0]);
    assert_eq!(stage.service.home.count("step_started"), 0);
}

#[test]
fn a_secret_of_the_service_that_a_step_prints_is_not_in_the_log() {
    let secret = "a-secret-that-only-the-service-knows";
    let home = home("live", LIVE);
    let kept = home.write("state/tagout/kept", secret);
    home.write("bin/count", format!("#!/bin/sh\necho it is:\ncat {kept:?}\nbase64 -w0 {kept:?}\n"));
    let configured = home.path("state/tagout/tagout.toml");
    let source = "[[source]]\nname = \"kept\"\nkind = \"native\"\nauth = \"bearer\"\n\
                  secrets = [{ file = \"kept\" }]\n";
    let text = format!("{}{source}", std::fs::read_to_string(&configured).unwrap());
    std::fs::write(configured, text).unwrap();
    let stage = Stage::of(home);
    let incident = stage.alert("Rotate", "host-1", "0");
    stage.until(&incident, "completed");
    let trail = stage.service.home.trail();
    let end = trail.iter().find(|line| line["event"]["kind"] == "step_finished").unwrap();
    let output = end["event"]["data"]["output"].to_string();
    assert!(output.contains("it is:") && output.contains("[redacted]"), "{output}");
    for written in [secret, "YS1zZWNyZXQtdGhhdC1vbmx5LXRoZS1zZXJ2aWNlLWtub3dz"] {
        assert!(!trail.iter().any(|line| line.to_string().contains(written)), "{output}");
    }
}
