//! What was running when the service was killed is unknown, and never runs again by itself.

use serde_json::Value;

use super::home::Home;
use super::people::Person;
use super::stage::{Stage, nap, start};

/// A plan that was cut in the middle of its first action, and the service that came after.
fn cut() -> (Stage, String, Value) {
    let stage = Stage::live();
    let incident = stage.alert("Rotate", "host-1", "20");
    stage.until_begun("host-1", "one");
    let (home, ada, ben) = stage.kill();
    let stage = after(home, &ada, &ben);
    stage.wait("an unknown step", || stage.steps().iter().any(|step| step["state"] == "unknown"));
    let open = stage.steps();
    assert_eq!(open.len(), 1, "{open:?}");
    let open = open[0].clone();
    assert_eq!(open["step"], "one");
    (stage, incident, open)
}

fn after(home: Home, ada: &Person, ben: &Person) -> Stage {
    let service = start(home);
    let (ada, ben) = (ada.at(&service), ben.at(&service));
    Stage { service, ada, ben }
}

#[test]
fn a_step_that_was_cut_is_unknown_its_tree_is_gone_and_it_is_not_run_again() {
    let (stage, incident, _) = cut();
    nap(7000);
    assert_eq!(stage.lines("host-1", "one"), ["begin"]);
    assert_eq!(stage.lines("host-1", "two"), [""; 0]);
    assert_eq!(
        stage.told(&incident),
        ["start look", "end look succeeded", "start one", "lost one"]
    );
    let queue = stage.ben.get("/v1/approvals").is(200).json();
    assert_eq!(queue["pending"][0]["incident"], incident.as_str(), "{queue}");
    assert_eq!(queue["pending"][0]["needs_person"]["kind"], "unknown_step", "{queue}");
    let shown = stage.service.home.tagout(&["approvals", "show", &incident]).done().ok().stdout;
    assert!(shown.contains(&format!("tagout steps resolve {incident} --plan")), "{shown}");
    let list = stage.service.home.tagout(&["steps", "list"]).done().ok();
    assert!(list.stdout.contains("unknown: say what it did"), "{}", list.stdout);
    stage.service.stop().assert_log_holds();
}

#[test]
fn with_a_persons_word_that_it_ran_the_plan_goes_on_with_the_next_step() {
    let (stage, incident, open) = cut();
    stage.resolve(&open, "investigating").is(200);
    nap(1000);
    assert_eq!(stage.steps()[0]["state"], "unknown");
    // Two takes twenty seconds; it is enough that it begins.
    stage.resolve(&open, "ran").is(200);
    stage.until_begun("host-1", "two");
    assert_eq!(stage.lines("host-1", "one"), ["begin"]);
    let told = stage.told(&incident);
    assert!(told.contains(&"said one ran".to_owned()), "{told:?}");
}

#[test]
fn with_a_persons_word_that_it_did_not_run_the_plan_ends_if_no_attempt_is_left() {
    let (stage, incident, open) = cut();
    let plan = open["plan"].as_str().unwrap();
    let resolve = |finding: &str| {
        let call = [
            "steps",
            "resolve",
            &incident,
            "--plan",
            &plan[..12],
            "--step",
            "one",
            finding,
            "--reason",
            "nothing has changed on the host",
            "--as",
            "ben",
            "--json",
        ];
        stage.service.home.tagout(&call).done()
    };
    resolve("--did-not-run").ok();
    stage.until(&incident, "failed");
    assert_eq!(resolve("--ran").code, 2);
    assert_eq!(stage.lines("host-1", "one"), ["begin"]);
}

#[test]
fn whoever_may_not_let_things_go_on_cannot_resolve_and_the_attempt_is_recorded() {
    let (stage, _, open) = cut();
    let vic = Person::of(&stage.service, "vic", "responder");
    let stage = Stage { ben: vic, ..stage };
    stage.resolve(&open, "ran").fails_with(403);
    assert_eq!(stage.service.home.count("ask_refused"), 1);
    assert_eq!(stage.service.home.count("step_resolved"), 0);
}

#[test]
fn a_command_beside_the_service_takes_no_running_step_for_lost() {
    let stage = Stage::live();
    let incident = stage.alert("Rotate", "host-1", "2");
    stage.until_begun("host-1", "one");
    for _ in 0..3 {
        stage.service.home.tagout(&["approvals", "list"]).done().ok();
        stage.service.home.tagout(&["steps", "list"]).done().ok();
    }
    stage.until(&incident, "completed");
    assert_eq!(stage.service.home.count("step_lost"), 0);
}

#[test]
fn a_second_service_on_the_same_files_takes_no_running_step_for_lost_and_starts_none() {
    let stage = Stage::live();
    let incident = stage.alert("Rotate", "host-1", "4");
    stage.until_begun("host-1", "one");
    let counts = stage.service.home.path("counts");
    let call = super::service::call(&stage.service.home).env("COUNTS", counts.to_str().unwrap());
    let mut second = call.spawn();
    stage.until(&incident, "completed");
    assert!(second.0.try_wait().unwrap().is_none(), "the second service has ended");
    second.0.kill().unwrap();
    second.0.wait().unwrap();
    assert_eq!(stage.service.home.count("step_lost"), 0);
    for step in ["one", "two"] {
        assert_eq!(stage.lines("host-1", step), ["begin", "end"]);
    }
}
