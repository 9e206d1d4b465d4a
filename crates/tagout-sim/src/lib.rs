//! The core of Tagout under exhaustive exploration, seeded bugs and random walks.
//!
//! A [`setting`] is a small world: incidents, people, replicas, a policy, a few minutes. From
//! its beginning, [`explore`](explore::explore) takes every [`action`] in every order and
//! holds each append, each process and each state against the [`promise`]s, judged by what has
//! really happened (the [`Truth`](world::Truth) of a [`world`]) and never by what was recorded
//! of it. Every decision is the real `decide`, every state the real `evolve` and
//! `Shared::after`, looked up in a [`book`] after the first time.
//!
//! Around the core stands an engine of a few rules, each a method of [`system::System`]:
//! append only on what was read, answer and start only after the append, record jumps of the
//! clock and gaps before anything else, report lost starts on the way up but not those of
//! the living. The real engine owes all of them; the model shows what each is worth.
//! A [`bug`] wraps one rule or function; [`seeded`] systems must be caught.
//!
//! Where a replica may be taken for dead while its processes go on, [`takeover`] says what it left
//! and when that is lost.
//!
//! Beside it stands a world of its own for [`noise`]: where alerts of storms, flapping and late
//! deliveries go, with [`noise_bug`]s in it.
//!
//! What the model leaves out: text, search and binding (the random walks under `tests/` have
//! them), clocks that jump backwards, more than two plan versions, and storage that fails in
//! the middle of an append.
//!
//! `cargo run -p tagout-sim --release --example explore` prints the figures.

pub mod action;
pub mod book;
pub mod bug;
pub mod explore;
pub mod naive;
pub mod next;
pub mod noise;
pub mod noise_bug;
pub mod promise;
pub mod seeded;
pub mod setting;
pub mod system;
pub mod takeover;
pub mod world;
