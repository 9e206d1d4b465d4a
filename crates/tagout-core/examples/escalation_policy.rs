//! The escalation policy on its own: what an agent of any kind may do without a person.
//!
//! The policy is a pure function from what is known about a plan to PROCEED, ESCALATE or
//! HALT with every reason. It needs no incident, no store and no clock: describe the plan, ask,
//! and keep the answer beside the input, from which it can be repeated byte for byte.
//!
//! ```sh
//! cargo run -p tagout-core --example escalation_policy
//! ```

use tagout_core::alert::Severity;
use tagout_core::confidence::Confidence;
use tagout_core::policy::{EscalationPolicy, PolicyError, SeverityOrigin, SeverityReading};
use tagout_core::runbook::StepKind;
use tagout_core::tier::Tier;
use tagout_core::verdict::{Mode, PolicyInput, StepFacts};

/// What differs from the policy as shipped. A typo in here is an error and not a default.
const POLICY: &str = r#"
    default_environment = "high"

    [[environment]]
    name = "staging"
    match = { env = "staging" }
    floor = "low"

    [[minimum]]
    program = "dropdb"
    tier = "critical"
"#;

fn main() -> Result<(), PolicyError> {
    let policy = EscalationPolicy::parse(POLICY)?;
    println!("policy {}\n", policy.digest().short());

    ask(&policy, "a restart in staging", &restart("staging"));
    ask(
        &policy,
        "the same with the model less sure",
        &PolicyInput { confidence: Confidence::from_basis_points(8_999), ..restart("staging") },
    );
    ask(&policy, "the same where nobody declared an environment", &restart("prod"));
    ask(
        &policy,
        "the same after five others within the hour",
        &PolicyInput { spent: [(Tier::Medium, 5)].into(), ..restart("staging") },
    );
    let mut drop = restart("staging");
    drop.steps[0].words = ["dropdb".to_owned()].into();
    ask(&policy, "a program that the operator holds to be critical", &drop);
    ask(
        &policy,
        "anything while the kill switch is engaged",
        &PolicyInput { kill_switch: true, ..restart("staging") },
    );
    Ok(())
}

fn ask(policy: &EscalationPolicy, what: &str, input: &PolicyInput) {
    let verdict = policy.decide(input);
    println!("{what}: {} at {} tier ({})", verdict.decision, verdict.tier, verdict.tier_from);
    for reason in &verdict.reasons {
        println!("    {}: {}", reason.decision, reason.detail);
    }
}

/// A plan of one step that restarts a service, for a warning, with a confident match.
fn restart(env: &str) -> PolicyInput {
    PolicyInput {
        mode: Mode::Live,
        risk: Some(Tier::Low),
        severity: SeverityReading { severity: Severity::Warning, origin: SeverityOrigin::Sent },
        labels: [("env".to_owned(), env.to_owned())].into(),
        target: "web-1".to_owned(),
        steps: vec![StepFacts {
            id: "restart".to_owned(),
            risk: Some(Tier::Low),
            words: ["systemctl".to_owned()].into(),
            kind: StepKind::Action,
            requires_approval: false,
        }],
        replaces: None,
        confidence: Confidence::from_basis_points(9_700),
        margin: Confidence::from_basis_points(4_000),
        exact_key: false,
        calibrated: true,
        spent: Default::default(),
        kill_switch: false,
        freeze: false,
        target_held_by: None,
        asked_by_person: false,
        runbook: "restart-web".to_owned(),
        owner: None,
        novel: false,
        bypass: None,
        looks: Vec::new(),
        reached: None,
        tried: None,
        not_startable: None,
    }
}
