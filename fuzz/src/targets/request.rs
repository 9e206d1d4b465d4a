//! Places for values in a request, a query and a path: four lines of a page, then a value for them.

use serde_json::{Value, json};
use tagout_core::parameter::Values;
use tagout_core::query::PromqlSource;
use tagout_core::request::HttpSource;

pub fn fuzz(text: &str) {
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (path, query, body, promql) = (line(), line(), line(), line());
    let value = lines.collect::<Vec<_>>().join("\n");
    let source = json!({
        "endpoint": "one", "method": "POST", "path": path, "query": {"q": query, "r": "1"},
        "body": [body, 1],
    });
    if let Ok(source) = serde_json::from_value::<HttpSource>(source)
        && let Ok(template) = source.check()
    {
        let with = |value: &str| template.bind(&all(template.names(), value));
        // Whatever the value is, there are as many parts of each as with a plain one.
        if let (Ok(bound), Ok(plain)) = (with(&value), with("a")) {
            for mark in ['/', '?', '&', '=', '#'] {
                assert_eq!(bound.target.matches(mark).count(), plain.target.matches(mark).count());
            }
            let (place, _) = bound.target.split_once('?').expect("it has a query");
            assert!(place == path || !place.split('/').any(|part| matches!(part, "." | "..")));
            let sent: Value = serde_json::from_str(&bound.body.unwrap_or_default()).expect("JSON");
            assert!(sent.as_array().is_some_and(|items| items.len() == 2 && items[0].is_string()));
        }
    }
    let source = json!({"endpoint": "one", "query": promql, "holds": "some"});
    if let Ok(source) = serde_json::from_value::<PromqlSource>(source)
        && let Ok(template) = source.check()
    {
        let with = |value: &str| template.bind(&all(template.names(), value));
        if let (Ok(bound), Ok(plain)) = (with(&value), with("a")) {
            assert_eq!(code(&bound.query), code(&plain.query));
        }
    }
}

/// The value for each of these names.
fn all<'n>(names: impl IntoIterator<Item = &'n str>, value: &str) -> Values {
    names.into_iter().map(|name| (name.to_owned(), value.to_owned())).collect()
}

/// What of a query stands outside of its literals.
fn code(query: &str) -> String {
    let (mut out, mut within, mut escaped) = (String::new(), None, false);
    for c in query.chars() {
        match within {
            None if c == '#' => within = Some('\n'),
            None => {
                out.push(c);
                within = Some(c).filter(|c| matches!(c, '"' | '\'' | '`'));
            }
            Some(_) if escaped => escaped = false,
            Some('"' | '\'') if c == '\\' => escaped = true,
            Some(end) if c == end => within = None,
            Some(_) => {}
        }
    }
    out
}
