//! Reading messages: lines, JSON lines, CSV.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::Value;

use crate::digest::{Author, Message};

/// What a file of messages looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One message a line.
    Lines,
    /// One JSON object a line.
    Jsonl,
    /// A header, then one message a row.
    Csv,
}

/// Where the parts of a message are.
#[derive(Debug, Args)]
pub(super) struct Input {
    /// What the input looks like. By default what the file's name ends in says so: .csv, .jsonl, .ndjson; else lines.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The field that has the message. In JSON, dots lead into objects: `event.text`.
    #[arg(long, default_value = "text")]
    text_field: String,
    /// The field that has the time: RFC 3339, or seconds, milliseconds or microseconds since 1970 (Slack's `ts` too). By default `time`,
    /// `timestamp` or `ts` if there is one.
    #[arg(long)]
    time_field: Option<String>,
    /// The field that has the id. By default `id` if there is one, else the number of the line or row.
    #[arg(long)]
    id_field: Option<String>,
    /// The field that has the channel. By default `channel` if there is one.
    #[arg(long)]
    channel_field: Option<String>,
}

/// A field and whether it must be there.
struct Field<'a> {
    names: Vec<&'a str>,
    flag: Option<&'static str>,
}

impl Input {
    fn field<'a>(given: Option<&'a str>, usual: &[&'static str], flag: &'static str) -> Field<'a> {
        match given {
            Some(name) => Field { names: vec![name], flag: Some(flag) },
            None => Field { names: usual.to_vec(), flag: None },
        }
    }

    fn fields(&self) -> [Field<'_>; 4] {
        [
            Self::field(Some(&self.text_field), &[], "--text-field"),
            Self::field(self.time_field.as_deref(), &["time", "timestamp", "ts"], "--time-field"),
            Self::field(self.id_field.as_deref(), &["id"], "--id-field"),
            Self::field(self.channel_field.as_deref(), &["channel"], "--channel-field"),
        ]
    }

    /// The messages of a file, or with `-` of standard input.
    pub(super) fn read(&self, file: &Path) -> anyhow::Result<Vec<Message>> {
        let mut bytes = Vec::new();
        let name = if file.as_os_str() == "-" {
            std::io::stdin().lock().read_to_end(&mut bytes).context("standard input cannot be read")?;
            "standard input".to_owned()
        } else {
            bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
            file.display().to_string()
        };
        let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let format = self.format.unwrap_or(match ending {
            "csv" => Format::Csv,
            "jsonl" | "ndjson" => Format::Jsonl,
            _ => Format::Lines,
        });
        // A log may have bytes that are no text: they don't keep the rest from being read.
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        match format {
            Format::Lines => Ok(lines(text)),
            Format::Jsonl => self.json_lines(text, &name),
            Format::Csv => self.csv(text, &name),
        }
    }

    fn json_lines(&self, text: &str, name: &str) -> anyhow::Result<Vec<Message>> {
        let fields = self.fields();
        let mut messages = Vec::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = || format!("{name}, line {}", at + 1);
            let value: Value = serde_json::from_str(line).with_context(|| {
                format!("{} is no JSON: give one object a line, or --format lines", place())
            })?;
            let get = |field: &Field<'_>| {
                let found = field.names.iter().find_map(|name| lookup(&value, name)).and_then(scalar);
                if found.is_none()
                    && let Some(flag) = field.flag
                {
                    let there = value.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>());
                    return Err(missing(&place(), field.names[0], flag, &there.unwrap_or_default()));
                }
                Ok(found)
            };
            let parts = [get(&fields[0])?, get(&fields[1])?, get(&fields[2])?, get(&fields[3])?];
            let mut message = message(parts, at + 1, fields[1].flag.is_some()).with_context(place)?;
            message.author = author(&value);
            message.permalink = lookup(&value, "permalink").and_then(scalar);
            messages.push(message);
        }
        Ok(messages)
    }

    fn csv(&self, text: &str, name: &str) -> anyhow::Result<Vec<Message>> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let header: Vec<String> = reader
            .headers()
            .with_context(|| format!("{name} has no header"))?
            .iter()
            .map(str::to_owned)
            .collect();
        let column = |field: &Field<'_>| {
            let found = field.names.iter().find_map(|name| header.iter().position(|column| column == name));
            match (found, field.flag) {
                (None, Some(flag)) => Err(missing(name, field.names[0], flag, &header)),
                _ => Ok(found),
            }
        };
        let fields = self.fields();
        let columns = [column(&fields[0])?, column(&fields[1])?, column(&fields[2])?, column(&fields[3])?];
        let mut messages = Vec::new();
        for (at, row) in reader.records().enumerate() {
            let row = row.with_context(|| format!("{name}, row {}", at + 1))?;
            let parts = columns.map(|column| row.get(column?).map(str::to_owned));
            let place = || format!("{name}, row {}", at + 1);
            messages.push(message(parts, at + 1, fields[1].flag.is_some()).with_context(place)?);
        }
        Ok(messages)
    }
}

fn lines(text: &str) -> Vec<Message> {
    text.lines().enumerate().map(|(at, line)| Message::new((at + 1).to_string(), line)).collect()
}

fn missing(place: &str, field: &str, flag: &str, there: &[String]) -> anyhow::Error {
    anyhow::anyhow!("{place} has no field {field:?}: give {flag} one of {}", there.join(", "))
}

/// A value by its name, or by a path with dots.
fn lookup<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).or_else(|| name.split('.').try_fold(value, |value, name| value.get(name)))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn author(value: &Value) -> Option<Author> {
    let get = |name| lookup(value, name).and_then(scalar);
    get("bot_id").map(Author::Bot).or_else(|| get("user").map(Author::User))
}

/// A message of its text, time, id and channel. A time that cannot be read is an error only if its field was named.
fn message(parts: [Option<String>; 4], number: usize, time_named: bool) -> anyhow::Result<Message> {
    let [text, time, id, channel] = parts;
    let time = match time.as_deref().filter(|time| !time.trim().is_empty()).map(|time| (time, instant(time)))
    {
        Some((time, None)) if time_named => {
            bail!("{time:?} is no time: give RFC 3339 (2026-05-01T12:00:00Z) or seconds since 1970")
        }
        time => time.and_then(|(_, time)| time),
    };
    let id = id.unwrap_or_else(|| number.to_string());
    Ok(Message { time, channel, ..Message::new(id, text.unwrap_or_default()) })
}

/// RFC 3339, a date and a time without a zone (UTC), or a number of seconds, milliseconds or microseconds since 1970.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        let seconds = match number.abs() {
            n if n < 1e11 => number,
            n if n < 1e14 => number / 1e3,
            _ => number / 1e6,
        };
        return Timestamp::from_nanosecond((seconds * 1e9) as i128).ok();
    }
    let local = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    text.parse().ok().or_else(|| local().map(|zoned| zoned.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(format: Format) -> Input {
        Input {
            format: Some(format),
            text_field: "text".to_owned(),
            time_field: None,
            id_field: None,
            channel_field: None,
        }
    }

    #[test]
    fn json_lines_give_text_time_id_channel_and_author() {
        let line = r#"{"text":"disk full","ts":"1700000000.123456","channel":"C1","user":"U1","id":7}"#;
        let messages = input(Format::Jsonl).json_lines(line, "x").unwrap();
        assert_eq!(messages[0].id, "7");
        assert_eq!(messages[0].time.unwrap().as_millisecond(), 1_700_000_000_123);
        assert_eq!(messages[0].channel.as_deref(), Some("C1"));
        assert_eq!(messages[0].author, Some(Author::User("U1".to_owned())));
    }

    #[test]
    fn dots_lead_into_objects() {
        let input = Input { text_field: "event.text".to_owned(), ..input(Format::Jsonl) };
        let messages = input.json_lines(r#"{"event":{"text":"a"}}"#, "x").unwrap();
        assert_eq!(messages[0].text, "a");
    }

    #[test]
    fn csv_keeps_line_breaks_and_numbers_rows() {
        let messages = input(Format::Csv).csv("time,text\n2024-05-01T00:00:00Z,\"a\nb\"\n,c\n", "x").unwrap();
        assert_eq!(messages[0].text, "a\nb");
        assert_eq!((messages[1].id.as_str(), messages[1].time), ("2", None));
    }

    #[test]
    fn errors_name_the_place_and_the_fix() {
        let error =
            input(Format::Jsonl).json_lines("{\"text\":\"a\"}\n{\"msg\":\"b\"}", "log.jsonl").unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "log.jsonl, line 2 has no field \"text\": give --text-field one of msg"
        );
        let error = input(Format::Csv).csv("a,b\n1,2\n", "x.csv").unwrap_err();
        assert_eq!(format!("{error:#}"), "x.csv has no field \"text\": give --text-field one of a, b");
        let error = input(Format::Jsonl).json_lines("nothing", "x").unwrap_err();
        assert!(format!("{error:#}").contains("--format lines"));
        let named = Input { time_field: Some("when".to_owned()), ..input(Format::Csv) };
        let error = named.csv("text,when\na,soon\n", "x").unwrap_err();
        assert!(format!("{error:#}").contains("\"soon\" is no time"));
    }

    #[test]
    fn every_line_is_a_message_and_empty_ones_too() {
        assert_eq!(lines("a\n\nb\r\n").iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["a", "", "b"]);
    }

    #[test]
    fn times_in_the_forms_that_logs_have() {
        for text in
            ["2023-11-14T22:13:20Z", "2023-11-14 22:13:20", "1700000000", "1700000000000", "1700000000000000"]
        {
            assert_eq!(instant(text).map(Timestamp::as_second), Some(1_700_000_000), "{text}");
        }
        assert_eq!(instant("soon"), None);
    }
}
