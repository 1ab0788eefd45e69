//! The disk: one redb file, written by one thread in transactions of many batches.
//!
//! The engine keeps a checksum of every page in its parent, and all of them are checked whenever the file is opened:
//! what comes back is what was committed, or the file is refused.

use std::fs::File;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};

use super::encode::Record;
use crate::error::StoreError;

const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
const HEAD: TableDefinition<'_, &str, u64> = TableDefinition::new("head");

/// The layout of the tables and keys.
const FORMAT: u64 = 1;

/// The file in the store's folder.
pub(crate) const FILE: &str = "stores.redb";

/// How a file becomes a database; tests put a failing disk in between.
pub(crate) type OpenFile = Box<dyn Fn(&Builder, &Path) -> Result<Database, DatabaseError> + Send>;

/// What became of a transaction.
#[derive(Debug)]
pub(crate) enum Committed {
    /// It is durable.
    Yes,
    /// It is not, and the disk takes writes again.
    No(StoreError),
    /// Nobody can tell until the file can be opened again.
    Unknown(StoreError),
}

/// The open file, or why it is closed for the moment.
pub(crate) struct Disk {
    folder: PathBuf,
    path: PathBuf,
    cache_bytes: usize,
    open_file: OpenFile,
    database: Option<Database>,
    head: Head,
}

/// What is known of the last transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Head {
    /// How many transactions there were.
    pub(crate) transactions: u64,
    /// The number of the next block of interactions.
    pub(crate) next_block: u64,
}

impl Disk {
    /// Opens the file in `folder`, or makes one.
    pub(crate) fn open(folder: &Path, cache_bytes: usize, open_file: OpenFile) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let mut disk = Disk {
            folder: folder.to_path_buf(),
            path,
            cache_bytes,
            open_file,
            database: None,
            head: Head::default(),
        };
        let io = |doing, path: &Path| {
            let path = path.to_path_buf();
            move |source| StoreError::Io { doing, path, source }
        };
        std::fs::create_dir_all(folder).map_err(io("making the folder", folder))?;
        match std::fs::metadata(&disk.path) {
            Ok(found) if found.len() == 0 => return Err(disk.damaged("it is empty".to_owned())),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => disk.create()?,
            Err(error) => return Err(io("looking at", &disk.path)(error)),
        }
        disk.head = disk.reopen()?;
        Ok(disk)
    }

    /// Makes the file under another name first: one under its own name is never half made.
    fn create(&self) -> Result<(), StoreError> {
        let fresh = self.path.with_extension("new");
        let io = |source| StoreError::Io { doing: "creating", path: fresh.clone(), source };
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        let database = self.open_database(&fresh)?;
        self.write(&database, &[], Head::default()).map_err(|error| self.failed("creating", error))?;
        drop(database);
        std::fs::rename(&fresh, &self.path).map_err(io)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(io)
    }

    fn open_database(&self, path: &Path) -> Result<Database, StoreError> {
        let mut builder = Builder::new();
        builder.set_check_integrity_on_open(true).set_cache_size(self.cache_bytes);
        let opened = self.caught(|| Ok((self.open_file)(&builder, path)))?;
        opened.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                StoreError::InUse(self.folder.clone())
            }
            DatabaseError::Storage(error) => self.failed("opening", error.into()),
            other => self.damaged(other.to_string()),
        })
    }

    /// Opens the file and reads what the last transaction was.
    fn reopen(&mut self) -> Result<Head, StoreError> {
        let database = self.open_database(&self.path)?;
        let head = self.caught(|| {
            let transaction = database.begin_read()?;
            let table = transaction.open_table(HEAD)?;
            let number = |key| Ok::<_, redb::Error>(table.get(key)?.map(|number| number.value()));
            Ok([number("format")?, number("transactions")?, number("next_block")?])
        })?;
        let [Some(format), Some(transactions), Some(next_block)] = head else {
            return Err(self.damaged("it is not a file of this program's".to_owned()));
        };
        if format != FORMAT {
            return Err(self.damaged(format!("its format is {format} and this program reads {FORMAT}")));
        }
        self.database = Some(database);
        Ok(Head { transactions, next_block })
    }

    /// What the last transaction was.
    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// Calls `each` with every key and value; an error of its is a damage.
    pub(crate) fn scan(
        &self,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), &'static str>,
    ) -> Result<(), StoreError> {
        let Some(database) = &self.database else { return Err(self.closed()) };
        let read = self.caught(|| {
            let transaction = database.begin_read()?;
            let table = transaction.open_table(RECORDS)?;
            for record in table.iter()? {
                let (key, value) = record?;
                if let Err(reason) = each(key.value(), value.value()) {
                    return Ok(Err((reason, key.value().to_vec())));
                }
            }
            Ok(Ok(()))
        })?;
        read.map_err(|(reason, key)| self.damaged(format!("of the record {key:02x?}: {reason}")))
    }

    /// Calls `each` with the values of those of the keys that are there; an error of its is a damage.
    pub(crate) fn read(
        &self,
        keys: &[Vec<u8>],
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), &'static str>,
    ) -> Result<(), StoreError> {
        let Some(database) = &self.database else { return Err(self.closed()) };
        let read = self.caught(|| {
            let table = database.begin_read()?.open_table(RECORDS)?;
            for key in keys {
                let Some(value) = table.get(key.as_slice())? else { continue };
                if let Err(reason) = each(key, value.value()) {
                    return Ok(Err((reason, key.clone())));
                }
            }
            Ok(Ok(()))
        })?;
        read.map_err(|(reason, key)| self.damaged(format!("of the record {key:02x?}: {reason}")))
    }

    /// After a failure, opens the file again; whether the transaction that failed is in it after all.
    pub(crate) fn recover(&mut self) -> Result<bool, StoreError> {
        if self.database.is_some() {
            return Ok(false);
        }
        let head = self.reopen()?;
        let landed = head != self.head;
        self.head = head;
        Ok(landed)
    }

    /// Puts and removes records, all or none of them.
    pub(crate) fn commit(&mut self, records: &[Record], next_block: u64) -> Committed {
        let Some(database) = &self.database else { return Committed::Unknown(self.closed()) };
        let head = Head { transactions: self.head.transactions + 1, next_block };
        let written = catch_unwind(AssertUnwindSafe(|| self.write(database, records, head)));
        let error = match written {
            Ok(Ok(())) => {
                self.head = head;
                return Committed::Yes;
            }
            Ok(Err(error)) => self.failed("writing", error),
            Err(_) => StoreError::Closed("the engine gave up on a write".to_owned()),
        };
        // The engine takes no writes after a failure until its file is opened again, which also tells what is in it.
        let database = self.database.take();
        // Closing writes too, and may fail in its own ways.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
        match self.recover() {
            Ok(true) => Committed::Yes,
            Ok(false) => Committed::No(error),
            Err(_) => Committed::Unknown(error),
        }
    }

    fn write(&self, database: &Database, records: &[Record], head: Head) -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(RECORDS)?;
            for (key, value) in records {
                match value {
                    Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
                    None => drop(table.remove(key.as_slice())?),
                }
            }
            let mut table = transaction.open_table(HEAD)?;
            table.insert("format", FORMAT)?;
            table.insert("transactions", head.transactions)?;
            table.insert("next_block", head.next_block)?;
        }
        Ok(transaction.commit()?)
    }

    /// Runs a read of the engine's, which may panic over a file that it did not write.
    fn caught<T>(&self, read: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, StoreError> {
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(result) => result.map_err(|error| self.failed("reading", error)),
            Err(_) => Err(self.damaged("the engine gave up on it".to_owned())),
        }
    }

    fn failed(&self, doing: &'static str, error: redb::Error) -> StoreError {
        match error {
            redb::Error::Io(source)
                if !matches!(source.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
            {
                StoreError::Io { doing, path: self.path.clone(), source }
            }
            redb::Error::PreviousIo | redb::Error::DatabaseClosed => self.closed(),
            other => self.damaged(other.to_string()),
        }
    }

    fn damaged(&self, reason: String) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), reason }
    }

    fn closed(&self) -> StoreError {
        StoreError::Closed(format!("{} failed before and cannot be opened again yet", self.path.display()))
    }
}
