//! Takes secrets out of what a command prints, in a stream, before anything else sees it.
//!
//! A secret is found as it is, in base64 (standard and URL-safe, at each of the three places where it
//! can begin in a longer text, also over line breaks), with percent-encoding and with the escapes
//! of JSON, however many of its characters were encoded. Wherever a byte belongs to one of these it
//! is taken out, and for each stretch of such bytes [`MARK`] is put in. What is cut off before a
//! secret is complete is not recognised, nor is one in another encoding.

mod patterns;
mod view;

use std::collections::VecDeque;
use std::sync::Arc;

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;
use tagout_core::limits;

use crate::source::Secret;
use view::{Piece, View};

/// What stands where a secret was.
pub const MARK: &[u8] = b"[redacted]";

/// The secrets that are taken out of the outputs of one run.
#[derive(Debug, Clone)]
pub struct Redactions {
    automaton: Option<Arc<NFA>>,
    longest: usize,
}

/// Why a secret cannot be taken out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unredactable {
    /// It would be found everywhere.
    #[error(
        "is shorter than {} bytes and could not be told from other text in an output; choose a \
         longer one",
        limits::EXEC_SECRET_BYTES
    )]
    Short,
    /// There are too many, or they are too long together.
    #[error("makes, with the others, too much to look for: {0}")]
    TooMuch(String),
}

impl Redactions {
    /// Prepares to take out these secrets.
    ///
    /// # Errors
    /// If one is too short to be told from other text.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Result<Self, Unredactable> {
        let mut all = Vec::new();
        for secret in secrets {
            if secret.bytes().len() < limits::EXEC_SECRET_BYTES {
                return Err(Unredactable::Short);
            }
            patterns::of(secret.bytes(), &mut all);
        }
        let longest = all.iter().map(|pattern| pattern.len()).max().unwrap_or(0);
        if all.is_empty() {
            return Ok(Self { automaton: None, longest });
        }
        let automaton = NFA::new(all.iter().map(|pattern| &**pattern));
        let automaton = automaton.map_err(|e| Unredactable::TooMuch(e.to_string()))?;
        Ok(Self { automaton: Some(Arc::new(automaton)), longest })
    }

    /// Begins with one output.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        let start = |automaton: &Arc<NFA>| {
            // It was built for searches from everywhere, so this state exists.
            let state = automaton.start_state(Anchored::No).unwrap_or_default();
            let readers =
                View::ALL.map(|view| Reader { view: view.begin(), state, starts: VecDeque::new() });
            Search { automaton: automaton.clone(), longest: self.longest, readers: readers.into() }
        };
        Redactor {
            search: self.automaton.as_ref().map(start),
            held: VecDeque::new(),
            base: 0,
            found: VecDeque::new(),
        }
    }
}

/// Takes the secrets out of one output, piece by piece.
#[derive(Debug)]
pub struct Redactor {
    search: Option<Search>,
    /// What came in and has not gone out: it may be a part of a secret.
    held: VecDeque<u8>,
    /// Where in the output the first held byte stands.
    base: u64,
    /// The stretches that were found and do not end before `base`, in order and apart.
    found: VecDeque<Stretch>,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: u64,
    end: u64,
    /// Whether the mark for it has gone out.
    marked: bool,
}

#[derive(Debug)]
struct Search {
    automaton: Arc<NFA>,
    longest: usize,
    readers: Vec<Reader>,
}

/// One way to read the output, and how far the search in it has got.
#[derive(Debug)]
struct Reader {
    view: Box<dyn view::Reading>,
    state: StateID,
    /// Where the last bytes of this reading begin in the output, as many as a pattern can have.
    starts: VecDeque<u64>,
}

impl Redactor {
    /// Takes some of the output; appends to `out` what can be told by now.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(mut search) = self.search.take() else {
            out.extend_from_slice(bytes);
            return;
        };
        let mut at = self.base + self.held.len() as u64;
        self.held.extend(bytes);
        for byte in bytes {
            for reader in &mut search.readers {
                let Reader { view, state, starts } = reader;
                let (automaton, longest, found) =
                    (&search.automaton, search.longest, &mut self.found);
                view.push(*byte, at, &mut |piece| {
                    step(automaton, longest, state, starts, piece, found);
                });
            }
            at += 1;
        }
        let safe = search.readers.iter().map(|reader| reader.safe(search.longest, at)).min();
        self.search = Some(search);
        self.release(safe.unwrap_or(at), out);
    }

    /// Takes the end of the output; appends to `out` what is left.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        if let Some(mut search) = self.search.take() {
            for reader in &mut search.readers {
                let Reader { view, state, starts } = reader;
                let (automaton, longest, found) =
                    (&search.automaton, search.longest, &mut self.found);
                view.finish(&mut |piece| step(automaton, longest, state, starts, piece, found));
            }
        }
        self.release(self.base + self.held.len() as u64, out);
    }

    /// Lets go what stands before `safe`, without what was found.
    fn release(&mut self, safe: u64, out: &mut Vec<u8>) {
        while self.base < safe {
            match self.found.front_mut() {
                Some(stretch) if stretch.end <= self.base => {
                    self.found.pop_front();
                }
                Some(stretch) if stretch.start <= self.base => {
                    if !stretch.marked {
                        stretch.marked = true;
                        out.extend_from_slice(MARK);
                    }
                    let end = stretch.end.min(safe);
                    self.held.drain(..(end - self.base) as usize);
                    self.base = end;
                }
                next => {
                    let end = next.map_or(safe, |stretch| stretch.start.min(safe));
                    out.extend(self.held.drain(..(end - self.base) as usize));
                    self.base = end;
                }
            }
        }
    }
}

impl Reader {
    /// Before where nothing more can be found: all patterns that could still be completed begin
    /// later.
    fn safe(&self, longest: usize, at: u64) -> u64 {
        let pending = self.view.pending().unwrap_or(at);
        let open = self.starts.len().saturating_sub(longest.saturating_sub(1));
        self.starts.get(open).map_or(pending, |start| pending.min(*start))
    }
}

fn step(
    automaton: &NFA,
    longest: usize,
    state: &mut StateID,
    starts: &mut VecDeque<u64>,
    piece: Piece,
    found: &mut VecDeque<Stretch>,
) {
    starts.push_back(piece.start);
    if starts.len() > longest {
        starts.pop_front();
    }
    *state = automaton.next_state(Anchored::No, *state, piece.byte);
    if !automaton.is_special(*state) || !automaton.is_match(*state) {
        return;
    }
    // All that end here; the longest covers the others.
    let lengths = (0..automaton.match_len(*state))
        .map(|index| automaton.pattern_len(automaton.match_pattern(*state, index)));
    let start = lengths.max().and_then(|length| starts.get(starts.len().checked_sub(length)?));
    if let Some(start) = start {
        cover(found, *start, piece.end);
    }
}

/// Adds a stretch, and makes one of those that touch.
fn cover(found: &mut VecDeque<Stretch>, start: u64, end: u64) {
    let mut new = Stretch { start, end, marked: false };
    let mut later = Vec::new();
    while let Some(last) = found.pop_back() {
        if last.start > new.end {
            later.push(last);
        } else if last.end < new.start {
            found.push_back(last);
            break;
        } else {
            new.start = new.start.min(last.start);
            new.end = new.end.max(last.end);
            new.marked |= last.marked;
        }
    }
    found.push_back(new);
    found.extend(later.into_iter().rev());
}
