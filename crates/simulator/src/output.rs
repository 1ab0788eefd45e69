//! Output: the workspace as the batches that a store takes.

use recommend_core::{IdCodec, IdError, Interaction, Name, TenantId, Value};
use recommend_stores::{EntityPut, IdBatch, RelationPut, WriteBatch};

use crate::history::Action;
use crate::workspace::Workspace;

impl Workspace {
    /// How many entities, relations and interactions [`Workspace::batches`] gives in all.
    pub fn rows(&self) -> usize {
        let cast = &self.cast;
        let entities = cast.people.len() + cast.channels.len() + cast.contacts.len();
        entities + self.relations(&Words::new()).len() + self.history.events.len()
    }

    /// The tenant's number.
    ///
    /// # Errors
    /// [`IdError`] when the id in the settings is empty or too long.
    pub fn tenant(&self, codec: IdCodec) -> Result<TenantId, IdError> {
        IdBatch::new(codec).tenant(&self.cast.settings.tenant).map(|(id, _)| id)
    }

    /// The whole workspace as batches of at most `size` rows: entities first, then relations as they are at the end,
    /// then interactions by time. Corpora: `channel`, `user`, `contact`; relations: `member`, `dismissed` (channels) and
    /// `invited` (contacts). Writing the same batches again changes nothing.
    ///
    /// # Errors
    /// [`IdError`] when the tenant's id in the settings is empty or too long.
    pub fn batches(
        &self,
        codec: IdCodec,
        size: usize,
    ) -> Result<impl Iterator<Item = WriteBatch> + '_, IdError> {
        let size = size.max(1);
        let (tenant, tenant_name) = IdBatch::new(codec).tenant(&self.cast.settings.tenant)?;
        let words = Words::new();
        let mut ids = IdBatch::new(codec);
        let entities = self.entities(&words, &mut ids)?;
        let names = ids.into_names();
        let relations = self.relations(&words);
        let entity_batches = chunks(entities, size).map(move |entities| WriteBatch {
            entities,
            names: names.clone(),
            ..WriteBatch::default()
        });
        let relation_batches =
            chunks(relations, size).map(|relations| WriteBatch { relations, ..WriteBatch::default() });
        let events = &self.history.events;
        let interaction_batches = (0..events.len()).step_by(size).map(move |first| {
            let range = first..(first + size).min(events.len());
            let interactions = range.map(|at| self.interaction(&words, codec, tenant, at)).collect();
            WriteBatch { interactions, ..WriteBatch::default() }
        });
        let all = entity_batches.chain(relation_batches).chain(interaction_batches);
        Ok(all.map(move |batch| WriteBatch { tenant_name: tenant_name.clone(), ..batch }))
    }

    fn entities(&self, words: &Words, ids: &mut IdBatch) -> Result<Vec<EntityPut>, IdError> {
        let cast = &self.cast;
        let mut puts = Vec::new();
        let put = |corpus: &Name, entity, attributes: Vec<(&Name, Value)>| EntityPut {
            corpus: corpus.clone(),
            entity,
            attributes: attributes.into_iter().map(|(name, value)| (name.clone(), Some(value))).collect(),
            remove: false,
        };
        for channel in &cast.channels {
            let attributes = vec![
                (&words.private, Value::Bool(channel.private)),
                (&words.archived, Value::Bool(channel.archived)),
                (&words.owner, Value::Id(cast.people[channel.owner].entity)),
                (&words.created, Value::Time(channel.created)),
                (&words.topic, Value::Id(ids.entity(channel.topic)?)),
                (&words.purpose, Value::Id(ids.entity(channel.kind.word())?)),
            ];
            puts.push(put(&words.channel, channel.entity, attributes));
        }
        for person in &cast.people {
            let team = &cast.teams[person.team];
            let home = cast.channels.iter().find(|channel| {
                channel.team == Some(person.team) && channel.kind == crate::ChannelKind::Team
            });
            let mut attributes = vec![
                (&words.created, Value::Time(person.created)),
                (&words.deactivated, Value::Bool(person.gone.is_some())),
                (&words.manager, Value::Id(cast.people[team.members[0]].entity)),
                (&words.site, Value::Id(ids.entity(person.site().name)?)),
                (&words.team, Value::Id(ids.entity(&team.name)?)),
                (&words.utc_offset, Value::Number(f64::from(person.site().utc_offset_minutes) / 60.0)),
            ];
            if let Some(home) = home {
                attributes.push((&words.team_channel, Value::Id(home.entity)));
            }
            puts.push(put(&words.user, person.entity, attributes));
        }
        for contact in &cast.contacts {
            let attributes = vec![
                (&words.created, Value::Time(contact.created)),
                (&words.company, Value::Id(ids.entity(&contact.company)?)),
            ];
            puts.push(put(&words.contact, contact.entity, attributes));
        }
        Ok(puts)
    }

    fn relations(&self, words: &Words) -> Vec<RelationPut> {
        let (cast, end) = (&self.cast, self.cast.settings.end);
        let mut puts = Vec::new();
        let tie = |person: usize, kind: &Name, corpus: &Name, entity, since| RelationPut {
            user: cast.people[person].entity.as_user(),
            kind: kind.clone(),
            corpus: corpus.clone(),
            entity,
            since,
            weight: 1.0,
            remove: false,
        };
        for (person, stays) in self.history.memberships.iter().enumerate() {
            for stay in stays.iter().filter(|stay| stay.holds(end)) {
                let channel = cast.channels[stay.channel].entity;
                puts.push(tie(person, &words.member, &words.channel, channel, stay.since));
            }
        }
        for event in &self.history.events {
            let (person, time) = (event.person, event.time);
            match event.action {
                Action::Dismiss => {
                    let channel = cast.channels[event.target].entity;
                    puts.push(tie(person, &words.dismissed, &words.channel, channel, time));
                }
                Action::Invite => {
                    let contact = cast.contacts[event.target].entity;
                    puts.push(tie(person, &words.invited, &words.contact, contact, time));
                }
                _ => {}
            }
        }
        puts
    }

    fn interaction(&self, words: &Words, codec: IdCodec, tenant: TenantId, at: usize) -> Interaction {
        let event = &self.history.events[at];
        let (corpus, kind) = words.action(event.action);
        let entity = match event.action.corpus_and_kind().0 {
            "channel" => self.cast.channels[event.target].entity,
            "user" => self.cast.people[event.target].entity,
            _ => self.cast.contacts[event.target].entity,
        };
        Interaction {
            id: codec.interaction(tenant, &format!("simulated-{}-{at}", self.cast.settings.seed)),
            request: None,
            tenant,
            user: self.cast.people[event.person].entity.as_user(),
            corpus,
            entity,
            kind,
            time: event.time,
            value: event.value,
        }
    }
}

fn chunks<T>(list: Vec<T>, size: usize) -> impl Iterator<Item = Vec<T>> {
    let mut list = list.into_iter();
    std::iter::from_fn(move || {
        let chunk: Vec<T> = list.by_ref().take(size).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Every name of the output, allocated once and cloned by reference count.
#[derive(Clone)]
struct Words {
    channel: Name,
    user: Name,
    contact: Name,
    member: Name,
    dismissed: Name,
    invited: Name,
    private: Name,
    archived: Name,
    owner: Name,
    created: Name,
    topic: Name,
    purpose: Name,
    deactivated: Name,
    manager: Name,
    site: Name,
    team: Name,
    team_channel: Name,
    utc_offset: Name,
    company: Name,
    actions: Vec<(Action, Name, Name)>,
}

impl Words {
    fn new() -> Self {
        let action = |action: Action| {
            let (corpus, kind) = action.corpus_and_kind();
            (action, Name::literal(corpus), Name::literal(kind))
        };
        Words {
            channel: Name::literal("channel"),
            user: Name::literal("user"),
            contact: Name::literal("contact"),
            member: Name::literal("member"),
            dismissed: Name::literal("dismissed"),
            invited: Name::literal("invited"),
            private: Name::literal("private"),
            archived: Name::literal("archived"),
            owner: Name::literal("owner"),
            created: Name::literal("created"),
            topic: Name::literal("topic"),
            purpose: Name::literal("purpose"),
            deactivated: Name::literal("deactivated"),
            manager: Name::literal("manager"),
            site: Name::literal("site"),
            team: Name::literal("team"),
            team_channel: Name::literal("team_channel"),
            utc_offset: Name::literal("utc_offset"),
            company: Name::literal("company"),
            actions: Action::ALL.into_iter().map(action).collect(),
        }
    }

    fn action(&self, action: Action) -> (Name, Name) {
        let (_, corpus, kind) = &self.actions[action as usize];
        (corpus.clone(), kind.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Settings;

    #[test]
    fn batches_hold_every_row_once() {
        let workspace = Workspace::generate(Settings::small(2)).unwrap();
        let batches: Vec<_> = workspace.batches(IdCodec::new([3; 16]), 500).unwrap().collect();
        let rows =
            |batch: &WriteBatch| batch.entities.len() + batch.relations.len() + batch.interactions.len();
        assert!(batches.iter().all(|batch| (1..=500).contains(&rows(batch))));
        assert_eq!(batches.iter().map(rows).sum::<usize>(), workspace.rows());
        let ids: BTreeSet<_> = batches.iter().flat_map(|batch| &batch.interactions).map(|i| i.id).collect();
        assert_eq!(ids.len(), workspace.events().len());
    }

    #[test]
    fn actions_are_in_the_order_of_their_numbers() {
        for (at, action) in Action::ALL.into_iter().enumerate() {
            assert_eq!(action as usize, at);
        }
    }

    #[test]
    fn words_can_be_turned_back_by_the_dictionary_of_the_batch() {
        let workspace = Workspace::generate(Settings::small(2)).unwrap();
        let first = workspace.batches(IdCodec::new([3; 16]), 10_000).unwrap().next().unwrap();
        let known: BTreeSet<u64> = first.names.iter().map(|(id, _)| *id).collect();
        for (_, value) in first.entities.iter().flat_map(|put| &put.attributes) {
            if let Some(Value::Id(id)) = value {
                assert!(!IdCodec::is_hashed(id.0) || known.contains(&id.0));
            }
        }
    }
}
