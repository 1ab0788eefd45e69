//! Clusters that live on: new messages join those that exist, which fade unless they are fed.
//!
//! After *DenStream* (Cao, Ester, Qian, Zhou, 2006): a cluster is kept as weighted centres whose weights halve in a given time. A
//! message joins the centre that is nearest within the radius; otherwise it is a centre of its own, and a new cluster once
//! enough others have joined it. What has faded is forgotten, so memory follows what is going on, not what has been.

use rustc_hash::FxHashMap;

use crate::vocabulary::Vocabulary;
use crate::{Analyzer, NOISE, Rows, Tfidf};

/// What can be chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamOptions {
    /// The radius as cosine distance.
    pub eps: f64,
    /// The weight at which what is new becomes a cluster.
    pub min_samples: f64,
    /// In how many seconds a weight halves.
    pub half_life: f64,
    /// Below this weight a centre is forgotten.
    pub least: f64,
}

impl Default for StreamOptions {
    /// For alerts: what was there this morning is a quarter by tonight.
    fn default() -> Self {
        StreamOptions { eps: 0.15, min_samples: 2.0, half_life: 6.0 * 3600.0, least: 0.1 }
    }
}

/// Where a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// A cluster that was there.
    Cluster(u32),
    /// A cluster that this message has made one.
    New(u32),
    /// Nothing yet: it waits for others like it.
    None,
}

#[derive(Debug)]
struct Centre {
    /// None while there are not enough messages.
    cluster: Option<u32>,
    /// The direction of the sum of the messages, of length 1.
    terms: FxHashMap<u32, f64>,
    weight: f64,
    /// When the weight was that.
    time: f64,
}

/// Clusters that messages join one by one.
///
/// ```
/// use recommend_text::{Analyzer, Documents, Joined, Stream, StreamOptions, Tfidf, TfidfOptions};
///
/// let texts = ["disk 1 is full", "disk 2 is full", "cart is slow"];
/// let documents = Documents::of(&Analyzer::alerts(), &texts);
/// let (tfidf, rows) = Tfidf::fit(&documents, &TfidfOptions::default())?;
/// let rows = rows.repeat(documents.which());
/// let mut stream = Stream::new(Analyzer::alerts(), tfidf, StreamOptions::default());
/// stream.seed(&rows, &[0, 0, -1], 0.0);
/// assert_eq!(stream.push("disk 7 is full", 60.0), Joined::Cluster(0));
/// assert_eq!(stream.push("mail queue grows", 61.0), Joined::None);
/// assert_eq!(stream.push("mail queue grows", 62.0), Joined::New(1));
/// # Ok::<(), recommend_text::TfidfError>(())
/// ```
#[derive(Debug)]
pub struct Stream {
    analyzer: Analyzer,
    tfidf: Tfidf,
    options: StreamOptions,
    /// Terms that were not there when weights were learned: their columns follow those of `tfidf`.
    unheard: Vocabulary,
    centres: FxHashMap<u32, Centre>,
    /// By column: the centres that have it.
    lists: FxHashMap<u32, Vec<u32>>,
    next_centre: u32,
    next_cluster: u32,
    pushed: usize,
}

/// So often what has faded is looked for.
const SWEEP: usize = 512;

impl Stream {
    /// No clusters yet; terms weigh what `tfidf` says, and those that it does not know as much as its rarest.
    pub fn new(analyzer: Analyzer, tfidf: Tfidf, options: StreamOptions) -> Self {
        Stream {
            analyzer,
            tfidf,
            options,
            unheard: Vocabulary::default(),
            centres: FxHashMap::default(),
            lists: FxHashMap::default(),
            next_centre: 0,
            next_cluster: 0,
            pushed: 0,
        }
    }

    /// Takes over clusters that were found: a row and a label per message, at a time in seconds. Clusters keep their labels as
    /// numbers; what is in none waits for others like it.
    pub fn seed(&mut self, rows: &Rows, labels: &[i32], time: f64) {
        let mut known: FxHashMap<Vec<(u32, u64)>, u32> = FxHashMap::default();
        for (row, label) in labels.iter().enumerate().take(rows.len()) {
            let (columns, values) = rows.row(row);
            if columns.is_empty() {
                continue;
            }
            let name = columns.iter().copied().zip(values.iter().map(|value| value.to_bits())).collect();
            let cluster = (*label != NOISE).then_some(*label as u32);
            self.next_cluster = self.next_cluster.max(cluster.map_or(0, |cluster| cluster + 1));
            let centre = known.get(&name).and_then(|centre| self.centres.get_mut(centre));
            if let Some(centre) = centre {
                centre.weight += 1.0;
            } else {
                let terms: Vec<(u32, f64)> = columns.iter().copied().zip(values.iter().copied()).collect();
                known.insert(name, self.add(terms, cluster, time));
            }
        }
    }

    /// Where a message belongs, at a time in seconds that does not go back.
    pub fn push(&mut self, text: &str, time: f64) -> Joined {
        self.pushed += 1;
        if self.pushed.is_multiple_of(SWEEP) {
            self.forget(time);
        }
        let terms = self.weigh(text);
        if terms.is_empty() {
            return Joined::None;
        }
        let Some(nearest) = self.nearest(&terms) else {
            self.add(terms, None, time);
            return Joined::None;
        };
        self.join(nearest, &terms, time)
    }

    /// The clusters that have not faded, with their weights at a time, the heaviest first.
    pub fn clusters(&self, time: f64) -> Vec<(u32, f64)> {
        let mut weights: FxHashMap<u32, f64> = FxHashMap::default();
        for centre in self.centres.values() {
            if let Some(cluster) = centre.cluster {
                *weights.entry(cluster).or_default() += self.weight(centre, time);
            }
        }
        let mut weights: Vec<(u32, f64)> =
            weights.into_iter().filter(|(_, weight)| *weight >= self.options.least).collect();
        weights.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        weights
    }

    fn weight(&self, centre: &Centre, time: f64) -> f64 {
        centre.weight * (-(time - centre.time).max(0.0) / self.options.half_life).exp2()
    }

    /// The terms of a text with weights of length 1.
    fn weigh(&mut self, text: &str) -> Vec<(u32, f64)> {
        let known = self.tfidf.idf().len() as u32;
        let rarest = self.tfidf.idf().iter().copied().fold(1.0, f64::max);
        let mut counts: FxHashMap<u32, f64> = FxHashMap::default();
        for term in self.analyzer.terms(text) {
            let (column, idf) = match self.tfidf.column(&term) {
                Some(column) => (column, self.tfidf.idf()[column as usize]),
                None => (known + self.unheard.add(&term), rarest),
            };
            *counts.entry(column).or_default() += idf;
        }
        let length = counts.values().map(|weight| weight * weight).sum::<f64>().sqrt();
        let mut terms: Vec<(u32, f64)> =
            counts.into_iter().map(|(term, weight)| (term, weight / length)).collect();
        terms.sort_unstable_by_key(|(term, _)| *term);
        terms
    }

    /// The centre that is nearest within the radius; of equally near ones the oldest.
    fn nearest(&self, terms: &[(u32, f64)]) -> Option<u32> {
        let mut products: FxHashMap<u32, f64> = FxHashMap::default();
        for (term, weight) in terms {
            for centre in self.lists.get(term).into_iter().flatten() {
                *products.entry(*centre).or_default() += weight * self.centres[centre].terms[term];
            }
        }
        let near = products.into_iter().filter(|(_, product)| 1.0 - product <= self.options.eps);
        near.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(centre, _)| centre)
    }

    fn join(&mut self, nearest: u32, terms: &[(u32, f64)], time: f64) -> Joined {
        let half_life = self.options.half_life;
        let Some(centre) = self.centres.get_mut(&nearest) else { return Joined::None };
        let before = centre.weight * (-(time - centre.time).max(0.0) / half_life).exp2();
        for weight in centre.terms.values_mut() {
            *weight *= before;
        }
        for (term, weight) in terms {
            *centre.terms.entry(*term).or_insert_with(|| {
                self.lists.entry(*term).or_default().push(nearest);
                0.0
            }) += weight;
        }
        let length = centre.terms.values().map(|weight| weight * weight).sum::<f64>().sqrt();
        centre.terms.values_mut().for_each(|weight| *weight /= length);
        centre.weight = before + 1.0;
        centre.time = time;
        match centre.cluster {
            Some(cluster) => Joined::Cluster(cluster),
            // What has faded a little since must not keep two of two from being enough.
            None if centre.weight.ceil() >= self.options.min_samples => {
                let new = self.next_cluster;
                self.next_cluster += 1;
                centre.cluster = Some(new);
                Joined::New(new)
            }
            None => Joined::None,
        }
    }

    fn add(&mut self, terms: Vec<(u32, f64)>, cluster: Option<u32>, time: f64) -> u32 {
        let number = self.next_centre;
        self.next_centre += 1;
        for (term, _) in &terms {
            self.lists.entry(*term).or_default().push(number);
        }
        self.centres
            .insert(number, Centre { cluster, terms: terms.into_iter().collect(), weight: 1.0, time });
        number
    }

    /// Drops the centres that have faded.
    fn forget(&mut self, time: f64) {
        let faded = |centre: &Centre| self.weight(centre, time) < self.options.least;
        let gone: Vec<u32> =
            self.centres.iter().filter(|(_, centre)| faded(centre)).map(|(number, _)| *number).collect();
        for number in gone {
            let Some(centre) = self.centres.remove(&number) else { continue };
            for term in centre.terms.keys() {
                if let Some(list) = self.lists.get_mut(term) {
                    list.retain(|other| *other != number);
                    if list.is_empty() {
                        self.lists.remove(term);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Documents, TfidfOptions};

    fn stream(options: StreamOptions) -> Stream {
        let documents = Documents::of(&Analyzer::alerts(), &["disk is full", "disk is full", "cart is slow"]);
        let (tfidf, rows) = Tfidf::fit(&documents, &TfidfOptions::default()).unwrap();
        let mut stream = Stream::new(Analyzer::alerts(), tfidf, options);
        stream.seed(&rows.repeat(documents.which()), &[0, 0, NOISE], 0.0);
        stream
    }

    #[test]
    fn a_cluster_fades_unless_it_is_fed() {
        let mut stream = stream(StreamOptions { half_life: 100.0, ..StreamOptions::default() });
        assert_eq!(stream.clusters(0.0), [(0, 2.0)]);
        assert_eq!(stream.clusters(100.0), [(0, 1.0)]);
        assert_eq!(stream.push("disk is full", 100.0), Joined::Cluster(0));
        assert_eq!(stream.clusters(100.0), [(0, 2.0)]);
        assert!(stream.clusters(1000.0).is_empty());
    }

    #[test]
    fn what_was_alone_becomes_a_cluster_with_the_next_like_it() {
        let mut stream = stream(StreamOptions::default());
        assert_eq!(stream.push("cart is slow", 1.0), Joined::New(1));
        assert_eq!(stream.push("cart is slow", 2.0), Joined::Cluster(1));
    }

    #[test]
    fn messages_without_terms_join_nothing() {
        assert_eq!(stream(StreamOptions::default()).push("10.0.0.1 5ms", 1.0), Joined::None);
    }

    #[test]
    fn what_has_faded_takes_no_memory() {
        let mut stream = stream(StreamOptions { half_life: 1.0, ..StreamOptions::default() });
        for at in 0..4 * SWEEP {
            let word: String = format!("{at:x}").chars().map(|c| char::from(b'a' + c as u8 % 26)).collect();
            stream.push(&format!("unheard {word}{word} of"), at as f64 * 10.0);
        }
        assert!(stream.centres.len() <= SWEEP, "{}", stream.centres.len());
        assert!(stream.lists.len() <= 2 * SWEEP, "{}", stream.lists.len());
    }
}
