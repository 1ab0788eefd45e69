//! Learns the vectors: once on the past, to see how long and how well, and then on everything.

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use recommend_embeddings::als::{AlsError, Trainer};
use recommend_embeddings::{EaseError, Gram, ItemVectors, Sparse};
use recommend_training::metrics::Ranking;
use serde::{Deserialize, Serialize};

use super::args::{AlsPlan, Method, TrainArgs};
use super::artifact::Measured;
use super::data::Data;
use crate::exit::Usage;

/// How many iterations may pass without a better validation.
const PATIENCE: usize = 3;
/// Without a validation: by how much of itself an iteration must lower the loss.
const LEAST: f64 = 1e-4;
/// λ of EASE^R without one, in mean numbers of users of an entity.
const LAMBDA_PER_SUPPORT: f32 = 8.0;

/// The vectors, and how they came to be.
pub(super) struct Fitted {
    pub(super) users: Vec<Vec<f32>>,
    /// Empty for an entity that was left out.
    pub(super) entities: Vec<Vec<f32>>,
    pub(super) steps: Vec<Step>,
    pub(super) iterations: Option<usize>,
    pub(super) measured: Vec<Measured>,
}

/// One iteration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Step {
    /// What is minimised, over the summed confidence of all cells.
    pub(super) loss: f64,
    /// nDCG@10 of the validation.
    pub(super) ndcg: Option<f64>,
}

/// Vectors whose dot products are the scores.
struct Vectors {
    users: Vec<Vec<f32>>,
    entities: Vec<Vec<f32>>,
}

pub(super) fn fit(method: &Method, args: &TrainArgs, data: &Data) -> Result<Fitted> {
    let mut measured = Vec::new();
    if !data.asked.is_empty() {
        measured.push(popularity(data));
    }
    let mut iterations = None;
    let mut steps = Vec::new();
    let vectors = match method {
        Method::Als(plan) => {
            let (best, vectors) = als(plan, data, &mut steps)?;
            iterations = Some(best);
            if let Some(of_past) = vectors.past {
                measured.push(measure("als", data, |user| dots(&of_past, user)));
            }
            vectors.all
        }
        Method::Ease { .. } | Method::ItemCosine => {
            let bar = bar("learning", 1 + u64::from(!data.asked.is_empty()));
            if !data.asked.is_empty() {
                let of_past = items(method, args, &data.past)?;
                measured.push(measure(method.name(), data, |user| dots(&of_past, user)));
                bar.inc(1);
            }
            let vectors = items(method, args, &data.all)?;
            bar.finish_and_clear();
            vectors
        }
    };
    Ok(Fitted { users: vectors.users, entities: vectors.entities, steps, iterations, measured })
}

struct Trained {
    past: Option<Vectors>,
    all: Vectors,
}

/// The best number of iterations, and the vectors after so many.
fn als(plan: &AlsPlan, data: &Data, steps: &mut Vec<Step>) -> Result<(usize, Trained)> {
    let vectors = |trainer: &Trainer| {
        let rows = |factors: &recommend_embeddings::als::Factors| {
            (0..factors.rows()).map(|row| factors.row(row).to_vec()).collect::<Vec<_>>()
        };
        Vectors { users: rows(trainer.users()), entities: rows(trainer.items()) }
    };
    let explained = |error: AlsError| Usage(error.to_string());
    let validated = !data.asked.is_empty();
    let matrix = if validated { &data.past } else { &data.all };
    let mut trainer = Trainer::new(matrix, plan.settings.clone()).map_err(explained)?;
    let progress = bar(if validated { "validating" } else { "learning" }, plan.iterations as u64);
    let mut best: Option<(f64, usize, Vectors)> = None;
    while trainer.iterations() < plan.iterations {
        trainer.step().map_err(explained)?;
        let (loss, now) = (trainer.loss(), vectors(&trainer));
        let ndcg = validated.then(|| measure("als", data, |user| dots(&now, user)).ndcg);
        let last = steps.last().map(|step| step.loss);
        steps.push(Step { loss, ndcg });
        progress.set_message(match ndcg {
            Some(ndcg) => format!("loss {loss:.6}  nDCG@10 {ndcg:.4}"),
            None => format!("loss {loss:.6}"),
        });
        progress.inc(1);
        if let Some(ndcg) = ndcg {
            if best.as_ref().is_none_or(|(known, ..)| ndcg > *known) {
                best = Some((ndcg, trainer.iterations(), now));
            } else if best.as_ref().is_some_and(|(_, at, _)| trainer.iterations() >= at + PATIENCE) {
                break;
            }
        } else if last.is_some_and(|last| last - loss < LEAST * last) {
            break;
        }
    }
    progress.finish_and_clear();
    let Some((_, iterations, past)) = best else {
        return Ok((trainer.iterations(), Trained { past: None, all: vectors(&trainer) }));
    };
    let progress = bar("learning", iterations as u64);
    let mut trainer = Trainer::new(&data.all, plan.settings.clone()).map_err(explained)?;
    for _ in 0..iterations {
        trainer.step().map_err(explained)?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok((iterations, Trained { past: Some(past), all: vectors(&trainer) }))
}

/// EASE^R or item cosine.
fn items(method: &Method, args: &TrainArgs, matrix: &Sparse) -> Result<Vectors> {
    let explained = |error: EaseError| Usage(error.to_string());
    let kept: Vec<u32> = match method {
        Method::Ease { items, .. } => {
            let by_item = matrix.transposed();
            let mut order: Vec<u32> = (0..matrix.columns() as u32).collect();
            order.sort_by_key(|item| (std::cmp::Reverse(by_item.row(*item as usize).len()), *item));
            order.truncate(*items);
            order
        }
        _ => (0..matrix.columns() as u32).collect(),
    };
    let mut numbers = vec![u32::MAX; matrix.columns()];
    (0..).zip(&kept).for_each(|(number, item)| numbers[*item as usize] = number);
    let rows: Vec<Vec<(u32, f32)>> = (0..matrix.rows())
        .map(|user| {
            let known = matrix.row(user).iter().map(|(item, weight)| (numbers[*item as usize], *weight));
            known.filter(|(item, _)| *item != u32::MAX).collect()
        })
        .collect();
    let found = match method {
        Method::Ease { lambda, .. } => {
            let cells: usize = rows.iter().map(Vec::len).sum();
            let lambda =
                lambda.unwrap_or(LAMBDA_PER_SUPPORT * (cells as f32 / kept.len().max(1) as f32).max(1.0));
            let histories = rows.iter().map(|row| row.iter().map(|(item, _)| *item).collect::<Vec<_>>());
            let gram = Gram::of(histories, kept.len()).map_err(explained)?;
            ItemVectors::of_ease(&gram, lambda, args.factors).map_err(explained)?
        }
        _ => ItemVectors::of_cosine(matrix, args.factors).map_err(explained)?,
    };
    let users = rows.iter().map(|row| {
        // Whether, not how often, as both models read histories.
        let row: Vec<(u32, f32)> = row.iter().map(|(item, _)| (*item, 1.0)).collect();
        found.user(&row)
    });
    let users = users.collect();
    let entity = |number: &u32| match *number {
        u32::MAX => Vec::new(),
        number => found.candidate(number as usize).to_vec(),
    };
    Ok(Vectors { users, entities: numbers.iter().map(entity).collect() })
}

/// The scores of all entities for a user.
fn dots(vectors: &Vectors, user: usize) -> Vec<f32> {
    let user = &vectors.users[user];
    let dot = |entity: &Vec<f32>| match entity.is_empty() {
        true => f32::MIN,
        false => entity.iter().zip(user).map(|(a, b)| a * b).sum(),
    };
    vectors.entities.iter().map(dot).collect()
}

fn popularity(data: &Data) -> Measured {
    let by_item = data.past.transposed();
    let counts: Vec<f32> = (0..by_item.rows()).map(|item| by_item.row(item).len() as f32).collect();
    measure("popularity", data, |_| counts.clone())
}

/// recall@10 (of what could be found) and nDCG@10 over all who are asked; what they had is not ranked.
fn measure(name: &str, data: &Data, scores: impl Fn(usize) -> Vec<f32>) -> Measured {
    const K: usize = 10;
    let (mut recall, mut ndcg) = (0.0, 0.0);
    for (user, wanted) in &data.asked {
        let mut scores = scores(*user as usize);
        data.past.row(*user as usize).iter().for_each(|(item, _)| scores[*item as usize] = f32::NEG_INFINITY);
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        let best = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
        if order.len() > K {
            order.select_nth_unstable_by(K - 1, best);
            order.truncate(K);
        }
        order.sort_unstable_by(best);
        let hits = order.iter().map(|item| wanted.binary_search(item).is_ok()).collect();
        let scores = Ranking { hits, relevant: wanted.len() }.at(K);
        recall += scores.recall_capped;
        ndcg += scores.ndcg;
    }
    let users = data.asked.len();
    let mean = |sum: f64| sum / users.max(1) as f64;
    Measured { name: name.to_owned(), users, recall: mean(recall), ndcg: mean(ndcg) }
}

/// Drawn on a terminal only.
pub(super) fn bar(name: &str, steps: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{prefix:12} {bar:30} {pos}/{len}  {msg}  {eta} left") {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.set_prefix(name.to_owned());
    bar.tick();
    bar
}
