//! Collections, which are made when an embedding is defined first, and what embeddings are.

use qdrant_client::qdrant::CollectionExistsRequest;
use recommend_core::{Name, TenantId};
use tonic::Code;

use super::link::{Refusal, Within};
use super::{QdrantVectors, answers, calls, messages};
use crate::vectors::{Place, Shape, Side, VectorError};

impl QdrantVectors {
    /// Where it stands what embeddings are.
    pub(super) fn definitions(&self) -> String {
        format!("{}.embeddings", self.options.prefix)
    }

    /// Where the vectors of a side of an embedding are. Tenants whose embeddings of one name differ in shape are apart.
    pub(super) fn collection(&self, embedding: &Name, shape: Shape, side: Side) -> String {
        let side = match side {
            Side::User => "users",
            Side::Entity => "entities",
        };
        let (comparison, precision) =
            (messages::comparison(shape.comparison), messages::precision(shape.precision));
        let Shape { dimension, .. } = shape;
        format!("{}.{embedding}.{dimension}.{comparison}.{precision}.{side}", self.options.prefix)
    }

    /// Makes a collection with its index of tenants, unless it is there.
    pub(super) async fn ensure(&self, name: &str, shape: Shape) -> Result<(), VectorError> {
        if !self.exists(name).await? {
            let request = messages::collection(name, shape, &self.options);
            if let Err(refusal) = self.link.ask(Within::Write, calls::create, &request).await
                // Somebody else may have been first.
                && !self.exists(name).await?
            {
                return Err(refusal.into());
            }
        }
        // Also when it was there: whoever made it may have come no further.
        self.link.ask(Within::Write, calls::create_index, &messages::tenants_apart(name)).await?;
        Ok(())
    }

    pub(super) async fn exists(&self, name: &str) -> Result<bool, Refusal> {
        let request = CollectionExistsRequest { collection_name: name.to_owned() };
        let answer = self.link.ask(Within::Write, calls::exists, &request).await?;
        Ok(answer.result.is_some_and(|result| result.exists))
    }

    /// What an embedding is, from memory or from Qdrant.
    pub(super) async fn shape(&self, tenant: TenantId, embedding: &Name) -> Result<Shape, VectorError> {
        let key = (tenant, embedding.clone());
        if let Some(shape) = self.shapes.read().get(&key) {
            return Ok(*shape);
        }
        let shape = self.defined_as(tenant, embedding, Within::Search).await?;
        let shape = shape.ok_or_else(|| VectorError::Unknown(embedding.clone()))?;
        self.shapes.write().insert(key, shape);
        Ok(shape)
    }

    /// What Qdrant says that an embedding is.
    pub(super) async fn defined_as(
        &self,
        tenant: TenantId,
        embedding: &Name,
        within: Within,
    ) -> Result<Option<Shape>, VectorError> {
        let request = messages::definition(self.definitions(), tenant, embedding);
        let found = match self.link.ask(within, calls::get, &request).await {
            Ok(found) => found.result,
            // Nobody has defined anything yet.
            Err(refusal) if refusal.code == Some(Code::NotFound) => return Ok(None),
            Err(refusal) => return Err(refusal.into()),
        };
        let Some(point) = found.first() else { return Ok(None) };
        match answers::definition(tenant, &point.payload) {
            Ok((name, shape)) if name == *embedding => Ok(Some(shape)),
            Ok(_) => Err(self.nonsense("the definition of another embedding")),
            Err(nonsense) => Err(self.nonsense(&nonsense)),
        }
    }

    /// The embeddings of a tenant.
    pub(super) async fn defined(&self, tenant: TenantId) -> Result<Vec<(Name, Shape)>, VectorError> {
        let (mut found, mut from) = (Vec::new(), None);
        loop {
            let request = messages::definitions(self.definitions(), tenant, from);
            let page = match self.link.ask(Within::Write, calls::scroll, &request).await {
                Ok(page) => page,
                // Nobody has defined anything yet.
                Err(refusal) if refusal.code == Some(Code::NotFound) => return Ok(Vec::new()),
                Err(refusal) => return Err(refusal.into()),
            };
            for point in &page.result {
                let definition = answers::definition(tenant, &point.payload);
                found.push(definition.map_err(|nonsense| self.nonsense(&nonsense))?);
            }
            from = page.next_page_offset;
            if from.is_none() || page.result.is_empty() {
                return Ok(found);
            }
        }
    }

    /// What to say when the collection of a known embedding is not there.
    pub(super) async fn missing(&self, place: &Place, shape: Shape, refusal: Refusal) -> VectorError {
        if refusal.code != Some(Code::NotFound) {
            return refusal.into();
        }
        let Place { tenant, embedding, side } = place;
        // Somebody may have removed it and defined it as something else.
        if let Ok(Some(now)) = self.defined_as(*tenant, embedding, Within::Search).await
            && now != shape
        {
            self.shapes.write().insert((*tenant, embedding.clone()), now);
            let reason =
                format!("the embedding {embedding} had {shape} and has {now} now; the next search knows");
            return VectorError::Unavailable(reason);
        }
        VectorError::Unavailable(format!(
            "Qdrant at {} no longer has the collection {}; load the embedding again with `recommend embed load`",
            self.link.place(),
            self.collection(embedding, shape, *side)
        ))
    }

    /// An error for what cannot be true.
    pub(super) fn nonsense(&self, nonsense: &str) -> VectorError {
        VectorError::Unavailable(format!("Qdrant at {} answers {nonsense}", self.link.place()))
    }
}
