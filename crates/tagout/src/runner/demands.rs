//! What the command of a step demands beside its program: secrets, and what it is held to. Both what
//! people approved and what this process was started with must say so, of the same runbooks, programs
//! and paths.

use tagout_core::execution::Execution;
use tagout_core::plan::PlannedStep;
use tagout_core::sandbox::Sandboxed;
use tagout_core::secret::TakenSecret;

use super::Runner;
use crate::exec::{Profile, SecretUse};

impl Runner {
    /// The secrets that the command of a step is given, and the profiles that it is held to.
    ///
    /// # Errors
    /// Why it may not start here.
    pub(super) fn demands(
        &self,
        step: &PlannedStep,
        execution: &Execution,
    ) -> Result<(Vec<SecretUse>, Vec<Profile>), String> {
        if step.on.is_some() {
            return Ok((Vec::new(), Vec::new()));
        }
        let secrets = step.secrets.iter().map(|one| self.secret(step, one, execution));
        // Whatever the plan says, what the operator demands for the program now has to be in it.
        let sandboxes = execution.sandboxes_of(step)?;
        let program = step.argv.first().map_or("", String::as_str);
        let forced = sandboxes.iter().find(|one| one.forced).map(|one| one.name.as_str());
        if sandboxes != step.sandboxes || self.execution.forced(program) != forced {
            return Err("its sandbox is not as it was approved; restart the service".into());
        }
        let profiles = sandboxes.iter().map(|one| self.profile(one));
        Ok((secrets.collect::<Result<_, _>>()?, profiles.collect::<Result<_, _>>()?))
    }

    fn secret(
        &self,
        step: &PlannedStep,
        TakenSecret { name, handed }: &TakenSecret,
        execution: &Execution,
    ) -> Result<SecretUse, String> {
        let (Some(bound), Some(configured)) =
            (execution.secrets.get(name), self.execution.secrets.get(name))
        else {
            return Err(format!("no secret is named {name:?} under [execution.secrets]"));
        };
        let same =
            *bound == configured.bound(&self.execution) && handed.as_ref() == Some(&bound.handed);
        if !same {
            return Err(format!("secret {name:?} is not as it was approved; restart the service"));
        }
        if !step.argv.first().is_some_and(|program| bound.programs.contains(program)) {
            return Err(format!("secret {name:?} is not for the program of step {}", step.id));
        }
        Ok(configured.taken())
    }

    fn profile(&self, Sandboxed { name, rules, .. }: &Sandboxed) -> Result<Profile, String> {
        let configured = self.execution.sandboxes.get(name);
        let same = configured.filter(|configured| rules.as_ref() == Some(&configured.bound()));
        let same = same.map(|configured| configured.profile());
        same.ok_or_else(|| {
            format!("sandbox {name:?} is not as it was approved; restart the service")
        })
    }
}
