//! The part of the log that a day's join reads: its files, what they hold, and in which bunches they are joined.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::Hasher;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::{Span, tz::TimeZone};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use recommend_core::{Name, Timestamp};
use recommend_events::Table;
use recommend_events::schema::{FEATURE_PREFIX, VERSION, VERSION_KEY};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::{EARLY, JoinError, JoinSpec};
use crate::dataset::{self, About};

/// Impressions of a bunch. Larger ones save scans of the interactions, smaller ones memory.
const BUNCH_IMPRESSIONS: u64 = 4_000_000;

/// What a request takes in the build side of a join, in bytes: key, columns, and its place in the table.
const REQUEST_BYTES: u64 = 200;

/// The files of one day.
#[derive(Debug)]
pub(super) struct Day {
    pub(super) date: String,
    /// The first millisecond of the day, and that of the next one.
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) requests: Vec<LogFile>,
    pub(super) impressions: Vec<LogFile>,
    pub(super) interactions: Vec<LogFile>,
    /// The features of all files of impressions: those of the newest, then what only others have.
    pub(super) features: Vec<Name>,
    /// Changes when what is joined changes.
    inputs: String,
}

/// A file of the log.
#[derive(Debug, Clone)]
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    pub(super) rows: u64,
    /// The earliest and the latest time in it, where its statistics say so.
    times: Option<(i64, i64)>,
}

/// Files that are joined together.
#[derive(Debug, Default, Clone)]
pub(super) struct Bunch {
    pub(super) requests: Vec<PathBuf>,
    pub(super) impressions: Vec<PathBuf>,
}

impl Day {
    /// Looks at the files of a day.
    pub(super) fn of(log: &Path, spec: &JoinSpec, date: String) -> Result<Day, JoinError> {
        let day: Date = date.parse().map_err(|_| not_a_day(&date))?;
        let midnight = |day: Date| day.to_zoned(TimeZone::UTC).map(|time| time.timestamp().as_millisecond());
        let next = day.checked_add(Span::new().days(1));
        let (from, to) = match (midnight(day), next.and_then(midnight)) {
            (Ok(from), Ok(to)) => (from, to),
            _ => return Err(not_a_day(&date)),
        };
        let source = |table: Table| {
            let folder = log.join(table.name()).join(format!("corpus={}", spec.corpus));
            folder.join(format!("source={}", spec.source)).join(format!("date={date}"))
        };
        let mut features = Vec::new();
        let impressions = of_folder(&source(Table::Impressions), Some(&mut features))?;
        let requests = of_folder(&source(Table::Requests), None)?;
        let mut interactions = Vec::new();
        let window = i64::try_from(spec.window.as_millis()).unwrap_or(i64::MAX);
        let earliest = from - i64::try_from(EARLY.as_millis()).unwrap_or(0);
        let latest = to.saturating_add(window) - 1;
        let folder = log.join(Table::Interactions.name()).join(format!("corpus={}", spec.corpus));
        let (first, last) = [earliest, latest].map(|time| dataset::date(Timestamp(time))).into();
        for date in levels(&folder, "date=")?.into_iter().filter(|date| (&first..=&last).contains(&date)) {
            let files = of_folder(&folder.join(format!("date={date}")), None)?;
            // The days around are read for their hours beside this one: what lies elsewhere is no news for it.
            interactions.extend(
                files.into_iter().filter(|file| {
                    file.times.is_none_or(|(first, last)| first <= latest && last >= earliest)
                }),
            );
        }
        let inputs = inputs(log, [&requests, &impressions, &interactions]);
        Ok(Day { date, from, to, requests, impressions, interactions, features, inputs })
    }

    /// How many impressions the log has of it.
    pub(super) fn impressions(&self) -> u64 {
        self.impressions.iter().map(|file| file.rows).sum()
    }

    /// What stands in the joined file, so that another run knows whether anything has changed.
    pub(super) fn fingerprint(&self, about: &About) -> String {
        let about = serde_json::to_string(about).unwrap_or_default();
        hash([self.inputs.as_bytes(), about.as_bytes()])
    }

    /// Whether the dataset has the day as it would be joined now.
    pub(super) fn is_joined(&self, output: &Path, about: &About) -> bool {
        let path = dataset::schema::file(output, &self.date);
        dataset::inputs_of(&path).is_some_and(|found| found == self.fingerprint(about))
    }

    /// The files of the day in bunches: the requests of each bunch are all that its impressions are of, and fit into a
    /// third of the memory.
    pub(super) fn bunches(&self, memory: usize) -> Vec<Bunch> {
        let most_requests = (memory as u64 / 3 / REQUEST_BYTES).max(1);
        let mut by_segment: BTreeMap<&str, (Option<&LogFile>, Vec<&LogFile>)> = BTreeMap::new();
        for file in &self.requests {
            by_segment.entry(stem(&file.path)).or_default().0 = Some(file);
        }
        for file in &self.impressions {
            // The name is <segment>-<schema>.
            let segment = stem(&file.path).rsplit_once('-').map_or("", |(segment, _)| segment);
            by_segment.entry(segment).or_default().1.push(file);
        }
        let paths = |files: &[LogFile]| files.iter().map(|file| file.path.clone()).collect();
        if by_segment.values().any(|(requests, impressions)| requests.is_none() && !impressions.is_empty()) {
            // Somebody else has rewritten the files: which belong together is not known.
            return vec![Bunch { requests: paths(&self.requests), impressions: paths(&self.impressions) }];
        }
        let mut bunches: Vec<Bunch> = Vec::new();
        let (mut requests, mut impressions) = (u64::MAX, u64::MAX);
        for (of, shown) in by_segment.into_values() {
            let Some(of) = of.filter(|_| !shown.is_empty()) else { continue };
            let rows: u64 = shown.iter().map(|file| file.rows).sum();
            if requests.saturating_add(of.rows) > most_requests
                || impressions.saturating_add(rows) > BUNCH_IMPRESSIONS
            {
                bunches.push(Bunch::default());
                (requests, impressions) = (0, 0);
            }
            (requests, impressions) = (requests + of.rows, impressions + rows);
            if let Some(bunch) = bunches.last_mut() {
                bunch.requests.push(of.path.clone());
                bunch.impressions.extend(shown.iter().map(|file| file.path.clone()));
            }
        }
        bunches
    }
}

/// The days of a source that the log has, or those of them that are wanted.
pub(super) fn dates(log: &Path, spec: &JoinSpec, wanted: &[String]) -> Result<Vec<String>, JoinError> {
    let table = log.join(Table::Impressions.name());
    let folder = table.join(format!("corpus={}", spec.corpus)).join(format!("source={}", spec.source));
    fs::read_dir(log).map_err(JoinError::io(log))?;
    let dates = levels(&folder, "date=")?;
    let (Some(first), Some(last)) = (dates.first(), dates.last()) else {
        return Err(JoinError::NoImpressions {
            log: log.to_owned(),
            corpus: spec.corpus.to_string(),
            source_name: spec.source.to_string(),
            known: known(&table)?,
        });
    };
    for date in wanted {
        date.parse::<Date>().map_err(|_| not_a_day(date))?;
        if !dates.contains(date) {
            return Err(JoinError::NoDay { date: date.clone(), first: first.clone(), last: last.clone() });
        }
    }
    Ok(dates.into_iter().filter(|date| wanted.is_empty() || wanted.contains(date)).collect())
}

/// How many segments of the log are not Parquet yet.
pub(super) fn open_segments(log: &Path) -> usize {
    let entries = fs::read_dir(log.join("segments")).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "seg")).count()
}

fn not_a_day(date: &str) -> JoinError {
    JoinError::Spec(format!("{date:?} is no day; write it as 2026-01-31"))
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
}

/// What stands behind a prefix in the names of a folder's entries, sorted.
fn levels(folder: &Path, prefix: &str) -> Result<Vec<String>, JoinError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(JoinError::io(folder))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(JoinError::io(folder))?.file_name();
        found.extend(name.to_str().and_then(|name| name.strip_prefix(prefix)).map(str::to_owned));
    }
    found.sort();
    Ok(found)
}

/// What the log has impressions of, for the message of an error.
fn known(table: &Path) -> Result<String, JoinError> {
    let mut known = Vec::new();
    for corpus in levels(table, "corpus=")? {
        let sources = levels(&table.join(format!("corpus={corpus}")), "source=")?;
        known.extend(sources.into_iter().map(|source| format!("{corpus}/{source}")));
    }
    Ok(match known.is_empty() {
        true => "; it has none at all in Parquet yet, and is <data>/log of a server or an import".to_owned(),
        false => format!("; it has {}", known.join(", ")),
    })
}

/// The Parquet files of a folder by name. Features are collected from the newest file to the oldest.
fn of_folder(folder: &Path, features: Option<&mut Vec<Name>>) -> Result<Vec<LogFile>, JoinError> {
    let names = levels(folder, "")?.into_iter().filter(|name| name.ends_with(".parquet"));
    let mut files = Vec::new();
    let mut schemas = Vec::new();
    for path in names.map(|name| folder.join(name)) {
        let wrong = |reason: String| JoinError::File { path: path.clone(), reason };
        let file = File::open(&path).map_err(JoinError::io(&path))?;
        let metadata =
            ArrowReaderMetadata::load(&file, Default::default()).map_err(|error| wrong(error.to_string()))?;
        let of_file = metadata.metadata().file_metadata();
        let pairs = of_file.key_value_metadata();
        let version = pairs
            .and_then(|pairs| pairs.iter().find(|pair| pair.key == VERSION_KEY))
            .and_then(|pair| pair.value.as_deref()?.parse::<u32>().ok());
        match version {
            None => return Err(wrong(format!("its metadata has no {VERSION_KEY}: it is not the log's"))),
            Some(found) if found > VERSION => {
                return Err(wrong(format!(
                    "it has version {found}, this release reads up to {VERSION}; use a newer release"
                )));
            }
            Some(_) => {}
        }
        let rows = u64::try_from(of_file.num_rows()).unwrap_or(0);
        schemas.push(metadata.schema().clone());
        let times = times(metadata.metadata());
        files.push(LogFile { path, rows, times });
    }
    if let Some(features) = features {
        for schema in schemas.iter().rev() {
            let names = schema.fields().iter().filter_map(|field| field.name().strip_prefix(FEATURE_PREFIX));
            for name in names.filter_map(|name| Name::new(name).ok()) {
                if !features.contains(&name) {
                    features.push(name);
                }
            }
        }
    }
    Ok(files)
}

/// The span of the column `time`, where all row groups have statistics of it.
fn times(metadata: &ParquetMetaData) -> Option<(i64, i64)> {
    let mut span: Option<(i64, i64)> = None;
    for group in metadata.row_groups() {
        let column = group.columns().iter().find(|column| column.column_path().string() == "time")?;
        let Statistics::Int64(of_group) = column.statistics()? else { return None };
        let (first, last) = (*of_group.min_opt()?, *of_group.max_opt()?);
        span = Some(span.map_or((first, last), |(a, b)| (a.min(first), b.max(last))));
    }
    span
}

/// A hash of which files there are. Files of the log are written once: the same name is the same content, but for one
/// that is written again from the same segment, which has the same rows.
fn inputs(log: &Path, tables: [&Vec<LogFile>; 3]) -> String {
    let lines = tables.into_iter().flatten().map(|file| {
        let path = file.path.strip_prefix(log).unwrap_or(&file.path).display().to_string();
        format!("{path} {}\n", file.rows)
    });
    hash([lines.collect::<String>().as_bytes()])
}

fn hash<const N: usize>(parts: [&[u8]; N]) -> String {
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    format!("{:032x}", hasher.finish128().as_u128())
}
