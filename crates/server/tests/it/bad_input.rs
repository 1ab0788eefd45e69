//! Bad input: every field, sizes, and bytes that are no message at all. Each gets its status, and the server serves on.

use crate::common::{CONFIG, TestServer, ask, click, raw};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use prost::Message;
use recommend_server::proto::attribute_value::Kind;
use recommend_server::proto::*;
use tonic::Code;

async fn refused(server: &TestServer, request: RecommendRequest) -> (Code, String) {
    let status = server.recommend().recommend(request).await.unwrap_err();
    (status.code(), status.message().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_recommender_is_not_found_with_those_that_there_are() {
    let server = TestServer::start(CONFIG).await;
    let (code, message) =
        refused(&server, RecommendRequest { source: "browsr".into(), ..ask("t", "u") }).await;
    assert_eq!(code, Code::NotFound);
    assert_eq!(
        message,
        "there is no recommender channel/browsr; did you mean channel/browser? there are channel/browser"
    );
    for corpus in ["", "Chännel", &"x".repeat(100_000)] {
        let (code, message) =
            refused(&server, RecommendRequest { corpus: corpus.into(), ..ask("t", "u") }).await;
        assert_eq!(code, Code::NotFound);
        assert!(message.len() < 500, "{}", message.len());
    }
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_an_invalid_argument_that_names_it() {
    let server = TestServer::start(CONFIG).await;
    let good = || ask("t", "u");
    let time = |seconds, nanos| Some(prost_types::Timestamp { seconds, nanos });
    for (bad, field) in [
        (RecommendRequest { limit: 0, ..good() }, "`limit`"),
        (RecommendRequest { limit: 1001, ..good() }, "`limit`"),
        (RecommendRequest { tenant: String::new(), ..good() }, "`tenant`"),
        (RecommendRequest { user: "x".repeat(65), ..good() }, "`user`"),
        (RecommendRequest { context: [("a".into(), f32::NAN)].into(), ..good() }, "`context.a`"),
        (RecommendRequest { context: [("a".into(), f32::INFINITY)].into(), ..good() }, "`context.a`"),
        (RecommendRequest { seeds: vec!["s".into(); 1001], ..good() }, "`seeds`"),
        (RecommendRequest { candidates: vec!["c".into(); 10_001], ..good() }, "`candidates`"),
        (RecommendRequest { candidates: vec!["c".into(), "x".repeat(65)], ..good() }, "`candidates[1]`"),
        (RecommendRequest { why_not: "x".repeat(65), ..good() }, "`why_not`"),
        (RecommendRequest { time: time(-1, 0), ..good() }, "`time`"),
        (RecommendRequest { time: time(i64::MAX, i32::MAX), ..good() }, "`time`"),
    ] {
        let (code, message) = refused(&server, bad).await;
        assert_eq!(code, Code::InvalidArgument, "{message}");
        assert!(message.starts_with(field), "{message}");
    }
    let record = |interactions| RecordInteractionsRequest { tenant: "t".into(), interactions };
    for (bad, field) in [
        (vec![], "`interactions`"),
        (vec![click("u", "c", 1); 10_001], "`interactions`"),
        (
            vec![Interaction { request_id: "nonsense".into(), ..click("u", "c", 1) }],
            "`interactions[0].request_id`",
        ),
        (vec![Interaction { value: Some(f32::NAN), ..click("u", "c", 1) }], "`interactions[0].value`"),
        (vec![Interaction { kind: "Big Click".into(), ..click("u", "c", 1) }], "`interactions[0].kind`"),
        (vec![Interaction { time: None, ..click("u", "c", 1) }], "`interactions[0].id`"),
    ] {
        let status = server.recommend().record_interactions(record(bad)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().starts_with(field), "{status}");
    }
    let entity = |kind| PutEntitiesRequest {
        tenant: "t".into(),
        entities: vec![Entity {
            corpus: "channel".into(),
            id: "c".into(),
            attributes: [("size".to_owned(), AttributeValue { kind: Some(kind) })].into(),
            remove: false,
        }],
    };
    let status = server.catalog().put_entities(entity(Kind::Number(f64::INFINITY))).await.unwrap_err();
    assert!(status.message().starts_with("`entities[0].attributes.size`"), "{status}");
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_do_not_exist_are_no_error() {
    let server = TestServer::start(CONFIG).await;
    let request = RecommendRequest {
        seeds: vec!["nobody".into()],
        why_not: "no-such-channel".into(),
        ..ask("no-such-tenant", "no-such-user")
    };
    let answer = server.recommend().recommend(request).await.unwrap().into_inner();
    assert!(answer.recommendations.is_empty());
    assert_eq!(answer.why_not, "no-such-channel was proposed by no fetcher; all, popular ran");
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_only_the_client_knows_comes_back_under_its_name() {
    let config = CONFIG.replace("{ kind = \"popular\" }", "{ kind = \"given\" }");
    let config = config.replace("\"popular.score\"", "").replace("\"not-private\",", "");
    let server = TestServer::start(&config).await;
    let request = RecommendRequest { candidates: vec!["brand-new".into()], ..ask("t", "u") };
    let answer = server.recommend().recommend(request).await.unwrap().into_inner();
    assert_eq!(crate::common::entities(&answer), ["brand-new"]);
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_ten_megabytes_is_refused_and_the_bound_is_named() {
    let server = TestServer::start(CONFIG).await;
    let request = RecommendRequest { seeds: vec!["x".repeat(60); 170_000], ..ask("t", "u") };
    assert!(request.encoded_len() > 10_000_000);
    let (code, message) = refused(&server, request).await;
    assert_eq!(code, Code::InvalidArgument);
    assert!(message.contains("at most 4194304 bytes"), "{message}");
    let body = format!("{{\"tenant\": \"{}\"}}", "x".repeat(10_000_000));
    let answer = raw::http(server.server.http_addr(), "POST", "/v1/recommend", &[], &body).await;
    // The server may close before the client has sent everything; then the client reads nothing.
    assert!(answer.status == 400 || answer.status == 0, "{answer:?}");
    assert!(server.recommend().recommend(ask("t", "u")).await.is_ok(), "it serves on");
    server.server.shutdown().await.unwrap();
}

const PATHS: [&str; 5] = [
    "/recommend.v1.RecommendService/Recommend",
    "/recommend.v1.RecommendService/RecordInteractions",
    "/recommend.v1.CatalogService/PutEntities",
    "/recommend.v1.CatalogService/PutRelations",
    "/recommend.v1.CatalogService/PutFeatures",
];

/// Valid messages, so that what is flipped and cut comes close to being one.
fn corpus() -> Vec<Vec<u8>> {
    let request = RecommendRequest {
        context: [("hour".into(), 3.5)].into(),
        seeds: vec!["a".into(), "b".into()],
        time: Some(prost_types::Timestamp { seconds: 1_000_000_000, nanos: 5 }),
        seed: Some(7),
        explain: true,
        ..ask("tenant", "user")
    };
    let attributes = [
        ("private".to_owned(), AttributeValue { kind: Some(Kind::Flag(true)) }),
        ("size".to_owned(), AttributeValue { kind: Some(Kind::Number(2.5)) }),
    ];
    let entity =
        Entity { corpus: "channel".into(), id: "c".into(), attributes: attributes.into(), remove: false };
    vec![
        request.encode_to_vec(),
        RecordInteractionsRequest { tenant: "t".into(), interactions: vec![click("u", "c", 1); 3] }
            .encode_to_vec(),
        PutEntitiesRequest { tenant: "t".into(), entities: vec![entity] }.encode_to_vec(),
        Vec::new(),
    ]
}

#[test]
fn garbage_never_takes_the_server_down() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let server = runtime.block_on(TestServer::start(CONFIG));
    let message = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        (
            prop::sample::select(corpus()),
            prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
        )
            .prop_map(|(mut message, flips)| {
                for (at, byte) in flips {
                    if !message.is_empty() {
                        let at = at.index(message.len());
                        message[at] = byte;
                    }
                }
                message
            }),
        (prop::sample::select(corpus()), any::<prop::sample::Index>()).prop_map(|(mut message, at)| {
            message.truncate(at.index(message.len() + 1));
            message
        }),
    ];
    let strategy = (prop::sample::select(PATHS.to_vec()), message);
    TestRunner::new(Cases::with_cases(400))
        .run(&strategy, |(path, message)| {
            let answer = runtime.block_on(raw::call(server.channel.clone(), path, message));
            if let Err(status) = answer {
                let code = status.code();
                let expected =
                    matches!(code, Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition)
                        || code == Code::Internal && status.message().contains("decode Protobuf");
                prop_assert!(expected, "{status}");
            }
            Ok(())
        })
        .unwrap();
    runtime.block_on(async {
        assert!(server.recommend().recommend(ask("t", "u")).await.is_ok(), "it serves on");
        server.server.shutdown().await.unwrap();
    });
}
