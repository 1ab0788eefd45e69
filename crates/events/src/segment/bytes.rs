//! Numbers to bytes and back; reading is checked, so that no input can make it panic or allocate without bound.

/// LEB128: seven bits per byte, the lowest first.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Raw little-endian values, written as one block.
pub(super) fn put_f32s(out: &mut Vec<u8>, values: &[f32]) {
    let start = out.len();
    out.resize(start + values.len() * 4, 0);
    for (cell, value) in out[start..].chunks_exact_mut(4).zip(values) {
        cell.copy_from_slice(&value.to_le_bytes());
    }
}

/// What is left of a body. `None` means that it ended too early.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn u128(&mut self) -> Option<u128> {
        self.array().map(u128::from_le_bytes)
    }

    pub(super) fn f32(&mut self) -> Option<f32> {
        self.array().map(f32::from_le_bytes)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A varint that counts things of at least `bytes` bytes each, so that what it counts fits in what is left.
    pub(super) fn count(&mut self, bytes: usize) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count.checked_mul(bytes)? <= self.0.len()).then_some(count)
    }

    pub(super) fn small(&mut self) -> Option<u32> {
        u32::try_from(self.varint()?).ok()
    }

    /// Puts so many in the place of what `to` holds.
    pub(super) fn f32s(&mut self, count: usize, to: &mut Vec<f32>) -> Option<()> {
        let (cells, _) = self.take(count.checked_mul(4)?)?.as_chunks();
        to.clear();
        to.extend(cells.iter().map(|cell| f32::from_le_bytes(*cell)));
        Some(())
    }

    /// The same.
    pub(super) fn u64s(&mut self, count: usize, to: &mut Vec<u64>) -> Option<()> {
        let (cells, _) = self.take(count.checked_mul(8)?)?.as_chunks();
        to.clear();
        to.extend(cells.iter().map(|cell| u64::from_le_bytes(*cell)));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn varints_come_back(value: u64) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut cursor = Cursor(&bytes);
            prop_assert_eq!(cursor.varint(), Some(value));
            prop_assert!(cursor.0.is_empty());
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>, count: usize) {
            let _ = Cursor(&bytes).varint();
            let _ = Cursor(&bytes).count(count);
            let _ = Cursor(&bytes).f32s(count, &mut Vec::new());
            let _ = Cursor(&bytes).u64s(count, &mut Vec::new());
        }

        #[test]
        fn floats_keep_their_bits(bits: Vec<u32>) {
            let values: Vec<f32> = bits.iter().map(|b| f32::from_bits(*b)).collect();
            let mut bytes = Vec::new();
            put_f32s(&mut bytes, &values);
            let mut back = vec![1.0];
            Cursor(&bytes).f32s(values.len(), &mut back).unwrap();
            prop_assert_eq!(back.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), bits);
        }
    }

    #[test]
    fn an_overlong_varint_is_refused() {
        assert_eq!(Cursor(&[0xFF; 10]).varint(), None);
        assert_eq!(Cursor(&[0x80; 3]).varint(), None);
    }
}
