//! Calm texts: alerts whose words report a normal state, a finished change or an announcement.
//!
//! The reading may only withhold a plan, never approve one. A false calm hides a fault, a missed
//! calm only makes noise, so a text is calm when something in it is calm, nothing in it is a
//! sign of a fault, and little in it is unknown. Names, quotations and figures may be anything;
//! an unknown word is allowed where the structure carries the meaning: in the clause of a calm
//! phrase, beside a verb of plain work, under a status word that heads the text (`[RESOLVED]`),
//! and in a plan that is announced. The words are in `lexicon`, the phrases in `phrase`.

use serde::{Deserialize, Serialize};

mod lexicon;
mod phrase;
mod token;

use lexicon as lex;
use phrase::Pattern;
use token::{Clause, Shape, Token};

/// The longest title and message together, in bytes, that are judged; beyond it nothing is calm.
pub const MAX_BYTES: usize = 64 * 1024;

/// The longest clause, in words, that is judged; nobody writes longer ones, and the bound keeps the
/// time of a reading linear in the length of the text.
const MAX_CLAUSE: usize = 200;

/// What a calm text reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalmKind {
    /// Something is, or is again, as it should be.
    NormalState,
    /// A piece of work ended as intended.
    FinishedChange,
    /// Work or an event that people planned.
    Announcement,
}

/// The finding that a text calls for no remediation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calm {
    /// What the text reports.
    pub kind: CalmKind,
    /// The decisive words, as they stand in the title or the message.
    pub phrase: String,
}

/// Where a calm phrase stands in its clause, as token positions.
#[derive(Clone, Copy)]
struct Found {
    kind: CalmKind,
    start: usize,
    end: usize,
}

/// Reads an alert's title and message; `None` unless the text is calm as a whole.
///
/// ```
/// use tagout_core::calm::{CalmKind, read};
/// let calm = read("FailoverCompleted", "db-2 is the new primary.").unwrap();
/// assert_eq!((calm.kind, calm.phrase.as_str()), (CalmKind::FinishedChange, "Completed"));
/// assert_eq!(read("Failover completed with data loss", ""), None);
/// ```
#[must_use]
pub fn read(title: &str, message: &str) -> Option<Calm> {
    if title.len().saturating_add(message.len()) > MAX_BYTES {
        return None;
    }
    let mut clauses = token::clauses(title, true);
    clauses.extend(token::clauses(message, false));
    if clauses.iter().any(|clause| clause.tokens.len() > MAX_CLAUSE) {
        return None;
    }
    let mut found: Vec<Option<Found>> = Vec::with_capacity(clauses.len());
    let mut headed = false; // "[RESOLVED] …" speaks for the whole title and its figures
    let mut heading = false; // "Incident 7 resolved: …" speaks for what follows the colon
    for clause in &mut clauses {
        erase(clause, &phrase::DENIED_FAULTS, Some(&lex::AFTER_DENIAL));
        erase(clause, &phrase::PHRASAL_VERBS, None);
        let status = status(clause);
        let phrase = status.map(|(found, _)| found).or_else(|| find_phrase(clause));
        erase(clause, &phrase::TRANSITIONS, None);
        if let Some(phrase) = phrase {
            excuse(clause, phrase);
        }
        if headed {
            erase(clause, &phrase::UNDER_HEADING, None);
            excuse_where(&mut clause.tokens, |t| t.label || clause.title);
        }
        if heading && (headed || clause.title || status.is_none()) {
            excuse_where(&mut clause.tokens, |t| t.label);
            excuse_conditions(&mut clause.tokens);
        }
        headed |= clause.title
            && status.is_some_and(|(found, alone)| alone && found.kind == CalmKind::NormalState);
        heading = status.is_some() && (clause.heading || headed) || heading && clause.title;
        found.push(phrase);
    }
    let any = |kind| found.iter().flatten().any(|f: &Found| f.kind == kind);
    let announced = found.iter().flatten().next().is_some_and(|f| f.kind == CalmKind::Announcement);
    let finished = any(CalmKind::FinishedChange);
    for clause in &mut clauses {
        if announced {
            erase(clause, &phrase::FORETOLD, None);
            if clause.tokens.iter().any(|t| lex::UNCERTAIN.has(&t.word)) {
                excuse_where(&mut clause.tokens, |t| lex::EFFECT.has(&t.word));
            }
        }
        if any(CalmKind::NormalState) {
            erase(clause, &phrase::PAST_FAULTS, None);
        }
    }
    let title_speaks =
        clauses.iter().zip(&found).any(|(c, f)| c.title && f.is_some() && status(c).is_none());
    // "Replicas in sync: 1" counts and does not report
    let counts = clauses.iter().zip(&found).zip(clauses.iter().skip(1)).any(|((c, f), next)| {
        c.heading
            && f.is_some()
            && matches!(
                next.tokens.as_slice(),
                [Token { shape: Shape::Number { percent: false, .. }, .. }]
            )
    });
    if counts {
        return None;
    }
    for (clause, phrase) in clauses.iter().zip(&found) {
        let spare = if headed {
            lex::UNKNOWN_UNDER_HEADING
        } else if announced || clause.heading {
            lex::UNKNOWN_IN_HEADING
        } else if clause.title && !title_speaks {
            lex::UNKNOWN_IN_TITLE
        } else {
            0
        };
        if shows_fault(clause, announced, finished)
            || !understood(clause, *phrase, announced, spare)
        {
            return None;
        }
    }
    let (clause, phrase) =
        clauses.iter().zip(&found).find_map(|(clause, found)| Some((clause, (*found)?)))?;
    let from = clause.tokens.get(phrase.start)?.start;
    let to = clause.tokens.get(phrase.end.checked_sub(1)?)?.end;
    Some(Calm { kind: phrase.kind, phrase: clause.source.get(from..to)?.to_owned() })
}

/// Excuses what matches a pattern: a denied fault ("no errors") is no fault. Where `then` names
/// words, only those may follow: "no lag metrics" denies the metrics, not the lag.
fn erase(clause: &mut Clause<'_>, patterns: &[Pattern], then: Option<&lex::Words>) {
    for start in 0..clause.tokens.len() {
        for pattern in patterns {
            let Some(end) = matches(&clause.tokens, start, pattern) else { continue };
            let next = clause.tokens.get(end);
            if then.is_none_or(|then| next.is_none_or(|t| then.has(&t.word) || t.is_number())) {
                clause.tokens.iter_mut().take(end).skip(start).for_each(|t| t.excused = true);
            }
        }
    }
}

/// The first calm phrase of a clause whose surroundings let it stand.
fn find_phrase(clause: &Clause<'_>) -> Option<Found> {
    if clause.subordinate {
        return None;
    }
    (0..clause.tokens.len()).find_map(|start| {
        phrase::CALM_PATTERNS.iter().find_map(|(pattern, kind, needs)| {
            let end = matches(&clause.tokens, start, pattern)?;
            let before = clause.tokens.get(..start)?;
            let stands = match needs {
                phrase::Needs::Nothing => true,
                phrase::Needs::Alone => start == 0 && end == clause.tokens.len(),
                phrase::Needs::End => end == clause.tokens.len(),
                phrase::Needs::Subject => start > 0 && end == clause.tokens.len(),
                phrase::Needs::Start => start == 0,
                phrase::Needs::Dated => clause.tokens.iter().any(|t| lex::DATE.has(&t.word)),
                phrase::Needs::BadSubject => {
                    before.iter().any(|t| lex::BAD_SUBJECT.has(&t.word))
                        && !before.iter().any(|t| lex::GOOD_SUBJECT.has(&t.word))
                }
                phrase::Needs::ZeroSubject => {
                    before.iter().any(|t| lex::ZERO_SUBJECT.has(&t.word))
                        && !before.iter().any(|t| lex::GOOD_SUBJECT.has(&t.word))
                }
                phrase::Needs::Change => {
                    before.is_empty()
                        || end == clause.tokens.len()
                        || before.iter().any(|t| lex::CHANGE.has(&t.word))
                }
                phrase::Needs::Whole => before.iter().any(|t| lex::WHOLE.has(&t.word)),
            };
            let next_fits = clause.tokens.get(end).is_none_or(|next| {
                let up_to = next.word == "to" && before_is_up(clause, end);
                !up_to
                    && (matches!(needs, phrase::Needs::Start)
                        || next.shape != Shape::Word
                        || next.excused
                        || lex::AFTER_CALM.has(&next.word))
            });
            let counted = *kind == CalmKind::NormalState && counts_part(before);
            let undone = before.last().is_some_and(|t| lex::UNDONE.has(&t.word));
            (stands && next_fits && !counted && !undone).then_some(Found {
                kind: *kind,
                start,
                end,
            })
        })
    })
}

/// Whether a phrase ends in "up", which followed by "to" would be an end and not a state.
fn before_is_up(clause: &Clause<'_>, end: usize) -> bool {
    end.checked_sub(1).and_then(|at| clause.tokens.get(at)).is_some_and(|t| t.word == "up")
}

/// Whether the subject is a bare count ("2 nodes are healthy"): nobody knows of how many.
fn counts_part(before: &[Token]) -> bool {
    let whole = before.iter().any(|t| {
        lex::WHOLE.has(&t.word) || matches!(t.shape, Shape::Ratio { part, whole } if part == whole)
    });
    let first = before.iter().find(|t| !lex::ARTICLE.has(&t.word));
    !whole && first.is_some_and(Token::is_number)
}

/// The end of `pattern` when it matches at `start`.
fn matches(tokens: &[Token], start: usize, pattern: &Pattern) -> Option<usize> {
    let mut at = start;
    for slot in &pattern.0 {
        let hit = tokens.get(at).is_some_and(|t| {
            let number = slot.number && t.is_number();
            let named = t.shape != Shape::Name && slot.words.contains(&t.word.as_str());
            !t.excused && (number || named)
        });
        match (hit, slot.optional) {
            (true, _) => at += 1,
            (false, true) => {}
            (false, false) => return None,
        }
    }
    Some(at)
}

/// The phrase itself and the condition that it ends ("error rate" back to normal) are no faults.
fn excuse(clause: &mut Clause<'_>, found: Found) {
    clause.tokens.iter_mut().take(found.end).skip(found.start).for_each(|t| t.excused = true);
    if found.kind == CalmKind::NormalState {
        let own = clause.tokens.get(found.start).map(|t| t.chunk);
        excuse_where(&mut clause.tokens, |t| t.label && Some(t.chunk) != own);
        excuse_conditions(clause.tokens.get_mut(..found.start).unwrap_or_default());
    }
}

fn excuse_conditions(tokens: &mut [Token]) {
    excuse_where(tokens, |t| lex::CONDITION.has(&t.word));
}

/// Excuses words; figures, and words that deny or restrict, keep what they say.
fn excuse_where(tokens: &mut [Token], which: impl Fn(&Token) -> bool) {
    let word = |t: &Token| matches!(t.shape, Shape::Word | Shape::Name);
    tokens
        .iter_mut()
        .filter(|t| word(t) && !lex::RESTRICTING.has(&t.word) && which(t))
        .for_each(|t| t.excused = true);
}

/// The status word of a clause that is one ("[OK]", "RESOLVED: …") or that ends in one and heads
/// what follows ("Incident 48 resolved: …"), and whether it stands alone.
fn status(clause: &Clause<'_>) -> Option<(Found, bool)> {
    let (last, before) = clause.tokens.split_last()?;
    let alone = before.is_empty();
    let end = clause.tokens.len();
    let speaks = lex::STATUS.has(&last.word)
        && (alone
            || clause.heading
                && !counts_part(before)
                && !before.iter().any(|t| is_fault(&t.word) && !lex::CONDITION.has(&t.word)));
    let kind = if lex::STATUS_OF_WORK.has(&last.word) {
        CalmKind::FinishedChange
    } else {
        CalmKind::NormalState
    };
    speaks.then_some((Found { kind, start: end.checked_sub(1)?, end }, alone))
}

/// Whether anything in the clause is a sign of a fault.
fn shows_fault(clause: &Clause<'_>, announced: bool, finished: bool) -> bool {
    if clause.question {
        return true;
    }
    clause.tokens.iter().enumerate().any(|(at, token)| {
        if token.excused {
            return false;
        }
        let next = at.checked_add(1).and_then(|i| clause.tokens.get(i));
        let before = at.checked_sub(1).and_then(|i| clause.tokens.get(i));
        match token.shape {
            Shape::Ratio { part, whole } => part != whole,
            Shape::Number { value, percent } => {
                let part_of = !(percent && value == 100.0)
                    && next.is_some_and(|t| lex::OUT_OF.has(&t.word))
                    && clause.tokens.iter().skip(at + 2).find_map(|t| match t.shape {
                        Shape::Number { value, .. } => Some(value),
                        _ => None,
                    }) != Some(value);
                let times = next.is_some_and(|t| t.word == "time" || t.word == "times");
                let exit_code = value != 0.0 && before.is_some_and(|t| t.word == "code");
                let zero = value == 0.0 && before.is_none_or(|t| t.word != "code");
                let share = percent && value != 100.0 && (finished || value >= 75.0);
                let brief = before.is_some_and(|t| t.word == "for")
                    && next.is_some_and(|t| t.word == "second" || t.word == "seconds");
                let former = at == 1 && before.is_some_and(|t| t.word == "was");
                let load = !percent && value >= 60.0 && before.is_some_and(|t| t.word == "load");
                let hot = value >= 60.0 && clause.tokens.iter().any(|t| t.word == "temperature");
                let epoch = value == 1970.0; // a clock or a date that was never set
                former
                    || load
                    || hot
                    || epoch
                    || brief
                    || part_of
                    || times
                    || exit_code
                    || zero
                    || share
            }
            Shape::Word | Shape::Name => {
                let up_to = token.word == "up" && next.is_some_and(|t| t.word == "to");
                let dated = [before, next].iter().flatten().any(|t| t.is_number());
                let month = token.word == "may" && dated;
                let recent = token.word == "last" && next.is_some_and(Token::is_number);
                is_fault(&token.word) && !recent
                    || up_to
                    || !announced && !month && lex::UNCERTAIN.has(&token.word)
            }
        }
    })
}

fn is_fault(word: &str) -> bool {
    if lex::NOT_FAULT.has(word) {
        return false;
    }
    lex::FAULT.has(word)
        || lex::FAULT_STEMS.iter().any(|stem| word.starts_with(stem))
        || word.len() > 4 && word.starts_with("un")
}

/// Whether the words of a clause leave no room for a report that the lexicon cannot read.
fn understood(clause: &Clause<'_>, found: Option<Found>, announced: bool, spare: usize) -> bool {
    let unknown = |tokens: &[Token]| {
        let mut naming = false;
        let mut count = 0_usize;
        for token in tokens {
            let unread = token.shape == Shape::Word && !token.name && !token.excused;
            count += usize::from(unread && !naming && !is_known(&token.word));
            naming = lex::NAMING.has(&token.word) || naming && lex::ARTICLE.has(&token.word);
        }
        count
    };
    let with = clause.tokens.iter().position(|t| t.word == "with");
    let tail = with.and_then(|at| clause.tokens.get(at..)).unwrap_or_default();
    let counts =
        |t: &Token| t.is_number() && !t.excused && t.word.starts_with(|c| ('1'..='9').contains(&c));
    let allowed = match found {
        // "completed with 2 files in quarantine", "completed with surprises"
        Some(_) if unknown(tail) > 0 || tail.iter().any(counts) => return false,
        Some(_) => lex::UNKNOWN_IN_CALM,
        None if clause.tokens.iter().any(|t| lex::HARMLESS_VERB.has(&t.word)) => {
            lex::UNKNOWN_WITH_VERB.max(spare)
        }
        None if announced && clause.tokens.iter().any(|t| lex::PLANNED.has(&t.word)) => {
            lex::UNKNOWN_IN_PLAN
        }
        None => spare,
    };
    unknown(&clause.tokens) <= allowed
}

fn is_known(word: &str) -> bool {
    let singular = word.strip_suffix('s').unwrap_or(word);
    [word, singular, singular.strip_suffix('e').unwrap_or(singular)].iter().any(|w| {
        w.chars().count() == 1
            || [
                &lex::KNOWN,
                &lex::CHANGE,
                &lex::CONDITION,
                &lex::AFTER_CALM,
                &lex::PLANNED,
                &lex::WHOLE,
            ]
            .iter()
            .any(|list| list.has(w))
    })
}
