//! Telling people: what the outbox holds is sent through the configured channels, by the
//! replica that leads, until it arrives or is given up where everybody can see it.
//!
//! What is told, and to which groups, was decided with the event (`tagout_core::notice`) and is
//! durable with it; through which channels that goes is the configuration's matter.

mod channel;
mod client;
pub mod config;
mod delivery;
mod email;
mod heartbeat;
mod list;
mod message;
mod opsgenie;
mod page;
mod pagerduty;
mod sender;
pub mod slack;
mod webhook;

use std::path::Path;
use std::sync::Arc;

pub(crate) use channel::Channel;
use channel::Loaded;
pub(crate) use client::{HttpClient, words};
pub use config::{ChannelConfig, ChannelKind, check_all};
pub(crate) use heartbeat::{Heartbeat, Works};
pub use list::Told;
pub(crate) use sender::Sender;
pub(crate) use webhook::Webhook;

use crate::config::BadInput;

/// Every channel, ready to be used.
#[derive(Debug)]
pub struct Channels {
    pub(crate) channels: Vec<Arc<Channel>>,
    pub(crate) heartbeats: Vec<Heartbeat>,
}

impl Channels {
    /// Makes the configured channels ready, with their secrets.
    ///
    /// # Errors
    /// If one is wrong or a secret cannot be read.
    pub fn load(configs: &[ChannelConfig], base_dir: &Path) -> Result<Self, BadInput> {
        let client = HttpClient::new().map_err(BadInput)?;
        let mut loaded = Self { channels: Vec::new(), heartbeats: Vec::new() };
        for config in configs {
            match Channel::load(config, &client, base_dir)? {
                Loaded::Channel(channel) => loaded.channels.push(Arc::new(channel)),
                Loaded::Heartbeat(heartbeat) => loaded.heartbeats.push(heartbeat),
            }
        }
        Ok(loaded)
    }
}
