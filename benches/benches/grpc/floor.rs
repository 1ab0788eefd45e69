//! The peer that any server has: one that answers at once. What it takes is what tonic, loopback and this machine take.

use recommend_server::proto::recommend_service_server::{RecommendService, RecommendServiceServer};
use recommend_server::proto::{
    ListRecommendersRequest, ListRecommendersResponse, RecommendRequest, RecommendResponse, Recommendation,
    RecordInteractionsRequest, RecordInteractionsResponse,
};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::serve::Ended;

/// The same answer for everybody, as long as a real one.
struct Prepared(RecommendResponse);

#[async_trait::async_trait]
impl RecommendService for Prepared {
    async fn recommend(&self, _: Request<RecommendRequest>) -> Result<Response<RecommendResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn record_interactions(
        &self,
        _: Request<RecordInteractionsRequest>,
    ) -> Result<Response<RecordInteractionsResponse>, Status> {
        Err(Status::unimplemented("the floor only answers Recommend"))
    }

    async fn list_recommenders(
        &self,
        _: Request<ListRecommendersRequest>,
    ) -> Result<Response<ListRecommendersResponse>, Status> {
        Err(Status::unimplemented("the floor only answers Recommend"))
    }
}

/// Serves until a line comes on standard input; says the same as a real server at its start and its end.
pub(crate) async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let item = |at: u32| Recommendation {
        entity: format!("C{at:010}"),
        score: 1.0 / f64::from(at + 1) as f32,
        propensity: 1.0,
        ..Recommendation::default()
    };
    let answer = RecommendResponse {
        request_id: "0".repeat(32),
        recommendations: (0..10).map(item).collect(),
        model_version: "linear-1".to_owned(),
        ..RecommendResponse::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let served = tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(RecommendServiceServer::new(Prepared(answer)))
            .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))),
    );
    println!("http://{address}");
    println!("{}", serde_json::to_string(&("T1", ["U1"]))?);
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    served.abort();
    println!("{}", serde_json::to_string(&Ended { shed: 0, shadows_run: 0, shadows_dropped: 0 })?);
    Ok(())
}
