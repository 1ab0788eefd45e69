//! Connections to others: HTTPS with the system's certificates; plain HTTP only to a server that is named so.

use std::io;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use url::Url;

/// A connector for a server at `url`.
///
/// # Errors
/// When the system has no certificates; with `http://` none are asked for.
pub(crate) fn connector(url: &Url) -> io::Result<HttpsConnector<HttpConnector>> {
    let provider = rustls::crypto::ring::default_provider();
    if url.scheme() == "https" {
        let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
        return Ok(builder.https_only().enable_all_versions().build());
    }
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build())
}
