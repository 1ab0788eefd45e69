//! What a message says: its text, its blocks and its attachments as lines, each thing once.
//!
//! Alerting integrations write little into `text`: Alertmanager and Grafana use attachments, Datadog and PagerDuty
//! blocks. Slack repeats the same words in `text`, `fallback` and `blocks`; what was said already is not said again.

use serde_json::Value;

/// How deep blocks may nest before the rest is left out.
const DEPTH: usize = 12;
/// From this many bytes on, words inside of what was said are a repetition and no coincidence.
const QUOTED: usize = 12;
/// How much of a message is kept, in bytes: Slack cuts texts at 40,000 characters.
const LONGEST: usize = 40_000;

/// All that a message of the API says, in the order in which it is shown, as Slack's mrkdwn.
///
/// ```
/// use alert_digest::slack::text::text;
/// use serde_json::json;
///
/// let message = json!({"text": "", "attachments": [{
///     "fallback": "[FIRING:1] DiskFull", "title": "[FIRING:1] DiskFull", "text": "web-1 is at 97 %",
///     "fields": [{"title": "severity", "value": "critical"}],
/// }]});
/// assert_eq!(text(&message), "[FIRING:1] DiskFull\nweb-1 is at 97 %\nseverity: critical");
/// ```
pub fn text(message: &Value) -> String {
    let mut said = Said::default();
    said.say(message.get("text"));
    said.blocks(message.get("blocks"), 0);
    for attachment in array(message.get("attachments")) {
        said.attachment(attachment);
    }
    for file in array(message.get("files")) {
        said.say(file.get("title").or_else(|| file.get("name")));
    }
    said.lines.join("\n")
}

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    /// The lines' letters and digits alone, to tell what was said.
    plain: Vec<String>,
    bytes: usize,
}

impl Said {
    fn say(&mut self, text: Option<&Value>) {
        if let Some(text) = text.and_then(Value::as_str) {
            self.line(text);
        }
    }

    fn line(&mut self, text: &str) {
        let text = text.trim();
        let plain: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
        let said = |before: &String| *before == plain || (plain.len() >= QUOTED && before.contains(&plain));
        let repeats = if plain.is_empty() {
            self.lines.iter().any(|line| line == text)
        } else {
            self.plain.iter().any(said)
        };
        if text.is_empty() || repeats {
            return;
        }
        let mut end = text.len().min(LONGEST.saturating_sub(self.bytes));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        if end == 0 {
            return;
        }
        self.bytes += end;
        self.plain.push(plain);
        self.lines.push(text[..end].to_owned());
    }

    fn attachment(&mut self, attachment: &Value) {
        let before = self.lines.len();
        for key in ["pretext", "author_name", "title", "text"] {
            self.say(attachment.get(key));
        }
        for field in array(attachment.get("fields")) {
            let part = |key: &str| field.get(key).and_then(Value::as_str).unwrap_or("").trim();
            match (part("title"), part("value")) {
                ("", value) => self.line(value),
                (title, "") => self.line(title),
                (title, value) => self.line(&format!("{title}: {value}")),
            }
        }
        self.blocks(attachment.get("blocks"), 0);
        self.say(attachment.get("footer"));
        if self.lines.len() == before {
            self.say(attachment.get("fallback"));
        }
    }

    fn blocks(&mut self, blocks: Option<&Value>, depth: usize) {
        if depth > DEPTH {
            return;
        }
        for block in array(blocks) {
            match block.get("type").and_then(Value::as_str) {
                Some("rich_text") => {
                    for element in array(block.get("elements")) {
                        self.rich(element, depth + 1);
                    }
                }
                // Buttons and fields to fill in say nothing about an alert.
                Some("actions" | "input" | "divider" | "file" | "call") => {}
                Some("image" | "video") => {
                    self.object(block.get("title"));
                    self.say(block.get("alt_text"));
                }
                Some("table") => {
                    for row in array(block.get("rows")) {
                        let cells: Vec<String> = array(Some(row)).map(|cell| inline(cell, 0)).collect();
                        self.line(&cells.join(" | "));
                    }
                }
                _ => {
                    self.object(block.get("title"));
                    self.object(block.get("text"));
                    for field in array(block.get("fields")) {
                        self.object(Some(field));
                    }
                    if block.get("type").and_then(Value::as_str) == Some("context") {
                        for element in array(block.get("elements")) {
                            self.say(element.get("text"));
                        }
                    }
                    self.blocks(block.get("blocks"), depth + 1);
                }
            }
        }
    }

    /// A text object, or a bare string where Slack takes both.
    fn object(&mut self, object: Option<&Value>) {
        let Some(object) = object else { return };
        self.say(if object.is_string() { Some(object) } else { object.get("text") });
    }

    /// A section, list, quote or preformatted part of rich text: one line each.
    fn rich(&mut self, element: &Value, depth: usize) {
        if depth > DEPTH {
            return;
        }
        if element.get("type").and_then(Value::as_str) == Some("rich_text_list") {
            for item in array(element.get("elements")) {
                self.rich(item, depth + 1);
            }
        } else {
            self.line(&inline(element, depth));
        }
    }
}

/// What the parts of a line say, as mrkdwn.
fn inline(element: &Value, depth: usize) -> String {
    if depth > DEPTH {
        return String::new();
    }
    let part = |key: &str| element.get(key).and_then(Value::as_str).unwrap_or("");
    match part("type") {
        "text" | "raw_text" => part("text").to_owned(),
        "link" if part("text").is_empty() => format!("<{}>", part("url")),
        "link" => format!("<{}|{}>", part("url"), part("text")),
        "emoji" => format!(":{}:", part("name")),
        "user" => format!("<@{}>", part("user_id")),
        "channel" => format!("<#{}>", part("channel_id")),
        "usergroup" => format!("<!subteam^{}>", part("usergroup_id")),
        "broadcast" => format!("<!{}>", part("range")),
        "date" => part("fallback").to_owned(),
        _ => array(element.get("elements")).map(|inner| inline(inner, depth + 1)).collect(),
    }
}

fn array(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_person_typed_is_said_once_though_slack_sends_it_twice() {
        let message = json!({"text": "look at *this* <https://x.io|page>", "blocks": [{"type": "rich_text", "elements": [
        {"type": "rich_text_section", "elements": [
            {"type": "text", "text": "look at "}, {"type": "text", "text": "this", "style": {"bold": true}},
            {"type": "text", "text": " "}, {"type": "link", "url": "https://x.io", "text": "page"},
        ]}]}]});
        assert_eq!(text(&message), "look at *this* <https://x.io|page>");
    }

    #[test]
    fn an_alert_in_blocks_is_read_in_order() {
        let message = json!({"blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "Monitor triggered"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "*p99* above 2 s"},
             "fields": [{"type": "mrkdwn", "text": "env: prod"}]},
            {"type": "context", "elements": [{"type": "image", "alt_text": "logo", "image_url": "https://x"},
                {"type": "mrkdwn", "text": "checkout"}]},
            {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Ack"}}]},
            {"type": "rich_text", "elements": [{"type": "rich_text_list", "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "web-1"}]},
                {"type": "rich_text_section", "elements": [{"type": "emoji", "name": "fire"}]}]}]},
        ]});
        assert_eq!(text(&message), "Monitor triggered\n*p99* above 2 s\nenv: prod\ncheckout\nweb-1\n:fire:");
    }

    #[test]
    fn a_fallback_speaks_only_when_nothing_else_does() {
        assert_eq!(text(&json!({"attachments": [{"fallback": "f", "text": "t"}]})), "t");
        assert_eq!(text(&json!({"attachments": [{"fallback": "f"}]})), "f");
    }

    #[test]
    fn shapes_that_nobody_promised_say_nothing_and_do_not_panic() {
        for odd in [json!(null), json!({"text": 7, "blocks": {}, "attachments": [1, null, {"fields": [[]]}]})]
        {
            assert_eq!(text(&odd), "");
        }
    }

    #[test]
    fn a_message_is_cut_at_the_limit_on_a_character() {
        let long = "é".repeat(LONGEST);
        assert_eq!(text(&json!({"text": long})).len(), LONGEST);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-zé🔥<>&|* ]{0,12}".prop_map(Value::from),
            prop_oneof![Just("rich_text"), Just("section"), Just("context"), Just("table"), Just("link")]
                .prop_map(Value::from),
        ];
        let key = prop_oneof![
            Just("type"),
            Just("text"),
            Just("blocks"),
            Just("elements"),
            Just("attachments"),
            Just("fields"),
            Just("rows"),
            Just("title"),
            Just("url"),
        ];
        leaf.prop_recursive(6, 64, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_json_makes_it_panic_or_repeat_a_line(message in any_json()) {
            let said = text(&message);
            let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
            let mut once = lines.clone();
            once.sort_unstable();
            once.dedup();
            prop_assert!(said.len() <= LONGEST + 64 * lines.len());
            prop_assert_eq!(once.len(), lines.len());
        }
    }
}
