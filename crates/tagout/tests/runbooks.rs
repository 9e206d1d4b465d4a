//! Pages on disk become runbooks, or an error that says where and what to do.

use std::fs;
use std::path::{Path, PathBuf};

use tagout::runbooks::{Form, Level, LoadedRunbooks, lint, lint_pages, load, load_pages};
use tagout_core::limits;
use tagout_core::runbook::StepKind;
use tempfile::TempDir;

fn fixtures(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runbooks").join(name)
}

/// The errors of the one page, each as it is printed.
fn errors_of(page: impl Into<Vec<u8>>) -> Vec<String> {
    match load_pages([("p.md", page)]) {
        Ok(loaded) => panic!("loaded {:?}", loaded.pages),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

fn error_of(page: impl Into<Vec<u8>>) -> String {
    let mut errors = errors_of(page);
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

fn loaded(page: impl Into<Vec<u8>>) -> LoadedRunbooks {
    load_pages([("p.md", page)]).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn errors_in(dir: &Path) -> Vec<String> {
    load(dir).unwrap_err().iter().map(ToString::to_string).collect()
}

fn write(dir: &TempDir, name: &str, text: impl AsRef<[u8]>) {
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_directory_is_read_with_its_subdirectories_in_order() {
    let loaded = load(&fixtures("good")).unwrap();
    let ids: Vec<_> = loaded.catalogue.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(ids, ["CachePeerLost", "disk-full", "site-page"]);
    let forms: Vec<_> = loaded.pages.iter().map(|p| (p.id.as_str(), p.form.clone())).collect();
    assert_eq!(
        forms,
        [
            ("CachePeerLost", Form::Plain),
            ("disk-full", Form::Declared),
            ("site-page", Form::Foreign(vec!["weight".into(), "tags".into()])),
        ]
    );
    let skipped: Vec<_> = loaded.skipped.iter().map(|f| f.rsplit('/').next().unwrap()).collect();
    assert_eq!(skipped, ["README.md", "_index.md"]);
}

#[test]
fn an_executable_page_keeps_all_that_it_declares() {
    let loaded = load(&fixtures("good")).unwrap();
    let runbook = loaded.catalogue.get("disk-full").unwrap();
    assert_eq!(runbook.title, "Disk full on a database host");
    assert_eq!(runbook.symptoms.len(), 2);
    assert_eq!(runbook.keys.alert_names, ["HostOutOfDiskSpace"]);
    assert_eq!(runbook.not_when.len(), 2);
    assert_eq!((runbook.preconditions.len(), runbook.verification.len()), (1, 1));
    let kinds: Vec<_> = runbook.steps.iter().map(|step| step.kind).collect();
    assert_eq!(kinds, [StepKind::Check, StepKind::Action, StepKind::Manual]);
    let rotate = &runbook.steps[1];
    assert_eq!((rotate.attempts, rotate.timeout.to_string().as_str()), (2, "5m"));
    let values = [("host", "db-1"), ("keep_days", "7")];
    let values = values.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert_eq!(
        rotate.command().unwrap().bind(&values).unwrap(),
        ["/opt/tagout/bin/rotate-logs", "--host", "db-1", "--keep-days=7"]
    );
    assert!(runbook.body.starts_with("# Disk full") && runbook.is_executable());
}

#[test]
fn a_plain_page_becomes_steps_for_a_person_and_nothing_more() {
    let loaded = load(&fixtures("good")).unwrap();
    let runbook = loaded.catalogue.get("CachePeerLost").unwrap();
    assert_eq!(
        runbook.symptoms,
        ["CachePeerLost", "Cache Peer Lost", "A cache node has lost sight of one of its peers."]
    );
    let titles: Vec<_> = runbook.steps.iter().map(|step| step.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "Look at the membership list.",
            "cachectl members",
            "Restart the node that is missing.",
            "Tell the team if it does not come back.",
        ]
    );
    assert!(!runbook.is_executable());
    assert!(runbook.steps.iter().all(|s| s.work.is_none() && s.undo.is_none()));
    assert_eq!(loaded.catalogue.get("site-page").unwrap().title, "Mail queue grows");
}

#[test]
fn every_error_names_file_line_field_and_fix() {
    let expected = [
        "blank.md:1: error: file: is empty; write the runbook",
        "command.md:9: error: steps[0].command: must be a list, found text; write the program and \
         each argument as an item of its own: [kubectl, delete, pod, x]",
        "command.md:14: error: steps[2].title: is missing; add it",
        "empty.md:1: error: file: is empty; write the runbook",
        "list.md:2: error: front matter: must be keys with values, found a list; write each key",
        "never-closed.md:1: error: front matter: is opened here and never closed; end it",
        "only-front-matter.md:2: error: steps: are missing, and no text stands below",
        "semantics.md:2: error: id: \"not an id\" is not an id; use letters",
        "semantics.md:5: error: symptoms[1]: is blank; write something",
        "semantics.md:7: error: match.alert_names[0]: is blank; write something",
        "semantics.md:9: error: match.labels[0]: an empty set of labels would match every alert; name",
        "semantics.md:11: error: not_when[0]: is neither a set of labels nor a phrase; give either",
        "semantics.md:13: error: target: uses {{nowhere}}, which is not declared; declare it",
        "semantics.md:15: error: parameters.open: give exactly one of",
        "semantics.md:15: error: parameters.open.safer: text has no order; declare whole numbers",
        "semantics.md:16: error: parameters.both: give exactly one of",
        "semantics.md:21: error: parameters.broken.pattern: does not parse",
        "semantics.md:23: error: parameters.place.from: \"label.x\" names no place in an alert; use",
        "semantics.md:26: error: parameters.preset.default: parameter preset: \"99\" is not between",
        "semantics.md:31: error: preconditions[0].kind: only checks may stand here; make it",
        "semantics.md:35: error: steps[0].id: \"Not An Id\" is not a step id; use",
        "semantics.md:37: error: steps[0].title: is empty; say",
        "semantics.md:38: error: steps[1].command: is missing; give the program",
        "semantics.md:41: error: steps[2].id: \"twice\" is used twice; give",
        "semantics.md:44: error: steps[2].command: uses {{missing}}, which is not declared; declare",
        "semantics.md:47: error: steps[2].undo: only an action can be taken back; remove",
        "semantics.md:51: error: steps[3].command: the program \"df -h\" must be a plain name",
        "semantics.md:52: error: steps[3].timeout: \"30h\" is out of range; write",
        "semantics.md:53: error: steps[3].attempts: a step that is not idempotent must not",
        "semantics.md:57: error: steps[4].command: \"select {{open}}\" puts a value inside text",
        "semantics.md:58: error: steps[4].timeout: ",
        "semantics.md:59: error: steps[4].attempts: 0 is out of range; use 1 to 5",
        "semantics.md:60: error: timeout: \"0s\" is out of range; write",
        "tab.md:4: error: id: is not valid YAML here: tabs disallowed within this context (block \
         indentation); indent with spaces",
        "unclosed-bracket.md:4: error: owner: is not valid YAML here: illegal placement of ':' \
         indicator; close the bracket",
        "unknown-keys.md:3: error: symtoms: is not a known key; did you mean symptoms?",
        "unknown-keys.md:4: error: risk: \"extreme\" is not one of low, medium, high, critical; write",
        "unknown-keys.md:5: error: reversible: must be true or false, found text; write true or",
        "unknown-keys.md:7: error: steps[0].command: is missing",
        "unknown-keys.md:8: error: steps[0].kind: \"chekc\" is not one of check, action, manual; did",
        "unknown-keys.md:9: error: steps[0].title: must be text, found a list; write it on one line",
        "unknown-keys.md:10: error: steps[0].comand: is not a known key; did you mean command?",
        "unknown-keys.md:11: error: steps[0].attempts: must be a whole number, found text; write",
        "unknown-keys.md:12: error: steps[1].id: is missing; add it",
        "unknown-keys.md:14: error: match.alert_name: is not a known key; did you mean alert_names?",
        "unknown-keys.md:15: error: parameters: must be keys with values, found a list; write each",
        "unknown-keys.md:16: error: risk: is written twice, first on line 4; keep one of the two",
        "unquoted-value.md:3: error: target: is not valid YAML here: expected string scalar; put \
         quotes around text that holds {{name}}",
    ];
    // A command that is missing can only be told once the shape is right.
    let expected: Vec<_> =
        expected.into_iter().filter(|e| !e.ends_with("steps[0].command: is missing")).collect();
    let dir = fixtures("bad");
    let found: Vec<_> = errors_in(&dir)
        .iter()
        .map(|e| e.strip_prefix(&format!("{}/", dir.display())).unwrap().to_owned())
        .collect();
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.starts_with(expected), "\nfound    {found}\nexpected {expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn a_value_behind_an_interpreter_is_refused_on_its_line() {
    let text = fs::read_to_string(fixtures("bad").join("command.md")).unwrap();
    let text = text
        .replace("kubectl delete pod x", "[df]")
        .replace("kind: action\n---", "kind: manual\n    title: t\n---");
    let error = error_of(text);
    assert!(
        error.starts_with("p.md:13: error: steps[1].command: \"{{pod}}\" stands behind sh"),
        "{error}"
    );
}

#[test]
fn two_pages_with_one_id_are_both_named_even_if_one_is_broken_otherwise() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a.md", "---\nid: x\nrisk: low\n---\n# A\n\nDo.\n");
    write(&dir, "b.md", "---\nrisk: low\nid: x\ntimeout: never\n---\n# B\n\nDo.\n");
    write(&dir, "x.md", "# X\n\nDo.\n");
    let at = dir.path().display();
    let errors = errors_in(dir.path());
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert_eq!(
        errors[0],
        format!(
            "{at}/b.md:3: error: id: \"x\" is also the id of {at}/a.md; give one of the two another id"
        )
    );
    assert!(errors[1].starts_with(&format!("{at}/b.md:4: error: timeout: ")), "{errors:#?}");
    assert_eq!(
        errors[2],
        format!(
            "{at}/x.md: error: id: \"x\" is also the id of {at}/a.md; give one of the two another id"
        )
    );
}

#[test]
fn a_directory_without_runbooks_says_what_to_do() {
    let dir = TempDir::new().unwrap();
    assert!(errors_in(dir.path())[0].contains("holds no runbook; put Markdown pages"));
    write(&dir, "README.md", "# About\n");
    write(&dir, ".hidden/a.md", "# A\n");
    assert!(errors_in(dir.path())[0].contains("holds no runbook"));
    assert!(errors_in(&dir.path().join("none"))[0].contains("does not exist; create it"));
    assert!(errors_in(&dir.path().join("README.md"))[0].contains("is not a directory; name"));
}

#[test]
fn a_readme_with_front_matter_of_ours_is_a_runbook() {
    let text = "---\nrisk: low\n---\n# A\n\nDo.\n";
    assert_eq!(load_pages([("x/README.md", text)]).unwrap().pages[0].id, "x/README");
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut page = String::from("---\nowner: &a x\nsymptoms: &s0 [*a, *a]\nmatch:\n  labels:\n");
    for i in 1..9 {
        page.push_str(&format!(
            "    - &s{i} [*s{0}, *s{0}, *s{0}, *s{0}, *s{0}, *s{0}, *s{0}]\n",
            i - 1
        ));
    }
    page.push_str("---\n# A\n");
    let error = error_of(page);
    assert!(error.starts_with("p.md:"), "{error}");
    assert!(error.ends_with("write the values out"), "{error}");
}

#[test]
fn aliases_are_followed_up_to_the_limit_and_refused_one_past_it() {
    let page = |n: usize| {
        format!("---\nowner: &a x\nsymptoms: [{}]\n---\n# A\n\nDo.\n", vec!["*a"; n].join(", "))
    };
    let loaded = loaded(page(limits::YAML_ALIASES));
    let runbook = loaded.catalogue.iter().next().unwrap();
    assert_eq!(runbook.symptoms, vec!["x"; limits::YAML_ALIASES]);
    assert!(
        error_of(page(limits::YAML_ALIASES + 1)).contains("p.md:3: error: symptoms: uses more")
    );
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for depth in [limits::YAML_DEPTH + 1, 1_000, 100_000] {
        let page =
            format!("---\nrisk: low\nsymptoms: {}{}\n---\n", "[".repeat(depth), "]".repeat(depth));
        let error = error_of(page);
        assert!(error.starts_with("p.md:3: error: symptoms: is nested deeper than 16"), "{error}");
    }
    let block: String = (0..500).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    assert!(error_of(format!("---\nrisk: low\n{block}---\n")).contains("nested deeper"));
}

#[test]
fn a_page_may_be_as_large_as_the_limit_and_no_larger() {
    let page = |bytes: usize| {
        let start = "# A\n\nDo this.\n\n";
        start.to_owned() + &"x".repeat(bytes - start.len())
    };
    loaded(page(limits::PAGE_BYTES));
    assert!(
        error_of(page(limits::PAGE_BYTES + 1)).starts_with("p.md: error: file: is larger than")
    );
    let dir = TempDir::new().unwrap();
    write(&dir, "p.md", page(300 << 10));
    assert!(
        errors_in(dir.path())[0].contains("p.md: error: file: is larger than 262144 bytes; split")
    );
}

#[test]
fn a_directory_may_hold_as_many_runbooks_as_the_limit_and_no_more() {
    let dir = TempDir::new().unwrap();
    for i in 0..limits::RUNBOOKS {
        write(&dir, &format!("{i}.md"), "# A\n\nDo.\n");
    }
    assert_eq!(load(dir.path()).unwrap().catalogue.len(), limits::RUNBOOKS);
    write(&dir, "one-more.md", "# A\n\nDo.\n");
    let errors = errors_in(dir.path());
    assert!(errors[0].contains("error: directory: holds more than 10000 pages"), "{errors:?}");
}

#[test]
fn bytes_that_are_not_utf8_are_named() {
    assert_eq!(
        error_of(b"# A\n\nb\xc3\x28\n".to_vec()),
        "p.md:3: error: file: is not UTF-8: byte 6 (counted from 0) is 0xc3; save the page as UTF-8"
    );
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing_but_the_digest() {
    let text = fs::read_to_string(fixtures("good/db/disk-full.md")).unwrap();
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let (unix, windows) = (loaded(text.as_str()), loaded(windows));
    let (mut a, b) = (
        unix.catalogue.get("disk-full").unwrap().clone(),
        windows.catalogue.get("disk-full").unwrap(),
    );
    assert_ne!(a.digest, b.digest);
    // The digest is of the page as it stands in its file.
    (a.digest, a.page) = (b.digest, b.page.clone());
    assert_eq!(&a, b);
    let broken = text.replace("timeout: 90s", "timeout: 90x").replace('\n', "\r\n");
    assert!(error_of(broken).starts_with("p.md:54: error: timeout: "));
}

#[test]
fn words_that_yaml_takes_for_booleans_stay_words() {
    let loaded = loaded("---\nmatch: {alert_names: [NO, on, true, 0x10, 1.10]}\n---\n# A\n\nDo.\n");
    let runbook = loaded.catalogue.iter().next().unwrap();
    assert_eq!(runbook.keys.alert_names, ["NO", "on", "true", "0x10", "1.10"]);
    for word in ["no", "on", "yes", "False0", "\"true\""] {
        let error = error_of(format!("---\nrisk: low\nreversible: {word}\n---\n# A\n\nDo.\n"));
        assert!(error.starts_with("p.md:3: error: reversible: must be true or false"), "{error}");
    }
}

#[test]
fn a_page_that_says_nothing_but_its_title_is_a_step_to_decide() {
    let loaded = loaded("# Stub\n");
    let runbook = loaded.catalogue.iter().next().unwrap();
    assert_eq!(runbook.steps.len(), 1);
    assert_eq!(runbook.steps[0].kind, StepKind::Manual);
    assert!(runbook.steps[0].title.contains("\"Stub\""));
}

#[cfg(unix)]
#[test]
fn links_inside_the_directory_are_followed_and_links_out_of_it_refused() {
    use std::os::unix::fs::symlink;
    let outside = TempDir::new().unwrap();
    write(&outside, "o.md", "# O\n\nDo.\n");
    let dir = TempDir::new().unwrap();
    // The layout of a mounted Kubernetes ConfigMap.
    write(&dir, "..2026/a.md", "# A\n\nDo.\n");
    symlink("..2026", dir.path().join("..data")).unwrap();
    symlink("..data/a.md", dir.path().join("a.md")).unwrap();
    symlink(".", dir.path().join("loop")).unwrap();
    assert_eq!(load(dir.path()).unwrap().pages.len(), 1);
    symlink(outside.path().join("o.md"), dir.path().join("o.md")).unwrap();
    symlink(outside.path(), dir.path().join("out")).unwrap();
    symlink("nowhere.md", dir.path().join("dangling.md")).unwrap();
    let errors = errors_in(dir.path());
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert!(errors[0].contains("dangling.md: error: file: cannot be read"), "{errors:#?}");
    assert!(errors[1].contains("o.md: error: file: is a link that leads out"), "{errors:#?}");
    assert!(errors[2].contains("out: error: file: is a link that leads out"), "{errors:#?}");
}

#[test]
fn warnings_name_what_could_be_safer_or_easier_to_find() {
    let dir = fixtures("warn");
    assert!(load(&dir).is_ok());
    let found: Vec<_> = lint(&dir)
        .iter()
        .inspect(|f| assert_eq!(f.level, Level::Warning))
        .map(|f| f.to_string().replace(&format!("{}/", dir.display()), ""))
        .collect();
    let expected = [
        "a.md:2: warning: risk: is absent and taken as high; say",
        "a.md:2: warning: symptoms: none are declared",
        "a.md:2: warning: verification: the runbook changes something and never checks",
        "a.md:3: warning: title: holds {{",
        "a.md:5: warning: match.alert_names[0]: the alert name PodDown is also declared in b.md; leave",
        "a.md:10: warning: parameters.pod.pattern: accepts whatever",
        "a.md:11: warning: parameters.unused: has neither from nor default",
        "a.md:11: warning: parameters.unused: is used in no step; use it or remove it",
        "a.md:14: warning: steps[0].undo: the runbook is declared reversible",
        "a.md:16: warning: steps[0].title: holds {{",
        "a.md:18: warning: steps[0].expect: holds {{",
        "a.md:22: warning: steps[1].command: hands a whole command line to sh; call",
        "a.md:23: warning: steps[1].undo: hands a whole command line to bash; call",
        "b.md:8: warning: match.alert_names[1]: the alert name PodDown is also declared in a.md; leave",
        "c.md:2: warning: match: no exact key is declared",
        "c.md:7: warning: parameters.n.safer: has no effect: a check, the target or a host holds",
        "foreign.md:1: warning: front matter: holds no key of a runbook, only layout; nothing to do",
        "stub.md: warning: steps: the page holds nothing to do; write",
        "stub.md: warning: symptoms: cannot be told from the text",
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "\nfound    {found}\nexpected {expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn a_good_directory_has_no_findings_but_for_foreign_pages() {
    let found = lint(&fixtures("good"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].file.ends_with("site-page.md"));
}

#[test]
fn lint_shows_the_warnings_of_good_pages_beside_the_errors_of_others() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a.md", "---\nrisk: lwo\n---\n# A\n");
    write(&dir, "b.md", "# Stub\n");
    let levels: Vec<_> = lint(dir.path()).iter().map(|f| f.level).collect();
    assert_eq!(levels, [Level::Error, Level::Warning, Level::Warning]);
}

#[test]
fn findings_are_json_objects_with_stable_keys() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a.md", "---\nrisk: lwo\n---\n# A\n");
    let found = serde_json::to_value(lint(dir.path())).unwrap();
    assert_eq!(
        found[0],
        serde_json::json!({
            "file": format!("{}/a.md", dir.path().display()), "line": 2, "level": "error",
            "field": "risk", "what": "\"lwo\" is not one of low, medium, high, critical",
            "fix": "did you mean low?",
        })
    );
}

#[test]
fn the_examples_in_the_documentation_load_without_a_finding() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/runbook-format.md");
    let docs = fs::read_to_string(docs).unwrap();
    let examples: Vec<_> = docs
        .split("```markdown\n")
        .skip(1)
        .map(|rest| rest.split_once("\n```").unwrap().0.to_owned())
        .collect();
    assert_eq!(examples.len(), 2);
    for (example, executable) in examples.into_iter().zip([false, true]) {
        assert_eq!(lint_pages([("p.md", example.clone())]), []);
        let loaded = loaded(example);
        assert_eq!(loaded.catalogue.iter().next().unwrap().is_executable(), executable);
    }
}

#[test]
fn the_documentation_names_every_field() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/runbook-format.md");
    let docs = fs::read_to_string(docs).unwrap();
    let schema = tagout::runbooks::schema();
    let defs = schema["$defs"].as_object().unwrap();
    let objects = defs.values().chain([&schema]).filter_map(|def| def["properties"].as_object());
    let fields: Vec<_> = objects.flat_map(serde_json::Map::keys).collect();
    assert!(fields.len() > 30, "{fields:?}");
    for field in fields {
        let named = [format!("`{field}`"), format!("`match.{field}`"), format!("`{field}: ")];
        assert!(named.iter().any(|name| docs.contains(name)), "{field} is not documented");
    }
}
