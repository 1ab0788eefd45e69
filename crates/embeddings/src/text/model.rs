//! A sentence model: tokens, a BERT, the mean of its token vectors, at length 1.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use tokenizers::{Encoding, Tokenizer, TruncationParams};

use super::TextError;
use super::settings::Settings;

/// How many tokens are embedded together, at most: enough to fill the caches of a core, little enough to fit into them.
const TOGETHER: usize = 2_048;

/// A BERT that was trained to give texts of like meaning vectors of like direction (Reimers and Gurevych 2019,
/// "Sentence-BERT"), such as `all-MiniLM-L6-v2`.
///
/// It is read from the files that sentence-transformers writes and gives the vectors that sentence-transformers gives. It
/// computes on the processor, on as many threads as `RAYON_NUM_THREADS` says.
pub struct TextModel {
    bert: BertModel,
    tokenizer: Tokenizer,
    dimension: usize,
    longest: usize,
}

impl std::fmt::Debug for TextModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextModel({} numbers, {} tokens)", self.dimension, self.longest)
    }
}

impl TextModel {
    /// Reads `config.json`, `tokenizer.json` and `model.safetensors` in a folder, and what sentence-transformers puts beside
    /// them: `modules.json`, `sentence_bert_config.json`, `1_Pooling/config.json`.
    ///
    /// # Errors
    /// [`TextError::File`] when one of the first three cannot be read, [`TextError::Model`] when a file is damaged, does not
    /// fit the others, or asks for what is not done here (another network, another pooling).
    pub fn open(folder: &Path) -> Result<Self, TextError> {
        let (path, bytes) = read(folder, "config.json")?;
        let config: Config = serde_json::from_slice(&bytes).map_err(|error| wrong(&path, &error))?;
        if config.model_type.as_deref().is_some_and(|kind| kind != "bert") {
            let kind = config.model_type.unwrap_or_default();
            return Err(wrong(
                &path,
                &format!("the model is a {kind}; use a bert, such as all-MiniLM-L6-v2"),
            ));
        }
        let settings = Settings::read(folder, config.max_position_embeddings)?;
        let (path, bytes) = read(folder, "tokenizer.json")?;
        let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(|error| wrong(&path, &error))?;
        // The file's own are those of the training; sentence-transformers overrules them too.
        let truncation = TruncationParams { max_length: settings.longest, ..TruncationParams::default() };
        tokenizer
            .with_padding(None)
            .with_truncation(Some(truncation))
            .map_err(|error| wrong(&path, &error))?;
        let words = tokenizer.get_vocab_size(true);
        if words > config.vocab_size {
            let reason = format!(
                "has {words} words, and the model knows {}; is it another model's?",
                config.vocab_size
            );
            return Err(wrong(&path, &reason));
        }
        let (path, bytes) = read(folder, "model.safetensors")?;
        let weights = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu)
            .map_err(|error| wrong(&path, &error))?;
        let bert = BertModel::load(weights, &config).map_err(|error| wrong(&path, &error))?;
        Ok(TextModel { bert, tokenizer, dimension: config.hidden_size, longest: settings.longest })
    }

    /// How many numbers a vector has.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many tokens of a text are read; what comes after them is left out.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// A vector of length 1 for each text, in their order. Their dot products are the cosines.
    ///
    /// Texts of like length are embedded together, so many at once are faster than one after the other. A text without a
    /// word has a vector too, and it means nothing.
    ///
    /// # Errors
    /// [`TextError::Embedding`] when the tokenizer or the network fails.
    pub fn embed<T: AsRef<str>>(&self, texts: &[T]) -> Result<Vec<Vec<f32>>, TextError> {
        let encoded = texts.iter().map(|text| self.tokenizer.encode_fast(text.as_ref(), true));
        let encoded: Vec<Encoding> = encoded.collect::<Result<_, _>>().map_err(|error| failed(&error))?;
        let mut order: Vec<usize> = (0..encoded.len()).collect();
        order.sort_by_key(|at| encoded[*at].len());
        let mut vectors = vec![Vec::new(); texts.len()];
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            // Sorted by length: the last one of a batch is its longest.
            let fits = |take: &usize| take * encoded[rest[take - 1]].len().max(1) <= TOGETHER;
            let take = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
            let (batch, later) = rest.split_at(take);
            let encodings: Vec<&Encoding> = batch.iter().map(|at| &encoded[*at]).collect();
            let embedded = self.forward(&encodings).map_err(|error| failed(&error))?;
            for (at, vector) in batch.iter().zip(embedded) {
                vectors[*at] = vector;
            }
            rest = later;
        }
        Ok(vectors)
    }

    /// A batch, padded to its longest.
    fn forward(&self, batch: &[&Encoding]) -> Result<Vec<Vec<f32>>, candle_core::Error> {
        let (rows, width) = (batch.len(), batch.iter().map(|encoding| encoding.len()).max().unwrap_or(0));
        let padded = |of: fn(&Encoding) -> &[u32]| -> Result<Tensor, candle_core::Error> {
            let mut cells = Vec::with_capacity(rows * width);
            for encoding in batch {
                let row = of(encoding);
                cells.extend_from_slice(row);
                cells.resize(cells.len() + width - row.len(), 0);
            }
            Tensor::from_vec(cells, (rows, width), &Device::Cpu)
        };
        let (ids, types) = (padded(Encoding::get_ids)?, padded(Encoding::get_type_ids)?);
        let mask = padded(Encoding::get_attention_mask)?;
        let tokens = self.bert.forward(&ids, &types, Some(&mask))?;
        // The mean of the tokens that are no padding, at length 1: the count cancels out.
        let mask = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
        let sum = tokens.broadcast_mul(&mask)?.sum(1)?;
        let mut vectors = sum.to_vec2::<f32>()?;
        for vector in &mut vectors {
            let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt().max(1e-12);
            vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
        }
        Ok(vectors)
    }
}

fn read(folder: &Path, name: &str) -> Result<(PathBuf, Vec<u8>), TextError> {
    let path = folder.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(source) => Err(TextError::File { path, source }),
    }
}

fn wrong(path: &Path, reason: &dyn std::fmt::Display) -> TextError {
    TextError::Model { path: path.to_owned(), reason: reason.to_string() }
}

fn failed(error: &dyn std::fmt::Display) -> TextError {
    TextError::Embedding(error.to_string())
}
