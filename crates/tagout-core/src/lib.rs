//! The decisions of Tagout: values in, values out.
//!
//! Nothing here touches a file, a socket, a clock or a random number; maps are ordered, and no
//! decision compares floats. One alert reads downhill: [`alert`] → [`triage`] → [`findings`] →
//! [`plan`] → [`verdict`] (what the [`policy`] says) → [`approval`] (what people say) →
//! [`incident`]. [`decide`](decide::decide) turns a [`command`] into [`event`]s,
//! [`evolve`](evolve::evolve) turns events into state, and [`effect`](effect::effect) says
//! what the state calls for next.
//!
//! Two parts stand on their own: [`policy::EscalationPolicy`] and [`approval::ApprovalGate`].
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod actor;
pub mod afterwards;
pub mod alert;
pub mod approval;
pub mod bypass;
pub mod calm;
pub mod canonical;
pub mod chain;
pub mod command;
pub mod condition;
pub mod confidence;
pub mod deadline;
pub mod decide;
pub mod digest;
pub mod effect;
pub mod encode;
pub mod endpoint;
pub mod entitlement;
pub mod event;
pub mod evolve;
pub mod execution;
pub mod exit_codes;
pub mod findings;
pub mod front_matter;
pub mod glass;
pub mod handling;
pub mod incident;
pub mod inspection;
pub mod intake;
pub mod job;
pub mod limits;
pub mod matcher;
pub mod need;
pub mod noise;
pub mod notice;
pub mod oversight;
pub mod owner;
pub mod parameter;
pub mod people;
pub mod plan;
pub mod policy;
pub mod query;
pub mod quorum;
pub mod radius;
pub mod rehearsal;
pub mod remote;
pub mod request;
pub mod route;
pub mod runbook;
pub mod safer;
pub mod sandbox;
pub mod secret;
pub mod shared;
pub mod sighting;
pub mod stale;
pub mod template;
pub mod text;
pub mod tier;
pub mod time;
pub mod triage;
pub mod verdict;
pub mod work;
