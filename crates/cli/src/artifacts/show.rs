//! One version in full.

use std::fmt::Write;

use anyhow::Result;
use recommend_artifacts::{ArtifactStore, Manifest, Part};
use recommend_core::Name;

use crate::exit::Exit;
use crate::render::{Paint, count, print, table};
use crate::train::figures::with_interval;

/// How many features are listed.
const TOP: usize = 10;

pub(super) fn run(store: &ArtifactStore, text: &str, json: bool) -> Result<Exit> {
    let (name, version) = match text.split_once('@') {
        Some((name, version)) => (Name::new(name)?, version.to_owned()),
        None => {
            let name = Name::new(text)?;
            let promoted = store.pointer(&name)?.map(|pointer| pointer.current.version);
            let version = match promoted {
                Some(version) => version,
                None => store.versions(&name)?.swap_remove(0).manifest.version,
            };
            (name, version)
        }
    };
    let manifest = store.manifest(&name, &version)?;
    match json {
        true => print(&serde_json::to_string_pretty(&manifest)?),
        false => {
            let pointer = store.pointer(&name)?;
            let promoted = pointer.filter(|pointer| pointer.current.version == version);
            print(&described(&manifest, promoted.map(|pointer| pointer.current.at), Paint::auto()));
        }
    }
    Ok(Exit::Ok)
}

/// The judging metric on the last part, for a list.
pub(super) fn headline(manifest: &Manifest) -> String {
    let metric = judge(manifest);
    let last = manifest.metrics.iter().next_back();
    last.and_then(|(part, figures)| Some((part, figures.get(&metric)?)))
        .map_or_else(|| "–".to_owned(), |(part, figure)| format!("{metric} {:.4} ({part})", figure.value))
}

fn judge(manifest: &Manifest) -> String {
    let metric = manifest.spec.as_ref().and_then(|spec| spec.get("metric")).and_then(toml::Value::as_str);
    metric.unwrap_or("ndcg@10").to_owned()
}

fn described(manifest: &Manifest, promoted: Option<String>, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.bold(&manifest.id()));
    let mut line = |key: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {key:12} {value}");
    };
    line("kind", manifest.kind.to_string());
    if let Some(recommender) = &manifest.recommender {
        line("recommender", recommender.clone());
    }
    line("published", manifest.created.clone());
    line("promoted", promoted.map_or_else(|| "no".to_owned(), |at| format!("since {at}")));
    if let Some(data) = &manifest.data {
        let (from, to) = (data.from.as_deref().unwrap_or("?"), data.to.as_deref().unwrap_or("?"));
        let (rows, requests) = (count(data.rows), count(data.requests));
        line(
            "data",
            format!("{from} to {to}: {rows} rows of {requests} requests, {} positive", count(data.positives)),
        );
    }
    if let Some(revision) = &manifest.git_revision {
        line("git", revision.clone());
    }
    for (key, value) in manifest.chosen.iter().filter(|(key, _)| *key != "trials") {
        line(key, value.to_string());
    }
    if !manifest.metrics.is_empty() {
        let parts: Vec<Part> = manifest.metrics.keys().copied().collect();
        let names: std::collections::BTreeSet<&String> =
            manifest.metrics.values().flat_map(|m| m.keys()).collect();
        let rows: Vec<Vec<String>> = names
            .into_iter()
            .map(|name| {
                let cell = |part: &Part| {
                    manifest.metrics[part].get(name).map_or_else(|| "–".to_owned(), with_interval)
                };
                std::iter::once(name.clone()).chain(parts.iter().map(cell)).collect()
            })
            .collect();
        let titles: Vec<String> = parts.iter().map(ToString::to_string).collect();
        let header: Vec<&str> = std::iter::once("metric").chain(titles.iter().map(String::as_str)).collect();
        let _ = write!(text, "\n{}\n", table(&header, &rows, &(1..header.len()).collect::<Vec<_>>()));
    }
    if !manifest.importances.is_empty() {
        let rows: Vec<Vec<String>> = manifest
            .importances
            .iter()
            .take(TOP)
            .map(|importance| vec![importance.feature.clone(), format!("{:.1} %", importance.share * 100.0)])
            .collect();
        let _ = write!(text, "\n{}", table(&["feature", "importance"], &rows, &[1]));
    }
    text.trim_end().to_owned()
}
