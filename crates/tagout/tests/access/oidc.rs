//! Signing in at a real identity provider, and what must not come of it.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use tagout_core::digest::to_hex;

use super::browser::{Browser, PASSWORD, body, service_with, signed_in};
use super::http::{Answer, Request};
use super::people::Plan;
use super::service::Service;

/// How long the provider may take to begin, on a machine with other work.
const BEGINS: Duration = Duration::from_secs(40);
/// How often it is started: once in some hundred times Node was seen to hang before it listened.
const STARTS: usize = 3;

/// The provider process.
struct Provider {
    process: Child,
    address: String,
}

impl Provider {
    fn start(claims: &str) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let package = here.join("../../target/oidc-provider");
        assert!(
            package.join("node_modules/oidc-provider").exists(),
            "the identity provider is missing: run ./check, or see its line with npm install"
        );
        let mut node = Command::new("node");
        node.arg(here.join("tests/access/provider.mjs"));
        node.arg(package.canonicalize().unwrap()).arg(claims);
        let mut why = Vec::new();
        for _ in 0..STARTS {
            match Self::begun(&mut node, BEGINS) {
                Ok((process, port)) => {
                    return Self { process, address: format!("127.0.0.1:{port}") };
                }
                Err(one) => why.push(one),
            }
        }
        panic!("{}", why.join("\n"));
    }

    /// Starts it and waits for the port that it says it listens on; one that does not say so in
    /// time is ended.
    fn begun(node: &mut Command, within: Duration) -> Result<(Child, u16), String> {
        let mut process = node
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("node is needed; ./check installs it");
        let (to, said) = mpsc::channel();
        // Read to the end: it ends itself when nobody reads what it says.
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
        for output in outputs {
            let to = to.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = to.send(line);
                }
            });
        }
        drop(to);
        let (until, mut printed) = (Instant::now() + within, Vec::new());
        let why = loop {
            match said.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => match line.strip_prefix("listening ").map(str::parse) {
                    Some(Ok(port)) => return Ok((process, port)),
                    _ => printed.push(line),
                },
                Err(RecvTimeoutError::Timeout) => break format!("hung for {within:?}"),
                Err(RecvTimeoutError::Disconnected) => break "ended".to_owned(),
            }
        };
        let _ = process.kill();
        let status = process.wait().unwrap();
        let printed = printed.join("\n");
        Err(format!("the provider {why} before it listened ({status}) and said: {printed:?}"))
    }

    fn tell(&self, what: &str) {
        Request::new("GET", &format!("/test/{what}")).send(&self.address).is(200);
    }

    fn section(&self, roles: &str) -> String {
        format!(
            "[oidc]\nissuer = \"http://{}\"\nclient_id = \"tagout\"\n\
             client_secret = {{ env = \"OIDC_SECRET\" }}\nscopes = [\"profile\", \"groups\"]\n\
             groups = [\"database\", \"on-call\"]\n{roles}",
            self.address
        )
    }

    /// A service that knows Ana, who has a password, and this provider.
    fn service(&self, people: &[(&str, &str)], roles: &str) -> Service {
        let url = "public_url = \"http://tagout\"";
        let secret = ("OIDC_SECRET", "a secret: with/odd+signs%");
        service_with(people, url, &self.section(roles), &[secret])
    }

    /// Goes from where the service sends a browser to where the provider sends it back.
    fn through(&self, to: &str) -> String {
        let mut to = to.to_owned();
        let mut cookies: Vec<String> = Vec::new();
        for _ in 0..6 {
            let base = format!("http://{}", self.address);
            let path = to.strip_prefix(&base).unwrap_or(&to).to_owned();
            let request = Request::new("GET", &path).host(&self.address);
            let answer = request.header("Cookie", &cookies.join("; ")).send(&self.address);
            for set in answer.all("set-cookie") {
                cookies.push(set.split(';').next().unwrap().to_owned());
            }
            to = answer.header("location").unwrap_or_else(|| panic!("{answer:?}")).to_owned();
            if let Some(back) = to.strip_prefix("http://tagout") {
                return back.to_owned();
            }
        }
        panic!("the provider sends nobody back: {to}");
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const ROLES: &str = "roles = { sre = \"responder\", admins = \"admin\" }\n";

/// Begins a sign-in: where the provider sends this browser back to.
fn begun(provider: &Provider, browser: &mut Browser) -> String {
    let answer = browser.get("/login/oidc?next=/v1/incidents").is(303);
    let to = answer.header("location").unwrap().to_owned();
    for part in ["code_challenge_method=S256", "state=", "nonce=", "response_type=code"] {
        assert!(to.contains(part), "{to}");
    }
    provider.through(&to)
}

fn sign_in(provider: &Provider, service: &Service) -> (Browser, Answer) {
    let mut browser = Browser::new(service);
    let back = begun(provider, &mut browser);
    let answer = browser.get(&back);
    (browser, answer)
}

#[test]
fn a_provider_that_never_begins_is_given_up_loudly() {
    for (script, within, said) in [
        ("echo half; exec sleep 600", 200, "hung for 200ms"),
        ("echo half; exit 3", 60_000, "ended"),
    ] {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        let begun = Provider::begun(&mut shell, Duration::from_millis(within));
        let why = begun.map(|_| ()).unwrap_err();
        assert!(why.contains(said) && why.contains("half"), "{why}");
    }
}

#[test]
fn somebody_new_comes_in_with_the_role_and_the_groups_that_the_provider_names() {
    for claims in ["in-token", "in-userinfo"] {
        let provider = Provider::start(claims);
        let service = provider.service(&[], ROLES);
        let page = Browser::new(&service).get("/login").is(200).body;
        assert!(page.contains("/login/oidc"), "{page}");
        let (mut browser, answer) = sign_in(&provider, &service);
        assert_eq!(answer.is(303).header("location"), Some("/v1/incidents"), "{claims}");
        assert!(browser.is_in());
        let list = service.home.tagout(&["users", "list", "--json"]).done().ok().json();
        let ana = list.as_array().unwrap().iter().find(|one| one["person"] == "ana").unwrap();
        assert_eq!(ana["role"], "responder");
        assert_eq!(ana["groups"], serde_json::json!(["database"]));
        assert_eq!(ana["password"], "none");
        // Coming again adds nobody and changes nothing.
        sign_in(&provider, &service).1.is(303);
        let home = service.stop();
        assert_eq!((home.count("person_added"), home.count("person_changed")), (2, 0));
        assert_eq!(home.count("signed_in"), 2);
    }
}

#[test]
fn whom_the_provider_names_for_no_role_does_not_come_in() {
    let provider = Provider::start("in-token");
    let service = provider.service(&[], ROLES);
    for account in ["ben", "nameless"] {
        provider.tell(&format!("account/{account}"));
        let (mut browser, answer) = sign_in(&provider, &service);
        answer.is(403);
        assert!(!browser.is_in(), "{account}");
    }
    let home = service.stop();
    assert_eq!(home.count("person_added"), 1, "only the first admin");
}

#[test]
fn whom_the_provider_names_for_no_role_any_more_keeps_neither_session_nor_token() {
    let provider = Provider::start("in-token");
    let service = provider.service(&[("cleo", "viewer")], ROLES);
    let (mut there, answer) = sign_in(&provider, &service);
    answer.is(303);
    let issue = |name| {
        let args = ["tokens", "issue", name, "--role", "viewer", "--json"];
        let issued = service.home.tagout(&args).done().ok().json();
        issued["token"].as_str().unwrap().to_owned()
    };
    let (token, cleos) = (issue("ana"), issue("cleo"));
    let reads = |token: &str| {
        Request::new("GET", "/v1/incidents").token(token).send(&service.address).status
    };
    service.wait("the tokens", |_| (reads(&token) == 200 && reads(&cleos) == 200).then_some(()));
    let mut cleo = signed_in(&service, "cleo");
    provider.tell("leaves/ana");
    assert!(there.is_in(), "a change there shows at the next sign-in");
    let (mut here, answer) = sign_in(&provider, &service);
    answer.is(403);
    assert!(!here.is_in() && !there.is_in());
    assert_eq!((reads(&token), reads(&cleos)), (401, 200));
    assert!(cleo.is_in());
    let home = service.stop();
    assert_eq!((home.count("token_revoked"), home.count("sign_in_refused")), (1, 1));
    home.assert_log_holds();
}

#[test]
fn attack_taking_over_a_name_through_the_provider() {
    let provider = Provider::start("in-token");
    let service = provider.service(&[("ana", "approver"), ("admin", "admin")], ROLES);
    // There is an Ana here, who has a password; there is an Ana there.
    let (mut browser, answer) = sign_in(&provider, &service);
    assert!(answer.is(403).body.contains("has your name already"));
    assert!(!browser.is_in());
    // An admin's name is nobody's to take either.
    provider.tell("account/root");
    let (mut browser, answer) = sign_in(&provider, &service);
    answer.is(403);
    assert!(!browser.is_in());
    // An admin can say that the two are one.
    let issuer = format!("http://{}", provider.address);
    let link = ["users", "change", "ana", "--issuer", &issuer, "--subject", "ana"];
    service.home.tagout(&link).done().ok();
    provider.tell("account/ana");
    service.wait("the service to know it", |service| {
        let (mut browser, answer) = sign_in(&provider, service);
        (answer.status == 303 && browser.is_in()).then_some(())
    });
    let home = service.stop();
    assert!(home.count("sign_in_refused") >= 2);
}

#[test]
fn without_roles_only_those_come_in_whom_an_admin_has_linked() {
    let provider = Provider::start("in-token");
    let service = provider.service(&[("chef", "approver")], "");
    sign_in(&provider, &service).1.is(403);
    let issuer = format!("http://{}", provider.address);
    let link = ["users", "change", "chef", "--issuer", &issuer, "--subject", "ana"];
    service.home.tagout(&link).done().ok();
    service.wait("the service to know it", |service| {
        (sign_in(&provider, service).1.status == 303).then_some(())
    });
    let list = service.home.tagout(&["users", "list", "--json"]).done().ok().json();
    let chef = list.as_array().unwrap().iter().find(|one| one["person"] == "chef").unwrap();
    assert_eq!(chef["role"], "approver", "as the admin gave it");
}

#[test]
fn attack_forged_id_tokens() {
    let provider = Provider::start("in-token");
    let service = provider.service(&[], ROLES);
    provider.tell("forgery/same");
    sign_in(&provider, &service).1.is(303);
    let kinds = [
        "audience",
        "party",
        "issuer",
        "expired",
        "endless",
        "early",
        "nonce",
        "nonceless",
        "nobody",
        "none",
        "shared",
        "key",
        "unknown-key",
        "altered",
    ];
    for kind in kinds {
        provider.tell(&format!("forgery/{kind}"));
        let (mut browser, answer) = sign_in(&provider, &service);
        assert_eq!(answer.status, 403, "{kind}: {answer:?}");
        assert!(!browser.is_in(), "{kind}");
    }
    provider.tell("forgery/");
    sign_in(&provider, &service).1.is(303);
    let home = service.stop();
    assert_eq!(home.count("signed_in"), 2);
}

#[test]
fn attack_state_mismatch_and_another_browser() {
    let provider = Provider::start("in-token");
    let service = provider.service(&[], ROLES);
    // The attacker's own answer, sent to a victim who began nothing, or something else.
    let mut attacker = Browser::new(&service);
    let back = begun(&provider, &mut attacker);
    let mut victim = Browser::new(&service);
    victim.get(&back).is(403);
    begun(&provider, &mut victim);
    victim.get(&back).is(403);
    assert!(!victim.is_in());
    let (head, rest) = back.split_once("state=").unwrap();
    let end = rest.find('&').map_or("", |at| &rest[at..]);
    for state in ["", "x", &"A".repeat(43)] {
        let mut browser = attacker.clone();
        browser.get(&format!("{head}state={state}{end}")).is(403);
        assert!(!browser.is_in());
    }
    for none in ["", "?code=x", "?error=access_denied", "?code=x&state=y&state=z"] {
        attacker.clone().get(&format!("/login/oidc/callback{none}")).is(403);
    }
}

#[test]
fn attack_wrong_nonce() {
    let provider = Provider::start("in-token");
    let service = provider.service(&[], ROLES);
    let mut browser = Browser::new(&service);
    let back = begun(&provider, &mut browser);
    // A token of another sign-in of the same person would have another nonce.
    let kept = browser.cookie_of("tagout-oidc").unwrap();
    let mut text: serde_json::Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(&kept).unwrap()).unwrap();
    text["nonce"] = "another".into();
    let text = BASE64_URL_SAFE_NO_PAD.encode(text.to_string());
    browser.plant("tagout-oidc", &text);
    browser.get(&back).is(403);
    assert!(!browser.is_in());
}

#[test]
fn attack_code_replay() {
    let provider = Provider::start("in-token");
    let service = provider.service(&[], ROLES);
    let mut browser = Browser::new(&service);
    let back = begun(&provider, &mut browser);
    let before = browser.clone();
    browser.get(&back).is(303);
    assert!(browser.is_in());
    // Again from the same browser, which has forgotten the sign-in,
    let mut again = browser.clone();
    again.get(&back).is(403);
    // and from one that has not: the provider takes a code once.
    let mut kept = before;
    kept.get(&back).is(403);
    assert!(!kept.is_in());
}

#[test]
fn a_provider_that_is_gone_keeps_nobody_with_a_password_out() {
    let provider = Provider::start("in-token");
    let service = provider.service(&[("cleo", "viewer")], ROLES);
    drop(provider);
    let answer = Browser::new(&service).get("/login/oidc").is(503);
    assert!(answer.body.contains("cannot be reached"), "{answer:?}");
    signed_in(&service, "cleo");
    Browser::new(&service).sign_in("cleo", PASSWORD).is(303);
}

#[test]
fn a_provider_that_is_gone_costs_no_try_and_is_nobodys_attack() {
    let provider = Provider::start("in-token");
    let service = || provider.service(&[("cleo", "viewer")], ROLES);
    // What is once known of a provider is kept, so one service has never asked it for anything.
    let (there, back) = (service(), service());
    let mut browser = Browser::new(&back);
    let callback = begun(&provider, &mut browser);
    drop(provider);
    // As many as there are tries from one address, and more.
    for _ in 0..40 {
        Browser::new(&there).get("/login/oidc").is(503);
        browser.clone().get(&callback).is(503);
    }
    for service in [there, back] {
        Browser::new(&service).sign_in("cleo", PASSWORD).is(303);
        assert_eq!(service.stop().count("strangers_refused"), 0);
    }
}

#[test]
fn what_the_rules_refuse_is_told_as_that_and_not_as_an_outage() {
    let provider = Provider::start("in-token");
    let service = provider.service(&[], ROLES);
    // A name that stands for something else here.
    provider.tell("account/api");
    let answer = sign_in(&provider, &service).1.is(403);
    assert!(answer.body.contains("stands for the tokens of the configuration"), "{answer:?}");
}

#[test]
fn whom_the_provider_has_put_out_decides_nothing_by_a_click_either() {
    let provider = Provider::start("in-token");
    let channel = "[[channel]]\nname = \"ops\"\nkind = \"slack\"\nurl = \"http://127.0.0.1:9/api\"\n\
                   token = { env = \"CHANNEL\" }\nsecrets = [{ env = \"SIGNING\" }]\n\
                   conversation = \"C0123ABCD\"\npeople = { U0ANA = \"ana\" }\n";
    let roles = "roles = { sre = \"approver\" }\n";
    let secrets = [
        ("OIDC_SECRET", "a secret: with/odd+signs%"),
        ("CHANNEL", "a-token-of-a-channel"),
        ("SIGNING", "8f742231b10e8888abcd99yyyzzz85a5"),
    ];
    let section = provider.section(&format!("{roles}{channel}"));
    let service = service_with(&[], "public_url = \"http://tagout\"", &section, &secrets);
    let anas = |service: &Service| {
        let list = service.home.tagout(&["users", "list", "--json"]).done().ok().json();
        let ana = list.as_array().unwrap().iter().find(|one| one["person"] == "ana").unwrap();
        (ana["role"].clone(), ana["groups"].clone())
    };
    sign_in(&provider, &service).1.is(303);
    assert_eq!(anas(&service), ("approver".into(), serde_json::json!(["database"])));
    let plan = Plan::for_one(&service, "host-1");
    provider.tell("leaves/ana");
    sign_in(&provider, &service).1.is(403);
    assert_eq!(anas(&service), ("viewer".into(), serde_json::json!([])));

    let payload = serde_json::json!({
        "type": "block_actions",
        "user": {"id": "U0ANA"},
        "container": {"channel_id": "C0123ABCD"},
        "actions": [{
            "action_id": "tagout.approve",
            "value": format!("v1 dry_run {} {}", plan.digest, plan.incident),
        }],
    });
    let form = body(&[("payload", &payload.to_string())]);
    let seconds = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secrets[2].1.as_bytes()).unwrap();
    mac.update(format!("v0:{seconds}:{form}").as_bytes());
    Request::new("POST", "/v1/slack/interactions")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("X-Slack-Request-Timestamp", &seconds.to_string())
        .header("X-Slack-Signature", &format!("v0={}", to_hex(&mac.finalize().into_bytes())))
        .body(form)
        .send(&service.address)
        .is(200);
    service.wait("that the click is decided", |service| {
        let counts = ["ask_refused", "review_given"].map(|kind| service.home.count(kind));
        (counts != [0, 0]).then(|| assert_eq!(counts, [1, 0]))
    });
}

#[test]
fn without_a_provider_there_is_no_way_to_one() {
    let service = Service::start();
    Browser::new(&service).get("/login/oidc").fails_with(404);
    Browser::new(&service).get("/login/oidc/callback?code=x&state=y").fails_with(404);
    let page = Browser::new(&service).get("/login").is(200).body;
    assert!(!page.contains("oidc"), "{page}");
}
