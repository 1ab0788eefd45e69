//! `recommend embed load`: puts vectors into the vector store of a data folder.

use anyhow::{Context, Result};
use recommend_core::IdCodec;
use recommend_server::Deployment;
use recommend_stores::vectors::{Comparison, Place, Precision, Shape};
use recommend_stores::{IdBatch, WriteBatch};

use super::args::{LoadArgs, PrecisionName};
use super::artifact;
use super::fit::bar;
use crate::exit::{Exit, Usage};
use crate::render::{count, print};
use crate::target;

/// Runs `recommend embed load`. Loading again replaces what was loaded.
///
/// # Errors
/// When the folder is not what was written, the data folder cannot be opened (a server may have it), or the store holds
/// another embedding under the name.
pub(super) async fn run(args: LoadArgs) -> Result<Exit> {
    let manifest = artifact::open(&args.folder)?;
    let (config, folder) = target::load(args.config.as_deref(), args.data.as_deref())?;
    let deployment = Deployment::open_for(&folder, &config).await.map_err(|error| {
        let hint = match target::in_use(&error) {
            true => "stop the server, load, and start it again",
            false => "opening the data folder",
        };
        anyhow::Error::new(error).context(hint)
    })?;
    let loaded = load(&args, &manifest, &deployment).await;
    // Close also after a failure: what was written before it must be whole on disk.
    let closed = deployment.close().await;
    let (users, entities) = loaded?;
    closed?;
    print(&format!(
        "{} users and {} entities are in the embedding {} of {}\n\
         next: {{ kind = \"neighbours\", embedding = \"{}\" }} among the fetchers",
        count(users),
        count(entities),
        args.embedding,
        args.tenant,
        args.embedding,
    ));
    Ok(Exit::Ok)
}

async fn load(args: &LoadArgs, manifest: &artifact::Manifest, deployment: &Deployment) -> Result<(u64, u64)> {
    let stores = &deployment.stores;
    let tenant = IdBatch::new(stores.codec).tenant(&args.tenant);
    let (tenant, tenant_name) = tenant.map_err(|error| Usage(format!("--tenant: {error}")))?;
    let shape = Shape {
        dimension: manifest.factors,
        comparison: match manifest.comparison.as_str() {
            "dot" => Comparison::Dot,
            _ => Comparison::Cosine,
        },
        precision: match args.precision {
            PrecisionName::F32 => Precision::F32,
            PrecisionName::F16 => Precision::F16,
            PrecisionName::I8 => Precision::I8,
        },
    };
    stores.vectors.define(tenant, &args.embedding, shape).await?;
    let progress = bar("loading", (manifest.users + manifest.entities) as u64);
    let (sender, mut batches) = tokio::sync::mpsc::channel(2);
    let folder = args.folder.clone();
    let reading = tokio::task::spawn_blocking(move || {
        artifact::vectors(&folder, |user, rows| {
            sender.blocking_send((user, rows)).context("the store has stopped")
        })
    });
    let (mut users, mut entities) = (0, 0);
    while let Some((user, rows)) = batches.recv().await {
        if rows.is_empty() {
            continue;
        }
        let mut ids = IdBatch::new(stores.codec);
        let vectors = rows.into_iter().map(|(id, vector)| Ok((ids.entity(&id)?.0, vector)));
        let vectors = vectors.collect::<Result<Vec<(u64, Vec<f32>)>>>()?;
        let place = match user {
            true => Place::users(tenant, &args.embedding),
            false => Place::entities(tenant, &args.embedding),
        };
        *(if user { &mut users } else { &mut entities }) += vectors.len() as u64;
        progress.inc(vectors.len() as u64);
        // Names first: what is recommended must have one.
        let names = ids.into_names();
        if names.iter().any(|(id, _)| IdCodec::is_hashed(*id)) || tenant_name.is_some() {
            let batch = WriteBatch { tenant_name: tenant_name.clone(), names, ..WriteBatch::default() };
            stores.writer.write(tenant, batch).await?;
        }
        stores.vectors.upsert(&place, &vectors).await?;
    }
    reading.await??;
    progress.finish_and_clear();
    Ok((users, entities))
}
