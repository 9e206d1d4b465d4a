//! What a `[[source]]` may say.

use tagout::source::Secret;
use tagout_core::limits;

use crate::http::{load_in, source};

/// Why a source is refused. A file `s` holds a good secret.
fn refusal(toml: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("s"), "a-good-secret").unwrap();
    load_in(dir.path(), toml).unwrap_err().to_string()
}

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:alarms";

#[test]
fn every_kind_can_be_configured() {
    for kind in ["alertmanager", "cloudevents", "native"] {
        for (auth, file) in [("bearer", "old"), ("basic", "user")] {
            source(&format!(
                "name = \"a-1\"\nkind = \"{kind}\"\nauth = \"{auth}\"\nsecrets = [{{ file = \"{file}\" }}]"
            ));
        }
    }
    for kind in ["grafana", "pagerduty", "sentry"] {
        source(&format!(
            "name = \"a\"\nkind = \"{kind}\"\nauth = \"signature\"\nsecrets = [{{ file = \"old\" }}]"
        ));
    }
    let sns = source(&format!(
        "name = \"aws\"\nkind = \"cloudwatch\"\nauth = \"signature\"\ntopics = [\"{TOPIC}\"]"
    ));
    assert_eq!((sns.name(), sns.format().name()), ("aws", "cloudwatch"));
    source("name = \"lab\"\nkind = \"native\"\nauth = \"none\"");
}

#[test]
fn a_source_without_auth_is_refused_with_what_to_write() {
    let why = refusal("name = \"a\"\nkind = \"alertmanager\"\nsecrets = [{ file = \"s\" }]");
    assert!(why.contains("auth = \"bearer\""), "{why}");
    let why = refusal("name = \"a\"\nkind = \"sentry\"\nsecrets = [{ file = \"s\" }]");
    assert!(why.contains("auth = \"signature\""), "{why}");
}

#[test]
fn a_secret_in_the_configuration_is_refused_and_not_repeated() {
    for secrets in [
        "[\"hunter2-hunter2\"]",
        "[{ value = \"hunter2-hunter2\" }]",
        "[{ env = \"X\", secret = \"hunter2-hunter2\" }]",
        "[{ file = { inline = \"hunter2-hunter2\" } }]",
        "[[\"hunter2-hunter2\"]]",
        "[77222277]",
        "[true]",
        "[1.5]",
    ] {
        let why = refusal(&format!(
            "name = \"a\"\nkind = \"alertmanager\"\nauth = \"bearer\"\nsecrets = {secrets}"
        ));
        assert!(why.contains("{ env = \"NAME\" }"), "{secrets}: {why}");
        assert!(!why.contains("hunter2") && !why.contains("7722"), "{secrets}: {why}");
    }
}

#[test]
fn two_secrets_may_be_valid_at_once_and_a_third_is_refused() {
    let with = |n: usize| {
        let secrets = vec!["{ file = \"s\" }"; n].join(",");
        format!("name = \"a\"\nkind = \"alertmanager\"\nauth = \"bearer\"\nsecrets = [{secrets}]")
    };
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("s"), "x").unwrap();
    assert!(load_in(dir.path(), &with(limits::SOURCE_SECRETS)).is_ok());
    assert!(refusal(&with(limits::SOURCE_SECRETS + 1)).contains("at most 2"));
    assert!(refusal(&with(0)).contains("no secrets"));
}

#[test]
fn a_secret_that_cannot_be_had_is_named_by_where_it_should_be() {
    let with = |secret: &str| {
        refusal(&format!(
            "name = \"a\"\nkind = \"alertmanager\"\nauth = \"bearer\"\nsecrets = [{secret}]"
        ))
    };
    let why = with("{ env = \"TAGOUT_TEST_SECRET_THAT_IS_NOT_SET\" }");
    assert!(why.contains("TAGOUT_TEST_SECRET_THAT_IS_NOT_SET"), "{why}");
    assert!(with("{ file = \"absent\" }").contains("absent"));
}

#[test]
fn an_empty_secret_is_refused_and_one_of_the_longest_size_is_taken() {
    for empty in ["", "\n", "\r\n"] {
        assert!(Secret::new(empty.into()).unwrap_err().contains("empty"));
    }
    assert!(Secret::new(vec![b'x'; limits::SECRET_BYTES]).is_ok());
    assert!(Secret::new(vec![b'x'; limits::SECRET_BYTES + 1]).is_err());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut bytes = vec![b'x'; limits::SECRET_BYTES];
    bytes.extend_from_slice(b"\r\n");
    std::fs::write(&path, &bytes).unwrap();
    assert!(Secret::read(&path).is_ok(), "the line break at its end does not count");
    std::fs::write(&path, vec![b'x'; limits::SECRET_BYTES + 1]).unwrap();
    assert!(Secret::read(&path).is_err());
}

#[test]
fn a_secret_is_not_printed() {
    let source = source(
        "name = \"a\"\nkind = \"alertmanager\"\nauth = \"bearer\"\nsecrets = [{ file = \"old\" }]",
    );
    let printed = format!("{source:?} {source:#?}");
    let digits: Vec<_> = crate::http::OLD.bytes().map(|b| b.to_string()).collect();
    assert!(!printed.contains("horse") && !printed.contains(&digits.join(", ")), "{printed}");
}

#[test]
fn a_name_is_held_to_what_a_url_and_a_metric_can_carry() {
    let named = |name: &str| {
        let dir = tempfile::tempdir().unwrap();
        load_in(dir.path(), &format!("name = \"{name}\"\nkind = \"native\"\nauth = \"none\""))
    };
    assert!(named(&"a".repeat(limits::SOURCE_NAME_BYTES)).is_ok());
    for wrong in ["", "A", "a/b", "a.b", "-a", "ä", &"a".repeat(limits::SOURCE_NAME_BYTES + 1)] {
        assert!(named(wrong).unwrap_err().to_string().contains("small letters"), "{wrong}");
    }
}

#[test]
fn settings_that_would_be_ignored_are_refused() {
    let secrets = "secrets = [{ file = \"s\" }]";
    for (toml, hint) in [
        (format!("kind = \"native\"\nauth = \"none\"\n{secrets}"), "not be used"),
        (format!("kind = \"alertmanager\"\nauth = \"signature\"\n{secrets}"), "sign nothing"),
        (format!("kind = \"cloudwatch\"\nauth = \"bearer\"\n{secrets}"), "signature"),
        (
            format!(
                "kind = \"cloudwatch\"\nauth = \"signature\"\ntopics = [\"{TOPIC}\"]\n{secrets}"
            ),
            "not be used",
        ),
        (
            format!("kind = \"native\"\nauth = \"bearer\"\ntopics = [\"{TOPIC}\"]\n{secrets}"),
            "topics",
        ),
        (
            format!("kind = \"sentry\"\nauth = \"signature\"\ntolerance = \"5m\"\n{secrets}"),
            "tolerance",
        ),
        (
            format!("kind = \"grafana\"\nauth = \"signature\"\ntolerance = \"5m\"\n{secrets}"),
            "timestamp_header",
        ),
        (
            format!("kind = \"sentry\"\nauth = \"signature\"\ntimestamp_header = \"x\"\n{secrets}"),
            "timestamp_header",
        ),
        (
            format!("kind = \"grafana\"\nauth = \"bearer\"\nsignature_header = \"x\"\n{secrets}"),
            "signature_header",
        ),
        (
            format!(
                "kind = \"grafana\"\nauth = \"signature\"\nsignature_header = \"a b\"\n{secrets}"
            ),
            "HTTP header",
        ),
        (format!("kind = \"native\"\nauth = \"bearer\"\nmapping = \"x\"\n{secrets}"), "mapping"),
        (format!("kind = \"mapped\"\nauth = \"bearer\"\n{secrets}"), "mapping"),
        (format!("kind = \"native\"\nauth = \"bearer\"\nsecret = \"x\"\n{secrets}"), "secret"),
    ] {
        let why = refusal(&format!("name = \"a\"\n{toml}"));
        assert!(why.contains(hint), "{toml}\n{why}");
    }
}

#[test]
fn a_tolerance_is_taken_at_its_limit_and_refused_past_it() {
    let with = |tolerance: &str| {
        let dir = tempfile::tempdir().unwrap();
        load_in(
            dir.path(),
            &format!(
                "name = \"a\"\nkind = \"cloudwatch\"\nauth = \"signature\"\ntopics = \
                 [\"{TOPIC}\"]\ntolerance = \"{tolerance}\""
            ),
        )
    };
    assert!(with("24h").is_ok());
    for wrong in ["24h 1s", "0s", "soon"] {
        assert!(with(wrong).unwrap_err().to_string().contains("tolerance"), "{wrong}");
    }
}

#[test]
fn cloudwatch_needs_topics_and_takes_no_more_than_the_limit() {
    let with = |topics: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let list = topics.iter().map(|t| format!("\"{t}\"")).collect::<Vec<_>>().join(",");
        load_in(
            dir.path(),
            &format!(
                "name = \"a\"\nkind = \"cloudwatch\"\nauth = \"signature\"\ntopics = [{list}]"
            ),
        )
    };
    assert!(with(&[TOPIC; limits::SOURCE_TOPICS]).is_ok());
    for wrong in [&[][..], &[TOPIC; limits::SOURCE_TOPICS + 1], &["alarms"], &["arn:aws:sqs:a:b:c"]]
    {
        assert!(with(wrong).unwrap_err().to_string().contains("topic"));
    }
}
