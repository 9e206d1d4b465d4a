//! The schema that is shipped is the one the types make. `TAGOUT_UPDATE=1` writes it anew.

use std::fs;
use std::path::Path;

#[test]
fn the_shipped_schema_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/runbook.schema.json");
    let schema = tagout::runbooks::schema();
    let made = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
    if std::env::var_os("TAGOUT_UPDATE").is_some() {
        fs::write(&path, &made).expect("docs can be written");
    }
    let shipped = fs::read_to_string(&path).expect("docs/runbook.schema.json exists");
    assert!(
        made == shipped,
        "docs/runbook.schema.json is out of date; run the tests once with TAGOUT_UPDATE=1"
    );
}
