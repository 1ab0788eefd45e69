//! Reads the interactions of a backtest: rows straight into numbers, because there may be tens of millions.

use anyhow::Result;
use recommend_backtest::{History, HistoryBuilder};
use recommend_core::{EntityId, IdCodec, Name, Timestamp, UserId};
use rustc_hash::FxHashMap;

use super::args::InputArgs;
use crate::exit::Usage;
use crate::import::condition::Conditions;
use crate::import::mapping::{Assignment, Bound, Mapping, Selection};
use crate::import::progress::Bar;
use crate::import::rejects::Fault;
use crate::import::short;
use crate::import::table::{Cell, Table, TableError, open};
use crate::import::time::{TimeRule, show};
use crate::import::values::{Names, number};

const FIELDS: &[&str] = &["user", "entity", "kind", "time", "value", "corpus"];
/// The bar moves once in this many rows.
const ROWS_PER_TICK: u64 = 4_096;

/// What makes the ids of a backtest. Nobody sees them, so that the key may be known.
pub(crate) fn codec() -> IdCodec {
    IdCodec::new([0; 16])
}

/// Reads all files. Interactions are with `corpus` unless something maps it; of the first label kind unless something
/// maps the kind. Rows that cannot be read are left out, and said so.
///
/// # Errors
/// When a file cannot be read, a column is missing, or nothing is left.
pub(crate) fn history(input: &InputArgs, corpus: &Name, label_kinds: &[Name]) -> Result<History> {
    read(input, corpus, label_kinds, false).map(|(history, _)| history)
}

/// The strings of ids, where they are wanted.
pub(crate) type Strings = FxHashMap<u64, Box<str>>;

/// The same, with the strings of all ids if `strings` says so.
///
/// # Errors
/// As [`history`].
pub(crate) fn read(
    input: &InputArgs,
    corpus: &Name,
    label_kinds: &[Name],
    strings: bool,
) -> Result<(History, Strings)> {
    let options = input.read.table_options();
    let mut reader = Reader {
        times: input.read.times()?,
        codec: codec(),
        bound: Vec::new(),
        corpora: Names::default(),
        kinds: Names::default(),
        builder: History::builder(),
        strings: strings.then(Strings::default),
    };
    let (mut rows, mut faults, mut first) = (0_u64, 0_u64, None);
    for path in &input.files {
        let (mut table, progress) = open(path, &options)?;
        let mut selection = Selection::default();
        let bound = reader.bind(&input.map, corpus, label_kinds, &*table, &mut selection);
        bound.map_err(|reason| Usage(format!("{}: {reason}", path.display())))?;
        let conditions = Conditions::bind(&input.read.conditions, &options.missing, &mut selection);
        selection.apply(&mut *table)?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let bar = Bar::new(&short(&name), progress);
        loop {
            let fault = match table.advance() {
                Ok(false) => break,
                Ok(true) if !conditions.hold(&*table) => None,
                Ok(true) => reader.read(&*table).err().map(|fault| (table.line(), fault.reason)),
                Err(TableError::Row { line, reason }) => Some((line, reason)),
                Err(error) => return Err(error.into()),
            };
            if let Some((line, reason)) = fault {
                faults += 1;
                first.get_or_insert_with(|| format!("{} line {line}: {reason}", path.display()));
            }
            rows += 1;
            if rows.is_multiple_of(ROWS_PER_TICK) {
                bar.tick(rows);
            }
        }
        bar.finish();
    }
    let first = first.unwrap_or_default();
    if reader.builder.is_empty() {
        let reason = if faults > 0 {
            format!("{faults} rows cannot be read; the first: {first}")
        } else {
            "there is no row".into()
        };
        return Err(Usage(format!("--interactions: {reason}")).into());
    }
    if faults > 0 {
        eprintln!("warning: {faults} of {rows} rows cannot be read and are left out; the first: {first}");
    }
    Ok((reader.builder.build(), reader.strings.unwrap_or_default()))
}

struct Reader {
    times: TimeRule,
    codec: IdCodec,
    bound: Vec<Bound>,
    corpora: Names,
    kinds: Names,
    builder: HistoryBuilder,
    strings: Option<Strings>,
}

impl Reader {
    fn bind(
        &mut self,
        assignments: &[Assignment],
        corpus: &Name,
        label_kinds: &[Name],
        table: &dyn Table,
        selection: &mut Selection,
    ) -> Result<(), String> {
        let mapping = Mapping::new(FIELDS, assignments)?;
        let kind = label_kinds.first().map_or("interaction", Name::as_str);
        self.bound.clear();
        for field in FIELDS {
            let or_else = |constant: &str, bound| match bound {
                Bound::Absent => Bound::Constant(constant.to_owned()),
                bound => bound,
            };
            self.bound.push(match *field {
                "corpus" => or_else(corpus.as_str(), mapping.field(field, table, selection)),
                "kind" => or_else(kind, mapping.field(field, table, selection)),
                "value" => mapping.field(field, table, selection),
                _ => mapping.required(field, table, selection)?,
            });
        }
        Ok(())
    }

    fn read(&mut self, table: &dyn Table) -> Result<(), Fault> {
        let [user, entity, kind, time, value, corpus] = &self.bound[..] else {
            return Err(Fault::new("row", "was read before its table was bound"));
        };
        let user = id(&self.codec, &mut self.strings, "user", user.get(table))?;
        let entity = id(&self.codec, &mut self.strings, "entity", entity.get(table))?;
        let kind = self.kinds.get("kind", kind.get(table))?;
        let corpus = self.corpora.get("corpus", corpus.get(table))?;
        let time: Option<Timestamp> =
            self.times.read(time.get(table)).map_err(|reason| Fault::new("time", reason))?;
        let time = time.ok_or_else(|| Fault::new("time", "is missing"))?;
        let value = number("value", value.get(table))?.unwrap_or(1.0) as f32;
        self.builder.push(UserId(user), &corpus, EntityId(entity), &kind, time, value);
        Ok(())
    }
}

fn id(codec: &IdCodec, strings: &mut Option<Strings>, field: &str, cell: Cell<'_>) -> Result<u64, Fault> {
    let text = cell.text().ok_or_else(|| Fault::new(field, "is missing"))?;
    let id = codec.encode(&text).map_err(|error| Fault::new(field, error))?;
    if let Some(strings) = strings {
        strings.entry(id).or_insert_with(|| text.into());
    }
    Ok(id)
}

/// The times of the first and the last interaction, for people.
pub(super) fn span(history: &History) -> String {
    match (history.events().first(), history.events().last()) {
        (Some(first), Some(last)) => format!("{} to {}", show(first.time), show(last.time)),
        _ => "never".to_owned(),
    }
}
