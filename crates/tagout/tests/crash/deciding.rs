//! Two replicas of the service on one database, at which people decide at the same moment.

use std::fs;
use std::thread;

use super::cluster::Cluster;
use super::cycles::{home, postgres, start};
use super::people::{Person, Plan};

#[test]
fn two_replicas_that_decide_at_once_give_one_quorum_and_one_grant() {
    let cluster = Cluster::start(&[]);
    let store = postgres(&cluster, &cluster.database());
    let first = start(home(&store));
    let other = home(&store);
    for key in ["log.key", "log.pub"] {
        fs::copy(first.home.data().join(key), other.data().join(key)).unwrap();
    }
    let second = start(other);
    let people = ["ana", "bob", "cleo", "dan"].map(|name| Person::of(&first, name, "approver"));
    let there = [&people[0], &people[1], &people[2], &people[3]].map(|person| person.at(&second));
    for round in 0..5 {
        let plan = Plan::waiting(&first, "CacheFull", "critical", &format!("host-{round}"));
        // One person clicks at both replicas at once, four times each, and is no quorum of two.
        let clicks = |who: std::ops::Range<usize>, times: usize| -> Vec<(usize, u16)> {
            thread::scope(|scope| {
                let at_both = who.flat_map(|n| [(n, &people[n]), (n, &there[n])]);
                let at_both = at_both.flat_map(|click| std::iter::repeat_n(click, times));
                let plan = &plan;
                let clicks: Vec<_> = at_both
                    .map(|(n, person)| scope.spawn(move || (n, person.approve(plan).status)))
                    .collect();
                clicks.into_iter().map(|click| click.join().unwrap()).collect()
            })
        };
        let taken = |answers: &[(usize, u16)]| {
            let count = |status: u16| answers.iter().filter(|(_, got)| *got == status).count();
            assert_eq!(count(200) + count(409), answers.len(), "round {round}: {answers:?}");
            count(200)
        };
        let one = clicks(0..1, 4);
        assert_eq!(taken(&one), 1, "round {round}: one person answers once: {one:?}");
        let state = first.decided(&plan.incident)["summary"]["state"].clone();
        assert_eq!(state, "pending_review", "round {round}");
        // Then everybody does, and one more of them is enough.
        let all = clicks(0..people.len(), 1);
        assert_eq!(taken(&all), 1, "round {round}: {all:?}");
        assert!(!all.contains(&(0, 200)), "round {round}: {all:?}");
    }
    second.stop();
    let home = first.stop();
    assert_eq!(home.count("plan_granted"), 5);
    assert_eq!(home.count("review_given"), 10);
    assert_eq!(home.count("plan_finished"), 5);
    home.assert_log_holds();
}
