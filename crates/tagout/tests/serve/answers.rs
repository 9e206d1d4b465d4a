//! Reviews over HTTP: what waits, the answers, and what they come to.

use serde_json::{Value, json};

use super::home::QUEUE;
use super::people::{Person, Plan};
use super::service::Service;

#[test]
fn what_waits_is_listed_with_who_has_approved_and_two_people_grant_it() {
    let service = Service::start();
    let (ana, bob) =
        (Person::of(&service, "ana", "approver"), Person::of(&service, "bob", "admin"));
    let plan = Plan::for_two(&service);
    let queue = ana.get("/v1/approvals").is(200).json();
    let pending = queue["pending"].as_array().unwrap();
    assert_eq!(pending.len(), 1, "{queue}");
    assert_eq!(pending[0]["incident"], plan.incident);
    assert_eq!((&pending[0]["quorum"], &pending[0]["approvals"]), (&json!(2), &json!(0)));

    let done = ana.approve(&plan).is(200).json();
    assert_eq!(done["incident"]["state"], "pending_review");
    assert_eq!(done["request"]["approved_by"], json!(["ana"]));
    assert_eq!(done["entries"].as_array().unwrap().len(), 1);
    let done = bob.approve(&plan).is(200).json();
    assert_eq!((&done["incident"]["state"], &done["request"]), (&json!("rehearsed"), &Value::Null));
    assert_eq!(ana.get("/v1/approvals").is(200).json()["pending"], json!([]));
    let home = service.stop();
    assert_eq!(home.count("plan_granted"), 1);
    home.assert_log_holds();
}

#[test]
fn the_queue_comes_in_pages_and_each_incident_once() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let mut all: Vec<_> =
        (0..5).map(|n| Plan::for_one(&service, &format!("host-{n}")).incident).collect();
    all.sort();
    let (mut seen, mut path) = (Vec::new(), "/v1/approvals?limit=2".to_owned());
    for _ in 0..3 {
        let page = ana.get(&path).is(200).json();
        for one in page["pending"].as_array().unwrap() {
            seen.push(one["incident"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/approvals?limit=2&cursor={next}");
    }
    assert_eq!(seen, all);
    ana.get("/v1/approvals?limit=0").fails_with(400);
    ana.get("/v1/approvals?limit=201").fails_with(400);
}

#[test]
fn a_change_makes_a_plan_of_its_own_that_somebody_else_approves() {
    let service = Service::start();
    let (ana, bob) =
        (Person::of(&service, "ana", "approver"), Person::of(&service, "bob", "approver"));
    let cleo = Person::of(&service, "cleo", "approver");
    let plan = Plan::for_two(&service);
    let done = ana.change(&plan, &json!({"keep": "200"})).is(200).json();
    assert_eq!(done["request"]["requested_by"], "ana");
    let changed = ana.plan(&plan.incident);
    assert_ne!(changed, plan);
    bob.approve(&changed).is(200);
    assert_eq!(cleo.approve(&changed).is(200).json()["incident"]["state"], "rehearsed");
    // Outside its limits no value is taken, whoever asks.
    let other = Plan::waiting(&service, "CacheFull", "critical", "host-2");
    let refused = ana.change(&other, &json!({"keep": "5000"})).fails_with(422).json();
    assert!(refused["detail"].as_str().unwrap().contains("keep"), "{refused}");
    ana.change(&other, &json!({})).fails_with(422);
}

#[test]
fn an_approval_that_finds_the_plan_stale_is_told_as_outdated_and_counts_for_nothing() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let plan = Plan::for_one(&service, "host-1");
    service.home.write("book/queue.md", QUEUE.replace("title: Restart", "title: Restart them"));
    let loaded = r#"tagout_reloads_total{outcome="loaded"}"#;
    service.wait("the reload", |service| service.metric(loaded).filter(|n| *n >= 1.0));
    let outdated = ana.approve(&plan).fails_with(409).json();
    let now = ana.plan(&plan.incident);
    assert_eq!(outdated["plan_now"], now.digest, "{outdated}");
    assert_ne!(now.digest, plan.digest);
    assert!(!outdated["difference"].as_array().unwrap().is_empty(), "{outdated}");
    let told = service.decided(&plan.incident);
    assert_eq!(told["summary"]["state"], "pending_review", "{told}");
    ana.approve(&now).is(200);
}

#[test]
fn a_rejection_and_a_revoke_end_a_plan_and_a_close_the_incident() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let one = Plan::for_one(&service, "host-1");
    let why = json!({"mode": "dry_run", "reason": "wrong host"});
    let done = ana.post(&one.path("reject"), &why).is(200).json();
    assert_eq!(done["incident"]["state"], "with_people");
    let other = Plan::for_one(&service, "host-2");
    let done = ana.post(&other.path("revoke"), &json!({})).is(200).json();
    assert_eq!(done["incident"]["state"], "with_people");
    let close = format!("/v1/incidents/{}/close", one.incident);
    ana.post(&close, &json!({"reason": ""})).fails_with(422);
    assert_eq!(
        ana.post(&close, &json!({"reason": "done by hand"})).is(200).json()["incident"]["state"],
        "closed"
    );
    ana.post(&close, &json!({"reason": "again"})).fails_with(409);
    ana.post("/v1/incidents/inc-0000000000/close", &json!({"reason": "x"})).fails_with(404);
}

#[test]
fn the_kill_switch_a_freeze_and_windows_are_worked_over_http() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let why = json!({"reason": "something is wrong"});
    assert_eq!(ana.post("/v1/halt", &why).is(200).json()["kill_switch"], true);
    assert_eq!(ana.get("/v1/switches").is(200).json()["kill_switch"], true);
    let receipt = service.post(
        "own",
        super::service::OWN_SECRET,
        super::home::alert("QueueStuck", "warning", "host-1"),
    );
    let id = receipt.is(200).json()["incidents"][0].as_str().unwrap().to_owned();
    assert_eq!(service.decided(&id)["summary"]["state"], "halted");
    let halted = ana.plan(&id);
    assert_eq!(ana.post("/v1/resume", &why).is(200).json()["kill_switch"], false);
    ana.post("/v1/resume", &why).fails_with(409);
    let done = ana.post(&halted.path("resume"), &why).is(200).json();
    assert_eq!(done["incident"]["state"], "pending_review");

    let freeze = json!({"reason": "the end of the year", "lasts": "2h"});
    let state = ana.post("/v1/freeze", &freeze).is(200).json();
    assert_eq!(state["freeze"], true);
    assert!(state["until"].is_string(), "{state}");
    assert_eq!(ana.call("DELETE", "/v1/freeze", &json!({})).is(200).json()["freeze"], false);

    let window = json!({
        "kind": "silence", "match": {"alertname": "Noise*"}, "lasts": "1h", "id": "w-1",
        "conditions": [{"label": "team", "operator": "=~", "value": "db.*"}],
    });
    let open = ana.post("/v1/windows", &window).is(200).json();
    assert_eq!(
        (&open["windows"][0]["id"], &open["windows"][0]["by"]),
        (&json!("w-1"), &json!("ana"))
    );
    ana.post("/v1/windows", &window).fails_with(409);
    ana.post("/v1/windows", &json!({"kind": "silence", "lasts": "1h"})).fails_with(400);
    assert_eq!(
        ana.call("DELETE", "/v1/windows/w-1", &json!({})).is(200).json()["windows"],
        json!([])
    );
}

#[test]
fn an_incident_is_acknowledged_assigned_commented_on_snoozed_and_handed_over() {
    let service = Service::start();
    let rob = Person::of(&service, "rob", "responder");
    for name in ["ana", "bob"] {
        Person::of(&service, name, "responder");
    }
    let plan = Plan::for_one(&service, "host-1");
    let on = |word: &str| format!("/v1/incidents/{}/{word}", plan.incident);
    rob.post(&on("acknowledge"), &json!({})).is(200);
    rob.post(&on("assign"), &json!({"to": "ana"})).is(200);
    rob.post(&on("comment"), &json!({"text": "the broker is slow"})).is(200);
    rob.post(&on("snooze"), &json!({"lasts": "1m", "reason": "lunch"})).is(200);
    rob.post(&on("wake"), &json!({})).is(200);
    rob.post(&on("hand-over"), &json!({"to": "bob", "note": "nothing done yet"})).is(200);
    rob.post(&on("snooze"), &json!({"reason": "no end"})).fails_with(400);
    let home = service.stop();
    home.assert_log_holds();
}

#[test]
fn an_incident_goes_to_nobody_who_is_not_known() {
    let service = Service::start();
    let rob = Person::of(&service, "rob", "responder");
    let plan = Plan::for_one(&service, "host-1");
    let on = |word: &str| format!("/v1/incidents/{}/{word}", plan.incident);
    for (word, body) in [
        ("assign", json!({"to": "anna"})),
        ("hand-over", json!({"to": "anna", "note": "nothing done yet"})),
    ] {
        let refused = rob.post(&on(word), &body).fails_with(422).json();
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("anna") && detail.contains("tagout users list"), "{detail}");
    }
    rob.post(&on("assign"), &json!({"to": null})).fails_with(409);
    rob.post(&on("assign"), &json!({"to": "rob"})).is(200);
    rob.post(&on("assign"), &json!({"to": null})).is(200);
    assert_eq!(service.stop().count("incident_handled"), 2);
}

#[test]
fn no_stop_waits_for_the_pace_of_other_changes() {
    let service = Service::start();
    let rob = Person::of(&service, "rob", "responder");
    let ana = Person::of(&service, "ana", "approver");
    let plan = Plan::for_one(&service, "host-1");
    let comment = format!("/v1/incidents/{}/comment", plan.incident);
    let said = json!({"text": "still slow"});
    let paced = |person: &Person| (0..200).any(|_| person.post(&comment, &said).status == 429);
    let why = json!({"reason": "something is wrong"});
    for person in [&rob, &ana] {
        assert!(paced(person), "whoever changes too much is paced");
        person.post("/v1/halt", &why).is(200);
        person.post("/v1/freeze", &why).is(200);
    }
    ana.call("DELETE", "/v1/bypasses/byp-1", &json!({})).fails_with(409);
    rob.post(&plan.path("revoke"), &json!({})).is(200);
    // The same stop again and again is nobody's need, and every one is an entry of the log.
    assert!((0..200).any(|_| rob.post("/v1/halt", &why).status == 429));
    ana.post("/v1/halt", &why).is(200);
}

#[test]
fn the_proof_of_an_answer_is_downloaded_and_verified_offline() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let plan = Plan::for_one(&service, "host-1");
    let done = ana.approve(&plan).is(200).json();
    let entry = done["entries"][0].as_u64().unwrap();
    let path = format!("/v1/audit/entries/{entry}/proof");
    let proof = service.wait("that the entry is signed", |_| {
        let answer = ana.get(&path);
        (answer.status == 200).then_some(answer)
    });
    assert!(proof.header("content-type").unwrap().starts_with("text/plain"));
    ana.get("/v1/audit/entries/100000/proof").fails_with(404);
    ana.get("/v1/audit/entries/x/proof").fails_with(400);
    let (elsewhere, home) = (super::home::Home::new(), service.stop());
    elsewhere.write("answer.proof", &proof.body);
    elsewhere.write("log.pub", std::fs::read(home.data().join("log.pub")).unwrap());
    let verify = ["audit", "verify", "answer.proof", "--keys", "log.pub"];
    let verified = elsewhere.tagout(&verify).done().ok();
    assert!(verified.stdout.starts_with("HOLDS"), "{verified:?}");
    elsewhere
        .write("answer.proof", proof.body.replace(&format!("\nindex {entry}\n"), "\nindex 0\n"));
    elsewhere.tagout(&verify).done().exits(1);
}

#[test]
fn the_receipt_of_a_plan_is_downloaded_and_verified_offline() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let plan = Plan::for_one(&service, "host-1");
    ana.approve(&plan).is(200);
    let path = format!("/v1/incidents/{}/receipt", plan.incident);
    let receipt = service.wait("that the plan ended and is signed", |_| {
        let answer = ana.get(&path);
        (answer.status == 200 && answer.body.contains("\"outcome\":\"rehearsed\""))
            .then_some(answer)
    });
    ana.get("/v1/incidents/nothing/receipt").fails_with(404);
    ana.get(&format!("{path}?plan=no")).fails_with(404);
    ana.get(&format!("{path}?plam=no")).fails_with(400);
    service.get(&path).fails_with(401);
    // From the command line, where no log is.
    let elsewhere = super::home::Home::new();
    let there = |args: &[&str]| {
        let call = elsewhere.tagout(args).env("TAGOUT_TOKEN", &ana.token);
        call.env("TAGOUT_SERVER", &format!("http://{}", service.address)).done()
    };
    there(&["audit", "receipt", &plan.incident, "--output", "had"]).ok();
    there(&["audit", "receipt", "nothing"]).exits(2).names(&["no such incident"]);
    elsewhere.write("entry", there(&["audit", "prove", "0"]).ok().stdout);
    there(&["audit", "prove", "100000"]).exits(2).names(&["no entry 100000"]);
    let checkpoint = there(&["audit", "checkpoint"]).ok().stdout;
    let url = format!("http://{}", service.address);
    there(&["users", "list", "--server", &url]).exits(2).names(&[
        "--server stands behind a command that asks a service",
        "--data-dir",
        "approvals, windows",
        "audit receipt",
    ]);

    let home = service.stop();
    elsewhere.write("receipt", &receipt.body);
    elsewhere.write("log.pub", std::fs::read(home.data().join("log.pub")).unwrap());
    for receipt in ["receipt", "had"] {
        let verify = ["audit", "verify", receipt, "--keys", "log.pub", "--json"];
        let verified = elsewhere.tagout(&verify).done().ok().json();
        assert_eq!(verified["receipt"]["decisions"][1]["by"], "ana");
    }
    elsewhere.tagout(&["audit", "verify", "entry", "--keys", "log.pub"]).done().ok();
    let kept = home.write("kept", checkpoint);
    home.tagout(&["audit", "verify", "--checkpoint", kept.to_str().unwrap()]).done().ok();
}

#[test]
fn runbooks_and_the_theater_check_are_read() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let runbooks = ana.get("/v1/runbooks").is(200).json();
    let ids: Vec<_> =
        runbooks["runbooks"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, ["cache-full", "queue-stuck"]);
    let answers =
        |person: &Person| person.get("/v1/oversight").is(200).json()["overall"]["answers"].clone();
    assert_eq!(answers(&ana), 0);
    ana.approve(&Plan::for_one(&service, "host-1")).is(200);
    assert_eq!(answers(&ana), 1, "the check goes on from where it was");
}

#[test]
fn like_plans_are_answered_at_once_and_each_is_recorded_by_itself() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let plans: Vec<Plan> = (0..3).map(|n| Plan::for_one(&service, &format!("host-{n}"))).collect();
    ana.post(&plans[1].path("reject"), &json!({"mode": "dry_run", "reason": "not this"})).is(200);
    let named = |plans: &[Plan]| -> Vec<Value> {
        plans.iter().map(|p| json!({"incident": p.incident, "plan": p.digest})).collect()
    };
    let body = |plans: &[Plan], reason: &str| json!({"answer": "approve", "mode": "dry_run", "reason": reason, "plans": named(plans)});
    ana.post("/v1/approvals/batch", &body(&plans, "")).fails_with(422);
    let done = ana.post("/v1/approvals/batch", &body(&plans, "the same fault")).is(200).json();
    let taken: Vec<_> =
        done["results"].as_array().unwrap().iter().map(|one| one["taken"].clone()).collect();
    assert_eq!(taken, [true, false, true], "{done}");
    assert_eq!(done["results"][1]["problem"]["status"], 409, "{done}");
    // Two runbooks are no like plans, and what is above medium tier is read one by one.
    let (high, low) = (Plan::for_two(&service), Plan::for_one(&service, "host-9"));
    let mixed = [high.clone(), low.clone()];
    ana.post("/v1/approvals/batch", &body(&mixed, "both")).fails_with(422);
    ana.post("/v1/approvals/batch", &body(&[high], "it")).fails_with(422);
    ana.post("/v1/approvals/batch", &body(&[low.clone(), low], "twice")).fails_with(422);
    ana.post("/v1/approvals/batch", &body(&[], "none")).fails_with(422);
    let home = service.stop();
    assert_eq!(home.count("plan_granted"), 2);
    let trail = home.trail();
    let reviews = trail.iter().filter(|line| line["event"]["kind"] == "review_given");
    let batches: Vec<Value> =
        reviews.map(|line| line["event"]["data"]["review"]["batch"].clone()).collect();
    assert_eq!(batches[0], Value::Null, "an answer of its own is of no batch");
    assert!(batches[1].is_string() && batches[1] == batches[2], "{batches:?}");
}

#[test]
fn what_the_policy_or_their_own_doing_forbids_somebody_is_forbidden_and_leaves_a_trace() {
    let service = Service::under(
        "[break_glass]\npeople = [\"ana\"]\nmax_per_window = 2\nwindow = \"1h\"\n\
         [bypass]\ngroups = [\"leads\"]\nlongest = \"8h\"\n",
    );
    let (ana, bob) =
        (Person::of(&service, "ana", "approver"), Person::of(&service, "bob", "approver"));
    let bypass = json!({"runbook": "cache-full", "tier": "low", "lasts": "1h", "reason": "x"});
    bob.post("/v1/bypasses", &bypass).fails_with(403);
    let plan = Plan::for_two(&service);
    let alone = json!({"mode": "dry_run", "reason": "nobody else is awake"});
    bob.post(&plan.path("break-glass"), &alone).fails_with(403);
    let done = ana.post(&plan.path("break-glass"), &alone).is(200).json();
    assert_eq!(done["incident"]["state"], "rehearsed");
    let owed = bob.get("/v1/reviews/owed").is(200).json();
    assert_eq!(owed["total"], 1);
    let one = &owed["owed"][0];
    assert_eq!((&one["incident"], &one["plan"]), (&json!(plan.incident), &json!(plan.digest)));
    assert_eq!((&one["mode"], &one["not_by"]), (&json!("dry-run"), &json!("ana")));
    let close = format!("/v1/incidents/{}/close", plan.incident);
    let upheld = json!({"hindsight": "upheld", "reason": "it was right"});
    ana.post(&close, &json!({"reason": "done"})).fails_with(403);
    ana.post(&plan.path("hindsight"), &upheld).fails_with(403);
    bob.post(&plan.path("hindsight"), &upheld).is(200);
    assert_eq!(bob.get("/v1/reviews/owed").is(200).json(), json!({"owed": [], "total": 0}));
    for (limit, status) in [("0", 400), ("1", 200), ("500", 200), ("501", 400)] {
        assert_eq!(bob.get(&format!("/v1/reviews/owed?limit={limit}")).status, status, "{limit}");
    }
    ana.post(&close, &json!({"reason": "done"})).is(200);
    let trail = service.stop().trail();
    let refused: Vec<_> = trail
        .iter()
        .filter(|line| line["event"]["kind"] == "ask_refused")
        .map(|line| {
            let data = &line["event"]["data"];
            (data["by"].clone(), data["act"].clone(), data["incident"].clone(), data["why"].clone())
        })
        .collect();
    let id = json!(plan.incident);
    assert_eq!(
        refused,
        [
            (json!("bob"), json!("bypass"), Value::Null, json!("policy")),
            (json!("ana"), json!("handle"), id.clone(), json!("own_doing")),
            (json!("ana"), json!("review"), id, json!("own_doing")),
        ]
    );
}

#[test]
fn nobody_breaks_the_glass_or_opens_a_bypass_whom_the_policy_does_not_entitle() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "admin");
    let plan = Plan::for_two(&service);
    let alone = json!({"mode": "dry_run", "reason": "nobody else is awake"});
    let refused = ana.post(&plan.path("break-glass"), &alone);
    assert!([403, 409, 422].contains(&refused.status), "{refused:?}");
    let bypass = json!({"runbook": "cache-full", "tier": "low", "lasts": "1h", "reason": "x"});
    let refused = ana.post("/v1/bypasses", &bypass);
    assert!([403, 409, 422].contains(&refused.status), "{refused:?}");
    ana.call("DELETE", "/v1/bypasses/byp-1", &json!({})).fails_with(409);
    let rob = Person::of(&service, "rob", "responder");
    rob.post(&plan.path("break-glass"), &alone).fails_with(403);
    rob.post("/v1/bypasses", &bypass).fails_with(403);
    assert_eq!(service.decided(&plan.incident)["summary"]["state"], "pending_review");
}
