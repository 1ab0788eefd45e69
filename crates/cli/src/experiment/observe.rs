//! What users saw and did, from the log: one row per request, with what answered it.
//!
//! The log is read in three passes, and of impressions only what was answered is kept, so that memory is that of the
//! requests and not of what they showed. Requests and interactions that the log holds twice count once; interactions come
//! in any order and count when they are within the window, however late they were delivered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use recommend_core::{Name, Timestamp, seconds};
use recommend_events::{LogReader, RequestRow};
use recommend_experiments::assignment::Unit;
use rustc_hash::{FxHashMap, FxHashSet};

/// Clocks differ: an interaction may be this much earlier than the request that it answers. As in the join.
fn early() -> Duration {
    seconds(60)
}

/// What to look at.
#[derive(Debug, Clone)]
pub(crate) enum Of {
    /// An experiment.
    Experiment(Name),
    /// All that was shown of a recommender.
    Recommender { corpus: Name, source: Name },
}

/// What to count.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) of: Of,
    /// What each kind of interaction is worth.
    pub(crate) objective: BTreeMap<Name, f32>,
    /// The kind that the click-through rate counts.
    pub(crate) click: Name,
    /// How long after a request an interaction still answers it.
    pub(crate) window: Duration,
    /// What was assigned as one.
    pub(crate) unit: Unit,
}

/// One request and what answered it.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// The place of the user or tenant in a list of all.
    pub(crate) unit: u32,
    /// The place in [`Observed::arms`].
    pub(crate) arm: u32,
    pub(crate) time: Timestamp,
    pub(crate) latency_us: u64,
    pub(crate) impressions: u32,
    pub(crate) clicks: u32,
    /// The labels of its impressions, summed. An impression's label is the largest weight of what answered it.
    pub(crate) label: f64,
    /// Positive labels, each over the logarithm of its position.
    pub(crate) dcg: f64,
    /// Of an interleaved slate: clicks on what each variant had put there.
    pub(crate) credit: BTreeMap<Name, u32>,
}

/// What a shadow would have shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shadow {
    pub(crate) runs: u64,
    pub(crate) latencies_us: Vec<u64>,
    /// Impressions with a positive label, by those who saw a served variant's slate, of the requests that it shadowed.
    pub(crate) answered: u64,
    /// How many of them it would have shown.
    pub(crate) found: u64,
    /// DCG of the served slates, and of the same labels at the shadow's positions.
    pub(crate) served_dcg: f64,
    pub(crate) dcg: f64,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    pub(crate) corpus: Option<Name>,
    pub(crate) source: Option<Name>,
    /// The variants that the log knows, by name; the empty name stands for slates that two made together.
    pub(crate) arms: Vec<Option<Name>>,
    /// By time.
    pub(crate) visits: Vec<Visit>,
    pub(crate) units: usize,
    pub(crate) shadows: BTreeMap<Name, Shadow>,
    /// The latest request or interaction of the log.
    pub(crate) end: Option<Timestamp>,
}

/// The log of a folder that is one or that has one.
pub(super) fn log_folder(given: &Path) -> PathBuf {
    let inside = given.join("log");
    if inside.is_dir() { inside } else { given.to_owned() }
}

struct Answer {
    label: f32,
    counted: bool,
    clicked: bool,
    /// Where it was shown, once that is known.
    position: Option<u32>,
}

/// Reads.
///
/// # Errors
/// When the log cannot be read or has nothing of what is wanted; the message says what it has.
pub(crate) fn observe(log: &Path, wanted: &Wanted) -> Result<Observed> {
    let reader = LogReader::open(log).with_context(|| {
        format!("{} is no event log; give the folder <data>/log of a server", log.display())
    })?;
    let bar = ProgressBar::new_spinner().with_style(
        ProgressStyle::with_template("{spinner} {elapsed} {msg}").unwrap_or(ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.set_message("requests");
    let mut requests = Requests::new(wanted);
    reader.scan_requests(|row| requests.take(row))?;
    if requests.visits.is_empty() {
        bail!("the log {} has nothing of {}; {}", log.display(), requests.what(), requests.known());
    }
    bar.set_message(format!("interactions with {} requests", requests.visits.len()));
    let mut answers: FxHashMap<(u128, u64), Answer> = FxHashMap::default();
    let mut ids: FxHashSet<u128> = FxHashSet::default();
    let mut end = requests.end;
    reader.scan_interactions(|row| {
        end = end.max(Some(row.time));
        let weight = wanted.objective.get(&row.kind);
        let clicked = row.kind == wanted.click;
        let Some(request) = row.request.filter(|_| weight.is_some() || clicked) else { return };
        let Some(at) = requests.places.get(&request.0) else { return };
        let asked = requests.visits[*at as usize].time;
        let window = asked.before(early())..=asked.after(wanted.window);
        if row.tenant != requests.tenants[*at as usize]
            || !window.contains(&row.time)
            || !ids.insert(row.id.0)
        {
            return;
        }
        let answer = answers.entry((request.0, row.entity)).or_insert(Answer {
            label: f32::NEG_INFINITY,
            counted: false,
            clicked: false,
            position: None,
        });
        answer.clicked |= clicked;
        if let Some(weight) = weight {
            answer.counted = true;
            answer.label = answer.label.max(*weight);
        }
    })?;
    bar.set_message(format!("impressions of {} answers", answers.len()));
    let mut shadowed: Vec<(Name, (u128, u64), u32)> = Vec::new();
    reader.scan_placements(|row| {
        if let Some((served, shadow)) = requests.shadows.get(&row.request.0) {
            if answers.contains_key(&(*served, row.entity)) {
                shadowed.push((shadow.clone(), (*served, row.entity), row.position));
            }
            return;
        }
        let Some(answer) = answers.get_mut(&(row.request.0, row.entity)) else { return };
        if !row.shown || answer.position.is_some() {
            return;
        }
        answer.position = Some(row.position);
        let visit = &mut requests.visits[requests.places[&row.request.0] as usize];
        if answer.clicked {
            visit.clicks += 1;
            if let Some(variant) = row.variant {
                *visit.credit.entry(variant).or_default() += 1;
            }
        }
        if answer.counted {
            visit.label += f64::from(answer.label);
            visit.dcg += gain(answer.label, row.position);
        }
    })?;
    let shadows = requests.judge(&answers, shadowed);
    bar.finish_and_clear();
    let Requests { mut visits, arms, corpus, source, units, .. } = requests;
    visits.sort_by_key(|visit| visit.time);
    Ok(Observed { corpus, source, arms, visits, units: units.len(), shadows, end })
}

/// What a label earns at a position.
fn gain(label: f32, position: u32) -> f64 {
    f64::from(label.max(0.0)) / (f64::from(position) + 2.0).log2()
}

struct Requests<'a> {
    wanted: &'a Wanted,
    corpus: Option<Name>,
    source: Option<Name>,
    arms: Vec<Option<Name>>,
    units: FxHashMap<(u64, u64), u32>,
    visits: Vec<Visit>,
    /// The pseudonym of the tenant of each visit.
    tenants: Vec<u64>,
    /// The place of each request in `visits`.
    places: FxHashMap<u128, u32>,
    /// For each run of a shadow, the request that it shadows and the variant.
    shadows: FxHashMap<u128, (u128, Name)>,
    latencies: BTreeMap<Name, Vec<u64>>,
    experiments: BTreeMap<String, u64>,
    end: Option<Timestamp>,
}

impl<'a> Requests<'a> {
    fn new(wanted: &'a Wanted) -> Self {
        Requests {
            wanted,
            corpus: None,
            source: None,
            arms: Vec::new(),
            units: FxHashMap::default(),
            visits: Vec::new(),
            tenants: Vec::new(),
            places: FxHashMap::default(),
            shadows: FxHashMap::default(),
            latencies: BTreeMap::new(),
            experiments: BTreeMap::new(),
            end: None,
        }
    }

    fn take(&mut self, row: RequestRow) {
        self.end = self.end.max(Some(row.time));
        let wanted = match &self.wanted.of {
            Of::Experiment(name) => {
                if let Some(known) = &row.experiment {
                    *self.experiments.entry(known.to_string()).or_default() += 1;
                }
                row.experiment.as_ref() == Some(name)
            }
            Of::Recommender { corpus, source } => {
                *self.experiments.entry(format!("{}/{}", row.corpus, row.source)).or_default() += 1;
                row.corpus == *corpus && row.source == *source && row.shadow_of.is_none()
            }
        };
        if !wanted {
            return;
        }
        if let (Some(served), Some(variant)) = (row.shadow_of, &row.variant) {
            if self.shadows.insert(row.request.0, (served.0, variant.clone())).is_none() {
                self.latencies.entry(variant.clone()).or_default().push(row.latency_us);
            }
            return;
        }
        if self.places.contains_key(&row.request.0) {
            return;
        }
        let arm = match &self.wanted.of {
            Of::Experiment(_) => row.variant,
            Of::Recommender { .. } => None,
        };
        let arm = self.arms.iter().position(|known| *known == arm).unwrap_or_else(|| {
            self.arms.push(arm);
            self.arms.len() - 1
        });
        let unit = match self.wanted.unit {
            Unit::User => (row.tenant, row.user),
            Unit::Tenant => (row.tenant, 0),
        };
        let next = self.units.len() as u32;
        self.places.insert(row.request.0, self.visits.len() as u32);
        self.tenants.push(row.tenant);
        self.visits.push(Visit {
            unit: *self.units.entry(unit).or_insert(next),
            arm: arm as u32,
            time: row.time,
            latency_us: row.latency_us,
            impressions: row.returned,
            clicks: 0,
            label: 0.0,
            dcg: 0.0,
            credit: BTreeMap::new(),
        });
        self.corpus.get_or_insert(row.corpus);
        self.source.get_or_insert(row.source);
    }

    /// What the shadows would have made of what was answered.
    fn judge(
        &self,
        answers: &FxHashMap<(u128, u64), Answer>,
        shadowed: Vec<(Name, (u128, u64), u32)>,
    ) -> BTreeMap<Name, Shadow> {
        let mut shadows: BTreeMap<Name, Shadow> = BTreeMap::new();
        for (variant, latencies) in &self.latencies {
            let runs = latencies.len() as u64;
            shadows.insert(
                variant.clone(),
                Shadow { runs, latencies_us: latencies.clone(), ..Shadow::default() },
            );
        }
        // A request has been seen by a shadow, or has been dropped under load.
        let mut seen_by: FxHashMap<u128, Vec<&Name>> = FxHashMap::default();
        for (served, variant) in self.shadows.values() {
            seen_by.entry(*served).or_default().push(variant);
        }
        for ((request, _), answer) in answers {
            let (Some(position), true) = (answer.position, answer.counted && answer.label > 0.0) else {
                continue;
            };
            for variant in seen_by.get(request).into_iter().flatten() {
                if let Some(shadow) = shadows.get_mut(*variant) {
                    shadow.answered += 1;
                    shadow.served_dcg += gain(answer.label, position);
                }
            }
        }
        let mut once: FxHashSet<(Name, u128, u64)> = FxHashSet::default();
        for (variant, (request, entity), position) in shadowed {
            let Some(answer) = answers.get(&(request, entity)) else { continue };
            let counts = answer.position.is_some() && answer.counted && answer.label > 0.0;
            if let Some(shadow) = shadows.get_mut(&variant).filter(|_| counts)
                && once.insert((variant, request, entity))
            {
                shadow.found += 1;
                shadow.dcg += gain(answer.label, position);
            }
        }
        shadows
    }

    fn what(&self) -> String {
        match &self.wanted.of {
            Of::Experiment(name) => format!("experiment {name}"),
            Of::Recommender { corpus, source } => format!("{corpus}/{source}"),
        }
    }

    fn known(&self) -> String {
        let list: Vec<String> =
            self.experiments.iter().map(|(name, requests)| format!("{name} ({requests} requests)")).collect();
        match list.is_empty() {
            true => "it has none at all".to_owned(),
            false => format!("it has {}", list.join(", ")),
        }
    }
}
