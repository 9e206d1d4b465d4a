//! Runbooks, policy and mappings that change while it runs.

use serde_json::json;

use super::home::{CACHE, Home, POLICY, QUEUE, alert};
use super::people::{Person, Plan, let_in};
use super::service::{OWN_SECRET, Service, call, configuration, with_secrets};

const LOADED: &str = r#"tagout_reloads_total{outcome="loaded"}"#;

#[test]
fn a_changed_policy_is_in_force_within_seconds_and_recorded_with_both_digests() {
    let service = Service::start();
    service.home.write("policy.toml", format!("default_severity = \"error\"\n{POLICY}"));
    service.wait("the reload", |service| service.metric(LOADED).filter(|n| *n >= 1.0));
    let home = service.stop();
    let trail = home.trail();
    let loads: Vec<_> =
        trail.iter().filter(|line| line["event"]["kind"] == "policy_loaded").collect();
    assert_eq!(loads.len(), 2);
    let (first, second) = (&loads[0]["event"]["data"], &loads[1]["event"]["data"]);
    assert!(first["previous"].is_null(), "{first}");
    assert_eq!(second["previous"], first["digest"]);
    assert_ne!(second["digest"], first["digest"]);
    home.assert_log_holds();
}

#[test]
fn a_new_runbook_is_found_after_a_hang_up() {
    let service = Service::start();
    let about = |service: &Service, instance: &str| {
        let body = alert("ShelfFull", "warning", instance);
        let receipt = service.post("own", OWN_SECRET, body).is(200).json();
        let id = receipt["incidents"][0].as_str().unwrap().to_owned();
        service.decided(&id)["summary"]["runbook"].clone()
    };
    assert_ne!(about(&service, "s-1"), "shelf-full");
    let shelf = CACHE.replace("CacheFull", "ShelfFull").replace("cache-full", "shelf-full");
    service.home.write("book/shelf.md", shelf);
    service.signal("-HUP");
    service.wait("the reload", |service| service.metric(LOADED).filter(|n| *n >= 1.0));
    assert_eq!(about(&service, "s-2"), "shelf-full");
    let home = service.stop();
    let loads = home.trail();
    let loads = loads.iter().filter(|line| line["event"]["kind"] == "catalogue_loaded");
    let previous: Vec<_> = loads.map(|line| line["event"]["data"]["previous"].clone()).collect();
    assert!(
        previous.len() == 2 && previous[0].is_null() && previous[1].is_string(),
        "{previous:?}"
    );
}

#[test]
fn broken_rules_leave_the_old_ones_in_force_and_say_so_until_they_are_mended() {
    let service = Service::start();
    service.home.write("policy.toml", "version = 1\nsurprise = true\n");
    let ready = service.wait("the failure", |service| {
        let (status, ready) = service.ready();
        assert_eq!(status, 200, "still ready: {ready}");
        ready["degraded"].get(0).is_some().then_some(ready)
    });
    assert_eq!(ready["degraded"][0]["what"], "reload", "{ready}");
    assert_eq!(service.metric("tagout_reload_failed"), Some(1.0));
    assert!(service.told().contains("surprise"), "the log names the fault: {}", service.told());
    service.post("own", OWN_SECRET, alert("CacheFull", "warning", "c-1")).is(200);

    service.home.write("policy.toml", POLICY);
    service.wait("the mended file", |service| {
        service.ready().1["degraded"].get(0).is_none().then_some(())
    });
    assert_eq!(service.metric("tagout_reload_failed"), Some(0.0));
    let home = service.stop();
    assert_eq!(home.count("policy_loaded"), 1, "nothing changed in the end");
}

#[test]
fn a_command_with_other_runbooks_beside_the_service_is_refused_and_changes_nothing() {
    let service = Service::start();
    let_in(&service.home, "ana", "approver");
    let plan = Plan::for_one(&service, "host-1");
    let (id, digest) = (plan.incident.as_str(), plan.digest.as_str());
    service.home.write("other/cache.md", CACHE);
    service.home.write("other/queue.md", QUEUE.replace("timeout: 60s", "timeout: 90s"));
    service.home.write("other.toml", format!("default_severity = \"error\"\n{POLICY}"));
    let run = |runbooks: &str, policy: &str| {
        let args = ["run", "--json", "--runbooks", runbooks, "--policy", policy];
        service.home.tagout(&args).stdin(alert("CacheFull", "warning", "c-1")).done()
    };
    run("other", "policy.toml").exits(2).names(&["a service works", "--server", "--runbooks"]);
    run("book", "other.toml").exits(2).names(&["a service works"]);
    let modify = ["approvals", "modify", id, "--plan", digest, "--drop", "depth", "--runbooks"];
    let modify = |runbooks: &str| service.home.tagout(&[&modify[..], &[runbooks]].concat()).done();
    modify("other").exits(2).names(&["a service works"]);
    // With the runbooks of the service both go on.
    run("book", "policy.toml").ok();
    modify("book").ok();
    let home = service.stop();
    assert_eq!((home.count("catalogue_loaded"), home.count("policy_loaded")), (1, 1));
    // And with nobody beside it a command says what is in force.
    let args = ["run", "--json", "--runbooks", "other", "--policy", "other.toml"];
    home.tagout(&args).stdin(alert("CacheFull", "warning", "c-2")).done().ok();
    assert_eq!((home.count("catalogue_loaded"), home.count("policy_loaded")), (2, 2));
    home.assert_log_holds();
}

#[test]
fn runbooks_that_another_process_put_into_force_are_replaced_by_those_of_the_service_that_leads() {
    let service = Service::start();
    service.home.write("other/cache.md", CACHE);
    let other = with_secrets(service.home.tagout(&["serve"])).env("TAGOUT_RUNBOOKS", "other");
    let mut other = other.spawn();
    let catalogues = |service: &Service| {
        let trail = service.home.trail();
        let loads = trail.iter().filter(|line| line["event"]["kind"] == "catalogue_loaded");
        loads.map(|line| line["event"]["data"]["digest"].clone()).collect::<Vec<_>>()
    };
    let loads = service.wait("its own runbooks again", |service| {
        Some(catalogues(service)).filter(|loads| loads.len() >= 3)
    });
    assert!(loads[0] == loads[2] && loads[0] != loads[1], "{loads:?}");
    assert!(service.told().contains("in force again"), "{}", service.told());
    // The other one does not lead here and gives way: there is no quarrel without end.
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(catalogues(&service).len(), 3);
    other.0.kill().unwrap();
    other.0.wait().unwrap();
    service.stop().assert_log_holds();
}

#[test]
fn a_mended_mapping_reads_what_is_in_quarantine_without_a_restart_and_a_broken_one_changes_nothing()
{
    let mapping = |firing: &str| {
        format!(
            "name = \"prober\"\ntitle = \"/check\"\n[status]\nfrom = \"/state\"\n\
             firing = [{firing}]\nresolved = [\"good\"]\n[labels]\nhost = \"/host\"\n"
        )
    };
    let home = Home::new();
    let source = "[[source]]\nname = \"prober\"\nkind = \"mapped\"\nmapping = \"prober.toml\"\n\
                  auth = \"bearer\"\nsecrets = [{ env = \"OWN_SECRET\" }]";
    home.write("state/tagout/tagout.toml", configuration("", source));
    let file = "state/tagout/prober.toml";
    home.write(file, mapping("\"bad\""));
    let made = call(&home);
    let service = Service::of(home, made);
    let rita = Person::of(&service, "rita", "responder");
    let post = |state: &str| {
        let body = json!({"check": "disk", "host": "db-1", "state": state}).to_string();
        service.post("prober", OWN_SECRET, body)
    };
    // A word that the mapping does not know.
    let kept = post("worse").is(202).json();
    let replay = format!("/v1/deliveries/{}/replay", kept["delivery"].as_str().unwrap());
    rita.post(&replay, &json!({})).fails_with(422);

    service.home.write(file, "name = \"prober\"\nsurprise = true\n");
    service.signal("-HUP");
    let told = service.wait("the failure", |service| {
        Some(service.told()).filter(|told| told.contains("surprise"))
    });
    assert!(told.contains("source \\\"prober\\\""), "{told}");
    post("bad").is(200);

    service.home.write(file, mapping("\"bad\", \"worse\""));
    service.wait("the mended file", |service| service.metric(LOADED).filter(|n| *n >= 1.0));
    let read = rita.post(&replay, &json!({})).is(200).json();
    assert_eq!((&read["alerts"], &read["flawed"]), (&json!(1), &json!(0)), "{read}");
    let home = service.stop();
    let trail = home.trail();
    let of = |line: &serde_json::Value| line["event"]["data"].clone();
    let loads = trail.iter().filter(|line| line["event"]["kind"] == "mapping_loaded");
    let loads: Vec<_> = loads.map(of).collect();
    assert_eq!(loads.len(), 2, "{loads:?}");
    assert!(loads[0]["previous"].is_null() && loads[0]["source"] == "prober", "{loads:?}");
    assert_eq!(loads[1]["previous"], loads[0]["digest"]);
    assert_ne!(loads[1]["digest"], loads[0]["digest"]);
    // What is unchanged is not announced anew.
    let made = call(&home);
    let home = Service::of(home, made).stop();
    assert_eq!((home.count("mapping_loaded"), home.count("policy_loaded")), (2, 1));
    home.assert_log_holds();
}

#[test]
fn a_mapping_whose_file_is_gone_stays_in_force_and_that_is_said_and_one_without_a_source_is_withdrawn()
 {
    let home = Home::new();
    let source = "[[source]]\nname = \"prober\"\nkind = \"mapped\"\nmapping = \"prober.toml\"\n\
                  auth = \"bearer\"\nsecrets = [{ env = \"OWN_SECRET\" }]";
    let (config, file) = ("state/tagout/tagout.toml", "state/tagout/prober.toml");
    let mapping = "name = \"prober\"\ntitle = \"/check\"\n[labels]\nhost = \"/host\"\n";
    home.write(config, configuration("", source));
    home.write(file, mapping);
    let made = call(&home);
    let service = Service::of(home, made);
    std::fs::remove_file(service.home.path(file)).unwrap();
    let ready = service.wait("the failure", |service| {
        let (status, ready) = service.ready();
        assert_eq!(status, 200, "still ready: {ready}");
        ready["degraded"].get(0).is_some().then_some(ready)
    });
    assert_eq!(ready["degraded"][0]["what"], "reload", "{ready}");
    assert!(service.told().contains("nor a file"), "{}", service.told());
    let body = json!({"check": "disk", "host": "db-1"}).to_string();
    service.post("prober", OWN_SECRET, body).is(200);
    // Without it nothing begins: whoever sends is not told that something was taken in.
    let home = service.stop();
    let begun = with_secrets(home.tagout(&["serve"])).done();
    begun.exits(2).names(&["prober.toml", "nor a file"]);
    home.write(file, mapping);
    let kinds = |home: &Home| {
        let trail = home.trail();
        let own = trail.into_iter().map(|line| line["event"].clone());
        let own = own.filter(|event| event["data"]["source"] == "prober");
        own.map(|event| (event["kind"].clone(), event["data"].clone())).collect::<Vec<_>>()
    };
    let serve = |home: Home, sources: &str| {
        home.write(config, configuration("", sources));
        let made = call(&home);
        Service::of(home, made).stop()
    };
    let home = serve(serve(serve(home, source), ""), "");
    let told = kinds(&home);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((&told[0].0, &told[1].0), (&json!("mapping_loaded"), &json!("mapping_withdrawn")));
    assert_eq!(told[1].1["previous"], told[0].1["digest"]);
    // A command beside says nothing of it, and a source that comes back begins anew.
    let home = serve(home, source);
    let told = kinds(&home);
    assert_eq!((told.len(), &told[2].0), (3, &json!("mapping_loaded")), "{told:?}");
    assert!(told[2].1["previous"].is_null(), "{told:?}");
    home.tagout(&["run", "--json", "--runbooks", "book", "--policy", "policy.toml"])
        .stdin(alert("CacheFull", "warning", "c-1"))
        .done()
        .ok();
    assert_eq!(kinds(&home).len(), 3);
    home.assert_log_holds();
}
