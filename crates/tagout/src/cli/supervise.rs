//! `tagout supervise`: what the executor starts itself as. It takes its task from descriptor 0.

use crate::exec::supervise::{self, Part};

/// Which part of a supervision to be.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(value_enum, default_value = "outer")]
    part: Part,
}

pub(super) fn run(args: &Args) -> std::process::ExitCode {
    supervise::main(args.part)
}
