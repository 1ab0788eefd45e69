//! What Qdrant answers, read with suspicion: what is not of the tenant, or no number, is believed by nobody.

use std::collections::HashMap;

use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::{
    PointId, RetrievedPoint, ScoredPoint, Value, VectorsOutput, vector_output, vectors_output,
};
use recommend_core::{Name, TenantId};

use super::messages::{COMPARISON, DIMENSION, EMBEDDING, PRECISION, TENANT};
use crate::vectors::{Among, Comparison, Near, Precision, Shape};

/// What was answered that cannot be.
pub(super) type Nonsense = String;

/// The vector's number of a point of the tenant.
fn number(tenant: TenantId, point: Option<&PointId>) -> Result<u64, Nonsense> {
    let Some(PointIdOptions::Uuid(text)) = point.and_then(|point| point.point_id_options.as_ref()) else {
        return Err("a point that nobody here has written".to_owned());
    };
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let number = u128::from_str_radix(&digits, 16);
    let Some(number) = number.ok().filter(|_| digits.len() == 32) else {
        return Err("a point that nobody here has written".to_owned());
    };
    match (number >> 64) as u64 == tenant.0 {
        true => Ok(number as u64),
        // Without a number: it is not this tenant's business.
        false => Err("a point of another tenant".to_owned()),
    }
}

/// The points of a search in the order of the contract: nearest first, ties by id, each once.
pub(super) fn near(
    tenant: TenantId,
    points: &[ScoredPoint],
    among: Among<'_>,
) -> Result<Vec<Near>, Nonsense> {
    let mut near = Vec::with_capacity(points.len());
    for point in points {
        let id = number(tenant, point.id.as_ref())?;
        if !point.score.is_finite() {
            return Err(format!("that something is as near as {}", point.score));
        }
        // What `Where` holds is asked of it afterwards.
        if !matches!(among, Among::Where(_)) && !among.holds(id) {
            return Err("a point that was not asked for".to_owned());
        }
        near.push(Near { id, similarity: point.score });
    }
    near.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.id.cmp(&b.id)));
    let mut seen = std::collections::HashSet::with_capacity(near.len());
    near.retain(|near| seen.insert(near.id));
    Ok(near)
}

/// The numbers of the points that are there.
pub(super) fn vectors(
    tenant: TenantId,
    dimension: usize,
    points: Vec<RetrievedPoint>,
) -> Result<HashMap<u64, Vec<f32>>, Nonsense> {
    let one = |point: RetrievedPoint| {
        let id = number(tenant, point.id.as_ref())?;
        let numbers = numbers(point.vectors).filter(|numbers| numbers.len() == dimension);
        let numbers = numbers.filter(|numbers| numbers.iter().all(|x| x.is_finite()));
        Ok((id, numbers.ok_or_else(|| format!("a vector that is none of {dimension} numbers"))?))
    };
    points.into_iter().map(one).collect()
}

fn numbers(vectors: Option<VectorsOutput>) -> Option<Vec<f32>> {
    match vectors?.vectors_options? {
        #[expect(deprecated, reason = "servers before 1.16 answer in the old field")]
        vectors_output::VectorsOptions::Vector(found) => Some(match found.vector {
            Some(vector_output::Vector::Dense(dense)) => dense.data,
            _ => found.data,
        }),
        vectors_output::VectorsOptions::Vectors(_) => None,
    }
}

/// What a definition says.
pub(super) fn definition(
    tenant: TenantId,
    payload: &HashMap<String, Value>,
) -> Result<(Name, Shape), Nonsense> {
    let word = |key: &str| match payload.get(key).and_then(|value| value.kind.as_ref()) {
        Some(Kind::StringValue(text)) => text.as_str(),
        _ => "",
    };
    if word(TENANT) != tenant.0.to_string() {
        return Err("a definition of another tenant".to_owned());
    }
    let read = || {
        let dimension = match payload.get(DIMENSION)?.kind.as_ref()? {
            Kind::IntegerValue(dimension) => usize::try_from(*dimension).ok()?,
            _ => return None,
        };
        let comparison = match word(COMPARISON) {
            "cosine" => Comparison::Cosine,
            "dot" => Comparison::Dot,
            _ => return None,
        };
        let precision = match word(PRECISION) {
            "f32" => Precision::F32,
            "f16" => Precision::F16,
            "i8" => Precision::I8,
            _ => return None,
        };
        Some((Name::new(word(EMBEDDING)).ok()?, Shape { dimension, comparison, precision }))
    };
    read().ok_or_else(|| "a definition of an embedding that is none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::messages;
    use super::*;

    fn scored(tenant: u64, id: u64, score: f32) -> ScoredPoint {
        ScoredPoint { id: Some(messages::point(TenantId(tenant), id)), score, ..ScoredPoint::default() }
    }

    #[test]
    fn a_point_is_a_tenant_and_a_number() {
        for (tenant, id) in [(0, 0), (1, u64::MAX), (u64::MAX, 1), (u64::MAX, u64::MAX)] {
            let point = messages::point(TenantId(tenant), id);
            assert_eq!(number(TenantId(tenant), Some(&point)), Ok(id));
            let other = number(TenantId(tenant ^ 1), Some(&point));
            assert!(other.unwrap_err().contains("another tenant"));
        }
        let plain = PointId { point_id_options: Some(PointIdOptions::Num(3)) };
        let text = PointId { point_id_options: Some(PointIdOptions::Uuid("ä3".to_owned())) };
        for point in [None, Some(&plain), Some(&text)] {
            assert!(number(TenantId(1), point).is_err());
        }
    }

    #[test]
    fn the_nearest_come_first_ties_by_id_each_once() {
        let found = [scored(1, 9, 0.5), scored(1, 3, 0.5), scored(1, 4, 0.9), scored(1, 4, 0.9)];
        let near = near(TenantId(1), &found, Among::All).unwrap();
        assert_eq!(near.iter().map(|near| near.id).collect::<Vec<_>>(), [4, 3, 9]);
    }

    #[test]
    fn what_is_not_the_tenants_or_no_number_or_not_asked_for_is_not_believed() {
        let only = [1, 2].into();
        for (point, among) in [
            (scored(2, 1, 0.5), Among::All),
            (scored(1, 1, f32::NAN), Among::All),
            (scored(1, 1, f32::INFINITY), Among::All),
            (scored(1, 3, 0.5), Among::Only(&only)),
            (scored(1, 1, 0.5), Among::Except(&only)),
        ] {
            assert!(near(TenantId(1), &[point], among).is_err(), "{among:?}");
        }
    }

    #[test]
    fn definitions_are_read_as_they_are_written() {
        let name = Name::literal("user-channel");
        for (comparison, precision) in
            [(Comparison::Dot, Precision::F16), (Comparison::Cosine, Precision::I8)]
        {
            let shape = Shape { dimension: 64, comparison, precision };
            let payload = messages::define(String::new(), TenantId(7), &name, shape).points.remove(0).payload;
            assert_eq!(definition(TenantId(7), &payload), Ok((name.clone(), shape)));
            assert!(definition(TenantId(8), &payload).is_err());
        }
        assert!(definition(TenantId(7), &HashMap::new()).is_err());
    }
}
