//! Rows as entities with attributes.

use std::hash::Hasher;
use std::path::Path;

use recommend_core::Name;
use rustc_hash::FxHashMap;
use siphasher::sip::SipHasher13;

use super::attributes::{AttributeRule, BoundAttribute, Guess, guess_types, rules_for_all};
use super::mapping::{Assignment, Bound, Mapping, Origin, Selection};
use super::rejects::Fault;
use super::table::{Cell, Table, TableOptions, open};
use super::time::TimeRule;
use super::values::{Names, id};
use super::{Records, Tally};
use crate::records::{Attribute, Batch, EntityRow};

const FIELDS: &[&str] = &["id", "corpus"];

/// Turns rows into entities.
#[derive(Debug)]
pub(crate) struct EntityRecords {
    assignments: Vec<Assignment>,
    times: TimeRule,
    rules: Vec<AttributeRule>,
    /// All columns that are not mapped become attributes, except these.
    all_except: Option<Vec<String>>,
    /// How to open a file once more, to tell types.
    options: TableOptions,
    id: Bound,
    corpus: Bound,
    corpora: Names,
    attributes: Vec<BoundAttribute>,
    notes: Vec<String>,
    /// For each entity, by hash, a hash of what was last said of it.
    last: FxHashMap<u64, u64>,
}

/// Hashes of which entity a row is about and of all that it says.
fn digest(row: &EntityRow) -> (u64, u64) {
    let mut hasher = SipHasher13::new();
    hasher.write(row.corpus.as_str().as_bytes());
    hasher.write_u8(0xff);
    hasher.write(row.id.as_bytes());
    let which = hasher.finish();
    for (name, value) in &row.attributes {
        hasher.write_u8(0xff);
        hasher.write(name.as_str().as_bytes());
        hasher.write_u8(0xff);
        match value {
            Attribute::Flag(flag) => hasher.write_u8(u8::from(*flag)),
            Attribute::Number(number) => hasher.write_u64(number.to_bits()),
            Attribute::Time(time) => hasher.write_i64(time.millis()),
            Attribute::Word(word) => hasher.write(word.as_bytes()),
        }
    }
    (which, hasher.finish())
}

impl EntityRecords {
    /// # Errors
    /// When an assignment names no field of an entity.
    pub(crate) fn new(
        assignments: Vec<Assignment>,
        times: TimeRule,
        rules: Vec<AttributeRule>,
        all_except: Option<Vec<String>>,
        options: TableOptions,
    ) -> Result<Self, String> {
        Mapping::new(FIELDS, &assignments)?;
        Ok(EntityRecords {
            assignments,
            times,
            rules,
            all_except,
            options,
            id: Bound::Absent,
            corpus: Bound::Absent,
            corpora: Names::default(),
            attributes: Vec::new(),
            notes: Vec::new(),
            last: FxHashMap::default(),
        })
    }

    /// The rules for one file: those given, and one for each other column when all were asked for.
    fn rules_for(&self, table: &dyn Table) -> Result<Vec<AttributeRule>, String> {
        let mut rules = self.rules.clone();
        if let Some(except) = &self.all_except {
            let mut taken = except.clone();
            let origins = self.assignments.iter().map(|a| &a.origin).chain(rules.iter().map(|r| &r.origin));
            taken.extend(origins.filter_map(|origin| match origin {
                Origin::Column(column) => Some(column.clone()),
                Origin::Constant(_) => None,
            }));
            taken.extend(FIELDS.iter().map(ToString::to_string));
            let given: Vec<Name> = rules.iter().map(|rule| rule.name.clone()).collect();
            let all = rules_for_all(table.columns(), &taken)?;
            rules.extend(all.into_iter().filter(|rule| !given.contains(&rule.name)));
        }
        Ok(rules)
    }
}

impl Records for EntityRecords {
    fn open(&mut self, path: &Path, table: &dyn Table, selection: &mut Selection) -> Result<(), String> {
        let rules = self.rules_for(table)?;
        let open_types: Vec<String> = rules
            .iter()
            .filter_map(|rule| match (&rule.kind, &rule.origin) {
                (None, Origin::Column(column)) => Some(column.clone()),
                _ => None,
            })
            .collect();
        let mut guessed = Vec::new().into_iter();
        if !open_types.is_empty() {
            let (mut again, _) = open(path, &self.options).map_err(|error| error.to_string())?;
            guessed = guess_types(&mut *again, &open_types, &self.times)
                .map_err(|error| error.to_string())?
                .into_iter();
        }
        self.attributes.clear();
        for rule in rules {
            let kind = match (rule.kind, &rule.origin) {
                (Some(kind), _) => Ok(kind),
                (None, Origin::Column(_)) => guessed.next().unwrap_or(Err("has no values")),
                (None, Origin::Constant(text)) => {
                    let mut guess = Guess::new();
                    guess.observe(Cell::Text(text), &self.times);
                    guess.result()
                }
            };
            match kind {
                Ok(kind) => {
                    let bound = selection.bind(&rule.origin);
                    self.attributes.push(BoundAttribute { name: rule.name, kind, bound });
                }
                Err(reason) => {
                    self.notes.push(format!("{}: {} {reason}, left out", path.display(), rule.name));
                }
            }
        }
        self.bind(table, selection)
    }

    fn bind(&mut self, table: &dyn Table, selection: &mut Selection) -> Result<(), String> {
        let mapping = Mapping::new(FIELDS, &self.assignments)?;
        self.id = mapping.required("id", table, selection)?;
        self.corpus = match mapping.field("corpus", table, selection) {
            Bound::Absent => return Err("say what these entities are: add --corpus NAME".into()),
            bound => bound,
        };
        Ok(())
    }

    fn read(&mut self, table: &dyn Table, batch: &mut Batch, tally: &mut Tally) -> Result<(), Fault> {
        let with_id = |mut fault: Fault| {
            fault.ids = super::ids(&[("id", self.id.get(table))]);
            fault
        };
        let entity = id("id", self.id.get(table)).map_err(with_id)?;
        let corpus = self.corpora.get("corpus", self.corpus.get(table)).map_err(with_id)?;
        let mut attributes = Vec::with_capacity(self.attributes.len());
        for attribute in &self.attributes {
            if let Some(value) = attribute.read(table, &self.times).map_err(with_id)? {
                attributes.push((attribute.name.clone(), value));
            }
        }
        let row = EntityRow { corpus, id: entity, attributes };
        // Entities are often taken from a file of what happened to them, where each comes again and again.
        let (which, what) = digest(&row);
        if self.last.insert(which, what) == Some(what) {
            tally.skip("rows that say nothing new of their entity");
            return Ok(());
        }
        tally.entity(&row.corpus);
        batch.entities.push(row);
        Ok(())
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::time::{TimeUnit, zone};
    use super::*;

    fn read(text: &str, rules: &[&str], all: bool) -> (Vec<EntityRow>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, text).unwrap();
        let options = TableOptions { missing: vec!["NA".into()], ..TableOptions::default() };
        let mut records = EntityRecords::new(
            vec!["id=who".parse().unwrap(), "corpus==user".parse().unwrap()],
            TimeRule { unit: TimeUnit::Auto, zone: zone("UTC").unwrap() },
            rules.iter().map(|r| r.parse().unwrap()).collect(),
            all.then(|| vec!["note".to_owned()]),
            options.clone(),
        )
        .unwrap();
        let (mut table, _) = open(&path, &options).unwrap();
        let mut selection = Selection::default();
        records.open(&path, &*table, &mut selection).unwrap();
        selection.apply(&mut *table).unwrap();
        let (mut batch, mut tally) = (Batch::default(), Tally::default());
        while table.advance().unwrap() {
            records.read(&*table, &mut batch, &mut tally).unwrap();
        }
        (batch.entities, records.notes())
    }

    #[test]
    fn attributes_are_typed_by_rule() {
        let rules = ["created:time=at", "private:bool==false", "lang:word=l"];
        let (rows, _) = read("who,at,l\nu1,1517436037,de\nu2,NA,\n", &rules, false);
        let names: Vec<_> = rows[0].attributes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["created", "private", "lang"]);
        assert_eq!(rows[1].attributes, [(Name::literal("private"), Attribute::Flag(false))]);
    }

    #[test]
    fn a_row_that_says_nothing_new_is_left_out() {
        let (rows, _) = read("who,lang\nu1,de\nu1,de\nu1,en\nu1,de\nu2,de\n", &["lang:word=lang"], false);
        let ids: Vec<_> = rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["u1", "u1", "u1", "u2"]);
    }

    #[test]
    fn all_other_columns_become_attributes_of_the_types_they_have() {
        let (rows, notes) =
            read("\"\",who,Age,group,empty,note\n1,u1,31,a,NA,x\n2,u2,NA,b,NA,y\n", &[], true);
        assert_eq!(
            rows[0].attributes,
            [
                (Name::literal("age"), Attribute::Number(31.0)),
                (Name::literal("group"), Attribute::Word("a".into()))
            ]
        );
        assert_eq!(rows[1].attributes.len(), 1);
        assert!(notes[0].contains("empty has no values"), "{notes:?}");
    }
}
