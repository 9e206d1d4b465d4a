//! Questions to Prometheus and Alertmanager. A value stands only in the string literal of a label
//! matcher, where it is escaped, and where the matcher takes a pattern it stands for itself.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::encode;
use crate::endpoint::{self, Method};
use crate::limits;
use crate::parameter::Values;
use crate::request::{Expect, HttpRequest, PartFlaw};
use crate::template::{Piece, Template, TemplateFlaw, value};

/// A question to Prometheus, as a page writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromqlSource {
    /// The name of an endpoint under `[execution.endpoints]` of the configuration: a Prometheus.
    pub endpoint: String,
    /// The query. A value stands inside the double quotes of a label matcher:
    /// `up{instance="{{instance}}"} == 1`.
    pub query: String,
    /// When the check holds: `some` or `none` of what is asked for is there, or
    /// `{op: ">", value: 0.5}` is true of all of it, and there is some.
    pub holds: Holds,
}

/// A question to Alertmanager, as a page writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerSource {
    /// The name of an endpoint under `[execution.endpoints]` of the configuration: an Alertmanager.
    pub endpoint: String,
    /// Matchers that all must be true of an alert: `alertname="DiskFull"`. A value stands inside
    /// the double quotes.
    #[serde(default)]
    pub filter: Vec<String>,
    /// Whether the check holds if there is `some` such alert, or `none`. Silenced and inhibited
    /// alerts count: they fire all the same.
    pub holds: Presence,
}

/// Whether something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// At least one.
    Some,
    /// Not one.
    None,
}

/// When a question to Prometheus has the answer that a check wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Holds {
    /// There is some, or none.
    Presence(Presence),
    /// There is some, and this is true of each.
    Each(Comparison),
}

/// A comparison with a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// How.
    pub op: Operator,
    /// With what, as it is written.
    #[schemars(with = "f64")]
    pub value: String,
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Operator {
    /// Less.
    #[serde(rename = "<")]
    Less,
    /// Less or equal.
    #[serde(rename = "<=")]
    AtMost,
    /// Equal.
    #[serde(rename = "==")]
    Equal,
    /// Not equal.
    #[serde(rename = "!=")]
    NotEqual,
    /// Greater or equal.
    #[serde(rename = ">=")]
    AtLeast,
    /// Greater.
    #[serde(rename = ">")]
    Greater,
}

impl<'de> Deserialize<'de> for Holds {
    // By hand, so that a number behind `value` is taken exactly as it is written.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Holds;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("some, none or {op: \">\", value: 0.5}")
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Holds, E> {
                match word {
                    "some" => Ok(Holds::Presence(Presence::Some)),
                    "none" => Ok(Holds::Presence(Presence::None)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Holds, A::Error> {
                Comparison::deserialize(MapAccessDeserializer::new(map)).map(Holds::Each)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A text of PromQL, or one matcher, in which values stand only in the string literals of matchers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Matched {
    template: Template,
    /// For each value in turn, whether its matcher takes a pattern.
    patterns: Vec<bool>,
}

/// Where the reading of a query is.
enum At {
    /// Between tokens, or in one that is no literal.
    Code,
    /// In a comment, up to the end of the line.
    Comment,
    /// In a literal that ends with this character.
    Literal(char),
}

impl Matched {
    /// Reads it far enough to tell where its literals are:
    /// <https://prometheus.io/docs/prometheus/latest/querying/basics/>
    fn parse(source: &str) -> Result<Self, TemplateFlaw> {
        if source.trim().is_empty() || source.len() > limits::TARGET_BYTES {
            return Err(TemplateFlaw(format!(
                "must say something, in at most {} bytes",
                limits::TARGET_BYTES
            )));
        }
        let template = Template::parse(source)?;
        let (mut at, mut escaped) = (At::Code, false);
        let (mut code, mut patterns) = (String::new(), Vec::new());
        for piece in template.pieces() {
            let text = match piece {
                Piece::Literal(text) => text,
                Piece::Value(name) => {
                    let before = code.trim_end();
                    let matches = before.ends_with('=') || before.ends_with('~');
                    if !matches!(at, At::Literal('"')) || escaped || !matches {
                        return Err(TemplateFlaw(format!(
                            "{{{{{name}}}}} stands outside the double quotes of a label \
                             matcher; write it as in instance=\"{{{{{name}}}}}\""
                        )));
                    }
                    patterns.push(before.ends_with('~'));
                    continue;
                }
            };
            for c in text.chars() {
                match at {
                    At::Code if c == '#' => at = At::Comment,
                    At::Code if matches!(c, '"' | '\'' | '`') => at = At::Literal(c),
                    At::Code => code.push(c),
                    At::Comment if c == '\n' => at = At::Code,
                    At::Comment => {}
                    At::Literal(_) if escaped => escaped = false,
                    // Between back quotes a backslash is a backslash.
                    At::Literal(quote) if c == '\\' && quote != '`' => escaped = true,
                    At::Literal(quote) if c == quote => {
                        code.push(quote);
                        at = At::Code;
                    }
                    At::Literal(_) => {}
                }
            }
        }
        match at {
            At::Literal(quote) => Err(TemplateFlaw(format!("a literal is not closed by {quote}"))),
            At::Code | At::Comment => Ok(Self { template, patterns }),
        }
    }

    fn bind(&self, values: &Values) -> Result<String, TemplateFlaw> {
        let (mut out, mut patterns) = (String::new(), self.patterns.iter());
        for piece in self.template.pieces() {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Value(name) => {
                    let value = value(values, name)?;
                    out.push_str(&match patterns.next() {
                        Some(false) => encode::literal(value)?,
                        _ => encode::literal_pattern(value)?,
                    });
                }
            }
        }
        if out.len() > limits::TARGET_BYTES {
            return Err(TemplateFlaw(format!(
                "the query would be {} bytes long; the limit is {}",
                out.len(),
                limits::TARGET_BYTES
            )));
        }
        Ok(out)
    }
}

/// A question to Prometheus with places for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromqlTemplate {
    endpoint: String,
    query: Matched,
    holds: Holds,
}

/// A question to Alertmanager with places for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertmanagerTemplate {
    endpoint: String,
    filter: Vec<Matched>,
    holds: Presence,
}

/// A question to Prometheus with every value in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromqlQuery {
    /// The request that asks it.
    pub request: HttpRequest,
    /// The query, as it can be read.
    pub query: String,
    /// When the check holds.
    pub holds: Holds,
}

/// A question to Alertmanager with every value in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertmanagerQuery {
    /// The request that asks it.
    pub request: HttpRequest,
    /// The matchers, as they can be read.
    pub filter: Vec<String>,
    /// When the check holds.
    pub holds: Presence,
}

fn check_endpoint(name: &str, flaws: &mut Vec<PartFlaw>) {
    if !endpoint::is_name(name) {
        flaws.push(("endpoint", TemplateFlaw(format!("{name:?} is no endpoint's name"))));
    }
}

fn request(endpoint: &str, path: &str, query: &[(&str, &str)]) -> HttpRequest {
    let query = query.iter().map(|(name, text)| format!("{name}={}", encode::percent(text)));
    let query: Vec<_> = query.collect();
    let mark = if query.is_empty() { "" } else { "?" };
    HttpRequest {
        endpoint: endpoint.to_owned(),
        base: String::new(),
        method: Method::Get,
        target: format!("{path}{mark}{}", query.join("&")),
        body: None,
        expect: Expect::default(),
    }
}

impl PromqlSource {
    /// The question, if it keeps the rules that keep a value a value.
    ///
    /// # Errors
    /// All that is wrong with it, each with the part.
    pub fn check(&self) -> Result<PromqlTemplate, Vec<PartFlaw>> {
        let mut flaws = Vec::new();
        check_endpoint(&self.endpoint, &mut flaws);
        if let Holds::Each(Comparison { value, .. }) = &self.holds
            && !value.parse::<f64>().is_ok_and(f64::is_finite)
        {
            flaws.push(("holds", TemplateFlaw(format!("{value:?} is no number"))));
        }
        match Matched::parse(&self.query) {
            Ok(query) if flaws.is_empty() => Ok(PromqlTemplate {
                endpoint: self.endpoint.clone(),
                query,
                holds: self.holds.clone(),
            }),
            Ok(_) => Err(flaws),
            Err(e) => {
                flaws.push(("query", e));
                Err(flaws)
            }
        }
    }
}

impl PromqlTemplate {
    /// The name of its endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The parameters named in it.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.query.template.names().collect()
    }

    /// The question with all values in place.
    ///
    /// # Errors
    /// If a value is missing, cannot stand in a literal, or makes the query too long.
    pub fn bind(&self, values: &Values) -> Result<PromqlQuery, TemplateFlaw> {
        Ok(self.with(self.query.bind(values)?))
    }

    /// As it is written, with its places open, for people to read.
    #[must_use]
    pub fn written(&self) -> PromqlQuery {
        self.with(self.query.template.source().to_owned())
    }

    // The instant query: <https://prometheus.io/docs/prometheus/latest/querying/api/>
    fn with(&self, query: String) -> PromqlQuery {
        let request = request(&self.endpoint, "/api/v1/query", &[("query", &query)]);
        PromqlQuery { request, query, holds: self.holds.clone() }
    }
}

impl AlertmanagerSource {
    /// The question, if it keeps the rules that keep a value a value.
    ///
    /// # Errors
    /// All that is wrong with it, each with the part.
    pub fn check(&self) -> Result<AlertmanagerTemplate, Vec<PartFlaw>> {
        let mut flaws = Vec::new();
        check_endpoint(&self.endpoint, &mut flaws);
        if self.filter.len() > limits::QUERY_ENTRIES {
            let what = format!("has more than {} matchers", limits::QUERY_ENTRIES);
            flaws.push(("filter", TemplateFlaw(what)));
        }
        let mut filter = Vec::new();
        for matcher in &self.filter {
            match Matched::parse(matcher) {
                Ok(matched) => filter.push(matched),
                Err(e) => flaws.push(("filter", e)),
            }
        }
        if flaws.is_empty() {
            let (endpoint, holds) = (self.endpoint.clone(), self.holds);
            Ok(AlertmanagerTemplate { endpoint, filter, holds })
        } else {
            Err(flaws)
        }
    }
}

impl AlertmanagerTemplate {
    /// The name of its endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The parameters named in it.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.filter.iter().flat_map(|matched| matched.template.names()).collect()
    }

    /// The question with all values in place.
    ///
    /// # Errors
    /// If a value is missing, cannot stand in a literal, or makes the request too long.
    pub fn bind(&self, values: &Values) -> Result<AlertmanagerQuery, TemplateFlaw> {
        let filter = self.filter.iter().map(|matched| matched.bind(values));
        let bound = self.with(filter.collect::<Result<_, _>>()?);
        match bound.request.target.len() {
            length if length > 3 * limits::TARGET_BYTES => Err(TemplateFlaw(format!(
                "the matchers would be {length} bytes long; the limit is {}",
                3 * limits::TARGET_BYTES
            ))),
            _ => Ok(bound),
        }
    }

    /// As it is written, with its places open, for people to read.
    #[must_use]
    pub fn written(&self) -> AlertmanagerQuery {
        self.with(self.filter.iter().map(|one| one.template.source().to_owned()).collect())
    }

    // <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>, GET /alerts
    fn with(&self, filter: Vec<String>) -> AlertmanagerQuery {
        let query: Vec<_> = filter.iter().map(|matcher| ("filter", matcher.as_str())).collect();
        let request = request(&self.endpoint, "/api/v2/alerts", &query);
        AlertmanagerQuery { request, filter, holds: self.holds }
    }
}

impl Operator {
    /// As it is written.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::AtLeast => ">=",
            Self::Greater => ">",
        }
    }
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Some => "there is some",
            Self::None => "there is none",
        })
    }
}

impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Presence(presence) => presence.fmt(f),
            Self::Each(Comparison { op, value }) => {
                write!(f, "there is some, and each is {} {value}", op.sign())
            }
        }
    }
}
