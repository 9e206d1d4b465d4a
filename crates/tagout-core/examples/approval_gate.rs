//! The approval gate on its own: two people, one of them of the database team, before a
//! database is failed over.
//!
//! The gate knows nothing of incidents or runbooks. Whatever must not happen before people
//! agree is named by a digest; reviews of that digest are taken or refused; the tally says
//! what they add up to. Time is an argument, so all of this can be tested without waiting.
//!
//! ```sh
//! cargo run -p tagout-core --example approval_gate
//! ```

use std::collections::{BTreeMap, BTreeSet};

use tagout_core::actor::{Actor, Role};
use tagout_core::approval::{
    Answer, ApprovalGate, NotAPerson, Person, Review, ReviewRequest, Tally,
};
use tagout_core::chain::Chain;
use tagout_core::digest::PlanDigest;
use tagout_core::entitlement::Approvers;
use tagout_core::tier::Tier;
use tagout_core::time::{Span, Time};
use tagout_core::verdict::Mode;

fn main() -> Result<(), NotAPerson> {
    // What is to be approved, byte for byte. Another byte is another plan.
    let plan = PlanDigest::of_bytes(b"promote db-2; demote db-1");
    let opened_at = Time::from_millis(0);
    let expires_at = opened_at.after(Span::from_secs(15 * 60));
    let mut gate = ApprovalGate::open(ReviewRequest {
        plan,
        mode: Mode::Live,
        tier: Tier::Critical,
        quorum: 2,
        groups: [("database".to_owned(), 1)].into(),
        approvers: Approvers::default(),
        owner: None,
        first_use: BTreeMap::new(),
        ask: BTreeSet::new(),
        chain: Chain::default(),
        requested_by: Some(Person::new("agent-7")?),
        author_counts: false,
        opened_at,
        expires_at,
    });

    let stale = PlanDigest::of_bytes(b"promote db-3; demote db-1");
    let attempts = [
        (10, "agent-7", Answer::Approve, plan),
        (40, "ana", Answer::Approve, stale),
        (55, "ana", Answer::Approve, plan),
        (56, "ana", Answer::Approve, plan),
        (90, "ben", Answer::Approve, plan),
    ];
    for (second, name, answer, plan) in attempts {
        let now = opened_at.after(Span::from_secs(second));
        let mut actor = Actor::new(Person::new(name)?, Role::Approver);
        if name == "ben" {
            actor.groups.insert("database".into());
        }
        let review = Review::by(actor, answer, (plan, Mode::Live), "read the graphs".into());
        match gate.take(review, now) {
            Ok(()) => println!("{second:>3}s  {name}: taken; {}", in_words(&gate.tally(now))),
            Err(refusal) => println!("{second:>3}s  {name}: refused, {refusal}"),
        }
    }

    // The only way to a grant is through the tally, so code that asks for a `QuorumGrant`
    // cannot be reached without one. It carries what it covers and who gave it.
    if let Tally::Granted(grant) = gate.tally(opened_at.after(Span::from_secs(90))) {
        let people: Vec<_> = grant.people().iter().map(Person::name).collect();
        println!(
            "granted: {} in {} mode, by {}",
            grant.plan().short(),
            grant.mode(),
            people.join(", ")
        );
    }

    // A gate that nobody answers lapses. That is no refusal, and it never opens.
    let unanswered = ApprovalGate::open(gate.request().clone());
    println!("unanswered, at its end: {}", in_words(&unanswered.tally(expires_at)));
    Ok(())
}

fn in_words(tally: &Tally) -> String {
    match tally {
        Tally::Waiting { have, need } => format!("{have} of {need} people"),
        Tally::Granted(_) => "granted".to_owned(),
        Tally::Denied { by } => format!("denied by {by}"),
        Tally::TimedOut => "timed out".to_owned(),
    }
}
