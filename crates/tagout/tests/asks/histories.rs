//! Long histories, and whoever waits while they are read.

use std::pin::pin;
use std::task::Poll;

use futures_util::future::join_all;
use futures_util::poll;
use tagout::asks::{AskError, IncidentAsk};
use tagout::history::PIECE;
use tagout_core::handling::Handled;
use tagout_core::incident::Incident;
use tagout_core::plan::PlanChange;
use tagout_core::verdict::Mode;

use super::house::*;

impl House {
    /// Has this much said of an incident.
    async fn comments(&self, id: &str, count: usize) {
        for first in (0..count).step_by(100) {
            let say = |n: usize| {
                let text = format!("{n}").as_str().into();
                IncidentAsk::Handle(Handled::Commented { text })
            };
            let ana = ana();
            let said =
                (first..count.min(first + 100)).map(|n| self.asks.incident(&ana, id, say(n)));
            for one in join_all(said).await {
                one.unwrap();
            }
        }
    }

    async fn closed(&self, host: &str, comments: usize) -> String {
        let (id, _) = self.waiting_on("QueueStuck", "warning", host).await;
        self.comments(&id, comments).await;
        let close = IncidentAsk::Close { reason: "done".into() };
        self.asks.incident(&ana(), &id, close).await.unwrap();
        id
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_come_in_between_while_a_long_history_is_read() {
    let house = House::start();
    let id = house.closed("host-1", 2 * PIECE).await;
    let named = id.clone();
    let whole = house.writer.read(move |journal| journal.load(&named)).await.unwrap().unwrap();
    let mut reading = pin!(house.writer.incident(&id));
    let mut looks = 0;
    let read = loop {
        // The writer is held, so that no look of the reading is answered while it is polled.
        let (go, held) = std::sync::mpsc::channel::<()>();
        let mut turn = pin!(house.writer.turn(move |_| held.recv()));
        assert!(poll!(turn.as_mut()).is_pending());
        let polled = poll!(reading.as_mut());
        go.send(()).unwrap();
        turn.await.unwrap().unwrap();
        if let Poll::Ready(read) = polled {
            break read.unwrap();
        }
        // Whoever asks now has an answer before the next piece is read.
        house.writer.read(|_| ()).await.unwrap();
        looks += 1;
    };
    assert_eq!(read, whole);
    assert!(matches!(read, Incident::Closed(..)));
    // One look in memory, one for the places, and three pieces.
    assert_eq!(looks, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_in_short_come_in_order_however_long_their_histories_are() {
    let house = House::start();
    let mut ids = Vec::new();
    for (n, comments) in [3, PIECE - 20, PIECE + 1, 30, 0].into_iter().enumerate() {
        ids.push(house.closed(&format!("host-{n}"), comments).await);
    }
    ids.push(house.waiting().await.0);
    ids.push("inc-0000000000".into());
    let all = |summaries: &[tagout::summary::Summary]| -> Vec<String> {
        summaries.iter().map(|summary| summary.incident.clone()).collect()
    };
    let (found, seen) = house.writer.summaries(&ids, 10, |_| true).await.unwrap();
    assert_eq!((all(&found), seen), (ids[..6].to_vec(), 7));
    let (found, seen) = house.writer.summaries(&ids, 2, |_| true).await.unwrap();
    assert_eq!((all(&found), seen), (ids[..2].to_vec(), 2));
    let open = |summary: &tagout::summary::Summary| summary.state != "closed";
    let (found, seen) = house.writer.summaries(&ids, 1, open).await.unwrap();
    assert_eq!((all(&found), seen), (ids[5..6].to_vec(), 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_was_seen_is_found_again_behind_a_long_history() {
    let house = House::start();
    let (id, _) = house.waiting().await;
    house.comments(&id, PIECE).await;
    let change = |plan, keep: &str| {
        let values = [("keep".to_owned(), keep.to_owned())].into();
        let change = PlanChange { drop_steps: [].into(), values, runbook: None };
        IncidentAsk::Modify { plan, mode: Mode::DryRun, change, reason: "".into() }
    };
    let first = house.plan(&id).await.unwrap();
    house.asks.incident(&ana(), &id, change(first, "200")).await.unwrap();
    let seen = house.plan(&id).await.unwrap();
    house.comments(&id, PIECE).await;
    house.asks.incident(&ana(), &id, change(seen, "300")).await.unwrap();
    let error = house.approve(&bob(), &id, seen).await.unwrap_err();
    let AskError::Outdated { difference, .. } = error else { panic!("{error:?}") };
    assert_eq!(difference, ["keep: 200 -> 300 (tighter)"]);
}
