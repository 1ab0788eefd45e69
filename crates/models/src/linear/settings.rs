//! The settings of `linear` in the configuration.

use recommend_core::{BuildError, Name};
use serde::Deserialize;

use super::{Linear, Transform, Weight};

/// `{ kind = "linear", bias = 0.0, weights = { … } }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default)]
    bias: f32,
    #[serde(default)]
    version: Option<String>,
    weights: toml::Table,
}

/// A weight that is more than a number.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Detailed {
    weight: f32,
    #[serde(default)]
    transform: Kind,
    missing: Option<f32>,
    min: Option<f32>,
    max: Option<f32>,
    bounds: Option<Vec<f32>>,
    values: Option<Vec<f32>>,
    mean: Option<f32>,
    std: Option<f32>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[default]
    Identity,
    Log1p,
    Clip,
    Bucket,
    Standardise,
}

impl Settings {
    pub(crate) fn build(self) -> Result<Linear, BuildError> {
        self.build_as("linear")
    }

    /// With this name in the log, unless the settings give one.
    pub(super) fn build_as(self, name: &str) -> Result<Linear, BuildError> {
        let invalid = |reason: String| BuildError::Invalid(reason);
        if self.weights.is_empty() {
            return Err(invalid(
                "`weights` is empty; give at least one feature a weight, as in weights = { \"popular.score\" = 1.0 }"
                    .into(),
            ));
        }
        let mut weights = Vec::with_capacity(self.weights.len());
        for (feature, value) in self.weights {
            weights.push(
                weight(&feature, value)
                    .map_err(|reason| invalid(format!("weights.{feature:?}: {reason}")))?,
            );
        }
        let version = self.version.as_deref().unwrap_or(name);
        Linear::from_weights(version, self.bias, weights).map_err(|error| invalid(error.to_string()))
    }
}

fn weight(feature: &str, value: toml::Value) -> Result<Weight, String> {
    let feature = Name::new(feature).map_err(|error| error.to_string())?;
    let plain = |weight| {
        Ok(Weight { feature: feature.clone(), weight, transform: Transform::Identity, missing: None })
    };
    match value {
        toml::Value::Float(number) => plain(number as f32),
        toml::Value::Integer(number) => plain(number as f32),
        toml::Value::Table(table) => {
            let detailed: Detailed =
                table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
            let (weight, missing) = (detailed.weight, detailed.missing);
            Ok(Weight { transform: detailed.transform()?, feature, weight, missing })
        }
        other => Err(format!(
            "is a {}; write a number, or a table as in {{ weight = 0.4, transform = \"log1p\" }}",
            other.type_str()
        )),
    }
}

impl Detailed {
    /// The transform with its parameters; a parameter of another transform is an error and not ignored.
    fn transform(self) -> Result<Transform, String> {
        let given = [
            ("min", self.min.is_some(), Kind::Clip),
            ("max", self.max.is_some(), Kind::Clip),
            ("bounds", self.bounds.is_some(), Kind::Bucket),
            ("values", self.values.is_some(), Kind::Bucket),
            ("mean", self.mean.is_some(), Kind::Standardise),
            ("std", self.std.is_some(), Kind::Standardise),
        ];
        let name = |kind: Kind| format!("{kind:?}").to_lowercase();
        for (key, is_given, of) in given {
            if is_given && of != self.transform {
                let (of, this) = (name(of), name(self.transform));
                return Err(format!("`{key}` belongs to transform = {of:?}, and this one is {this:?}"));
            }
            if !is_given && of == self.transform {
                return Err(format!("transform = {:?} needs `{key}`", name(of)));
            }
        }
        Ok(match self.transform {
            Kind::Identity => Transform::Identity,
            Kind::Log1p => Transform::Log1p,
            Kind::Clip => {
                Transform::Clip { min: self.min.unwrap_or_default(), max: self.max.unwrap_or_default() }
            }
            Kind::Bucket => Transform::Bucket {
                bounds: self.bounds.unwrap_or_default().into(),
                values: self.values.unwrap_or_default().into(),
            },
            Kind::Standardise => Transform::Standardise {
                mean: self.mean.unwrap_or_default(),
                std: self.std.unwrap_or_default(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::{BuildContext, FeatureRows, IdCodec, Model, Registry, Resources};

    use super::*;

    fn build(text: &str) -> Result<std::sync::Arc<dyn Model>, String> {
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
        let table = toml::from_str(&format!("kind = \"linear\"\n{text}")).unwrap();
        registry
            .build_model(table, &context)
            .map(recommend_core::Component::into_part)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn every_way_to_write_a_weight_works() {
        let model = build(
            r#"
            bias = 1
            version = "channel"
            weights."popular.score" = 1.0
            weights.members = 2
            weights.messages_7d = { weight = 0.4, transform = "log1p" }
            weights.share = { weight = 1, transform = "clip", min = 0, max = 0.5 }
            weights.age = { weight = 1.0, transform = "bucket", bounds = [7, 30], values = [1.0, 0.5, 0.0] }
            weights.activity = { weight = 0.3, transform = "standardise", mean = 12.0, std = 4.5, missing = 12 }
            "#,
        )
        .unwrap();
        let names: Vec<_> = model.features().iter().map(Name::as_str).collect();
        assert_eq!(names, ["activity", "age", "members", "messages_7d", "popular.score", "share"]);
        assert!(model.version().starts_with("channel@"));
        let matrix = ndarray::array![[f32::NAN, 7.0, 1.0, 0.0, 3.0, 9.0]];
        let mut scores = [0.0];
        model.score(&FeatureRows::new(matrix.view(), &[0, 1, 2, 3, 4, 5]), &mut scores).unwrap();
        assert_eq!(scores, [1.0 + 0.5 + 2.0 + 3.0 + 0.5]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_key_and_the_fix() {
        let error = |text: &str| build(text).err().unwrap();
        for (text, parts) in [
            ("", ["model \"linear\"", "weights"]),
            ("weights = {}", ["`weights` is empty", "popular.score"]),
            ("weights.a = true", ["weights.\"a\"", "write a number"]),
            ("weights.A = 1", ["weights.\"A\"", "is not a name"]),
            ("weights.a = inf", ["`weight` of a is inf", "finite"]),
            ("weights.a = { transform = \"log1p\" }", ["weights.\"a\"", "weight"]),
            ("weights.a = { weight = 1, transfrm = \"log1p\" }", ["weights.\"a\"", "transfrm"]),
            ("weights.a = { weight = 1, transform = \"log\" }", ["weights.\"a\"", "log1p"]),
            ("weights.a = { weight = 1, min = 0 }", ["`min` belongs to", "clip"]),
            ("weights.a = { weight = 1, transform = \"clip\", min = 0 }", ["needs `max`", "clip"]),
            ("weights.a = 1\nbais = 3", ["unknown field `bais`", "did you mean `bias`?"]),
        ] {
            let message = error(text);
            assert!(parts.iter().all(|part| message.contains(part)), "{text}: {message}");
        }
    }
}
