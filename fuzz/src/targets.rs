//! What is fuzzed, by name: one parser of outside bytes each.

mod alertmanager;
mod checkpoint;
mod cloudevents;
mod cloudwatch;
mod export;
mod grafana;
mod key;
mod leaf;
mod mapped;
mod mapping;
mod moment;
mod native;
mod note;
mod pagerduty;
mod parameter;
mod policy;
mod proof;
mod pulled;
mod receipt;
mod redact;
mod remote;
mod request;
mod runbook;
mod sentry;
mod signals;
mod slack;
mod template;

/// A parser, with what must hold of all that it lets through.
#[derive(Clone, Copy)]
pub enum Target {
    /// Takes any bytes.
    Bytes(fn(&[u8])),
    /// Takes text.
    Text(fn(&str)),
}

use Target::{Bytes, Text};

/// Every target. `../run` takes the names from here, one to a line.
pub const ALL: &[(&str, Target)] = &[
    ("alertmanager", Bytes(alertmanager::fuzz)),
    ("checkpoint", Text(checkpoint::fuzz)),
    ("cloudevents", Bytes(cloudevents::fuzz)),
    ("cloudwatch", Bytes(cloudwatch::fuzz)),
    ("export", Bytes(export::fuzz)),
    ("grafana", Bytes(grafana::fuzz)),
    ("key", Text(key::fuzz)),
    ("leaf", Bytes(leaf::fuzz)),
    ("mapped", Bytes(mapped::fuzz)),
    ("mapping", Text(mapping::fuzz)),
    ("moment", Text(moment::fuzz)),
    ("native", Bytes(native::fuzz)),
    ("note", Text(note::fuzz)),
    ("pagerduty", Bytes(pagerduty::fuzz)),
    ("parameter", Text(parameter::fuzz)),
    ("policy", Text(policy::fuzz)),
    ("proof", Text(proof::fuzz)),
    ("pulled", Bytes(pulled::fuzz)),
    ("receipt", Bytes(receipt::fuzz)),
    ("redact", Bytes(redact::fuzz)),
    ("remote", Text(remote::fuzz)),
    ("request", Text(request::fuzz)),
    ("runbook", Bytes(runbook::fuzz)),
    ("sentry", Bytes(sentry::fuzz)),
    ("signals", Bytes(signals::fuzz)),
    ("slack", Bytes(slack::fuzz)),
    ("template", Text(template::fuzz)),
];
