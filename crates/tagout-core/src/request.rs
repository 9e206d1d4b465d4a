//! A request over HTTP with places for values, and the same with every value in its place: the exact
//! path, query and body. A value fills its place and never makes another one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::encode;
use crate::endpoint::{self, Method};
use crate::limits;
use crate::parameter::Values;
use crate::template::{Template, TemplateFlaw, value};

/// A request, as a page writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSource {
    /// The name of an endpoint under `[execution.endpoints]` of the configuration.
    pub endpoint: String,
    /// The method. A check looks: GET or HEAD.
    #[serde(default)]
    pub method: Method,
    /// The path behind the endpoint's address, from its first slash on. A value stands in one
    /// segment: `/v1/workers/{{id}}/restart`.
    pub path: String,
    /// What is asked for behind `?`, by name.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// The body, which is sent as JSON. A value is a whole string in it: `"{{id}}"`.
    pub body: Option<Value>,
    /// What the answer has to be; any status from 200 to 299 if absent.
    #[serde(default)]
    pub expect: ExpectSource,
}

/// What an answer has to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectSource {
    /// The statuses that count as success; 200 to 299 if there is none here.
    #[serde(default)]
    pub status: Vec<u16>,
    /// What has to stand in an answer of JSON.
    pub json: Option<JsonExpectSource>,
}

/// What has to stand at one place of an answer of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonExpectSource {
    /// The place, as a JSON Pointer (RFC 6901): `/state`.
    pub pointer: String,
    /// What has to stand there: text, a number, true, false or null.
    pub equals: Value,
}

/// A request with places for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTemplate {
    endpoint: String,
    method: Method,
    path: Template,
    query: BTreeMap<String, Template>,
    body: Option<Value>,
    expect: Expect,
}

/// What an answer has to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// The statuses that count as success; 200 to 299 if there is none here.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub status: BTreeSet<u16>,
    /// What has to stand in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<JsonExpect>,
}

/// What has to stand at one place of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonExpect {
    /// The place, as a JSON Pointer (RFC 6901).
    pub pointer: String,
    /// The JSON of what has to stand there, as text.
    pub equals: String,
}

/// A request with every value in place: exactly what is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// The name of the endpoint.
    pub endpoint: String,
    /// Its address, in a plan that may run live.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub base: String,
    /// The method.
    pub method: Method,
    /// The path and the query, encoded, as they stand behind the address.
    pub target: String,
    /// The body, byte by byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What the answer has to be.
    pub expect: Expect,
}

/// What is wrong with one part of a request: the part, and the flaw.
pub type PartFlaw = (&'static str, TemplateFlaw);

fn flaw(what: impl Into<String>) -> TemplateFlaw {
    TemplateFlaw(what.into())
}

impl HttpSource {
    /// The request, if it keeps the rules that keep a value a value.
    ///
    /// # Errors
    /// All that is wrong with it, each with the part.
    pub fn check(&self) -> Result<HttpTemplate, Vec<PartFlaw>> {
        let mut flaws = Vec::new();
        if !endpoint::is_name(&self.endpoint) {
            flaws.push(("endpoint", flaw(format!("{:?} is no endpoint's name", self.endpoint))));
        }
        let path = path(&self.path).map_err(|e| flaws.push(("path", e))).ok();
        if self.query.len() > limits::QUERY_ENTRIES {
            flaws.push(("query", flaw(format!("has more than {}", limits::QUERY_ENTRIES))));
        }
        let mut query = BTreeMap::new();
        for (name, text) in &self.query {
            match query_value(name, text) {
                Ok(template) => drop(query.insert(name.clone(), template)),
                Err(e) => flaws.push(("query", e)),
            }
        }
        if let Some(body) = &self.body {
            if self.method.looks() {
                flaws.push(("body", flaw(format!("{} has no body", self.method))));
            }
            if let Err(e) = check_json(body) {
                flaws.push(("body", e));
            }
        }
        let expect = self.expect.check().map_err(|e| flaws.push(("expect", e))).ok();
        if self.method == Method::Head && self.expect.json.is_some() {
            flaws.push(("expect", flaw("HEAD is answered without a body")));
        }
        match (path, expect) {
            (Some(path), Some(expect)) if flaws.is_empty() => Ok(HttpTemplate {
                endpoint: self.endpoint.clone(),
                method: self.method,
                path,
                query,
                body: self.body.clone(),
                expect,
            }),
            _ => Err(flaws),
        }
    }
}

impl ExpectSource {
    fn check(&self) -> Result<Expect, TemplateFlaw> {
        let status: BTreeSet<u16> = self.status.iter().copied().collect();
        if let Some(bad) = status.iter().find(|status| !(200..=599).contains(*status)) {
            return Err(flaw(format!("{bad} is no status that ends a request; use 200 to 599")));
        }
        if status.len() > limits::EXPECTED_ANSWERS {
            return Err(flaw(format!("has more than {} statuses", limits::EXPECTED_ANSWERS)));
        }
        let json = match &self.json {
            None => None,
            Some(json) => {
                check_pointer(&json.pointer)?;
                if json.equals.is_array() || json.equals.is_object() {
                    return Err(flaw("equals must be text, a number, true, false or null"));
                }
                let equals = json.equals.to_string();
                if equals.len() > limits::VALUE_BYTES {
                    return Err(flaw(format!("equals is longer than {}", limits::VALUE_BYTES)));
                }
                Some(JsonExpect { pointer: json.pointer.clone(), equals })
            }
        };
        Ok(Expect { status, json })
    }
}

/// A path in which each value stands in one segment.
pub(crate) fn path(source: &str) -> Result<Template, TemplateFlaw> {
    let template = Template::parse(source)?;
    if !source.starts_with('/') || source.len() > limits::TARGET_BYTES {
        return Err(flaw(format!(
            "{source:?} must begin with / and be at most {} bytes long",
            limits::TARGET_BYTES
        )));
    }
    // What may stand in a segment unencoded (RFC 3986, section 3.3).
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/".contains(c);
    if let Some(c) = template.literals().flat_map(str::chars).find(|c| !fits(*c)) {
        return Err(flaw(format!(
            "{source:?} holds {c:?}; write the path alone, what stands behind ? under query"
        )));
    }
    let inner = source.trim_end_matches('/').split('/').skip(1);
    if let Some(part) = inner.clone().find(|part| matches!(*part, "" | "." | "..")) {
        return Err(flaw(format!("{source:?} has the part {part:?}, which names no place")));
    }
    if source.ends_with("//") {
        return Err(flaw(format!("{source:?} ends in an empty part")));
    }
    Ok(template)
}

/// The path with its values in place. None of them ends its segment, or makes it another place.
pub(crate) fn bound_path(path: &Template, values: &Values) -> Result<String, TemplateFlaw> {
    let bound = path.fill(values, encode::path_part)?;
    let mut parts = bound.trim_end_matches('/').split('/').skip(1);
    match parts.find(|part| matches!(*part, "" | "." | "..")) {
        Some(_) => Err(flaw(format!("{bound:?} would leave the place it names"))),
        None => Ok(bound),
    }
}

fn query_value(name: &str, text: &str) -> Result<Template, TemplateFlaw> {
    if name.is_empty() || name.len() > limits::NAME_BYTES || name.contains("{{") {
        return Err(flaw(format!("{name:?} is no name; a value cannot stand in one")));
    }
    let template = Template::parse(text)?;
    if template.is_parsed_around_a_value() {
        return Err(flaw(format!(
            "{text:?} puts a value inside text that something else parses; \
             pass the value as an entry of its own"
        )));
    }
    Ok(template)
}

/// Whether each value in it is a whole string.
pub(crate) fn check_json(body: &Value) -> Result<(), TemplateFlaw> {
    match body {
        Value::String(text) => {
            let template = Template::parse(text)?;
            if template.has_values() && template.only_value().is_none() {
                return Err(flaw(format!(
                    "{text:?} puts a value inside a longer text; a value is a whole string, \
                     as in \"{{{{name}}}}\""
                )));
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(check_json),
        Value::Object(members) => members.iter().try_for_each(|(name, member)| {
            if name.contains("{{") {
                return Err(flaw(format!("{name:?} is a member's name; a value cannot be one")));
            }
            check_json(member)
        }),
        _ => Ok(()),
    }
}

pub(crate) fn json_names<'b>(body: &'b Value, names: &mut BTreeSet<&'b str>) {
    match body {
        Value::String(text) => {
            let name = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
            names.extend(name.map(str::trim));
        }
        Value::Array(items) => items.iter().for_each(|item| json_names(item, names)),
        Value::Object(members) => members.values().for_each(|member| json_names(member, names)),
        _ => {}
    }
}

pub(crate) fn bound_json(body: &Value, values: &Values) -> Result<Value, TemplateFlaw> {
    Ok(match body {
        Value::String(text) => match Template::parse(text)?.only_value() {
            Some(name) => Value::String(value(values, name)?.to_owned()),
            None => body.clone(),
        },
        Value::Array(items) => {
            let items = items.iter().map(|item| bound_json(item, values));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, one)| Ok((name.clone(), bound_json(one, values)?)));
            Value::Object(members.collect::<Result<_, TemplateFlaw>>()?)
        }
        _ => body.clone(),
    })
}

/// Whether a text is a JSON Pointer (RFC 6901).
pub(crate) fn check_pointer(pointer: &str) -> Result<(), TemplateFlaw> {
    if pointer.len() > limits::NAME_BYTES || !(pointer.is_empty() || pointer.starts_with('/')) {
        return Err(flaw(format!("{pointer:?} is no JSON Pointer; write one such as /state")));
    }
    Ok(())
}

impl HttpTemplate {
    /// The name of its endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The parameters named anywhere in it.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        let mut names: BTreeSet<&str> = self.path.names().collect();
        names.extend(self.query.values().flat_map(Template::names));
        if let Some(body) = &self.body {
            json_names(body, &mut names);
        }
        names
    }

    /// The request with all values in place.
    ///
    /// # Errors
    /// If a value is missing, would leave its place, or makes the request too long.
    pub fn bind(&self, values: &Values) -> Result<HttpRequest, TemplateFlaw> {
        let mut target = bound_path(&self.path, values)?;
        for (n, (name, text)) in self.query.iter().enumerate() {
            let text = encode::percent(&text.fill(values, |value| {
                // Encoded below with what stands around it; here only what it may not hold.
                encode::query_value(value).map(|_| value.to_owned())
            })?);
            let before = if n == 0 { '?' } else { '&' };
            target.push_str(&format!("{before}{}={text}", encode::percent(name)));
        }
        let body = self.body.as_ref().map(|body| bound_json(body, values)).transpose()?;
        self.request(target, body.map(|body| body.to_string()))
    }

    fn request(&self, target: String, body: Option<String>) -> Result<HttpRequest, TemplateFlaw> {
        if target.len() > limits::TARGET_BYTES {
            return Err(flaw(format!(
                "the path and query would be {} bytes long; the limit is {}",
                target.len(),
                limits::TARGET_BYTES
            )));
        }
        if let Some(length) = body.as_ref().map(String::len)
            && length > limits::REQUEST_BODY_BYTES
        {
            return Err(flaw(format!(
                "the body would be {length} bytes long; the limit is {}",
                limits::REQUEST_BODY_BYTES
            )));
        }
        Ok(HttpRequest {
            endpoint: self.endpoint.clone(),
            base: String::new(),
            method: self.method,
            target,
            body,
            expect: self.expect.clone(),
        })
    }

    /// As it is written, with its places open, for people to read.
    #[must_use]
    pub fn written(&self) -> HttpRequest {
        let query = self.query.iter().map(|(name, text)| format!("{name}={}", text.source()));
        let query: Vec<_> = query.collect();
        let mark = if query.is_empty() { "" } else { "?" };
        HttpRequest {
            endpoint: self.endpoint.clone(),
            base: String::new(),
            method: self.method,
            target: format!("{}{mark}{}", self.path.source(), query.join("&")),
            body: self.body.as_ref().map(Value::to_string),
            expect: self.expect.clone(),
        }
    }
}

impl HttpRequest {
    /// Where it goes: the whole URL, or the endpoint's name and the path where no address is known.
    #[must_use]
    pub fn url(&self) -> String {
        match self.base.as_str() {
            "" => format!("{{{}}}{}", self.endpoint, self.target),
            base => format!("{base}{}", self.target),
        }
    }

    /// Every word that names something it may act on, encodings undone.
    pub(crate) fn words(&self) -> impl Iterator<Item = String> {
        let parts = self.target.split(['/', '?', '&', '=']).map(encode::undone);
        let strings = self.body.iter().flat_map(|body| body.split('"')).map(str::to_owned);
        let all: Vec<String> = parts.chain(strings).collect();
        let word = endpoint::word(self.method, &self.endpoint);
        let named = all
            .into_iter()
            .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        named.chain([word, self.endpoint.clone()])
    }
}

impl fmt::Display for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url())
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status: Vec<_> = self.status.iter().map(ToString::to_string).collect();
        match status.as_slice() {
            [] => f.write_str("status 200 to 299")?,
            status => write!(f, "status {}", status.join(" or "))?,
        }
        if let Some(JsonExpect { pointer, equals }) = &self.json {
            write!(f, ", and {pointer} is {equals}")?;
        }
        Ok(())
    }
}
