//! What documents say of the tests: a name that no test has shows nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Documents in which a name of at least four words is a test's.
const DOCUMENTS: [&str; 3] = ["SECURITY.md", "docs/promises.md", "docs/failure-analysis.md"];

/// The names of all functions in the sources below a directory.
fn functions(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut there = BTreeSet::new();
    functions(&root.join("crates"), &mut there);
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let code = text.split('`').skip(1).step_by(2);
        let of_a_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let names = code.filter(|word| word.chars().all(of_a_name));
        let names: Vec<_> = names.filter(|word| word.matches('_').count() >= 3).collect();
        let absent: Vec<_> = names.iter().filter(|name| !there.contains(**name)).collect();
        assert!(absent.is_empty(), "{document} names tests that are not there: {absent:?}");
        assert!(names.len() > 20, "{document}: only {names:?} was read of it");
    }
}
