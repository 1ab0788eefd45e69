//! Vectors on disk: one redb file beside the catalog's, a row for each vector as it is kept.
//!
//! A write is one transaction with one fsync, before anything is visible. The graph is not on disk: it is derived, and
//! searches scan until it is there again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use recommend_core::{Name, TenantId};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};

use super::means::{Kept, KeptOf};
use super::turn::{turn, turn_back};
use super::{Comparison, Place, Precision, Shape, Side};
use crate::StoreError;

/// (tenant, embedding) → shape.
const SHAPES: TableDefinition<'_, (u64, &str), &[u8]> = TableDefinition::new("shapes");
/// (tenant, embedding, side, id) → numbers.
const VECTORS: TableDefinition<'_, (u64, &str, u8, u64), &[u8]> = TableDefinition::new("vectors");

/// (tenant, embedding, side, id) → what the vector is the mean of; not in files of before there were running means.
const MEANS: TableDefinition<'_, (u64, &str, u8, u64), &[u8]> = TableDefinition::new("means");

/// The first byte of every shape: the layout of its table and of the vectors.
const FORMAT: u8 = 1;

/// The file in the store's folder.
const FILE: &str = "vectors.redb";

/// The open file.
#[derive(Clone)]
pub(crate) struct Disk {
    path: PathBuf,
    /// None once it is closed.
    database: Arc<RwLock<Option<Database>>>,
}

/// What was found.
pub(crate) enum Found<'a> {
    Shape(TenantId, Name, Shape),
    Vector(TenantId, &'a str, Side, u64, Vec<f32>),
    Mean(TenantId, &'a str, Side, u64, Kept),
}

impl Disk {
    /// Opens the file in `folder`, or makes one, and calls `each` with what is in it: shapes, then vectors, then
    /// what they are the means of.
    pub(crate) fn open(folder: &Path, mut each: impl FnMut(Found<'_>)) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let io = |source| StoreError::Io { doing: "making the folder", path: folder.to_path_buf(), source };
        std::fs::create_dir_all(folder).map_err(io)?;
        let damaged = |reason: String| StoreError::Damaged { path: path.clone(), reason };
        let mut builder = Database::builder();
        builder.set_check_integrity_on_open(true);
        let database = builder.create(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                StoreError::InUse(folder.to_path_buf())
            }
            DatabaseError::Storage(error) => failed("opening", &path, error.into()),
            other => damaged(other.to_string()),
        })?;
        let disk = Disk { path: path.clone(), database: Arc::new(RwLock::new(Some(database))) };
        disk.write(|transaction| {
            // All tables are there from the first time on.
            transaction.open_table(SHAPES)?;
            transaction.open_table(VECTORS)?;
            transaction.open_table(MEANS)?;
            Ok(())
        })?;
        let reading = |error: redb::Error| failed("reading", &path, error);
        let open = disk.database.read();
        let Some(database) = open.as_ref() else {
            return Err(StoreError::Closed(path.display().to_string()));
        };
        let transaction = database.begin_read().map_err(|error| reading(error.into()))?;
        let mut shapes = Vec::new();
        let table = transaction.open_table(SHAPES).map_err(|error| reading(error.into()))?;
        for row in table.iter().map_err(|error| reading(error.into()))? {
            let (key, value) = row.map_err(|error| reading(error.into()))?;
            let (tenant, embedding) = key.value();
            let shape = shape_of(value.value()).ok_or_else(|| {
                damaged(format!("the shape of {embedding:?} is of another program or format"))
            })?;
            let name = Name::new(embedding).map_err(|error| damaged(error.to_string()))?;
            shapes.push(((tenant, embedding.to_owned()), shape));
            each(Found::Shape(TenantId(tenant), name, shape));
        }
        let table = transaction.open_table(VECTORS).map_err(|error| reading(error.into()))?;
        for row in table.iter().map_err(|error| reading(error.into()))? {
            let (key, value) = row.map_err(|error| reading(error.into()))?;
            let (tenant, embedding, side, id) = key.value();
            // Rows come in the order of their keys, as shapes did.
            let found = shapes.binary_search_by(|((t, e), _)| (*t, e.as_str()).cmp(&(tenant, embedding)));
            let shape = found.ok().map(|at| shapes[at].1);
            let vector = shape.and_then(|shape| decoded(shape, value.value()));
            let (Some(vector), Some(side)) = (vector, side_of(side)) else {
                return Err(damaged(format!("the vector {id} of {embedding:?} does not fit its embedding")));
            };
            each(Found::Vector(TenantId(tenant), embedding, side, id, vector));
        }
        let table = transaction.open_table(MEANS).map_err(|error| reading(error.into()))?;
        for row in table.iter().map_err(|error| reading(error.into()))? {
            let (key, value) = row.map_err(|error| reading(error.into()))?;
            let (tenant, embedding, side, id) = key.value();
            let (Some(kept), Some(side)) = (Kept::read(value.value()), side_of(side)) else {
                return Err(damaged(format!(
                    "the mean {id} of {embedding:?} is of another program or format"
                )));
            };
            each(Found::Mean(TenantId(tenant), embedding, side, id, kept));
        }
        drop((table, transaction));
        drop(open);
        Ok(disk)
    }

    fn write(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        let open = self.database.read();
        let Some(database) = open.as_ref() else {
            return Err(StoreError::Closed(self.path.display().to_string()));
        };
        let written = || {
            let transaction = database.begin_write()?;
            change(&transaction)?;
            Ok(transaction.commit()?)
        };
        written().map_err(|error| failed("writing", &self.path, error))
    }

    /// Lets go of the file once what is being written is there; waits for the disk.
    pub(crate) fn close(&self) {
        self.database.write().take();
    }

    pub(crate) fn define(&self, tenant: TenantId, embedding: &Name, shape: Shape) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(SHAPES)?;
            table.insert((tenant.0, embedding.as_str()), bytes_of(shape).as_slice())?;
            Ok(())
        })
    }

    /// Writes vectors, and with them what some of them are now the means of, or that they are none.
    pub(crate) fn upsert(
        &self,
        place: &Place,
        shape: Shape,
        vectors: &[(u64, Vec<f32>)],
        kept: &[KeptOf],
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(VECTORS)?;
            for (id, vector) in vectors {
                table.insert(key(place, *id), encoded(shape, vector).as_slice())?;
            }
            let mut means = transaction.open_table(MEANS)?;
            for (id, kept) in kept {
                match kept {
                    Some(kept) => means.insert(key(place, *id), kept.bytes().as_slice())?,
                    None => means.remove(key(place, *id))?,
                };
            }
            Ok(())
        })
    }

    pub(crate) fn delete(&self, place: &Place, ids: &[u64]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(VECTORS)?;
            let mut means = transaction.open_table(MEANS)?;
            for id in ids {
                table.remove(key(place, *id))?;
                means.remove(key(place, *id))?;
            }
            Ok(())
        })
    }
}

fn failed(doing: &'static str, path: &Path, error: redb::Error) -> StoreError {
    let source = match error {
        redb::Error::Io(error) => error,
        redb::Error::Corrupted(reason) => {
            return StoreError::Damaged { path: path.to_path_buf(), reason };
        }
        other => std::io::Error::other(other.to_string()),
    };
    StoreError::Io { doing, path: path.to_path_buf(), source }
}

fn number(side: Side) -> u8 {
    match side {
        Side::User => 0,
        Side::Entity => 1,
    }
}

fn side_of(byte: u8) -> Option<Side> {
    [Side::User, Side::Entity].into_iter().find(|known| number(*known) == byte)
}

fn key(place: &Place, id: u64) -> (u64, &str, u8, u64) {
    (place.tenant.0, place.embedding.as_str(), number(place.side), id)
}

fn bytes_of(shape: Shape) -> [u8; 7] {
    let [a, b, c, d] = (shape.dimension as u32).to_le_bytes();
    let comparison = match shape.comparison {
        Comparison::Cosine => 0,
        Comparison::Dot => 1,
    };
    let precision = match shape.precision {
        Precision::F32 => 0,
        Precision::F16 => 1,
        Precision::I8 => 2,
    };
    [FORMAT, comparison, precision, a, b, c, d]
}

fn shape_of(bytes: &[u8]) -> Option<Shape> {
    let [FORMAT, comparison, precision, a, b, c, d] = *bytes else { return None };
    Some(Shape {
        dimension: u32::from_le_bytes([a, b, c, d]) as usize,
        comparison: *[Comparison::Cosine, Comparison::Dot].get(usize::from(comparison))?,
        precision: *[Precision::F32, Precision::F16, Precision::I8].get(usize::from(precision))?,
    })
}

/// The numbers of a vector in the precision of its embedding. Bytes are of the turned vector and come after their scale,
/// below zero; above zero it is of a vector that was not turned, as the first release wrote them.
fn encoded(shape: Shape, vector: &[f32]) -> Vec<u8> {
    match shape.precision {
        Precision::F32 => vector.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Precision::F16 => vector.iter().flat_map(|x| half::f16::from_f32(*x).to_le_bytes()).collect(),
        Precision::I8 => {
            let mut turned = vector.to_vec();
            turn(&mut turned);
            let mut bytes = vec![0_i8; vector.len()];
            let code = super::codes::encode(&turned, &mut bytes);
            let bytes = bytes.into_iter().map(|byte| byte as u8);
            (-code.scale).to_le_bytes().into_iter().chain(bytes).collect()
        }
    }
}

fn decoded(shape: Shape, bytes: &[u8]) -> Option<Vec<f32>> {
    let vector: Vec<f32> = match shape.precision {
        Precision::F32 => bytes.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect(),
        Precision::F16 => {
            bytes.as_chunks::<2>().0.iter().map(|x| half::f16::from_le_bytes(*x).to_f32()).collect()
        }
        Precision::I8 => {
            let (scale, bytes) = bytes.split_first_chunk::<4>()?;
            let scale = f32::from_le_bytes(*scale);
            let mut vector: Vec<f32> =
                bytes.iter().map(|byte| f32::from(*byte as i8) * scale.abs()).collect();
            if scale < 0.0 {
                turn_back(&mut vector);
            }
            vector
        }
    };
    (vector.len() == shape.dimension).then_some(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_whether_or_not_they_are_of_a_turned_vector() {
        let shape = Shape { dimension: 3, comparison: Comparison::Dot, precision: Precision::I8 };
        let vector = [0.5, -1.0, 0.25];
        let near = |found: Vec<f32>| found.iter().zip(&vector).all(|(a, b)| (a - b).abs() < 0.02);
        assert!(near(decoded(shape, &encoded(shape, &vector)).unwrap()));
        // As the first release wrote it.
        let before: Vec<u8> =
            (1.0_f32 / 127.0).to_le_bytes().into_iter().chain([64, -127_i8 as u8, 32]).collect();
        assert!(near(decoded(shape, &before).unwrap()));
    }
}
