//! `tagout audit export --format csv` and `markdown`: what is recorded, for spreadsheets and
//! readers. Text from outside stays text in both: no formula, no markup, no escape.

use std::io::{self, Write};

use anstream::adapter::strip_str;
use tagout_core::event::Event;
use tagout_core::incident::Incident;
use tagout_core::runbook::StepKind;

use crate::fault::Fault;
use crate::journal::{Journal, Recorded};
use crate::receipt::{Account, extent, meant};
use crate::store::Store;
use crate::summary::Summary;
use crate::terminal::{printable, step_line, story};

use super::Line;

/// How many entries are read at once.
const CHUNK: u64 = 1024;

/// Where an export goes wrong.
pub(super) enum TableError {
    Read(Fault),
    Write(io::Error),
}

impl From<Fault> for TableError {
    fn from(fault: Fault) -> Self {
        Self::Read(fault)
    }
}

impl From<io::Error> for TableError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Visits every event in order: of one incident, or of all.
fn each(
    journal: &Journal<Store>,
    incident: Option<&str>,
    mut take: impl FnMut(&Recorded) -> io::Result<()>,
) -> Result<(), TableError> {
    if let Some(id) = incident {
        for recorded in journal.history(Some(id))? {
            take(&recorded)?;
        }
        return Ok(());
    }
    let mut next = 0;
    while next < journal.log().size() {
        let (events, end) = journal.read_from(next, CHUNK)?;
        for recorded in &events {
            take(recorded)?;
        }
        next = end;
    }
    Ok(())
}

/// One JSON object a line, as `tagout audit show --json` has them.
pub(super) fn jsonl(
    out: &mut dyn Write,
    journal: &Journal<Store>,
    incident: &str,
) -> Result<(), TableError> {
    each(journal, Some(incident), |recorded| {
        serde_json::to_writer(&mut *out, &Line::of(recorded)).map_err(io::Error::other)?;
        out.write_all(b"\n")
    })
}

/// Comma-separated values (RFC 4180), a header first.
pub(super) fn csv(
    out: &mut dyn Write,
    journal: &Journal<Store>,
    incident: Option<&str>,
) -> Result<(), TableError> {
    out.write_all(b"entry,at,incident,kind,what,data\r\n")?;
    each(journal, incident, |recorded| {
        let event = serde_json::to_value(recorded.event()).map_err(io::Error::other)?;
        let kind = event.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default();
        let data = event.get("data").map(ToString::to_string).unwrap_or_default();
        let cells = [
            recorded.index().to_string(),
            recorded.at().to_string(),
            recorded.incident().to_owned(),
            kind.to_owned(),
            plain(recorded.event()),
            data,
        ];
        out.write_all(cells.map(|text| cell(&text)).join(",").as_bytes())?;
        out.write_all(b"\r\n")
    })
}

/// A cell that a spreadsheet takes for text: quoted, without line breaks, and with an apostrophe
/// before what would begin a formula.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
fn cell(text: &str) -> String {
    // Spaces in front are skipped by some readers.
    let formula = text.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%'])
        || text.starts_with(['\t', '\r', '\n']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", printable(text).replace('"', "\"\""))
}

/// An event in a line, without styles.
fn plain(event: &Event) -> String {
    printable(&strip_str(&story::line(event)).to_string())
}

/// Text from outside as Markdown shows it, whatever it holds.
fn text(text: &str) -> String {
    let mut out = String::new();
    for c in printable(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '.' | '!'
            | '|' | '~' | ':' | '@' | '$' | '^' | '=' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// The events as a table.
fn timeline(
    out: &mut dyn Write,
    journal: &Journal<Store>,
    incident: Option<&str>,
) -> Result<(), TableError> {
    let (name, rule) = if incident.is_none() { (" Incident |", " --- |") } else { ("", "") };
    writeln!(out, "| Time | Entry |{name} What |\n| --- | ---: |{rule} --- |")?;
    each(journal, incident, |recorded| {
        let of = match incident {
            None => format!(" {} |", text(recorded.incident())),
            Some(_) => String::new(),
        };
        let (at, entry, what) = (recorded.at(), recorded.index(), text(&plain(recorded.event())));
        writeln!(out, "| {at} | {entry} |{of} {what} |")
    })
}

/// The whole log as a document to read.
pub(super) fn document(out: &mut dyn Write, journal: &Journal<Store>) -> Result<(), TableError> {
    writeln!(out, "# The log\n")?;
    writeln!(out, "{} entries.\n", journal.log().size())?;
    timeline(out, journal, None)
}

/// The report of an incident, to be printed.
pub(super) fn report(
    out: &mut dyn Write,
    journal: &Journal<Store>,
    id: &str,
) -> Result<(), TableError> {
    let incident = journal.load(id)?;
    let history = journal.history(Some(id))?;
    if let Some(summary) = Summary::among(journal, id, &incident) {
        head(out, &summary, &incident, &history)?;
    }
    for recorded in &history {
        if let Event::PlanProposed { plan, digest, reason, .. } = recorded.event() {
            writeln!(out, "## Plan {}: {}\n", plan.number, text(&plan.runbook))?;
            writeln!(out, "- Digest: {digest} (entry {})", recorded.index())?;
            writeln!(out, "- Runbook: {}, {}", text(&plan.title), plan.runbook_digest)?;
            writeln!(out, "- Target: {}", text(&plan.target))?;
            writeln!(out, "- Mode and tier: {}, {}", plan.mode, plan.tier)?;
            writeln!(out, "- Policy: {}", plan.policy)?;
            writeln!(out, "- Evidence: {}", plan.evidence)?;
            if let Some(person) = &plan.requested_by {
                let why = text(reason.as_str());
                writeln!(out, "- Asked for by {}: {why}", text(&person.to_string()))?;
            }
            writeln!(out)?;
            for (n, step) in plan.sequence().enumerate() {
                let command = match step.kind {
                    StepKind::Manual => String::new(),
                    _ => format!(": {}", text(&step_line(step))),
                };
                writeln!(out, "{}. {}{command}", n + 1, text(&step.title))?;
            }
            writeln!(out)?;
        }
    }
    if let Ok(plan) = meant(&history, None)
        && let Ok(account) =
            Account::of(history.get(..extent(&history, &plan)).unwrap_or_default(), &plan)
    {
        decisions(out, &account)?;
    }
    writeln!(out, "## Timeline\n")?;
    timeline(out, journal, Some(id))?;
    writeln!(
        out,
        "\nThis report is for reading and proves nothing. `tagout audit receipt {}` writes what can \
         be verified with the log's public key alone.",
        if id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') { id } else { "INCIDENT" }
    )?;
    Ok(())
}

fn head(
    out: &mut dyn Write,
    summary: &Summary,
    incident: &Incident,
    history: &[Recorded],
) -> Result<(), TableError> {
    writeln!(out, "# Incident {}: {}\n", text(&summary.incident), text(&summary.alert))?;
    let mut fact = |name: &str, value: &str| writeln!(out, "- {name}: {}", text(value));
    fact("About", &summary.subject)?;
    if let Some(case) = incident.case()
        && !case.alert.message.is_empty()
    {
        fact("Message", case.alert.message.as_str())?;
    }
    if let (Some(first), Some(last)) = (history.first(), history.last()) {
        fact("Opened", &first.at().to_string())?;
        fact("Last entry", &last.at().to_string())?;
    }
    fact("State", summary.state)?;
    fact("Decision", summary.decision)?;
    for reason in &summary.reasons {
        fact("Because", reason)?;
    }
    writeln!(out)?;
    Ok(())
}

fn decisions(out: &mut dyn Write, account: &Account) -> Result<(), TableError> {
    writeln!(out, "## Decisions about plan {}\n", account.plan.short())?;
    writeln!(out, "| Time | Entry | Who | What |\n| --- | ---: | --- | --- |")?;
    for decided in &account.decisions {
        let (by, what) = (text(&decided.by), text(&decided.what));
        writeln!(out, "| {} | {} | {by} | {what} |", decided.at, decided.entry)?;
    }
    for taken in &account.steps {
        let (step, what) = (text(&taken.step), text(taken.what));
        writeln!(out, "| {} | {} | step {step} | {what} |", taken.at, taken.entry)?;
    }
    writeln!(out, "\nOutcome: {}\n", account.outcome)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_a_formula_or_breaks_its_line() {
        for begun in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "|x", "%x"] {
            let cell = cell(begun);
            assert!(cell.starts_with("\"'"), "{cell}");
        }
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert!(!cell("a\nb\u{1b}[31m\u{202e}").contains(['\n', '\u{1b}', '\u{202e}']));
    }

    #[test]
    fn markdown_shows_markup_in_a_text_as_text() {
        for (from, shown) in [
            ("<script>a&b</script>", "&lt;script&gt;a&amp;b&lt;/script&gt;"),
            ("[x](javascript:y)", "\\[x\\]\\(javascript\\:y\\)"),
            ("![i](http://h/)", "\\!\\[i\\]\\(http\\://h/\\)"),
            ("a | b `c` **d** __e__ ~f~", "a \\| b \\`c\\` \\*\\*d\\*\\* \\_\\_e\\_\\_ \\~f\\~"),
            ("\u{1b}[2J\n# x", "\\\\u\\{1b\\}\\[2J \\# x"),
        ] {
            assert_eq!(text(from), shown);
        }
    }
}
