//! A pull reader of JSON as XGBoost writes it.
//!
//! XGBoost's dialect has `NaN` and `Infinity`, which serde_json refuses, and its numbers are the shortest decimals of
//! f32 values, which must be rounded once and not through f64. Models are long arrays of such numbers: reading them
//! straight into place is also several times faster than building values.

use super::document::{Document, Kind, MAX_NESTING, Result};
use super::error::{DocumentError, Problem};

pub(super) struct Json<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Json<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Json { bytes, at: 0, depth: 0 }
    }

    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    #[cold]
    fn unexpected(&self, expected: &'static str) -> DocumentError {
        match self.bytes.get(self.at) {
            None => self.error(Problem::Truncated),
            Some(&byte) => {
                self.error(Problem::Unexpected { expected, found: format!("{:?}", char::from(byte)) })
            }
        }
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn descend(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_NESTING { Err(self.error(Problem::TooDeep(MAX_NESTING))) } else { Ok(()) }
    }

    /// After an element: true when another follows, false at the closing byte, which is consumed.
    fn more(&mut self, close: u8, expected: &'static str) -> Result<bool> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// The inside of a string, with its escapes still in it.
    fn raw_text(&mut self) -> Result<&'a [u8]> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => return Err(DocumentError::new(self.bytes.len(), Problem::Truncated)),
            }
        }
        let raw = &self.bytes[start..self.at];
        self.at += 1;
        Ok(raw)
    }

    fn unescape(&self, raw: &[u8]) -> Result<String> {
        let bad = || {
            self.error(Problem::Unexpected { expected: "a string in UTF-8", found: "an invalid one".into() })
        };
        let text = std::str::from_utf8(raw).map_err(|_| bad())?;
        if !text.contains('\\') {
            return Ok(text.to_owned());
        }
        // Rare: leave escapes to a library.
        serde_json::from_str(&format!("\"{text}\"")).map_err(|_| bad())
    }

    /// The bytes of a number, a boolean, or one of XGBoost's words for a number.
    fn token(&mut self) -> Result<&'a [u8]> {
        self.peek();
        let rest = &self.bytes[self.at..];
        let len = rest
            .iter()
            .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.')))
            .unwrap_or(rest.len());
        if len == 0 {
            return Err(self.unexpected("a number"));
        }
        self.at += len;
        Ok(&rest[..len])
    }

    #[cold]
    fn no_number(&self, token: &[u8]) -> DocumentError {
        let found = String::from_utf8_lossy(&token[..token.len().min(40)]).into_owned();
        DocumentError::new(
            self.at - token.len(),
            Problem::Unexpected { expected: "a number", found: format!("{found:?}") },
        )
    }

    fn float(&mut self) -> Result<f32> {
        let token = self.token()?;
        match fast_f32(token) {
            Some(value) => Ok(value),
            None => {
                Ok(word(token).map_or_else(|| parse(token), Some).ok_or_else(|| self.no_number(token))?)
            }
        }
    }

    fn integer(&mut self) -> Result<i64> {
        let token = self.token()?;
        let (negative, digits) = match token {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, token),
        };
        if (1..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) {
            let value = digits.iter().fold(0i64, |value, digit| value * 10 + i64::from(digit - b'0'));
            return Ok(if negative { -value } else { value });
        }
        match token {
            b"true" => Ok(1),
            b"false" => Ok(0),
            // Some tools write whole numbers with a fraction or an exponent.
            _ => match parse::<f64>(token) {
                Some(value) if value.fract() == 0.0 && value.abs() < 9e15 => Ok(value as i64),
                _ => Err(self.no_number(token)),
            },
        }
    }
}

fn parse<T: std::str::FromStr>(token: &[u8]) -> Option<T> {
    // Rust's parser also takes `inf` and the like; JSON numbers have a digit first.
    let digits = token.strip_prefix(b"-").unwrap_or(token);
    if !digits.first()?.is_ascii_digit() {
        return None;
    }
    std::str::from_utf8(token).ok()?.parse().ok()
}

fn word(token: &[u8]) -> Option<f32> {
    match token {
        b"NaN" => Some(f32::NAN),
        b"Infinity" => Some(f32::INFINITY),
        b"-Infinity" => Some(f32::NEG_INFINITY),
        b"true" => Some(1.0),
        b"false" => Some(0.0),
        _ => None,
    }
}

/// Powers of ten that f64 holds exactly.
const EXACT_TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The nearest f32 of a plain decimal, or `None` when the short way cannot tell.
///
/// With up to 15 digits and a power of ten up to 22, one f64 operation gives the nearest f64 (Clinger, "How to Read
/// Floating Point Numbers Accurately", 1990); rounding that to f32 is right unless it lies at the middle of two f32.
fn fast_f32(token: &[u8]) -> Option<f32> {
    let (negative, body) = match token {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, token),
    };
    let (mut mantissa, mut digits, mut exponent, mut at) = (0u64, 0usize, 0i32, 0usize);
    while let Some(byte @ b'0'..=b'9') = body.get(at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        at += 1;
        digits += 1;
    }
    if digits == 0 {
        return None;
    }
    if body.get(at) == Some(&b'.') {
        at += 1;
        let start = at;
        while let Some(byte @ b'0'..=b'9') = body.get(at) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            at += 1;
        }
        digits += at - start;
        exponent = -i32::try_from(at - start).ok()?;
    }
    if digits > 15 {
        return None;
    }
    if let Some(b'e' | b'E') = body.get(at) {
        at += 1;
        let minus = body.get(at) == Some(&b'-');
        at += usize::from(minus || body.get(at) == Some(&b'+'));
        let start = at;
        let mut value = 0i32;
        while let Some(byte @ b'0'..=b'9') = body.get(at) {
            value = value.wrapping_mul(10).wrapping_add(i32::from(byte - b'0'));
            at += 1;
        }
        if !(1..=4).contains(&(at - start)) {
            return None;
        }
        exponent += if minus { -value } else { value };
    }
    if at != body.len() {
        return None;
    }
    let tens = *EXACT_TENS.get(usize::try_from(exponent.unsigned_abs()).ok()?)?;
    let value = if exponent < 0 { mantissa as f64 / tens } else { mantissa as f64 * tens };
    // f64 keeps 29 bits more than f32; below the normal range of f32 it is more, so those go the long way.
    let tail = value.to_bits() & 0x1fff_ffff;
    if (0x0fff_fffe..=0x1000_0002).contains(&tail) || (value != 0.0 && value < 1.2e-38) || value > 3.4e38 {
        return None;
    }
    let value = value as f32;
    Some(if negative { -value } else { value })
}

impl Document for Json<'_> {
    fn offset(&self) -> usize {
        self.at.min(self.bytes.len())
    }

    fn kind(&mut self) -> Result<Kind> {
        Ok(match self.peek().ok_or_else(|| self.unexpected("a value"))? {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::Text,
            b'-' | b'0'..=b'9' | b'N' | b'I' => Kind::Number,
            _ => Kind::Other,
        })
    }

    fn object(&mut self, field: &mut dyn FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        self.expect(b'{', "an object")?;
        self.descend()?;
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                let raw = self.raw_text()?;
                let key = self.unescape(raw)?;
                self.expect(b':', "':'")?;
                field(self, &key).map_err(|error| error.under(&key))?;
                if !self.more(b'}', "',' or '}'")? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self, item: &mut dyn FnMut(&mut Self, usize) -> Result<()>) -> Result<()> {
        self.expect(b'[', "an array")?;
        self.descend()?;
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            let mut index = 0;
            loop {
                item(self, index).map_err(|error| error.at(index))?;
                index += 1;
                if !self.more(b']', "',' or ']'")? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn text(&mut self) -> Result<String> {
        let raw = self.raw_text()?;
        self.unescape(raw)
    }

    fn number(&mut self) -> Result<f64> {
        let token = self.token()?;
        match word(token) {
            Some(value) => Ok(f64::from(value)),
            None => parse(token).ok_or_else(|| self.no_number(token)),
        }
    }

    fn floats(&mut self, out: &mut Vec<f32>) -> Result<()> {
        self.expect(b'[', "an array of numbers")?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            out.push(self.float().map_err(|error| error.at(out.len()))?);
            if !self.more(b']', "',' or ']'")? {
                return Ok(());
            }
        }
    }

    fn integers(&mut self, out: &mut Vec<i64>) -> Result<()> {
        self.expect(b'[', "an array of whole numbers")?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            out.push(self.integer().map_err(|error| error.at(out.len()))?);
            if !self.more(b']', "',' or ']'")? {
                return Ok(());
            }
        }
    }

    fn skip(&mut self) -> Result<()> {
        // Without recursion: brackets are counted, strings passed over, the rest is not looked at.
        let mut open = 0usize;
        loop {
            match self.peek() {
                None => return Err(self.error(Problem::Truncated)),
                Some(b'{' | b'[') => {
                    open += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    if open == 0 {
                        return Err(self.unexpected("a value"));
                    }
                    open -= 1;
                    self.at += 1;
                }
                Some(b'"') => {
                    self.raw_text()?;
                }
                Some(b',' | b':') if open > 0 => self.at += 1,
                Some(_) => {
                    self.token()?;
                }
            }
            if open == 0 {
                return Ok(());
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            // XGBoost's raw buffers end with a NUL when they come through C.
            Some(0) if self.bytes[self.at..].iter().all(|b| *b == 0) => Ok(()),
            Some(_) => Err(self.unexpected("the end of the file")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_f32_is_read_back_from_its_shortest_decimal(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            for text in [format!("{value:e}"), format!("{value:E}"), format!("{value}")] {
                let mut document = Json::new(text.as_bytes());
                prop_assert_eq!(document.float().unwrap().to_bits(), bits, "{}", text);
            }
        }

        #[test]
        fn any_decimal_rounds_once(mantissa in 0u64..1 << 60, exponent in -60i32..50) {
            let text = format!("{mantissa}e{exponent}");
            let expected: f32 = text.parse().unwrap();
            prop_assert_eq!(Json::new(text.as_bytes()).float().unwrap().to_bits(), expected.to_bits(), "{}", text);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Json::new(&bytes).skip();
            let _ = Json::new(&bytes).floats(&mut Vec::new());
            let _ = Json::new(&bytes).integers(&mut Vec::new());
            let _ = Json::new(&bytes).text();
        }
    }

    #[test]
    fn a_decimal_between_two_floats_rounds_to_even_and_not_through_f64() {
        // The f64 nearest to this text is the exact middle of two f32; the text itself lies above it.
        let text = "1.000000059604644775390625000000001";
        assert_eq!(Json::new(text.as_bytes()).float().unwrap(), f32::from_bits(0x3f80_0001));
        assert_eq!(Json::new(b"1.000000059604644775390625").float().unwrap(), 1.0);
    }

    #[test]
    fn xgboosts_words_for_numbers_are_read() {
        let mut out = Vec::new();
        Json::new(b"[NaN, Infinity,-Infinity, -0E0]").floats(&mut out).unwrap();
        assert!(out[0].is_nan() && out[1] == f32::INFINITY && out[2] == f32::NEG_INFINITY);
        assert_eq!(out[3].to_bits(), (-0.0f32).to_bits());
    }

    #[test]
    fn an_error_says_where() {
        let mut document = Json::new(br#"{"a": {"b": [1, 2, x]}}"#);
        let error = document
            .object(&mut |document, _| document.object(&mut |document, _| document.floats(&mut Vec::new())))
            .unwrap_err();
        assert_eq!(error.to_string(), "a.b[2] (byte 19): expected a number, found \"x\"");
    }

    #[test]
    fn brackets_nested_a_million_deep_are_skipped_without_recursion() {
        let text = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        Json::new(text.as_bytes()).skip().unwrap();
    }
}
