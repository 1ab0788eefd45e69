//! Writes through a running server, over gRPC.

use std::future::Future;
use std::time::Duration;

use anyhow::Result;
use prost::Message;
use recommend_core::Timestamp;
use recommend_server::limits::{MAX_BATCH, MAX_REQUEST_BYTES};
use recommend_server::proto;
use recommend_server::proto::attribute_value::Kind;
use recommend_server::proto::catalog_service_client::CatalogServiceClient;
use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::records::{Attribute, Batch, EntityRow, InteractionRow, RelationRow, Written};
use crate::target::connect;

/// How often a call is tried while the server is at capacity or away for a moment.
const TRIES: u32 = 6;

/// A server to write to.
pub(crate) struct Remote {
    tenant: String,
    catalog: CatalogServiceClient<Channel>,
    recommend: RecommendServiceClient<Channel>,
}

impl Remote {
    pub(super) async fn connect(address: &str, tenant: &str) -> Result<Self> {
        let channel = connect(address).await?;
        Ok(Remote {
            tenant: tenant.to_owned(),
            catalog: CatalogServiceClient::new(channel.clone()),
            recommend: RecommendServiceClient::new(channel),
        })
    }

    pub(super) async fn write(&mut self, batch: Batch) -> Result<Written> {
        let mut written = Written::default();
        for entities in portions(batch.entities.into_iter().map(entity)) {
            let request = proto::PutEntitiesRequest { tenant: self.tenant.clone(), entities };
            let put = retried("PutEntities", || {
                let (mut client, request) = (self.catalog.clone(), request.clone());
                async move { client.put_entities(request).await }
            });
            written.entities += u64::from(put.await?.accepted);
        }
        for relations in portions(batch.relations.into_iter().map(relation)) {
            let request = proto::PutRelationsRequest { tenant: self.tenant.clone(), relations };
            let put = retried("PutRelations", || {
                let (mut client, request) = (self.catalog.clone(), request.clone());
                async move { client.put_relations(request).await }
            });
            written.relations += u64::from(put.await?.accepted);
        }
        for interactions in portions(batch.interactions.into_iter().map(interaction)) {
            let request = proto::RecordInteractionsRequest { tenant: self.tenant.clone(), interactions };
            let recorded = retried("RecordInteractions", || {
                let (mut client, request) = (self.recommend.clone(), request.clone());
                async move { client.record_interactions(request).await }
            });
            let recorded = recorded.await?;
            written.new += u64::from(recorded.accepted);
            written.known += u64::from(recorded.duplicates);
        }
        Ok(written)
    }
}

/// Splits messages so that no request is larger than the server takes, nor has more items.
fn portions<M: Message>(messages: impl Iterator<Item = M>) -> Vec<Vec<M>> {
    // Half of the limit leaves room for the tenant and the tags around each message.
    const BYTES: usize = MAX_REQUEST_BYTES / 2;
    let (mut portions, mut portion, mut bytes) = (Vec::new(), Vec::new(), 0);
    for message in messages {
        let size = message.encoded_len();
        if !portion.is_empty() && (bytes + size > BYTES || portion.len() == MAX_BATCH) {
            portions.push(std::mem::take(&mut portion));
            bytes = 0;
        }
        bytes += size;
        portion.push(message);
    }
    if !portion.is_empty() {
        portions.push(portion);
    }
    portions
}

/// Calls until the server answers or says that the call itself is wrong. Everything written here may be written twice.
async fn retried<T, F>(what: &str, mut call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let mut pause = Duration::from_millis(50);
    for _ in 1..TRIES {
        match call().await {
            Err(status) if matches!(status.code(), Code::ResourceExhausted | Code::Unavailable) => {
                tracing::warn!("{what}: {}; trying again in {pause:?}", status.message());
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            other => return other.map(Response::into_inner).map_err(|status| failed(what, &status)),
        }
    }
    call().await.map(Response::into_inner).map_err(|status| failed(what, &status))
}

fn failed(what: &str, status: &Status) -> anyhow::Error {
    anyhow::anyhow!("{what}: {:?}: {}", status.code(), status.message())
}

fn entity(row: EntityRow) -> proto::Entity {
    let attribute = |(name, value): (recommend_core::Name, Attribute)| {
        let kind = match value {
            Attribute::Flag(flag) => Kind::Flag(flag),
            Attribute::Number(number) => Kind::Number(number),
            Attribute::Time(time) => Kind::Time(timestamp(time)),
            Attribute::Word(word) => Kind::Word(word),
        };
        (name.to_string(), proto::AttributeValue { kind: Some(kind) })
    };
    proto::Entity {
        corpus: row.corpus.to_string(),
        id: row.id,
        attributes: row.attributes.into_iter().map(attribute).collect(),
        remove: false,
    }
}

fn relation(row: RelationRow) -> proto::Relation {
    proto::Relation {
        user: row.user,
        kind: row.kind.to_string(),
        corpus: row.corpus.to_string(),
        entity: row.entity,
        since: Some(timestamp(row.since)),
        weight: Some(row.weight),
        remove: row.remove,
    }
}

fn interaction(row: InteractionRow) -> proto::Interaction {
    proto::Interaction {
        id: row.id,
        request_id: row.request.map(|request| request.to_string()).unwrap_or_default(),
        user: row.user,
        corpus: row.corpus.to_string(),
        entity: row.entity,
        kind: row.kind.to_string(),
        time: Some(timestamp(row.time)),
        value: Some(row.value),
    }
}

/// A moment as a message.
pub(crate) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let (seconds, millis) = (time.millis().div_euclid(1000), time.millis().rem_euclid(1000));
    prost_types::Timestamp { seconds, nanos: (millis * 1_000_000) as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_is_larger_than_the_server_takes() {
        let large =
            |n: usize| proto::Entity { corpus: "user".into(), id: "x".repeat(n), ..Default::default() };
        let sizes = [3 << 20, 10, 10, 1 << 20, 1 << 20, 10];
        let portions = portions(sizes.into_iter().map(large));
        assert_eq!(portions.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 2]);
        let many = super::portions((0..=MAX_BATCH).map(|_| large(1)));
        assert_eq!(many.iter().map(Vec::len).collect::<Vec<_>>(), [MAX_BATCH, 1]);
        assert!(super::portions(std::iter::empty::<proto::Entity>()).is_empty());
    }

    #[test]
    fn a_moment_keeps_its_milliseconds() {
        assert_eq!(timestamp(Timestamp(1_500)), prost_types::Timestamp { seconds: 1, nanos: 500_000_000 });
    }
}
