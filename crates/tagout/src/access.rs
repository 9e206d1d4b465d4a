//! How people prove who they are: passwords, tokens, sessions. Who they are and what they may
//! do is in the log ([`tagout_core::people`]); what is compared with is beside it
//! ([`crate::store::secrets`]).

pub mod first;
pub mod oidc;
pub mod password;
pub mod rates;
pub mod recent;
pub mod session;
pub(crate) mod sign_in;
pub mod strangers;
pub mod token;
