//! From rows to requests with their impressions, and the interactions that answered them.

use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use recommend_core::{
    EntityId, FeatureMatrix, FeatureSchema, Interaction, InteractionId, Name, Recommended, RequestId,
    TenantId, Timestamp, UserId,
};
use recommend_events::RequestLog;
use recommend_stores::IdBatch;
use rustc_hash::FxHashMap;
use siphasher::sip128::{Hasher128, SipHasher13};

use super::super::mapping::{Assignment, Bound, Mapping, Selection};
use super::super::rejects::Fault;
use super::super::table::{Cell, Table};
use super::super::time::TimeRule;
use super::super::values::{flag, id, number};
use super::{ImpressionArgs, Named};

const FIELDS: &[&str] = &["user", "entity", "time", "request", "position", "score", "propensity", "corpus"];

/// What was read, ready for the log.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) requests: Vec<RequestLog>,
    pub(super) interactions: Vec<Interaction>,
    /// The strings that only a dictionary can turn back.
    pub(super) ids: IdBatch,
}

/// What is the same for all files.
pub(super) struct Rows {
    assignments: Vec<Assignment>,
    features: Vec<Named>,
    answers: Vec<Named>,
    times: TimeRule,
    tenant: TenantId,
    corpus: Name,
    source: Name,
    model: Arc<str>,
    schema: Arc<FeatureSchema>,
    fetchers: Arc<[Name]>,
}

impl Rows {
    /// # Errors
    /// When an assignment names no field, or a feature is there twice.
    pub(super) fn new(
        args: &ImpressionArgs,
        corpus: Name,
        tenant: TenantId,
        times: TimeRule,
    ) -> Result<Self, String> {
        Mapping::new(FIELDS, &args.files.map)?;
        for (at, Named { name, .. }) in args.feature.iter().enumerate() {
            if args.feature[..at].iter().any(|other| other.name == *name) {
                return Err(format!("--feature {name}=… is given twice"));
            }
        }
        let names = args.feature.iter().map(|feature| feature.name.clone()).collect();
        Ok(Rows {
            assignments: args.files.map.clone(),
            features: args.feature.clone(),
            answers: args.answer.clone(),
            times,
            tenant,
            corpus,
            source: args.source.clone(),
            model: args.model.as_str().into(),
            schema: Arc::new(FeatureSchema::new(names)),
            fetchers: Arc::from([Name::literal("imported")]),
        })
    }

    /// Finds the columns of a file.
    ///
    /// # Errors
    /// A sentence that says what is missing and which flag adds it.
    pub(super) fn bind(&self, table: &dyn Table, selection: &mut Selection) -> Result<BoundRows<'_>, String> {
        let mapping = Mapping::new(FIELDS, &self.assignments)?;
        let user = mapping.required("user", table, selection)?;
        let entity = mapping.required("entity", table, selection)?;
        let time = mapping.required("time", table, selection)?;
        let optional = ["request", "position", "score", "propensity"];
        let [request, position, score, propensity] =
            optional.map(|field| mapping.field(field, table, selection));
        let mut named = |list: &[Named]| list.iter().map(|named| selection.column(&named.column)).collect();
        let (features, answers) = (named(&self.features), named(&self.answers));
        Ok(BoundRows {
            rows: self,
            fields: Fields { user, entity, time, request, position, score, propensity },
            features,
            answers,
            occurrences: FxHashMap::default(),
            open: None,
            requests: Vec::new(),
            interactions: Vec::new(),
        })
    }
}

struct Fields {
    user: Bound,
    entity: Bound,
    time: Bound,
    request: Bound,
    position: Bound,
    score: Bound,
    propensity: Bound,
}

/// The rows of one file.
pub(super) struct BoundRows<'a> {
    rows: &'a Rows,
    fields: Fields,
    features: Vec<Bound>,
    answers: Vec<Bound>,
    /// How often a row without a request has come, so that two alike are two.
    occurrences: FxHashMap<u128, u32>,
    open: Option<Open>,
    requests: Vec<RequestLog>,
    interactions: Vec<Interaction>,
}

/// A request whose rows are being read.
struct Open {
    request: RequestId,
    time: Timestamp,
    user: UserId,
    shown: Vec<Shown>,
}

struct Shown {
    entity: EntityId,
    position: f64,
    score: f32,
    propensity: f32,
    features: Vec<f32>,
    /// The places of the answers that it has.
    answers: Vec<usize>,
}

impl BoundRows<'_> {
    /// Takes the current row.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn row(&mut self, table: &dyn Table, ids: &mut IdBatch) -> Result<(), Fault> {
        let cell =
            |bound: &Bound| -> Option<String> { bound.get(table).text().map(std::borrow::Cow::into_owned) };
        let (user, entity) =
            (id("user", self.fields.user.get(table))?, id("entity", self.fields.entity.get(table))?);
        let time =
            self.rows.times.read(self.fields.time.get(table)).map_err(|reason| Fault::new("time", reason))?;
        let time = time.ok_or_else(|| Fault::new("time", "is missing"))?;
        let request = match cell(&self.fields.request) {
            // As the API returned it, or whatever the other system calls it.
            Some(text) => text.parse().unwrap_or_else(|_| self.hash(&[text.as_bytes()])),
            None => self.request_of_row(time, &user, &entity),
        };
        let single =
            |field, bound: &Bound| number(field, bound.get(table)).map(|value| value.map(|v| v as f32));
        let propensity = single("propensity", &self.fields.propensity)?.unwrap_or(1.0);
        if !(propensity > 0.0 && propensity <= 1.0) {
            return Err(Fault::new(
                "propensity",
                format_args!("{propensity} is no probability above 0 and up to 1"),
            ));
        }
        let score = single("score", &self.fields.score)?.unwrap_or(0.0);
        let position = number("position", self.fields.position.get(table))?.unwrap_or(0.0);
        let mut features = Vec::with_capacity(self.features.len());
        for (bound, named) in self.features.iter().zip(&self.rows.features) {
            features.push(single(named.name.as_str(), bound)?.unwrap_or(f32::NAN));
        }
        let mut answers = Vec::new();
        for (at, (bound, named)) in self.answers.iter().zip(&self.rows.answers).enumerate() {
            if answered(named.name.as_str(), bound.get(table))? {
                answers.push(at);
            }
        }
        let wrong = |error| Fault::new("id", error);
        let (user, entity) = (ids.user(&user).map_err(wrong)?, ids.entity(&entity).map_err(wrong)?);
        let shown = Shown { entity, position, score, propensity, features, answers };
        match &mut self.open {
            Some(open) if open.request == request => open.shown.push(shown),
            _ => {
                self.end();
                self.open = Some(Open { request, time, user, shown: vec![shown] });
            }
        }
        Ok(())
    }

    /// How many requests are complete.
    pub(super) fn complete(&self) -> usize {
        self.requests.len()
    }

    /// The last request is complete.
    pub(super) fn end(&mut self) {
        let Some(Open { request, time, user, mut shown }) = self.open.take() else { return };
        shown.sort_by(|a, b| a.position.total_cmp(&b.position));
        let rows = self.rows;
        for item in &shown {
            for at in &item.answers {
                let kind = rows.answers[*at].name.clone();
                let id = self.hash(&[
                    &request.0.to_be_bytes(),
                    &item.entity.0.to_be_bytes(),
                    kind.as_str().as_bytes(),
                ]);
                self.interactions.push(Interaction {
                    id: InteractionId(id.0),
                    request: Some(request),
                    tenant: rows.tenant,
                    user,
                    corpus: rows.corpus.clone(),
                    entity: item.entity,
                    kind,
                    time,
                    value: 1.0,
                });
            }
        }
        let count = u32::try_from(shown.len()).unwrap_or(u32::MAX);
        let cells = |(row, column): (usize, usize)| shown[row].features[column];
        self.requests.push(RequestLog {
            request,
            time,
            tenant: rows.tenant,
            user,
            corpus: rows.corpus.clone(),
            source: rows.source.clone(),
            experiment: None,
            variant: None,
            shadow_of: None,
            drafted: Vec::new(),
            model: rows.model.clone(),
            features: FeatureMatrix::from_shape_fn((shown.len(), rows.schema.len()), cells),
            schema: rows.schema.clone(),
            fetchers: rows.fetchers.clone(),
            limit: count,
            candidates: count,
            scored: count,
            latency: Duration::ZERO,
            seed: 0,
            degraded: Vec::new(),
            items: shown
                .iter()
                .map(|item| Recommended {
                    entity: item.entity,
                    score: item.score,
                    propensity: item.propensity,
                    fetched_by: 1,
                })
                .collect(),
        });
    }

    /// What is complete.
    pub(super) fn take(&mut self, ids: IdBatch) -> Made {
        let requests = std::mem::take(&mut self.requests);
        Made { requests, interactions: std::mem::take(&mut self.interactions), ids }
    }

    /// The id of a request that has one row and no name.
    fn request_of_row(&mut self, time: Timestamp, user: &str, entity: &str) -> RequestId {
        let row = self.hash(&[&time.millis().to_be_bytes(), user.as_bytes(), entity.as_bytes()]).0;
        let seen = self.occurrences.entry(row).or_insert(0);
        *seen += 1;
        let seen = seen.to_be_bytes();
        self.hash(&[&row.to_be_bytes(), &seen])
    }

    /// The same parts give the same id, in this corpus and source of this tenant.
    fn hash(&self, parts: &[&[u8]]) -> RequestId {
        let mut hasher = SipHasher13::new();
        let (corpus, source) = (self.rows.corpus.as_str().as_bytes(), self.rows.source.as_str().as_bytes());
        hasher.write_u64(self.rows.tenant.0);
        for part in [corpus, source].iter().chain(parts) {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        RequestId(hasher.finish128().as_u128())
    }
}

/// Whether a cell says that it happened.
fn answered(field: &str, cell: Cell<'_>) -> Result<bool, Fault> {
    match number(field, cell) {
        Ok(value) => Ok(value.is_some_and(|value| value > 0.0)),
        Err(_) => flag(field, cell).map(|flag| flag.unwrap_or(false)),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use recommend_core::IdCodec;

    use super::super::super::table::tests::table;
    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        args: ImpressionArgs,
    }

    fn read(text: &str, flags: &[&str]) -> (Made, Vec<Fault>) {
        let fixed = ["x", "x.csv", "--data", "d", "--tenant", "t", "--source", "home", "--corpus", "item"];
        let Flags { args } = Flags::parse_from(fixed.iter().chain(flags));
        let times = args.files.read.times().unwrap();
        let rows = Rows::new(&args, Name::literal("item"), TenantId(1), times).unwrap();
        let (_folder, mut table) = table("x.csv", text.as_bytes());
        let mut selection = Selection::default();
        let mut bound = rows.bind(&*table, &mut selection).unwrap();
        selection.apply(&mut *table).unwrap();
        let (mut ids, mut faults) = (IdBatch::new(IdCodec::new([1; 16])), Vec::new());
        while table.advance().unwrap() {
            faults.extend(bound.row(&*table, &mut ids).err());
        }
        bound.end();
        (bound.take(ids), faults)
    }

    const TEXT: &str = "\
user,entity,time,slate,position,propensity,price,bought
7,1,1700000000,a,2,0.25,9.5,1
7,2,1700000000,a,1,0.5,,0
8,1,1700000001,b,1,1,3,true
";

    #[test]
    fn rows_of_a_slate_become_one_request_in_the_order_of_position() {
        let flags = ["--map", "request=slate", "--feature", "cost=price", "--answer", "purchase=bought"];
        let (made, faults) = read(TEXT, &flags);
        assert_eq!(faults, []);
        let [first, second] = &made.requests[..] else { panic!("{} requests", made.requests.len()) };
        assert_eq!(
            first.items.iter().map(|item| (item.entity.0, item.propensity)).collect::<Vec<_>>(),
            [(2, 0.5), (1, 0.25)]
        );
        assert!(first.features[[0, 0]].is_nan() && first.features[[1, 0]] == 9.5);
        assert_eq!(second.items.len(), 1);
        let answers: Vec<_> = made.interactions.iter().map(|done| (done.request, done.entity.0)).collect();
        assert_eq!(answers, [(Some(first.request), 1), (Some(second.request), 1)]);
        assert_eq!(made.interactions[0].kind, "purchase");
    }

    #[test]
    fn without_a_request_each_row_is_one_and_the_same_again_next_time() {
        let ids = |text| read(text, &[]).0.requests.iter().map(|request| request.request).collect::<Vec<_>>();
        let twice = TEXT.to_owned() + "8,1,1700000001,b,1,1,3,true\n";
        assert_eq!(ids(TEXT).len(), 3);
        assert_eq!(ids(TEXT), ids(TEXT));
        let with_twice = ids(&twice);
        assert!(with_twice[2] != with_twice[3], "two rows alike are two requests");
    }

    #[test]
    fn a_fault_names_the_field() {
        let text = "user,entity,time,propensity\n1,1,1700000000,0\n1,,1700000000,1\n1,1,soon,1\n1,1,1700000000,1.5\n";
        let (made, faults) = read(text, &[]);
        assert!(made.requests.is_empty());
        let fields: Vec<_> = faults.iter().map(|fault| fault.reason.split(':').next().unwrap()).collect();
        assert_eq!(fields, ["propensity", "entity", "time", "propensity"]);
    }
}
