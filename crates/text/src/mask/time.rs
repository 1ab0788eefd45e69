//! Dates and times of day.

use super::cursor::Text;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A date, a time of day, or both; where it ends.
pub(super) fn time(text: &Text<'_>, at: usize) -> Option<usize> {
    if text.is(at, |byte| byte.is_ascii_digit()) {
        let date = numeric_date(text, at).or_else(|| day_first(text, at));
        return match date {
            Some(end) => Some(with_clock(text, end)),
            None => clock(text, at),
        }
        .filter(|end| text.ends_word(*end));
    }
    let day = name(text, at, &DAYS).map(|end| skip(text, end, b", "));
    let month = name(text, day.unwrap_or(at), &MONTHS).map(|end| skip(text, end, b". "));
    match (day, month) {
        (_, Some(month)) => {
            let end = text.digits(month, 1, 2).filter(|end| text.ends_word(*end))?;
            Some(year(text, with_clock(text, end)))
        }
        (Some(day), None) => day_first(text, day).map(|end| with_clock(text, end)),
        (None, None) => None,
    }
}

/// `2024-05-01`, `2024/05/01`, `05/01/2024`, `01.05.2024`.
fn numeric_date(text: &Text<'_>, at: usize) -> Option<usize> {
    let first = text.digits(at, 1, 4)?;
    let separator = text.byte(first).filter(|byte| matches!(byte, b'-' | b'/' | b'.'))?;
    let second = text.digits(first + 1, 1, 2)?;
    if text.byte(second) != Some(separator) {
        return None;
    }
    let third = text.digits(second + 1, 1, 4)?;
    let small = |from, to, limit| text.value(from, to).is_some_and(|value| (1..=limit).contains(&value));
    let year_first = first - at == 4 && third - second <= 3 && small(first + 1, second, 12);
    let year_last = third - second == 5 && first - at <= 2 && small(first + 1, second, 31);
    let no_version = text.byte(third) != Some(separator) || separator == b'-';
    (no_version && ((year_first && separator != b'.') || year_last)).then_some(third)
}

/// `4 Dec 2005`, `04/Dec/2005:04:47:44`.
fn day_first(text: &Text<'_>, at: usize) -> Option<usize> {
    let day = text.digits(at, 1, 2)?;
    let separator = text.byte(day).filter(|byte| matches!(byte, b' ' | b'/' | b'-'))?;
    let month = name(text, day + 1, &MONTHS)?;
    if text.byte(month) != Some(separator) {
        return (separator == b' ').then_some(month);
    }
    Some(text.digits(month + 1, 4, 4).unwrap_or(month))
}

/// A time of day after a date, if there is one.
fn with_clock(text: &Text<'_>, date: usize) -> usize {
    let separated = match text.byte(date) {
        Some(b'T' | b't' | b'_' | b':' | b' ' | b'-') => date + 1,
        Some(b',') => skip(text, date, b", "),
        _ => return date,
    };
    clock(text, separated).unwrap_or(date)
}

/// `04:47`, `04:47:44.123`, with `Z`, an offset or `PM`.
fn clock(text: &Text<'_>, at: usize) -> Option<usize> {
    let colon = |at: usize| text.byte(at) == Some(b':');
    let hours = text.digits(at, 1, 2)?;
    let minutes = colon(hours).then(|| text.digits(hours + 1, 2, 2)).flatten()?;
    if text.value(at, hours)? > 24 || text.value(hours + 1, minutes)? > 59 {
        return None;
    }
    let mut end = minutes;
    if colon(minutes)
        && let Some(seconds) = text.digits(minutes + 1, 2, 2)
    {
        end = seconds;
        if text.is(seconds, |byte| matches!(byte, b'.' | b','))
            && let Some(fraction) = text.digits(seconds + 1, 1, 9)
        {
            end = fraction;
        }
    } else if colon(minutes) && text.is(minutes + 1, |byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some(zone(text, end))
}

/// `Z`, ` UTC`, `+02:00`, ` -0500`, ` PM`, if there is one.
fn zone(text: &Text<'_>, at: usize) -> usize {
    let near = if text.byte(at) == Some(b' ') { at + 1 } else { at };
    for name in ["Z", "UTC", "GMT", "CEST", "CET", "PM", "AM", "pm", "am"] {
        if text.starts(near, name) && text.ends_word(near + name.len()) && (near == at || name != "Z") {
            return near + name.len();
        }
    }
    if text.is(near, |byte| matches!(byte, b'+' | b'-'))
        && let Some(end) = text.digits(near + 1, 2, 4)
    {
        let minutes = (text.byte(end) == Some(b':')).then(|| text.digits(end + 1, 2, 2)).flatten();
        return minutes.unwrap_or(end);
    }
    at
}

/// ` 2005` at the end of `asctime`'s form, if it is there.
fn year(text: &Text<'_>, at: usize) -> usize {
    let from = skip(text, at, b", ");
    let fits = |end: &usize| text.ends_word(*end) && text.is(from, |byte| matches!(byte, b'1' | b'2'));
    let end = (from > at).then(|| text.digits(from, 4, 4)).flatten().filter(fits);
    end.unwrap_or(at)
}

fn skip(text: &Text<'_>, at: usize, these: &[u8]) -> usize {
    text.end_of(at, |byte| these.contains(&byte))
}

/// A capitalised name, whole or its first three letters; where it ends.
fn name(text: &Text<'_>, at: usize, names: &[&str]) -> Option<usize> {
    let end = text.end_of(at, |byte| byte.is_ascii_alphabetic());
    if !(3..=9).contains(&(end - at)) || !text.is(at, |byte| byte.is_ascii_uppercase()) || text.at_word(end) {
        return None;
    }
    let word = text.slice(at, end).to_ascii_lowercase();
    names.iter().any(|name| *name == word || name[..3] == word).then_some(end)
}
