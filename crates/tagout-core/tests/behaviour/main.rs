//! What the core does, in sentences: commands go in, events come out, nothing else is looked at.

mod afterwards;
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
mod notices;
mod oversight;
mod people;
mod policy_file;
mod proposal;
mod quorum;
mod shared;
mod storm;
mod triage;
mod verdict;
