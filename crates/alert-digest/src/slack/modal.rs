//! The two modals: what digest is wanted, and when a daily one.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slack_morphism::prelude::*;
use url::Url;

use super::blocks::{context, open_button, section};
use crate::digest::Sensitivity;
use crate::store::Request;

/// The callback of the digest modal and of the global shortcut that opens it.
pub const DIGEST: &str = "digest";
/// The callback of the modal that asks when.
pub const SCHEDULE: &str = "schedule";

/// The time ranges that can be chosen: value, words, hours.
pub const RANGES: [(&str, &str, u32); 7] = [
    ("1h", "Last hour", 1),
    ("4h", "Last 4 hours", 4),
    ("12h", "Last 12 hours", 12),
    ("24h", "Last 24 hours", 24),
    ("3d", "Last 3 days", 72),
    ("7d", "Last 7 days", 168),
    ("30d", "Last 30 days", 720),
];
/// The range that is chosen to begin with.
pub const RANGE: &str = "24h";

const SENSITIVITIES: [(&str, &str); 3] = [
    ("normal", "Normal: three alike make a cluster"),
    ("low", "Low: few, broad clusters"),
    ("high", "High: many, narrow clusters"),
];
const COMPARE: (&str, &str) = ("compare", "Compare with the period before, to see what is new");
const THREADS: (&str, &str) = ("threads", "Read replies in threads as well");

/// What was filled in.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// A digest is wanted; or what is wrong with the fields, by block.
    Digest(Result<Wanted, BTreeMap<String, String>>),
    /// A daily digest is wanted.
    Daily(Result<(Daily, u16), BTreeMap<String, String>>),
}

/// A digest, without the present and the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The channel to read.
    pub channel: String,
    /// How far back.
    pub span: Duration,
    /// How little it takes to be a cluster.
    pub sensitivity: Sensitivity,
    /// Whether the period before is read as well.
    pub compare: bool,
    /// Whether replies are read as well.
    pub threads: bool,
    /// Where the result goes; none: to the person.
    pub post_to: Option<String>,
}

impl Wanted {
    /// The defaults for a channel and a range such as `24h`; none if the range is not one of [`RANGES`].
    pub fn preset(channel: &str, range: &str) -> Option<Self> {
        let (_, _, hours) = RANGES.iter().find(|(value, ..)| *value == range)?;
        Some(Wanted {
            channel: channel.to_owned(),
            span: Duration::from_secs(u64::from(*hours) * 3600),
            sensitivity: Sensitivity::Normal,
            compare: true,
            threads: false,
            post_to: Some(channel.to_owned()),
        })
    }

    /// As a request of a person at a time.
    pub fn request(self, user: &str, now: Timestamp) -> Request {
        Request {
            from: now.checked_sub(self.span).unwrap_or(Timestamp::UNIX_EPOCH),
            to: now,
            channel: self.channel,
            sensitivity: self.sensitivity,
            compare: self.compare,
            threads: self.threads,
            post_to: self.post_to.unwrap_or_else(|| user.to_owned()),
            user: user.to_owned(),
            scheduled: false,
        }
    }
}

/// What a "schedule daily" button carries, and its modal in turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daily {
    /// The channel to read.
    pub channel: String,
    /// Where results go.
    pub post_to: String,
    /// How little it takes to be a cluster.
    pub sensitivity: Sensitivity,
    /// Whether replies are read as well.
    pub threads: bool,
    /// The person's time zone; filled in when the modal opens.
    #[serde(default)]
    pub zone: String,
}

impl Daily {
    /// As a button or a modal carries it.
    pub fn to_value(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From a button or a modal.
    pub fn parse(value: &str) -> Option<Self> {
        serde_json::from_str(value).ok()
    }
}

/// The modal that asks what digest is wanted, opened in a channel or from anywhere.
pub fn digest(channel: Option<&str>) -> SlackView {
    let conversations = |action: &str| {
        let select = SlackBlockConversationsSelectElement::new()
            .with_action_id(action.into())
            .with_default_to_current_conversation(true);
        match channel {
            Some(channel) => select.with_initial_conversation(channel.into()),
            None => select,
        }
    };
    let channels = SlackBlockConversationFilter::new()
        .with_include(vec![SlackConversationFilterInclude::Public, SlackConversationFilterInclude::Private])
        .with_exclude_bot_users(true);
    let range = RANGES.map(|(value, words, _)| choice(value, words));
    let sensitivity = SENSITIVITIES.map(|(value, words)| choice(value, words));
    let boxes = [COMPARE, THREADS].map(|(value, words)| {
        SlackBlockChoiceItem::new(SlackBlockText::Plain(words.into()), value.to_owned())
    });
    let blocks = slack_blocks![
        input("channel", "Channel to read", conversations("channel").with_filter(channels).into()),
        input("range", "Time range", select("range", &range, RANGE)),
        input("sensitivity", "Sensitivity", select("sensitivity", &sensitivity, SENSITIVITIES[0].0)),
        input(
            "options",
            "Options",
            SlackBlockCheckboxesElement::new(boxes.to_vec())
                .with_action_id("options".into())
                .with_initial_options(vec![boxes[0].clone()])
                .into()
        )
        .with_optional(true),
        input("post_to", "Post the result to", conversations("post_to").into())
            .with_optional(true)
            .with_hint(pt!("Left empty, it comes to you as a direct message.")),
    ];
    modal(DIGEST, "Alert digest", "Make digest", blocks)
}

/// The modal that asks at what time a daily digest is wanted.
pub fn schedule(daily: &Daily) -> SlackView {
    let time = SlackBlockTimePickerElement::new()
        .with_action_id("time".into())
        .with_initial_time("09:00".into())
        .with_timezone(daily.zone.clone());
    let blocks = slack_blocks![
        section(format!("Every day, a digest of the last 24 hours of <#{}>.", daily.channel)),
        input("time", "At", time.into()),
        context(format!("Times are in {}. A new schedule replaces the channel's old one.", daily.zone)),
    ];
    match modal(SCHEDULE, "Daily digest", "Schedule", blocks) {
        SlackView::Modal(view) => SlackView::Modal(view.with_private_metadata(daily.to_value())),
        home @ SlackView::Home(_) => home,
    }
}

/// What a modal turns into when it was sent: the link to the report.
pub fn started(request: &Request, link: &Url) -> SlackView {
    let blocks = slack_blocks![
        section(format!(
            "Reading <#{}>. The report is open already and fills itself; the result is also posted to {}.",
            request.channel,
            place(&request.post_to)
        )),
        SlackActionsBlock::new(slack_blocks![open_button(link)]),
    ];
    let view = SlackModalView::new(pt!("Alert digest"), blocks).with_close(pt!("Close"));
    SlackView::Modal(view)
}

/// What a modal turns into when there is nothing more to do.
pub fn done(title: &str, text: impl Into<String>) -> SlackView {
    SlackView::Modal(SlackModalView::new(pt!(title), slack_blocks![section(text)]).with_close(pt!("Close")))
}

/// A channel or a person as Slack links them.
pub fn place(id: &str) -> String {
    if id.starts_with(['U', 'W']) { format!("<@{id}>") } else { format!("<#{id}>") }
}

/// What was filled in; none for a modal that is not ours.
pub fn form(view: &SlackStatefulView) -> Option<Form> {
    let SlackView::Modal(modal) = &view.view else { return None };
    let state = view.state_params.state.as_ref();
    let value = |block: &str| {
        let actions = state?.values.get(&SlackBlockId(block.to_owned()))?;
        actions.get(&SlackActionId(block.to_owned()))
    };
    match modal.callback_id.as_ref()?.value().as_str() {
        DIGEST => Some(Form::Digest(wanted(value))),
        SCHEDULE => {
            let daily = modal.private_metadata.as_deref().and_then(Daily::parse);
            let time = value("time").and_then(|value| value.selected_time.as_deref()).and_then(minute);
            Some(Form::Daily(daily.zip(time).ok_or_else(|| fault("time", "Choose a time such as 09:00."))))
        }
        _ => None,
    }
}

fn wanted<'a>(
    value: impl Fn(&str) -> Option<&'a SlackViewStateValue>,
) -> Result<Wanted, BTreeMap<String, String>> {
    let option = |block: &str| {
        let option = value(block).and_then(|value| value.selected_option.as_ref());
        option.map(|option| option.value.as_str())
    };
    let conversation = |block: &str| {
        let selected = value(block).and_then(|value| value.selected_conversation.as_ref());
        selected.map(|conversation| conversation.value().clone())
    };
    let boxes: Vec<&str> = value("options")
        .and_then(|value| value.selected_options.as_ref())
        .map(|options| options.iter().map(|option| option.value.as_str()).collect())
        .unwrap_or_default();
    let channel = conversation("channel").ok_or_else(|| fault("channel", "Choose the channel to read."))?;
    let range = option("range").unwrap_or(RANGE);
    let wanted =
        Wanted::preset(&channel, range).ok_or_else(|| fault("range", "Choose one of the ranges."))?;
    let sensitivity = match option("sensitivity") {
        Some("low") => Sensitivity::Low,
        Some("high") => Sensitivity::High,
        _ => Sensitivity::Normal,
    };
    Ok(Wanted {
        sensitivity,
        compare: boxes.contains(&COMPARE.0),
        threads: boxes.contains(&THREADS.0),
        post_to: conversation("post_to"),
        ..wanted
    })
}

/// `09:30` as a minute of the day.
fn minute(time: &str) -> Option<u16> {
    let (hours, minutes) = time.split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

fn fault(block: &str, words: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(block.to_owned(), words.to_owned())])
}

type Choice = SlackBlockChoiceItem<SlackBlockPlainTextOnly>;

fn choice(value: &str, words: &str) -> Choice {
    SlackBlockChoiceItem::new(pt!(words), value.to_owned())
}

fn select(action: &str, choices: &[Choice], initial: &str) -> SlackInputBlockElement {
    let element =
        SlackBlockStaticSelectElement::new().with_action_id(action.into()).with_options(choices.to_vec());
    let initial = choices.iter().find(|choice| choice.value == initial).cloned();
    element.opt_initial_option(initial).into()
}

fn input(block: &str, label: &str, element: SlackInputBlockElement) -> SlackInputBlock {
    SlackInputBlock::new(pt!(label), element).with_block_id(block.into())
}

fn modal(callback: &str, title: &str, submit: &str, blocks: Vec<SlackBlock>) -> SlackView {
    let view = SlackModalView::new(pt!(title), blocks)
        .with_callback_id(callback.into())
        .with_submit(pt!(submit))
        .with_close(pt!("Cancel"));
    SlackView::Modal(view)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn submitted(callback: &str, metadata: &str, values: Value) -> Option<Form> {
        let view = json!({
            "id": "V1", "team_id": "T1", "type": "modal", "hash": "1.a", "callback_id": callback,
            "title": {"type": "plain_text", "text": "x"}, "blocks": [], "private_metadata": metadata,
            "state": {"values": values},
        });
        form(&serde_json::from_value(view).unwrap())
    }

    #[test]
    fn what_was_filled_in_is_what_is_wanted() {
        let option = |value: &str| json!({"text": {"type": "plain_text", "text": "x"}, "value": value});
        let form = submitted(
            DIGEST,
            "",
            json!({
                "channel": {"channel": {"type": "conversations_select", "selected_conversation": "C1"}},
                "range": {"range": {"type": "static_select", "selected_option": option("7d")}},
                "sensitivity": {"sensitivity": {"type": "static_select", "selected_option": option("high")}},
                "options": {"options": {"type": "checkboxes", "selected_options": [option("threads")]}},
                "post_to": {"post_to": {"type": "conversations_select", "selected_conversation": "C2"}},
            }),
        );
        let wanted = Wanted {
            channel: "C1".into(),
            span: Duration::from_secs(7 * 86_400),
            sensitivity: Sensitivity::High,
            compare: false,
            threads: true,
            post_to: Some("C2".into()),
        };
        assert_eq!(form, Some(Form::Digest(Ok(wanted))));
    }

    #[test]
    fn without_a_channel_the_field_says_so() {
        let Some(Form::Digest(Err(faults))) = submitted(DIGEST, "", json!({})) else { panic!("no fault") };
        assert!(faults["channel"].contains("Choose"));
    }

    #[test]
    fn a_schedule_comes_back_with_its_time_and_zone() {
        let daily = Daily {
            channel: "C1".into(),
            post_to: "C1".into(),
            sensitivity: Sensitivity::Low,
            threads: false,
            zone: "Asia/Tokyo".into(),
        };
        let time = |time: &str| {
            let values = json!({"time": {"time": {"type": "timepicker", "selected_time": time}}});
            submitted(SCHEDULE, &daily.to_value(), values)
        };
        assert_eq!(time("07:45"), Some(Form::Daily(Ok((daily.clone(), 465)))));
        assert!(matches!(time("24:00"), Some(Form::Daily(Err(_)))));
    }

    #[test]
    fn a_modal_of_another_app_is_none_of_ours() {
        assert_eq!(submitted("other", "", json!({})), None);
    }

    #[test]
    fn every_block_of_every_modal_is_one_that_slack_knows() {
        let daily = Daily {
            channel: "C1".into(),
            post_to: "C1".into(),
            sensitivity: Sensitivity::Low,
            threads: true,
            zone: "UTC".into(),
        };
        for view in [digest(None), digest(Some("C1")), schedule(&daily), done("Done", "text")] {
            let read: SlackView = serde_json::from_value(serde_json::to_value(&view).unwrap()).unwrap();
            let SlackView::Modal(modal) = &read else { panic!("no modal") };
            assert!(modal.blocks.iter().all(|block| !matches!(block, SlackBlock::Unknown(_))));
            assert_eq!(read, view);
        }
    }

    #[test]
    fn the_words_of_the_modal_fit_slacks_limits() {
        for (_, words) in SENSITIVITIES.into_iter().chain([COMPARE, THREADS]) {
            assert!(words.len() <= 75, "{words}");
        }
        let view = serde_json::to_value(digest(None)).unwrap();
        assert!(view["title"]["text"].as_str().unwrap().len() <= 24);
        assert!(view["submit"]["text"].as_str().unwrap().len() <= 24);
    }
}
