//! `tagout config check`: what is configured and what that allows, in words.

use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_core::tier::Tier;

use crate::terminal::{STRONG, paint};

use super::run::{load_policy, load_runbooks};
use super::{Home, Outcome, print_json};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check the configuration and the policy, and say what they allow.
    Check {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(home: &Home, Command::Check { json }: &Command) -> Outcome {
    let dir = home.dir()?;
    let config = home.config()?;
    let policy = load_policy(config.policy.as_deref())?;
    let catalogue = match &config.runbooks {
        Some(path) => Some(load_runbooks(path)?),
        None => None,
    };
    if *json {
        return print_json(&serde_json::json!({
            "data_dir": dir.path(),
            "mode": "dry-run",
            "runbooks": config.runbooks,
            "runbook_count": catalogue.as_ref().map(Catalogue::len),
            "policy": policy,
            "policy_digest": policy.digest(),
        }));
    }
    anstream::println!("{}", paint(STRONG, "Configuration"));
    anstream::println!("  data directory   {}", dir.path().display());
    anstream::println!("  mode             dry-run: every step is shown, none is started");
    match config.runbooks.as_ref().zip(catalogue) {
        Some((path, catalogue)) => {
            let executable = catalogue.iter().filter(|r| r.is_executable()).count();
            anstream::println!(
                "  runbooks         {}: {} pages, {executable} with executable steps",
                path.display(),
                catalogue.len()
            );
        }
        None => anstream::println!("  runbooks         none set; `tagout run --runbooks DIR`"),
    }
    anstream::println!("\n{} ({})", paint(STRONG, "Policy"), policy.digest().short());
    for line in words(&policy) {
        anstream::println!("  {line}");
    }
    Ok(())
}

/// What a policy allows, one statement a line.
fn words(policy: &EscalationPolicy) -> Vec<String> {
    let mut lines = Vec::new();
    for tier in Tier::ALL {
        let rules = policy.rules(tier);
        let alone = match rules.min_confidence {
            Some(least) if rules.max_autonomous_actions > 0 => format!(
                "goes on alone from confidence {least}, at most {} actions in {}, then {:?}",
                rules.max_autonomous_actions, rules.window, rules.budget_spent
            )
            .to_lowercase(),
            _ => "never goes on alone".into(),
        };
        lines.push(format!("{:<9} {alone}", tier.name()));
        lines.push(format!(
            "{:<9} {} must approve within {}; nobody answering means nobody approved",
            "", rules.quorum, rules.timeout
        ));
    }
    for environment in &policy.environments {
        lines.push(format!("in {}: at least {} tier", environment.name, environment.floor));
    }
    lines.push(format!(
        "where no environment is declared: at least {} tier",
        policy.default_environment
    ));
    lines.push(format!("an alert without severity counts as {}", policy.default_severity));
    for minimum in &policy.minimums {
        let (kind, pattern) = match (&minimum.program, &minimum.target) {
            (Some(program), _) => ("program", program),
            (_, Some(target)) => ("target", target),
            _ => continue,
        };
        lines.push(format!("{kind} {pattern}: at least {} tier", minimum.tier));
    }
    match &policy.clock_grant {
        Some(clock) => lines.push(format!(
            "silence for {} after a delivered warning is consent for: {}",
            clock.wait,
            clock.runbooks.iter().cloned().collect::<Vec<_>>().join(", ")
        )),
        None => lines.push("silence is never consent".into()),
    }
    lines
}
