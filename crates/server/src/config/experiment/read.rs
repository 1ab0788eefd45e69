//! From TOML to experiments as they are written; the recommenders that they are on may stand anywhere in the file.

use recommend_core::Name;
use recommend_experiments::assignment::{Layer, Unit};
use serde::de::DeserializeOwned;
use toml::de::DeValue;

use super::super::error::ConfigError;
use super::super::reading::{Node, unknown};
use super::super::recommender::{PARTS, RecommenderConfig, note};
use super::Method;

/// An experiment as it is written.
#[derive(Debug)]
pub(in super::super) struct Written {
    pub(super) name: Name,
    pub(super) corpus: Name,
    pub(super) source: Name,
    pub(super) salt: Option<String>,
    pub(super) unit: Unit,
    pub(super) layer: Option<Layer>,
    pub(super) ramp: f64,
    pub(super) holdout: f64,
    pub(super) method: Method,
    pub(super) stop: bool,
    pub(super) winner: Option<Name>,
    pub(super) variants: Vec<WrittenVariant>,
    pub(super) line: usize,
}

/// A variant as it is written.
#[derive(Debug)]
pub(super) struct WrittenVariant {
    pub(super) name: Name,
    pub(super) weight: Option<f64>,
    pub(super) shadow: bool,
    /// The keys of the recommender that it says anew, and what it says.
    pub(super) said: Vec<String>,
    pub(super) changes: RecommenderConfig,
}

const KEYS: [&str; 12] = [
    "name", "corpus", "source", "variants", "unit", "salt", "layer", "ramp", "holdout", "method", "stop",
    "winner",
];

impl<'t> Node<'t> {
    /// The experiments: an array of tables.
    pub(in super::super) fn experiments(self, errors: &mut Vec<ConfigError>) -> Vec<Written> {
        let (at, lines) = (self.extent().start, self.lines);
        let DeValue::Array(items) = self.value.into_inner() else {
            let reason = "write `[[experiment]]` with two brackets, once for each experiment".into();
            errors.push(lines.at(at, None, reason));
            return Vec::new();
        };
        let read = |item| Node::new(lines, "experiment", item).experiment(errors);
        items.into_iter().filter_map(read).collect()
    }

    fn experiment(self, errors: &mut Vec<ConfigError>) -> Option<Written> {
        let (start, line, lines) = (self.extent().start, self.line(), self.lines);
        let table = self.into_table(errors)?;
        let called = table.get("name").and_then(|name| name.get_ref().as_str()).unwrap_or("?");
        let place = Some(format!("experiment {called}"));
        let known = errors.len();
        let (mut name, mut corpus, mut source, mut variants) = (None, None, None, None);
        let (mut salt, mut layer, mut winner) = (None, None, None);
        let (mut unit, mut ramp, mut holdout, mut method, mut stop) =
            (Unit::User, 1.0, 0.0, Method::Split, false);
        for (key, value) in table {
            let node = Node::new(lines, key.get_ref(), value);
            match key.get_ref().as_ref() {
                "name" => name = node.value_of::<Name>(&place, errors),
                "corpus" => corpus = node.value_of::<Name>(&place, errors),
                "source" => source = node.value_of::<Name>(&place, errors),
                "salt" => salt = node.value_of(&place, errors),
                "layer" => layer = node.value_of(&place, errors),
                "winner" => winner = node.value_of(&place, errors),
                "unit" => unit = node.value_of(&place, errors).unwrap_or_default(),
                "ramp" => ramp = node.value_of(&place, errors).unwrap_or(ramp),
                "holdout" => holdout = node.value_of(&place, errors).unwrap_or(holdout),
                "method" => method = node.value_of(&place, errors).unwrap_or_default(),
                "stop" => stop = node.value_of(&place, errors).unwrap_or_default(),
                "variants" => variants = Some(node.variants(called_or(&name, &place), errors)),
                other => errors.push(lines.at(
                    key.span().start,
                    place.clone(),
                    unknown("there is no key", other, &KEYS),
                )),
            }
        }
        let missing = [
            ("name", name.is_none(), "name = \"browser-learned\""),
            ("corpus", corpus.is_none(), "corpus = \"channel\""),
            ("source", source.is_none(), "source = \"channel-browser\""),
            (
                "variants",
                variants.is_none(),
                "variants = [ { name = \"control\" }, { name = \"learned\", model = { … } } ]",
            ),
        ];
        for (key, missing, example) in missing {
            if missing && errors.len() == known {
                errors.push(lines.at(
                    start,
                    place.clone(),
                    format!("has no `{key}`; write for example {example}"),
                ));
            }
        }
        if errors.len() > known {
            return None;
        }
        let (name, corpus, source, variants) = (name?, corpus?, source?, variants?);
        Some(Written {
            name,
            corpus,
            source,
            salt,
            unit,
            layer,
            ramp,
            holdout,
            method,
            stop,
            winner,
            variants,
            line,
        })
    }

    fn value_of<T: DeserializeOwned>(
        self,
        place: &Option<String>,
        errors: &mut Vec<ConfigError>,
    ) -> Option<T> {
        note(self.parse(place.clone()), errors)
    }

    fn variants(self, place: Option<String>, errors: &mut Vec<ConfigError>) -> Vec<WrittenVariant> {
        let (at, lines) = (self.extent().start, self.lines);
        let DeValue::Array(items) = self.value.into_inner() else {
            let reason = "`variants` must be a list, such as [ { name = \"control\" }, { name = \"learned\", model = { … } } ]";
            errors.push(lines.at(at, place, reason.into()));
            return Vec::new();
        };
        items
            .into_iter()
            .filter_map(|item| Node::new(lines, "variants", item).variant(&place, errors))
            .collect()
    }

    fn variant(self, place: &Option<String>, errors: &mut Vec<ConfigError>) -> Option<WrittenVariant> {
        let (start, line, lines) = (self.extent().start, self.line(), self.lines);
        if !matches!(self.value.get_ref(), DeValue::Table(_)) {
            let reason = format!(
                "a variant is a table such as {{ name = \"control\" }}, not {}",
                self.value.get_ref().type_str()
            );
            errors.push(lines.at(start, place.clone(), reason));
            return None;
        }
        let table = self.into_table(errors)?;
        let called = table.get("name").and_then(|name| name.get_ref().as_str());
        let Some(called) = called else {
            let reason = "a variant has no `name`; write for example { name = \"control\" }".into();
            errors.push(lines.at(start, place.clone(), reason));
            return None;
        };
        let place = Some(format!("{}, variant {called}", place.as_deref().unwrap_or_default()));
        let (mut name, mut weight, mut shadow) = (None, None, false);
        let (mut said, mut changes) = (Vec::new(), RecommenderConfig::empty(line));
        for (key, value) in table {
            let node = Node::new(lines, key.get_ref(), value);
            let at = key.span().start;
            match key.get_ref().as_ref() {
                "name" => name = node.value_of::<Name>(&place, errors),
                "weight" => weight = node.value_of(&place, errors),
                "shadow" => shadow = node.value_of(&place, errors).unwrap_or_default(),
                part if PARTS.contains(&part) => {
                    said.push(part.to_owned());
                    changes.part(node, at, &place, errors);
                }
                other => {
                    let known: Vec<&str> = ["name", "weight", "shadow"].into_iter().chain(PARTS).collect();
                    errors.push(lines.at(at, place.clone(), unknown("there is no key", other, &known)));
                }
            }
        }
        if shadow && weight.is_some() {
            let reason = "a shadow has no weight: it runs for everybody in the experiment; remove `weight` or `shadow`";
            errors.push(lines.at(start, place, reason.into()));
            return None;
        }
        Some(WrittenVariant { name: name?, weight, shadow, said, changes })
    }
}

/// Keys come in the order of the map, so the name may not be read yet; the place has it from the text.
fn called_or(name: &Option<Name>, place: &Option<String>) -> Option<String> {
    name.as_ref().map(|name| format!("experiment {name}")).or_else(|| place.clone())
}
