//! What commands print: text for people, or JSON.

use std::io::{self, Write};

use serde::Deserialize;
use serde_json::{Value, json};

/// Text and the same as data, as the daemon answers.
#[derive(Debug, Deserialize)]
pub struct Shown {
    /// For people.
    pub text: String,
    /// For programs.
    pub data: Value,
}

/// How a command prints.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// JSON or text.
    pub fn new(json: bool) -> Self {
        Output { json }
    }

    /// Whether JSON was asked for.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints the result of the command. A reader that is gone (`enishi show | head`) is not an error.
    pub fn print(self, text: &str, data: &Value) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let written = if self.json { writeln!(out, "{data:#}") } else { writeln!(out, "{text}") };
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Says what is going on, to people only.
    pub fn progress(self, text: &str) {
        if !self.json {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Says why the command failed.
    pub fn failed(self, error: &anyhow::Error) {
        let text = sentence(error);
        let mut out = io::stderr();
        let _ = if self.json {
            writeln!(out, "{:#}", json!({ "error": text }))
        } else {
            writeln!(out, "enishi: {text}")
        };
    }
}

/// The error and its causes, each said once: some errors name their cause themselves.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

/// An object as `name  value` lines.
pub fn table(data: &Value) -> String {
    let Value::Object(members) = data else { return data.to_string() };
    let width = members.keys().map(String::len).max().unwrap_or_default();
    let lines = members.iter().map(|(name, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Null => "none".to_owned(),
            Value::Array(items) if items.is_empty() => "none".to_owned(),
            Value::Array(items) => {
                let items: Vec<String> = items
                    .iter()
                    .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                    .collect();
                items.join("; ")
            }
            other => other.to_string(),
        };
        format!("{:<width$}  {value}", name.replace('_', " "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow::anyhow!("no such file").context("/a: no such file").context("cannot start");
        assert_eq!(super::sentence(&error), "cannot start: /a: no such file");
    }
}
