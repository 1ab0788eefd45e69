//! Qdrant's service of collections.

use qdrant_client::qdrant::collections_server::Collections;
use qdrant_client::qdrant::{self, Datatype, Distance};
use tonic::{Request, Response, Status};

use super::service;
use super::state::{Collection, Shared};

/// Whether Qdrant takes it as the name of a collection.
fn is_name(name: &str) -> bool {
    let bad = |c: char| matches!(c, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' | '\0');
    (1..=255).contains(&name.len()) && !name.contains(bad)
}

service! {
    Collections {
        async fn create(
            &self,
            request: Request<qdrant::CreateCollection>,
        ) -> Result<Response<qdrant::CollectionOperationResponse>, Status> {
            let request = self.begin(request).await?;
            let name = request.collection_name;
            if !is_name(&name) {
                return Err(Status::invalid_argument(format!("collection name {name:?}")));
            }
            let params = match request.vectors_config.and_then(|config| config.config) {
                Some(qdrant::vectors_config::Config::Params(params)) if (1..=65_536).contains(&params.size) => params,
                _ => return Err(Status::invalid_argument("these vectors")),
            };
            let mut collections = self.collections.lock();
            if collections.contains_key(&name) {
                let reason = format!("Wrong input: Collection `{name}` already exists!");
                return Err(Status::invalid_argument(reason));
            }
            let graph = request.hnsw_config.unwrap_or_default();
            let collection = Collection {
                size: params.size as usize,
                cosine: params.distance == i32::from(Distance::Cosine),
                halves: params.datatype == Some(i32::from(Datatype::Float16)),
                graph_by_tenant: graph.m == Some(0) && graph.payload_m.is_some_and(|links| links > 0),
                quantised: params.quantization_config.is_some(),
                shards: request.shard_number,
                replicas: request.replication_factor,
                ..Collection::default()
            };
            collections.insert(name, collection);
            Ok(Response::new(qdrant::CollectionOperationResponse { result: true, time: 0.0 }))
        }

        async fn collection_exists(
            &self,
            request: Request<qdrant::CollectionExistsRequest>,
        ) -> Result<Response<qdrant::CollectionExistsResponse>, Status> {
            let request = self.begin(request).await?;
            let exists = self.collections.lock().contains_key(&request.collection_name);
            let result = Some(qdrant::CollectionExists { exists });
            Ok(Response::new(qdrant::CollectionExistsResponse { result, time: 0.0 }))
        }
    } not here {
        get: GetCollectionInfoRequest => GetCollectionInfoResponse,
        list: ListCollectionsRequest => ListCollectionsResponse,
        update: UpdateCollection => CollectionOperationResponse,
        delete: DeleteCollection => CollectionOperationResponse,
        update_aliases: ChangeAliases => CollectionOperationResponse,
        list_collection_aliases: ListCollectionAliasesRequest => ListAliasesResponse,
        list_aliases: ListAliasesRequest => ListAliasesResponse,
        collection_cluster_info: CollectionClusterInfoRequest => CollectionClusterInfoResponse,
        update_collection_cluster_setup: UpdateCollectionClusterSetupRequest => UpdateCollectionClusterSetupResponse,
        create_shard_key: CreateShardKeyRequest => CreateShardKeyResponse,
        delete_shard_key: DeleteShardKeyRequest => DeleteShardKeyResponse,
        list_shard_keys: ListShardKeysRequest => ListShardKeysResponse,
    }
}
