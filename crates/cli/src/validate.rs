//! `recommend validate`: what is wrong with a configuration, and what does not fit between it and the data.

mod data;
mod finding;
mod sample;
mod words;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use recommend_core::{IdCodec, SystemClock};
use recommend_server::{Config, ConfigError, ConfigErrors, Deployment, default_registry};
use recommend_stores::Stores;

use self::data::Data;
use self::finding::{Finding, Level};
use crate::exit::Exit;
use crate::render::{Paint, print};
use crate::target::in_use;

/// What is shown at the end of `recommend validate --help`.
pub(crate) const HELP: &str = "\
Errors keep a server from starting or show people what they may not see; warnings are what nobody wants: words that
the data never uses, features that are always the same, entities that no recommender can return. The exit code is 1
when there are errors, with --strict also when there are warnings.

Examples:
  recommend validate --config recommend.toml
  recommend validate --config recommend.toml --data data --json";

/// The flags of `recommend validate`.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Another data folder than the configuration's
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Check the configuration alone
    #[arg(long, conflicts_with = "data")]
    no_data: bool,
    /// Let warnings fail too
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `recommend validate`.
///
/// # Errors
/// When the data cannot be opened or read; what is wrong with the configuration is a finding.
pub(crate) async fn run(args: ValidateArgs) -> Result<Exit> {
    let findings = find(&args).await?;
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    if args.json {
        let list: Vec<_> = findings.iter().map(Finding::json).collect();
        print(&serde_json::to_string_pretty(
            &serde_json::json!({ "errors": errors, "warnings": warnings, "findings": list }),
        )?);
    } else {
        let paint = Paint::auto();
        for finding in &findings {
            print(&finding.line(paint));
        }
        let some = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let verdict = format!("{}, {}", some(errors, "error"), some(warnings, "warning"));
        print(&if errors > 0 {
            paint.red(&verdict)
        } else if warnings > 0 {
            paint.yellow(&verdict)
        } else {
            paint.green(&verdict)
        });
    }
    Ok(if errors > 0 || (args.strict && warnings > 0) { Exit::Failed } else { Exit::Ok })
}

async fn find(args: &ValidateArgs) -> Result<Vec<Finding>> {
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(errors) => return Ok(of_config(&errors)),
    };
    let folder = args.data.clone().unwrap_or_else(|| config.server.data.clone());
    let alone = args.no_data || (args.data.is_none() && !folder.exists());
    if alone {
        let stores = Stores::in_memory(IdCodec::new([0; 16]));
        let built = config.build(&stores, &default_registry());
        let mut findings = built.err().map(|errors| of_config(&errors)).unwrap_or_default();
        findings.extend(warnings(&config));
        if !args.no_data {
            let text = format!("there is no data folder {} to check it against", folder.display());
            findings.push(Finding::note(None, text));
        }
        return Ok(findings);
    }
    anyhow::ensure!(folder.exists(), "there is no data folder {}", folder.display());
    let deployment = match Deployment::open_for(&folder, &config).await {
        Err(error) if in_use(&error) => {
            let hint = "a server holds the data folder; stop it, validate a copy, or add --no-data";
            return Err(anyhow::Error::new(error).context(hint));
        }
        other => other?,
    };
    let findings = against(&config, &args.config, &deployment.stores).await;
    deployment.close().await?;
    findings
}

async fn against(config: &Config, file: &std::path::Path, stores: &Stores) -> Result<Vec<Finding>> {
    let built = match config.build(stores, &default_registry()) {
        Ok(built) => built,
        Err(errors) => return Ok(of_config(&errors)),
    };
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let data = Data::read(stores, &SystemClock).await?;
    let mut findings = warnings(config);
    words::check(&file.display().to_string(), &text, &data, &mut findings);
    for (recommender, built) in config.recommenders.iter().zip(&built) {
        data.check(config, recommender, &built.recommender, &mut findings);
        sample::check(config, recommender, &built.recommender, &data, stores, &mut findings).await?;
    }
    findings.extend(data.findings());
    // The worst first; what was found first stays first.
    findings.sort_by_key(|finding| finding.level);
    findings.dedup();
    Ok(findings)
}

fn of_config(errors: &ConfigErrors) -> Vec<Finding> {
    errors.0.iter().map(|error| finding(Level::Error, error)).collect()
}

fn warnings(config: &Config) -> Vec<Finding> {
    config.warnings().iter().map(|warning| finding(Level::Warning, warning)).collect()
}

fn finding(level: Level, error: &ConfigError) -> Finding {
    Finding {
        level,
        place: Some(match error.line {
            Some(line) => format!("{}:{line}", error.file),
            None => error.file.clone(),
        }),
        message: match &error.place {
            Some(place) => format!("{place}: {}", error.reason),
            None => error.reason.clone(),
        },
    }
}
