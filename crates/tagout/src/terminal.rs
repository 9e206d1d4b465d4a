//! What a person sees at the terminal: a few styles, and text that cannot forge any.

pub mod covers;
pub mod printed;
pub mod prompt;
pub mod story;
pub mod telling;
mod trail;
mod words;

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _};

use anstyle::{AnsiColor, Style};
use tagout_core::plan::{PlannedStep, demanded};
use tagout_core::text::is_invisible;
use tagout_core::verdict::Decision;

/// What matters.
pub const STRONG: Style = Style::new().bold();
/// What stands back.
pub const QUIET: Style = Style::new().dimmed();
/// What goes on by itself.
pub const GO: Style = AnsiColor::Green.on_default();
/// What waits for a person.
pub const ASK: Style = AnsiColor::Yellow.on_default().bold();
/// What is stopped.
pub const STOP: Style = AnsiColor::Red.on_default().bold();

/// `text` in `style`; the style is dropped where the output is no terminal or `NO_COLOR` is set.
pub fn paint(style: Style, text: impl fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A decision in its colour. The word alone says it too, for those who see no colour.
#[must_use]
pub fn decision(decision: Decision) -> String {
    let style = match decision {
        Decision::Proceed => GO,
        Decision::Escalate => ASK,
        Decision::Halt => STOP,
    };
    paint(style, decision)
}

/// Text from outside as it may be printed: what would move the cursor, change colours, or turn
/// the reading direction is shown as an escape, and line breaks as spaces.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(' '),
            c if c.is_control() || is_invisible(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// As [`printable`], line by line.
#[must_use]
pub fn printable_lines(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => printable(line) + "\n",
            None => printable(line),
        })
        .collect()
}

/// `text` as it may be printed, cut to `width` characters.
#[must_use]
pub fn shortened(text: &str, width: usize) -> String {
    let text = printable(text);
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// What a step runs or asks, in one line that a reader can take apart; nothing of a manual one.
#[must_use]
pub fn step_line(step: &PlannedStep) -> String {
    let line = match &step.work {
        None => command_line(&step.argv),
        Some(work) => printable(&work.line()),
    };
    let demands = printable(&demanded(&step.demands()));
    step.on.iter().map(|on| printable(&format!("on {on}: "))).chain([line, demands]).collect()
}

/// An argument vector as one line: each argument that is not a plain word is quoted, so that
/// the line shows where one ends and the next begins.
#[must_use]
pub fn command_line(argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    let quoted = argv.iter().map(|argument| {
        if !argument.is_empty() && argument.chars().all(plain) {
            argument.clone()
        } else {
            format!("'{}'", printable(argument).replace('\'', "\\'"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Whether a person reads what is printed, and not a program.
#[must_use]
pub fn is_read() -> bool {
    io::stdout().is_terminal()
}

/// Prints lines, folded to the width of the terminal so that a continued line keeps its
/// indent. Where the output is no terminal, lines stay whole for whoever reads them.
pub fn print_lines(lines: &[String]) {
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    for line in lines {
        match width {
            // A command that is broken over two lines is not copied in one go.
            Some(width) if is_read() && !is_command(line) => {
                for part in folded(line, width.max(40)) {
                    anstream::println!("{part}");
                }
            }
            _ => anstream::println!("{line}"),
        }
    }
}

/// Whether a line is a command to copy, or goes on with the one before it.
fn is_command(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("tagout ") || line.starts_with("--")
}

/// A line in parts of at most `width` columns, broken at blanks where there are some. Styles
/// take no columns and go on over a break.
fn folded(line: &str, width: usize) -> Vec<String> {
    let indent = line.chars().take_while(|c| *c == ' ').count().max(13);
    let (mut parts, mut part, mut column) = (Vec::new(), String::new(), 0);
    for word in line.split_inclusive(' ') {
        let columns = columns(word);
        if column > indent && column + columns > width {
            parts.push(std::mem::replace(&mut part, " ".repeat(indent + 2)));
            column = indent + 2;
        }
        part.push_str(word);
        column += columns;
    }
    parts.push(part);
    parts
}

/// How many columns a text takes, without its style sequences.
fn columns(text: &str) -> usize {
    let mut inside = false;
    text.chars()
        .filter(|c| match c {
            '\u{1b}' => {
                inside = true;
                false
            }
            'm' if inside => {
                inside = false;
                false
            }
            _ => !inside,
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_move_the_cursor_or_turn_the_text() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(printable("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(printable("two\nlines"), "two lines");
        assert_eq!(printable("größe 日本"), "größe 日本");
    }

    #[test]
    fn a_long_line_is_folded_under_its_own_indent_and_loses_nothing() {
        let line = format!("  {}  {}", paint(QUIET, "plan     "), "word ".repeat(30));
        let parts = folded(&line, 60);
        assert!(parts.len() > 2);
        assert!(parts.iter().all(|part| columns(part) <= 61), "{parts:?}");
        assert!(parts.iter().skip(1).all(|part| part.starts_with("               word")));
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&parts.concat()), words(&line));
    }

    #[test]
    fn a_command_line_shows_where_each_argument_ends() {
        let argv = ["kubectl", "scale", "a b", "", "it's"].map(str::to_owned);
        assert_eq!(command_line(&argv), "kubectl scale 'a b' '' 'it\\'s'");
    }
}
