//! Messages of Amazon SNS: whose are believed, and what they can make us fetch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use serde_json::Value;
use tagout::signals::{Handshake, Message};
use tagout::source::{Fetch, Fetching, NotConfirmed, PinnedUrl, Proof, Source, Unauthenticated};
use tagout_core::limits;
use tagout_core::time::Time;

use crate::http::{at, body, source};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:alarms";
const CERTIFICATE: &str = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem";
const PUBLISHED_AT: &str = "2026-12-01T10:00:00Z";

/// Answers from memory and keeps what it was asked for.
#[derive(Debug, Default)]
struct Canned {
    answers: BTreeMap<String, Vec<u8>>,
    asked: Mutex<Vec<String>>,
}

impl Canned {
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Fetch for Canned {
    fn get<'a>(&'a self, url: &'a PinnedUrl) -> Fetching<'a> {
        self.asked.lock().unwrap().push(url.to_string());
        let answer = self.answers.get(url.as_str()).cloned();
        Box::pin(async move { answer.ok_or_else(|| "the answer was 404".to_owned()) })
    }
}

/// A source of our topic that finds `certificate` where the messages say.
fn subscriber(certificate: &str) -> (Source, Arc<Canned>) {
    let answers = [(CERTIFICATE.to_owned(), body(&format!("sns/{certificate}")))];
    let canned = Arc::new(Canned { answers: answers.into(), asked: Mutex::default() });
    let source = source(&format!(
        "name = \"aws\"\nkind = \"cloudwatch\"\nauth = \"signature\"\ntopics = [\"{TOPIC}\"]"
    ));
    (source.fetching_through(canned.clone()), canned)
}

async fn ask(source: &Source, body: &[u8]) -> Result<Proof, Unauthenticated> {
    source.authenticate(&HeaderMap::new(), body, at(PUBLISHED_AT)).await
}

async fn refusal(source: &Source, body: &[u8]) -> Unauthenticated {
    ask(source, body).await.unwrap_err()
}

/// A recorded message with one member changed.
fn changed(name: &str, member: &str, value: &str) -> Vec<u8> {
    let mut message: Value = serde_json::from_slice(&body(name)).unwrap();
    message[member] = value.into();
    message.to_string().into_bytes()
}

#[tokio::test]
async fn messages_of_both_signature_versions_and_of_every_type_are_believed() {
    let (source, _) = subscriber("signing.pem");
    for name in [
        "alarm",
        "alarm_sha1",
        "ok",
        "insufficient_data",
        "anomaly",
        "subscription",
        "unsubscribed",
    ] {
        let asked = ask(&source, &body(&format!("sns/{name}.json"))).await;
        assert!(asked.is_ok(), "{name}: {asked:?}");
    }
}

#[tokio::test]
async fn a_message_that_was_changed_anywhere_is_not_believed() {
    let (source, canned) = subscriber("signing.pem");
    for (name, member) in [
        ("sns/alarm.json", "Message"),
        ("sns/alarm.json", "MessageId"),
        ("sns/alarm.json", "Subject"),
        ("sns/ok.json", "Subject"),
        ("sns/subscription.json", "Message"),
        ("sns/subscription.json", "SubscribeURL"),
        ("sns/subscription.json", "Token"),
    ] {
        let refused = refusal(&source, &changed(name, member, "x")).await;
        assert_eq!(refused.reason(), "mismatch", "{name} {member}");
    }
    let later = changed("sns/alarm.json", "Timestamp", "2026-12-01T10:00:00.001Z");
    assert_eq!(refusal(&source, &later).await.reason(), "mismatch");
    let downgraded = changed("sns/alarm.json", "SignatureVersion", "1");
    assert_eq!(refusal(&source, &downgraded).await.reason(), "mismatch");
    let (other, _) = subscriber("other.pem");
    assert_eq!(refusal(&other, &body("sns/alarm.json")).await.reason(), "mismatch");
    // Each failure fetched again: what has verified nothing is not kept.
    assert_eq!(canned.asked().len(), 9);
}

#[tokio::test]
async fn a_signature_wrong_in_one_byte_is_not_believed() {
    let (source, _) = subscriber("signing.pem");
    let message: Value = serde_json::from_slice(&body("sns/alarm.json")).unwrap();
    let signature = message["Signature"].as_str().unwrap();
    for place in [0, signature.len() / 2, signature.len() - 4] {
        let mut wrong = signature.to_owned();
        let letter = if &wrong[place..=place] == "A" { "B" } else { "A" };
        wrong.replace_range(place..=place, letter);
        let refused = refusal(&source, &changed("sns/alarm.json", "Signature", &wrong)).await;
        assert_eq!(refused.reason(), "mismatch");
    }
    for garbage in ["", "!", "AAAA"] {
        assert!(ask(&source, &changed("sns/alarm.json", "Signature", garbage)).await.is_err());
    }
}

#[tokio::test]
async fn a_topic_that_is_not_ours_is_refused_before_anything_is_fetched() {
    let (source, canned) = subscriber("signing.pem");
    let refused = refusal(&source, &body("sns/foreign_topic.json")).await;
    assert_eq!(refused.reason(), "topic", "although its signature is good");
    assert!(refused.to_string().contains("999999999999"), "{refused}");
    assert_eq!(canned.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn no_certificate_is_fetched_from_anywhere_but_sns() {
    let (source, canned) = subscriber("signing.pem");
    let refused = refusal(&source, &body("sns/foreign_certificate_host.json")).await;
    assert_eq!(refused.reason(), "malformed");
    for url in [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com:444/a.pem",
        "https://sns.eu-west-1.amazonaws.com:443/a.pem",
        "https://user@sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://evil.example?.amazonaws.com/a.pem",
        "https://evil.example#.amazonaws.com/a.pem",
        "https://evil.example\\@sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com\\.evil.example/a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://sns.eu-west-1.evil.amazonaws.com/a.pem",
        "https://bucket.s3.amazonaws.com/a.pem",
        "https://sns.s3.bucket.amazonaws.com/a.pem",
        "https://sns..amazonaws.com/a.pem",
        "https://sns.amazonaws.com/a.pem",
        "https://SNS.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem?x=y",
        "https://sns.eu-west-1.amazonaws.com/a.pem#x",
        "https://sns.eu-west-1.amazonaws.com/a.txt",
        "https://sns.eu-west-1.amazonaws.com/",
        "https://sns.eu-west-1.amazonaws.com./a.pem",
        "https://sns.eu-west-1.amazonaws.com\n/a.pem",
        " https://sns.eu-west-1.amazonaws.com/a.pem",
        "https:sns.eu-west-1.amazonaws.com/a.pem",
        "https:///sns.eu-west-1.amazonaws.com/a.pem",
        "https://127.0.0.1/a.pem",
        "https://[::1]/a.pem",
        "file:///etc/a.pem",
        "",
    ] {
        assert!(PinnedUrl::certificate(url).is_err(), "{url:?}");
        let message = changed("sns/alarm.json", "SigningCertURL", url);
        assert_eq!(refusal(&source, &message).await.reason(), "malformed", "{url:?}");
    }
    assert_eq!(canned.asked(), Vec::<String>::new());
    for url in [CERTIFICATE, "https://sns.cn-north-1.amazonaws.com.cn/a.pem"] {
        assert_eq!(PinnedUrl::certificate(url).unwrap().as_str(), url);
    }
    let long = format!("https://sns.eu-west-1.amazonaws.com/{}.pem", "a".repeat(3_000));
    assert!(PinnedUrl::certificate(&long).is_err());
}

#[tokio::test]
async fn a_certificate_is_fetched_once_and_kept_within_bounds() {
    let (source, canned) = subscriber("signing.pem");
    for _ in 0..3 {
        ask(&source, &body("sns/alarm.json")).await.unwrap();
        ask(&source, &body("sns/ok.json")).await.unwrap();
    }
    assert_eq!(canned.asked(), [CERTIFICATE]);

    // The URL is not signed, so a copy of one message under many URLs is the worst case.
    let url = |n: usize| format!("https://sns.eu-west-1.amazonaws.com/{n:02}.pem");
    let pem = body("sns/signing.pem");
    let answers = (0..=limits::CERTIFICATES).map(|n| (url(n), pem.clone())).collect();
    let canned = Arc::new(Canned { answers, asked: Mutex::default() });
    let source = source.fetching_through(canned.clone());
    for n in 0..=limits::CERTIFICATES {
        ask(&source, &changed("sns/alarm.json", "SigningCertURL", &url(n))).await.unwrap();
    }
    let before = canned.asked().len();
    assert_eq!(before, limits::CERTIFICATES + 1);
    let last = changed("sns/alarm.json", "SigningCertURL", &url(limits::CERTIFICATES));
    ask(&source, &last).await.unwrap();
    assert_eq!(canned.asked().len(), before, "the last one is kept");
    ask(&source, &changed("sns/alarm.json", "SigningCertURL", &url(0))).await.unwrap();
    assert_eq!(canned.asked().len(), before + 1, "the first one had to go");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_had_is_no_verdict_on_the_sender() {
    let (source, _) = subscriber("signing.pem");
    let absent = "https://sns.eu-west-1.amazonaws.com/absent.pem";
    let refused = refusal(&source, &changed("sns/alarm.json", "SigningCertURL", absent)).await;
    assert!(refused.is_temporary(), "{refused}");
    let (source, _) = subscriber("elliptic.pem");
    let refused = refusal(&source, &body("sns/alarm.json")).await;
    assert_eq!(refused.reason(), "certificate");
    assert!(!refused.is_temporary() && refused.to_string().contains("RSA"), "{refused}");
    let (source, _) = subscriber("alarm.json");
    assert_eq!(refusal(&source, &body("sns/alarm.json")).await.reason(), "certificate");
}

/// A fetch that never ends.
#[derive(Debug)]
struct Stuck;

impl Fetch for Stuck {
    fn get<'a>(&'a self, _: &'a PinnedUrl) -> Fetching<'a> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn as_many_fetches_as_the_limit_wait_and_one_more_is_put_off() {
    let source = Arc::new(subscriber("signing.pem").0.fetching_through(Arc::new(Stuck)));
    let mut waiting = Vec::new();
    for _ in 0..limits::FETCHES {
        let source = Arc::clone(&source);
        waiting.push(tokio::spawn(async move { ask(&source, &body("sns/alarm.json")).await }));
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(waiting.iter().all(|task| !task.is_finished()));
    assert!(refusal(&source, &body("sns/alarm.json")).await.is_temporary());
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_message_is_believed_as_long_as_sns_repeats_it_and_no_longer() {
    let (source, _) = subscriber("signing.pem");
    let ask = async |now: Time| {
        let body = body("sns/alarm.json");
        source.authenticate(&HeaderMap::new(), &body, now).await.map(drop)
    };
    let published = at(PUBLISHED_AT);
    let one = "1ms".parse().unwrap();
    assert_eq!(ask(published.after(limits::SNS_TOLERANCE)).await, Ok(()));
    let late = ask(published.after(limits::SNS_TOLERANCE).after(one)).await.unwrap_err();
    assert_eq!(late.reason(), "expired");
    let early = ask(published.before(limits::SNS_TOLERANCE).before(one)).await.unwrap_err();
    assert_eq!(early.reason(), "expired");
    assert!(ask(at("2026-11-01T00:00:00Z")).await.is_err());
}

#[tokio::test]
async fn a_certificate_outside_its_days_is_refused_also_when_it_was_kept() {
    let wide = source(&format!(
        "name = \"aws\"\nkind = \"cloudwatch\"\nauth = \"signature\"\ntopics = [\"{TOPIC}\"]\ntolerance = \"24h\""
    ));
    let (_, canned) = subscriber("signing.pem");
    let source = wide.fetching_through(canned);
    let signed = |time: &str| changed("sns/alarm.json", "Timestamp", time);
    // The signature no longer fits, so that it is the certificate that is found wrong first.
    for time in ["2026-11-27T00:05:08Z", "2036-11-24T00:05:10Z"] {
        let refused =
            source.authenticate(&HeaderMap::new(), &signed(time), at(time)).await.unwrap_err();
        assert_eq!(refused.reason(), "certificate", "{time}");
    }
    for time in ["2026-11-27T00:05:09Z", "2036-11-24T00:05:09Z"] {
        let refused =
            source.authenticate(&HeaderMap::new(), &signed(time), at(time)).await.unwrap_err();
        assert_eq!(refused.reason(), "mismatch", "{time}");
    }
    ask(&source, &body("sns/alarm.json")).await.unwrap();
    let time = "2036-11-24T00:05:10Z";
    let refused = source.authenticate(&HeaderMap::new(), &signed(time), at(time)).await;
    assert_eq!(refused.unwrap_err().reason(), "certificate", "now from the cache");
}

#[tokio::test]
async fn what_is_no_sns_message_is_refused() {
    let (source, canned) = subscriber("signing.pem");
    for body in [&b""[..], b"{}", b"[]", b"\xff", br#"{"Type":"Notification"}"#] {
        assert_eq!(refusal(&source, body).await.reason(), "malformed");
    }
    for (member, value) in [("Type", "Gossip"), ("SignatureVersion", "3"), ("Timestamp", "soon")] {
        assert!(ask(&source, &changed("sns/alarm.json", member, value)).await.is_err(), "{member}");
    }
    let twice = String::from_utf8(body("sns/alarm.json")).unwrap();
    let twice = twice.replacen('{', &format!("{{\"TopicArn\":\"{TOPIC}\","), 1);
    assert_eq!(refusal(&source, twice.as_bytes()).await.reason(), "malformed");
    assert_eq!(canned.asked(), Vec::<String>::new());
}

/// The handshake in a recorded message, and the proof of its sender.
async fn handshake(source: &Source, name: &str) -> (Handshake, Proof) {
    let body = body(name);
    let proof = ask(source, &body).await.unwrap();
    match source.read(&HeaderMap::new(), &body).unwrap() {
        Message::Handshake(handshake) => (handshake, proof),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_subscription_to_our_topic_is_confirmed_by_its_url() {
    let confirm = format!(
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37fb687f5d51e6e2425c464de"
    );
    let answers =
        [(CERTIFICATE.to_owned(), body("sns/signing.pem")), (confirm.clone(), Vec::new())];
    let canned = Arc::new(Canned { answers: answers.into(), asked: Mutex::default() });
    let source = subscriber("signing.pem").0.fetching_through(canned.clone());
    let (handshake, proof) = handshake(&source, "sns/subscription.json").await;
    source.confirm(&handshake, &proof).await.unwrap();
    assert_eq!(canned.asked(), [CERTIFICATE.to_owned(), confirm]);
}

#[tokio::test]
async fn a_confirmation_that_fails_is_told_so_that_sns_asks_again() {
    let (source, _) = subscriber("signing.pem");
    let (handshake, proof) = handshake(&source, "sns/subscription.json").await;
    let failed = source.confirm(&handshake, &proof).await.unwrap_err();
    assert!(matches!(failed, NotConfirmed::Unreachable(_)), "{failed}");
}

#[tokio::test]
async fn even_a_signed_subscription_makes_us_fetch_nothing_but_its_own_confirmation() {
    let (source, canned) = subscriber("signing.pem");
    for name in ["sns/subscription_elsewhere.json", "sns/subscription_other_topic.json"] {
        let (handshake, proof) = handshake(&source, name).await;
        let refused = source.confirm(&handshake, &proof).await.unwrap_err();
        assert!(matches!(refused, NotConfirmed::Refused(_)), "{name}: {refused}");
    }
    let (_, proof) = handshake(&source, "sns/subscription.json").await;
    let sns = "https://sns.eu-west-1.amazonaws.com/";
    for url in [
        format!("{sns}?Action=ConfirmSubscription&TopicArn={TOPIC}"),
        format!("{sns}?Action=ConfirmSubscription&TopicArn={TOPIC}&Token="),
        format!("{sns}?Action=DeleteTopic&TopicArn={TOPIC}&Token=a"),
        format!("{sns}?TopicArn={TOPIC}&Token=a"),
        format!("{sns}?Action=ConfirmSubscription&Action=DeleteTopic&TopicArn={TOPIC}&Token=a"),
        format!("{sns}?Action=ConfirmSubscription&TopicArn={TOPIC}&TopicArn=x&Token=a"),
        format!("{sns}?Action=ConfirmSubscription&TopicArn={TOPIC}x&Token=a"),
        format!("{sns}?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=a&More=b"),
        format!("{sns}x?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=a"),
        format!(
            "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=a"
        ),
        format!(
            "https://sns.eu-west-1.amazonaws.com.evil.example/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=a"
        ),
        format!(
            "https://evil.example/?x=sns.eu-west-1.amazonaws.com&Action=ConfirmSubscription&TopicArn={TOPIC}&Token=a"
        ),
    ] {
        let handshake =
            Handshake::SnsSubscription { topic: TOPIC.into(), subscribe_url: url.clone() };
        let refused = source.confirm(&handshake, &proof).await.unwrap_err();
        assert!(matches!(refused, NotConfirmed::Refused(_)), "{url}: {refused}");
    }
    let foreign = "arn:aws:sns:eu-west-1:999999999999:alarms";
    let handshake = Handshake::SnsSubscription {
        topic: foreign.into(),
        subscribe_url: format!("{sns}?Action=ConfirmSubscription&TopicArn={foreign}&Token=a"),
    };
    assert!(matches!(source.confirm(&handshake, &proof).await, Err(NotConfirmed::Refused(_))));
    assert_eq!(canned.asked(), [CERTIFICATE], "the certificate and nothing else");
}
