//! The command line against a running service: the same words, output and exit codes as on the
//! data directory.

use std::io::ErrorKind;
use std::net::TcpListener;

use serde_json::{Value, json};

use super::home::{Call, Out};
use super::people::{Person, Plan, let_in};
use super::service::{OWN_SECRET, Service};

fn there(service: &Service, person: &Person, args: &[&str]) -> Call {
    let url = format!("http://{}", service.address);
    service.home.tagout(args).env("TAGOUT_SERVER", &url).env("TAGOUT_TOKEN", &person.token)
}

fn done(service: &Service, person: &Person, args: &[&str]) -> Out {
    there(service, person, args).done()
}

#[test]
fn what_waits_reads_the_same_from_the_service_and_from_the_data_directory() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let plan = Plan::for_two(&service);
    for args in [
        &["approvals", "list"][..],
        &["approvals", "list", "--json"],
        &["approvals", "show", &plan.incident],
        &["approvals", "show", &plan.incident, "--json"],
        &["oversight"],
        &["oversight", "--json"],
    ] {
        // The first look at a plan is itself recorded, so both look at what is there by then.
        let here = service.home.tagout(args).done().ok().stdout;
        // Only there nobody's name is known from a token.
        let here = here.replace(" --as NAME", "");
        let there = done(&service, &ana, args).ok().stdout;
        assert_eq!(here, there, "{args:?}");
    }
    // A notice that no channel takes is soon gone.
    for args in [&["notices", "list", "--all"][..], &["notices", "list", "--all", "--json"]] {
        service.wait("that both tell the same", |service| {
            let here = service.home.tagout(args).done().ok().stdout;
            (here == done(service, &ana, args).ok().stdout).then_some(())
        });
    }
}

#[test]
fn a_proxy_of_the_environment_does_not_read_the_token_on_its_way_to_this_machine() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let halt = there(&service, &ana, &["halt", "--reason", "something is wrong"]);
    let halt = ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]
        .iter()
        .fold(halt, |halt, name| halt.env(name, &url));
    halt.done().ok();
    assert_eq!(proxy.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(service.home.count("kill_switch_engaged"), 1);
}

#[test]
fn plans_are_answered_changed_and_closed_over_the_service() {
    let service = Service::start();
    let (ana, bob) =
        (Person::of(&service, "ana", "approver"), Person::of(&service, "bob", "approver"));
    let cleo = Person::of(&service, "cleo", "approver");
    let plan = Plan::for_two(&service);
    let (id, short) = (plan.incident.as_str(), &plan.digest[..12]);
    let modify = ["approvals", "modify", id, "--plan", short, "--set", "keep=200"];
    let out = done(&service, &ana, &modify).ok();
    assert!(out.stdout.contains("0 of 2 have approved"), "{out:?}");
    let now = ana.plan(id);
    let approve = |digest: &str| ["approvals", "approve", id, "--plan", digest].map(str::to_owned);
    let run = |person: &Person, digest: &str| {
        let args = approve(digest);
        done(&service, person, &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    run(&bob, short).exits(2).names(&["the plan of", &now.digest[..12], "now, not"]);
    run(&bob, &plan.digest).exits(2).names(&["has changed", "keep: 100 -> 200"]);
    run(&ana, &now.digest).exits(2).names(&["another person must"]);
    run(&bob, &now.digest).ok();
    run(&bob, &now.digest).exits(2).names(&["answered this plan already"]);
    let out = run(&cleo, &now.digest).ok();
    assert!(out.stdout.contains("rehearsed"), "{out:?}");
    run(&cleo, &now.digest).exits(2).names(&["no plan of", "it is rehearsed"]);
    let close = ["approvals", "close", id, "--reason", "looked after", "--json"];
    assert_eq!(done(&service, &ana, &close).ok().json()["state"], "closed");
    done(&service, &ana, &["approvals", "show", "inc-0000000000"]).exits(2).names(&["no incident"]);
}

#[test]
fn the_kill_switch_is_worked_over_the_service() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let vera = Person::of(&service, "vera", "viewer");
    done(&service, &vera, &["halt", "--reason", "x"]).exits(2).names(&["viewer", "responder"]);
    let halt = done(&service, &ana, &["halt", "--reason", "something is wrong", "--json"]).ok();
    assert_eq!(halt.json(), json!({"kill_switch": true}));
    let alert = super::home::alert("QueueStuck", "warning", "host-1");
    let receipt = service.post("own", OWN_SECRET, alert).is(200).json();
    let id = receipt["incidents"][0].as_str().unwrap();
    assert_eq!(service.decided(id)["summary"]["state"], "halted");
    done(&service, &ana, &["resume", "--reason", "all well"]).ok();
    done(&service, &ana, &["resume", "--reason", "again"]).exits(2).names(&["not engaged"]);
    let out = done(&service, &ana, &["resume", id, "--reason", "go on", "--json"]).ok();
    assert_eq!(out.json()["state"], "pending_review");
    done(&service, &ana, &["resume", id, "--reason", "go on"]).exits(2).names(&["is halted"]);
}

#[test]
fn windows_and_freezes_are_opened_listed_and_ended_over_the_service() {
    let service = Service::start();
    let (ana, rita, vera) = (
        Person::of(&service, "ana", "approver"),
        Person::of(&service, "rita", "responder"),
        Person::of(&service, "vera", "viewer"),
    );
    let open = [
        "windows",
        "open",
        "--json",
        "--kind",
        "maintenance",
        "--match",
        "instance=db-*",
        "--match",
        "instance=~db-[0-9]+",
        "--for",
        "2h",
        "--id",
        "w1",
        "--reason",
        "upgrade",
    ];
    done(&service, &vera, &open).exits(2).names(&["viewer", "responder"]);
    let opened = done(&service, &rita, &open).ok().json();
    assert_eq!((opened["id"].as_str(), opened["by"].as_str()), (Some("w1"), Some("rita")));
    let list = ["windows", "list", "--json"];
    let listed = done(&service, &vera, &list).ok().json();
    assert_eq!(listed, json!([opened]));
    assert_eq!(listed, service.home.tagout(&list).done().ok().json(), "both tell the same");
    done(&service, &rita, &["windows", "close", "w1"]).ok();
    done(&service, &rita, &["windows", "close", "w1"]).exits(2).names(&["no window of this id"]);
    assert_eq!(done(&service, &vera, &list).ok().json(), json!([]));

    let freeze = ["freeze", "on", "--reason", "year's end", "--for", "2h", "--json"];
    done(&service, &vera, &freeze).exits(2).names(&["viewer"]);
    let on = done(&service, &rita, &freeze).ok().json();
    assert!(on["freeze"] == true && on["until"].is_string(), "{on}");
    done(&service, &rita, &["freeze", "off"]).exits(2).names(&["responder", "approver"]);
    let off = done(&service, &ana, &["freeze", "off", "--json"]).ok().json();
    assert_eq!(off, json!({"freeze": false, "until": null}));
    let home = service.stop();
    assert_eq!(home.count("ask_refused"), 3);
    home.assert_log_holds();
}

#[test]
fn deliveries_in_quarantine_are_listed_shown_and_dealt_with_over_the_service() {
    let service = Service::start();
    let (rita, vera) =
        (Person::of(&service, "rita", "responder"), Person::of(&service, "vera", "viewer"));
    for body in ["nonsense \u{1b}[2J", "other nonsense"] {
        service.post("own", OWN_SECRET, body).is(202);
    }
    let list = ["deliveries", "list", "--json"];
    let listed = done(&service, &vera, &list).ok().json();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    let digest = |n: usize| listed[n]["delivery"].as_str().unwrap();
    let (first, second) = (digest(0), &digest(1)[..12]);
    for args in [&list[..], &list[..2], &["deliveries", "show", first]] {
        let here = service.home.tagout(args).done().ok().stdout;
        let there = done(&service, &vera, args).ok().stdout;
        assert_eq!(here, there, "both tell the same: {args:?}");
        assert!(!there.contains('\u{1b}'), "{there:?}");
    }
    let (replay, dismiss) = (["deliveries", "replay", first], ["deliveries", "dismiss", second]);
    done(&service, &vera, &replay).exits(2).names(&["viewer", "responder"]);
    done(&service, &vera, &dismiss).exits(2).names(&["viewer", "responder"]);
    done(&service, &rita, &replay).exits(2).names(&["still cannot be read"]);
    done(&service, &rita, &[&replay[..], &["--as", "bob"]].concat()).exits(2).names(&["--as"]);
    done(&service, &rita, &["deliveries", "show", &first[..11]]).exits(2).names(&["12 digits"]);
    done(&service, &rita, &dismiss).ok();
    done(&service, &rita, &dismiss).exits(2).names(&["no quarantined delivery"]);
    assert_eq!(done(&service, &vera, &list).ok().json(), json!([listed[0]]));
    let home = service.stop();
    assert_eq!((home.count("quarantine_lifted"), home.count("ask_refused")), (1, 2));
    home.assert_log_holds();
}

#[test]
fn whoever_a_role_does_not_let_is_refused_on_the_data_directory_too_and_that_is_recorded() {
    let service = Service::start();
    service.post("own", OWN_SECRET, "nonsense").is(202);
    for (name, role) in [("vera", "viewer"), ("rita", "responder"), ("bob", "approver")] {
        let_in(&service.home, name, role);
    }
    let home = service.stop();
    let kept = home.tagout(&["deliveries", "list", "--json"]).done().ok().json();
    let delivery = kept[0]["delivery"].as_str().unwrap();
    let run = |args: &[&str], who: &str| {
        super::service::with_secrets(home.tagout(&[args, &["--as", who]].concat())).done()
    };
    let open = ["windows", "open", "--kind", "silence", "--match", "a=b", "--for", "1h"];
    let open = [&open[..], &["--id", "w1"]].concat();
    let on = ["freeze", "on", "--reason", "year's end"];
    run(&open, "vera").exits(2).names(&["viewer", "responder"]);
    run(&on, "vera").exits(2).names(&["viewer", "responder"]);
    run(&["deliveries", "dismiss", delivery], "vera").exits(2).names(&["viewer", "responder"]);
    run(&["deliveries", "replay", delivery], "vera").exits(2).names(&["viewer", "responder"]);
    run(&open, "rita").ok();
    run(&["windows", "close", "w1"], "vera").exits(2).names(&["viewer", "responder"]);
    run(&on, "rita").ok();
    run(&["freeze", "off"], "rita").exits(2).names(&["responder", "approver"]);
    run(&["freeze", "off"], "bob").ok();
    run(&["deliveries", "dismiss", delivery], "rita").ok();
    assert_eq!(home.count("ask_refused"), 6);
    home.assert_log_holds();
}

/// A plan whose glass `ana` broke, so that somebody else owes a review of it.
fn broken(service: &Service, ana: &Person, host: &str) -> Plan {
    let plan = Plan::for_one(service, host);
    let alone = json!({"mode": "dry_run", "reason": "nobody else is awake"});
    ana.post(&plan.path("break-glass"), &alone).is(200);
    plan
}

#[test]
fn what_ran_without_people_is_listed_and_reviewed_on_the_data_directory() {
    let service = with_glass();
    let ana = Person::of(&service, "ana", "approver");
    let_in(&service.home, "bob", "approver");
    let (upheld, rejected) = (broken(&service, &ana, "host-1"), broken(&service, &ana, "host-2"));
    let home = service.stop();
    let owed = || home.tagout(&["approvals", "owed", "--json"]).done().ok().json();
    let listed = owed();
    let expected = json!({
        "incident": upheld.incident, "plan": upheld.digest, "mode": "dry-run",
        "since": listed[0]["since"], "not_by": "ana",
    });
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]), (2, &expected));
    let words = home.tagout(&["approvals", "owed"]).done().ok().stdout;
    assert!(words.contains(&rejected.incident) && words.contains("anybody but ana"), "{words}");
    let give = |plan: &Plan, rest: &[&str]| {
        let args = ["approvals", "afterwards", &plan.incident];
        home.tagout(&[&args[..], rest].concat()).done()
    };
    give(&upheld, &["--as", "bob"]).exits(2).names(&["--upheld"]);
    give(&upheld, &["--upheld", "--rejected", "--as", "bob"]).exits(2);
    give(&upheld, &["--upheld", "--as", "ana"]).exits(2).names(&["somebody else"]);
    assert_eq!(home.count("ask_refused"), 1, "whoever is not let leaves a trace");
    give(&upheld, &["--upheld", "--as", "nobody"]).exits(2).names(&["responder", "approver"]);
    assert_eq!(home.count("ask_refused"), 2);
    let short = ["--upheld", "--as", "bob", "--plan", &upheld.digest[..11]];
    give(&upheld, &short).exits(2).names(&["12 digits"]);
    let other = ["--upheld", "--as", "bob", "--plan", &rejected.digest];
    give(&upheld, &other).exits(2).names(&["no review of this plan is owed"]);
    let part = ["--upheld", "--as", "bob", "--plan", &rejected.digest[..20]];
    give(&upheld, &part).exits(2).names(&["approvals owed"]);
    let named = ["--upheld", "--as", "bob", "--plan", &upheld.digest[..12]];
    give(&upheld, &named).ok();
    give(&upheld, &["--upheld", "--as", "bob"]).exits(2).names(&["no such review"]);
    give(&rejected, &["--rejected", "--as", "bob"]).exits(2).names(&["reason"]);
    give(&rejected, &["--rejected", "--reason", "the wrong host", "--as", "bob"]).ok();
    assert_eq!(owed(), json!([]));
    assert_eq!(home.count("reviewed_afterwards"), 2);
    home.assert_log_holds();
}

#[test]
fn what_ran_without_people_is_listed_and_reviewed_over_the_service() {
    let service = with_glass();
    let (ana, bob) =
        (Person::of(&service, "ana", "approver"), Person::of(&service, "bob", "approver"));
    let (upheld, rejected) = (broken(&service, &ana, "host-1"), broken(&service, &ana, "host-2"));
    let list = ["approvals", "owed", "--json"];
    let listed = done(&service, &bob, &list).ok().json();
    assert_eq!(listed[0]["plan"], json!(upheld.digest), "{listed}");
    assert_eq!(listed, service.home.tagout(&list).done().ok().json(), "both tell the same");
    let give = |person: &Person, plan: &Plan, rest: &[&str]| {
        let args = ["approvals", "afterwards", &plan.incident];
        done(&service, person, &[&args[..], rest].concat())
    };
    give(&ana, &upheld, &["--upheld"]).exits(2).names(&["somebody else"]);
    give(&bob, &upheld, &["--upheld", "--plan", &upheld.digest]).ok();
    give(&bob, &upheld, &["--upheld"]).exits(2).names(&["no such review"]);
    give(&bob, &rejected, &["--rejected", "--reason", "the wrong host"]).ok();
    assert_eq!(done(&service, &bob, &list).ok().json(), json!([]));
    let home = service.stop();
    assert_eq!(home.count("reviewed_afterwards"), 2);
    home.assert_log_holds();
}

fn with_glass() -> Service {
    let home = super::home::Home::new();
    let glass = "[break_glass]\npeople = [\"ana\"]\nmax_per_window = 9\nwindow = \"1h\"\n";
    home.write("policy.toml", format!("{}{glass}", super::home::POLICY));
    home.write("state/tagout/tagout.toml", super::service::configuration("", ""));
    let call = super::service::call(&home);
    Service::of(home, call)
}

#[test]
fn a_token_comes_from_the_environment_or_a_file_and_says_who_asks() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let plan = Plan::for_one(&service, "host-1");
    let url = format!("http://{}", service.address);
    let list = ["approvals", "list", "--server", &url];
    service.home.tagout(&list).done().exits(2).names(&["TAGOUT_TOKEN", "--token-file"]);
    service
        .home
        .tagout(&list)
        .env("TAGOUT_TOKEN", "wrong-token-of-nobody")
        .done()
        .exits(2)
        .names(&["token"]);
    service.home.write("token", format!("{}\n", ana.token));
    let answer = [
        "approvals",
        "approve",
        &plan.incident,
        "--plan",
        &plan.digest,
        "--server",
        &url,
        "--token-file",
        "token",
    ];
    let named = [&answer[..], &["--as", "bob"]].concat();
    service.home.tagout(&named).done().exits(2).names(&["--as"]);
    let both = [&answer[..], &["--data-dir", "state/tagout"]].concat();
    service.home.tagout(&both).done().exits(2).names(&["not both"]);
    service.home.tagout(&answer).done().ok();
    let far = ["approvals", "list", "--server", "http://tagout.example"];
    service.home.tagout(&far).env("TAGOUT_TOKEN", "x").done().exits(2).names(&["https"]);
    let trail = service.stop().trail();
    let given = trail.iter().find(|line| line["event"]["kind"] == "review_given").unwrap();
    assert_eq!(given["event"]["data"]["review"]["reviewer"], "ana");
}

#[test]
fn a_service_that_is_not_there_is_a_fault_and_not_a_wrong_call() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let url = format!("http://{}", service.address);
    let home = service.stop();
    let list = ["approvals", "list", "--server", &url];
    home.tagout(&list).env("TAGOUT_TOKEN", &ana.token).done().exits(3).names(&["cannot be asked"]);
}

#[test]
fn the_queue_is_gone_through_at_the_terminal_over_the_service_and_over_the_data_directory() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    for n in 0..3 {
        Plan::for_one(&service, &format!("host-{n}"));
    }
    // Approve one, skip one, reject one with a reason.
    let out =
        there(&service, &ana, &["approvals", "review"]).stdin("a\ns\nr\nwrong host\n").done().ok();
    assert!(out.stdout.contains("queuectl --host host-"), "{out:?}");
    assert!(out.stdout.contains("That is all"), "{out:?}");
    let left = ana.get("/v1/approvals").is(200).json();
    let states: Vec<&Value> =
        left["pending"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states.iter().filter(|state| **state == "pending_review").count(), 1, "{left}");
    // What is left is changed to nothing, then answered, from the data directory.
    let out = service.home.tagout(&["approvals", "review"]).stdin("a\n").done().ok();
    assert!(out.stdout.contains("rehearsed"), "{out:?}");
    let out = service.home.tagout(&["approvals", "review"]).done().ok();
    assert!(out.stdout.contains("No plan waits"), "{out:?}");
}

#[test]
fn while_a_service_runs_the_data_directory_answers_too_to_those_who_are_known() {
    let service = Service::start();
    let_in(&service.home, "vera", "viewer");
    let_in(&service.home, "bob", "approver");
    let plan = Plan::for_one(&service, "host-1");
    let answer = |who: &str| {
        let args = ["approvals", "approve", &plan.incident, "--plan", &plan.digest, "--as", who];
        service.home.tagout(&args).done()
    };
    answer("vera").exits(2).names(&["viewer"]);
    answer("nobody").exits(2).names(&["responder"]);
    answer("bob").ok();
    service.wait("that the service has seen it", |service| {
        let state = service.decided(&plan.incident)["summary"]["state"].clone();
        (state == "rehearsed").then_some(())
    });
    let home = service.stop();
    assert_eq!(home.count("ask_refused"), 2);
    home.assert_log_holds();
}

#[test]
fn a_text_from_an_alert_cannot_forge_the_terminal_of_whoever_asks_the_service() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let labels = json!({"alertname": "QueueStuck", "instance": "host-1", "environment": "test"});
    let message = "\u{1b}[2J\u{1b}[31mAPPROVED\u{202e}<script>alert(1)</script>";
    let alert =
        json!({"title": "QueueStuck", "severity": "warning", "labels": labels, "message": message});
    let receipt = service.post("own", OWN_SECRET, alert.to_string()).is(200).json();
    let id = receipt["incidents"][0].as_str().unwrap();
    service.decided(id);
    let out = done(&service, &ana, &["approvals", "show", id]).ok();
    assert!(out.stdout.contains("APPROVED"), "{out:?}");
    assert!(!out.stdout.contains(['\u{1b}', '\u{202e}']), "{out:?}");
    let answer = ana.get(&format!("/v1/incidents/{id}")).is(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(!answer.body.contains('\u{1b}'), "{answer:?}");
}
