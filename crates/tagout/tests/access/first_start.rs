//! The first start: one admin, one secret, and nothing open.

use super::browser::{Browser, PASSWORD};
use super::service::{Service, call};

fn secret_of(service: &Service) -> String {
    let told = service.told();
    let line = told.lines().find(|line| line.starts_with("    ")).unwrap();
    line.trim().to_owned()
}

#[test]
fn the_first_start_makes_one_admin_who_must_choose_a_password() {
    let service = Service::start();
    let secret = secret_of(&service);
    let mut browser = Browser::new(&service);
    let page = browser.sign_in("admin", &secret).is(200).body;
    assert!(page.contains("holds once") && browser.cookie.is_none(), "{page}");
    let choose = |browser: &mut Browser, new: &str, again: &str| {
        let fields =
            [("name", "admin"), ("password", secret.as_str()), ("new", new), ("again", again)];
        browser.post("/login", &fields)
    };
    choose(&mut browser, PASSWORD, "correct horse batterx").is(422);
    choose(&mut browser, "short", "short").is(422);
    choose(&mut browser, &secret, &secret).is(422);
    assert!(browser.cookie.is_none());
    choose(&mut browser, PASSWORD, PASSWORD).is(303);
    assert!(browser.is_in());
    // It held once.
    choose(&mut Browser::new(&service), "another long password", "another long password").is(403);
    Browser::new(&service).sign_in("admin", &secret).is(403);
    Browser::new(&service).sign_in("admin", PASSWORD).is(303);
    let home = service.stop();
    let trail = home.trail();
    let added: Vec<_> =
        trail.iter().filter(|line| line["event"]["kind"] == "person_added").collect();
    assert_eq!(added.len(), 1);
    assert_eq!(added[0]["event"]["data"]["role"], "admin");
    assert!(!format!("{trail:?}").contains(&secret), "the secret is in the log");
    assert!(!format!("{trail:?}").contains(PASSWORD), "the password is in the log");
}

#[test]
fn the_secret_is_shown_at_the_first_start_and_never_again() {
    let service = Service::start();
    let secret = secret_of(&service);
    let home = service.stop();
    let call = call(&home);
    let service = Service::of(home, call);
    assert!(!service.told().contains("nobody is known"), "{}", service.told());
    assert!(!service.told().contains(&secret));
    let home = service.stop();
    assert_eq!(home.count("person_added"), 1);
}

#[test]
fn a_service_that_already_knows_somebody_makes_nobody() {
    let home = super::home::Home::new();
    home.write("state/tagout/tagout.toml", super::service::configuration("", ""));
    home.tagout(&["init"]).done().ok();
    home.tagout(&["users", "add", "root", "--role", "admin"]).done().ok();
    let call = call(&home);
    let service = Service::of(home, call);
    assert!(!service.told().contains("nobody is known"), "{}", service.told());
    let home = service.stop();
    assert_eq!(home.count("person_added"), 1);
}

#[test]
fn nothing_is_open_to_whoever_is_not_signed_in() {
    let service = Service::start();
    let mut browser = Browser::new(&service);
    let paths = ["/v1/incidents", "/v1/log/checkpoint", "/v1/openapi.json", "/metrics"];
    for path in paths {
        browser.get(path).fails_with(401);
    }
    let answer = browser.get("/password?x=1").is(303);
    assert_eq!(answer.header("location"), Some("/login?next=%2Fpassword%3Fx%3D1"));
    browser.post("/password", &[]).is(303);
    browser.get("/login").is(200);
}
