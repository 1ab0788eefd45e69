//! Pages before and instead of a report: in progress, failed, not there.

use maud::html;

use super::csp::{Html, frame};
use crate::slack::result::grouped;
use crate::store::{Job, Stage};

const SCRIPT: &str = include_str!("assets/progress.js");

/// What a job is doing, for people.
pub fn words(job: &Job) -> String {
    match &job.stage {
        Stage::Queued => String::from("Waiting for its turn"),
        Stage::Downloading if job.history_done => {
            format!("Reading replies, {} threads to go", grouped(job.threads.len()))
        }
        Stage::Downloading => String::from("Reading messages"),
        Stage::Clustering => String::from("Looking for what belongs together"),
        Stage::Posting => String::from("Telling Slack"),
        Stage::Done => String::from("Done"),
        Stage::Failed { reason } => reason.clone(),
    }
}

/// A report that is not there yet; it asks `status` how far it is and loads itself when it is there.
pub fn progress(job: &Job, status: &str) -> Html {
    let title = title(job);
    frame(
        &title,
        SCRIPT,
        Some(status),
        &html! {
            h1 { (title) }
            p.soft { "The report fills itself. You can leave this page open, or come back by the same link." }
            div.card {
                div.head {
                    b #stage role="status" { (words(job)) }
                    span.right.soft { span #count { (grouped(job.messages)) } " messages so far" }
                }
                div.bar { i {} }
                p.small.soft { "Slack allows about fifty requests a minute, so a long period takes a while." }
            }
        },
    )
}

/// A report that there will never be.
pub fn failed(job: &Job, reason: &str) -> Html {
    let title = title(job);
    frame(
        &title,
        "",
        None,
        &html! {
            h1 { (title) }
            div.notes role="alert" { b { "There is no digest." } p { (reason) } }
        },
    )
}

/// A link that leads nowhere, without saying why.
pub fn missing() -> Html {
    frame(
        "No report here",
        "",
        None,
        &html! {
            h1 { "No report here" }
            p { "The link is not complete, or it has expired. Ask for a new digest in Slack." }
        },
    )
}

/// What is shown while one process hands over to the next.
pub fn moment() -> Html {
    notice("One moment", "The app is being restarted. The page comes back by itself, or load it again.")
}

/// A page of one sentence.
pub fn notice(title: &str, words: &str) -> Html {
    frame(
        title,
        "",
        None,
        &html! {
            h1 { (title) }
            p { (words) }
        },
    )
}

fn title(job: &Job) -> String {
    match &job.channel_name {
        Some(name) => format!("Digest of #{name}"),
        None => String::from("Alert digest"),
    }
}
