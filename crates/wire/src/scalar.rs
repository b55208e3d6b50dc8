//! Scalars as text: in form parameters, XML elements, headers and paths.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Timestamp;
use crate::schema::{Kind, TimestampFormat};
use crate::value::{Blob, Value};

/// Reads the text of a scalar shape; nothing when it is not of that kind (or the shape is no scalar).
pub(crate) fn parse(kind: &Kind, text: &str, format: TimestampFormat) -> Option<Value> {
    Some(match kind {
        Kind::String(_) => Value::String(text.to_owned()),
        Kind::Boolean => Value::Bool(parse_bool(text)?),
        Kind::Integer => Value::Int(text.parse::<i32>().ok()?.into()),
        Kind::Long => Value::Int(text.parse().ok()?),
        Kind::Float | Kind::Double => Value::Float(parse_float(text)?),
        Kind::Blob => Value::Blob(parse_blob(text)?),
        Kind::Timestamp(own) => Value::Timestamp(parse_timestamp(text, own.unwrap_or(format))?),
        Kind::Document => Value::Document(serde_json::from_str(text).ok()?),
        Kind::Structure(_) | Kind::List(_) | Kind::Map(_) => return None,
    })
}

fn parse_bool(text: &str) -> Option<bool> {
    // The command line's older dialects send True and False; EC2 takes them.
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Reads a number or one of `NaN`, `Infinity`, `-Infinity`.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => {
            let starts_as_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
            let number = text.parse::<f64>().ok()?;
            (starts_as_number && number.is_finite()).then_some(number)
        }
    }
}

/// Reads base64 with padding.
pub(crate) fn parse_blob(text: &str) -> Option<Blob> {
    STANDARD.decode(text).ok().map(Blob)
}

/// Reads a time in the given format.
pub(crate) fn parse_timestamp(text: &str, format: TimestampFormat) -> Option<Timestamp> {
    match format {
        TimestampFormat::DateTime => Timestamp::parse_date_time(text),
        TimestampFormat::HttpDate => Timestamp::parse_http_date(text),
        TimestampFormat::EpochSeconds => Timestamp::parse_epoch_seconds(text),
    }
}

/// The text of a scalar; nothing for structures, lists, maps and null.
pub(crate) fn render<'v>(kind: &Kind, value: &'v Value, format: TimestampFormat) -> Option<Cow<'v, str>> {
    Some(match value {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::Float(number) => Cow::Owned(render_float(kind, *number)),
        Value::Blob(blob) => Cow::Owned(render_blob(blob)),
        Value::Timestamp(time) => {
            let own = if let Kind::Timestamp(own) = kind { *own } else { None };
            Cow::Owned(render_timestamp(*time, own.unwrap_or(format)))
        }
        Value::Document(document) => Cow::Owned(document.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) | Value::Structure(_) => return None,
    })
}

/// A number with at least one digit after the point, or `NaN`, `Infinity`, `-Infinity`.
fn render_float(kind: &Kind, number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else if matches!(kind, Kind::Float) {
        format!("{:?}", number as f32)
    } else {
        format!("{number:?}")
    }
}

/// Base64 with padding.
pub(crate) fn render_blob(blob: &Blob) -> String {
    STANDARD.encode(&blob.0)
}

fn render_timestamp(time: Timestamp, format: TimestampFormat) -> String {
    match format {
        TimestampFormat::DateTime => time.date_time(),
        TimestampFormat::HttpDate => time.http_date(),
        TimestampFormat::EpochSeconds => time.epoch_seconds(),
    }
}
