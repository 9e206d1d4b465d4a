//! The JSON Schema of a page's front matter, for editors and for our own checks.

use serde_json::Value;
use tagout_core::front_matter::FrontMatter;

/// The schema that `docs/runbook.schema.json` holds, made from the types that read a page.
#[must_use]
pub fn schema() -> Value {
    schemars::schema_for!(FrontMatter).to_value()
}
