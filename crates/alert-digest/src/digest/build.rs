//! From messages to a digest.

use jiff::Timestamp;
use recommend_text::{Analyzer, Dbscan, Documents, NOISE, Rows, Tfidf, TfidfOptions};
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

use super::model::{Author, Cluster, Count, Digest, Example, Message, Noise, Period, Term, Trend};
use super::options::{DigestError, Options};

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
/// assert_eq!(digest.clusters[0].size, 3);
/// # Ok::<(), alert_digest::digest::DigestError>(())
/// ```
pub fn digest(
    messages: &[Message],
    options: &Options,
    previous: Option<&Digest>,
) -> Result<Digest, DigestError> {
    options.check()?;
    let analyzer = if options.mask { Analyzer::alerts() } else { Analyzer::default() };
    let texts: Vec<&str> = messages.iter().map(|message| message.text.as_str()).collect();
    let documents = Documents::of(&analyzer, &texts);
    let weighing = TfidfOptions { max_features: options.max_features, ..TfidfOptions::default() };
    let (tfidf, rows) = Tfidf::fit(&documents, &weighing)?;
    let eps = options.eps.unwrap_or(Options::EPS);
    let labels = Dbscan::new(eps, options.min_samples)?.labels_repeated(&rows, documents.which());

    let times = messages.iter().filter_map(|message| message.time);
    let period = times.clone().min().zip(times.max()).map(|(from, to)| Period { from, to });
    let mut members: FxHashMap<i32, Vec<usize>> = FxHashMap::default();
    for (at, label) in labels.iter().enumerate() {
        members.entry(*label).or_default().push(at);
    }
    let noise = members.remove(&NOISE).unwrap_or_default();
    let context = Context { messages, options, period, documents: &documents, tfidf: &tfidf, rows: &rows };
    let mut clusters: Vec<Cluster> =
        members.iter().map(|(id, members)| context.cluster(*id, members, previous)).collect();
    clusters.sort_by(|a, b| b.urgency.total_cmp(&a.urgency).then(a.id.cmp(&b.id)));
    let resolved = previous.into_iter().flat_map(|digest| &digest.clusters);
    let resolved = resolved.filter(|before| clusters.iter().all(|cluster| cluster.key != before.key));
    let resolved = resolved.map(|cluster| Cluster { trend: Trend::Resolved, ..cluster.clone() }).collect();
    Ok(Digest {
        messages: messages.len(),
        period,
        noise: Noise {
            size: noise.len(),
            share: noise.len() as f64 / messages.len().max(1) as f64,
            sparkline: context.sparkline(&noise),
            examples: context.examples(&noise),
        },
        labels,
        clusters,
        resolved,
        eps: Some(eps),
    })
}

struct Context<'a> {
    messages: &'a [Message],
    options: &'a Options,
    period: Option<Period>,
    documents: &'a Documents,
    tfidf: &'a Tfidf,
    rows: &'a Rows,
}

impl Context<'_> {
    fn cluster(&self, id: i32, members: &[usize], previous: Option<&Digest>) -> Cluster {
        let template = self.template(members);
        let mut hasher = FxHasher::default();
        template.hash(&mut hasher);
        let key = format!("{:016x}", hasher.finish());
        let before = previous.and_then(|digest| digest.clusters.iter().find(|cluster| cluster.key == key));
        let previous_size = previous.map(|_| before.map_or(0, |cluster| cluster.size));
        let trend = match previous_size {
            Some(0) => Trend::New,
            Some(before) if members.len() > 2 * before => Trend::Rising,
            Some(before) if 2 * members.len() < before => Trend::Falling,
            _ => Trend::Steady,
        };
        let mut sums: FxHashMap<u32, f64> = FxHashMap::default();
        for member in members {
            let (columns, values) = self.rows.row(self.documents.which()[*member] as usize);
            for (column, value) in columns.iter().zip(values) {
                *sums.entry(*column).or_default() += value;
            }
        }
        let towards = |member: usize| {
            let (columns, values) = self.rows.row(self.documents.which()[member] as usize);
            columns.iter().zip(values).map(|(column, value)| sums[column] * value).sum::<f64>()
        };
        let medoid =
            members.iter().copied().max_by(|a, b| towards(*a).total_cmp(&towards(*b)).then(b.cmp(a)));
        let mut terms: Vec<(u32, f64)> = sums.iter().map(|(column, sum)| (*column, *sum)).collect();
        terms.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        terms.truncate(self.options.terms);
        let term = |(column, sum): (u32, f64)| Term {
            term: self.tfidf.term(column).to_owned(),
            weight: sum / members.len() as f64,
        };
        let times = || members.iter().filter_map(|member| self.messages[*member].time);
        Cluster {
            id,
            key,
            size: members.len(),
            share: members.len() as f64 / self.messages.len() as f64,
            first_seen: times().min(),
            last_seen: times().max(),
            sparkline: self.sparkline(members),
            template,
            medoid: self.example(medoid.unwrap_or(members[0])),
            terms: terms.into_iter().map(term).collect(),
            examples: self.examples(members),
            channels: counts(members.iter().filter_map(|member| self.messages[*member].channel.as_deref())),
            authors: counts(members.iter().filter_map(|member| match &self.messages[*member].author {
                Some(Author::User(name) | Author::Bot(name)) => Some(name.as_str()),
                None => None,
            })),
            trend,
            previous_size,
            urgency: (members.len() as f64).ln_1p() * if trend == Trend::New { 2.0 } else { 1.0 },
            summary: None,
        }
    }

    /// The tokens that every message has in the order of the first one, the others as a mask.
    fn template(&self, members: &[usize]) -> String {
        let Some((first, others)) = members.split_first() else { return String::new() };
        let terms = |member: usize| self.documents.terms(self.documents.which()[member] as usize);
        let others: std::collections::BTreeSet<u32> =
            others.iter().map(|at| self.documents.which()[*at]).collect();
        let mut words: Vec<&str> = Vec::new();
        for token in terms(*first) {
            let common =
                others.iter().all(|other| self.documents.terms(*other as usize).any(|term| term == token));
            let word = if common { token } else { "<*>" };
            if word != "<*>" || words.last() != Some(&"<*>") {
                words.push(word);
            }
        }
        words.join(" ")
    }

    fn sparkline(&self, members: &[usize]) -> Vec<u32> {
        let Some(Period { from, to }) = self.period else { return Vec::new() };
        let buckets = self.options.buckets.max(1);
        let mut counts = vec![0; buckets];
        let at = |time: Timestamp| i128::from(time.as_millisecond());
        let span = (at(to) - at(from) + 1).max(1);
        for time in members.iter().filter_map(|member| self.messages[*member].time) {
            let bucket = ((at(time) - at(from)) * buckets as i128 / span) as usize;
            counts[bucket.min(buckets - 1)] += 1;
        }
        counts
    }

    fn examples(&self, members: &[usize]) -> Vec<Example> {
        let step = members.len().div_ceil(self.options.examples.max(1)).max(1);
        members.iter().step_by(step).take(self.options.examples).map(|member| self.example(*member)).collect()
    }

    fn example(&self, at: usize) -> Example {
        let message = &self.messages[at];
        Example {
            id: message.id.clone(),
            time: message.time,
            text: message.text.chars().take(self.options.example_chars).collect(),
            channel: message.channel.clone(),
            author: message.author.clone(),
            permalink: message.permalink.clone(),
        }
    }
}

fn counts<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Count> {
    let mut counts: FxHashMap<&str, usize> = FxHashMap::default();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<Count> =
        counts.into_iter().map(|(name, count)| Count { name: name.to_owned(), count }).collect();
    counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    counts
}
