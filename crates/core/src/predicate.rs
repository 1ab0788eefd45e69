//! Predicates over attributes: `private == false and (topic in ["ops", "sre"] or age(created) < 30d)`.
//!
//! ```text
//! expression = term { "or" term }          term = factor { "and" factor }
//! factor     = "not" factor | "(" expression ")" | comparison
//! comparison = operand ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) literal
//!            | operand "in" "[" literal { "," literal } "]"
//!            | attribute "is" "missing" | attribute              a bare attribute means it is true
//! operand    = attribute | "age" "(" attribute ")"               the age of a time attribute, a duration
//! literal    = true | false | number | duration (30d, 12h) | "word or id" | $user (who asks)
//! ```
//!
//! A comparison with a missing attribute, or between different types, is *unknown* (Kleene's three-valued logic), so
//! that a filter can tell "no" from "cannot decide".

mod parse;

use crate::attributes::{AttributeTable, Value};
use crate::ids::{EntityId, IdCodec};
use crate::names::Name;
use crate::query::Query;

pub use parse::PredicateError;

/// A parsed predicate.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate {
    attributes: Vec<Name>,
    root: Node,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Or(Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Compare(Operand, Op, Literal),
    In(Operand, Vec<Literal>),
    Missing(usize),
}

/// The attribute's place in [`Predicate::attributes`].
#[derive(Debug, Clone, Copy, PartialEq)]
enum Operand {
    Attribute(usize),
    Age(usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Literal {
    Bool(bool),
    Number(f64),
    Millis(i64),
    Id(EntityId),
    User,
}

impl Predicate {
    /// Parses a predicate; words and ids become numbers through the codec.
    ///
    /// # Errors
    /// [`PredicateError`] with the column and what was expected there.
    ///
    /// ```
    /// # use recommend_core::{IdCodec, Predicate};
    /// let codec = IdCodec::new([0; 16]);
    /// assert!(Predicate::parse("not archived and members >= 5", &codec).is_ok());
    /// let error = Predicate::parse("members => 5", &codec).unwrap_err();
    /// assert!(error.to_string().contains("column 9"));
    /// ```
    pub fn parse(text: &str, codec: &IdCodec) -> Result<Self, PredicateError> {
        parse::parse(text, codec)
    }

    /// The attributes that it reads.
    pub fn attributes(&self) -> &[Name] {
        &self.attributes
    }

    /// Makes it ready for the rows of a table; `None` when the table lacks an attribute that it reads.
    pub fn on<'a>(&'a self, query: &'a Query, table: &'a AttributeTable) -> Option<Matcher<'a>> {
        let columns =
            self.attributes.iter().map(|name| table.column(name.as_str())).collect::<Option<_>>()?;
        Some(Matcher { root: &self.root, columns, query })
    }
}

/// A predicate over the columns of one table.
pub struct Matcher<'a> {
    root: &'a Node,
    columns: Vec<&'a [Option<Value>]>,
    query: &'a Query,
}

impl Matcher<'_> {
    /// Whether the row matches; `None` is unknown.
    pub fn test(&self, row: usize) -> Option<bool> {
        self.eval(self.root, row)
    }

    fn eval(&self, node: &Node, row: usize) -> Option<bool> {
        match node {
            Node::Or(a, b) => match (self.eval(a, row), self.eval(b, row)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Node::And(a, b) => match (self.eval(a, row), self.eval(b, row)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Node::Not(a) => self.eval(a, row).map(|value| !value),
            Node::Compare(operand, op, literal) => self.compare(*operand, *op, *literal, row),
            Node::In(operand, literals) => {
                let mut unknown = false;
                for literal in literals {
                    match self.compare(*operand, Op::Eq, *literal, row) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => unknown = true,
                    }
                }
                if unknown { None } else { Some(false) }
            }
            Node::Missing(at) => Some(self.columns[*at][row].is_none()),
        }
    }

    fn compare(&self, operand: Operand, op: Op, literal: Literal, row: usize) -> Option<bool> {
        let value = match operand {
            Operand::Attribute(at) => self.columns[at][row]?,
            Operand::Age(at) => {
                let Literal::Millis(limit) = literal else { return None };
                let age = self.query.now.millis().saturating_sub(self.columns[at][row]?.as_time()?.millis());
                return Some(op.holds(age.cmp(&limit)));
            }
        };
        let ordering = match (value, literal) {
            (Value::Bool(a), Literal::Bool(b)) => a.cmp(&b),
            (Value::Number(a), Literal::Number(b)) => a.total_cmp(&b),
            // An id that is a decimal number may be written as one.
            (Value::Id(a), Literal::Number(b)) => a.cmp(&EntityId(b as u64)),
            (Value::Id(a), Literal::Id(b)) => a.cmp(&b),
            (Value::Id(a), Literal::User) => a.cmp(&self.query.user.as_entity()),
            _ => return None,
        };
        Some(op.holds(ordering))
    }
}

impl Op {
    fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Op::Eq => ordering.is_eq(),
            Op::Ne => ordering.is_ne(),
            Op::Lt => ordering.is_lt(),
            Op::Le => ordering.is_le(),
            Op::Gt => ordering.is_gt(),
            Op::Ge => ordering.is_ge(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Deadline, Timestamp, days};
    use crate::{RequestId, TenantId, UserId};

    fn query() -> Query {
        Query {
            request: RequestId(1),
            tenant: TenantId(1),
            user: UserId(7),
            corpus: Name::literal("channel"),
            source: Name::literal("test"),
            limit: 10,
            context: Vec::new(),
            seeds: Vec::new(),
            given: Vec::new(),
            now: Timestamp::from_seconds(100 * 86_400),
            deadline: Deadline::after(days(1)),
            seed: 0,
        }
    }

    /// One entity: private = false, members = 12, topic = "ops", owner = user 7, created 10 days ago; size unknown.
    fn test(text: &str) -> Option<bool> {
        let codec = IdCodec::new([0; 16]);
        let names = ["private", "members", "topic", "owner", "created", "size"].map(Name::literal);
        let mut table = AttributeTable::new(1, &names);
        let values = [
            Value::Bool(false),
            Value::Number(12.0),
            Value::Id(EntityId(codec.encode("ops").unwrap())),
            Value::Id(EntityId(7)),
            Value::Time(Timestamp::from_seconds(90 * 86_400)),
        ];
        for (column, value) in values.into_iter().enumerate() {
            table.column_mut(column)[0] = Some(value);
        }
        let query = query();
        Predicate::parse(text, &codec).unwrap().on(&query, &table).unwrap().test(0)
    }

    #[test]
    fn comparisons_mean_what_they_say() {
        for yes in [
            "not private",
            "private == false",
            "members >= 12 and members < 13",
            "topic == \"ops\"",
            "topic in ['sre', 'ops']",
            "owner == $user",
            "owner == 7",
            "age(created) > 9d and age(created) <= 10d",
            "size is missing",
            "private or (members > 1 and not members > 99)",
        ] {
            assert_eq!(test(yes), Some(true), "{yes}");
        }
        for no in ["private", "topic != 'ops'", "topic in ['sre']", "members is missing", "age(created) < 1h"]
        {
            assert_eq!(test(no), Some(false), "{no}");
        }
    }

    #[test]
    fn what_is_missing_is_unknown_and_not_false() {
        for unknown in
            ["size > 3", "not size > 3", "size > 3 or private", "topic > true", "age(members) < 1d"]
        {
            assert_eq!(test(unknown), None, "{unknown}");
        }
        assert_eq!(test("size > 3 and private"), Some(false));
        assert_eq!(test("size > 3 or not private"), Some(true));
    }

    #[test]
    fn and_binds_tighter_than_or() {
        assert_eq!(test("not private or private and private"), Some(true));
        assert_eq!(test("(not private or private) and private"), Some(false));
    }

    #[test]
    fn errors_name_the_column() {
        let error = |text: &str| Predicate::parse(text, &IdCodec::new([0; 16])).unwrap_err().to_string();
        assert!(error("members >= ").contains("column 12"), "{}", error("members >= "));
        assert!(error("(private").contains("`)`"));
        assert!(error("topic = 'x'").contains("=="));
        assert!(error("topic == 'x").contains("closing quote"));
        assert!(error("age(created) < 5").contains("duration"));
        assert!(error("private private").contains("column 9"));
        assert!(error(&"(".repeat(5000)).contains("nested"));
        assert!(error("").contains("empty"));
    }
}
