//! What an answer over HTTP says: whether it is what a step wants, and how a job stands.

use serde::Deserialize;
use serde_json::Value;
use tagout_core::job::Poll;
use tagout_core::limits;
use tagout_core::query::{Comparison, Holds, Operator, Presence};
use tagout_core::request::{Expect, JsonExpect};
use tagout_core::work::BoundWork;

/// An answer, as far as it was read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Why the body is not all there, if it is not.
    pub(super) cut: Option<String>,
}

/// Why an answer is not what is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unwanted {
    /// It says something else.
    Other(String),
    /// It does not say what came of the request.
    Open(String),
}

impl Unwanted {
    fn open(self) -> Self {
        match self {
            Self::Other(why) | Self::Open(why) => Self::Open(why),
        }
    }
}

/// Takes a part of a body in, as far as there is room for it.
///
/// # Errors
/// If there was not room for all of it.
pub(super) fn take_in(body: &mut Vec<u8>, part: &[u8]) -> Result<(), String> {
    let room = limits::ANSWER_BYTES.saturating_sub(body.len());
    body.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
    if part.len() > room {
        return Err(format!("it is larger than {} bytes", limits::ANSWER_BYTES));
    }
    Ok(())
}

impl Answer {
    /// Whether it is what the asked-for work wants of an answer to its first request.
    pub(super) fn suits(&self, work: &BoundWork) -> Result<(), Unwanted> {
        let met = self.meets(&work.request().expect);
        match work {
            BoundWork::Http(_) | BoundWork::Job(_) => met,
            // What is no answer to a question leaves it open.
            BoundWork::Promql(promql) => {
                met.map_err(Unwanted::open)?;
                let found = self.samples().map_err(Unwanted::Open)?;
                found.hold(&promql.holds).map_err(Unwanted::Other)
            }
            BoundWork::Alertmanager(query) => {
                met.map_err(Unwanted::open)?;
                let count = self.json().and_then(|json| {
                    json.as_array().map(Vec::len).ok_or_else(|| "it is no list of alerts".into())
                });
                present(count.map_err(Unwanted::Open)?, query.holds).map_err(Unwanted::Other)
            }
        }
    }

    fn meets(&self, expect: &Expect) -> Result<(), Unwanted> {
        let Self { status, .. } = self;
        let good = match expect.status.is_empty() {
            true => (200..=299).contains(status),
            false => expect.status.contains(status),
        };
        if !good {
            return Err(match status {
                // A gateway that could not reach who was to answer, or did not wait for it
                // (RFC 9110, sections 15.6.3 and 15.6.5).
                502 | 504 => Unwanted::Open(format!("answered {status}: a gateway in between")),
                300..=399 => {
                    Unwanted::Other(format!("answered {status}; redirects are not followed"))
                }
                _ => Unwanted::Other(format!("answered {status}")),
            });
        }
        let Some(JsonExpect { pointer, equals }) = &expect.json else { return Ok(()) };
        let json = self.json().map_err(Unwanted::Open)?;
        let found = json.pointer(pointer);
        let wanted: Option<Value> = serde_json::from_str(equals).ok();
        match found {
            Some(found) if wanted.as_ref().is_some_and(|wanted| same(wanted, found)) => Ok(()),
            Some(found) => Err(Unwanted::Other(format!("{pointer} is {found} and not {equals}"))),
            None => Err(Unwanted::Other(format!("nothing stands at {pointer}"))),
        }
    }

    fn json(&self) -> Result<Value, String> {
        if let Some(why) = &self.cut {
            return Err(format!("its body is not all there: {why}"));
        }
        serde_json::from_slice(&self.body).map_err(|e| format!("its body is no JSON: {e}"))
    }

    /// The text or whole number at a place.
    pub(super) fn word_at(&self, pointer: &str) -> Result<String, String> {
        match self.json()?.pointer(pointer) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            Some(Value::Number(n)) if n.is_u64() || n.is_i64() => Ok(n.to_string()),
            Some(Value::Bool(b)) => Ok(b.to_string()),
            Some(_) => Err(format!("what stands at {pointer} is neither text nor a whole number")),
            None => Err(format!("nothing stands at {pointer}")),
        }
    }

    /// How a job stands: `Some(true)` if it has done what it should, `Some(false)` if it has not,
    /// `None` as long as it is not over. Whatever cannot be read says nothing.
    pub(super) fn job(&self, poll: &Poll) -> Result<Option<bool>, String> {
        if !(200..=299).contains(&self.status) {
            return Err(format!("answered {}", self.status));
        }
        let state = self.word_at(&poll.state)?;
        Ok(match (poll.succeeded.contains(&state), poll.failed.contains(&state)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        })
    }

    // <https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats>
    fn samples(&self) -> Result<Found, String> {
        let said: Said = serde_json::from_value(self.json()?)
            .map_err(|e| format!("it is no answer of Prometheus: {e}"))?;
        let number = |text: &str| text.parse::<f64>().ok();
        match said.data {
            Data::Vector(samples) => {
                let values = samples.iter().map(|sample| sample.value.as_ref());
                Ok(Found::Each(values.map(|value| value.and_then(|(_, v)| number(v))).collect()))
            }
            Data::Scalar((_, value)) => Ok(Found::Number(number(&value))),
            Data::Matrix(series) => Ok(Found::Ranges(series.len())),
            Data::String((_, text)) => {
                Err(format!("the query gives the text {text:?} and no number"))
            }
        }
    }
}

#[derive(Deserialize)]
struct Said {
    data: Data,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<Sample>),
    Scalar((Value, String)),
    Matrix(Vec<Value>),
    String((Value, String)),
}

#[derive(Deserialize)]
struct Sample {
    /// The time and the number; a native histogram has none.
    value: Option<(Value, String)>,
}

/// What a query found.
enum Found {
    /// A value for each series; none where it is no number.
    Each(Vec<Option<f64>>),
    /// One number.
    Number(Option<f64>),
    /// As many series of values over time.
    Ranges(usize),
}

impl Found {
    fn hold(&self, holds: &Holds) -> Result<(), String> {
        match (self, holds) {
            (Self::Each(values), Holds::Presence(presence)) => present(values.len(), *presence),
            (Self::Ranges(count), Holds::Presence(presence)) => present(*count, *presence),
            (Self::Number(_), Holds::Presence(_)) => {
                Err("the query gives a number, which is always there; compare it".into())
            }
            (Self::Ranges(_), Holds::Each(_)) => {
                Err("the query gives values over time; ask for those of now".into())
            }
            (Self::Each(values), Holds::Each(_)) if values.is_empty() => {
                Err("there is none".into())
            }
            (Self::Each(values), Holds::Each(comparison)) => {
                values.iter().try_for_each(|value| compare(*value, comparison))
            }
            (Self::Number(value), Holds::Each(comparison)) => compare(*value, comparison),
        }
    }
}

fn present(count: usize, wanted: Presence) -> Result<(), String> {
    match (wanted, count) {
        (Presence::Some, 0) => Err("there is none".into()),
        (Presence::None, 1..) => Err(format!("there are {count}")),
        _ => Ok(()),
    }
}

/// What is no number compares with nothing.
fn compare(found: Option<f64>, Comparison { op, value }: &Comparison) -> Result<(), String> {
    let (Some(found), Ok(wanted)) = (found.filter(|n| !n.is_nan()), value.parse::<f64>()) else {
        return Err("a value is no number".into());
    };
    let holds = match op {
        Operator::Less => found < wanted,
        Operator::AtMost => found <= wanted,
        Operator::Equal => found == wanted,
        Operator::NotEqual => found != wanted,
        Operator::AtLeast => found >= wanted,
        Operator::Greater => found > wanted,
    };
    if holds { Ok(()) } else { Err(format!("{found} is not {} {value}", op.sign())) }
}

/// Whether two values of JSON are the same; numbers by what they come to.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(x), Some(y)) => a == b || x == y,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.as_bytes().to_vec(), cut: None }
    }

    fn holds(body: &str, holds: Value) -> Result<(), String> {
        let holds: Holds = serde_json::from_value(holds).unwrap();
        answer(200, body).samples().and_then(|found| found.hold(&holds))
    }

    #[test]
    fn an_answer_is_read_up_to_its_limit_and_cut_one_byte_past_it() {
        let mut body = Vec::new();
        assert_eq!(take_in(&mut body, &vec![b'a'; limits::ANSWER_BYTES - 1]), Ok(()));
        assert_eq!(take_in(&mut body, b"b"), Ok(()));
        assert_eq!(take_in(&mut body, b""), Ok(()));
        assert!(take_in(&mut body, b"c").is_err());
        assert_eq!((body.len(), body.last()), (limits::ANSWER_BYTES, Some(&b'b')));
        assert!(take_in(&mut Vec::new(), &vec![b'a'; limits::ANSWER_BYTES + 1]).is_err());
    }

    #[test]
    fn a_query_holds_by_what_it_finds_and_what_is_no_number_compares_with_nothing() {
        let none = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
        let two = r#"{"data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]},
            {"metric":{},"value":[1,"NaN"]}]}}"#;
        let one = r#"{"data":{"resultType":"scalar","result":[1.5,"0.25"]}}"#;
        let at_most = |n: &str| serde_json::json!({"op": "<=", "value": n});
        assert_eq!(holds(none, "none".into()), Ok(()));
        assert!(holds(none, "some".into()).is_err() && holds(none, at_most("9")).is_err());
        assert_eq!(holds(two, "some".into()), Ok(()));
        assert!(holds(two, "none".into()).is_err() && holds(two, at_most("9")).is_err());
        assert_eq!(holds(one, at_most("0.25")), Ok(()));
        assert!(holds(one, at_most("0.2")).is_err() && holds(one, "some".into()).is_err());
        assert!(
            holds(r#"{"data":{"resultType":"string","result":[1,"x"]}}"#, "some".into()).is_err()
        );
        assert!(holds("<html>", "none".into()).is_err() && holds("{}", "none".into()).is_err());
    }

    #[test]
    fn an_answer_that_does_not_say_what_came_of_it_is_told_from_one_that_does() {
        let expect: Expect = serde_json::from_value(serde_json::json!({
            "status": [200, 202], "json": {"pointer": "/n", "equals": "1"}
        }))
        .unwrap();
        let meets = |status, body| answer(status, body).meets(&expect);
        assert_eq!(meets(202, r#"{"n": 1.0}"#), Ok(()));
        assert!(matches!(meets(200, r#"{"n": 2}"#), Err(Unwanted::Other(_))));
        assert!(matches!(meets(500, "{}"), Err(Unwanted::Other(_))));
        assert!(matches!(meets(200, "{"), Err(Unwanted::Open(_))));
        assert!(matches!(meets(504, ""), Err(Unwanted::Open(_))));
    }
}
