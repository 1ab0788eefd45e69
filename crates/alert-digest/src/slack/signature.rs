//! Is a request from Slack, is it fresh, and is it the first time that it comes?
//!
//! Slack signs the raw body and a timestamp with HMAC-SHA256. slack-morphism compares in constant time and refuses
//! timestamps more than five minutes off; within those minutes a copied request would pass, so every signature is
//! remembered until its timestamp is too old anyway.

use std::collections::HashMap;

use http::HeaderMap;
use parking_lot::Mutex;
use slack_morphism::signature_verifier::{SlackEventSignatureVerifier, SlackEventSignatureVerifierError};
use thiserror::Error;

use crate::store::Secret;

/// Signatures are remembered for twice the window: a timestamp may be five minutes ahead.
const REMEMBER_SECONDS: i64 = 2 * SlackEventSignatureVerifier::MAX_TIMESTAMP_AGE_SECONDS;
/// How many are remembered; at 64 + 8 bytes each, some 40 MB.
const REMEMBER_AT_MOST: usize = 300_000;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A header is missing or not text.
    #[error("the request is not signed")]
    Unsigned,
    /// The signature is not of this body, timestamp and secret.
    #[error("the signature is wrong: is the signing secret the one of this app?")]
    Wrong,
    /// The timestamp is too far from the present.
    #[error("the request is older than five minutes, or a clock is wrong")]
    Stale,
    /// It came before.
    #[error("the request was delivered before")]
    Replayed,
    /// So many requests came in so little time that a replay could not be told.
    #[error("too many requests")]
    Flooded,
}

impl Refusal {
    /// The word for it in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Refusal::Unsigned => "unsigned",
            Refusal::Wrong => "wrong_signature",
            Refusal::Stale => "stale",
            Refusal::Replayed => "replayed",
            Refusal::Flooded => "flooded",
        }
    }
}

/// Checks requests against one signing secret.
pub struct Gate {
    verifier: SlackEventSignatureVerifier,
    remembered: Mutex<HashMap<String, i64>>,
}

impl Gate {
    /// With the signing secret of the app's "Basic Information" page.
    pub fn new(secret: &Secret) -> Self {
        let verifier = SlackEventSignatureVerifier::new(&secret.expose().to_owned().into());
        Gate { verifier, remembered: Mutex::default() }
    }

    /// The body as text, if Slack signed it and it is the first time.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn admit<'a>(&self, headers: &HeaderMap, body: &'a [u8]) -> Result<&'a str, Refusal> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(Refusal::Unsigned);
        let signature = header(SlackEventSignatureVerifier::SLACK_SIGNED_HASH_HEADER)?;
        let timestamp = header(SlackEventSignatureVerifier::SLACK_SIGNED_TIMESTAMP)?;
        // Slack sends whole seconds; anything longer can't be told from an attack on the arithmetic.
        if timestamp.len() > 12 {
            return Err(Refusal::Wrong);
        }
        let body = std::str::from_utf8(body).map_err(|_| Refusal::Wrong)?;
        self.verifier.verify(signature, body, timestamp).map_err(|error| match error {
            SlackEventSignatureVerifierError::IncorrectOrExpiredTimestampError(_) => Refusal::Stale,
            SlackEventSignatureVerifierError::AbsentSignatureError(_) => Refusal::Unsigned,
            _ => Refusal::Wrong,
        })?;
        self.remember(signature, timestamp.parse().map_err(|_| Refusal::Wrong)?)?;
        Ok(body)
    }

    /// The verifier has compared `timestamp` with the present, so the newest one remembered tells the time.
    fn remember(&self, signature: &str, timestamp: i64) -> Result<(), Refusal> {
        let mut remembered = self.remembered.lock();
        if remembered.contains_key(signature) {
            return Err(Refusal::Replayed);
        }
        if remembered.len() >= REMEMBER_AT_MOST {
            remembered.retain(|_, at| *at > timestamp - REMEMBER_SECONDS);
            if remembered.len() >= REMEMBER_AT_MOST {
                return Err(Refusal::Flooded);
            }
        }
        remembered.insert(signature.to_owned(), timestamp);
        Ok(())
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate(…)")
    }
}

/// The headers that Slack would sign a body with; for whoever plays Slack, as the tests do.
pub fn sign(secret: &Secret, timestamp: i64, body: &str) -> HeaderMap {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.expose().as_bytes());
    let tag = ring::hmac::sign(&key, format!("v0:{timestamp}:{body}").as_bytes());
    let mut headers = HeaderMap::new();
    let signature = format!("v0={}", crate::store::to_hex(tag.as_ref()));
    let mut put = |name, value: &str| {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    };
    put(SlackEventSignatureVerifier::SLACK_SIGNED_HASH_HEADER, &signature);
    put(SlackEventSignatureVerifier::SLACK_SIGNED_TIMESTAMP, &timestamp.to_string());
    headers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret() -> Secret {
        Secret::new("8f742231b10e8888abcd99yyyzzz85a5")
    }

    fn now() -> i64 {
        jiff::Timestamp::now().as_second()
    }

    #[test]
    fn a_request_passes_once() {
        let gate = Gate::new(&secret());
        let headers = sign(&secret(), now(), "a=1");
        assert_eq!(gate.admit(&headers, b"a=1"), Ok("a=1"));
        assert_eq!(gate.admit(&headers, b"a=1"), Err(Refusal::Replayed));
    }

    #[test]
    fn a_changed_body_or_another_secret_or_no_header_is_refused() {
        let gate = Gate::new(&secret());
        let headers = sign(&secret(), now(), "a=1");
        assert_eq!(gate.admit(&headers, b"a=2"), Err(Refusal::Wrong));
        assert_eq!(gate.admit(&sign(&Secret::new("other"), now(), "a=1"), b"a=1"), Err(Refusal::Wrong));
        assert_eq!(gate.admit(&HeaderMap::new(), b"a=1"), Err(Refusal::Unsigned));
        assert_eq!(gate.admit(&headers, b"\xff"), Err(Refusal::Wrong));
    }

    #[test]
    fn a_request_from_six_minutes_ago_or_ahead_is_stale() {
        let gate = Gate::new(&secret());
        for at in [now() - 360, now() + 360] {
            assert_eq!(gate.admit(&sign(&secret(), at, "a=1"), b"a=1"), Err(Refusal::Stale));
        }
        assert_eq!(gate.admit(&sign(&secret(), now() - 240, "a=1"), b"a=1"), Ok("a=1"));
    }

    #[test]
    fn the_signature_is_the_one_in_slacks_documentation() {
        // https://docs.slack.dev/authentication/verifying-requests-from-slack
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
                    channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
                    response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&\
                    trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let headers = sign(&secret(), 1_531_420_618, body);
        assert_eq!(
            headers["x-slack-signature"],
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
        );
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(signature in "[ -~]{0,80}", timestamp in "[ -~]{0,24}", body: Vec<u8>) {
            let gate = Gate::new(&secret());
            let mut headers = HeaderMap::new();
            headers.insert("x-slack-signature", signature.parse().unwrap());
            headers.insert("x-slack-request-timestamp", timestamp.parse().unwrap());
            prop_assert!(gate.admit(&headers, &body).is_err());
        }
    }
}
