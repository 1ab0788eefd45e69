//! What is in a dataset: how much, of what, and which features need a look before anything is trained on them.

use recommend_core::{Name, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use super::Dataset;

/// A feature that alone ranks positives above the rest with at least this AUC (or below it with as much) probably knows
/// the answer.
pub const LEAKAGE_AUC: f64 = 0.98;

/// What is in a dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Rows: impressions.
    pub rows: usize,
    /// Requests.
    pub queries: usize,
    /// Users who asked.
    pub users: usize,
    /// Tenants.
    pub tenants: usize,
    /// Requests with at least one positive and one other label: those that a ranker learns from.
    pub contrasting: usize,
    /// Rows with a label above 0.
    pub positives: usize,
    /// Rows with a label below 0.
    pub negatives: usize,
    /// The median and the largest number of rows of a request.
    pub rows_per_query: (usize, usize),
    /// The earliest and the latest request.
    pub times: Option<(Timestamp, Timestamp)>,
    /// How many rows each model served, most first.
    pub models: Vec<(String, usize)>,
    /// The smallest propensity of a row.
    pub least_propensity: f32,
    /// Each feature, in the order of the schema.
    pub features: Vec<FeatureReport>,
}

/// What a feature is like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeatureReport {
    /// Its name.
    pub name: Name,
    /// The share of rows where it is missing, 0..=1.
    pub missing: f64,
    /// How many different values it has, missing not counted.
    pub distinct: usize,
    /// The mean of its finite values; NaN without any.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// The smallest, the 1 %, 50 % and 99 % quantiles and the largest of its values; NaN without any.
    pub quantiles: [f32; 5],
    /// The AUC of ranking by this feature alone, whichever way round is better, 0.5..=1: of all rows with missing as the
    /// least value, or of those where it is not missing if that is more. NaN when all labels are alike.
    pub auc: f64,
    /// What to look at.
    pub warning: Option<Warning>,
}

/// What is suspicious about a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// No row has it.
    Absent,
    /// All rows have the same value: nothing can be learned from it.
    Constant,
    /// It alone tells positives from the rest ([`LEAKAGE_AUC`]): it may hold what only the interaction told.
    Leakage,
}

impl Report {
    /// Looks at all rows; takes about the time to sort them once per feature.
    ///
    /// ```
    /// # use recommend_training::dataset::{Report, Warning, libsvm};
    /// // Feature 0 is the label, feature 1 is the same everywhere.
    /// let text = "1 0:1 1:7\n0 0:0 1:7\n".repeat(50);
    /// let report = Report::of(&libsvm::parse(&text, None, libsvm::FirstIndex::Zero)?);
    /// assert_eq!(report.features[0].warning, Some(Warning::Leakage));
    /// assert_eq!(report.features[1].warning, Some(Warning::Constant));
    /// # Ok::<(), recommend_training::DatasetError>(())
    /// ```
    pub fn of(dataset: &Dataset) -> Report {
        let labels = dataset.labels();
        let groups = dataset.groups();
        let mut sizes: Vec<usize> = groups.iter().map(|group| group.rows.len()).collect();
        sizes.sort_unstable();
        let mut models: FxHashMap<&str, usize> = FxHashMap::default();
        for group in groups {
            *models.entry(&group.model).or_default() += group.rows.len();
        }
        let mut models: Vec<(String, usize)> =
            models.into_iter().map(|(model, rows)| (model.to_owned(), rows)).collect();
        models.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let contrasts = |rows: &[f32]| {
            let positives = rows.iter().filter(|label| **label > 0.0).count();
            positives > 0 && positives < rows.len()
        };
        let users: FxHashSet<_> = groups.iter().map(|group| (group.tenant, group.user)).collect();
        let tenants: FxHashSet<_> = groups.iter().map(|group| group.tenant).collect();
        Report {
            rows: dataset.len(),
            queries: groups.len(),
            users: users.len(),
            tenants: tenants.len(),
            contrasting: groups.iter().filter(|group| contrasts(&labels[group.rows.clone()])).count(),
            positives: dataset.positives(),
            negatives: labels.iter().filter(|label| **label < 0.0).count(),
            rows_per_query: (at(&sizes, 0.5).unwrap_or(0), sizes.last().copied().unwrap_or(0)),
            times: dataset.time_range(),
            models,
            least_propensity: dataset.propensities().iter().copied().fold(f32::NAN, f32::min),
            features: (0..dataset.features().len()).map(|column| feature(dataset, column)).collect(),
        }
    }

    /// The features that need a look.
    pub fn warnings(&self) -> impl Iterator<Item = (&FeatureReport, Warning)> {
        self.features.iter().filter_map(|feature| Some((feature, feature.warning?)))
    }
}

fn feature(dataset: &Dataset, column: usize) -> FeatureReport {
    // Value and label in one number, so that one sort orders them: 32 bits of value in its order, one of label.
    let mut cells: Vec<u64> = Vec::with_capacity(dataset.len());
    let (mut missing, mut positives_missing) = (0_u64, 0_u64);
    let (mut sum, mut finite) = (0.0, 0_u64);
    for (value, label) in dataset.column(column).iter().zip(dataset.labels()) {
        let positive = u64::from(*label > 0.0);
        if value.is_nan() {
            missing += 1;
            positives_missing += positive;
            continue;
        }
        if value.is_finite() {
            sum += f64::from(*value);
            finite += 1;
        }
        cells.push(u64::from(ordered(*value)) << 1 | positive);
    }
    cells.sort_unstable();
    let mean = sum / finite as f64;
    let squares = cells.iter().map(|cell| f64::from(value(*cell)) - mean).filter(|d| d.is_finite());
    let deviation = (squares.map(|d| d * d).sum::<f64>() / finite as f64).sqrt();
    let distinct = cells.chunk_by(|a, b| a >> 1 == b >> 1).count();
    let quantile = |q: f64| at(&cells, q).map_or(f32::NAN, value);
    let present = one_sided(auc(&cells, 0, 0));
    let all = one_sided(auc(&cells, missing, positives_missing));
    let auc = if all.is_nan() { all } else { all.max(present) };
    let warning = match (distinct, missing) {
        (0, _) => Some(Warning::Absent),
        (1, 0) => Some(Warning::Constant),
        _ if auc >= LEAKAGE_AUC => Some(Warning::Leakage),
        _ => None,
    };
    FeatureReport {
        name: dataset.features()[column].clone(),
        missing: missing as f64 / dataset.len() as f64,
        distinct,
        mean,
        deviation,
        quantiles: [0.0, 0.01, 0.5, 0.99, 1.0].map(quantile),
        auc,
        warning,
    }
}

/// The AUC of cells in order, ties counted half, after `missing` rows below all of them (Mann and Whitney 1947).
fn auc(cells: &[u64], missing: u64, positives_missing: u64) -> f64 {
    let (mut negatives, mut positives) = (missing - positives_missing, positives_missing);
    let mut above = positives as f64 * negatives as f64 / 2.0;
    for tie in cells.chunk_by(|a, b| a >> 1 == b >> 1) {
        let here = tie.iter().map(|cell| cell & 1).sum::<u64>();
        let others = tie.len() as u64 - here;
        above += here as f64 * (negatives as f64 + others as f64 / 2.0);
        negatives += others;
        positives += here;
    }
    above / (positives as f64 * negatives as f64)
}

/// Whichever way round is better. A handful of rows proves nothing: NaN without both classes, NaN stays it.
fn one_sided(auc: f64) -> f64 {
    auc.max(1.0 - auc)
}

/// Bits in the order of the numbers; -0 and 0 are one value.
fn ordered(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The number of a cell.
fn value(cell: u64) -> f32 {
    let bits = (cell >> 1) as u32;
    f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits })
}

/// A quantile of values in order: the nearest rank.
fn at<T: Copy>(sorted: &[T], q: f64) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((q * last as f64).round() as usize).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::libsvm::{FirstIndex, parse};

    fn report(text: &str, sizes: &str) -> Report {
        Report::of(&parse(text, Some(sizes), FirstIndex::Zero).unwrap())
    }

    #[test]
    fn a_report_counts_what_there_is() {
        let report = report("1 0:2\n0 0:4\n-1 0:4\n0\n0 1:5\n", "3\n2\n");
        assert_eq!((report.rows, report.queries, report.positives, report.negatives), (5, 2, 1, 1));
        assert_eq!((report.contrasting, report.rows_per_query), (1, (3, 3)));
        let first = &report.features[0];
        assert_eq!((first.missing, first.distinct), (0.4, 2));
        assert!(
            (first.mean - 10.0 / 3.0).abs() < 1e-9
                && (first.deviation - 0.8_f64.sqrt() / 0.9_f64.sqrt()).abs() < 1e-9
        );
        assert_eq!((first.quantiles[0], first.quantiles[2], first.quantiles[4]), (2.0, 4.0, 4.0));
        assert_eq!(report.features[1].warning, None, "one value and missing is not constant");
    }

    #[test]
    fn what_knows_the_answer_is_suspect_also_where_it_is_only_missing() {
        let text = "1 0:1 1:1\n0 1:2\n1 0:1 1:2\n0 1:3\n".repeat(30);
        let report = report(&text, "120\n");
        assert_eq!(report.features[0].warning, Some(Warning::Leakage), "there is one exactly for positives");
        assert_eq!(report.features[1].warning, None);
        assert_eq!(report.warnings().count(), 1);
    }

    #[test]
    fn labels_that_are_all_alike_accuse_nothing() {
        let report = report("1 0:1\n1 0:2\n", "2\n");
        assert!(report.features[0].auc.is_nan() && report.features[0].warning.is_none());
    }

    proptest! {
        #[test]
        fn the_auc_is_the_share_of_pairs_in_order(rows in prop::collection::vec((0..6_i8, any::<bool>()), 2..40)) {
            let mut cells: Vec<u64> =
                rows.iter().map(|(v, p)| u64::from(ordered(f32::from(*v - 3) / 2.0)) << 1 | u64::from(*p)).collect();
            cells.sort_unstable();
            let (mut pairs, mut above) = (0.0, 0.0);
            for (a, _) in rows.iter().filter(|row| row.1) {
                for (b, _) in rows.iter().filter(|row| !row.1) {
                    pairs += 1.0;
                    above += if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
                }
            }
            prop_assume!(pairs > 0.0);
            prop_assert!((auc(&cells, 0, 0) - above / pairs).abs() < 1e-12);
        }

        #[test]
        fn the_order_of_cells_is_that_of_their_values(a in any::<f32>(), b in any::<f32>()) {
            prop_assume!(!a.is_nan() && !b.is_nan());
            prop_assert_eq!(ordered(a).cmp(&ordered(b)), a.partial_cmp(&b).unwrap());
            prop_assert_eq!(value(u64::from(ordered(a)) << 1), a);
        }
    }
}
