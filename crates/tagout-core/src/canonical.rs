//! The one byte encoding behind every digest and every leaf: a strict subset of RFC 8785.
//!
//! RFC 8785 (JSON Canonicalization Scheme) fixes member order, escapes and white space. We
//! take its rules and leave out what makes it hard to reproduce elsewhere: no floating-point
//! numbers, and no integer outside ±(2^53 − 1). What cannot be written exactly is an error
//! and not an approximation.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::{Map, Value};

/// The largest integer the encoding accepts, 2^53 − 1 (RFC 7493, section 2.2).
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Why a value has no canonical encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// The value holds a floating-point number.
    #[error("{0} is not an integer; write fractions as decimal strings")]
    Float(String),
    /// The value holds an integer that a JSON reader elsewhere might round.
    #[error("{0} is outside ±(2^53 − 1); write it as a string")]
    Integer(String),
    /// The value could not be turned into JSON at all.
    #[error("not JSON: {0}")]
    Json(String),
}

/// The canonical bytes of anything that serialises to JSON.
///
/// # Errors
/// If the value holds a float, an integer beyond ±(2^53 − 1), or a map whose keys are no strings.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let value = serde_json::to_value(value).map_err(|e| CanonicalError::Json(e.to_string()))?;
    value_to_bytes(&value)
}

/// The canonical bytes of a JSON value.
///
/// # Errors
/// As [`to_bytes`].
pub fn value_to_bytes(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::with_capacity(256);
    write(value, &mut out)?;
    Ok(out)
}

/// Writes the canonical bytes of a JSON value after what `out` holds.
///
/// # Errors
/// As [`to_bytes`]; then a part of them may have been written.
pub fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(n) => {
            let magnitude = match (n.as_u64(), n.as_i64()) {
                (Some(u), _) => u,
                (None, Some(i)) => i.unsigned_abs(),
                (None, None) => return Err(CanonicalError::Float(n.to_string())),
            };
            if magnitude > MAX_INTEGER {
                return Err(CanonicalError::Integer(n.to_string()));
            }
            out.extend_from_slice(n.to_string().as_bytes());
        }
        Value::String(s) => write_string(s, out)?,
        Value::Array(items) => array(items, out, |_, item, out| write(item, out))?,
        Value::Object(members) => object(members, out, |_, member, out| write(member, out))?,
    }
    Ok(())
}

/// Writes an array, each item of it by `write`, which is told its place.
///
/// # Errors
/// What `write` says.
pub fn array<E>(
    items: &[Value],
    out: &mut Vec<u8>,
    mut write: impl FnMut(usize, &Value, &mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    out.push(b'[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(i, item, out)?;
    }
    out.push(b']');
    Ok(())
}

/// Writes an object, its members in their order and each by `write`, which is told its name.
///
/// # Errors
/// As [`to_bytes`], and what `write` says.
pub fn object<E: From<CanonicalError>>(
    members: &Map<String, Value>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(&str, &Value, &mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let mut first = true;
    let mut one = |key: &str, member: &Value| {
        out.push(if std::mem::take(&mut first) { b'{' } else { b',' });
        write_string(key, out)?;
        out.push(b':');
        write(key, member, out)
    };
    // A map keeps the order of bytes, so it needs sorting only where the two orders differ.
    if members.keys().is_sorted_by(|a, b| by_utf16(a, b).is_lt()) {
        members.iter().try_for_each(|(key, member)| one(key, member))?;
    } else {
        let mut members: Vec<_> = members.iter().collect();
        members.sort_by(|(a, _), (b, _)| by_utf16(a, b));
        members.into_iter().try_for_each(|(key, member)| one(key, member))?;
    }
    out.extend_from_slice(if first { b"{}" } else { b"}" });
    Ok(())
}

fn write_string(s: &str, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    // Nearly no string needs an escape. Without an early end many bytes are looked at at once.
    let escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    if !s.bytes().fold(false, |any, byte| any | escaped(byte)) {
        out.push(b'"');
        out.extend_from_slice(s.as_bytes());
        out.push(b'"');
        return Ok(());
    }
    // serde_json escapes exactly what RFC 8785 section 3.2.2.2 asks for.
    serde_json::to_writer(out, s).map_err(|e| CanonicalError::Json(e.to_string()))
}

/// RFC 8785 section 3.2.3 orders members by UTF-16 code units, which differs from byte
/// order for characters beyond the basic plane only.
fn by_utf16(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(value: &Value) -> String {
        String::from_utf8(value_to_bytes(value).unwrap()).unwrap()
    }

    #[test]
    fn members_are_sorted_and_nothing_is_padded() {
        assert_eq!(
            text(&json!({"b": [1, null, true], "a": "x"})),
            r#"{"a":"x","b":[1,null,true]}"#
        );
    }

    #[test]
    fn members_sort_by_utf16_as_in_the_example_of_rfc_8785() {
        // Section 3.2.3: the emoji sorts before U+FB33 because its first surrogate is D83D.
        let value = json!({"\u{fb33}": 1, "\u{1f600}": 2, "\u{20ac}": 3, "\r": 4, "1": 5});
        assert_eq!(
            text(&value),
            "{\"\\r\":4,\"1\":5,\"\u{20ac}\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}"
        );
    }

    #[test]
    fn control_characters_use_the_short_or_the_lower_case_escape() {
        assert_eq!(
            text(&json!("\u{8}\t\n\u{c}\r\"\\\u{1}\u{1f}/")),
            r#""\b\t\n\f\r\"\\\u0001\u001f/""#
        );
    }

    #[test]
    fn a_float_is_refused_even_when_it_is_whole() {
        assert!(matches!(value_to_bytes(&json!(1.0)), Err(CanonicalError::Float(_))));
    }

    #[test]
    fn integers_are_accepted_up_to_the_limit_and_refused_one_past_it() {
        assert_eq!(text(&json!(MAX_INTEGER)), "9007199254740991");
        assert!(value_to_bytes(&json!(MAX_INTEGER + 1)).is_err());
        assert_eq!(text(&json!(-9007199254740991_i64)), "-9007199254740991");
        assert!(value_to_bytes(&json!(-9007199254740992_i64)).is_err());
    }
}
