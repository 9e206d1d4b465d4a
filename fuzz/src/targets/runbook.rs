//! A runbook page: front matter and Markdown, loaded and linted.

use tagout::runbooks::{lint_pages, load_pages};

pub fn fuzz(page: &[u8]) {
    let findings = lint_pages([("page.md", page)]);
    if let Err(errors) = load_pages([("page.md", page)]) {
        assert!(!errors.is_empty(), "refused without a reason");
        assert!(!findings.is_empty(), "what does not load has no finding");
    }
}
