//! TLS on the way to Redis: rustls with ring, behind the feature `redis-tls`.

use super::options::RedisOptions;
use crate::error::StoreError;

/// Whether any address asks for TLS.
pub(crate) fn wanted(options: &RedisOptions) -> bool {
    options.url.iter().any(|url| url.starts_with("rediss://"))
}

fn unavailable(reason: String) -> StoreError {
    StoreError::Unavailable { reason }
}

#[cfg(feature = "redis-tls")]
mod imp {
    use redis::cluster::ClusterClientBuilder;
    use redis::{Client, RedisResult, TlsCertificates};

    use super::{RedisOptions, StoreError, unavailable, wanted};

    /// What TLS needs to know; `None` where no address asks for it.
    pub(crate) fn certificates(options: &RedisOptions) -> Result<Option<TlsCertificates>, StoreError> {
        if !wanted(options) {
            return Ok(None);
        }
        // Whoever has chosen another provider for the process keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let read = |path: &std::path::PathBuf| {
            let hint = "give the authorities' certificates as PEM, or leave the key out for the system's";
            let failed = |error: &dyn std::fmt::Display| {
                unavailable(format!("certificates {}: {error}; {hint}", path.display()))
            };
            let text = std::fs::read(path).map_err(|error| failed(&error))?;
            match text.windows(27).any(|window| window == b"-----BEGIN CERTIFICATE-----") {
                true => Ok(text),
                false => Err(failed(&"there is no certificate in it")),
            }
        };
        let root_cert = options.certificates.as_ref().map(read).transpose()?;
        Ok(Some(TlsCertificates { client_tls: None, root_cert }))
    }

    pub(crate) fn client(url: &str, tls: Option<TlsCertificates>) -> RedisResult<Client> {
        match tls {
            Some(tls) => Client::build_with_tls(url, tls),
            None => Client::open(url),
        }
    }

    pub(crate) fn cluster(
        builder: ClusterClientBuilder,
        tls: Option<TlsCertificates>,
    ) -> ClusterClientBuilder {
        match tls {
            Some(tls) => builder.certs(tls),
            None => builder,
        }
    }
}

#[cfg(not(feature = "redis-tls"))]
mod imp {
    use redis::cluster::ClusterClientBuilder;
    use redis::{Client, RedisResult};

    use super::{RedisOptions, StoreError, unavailable, wanted};

    /// There is no TLS in this build.
    pub(crate) enum Never {}

    /// Refuses TLS.
    pub(crate) fn certificates(options: &RedisOptions) -> Result<Option<Never>, StoreError> {
        match wanted(options) {
            false => Ok(None),
            true => Err(unavailable(
                "rediss:// is TLS, which this program was built without: build it with --features redis-tls"
                    .into(),
            )),
        }
    }

    pub(crate) fn client(url: &str, _: Option<Never>) -> RedisResult<Client> {
        Client::open(url)
    }

    pub(crate) fn cluster(builder: ClusterClientBuilder, _: Option<Never>) -> ClusterClientBuilder {
        builder
    }
}

pub(crate) use imp::{certificates, client, cluster};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(feature = "redis-tls"))]
    fn without_the_feature_tls_is_refused_with_the_way_to_get_it() {
        let error = certificates(&RedisOptions::at("rediss://127.0.0.1:6379")).err().unwrap().to_string();
        assert!(error.contains("--features redis-tls"), "{error}");
        assert!(certificates(&RedisOptions::at("redis://127.0.0.1:6379")).unwrap().is_none());
    }

    #[test]
    #[cfg(feature = "redis-tls")]
    fn a_file_without_certificates_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authorities.pem");
        let options =
            RedisOptions { certificates: Some(path.clone()), ..RedisOptions::at("rediss://127.0.0.1:6379") };
        assert!(certificates(&options).unwrap_err().to_string().contains("authorities.pem"));
        std::fs::write(&path, "nothing").unwrap();
        assert!(certificates(&options).unwrap_err().to_string().contains("no certificate in it"));
        assert!(certificates(&RedisOptions::at("redis://127.0.0.1:6379")).unwrap().is_none());
    }
}
