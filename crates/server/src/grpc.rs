//! The gRPC services: each method hands its message to the [`Api`].

use std::sync::Arc;

use recommend_core::Deadline;
use tonic::{Request, Response, Status};

use crate::api::Api;
use crate::front::CallDeadline;
use crate::proto::catalog_service_server::CatalogService;
use crate::proto::recommend_service_server::RecommendService;
use crate::proto::{
    ListRecommendersRequest, ListRecommendersResponse, PutEntitiesRequest, PutEntitiesResponse,
    PutFeaturesRequest, PutFeaturesResponse, PutRelationsRequest, PutRelationsResponse, RecommendRequest,
    RecommendResponse, RecordInteractionsRequest, RecordInteractionsResponse,
};

/// Both services.
#[derive(Clone)]
pub(crate) struct Grpc(pub(crate) Arc<Api>);

fn deadline<T>(request: &Request<T>) -> Option<Deadline> {
    request.extensions().get::<CallDeadline>().and_then(|deadline| deadline.0)
}

#[tonic::async_trait]
impl RecommendService for Grpc {
    async fn recommend(
        &self,
        request: Request<RecommendRequest>,
    ) -> Result<Response<RecommendResponse>, Status> {
        let deadline = deadline(&request);
        self.0.recommend(request.get_ref(), deadline).await.map(Response::new)
    }

    async fn record_interactions(
        &self,
        request: Request<RecordInteractionsRequest>,
    ) -> Result<Response<RecordInteractionsResponse>, Status> {
        self.0.record_interactions(request.get_ref()).await.map(Response::new)
    }

    async fn list_recommenders(
        &self,
        request: Request<ListRecommendersRequest>,
    ) -> Result<Response<ListRecommendersResponse>, Status> {
        self.0.list_recommenders(request.get_ref()).map(Response::new)
    }
}

#[tonic::async_trait]
impl CatalogService for Grpc {
    async fn put_entities(
        &self,
        request: Request<PutEntitiesRequest>,
    ) -> Result<Response<PutEntitiesResponse>, Status> {
        self.0.put_entities(request.get_ref()).await.map(Response::new)
    }

    async fn put_relations(
        &self,
        request: Request<PutRelationsRequest>,
    ) -> Result<Response<PutRelationsResponse>, Status> {
        self.0.put_relations(request.get_ref()).await.map(Response::new)
    }

    async fn put_features(
        &self,
        request: Request<PutFeaturesRequest>,
    ) -> Result<Response<PutFeaturesResponse>, Status> {
        self.0.put_features(request.get_ref()).await.map(Response::new)
    }
}
