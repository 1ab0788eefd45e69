//! Looking at a text byte by byte without leaving it.

/// A text that can be asked about any place, inside or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    text: &'a str,
    bytes: &'a [u8],
}

/// What occurs in a word and what hangs on it, up to the next space or quote.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) digit: bool,
    pub(super) at_sign: bool,
    pub(super) colon: bool,
    pub(super) colon_slashes: bool,
    pub(super) slash: bool,
    pub(super) backslash: bool,
    pub(super) dot: bool,
    pub(super) hyphen: bool,
    pub(super) bracket: bool,
    /// A word without digits such as `Dec` that a number may follow.
    pub(super) letter_then_digits: bool,
    /// Two letters and a colon: a MAC address may begin so.
    pub(super) hex_pairs: bool,
}

/// A stretch without spaces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) found: Found,
}

/// Letters, digits, underscore, and everything beyond ASCII.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Text { text, bytes: text.as_bytes() }
    }

    /// The byte at a place, if it is inside.
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// Whether the byte at a place satisfies the condition.
    pub(super) fn is(&self, at: usize, condition: impl Fn(u8) -> bool) -> bool {
        self.byte(at).is_some_and(condition)
    }

    /// Whether the text goes on with this at a place.
    pub(super) fn starts(&self, at: usize, with: &str) -> bool {
        self.bytes.get(at..).is_some_and(|rest| rest.starts_with(with.as_bytes()))
    }

    /// Whether the place before belongs to a word.
    pub(super) fn after_word(&self, at: usize) -> bool {
        at.checked_sub(1).is_some_and(|before| self.is(before, is_word))
    }

    /// Whether this byte is before a place.
    pub(super) fn after(&self, at: usize, byte: u8) -> bool {
        at.checked_sub(1).is_some_and(|before| self.byte(before) == Some(byte))
    }

    /// Whether a word begins at a place.
    pub(super) fn at_word(&self, at: usize) -> bool {
        self.is(at, is_word)
    }

    /// How many bytes the character at a place has.
    pub(super) fn width(&self, at: usize) -> usize {
        match self.byte(at) {
            Some(byte) if byte >= 0xF0 => 4,
            Some(byte) if byte >= 0xE0 => 3,
            Some(byte) if byte >= 0xC0 => 2,
            _ => 1,
        }
    }

    /// A piece; empty if its ends are not those of characters.
    pub(super) fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// The end of the stretch from a place on whose bytes satisfy the condition.
    pub(super) fn end_of(&self, at: usize, condition: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        at + rest.iter().position(|byte| !condition(*byte)).unwrap_or(rest.len())
    }

    /// From `least` to `most` digits at a place, and no further one after them; where they end.
    pub(super) fn digits(&self, at: usize, least: usize, most: usize) -> Option<usize> {
        let end = self.end_of(at, |byte| byte.is_ascii_digit());
        (least..=most).contains(&(end - at)).then_some(end)
    }

    /// The number that these digits are.
    pub(super) fn value(&self, from: usize, to: usize) -> Option<u32> {
        self.slice(from, to).parse().ok()
    }

    /// What is found from a place to the next space, quote or other end of what hangs together.
    pub(super) fn run(&self, at: usize) -> Run {
        let mut found = Found::default();
        let mut end = at;
        while let Some(byte) = self.byte(end) {
            match byte {
                b'0'..=b'9' => found.digit = true,
                b'@' => found.at_sign = true,
                b':' => {
                    found.colon = true;
                    found.colon_slashes |= self.starts(end + 1, "//");
                    found.hex_pairs |= end == at + 2;
                }
                b'/' => found.slash = true,
                b'\\' => found.backslash = true,
                b'.' => found.dot = true,
                b'-' => found.hyphen = true,
                b'[' => found.bracket = true,
                b' ' => {
                    found.letter_then_digits = matches!(end - at, 3..=9) && !found.digit;
                    break;
                }
                b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'|' => break,
                b',' => found.letter_then_digits = matches!(end - at, 3..=9) && !found.digit,
                _ => {}
            }
            end += 1;
        }
        Run { found }
    }

    /// Whether no word goes on at a place.
    pub(super) fn ends_word(&self, at: usize) -> bool {
        !self.at_word(at)
    }
}
