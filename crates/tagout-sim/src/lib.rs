//! The core of Tagout under exhaustive exploration, seeded bugs and random walks.
pub mod action;
pub mod book;
pub mod bug;
pub mod explore;
pub mod naive;
pub mod next;
pub mod promise;
pub mod setting;
pub mod system;
pub mod world;
