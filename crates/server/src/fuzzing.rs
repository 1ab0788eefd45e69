//! What the fuzz target and a property test feed with bytes: decoding and checking of every request, gRPC and JSON.

use std::time::Duration;

use prost::Message;
use recommend_core::{Deadline, IdCodec, Name, RequestId, Timestamp};
use recommend_stores::IdBatch;

use crate::http::json;
use crate::proto::{
    PutEntitiesRequest, PutFeaturesRequest, PutRelationsRequest, RecommendRequest, RecordInteractionsRequest,
};
use crate::request;

/// Takes the first byte as the choice of the message and of its encoding, and the rest as the message.
///
/// # Panics
/// When a request passes the checks with a value that the engine must never see.
pub fn requests(bytes: &[u8]) {
    let Some((choice, body)) = bytes.split_first() else { return };
    let json = choice & 0x80 != 0;
    let codec = IdCodec::new([7; 16]);
    let ids = || IdBatch::new(codec);
    let now = Timestamp(1_000);
    match choice & 0x7f {
        0 => {
            let Some(sent) = read::<RecommendRequest>(json, body) else { return };
            let (corpus, source) = (Name::literal("channel"), Name::literal("browser"));
            let asked = request::Asked {
                corpus: &corpus,
                source: &source,
                request: RequestId(1),
                now,
                deadline: Deadline::after(Duration::from_secs(1)),
                seed: 1,
            };
            if let Ok(query) = request::query(codec, &sent, asked) {
                assert!(query.context.iter().all(|(_, value)| value.is_finite()));
                assert!((1..=1000).contains(&query.limit));
            }
        }
        1 => {
            let Some(sent) = read::<RecordInteractionsRequest>(json, body) else { return };
            if let Ok((_, batch)) = request::interactions(ids(), codec, &sent, now) {
                assert!(batch.interactions.iter().all(|interaction| interaction.value.is_finite()));
                assert_eq!(batch.interactions.len(), sent.interactions.len());
            }
        }
        2 => {
            let Some(sent) = read::<PutEntitiesRequest>(json, body) else { return };
            let _ = request::entities(ids(), &sent);
        }
        3 => {
            let Some(sent) = read::<PutRelationsRequest>(json, body) else { return };
            if let Ok((_, batch)) = request::relations(ids(), &sent, now) {
                assert!(batch.relations.iter().all(|relation| relation.weight.is_finite()));
            }
        }
        4 => {
            let Some(sent) = read::<PutFeaturesRequest>(json, body) else { return };
            if let Ok((_, batch)) = request::features(ids(), &sent) {
                let values = batch.features.iter().flat_map(|put| &put.values);
                assert!(values.into_iter().all(|(_, value)| !value.is_infinite()));
            }
        }
        _ => {}
    }
}

fn read<M: Message + prost::Name + Default>(json: bool, body: &[u8]) -> Option<M> {
    match json {
        true => json::read(body).ok(),
        false => M::decode(body).ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_bytes_pass_a_value_that_must_not(choice in 0_u8..5, json: bool, body in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut bytes = vec![choice | if json { 0x80 } else { 0 }];
            bytes.extend(body);
            super::requests(&bytes);
        }

        #[test]
        fn no_json_passes_a_value_that_must_not(
            choice in 0_u8..5,
            body in r#"\{("(tenant|user|limit|context|interactions|entities|relations|rows|time)": ?("[a-zN]{0,3}"|-?[0-9]{1,22}(\.[0-9])?(e[0-9]{1,3})?|\[\{\}\]|\{"a": "?NaN"?\}|null),? ?){0,4}\}"#,
        ) {
            let mut bytes = vec![choice | 0x80];
            bytes.extend(body.bytes());
            super::requests(&bytes);
        }
    }
}
