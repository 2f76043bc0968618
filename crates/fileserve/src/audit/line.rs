//! One line of the file: an object of JSON, behind which the line ends.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipc_core::Endpoint;
use ipc_core::audit::{Event, Field};
use serde_json::{Value, json};

use crate::shown;

/// The line of `event`.
pub(super) fn of_event(event: &Event<'_>, now: SystemTime) -> String {
    let mut line = Line::begin(now);
    for (name, value) in event.fields() {
        match value {
            Field::Number(number) => line.add(name, &json!(number)),
            Field::Text(text) => line.add(name, &json!(text)),
            Field::Bytes(bytes) => {
                line.add(name, &json!(String::from_utf8_lossy(bytes)));
                if let Some(hex) = shown::hex_unless_unicode(bytes) {
                    line.add(&format!("{name}_hex"), &json!(hex));
                }
            }
            _ => {}
        }
    }
    line.end()
}

/// The line with which the account of a server begins.
pub(super) fn of_begin(endpoint: &Endpoint, now: SystemTime) -> String {
    let mut line = Line::begin(now);
    line.add("event", &json!("begin"));
    line.add("endpoint", &json!(endpoint.to_string()));
    line.add("process", &json!(std::process::id()));
    line.add("version", &json!(env!("CARGO_PKG_VERSION")));
    line.end()
}

/// The line that stands for so many that could not be written.
pub(super) fn of_lost(lines: u64, now: SystemTime) -> String {
    let mut line = Line::begin(now);
    line.add("event", &json!("lost"));
    line.add("lines", &json!(lines));
    line.end()
}

struct Line(String);

impl Line {
    fn begin(now: SystemTime) -> Self {
        Self(format!("{{\"time\":\"{}\"", timestamp(now)))
    }

    fn add(&mut self, name: &str, value: &Value) {
        self.0 += &format!(",\"{name}\":{}", shown::json(value));
    }

    fn end(mut self) -> String {
        self.0 += "}\n";
        self.0
    }
}

/// In UTC, to the microsecond. Source: RFC 3339.
fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, second) = (since.as_secs() / DAY, since.as_secs() % DAY);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let micros = since.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// The year, the month and the day of the month, so many days after the first of 1970.
fn date(mut days: u64) -> (u64, u32, u64) {
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for mut length in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        length += u64::from(month == 2 && is_leap(year));
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

fn is_leap(year: u64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const DAY: u64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_what_the_calendar_says() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399, "2000-02-28T23:59:59.000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000Z"),
            (951_868_800, "2000-03-01T00:00:00.000000Z"),
            (1_798_761_599, "2026-12-31T23:59:59.000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
        let later = UNIX_EPOCH + Duration::new(1, 2_003_999);
        assert_eq!(timestamp(later), "1970-01-01T00:00:01.002003Z");
    }
}
