//! What an experiment has shown: variants, comparisons, and what would make them worth nothing.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use recommend_core::{Name, Timestamp};
use recommend_experiments::statistics::compare::{Comparison, Settings, compare};
use recommend_experiments::statistics::sample_ratio::sample_ratio;
use recommend_server::config::ExperimentConfig;
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::interleaved::{Interleaved, interleaved};
use super::observe::{Observed, Of, Visit, Wanted};
pub(crate) use super::tally::MetricKind;
use super::tally::{Tally, looks};

/// What is known about the variants beside the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arms {
    /// What the others are compared with.
    pub(crate) control: Option<Name>,
    /// The share that each should have, relative to the others.
    pub(crate) weights: BTreeMap<Name, f64>,
    /// Those that are the control under another name.
    pub(crate) alike: Vec<Name>,
}

impl Arms {
    /// As an experiment is configured.
    pub(crate) fn of(experiment: &ExperimentConfig) -> Self {
        let control = experiment.variants.first();
        let same = |variant: &&recommend_server::config::VariantConfig| {
            control.is_some_and(|control| control.recommender == variant.recommender)
        };
        Arms {
            control: control.map(|control| control.name.clone()),
            weights: experiment
                .assignment
                .variants
                .iter()
                .map(|variant| (variant.name.clone(), variant.weight))
                .collect(),
            alike: experiment
                .variants
                .iter()
                .skip(1)
                .filter(same)
                .map(|variant| variant.name.clone())
                .collect(),
        }
    }
}

/// The report; JSON is this.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) experiment: String,
    pub(crate) corpus: String,
    pub(crate) source: String,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) alpha: f64,
    pub(crate) units: usize,
    /// Units that have seen more than one variant; left out of everything below.
    pub(crate) moved: usize,
    /// Requests whose window has not passed yet by the end of the log: more answers may come.
    pub(crate) open: usize,
    pub(crate) control: Option<String>,
    pub(crate) variants: Vec<VariantReport>,
    pub(crate) comparisons: Vec<ComparisonReport>,
    pub(crate) sample_ratio: Option<SampleRatioReport>,
    pub(crate) interleaved: Option<Interleaved>,
    pub(crate) shadows: Vec<ShadowReport>,
    /// Of each variant and metric, the comparison as it stood at each look.
    pub(crate) looks: Vec<LookReport>,
}

#[derive(Debug, Serialize)]
pub(crate) struct VariantReport {
    pub(crate) name: String,
    /// It is the control under another name, by the configuration.
    pub(crate) a_a: bool,
    pub(crate) users: u64,
    pub(crate) requests: u64,
    pub(crate) impressions: u64,
    pub(crate) clicks: u64,
    pub(crate) ctr: Option<f64>,
    pub(crate) objective_per_request: Option<f64>,
    pub(crate) objective_per_user: Option<f64>,
    pub(crate) dcg: Option<f64>,
    pub(crate) latency_p50_us: u64,
    pub(crate) latency_p99_us: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct ComparisonReport {
    pub(crate) variant: String,
    pub(crate) metric: MetricKind,
    /// Nothing while there is too little to compare.
    #[serde(flatten)]
    pub(crate) comparison: Option<Comparison>,
    /// The smallest `always_p_value` of all looks: what one may act on.
    pub(crate) least_p_value: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct SampleRatioReport {
    /// The variants, those that nobody has seen among them, their users, and the shares they should have.
    pub(crate) variants: Vec<String>,
    pub(crate) users: Vec<u64>,
    pub(crate) expected: Vec<f64>,
    pub(crate) p_value: f64,
    pub(crate) always_p_value: f64,
    /// The arms are not what they should be, so that no comparison is to be believed.
    pub(crate) mismatch: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct ShadowReport {
    pub(crate) name: String,
    pub(crate) runs: u64,
    pub(crate) latency_p50_us: u64,
    pub(crate) latency_p99_us: u64,
    /// Of what people liked on the slates that it shadowed, how much it would have shown.
    pub(crate) answered: u64,
    pub(crate) found: u64,
    /// DCG of the served slates, and of the same answers at the shadow's positions: what nobody was shown counts
    /// nothing, so the served one has the advantage.
    pub(crate) served_dcg: f64,
    pub(crate) dcg: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct LookReport {
    pub(crate) at: i64,
    pub(crate) variant: String,
    pub(crate) metric: MetricKind,
    pub(crate) lift: f64,
    pub(crate) always_low: f64,
    pub(crate) always_high: f64,
    pub(crate) always_p_value: f64,
}

/// Looks that a report takes over the experiment's time.
const LOOKS: i64 = 60;

/// Reports.
///
/// # Errors
/// When the control that was asked for is not in the log.
pub(crate) fn report(
    observed: &Observed,
    wanted: &Wanted,
    arms: &Arms,
    settings: &Settings,
) -> Result<Report> {
    let name = match &wanted.of {
        Of::Experiment(name) => name.to_string(),
        Of::Recommender { .. } => String::new(),
    };
    let mut first: FxHashMap<u32, u32> = FxHashMap::default();
    let mut moved = rustc_hash::FxHashSet::default();
    for visit in &observed.visits {
        if *first.entry(visit.unit).or_insert(visit.arm) != visit.arm {
            moved.insert(visit.unit);
        }
    }
    let mut names: Vec<&Name> = observed.arms.iter().flatten().collect();
    names.sort_unstable();
    let control = control(&names, arms)?;
    // The control comes first, the others by name.
    if let Some(at) = control.and_then(|control| names.iter().position(|name| *name == control)) {
        let control = names.remove(at);
        names.insert(0, control);
    }
    let stays = |visit: &&Visit| !moved.contains(&visit.unit);
    let of = |name: &Name| {
        let arm = observed.arms.iter().position(|arm| arm.as_ref() == Some(name));
        let arm = arm.map_or(u32::MAX, |arm| arm as u32);
        observed.visits.iter().filter(stays).filter(move |visit| visit.arm == arm)
    };
    let variants = names.iter().map(|name| variant(name, arms, of(name))).collect();
    let mut comparisons = Vec::new();
    let mut seen = Vec::new();
    if let Some(control) = control {
        for name in names.iter().filter(|name| **name != control) {
            compare_over_time(name, of(control), of(name), observed, settings, &mut comparisons, &mut seen);
        }
    }
    let ratio = || {
        // An arm that should have users and has none is the worst mismatch of all.
        let mut names = names.clone();
        let unseen = arms.weights.iter().filter(|(_, weight)| **weight > 0.0).map(|(name, _)| name);
        names.extend(unseen.filter(|name| !names.contains(name)).collect::<Vec<_>>());
        let mut users = vec![0_u64; names.len()];
        for arm in first.values() {
            let name = observed.arms[*arm as usize].as_ref();
            if let Some(at) = names.iter().position(|known| Some(*known) == name) {
                users[at] += 1;
            }
        }
        let weight = |name: &&&Name| {
            arms.weights.get(**name).copied().unwrap_or(if arms.weights.is_empty() { 1.0 } else { 0.0 })
        };
        let weights: Vec<f64> = names.iter().map(|name| weight(&name)).collect();
        let tested = sample_ratio(&users, &weights)?;
        let total: f64 = weights.iter().sum();
        Some(SampleRatioReport {
            variants: names.iter().map(ToString::to_string).collect(),
            users,
            expected: weights.iter().map(|weight| weight / total).collect(),
            p_value: tested.p_value,
            always_p_value: tested.always_p_value,
            mismatch: tested.mismatch(),
        })
    };
    let end = observed.end.unwrap_or(Timestamp(0));
    Ok(Report {
        experiment: name,
        corpus: observed.corpus.as_ref().map(ToString::to_string).unwrap_or_default(),
        source: observed.source.as_ref().map(ToString::to_string).unwrap_or_default(),
        from: observed.visits.first().map_or(0, |visit| visit.time.millis()),
        to: observed.visits.last().map_or(0, |visit| visit.time.millis()),
        alpha: settings.alpha,
        units: observed.units,
        moved: moved.len(),
        open: observed.visits.iter().filter(|visit| visit.time.after(wanted.window) > end).count(),
        control: control.map(ToString::to_string),
        sample_ratio: ratio(),
        variants,
        comparisons,
        interleaved: interleaved(observed, arms, settings),
        shadows: shadows(observed),
        looks: seen,
    })
}

fn control<'a>(names: &[&'a Name], arms: &Arms) -> Result<Option<&'a Name>> {
    let find = |wanted: &str| names.iter().copied().find(|name| *name == wanted);
    match &arms.control {
        Some(wanted) if names.is_empty() || find(wanted.as_str()).is_some() => Ok(find(wanted.as_str())),
        Some(wanted) => {
            let known: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            bail!(
                "nobody has seen the control {wanted}; the log has {}: choose one with --control",
                known.join(", ")
            )
        }
        None => Ok(find("control").or(names.first().copied())),
    }
}

fn variant<'v>(name: &Name, arms: &Arms, visits: impl Iterator<Item = &'v Visit>) -> VariantReport {
    let (mut tally, mut latencies) = (Tally::default(), Vec::new());
    for visit in visits {
        tally.add(visit);
        latencies.push(visit.latency_us);
    }
    let total = tally.total();
    let ratio = |kind| Some(tally.metric(kind).ratio()).filter(|ratio| ratio.is_finite());
    let (p50, p99) = percentiles(&mut latencies);
    VariantReport {
        name: name.to_string(),
        a_a: arms.alike.contains(name),
        users: tally.units(),
        requests: total.requests as u64,
        impressions: total.impressions as u64,
        clicks: total.clicks as u64,
        ctr: ratio(MetricKind::Ctr),
        objective_per_request: ratio(MetricKind::ObjectivePerRequest),
        objective_per_user: ratio(MetricKind::ObjectivePerUser),
        dcg: ratio(MetricKind::Dcg),
        latency_p50_us: p50,
        latency_p99_us: p99,
    }
}

/// Compares two arms at every look, with all that had been seen by then.
fn compare_over_time<'v>(
    name: &Name,
    control: impl Iterator<Item = &'v Visit>,
    treatment: impl Iterator<Item = &'v Visit>,
    observed: &Observed,
    settings: &Settings,
    comparisons: &mut Vec<ComparisonReport>,
    seen: &mut Vec<LookReport>,
) {
    let (mut control, mut treatment) = (control.peekable(), treatment.peekable());
    let (mut mine, mut theirs) = (Tally::default(), Tally::default());
    let mut least = [1.0_f64; MetricKind::ALL.len()];
    let mut last = [None; MetricKind::ALL.len()];
    for look in looks(&observed.visits, LOOKS) {
        for (visits, tally) in [
            (&mut control as &mut dyn PeekVisits<'v>, &mut mine),
            (&mut treatment as &mut dyn PeekVisits<'v>, &mut theirs),
        ] {
            while let Some(visit) = visits.next_before(look) {
                tally.add(visit);
            }
        }
        for (at, metric) in MetricKind::ALL.into_iter().enumerate() {
            let Some(found) = compare(&mine.metric(metric), &theirs.metric(metric), settings) else {
                continue;
            };
            least[at] = least[at].min(found.always_p_value);
            last[at] = Some(found);
            seen.push(LookReport {
                at: look.millis(),
                variant: name.to_string(),
                metric,
                lift: found.lift,
                always_low: found.always_low,
                always_high: found.always_high,
                always_p_value: least[at],
            });
        }
    }
    for (at, metric) in MetricKind::ALL.into_iter().enumerate() {
        comparisons.push(ComparisonReport {
            variant: name.to_string(),
            metric,
            comparison: last[at],
            least_p_value: least[at],
        });
    }
}

/// Visits by time, up to a look.
trait PeekVisits<'v> {
    fn next_before(&mut self, look: Timestamp) -> Option<&'v Visit>;
}

impl<'v, I: Iterator<Item = &'v Visit>> PeekVisits<'v> for std::iter::Peekable<I> {
    fn next_before(&mut self, look: Timestamp) -> Option<&'v Visit> {
        self.next_if(|visit| visit.time < look)
    }
}

fn shadows(observed: &Observed) -> Vec<ShadowReport> {
    let shadow = |(name, shadow): (&Name, &super::observe::Shadow)| {
        let (p50, p99) = percentiles(&mut shadow.latencies_us.clone());
        ShadowReport {
            name: name.to_string(),
            runs: shadow.runs,
            latency_p50_us: p50,
            latency_p99_us: p99,
            answered: shadow.answered,
            found: shadow.found,
            served_dcg: shadow.served_dcg,
            dcg: shadow.dcg,
        }
    };
    observed.shadows.iter().map(shadow).collect()
}

/// The 50th and the 99th, by nearest rank; 0 of none.
fn percentiles(values: &mut [u64]) -> (u64, u64) {
    values.sort_unstable();
    let rank = |share: f64| ((share * values.len() as f64).ceil() as usize).max(1) - 1;
    let at = |share| values.get(rank(share)).copied().unwrap_or(0);
    (at(0.5), at(0.99))
}
