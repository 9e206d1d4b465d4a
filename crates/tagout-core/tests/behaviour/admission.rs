//! Which version of a page may run live, and who may say so.

use serde_json::json;
use tagout_core::command::SharedCommand;
use tagout_core::decide::Rejection;
use tagout_core::digest::RunbookDigest;

use crate::house::*;

#[test]
fn a_page_whose_author_is_no_persons_name_is_refused() {
    for (author, good) in [("Ana", true), ("", false), ("  ", false), ("ana\u{200b}", false)] {
        let mut page = cache();
        page["author"] = json!(author);
        let flaws = flaws(&page);
        let fields: Vec<_> = flaws.iter().map(|flaw| flaw.field.as_str()).collect();
        assert_eq!(fields, if good { vec![] } else { vec!["author"] }, "{author:?}");
    }
}

#[test]
fn a_page_is_not_admitted_by_the_one_who_wrote_it_nor_twice() {
    let mut house = House::with(OPEN, [cache()]);
    let digest = RunbookDigest::of_bytes(b"a page");
    let admit = |by: &str, author: &str| SharedCommand::AdmitRunbook {
        runbook: "cache".into(),
        digest,
        by: person(by),
        page: "a page".into(),
        author: Some(author.into()),
    };
    for author in ["ana", "Ana", " ANA "] {
        let refused = house.say(admit("ana", author));
        assert!(matches!(refused, Err(Rejection::NotLet { .. })), "{author:?}");
    }
    assert!(house.say(admit("ana", "ana\u{200b}")).is_err());
    assert!(!house.shared.admitted("cache", digest));
    house.say(admit("ben", "Ana")).unwrap();
    assert!(house.shared.admitted("cache", digest));
    assert!(house.say(admit("ben", "Ana")).is_err());
}
