//! One alert through the whole loop: a real Alertmanager, the service, a real browser and two
//! people, until a stranger checks the proof without any of them.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::browser::{Browser, Look, Page};
use super::daemons::Alertmanager;
use super::home::{Home, POLICY};
use super::http::Request;
use super::service::{SECRET, Service, call, configuration};
use super::stage::MAIL;

const PASSWORD: &str = "correct horse battery";

/// An Alertmanager that notifies the service at this address at once.
fn receiver(address: &str) -> String {
    format!(
        "route: {{receiver: tagout, group_wait: 1s, group_interval: 1s}}\n\
         receivers:\n- name: tagout\n  webhook_configs:\n  \
         - url: http://{address}/v1/sources/am\n    send_resolved: true\n    \
         http_config: {{authorization: {{credentials: {SECRET}}}}}\n"
    )
}

/// Two people must agree on what is of medium risk.
fn service() -> Service {
    let home = Home::new();
    home.write("book/mail.md", MAIL);
    home.write("policy.toml", format!("{POLICY}[tier.medium]\nquorum = 2\n"));
    home.write("state/tagout/tagout.toml", configuration("", ""));
    let call = call(&home);
    Service::of(home, call)
}

/// Somebody new signs in with the secret that holds once, and chooses a password.
fn signs_in(service: &Service, browser: &Browser, name: &str, groups: &[&str]) -> Page {
    let add = ["users", "add", name, "--role", "approver", "--json"];
    let added = service.home.tagout(&[&add[..], groups].concat()).done().ok().json();
    let secret = added["one_time_secret"].as_str().unwrap().to_owned();
    let issued = service.home.tagout(&["tokens", "issue", name, "--json"]).done().ok().json();
    let token = issued["token"].as_str().unwrap();
    // What another process recorded is known a second later at most.
    service.wait("that the person is known", |service| {
        let asked = Request::new("GET", "/v1/approvals").token(token).send(&service.address);
        (asked.status == 200).then_some(())
    });
    let page = browser.page(&service.address, &json!({}), Look::DESKTOP);
    page.goes("/", 200).fill("[name=name]", name).fill("[name=password]", &secret);
    page.is_sound().picture("sign-in").click("button:has-text('Sign in')");
    page.says("holds once").is_sound().picture("choose");
    page.fill("[name=password]", &secret)
        .fill("[name=new]", PASSWORD)
        .fill("[name=again]", PASSWORD);
    page.is_sound().click("button:has-text('Choose a password')").wait("#main");
    assert_eq!(page.path(), "/");
    page
}

/// The proof of the entry that says this, from the page of the log, as the file that a browser
/// keeps.
fn proof(page: &Page, id: &str, said: &str) -> String {
    page.goes(&format!("/audit?incident={id}"), 200);
    let link = format!("li.entry:has-text({said:?}) a:has-text('Proof')");
    page.wait(&link);
    page.call("download", json!([link]))["text"].as_str().unwrap().to_owned()
}

fn verify(stranger: &Home, proof: &str, keys: &Path) -> super::home::Out {
    let file = stranger.write("proof.txt", proof);
    let (file, keys) = (file.to_str().unwrap(), keys.to_str().unwrap());
    stranger.tagout(&["audit", "verify", file, "--keys", keys, "--json"]).done()
}

#[test]
fn an_alert_is_changed_by_one_approved_by_another_dry_run_resolved_and_proved_offline() {
    let service = service();
    let browser = Browser::start();
    let ana = signs_in(&service, &browser, "ana", &[]);
    // The first use of a runbook on a target needs who answers for it.
    let bob = signs_in(&service, &browser, "bob", &["--group", "mail"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mail = [json!({"alertname": "MailStuck", "severity": "warning", "environment": "test",
                       "instance": "relay-1"})];
    let alertmanager = runtime.block_on(async {
        let alertmanager = Alertmanager::start(&receiver(&service.address)).await;
        alertmanager.fire(&mail).await;
        alertmanager
    });

    // Ana sees it come on her open inbox, reads what it is about, and leaves a step out.
    ana.wait(".row:has-text('MailStuck')").is_sound();
    // A click at the moment in which a page changes is not taken for what just came.
    std::thread::sleep(Duration::from_secs(2));
    ana.click(".row a:has-text('MailStuck')").wait("text=Read and answer");
    let id = ana.path().rsplit('/').next().unwrap().to_owned();
    ana.says("something is wrong").says("relay-1");
    ana.click("text=Read and answer").wait("text=What an answer covers");
    ana.says("mailctl\n--host\nrelay-1\ntrim\n100").says("0 of 2");
    ana.click("text=Change the plan…").click("label:has-text('Warm') input");
    ana.click("text=Show the difference").says("without step warm: Warm");
    ana.fill("#reason", "warming can wait until morning");
    ana.click("text=Send this change (dry-run)").wait("text=What a person changed");
    ana.is_sound();

    // Leaving a step out is an answer of hers; the second must be another's.
    ana.says("1 of 2").says("its owner, mail, must approve");
    assert_eq!(ana.count("button.primary"), 0, "one person does not answer twice");
    bob.goes("/", 200).click(".row a:has-text('MailStuck')").click("text=Read and answer");
    bob.wait("text=What an answer covers").says("warming can wait until morning");
    bob.says("without step warm: Warm").is_sound().picture("night-review");
    bob.fill("#reason", "agreed").click("text=Approve for dry-run");
    bob.wait("text=Bob approved the plan").says("nothing was started");
    bob.says("mailctl\n--host\nrelay-1\ntrim\n100").is_sound().picture("night-incident");

    // The alert ends where it began, and with it the incident.
    runtime.block_on(alertmanager.resolve(&mail));
    service.wait("its end", |service| {
        let incident = service.read(&format!("/v1/incidents/{id}")).is(200).json();
        (incident["summary"]["state"] == "closed").then_some(())
    });
    bob.goes(&format!("/incidents/{id}"), 200).says("Closed").picture("night-closed");

    // The last signature covers it all within ten seconds. Then nothing of this is needed any
    // more but a file and a public key.
    service.wait("that all is signed", |_| {
        bob.goes(&format!("/audit?incident={id}"), 200);
        (!bob.text("main").contains("not signed yet")).then_some(())
    });
    let approved = proof(&bob, &id, "Bob approved");
    let home = service.stop();
    home.assert_log_holds();
    let stranger = Home::new();
    let key = std::fs::read(home.data().join("log.pub")).unwrap();
    let keys = stranger.write("keys", key);
    let holds = verify(&stranger, &approved, &keys).ok().json();
    assert_eq!(holds["holds"], true, "{holds}");
    // What it proves is what Bob said, and no other word.
    let (before, rest) = approved.split_once("extra ").unwrap();
    let (extra, after) = rest.split_once('\n').unwrap();
    let entry = String::from_utf8(STANDARD.decode(extra).unwrap()).unwrap();
    assert!(
        entry.contains(r#""reviewer":"bob""#) && entry.contains(r#""text":"agreed""#),
        "{entry}"
    );
    let forged = STANDARD.encode(entry.replace("agreed", "agreee"));
    let forged = format!("{before}extra {forged}\n{after}");
    verify(&stranger, &forged, &keys).exits(1);

    // Who decided what, and that nothing ran.
    let trail = home.trail();
    let of = |kind: &str| -> Vec<_> {
        let line = |line: &&Value| line["incident"] == *id && line["event"]["kind"] == kind;
        trail.iter().filter(line).map(|line| &line["event"]["data"]).collect()
    };
    let reviewers: Vec<_> = of("review_given").iter().map(|r| &r["review"]["reviewer"]).collect();
    assert_eq!(reviewers, ["ana", "bob"]);
    assert_eq!((of("plan_granted").len(), of("step_started").len()), (1, 0));
    // The precondition, the two steps that are left, and the verification.
    assert_eq!(of("step_rehearsed").len(), 4);
    assert_eq!(of("alert_ended").len(), 1);
}
