//! `recommend embed`: learns vectors of users and entities from interactions or from what they write, and loads them into
//! the vector store.

mod args;
mod artifact;
mod data;
mod fit;
mod load;
mod text;

use anyhow::{Context, Result};

pub(crate) use self::args::{EmbedArgs, HELP};
use self::args::{EmbedCommand, Method, TrainArgs};
use self::artifact::{Embedding, Manifest, Measured};
use self::data::Data;
use crate::exit::{Exit, Usage};
use crate::render::{Paint, count, print, table};

/// Runs `recommend embed`.
///
/// # Errors
/// When the interactions cannot be read, the flags do not fit them, or the output cannot be written.
pub(crate) async fn run(args: EmbedArgs) -> Result<Exit> {
    let (method, args) = match args.command {
        EmbedCommand::Load(args) => return load::run(args).await,
        EmbedCommand::Text(args) => return text::run(*args).await,
        EmbedCommand::Als(args) => (Method::Als(args.settings()?), args.train),
        EmbedCommand::Ease(args) => (Method::Ease { lambda: args.lambda, items: args.items }, args.train),
        EmbedCommand::ItemCosine(args) => (Method::ItemCosine, args.train),
    };
    // Training takes all cores for minutes.
    tokio::task::spawn_blocking(move || train(&method, &args)).await?
}

fn train(method: &Method, args: &TrainArgs) -> Result<Exit> {
    args.check()?;
    let output = &args.output;
    if output.exists() && output.read_dir().is_ok_and(|mut files| files.next().is_some()) {
        let reason = format!("--output: {} holds something already; name another folder", output.display());
        return Err(Usage(reason).into());
    }
    let data = Data::read(args)?;
    let fitted = fit::fit(method, args, &data)?;
    let measured = &fitted.measured;
    let manifest = Manifest::new(method, args, &data, &fitted);
    let embedding = Embedding { users: fitted.users, entities: fitted.entities, manifest };
    let strings = |ids: &[u64]| ids.iter().map(|id| data.string(*id)).collect::<Vec<_>>();
    embedding
        .write(output, &strings(&data.user_ids()), &strings(&data.entity_ids()))
        .with_context(|| format!("writing {}", output.display()))?;
    print(&show(args, &data, measured, &embedding.manifest));
    Ok(Exit::Ok)
}

/// The losses, what the vectors are worth, and what to do with them.
fn show(args: &TrainArgs, data: &Data, measured: &[Measured], manifest: &Manifest) -> String {
    let mut text = String::new();
    if !manifest.losses.is_empty() {
        let rows: Vec<Vec<String>> = manifest
            .losses
            .iter()
            .enumerate()
            .map(|(at, step)| {
                let mut cells = vec![(at + 1).to_string(), format!("{:.6}", step.loss)];
                cells.extend(step.ndcg.map(|ndcg| format!("{ndcg:.4}")));
                cells
            })
            .collect();
        let header: &[&str] =
            if args.validate > 0.0 { &["iteration", "loss", "nDCG@10"] } else { &["iteration", "loss"] };
        text.push_str(&table(header, &rows, &[0, 1, 2]));
        text.push_str("\n\n");
    }
    if !measured.is_empty() {
        let questions = measured.first().map_or(0, |row| row.users);
        let asked = format!(
            "the last {:.0} % of {} users, foretold from the rest",
            args.validate * 100.0,
            count(questions as u64)
        );
        let best = |of: fn(&Measured) -> f64| measured.iter().map(of).fold(f64::MIN, f64::max);
        let (recall, ndcg, paint) = (best(|row| row.recall), best(|row| row.ndcg), Paint::auto());
        let cell = |value: f64, best: f64| {
            let text = format!("{value:.4}");
            if value >= best { paint.bold(&text) } else { text }
        };
        let rows: Vec<Vec<String>> = measured
            .iter()
            .map(|row| vec![row.name.clone(), cell(row.recall, recall), cell(row.ndcg, ndcg)])
            .collect();
        text.push_str(&table(&[asked.as_str(), "recall@10", "nDCG@10"], &rows, &[1, 2]));
        text.push_str("\n\n");
    }
    let stopped = match manifest.iterations {
        Some(iterations) if iterations < manifest.losses.len() => {
            format!(" after {iterations} iterations, the best of {}", manifest.losses.len())
        }
        Some(iterations) => format!(" after {iterations} iterations"),
        None => String::new(),
    };
    text.push_str(&format!(
        "{} users and {} entities in {} numbers each{stopped}, in {}\n\
         next: recommend embed load {} --embedding NAME --tenant TENANT --data DIR",
        count(data.users() as u64),
        count(manifest.entities as u64),
        manifest.factors,
        args.output.display(),
        args.output.display(),
    ));
    text
}
