//! Qdrant's service of points: written into a map, searched by looking at all of them.

use std::sync::atomic::Ordering;

use qdrant_client::qdrant::payload_index_params::IndexParams;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_server::Points;
use qdrant_client::qdrant::{self, UpdateMode};
use tonic::{Request, Response, Status};

use super::service;
use super::state::{Point, Shared, number, uuid};

fn done() -> Response<qdrant::PointsOperationResponse> {
    let status = qdrant::UpdateStatus::Completed.into();
    let result = Some(qdrant::UpdateResult { status, ..qdrant::UpdateResult::default() });
    Response::new(qdrant::PointsOperationResponse { result, ..qdrant::PointsOperationResponse::default() })
}

fn waits(wait: Option<bool>) -> Result<(), Status> {
    match wait {
        Some(true) => Ok(()),
        _ => Err(Status::failed_precondition("a write that does not wait is not acknowledged")),
    }
}

fn read_back(id: u128, point: &Point, with_vectors: bool) -> qdrant::RetrievedPoint {
    let vector = qdrant::VectorOutput {
        vector: Some(qdrant::vector_output::Vector::Dense(qdrant::DenseVector {
            data: point.vector.clone(),
        })),
        ..qdrant::VectorOutput::default()
    };
    let vectors = qdrant::VectorsOutput {
        vectors_options: Some(qdrant::vectors_output::VectorsOptions::Vector(vector)),
    };
    qdrant::RetrievedPoint {
        id: uuid(id),
        payload: point.payload.clone(),
        vectors: with_vectors.then_some(vectors),
        ..qdrant::RetrievedPoint::default()
    }
}

fn dense(vectors: Option<qdrant::Vectors>) -> Result<Vec<f32>, Status> {
    let vector = match vectors.and_then(|vectors| vectors.vectors_options) {
        Some(qdrant::vectors::VectorsOptions::Vector(vector)) => vector.vector,
        _ => None,
    };
    match vector {
        Some(qdrant::vector::Vector::Dense(dense)) => Ok(dense.data),
        _ => Err(Status::unimplemented("vectors that are not dense")),
    }
}

service! {
    Points {
        async fn upsert(
            &self,
            request: Request<qdrant::UpsertPoints>,
        ) -> Result<Response<qdrant::PointsOperationResponse>, Status> {
            let request = self.begin(request).await?;
            waits(request.wait)?;
            self.with(&request.collection_name, |collection| {
                for point in request.points {
                    let id = number(point.id.as_ref())?;
                    let vector = collection.kept(&dense(point.vectors)?)?;
                    let first_wins = request.update_mode == Some(UpdateMode::InsertOnly.into());
                    if !(first_wins && collection.points.contains_key(&id)) {
                        collection.points.insert(id, Point { payload: point.payload, vector });
                    }
                }
                Ok(done())
            })
        }

        async fn delete(
            &self,
            request: Request<qdrant::DeletePoints>,
        ) -> Result<Response<qdrant::PointsOperationResponse>, Status> {
            let request = self.begin(request).await?;
            waits(request.wait)?;
            self.with(&request.collection_name, |collection| {
                let Some(PointsSelectorOneOf::Points(points)) =
                    request.points.and_then(|points| points.points_selector_one_of)
                else {
                    return Err(Status::unimplemented("this selector"));
                };
                for id in &points.ids {
                    collection.points.remove(&number(Some(id))?);
                }
                Ok(done())
            })
        }

        async fn get(
            &self,
            request: Request<qdrant::GetPoints>,
        ) -> Result<Response<qdrant::GetResponse>, Status> {
            let request = self.begin(request).await?;
            self.with(&request.collection_name, |collection| {
                let mut result = Vec::new();
                for id in &request.ids {
                    let id = number(Some(id))?;
                    result.extend(collection.points.get(&id).map(|point| read_back(id, point, true)));
                }
                // In another order than asked for: Qdrant promises none.
                result.reverse();
                Ok(Response::new(qdrant::GetResponse { result, ..qdrant::GetResponse::default() }))
            })
        }

        async fn create_field_index(
            &self,
            request: Request<qdrant::CreateFieldIndexCollection>,
        ) -> Result<Response<qdrant::PointsOperationResponse>, Status> {
            let request = self.begin(request).await?;
            let params = request.field_index_params.and_then(|params| params.index_params);
            self.with(&request.collection_name, |collection| {
                collection.tenants_apart = request.field_name == "tenant"
                    && matches!(&params, Some(IndexParams::KeywordIndexParams(of)) if of.is_tenant == Some(true));
                Ok(done())
            })
        }

        async fn scroll(
            &self,
            request: Request<qdrant::ScrollPoints>,
        ) -> Result<Response<qdrant::ScrollResponse>, Status> {
            let request = self.begin(request).await?;
            let from = request.offset.as_ref().map_or(Ok(0), |from| number(Some(from)))?;
            self.with(&request.collection_name, |collection| {
                let through = collection.through(request.filter.as_ref())?;
                let limit = request.limit.unwrap_or(10) as usize;
                let mut rest = through.into_iter().filter(|(id, _)| *id >= from);
                let result = rest.by_ref().take(limit).map(|(id, point)| read_back(id, point, false)).collect();
                let next_page_offset = rest.next().and_then(|(id, _)| uuid(id));
                Ok(Response::new(qdrant::ScrollResponse {
                    result,
                    next_page_offset,
                    ..qdrant::ScrollResponse::default()
                }))
            })
        }

        async fn count(
            &self,
            request: Request<qdrant::CountPoints>,
        ) -> Result<Response<qdrant::CountResponse>, Status> {
            let request = self.begin(request).await?;
            self.with(&request.collection_name, |collection| {
                let count = collection.through(request.filter.as_ref())?.len() as u64;
                let result = Some(qdrant::CountResult { count });
                Ok(Response::new(qdrant::CountResponse { result, ..qdrant::CountResponse::default() }))
            })
        }

        async fn query(
            &self,
            request: Request<qdrant::QueryPoints>,
        ) -> Result<Response<qdrant::QueryResponse>, Status> {
            let request = self.begin(request).await?;
            let Some(qdrant::query::Variant::Nearest(input)) = request.query.and_then(|query| query.variant) else {
                return Err(Status::unimplemented("this query"));
            };
            let Some(qdrant::vector_input::Variant::Dense(wanted)) = input.variant else {
                return Err(Status::unimplemented("this vector"));
            };
            let limit = match request.limit.unwrap_or(10) {
                0 => return Err(Status::invalid_argument("limit must be at least 1")),
                limit => limit as usize,
            };
            self.with(&request.collection_name, |collection| {
                let wanted = collection.kept(&wanted.data)?;
                let through = match self.mixing.load(Ordering::SeqCst) {
                    true => collection.points.iter().map(|(id, point)| (*id, point)).collect(),
                    false => collection.through(request.filter.as_ref())?,
                };
                let scored = |(id, point): (u128, &Point)| {
                    let score = wanted.iter().zip(&point.vector).map(|(a, b)| a * b).sum();
                    qdrant::ScoredPoint { id: uuid(id), score, ..qdrant::ScoredPoint::default() }
                };
                let mut result: Vec<_> = through.into_iter().map(scored).collect();
                result.sort_by(|a, b| b.score.total_cmp(&a.score));
                result.truncate(limit);
                Ok(Response::new(qdrant::QueryResponse { result, ..qdrant::QueryResponse::default() }))
            })
        }
    } not here {
        update_vectors: UpdatePointVectors => PointsOperationResponse,
        delete_vectors: DeletePointVectors => PointsOperationResponse,
        set_payload: SetPayloadPoints => PointsOperationResponse,
        overwrite_payload: SetPayloadPoints => PointsOperationResponse,
        delete_payload: DeletePayloadPoints => PointsOperationResponse,
        clear_payload: ClearPayloadPoints => PointsOperationResponse,
        delete_field_index: DeleteFieldIndexCollection => PointsOperationResponse,
        create_vector_name: CreateVectorNameRequest => PointsOperationResponse,
        delete_vector_name: DeleteVectorNameRequest => PointsOperationResponse,
        search: SearchPoints => SearchResponse,
        search_batch: SearchBatchPoints => SearchBatchResponse,
        search_groups: SearchPointGroups => SearchGroupsResponse,
        recommend: RecommendPoints => RecommendResponse,
        recommend_batch: RecommendBatchPoints => RecommendBatchResponse,
        recommend_groups: RecommendPointGroups => RecommendGroupsResponse,
        discover: DiscoverPoints => DiscoverResponse,
        discover_batch: DiscoverBatchPoints => DiscoverBatchResponse,
        update_batch: UpdateBatchPoints => UpdateBatchResponse,
        query_batch: QueryBatchPoints => QueryBatchResponse,
        query_groups: QueryPointGroups => QueryGroupsResponse,
        facet: FacetCounts => FacetResponse,
        search_matrix_pairs: SearchMatrixPoints => SearchMatrixPairsResponse,
        search_matrix_offsets: SearchMatrixPoints => SearchMatrixOffsetsResponse,
    }
}
