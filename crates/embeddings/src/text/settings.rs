//! What the files of a sentence model say beside its weights: what is pooled how, and how long a text may be.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::TextError;

/// How many tokens of a text are read when nothing says so; as sentence-transformers has it for BERT.
const LONGEST: usize = 512;

/// What is done with a text and with what the network makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settings {
    /// How many tokens of a text are read, those at its beginning and end among them.
    pub(super) longest: usize,
}

/// `modules.json`: the steps from a text to a vector.
#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
    path: String,
}

/// `sentence_bert_config.json`.
#[derive(Deserialize)]
struct Sentence {
    max_seq_length: Option<usize>,
}

/// `1_Pooling/config.json`.
#[derive(Deserialize)]
#[serde(default)]
struct Pooling {
    pooling_mode_cls_token: bool,
    pooling_mode_mean_tokens: bool,
    pooling_mode_max_tokens: bool,
    pooling_mode_mean_sqrt_len_tokens: bool,
}

impl Default for Pooling {
    fn default() -> Self {
        Pooling {
            pooling_mode_cls_token: false,
            pooling_mode_mean_tokens: true,
            pooling_mode_max_tokens: false,
            pooling_mode_mean_sqrt_len_tokens: false,
        }
    }
}

impl Settings {
    /// Reads what there is beside the weights. A folder without these files is a plain BERT: its tokens are averaged.
    ///
    /// # Errors
    /// When a file is none, or asks for something that is not done here.
    pub(super) fn read(folder: &Path, positions: usize) -> Result<Self, TextError> {
        let sentence: Option<(PathBuf, Sentence)> = json(folder, "sentence_bert_config.json")?;
        let longest = sentence.and_then(|(_, sentence)| sentence.max_seq_length).unwrap_or(LONGEST);
        let longest = longest.min(positions);
        if longest < 3 {
            return Err(TextError::Model {
                path: folder.join("sentence_bert_config.json"),
                reason: format!("texts of {longest} tokens have no room for a word; 256 is usual"),
            });
        }
        let mut pooling = "1_Pooling".to_owned();
        if let Some((path, modules)) = json::<Vec<Module>>(folder, "modules.json")? {
            for module in &modules {
                match module.kind.rsplit('.').next().unwrap_or_default() {
                    "Transformer" | "Normalize" => {}
                    "Pooling" => pooling.clone_from(&module.path),
                    other => {
                        let reason = format!(
                            "the step {other:?} is not known; use a model of Transformer, Pooling (mean) and Normalize"
                        );
                        return Err(TextError::Model { path, reason });
                    }
                }
            }
        }
        if let Some((path, pooling)) = json::<Pooling>(folder, &format!("{pooling}/config.json"))?
            && (!pooling.pooling_mode_mean_tokens
                || pooling.pooling_mode_cls_token
                || pooling.pooling_mode_max_tokens
                || pooling.pooling_mode_mean_sqrt_len_tokens)
        {
            let reason = "tokens are pooled by something else than their mean alone; use a model with \
                          pooling_mode_mean_tokens, such as all-MiniLM-L6-v2";
            return Err(TextError::Model { path, reason: reason.into() });
        }
        Ok(Settings { longest })
    }
}

/// A file as JSON, with its path; `None` when there is none of that name.
fn json<T: for<'de> Deserialize<'de>>(folder: &Path, name: &str) -> Result<Option<(PathBuf, T)>, TextError> {
    let path = folder.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Some((path, value))),
            Err(error) => Err(TextError::Model { path, reason: format!("is not as expected: {error}") }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TextError::File { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Settings::read(folder.path(), 512).map_err(|error| error.to_string())
    }

    const MODULES: &str = r#"[{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},
        {"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
        {"idx":2,"name":"2","path":"2_Normalize","type":"sentence_transformers.models.Normalize"}]"#;

    #[test]
    fn the_length_is_what_the_sentence_model_was_trained_with() {
        assert_eq!(read(&[]).unwrap().longest, 512);
        let sentence = ("sentence_bert_config.json", r#"{"max_seq_length": 256, "do_lower_case": false}"#);
        let pooling = ("1_Pooling/config.json", r#"{"pooling_mode_mean_tokens": true}"#);
        assert_eq!(read(&[("modules.json", MODULES), sentence, pooling]).unwrap().longest, 256);
        let long = ("sentence_bert_config.json", r#"{"max_seq_length": 4096}"#);
        assert_eq!(read(&[long]).unwrap().longest, 512, "there are no more positions");
        let none = ("sentence_bert_config.json", r#"{"max_seq_length": 2}"#);
        assert!(read(&[none]).unwrap_err().contains("no room"));
    }

    #[test]
    fn what_would_give_other_vectors_is_refused() {
        let dense = MODULES.replace("models.Normalize", "models.Dense");
        let error = read(&[("modules.json", &dense)]).unwrap_err();
        assert!(error.contains("modules.json") && error.contains("\"Dense\""), "{error}");
        let first = (
            "1_Pooling/config.json",
            r#"{"pooling_mode_mean_tokens": false, "pooling_mode_cls_token": true}"#,
        );
        let error = read(&[first]).unwrap_err();
        assert!(error.contains("1_Pooling") && error.contains("pooling_mode_mean_tokens"), "{error}");
        assert!(read(&[("modules.json", "{")]).unwrap_err().contains("not as expected"));
    }
}
