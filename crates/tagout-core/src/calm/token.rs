//! The words, numbers and clauses of an alert's text.

use super::lexicon::GOOD_SUBJECT;

/// What kind of thing a token is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// A word of the language, in lower case.
    Word,
    /// An alphabetic piece of a host, version, path or date; never part of a calm phrase.
    Name,
    /// A quantity, spelled out or not.
    Number { value: f64, percent: bool },
    /// `3/5`.
    Ratio { part: f64, whole: f64 },
}

/// One token with its place in the source.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) word: String,
    pub(super) shape: Shape,
    /// A proper name by its spelling (`orders-api`, a capital inside a sentence).
    pub(super) name: bool,
    /// Part of an identifier (`HostDiskFull`, `OSD_DOWN`) or of a quotation, as alerts are named.
    pub(super) label: bool,
    /// Where the run of characters between blanks that holds it begins.
    pub(super) chunk: usize,
    /// Read as part of something calm, so no longer a sign of a fault.
    pub(super) excused: bool,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token {
    pub(super) fn is_number(&self) -> bool {
        matches!(self.shape, Shape::Number { .. })
    }
}

/// A stretch of text between punctuation marks or joining words.
#[derive(Debug)]
pub(super) struct Clause<'a> {
    pub(super) source: &'a str,
    pub(super) tokens: Vec<Token>,
    pub(super) title: bool,
    /// Introduced by "since", "after", "until": a circumstance, not a report.
    pub(super) subordinate: bool,
    pub(super) question: bool,
    /// Ended by a colon or a closing bracket: a heading of what follows.
    pub(super) heading: bool,
}

/// Words that end a clause and are dropped.
const JOINING: &[&str] = &["and", "so", "which", "who", "that"];
/// Words that end a clause and make the next one a circumstance.
const SUBORDINATING: &[&str] = &["since", "after", "before", "until", "because", "once"];
/// Endings that make a hyphenated word a common one ("mix-up") and not a name ("orders-db").
const PARTICLES: &[&str] =
    &["-up", "-off", "-out", "-in", "-on", "-down", "-over", "-only", "-back"];
const SPELLED: &[(&str, f64)] = &[
    ("zero", 0.0),
    ("one", 1.0),
    ("two", 2.0),
    ("three", 3.0),
    ("four", 4.0),
    ("five", 5.0),
    ("six", 6.0),
    ("seven", 7.0),
    ("eight", 8.0),
    ("nine", 9.0),
    ("ten", 10.0),
];

/// Splits a text into clauses; clauses without tokens are left out.
pub(super) fn clauses(source: &str, title: bool) -> Vec<Clause<'_>> {
    let mut reader = Reader {
        source,
        title,
        done: Vec::new(),
        open: Vec::new(),
        sub: false,
        quoted: false,
        chunk: 0,
        lower: source.chars().any(char::is_lowercase),
    };
    let mut skip_to = 0; // the end of what is not read
    let mut quote_end = 0;
    let mut bracket = false; // an opening bracket that began a clause
    let mut code = false; // inside a chunk like `up{job="web"}`
    let mut from = None;
    for (at, c) in source.char_indices() {
        if at < skip_to {
            continue;
        }
        let rest = source.get(at..).unwrap_or_default();
        if reader.quoted && at >= quote_end {
            reader.take(&mut from, at);
            reader.quoted = false;
            continue;
        }
        if from.is_none() && !reader.quoted && !c.is_whitespace() {
            let chunk = rest.char_indices().take(MAX_CODE).find(|(_, c)| c.is_whitespace());
            code = is_code(
                rest.get(..chunk.map_or(rest.len().min(MAX_CODE), |(end, _)| end))
                    .unwrap_or_default(),
            );
            if let Some(length) = quotation(rest) {
                quote_end = at + length;
                reader.quoted = true;
                continue;
            }
        }
        let arrow = ["->", "=>", "→"].iter().find(|arrow| rest.starts_with(**arrow));
        if let Some(arrow) = arrow {
            reader.take(&mut from, at);
            skip_to = at + arrow.len();
            reader.push("to".to_owned(), Shape::Word, Spelling::default(), at, skip_to);
        } else if c.is_whitespace() || !code && is_divider(c) {
            reader.take(&mut from, at);
            let inline = match c {
                '[' | '(' => {
                    bracket = reader.open.is_empty();
                    c == '[' && !bracket
                }
                ']' => !bracket,
                _ => c.is_whitespace() && c != '\n',
            };
            if rest.starts_with("(was:") {
                // what held before: "HEALTH_OK (was: 1 osds down)"
                let end = rest.char_indices().take(MAX_CODE).find(|(_, c)| *c == ')');
                skip_to = end.map_or(0, |(end, _)| at + end);
            }
            if !inline && !reader.quoted {
                reader.close(false, false, c == ']');
            }
        } else if from.is_none() {
            from = Some(at);
        }
    }
    reader.take(&mut from, source.len());
    reader.close(false, false, false);
    reader.done
}

fn is_divider(c: char) -> bool {
    matches!(c, '—' | '–' | '•' | '(' | ')' | '[' | ']' | '|')
}

/// Whether a chunk is an expression or a pair of key and value, and no prose.
fn is_code(chunk: &str) -> bool {
    chunk.contains(['{', '=']) && chunk.chars().any(char::is_alphabetic)
}

/// The length of a short quotation at the beginning of `rest`.
fn quotation(rest: &str) -> Option<usize> {
    let open = rest.chars().next().filter(|c| matches!(c, '\'' | '"' | '“' | '‘' | '`'))?;
    let close = match open {
        '“' => '”',
        '‘' => '’',
        other => other,
    };
    rest.char_indices()
        .skip(2)
        .take(MAX_QUOTATION)
        .take_while(|(_, c)| *c != '\n')
        .find(|(_, c)| *c == close)
        .map(|(at, _)| at)
}

/// How far, in characters, an expression or a parenthesis is looked for.
const MAX_CODE: usize = 200;
/// The longest quotation, in characters, that is taken for a name.
const MAX_QUOTATION: usize = 80;

/// What the spelling of a token tells.
#[derive(Clone, Copy, Default)]
struct Spelling {
    name: bool,
    label: bool,
}

struct Reader<'a> {
    source: &'a str,
    title: bool,
    done: Vec<Clause<'a>>,
    open: Vec<Token>,
    sub: bool,
    quoted: bool,
    chunk: usize,
    /// Whether capitals tell anything: the text is not all in capitals.
    lower: bool,
}

impl<'a> Reader<'a> {
    fn close(&mut self, question: bool, subordinate_next: bool, heading: bool) {
        if !self.open.is_empty() || question {
            self.done.push(Clause {
                source: self.source,
                tokens: std::mem::take(&mut self.open),
                title: self.title,
                subordinate: self.sub,
                question,
                heading,
            });
        }
        self.sub = subordinate_next;
    }

    fn push(&mut self, word: String, shape: Shape, spelling: Spelling, start: usize, end: usize) {
        let label = spelling.label || self.quoted;
        let name = spelling.name || self.quoted;
        self.open.push(Token {
            word,
            shape,
            name,
            label,
            chunk: self.chunk,
            excused: false,
            start,
            end,
        });
    }

    fn take(&mut self, from: &mut Option<usize>, end: usize) {
        if let Some(start) = from.take() {
            self.chunk(start, end);
        }
    }

    /// Reads what stands between two blanks.
    fn chunk(&mut self, start: usize, end: usize) {
        let Some(raw) = self.source.get(start..end) else { return };
        self.chunk = start;
        let outside = |c: char| !c.is_alphanumeric() && c != '%';
        let body = raw.trim_matches(outside);
        let lead = raw.len() - raw.trim_start_matches(outside).len();
        if body.is_empty() {
            if !self.quoted {
                self.close(raw.contains('?'), false, raw.contains(':'));
            }
            return;
        }
        if is_code(body) {
            self.code(body, start + lead);
        } else {
            let path = raw.get(..lead).is_some_and(|lead| lead.ends_with('/'));
            self.body(body, start + lead, path);
        }
        let tail = raw.get(lead + body.len()..).unwrap_or_default();
        if tail.contains(['.', ',', ';', ':', '!', '?']) && !self.quoted {
            self.close(tail.contains('?'), false, tail.contains(':'));
        }
    }

    /// An expression is a name; of a pair `key=value` the key is a label and the value is read
    /// where it is a share (`1/3`) or nothing (`0`).
    fn code(&mut self, body: &str, start: usize) {
        let end = start + body.len();
        let name = Spelling { name: true, label: true };
        let pair = body.split_once('=').filter(|_| !body.contains('{'));
        let Some((key, value)) = pair else {
            return self.push(body.to_lowercase(), Shape::Name, name, start, end);
        };
        let shape = quantity(value).map_or(Shape::Name, in_name);
        let pieces = pieces(key);
        let good = pieces.iter().any(|(_, piece)| GOOD_SUBJECT.has(&piece.to_lowercase()));
        if !good && matches!(shape, Shape::Number { .. }) {
            return; // `failed=0`
        }
        for (at, piece) in pieces {
            let at = start + at;
            self.push(piece.to_lowercase(), Shape::Name, name, at, at + piece.len());
        }
        self.push(value.to_lowercase(), shape, name, end - value.len(), end);
    }

    fn body(&mut self, body: &str, start: usize, path: bool) {
        let end = start + body.len();
        if let Some(shape) = quantity(body) {
            let shape = if self.quoted { in_name(shape) } else { shape };
            return self.push(body.to_lowercase(), shape, Spelling::default(), start, end);
        }
        let mixed =
            body.chars().any(|c| !c.is_alphabetic() && !matches!(c, '-' | '_' | '/' | '\'' | '’'));
        let plain = body.chars().all(char::is_alphabetic);
        let hyphenated = body.contains(['-', '_', '/'])
            && !PARTICLES.iter().any(|particle| body.ends_with(particle));
        let inside = !self.title && !self.open.is_empty();
        let pieces = pieces(body);
        for &(at, piece) in &pieces {
            let word = piece.to_lowercase();
            let (from, to) = (start + at, start + at + piece.len());
            if plain && piece.len() == body.len() && !self.quoted {
                if JOINING.contains(&word.as_str()) {
                    self.close(false, false, false);
                    continue;
                }
                if SUBORDINATING.contains(&word.as_str()) {
                    self.close(false, true, false);
                    continue;
                }
            }
            let spelled = SPELLED.iter().find(|(name, _)| plain && *name == word);
            let shape = match spelled {
                Some((_, value)) => Shape::Number { value: *value, percent: false },
                None if mixed => Shape::Name,
                None => Shape::Word,
            };
            let capital = inside && piece.chars().next().is_some_and(char::is_uppercase);
            let acronym = (2..=5).contains(&piece.len())
                && piece.chars().all(char::is_uppercase)
                && self.lower;
            let label = pieces.len() > 1;
            let camel = label && plain && !self.title;
            let name = mixed || hyphenated || capital || acronym || camel || path;
            let spelling = Spelling { name, label };
            self.push(word, shape, spelling, from, to);
        }
        if mixed && pieces.is_empty() {
            let name = Spelling { name: true, label: false };
            self.push(body.to_lowercase(), Shape::Name, name, start, end);
        }
    }
}

/// What a quantity in a name or a pair still tells: a share, or that there is nothing.
const fn in_name(shape: Shape) -> Shape {
    match shape {
        Shape::Number { value, .. } if value != 0.0 => Shape::Name,
        other => other,
    }
}

/// `97%`, `1,204`, `12m`, `37th`, `3/5`.
fn quantity(body: &str) -> Option<Shape> {
    if let Some((part, whole)) = body.split_once('/') {
        let (part, whole) = (part.parse().ok()?, whole.parse().ok()?);
        return Some(Shape::Ratio { part, whole });
    }
    let digits = body.trim_end_matches(|c: char| c.is_alphabetic() || c == '%');
    let unit = body.get(digits.len()..)?;
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || unit.chars().count() > 4 || unit == "xx"
    {
        return None;
    }
    let value: f64 = digits.replace(',', "").parse().ok()?;
    Some(Shape::Number { value, percent: unit.starts_with('%') })
}

/// The alphabetic runs of a chunk, with CamelCase taken apart and "n't" read as "not".
fn pieces(body: &str) -> Vec<(usize, &str)> {
    if body.to_lowercase().ends_with("n't") || body.to_lowercase().ends_with("n’t") {
        return vec![(0, "not")];
    }
    let mut out = Vec::new();
    let mut from: Option<usize> = None;
    let mut previous: Option<char> = None;
    let mut rest = body.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let next = rest.peek().map(|(_, c)| *c);
        let starts = c.is_uppercase()
            && (previous.is_some_and(char::is_lowercase)
                || previous.is_some_and(char::is_uppercase)
                    && next.is_some_and(char::is_lowercase));
        if (!c.is_alphabetic() || starts)
            && let Some(start) = from.take()
        {
            out.extend(body.get(start..at).map(|piece| (start, piece)));
        }
        if c.is_alphabetic() && from.is_none() {
            from = Some(at);
        }
        previous = Some(c);
    }
    if let Some(start) = from {
        out.extend(body.get(start..).map(|piece| (start, piece)));
    }
    out
}
