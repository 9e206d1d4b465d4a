//! The two lines by which another host says that a command begins and how it ended: each bears the
//! number of this run, which nobody can guess before.
//!
//! ```text
//! 5be1… begin
//! what the command prints
//! 5be1… end 0
//! ```
//!
//! The second one has a line break before it, which belongs to it.

use memchr::memmem;
use tagout_core::digest::to_hex;

use crate::exec::Captured;

/// The marks of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    run: String,
}

/// What they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Said {
    /// Whether it said that it begins.
    pub began: bool,
    /// The code that it said the command ended with.
    pub ended: Option<i32>,
}

impl Marks {
    /// New ones.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn new() -> Result<Self, String> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|e| format!("no random number: {e}"))?;
        Ok(Self { run: to_hex(&random) })
    }

    /// Those of this number.
    #[must_use]
    pub fn of(run: &str) -> Self {
        Self { run: run.to_owned() }
    }

    /// The number of the run.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Takes the marks out of what was printed, so that what the command printed is left. The end
    /// counts only after a beginning.
    #[must_use]
    pub fn take(&self, printed: &mut Captured) -> Said {
        let whole = printed.left_out() == 0;
        let Captured { head, tail, total, .. } = printed;
        if whole {
            // A mark may lie on the border.
            head.append(tail);
        }
        let begin = format!("{} begin\n", self.run);
        let Some(at) = memmem::find(head, begin.as_bytes()) else { return Said::default() };
        drop(head.drain(at..at + begin.len()));
        *total = total.saturating_sub(begin.len() as u64);
        // What was printed before the beginning is not the command's.
        let (last, from) = if tail.is_empty() { (head, at) } else { (tail, 0) };
        let end = format!("\n{} end ", self.run);
        let ended =
            memmem::rfind(last.get(from..).unwrap_or_default(), end.as_bytes()).and_then(|at| {
                let at = from + at;
                let rest = last.get(at + end.len()..)?;
                let length = rest.iter().position(|byte| *byte == b'\n')?;
                let code = std::str::from_utf8(rest.get(..length)?).ok()?.parse::<u8>().ok()?;
                let whole = end.len() + length + 1;
                drop(last.drain(at..at + whole));
                *total = total.saturating_sub(whole as u64);
                Some(i32::from(code))
            });
        Said { began: true, ended }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(head: &str, tail: &str, total: u64) -> (Said, String) {
        let (head, tail) = (head.into(), tail.into());
        let mut printed = Captured { head, tail, total, cut_off: false };
        let said = Marks::of("77aa").take(&mut printed);
        (said, printed.text())
    }

    fn whole(text: &str) -> (Said, String) {
        taken(text, "", text.len() as u64)
    }

    #[test]
    fn the_marks_are_taken_out_and_what_the_command_printed_is_left_as_it_was() {
        let said = Said { began: true, ended: Some(3) };
        assert_eq!(whole("77aa begin\na\nb\n77aa end 3\n"), (said, "a\nb".into()));
        assert_eq!(whole("77aa begin\na\n\n77aa end 3\n"), (said, "a\n".into()));
        assert_eq!(whole("77aa begin\n\n77aa end 3\n"), (said, String::new()));
        // A shell that greets, and something that outlives the command.
        assert_eq!(whole("hi\n77aa begin\na\n77aa end 3\nlate"), (said, "hi\nalate".into()));
        let all = "77aa begin\na\n77aa end 3\n";
        for at in 0..all.len() {
            let (head, tail) = all.split_at(at);
            assert_eq!(taken(head, tail, all.len() as u64), (said, "a".into()), "{at}");
        }
    }

    #[test]
    fn an_end_counts_only_if_it_is_whole_of_this_run_and_after_a_beginning() {
        let began = Said { began: true, ended: None };
        for (text, said) in [
            ("", Said::default()),
            ("77aa begin", Said::default()),
            ("\n77aa end 0\n", Said::default()),
            ("\n77aa end 0\n77aa begin\n", began),
            ("77aa begin\n\n77aa end 0", began),
            ("77aa begin\n\n77aa end \n", began),
            ("77aa begin\n\n77aa end 256\n", began),
            ("77aa begin\n\n77aa end -1\n", began),
            ("77aa begin\n\n77ab end 0\n", began),
            ("77aa begin\nx77aa end 0\n", began),
        ] {
            assert_eq!(whole(text).0, said, "{text:?}");
        }
    }

    #[test]
    fn of_much_output_the_beginning_and_the_end_are_enough() {
        let (said, text) = taken("77aa begin\nabc", "xyz\n77aa end 0\n", 1_000);
        assert_eq!(said, Said { began: true, ended: Some(0) });
        assert!(text.starts_with("abc\n[") && text.ends_with("left out]\nxyz"), "{text}");
    }
}
