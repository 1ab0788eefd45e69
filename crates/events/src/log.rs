//! The event log: a handle that many share, a thread that writes, and a thread that converts.

mod converter;
mod queue;
mod recovery;
mod running;
mod stats;
mod worker;

use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use recommend_core::{Clock, Interaction, SystemClock};
use tokio::sync::watch;

use self::converter::Converter;
use self::queue::Queue;
use self::running::Running;
use self::stats::Counters;
use self::worker::Worker;
use crate::disk::{Disk, SystemDisk, make_dirs};
use crate::error::LogError;
use crate::options::LogOptions;
use crate::pace::Hurry;
use crate::pseudonym::Pseudonymizer;
use crate::record::RequestLog;

pub use recovery::{Loss, Recovery};
pub use stats::LogStats;

pub(crate) use recovery::segments;

/// What the log has from outside: a disk, and a clock that names segments and dates flushes.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Where it writes.
    pub disk: Arc<dyn Disk>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Default for Environment {
    fn default() -> Self {
        Environment { disk: Arc::new(SystemDisk), clock: Arc::new(SystemClock) }
    }
}

/// A log of requests, impressions and interactions in a folder. Clones are the same log.
///
/// Requests are logged by move and never wait: [`EventLog::log_request`] takes some 50 ns, and encoding, writing and
/// converting happen on two threads of the log's own. Interactions are awaited: they are durable when
/// [`EventLog::log_interactions`] returns, and callers who come together share one sync.
///
/// ```
/// # use recommend_core::*;
/// # use recommend_events::{EventLog, LogOptions, LogReader};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let folder = tempfile::tempdir().unwrap();
/// let (log, recovery) = EventLog::open(folder.path(), LogOptions::default(), [7; 16]).unwrap();
/// assert!(recovery.is_clean());
/// let click = Interaction {
///     id: InteractionId(1),
///     request: None,
///     tenant: TenantId(1),
///     user: UserId(2),
///     corpus: Name::literal("channel"),
///     entity: EntityId(3),
///     kind: Name::literal("click"),
///     time: Timestamp::from_seconds(1_700_000_000),
///     value: 1.0,
/// };
/// log.log_interactions(vec![click]).await.unwrap();
/// log.close().await.unwrap();
/// let interactions = LogReader::open(folder.path()).unwrap().interactions().unwrap();
/// assert_eq!(interactions[0].entity, 3);
/// assert_ne!(interactions[0].user, 2, "people are pseudonyms in the log");
/// # });
/// ```
#[derive(Clone)]
pub struct EventLog {
    handle: Arc<Handle>,
}

struct Handle {
    path: PathBuf,
    sample: f64,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    /// How the run ended, once it has.
    ended: watch::Receiver<Option<Result<(), LogError>>>,
}

impl Drop for Handle {
    /// Nobody can log any more: the threads write what is there, and end.
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl EventLog {
    /// Opens the log in a folder, which is created when it is not there. Segments that an earlier run left are read for
    /// the report, and converted in the background. `key` is the deployment's for pseudonyms and must not change.
    ///
    /// # Errors
    /// [`LogError::Option`], [`LogError::InUse`] when another process has it open, [`LogError::Io`]. Damage is not an
    /// error: it is in the [`Recovery`].
    pub fn open(
        folder: impl AsRef<Path>,
        options: LogOptions,
        key: [u8; 16],
    ) -> Result<(EventLog, Recovery), LogError> {
        EventLog::open_in(folder, options, key, Environment::default())
    }

    /// Opens the log on another disk or with another clock than the system's.
    ///
    /// # Errors
    /// As [`EventLog::open`].
    pub fn open_in(
        folder: impl AsRef<Path>,
        options: LogOptions,
        key: [u8; 16],
        environment: Environment,
    ) -> Result<(EventLog, Recovery), LogError> {
        options.validate()?;
        let path = folder.as_ref().to_owned();
        let Environment { disk, clock } = environment;
        let segments = path.join(recovery::SEGMENTS);
        make_dirs(&*disk, &segments).map_err(LogError::io("creating", &segments))?;
        let lock = lock(&path)?;
        let (recovery, left) = recovery::recover(&*disk, &path)?;
        let running = Running::new(&options, clock.now());
        let sample = options.sample;
        running.write(&*disk, &path)?;

        let queue = Arc::new(Queue::new(options.queue));
        let counters = Arc::new(Counters::default());
        counters.waiting_segments.store(left.len() as u64, Ordering::Relaxed);
        let closing = Arc::new(AtomicBool::new(false));
        let hurry: Arc<Hurry> = Arc::default();
        let (jobs, work) = mpsc::channel();
        let worker = Worker {
            queue: queue.clone(),
            counters: counters.clone(),
            disk: disk.clone(),
            clock,
            log: path.clone(),
            pseudonyms: Pseudonymizer::new(key, &options.people),
            options,
            running,
            jobs,
            run: RandomState::new().build_hasher().finish(),
            last_created: left.iter().filter_map(|path| created(path)).max().unwrap_or(i64::MIN),
            segment: None,
            written: 0,
            closing: closing.clone(),
            hurry: hurry.clone(),
        };
        let converter = Converter {
            disk,
            log: path.clone(),
            counters: counters.clone(),
            waiting: VecDeque::from(left),
            closing,
            hurry,
            since: None,
        };
        let (end, ended) = watch::channel(None);
        let start = || {
            let converter = thread::Builder::new().name("log-converter".to_owned()).spawn(move || {
                give_way();
                converter.run(&work);
            })?;
            thread::Builder::new().name("log-writer".to_owned()).spawn(move || {
                let result = worker.run();
                // Its panic would be a bug; the segments are converted at the next start then.
                let _ = converter.join();
                drop(lock);
                end.send_replace(Some(result));
            })
        };
        start().map_err(LogError::io("starting the threads of", &path))?;
        let handle = Handle { path, sample, queue, counters, ended };
        Ok((EventLog { handle: Arc::new(handle) }, recovery))
    }

    /// The folder of the log.
    pub fn path(&self) -> &Path {
        &self.handle.path
    }

    /// Logs an answered request with its impressions; durable within the flush interval. Never waits. `false` means
    /// that it was shed, and counted, because the queue is full or the log closed. What [`LogOptions::sample`] leaves out
    /// is not shed.
    pub fn log_request(&self, request: RequestLog) -> bool {
        if !LogOptions::takes(self.handle.sample, request.request) {
            return true;
        }
        match self.handle.queue.request(request) {
            Ok(()) => true,
            Err(records) => {
                Counters::add(&self.handle.counters.shed, records as u64);
                false
            }
        }
    }

    /// Logs interactions; they are durable when this returns. Up to 65,536 of a call are written whole or not at all.
    /// The order among concurrent calls is not defined. When the future is dropped they may be written all the same.
    ///
    /// # Errors
    /// [`LogError::Io`] when the disk failed, and then none of them counts as logged: send them again under the same
    /// ids. [`LogError::Full`] and [`LogError::Closed`].
    pub async fn log_interactions(&self, interactions: Vec<Interaction>) -> Result<(), LogError> {
        if interactions.is_empty() {
            return Ok(());
        }
        self.handle.queue.interactions(interactions)?.await.unwrap_or(Err(LogError::Closed))
    }

    /// Waits until everything logged before is durable.
    ///
    /// # Errors
    /// [`LogError::Io`] when the disk failed; requests are kept and tried again. [`LogError::Closed`].
    pub async fn flush(&self) -> Result<(), LogError> {
        self.handle.queue.flush(false)?.await.unwrap_or(Err(LogError::Closed))
    }

    /// Waits until everything logged before is in Parquet.
    ///
    /// # Errors
    /// As [`EventLog::flush`], and [`LogError::Parquet`]; what failed is tried again.
    pub async fn roll(&self) -> Result<(), LogError> {
        self.handle.queue.flush(true)?.await.unwrap_or(Err(LogError::Closed))
    }

    /// Writes what is there, rolls it into Parquet, and releases the folder. The disk gets one last try, and segments
    /// that are not converted within 5 seconds stay for the next start. Calling it again is harmless.
    ///
    /// # Errors
    /// [`LogError::Unwritten`] when the disk did not take everything.
    pub async fn close(&self) -> Result<(), LogError> {
        self.handle.queue.close();
        let mut ended = self.handle.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or(Ok(())),
            Err(_) => Err(LogError::Closed),
        }
    }

    /// The counts since the log was opened.
    pub fn stats(&self) -> LogStats {
        let (queued, accepted) = self.handle.queue.counts();
        self.handle.counters.stats(queued, accepted)
    }
}

impl std::fmt::Debug for EventLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EventLog({})", self.handle.path.display())
    }
}

/// Lets requests have the processor first: a conversion runs for tens of milliseconds at a stretch, and a request that
/// shares its core would wait for a time slice.
#[cfg(target_os = "linux")]
fn give_way() {
    // On Linux this is about the calling thread alone. Without the permission the conversion runs as everything else.
    let _ = rustix::process::nice(10);
}

/// Elsewhere the call would be about the whole process.
#[cfg(not(target_os = "linux"))]
fn give_way() {}

/// Takes the folder for this process, until the file is dropped.
fn lock(log: &Path) -> Result<File, LogError> {
    let path = log.join("lock");
    let open = || File::options().create(true).truncate(false).write(true).open(&path);
    let file = open().map_err(LogError::io("opening", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::InUse(log.to_owned())),
        // Some network file systems have no locks; a log without one is better than none.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => Err(LogError::io("locking", &path)(error)),
    }
}

/// When a segment was created, by its name.
fn created(segment: &Path) -> Option<i64> {
    segment.file_stem()?.to_str()?.split('-').next()?.parse().ok()
}
