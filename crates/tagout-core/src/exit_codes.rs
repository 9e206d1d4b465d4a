//! The codes with which a command says that it did what it should: what its page declares, else 0.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Exit codes that count as success. Whatever it is ended by else, it has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExitCodes(BTreeSet<u8>);

impl Default for ExitCodes {
    fn default() -> Self {
        Self([0].into())
    }
}

impl ExitCodes {
    /// These codes; none if there is none.
    #[must_use]
    pub fn new(codes: impl IntoIterator<Item = u8>) -> Option<Self> {
        let codes: BTreeSet<_> = codes.into_iter().collect();
        (!codes.is_empty()).then_some(Self(codes))
    }

    /// Whether a command that ended with this code did what it should.
    #[must_use]
    pub fn contains(&self, code: i32) -> bool {
        u8::try_from(code).is_ok_and(|code| self.0.contains(&code))
    }

    /// Whether nothing else was declared than what holds anyway.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for ExitCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes: Vec<_> = self.0.iter().map(u8::to_string).collect();
        write!(f, "code {}", codes.join(" or "))
    }
}
