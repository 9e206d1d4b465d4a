//! What a step that starts does: a command here, one on another host, or a request. Both what people
//! approved and what this process was started with must let it be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tagout_core::plan::PlannedStep;
use tagout_core::policy::EscalationPolicy;
use tagout_core::remote::Reached;
use tagout_core::runbook::StepKind;
use tagout_core::work::BoundWork;

use super::Runner;
use crate::exec::remote::Call;
use crate::exec::{Ask, Bounds, Containment, Order, Program};
use crate::journal::StepPermit;

/// What a step that starts does.
pub(super) enum Due {
    Run(Box<Order>),
    /// A command on another host, through the client.
    Call(Box<Order>, Box<Call>),
    Ask(Box<Ask>),
}

impl Runner {
    /// What the step does.
    ///
    /// # Errors
    /// Why it may not start here.
    pub(super) fn due(
        &self,
        permit: &StepPermit,
        step: &PlannedStep,
        policy: &EscalationPolicy,
    ) -> Result<Due, String> {
        match &step.work {
            Some(work) => ask(permit, step, work, policy).map(Due::Ask),
            None => self.command(permit, step, policy),
        }
    }

    /// What is run here, or by the client on another host.
    fn command(
        &self,
        permit: &StepPermit,
        step: &PlannedStep,
        policy: &EscalationPolicy,
    ) -> Result<Due, String> {
        match self.call(step, policy)? {
            None => Ok(Due::Run(self.order(permit, step, &step.argv, policy)?)),
            Some((client, call)) => {
                let order = self.order(permit, step, std::slice::from_ref(&client), policy)?;
                Ok(Due::Call(order, Box::new(call)))
            }
        }
    }

    /// What is run on another host, and the client that does it, if the step is for one. Both what
    /// people approved and what this process was started with must say so.
    fn call(
        &self,
        step: &PlannedStep,
        policy: &EscalationPolicy,
    ) -> Result<Option<(String, Call)>, String> {
        let Some(on) = &step.on else { return Ok(None) };
        let name = &on.host;
        let execution = policy.execution.as_ref().ok_or("the policy lets nothing be executed")?;
        let (Some(bound), Some(configured)) =
            (execution.hosts.get(name), self.execution.hosts.get(name))
        else {
            return Err(format!("no host is named {name:?} under [execution.hosts]"));
        };
        let approved = on.reached == Some(Reached::of(bound)) && *bound == configured.bound();
        if !approved {
            return Err(format!("host {name:?} is not as it was approved; restart the service"));
        }
        let program = step.argv.first().ok_or("the step has no command")?;
        if bound.path(program) != Some(program) {
            return Err(format!("{program} is not named under the programs of host {name:?}"));
        }
        let ssh = execution.ssh.clone().ok_or("no SSH client is named: [execution] ssh")?;
        let host = configured.host(name);
        let changes = step.kind != StepKind::Check;
        Ok(Some((ssh, Call { host, command: step.argv.clone(), changes })))
    }

    /// Exactly what is run, and all that bounds it.
    fn order(
        &self,
        permit: &StepPermit,
        step: &PlannedStep,
        argv: &[String],
        policy: &EscalationPolicy,
    ) -> Result<Box<Order>, String> {
        let (program, arguments) = argv.split_first().ok_or("the step has no command")?;
        let execution = policy.execution.as_ref().ok_or("the policy lets nothing be executed")?;
        // Both what people approved under and what this process was started with must say so.
        let (approved, configured) = match &step.on {
            None => {
                let programs = self.execution.programs.values();
                let mut paths = programs.map(|program| program.path().display().to_string());
                (execution.path(program), paths.any(|path| path == *program))
            }
            Some(_) => {
                let ssh = self.execution.ssh.as_ref().map(|ssh| ssh.display().to_string());
                (execution.ssh.as_deref(), ssh.as_ref() == Some(program))
            }
        };
        if approved != Some(program) || !configured {
            return Err(format!("{program} is not among the programs of [execution.programs]"));
        }
        let (secrets, profiles) = self.demands(step, execution)?;
        let program = Program::resolve(Path::new(program)).map_err(|e| e.to_string())?;
        let mut containments = vec![Containment::Namespace, Containment::Cgroup];
        if self.execution.weak_containment && execution.weak_containment {
            containments.push(Containment::Weak);
        }
        Ok(Box::new(Order {
            plan: permit.plan(),
            step: permit.step().to_owned(),
            program,
            arguments: arguments.to_vec(),
            line: None,
            input: None,
            // What the client sees could reach the other host, and nothing there needs it.
            inherit: match &step.on {
                None => self.execution.environment.clone(),
                Some(_) => BTreeSet::new(),
            },
            environment: BTreeMap::new(),
            secrets,
            directory: self.execution.directory.clone(),
            timeout: step.timeout,
            grace: self.execution.grace,
            bounds: Bounds::default(),
            containments,
            profiles,
            exit_codes: step.exit_codes.clone(),
            every: step.every,
        }))
    }
}

/// Exactly what is asked, and all that bounds it.
fn ask(
    permit: &StepPermit,
    step: &PlannedStep,
    work: &BoundWork,
    policy: &EscalationPolicy,
) -> Result<Box<Ask>, String> {
    let execution = policy.execution.as_ref().ok_or("the policy lets nothing be executed")?;
    let request = work.request();
    // Both what people approved under and what this process was started with must say so; the
    // executor has the latter.
    let endpoint = execution.endpoint(&request.endpoint, &work.methods());
    if endpoint.is_none_or(|endpoint| endpoint.url != request.base) {
        return Err(format!("{request} is not allowed by [execution.endpoints]"));
    }
    Ok(Box::new(Ask {
        plan: permit.plan(),
        step: permit.step().to_owned(),
        kind: step.kind,
        work: work.clone(),
        timeout: step.timeout,
        every: step.every,
    }))
}
