//! How the cost of a run grows: with the number of candidates, and with the number of entities in the tenant.
//!
//! The recommender is a usual one (popular in a window, visibility, six features, a linear model, a cap per group) over
//! the embedded stores in memory, called in process. Prints a table and draws `target/bench/scaling.svg`.

use std::time::Instant;

use plotters::prelude::*;
use recommend_benches::{Report, report};
use recommend_core::{
    Deadline, EntityId, IdCodec, Interaction, InteractionId, Name, Query, Recommender, RequestId, RunOptions,
    TenantId, Timestamp, UserId, Value, days, seconds,
};
use recommend_server::Config;
use recommend_stores::{EntityPut, Stores, WriteBatch};

type Failure = Box<dyn std::error::Error>;

const TENANT: TenantId = TenantId(1);
const NOW: Timestamp = Timestamp::from_seconds(1_780_000_000);
const ENTITIES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
const CANDIDATES: [usize; 4] = [10, 100, 1_000, 10_000];
const RUNS: usize = 201;

/// One measured point: entities, candidates, median microseconds.
struct Point(usize, usize, f64);

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = Report::new("scaling");
    let mut points = Vec::new();
    for entities in ENTITIES {
        let stores = Stores::in_memory(IdCodec::new([1; 16]));
        runtime.block_on(fill(&stores, entities))?;
        for candidates in CANDIDATES.into_iter().filter(|n| *n <= entities) {
            let recommender = recommender(&stores, candidates)?;
            let mut micros = Vec::with_capacity(RUNS);
            for run in 0..RUNS {
                let query = query(run as u64);
                let start = Instant::now();
                let outcome = runtime.block_on(recommender.run(&query, RunOptions::default()))?;
                micros.push(start.elapsed().as_secs_f64() * 1e6);
                assert_eq!(outcome.items.len(), 10, "the bench measures whole answers");
            }
            micros.sort_unstable_by(f64::total_cmp);
            let case = format!("{entities} entities, {candidates} candidates");
            report.figure(&case, "p50, µs", micros[RUNS / 2]);
            report.figure(&case, "p99, µs", micros[RUNS * 99 / 100]);
            points.push(Point(entities, candidates, micros[RUNS / 2]));
        }
    }
    plot(&points)?;
    report.finish()?;
    Ok(())
}

/// Entities with a topic, and three interactions with each on average, the first entities more popular.
async fn fill(stores: &Stores, entities: usize) -> Result<(), Failure> {
    let (corpus, kind) = (Name::literal("channel"), Name::literal("message"));
    let attribute = |name, value| (Name::literal(name), Some(value));
    for first in (0..entities).step_by(10_000) {
        let range = first..(first + 10_000).min(entities);
        let put = |entity: usize| EntityPut {
            corpus: corpus.clone(),
            entity: EntityId(entity as u64),
            attributes: vec![
                attribute("private", Value::Bool(false)),
                attribute("topic", Value::Id(EntityId(entity as u64 % 97))),
                attribute("created", Value::Time(NOW.before(days(entity as u64 % 900)))),
            ],
            remove: false,
        };
        let interaction = |at: usize| {
            // A quadratic law: the first entities get most.
            let share = (at as f64 * 0.618_033_988_749_895).fract();
            Interaction {
                id: InteractionId(at as u128),
                request: None,
                tenant: TENANT,
                user: UserId(at as u64 * 7919 % 5_000),
                corpus: corpus.clone(),
                entity: EntityId((share * share * entities as f64) as u64),
                kind: kind.clone(),
                time: NOW.before(seconds(at as u64 * 2_000_000 / (3 * entities as u64))),
                value: 1.0,
            }
        };
        let batch = WriteBatch {
            entities: range.clone().map(put).collect(),
            interactions: (range.start * 3..range.end * 3).map(interaction).collect(),
            ..WriteBatch::default()
        };
        stores.writer.write(TENANT, batch).await?;
    }
    Ok(())
}

fn recommender(stores: &Stores, candidates: usize) -> Result<Recommender, Failure> {
    let config = format!(
        r#"
        [features.messages_7d]
        kind = "count"
        scope = "entity"
        interactions = ["message"]
        window = "7d"
        [features.posters_7d]
        kind = "distinct"
        scope = "entity"
        interactions = ["message"]
        window = "7d"
        [features.quiet_days]
        kind = "recency"
        scope = "entity"
        interactions = ["message"]
        [features.age_days]
        kind = "attribute"
        scope = "entity"
        attribute = "created"
        as = "age"
        [[recommender]]
        corpus = "channel"
        source = "channel-browser"
        max_candidates = 20000
        fetchers = [ {{ kind = "popular", window = "30d", half_life = "7d", limit = {candidates} }} ]
        filters = ["not-private"]
        features = ["messages_7d", "posters_7d", "quiet_days", "age_days", "popular.score", "popular.rank"]
        model = {{ kind = "linear", weights = {{ messages_7d = 0.4, posters_7d = 0.3, quiet_days = -0.1, "popular.score" = 0.5 }} }}
        rerankers = [ {{ kind = "cap-per-group", by = "topic", max = 3 }} ]
        "#
    );
    let config = Config::parse("bench.toml", &config).map_err(|errors| errors.to_string())?;
    let built =
        config.build(stores, &recommend_server::default_registry()).map_err(|errors| errors.to_string())?;
    built.into_iter().next().map(|built| built.recommender).ok_or_else(|| "no recommender".into())
}

fn query(run: u64) -> Query {
    Query {
        request: RequestId(run.into()),
        tenant: TENANT,
        user: UserId(run * 31 % 5_000),
        corpus: Name::literal("channel"),
        source: Name::literal("channel-browser"),
        limit: 10,
        context: Vec::new(),
        seeds: Vec::new(),
        given: Vec::new(),
        now: NOW,
        deadline: Deadline::after(seconds(60)),
        seed: run,
    }
}

/// Microseconds against candidates, a line per size of the tenant; both axes logarithmic.
fn plot(points: &[Point]) -> Result<(), Failure> {
    let path = report::output("scaling.svg")?;
    let area = SVGBackend::new(&path, (800, 500)).into_drawing_area();
    area.fill(&WHITE)?;
    let most = points.iter().map(|point| point.2).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption("median time of a run", ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d((8.0..13_000.0).log_scale(), (1.0..most * 2.0).log_scale())?;
    chart.configure_mesh().x_desc("candidates").y_desc("microseconds").draw()?;
    for (at, entities) in ENTITIES.into_iter().enumerate() {
        let colour = Palette99::pick(at).to_rgba();
        let line: Vec<_> = points.iter().filter(|p| p.0 == entities).map(|p| (p.1 as f64, p.2)).collect();
        chart
            .draw_series(LineSeries::new(line.clone(), colour.stroke_width(2)))?
            .label(format!("{entities} entities"))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(line.into_iter().map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK).draw()?;
    area.present()?;
    println!("drawn to {}", path.display());
    Ok(())
}
