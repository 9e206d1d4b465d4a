//! Steps that ask over HTTP: a real Prometheus, a real Alertmanager, and a service of the test's own
//! that keeps every byte it is sent. What it was sent, and not what the log says, tells what was done.

use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::daemons::{Alertmanager, Prometheus};
use super::faketime::library;
use super::home::Home;
use super::service::{Service, call, configuration};
use super::stage::{LIVE, Stage, home, nap};

/// Looks, restarts a worker, rebuilds its index by a job, and waits until it is up.
const WORKER: &str = r#"---
id: worker
symptoms: [A worker hangs.]
match: {alert_names: [Worker]}
risk: low
reversible: true
target: "{{id}}"
timeout: 20s
parameters:
  id: {description: The worker., from: labels.instance, pattern: '.+'}
preconditions:
  - id: known
    kind: check
    title: The alert is known to Prometheus and is no other worker's
    promql:
      endpoint: metrics
      query: 'ALERTS{alertname="Always", instance!="{{id}}", instance!~"{{id}}"}'
      holds: some
  - id: least
    kind: check
    title: One alert is counted
    promql: {endpoint: metrics, query: 'count(ALERTS{alertname="Always"})', holds: {op: "<=", value: 1}}
steps:
  - id: restart
    kind: action
    title: Restart the worker
    http:
      endpoint: workers
      method: POST
      path: /v1/workers/{{id}}/restart
      query: {why: "{{id}}", a&b: "1"}
      body: {worker: "{{id}}", force: true, tries: 2}
      expect: {status: [200, 202], json: {pointer: /state, equals: accepted}}
    undo: {http: {endpoint: workers, method: DELETE, path: "/v1/workers/{{id}}/restart"}}
  - id: index
    kind: action
    title: Rebuild its index
    job:
      start: {endpoint: workers, method: POST, path: /jobs, body: {of: "{{id}}"}}
      id: /id
      poll: {path: "/jobs/{job}", every: 1s, state: /status, succeeded: [done], failed: [broken]}
verification:
  - id: is-up
    kind: check
    title: The worker is up
    http: {endpoint: workers, path: "/v1/workers/{{id}}", expect: {json: {pointer: /up, equals: true}}}
    until: {every: 1s}
  - id: quiet
    kind: check
    title: No such alert is left
    alertmanager: {endpoint: alerts, filter: ['alertname="Gone"', 'instance="{{id}}"'], holds: none}
---
# A worker hangs
"#;

pub(crate) const TOKEN: &str = "a-token-for-the-workers";

/// A request as it came: the line, and the body.
type Came = (String, String);

/// The head and the body of a request.
pub(crate) fn received(stream: &mut impl Read) -> Option<(String, String)> {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let Ok(length @ 1..) = stream.read(&mut buffer) else { return None };
        read.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()
        });
        if body.len() >= length.unwrap_or(0) {
            return Some((head.to_owned(), body.to_owned()));
        }
    }
}

pub(crate) fn say(stream: &mut TcpStream, status: &str, body: &Value) {
    let body = body.to_string();
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close");
    drop(write!(stream, "{head}\r\n\r\n{body}"));
}

/// A service that answers by what is asked, and keeps what it was sent.
#[derive(Clone)]
pub(crate) struct Workers {
    pub(crate) address: String,
    came: Arc<Mutex<Vec<Came>>>,
    /// Whether each request brought the token.
    shown: Arc<Mutex<Vec<bool>>>,
}

/// A service of the test's own at an address of this machine, which answers each connection beside
/// the others.
pub(crate) fn served<S: Clone + Send + 'static>(
    new: impl FnOnce(String) -> S,
    answer: fn(&S, TcpStream),
) -> S {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let service = new(format!("http://{}", listener.local_addr().unwrap()));
    let one = service.clone();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let one = one.clone();
            thread::spawn(move || answer(&one, stream));
        }
    });
    service
}

/// A Prometheus with one alert that fires from its first second on, and an Alertmanager with another.
/// The first second is still to come.
pub(crate) fn daemons() -> (Runtime, Prometheus, Alertmanager) {
    let runtime = Runtime::new().unwrap();
    let rules = "[{alert: Always, expr: vector(1), labels: {instance: other}}]";
    let metrics = runtime.block_on(Prometheus::start(rules, None, "{}"));
    let alerts = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
    let alerts = runtime.block_on(Alertmanager::start(alerts));
    runtime.block_on(alerts.fire(&[json!({"alertname": "Gone", "instance": "other"})]));
    (runtime, metrics, alerts)
}

impl Workers {
    pub(crate) fn start() -> Self {
        let new = |address| Self { address, came: Arc::default(), shown: Arc::default() };
        served(new, Self::answer)
    }

    fn answer(&self, mut stream: TcpStream) {
        let Some((head, body)) = received(&mut stream) else { return };
        let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
        let shown = head.contains(&format!("Bearer {TOKEN}"));
        let times = {
            let mut came = self.came.lock().unwrap();
            came.push((line.clone(), body.clone()));
            self.shown.lock().unwrap().push(shown);
            came.iter().filter(|(one, _)| *one == line).count()
        };
        let sent = body;
        let (status, body) = match line.as_str() {
            // Read, and never answered.
            line if line.contains("/mute") => return nap(30_000),
            // Read, and hung up on.
            line if line.contains("/dead") => return,
            line if line.contains("/busy") => ("409 Conflict", json!({"state": "busy"})),
            line if line.contains("/api/v1/query") => {
                let text = json!([0, format!("Bearer {TOKEN}")]);
                (
                    "200 OK",
                    json!({"status": "success", "data": {"resultType": "string", "result": text}}),
                )
            }
            "POST /jobs" if sent.contains("broken") => ("201 Created", json!({"id": 18})),
            "GET /jobs/18" => ("200 OK", json!({"status": "broken"})),
            "POST /jobs" => ("201 Created", json!({"id": 17})),
            "GET /jobs/17" if times < 2 => ("200 OK", json!({"status": "running"})),
            "GET /jobs/17" => ("200 OK", json!({"status": "done"})),
            line if line.starts_with("POST") => {
                ("202 Accepted", json!({"state": "accepted", "token": TOKEN}))
            }
            _ => ("200 OK", json!({"up": times > 1, "token": TOKEN})),
        };
        say(&mut stream, status, &body);
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }
}

/// A home with the page, whose steps may ask these.
fn asking(workers: &str, metrics: &str, alerts: &str) -> Home {
    let home = home("live", LIVE);
    home.write("book/worker.md", WORKER);
    let token = home.write("token", TOKEN);
    let execution = format!(
        "[execution.endpoints.workers]\nurl = \"{workers}\"\nbearer = {{ file = {token:?} }}\n\
         methods = {{ GET = \"low\", POST = \"medium\", DELETE = \"medium\" }}\n\
         [execution.endpoints.metrics]\nurl = \"{metrics}\"\nmethods = {{ GET = \"low\" }}\n\
         [execution.endpoints.alerts]\nurl = \"{alerts}\"\nmethods = {{ GET = \"low\" }}\n"
    );
    let text = format!("mode = \"live\"\n{}", configuration("", &execution));
    home.write("state/tagout/tagout.toml", text);
    home
}

pub(crate) fn live(home: Home) -> Stage {
    let stage = Stage::closed(home);
    stage.admit("worker").is(200);
    stage.release();
    stage
}

/// The steps that look at Prometheus and Alertmanager are left out.
fn acting(workers: &Workers) -> Stage {
    acting_under(workers, LIVE)
}

fn acting_under(workers: &Workers, policy: &str) -> Stage {
    let home = asking(&workers.address, "http://127.0.0.1:1", "http://127.0.0.1:1");
    let (before, rest) = WORKER.split_once("preconditions:").unwrap();
    let (_, steps) = rest.split_once("steps:").unwrap();
    home.write("book/worker.md", format!("{before}steps:{steps}"));
    home.write("policy.toml", format!("{}{policy}", super::home::POLICY));
    live(home)
}

#[test]
fn a_plan_asks_exactly_what_people_see_and_a_value_stays_a_value_whatever_it_holds() {
    let (_runtime, metrics, alerts) = daemons();
    let workers = Workers::start();
    let stage = live(asking(&workers.address, &metrics.url(), &alerts.url()));
    // Nothing that a query, JSON, PromQL or a pattern would take for its own ends anything.
    let id = r#"w 1"}] or vector(1)#;x&y=z?.*|{'é"#;
    // The rule is evaluated each second; a check before its first time would not hold.
    nap(2000);
    let incident = stage.alert("Worker", id, "0");
    let plan = stage.plan(&incident);
    let encoded = "w%201%22%7D%5D%20or%20vector%281%29%23%3Bx%26y%3Dz%3F.%2A%7C%7B%27%C3%A9";
    let restart = format!("/v1/workers/{encoded}/restart?a%26b=1&why={encoded}");
    assert_eq!(plan["steps"][0]["work"]["http"]["target"], restart.as_str(), "{plan}");
    assert_eq!(plan["steps"][0]["work"]["http"]["base"], workers.address.as_str());
    stage.until(&incident, "completed");
    let body = |name: &str| json!({name: id}).to_string();
    let restarted = json!({"worker": id, "force": true, "tries": 2}).to_string();
    let expected = [
        (format!("POST {restart}"), restarted),
        ("POST /jobs".to_owned(), body("of")),
        ("GET /jobs/17".to_owned(), String::new()),
        ("GET /jobs/17".to_owned(), String::new()),
        (format!("GET /v1/workers/{encoded}"), String::new()),
        (format!("GET /v1/workers/{encoded}"), String::new()),
    ];
    assert_eq!(workers.came(), expected);
    assert!(workers.shown.lock().unwrap().iter().all(|shown| *shown));
    let trail = serde_json::to_string(&stage.service.home.trail()).unwrap();
    assert!(!trail.contains(TOKEN) && trail.contains("[redacted]"), "{trail}");
    assert!(trail.contains("job 17 was started") && trail.contains("looked 2 times"), "{trail}");
    // What is shown of a plan is what was sent.
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    assert!(page.contains(&format!("{}{}", workers.address, restart.split('?').next().unwrap())));
    stage.service.stop().assert_log_holds();
}

#[test]
fn after_a_pause_what_was_to_hold_is_asked_again_before_anything_else() {
    let workers = Workers::start();
    let home = asking(&workers.address, "http://127.0.0.1:1", "http://127.0.0.1:1");
    let (before, rest) = WORKER.split_once("preconditions:").unwrap();
    let (_, steps) = rest.split_once("steps:").unwrap();
    let (restart, _) = steps.split_once("  - id: index").unwrap();
    let known = "  - {id: known, kind: check, title: It is known, \
                 http: {endpoint: workers, path: \"/v1/workers/{{id}}\"}}";
    let person = "  - {id: drain, kind: manual, title: Take it out of rotation}";
    let page = format!(
        "{before}preconditions:\n{known}\nsteps:\n{person}{restart}---\n# A worker hangs\n"
    );
    home.write("book/worker.md", page);
    let stage = live(home);
    let incident = stage.alert("Worker", "one", "0");
    stage.approve(&incident);
    stage.wait("the step for a person", || {
        stage.steps().first().is_some_and(|open| open["step"] == "drain")
    });
    // More than a minute later, by the clock of another process.
    let (home, ada, ben) = stage.kill();
    let call = call(&home)
        .env("LD_PRELOAD", library().to_str().unwrap())
        .env("FAKETIME", "+90s")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let service = Service::of(home, call);
    let stage = Stage { ada: ada.at(&service), ben: ben.at(&service), service };
    stage.wait("the step for a person", || {
        stage.steps().first().is_some_and(|open| open["step"] == "drain")
    });
    stage.resolve(&stage.steps()[0], "ran").is(200);
    stage.until(&incident, "completed");
    let told = stage.told(&incident);
    let again = told.iter().position(|said| said == "end known@2 succeeded");
    let restart = told.iter().position(|said| said == "start restart");
    assert!(again.is_some() && again < restart, "{told:?}");
    let came: Vec<_> = workers.came().into_iter().map(|(line, _)| line).collect();
    assert_eq!(came[..2], ["GET /v1/workers/one", "GET /v1/workers/one"]);
    assert!(came.len() == 3 && came[2].starts_with("POST /v1/workers/one/restart"), "{came:?}");
    stage.service.stop().assert_log_holds();
}

#[test]
fn a_request_that_gets_no_answer_is_unknown_and_is_never_sent_again() {
    let workers = Workers::start();
    let stage = acting(&workers);
    let dead = stage.alert("Worker", "dead", "0");
    let mute = stage.alert("Worker", "mute", "0");
    let busy = stage.alert("Worker", "busy", "0");
    stage.until(&busy, "failed");
    assert_eq!(stage.told(&busy), ["start restart", "end restart failed", "plan failed"]);
    stage.wait("that the first is unknown", || stage.told(&dead).contains(&"lost restart".into()));
    stage.wait("that all came", || workers.came().len() == 3);
    assert_eq!(stage.told(&mute), ["start restart"]);
    // A stop ends the waiting at once. Whether it was done, nobody knows.
    let before = Instant::now();
    stage.ben.post("/v1/halt", &json!({"reason": "wrong worker"})).is(200);
    stage.wait("that the second is unknown", || stage.told(&mute).contains(&"lost restart".into()));
    assert!(before.elapsed() < Duration::from_secs(10), "it took {:?}", before.elapsed());
    stage.release();
    nap(1500);
    assert_eq!(workers.came().len(), 3, "{:?}", workers.came());
    let open = stage.steps().into_iter().find(|step| step["incident"] == dead.as_str()).unwrap();
    assert_eq!(open["state"], "unknown");
    stage.resolve(&open, "did_not_run").is(200);
    stage.until(&dead, "failed");
    assert_eq!(workers.came().len(), 3);
    stage.service.stop().assert_log_holds();
}

#[test]
fn after_a_job_that_fails_what_was_asked_before_is_taken_back_by_its_own_request() {
    let workers = Workers::start();
    let stage = acting_under(&workers, &format!("{LIVE}step_failure = \"undo\"\n"));
    let incident = stage.alert("Worker", "broken", "0");
    stage.until(&incident, "pending_review");
    let told = stage.told(&incident);
    let steps = ["start restart", "end restart succeeded", "start index", "end index failed"];
    assert_eq!(told[..4], steps, "{told:?}");
    let plan = stage.plan(&incident);
    assert_eq!(plan["steps"].as_array().unwrap().len(), 1, "{plan}");
    assert_eq!(plan["steps"][0]["work"]["http"]["method"], "DELETE", "{plan}");
    let lines = |workers: &Workers| -> Vec<_> {
        workers.came().into_iter().map(|(line, _)| line).collect()
    };
    let before = lines(&workers);
    assert_eq!(
        before[1..],
        ["POST /jobs", "GET /jobs/18"],
        "nothing is asked before people say so"
    );
    stage.approve(&incident);
    stage.until(&incident, "completed");
    let came = lines(&workers);
    assert_eq!(came[before.len()..], ["DELETE /v1/workers/broken/restart"]);
    assert!(workers.shown.lock().unwrap().iter().all(|shown| *shown));
    let trail = serde_json::to_string(&stage.service.home.trail()).unwrap();
    assert!(trail.contains("job 18 was started"), "{trail}");
    stage.service.stop().assert_log_holds();
}

#[test]
fn a_value_that_would_leave_its_place_makes_no_plan_and_a_method_that_is_not_allowed_no_live_one() {
    let workers = Workers::start();
    let stage = acting(&workers);
    for id in ["..", "../admin", "a/b", "a\\b", "%2e%2e", "{{id}}"] {
        let incident = stage.alert("Worker", id, "0");
        assert_eq!(stage.state(&incident), "with_people", "{id}");
    }
    assert!(workers.came().is_empty());
    let home = stage.service.home.path("state/tagout/tagout.toml");
    let text = std::fs::read_to_string(home).unwrap();
    let less = text.replace("POST = \"medium\", ", "");
    let home = asking(&workers.address, "http://127.0.0.1:1", "http://127.0.0.1:1");
    home.write("state/tagout/tagout.toml", less);
    let stage = live(home);
    let standing = stage.admission("worker").to_string();
    assert!(standing.contains("POST may not be used at endpoint workers"), "{standing}");
    let incident = stage.alert("Worker", "one", "0");
    stage.until(&incident, "rehearsed");
    assert!(workers.came().is_empty());
    let home = asking(&workers.address, "http://127.0.0.1:1", "http://127.0.0.1:1");
    let check = super::service::with_secrets(home.tagout(&["config", "check"])).done().ok();
    let words = "GET at least low tier, POST at least medium tier, DELETE at least medium tier";
    assert!(check.stdout.contains(words), "{}", check.stdout);
    assert!(!check.stdout.contains(TOKEN));
}
