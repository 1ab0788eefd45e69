//! Reads the tables of an import, one after the other.

use anyhow::Result;

use super::args::FileArgs;
use super::condition::Conditions;
use super::mapping::Selection;
use super::progress::Bar;
use super::pump::Output;
use super::rejects::{Fault, Rejects};
use super::table::{TableError, open};
use super::{Records, short};
use crate::exit::Usage;

/// The bar moves once in this many rows.
const ROWS_PER_TICK: u64 = 1024;

/// The files of one command.
pub(super) struct Files(FileArgs);

impl Files {
    pub(super) fn new(args: FileArgs) -> Self {
        Files(args)
    }

    pub(super) fn read(
        &self,
        records: &mut dyn Records,
        output: &mut Output,
        rejects: &mut Rejects,
    ) -> Result<()> {
        let options = self.0.read.table_options();
        for path in &self.0.files {
            let (mut table, progress) = open(path, &options)?;
            let mut selection = Selection::default();
            records
                .open(path, &*table, &mut selection)
                .map_err(|reason| Usage(format!("{}: {reason}", path.display())))?;
            let conditions = Conditions::bind(&self.0.read.conditions, &options.missing, &mut selection);
            selection.apply(&mut *table)?;
            let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            let bar = Bar::new(&short(&name), progress);
            loop {
                let fault = match table.advance() {
                    Ok(false) => break,
                    Ok(true) if !conditions.hold(&*table) => {
                        output.tally.skip("rows that --where leaves out");
                        None
                    }
                    Ok(true) => {
                        let read = records.read(&*table, &mut output.batch, &mut output.tally);
                        read.err().map(|fault| (table.line(), fault))
                    }
                    Err(TableError::Row { line, reason }) => {
                        Some((line, Fault { reason, ids: String::new() }))
                    }
                    Err(error) => return Err(error.into()),
                };
                if let Some((line, fault)) = fault {
                    rejects.add(&name, line, &fault)?;
                }
                output.rows += 1;
                if output.rows.is_multiple_of(ROWS_PER_TICK) {
                    bar.tick(output.rows);
                }
                output.settle()?;
            }
            output.notes.extend(records.notes());
            bar.finish();
        }
        output.flush()?;
        output.relations(records.finish())
    }
}
