//! One Markdown file, split into its front matter and its text.

use std::borrow::Cow;

use tagout_core::limits;

use super::finding::LinedFlaw;

/// A page whose bytes are text of an acceptable size.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page<'a> {
    /// What stands between the marks at the top, if there are any.
    pub(super) front: Option<FrontText<'a>>,
    /// The Markdown below.
    pub(super) body: &'a str,
}

/// The text of a front matter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FrontText<'a> {
    /// The language its marks stand for.
    pub(super) language: Language,
    /// The text without its marks.
    pub(super) text: &'a str,
    /// The line of the file on which `text` begins.
    pub(super) first_line: usize,
}

/// The language of a front matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// Between `---` lines.
    Yaml,
    /// Between `+++` lines, as some site generators write it. Never ours.
    Toml,
}

/// The text of a file: without a byte order mark, and with line feeds alone as line ends.
pub(super) fn text_of(bytes: &[u8]) -> Result<Cow<'_, str>, LinedFlaw> {
    if bytes.len() > limits::PAGE_BYTES {
        return Err(LinedFlaw {
            line: None,
            flaw: tagout_core::front_matter::Flaw::new(
                "file",
                format!("is larger than {} bytes", limits::PAGE_BYTES),
                "split the page, or keep long material elsewhere and link to it",
            ),
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let at = e.valid_up_to();
        let line = 1 + bytes.iter().take(at).filter(|b| **b == b'\n').count();
        let byte = bytes.get(at).copied().unwrap_or_default();
        LinedFlaw::new(
            line,
            "file",
            format!("is not UTF-8: byte {at} (counted from 0) is 0x{byte:02x}"),
            "save the page as UTF-8",
        )
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(LinedFlaw::new(1, "file", "is empty", "write the runbook or remove the file"));
    }
    if text.contains('\r') {
        return Ok(Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")));
    }
    Ok(Cow::Borrowed(text))
}

/// Whether the bytes begin with a front matter, looked at before anything else is checked.
pub(super) fn begins_with_front_matter(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    bytes.starts_with(b"---") || bytes.starts_with(b"+++")
}

/// Splits a text (see [`text_of`]) at the marks of its front matter.
pub(super) fn split(text: &str) -> Result<Page<'_>, LinedFlaw> {
    let mut lines = LineStarts { rest: text, at: 0, number: 0 };
    let opening = lines.by_ref().find(|line| !line.text.trim().is_empty());
    let Some(opening) = opening else { return Ok(Page { front: None, body: text }) };
    let (language, mark) = match opening.text.trim_end() {
        "---" => (Language::Yaml, "---"),
        "+++" => (Language::Toml, "+++"),
        _ => return Ok(Page { front: None, body: text }),
    };
    let begin = lines.at;
    let closes = |line: &Line<'_>| {
        let line = line.text.trim_end();
        line == mark || (language == Language::Yaml && line == "...")
    };
    let Some(closing) = lines.by_ref().find(closes) else {
        return Err(LinedFlaw::new(
            opening.number,
            "front matter",
            "is opened here and never closed",
            format!("end it with a line of its own that holds only {mark}"),
        ));
    };
    let inner = text.get(begin..closing.start).unwrap_or_default();
    let front = FrontText { language, text: inner, first_line: opening.number + 1 };
    Ok(Page { front: Some(front), body: lines.rest })
}

/// One line, where it starts in the text, and its number counted from 1.
struct Line<'a> {
    text: &'a str,
    start: usize,
    number: usize,
}

/// The lines of a text, with the place that is reached.
struct LineStarts<'a> {
    rest: &'a str,
    at: usize,
    number: usize,
}

impl<'a> Iterator for LineStarts<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (text, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        let start = self.at;
        self.at += self.rest.len() - rest.len();
        self.rest = rest;
        self.number += 1;
        Some(Line { text, start, number: self.number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_marks_is_all_text() {
        let page = split("# A\n\n---\n\ntext\n").unwrap();
        assert_eq!(page, Page { front: None, body: "# A\n\n---\n\ntext\n" });
    }

    #[test]
    fn the_front_matter_ends_at_its_closing_mark_and_knows_its_first_line() {
        let page = split("\n---\nid: a\nx: |\n  ---\n---\n# A\n---\n").unwrap();
        let front = page.front.unwrap();
        assert_eq!((front.text, front.first_line), ("id: a\nx: |\n  ---\n", 3));
        assert_eq!(page.body, "# A\n---\n");
    }

    #[test]
    fn a_front_matter_may_be_empty_and_may_be_all_there_is() {
        let page = split("---\n---").unwrap();
        assert_eq!((page.front.unwrap().text, page.body), ("", ""));
    }

    #[test]
    fn the_line_of_a_broken_byte_is_named() {
        let flaw = text_of(b"a\nb\n\xff").unwrap_err();
        assert_eq!(flaw.line, Some(3));
        assert!(flaw.flaw.what.contains("byte 4 "), "{}", flaw.flaw.what);
    }
}
