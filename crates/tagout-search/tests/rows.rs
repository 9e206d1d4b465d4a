//! Reading the retrieval files: what is refused, and where the error points.

use tagout_search::{Document, Expected, Symptoms, parse_corpus, parse_queries};

#[test]
fn an_expected_answer_may_be_one_several_or_none() {
    let rows = parse_queries(
        "q.jsonl",
        r#"{"id":"a","summary":"x","expected":"r1"}
{"id":"b","summary":"x","expected":["r1","r2"]}

{"id":"c","summary":"x","expected":null}
{"id":"d","summary":"x"}"#,
    )
    .unwrap();
    assert_eq!(rows[0].expected, Expected::One("r1".into()));
    assert!(rows[1].expected.holds("r2") && !rows[1].expected.holds("r3"));
    assert!(!rows[2].expected.is_some() && !rows[3].expected.is_some());
}

#[test]
fn symptoms_may_be_one_text_or_a_list() {
    let rows = parse_corpus(
        "c.jsonl",
        "{\"id\":\"a\",\"symptoms\":\"one\"}\n{\"id\":\"b\",\"symptoms\":[\"one\",\"two\"]}",
    )
    .unwrap();
    assert_eq!(rows[0].symptoms, Symptoms::One("one".into()));
    assert_eq!(Document::from(&rows[1]).symptoms, ["one", "two"]);
}

#[test]
fn errors_name_the_file_and_the_line() {
    for (text, place, what) in [
        ("{\"id\":\"a\"}\n{\"id\":", "c.jsonl:2: ", "EOF"),
        ("{\"title\":\"a\"}", "c.jsonl:1: ", "id"),
        ("\n\n{\"id\":\"\"}", "c.jsonl:3: ", "empty"),
        ("{\"id\":\"a\"}\n\n{\"id\":\"a\"}", "c.jsonl:3: ", "already used in line 1"),
    ] {
        let error = parse_corpus("c.jsonl", text).unwrap_err().to_string();
        assert!(error.starts_with(place) && error.contains(what), "{error}");
    }
    let error = parse_queries("q.jsonl", "{\"id\":\"a\",\"expected\":7}").unwrap_err();
    assert!(error.to_string().starts_with("q.jsonl:1: "), "{error}");
}
