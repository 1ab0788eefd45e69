//! What a feature is, in words, from its declaration.

use std::time::Duration;

use recommend_core::Name;

use crate::feature::{Feature, FeatureScope, What};
use crate::kinds::interactions::{Aggregated, Interactions, Measure};

impl Feature {
    /// How it is computed, in a sentence that follows from the declaration alone.
    ///
    /// ```
    /// use recommend_core::days;
    /// use recommend_features::Interactions;
    /// let feature = Interactions::of(["message"]).window(days(7)).count();
    /// assert_eq!(feature.explained(), "how many interactions of kind message with the candidate in the last 7d; 0 without any");
    /// ```
    pub fn explained(&self) -> String {
        let mut text = match &self.what {
            What::Attribute(attribute) => attribute.explained(),
            What::Predicate(matches) => matches.explained(),
            What::Context(context) => context.explained(),
            What::Aggregate(aggregated) => aggregated.explained(),
            What::Ratio(ratio) => ratio.explained(),
            What::HourOfWeek(_) => "the share of activity in an hour of the week (UTC), 0 to 1".to_owned(),
            What::Relation(relation) => relation.explained(),
            What::Stored(stored) => stored.explained(),
            What::CoInteraction(shared) => shared.explained(),
            What::Cosine(cosine) => cosine.explained(),
            What::Affinity(_) => {
                "interactions between the candidate and other people, each halved in weight per half-life"
                    .to_owned()
            }
        };
        if let Some(default) = self.default {
            text.push_str(&format!("; {default} where it is missing"));
        }
        text
    }
}

/// `interactions of kind a or b with the candidate in the last 7d`.
fn over(over: &Interactions) -> String {
    let kinds: Vec<&str> = over.interactions.iter().map(Name::as_str).collect();
    let kinds = match &kinds[..] {
        [] => "interactions".to_owned(),
        kinds => format!("interactions of kind {}", kinds.join(" or ")),
    };
    let whose = match over.scope {
        FeatureScope::User => "of the user",
        FeatureScope::Pair => "of the user with the candidate",
        FeatureScope::Tenant => "of everybody",
        FeatureScope::Entity | FeatureScope::Query => "with the candidate",
    };
    let corpus = over.corpus.as_ref().map(|corpus| format!(" in the corpus {corpus}")).unwrap_or_default();
    let window = match over.window {
        Some(window) => format!(" in the last {}", shown(window)),
        None => String::new(),
    };
    let resolution = match over.resolution {
        Some(resolution) => format!(", from a whole {} on", shown(resolution)),
        None => String::new(),
    };
    format!("{kinds} {whose}{corpus}{window}{resolution}")
}

fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        s if s.is_multiple_of(86_400) => format!("{}d", s / 86_400),
        s if s.is_multiple_of(3_600) => format!("{}h", s / 3_600),
        s if s.is_multiple_of(60) => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

impl Aggregated {
    pub(crate) fn explained(&self) -> String {
        let over = over(&self.over);
        match self.measure {
            Measure::Count => format!("how many {over}; 0 without any"),
            Measure::Sum => format!("the sum of the values of the {over}; 0 without any"),
            Measure::Rate => format!("how many {over}, per day; 0 without any"),
            Measure::Recency => format!("days since the last of the {over}; missing without any"),
            Measure::Distinct => {
                let what = if self.over.scope == FeatureScope::User { "entities" } else { "people" };
                format!("how many different {what} there were in the {over}; 0 without any")
            }
        }
    }
}
