//! Numbers, durations, hexadecimal.

use super::cursor::{Text, is_word};

const TIME_UNITS: [&str; 11] = ["ns", "us", "µs", "μs", "ms", "s", "m", "h", "d", "w", "y"];
const TIME_WORDS: [&str; 11] = [
    "nanosecond",
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "sec",
    "min",
];
const UNITS: [&str; 40] = [
    "%", "k", "K", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi", "b", "B", "kB", "KB", "MB", "GB", "TB",
    "PB", "KiB", "MiB", "GiB", "TiB", "PiB", "kb", "mb", "gb", "tb", "bps", "kbps", "Mbps", "Gbps", "Hz",
    "kHz", "MHz", "GHz", "V", "W", "C",
];

/// Digits with sign, thousands, fraction and exponent, without a unit; where they end.
fn plain(text: &Text<'_>, at: usize) -> Option<usize> {
    let from = if text.is(at, |byte| matches!(byte, b'+' | b'-')) { at + 1 } else { at };
    let digit = |byte: u8| byte.is_ascii_digit();
    let mut end = text.end_of(from, digit);
    if end == from {
        return None;
    }
    while text.byte(end) == Some(b',') && text.digits(end + 1, 3, 3).is_some() {
        end += 4;
    }
    if text.byte(end) == Some(b'.') && text.is(end + 1, digit) {
        end = text.end_of(end + 1, digit);
    }
    if text.is(end, |byte| matches!(byte, b'e' | b'E')) {
        let sign = usize::from(text.is(end + 1, |byte| matches!(byte, b'+' | b'-')));
        let exponent = text.end_of(end + 1 + sign, digit);
        if exponent > end + 1 + sign && text.ends_word(exponent) {
            end = exponent;
        }
    }
    Some(end)
}

/// A number, with its unit if it hangs on it; not one that goes on as a word.
pub(super) fn number(text: &Text<'_>, at: usize) -> Option<usize> {
    let end = plain(text, at)?;
    let is_unit = |from: usize, least: usize| {
        let unit = text.end_of(from, |byte| byte.is_ascii_alphabetic() || byte == b'%');
        let fits = unit >= from + least && UNITS.contains(&text.slice(from, unit)) && text.ends_word(unit);
        fits.then_some(unit)
    };
    // One letter behind a space is more likely a word.
    let spaced = || (text.byte(end) == Some(b' ')).then(|| is_unit(end + 1, 2)).flatten();
    if let Some(unit) = is_unit(end, 1).or_else(spaced) {
        return Some(unit);
    }
    (!goes_on(text, end)).then_some(end)
}

/// Whether a word goes on behind a number: `3rd`, `10.0.0.1`, `4-abc`.
fn goes_on(text: &Text<'_>, end: usize) -> bool {
    let joined = |byte| matches!(byte, b'-' | b'.' | b'@');
    text.at_word(end) || (text.is(end, joined) && text.at_word(end + 1))
}

/// `1h30m`, `250ms`, `5 minutes`.
pub(super) fn duration(text: &Text<'_>, at: usize) -> Option<usize> {
    let first = plain(text, at)?;
    let spaced = if text.byte(first) == Some(b' ') { first + 1 } else { first };
    let word = text.end_of(spaced, |byte| byte.is_ascii_alphabetic());
    let singular = text.slice(spaced, word).strip_suffix('s').unwrap_or(text.slice(spaced, word));
    if TIME_WORDS.contains(&singular) && text.ends_word(word) {
        return Some(word);
    }
    let mut end = first;
    loop {
        let unit = text.end_of(end, |byte| byte.is_ascii_alphabetic() || byte >= 0x80);
        if !TIME_UNITS.contains(&text.slice(end, unit)) {
            return None;
        }
        end = unit;
        match plain(text, end) {
            Some(next) if text.at_word(end) => end = next,
            _ if goes_on(text, end) => return None,
            // `1h 2m 3s`, as Prometheus writes it.
            _ => {
                return Some(
                    (text.byte(end) == Some(b' ')).then(|| duration(text, end + 1)).flatten().unwrap_or(end),
                );
            }
        }
    }
}

/// `0x…`, or at least seven hexadecimal digits among which are both letters and numbers.
pub(super) fn hex(text: &Text<'_>, at: usize) -> Option<usize> {
    let prefix = if text.starts(at, "0x") || text.starts(at, "0X") { 2 } else { 0 };
    let from = at + prefix;
    let end = text.end_of(from, |byte| byte.is_ascii_hexdigit());
    let piece = text.slice(from, end).as_bytes();
    let mixed = piece.iter().any(u8::is_ascii_digit) && piece.iter().any(u8::is_ascii_alphabetic);
    let enough = if prefix > 0 { end > from } else { piece.len() >= 7 && mixed };
    (enough && !goes_on(text, end)).then_some(end)
}

/// Six pairs of hexadecimal digits with colons.
pub(super) fn mac(text: &Text<'_>, at: usize) -> Option<usize> {
    let pair = |at: usize| {
        let end = text.end_of(at, |byte| byte.is_ascii_hexdigit());
        (end - at == 2).then_some(end)
    };
    let mut end = pair(at)?;
    for _ in 0..5 {
        end = text.is(end, |byte| byte == b':').then(|| pair(end + 1)).flatten()?;
    }
    text.ends_word(end).then_some(end)
}

/// 8-4-4-4-12 hexadecimal digits.
pub(super) fn uuid(text: &Text<'_>, at: usize) -> Option<usize> {
    let mut end = at;
    for (group, width) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        let from = if group == 0 { end } else { text.is(end, |byte| byte == b'-').then_some(end + 1)? };
        end = text.end_of(from, |byte| byte.is_ascii_hexdigit());
        if end - from != width {
            return None;
        }
    }
    (!text.is(end, is_word)).then_some(end)
}
