//! Records on disk, read back; see `encode.rs` for what they look like.

use recommend_core::{EntityId, Interaction, InteractionId, Name, TenantId, Timestamp, UserId, Value};

use super::change::Change;
use super::encode::{BLOCK, ENTITY, FEATURES, NAME, RELATION, TENANT, VERSION};

/// Reads a record back and calls `each` with what it says. The error says what is wrong with it.
pub(crate) fn decode(
    key: &[u8],
    value: &[u8],
    each: &mut dyn FnMut(TenantId, Change),
) -> Result<(), &'static str> {
    let (mut key, mut value) = (Input(key), Input(value));
    let tag = key.byte()?;
    let tenant = TenantId(key.number()?);
    match value.byte()? {
        VERSION => {}
        _ => return Err("it was written by a newer version of this program"),
    }
    let change = match tag {
        TENANT => Change::Tenant(value.text()?.into()),
        NAME => Change::Name(key.number()?, value.text()?.into()),
        ENTITY => {
            let (corpus, entity) = (key.name()?, EntityId(key.number()?));
            let mut attributes = Vec::new();
            while !value.0.is_empty() {
                attributes.push(value.attribute()?);
            }
            Change::Entity { corpus, entity, attributes: Some(attributes) }
        }
        RELATION => {
            let (kind, corpus) = (key.name()?, key.name()?);
            let (user, entity) = (UserId(key.number()?), EntityId(key.number()?));
            let since = Timestamp(i64::from_le_bytes(value.take()?));
            let tie = Some((since, f32::from_le_bytes(value.take()?)));
            Change::Relation { user, kind, corpus, entity, tie }
        }
        FEATURES => {
            let (corpus, entity) = (key.name()?, EntityId(key.number()?));
            let user = if key.0.is_empty() { None } else { Some(UserId(key.number()?)) };
            let mut values = Vec::new();
            while !value.0.is_empty() {
                values.push((value.name()?, f32::from_le_bytes(value.take()?)));
            }
            Change::Features { corpus, entity, user, values }
        }
        BLOCK => {
            key.number()?;
            return block(tenant, value, each);
        }
        _ => return Err("it is of a kind that this program does not know"),
    };
    if !key.0.is_empty() || !value.0.is_empty() {
        return Err("it is longer than it should be");
    }
    each(tenant, change);
    Ok(())
}

fn block(
    tenant: TenantId,
    mut value: Input<'_>,
    each: &mut dyn FnMut(TenantId, Change),
) -> Result<(), &'static str> {
    let names = (0..value.byte()?).map(|_| value.name()).collect::<Result<Vec<_>, _>>()?;
    let count = u32::from_le_bytes(value.take()?);
    let mut time = 0_i64;
    for _ in 0..count {
        let [corpus, kind] = value.take()?;
        let name =
            |at: u8| names.get(usize::from(at)).cloned().ok_or("it names a name that it does not have");
        let (corpus, kind) = (name(corpus)?, name(kind)?);
        let id = InteractionId(u128::from_le_bytes(value.take()?));
        let user = UserId(u64::from_le_bytes(value.take()?));
        let entity = EntityId(u64::from_le_bytes(value.take()?));
        let number = f32::from_le_bytes(value.take()?);
        let step = value.varint()?;
        time = time.wrapping_add((step >> 1) as i64 ^ -((step & 1) as i64));
        let interaction = Interaction {
            id,
            request: None,
            tenant,
            user,
            corpus,
            entity,
            kind,
            time: Timestamp(time),
            value: number,
        };
        each(tenant, Change::Interaction(interaction));
    }
    if value.0.is_empty() { Ok(()) } else { Err("it is longer than it should be") }
}

/// Bytes that are read from the front, none of which is taken for granted.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

const SHORT: &str = "it is shorter than it should be";

impl<'a> Input<'a> {
    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, &'static str> {
        self.take::<1>().map(|[byte]| byte)
    }

    /// A number of a key.
    fn number(&mut self) -> Result<u64, &'static str> {
        self.take().map(u64::from_be_bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, &'static str> {
        let len = usize::try_from(self.varint()?).map_err(|_| SHORT)?;
        let (taken, rest) = self.0.split_at_checked(len).ok_or(SHORT)?;
        self.0 = rest;
        std::str::from_utf8(taken).map_err(|_| "it has a text that is not UTF-8")
    }

    pub(crate) fn name(&mut self) -> Result<Name, &'static str> {
        Name::new(self.text()?).map_err(|_| "it has a name that is none")
    }

    pub(crate) fn attribute(&mut self) -> Result<(Name, Value), &'static str> {
        Ok((self.name()?, self.value()?))
    }

    /// An attribute's value.
    pub(crate) fn value(&mut self) -> Result<Value, &'static str> {
        let tag = self.byte()?;
        if tag < 2 {
            return Ok(Value::Bool(tag == 1));
        }
        let bits = u64::from_le_bytes(self.take()?);
        match tag {
            2 => Ok(Value::Number(f64::from_bits(bits))),
            3 => Ok(Value::Time(Timestamp(bits as i64))),
            4 => Ok(Value::Id(EntityId(bits))),
            _ => Err("it has an attribute of a type that this program does not know"),
        }
    }

    pub(crate) fn varint(&mut self) -> Result<u64, &'static str> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("it has a number that does not end")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::encode::encode;
    use super::*;

    fn interaction(number: u64, time: i64) -> Change {
        Change::Interaction(Interaction {
            id: InteractionId(u128::from(number) << 64 | 7),
            request: None,
            tenant: TenantId(3),
            user: UserId(number % 50),
            corpus: Name::literal("channel"),
            entity: EntityId(number),
            kind: Name::literal(if number.is_multiple_of(2) { "message" } else { "join" }),
            time: Timestamp(time),
            value: number as f32,
        })
    }

    fn round_trip(changes: &[Change]) -> Vec<Change> {
        let (mut records, mut block, mut back) = (Vec::new(), 0, Vec::new());
        encode(TenantId(3), changes, &mut block, &mut records);
        for (key, value) in records {
            let value = value.expect("nothing is removed");
            decode(&key, &value, &mut |tenant, change| {
                assert_eq!(tenant, TenantId(3));
                back.push(change);
            })
            .expect("what was written can be read");
        }
        back
    }

    #[test]
    fn everything_comes_back() {
        let name = Name::literal;
        let attributes = vec![
            (name("archived"), Value::Bool(true)),
            (name("created"), Value::Time(Timestamp(-5))),
            (name("size"), Value::Number(0.25)),
            (name("topic"), Value::Id(EntityId(u64::MAX))),
        ];
        let entity = EntityId(9);
        let changes = [
            Change::Tenant("acme".into()),
            Change::Name(1 << 63, "sports".into()),
            Change::Entity { corpus: name("channel"), entity, attributes: Some(attributes) },
            Change::Entity { corpus: name("channel"), entity: EntityId(10), attributes: Some(Vec::new()) },
            Change::Relation {
                user: UserId(1),
                kind: name("member"),
                corpus: name("channel"),
                entity,
                tie: Some((Timestamp(4), 0.5)),
            },
            Change::Features { corpus: name("user"), entity, user: None, values: vec![(name("a"), 1.0)] },
            Change::Features {
                corpus: name("user"),
                entity,
                user: Some(UserId(2)),
                values: vec![(name("b"), 2.0)],
            },
        ];
        assert_eq!(round_trip(&changes), changes);
    }

    #[test]
    fn many_interactions_become_few_blocks_of_40_bytes_each() {
        let changes: Vec<_> =
            (0..10_000).map(|n| interaction(n, 1_700_000_000_000 + n as i64 * 60_000)).collect();
        let (mut records, mut block) = (Vec::new(), 0);
        encode(TenantId(3), &changes, &mut block, &mut records);
        let bytes: usize = records.iter().map(|(_, value)| value.as_ref().map_or(0, Vec::len)).sum();
        assert_eq!((records.len(), block), (7, 7));
        assert!(bytes / 10_000 <= 42, "{}", bytes / 10_000);
    }

    proptest! {
        #[test]
        fn interactions_come_back_whatever_their_times(times in proptest::collection::vec(any::<i64>(), 0..3_000)) {
            let changes: Vec<_> = times.iter().enumerate().map(|(n, t)| interaction(n as u64, *t)).collect();
            prop_assert_eq!(round_trip(&changes), changes);
        }

        #[test]
        fn bytes_that_nobody_wrote_are_refused_and_never_a_panic(
            key in proptest::collection::vec(any::<u8>(), 0..40),
            value in proptest::collection::vec(any::<u8>(), 0..80),
            tag in 0_u8..8,
        ) {
            let _ = decode(&[&[tag], &key[..]].concat(), &[&[VERSION], &value[..]].concat(), &mut |_, _| {});
        }
    }
}
