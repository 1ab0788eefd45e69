//! What a cluster is: its template, its medoid, its words, its times.

use jiff::Timestamp;
use recommend_text::{Documents, Rows, Tfidf};
use rustc_hash::FxHashMap;

use super::model::{Author, Cluster, Count, Message, Period, Term, Trend};
use super::options::Options;
use super::template;

/// What there is to know about the messages.
pub(super) struct Describe<'a> {
    pub(super) messages: &'a [Message],
    pub(super) options: &'a Options,
    pub(super) period: Option<Period>,
    pub(super) documents: &'a Documents,
    pub(super) tfidf: &'a Tfidf,
    pub(super) rows: &'a Rows,
}

/// Messages with the same terms: the first of them, and how many there are.
struct Kind {
    document: usize,
    first: u32,
    count: usize,
}

impl Describe<'_> {
    /// A cluster of these messages; its trend and urgency are not decided yet.
    pub(super) fn cluster(&self, id: i32, members: &[u32]) -> Cluster {
        let kinds = self.kinds(members);
        let medoid = self.medoid(&kinds);
        let text = |message: u32| self.messages[message as usize].text.as_str();
        let mut shown: Vec<u32> = vec![medoid];
        shown
            .extend(spread(&kinds, template::SAMPLE).map(|kind| kind.first).filter(|first| *first != medoid));
        // Texts that became equal by masking still differ where the mask is.
        let template = template::template(shown.iter().map(|message| text(*message)), self.options.mask);
        let mut times = Span::default();
        members.iter().filter_map(|member| self.time(*member)).for_each(|time| times.add(time));
        let message = |member: &u32| &self.messages[*member as usize];
        Cluster {
            id,
            key: template::key(&template),
            size: members.len(),
            share: members.len() as f64 / self.messages.len() as f64,
            first_seen: times.first,
            last_seen: times.last,
            sparkline: self.sparkline(members),
            template,
            medoid: self.example(medoid),
            terms: self.terms(&kinds, members.len()),
            examples: self.examples_of(&kinds, members),
            channels: counts(members.iter().filter_map(|member| message(member).channel.as_deref())),
            authors: counts(members.iter().filter_map(|member| match message(member).author.as_ref()? {
                Author::User(name) | Author::Bot(name) => Some(name.as_str()),
            })),
            trend: Trend::Steady,
            previous_size: None,
            urgency: 0.0,
            summary: None,
        }
    }

    fn time(&self, message: u32) -> Option<Timestamp> {
        self.messages[message as usize].time
    }

    /// The different kinds of messages, the most frequent first.
    fn kinds(&self, members: &[u32]) -> Vec<Kind> {
        let mut kinds: FxHashMap<u32, Kind> = FxHashMap::default();
        for member in members {
            let document = self.documents.which()[*member as usize];
            let kind = Kind { document: document as usize, first: *member, count: 0 };
            kinds.entry(document).or_insert(kind).count += 1;
        }
        let mut kinds: Vec<Kind> = kinds.into_values().collect();
        kinds.sort_unstable_by(|a, b| b.count.cmp(&a.count).then(a.first.cmp(&b.first)));
        kinds
    }

    /// The sums of the weights of the messages' terms, by column.
    fn sums(&self, kinds: &[Kind]) -> FxHashMap<u32, f64> {
        let mut sums: FxHashMap<u32, f64> = FxHashMap::default();
        for kind in kinds {
            let (columns, values) = self.rows.row(kind.document);
            for (column, value) in columns.iter().zip(values) {
                *sums.entry(*column).or_default() += value * kind.count as f64;
            }
        }
        sums
    }

    /// The message whose mean cosine distance from all others is least; of several the first.
    fn medoid(&self, kinds: &[Kind]) -> u32 {
        let sums = self.sums(kinds);
        let towards = |kind: &Kind| {
            let (columns, values) = self.rows.row(kind.document);
            columns.iter().zip(values).map(|(column, value)| sums[column] * value).sum::<f64>()
        };
        let mut best = (f64::NEG_INFINITY, u32::MAX);
        for kind in kinds {
            let towards = towards(kind);
            if towards > best.0 || (towards == best.0 && kind.first < best.1) {
                best = (towards, kind.first);
            }
        }
        best.1
    }

    fn terms(&self, kinds: &[Kind], members: usize) -> Vec<Term> {
        let mut sums: Vec<(u32, f64)> = self.sums(kinds).into_iter().collect();
        sums.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let term = |(column, sum): &(u32, f64)| Term {
            term: self.tfidf.term(*column).to_owned(),
            weight: sum / members as f64,
        };
        sums.iter().take(self.options.terms).map(term).collect()
    }

    /// One message of each of the most frequent kinds; if there are not enough kinds, others spread over the members.
    fn examples_of(&self, kinds: &[Kind], members: &[u32]) -> Vec<Message> {
        let wanted = self.options.examples.min(members.len());
        let mut chosen: Vec<u32> = kinds.iter().take(wanted).map(|kind| kind.first).collect();
        let rest = (0..wanted).map(|at| members[(at * members.len() + members.len() / 2) / wanted]);
        for member in rest.chain(members.iter().copied().take(2 * wanted)) {
            if chosen.len() < wanted && !chosen.contains(&member) {
                chosen.push(member);
            }
        }
        chosen.sort_unstable_by_key(|member| (self.time(*member), *member));
        chosen.into_iter().map(|member| self.example(member)).collect()
    }

    /// Some of these messages, spread over them.
    pub(super) fn examples(&self, members: &[u32]) -> Vec<Message> {
        let wanted = self.options.examples.min(members.len());
        let mut chosen: Vec<u32> = (0..wanted).map(|at| members[at * members.len() / wanted]).collect();
        chosen.sort_unstable_by_key(|member| (self.time(*member), *member));
        chosen.into_iter().map(|member| self.example(member)).collect()
    }

    /// A message that stands for others in a report: its text is cut.
    fn example(&self, at: u32) -> Message {
        let message = &self.messages[at as usize];
        Message { text: shortened(&message.text, self.options.example_chars), ..message.clone() }
    }

    /// How many of these messages fell into each part of the period.
    pub(super) fn sparkline(&self, members: &[u32]) -> Vec<u32> {
        let Some(Period { from, to }) = self.period else { return Vec::new() };
        let buckets = self.options.buckets.max(1);
        let mut counts = vec![0; buckets];
        let from = i128::from(from.as_millisecond());
        let span = i128::from(to.as_millisecond()) - from + 1;
        for time in members.iter().filter_map(|member| self.time(*member)) {
            let bucket = (i128::from(time.as_millisecond()) - from) * buckets as i128 / span;
            counts[(bucket as usize).min(buckets - 1)] += 1;
        }
        counts
    }
}

#[derive(Default)]
struct Span {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Span {
    fn add(&mut self, time: Timestamp) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }
}

/// At most so many of these, spread over all of them.
fn spread<T>(all: &[T], most: usize) -> impl Iterator<Item = &T> {
    all.iter().step_by(all.len().div_ceil(most).max(1))
}

/// The first characters, with an ellipsis if there were more.
fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}

fn counts<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Count> {
    let mut counts: FxHashMap<&str, usize> = FxHashMap::default();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let count = |(name, count): (&str, usize)| Count { name: name.to_owned(), count };
    let mut counts: Vec<Count> = counts.into_iter().map(count).collect();
    counts.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    counts
}
