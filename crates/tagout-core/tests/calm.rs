//! Calm texts withhold a plan; fault texts never read as calm.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;
use tagout_core::calm::{Calm, CalmKind, MAX_BYTES, read};

struct Case {
    id: String,
    title: String,
    message: String,
    kind: Option<CalmKind>,
}

fn lines(path: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../evals").join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(line: &Value, member: &str) -> String {
    line[member].as_str().unwrap_or_default().to_owned()
}

fn cases(path: &str) -> Vec<Case> {
    lines(path)
        .iter()
        .map(|line| Case {
            id: text(line, "id"),
            title: text(line, "title"),
            message: text(line, "message"),
            kind: serde_json::from_value(line["kind"].clone()).unwrap(),
        })
        .collect()
}

/// Which lines of the blind set, by their number from one: the even ones were open to tuning, the
/// odd ones were scored when the reader was done.
fn blind(odd: bool) -> Vec<Case> {
    lines("calm/blind.jsonl")
        .iter()
        .zip(1_usize..)
        .filter(|(_, number)| (number % 2 == 1) == odd)
        .map(|(line, number)| Case {
            id: format!("line {number}"),
            title: text(line, "title"),
            message: text(line, "message"),
            kind: serde_json::from_value(line["expect"].clone()).unwrap(),
        })
        .collect()
}

/// The scenarios whose text is calm.
const CALM_SCENARIOS: [&str; 8] = ["b15", "b16", "m41", "m42", "m43", "m44", "m45", "m46"];

/// The scenarios with a calm text, and those that expect a runbook or a person for a fault.
/// Whatever is put aside for another reason than its text is neither.
fn scenarios() -> Vec<Case> {
    ["blind", "main"]
        .iter()
        .flat_map(|file| lines(&format!("scenarios/{file}.jsonl")))
        .filter_map(|line| {
            let id = text(&line, "id");
            let calm = CALM_SCENARIOS.contains(&id.as_str());
            let fault = !calm && line["expect"]["decision"] != "none";
            (calm || fault).then(|| Case {
                title: text(&line["alert"], "title"),
                message: text(&line["alert"], "message"),
                kind: calm.then_some(CalmKind::NormalState),
                id,
            })
        })
        .collect()
}

/// The fault alerts of real alert rules, name as title, summary and description as message.
fn rule_alerts() -> Vec<Case> {
    ["queries", "queries_twin", "no_runbook_far", "no_runbook_near"]
        .iter()
        .flat_map(|file| lines(&format!("retrieval/{file}.jsonl")))
        .map(|line| Case {
            id: text(&line, "id"),
            title: text(&line, "alertname"),
            message: format!("{}\n{}", text(&line, "summary"), text(&line, "description")),
            kind: None,
        })
        .collect()
}

/// Prints the figures of a set and returns recall and the false calms.
fn score(name: &str, cases: &[Case]) -> (f64, String) {
    let (mut calm, mut hit, mut same_kind, mut faults) = (0_u32, 0_u32, 0_u32, 0_u32);
    let (mut missed, mut false_calms) = (String::new(), String::new());
    for case in cases {
        let found = read(&case.title, &case.message);
        match (case.kind, found) {
            (Some(kind), Some(found)) => {
                calm += 1;
                hit += 1;
                same_kind += u32::from(kind == found.kind);
            }
            (Some(_), None) => {
                calm += 1;
                let _ = writeln!(missed, "  missed {}: {} | {}", case.id, case.title, case.message);
            }
            (None, Some(found)) => {
                faults += 1;
                let _ = writeln!(
                    false_calms,
                    "  false calm {}: {} | {} ({found:?})",
                    case.id, case.title, case.message
                );
            }
            (None, None) => faults += 1,
        }
    }
    let recall = if calm == 0 { 1.0 } else { f64::from(hit) / f64::from(calm) };
    println!(
        "{name}: {hit} of {calm} calm texts read as calm (recall {recall:.3}), {same_kind} with \
         the kind written down; {} of {faults} fault texts read as calm",
        false_calms.lines().count()
    );
    print!("{missed}{false_calms}");
    (recall, false_calms)
}

const SETS: [&str; 7] = [
    "tuning",
    "held_out",
    "adversarial",
    "second_held_out",
    "third_held_out",
    "fourth_held_out",
    "fifth_held_out",
];

#[test]
fn no_fault_text_reads_as_calm() {
    let false_calms: String =
        SETS.iter().map(|set| score(set, &cases(&format!("calm/{set}.jsonl"))).1).collect();
    assert_eq!(false_calms, "");
}

#[test]
fn no_alert_of_the_real_alert_rules_reads_as_calm() {
    let cases = rule_alerts();
    assert_eq!(cases.len(), 347);
    assert_eq!(score("alert rules", &cases).1, "");
}

#[test]
fn most_calm_texts_read_as_calm() {
    let mut all = Vec::new();
    for set in SETS {
        let cases = cases(&format!("calm/{set}.jsonl"));
        if set == "tuning" || set == "held_out" {
            let recall = score(set, &cases).0;
            assert!(recall >= 0.85, "recall on {set} is {recall:.3}");
        }
        all.extend(cases);
    }
    let recall = score("all sets", &all).0;
    assert!(recall >= 0.85, "recall on all sets together is {recall:.3}");
}

#[test]
fn the_texts_of_the_sets_are_many_and_have_names_of_their_own() {
    let all: Vec<Case> = SETS.iter().flat_map(|s| cases(&format!("calm/{s}.jsonl"))).collect();
    let calm = all.iter().filter(|case| case.kind.is_some()).count();
    assert!(calm >= 80 && all.len() - calm >= 160);
    let names: std::collections::BTreeSet<&str> = all.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(names.len(), all.len());
}

#[test]
fn a_fault_sign_in_either_part_vetoes_a_calm_phrase_in_the_other() {
    assert!(read("BackupSucceeded", "").is_some());
    assert_eq!(read("BackupSucceeded", "2 tables were skipped."), None);
    assert_eq!(read("BackupFailed", "Backup finished successfully."), None);
}

#[test]
fn words_that_resemble_calm_are_not_calm() {
    for title in [
        "failover completed with data loss",
        "backup completed with errors",
        "recovered 2 of 3 nodes",
        "disk back to normal on a but b is at 99%",
        "not recovered",
        "no longer healthy",
        "replica is not in sync",
        "recovery has not completed",
        "deployment completed but error rate is rising",
        "health check OK count is 0",
        "0 healthy targets",
        "failed to complete",
        "completed 3% of",
        "certificate will expire",
        "no successful backup for 26h",
        "has not completed",
        "Job did not complete",
        "PDB healthy pods below desired",
        "failed to resolve",
        "Certificate will be renewed",
        "Is the backup completed?",
        "Backup completed,errors",
        "Backup hasn’t completed",
        "",
    ] {
        assert_eq!(read(title, ""), None, "{title}");
        assert_eq!(read("", title), None, "{title}");
    }
}

#[test]
fn words_of_calm_are_read_in_a_title_or_a_message() {
    use CalmKind::{Announcement, FinishedChange, NormalState};
    for (text, kind) in [
        ("failover completed", FinishedChange),
        ("FailoverCompleted", FinishedChange),
        ("back to normal", NormalState),
        ("scheduled maintenance tonight", Announcement),
        ("backup finished successfully", FinishedChange),
        ("deployment v2.3 rolled out", FinishedChange),
        ("certificate renewed", FinishedChange),
    ] {
        assert_eq!(read(text, "").map(|calm| calm.kind), Some(kind), "{text}");
        assert_eq!(read("", text).map(|calm| calm.kind), Some(kind), "{text}");
    }
}

#[test]
fn the_phrase_is_quoted_as_it_stands_in_the_text() {
    let calm = Calm { kind: CalmKind::NormalState, phrase: "Back to  Normal".into() };
    assert_eq!(read("Latency", "Latency is Back to  Normal."), Some(calm));
}

#[test]
fn a_text_beyond_the_bound_is_never_calm() {
    let filler = " ".repeat(MAX_BYTES - "Backup completed".len());
    assert!(read("Backup completed", &filler).is_some());
    assert_eq!(read("Backup completed", &format!("{filler} ")), None);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_text_is_read_without_a_panic(title in "\\PC{0,60}", message in ".{0,200}") {
        if let Some(calm) = read(&title, &message) {
            assert!(title.contains(&calm.phrase) || message.contains(&calm.phrase));
        }
    }

    #[test]
    fn a_denial_beside_any_calm_text_makes_it_no_calm(pick in 0_usize..45) {
        let calm: Vec<Case> =
            cases("calm/tuning.jsonl").into_iter().filter(|case| case.kind.is_some()).collect();
        let case = &calm[pick];
        assert_eq!(read(&case.title, &format!("{} But it failed.", case.message)), None);
    }
}

#[test]
fn tmp_scores() {
    if std::env::var("CALMDBG").is_ok() {
        let mut all = blind(false);
        all.extend(scenarios());
        for set in SETS {
            all.extend(cases(&format!("calm/{set}.jsonl")));
        }
        for c in all {
            if c.kind.is_some() && unsafe_none(&c) {
                eprintln!("== {} {} | {}", c.id, c.title, c.message);
            }
        }
        return;
    }
    score("blind even", &blind(false));
    if std::env::var("ODD").is_ok() {
        let odd = blind(true);
        let (mut c, mut h, mut f, mut x) = (0, 0, 0, 0);
        for case in &odd {
            let r = read(&case.title, &case.message).is_some();
            if case.kind.is_some() {
                c += 1;
                h += u32::from(r);
            } else {
                f += 1;
                x += u32::from(r);
            }
        }
        println!("blind odd: {h} of {c}; {x} of {f} false");
    }
    score("scenarios", &scenarios());
    score("alert rules", &rule_alerts());
    for set in SETS {
        score(set, &cases(&format!("calm/{set}.jsonl")));
    }
}

fn unsafe_none(c: &Case) -> bool {
    let r = read(&c.title, &c.message).is_none();
    r
}
