//! Another clock for a program: Debian's `faketime`.

use std::fs;
use std::path::PathBuf;

/// The library that stands between a program and its clock.
pub(crate) fn library() -> PathBuf {
    let found = fs::read_dir("/usr/lib").unwrap().flatten();
    let mut found = found.map(|dir| dir.path().join("faketime/libfaketime.so.1"));
    found.find(|path| path.exists()).expect(
        "these tests need the Debian package `faketime`: install it, or run ./check, which does",
    )
}
