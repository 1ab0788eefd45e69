//! The calls of the script that a batch becomes: what it adds to each row on end, and its ids.

use recommend_core::{Interaction, Name, TenantId};
use rustc_hash::FxHashMap;

use crate::embedded::timeline::held;
use crate::redis::event_row::event;
use crate::redis::keys::{self, Members, RowKey, RowKind, Shards};

/// How long a call of the script may get: Redis serves nobody else meanwhile.
const CALL_ENTRIES: usize = 500;

/// One call of the script of a shard.
#[derive(Default)]
pub(super) struct Call {
    pub(super) keys: Vec<String>,
    places: FxHashMap<String, usize>,
    /// The places of rows.
    pub(super) rows: FxHashMap<RowKey, usize>,
    /// The rows that interactions go to.
    grown: Vec<Grown>,
    by_row: FxHashMap<usize, usize>,
    /// What is not an interaction.
    others: Vec<Vec<u8>>,
    entries: usize,
    ids: Vec<[u8; 16]>,
    /// For each interaction whether this shard is the one that counts it.
    pub(super) counts: Vec<bool>,
    /// By the place of a version: the corpus, and which interactions count.
    pub(super) versions: FxHashMap<usize, (Name, Vec<u8>)>,
}

/// What interactions add to a row.
struct Grown {
    place: usize,
    /// The set that the row comes into when it begins, or 0, and as what.
    set: usize,
    member: u64,
    /// Whether its time to live begins anew.
    last: bool,
    bytes: Vec<u8>,
    /// Which interactions they are, and how many bytes each has.
    which: Vec<u8>,
}

/// The calls of one shard, in order.
pub(super) struct Shard {
    pub(super) tenant: TenantId,
    pub(super) number: u32,
    pub(super) ids: [String; 2],
    pub(super) calls: Vec<Call>,
}

impl Call {
    fn place(&mut self, key: String) -> usize {
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        self.keys.push(key.clone());
        self.places.insert(key, self.keys.len());
        self.keys.len()
    }

    fn row(&mut self, shards: Shards, row: RowKey) -> usize {
        if let Some(place) = self.rows.get(&row) {
            return *place;
        }
        // No two rows have one key.
        self.keys.push(shards.key(row.borrowed()));
        self.rows.insert(row, self.keys.len());
        self.keys.len()
    }

    fn other(&mut self, what: &str, place: usize) {
        self.others.extend([what.as_bytes().to_vec(), number(place)]);
    }

    /// Adds an interaction to a row. `set` is where the row is noted when it begins.
    fn grow(
        &mut self,
        place: usize,
        set: impl FnOnce(&mut Call) -> (usize, u64),
        last: impl FnOnce() -> bool,
        event: impl FnOnce(&mut Vec<u8>),
    ) {
        let at = match self.by_row.get(&place) {
            Some(at) => *at,
            None => {
                let (set, member) = set(self);
                let (bytes, which) = (Vec::with_capacity(64), Vec::with_capacity(8));
                self.grown.push(Grown { place, set, member, last: last(), bytes, which });
                self.by_row.insert(place, self.grown.len() - 1);
                self.grown.len() - 1
            }
        };
        // Positions are counted from 1, as in Lua.
        let position = self.ids.len() as u16;
        let grown = &mut self.grown[at];
        let before = grown.bytes.len();
        event(&mut grown.bytes);
        grown.which.extend_from_slice(&position.to_le_bytes());
        grown.which.extend_from_slice(&((grown.bytes.len() - before) as u16).to_le_bytes());
    }

    pub(super) fn args(&self, head: &[Vec<u8>; 2]) -> Vec<Vec<u8>> {
        let mut args = head.to_vec();
        args.push(number(self.ids.len()));
        args.extend(self.ids.iter().map(|id| id.to_vec()));
        for Grown { place, set, member, last, bytes, which } in &self.grown {
            args.extend([b"R".to_vec(), number(*place), number(*set), member.to_be_bytes().to_vec()]);
            args.extend([number(usize::from(*last)), bytes.clone(), which.clone()]);
        }
        for (place, (_, which)) in &self.versions {
            args.extend([b"V".to_vec(), number(*place), which.clone()]);
        }
        args.extend_from_slice(&self.others);
        args
    }
}

fn number(number: usize) -> Vec<u8> {
    number.to_string().into_bytes()
}

impl Shard {
    /// The call that takes the next entry.
    fn call(&mut self) -> &mut Call {
        if self.calls.last().is_none_or(|call| call.entries >= CALL_ENTRIES) {
            self.calls.push(Call { keys: self.ids.to_vec(), ..Call::default() });
        }
        let at = self.calls.len() - 1;
        let call = &mut self.calls[at];
        call.entries += 1;
        call
    }

    pub(super) fn append(&mut self, shards: Shards, row: RowKey, bytes: Vec<u8>) {
        let call = self.call();
        let place = call.row(shards, row);
        call.other("A", place);
        call.others.push(bytes);
    }

    pub(super) fn member(&mut self, add: bool, which: Members, corpus: &Name, id: u64) {
        let set = keys::members(self.tenant, self.number, which, corpus);
        let call = self.call();
        let place = call.place(set);
        call.other(if add { "P" } else { "M" }, place);
        call.others.push(id.to_be_bytes().to_vec());
    }

    pub(super) fn by_time(&mut self, corpus: &Name, attribute: &Name, id: u64, time: Option<i64>) {
        let index = keys::by_time(self.tenant, self.number, corpus, attribute);
        let call = self.call();
        let place = call.place(index);
        call.other(if time.is_some() { "Z" } else { "z" }, place);
        if let Some(time) = time {
            call.others.push(time.to_string().into_bytes());
        }
        call.others.push(id.to_be_bytes().to_vec());
    }

    /// An interaction, in the rows of this shard that it belongs to. `last` says of a row whether its time to live begins
    /// anew.
    pub(super) fn interaction(
        &mut self,
        shards: Shards,
        interaction: &Interaction,
        (of_entity, of_user): (bool, bool),
        last: impl Fn(&RowKey) -> bool,
    ) {
        let (tenant, shard) = (self.tenant, self.number);
        let Interaction { id, user, corpus, entity, kind, value, .. } = interaction;
        let time = held(interaction.time).0;
        let row = |kind, id| RowKey { kind, tenant, corpus: corpus.clone(), id };
        let call = self.call();
        call.counts.push(of_entity);
        call.ids.push(id.0.to_be_bytes());
        let position = call.ids.len() as u16;
        if of_entity {
            let version = call.place(keys::version(tenant, shard, corpus));
            let counted = call.versions.entry(version).or_insert_with(|| (corpus.clone(), Vec::new()));
            counted.1.extend_from_slice(&position.to_le_bytes());
        }
        let mut grow = |row: RowKey, set: Option<(Members, u64)>, other: u64| {
            let place = call.row(shards, row.clone());
            let noted = |call: &mut Call| match set {
                Some((which, member)) => (call.place(keys::members(tenant, shard, which, corpus)), member),
                None => (0, 0),
            };
            call.grow(place, noted, || last(&row), |out| event(out, kind, other, time, *value));
        };
        if of_entity {
            grow(row(RowKind::Entity, entity.0), Some((Members::Acted, entity.0)), user.0);
            grow(row(RowKind::Corpus, shard.into()), None, user.0);
        }
        if of_user {
            grow(row(RowKind::User, user.0), Some((Members::Users, user.0)), entity.0);
        }
    }
}
