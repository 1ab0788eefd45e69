//! The flags of `recommend embed`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use recommend_core::{Name, duration};
use recommend_embeddings::als::{AlsSettings, Confidence, Solver};

use super::text::TextArgs;
use crate::backtest::args::InputArgs;
use crate::exit::Usage;

/// What is shown at the end of `recommend embed --help`.
pub(crate) const HELP: &str = "\
als          implicit matrix factorisation (Hu, Koren and Volinsky 2008): the most general, for any number of entities
ease         EASE^R (Steck 2019) in its leading eigenvectors: up to 8,000 entities, often the best of the three
item-cosine  item cosines in their leading eigenvectors: quick, nothing to tune
text         what people write, by a model of text; goes into the store at once, and no text is kept

Each of the first three writes a folder with manifest.json and vectors.parquet (side, id, vector). `load` puts it into the vector store, where the
fetcher `neighbours` and the feature `cosine` find it.

Examples:
  recommend embed als --interactions events.csv --corpus channel --map entity=channel --map time=ts \\
      --weight channel_join=3 --weight message=1 --half-life 90d --factors 64 --output vectors/channels
  recommend embed load vectors/channels --embedding user-channel --tenant acme --config recommend.toml";

#[derive(Debug, Args)]
pub(crate) struct EmbedArgs {
    #[command(subcommand)]
    pub(crate) command: EmbedCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EmbedCommand {
    /// Implicit matrix factorisation
    Als(Box<AlsArgs>),
    /// EASE^R in so many factors
    Ease(Box<EaseArgs>),
    /// Item cosines in so many factors
    ItemCosine(Box<CosineArgs>),
    /// Put vectors into the vector store
    Load(LoadArgs),
    /// What people write, by a model of text: one vector for each user and entity, and no text
    Text(Box<TextArgs>),
}

/// What all methods share.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The corpus of the entities; interactions of others are left out
    #[arg(long, value_name = "CORPUS", default_value = "item")]
    pub(crate) corpus: Name,
    /// What one interaction of a kind weighs; may be repeated, and then other kinds do not count [default: 1 each]
    #[arg(long, value_name = "KIND=NUMBER", value_parser = weight)]
    pub(crate) weight: Vec<(Name, f32)>,
    /// Weigh interactions by their value too; those whose value is not above 0 never count
    #[arg(long)]
    pub(crate) by_value: bool,
    /// After how long before the newest an interaction weighs half
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) half_life: Option<Duration>,
    /// How many numbers a vector has, 1 to 256
    #[arg(long, value_name = "NUMBER", default_value_t = 64)]
    pub(crate) factors: usize,
    /// Which share of each user's interactions, the last ones, to measure with before all are learned from; 0 for none
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    pub(crate) validate: f64,
    /// The folder to write
    #[arg(long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) input: InputArgs,
}

impl TrainArgs {
    pub(crate) fn check(&self) -> Result<()> {
        if !(0.0..1.0).contains(&self.validate) {
            return Err(Usage(format!(
                "--validate {}: choose a share from 0 to 1, such as 0.1",
                self.validate
            ))
            .into());
        }
        if !(1..=256).contains(&self.factors) {
            return Err(Usage(format!("--factors {}: choose 1 to 256", self.factors)).into());
        }
        if self.half_life.is_some_and(|half_life| half_life.is_zero()) {
            return Err(Usage("--half-life 0: choose for example 30d".into()).into());
        }
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(crate) struct AlsArgs {
    /// How often users and entities are solved at most; fewer when it gets no better
    #[arg(long, value_name = "NUMBER", default_value_t = 30)]
    iterations: usize,
    /// Regularisation of a row of mean confidence (λ)
    #[arg(long, value_name = "NUMBER", default_value_t = 30.0)]
    regularization: f32,
    /// How regularisation grows with the confidence that a row has in all, 0 to 1
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0)]
    frequency_scaling: f32,
    /// How much confidence a weight of 1 adds to that of 1 that every cell has (α)
    #[arg(long, value_name = "NUMBER", default_value_t = 10.0)]
    alpha: f32,
    /// Let confidence grow with the logarithm of the weight over this (ε)
    #[arg(long, value_name = "NUMBER")]
    epsilon: Option<f32>,
    /// How the systems are solved
    #[arg(long, value_enum, default_value_t = SolverName::Cholesky)]
    solver: SolverName,
    /// Seeds the first vectors
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How many threads solve [default: one for each core]
    #[arg(long, value_name = "NUMBER")]
    threads: Option<usize>,
    #[command(flatten)]
    pub(crate) train: TrainArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SolverName {
    /// Exactly
    Cholesky,
    /// By three steps of conjugate gradients: faster, and as good after some more iterations
    Cg,
}

/// What an ALS is trained with.
#[derive(Debug, Clone)]
pub(crate) struct AlsPlan {
    pub(crate) settings: AlsSettings,
    pub(crate) iterations: usize,
}

impl AlsArgs {
    pub(crate) fn settings(&self) -> Result<AlsPlan> {
        if self.iterations == 0 {
            return Err(Usage("--iterations 0 learns nothing; choose 1 or more".into()).into());
        }
        let settings = AlsSettings {
            factors: self.train.factors,
            regularization: self.regularization,
            frequency_scaling: self.frequency_scaling,
            confidence: match self.epsilon {
                None => Confidence::Linear { alpha: self.alpha },
                Some(epsilon) => Confidence::Log { alpha: self.alpha, epsilon },
            },
            solver: match self.solver {
                SolverName::Cholesky => Solver::Cholesky,
                SolverName::Cg => Solver::ConjugateGradient { steps: 3 },
            },
            seed: self.seed,
            threads: self.threads.unwrap_or(0),
        };
        Ok(AlsPlan { settings, iterations: self.iterations })
    }
}

#[derive(Debug, Args)]
pub(crate) struct EaseArgs {
    /// Regularisation, in users [default: eight times the mean number of users of an entity]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) lambda: Option<f32>,
    /// How many entities are learned, those with the most users; at most 8,000
    #[arg(long, value_name = "NUMBER", default_value_t = 4_000)]
    pub(crate) items: usize,
    #[command(flatten)]
    pub(crate) train: TrainArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CosineArgs {
    #[command(flatten)]
    pub(crate) train: TrainArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// The folder that `recommend embed` wrote
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// What the vector store calls it
    #[arg(long, value_name = "NAME")]
    pub(crate) embedding: Name,
    /// The tenant whose vectors these are
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: String,
    /// The data folder to write into; no server may have it open
    #[arg(long, value_name = "DIR", required_unless_present = "config")]
    pub(crate) data: Option<PathBuf>,
    /// A configuration, for its data folder
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How numbers are kept: f32, f16 (half the memory) or i8 (a quarter)
    #[arg(long, value_enum, default_value_t = PrecisionName::F32)]
    pub(crate) precision: PrecisionName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PrecisionName {
    /// As they are
    F32,
    /// Three digits
    F16,
    /// A hundredth of the largest number of the vector
    I8,
}

/// How vectors are learned.
#[derive(Debug, Clone)]
pub(crate) enum Method {
    Als(AlsPlan),
    Ease { lambda: Option<f32>, items: usize },
    ItemCosine,
}

impl Method {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Method::Als(_) => "als",
            Method::Ease { .. } => "ease",
            Method::ItemCosine => "item-cosine",
        }
    }
}

fn weight(text: &str) -> Result<(Name, f32), String> {
    let wrong = || format!("{text:?} is no weight; write KIND=NUMBER, such as channel_join=3");
    let (kind, number) = text.split_once('=').ok_or_else(wrong)?;
    let number: f32 = number.parse().map_err(|_| wrong())?;
    match number.is_finite() && number > 0.0 {
        true => Ok((Name::new(kind).map_err(|error| error.to_string())?, number)),
        false => {
            Err(format!("the weight of {kind} is {number}; choose a number above 0, or leave the kind out"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_numbers_above_zero_by_kind() {
        assert_eq!(weight("join=3").unwrap(), (Name::literal("join"), 3.0));
        for wrong in ["join", "join=x", "join=0", "join=-1", "Join=1"] {
            assert!(weight(wrong).is_err(), "{wrong}");
        }
    }
}
