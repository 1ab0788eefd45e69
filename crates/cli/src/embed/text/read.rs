//! Reads messages from tables. A message goes on to whoever embeds it and is nowhere after that; what is wrong with a row is
//! said without any of its cells.

use std::path::PathBuf;

use anyhow::Result;
use recommend_core::Timestamp;

use crate::exit::Usage;
use crate::import::args::ReadArgs;
use crate::import::condition::Conditions;
use crate::import::mapping::{Assignment, Bound, Mapping, Selection};
use crate::import::progress::Bar;
use crate::import::rejects::{Fault, Rejects};
use crate::import::short;
use crate::import::table::{Table, TableError, open};
use crate::import::time::TimeRule;
use crate::import::values::id;

const FIELDS: &[&str] = &["text", "time", "user", "entity"];
/// The bar moves once in this many rows.
const ROWS_PER_TICK: u64 = 128;

/// One message of a row.
pub(super) struct Row {
    pub(super) text: String,
    pub(super) time: Timestamp,
    pub(super) user: Option<String>,
    pub(super) entity: Option<String>,
}

/// Calls `each` with every message of the files.
///
/// # Errors
/// When a file cannot be read, a column is missing, the rejects cannot be written, or `each` fails.
pub(super) fn tables(
    files: &[PathBuf],
    map: &[Assignment],
    read: &ReadArgs,
    rejects: &mut Rejects,
    mut each: impl FnMut(Row) -> Result<()>,
) -> Result<()> {
    let (options, times) = (read.table_options(), read.times()?);
    let mut rows = 0_u64;
    for path in files {
        let (mut table, progress) = open(path, &options)?;
        let mut selection = Selection::default();
        let bound = bind(map, &*table, &mut selection);
        let bound = bound.map_err(|reason| Usage(format!("{}: {reason}", path.display())))?;
        let conditions = Conditions::bind(&read.conditions, &options.missing, &mut selection);
        selection.apply(&mut *table)?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let bar = Bar::new(&short(&name), progress);
        loop {
            let fault = match table.advance() {
                Ok(false) => break,
                Ok(true) if !conditions.hold(&*table) => None,
                Ok(true) => match row(&bound, &times, &*table) {
                    Ok(Some(row)) => {
                        each(row)?;
                        None
                    }
                    Ok(None) => None,
                    Err(fault) => Some((table.line(), fault)),
                },
                Err(TableError::Row { line, reason }) => Some((line, Fault { reason, ids: String::new() })),
                Err(error) => return Err(error.into()),
            };
            if let Some((line, fault)) = fault {
                rejects.add(&name, line, &fault)?;
            }
            rows += 1;
            if rows.is_multiple_of(ROWS_PER_TICK) {
                bar.tick(rows);
            }
        }
        bar.finish();
    }
    Ok(())
}

fn bind(map: &[Assignment], table: &dyn Table, selection: &mut Selection) -> Result<[Bound; 4], String> {
    let mapping = Mapping::new(FIELDS, map)?;
    let text = mapping.required("text", table, selection)?;
    let time = mapping.required("time", table, selection)?;
    let user = mapping.field("user", table, selection);
    let entity = mapping.field("entity", table, selection);
    if user == Bound::Absent && entity == Bound::Absent {
        return Err(format!(
            "nothing says whose the messages are; add --map user=COLUMN, --map entity=COLUMN, or both. Columns: {}",
            table.columns().join(", ")
        ));
    }
    Ok([text, time, user, entity])
}

/// The message of a row; `None` when it has no text.
fn row(bound: &[Bound; 4], times: &TimeRule, table: &dyn Table) -> Result<Option<Row>, Fault> {
    let [text, time, user, entity] = bound;
    let Some(text) = text.get(table).text() else { return Ok(None) };
    // The usual reasons quote the cell, and a wrong column may be that of the texts.
    let time = times.read(time.get(table)).ok().flatten();
    let time = time.ok_or_else(|| {
        Fault::new("time", "is missing, or no time; is it the right column and --time-unit?")
    })?;
    let whose = |field, bound: &Bound| match bound {
        Bound::Absent => Ok(None),
        bound => id(field, bound.get(table)).map(Some),
    };
    let (user, entity) = (whose("user", user)?, whose("entity", entity)?);
    Ok(Some(Row { text: text.into_owned(), time, user, entity }))
}
