//! Messages as they come: each moves the means of who wrote it and of where.

use std::sync::Arc;
use std::time::Duration;

use recommend_core::{EntityId, Name, TenantId, Timestamp, UserId};
use recommend_stores::vectors::{Fold, VectorStore};

use super::means::shape;
use super::{Means, TextError, TextModel};

/// Whose mean a message belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// That of the user who wrote it.
    User(UserId),
    /// That of an entity: the channel it was written in, the document it is of, or its author in a corpus of people.
    Entity(EntityId),
}

/// A message, for as long as it is embedded. It cannot be printed.
pub struct Message {
    /// What was written.
    pub text: String,
    /// When.
    pub time: Timestamp,
    /// By whom, and in what.
    pub whose: Vec<Whose>,
}

/// Keeps the means of an embedding up to date with the messages of a service.
///
/// ```no_run
/// use std::sync::Arc;
/// use std::time::Duration;
/// use recommend_core::{EntityId, Name, TenantId, Timestamp, UserId};
/// use recommend_embeddings::text::{Message, TextModel, TextVectors, Whose};
/// # async fn example(stores: recommend_stores::Stores) -> Result<(), Box<dyn std::error::Error>> {
/// let model = Arc::new(TextModel::open("all-MiniLM-L6-v2".as_ref())?);
/// let half_life = Some(Duration::from_secs(90 * 86_400));
/// let topics = TextVectors::new(model, stores.vectors.clone(), Name::literal("topics"), half_life);
///
/// let whose = vec![Whose::User(UserId(17)), Whose::Entity(EntityId(4))];
/// let message = Message { text: "the build is red again".into(), time: Timestamp(1_700_000_000_000), whose };
/// topics.take(TenantId(1), vec![message]).await?;
/// // From now on `{ kind = "cosine", embedding = "topics" }` says how near user 17 is to channel 4.
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TextVectors {
    model: Arc<TextModel>,
    vectors: Arc<dyn VectorStore>,
    embedding: Name,
    half_life: Option<Duration>,
}

impl std::fmt::Debug for TextVectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextVectors({}, {:?})", self.embedding, self.model)
    }
}

impl TextVectors {
    /// The means of `embedding` in a vector store. After `half_life` a message counts half; `None` for ever as much.
    pub fn new(
        model: Arc<TextModel>,
        vectors: Arc<dyn VectorStore>,
        embedding: Name,
        half_life: Option<Duration>,
    ) -> Self {
        TextVectors { model, vectors, embedding, half_life }
    }

    /// Embeds messages of a tenant, moves the means of those whose they are, and forgets the texts. When it returns the means
    /// are durable. Returns how many messages counted: one without a letter or a digit says nothing.
    ///
    /// A message that is taken twice counts twice. Users and entities are written one after the other: a crash between may
    /// leave the messages of the call counted for their users alone.
    ///
    /// # Errors
    /// [`TextError::Embedding`] when the model fails, and then nothing is counted; [`TextError::Store`] when the embedding
    /// is there with another shape, or the store cannot be written.
    pub async fn take(&self, tenant: TenantId, messages: Vec<Message>) -> Result<usize, TextError> {
        let (model, half_life) = (self.model.clone(), self.half_life);
        // A batch takes milliseconds to seconds of a core.
        let embedded = tokio::task::spawn_blocking(move || {
            let mut means = Means::new(half_life);
            let counted = means.take(&model, messages)?;
            Ok::<_, TextError>((means, counted))
        });
        let (means, counted) = embedded.await.map_err(|error| TextError::Embedding(error.to_string()))??;
        self.vectors.define(tenant, &self.embedding, shape(&self.model)).await?;
        let fold = Fold::Onto { half_life };
        means.write(&*self.vectors, tenant, &self.embedding, fold, |_| ()).await?;
        Ok(counted)
    }
}

impl Means {
    /// Embeds messages, counts them, and forgets their texts. Returns how many counted: one without a letter or a digit says
    /// nothing.
    ///
    /// # Errors
    /// [`TextError::Embedding`] when the model fails; then none is counted.
    pub fn take(&mut self, model: &TextModel, mut messages: Vec<Message>) -> Result<usize, TextError> {
        messages.retain(|message| message.text.chars().any(char::is_alphanumeric));
        let texts: Vec<&str> = messages.iter().map(|message| message.text.as_str()).collect();
        let vectors = model.embed(&texts)?;
        for (message, vector) in messages.iter().zip(vectors) {
            self.add(&message.whose, vector, message.time);
        }
        Ok(messages.len())
    }

    /// Says what the embedding is that the means of a model's texts go into.
    ///
    /// # Errors
    /// [`TextError::Store`] when it is there with another shape, or the store cannot be written.
    pub async fn define(
        model: &TextModel,
        vectors: &dyn VectorStore,
        tenant: TenantId,
        embedding: &Name,
    ) -> Result<(), TextError> {
        Ok(vectors.define(tenant, embedding, shape(model)).await?)
    }
}
