//! From records to frames.

use std::sync::Arc;

use recommend_core::{Interaction, Name, Stage};
use rustc_hash::FxHashMap;

use super::bytes::{put_f32s, put_varint};
use super::{FRAME_BYTES, Header, INTERACTIONS, MARK, MAX_BODY_BYTES, Mark, NAME, PIPELINE, REQUEST};
use crate::pseudonym::Pseudonymizer;
use crate::record::RequestLog;

/// Why a record cannot be written, whatever the state of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unloggable {
    #[error(
        "a request for {items} items came with {rows} × {columns} features where its schema has {width} columns"
    )]
    Shape { items: usize, rows: usize, columns: usize, width: usize },
    #[error("a request for {items} items says of {drafted} who drafted them; say it of all or of none")]
    Drafted { items: usize, drafted: usize },
    #[error("a record of {0} bytes is longer than the {MAX_BODY_BYTES} that a frame holds")]
    TooLong(usize),
}

/// What all requests of a recommender share.
#[derive(PartialEq, Eq, Hash)]
struct PipelineKey {
    schema: u64,
    corpus: Name,
    source: Name,
    experiment: Option<Name>,
    variant: Option<Name>,
    model: Arc<str>,
    fetchers: Arc<[Name]>,
}

/// Turns records into the frames of one segment. Names and pipelines get their frame before their first use.
pub(crate) struct Encoder {
    header: Header,
    /// Where in the file `frames` begins.
    offset: u64,
    frames: Vec<u8>,
    names: FxHashMap<Name, u64>,
    pipelines: FxHashMap<PipelineKey, u64>,
}

impl Encoder {
    /// An encoder whose first frame goes to `offset`.
    pub(crate) fn new(header: Header, offset: u64) -> Self {
        Encoder {
            header,
            offset,
            frames: Vec::new(),
            names: FxHashMap::default(),
            pipelines: FxHashMap::default(),
        }
    }

    /// The frames so far.
    pub(crate) fn frames(&self) -> &[u8] {
        &self.frames
    }

    /// Forgets the frames, which are in the file now.
    pub(crate) fn written(&mut self) {
        self.offset += self.frames.len() as u64;
        self.frames.clear();
    }

    /// Adds a request with its impressions.
    pub(crate) fn request(&mut self, log: &RequestLog, pseudonyms: &Pseudonymizer) -> Result<(), Unloggable> {
        let (rows, columns) = log.features.dim();
        let (items, width) = (log.items.len(), log.schema.len());
        if rows != items || columns != width {
            return Err(Unloggable::Shape { items, rows, columns, width });
        }
        if !log.drafted.is_empty() && log.drafted.len() != items {
            return Err(Unloggable::Drafted { items, drafted: log.drafted.len() });
        }
        let bytes = items * (width * 4 + 30) + log.degraded.len() * 12 + 128;
        if bytes > MAX_BODY_BYTES {
            return Err(Unloggable::TooLong(bytes));
        }
        let pipeline = self.pipeline(log);
        let components: Vec<u64> =
            log.degraded.iter().map(|(_, component, _)| self.name(component)).collect();
        let drafted: Vec<u64> = log.drafted.iter().map(|variant| self.name(variant)).collect();

        let start = self.begin(REQUEST);
        let out = &mut self.frames;
        out.reserve(bytes);
        put_varint(out, pipeline);
        out.extend_from_slice(&log.request.0.to_le_bytes());
        out.extend_from_slice(&log.time.millis().to_le_bytes());
        out.extend_from_slice(&pseudonyms.tenant(log.tenant).to_le_bytes());
        out.extend_from_slice(&pseudonyms.user(log.tenant, log.user).to_le_bytes());
        out.extend_from_slice(&log.seed.to_le_bytes());
        for count in [log.limit, log.candidates, log.scored] {
            put_varint(out, u64::from(count));
        }
        put_varint(out, u64::try_from(log.latency.as_micros()).unwrap_or(u64::MAX));
        put_varint(out, log.degraded.len() as u64);
        for ((stage, _, cause), component) in log.degraded.iter().zip(components) {
            out.push(*stage as u8);
            out.push(*cause as u8);
            put_varint(out, component);
        }
        put_varint(out, items as u64);
        // An answer was returned whole, and a shadow's not at all.
        put_varint(out, if log.shadow_of.is_some() { 0 } else { items as u64 });
        out.push(u8::from(log.shadow_of.is_some()));
        if let Some(shown) = log.shadow_of {
            out.extend_from_slice(&shown.0.to_le_bytes());
        }
        out.push(u8::from(!drafted.is_empty()));
        drafted.iter().for_each(|variant| put_varint(out, *variant));
        let people = pseudonyms.is_people(&log.corpus);
        for item in &log.items {
            let entity =
                if people { pseudonyms.user(log.tenant, item.entity.as_user()) } else { item.entity.0 };
            out.extend_from_slice(&entity.to_le_bytes());
        }
        for item in &log.items {
            out.extend_from_slice(&item.score.to_le_bytes());
        }
        for item in &log.items {
            out.extend_from_slice(&item.propensity.to_le_bytes());
        }
        for item in &log.items {
            put_varint(out, item.fetched_by);
        }
        match log.features.as_slice() {
            Some(features) => put_f32s(out, features),
            None => log.features.iter().for_each(|value| put_f32s(out, &[*value])),
        }
        self.end(start);
        Ok(())
    }

    /// Adds the interactions of one call as one frame.
    pub(crate) fn interactions(
        &mut self,
        batch: &[Interaction],
        pseudonyms: &Pseudonymizer,
    ) -> Result<(), Unloggable> {
        let bytes = batch.len() * 100;
        if bytes > MAX_BODY_BYTES {
            return Err(Unloggable::TooLong(bytes));
        }
        let names: Vec<(u64, u64)> =
            batch.iter().map(|i| (self.name(&i.corpus), self.name(&i.kind))).collect();
        let start = self.begin(INTERACTIONS);
        let out = &mut self.frames;
        put_varint(out, batch.len() as u64);
        for (interaction, (corpus, kind)) in batch.iter().zip(names) {
            let Interaction { id, request, tenant, user, corpus: of, entity, kind: _, time, value } =
                interaction;
            out.extend_from_slice(&id.0.to_le_bytes());
            out.push(u8::from(request.is_some()));
            if let Some(request) = request {
                out.extend_from_slice(&request.0.to_le_bytes());
            }
            out.extend_from_slice(&pseudonyms.tenant(*tenant).to_le_bytes());
            out.extend_from_slice(&pseudonyms.user(*tenant, *user).to_le_bytes());
            out.extend_from_slice(&pseudonyms.entity(*tenant, of, *entity).to_le_bytes());
            put_varint(out, corpus);
            put_varint(out, kind);
            out.extend_from_slice(&time.millis().to_le_bytes());
            out.extend_from_slice(&value.to_le_bytes());
        }
        self.end(start);
        Ok(())
    }

    /// Adds a mark.
    pub(crate) fn mark(&mut self, mark: &Mark) {
        let start = self.begin(MARK);
        let out = &mut self.frames;
        out.extend_from_slice(&mark.time.millis().to_le_bytes());
        for count in [mark.written, mark.shed, mark.busiest] {
            put_varint(out, count);
        }
        self.end(start);
    }

    fn name(&mut self, name: &Name) -> u64 {
        if let Some(index) = self.names.get(name) {
            return *index;
        }
        let index = self.names.len() as u64;
        let start = self.begin(NAME);
        put_varint(&mut self.frames, index);
        self.frames.extend_from_slice(name.as_str().as_bytes());
        self.end(start);
        self.names.insert(name.clone(), index);
        index
    }

    fn pipeline(&mut self, log: &RequestLog) -> u64 {
        let key = PipelineKey {
            schema: log.schema.hash(),
            corpus: log.corpus.clone(),
            source: log.source.clone(),
            experiment: log.experiment.clone(),
            variant: log.variant.clone(),
            model: log.model.clone(),
            fetchers: log.fetchers.clone(),
        };
        if let Some(index) = self.pipelines.get(&key) {
            return *index;
        }
        let index = self.pipelines.len() as u64;
        let (corpus, source) = (self.name(&log.corpus), self.name(&log.source));
        let [experiment, variant] =
            [&log.experiment, &log.variant].map(|name| name.as_ref().map_or(0, |name| self.name(name) + 1));
        let features: Vec<u64> = log.schema.names().iter().map(|name| self.name(name)).collect();
        let fetchers: Vec<u64> = log.fetchers.iter().map(|name| self.name(name)).collect();
        let start = self.begin(PIPELINE);
        let out = &mut self.frames;
        for number in [index, corpus, source, experiment, variant, log.model.len() as u64] {
            put_varint(out, number);
        }
        out.extend_from_slice(log.model.as_bytes());
        out.extend_from_slice(&key.schema.to_le_bytes());
        for list in [features, fetchers] {
            put_varint(out, list.len() as u64);
            list.into_iter().for_each(|name| put_varint(out, name));
        }
        self.end(start);
        self.pipelines.insert(key, index);
        index
    }

    fn begin(&mut self, kind: u8) -> usize {
        let start = self.frames.len();
        self.frames.extend_from_slice(&[0; FRAME_BYTES]);
        self.frames.push(kind);
        start
    }

    fn end(&mut self, start: usize) {
        let body = start + FRAME_BYTES;
        let length = (self.frames.len() - body) as u32;
        let crc = self.header.checksum(self.offset + start as u64, &self.frames[body..]);
        self.frames[start..start + 4].copy_from_slice(&length.to_le_bytes());
        self.frames[start + 4..body].copy_from_slice(&crc.to_le_bytes());
    }
}

// The codes of stages and causes in the file are their places in these lists.
const _: () = {
    let mut at = 0;
    while at < Stage::ALL.len() {
        assert!(Stage::ALL[at] as usize == at);
        at += 1;
    }
    let mut at = 0;
    while at < recommend_core::Cause::ALL.len() {
        assert!(recommend_core::Cause::ALL[at] as usize == at);
        at += 1;
    }
};
