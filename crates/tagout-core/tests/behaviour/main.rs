//! What the core does, in sentences: commands go in, events come out, nothing else is looked at.

mod gate;
mod hostile;
mod house;
mod live;
mod mended_faults;
mod modify;
mod oversight;
mod policy_file;
mod proposal;
mod shared;
mod triage;
mod verdict;
