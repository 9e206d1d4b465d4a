//! Who may, and what remains of the attempts of those who may not.

use tagout::asks::{AskError, IncidentAsk, SharedAsk};
use tagout_core::actor::{Act, Role};
use tagout_core::approval::Answer;
use tagout_core::event::{Event, NotLet, RefusedAsks};
use tagout_core::limits;
use tagout_core::plan::PlanChange;
use tagout_core::verdict::Mode;

use super::house::*;

#[tokio::test(flavor = "multi_thread")]
async fn each_ask_takes_the_role_that_the_one_table_names_and_no_lower_one() {
    let house = House::start();
    let (id, plan) = house.waiting().await;
    let mode = Mode::DryRun;
    let asks = || {
        [
            approval(plan),
            IncidentAsk::Answer { plan, mode, answer: Answer::Reject, reason: "no".into() },
            IncidentAsk::Modify { plan, mode, change: PlanChange::default(), reason: "".into() },
            IncidentAsk::BreakGlass { plan, mode, reason: "alone".into() },
            IncidentAsk::Revoke { plan },
            IncidentAsk::ResumeHalt { plan, reason: "again".into() },
            IncidentAsk::Close { reason: "done".into() },
        ]
    };
    for ask in asks() {
        let act = ask.act();
        for role in Role::ALL.into_iter().filter(|role| *role < act.least_role()) {
            let actor = somebody(&format!("{role}-{}", act.name()), role);
            let refused = house.asks.incident(&actor, &id, ask.clone()).await.unwrap_err();
            assert!(
                matches!(refused, AskError::NotAllowed { act: a, role: r } if a == act && r == role),
                "{ask:?}: {refused:?}"
            );
        }
    }
    assert_eq!(house.plan(&id).await, Some(plan), "nothing came of any of them");
    assert_eq!(house.count("review_given").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_responder_may_stop_everything_and_may_not_let_it_go_on() {
    let house = House::start();
    let rob = somebody("rob", Role::Responder);
    let engage = SharedAsk::EngageKillSwitch { reason: "something is wrong".into() };
    house.asks.shared(&rob, engage).await.unwrap();
    let release = || SharedAsk::ReleaseKillSwitch { reason: "all well".into() };
    let refused = house.asks.shared(&rob, release()).await.unwrap_err();
    assert!(matches!(refused, AskError::NotAllowed { act: Act::Resume, .. }), "{refused:?}");
    assert_eq!(house.count("ask_refused").await, 1);
    house.asks.shared(&ana(), release()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_attempt_is_recorded_with_who_what_and_on_which_incident() {
    let house = House::start();
    let (id, plan) = house.waiting().await;
    let vera = somebody("vera", Role::Viewer);
    house.approve(&vera, &id, plan).await.unwrap_err();
    house.approve(&vera, "inc-<b>nobody</b>", plan).await.unwrap_err();
    let history = house.history(None).await;
    let refused: Vec<_> = history
        .iter()
        .filter_map(|one| match one.event() {
            Event::AskRefused { by, act, incident, why } => {
                Some((by.name(), *act, incident.as_deref(), *why))
            }
            _ => None,
        })
        .collect();
    let why = NotLet::Role(Role::Viewer);
    assert_eq!(
        refused,
        [("vera", Act::Review, Some(&*id), why), ("vera", Act::Review, None, why)],
        "what no incident is called is not written down"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_fills_the_log_by_asking_for_what_their_role_forbids() {
    let house = House::start();
    let (id, plan) = house.waiting().await;
    let vera = somebody("vera", Role::Viewer);
    for _ in 0..200 {
        house.approve(&vera, &id, plan).await.unwrap_err();
    }
    assert_eq!(house.count("ask_refused").await, limits::REFUSED_ASKS as usize);
    house.asks.tell_refused().await.unwrap();
    house.asks.tell_refused().await.unwrap();
    let history = house.history(None).await;
    let summaries: Vec<_> = history
        .iter()
        .filter_map(|one| match one.event() {
            Event::AsksRefused { refused, .. } => Some(refused.clone()),
            _ => None,
        })
        .collect();
    let times = 200 - u64::from(limits::REFUSED_ASKS);
    assert_eq!(summaries, [[RefusedAsks { by: vera.person, act: Act::Review, times }]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_fills_the_log_with_answers_that_the_gate_refuses_and_their_next_good_one_counts() {
    let house = House::start();
    let (id, plan) = house.waiting().await;
    let (other, its_plan) = house.waiting_on("CacheFull", "critical", "host-2").await;
    for _ in 0..100 {
        house.approve(&ana(), &id, its_plan).await.unwrap_err();
    }
    assert_eq!(house.count("review_refused").await, limits::REFUSED_ASKS as usize);
    house.approve(&ana(), &id, plan).await.unwrap();
    house.approve(&bob(), &other, its_plan).await.unwrap();
    house.asks.tell_refused().await.unwrap();
    assert_eq!(house.count("asks_refused").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_shown_once_to_whoever_may_answer_and_not_to_readers() {
    let house = House::start();
    let (id, plan) = house.waiting().await;
    let show = IncidentAsk::Show { plan };
    for _ in 0..3 {
        house.asks.incident(&ana(), &id, show.clone()).await.unwrap();
        house.asks.incident(&bob(), &id, show.clone()).await.unwrap();
        let vera = somebody("vera", Role::Viewer);
        assert_eq!(house.asks.incident(&vera, &id, show.clone()).await.unwrap(), []);
    }
    assert_eq!(house.count("request_shown").await, 2);
}
