//! `recommend stores migrate data http://…`: the vectors of a data folder into a Qdrant.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use recommend_server::VectorsConfig;
use recommend_stores::VectorStore;

use crate::exit::Exit;
use crate::render::{count, print};

/// The folder with the vectors of a data folder: with its stores, or, where those are in a Redis, alone.
fn found(data: &Path) -> Result<PathBuf> {
    let folders = [data.join("store"), data.join("vectors")];
    match folders.into_iter().find(|folder| folder.join("vectors.redb").exists()) {
        Some(folder) => Ok(folder),
        None => bail!(
            "there are no vectors in {}; give the data folder of a server, or load them with `recommend embed load`",
            data.display()
        ),
    }
}

/// Copies and compares.
pub(super) async fn run(from: &Path, to: &str, prefix: Option<String>, verify_only: bool) -> Result<Exit> {
    ensure!(!verify_only, "vectors are compared as they are written: run it without --verify-only");
    let folder = found(from)?;
    let mut config = VectorsConfig::at(to);
    config.prefix = prefix.unwrap_or(config.prefix);
    copy(&folder, &*open(&config).await?).await
}

#[cfg(feature = "qdrant")]
async fn open(config: &VectorsConfig) -> Result<Box<dyn VectorStore>> {
    let options =
        config.qdrant().ok_or_else(|| anyhow::anyhow!("{} is no address of a Qdrant", config.url))?;
    Ok(Box::new(recommend_stores::vectors::QdrantVectors::open(options).await?))
}

#[cfg(not(feature = "qdrant"))]
async fn open(config: &VectorsConfig) -> Result<Box<dyn VectorStore>> {
    bail!(
        "{} is the address of a Qdrant, and this program was built without it; build it with `--features qdrant`",
        config.url
    )
}

async fn copy(folder: &Path, to: &dyn VectorStore) -> Result<Exit> {
    let bar = indicatif::ProgressBar::no_length();
    bar.set_style(indicatif::ProgressStyle::with_template(
        "migrating {spinner} {human_pos} vectors  {per_sec}  {elapsed}",
    )?);
    let copied = recommend_stores::vectors::copy(folder, to, |more| bar.inc(more)).await;
    bar.finish_and_clear();
    let copied = copied?;
    for difference in copied.differences.iter().take(20) {
        print(&format!("differs: {difference}"));
    }
    print(&format!(
        "{} vectors of {} embeddings; {} compared, {} differ",
        count(copied.vectors),
        count(copied.embeddings as u64),
        count(copied.compared),
        count(copied.differences.len() as u64)
    ));
    Ok(if copied.differences.is_empty() { Exit::Ok } else { Exit::Failed })
}
