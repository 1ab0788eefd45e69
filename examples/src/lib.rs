//! Runnable examples, one small file each; this file holds what they share: a simulated workspace.

use anyhow::Result;
use recommend_core::{Deadline, EntityId, IdCodec, Name, Query, RequestId, seconds};
use recommend_simulator::{Settings, Workspace};
use recommend_stores::Stores;

/// A workspace of 120 people and 60 channels, written into stores.
///
/// # Errors
/// When the stores cannot be written.
pub async fn write_workspace(stores: &Stores) -> Result<Workspace> {
    let workspace = Workspace::generate(Settings::small(7))?;
    let tenant = workspace.tenant(stores.codec)?;
    for batch in workspace.batches(stores.codec, 5_000)? {
        stores.writer.write(tenant, batch).await?;
    }
    Ok(workspace)
}

/// The same, in stores that forget it when they are dropped.
///
/// # Errors
/// When the stores cannot be written.
pub async fn workspace_in_memory() -> Result<(Workspace, Stores)> {
    let stores = Stores::in_memory(IdCodec::new([7; 16]));
    let workspace = write_workspace(&stores).await?;
    Ok((workspace, stores))
}

/// A question of one person, as of the end of the workspace's history.
///
/// # Errors
/// When the corpus or the source is not a name.
pub fn query(
    workspace: &Workspace,
    stores: &Stores,
    person: EntityId,
    corpus: &str,
    source: &str,
) -> Result<Query> {
    Ok(Query {
        request: RequestId(1),
        tenant: workspace.tenant(stores.codec)?,
        user: person.as_user(),
        corpus: Name::new(corpus)?,
        source: Name::new(source)?,
        limit: 5,
        context: Vec::new(),
        seeds: Vec::new(),
        given: Vec::new(),
        now: workspace.settings().end,
        deadline: Deadline::after(seconds(10)),
        seed: 1,
    })
}
