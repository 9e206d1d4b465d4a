//! The engine and its journal over a storage in memory that fails when it is told to, and whose
//! clock stands still until it is moved.

mod archive;
mod noise;
mod parts;
mod storage;
mod turns;
