//! Rendering annotations: the part of Go's template language that alert rules use, with values that vary as real ones do.

use std::collections::BTreeMap;

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

use super::Rule;

/// Which of a rule's parts a message has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    /// The summary.
    Summary,
    /// The summary, then the description.
    #[default]
    Both,
    /// `[FIRING:2] Name`, then both.
    Named,
}

/// One firing of a rule: its labels and its value are the same wherever the text names them.
pub(super) struct Firing<'a, R> {
    rng: &'a mut R,
    labels: BTreeMap<String, String>,
    value: f64,
}

const SERVICES: [&str; 16] = [
    "checkout",
    "payments",
    "search",
    "auth",
    "cart",
    "inventory",
    "billing",
    "gateway",
    "frontend",
    "catalog",
    "mailer",
    "sessions",
    "orders",
    "shipping",
    "ledger",
    "reviews",
];
const SPACES: [&str; 8] = ["prod", "default", "kube-system", "monitoring", "staging", "data", "edge", "shop"];
const REGIONS: [&str; 5] = ["eu-west-1", "us-east-1", "us-west-2", "ap-south-1", "eu-central-1"];
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

impl<'a, R: Rng> Firing<'a, R> {
    pub(super) fn new(rng: &'a mut R) -> Self {
        let value = match rng.random_range(0..4) {
            0 => rng.random_range(0.0..1.0),
            1 => rng.random_range(0.0..100.0),
            2 => f64::from(rng.random_range(1..20)),
            _ => f64::from(rng.random_range(0..90_000)),
        };
        Firing { rng, labels: BTreeMap::new(), value }
    }

    /// The message of a rule.
    pub(super) fn message(&mut self, rule: &Rule, style: Style) -> String {
        let parts = match style {
            Style::Summary if rule.summary.is_empty() => rule.description.clone(),
            Style::Summary => rule.summary.clone(),
            Style::Both => format!("{}\n{}", rule.summary, rule.description),
            Style::Named => {
                let firing = self.rng.random_range(1..9);
                format!(
                    "[FIRING:{firing}] {} ({})\n{}\n{}",
                    rule.name, rule.severity, rule.summary, rule.description
                )
            }
        };
        self.render(&parts).trim().to_owned()
    }

    fn render(&mut self, template: &str) -> String {
        let mut out = String::with_capacity(template.len() + 64);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((expression, after)) = after.split_once("}}") else { break };
            out.push_str(before);
            out.push_str(&self.evaluate(expression.trim()));
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn evaluate(&mut self, expression: &str) -> String {
        if let Some((_, name)) = expression.split_once("$labels.") {
            let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            return self.label(&name);
        }
        if expression.contains("$labels") {
            return self.all_labels();
        }
        let value = self.value;
        if expression.contains("humanizePercentage") {
            return format!("{:.4}%", 100.0 * value.fract()).replace("0%", "%");
        }
        if expression.contains("humanizeDuration") {
            return duration(value);
        }
        if expression.contains("humanize1024") {
            return scaled(value * 1e5, 1024.0, &["", "ki", "Mi", "Gi", "Ti"]);
        }
        if expression.contains("humanize") {
            return scaled(value, 1000.0, &["", "k", "M", "G", "T"]);
        }
        if let Some((_, digits)) = expression.split_once("%.") {
            let digits = digits.chars().next().and_then(|c| c.to_digit(10)).unwrap_or(2);
            return format!("{value:.0$}", digits as usize);
        }
        format!("{value}")
    }

    /// `map[…]`, as Go prints all labels.
    fn all_labels(&mut self) -> String {
        for name in ["instance", "job", "severity"] {
            self.label(name);
        }
        let more = ["namespace", "pod", "cluster", "env", "container"];
        for name in more.sample(self.rng, 2).copied().collect::<Vec<_>>() {
            self.label(name);
        }
        let pairs: Vec<String> = self.labels.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        format!("map[{}]", pairs.join(" "))
    }

    fn label(&mut self, name: &str) -> String {
        if let Some(value) = self.labels.get(name) {
            return value.clone();
        }
        let value = self.value_of(name);
        self.labels.insert(name.to_owned(), value.clone());
        value
    }

    fn value_of(&mut self, name: &str) -> String {
        let rng = &mut *self.rng;
        let service = pick(rng, &SERVICES);
        match name {
            "instance" | "server" | "target" | "address" => match rng.random_range(0..3) {
                0 => format!("10.{}.{}.{}:9100", byte(rng), byte(rng), byte(rng)),
                1 => format!("{service}-{}:9090", rng.random_range(1..40)),
                _ => format!("{service}-{}.prod.internal:8080", rng.random_range(1..9)),
            },
            "node" | "host" | "hostname" | "nodename" => format!("node-{:02}", rng.random_range(1..60)),
            "pod" | "replica" => format!("{service}-{}-{}", hex(rng, 9), letters(rng, 5)),
            "namespace" | "exported_namespace" => pick(rng, &SPACES).to_owned(),
            "region" | "zone" | "cluster" => pick(rng, &REGIONS).to_owned(),
            "severity" => pick(rng, &["critical", "warning"]).to_owned(),
            "device" | "disk" => format!("/dev/nvme{}n1", rng.random_range(0..4)),
            "mountpoint" | "path" => format!("/{service}/{}", letters(rng, 4)),
            "uuid" => {
                format!("{}-{}-{}-{}-{}", hex(rng, 8), hex(rng, 4), hex(rng, 4), hex(rng, 4), hex(rng, 12))
            }
            "commit" | "trace" => hex(rng, 12),
            "id" | "run" | "code" | "executor_id" => rng.random_range(1..9000).to_string(),
            "email" => format!("{}@example.com", letters(rng, 7)),
            "time" => format!(
                "{:02}:{:02}:{:02} UTC",
                rng.random_range(0..24),
                rng.random_range(0..60),
                rng.random_range(0..60)
            ),
            "queue" | "topic" | "database" => format!("{service}-{}", rng.random_range(1..9)),
            _ if rng.random_bool(0.5) => service.to_owned(),
            _ => format!("{service}-{}", rng.random_range(0..99)),
        }
    }
}

fn pick<'a>(rng: &mut impl Rng, from: &[&'a str]) -> &'a str {
    from.choose(rng).copied().unwrap_or_default()
}

fn byte(rng: &mut impl Rng) -> u8 {
    rng.random()
}

fn hex(rng: &mut impl Rng, digits: usize) -> String {
    (0..digits).map(|_| char::from_digit(rng.random_range(0..16), 16).unwrap_or('0')).collect()
}

fn letters(rng: &mut impl Rng, count: usize) -> String {
    (0..count).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

fn duration(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0 => format!("{:.1}ms", seconds * 1000.0),
        1..60 => format!("{seconds:.1}s"),
        60..3600 => format!("{}m {}s", whole / 60, whole % 60),
        _ => format!("{}h {}m {}s", whole / 3600, whole % 3600 / 60, whole % 60),
    }
}

fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut at = 0;
    while value >= step && at + 1 < units.len() {
        value /= step;
        at += 1;
    }
    format!("{value:.3}{}", units[at])
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_label_is_the_same_wherever_it_is_named() {
        let rule = Rule {
            name: "Down".to_owned(),
            severity: "page".to_owned(),
            summary: "Down ({{ $labels.instance }})".to_owned(),
            description: "{{$labels.instance}}".to_owned(),
        };
        let text = Firing::new(&mut StdRng::seed_from_u64(1)).message(&rule, Style::Both);
        let (summary, description) = text.split_once('\n').unwrap();
        assert_eq!(summary, format!("Down ({description})"));
    }

    #[test]
    fn nothing_of_the_template_language_is_left() {
        for seed in 0..50 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut firing = Firing::new(&mut rng);
            let text = firing.render("{{ $value | humanize }} {{ printf \"%.2f\" $value }} {{ $labels }} {{humanizeDuration $value}}");
            assert!(!text.contains('{') && text.contains("map["), "{text}");
        }
    }
}
