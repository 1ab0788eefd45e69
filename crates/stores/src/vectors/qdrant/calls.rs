//! The calls that are made, each as a function from a connection and a request to an answer.

use futures::future::BoxFuture;
use qdrant_client::qdrant::collections_client::CollectionsClient;
use qdrant_client::qdrant::points_client::PointsClient;
use qdrant_client::qdrant::{
    CollectionExistsRequest, CollectionExistsResponse, CollectionOperationResponse, CountPoints,
    CountResponse, CreateCollection, CreateFieldIndexCollection, DeletePoints, GetPoints, GetResponse,
    PointsOperationResponse, QueryPoints, QueryResponse, ScrollPoints, ScrollResponse, UpsertPoints,
};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// What a call comes to.
pub(super) type Answer<A> = BoxFuture<'static, Result<Response<A>, Status>>;

/// A call.
pub(super) type Call<Q, A> = fn(Channel, Request<Q>) -> Answer<A>;

/// The most bytes of an answer: 10,000 vectors of 4,096 numbers.
const ANSWER: usize = 192 << 20;

macro_rules! calls {
    ($($name:ident: $client:ident.$method:ident($request:ident) -> $answer:ident;)*) => {
        $(pub(super) fn $name(to: Channel, request: Request<$request>) -> Answer<$answer> {
            Box::pin(async move { $client::new(to).max_decoding_message_size(ANSWER).$method(request).await })
        })*
    };
}

calls! {
    exists: CollectionsClient.collection_exists(CollectionExistsRequest) -> CollectionExistsResponse;
    create: CollectionsClient.create(CreateCollection) -> CollectionOperationResponse;
    create_index: PointsClient.create_field_index(CreateFieldIndexCollection) -> PointsOperationResponse;
    upsert: PointsClient.upsert(UpsertPoints) -> PointsOperationResponse;
    delete: PointsClient.delete(DeletePoints) -> PointsOperationResponse;
    get: PointsClient.get(GetPoints) -> GetResponse;
    scroll: PointsClient.scroll(ScrollPoints) -> ScrollResponse;
    count: PointsClient.count(CountPoints) -> CountResponse;
    query: PointsClient.query(QueryPoints) -> QueryResponse;
}
