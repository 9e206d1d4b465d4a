//! What may be asked about what spans incidents.

use tagout_core::actor::{Act, Actor};
use tagout_core::command::SharedCommand;
use tagout_core::condition::Condition;
use tagout_core::digest::{DeliveryDigest, RunbookDigest};
use tagout_core::event::WindowKind;
use tagout_core::matcher::LabelMatcher;
use tagout_core::text::FreeText;
use tagout_core::tier::Tier;
use tagout_core::time::Time;

/// What a person may ask about what spans incidents. Who asks is no part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharedAsk {
    /// Let nothing new start.
    EngageKillSwitch {
        /// Why.
        reason: FreeText,
    },
    /// Let things start again.
    ReleaseKillSwitch {
        /// Why.
        reason: FreeText,
    },
    /// Declare a change freeze.
    DeclareFreeze {
        /// Why.
        reason: FreeText,
        /// Until when; for good if absent.
        until: Option<Time>,
    },
    /// Lift it.
    LiftFreeze,
    /// Open a maintenance window or a silence.
    OpenWindow {
        /// Its id.
        id: String,
        /// What it is.
        window: WindowKind,
        /// The alerts it covers.
        matcher: LabelMatcher,
        /// What else must hold for an alert that it covers.
        conditions: Vec<Condition>,
        /// When it begins.
        from: Time,
        /// When it ends.
        until: Time,
        /// Why; may be empty.
        reason: FreeText,
    },
    /// Close a window before its end.
    CloseWindow {
        /// Its id.
        id: String,
    },
    /// For a while, let plans of a runbook go on although their match is in doubt. The policy
    /// says who is entitled.
    OpenBypass {
        /// Its id.
        id: String,
        /// The runbook.
        runbook: String,
        /// The highest tier of the plans that it lets go on.
        tier: Tier,
        /// When it ends.
        until: Time,
        /// Why.
        reason: FreeText,
    },
    /// Close a bypass before its end.
    CloseBypass {
        /// Its id.
        id: String,
    },
    /// Admit one version of a runbook to live mode.
    AdmitRunbook {
        /// The runbook.
        runbook: String,
        /// The page's bytes.
        digest: RunbookDigest,
        /// The page.
        page: FreeText,
        /// Who wrote it, if the page says so.
        author: Option<String>,
    },
    /// Put a quarantined delivery away.
    LiftQuarantine {
        /// The delivery.
        delivery: DeliveryDigest,
    },
}

impl SharedAsk {
    /// What kind of act it is: this the role must allow.
    #[must_use]
    pub const fn act(&self) -> Act {
        match self {
            // To end a bypass is to stop something.
            Self::EngageKillSwitch { .. }
            | Self::DeclareFreeze { .. }
            | Self::CloseBypass { .. } => Act::Stop,
            Self::OpenBypass { .. } => Act::Bypass,
            Self::AdmitRunbook { .. } => Act::Admit,
            Self::ReleaseKillSwitch { .. } | Self::LiftFreeze => Act::Resume,
            Self::OpenWindow { .. } | Self::CloseWindow { .. } | Self::LiftQuarantine { .. } => {
                Act::Quiet
            }
        }
    }

    /// The command, in the name of whoever asks.
    pub(crate) fn command(self, actor: &Actor) -> SharedCommand {
        let by = actor.person.clone();
        match self {
            Self::EngageKillSwitch { reason } => SharedCommand::EngageKillSwitch { by, reason },
            Self::ReleaseKillSwitch { reason } => SharedCommand::ReleaseKillSwitch { by, reason },
            Self::DeclareFreeze { reason, until } => {
                SharedCommand::DeclareFreeze { by, reason, until }
            }
            Self::LiftFreeze => SharedCommand::LiftFreeze { by },
            Self::OpenWindow { id, window, matcher, conditions, from, until, reason } => {
                SharedCommand::OpenWindow {
                    id,
                    window,
                    matcher,
                    conditions,
                    from,
                    until,
                    by,
                    reason,
                }
            }
            Self::CloseWindow { id } => SharedCommand::CloseWindow { id, by },
            Self::OpenBypass { id, runbook, tier, until, reason } => {
                SharedCommand::OpenBypass { id, runbook, tier, until, by: actor.clone(), reason }
            }
            Self::CloseBypass { id } => SharedCommand::CloseBypass { id, by },
            Self::AdmitRunbook { runbook, digest, page, author } => {
                SharedCommand::AdmitRunbook { runbook, digest, by, page, author }
            }
            Self::LiftQuarantine { delivery } => SharedCommand::LiftQuarantine { delivery, by },
        }
    }
}
