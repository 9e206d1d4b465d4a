//! What the providers' bodies become: the labels that name a fault, and what is no alert.

mod bodies;
mod cloudevents;
mod cloudwatch;
mod grafana;
mod pagerduty;
mod recognition;
mod sentry;
