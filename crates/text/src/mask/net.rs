//! Addresses: URLs, mail, IP, hosts, paths.

use super::cursor::{Text, is_word};

fn ends_address(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(byte, b'<' | b'>' | b'"' | b'\'' | b'`' | b'|' | b'\\' | b'^' | b'{' | b'}')
}

/// Without the punctuation that belongs to the sentence, and without a bracket that was opened before.
fn trimmed(text: &Text<'_>, from: usize, mut end: usize) -> usize {
    while end > from {
        let open = |c| text.slice(from, end).contains(c);
        match text.byte(end - 1) {
            Some(b'.' | b',' | b';' | b':' | b'!' | b'?' | b'*') => end -= 1,
            Some(b')') if !open('(') => end -= 1,
            Some(b']') if !open('[') => end -= 1,
            _ => break,
        }
    }
    end
}

/// `scheme://…`.
pub(super) fn url(text: &Text<'_>, at: usize) -> Option<usize> {
    let scheme = text.end_of(at, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'));
    if scheme == at || !text.starts(scheme, "://") || !text.is(at, |byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let end = text.end_of(scheme + 3, |byte| !ends_address(byte));
    let end = trimmed(text, scheme + 3, end);
    (end > scheme + 3).then_some(end)
}

/// `name@example.org`.
pub(super) fn email(text: &Text<'_>, at: usize) -> Option<usize> {
    let local = text.end_of(at, |byte| is_word(byte) || matches!(byte, b'.' | b'+' | b'-' | b'%'));
    if text.byte(local) != Some(b'@') {
        return None;
    }
    let end = text.end_of(local + 1, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let end = trimmed(text, local + 1, end);
    text.slice(local + 1, end).contains('.').then_some(end)
}

/// IPv4 or IPv6, then `:port` or `/length` if they are there.
pub(super) fn ip(text: &Text<'_>, at: usize) -> Option<usize> {
    let v4 = || {
        let mut end = at;
        for part in 0..4 {
            let from = if part == 0 { end } else { text.is(end, |byte| byte == b'.').then_some(end + 1)? };
            end = text.digits(from, 1, 3)?;
            text.value(from, end).filter(|value| *value < 256)?;
        }
        Some(end)
    };
    let end = v4().or_else(|| v6(text, at))?;
    let mut end = end;
    if text.byte(end) == Some(b':')
        && let Some(port) = text.digits(end + 1, 1, 5)
    {
        end = port;
    }
    if text.byte(end) == Some(b'/')
        && let Some(length) = text.digits(end + 1, 1, 3)
    {
        end = length;
    }
    let joined = text.is(end, |byte| matches!(byte, b'.' | b'-')) && text.at_word(end + 1);
    (text.ends_word(end) && !joined).then_some(end)
}

/// IPv6, in brackets or not.
fn v6(text: &Text<'_>, at: usize) -> Option<usize> {
    let open = usize::from(text.byte(at) == Some(b'['));
    let from = at + open;
    let end = text.end_of(from, |byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
    let piece = text.slice(from, end).trim_end_matches(['.', ':']);
    let piece = if text.slice(from, end).ends_with("::") { text.slice(from, end) } else { piece };
    if piece.len() < 3 || piece.bytes().filter(|byte| *byte == b':').count() < 2 {
        return None;
    }
    piece.parse::<std::net::Ipv6Addr>().ok()?;
    let end = from + piece.len();
    let zone = if text.byte(end) == Some(b'%') { text.end_of(end + 1, is_word) } else { end };
    match open {
        1 => text.is(zone, |byte| byte == b']').then_some(zone + 1),
        _ => Some(zone),
    }
}

/// `name:port`, or a name of three or more parts in lower case.
pub(super) fn host(text: &Text<'_>, at: usize) -> Option<usize> {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let end = text.end_of(at, part);
    let name = text.slice(at, end).trim_end_matches(['.', '-']);
    let end = at + name.len();
    if !name.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    if text.byte(end) == Some(b':')
        && let Some(port) = text.digits(end + 1, 2, 5)
        && !goes_on(text, port)
    {
        let telling = name.bytes().any(|byte| matches!(byte, b'.' | b'-') || byte.is_ascii_digit());
        let code_place = ["go", "py", "rs", "java", "js", "ts", "rb", "cpp", "c", "cc", "php", "kt", "scala"];
        let in_code = name.rsplit_once('.').is_some_and(|(_, last)| code_place.contains(&last));
        if in_code || (!telling && port - end < 5) {
            return None;
        }
        return Some(port);
    }
    let lower = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    let parts: Vec<&str> = name.split('.').collect();
    let package = ["org", "com", "java", "javax", "net", "io", "dev", "sun", "scala", "kotlin"];
    let qualified = lower
        && parts.len() >= 3
        && parts.iter().all(|part| !part.is_empty())
        && !package.contains(&parts[0])
        && parts
            .last()
            .is_some_and(|last| last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic()));
    (qualified && !goes_on(text, end)).then_some(end)
}

fn goes_on(text: &Text<'_>, end: usize) -> bool {
    text.at_word(end) || (text.is(end, |byte| matches!(byte, b'.' | b'-' | b'(')) && text.at_word(end + 1))
}

/// `/var/lib/x`, `~/x`, `C:\x`, and what has two slashes or more inside.
pub(super) fn path(text: &Text<'_>, at: usize) -> Option<usize> {
    let end = text.end_of(at, |byte| {
        !ends_address(byte) && !matches!(byte, b'(' | b')' | b'[' | b']' | b',' | b';' | b'=')
    });
    let windows = text.is(at, |byte| byte.is_ascii_alphabetic()) && text.starts(at + 1, ":\\");
    if windows {
        let end = text.end_of(at + 3, |byte| is_word(byte) || matches!(byte, b'\\' | b'.' | b'-' | b'$'));
        return (end > at + 3).then_some(end);
    }
    let end = trimmed(text, at, end);
    let piece = text.slice(at, end);
    if let Some(rest) = piece.strip_prefix("~/").or_else(|| piece.strip_prefix('/')) {
        let is_name = rest.bytes().next().is_some_and(|byte| is_word(byte) || byte == b'.');
        let is_address = ip(text, at + 1).is_some()
            || host(text, at + 1).is_some_and(|end| text.slice(at, end).contains(':'));
        return (is_name && !is_address).then_some(end);
    }
    let slashes = piece.bytes().filter(|byte| *byte == b'/').count();
    let file = piece.rsplit('/').next().is_some_and(|last| last.contains('.'));
    let deep = slashes >= 2 || (slashes == 1 && file);
    (deep
        && piece.bytes().all(|byte| {
            is_word(byte) || matches!(byte, b'/' | b'.' | b'-' | b'+' | b'$' | b'@' | b'%' | b':')
        }))
    .then_some(end)
}
