//! Pieces that several messages and modals are made of: escaped text, buttons, names of actions.

use slack_morphism::prelude::*;
use url::Url;

/// Names of the buttons, as they come back in a click.
pub mod action {
    /// Opens the report: a link, nothing to do here.
    pub const OPEN: &str = "open_report";
    /// Mutes a cluster; carries [`super::ClusterRef`].
    pub const MUTE: &str = "mute";
    /// Shows it again; carries [`super::ClusterRef`].
    pub const UNMUTE: &str = "unmute";
    /// Asks when a daily digest is wanted; carries [`crate::slack::modal::Daily`].
    pub const SCHEDULE: &str = "schedule";
    /// Ends a daily digest; carries the channel.
    pub const UNSCHEDULE: &str = "unschedule";
}

/// Which cluster a button is about.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClusterRef {
    /// The channel whose digests it is in.
    pub channel: String,
    /// [`Cluster::key`](crate::digest::Cluster::key).
    pub key: String,
}

impl ClusterRef {
    /// As a button carries it; a channel's id and a key hold no `/`.
    pub fn to_value(&self) -> String {
        format!("{}/{}", self.channel, self.key)
    }

    /// From a button.
    pub fn parse(value: &str) -> Option<Self> {
        let (channel, key) = value.split_once('/')?;
        let sound = |text: &str| {
            !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        (sound(channel) && sound(key))
            .then(|| ClusterRef { channel: channel.to_owned(), key: key.to_owned() })
    }
}

/// Text that Slack shows as it is: `&`, `<` and `>` escaped, cut to `longest` characters.
///
/// ```
/// use alert_digest::slack::blocks::escape;
///
/// assert_eq!(escape("<!channel> a & b", 40), "&lt;!channel&gt; a &amp; b");
/// assert_eq!(escape("abcdef", 4), "abc…");
/// ```
pub fn escape(text: &str, longest: usize) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in cut(text, longest).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The first `longest` characters, the last one an ellipsis if there are more.
pub fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(1)).chain(['…']).collect()
}

/// A code span: back-ticks would end it.
pub fn code(text: &str, longest: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('`', "'");
    format!("`{}`", escape(if line.is_empty() { "(no words)" } else { &line }, longest))
}

/// A section of mrkdwn.
pub fn section(text: impl Into<String>) -> SlackSectionBlock {
    SlackSectionBlock::new().with_text(SlackBlockMarkDownText::new(text.into()).into())
}

/// Small print of mrkdwn.
pub fn context(text: impl Into<String>) -> SlackContextBlock {
    SlackContextBlock::new(vec![SlackContextBlockElement::MarkDown(SlackBlockMarkDownText::new(text.into()))])
}

/// A button that carries a value.
pub fn button(action: &str, text: &str, value: impl Into<String>) -> SlackBlockButtonElement {
    SlackBlockButtonElement::new(pt!(text)).with_action_id(action.into()).with_value(value.into())
}

/// The button that opens a report.
pub fn open_button(link: &Url) -> SlackBlockButtonElement {
    SlackBlockButtonElement::new(pt!("Open report"))
        .with_action_id(action::OPEN.into())
        .with_url(link.clone())
        .with_style(SlackBlockButtonStyle::Primary)
}

/// An answer of text alone.
pub fn plain(text: impl Into<String>) -> SlackMessageContent {
    SlackMessageContent::new().with_text(text.into())
}

/// Eight heights of block characters; empty counts are a low line, so that gaps are seen.
///
/// ```
/// assert_eq!(alert_digest::slack::blocks::sparkline(&[0, 1, 4, 8]), "▁▂▅█");
/// ```
pub fn sparkline(counts: &[u32]) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = u64::from(counts.iter().copied().max().unwrap_or(0)).max(1);
    let height = |count: &u32| {
        let steps = (u64::from(*count) * 7).div_ceil(most) as usize;
        HEIGHTS[steps.min(7)]
    };
    counts.iter().map(height).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn escaped_text_holds_no_markup_of_slacks(text in ".{0,60}", longest in 1_usize..80) {
            let escaped = escape(&text, longest);
            prop_assert!(!escaped.contains(['<', '>']));
            let back = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            prop_assert_eq!(back, cut(&text, longest));
        }

        #[test]
        fn a_code_span_is_one_line_that_only_ends_at_its_end(text in "(?s).{0,60}") {
            let code = code(&text, 40);
            prop_assert_eq!(code.matches('`').count(), 2);
            prop_assert!(!code.contains('\n'));
        }

        #[test]
        fn a_sparkline_is_as_long_as_its_counts(counts in proptest::collection::vec(any::<u32>(), 0..40)) {
            prop_assert_eq!(sparkline(&counts).chars().count(), counts.len());
        }
    }

    #[test]
    fn a_reference_to_a_cluster_survives_the_way_through_a_button() {
        let cluster = ClusterRef { channel: "C1".into(), key: "00ff".into() };
        assert_eq!(ClusterRef::parse(&cluster.to_value()), Some(cluster));
        for wrong in ["", "C1", "C1/", "/k", "C1/k/x", "C 1/k"] {
            assert_eq!(ClusterRef::parse(wrong), None, "{wrong}");
        }
    }
}
