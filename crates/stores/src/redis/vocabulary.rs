//! Names that a batch brings: checked and kept before anything of it is written.

use std::time::{Duration, Instant};

use recommend_core::{Name, TenantId};
use redis::Value as Answer;
use rustc_hash::FxHashSet;

use super::keys::{self, TENANTS};
use super::store::RedisStore;
use crate::embedded::names::{MAX_CORPORA, MAX_PER_CORPUS, MAX_RELATION_KINDS};
use crate::error::StoreError;
use crate::write::WriteBatch;

/// How long names are taken to be there without telling Redis again: it may have lost everything meanwhile.
const TRUST: Duration = Duration::from_secs(60);

/// The names and strings of a batch.
pub(super) struct Wanted {
    tenant: Option<Box<str>>,
    strings: Vec<(u64, Box<str>)>,
    names: FxHashSet<(String, Name)>,
    empty: bool,
}

impl Wanted {
    pub(super) fn of(batch: &WriteBatch) -> Self {
        let mut names = FxHashSet::default();
        let mut want = |scope: &str, corpus: Option<&Name>, name: &Name| {
            let scope = corpus.map_or_else(|| scope.to_owned(), |corpus| format!("{scope}:{corpus}"));
            names.insert((scope, name.clone()));
        };
        for put in &batch.entities {
            want("corpora", None, &put.corpus);
            for (name, _) in put.attributes.iter().filter(|(_, value)| value.is_some()) {
                want("attributes", Some(&put.corpus), name);
            }
        }
        for put in batch.relations.iter().filter(|put| !put.remove) {
            want("corpora", None, &put.corpus);
            want("relations", None, &put.kind);
        }
        let mut last: Option<(&Name, &Name)> = None;
        for interaction in &batch.interactions {
            // Mostly it is what it was before.
            if last != Some((&interaction.corpus, &interaction.kind)) {
                last = Some((&interaction.corpus, &interaction.kind));
                want("corpora", None, &interaction.corpus);
                want("kinds", Some(&interaction.corpus), &interaction.kind);
            }
        }
        for put in &batch.features {
            want("corpora", None, &put.corpus);
            for (name, _) in put.values.iter().filter(|(_, value)| !value.is_nan()) {
                want("features", Some(&put.corpus), name);
            }
        }
        let tenant = batch.tenant_name.clone();
        Wanted { tenant, strings: batch.names.clone(), empty: names.is_empty(), names }
    }
}

fn limit(scope: &str) -> (&'static str, usize) {
    match scope.split(':').next() {
        Some("corpora") => ("corpora", MAX_CORPORA),
        Some("relations") => ("kinds of relation", MAX_RELATION_KINDS),
        Some("attributes") => ("attributes in one corpus", MAX_PER_CORPUS),
        Some("kinds") => ("kinds of interaction in one corpus", MAX_PER_CORPUS),
        _ => ("stored features in one corpus", MAX_PER_CORPUS),
    }
}

impl RedisStore {
    /// Keeps what is new of a batch's names, or refuses the batch.
    pub(super) async fn introduce(&self, tenant: TenantId, wanted: Wanted) -> Result<(), StoreError> {
        let Wanted { tenant: name, mut strings, mut names, empty } = wanted;
        let new_tenant = {
            let mut known = self.known.lock();
            if known.since.elapsed() > TRUST {
                known.names.clear();
                known.tenants.clear();
                known.since = Instant::now();
                self.dictionary.clear();
            }
            names.retain(|(scope, name)| !known.names.contains(&(tenant, scope.clone(), name.clone())));
            !empty && !known.tenants.contains(&tenant)
        };
        strings.sort_unstable();
        strings.dedup();
        let same = |(id, text): &(u64, Box<str>)| {
            self.dictionary.get(&(tenant, *id)).is_some_and(|held| *held == **text)
        };
        strings.retain(|string| !same(string));
        if let Some([(id, known), (_, new)]) = strings.array_windows::<2>().find(|[a, b]| a.0 == b.0) {
            return Err(StoreError::IdCollision { id: *id, known: known.to_string(), new: new.to_string() });
        }
        if !strings.is_empty() || !names.is_empty() {
            self.tell(tenant, &strings, &names).await?;
        }
        if new_tenant || name.is_some() {
            let text = name.as_deref().unwrap_or_default();
            let mut command = redis::cmd(if text.is_empty() { "HSETNX" } else { "HSET" });
            command.arg(TENANTS).arg(format!("{:x}", tenant.0)).arg(text);
            self.ask(command).await?;
        }
        for (id, text) in strings {
            self.dictionary.insert((tenant, id), text.into());
        }
        let mut known = self.known.lock();
        known.names.extend(names.into_iter().map(|(scope, name)| (tenant, scope, name)));
        if new_tenant {
            known.tenants.insert(tenant);
        }
        Ok(())
    }

    async fn tell(
        &self,
        tenant: TenantId,
        strings: &[(u64, Box<str>)],
        names: &FxHashSet<(String, Name)>,
    ) -> Result<(), StoreError> {
        let mut keys = vec![keys::dictionary(tenant)];
        let mut scopes: Vec<&str> = Vec::new();
        let mut args = vec![strings.len().to_string().into_bytes()];
        for (id, text) in strings {
            args.extend([id.to_be_bytes().to_vec(), text.as_bytes().to_vec()]);
        }
        for (scope, name) in names {
            let place = scopes.iter().position(|known| known == scope).unwrap_or_else(|| {
                scopes.push(scope);
                keys.push(keys::vocabulary(tenant, scope));
                scopes.len() - 1
            });
            let number = |number: usize| number.to_string().into_bytes();
            args.extend([number(place + 2), number(limit(scope).1), name.as_str().into()]);
        }
        let (link, script) = (std::sync::Arc::clone(&self.link), std::sync::Arc::clone(&self.names));
        let answer = self.runtime.run(async move { link.run(&script, &keys, &args).await }).await?;
        let Answer::Array(answer) = answer else {
            return Err(StoreError::Unavailable {
                reason: "Redis answered the script of names strangely".into(),
            });
        };
        match &answer[..] {
            [Answer::Int(1), Answer::BulkString(id), Answer::BulkString(known)] => {
                let id = id.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
                let new = strings.iter().find(|(of, _)| *of == id).map(|(_, text)| text.to_string());
                let known = String::from_utf8_lossy(known).into_owned();
                Err(StoreError::IdCollision { id, known, new: new.unwrap_or_default() })
            }
            [Answer::Int(2), Answer::Int(place)] => {
                let scope = scopes.get((*place as usize).saturating_sub(2)).copied().unwrap_or_default();
                let (what, limit) = limit(scope);
                Err(StoreError::TooManyNames { what, limit })
            }
            _ => Ok(()),
        }
    }
}
