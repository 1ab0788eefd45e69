//! Learning-to-rank data as text: `label index:value …`, with a `qid:` or a file of query sizes beside it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use recommend_core::{EntityId, FeatureSchema, Name, RequestId, TenantId, Timestamp, UserId};

use super::{About, Dataset, DatasetError, Group, Rows, matrix};

/// The number of the first feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstIndex {
    /// As XGBoost and LightGBM write.
    Zero,
    /// As LETOR and Yahoo! write.
    One,
}

/// Reads a file of rows, and the file of query sizes (one number a line, as LightGBM has it) that lies beside it as
/// `<file>.query`, if it does.
///
/// # Errors
/// [`DatasetError::Io`], and [`DatasetError::Line`] for what is no such row.
pub fn read(path: &Path, first: FirstIndex) -> Result<Dataset, DatasetError> {
    let text = fs::read_to_string(path).map_err(DatasetError::io("reading", path))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".query");
    let beside = Path::new(&beside);
    let sizes = match beside.exists() {
        true => Some(fs::read_to_string(beside).map_err(DatasetError::io("reading", beside))?),
        false => None,
    };
    parse(&text, sizes.as_deref(), first)
}

/// The dataset of a text. Features are named by their index and absent ones are missing; a query is a request whose time
/// is its place, so that a split by time keeps the order of the file. Without sizes and `qid:`, all rows are one query.
///
/// # Errors
/// [`DatasetError::Line`].
pub fn parse(text: &str, sizes: Option<&str>, first: FirstIndex) -> Result<Dataset, DatasetError> {
    let mut labels = Vec::new();
    let mut queries: Vec<Option<u64>> = Vec::new();
    let mut cells: Vec<(usize, usize, f32)> = Vec::new();
    let mut width = 0;
    for (at, line) in text.lines().enumerate() {
        let row = line.split('#').next().unwrap_or_default();
        let mut words = row.split_ascii_whitespace();
        let Some(label) = words.next() else { continue };
        let wrong = |reason: String| DatasetError::Line { line: at + 1, reason };
        labels.push(number(label).ok_or_else(|| wrong(format!("the label {label:?} is no number")))?);
        let mut query = None;
        for word in words {
            let pair = word.split_once(':');
            let (index, value) = pair.ok_or_else(|| wrong(format!("{word:?} is no index:value")))?;
            if index == "qid" {
                query = Some(value.parse().map_err(|_| wrong(format!("{word:?} is no query")))?);
                continue;
            }
            let place: Option<usize> = index.parse().ok();
            let place = place.and_then(|place| place.checked_sub(usize::from(first == FirstIndex::One)));
            let place = place.filter(|place| *place < MOST_FEATURES);
            let place = place.ok_or_else(|| {
                wrong(format!(
                    "{index:?} is not the number of a feature, {first:?}-based, up to {MOST_FEATURES}"
                ))
            })?;
            let value = number(value).ok_or_else(|| wrong(format!("{word:?}: the value is no number")))?;
            width = width.max(place + 1);
            cells.push((labels.len() - 1, place, value));
        }
        queries.push(query);
    }
    let rows = labels.len();
    let mut values = vec![f32::NAN; rows * width];
    for (row, place, value) in cells {
        values[row * width + place] = value;
    }
    let sizes = match sizes {
        Some(sizes) => listed(sizes, rows)?,
        None => runs(&queries),
    };
    let names = (0..width).map(|at| Name::new(&(at + usize::from(first == FirstIndex::One)).to_string()));
    let names: Vec<Name> = names.collect::<Result<_, _>>().map_err(|e| DatasetError::Shape(e.to_string()))?;
    let mut start = 0;
    let mut groups = Vec::with_capacity(sizes.len());
    let mut positions = Vec::with_capacity(rows);
    for (at, size) in sizes.into_iter().enumerate() {
        positions.extend(0..u32::try_from(size).unwrap_or(u32::MAX));
        groups.push(Group {
            request: RequestId(at as u128),
            time: Timestamp(at as i64),
            tenant: TenantId(0),
            user: UserId(at as u64),
            model: "".into(),
            variant: None,
            rows: start..start + size,
        });
        start += size;
    }
    let rows = Rows {
        entities: (0..rows as u64).map(EntityId).collect(),
        positions,
        scores: vec![f32::NAN; rows],
        propensities: vec![1.0; rows],
        labels,
        weights: vec![1.0; rows],
    };
    let about = About::foreign(Name::literal("document"), Name::literal("libsvm"));
    let matrix = matrix(rows.labels.len(), width, values);
    Dataset::new(about, Arc::new(FeatureSchema::new(names)), matrix, rows, groups)
}

/// A number beyond this is a mistake, and the matrix is dense.
const MOST_FEATURES: usize = 100_000;

fn number(text: &str) -> Option<f32> {
    text.parse().ok()
}

/// Query sizes as they are listed; together they are all rows.
fn listed(sizes: &str, rows: usize) -> Result<Vec<usize>, DatasetError> {
    let mut list = Vec::new();
    for (at, line) in sizes.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let size: Option<usize> = line.trim().parse().ok().filter(|size| *size > 0);
        let reason = || format!("{line:?} is not the size of a query");
        list.push(size.ok_or_else(|| DatasetError::Line { line: at + 1, reason: reason() })?);
    }
    let sum = list.iter().fold(0_usize, |sum, size| sum.saturating_add(*size));
    if sum != rows {
        return Err(DatasetError::Shape(format!("{} queries of {sum} rows for {rows} rows", list.len())));
    }
    Ok(list)
}

/// The lengths of runs of one query.
fn runs(queries: &[Option<u64>]) -> Vec<usize> {
    queries.chunk_by(|a, b| a == b).map(<[_]>::len).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_come_from_qid_or_from_the_file_beside() {
        let dataset =
            parse("1 qid:4 1:2\n0 qid:4 3:1 # why\n\n2 qid:9 2:1\n", None, FirstIndex::One).unwrap();
        assert_eq!(dataset.group_sizes(), [2, 1]);
        assert_eq!(dataset.features(), [Name::literal("1"), Name::literal("2"), Name::literal("3")]);
        assert_eq!(dataset.positions(), [0, 1, 0]);
        assert_eq!(dataset.labels(), [1.0, 0.0, 2.0]);
        assert!(dataset.matrix()[[0, 1]].is_nan());
        assert!(parse("1 0:1\n", Some("2\n"), FirstIndex::Zero).is_err(), "more rows than there are");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = |text| parse(text, None, FirstIndex::One).unwrap_err().to_string();
        assert!(error("1 1:1\nx 1:2\n").starts_with("line 2: the label \"x\""));
        assert!(error("1 0:1\n").contains("One-based"));
        assert!(error("1 1:x\n").contains("\"1:x\": the value is no number"));
        assert!(error("1 99999999999:1\n").contains("not the number of a feature"));
    }

    #[test]
    fn the_ranking_samples_of_lightgbm_have_their_queries() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/lightgbm-lambdarank");
        if !folder.exists() {
            return println!("skipped: {} is not there", folder.display());
        }
        let train = read(&folder.join("rank.train"), FirstIndex::One).unwrap();
        assert_eq!((train.len(), train.groups().len()), (3005, 201));
        let test = read(&folder.join("rank.test"), FirstIndex::One).unwrap();
        assert_eq!((test.len(), test.groups().len()), (768, 50));
        assert!(train.labels().iter().all(|label| (0.0..=4.0).contains(label)));
    }
}
