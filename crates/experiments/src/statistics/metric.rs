//! A ratio of sums over users, and how sure one can be of it.

/// The sums that a ratio metric and its variance need; users are added one by one, or whole groups merged.
///
/// ```
/// use recommend_experiments::statistics::Metric;
/// let mut clicks_per_impression = Metric::default();
/// clicks_per_impression.add(2.0, 10.0);
/// clicks_per_impression.add(0.0, 5.0);
/// assert!((clicks_per_impression.ratio() - 2.0 / 15.0).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Metric {
    /// How many users.
    pub users: u64,
    numerator: f64,
    denominator: f64,
    numerator_squares: f64,
    denominator_squares: f64,
    products: f64,
}

impl Metric {
    /// Adds a user: what is counted, and out of how much (1 for a mean per user).
    pub fn add(&mut self, numerator: f64, denominator: f64) {
        self.users += 1;
        self.numerator += numerator;
        self.denominator += denominator;
        self.numerator_squares += numerator * numerator;
        self.denominator_squares += denominator * denominator;
        self.products += numerator * denominator;
    }

    /// Adds all users of another group.
    pub fn merge(&mut self, other: &Metric) {
        self.users += other.users;
        self.numerator += other.numerator;
        self.denominator += other.denominator;
        self.numerator_squares += other.numerator_squares;
        self.denominator_squares += other.denominator_squares;
        self.products += other.products;
    }

    /// Sum of the numerators over sum of the denominators; NaN without any.
    pub fn ratio(&self) -> f64 {
        self.numerator / self.denominator
    }

    /// The variance of one user's part of the ratio: `Var(n - r d) / mean(d)²`. The ratio's own variance is this over the
    /// number of users. NaN below two users.
    pub fn variance_per_user(&self) -> f64 {
        let (count, ratio) = (self.users as f64, self.ratio());
        // The residuals n - r d sum to zero by the definition of r.
        let squares =
            self.numerator_squares - 2.0 * ratio * self.products + ratio * ratio * self.denominator_squares;
        let mean = self.denominator / count;
        squares.max(0.0) / (count - 1.0) / (mean * mean)
    }

    /// The variance of the logarithm of the ratio.
    pub fn log_variance(&self) -> f64 {
        let ratio = self.ratio();
        self.variance_per_user() / self.users as f64 / (ratio * ratio)
    }
}

impl Extend<(f64, f64)> for Metric {
    fn extend<I: IntoIterator<Item = (f64, f64)>>(&mut self, users: I) {
        users.into_iter().for_each(|(numerator, denominator)| self.add(numerator, denominator));
    }
}

impl FromIterator<(f64, f64)> for Metric {
    fn from_iter<I: IntoIterator<Item = (f64, f64)>>(users: I) -> Self {
        let mut metric = Metric::default();
        metric.extend(users);
        metric
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_per_user_has_the_usual_variance() {
        let values = [1.0, 4.0, 2.0, 9.0, 4.0];
        let metric: Metric = values.iter().map(|value| (*value, 1.0)).collect();
        // Mean 4, squared deviations 9 + 0 + 4 + 25 + 0.
        assert!((metric.ratio() - 4.0).abs() < 1e-12);
        assert!((metric.variance_per_user() - 38.0 / 4.0).abs() < 1e-12);
    }

    #[test]
    fn groups_merge_to_the_whole() {
        let users: Vec<(f64, f64)> = (0..50).map(|at| (f64::from(at % 3), f64::from(1 + at % 7))).collect();
        let whole: Metric = users.iter().copied().collect();
        let mut parts: Metric = users[..20].iter().copied().collect();
        parts.merge(&users[20..].iter().copied().collect());
        assert!((whole.ratio() - parts.ratio()).abs() < 1e-12);
        assert!((whole.log_variance() - parts.log_variance()).abs() < 1e-12);
    }
}
