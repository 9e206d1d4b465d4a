//! The rows of the retrieval files: a corpus of runbooks and alerts with the right answers.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Query};
use crate::error::SearchError;

/// A runbook of a corpus file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusRow {
    /// Unique in the corpus.
    pub id: String,
    /// The page's heading.
    #[serde(default)]
    pub title: String,
    /// How the fault shows.
    #[serde(default)]
    pub symptoms: Symptoms,
    /// The page, Markdown.
    #[serde(default)]
    pub text: String,
}

/// Symptoms as one text or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Symptoms {
    /// All in one text.
    One(String),
    /// One text per symptom.
    Many(Vec<String>),
}

impl Default for Symptoms {
    fn default() -> Self {
        Symptoms::Many(Vec::new())
    }
}

impl From<&CorpusRow> for Document {
    fn from(row: &CorpusRow) -> Self {
        Document {
            id: row.id.clone(),
            title: row.title.clone(),
            symptoms: match &row.symptoms {
                Symptoms::One(text) => vec![text.clone()],
                Symptoms::Many(texts) => texts.clone(),
            },
            body: row.text.clone(),
            ..Document::default()
        }
    }
}

/// An alert of a query file, with the right answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryRow {
    /// Unique in the file.
    pub id: String,
    /// The alert's name.
    #[serde(default)]
    pub alertname: String,
    /// The alert's labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// One line.
    #[serde(default)]
    pub summary: String,
    /// The longer text.
    #[serde(default)]
    pub description: String,
    /// The sender's severity; search does not use it.
    #[serde(default)]
    pub severity: String,
    /// The page that the alert links to.
    #[serde(default)]
    pub runbook_url: Option<String>,
    /// The right runbook, several that are equally right, or none.
    #[serde(default)]
    pub expected: Expected,
}

/// The right answer to a query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Expected {
    /// No runbook fits.
    #[default]
    None,
    /// Exactly this one.
    One(String),
    /// Any of these.
    Any(Vec<String>),
}

impl Expected {
    /// Whether some runbook is right.
    #[must_use]
    pub fn is_some(&self) -> bool {
        !self.ids().is_empty()
    }

    /// Whether this runbook is right.
    #[must_use]
    pub fn holds(&self, id: &str) -> bool {
        self.ids().iter().any(|expected| expected == id)
    }

    /// All right runbooks.
    #[must_use]
    pub fn ids(&self) -> &[String] {
        match self {
            Expected::None => &[],
            Expected::One(id) => std::slice::from_ref(id),
            Expected::Any(ids) => ids,
        }
    }
}

impl From<&QueryRow> for Query {
    fn from(row: &QueryRow) -> Self {
        Query {
            alert_name: row.alertname.clone(),
            labels: row.labels.clone(),
            summary: row.summary.clone(),
            description: row.description.clone(),
            runbook_url: row.runbook_url.clone(),
        }
    }
}

/// Reads the rows of a corpus file. `file` is only used to name it in errors.
///
/// # Errors
/// [`SearchError::Row`] with file and line if a line is not a corpus row or repeats an id.
pub fn parse_corpus(file: &str, text: &str) -> Result<Vec<CorpusRow>, SearchError> {
    parse(file, text, |row: &CorpusRow| &row.id)
}

/// Reads the rows of a query file. `file` is only used to name it in errors.
///
/// # Errors
/// [`SearchError::Row`] with file and line if a line is not a query row or repeats an id.
pub fn parse_queries(file: &str, text: &str) -> Result<Vec<QueryRow>, SearchError> {
    parse(file, text, |row: &QueryRow| &row.id)
}

fn parse<T: DeserializeOwned>(
    file: &str,
    text: &str,
    id: impl Fn(&T) -> &String,
) -> Result<Vec<T>, SearchError> {
    let mut rows = Vec::new();
    let mut seen = std::collections::HashMap::new();
    for (at, line) in text.lines().enumerate() {
        let refuse = |what: String| SearchError::Row { file: file.to_owned(), line: at + 1, what };
        if line.trim().is_empty() {
            continue;
        }
        let row: T = serde_json::from_str(line).map_err(|error| refuse(error.to_string()))?;
        if id(&row).is_empty() {
            return Err(refuse("the id is empty".into()));
        }
        if let Some(first) = seen.insert(id(&row).clone(), at + 1) {
            return Err(refuse(format!("id {:?} was already used in line {first}", id(&row))));
        }
        rows.push(row);
    }
    Ok(rows)
}
