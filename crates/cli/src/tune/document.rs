//! A configuration as a document: settings are read and set by path, and comments stay where they are.

use anyhow::Result;
use recommend_core::Name;
use recommend_core::error::closest;
use toml_edit::{Array, DocumentMut, InlineTable, Item, TableLike, Value};

use crate::exit::Usage;

/// The lists of components that a recommender has.
const LISTS: [&str; 4] = ["fetchers", "filters", "feature_sources", "rerankers"];

/// A configuration and the recommender in it that is meant.
#[derive(Debug, Clone)]
pub(super) struct Document {
    document: DocumentMut,
    corpus: Name,
    source: Name,
}

impl Document {
    /// Reads a text that is known to be a configuration with that recommender.
    ///
    /// # Errors
    /// When it is not TOML after all.
    pub(super) fn parse(file: &str, text: &str, corpus: &Name, source: &Name) -> Result<Self> {
        let document = text.parse::<DocumentMut>().map_err(|error| Usage(format!("{file}: {error}")))?;
        Ok(Document { document, corpus: corpus.clone(), source: source.clone() })
    }

    /// The text, with all comments.
    pub(super) fn text(&self) -> String {
        self.document.to_string()
    }

    /// The value of a setting, if it is set.
    pub(super) fn get(&self, path: &[String]) -> Option<Value> {
        let mut copy = self.clone();
        let (table, key) = copy.place(path, false).ok()?;
        let item = table.get(&key)?;
        match item.as_value() {
            Some(Value::InlineTable(inner)) => inner.get("weight").cloned(),
            Some(value) => Some(value.clone()),
            None => item.as_table_like()?.get("weight")?.as_value().cloned(),
        }
    }

    /// Sets a setting. Of a weight that is a table with more than the weight, the weight alone changes.
    ///
    /// # Errors
    /// When there is no such component.
    pub(super) fn set(&mut self, path: &[String], value: Value) -> Result<(), String> {
        let (table, key) = self.place(path, true)?;
        match table.get_mut(&key) {
            Some(item) => {
                if let Some(weighted) = item.as_table_like_mut().filter(|inner| inner.contains_key("weight"))
                {
                    if let Some(weight) = weighted.get_mut("weight") {
                        replace(weight, value);
                    }
                    return Ok(());
                }
                replace(item, value);
            }
            None => {
                table.insert(&key, Item::Value(value));
            }
        }
        Ok(())
    }

    /// The table that a path leads to, and its last word. `make` adds tables that are missing below a component.
    fn place(&mut self, path: &[String], make: bool) -> Result<(&mut dyn TableLike, String), String> {
        let (corpus, source) = (self.corpus.clone(), self.source.clone());
        let gone = || format!("the configuration has no recommender {corpus}/{source} any more");
        let is = |table: &dyn TableLike| {
            let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
            text("corpus").as_deref() == Some(corpus.as_str())
                && text("source").as_deref() == Some(source.as_str())
        };
        let list = self.document.get_mut("recommender").ok_or_else(gone)?;
        let recommender: &mut dyn TableLike = match list {
            Item::ArrayOfTables(tables) => {
                let table = tables.iter_mut().find(|table| is(&**table)).ok_or_else(gone)?;
                table as _
            }
            Item::Value(Value::Array(array)) => {
                let mut inline = array.iter_mut().filter_map(Value::as_inline_table_mut);
                inline.find(|table| is(&**table)).ok_or_else(gone)? as _
            }
            _ => return Err(gone()),
        };
        let Some((last, before)) = path.split_last() else { return Err("an empty path".into()) };
        let mut before = before.iter();
        let mut table = recommender;
        if let Some(first) = before.next() {
            let item = table.get_mut(first).ok_or_else(|| format!("the recommender has no `{first}`"))?;
            table = match LISTS.contains(&first.as_str()) {
                true => {
                    let name =
                        before.next().ok_or_else(|| format!("`{first}` needs the name of a component"))?;
                    component(item, first, name)?
                }
                false => table_of(item, first)?,
            };
        }
        for word in before {
            if make && table.get(word).is_none() {
                table.insert(word, Item::Value(Value::InlineTable(InlineTable::new())));
            }
            let item = table.get_mut(word).ok_or_else(|| format!("there is no `{word}`"))?;
            table = table_of(item, word)?;
        }
        Ok((table, last.clone()))
    }
}

fn table_of<'d>(item: &'d mut Item, name: &str) -> Result<&'d mut dyn TableLike, String> {
    // A bare string is { kind = "…" }.
    if let Some(kind) = item.as_str().map(str::to_owned) {
        let mut table = InlineTable::new();
        table.insert("kind", kind.into());
        *item = Item::Value(Value::InlineTable(table));
    }
    item.as_table_like_mut().ok_or_else(|| format!("`{name}` is no table"))
}

/// A component of a list, by its name.
fn component<'d>(item: &'d mut Item, list: &str, name: &str) -> Result<&'d mut dyn TableLike, String> {
    let missing = |known: &[String]| {
        let hint = closest(known.iter().map(String::as_str), name);
        let hint = hint.map(|close| format!("did you mean {close:?}? ")).unwrap_or_default();
        format!("`{list}` has no component {name:?}; {hint}there are {}", known.join(", "))
    };
    match item {
        Item::ArrayOfTables(tables) => {
            let names = unique(tables.iter().map(|table| called(table)));
            let at = names.iter().position(|known| known == name).ok_or_else(|| missing(&names))?;
            tables.get_mut(at).map(|table| table as &mut dyn TableLike).ok_or_else(|| missing(&names))
        }
        Item::Value(Value::Array(array)) => {
            let names = unique(array.iter().map(|value| match value {
                Value::InlineTable(table) => called(table),
                other => other.as_str().unwrap_or_default().to_owned(),
            }));
            let at = names.iter().position(|known| known == name).ok_or_else(|| missing(&names))?;
            spell_out(array, at);
            let value = array.get_mut(at).and_then(Value::as_inline_table_mut);
            value.map(|table| table as &mut dyn TableLike).ok_or_else(|| missing(&names))
        }
        _ => Err(format!("`{list}` is no list")),
    }
}

/// A bare string in a list becomes the table that it stands for.
fn spell_out(array: &mut Array, at: usize) {
    if let Some(value) = array.get_mut(at)
        && let Some(kind) = value.as_str().map(str::to_owned)
    {
        let mut table = InlineTable::new();
        table.insert("kind", kind.into());
        *table.decor_mut() = value.decor().clone();
        *value = Value::InlineTable(table);
    }
}

fn called(table: &dyn TableLike) -> String {
    let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    text("name").or_else(|| text("kind")).unwrap_or_default()
}

/// As the executor numbers names that repeat.
fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut unique: Vec<String> = Vec::new();
    for base in names {
        let (mut name, mut n) = (base.clone(), 1);
        while unique.contains(&name) {
            n += 1;
            name = format!("{base}-{n}");
        }
        unique.push(name);
    }
    unique
}

/// Puts a value in the place of another one, with the blanks and comments around it.
fn replace(item: &mut Item, mut value: Value) {
    if let Some(old) = item.as_value() {
        *value.decor_mut() = old.decor().clone();
    }
    *item = Item::Value(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# mine
[[recommender]]
corpus = \"item\"
source = \"home\"
fetchers = [
    { kind = \"popular\", half_life = \"7d\" }, # trending
    \"related\",
]
[recommender.model]
kind = \"linear\"
[recommender.model.weights]
\"popular.score\" = { weight = 0.5, transform = \"log1p\" } # soft
";

    fn document(text: &str) -> Document {
        Document::parse("x.toml", text, &Name::literal("item"), &Name::literal("home")).unwrap()
    }

    fn path(text: &str) -> Vec<String> {
        text.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn settings_change_and_comments_stay() {
        let mut document = document(TEXT);
        document.set(&path("fetchers/popular/half_life"), "3d".into()).unwrap();
        document.set(&path("fetchers/related/shrinkage"), 5.0.into()).unwrap();
        document.set(&path("model/weights/popular.score"), 0.9.into()).unwrap();
        document.set(&path("model/weights/related.score"), 2.0.into()).unwrap();
        let text = document.text();
        for expected in [
            "# mine",
            "{ kind = \"popular\", half_life = \"3d\" }, # trending",
            "{ kind = \"related\", shrinkage = 5.0 }",
            "{ weight = 0.9, transform = \"log1p\" } # soft",
            "\"related.score\" = 2.0",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        recommend_server::Config::parse("x.toml", &text).unwrap();
    }

    #[test]
    fn settings_are_read_where_they_are() {
        let document = document(TEXT);
        let get = |text: &str| document.get(&path(text)).map(|value| value.to_string().trim().to_owned());
        assert_eq!(get("fetchers/popular/half_life").unwrap(), "\"7d\"");
        assert_eq!(get("model/weights/popular.score").unwrap(), "0.5");
        assert_eq!(get("fetchers/related/shrinkage"), None);
    }

    #[test]
    fn a_component_that_there_is_not_gets_one_suggested() {
        let error = document(TEXT).set(&path("fetchers/populer/window"), 1_i64.into()).unwrap_err();
        assert!(error.contains("did you mean \"popular\"?"), "{error}");
    }

    #[test]
    fn tables_in_a_row_are_components_too() {
        let text = "[[recommender]]\ncorpus = \"item\"\nsource = \"home\"\n[[recommender.fetchers]]\nkind = \"popular\"\n\
                    [[recommender.fetchers]]\nkind = \"popular\"\nlimit = 3\n[recommender.model]\nkind = \"linear\"\n";
        let mut document = document(text);
        document.set(&path("fetchers/popular-2/limit"), 9.into()).unwrap();
        assert!(document.text().contains("limit = 9"));
    }
}
