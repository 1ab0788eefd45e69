//! `--where`: which rows of a file to import.

use std::str::FromStr;

use super::mapping::{Bound, Selection};
use super::table::{Cell, Table};

/// `column=value`, `column!=value`; a missing cell equals the empty value and `NA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    column: String,
    equal: bool,
    value: String,
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (column, value, equal) = match (text.find("!="), text.find('=')) {
            (Some(at), Some(first)) if at < first => (&text[..at], &text[at + 2..], false),
            (_, Some(at)) => (&text[..at], &text[at + 1..], true),
            _ => return Err(format!("{text:?} has no `=`; write COLUMN=VALUE or COLUMN!=VALUE")),
        };
        if column.is_empty() {
            return Err(format!("{text:?} names no column; write COLUMN=VALUE or COLUMN!=VALUE"));
        }
        Ok(Condition { column: column.trim().to_owned(), equal, value: value.trim().to_owned() })
    }
}

/// All conditions of a command, ready for the rows of one table.
#[derive(Debug)]
pub(crate) struct Conditions(Vec<(Bound, bool, Option<String>)>);

impl Conditions {
    /// Selects the columns; `missing` are the words that stand for a missing value.
    pub(crate) fn bind(conditions: &[Condition], missing: &[String], selection: &mut Selection) -> Self {
        let bound = conditions.iter().map(|condition| {
            let value = &condition.value;
            let absent = value.is_empty() || missing.contains(value);
            (selection.column(&condition.column), condition.equal, (!absent).then(|| value.clone()))
        });
        Conditions(bound.collect())
    }

    /// Whether the current row is wanted.
    pub(crate) fn hold(&self, row: &dyn Table) -> bool {
        self.0.iter().all(|(bound, equal, value)| {
            let cell = bound.get(row);
            let same = match (cell, value) {
                (Cell::Missing, None) => true,
                (Cell::Missing, Some(_)) | (_, None) => false,
                (cell, Some(value)) => cell.text().as_deref() == Some(value),
            };
            same == *equal
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::table;
    use super::*;

    #[test]
    fn conditions_choose_rows() {
        let (_folder, mut table) = table("x.csv", b"q,removed\na,NA\na,2023\nb,NA\n");
        let conditions: Vec<Condition> = ["q=a", "removed=NA"].iter().map(|c| c.parse().unwrap()).collect();
        let mut selection = Selection::default();
        let wanted = Conditions::bind(&conditions, &["NA".into()], &mut selection);
        let not = Conditions::bind(&["q!=a".parse().unwrap()], &[], &mut selection);
        selection.apply(&mut *table).unwrap();
        let mut seen = Vec::new();
        while table.advance().unwrap() {
            seen.push((wanted.hold(&*table), not.hold(&*table)));
        }
        assert_eq!(seen, [(true, false), (false, false), (false, true)]);
    }

    #[test]
    fn a_condition_needs_a_column() {
        assert!("=a".parse::<Condition>().is_err());
        assert!("abc".parse::<Condition>().unwrap_err().contains("COLUMN=VALUE"));
        assert_eq!("a!=b=c".parse::<Condition>().unwrap().value, "b=c");
    }
}
