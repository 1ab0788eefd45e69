//! `recommend stores migrate`: from a data folder into Redis, or into another folder; its vectors into Qdrant.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use recommend_core::TenantId;
use recommend_server::{Keys, StoresConfig};
use recommend_stores::{OpenOptions, StoreError, Stores, WriteBatch};
use tokio::sync::mpsc;

use super::verify::{Checked, verify};
use crate::exit::Exit;
use crate::render::{count, print};

pub(crate) const HELP: &str = "\
Stop the server that has the folder open first. Run it again when it was interrupted: everything is put as it is, and an
interaction that is there already is recognised by its id (in Redis for [stores] recognise, 7 days). At the end what both
hold is compared, tenant by tenant and corpus by corpus.

A Redis holds the latest interactions as they are and the others in buckets, so nothing can be migrated out of one: the
event log has every interaction, and `recommend features backfill` writes them anywhere. Two Redis servers are copied by
Redis itself (REPLICAOF).

Examples:
  recommend stores migrate data redis://127.0.0.1:6379
  recommend stores migrate data cluster+redis://10.0.0.1:6379 --shards 64
  recommend stores migrate data backup
  recommend stores migrate data http://127.0.0.1:6334     (its vectors alone, into a Qdrant; the key is in QDRANT_API_KEY)";

/// The flags of `recommend stores migrate`.
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// The data folder to copy from
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// Where to: redis://…, cluster+redis://… with one of its nodes, a data folder, or http://… of a Qdrant for the vectors
    #[arg(value_name = "TO")]
    to: String,
    /// Into how many parts a tenant's data is cut in Redis [default: 1, or 16 for a cluster]
    #[arg(long, value_name = "N")]
    shards: Option<u32>,
    /// What the names of collections in Qdrant begin with [default: recommend]
    #[arg(long, value_name = "NAME")]
    prefix: Option<String>,
    /// Compare only
    #[arg(long)]
    verify_only: bool,
}

/// Rows written together.
const BATCH: usize = 2_000;

pub(super) async fn run(args: MigrateArgs) -> Result<Exit> {
    if args.to.starts_with("http://") || args.to.starts_with("https://") {
        return super::vectors::run(&args.from, &args.to, args.prefix, args.verify_only).await;
    }
    ensure!(
        args.prefix.is_none(),
        "--prefix is for the collections of a Qdrant; give its address, http://…, as TO"
    );
    let store = args.from.join("store");
    if args.from.to_string_lossy().contains("redis://") {
        bail!(
            "a Redis cannot be migrated from: backfill the event log instead (recommend features backfill)"
        );
    }
    ensure!(
        store.exists(),
        "there are no stores in {}; give the data folder of a server",
        args.from.display()
    );
    let keys_file =
        std::env::var_os("RECOMMEND_KEYS").map_or_else(|| args.from.join("keys.toml"), PathBuf::from);
    let keys = Keys::open(&keys_file, false)?;
    let to = match args.to.contains("redis://") {
        true => {
            let config = StoresConfig { shards: args.shards, ..StoresConfig::at(&args.to) };
            let options = config.redis().context("no address of a Redis")?;
            Stores::redis(keys.codec(), options).await?
        }
        false => folder(&args.from, Path::new(&args.to), &keys_file, &keys)?,
    };
    if !args.verify_only {
        copy(&store, &to).await?;
    }
    let from = Stores::open(&store, keys.codec(), OpenOptions::default())?.0;
    let Checked { compared, differences } = verify(&from, &to).await?;
    from.close().await?;
    to.close().await?;
    for difference in differences.iter().take(20) {
        print(&format!("differs: {difference}"));
    }
    print(&format!("{} values compared, {} differ", count(compared), count(differences.len() as u64)));
    Ok(if differences.is_empty() { Exit::Ok } else { Exit::Failed })
}

/// Another folder with the same keys.
fn folder(from: &Path, to: &Path, keys_file: &Path, keys: &Keys) -> Result<Stores> {
    ensure!(from != to, "FROM and TO are the same folder");
    std::fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    let own = to.join("keys.toml");
    if !own.exists() && keys_file.exists() {
        std::fs::copy(keys_file, &own).with_context(|| format!("copying the keys to {}", own.display()))?;
    }
    Ok(Stores::open(&to.join("store"), keys.codec(), OpenOptions::default())?.0)
}

/// Writes everything; several batches of a tenant are on their way at a time.
async fn copy(store: &Path, to: &Stores) -> Result<()> {
    let (send, mut batches) = mpsc::channel::<(TenantId, WriteBatch)>(4);
    let path = store.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let mut pending: Option<(TenantId, WriteBatch)> = None;
        let closed = |_| StoreError::Closed("the copy was stopped".into());
        Stores::export(&path, &mut |tenant, batch| {
            if let Some((of, held)) = &mut pending {
                if *of == tenant && held.len() + batch.len() <= BATCH {
                    join(held, batch);
                    return Ok(());
                }
                if let Some(full) = pending.take() {
                    send.blocking_send(full).map_err(closed)?;
                }
            }
            pending = Some((tenant, batch));
            Ok(())
        })?;
        match pending {
            Some(last) => send.blocking_send(last).map_err(closed),
            None => Ok(()),
        }
    });
    let bar = ProgressBar::no_length();
    bar.set_style(ProgressStyle::with_template(
        "migrating {spinner} {human_pos} records  {per_sec}  {elapsed}",
    )?);
    let (mut new, mut known, mut records) = (0, 0, 0);
    while let Some((tenant, batch)) = batches.recv().await {
        let size = batch.len() as u64;
        let outcome = to.writer.write(tenant, batch).await?;
        new += outcome.accepted as u64;
        known += outcome.duplicates as u64;
        records += size;
        bar.inc(size);
    }
    bar.finish_and_clear();
    reading.await.context("reading the folder")??;
    print(&format!(
        "{} records; interactions: {} new, {} already there",
        count(records),
        count(new),
        count(known)
    ));
    Ok(())
}

fn join(held: &mut WriteBatch, more: WriteBatch) {
    let WriteBatch { tenant_name, names, entities, relations, interactions, features } = more;
    held.tenant_name = tenant_name.or(held.tenant_name.take());
    held.names.extend(names);
    held.entities.extend(entities);
    held.relations.extend(relations);
    held.interactions.extend(interactions);
    held.features.extend(features);
}
