//! What a person on call should read first.

use super::model::{Cluster, Trend};

/// Words that make a message graver, with the factor; the gravest in a template counts.
const GRAVE: [(&str, f64); 20] = [
    ("outage", 1.8),
    ("fatal", 1.8),
    ("panic", 1.8),
    ("critical", 1.7),
    ("page", 1.7),
    ("emergency", 1.7),
    ("down", 1.6),
    ("unavailable", 1.6),
    ("corrupt", 1.6),
    ("lost", 1.4),
    ("crash", 1.4),
    ("crashlooping", 1.4),
    ("unhealthy", 1.4),
    ("error", 1.3),
    ("errors", 1.3),
    ("exception", 1.3),
    ("failed", 1.3),
    ("failure", 1.3),
    ("timeout", 1.2),
    ("full", 1.2),
];

/// Words that say that it is over or never was bad.
const CALM: [&str; 6] = ["resolved", "recovered", "info", "debug", "success", "succeeded"];

/// The logarithm of the size, times what the trend, the words and the last hours say.
///
/// A thousand messages are not a thousand times as urgent as one, hence the logarithm. New and rising things come first because
/// nobody looks at them yet; what fell silent can wait. The last quarter of the period counts up to twice as much.
pub(super) fn urgency(cluster: &Cluster) -> f64 {
    let trend = match cluster.trend {
        Trend::New => 2.0,
        Trend::Rising => 1.6,
        Trend::Steady => 1.0,
        Trend::Falling => 0.7,
        Trend::Resolved => 0.4,
    };
    let words = super::template::terms(&cluster.template);
    let has = |word: &str| words.iter().any(|other| other == word);
    let grave = GRAVE.iter().filter(|(word, _)| has(word)).map(|(_, factor)| *factor).fold(1.0, f64::max);
    let words = if CALM.iter().any(|word| has(word)) { 0.5 } else { grave };
    let recent = cluster.sparkline.len().div_ceil(4);
    let sum = |counts: &[u32]| counts.iter().map(|count| f64::from(*count)).sum::<f64>();
    let all = sum(&cluster.sparkline);
    let late = sum(&cluster.sparkline[cluster.sparkline.len() - recent..]);
    let recency = if all > 0.0 { 0.75 + late / all } else { 1.0 };
    (cluster.size as f64).ln_1p() * trend * words * recency.clamp(0.75, 1.5)
}
