//! What is recorded as tables to read: text from outside stays text in a spreadsheet and in
//! Markdown.

use serde_json::{Value, json};

use super::home::{Home, alert};

/// A home with an alert whose every text is hostile, and the id of its incident.
fn hostile() -> (Home, String) {
    let home = Home::new();
    let labels =
        json!({"alertname": "=cmd|' /C calc'!A0", "instance": "<b>|x|`y`", "environment": "test"});
    let alert = json!({"title": "=HYPERLINK(\"http://evil\")", "severity": "critical",
        "labels": labels, "message": "[click](javascript:x)\n# Approved\n\u{1b}[2J<script>"});
    let id = home.incidents(&alert.to_string())[0]["incident"].as_str().unwrap().to_owned();
    (home, id)
}

fn export(home: &Home, args: &[&str]) -> String {
    home.tagout(&[&["audit", "export"], args].concat()).done().ok().stdout
}

/// The cells of a row of quoted CSV.
fn cells(row: &str) -> Vec<String> {
    let (mut cells, mut rest) = (Vec::new(), row);
    while let Some(begun) = rest.strip_prefix('"') {
        // A quote that no other follows ends the cell.
        let (mut cell, mut left) = (String::new(), begun);
        while let Some((before, after)) = left.split_once('"') {
            cell.push_str(before);
            left = after;
            let Some(after) = left.strip_prefix('"') else { break };
            cell.push('"');
            left = after;
        }
        cells.push(cell);
        rest = left.strip_prefix(',').unwrap_or(left);
    }
    assert!(rest.is_empty(), "{row}");
    cells
}

#[test]
fn a_spreadsheet_sees_text_and_no_formula() {
    let (home, id) = hostile();
    for args in [vec!["--format", "csv"], vec!["--format", "csv", "--incident", &id]] {
        let text = export(&home, &args);
        assert!(!text.contains('\u{1b}'));
        let mut rows = text.strip_suffix("\r\n").unwrap().split("\r\n");
        assert_eq!(rows.next(), Some("entry,at,incident,kind,what,data"));
        let mut seen = 0;
        for row in rows {
            assert!(!row.contains(['\n', '\r']), "{row:?}");
            let cells = cells(row);
            assert_eq!(cells.len(), 6, "{row}");
            for cell in &cells {
                assert!(!cell.starts_with(['=', '+', '-', '@', '|', '\t']), "{cell}");
            }
            if args.len() > 2 {
                assert_eq!(cells[2], id);
            }
            seen += 1;
        }
        assert!(seen > 2);
    }
    assert!(export(&home, &["--format", "csv"]).contains("HYPERLINK"), "it is shown all the same");
}

#[test]
fn markdown_has_no_markup_that_came_with_an_alert() {
    let (home, id) = hostile();
    for args in [vec!["--format", "markdown"], vec!["--format", "markdown", "--incident", &id]] {
        let text = export(&home, &args);
        for forged in ["<script>", "<b>", "\n# Approved", "](javascript", "\u{1b}", "`y`", "|x|"] {
            assert!(!text.contains(forged), "{forged:?} is in {text}");
        }
    }
}

#[test]
fn an_incident_is_reported_with_plan_decisions_and_timeline() {
    let home = Home::new();
    let one = home.incidents(&alert("QueueStuck", "warning", "q-1")).remove(0);
    let (id, plan) = (one["incident"].as_str().unwrap(), one["plan"].as_str().unwrap());
    home.tagout(&["approvals", "approve", id, "--plan", plan, "--as", "ben"]).done().ok();
    let report = export(&home, &["--format", "markdown", "--incident", id]);
    for part in [
        "# Incident ",
        "## Plan 1",
        plan,
        "## Decisions",
        "| ben | approve |",
        "| step restart | rehearsed |",
        "Outcome: rehearsed",
        "## Timeline",
        "audit receipt",
    ] {
        assert!(report.contains(part), "{part:?} is missing: {report}");
    }
    home.tagout(&["audit", "export", "--format", "markdown", "--incident", id, "--output", "r.md"])
        .done()
        .ok();
    assert_eq!(std::fs::read_to_string(home.path("r.md")).unwrap(), report);
    let lines = export(&home, &["--incident", id]);
    let events: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(events.iter().all(|event| event["incident"] == id));
    assert_eq!(events[0]["event"]["kind"], "incident_opened");
    let args = ["audit", "export", "--format", "csv", "--incident", "nothing"];
    home.tagout(&args).done().exits(2).names(&["no incident"]);
}
