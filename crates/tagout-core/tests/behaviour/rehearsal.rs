//! A dry-run with substance: checks and declared dry-run forms are started, and an action never is.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tagout_core::command::Command;
use tagout_core::decide::Rejection;
use tagout_core::effect::{Effect, effect, taken_back};
use tagout_core::event::{Event, PlanOutcome, StepOutcome};
use tagout_core::evolve::evolve;
use tagout_core::execution::Execution;
use tagout_core::front_matter::{FrontMatter, PageText};
use tagout_core::incident::{Incident, Stage};
use tagout_core::rehearsal::Unforeseen;
use tagout_core::remote::{Host, Shell};
use tagout_core::sandbox::Sandbox;
use tagout_core::secret::{Hand, Handed, StepSecret};
use tagout_core::verdict::Mode;

use crate::house::*;

/// A check, an action with a form of its own, one without, one for a person, and a check after it.
fn page() -> Value {
    json!({
        "id": "scale", "risk": "low", "reversible": true, "target": "web",
        "preconditions": [
            {"id": "look", "kind": "check", "title": "Look", "command": ["kube", "get"]}],
        "steps": [
            {"id": "apply", "kind": "action", "title": "Apply", "command": ["kube", "apply"],
             "dry_run": ["kube", "diff"], "dry_run_exit_codes": [0, 1]},
            {"id": "restart", "kind": "action", "title": "Restart", "command": ["kube", "restart"]},
            {"id": "tell", "kind": "manual", "title": "Tell"},
        ],
        "verification": [
            {"id": "verify", "kind": "check", "title": "Verify", "command": ["other", "get"]}],
    })
}

/// A house whose dry-runs start what changes nothing, with this page admitted.
fn house(page: Value) -> House {
    let mut house = House::live(OPEN, [page]);
    house.mode = Mode::DryRun;
    let execution = Execution {
        programs: [("kube".to_owned(), "/bin/kube".to_owned())].into(),
        rehearse: true,
        ..Execution::default()
    };
    house.policy = house.policy.clone().with_execution(execution, []);
    house
}

/// A granted plan of this page.
fn granted_of(page: Value) -> House {
    let mut house = house(page);
    house.matched(ONE, "scale");
    // A step for a person asks for one.
    house.approve(ONE, "ana").unwrap();
    assert!(house.is_granted(ONE));
    house
}

fn granted() -> House {
    granted_of(page())
}

fn start(house: &mut House) -> Result<Vec<Event>, Rejection> {
    let plan = house.plan(ONE).digest();
    house.ask(ONE, Command::StartRehearsal { plan })
}

fn end(house: &mut House, step: &str, outcome: Option<StepOutcome>) {
    let (plan, step) = (house.plan(ONE).digest(), step.to_owned());
    let command =
        Command::FinishRehearsal { plan, step, outcome, output: "-1 +2".into(), ended: None };
    house.must(ONE, command);
}

fn stops_at(events: &[Event]) -> Option<&str> {
    match events.last() {
        Some(Event::PlanFinished { outcome: PlanOutcome::Rehearsed, stops_at, .. }) => {
            stops_at.as_deref()
        }
        other => panic!("not ended: {other:?}"),
    }
}

#[test]
fn checks_and_declared_forms_are_started_once_each_and_the_rest_is_told_as_unforeseen() {
    let mut house = granted();
    let plan = house.plan(ONE).clone();
    assert_eq!(plan.rehearses, ["apply".to_owned(), "look".to_owned()].into());
    assert_eq!(plan.rehearsal_of("look").unwrap().argv, ["/bin/kube", "get"]);
    let form = plan.rehearsal_of("apply").unwrap();
    assert_eq!(form.argv, ["/bin/kube", "diff"]);
    let ok = |code| form.exit_codes.contains(code);
    assert!(ok(0) && ok(1) && !ok(2));
    for step in ["look", "apply"] {
        assert_eq!(effect(&house.incidents[ONE]), Some(Effect::StartRehearsal(plan.digest())));
        let events = start(&mut house).unwrap();
        assert!(matches!(&events[..], [Event::RehearsalStarted { step: of, .. }] if of == step));
        assert!(matches!(start(&mut house), Err(Rejection::NotDue(_))));
        assert_eq!(effect(&house.incidents[ONE]), None);
        // It holds no target, nobody is called, and people may close meanwhile.
        assert!(house.shared.lock("web").is_none());
        assert!(!house.incidents[ONE].case().unwrap().in_flight());
        end(&mut house, step, Some(StepOutcome::Succeeded));
    }
    assert_eq!(effect(&house.incidents[ONE]), Some(Effect::Rehearse));
    let events = house.must(ONE, Command::Rehearse);
    let shown: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::StepRehearsed { step, unforeseen, .. } => Some((step.as_str(), *unforeseen)),
            _ => None,
        })
        .collect();
    let (form, person) = (Some(Unforeseen::NoForm), Some(Unforeseen::Person));
    let other = Some(Unforeseen::NotAllowed);
    assert_eq!(shown, [("restart", form), ("tell", person), ("verify", other)]);
    assert_eq!(stops_at(&events), None);
    assert!(matches!(house.stage(ONE), Stage::Finished(_, PlanOutcome::Rehearsed)));
}

#[test]
fn an_actions_command_is_never_what_a_dry_run_starts_whatever_is_asked_or_recorded() {
    // By another name of its program, in a check, and as what takes another action back.
    let mut page = page();
    page["preconditions"][0]["command"] = json!(["/bin/kube", "restart"]);
    page["steps"][0]["dry_run"] = json!(["/bin/kube", "undo"]);
    page["steps"][1]["undo"] = json!(["kube", "undo"]);
    let sly = granted_of(page);
    assert_eq!(sly.plan(ONE).rehearses, BTreeSet::new());
    assert_eq!(effect(&sly.incidents[ONE]), Some(Effect::Rehearse));

    let house = granted();
    let digest = house.plan(ONE).digest();
    let start = |step: &str, target: &str| Event::StepStarted {
        plan: digest,
        step: step.into(),
        attempt: 1,
        target: target.into(),
        tier: None,
        runbook: String::new(),
    };
    let mut forged = vec![start("look", "web"), start("apply", "web"), start("restart", "web")];
    for step in ["apply", "restart", "tell", "verify", "nothing"] {
        forged.push(Event::RehearsalStarted { plan: digest, step: step.into() });
    }
    for event in forged {
        let incident: Incident = house.incidents[ONE].clone();
        assert!(evolve(incident, &event, house.now).is_err(), "{event:?}");
    }
    // A plan that is said to rehearse an action without a form starts nothing for it.
    let mut plan = house.plan(ONE).clone();
    plan.rehearses.insert("restart".into());
    assert!(plan.rehearsal_of("restart").is_none() && plan.start_of("restart").is_none());
    plan.mode = Mode::Live;
    assert!(plan.rehearsal_of("look").is_none());
    assert_eq!(plan.start_of("apply").unwrap().argv, ["/bin/kube", "apply"]);
}

#[test]
fn nothing_is_started_without_the_operators_word_or_for_a_page_that_nobody_admitted() {
    let mut house = House::with(OPEN, [page()]);
    house.policy = house.policy.clone().with_execution(
        Execution {
            programs: [("kube".into(), "/bin/kube".into())].into(),
            ..granted().policy.execution.unwrap()
        },
        [],
    );
    house.matched(ONE, "scale");
    assert_eq!(house.plan(ONE).rehearses, BTreeSet::new());
    let mut off = self::house(page());
    off.policy.execution.as_mut().unwrap().rehearse = false;
    off.matched(ONE, "scale");
    assert_eq!(off.plan(ONE).rehearses, BTreeSet::new());
    assert!(start(&mut off).is_err());
    // Switched off in the middle: the plan is made anew, and is shown.
    let mut house = granted();
    start(&mut house).unwrap();
    end(&mut house, "look", Some(StepOutcome::Succeeded));
    house.policy.execution.as_mut().unwrap().rehearse = false;
    house.must(ONE, Command::Rehearse);
    assert!(house.plan(ONE).rehearses.is_empty());
    house.approve(ONE, "ana").unwrap();
    house.must(ONE, Command::Rehearse);
    assert!(matches!(house.stage(ONE), Stage::Finished(_, PlanOutcome::Rehearsed)));
}

#[test]
fn a_check_that_fails_before_the_first_action_says_where_a_live_plan_would_have_stopped() {
    for (first, second, told) in [
        (Some(StepOutcome::Failed), Some(StepOutcome::Succeeded), Some("look")),
        (Some(StepOutcome::Succeeded), Some(StepOutcome::TimedOut), Some("apply")),
        (None, Some(StepOutcome::Succeeded), None),
    ] {
        let mut house = granted();
        for (step, outcome) in [("look", first), ("apply", second)] {
            start(&mut house).unwrap();
            end(&mut house, step, outcome);
        }
        let events = house.must(ONE, Command::Rehearse);
        assert_eq!(stops_at(&events), told);
    }
    // A check after an action saw what was there without it: it says nothing of a live plan.
    let mut later = page();
    later["verification"][0]["command"] = json!(["kube", "verify"]);
    let mut house = granted_of(later);
    for step in ["look", "apply", "verify"] {
        start(&mut house).unwrap();
        let failed = if step == "verify" { StepOutcome::Failed } else { StepOutcome::Succeeded };
        end(&mut house, step, Some(failed));
    }
    assert_eq!(stops_at(&house.must(ONE, Command::Rehearse)), None);
}

#[test]
fn what_was_cut_is_recorded_is_never_started_again_and_the_next_one_follows() {
    let mut house = granted();
    start(&mut house).unwrap();
    let plan = house.plan(ONE).digest();
    let ours = [(plan, "look".to_owned(), 1)].into();
    assert_eq!(house.must(ONE, Command::ReportLost { running: ours }), []);
    let cut = house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    assert!(matches!(&cut[..], [Event::RehearsalCut { .. }]), "{cut:?}");
    assert_eq!(house.must(ONE, Command::ReportLost { running: BTreeSet::new() }), []);
    let next = start(&mut house).unwrap();
    assert!(matches!(&next[..], [Event::RehearsalStarted { step, .. }] if step == "apply"));
    // Whoever ran it may still report its end, also when the incident is over.
    house.end_of_alert(ONE);
    for (step, outcome) in [("look", Some(StepOutcome::Succeeded)), ("apply", None)] {
        let (step, output) = (step.to_owned(), "".into());
        let ended = None;
        house.must(ONE, Command::FinishRehearsal { plan, step, outcome, output, ended });
    }
    assert!(!house.incidents[ONE].case().unwrap().is_unsettled());
}

#[test]
fn a_stop_ends_the_dry_run_and_under_the_kill_switch_or_a_freeze_nothing_starts() {
    let mut house = granted();
    house.kill_switch(true);
    assert!(matches!(start(&mut house), Err(Rejection::Stopped(_))));
    house.kill_switch(false);
    house.freeze(None);
    assert!(matches!(start(&mut house), Err(Rejection::Stopped(_))));
    let mut house = granted();
    start(&mut house).unwrap();
    end(&mut house, "look", Some(StepOutcome::Stopped));
    assert!(start(&mut house).is_err());
    let events = house.must(ONE, Command::Rehearse);
    let apply = events.iter().find_map(|event| match event {
        Event::StepRehearsed { step, unforeseen, .. } if step == "apply" => Some(*unforeseen),
        _ => None,
    });
    assert_eq!(apply, Some(Some(Unforeseen::NotReached)));
}

#[test]
fn a_stop_that_is_told_after_a_start_was_cut_settles_nothing_and_the_dry_run_goes_on() {
    let mut house = granted();
    start(&mut house).unwrap();
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    let (plan, step) = (house.plan(ONE).digest(), "look".to_owned());
    let outcome = Some(StepOutcome::Stopped);
    let late = Command::FinishRehearsal { plan, step, outcome, output: "half".into(), ended: None };
    // A replica that was taken for dead stopped it: no person did.
    assert!(matches!(house.ask(ONE, late), Err(Rejection::NotDue(_))));
    let next = start(&mut house).unwrap();
    assert!(matches!(&next[..], [Event::RehearsalStarted { step, .. }] if step == "apply"));
    end(&mut house, "apply", Some(StepOutcome::Succeeded));
    let events = house.must(ONE, Command::Rehearse);
    let ended = events.last().unwrap();
    assert!(
        matches!(ended, Event::PlanFinished { runbook, .. } if runbook == "scale"),
        "{ended:?}"
    );
}

#[test]
fn a_dry_run_that_was_stopped_is_no_use_of_the_runbook_and_one_that_went_through_is() {
    for (outcome, counts) in [(StepOutcome::Stopped, false), (StepOutcome::Succeeded, true)] {
        let mut house = granted();
        start(&mut house).unwrap();
        end(&mut house, "look", Some(outcome));
        if counts {
            start(&mut house).unwrap();
            end(&mut house, "apply", Some(StepOutcome::Succeeded));
        }
        house.must(ONE, Command::Rehearse);
        // Whether it is new here, how lately it was tried here, and on how many targets it was.
        house.wait(1);
        house.matched(TWO, "scale");
        let input = house.journal.iter().rev().find_map(|(_, event, _)| match event {
            Event::PolicyDecided { input, .. } => Some(input),
            _ => None,
        });
        let input = input.unwrap();
        assert_eq!(input.novel, !counts, "{outcome:?}");
        assert_eq!(input.tried.is_some(), counts, "{outcome:?}");
        let reached = house.journal.iter().find_map(|(_, event, _)| match event {
            Event::PlanFinished { tier, .. } => Some(tier.is_some()),
            _ => None,
        });
        assert_eq!(reached, Some(counts), "{outcome:?}");
    }
}

#[test]
fn what_runs_of_a_dry_run_is_taken_back_where_its_incident_was_closed_at_another_replica() {
    let mut house = granted();
    start(&mut house).unwrap();
    let plan = house.plan(ONE).digest();
    let (ours, none) = ([plan].into(), BTreeSet::new());
    assert_eq!(taken_back(&house.incidents[ONE], &ours), []);
    house.end_of_alert(ONE);
    assert!(matches!(house.incidents[ONE], Incident::Closed(..)));
    assert_eq!(taken_back(&house.incidents[ONE], &ours), [plan]);
    assert_eq!(taken_back(&house.incidents[ONE], &none), []);
}

#[test]
fn what_an_action_runs_on_one_host_is_started_on_no_other_where_its_program_has_another_place() {
    let plan_of = |check: &str, there: Option<&str>| {
        let host = |path: &str| Host {
            login: "ops@10.0.0.5:22".into(),
            host_key: "SHA256:0".into(),
            shell: Shell::Posix,
            programs: [("kube".to_owned(), path.to_owned())].into(),
            tier: None,
            tiers: Default::default(),
        };
        let mut page = page();
        page["preconditions"][0]["on"] = json!("a");
        page["preconditions"][0]["command"] = json!(["kube", check]);
        page["steps"][0]["on"] = json!("b");
        page["steps"][0]["undo"] = json!(["kube", "undo"]);
        let mut house = house(page);
        let hosts = [Some(("a", "/usr/bin/kube")), there.map(|path| ("b", path))];
        let hosts = hosts.into_iter().flatten().map(|(name, path)| (name.to_owned(), host(path)));
        let hosts = hosts.collect();
        let execution = Execution { hosts, rehearse: true, ..Execution::default() };
        house.policy = house.policy.clone().with_execution(execution, []);
        house.matched(ONE, "scale");
        house.plan(ONE).clone()
    };
    let there = Some("/usr/local/bin/kube");
    assert_eq!(plan_of("get", there).rehearses, ["apply".to_owned(), "look".to_owned()].into());
    for done in ["apply", "undo"] {
        assert_eq!(plan_of(done, there).rehearses, ["apply".to_owned()].into(), "{done}");
        // Nor where it has another name there, or nothing is known of that host.
        let other = plan_of(done, Some("/opt/kube-1.9"));
        assert_eq!(other.rehearses, ["apply".to_owned()].into(), "{done}");
        assert_eq!(plan_of(done, None).rehearses, [].into(), "{done}");
    }
}

#[test]
fn a_form_is_an_actions_differs_from_it_and_has_so_many_codes() {
    let flaws = |change: &dyn Fn(&mut Value)| {
        let mut page = page();
        change(&mut page);
        let front: FrontMatter = serde_json::from_value(page).unwrap();
        let text = PageText {
            id: "scale".into(),
            title: String::new(),
            symptoms: Vec::new(),
            body: String::new(),
            manual_steps: Vec::new(),
            page: "".into(),
            digest: tagout_core::digest::RunbookDigest::of_bytes(b""),
        };
        front.check(text).err().unwrap_or_default().len()
    };
    assert_eq!(flaws(&|_| {}), 0);
    assert_eq!(flaws(&|p| p["preconditions"][0]["dry_run"] = json!(["kube", "diff"])), 1);
    assert_eq!(flaws(&|p| p["steps"][0]["dry_run"] = json!(["kube", "apply"])), 1);
    assert_eq!(flaws(&|p| p["steps"][1]["dry_run_exit_codes"] = json!([1])), 1);
    assert_eq!(flaws(&|p| p["steps"][0]["dry_run_exit_codes"] = json!([])), 1);
    assert_eq!(flaws(&|p| p["steps"][0]["dry_run_exit_codes"] = json!([255])), 0);
}

#[test]
fn what_a_dry_run_starts_is_given_and_held_to_no_less_than_what_a_live_plan_starts() {
    let plan_of = |runbooks: &str| {
        let mut page = page();
        page["preconditions"][0]["secrets"] = json!(["token"]);
        let mut house = house(page);
        let kube = "/bin/kube".to_owned();
        let read = ["/etc/kube".to_owned()].into();
        let token = StepSecret {
            handed: Handed { variable: "TOKEN".into(), hand: Hand::Descriptor },
            programs: [kube.clone()].into(),
            runbooks: [runbooks.to_owned()].into(),
            place: None,
        };
        let execution = Execution {
            programs: [("kube".to_owned(), kube.clone())].into(),
            rehearse: true,
            sandboxes: [("narrow".to_owned(), Sandbox { read, ..Sandbox::default() })].into(),
            forced: [(kube, "narrow".to_owned())].into(),
            secrets: [("token".to_owned(), token)].into(),
            ..Execution::default()
        };
        house.policy = house.policy.clone().with_execution(execution, []);
        house.matched(ONE, "scale");
        house.plan(ONE).clone()
    };
    let plan = plan_of("scale");
    let (look, form) = (plan.rehearsal_of("look").unwrap(), plan.rehearsal_of("apply").unwrap());
    assert!(look.secrets[0].handed.is_some(), "{look:?}");
    for start in [look, form] {
        assert!(start.sandboxes[0].forced && start.sandboxes[0].rules.is_some(), "{start:?}");
    }
    // What a live plan of this page would not be given, nothing is started without.
    assert_eq!(plan_of("others").rehearses, ["apply".to_owned()].into());
}
