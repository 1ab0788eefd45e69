//! The engines behind one small trait.

use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use crate::{Failure, RECORD};

/// What the stores need of an engine.
pub(crate) trait Engine: Send + Sized {
    const NAME: &'static str;
    fn open(folder: &Path) -> Result<Self, Failure>;
    /// Writes records under increasing keys in one transaction, durable when it returns.
    fn commit(&mut self, records: &[(u64, [u8; RECORD])]) -> Result<(), Failure>;
    /// Calls `each` with every record by key.
    fn scan(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<(), Failure>;
}

pub(crate) struct Redb(redb::Database);

const TABLE: redb::TableDefinition<'_, u64, &[u8]> = redb::TableDefinition::new("records");

impl Engine for Redb {
    const NAME: &'static str = "redb";

    fn open(folder: &Path) -> Result<Self, Failure> {
        let mut builder = redb::Builder::new();
        builder.set_check_integrity_on_open(true).set_cache_size(64 << 20);
        Ok(Redb(builder.create(folder.join("store.redb"))?))
    }

    fn commit(&mut self, records: &[(u64, [u8; RECORD])]) -> Result<(), Failure> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for (key, value) in records {
                table.insert(key, value.as_slice())?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn scan(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<(), Failure> {
        use redb::{ReadableDatabase, ReadableTable};
        let transaction = self.0.begin_read()?;
        let table = match transaction.open_table(TABLE) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
            table => table?,
        };
        for item in table.iter()? {
            let (key, value) = item?;
            each(key.value(), value.value());
        }
        Ok(())
    }
}

pub(crate) struct Fjall(fjall::Database, fjall::Keyspace);

impl Engine for Fjall {
    const NAME: &'static str = "fjall";

    fn open(folder: &Path) -> Result<Self, Failure> {
        let database = fjall::Database::builder(folder).worker_threads(1).open()?;
        let keyspace = database.keyspace("records", fjall::KeyspaceCreateOptions::default)?;
        Ok(Fjall(database, keyspace))
    }

    fn commit(&mut self, records: &[(u64, [u8; RECORD])]) -> Result<(), Failure> {
        let mut batch = self.0.batch().durability(Some(fjall::PersistMode::SyncData));
        for (key, value) in records {
            batch.insert(&self.1, key.to_be_bytes(), value.as_slice());
        }
        Ok(batch.commit()?)
    }

    fn scan(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<(), Failure> {
        for item in self.1.iter() {
            let (key, value) = item.into_inner()?;
            each(u64::from_be_bytes(key.as_ref().try_into()?), &value);
        }
        Ok(())
    }
}

/// An append-only file of key, value and CRC: what a disk costs without an engine.
pub(crate) struct Append(std::fs::File, PathBuf);

impl Engine for Append {
    const NAME: &'static str = "append-only file";

    fn open(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join("records");
        let mut file = std::fs::OpenOptions::new().create(true).read(true).append(true).open(&path)?;
        file.seek(std::io::SeekFrom::End(0))?;
        Ok(Append(file, path))
    }

    fn commit(&mut self, records: &[(u64, [u8; RECORD])]) -> Result<(), Failure> {
        let mut bytes = Vec::with_capacity(records.len() * (RECORD + 12));
        for (key, value) in records {
            bytes.extend_from_slice(&key.to_le_bytes());
            bytes.extend_from_slice(value);
            let crc = crc(&bytes[bytes.len() - RECORD - 8..]);
            bytes.extend_from_slice(&crc.to_le_bytes());
        }
        self.0.write_all(&bytes)?;
        Ok(self.0.sync_data()?)
    }

    fn scan(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<(), Failure> {
        for record in std::fs::read(&self.1)?.chunks_exact(RECORD + 12) {
            let (body, sum) = record.split_at(RECORD + 8);
            if crc(body).to_le_bytes() != sum {
                return Err("a record is damaged".into());
            }
            each(u64::from_le_bytes(body[..8].try_into()?), &body[8..]);
        }
        Ok(())
    }
}

/// Any checksum will do for the floor.
fn crc(bytes: &[u8]) -> u32 {
    bytes.chunks(8).fold(0x811c_9dc5, |sum, chunk| {
        chunk.iter().fold(sum, |sum: u32, byte| (sum ^ u32::from(*byte)).wrapping_mul(16_777_619))
    })
}
