//! The table `impressions`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, ListBuilder, StringBuilder, UInt32Array, UInt64Array,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;

use super::file::{TableFile, Texture};
use super::{BATCH_ROWS, Destination, Keys, take, texts, times};
use crate::pace::Pace;
use crate::schema::{self, SCHEMA_KEY};
use crate::segment::{Pipeline, SegmentRequest};

/// The rows of one file of `impressions`: one feature schema.
pub(crate) struct Impressions {
    destination: Destination,
    pipeline: Arc<Pipeline>,
    /// Begun with the first rows: they decide how the features are encoded.
    file: Option<TableFile>,
    request: Keys,
    time: Vec<i64>,
    position: Vec<u32>,
    entity: Vec<u64>,
    score: Vec<f32>,
    propensity: Vec<f32>,
    fetchers: ListBuilder<StringBuilder>,
    shown: Vec<bool>,
    variant: StringBuilder,
    /// Row-major: records are pushed as they come, and turned into columns a batch at a time.
    features: Vec<f32>,
}

impl Impressions {
    pub(crate) fn new(destination: Destination, pipeline: Arc<Pipeline>) -> Self {
        Impressions {
            destination,
            pipeline,
            file: None,
            request: Keys::default(),
            time: Vec::new(),
            position: Vec::new(),
            entity: Vec::new(),
            score: Vec::new(),
            propensity: Vec::new(),
            fetchers: texts(),
            shown: Vec::new(),
            variant: StringBuilder::new(),
            features: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, request: &SegmentRequest, pace: &mut Pace) -> Result<(), ParquetError> {
        let items = request.entities.len();
        for at in 0..items {
            self.request.push(Some(request.request.0));
            for fetcher in request.fetchers(at) {
                self.fetchers.values().append_value(fetcher);
            }
            self.fetchers.append(true);
            self.shown.push(at < request.shown);
            self.variant.append_option(request.drafted.get(at));
        }
        self.time.extend(std::iter::repeat_n(request.time.millis(), items));
        self.position.extend(0..items as u32);
        self.entity.extend_from_slice(&request.entities);
        self.score.extend_from_slice(&request.scores);
        self.propensity.extend_from_slice(&request.propensities);
        self.features.extend_from_slice(&request.features);
        if self.time.len() >= BATCH_ROWS { self.flush(pace) } else { Ok(()) }
    }

    fn flush(&mut self, pace: &mut Pace) -> Result<(), ParquetError> {
        if self.time.is_empty() {
            return Ok(());
        }
        let features = columns(&self.features, self.pipeline.features.len());
        self.features.clear();
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let textures: Vec<Texture> = features.iter().map(|column| Texture::of(column)).collect();
                let Pipeline { features: names, schema, .. } = &*self.pipeline;
                let more = vec![KeyValue::new(SCHEMA_KEY.to_owned(), format!("{schema:016x}"))];
                let columns = schema::impressions(names);
                self.file.insert(TableFile::new(&self.destination, columns, more, &textures)?)
            }
        };
        let float = |column: Vec<f32>| Arc::new(Float32Array::from(column)) as ArrayRef;
        let mut columns = vec![
            self.request.take()?,
            times(&mut self.time),
            Arc::new(UInt32Array::from(take(&mut self.position))),
            Arc::new(UInt64Array::from(take(&mut self.entity))),
            float(take(&mut self.score)),
            float(take(&mut self.propensity)),
            Arc::new(self.fetchers.finish()),
            Arc::new(BooleanArray::from(take(&mut self.shown))),
            Arc::new(self.variant.finish()),
        ];
        columns.extend(features.into_iter().map(float));
        file.write(columns, pace)
    }

    /// Makes the file durable; how many bytes it has.
    pub(crate) fn finish(mut self, pace: &mut Pace) -> Result<u64, ParquetError> {
        self.flush(pace)?;
        self.file.map_or(Ok(0), |file| file.finish(pace))
    }
}

/// The columns of a row-major matrix of this width.
fn columns(rows: &[f32], width: usize) -> Vec<Vec<f32>> {
    /// So many rows stay in the nearest cache while all of their columns are gathered.
    const BLOCK: usize = 64;
    if width == 0 {
        return Vec::new();
    }
    let mut columns = vec![Vec::with_capacity(rows.len() / width); width];
    for block in rows.chunks(BLOCK * width) {
        for (at, column) in columns.iter_mut().enumerate() {
            column.extend(block.chunks_exact(width).map(|row| row[at]));
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn rows_turn_into_columns() {
        for (rows, width) in [(0, 3), (1, 1), (63, 2), (64, 3), (65, 5), (200, 7)] {
            let matrix: Vec<f32> = (0..rows * width).map(|n| n as f32).collect();
            let columns = columns(&matrix, width);
            assert_eq!(columns.len(), width);
            for (at, column) in columns.iter().enumerate() {
                assert_eq!(column.len(), rows);
                assert!(column.iter().enumerate().all(|(row, value)| *value == matrix[row * width + at]));
            }
        }
        assert!(columns(&[], 0).is_empty());
    }
}
