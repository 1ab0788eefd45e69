//! Records on disk: what a key and a value look like, byte by byte.
//!
//! A key is a tag, the tenant, and what names the thing; a value is a version and the whole state of that thing.
//! Numbers in keys are big-endian, so that keys sort; in values little-endian. Names and texts begin with
//! their length.
//! Interactions are kept in blocks of up to [`BLOCK_BYTES`], in the order they came, under increasing numbers: about
//! 40 bytes each. The request that an interaction answers is in the event log, not here.
//!
//! | tag | key after the tenant | value after the version |
//! |---|---|---|
//! | 1 | | the tenant's string |
//! | 2 | id | the string of the hashed id |
//! | 3 | corpus, entity | attributes: name, type, value |
//! | 4 | kind, corpus, user, entity | since, weight |
//! | 5 | corpus, entity, user if it is a pair | values: name, value |
//! | 6 | number of the block | corpora, kinds, then interactions |

use recommend_core::{Interaction, Name, TenantId, Value};

use super::change::Change;

/// The version of the values' layout.
pub(super) const VERSION: u8 = 1;

/// How large a block of interactions gets: with the engine's own header it just fits 16 pages of 4 KiB.
pub(crate) const BLOCK_BYTES: usize = 60_000;

pub(super) const TENANT: u8 = 1;
pub(super) const NAME: u8 = 2;
pub(super) const ENTITY: u8 = 3;
pub(super) const RELATION: u8 = 4;
pub(super) const FEATURES: u8 = 5;
pub(super) const BLOCK: u8 = 6;

/// A key, and the value to put under it or `None` to remove it.
pub(crate) type Record = (Vec<u8>, Option<Vec<u8>>);

/// Turns the changes of one tenant into records. `next_block` is the number of the next block and moves on.
pub(crate) fn encode(tenant: TenantId, changes: &[Change], next_block: &mut u64, records: &mut Vec<Record>) {
    let mut block = Block::default();
    for change in changes {
        match change {
            Change::Interaction(interaction) => {
                if !block.push(interaction) {
                    records.push(std::mem::take(&mut block).finish(tenant, next_block));
                    let fits = block.push(interaction);
                    debug_assert!(fits, "an empty block takes any interaction");
                }
            }
            change => records.push(state_record(tenant, change)),
        }
    }
    if block.count > 0 {
        records.push(block.finish(tenant, next_block));
    }
}

fn state_record(tenant: TenantId, change: &Change) -> Record {
    let key = |tag: u8| {
        let mut key = vec![tag];
        key.extend_from_slice(&tenant.0.to_be_bytes());
        key
    };
    match change {
        Change::Tenant(name) => (key(TENANT), Some(value(|out| text(out, name)))),
        Change::Name(id, name) => {
            let mut key = key(NAME);
            key.extend_from_slice(&id.to_be_bytes());
            (key, Some(value(|out| text(out, name))))
        }
        Change::Entity { corpus, entity, attributes } => {
            let mut key = key(ENTITY);
            text(&mut key, corpus.as_str());
            key.extend_from_slice(&entity.0.to_be_bytes());
            let attributes = attributes.as_ref();
            (key, attributes.map(|attributes| value(|out| attributes.iter().for_each(|a| attribute(out, a)))))
        }
        Change::Relation { user, kind, corpus, entity, tie } => {
            let mut key = key(RELATION);
            text(&mut key, kind.as_str());
            text(&mut key, corpus.as_str());
            key.extend_from_slice(&user.0.to_be_bytes());
            key.extend_from_slice(&entity.0.to_be_bytes());
            let tie = tie.map(|(since, weight)| {
                value(|out| {
                    out.extend_from_slice(&since.0.to_le_bytes());
                    out.extend_from_slice(&weight.to_le_bytes());
                })
            });
            (key, tie)
        }
        Change::Features { corpus, entity, user, values } => {
            let mut key = key(FEATURES);
            text(&mut key, corpus.as_str());
            key.extend_from_slice(&entity.0.to_be_bytes());
            if let Some(user) = user {
                key.extend_from_slice(&user.0.to_be_bytes());
            }
            let row = value(|out| {
                for (name, number) in values {
                    text(out, name.as_str());
                    out.extend_from_slice(&number.to_le_bytes());
                }
            });
            (key, (!values.is_empty()).then_some(row))
        }
        Change::Interaction(_) => unreachable!("interactions go into blocks"),
    }
}

fn value(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![VERSION];
    write(&mut out);
    out
}

pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn attribute(out: &mut Vec<u8>, (name, value): &(Name, Value)) {
    text(out, name.as_str());
    let (tag, bits) = match *value {
        Value::Bool(yes) => return out.push(u8::from(yes)),
        Value::Number(number) => (2, number.to_bits()),
        Value::Time(time) => (3, time.0 as u64),
        Value::Id(id) => (4, id.0),
    };
    out.push(tag);
    out.extend_from_slice(&bits.to_le_bytes());
}

/// The key of a block of interactions.
pub(crate) fn block_key(tenant: TenantId, number: u64) -> Vec<u8> {
    let mut key = vec![BLOCK];
    key.extend_from_slice(&tenant.0.to_be_bytes());
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The number of the block that a key is of, if it is of one.
pub(crate) fn block_number(key: &[u8]) -> Option<u64> {
    let (tag, rest) = key.split_first()?;
    let number = rest.get(8..16)?.try_into().ok()?;
    (*tag == BLOCK).then(|| u64::from_be_bytes(number))
}

/// Interactions of one tenant on their way into one value.
#[derive(Default)]
struct Block {
    names: Vec<Name>,
    body: Vec<u8>,
    count: u32,
    last: i64,
}

impl Block {
    /// Adds an interaction, unless the block is full.
    fn push(&mut self, interaction: &Interaction) -> bool {
        if self.body.len() >= BLOCK_BYTES || self.names.len() > 253 {
            return false;
        }
        for name in [&interaction.corpus, &interaction.kind] {
            let at = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
                self.names.push(name.clone());
                self.names.len() - 1
            });
            self.body.push(at as u8);
        }
        self.body.extend_from_slice(&interaction.id.0.to_le_bytes());
        self.body.extend_from_slice(&interaction.user.0.to_le_bytes());
        self.body.extend_from_slice(&interaction.entity.0.to_le_bytes());
        self.body.extend_from_slice(&interaction.value.to_le_bytes());
        // Neighbours in a block are neighbours in time: the difference is short.
        let step = interaction.time.0.wrapping_sub(self.last);
        self.last = interaction.time.0;
        varint(&mut self.body, (step << 1 ^ step >> 63) as u64);
        self.count += 1;
        true
    }

    fn finish(self, tenant: TenantId, next_block: &mut u64) -> Record {
        let key = block_key(tenant, *next_block);
        *next_block += 1;
        let value = value(|out| {
            out.push(self.names.len() as u8);
            self.names.iter().for_each(|name| text(out, name.as_str()));
            out.extend_from_slice(&self.count.to_le_bytes());
            out.extend_from_slice(&self.body);
        });
        (key, Some(value))
    }
}

pub(crate) fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
