//! What holds for every page and every value, tried on many.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use tagout::runbooks::{lint_pages, load_pages};
use tagout_core::limits;

/// Pieces that make text look like a page, so that arbitrary bytes get beyond the first check.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..20),
        proptest::sample::select(vec![
            "---\n",
            "+++\n",
            "...\n",
            "# T\n",
            "## Meaning\n",
            "- ",
            "```\n",
            "<!--",
            "-->",
            "\n",
            "\r\n",
            "\u{feff}",
            "id: ",
            "steps:\n",
            "  - id: a\n",
            "    kind: action\n",
            "    command: [",
            "]\n",
            "{{",
            "}}",
            "*a",
            "&a ",
            "\t",
            "match:\n",
            "<<: ",
            "? ",
            ": ",
            "risk: low\n",
            "parameters:\n  p: {pattern: \"",
            "\"}\n",
            "|\n",
            "!!binary ",
            "~",
            "ä",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

fn argument() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{{a}}".to_owned()),
        Just("--x={{a}}".to_owned()),
        Just("{{a}}{{b}}".to_owned()),
        Just("{{a}}/{{b}}".to_owned()),
        "[a-z]{1,8}",
        "-{1,2}[a-z]{1,4}",
        proptest::sample::select(vec![
            "sh",
            "-c",
            "/usr/bin/env",
            "python3",
            "--",
            "$(x)",
            "a b",
            ""
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        proptest::sample::select(vec![
            "; reboot", "&& x", "$(id)", "`id`", "-rf", "--help", "a b", "a\nb", "\0", "'", "\"",
            "{{b}}", "../..", "", "*", "|", "%s", "\u{202e}",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_the_loader_panic(pieces in vec(piece(), 0..40), name in "[a-zA-Z./ ]{0,12}") {
        let page: Vec<u8> = pieces.concat();
        if let Err(errors) = load_pages([(name.clone(), page.clone())]) {
            prop_assert!(!errors.is_empty());
            let lines = 1 + page.iter().filter(|b| matches!(b, b'\n' | b'\r')).count();
            for error in errors {
                prop_assert!(error.line.is_none_or(|n| (1..=lines).contains(&n)), "{error}");
                prop_assert!(!error.what.is_empty() && !error.fix.is_empty(), "{error}");
                prop_assert!(!error.to_string().contains('\n'), "{error}");
            }
        }
        let _ = lint_pages([(name, page)]);
    }

    #[test]
    fn no_value_changes_the_number_of_arguments(
        program in "[a-z]{1,8}",
        rest in vec(argument(), 0..8),
        a in hostile(),
        b in hostile(),
    ) {
        let mut command = vec![program];
        command.extend(rest);
        // JSON is YAML, so the command reaches the loader exactly as it was drawn.
        let steps = serde_json::json!([{"id": "s", "kind": "check", "title": "t", "command": command}]);
        let page = format!(
            "---\nrisk: low\nparameters: {{a: {{values: [x]}}, b: {{values: [x]}}}}\nsteps: {steps}\n---\n"
        );
        let Ok(loaded) = load_pages([("p.md", page)]) else { return Ok(()) };
        let runbook = loaded.catalogue.get("p").unwrap();
        let template = runbook.steps[0].command().unwrap();
        let values = BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        let Ok(bound) = template.bind(&values) else { return Ok(()) };
        prop_assert_eq!(bound.len(), command.len());
        prop_assert_eq!(&bound[0], &command[0]);
        for (argument, source) in bound.iter().zip(&command) {
            prop_assert!(argument.len() <= limits::ARGUMENT_BYTES);
            if !source.contains("{{") {
                prop_assert_eq!(argument, source);
            }
            if source.starts_with("{{") {
                prop_assert!(!argument.starts_with('-'), "{:?} became an option", argument);
            }
        }
    }

    #[test]
    fn every_text_and_key_comes_back_as_it_was_written(
        symptoms in vec("[ -~äöü]{0,20}[a-z]", 1..5),
        labels in btree_map("[a-z]{1,8}", "[ -~]{0,12}", 1..4),
    ) {
        let keys = serde_json::json!({"labels": [labels]});
        let page = format!(
            "---\nsymptoms: {}\nmatch: {keys}\n---\n# A\n\nDo.\n",
            serde_json::json!(symptoms)
        );
        let loaded = load_pages([("p.md", page)]);
        prop_assert!(loaded.is_ok(), "{:?}", loaded.unwrap_err());
        let loaded = loaded.unwrap();
        let runbook = loaded.catalogue.get("p").unwrap();
        prop_assert_eq!(&runbook.symptoms, &symptoms);
        prop_assert_eq!(&runbook.keys.labels, &vec![labels]);
    }
}
