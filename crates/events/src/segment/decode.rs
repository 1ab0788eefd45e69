//! From frames back to records.

use std::sync::Arc;

use recommend_core::{Cause, InteractionId, Name, RequestId, Stage, Timestamp};

use super::bytes::Cursor;
use super::{INTERACTIONS, MARK, Mark, NAME, PIPELINE, REQUEST, SegmentRecord};
use crate::row::{ImpressionRow, InteractionRow, Placement, RequestRow};

/// What all requests of a recommender share: written once per segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// The type of entity.
    pub corpus: Name,
    /// The part of the product.
    pub source: Name,
    /// The experiment, if any.
    pub experiment: Option<Name>,
    /// The arm of it, if any.
    pub variant: Option<Name>,
    /// The model that scored.
    pub model: String,
    /// The hash of the feature schema.
    pub schema: u64,
    /// The features, in the order of the columns.
    pub features: Arc<[Name]>,
    /// The fetchers, in the order of the bits.
    pub fetchers: Arc<[Name]>,
}

/// A request with its impressions as columns, as a segment holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentRequest {
    /// What it shares with others.
    pub pipeline: Arc<Pipeline>,
    /// Names the request.
    pub request: RequestId,
    /// As of when it was answered.
    pub time: Timestamp,
    /// The pseudonym of the tenant.
    pub tenant: u64,
    /// The pseudonym of the user.
    pub user: u64,
    /// The seed of the run's randomness.
    pub seed: u64,
    /// How many came back at most.
    pub limit: u32,
    /// How many candidates the fetchers proposed.
    pub candidates: u32,
    /// How many were scored.
    pub scored: u32,
    /// How long the run took, in microseconds.
    pub latency_us: u64,
    /// What was degraded.
    pub degraded: Vec<(Stage, Name, Cause)>,
    /// How many of the impressions, from the first, were part of the answer.
    pub shown: usize,
    /// The request that the user saw the answer of, when this one is a shadow's.
    pub shadow_of: Option<RequestId>,
    /// Per impression, the variant that put it there, when two rankings were interleaved; else empty.
    pub drafted: Vec<Name>,
    /// One entity per impression, best first; pseudonyms in a corpus of people.
    pub entities: Vec<u64>,
    /// One score per impression.
    pub scores: Vec<f32>,
    /// One propensity per impression.
    pub propensities: Vec<f32>,
    /// Per impression, the fetchers that proposed it: bit `i` is `pipeline.fetchers[i]`.
    pub fetched_by: Vec<u64>,
    /// Row-major, one row per impression and one column per feature.
    pub features: Vec<f32>,
}

impl SegmentRequest {
    /// One without anything of its own.
    fn of(pipeline: Arc<Pipeline>) -> Self {
        SegmentRequest {
            pipeline,
            request: RequestId(0),
            time: Timestamp(0),
            tenant: 0,
            user: 0,
            seed: 0,
            limit: 0,
            candidates: 0,
            scored: 0,
            latency_us: 0,
            degraded: Vec::new(),
            shown: 0,
            shadow_of: None,
            drafted: Vec::new(),
            entities: Vec::new(),
            scores: Vec::new(),
            propensities: Vec::new(),
            fetched_by: Vec::new(),
            features: Vec::new(),
        }
    }

    /// Its row of `requests`.
    pub fn row(&self) -> RequestRow {
        RequestRow {
            request: self.request,
            time: self.time,
            tenant: self.tenant,
            user: self.user,
            corpus: self.pipeline.corpus.clone(),
            source: self.pipeline.source.clone(),
            experiment: self.pipeline.experiment.clone(),
            variant: self.pipeline.variant.clone(),
            shadow_of: self.shadow_of,
            model: self.pipeline.model.clone(),
            schema: self.pipeline.schema,
            limit: self.limit,
            candidates: self.candidates,
            scored: self.scored,
            returned: self.shown as u32,
            latency_us: self.latency_us,
            seed: self.seed,
            degraded: self.degraded().collect(),
        }
    }

    /// What was degraded, as `stage/component/cause`.
    pub(crate) fn degraded(&self) -> impl Iterator<Item = String> + '_ {
        self.degraded
            .iter()
            .map(|(stage, component, cause)| format!("{}/{component}/{}", stage.name(), cause.name()))
    }

    /// Its rows of `impressions`.
    pub fn impressions(&self) -> impl Iterator<Item = ImpressionRow> + '_ {
        let width = self.pipeline.features.len();
        (0..self.entities.len()).map(move |at| ImpressionRow {
            request: self.request,
            time: self.time,
            position: at as u32,
            entity: self.entities[at],
            score: self.scores[at],
            propensity: self.propensities[at],
            fetchers: self.fetchers(at).cloned().collect(),
            shown: at < self.shown,
            variant: self.drafted.get(at).cloned(),
            names: self.pipeline.features.clone(),
            features: self.features[at * width..(at + 1) * width].to_vec(),
        })
    }

    /// Where its entities were placed.
    pub(crate) fn placements(&self) -> impl Iterator<Item = Placement> + '_ {
        self.entities.iter().enumerate().map(|(at, entity)| Placement {
            request: self.request,
            position: at as u32,
            entity: *entity,
            shown: at < self.shown,
            variant: self.drafted.get(at).cloned(),
        })
    }

    /// The fetchers that proposed an impression.
    pub(crate) fn fetchers(&self, at: usize) -> impl Iterator<Item = &Name> {
        let bits = self.fetched_by[at];
        self.pipeline
            .fetchers
            .iter()
            .take(64)
            .enumerate()
            .filter(move |(i, _)| bits >> i & 1 == 1)
            .map(|(_, n)| n)
    }
}

/// What the frames so far have named.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The version that the segment was written in.
    version: u32,
    names: Vec<Name>,
    pipelines: Vec<Arc<Pipeline>>,
}

impl Decoder {
    pub(super) fn new(version: u32) -> Self {
        Decoder { version, names: Vec::new(), pipelines: Vec::new() }
    }

    /// Reads a body whose checksum is right. `None` when it says nothing that this version knows; `Some(None)` for the
    /// frames that only name things.
    pub(super) fn body(
        &mut self,
        body: &[u8],
        spare: &mut Option<Box<SegmentRequest>>,
    ) -> Option<Option<SegmentRecord>> {
        let mut cursor = Cursor(body);
        let record = match cursor.u8()? {
            NAME => {
                self.in_order(&mut cursor, self.names.len())?;
                let text = cursor.take(cursor.0.len())?;
                self.names.push(Name::new(std::str::from_utf8(text).ok()?).ok()?);
                None
            }
            PIPELINE => {
                self.in_order(&mut cursor, self.pipelines.len())?;
                let pipeline = self.pipeline(&mut cursor)?;
                self.pipelines.push(Arc::new(pipeline));
                None
            }
            REQUEST => Some(SegmentRecord::Request(self.request(&mut cursor, spare.take())?)),
            INTERACTIONS => {
                let count = cursor.count(55)?;
                let rows: Option<Vec<_>> = (0..count).map(|_| self.interaction(&mut cursor)).collect();
                Some(SegmentRecord::Interactions(rows?))
            }
            MARK => Some(SegmentRecord::Mark(Mark {
                time: Timestamp(cursor.i64()?),
                written: cursor.varint()?,
                shed: cursor.varint()?,
                busiest: cursor.varint()?,
            })),
            _ => return None,
        };
        cursor.0.is_empty().then_some(record)
    }

    fn in_order(&self, cursor: &mut Cursor<'_>, next: usize) -> Option<()> {
        (cursor.varint()? == next as u64).then_some(())
    }

    fn flag(&self, cursor: &mut Cursor<'_>) -> Option<bool> {
        match cursor.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn name(&self, index: u64) -> Option<Name> {
        self.names.get(usize::try_from(index).ok()?).cloned()
    }

    fn names(&self, cursor: &mut Cursor<'_>) -> Option<Arc<[Name]>> {
        let count = cursor.count(1)?;
        let list: Option<Vec<Name>> = (0..count).map(|_| self.name(cursor.varint()?)).collect();
        Some(list?.into())
    }

    fn pipeline(&self, cursor: &mut Cursor<'_>) -> Option<Pipeline> {
        let (corpus, source) = (self.name(cursor.varint()?)?, self.name(cursor.varint()?)?);
        let mut named = || match cursor.varint()? {
            0 => Some(None),
            index => Some(Some(self.name(index - 1)?)),
        };
        let experiment = if self.version < 2 { None } else { named()? };
        let variant = named()?;
        let length = cursor.count(1)?;
        let model = std::str::from_utf8(cursor.take(length)?).ok()?.to_owned();
        let schema = cursor.u64()?;
        let (features, fetchers) = (self.names(cursor)?, self.names(cursor)?);
        Some(Pipeline { corpus, source, experiment, variant, model, schema, features, fetchers })
    }

    /// Into the memory of an earlier request, if there is one.
    fn request(
        &self,
        cursor: &mut Cursor<'_>,
        spare: Option<Box<SegmentRequest>>,
    ) -> Option<Box<SegmentRequest>> {
        let pipeline = self.pipelines.get(usize::try_from(cursor.varint()?).ok()?)?;
        let mut request = match spare {
            Some(mut spare) => {
                if !Arc::ptr_eq(&spare.pipeline, pipeline) {
                    spare.pipeline = pipeline.clone();
                }
                spare
            }
            None => Box::new(SegmentRequest::of(pipeline.clone())),
        };
        let to = &mut *request;
        to.request = RequestId(cursor.u128()?);
        to.time = Timestamp(cursor.i64()?);
        (to.tenant, to.user, to.seed) = (cursor.u64()?, cursor.u64()?, cursor.u64()?);
        (to.limit, to.candidates, to.scored) = (cursor.small()?, cursor.small()?, cursor.small()?);
        to.latency_us = cursor.varint()?;
        to.degraded.clear();
        for _ in 0..cursor.count(3)? {
            let stage = *Stage::ALL.get(usize::from(cursor.u8()?))?;
            let cause = *Cause::ALL.get(usize::from(cursor.u8()?))?;
            to.degraded.push((stage, self.name(cursor.varint()?)?, cause));
        }
        let items = cursor.count(17)?;
        to.shown = usize::try_from(cursor.varint()?).ok().filter(|shown| *shown <= items)?;
        to.shadow_of = None;
        to.drafted.clear();
        if self.version >= 2 {
            if self.flag(cursor)? {
                to.shadow_of = Some(RequestId(cursor.u128()?));
            }
            if self.flag(cursor)? {
                for _ in 0..items {
                    to.drafted.push(self.name(cursor.varint()?)?);
                }
            }
        }
        cursor.u64s(items, &mut to.entities)?;
        cursor.f32s(items, &mut to.scores)?;
        cursor.f32s(items, &mut to.propensities)?;
        to.fetched_by.clear();
        for _ in 0..items {
            to.fetched_by.push(cursor.varint()?);
        }
        cursor.f32s(items.checked_mul(pipeline.features.len())?, &mut to.features)?;
        Some(request)
    }

    fn interaction(&self, cursor: &mut Cursor<'_>) -> Option<InteractionRow> {
        let id = InteractionId(cursor.u128()?);
        let request = match cursor.u8()? {
            0 => None,
            1 => Some(RequestId(cursor.u128()?)),
            _ => return None,
        };
        let (tenant, user, entity) = (cursor.u64()?, cursor.u64()?, cursor.u64()?);
        let (corpus, kind) = (self.name(cursor.varint()?)?, self.name(cursor.varint()?)?);
        let (time, value) = (Timestamp(cursor.i64()?), cursor.f32()?);
        Some(InteractionRow { id, request, tenant, user, corpus, entity, kind, time, value })
    }
}
