//! `RecordInteractions`: from the request to interactions, and the id of one that brings none.

use std::fmt::Write;

use recommend_core::{Interaction, RequestId, TenantId, Timestamp};
use recommend_stores::{IdBatch, WriteBatch};

use super::fields::{Invalid, NameCache, at_most, entity, finite, id, not_empty, time, user};
use crate::limits::MAX_BATCH;
use crate::proto;

/// The text under which an interaction without an id is recorded: all other fields as they were sent. It is longer
/// than any id that a client may choose, so that neither can be taken for the other.
///
/// `None` when the interaction has neither a time nor a request: then a retry could not be told from a second click.
pub fn interaction_id(interaction: &proto::Interaction) -> Option<String> {
    if interaction.time.is_none() && interaction.request_id.is_empty() {
        return None;
    }
    let mut text = format!("{:64}|", "an interaction without an id of its own");
    // With its length before it, a field cannot be mistaken for a part of its neighbour.
    let fields = [
        &interaction.request_id,
        &interaction.user,
        &interaction.corpus,
        &interaction.entity,
        &interaction.kind,
    ];
    for field in fields {
        let _ = write!(text, "{}:{field}|", field.len());
    }
    if let Some(time) = &interaction.time {
        let _ = write!(text, "{}.{}", time.seconds, time.nanos);
    }
    if let Some(value) = interaction.value {
        let _ = write!(text, "|{:08x}", value.to_bits());
    }
    Some(text)
}

/// Checks a batch and turns it into what the stores write; the interactions in it are what the log gets.
pub(crate) fn interactions(
    mut ids: IdBatch,
    codec: recommend_core::IdCodec,
    request: &proto::RecordInteractionsRequest,
    now: Timestamp,
) -> Result<(TenantId, WriteBatch), Invalid> {
    let (tenant, tenant_name) = id("tenant", ids.tenant(&request.tenant))?;
    not_empty("interactions", request.interactions.len())?;
    at_most("interactions", request.interactions.len(), MAX_BATCH)?;
    let mut names = NameCache::default();
    let mut interactions = Vec::with_capacity(request.interactions.len());
    for (at, sent) in request.interactions.iter().enumerate() {
        let path = |field: &'static str| Path(at, field);
        let id = match sent.id.len() {
            0 => interaction_id(sent).ok_or_else(|| {
                let reason = "set it, or `time`, or `request_id`: without any a retry cannot be told from a second click";
                Invalid::new(path("id"), reason)
            })?,
            1..=recommend_core::ids::MAX_ID_BYTES => sent.id.clone(),
            long => return Err(Invalid::new(path("id"), recommend_core::IdError::TooLong(long))),
        };
        let request = match sent.request_id.is_empty() {
            true => None,
            false => Some(
                sent.request_id
                    .parse::<RequestId>()
                    .map_err(|error| Invalid::new(path("request_id"), error))?,
            ),
        };
        let value = sent.value.unwrap_or(1.0);
        finite(format_args!("{}", path("value")), f64::from(value))?;
        interactions.push(Interaction {
            id: codec.interaction(tenant, &id),
            request,
            tenant,
            user: user(&mut ids, format_args!("{}", path("user")), &sent.user)?,
            corpus: names.name(format_args!("{}", path("corpus")), &sent.corpus)?,
            entity: entity(&mut ids, format_args!("{}", path("entity")), &sent.entity)?,
            kind: names.name(format_args!("{}", path("kind")), &sent.kind)?,
            time: sent.time.as_ref().map_or(Ok(now), |t| time(format_args!("{}", path("time")), t))?,
            value,
        });
    }
    Ok((tenant, WriteBatch { tenant_name, names: ids.into_names(), interactions, ..WriteBatch::default() }))
}

/// `interactions[3].time`
struct Path(usize, &'static str);

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "interactions[{}].{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use recommend_core::IdCodec;

    use super::*;

    fn codec() -> IdCodec {
        IdCodec::new([3; 16])
    }

    fn check(interactions: Vec<proto::Interaction>) -> Result<WriteBatch, String> {
        let request = proto::RecordInteractionsRequest { tenant: "acme".into(), interactions };
        super::interactions(IdBatch::new(codec()), codec(), &request, Timestamp(5))
            .map(|(_, batch)| batch)
            .map_err(|error| error.to_string())
    }

    fn click() -> proto::Interaction {
        proto::Interaction {
            request_id: "0".repeat(32),
            user: "ada".into(),
            corpus: "channel".into(),
            entity: "general".into(),
            kind: "click".into(),
            ..proto::Interaction::default()
        }
    }

    #[test]
    fn the_strings_of_hashed_ids_go_to_the_dictionary() {
        let batch = check(vec![click(), click()]).unwrap();
        let mut names: Vec<_> = batch.names.iter().map(|(_, name)| &**name).collect();
        names.sort_unstable();
        assert_eq!(names, ["ada", "general"]);
        assert_eq!(batch.tenant_name.as_deref(), Some("acme"));
        assert_eq!(batch.interactions[0].value, 1.0);
        assert_eq!(batch.interactions[0].time, Timestamp(5));
        assert_eq!(batch.interactions[0].id, batch.interactions[1].id, "a retry has the id of the first");
    }

    #[test]
    fn every_bad_field_is_named() {
        type Change = fn(&mut proto::Interaction);
        let cases: [(Change, &str); 8] = [
            (|i| i.request_id = "xyz".into(), "`interactions[1].request_id`: \"xyz\" is not a request id"),
            (|i| i.request_id = String::new(), "`interactions[1].id`: set it, or `time`"),
            (|i| i.id = "x".repeat(65), "`interactions[1].id`: an id has at most 64 bytes"),
            (|i| i.user = String::new(), "`interactions[1].user`: an id must not be empty"),
            (|i| i.kind = "Click".into(), "`interactions[1].kind`: \"Click\" is not a name"),
            (|i| i.corpus = String::new(), "`interactions[1].corpus`: \"\" is not a name"),
            (|i| i.value = Some(f32::INFINITY), "`interactions[1].value`: must be a finite number"),
            (
                |i| i.time = Some(prost_types::Timestamp { seconds: 1 << 50, nanos: 0 }),
                "`interactions[1].time`: 1125899906842624 seconds",
            ),
        ];
        for (change, message) in cases {
            let mut bad = click();
            change(&mut bad);
            let error = check(vec![click(), bad]).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
        assert!(check(Vec::new()).unwrap_err().contains("is empty"));
        assert!(check(vec![click(); 10_001]).unwrap_err().contains("at most 10000"));
    }

    proptest! {
        #[test]
        fn different_interactions_have_different_texts(
            a in prop::array::uniform5("[a:|1]{0,3}"), b in prop::array::uniform5("[a:|1]{0,3}"),
        ) {
            let made = |[request_id, user, corpus, entity, kind]: [String; 5]| proto::Interaction {
                request_id, user, corpus, entity, kind,
                time: Some(prost_types::Timestamp::default()),
                ..proto::Interaction::default()
            };
            let (x, y) = (interaction_id(&made(a.clone())), interaction_id(&made(b.clone())));
            prop_assert_eq!(a == b, x == y);
            prop_assert!(x.is_some_and(|text| text.len() > 64));
        }
    }
}
