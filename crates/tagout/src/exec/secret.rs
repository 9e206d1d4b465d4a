//! The secrets of a command: where each is, and how the command gets it. Never as an argument.

use std::path::PathBuf;

pub use tagout_core::secret::Hand;

use crate::source::SecretRef;

/// One secret that a command gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// Where it is.
    pub origin: SecretOrigin,
    /// The environment variable that it is handed over in, or that names its descriptor.
    pub variable: String,
    /// How it is handed over.
    pub hand: Hand,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOrigin {
    /// In the agent's environment or in a file.
    Reference(SecretRef),
    /// In what a program prints, without a line break at its end. It runs contained as a step
    /// does, with an empty environment, and what it prints is kept nowhere else.
    Command {
        /// The program's whole path.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
}
