//! Attacks on the approval loop over HTTP, by name.

use std::thread;

use serde_json::{Value, json};

use super::http::Request;
use super::people::{Person, Plan};
use super::service::{OWN_SECRET, SECRET, Service, TOKEN};

fn events(service: Service, kind: &str) -> Vec<Value> {
    let trail = service.stop().trail().into_iter();
    let fitting = trail.filter(|line| line["event"]["kind"] == kind);
    fitting.map(|line| line["event"]["data"].clone()).collect()
}

#[test]
fn a_replayed_click_counts_once_and_is_told_so() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let bob = Person::of(&service, "bob", "approver");
    let plan = Plan::for_two(&service);
    ana.approve(&plan).is(200);
    let again = ana.approve(&plan).fails_with(409).json();
    assert!(again["detail"].as_str().unwrap().contains("answered this plan already"), "{again}");
    bob.approve(&plan).is(200);
    // After the decision nothing of an earlier click is left to do.
    for person in [&ana, &bob] {
        person.approve(&plan).fails_with(409);
    }
    assert_eq!(events(service, "review_given").len(), 2);
}

#[test]
fn an_answer_with_a_stale_digest_is_refused_with_the_difference_and_recorded() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let bob = Person::of(&service, "bob", "approver");
    let plan = Plan::for_two(&service);
    ana.change(&plan, &json!({"keep": "200"})).is(200);
    let stale = bob.approve(&plan).fails_with(409).json();
    assert_eq!(stale["difference"], json!(["keep: 100 -> 200 (tighter)"]), "{stale}");
    assert_eq!(stale["plan_now"], bob.plan(&plan.incident).digest);
    let refused = events(service, "review_refused");
    assert_eq!(refused.len(), 1);
    assert_eq!((&refused[0]["by"], &refused[0]["refusal"]), (&json!("bob"), &json!("other_plan")));
}

#[test]
fn self_approval_by_raw_api_is_refused_and_recorded() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "admin");
    let plan = Plan::for_two(&service);
    ana.change(&plan, &json!({"keep": "200"})).is(200);
    let own = ana.plan(&plan.incident);
    ana.approve(&own).fails_with(403);
    // The name is the token's, whatever a body says.
    let forged = json!({"mode": "dry_run", "reason": "", "reviewer": "bob", "by": "bob"});
    ana.post(&own.path("approve"), &forged).fails_with(400);
    assert_eq!(service.decided(&plan.incident)["summary"]["state"], "pending_review");
    let refused = events(service, "review_refused");
    assert_eq!(refused.len(), 1);
    assert_eq!((&refused[0]["by"], &refused[0]["refusal"]), (&json!("ana"), &json!("own_request")));
}

#[test]
fn two_tabs_of_one_person_give_one_answer() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let plan = Plan::for_two(&service);
    let mut statuses: Vec<u16> = thread::scope(|scope| {
        let tabs: Vec<_> = (0..4).map(|_| scope.spawn(|| ana.approve(&plan).status)).collect();
        tabs.into_iter().map(|tab| tab.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    assert_eq!(events(service, "review_given").len(), 1);
}

#[test]
fn a_role_that_may_not_is_refused_everywhere_and_the_attempt_is_recorded() {
    let service = Service::start();
    let vera = Person::of(&service, "vera", "viewer");
    let plan = Plan::for_two(&service);
    vera.approve(&plan).fails_with(403);
    let why = json!({"reason": "because"});
    vera.post("/v1/halt", &why).fails_with(403);
    vera.post(&plan.path("revoke"), &json!({})).fails_with(403);
    vera.get("/v1/approvals").is(200);
    let batch = json!({
        "answer": "approve", "mode": "dry_run", "reason": "all",
        "plans": [{"incident": plan.incident, "plan": plan.digest}],
    });
    vera.post("/v1/approvals/batch", &batch).fails_with(403);
    assert_eq!(service.decided(&plan.incident)["summary"]["state"], "pending_review");
    let refused = events(service, "ask_refused");
    assert_eq!(refused.len(), 4, "{refused:?}");
    assert!(refused.iter().all(|one| one["by"] == "vera"), "{refused:?}");
    assert_eq!(refused[0]["incident"], plan.incident);
}

#[test]
fn whoever_shows_no_token_or_one_of_another_kind_decides_nothing() {
    let service = Service::start();
    let plan = Plan::for_two(&service);
    let approval = json!({"mode": "dry_run"}).to_string();
    let send = |token: Option<&str>| {
        let request = Request::new("POST", &plan.path("approve"));
        let request = request.header("Content-Type", "application/json");
        let request = match token {
            Some(token) => request.token(token),
            None => request,
        };
        request.body(approval.clone()).send(&service.address)
    };
    send(None).fails_with(401);
    for token in ["", "nonsense", SECRET, OWN_SECRET] {
        send(Some(token)).fails_with(401);
    }
    // What opens the read interface is nobody's, and decides nothing.
    send(Some(TOKEN)).fails_with(403);
    assert_eq!(events(service, "review_given").len(), 0);
}

#[test]
fn the_form_of_another_site_is_no_request_of_ours_and_reading_decides_nothing() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let plan = Plan::for_two(&service);
    for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"] {
        let request = Request::new("POST", &plan.path("approve")).token(&ana.token);
        let request = request.header("Content-Type", kind).body(r#"{"mode":"dry_run"}"#);
        request.send(&service.address).fails_with(415);
    }
    for word in ["approve", "reject", "modify", "revoke", "resume"] {
        ana.get(&plan.path(word)).fails_with(405);
    }
    assert_eq!(service.decided(&plan.incident)["summary"]["state"], "pending_review");
}

#[test]
fn hostile_bodies_and_names_are_refused_and_nothing_is_decided() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let plan = Plan::for_two(&service);
    let path = plan.path("approve");
    let raw = |body: Vec<u8>| {
        let request = Request::new("POST", &path).token(&ana.token);
        request.header("Content-Type", "application/json").body(body).send(&service.address)
    };
    for body in
        ["[]", "null", "{", r#"{"mode":"dry_run"}{}"#, r#"{"mode":"LIVE"}"#, r#"{"mode":1}"#, ""]
    {
        raw(body.as_bytes().to_vec()).fails_with(400);
    }
    let most = tagout_core::limits::ASK_BYTES;
    let padded = |len: usize| {
        let mut body = br#"{"mode":"LIVE"}"#.to_vec();
        body.resize(len, b' ');
        body
    };
    raw(padded(most)).fails_with(400);
    raw(padded(most + 1)).fails_with(413);
    let long = json!({"mode": "dry_run", "reason": "x".repeat(4097)});
    ana.post(&path, &long).fails_with(422);
    ana.post(
        &format!("/v1/incidents/{}/plans/abc/approve", plan.incident),
        &json!({"mode": "live"}),
    )
    .fails_with(400);
    let other = format!("/v1/incidents/{}/plans/{}/approve", "x".repeat(5_000), plan.digest);
    ana.post(&other, &json!({"mode": "dry_run"})).fails_with(404);
    let live = ana.post(&path, &json!({"mode": "live"})).fails_with(409).json();
    assert_eq!(live["difference"], json!(["mode: live -> dry-run"]));
    assert_eq!(service.decided(&plan.incident)["summary"]["state"], "pending_review");
}
