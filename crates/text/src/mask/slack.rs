//! Slack's mrkdwn: `<…>`, emoji, code blocks, escaped characters.

use super::Kind;
use super::cursor::Text;

/// What stands between angle brackets.
#[derive(Debug)]
pub(super) struct Angle {
    pub(super) kind: Kind,
    /// Where the words are that a reader sees instead, if there are any.
    pub(super) label: Option<(usize, usize)>,
    pub(super) end: usize,
}

/// `<https://…|label>`, `<@U…>`, `<#C…|name>`, `<!here>`, `<!subteam^S…>`, `<mailto:…|…>`.
pub(super) fn angle(text: &Text<'_>, at: usize) -> Option<Angle> {
    let close = text.end_of(at + 1, |byte| !matches!(byte, b'>' | b'<' | b'\n'));
    if text.byte(close) != Some(b'>') {
        return None;
    }
    let bar = text.end_of(at + 1, |byte| !matches!(byte, b'|' | b'>'));
    let target = text.slice(at + 1, bar);
    let kind = match target.as_bytes().first()? {
        b'@' => Kind::User,
        b'#' => Kind::Channel,
        b'!' if target.starts_with("!date") => Kind::Time,
        b'!' => Kind::Group,
        _ if target.starts_with("mailto:") => Kind::Email,
        _ if target.contains("://") || target.starts_with("tel:") => Kind::Url,
        _ => return None,
    };
    let label = (bar + 1 < close).then_some((bar + 1, close)).filter(|(from, to)| {
        let label = text.slice(*from, *to);
        !label.contains("://") && label.bytes().any(|byte| byte.is_ascii_alphabetic())
    });
    Some(Angle { kind, label, end: close + 1 })
}

/// `&lt;`, `&gt;`, `&amp;`: where it ends, and the character.
pub(super) fn entity(text: &Text<'_>, at: usize) -> Option<(usize, char)> {
    [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&quot;", '"'), ("&#39;", '\'')]
        .into_iter()
        .find(|(name, _)| text.starts(at, name))
        .map(|(name, character)| (at + name.len(), character))
}

/// `:name:`.
pub(super) fn emoji(text: &Text<'_>, at: usize) -> Option<usize> {
    let named = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'+' | b'\'')
    };
    let end = text.end_of(at + 1, named);
    let has_letter = text.slice(at + 1, end).bytes().any(|byte| byte.is_ascii_lowercase() || byte == b'+');
    (end > at + 1 && has_letter && text.byte(end) == Some(b':') && text.ends_word(end + 1)).then_some(end + 1)
}

/// Three backticks, anything, three backticks.
pub(super) fn code_block(text: &Text<'_>, at: usize) -> Option<usize> {
    if !text.starts(at, "```") {
        return None;
    }
    let mut end = at + 3;
    loop {
        end = text.end_of(end, |byte| byte != b'`');
        text.byte(end)?;
        if text.starts(end, "```") {
            return Some(end + 3);
        }
        end += 1;
    }
}

/// Whether there is nothing to read outside of code blocks: then what is in them must be read.
pub(super) fn is_only_code(text: &Text<'_>) -> bool {
    let mut at = 0;
    let mut any = false;
    while let Some(byte) = text.byte(at) {
        if let Some(end) = code_block(text, at) {
            any = true;
            at = end;
        } else if byte.is_ascii_alphabetic() || byte >= 0x80 {
            return false;
        } else {
            at += 1;
        }
    }
    any
}
