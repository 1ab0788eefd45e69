//! Names with numbers in them, and what stands where a name is expected.

use super::cursor::{Text, is_word};

/// Words with a number that mean the same everywhere.
const CONSTANTS: [&str; 42] = [
    "k8s", "s3", "ec2", "http2", "http3", "h2", "ipv4", "ipv6", "x509", "p50", "p75", "p90", "p95", "p99",
    "oauth2", "md5", "sha1", "sha256", "sha512", "utf8", "base64", "ext4", "ext3", "nfs3", "nfs4", "log4j",
    "v1", "v2", "v3", "l4", "l7", "i18n", "web3", "x86", "x64", "arm64", "amd64", "int32", "int64",
    "float64", "oauth1", "win32",
];

/// Keys and nouns whose values are names of things.
const NAMED: [&str; 36] = [
    "instance",
    "host",
    "hostname",
    "node",
    "nodename",
    "pod",
    "container",
    "namespace",
    "device",
    "mountpoint",
    "interface",
    "server",
    "endpoint",
    "address",
    "addr",
    "ip",
    "user",
    "username",
    "uid",
    "pid",
    "tid",
    "id",
    "volume",
    "bucket",
    "queue",
    "topic",
    "partition",
    "cluster",
    "region",
    "zone",
    "env",
    "tenant",
    "service",
    "job",
    "deployment",
    "database",
];

/// Keys whose values are what a message says.
const SAID: [&str; 16] = [
    "msg",
    "message",
    "error",
    "err",
    "summary",
    "description",
    "title",
    "reason",
    "event",
    "alert",
    "alertname",
    "text",
    "detail",
    "details",
    "cause",
    "log",
];

/// What the word before says about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing.
    Nothing,
    /// It is the noun of a named thing: a name may follow.
    Noun,
    /// The same, with a `=` behind it, or a `:` without a space: a value follows.
    NamedKey,
    /// The same, with a `:` and a space: a value follows, or a sentence.
    NamedColon,
    /// A key of what is said.
    Said,
    /// The same, with a `=` or `:` behind it.
    SaidKey,
}

impl After {
    /// What this word says.
    pub(super) fn word(word: &str) -> Self {
        if word.len() > 12 {
            return After::Nothing;
        }
        let lower = word.to_ascii_lowercase();
        if NAMED.contains(&lower.as_str()) {
            After::Noun
        } else if SAID.contains(&lower.as_str()) {
            After::Said
        } else {
            After::Nothing
        }
    }

    /// What is left of it after this character.
    pub(super) fn pass(&mut self, byte: u8) {
        *self = match (*self, byte) {
            (After::Noun, b'=' | b':') => After::NamedKey,
            (After::NamedKey, b' ' | b'*') => After::NamedColon,
            (After::Said, b'=' | b':') => After::SaidKey,
            (same, b' ' | b'*' | b'`' | b'_' | b'"' | b'\'') => same,
            (same @ (After::NamedKey | After::SaidKey), b'=' | b':') => same,
            _ => After::Nothing,
        };
    }

    /// Whether a quoted string is what the message says.
    pub(super) fn says_text(self) -> bool {
        self == After::SaidKey
    }
}

/// Where the word at a place ends, and whether it is a name that varies.
pub(super) fn name(text: &Text<'_>, at: usize, after: After) -> (usize, bool) {
    let word = text.end_of(at, is_word);
    let joined = |byte: u8| is_word(byte) || matches!(byte, b'-' | b'.' | b'/' | b':' | b'@' | b'#');
    let all = text.end_of(at, joined);
    let all = at + text.slice(at, all).trim_end_matches(['-', '.', '/', ':', '@', '#']).len();
    let whole = text.slice(at, all);
    if after == After::NamedKey || (after == After::NamedColon && stands_alone(text, all)) {
        return (all.max(word), true);
    }
    let compound = all > word;
    if compound && matches!(after, After::Noun | After::NamedColon) {
        return (all, true);
    }
    // Parts that a hyphen, a dot in the middle or a slash joins stand and fall together, if any has a number.
    let linked = text.end_of(at, |byte| is_word(byte) || matches!(byte, b'-' | b'.'));
    let linked = at + text.slice(at, linked).trim_end_matches(['-', '.']).len();
    if linked > word && text.slice(at, linked).split(['-', '.']).any(varies) && !is_call(text, linked) {
        let end =
            if text.slice(linked, all).bytes().any(|byte| byte.is_ascii_digit()) { all } else { linked };
        return (end, true);
    }
    if compound
        && !whole.contains('.')
        && whole.split(['-', '/', ':', '@', '#']).skip(1).any(|part| part.len() > 2 && varies(part))
    {
        return (all, true);
    }
    (word, varies(text.slice(at, word)))
}

/// Whether nothing but an end or a separator follows: a value, not the first word of a sentence.
fn stands_alone(text: &Text<'_>, end: usize) -> bool {
    text.byte(end).is_none_or(|byte| {
        matches!(byte, b'\n' | b'\r' | b',' | b';' | b'|' | b'`' | b'*' | b'_' | b')' | b']' | b'}')
    })
}

/// Whether an opening parenthesis follows: then it is a function, whatever number is in its name.
fn is_call(text: &Text<'_>, end: usize) -> bool {
    text.byte(end) == Some(b'(')
}

/// Whether a word is likely to be another one in the next message.
fn varies(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return false;
    }
    if word.len() <= 7 && CONSTANTS.contains(&word.to_ascii_lowercase().as_str()) {
        return false;
    }
    digits > 2 || word.ends_with(|c: char| c.is_ascii_digit()) || digits * 2 > word.len()
}
