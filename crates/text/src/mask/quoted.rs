//! Quoted strings and label sets.

use super::cursor::{Text, is_word};

const LONGEST: usize = 200;

/// A string from the quote at a place to its partner on the same line; where it ends.
pub(super) fn string(text: &Text<'_>, at: usize) -> Option<usize> {
    let quote = text.byte(at)?;
    // An apostrophe is no quote: the quote opens after and closes before something that is no word.
    if text.after_word(at) || !text.is(at + 1, |byte| !byte.is_ascii_whitespace() && byte != quote) {
        return None;
    }
    let mut end = at + 1;
    while let Some(byte) = text.byte(end) {
        match byte {
            b'\\' => end += 2,
            b'\n' => return None,
            _ if byte == quote && (quote == b'"' || text.ends_word(end + 1)) => return Some(end + 1),
            _ => end += 1,
        }
        if end - at > LONGEST {
            return None;
        }
    }
    None
}

/// Whether a quoted string is the key of what follows, as in JSON.
pub(super) fn is_key(text: &Text<'_>, end: usize) -> bool {
    let colon = text.end_of(end, |byte| byte == b' ');
    text.byte(colon) == Some(b':')
}

/// Four words or more are something that was said, not a name.
pub(super) fn is_sentence(inner: &str) -> bool {
    inner.split_whitespace().nth(3).is_some()
}

/// `{key="value", …}`.
pub(super) fn label_set(text: &Text<'_>, at: usize) -> Option<usize> {
    let space = |at: usize| text.end_of(at, |byte| byte == b' ');
    let mut end = space(at + 1);
    loop {
        let key = text.end_of(end, |byte| is_word(byte) || matches!(byte, b'.' | b':'));
        if key == end {
            return None;
        }
        let equals = text.end_of(space(key), |byte| matches!(byte, b'=' | b'~' | b'!'));
        let value = space(equals);
        if equals == space(key) || text.byte(value) != Some(b'"') {
            return None;
        }
        let mut close = value + 1;
        loop {
            match text.byte(close)? {
                b'\\' => close += 2,
                b'"' => break,
                _ => close += 1,
            }
        }
        end = space(close + 1);
        match text.byte(end)? {
            b'}' => return Some(end + 1),
            b',' => end = space(end + 1),
            _ => return None,
        }
        if text.byte(end) == Some(b'}') {
            return Some(end + 1);
        }
    }
}

/// `map[key:value …]`, as Go prints a map.
pub(super) fn go_map(text: &Text<'_>, at: usize) -> Option<usize> {
    if !text.starts(at, "map[") {
        return None;
    }
    let mut depth = 0_usize;
    let mut end = at + 3;
    while let Some(byte) = text.byte(end) {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            b'\n' => return None,
            _ => {}
        }
        end += 1;
        if depth == 0 {
            return Some(end);
        }
    }
    None
}
