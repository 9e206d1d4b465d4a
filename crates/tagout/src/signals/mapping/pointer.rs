//! A JSON Pointer (RFC 6901): where in a body a value stands.

use std::fmt;

use tagout_core::limits;

/// A pointer, split into its steps and unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer {
    steps: Vec<String>,
    /// As it was written.
    text: String,
}

impl Pointer {
    /// Reads a pointer: empty for the whole value, else each step behind a slash, with `~1` for
    /// a slash and `~0` for a tilde in a name.
    ///
    /// # Errors
    /// What is wrong with it, and how to write it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(format!(
                "{text:?} is not a JSON Pointer, which begins with a slash; \
                 write \"/{text}\", or {{ constant = {text:?} }} for fixed text"
            ));
        }
        let steps: Vec<String> = text.split('/').skip(1).map(unescape).collect::<Result<_, _>>()?;
        if steps.len() > limits::JSON_DEPTH {
            return Err(format!(
                "a pointer of {} steps; no body is read deeper than {}",
                steps.len(),
                limits::JSON_DEPTH
            ));
        }
        Ok(Self { steps, text: text.to_owned() })
    }

    /// The steps, outermost first.
    pub(super) fn steps(&self) -> &[String] {
        &self.steps
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.text.is_empty() { "the body" } else { &self.text })
    }
}

fn unescape(step: &str) -> Result<String, String> {
    let mut name = String::with_capacity(step.len());
    let mut rest = step.chars();
    while let Some(c) = rest.next() {
        name.push(match c {
            '~' => match rest.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => {
                    return Err(format!(
                        "{step:?} has a lone tilde; in a pointer a tilde is written ~0 and a \
                         slash ~1"
                    ));
                }
            },
            c => c,
        });
    }
    Ok(name)
}

/// The place in a list that a step names: digits without a leading zero.
pub(super) fn index(step: &str) -> Option<usize> {
    let plain = step == "0" || !step.starts_with('0');
    let digits = !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit());
    if plain && digits { step.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pointers of RFC 6901, section 5.
    #[test]
    fn the_pointers_of_the_standard_are_split_and_unescaped() {
        for (text, steps) in [
            ("", &[] as &[&str]),
            ("/foo", &["foo"]),
            ("/foo/0", &["foo", "0"]),
            ("/", &[""]),
            ("/a~1b", &["a/b"]),
            ("/m~0n", &["m~n"]),
            ("/~01", &["~1"]),
            ("/ ", &[" "]),
        ] {
            assert_eq!(Pointer::parse(text).unwrap().steps(), steps, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_pointer_is_refused_with_how_to_write_one() {
        assert!(Pointer::parse("title").unwrap_err().contains("\"/title\""));
        for text in ["/a~", "/a~2b"] {
            assert!(Pointer::parse(text).unwrap_err().contains("~0"), "{text}");
        }
    }

    #[test]
    fn a_pointer_is_read_as_deep_as_a_body_and_no_deeper() {
        assert!(Pointer::parse(&"/a".repeat(limits::JSON_DEPTH)).is_ok());
        assert!(Pointer::parse(&"/a".repeat(limits::JSON_DEPTH + 1)).is_err());
    }

    #[test]
    fn only_plain_digits_are_a_place_in_a_list() {
        assert_eq!((index("0"), index("10")), (Some(0), Some(10)));
        for step in ["", "-", "01", "00", "+1", "1e1", "99999999999999999999999"] {
            assert_eq!(index(step), None, "{step:?}");
        }
    }
}
