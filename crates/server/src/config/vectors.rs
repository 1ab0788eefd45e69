//! The section `[stores.vectors]`: where embeddings are kept.

use std::time::Duration;

use recommend_stores::vectors::QdrantOptions;
use serde::Deserialize;

/// Where embeddings are. All keys are optional: without the section they are in the data folder.
///
/// ```toml
/// [stores.vectors]
/// kind = "qdrant"
/// url = "http://127.0.0.1:6334"
/// ```
///
/// The key of a Qdrant comes from the environment variable `QDRANT_API_KEY`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VectorsConfig {
    /// `"embedded"` (in the data folder, the default) or `"qdrant"`.
    pub kind: VectorsKind,
    /// The address of Qdrant's gRPC, `http://` or `https://`. `http://127.0.0.1:6334` by default.
    pub url: String,
    /// What the names of all collections begin with. `recommend` by default.
    pub prefix: String,
    /// HTTP/2 connections. 2 by default.
    pub connections: usize,
    /// The time for an answer to a search, with all attempts. `100ms` by default.
    #[serde(with = "recommend_core::duration")]
    pub timeout: Duration,
    /// The time for one batch of a write, with all attempts. `10s` by default.
    #[serde(with = "recommend_core::duration")]
    pub write_timeout: Duration,
    /// The most vectors in one request of a write. 256 by default.
    pub batch: usize,
    /// Into how many shards a collection is cut when it is made; Qdrant decides by default.
    pub shards: Option<u32>,
    /// On how many nodes each shard is when a collection is made; Qdrant decides by default.
    pub replicas: Option<u32>,
    /// Whether collections are made with codes of one byte a number, by which searches find what they compare in full.
    /// `true` by default.
    pub quantise: bool,
}

/// Where embeddings are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VectorsKind {
    /// In the data folder.
    #[default]
    Embedded,
    /// In a Qdrant.
    Qdrant,
}

impl Default for VectorsConfig {
    fn default() -> Self {
        let QdrantOptions {
            url,
            api_key: _,
            prefix,
            connections,
            timeout,
            write_timeout,
            batch,
            shards,
            replicas,
            quantise,
        } = QdrantOptions::at("http://127.0.0.1:6334");
        VectorsConfig {
            kind: VectorsKind::Embedded,
            url,
            prefix,
            connections,
            timeout,
            write_timeout,
            batch,
            shards,
            replicas,
            quantise,
        }
    }
}

impl VectorsConfig {
    /// The variable that holds the key of a Qdrant.
    pub const API_KEY: &str = "QDRANT_API_KEY";

    /// What to say where a Qdrant is wanted and this program has no client of it.
    pub(crate) const NOT_BUILT: &str =
        "is \"qdrant\", and this program was built without it; build it with `--features qdrant`";

    /// Vectors in a Qdrant at an address.
    pub fn at(url: &str) -> Self {
        VectorsConfig { kind: VectorsKind::Qdrant, url: url.to_owned(), ..VectorsConfig::default() }
    }

    /// The options of the Qdrant, when there is one, with the key of the environment.
    pub fn qdrant(&self) -> Option<QdrantOptions> {
        (self.kind == VectorsKind::Qdrant).then(|| QdrantOptions {
            url: self.url.clone(),
            api_key: std::env::var(VectorsConfig::API_KEY).ok().filter(|key| !key.is_empty()),
            prefix: self.prefix.clone(),
            connections: self.connections,
            timeout: self.timeout,
            write_timeout: self.write_timeout,
            batch: self.batch,
            shards: self.shards,
            replicas: self.replicas,
            quantise: self.quantise,
        })
    }

    /// What is out of range, by key.
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let mut check = |fine: bool, key, reason: &str| {
            if !fine {
                problems.push((key, reason.to_owned()));
            }
        };
        let wanted = self.kind == VectorsKind::Qdrant;
        check(!wanted || cfg!(feature = "qdrant"), "vectors.kind", VectorsConfig::NOT_BUILT);
        check(
            self.url.starts_with("http://") || self.url.starts_with("https://"),
            "vectors.url",
            "must begin with http:// or https://, as in \"http://127.0.0.1:6334\", the address of Qdrant's gRPC",
        );
        check(
            !self.url.contains('@'),
            "vectors.url",
            "has a name or a key in it; put the key into the environment variable QDRANT_API_KEY",
        );
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        check(
            (1..=64).contains(&self.prefix.len()) && self.prefix.bytes().all(plain),
            "vectors.prefix",
            "must be 1 to 64 of a-z, 0-9, - and _",
        );
        check((1..=64).contains(&self.connections), "vectors.connections", "must be 1 to 64");
        let range = Duration::from_millis(1)..=Duration::from_secs(60);
        check(range.contains(&self.timeout), "vectors.timeout", "must be 1ms to 60s");
        check(range.contains(&self.write_timeout), "vectors.write_timeout", "must be 1ms to 60s");
        check((1..=10_000).contains(&self.batch), "vectors.batch", "must be 1 to 10000");
        check(self.shards.is_none_or(|n| (1..=1_024).contains(&n)), "vectors.shards", "must be 1 to 1024");
        check(self.replicas.is_none_or(|n| (1..=64).contains(&n)), "vectors.replicas", "must be 1 to 64");
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn errors(lines: &str) -> String {
        let text = format!("[stores]\nurl = \"redis://127.0.0.1:6379\"\n\n[stores.vectors]\n{lines}\n");
        Config::parse("f.toml", &text).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_the_fix() {
        for (lines, wanted) in [
            ("url = \"127.0.0.1:6334\"", "f.toml:5: `stores.vectors.url` must begin with http://"),
            ("prefix = \"a/b\"", "f.toml:5: `stores.vectors.prefix` must be 1 to 64"),
            ("batch = 5\nconnections = 0", "f.toml:6: `stores.vectors.connections` must be 1 to 64"),
            ("timeout = \"2m\"", "f.toml:5: `stores.vectors.timeout` must be 1ms to 60s"),
            ("shards = 0", "f.toml:5: `stores.vectors.shards` must be"),
            ("replica = 2", "did you mean `replicas`?"),
            ("kind = \"quadrant\"", "qdrant"),
        ] {
            let errors = errors(lines);
            assert!(errors.contains(wanted), "{lines}: {errors}");
        }
        let secret = errors("url = \"http://me:hunter2@host:6334\"");
        assert!(secret.contains("QDRANT_API_KEY") && !secret.contains("hunter2"), "{secret}");
    }

    #[test]
    #[cfg(not(feature = "qdrant"))]
    fn a_program_without_qdrant_says_how_to_build_one() {
        let errors = errors("kind = \"qdrant\"");
        assert!(errors.contains("f.toml:5") && errors.contains("--features qdrant"), "{errors}");
    }

    #[test]
    #[cfg(feature = "qdrant")]
    fn what_is_said_is_what_the_client_gets() {
        let text =
            "[stores.vectors]\nkind = \"qdrant\"\nurl = \"https://q:6334\"\nreplicas = 2\ntimeout = \"40ms\"";
        let options = Config::parse("f.toml", text).unwrap().stores.vectors.qdrant().unwrap();
        assert_eq!(
            (options.url.as_str(), options.replicas, options.timeout.as_millis()),
            ("https://q:6334", Some(2), 40)
        );
        assert!(options.quantise && options.prefix == "recommend");
        assert!(Config::parse("f.toml", "").unwrap().stores.vectors.qdrant().is_none());
    }
}
