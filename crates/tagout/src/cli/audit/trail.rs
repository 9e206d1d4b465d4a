//! The trail at a terminal and for programs: one entry a line, with what commands printed below it
//! if somebody asks for that.

use crate::journal::Recorded;
use crate::terminal::{QUIET, STRONG, is_read, paint, print_lines, printable, printed, story};

/// Prints entries: of one incident, or of all. A person reads the day once and the time of day
/// before each entry; a program reads the same in each line.
pub(crate) fn print(entries: &[Recorded], incident: Option<&str>, outputs: bool) {
    let mut day = String::new();
    for recorded in entries {
        let at = recorded.at().to_string();
        let parts = if is_read() { at.split_once('T') } else { None };
        let lines = match parts {
            Some((date, time)) => {
                let mut lines = Vec::new();
                if date != day {
                    lines.push(format!("{} (UTC)", paint(STRONG, date)));
                    date.clone_into(&mut day);
                }
                lines.push(read(recorded, time, incident.is_some()));
                lines
            }
            None => vec![line(recorded, &at)],
        };
        print_lines(&lines);
        if outputs {
            let printed = printed::whole(recorded.event());
            print_lines(&printed.iter().map(|line| format!("       | {line}")).collect::<Vec<_>>());
        }
    }
}

/// An entry as a person reads it; `one`: that it is about the incident they asked for, they know.
fn read(recorded: &Recorded, time: &str, one: bool) -> String {
    let time = time.get(..8).unwrap_or(time);
    let what = printable(&story::line(recorded.event()));
    let incident = match (one, recorded.incident()) {
        (true, _) => String::new(),
        (false, id) => format!("{:<14}  ", if id.is_empty() { "-" } else { id }),
    };
    format!("{:>5}  {}  {incident}{what}", recorded.index(), paint(QUIET, time))
}

/// An entry as a program reads it.
fn line(recorded: &Recorded, at: &str) -> String {
    let incident = match recorded.incident() {
        "" => "-",
        id => id,
    };
    format!(
        "{:>5}  {}  {incident:<14}  {}",
        recorded.index(),
        paint(QUIET, at),
        printable(&story::line(recorded.event()))
    )
}
