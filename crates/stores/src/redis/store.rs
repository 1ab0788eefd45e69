//! The stores over Redis: what reads and writes share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use parking_lot::{Mutex, RwLock};
use quick_cache::sync::Cache;
use recommend_core::{IdCodec, Name, TenantId};
use redis::Value;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{Notify, mpsc};

use super::folder::Folder;
use super::keys::{self, META, Members, RowKey, Shards};
use super::lasting::Lasting;
use super::link::{Link, Script};
use super::options::RedisOptions;
use super::rows::Rows;
use super::stats::RedisStats;
use crate::error::StoreError;

/// How many rows wait to be folded at most; the next write names one again that finds no room.
const FOLD_QUEUE: usize = 4096;

/// Versions by tenant and corpus, one number per shard.
type Versions = FxHashMap<(TenantId, Name), Vec<u64>>;

/// Lists of members and when they were read.
type Lists = FxHashMap<(TenantId, Name, Members), (Instant, Arc<[u64]>)>;

/// The names of a tenant that Redis is known to have, and since when it was asked.
pub(crate) struct Known {
    pub(crate) since: Instant,
    pub(crate) names: FxHashSet<(TenantId, String, Name)>,
    pub(crate) tenants: FxHashSet<TenantId>,
}

/// All of it.
pub(crate) struct RedisStore {
    pub(crate) codec: IdCodec,
    pub(crate) link: Arc<Link>,
    pub(crate) rows: Arc<Rows>,
    pub(crate) shards: Shards,
    pub(crate) options: RedisOptions,
    pub(crate) dictionary: Cache<(TenantId, u64), Arc<str>>,
    pub(crate) known: Mutex<Known>,
    pub(crate) write: Arc<Script>,
    pub(crate) names: Arc<Script>,
    pub(crate) folds: mpsc::Sender<RowKey>,
    pub(crate) lasting: RwLock<Lasting>,
    /// Corpora whose entities' interactions become features: their rows come with the attributes.
    pub(crate) counted: RwLock<FxHashSet<Name>>,
    /// Corpora in which the interactions of the user who asks do.
    pub(crate) personal: RwLock<FxHashSet<Name>>,
    lists: Mutex<Lists>,
    versions: Arc<Mutex<Versions>>,
    wanted: Arc<Notify>,
    pub(crate) runtime: Background,
}

/// A runtime of its own, for what runs beside requests and for who blocks while it waits.
pub(crate) struct Background(Option<Runtime>);

impl Background {
    fn new() -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("redis")
            .enable_all()
            .build()
            .map_err(|error| StoreError::Closed(format!("no threads for Redis: {error}")))?;
        Ok(Background(Some(runtime)))
    }

    /// Runs a task there, to its end even when nobody waits for it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(runtime) = &self.0 else { return Err(stopped()) };
        runtime.spawn(task).await.unwrap_or_else(|_| Err(stopped()))
    }

    pub(crate) fn handle(&self) -> Result<&Handle, StoreError> {
        self.0.as_ref().map(Runtime::handle).ok_or_else(stopped)
    }
}

fn stopped() -> StoreError {
    StoreError::Closed("the connection to Redis was closed".into())
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl RedisStore {
    pub(crate) async fn open(
        codec: IdCodec,
        options: RedisOptions,
        serving: Option<Handle>,
    ) -> Result<Self, StoreError> {
        let stats = Arc::new(RedisStats::default());
        let link = Arc::new(Link::new(&options, stats)?);
        let runtime = Background::new()?;
        let (meet, fingerprint) =
            (Arc::clone(&link), codec.encode("the keys of a deployment").unwrap_or_default());
        let wanted_shards = options.shards.clamp(1, 4096);
        runtime.run(async move { meet_data(&meet, fingerprint, wanted_shards).await }).await?;
        let shards = Shards(wanted_shards);
        let handle = runtime.handle()?.clone();
        // Where requests run, rows are read: an answer that had to be handed from thread to thread would wait for each of them.
        let serving = serving.unwrap_or_else(|| handle.clone());
        let rows = Rows::new(link.twin(), shards, options.clone(), serving);
        let (folds, folding) = mpsc::channel(FOLD_QUEUE);
        let folder = Folder {
            link: Arc::clone(&link),
            shards,
            script: Script::new(include_str!("lua/fold.lua")),
            names: Arc::clone(&rows.names),
            retention: options.retention.as_secs(),
            next: AtomicU64::new(std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0)),
        };
        handle.spawn(folder.run(folding));
        let (versions, wanted): (Arc<Mutex<Versions>>, Arc<Notify>) = Default::default();
        let pace = options.ttl.max(Duration::from_millis(100));
        handle.spawn(follow(Arc::clone(&link), Arc::clone(&versions), Arc::clone(&wanted), shards, pace));
        let known =
            Known { since: Instant::now(), names: FxHashSet::default(), tenants: FxHashSet::default() };
        Ok(RedisStore {
            codec,
            link,
            rows,
            shards,
            lasting: RwLock::new(Lasting::new(options.retention)),
            options,
            dictionary: Cache::new(100_000),
            known: Mutex::new(known),
            write: Arc::new(Script::new(include_str!("lua/write.lua"))),
            names: Arc::new(Script::new(include_str!("lua/names.lua"))),
            folds,
            counted: RwLock::default(),
            personal: RwLock::default(),
            lists: Mutex::default(),
            versions,
            wanted,
            runtime,
        })
    }

    /// Reads in the background, within the time of what runs beside requests.
    pub(crate) async fn ask(&self, command: redis::Cmd) -> Result<Value, StoreError> {
        let link = Arc::clone(&self.link);
        self.runtime.run(async move { link.write(&command).await }).await
    }

    /// One command per shard, side by side.
    pub(crate) async fn ask_shards(
        &self,
        command: impl Fn(u32) -> redis::Cmd,
    ) -> Result<Vec<Value>, StoreError> {
        let commands: Vec<_> = self.shards.all().map(command).collect();
        let link = Arc::clone(&self.link);
        let ask = async move {
            let answers = join_all(commands.iter().map(|command| link.read(command))).await;
            answers.into_iter().collect::<Result<Vec<_>, _>>()
        };
        self.runtime.run(ask).await
    }

    /// The members of a set of all shards, by id. What was read lately stands in when Redis does not answer.
    pub(crate) async fn members(
        &self,
        tenant: TenantId,
        corpus: &Name,
        which: Members,
    ) -> Result<Arc<[u64]>, StoreError> {
        let key = (tenant, corpus.clone(), which);
        let held = self.lists.lock().get(&key).cloned();
        if let Some((at, list)) = &held
            && at.elapsed() < self.options.ttl
        {
            return Ok(Arc::clone(list));
        }
        let before = Instant::now();
        let answers = self.ask_shards(|shard| {
            let mut command = redis::cmd("SMEMBERS");
            command.arg(keys::members(tenant, shard, which, corpus));
            command
        });
        match answers.await {
            Ok(answers) => {
                let mut all: Vec<u64> = answers.into_iter().flat_map(ids).collect();
                all.sort_unstable();
                let list: Arc<[u64]> = all.into();
                let mut lists = self.lists.lock();
                if lists.len() > 10_000 {
                    lists.clear();
                }
                lists.insert(key, (before, Arc::clone(&list)));
                Ok(list)
            }
            Err(error) => match held {
                Some((at, list)) if at.elapsed() < self.options.stale => {
                    self.link.stats.stale.fetch_add(1, Ordering::Relaxed);
                    Ok(list)
                }
                _ => Err(error),
            },
        }
    }

    /// Forgets lists that a write may have changed.
    pub(crate) fn forget_lists(&self, tenant: TenantId, corpora: &FxHashSet<Name>) {
        self.lists.lock().retain(|(of, corpus, _), _| *of != tenant || !corpora.contains(corpus));
    }

    /// The names of a vocabulary.
    pub(crate) async fn vocabulary(&self, tenant: TenantId, scope: &str) -> Result<Vec<Name>, StoreError> {
        let mut command = redis::cmd("SMEMBERS");
        command.arg(keys::vocabulary(tenant, scope));
        let mut names: Vec<Name> =
            texts(self.ask(command).await?).filter_map(|text| Name::new(&text).ok()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Notes what a shard said of its version.
    pub(crate) fn note_version(&self, tenant: TenantId, corpus: &Name, shard: u32, version: u64) {
        let mut versions = self.versions.lock();
        let of = versions.entry((tenant, corpus.clone())).or_insert_with(|| vec![0; self.shards.0 as usize]);
        of[shard as usize] = of[shard as usize].max(version);
    }

    pub(crate) fn version_of(&self, tenant: TenantId, corpus: &Name) -> u64 {
        let mut versions = self.versions.lock();
        match versions.get(&(tenant, corpus.clone())) {
            Some(of) => of.iter().sum(),
            None => {
                versions.insert((tenant, corpus.clone()), vec![0; self.shards.0 as usize]);
                self.wanted.notify_one();
                0
            }
        }
    }
}

/// The ids of a set's members.
pub(crate) fn ids(value: Value) -> Vec<u64> {
    let members = match value {
        Value::Array(members) | Value::Set(members) => members,
        _ => Vec::new(),
    };
    let id = |member| match member {
        Value::BulkString(bytes) => bytes.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)),
        _ => None,
    };
    members.into_iter().filter_map(id).collect()
}

/// The texts of a list.
pub(crate) fn texts(value: Value) -> impl Iterator<Item = String> {
    let members = match value {
        Value::Array(members) | Value::Set(members) => members,
        _ => Vec::new(),
    };
    members.into_iter().filter_map(|member| match member {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        _ => None,
    })
}

/// Checks that the data was written with these keys and in so many shards, or says so for the first time.
async fn meet_data(link: &Link, fingerprint: u64, shards: u32) -> Result<(), StoreError> {
    for (field, ours, fix) in [
        (
            "keys",
            format!("{fingerprint:x}"),
            "use the keys.toml of the deployment that wrote it (RECOMMEND_KEYS names the file)",
        ),
        ("shards", shards.to_string(), "set stores.shards to that, or migrate to another Redis"),
    ] {
        link.write(redis::cmd("HSETNX").arg(META).arg(field).arg(&ours)).await?;
        let held = link.write(redis::cmd("HGET").arg(META).arg(field)).await?;
        let Value::BulkString(held) = held else { continue };
        if held != ours.as_bytes() {
            let held = String::from_utf8_lossy(&held).into_owned();
            let reason = format!("the data in Redis was written with {field} {held}, not {ours}; {fix}");
            return Err(StoreError::Mismatch { reason });
        }
    }
    Ok(())
}

/// Keeps versions that somebody asked for up to date with what other processes write.
async fn follow(
    link: Arc<Link>,
    versions: Arc<Mutex<Versions>>,
    wanted: Arc<Notify>,
    shards: Shards,
    pace: Duration,
) {
    loop {
        let _ = tokio::time::timeout(pace, wanted.notified()).await;
        link.stats.open.store(link.is_open(), Ordering::Relaxed);
        let asked: Vec<_> = versions.lock().keys().cloned().collect();
        let of_shard = |shard: u32| {
            let (asked, link, versions) = (&asked, &link, &versions);
            async move {
                if asked.is_empty() {
                    return;
                }
                let by_tenant = asked.chunk_by(|a, b| a.0 == b.0);
                for some in by_tenant {
                    let mut command = redis::cmd("MGET");
                    some.iter().for_each(|(tenant, corpus)| {
                        command.arg(keys::version(*tenant, shard, corpus));
                    });
                    let Ok(Value::Array(answers)) = link.read(&command).await else { continue };
                    let mut versions = versions.lock();
                    for (pair, answer) in some.iter().zip(answers) {
                        let Value::BulkString(text) = answer else { continue };
                        let number = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
                        if let (Some(of), Some(number)) = (versions.get_mut(pair), number) {
                            of[shard as usize] = of[shard as usize].max(number);
                        }
                    }
                }
            }
        };
        join_all(shards.all().map(of_shard)).await;
    }
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RedisStore({:?})", self.link)
    }
}
