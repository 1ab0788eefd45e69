//! Interleaved slates: whose entities were clicked.

use recommend_core::Name;
use recommend_experiments::interleaving::{Credit, Team};
use recommend_experiments::statistics::compare::{Difference, Settings, against_zero};
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::observe::Observed;
use super::report::Arms;

/// The control against the treatment, within slates.
#[derive(Debug, Serialize)]
pub(crate) struct Interleaved {
    pub(crate) control: String,
    pub(crate) treatment: String,
    pub(crate) slates: u64,
    pub(crate) users: u64,
    /// Slates with more clicks for one of the two.
    pub(crate) control_wins: u64,
    pub(crate) treatment_wins: u64,
    /// How much more often the treatment wins, -0.5 to 0.5, with intervals and p-values by user. Nothing while there are
    /// fewer than two users or nobody has clicked.
    #[serde(flatten)]
    pub(crate) preference: Option<Difference>,
    /// The sign test over slates that somebody won, which takes them to be independent.
    pub(crate) sign_test_p_value: f64,
}

/// Counts the slates that two variants made together; `None` when there are none.
pub(super) fn interleaved(observed: &Observed, arms: &Arms, settings: &Settings) -> Option<Interleaved> {
    let arm = observed.arms.iter().position(Option::is_none)? as u32;
    let visits = || observed.visits.iter().filter(move |visit| visit.arm == arm);
    let mut names: Vec<&Name> = visits().flat_map(|visit| visit.credit.keys()).collect();
    names.extend(arms.weights.keys());
    names.sort_unstable();
    names.dedup();
    // Without clicks on one of the two and without a configuration, the other's name is unknown.
    let known = |wanted: &str| names.iter().copied().find(|name| *name == wanted);
    let control = match &arms.control {
        Some(control) => known(control.as_str()).unwrap_or(control),
        None => known("control").or(names.first().copied())?,
    };
    let treatment = names.iter().copied().find(|name| *name != control);
    let mut credit = Credit::default();
    let mut units: FxHashMap<u32, (f64, f64)> = FxHashMap::default();
    for visit in visits() {
        let clicks = |name: Option<&Name>| name.and_then(|name| visit.credit.get(name)).copied().unwrap_or(0);
        let (mine, theirs) = (clicks(Some(control)), clicks(treatment));
        let teams = std::iter::repeat_n(Team::Control, mine as usize);
        credit.count(teams.chain(std::iter::repeat_n(Team::Treatment, theirs as usize)));
        let unit = units.entry(visit.unit).or_default();
        // Half, because a preference of 0.5 is that every slate is won.
        unit.0 += 0.5 * (f64::from(theirs) - f64::from(mine)).signum() * f64::from(u8::from(mine != theirs));
        unit.1 += 1.0;
    }
    let mut sorted: Vec<(u32, (f64, f64))> = units.into_iter().collect();
    sorted.sort_unstable_by_key(|(unit, _)| *unit);
    let users = sorted.len() as u64;
    let metric = sorted.into_iter().map(|(_, pair)| pair).collect();
    Some(Interleaved {
        control: control.to_string(),
        treatment: treatment.map_or_else(|| "?".to_owned(), ToString::to_string),
        slates: credit.control + credit.treatment + credit.ties,
        users,
        control_wins: credit.control,
        treatment_wins: credit.treatment,
        preference: against_zero(&metric, settings),
        sign_test_p_value: credit.p_value(),
    })
}
