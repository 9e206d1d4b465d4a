//! Tagout, the incident runbook agent: all that touches the world around the decisions of
//! [`tagout_core`], the log of [`tagout_log`] and the search of [`tagout_search`].
//!
//! One alert reads downhill: [`signals`] (bytes to alerts) → [`engine`] (load, decide, append,
//! evolve, do what is due) → [`matching`] (candidate runbooks out of [`runbooks`]) →
//! [`journal`] over a [`store`] → [`summary`] and [`terminal`] for people.

pub mod access;
pub mod admission;
pub mod asks;
pub mod bundled;
pub mod checkpoints;
pub mod cli;
pub mod clock;
pub mod config;
mod contact;
pub mod data_dir;
mod desk;
pub mod engine;
pub mod evaluation;
pub mod exec;
pub mod fault;
pub mod gathered;
pub mod halt;
pub mod held;
pub mod history;
pub mod http;
pub mod journal;
pub mod lease;
pub mod looks;
pub mod matching;
pub mod needed;
pub mod notify;
pub mod poll;
pub mod quarantine;
pub mod queue;
pub mod receipt;
pub mod reload;
pub mod rota;
pub mod runbooks;
mod runner;
pub mod service;
mod serving;
pub mod signals;
pub mod source;
pub mod steps;
pub mod store;
pub mod summary;
mod takeover;
pub mod telemetry;
pub mod terminal;
pub mod tls;
pub mod writer;
