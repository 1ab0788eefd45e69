//! The loop: hand-tuned recommenders serve, models are learned from what that logged, and experiments say what each is worth.
//!
//! Two deployments take part, as two groups of customers would. One collects: its people see slates with some exploration,
//! and its log is what is joined and learned from. The other judges: workspaces of other seeds, whose people no model has
//! ever learned from, and who are divided between the variants of each experiment. Only artifacts go from one to the other.

mod config;
mod crowd;
mod outcome;
mod source;
mod table;
mod train;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use recommend_events::LogReader;
use recommend_experiments::statistics::Metric;
use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use recommend_server::{Deployment, RunningServer};
use recommend_simulator::Settings;
use tonic::transport::Channel;

use super::report::time;
use super::stage;
use crate::render::{Paint, count, print};
use crate::target::uri;
use config::{Experiment, Phase};
use crowd::{Crowd, Tally};
use outcome::Outcomes;
use source::{SOURCES, Step};
use table::Kind;
use train::Trained;

/// While data is collected, this share of the places goes to candidates drawn by chance.
const EXPLORE: f64 = 0.2;
/// What keeps the seeds of those who judge apart from those that are learned from.
const FRESH: u64 = 1_000_003;

pub(crate) use table::{Row, save, text};

/// How large the loop is.
#[derive(Debug, Clone)]
pub(crate) struct Size {
    /// One workspace of those that are learned from; its seed is that of all.
    pub(crate) settings: Settings,
    /// How many workspaces are learned from.
    pub(crate) teachers: usize,
    /// How many workspaces judge.
    pub(crate) judges: usize,
    /// How often everybody who is learned from asks each recommender before each training.
    pub(crate) lessons: u64,
    /// How often everybody who judges asks in each experiment.
    pub(crate) visits: u64,
}

/// Runs the loop in a folder that a demo may clear, and returns the table.
///
/// # Errors
/// When a server, the join or a training fails, or what comes out can't be right.
pub(crate) async fn run(size: &Size, data: &Path, paint: Paint) -> Result<Vec<Row>> {
    let mut course = Course::open(size, data, paint).await?;
    let taught = course.teach().await;
    let closed = course.close().await;
    let rows = taught?;
    closed?;
    Ok(rows)
}

/// What must hold of the table, whatever the seed.
///
/// # Errors
/// When the same model differs from itself, a model is worse than the hand-tuned one, or something beats the true optimum.
pub(crate) fn check(rows: &[Row]) -> Result<()> {
    for row in rows {
        let (source, treatment) = (&row.source, &row.treatment);
        match row.kind {
            Kind::Aa => ensure!(row.p_value > 1e-4, "{source}: the same model differs from itself: {row:?}"),
            Kind::Ab => ensure!(
                row.control != Step::HandTuned.name() || !row.loses(),
                "{source}: {treatment} is worse than the hand-tuned model: {row:?}"
            ),
            Kind::Ceiling => ensure!(!row.loses(), "{source}: something beats the true optimum: {row:?}"),
        }
    }
    Ok(())
}

/// One of the two deployments with its people.
struct Side {
    crowd: Crowd,
    server: RunningServer,
    client: RecommendServiceClient<Channel>,
    data: PathBuf,
    artifacts: PathBuf,
    /// The number of the next visit: no mood is met twice.
    next: u64,
}

impl Side {
    async fn open(data: PathBuf, artifacts: PathBuf, towns: &[Settings]) -> Result<Self> {
        stage::clear(&data)?;
        let config = config::config(&Phase::default(), &data, &artifacts)?;
        let deployment = Deployment::open(&data, &config.log).await?;
        let crowd = Crowd::generate(towns, deployment.stores.codec)?;
        for town in crowd.towns() {
            stage::write(&town.workspace, &deployment).await?;
        }
        let server = stage::serve(config, deployment).await?;
        let client = RecommendServiceClient::connect(uri(&server.grpc_addr().to_string())).await;
        let client = client.context("connecting to the server")?;
        Ok(Side { crowd, server, client, data, artifacts, next: 0 })
    }

    fn configure(&self, phase: &Phase) -> Result<()> {
        self.server.reload(config::config(phase, &self.data, &self.artifacts)?)?;
        Ok(())
    }

    /// Lets everybody ask all sources, so many times each.
    async fn visit(&mut self, what: &str, times: u64) -> Result<Tally> {
        let numbers = self.next..self.next + times;
        let users: usize = (0..SOURCES.len()).map(|source| self.crowd.users(source)).sum();
        let bar = bar(what, users as u64 * times);
        let mut total = Tally::default();
        for source in 0..SOURCES.len() {
            total.add(self.crowd.visit(&self.client, source, numbers.clone(), &bar).await?);
        }
        bar.finish_and_clear();
        self.next = numbers.end;
        ensure!(total.degraded == 0, "{} of {} answers were degraded", total.degraded, total.requests);
        Ok(total)
    }
}

/// The whole loop.
struct Course<'a> {
    size: &'a Size,
    teachers: Side,
    judges: Side,
    paint: Paint,
    /// What serves those who are learned from.
    serving: [Option<Step>; SOURCES.len()],
    rows: [Vec<Row>; SOURCES.len()],
    /// The last row of each source.
    ceilings: Vec<Row>,
}

impl<'a> Course<'a> {
    async fn open(size: &'a Size, data: &Path, paint: Paint) -> Result<Self> {
        let town = |seed: u64, tenant: String| Settings { seed, tenant, ..size.settings.clone() };
        let seed = size.settings.seed;
        let teachers: Vec<Settings> =
            (0..size.teachers as u64).map(|at| town(seed + at, format!("T0TEACH{at:03}"))).collect();
        let judges: Vec<Settings> =
            (0..size.judges as u64).map(|at| town(seed + FRESH + at, format!("T0JUDGE{at:03}"))).collect();
        let started = Instant::now();
        let artifacts = data.join("artifacts");
        let bar = spinner("generating workspaces");
        let teachers = Side::open(data.join("teachers"), artifacts.clone(), &teachers).await?;
        let judges = Side::open(data.join("judges"), artifacts, &judges).await?;
        bar.finish_and_clear();
        let people = |side: &Side| -> usize {
            side.crowd.towns().iter().map(|town| town.workspace.people().len()).sum()
        };
        print(&paint.dim(&format!(
            "  learned from: {} people of {} workspaces · judged by: {} people of {} others · made in {}",
            count(people(&teachers) as u64),
            size.teachers,
            count(people(&judges) as u64),
            size.judges,
            time(started.elapsed())
        )));
        let (serving, rows, ceilings) = Default::default();
        Ok(Course { size, teachers, judges, paint, serving, rows, ceilings })
    }

    async fn close(self) -> Result<()> {
        let (teachers, judges) = (self.teachers.server.shutdown().await, self.judges.server.shutdown().await);
        teachers?;
        judges?;
        Ok(())
    }

    async fn teach(&mut self) -> Result<Vec<Row>> {
        self.judge("a-a", &[Step::HandTuned, Step::HandTuned]).await?;
        let mut before = Step::HandTuned;
        for step in Step::LEARNED.into_iter().filter(|step| step.available()) {
            self.collect().await?;
            self.learn(step).await?;
            let mut arms = vec![Step::HandTuned];
            if before != Step::HandTuned {
                arms.push(before);
            }
            arms.push(step);
            self.judge(step.name(), &arms).await?;
            self.graduate(step);
            before = step;
        }
        for step in Step::LEARNED.into_iter().filter(|step| !step.available()) {
            print(&self.paint.yellow(&format!(
                "  left out    {}: this binary cannot train it; `make demo` builds one that can",
                step.name()
            )));
        }
        let last = self.ceilings.drain(..);
        Ok(self.rows.iter_mut().zip(last).flat_map(|(rows, last)| rows.drain(..).chain([last])).collect())
    }

    /// Collects what to learn from.
    async fn collect(&mut self) -> Result<()> {
        let phase = Phase { explore: EXPLORE, serving: self.serving, ..Phase::default() };
        self.teachers.configure(&phase)?;
        let started = Instant::now();
        let tally = self.teachers.visit("collecting", self.size.lessons).await?;
        self.teachers.server.deployment().log.roll().await?;
        self.say("collect", &format!("{}, with exploration", told(&tally)), started);
        Ok(())
    }

    /// Joins, trains, publishes and promotes.
    async fn learn(&mut self, step: Step) -> Result<()> {
        let started = Instant::now();
        let log = self.teachers.server.deployment().log.path().to_owned();
        let bar = bar(&format!("training {}", step.name()), SOURCES.len() as u64);
        let home = self.teachers.artifacts.parent().unwrap_or(&self.teachers.data).to_owned();
        let mut all = Vec::new();
        for source in &SOURCES {
            let spec = train::write_spec(&home, source, step)?;
            all.push(train::train(&log, &home, source, spec).await?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        self.say("learn", step.name(), started);
        for Trained { artifact, rows, positives, auc, important } in all {
            let auc = auc.map_or_else(String::new, |auc| format!("AUC {auc:.3}; "));
            print(&self.paint.dim(&format!(
                "            {artifact}: {} rows, {} positive; {auc}{}",
                count(rows as u64),
                count(positives as u64),
                important.join(", ")
            )));
        }
        Ok(())
    }

    /// An experiment on each source, and its rows.
    async fn judge(&mut self, name: &str, steps: &[Step]) -> Result<()> {
        let started = Instant::now();
        let experiments: Vec<Experiment> = (0..SOURCES.len())
            .map(|source| Experiment {
                name: format!("{}-{name}", SOURCES[source].source),
                source,
                variants: variants(steps),
            })
            .collect();
        self.judges.configure(&Phase { experiments: experiments.clone(), ..Phase::default() })?;
        let tally = self.judges.visit(&format!("experiment {name}"), self.size.visits).await?;
        let log = &self.judges.server.deployment().log;
        log.roll().await?;
        let outcomes = outcome::read(&LogReader::open(log.path())?)?;
        let all: Vec<&str> = experiments.iter().map(|experiment| experiment.name.as_str()).collect();
        let logged: u64 = outcomes
            .iter()
            .filter(|((name, _), _)| all.contains(&&**name))
            .map(|(_, arm)| arm.requests)
            .sum();
        ensure!(
            logged == tally.requests as u64,
            "{} requests were answered in the experiment {name} and {logged} are in the log",
            tally.requests
        );
        for experiment in &experiments {
            self.compare(experiment, steps, &outcomes)?;
        }
        self.say("experiment", &format!("{name}: {}", told(&tally)), started);
        Ok(())
    }

    /// The last variant of an experiment beside each of the others; of an A/A test, the true optimum beside both.
    fn compare(&mut self, experiment: &Experiment, steps: &[Step], outcomes: &Outcomes) -> Result<()> {
        let (Experiment { name, source, variants }, from) = (experiment, SOURCES[experiment.source].source);
        let arm = |at: usize| -> Result<(&str, &Metric)> {
            let variant = &variants[at].0;
            let arm = outcomes.get(&(name.clone(), variant.clone()));
            let arm = arm.with_context(|| format!("nobody was in {variant} of the experiment {name}"))?;
            Ok((variant, &arm.metric))
        };
        let row = |kind, control, treatment| {
            Row::of(from, kind, control, treatment).with_context(|| {
                format!("too few people clicked in the experiment {name}; use more --people")
            })
        };
        let last = variants.len() - 1;
        let test = steps[0] == steps[last];
        let mut rows = Vec::new();
        for at in 0..last {
            rows.push(row(if test { Kind::Aa } else { Kind::Ab }, arm(at)?, arm(last)?)?);
        }
        if test {
            let mut both = *arm(0)?.1;
            both.merge(arm(last)?.1);
            let best: Metric = self.judges.crowd.ceiling(*source).into_iter().collect();
            self.ceilings.push(row(Kind::Ceiling, (steps[0].name(), &both), ("true optimum", &best))?);
        }
        self.rows[*source].extend(rows);
        Ok(())
    }

    /// What has won serves from now on.
    fn graduate(&mut self, step: Step) {
        for (serving, rows) in self.serving.iter_mut().zip(&self.rows) {
            if rows.last().is_some_and(|row| !row.loses()) {
                *serving = Some(step);
            }
        }
    }

    fn say(&self, what: &str, how: &str, started: Instant) {
        print(&format!("  {what:<11} {how}{}", self.paint.dim(&format!(" · {}", time(started.elapsed())))));
    }
}

/// The names of variants, and their models; the same model a second time has another name.
fn variants(steps: &[Step]) -> Vec<(String, Step)> {
    let name = |(at, step): (usize, &Step)| match steps[..at].contains(step) {
        true => (format!("{}-again", step.name()), *step),
        false => (step.name().to_owned(), *step),
    };
    steps.iter().enumerate().map(name).collect()
}

fn told(tally: &Tally) -> String {
    format!(
        "{} requests, {} impressions, {} clicks",
        count(tally.requests as u64),
        count(tally.impressions as u64),
        count(tally.clicks as u64)
    )
}

fn bar(what: &str, length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) =
        ProgressStyle::with_template("  {prefix:32} {bar:30} {human_pos}/{human_len}  {per_sec}  {eta} left")
    {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.set_prefix(what.to_owned());
    bar
}

fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}
