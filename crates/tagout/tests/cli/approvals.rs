//! The review queue: who may answer what, and what an answer comes to.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::home::{Home, Out, POLICY, alert};

/// A plan that waits: its incident and its digest.
struct Waiting {
    home: Home,
    id: String,
    plan: String,
}

impl Waiting {
    /// One person must approve.
    fn for_one() -> Self {
        Self::on(Home::new(), "QueueStuck", "warning")
    }

    /// Two people must approve.
    fn for_two() -> Self {
        Self::on(Home::new(), "CacheFull", "critical")
    }

    fn on(home: Home, name: &str, severity: &str) -> Self {
        let incidents = home.incidents(&alert(name, severity, "host-1"));
        assert_eq!(incidents[0]["state"], "pending_review", "{incidents:?}");
        let text = |key: &str| incidents[0][key].as_str().unwrap().to_owned();
        let (id, plan) = (text("incident"), text("plan"));
        Self { home, id, plan }
    }

    fn answer(&self, word: &str, plan: &str, who: &str) -> Out {
        self.home.tagout(&["approvals", word, &self.id, "--plan", plan, "--as", who]).done()
    }

    fn approve(&self, who: &str) -> Out {
        self.answer("approve", &self.plan, who)
    }

    fn modify(&self, who: &str, change: &[&str]) -> Out {
        let args = ["approvals", "modify", &self.id, "--plan", &self.plan, "--as", who];
        self.home.tagout(&[&args[..], &["--runbooks", "book"], change].concat()).done()
    }

    fn shown(&self) -> Value {
        self.home.tagout(&["approvals", "show", &self.id, "--json"]).done().ok().json()
    }

    fn state(&self) -> String {
        self.shown()["state"].as_str().unwrap().to_owned()
    }

    fn pending(&self) -> Value {
        self.home.tagout(&["approvals", "list", "--json"]).done().ok().json()
    }

    /// The plan that waits now.
    fn refresh(&mut self) {
        self.plan = self.shown()["plan_digest"].as_str().unwrap().to_owned();
    }

    fn events(&self, kind: &str) -> Vec<Value> {
        let trail = self.home.trail().into_iter();
        trail.filter(|l| l["event"]["kind"] == kind).map(|l| l["event"]["data"].clone()).collect()
    }
}

#[test]
fn what_waits_is_listed_and_shown_with_every_step_and_the_words_to_answer_with() {
    let it = Waiting::for_one();
    let list = it.home.tagout(&["approvals", "list"]).done().ok();
    for part in [it.id.as_str(), "QueueStuck", "queue-stuck", "medium", "0 of 1"] {
        assert!(list.stdout.contains(part), "{part} is missing: {list:?}");
    }
    let show = it.home.tagout(&["approvals", "show", &it.id]).done().ok();
    for part in ["queuectl --host host-1 restart", "requires approval", "ESCALATE", &it.plan[..12]]
    {
        assert!(show.stdout.contains(part), "{part} is missing: {show:?}");
    }
    assert_eq!(it.events("request_shown"), [json!({"plan": it.plan, "to": "ana"})]);
}

#[test]
fn all_that_an_answer_covers_is_shown_before_it_is_given_and_fits_a_terminal() {
    let it = Waiting::for_one();
    let show = it.home.tagout(&["approvals", "show", &it.id]).done().ok().stdout;
    let (_, covers) = show.split_once("What an answer covers").unwrap();
    let (covers, _) = covers.split_once("To answer:").unwrap();
    for part in [
        "host=host-1",
        "dry-run at medium tier",
        "1 person",
        "check  Show depth (depth)",
        "action Restart (restart)",
        "queuectl --host host-1 restart",
        "undo: none is declared",
        "at most 1m, 1 attempt; low tier; the runbook asks for a person",
    ] {
        assert!(covers.contains(part), "{part:?} is missing: {covers}");
    }
    assert!(covers.lines().all(|line| line.chars().count() <= 80), "{covers}");
}

#[test]
fn one_approval_grants_what_one_person_must_approve() {
    let it = Waiting::for_one();
    let out = it.answer("approve", &it.plan[..12], "bob").ok();
    assert!(out.stdout.contains("rehearsed"), "{out:?}");
    assert_eq!(it.state(), "rehearsed");
    assert_eq!(it.pending(), json!([]));
    assert_eq!(it.events("plan_granted")[0]["by"], json!({"quorum": ["bob"]}));
}

#[test]
fn a_rejection_ends_the_plan_with_its_reason_and_leaves_the_incident_with_people() {
    let it = Waiting::for_two();
    it.approve("ana").ok();
    let args = [
        "approvals",
        "reject",
        &it.id,
        "--plan",
        &it.plan,
        "--as",
        "bob",
        "--reason",
        "wrong host",
    ];
    it.home.tagout(&args).done().ok();
    assert_eq!(it.state(), "with_people");
    assert_eq!(it.events("review_given")[1]["review"]["reason"], json!({"$text": "wrong host"}));
    assert_eq!(it.events("plan_voided")[0]["why"], json!({"rejected": {"by": "bob"}}));
    it.approve("cleo").exits(2).names(&["no plan of", "waits"]);
    assert!(it.events("plan_granted").is_empty());
}

#[test]
fn a_whole_digest_of_another_plan_is_refused_and_recorded() {
    let it = Waiting::for_one();
    let other = "0123456789abcdef".repeat(4);
    it.answer("approve", &other, "bob").exits(2).names(&["has changed", "read it again"]);
    let refused = it.events("review_refused");
    assert_eq!(refused.len(), 1);
    assert_eq!((&refused[0]["by"], &refused[0]["refusal"]), (&json!("bob"), &json!("other_plan")));
    let show = it.home.tagout(&["audit", "show", &it.id]).done().ok();
    assert!(show.stdout.contains("answer of bob not taken"), "{show:?}");
    assert_eq!(it.state(), "pending_review");
}

#[test]
fn a_short_or_a_partly_wrong_digest_is_refused() {
    let it = Waiting::for_one();
    it.answer("approve", &it.plan[..11], "bob").exits(2).names(&["at least 12 digits"]);
    it.answer("approve", "", "bob").exits(2).names(&["at least 12 digits"]);
    it.answer("approve", "0123456789ab", "bob").exits(2).names(&[&it.plan[..12], "approvals show"]);
    it.answer("approve", &format!("{}zz", it.plan), "bob").exits(2);
    assert_eq!(it.state(), "pending_review");
    assert!(it.events("review_given").is_empty());
}

#[test]
fn two_different_people_are_needed_where_the_quorum_is_two() {
    let it = Waiting::for_two();
    let first = it.approve("bob").ok();
    assert!(first.stdout.contains("1 of 2"), "{first:?}");
    assert_eq!(it.state(), "pending_review");
    it.approve("bob").exits(2).names(&["already answered"]);
    it.approve(" bob ").exits(2).names(&["already answered"]);
    assert_eq!(it.state(), "pending_review");
    assert_eq!(it.pending()[0]["approvals"], 1);
    it.approve("cleo").ok();
    assert_eq!(it.state(), "rehearsed");
    assert_eq!(it.events("review_refused").len(), 2, "the refused answers are in the log");
    assert_eq!(it.events("plan_granted")[0]["by"], json!({"quorum": ["bob", "cleo"]}));
    it.approve("dora").exits(2).names(&["no plan of", "rehearsed"]);
}

#[test]
fn whoever_modifies_a_plan_cannot_approve_it() {
    let mut it = Waiting::for_two();
    let old = it.plan.clone();
    it.modify("bob", &["--set", "keep=500", "--drop", "warm"]).ok();
    it.refresh();
    assert_ne!(it.plan, old);
    let steps = it.shown()["plan"]["steps"].clone();
    let text = steps.to_string();
    assert!(text.contains("\"500\"") && !text.contains("warm"), "{text}");
    it.answer("approve", &old, "cleo").exits(2).names(&["has changed"]);
    it.approve("bob").exits(2).names(&["nobody approves a plan that they asked for"]);
    it.approve("cleo").ok();
    it.approve("dora").ok();
    assert_eq!(it.state(), "rehearsed");
}

#[test]
fn a_change_to_the_safer_side_counts_as_the_approval_of_whoever_made_it() {
    let two = format!("{POLICY}[tier.medium]\nmin_confidence = \"never\"\nquorum = 2\n");
    for (keep, to, counts) in [("500", "tighter", true), ("50", "looser", false)] {
        let home = Home::new();
        home.write("policy.toml", &two);
        let mut it = Waiting::on(home, "CacheFull", "warning");
        let set = format!("keep={keep}");
        let out = it.modify("bob", &["--set", &set]).ok();
        let told = ["asked for it, so others must approve it", "That bob asked for it counts"];
        assert!(out.stdout.contains(told[usize::from(counts)]), "{}", out.stdout);
        it.refresh();
        let shown = it.home.tagout(&["approvals", "show", &it.id]).done().ok().stdout;
        assert!(shown.contains(&format!("keep: 100 -> {keep} ({to})")), "{shown}");
        it.approve("cleo").ok();
        assert_eq!(it.state() == "rehearsed", counts, "{keep}");
    }
}

#[test]
fn a_change_stays_inside_the_runbook() {
    let it = Waiting::for_two();
    let plan = it.plan.clone();
    it.modify("bob", &["--set", "keep=5000"]).exits(2).names(&["keep", "between 10 and 1000"]);
    it.modify("bob", &["--set", "keep=100; rm -rf /"]).exits(2).names(&["keep"]);
    it.modify("bob", &["--set", "kep=100"]).exits(2).names(&["kep"]);
    it.modify("bob", &["--set", "keep"]).exits(2).names(&["NAME=VALUE"]);
    it.modify("bob", &["--drop", "nothing"]).exits(2).names(&["nothing"]);
    it.modify("bob", &["--use", "unknown"]).exits(2).names(&["unknown", "candidates"]);
    it.modify("bob", &[]).exits(2).names(&["--drop"]);
    it.modify("bob", &["--set", "keep=100"]).exits(2).names(&["changes nothing"]);
    assert_eq!(it.shown()["plan_digest"], json!(plan));
    it.modify("bob", &["--set", "keep=1000"]).ok();
    assert_ne!(it.shown()["plan_digest"], json!(plan));
}

#[test]
fn another_candidate_can_be_chosen_and_people_grant_it() {
    let mut it = Waiting::for_one();
    it.modify("bob", &["--use", "cache-full"]).ok();
    it.refresh();
    assert_eq!(it.shown()["runbook"], "cache-full");
    assert_eq!(it.state(), "pending_review", "a plan that a person asked for never goes on alone");
    it.approve("cleo").ok();
    assert_eq!(it.state(), "rehearsed");
}

#[test]
fn a_change_needs_the_runbooks_that_the_plan_was_made_from() {
    let it = Waiting::for_two();
    let args = ["approvals", "modify", &it.id, "--plan", &it.plan, "--set", "keep=500"];
    it.home.tagout(&args).done().exits(2).names(&["--runbooks DIR"]);
    it.home.write("else/queue.md", super::home::QUEUE);
    let args = [&args[..], &["--runbooks", "else"]].concat();
    it.home.tagout(&args).done().exits(2).names(&["cache-full"]);
    assert_eq!(it.state(), "pending_review");
}

#[test]
fn a_request_that_nobody_answers_lapses_and_that_is_no_refusal() {
    let home = Home::new();
    let short = format!("{POLICY}[tier.medium]\ntimeout = \"1s\"\n");
    fs::write(home.path("policy.toml"), short).unwrap();
    let it = Waiting::on(home, "QueueStuck", "warning");
    thread::sleep(Duration::from_millis(1100));
    assert_eq!(it.pending()[0]["state"], "with_people");
    assert_eq!(it.events("plan_voided")[0]["why"], "timed_out");
    assert!(it.events("review_given").is_empty() && it.events("plan_granted").is_empty());
    assert_eq!(it.state(), "with_people", "the incident stays open");
    let show = it.home.tagout(&["approvals", "show", &it.id]).done().ok();
    assert!(show.stdout.contains("nobody answered in time"), "{show:?}");
    it.approve("bob").exits(2).names(&["no plan of", "with_people"]);
    let oversight = it.home.tagout(&["oversight", "--json"]).done().ok().json();
    assert_eq!(oversight["overall"]["rejections"], 0, "{oversight}");
    assert_eq!(oversight["overall"]["timeouts"], 1, "{oversight}");
}

#[test]
fn a_decision_needs_a_name() {
    let it = Waiting::for_one();
    let args = ["approvals", "approve", &it.id, "--plan", &it.plan];
    it.home.tagout(&args).without_env("USER").done().exits(2).names(&["--as NAME"]);
    it.home.tagout(&args).env("USER", "  ").done().exits(2).names(&["--as NAME"]);
    it.approve("").exits(2).names(&["--as NAME"]);
    it.approve("bob\u{1b}[2J").exits(2).names(&["--as NAME"]);
    it.home
        .tagout(&["halt", "--reason", "x"])
        .without_env("USER")
        .done()
        .exits(2)
        .names(&["--as NAME"]);
    assert!(it.events("review_given").is_empty());
    it.home.tagout(&args).done().ok();
    assert_eq!(it.events("review_given")[0]["review"]["reviewer"], "ana");
}

#[test]
fn looking_without_a_name_starts_nobodys_clock() {
    let it = Waiting::for_one();
    it.home.tagout(&["approvals", "show", &it.id]).without_env("USER").done().ok();
    assert!(it.events("request_shown").is_empty());
}

#[test]
fn an_incident_that_does_not_exist_is_said_to_not_exist() {
    let it = Waiting::for_one();
    it.home
        .tagout(&["approvals", "show", "inc-0"])
        .done()
        .exits(2)
        .names(&["no incident", "inc-0"]);
    it.home.tagout(&["audit", "show", "inc-0"]).done().exits(2).names(&["no incident", "inc-0"]);
    let args = ["approvals", "approve", "inc-0", "--plan", &it.plan];
    it.home.tagout(&args).done().exits(2).names(&["no incident", "inc-0"]);
}

#[test]
fn whoever_is_on_duty_speaks_for_their_rota_on_the_data_directory_too() {
    let home = Home::new();
    home.configure();
    let tagout = std::fs::read_to_string(home.path("state/tagout/tagout.toml")).unwrap();
    let rota = "[[rota]]\nname = \"primary\"\nkind = \"static\"\npeople = [\"ana\"]\nturn = \"7d\"\n\
                start = \"2026-01-01T08:00:00Z\"\n";
    home.write("state/tagout/tagout.toml", format!("{tagout}{rota}"));
    home.write("policy.toml", format!("{POLICY}[[approve]]\ngroup = \"primary\"\n"));
    home.tagout(&["init"]).done();
    for name in ["ana", "bob"] {
        home.tagout(&["users", "add", name, "--role", "approver"]).done().ok();
    }
    let one = home.incidents(&alert("QueueStuck", "warning", "q-1")).remove(0);
    let (id, plan) = (one["incident"].as_str().unwrap(), one["plan"].as_str().unwrap());
    let approve =
        |who: &str| home.tagout(&["approvals", "approve", id, "--plan", plan, "--as", who]).done();
    approve("bob").exits(2).names(&["policy"]);
    approve("ana").ok();
    let trail = home.trail();
    let given = trail.iter().find(|line| line["event"]["kind"] == "review_given").unwrap();
    assert_eq!(given["event"]["data"]["review"]["groups"], serde_json::json!(["primary"]));
}

#[test]
fn how_many_must_approve_counts_the_places_of_groups_and_names_those_that_are_missing() {
    let home = Home::new();
    home.configure();
    let groups = "[tier.medium]\ngroups = { database = 1, on-call = 1 }\n";
    home.write("policy.toml", format!("{POLICY}{groups}"));
    let one = home.incidents(&alert("QueueStuck", "warning", "q-1")).remove(0);
    let (id, plan) = (one["incident"].as_str().unwrap(), one["plan"].as_str().unwrap());
    let users = ["users", "add", "ana", "--role", "approver", "--group", "database"];
    home.tagout(&users).done().ok();
    let list = home.tagout(&["approvals", "list"]).done().ok();
    assert!(list.stdout.contains("0 of 2, 1 of database and 1 of on-call missing"), "{list:?}");
    let approve = ["approvals", "approve", id, "--plan", plan, "--as", "ana"];
    let out = home.tagout(&approve).done().ok();
    assert!(out.stdout.contains("1 of 2 have approved, 1 of on-call missing."), "{out:?}");
    let out = home.tagout(&["approvals", "review", "--as", "bob"]).stdin("q\n").done().ok();
    assert!(out.stdout.contains("1 of 2 have approved, 1 of on-call missing"), "{out:?}");
}

#[test]
fn one_person_alone_stops_a_plan_for_good_or_breaks_its_glass_where_the_policy_lets_them() {
    let home = Home::new();
    let glass = "[break_glass]\npeople = [\"ana\"]\nmax_per_window = 1\nwindow = \"1h\"\n";
    home.write("policy.toml", format!("{POLICY}{glass}"));
    let it = Waiting::on(home, "CacheFull", "critical");
    let call = |words: &[&str]| it.home.tagout(&[&["approvals"], words].concat()).done();
    let (id, plan) = (it.id.as_str(), &it.plan[..12]);
    let about = [id, "--plan", plan, "--as"];
    let alone = |word: &str, more: &[&str]| call(&[&[word], &about[..], more].concat());
    // Nobody is handed the digest of what they are to have read.
    let short = call(&["revoke", id, "--plan", "0123", "--as", "bob"]);
    let short = short.exits(2).names(&["at least 12 digits", "approvals show"]);
    assert!(!short.stderr.contains(plan), "{short:?}");
    alone("break-glass", &["ana", "--reason", ""]).exits(2);
    alone("break-glass", &["bob", "--reason", "asleep"]).exits(2);
    assert_eq!(it.state(), "pending_review");
    alone("break-glass", &["ana", "--reason", "nobody answers the phone"]).ok();
    assert_eq!(it.state(), "rehearsed");
    assert_eq!(it.events("glass_broken")[0]["by"], "ana");
    call(&["afterwards", id, "--upheld", "--as", "ana"]).exits(2);

    let it = Waiting::on(Home::new(), "CacheFull", "critical");
    let (id, plan) = (it.id.as_str(), &it.plan[..12]);
    it.home.tagout(&["approvals", "revoke", id, "--plan", plan, "--as", "bob"]).done().ok();
    assert_eq!(it.state(), "with_people");
    assert_eq!(it.events("plan_voided")[0]["why"], json!({"revoked": {"by": "bob"}}));
}

#[test]
fn what_holds_everything_up_is_said_in_the_list_in_show_and_after_an_approval() {
    let home = Home::new();
    let plan = |host: &str| {
        let told = &home.incidents(&alert("QueueStuck", "warning", host))[0];
        ["incident", "plan"].map(|key| told[key].as_str().unwrap().to_owned())
    };
    let [one, other] = ["q-1", "q-2"].map(plan);
    let said = |args: &[&str]| home.tagout(args).done().ok().stdout;
    let approved = |[id, plan]: &[String; 2]| {
        said(&["approvals", "approve", id, "--plan", plan, "--as", "ben"])
    };
    let (switch, freeze) = ("The kill switch is engaged", "A change freeze holds");
    assert!(!said(&["approvals", "list"]).contains(switch));
    said(&["halt", "--reason", "something is wrong", "--as", "ana"]);
    for said in
        [said(&["approvals", "list"]), said(&["approvals", "show", &other[0]]), approved(&one)]
    {
        assert!(said.contains(switch) && !said.contains(freeze), "{said}");
    }
    said(&["resume", "--reason", "it is well", "--as", "ana"]);
    said(&["freeze", "on", "--reason", "the shop opens", "--as", "ana"]);
    for said in [said(&["approvals", "list"]), approved(&other)] {
        assert!(said.contains(freeze) && !said.contains(switch), "{said}");
    }
}
