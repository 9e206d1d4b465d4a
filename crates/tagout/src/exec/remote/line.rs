//! The one encoder of arguments for the shell of another host: each becomes one word, and nothing in
//! it means anything.
//!
//! The quoting is that of the POSIX shell (<https://pubs.opengroup.org/onlinepubs/9699919799/>,
//! section 2.2): between single quotes every character stands for itself. A single quote is written
//! between double quotes, where it means nothing, and so is a backslash, doubled: then no
//! backslash stands between single quotes, where the fish shell would read it.

use std::iter::Peekable;
use std::str::Chars;

use super::marks::Marks;

/// The words of a command, with a blank between them.
#[must_use]
pub fn encode(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| encoded(word)).collect();
    words.join(" ")
}

/// The line that a POSIX shell is given: it says that the command begins, runs it, and says how it
/// ended.
pub(super) fn marked(command: &[String], marks: &Marks) -> String {
    let run = marks.run();
    format!(
        "printf '%s begin\\n' {run} && {}; printf '\\n%s end %s\\n' {run} \"$?\"",
        encode(command)
    )
}

fn encoded(word: &str) -> String {
    let mut out = String::with_capacity(word.len() + 2);
    out.push('\'');
    for c in word.chars() {
        match c {
            '\'' => out.push_str(r#"'"'"'"#),
            '\\' => out.push_str(r#"'"\\"'"#),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// What a shell makes of an encoded line; `None` if it is none that [`encode`] writes. It is the
/// encoder's counterpart in the tests.
#[must_use]
pub fn decode(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    if chars.peek().is_none() {
        return Some(words);
    }
    loop {
        words.push(word(&mut chars)?);
        match chars.next() {
            None => return Some(words),
            Some(' ') => {}
            Some(_) => return None,
        }
    }
}

fn word(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut out = String::new();
    let mut parts = 0_u32;
    while let Some(quote) = chars.next_if(|c| matches!(c, '\'' | '"')) {
        parts += 1;
        loop {
            match (quote, chars.next()?) {
                ('"', '\\') => out.push(chars.next().filter(|c| matches!(c, '\\' | '"'))?),
                // In these a shell would put something else into their place.
                ('"', '$' | '`') => return None,
                (_, c) if c == quote => break,
                (_, c) => out.push(c),
            }
        }
    }
    (parts > 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn words_are_written_so_that_nothing_in_them_means_anything() {
        assert_eq!(encode(&words(&["/bin/rm", "-r", "a b"])), "'/bin/rm' '-r' 'a b'");
        assert_eq!(encode(&words(&["it's", "", "$(x)"])), r#"'it'"'"'s' '' '$(x)'"#);
        assert_eq!(encode(&words(&[r"\'"])), r#"''"\\"''"'"''"#);
    }

    #[test]
    fn what_the_encoder_never_writes_is_not_read() {
        for line in ["a", "'a", "'a'b", "'a'  'b'", "'a' ", "\"$x\"", "\"`x`\"", "'a';'b'", " "] {
            assert_eq!(decode(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn a_shell_reads_exactly_what_was_written(
            words in prop::collection::vec("(?s:[ -~]|.|['\"\\\\$`!\n;&|]){0,12}", 0..6),
        ) {
            let line = encode(&words);
            prop_assert_eq!(decode(&line), Some(words));
            // No shell would put anything in place, nor does fish see a backslash that it reads.
            let mut quote = None;
            for c in line.chars() {
                quote = match quote {
                    None => {
                        prop_assert!(matches!(c, ' ' | '\'' | '"'), "{}", line);
                        Some(c).filter(|c| *c != ' ')
                    }
                    Some(quote) if quote == c => None,
                    Some('\'') => {
                        prop_assert_ne!(c, '\\');
                        quote
                    }
                    Some(_) => {
                        prop_assert!(matches!(c, '\'' | '\\'), "{}", line);
                        quote
                    }
                };
            }
            prop_assert_eq!(quote, None);
        }
    }
}
