//! Over SQLite.

use super::cycles::one_service;

#[test]
fn a_service_over_sqlite_that_is_killed_loses_nothing_it_acknowledged() {
    one_service("sqlite", "");
}
