//! What a command printed: the beginning and the end of it, and how much there was.

use std::collections::VecDeque;

use tagout_core::limits;

/// One output of a command, within bounds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Captured {
    /// The beginning.
    pub head: Vec<u8>,
    /// The end, if there was more than the beginning. Between the two something is left out if
    /// [`Captured::left_out`] is not zero.
    pub tail: Vec<u8>,
    /// How many bytes came, redacted as they were kept.
    pub total: u64,
    /// Whether reading was given up before the output was closed.
    pub cut_off: bool,
}

impl Captured {
    /// How many bytes between beginning and end were not kept.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.total.saturating_sub((self.head.len() + self.tail.len()) as u64)
    }

    /// Whether something is missing.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.left_out() > 0 || self.cut_off
    }

    /// Adds a line of our own at the end.
    pub(super) fn add(&mut self, line: &str) {
        let last = if self.tail.is_empty() { &mut self.head } else { &mut self.tail };
        last.extend_from_slice(line.as_bytes());
        self.total = self.total.saturating_add(line.len() as u64);
    }

    /// As text that says what is missing. What is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = match self.left_out() {
            0 => String::from_utf8_lossy(&[&*self.head, &*self.tail].concat()).into_owned(),
            bytes => format!(
                "{}\n[{bytes} of {} bytes left out]\n{}",
                String::from_utf8_lossy(&self.head),
                self.total,
                String::from_utf8_lossy(&self.tail)
            ),
        };
        if self.cut_off {
            text.push_str("\n[still open when reading ended]");
        }
        text
    }
}

/// Takes an output in, piece by piece.
#[derive(Debug)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
    most: (usize, usize),
}

impl Capture {
    pub(super) const fn new() -> Self {
        Self::within(limits::EXEC_OUTPUT_BYTES)
    }

    pub(super) const fn within(most: (usize, usize)) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), total: 0, most }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let room = self.most.0.saturating_sub(self.head.len());
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        let rest = rest.get(rest.len().saturating_sub(self.most.1)..).unwrap_or_default();
        let over = (self.tail.len() + rest.len()).saturating_sub(self.most.1);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    pub(super) fn finish(self, cut_off: bool) -> Captured {
        let Self { head, tail, total, .. } = self;
        Captured { head, tail: tail.into(), total, cut_off }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(most: (usize, usize), pieces: &[&[u8]]) -> Captured {
        let mut capture = Capture::within(most);
        pieces.iter().for_each(|piece| capture.push(piece));
        capture.finish(false)
    }

    #[test]
    fn as_much_as_fits_is_kept_whole() {
        let all = captured((3, 2), &[b"ab", b"cd", b"e"]);
        assert_eq!((all.text().as_str(), all.left_out()), ("abcde", 0));
        assert!(!all.is_truncated());
    }

    #[test]
    fn one_byte_more_is_left_out_and_said() {
        let all = captured((3, 2), &[b"abcd", b"", b"ef"]);
        assert_eq!((&*all.head, &*all.tail, all.total), (&b"abc"[..], &b"ef"[..], 6));
        assert_eq!(all.text(), "abc\n[1 of 6 bytes left out]\nef");
        assert!(all.is_truncated());
    }

    #[test]
    fn the_pieces_make_no_difference() {
        let text: Vec<u8> = (0..=255).collect();
        let whole = captured((10, 7), &[&text]);
        for size in 1..=20 {
            let pieces: Vec<_> = text.chunks(size).collect();
            assert_eq!(captured((10, 7), &pieces), whole);
        }
    }
}
