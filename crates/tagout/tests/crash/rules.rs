//! Processes on one database that do not have the same rules.

use std::fs;

use super::cluster::Cluster;
use super::cycles::{home, postgres, start};
use super::home::{Home, POLICY, alert};

/// The digests of the policies that were put into force, in order.
fn in_force(home: &Home) -> Vec<String> {
    let trail = home.trail().into_iter();
    let loads = trail.filter(|line| line["event"]["kind"] == "policy_loaded");
    loads.map(|line| line["event"]["data"]["digest"].to_string()).collect()
}

#[test]
fn over_postgresql_the_rules_of_whoever_leads_are_in_force_whatever_others_bring() {
    let cluster = Cluster::start(&[]);
    let store = postgres(&cluster, &cluster.database());
    let leader = start(home(&store));
    leader.wait("that it leads", |service| {
        (service.metric("tagout_replica_leads") == Some(1.0)).then_some(())
    });
    let other = home(&store);
    for key in ["log.key", "log.pub"] {
        fs::copy(leader.home.data().join(key), other.data().join(key)).unwrap();
    }
    other.write("policy.toml", format!("default_severity = \"error\"\n{POLICY}"));
    // A command sees the lease of another process, and puts nothing into force.
    let odd = alert("QueueStuck", "warning", "q-1");
    other.run(&odd).exits(2).names(&["a service works on this log with other"]);
    assert_eq!(in_force(&leader.home).len(), 1);
    // A replica says at its start what it has; whoever leads says its own again.
    let follower = start(other);
    let digests = leader.wait("its own rules again", |service| {
        Some(in_force(&service.home)).filter(|digests| digests.len() > 2)
    });
    assert_ne!(digests[1], digests[0]);
    assert_eq!(digests[2..], digests[..1], "once, and those of the leader");
    assert!(leader.told().contains("are in force again"), "{}", leader.told());
    follower.wait("that it is told so", |follower| {
        follower.told().contains("leads works with other runbooks").then_some(())
    });
    // A replica that has left holds nothing up.
    leader.stop();
    let other = follower.stop();
    other.run(&odd).ok();
    let digests = in_force(&other);
    assert_eq!(digests.last(), Some(&digests[1]), "those of the command");
    other.assert_log_holds();
}
