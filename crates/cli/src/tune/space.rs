//! The space file: a TOML of the shape of a recommender, with what each setting may be.

use anyhow::Result;
use recommend_backtest::tune::{Dimension, Point};
use recommend_core::duration;
use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::document::Document;
use crate::exit::Usage;

/// One setting that may change.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    /// Where it is, as `["fetchers", "popular", "half_life"]`.
    pub(super) path: Vec<String>,
    /// What it may be.
    dimension: Dimension,
    /// How its numbers are written.
    unit: Unit,
}

/// How a number is written in the configuration.
#[derive(Debug, Clone)]
enum Unit {
    /// One of these.
    Choice(Vec<Value>),
    /// As a number.
    Number,
    /// As a whole number.
    Whole,
    /// As a duration; the number is in seconds.
    Duration,
}

/// All settings that may change.
#[derive(Debug, Clone)]
pub(super) struct Space {
    parameters: Vec<Parameter>,
    dimensions: Vec<Dimension>,
}

impl Space {
    /// Reads a space.
    ///
    /// # Errors
    /// What is wrong with it, with the setting that it is about.
    pub(super) fn parse(file: &str, text: &str, document: &Document) -> Result<Self> {
        let usage = |reason: String| Usage(format!("{file}: {reason}"));
        let parsed = text.parse::<DocumentMut>().map_err(|error| usage(error.to_string()))?;
        let mut parameters = Vec::new();
        gather(parsed.as_table(), &mut Vec::new(), &mut parameters).map_err(usage)?;
        if parameters.is_empty() {
            let reason =
                "names no setting; write for example [fetchers.popular] and half_life = [\"1d\", \"7d\"]";
            return Err(usage(reason.into()).into());
        }
        for parameter in &parameters {
            let mut copy = document.clone();
            let value = parameter.value(parameter.middle());
            copy.set(&parameter.path, value)
                .map_err(|reason| usage(format!("{}: {reason}", parameter.name())))?;
        }
        let dimensions = parameters.iter().map(|parameter| parameter.dimension.clone()).collect();
        Ok(Space { parameters, dimensions })
    }

    /// Whether the middle of the space is a configuration that can be read.
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn check(&self, document: &Document) -> Result<()> {
        let middle: Point = self.parameters.iter().map(|parameter| Some(parameter.middle())).collect();
        let text = self.apply(document, &middle)?.text();
        let config = recommend_server::Config::parse("the middle of the space", &text)?;
        let stores = recommend_stores::Stores::in_memory(crate::backtest::read::codec());
        config.build(&stores, &recommend_server::default_registry())?;
        Ok(())
    }

    /// The dimensions of the search.
    pub(super) fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The settings.
    pub(super) fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Where the configuration is in the space; what it does not set, or sets to what the space does not have, is left
    /// alone until the search moves it.
    pub(super) fn start(&self, document: &Document) -> Point {
        self.parameters.iter().map(|parameter| parameter.number(&document.get(&parameter.path)?)).collect()
    }

    /// The configuration at a point.
    ///
    /// # Errors
    /// When a setting cannot be set.
    pub(super) fn apply(&self, document: &Document, point: &[Option<f64>]) -> Result<Document> {
        let mut changed = document.clone();
        for (parameter, number) in self.parameters.iter().zip(point) {
            if let Some(number) = number {
                changed.set(&parameter.path, parameter.value(*number)).map_err(Usage)?;
            }
        }
        Ok(changed)
    }
}

impl Parameter {
    /// What tables call it.
    pub(super) fn name(&self) -> String {
        match self.path.split_first() {
            Some((first, rest)) if !rest.is_empty() && first != "model" => rest.join("."),
            _ => self.path.last().cloned().unwrap_or_default(),
        }
    }

    /// A number as the configuration writes it, for people.
    pub(super) fn show(&self, number: Option<f64>) -> String {
        number.map_or_else(|| "-".to_owned(), |number| self.value(number).to_string().trim().to_owned())
    }

    fn middle(&self) -> f64 {
        match &self.dimension {
            Dimension::Choice(_) => 0.0,
            Dimension::Range { low, high, log: true, .. } => (low * high).sqrt().clamp(*low, *high),
            Dimension::Range { low, high, .. } => (low + high) / 2.0,
        }
    }

    fn value(&self, number: f64) -> Value {
        match &self.unit {
            Unit::Choice(choices) => {
                let at = (number.max(0.0) as usize).min(choices.len().saturating_sub(1));
                choices[at].clone()
            }
            Unit::Number => rounded(number).into(),
            Unit::Whole => (number.round() as i64).into(),
            Unit::Duration => written(number).into(),
        }
    }

    fn number(&self, value: &Value) -> Option<f64> {
        let number = match &self.unit {
            Unit::Choice(choices) => {
                let plain = |value: &Value| value.to_string().trim().to_owned();
                return choices.iter().position(|choice| plain(choice) == plain(value)).map(|at| at as f64);
            }
            Unit::Duration => duration::parse(value.as_str()?).ok()?.as_secs_f64(),
            Unit::Number | Unit::Whole => {
                value.as_float().or_else(|| value.as_integer().map(|n| n as f64))?
            }
        };
        Some(number)
    }
}

/// Four digits say all that a search can know.
fn rounded(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return 0.0;
    }
    let digits = 3 - number.abs().log10().floor() as i32;
    let factor = 10_f64.powi(digits.clamp(0, 12));
    (number * factor).round() / factor
}

/// Seconds as the shortest duration that says nearly the same: `3d`, `31h`, `90s`.
fn written(seconds: f64) -> String {
    for (size, unit) in [(86_400.0, "d"), (3_600.0, "h"), (60.0, "m")] {
        let many = (seconds / size).round();
        if many >= 1.0 && (many * size - seconds).abs() <= seconds * 0.02 {
            return format!("{many}{unit}");
        }
    }
    format!("{}s", seconds.round().max(1.0))
}

fn gather(table: &dyn TableLike, path: &mut Vec<String>, found: &mut Vec<Parameter>) -> Result<(), String> {
    for (key, item) in table.iter() {
        path.push(key.to_owned());
        match item {
            Item::Value(Value::Array(choices)) => {
                let choices: Vec<Value> =
                    choices.iter().map(|choice| choice.clone().decorated("", "")).collect();
                if choices.is_empty() {
                    return Err(format!("{}: a list of choices must not be empty", path.join(".")));
                }
                let (dimension, unit) = (Dimension::Choice(choices.len()), Unit::Choice(choices));
                found.push(Parameter { path: path.clone(), dimension, unit });
            }
            item => match item.as_table_like() {
                Some(range) if range.contains_key("from") || range.contains_key("to") => {
                    let (dimension, unit) =
                        self::range(range).map_err(|reason| format!("{}: {reason}", path.join(".")))?;
                    found.push(Parameter { path: path.clone(), dimension, unit });
                }
                Some(inner) => gather(inner, path, found)?,
                None => {
                    let reason = "write a list of choices, or { from = …, to = … }";
                    return Err(format!("{}: {reason}", path.join(".")));
                }
            },
        }
        path.pop();
    }
    Ok(())
}

fn range(table: &dyn TableLike) -> Result<(Dimension, Unit), String> {
    if let Some((key, _)) = table.iter().find(|(key, _)| !["from", "to", "scale"].contains(key)) {
        return Err(format!("a range has `from`, `to` and `scale`, not `{key}`"));
    }
    let end = |key: &str| {
        let value =
            table.get(key).and_then(Item::as_value).ok_or_else(|| format!("a range needs `{key}`"))?;
        match value {
            Value::String(text) => Ok((duration::parse(text.value())?.as_secs_f64(), Unit::Duration)),
            Value::Integer(number) => Ok((*number.value() as f64, Unit::Whole)),
            Value::Float(number) => Ok((*number.value(), Unit::Number)),
            other => Err(format!("`{key}` is a number or a duration, not {}", other.type_name())),
        }
    };
    let ((low, from), (high, to)) = (end("from")?, end("to")?);
    let unit = match (from, to) {
        (Unit::Duration, Unit::Duration) => Unit::Duration,
        (Unit::Duration, _) | (_, Unit::Duration) => return Err("both ends are durations, or none is".into()),
        (Unit::Whole, Unit::Whole) => Unit::Whole,
        _ => Unit::Number,
    };
    let log = match table.get("scale").map(|item| item.as_str()) {
        None => matches!(unit, Unit::Duration),
        Some(Some("log")) => true,
        Some(Some("linear")) => false,
        Some(_) => return Err("`scale` is \"log\" or \"linear\"".into()),
    };
    if !(low.is_finite() && high.is_finite() && low <= high) {
        return Err("`from` must not be above `to`".into());
    }
    if log && low <= 0.0 {
        return Err("on a logarithmic scale `from` must be above 0".into());
    }
    Ok((Dimension::Range { low, high, log, whole: matches!(unit, Unit::Whole) }, unit))
}

#[cfg(test)]
mod tests {
    use recommend_core::Name;

    use super::*;

    const CONFIG: &str = "[[recommender]]\ncorpus = \"item\"\nsource = \"home\"\n\
        fetchers = [{ kind = \"popular\", half_life = \"7d\" }, { kind = \"related\", neighbours = 50 }]\n\
        [recommender.model]\nkind = \"linear\"\nweights = { \"popular.score\" = 0.5 }\n";

    fn document() -> Document {
        Document::parse("x.toml", CONFIG, &Name::literal("item"), &Name::literal("home")).unwrap()
    }

    fn space(text: &str) -> Result<Space, String> {
        Space::parse("space.toml", text, &document()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_point_becomes_a_configuration() {
        let space = space(
            "[fetchers.popular]\nhalf_life = { from = \"1h\", to = \"100d\" }\n\
             [fetchers.related]\nneighbours = [20, 50]\nhistory = { from = 1, to = 9 }\n\
             [model.weights]\n\"popular.score\" = { from = 0.0, to = 2.0 }\n",
        )
        .unwrap();
        space.check(&document()).unwrap();
        assert_eq!(space.start(&document()), [Some(7.0 * 86_400.0), Some(1.0), None, Some(0.5)]);
        let changed =
            space.apply(&document(), &[Some(7_300.0), Some(0.0), Some(3.2), Some(1.23456)]).unwrap();
        let text = changed.text();
        for expected in ["half_life = \"2h\"", "neighbours = 20", "history = 3", "\"popular.score\" = 1.235"]
        {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        let names: Vec<String> = space.parameters().iter().map(Parameter::name).collect();
        assert_eq!(names, ["popular.half_life", "related.neighbours", "related.history", "popular.score"]);
    }

    #[test]
    fn what_is_wrong_with_a_space_is_said() {
        for (text, reason) in [
            ("", "names no setting"),
            ("[fetchers.popular]\nlimit = 3", "write a list of choices"),
            ("[fetchers.popular]\nlimit = []", "must not be empty"),
            ("[fetchers.populer]\nlimit = [3]", "did you mean \"popular\"?"),
            ("[fetchers.popular]\nlimit = { from = 3 }", "needs `to`"),
            ("[fetchers.popular]\nlimit = { from = 3, to = 1 }", "must not be above"),
            ("[fetchers.popular]\nlimit = { from = 0, to = 1, scale = \"log\" }", "above 0"),
            ("[fetchers.popular]\nwindow = { from = \"soon\", to = \"1d\" }", "not a duration"),
            ("[fetchers.popular]\nwindow = { from = 1, to = \"1d\" }", "both ends"),
            ("[fetchers.popular]\nwindow = { from = 1, too = 2 }", "not `too`"),
        ] {
            let error = space(text).unwrap_err();
            assert!(error.contains(reason) && error.contains("space.toml"), "{text}: {error}");
        }
        let misspelt = space("[fetchers.popular]\nlimits = [3]").unwrap().check(&document()).unwrap_err();
        assert!(misspelt.to_string().contains("limit"), "{misspelt}");
    }

    #[test]
    fn durations_are_written_short() {
        assert_eq!([86_400.0 * 3.01, 3_700.0 * 30.0, 90.0, 0.2].map(written), ["3d", "31h", "90s", "1s"]);
    }
}
