//! Signing in and out as people do it.

use super::browser::{Browser, PASSWORD, service_of, signed_in, with_ana};
use super::service::Service;

#[test]
fn a_session_opens_what_a_role_may_until_its_end() {
    let service = with_ana();
    let mut browser = signed_in(&service, "Ana");
    for path in ["/v1/incidents", "/v1/log/checkpoint", "/metrics"] {
        assert!([200, 404].contains(&browser.get(path).status), "{path}");
    }
    let answer = browser.sign_out().is(303);
    assert_eq!(answer.header("location"), Some("/login"));
    assert!(browser.cookie.is_none());
    browser.get("/v1/incidents").fails_with(401);
}

#[test]
fn a_restart_ends_no_session() {
    let service = with_ana();
    let browser = signed_in(&service, "ana");
    let home = service.stop();
    let call = super::service::call(&home);
    let service = Service::of(home, call);
    let mut again = Browser { cookie: browser.cookie, ..Browser::new(&service) };
    assert!(again.is_in());
}

#[test]
fn a_password_is_changed_by_whoever_knows_it_and_ends_their_other_sessions() {
    let service = with_ana();
    let (mut here, mut there) = (signed_in(&service, "ana"), signed_in(&service, "ana"));
    let csrf = here.csrf();
    let change = |browser: &mut Browser, given: &str, new: &str| {
        let fields = [("csrf", csrf.as_str()), ("password", given), ("new", new), ("again", new)];
        browser.post("/password", &fields)
    };
    change(&mut here, "wrong", "another long password").is(403);
    change(&mut here, PASSWORD, "short").is(422);
    assert!(there.is_in());
    change(&mut here, PASSWORD, "another long password").is(303);
    assert!(here.is_in() && !there.is_in());
    Browser::new(&service).sign_in("ana", PASSWORD).is(403);
    Browser::new(&service).sign_in("ana", "another long password").is(303);
}

#[test]
fn a_password_that_cannot_be_recorded_does_not_hold() {
    let service = with_ana();
    let mut browser = signed_in(&service, "ana");
    let csrf = browser.csrf();
    let database = rusqlite::Connection::open(service.home.database()).unwrap();
    let full = "CREATE TRIGGER full BEFORE INSERT ON leaves BEGIN SELECT RAISE(ABORT, 'full'); END";
    database.execute_batch(full).unwrap();
    let new = "another long password";
    let fields = [("csrf", csrf.as_str()), ("password", PASSWORD), ("new", new), ("again", new)];
    browser.post("/password", &fields).is(503);
    database.execute_batch("DROP TRIGGER full").unwrap();
    Browser::new(&service).sign_in("ana", new).is(403);
    Browser::new(&service).sign_in("ana", PASSWORD).is(303);
    let home = service.stop();
    assert_eq!(home.count("password_changed"), 1, "the first one alone");
    home.assert_log_holds();
}

#[test]
fn another_role_another_password_or_a_removal_ends_sessions_at_once() {
    let service = with_ana();
    let steps: [&[&str]; 3] = [
        &["users", "change", "ana", "--role", "responder"],
        &["users", "password", "ana", "--stdin"],
        &["users", "remove", "ana"],
    ];
    for step in steps {
        let mut browser = signed_in(&service, "ana");
        service.home.tagout(step).stdin(format!("{PASSWORD}\n")).done().ok();
        service.wait("the session to end", |_| (!browser.is_in()).then_some(()));
    }
    Browser::new(&service).sign_in("ana", PASSWORD).is(403);
}

#[test]
fn somebody_who_was_removed_does_not_come_back_with_the_old_password() {
    let service = with_ana();
    service.home.tagout(&["users", "remove", "ana"]).done().ok();
    service.home.tagout(&["users", "add", "ana", "--role", "admin"]).done().ok();
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    Browser::new(&service).sign_in("ana", PASSWORD).is(403);
}

#[test]
fn a_session_lasts_as_long_as_the_configuration_says() {
    let session = "[session]\nidle = \"1m\"\nlifetime = \"2m\"";
    let service = service_of(&[("ana", "viewer")], "", session);
    let mut browser = Browser::new(&service);
    let answer = browser.sign_in("ana", PASSWORD).is(303);
    let set = answer.header("set-cookie").unwrap();
    assert!(set.contains("; Max-Age=120") && set.contains("; HttpOnly"), "{set}");
    assert!(set.starts_with("tagout=") && set.contains("; SameSite=Lax"), "{set}");
}

#[test]
fn over_tls_the_cookie_and_the_headers_say_so() {
    let url = "public_url = \"https://tagout.example/\"";
    let service = service_of(&[("ana", "viewer")], url, "");
    let mut browser = Browser::new(&service);
    let origin = [("Origin", "https://tagout.example")];
    let fields = [("name", "ana"), ("password", PASSWORD)];
    let answer = browser.post_with("/login", &fields, &origin).is(303);
    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-tagout=") && set.ends_with("; Secure"), "{set}");
    assert!(set.contains("; Path=/;") && !set.contains("Domain"), "{set}");
    let sts = answer.header("strict-transport-security");
    assert!(sts.is_some_and(|sts| sts.starts_with("max-age=")), "{answer:?}");
    assert!(browser.is_in());
    // The name that a plain connection could have set is nobody's.
    let plain = browser.cookie.unwrap().replace("__Host-", "");
    assert!(!Browser { cookie: Some(plain), ..Browser::new(&service) }.is_in());
}

#[test]
fn a_page_can_load_and_send_nothing_but_our_own() {
    let service = Service::start();
    let answer = Browser::new(&service).get("/login?next=/x").is(200);
    let policy = answer.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{answer:?}");
    }
    assert!(answer.header("strict-transport-security").is_none());
    assert!(!answer.body.contains("http"), "an asset of somebody else: {}", answer.body);
}

#[test]
fn closing_a_bypass_on_its_page_waits_for_no_pace_of_other_changes() {
    let service = service_of(&[("ana", "responder")], "", "");
    let mut ana = signed_in(&service, "ana");
    let csrf = ana.csrf();
    let mut post = |path: &str| ana.post(path, &[("csrf", &csrf)]).status;
    assert!((0..200).any(|_| post("/windows/none/close") == 429), "whoever changes is paced");
    assert_eq!(post("/stops/bypasses/byp-1/close"), 409, "there is no such bypass");
}
