//! The join as SQL.
//!
//! Every `A JOIN B` here builds a hash table of `A` and streams `B` past it: the engine is told not to swap them.

use std::fmt::Write;

use recommend_core::Name;
use recommend_events::schema::feature_column;

use super::{EARLY, JoinSpec};
use crate::dataset::Combine;

/// Requests that the log holds more than once.
pub(super) const DUPLICATES: &str = "SELECT request FROM requests GROUP BY request HAVING count(*) > 1";

/// Which of a bunch's requests are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// All: none is there twice.
    All,
    /// Those that are not in the table `duplicates`.
    Single,
    /// Those that are, once each.
    Duplicate,
}

/// The join of the tables `requests`, `impressions` and `interactions`, the columns of a dataset and then `answers`, how
/// many interactions made the label. Interactions are of `from..=to`, in milliseconds, or they are not looked at.
///
/// Rows come in the order of the log, those of a request beside each other. They are numbered for that: the engine knows
/// that the numbers rise, and that its hash joins keep the order of what streams past, so that nothing is sorted where
/// the joins are by hash.
pub(super) fn join(spec: &JoinSpec, features: &[Name], which: Which, from: i64, to: i64) -> String {
    let requests = match which {
        Which::All => "requests",
        Which::Single => "(SELECT q.* FROM duplicates d RIGHT ANTI JOIN requests q ON d.request = q.request)",
        // The first that is found: all are the same.
        Which::Duplicate => {
            r#"(SELECT DISTINCT ON (q.request) q.request, q."time", q.tenant, q."user", q.model, q.variant
                FROM duplicates d JOIN requests q ON d.request = q.request)"#
        }
    };
    let features: Vec<String> = features.iter().map(|name| format!("\"{}\"", feature_column(name))).collect();
    let list = |table: &str| features.iter().map(|name| format!(", {table}.{name}")).collect::<String>();
    let (impressions, order) = match which {
        // Those of other requests find nobody who asked.
        Which::All | Which::Single => ("impressions".to_owned(), ""),
        Which::Duplicate => (
            format!(
                r#"(SELECT DISTINCT ON (p.request, p.position) p.request, p."time", p.position, p.entity, p.score,
                       p.propensity, p.shown{}
                FROM duplicates d JOIN impressions p ON d.request = p.request)"#,
                list("p")
            ),
            "ORDER BY m.request, m.position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
        ),
    };
    let (early, window) = (EARLY.as_millis(), spec.window.as_millis());
    let mut weight = "CASE i.kind".to_owned();
    let mut kinds = Vec::new();
    for (kind, value) in &spec.objective {
        // Names are of a-z, 0-9, '_', '-' and '.': nothing to escape.
        let _ = write!(weight, " WHEN '{kind}' THEN arrow_cast({value:?}, 'Float32')");
        kinds.push(format!("'{kind}'"));
    }
    weight.push_str(" END");
    let kinds = kinds.join(", ");
    let label = match spec.combine {
        Combine::Max => "max(weight)",
        Combine::Sum => "sum(weight)",
        Combine::First => "first_value(weight ORDER BY at, id)",
        Combine::Last => "last_value(weight ORDER BY at, id)",
    };
    let mut sql = format!(
        r#"
WITH asked AS (
  SELECT request, arrow_cast("time", 'Int64') AS at, tenant, "user",
         arrow_cast(model, 'Dictionary(Int32, Utf8)') AS model,
         arrow_cast(variant, 'Dictionary(Int32, Utf8)') AS variant
  FROM {requests} q
), answers AS (
  SELECT i.request, i.entity, i.id, min(arrow_cast(i."time", 'Int64')) AS at, min({weight}) AS weight
  FROM asked a JOIN interactions i ON a.request = i.request
  WHERE i.tenant = a.tenant AND i.kind IN ({kinds})
    AND i."time" BETWEEN {from} AND {to}
    AND arrow_cast(i."time", 'Int64') BETWEEN a.at - {early} AND a.at + {window}
  GROUP BY i.request, i.entity, i.id
), labels AS (
  SELECT request, entity, count(*) AS answers, arrow_cast({label}, 'Float32') AS label
  FROM answers GROUP BY request, entity
), seen AS (
  SELECT m.*, row_number() OVER ({order}) AS n FROM {impressions} m WHERE m.shown
)"#,
        from = moment(from),
        to = moment(to),
    );
    if spec.above_last_positive {
        sql.push_str(
            r"
, lowest AS (
  SELECT s.request, max(s.position) AS position
  FROM labels l JOIN seen s ON l.request = s.request AND l.entity = s.entity
  WHERE l.label > 0 GROUP BY s.request
)",
        );
    }
    sql.push_str(
        r#"
SELECT s.request, s."time", a.tenant, a."user", a.model, a.variant, s.position, s.entity, s.score, s.propensity,
       coalesce(l.label, arrow_cast(0, 'Float32')) AS label"#,
    );
    sql.push_str(&list("s"));
    sql.push_str(
        r"
, coalesce(l.answers, 0) AS answers, s.n
FROM labels l RIGHT JOIN (asked a JOIN seen s ON a.request = s.request) ON l.request = s.request AND l.entity = s.entity",
    );
    if spec.above_last_positive {
        let at = sql.rfind("FROM labels l RIGHT JOIN").unwrap_or(sql.len());
        let from = sql.split_off(at).replacen("FROM ", "", 1);
        let _ = write!(
            sql,
            "FROM lowest z RIGHT JOIN ({from}) ON z.request = s.request WHERE z.position IS NULL OR s.position <= z.position"
        );
    }
    sql.push_str("\nORDER BY s.n");
    sql
}

/// A time as the log has it.
fn moment(millis: i64) -> String {
    format!("arrow_cast(arrow_cast({millis}, 'Int64'), 'Timestamp(Millisecond, Some(\"UTC\"))')")
}
