//! What the server holds, and what filters let through.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::{Condition, Filter, PointId, Value};
use tonic::{Request, Status};

use super::Made;

#[derive(Clone)]
pub(super) struct Point {
    pub(super) payload: HashMap<String, Value>,
    pub(super) vector: Vec<f32>,
}

#[derive(Default)]
pub(super) struct Collection {
    pub(super) size: usize,
    pub(super) cosine: bool,
    pub(super) halves: bool,
    pub(super) tenants_apart: bool,
    pub(super) graph_by_tenant: bool,
    pub(super) quantised: bool,
    pub(super) shards: Option<u32>,
    pub(super) replicas: Option<u32>,
    pub(super) points: BTreeMap<u128, Point>,
}

impl Collection {
    pub(super) fn made(&self) -> Made {
        Made {
            points: self.points.len(),
            tenants_apart: self.tenants_apart,
            graph_by_tenant: self.graph_by_tenant,
            quantised: self.quantised,
            shards: self.shards,
            replicas: self.replicas,
        }
    }

    /// A vector as Qdrant keeps it.
    pub(super) fn kept(&self, vector: &[f32]) -> Result<Vec<f32>, Status> {
        if vector.len() != self.size {
            let (expected, got) = (self.size, vector.len());
            let reason = format!("Wrong input: Vector dimension error: expected dim: {expected}, got {got}");
            return Err(Status::invalid_argument(reason));
        }
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        let scale = if self.cosine && length > 0.0 { length } else { 1.0 };
        let rounded = |x: f32| if self.halves { half::f16::from_f32(x).to_f32() } else { x };
        Ok(vector.iter().map(|x| rounded(x / scale)).collect())
    }

    /// The points that a filter lets through, in the order of their ids. It must be of one tenant.
    pub(super) fn through(&self, filter: Option<&Filter>) -> Result<Vec<(u128, &Point)>, Status> {
        let filter = filter.ok_or_else(|| Status::failed_precondition("a question of no tenant"))?;
        let of_tenant = |condition: &Condition| matches!(&condition.condition_one_of, Some(ConditionOneOf::Field(field)) if field.key == "tenant");
        if !filter.must.iter().any(of_tenant) || !self.tenants_apart {
            return Err(Status::failed_precondition(
                "a question of no tenant, or before there is an index of them",
            ));
        }
        if !filter.should.is_empty() || filter.min_should.is_some() {
            return Err(Status::unimplemented("should"));
        }
        let mut through = Vec::new();
        'points: for (id, point) in &self.points {
            for (conditions, wanted) in [(&filter.must, true), (&filter.must_not, false)] {
                for condition in conditions {
                    if holds(condition, *id, point)? != wanted {
                        continue 'points;
                    }
                }
            }
            through.push((*id, point));
        }
        Ok(through)
    }
}

fn holds(condition: &Condition, id: u128, point: &Point) -> Result<bool, Status> {
    match &condition.condition_one_of {
        Some(ConditionOneOf::HasId(ids)) => {
            let ids: Result<Vec<u128>, Status> = ids.has_id.iter().map(|id| number(Some(id))).collect();
            Ok(ids?.contains(&id))
        }
        Some(ConditionOneOf::Field(field)) if field.key != "tenant" => {
            let reason = format!("Index required but not found for \"{}\"", field.key);
            Err(Status::invalid_argument(reason))
        }
        Some(ConditionOneOf::Field(field)) => {
            match field.r#match.as_ref().and_then(|wanted| wanted.match_value.as_ref()) {
                Some(MatchValue::Keyword(wanted)) => Ok(matches!(
                    point.payload.get(&field.key).and_then(|value| value.kind.as_ref()),
                    Some(Kind::StringValue(text)) if text == wanted
                )),
                _ => Err(Status::unimplemented("this match")),
            }
        }
        _ => Err(Status::unimplemented("this condition")),
    }
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) collections: Mutex<HashMap<String, Collection>>,
    pub(super) refusing: Mutex<Option<(Status, usize)>>,
    pub(super) asked: AtomicUsize,
    pub(super) delay: Mutex<Duration>,
    pub(super) mixing: AtomicBool,
    pub(super) key: Mutex<Option<String>>,
}

impl Shared {
    /// Whether a call has the key.
    pub(super) fn admit(&self, request: Request<()>) -> Result<Request<()>, Status> {
        let key = self.key.lock();
        let given = request.metadata().get("api-key").and_then(|key| key.to_str().ok());
        match &*key {
            Some(key) if given != Some(key) => {
                Err(Status::unauthenticated("Must provide an API key or an Authorization bearer token"))
            }
            _ => Ok(request),
        }
    }

    /// What every call begins with.
    pub(super) async fn begin<T>(&self, request: Request<T>) -> Result<T, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let delay = *self.delay.lock();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let mut refusing = self.refusing.lock();
        match &mut *refusing {
            Some((status, calls)) if *calls > 0 => {
                *calls -= 1;
                Err(status.clone())
            }
            _ => Ok(request.into_inner()),
        }
    }

    pub(super) fn with<T>(
        &self,
        name: &str,
        work: impl FnOnce(&mut Collection) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let mut collections = self.collections.lock();
        let missing = || Status::not_found(format!("Not found: Collection `{name}` doesn't exist!"));
        work(collections.get_mut(name).ok_or_else(missing)?)
    }
}

/// The number that a UUID is.
pub(super) fn number(id: Option<&PointId>) -> Result<u128, Status> {
    let Some(PointIdOptions::Uuid(uuid)) = id.and_then(|id| id.point_id_options.as_ref()) else {
        return Err(Status::unimplemented("ids that are no UUIDs"));
    };
    let digits: String = uuid.chars().filter(|c| *c != '-').collect();
    let bad = || Status::invalid_argument(format!("Unable to parse UUID: {uuid}"));
    match uuid.len() == 36 && digits.len() == 32 {
        true => u128::from_str_radix(&digits, 16).map_err(|_| bad()),
        false => Err(bad()),
    }
}

/// The UUID of a number, as Qdrant writes them.
pub(super) fn uuid(number: u128) -> Option<PointId> {
    let digits = format!("{number:032x}");
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Some(PointId { point_id_options: Some(PointIdOptions::Uuid(parts.join("-"))) })
}
