//! Sealing and opening: what stands in a leaf, what is kept beside it, and what is refused.

use proptest::prelude::*;
use serde_json::{Value, json};
use tagout_log::envelope::{
    EnvelopeError, MAX_DEPTH, MAX_LEAF_BYTES, MAX_NAME_BYTES, MAX_TEXT_BYTES, open, seal,
};
use tagout_log::leaf::Leaf;
use tagout_log::{Commitment, Entry, Payload, Sealed};

fn entry(data: Value) -> Entry {
    Entry {
        at: "2026-11-01T10:00:00Z".parse().unwrap(),
        stream: "inc/1".into(),
        seq: 1,
        kind: "noted".into(),
        version: 1,
        data,
        erases: vec![],
    }
}

fn salts() -> impl FnMut() -> [u8; 32] {
    let mut n = 0;
    move || {
        n += 1;
        [n; 32]
    }
}

fn sealed(data: Value) -> Result<Sealed, EnvelopeError> {
    seal(&entry(data), 7, &mut salts())
}

fn leaf_text(sealed: &Sealed) -> String {
    String::from_utf8(sealed.leaf.clone()).unwrap()
}

#[test]
fn a_text_is_not_in_its_leaf_and_comes_back_when_the_leaf_is_opened() {
    let data = json!({"list": [{"$text": "hunter2"}, 5], "why": {"$text": "a \"quoted\"\nline"}});
    let sealed = sealed(data.clone()).unwrap();
    assert!(!leaf_text(&sealed).contains("hunter2"));
    assert_eq!(sealed.payloads.len(), 2);
    let opened = open(&sealed.leaf, &sealed.payloads).unwrap();
    assert_eq!(opened.index, 7);
    assert_eq!(opened.entry, entry(data));
}

#[test]
fn a_text_that_is_gone_is_shown_as_erased_with_its_commitment() {
    let sealed = sealed(json!({"a": {"$text": "x"}, "b": {"$text": "y"}})).unwrap();
    let [a, b] = sealed.payloads.as_slice() else { panic!() };
    let opened = open(&sealed.leaf, std::slice::from_ref(b)).unwrap();
    let expected = json!({"a": {"$erased": a.commitment.to_string()}, "b": {"$text": "y"}});
    assert_eq!(opened.entry.data, expected);
}

#[test]
fn a_text_that_was_exchanged_is_an_error_and_not_an_erasure() {
    let sealed = sealed(json!({"a": {"$text": "yes"}})).unwrap();
    let commitment = sealed.payloads[0].commitment;
    let exchanged = Payload { text: "no".into(), ..sealed.payloads[0].clone() };
    assert_eq!(open(&sealed.leaf, &[exchanged]), Err(EnvelopeError::Mismatch(commitment)));
}

#[test]
fn equal_texts_have_different_commitments() {
    let sealed = sealed(json!([{"$text": "x"}, {"$text": "x"}, {"$text": ""}])).unwrap();
    let leaf = Leaf::parse(&sealed.leaf).unwrap();
    assert_eq!(leaf.commitments.len(), 3);
    assert_ne!(leaf.commitments[0], leaf.commitments[1]);
    assert_eq!(leaf.commitments[0], Commitment::to("x", &[1; 32]));
}

#[test]
fn nobody_smuggles_a_commitment_into_a_leaf() {
    for data in [
        json!({"$commit": "ab".repeat(32)}),
        json!({"labels": {"$commit": "anything", "other": 1}}),
        json!([[{"$commit": null}]]),
    ] {
        let error = sealed(data).unwrap_err();
        assert!(matches!(error, EnvelopeError::Reserved { .. }), "{error}");
    }
}

#[test]
fn a_text_that_is_not_marked_up_as_one_is_refused_and_its_place_is_named() {
    for data in [json!({"$text": 5}), json!({"$text": "x", "more": 1}), json!({"$text": null})] {
        let error = sealed(json!({"a/b": [0, data]})).unwrap_err();
        assert_eq!(error, EnvelopeError::Text { place: "/data/a~1b/1".into() });
    }
}

#[test]
fn a_leaf_is_accepted_up_to_its_limit_and_refused_one_past_it() {
    let with = |n: usize| sealed(json!("x".repeat(n)));
    let overhead = with(0).unwrap().leaf.len();
    assert_eq!(with(MAX_LEAF_BYTES - overhead).unwrap().leaf.len(), MAX_LEAF_BYTES);
    let error = with(MAX_LEAF_BYTES - overhead + 1).unwrap_err();
    assert_eq!(error, EnvelopeError::LeafTooLong { bytes: MAX_LEAF_BYTES + 1 });
}

#[test]
fn texts_are_accepted_up_to_their_limit_and_refused_one_past_it() {
    let half = "x".repeat(MAX_TEXT_BYTES / 2);
    let data = |more: &str| json!([{"$text": half}, {"$text": half}, {"$text": more}]);
    assert_eq!(sealed(data("")).unwrap().payloads.len(), 3);
    let error = sealed(data("x")).unwrap_err();
    assert_eq!(error, EnvelopeError::TextTooLong { bytes: MAX_TEXT_BYTES + 1 });
}

#[test]
fn data_nests_up_to_the_limit_and_no_deeper() {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    let sealed_deep = sealed(nested(MAX_DEPTH)).unwrap();
    assert_eq!(open(&sealed_deep.leaf, &[]).unwrap().entry.data, nested(MAX_DEPTH));
    assert!(matches!(sealed(nested(MAX_DEPTH + 1)), Err(EnvelopeError::TooDeep { .. })));
    let text = |depth: usize| (1..depth).fold(json!({"$text": "x"}), |inner, _| json!([inner]));
    assert!(sealed(text(MAX_DEPTH)).is_ok());
    assert!(matches!(sealed(text(MAX_DEPTH + 1)), Err(EnvelopeError::TooDeep { .. })));
}

#[test]
fn names_are_accepted_up_to_their_limit_and_never_need_an_escape() {
    let named =
        |name: &str| seal(&Entry { stream: name.into(), ..entry(json!(1)) }, 0, &mut salts());
    assert!(named(&"x".repeat(MAX_NAME_BYTES)).is_ok());
    for wrong in ["", "a\"b", "a\\b", "a\nb", "a\u{7f}b", &"x".repeat(MAX_NAME_BYTES + 1)] {
        assert!(matches!(named(wrong), Err(EnvelopeError::Name { .. })), "{wrong:?}");
    }
}

#[test]
fn floats_and_large_numbers_are_refused() {
    assert!(matches!(sealed(json!({"a": 0.5})), Err(EnvelopeError::Number(_))));
    assert!(matches!(sealed(json!(1_u64 << 53)), Err(EnvelopeError::Number(_))));
    let late = Entry { seq: 0, ..entry(json!(1)) };
    assert_eq!(seal(&late, 0, &mut salts()), Err(EnvelopeError::Position));
    assert_eq!(seal(&entry(json!(1)), 1 << 53, &mut salts()), Err(EnvelopeError::Position));
}

#[test]
fn neither_salt_nor_text_shows_in_debug_output() {
    let sealed = sealed(json!({"$text": "hunter2"})).unwrap();
    assert!(!format!("{sealed:?}").contains("hunter2"));
    assert!(!format!("{:?}", sealed.payloads).contains("1, 1, 1"));
}

/// Data as an application may send it, with texts anywhere.
fn any_data() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<String>().prop_map(|text| json!({"$text": text})),
    ];
    scalar.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[^$]\\PC{0,6}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_sealed_opens_as_it_was_and_without_texts_holds_none(data in any_data()) {
        let sealed = sealed(data.clone()).unwrap();
        let leaf = Leaf::parse(&sealed.leaf).unwrap();
        prop_assert_eq!(leaf.commitments.len(), sealed.payloads.len());
        prop_assert_eq!(open(&sealed.leaf, &sealed.payloads).unwrap().entry.data, data);
        let bare = open(&sealed.leaf, &[]).unwrap().entry.data.to_string();
        prop_assert!(!bare.contains("\"$text\""));
    }
}
