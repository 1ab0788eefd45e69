//! Events API payloads, one JSON object per line, as an app that listens to a workspace stores them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};

use super::conversations::Place;
use super::messages::{Happening, Recorder};
use super::payload::{Envelope, Message};
use super::{checked, moment};
use crate::import::pump::Output;
use crate::import::rejects::{Fault, Rejects};

/// Reads a file of payloads.
pub(super) fn read(path: &Path, output: &mut Output, rejects: &mut Rejects) -> Result<()> {
    let context = || path.display().to_string();
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut reader = BufReader::new(File::open(path).with_context(context)?);
    let (mut recorder, mut line, mut buffer) = (Recorder::default(), 0, Vec::new());
    loop {
        buffer.clear();
        if reader.read_until(b'\n', &mut buffer).with_context(context)? == 0 {
            break;
        }
        line += 1;
        if buffer.trim_ascii().is_empty() {
            continue;
        }
        output.rows += 1;
        let taken = match parse(&buffer) {
            Some(event) => take(&mut recorder, event, output),
            None => Err(Fault { reason: "is no Events API payload".into(), ids: String::new() }),
        };
        if let Err(fault) = taken {
            rejects.add(&name, line, &fault)?;
        }
        output.settle()?;
    }
    output.flush()?;
    output.relations(recorder.finish())
}

/// The event of a payload, or the event that the line is.
pub(super) fn parse(line: &[u8]) -> Option<Message> {
    match serde_json::from_slice::<Envelope>(line) {
        Ok(Envelope { event: Some(event) }) => Some(event),
        Ok(Envelope { event: None }) => serde_json::from_slice(line).ok(),
        Err(_) => None,
    }
}

fn take(recorder: &mut Recorder, event: Message, output: &mut Output) -> Result<(), Fault> {
    match event.kind.as_str() {
        "message" => {
            let place = place(event.channel.0.as_deref());
            match place {
                Some(place) => recorder.message(&place, Happening::from(event), output),
                None => other(output),
            }
        }
        "member_joined_channel" | "member_left_channel" => {
            let joined = event.kind == "member_joined_channel";
            let Some(place) = place(event.channel.0.as_deref()) else { return other(output) };
            let what = Happening { user: event.user.0, ts: event.event_ts, ..Happening::default() };
            recorder.moved(&place, &what, joined, output)
        }
        "reaction_added" => {
            let Some(place) = place(event.item.channel.as_deref()) else { return other(output) };
            let time = moment("event_ts", event.event_ts.as_deref())?;
            let reactor = checked("user", event.user.0)?;
            let (emoji, ts) = (event.reaction.unwrap_or_default(), event.item.ts.unwrap_or_default());
            recorder.reacted(&place, &reactor, &emoji, event.item_user.as_deref(), &ts, time, output);
            Ok(())
        }
        _ => other(output),
    }
}

/// The channel of an id. Of a direct message an event does not tell who else is in it.
fn place(channel: Option<&str>) -> Option<Place> {
    channel.filter(|id| id.starts_with(['C', 'G']) && id.len() <= 64).map(|id| Place::Channel(id.to_owned()))
}

fn other(output: &mut Output) -> Result<(), Fault> {
    output.tally.skip("events of other types");
    Ok(())
}
