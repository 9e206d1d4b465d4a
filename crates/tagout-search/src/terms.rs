//! Text to terms: what counts as a word, and which spellings are one word.
//!
//! Alert names are glued (`KubeHpaMaxedOut`), prose is inflected ("has been failing"), and both
//! are full of the names of single machines. A term is a stem; a word that only says *which*
//! machine is marked as weak.

/// One word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// What is compared: lower case, without inflection.
    pub(crate) stem: String,
    /// As it stood in the text, in lower case.
    pub(crate) spelling: String,
    /// Part of something that looks like the name of one machine, path or object.
    pub(crate) weak: bool,
}

/// English words that carry grammar and no subject. Negations and directions ("not", "down",
/// "out") are absent on purpose: in an alert they are the subject.
const GRAMMAR: &[&str] = &[
    "a", "about", "after", "also", "am", "an", "and", "are", "as", "at", "be", "because", "been",
    "before", "being", "between", "both", "but", "by", "can", "could", "did", "do", "does", "for",
    "from", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it",
    "its", "may", "might", "my", "of", "on", "or", "our", "s", "shall", "she", "should", "so",
    "such", "t", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this",
    "those", "to", "was", "we", "were", "what", "when", "where", "which", "while", "who", "why",
    "will", "with", "would", "you", "your",
];

/// Abbreviations that operators write everywhere, and what they stand for; sorted.
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("auth", "authentication"),
    ("cert", "certificate"),
    ("certs", "certificates"),
    ("cfg", "configuration"),
    ("conf", "configuration"),
    ("config", "configuration"),
    ("configs", "configurations"),
    ("conn", "connection"),
    ("conns", "connections"),
    ("db", "database"),
    ("dbs", "databases"),
    ("dir", "directory"),
    ("env", "environment"),
    ("err", "error"),
    ("errs", "errors"),
    ("fs", "filesystem"),
    ("k8s", "kubernetes"),
    ("kube", "kubernetes"),
    ("lb", "loadbalancer"),
    ("max", "maximum"),
    ("mem", "memory"),
    ("min", "minimum"),
    ("msg", "message"),
    ("msgs", "messages"),
    ("ns", "namespace"),
    ("perf", "performance"),
    ("pg", "postgres"),
    ("postgresql", "postgres"),
    ("proc", "process"),
    ("pv", "persistentvolume"),
    ("repl", "replication"),
    ("req", "request"),
    ("reqs", "requests"),
    ("resp", "response"),
    ("rx", "receive"),
    ("svc", "service"),
    ("sync", "synchronisation"),
    ("synced", "synchronised"),
    ("temp", "temperature"),
    ("tx", "transmit"),
    ("util", "utilisation"),
    ("vol", "volume"),
];

/// The word that an abbreviation stands for, or the word itself.
fn in_full(word: &str) -> &str {
    ABBREVIATIONS
        .binary_search_by(|(short, _)| (*short).cmp(word))
        .ok()
        .and_then(|at| ABBREVIATIONS.get(at))
        .map_or(word, |(_, long)| long)
}

/// The words of `text` in order, without grammar, numbers and web addresses.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for chunk in text.split_whitespace() {
        if chunk.contains("://") {
            continue;
        }
        let weak = is_identifier(chunk);
        for run in chunk.split(|c: char| !c.is_alphanumeric()) {
            for part in camel_parts(run) {
                let spelling = part.to_lowercase();
                if is_noise(&spelling, weak) {
                    continue;
                }
                words.push(Word { stem: stem(in_full(&spelling)), spelling, weak });
            }
        }
    }
    words
}

/// The text with glued words taken apart and identifiers left out, for the embedding model.
pub(crate) fn readable(text: &str) -> String {
    let mut out = String::new();
    for chunk in text.split_whitespace() {
        if chunk.contains("://") || is_identifier(chunk) {
            continue;
        }
        let inner = chunk.trim_matches(|c: char| !c.is_alphanumeric());
        let parts = camel_parts(inner);
        if !out.is_empty() {
            out.push(' ');
        }
        if parts.len() > 2 && inner.chars().all(char::is_alphanumeric) {
            out.push_str(&parts.join(" "));
        } else {
            out.push_str(chunk);
        }
    }
    out
}

/// A name as plain words: `KubeHpaMaxedOut` becomes `Kube Hpa Maxed Out`.
pub(crate) fn name_as_words(name: &str) -> String {
    let parts: Vec<&str> =
        name.split(|c: char| !c.is_alphanumeric()).flat_map(camel_parts).collect();
    parts.join(" ")
}

/// Whether a chunk between spaces names one machine, path or object: it holds a digit and a
/// separator, or a path.
fn is_identifier(chunk: &str) -> bool {
    let chunk = chunk.trim_matches(|c: char| !c.is_alphanumeric() && c != '/');
    let inside = chunk.trim_matches('/');
    let separators =
        inside.chars().filter(|c| matches!(c, '-' | '.' | ':' | '/' | '_' | '@')).count();
    let digit = inside.chars().any(|c| c.is_ascii_digit());
    let path = chunk.starts_with('/') && !inside.is_empty() || inside.matches('/').count() > 1;
    path || (digit && separators > 0 && inside.chars().any(char::is_alphabetic))
        || (digit && separators > 1)
}

fn is_noise(word: &str, weak: bool) -> bool {
    let starts_with_digit = word.starts_with(|c: char| c.is_numeric());
    let holds_digit = word.chars().any(char::is_numeric);
    let single = word.len() == 1;
    word.is_empty()
        || single
        || starts_with_digit
        || (weak && holds_digit)
        || GRAMMAR.binary_search(&word).is_ok()
}

/// Takes a glued word apart at its capitals: `etcdGRPCRequests` gives `etcd`, `GRPC`, `Requests`.
fn camel_parts(word: &str) -> Vec<&str> {
    let chars: Vec<(usize, char)> = word.char_indices().collect();
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, pair) in chars.windows(2).enumerate() {
        let &[(_, before), (offset, here)] = pair else {
            continue;
        };
        let after = chars.get(at + 2).map(|(_, c)| *c);
        let then = chars.get(at + 3).map(|(_, c)| *c);
        let rises = !before.is_uppercase() && here.is_uppercase();
        // The last capital of a run belongs to the next word, unless a plural s follows it.
        let plural = after == Some('s') && then.is_none_or(|c| !c.is_lowercase());
        let acronym_ends = before.is_uppercase()
            && here.is_uppercase()
            && after.is_some_and(char::is_lowercase)
            && !plural;
        let more_follows = word.get(offset..).is_some_and(|rest| rest.contains(char::is_uppercase));
        let number_begins =
            before.is_alphabetic() && here.is_ascii_digit() && (offset - start > 3 || more_follows);
        if rises || acronym_ends || number_begins {
            parts.extend(word.get(start..offset));
            start = offset;
        }
    }
    parts.extend(word.get(start..).filter(|part| !part.is_empty()));
    parts
}

/// Endings that are taken off, longest first, with what takes their place.
const ENDINGS: &[(&str, &str)] = &[
    ("izations", "iz"),
    ("isations", "iz"),
    ("ization", "iz"),
    ("isation", "iz"),
    ("ifications", "ify"),
    ("ification", "ify"),
    ("izing", "iz"),
    ("ising", "iz"),
    ("ations", ""),
    ("ating", ""),
    ("ation", ""),
    ("ities", ""),
    ("ments", ""),
    ("ment", ""),
    ("izes", "iz"),
    ("ized", "iz"),
    ("ates", ""),
    ("ated", ""),
    ("ises", "iz"),
    ("ised", "iz"),
    ("ures", ""),
    ("ings", ""),
    ("ions", ""),
    ("ness", ""),
    ("able", ""),
    ("ize", "iz"),
    ("ate", ""),
    ("ise", "iz"),
    ("ies", "y"),
    ("ied", "y"),
    ("ity", ""),
    ("ure", ""),
    ("ing", ""),
    ("ion", ""),
    ("ed", ""),
    ("es", ""),
    ("ly", ""),
    ("s", ""),
    ("e", ""),
];

/// A light stem: one ending off if enough of the word remains, doubled consonants made single.
pub(crate) fn stem(word: &str) -> String {
    if word.len() < 4 || !word.is_ascii() || word.bytes().any(|b| b.is_ascii_digit()) {
        return word
            .strip_suffix('s')
            .filter(|w| w.len() > 2)
            .map_or_else(|| word.to_owned(), str::to_owned);
    }
    let found = ENDINGS.iter().find_map(|(ending, instead)| {
        let rest = word.strip_suffix(ending)?;
        let keeps = if ending.len() > 2 { 4 - instead.len().min(1) } else { 3 };
        let vowel = rest.bytes().any(|b| b"aeiouy".contains(&b));
        let plural_only = *ending == "s" && (rest.ends_with('s') || rest.ends_with('u'));
        (vowel && rest.len() >= keeps && !plural_only).then_some((rest, *instead))
    });
    let (rest, instead) = found.unwrap_or((word, ""));
    let mut stem = format!("{rest}{instead}");
    let bytes = stem.as_bytes();
    if let [.., a, b] = bytes
        && a == b
        && !b"aeiou".contains(b)
        && bytes.len() > 3
    {
        stem.pop();
    }
    if stem.len() > 3 && stem.ends_with('e') {
        stem.pop();
    }
    if stem.len() > 3 && stem.ends_with('y') {
        stem.pop();
        stem.push('i');
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(text: &str) -> Vec<String> {
        words(text).into_iter().map(|w| w.stem).collect()
    }

    #[test]
    fn the_word_lists_are_sorted_because_they_are_searched_by_halving() {
        assert!(GRAMMAR.is_sorted());
        assert!(ABBREVIATIONS.is_sorted());
    }

    #[test]
    fn glued_names_come_apart_at_capitals_and_acronyms_stay_whole() {
        assert_eq!(camel_parts("etcdGRPCRequestsSlow"), ["etcd", "GRPC", "Requests", "Slow"]);
        assert_eq!(camel_parts("KubePVCsFull"), ["Kube", "PVCs", "Full"]);
        assert_eq!(camel_parts("TooManyConnections80"), ["Too", "Many", "Connections", "80"]);
        assert_eq!(camel_parts("http2"), ["http", "2"]);
        assert_eq!(camel_parts("ipv6"), ["ipv6"]);
        assert_eq!(camel_parts(""), Vec::<&str>::new());
        assert_eq!(name_as_words("node_disk-IO.High"), "node disk IO High");
    }

    #[test]
    fn inflections_of_a_word_share_a_stem() {
        for group in [
            &["fail", "fails", "failed", "failing", "failure", "failures"][..],
            &["expire", "expires", "expired", "expiring", "expiration"],
            &["replica", "replicas"],
            &["throttle", "throttled", "throttling"],
            &["notify", "notifies", "notified", "notification", "notifications"],
            &["synchronise", "synchronizing", "synchronised", "synchronization"],
            &["restart", "restarts", "restarted", "restarting"],
            &["query", "queries"],
            &["certificate", "certificates"],
            &["compaction", "compactions", "compacting"],
            &["process", "processes"],
            &["mismatch", "mismatched"],
            &["schedule", "scheduled", "scheduling"],
            &["full", "fully"],
            &["quota", "quotas"],
            &["crash", "crashes", "crashing"],
            &["loop", "looping"],
            &["drop", "dropped", "dropping"],
            &["error", "errors"],
            &["evaluate", "evaluation", "evaluations"],
        ] {
            let stems: Vec<String> = group.iter().map(|w| stem(w)).collect();
            assert!(stems.windows(2).all(|p| p[0] == p[1]), "{group:?}: {stems:?}");
        }
    }

    #[test]
    fn words_of_different_meaning_keep_different_stems() {
        for (a, b) in [
            ("node", "note"),
            ("receive", "transmit"),
            ("memory", "member"),
            ("service", "server"),
            ("leader", "lead"),
            ("status", "state"),
            ("disk", "dish"),
        ] {
            assert_ne!(stem(a), stem(b), "{a} {b}");
        }
    }

    #[test]
    fn numbers_addresses_and_grammar_are_no_words_and_parts_of_identifiers_are_weak() {
        assert_eq!(stems("the 95% of 10.0.0.1:9100 at https://example.com/a is low"), ["low"]);
        let pod = words("pod checkout-6f8d9c7b5-x2x4k crashed");
        let seen: Vec<(&str, bool)> = pod.iter().map(|w| (w.spelling.as_str(), w.weak)).collect();
        assert_eq!(seen, [("pod", false), ("checkout", true), ("crashed", false)]);
    }
}
