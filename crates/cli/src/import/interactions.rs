//! Rows as interactions.
//!
//! Each interaction is recorded once under its id. Without an id column the id is a hash of the mapped fields and of
//! how many identical rows came before in the same file: two equal messages in one second both count, the same file
//! imported twice counts once, and so do the rows that two overlapping exports share.

use recommend_core::{Name, RequestId};
use rustc_hash::FxHashMap;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

use super::mapping::{Assignment, Bound, Mapping, Selection};
use super::rejects::Fault;
use super::table::Table;
use super::ties::Ties;
use super::time::TimeRule;
use super::values::{Names, id, number};
use super::{Records, Tally};
use crate::records::{Batch, InteractionRow, RelationRow};

const FIELDS: &[&str] = &["user", "entity", "kind", "time", "value", "corpus", "id", "request"];

/// Turns rows into interactions.
#[derive(Debug)]
pub(crate) struct InteractionRecords {
    assignments: Vec<Assignment>,
    times: TimeRule,
    ties: Ties,
    /// Identical rows of a file are one.
    once: bool,
    bound: Vec<Bound>,
    corpora: Names,
    kinds: Names,
    occurrences: FxHashMap<u64, u32>,
}

impl InteractionRecords {
    /// # Errors
    /// When an assignment names no field of an interaction.
    pub(crate) fn new(
        assignments: Vec<Assignment>,
        times: TimeRule,
        ties: Ties,
        once: bool,
    ) -> Result<Self, String> {
        Mapping::new(FIELDS, &assignments)?;
        Ok(InteractionRecords {
            assignments,
            times,
            ties,
            once,
            bound: Vec::new(),
            corpora: Names::default(),
            kinds: Names::default(),
            occurrences: FxHashMap::default(),
        })
    }

    fn row(&mut self, table: &dyn Table) -> Result<InteractionRow, Fault> {
        let [user, entity, kind, time, value, corpus, own_id, request] = &self.bound[..] else {
            return Err(Fault::new("row", "was read before its table was bound"));
        };
        let user = id("user", user.get(table))?;
        let entity = id("entity", entity.get(table))?;
        let kind = self.kinds.get("kind", kind.get(table))?;
        let corpus = self.corpora.get("corpus", corpus.get(table))?;
        let time = self.times.read(time.get(table)).map_err(|reason| Fault::new("time", reason))?;
        let time = time.ok_or_else(|| Fault::new("time", "is missing"))?;
        let value = number("value", value.get(table))?.unwrap_or(1.0) as f32;
        if !value.is_finite() {
            return Err(Fault::new("value", "is too large for a 32-bit number"));
        }
        let request = request.get(table).text().map(|text| text.parse::<RequestId>()).transpose();
        let request = request.map_err(|error| Fault::new("request", error))?;
        let id = match own_id {
            Bound::Absent => String::new(),
            bound => id("id", bound.get(table))?,
        };
        let mut row = InteractionRow { id, request, user, corpus, entity, kind, time, value };
        if row.id.is_empty() {
            row.id = self.derived_id(&row);
        }
        Ok(row)
    }

    fn derived_id(&mut self, row: &InteractionRow) -> String {
        let mut hasher = SipHasher13::new();
        for text in [&row.user, row.corpus.as_str(), &row.entity, row.kind.as_str()] {
            hasher.write(text.as_bytes());
            hasher.write_u8(0xff); // Not in UTF-8, so that no two lists of texts read alike.
        }
        hasher.write_i64(row.time.millis());
        hasher.write_u32(row.value.to_bits());
        if let Some(request) = row.request {
            hasher.write_u128(request.0);
        }
        if !self.once {
            let seen = self.occurrences.entry(hasher.finish()).or_insert(0);
            *seen += 1;
            hasher.write_u32(*seen);
        }
        format!("{:032x}", hasher.finish128().as_u128())
    }
}

impl Records for InteractionRecords {
    fn bind(&mut self, table: &dyn Table, selection: &mut Selection) -> Result<(), String> {
        let mapping = Mapping::new(FIELDS, &self.assignments)?;
        self.occurrences.clear();
        self.bound.clear();
        for field in FIELDS {
            let bound = match *field {
                "corpus" => match mapping.field(field, table, selection) {
                    Bound::Absent => return Err("say what was interacted with: add --corpus NAME".into()),
                    bound => bound,
                },
                "user" | "entity" | "kind" | "time" => mapping.required(field, table, selection)?,
                // A column that happens to be called `id` is seldom the interaction's own: it must be mapped.
                "id" if !self.assignments.iter().any(|a| a.field == "id") => Bound::Absent,
                _ => mapping.field(field, table, selection),
            };
            self.bound.push(bound);
        }
        Ok(())
    }

    fn read(&mut self, table: &dyn Table, batch: &mut Batch, tally: &mut Tally) -> Result<(), Fault> {
        let row = self.row(table).map_err(|mut fault| {
            if let [user, entity, ..] = &self.bound[..] {
                fault.ids = super::ids(&[("user", user.get(table)), ("entity", entity.get(table))]);
            }
            fault
        })?;
        self.ties.observe(&row);
        tally.interaction(&row);
        batch.interactions.push(row);
        Ok(())
    }

    fn finish(&mut self) -> Vec<RelationRow> {
        self.ties.finish()
    }
}

/// A constant for a field that was not mapped otherwise: what `--corpus` and `--kind` mean.
pub(crate) fn shorthand(
    assignments: &mut Vec<Assignment>,
    field: &str,
    value: Option<&Name>,
) -> Result<(), String> {
    let Some(value) = value else { return Ok(()) };
    if assignments.iter().any(|a| a.field == field) {
        return Err(format!("--{field} and --map {field}=… say the same thing twice; keep one"));
    }
    let origin = super::mapping::Origin::Constant(value.to_string());
    assignments.push(Assignment { field: field.to_owned(), origin });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::table;
    use super::super::time::{TimeUnit, zone};
    use super::*;

    fn read(text: &str, maps: &[&str], once: bool) -> (Batch, Vec<Fault>) {
        let maps = maps.iter().map(|m| m.parse().unwrap()).collect();
        let times = TimeRule { unit: TimeUnit::Auto, zone: zone("UTC").unwrap() };
        let mut records = InteractionRecords::new(maps, times, Ties::default(), once).unwrap();
        let (_folder, mut table) = table("x.csv", text.as_bytes());
        let mut selection = Selection::default();
        records.bind(&*table, &mut selection).unwrap();
        selection.apply(&mut *table).unwrap();
        let (mut batch, mut tally, mut faults) = (Batch::default(), Tally::default(), Vec::new());
        while table.advance().unwrap() {
            faults.extend(records.read(&*table, &mut batch, &mut tally).err());
        }
        (batch, faults)
    }

    const MAPS: &[&str] = &["user=who", "entity=what", "kind==Like", "time=at", "corpus==article"];

    #[test]
    fn rows_become_interactions() {
        let (batch, faults) = read("who,what,at,value\nu1,a1,1517436037,-1\n", MAPS, false);
        assert_eq!(faults, []);
        let row = &batch.interactions[0];
        assert_eq!((row.user.as_str(), row.entity.as_str(), row.value), ("u1", "a1", -1.0));
        assert_eq!((row.kind.as_str(), row.corpus.as_str()), ("like", "article"));
        assert_eq!(row.time.millis(), 1_517_436_037_000);
    }

    #[test]
    fn identical_rows_are_told_apart_by_their_place_or_taken_as_one() {
        let text = "who,what,at\nu1,a1,1517436037\nu1,a1,1517436037\nu2,a1,1517436037\n";
        let ids = |once| -> Vec<String> {
            read(text, MAPS, once).0.interactions.into_iter().map(|row| row.id).collect()
        };
        let (all, one) = (ids(false), ids(true));
        assert!(all[0] != all[1] && all[1] != all[2]);
        assert!(one[0] == one[1] && one[1] != one[2]);
        assert_eq!(all, ids(false), "the same file gives the same ids");
    }

    #[test]
    fn an_id_column_is_taken_as_it_is() {
        let maps: Vec<&str> = MAPS.iter().copied().chain(["id=n"]).collect();
        let (batch, _) = read("n,who,what,at\nx7,u1,a1,1517436037\n", &maps, false);
        assert_eq!(batch.interactions[0].id, "x7");
    }

    #[test]
    fn a_fault_names_the_field_and_the_ids() {
        let text = "who,what,at,value\nu1,a1,soon,1\n,a1,1517436037,1\nu1,a1,1517436037,1e39\n";
        let (batch, faults) = read(text, MAPS, false);
        assert!(batch.is_empty());
        let reasons: Vec<_> = faults.iter().map(|f| f.reason.split(':').next().unwrap()).collect();
        assert_eq!(reasons, ["time", "user", "value"]);
        assert_eq!(faults[0].ids, "user=u1 entity=a1");
    }
}
