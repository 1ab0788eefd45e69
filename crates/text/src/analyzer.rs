//! From a text to its tokens.

/// Lower-cases, masks words with digits, and splits into words of two characters or more.
#[derive(Debug, Clone, Default)]
pub struct Analyzer {
    /// Whether words with a digit in them are replaced by one that stands for all of them.
    pub mask: bool,
}

impl Analyzer {
    /// What every masked word becomes.
    pub const MASK: &'static str = "<*>";

    /// The tokens of a text, in their order.
    pub fn tokens(&self, text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
            if word.is_empty() {
                continue;
            }
            if self.mask && word.contains(|c: char| c.is_ascii_digit()) {
                if tokens.last().is_none_or(|last| last != Self::MASK) {
                    tokens.push(Self::MASK.to_owned());
                }
            } else if word.chars().nth(1).is_some() {
                tokens.push(word.to_lowercase());
            }
        }
        tokens
    }
}
