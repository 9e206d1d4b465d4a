//! What somebody asked for and was not let.

use serde::{Deserialize, Serialize};

use crate::actor::{Act, Role};
use crate::approval::Person;

/// Why somebody who is known was not let.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotLet {
    /// Their role does not let them; this was it.
    Role(Role),
    /// The policy names others for it.
    Policy,
    /// It is about what they did alone: somebody else must look at that first.
    OwnDoing,
    /// A plan of this tier is not approved by a click.
    Click,
}

/// How often somebody was not let, beyond what is recorded one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedAsks {
    /// Who tried.
    pub by: Person,
    /// What they asked to do.
    pub act: Act,
    /// How often.
    pub times: u64,
}
