//! Tokens of people at the API.

use super::browser::{signed_in, with_ana};
use super::http::Request;
use super::people::Plan;
use super::service::{Service, TOKEN};

fn call(service: &Service, line: &str) -> serde_json::Value {
    let args: Vec<_> = line.split(' ').chain(["--json"]).collect();
    service.home.tagout(&args).done().ok().json()
}

fn with(service: &Service, token: &str) -> u16 {
    Request::new("GET", "/v1/incidents").token(token).send(&service.address).status
}

#[test]
fn a_token_opens_the_api_until_it_is_revoked_or_its_person_removed() {
    let service = Service::start();
    call(&service, "users add ana --role responder");
    let one = call(&service, "tokens issue ana");
    let two = call(&service, "tokens issue ana --role responder");
    let text = |value: &serde_json::Value, name: &str| value[name].as_str().unwrap().to_owned();
    let (first, second) = (text(&one, "token"), text(&two, "token"));
    let opens = |token: &str, status: u16| {
        service.wait("what another process recorded", |service| {
            (with(service, token) == status).then_some(())
        });
    };
    opens(&first, 200);
    opens(&second, 200);
    call(&service, &format!("tokens revoke {}", text(&one, "id")));
    opens(&first, 401);
    assert_eq!(with(&service, &second), 200);
    call(&service, "users remove ana");
    opens(&second, 401);
    assert_eq!(with(&service, TOKEN), 200, "those of the configuration are nobody's");
}

#[test]
fn attack_expired_token() {
    let service = Service::start();
    call(&service, "users add ana --role approver");
    let plan = Plan::for_one(&service, "host-1");
    let issued = call(&service, "tokens issue ana --role approver --for 4s");
    let token = issued["token"].as_str().unwrap();
    service.wait("the token to be known", |service| (with(service, token) == 200).then_some(()));
    service.wait("its end", |service| (with(service, token) == 401).then_some(()));
    let ends: tagout_core::time::Time = issued["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(tagout::clock::now() >= ends, "it ended early");
    let approve = Request::new("POST", &plan.path("approve")).token(token);
    let approve = approve.header("Content-Type", "application/json").body(r#"{"mode":"dry_run"}"#);
    approve.send(&service.address).fails_with(401);
    let home = service.stop();
    assert_eq!(home.count("review_given"), 0, "it decides nothing");
    assert_eq!(home.count("token_revoked"), 0, "nobody had to do anything");
}

#[test]
fn attack_a_token_that_is_nearly_one() {
    let service = Service::start();
    call(&service, "users add ana --role viewer");
    let issued = call(&service, "tokens issue ana");
    let token = issued["token"].as_str().unwrap();
    service.wait("the token to be known", |service| (with(service, token) == 200).then_some(()));
    let shorter = &token[..token.len() - 1];
    let longer = format!("{token}A");
    let id = issued["id"].as_str().unwrap();
    let digest = tagout::access::token::digest(token.as_bytes()).unwrap().to_string();
    for wrong in ["", "tagout_", &token[7..], shorter, &longer, id, &digest, &token.to_uppercase()]
    {
        assert_eq!(with(&service, wrong), 401, "{wrong}");
    }
}

#[test]
fn a_wrong_token_is_not_made_good_by_a_session() {
    let service = with_ana();
    let mut browser = signed_in(&service, "ana");
    let cookie = browser.cookie.clone().unwrap();
    let request = Request::new("GET", "/v1/incidents").header("Cookie", &cookie).token("wrong");
    request.send(&service.address).fails_with(401);
    assert!(browser.is_in());
}
