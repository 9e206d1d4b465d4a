//! The blocks of a Markdown text, as far as a runbook needs them: headings, paragraphs, list
//! items and code. It reads what people write and refuses nothing.

/// One block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading with its level, 1 to 6.
    Heading(usize, String),
    /// Running text on one line.
    Paragraph(String),
    /// A list item on one line, without its mark. Items inside items are items too.
    Item(String),
    /// The lines of a fenced block, without blank ones.
    Code(Vec<String>),
}

/// All blocks of `text`, in order.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    let ends: Vec<usize> = comment_ends(text);
    for (number, line) in text.lines().enumerate() {
        reader.ends_later = ends.last().is_some_and(|last| *last > number);
        reader.line(line);
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    done: Vec<Block>,
    open: Option<Block>,
    /// The mark that closes the code block that is being read.
    fence: Option<String>,
    in_comment: bool,
    /// Whether a comment could end on a later line. One that never ends is no comment: it must
    /// not swallow the steps below it.
    ends_later: bool,
}

/// The lines on which a comment could end.
fn comment_ends(text: &str) -> Vec<usize> {
    let lines = text.lines().enumerate();
    lines.filter(|(_, line)| line.contains("-->")).map(|(number, _)| number).collect()
}

impl Reader {
    fn line(&mut self, line: &str) {
        if let Some(fence) = &self.fence {
            let text = line.trim();
            if text.starts_with(fence.as_str()) && text.chars().all(|c| fence.starts_with(c)) {
                self.fence = None;
                self.close();
            } else if let Some(Block::Code(lines)) = &mut self.open
                && !text.is_empty()
            {
                lines.push(line.trim_end().to_owned());
            }
            return;
        }
        let line = self.without_comments(line);
        let text = line.trim_start_matches(['>', ' ', '\t']).trim_end();
        // Four blanks make code of a line, also where it begins like a heading.
        let indented = line.starts_with("    ") || line.starts_with('\t');
        if text.is_empty() || is_markup_only(text) {
            self.close();
        } else if let Some(fence) = fence_of(text) {
            self.close();
            self.fence = Some(fence);
            self.open = Some(Block::Code(Vec::new()));
        } else if let Some((level, title)) = heading_of(text).filter(|_| !indented) {
            self.close();
            self.done.push(Block::Heading(level, title));
        } else if let Some(level) = underline_of(text) {
            match self.open.take() {
                Some(Block::Paragraph(title)) => self.done.push(Block::Heading(level, title)),
                other => {
                    // Without a paragraph above it is a rule between two parts.
                    self.open = other;
                    self.close();
                }
            }
        } else if let Some(item) = item_of(text) {
            self.close();
            self.open = Some(Block::Item(item.to_owned()));
        } else {
            match &mut self.open {
                Some(Block::Paragraph(open) | Block::Item(open)) => {
                    open.push(' ');
                    open.push_str(text);
                }
                _ => self.open = Some(Block::Paragraph(text.to_owned())),
            }
        }
    }

    /// The line without what stands in `<!-- -->`, also over several lines.
    fn without_comments(&mut self, line: &str) -> String {
        let mut kept = String::new();
        let mut rest = line;
        loop {
            if self.in_comment {
                let Some((_, after)) = rest.split_once("-->") else { return kept };
                self.in_comment = false;
                rest = after;
            }
            match rest.split_once("<!--") {
                // In a code span it is text about comments.
                Some((before, after))
                    if !before.ends_with('`') && (self.ends_later || after.contains("-->")) =>
                {
                    kept.push_str(before);
                    self.in_comment = true;
                    rest = after;
                }
                _ => {
                    kept.push_str(rest);
                    return kept;
                }
            }
        }
    }

    fn close(&mut self) {
        match self.open.take() {
            Some(Block::Code(lines)) if lines.is_empty() => {}
            Some(block) => self.done.push(block),
            None => {}
        }
    }

    fn finish(mut self) -> Vec<Block> {
        self.close();
        self.done
    }
}

fn fence_of(text: &str) -> Option<String> {
    ['`', '~'].into_iter().find_map(|mark| {
        let count = text.chars().take_while(|c| *c == mark).count();
        let info = text.get(count..).unwrap_or_default();
        (count >= 3 && !info.contains(mark)).then(|| mark.to_string().repeat(count))
    })
}

fn heading_of(text: &str) -> Option<(usize, String)> {
    let level = text.chars().take_while(|c| *c == '#').count();
    let title = text.get(level..).unwrap_or_default();
    let blank_or_end = title.is_empty() || title.starts_with([' ', '\t']);
    ((1..=6).contains(&level) && blank_or_end)
        .then(|| (level, title.trim().trim_end_matches('#').trim_end().to_owned()))
}

/// The level of the heading that this line underlines; a rule looks the same.
fn underline_of(text: &str) -> Option<usize> {
    let text: String = text.split_whitespace().collect();
    let only = |mark: char| text.len() >= 2 && text.chars().all(|c| c == mark);
    match () {
        () if only('=') => Some(1),
        () if only('-') => Some(2),
        _ => None,
    }
}

fn item_of(text: &str) -> Option<&str> {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let rest = if (1..=9).contains(&digits) {
        text.get(digits..)?.strip_prefix(['.', ')'])?
    } else {
        text.strip_prefix(['-', '*', '+'])?
    };
    let item = rest.strip_prefix([' ', '\t'])?.trim();
    let unboxed = ["[ ]", "[x]", "[X]"].iter().find_map(|mark| item.strip_prefix(mark));
    Some(unboxed.unwrap_or(item).trim_start())
}

/// Lines that draw something and say nothing: rules, the middle line of a table, HTML tags.
fn is_markup_only(text: &str) -> bool {
    let rule = ['*', '_']
        .iter()
        .any(|mark| text.len() >= 3 && text.chars().all(|c| c == *mark || c == ' '));
    let table = text.starts_with('|') && text.chars().all(|c| "|-: ".contains(c));
    let link = text.starts_with("<http") || text.starts_with("<mailto");
    let tag = text.starts_with('<') && !link && {
        let mut depth = 0_i32;
        text.chars().all(|c| {
            depth += i32::from(c == '<') - i32::from(c == '>');
            depth > 0 || c == '>' || c == ' '
        })
    };
    rule || table || tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_that_never_ends_swallows_nothing() {
        let text = "# A\n\nUse `<!--` to hide.\n\n<!-- open\n\n- step one\n";
        assert!(blocks(text).contains(&Block::Item("step one".into())), "{:?}", blocks(text));
    }

    #[test]
    fn an_indented_line_is_no_heading() {
        let text = "# A\n\n    # Meaning of this script\n    reboot\n";
        let headings = blocks(text).iter().filter(|b| matches!(b, Block::Heading(..))).count();
        assert_eq!(headings, 1, "{:?}", blocks(text));
    }

    fn p(text: &str) -> Block {
        Block::Paragraph(text.into())
    }

    #[test]
    fn lines_of_a_paragraph_and_of_an_item_are_joined() {
        assert_eq!(
            blocks("one\ntwo\n\n- three\n  four\n1. five\n   * [ ] six\n"),
            [
                p("one two"),
                Block::Item("three four".into()),
                Block::Item("five".into()),
                Block::Item("six".into()),
            ]
        );
    }

    #[test]
    fn both_kinds_of_heading_are_read() {
        assert_eq!(
            blocks("Title\n=====\n\n## Second ##\n\nThird\n---\n\n---\n#no heading\n"),
            [
                Block::Heading(1, "Title".into()),
                Block::Heading(2, "Second".into()),
                Block::Heading(2, "Third".into()),
                p("#no heading"),
            ]
        );
    }

    #[test]
    fn nothing_inside_a_code_block_is_read_as_markdown() {
        assert_eq!(
            blocks("```sh\n# not a heading\n\n- not an item\n~~~\n```\nafter"),
            [
                Block::Code(vec!["# not a heading".into(), "- not an item".into(), "~~~".into()]),
                p("after"),
            ]
        );
    }

    #[test]
    fn a_code_block_that_is_never_closed_is_kept() {
        assert_eq!(blocks("~~~~\nls\n~~~\n"), [Block::Code(vec!["ls".into(), "~~~".into()])]);
    }

    #[test]
    fn comments_rules_tags_and_table_lines_say_nothing() {
        let text =
            "a <!-- x\ny --> b\n\n***\n\n<details>\n\n|---|:-:|\n\n> quoted\n> <https://x.y>\n";
        assert_eq!(blocks(text), [p("a b"), p("quoted <https://x.y>")]);
    }
}
