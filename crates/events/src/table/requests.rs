//! The table `requests`.

use std::sync::Arc;

use arrow::array::{ListBuilder, StringBuilder, UInt32Array, UInt64Array};
use parquet::errors::ParquetError;

use super::file::TableFile;
use super::{BATCH_ROWS, Destination, Keys, take, texts, times};
use crate::pace::Pace;
use crate::schema;
use crate::segment::SegmentRequest;

/// The rows of one file of `requests`.
pub(crate) struct Requests {
    file: TableFile,
    request: Keys,
    time: Vec<i64>,
    /// Tenant, user, schema, latency, seed.
    numbers: [Vec<u64>; 5],
    /// Limit, candidates, scored, returned.
    counts: [Vec<u32>; 4],
    experiment: StringBuilder,
    variant: StringBuilder,
    shadow_of: Keys,
    model: StringBuilder,
    degraded: ListBuilder<StringBuilder>,
}

impl Requests {
    pub(crate) fn new(destination: &Destination) -> Result<Self, ParquetError> {
        Ok(Requests {
            file: TableFile::new(destination, schema::requests(), Vec::new(), &[])?,
            request: Keys::default(),
            time: Vec::new(),
            numbers: Default::default(),
            counts: Default::default(),
            experiment: StringBuilder::new(),
            variant: StringBuilder::new(),
            shadow_of: Keys::default(),
            model: StringBuilder::new(),
            degraded: texts(),
        })
    }

    pub(crate) fn push(&mut self, request: &SegmentRequest, pace: &mut Pace) -> Result<(), ParquetError> {
        let pipeline = &request.pipeline;
        self.request.push(Some(request.request.0));
        self.time.push(request.time.millis());
        let numbers = [request.tenant, request.user, pipeline.schema, request.latency_us, request.seed];
        for (column, number) in self.numbers.iter_mut().zip(numbers) {
            column.push(number);
        }
        let counts = [request.limit, request.candidates, request.scored, request.shown as u32];
        for (column, count) in self.counts.iter_mut().zip(counts) {
            column.push(count);
        }
        self.experiment.append_option(pipeline.experiment.as_ref());
        self.variant.append_option(pipeline.variant.as_ref());
        self.shadow_of.push(request.shadow_of.map(|shown| shown.0));
        self.model.append_value(&pipeline.model);
        for degradation in request.degraded() {
            self.degraded.values().append_value(degradation);
        }
        self.degraded.append(true);
        if self.time.len() >= BATCH_ROWS { self.flush(pace) } else { Ok(()) }
    }

    fn flush(&mut self, pace: &mut Pace) -> Result<(), ParquetError> {
        if self.time.is_empty() {
            return Ok(());
        }
        let [tenant, user, schema, latency, seed] =
            self.numbers.each_mut().map(|column| Arc::new(UInt64Array::from(take(column))));
        let [limit, candidates, scored, returned] =
            self.counts.each_mut().map(|column| Arc::new(UInt32Array::from(take(column))));
        self.file.write(
            vec![
                self.request.take()?,
                times(&mut self.time),
                tenant,
                user,
                Arc::new(self.experiment.finish()),
                Arc::new(self.variant.finish()),
                self.shadow_of.take()?,
                Arc::new(self.model.finish()),
                schema,
                limit,
                candidates,
                scored,
                returned,
                latency,
                seed,
                Arc::new(self.degraded.finish()),
            ],
            pace,
        )
    }

    /// Makes the file durable; how many bytes it has.
    pub(crate) fn finish(mut self, pace: &mut Pace) -> Result<u64, ParquetError> {
        self.flush(pace)?;
        self.file.finish(pace)
    }
}
