//! What exactly is to be run, with all that bounds it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tagout_core::digest::PlanDigest;
use tagout_core::exit_codes::ExitCodes;
use tagout_core::limits;
use tagout_core::time::Span;

use super::RUN_VARIABLE;
use super::outcome::Containment;
use super::program::Program;
use super::secret::SecretUse;

/// One command of one step, ready to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The plan whose step it is. It runs with a permit for this step and no other.
    pub plan: PlanDigest,
    /// The step's id.
    pub step: String,
    /// The program. Another file at its path, or other bytes in it, and it does not start.
    pub program: Program,
    /// Its arguments, after its name.
    pub arguments: Vec<String>,
    /// What OpenSSH's client is to have a shell of another host read: one more argument, which may
    /// be longer than others.
    pub line: Option<String>,
    /// What it can read on its standard input.
    pub input: Option<Vec<u8>>,
    /// What of the agent's own environment it sees, by name. What is not set there, it does not
    /// see either.
    pub inherit: BTreeSet<String>,
    /// What else is in its environment. There is nothing besides, but for the secrets and
    /// [`RUN_VARIABLE`].
    pub environment: BTreeMap<String, String>,
    /// Its secrets.
    pub secrets: Vec<SecretUse>,
    /// Where it runs; from the root on.
    pub directory: PathBuf,
    /// How long it may take.
    pub timeout: Span,
    /// How long its processes have after the polite signal (TERM) before they are killed.
    pub grace: Span,
    /// What its processes may take.
    pub bounds: Bounds,
    /// The containments that will do, the best first. A weak one also needs the operator's leave.
    pub containments: Vec<Containment>,
    /// What it may do in the file system and over TCP: what all of them let; as its user if there is
    /// none.
    pub profiles: Vec<Profile>,
    /// The codes with which it says that it did what it should.
    pub exit_codes: ExitCodes,
    /// How long to wait before it is run again if it did not end with one of them: a check that waits.
    /// All of it together takes no longer than `timeout`.
    pub every: Option<Span>,
}

/// What the processes of a command may take. Each of them may take it for itself, but for
/// `processes`, which the kernel counts for the user and does not count for root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Processor time.
    pub cpu: Span,
    /// Address space, in bytes.
    pub memory: u64,
    /// Open descriptors.
    pub files: u64,
    /// Processes and threads of the user.
    pub processes: u64,
    /// The size of a file that it writes, in bytes.
    pub file_size: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            cpu: Span::from_secs(3600),
            memory: 8 << 30,
            files: 1024,
            processes: 1024,
            file_size: 1 << 30,
        }
    }
}

/// What a command may touch. A command that demands a profile does not start unless the kernel
/// enforces all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Profile {
    /// It may read and execute everything that its user may, and write nothing.
    ReadOnly {
        /// The TCP ports that it may connect to.
        connect: Vec<u16>,
    },
    /// It may touch these paths and what is below them, its program, and the shared libraries.
    Paths {
        /// What it may read.
        read: Vec<PathBuf>,
        /// What it may read and execute.
        execute: Vec<PathBuf>,
        /// What it may read and write.
        write: Vec<PathBuf>,
        /// The TCP ports that it may connect to.
        connect: Vec<u16>,
    },
}

impl Order {
    /// Whether it is within all limits. The executor asks before anything else.
    ///
    /// # Errors
    /// The first thing that is wrong, with what to do.
    pub fn check(&self) -> Result<(), String> {
        if self.arguments.len() >= limits::ARGUMENTS {
            return Err(format!("a command has at most {} arguments", limits::ARGUMENTS));
        }
        let within = |argument: &String| argument.len() <= limits::ARGUMENT_BYTES;
        if !self.arguments.iter().all(within) {
            let most = limits::ARGUMENT_BYTES;
            return Err(format!("an argument is longer than {most} bytes"));
        }
        let all = || self.arguments.iter().chain(&self.line);
        if all().any(|argument| argument.contains('\0')) {
            return Err("an argument holds a zero byte".into());
        }
        if self.line.as_ref().is_some_and(|line| line.len() > limits::REMOTE_LINE_BYTES) {
            let most = limits::REMOTE_LINE_BYTES;
            return Err(format!("the arguments for the other host are longer than {most} bytes"));
        }
        self.check_environment()?;
        if !self.directory.is_absolute() {
            return Err(format!(
                "the directory {} is not named from the root on; write its whole path",
                self.directory.display()
            ));
        }
        if self.timeout == Span::default() || self.timeout > limits::STEP_TIMEOUT {
            let most = limits::STEP_TIMEOUT;
            return Err(format!("the time-out {} is not between 1ms and {most}", self.timeout));
        }
        if self.grace > limits::EXEC_GRACE {
            let most = limits::EXEC_GRACE;
            return Err(format!("the grace {} is longer than {most}", self.grace));
        }
        if self.containments.is_empty() {
            return Err("no containment would do; name one".into());
        }
        self.bounds.check()?;
        self.profiles.iter().try_for_each(Profile::check)
    }

    fn check_environment(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut names = BTreeSet::new();
        let secret = self.secrets.iter().map(|secret| &secret.variable);
        for name in self.inherit.iter().chain(self.environment.keys()).chain(secret) {
            if name.is_empty() || !name.chars().all(plain) || name.starts_with(char::is_numeric) {
                return Err(format!("{name:?} is no name of an environment variable"));
            }
            if name.starts_with("LD_") {
                return Err(format!("{name} would put other code into the program; leave it out"));
            }
            if name == RUN_VARIABLE {
                return Err(format!("{name} is what a command is known by; take another name"));
            }
            if !names.insert(name) {
                return Err(format!("the environment variable {name} is set twice"));
            }
        }
        if names.len() > limits::EXEC_VARIABLES {
            let most = limits::EXEC_VARIABLES;
            return Err(format!("there are more than {most} environment variables"));
        }
        if self.environment.values().any(|value| value.contains('\0')) {
            return Err("an environment variable holds a zero byte".into());
        }
        let bytes = |(name, value): (&String, &String)| name.len() + value.len();
        if self.environment.iter().map(bytes).sum::<usize>() > limits::EXEC_ENVIRONMENT_BYTES {
            let most = limits::EXEC_ENVIRONMENT_BYTES;
            return Err(format!("the environment is larger than {most} bytes"));
        }
        if self.secrets.len() > limits::EXEC_SECRETS {
            return Err(format!("a command gets at most {} secrets", limits::EXEC_SECRETS));
        }
        Ok(())
    }
}

impl Bounds {
    /// Whether they can be told to the kernel.
    ///
    /// # Errors
    /// The first that is out of range.
    pub fn check(&self) -> Result<(), String> {
        let cpu = limits::EXEC_CPU;
        if self.cpu < cpu.0 || self.cpu > cpu.1 {
            return Err(format!("cpu: {} is not between {} and {}", self.cpu, cpu.0, cpu.1));
        }
        let ranges = [
            ("memory", self.memory, limits::EXEC_MEMORY_BYTES),
            ("files", self.files, limits::EXEC_FILES),
            ("processes", self.processes, limits::EXEC_PROCESSES),
            ("file_size", self.file_size, (0, limits::EXEC_FILE_BYTES)),
        ];
        for (name, value, (least, most)) in ranges {
            if value < least || value > most {
                return Err(format!("{name}: {value} is not between {least} and {most}"));
            }
        }
        Ok(())
    }
}

impl Profile {
    fn check(&self) -> Result<(), String> {
        let none = Vec::new();
        let (paths, connect) = match self {
            Self::ReadOnly { connect } => ([&none; 3], connect),
            Self::Paths { read, execute, write, connect } => ([read, execute, write], connect),
        };
        if paths.iter().any(|paths| paths.len() > limits::EXEC_PATHS) {
            return Err(format!("a profile names at most {} paths", limits::EXEC_PATHS));
        }
        if connect.len() > limits::EXEC_PORTS {
            return Err(format!("a profile names at most {} ports", limits::EXEC_PORTS));
        }
        let relative = paths.into_iter().flatten().find(|path| !path.is_absolute());
        relative.map_or(Ok(()), |path| {
            Err(format!("the profile names {}; write its whole path", path.display()))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::secret::{Hand, SecretOrigin};
    use super::*;
    use crate::source::SecretRef;

    fn order() -> Order {
        Order {
            plan: PlanDigest::of_bytes(b"a plan"),
            step: "one".into(),
            program: Program::resolve(Path::new("/bin/sh")).unwrap(),
            arguments: Vec::new(),
            line: None,
            input: None,
            inherit: BTreeSet::new(),
            environment: BTreeMap::new(),
            secrets: Vec::new(),
            directory: "/".into(),
            timeout: Span::from_secs(1),
            grace: Span::default(),
            bounds: Bounds::default(),
            containments: Containment::ALL.into(),
            profiles: Vec::new(),
            exit_codes: ExitCodes::default(),
            every: None,
        }
    }

    fn with(change: impl FnOnce(&mut Order)) -> Result<(), String> {
        let mut order = order();
        change(&mut order);
        order.check()
    }

    fn refused(words: &str, change: impl FnOnce(&mut Order)) {
        let why = with(change).unwrap_err();
        assert!(why.contains(words), "{why}");
    }

    fn named(n: usize) -> BTreeMap<String, String> {
        (0..n).map(|i| (format!("V{i}"), String::new())).collect()
    }

    #[test]
    fn an_order_is_within_each_limit_and_refused_one_past_it() {
        assert_eq!(order().check(), Ok(()));
        // The program is an argument too.
        let arguments = |n| move |o: &mut Order| o.arguments = vec![String::new(); n];
        assert_eq!(with(arguments(limits::ARGUMENTS - 1)), Ok(()));
        refused("arguments", arguments(limits::ARGUMENTS));
        let argument = |n| move |o: &mut Order| o.arguments = vec!["a".repeat(n)];
        assert_eq!(with(argument(limits::ARGUMENT_BYTES)), Ok(()));
        refused("longer", argument(limits::ARGUMENT_BYTES + 1));
        let line = |n| move |o: &mut Order| o.line = Some("a".repeat(n));
        assert_eq!(with(line(limits::REMOTE_LINE_BYTES)), Ok(()));
        refused("longer", line(limits::REMOTE_LINE_BYTES + 1));
        let variables = |n| move |o: &mut Order| o.environment = named(n);
        assert_eq!(with(variables(limits::EXEC_VARIABLES)), Ok(()));
        refused("more than", variables(limits::EXEC_VARIABLES + 1));
        let large = |n| move |o: &mut Order| o.environment = [("V".into(), "a".repeat(n))].into();
        assert_eq!(with(large(limits::EXEC_ENVIRONMENT_BYTES - 1)), Ok(()));
        refused("larger", large(limits::EXEC_ENVIRONMENT_BYTES));
        let timeout = |ms| move |o: &mut Order| o.timeout = Span::from_millis(ms);
        assert_eq!(with(timeout(limits::STEP_TIMEOUT.millis())), Ok(()));
        refused("time-out", timeout(limits::STEP_TIMEOUT.millis() + 1));
        refused("time-out", timeout(0));
        let grace = |ms| move |o: &mut Order| o.grace = Span::from_millis(ms);
        assert_eq!(with(grace(limits::EXEC_GRACE.millis())), Ok(()));
        refused("grace", grace(limits::EXEC_GRACE.millis() + 1));
    }

    #[test]
    fn a_command_gets_as_many_secrets_as_the_limit_and_no_more() {
        let secrets = |n| {
            move |o: &mut Order| {
                let secret = |i| SecretUse {
                    origin: SecretOrigin::Reference(SecretRef::Env("HOME".into())),
                    variable: format!("S{i}"),
                    hand: Hand::Environment,
                };
                o.secrets = (0..n).map(secret).collect();
            }
        };
        assert_eq!(with(secrets(limits::EXEC_SECRETS)), Ok(()));
        refused("secrets", secrets(limits::EXEC_SECRETS + 1));
    }

    #[test]
    fn bounds_are_within_their_ranges_and_refused_one_past_them() {
        let bounds = |change: fn(&mut Bounds, u64), (least, most): (u64, u64)| {
            for value in [least, most] {
                assert_eq!(with(|o| change(&mut o.bounds, value)), Ok(()));
            }
            refused("between", |o| change(&mut o.bounds, most + 1));
            if let Some(less) = least.checked_sub(1) {
                refused("between", |o| change(&mut o.bounds, less));
            }
        };
        let (least, most) = limits::EXEC_CPU;
        bounds(|b, v| b.cpu = Span::from_millis(v), (least.millis(), most.millis()));
        bounds(|b, v| b.memory = v, limits::EXEC_MEMORY_BYTES);
        bounds(|b, v| b.files = v, limits::EXEC_FILES);
        bounds(|b, v| b.processes = v, limits::EXEC_PROCESSES);
        bounds(|b, v| b.file_size = v, (0, limits::EXEC_FILE_BYTES));
    }

    #[test]
    fn a_profile_names_as_many_paths_and_ports_as_the_limits_and_no_more() {
        let paths = |at: usize, n| {
            move |o: &mut Order| {
                let mut paths = [const { Vec::new() }; 3];
                paths[at] = vec!["/etc".into(); n];
                let [read, execute, write] = paths;
                o.profiles = vec![Profile::Paths { read, execute, write, connect: Vec::new() }];
            }
        };
        for at in 0..3 {
            assert_eq!(with(paths(at, limits::EXEC_PATHS)), Ok(()));
            refused("paths", paths(at, limits::EXEC_PATHS + 1));
        }
        let ports =
            |n| move |o: &mut Order| o.profiles = vec![Profile::ReadOnly { connect: vec![443; n] }];
        assert_eq!(with(ports(limits::EXEC_PORTS)), Ok(()));
        refused("ports", ports(limits::EXEC_PORTS + 1));
    }

    #[test]
    fn names_that_would_change_the_program_or_its_mark_are_refused() {
        for name in ["LD_PRELOAD", "LD_LIBRARY_PATH", RUN_VARIABLE, "", "1A", "A=B", "A B"] {
            assert!(with(|o| o.environment = [(name.into(), String::new())].into()).is_err());
            assert!(with(|o| o.inherit = [name.into()].into()).is_err());
        }
        refused("twice", |o| {
            o.inherit = ["PATH".into()].into();
            o.environment = [("PATH".into(), "/bin".into())].into();
        });
    }

    #[test]
    fn relative_paths_and_zero_bytes_are_refused() {
        refused("whole path", |o| o.directory = "tmp".into());
        refused("whole path", |o| {
            let (read, execute, write) = (Vec::new(), Vec::new(), vec!["tmp".into()]);
            o.profiles = vec![Profile::Paths { read, execute, write, connect: Vec::new() }];
        });
        refused("zero byte", |o| o.arguments = vec!["a\0b".into()]);
        refused("zero byte", |o| o.line = Some("a\0b".into()));
        refused("zero byte", |o| o.environment = [("V".into(), "\0".into())].into());
        refused("containment", |o| o.containments = Vec::new());
    }
}
