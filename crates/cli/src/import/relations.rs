//! Rows as relations: who is tied to what, since when, how strongly.

use super::mapping::{Assignment, Bound, Mapping, Selection};
use super::rejects::Fault;
use super::table::Table;
use super::time::TimeRule;
use super::values::{Names, flag, id, number};
use super::{Records, Tally};
use crate::records::{Batch, RelationRow};

const FIELDS: &[&str] = &["user", "entity", "kind", "corpus", "since", "weight", "remove"];

/// Turns rows into relations.
#[derive(Debug)]
pub(crate) struct RelationRecords {
    assignments: Vec<Assignment>,
    times: TimeRule,
    bound: Vec<Bound>,
    corpora: Names,
    kinds: Names,
}

impl RelationRecords {
    /// # Errors
    /// When an assignment names no field of a relation.
    pub(crate) fn new(assignments: Vec<Assignment>, times: TimeRule) -> Result<Self, String> {
        Mapping::new(FIELDS, &assignments)?;
        Ok(RelationRecords {
            assignments,
            times,
            bound: Vec::new(),
            corpora: Names::default(),
            kinds: Names::default(),
        })
    }

    fn row(&mut self, table: &dyn Table) -> Result<RelationRow, Fault> {
        let [user, entity, kind, corpus, since, weight, remove] = &self.bound[..] else {
            return Err(Fault::new("row", "was read before its table was bound"));
        };
        let since = self.times.read(since.get(table)).map_err(|reason| Fault::new("since", reason))?;
        let weight = number("weight", weight.get(table))?.unwrap_or(1.0) as f32;
        if !weight.is_finite() {
            return Err(Fault::new("weight", "is too large for a 32-bit number"));
        }
        Ok(RelationRow {
            user: id("user", user.get(table))?,
            entity: id("entity", entity.get(table))?,
            kind: self.kinds.get("kind", kind.get(table))?,
            corpus: self.corpora.get("corpus", corpus.get(table))?,
            since: since.ok_or_else(|| Fault::new("since", "is missing"))?,
            weight,
            remove: flag("remove", remove.get(table))?.unwrap_or(false),
        })
    }
}

impl Records for RelationRecords {
    fn bind(&mut self, table: &dyn Table, selection: &mut Selection) -> Result<(), String> {
        let mapping = Mapping::new(FIELDS, &self.assignments)?;
        self.bound.clear();
        for field in FIELDS {
            let bound = match *field {
                "weight" | "remove" => mapping.field(field, table, selection),
                "since" => mapping.required(field, table, selection).map_err(|error| {
                    // The time of the import would do, but then a second import would change it.
                    format!("{error}; when it is not known, --map since==2024-01-01 gives all rows one date")
                })?,
                _ => mapping.required(field, table, selection)?,
            };
            self.bound.push(bound);
        }
        Ok(())
    }

    fn read(&mut self, table: &dyn Table, batch: &mut Batch, _: &mut Tally) -> Result<(), Fault> {
        let row = self.row(table).map_err(|mut fault| {
            if let [user, entity, ..] = &self.bound[..] {
                fault.ids = super::ids(&[("user", user.get(table)), ("entity", entity.get(table))]);
            }
            fault
        })?;
        batch.relations.push(row);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::table;
    use super::super::time::{TimeUnit, zone};
    use super::*;

    #[test]
    fn rows_become_relations_and_a_missing_date_is_asked_for() {
        let times = TimeRule { unit: TimeUnit::Auto, zone: zone("UTC").unwrap() };
        let maps = |texts: &[&str]| texts.iter().map(|m| m.parse().unwrap()).collect();
        let fixed = maps(&["kind==member", "corpus==channel", "since==2024-01-01"]);
        let mut records = RelationRecords::new(fixed, times.clone()).unwrap();
        let (_folder, mut table) = table("x.csv", b"user,entity,weight,remove\nu1,c1,0.5,\nu2,c1,,yes\n");
        let mut selection = Selection::default();
        records.bind(&*table, &mut selection).unwrap();
        selection.apply(&mut *table).unwrap();
        let mut batch = Batch::default();
        while table.advance().unwrap() {
            records.read(&*table, &mut batch, &mut Tally::default()).unwrap();
        }
        let seen: Vec<_> = batch.relations.iter().map(|r| (r.user.as_str(), r.weight, r.remove)).collect();
        assert_eq!(seen, [("u1", 0.5, false), ("u2", 1.0, true)]);

        let mut records = RelationRecords::new(maps(&["kind==member", "corpus==channel"]), times).unwrap();
        let error = records.bind(&*table, &mut Selection::default()).unwrap_err();
        assert!(error.contains("--map since==2024-01-01"), "{error}");
    }
}
