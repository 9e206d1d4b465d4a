//! A job of another system: a request starts it, and others ask how it stands until it is over.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::encode;
use crate::endpoint::Method;
use crate::limits;
use crate::parameter::Values;
use crate::request::{
    Expect, HttpRequest, HttpSource, HttpTemplate, PartFlaw, bound_json, bound_path, check_json,
    check_pointer, json_names, path,
};
use crate::template::{Template, TemplateFlaw};
use crate::time::Span;

/// What stands for the id of the job in the path or the body that asks how it stands.
const ID: &str = "{job}";
/// The same while the path is checked: a word that may stand in a path.
const ID_WORD: &str = "job-job-job";

/// A job, as a page writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobSource {
    /// The request that starts it.
    pub start: HttpSource,
    /// Where its id stands in the answer, as a JSON Pointer (RFC 6901): `/id`.
    pub id: String,
    /// How it is asked how it stands.
    pub poll: PollSource,
}

/// How a job is asked how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PollSource {
    /// The path behind the address of the same endpoint; `{job}` stands for the id:
    /// `/api/v2/jobs/{job}/`.
    pub path: String,
    /// What is sent with it as JSON, where a job is asked by POST; the string `{job}` in it stands for
    /// the id, and then not in the path. It is asked by GET if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// How often it is asked, such as `5s`.
    pub every: String,
    /// Where its state stands in the answer, as a JSON Pointer (RFC 6901): `/status`.
    pub state: String,
    /// The states in which it has done what it should.
    pub succeeded: Vec<String>,
    /// The states in which it has not.
    pub failed: Vec<String>,
}

/// A job with places for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobTemplate {
    start: HttpTemplate,
    id: String,
    path: Template,
    body: Option<Value>,
    poll: Poll,
}

/// How a job is asked how it stands, beside the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// How often.
    pub every: Span,
    /// Where its state stands in the answer, as a JSON Pointer.
    pub state: String,
    /// The states in which it has done what it should.
    pub succeeded: BTreeSet<String>,
    /// The states in which it has not.
    pub failed: BTreeSet<String>,
}

/// A job with every value in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRequest {
    /// The request that starts it.
    pub start: HttpRequest,
    /// Where its id stands in the answer, as a JSON Pointer.
    pub id: String,
    /// The path that asks how it stands, encoded; `{job}` stands for the id.
    pub path: String,
    /// What is sent with it by POST, byte by byte but for `{job}`; it is asked by GET if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// How it is asked.
    pub poll: Poll,
}

impl JobSource {
    /// The job, if it keeps the rules that keep a value a value.
    ///
    /// # Errors
    /// All that is wrong with it, each with the part.
    pub fn check(&self) -> Result<JobTemplate, Vec<PartFlaw>> {
        let mut flaws = Vec::new();
        let start = match self.start.check() {
            Ok(start) => Some(start),
            Err(of_start) => {
                flaws.extend(
                    of_start
                        .into_iter()
                        .map(|(part, e)| ("start", TemplateFlaw(format!("{part}: {e}")))),
                );
                None
            }
        };
        if let Err(e) = check_pointer(&self.id) {
            flaws.push(("id", e));
        }
        let path = self.poll_path().map_err(|e| flaws.push(("poll", e))).ok();
        if let Some(Err(e)) = self.poll.body.as_ref().map(check_json) {
            flaws.push(("poll", e));
        }
        let poll = self.poll.check().map_err(|e| flaws.push(("poll", e))).ok();
        match (start, path, poll) {
            (Some(start), Some(path), Some(poll)) if flaws.is_empty() => {
                let (id, body) = (self.id.clone(), self.poll.body.clone());
                Ok(JobTemplate { start, id, path, body, poll })
            }
            _ => Err(flaws),
        }
    }

    fn poll_path(&self) -> Result<Template, TemplateFlaw> {
        let source = &self.poll.path;
        let held = source.matches(ID).count() + self.poll.body.as_ref().map_or(0, ids);
        if held != 1 || source.contains(ID_WORD) {
            return Err(TemplateFlaw(format!(
                "path: {source:?} must hold {ID} once, or body as a whole string"
            )));
        }
        path(&source.replace(ID, ID_WORD))
    }
}

/// How often a body holds the id; a longer text around it counts for more than one.
fn ids(body: &Value) -> usize {
    match body {
        Value::String(text) if text == ID => 1,
        Value::String(text) => 2 * text.matches(ID).count(),
        Value::Array(items) => items.iter().map(ids).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, one)| 2 * name.matches(ID).count() + ids(one)).sum()
        }
        _ => 0,
    }
}

/// Puts the id in its place.
fn put(body: &mut Value, id: &str) {
    match body {
        Value::String(text) if text == ID => id.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| put(item, id)),
        Value::Object(members) => members.values_mut().for_each(|member| put(member, id)),
        _ => {}
    }
}

/// The body that asks for the job of this id.
fn body_of(text: &str, id: &str) -> Result<String, TemplateFlaw> {
    let body: Result<Value, _> = serde_json::from_str(text);
    let mut body = body.map_err(|e| TemplateFlaw(format!("the body of poll: {e}")))?;
    if id.len() > limits::VALUE_BYTES || id.chars().any(char::is_control) {
        return Err(TemplateFlaw(format!("{id:?} is no id that a body can hold")));
    }
    put(&mut body, id);
    Ok(body.to_string())
}

/// How a job is asked that is asked with this body.
const fn method<T>(body: Option<&T>) -> Method {
    if body.is_some() { Method::Post } else { Method::Get }
}

impl PollSource {
    fn check(&self) -> Result<Poll, TemplateFlaw> {
        let (least, most) = limits::LOOK_INTERVAL;
        let every = self.every.parse::<Span>().ok();
        let every = every.filter(|every| (least..=most).contains(every)).ok_or_else(|| {
            TemplateFlaw(format!("every: {:?} is not between {least} and {most}", self.every))
        })?;
        check_pointer(&self.state)?;
        let succeeded: BTreeSet<String> = self.succeeded.iter().cloned().collect();
        let failed: BTreeSet<String> = self.failed.iter().cloned().collect();
        let named = |state: &String| !state.is_empty() && state.len() <= limits::NAME_BYTES;
        for (name, states) in [("succeeded", &succeeded), ("failed", &failed)] {
            let count = (1..=limits::EXPECTED_ANSWERS).contains(&states.len());
            if !count || !states.iter().all(named) {
                return Err(TemplateFlaw(format!(
                    "{name}: name 1 to {} states",
                    limits::EXPECTED_ANSWERS
                )));
            }
        }
        if let Some(both) = succeeded.intersection(&failed).next() {
            return Err(TemplateFlaw(format!("{both:?} is both succeeded and failed")));
        }
        Ok(Poll { every, state: self.state.clone(), succeeded, failed })
    }
}

impl JobTemplate {
    /// The request that starts it.
    #[must_use]
    pub const fn start(&self) -> &HttpTemplate {
        &self.start
    }

    /// The method by which it is asked how it stands.
    #[must_use]
    pub const fn polled_by(&self) -> Method {
        method(self.body.as_ref())
    }

    /// The parameters named anywhere in it.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        let mut names = self.start.names();
        names.extend(self.path.names());
        if let Some(body) = &self.body {
            json_names(body, &mut names);
        }
        names
    }

    /// The job with all values in place.
    ///
    /// # Errors
    /// As [`HttpTemplate::bind`].
    pub fn bind(&self, values: &Values) -> Result<JobRequest, TemplateFlaw> {
        let path = bound_path(&self.path, values)?;
        let body = self.body.as_ref().map(|body| bound_json(body, values)).transpose()?;
        // A value that is this word would be taken for the id.
        if path.matches(ID_WORD).count() + body.as_ref().map_or(0, ids) != 1 {
            return Err(TemplateFlaw(format!("a value holds {ID_WORD} or {ID}")));
        }
        let body = body.map(|body| body.to_string());
        if body.as_ref().is_some_and(|body| body.len() > limits::REQUEST_BODY_BYTES) {
            let most = limits::REQUEST_BODY_BYTES;
            return Err(TemplateFlaw(format!("the body of poll is longer than {most} bytes")));
        }
        Ok(self.with(self.start.bind(values)?, &path, body))
    }

    /// As it is written, with its places open, for people to read.
    #[must_use]
    pub fn written(&self) -> JobRequest {
        let body = self.body.as_ref().map(Value::to_string);
        self.with(self.start.written(), self.path.source(), body)
    }

    fn with(&self, start: HttpRequest, path: &str, body: Option<String>) -> JobRequest {
        let path = path.replace(ID_WORD, ID);
        JobRequest { start, id: self.id.clone(), path, body, poll: self.poll.clone() }
    }
}

impl JobRequest {
    /// The request that asks how the job of this id stands.
    ///
    /// # Errors
    /// If the id cannot be a part of the path, or of the body.
    pub fn look(&self, id: &str) -> Result<HttpRequest, TemplateFlaw> {
        let target = if self.path.contains(ID) { self.path_of(id)? } else { self.path.clone() };
        let body = self.body.as_ref().map(|body| body_of(body, id)).transpose()?;
        Ok(self.asks(target, body))
    }

    fn path_of(&self, id: &str) -> Result<String, TemplateFlaw> {
        let part = encode::path_part(id)?;
        let target = self.path.replace(ID, &part);
        let mut parts = target.split('/');
        if parts.any(|part| matches!(part, "." | "..")) || target.len() > limits::TARGET_BYTES {
            return Err(TemplateFlaw(format!("{id:?} is no id that a path can hold")));
        }
        Ok(target)
    }

    /// The method by which it is asked how it stands.
    #[must_use]
    pub const fn polled_by(&self) -> Method {
        method(self.body.as_ref())
    }

    /// The request that asks how it stands, with `{job}` in the place of the id.
    pub(crate) fn asked(&self) -> HttpRequest {
        self.asks(self.path.clone(), self.body.clone())
    }

    fn asks(&self, target: String, body: Option<String>) -> HttpRequest {
        HttpRequest {
            endpoint: self.start.endpoint.clone(),
            base: self.start.base.clone(),
            method: self.polled_by(),
            target,
            body,
            expect: Expect::default(),
        }
    }
}
