//! `recommend experiment plan`: how many users and days a lift needs, by the variance of what is logged.
//!
//! The past is cut at the end of each of its days. What users did by then gives the variance that an experiment of so many
//! days will have, and how many users it will see: both change with its length, because people come again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use recommend_core::Name;
use recommend_experiments::assignment::Unit;
use recommend_experiments::statistics::compare::Settings;
use recommend_experiments::statistics::power::{Plan, plan};
use serde::Serialize;

use super::args::{objective, unit};
use super::observe::{Observed, Of, Wanted, log_folder, observe};
use super::report::MetricKind;
use super::tally::{Tally, looks};
use crate::exit::{Exit, Usage};
use crate::render::{Paint, count, print, table};

/// What is shown at the end of `recommend experiment plan --help`.
pub(super) const HELP: &str = "\
`once` is for a single look at the end, `any time` for looking as often as you like with the test of the report. Beyond the
days that the log has, users are taken to come as they did in its second half.

Examples:
  recommend experiment plan --log data/log --corpus channel --source channel-browser --objective click=1 --lift 5%
  recommend experiment plan --log data/log --corpus user --source composer-dms --objective click=1,message=3 --lift 10% \\
      --metric ctr --power 0.9 --ramp 0.5 --variants 3";

/// The flags of `recommend experiment plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// The event log, or the data folder that it is in
    #[arg(long, value_name = "DIR")]
    log: PathBuf,
    /// The type of entity
    #[arg(long, value_name = "NAME")]
    corpus: Name,
    /// The part of the product that asks
    #[arg(long, value_name = "NAME")]
    source: Name,
    /// What each kind of interaction is worth: click=1,dismiss=-1; other kinds do not count
    #[arg(long, value_name = "KIND=WEIGHT,…", value_parser = objective)]
    objective: BTreeMap<Name, f32>,
    /// The smallest relative lift that the experiment should find: 5%, or 0.05
    #[arg(long, value_name = "SHARE", value_parser = share)]
    lift: f64,
    /// The probability that it finds it
    #[arg(long, value_name = "SHARE", default_value_t = 0.8)]
    power: f64,
    /// The probability that it finds one where there is none
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    alpha: f64,
    /// What is compared: ctr, objective-per-request, objective-per-user or dcg
    #[arg(long, value_name = "METRIC", default_value = "objective-per-request")]
    metric: MetricKind,
    /// The kind of interaction that the click-through rate counts
    #[arg(long, value_name = "KIND", default_value = "click")]
    click: Name,
    /// How long after a request an interaction still answers it
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = recommend_core::duration::parse)]
    window: Duration,
    /// What will be assigned as one: user or tenant
    #[arg(long, value_name = "UNIT", default_value = "user", value_parser = unit)]
    unit: Unit,
    /// The share of the users that will take part
    #[arg(long, value_name = "SHARE", default_value = "100%", value_parser = share)]
    ramp: f64,
    /// How many variants of equal weight there will be, the control among them
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=100))]
    variants: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `5%` or `0.05`.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let (digits, scale) = match text.trim().strip_suffix('%') {
        Some(percent) => (percent.trim(), 0.01),
        None => (text.trim(), 1.0),
    };
    let value: Option<f64> = digits.parse().ok().filter(|value: &f64| value.is_finite());
    value.map(|value| value * scale).ok_or_else(|| format!("{text:?} is no share; write 5% or 0.05"))
}

/// The plan; JSON is this.
#[derive(Debug, Serialize)]
struct Planned {
    metric: MetricKind,
    lift: f64,
    power: f64,
    alpha: f64,
    /// What the log has: days, users, requests, and the metric.
    days: f64,
    users: usize,
    requests: usize,
    value: f64,
    /// One user's standard deviation of the metric, as a share of it.
    deviation: f64,
    once: Need,
    any_time: Need,
}

/// What a test needs.
#[derive(Debug, Clone, Copy, Serialize)]
struct Need {
    /// Users in the two variants that are compared.
    users: u64,
    /// Days until they have come; nothing when that would be ten years or more.
    days: Option<f64>,
    /// It is longer than the log, and so a guess.
    extrapolated: bool,
}

/// What the log has had by some day.
struct Horizon {
    days: f64,
    /// Users that take part in the two variants.
    users: f64,
    plan: Plan,
}

/// Runs `recommend experiment plan`.
///
/// # Errors
/// When the log cannot be read, has nothing of the recommender, or too little to tell a variance.
pub(super) fn run(args: &PlanArgs) -> Result<Exit> {
    for (flag, value, most) in [("--power", args.power, 1.0), ("--alpha", args.alpha, 1.0)] {
        if !(value > 0.0 && value < most) {
            return Err(Usage(format!("{flag} {value}: choose between 0 and 1")).into());
        }
    }
    if args.lift == 0.0 || args.lift <= -1.0 {
        return Err(Usage("--lift: choose a lift that is not 0 and above -100%, such as 5%".into()).into());
    }
    if !(args.ramp > 0.0 && args.ramp <= 1.0) {
        return Err(Usage("--ramp: choose more than 0 and at most 100%".into()).into());
    }
    let wanted = Wanted {
        of: Of::Recommender { corpus: args.corpus.clone(), source: args.source.clone() },
        objective: args.objective.clone(),
        click: args.click.clone(),
        window: args.window,
        unit: args.unit,
    };
    let observed = observe(&log_folder(&args.log), &wanted)?;
    let planned = planned(&observed, args)?;
    match args.json {
        true => print(&serde_json::to_string_pretty(&planned)?),
        false => print(&text(&planned, Paint::auto())),
    }
    Ok(Exit::Ok)
}

fn planned(observed: &Observed, args: &PlanArgs) -> Result<Planned> {
    let settings = Settings { alpha: args.alpha, expected_lift: args.lift.abs() };
    let start = observed.visits.first().map_or(0, |visit| visit.time.millis());
    let share = args.ramp * 2.0 / f64::from(args.variants);
    let (mut tally, mut visits) = (Tally::default(), observed.visits.iter().peekable());
    let mut horizons: Vec<Horizon> = Vec::new();
    for look in looks(&observed.visits, 60) {
        while let Some(visit) = visits.next_if(|visit| visit.time < look) {
            tally.add(visit);
        }
        if let Some(plan) = plan(&tally.metric(args.metric), args.lift, args.power, &settings) {
            let days = ((look.millis() - start) as f64 / 86_400_000.0).max(1e-6);
            horizons.push(Horizon { days, users: tally.units() as f64 * share, plan });
        }
    }
    let metric = tally.metric(args.metric);
    let Some(last) = horizons.last() else {
        bail!(
            "{} users with {} requests say nothing about the variance of {}; are the kinds of --objective right?",
            metric.users,
            observed.visits.len(),
            args.metric.title()
        );
    };
    Ok(Planned {
        metric: args.metric,
        lift: args.lift,
        power: args.power,
        alpha: args.alpha,
        days: last.days,
        users: observed.units,
        requests: observed.visits.len(),
        value: metric.ratio(),
        deviation: (metric.log_variance() * metric.users as f64).sqrt(),
        once: need(&horizons, |plan| plan.users),
        any_time: need(&horizons, |plan| plan.users_sequential),
    })
}

/// The first day by which as many users have come as the test takes with what they did by then.
fn need(horizons: &[Horizon], users: impl Fn(&Plan) -> u64) -> Need {
    let mut before: Option<&Horizon> = None;
    for horizon in horizons {
        let wanted = users(&horizon.plan) as f64;
        if horizon.users >= wanted {
            // Between two looks users are taken to come evenly.
            let (days, had) = before.map_or((0.0, 0.0), |before| (before.days, before.users));
            let part = ((wanted - had) / (horizon.users - had)).clamp(0.0, 1.0);
            let days = days + part * (horizon.days - days);
            return Need { users: users(&horizon.plan), days: Some(days), extrapolated: false };
        }
        before = Some(horizon);
    }
    let Some(last) = horizons.last() else { return Need { users: 0, days: None, extrapolated: true } };
    // As many new users a day as in the second half of the log.
    let middle = horizons.iter().rev().find(|horizon| horizon.days <= last.days / 2.0);
    let (days, had) = middle.map_or((0.0, 0.0), |middle| (middle.days, middle.users));
    let rate = (last.users - had) / (last.days - days);
    let more = (users(&last.plan) as f64 - last.users) / rate;
    let days = Some(last.days + more).filter(|days| *days < 3650.0);
    Need { users: users(&last.plan), days, extrapolated: true }
}

fn text(planned: &Planned, paint: Paint) -> String {
    let seen = format!(
        "{} days of log: {} users, {} requests, {} {:.4}, which varies between users by {:.0} % of it",
        number(planned.days),
        count(planned.users as u64),
        count(planned.requests as u64),
        planned.metric.title(),
        planned.value,
        100.0 * planned.deviation
    );
    let row = |what: &str, need: &Need| {
        vec![
            what.to_owned(),
            count(need.users),
            match need.days {
                Some(days) => {
                    format!("{}{}", number(days), if need.extrapolated { " (beyond the log)" } else { "" })
                }
                None => "more than ten years: choose a larger lift or more traffic".to_owned(),
            },
        ]
    };
    let rows = [row("once, at the end", &planned.once), row("any time", &planned.any_time)];
    let title = format!(
        "to find a lift of {} with {:.0} % power at alpha {}",
        super::show::percent(planned.lift),
        100.0 * planned.power,
        planned.alpha
    );
    format!(
        "{}\n\n{}\n{}",
        paint.dim(&seen),
        paint.bold(&title),
        table(&["looking", "users", "days"], &rows, &[1])
    )
}

fn number(days: f64) -> String {
    match days {
        days if days < 10.0 => format!("{days:.1}"),
        days => format!("{days:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage_or_a_fraction() {
        assert!((share("5%").unwrap() - 0.05).abs() < 1e-12 && (share(" 0.2 ").unwrap() - 0.2).abs() < 1e-12);
        assert!(share("much").unwrap_err().contains("5%"));
    }

    #[test]
    fn days_are_those_by_which_enough_users_have_come() {
        let at = |days: f64, users: f64, need: u64| Horizon {
            days,
            users,
            plan: Plan { users: need, users_sequential: 3 * need },
        };
        let horizons = [at(1.0, 100.0, 400), at(2.0, 200.0, 300), at(3.0, 300.0, 250)];
        let once = need(&horizons, |plan| plan.users);
        assert_eq!((once.users, once.extrapolated), (250, false));
        assert!((once.days.unwrap() - 2.5).abs() < 1e-9);
        // 750 users at 100 a day: the 450 that are missing take 4.5 days more.
        let later = need(&horizons, |plan| plan.users_sequential);
        assert!(later.extrapolated && (later.days.unwrap() - 7.5).abs() < 1e-9, "{later:?}");
    }
}
