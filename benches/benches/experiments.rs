//! The arithmetic of experiments: assignment over ten million ids, a thousand A/A tests with daily looks, a thousand lifts,
//! what the planned number of users finds, and interleaving beside a split.
//!
//! `make bench BENCH=experiments` measures. `make peers-experiments` first has the statistics judged: `-- cases` writes
//! results of every function with its input to `target/bench/experiments/cases.json`, and `benches/peers/experiments.py`
//! computes them with scipy and statsmodels.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use recommend_benches::Report;
use recommend_core::Name;
use recommend_experiments::assignment::{Experiment, Unit, Variant};
use recommend_experiments::interleaving::{Credit, Team};
use recommend_experiments::statistics::Metric;
use recommend_experiments::statistics::compare::{Settings, against_zero, compare};
use recommend_experiments::statistics::power::plan;
use recommend_experiments::statistics::sample_ratio::sample_ratio;
use serde_json::{Value, json};

const IDS: u64 = 10_000_000;
const TESTS: u64 = 1000;
const DAYS: usize = 14;
/// People of an arm, and the share of them that comes on a day.
const PEOPLE: usize = 2000;
const DAILY: f64 = 0.3;
const RATE: f64 = 0.1;

fn main() -> Result<()> {
    if std::env::args().any(|argument| argument == "cases") {
        return cases();
    }
    let mut report = Report::new("experiments");
    assignment(&mut report);
    looks(&mut report);
    planned(&mut report);
    Ok(report.finish()?)
}

fn experiment(salt: &str, weights: &[f64]) -> Experiment {
    let variants = weights.iter().zip(["control", "treatment", "third"]);
    Experiment {
        name: Name::literal("bench"),
        salt: Some(salt.to_owned()),
        unit: Unit::User,
        layer: None,
        ramp: 1.0,
        holdout: 0.0,
        variants: variants
            .map(|(weight, name)| Variant { name: Name::literal(name), weight: *weight })
            .collect(),
        shadows: Vec::new(),
    }
}

/// Pearson's statistic of counts that should all be as expected, with its p-value for so many degrees of freedom, by the
/// normal approximation of Wilson and Hilferty (1931), which is exact enough for a table.
fn chi_square(observed: &[f64], expected: &[f64], freedom: f64) -> f64 {
    let statistic: f64 =
        observed.iter().zip(expected).map(|(seen, wanted)| (seen - wanted).powi(2) / wanted).sum();
    let spread = 2.0 / (9.0 * freedom);
    let z = ((statistic / freedom).cbrt() - (1.0 - spread)) / spread.sqrt();
    // One sided, by the p-value of the two-sided test against zero that the crate has.
    let two_sided = 2.0 * normal_tail(z.abs());
    if z > 0.0 { two_sided / 2.0 } else { 1.0 - two_sided / 2.0 }
}

/// The upper tail of the normal distribution (Abramowitz and Stegun 26.2.17, error below 1e-7).
fn normal_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let terms = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    density * terms.iter().rev().fold(0.0, |sum, term| (sum + term) * t)
}

fn assignment(report: &mut Report) {
    let weights = [1.0, 2.0, 5.0];
    let [first, second] = ["first", "second"].map(|salt| experiment(salt, &weights).assigner());
    let (mut seen, mut both) = ([0.0; 3], [0.0; 9]);
    for user in 0..IDS {
        let (a, b) = (first.variant(7, user).unwrap_or(0), second.variant(7, user).unwrap_or(0));
        seen[a] += 1.0;
        both[a * 3 + b] += 1.0;
    }
    let share = |at: usize| weights[at] / 8.0;
    let expected: Vec<f64> = (0..3).map(|at| IDS as f64 * share(at)).collect();
    let case = "assignment, 10 million ids, weights 1 : 2 : 5";
    report.figure(case, "p of uniform by weight", chi_square(&seen, &expected, 2.0));
    let expected: Vec<f64> = (0..9).map(|at| IDS as f64 * share(at / 3) * share(at % 3)).collect();
    report.figure(case, "p of independent between two salts", chi_square(&both, &expected, 8.0));
    for (name, experiment) in [
        ("two variants", experiment("speed", &[1.0, 1.0])),
        (
            "two variants, ramp and holdout",
            Experiment { ramp: 0.5, holdout: 0.1, ..experiment("speed", &[1.0, 1.0]) },
        ),
    ] {
        let experiment = experiment.assigner();
        // The fastest of a few rounds: other work on the machine only adds.
        let round = || {
            let start = Instant::now();
            (0..1_000_000_u64).for_each(|user| {
                black_box(experiment.variant(7, black_box(user)));
            });
            start.elapsed().as_secs_f64() * 1e3
        };
        let best = (0..15).map(|_| round()).fold(f64::INFINITY, f64::min);
        report.figure(format!("assignment, {name}"), "ns", best);
    }
}

/// An arm whose people come back, each with a rate and an appetite of their own.
struct Arm {
    people: Vec<(f64, f64)>,
    sums: Vec<(f64, f64)>,
}

impl Arm {
    fn new(rng: &mut Xoshiro256PlusPlus, rate: f64) -> Self {
        let person = |rng: &mut Xoshiro256PlusPlus| {
            ((rate * (0.2 + 1.6 * rng.random::<f64>())).min(1.0), 1.0 + rng.random::<f64>().powi(3) * 30.0)
        };
        Arm { people: (0..PEOPLE).map(|_| person(rng)).collect(), sums: vec![(0.0, 0.0); PEOPLE] }
    }

    fn day(&mut self, rng: &mut Xoshiro256PlusPlus) {
        for ((rate, appetite), sums) in self.people.iter().zip(&mut self.sums) {
            if rng.random_bool(DAILY) {
                let impressions = (appetite * (0.5 + rng.random::<f64>())).ceil();
                let clicks = (0..impressions as usize).filter(|_| rng.random_bool(*rate)).count();
                sums.0 += clicks as f64;
                sums.1 += impressions;
            }
        }
    }

    fn metric(&self) -> Metric {
        self.sums.iter().filter(|sums| sums.1 > 0.0).copied().collect()
    }
}

/// Daily looks at one experiment.
struct Found {
    /// The day on which the sequential test has found something.
    sequential: Option<usize>,
    /// Whether the ordinary test has, on any day, and on the last one.
    any_look: bool,
    last_look: bool,
    /// Whether the interval that holds at all times covered the truth on every day.
    covered: bool,
}

fn run(seed: u64, lift: f64) -> Found {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (mut control, mut treatment) = (Arm::new(&mut rng, RATE), Arm::new(&mut rng, RATE * (1.0 + lift)));
    let mut found = Found { sequential: None, any_look: false, last_look: false, covered: true };
    for day in 0..DAYS {
        control.day(&mut rng);
        treatment.day(&mut rng);
        let Some(is) = compare(&control.metric(), &treatment.metric(), &Settings::default()) else {
            continue;
        };
        if is.always_p_value <= 0.05 {
            found.sequential.get_or_insert(day + 1);
        }
        found.any_look |= is.p_value <= 0.05;
        found.last_look = is.p_value <= 0.05;
        found.covered &= (is.always_low..=is.always_high).contains(&lift);
    }
    found
}

fn looks(report: &mut Report) {
    for lift in [0.0, 0.05, 0.1, 0.2] {
        let found: Vec<Found> = (0..TESTS).map(|seed| run(seed, lift)).collect();
        let share = |is: &dyn Fn(&Found) -> bool| {
            100.0 * found.iter().filter(|found| is(found)).count() as f64 / TESTS as f64
        };
        let case = match lift {
            0.0 => format!("{TESTS} A/A tests, {DAYS} daily looks"),
            lift => format!("{TESTS} experiments with a lift of {:.0} %", 100.0 * lift),
        };
        report.figure(&case, "found by the sequential test, %", share(&|found| found.sequential.is_some()));
        report.figure(&case, "by the ordinary test on any day, %", share(&|found| found.any_look));
        report.figure(&case, "by the ordinary test on the last day, %", share(&|found| found.last_look));
        report.figure(
            &case,
            "interval that always holds covers the truth every day, %",
            share(&|found| found.covered),
        );
        let mut days: Vec<usize> = found.iter().filter_map(|found| found.sequential).collect();
        days.sort_unstable();
        if let Some(day) = days.get(days.len() / 2).filter(|_| lift > 0.0) {
            report.figure(&case, "day of the decision, median", *day as f64);
        }
    }
    let mut alarms = 0;
    for seed in 0..TESTS {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (mut users, mut mismatch) = ([0_u64; 2], false);
        for _ in 0..DAYS {
            (0..500).for_each(|_| users[usize::from(rng.random_bool(0.5))] += 1);
            mismatch |= sample_ratio(&users, &[1.0, 1.0]).is_some_and(|tested| tested.always_p_value <= 0.05);
        }
        alarms += u64::from(mismatch);
    }
    let case = format!("{TESTS} fair splits, {DAYS} daily looks");
    report.figure(case, "sample-ratio mismatch at 0.05, %", 100.0 * alarms as f64 / TESTS as f64);
}

/// Whether as many users as the plan says find what the plan says.
fn planned(report: &mut Report) {
    let person = |rng: &mut Xoshiro256PlusPlus, rate: f64| {
        let rate = (rate * (0.2 + 1.6 * rng.random::<f64>())).min(1.0);
        let impressions = 1 + (rng.random::<f64>().powi(3) * 30.0) as u32;
        ((0..impressions).filter(|_| rng.random_bool(rate)).count() as f64, f64::from(impressions))
    };
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
    let past: Metric = (0..20_000).map(|_| person(&mut rng, RATE)).collect();
    for lift in [0.1, 0.2] {
        let settings = Settings { expected_lift: lift, ..Settings::default() };
        let Some(plan) = plan(&past, lift, 0.8, &settings) else { continue };
        let (mut once, mut any_time) = (0_u64, 0_u64);
        for seed in 0..TESTS {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(1 << 20 | seed);
            let mut arm =
                |users: u64, rate: f64| (0..users).map(|_| person(&mut rng, rate)).collect::<Metric>();
            let mut control = arm(plan.users / 2, RATE);
            let mut treatment = arm(plan.users / 2, RATE * (1.0 + lift));
            let found = |control: &Metric, treatment: &Metric| compare(control, treatment, &settings);
            once += u64::from(found(&control, &treatment).is_some_and(|is| is.p_value <= 0.05));
            let more = (plan.users_sequential - plan.users) / 2;
            control.merge(&arm(more, RATE));
            treatment.merge(&arm(more, RATE * (1.0 + lift)));
            any_time += u64::from(found(&control, &treatment).is_some_and(|is| is.always_p_value <= 0.05));
        }
        let case = format!("planned for a lift of {:.0} % with 80 % power", 100.0 * lift);
        report.figure(&case, "users, one look", plan.users as f64);
        report.figure(&case, "found by one look, %", 100.0 * once as f64 / TESTS as f64);
        report.figure(&case, "users, any time", plan.users_sequential as f64);
        report.figure(
            &case,
            "found by then by the sequential test, %",
            100.0 * any_time as f64 / TESTS as f64,
        );
    }
}

/// Inputs and results of everything that a peer can compute.
fn cases() -> Result<()> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut list: Vec<Value> = Vec::new();
    for at in 0..40_u64 {
        let arm = |rng: &mut Xoshiro256PlusPlus, rate: f64, users: usize| -> Vec<(f64, f64)> {
            let user = |rng: &mut Xoshiro256PlusPlus| {
                let impressions = 1 + (rng.random::<f64>().powi(3) * 30.0) as u32;
                let rate = rate * (0.2 + 1.6 * rng.random::<f64>());
                (
                    (0..impressions).filter(|_| rng.random_bool(rate.min(1.0))).count() as f64,
                    f64::from(impressions),
                )
            };
            (0..users).map(|_| user(rng)).collect()
        };
        let users = [60, 300, 2000, 6000][at as usize % 4];
        let (rate, lift) = (0.05 + 0.02 * (at % 7) as f64, 0.1 * (at % 5) as f64);
        let (control, treatment) =
            (arm(&mut rng, rate, users), arm(&mut rng, rate * (1.0 + lift), users + 17));
        let settings = Settings {
            alpha: [0.05, 0.01][at as usize % 2],
            expected_lift: [0.1, 0.03, 0.5][at as usize % 3],
        };
        let (mine, theirs): (Metric, Metric) =
            (control.iter().copied().collect(), treatment.iter().copied().collect());
        list.push(json!({
            "kind": "compare", "alpha": settings.alpha, "expected_lift": settings.expected_lift,
            "control": control, "treatment": treatment, "result": compare(&mine, &theirs, &settings),
            "variances": [mine.variance_per_user() / mine.users as f64, theirs.variance_per_user() / theirs.users as f64],
        }));
        let differences: Vec<(f64, f64)> =
            control.iter().zip(&treatment).map(|(a, b)| (0.5 * (b.0 - a.0).clamp(-1.0, 1.0), a.1)).collect();
        list.push(json!({
            "kind": "against_zero", "alpha": settings.alpha, "expected_lift": settings.expected_lift,
            "users": differences, "result": against_zero(&differences.iter().copied().collect(), &settings),
        }));
        for power in [0.8, 0.9] {
            let lift = 0.02 + 0.05 * (at % 6) as f64;
            let planned = plan(&mine, lift, power, &settings);
            list.push(json!({
                "kind": "plan", "alpha": settings.alpha, "expected_lift": settings.expected_lift, "lift": lift, "power": power,
                "users": control, "result": planned.map(|plan| [plan.users, plan.users_sequential]),
            }));
        }
        let weights = [1.0, 1.0 + (at % 3) as f64, 0.5 + (at % 4) as f64];
        let total: f64 = weights.iter().sum();
        let users = weights.map(|weight| {
            (1000.0 * weight / total * (0.9 + 0.2 * rng.random::<f64>()) * (1 + at) as f64) as u64
        });
        let tested = sample_ratio(&users, &weights);
        list.push(json!({
            "kind": "sample_ratio", "users": users, "weights": weights,
            "result": tested.map(|tested| [tested.p_value, tested.always_p_value]),
        }));
        let mut credit = Credit { control: at * 3 % 41, treatment: at * 7 % 53, ties: at };
        credit.count([Team::Control, Team::Treatment, Team::Treatment]);
        list.push(json!({
            "kind": "credit", "control": credit.control, "treatment": credit.treatment, "ties": credit.ties,
            "result": [credit.preference(), credit.p_value()],
        }));
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/experiments");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("cases.json"), serde_json::to_vec(&list)?)?;
    println!("{} cases for benches/peers/experiments.py in target/bench/experiments/cases.json", list.len());
    Ok(())
}
