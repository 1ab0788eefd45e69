//! A day on which rules fire.

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::render::Firing;
use super::{Rule, Style};
use crate::digest::{Author, Message};

/// How a day is made.
#[derive(Debug, Clone)]
pub struct Day {
    /// Its first instant.
    pub from: Timestamp,
    /// How long it is.
    pub length: SignedDuration,
    /// How many messages there are.
    pub messages: usize,
    /// What a message says.
    pub style: Style,
    /// The same seed makes the same day.
    pub seed: u64,
}

/// A message, and the position of the rule that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What was posted.
    pub message: Message,
    /// Which rule.
    pub rule: usize,
}

/// When in a day a rule fires, as parts of it.
#[derive(Debug, Clone, Copy)]
enum Course {
    Always,
    Burst { from: f64, to: f64 },
}

impl Course {
    fn of(rng: &mut StdRng) -> Self {
        match rng.random_range(0..6) {
            0 => Course::Burst { from: rng.random_range(0.6..0.85), to: 1.0 },
            1 => Course::Burst { from: 0.0, to: rng.random_range(0.2..0.5) },
            2 => {
                let from = rng.random_range(0.0..0.9);
                Course::Burst { from, to: from + 0.1 }
            }
            _ => Course::Always,
        }
    }

    fn when(self, rng: &mut StdRng) -> f64 {
        match self {
            Course::Always => rng.random(),
            Course::Burst { from, to } => rng.random_range(from..to),
        }
    }
}

impl Day {
    /// The messages, in the order of their times.
    ///
    /// How often rules fire falls off as 1 / rank, in an order that the seed decides. No rules make no messages.
    pub fn alerts(&self, rules: &[Rule]) -> Vec<Alert> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let mut courses = Vec::with_capacity(rules.len());
        let mut sums = Vec::with_capacity(rules.len());
        let mut ranks: Vec<usize> = (0..rules.len()).collect();
        for at in (1..ranks.len()).rev() {
            ranks.swap(at, rng.random_range(0..=at));
        }
        let mut sum = 0.0;
        for rank in ranks {
            sum += 1.0 / (rank + 1) as f64;
            sums.push(sum);
            courses.push(Course::of(&mut rng));
        }
        let mut alerts: Vec<Alert> = (0..if rules.is_empty() { 0 } else { self.messages })
            .map(|_| {
                let chosen = rng.random_range(0.0..sum);
                let rule = sums.partition_point(|up_to| *up_to <= chosen).min(rules.len() - 1);
                let part = courses[rule].when(&mut rng);
                let offset = SignedDuration::from_secs_f64(part * self.length.as_secs_f64());
                let text = Firing::new(&mut rng).message(&rules[rule], self.style);
                let time = self.from.checked_add(offset).unwrap_or(self.from);
                let channel = if rules[rule].severity == "critical" { "alerts-critical" } else { "alerts" };
                let message = Message {
                    time: Some(time),
                    channel: Some(channel.to_owned()),
                    author: Some(Author::Bot("prometheus".to_owned())),
                    ..Message::new("", text)
                };
                Alert { message, rule }
            })
            .collect();
        alerts.sort_by_key(|alert| alert.message.time);
        for (at, alert) in alerts.iter_mut().enumerate() {
            alert.message.id = (at + 1).to_string();
        }
        alerts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::built_in;

    fn day(seed: u64) -> Day {
        Day {
            from: Timestamp::UNIX_EPOCH,
            length: SignedDuration::from_hours(24),
            messages: 500,
            style: Style::Both,
            seed,
        }
    }

    #[test]
    fn the_seed_decides_the_day() {
        let rules = built_in();
        assert_eq!(day(3).alerts(&rules), day(3).alerts(&rules));
        assert_ne!(day(3).alerts(&rules), day(4).alerts(&rules));
    }

    #[test]
    fn messages_are_in_the_order_of_their_times_and_inside_the_day() {
        let alerts = day(1).alerts(&built_in());
        assert_eq!(alerts.len(), 500);
        assert!(alerts.is_sorted_by_key(|alert| alert.message.time));
        let last = alerts.last().and_then(|alert| alert.message.time).unwrap();
        assert!(last <= Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24));
    }

    #[test]
    fn no_rules_make_no_messages() {
        assert!(day(1).alerts(&[]).is_empty());
    }
}
