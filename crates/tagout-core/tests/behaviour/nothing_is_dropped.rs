//! Whatever is delivered, in whatever order: an alert that fires is in an open incident, or a
//! reason that holds now is recorded. Judged by the deliveries and the journal alone, and by
//! a reading of the rules that shares nothing with the code that places alerts.

use proptest::collection::vec;
use proptest::prelude::*;
use tagout_core::alert::{Alert, AlertStatus, Severity};
use tagout_core::digest::AlertIdentity;
use tagout_core::event::{Event, Fold, Gathering, Triage, TriagedAway};
use tagout_core::evolve::evolve;
use tagout_core::incident::Incident;
use tagout_core::limits;
use tagout_core::shared::Shared;
use tagout_core::time::{Span, Time};

use crate::deliveries::*;
use crate::house::*;

const POLICY: &str = "[noise]\ncooldown = \"10m\"\nstorm_per_name = 1\nstorm_overall = 2\n\
                      storm_window = \"10m\"\nflapping_starts = 3\nflapping_window = \"30m\"\n\
                      [[inhibit]]\nsource = {kind = \"node\"}\ntarget = {kind = \"pod\"}\n";
const COOLDOWN: Span = Span::from_secs(600);
const ALERTS: usize = 6;

/// What happens.
#[derive(Debug, Clone)]
enum Act {
    Deliver(Vec<Told>),
    Close(usize),
    Window(usize),
    LookAgain,
    Wait(u64),
}

/// What is said of an alert: all in small numbers.
#[derive(Debug, Clone)]
struct Told {
    which: usize,
    status: u8,
    severity: u8,
    /// How long before now it began, in minutes; nobody says so from 6 on.
    began: u8,
    ended: u8,
    calm: bool,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let told = (0..ALERTS, 0u8..6, 0u8..8, 0u8..9, 0u8..9, 0u8..8).prop_map(
        |(which, status, severity, began, ended, calm)| Told {
            which,
            status,
            severity,
            began,
            ended,
            calm: calm == 0,
        },
    );
    let act = prop_oneof![
        8 => vec(told, 1..6).prop_map(Act::Deliver),
        1 => (0usize..4).prop_map(Act::Close),
        1 => (0..ALERTS).prop_map(Act::Window),
        2 => Just(Act::LookAgain),
        3 => prop_oneof![Just(1u64), Just(30), Just(299), Just(300), Just(601), Just(90_000)]
            .prop_map(Act::Wait),
    ];
    vec(act, 1..40)
}

fn kind_of(which: usize) -> &'static str {
    match which {
        0 => "node",
        1 | 2 => "pod",
        _ => "disk",
    }
}

fn alert_of(told: &Told, now: Time) -> Alert {
    let severity =
        ["warning", "warning", "warning", "warning", "error", "error", "critical", "info"];
    let name = ["Node", "Pod", "Pod", "Volume", "Volume", "Dump"];
    let mut alert = named(
        name[told.which],
        &format!("host-{}", told.which),
        severity[usize::from(told.severity)],
    );
    alert.labels.insert("kind".into(), kind_of(told.which).into());
    let ago = |minutes: u8| {
        let ms = now.millis() - i64::from(minutes) * 60_000;
        (minutes < 6).then_some(Time::from_millis(ms))
    };
    alert.status = match told.status {
        0..=2 => AlertStatus::Firing,
        3 | 4 => AlertStatus::Resolved,
        _ => AlertStatus::Suppressed,
    };
    alert.starts_at = ago(told.began);
    if alert.status == AlertStatus::Resolved {
        alert.ends_at = ago(told.ended);
    }
    if told.calm {
        alert.message = "The rebalance has completed.".into();
    }
    alert
}

/// What was said and done, as it happened.
#[derive(Default)]
struct Heard {
    /// Every alert that was delivered, with the time.
    heard: Vec<(Time, Alert)>,
    /// What persons closed, with the time.
    closed: Vec<(Time, String)>,
}

/// The incident that the journal names last for an alert, and when and how it says so.
enum Word<'a> {
    Opened(&'a str),
    Folded(&'a str, &'a Fold),
}

fn last_word(house: &House, identity: AlertIdentity) -> Option<(Time, Word<'_>)> {
    house.journal.iter().rev().find_map(|(id, event, at)| match event {
        Event::IncidentOpened { identity: of, .. } if *of == identity => {
            Some((*at, Word::Opened(id)))
        }
        Event::AlertWorsened { alert, .. } if alert.identity() == identity => {
            Some((*at, Word::Opened(id)))
        }
        Event::DeliveryReceived { folded, .. }
        | Event::DeliveryPartReceived { folded, .. }
        | Event::AlertsFolded { folded, .. } => {
            let of = folded.iter().rev().find(|f| f.identity == identity)?;
            Some((*at, Word::Folded(&of.incident, &of.how)))
        }
        _ => None,
    })
}

/// The incident's triage, if it closed it, with the severity and the time.
fn triage_of(house: &House, incident: &str) -> Option<(Time, Severity, TriagedAway)> {
    house.journal.iter().rev().find_map(|(id, event, at)| match event {
        Event::Triaged { severity, triage: Triage::Away(why) } if id == incident => {
            Some((*at, severity.severity, why.clone()))
        }
        _ => None,
    })
}

fn is_open(house: &House, id: &str) -> bool {
    matches!(house.incidents[id], Incident::Open(..))
}

/// Whether a reason for which triage closes something holds for this alert now.
fn holds_now(house: &House, alert: &Alert, why: &TriagedAway) -> bool {
    match why {
        TriagedAway::Informational => alert.severity.as_deref() == Some("info"),
        TriagedAway::ReportsCalm { .. } => alert.message.as_str() == "The rebalance has completed.",
        TriagedAway::Maintenance(_) | TriagedAway::Silenced(_) => {
            house.shared.window(alert, house.now).is_some()
        }
        TriagedAway::Inhibited { .. } => {
            // The only source there is.
            let open = house.incidents.iter().filter(|(id, _)| is_open(house, id));
            alert.labels["kind"] == "pod"
                && open
                    .filter_map(|(_, incident)| incident.case())
                    .any(|case| case.alert.labels["kind"] == "node")
        }
        TriagedAway::Resolved | TriagedAway::Suppressed => false,
    }
}

/// An alert that was delivered as firing just now: in an open incident, or with a reason.
fn accounted(house: &House, told: &Heard, alert: &Alert, incident: &str) -> Result<(), String> {
    let (now, identity) = (house.now, alert.identity());
    if let Some(id) = house.shared.fires_in(identity) {
        return is_open(house, id).then_some(()).ok_or_else(|| format!("{id} is closed"));
    }
    // What held it back may have ended later in the same delivery: the next tick sees that.
    if house.shared.sightings().held().contains(&identity) && triage_of(house, incident).is_some() {
        return Ok(());
    }
    let how = match last_word(house, identity) {
        Some((_, Word::Folded(id, how))) if id == incident => Some(how),
        _ => None,
    };
    let earlier = || told.heard.iter().filter(|(_, h)| h.identity() == identity);
    if how == Some(&Fold::Late) {
        // An end was heard of, not long ago, of a firing that began no earlier or ended later.
        let ends: Vec<_> = earlier().filter(|(_, h)| h.status == AlertStatus::Resolved).collect();
        let recent = ends.iter().any(|(at, _)| now.since(*at) < limits::LATE);
        let began = alert.starts_at.ok_or("late without a time")?;
        let before = earlier().any(|(_, h)| h.starts_at.is_some_and(|known| began <= known))
            || ends.iter().any(|(_, h)| h.ends_at.is_some_and(|end| began < end));
        return (recent && before).then_some(()).ok_or_else(|| "late without an end".into());
    }
    if is_open(house, incident) {
        return Err(format!("it does not count in {incident}"));
    }
    if let Some((at, severity, why)) = triage_of(house, incident) {
        if holds_now(house, alert, &why) {
            return Ok(());
        }
        // Or another such reason holds, and the recorded one is not old.
        let severity_now: Severity = alert.severity.as_deref().unwrap().parse().unwrap();
        let all = [
            TriagedAway::Informational,
            TriagedAway::Maintenance(String::new()),
            TriagedAway::Inhibited { by: String::new() },
        ];
        let calm = alert.message.as_str() == "The rebalance has completed."
            && severity_now < Severity::Error;
        let any = calm || all.iter().any(|why| holds_now(house, alert, why));
        let young = now.since(at) < COOLDOWN && severity_now <= severity;
        return (any && young).then_some(()).ok_or_else(|| format!("{why:?} holds no more"));
    }
    let closed = told.closed.iter().rev().find(|(_, id)| id == incident);
    let Some((at, _)) = closed else { return Err(format!("{incident} ended and it fires")) };
    if now.since(*at) >= COOLDOWN {
        return Err("the cool-down is over".into());
    }
    let worst =
        earlier().filter_map(|(_, h)| h.severity.as_deref()?.parse::<Severity>().ok()).max();
    let mine: Severity = alert.severity.as_deref().unwrap().parse().unwrap();
    (Some(mine) <= worst).then_some(()).ok_or_else(|| "it is worse than what was closed".into())
}

fn state_holds(house: &House) -> Result<(), String> {
    // What is known is what the journal says.
    let (mut shared, mut incidents) = (Shared::default(), std::collections::BTreeMap::new());
    for (id, event, at) in &house.journal {
        if !id.is_empty() {
            let before: Incident = incidents.remove(id).unwrap_or_default();
            incidents.insert(id.clone(), evolve(before, event, *at).map_err(|e| e.to_string())?);
        }
        shared = shared.after(event, id, *at);
    }
    if shared != house.shared || format!("{shared:?}") != format!("{:?}", house.shared) {
        return Err("the journal says otherwise".into());
    }
    if incidents != house.incidents {
        return Err("the journal has other incidents".into());
    }
    let open: Vec<&str> = house.shared.open_incidents().collect();
    for id in house.incidents.keys() {
        if is_open(house, id) != open.contains(&id.as_str()) {
            return Err(format!("{id} is open here and closed there"));
        }
    }
    let now = house.now;
    let identities: Vec<AlertIdentity> = (0..ALERTS)
        .map(|which| {
            let told = Told { which, status: 0, severity: 0, began: 9, ended: 9, calm: false };
            alert_of(&told, now).identity()
        })
        .collect();
    for id in &open {
        let of = house.shared.open(id).unwrap();
        let fires = |i: &&AlertIdentity| house.shared.fires_in(**i).is_some_and(|at| **at == **id);
        let firing = identities.iter().filter(fires).count();
        if of.firing as usize != firing {
            return Err(format!("{id} counts {} and {firing} fire", of.firing));
        }
        let flaps = matches!(of.gathers, Some(Gathering::Flapping { .. }));
        if firing == 0 && !flaps {
            return Err(format!("nothing fires in {id} and it is open"));
        }
        if of.gathers.is_none() || flaps {
            let same = |other: &&&str| {
                let other = house.shared.open(other).unwrap();
                let own = !matches!(other.gathers, Some(ref g) if !matches!(g, Gathering::Flapping { .. }));
                own && other.identity == of.identity
            };
            if open.iter().filter(same).count() != 1 {
                return Err(format!("the alert of {id} has another open incident"));
            }
        }
    }
    Ok(())
}

fn held_for_a_reason(house: &House) -> Result<(), String> {
    for identity in house.shared.sightings().held() {
        let seen = house.shared.sightings().get(*identity).unwrap();
        let case = house.incidents[&*seen.incident].case().unwrap();
        let reasons =
            [TriagedAway::Maintenance(String::new()), TriagedAway::Inhibited { by: String::new() }];
        if !reasons.iter().any(|why| holds_now(house, &case.alert, why)) {
            return Err(format!("{} is held for nothing", seen.incident));
        }
    }
    // Nothing that a window or an inhibition held is forgotten while it fires.
    for (_, event, _) in &house.journal {
        let Event::IncidentOpened { identity, .. } = event else { continue };
        let Some((_, Word::Opened(id))) = last_word(house, *identity) else { continue };
        let held = matches!(
            triage_of(house, id),
            Some((_, _, TriagedAway::Maintenance(_) | TriagedAway::Inhibited { .. }))
        );
        if held && !house.shared.sightings().held().contains(identity) {
            return Err(format!("{id} was held and is not looked at again"));
        }
    }
    Ok(())
}

fn act(house: &mut House, told: &mut Heard, act: &Act) -> Result<(), String> {
    match act {
        Act::Deliver(some) => {
            let alerts: Vec<Alert> = some.iter().map(|told| alert_of(told, house.now)).collect();
            let into = house.deliver(&alerts);
            told.heard.extend(alerts.iter().map(|alert| (house.now, alert.clone())));
            if into.len() != alerts.len() {
                return Err("an alert went nowhere".into());
            }
            for (n, alert) in alerts.iter().enumerate() {
                let last = !alerts[n + 1..].iter().any(|a| a.identity() == alert.identity());
                if last && alert.status == AlertStatus::Firing {
                    accounted(house, told, alert, &into[n])
                        .map_err(|e| format!("{}: {e}", alert.subject()))?;
                }
            }
        }
        Act::Close(n) => {
            let id = house.shared.open_incidents().nth(*n).map(str::to_owned);
            if let Some(id) = id {
                house.close(&id);
                told.closed.push((house.now, id));
            }
        }
        Act::Window(which) => house.open_window(("instance", &format!("host-{which}")), 900),
        Act::LookAgain => {
            house.look_again();
            held_for_a_reason(house)?;
        }
        Act::Wait(seconds) => house.wait(*seconds),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..Default::default() })]

    #[test]
    fn whatever_is_delivered_nothing_that_fires_is_dropped_and_the_journal_says_it_all(acts in acts()) {
        let (mut house, mut told) = (House::with(POLICY, [disk()]), Heard::default());
        for one in acts.iter().chain([&Act::LookAgain]) {
            let done = act(&mut house, &mut told, one).and_then(|()| state_holds(&house));
            if let Err(why) = done {
                let from = house.journal.len().saturating_sub(30);
                let kinds: Vec<_> = house.journal[from..]
                    .iter()
                    .map(|(id, event, _)| format!("{id} {}", tagout_core::evolve::kind(event)))
                    .collect();
                return Err(TestCaseError::fail(format!("{why}\nat {one:?}\n{kinds:#?}")));
            }
        }
    }

    #[test]
    fn what_is_taken_back_leaves_everything_as_it_was(first in acts(), then in acts()) {
        let (mut house, mut told) = (House::with(POLICY, [disk()]), Heard::default());
        first.iter().for_each(|one| drop(act(&mut house, &mut told, one)));
        let before = house.shared.clone();
        let mark = house.shared.mark();
        then.iter().for_each(|one| drop(act(&mut house, &mut told, one)));
        house.shared.take_back(mark);
        prop_assert_eq!(format!("{:?}", &house.shared), format!("{:?}", &before));
        prop_assert!(house.shared == before);
    }
}
