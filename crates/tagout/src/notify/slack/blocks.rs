//! A message as blocks of Slack. Every text from outside stands where Slack reads no marks, so
//! none of it can ring a whole channel or hide a link.
//!
//! Format: <https://docs.slack.dev/reference/block-kit/blocks>.

use serde_json::{Value, json};

use super::click::{APPROVE, REJECT, value};
use crate::notify::message::Message;

/// The longest text of a header, in characters.
const HEADER: usize = 150;
/// The longest text of a section or a list of steps, in characters.
const SECTION: usize = 2_900;
/// The most fields of a section.
const FIELDS: usize = 10;

/// What can be done by a click.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Buttons {
    pub(super) approve: bool,
    pub(super) reject: bool,
}

/// The blocks of a message.
pub(super) fn of(message: &Message, buttons: Buttons) -> Vec<Value> {
    let mut blocks = vec![json!({ "type": "header", "text": plain(&message.title, HEADER) })];
    for text in [&message.what, &message.text] {
        if !text.is_empty() {
            blocks.push(json!({ "type": "section", "text": plain(text, SECTION) }));
        }
    }
    for facts in message.facts.chunks(FIELDS) {
        let field = |(name, value): &(&str, String)| plain(&format!("{name}: {value}"), 2_000);
        let fields: Vec<Value> = facts.iter().map(field).collect();
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    if !message.steps.is_empty() {
        let (mut text, mut shown) = (String::new(), 0);
        for step in &message.steps {
            if text.chars().count() + step.chars().count() + 5 > SECTION {
                break;
            }
            shown += 1;
            text.push_str(&format!("{shown:>2}. {step}\n"));
        }
        let more = message.steps.len() - shown + message.more_steps;
        if more > 0 {
            text.push_str(&format!("and {more} more\n"));
        }
        blocks.push(json!({
            "type": "rich_text",
            "elements": [{
                "type": "rich_text_preformatted",
                "elements": [{ "type": "text", "text": text }],
            }],
        }));
    }
    let elements = actions(message, buttons);
    if !elements.is_empty() {
        blocks.push(json!({ "type": "actions", "elements": elements }));
    }
    blocks
}

fn actions(message: &Message, buttons: Buttons) -> Vec<Value> {
    let mut elements = Vec::new();
    if let Some(link) = &message.link {
        elements.push(json!({
            "type": "button", "action_id": "tagout.open", "url": link,
            "text": plain("Open the page", 75),
        }));
    }
    let Some(request) = &message.request else { return elements };
    let value = value(&message.notice.incident, request.plan, request.mode);
    let mut answer = |wanted: bool, id: &str, words: &str, style: &str| {
        if wanted {
            elements.push(json!({
                "type": "button", "action_id": id, "value": value, "style": style,
                "text": plain(&format!("{words} ({})", request.mode), 75),
                "confirm": {
                    "title": plain(&format!("{words} this plan?"), 100),
                    "text": plain(
                        &format!("Plan {} in {}, exactly as shown.", request.plan.short(), request.mode),
                        300,
                    ),
                    "confirm": plain(words, 30),
                    "deny": plain("Back", 30),
                },
            }));
        }
    };
    answer(buttons.approve, APPROVE, "Approve", "primary");
    answer(buttons.reject, REJECT, "Reject", "danger");
    elements
}

/// Text that Slack shows as it is.
fn plain(text: &str, most: usize) -> Value {
    let text: String = text.chars().take(most).collect();
    json!({ "type": "plain_text", "text": text, "emoji": false })
}

/// Text where Slack would read marks
/// (<https://docs.slack.dev/messaging/formatting-message-text#escaping>).
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
