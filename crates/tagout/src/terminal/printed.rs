//! What a command printed, as a person reads it at a terminal: harmless, and no more of it than
//! fits beside the rest of the story.

use tagout_core::event::Event;

use super::{printable, shortened};

/// How many columns of a line are told.
const COLUMNS: usize = 100;

/// What the command of a step, a look or a rehearsal printed, as it was recorded: bounded, and
/// without registered secrets. Empty for any other event.
#[must_use]
pub fn output(event: &Event) -> &str {
    match event {
        Event::StepFinished { output, .. }
        | Event::StepLost { output, .. }
        | Event::LookEnded { output, .. }
        | Event::RehearsalEnded { output, .. }
        | Event::RehearsalCut { output, .. } => output.as_str(),
        _ => "",
    }
}

/// The end of what was printed, for it says how the command came out, and where all of it is if
/// that is not all.
pub(super) fn end(event: &Event, incident: &str, most: usize) -> Vec<String> {
    let all: Vec<&str> = output(event).lines().collect();
    let left_out = all.len().saturating_sub(most);
    let cut = all.iter().any(|line| line.chars().count() > COLUMNS);
    let mut told: Vec<_> = all.iter().skip(left_out).map(|line| shortened(line, COLUMNS)).collect();
    if left_out > 0 || cut {
        let lines = if left_out > 0 { format!("{left_out} lines before; ") } else { String::new() };
        told.insert(
            0,
            format!(
                "({lines}whole on its page, or where the log is: tagout audit show {} --outputs)",
                printable(incident)
            ),
        );
    }
    told
}

/// All of it, line by line.
#[must_use]
pub fn whole(event: &Event) -> Vec<String> {
    output(event).lines().map(printable).collect()
}

#[cfg(test)]
mod tests {
    use tagout_core::digest::PlanDigest;
    use tagout_core::event::StepOutcome;

    use super::*;

    fn printed(output: &str) -> Event {
        Event::StepFinished {
            plan: PlanDigest::of_bytes(b"plan"),
            step: "look".into(),
            attempt: 1,
            outcome: StepOutcome::Failed,
            output: output.into(),
            ended: None,
        }
    }

    #[test]
    fn the_end_of_an_output_is_told_and_it_is_said_where_all_of_it_is() {
        assert_eq!(end(&printed("one\ntwo"), "inc-1", 2), ["one", "two"]);
        let event = printed("one\ntwo\n\u{1b}[2Jthree\u{202e}");
        let told = end(&event, "inc-1", 2);
        assert_eq!(
            told,
            [
                "(1 lines before; whole on its page, or where the log is: tagout audit show inc-1 --outputs)",
                "two",
                "\\u{1b}[2Jthree\\u{202e}"
            ]
        );
        assert_eq!(whole(&event), ["one", "two", "\\u{1b}[2Jthree\\u{202e}"]);
        let long = end(&printed(&"x".repeat(COLUMNS + 1)), "inc-1", 2);
        assert_eq!(
            long[0],
            "(whole on its page, or where the log is: tagout audit show inc-1 --outputs)"
        );
        assert_eq!(long[1].chars().count(), COLUMNS);
    }
}
