//! `tagout serve`: the service that monitoring is pointed at.

use std::path::PathBuf;

use crate::config::Config;
use crate::http;
use crate::service::{self, Prepared};

use super::{Failure, Home, Outcome};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration file [default: tagout.toml in the data directory].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the description of the HTTP interface (OpenAPI 3.1) and start nothing.
    #[arg(long)]
    print_openapi: bool,
}

pub(super) fn run(home: &Home, args: &Args) -> Outcome {
    if args.print_openapi {
        let text = http::openapi().map_err(|e| Failure::Fault(e.to_string()))?;
        anstream::print!("{text}");
        return Ok(());
    }
    let config = match &args.config {
        Some(file) => Config::load(Some(file))?,
        None => home.config()?,
    };
    Ok(service::run(Prepared::new(config, home.dir()?)?)?)
}
