//! Reading a channel page by page; each page and the place after it go to disk in one transaction.

use super::jobs::{Stop, Work};
use super::patience::patiently;
use crate::digest::Message;
use crate::slack::SlackError;
use crate::slack::api::Span;
use crate::slack::history::{Page, message, timestamp, ts};
use crate::slack::result::grouped;
use crate::store::Thread;

/// Reads the history from the newest message back to the beginning of the period.
pub(super) async fn history(work: &mut Work) -> Result<(), Stop> {
    let mut joined = false;
    while !work.job.history_done {
        let page = match page(work, None).await {
            // A public channel can be joined; a private one answers as if it were not there.
            Err(error) if !joined && error.code() == Some("not_in_channel") => {
                joined = true;
                join(work).await?;
                continue;
            }
            page => page?,
        };
        let messages = read(work, &page);
        if work.job.request.threads {
            note_threads(work, &page);
        }
        work.job.cursor = page.next();
        work.job.history_done = work.job.cursor.is_none();
        let most = work.app.settings.limits.messages;
        if !work.job.history_done && work.job.messages + messages.len() >= most {
            work.job.history_done = true;
            work.job.notes.push(format!("Only the newest {} messages were read.", grouped(most)));
        }
        store(work, messages).await?;
    }
    Ok(())
}

/// Reads the replies of every thread that the history named.
pub(super) async fn replies(work: &mut Work) -> Result<(), Stop> {
    while let Some(thread) = work.job.threads.last().cloned() {
        let page = match page(work, Some(&thread)).await {
            Ok(page) => page,
            // The parent was deleted in the meantime: so is what it had to say.
            Err(error) if error.code() == Some("thread_not_found") => {
                work.job.threads.pop();
                work.save().await?;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let mut messages = read(work, &page);
        // Each page begins with the parent, which the history had.
        messages.retain(|message| message.id != thread.ts);
        match page.next() {
            Some(cursor) => {
                if let Some(last) = work.job.threads.last_mut() {
                    last.cursor = Some(cursor);
                }
            }
            None => drop(work.job.threads.pop()),
        }
        store(work, messages).await?;
    }
    Ok(())
}

async fn page(work: &Work, thread: Option<&Thread>) -> Result<Page, SlackError> {
    let Work { app, installation, job, .. } = work;
    let (oldest, latest) = (ts(job.request.oldest()), ts(job.request.to));
    let cursor = thread.map_or(&job.cursor, |thread| &thread.cursor);
    let span = Span {
        channel: &job.request.channel,
        oldest: &oldest,
        latest: &latest,
        cursor: cursor.as_deref(),
        limit: app.settings.limits.page.clamp(1, 999),
    };
    patiently(app, job.expires, || async {
        match thread {
            Some(thread) => app.slack.replies(&installation.token, &span, &thread.ts).await,
            None => app.slack.history(&installation.token, &span).await,
        }
    })
    .await
}

async fn join(work: &Work) -> Result<(), Stop> {
    let Work { app, installation, job, .. } = work;
    patiently(app, job.expires, || app.slack.join(&installation.token, &job.request.channel)).await?;
    Ok(())
}

/// What the page says, within the period.
fn read(work: &Work, page: &Page) -> Vec<Message> {
    let request = &work.job.request;
    let (oldest, to) = (request.oldest(), request.to);
    let in_period = |message: &Message| message.time.is_some_and(|at| at >= oldest && at <= to);
    let channel =
        work.job.channel_name.as_deref().map_or_else(|| request.channel.clone(), |name| format!("#{name}"));
    let messages = page.messages.iter().filter_map(|raw| message(raw, &request.channel, &work.installation));
    messages.filter(in_period).map(|message| Message { channel: Some(channel.clone()), ..message }).collect()
}

fn note_threads(work: &mut Work, page: &Page) {
    let most = work.app.settings.limits.threads;
    for ts in page.parents() {
        if timestamp(&ts).is_none() || work.job.threads.iter().any(|thread| thread.ts == ts) {
            continue;
        }
        if work.job.threads.len() >= most {
            let note = format!("Replies were read in the newest {} threads only.", grouped(most));
            if !work.job.notes.contains(&note) {
                work.job.notes.push(note);
            }
            return;
        }
        work.job.threads.push(Thread { ts, cursor: None });
    }
}

async fn store(work: &mut Work, messages: Vec<Message>) -> Result<(), Stop> {
    let job = &mut work.job;
    job.pages += u32::from(!messages.is_empty());
    job.messages += messages.len();
    job.updated = work.app.now();
    work.app.metrics.messages.inc_by(messages.len() as u64);
    let job = job.clone();
    work.rows(move |rows| rows.add_page(&job, &messages)).await?;
    Ok(())
}
