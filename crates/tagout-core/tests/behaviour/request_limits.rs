//! The limits of what is asked over HTTP, each at the limit and one past it: how long a path, a
//! query and what they become may be, and how often it is looked again.

use serde_json::json;
use tagout_core::job::JobSource;
use tagout_core::limits;
use tagout_core::parameter::Values;
use tagout_core::query::{AlertmanagerSource, PromqlSource};
use tagout_core::request::HttpSource;
use tagout_core::time::Span;

use crate::house::flaws;

const MOST: usize = limits::TARGET_BYTES;

fn values(value: &str) -> Values {
    [("x".to_owned(), value.to_owned())].into()
}

/// A job whose path of so many bytes is asked so often.
fn job(path: usize, every: &str) -> JobSource {
    serde_json::from_value(json!({
        "start": {"endpoint": "one", "method": "POST", "path": "/jobs"}, "id": "/id",
        "poll": {"path": format!("/{}/{{job}}", "a".repeat(path)), "every": every, "state": "/s",
                 "succeeded": ["a"], "failed": ["b"]},
    }))
    .unwrap()
}

#[test]
fn the_path_of_a_request_is_held_to_its_limit_as_it_is_written_and_as_it_is_sent() {
    let http = |path: usize, query: bool| -> HttpSource {
        let mut source = json!({"endpoint": "one", "path": format!("/{}", "a".repeat(path - 1))});
        if query {
            source["query"] = json!({"q": "{{x}}"});
        }
        serde_json::from_value(source).unwrap()
    };
    assert!(http(MOST, false).check().is_ok() && http(MOST + 1, false).check().is_err());
    // `?q=` and a value come to it.
    let sent = |path: usize| http(path, true).check().unwrap().bind(&values("b"));
    assert_eq!(sent(MOST - 4).unwrap().target.len(), MOST);
    assert!(sent(MOST - 3).is_err());
    // So does the id of a job, which the other side gives.
    let job = job(16, "5s").check().unwrap().bind(&values("b")).unwrap();
    let id = |more: usize| "i".repeat(MOST - 18 + more);
    assert_eq!(job.look(&id(0)).unwrap().target.len(), MOST);
    assert!(job.look(&id(1)).is_err());
}

#[test]
fn a_query_is_held_to_its_limit_as_it_is_written_and_as_it_is_asked() {
    // A value of four letters is shorter than its place, and one of six longer.
    let query = |length: usize| -> PromqlSource {
        let name = "a".repeat(length - r#"{a="{{x}}"}"#.len());
        let query = format!(r#"{name}{{a="{{{{x}}}}"}}"#);
        serde_json::from_value(json!({"endpoint": "p", "query": query, "holds": "some"})).unwrap()
    };
    assert!(query(MOST).check().is_ok() && query(MOST + 1).check().is_err());
    let asked = |value: &str| query(MOST).check().unwrap().bind(&values(value));
    assert!(asked("fives").is_ok() && asked("sixsix").is_err());
    // All matchers of one question together, as they are sent.
    let filter = |last: usize| {
        let matcher = |length: usize| format!("a=\"{}\"", "b".repeat(length));
        let filter = [matcher(MOST - 4), matcher(MOST - 4), matcher(last)];
        let source = json!({"endpoint": "a", "filter": filter, "holds": "some"});
        let source: AlertmanagerSource = serde_json::from_value(source).unwrap();
        source.check().unwrap().bind(&values("b")).map(|query| query.request.target.len())
    };
    let left = 3 * MOST - filter(0).unwrap();
    assert_eq!(filter(left), Ok(3 * MOST));
    assert!(filter(left + 1).is_err());
}

#[test]
fn a_check_that_waits_and_a_job_look_again_between_a_second_and_an_hour() {
    let waits = |every: &str| {
        flaws(&json!({"steps": [{
            "id": "s", "kind": "check", "title": "t", "timeout": "2h",
            "http": {"endpoint": "one", "path": "/"}, "until": {"every": every},
        }]}))
    };
    let (least, most) = limits::LOOK_INTERVAL;
    assert_eq!((least, most), (Span::from_secs(1), Span::from_secs(3600)));
    for (every, good) in [("1s", true), ("999ms", false), ("3600s", true), ("3601s", false)] {
        assert_eq!(job(1, every).check().is_ok(), good, "{every}");
        let flaws = waits(every);
        assert_eq!(flaws.is_empty(), good, "{every}: {flaws:?}");
    }
}
