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
        // Everybody clicks at both replicas; two people are needed.
        let answers: Vec<(usize, u16)> = thread::scope(|scope| {
            let clicks: Vec<_> = (0..people.len())
                .flat_map(|n| [(n, &people[n]), (n, &there[n])])
                .map(|(n, person)| {
                    let plan = &plan;
                    scope.spawn(move || (n, person.approve(plan).status))
                })
                .collect();
            clicks.into_iter().map(|click| click.join().unwrap()).collect()
        });
        let taken: Vec<usize> =
            answers.iter().filter(|(_, status)| *status == 200).map(|(n, _)| *n).collect();
        assert_eq!(taken.len(), 2, "round {round}: {answers:?}");
        assert_ne!(taken[0], taken[1], "round {round}: one person is no quorum of two");
        let refused = answers.iter().filter(|(_, status)| *status == 409).count();
        assert_eq!(refused, answers.len() - 2, "round {round}: {answers:?}");
    }
    second.stop();
    let home = first.stop();
    assert_eq!(home.count("plan_granted"), 5);
    assert_eq!(home.count("review_given"), 10);
    assert_eq!(home.count("plan_finished"), 5);
    home.assert_log_holds();
}
