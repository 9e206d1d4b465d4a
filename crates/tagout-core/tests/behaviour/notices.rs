//! What people are told, and of what they are not.

use tagout_core::approval::Answer;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::event::{Event, StepFinding};
use tagout_core::handling::Handled;
use tagout_core::incident::Incident;
use tagout_core::notice::{Arrival, Happened, Notice, NoticeReport, Settled, Topic, notices};

use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_core::tier::Tier;
use tagout_core::time::Span;

use crate::house::*;

/// Everything that people are told, in order.
pub(super) fn told(house: &House) -> Vec<Notice> {
    let mut incidents: std::collections::BTreeMap<String, Incident> = Default::default();
    let mut all = Vec::new();
    for (entry, (id, event, at)) in house.journal.iter().enumerate() {
        let before = incidents.remove(id).unwrap_or_default();
        let was_open = matches!(before, Incident::Open(..));
        let after = match id.as_str() {
            "" => before,
            _ => tagout_core::evolve::evolve(before, event, *at).unwrap(),
        };
        let (entry, at) = (entry as u64, *at);
        all.extend(notices(Happened { event, incident: id, was_open, after: &after, entry, at }));
        incidents.insert(id.clone(), after);
    }
    all
}

fn topics(house: &House) -> Vec<Topic> {
    told(house).into_iter().map(|notice| notice.topic).collect()
}

#[test]
fn people_who_are_asked_are_told_and_told_again_how_it_was_decided() {
    let mut house = House::new();
    house.matched_at(ONE, "cache", "critical");
    let plan = house.plan(ONE).digest();
    house.approve(ONE, "ana").unwrap();
    house.approve(ONE, "ben").unwrap();
    let told = told(&house);
    assert_eq!(topics(&house), [Topic::ReviewRequested, Topic::Decided]);
    assert!(told.iter().all(|notice| notice.plan == Some(plan) && notice.incident == ONE));
    assert_eq!(told[1].settled, Some(Settled::Approved));
    assert_eq!(told[1].by, [person("ana"), person("ben")]);
}

#[test]
fn what_the_policy_lets_go_on_is_told_to_nobody() {
    let mut house = House::new();
    house.matched(ONE, "cache");
    assert!(house.is_granted(ONE));
    assert_eq!(topics(&house), []);
}

#[test]
fn a_refusal_and_a_lapse_are_told_apart() {
    let mut house = House::new();
    house.matched_at(ONE, "cache", "critical");
    house.answer(ONE, "ana", Answer::Reject).unwrap();
    house.matched_at(TWO, "cache", "critical");
    house.wait(366 * 24 * 3600);
    house.must(TWO, Command::Tick);
    let told = told(&house);
    assert_eq!(told[1].settled, Some(Settled::Rejected));
    assert_eq!(told[1].by, [person("ana")]);
    assert_eq!(told[3].topic, Topic::Lapsed);
    assert_eq!(told[3].by, []);
}

#[test]
fn a_person_who_is_needed_without_a_plan_is_told_and_hears_of_the_end_once() {
    let mut house = House::new();
    house.receive(ONE, alert(ONE, "critical"));
    house.find(ONE, &[]);
    house.end_of_alert(ONE);
    // The alert's end is delivered again.
    let ended = Event::AlertEnded { delivery: delivery(), ended: None, way_back: None };
    house.record(ONE, &[ended]);
    assert_eq!(topics(&house), [Topic::PersonNeeded, Topic::Closed]);
}

#[test]
fn an_incident_that_triage_closed_is_told_to_nobody() {
    let mut house = House::new();
    house.receive(ONE, alert(ONE, "info"));
    assert!(matches!(house.incidents[ONE], Incident::Closed(..)));
    assert_eq!(topics(&house), []);
}

#[test]
fn a_halt_and_the_kill_switch_are_told_to_everybody() {
    let mut house = House::new();
    house.kill_switch(true);
    house.matched(ONE, "cache");
    house.kill_switch(false);
    assert_eq!(
        topics(&house),
        [Topic::KillSwitchEngaged, Topic::Halted, Topic::KillSwitchReleased]
    );
    assert!(told(&house).iter().all(|notice| notice.audiences.is_empty()));
}

#[test]
fn a_bypass_is_told_to_everybody_when_it_is_granted_and_when_it_is_ended() {
    let policy = "[bypass]\ngroups = [\"leads\"]\nlongest = \"8h\"\n";
    let mut house = House::with(policy, [disk()]);
    let policy = house.policy.clone();
    house.say(SharedCommand::LoadPolicy(policy)).unwrap();
    house
        .say(SharedCommand::OpenBypass {
            id: "b1".into(),
            runbook: "disk".into(),
            tier: Tier::Low,
            until: house.now.after(Span::from_secs(3600)),
            by: approver("ana of leads"),
            reason: "a storm of false matches".into(),
        })
        .unwrap();
    house.say(SharedCommand::CloseBypass { id: "b1".into(), by: person("ben") }).unwrap();
    assert_eq!(topics(&house), [Topic::BypassGranted, Topic::BypassEnded]);
    let told = told(&house);
    assert_eq!((&told[0].by, &told[1].by), (&vec![person("ana")], &vec![person("ben")]));
    assert!(told.iter().all(|notice| notice.audiences.is_empty() && notice.incident.is_empty()));
}

#[test]
fn a_stale_plan_that_cannot_be_made_anew_calls_people_and_one_that_can_asks_them() {
    let mut house = House::new();
    house.matched_at(ONE, "cache", "critical");
    house.approve(ONE, "ana").unwrap();
    house.approve(ONE, "ben").unwrap();
    let mut anew = house.clone();
    house.runbooks = Catalogue::new([runbook(&disk())]).unwrap();
    house.must(ONE, Command::Rehearse);
    let asked = [Topic::ReviewRequested, Topic::Decided];
    assert_eq!(topics(&house)[..2], asked);
    assert_eq!(topics(&house)[2..], [Topic::Decided, Topic::PersonNeeded]);
    anew.policy = EscalationPolicy::parse(&format!("{OPEN}min_margin = 0.2\n")).unwrap();
    anew.must(ONE, Command::Rehearse);
    assert_eq!(topics(&anew)[2..], [Topic::Decided, Topic::ReviewRequested]);
}

#[test]
fn the_end_of_a_snooze_tells_people_again_what_waits_for_them() {
    let snooze = |house: &mut House, id: &str| {
        let until = house.now.after(Span::from_secs(360));
        let what = Handled::Snoozed { until, reason: "lunch".into() };
        house.must(id, Command::Handle { by: person("ana"), what });
    };
    let policy = "default_environment = \"low\"\nwarn_before = \"0s\"\n\
                  [tier.critical]\ngroups = { on-call = 1 }\n\
                  [[chain]]\nafter = \"3m\"\nask = [\"secondary\"]\n";
    let mut house = House::with(policy, [cache()]);
    house.matched_at(ONE, "cache", "critical");
    house.receive(TWO, alert(TWO, "critical"));
    house.find(TWO, &[]);
    house.wait(240);
    house.must(ONE, Command::Tick);
    let before = told(&house).len();
    for id in [ONE, TWO] {
        snooze(&mut house, id);
        house.wait(120);
        assert_eq!(house.must(id, Command::Tick), []);
        house.wait(240);
        house.must(id, Command::Tick);
    }
    let told = &told(&house)[before..];
    let of: Vec<_> = told.iter().map(|notice| (notice.topic, &*notice.incident)).collect();
    assert_eq!(of, [(Topic::ReviewRequested, ONE), (Topic::PersonNeeded, TWO)]);
    assert_eq!(told[0].plan, Some(house.plan(ONE).digest()));
    assert_eq!(told[0].audiences, ["on-call", "secondary"].map(str::to_owned).into());
}

#[test]
fn a_broken_glass_is_told_to_everybody_with_who_broke_it() {
    let mut house = House::with(
        "default_environment = \"low\"\n[break_glass]\npeople = [\"ana\"]\nmax_per_window = 2\nwindow = \"1h\"\n",
        [cache()],
    );
    house.matched_at(ONE, "cache", "critical");
    let (plan, mode) = (house.plan(ONE).digest(), house.plan(ONE).mode);
    let (by, reason) = (approver("ana"), "nobody else is awake".into());
    house.must(ONE, Command::BreakGlass { by, plan, mode, reason });
    let told = told(&house);
    let broken = told.iter().find(|notice| notice.topic == Topic::GlassBroken).unwrap();
    assert!(broken.audiences.is_empty());
    assert_eq!(broken.by, [person("ana")]);
}

#[test]
fn a_notice_has_one_id_and_no_other_has_it() {
    let mut house = House::new();
    house.matched_at(ONE, "cache", "critical");
    house.matched_at(TWO, "cache", "critical");
    house.reject(ONE, "ana").unwrap();
    let (once, again) = (told(&house), told(&house));
    assert_eq!(once, again);
    let ids: std::collections::BTreeSet<_> = once.iter().map(|notice| &notice.id).collect();
    assert_eq!(ids.len(), once.len());
}

#[test]
fn a_notice_holds_no_text_that_could_be_erased() {
    let mut house = House::new();
    let mut alert = alert(ONE, "critical");
    alert.message = "the secret words".into();
    alert.title = "TheSecretTitle".into();
    house.receive(ONE, alert);
    house.find(ONE, &[by_key("cache", 9_900)]);
    house.must(ONE, {
        let (plan, mode) = (house.plan(ONE).digest(), house.plan(ONE).mode);
        let mut review = review("ana", Answer::Reject, plan, mode);
        review.reason = "a secret reason".into();
        Command::Answer(review)
    });
    let (by, reason) = (person("ana"), "a secret reason".into());
    house.must(ONE, Command::Close { by, reason });
    let told = serde_json::to_string(&told(&house)).unwrap().to_lowercase();
    assert!(told.contains("closed") && !told.contains("secret"), "{told}");
}

fn report(arrival: Arrival) -> NoticeReport {
    NoticeReport {
        notice: "ntc-1".into(),
        topic: Topic::PersonNeeded,
        channel: "pager".into(),
        plan: None,
        attempts: 3,
        arrival,
    }
}

#[test]
fn what_came_of_a_notice_is_recorded_also_after_the_incident_is_closed() {
    let mut house = House::new();
    house.receive(ONE, alert(ONE, "critical"));
    house.find(ONE, &[]);
    let stage = house.stage(ONE).clone();
    house.must(ONE, Command::ReportNotice(report(Arrival::Delivered { receipt: "".into() })));
    assert_eq!(house.stage(ONE), &stage);
    house.end_of_alert(ONE);
    house.must(ONE, Command::ReportNotice(report(Arrival::GivenUp { why: "no route".into() })));
    let kinds = house.kinds(ONE);
    assert_eq!(kinds[kinds.len() - 3..], ["notice_delivered", "alert_ended", "notice_given_up"]);
    let nowhere =
        house.ask(TWO, Command::ReportNotice(report(Arrival::GivenUp { why: "".into() })));
    assert!(nowhere.is_err());
    // Told of what was told, people would never hear the end of it.
    assert_eq!(topics(&house), [Topic::PersonNeeded, Topic::Closed]);
}

#[test]
fn a_rota_is_recorded_when_it_changes_and_only_then() {
    let mut house = House::new();
    let rota = |people: &[&str], stand_in| SharedCommand::RecordRota {
        rota: "primary".into(),
        people: people.iter().map(|name| person(name)).collect(),
        stand_in,
    };
    assert_eq!(house.say(rota(&["ana"], false)).unwrap().len(), 1);
    assert_eq!(house.say(rota(&["ana"], false)).unwrap().len(), 0);
    assert_eq!(house.say(rota(&["ana"], true)).unwrap().len(), 1);
    assert_eq!(house.say(rota(&["ben"], false)).unwrap().len(), 1);
    assert_eq!(house.shared.rota("primary").unwrap().people, [person("ben")]);
    assert_eq!(house.shared.rota("other"), None);
}

#[test]
fn whoever_is_asked_later_is_told_later_and_everyone_is_everybody() {
    let policy = "default_environment = \"low\"\nwarn_before = \"5m\"\n\
                  [[chain]]\nafter = \"3m\"\nask = [\"secondary\"]\n\
                  [[chain]]\nafter = \"6m\"\nask = [\"everyone\"]\n";
    let mut house = House::with(policy, [cache()]);
    house.matched_at(ONE, "cache", "critical");
    for minutes in [3, 3, 4] {
        house.wait(minutes * 60);
        house.must(ONE, Command::Tick);
    }
    let told = told(&house);
    assert_eq!(
        topics(&house),
        [Topic::ReviewRequested, Topic::Escalated, Topic::Escalated, Topic::Warned]
    );
    assert_eq!(told[1].audiences, ["secondary".to_owned()].into());
    assert!(told[2].audiences.is_empty() && told[3].audiences.is_empty(), "{told:#?}");
}

#[test]
fn a_step_of_which_nobody_knows_is_told_also_where_its_incident_is_over_until_somebody_says() {
    let mut house = House::live(OPEN, [disk()]);
    house.matched(ONE, "disk");
    house.start(ONE).unwrap();
    let plan = house.plan(ONE).digest();
    house.end_of_alert(ONE);
    house.must(ONE, Command::ReportLost { running: Default::default() });
    assert!(matches!(house.incidents[ONE], Incident::Closed(..)));
    let notice = told(&house).pop().unwrap();
    assert_eq!(notice.topic, Topic::PersonNeeded);
    assert!(!notice.is_overtaken(&house.incidents[ONE]));
    let (by, step, finding) = (person("ana"), "look".to_owned(), StepFinding::Ran);
    let reason = "looked".into();
    house.must(ONE, Command::ResolveStep { by, plan, step, attempt: 1, finding, reason });
    assert!(notice.is_overtaken(&house.incidents[ONE]));
    // What called people to a plan or to a look at things has no use once the incident is over.
    let mut house = House::new();
    house.receive(ONE, alert(ONE, "critical"));
    house.find(ONE, &[]);
    let notice = told(&house).pop().unwrap();
    assert!(!notice.is_overtaken(&house.incidents[ONE]));
    house.end_of_alert(ONE);
    assert!(notice.is_overtaken(&house.incidents[ONE]));
}
