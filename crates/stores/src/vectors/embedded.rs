//! The embedded vector store: searched in memory, durable on disk.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::RwLock;
use recommend_core::{Name, TenantId};
use rustc_hash::FxHashMap;

use super::durable::{Disk, Found};
use super::embedding::Embedding;
pub use super::graph::GraphOptions;
use super::means::{check, folded};
use super::space::{Space, vector};
use super::{
    Among, EmbeddingSummary, Fold, MAX_DIMENSION, Mean, Near, Place, Probe, Shape, VectorError, VectorStore,
    fits,
};
use crate::StoreError;

/// How vectors are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorOptions {
    /// Up to so many vectors a search looks at all of them, and is exact; more get a graph.
    pub scan_up_to: usize,
    /// The graph.
    pub graph: GraphOptions,
}

impl Default for VectorOptions {
    fn default() -> Self {
        VectorOptions { scan_up_to: 50_000, graph: GraphOptions::default() }
    }
}

/// Vectors in process: an exact scan of codes of half a byte a number, which is checked against codes of a byte and those
/// against the numbers themselves, and above a size a graph (HNSW) over the bytes.
///
/// In memory a vector takes the bytes of its precision and, where that is not a byte already, one more a number; half a byte a
/// number for the scan; and its links.
///
/// ```
/// use recommend_core::{Name, TenantId};
/// use recommend_stores::vectors::{Among, Comparison, EmbeddedVectors, Place, Precision, Probe, Shape, VectorStore};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let vectors = EmbeddedVectors::in_memory(Default::default());
/// let (tenant, name) = (TenantId(1), Name::literal("user-channel"));
/// let shape = Shape { dimension: 2, comparison: Comparison::Cosine, precision: Precision::F32 };
/// vectors.define(tenant, &name, shape).await?;
/// let channels = Place::entities(tenant, &name);
/// vectors.upsert(&channels, &[(1, vec![1.0, 0.0]), (2, vec![0.0, 2.0])]).await?;
/// let found = vectors.nearest(&channels, &Probe::Vector(vec![0.1, 0.9]), 1, Among::All).await?;
/// assert_eq!(found[0].id, 2);
/// # Ok::<(), recommend_stores::vectors::VectorError>(())
/// # }).unwrap();
/// ```
pub struct EmbeddedVectors {
    options: VectorOptions,
    embeddings: RwLock<FxHashMap<(TenantId, Name), Arc<Embedding>>>,
    disk: Option<Disk>,
}

impl std::fmt::Debug for EmbeddedVectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EmbeddedVectors({} embeddings)", self.embeddings.read().len())
    }
}

impl EmbeddedVectors {
    /// Vectors that are forgotten when the store is dropped.
    pub fn in_memory(options: VectorOptions) -> Self {
        EmbeddedVectors { options, embeddings: RwLock::default(), disk: None }
    }

    /// Opens the vectors in the folder, or makes a file for them. What a write acknowledged is there, also after the
    /// process was killed.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process has them open, [`StoreError::Damaged`] when the file is not as it was
    /// written, [`StoreError::Io`] when it cannot be read or made.
    pub fn open(folder: &Path, options: VectorOptions) -> Result<Self, StoreError> {
        let mut vectors = EmbeddedVectors::in_memory(options);
        let mut loading = Loading::default();
        let disk = Disk::open(folder, |found| match found {
            Found::Shape(tenant, name, shape) => {
                let embedding = Arc::new(Embedding::new(shape, options));
                vectors.embeddings.get_mut().insert((tenant, name), embedding);
            }
            Found::Vector(tenant, name, side, id, vector) => {
                let embeddings = vectors.embeddings.get_mut();
                let known = Name::new(name).ok().and_then(|name| embeddings.get(&(tenant, name)));
                if let Some(embedding) = known {
                    loading.take(embedding.side(side), id, vector);
                }
            }
            Found::Mean(tenant, name, side, id, kept) => {
                let embeddings = vectors.embeddings.get_mut();
                let known = Name::new(name).ok().and_then(|name| embeddings.get(&(tenant, name)));
                if let Some(embedding) = known {
                    embedding.writing.lock().insert((side, id), kept);
                }
            }
        })?;
        loading.put();
        vectors.disk = Some(disk);
        Ok(vectors)
    }

    /// Whether all vectors are where searches find them fastest; until then they are found by scanning.
    pub fn settled(&self) -> bool {
        let embeddings = self.embeddings.read();
        embeddings.values().all(|embedding| embedding.users.settled() && embedding.entities.settled())
    }

    /// How many candidates searches hold from now on, at least (ef): more find more and take longer.
    pub fn search_width(&mut self, width: usize) {
        self.options.graph.search_width = width;
        for embedding in self.embeddings.get_mut().values() {
            embedding.users.search_width(width);
            embedding.entities.search_width(width);
        }
    }

    fn embedding(&self, tenant: TenantId, name: &Name) -> Result<Arc<Embedding>, VectorError> {
        let embeddings = self.embeddings.read();
        embeddings.get(&(tenant, name.clone())).cloned().ok_or_else(|| VectorError::Unknown(name.clone()))
    }

    /// Runs what writes: where it keeps no request waiting if it waits for the disk, and at once in memory.
    async fn change(
        &self,
        work: impl FnOnce(Option<&Disk>) -> Result<(), VectorError> + Send + 'static,
    ) -> Result<(), VectorError> {
        match self.disk.clone() {
            Some(disk) => blocking(move || work(Some(&disk))).await,
            None => work(None),
        }
    }

    /// The vector of a probe, and the side that is searched.
    fn probe(&self, place: &Place, probe: &Probe) -> Result<(Arc<Space>, Option<Vec<f32>>), VectorError> {
        let embedding = self.embedding(place.tenant, &place.embedding)?;
        if let Probe::Vector(vector) = probe {
            fits(&place.embedding, embedding.shape, vector)?;
        }
        let vector = vector(probe, &embedding.users, &embedding.entities);
        Ok((embedding.side(place.side).clone(), vector))
    }
}

/// Vectors that are put in together, as they come from the disk.
#[derive(Default)]
struct Loading {
    space: Option<Arc<Space>>,
    vectors: Vec<(u64, Vec<f32>)>,
}

impl Loading {
    fn take(&mut self, space: &Arc<Space>, id: u64, vector: Vec<f32>) {
        /// How many are put in together.
        const TOGETHER: usize = 4_096;
        let same = self.space.as_ref().is_some_and(|last| Arc::ptr_eq(last, space));
        if !same || self.vectors.len() >= TOGETHER {
            self.put();
            self.space = Some(space.clone());
        }
        self.vectors.push((id, vector));
    }

    fn put(&mut self) {
        if let Some(space) = &self.space {
            space.upsert(&self.vectors);
        }
        self.vectors.clear();
    }
}

/// Runs what waits for the disk where it keeps no request waiting.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VectorError> + Send + 'static,
) -> Result<T, VectorError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(StoreError::Closed(error.to_string()).into()))
}

#[async_trait]
impl VectorStore for EmbeddedVectors {
    async fn define(&self, tenant: TenantId, name: &Name, shape: Shape) -> Result<(), VectorError> {
        if !(1..=MAX_DIMENSION).contains(&shape.dimension) {
            return Err(VectorError::Shape(shape.dimension));
        }
        let differs = |known: Shape| match known == shape {
            true => Ok(()),
            false => Err(VectorError::Differs { embedding: name.clone(), known, wanted: shape }),
        };
        if let Ok(known) = self.embedding(tenant, name) {
            return differs(known.shape);
        }
        if let Some(disk) = self.disk.clone() {
            let name = name.clone();
            blocking(move || Ok(disk.define(tenant, &name, shape)?)).await?;
        }
        let mut embeddings = self.embeddings.write();
        let embedding = || Arc::new(Embedding::new(shape, self.options));
        differs(embeddings.entry((tenant, name.clone())).or_insert_with(embedding).shape)
    }

    async fn close(&self) -> Result<(), VectorError> {
        let Some(disk) = self.disk.clone() else { return Ok(()) };
        blocking(move || {
            disk.close();
            Ok(())
        })
        .await
    }

    async fn upsert(&self, place: &Place, vectors: &[(u64, Vec<f32>)]) -> Result<(), VectorError> {
        let embedding = self.embedding(place.tenant, &place.embedding)?;
        vectors.iter().try_for_each(|(_, vector)| fits(&place.embedding, embedding.shape, vector))?;
        let (place, vectors) = (place.clone(), vectors.to_vec());
        self.change(move |disk| {
            let mut known = embedding.writing.lock();
            // They are no means any more.
            let means =
                |(id, _): &(u64, Vec<f32>)| known.contains_key(&(place.side, *id)).then_some((*id, None));
            let kept: Vec<_> = vectors.iter().filter_map(means).collect();
            embedding.write(disk, &place, &vectors, &kept, &mut known)
        })
        .await
    }

    async fn fold(&self, place: &Place, fold: Fold, means: Vec<(u64, Mean)>) -> Result<(), VectorError> {
        let embedding = self.embedding(place.tenant, &place.embedding)?;
        check(place, embedding.shape, &means)?;
        let place = place.clone();
        self.change(move |disk| {
            let mut known = embedding.writing.lock();
            let space = embedding.side(place.side);
            let (vectors, kept) = folded(embedding.shape, place.side, space, &known, fold, &means);
            embedding.write(disk, &place, &vectors, &kept, &mut known)
        })
        .await
    }

    async fn delete(&self, place: &Place, ids: &[u64]) -> Result<(), VectorError> {
        let embedding = self.embedding(place.tenant, &place.embedding)?;
        let (place, ids) = (place.clone(), ids.to_vec());
        self.change(move |disk| embedding.remove(disk, &place, &ids)).await
    }

    async fn nearest(
        &self,
        place: &Place,
        probe: &Probe,
        k: usize,
        among: Among<'_>,
    ) -> Result<Vec<Near>, VectorError> {
        let (space, vector) = self.probe(place, probe)?;
        Ok(vector.map_or_else(Vec::new, |vector| space.nearest(&vector, k, among)))
    }

    async fn similarities(&self, place: &Place, probe: &Probe, ids: &[u64]) -> Result<Vec<f32>, VectorError> {
        let (space, vector) = self.probe(place, probe)?;
        Ok(vector.map_or_else(|| vec![f32::NAN; ids.len()], |vector| space.similarities(&vector, ids)))
    }

    async fn describe(&self, tenant: TenantId) -> Result<Vec<EmbeddingSummary>, VectorError> {
        let embeddings = self.embeddings.read();
        let of_tenant = embeddings.iter().filter(|((of, _), _)| *of == tenant);
        let mut all: Vec<EmbeddingSummary> = of_tenant
            .map(|((_, name), embedding)| EmbeddingSummary {
                embedding: name.clone(),
                shape: embedding.shape,
                users: embedding.users.len(),
                entities: embedding.entities.len(),
            })
            .collect();
        all.sort_by(|a, b| a.embedding.cmp(&b.embedding));
        Ok(all)
    }
}
