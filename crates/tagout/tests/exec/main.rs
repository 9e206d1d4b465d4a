//! The executor with real processes: what it runs, what it keeps from it, and that all of it ends.

mod agent;
mod alone;
mod confinement;
mod containment;
mod house;
mod lost;
mod output;
mod permits;
mod redaction;
mod reference;
mod remote;
mod secrets;
mod sshd;
mod world;
