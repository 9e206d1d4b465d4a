//! What keeps a value a value where it does not stand in an argument: a part of a path, a value in
//! a query, a string of JSON, a string literal of a query language. Each place has one encoder; what
//! it cannot hold for certain is refused and never adjusted to fit.

use std::fmt::Write as _;

use crate::template::TemplateFlaw;

/// A value as a part of one segment of a path (RFC 3986, section 3.3). A slash, a backslash and a
/// percent sign are refused although they could be encoded: servers and proxies decode them, some
/// twice, and would find another path.
///
/// # Errors
/// If the value holds one of these, a control character, or nothing.
pub fn path_part(value: &str) -> Result<String, TemplateFlaw> {
    plain(value)?;
    if let Some(c) = value.chars().find(|c| matches!(c, '/' | '\\' | '%')) {
        return Err(TemplateFlaw(format!("the value {value:?} holds {c:?}, which may end a path")));
    }
    Ok(percent(value))
}

/// A value in the query of a URL (RFC 3986, section 3.4). Everything but letters, digits, `-`, `.`,
/// `_` and `~` is encoded, so nothing of it separates or ends anything.
///
/// # Errors
/// If the value holds a control character, or nothing.
pub fn query_value(value: &str) -> Result<String, TemplateFlaw> {
    plain(value)?;
    Ok(percent(value))
}

/// A value inside a double-quoted string literal of PromQL or of a matcher of Alertmanager: <https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals>
///
/// # Errors
/// If the value holds a control character, or nothing.
pub fn literal(value: &str) -> Result<String, TemplateFlaw> {
    plain(value)?;
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '\\' | '"') {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(out)
}

/// A value that stands for itself in a regular expression (RE2), inside a string literal.
///
/// # Errors
/// As [`literal`].
pub fn literal_pattern(value: &str) -> Result<String, TemplateFlaw> {
    let mut quoted = String::with_capacity(value.len());
    for c in value.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    literal(&quoted)
}

/// Everything but the unreserved characters of RFC 3986, section 2.3, as percent codes.
#[must_use]
pub fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The text whose percent codes are undone; what is no UTF-8 is replaced.
#[must_use]
pub(crate) fn undone(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match code.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A value never holds a control character and is never empty, whoever set it.
fn plain(value: &str) -> Result<(), TemplateFlaw> {
    if value.is_empty() {
        return Err(TemplateFlaw("a value is empty".into()));
    }
    match value.chars().any(char::is_control) {
        true => Err(TemplateFlaw(format!("the value {value:?} holds a control character"))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_a_path_is_a_part_of_its_segment_or_refused() {
        assert_eq!(path_part("web-1.example_x~").unwrap(), "web-1.example_x~");
        assert_eq!(path_part("a b?c#d;e&f\"ä").unwrap(), "a%20b%3Fc%23d%3Be%26f%22%C3%A4");
        for refused in ["a/b", "..\\x", "%2e%2e", "a\nb", "a\0", ""] {
            assert!(path_part(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_value_in_a_query_separates_nothing() {
        assert_eq!(query_value("a&b=c#d+e/..%").unwrap(), "a%26b%3Dc%23d%2Be%2F..%25");
        assert!(query_value("a\r\nb").is_err());
    }

    #[test]
    fn a_value_in_a_literal_does_not_end_it() {
        assert_eq!(literal(r#"a"b\"#).unwrap(), r#"a\"b\\"#);
        assert_eq!(literal("a'b{c}").unwrap(), "a'b{c}");
        assert_eq!(literal_pattern("db.1|.*").unwrap(), r"db\\.1\\|\\.\\*");
        assert!(literal("a\nb").is_err() && literal("").is_err());
    }

    #[test]
    fn what_is_encoded_is_read_as_it_was() {
        for text in ["a b", "ä/%", "%zz", "100%"] {
            assert_eq!(undone(&percent(text)), text);
        }
    }
}
