//! Reading, embedding and writing, in this order, and what is said of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use recommend_core::{IdCodec, TenantId, Timestamp};
use recommend_embeddings::text::{Means, Message, TextModel, Whose};
use recommend_server::Deployment;
use recommend_stores::vectors::Fold;
use recommend_stores::{IdBatch, Stores, WriteBatch};
use rustc_hash::FxHashMap;

use super::args::{Of, TextArgs};
use super::read;
use crate::embed::fit::bar;
use crate::exit::{Exit, Usage};
use crate::import::rejects::Rejects;
use crate::import::slack::{Export, LeftOut, texts};
use crate::render::{count, print};
use crate::target;

/// How many messages are embedded together: texts of like length share a batch, so that more at once waste less.
const TOGETHER: usize = 512;
/// How many names are written together.
const NAMES: usize = 10_000;

/// Runs `recommend embed text`.
///
/// # Errors
/// When the model or the messages cannot be read, the data folder cannot be opened (a server may have it), or the store holds
/// another embedding under the name.
pub(in crate::embed) async fn run(args: TextArgs) -> Result<Exit> {
    args.check()?;
    let (config, folder) = target::load(args.config.as_deref(), args.data.as_deref())?;
    let model = args.model.clone();
    let model = Arc::new(tokio::task::spawn_blocking(move || TextModel::open(&model)).await??);
    let deployment = Deployment::open_for(&folder, &config).await.map_err(|error| {
        let hint = match target::in_use(&error) {
            true => "stop the server, embed, and start it again",
            false => "opening the data folder",
        };
        anyhow::Error::new(error).context(hint)
    })?;
    let args = Arc::new(args);
    let done = embed(&args, &model, &deployment.stores).await;
    // Close also after a failure: what was written before it must be whole on disk.
    let closed = deployment.close().await;
    let done = done?;
    closed?;
    print(&done.show(&args));
    Ok(if done.read.rejects.count > 0 { Exit::Rejected } else { Exit::Ok })
}

async fn embed(args: &Arc<TextArgs>, model: &Arc<TextModel>, stores: &Stores) -> Result<Done> {
    let tenant = IdBatch::new(stores.codec).tenant(&args.tenant);
    let (tenant, tenant_name) = tenant.map_err(|error| Usage(format!("--tenant: {error}")))?;
    // Before the work: another embedding of the name is found out now.
    Means::define(model, &*stores.vectors, tenant, &args.embedding).await?;
    let start = Instant::now();
    let reading = {
        let (args, model, codec) = (args.clone(), model.clone(), stores.codec);
        tokio::task::spawn_blocking(move || Reader::new(&args, &model, codec).read(&args))
    };
    let mut read = reading.await.context("the reader stopped")??;
    let took = start.elapsed();
    write_names(stores, tenant, tenant_name, std::mem::take(&mut read.names)).await?;
    let (users, entities) = read.means.count();
    let progress = bar("writing", (users + entities) as u64);
    let fold = match args.add {
        true => Fold::Onto { half_life: Some(args.half_life) },
        false => Fold::Anew,
    };
    let means = std::mem::replace(&mut read.means, Means::new(None));
    means
        .write(&*stores.vectors, tenant, &args.embedding, fold, |written| progress.inc(written as u64))
        .await?;
    progress.finish_and_clear();
    Ok(Done { read, users, entities, took })
}

/// What is recommended must have a name.
async fn write_names(
    stores: &Stores,
    tenant: TenantId,
    tenant_name: Option<Box<str>>,
    names: FxHashMap<u64, Box<str>>,
) -> Result<()> {
    let mut names: Vec<(u64, Box<str>)> = names.into_iter().collect();
    names.sort_unstable();
    if names.is_empty() && tenant_name.is_none() {
        return Ok(());
    }
    let mut rest = names.as_slice();
    loop {
        let (now, later) = rest.split_at(rest.len().min(NAMES));
        let batch =
            WriteBatch { tenant_name: tenant_name.clone(), names: now.to_vec(), ..WriteBatch::default() };
        stores.writer.write(tenant, batch).await?;
        rest = later;
        if rest.is_empty() {
            return Ok(());
        }
    }
}

/// What came of the messages.
struct Read {
    means: Means,
    names: FxHashMap<u64, Box<str>>,
    messages: u64,
    /// Without a letter or a digit.
    silent: u64,
    left_out: LeftOut,
    rejects: Rejects,
}

/// Takes messages in and lets go of their texts, a few hundred at a time.
struct Reader {
    model: Arc<TextModel>,
    codec: IdCodec,
    batch: Vec<Message>,
    read: Read,
}

impl Reader {
    fn new(args: &TextArgs, model: &Arc<TextModel>, codec: IdCodec) -> Self {
        let input = args.slack.as_deref().or(args.input.first().map(PathBuf::as_path));
        let rejects = args.rejects.clone();
        let rejects =
            rejects.unwrap_or_else(|| Rejects::default_path(input.unwrap_or(Path::new("messages"))));
        let read = Read {
            means: Means::new(Some(args.half_life)),
            names: FxHashMap::default(),
            messages: 0,
            silent: 0,
            left_out: LeftOut::default(),
            rejects: Rejects::new(rejects),
        };
        Reader { model: model.clone(), codec, batch: Vec::with_capacity(TOGETHER), read }
    }

    fn read(mut self, args: &TextArgs) -> Result<Read> {
        // The rejects are written while messages come, and everything else is.
        let mut rejects = std::mem::replace(&mut self.read.rejects, Rejects::new(PathBuf::new()));
        let done = match &args.slack {
            Some(path) => self.slack(path, args.of, &mut rejects),
            None => read::tables(&args.input, &args.map, &args.read, &mut rejects, |row| {
                self.take(row.text, row.time, row.user.as_deref(), row.entity.as_deref())
            }),
        };
        let flushed = rejects.flush();
        self.read.rejects = rejects;
        done.and(flushed)?;
        self.flush()?;
        Ok(self.read)
    }

    fn slack(&mut self, path: &Path, of: Of, rejects: &mut Rejects) -> Result<()> {
        let export = Export::open(path)?;
        let progress = files_bar();
        let each = |said: crate::import::slack::Said| {
            let entity = match of {
                Of::Channel => &said.channel,
                Of::User => &said.user,
            };
            self.take(said.text, said.time, Some(&said.user), Some(entity))
        };
        let left_out = texts(export, rejects, each, |at, all| {
            progress.set_length(all);
            progress.set_position(at);
        })?;
        progress.finish_and_clear();
        self.read.left_out = left_out;
        Ok(())
    }

    fn take(
        &mut self,
        text: String,
        time: Timestamp,
        user: Option<&str>,
        entity: Option<&str>,
    ) -> Result<()> {
        let mut whose = Vec::with_capacity(2);
        let mut ids = IdBatch::new(self.codec);
        if let Some(user) = user {
            whose.push(Whose::User(ids.user(user)?));
        }
        if let Some(entity) = entity {
            whose.push(Whose::Entity(ids.entity(entity)?));
        }
        for (id, name) in ids.into_names() {
            self.read.names.entry(id).or_insert(name);
        }
        self.read.messages += 1;
        self.batch.push(Message { text, time, whose });
        if self.batch.len() < TOGETHER { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<()> {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(TOGETHER));
        let count = batch.len() as u64;
        let counted = self.read.means.take(&self.model, batch)? as u64;
        self.read.silent += count - counted;
        Ok(())
    }
}

/// What was done.
struct Done {
    read: Read,
    users: usize,
    entities: usize,
    took: Duration,
}

impl Done {
    fn show(&self, args: &TextArgs) -> String {
        let Read { messages, silent, left_out, rejects, .. } = &self.read;
        let embedded = messages - silent;
        let mut text = format!(
            "{} messages became vectors of {} users and {} entities in the embedding {} of {}, {:.0} a second; no text \
             was kept",
            count(embedded),
            count(self.users as u64),
            count(self.entities as u64),
            args.embedding,
            args.tenant,
            embedded as f64 / self.took.as_secs_f64().max(1e-9),
        );
        for (number, what) in [
            (*silent, "had no letter or digit"),
            (left_out.between_people, "were between people and not read"),
            (left_out.not_of_people, "were of bots, or notices of Slack"),
        ] {
            if number > 0 {
                text.push_str(&format!("\n{} {what}", count(number)));
            }
        }
        if let Some(first) = &rejects.first {
            let path = rejects.path().display();
            text.push_str(&format!("\n{} could not be read: {first}; see {path}", count(rejects.count)));
        }
        text.push_str(&format!(
            "\nnext: [features.NAME] with kind = \"cosine\" and embedding = \"{}\"",
            args.embedding
        ));
        text
    }
}

/// Drawn on a terminal only.
fn files_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("embedding {bar:30} {pos}/{len} files  {eta} left") {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar
}
