//! Configured senders: what a `[[source]]` may say, and who is believed.

mod config;
mod http;
mod signatures;
mod sns;
