//! Everything that a folder holds, record by record, to be written elsewhere.

use std::path::Path;

use recommend_core::TenantId;

use super::change::Change;
use super::decode::decode;
use super::disk::Disk;
use super::open::OpenOptions;
use crate::Stores;
use crate::error::StoreError;
use crate::write::{EntityPut, FeaturePut, RelationPut, WriteBatch};

impl Stores {
    /// Calls `each` with every record of a folder as a batch that writes it, strings before what uses them, interactions in
    /// the order they came. No process may have the folder open meanwhile.
    ///
    /// # Errors
    /// As [`Stores::open`], and whatever `each` returns.
    pub fn export(
        dir: &Path,
        each: &mut dyn FnMut(TenantId, WriteBatch) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let disk = Disk::open(
            dir,
            OpenOptions::default().cache_bytes,
            Box::new(|builder, path| builder.create(path)),
        )?;
        let mut failed = Ok(());
        disk.scan(|key, value| {
            let mut batches: Vec<(TenantId, WriteBatch)> = Vec::new();
            decode(key, value, &mut |tenant, change| match batches.last_mut() {
                Some((of, batch)) if *of == tenant => add(batch, change),
                _ => {
                    let mut batch = WriteBatch::default();
                    add(&mut batch, change);
                    batches.push((tenant, batch));
                }
            })?;
            for (tenant, batch) in batches {
                if failed.is_ok() {
                    failed = each(tenant, batch);
                }
            }
            Ok(())
        })?;
        failed
    }
}

fn add(batch: &mut WriteBatch, change: Change) {
    match change {
        Change::Tenant(name) => batch.tenant_name = Some(name),
        Change::Name(id, text) => batch.names.push((id, text)),
        Change::Entity { corpus, entity, attributes } => batch.entities.push(EntityPut {
            corpus,
            entity,
            remove: attributes.is_none(),
            attributes: attributes.into_iter().flatten().map(|(name, value)| (name, Some(value))).collect(),
        }),
        Change::Relation { user, kind, corpus, entity, tie } => {
            let remove = tie.is_none();
            let (since, weight) = tie.unwrap_or((recommend_core::Timestamp(0), 0.0));
            batch.relations.push(RelationPut { user, kind, corpus, entity, since, weight, remove });
        }
        Change::Interaction(interaction) => batch.interactions.push(interaction),
        Change::Features { corpus, entity, user, values } => {
            batch.features.push(FeaturePut { corpus, entity, user, values });
        }
    }
}
