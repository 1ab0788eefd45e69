//! Whether a cluster is new, rising, falling or gone.

use rustc_hash::FxHashSet;

use super::model::{Cluster, Digest, Period, Trend};
use super::template;

/// Templates that share so much of their words, as Jaccard similarity, are the same thing in two periods.
const SAME: f64 = 0.7;

/// How many times the expected number counts as a change, …
const RATIO: f64 = 2.0;

/// … and how many standard deviations of the difference of two Poisson counts it must be besides.
const DEVIATIONS: f64 = 2.0;

/// A cluster has fallen silent if it was quiet for this part of the period at its end, …
const SILENT_SHARE: f64 = 0.25;

/// … and for so many of its mean gaps.
const SILENT_GAPS: f64 = 4.0;

/// Finds the clusters in the previous period and decides on the trend of each; a cluster that was there before keeps its
/// key. Returns for each of the previous clusters whether it is still there.
pub(super) fn compare(
    clusters: &mut [Cluster],
    period: Option<Period>,
    previous: Option<&Digest>,
) -> Vec<bool> {
    let before = previous.map(|digest| digest.clusters.as_slice()).unwrap_or_default();
    let words = |cluster: &Cluster| template::terms(&cluster.template).into_iter().collect::<FxHashSet<_>>();
    let before_words: Vec<FxHashSet<String>> = before.iter().map(words).collect();
    let mut matched = vec![false; before.len()];
    let scale = previous.map_or(1.0, |digest| scale(period, digest.period));
    // The largest choose first.
    let mut order: Vec<usize> = (0..clusters.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(clusters[*at].size), clusters[*at].id));
    for at in order {
        let cluster = &mut clusters[at];
        if previous.is_none() {
            cluster.trend = within(cluster, period);
            continue;
        }
        let same = before.iter().position(|other| other.key == cluster.key).filter(|other| !matched[*other]);
        let same = same.or_else(|| {
            let words = words(cluster);
            let free = (0..before.len()).filter(|other| !matched[*other]);
            let like = free.map(|other| (jaccard(&words, &before_words[other]), other));
            like.filter(|(like, _)| *like >= SAME).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, other)| other)
        });
        cluster.previous_size = Some(same.map_or(0, |other| before[other].size));
        cluster.trend = match same {
            None => Trend::New,
            Some(other) => {
                matched[other] = true;
                cluster.key.clone_from(&before[other].key);
                if is_silent(cluster, period) {
                    Trend::Resolved
                } else {
                    change(cluster.size as f64, before[other].size as f64 * scale)
                }
            }
        };
    }
    matched
}

/// How many times as long this period is; 1 if that is not known, and between a tenth and ten.
fn scale(now: Option<Period>, before: Option<Period>) -> f64 {
    let seconds = |period: Period| period.to.duration_since(period.from).as_secs_f64();
    match (now.map(seconds), before.map(seconds)) {
        (Some(now), Some(before)) if now > 0.0 && before > 0.0 => (now / before).clamp(0.1, 10.0),
        _ => 1.0,
    }
}

/// Whether a count differs clearly from what was expected.
fn change(count: f64, expected: f64) -> Trend {
    let clear = (count - expected).abs() >= DEVIATIONS * (count + expected).sqrt();
    if clear && count >= RATIO * expected {
        Trend::Rising
    } else if clear && expected >= RATIO * count {
        Trend::Falling
    } else {
        Trend::Steady
    }
}

/// Without another period: the later half of this one against the earlier.
fn within(cluster: &Cluster, period: Option<Period>) -> Trend {
    if is_silent(cluster, period) {
        return Trend::Resolved;
    }
    let (early, late) = cluster.sparkline.split_at(cluster.sparkline.len() / 2);
    let sum = |counts: &[u32]| counts.iter().map(|count| f64::from(*count)).sum::<f64>();
    change(sum(late), sum(early))
}

fn is_silent(cluster: &Cluster, period: Option<Period>) -> bool {
    let (Some(period), Some(first), Some(last)) = (period, cluster.first_seen, cluster.last_seen) else {
        return false;
    };
    let whole = period.to.duration_since(period.from).as_secs_f64();
    let quiet = period.to.duration_since(last).as_secs_f64();
    let gap = last.duration_since(first).as_secs_f64() / cluster.size.saturating_sub(1).max(1) as f64;
    cluster.size > 2 && quiet > SILENT_SHARE * whole && quiet > SILENT_GAPS * gap
}

fn jaccard(a: &FxHashSet<String>, b: &FxHashSet<String>) -> f64 {
    let common = a.intersection(b).count() as f64;
    let all = (a.len() + b.len()) as f64 - common;
    if all == 0.0 { 0.0 } else { common / all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_must_be_large_and_no_accident() {
        assert_eq!(change(100.0, 20.0), Trend::Rising);
        assert_eq!(change(20.0, 100.0), Trend::Falling);
        assert_eq!(change(3.0, 1.0), Trend::Steady);
        assert_eq!(change(110.0, 100.0), Trend::Steady);
    }

    #[test]
    fn a_longer_period_has_more_of_everything() {
        let period = |hours: i64| {
            let from = jiff::Timestamp::UNIX_EPOCH;
            Some(Period { from, to: from + jiff::SignedDuration::from_hours(hours) })
        };
        assert_eq!(scale(period(24), period(12)), 2.0);
        assert_eq!(scale(period(1000), period(1)), 10.0);
        assert_eq!(scale(None, period(1)), 1.0);
    }
}
