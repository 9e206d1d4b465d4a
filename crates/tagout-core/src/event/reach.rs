//! How far an event reaches: what spans incidents, or one incident alone.

use super::{Event, GrantedBy};

impl Event {
    /// Whether the event changes what spans incidents ([`crate::shared::Shared`]).
    #[must_use]
    pub const fn touches_shared(&self) -> bool {
        !matches!(
            self,
            Self::AskRefused { .. }
                | Self::AsksRefused { .. }
                | Self::SignedIn { .. }
                | Self::SignInRefused { .. }
                | Self::StrangersRefused { .. }
                | Self::AlertRepeated { .. }
                | Self::SearchCompleted { .. }
                | Self::InspectionOpened { .. }
                | Self::LookEnded { .. }
                | Self::PlanProposed { .. }
                | Self::CandidateChosen { .. }
                | Self::ReviewRequested { .. }
                | Self::RequestEscalated { .. }
                | Self::LapseWarned { .. }
                | Self::RequestShown { .. }
                | Self::ReviewGiven { .. }
                | Self::ReviewRefused { .. }
                | Self::ClockWarningDelivered { .. }
                | Self::PlanGranted { by: GrantedBy::Quorum(_), .. }
                | Self::HaltResumed { .. }
                | Self::StepRehearsed { .. }
                | Self::RehearsalStarted { .. }
                | Self::RehearsalEnded { .. }
                | Self::RehearsalCut { .. }
                | Self::StepLost { .. }
                | Self::NoticeDelivered { .. }
                | Self::NoticeGivenUp { .. }
                | Self::IncidentHandled { .. }
                | Self::SnoozeEnded {}
                | Self::EffectivenessRecorded { .. }
                | Self::PreconditionsBegunAgain { .. }
                | Self::IncidentTookIn { .. }
        )
    }
}
