//! The connection to Slack: HTTPS with the system's certificates; plain HTTP only to a server that is named so in tests.

use std::io;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use slack_morphism::hyper_tokio::SlackClientHyperConnector;
use url::Url;

/// What slack-morphism sends its requests through.
pub(super) type Connector = SlackClientHyperConnector<HttpsConnector<HttpConnector>>;

/// A connector for an API at `url`, such as `https://slack.com/api`.
///
/// # Errors
/// When the system has no certificates; with `http://` none are asked for.
pub(super) fn connect(url: &Url) -> io::Result<Connector> {
    let provider = rustls::crypto::ring::default_provider();
    let connector = if url.scheme() == "https" {
        HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)?
            .https_only()
            .enable_all_versions()
            .build()
    } else {
        let config = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build()
    };
    Ok(SlackClientHyperConnector::with_connector(connector)
        .with_slack_api_url(url.as_str().trim_end_matches('/')))
}
