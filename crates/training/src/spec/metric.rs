//! By what a model is judged: the name of a metric, and which way is better.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One metric of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Judge {
    /// nDCG at a cut-off.
    Ndcg(usize),
    /// Mean average precision at a cut-off.
    Map(usize),
    /// Reciprocal rank of the first positive.
    Mrr,
    /// Area under the ROC curve, over all rows.
    Auc,
    /// Logarithmic loss, over all rows; smaller is better.
    LogLoss,
}

impl Default for Judge {
    fn default() -> Self {
        Judge::Ndcg(10)
    }
}

impl Judge {
    /// Whether a larger value is better.
    pub fn larger_is_better(self) -> bool {
        self != Judge::LogLoss
    }

    /// Whether a request has a value of its own; otherwise only all rows together do.
    pub fn is_per_request(self) -> bool {
        matches!(self, Judge::Ndcg(_) | Judge::Map(_) | Judge::Mrr)
    }
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Judge::Ndcg(k) => write!(f, "ndcg@{k}"),
            Judge::Map(k) => write!(f, "map@{k}"),
            Judge::Mrr => f.write_str("mrr"),
            Judge::Auc => f.write_str("auc"),
            Judge::LogLoss => f.write_str("log_loss"),
        }
    }
}

impl FromStr for Judge {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = |k: &str| k.parse::<usize>().ok().filter(|k| (1..=1000).contains(k));
        match text.split_once('@') {
            Some(("ndcg", k)) => at(k).map(Judge::Ndcg),
            Some(("map", k)) => at(k).map(Judge::Map),
            None if text == "mrr" => Some(Judge::Mrr),
            None if text == "auc" => Some(Judge::Auc),
            None if text == "log_loss" => Some(Judge::LogLoss),
            _ => None,
        }
        .ok_or_else(|| {
            format!("{text:?} is no metric; write ndcg@K, map@K, mrr, auc or log_loss, with K from 1 to 1000")
        })
    }
}

impl Serialize for Judge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Judge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_as_they_are_written() {
        for judge in [Judge::Ndcg(10), Judge::Map(5), Judge::Mrr, Judge::Auc, Judge::LogLoss] {
            assert_eq!(judge.to_string().parse(), Ok(judge));
        }
        for wrong in ["ndcg", "ndcg@0", "map@x", "mrr@3", ""] {
            assert!(wrong.parse::<Judge>().unwrap_err().contains("write ndcg@K"), "{wrong}");
        }
    }
}
