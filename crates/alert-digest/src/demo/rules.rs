//! Alert rules: some of ours, and those of Prometheus rule files.

use std::path::{Path, PathBuf};

use thiserror::Error;
use yaml_rust2::{Yaml, YamlLoader};

/// An alert rule: its name and what its alerts say, with `{{ $labels.instance }}` and the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The alert's name.
    pub name: String,
    /// How bad it is.
    pub severity: String,
    /// One line.
    pub summary: String,
    /// A few.
    pub description: String,
}

/// Why rules cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuleError {
    /// A file or folder cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no YAML.
    #[error("{} is no YAML: {source}", path.display())]
    Yaml {
        /// Which.
        path: PathBuf,
        /// Where, and why.
        source: yaml_rust2::ScanError,
    },
    /// There is no rule in any file.
    #[error("{} has no alert rules: give a Prometheus rule file, or a folder with some", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
}

/// The alert rules of a Prometheus rule file, or of all `.yml` and `.yaml` files under a folder, in the order of their paths.
///
/// # Errors
/// When something cannot be read, or there is no rule.
pub fn read(path: &Path) -> Result<Vec<Rule>, RuleError> {
    let mut rules = Vec::new();
    read_into(path, &mut rules)?;
    if rules.is_empty() {
        return Err(RuleError::Empty { path: path.to_owned() });
    }
    Ok(rules)
}

fn read_into(path: &Path, rules: &mut Vec<Rule>) -> Result<(), RuleError> {
    let unreadable = |source| RuleError::Unreadable { path: path.to_owned(), source };
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(unreadable)?;
        let mut paths = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<PathBuf>, _>>()
            .map_err(unreadable)?;
        paths.sort();
        let wanted = |path: &PathBuf| {
            path.is_dir() || path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml")
        };
        return paths.iter().filter(|path| wanted(path)).try_for_each(|path| read_into(path, rules));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let documents = YamlLoader::load_from_str(&text)
        .map_err(|source| RuleError::Yaml { path: path.to_owned(), source })?;
    for document in &documents {
        let groups = document["groups"].as_vec().map(Vec::as_slice).unwrap_or_default();
        for rule in groups.iter().flat_map(|group| group["rules"].as_vec().into_iter().flatten()) {
            rules.extend(rule_of(rule));
        }
    }
    Ok(())
}

fn rule_of(rule: &Yaml) -> Option<Rule> {
    let text = |value: &Yaml| value.as_str().unwrap_or_default().trim().to_owned();
    let annotations = &rule["annotations"];
    let summary = text(&annotations["summary"]);
    let description = text(&annotations["description"]);
    let said = !(summary.is_empty() && description.is_empty());
    let severity = text(&rule["labels"]["severity"]);
    said.then(|| Rule { name: text(&rule["alert"]), severity, summary, description })
}

/// What a small shop's monitoring says.
pub fn built_in() -> Vec<Rule> {
    let rule = |(severity, name, summary, description): &(&str, &str, &str, &str)| Rule {
        name: (*name).to_owned(),
        severity: (*severity).to_owned(),
        summary: (*summary).to_owned(),
        description: (*description).to_owned(),
    };
    BUILT_IN.iter().map(rule).collect()
}

#[rustfmt::skip]
const BUILT_IN: [(&str, &str, &str, &str); 30] = [
    ("critical", "CheckoutErrorRate", "Checkout answers with errors", "{{ $value | humanizePercentage }} of checkout requests in {{ $labels.region }} failed in the last 5 minutes (trace {{ $labels.trace }})"),
    ("warning", "DiskFillsUp", "Disk is filling up on {{ $labels.instance }}", "{{ $labels.mountpoint }} on {{ $labels.instance }} will be full in {{ $value | humanizeDuration }}"),
    ("critical", "DatabaseDown", "Postgres is down", "The database at {{ $labels.instance }} has not answered for {{ $value | humanizeDuration }}"),
    ("warning", "ReplicaLag", "Replica lags behind", "Replica {{ $labels.pod }} is {{ $value | humanizeDuration }} behind its primary"),
    ("warning", "QueueGrows", "Queue of mails is growing", "{{ $value }} mails wait in {{ $labels.queue }}, twice as many as an hour ago"),
    ("critical", "PodCrashLooping", "Pod keeps crashing", "Pod {{ $labels.namespace }}/{{ $labels.pod }} restarted {{ $value }} times in 10 minutes: ```panic: runtime error at 0x{{ $labels.trace }}```"),
    ("info", "DeploymentDone", "Deployment finished", "{{ $labels.service }} is at {{ $labels.commit }} in {{ $labels.namespace }} <https://ci.example.com/runs/{{ $labels.run }}|View run>"),
    ("warning", "CertificateExpires", "Certificate expires soon", "The certificate of {{ $labels.host }} is valid for {{ $value | humanizeDuration }} more"),
    ("critical", "PaymentProviderTimeouts", "Payment provider times out", "Calls to the payment provider took {{ $value | humanizeDuration }} at the 99th percentile, order {{ $labels.uuid }} was given up"),
    ("warning", "MemoryPressure", "Node is short of memory", "Node {{ $labels.node }} has {{ $value | humanize1024 }}B of memory left"),
    ("warning", "CacheMisses", "Cache misses too often", "Hit rate of the product cache at {{ $labels.instance }} fell to {{ $value | humanizePercentage }}"),
    ("info", "BackupDone", "Backup is complete", "Backup {{ $labels.uuid }} of the orders took {{ $value | humanizeDuration }}"),
    ("critical", "BackupFailed", "Backup failed", "No backup of {{ $labels.database }} for {{ $value | humanizeDuration }}: exit status {{ $labels.code }}"),
    ("warning", "HighLatency", "Search is slow", "Half of all searches in {{ $labels.region }} take more than {{ $value | humanizeDuration }}"),
    ("warning", "ClockSkew", "Clock is wrong", "The clock of {{ $labels.node }} differs by {{ $value | humanizeDuration }} from its time server"),
    ("critical", "BrokerOffline", "Message broker lost a member", "Broker {{ $labels.id }} left the cluster, {{ $value }} partitions have no leader"),
    ("warning", "ConsumerLag", "Consumer falls behind", "Group {{ $labels.service }} is {{ $value }} messages behind on topic {{ $labels.topic }}"),
    ("warning", "TooManyConnections", "Connections are running out", "{{ $value | humanizePercentage }} of the connections of {{ $labels.instance }} are in use"),
    ("warning", "FailedLogins", "Many logins fail", "{{ $value }} logins of {{ $labels.email }} failed from {{ $labels.address }}"),
    ("critical", "WatchdogMissing", "Monitoring does not hear from itself", "The watchdog of cluster {{ $labels.cluster }} is silent since {{ $labels.time }}"),
    ("warning", "JobFailed", "Nightly job failed", "Job {{ $labels.job_name }} of {{ $labels.namespace }} failed after {{ $value | humanizeDuration }}, log at /var/log/jobs/{{ $labels.run }}.log"),
    ("warning", "IngressErrors", "Gateway answers 5xx", "{{ $value }} requests a second to {{ $labels.path }} are answered with a server error"),
    ("info", "ScaledUp", "Autoscaler added replicas", "{{ $labels.service }} runs with {{ $value }} replicas now"),
    ("warning", "VolumeErrors", "Volume reports read errors", "Device {{ $labels.device }} of {{ $labels.node }} had {{ $value }} read errors since {{ $labels.time }}"),
    ("warning", "DnsFailures", "Names cannot be resolved", "Resolver {{ $labels.instance }} gave up on {{ $value | humanizePercentage }} of its questions"),
    ("warning", "StockMismatch", "Stock differs between shop and warehouse", "{{ $value }} articles differ, the first is '{{ $labels.article }}'"),
    ("critical", "SslHandshakeFailures", "Handshakes fail at the edge", "{{ $value }} handshakes failed at {{ $labels.address }}, protocol version mismatch"),
    ("warning", "ThreadPoolExhausted", "Thread pool is exhausted", "All {{ $value }} threads of {{ $labels.service }} are busy, requests are rejected"),
    ("warning", "LogVolume", "Somebody logs too much", "{{ $labels.service }} wrote {{ $value | humanize1024 }}B of logs in 10 minutes"),
    ("info", "FeatureFlagChanged", "Feature flag was changed", "{{ $labels.email }} set the flag \"{{ $labels.article }}\" to {{ $value }}% <@U0{{ $labels.id }}AB>"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_a_folder_are_read_and_those_that_say_nothing_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yml");
        let text = "groups:\n- name: x\n  rules:\n  - record: a\n    expr: b\n  - alert: Down\n    labels: {severity: page}\n    \
                    annotations:\n      summary: It is down\n      description: \"No answer\\n  VALUE = {{ $value }}\"\n";
        std::fs::write(&file, text).unwrap();
        std::fs::write(folder.path().join("b.txt"), "no rules").unwrap();
        let rules = read(folder.path()).unwrap();
        assert_eq!(rules.len(), 1);
        assert_eq!((rules[0].name.as_str(), rules[0].severity.as_str()), ("Down", "page"));
        assert_eq!(rules[0].description, "No answer\n  VALUE = {{ $value }}");
    }

    #[test]
    fn what_has_no_rules_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("has no alert rules"));
        std::fs::write(folder.path().join("a.yml"), "a: [").unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("a.yml is no YAML"));
        assert!(read(&folder.path().join("none.yml")).unwrap_err().to_string().contains("cannot be read"));
    }

    #[test]
    fn built_in_rules_have_different_names() {
        let mut names: Vec<String> = built_in().into_iter().map(|rule| rule.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), BUILT_IN.len());
    }
}
