//! A naive list of interactions that every store is compared with, and what it is asked at random.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use recommend_core::{EntityId, Interaction, InteractionId, Name, TenantId, Timestamp, UserId};
use recommend_stores::{
    Aggregate, AggregateSpec, CoInteraction, Event, HourScope, Scope, Stores, Subject, WriteBatch,
    WriteOutcome,
};

use super::run;

const KINDS: [&str; 3] = ["message", "join", "read"];
const CORPORA: [&str; 2] = ["channel", "user"];
const ENTITIES: u64 = 5;
const USERS: u64 = 4;

/// One interaction of two tenants with the same ids; times within some hours so that windows cut through hours.
fn interaction() -> impl Strategy<Value = Interaction> {
    let time = prop_oneof![4 => 0_i64..20_000_000, 1 => -3_000_000_i64..40_000_000, 1 => (0_i64..6).prop_map(|t| t * 3_600_000)];
    let value = prop_oneof![3 => Just(1.0_f32), 1 => -4.0_f32..4.0];
    let ids = (0_u128..60, 1_u64..=2, 0..USERS, 0..ENTITIES);
    (ids, 0..CORPORA.len(), 0..KINDS.len(), time, value).prop_map(
        |((id, tenant, user, entity), corpus, kind, time, value)| Interaction {
            id: InteractionId(id),
            request: None,
            tenant: TenantId(tenant),
            user: UserId(user),
            corpus: Name::literal(CORPORA[corpus]),
            entity: EntityId(entity),
            kind: Name::literal(KINDS[kind]),
            time: Timestamp(time),
            value,
        },
    )
}

fn spec() -> impl Strategy<Value = AggregateSpec> {
    let scope = prop::sample::select(vec![Scope::Entity, Scope::User, Scope::Pair, Scope::Tenant]);
    let aggregate =
        prop::sample::select(vec![Aggregate::Count, Aggregate::Sum, Aggregate::Recency, Aggregate::Distinct]);
    let corpus = prop::option::weighted(0.3, prop::sample::select(vec!["channel", "user", "nowhere"]));
    let resolution = prop::option::weighted(0.3, prop::sample::select(vec![3_600_u64, 86_400]));
    (scope, corpus, kinds(), window(), resolution, aggregate).prop_map(
        |(scope, corpus, kinds, window, resolution, aggregate)| AggregateSpec {
            scope,
            corpus: corpus.map(Name::literal),
            kinds,
            window,
            resolution: resolution.map(Duration::from_secs),
            aggregate,
        },
    )
}

fn kinds() -> impl Strategy<Value = Vec<Name>> {
    let named = prop::sample::subsequence(vec!["message", "join", "read", "never"], 1..4);
    prop_oneof![Just(Vec::new()), named.prop_map(|names| names.into_iter().map(Name::literal).collect())]
}

fn window() -> impl Strategy<Value = Option<Duration>> {
    prop::option::weighted(0.8, (0_u64..30_000_000).prop_map(Duration::from_millis))
}

fn now() -> impl Strategy<Value = Timestamp> {
    prop_oneof![Just(50_000_000), -4_000_000_i64..45_000_000].prop_map(Timestamp)
}

/// The list that the stores are compared with.
#[derive(Default)]
struct Oracle {
    held: Vec<Interaction>,
    ids: BTreeSet<(TenantId, InteractionId)>,
}

impl Oracle {
    fn write(&mut self, tenant: TenantId, batch: &[Interaction]) -> WriteOutcome {
        let mut outcome = WriteOutcome::default();
        for interaction in batch {
            if self.ids.insert((tenant, interaction.id)) {
                self.held.push(interaction.clone());
                outcome.accepted += 1;
            } else {
                outcome.duplicates += 1;
            }
        }
        outcome
    }

    fn window(
        &self,
        tenant: TenantId,
        corpus: &Name,
        kinds: &[Name],
        window: Option<Duration>,
        now: Timestamp,
    ) -> impl Iterator<Item = &Interaction> {
        self.held.iter().filter(move |i| {
            let inside = i.time <= now && window.is_none_or(|window| i.time > now.before(window));
            i.tenant == tenant
                && i.corpus == *corpus
                && (kinds.is_empty() || kinds.contains(&i.kind))
                && inside
        })
    }

    fn aggregate(&self, subject: &Subject<'_>, spec: &AggregateSpec, entity: EntityId) -> f32 {
        let corpus = spec.corpus.as_ref().unwrap_or(subject.corpus);
        let wanted = self.window(subject.tenant, corpus, &spec.kinds, None, subject.now);
        let wanted: Vec<_> = wanted
            .filter(|i| {
                // The first moment of the window, a whole multiple of the resolution.
                let Some(window) = spec.window else { return true };
                let first = subject.now.before(window).0 + 1;
                let step = spec.resolution.map_or(1, |step| step.as_millis() as i64);
                i.time.0 >= first.div_euclid(step) * step
            })
            .filter(|i| match spec.scope {
                Scope::Entity => i.entity == entity,
                Scope::User => i.user == subject.user,
                Scope::Pair => i.user == subject.user && i.entity == entity,
                Scope::Tenant => true,
            })
            .collect();
        match spec.aggregate {
            Aggregate::Count => wanted.len() as f32,
            Aggregate::Sum => wanted.iter().map(|i| f64::from(i.value)).sum::<f64>() as f32,
            Aggregate::Recency => {
                let newest = wanted.iter().map(|i| i.time.0).max();
                newest.map_or(f32::NAN, |newest| ((subject.now.0 - newest) as f64 / 1000.0) as f32)
            }
            Aggregate::Distinct => match spec.scope {
                Scope::User | Scope::Pair => {
                    wanted.iter().map(|i| i.entity.0).collect::<BTreeSet<_>>().len() as f32
                }
                Scope::Entity | Scope::Tenant => {
                    wanted.iter().map(|i| i.user.0).collect::<BTreeSet<_>>().len() as f32
                }
            },
        }
    }
}

impl Oracle {
    /// The users whom an entity and any of the partners have in common.
    fn shared(
        &self,
        subject: &Subject<'_>,
        partners: &[EntityId],
        wanted: &CoInteraction,
        entity: EntityId,
    ) -> f32 {
        let corpus = wanted.corpus.as_ref().unwrap_or(subject.corpus);
        let first = wanted.window.map(|window| {
            let step = wanted.resolution.map_or(1, |step| step.as_millis() as i64);
            (subject.now.before(window).0 + 1).div_euclid(step) * step
        });
        let users = |of: &[EntityId]| -> BTreeSet<UserId> {
            let inside = self.window(subject.tenant, corpus, &wanted.kinds, None, subject.now);
            let inside = inside.filter(|i| first.is_none_or(|first| i.time.0 >= first));
            inside.filter(|i| of.contains(&i.entity)).map(|i| i.user).collect()
        };
        users(&[entity]).intersection(&users(partners)).count() as f32
    }
}

fn alike(a: f32, b: f32) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-5 * a.abs().max(b.abs()).max(1.0)
}

/// What can be compared of an event, with the kind by name.
fn shown(event: &Event, kinds: &[Name]) -> (i64, u64, u64, Option<Name>, u32) {
    let kind = kinds.get(usize::from(event.kind)).cloned();
    (event.time.0, event.entity.0, event.user.0, kind, event.value.to_bits())
}

fn shown_of(i: &Interaction, kinds: &[Name]) -> (i64, u64, u64, Option<Name>, u32) {
    let kind = (!kinds.is_empty()).then(|| i.kind.clone());
    (i.time.0, i.entity.0, i.user.0, kind, i.value.to_bits())
}

#[derive(Debug, Clone)]
pub(crate) struct Ask {
    tenant: u64,
    user: u64,
    corpus: usize,
    specs: Vec<AggregateSpec>,
    now: Timestamp,
    kinds: Vec<Name>,
    window: Option<Duration>,
    half_life: Option<u64>,
    limit: usize,
}

fn ask() -> impl Strategy<Value = Ask> {
    let whose = (1_u64..=3, 0..USERS + 1, 0..CORPORA.len());
    let specs = prop::collection::vec(spec(), 0..6);
    let rest = (now(), kinds(), window(), prop::option::of(1_000_u64..10_000_000), 0_usize..12);
    (whose, specs, rest).prop_map(
        |((tenant, user, corpus), specs, (now, kinds, window, half_life, limit))| Ask {
            tenant,
            user,
            corpus,
            specs,
            now,
            kinds,
            window,
            half_life,
            limit,
        },
    )
}

fn check(stores: &Stores, oracle: &Oracle, ask: &Ask) -> Result<(), TestCaseError> {
    let (tenant, user, corpus) = (TenantId(ask.tenant), UserId(ask.user), Name::literal(CORPORA[ask.corpus]));
    let entities: Vec<_> = (0..=ENTITIES).chain([0]).map(EntityId).collect();
    let subject = Subject { tenant, user, corpus: &corpus, entities: &entities, now: ask.now };
    let mut out = vec![-1.0; entities.len() * ask.specs.len()];
    run(stores.interactions.aggregate(&subject, &ask.specs, &mut out)).unwrap();
    for (row, entity) in entities.iter().enumerate() {
        for (at, spec) in ask.specs.iter().enumerate() {
            let (got, wanted) = (out[row * ask.specs.len() + at], oracle.aggregate(&subject, spec, *entity));
            prop_assert!(alike(got, wanted), "{entity:?} {spec:?}: {got} instead of {wanted}");
        }
    }
    for spec in &ask.specs {
        let partners = [EntityId(ask.user), EntityId(ask.limit as u64), EntityId(ask.user)];
        let AggregateSpec { corpus, kinds, window, resolution, .. } = spec.clone();
        let wanted = CoInteraction { corpus, kinds, window, resolution };
        let mut shared = vec![-1.0; entities.len()];
        run(stores.interactions.co_interactions(&subject, &partners, &wanted, &mut shared)).unwrap();
        for (got, entity) in shared.into_iter().zip(&entities) {
            let expected = oracle.shared(&subject, &partners, &wanted, *entity);
            prop_assert!(got == expected, "{entity:?} {partners:?} {wanted:?}: {got} instead of {expected}");
        }
    }
    let since = ask.window.map_or(Timestamp(i64::MIN), |window| ask.now.before(window));
    let window: Vec<_> = oracle.window(tenant, &corpus, &ask.kinds, ask.window, ask.now).collect();
    for by_user in [true, false] {
        let entity = EntityId(ask.user);
        let got = run(async {
            let (interactions, kinds, now, limit) = (&stores.interactions, &ask.kinds, ask.now, ask.limit);
            match by_user {
                true => interactions.user_timeline(tenant, user, &corpus, kinds, since, now, limit).await,
                false => {
                    interactions.entity_timeline(tenant, &corpus, entity, kinds, since, now, limit).await
                }
            }
        });
        let got: Vec<_> = got.unwrap().iter().map(|event| shown(event, &ask.kinds)).collect();
        let wanted = window.iter().filter(|i| if by_user { i.user == user } else { i.entity == entity });
        let wanted: Vec<_> = wanted.map(|i| shown_of(i, &ask.kinds)).collect();
        prop_assert_eq!(got.len(), wanted.len().min(ask.limit));
        prop_assert!(got.iter().all(|event| wanted.contains(event)));
        let mut times: Vec<_> = wanted.iter().map(|event| event.0).collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        prop_assert!(got.iter().map(|event| event.0).eq(times.into_iter().take(ask.limit)));
    }
    let half_life = ask.half_life.map(Duration::from_millis);
    let popular =
        run(stores.interactions.popularity(tenant, &corpus, &ask.kinds, ask.window, half_life, ask.now));
    let mut wanted: BTreeMap<EntityId, f64> = BTreeMap::new();
    for i in &window {
        let age = (ask.now.0 - i.time.0) as f64;
        *wanted.entry(i.entity).or_default() += ask.half_life.map_or(1.0, |h| 0.5_f64.powf(age / h as f64));
    }
    let popular: BTreeMap<_, _> = popular.unwrap().into_iter().collect();
    prop_assert!(popular.keys().eq(wanted.keys()));
    for (got, wanted) in popular.values().zip(wanted.values()) {
        prop_assert!(alike(*got, *wanted as f32));
    }
    for whose in [HourScope::Tenant, HourScope::User(user), HourScope::Entity(EntityId(ask.user))] {
        let week = run(stores.interactions.hours(tenant, &corpus, whose, &ask.kinds, ask.window, ask.now));
        let mut wanted = [0.0; 168];
        for i in window.iter().filter(|i| match whose {
            HourScope::Tenant => true,
            HourScope::User(user) => i.user == user,
            HourScope::Entity(entity) => i.entity == entity,
        }) {
            wanted[i.time.hour_of_week()] += 1.0;
        }
        prop_assert_eq!(&*week.unwrap(), &wanted);
    }
    let mut scanned = Vec::new();
    let scan =
        stores.interactions.scan_users(tenant, &corpus, &ask.kinds, since, ask.now, &mut |user, events| {
            assert!(events.is_sorted_by_key(|event| event.time) && events.iter().all(|e| e.user == user));
            scanned.extend(events.iter().map(|event| shown(event, &ask.kinds)));
        });
    scan.unwrap();
    let mut wanted: Vec<_> = window.iter().map(|i| shown_of(i, &ask.kinds)).collect();
    scanned.sort();
    wanted.sort();
    prop_assert_eq!(scanned, wanted);
    let held = || oracle.held.iter().filter(|i| i.tenant == tenant && i.corpus == corpus);
    let active: BTreeSet<_> = held().map(|i| i.entity).collect();
    let entities = run(stores.interactions.entities(tenant, &corpus)).unwrap();
    prop_assert!(entities.iter().eq(active.iter()));
    prop_assert_eq!(stores.interactions.version(tenant, &corpus), held().count() as u64);
    let described = run(stores.interactions.describe(tenant)).unwrap();
    let described: usize = described.iter().filter(|kind| kind.corpus == corpus).map(|kind| kind.count).sum();
    prop_assert_eq!(described, held().count());
    Ok(())
}

/// What happens in one run: interactions that are written, and questions after each batch.
pub(crate) type Round = (Vec<Interaction>, Vec<Ask>);

pub(crate) fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let round = (prop::collection::vec(interaction(), 0..40), prop::collection::vec(ask(), 1..4));
    prop::collection::vec(round, 1..5)
}

/// The same rounds, in which an id that comes again comes with the same interaction: what a client that tries again sends.
pub(crate) fn retried(mut rounds: Vec<Round>) -> Vec<Round> {
    let mut first: BTreeMap<(TenantId, InteractionId), Interaction> = BTreeMap::new();
    for interaction in rounds.iter_mut().flat_map(|(interactions, _)| interactions) {
        let known = first.entry((interaction.tenant, interaction.id)).or_insert_with(|| interaction.clone());
        interaction.clone_from(known);
    }
    rounds
}

/// Writes and asks, and compares every answer with that of the list.
pub(crate) fn play(stores: &Stores, rounds: Vec<Round>) -> Result<(), TestCaseError> {
    let mut oracle = Oracle::default();
    for (interactions, asks) in rounds {
        for tenant in [1, 2] {
            // The same numbers in two tenants: nothing of one may be seen in the other.
            let of_tenant = interactions.iter().filter(|i| i.tenant.0 == tenant).cloned();
            let interactions: Vec<_> = of_tenant.collect();
            let expected = oracle.write(TenantId(tenant), &interactions);
            let batch = WriteBatch { interactions, ..WriteBatch::default() };
            prop_assert_eq!(run(stores.writer.write(TenantId(tenant), batch)).unwrap(), expected);
        }
        for ask in asks {
            check(stores, &oracle, &ask)?;
        }
    }
    Ok(())
}
