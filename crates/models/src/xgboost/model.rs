//! An XGBoost model as the model of a recommender.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use recommend_core::{BuildError, ComponentError, Explanation, FeatureRows, Model, Name};
use serde::Deserialize;

use super::{Booster, Iterations, LoadOptions};
use crate::explain::Explain;
use crate::forest::Rows;

/// What the score of a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// What the objective predicts: a probability, a count, a relevance.
    #[default]
    Prediction,
    /// The raw score before the objective's link.
    Margin,
}

/// A [`Booster`] whose features have the names that recommenders know, and one of whose groups is the score.
///
/// ```no_run
/// # use recommend_models::xgboost::{Booster, LoadOptions, XgboostModel};
/// let booster = Booster::open("channels.ubj".as_ref(), &LoadOptions::default())?;
/// let model = XgboostModel::new("channels@3", booster)?;
/// let builder = recommend_core::Recommender::builder("channel", "channel-browser").model(model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct XgboostModel {
    version: String,
    booster: Booster,
    features: Vec<Name>,
    group: usize,
    output: Output,
}

/// Why a booster cannot be the model of a recommender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// It was trained without names.
    #[error(
        "the model names none of its {features} features; train it with `feature_names`, or list the features in \
         the order of its columns: features = [\"messages_7d\", …]"
    )]
    NoNames {
        /// How many features it has.
        features: usize,
    },
    /// A name that is no feature's.
    #[error(
        "the model's feature {index} is called {name:?}: {reason}; list all in order: features = [\"messages_7d\", …]"
    )]
    Name {
        /// Which feature, from 0.
        index: usize,
        /// What it is called.
        name: String,
        /// Why that does not do.
        reason: String,
    },
    /// A list of names of the wrong length.
    #[error("`features` lists {listed} names, but the model has {features} features")]
    Count {
        /// How many names are listed.
        listed: usize,
        /// How many features the model has.
        features: usize,
    },
    /// A model with several scores per row, and none chosen.
    #[error("the model gives {groups} scores a row, one for each class; choose which one ranks: class = 0 to {}", groups - 1)]
    ClassNeeded {
        /// How many scores a row gets.
        groups: usize,
    },
    /// A class that there is not.
    #[error("`class` is {class}, but the model's classes are 0 to {}", groups - 1)]
    Class {
        /// The class.
        class: usize,
        /// How many there are.
        groups: usize,
    },
}

thread_local! {
    static SCORES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

impl XgboostModel {
    /// A model with one score per row, under the names that are in its file.
    ///
    /// # Errors
    /// [`ModelError`] when it has several scores, or its names are not feature names.
    pub fn new(version: &str, booster: Booster) -> Result<Self, ModelError> {
        XgboostModel::with(version, booster, None, None, Output::default())
    }

    /// A model with all that there is to choose: names in place of those in the file, the class whose score it gives, and
    /// whether that is a prediction or a margin.
    ///
    /// # Errors
    /// [`ModelError`] for the first choice that does not fit.
    pub fn with(
        version: &str,
        booster: Booster,
        features: Option<Vec<Name>>,
        class: Option<usize>,
        output: Output,
    ) -> Result<Self, ModelError> {
        let groups = booster.groups();
        let group = match class {
            None if groups > 1 => return Err(ModelError::ClassNeeded { groups }),
            Some(class) if class >= groups => return Err(ModelError::Class { class, groups }),
            class => class.unwrap_or(0),
        };
        let features = match features {
            Some(names) if names.len() != booster.features() => {
                return Err(ModelError::Count { listed: names.len(), features: booster.features() });
            }
            Some(names) => names,
            None if !booster.has_feature_names() => {
                return Err(ModelError::NoNames { features: booster.features() });
            }
            None => booster
                .feature_names()
                .into_iter()
                .enumerate()
                .map(|(index, name)| {
                    Name::new(&name).map_err(|error| ModelError::Name {
                        index,
                        name,
                        reason: error.to_string(),
                    })
                })
                .collect::<Result<_, _>>()?,
        };
        let mut seen = std::collections::HashSet::new();
        if let Some((index, name)) = features.iter().enumerate().find(|(_, name)| !seen.insert(*name)) {
            let reason = "another feature has that name".to_owned();
            return Err(ModelError::Name { index, name: name.to_string(), reason });
        }
        Ok(XgboostModel { version: version.to_owned(), booster, features, group, output })
    }

    /// The booster.
    pub fn booster(&self) -> &Booster {
        &self.booster
    }

    fn score_rows(&self, rows: &Rows<'_>, output: Output, scores: &mut [f32]) {
        let run = |out: &mut [f32]| match output {
            Output::Prediction => self.booster.predict(rows, out),
            Output::Margin => self.booster.margins(rows, out),
        };
        let groups = self.booster.groups();
        if groups == 1 {
            return run(scores);
        }
        SCORES.with_borrow_mut(|all| {
            all.clear();
            all.resize(rows.len() * groups, 0.0);
            run(all);
            for (score, row) in scores.iter_mut().zip(all.chunks_exact(groups)) {
                *score = row[self.group];
            }
        });
    }
}

/// Calls `with` with the rows as a slice; copies a matrix that is not row-major, which the executor never makes.
fn as_rows<T>(rows: &FeatureRows<'_>, with: impl FnOnce(&Rows<'_>) -> T) -> Result<T, ComponentError> {
    if let Some(rows) = Rows::of(rows) {
        return Ok(with(&rows));
    }
    let width = rows.width();
    let data: Vec<f32> =
        (0..rows.len()).flat_map(|row| (0..width).map(move |feature| rows.get(row, feature))).collect();
    let columns: Vec<usize> = (0..width).collect();
    let rows = Rows::new(&data, width, rows.len(), &columns)
        .map_err(|error| ComponentError::Failed(error.to_string()))?;
    Ok(with(&rows))
}

impl Model for XgboostModel {
    fn kind(&self) -> &'static str {
        "xgboost"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn features(&self) -> &[Name] {
        &self.features
    }

    fn score(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        as_rows(rows, |rows| self.score_rows(rows, self.output, scores))
    }

    fn raw(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        as_rows(rows, |rows| self.score_rows(rows, Output::Margin, scores))
    }

    fn explain(&self, rows: &FeatureRows<'_>, row: usize) -> Result<Explanation, ComponentError> {
        let (features, groups) = (self.features.len(), self.booster.groups());
        as_rows(rows, |rows| {
            let row = rows.slice(row..row + 1);
            let mut values = vec![0.0; groups * (features + 1)];
            self.booster
                .contributions(&row, &mut values)
                .map_err(|e| ComponentError::Failed(e.to_string()))?;
            let mut margins = vec![0.0; groups];
            self.booster.margins(&row, &mut margins);
            let mine = &values[self.group * (features + 1)..][..features + 1];
            Ok(Explanation {
                bias: mine[features],
                contributions: mine[..features].to_vec(),
                raw: margins[self.group],
            })
        })?
    }
}

/// `{ kind = "xgboost", path = "…" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    path: PathBuf,
    version: Option<String>,
    features: Option<Vec<Name>>,
    class: Option<usize>,
    #[serde(default)]
    output: Output,
    iterations: Option<IterationsSetting>,
}

/// `"best"`, `"all"`, or a number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum IterationsSetting {
    First(usize),
    Named(NamedIterations),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum NamedIterations {
    Best,
    All,
}

impl Settings {
    pub(crate) fn build(self) -> Result<XgboostModel, BuildError> {
        let iterations = match self.iterations {
            None | Some(IterationsSetting::Named(NamedIterations::Best)) => Iterations::Best,
            Some(IterationsSetting::Named(NamedIterations::All)) => Iterations::All,
            Some(IterationsSetting::First(rounds)) => Iterations::First(rounds),
        };
        let invalid =
            |error: &dyn std::fmt::Display| BuildError::Invalid(format!("{}: {error}", self.path.display()));
        let bytes = Booster::bytes(&self.path).map_err(|error| invalid(&error))?;
        let booster = Booster::read(&bytes, &LoadOptions { iterations, ..LoadOptions::default() })
            .map_err(|error| invalid(&error))?;
        let version = version(&self.path, self.version.as_deref(), &bytes);
        XgboostModel::with(&version, booster, self.features, self.class, self.output)
            .map_err(|error| invalid(&error))
    }
}

/// The given name, or the file's, and a hash of its content, so that the log tells two models of one name apart.
fn version(path: &Path, given: Option<&str>, bytes: &[u8]) -> String {
    use std::hash::Hasher;
    let mut hasher = siphasher::sip::SipHasher13::new();
    hasher.write(bytes);
    let stem = path.file_stem().map_or("xgboost".into(), std::ffi::OsStr::to_string_lossy);
    format!("{}@{:08x}", given.unwrap_or(&stem), hasher.finish() as u32)
}

#[cfg(test)]
mod tests {
    use recommend_core::{BuildContext, IdCodec, Registry, Resources};

    use super::*;

    const MODEL: &str = r#"{"learner": {"feature_names": NAMES,
        "learner_model_param": {"num_feature": "2", "num_class": "CLASSES", "base_score": "5E-1"},
        "objective": {"name": "OBJECTIVE"}, "gradient_booster": {"name": "gbtree", "model": {"tree_info": [0, LAST], "trees": [
        {"left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_indices": [0, 0, 0], "sum_hessian": [4, 1, 3],
         "split_conditions": [10.0, -1.5, 2.0], "default_left": [true, false, false]},
        {"left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_indices": [1, 0, 0], "sum_hessian": [4, 2, 2],
         "split_conditions": [0.5, 1.0, 0.25], "default_left": [0, 0, 0]}]}}}}"#;

    fn model(names: &str, classes: &str) -> String {
        let (objective, last) =
            if classes == "0" { ("binary:logistic", "0") } else { ("multi:softprob", "1") };
        MODEL
            .replace("NAMES", names)
            .replace("CLASSES", classes)
            .replace("OBJECTIVE", objective)
            .replace("LAST", last)
    }

    fn build(file: &str, settings: &str) -> Result<std::sync::Arc<dyn Model>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("channels.json");
        std::fs::write(&path, file).unwrap();
        let mut registry = Registry::new();
        crate::register(&mut registry);
        let (resources, name) = (Resources::new(), Name::literal("x"));
        let context = BuildContext {
            registry: &registry,
            resources: &resources,
            codec: IdCodec::new([0; 16]),
            corpus: &name,
            source: &name,
            fetchers: &[],
        };
        let table = toml::from_str(&format!("kind = \"xgboost\"\npath = {path:?}\n{settings}")).unwrap();
        registry
            .build_model(table, &context)
            .map(recommend_core::Component::into_part)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn features_are_matched_by_name_and_explained() {
        let model = build(&model(r#"["messages_7d", "popular.score"]"#, "0"), "output = \"margin\"").unwrap();
        assert_eq!(model.features(), [Name::literal("messages_7d"), Name::literal("popular.score")]);
        assert!(model.version().starts_with("channels@"));
        // The matrix has them in another order, and one column more.
        let matrix = ndarray::array![[0.0, 9.0, 12.0], [1.0, 9.0, f32::NAN]];
        for matrix in [matrix.view(), matrix.t().as_standard_layout().t()] {
            let rows = FeatureRows::new(matrix, &[2, 0]);
            let mut scores = [0.0; 2];
            model.score(&rows, &mut scores).unwrap();
            assert_eq!(scores, [3.0, -1.25]);
            let explained = model.explain(&rows, 0).unwrap();
            // The trees say 1.125 and 0.625 on average.
            assert_eq!((explained.bias, explained.raw), (1.75, 3.0));
            assert_eq!(explained.contributions, [0.875, 0.375]);
        }
    }

    #[test]
    fn a_class_is_chosen_from_several() {
        let file = model(r#"["a", "b"]"#, "2");
        assert!(build(&file, "").err().unwrap().contains("class = 0 to 1"));
        assert!(build(&file, "class = 2").err().unwrap().contains("classes are 0 to 1"));
        let second = build(&file, "class = 1").unwrap();
        let matrix = ndarray::array![[12.0, 0.0]];
        let rows = FeatureRows::new(matrix.view(), &[0, 1]);
        let mut score = [0.0];
        second.score(&rows, &mut score).unwrap();
        assert!((score[0] - 1.0 / (1.0 + 1.0f32.exp())).abs() < 1e-6);
        assert_eq!(second.explain(&rows, 0).unwrap().raw, 1.5);
    }

    #[test]
    fn names_that_do_not_fit_are_told_with_the_fix() {
        let error = |names: &str, settings: &str| build(&model(names, "0"), settings).err().unwrap();
        assert!(error("[]", "").contains("features = ["), "{}", error("[]", ""));
        assert!(error(r#"["A b", "c"]"#, "").contains("\"A b\""));
        assert!(error(r#"["a", "a"]"#, "").contains("another feature has that name"));
        assert!(error("[]", "features = [\"a\"]").contains("lists 1 names"));
        assert!(build(&model("[]", "0"), "features = [\"a\", \"b\"]").is_ok());
        assert!(error("[]", "pth = 1").contains("did you mean `path`"));
        let truncated = &model("[]", "0")[..300];
        let error = build(truncated, "").err().unwrap();
        assert!(error.contains("channels.json") && error.contains("truncated"), "{error}");
    }

    #[test]
    fn rounds_can_be_chosen() {
        let file = model(r#"["a", "b"]"#, "0")
            .replace("\"learner\": {", "\"learner\": {\"attributes\": {\"best_iteration\": \"0\"},");
        let matrix = ndarray::array![[12.0, 0.0]];
        let score = |settings: &str| {
            let mut score = [0.0];
            let settings = format!("output = \"margin\"\n{settings}");
            build(&file, &settings)
                .unwrap()
                .score(&FeatureRows::new(matrix.view(), &[0, 1]), &mut score)
                .unwrap();
            score[0]
        };
        assert_eq!([score(""), score("iterations = \"best\""), score("iterations = 1")], [2.0; 3]);
        assert_eq!([score("iterations = \"all\""), score("iterations = 9")], [3.0; 2]);
    }
}
