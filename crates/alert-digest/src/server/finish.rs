//! The other steps of a job: saying that it began, clustering, and telling the result or why there is none.

use std::collections::HashSet;

use slack_morphism::prelude::SlackMessageContent;

use super::jobs::{Stop, Work};
use super::links;
use super::patience::patiently;
use crate::digest::{Digest, Message, Options, digest, summarize};
use crate::slack::{SlackError, result};
use crate::store::{Report, Stage, StoreError, WorkspaceStore};

/// Says in Slack that the digest is on its way; that message becomes the result.
///
/// Where the app may not post, the person who asked gets a direct message. A process that stops between Slack's answer and
/// the disk posts a second one after the start: Slack has no key that would make a post happen once.
pub(super) async fn announce(work: &mut Work) -> Result<(), Stop> {
    let Work { app, installation, job, .. } = &*work;
    let token = &installation.token;
    let name = patiently(app, job.expires, || app.slack.channel_name(token, &job.request.channel)).await;
    let name = match name {
        Err(error @ SlackError::Revoked { .. }) => return Err(error.into()),
        name => name.ok().flatten(),
    };
    let posted = if job.posted.is_some() {
        job.posted.clone()
    } else {
        let link = links::report(&app.settings.keys, &app.settings.public_url, job);
        post(work, &result::progress(&job.request, &link)).await
    };
    work.job.channel_name = name;
    work.job.posted = posted;
    work.save().await?;
    Ok(())
}

/// Posts where the result is wanted, or to the person; none if neither is possible.
async fn post(work: &Work, content: &SlackMessageContent) -> Option<crate::store::Posted> {
    let Work { app, installation, job, .. } = work;
    let (token, request) = (&installation.token, &job.request);
    let to = |place: &str| {
        let place = place.to_owned();
        async move { patiently(app, job.expires, || app.slack.post_message(token, &place, content)).await }
    };
    let mut posted = to(&request.post_to).await;
    if posted.as_ref().is_err_and(|error| error.code() == Some("not_in_channel"))
        && app.slack.join(token, &request.post_to).await.is_ok()
    {
        posted = to(&request.post_to).await;
    }
    if posted.is_err() && request.post_to != request.user {
        posted = to(&request.user).await;
    }
    posted.inspect_err(|error| tracing::warn!(job = %job.id, %error, "nothing could be posted")).ok()
}

/// Clusters what was downloaded and stores the report.
pub(super) async fn cluster(work: &mut Work) -> Result<(), Stop> {
    let (id, request) = (work.job.id.clone(), work.job.request.clone());
    let channel = request.channel.clone();
    let now = work.app.now();
    let messages = work.rows(move |rows| rows.messages(&id)).await?;
    let muted = work.rows(move |rows| rows.mutes(&channel, now)).await?;
    let (before, messages) = split(messages, &request);
    let options = Options::with_sensitivity(request.sensitivity);
    let compare = request.compare;
    // A digest takes all cores; two at once would only take twice the memory.
    let place = work.active.clustering.acquire().await;
    let timer = work.app.metrics.digest_seconds.start_timer();
    let made = tokio::task::spawn_blocking(move || {
        let previous = compare.then(|| digest(&before, &options, None)).transpose()?;
        digest(&messages, &options, previous.as_ref())
    });
    let made = made.await.map_err(|_| Stop::Failed(String::from("The digest could not be made.")))?;
    timer.observe_duration();
    drop(place);
    let mut made = made.map_err(|error| Stop::Failed(format!("The digest could not be made: {error}.")))?;
    if let Some(summarizer) = &work.app.settings.summarizer {
        for error in summarize(&mut made, summarizer.as_ref()).await {
            tracing::warn!(job = %work.job.id, %error, "a cluster has no summary");
        }
    }
    let title =
        work.job.channel_name.as_deref().map_or_else(|| request.channel.clone(), |name| format!("#{name}"));
    let report = Report {
        title,
        made: now,
        range: Some((request.from, request.to)),
        notes: work.job.notes.clone(),
        muted: muted.into_iter().map(|mute| mute.key).collect(),
        // Labels say nothing without the messages, which are about to be forgotten.
        digest: Digest { labels: Vec::new(), ..made },
    };
    work.job.stage = Stage::Posting;
    work.job.updated = now;
    let job = work.job.clone();
    work.rows(move |rows| rows.finish_job(&job, Some(&report))).await?;
    Ok(())
}

/// Each message once, oldest first: those before the period, and those of the period.
fn split(mut messages: Vec<Message>, request: &crate::store::Request) -> (Vec<Message>, Vec<Message>) {
    let mut seen = HashSet::with_capacity(messages.len());
    messages.retain(|message| seen.insert(message.id.clone()));
    messages.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.id.cmp(&b.id)));
    messages.into_iter().partition(|message| message.time.is_some_and(|at| at < request.from))
}

/// Tells the result in Slack and ends the job. The report is there in any case.
pub(super) async fn tell(work: &mut Work) -> Result<(), Stop> {
    let id = work.job.id.clone();
    let Some(report) = work.rows(move |rows| rows.report(&id)).await? else {
        return Err(Stop::Failed(String::from("The report was lost: ask again.")));
    };
    let Work { app, installation, job, .. } = &*work;
    let link = links::report(&app.settings.keys, &app.settings.public_url, job);
    let with = |chart: bool| result::digest(job, &report, &link, chart);
    let told = match show(work, &with(true)).await {
        // Not every workspace can draw: the line of characters says it as well.
        Err(error) if matches!(error.code(), Some("invalid_blocks" | "invalid_blocks_format")) => {
            show(work, &with(false)).await
        }
        told => told,
    };
    match told {
        Err(SlackError::Revoked { .. }) => forget(work, installation.token.clone()).await?,
        Err(error) => tracing::warn!(job = %job.id, %error, "the result could not be posted"),
        Ok(()) => {}
    }
    end(work, Stage::Done).await?;
    Ok(())
}

/// Ends a job that can't go on, and says why where it was asked for.
pub(super) async fn fail(work: &mut Work, stop: Stop) -> Result<(), StoreError> {
    tracing::warn!(job = %work.job.id, error = %stop, "a job failed");
    let reason = match &stop {
        Stop::Slack(error) => error.advice(),
        other => other.to_string(),
    };
    if matches!(stop, Stop::Slack(SlackError::Revoked { .. })) {
        forget(work, work.installation.token.clone()).await?;
    } else if let Err(error) = show(work, &result::failure(&work.job.request, &reason)).await {
        tracing::warn!(job = %work.job.id, %error, "the failure could not be posted");
    }
    end(work, Stage::Failed { reason }).await
}

async fn show(work: &Work, content: &SlackMessageContent) -> Result<(), SlackError> {
    let Work { app, installation, job, .. } = work;
    let token = &installation.token;
    match &job.posted {
        Some(posted) => {
            patiently(app, job.expires, || app.slack.update_message(token, posted, content)).await
        }
        None => {
            let to = &job.request.user;
            patiently(app, job.expires, || app.slack.post_message(token, to, content)).await.map(drop)
        }
    }
}

/// A dead token is of no use; one that was renewed in the meantime stays.
async fn forget(work: &Work, dead: crate::store::Secret) -> Result<(), StoreError> {
    work.rows(move |rows: &WorkspaceStore| match rows.installation()? {
        Some(installation) if installation.token == dead => rows.forget_token(),
        _ => Ok(()),
    })
    .await
}

async fn end(work: &mut Work, stage: Stage) -> Result<(), StoreError> {
    work.job.stage = stage;
    work.job.updated = work.app.now();
    let job = work.job.clone();
    work.rows(move |rows| rows.finish_job(&job, None)).await
}
