//! The connection to Slack.

use std::io;

use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use slack_morphism::hyper_tokio::SlackClientHyperConnector;
use url::Url;

use crate::tls;

/// What slack-morphism sends its requests through.
pub(super) type Connector = SlackClientHyperConnector<HttpsConnector<HttpConnector>>;

/// A connector for an API at `url`, such as `https://slack.com/api`.
///
/// # Errors
/// When the system has no certificates; with `http://` none are asked for.
pub(super) fn connect(url: &Url) -> io::Result<Connector> {
    Ok(SlackClientHyperConnector::with_connector(tls::connector(url)?)
        .with_slack_api_url(url.as_str().trim_end_matches('/')))
}
