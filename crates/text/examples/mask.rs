//! Reads JSON lines with a `text` from standard input and writes them with the text masked, so that other tools can be given
//! what ours compares.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::io::{BufRead, Write};

use recommend_text::Mask;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let mut value: serde_json::Value = serde_json::from_str(&line?)?;
        value["text"] = Mask::alerts().apply(value["text"].as_str().unwrap_or_default()).into();
        writeln!(out, "{value}")?;
    }
    Ok(())
}
