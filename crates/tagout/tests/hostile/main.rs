//! Every hostile text of `evals/hostile/` where a label, a title, a message or an annotation of an alert
//! stands: nothing of it reaches an argument vector, a request or another host's shell but as a value
//! inside its declared pattern. What came out is judged by checkers that share no code with what made it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod corpus;
#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "../cli/home.rs"]
mod home;
mod pattern;
mod places;
mod shipped;
