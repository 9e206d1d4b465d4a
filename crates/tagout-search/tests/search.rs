//! What a caller can rely on: keys, no match, determinism, and never a panic.

mod common;

use std::collections::BTreeMap;

use common::EMBEDDER;
use proptest::prelude::*;
use tagout_search::{
    Calibration, Document, Findings, Index, Key, MemoryCache, Mode, NoCache, Query, SearchError,
    SearchOptions,
};

fn document(id: &str, title: &str, symptom: &str) -> Document {
    Document {
        id: id.into(),
        title: title.into(),
        symptoms: vec![symptom.into()],
        body: format!("# {title}\n\n{symptom}\n"),
        ..Document::default()
    }
}

fn documents() -> Vec<Document> {
    let mut all = vec![
        document(
            "disk-full",
            "Disk is almost full",
            "The filesystem of a host has little space left.",
        ),
        document("redis-down", "Redis is down", "The cache does not answer and latency rises."),
        document(
            "postgres-replication-lag",
            "Postgres replication lag",
            "A replica is far behind the primary.",
        ),
        document(
            "certificate-expiry",
            "Certificate expires soon",
            "A TLS certificate is about to expire.",
        ),
        document("crash-loop", "Pod crash loop", "A container restarts again and again."),
    ];
    all[0].alert_names = vec!["HostOutOfDiskSpace".into()];
    all[1].label_matchers =
        vec![BTreeMap::from([("service".into(), "redis".into()), ("check".into(), "ping".into())])];
    all[2].runbook_urls = vec!["https://wiki.example.com/pages/4711".into()];
    all
}

fn index() -> Index {
    Index::build(documents(), &EMBEDDER, &mut NoCache).unwrap()
}

fn search(query: &Query) -> Findings {
    index().search(&EMBEDDER, query, &SearchOptions::default())
}

fn named(name: &str) -> Query {
    Query { alert_name: name.into(), summary: "Something happened".into(), ..Query::default() }
}

#[test]
fn a_declared_alert_name_decides_whatever_the_text_says_and_however_it_is_spelled() {
    for name in ["HostOutOfDiskSpace", "host-out-of-disk-space", "HOST_OUT_OF_DISK.SPACE"] {
        let findings = search(&named(name));
        let first = &findings.candidates[0];
        assert_eq!((first.id.as_str(), first.key), ("disk-full", Some(Key::AlertName)));
        assert!(first.declared && findings.matched);
        assert!(findings.confidence >= 9_500, "{}", findings.confidence);
        assert!(first.text_confidence < first.confidence);
        assert!(findings.candidates[1..].iter().all(|c| c.key.is_none() && !c.declared));
    }
}

#[test]
fn a_title_or_id_is_a_key_but_not_a_declared_one() {
    for name in ["RedisIsDown", "redis_down"] {
        let findings = search(&named(name));
        assert_eq!(findings.candidates[0].id, "redis-down");
        assert_eq!(findings.candidates[0].key, Some(Key::AlertName));
        assert!(!findings.candidates[0].declared);
    }
}

#[test]
fn an_address_beats_a_name_and_is_found_whole_or_by_its_last_segment_or_fragment() {
    let mut query = named("HostOutOfDiskSpace");
    for (url, declared) in [
        ("https://wiki.example.com/pages/4711/", true),
        ("http://WIKI.example.com/pages/4711", true),
        ("https://runbooks.example.com/db/postgres-replication-lag.md#meaning", false),
        ("https://runbooks.example.com/PostgresReplicationLag/", false),
        ("https://runbooks.example.com/db/postgres-replication-lag/README.md", false),
        ("https://runbooks.example.com/all.html#postgres-replication-lag", false),
    ] {
        query.runbook_url = Some(url.into());
        let findings = search(&query);
        let first = &findings.candidates[0];
        assert_eq!(first.id, "postgres-replication-lag", "{url}");
        assert_eq!((first.key, first.declared), (Some(Key::RunbookUrl), declared), "{url}");
    }
}

#[test]
fn declared_labels_must_all_hold_exactly() {
    let mut query = named("Unheard");
    query.labels = BTreeMap::from([("service".into(), "redis".into())]);
    assert!(search(&query).candidates.iter().all(|c| c.key.is_none()));
    query.labels.insert("check".into(), "ping".into());
    query.labels.insert("zone".into(), "a".into());
    let findings = search(&query);
    assert_eq!(findings.candidates[0].id, "redis-down");
    assert_eq!(findings.candidates[0].key, Some(Key::Labels));
    query.labels.insert("check".into(), "Ping".into());
    assert!(search(&query).candidates.iter().all(|c| c.key.is_none()));
}

#[test]
fn a_key_that_names_two_documents_names_none() {
    let mut documents = documents();
    documents[3].alert_names = vec!["HostOutOfDiskSpace".into()];
    let index = Index::build(documents, &EMBEDDER, &mut NoCache).unwrap();
    let query = named("HostOutOfDiskSpace");
    let findings = index.search(&EMBEDDER, &query, &SearchOptions::default());
    assert!(findings.ambiguous_key);
    assert!(findings.candidates.iter().all(|c| c.key.is_none()));
    assert_eq!(findings.confidence, findings.candidates[0].text_confidence);
    let without = SearchOptions { keys: false, ..SearchOptions::default() };
    assert_eq!(index.search(&EMBEDDER, &query, &without).confidence, findings.confidence);
}

#[test]
fn an_address_of_a_page_that_is_not_here_lowers_the_confidence() {
    let mut query = Query {
        alert_name: "PostgresReplicationStopped".into(),
        summary: "Postgres replication lag: a replica is far behind the primary".into(),
        ..Query::default()
    };
    let before = search(&query);
    query.runbook_url = Some("https://runbooks.example.com/PostgresReplicationStopped".into());
    let after = search(&query);
    assert_eq!(before.candidates[0].id, after.candidates[0].id);
    assert!(after.confidence < before.confidence);
    query.runbook_url = Some("https://runbooks.example.com/view?page=12345".into());
    assert!(search(&query).confidence > after.confidence);
}

#[test]
fn an_alert_about_a_technology_that_no_document_knows_is_no_match() {
    let findings = search(&Query {
        alert_name: "FreeswitchSessionsCritical".into(),
        summary: "Freeswitch sessions usage is critical".into(),
        ..Query::default()
    });
    assert!(!findings.matched);
    assert!(findings.confidence < 1_000, "{}", findings.confidence);
    assert!(!findings.candidates.is_empty());
}

#[test]
fn an_empty_index_and_an_empty_alert_are_no_match_and_no_error() {
    let empty = Index::build(Vec::new(), &EMBEDDER, &mut NoCache).unwrap();
    let findings = empty.search(&EMBEDDER, &named("Anything"), &SearchOptions::default());
    assert!(findings.candidates.is_empty() && !findings.matched);
    assert_eq!((findings.confidence, findings.margin), (0, 0));
    let findings = search(&Query::default());
    assert!(!findings.matched);
    assert!(findings.candidates.iter().all(|c| c.features.cosine == 0.0));
}

#[test]
fn ids_must_be_there_and_differ() {
    let twice = vec![document("a", "A", "x"), document("a", "B", "y")];
    let error = Index::build(twice, &EMBEDDER, &mut NoCache).unwrap_err();
    assert_eq!(error, SearchError::DuplicateId("a".into()));
    let nameless = vec![document("a", "A", "x"), document("", "B", "y")];
    let error = Index::build(nameless, &EMBEDDER, &mut NoCache).unwrap_err();
    assert_eq!(error, SearchError::EmptyId(1));
}

#[test]
fn the_order_of_the_documents_and_a_cache_change_nothing() {
    let mut reversed = documents();
    reversed.reverse();
    let mut cache = MemoryCache::default();
    let first = index();
    let second = Index::build(reversed.clone(), &EMBEDDER, &mut cache).unwrap();
    let third = Index::build(reversed, &EMBEDDER, &mut cache).unwrap();
    let query = Query {
        alert_name: "DiskSpaceLow".into(),
        summary: "Disk of a host is almost full".into(),
        ..Query::default()
    };
    let options = SearchOptions::default();
    let findings = first.search(&EMBEDDER, &query, &options);
    assert_eq!(findings, second.search(&EMBEDDER, &query, &options));
    assert_eq!(findings, third.search(&EMBEDDER, &query, &options));
    assert_eq!(first.digest(), second.digest());
}

#[test]
fn equal_documents_are_ordered_by_id_and_have_no_margin() {
    let same = vec![
        document("b", "Disk full", "No space left."),
        document("a", "Disk full", "No space left."),
    ];
    let index = Index::build(same, &EMBEDDER, &mut NoCache).unwrap();
    let query = Query { summary: "disk full, no space left".into(), ..Query::default() };
    let findings = index.search(&EMBEDDER, &query, &SearchOptions::default());
    let ids: Vec<&str> = findings.candidates.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(findings.margin, 0);
}

#[test]
fn any_change_of_a_document_changes_the_index_digest_and_nothing_is_fitted_on_strangers() {
    let before = index();
    let mut changed = documents();
    changed[4].body.push('x');
    let after = Index::build(changed, &EMBEDDER, &mut NoCache).unwrap();
    assert_ne!(before.digest(), after.digest());
    assert!(!search(&named("x")).fitted);
    let mut calibration = Calibration::bundled().unwrap();
    calibration.fitted_on.indexes = vec![tagout_search::hexadecimal(&before.digest())];
    let before = before.with_calibration(calibration);
    assert!(before.search(&EMBEDDER, &named("x"), &SearchOptions::default()).fitted);
}

#[test]
fn candidates_are_bounded_and_their_confidence_never_rises_down_the_list() {
    let query = Query {
        alert_name: "PodRestarting".into(),
        summary: "container restarts, cache latency, certificate, replica, disk".into(),
        ..Query::default()
    };
    for limit in [0, 1, 3, 100] {
        let options = SearchOptions { limit, ..SearchOptions::default() };
        let findings = index().search(&EMBEDDER, &query, &options);
        assert_eq!(findings.candidates.len(), limit.min(5));
        let confidences: Vec<u16> = findings.candidates.iter().map(|c| c.confidence).collect();
        assert!(confidences.is_sorted_by(|a, b| a >= b), "{confidences:?}");
    }
}

#[test]
fn labels_are_read_in_full_mode_only_and_the_name_is_not_read_in_prose_mode() {
    let mut query = Query {
        alert_name: "RedisDown".into(),
        labels: BTreeMap::from([("component".into(), "certificate".into())]),
        summary: "Something happened".into(),
        ..Query::default()
    };
    let terms = |query: &Query, mode: Mode| -> Vec<String> {
        let options = SearchOptions { mode, keys: false, limit: 5 };
        let findings = index().search(&EMBEDDER, query, &options);
        findings.candidates.into_iter().flat_map(|c| c.matched_terms).collect()
    };
    assert!(terms(&query, Mode::Full).contains(&"certificate".to_owned()));
    assert!(!terms(&query, Mode::Text).contains(&"certificate".to_owned()));
    assert!(terms(&query, Mode::Text).contains(&"redis".to_owned()));
    query.summary = "RedisDown: something happened".into();
    assert!(!terms(&query, Mode::Prose).contains(&"redis".to_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_the_search_panic_or_waver(
        name in "\\PC{0,40}",
        summary in any::<String>(),
        description in "(\\PC|[\\x00-\\x7f]){0,200}",
        value in any::<String>(),
        url in proptest::option::of("(https?://)?\\PC{0,30}(/\\PC{0,10}){0,3}"),
    ) {
        let query = Query {
            alert_name: name,
            labels: BTreeMap::from([("label".to_owned(), value)]),
            summary,
            description,
            runbook_url: url,
        };
        thread_local! {
            static INDEX: Index = index();
        }
        for mode in [Mode::Full, Mode::Text, Mode::Prose] {
            let options = SearchOptions { mode, keys: true, limit: 3 };
            let (first, second) = INDEX.with(|index| (
                index.search(&EMBEDDER, &query, &options),
                index.search(&EMBEDDER, &query, &options),
            ));
            prop_assert!(first.confidence <= 10_000);
            prop_assert_eq!(first, second);
        }
    }

    #[test]
    fn no_document_makes_the_index_panic(
        id in "\\PC{1,20}",
        title in any::<String>(),
        symptom in any::<String>(),
        body in "(\\PC|\n|#|`){0,200}",
    ) {
        let document = Document {
            id,
            title: title.clone(),
            symptoms: vec![symptom],
            body,
            alert_names: vec![title.clone()],
            runbook_urls: vec![title.clone()],
            ..Document::default()
        };
        let index = Index::build(vec![document], &EMBEDDER, &mut NoCache).unwrap();
        let findings = index.search(&EMBEDDER, &named(&title), &SearchOptions::default());
        prop_assert_eq!(findings.candidates.len(), 1);
    }

    #[test]
    fn every_text_has_between_two_and_256_tokens(text in any::<String>()) {
        let tokens = EMBEDDER.tokens(&text);
        prop_assert!((2..=256).contains(&tokens.len()));
    }
}
