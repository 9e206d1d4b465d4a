//! What attackers do, by name.

use super::browser::{Browser, PASSWORD, body, service_of, signed_in, with_ana};
use super::http::Request;
use super::people::Plan;

#[test]
fn attack_cross_site_request() {
    let service = with_ana();
    let mut browser = signed_in(&service, "ana");
    let csrf = browser.csrf();
    let new = "attacker's own password";
    let change = [("password", PASSWORD), ("new", new), ("again", new)];
    // A page of somebody else has the browser send a form, and the cookie goes along.
    let evil: [&[(&str, &str)]; 5] = [
        &[("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Origin", "http://tagout.evil.example")],
        &[],
    ];
    for headers in evil {
        browser.post_with("/password", &change, headers).fails_with(403);
        browser.post_with("/logout", &[], headers).fails_with(403);
    }
    // It cannot know the token; one of another session, or none, or two, will not do.
    let other = signed_in(&service, "ana").csrf();
    assert_ne!(other, csrf);
    for wrong in [other.as_str(), "", "x"] {
        let fields: Vec<_> = [("csrf", wrong)].into_iter().chain(change).collect();
        browser.post("/password", &fields).fails_with(403);
    }
    let twice: Vec<_> =
        [("csrf", "x"), ("csrf", csrf.as_str())].into_iter().chain(change).collect();
    browser.post("/password", &twice).fails_with(403);
    // Not even with the right token from another place.
    let right: Vec<_> = [("csrf", csrf.as_str())].into_iter().chain(change).collect();
    for headers in &evil[..4] {
        browser.post_with("/password", &right, headers).fails_with(403);
    }
    assert!(browser.is_in(), "nothing has changed");
    browser.post("/password", &right).is(303);
}

#[test]
fn attack_cross_site_request_that_approves_a_plan() {
    let service = service_of(&[("ana", "approver")], "", "");
    let plan = Plan::for_one(&service, "host-1");
    let mut browser = signed_in(&service, "ana");
    let (csrf, cookie) = (browser.csrf(), browser.cookie.clone().unwrap());
    let page = format!("/incidents/{}/review/{}/approve", plan.incident, plan.digest);
    let bare = [("mode", "dry-run"), ("reason", "because")];
    let with_token = [&bare[..], &[("csrf", csrf.as_str())]].concat();
    let evil: [&[(&str, &str)]; 3] = [
        &[("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", "http://tagout:81"), ("Sec-Fetch-Site", "same-site")],
        &[("Origin", "null")],
    ];
    for headers in evil {
        browser.post_with(&page, &bare, headers).fails_with(403);
        browser.post_with(&page, &with_token, headers).fails_with(403);
    }
    // A page of ours that does not hold what proves that it is of this session.
    browser.post(&page, &bare).fails_with(403);
    // The same at the interface, by what a browser keeps.
    for kind in ["text/plain", "application/json"] {
        let request = Request::new("POST", &plan.path("approve")).header("Cookie", &cookie);
        let request = request.header("Content-Type", kind).body(r#"{"mode":"dry_run"}"#);
        request.send(&service.address).fails_with(403);
    }
    assert_eq!(service.decided(&plan.incident)["summary"]["state"], "pending_review");
    browser.post(&page, &with_token).is(303);
    assert_eq!(service.stop().count("review_given"), 1);
}

#[test]
fn attack_cross_site_request_without_a_form() {
    let service = with_ana();
    let mut browser = signed_in(&service, "ana");
    let (csrf, cookie) = (browser.csrf(), browser.cookie.clone().unwrap());
    let post = |kind: &str, text: String, header: Option<&str>| {
        let request = Request::new("POST", "/logout").header("Cookie", &cookie);
        let request = request.header("Content-Type", kind);
        let request = header.into_iter().fold(request, |r, value| r.header("X-CSRF-Token", value));
        request.body(text).send(&service.address)
    };
    post("text/plain", body(&[("csrf", &csrf)]), None).fails_with(403);
    post("application/json", format!("{{\"csrf\":\"{csrf}\"}}"), None).fails_with(403);
    let form = "application/x-www-form-urlencoded";
    post(form, "x".repeat(tagout_core::limits::FORM_BYTES + 1), None).fails_with(413);
    post("application/json", String::new(), Some("wrong")).fails_with(403);
    assert!(browser.is_in());
    post("application/json", String::new(), Some(&csrf)).is(303);
    assert!(!browser.is_in());
}

#[test]
fn attack_signing_somebody_in_as_the_attacker() {
    let service = service_of(&[("mallory", "viewer")], "", "");
    let mut victim = Browser::new(&service);
    let fields = [("name", "mallory"), ("password", PASSWORD)];
    for headers in [
        &[("Origin", "http://evil.example")][..],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site")],
    ] {
        victim.post_with("/login", &fields, headers).fails_with(403);
        assert!(victim.cookie.is_none());
    }
}

#[test]
fn attack_open_redirect() {
    let service = with_ana();
    let to = |next: &str| {
        let mut browser = Browser::new(&service);
        let fields = [("name", "ana"), ("password", PASSWORD), ("next", next)];
        let answer = browser.post("/login", &fields).is(303);
        answer.header("location").unwrap().to_owned()
    };
    assert_eq!(to("/v1/incidents?state=open"), "/v1/incidents?state=open");
    for evil in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\/evil.example/",
        "/\t/evil.example",
        "\r\nSet-Cookie: tagout=evil",
        "javascript:alert(1)",
    ] {
        assert_eq!(to(evil), "/", "{evil:?}");
    }
    // The page itself hands on no other place either.
    let page = Browser::new(&service).get("/login?next=//evil.example").is(200).body;
    assert!(!page.contains("evil"), "{page}");
}

#[test]
fn attack_two_tabs_after_logout() {
    let service = with_ana();
    let mut one = signed_in(&service, "ana");
    // The other tab has its page open, and an attacker at the machine keeps the cookie.
    let (mut two, csrf) = (one.clone(), one.csrf());
    one.sign_out().is(303);
    assert!(!two.is_in());
    two.get("/v1/incidents").fails_with(401);
    let new = "another long password";
    let fields = [("csrf", csrf.as_str()), ("password", PASSWORD), ("new", new), ("again", new)];
    let answer = two.post("/password", &fields).is(303);
    assert!(answer.header("location").unwrap().starts_with("/login"), "{answer:?}");
    Browser::new(&service).sign_in("ana", PASSWORD).is(303);
    // Signing in again in one tab makes no page of the other's good again.
    let mut three = signed_in(&service, "ana");
    three.post("/password", &fields).fails_with(403);
}

#[test]
fn attack_session_fixation() {
    let service = service_of(&[("ana", "viewer"), ("mallory", "viewer")], "", "");
    // A value that the attacker made up, and a session of the attacker's own.
    let theirs = signed_in(&service, "mallory");
    for planted in [
        "tagout=QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE".to_owned(),
        theirs.cookie.clone().unwrap(),
    ] {
        let mut victim = Browser { cookie: Some(planted.clone()), ..Browser::new(&service) };
        victim.sign_in("ana", PASSWORD).is(303);
        assert_ne!(victim.cookie.as_ref(), Some(&planted), "the session is the planted one");
        let mut attacker = Browser { cookie: Some(planted), ..Browser::new(&service) };
        assert!(!attacker.is_in());
        assert!(victim.is_in());
    }
    // Of two cookies, one of which somebody else must have set, none counts.
    let victim = signed_in(&service, "ana").cookie.unwrap();
    let both = format!("{victim}; tagout=QUFB");
    assert!(!Browser { cookie: Some(both), ..Browser::new(&service) }.is_in());
}

#[test]
fn attack_guessing_a_password() {
    let service = with_ana();
    let mut refused = 0;
    for guess in 0..40 {
        let answer = Browser::new(&service).sign_in("ana", &format!("guess number {guess}"));
        match answer.status {
            403 => assert_eq!(refused, 0, "a guess after the limit"),
            429 => {
                let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=60).contains(&wait), "{wait}");
                refused += 1;
            }
            _ => panic!("{answer:?}"),
        }
    }
    assert!(refused >= 25, "{refused} of 40 were refused");
    // Not even the right one is taken now, so that it is no guess like another.
    Browser::new(&service).sign_in("ana", PASSWORD).is(429);
}

#[test]
fn attack_finding_out_who_is_known() {
    let service = with_ana();
    let hashes = || service.metric("tagout_password_hashes_total").unwrap_or(0.0);
    let tried = |name: &str| {
        let before = hashes();
        let answer = Browser::new(&service).sign_in(name, "a wrong password").is(403);
        // The page says what time it is.
        let page = answer.body.replace(name, "NAME").replace(|c: char| c.is_ascii_digit(), "");
        (page, hashes() - before)
    };
    let (known, slow) = tried("ana");
    assert!(slow > 0.0, "nothing slow was done");
    // The same words, and the same slow work, which is nearly all that takes time.
    for unknown in ["bob", "admin2", "api", "an\u{200b}a", ""] {
        let answer = Browser::new(&service).sign_in(unknown, "a wrong password");
        assert_eq!(answer.status, 403, "{unknown:?}");
        if unknown.len() == 3 {
            assert_eq!(tried(unknown), (known.clone(), slow), "{unknown:?}");
        }
    }
}
