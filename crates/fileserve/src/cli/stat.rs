//! `fileserve stat`.

use fileserve::protocol::{FileInfo, Timestamp, WirePath};

use super::args::Look;
use super::reach::Reached;
use super::{Failed, json, print, shown};

pub(crate) fn stat(arguments: Look) -> Result<(), Failed> {
    let mut reached = Reached::connect(&arguments.reach)?;
    let path = reached.path(&arguments.path)?;
    let info = reached
        .files
        .stat(&path)
        .map_err(|error| Failed::new(format!("look at `{}`", shown(&arguments.path)), error))?;
    print(&if arguments.json { json::line(&json::info(&path, &info)) } else { text(&path, &info) })
}

fn text(path: &WirePath, info: &FileInfo) -> String {
    let mut lines = vec![
        ("path", path.to_string()),
        ("kind", info.kind.name().to_owned()),
        ("length", format!("{} bytes", info.file.length)),
    ];
    if let Some(modified) = info.file.modified {
        lines.push(("modified", utc(modified)));
    }
    if let Some(mode) = info.mode {
        lines.push(("mode", format!("{mode:04o}")));
    }
    if let Some((uid, gid)) = info.owner {
        lines.push(("owner", format!("uid {uid}, gid {gid}")));
    }
    lines.iter().map(|(name, value)| format!("{name:<9} {value}\n")).collect()
}

/// `2026-11-24 20:15:42.123456789 UTC`.
///
/// Source: Gregorian calendar; days are counted from the first of March, so that the leap day is
/// the last of its year, in eras of 400 years, after which the calendar repeats.
fn utc(at: Timestamp) -> String {
    let (days, second) = (at.seconds.div_euclid(86_400), at.seconds.rem_euclid(86_400));
    let since_march_0 = days + DAYS_FROM_MARCH_OF_YEAR_0_TO_1970;
    let (era, day) = (since_march_0.div_euclid(146_097), since_march_0.rem_euclid(146_097));
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day_of_month:02} {:02}:{:02}:{:02}.{:09} UTC",
        second / 3600,
        second / 60 % 60,
        second % 60,
        at.nanoseconds
    )
}

const DAYS_FROM_MARCH_OF_YEAR_0_TO_1970: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_in_utc() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (951_868_800, "2000-03-01 00:00:00"),
            (1_709_251_199, "2024-02-29 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
            (-62_135_596_800, "0001-01-01 00:00:00"),
        ] {
            let text = utc(Timestamp { seconds, nanoseconds: 5 });
            assert_eq!(text, format!("{shown}.000000005 UTC"));
        }
    }
}
