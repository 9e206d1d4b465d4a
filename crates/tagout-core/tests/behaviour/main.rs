//! What the core does, in sentences: commands go in, events come out, nothing else is looked at.

mod afterwards;
mod chain;
mod deliveries;
mod entitlement;
mod flapping;
mod gate;
mod handling;
mod hostile;
mod house;
mod inhibition;
mod intake;
mod live;
mod mended_faults;
mod modify;
mod nothing_is_dropped;
mod oversight;
mod policy_file;
mod proposal;
mod quorum;
mod routing;
mod shared;
mod storm;
mod triage;
mod verdict;
