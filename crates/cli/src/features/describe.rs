//! `recommend features describe`: documentation of every feature, from its declaration.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use recommend_features::{Feature, Reads};
use recommend_server::Config;

use crate::exit::Exit;
use crate::render::{Paint, print};

pub(crate) const HELP: &str = "\
Examples:
  recommend features describe --config recommend.toml
  recommend features describe --config recommend.toml --json | jq '.[].name'";

/// The flags of `recommend features describe`.
#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// As JSON: an array of objects
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DescribeArgs) -> Result<Exit> {
    let config = Config::load(&args.config)?;
    let mut described = Vec::new();
    for description in config.features.describe() {
        let name = description.name.as_str();
        let Some(feature) = config.features.get(name) else { continue };
        let users: Vec<String> = config
            .recommenders
            .iter()
            .filter(|recommender| {
                recommender.features.iter().any(|(used, _)| used.as_str() == name)
                    || mentions(&recommender.model, name)
            })
            .map(|recommender| format!("{}/{}", recommender.corpus, recommender.source))
            .collect();
        described.push((description, feature, users));
    }
    if args.json {
        let json: Vec<_> = described
            .iter()
            .map(|(description, feature, users)| {
                serde_json::json!({
                    "name": description.name.as_str(),
                    "kind": description.kind,
                    "scope": description.scope.name(),
                    "computed": feature.explained(),
                    "description": description.description,
                    "reads": reads(feature),
                    "used_by": users,
                })
            })
            .collect();
        print(&serde_json::to_string_pretty(&json)?);
        return Ok(Exit::Ok);
    }
    let paint = Paint::auto();
    for (description, feature, users) in &described {
        print(&format!(
            "{}  {} of {}",
            paint.bold(description.name.as_str()),
            description.kind,
            description.scope.name()
        ));
        if !description.description.is_empty() {
            print(&format!("  {}", description.description));
        }
        print(&format!("  {}", feature.explained()));
        let reads = reads(feature);
        if !reads.is_empty() {
            print(&paint.dim(&format!("  reads {}", reads.join(", "))));
        }
        let users = if users.is_empty() { "nobody".to_owned() } else { users.join(", ") };
        print(&paint.dim(&format!("  used by {users}\n")));
    }
    print(&format!("{} features", described.len()));
    Ok(Exit::Ok)
}

/// Whether the settings of a component name a feature.
fn mentions(model: &impl std::fmt::Debug, name: &str) -> bool {
    format!("{model:?}").contains(&format!("\"{name}\""))
}

fn reads(feature: &Feature) -> Vec<String> {
    let Reads { attributes, user_attributes, relations, interactions } = feature.reads();
    let mut reads: Vec<String> = attributes.iter().map(|name| format!("attribute {name}")).collect();
    reads.extend(user_attributes.iter().map(|name| format!("attribute {name} of the user")));
    reads.extend(relations.iter().map(|name| format!("relation {name}")));
    reads.extend(interactions.iter().map(|(corpus, kind)| match corpus {
        Some(corpus) => format!("{kind} in {corpus}"),
        None => format!("{kind}"),
    }));
    reads
}
