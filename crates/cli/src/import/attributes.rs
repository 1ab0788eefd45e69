//! Attributes of entities: `--attr created:time=created`, types given or told from the values.

use std::str::FromStr;

use recommend_core::Name;
use recommend_core::ids::MAX_ID_BYTES;

use super::mapping::{Assignment, Bound, Origin};
use super::rejects::Fault;
use super::table::{Cell, Table, TableError};
use super::time::TimeRule;
use super::values::{flag, id, number, to_name};
use crate::records::Attribute;

/// The type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Flag,
    Number,
    Time,
    Word,
}

/// One `--attr`: `NAME[:TYPE]=COLUMN` or `NAME[:TYPE]==CONSTANT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttributeRule {
    pub(crate) name: Name,
    /// Told from the values when absent.
    pub(crate) kind: Option<Type>,
    pub(crate) origin: Origin,
}

impl FromStr for AttributeRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Assignment { field, origin } = text.parse()?;
        let (name, kind) = match field.split_once(':') {
            None => (field.as_str(), None),
            Some((name, kind)) => (name, Some(kind)),
        };
        let kind = match kind {
            None => None,
            Some("bool" | "flag") => Some(Type::Flag),
            Some("number") => Some(Type::Number),
            Some("time") => Some(Type::Time),
            Some("word" | "id") => Some(Type::Word),
            Some(other) => {
                return Err(format!("{other:?} is no type; there are bool, number, time, word and id"));
            }
        };
        let name = Name::new(name).map_err(|error| error.to_string())?;
        Ok(AttributeRule { name, kind, origin })
    }
}

/// An attribute with its place in the row.
#[derive(Debug, Clone)]
pub(crate) struct BoundAttribute {
    pub(crate) name: Name,
    pub(crate) kind: Type,
    pub(crate) bound: Bound,
}

impl BoundAttribute {
    /// The value in the current row; `None` when it is missing.
    pub(super) fn read(&self, table: &dyn Table, times: &TimeRule) -> Result<Option<Attribute>, Fault> {
        let (cell, field) = (self.bound.get(table), self.name.as_str());
        Ok(match self.kind {
            Type::Flag => flag(field, cell)?.map(Attribute::Flag),
            Type::Number => number(field, cell)?.map(Attribute::Number),
            Type::Time => times.read(cell).map_err(|reason| Fault::new(field, reason))?.map(Attribute::Time),
            Type::Word if cell == Cell::Missing => None,
            Type::Word => Some(Attribute::Word(id(field, cell)?)),
        })
    }
}

/// Tells the type of a column from its values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guess {
    values: u64,
    flag: bool,
    number: bool,
    time: bool,
    word: bool,
}

impl Guess {
    pub(crate) fn new() -> Self {
        Guess { values: 0, flag: true, number: true, time: true, word: true }
    }

    /// Takes a value into account.
    pub(crate) fn observe(&mut self, cell: Cell<'_>, times: &TimeRule) {
        if cell == Cell::Missing {
            return;
        }
        self.values += 1;
        let digits = matches!(cell, Cell::Text(text) if text.bytes().all(|b| b.is_ascii_digit()));
        // 0 and 1 alone are numbers: a count that happens to be small is no flag.
        self.flag = self.flag && !digits && !matches!(cell, Cell::Integer(_)) && flag("", cell).is_ok();
        self.number = self.number && !matches!(cell, Cell::Bool(_)) && number("", cell).is_ok();
        // A bare number is a number; a time must look like one.
        self.time = self.time
            && match cell {
                Cell::Time(_) => true,
                Cell::Text(_) => number("", cell).is_err() && times.read(cell).is_ok(),
                _ => false,
            };
        self.word = self.word && cell.text().is_some_and(|text| text.len() <= MAX_ID_BYTES);
    }

    /// The type, or why the column cannot be an attribute.
    pub(crate) fn result(self) -> Result<Type, &'static str> {
        match self {
            Guess { values: 0, .. } => Err("has no values"),
            Guess { flag: true, .. } => Ok(Type::Flag),
            Guess { number: true, .. } => Ok(Type::Number),
            Guess { time: true, .. } => Ok(Type::Time),
            Guess { word: true, .. } => Ok(Type::Word),
            _ => Err("has values longer than 64 bytes: text is not an attribute"),
        }
    }
}

/// Reads a whole table to tell the types of some columns.
pub(super) fn guess_types(
    table: &mut dyn Table,
    columns: &[String],
    times: &TimeRule,
) -> Result<Vec<Result<Type, &'static str>>, TableError> {
    table.select(columns)?;
    let mut guesses = vec![Guess::new(); columns.len()];
    loop {
        match table.advance() {
            Ok(false) => break,
            Ok(true) => {
                for (at, guess) in guesses.iter_mut().enumerate() {
                    guess.observe(table.cell(at), times);
                }
            }
            // The import proper will reject the row.
            Err(TableError::Row { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(guesses.into_iter().map(Guess::result).collect())
}

/// A rule for each column of the table that is not in `except`, under the column's own name.
pub(super) fn rules_for_all(columns: &[String], except: &[String]) -> Result<Vec<AttributeRule>, String> {
    let mut rules: Vec<AttributeRule> = Vec::new();
    for column in columns.iter().filter(|c| !c.is_empty() && !except.contains(c)) {
        let name = to_name(column)?;
        if let Some(other) = rules.iter().find(|rule| rule.name == name) {
            return Err(format!(
                "the columns {column:?} and {:?} would both become the attribute {name}; leave one out with --except",
                match &other.origin {
                    Origin::Column(other) | Origin::Constant(other) => other,
                }
            ));
        }
        rules.push(AttributeRule { name, kind: None, origin: Origin::Column(column.clone()) });
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::table;
    use super::super::time::{TimeUnit, zone};
    use super::*;

    fn times() -> TimeRule {
        TimeRule { unit: TimeUnit::Auto, zone: zone("UTC").unwrap() }
    }

    #[test]
    fn a_rule_names_an_attribute_its_type_and_its_column() {
        let rule: AttributeRule = "created:time=when".parse().unwrap();
        assert_eq!((rule.name.as_str(), rule.kind), ("created", Some(Type::Time)));
        assert_eq!("a==x".parse::<AttributeRule>().unwrap().origin, Origin::Constant("x".into()));
        assert!("a:date=x".parse::<AttributeRule>().unwrap_err().contains("time"));
        assert!("A=x".parse::<AttributeRule>().unwrap_err().contains("a-z"));
    }

    #[test]
    fn types_are_told_from_all_values() {
        let text =
            "a,b,c,d,e,f\n1,TRUE,2023-11-21,x,,y\n0,false,2023-11-22 10:00:00,2,NA,Y\nNA,NA,NA,NA,,no\n";
        let (_folder, mut table) = table("x.csv", text.as_bytes());
        let columns = table.columns().to_vec();
        let types = guess_types(&mut *table, &columns, &times()).unwrap();
        assert_eq!(
            types,
            [
                Ok(Type::Number),
                Ok(Type::Flag),
                Ok(Type::Time),
                Ok(Type::Word),
                Err("has no values"),
                Ok(Type::Flag)
            ]
        );
    }

    #[test]
    fn long_text_is_not_an_attribute() {
        let mut guess = Guess::new();
        guess.observe(Cell::Text(&"word ".repeat(20)), &times());
        assert!(guess.result().unwrap_err().contains("text"));
    }
}
