//! Words: why something was recommended, in a sentence that a person reads.

use std::collections::BTreeMap;

use recommend_features::Description;
use recommend_server::proto;

/// What the score or rank of a fetcher means.
const FETCHERS: [(&str, &str); 7] = [
    ("related", "used by people with the same habits"),
    ("popular", "popular"),
    ("recent", "new"),
    ("contacts", "often in touch"),
    ("co-participants", "often in touch with those already there"),
    ("relations", "already yours"),
    ("time-slots", "within the week"),
];

/// The features, by name.
pub(crate) struct Words(BTreeMap<String, Description>);

impl Words {
    /// From the declarations of the configuration.
    pub(crate) fn new(declared: impl IntoIterator<Item = Description>) -> Self {
        Words(declared.into_iter().map(|feature| (feature.name.to_string(), feature)).collect())
    }

    /// The two contributions that mattered most, as `messages in 2 weeks: 38 (+0.42)`.
    pub(crate) fn why(&self, explanation: &proto::Explanation) -> String {
        let mut parts: Vec<&proto::Contribution> =
            explanation.contributions.iter().filter(|part| part.contribution.abs() >= 0.005).collect();
        parts.sort_by(|a, b| {
            b.contribution.abs().total_cmp(&a.contribution.abs()).then_with(|| a.feature.cmp(&b.feature))
        });
        if parts.is_empty() {
            return "nothing speaks against it".to_owned();
        }
        let told: Vec<String> = parts.iter().take(2).map(|part| self.part(part)).collect();
        told.join(" · ")
    }

    fn part(&self, part: &proto::Contribution) -> String {
        format!("{} ({:+.2})", self.evidence(part), part.contribution)
    }

    fn evidence(&self, part: &proto::Contribution) -> String {
        if let Some(feature) = self.0.get(&part.feature) {
            let what = match feature.description.as_str() {
                "" => part.feature.as_str(),
                description => description,
            };
            return match feature.kind {
                "hour-of-week" => format!("{what}: {:.1} %", part.value * 100.0),
                _ => format!("{what}: {}", number(part.value)),
            };
        }
        let fetcher = part.feature.trim_end_matches(".score").trim_end_matches(".rank");
        match FETCHERS.iter().find(|(name, _)| *name == fetcher) {
            Some((_, words)) => (*words).to_owned(),
            None => format!("{}: {}", part.feature, number(part.value)),
        }
    }
}

/// Whole numbers as such, others with as many digits as say something.
fn number(value: f32) -> String {
    match value {
        value if value.is_nan() => "none".to_owned(),
        value if value.fract() == 0.0 => format!("{value:.0}"),
        value if value.abs() >= 10.0 => format!("{value:.0}"),
        value if value.abs() >= 0.1 => format!("{value:.1}"),
        value => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use recommend_features::{Declarations, HourOfWeek, Interactions};

    use super::*;

    fn part(feature: &str, value: f32, contribution: f32) -> proto::Contribution {
        proto::Contribution { feature: feature.to_owned(), value, contribution }
    }

    #[test]
    fn the_largest_contributions_are_told_first_and_in_words() {
        let declared = Declarations::new()
            .with("messages_7d", Interactions::of(["message"]).count().about("messages in a week"))
            .with("team_hour", HourOfWeek::of_tenant().feature().about("share of the team's week"));
        let words = Words::new(declared.describe());
        let contributions = vec![
            part("age_days", 3.25, 0.1),
            part("messages_7d", 38.0, 0.42),
            part("related.score", 0.7, -0.5),
            part("none", f32::NAN, 0.0),
        ];
        let why = words.why(&proto::Explanation { contributions, ..proto::Explanation::default() });
        assert_eq!(why, "used by people with the same habits (-0.50) · messages in a week: 38 (+0.42)");
        let contributions = vec![part("team_hour", 0.0213, 0.5), part("other", 2.0, 0.1)];
        let why = words.why(&proto::Explanation { contributions, ..proto::Explanation::default() });
        assert_eq!(why, "share of the team's week: 2.1 % (+0.50) · other: 2 (+0.10)");
        assert_eq!(words.why(&proto::Explanation::default()), "nothing speaks against it");
    }

    #[test]
    fn numbers_have_the_digits_that_matter() {
        assert_eq!(
            [0.0, 7.0, 12.34, 1.26, 0.012, f32::NAN].map(number),
            ["0", "7", "12", "1.3", "0.012", "none"]
        );
    }
}
