//! What one row knows of interactions: the latest as they are, older ones in buckets of hours and then of days.
//!
//! A row is a function of the set of its interactions: in which order they came, and when the row was folded, makes no
//! difference. So a row that grew live and one that was computed from the log are the same.

use recommend_core::Name;

use super::actors::{Actors, unzigzag, zigzag};
use super::intern::Names;
use crate::embedded::decode::Input;
use crate::embedded::encode::{text, varint};

pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// How much a row holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Interactions as they are, the latest.
    pub(crate) keep: usize,
    /// Buckets of an hour, for this many hours before the newest interaction.
    pub(crate) hours: i64,
    /// Buckets of a day, for this many days.
    pub(crate) days: i64,
}

impl Shape {
    /// The interactions with one entity.
    pub(crate) const ENTITY: Shape = Shape { keep: 128, hours: 7 * 24, days: 400 };
    /// The interactions of one user.
    pub(crate) const USER: Shape = Shape { keep: 1024, hours: 48, days: 400 };
    /// The interactions of a whole corpus, or of its part in one shard.
    pub(crate) const CORPUS: Shape = Shape { keep: 256, hours: 100 * 24, days: 400 };
}

/// One interaction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Entry {
    pub(crate) time: i64,
    /// The other side: who in an entity's row, with what in a user's.
    pub(crate) other: u64,
    /// The position of its kind in the row.
    pub(crate) kind: u8,
    pub(crate) value: f32,
}

/// The interactions of one hour or one day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    /// Hours or days since 1970.
    pub(crate) at: i64,
    pub(crate) count: u32,
    pub(crate) sum: f64,
    /// The time of the latest.
    pub(crate) last: i64,
}

/// The older interactions of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kind {
    pub(crate) name: Name,
    /// The time of the first interaction ever.
    pub(crate) first: i64,
    pub(crate) hours: Vec<Bucket>,
    pub(crate) days: Vec<Bucket>,
    /// Whom the older interactions were with.
    pub(crate) actors: Actors,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct EventRow {
    pub(crate) kinds: Vec<Kind>,
    /// Sorted by time.
    pub(crate) recent: Vec<Entry>,
}

pub(super) const EVENT: u8 = 1;
const KIND: u8 = 8;
const RECENT: u8 = 9;

/// Adds one interaction to the bytes of a row; at most 90.
pub(crate) fn event(out: &mut Vec<u8>, kind: &Name, other: u64, time: i64, value: f32) {
    out.push(EVENT);
    text(out, kind.as_str());
    out.extend_from_slice(&other.to_le_bytes());
    zigzag(out, time);
    out.extend_from_slice(&value.to_le_bytes());
}

impl EventRow {
    /// Applies one entry of a row's bytes; `tag` is taken already.
    pub(crate) fn apply(
        &mut self,
        tag: u8,
        input: &mut Input<'_>,
        names: &Names,
    ) -> Result<(), &'static str> {
        match tag {
            EVENT => {
                let kind = self.kind(input.text()?, names)?;
                let other = u64::from_le_bytes(input.take()?);
                let time = unzigzag(input)?;
                let value = f32::from_le_bytes(input.take()?);
                self.push(Entry { time, other, kind, value });
                Ok(())
            }
            KIND => {
                let at = self.kind(input.text()?, names)?;
                let first = unzigzag(input)?;
                let (hours, days) = (buckets(input)?, buckets(input)?);
                let actors = Actors::decode(input)?;
                let kind = &mut self.kinds[usize::from(at)];
                *kind = Kind { first, hours, days, actors, name: kind.name.clone() };
                Ok(())
            }
            RECENT => {
                let (count, mut time) = (input.varint()?, 0_i64);
                self.recent.reserve(count.min(1 << 12) as usize);
                for _ in 0..count {
                    let kind = input.byte()?;
                    if usize::from(kind) >= self.kinds.len() {
                        return Err("it names a kind that it does not have");
                    }
                    let other = u64::from_le_bytes(input.take()?);
                    time = time.wrapping_add(unzigzag(input)?);
                    let value = f32::from_le_bytes(input.take()?);
                    self.recent.push(Entry { time, other, kind, value });
                }
                Ok(())
            }
            _ => Err("it has an entry that this program does not know"),
        }
    }

    /// The whole row as bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for kind in &self.kinds {
            out.push(KIND);
            text(out, kind.name.as_str());
            zigzag(out, kind.first);
            encode_buckets(out, &kind.hours, HOUR);
            encode_buckets(out, &kind.days, DAY);
            kind.actors.encode(out);
        }
        out.push(RECENT);
        varint(out, self.recent.len() as u64);
        let mut before = 0_i64;
        for entry in &self.recent {
            out.push(entry.kind);
            out.extend_from_slice(&entry.other.to_le_bytes());
            zigzag(out, entry.time.wrapping_sub(before));
            out.extend_from_slice(&entry.value.to_le_bytes());
            before = entry.time;
        }
    }

    fn push(&mut self, entry: Entry) {
        let kind = &mut self.kinds[usize::from(entry.kind)];
        kind.first = kind.first.min(entry.time);
        self.recent.push(entry);
    }

    fn kind(&mut self, name: &str, names: &Names) -> Result<u8, &'static str> {
        if let Some(at) = self.kinds.iter().position(|kind| kind.name == name) {
            return Ok(at as u8);
        }
        if self.kinds.len() >= 256 {
            return Err("it has more kinds than a row can have");
        }
        let name = names.of(name)?;
        let (hours, days) = (Vec::new(), Vec::new());
        self.kinds.push(Kind { name, first: i64::MAX, hours, days, actors: Actors::default() });
        Ok((self.kinds.len() - 1) as u8)
    }

    /// Puts interactions in order and moves those beyond the shape into buckets.
    pub(crate) fn settle(&mut self, shape: Shape) {
        let EventRow { kinds, recent } = self;
        let order = |a: &Entry, b: &Entry| {
            let name = |entry: &Entry| &kinds[usize::from(entry.kind)].name;
            let tie = || (a.other, name(a)).cmp(&(b.other, name(b))).then(a.value.total_cmp(&b.value));
            a.time.cmp(&b.time).then_with(tie)
        };
        if !recent.is_sorted_by(|a, b| order(a, b).is_le()) {
            recent.sort_by(order);
        }
        let Some(newest) = recent.last().map(|entry| entry.time) else { return };
        let (hour, day) = (newest.div_euclid(HOUR) - shape.hours, newest.div_euclid(DAY) - shape.days);
        let beyond = recent.len().saturating_sub(shape.keep);
        for entry in recent.drain(..beyond) {
            let kind = &mut kinds[usize::from(entry.kind)];
            let at = entry.time.div_euclid(HOUR);
            kind.actors.add(entry.other, at);
            let bucket = Bucket { at, count: 1, sum: f64::from(entry.value), last: entry.time };
            if at < hour {
                merge(&mut kind.days, Bucket { at: entry.time.div_euclid(DAY), ..bucket });
            } else {
                merge(&mut kind.hours, bucket);
            }
        }
        for kind in kinds {
            let old = kind.hours.partition_point(|bucket| bucket.at < hour);
            for bucket in kind.hours.drain(..old) {
                merge(&mut kind.days, Bucket { at: bucket.at.div_euclid(24), ..bucket });
            }
            let old = kind.days.partition_point(|bucket| bucket.at < day);
            kind.days.drain(..old);
        }
    }
}

fn merge(buckets: &mut Vec<Bucket>, bucket: Bucket) {
    let at = match buckets.last() {
        Some(last) if last.at < bucket.at => buckets.len(),
        _ => buckets.partition_point(|known| known.at < bucket.at),
    };
    match buckets.get_mut(at) {
        Some(known) if known.at == bucket.at => {
            known.count = known.count.saturating_add(bucket.count);
            known.sum += bucket.sum;
            known.last = known.last.max(bucket.last);
        }
        _ => buckets.insert(at, bucket),
    }
}

fn encode_buckets(out: &mut Vec<u8>, buckets: &[Bucket], width: i64) {
    varint(out, buckets.len() as u64);
    let mut before = 0;
    for bucket in buckets {
        zigzag(out, bucket.at - before);
        before = bucket.at;
        varint(out, u64::from(bucket.count));
        // Most sums are small whole numbers.
        if bucket.sum.fract() == 0.0 && bucket.sum.abs() < 1e9 {
            zigzag(out, (bucket.sum as i64) << 1);
        } else {
            zigzag(out, 1);
            out.extend_from_slice(&bucket.sum.to_le_bytes());
        }
        varint(out, (bucket.last - bucket.at * width) as u64);
    }
    varint(out, width as u64);
}

fn buckets(input: &mut Input<'_>) -> Result<Vec<Bucket>, &'static str> {
    let count = input.varint()?;
    let mut buckets = Vec::with_capacity(count.min(1 << 12) as usize);
    let mut at = 0_i64;
    for _ in 0..count {
        at = at.wrapping_add(unzigzag(input)?);
        let count = u32::try_from(input.varint()?).map_err(|_| "it has a count that is too large")?;
        let sum = match unzigzag(input)? {
            1 => f64::from_le_bytes(input.take()?),
            whole => (whole >> 1) as f64,
        };
        let offset = input.varint()? as i64;
        buckets.push(Bucket { at, count, sum, last: offset });
    }
    let width = input.varint()? as i64;
    for bucket in &mut buckets {
        bucket.last = bucket.last.wrapping_add(bucket.at.wrapping_mul(width));
    }
    Ok(buckets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: Shape = Shape { keep: 5, hours: 3, days: 10 };

    fn read(bytes: &[u8]) -> EventRow {
        let (mut row, mut input) = (EventRow::default(), Input(bytes));
        while !input.0.is_empty() {
            let tag = input.byte().unwrap();
            row.apply(tag, &mut input, &Names::default()).unwrap();
        }
        row.settle(SMALL);
        row
    }

    /// Rows may number their kinds differently.
    fn canonical(mut row: EventRow) -> EventRow {
        let names: Vec<Name> = row.kinds.iter().map(|kind| kind.name.clone()).collect();
        row.kinds.sort_by(|a, b| a.name.cmp(&b.name));
        for entry in &mut row.recent {
            let name = &names[usize::from(entry.kind)];
            entry.kind = row.kinds.iter().position(|kind| kind.name == *name).unwrap() as u8;
        }
        row
    }

    proptest! {
        #[test]
        fn a_row_is_a_function_of_its_interactions(
            events in prop::collection::vec((0..2_usize, 0_u64..4, -DAY..6 * DAY, 0_i8..4), 1..60),
            cut in 0..60_usize,
        ) {
            let names = [Name::literal("join"), Name::literal("message")];
            let bytes = |events: &[(usize, u64, i64, i8)]| -> Vec<u8> {
                let mut out = Vec::new();
                for (kind, other, time, value) in events {
                    event(&mut out, &names[*kind], *other, *time, f32::from(*value));
                }
                out
            };
            let at_once = read(&bytes(&events));
            let mut backwards = events.clone();
            backwards.reverse();
            prop_assert_eq!(canonical(at_once.clone()), canonical(read(&bytes(&backwards))));
            let cut = cut.min(events.len());
            let mut folded = Vec::new();
            read(&bytes(&events[..cut])).encode(&mut folded);
            folded.extend(bytes(&events[cut..]));
            prop_assert_eq!(canonical(read(&folded)), canonical(at_once.clone()));
            let mut whole = Vec::new();
            at_once.encode(&mut whole);
            prop_assert_eq!(read(&whole), at_once);
        }
    }
}
