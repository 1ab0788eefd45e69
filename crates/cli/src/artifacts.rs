//! `recommend artifacts`: what is published, what serves, and making it otherwise.

mod show;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use recommend_artifacts::{ArtifactStore, Listed};
use recommend_core::Name;
use serde_json::json;

use crate::exit::Exit;
use crate::render::{Paint, print, table};
use crate::train::StoreArgs;

/// What is shown at the end of `recommend artifacts --help`.
pub(crate) const HELP: &str = "\
A server whose configuration has model = { kind = \"artifact\", artifact = \"NAME\" } follows promotions and rollbacks
within its [server] watch interval. It refuses what does not verify, and keeps the model that it has.

Examples:
  recommend artifacts list
  recommend artifacts show channels
  recommend artifacts promote channels latest
  recommend artifacts rollback channels
  recommend artifacts verify channels@2026-03-01-1f2e3d4c --artifacts s3://models/recommend";

/// The flags of `recommend artifacts`.
#[derive(Debug, Args)]
pub(crate) struct ArtifactsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// All artifacts, or all versions of one, the newest first
    List {
        /// The artifact
        name: Option<Name>,
        #[command(flatten)]
        store: StoreArgs,
        /// One JSON object per version
        #[arg(long)]
        json: bool,
    },
    /// What one version is, what it learned from and how good it was
    Show {
        /// NAME@VERSION, or NAME for the promoted version
        artifact: String,
        #[command(flatten)]
        store: StoreArgs,
        /// The manifest as it is
        #[arg(long)]
        json: bool,
    },
    /// Make a version the one that serves, after verifying it
    Promote {
        /// The artifact
        name: Name,
        /// Its version, or `latest`
        #[arg(default_value = "latest")]
        version: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Make the version that served before serve again
    Rollback {
        /// The artifact
        name: Name,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Check checksums, schema and golden rows: exit code 1 when anything is off
    Verify {
        /// NAME@VERSION, or NAME for all of its versions; everything without it
        artifact: Option<String>,
        #[command(flatten)]
        store: StoreArgs,
    },
}

/// Runs `recommend artifacts`.
///
/// # Errors
/// When the store cannot be read or written, or what is asked for is not there.
pub(crate) async fn run(args: ArtifactsArgs) -> Result<Exit> {
    tokio::task::spawn_blocking(move || blocking(args.action)).await?
}

fn blocking(action: Action) -> Result<Exit> {
    match action {
        Action::List { name, store, json } => list(&store.open(), name, json),
        Action::Show { artifact, store, json } => show::run(&store.open(), &artifact, json),
        Action::Promote { name, version, store } => {
            let store = store.open();
            let version = match version.as_str() {
                "latest" => store.versions(&name)?.swap_remove(0).manifest.version,
                _ => version,
            };
            let pointer = store.promote(&name, &version)?;
            let before = pointer.history.last().map_or("nothing".to_owned(), |before| before.version.clone());
            print(&format!("{name}@{version} is promoted; before it: {before}"));
            Ok(Exit::Ok)
        }
        Action::Rollback { name, store } => {
            let pointer = store.open().rollback(&name)?;
            print(&format!(
                "{name}@{} is promoted again, since {}",
                pointer.current.version, pointer.current.at
            ));
            Ok(Exit::Ok)
        }
        Action::Verify { artifact, store } => verify(&store.open(), artifact.as_deref()),
    }
}

/// All versions of these artifacts.
fn versions(store: &ArtifactStore, name: Option<Name>) -> Result<Vec<Listed>> {
    let names = match name {
        Some(name) => vec![name],
        None => store.names()?,
    };
    let mut all = Vec::new();
    for name in names {
        all.extend(store.versions(&name)?);
    }
    Ok(all)
}

fn list(store: &ArtifactStore, name: Option<Name>, json: bool) -> Result<Exit> {
    let all = versions(store, name)?;
    if json {
        for listed in &all {
            print(&json!({"manifest": listed.manifest, "current": listed.current}).to_string());
        }
        return Ok(Exit::Ok);
    }
    if all.is_empty() {
        print(&format!("no artifact in {}; `recommend train` publishes them", store.location()));
        return Ok(Exit::Ok);
    }
    let paint = Paint::auto();
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|listed| {
            let manifest = &listed.manifest;
            let rows =
                manifest.data.as_ref().map_or_else(|| "–".to_owned(), |data| crate::render::count(data.rows));
            vec![
                manifest.name.to_string(),
                manifest.version.clone(),
                if listed.current { paint.green("promoted") } else { String::new() },
                manifest.kind.to_string(),
                rows,
                show::headline(manifest),
                manifest.created.get(..16).unwrap_or(&manifest.created).replace('T', " "),
            ]
        })
        .collect();
    print(&table(&["artifact", "version", "", "kind", "rows", "metric", "published"], &rows, &[4]));
    Ok(Exit::Ok)
}

fn verify(store: &ArtifactStore, artifact: Option<&str>) -> Result<Exit> {
    let chosen: Vec<(Name, String)> = match artifact.and_then(|text| text.split_once('@')) {
        Some((name, version)) => vec![(Name::new(name)?, version.to_owned())],
        None => {
            let all = versions(store, artifact.map(Name::new).transpose()?)?;
            all.into_iter().map(|listed| (listed.manifest.name, listed.manifest.version)).collect()
        }
    };
    if chosen.is_empty() {
        bail!("no artifact in {}", store.location());
    }
    let (paint, mut failed) = (Paint::auto(), 0);
    for (name, version) in &chosen {
        match store.load(name, Some(version)) {
            Ok(_) => print(&format!("{name}@{version}  {}", paint.green("verified"))),
            Err(error) => {
                failed += 1;
                print(&format!("{name}@{version}  {}", paint.red(&error.to_string())));
            }
        }
    }
    // The pointers, whose checksums guard the manifests.
    let names: std::collections::BTreeSet<&Name> = chosen.iter().map(|(name, _)| name).collect();
    for name in names {
        if let Some(pointer) = store.pointer(name)?
            && let Err(error) = store.load_promoted(name, &pointer.current)
        {
            failed += 1;
            print(&format!("{name} (promoted)  {}", paint.red(&error.to_string())));
        }
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::Failed })
}
