//! An export as entries: a folder, its zip, or one file of Events API payloads.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use zip::ZipArchive;

/// A file of an export is one day of one channel; larger ones are not read.
const MAX_ENTRY: u64 = 256 << 20;

/// More entries than this are no export.
const MAX_ENTRIES: usize = 5_000_000;

/// An export that was opened.
#[derive(Debug)]
pub(crate) enum Export {
    /// The unpacked folder, with the paths in it relative to it, sorted.
    Folder(PathBuf, Vec<String>),
    /// The zip, with the names in it, sorted, each with its place.
    Zip(Box<ZipArchive<BufReader<File>>>, Vec<(String, usize)>),
    /// Events API payloads, one per line.
    Events(PathBuf),
}

/// Why an entry was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntryError {
    #[error("is larger than {} MiB", MAX_ENTRY >> 20)]
    TooLarge,
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

impl Export {
    /// Opens a path as what it is.
    ///
    /// # Errors
    /// When it is none of the three.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).with_context(|| path.display().to_string())?;
        if metadata.is_dir() {
            let mut names = Vec::new();
            list(path, "", 0, &mut names)?;
            names.sort_unstable();
            return Export::check(path, names.iter().map(String::as_str))
                .map(|()| Export::Folder(path.to_owned(), names));
        }
        if matches!(path.extension().and_then(|e| e.to_str()), Some("jsonl" | "ndjson")) {
            return Ok(Export::Events(path.to_owned()));
        }
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let archive = ZipArchive::new(BufReader::new(file))
            .with_context(|| format!("{} is no folder, no zip and no .jsonl of events", path.display()))?;
        if archive.len() > MAX_ENTRIES {
            bail!("{} has {} entries; that is no Slack export", path.display(), archive.len());
        }
        let mut names: Vec<(String, usize)> = (0..archive.len())
            .filter_map(|at| {
                let name = archive.name_for_index(at)?.ok()?;
                name.ends_with(".json").then(|| (name.into_owned(), at))
            })
            .collect();
        // Some tools zip the folder, some its content.
        if let Some(folder) = common_folder(&names) {
            for (name, _) in &mut names {
                name.drain(..folder);
            }
        }
        names.sort_unstable();
        Export::check(path, names.iter().map(|(name, _)| name.as_str()))?;
        Ok(Export::Zip(Box::new(archive), names))
    }

    fn check<'a>(path: &Path, mut names: impl Iterator<Item = &'a str>) -> Result<()> {
        if names.any(|name| matches!(name, "users.json" | "channels.json" | "groups.json")) {
            return Ok(());
        }
        bail!(
            "{} has no users.json or channels.json; give the folder or zip that Slack exported",
            path.display()
        )
    }

    /// The names of the entries, sorted: `users.json`, `general/2024-01-31.json`…
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Export::Folder(_, names) => names.clone(),
            Export::Zip(_, names) => names.iter().map(|(name, _)| name.clone()).collect(),
            Export::Events(_) => Vec::new(),
        }
    }

    /// Reads an entry into `buffer`; `false` when there is none of that name.
    pub(super) fn read(&mut self, name: &str, buffer: &mut Vec<u8>) -> Result<bool, EntryError> {
        buffer.clear();
        let unreadable = |error: &dyn std::fmt::Display| EntryError::Unreadable(error.to_string());
        let mut limited: Box<dyn Read> = match self {
            Export::Folder(folder, names) => {
                if names.binary_search_by(|known| known.as_str().cmp(name)).is_err() {
                    return Ok(false);
                }
                let file = File::open(folder.join(name)).map_err(|error| unreadable(&error))?;
                Box::new(file.take(MAX_ENTRY + 1))
            }
            Export::Zip(archive, names) => {
                let Ok(at) = names.binary_search_by(|(known, _)| known.as_str().cmp(name)) else {
                    return Ok(false);
                };
                let entry = archive.by_index(names[at].1).map_err(|error| unreadable(&error))?;
                // What the header says about the size is not to be trusted; what comes out is counted.
                Box::new(entry.take(MAX_ENTRY + 1))
            }
            Export::Events(_) => return Ok(false),
        };
        limited.read_to_end(buffer).map_err(|error| unreadable(&error))?;
        if buffer.len() as u64 > MAX_ENTRY {
            buffer.clear();
            return Err(EntryError::TooLarge);
        }
        Ok(true)
    }
}

/// The JSON files of a folder and of the folders in it, one level deep.
fn list(folder: &Path, prefix: &str, depth: u32, names: &mut Vec<String>) -> Result<()> {
    let context = || folder.display().to_string();
    for entry in std::fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().with_context(context)?;
        if kind.is_dir() && depth == 0 {
            list(&entry.path(), &format!("{name}/"), depth + 1, names)?;
        } else if kind.is_file() && name.ends_with(".json") {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

/// The length of `folder/` when every entry is in it.
fn common_folder(names: &[(String, usize)]) -> Option<usize> {
    let first = &names.first()?.0;
    let length = first.find('/')? + 1;
    names.iter().all(|(name, _)| name.starts_with(&first[..length])).then_some(length)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn zipped(entries: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut zip = zip::ZipWriter::new(file.reopen().unwrap());
        for (name, content) in entries {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
        file
    }

    #[test]
    fn a_zip_is_read_with_or_without_a_folder_around_it() {
        for prefix in ["", "my export/"] {
            let names = [format!("{prefix}users.json"), format!("{prefix}general/2024-01-01.json")];
            let file = zipped(&[(&names[0], b"[]"), (&names[1], b"[1]")]);
            let mut export = Export::open(file.path()).unwrap();
            assert_eq!(export.names(), ["general/2024-01-01.json", "users.json"]);
            let mut buffer = Vec::new();
            assert!(export.read("general/2024-01-01.json", &mut buffer).unwrap());
            assert_eq!(buffer, b"[1]");
            assert!(!export.read("nothing.json", &mut buffer).unwrap());
        }
    }

    #[test]
    fn what_is_no_export_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = Export::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("no users.json"), "{error}");
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Export::open(file.path()).unwrap_err().to_string().contains("no zip"));
    }

    #[test]
    fn an_entry_that_unpacks_to_too_much_is_refused() {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let chunk = vec![b' '; 1 << 20];
        zip.start_file("users.json", zip::write::SimpleFileOptions::default()).unwrap();
        for _ in 0..=(MAX_ENTRY >> 20) {
            zip.write_all(&chunk).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        assert!(bytes.len() < 1 << 20, "it is small while it is packed");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut export = Export::open(file.path()).unwrap();
        let error = export.read("users.json", &mut Vec::new()).unwrap_err();
        assert!(matches!(error, EntryError::TooLarge));
    }
}
