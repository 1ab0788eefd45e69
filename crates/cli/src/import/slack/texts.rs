//! The texts of an export, handed on one by one to whoever embeds them. Nothing here keeps one.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use recommend_core::Timestamp;
use rustc_hash::FxHashMap;

use super::export::Export;
use super::payload::{Conversation, Id, Items};
use super::{checked, moment};
use crate::import::rejects::{Fault, Rejects};

/// What somebody wrote in a channel.
pub(crate) struct Said {
    pub(crate) user: String,
    pub(crate) channel: String,
    pub(crate) time: Timestamp,
    pub(crate) text: String,
}

/// What was left out, by reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Messages between people: nobody but them is to be told what they are about.
    pub(crate) between_people: u64,
    /// What bots wrote, and notices of Slack.
    pub(crate) not_of_people: u64,
}

/// A message, of which only this is read.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    subtype: Option<String>,
    user: Id,
    bot_id: Option<String>,
    channel: Id,
    ts: Option<String>,
    text: Option<String>,
}

/// An Events API payload; a bare event is one too.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Envelope {
    event: Option<Message>,
}

/// Calls `each` with every message that a person wrote in a channel, and `read` with how many of the export's files are done,
/// of how many.
///
/// # Errors
/// When the rejects cannot be written, or `each` fails. What is wrong with the export itself is rejected.
pub(crate) fn texts(
    mut export: Export,
    rejects: &mut Rejects,
    mut each: impl FnMut(Said) -> Result<()>,
    mut read: impl FnMut(u64, u64),
) -> Result<LeftOut> {
    let mut left_out = LeftOut::default();
    if let Export::Events(path) = &export {
        events(path, rejects, &mut left_out, &mut each)?;
        return Ok(left_out);
    }
    let mut buffer = Vec::new();
    let mut channels: FxHashMap<String, String> = FxHashMap::default();
    let mut between: FxHashMap<String, ()> = FxHashMap::default();
    for file in ["channels.json", "groups.json", "mpims.json", "dms.json"] {
        items(&mut export, file, &mut buffer, rejects, |conversation: Conversation| {
            let id = checked("id", Some(conversation.id.clone()))?;
            let folder = if conversation.name.is_empty() { id.clone() } else { conversation.name };
            let people =
                conversation.is_im || conversation.is_mpim || matches!(file, "dms.json" | "mpims.json");
            match people {
                true => drop(between.insert(folder, ())),
                false => drop(channels.insert(folder, id)),
            }
            Ok(Ok(()))
        })?;
    }
    let names = export.names();
    for (at, name) in names.iter().enumerate() {
        read(at as u64, names.len() as u64);
        let Some((folder, _)) = name.split_once('/') else { continue };
        let channel = channels.get(folder);
        if channel.is_none() && !between.contains_key(folder) {
            let reason = "no channel in channels.json, groups.json, mpims.json or dms.json has this name";
            rejects.add(name, 0, &Fault { reason: reason.into(), ids: String::new() })?;
            continue;
        }
        items(&mut export, name, &mut buffer, rejects, |message: Message| {
            let Some(channel) = channel else {
                left_out.between_people += 1;
                return Ok(Ok(()));
            };
            said(message, channel, &mut left_out).map(|said| said.map_or(Ok(()), &mut each))
        })?;
    }
    Ok(left_out)
}

/// Calls `take` with every item of an entry. What it says is wrong with an item is rejected; what it fails with ends all.
fn items<T: serde::de::DeserializeOwned>(
    export: &mut Export,
    name: &str,
    buffer: &mut Vec<u8>,
    rejects: &mut Rejects,
    mut take: impl FnMut(T) -> Result<Result<()>, Fault>,
) -> Result<()> {
    let whole = |reason: String| Fault { reason, ids: String::new() };
    match export.read(name, buffer) {
        Ok(true) => {}
        Ok(false) => return Ok(()),
        Err(error) => return rejects.add(name, 0, &whole(error.to_string())),
    }
    let Ok(items) = serde_json::from_slice::<Items<'_>>(buffer) else {
        return rejects.add(name, 0, &whole("is not the JSON list that Slack writes".into()));
    };
    let mut faults: Vec<(u64, Fault)> = Vec::new();
    for (at, item) in items.0.into_iter().enumerate() {
        let line = at as u64 + 1;
        // serde's message may quote the value that it did not expect; a reject must not.
        match serde_json::from_str::<T>(item.get()) {
            Ok(item) => match take(item) {
                Ok(taken) => taken?,
                Err(fault) => faults.push((line, fault)),
            },
            Err(_) => faults.push((line, whole("has a field of an unexpected type".into()))),
        }
    }
    // Bytes of texts, until the next file takes their place.
    buffer.fill(0);
    faults.into_iter().try_for_each(|(line, fault)| rejects.add(name, line, &fault))
}

/// A message as what somebody said; `None` when nobody did.
fn said(message: Message, channel: &str, left_out: &mut LeftOut) -> Result<Option<Said>, Fault> {
    let of_people = matches!(
        message.subtype.as_deref().unwrap_or_default(),
        "" | "thread_broadcast" | "me_message" | "file_share"
    );
    if !of_people || message.bot_id.is_some_and(|id| !id.is_empty()) {
        left_out.not_of_people += 1;
        return Ok(None);
    }
    let time = moment("ts", message.ts.as_deref()).map_err(|_| Fault::new("ts", "is missing or no time"))?;
    let user = checked("user", message.user.0)?;
    let text = plain(&message.text.unwrap_or_default());
    Ok(Some(Said { user, channel: channel.to_owned(), time, text }))
}

fn events(
    path: &Path,
    rejects: &mut Rejects,
    left_out: &mut LeftOut,
    each: &mut impl FnMut(Said) -> Result<()>,
) -> Result<()> {
    let context = || path.display().to_string();
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut reader = BufReader::new(File::open(path).with_context(context)?);
    let (mut line, mut buffer) = (0, Vec::new());
    loop {
        buffer.clear();
        if reader.read_until(b'\n', &mut buffer).with_context(context)? == 0 {
            return Ok(());
        }
        line += 1;
        if buffer.trim_ascii().is_empty() {
            continue;
        }
        let message = match serde_json::from_slice::<Envelope>(&buffer) {
            Ok(Envelope { event: Some(message) }) => Some(message),
            Ok(Envelope { event: None }) => serde_json::from_slice(&buffer).ok(),
            Err(_) => None,
        };
        let Some(message) = message else {
            let reason = "is no Events API payload".to_owned();
            rejects.add(&name, line, &Fault { reason, ids: String::new() })?;
            continue;
        };
        if message.kind != "message" {
            left_out.not_of_people += 1;
            continue;
        }
        match message.channel.0.clone().filter(|id| id.starts_with(['C', 'G']) && id.len() <= 64) {
            None => left_out.between_people += 1,
            Some(channel) => match said(message, &channel, left_out) {
                Ok(said) => said.map_or(Ok(()), &mut *each)?,
                Err(fault) => rejects.add(&name, line, &fault)?,
            },
        }
    }
}

/// What a person reads of Slack's markup: labels of links and channels, no mentions, no entities.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start..].find('>') else { break };
        plain.push_str(&rest[..start]);
        let inside = &rest[start + 1..start + length];
        match inside.split_once('|') {
            Some((what, label)) if !what.starts_with('@') => plain.push_str(label),
            None if !inside.starts_with(['@', '#', '!']) => plain.push_str(inside),
            _ => {}
        }
        rest = &rest[start + length + 1..];
    }
    plain.push_str(rest);
    plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> (Vec<(String, String, String)>, LeftOut, u64) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let path = match files {
            [(name, _)] => folder.path().join(name),
            _ => folder.path().to_owned(),
        };
        let mut rejects = Rejects::new(folder.path().join("rejects.csv"));
        let mut said = Vec::new();
        let each = |one: Said| {
            said.push((one.user, one.channel, one.text));
            Ok(())
        };
        let left_out = texts(Export::open(&path).unwrap(), &mut rejects, each, |_, _| ()).unwrap();
        (said, left_out, rejects.count)
    }

    #[test]
    fn what_people_wrote_in_channels_is_read_and_nothing_else() {
        let (said, left_out, rejected) = read(&[
            ("channels.json", r#"[{"id":"C00000001","name":"general"}]"#),
            ("dms.json", r#"[{"id":"D00000001","members":["U00000001","U00000002"]}]"#),
            (
                "general/2023-11-20.json",
                r#"[{"type":"message","user":"U00000001","text":"one &amp; <@U00000002> two","ts":"1700470000.000100"},
                    {"type":"message","subtype":"bot_message","bot_id":"B1","text":"beep","ts":"1700470001.000100"},
                    {"type":"message","subtype":"channel_join","user":"U00000001","text":"joined","ts":"1700470001.0"},
                    {"type":"message","user":"U00000001","text":"no time"},
                    {"type":"message","user":7,"text":["odd"],"ts":"1700470004.000100"},
                    {"type":"message","user":"U00000002","ts":"1700470005.000100"}]"#,
            ),
            ("D00000001/2023-11-20.json", r#"[{"user":"U00000001","text":"psst","ts":"1700470009.000100"}]"#),
            ("elsewhere/2023-11-20.json", "[]"),
        ]);
        let row = |user: &str, text: &str| (user.to_owned(), "C00000001".to_owned(), text.to_owned());
        assert_eq!(said, [row("U00000001", "one &  two"), row("U00000002", "")]);
        assert_eq!(left_out, LeftOut { between_people: 1, not_of_people: 2 });
        assert_eq!(rejected, 3, "no time, an odd text, an unknown folder");
    }

    #[test]
    fn payloads_of_the_events_api_are_read_too() {
        let text = r#"{"event":{"type":"message","channel":"C00000001","user":"U00000001","text":"hi","ts":"1700470000.1"}}
{"type":"message","channel":"D00000001","user":"U00000001","text":"psst","ts":"1700470000.1"}
{"event":{"type":"reaction_added"}}
no json
"#;
        let (said, left_out, rejected) = read(&[("events.jsonl", text)]);
        assert_eq!(said, [("U00000001".into(), "C00000001".into(), "hi".into())]);
        assert_eq!((left_out, rejected), (LeftOut { between_people: 1, not_of_people: 1 }, 1));
    }

    #[test]
    fn markup_becomes_what_people_read() {
        for (text, expected) in [
            ("see <https://example.com|the page> in <#C1|general>", "see the page in general"),
            ("<https://example.com> <!here> <@U1|bob>", "https://example.com  "),
            ("a < b &lt;c&gt; &amp;amp;", "a < b <c> &amp;"),
            ("1 > 0 < ü", "1 > 0 < ü"),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }
}
