//! What was before somebody must be what is still the case.

use tagout::asks::{AskError, IncidentAsk};
use tagout_core::approval::{Answer, Refusal};
use tagout_core::decide::Rejection;
use tagout_core::digest::PlanDigest;
use tagout_core::plan::PlanChange;
use tagout_core::verdict::Mode;

use super::house::*;

fn change(plan: PlanDigest) -> IncidentAsk {
    let values = [("keep".to_owned(), "200".to_owned())].into();
    let change = PlanChange { drop_steps: ["warm".to_owned()].into(), values, runbook: None };
    IncidentAsk::Modify { plan, mode: Mode::DryRun, change, reason: "".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_a_plan_that_was_changed_since_is_refused_with_what_changed() {
    let house = House::start();
    let (id, plan) = house.waiting().await;
    house.asks.incident(&ana(), &id, change(plan)).await.unwrap();
    let now = house.plan(&id).await.unwrap();
    assert_ne!(now, plan);
    match house.approve(&bob(), &id, plan).await.unwrap_err() {
        AskError::Outdated { plan_now, difference } => {
            assert_eq!(plan_now, now);
            assert_eq!(difference, ["keep: 100 -> 200 (tighter)", "without step warm: Warm"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(house.count("review_given").await, 0);
    assert_eq!(house.count("review_refused").await, 1, "the attempt itself is recorded");
    house.approve(&bob(), &id, now).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_ask_about_a_plan_tells_of_the_difference_when_the_plan_has_changed() {
    let house = House::start();
    let (id, plan) = house.waiting().await;
    house.asks.incident(&ana(), &id, change(plan)).await.unwrap();
    let asks = [
        change(plan),
        IncidentAsk::Revoke { plan },
        IncidentAsk::ResumeHalt { plan, reason: "again".into() },
    ];
    for ask in asks {
        let error = house.asks.incident(&bob(), &id, ask.clone()).await.unwrap_err();
        let AskError::Outdated { difference, .. } = error else { panic!("{ask:?}: {error:?}") };
        assert_eq!(difference.len(), 2, "{ask:?}: {difference:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_never_was_one_of_the_incident_is_said_to_be_none() {
    let house = House::start();
    let (id, _) = house.waiting().await;
    let error = house.approve(&bob(), &id, PlanDigest::of_bytes(b"x")).await.unwrap_err();
    let AskError::Outdated { difference, .. } = error else { panic!("{error:?}") };
    assert!(difference[0].contains("never a plan of this incident"), "{difference:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_mode_than_the_plans_is_outdated_too() {
    let house = House::start();
    let (id, plan) = house.waiting().await;
    let answer = Answer::Approve;
    let ask = IncidentAsk::Answer { plan, mode: Mode::Live, answer, reason: "".into() };
    let error = house.asks.incident(&bob(), &id, ask).await.unwrap_err();
    let AskError::Outdated { plan_now, difference } = error else { panic!("{error:?}") };
    assert_eq!((plan_now, difference), (plan, vec!["mode: live -> dry-run".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_answered_is_told_their_answer_and_counts_once() {
    let house = House::start();
    let (id, plan) = house.waiting().await;
    house.approve(&ana(), &id, plan).await.unwrap();
    let error = house.approve(&ana(), &id, plan).await.unwrap_err();
    assert!(matches!(error, AskError::Answered { answer: Answer::Approve, .. }), "{error:?}");
    assert_eq!(house.plan(&id).await, Some(plan), "it still waits for a second person");
    assert_eq!(house.count("review_given").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_that_is_replayed_after_the_plan_was_decided_does_nothing() {
    let house = House::start();
    let (id, plan) = house.waiting().await;
    house.approve(&ana(), &id, plan).await.unwrap();
    house.approve(&bob(), &id, plan).await.unwrap();
    let before = house.history(None).await.len();
    let error = house.approve(&ana(), &id, plan).await.unwrap_err();
    assert!(matches!(error, AskError::Rejected(Rejection::NotDue(_))), "{error:?}");
    assert_eq!(house.history(None).await.len(), before);
    assert_eq!(house.count("plan_granted").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_what_they_changed_themselves_unless_the_policy_lets_a_stricter_change_count()
 {
    let house = House::start();
    let (id, plan) = house.waiting().await;
    house.asks.incident(&ana(), &id, change(plan)).await.unwrap();
    let now = house.plan(&id).await.unwrap();
    let error = house.approve(&ana(), &id, now).await.unwrap_err();
    let own = matches!(error, AskError::Rejected(Rejection::Refused(Refusal::OwnRequest, _)));
    assert!(own, "{error:?}");
}
