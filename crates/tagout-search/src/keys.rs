//! Exact keys: an address, a name or a label set that names one document.

use std::collections::BTreeMap;
use std::collections::HashMap;

use serde::Serialize;

use crate::document::{Document, Query};

/// The kind of exact key that led to a document, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The alert links to this page.
    RunbookUrl,
    /// The alert's name is the page's title, its id or a declared alert name.
    AlertName,
    /// The alert carries a label set that the page declares.
    Labels,
}

/// What the exact keys of an alert say.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct KeyResult {
    /// The one document that the strongest matching kind of key names.
    pub(crate) hit: Option<KeyHit>,
    /// The strongest kind that matched named several documents.
    pub(crate) ambiguous: bool,
    /// How strongly the alert's address says that its page is not here: 1 if the page is named after
    /// the alert and no document is, 0.5 if it has another name that occurs nowhere, else 0.
    pub(crate) page_missing: f32,
}

/// A document named by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyHit {
    pub(crate) document: usize,
    pub(crate) kind: Key,
    /// The author declared this key (as opposed to a title or id that happens to be the same).
    pub(crate) declared: bool,
}

/// The keys of all documents.
#[derive(Debug)]
pub(crate) struct Keys {
    urls: HashMap<String, Vec<usize>>,
    declared_names: HashMap<String, Vec<usize>>,
    own_names: HashMap<String, Vec<usize>>,
    /// Every segment of every id and every title, for a page name to be known in passing.
    mentioned: Vec<String>,
    labels: Vec<(BTreeMap<String, String>, usize)>,
}

impl Keys {
    pub(crate) fn build(documents: &[Document]) -> Self {
        let mut keys = Keys {
            urls: HashMap::new(),
            declared_names: HashMap::new(),
            own_names: HashMap::new(),
            mentioned: Vec::new(),
            labels: Vec::new(),
        };
        for (number, document) in documents.iter().enumerate() {
            for url in &document.runbook_urls {
                insert(&mut keys.urls, whole_url(url), number);
            }
            for name in &document.alert_names {
                insert(&mut keys.declared_names, normal_name(name), number);
            }
            insert(&mut keys.own_names, last_name(&document.id), number);
            insert(&mut keys.own_names, normal_name(&document.title), number);
            keys.mentioned.push(normal_name(&document.title));
            keys.mentioned.extend(document.id.split('/').map(normal_name));
            for matcher in &document.label_matchers {
                if !matcher.is_empty() {
                    keys.labels.push((matcher.clone(), number));
                }
            }
        }
        keys
    }

    /// Looks an alert up. Kinds are tried from the strongest to the weakest; the first that names
    /// anything decides, and if it names two documents nothing is certain.
    pub(crate) fn find(&self, query: &Query) -> KeyResult {
        let mut result = KeyResult::default();
        let url = query.runbook_url.as_deref().map(str::trim).unwrap_or("");
        let tries = [
            (Key::RunbookUrl, true, get(&self.urls, &whole_url(url))),
            (Key::RunbookUrl, false, self.page(url)),
            (Key::AlertName, true, get(&self.declared_names, &normal_name(&query.alert_name))),
            (Key::AlertName, false, get(&self.own_names, &normal_name(&query.alert_name))),
            (Key::Labels, true, self.labels(&query.labels)),
        ];
        for (kind, declared, found) in tries {
            match found.as_slice() {
                [] => {
                    // The address is looked up in two ways; after both it is known to lead nowhere.
                    if kind == Key::RunbookUrl && !declared {
                        result.page_missing = self.page_missing(url, &query.alert_name);
                    }
                }
                &[document] => {
                    result.hit = Some(KeyHit { document, kind, declared });
                    return result;
                }
                _ => {
                    result.ambiguous = true;
                    return result;
                }
            }
        }
        result
    }

    /// Documents whose id or title is the last path segment, or else the fragment, of an address.
    fn page(&self, url: &str) -> Vec<usize> {
        let by_path = get(&self.own_names, &page_name(url));
        if !by_path.is_empty() {
            return by_path;
        }
        let fragment = url.split_once('#').map_or("", |(_, fragment)| fragment);
        get(&self.own_names, &normal_name(fragment))
    }

    fn page_missing(&self, url: &str, alert_name: &str) -> f32 {
        let page = page_name(url);
        if !names_a_page(&page) {
            0.0
        } else if page == normal_name(alert_name) {
            1.0
        } else if self.mentioned.iter().any(|name| name.contains(&page)) {
            0.0
        } else {
            0.5
        }
    }

    fn labels(&self, labels: &BTreeMap<String, String>) -> Vec<usize> {
        let mut found: Vec<usize> = self
            .labels
            .iter()
            .filter(|(matcher, _)| {
                matcher.iter().all(|(name, value)| labels.get(name) == Some(value))
            })
            .map(|(_, document)| *document)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn insert(table: &mut HashMap<String, Vec<usize>>, key: String, document: usize) {
    if key.is_empty() {
        return;
    }
    let documents = table.entry(key).or_default();
    if !documents.contains(&document) {
        documents.push(document);
    }
}

fn get(table: &HashMap<String, Vec<usize>>, key: &str) -> Vec<usize> {
    if key.is_empty() {
        return Vec::new();
    }
    table.get(key).cloned().unwrap_or_default()
}

/// An address without scheme, trailing slash and differences of case.
fn whole_url(url: &str) -> String {
    let url = url.trim();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.trim_end_matches('/').to_lowercase()
}

/// The last path segment of an address, as a name. Empty for a bare host.
fn page_name(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split(['#', '?']).next().unwrap_or("");
    match path.split_once('/') {
        Some((_, path)) => last_name(path),
        None if url.contains("://") => String::new(),
        None => normal_name(path),
    }
}

/// The last segment of a path that says something: `docs/redis/README.md` is about redis.
fn last_name(path: &str) -> String {
    path.trim_end_matches('/')
        .rsplit('/')
        .map(normal_name)
        .find(|name| !is_front_page(name))
        .unwrap_or_default()
}

fn is_front_page(name: &str) -> bool {
    matches!(name, "" | "index" | "readme" | "home")
}

/// A name without case, separators and a page's file ending.
pub(crate) fn normal_name(name: &str) -> String {
    let lower = name.trim().to_lowercase();
    let stem = [".html", ".htm", ".md", ".markdown"]
        .iter()
        .find_map(|ending| lower.strip_suffix(ending))
        .unwrap_or(&lower);
    stem.chars().filter(|c| !matches!(c, '-' | '_' | '.' | ' ')).collect()
}

/// Whether a page name is a word somebody chose, rather than a number or a directory's front page.
fn names_a_page(page: &str) -> bool {
    let letters = page.chars().filter(|c| c.is_alphabetic()).count();
    letters >= 4 && letters * 2 > page.chars().count()
}
