//! Cells as ids, names, numbers and flags, with errors that name what is wrong.

use recommend_core::Name;
use recommend_core::ids::MAX_ID_BYTES;
use rustc_hash::FxHashMap;

use super::rejects::Fault;
use super::short;
use super::table::Cell;

/// An id that every row must have.
pub(crate) fn id(field: &str, cell: Cell<'_>) -> Result<String, Fault> {
    let text = cell.text().ok_or_else(|| Fault::new(field, "is missing"))?;
    if text.len() > MAX_ID_BYTES {
        return Err(Fault::new(
            field,
            format_args!("an id has at most {MAX_ID_BYTES} bytes, this one has {}", text.len()),
        ));
    }
    Ok(text.into_owned())
}

/// A finite number.
pub(crate) fn number(field: &str, cell: Cell<'_>) -> Result<Option<f64>, Fault> {
    let value = match cell {
        Cell::Missing => return Ok(None),
        Cell::Integer(number) => number as f64,
        Cell::Float(number) => number,
        Cell::Bool(flag) => f64::from(u8::from(flag)),
        Cell::Time(_) => return Err(Fault::new(field, "is a time, not a number")),
        Cell::Text(text) => {
            text.parse().map_err(|_| Fault::new(field, format_args!("{:?} is no number", short(text))))?
        }
    };
    if value.is_finite() { Ok(Some(value)) } else { Err(Fault::new(field, "is not finite")) }
}

/// A yes or no.
pub(super) fn flag(field: &str, cell: Cell<'_>) -> Result<Option<bool>, Fault> {
    match cell {
        Cell::Missing => Ok(None),
        Cell::Bool(flag) => Ok(Some(flag)),
        Cell::Integer(0) => Ok(Some(false)),
        Cell::Integer(1) => Ok(Some(true)),
        Cell::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => Ok(Some(true)),
            "false" | "f" | "no" | "n" | "0" => Ok(Some(false)),
            _ => Err(Fault::new(field, format_args!("{:?} is neither true nor false", short(text)))),
        },
        _ => Err(Fault::new(field, "is neither true nor false")),
    }
}

/// Makes a name of any text: lower case, and `_` for what a name cannot hold. `Page View` becomes `page_view`.
///
/// # Errors
/// When nothing is left, or too much.
pub(crate) fn to_name(text: &str) -> Result<Name, String> {
    let plain: String = text
        .trim()
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' })
        .collect();
    let plain = plain.trim_start_matches(['_', '-', '.']);
    Name::new(plain).map_err(|_| format!("{:?} cannot become a name of 1 to 64 characters", short(text)))
}

/// [`to_name`] for columns whose few words repeat in every row.
#[derive(Debug, Default)]
pub(crate) struct Names(FxHashMap<String, Name>);

impl Names {
    /// More different words than this in one column are no names but values.
    const MOST: usize = 1_000;

    pub(crate) fn get(&mut self, field: &str, cell: Cell<'_>) -> Result<Name, Fault> {
        let text = cell.text().ok_or_else(|| Fault::new(field, "is missing"))?;
        if let Some(name) = self.0.get(&*text) {
            return Ok(name.clone());
        }
        let name = to_name(&text).map_err(|reason| Fault::new(field, reason))?;
        if self.0.len() >= Self::MOST {
            return Err(Fault::new(field, "has over 1000 different values; is it the right column?"));
        }
        self.0.insert(text.into_owned(), name.clone());
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_what_the_file_calls_things() {
        assert_eq!(to_name("Page View").unwrap(), "page_view");
        assert_eq!(to_name("Duration..in.seconds.").unwrap(), "duration..in.seconds.");
        assert_eq!(to_name("_id").unwrap(), "id");
        assert!(to_name("___").is_err());
        assert!(to_name(&"x".repeat(65)).is_err());
    }

    #[test]
    fn flags_and_numbers_are_read_as_people_write_them() {
        assert_eq!(flag("a", Cell::Text("TRUE")), Ok(Some(true)));
        assert_eq!(flag("a", Cell::Text("0")), Ok(Some(false)));
        assert!(flag("a", Cell::Text("maybe")).unwrap_err().reason.contains("neither"));
        assert_eq!(number("a", Cell::Text("-1.5e3")), Ok(Some(-1500.0)));
        assert!(number("a", Cell::Text("inf")).unwrap_err().reason.contains("finite"));
        assert!(id("user", Cell::Missing).unwrap_err().reason.contains("user: is missing"));
    }
}
