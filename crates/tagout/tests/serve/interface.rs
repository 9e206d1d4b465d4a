//! What is common to all answers, and the description of the interface.

use std::fs;
use std::path::Path;

use super::http::Request;
use super::service::{FIRING, SECRET, Service};

#[test]
fn every_error_is_a_problem() {
    let service = Service::start();
    service.get("/nowhere").fails_with(404);
    service.get("/assets/tagout.css").fails_with(404);
    service.get("/v1").fails_with(404);
    service.get("/v1/sources/").fails_with(404);
    let answer = Request::new("DELETE", "/livez").send(&service.address).fails_with(405);
    assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{answer:?}");
    service.get("/v1/sources/am").fails_with(405);
    service.read("/v1/incidents?limit=0").fails_with(400);
    service.read("/v1/incidents?limit=many").fails_with(400);
    service.read("/v1/incidents?colour=red").fails_with(400);
    service.read("/v1/incidents/inc-0000000000").fails_with(404);
    service.read("/v1/incidents/%ff").fails_with(400);
}

#[test]
fn a_sane_request_id_comes_back_and_any_other_is_replaced() {
    let service = Service::start();
    let with = |id: &str| {
        let request = Request::new("GET", "/nowhere").header("X-Request-Id", id);
        request.send(&service.address).fails_with(404)
    };
    assert_eq!(with("abc-123").header("x-request-id"), Some("abc-123"));
    for hostile in ["<script>", "a b", &"x".repeat(129)] {
        let answer = with(hostile);
        assert_ne!(answer.header("x-request-id"), Some(hostile));
        assert!(!answer.body.contains(hostile), "{answer:?}");
    }
}

#[test]
fn no_browser_can_make_anything_of_an_answer() {
    let service = Service::start();
    let answers = [
        service.get("/livez").is(200),
        service.get("/nowhere").is(404),
        service.post("am", SECRET, FIRING).is(200),
        service.read("/v1/incidents").is(200),
    ];
    for answer in answers {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{answer:?}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(answer.header("access-control-allow-origin").is_none());
    }
}

#[test]
fn more_headers_than_are_read_are_refused() {
    let service = Service::start();
    let with = |count: usize| {
        // Two more are sent by the client itself.
        (2..count).fold(Request::new("GET", "/livez"), |r, n| r.header(&format!("X-{n}"), "y"))
    };
    with(tagout_core::limits::HEADERS).send(&service.address).is(200);
    with(tagout_core::limits::HEADERS + 1).send(&service.address).is(431);
}

/// The description, as the binary prints it.
fn printed() -> String {
    super::home::Home::new().tagout(&["serve", "--print-openapi"]).done().ok().stdout
}

#[test]
fn the_description_in_the_documentation_is_the_one_the_code_makes() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("TAGOUT_UPDATE").is_some() {
        fs::write(&file, printed()).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == printed(),
        "docs/openapi.json is out of date; run the tests once with TAGOUT_UPDATE=1"
    );
}

#[test]
fn every_route_of_the_description_is_there_and_serves_what_it_says() {
    let service = Service::start();
    let description: serde_json::Value = serde_json::from_str(&printed()).unwrap();
    assert_eq!(description["openapi"], "3.1.0");
    assert_eq!(service.read("/v1/openapi.json").is(200).json(), description);
    let mut routes = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let digest = "0".repeat(64);
            let path = path.replace("{name}", "am").replace("{id}", "inc-1");
            let path = path.replace("{digest}", &digest).replace("{n}", "0");
            let answer = Request::new(&method.to_uppercase(), &path).send(&service.address);
            let status = answer.status.to_string();
            assert!(operation["responses"].get(&status).is_some(), "{method} {path}: {answer:?}");
            assert!(![404, 405].contains(&answer.status), "{method} {path}: {answer:?}");
            routes += 1;
        }
    }
    assert_eq!(routes, 53, "a route came or went: say so in docs/service.md as well");
}
