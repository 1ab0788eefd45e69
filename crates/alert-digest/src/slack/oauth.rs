//! Installing the app: OAuth v2 with a signed, expiring state that is bound to the browser that began.

use jiff::Timestamp;
use url::Url;

use crate::store::{Keyring, StoreError};

/// The permissions of the bot token, as the app's manifest lists them.
pub const SCOPES: [&str; 8] = [
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "commands",
    "groups:history",
    "groups:read",
    "users:read",
];
/// How long an installation may take, in seconds.
const STATE_SECONDS: i64 = 900;
/// The cookie that ties the state to a browser.
pub const COOKIE: &str = "alert_digest_install";

/// Where an installation begins: the address to go to and the secret for the browser's cookie.
///
/// # Errors
/// [`StoreError::Random`].
pub fn begin(
    keys: &Keyring,
    authorize: &Url,
    client: &str,
    redirect: &Url,
    now: Timestamp,
) -> Result<(Url, String), StoreError> {
    let nonce = keys.random_id()?;
    let until = now.as_second() + STATE_SECONDS;
    let tag = keys.sign(&["install", &nonce, &until.to_string()]);
    let mut url = authorize.clone();
    url.query_pairs_mut()
        .append_pair("client_id", client)
        .append_pair("scope", &SCOPES.join(","))
        .append_pair("redirect_uri", redirect.as_str())
        .append_pair("state", &format!("{until}.{}", crate::store::to_hex(&tag)));
    Ok((url, nonce))
}

/// Whether a state is one that [`begin`] made for the browser with this cookie, and not too long ago.
pub fn is_ours(keys: &Keyring, state: &str, cookie: &str, now: Timestamp) -> bool {
    let Some((until, tag)) = state.split_once('.') else { return false };
    let Some(tag) = crate::store::hex(tag) else { return false };
    let in_time = until.parse::<i64>().is_ok_and(|until| now.as_second() <= until);
    in_time && keys.verify(&["install", cookie, until], &tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_asks_for_exactly_these_permissions() {
        let manifest = include_str!("../../../../deploy/slack/manifest.yaml");
        let (_, scopes) = manifest.split_once("    bot:\n").unwrap();
        let (scopes, _) = scopes.split_once("settings:").unwrap();
        let words = |line: &str| line.trim().trim_start_matches("- ").split(" #").next().map(str::to_owned);
        let scopes: Vec<String> =
            scopes.lines().filter_map(words).filter(|scope| !scope.is_empty()).collect();
        assert_eq!(scopes, SCOPES);
    }

    #[test]
    fn a_state_is_good_for_its_browser_and_a_quarter_of_an_hour() {
        let keys = Keyring::new(&[7; 32]).unwrap();
        let url = |text: &str| Url::parse(text).unwrap();
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let redirect = url("https://digest.example/slack/oauth");
        let (to, cookie) =
            begin(&keys, &url("https://slack.com/oauth/v2/authorize"), "1.2", &redirect, now).unwrap();
        let query = |name: &str| to.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        assert_eq!(query("redirect_uri"), redirect.as_str());
        assert!(query("scope").contains("channels:history"));
        let state = query("state");
        let later = |seconds: i64| Timestamp::from_second(now.as_second() + seconds).unwrap();
        assert!(is_ours(&keys, &state, &cookie, later(STATE_SECONDS)));
        assert!(!is_ours(&keys, &state, &cookie, later(STATE_SECONDS + 1)));
        assert!(!is_ours(&keys, &state, "another", now));
        assert!(!is_ours(&Keyring::new(&[8; 32]).unwrap(), &state, &cookie, now));
        for wrong in ["", ".", "x.y", "9999999999.00"] {
            assert!(!is_ours(&keys, wrong, &cookie, now), "{wrong}");
        }
    }
}
