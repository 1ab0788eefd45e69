//! The frame of every page, and the policy that allows its own style and script and nothing else.

use base64::prelude::{BASE64_STANDARD, Engine};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use ring::digest::{SHA256, digest};

const STYLE: &str = include_str!("assets/style.css");

/// A page and the `Content-Security-Policy` that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Html {
    /// The document.
    pub body: String,
    /// The header's value.
    pub policy: String,
}

/// A page around its content. The script is one of the constants of this crate.
pub(super) fn frame(title: &str, script: &str, status: Option<&str>, content: &Markup) -> Html {
    let policy = policy(script);
    let body = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex";
                meta http-equiv="Content-Security-Policy" content=(policy);
                title { (title) }
                style { (PreEscaped(STYLE)) }
                @if status.is_some() { noscript { meta http-equiv="refresh" content="5"; } }
            }
            body data-status=[status] {
                main { (content) }
                script { (PreEscaped(script)) }
            }
        }
    };
    Html { body: body.into_string(), policy: format!("{policy}; frame-ancestors 'none'") }
}

fn policy(script: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes())));
    format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(script),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_asset_can_end_its_own_element() {
        for asset in [STYLE, include_str!("assets/report.js"), include_str!("assets/progress.js")] {
            assert!(!asset.contains("</"), "an inline asset holds a closing tag");
        }
    }

    #[test]
    fn a_page_names_its_style_and_script_by_hash_and_allows_nothing_else() {
        let page = frame("t", "let a = 1;", None, &html! {});
        assert!(page.policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(!page.policy.contains("unsafe"));
        assert_eq!(page.policy.matches("sha256-").count(), 2);
    }
}
