//! `[session]`: how long somebody stays signed in.

use serde::Deserialize;
use tagout_core::limits;
use tagout_core::time::Span;

use super::{BadInput, span};

/// How long somebody stays signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionConfig {
    /// So long after they did something last.
    #[serde(deserialize_with = "span")]
    pub idle: Span,
    /// And not longer than this, whatever they do.
    #[serde(deserialize_with = "span")]
    pub lifetime: Span,
}

impl Default for SessionConfig {
    /// Nobody has to sign in twice in one night on call.
    fn default() -> Self {
        Self { idle: Span::from_secs(8 * 3600), lifetime: Span::from_secs(24 * 3600) }
    }
}

impl SessionConfig {
    pub(super) fn check(&self) -> Result<(), BadInput> {
        let (least, most) = limits::SESSION_LIFETIME;
        for (key, span) in [("idle", self.idle), ("lifetime", self.lifetime)] {
            if span < least || span > most {
                return Err(BadInput(format!(
                    "session.{key} is {span}; it must be from {least} to {most}"
                )));
            }
        }
        if self.idle > self.lifetime {
            return Err(BadInput("session.idle is longer than session.lifetime".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_signed_in_for_less_or_more_than_the_limits_say() {
        let (least, most) = limits::SESSION_LIFETIME;
        let (under, over) = (least.millis() - 1, most.millis() + 1);
        for (idle, lifetime, good) in [
            (least, most, true),
            (least, least, true),
            (Span::from_millis(under), most, false),
            (least, Span::from_millis(over), false),
            (most, least, false),
        ] {
            let checked = SessionConfig { idle, lifetime }.check();
            assert_eq!(checked.is_ok(), good, "{idle}, {lifetime}: {checked:?}");
        }
    }
}
