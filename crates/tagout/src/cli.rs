//! The command line: what each command takes, and the four exit codes.

mod afterwards;
mod alone;
mod approvals;
mod audit;
mod client;
mod config;
mod deliveries;
mod demo;
mod eval;
mod freeze;
mod init;
mod keys;
mod next;
mod notices;
mod oversight;
mod place;
mod queue;
mod replay;
mod review;
mod run;
mod runbooks;
mod serve;
mod steps;
mod store;
mod supervise;
mod switch;
mod tokens;
mod users;
mod windows;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser, Subcommand};
use tagout_core::decide::Rejection;

use crate::config::{BadInput, Config};
use crate::data_dir::DataDir;
use crate::engine::EngineError;
use crate::fault::Fault;
use crate::terminal::printable_lines;

/// Exit codes are part of the contract: 0 it holds, 1 it does not, 2 the call or its input is
/// wrong, 3 a fault of the machine or of ours.
#[derive(Debug)]
pub enum Failure {
    /// A check failed, an evaluation fell short. What did is already printed.
    DoesNotHold,
    /// The call or its input is wrong.
    BadInput(String),
    /// A fault of the machine or of ours.
    Fault(String),
}

impl From<BadInput> for Failure {
    fn from(error: BadInput) -> Self {
        Self::BadInput(error.to_string())
    }
}

impl From<Fault> for Failure {
    fn from(error: Fault) -> Self {
        Self::Fault(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Fault(error.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rejected(rejection @ Rejection::Illegal(_)) => {
                Self::Fault(rejection.to_string())
            }
            EngineError::Rejected(rejection) => Self::BadInput(rejection.to_string()),
            EngineError::Fault(fault) => fault.into(),
        }
    }
}

/// What a command comes to.
pub type Outcome = Result<(), Failure>;

/// Incident runbook agent: finds the runbook for an alert, makes an exact plan of it, asks the
/// policy and then people, and records every step in a log that can be checked offline.
#[derive(Debug, Parser)]
#[command(name = "tagout", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Where the log, its key and the configuration are [default: the XDG state directory].
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole pipeline on bundled runbooks and real alerts, in dry-run.
    Demo(demo::Args),
    /// Take alerts from a file or standard input through the pipeline, once, in dry-run.
    Run(run::Args),
    /// Run the service that monitoring is pointed at: webhooks in, incidents out, in dry-run unless
    /// the configuration, the tier and an admitted page say live.
    Serve(serve::Args),
    /// Make the data directory, the key that signs the log, and an annotated configuration.
    Init(init::Args),
    /// Show what the configuration and the policy allow, in words.
    #[command(subcommand)]
    Config(config::Command),
    /// Check, list and search runbooks, and admit one to live mode.
    #[command(subcommand)]
    Runbooks(runbooks::Command),
    /// Evaluate decisions on scenarios, or the search on queries.
    Eval(eval::Args),
    /// See what waits for people, and answer it.
    Approvals(approvals::Args),
    /// Maintenance windows and silences.
    Windows(windows::Args),
    /// Declare or lift a change freeze: every plan decided while it holds is halted.
    Freeze(freeze::Args),
    /// Deliveries of known senders that could not be read.
    Deliveries(deliveries::Args),
    /// What people were told, and what could not be delivered.
    #[command(subcommand)]
    Notices(notices::Command),
    /// Engage the kill switch: every plan decided from now on is halted.
    Halt(switch::Args),
    /// Release the kill switch, or have one halted plan decided again.
    Resume(switch::ResumeArgs),
    /// Steps of live plans that are not over: see them, and say what one did that nobody knows.
    Steps(steps::Args),
    /// Read, export, check and prove the log.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Show the keys of the log, or give it a new one.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Who is let in, and what they are trusted with.
    #[command(subcommand)]
    Users(users::Command),
    /// What programs prove themselves by, in the name of a person.
    #[command(subcommand)]
    Tokens(tokens::Command),
    /// Copy the log away, bring it back, or move it to another store.
    #[command(subcommand)]
    Store(store::Command),
    /// Measure the human review and say whether it has become theater.
    Oversight(oversight::Args),
    /// Decide past incidents again under another policy; show every decision that differs.
    Replay(replay::Args),
    /// Supervise one command. The executor starts itself as this; it is of no use to people.
    #[command(hide = true)]
    Supervise(supervise::Args),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and the version are ours; an error repeats what was typed.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            anstream::eprint!("{}", printable_lines(&error.render().to_string()));
            if asks_in_vain(&error) {
                anstream::eprintln!("\n{}", client::works_here_alone(&Cli::command()));
            }
            return ExitCode::from(2);
        }
    };
    if let Command::Supervise(args) = &cli.command {
        return supervise::run(args);
    }
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::DoesNotHold) => ExitCode::from(1),
        Err(Failure::BadInput(what)) => {
            anstream::eprintln!("tagout: {}", printable_lines(&what));
            ExitCode::from(2)
        }
        Err(Failure::Fault(what)) => {
            anstream::eprintln!("tagout: {}", printable_lines(&what));
            ExitCode::from(3)
        }
    }
}

/// Whether a service was named to a command that asks none.
fn asks_in_vain(error: &clap::Error) -> bool {
    let named = error.get(ContextKind::InvalidArg);
    error.kind() == ErrorKind::UnknownArgument
        && matches!(named, Some(ContextValue::String(arg)) if arg == "--server")
}

fn run(cli: Cli) -> Outcome {
    let home = Home { chosen: cli.data_dir };
    match cli.command {
        Command::Demo(args) => demo::run(&home, &args),
        Command::Run(args) => run::run(&home, &args),
        Command::Serve(args) => serve::run(&home, &args),
        Command::Init(args) => init::run(&home, &args),
        Command::Config(command) => config::run(&home, &command),
        Command::Runbooks(command) => runbooks::run(&home, &command),
        Command::Eval(args) => eval::run(&args),
        Command::Approvals(args) => approvals::run(&home, &args),
        Command::Windows(args) => windows::run(&home, &args),
        Command::Freeze(args) => freeze::run(&home, &args),
        Command::Deliveries(args) => deliveries::run(&home, &args),
        Command::Notices(command) => notices::run(&home, &command),
        Command::Halt(args) => switch::halt(&home, &args),
        Command::Resume(args) => switch::resume(&home, &args),
        Command::Steps(args) => steps::run(&home, &args),
        Command::Audit(command) => audit::run(&home, &command),
        Command::Keys(command) => keys::run(&home, &command),
        Command::Users(command) => users::run(&home, &command),
        Command::Tokens(command) => tokens::run(&home, &command),
        Command::Store(command) => store::run(&home, &command),
        Command::Oversight(args) => oversight::run(&home, &args),
        Command::Replay(args) => replay::run(&home, &args),
        // It ends as its command does, and `main` has seen to it.
        Command::Supervise(_) => Ok(()),
    }
}

/// The data directory, as the call names it.
struct Home {
    chosen: Option<PathBuf>,
}

impl Home {
    fn dir(&self) -> Result<DataDir, Failure> {
        let path = match &self.chosen {
            Some(path) => path.clone(),
            None => DataDir::default_path()?,
        };
        Ok(DataDir::at(path))
    }

    /// The directory, if a journal is in it.
    fn existing(&self) -> Result<DataDir, Failure> {
        let dir = self.dir()?;
        // A store that is named wrongly is the caller's mistake, and no other store is opened.
        dir.store_config()?;
        if dir.has_journal() {
            if self.chosen.is_none() && client::named_in_environment().is_some() {
                let path = dir.path().display();
                anstream::eprintln!(
                    "note: this reads {path}; the service of $TAGOUT_SERVER is not asked"
                );
            }
            return Ok(dir);
        }
        if let Some(words) = dir.moved_away() {
            return Err(Failure::BadInput(words));
        }
        Err(Failure::BadInput(format!(
            "{} holds no log; `tagout run` makes one, --data-dir names another",
            dir.path().display()
        )))
    }

    /// The configuration of the directory, if it has one.
    fn config(&self) -> Result<Config, Failure> {
        let file = self.dir()?.config_file();
        Ok(Config::load(file.exists().then_some(file.as_path()))?)
    }
}

/// Prints one JSON document on standard output.
fn print_json<T: serde::Serialize>(value: &T) -> Outcome {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::Fault(format!("the result cannot be written: {e}")))?;
    anstream::println!("{text}");
    Ok(())
}
