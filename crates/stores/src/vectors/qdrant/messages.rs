//! Questions to Qdrant, in our words.

use std::collections::HashMap;

use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::payload_index_params::IndexParams;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::quantization_config::Quantization;
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::{
    Condition, CountPoints, CreateCollection, CreateFieldIndexCollection, Datatype, DeletePoints,
    DenseVector, Distance, FieldCondition, FieldType, Filter, GetPoints, HasIdCondition, HnswConfigDiff,
    KeywordIndexParams, Match, PayloadIndexParams, PointId, PointStruct, PointsIdsList, PointsSelector,
    QuantizationConfig, QuantizationSearchParams, QuantizationType, Query, QueryPoints, ScalarQuantization,
    ScrollPoints, SearchParams, UpdateMode, UpsertPoints, Value, Vector, VectorInput, VectorParams, Vectors,
    VectorsConfig, query, vector, vector_input, vectors, vectors_config,
};
use recommend_core::{Name, TenantId};

use crate::vectors::{Comparison, Precision, QdrantOptions, Shape};

/// The payload by which tenants are apart.
pub(super) const TENANT: &str = "tenant";
/// The name of an embedding, in its definition.
pub(super) const EMBEDDING: &str = "embedding";
pub(super) const DIMENSION: &str = "dimension";
pub(super) const COMPARISON: &str = "comparison";
pub(super) const PRECISION: &str = "precision";

/// Links of a vector within its tenant.
const LINKS: u64 = 16;

/// What a comparison is called.
pub(super) fn comparison(of: Comparison) -> &'static str {
    match of {
        Comparison::Cosine => "cosine",
        Comparison::Dot => "dot",
    }
}

/// What a precision is called.
pub(super) fn precision(of: Precision) -> &'static str {
    match of {
        Precision::F32 => "f32",
        Precision::F16 => "f16",
        Precision::I8 => "i8",
    }
}

/// The point of a vector: a UUID of the tenant's number and its own, so that no two tenants can have one point.
pub(super) fn point(tenant: TenantId, id: u64) -> PointId {
    let digits = format!("{:016x}{id:016x}", tenant.0);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    PointId { point_id_options: Some(PointIdOptions::Uuid(parts.join("-"))) }
}

fn text(text: impl Into<String>) -> Value {
    Value { kind: Some(Kind::StringValue(text.into())) }
}

/// As decimal text: a payload's integer has a sign, a tenant's number has none.
fn tenant_text(tenant: TenantId) -> String {
    tenant.0.to_string()
}

/// A vector as it is written.
pub(super) fn stored(tenant: TenantId, id: u64, numbers: Vec<f32>) -> PointStruct {
    let payload = HashMap::from([(TENANT.to_owned(), text(tenant_text(tenant)))]);
    let vector =
        Vector { vector: Some(vector::Vector::Dense(DenseVector { data: numbers })), ..Vector::default() };
    let vectors = Vectors { vectors_options: Some(vectors::VectorsOptions::Vector(vector)) };
    PointStruct { id: Some(point(tenant, id)), payload, vectors: Some(vectors) }
}

/// A write that is acknowledged when it is in the log and searches find it.
pub(super) fn put(collection: String, points: Vec<PointStruct>) -> UpsertPoints {
    UpsertPoints { collection_name: collection, wait: Some(true), points, ..UpsertPoints::default() }
}

pub(super) fn remove(collection: String, ids: Vec<PointId>) -> DeletePoints {
    let points = PointsSelectorOneOf::Points(PointsIdsList { ids });
    DeletePoints {
        collection_name: collection,
        wait: Some(true),
        points: Some(PointsSelector { points_selector_one_of: Some(points) }),
        ..DeletePoints::default()
    }
}

/// The vectors of these points.
pub(super) fn vectors_of(collection: String, ids: Vec<PointId>) -> GetPoints {
    GetPoints {
        collection_name: collection,
        ids,
        with_vectors: Some(true.into()),
        with_payload: Some(false.into()),
        ..GetPoints::default()
    }
}

/// A search, through the graph of the tenant or, `exact`, through everything that the filter lets through.
pub(super) fn search(
    collection: String,
    vector: Vec<f32>,
    filter: Filter,
    limit: usize,
    exact: bool,
) -> QueryPoints {
    let input = VectorInput { variant: Some(vector_input::Variant::Dense(DenseVector { data: vector })) };
    // Twice as many are found by their codes as are wanted, and compared in full.
    let codes = QuantizationSearchParams {
        ignore: Some(exact),
        rescore: Some(true),
        oversampling: (!exact).then_some(2.0),
    };
    QueryPoints {
        collection_name: collection,
        query: Some(Query { variant: Some(query::Variant::Nearest(input)) }),
        filter: Some(filter),
        params: Some(SearchParams {
            exact: Some(exact),
            quantization: Some(codes),
            ..SearchParams::default()
        }),
        limit: Some(limit as u64),
        with_payload: Some(false.into()),
        with_vectors: Some(false.into()),
        ..QueryPoints::default()
    }
}

/// The vectors of a tenant, counted.
pub(super) fn how_many(collection: String, tenant: TenantId) -> CountPoints {
    CountPoints {
        collection_name: collection,
        filter: Some(of_tenant(tenant)),
        exact: Some(true),
        ..CountPoints::default()
    }
}

fn word(key: &str, value: &str) -> Condition {
    let value = Match { match_value: Some(MatchValue::Keyword(value.to_owned())) };
    let field = FieldCondition { key: key.to_owned(), r#match: Some(value), ..FieldCondition::default() };
    Condition { condition_one_of: Some(ConditionOneOf::Field(field)) }
}

/// What every search and every count begins with.
pub(super) fn of_tenant(tenant: TenantId) -> Filter {
    Filter { must: vec![word(TENANT, &tenant_text(tenant))], ..Filter::default() }
}

pub(super) fn one_of(tenant: TenantId, ids: impl Iterator<Item = u64>) -> Condition {
    let has_id = ids.map(|id| point(tenant, id)).collect();
    Condition { condition_one_of: Some(ConditionOneOf::HasId(HasIdCondition { has_id })) }
}

/// A collection. Its graph is by tenant: there is none over all, and none is searched.
#[expect(deprecated, reason = "servers before 1.20 know no other fields for what is in memory")]
pub(super) fn collection(name: &str, shape: Shape, options: &QdrantOptions) -> CreateCollection {
    let codes = ScalarQuantization {
        r#type: QuantizationType::Int8.into(),
        always_ram: Some(true),
        ..ScalarQuantization::default()
    };
    let codes = QuantizationConfig { quantization: Some(Quantization::Scalar(codes)) };
    let quantised = options.quantise || shape.precision == Precision::I8;
    let params = VectorParams {
        size: shape.dimension as u64,
        distance: match shape.comparison {
            Comparison::Cosine => Distance::Cosine.into(),
            Comparison::Dot => Distance::Dot.into(),
        },
        datatype: match shape.precision {
            Precision::F16 => Some(Datatype::Float16.into()),
            Precision::F32 | Precision::I8 => None,
        },
        quantization_config: quantised.then_some(codes),
        // In memory are the codes alone.
        on_disk: (shape.precision == Precision::I8).then_some(true),
        ..VectorParams::default()
    };
    CreateCollection {
        collection_name: name.to_owned(),
        hnsw_config: Some(HnswConfigDiff { m: Some(0), payload_m: Some(LINKS), ..HnswConfigDiff::default() }),
        vectors_config: Some(VectorsConfig { config: Some(vectors_config::Config::Params(params)) }),
        shard_number: options.shards,
        replication_factor: options.replicas,
        ..CreateCollection::default()
    }
}

/// The index of tenants, by which Qdrant keeps what belongs to one together on its disk, and makes a graph for each.
pub(super) fn tenants_apart(name: &str) -> CreateFieldIndexCollection {
    let params = KeywordIndexParams { is_tenant: Some(true), ..KeywordIndexParams::default() };
    CreateFieldIndexCollection {
        collection_name: name.to_owned(),
        wait: Some(true),
        field_name: TENANT.to_owned(),
        field_type: Some(FieldType::Keyword.into()),
        field_index_params: Some(PayloadIndexParams {
            index_params: Some(IndexParams::KeywordIndexParams(params)),
        }),
        ..CreateFieldIndexCollection::default()
    }
}

/// The shape of the collection of definitions, whose vectors mean nothing.
pub(super) const OF_DEFINITIONS: Shape =
    Shape { dimension: 1, comparison: Comparison::Dot, precision: Precision::F32 };

/// The number of an embedding's definition: FNV-1a of its name, the same in every process.
fn hash(embedding: &Name) -> u64 {
    embedding
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What an embedding of a tenant is. Of two who say it at once, the first is right.
pub(super) fn define(collection: String, tenant: TenantId, embedding: &Name, shape: Shape) -> UpsertPoints {
    let mut point = stored(tenant, hash(embedding), vec![0.0]);
    point.payload.extend([
        (EMBEDDING.to_owned(), text(embedding.as_str())),
        (DIMENSION.to_owned(), Value { kind: Some(Kind::IntegerValue(shape.dimension as i64)) }),
        (COMPARISON.to_owned(), text(comparison(shape.comparison))),
        (PRECISION.to_owned(), text(precision(shape.precision))),
    ]);
    let mode = Some(UpdateMode::InsertOnly.into());
    UpsertPoints { update_mode: mode, ..put(collection, vec![point]) }
}

/// The definition of an embedding of a tenant. By its point, because a strict Qdrant filters by nothing without an index.
pub(super) fn definition(collection: String, tenant: TenantId, embedding: &Name) -> GetPoints {
    GetPoints {
        collection_name: collection,
        ids: vec![point(tenant, hash(embedding))],
        with_payload: Some(true.into()),
        with_vectors: Some(false.into()),
        ..GetPoints::default()
    }
}

/// The definitions of a tenant, from a point on.
pub(super) fn definitions(collection: String, tenant: TenantId, from: Option<PointId>) -> ScrollPoints {
    ScrollPoints {
        collection_name: collection,
        filter: Some(of_tenant(tenant)),
        offset: from,
        limit: Some(256),
        with_payload: Some(true.into()),
        with_vectors: Some(false.into()),
        ..ScrollPoints::default()
    }
}
