//! What becomes of stored text when its message is deleted or edited in Slack.

use super::Report;
use crate::digest::Message;

/// Whether a page of messages changed.
pub(super) fn page(page: &mut Vec<Message>, ts: &str, text: Option<&str>) -> bool {
    let Some(at) = page.iter().position(|message| message.id == ts) else { return false };
    match text {
        None => drop(page.remove(at)),
        Some(text) if page[at].text == text => return false,
        Some(text) => text.clone_into(&mut page[at].text),
    }
    true
}

/// A report quotes a few messages: a deleted one is struck out, an edited one is shown as it is now.
pub(super) fn report(report: &mut Report, ts: &str, text: Option<&str>) -> bool {
    let digest = &mut report.digest;
    let clusters = digest.clusters.iter_mut().chain(&mut digest.resolved);
    let quoted = clusters
        .flat_map(|cluster| std::iter::once(&mut cluster.medoid).chain(&mut cluster.examples))
        .chain(&mut digest.noise.examples);
    let mut changed = false;
    for example in quoted.filter(|example| example.id == ts) {
        let text = text.unwrap_or("(deleted in Slack)");
        changed |= example.text != text;
        text.clone_into(&mut example.text);
    }
    changed
}
