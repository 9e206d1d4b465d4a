//! A click on a button of ours, as Slack sends it. The plan and the mode that were shown travel
//! in the button, so a click on an old message is about the old plan and is refused.
//!
//! Format: <https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>.

use reqwest::Url;
use serde::Deserialize;
use tagout_core::approval::Answer;
use tagout_core::digest::PlanDigest;
use tagout_core::limits;
use tagout_core::verdict::Mode;

/// The id of the button that approves.
pub(super) const APPROVE: &str = "tagout.approve";
/// The id of the button that rejects.
pub(super) const REJECT: &str = "tagout.reject";
/// What the value of a button begins with.
const VERSION: &str = "v1";

/// Somebody's click.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    /// Slack's id of whoever clicked.
    pub user: String,
    /// The conversation that the message stands in.
    pub conversation: String,
    /// What the button says.
    pub answer: Answer,
    /// The incident.
    pub incident: String,
    /// The plan that was shown.
    pub plan: PlanDigest,
    /// The mode that was shown.
    pub mode: Mode,
}

/// A body that is no click as Slack sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAClick(pub(super) &'static str);

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    user: Option<User>,
    container: Option<Container>,
    #[serde(default)]
    actions: Vec<Action>,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

#[derive(Deserialize)]
struct Container {
    channel_id: Option<String>,
}

#[derive(Deserialize)]
struct Action {
    action_id: String,
    value: Option<String>,
}

impl Click {
    /// Reads the body of a request. `None` is an interaction that asks nothing of us, such as
    /// the click that opens the page.
    ///
    /// # Errors
    /// If it is not a body as Slack sends it, or a button of ours with another value than ours.
    pub fn read(body: &[u8]) -> Result<Option<Self>, NotAClick> {
        let payload = payload(body)?;
        let payload: Payload =
            serde_json::from_str(&payload).map_err(|_| NotAClick("the payload cannot be read"))?;
        let action = match payload.actions.as_slice() {
            [action] if payload.kind == "block_actions" => action,
            _ => return Ok(None),
        };
        let answer = match action.action_id.as_str() {
            APPROVE => Answer::Approve,
            REJECT => Answer::Reject,
            _ => return Ok(None),
        };
        let user = payload.user.ok_or(NotAClick("it does not say who clicked"))?.id;
        let conversation = payload.container.and_then(|container| container.channel_id);
        let conversation = conversation.ok_or(NotAClick("it does not say where"))?;
        let plain = |id: &str| {
            (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        if !plain(&user) || !plain(&conversation) {
            return Err(NotAClick("an id is none of Slack's"));
        }
        let value = action.value.as_deref().and_then(read_value);
        let (incident, plan, mode) = value.ok_or(NotAClick("the button's value is not ours"))?;
        Ok(Some(Self { user, conversation, answer, incident, plan, mode }))
    }
}

/// The one member of the form.
fn payload(body: &[u8]) -> Result<String, NotAClick> {
    let text = std::str::from_utf8(body).map_err(|_| NotAClick("the form is not UTF-8"))?;
    let mut form = Url::parse("form:").map_err(|_| NotAClick("no form"))?;
    form.set_query(Some(text));
    let mut members = form.query_pairs();
    match (members.next(), members.next()) {
        (Some((name, payload)), None) if name == "payload" => Ok(payload.into_owned()),
        _ => Err(NotAClick("the form has not the one member payload")),
    }
}

/// What a button carries.
pub(super) fn value(incident: &str, plan: PlanDigest, mode: Mode) -> String {
    format!("{VERSION} {mode} {plan} {incident}")
}

fn read_value(value: &str) -> Option<(String, PlanDigest, Mode)> {
    let mut parts = value.splitn(4, ' ');
    if parts.next() != Some(VERSION) {
        return None;
    }
    let mode = parts.next()?;
    let mode = mode.parse().ok()?;
    let plan = parts.next()?.parse().ok()?;
    let incident = parts.next().filter(|id| !id.is_empty() && id.len() <= limits::NAME_BYTES)?;
    Some((incident.to_owned(), plan, mode))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn form(payload: &Value) -> Vec<u8> {
        let mut form = Url::parse("form:").unwrap();
        form.query_pairs_mut().append_pair("payload", &payload.to_string());
        form.query().unwrap().as_bytes().to_vec()
    }

    fn clicked(action: &str, value: &str) -> Value {
        json!({
            "type": "block_actions",
            "user": {"id": "U0123ABCD", "username": "ana", "team_id": "T1"},
            "api_app_id": "A1", "token": "old", "trigger_id": "1.2.3",
            "container": {"type": "message", "message_ts": "1.2", "channel_id": "C0123ABCD"},
            "response_url": "https://elsewhere.example/",
            "actions": [{"action_id": action, "block_id": "b", "type": "button", "value": value}],
        })
    }

    fn plan() -> PlanDigest {
        PlanDigest::of_bytes(b"a plan")
    }

    #[test]
    fn a_click_says_who_what_and_on_which_plan() {
        let value = value("inc-1 & <more>+%", plan(), Mode::DryRun);
        for (id, answer) in [(APPROVE, Answer::Approve), (REJECT, Answer::Reject)] {
            let click = Click::read(&form(&clicked(id, &value))).unwrap().unwrap();
            let expected = Click {
                user: "U0123ABCD".into(),
                conversation: "C0123ABCD".into(),
                answer,
                incident: "inc-1 & <more>+%".into(),
                plan: plan(),
                mode: Mode::DryRun,
            };
            assert_eq!(click, expected);
        }
    }

    #[test]
    fn what_asks_nothing_of_us_is_no_error() {
        let value = value("inc-1", plan(), Mode::Live);
        assert_eq!(Click::read(&form(&clicked("tagout.open", &value))), Ok(None));
        let mut other = clicked(APPROVE, &value);
        other["type"] = json!("view_submission");
        assert_eq!(Click::read(&form(&other)), Ok(None));
        let mut many = clicked(APPROVE, &value);
        many["actions"] = json!([many["actions"][0], many["actions"][0]]);
        assert_eq!(Click::read(&form(&many)), Ok(None));
    }

    #[test]
    fn what_is_not_as_we_made_it_is_refused() {
        let good = value("inc-1", plan(), Mode::Live);
        for bad in [
            "",
            "v1",
            "v2 live",
            &good.replace("live", "maybe"),
            &good.replace("v1", "v0"),
            good.trim_end_matches("inc-1"),
            &good[..40],
        ] {
            assert!(Click::read(&form(&clicked(APPROVE, bad))).is_err(), "{bad:?}");
        }
        let mut nobody = clicked(APPROVE, &good);
        nobody["user"] = json!({"id": "U1<!channel>"});
        assert!(Click::read(&form(&nobody)).is_err());
        let two = [form(&clicked(APPROVE, &good)), b"&payload=x".to_vec()].concat();
        assert!(Click::read(&two).is_err());
        for body in [&b""[..], b"payload=", b"payload={}", b"\xff", b"other=1"] {
            assert!(Click::read(body).is_err(), "{body:?}");
        }
    }
}
