//! Which column, or which constant, each field of a record comes from: `--map user=informfully_id`, `--map kind==rating`.

use std::str::FromStr;

use recommend_core::error::closest;

use super::table::{Cell, Table, TableError};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The column of this name.
    Column(String),
    /// The same text in every row.
    Constant(String),
}

/// One `--map`: `field=column` or `field==constant`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// The field of the record.
    pub(crate) field: String,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (field, origin) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} has no `=`; write FIELD=COLUMN or FIELD==CONSTANT"))?;
        let origin = match origin.strip_prefix('=') {
            Some(constant) => Origin::Constant(constant.to_owned()),
            None => Origin::Column(origin.to_owned()),
        };
        if field.is_empty() || matches!(&origin, Origin::Column(c) | Origin::Constant(c) if c.is_empty()) {
            return Err(format!("{text:?} is not complete; write FIELD=COLUMN or FIELD==CONSTANT"));
        }
        Ok(Assignment { field: field.to_owned(), origin })
    }
}

/// A field that knows where to look in the current row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bound {
    /// A selected cell.
    Cell(usize),
    /// The same text in every row.
    Constant(String),
    /// The field is not mapped.
    Absent,
}

impl Bound {
    /// The field's value in the current row.
    pub(crate) fn get<'a>(&'a self, row: &'a dyn Table) -> Cell<'a> {
        match self {
            Bound::Cell(at) => row.cell(*at),
            Bound::Constant(text) => Cell::Text(text),
            Bound::Absent => Cell::Missing,
        }
    }
}

/// Collects the columns that a reader needs and selects them in one go.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    columns: Vec<String>,
}

impl Selection {
    /// The place that a column will have.
    pub(crate) fn column(&mut self, name: &str) -> Bound {
        let at = self.columns.iter().position(|c| c == name).unwrap_or_else(|| {
            self.columns.push(name.to_owned());
            self.columns.len() - 1
        });
        Bound::Cell(at)
    }

    /// The place of an origin.
    pub(crate) fn bind(&mut self, origin: &Origin) -> Bound {
        match origin {
            Origin::Column(name) => self.column(name),
            Origin::Constant(text) => Bound::Constant(text.clone()),
        }
    }

    /// Tells the table.
    ///
    /// # Errors
    /// When a column does not exist.
    pub(crate) fn apply(&self, table: &mut dyn Table) -> Result<(), TableError> {
        table.select(&self.columns)
    }
}

/// The fields of a kind of record, and how each was mapped.
#[derive(Debug)]
pub(crate) struct Mapping<'a> {
    fields: &'static [&'static str],
    assignments: &'a [Assignment],
}

impl<'a> Mapping<'a> {
    /// Checks that every assignment names a field, and each field at most once.
    ///
    /// # Errors
    /// A sentence that names the field and those that there are.
    pub(crate) fn new(
        fields: &'static [&'static str],
        assignments: &'a [Assignment],
    ) -> Result<Self, String> {
        for (at, Assignment { field, .. }) in assignments.iter().enumerate() {
            if !fields.contains(&field.as_str()) {
                let hint = closest(fields.iter().copied(), field);
                let hint = hint.map(|close| format!("; did you mean {close:?}?")).unwrap_or_default();
                return Err(format!(
                    "--map {field}=…: there is no such field{hint} Fields: {}",
                    fields.join(", ")
                ));
            }
            if assignments[..at].iter().any(|other| other.field == *field) {
                return Err(format!("--map {field}=… is given twice"));
            }
        }
        Ok(Mapping { fields, assignments })
    }

    /// Where a field comes from: its `--map`, or else the column of its own name if the table has one.
    pub(crate) fn field(&self, field: &str, table: &dyn Table, selection: &mut Selection) -> Bound {
        debug_assert!(self.fields.contains(&field));
        match self.assignments.iter().find(|a| a.field == field) {
            Some(assignment) => selection.bind(&assignment.origin),
            None if table.columns().iter().any(|c| c == field) => selection.column(field),
            None => Bound::Absent,
        }
    }

    /// The same for a field that every record must have.
    ///
    /// # Errors
    /// A sentence that says how to map it.
    pub(crate) fn required(
        &self,
        field: &str,
        table: &dyn Table,
        selection: &mut Selection,
    ) -> Result<Bound, String> {
        match self.field(field, table, selection) {
            Bound::Absent => Err(format!(
                "nothing says where {field:?} comes from; add --map {field}=COLUMN (or --map {field}==CONSTANT). \
                 Columns: {}",
                table.columns().join(", ")
            )),
            bound => Ok(bound),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::table;
    use super::*;

    fn assignment(text: &str) -> Assignment {
        text.parse().unwrap()
    }

    #[test]
    fn one_equals_sign_is_a_column_and_two_are_a_constant() {
        assert_eq!(assignment("user=who").origin, Origin::Column("who".into()));
        assert_eq!(assignment("kind==rating").origin, Origin::Constant("rating".into()));
        assert_eq!(assignment("kind==a=b").origin, Origin::Constant("a=b".into()));
        for bad in ["user", "user=", "=who", "kind=="] {
            assert!(bad.parse::<Assignment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_field_is_found_by_its_map_or_by_its_own_name() {
        let (_folder, mut table) = table("x.csv", b"user,what\nu1,c1\n");
        let assignments = [assignment("entity=what"), assignment("kind==click")];
        let mapping = Mapping::new(&["user", "entity", "kind", "value"], &assignments).unwrap();
        let mut selection = Selection::default();
        let fields = ["user", "entity", "kind", "value"].map(|f| mapping.field(f, &*table, &mut selection));
        let missing = mapping.required("value", &*table, &mut selection).unwrap_err();
        assert!(missing.contains("--map value=COLUMN") && missing.contains("user, what"), "{missing}");
        selection.apply(&mut *table).unwrap();
        table.advance().unwrap();
        let cells: Vec<_> = fields.iter().map(|f| f.get(&*table)).collect();
        assert_eq!(cells, [Cell::Text("u1"), Cell::Text("c1"), Cell::Text("click"), Cell::Missing]);
    }

    #[test]
    fn unknown_and_repeated_fields_are_refused() {
        let unknown = Mapping::new(&["user"], &[assignment("usr=a")]).unwrap_err();
        assert!(unknown.contains("did you mean \"user\"?"), "{unknown}");
        let twice = [assignment("user=a"), assignment("user=b")];
        assert!(Mapping::new(&["user"], &twice).unwrap_err().contains("twice"));
    }
}
