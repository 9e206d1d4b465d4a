//! How much an alert, a page and a search may hold, each at the limit and one past it.

use serde_json::{Map, Value, json};
use tagout_core::event::Event;
use tagout_core::limits;

use crate::house::*;

#[test]
fn the_labels_and_the_annotations_of_an_alert_are_bounded_together() {
    let mut alert = alert("a", "warning");
    // Names of two bytes and values that leave room for no more than the rest of the last one.
    let fill = |bytes: usize| -> std::collections::BTreeMap<String, String> {
        let one = limits::VALUE_BYTES;
        let number = bytes.div_ceil(one + 2);
        let last = bytes - (number - 1) * (one + 2) - 2;
        let length = |n: usize| if n + 1 == number { last } else { one };
        (0..number).map(|n| (format!("{n:02}"), "v".repeat(length(n)))).collect()
    };
    for more in [0, 1] {
        alert.labels = fill(limits::LABELS_BYTES + more);
        assert_eq!(alert.check().is_ok(), more == 0, "{more} more of labels");
        alert.labels.clear();
        let texts = fill(limits::ANNOTATIONS_BYTES + more);
        alert.annotations = texts.into_iter().map(|(k, v)| (k, v.into())).collect();
        assert_eq!(alert.check().is_ok(), more == 0, "{more} more of annotations");
        alert.annotations.clear();
    }
}

#[test]
fn a_page_has_so_many_symptoms_keys_exclusions_and_parameters_and_no_more() {
    let names = |n: usize| (0..n).map(|n| format!("n{n}")).collect::<Vec<_>>();
    let map = |n: usize, value: Value| -> Value {
        names(n).into_iter().map(|name| (name, value.clone())).collect::<Map<_, _>>().into()
    };
    let labels = |n: usize| Value::from(vec![json!({"service": "a"}); n]);
    let (entries, parameters) = (limits::RUNBOOK_ENTRIES, limits::PARAMETERS);
    type Holding<'a> = &'a dyn Fn(usize) -> Value;
    let fields: [(&str, usize, Holding<'_>); 5] = [
        ("symptoms", entries, &|n| json!({"symptoms": names(n)})),
        ("match.alert_names", entries, &|n| json!({"match": {"alert_names": names(n)}})),
        ("match.labels", entries, &|n| json!({"match": {"labels": labels(n)}})),
        ("not_when", entries, &|n| json!({"not_when": vec![json!({"text": "it is new"}); n]})),
        ("parameters", parameters, &|n| json!({"parameters": map(n, json!({"values": ["a"]}))})),
    ];
    for (field, most, holding) in fields {
        for (number, fits) in [(most, true), (most + 1, false)] {
            let flaws = flaws(&holding(number));
            let told = flaws.iter().any(|flaw| {
                flaw.to_string().contains(field) && flaw.to_string().contains("the limit is")
            });
            assert_eq!(told, !fits, "{number} of {field}: {flaws:?}");
        }
    }
}

#[test]
fn of_a_search_as_many_candidates_are_recorded_as_the_limit_says() {
    let mut house = House::new();
    house.receive("a", alert("a", "warning"));
    let events = house.find("a", &vec![by_key("disk", 9_900); limits::CANDIDATES + 1]);
    let Event::SearchCompleted { findings, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(findings.candidates.len(), limits::CANDIDATES);
}
