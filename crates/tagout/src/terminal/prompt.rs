//! The review at the terminal: APPROVE, REJECT or MODIFY, typed by a person.

use std::io::{self, BufRead, Write};

use tagout_core::approval::{Answer, Person};
use tagout_core::plan::{Plan, PlanChange};

use super::{QUIET, STRONG, paint, printable};

/// What a person answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// An answer, by whom (if that is known here) and why.
    Answer(Answer, Option<Person>, String),
    /// A change, by whom.
    Modify(PlanChange, Option<Person>),
    /// Nothing now; the request stays pending.
    Later,
    /// Nothing more at all; every further request stays pending.
    Quit,
}

/// Asks for a reply until one is understood. The end of the input is [`Reply::Quit`]: nobody
/// decided. Without `me` a service knows who answers, and nobody can answer as somebody else.
///
/// # Errors
/// If the terminal cannot be read or written.
pub fn ask(
    plan: &Plan,
    candidates: &[String],
    me: Option<&Person>,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> io::Result<Reply> {
    let whom = match me {
        Some(me) => format!("as {}; `a NAME` answers as somebody else", me.name()),
        None => "as who your token says".to_owned(),
    };
    loop {
        write!(
            output,
            "  {}  {}pprove  {}eject  {}odify  {}ater  {}uit\n             {}\n  > ",
            paint(STRONG, "your turn"),
            paint(STRONG, "[a]"),
            paint(STRONG, "[r]"),
            paint(STRONG, "[m]"),
            paint(STRONG, "[l]"),
            paint(STRONG, "[q]"),
            paint(QUIET, &whom),
        )?;
        output.flush()?;
        let Some(line) = read(input)? else { return Ok(Reply::Quit) };
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
        let who = match (rest.trim(), me) {
            ("", me) => me.cloned(),
            (_, None) => {
                writeln!(output, "  a service knows you by your token; type the letter alone")?;
                continue;
            }
            (name, Some(_)) => match Person::new(name) {
                Ok(person) => Some(person),
                Err(error) => {
                    writeln!(output, "  {error}")?;
                    continue;
                }
            },
        };
        match word {
            "a" | "approve" | "APPROVE" => {
                return Ok(Reply::Answer(Answer::Approve, who, String::new()));
            }
            "r" | "reject" | "REJECT" => {
                write!(output, "  why? ")?;
                output.flush()?;
                let Some(reason) = read(input)? else { return Ok(Reply::Quit) };
                return Ok(Reply::Answer(Answer::Reject, who, reason));
            }
            "m" | "modify" | "MODIFY" => {
                if let Some(change) = change(plan, candidates, input, output)? {
                    return Ok(Reply::Modify(change, who));
                }
            }
            "l" | "later" | "s" | "skip" => return Ok(Reply::Later),
            "q" | "quit" => return Ok(Reply::Quit),
            _ => writeln!(output, "  type a, r, m, l or q, then Enter")?,
        }
    }
}

/// Asks what to change. `None`: nothing after all.
fn change(
    plan: &Plan,
    candidates: &[String],
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> io::Result<Option<PlanChange>> {
    writeln!(output, "  change one thing per line; an empty line ends, `cancel` gives up:")?;
    let steps: Vec<_> = plan.steps.iter().map(|s| s.id.as_str()).collect();
    writeln!(output, "    drop STEP       {}", steps.join(", "))?;
    let value = |(name, value): (&String, &String)| {
        let safer =
            plan.safer.get(name).map(|scale| format!(" ({})", printable(&scale.to_string())));
        format!("{name}={}{}", printable(value), safer.unwrap_or_default())
    };
    let values: Vec<_> = plan.values.iter().map(value).collect();
    writeln!(output, "    set NAME=VALUE  {}", values.join(", "))?;
    writeln!(output, "    use RUNBOOK     {}", candidates.join(", "))?;
    let mut change = PlanChange::default();
    loop {
        write!(output, "  modify> ")?;
        output.flush()?;
        let Some(line) = read(input)? else { return Ok(None) };
        match parse_change(&line, &mut change) {
            Ok(true) => {}
            Ok(false) if line == "cancel" || change == PlanChange::default() => return Ok(None),
            Ok(false) => return Ok(Some(change)),
            Err(error) => writeln!(output, "  {error}")?,
        }
    }
}

/// Takes one line of a change; `false` if the line ends it.
///
/// # Errors
/// What the line should have been.
pub fn parse_change(line: &str, change: &mut PlanChange) -> Result<bool, String> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    match (word, rest) {
        ("" | "cancel", "") => return Ok(false),
        ("drop", step) if !step.is_empty() => {
            change.drop_steps.insert(step.to_owned());
        }
        ("use", runbook) if !runbook.is_empty() => change.runbook = Some(runbook.to_owned()),
        ("set", pair) => {
            let (name, value) =
                pair.split_once('=').ok_or_else(|| "write set NAME=VALUE".to_owned())?;
            change.values.insert(name.trim().to_owned(), value.trim().to_owned());
        }
        _ => return Err("write drop STEP, set NAME=VALUE or use RUNBOOK".into()),
    }
    Ok(true)
}

/// A line without its end; `None` at the end of the input.
fn read(input: &mut dyn BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_line_by_line() {
        let mut change = PlanChange::default();
        for line in ["drop rotate", "set keep=200", "set path = /var/log", "use disk-io-slow"] {
            assert_eq!(parse_change(line, &mut change), Ok(true), "{line}");
        }
        assert_eq!(parse_change("", &mut change), Ok(false));
        assert!(change.drop_steps.contains("rotate"));
        assert_eq!(change.values["keep"], "200");
        assert_eq!(change.values["path"], "/var/log");
        assert_eq!(change.runbook.as_deref(), Some("disk-io-slow"));
    }

    #[test]
    fn a_line_that_is_no_change_says_what_would_be() {
        let mut change = PlanChange::default();
        for line in ["drop", "set keep", "run rm -rf /", "use"] {
            assert!(parse_change(line, &mut change).is_err(), "{line}");
        }
        assert_eq!(change, PlanChange::default());
    }
}
