//! A sentence model of a few kilobytes: the files are those of a real one, and the weights look like chance.
#![allow(dead_code, reason = "each test uses a part")]

use std::path::Path;

const DIMENSION: usize = 16;
const INNER: usize = 32;
const LAYERS: usize = 2;
const POSITIONS: usize = 24;

/// Writes the model into a folder. Its words are single letters.
pub(crate) fn write(folder: &Path) {
    let mut vocabulary = vec!["[PAD]".to_owned(), "[UNK]".into(), "[CLS]".into(), "[SEP]".into()];
    vocabulary
        .extend(('a'..='z').chain('0'..='9').flat_map(|letter| [letter.to_string(), format!("##{letter}")]));
    let config = serde_json::json!({
        "vocab_size": vocabulary.len(), "hidden_size": DIMENSION, "num_hidden_layers": LAYERS,
        "num_attention_heads": 4, "intermediate_size": INNER, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
        "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "initializer_range": 0.02,
        "layer_norm_eps": 1e-12, "pad_token_id": 0, "model_type": "bert",
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let ids: serde_json::Map<String, serde_json::Value> =
        vocabulary.iter().enumerate().map(|(id, word)| (word.clone(), id.into())).collect();
    let special = |name: &str, id: u32| {
        serde_json::json!({"id": id, "content": name, "special": true, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false})
    };
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": null,
        // As real ones come: what is asked for is something else.
        "padding": {"strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [special("[PAD]", 0), special("[UNK]", 1), special("[CLS]", 2), special("[SEP]", 3)],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": ids},
    });
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    std::fs::write(folder.join("model.safetensors"), weights(vocabulary.len())).unwrap();
}

/// Tensors by name in the format of safetensors: the length of a JSON header, the header, and the numbers.
fn weights(words: usize) -> Vec<u8> {
    let (d, inner) = (DIMENSION, INNER);
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".into(), vec![words, d]),
        ("embeddings.position_embeddings.weight".into(), vec![POSITIONS, d]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, d]),
        ("embeddings.LayerNorm.weight".into(), vec![d]),
        ("embeddings.LayerNorm.bias".into(), vec![d]),
    ];
    for layer in 0..LAYERS {
        let mut linear = |name: &str, out: usize, into: usize| {
            let name = format!("encoder.layer.{layer}.{name}");
            shapes.push((format!("{name}.weight"), if into == 0 { vec![out] } else { vec![out, into] }));
            shapes.push((format!("{name}.bias"), vec![out]));
        };
        for name in ["query", "key", "value"] {
            linear(&format!("attention.self.{name}"), d, d);
        }
        linear("attention.output.dense", d, d);
        linear("attention.output.LayerNorm", d, 0);
        linear("intermediate.dense", inner, d);
        linear("output.dense", d, inner);
        linear("output.LayerNorm", d, 0);
    }
    let (mut header, mut numbers, mut state) = (serde_json::Map::new(), Vec::new(), 1_u64);
    for (name, shape) in shapes {
        let start = numbers.len();
        let norm = name.ends_with("LayerNorm.weight");
        for _ in 0..shape.iter().product() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let chance = (state >> 40) as f32 / (1 << 23) as f32 - 1.0;
            numbers.extend((if norm { 1.0 } else { chance * 0.5 }).to_le_bytes());
        }
        let tensor =
            serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [start, numbers.len()]});
        header.insert(name, tensor);
    }
    let header = serde_json::Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(numbers);
    bytes
}
