//! Sets of categories, as categorical splits hold them.

/// A set of categories: whole numbers from 0 to 2^24 that come as f32.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CategorySet(Shape);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Shape {
    Bits(Vec<u64>),
    /// Ascending; for few categories with large numbers, so that a file of a kilobyte can't ask for megabytes.
    List(Vec<u32>),
}

/// f32 stops to hold every whole number here; XGBoost treats values from here on as no category.
pub(crate) const LIMIT: f32 = 16_777_216.0;

impl CategorySet {
    /// The set of these categories, each below 2^24.
    pub fn new(categories: &[u32]) -> Self {
        let words = categories.iter().max().map_or(0, |last| *last as usize / 64 + 1);
        if words > 4 * categories.len() + 16 {
            let mut list = categories.to_vec();
            list.sort_unstable();
            list.dedup();
            return CategorySet(Shape::List(list));
        }
        let mut bits = vec![0; words];
        for category in categories {
            bits[*category as usize / 64] |= 1 << (category % 64);
        }
        CategorySet(Shape::Bits(bits))
    }

    /// Whether a value, cut to a whole number as XGBoost does, is in the set. Negative values, NaN, and those from
    /// 2^24 on are in no set.
    pub fn contains(&self, value: f32) -> bool {
        (0.0..LIMIT).contains(&value) && self.contains_category(value as u32)
    }

    /// Whether a category is in the set.
    pub fn contains_category(&self, category: u32) -> bool {
        match &self.0 {
            Shape::Bits(bits) => {
                bits.get(category as usize / 64).is_some_and(|word| word >> (category % 64) & 1 == 1)
            }
            Shape::List(list) => list.binary_search(&category).is_ok(),
        }
    }

    /// The categories, ascending.
    pub fn categories(&self) -> Vec<u32> {
        match &self.0 {
            Shape::Bits(bits) => {
                (0..bits.len() as u32 * 64).filter(|category| self.contains_category(*category)).collect()
            }
            Shape::List(list) => list.clone(),
        }
    }

    /// The largest category, if there is one.
    pub fn last(&self) -> Option<u32> {
        match &self.0 {
            Shape::Bits(bits) => bits
                .iter()
                .enumerate()
                .rev()
                .find(|(_, word)| **word != 0)
                .map(|(at, word)| at as u32 * 64 + 63 - word.leading_zeros()),
            Shape::List(list) => list.last().copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_category_is_in_no_set() {
        let set = CategorySet::new(&[0, 3, 64]);
        assert_eq!((set.categories(), set.last()), (vec![0, 3, 64], Some(64)));
        for inside in [0.0, -0.0, 0.9, 3.0, 64.5] {
            assert!(set.contains(inside), "{inside}");
        }
        for outside in [-1.0, -0.5, 1.0, 65.0, 1e9, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!set.contains(outside), "{outside}");
        }
    }

    #[test]
    fn a_few_large_categories_take_little_memory_and_mean_the_same() {
        let set = CategorySet::new(&[16_000_000, 5, 5]);
        assert!(matches!(set.0, Shape::List(_)));
        assert_eq!((set.categories(), set.last()), (vec![5, 16_000_000], Some(16_000_000)));
        assert!(set.contains(5.0) && set.contains(16_000_000.0) && !set.contains(6.0));
    }
}
