//! The words, numbers and clauses of an alert's text.

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
        lower: source.chars().any(char::is_lowercase),
    };
    let mut from = None;
    for (at, c) in source.char_indices() {
        if c.is_whitespace() || matches!(c, '—' | '–' | '•' | '(' | ')' | '[' | ']' | '|') {
            if let Some(start) = from.take() {
                reader.chunk(start, at);
            }
            if c == '\n' || !c.is_whitespace() {
                reader.close(false, false);
            }
        } else if from.is_none() {
            from = Some(at);
        }
    }
    if let Some(start) = from {
        reader.chunk(start, source.len());
    }
    reader.close(false, false);
    reader.done
}

struct Reader<'a> {
    source: &'a str,
    title: bool,
    done: Vec<Clause<'a>>,
    open: Vec<Token>,
    sub: bool,
    /// Whether capitals tell anything: the text is not all in capitals.
    lower: bool,
}

impl<'a> Reader<'a> {
    fn close(&mut self, question: bool, subordinate_next: bool) {
        if !self.open.is_empty() || question {
            self.done.push(Clause {
                source: self.source,
                tokens: std::mem::take(&mut self.open),
                title: self.title,
                subordinate: self.sub,
                question,
            });
        }
        self.sub = subordinate_next;
    }

    fn push(&mut self, word: String, shape: Shape, name: bool, start: usize, end: usize) {
        self.open.push(Token { word, shape, name, excused: false, start, end });
    }

    /// Reads what stands between two blanks.
    fn chunk(&mut self, start: usize, end: usize) {
        let Some(raw) = self.source.get(start..end) else { return };
        let outside = |c: char| !c.is_alphanumeric() && c != '%';
        let body = raw.trim_matches(outside);
        let lead = raw.len() - raw.trim_start_matches(outside).len();
        if body.is_empty() {
            return self.close(raw.contains('?'), false);
        }
        self.body(body, start + lead);
        let tail = raw.get(lead + body.len()..).unwrap_or_default();
        if tail.contains(['.', ',', ';', ':', '!', '?']) {
            self.close(tail.contains('?'), false);
        }
    }

    fn body(&mut self, body: &str, start: usize) {
        let end = start + body.len();
        if let Some(shape) = quantity(body) {
            return self.push(body.to_lowercase(), shape, false, start, end);
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
            if plain && piece.len() == body.len() {
                if JOINING.contains(&word.as_str()) {
                    self.close(false, false);
                    continue;
                }
                if SUBORDINATING.contains(&word.as_str()) {
                    self.close(false, true);
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
            let name = mixed || hyphenated || capital || acronym;
            self.push(word, shape, name, from, to);
        }
        if mixed && pieces.is_empty() {
            self.push(body.to_lowercase(), Shape::Name, true, start, end);
        }
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
