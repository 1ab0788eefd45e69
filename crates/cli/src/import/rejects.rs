//! The rejects file: where each row that was not imported is, why, and whose it was.
//!
//! It holds line, reason and the row's ids, never its other cells: a file of rejects is sent around more freely than
//! the data it came from.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Why one row was not imported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What is wrong, naming the field.
    pub(crate) reason: String,
    /// The ids of the row, as `user=u1 entity=c1`.
    pub(crate) ids: String,
}

impl Fault {
    /// A fault of one field.
    pub(crate) fn new(field: &str, reason: impl std::fmt::Display) -> Self {
        Fault { reason: format!("{field}: {reason}"), ids: String::new() }
    }
}

/// Writes the file when there is a first reject, and counts.
#[derive(Debug)]
pub(crate) struct Rejects {
    path: PathBuf,
    writer: Option<csv::Writer<File>>,
    /// How many rows were rejected.
    pub(crate) count: u64,
    /// The first one, for the summary.
    pub(crate) first: Option<String>,
}

impl Rejects {
    /// Rejects of an import go to `path`, which is not created before there is one.
    pub(crate) fn new(path: PathBuf) -> Self {
        Rejects { path, writer: None, count: 0, first: None }
    }

    /// The path that an input's rejects have by default: its name with `.rejects.csv`, in the current folder, because
    /// the input's own folder is often read-only.
    pub(crate) fn default_path(input: &Path) -> PathBuf {
        let name = input.file_name().map_or_else(|| "import".into(), |name| name.to_string_lossy());
        PathBuf::from(format!("{name}.rejects.csv"))
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn add(&mut self, file: &str, line: u64, fault: &Fault) -> anyhow::Result<()> {
        let doing = || format!("writing the rejects to {}", self.path.display());
        if self.writer.is_none() {
            let mut writer = csv::Writer::from_path(&self.path).with_context(doing)?;
            writer.write_record(["file", "line", "reason", "ids"]).with_context(doing)?;
            self.writer = Some(writer);
        }
        if let Some(writer) = &mut self.writer {
            writer.write_record([file, &line.to_string(), &fault.reason, &fault.ids]).with_context(doing)?;
        }
        self.count += 1;
        self.first.get_or_insert_with(|| format!("{file} line {line}: {}", fault.reason));
        Ok(())
    }

    /// Brings all to the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        match &mut self.writer {
            Some(writer) => {
                writer.flush().with_context(|| format!("writing the rejects to {}", self.path.display()))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_file_before_there_is_a_reject() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.rejects.csv");
        let mut rejects = Rejects::new(path.clone());
        rejects.flush().unwrap();
        assert!(!path.exists());
        rejects
            .add("x.csv", 7, &Fault { ids: "user=u1".into(), ..Fault::new("time", "is missing") })
            .unwrap();
        rejects.flush().unwrap();
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            "file,line,reason,ids\nx.csv,7,time: is missing,user=u1\n"
        );
        assert_eq!((rejects.count, rejects.first.as_deref()), (1, Some("x.csv line 7: time: is missing")));
    }

    #[test]
    fn rejects_land_in_the_current_folder() {
        assert_eq!(Rejects::default_path(Path::new("/data/a.csv.gz")), Path::new("a.csv.gz.rejects.csv"));
    }
}
