//! What is wrong with a page, and where: errors that stop loading, and warnings beside them.

use std::fmt;

use serde::Serialize;
use tagout_core::front_matter::Flaw;

/// One thing that keeps a page from being loaded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{}", Place { file, line: *line, level: Level::Error, field, what, fix })]
pub struct PageError {
    /// The file or directory, as it can be opened from here.
    pub file: String,
    /// The line in the file, counted from 1; none if the fault has no line.
    pub line: Option<usize>,
    /// The field as a path such as `steps[2].command`, or the part that is wrong.
    pub field: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl PageError {
    pub(super) fn new(
        file: &str,
        line: Option<usize>,
        field: &str,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let (file, field) = (file.to_owned(), field.to_owned());
        Self { file, line, field, what: what.into(), fix: fix.into() }
    }
}

/// A flaw with the line it stands on, before the name of its file is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LinedFlaw {
    /// The line in the file, counted from 1.
    pub(super) line: Option<usize>,
    /// What is wrong there.
    pub(super) flaw: Flaw,
}

impl LinedFlaw {
    pub(super) fn new(
        line: usize,
        field: impl Into<String>,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { line: Some(line), flaw: Flaw::new(field, what, fix) }
    }

    pub(super) fn of(self, file: &str) -> PageError {
        let Flaw { field, what, fix } = self.flaw;
        PageError { file: file.to_owned(), line: self.line, field, what, fix }
    }
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The page cannot be used.
    Error,
    /// The page can be used and could be better.
    Warning,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One result of a check of pages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file or directory, as it can be opened from here.
    pub file: String,
    /// The line in the file, counted from 1; none if the finding has no line.
    pub line: Option<usize>,
    /// Whether the page can be used all the same.
    pub level: Level,
    /// The field as a path such as `steps[2].command`, or the part that is meant.
    pub field: String,
    /// What was found.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl From<PageError> for Finding {
    fn from(error: PageError) -> Self {
        let PageError { file, line, field, what, fix } = error;
        Self { file, line, level: Level::Error, field, what, fix }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, level, field, what, fix } = self;
        Place { file, line: *line, level: *level, field, what, fix }.fmt(f)
    }
}

/// The one line in which errors and warnings are printed.
struct Place<'a> {
    file: &'a str,
    line: Option<usize>,
    level: Level,
    field: &'a str,
    what: &'a str,
    fix: &'a str,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}: {}; {}", self.level, self.field, self.what, self.fix)
    }
}
