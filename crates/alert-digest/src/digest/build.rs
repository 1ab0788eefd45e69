//! From messages to a digest.

use recommend_text::{
    Analyzer, Dbscan, Documents, Frequency, Hdbscan, NOISE, Rows, Tfidf, TfidfOptions, knee_eps,
};
use rustc_hash::FxHashMap;

use super::describe::Describe;
use super::model::{Cluster, Digest, Message, Noise, Period, Trend};
use super::options::{Algorithm, DigestError, Options};
use super::{rank, trend};

/// Clusters messages and says of each cluster what it is.
///
/// `previous` is the digest of the period before, for [`Cluster::trend`] and [`Digest::resolved`]; its labels are not
/// read and may be empty. Messages may be in any order.
///
/// # Errors
/// When an option makes no sense: [`Options::check`].
///
/// ```
/// use alert_digest::digest::{Message, Options, digest};
///
/// let texts = ["disk sda1 is full on web-1", "disk sdb2 is full on web-7", "disk sda1 is full on web-3", "hello"];
/// let messages: Vec<Message> = texts.iter().enumerate().map(|(at, text)| Message::new(at.to_string(), *text)).collect();
/// let digest = digest(&messages, &Options::default(), None)?;
/// assert_eq!(digest.labels, [0, 0, 0, -1]);
/// assert_eq!(digest.clusters[0].template, "disk <*> is full on <*>");
/// # Ok::<(), alert_digest::digest::DigestError>(())
/// ```
pub fn digest(
    messages: &[Message],
    options: &Options,
    previous: Option<&Digest>,
) -> Result<Digest, DigestError> {
    options.check()?;
    let (documents, tfidf, rows) = weigh(messages, options)?;
    let (labels, eps) = label(&documents, &rows, options)?;

    let period = period(messages);
    let mut members: FxHashMap<i32, Vec<u32>> = FxHashMap::default();
    for (at, label) in labels.iter().enumerate() {
        members.entry(*label).or_default().push(at as u32);
    }
    let noise = members.remove(&NOISE).unwrap_or_default();
    let describe = Describe { messages, options, period, documents: &documents, tfidf: &tfidf, rows: &rows };
    let mut members: Vec<(i32, Vec<u32>)> = members.into_iter().collect();
    members.sort_unstable_by_key(|(id, _)| *id);
    let mut clusters: Vec<Cluster> =
        members.iter().map(|(id, members)| describe.cluster(*id, members)).collect();

    let matched = trend::compare(&mut clusters, period, previous);
    for cluster in &mut clusters {
        cluster.urgency = rank::urgency(cluster);
    }
    clusters.sort_by(|a, b| b.urgency.total_cmp(&a.urgency).then(a.id.cmp(&b.id)));
    let before = previous.map(|digest| digest.clusters.as_slice()).unwrap_or_default();
    let gone = before.iter().zip(matched).filter(|(_, matched)| !matched);
    Ok(Digest {
        messages: messages.len(),
        period,
        noise: Noise {
            size: noise.len(),
            share: noise.len() as f64 / messages.len().max(1) as f64,
            sparkline: describe.sparkline(&noise),
            examples: describe.examples(&noise),
        },
        labels,
        clusters,
        resolved: gone.map(|(cluster, _)| Cluster { trend: Trend::Resolved, ..cluster.clone() }).collect(),
        eps,
    })
}

/// The terms of the messages and their weights.
fn weigh(messages: &[Message], options: &Options) -> Result<(Documents, Tfidf, Rows), DigestError> {
    let mut analyzer = if options.mask { Analyzer::alerts() } else { Analyzer::default() };
    if let Some(language) = options.stop_words {
        analyzer = analyzer.stop_words(language);
    }
    if let Some(language) = options.stems {
        analyzer = analyzer.stems(language);
    }
    let texts: Vec<&str> = messages.iter().map(|message| message.text.as_str()).collect();
    let mut documents = Documents::of(&analyzer.ngrams(1, options.ngrams), &texts);
    if let Some(slots) = options.slots.filter(|_| options.mask) {
        documents = documents.without_slots(slots);
    }
    let mut weighing = TfidfOptions { max_features: options.max_features, ..TfidfOptions::default() };
    if options.mask && messages.len() > 1 {
        // A word that only one message has can't connect it with any other, but would keep it away from its like.
        weighing.min_df = Frequency::Count(2);
    }
    let (tfidf, rows) = Tfidf::fit(&documents, &weighing)?;
    Ok((documents, tfidf, rows))
}

/// One label per message, and the radius if there is one.
fn label(
    documents: &Documents,
    rows: &Rows,
    options: &Options,
) -> Result<(Vec<i32>, Option<f64>), DigestError> {
    match options.algorithm {
        Algorithm::Hdbscan => {
            let hdbscan = Hdbscan::new(options.min_samples.max(2), options.min_samples)?;
            Ok((hdbscan.labels_repeated(rows, documents.which()), None))
        }
        Algorithm::Dbscan => {
            let eps = match options.eps {
                None if options.auto_eps => knee_eps(rows, documents.which(), options.min_samples)?,
                given => given,
            };
            let eps = eps.unwrap_or(Options::EPS);
            let dbscan = Dbscan::new(eps, options.min_samples)?;
            Ok((dbscan.labels_repeated(rows, documents.which()), Some(eps)))
        }
    }
}

fn period(messages: &[Message]) -> Option<Period> {
    let times = || messages.iter().filter_map(|message| message.time);
    times().min().zip(times().max()).map(|(from, to)| Period { from, to })
}

#[cfg(test)]
mod tests;
