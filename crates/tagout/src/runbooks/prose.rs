//! What a page's own text says: its title, how the fault shows, and what a person does about it.

use tagout_core::limits;

use super::markdown::Block;

/// Headings under which people write what a fault is, and not what to do about it.
const DESCRIBES: [&str; 20] = [
    "about",
    "background",
    "cause",
    "causes",
    "context",
    "definition",
    "description",
    "further reading",
    "impact",
    "links",
    "meaning",
    "overview",
    "problem",
    "references",
    "related",
    "see also",
    "severity",
    "summary",
    "symptom",
    "symptoms",
];

/// Headings that say no more than "do this"; a step below one needs no such word before it.
const ACTS: [&str; 12] = [
    "actions",
    "diagnosis",
    "fix",
    "investigation",
    "mitigation",
    "procedure",
    "recovery",
    "remediation",
    "resolution",
    "runbook",
    "steps",
    "troubleshooting",
];

/// The first headings to look under for how a fault shows, best first.
const SHOWS: [&str; 8] =
    ["symptoms", "symptom", "meaning", "description", "summary", "overview", "about", "problem"];

/// A description of fewer words than this is helped by what the page says of the impact.
const TERSE_WORDS: usize = 5;

/// The most symptoms taken from the text, and the longest, in characters.
const SYMPTOMS: usize = 8;
const SYMPTOM_CHARS: usize = 1_000;

/// What ends the steps of a page that holds more than are shown.
const REST: &str = "… and the rest of the page";

/// The first heading.
pub(super) fn title(blocks: &[Block]) -> Option<String> {
    blocks.iter().find_map(|block| match block {
        Block::Heading(_, text) => Some(plain(text)).filter(|text| !text.is_empty()),
        _ => None,
    })
}

/// How the fault shows: the title and the page's name, both also as words, and what the text says
/// first about it. The name counts because it is often the alert's where the title is not.
pub(super) fn symptoms(title: &str, name: &str, blocks: &[Block]) -> Vec<String> {
    let letters = |text: &str| {
        text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase()
    };
    let mut found = vec![title.to_owned()];
    if words_of(title) != title {
        found.push(words_of(title));
    }
    if letters(name) != letters(title) {
        found.push(words_of(name));
    }
    found.extend(described(blocks));
    found
}

/// What the text says about how the fault shows; empty if it says nothing.
pub(super) fn described(blocks: &[Block]) -> Vec<String> {
    let sections = sections(blocks);
    let under = |name: &str| sections.iter().find(|section| section.is_named(name));
    let intro = sections.iter().find(|section| section.heading.is_none());
    let places = SHOWS.iter().map(|name| under(name)).chain([intro, under("impact")]);
    for section in places.flatten() {
        let mut texts = section.blocks.iter().filter_map(|block| match block {
            Block::Paragraph(text) if !is_reference(text) => Some((false, plain(text))),
            Block::Item(text) => Some((true, plain(text))),
            _ => None,
        });
        let Some((is_item, first)) = texts.next() else { continue };
        // One paragraph is enough; of a list, each item is a symptom of its own.
        let mut symptoms = vec![first];
        if is_item || section.heading.is_some_and(|name| name.to_lowercase().starts_with("symptom"))
        {
            symptoms.extend(texts.map(|(_, text)| text).take(SYMPTOMS - 1));
        }
        let words: usize = symptoms.iter().map(|text| text.split_whitespace().count()).sum();
        if words < TERSE_WORDS && !is_item {
            let impact = under("impact").and_then(Section::first_paragraph);
            symptoms.extend(impact.filter(|impact| !symptoms.contains(impact)));
        }
        return symptoms.into_iter().map(|text| cut(&text, SYMPTOM_CHARS)).collect();
    }
    Vec::new()
}

/// What a person is asked to do, one title each: every list item, code block and paragraph that
/// does not describe the fault, or all of the page if nothing else is there.
pub(super) fn manual_steps(blocks: &[Block]) -> Vec<String> {
    let sections = sections(blocks);
    let mut steps = titles(sections.iter().filter(|s| !s.describes && s.heading.is_some()));
    if steps.is_empty() {
        steps = titles(sections.iter());
    }
    if steps.len() > limits::MANUAL_STEPS {
        let left = steps.len() - (limits::MANUAL_STEPS - 1);
        steps.truncate(limits::MANUAL_STEPS - 1);
        steps.push(format!("{REST}: {left} more parts in its text"));
    }
    steps
}

/// A heading and what stands directly below it.
struct Section<'a> {
    heading: Option<&'a str>,
    /// Whether it or a heading above it is one of [`DESCRIBES`].
    describes: bool,
    blocks: Vec<&'a Block>,
}

impl Section<'_> {
    fn is_named(&self, name: &str) -> bool {
        self.heading.is_some_and(|heading| bare(heading) == name)
    }

    fn first_paragraph(&self) -> Option<String> {
        self.blocks.iter().find_map(|block| match block {
            Block::Paragraph(text) => Some(plain(text)),
            _ => None,
        })
    }
}

fn sections(blocks: &[Block]) -> Vec<Section<'_>> {
    let mut sections = vec![Section { heading: None, describes: false, blocks: Vec::new() }];
    let mut describing: Option<usize> = None;
    let mut titled = false;
    for block in blocks {
        match block {
            Block::Heading(_, text) if !titled && !text.is_empty() => titled = true,
            Block::Heading(level, text) => {
                if describing.is_some_and(|above| *level <= above) {
                    describing = None;
                }
                if describing.is_none() && DESCRIBES.contains(&bare(text).as_str()) {
                    describing = Some(*level);
                }
                let describes = describing.is_some();
                sections.push(Section { heading: Some(text), describes, blocks: Vec::new() });
            }
            other => {
                if let Some(section) = sections.last_mut() {
                    section.blocks.push(other);
                }
            }
        }
    }
    sections
}

fn titles<'a>(sections: impl Iterator<Item = &'a Section<'a>>) -> Vec<String> {
    let mut titles = Vec::new();
    for section in sections {
        let mut lead = section
            .heading
            .filter(|heading| !ACTS.contains(&bare(heading).as_str()))
            .map(|heading| format!("{}: ", plain(heading)));
        for block in &section.blocks {
            let text = match block {
                Block::Paragraph(text) | Block::Item(text) => plain(text),
                Block::Code(lines) => plain(&lines.join(" ⏎ ")),
                Block::Heading(..) => continue,
            };
            if !text.is_empty() && !is_no_step(&text) {
                let text = lead.take().unwrap_or_default() + &text;
                titles.push(cut(&text, limits::MANUAL_STEP_CHARS));
            }
        }
    }
    titles
}

/// A heading's words in lower case without marks and punctuation around them.
fn bare(heading: &str) -> String {
    heading.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

/// The words of a name such as `KubePodCrashLooping` or `disk_full`; other text as it is.
fn words_of(title: &str) -> String {
    if title.contains(char::is_whitespace) {
        return title.to_owned();
    }
    let chars: Vec<char> = title.chars().collect();
    let mut words = String::new();
    for (i, c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| chars.get(i));
        let after = chars.get(i + 1);
        let begins = c.is_uppercase()
            && before.is_some_and(|b| {
                b.is_lowercase()
                    || b.is_ascii_digit()
                    || (b.is_uppercase() && after.is_some_and(|a| a.is_lowercase()))
            });
        if begins {
            words.push(' ');
        }
        words.push(if matches!(c, '-' | '_') { ' ' } else { *c });
    }
    plain(&words)
}

/// An image alone, which a line of text cannot show, or a place left for later.
fn is_no_step(text: &str) -> bool {
    let image = text.starts_with("![") && text.ends_with(')') && !text.contains(") ");
    image || matches!(text, "TODO" | "TBD" | "N/A" | "...")
}

/// A short line that only points somewhere else.
fn is_reference(text: &str) -> bool {
    text.contains("](") && text.split_whitespace().count() < 12
}

/// The text on one line, without characters that could hide something from its reader.
fn plain(text: &str) -> String {
    let visible: String = text
        .chars()
        .filter(|c| c.is_whitespace() || !is_hidden(*c))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Control characters, and those that reorder or hide text where it is shown.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// At most `most` characters; a mark at the end shows that something is missing.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::super::markdown::blocks;
    use super::*;

    #[test]
    fn a_name_is_taken_apart_into_its_words() {
        for (name, words) in [
            ("KubePodCrashLooping", "Kube Pod Crash Looping"),
            ("KubeAPIErrorBudgetBurn", "Kube API Error Budget Burn"),
            ("etcdMembersDown", "etcd Members Down"),
            ("disk_full-now", "disk full now"),
            ("K8sNodeDown", "K8s Node Down"),
            ("High CPU on MyHost", "High CPU on MyHost"),
        ] {
            assert_eq!(words_of(name), words);
        }
    }

    #[test]
    fn the_first_paragraph_of_the_meaning_is_the_symptom() {
        let page = blocks(
            "# DiskFull\n\n## Impact\n\nBad.\n\n## Meaning\n\nThe data\ndisk is full.\n\nMore.\n",
        );
        let expected = ["DiskFull", "Disk Full", "The data disk is full."];
        assert_eq!(symptoms("DiskFull", "disk_full", &page), expected);
        let expected = ["A full disk", "Disk Full", "The data disk is full."];
        assert_eq!(symptoms("A full disk", "DiskFull", &page), expected);
    }

    #[test]
    fn a_terse_meaning_is_helped_by_the_impact() {
        let page = blocks("# X\n## Meaning\nJob failed.\n## Impact\nMail is late.\n\nMore.\n");
        assert_eq!(symptoms("X", "x", &page), ["X", "Job failed.", "Mail is late."]);
    }

    #[test]
    fn images_and_gaps_are_no_steps() {
        let page = blocks("# X\n## Fix\n![a](b.png)\n\nTODO\n\nSee ![a](b.png) and restart.\n");
        assert_eq!(manual_steps(&page), ["See ![a](b.png) and restart."]);
    }

    #[test]
    fn a_list_of_symptoms_is_taken_whole() {
        let page = blocks("# X\n## Symptoms\n- slow\n- errors\n## Impact\nNone.\n");
        assert_eq!(symptoms("X", "x", &page), ["X", "slow", "errors"]);
    }

    #[test]
    fn steps_are_what_does_not_describe_and_keep_the_heading_that_tells_them_apart() {
        let page = blocks(
            "# X\nIntro.\n## Meaning\nM.\n### Detail\nD.\n## Diagnosis\nLook:\n```\na\n\nb\n```\n\
             ## Mitigation\n- one\n### Last resort\nStop it.\n",
        );
        assert_eq!(manual_steps(&page), ["Look:", "a ⏎ b", "one", "Last resort: Stop it."]);
    }

    #[test]
    fn a_page_without_sections_is_all_steps() {
        assert_eq!(
            manual_steps(&blocks("# X\n\nDo this.\n\nThen that.\n")),
            ["Do this.", "Then that."]
        );
        assert_eq!(manual_steps(&blocks("# X\n\n## Impact\n\nBad.\n")), ["Impact: Bad."]);
    }

    #[test]
    fn steps_are_bounded_and_say_what_was_left_out() {
        let page = |n: usize| format!("# X\n## Steps\n{}", "- do it\n".repeat(n));
        let at = manual_steps(&blocks(&page(limits::MANUAL_STEPS)));
        assert_eq!((at.len(), at.last().unwrap().as_str()), (limits::MANUAL_STEPS, "do it"));
        let over = manual_steps(&blocks(&page(limits::MANUAL_STEPS + 1)));
        assert_eq!(over.len(), limits::MANUAL_STEPS);
        assert_eq!(over.last().unwrap(), "… and the rest of the page: 2 more parts in its text");
    }

    #[test]
    fn a_long_step_is_cut_with_a_mark() {
        let step =
            |n: usize| manual_steps(&blocks(&format!("# X\n\n{}\n", "ä".repeat(n)))).remove(0);
        assert_eq!(step(limits::MANUAL_STEP_CHARS), "ä".repeat(limits::MANUAL_STEP_CHARS));
        let cut = step(limits::MANUAL_STEP_CHARS + 1);
        assert_eq!(cut.chars().count(), limits::MANUAL_STEP_CHARS);
        assert!(cut.ends_with('…'));
    }

    #[test]
    fn what_hides_text_from_its_reader_is_taken_out() {
        assert_eq!(plain("a\u{1b}[2Kb\u{202e}c\u{200b}d"), "a[2Kbcd");
        assert_eq!(plain("a\tb\nc"), "a b c");
    }
}
