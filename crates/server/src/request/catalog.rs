//! `CatalogService`: from the requests to write batches.

use recommend_core::{TenantId, Timestamp, Value};
use recommend_stores::{EntityPut, FeaturePut, IdBatch, RelationPut, WriteBatch};

use super::fields::{Invalid, NameCache, at_most, entity, finite, id, not_empty, time, user};
use crate::limits::{MAX_BATCH, MAX_VALUES};
use crate::proto;
use crate::proto::attribute_value::Kind;

/// Checks `PutEntities`.
pub(crate) fn entities(
    mut ids: IdBatch,
    request: &proto::PutEntitiesRequest,
) -> Result<(TenantId, WriteBatch), Invalid> {
    let (tenant, tenant_name) = id("tenant", ids.tenant(&request.tenant))?;
    not_empty("entities", request.entities.len())?;
    at_most("entities", request.entities.len(), MAX_BATCH)?;
    let mut names = NameCache::default();
    let mut entities = Vec::with_capacity(request.entities.len());
    for (at, sent) in request.entities.iter().enumerate() {
        if sent.attributes.len() > MAX_VALUES {
            let reason = format_args!("has {} values, at most {MAX_VALUES} are taken", sent.attributes.len());
            return Err(Invalid::new(format_args!("entities[{at}].attributes"), reason));
        }
        if sent.remove && !sent.attributes.is_empty() {
            let reason = "removes the entity and its attributes; leave `attributes` empty";
            return Err(Invalid::new(format_args!("entities[{at}].remove"), reason));
        }
        let mut attributes = Vec::with_capacity(sent.attributes.len());
        for (key, value) in &sent.attributes {
            let name = names.name(format_args!("entities[{at}].attributes"), key)?;
            let value = match &value.kind {
                None => None,
                Some(Kind::Flag(flag)) => Some(Value::Bool(*flag)),
                Some(Kind::Number(number)) => {
                    finite(format_args!("entities[{at}].attributes.{key}"), *number)?;
                    Some(Value::Number(*number))
                }
                Some(Kind::Word(word)) => {
                    let field = format_args!("entities[{at}].attributes.{key}");
                    Some(Value::Id(entity(&mut ids, field, word)?))
                }
                Some(Kind::Time(moment)) => {
                    Some(Value::Time(time(format_args!("entities[{at}].attributes.{key}"), moment)?))
                }
            };
            attributes.push((name, value));
        }
        // A map has no order; what is written should not depend on chance.
        attributes.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        entities.push(EntityPut {
            corpus: names.name(format_args!("entities[{at}].corpus"), &sent.corpus)?,
            entity: entity(&mut ids, format_args!("entities[{at}].id"), &sent.id)?,
            attributes,
            remove: sent.remove,
        });
    }
    Ok((tenant, WriteBatch { tenant_name, names: ids.into_names(), entities, ..WriteBatch::default() }))
}

/// Checks `PutRelations`.
pub(crate) fn relations(
    mut ids: IdBatch,
    request: &proto::PutRelationsRequest,
    now: Timestamp,
) -> Result<(TenantId, WriteBatch), Invalid> {
    let (tenant, tenant_name) = id("tenant", ids.tenant(&request.tenant))?;
    not_empty("relations", request.relations.len())?;
    at_most("relations", request.relations.len(), MAX_BATCH)?;
    let mut names = NameCache::default();
    let mut relations = Vec::with_capacity(request.relations.len());
    for (at, sent) in request.relations.iter().enumerate() {
        let weight = sent.weight.unwrap_or(1.0);
        finite(format_args!("relations[{at}].weight"), f64::from(weight))?;
        let since = match &sent.since {
            Some(since) => time(format_args!("relations[{at}].since"), since)?,
            None => now,
        };
        relations.push(RelationPut {
            user: user(&mut ids, format_args!("relations[{at}].user"), &sent.user)?,
            kind: names.name(format_args!("relations[{at}].kind"), &sent.kind)?,
            corpus: names.name(format_args!("relations[{at}].corpus"), &sent.corpus)?,
            entity: entity(&mut ids, format_args!("relations[{at}].entity"), &sent.entity)?,
            since,
            weight,
            remove: sent.remove,
        });
    }
    Ok((tenant, WriteBatch { tenant_name, names: ids.into_names(), relations, ..WriteBatch::default() }))
}

/// Checks `PutFeatures`.
pub(crate) fn features(
    mut ids: IdBatch,
    request: &proto::PutFeaturesRequest,
) -> Result<(TenantId, WriteBatch), Invalid> {
    let (tenant, tenant_name) = id("tenant", ids.tenant(&request.tenant))?;
    not_empty("rows", request.rows.len())?;
    at_most("rows", request.rows.len(), MAX_BATCH)?;
    let mut names = NameCache::default();
    let mut features = Vec::with_capacity(request.rows.len());
    for (at, sent) in request.rows.iter().enumerate() {
        if sent.values.len() > MAX_VALUES {
            let reason = format_args!("has {} values, at most {MAX_VALUES} are taken", sent.values.len());
            return Err(Invalid::new(format_args!("rows[{at}].values"), reason));
        }
        let mut values = Vec::with_capacity(sent.values.len());
        for (key, value) in &sent.values {
            if value.is_infinite() {
                let reason = format_args!("must be finite, or NaN to remove it, not {value}");
                return Err(Invalid::new(format_args!("rows[{at}].values.{key}"), reason));
            }
            values.push((names.name(format_args!("rows[{at}].values"), key)?, *value));
        }
        values.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        features.push(FeaturePut {
            corpus: names.name(format_args!("rows[{at}].corpus"), &sent.corpus)?,
            entity: entity(&mut ids, format_args!("rows[{at}].entity"), &sent.entity)?,
            user: match sent.user.is_empty() {
                true => None,
                false => Some(user(&mut ids, format_args!("rows[{at}].user"), &sent.user)?),
            },
            values,
        });
    }
    Ok((tenant, WriteBatch { tenant_name, names: ids.into_names(), features, ..WriteBatch::default() }))
}

#[cfg(test)]
mod tests {
    use recommend_core::IdCodec;

    use super::*;

    fn ids() -> IdBatch {
        IdBatch::new(IdCodec::new([1; 16]))
    }

    fn channel(attributes: &[(&str, Option<Kind>)]) -> proto::PutEntitiesRequest {
        let value = |kind: &Option<Kind>| proto::AttributeValue { kind: kind.clone() };
        proto::PutEntitiesRequest {
            tenant: "T".into(),
            entities: vec![proto::Entity {
                corpus: "channel".into(),
                id: "general".into(),
                attributes: attributes.iter().map(|(name, kind)| ((*name).to_owned(), value(kind))).collect(),
                remove: false,
            }],
        }
    }

    #[test]
    fn attributes_become_values_and_words_join_the_dictionary() {
        let request = channel(&[
            ("topic", Some(Kind::Word("sports".into()))),
            ("private", Some(Kind::Flag(true))),
            ("gone", None),
        ]);
        let (_, batch) = entities(ids(), &request).unwrap();
        let names: Vec<_> = batch.entities[0].attributes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["gone", "private", "topic"]);
        assert_eq!(batch.entities[0].attributes[0].1, None);
        assert_eq!(batch.entities[0].attributes[1].1, Some(Value::Bool(true)));
        assert_eq!(batch.names.len(), 2, "the tenant is apart: {:?}", batch.names);
    }

    #[test]
    fn every_bad_field_is_named() {
        let error = |request| entities(ids(), &request).unwrap_err().to_string();
        assert!(
            error(channel(&[("size", Some(Kind::Number(f64::NAN)))]))
                .starts_with("`entities[0].attributes.size`: must be a finite number")
        );
        assert!(error(channel(&[("Size", None)])).contains("\"Size\" is not a name"));
        assert!(
            error(channel(&[("w", Some(Kind::Word(String::new())))]))
                .contains("attributes.w`: an id must not")
        );
        let mut both = channel(&[("size", None)]);
        both.entities[0].remove = true;
        assert!(error(both).starts_with("`entities[0].remove`"));

        let relation = proto::Relation {
            user: "u".into(),
            kind: "member".into(),
            corpus: "channel".into(),
            entity: "c".into(),
            weight: Some(f32::NAN),
            ..proto::Relation::default()
        };
        let request = proto::PutRelationsRequest { tenant: "T".into(), relations: vec![relation] };
        let error = relations(ids(), &request, Timestamp(0)).unwrap_err().to_string();
        assert!(error.starts_with("`relations[0].weight`"), "{error}");

        let row = proto::FeatureRow {
            corpus: "channel".into(),
            entity: "c".into(),
            values: [("x".to_owned(), f32::NEG_INFINITY)].into(),
            ..proto::FeatureRow::default()
        };
        let mut request = proto::PutFeaturesRequest { tenant: "T".into(), rows: vec![row] };
        let error = features(ids(), &request).unwrap_err().to_string();
        assert!(error.starts_with("`rows[0].values.x`"), "{error}");
        request.rows[0].values = [("x".to_owned(), f32::NAN)].into();
        assert!(features(ids(), &request).is_ok(), "NaN removes a value");
    }
}
