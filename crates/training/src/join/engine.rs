//! DataFusion, set up for the join, and the way of its rows into the dataset's file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float32Type, Int64Type, Schema, SchemaRef};
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result as QueryResult};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use futures::StreamExt;
use recommend_events::schema as log;
use tokio::sync::mpsc;
use url::Url;

use super::input::{Bunch, Day};
use super::outcome::{DayOutcome, Progress};
use super::sql::{self, Which};
use super::{EARLY, JoinError, JoinOptions, JoinSpec};
use crate::dataset::{self, About, DatasetError, DayFile};

/// Batches that wait for the thread that writes them.
const WAITING: usize = 4;

pub(super) struct Engine<'a> {
    spec: &'a JoinSpec,
    memory: usize,
    runtime: Arc<RuntimeEnv>,
}

/// How a bunch is joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Hash tables of requests and answers, in memory.
    Hash,
    /// By sorting, on disk as far as need be.
    Sort,
}

impl<'a> Engine<'a> {
    pub(super) fn new(spec: &'a JoinSpec, options: &JoinOptions) -> Result<Self, JoinError> {
        let mode = match &options.temporary {
            Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
            None => DiskManagerMode::OsTmpDirectory,
        };
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(options.memory)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(mode))
            .build_arc()
            .map_err(JoinError::query("the log"))?;
        Ok(Engine { spec, memory: options.memory, runtime })
    }

    /// Joins a day into its file.
    pub(super) async fn join(
        &self,
        day: &Day,
        output: &Path,
        about: &About,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<DayOutcome, JoinError> {
        let mut outcome =
            DayOutcome { date: day.date.clone(), impressions: day.impressions(), ..DayOutcome::default() };
        let query = JoinError::query(&day.date);
        let duplicates = self.duplicates(day).await.map_err(&query)?;
        outcome.duplicates = duplicates.iter().map(|batch| batch.num_rows() as u64).sum();
        let which = if outcome.duplicates == 0 { Which::All } else { Which::Single };

        let path = dataset::schema::file(output, &day.date);
        let file = DayFile::create(&path, columns(day), Some(day.fingerprint(about)))?;
        let (rows, writer) = write(file);
        let mut sink = Sink { columns: columns(day), rows, outcome: &mut outcome, last: None, progress };
        let bunches = day.bunches(self.memory).into_iter().map(|bunch| (bunch, which));
        let all = Bunch {
            requests: day.requests.iter().map(|file| file.path.clone()).collect(),
            impressions: day.impressions.iter().map(|file| file.path.clone()).collect(),
        };
        let twice = (which == Which::Single).then_some((all, Which::Duplicate));
        for (bunch, which) in bunches.chain(twice) {
            let before = sink.outcome.rows;
            let mut result = self.bunch(day, &bunch, which, How::Hash, &duplicates, &mut sink).await;
            if result.as_ref().is_err_and(JoinError::is_out_of_memory) && sink.outcome.rows == before {
                sink.outcome.spilled += 1;
                result = self.bunch(day, &bunch, which, How::Sort, &duplicates, &mut sink).await;
            }
            match result {
                // Why the writer went away is for the writer to say.
                Err(JoinError::Query { source, .. }) if is_gone(&source) => break,
                other => other?,
            }
        }
        drop(sink);
        let file = writer.await.map_err(|error| query(DataFusionError::External(Box::new(error))))??;
        outcome.bytes = file.finish()?;
        Ok(outcome)
    }

    /// The requests that the log holds more than once: none, unless a disk failed.
    async fn duplicates(&self, day: &Day) -> QueryResult<Vec<RecordBatch>> {
        let context = self.context(How::Hash);
        let paths: Vec<PathBuf> = day.requests.iter().map(|file| file.path.clone()).collect();
        register(&context, "requests", &paths, &log::requests()).await?;
        context.sql(sql::DUPLICATES).await?.collect().await
    }

    async fn bunch(
        &self,
        day: &Day,
        bunch: &Bunch,
        which: Which,
        how: How,
        duplicates: &[RecordBatch],
        sink: &mut Sink<'_>,
    ) -> Result<(), JoinError> {
        let query = JoinError::query(&day.date);
        let start = async {
            let context = self.context(how);
            register(&context, "requests", &bunch.requests, &log::requests()).await?;
            register(&context, "impressions", &bunch.impressions, &log::impressions(&day.features)).await?;
            let interactions: Vec<PathBuf> = day.interactions.iter().map(|file| file.path.clone()).collect();
            register(&context, "interactions", &interactions, &log::interactions()).await?;
            if let Some(first) = duplicates.first().filter(|_| which != Which::All) {
                let table = MemTable::try_new(first.schema(), vec![duplicates.to_vec()])?;
                context.register_table("duplicates", Arc::new(table))?;
            }
            let early = i64::try_from(EARLY.as_millis()).unwrap_or(0);
            let window = i64::try_from(self.spec.window.as_millis()).unwrap_or(i64::MAX);
            let (from, to) = (day.from.saturating_sub(early), day.to.saturating_add(window));
            let sql = sql::join(self.spec, &day.features, which, from, to);
            context.sql(&sql).await?.execute_stream().await
        };
        let mut stream = start.await.map_err(&query)?;
        while let Some(batch) = stream.next().await {
            sink.take(&batch.map_err(&query)?).await.map_err(&query)?;
        }
        Ok(())
    }

    /// A session for one query. One partition: a request's rows come in the order of the log and stay together, and a
    /// query costs no more than its work. Days and the writing run beside it.
    fn context(&self, how: How) -> SessionContext {
        let mut config = SessionConfig::new().with_target_partitions(1);
        if how == How::Sort {
            config = config.with_batch_size(1024);
        }
        let options = config.options_mut();
        options.optimizer.prefer_hash_join = how == How::Hash;
        if how == How::Sort {
            // Sorts and groups that share little memory take it by the batch, and each keeps a part back for merging what
            // it spilled.
            options.execution.sort_spill_reservation_bytes = self.memory / 32;
        }
        // Which side is built is written in the query.
        options.optimizer.join_reordering = false;
        // Random keys: their ranges exclude nothing.
        options.optimizer.enable_join_dynamic_filter_pushdown = false;
        // No pages of these files have an index.
        options.execution.parquet.enable_page_index = false;
        SessionContext::new_with_config_rt(config, self.runtime.clone())
    }
}

/// Makes files a table. What a file lacks of the columns is null there.
async fn register(
    context: &SessionContext,
    name: &str,
    files: &[PathBuf],
    columns: &SchemaRef,
) -> QueryResult<()> {
    if files.is_empty() {
        let table = MemTable::try_new(columns.clone(), vec![Vec::new()])?;
        context.register_table(name, Arc::new(table))?;
        return Ok(());
    }
    let mut urls = Vec::with_capacity(files.len());
    for file in files {
        let path = std::path::absolute(file)?;
        let url = Url::from_file_path(&path)
            .map_err(|()| DataFusionError::Plan(format!("{} cannot be written as a URL", path.display())))?;
        urls.push(url.to_string());
    }
    let options = ParquetReadOptions::default().schema(columns);
    let table = context.read_parquet(urls, options).await?;
    context.register_table(name, table.into_view())?;
    Ok(())
}

/// The columns of a joined file. Models and variants are few: the engine hands them on as dictionaries. All weigh the
/// same.
fn columns(day: &Day) -> SchemaRef {
    let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let columns = dataset::schema::columns(&day.features);
    let fields = columns.fields().iter().filter(|field| field.name() != "weight");
    let fields: Vec<Field> = fields
        .map(|field| match field.data_type() {
            DataType::Utf8 => field.as_ref().clone().with_data_type(words.clone()),
            _ => field.as_ref().clone(),
        })
        .collect();
    Arc::new(Schema::new(fields))
}

type Writer = tokio::task::JoinHandle<Result<DayFile, DatasetError>>;

/// Encodes and writes on a thread of its own, beside the query.
fn write(mut file: DayFile) -> (mpsc::Sender<RecordBatch>, Writer) {
    let (sender, mut rows) = mpsc::channel::<RecordBatch>(WAITING);
    let writer = tokio::task::spawn_blocking(move || {
        while let Some(batch) = rows.blocking_recv() {
            file.write(&batch)?;
        }
        Ok(file)
    });
    (sender, writer)
}

/// Where the rows of a query go, and what they are counted by.
struct Sink<'a> {
    columns: SchemaRef,
    rows: mpsc::Sender<RecordBatch>,
    outcome: &'a mut DayOutcome,
    /// The request of the last row.
    last: Option<Vec<u8>>,
    progress: &'a (dyn Fn(Progress<'_>) + Sync),
}

impl Sink<'_> {
    async fn take(&mut self, batch: &RecordBatch) -> QueryResult<()> {
        let count = batch.num_rows();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.fields().len());
        for (field, column) in self.columns.fields().iter().zip(batch.columns()) {
            arrays.push(match column.data_type() == field.data_type() {
                true => column.clone(),
                false => cast(column, field.data_type())?,
            });
        }
        self.count(batch);
        let rows = RecordBatch::try_new(self.columns.clone(), arrays)?;
        self.rows.send(rows).await.map_err(|_| DataFusionError::External(Box::new(WriterIsGone)))?;
        (self.progress)(Progress::Impressions(count as u64));
        Ok(())
    }

    fn count(&mut self, batch: &RecordBatch) {
        let column = |name: &str| batch.column_by_name(name);
        self.outcome.rows += batch.num_rows() as u64;
        if let Some(labels) = column("label").and_then(|column| column.as_primitive_opt::<Float32Type>()) {
            self.outcome.positives += labels.values().iter().filter(|label| **label > 0.0).count() as u64;
            self.outcome.negatives += labels.values().iter().filter(|label| **label < 0.0).count() as u64;
        }
        if let Some(answers) = column("answers").and_then(|column| column.as_primitive_opt::<Int64Type>()) {
            self.outcome.answers += answers.values().iter().map(|count| count.unsigned_abs()).sum::<u64>();
        }
        if let Some(requests) = column("request").and_then(|column| column.as_fixed_size_binary_opt()) {
            let mut last = self.last.as_deref();
            for request in (0..requests.len()).map(|row| requests.value(row)) {
                self.outcome.requests += u64::from(last != Some(request));
                last = Some(request);
            }
            self.last = last.map(<[u8]>::to_vec);
        }
    }
}

/// The thread that writes has ended, with an error of its own.
#[derive(Debug, thiserror::Error)]
#[error("the file is not written any more")]
struct WriterIsGone;

fn is_gone(error: &DataFusionError) -> bool {
    matches!(error, DataFusionError::External(source) if source.is::<WriterIsGone>())
}
