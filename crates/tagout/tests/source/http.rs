//! Requests and sources for the tests.

use std::path::Path;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tagout::config::BadInput;
use tagout::source::{Source, SourceConfig};
use tagout_core::time::Time;

/// A source from one `[[source]]` written as TOML, with secrets in the fixture directory of
/// the test.
pub(crate) fn load_in(dir: &Path, toml: &str) -> Result<Source, BadInput> {
    let config: SourceConfig = toml::from_str(toml).map_err(|e| BadInput(e.to_string()))?;
    Source::load(&config, dir)
}

/// The same, with the files `old` and `new` as its possible secrets.
pub(crate) fn source(toml: &str) -> Source {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("old"), OLD).unwrap();
    std::fs::write(dir.path().join("new"), format!("{NEW}\n")).unwrap();
    std::fs::write(dir.path().join("user"), "alertmanager:s3cret").unwrap();
    std::fs::write(dir.path().join("published"), PUBLISHED).unwrap();
    load_in(dir.path(), toml).unwrap()
}

/// A secret and its successor.
pub(crate) const OLD: &str = "correct-horse-battery-staple";
pub(crate) const NEW: &str = "the-new-secret";
/// The secret of PagerDuty's published vector.
pub(crate) const PUBLISHED: &str =
    "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK";

/// Headers; a name may stand more than once.
pub(crate) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// A time.
pub(crate) fn at(text: &str) -> Time {
    text.parse().unwrap()
}

/// A recorded body.
pub(crate) fn body(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/webhooks").join(name);
    std::fs::read(path).unwrap()
}
