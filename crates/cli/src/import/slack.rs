//! A Slack workspace as records: users, channels with their members, and what happened in them.
//!
//! Nothing of a text is kept but its length and the ids of mentioned people; names, addresses, topics and emoji are
//! not kept either. What cannot be read is rejected by file and line, without its content.

mod conversations;
mod events;
mod export;
mod messages;
mod payload;
#[cfg(feature = "text")]
mod texts;

use anyhow::Result;
use recommend_core::{Name, Timestamp};
use serde::de::DeserializeOwned;

use self::conversations::Conversations;
use self::messages::{Happening, Recorder};
use self::payload::{Conversation, Items, Message, User};
use super::pump::Output;
use super::rejects::{Fault, Rejects};
use super::time::{TimeRule, TimeUnit};
use crate::records::{Attribute, EntityRow};

pub(crate) use export::Export;
#[cfg(feature = "text")]
pub(crate) use texts::{LeftOut, Said, texts};

/// Reads an export into records.
///
/// # Errors
/// When the rejects cannot be written or the writer has stopped. What is wrong with the export itself is rejected.
pub(super) fn read(mut export: Export, output: &mut Output, rejects: &mut Rejects) -> Result<()> {
    if let Export::Events(path) = &export {
        return events::read(path, output, rejects);
    }
    let mut buffer = Vec::new();
    each::<User>(&mut export, "users.json", &mut buffer, output, rejects, |user, output| {
        user_row(user, output)
    })?;
    output.flush()?;

    let mut conversations = Conversations::default();
    for file in ["channels.json", "groups.json", "mpims.json", "dms.json"] {
        each::<Conversation>(&mut export, file, &mut buffer, output, rejects, |conversation, output| {
            conversations.add(file, conversation, output)
        })?;
    }
    output.flush()?;

    let mut recorder = Recorder::default();
    let mut unknown: Vec<String> = Vec::new();
    for name in export.names() {
        let Some((folder, _)) = name.split_once('/') else { continue };
        let Some(place) = conversations.folder(folder) else {
            if !unknown.iter().any(|known| known == folder) {
                unknown.push(folder.to_owned());
                let reason = "no channel in channels.json, groups.json, mpims.json or dms.json has this name";
                rejects.add(folder, 0, &Fault { reason: reason.into(), ids: String::new() })?;
            }
            continue;
        };
        each::<Message>(&mut export, &name, &mut buffer, output, rejects, |message, output| {
            recorder.message(place, Happening::from(message), output)
        })?;
    }
    output.flush()?;
    let relations = conversations.relations(recorder.finish());
    output.relations(relations)
}

/// Calls `take` with every item of an entry that has the shape of a `T`, and rejects the others.
fn each<T: DeserializeOwned>(
    export: &mut Export,
    name: &str,
    buffer: &mut Vec<u8>,
    output: &mut Output,
    rejects: &mut Rejects,
    mut take: impl FnMut(T, &mut Output) -> Result<(), Fault>,
) -> Result<()> {
    let whole = |reason: String| Fault { reason, ids: String::new() };
    match export.read(name, buffer) {
        Ok(true) => {}
        Ok(false) => return Ok(()),
        Err(error) => return rejects.add(name, 0, &whole(error.to_string())),
    }
    let items: Items<'_> = match serde_json::from_slice(buffer) {
        Ok(items) => items,
        Err(error) => {
            let reason = "is not the JSON list that Slack writes".to_owned();
            return rejects.add(name, error.line() as u64, &whole(reason));
        }
    };
    // Lines are counted once for all items: the items are slices of the buffer, in order.
    let (mut line, mut counted) = (1, 0);
    for item in items.0 {
        let start = (item.get().as_ptr() as usize).saturating_sub(buffer.as_ptr() as usize).min(buffer.len());
        line += buffer[counted..start].iter().filter(|b| **b == b'\n').count() as u64;
        counted = start;
        output.rows += 1;
        // serde's message may quote the value that it did not expect; a reject must not.
        let taken = match serde_json::from_str::<T>(item.get()) {
            Ok(item) => take(item, output),
            Err(_) => Err(whole("has a field of an unexpected type".into())),
        };
        if let Err(fault) = taken {
            rejects.add(name, line, &fault)?;
        }
        output.settle()?;
    }
    Ok(())
}

fn user_row(user: User, output: &mut Output) -> Result<(), Fault> {
    let mut attributes = vec![
        (Name::literal("deactivated"), Attribute::Flag(user.deleted)),
        (Name::literal("bot"), Attribute::Flag(user.is_bot || user.is_workflow_bot)),
        (Name::literal("admin"), Attribute::Flag(user.is_admin || user.is_owner)),
        (Name::literal("guest"), Attribute::Flag(user.is_restricted || user.is_ultra_restricted)),
    ];
    if let Some(seconds) = user.tz_offset.filter(|seconds| seconds.is_finite()) {
        attributes.push((Name::literal("utc_offset"), Attribute::Number(seconds / 3600.0)));
    }
    let corpus = Name::literal("user");
    output.tally.entity(&corpus);
    output.batch.entities.push(EntityRow { corpus, id: checked("id", Some(user.id))?, attributes });
    Ok(())
}

/// An id that is there and short enough.
fn checked(field: &str, id: Option<String>) -> Result<String, Fault> {
    let id = id.filter(|id| !id.is_empty()).ok_or_else(|| Fault::new(field, "is missing"))?;
    if id.len() > recommend_core::ids::MAX_ID_BYTES {
        return Err(Fault::new(field, "is too long for an id"));
    }
    Ok(id)
}

/// Slack's `ts`: seconds with six digits after the point.
fn moment(field: &str, ts: Option<&str>) -> Result<Timestamp, Fault> {
    let ts = ts.filter(|ts| !ts.is_empty()).ok_or_else(|| Fault::new(field, "is missing"))?;
    let rule = TimeRule { unit: TimeUnit::S, zone: jiff::tz::TimeZone::UTC };
    let time = rule.read(super::table::Cell::Text(ts)).map_err(|_| Fault::new(field, "is no time"))?;
    time.ok_or_else(|| Fault::new(field, "is missing"))
}

#[cfg(test)]
mod tests;
