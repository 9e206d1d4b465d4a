//! Who is believed: tokens, passwords and signatures with a shared secret.

use axum::http::HeaderMap;
use tagout::source::{Source, Unauthenticated};
use tagout_core::limits;
use tagout_core::time::Time;

use crate::http::{at, body, headers, source};

// How these were made stands in the README beside the bodies.
const GRAFANA: &str = "6947d0c17a01d332498b7e144de4dabee6d9ddb6bfa227753acc03bab7242a64";
const GRAFANA_NEW: &str = "84b1d333dcff528ad68ff5e7853e993f5eb6b82f1b749639756baee996cd6b6a";
const GRAFANA_TIMED: &str = "8ea1905d087e5abf8fb6d89c1a234a1e15a93e1369c5f6d6ec79a17ad0d9cbe6";
/// 2026-11-30T09:00:00Z.
const SIGNED_AT: &str = "1796029200";
const SENTRY: &str = "afc13133c98a60808a70cd80989a49d088dba956c74d0c61c6dfe606a83591d5";
const PAGERDUTY: &str = "eaa8617c6c833303f4d703fcfc593b4d9521469ee8271e352a4ad4c32f5b9d7f";
const PAGERDUTY_NEW: &str = "d81629e8d0a896a801828b6fb8f59f3b50426f2f190d4ebe6641cc288e20b4ee";
/// Of <https://github.com/PagerDuty/go-pagerduty/blob/main/webhookv3/webhookv3_test.go>.
const PUBLISHED: &str = "0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd";
const OTHER: &str = "7020c8a7ec668a9b7012bc3dd82e483394b038f4230acc6785efbf2a7d8bcaf5";

async fn ask(source: &Source, headers: &HeaderMap, body: &[u8]) -> Result<(), Unauthenticated> {
    ask_at(source, headers, body, at("2026-11-30T09:00:00Z")).await
}

async fn ask_at(
    source: &Source,
    headers: &HeaderMap,
    body: &[u8],
    now: Time,
) -> Result<(), Unauthenticated> {
    source.authenticate(headers, body, now).await.map(drop)
}

/// A source whose secret is `file`.
fn signing(kind: &str, file: &str) -> Source {
    source(&format!(
        "name = \"a\"\nkind = \"{kind}\"\nauth = \"signature\"\nsecrets = [{{ file = \"{file}\" }}]"
    ))
}

/// A source that changes over from the old secret to the new one.
fn rotating(kind: &str) -> Source {
    source(&format!(
        "name = \"a\"\nkind = \"{kind}\"\nauth = \"signature\"\nsecrets = [{{ file = \"old\" }}, {{ file = \"new\" }}]"
    ))
}

/// One source of each signing provider with its header, the value that is right, and a body.
fn signed() -> [(Source, &'static str, String, Vec<u8>); 3] {
    [
        (
            signing("grafana", "old"),
            "X-Grafana-Alerting-Signature",
            GRAFANA.to_owned(),
            body("grafana_firing.json"),
        ),
        (
            signing("pagerduty", "old"),
            "X-PagerDuty-Signature",
            format!("v1={PAGERDUTY}"),
            body("pagerduty_triggered.json"),
        ),
        (
            signing("sentry", "old"),
            "Sentry-Hook-Signature",
            SENTRY.to_owned(),
            body("sentry_issue_created.json"),
        ),
    ]
}

#[tokio::test]
async fn a_right_signature_is_believed_and_one_wrong_byte_is_not() {
    for (source, header, right, body) in signed() {
        assert_eq!(ask(&source, &headers(&[(header, &right)]), &body).await, Ok(()), "{header}");
        for at in right.len() - 64..right.len() {
            let mut wrong = right.clone();
            let digit = if &wrong[at..=at] == "0" { "1" } else { "0" };
            wrong.replace_range(at..=at, digit);
            let refused = ask(&source, &headers(&[(header, &wrong)]), &body).await;
            assert_eq!(refused, Err(Unauthenticated::Mismatch { proof: "signature" }));
        }
        for at in [0, body.len() / 2, body.len() - 1] {
            let mut body = body.clone();
            body[at] ^= 1;
            assert!(ask(&source, &headers(&[(header, &right)]), &body).await.is_err());
        }
        assert!(ask(&source, &headers(&[(header, &right)]), b"").await.is_err());
    }
}

#[tokio::test]
async fn a_signature_that_is_absent_repeated_or_garbage_is_refused() {
    for (source, header, right, body) in signed() {
        let absent = ask(&source, &HeaderMap::new(), &body).await.unwrap_err();
        assert_eq!(absent.reason(), "missing");
        let twice = headers(&[(header, &right), (header, &right)]);
        assert_eq!(ask(&source, &twice, &body).await.unwrap_err().reason(), "repeated");
        let spaced = format!("{right} ");
        let short = &right[..right.len() - 1];
        let long = format!("{right}0");
        for garbage in ["", "v1=", "sha256=abc", "\u{fffd}", &spaced, short, &long, &"g".repeat(64)]
        {
            let sent = headers(&[(header, garbage)]);
            // PagerDuty's list may have spaces around its entries.
            if garbage == spaced && header == "X-PagerDuty-Signature" {
                continue;
            }
            let refused = ask(&source, &sent, &body).await.unwrap_err();
            assert_eq!(refused.reason(), "malformed", "{header}: {garbage:?}");
        }
    }
}

#[tokio::test]
async fn both_secrets_are_valid_while_the_sender_changes_over() {
    let body = body("grafana_firing.json");
    let rotating = rotating("grafana");
    for right in [GRAFANA, GRAFANA_NEW] {
        let sent = headers(&[("X-Grafana-Alerting-Signature", right)]);
        assert_eq!(ask(&rotating, &sent, &body).await, Ok(()));
    }
    let only_new = signing("grafana", "new");
    let sent = headers(&[("X-Grafana-Alerting-Signature", GRAFANA)]);
    assert!(ask(&only_new, &sent, &body).await.is_err(), "the old secret is void once removed");
}

#[tokio::test]
async fn the_vector_that_pagerduty_publishes_verifies() {
    let source = signing("pagerduty", "published");
    let body = body("pagerduty_published.json");
    let sent = |value: &str| headers(&[("X-PagerDuty-Signature", value)]);
    assert_eq!(ask(&source, &sent(&format!("v1={PUBLISHED}")), &body).await, Ok(()));
    assert!(ask(&source, &sent(&format!("v1={OTHER}")), &body).await.is_err());
}

#[tokio::test]
async fn one_right_signature_in_pagerdutys_list_is_enough() {
    let source = signing("pagerduty", "new");
    let body = body("pagerduty_triggered.json");
    for list in [
        format!("v1={PAGERDUTY},v1={PAGERDUTY_NEW}"),
        format!("v1={PAGERDUTY_NEW},v1={PAGERDUTY}"),
        format!("v1={OTHER}, v1={PAGERDUTY_NEW}"),
        format!("v2=whatever,v1={PAGERDUTY_NEW}"),
    ] {
        let sent = headers(&[("X-PagerDuty-Signature", &list)]);
        assert_eq!(ask(&source, &sent, &body).await, Ok(()), "{list}");
    }
    for list in [format!("v2={PAGERDUTY_NEW}"), PAGERDUTY_NEW.to_owned(), format!("v1={OTHER}")] {
        let sent = headers(&[("X-PagerDuty-Signature", &list)]);
        assert!(ask(&source, &sent, &body).await.is_err(), "{list}");
    }
}

#[tokio::test]
async fn as_many_signatures_as_the_limit_are_looked_at_and_one_more_is_refused() {
    let source = signing("pagerduty", "old");
    let body = body("pagerduty_triggered.json");
    let list = |n: usize| {
        let mut list = vec![format!("v1={OTHER}"); n - 1];
        list.push(format!("v1={PAGERDUTY}"));
        headers(&[("X-PagerDuty-Signature", &list.join(","))])
    };
    assert_eq!(ask(&source, &list(limits::SIGNATURES), &body).await, Ok(()));
    let refused = ask(&source, &list(limits::SIGNATURES + 1), &body).await.unwrap_err();
    assert_eq!(refused.reason(), "malformed");
}

/// Grafana with a time header.
fn timed(tolerance: &str) -> Source {
    source(&format!(
        "name = \"a\"\nkind = \"grafana\"\nauth = \"signature\"\nsecrets = [{{ file = \"old\" }}]\n\
         timestamp_header = \"X-Grafana-Alerting-Timestamp\"\n{tolerance}"
    ))
}

fn timed_headers(time: &str) -> HeaderMap {
    headers(&[
        ("X-Grafana-Alerting-Signature", GRAFANA_TIMED),
        ("X-Grafana-Alerting-Timestamp", time),
    ])
}

#[tokio::test]
async fn a_signature_with_a_time_is_believed_within_the_tolerance_only() {
    let body = body("grafana_firing.json");
    let sent = timed_headers(SIGNED_AT);
    for (source, tolerance) in [
        (timed(""), limits::SIGNATURE_TOLERANCE),
        (timed("tolerance = \"90s\""), "90s".parse().unwrap()),
    ] {
        let signed = at("2026-11-30T09:00:00Z");
        let one = "1ms".parse().unwrap();
        for now in [signed, signed.after(tolerance), signed.before(tolerance)] {
            assert_eq!(ask_at(&source, &sent, &body, now).await, Ok(()), "{now}");
        }
        for now in [signed.after(tolerance).after(one), signed.before(tolerance).before(one)] {
            let refused = ask_at(&source, &sent, &body, now).await.unwrap_err();
            assert_eq!(refused.reason(), "expired");
            assert!(refused.to_string().contains("tolerance"), "{refused}");
        }
    }
}

#[tokio::test]
async fn a_time_is_part_of_what_is_signed() {
    let source = timed("");
    let body = body("grafana_firing.json");
    let refused = ask(&source, &timed_headers("1796029201"), &body).await.unwrap_err();
    assert_eq!(refused.reason(), "mismatch", "another time");
    let untimed = headers(&[
        ("X-Grafana-Alerting-Signature", GRAFANA),
        ("X-Grafana-Alerting-Timestamp", SIGNED_AT),
    ]);
    assert_eq!(ask(&source, &untimed, &body).await.unwrap_err().reason(), "mismatch");
    let absent = headers(&[("X-Grafana-Alerting-Signature", GRAFANA_TIMED)]);
    assert_eq!(ask(&source, &absent, &body).await.unwrap_err().reason(), "missing");
    for garbage in ["", "-5", "+1796029200", "1796029200.0", "soon", "9999999999999999"] {
        assert!(ask(&source, &timed_headers(garbage), &body).await.is_err(), "{garbage}");
    }
}

#[tokio::test]
async fn grafanas_header_may_have_its_other_name_or_a_configured_one() {
    let body = body("grafana_firing.json");
    let sent = headers(&[("X-Grafana-Alert-Signature", GRAFANA)]);
    assert_eq!(ask(&signing("grafana", "old"), &sent, &body).await, Ok(()));
    let configured = source(
        "name = \"a\"\nkind = \"grafana\"\nauth = \"signature\"\nsecrets = [{ file = \"old\" }]\n\
         signature_header = \"X-Ours\"",
    );
    assert_eq!(ask(&configured, &headers(&[("x-ours", GRAFANA)]), &body).await, Ok(()));
    assert_eq!(ask(&configured, &sent, &body).await.unwrap_err().reason(), "missing");
}

#[tokio::test]
async fn a_bearer_token_is_believed_and_anything_near_it_is_not() {
    let bearer = source(
        "name = \"a\"\nkind = \"alertmanager\"\nauth = \"bearer\"\nsecrets = [{ file = \"old\" }, { file = \"new\" }]",
    );
    let sent = |value: &str| headers(&[("Authorization", value)]);
    for right in
        ["Bearer correct-horse-battery-staple", "bearer the-new-secret", "BEARER  the-new-secret"]
    {
        assert_eq!(ask(&bearer, &sent(right), b"x").await, Ok(()), "{right}");
    }
    for wrong in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer correct-horse-battery-stapl",
        "Bearer correct-horse-battery-staplee",
        "Bearer correct-horse-battery-staplf",
        "Bearercorrect-horse-battery-staple",
        "Basic correct-horse-battery-staple",
        "correct-horse-battery-staple",
    ] {
        assert!(ask(&bearer, &sent(wrong), b"x").await.is_err(), "{wrong}");
    }
    let twice = headers(&[
        ("Authorization", "Bearer correct-horse-battery-staple"),
        ("Authorization", "Bearer x"),
    ]);
    assert_eq!(ask(&bearer, &twice, b"x").await.unwrap_err().reason(), "repeated");
    assert_eq!(ask(&bearer, &HeaderMap::new(), b"x").await.unwrap_err().reason(), "missing");
}

#[tokio::test]
async fn a_user_and_password_are_believed_and_anything_near_them_is_not() {
    let basic = source(
        "name = \"a\"\nkind = \"alertmanager\"\nauth = \"basic\"\nsecrets = [{ file = \"user\" }]",
    );
    let sent = |value: &str| headers(&[("Authorization", value)]);
    // printf alertmanager:s3cret | base64
    assert_eq!(ask(&basic, &sent("Basic YWxlcnRtYW5hZ2VyOnMzY3JldA=="), b"x").await, Ok(()));
    // … alertmanager:s3cres, alertmanager: and garbage
    for wrong in ["YWxlcnRtYW5hZ2VyOnMzY3Jlcw==", "YWxlcnRtYW5hZ2VyOg==", "!", ""] {
        assert!(ask(&basic, &sent(&format!("Basic {wrong}")), b"x").await.is_err(), "{wrong}");
    }
    assert!(ask(&basic, &sent("Bearer YWxlcnRtYW5hZ2VyOnMzY3JldA=="), b"x").await.is_err());
}

#[tokio::test]
async fn only_a_source_that_says_so_believes_everybody() {
    let open = source("name = \"lab\"\nkind = \"native\"\nauth = \"none\"");
    assert_eq!(ask(&open, &HeaderMap::new(), b"").await, Ok(()));
}

#[tokio::test]
async fn a_refusal_repeats_nothing_that_was_sent_as_a_secret() {
    let bearer = source(
        "name = \"a\"\nkind = \"alertmanager\"\nauth = \"bearer\"\nsecrets = [{ file = \"old\" }]",
    );
    let sent = headers(&[("Authorization", "Bearer a-secret-for-somebody-else")]);
    let refused = ask(&bearer, &sent, b"x").await.unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("somebody-else"));
    assert!(!format!("{refused} {refused:?}").contains("horse"));
}
