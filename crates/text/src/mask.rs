//! Masking: what varies from one message to the next becomes a placeholder that says what it was.
//!
//! Two alerts of the same rule differ in hosts, values and times. Before messages are compared, each of those is
//! replaced (`10.0.3.7:9100` by `<ip>`, `93.4%` by `<num>`), as log parsers do before they look for templates (He,
//! Zhu, Zheng, Lyu, *Drain*, 2017; Zhu et al., *Tools and benchmarks for automated log parsing*, 2019). One pass over
//! the bytes, no regular expressions: the first recogniser that fits at a place takes it.
//!
//! | placeholder | what it stands for |
//! |---|---|
//! | `<num>` | numbers, with sign, thousands, exponent and unit: `-3`, `1,204`, `5e-3`, `93.4%`, `12GiB` |
//! | `<duration>` | `1h30m`, `250ms`, `5 minutes` |
//! | `<time>` | dates and times of day, ISO 8601, syslog, `asctime`, common log format |
//! | `<ip>` | IPv4 and IPv6, with port or prefix length |
//! | `<host>` | `name:port` and fully qualified names |
//! | `<url>`, `<email>`, `<path>` | also Windows paths |
//! | `<uuid>`, `<hex>` | hashes, addresses, MACs |
//! | `<id>` | words with a number in them: `web-12`, `api-7d9f8b6c5-x2x4z`, `blk_-38865`; values of known keys: `pod=checkout` |
//! | `<str>` | a short quoted string |
//! | `<labels>` | label sets: `{job="api"}`, `map[job:api]` |
//! | `<user>`, `<channel>`, `<group>`, `<emoji>`, `<code>` | Slack's mentions, emoji and code blocks |

mod cursor;
mod names;
mod net;
mod number;
mod quoted;
mod slack;
mod time;

use cursor::{Text, is_word};

/// What a masked place was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A number, maybe with a unit.
    Number,
    /// A span of time.
    Duration,
    /// A date, a time of day, or both.
    Time,
    /// An IP address.
    Ip,
    /// A name with a port, or a fully qualified one.
    Host,
    /// An address with a scheme.
    Url,
    /// A mail address.
    Email,
    /// A path of a file system.
    Path,
    /// A UUID.
    Uuid,
    /// Hexadecimal: a hash, a pointer, a MAC address.
    Hex,
    /// A name with a number in it, or the value of a key whose values vary.
    Id,
    /// A quoted string.
    Quoted,
    /// A label set.
    Labels,
    /// A person.
    User,
    /// A channel.
    Channel,
    /// Everyone of a kind.
    Group,
    /// An emoji.
    Emoji,
    /// A code block.
    Code,
}

impl Kind {
    /// How it is written in a masked text.
    pub fn placeholder(self) -> &'static str {
        match self {
            Kind::Number => "<num>",
            Kind::Duration => "<duration>",
            Kind::Time => "<time>",
            Kind::Ip => "<ip>",
            Kind::Host => "<host>",
            Kind::Url => "<url>",
            Kind::Email => "<email>",
            Kind::Path => "<path>",
            Kind::Uuid => "<uuid>",
            Kind::Hex => "<hex>",
            Kind::Id => "<id>",
            Kind::Quoted => "<str>",
            Kind::Labels => "<labels>",
            Kind::User => "<user>",
            Kind::Channel => "<channel>",
            Kind::Group => "<group>",
            Kind::Emoji => "<emoji>",
            Kind::Code => "<code>",
        }
    }

    const ALL: [Kind; 18] = [
        Kind::Number,
        Kind::Duration,
        Kind::Time,
        Kind::Ip,
        Kind::Host,
        Kind::Url,
        Kind::Email,
        Kind::Path,
        Kind::Uuid,
        Kind::Hex,
        Kind::Id,
        Kind::Quoted,
        Kind::Labels,
        Kind::User,
        Kind::Channel,
        Kind::Group,
        Kind::Emoji,
        Kind::Code,
    ];
}

/// Which kinds are masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mask {
    kinds: u32,
}

impl Default for Mask {
    /// [`Mask::alerts`].
    fn default() -> Self {
        Self::alerts()
    }
}

impl Mask {
    /// All kinds: what suits alerts and logs.
    pub fn alerts() -> Self {
        Mask { kinds: u32::MAX }
    }

    /// No kind.
    pub fn none() -> Self {
        Mask { kinds: 0 }
    }

    /// The same with this kind.
    #[must_use]
    pub fn with(self, kind: Kind) -> Self {
        Mask { kinds: self.kinds | 1 << kind as u32 }
    }

    /// The same without this kind.
    #[must_use]
    pub fn without(self, kind: Kind) -> Self {
        Mask { kinds: self.kinds & !(1 << kind as u32) }
    }

    /// Whether this kind is masked.
    pub fn has(self, kind: Kind) -> bool {
        self.kinds & 1 << kind as u32 != 0
    }

    /// The text with placeholders.
    ///
    /// ```
    /// use recommend_text::Mask;
    ///
    /// let mask = Mask::alerts();
    /// assert_eq!(
    ///     mask.apply("Redis down (instance 10.0.3.7:6379) for 1h30m, VALUE = 93.4"),
    ///     "Redis down (instance <ip>) for <duration>, VALUE = <num>"
    /// );
    /// ```
    pub fn apply(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        self.apply_to(text, &mut out);
        out
    }

    /// Appends the text with placeholders.
    pub fn apply_to(self, text: &str, out: &mut String) {
        if self.kinds == 0 {
            out.push_str(text);
            return;
        }
        let mut scanner = Scanner { mask: self, out, all_as: None, key: names::After::Nothing };
        scanner.scan(text);
    }

    /// The text with one placeholder for all kinds.
    ///
    /// ```
    /// assert_eq!(recommend_text::Mask::alerts().apply_as("3 of 10.0.0.1", "<*>"), "<*> of <*>");
    /// ```
    pub fn apply_as(self, text: &str, placeholder: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut scanner =
            Scanner { mask: self, out: &mut out, all_as: Some(placeholder), key: names::After::Nothing };
        scanner.scan(text);
        out
    }
}

/// Calls `each` with what is between the placeholders of a masked text.
pub(crate) fn between_placeholders(masked: &str, mut each: impl FnMut(&str)) {
    let mut rest = masked;
    let mut from = 0;
    while let Some(open) = rest[from..].find('<').map(|at| from + at) {
        match placeholder_at(&rest[open..]) {
            Some(width) => {
                each(&rest[..open]);
                rest = &rest[open + width..];
                from = 0;
            }
            None => from = open + 1,
        }
    }
    each(rest);
}

/// How long the placeholder is that a text begins with, if it does with one.
pub(crate) fn placeholder_at(text: &str) -> Option<usize> {
    Kind::ALL.iter().map(|kind| kind.placeholder()).find(|name| text.starts_with(name)).map(str::len)
}

/// Where what begins at a place ends, if it is what the recogniser looks for.
type Recogniser = fn(&Text<'_>, usize) -> Option<usize>;

struct Scanner<'a> {
    mask: Mask,
    out: &'a mut String,
    /// What is written instead of the kind's own placeholder.
    all_as: Option<&'a str>,
    /// What the word before says about the next one.
    key: names::After,
}

impl Scanner<'_> {
    fn scan(&mut self, text: &str) {
        let text = Text::new(text);
        let whole_is_code = slack::is_only_code(&text);
        let mut at = 0;
        while let Some(byte) = text.byte(at) {
            let next = match byte {
                b'<' => self.slack(&text, at),
                b'&' => slack::entity(&text, at).map(|(end, character)| {
                    self.out.push(character);
                    end
                }),
                b'`' if !whole_is_code => self.masked(Kind::Code, slack::code_block(&text, at)),
                b':' if !text.after_word(at) => self.masked(Kind::Emoji, slack::emoji(&text, at)),
                b'"' | b'\'' => self.quoted(&text, at),
                b'{' => self.masked(Kind::Labels, quoted::label_set(&text, at)),
                // Behind `<` it closes a tag.
                b'/' | b'~' if !text.after_word(at) && !text.after(at, b'<') => {
                    self.masked(Kind::Path, net::path(&text, at))
                }
                b':' | b'[' => self.masked(Kind::Ip, net::ip(&text, at)),
                b'+' | b'-' if !text.after_word(at) => self.masked(Kind::Number, number::number(&text, at)),
                _ if is_word(byte) => Some(self.word(&text, at)),
                _ => None,
            };
            at = next.unwrap_or_else(|| {
                let end = at + text.width(at);
                self.key.pass(byte);
                self.out.push_str(text.slice(at, end));
                end
            });
        }
    }

    /// Writes a placeholder for what ends at `end`, if the kind is masked.
    fn masked(&mut self, kind: Kind, end: Option<usize>) -> Option<usize> {
        let end = end.filter(|_| self.mask.has(kind))?;
        self.out.push_str(self.all_as.unwrap_or(kind.placeholder()));
        self.key = names::After::Nothing;
        Some(end)
    }

    /// `<…>` of Slack: a label is kept and read like other text.
    fn slack(&mut self, text: &Text<'_>, at: usize) -> Option<usize> {
        let found = slack::angle(text, at)?;
        match found.label {
            Some((from, to)) if found.kind == Kind::Url => {
                let inner = text.slice(from, to).to_owned();
                self.scan(&inner);
                Some(found.end)
            }
            _ => self.masked(found.kind, Some(found.end)),
        }
    }

    /// Quotes: a name in them is a placeholder, a sentence is read like other text.
    fn quoted(&mut self, text: &Text<'_>, at: usize) -> Option<usize> {
        if !self.mask.has(Kind::Quoted) {
            return None;
        }
        let end = quoted::string(text, at)?;
        let inner = text.slice(at + 1, end - 1);
        let is_key = quoted::is_key(text, end);
        if is_key || self.key.says_text() || quoted::is_sentence(inner) {
            self.out.push_str(text.slice(at, at + 1));
            self.key = names::After::Nothing;
            self.scan(inner);
            self.out.push_str(text.slice(end - 1, end));
            if is_key {
                self.key = names::After::word(inner);
            }
            return Some(end);
        }
        self.masked(Kind::Quoted, Some(end))
    }

    /// A word and what hangs on it.
    fn word(&mut self, text: &Text<'_>, at: usize) -> usize {
        let run = text.run(at);
        let has = run.found;
        let tries: [(bool, Kind, Recogniser); 12] = [
            (has.colon_slashes, Kind::Url, net::url),
            (has.at_sign, Kind::Email, net::email),
            (has.digit || has.letter_then_digits, Kind::Time, time::time),
            (has.hyphen && has.digit, Kind::Uuid, number::uuid),
            (has.digit || has.colon, Kind::Ip, net::ip),
            (has.colon && (has.digit || has.hex_pairs), Kind::Hex, number::mac),
            (has.backslash || has.slash, Kind::Path, net::path),
            (has.digit, Kind::Duration, number::duration),
            (has.digit, Kind::Hex, number::hex),
            (has.digit, Kind::Number, number::number),
            (has.dot || has.colon, Kind::Host, net::host),
            (has.bracket, Kind::Labels, quoted::go_map),
        ];
        for (possible, kind, recognise) in tries {
            if possible && let Some(end) = self.masked(kind, recognise(text, at).filter(|end| *end > at)) {
                return end;
            }
        }
        let after = self.key;
        let (end, is_id) = names::name(text, at, after);
        if is_id && self.masked(Kind::Id, Some(end)).is_some() {
            return end;
        }
        let word = text.slice(at, end);
        self.out.push_str(word);
        self.key = names::After::word(word);
        end
    }
}

#[cfg(test)]
mod tests;
