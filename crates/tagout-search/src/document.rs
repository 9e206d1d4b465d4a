//! What goes in: the documents to be found and the alert to find one for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A runbook as the search sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    /// Unique; the last segment after `/` also serves as a name.
    pub id: String,
    /// The heading, often an alert's name.
    pub title: String,
    /// How the fault shows, one text per symptom. What the vector search compares.
    pub symptoms: Vec<String>,
    /// The whole page.
    pub body: String,
    /// Alert names that the author declared this page to be for.
    pub alert_names: Vec<String>,
    /// Addresses under which alerts refer to this page.
    pub runbook_urls: Vec<String>,
    /// Label sets that the author declared: an alert that carries all labels of one of them with
    /// exactly these values belongs to this page. An empty set matches nothing.
    pub label_matchers: Vec<BTreeMap<String, String>>,
}

/// An alert as the search sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Query {
    /// The alert's name, if it has one.
    pub alert_name: String,
    /// The alert's labels.
    pub labels: BTreeMap<String, String>,
    /// One line.
    pub summary: String,
    /// The longer text.
    pub description: String,
    /// The page that the alert's author linked to.
    pub runbook_url: Option<String>,
}

/// Which parts of an alert the text search may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Name, labels, summary and description.
    Full,
    /// Name as words, summary and description.
    Text,
    /// Summary and description only, with literal mentions of the name taken out.
    Prose,
}

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchOptions {
    /// Which parts of the alert are used.
    pub mode: Mode,
    /// Whether exact keys (address, name, labels) are used.
    pub keys: bool,
    /// How many candidates to return at most.
    pub limit: usize,
}

impl Default for SearchOptions {
    fn default() -> Self {
        SearchOptions { mode: Mode::Full, keys: true, limit: 5 }
    }
}
