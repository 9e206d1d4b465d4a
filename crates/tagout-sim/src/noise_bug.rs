//! Seeded bugs in where alerts are placed: wrappers around the real `place`.

use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::digest::AlertIdentity;
use tagout_core::event::{Fold, FoldedAlert};
use tagout_core::intake::{Folds, Place, place};
use tagout_core::policy::EscalationPolicy;
use tagout_core::shared::Shared;
use tagout_core::time::Time;

use crate::noise::{Intake, Promise};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoiseBug {
    /// A new alert of a storm is taken for one that was delivered before.
    FirstAlertLost,
    /// The end of one alert closes an incident in which others fire.
    EndClosesAll,
    /// A firing that was overtaken by its end opens an incident.
    LateOpens,
    /// The cool-down holds for an alert that is worse than what was closed.
    CoolDownSwallowsWorse,
    /// A storm takes in what is worse than it.
    StormHidesWorse,
    /// Each alert of a delivery is placed without a look at the others.
    FoldsForgotten,
    /// An alert that gets worse is taken for one that was delivered before.
    WorseIsRepeated,
    /// An alert that fires again after its end is taken for one that was delivered before.
    NewFiringIsRepeated,
}

impl NoiseBug {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::FirstAlertLost,
        Self::EndClosesAll,
        Self::LateOpens,
        Self::CoolDownSwallowsWorse,
        Self::StormHidesWorse,
        Self::FoldsForgotten,
        Self::WorseIsRepeated,
        Self::NewFiringIsRepeated,
    ];

    /// The promises that it may be found to break.
    #[must_use]
    pub const fn breaks(self) -> &'static [Promise] {
        match self {
            Self::FoldsForgotten | Self::FirstAlertLost => &[Promise::EndsWithTheLast],
            // Others fire, and their incident is closed: both are so at once.
            Self::EndClosesAll => &[Promise::EndsWithTheLast, Promise::NothingDropped],
            Self::LateOpens => &[Promise::OneTrail],
            Self::CoolDownSwallowsWorse | Self::NewFiringIsRepeated => &[Promise::NothingDropped],
            Self::StormHidesWorse | Self::WorseIsRepeated => &[Promise::NothingHidden],
        }
    }
}

impl Intake for NoiseBug {
    fn place(
        &self,
        alert: &Alert,
        identity: AlertIdentity,
        shared: &Shared,
        folds: &Folds,
        policy: &EscalationPolicy,
        now: Time,
    ) -> Place {
        let none = Folds::default();
        let folds = if *self == Self::FoldsForgotten { &none } else { folds };
        let right = place(alert, identity, shared, folds, policy, now);
        let seen = shared.sightings().get(identity);
        let fold = |incident: &str, how: Fold| {
            Place::Fold(FoldedAlert { identity, incident: incident.to_owned(), how })
        };
        let severity = policy.severity(alert).severity;
        match (self, right, seen) {
            (
                Self::FirstAlertLost,
                Place::Fold(FoldedAlert { how: Fold::Joined { .. }, incident, .. }),
                None,
            ) => fold(&incident, Fold::Repeated),
            (
                Self::EndClosesAll,
                Place::Fold(FoldedAlert { how: Fold::Ended(_), .. }),
                Some(seen),
            ) if shared.open(&seen.incident).is_some_and(|open| !open.flaps()) => {
                Place::End(seen.incident.clone())
            }
            (Self::LateOpens, Place::Fold(FoldedAlert { how: Fold::Late, .. }), _)
                if alert.status == AlertStatus::Firing =>
            {
                Place::Open(None)
            }
            (Self::CoolDownSwallowsWorse, Place::Open(_), Some(seen))
                if seen.firing
                    && severity > seen.severity
                    && shared.open(&seen.incident).is_none() =>
            {
                fold(&seen.incident, Fold::Repeated)
            }
            (Self::StormHidesWorse, Place::Open(None), None)
                if alert.status == AlertStatus::Firing =>
            {
                let gathers =
                    |id: &&str| shared.open(id).is_some_and(|open| open.gathers.is_some());
                match shared.open_incidents().find(gathers) {
                    Some(id) => fold(id, Fold::Joined { severity, began: alert.starts_at }),
                    None => Place::Open(None),
                }
            }
            (Self::WorseIsRepeated, Place::Change(id), _) => fold(&id, Fold::Repeated),
            (Self::NewFiringIsRepeated, Place::Open(_), Some(seen))
                if !seen.firing && alert.status == AlertStatus::Firing =>
            {
                fold(&seen.incident, Fold::Repeated)
            }
            (_, right, _) => right,
        }
    }
}
