//! What a step runs or asks: on a page, with places for values, and bound to one incident.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::endpoint::{self, Method};
use crate::job::{JobRequest, JobTemplate};
use crate::parameter::Values;
use crate::query::{AlertmanagerQuery, AlertmanagerTemplate, PromqlQuery, PromqlTemplate};
use crate::request::{HttpRequest, HttpTemplate};
use crate::template::{CommandTemplate, TemplateFlaw};

/// What a step runs or asks, with places for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A program on this machine.
    Command(CommandTemplate),
    /// A request over HTTP.
    Http(HttpTemplate),
    /// A question to Prometheus.
    Promql(PromqlTemplate),
    /// A question to Alertmanager.
    Alertmanager(AlertmanagerTemplate),
    /// A job of another system.
    Job(JobTemplate),
}

/// What a step does that is no program on this machine, with every value in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundWork {
    /// A request over HTTP.
    Http(HttpRequest),
    /// A question to Prometheus.
    Promql(PromqlQuery),
    /// A question to Alertmanager.
    Alertmanager(AlertmanagerQuery),
    /// A job of another system.
    Job(JobRequest),
}

/// One thing that people have to see of what a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What it is, in a word or two.
    pub what: &'static str,
    /// It, exactly.
    pub text: String,
}

fn shown(what: &'static str, text: impl Into<String>) -> Shown {
    Shown { what, text: text.into() }
}

impl Work {
    /// The command, if it is one.
    #[must_use]
    pub const fn command(&self) -> Option<&CommandTemplate> {
        match self {
            Self::Command(command) => Some(command),
            _ => None,
        }
    }

    /// The endpoint that it asks, with each method that it uses there.
    pub(crate) fn asks(&self) -> impl Iterator<Item = (&str, Method)> {
        let (endpoint, method, polled) = match self {
            Self::Command(_) => ("", None, None),
            Self::Http(http) => (http.endpoint(), Some(http.method()), None),
            Self::Promql(promql) => (promql.endpoint(), Some(Method::Get), None),
            Self::Alertmanager(query) => (query.endpoint(), Some(Method::Get), None),
            Self::Job(job) => {
                (job.start().endpoint(), Some(job.start().method()), Some(job.polled_by()))
            }
        };
        method.into_iter().chain(polled).map(move |method| (endpoint, method))
    }

    /// What it asks, as it is written with its places open; nothing of a command.
    pub(crate) fn written(&self) -> Option<BoundWork> {
        Some(match self {
            Self::Command(_) => return None,
            Self::Http(http) => BoundWork::Http(http.written()),
            Self::Promql(promql) => BoundWork::Promql(promql.written()),
            Self::Alertmanager(query) => BoundWork::Alertmanager(query.written()),
            Self::Job(job) => BoundWork::Job(job.written()),
        })
    }

    /// The parameters named anywhere in it.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        match self {
            Self::Command(command) => command.names(),
            Self::Http(http) => http.names(),
            Self::Promql(promql) => promql.names(),
            Self::Alertmanager(query) => query.names(),
            Self::Job(job) => job.names(),
        }
    }

    /// With all values in place: the argument vector of a command, or what it is else.
    ///
    /// # Errors
    /// If a value is missing, would leave its place, or makes it too long.
    pub(crate) fn bind(
        &self,
        values: &Values,
    ) -> Result<(Vec<String>, Option<BoundWork>), TemplateFlaw> {
        let bound = match self {
            Self::Command(command) => return Ok((command.bind(values)?, None)),
            Self::Http(http) => BoundWork::Http(http.bind(values)?),
            Self::Promql(promql) => BoundWork::Promql(promql.bind(values)?),
            Self::Alertmanager(query) => BoundWork::Alertmanager(query.bind(values)?),
            Self::Job(job) => BoundWork::Job(job.bind(values)?),
        };
        Ok((Vec::new(), Some(bound)))
    }

    /// As it is written, with its places open, for people to read. A command is an argument
    /// vector, and shown as one.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        let arguments = self.command().into_iter().flat_map(CommandTemplate::arguments);
        let arguments = arguments.map(|argument| shown("Argument", argument));
        arguments.chain(self.written().iter().flat_map(BoundWork::shown)).collect()
    }
}

impl BoundWork {
    /// The first request that it makes, and the only one unless it is a job's.
    #[must_use]
    pub const fn request(&self) -> &HttpRequest {
        match self {
            Self::Http(request) => request,
            Self::Promql(promql) => &promql.request,
            Self::Alertmanager(query) => &query.request,
            Self::Job(job) => &job.start,
        }
    }

    pub(crate) const fn request_mut(&mut self) -> &mut HttpRequest {
        match self {
            Self::Http(request) => request,
            Self::Promql(promql) => &mut promql.request,
            Self::Alertmanager(query) => &mut query.request,
            Self::Job(job) => &mut job.start,
        }
    }

    /// The methods that it uses at its endpoint.
    #[must_use]
    pub fn methods(&self) -> BTreeSet<Method> {
        let polled = if let Self::Job(job) = self { Some(job.polled_by()) } else { None };
        [self.request().method].into_iter().chain(polled).collect()
    }

    /// The paths with their queries that it asks at its endpoint, the id of a job still open.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        let polled = if let Self::Job(job) = self { Some(job.path.as_str()) } else { None };
        [self.request().target.as_str()].into_iter().chain(polled)
    }

    /// Every word that names something it may act on, and one for each method at its endpoint.
    pub(crate) fn words(&self) -> BTreeSet<String> {
        let request = self.request();
        let mut words: BTreeSet<String> = request.words().collect();
        words.extend(self.methods().into_iter().map(|m| endpoint::word(m, &request.endpoint)));
        let queries = match self {
            Self::Promql(promql) => vec![promql.query.as_str()],
            Self::Alertmanager(query) => query.filter.iter().map(String::as_str).collect(),
            Self::Job(job) => job.body.iter().chain([&job.path]).map(String::as_str).collect(),
            Self::Http(_) => Vec::new(),
        };
        let parts = queries.into_iter().flat_map(|text| text.split(['"', '/']));
        words.extend(parts.flat_map(str::split_whitespace).map(str::to_owned));
        words
    }

    /// What people have to see of it: every part, exactly.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        let mut parts = vec![shown("Request", self.request().to_string())];
        parts.extend(self.request().body.as_deref().map(|body| shown("Body", body)));
        match self {
            Self::Http(request) => parts.push(shown("Holds if", request.expect.to_string())),
            Self::Promql(PromqlQuery { query, holds, .. }) => {
                parts.extend([shown("Query", query), shown("Holds if", holds.to_string())]);
            }
            Self::Alertmanager(AlertmanagerQuery { filter, holds, .. }) => {
                parts.extend(filter.iter().map(|matcher| shown("Matcher", matcher)));
                parts.push(shown("Holds if", format!("{holds} among its alerts")));
            }
            Self::Job(job @ JobRequest { start, id, poll, .. }) => {
                let look = job.asked();
                let body = look.body.as_ref().map_or_else(String::new, |body| format!(" {body}"));
                let states = |states: &BTreeSet<String>| {
                    states.iter().map(String::as_str).collect::<Vec<_>>().join(" or ")
                };
                parts.extend([
                    shown("Started if", start.expect.to_string()),
                    shown("Then", format!("{look}{body} each {}, with the id at {id}", poll.every)),
                    shown("Succeeded if", format!("{} is {}", poll.state, states(&poll.succeeded))),
                    shown("Failed if", format!("{} is {}", poll.state, states(&poll.failed))),
                ]);
            }
        }
        parts
    }

    /// All of it in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = self.request().to_string();
        if let Some(body) = &self.request().body {
            line.push(' ');
            line.push_str(body);
        }
        match self {
            Self::Promql(PromqlQuery { query, .. }) => line.push_str(&format!(" ({query})")),
            Self::Job(_) => line.push_str(" (a job)"),
            Self::Http(_) | Self::Alertmanager(_) => {}
        }
        line
    }
}
