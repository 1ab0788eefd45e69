//! A pull reader of UBJSON as XGBoost writes it (draft 12, big-endian, typed arrays with an `L` count).

use super::document::{Document, Kind, MAX_NESTING, Result};
use super::error::{DocumentError, Problem};

pub(super) struct Ubjson<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

/// How many elements an array has, and of what type, when the file says so ahead.
struct ArrayHead {
    marker: Option<u8>,
    count: Option<usize>,
}

impl<'a> Ubjson<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Ubjson { bytes, at: 0, depth: 0 }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.get(..len));
        match bytes {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => Err(DocumentError::new(self.bytes.len(), Problem::Truncated)),
        }
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn peek(&mut self) -> Result<u8> {
        // `N` is padding.
        while self.bytes.get(self.at) == Some(&b'N') {
            self.at += 1;
        }
        self.bytes.get(self.at).copied().ok_or_else(|| self.error(Problem::Truncated))
    }

    fn marker(&mut self) -> Result<u8> {
        let marker = self.peek()?;
        self.at += 1;
        Ok(marker)
    }

    #[cold]
    fn unexpected(&self, expected: &'static str, marker: u8) -> DocumentError {
        DocumentError::new(
            self.at.saturating_sub(1),
            Problem::Unexpected { expected, found: format!("{:?}", char::from(marker)) },
        )
    }

    fn descend(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_NESTING { Err(self.error(Problem::TooDeep(MAX_NESTING))) } else { Ok(()) }
    }

    fn integer_of(&mut self, marker: u8) -> Result<i64> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.fixed()?)),
            b'U' | b'C' => i64::from(u8::from_be_bytes(self.fixed()?)),
            b'I' => i64::from(i16::from_be_bytes(self.fixed()?)),
            b'l' => i64::from(i32::from_be_bytes(self.fixed()?)),
            b'L' => i64::from_be_bytes(self.fixed()?),
            b'T' => 1,
            b'F' => 0,
            other => return Err(self.unexpected("a whole number", other)),
        })
    }

    fn number_of(&mut self, marker: u8) -> Result<f64> {
        Ok(match marker {
            b'd' => f64::from(f32::from_be_bytes(self.fixed()?)),
            b'D' => f64::from_be_bytes(self.fixed()?),
            other => self.integer_of(other)? as f64,
        })
    }

    /// A length, checked against the bytes that are left when each element takes at least `size` of them.
    fn length(&mut self, size: usize) -> Result<usize> {
        let marker = self.marker()?;
        let claimed = self.integer_of(marker)?;
        let left = self.bytes.len() - self.at;
        match usize::try_from(claimed) {
            Ok(count) if count.checked_mul(size).is_some_and(|bytes| bytes <= left) => Ok(count),
            _ => Err(self.error(Problem::Length { claimed, left })),
        }
    }

    /// `$type #count`, `#count`, or neither.
    fn array_head(&mut self) -> Result<ArrayHead> {
        let open = self.marker()?;
        if open != b'[' {
            return Err(self.unexpected("an array", open));
        }
        match self.peek()? {
            b'$' => {
                self.at += 1;
                let marker = self.marker()?;
                // A type without a payload would let ten bytes claim a billion elements.
                let size = payload(marker).ok_or_else(|| self.unexpected("a type of number", marker))?;
                let hash = self.marker()?;
                if hash != b'#' {
                    return Err(self.unexpected("'#'", hash));
                }
                Ok(ArrayHead { marker: Some(marker), count: Some(self.length(size)?) })
            }
            b'#' => {
                self.at += 1;
                Ok(ArrayHead { marker: None, count: Some(self.length(1)?) })
            }
            _ => Ok(ArrayHead { marker: None, count: None }),
        }
    }

    /// Calls `item` with the type marker of each element, its payload being next.
    fn elements(&mut self, mut item: impl FnMut(&mut Self, u8, usize) -> Result<()>) -> Result<()> {
        let head = self.array_head()?;
        let mut index = 0;
        while head.count.is_none_or(|count| index < count) {
            let marker = match head.marker {
                Some(marker) => marker,
                None => self.marker()?,
            };
            if head.count.is_none() && marker == b']' {
                break;
            }
            item(self, marker, index).map_err(|error| error.at(index))?;
            index += 1;
        }
        Ok(())
    }

    fn text_after_marker(&mut self) -> Result<String> {
        let len = self.length(1)?;
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| {
            self.error(Problem::Unexpected { expected: "a string in UTF-8", found: "an invalid one".into() })
        })
    }

    fn skip_of(&mut self, marker: u8) -> Result<()> {
        match marker {
            b'{' => {
                self.at -= 1;
                self.object(&mut |document, _| document.skip())
            }
            b'[' => {
                self.at -= 1;
                self.descend()?;
                let start = self.at;
                let head = self.array_head()?;
                if let (Some(marker), Some(count)) = (head.marker, head.count) {
                    self.take(count * payload(marker).unwrap_or(0))?;
                } else {
                    self.at = start;
                    self.elements(|document, marker, _| document.skip_of(marker))?;
                }
                self.depth -= 1;
                Ok(())
            }
            b'S' | b'H' => {
                let len = self.length(1)?;
                self.take(len).map(|_| ())
            }
            b'Z' | b'T' | b'F' => Ok(()),
            other => match payload(other) {
                Some(size) => self.take(size).map(|_| ()),
                None => Err(self.unexpected("a value", other)),
            },
        }
    }
}

/// The bytes of a number of this type.
fn payload(marker: u8) -> Option<usize> {
    match marker {
        b'i' | b'U' | b'C' => Some(1),
        b'I' => Some(2),
        b'l' | b'd' => Some(4),
        b'L' | b'D' => Some(8),
        _ => None,
    }
}

impl Document for Ubjson<'_> {
    fn offset(&self) -> usize {
        self.at
    }

    fn kind(&mut self) -> Result<Kind> {
        Ok(match self.peek()? {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'S' => Kind::Text,
            marker if payload(marker).is_some() => Kind::Number,
            _ => Kind::Other,
        })
    }

    fn object(&mut self, field: &mut dyn FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        let open = self.marker()?;
        if open != b'{' {
            return Err(self.unexpected("an object", open));
        }
        self.descend()?;
        let mut left = None;
        match self.peek()? {
            b'#' => {
                self.at += 1;
                // A key takes two bytes at least.
                left = Some(self.length(2)?);
            }
            b'$' => return Err(self.unexpected("an object of mixed types", b'$')),
            _ => {}
        }
        loop {
            match &mut left {
                Some(0) => break,
                Some(left) => *left -= 1,
                None if self.peek()? == b'}' => {
                    self.at += 1;
                    break;
                }
                None => {}
            }
            let key = self.text_after_marker()?;
            field(self, &key).map_err(|error| error.under(&key))?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self, item: &mut dyn FnMut(&mut Self, usize) -> Result<()>) -> Result<()> {
        self.descend()?;
        let head = self.array_head()?;
        if head.marker.is_some() {
            return Err(self.error(Problem::Unexpected {
                expected: "an array of values",
                found: "an array of numbers".into(),
            }));
        }
        let mut index = 0;
        loop {
            match head.count {
                Some(count) if index == count => break,
                Some(_) => {}
                None if self.peek()? == b']' => {
                    self.at += 1;
                    break;
                }
                None => {}
            }
            item(self, index).map_err(|error| error.at(index))?;
            index += 1;
        }
        self.depth -= 1;
        Ok(())
    }

    fn text(&mut self) -> Result<String> {
        match self.marker()? {
            b'S' => self.text_after_marker(),
            other => Err(self.unexpected("a string", other)),
        }
    }

    fn number(&mut self) -> Result<f64> {
        let marker = self.marker()?;
        self.number_of(marker)
    }

    fn floats(&mut self, out: &mut Vec<f32>) -> Result<()> {
        let start = self.at;
        let head = self.array_head()?;
        if let (Some(b'd'), Some(count)) = (head.marker, head.count) {
            let bytes = self.take(count * 4)?;
            out.extend(bytes.as_chunks().0.iter().map(|four| f32::from_be_bytes(*four)));
            return Ok(());
        }
        self.at = start;
        self.elements(|document, marker, _| {
            out.push(document.number_of(marker)? as f32);
            Ok(())
        })
    }

    fn integers(&mut self, out: &mut Vec<i64>) -> Result<()> {
        let start = self.at;
        let head = self.array_head()?;
        match (head.marker, head.count) {
            (Some(b'l'), Some(count)) => {
                let bytes = self.take(count * 4)?;
                out.extend(bytes.as_chunks().0.iter().map(|four| i64::from(i32::from_be_bytes(*four))));
                Ok(())
            }
            (Some(b'U'), Some(count)) => {
                out.extend(self.take(count)?.iter().map(|byte| i64::from(*byte)));
                Ok(())
            }
            _ => {
                self.at = start;
                self.elements(|document, marker, _| {
                    out.push(document.integer_of(marker)?);
                    Ok(())
                })
            }
        }
    }

    fn skip(&mut self) -> Result<()> {
        let marker = self.marker()?;
        self.skip_of(marker)
    }

    fn end(&mut self) -> Result<()> {
        match self.bytes[self.at..].iter().position(|byte| !matches!(byte, 0 | b'N')) {
            None => Ok(()),
            Some(_) => Err(self.error(Problem::Unexpected {
                expected: "the end of the file",
                found: format!("{} bytes more", self.bytes.len() - self.at),
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn typed(marker: u8, count: i64, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![b'[', b'$', marker, b'#', b'L'];
        bytes.extend(count.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn typed_arrays_are_big_endian() {
        let mut floats = Vec::new();
        let bytes = typed(b'd', 2, &[1.5f32.to_be_bytes(), (-2.0f32).to_be_bytes()].concat());
        Ubjson::new(&bytes).floats(&mut floats).unwrap();
        assert_eq!(floats, [1.5, -2.0]);
        for (marker, payload) in
            [(b'l', &[0, 0, 0, 5][..]), (b'U', &[5]), (b'I', &[0, 5]), (b'L', &5i64.to_be_bytes())]
        {
            let mut integers = Vec::new();
            Ubjson::new(&typed(marker, 1, payload)).integers(&mut integers).unwrap();
            assert_eq!(integers, [5]);
        }
    }

    #[test]
    fn a_length_that_the_file_cannot_hold_is_refused_before_anything_is_allocated() {
        for count in [i64::MAX, 1 << 40, -1, 3] {
            let error = Ubjson::new(&typed(b'd', count, &[0; 8])).floats(&mut Vec::new()).unwrap_err();
            assert!(matches!(error.problem, Problem::Length { left: 8, .. }), "{error}");
        }
        let nothing = Ubjson::new(&typed(b'Z', 1 << 40, &[])).skip().unwrap_err();
        assert!(matches!(nothing.problem, Problem::Unexpected { .. }), "{nothing}");
    }

    #[test]
    fn nesting_is_bounded() {
        let error = Ubjson::new(&[b'['; 100_000]).skip().unwrap_err();
        assert_eq!(error.problem, Problem::TooDeep(MAX_NESTING));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), proptest::sample::select(b"[{}]$#LdlUSiTZN".as_slice())], 0..60)) {
            let _ = Ubjson::new(&bytes).skip();
            let _ = Ubjson::new(&bytes).floats(&mut Vec::new());
            let _ = Ubjson::new(&bytes).integers(&mut Vec::new());
            let _ = Ubjson::new(&bytes).object(&mut |document, _| document.skip());
        }
    }
}
