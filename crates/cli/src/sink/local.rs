//! Writes into a data folder that no server has open: the stores, and the event log beside them, as a server would.

use anyhow::{Context, Result};
use recommend_core::{EntityId, Interaction, Name, TenantId, UserId, Value};
use recommend_server::Deployment;
use recommend_stores::{EntityPut, IdBatch, RelationPut, WriteBatch};

use crate::exit::Usage;
use crate::records::{Attribute, Batch, EntityRow, InteractionRow, RelationRow, Written};
use crate::target::{self, Destination};

/// An open data folder.
pub(crate) struct Local {
    deployment: Deployment,
    tenant: TenantId,
    tenant_name: Option<Box<str>>,
}

impl Local {
    pub(super) async fn open(destination: &Destination) -> Result<Self> {
        let (config, folder) = target::load(destination.config.as_deref(), destination.data.as_deref())?;
        let deployment = match Deployment::open_for(&folder, &config).await {
            Err(error) if target::in_use(&error) => {
                let hint =
                    format!("add --to {} to write through the server that holds it", config.server.grpc);
                return Err(anyhow::Error::new(error).context(hint));
            }
            other => other?,
        };
        let tenant = IdBatch::new(deployment.stores.codec).tenant(&destination.tenant);
        let (tenant, tenant_name) = tenant.map_err(|error| Usage(format!("--tenant: {error}")))?;
        Ok(Local { deployment, tenant, tenant_name })
    }

    pub(super) async fn write(&mut self, batch: Batch) -> Result<Written> {
        let mut written = Written {
            entities: batch.entities.len() as u64,
            relations: batch.relations.len() as u64,
            ..Written::default()
        };
        let batch = self.numbers(batch)?;
        let writer = &self.deployment.stores.writer;
        // The log comes first, as in the server: what a crash leaves in the log alone is logged again under the same id
        // by the next run, and the join takes one of the two. What the stores have is in the log already.
        let ids: Vec<_> = batch.interactions.iter().map(|interaction| interaction.id).collect();
        let recorded = writer.recorded(self.tenant, &ids).await?;
        let new = batch.interactions.iter().zip(recorded).filter(|(_, recorded)| !recorded);
        let new: Vec<Interaction> = new.map(|(interaction, _)| interaction.clone()).collect();
        self.deployment.log.log_interactions(new).await.context("writing the event log")?;
        let outcome = writer.write(self.tenant, batch).await?;
        written.new = outcome.accepted as u64;
        written.known = outcome.duplicates as u64;
        Ok(written)
    }

    pub(super) async fn close(self) -> Result<()> {
        Ok(self.deployment.close().await?)
    }

    /// The batch with numbers for its strings, and the strings that only a dictionary can turn back.
    fn numbers(&self, batch: Batch) -> Result<WriteBatch> {
        let codec = self.deployment.stores.codec;
        let mut ids = IdBatch::new(codec);
        let mut interactions = Vec::with_capacity(batch.interactions.len());
        for row in batch.interactions {
            let InteractionRow { id, request, user, corpus, entity, kind, time, value } = row;
            let (user, entity) = (ids.user(&user)?, ids.entity(&entity)?);
            let (tenant, id) = (self.tenant, codec.interaction(self.tenant, &id));
            interactions.push(Interaction { id, request, tenant, user, corpus, entity, kind, time, value });
        }
        let mut entities = Vec::with_capacity(batch.entities.len());
        for EntityRow { corpus, id, attributes } in batch.entities {
            let entity: EntityId = ids.entity(&id)?;
            let attributes = attributes
                .into_iter()
                .map(|(name, value)| Ok((name, Some(number(value, &mut ids)?))))
                .collect::<Result<Vec<(Name, Option<Value>)>>>()?;
            entities.push(EntityPut { corpus, entity, attributes, remove: false });
        }
        let mut relations = Vec::with_capacity(batch.relations.len());
        for RelationRow { user, kind, corpus, entity, since, weight, remove } in batch.relations {
            let user: UserId = ids.user(&user)?;
            let entity = ids.entity(&entity)?;
            relations.push(RelationPut { user, kind, corpus, entity, since, weight, remove });
        }
        Ok(WriteBatch {
            tenant_name: self.tenant_name.clone(),
            names: ids.into_names(),
            entities,
            relations,
            interactions,
            features: Vec::new(),
        })
    }
}

fn number(value: Attribute, ids: &mut IdBatch) -> Result<Value> {
    Ok(match value {
        Attribute::Flag(flag) => Value::Bool(flag),
        Attribute::Number(number) => Value::Number(number),
        Attribute::Time(time) => Value::Time(time),
        Attribute::Word(word) => Value::Id(ids.entity(&word)?),
    })
}
