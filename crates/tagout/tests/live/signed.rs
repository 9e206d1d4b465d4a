//! Jobs of a service that answers as AWS Systems Manager does: it works the signature of each request
//! out again from the bytes that came, and does nothing for one whose signature is another.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tagout_core::digest::to_hex;

use super::asking::{live, received, say, served};
use super::service::configuration;
use super::stage::{LIVE, Stage, home};

const PAGE: &str = r#"---
id: worker
symptoms: [A worker hangs.]
match: {alert_names: [Worker]}
risk: low
reversible: true
target: "{{id}}"
timeout: 20s
parameters:
  id: {description: The instance., from: labels.instance, pattern: 'i-[0-9a-f]+'}
steps:
  - id: restart
    kind: action
    title: Restart the worker
    job:
      start: {endpoint: ssm, method: POST, path: /AmazonSSM.SendCommand, body: {DocumentName: AWS-RunShellScript, InstanceIds: ["{{id}}"], Parameters: {commands: [systemctl restart worker]}}}
      id: /Command/CommandId
      poll: {path: /AmazonSSM.GetCommandInvocation, body: {CommandId: "{job}", InstanceId: "{{id}}"}, every: 1s, state: /Status, succeeded: [Success], failed: [Failed, TimedOut, Cancelled]}
---
# A worker hangs
"#;

const ID: &str = "AKIDEXAMPLE";
const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "a-token/of+a-session==";

/// An operation that was asked for, and its body.
type Came = (String, Value);

#[derive(Clone)]
struct SystemsManager {
    address: String,
    came: Arc<Mutex<Vec<Came>>>,
}

impl SystemsManager {
    fn start() -> Self {
        served(|address| Self { address, came: Arc::default() }, Self::answer)
    }

    fn answer(&self, mut stream: TcpStream) {
        let Some((head, body)) = received(&mut stream) else { return };
        let (operation, body) = match checked(&head, &body) {
            Ok(asked) => asked,
            Err(why) => {
                let said = json!({"__type": "InvalidSignatureException", "message": why});
                return say(&mut stream, "400 Bad Request", &said);
            }
        };
        let times = {
            let mut came = self.came.lock().unwrap();
            came.push((operation.clone(), body.clone()));
            came.iter().filter(|one| one.0 == operation && one.1 == body).count()
        };
        let (status, answer) = match (operation.as_str(), times) {
            ("SendCommand", _) => {
                let instance = body["InstanceIds"][0].as_str().unwrap();
                ("200 OK", json!({"Command": {"CommandId": format!("c-{instance}")}}))
            }
            // A command that is new is not known everywhere yet.
            (_, 1) => ("400 Bad Request", json!({"__type": "InvocationDoesNotExist"})),
            (_, 2) => ("200 OK", json!({"Status": "InProgress", "StandardOutputContent": TOKEN})),
            _ if body["InstanceId"] == "i-bad" => ("200 OK", json!({"Status": "Failed"})),
            _ => ("200 OK", json!({"Status": "Success", "StandardOutputContent": TOKEN})),
        };
        say(&mut stream, status, &answer);
    }

    /// What was asked for one instance.
    fn came(&self, instance: &str) -> Vec<Came> {
        let came = self.came.lock().unwrap().clone();
        came.into_iter().filter(|(_, body)| body.to_string().contains(instance)).collect()
    }
}

/// The operation and the body, if what came is signed as it has to be.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
fn checked(head: &str, body: &str) -> Result<Came, String> {
    let mut lines = head.lines();
    let line = lines.next().unwrap();
    if line != "POST / HTTP/1.1" {
        return Err(format!("{line} is no request of the protocol"));
    }
    let mut headers = BTreeMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        if headers.insert(name.to_lowercase(), value.to_owned()).is_some() {
            return Err(format!("{name} came twice"));
        }
    }
    let header = |name: &str| headers.get(name).cloned().ok_or(format!("{name} is missing"));
    let (date, authorization) = (header("x-amz-date")?, header("authorization")?);
    let sent = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", &date).unwrap();
    let sent = sent.to_datetime().unwrap().to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    if (jiff::Timestamp::now() - sent).total(jiff::Unit::Second).unwrap().abs() > 300.0 {
        return Err(format!("{date} is not now"));
    }
    if header("content-type")? != "application/x-amz-json-1.1"
        || header("x-amz-security-token")? != TOKEN
    {
        return Err("the type or the token is another".to_owned());
    }
    let signed = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
    let mut canonical = "POST\n/\n\n".to_owned();
    for name in signed.split(';') {
        canonical.push_str(&format!("{name}:{}\n", header(name)?));
    }
    canonical.push_str(&format!("\n{signed}\n{}", to_hex(&Sha256::digest(body))));
    let scope = format!("{}/eu-central-1/ssm/aws4_request", &date[..8]);
    let text = to_hex(&Sha256::digest(&canonical));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{text}");
    let first = format!("AWS4{KEY}").into_bytes();
    let signature = scope.split('/').chain([text.as_str()]).fold(first, |key, part| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(part.as_bytes());
        mac.finalize().into_bytes().to_vec()
    });
    let signature = to_hex(&signature);
    let wanted = format!(
        "AWS4-HMAC-SHA256 Credential={ID}/{scope}, SignedHeaders={signed}, Signature={signature}"
    );
    if authorization != wanted {
        return Err(format!("{authorization} should be of {canonical}"));
    }
    let target = header("x-amz-target")?;
    let operation = target.strip_prefix("AmazonSSM.").ok_or(format!("{target} is unknown"))?;
    Ok((operation.to_owned(), serde_json::from_str(body).unwrap()))
}

fn managed(manager: &SystemsManager, key: &str) -> Stage {
    managed_by(manager, key, PAGE)
}

fn managed_by(manager: &SystemsManager, key: &str, page: &str) -> Stage {
    let home = home("live", LIVE);
    home.write("book/worker.md", page);
    let (id, key, token) =
        (home.write("id", ID), home.write("key", key), home.write("session", TOKEN));
    let endpoint = format!(
        "[execution.endpoints.ssm]\nurl = \"{}\"\nmethods = {{ POST = \"medium\" }}\n\
         [execution.endpoints.ssm.aws]\nregion = \"eu-central-1\"\nservice = \"ssm\"\n\
         access_key = {{ file = {id:?} }}\nsecret_key = {{ file = {key:?} }}\n\
         session_token = {{ file = {token:?} }}\n",
        manager.address
    );
    let text = format!("mode = \"live\"\n{}", configuration("", &endpoint));
    home.write("state/tagout/tagout.toml", text);
    live(home)
}

#[test]
fn a_job_of_systems_manager_is_started_and_asked_by_signed_requests_until_it_is_over() {
    let manager = SystemsManager::start();
    let stage = managed(&manager, KEY);
    let good = stage.alert("Worker", "i-0abc", "0");
    let bad = stage.alert("Worker", "i-bad", "0");
    let page = stage.ben.get(&format!("/incidents/{good}")).is(200).body;
    assert!(page.contains("AmazonSSM.GetCommandInvocation"), "{page}");
    stage.until(&good, "completed");
    stage.until(&bad, "failed");
    for instance in ["i-0abc", "i-bad"] {
        let start = json!({
            "DocumentName": "AWS-RunShellScript", "InstanceIds": [instance],
            "Parameters": {"commands": ["systemctl restart worker"]},
        });
        let look = json!({"CommandId": format!("c-{instance}"), "InstanceId": instance});
        let look = || ("GetCommandInvocation".to_owned(), look.clone());
        let expected = [("SendCommand".to_owned(), start), look(), look(), look()];
        assert_eq!(manager.came(instance), expected);
    }
    let trail = serde_json::to_string(&stage.service.home.trail()).unwrap();
    assert!(trail.contains("c-i-0abc was started") && trail.contains("[redacted]"), "{trail}");
    assert!(![KEY, TOKEN, "Signature="].iter().any(|secret| trail.contains(secret)), "{trail}");
    stage.service.stop().assert_log_holds();
}

#[test]
fn a_start_that_the_service_takes_for_forged_fails_and_tells_no_secret() {
    let manager = SystemsManager::start();
    let stage = managed(&manager, "another-key");
    let incident = stage.alert("Worker", "i-0abc", "0");
    stage.until(&incident, "failed");
    assert!(manager.came("i-0abc").is_empty());
    // As AWS does, it answers with what should have been signed, the token in it.
    let trail = serde_json::to_string(&stage.service.home.trail()).unwrap();
    assert!(trail.contains("InvalidSignatureException"), "{trail}");
    assert!(!trail.contains(TOKEN) && !trail.contains("another-key"), "{trail}");
    stage.service.stop().assert_log_holds();
}

#[test]
fn a_page_whose_path_names_no_operation_is_told_of_before_it_is_admitted_and_makes_dry_runs() {
    let manager = SystemsManager::start();
    let page = PAGE.replace("/AmazonSSM.SendCommand", "/v1/commands");
    let stage = managed_by(&manager, KEY, &page);
    let admission = stage.ada.get("/v1/runbooks/worker/admission").is(200).json();
    let told = admission["in_the_way"].to_string();
    assert!(told.contains("/v1/commands names no operation of AWS"), "{admission}");
    let incident = stage.alert("Worker", "i-0abc", "0");
    stage.until(&incident, "rehearsed");
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    assert!(page.contains("/v1/commands names no operation of AWS"), "{page}");
    assert!(manager.came("i-0abc").is_empty());
    stage.service.stop().assert_log_holds();
}
