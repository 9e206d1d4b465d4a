//! A runbook page: front matter and Markdown, loaded and linted.
#![no_main]

use tagout::runbooks::{lint_pages, load_pages};

libfuzzer_sys::fuzz_target!(|page: &[u8]| {
    let findings = lint_pages([("page.md", page)]);
    if let Err(errors) = load_pages([("page.md", page)]) {
        assert!(!errors.is_empty(), "refused without a reason");
        assert!(!findings.is_empty(), "what does not load has no finding");
    }
});
