//! The ways in which an output is read to find a secret in it: as it is, over line breaks, and with
//! escapes undone. Each piece of a reading knows where in the output it stands.

use std::fmt;

/// One byte of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) byte: u8,
    /// Where what stands for it begins in the output.
    pub(super) start: u64,
    /// And ends.
    pub(super) end: u64,
}

/// A way of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// Byte by byte.
    Plain,
    /// Without line breaks: base64 is broken into lines.
    Unbroken,
    /// Percent-encoding undone (RFC 3986).
    Percent,
    /// The same, and `+` is a space: <https://url.spec.whatwg.org/#concept-urlencoded-parser>
    Form,
    /// The escapes of a JSON string undone (RFC 8259).
    Json,
}

impl View {
    pub(super) const ALL: [Self; 5] =
        [Self::Plain, Self::Unbroken, Self::Percent, Self::Form, Self::Json];

    pub(super) fn begin(self) -> Box<dyn Reading> {
        match self {
            Self::Plain => Box::new(Plain),
            Self::Unbroken => Box::new(Unbroken { breaks: 0 }),
            Self::Percent => Box::new(Escaped::new(b'%', percent, false)),
            Self::Form => Box::new(Escaped::new(b'%', percent, true)),
            Self::Json => Box::new(Escaped::new(b'\\', json, false)),
        }
    }
}

/// A reading of one output, piece by piece.
pub(super) trait Reading: fmt::Debug + Send {
    /// Takes the byte that stands at `at`.
    fn push(&mut self, byte: u8, at: u64, take: &mut dyn FnMut(Piece));
    /// Takes the end.
    fn finish(&mut self, _take: &mut dyn FnMut(Piece)) {}
    /// Where what has come in and not been read yet begins.
    fn pending(&self) -> Option<u64> {
        None
    }
}

#[derive(Debug)]
struct Plain;

impl Reading for Plain {
    fn push(&mut self, byte: u8, at: u64, take: &mut dyn FnMut(Piece)) {
        take(Piece { byte, start: at, end: at + 1 });
    }
}

#[derive(Debug)]
struct Unbroken {
    breaks: u8,
}

impl Reading for Unbroken {
    fn push(&mut self, byte: u8, at: u64, take: &mut dyn FnMut(Piece)) {
        self.breaks = match byte {
            b'\r' | b'\n' => self.breaks.saturating_add(1),
            _ => 0,
        };
        // More than one line break is no break of a line, and ends what went before.
        if !(1..=2).contains(&self.breaks) {
            take(Piece { byte, start: at, end: at + 1 });
        }
    }
}

/// What the beginning of some bytes is.
enum Look {
    /// More must come before it can be told.
    More,
    /// The first so many bytes stand for these.
    Stands(usize, Vec<u8>),
    /// The first byte stands for itself.
    Itself,
}

struct Escaped {
    escape: u8,
    look: fn(&[u8]) -> Look,
    plus_is_space: bool,
    held: Vec<u8>,
    /// Where the first held byte stands.
    start: u64,
}

impl fmt::Debug for Escaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Escaped").field("escape", &char::from(self.escape)).finish_non_exhaustive()
    }
}

impl Escaped {
    const fn new(escape: u8, look: fn(&[u8]) -> Look, plus_is_space: bool) -> Self {
        Self { escape, look, plus_is_space, held: Vec::new(), start: 0 }
    }

    /// Reads what is held as far as it can be told; all of it at the end.
    fn read(&mut self, at_end: bool, take: &mut dyn FnMut(Piece)) {
        while let Some(first) = self.held.first().copied() {
            let look = if first == self.escape { (self.look)(&self.held) } else { Look::Itself };
            let (length, bytes) = match look {
                Look::More if !at_end => return,
                Look::Stands(length, bytes) => (length, bytes),
                Look::Itself | Look::More => {
                    let byte = if first == b'+' && self.plus_is_space { b' ' } else { first };
                    (1, vec![byte])
                }
            };
            let (start, end) = (self.start, self.start + length as u64);
            bytes.into_iter().for_each(|byte| take(Piece { byte, start, end }));
            self.held.drain(..length);
            self.start = end;
        }
    }
}

impl Reading for Escaped {
    fn push(&mut self, byte: u8, at: u64, take: &mut dyn FnMut(Piece)) {
        if self.held.is_empty() {
            if byte != self.escape {
                let byte = if byte == b'+' && self.plus_is_space { b' ' } else { byte };
                return take(Piece { byte, start: at, end: at + 1 });
            }
            self.start = at;
        }
        self.held.push(byte);
        self.read(false, take);
    }

    fn finish(&mut self, take: &mut dyn FnMut(Piece)) {
        self.read(true, take);
    }

    fn pending(&self) -> Option<u64> {
        (!self.held.is_empty()).then_some(self.start)
    }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn percent(bytes: &[u8]) -> Look {
    match *bytes {
        [_] => Look::More,
        [_, high] if hex(high).is_some() => Look::More,
        [_, high, low, ..] => match (hex(high), hex(low)) {
            (Some(high), Some(low)) => Look::Stands(3, vec![high << 4 | low]),
            _ => Look::Itself,
        },
        _ => Look::Itself,
    }
}

fn json(bytes: &[u8]) -> Look {
    let one = |byte: u8| Look::Stands(2, vec![byte]);
    match bytes.get(1) {
        None => Look::More,
        Some(b'"') => one(b'"'),
        Some(b'\\') => one(b'\\'),
        Some(b'/') => one(b'/'),
        Some(b'b') => one(0x08),
        Some(b'f') => one(0x0c),
        Some(b'n') => one(b'\n'),
        Some(b'r') => one(b'\r'),
        Some(b't') => one(b'\t'),
        Some(b'u') => unicode(bytes),
        Some(_) => Look::Itself,
    }
}

fn unicode(bytes: &[u8]) -> Look {
    let first = match unit(bytes) {
        Unit::More => return Look::More,
        Unit::None => return Look::Itself,
        Unit::Is(unit) => unit,
    };
    let character =
        |length: usize, units: &[u16]| match char::decode_utf16(units.iter().copied()).next() {
            Some(Ok(c)) => Look::Stands(length, c.to_string().into_bytes()),
            _ => Look::Itself,
        };
    if !(0xd800..0xdc00).contains(&first) {
        return character(6, &[first]);
    }
    match unit(bytes.get(6..).unwrap_or_default()) {
        Unit::More => Look::More,
        Unit::None => Look::Itself,
        Unit::Is(second) => character(12, &[first, second]),
    }
}

/// One UTF-16 code unit, as `\u` and four digits.
enum Unit {
    More,
    Is(u16),
    None,
}

fn unit(bytes: &[u8]) -> Unit {
    let mut value = 0;
    for (place, byte) in bytes.iter().take(6).enumerate() {
        match place {
            0 if *byte == b'\\' => {}
            1 if *byte == b'u' => {}
            2.. => match hex(*byte) {
                Some(digit) => value = value << 4 | u16::from(digit),
                None => return Unit::None,
            },
            _ => return Unit::None,
        }
    }
    if bytes.len() < 6 { Unit::More } else { Unit::Is(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(view: View, text: &str) -> String {
        let mut reading = view.begin();
        let mut bytes = Vec::new();
        for (at, byte) in text.bytes().enumerate() {
            reading.push(byte, at as u64, &mut |piece| bytes.push(piece.byte));
        }
        reading.finish(&mut |piece| bytes.push(piece.byte));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn percent_encoding_is_undone_and_what_only_looks_like_it_stays() {
        assert_eq!(read(View::Percent, "a%2Fb%2fc+d"), "a/b/c+d");
        assert_eq!(read(View::Form, "a%2Fb+c"), "a/b c");
        assert_eq!(read(View::Percent, "100%%41%4%zz%"), "100%A%4%zz%");
    }

    #[test]
    fn escapes_of_json_are_undone_and_what_only_looks_like_them_stays() {
        assert_eq!(read(View::Json, r#"\"\\\/\n\u0041\u00e9\ud83d\ude00"#), "\"\\/\nAé😀");
        assert_eq!(read(View::Json, r"\x\u12\ud83d\u0041\"), r"\x\u12\ud83dA\");
    }

    #[test]
    fn line_breaks_are_read_over_and_empty_lines_are_not() {
        assert_eq!(read(View::Unbroken, "a\nb\r\nc"), "abc");
        assert_eq!(read(View::Unbroken, "a\n\n\nb"), "a\nb");
    }
}
