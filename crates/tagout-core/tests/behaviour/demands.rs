//! Secrets and sandboxes: a page names them, the operator defines and binds them, and what does not
//! fit is refused with the reason.

use serde_json::{Value, json};
use tagout_core::event::StepOutcome;
use tagout_core::execution::Execution;
use tagout_core::front_matter::FrontMatter;
use tagout_core::inspection::{CommandPattern, InspectionRules, NotLooked};
use tagout_core::limits;
use tagout_core::plan::{Plan, PlannedStep};
use tagout_core::policy::EscalationPolicy;
use tagout_core::sandbox::Sandbox;
use tagout_core::secret::{Hand, Handed, StepSecret};
use tagout_core::time::Span;
use tagout_core::verdict::{Mode, Rule};

use crate::house::*;

const PSQL: &str = "/usr/bin/psql";

/// A page with a check and an action that takes a secret and demands a sandbox.
fn page() -> Value {
    json!({
        "id": "db/vacuum", "risk": "low", "match": {"alert_names": ["db/vacuum"]}, "target": "db-1",
        "preconditions": [
            {"id": "size", "kind": "check", "title": "Look", "command": ["psql", "-f", "size.sql"],
             "secrets": ["db"], "sandbox": "narrow"},
        ],
        "steps": [
            {"id": "vacuum", "kind": "action", "title": "Vacuum", "command": ["psql", "-f", "v.sql"],
             "undo": ["psql", "-f", "u.sql"], "secrets": ["db"], "sandbox": "narrow"},
        ],
    })
}

fn execution() -> Execution {
    let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let programs = [("psql", PSQL), ("env", "/usr/bin/env"), ("sh", "/bin/sh"), ("ls", "/bin/ls")];
    let secret = StepSecret {
        handed: Handed { variable: "PGPASSWORD".into(), hand: Hand::Environment },
        programs: text(&[PSQL]),
        runbooks: text(&["db/*"]),
        place: None,
    };
    let narrow =
        Sandbox { read: text(&["/etc/ssl"]), connect: [5432].into(), ..Sandbox::default() };
    let wide = Sandbox { read: text(&["/etc"]), write: text(&["/tmp"]), ..narrow.clone() };
    Execution {
        programs: programs.map(|(name, path)| (name.to_owned(), path.to_owned())).into(),
        secrets: [("db".to_owned(), secret)].into(),
        sandboxes: [("narrow".to_owned(), narrow), ("wide".to_owned(), wide)].into(),
        ..Execution::default()
    }
}

fn planned(page: Value, execution: Execution) -> House {
    let id = page["id"].as_str().unwrap().to_owned();
    let mut house = House::live(OPEN, [page]);
    house.policy = house.policy.clone().with_execution(execution, []);
    house.matched(ONE, &id);
    house
}

fn action(house: &House) -> PlannedStep {
    house.plan(ONE).steps[0].clone()
}

fn texts(step: &PlannedStep) -> Vec<String> {
    step.demands().iter().map(|shown| format!("{}: {}", shown.what, shown.text)).collect()
}

/// Why the plan is a dry-run.
fn refused(page: Value, execution: Execution) -> String {
    let house = planned(page, execution);
    assert_eq!(house.plan(ONE).mode, Mode::DryRun);
    let reasons = &house.incidents[ONE].proposal().unwrap().verdict.as_ref().unwrap().reasons;
    let why = reasons.iter().find(|reason| reason.rule == Rule::NotStartable).unwrap();
    // What the page demands is shown all the same, as far as the page says it.
    let step = action(&house);
    assert!(step.secrets.iter().all(|one| one.handed.is_none()), "{step:?}");
    assert!(step.sandboxes.iter().all(|one| one.rules.is_none()), "{step:?}");
    why.detail.clone()
}

#[test]
fn a_live_plan_binds_how_a_secret_is_handed_over_and_all_that_a_sandbox_lets() {
    let house = planned(page(), execution());
    let plan = house.plan(ONE);
    assert_eq!(plan.mode, Mode::Live);
    let narrow = "narrow: reads /etc/ssl, executes nothing, writes nothing, connects to 5432";
    let shown = ["Secret: db in PGPASSWORD".to_owned(), format!("Sandbox: {narrow}")];
    assert_eq!(texts(&action(&house)), shown);
    assert_eq!(texts(&plan.preconditions[0]), shown);
    assert!(
        action(&house).line().ends_with(&format!("[secret: db in PGPASSWORD] [sandbox: {narrow}]"))
    );
    // Another way to hand it over and another path are another plan.
    let mut other = execution();
    other.secrets.get_mut("db").unwrap().handed.hand = Hand::Descriptor;
    assert_ne!(planned(page(), other).plan(ONE).steps, plan.steps);
    let mut other = execution();
    other.sandboxes.get_mut("narrow").unwrap().write.insert("/etc".into());
    assert_ne!(planned(page(), other).plan(ONE).steps, plan.steps);
}

#[test]
fn what_is_unknown_or_not_for_this_runbook_or_program_makes_a_dry_run_that_says_why() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut page = page();
        change(&mut page);
        refused(page, execution())
    };
    let step = |change: Value| {
        move |page: &mut Value| {
            for (key, value) in change.as_object().unwrap() {
                page["steps"][0][key] = value.clone();
            }
        }
    };
    for (change, why) in [
        (step(json!({"secrets": ["web"]})), "no secret is named \"web\""),
        (step(json!({"sandbox": "none"})), "no sandbox is named \"none\""),
        (step(json!({"command": ["ls"]})), "secret \"db\" is not for /bin/ls"),
        // What takes it back is given it too.
        (step(json!({"undo": ["ls"]})), "secret \"db\" is not for /bin/ls"),
        // A program through which another one is started is that program.
        (step(json!({"command": ["env", "psql"]})), "secret \"db\" is not for /usr/bin/env"),
    ] {
        let said = with(&change);
        assert!(said.contains(why), "{said}");
    }
    let said = with(&|page| page["id"] = json!("web/vacuum"));
    assert!(said.contains("secret \"db\" is not for runbook \"web/vacuum\""), "{said}");
    let mut two = execution();
    two.secrets.insert("other".into(), two.secrets["db"].clone());
    let mut page = page();
    page["steps"][0]["secrets"] = json!(["db", "other"]);
    assert!(refused(page.clone(), two).contains("two secrets"));
    // Whoever is to admit the page is told the same.
    page["steps"][0]["sandbox"] = json!("none");
    let catalogue = House::live(OPEN, [page]).runbooks;
    let unmet = execution().unmet(catalogue.get("db/vacuum").unwrap());
    let unmet: Vec<_> = unmet.iter().map(String::as_str).collect();
    assert_eq!(
        unmet,
        [
            "no sandbox is named \"none\" under [execution.sandboxes]",
            "no secret is named \"other\" under [execution.secrets]",
        ]
    );
}

#[test]
fn a_program_runs_in_the_sandbox_that_the_operator_demands_whatever_the_page_says() {
    let mut forced = execution();
    forced.forced = [(PSQL.to_owned(), "wide".to_owned())].into();
    let names = |page: &Value| {
        let house = planned(page.clone(), forced.clone());
        assert_eq!(house.plan(ONE).mode, Mode::Live);
        let step = action(&house);
        step.sandboxes.iter().map(|one| (one.name.clone(), one.forced)).collect::<Vec<_>>()
    };
    let (wide, narrow) = (("wide".to_owned(), true), ("narrow".to_owned(), false));
    assert_eq!(names(&page()), [wide.clone(), narrow]);
    let mut same = page();
    same["steps"][0]["sandbox"] = json!("wide");
    assert_eq!(names(&same), std::slice::from_ref(&wide));
    let mut none = page();
    none["steps"][0].as_object_mut().unwrap().remove("sandbox");
    assert_eq!(names(&none), [wide]);
    // Nor does the page lose it by another way to start the program.
    let through = [
        json!(["env", "A=b", PSQL]),
        json!(["sh", "-c", "exec psql -f x"]),
        json!(["ls", "/srv", "-exec", "psql", ";"]),
    ];
    for command in through {
        let mut behind = page();
        behind["steps"][0]["command"] = command;
        behind["steps"][0]["secrets"] = json!([]);
        let said = refused(behind, forced.clone());
        assert!(said.contains("runs in sandbox \"wide\" and is not started through"), "{said}");
    }
}

/// The plan that takes back the first step of a page, where psql is forced into the wide sandbox
/// and a further step failed.
fn taken_back(mut page: Value) -> Plan {
    let mut forced = execution();
    forced.forced = [(PSQL.to_owned(), "wide".to_owned())].into();
    page.as_object_mut().unwrap().remove("preconditions");
    let list = json!({"id": "list", "kind": "action", "title": "List", "command": ["ls"]});
    page["steps"].as_array_mut().unwrap().push(list);
    let mut house = House::live(OPEN, [page]);
    let policy = format!("{OPEN}[tier.medium]\nlive = true\nstep_failure = \"undo\"\n");
    house.policy = EscalationPolicy::parse(&policy).unwrap().with_execution(forced, []);
    house.matched(ONE, "db/vacuum");
    house.step(ONE, "vacuum");
    house.start(ONE).unwrap();
    house.finish(ONE, "list", 1, StepOutcome::Failed).unwrap();
    let undo = house.plan(ONE).clone();
    assert!(undo.undoes.is_some());
    undo
}

#[test]
fn what_takes_a_step_back_is_given_and_held_to_the_same() {
    let undo = taken_back(page());
    let step = &undo.steps[0];
    assert_eq!((undo.mode, &*step.argv[2]), (Mode::Live, "u.sql"));
    assert!(step.exit_codes.is_default());
    assert_eq!(step.secrets[0].handed.as_ref().unwrap().variable, "PGPASSWORD");
    let names: Vec<_> = step.sandboxes.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["wide", "narrow"]);
}

#[test]
fn what_a_page_demands_holds_for_the_way_back_where_its_program_demands_nothing() {
    let mut page = page();
    page["steps"][0]["undo"] = json!(["ls", "-l"]);
    page["steps"][0]["secrets"] = json!([]);
    // The page demands what the program of the way there is held to anyway.
    page["steps"][0]["sandbox"] = json!("wide");
    let undo = taken_back(page);
    let step = &undo.steps[0];
    let names: Vec<_> =
        step.sandboxes.iter().map(|one| (one.name.as_str(), one.rules.is_some())).collect();
    assert_eq!(names, [("wide", true)], "{step:?}");
}

#[test]
fn only_commands_that_run_here_demand_anything_and_by_names_alone() {
    assert_eq!(flaws(&page()), []);
    let many: Vec<_> = (0..=limits::EXEC_SECRETS).map(|n| format!("s{n}")).collect();
    let mut most = page();
    most["steps"][0]["secrets"] = json!(many[1..]);
    assert_eq!(flaws(&most), []);
    let request = json!({"endpoint": "one", "method": "POST", "path": "/x"});
    for (change, field) in [
        (json!({"secrets": many}), "steps[0].secrets"),
        (json!({"secrets": ["{{host}}"]}), "steps[0].secrets"),
        (json!({"secrets": [""]}), "steps[0].secrets"),
        (json!({"secrets": ["db", "db"]}), "steps[0].secrets"),
        (json!({"sandbox": "/etc"}), "steps[0].sandbox"),
        (json!({"on": "db-1"}), "steps[0].secrets"),
        (json!({"command": null, "http": request}), "steps[0].sandbox"),
    ] {
        let mut page = page();
        for (key, value) in change.as_object().unwrap() {
            page["steps"][0][key] = value.clone();
        }
        let flaws = flaws(&page);
        assert!(flaws.iter().any(|flaw| flaw.field == field), "{change}: {flaws:?}");
    }
}

#[test]
fn a_page_declares_the_codes_of_success_of_commands_alone_and_taking_back_succeeds_with_0() {
    let mut page = page();
    page["steps"][0]["exit_codes"] = json!([0, 2]);
    let house = planned(page.clone(), execution());
    let step = action(&house);
    assert!(step.exit_codes.contains(0) && step.exit_codes.contains(2));
    for code in [1, 3, 256, 258, -1] {
        assert!(!step.exit_codes.contains(code), "{code}");
    }
    assert!(step.line().ends_with("[succeeds with: code 0 or 2]"), "{}", step.line());
    assert!(
        serde_json::to_value(&house.plan(ONE).preconditions[0])
            .unwrap()
            .get("exit_codes")
            .is_none()
    );
    for (change, good) in [
        (json!({"exit_codes": []}), false),
        (json!({"exit_codes": [0]}), true),
        (
            json!({"exit_codes": [1], "secrets": [], "sandbox": null, "command": null,
                "http": {"endpoint": "one", "method": "POST", "path": "/x"}}),
            false,
        ),
    ] {
        let mut page = page.clone();
        for (key, value) in change.as_object().unwrap() {
            page["steps"][0][key] = value.clone();
        }
        let flaws = flaws(&page);
        assert_eq!(flaws.iter().all(|flaw| flaw.field != "steps[0].exit_codes"), good, "{flaws:?}");
    }
    page["steps"][0]["exit_codes"] = json!([256]);
    assert!(serde_json::from_value::<FrontMatter>(page).is_err());
}

#[test]
fn a_check_that_demands_a_secret_or_a_sandbox_is_not_looked_at_before_the_decision() {
    for (part, value) in [("secrets", json!(["db"])), ("sandbox", json!("narrow"))] {
        let mut page = page();
        let check = page["preconditions"][0].as_object_mut().unwrap();
        check.remove("secrets");
        check.remove("sandbox");
        check.insert(part.into(), value);
        let mut house = House::live(OPEN, [page]);
        let pattern = [PSQL, "-f", "size.sql"].map(str::to_owned).to_vec();
        let timeout = Span::from_secs(5);
        house.policy.inspection = Some(InspectionRules {
            commands: vec![CommandPattern::new(pattern).unwrap()],
            endpoints: Default::default(),
            per_incident: 8,
            per_target: 8,
            window: Span::from_secs(600),
            timeout,
        });
        house.matched(ONE, "db/vacuum");
        let inspected = house.incidents[ONE].case().unwrap().inspected.clone().unwrap();
        assert_eq!(inspected.inspection.looks[0].refused, Some(NotLooked::Demanding), "{part}");
    }
}
