//! The text form of a Windows security identifier.
//!
//! `S-1-` (the revision), an authority of 48 bits, then 1 to 15 numbers of 32 bits. An authority of
//! more than 32 bits is written as `0x` and twelve hexadecimal digits. Source: Microsoft,
//! \[MS-DTYP\] 2.4.2.1.

use std::fmt::Write;

/// `text` as the system writes it; `None` if it is no identifier.
pub(super) fn normal(text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let (letter, revision) = (parts.next()?, parts.next()?);
    if !letter.eq_ignore_ascii_case("S") || revision != "1" {
        return None;
    }
    let mut normal = format!("S-1-{}", authority(parts.next()?)?);
    let mut count = 0;
    for part in parts {
        let number: u32 = digits(part)?.parse().ok()?;
        write!(normal, "-{number}").ok()?;
        count += 1;
    }
    (1..=15).contains(&count).then_some(normal)
}

fn authority(text: &str) -> Option<String> {
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hexadecimal) if hexadecimal.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
            u64::from_str_radix(hexadecimal, 16).ok()?
        }
        Some(_) => return None,
        None => digits(text)?.parse().ok()?,
    };
    match number {
        0..=0xffff_ffff => Some(number.to_string()),
        0x1_0000_0000..=0xffff_ffff_ffff => Some(format!("0x{number:012x}")),
        _ => None,
    }
}

/// `text` if it has nothing but digits: a sign would be parsed too.
fn digits(text: &str) -> Option<&str> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_normalised() {
        for (text, written) in [
            ("S-1-5-18", "S-1-5-18"),
            ("s-1-5-032-0544", "S-1-5-32-544"),
            ("S-1-0x5-18", "S-1-5-18"),
            ("S-1-0XFFFFFFFFFFFF-1", "S-1-0xffffffffffff-1"),
            ("S-1-4294967296-4294967295", "S-1-0x000100000000-4294967295"),
            (
                "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15",
                "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15",
            ),
        ] {
            assert_eq!(normal(text).as_deref(), Some(written), "{text}");
            assert_eq!(normal(written).as_deref(), Some(written), "as it is written");
        }
    }

    #[test]
    fn what_is_no_identifier_is_refused() {
        for text in [
            "",
            "S",
            "S-1",
            "S-1-5",
            "S-1-5-",
            "S-2-5-18",
            "S-1--18",
            "S-1-5-+18",
            "S-1-5--18",
            "S-1-5-4294967296",
            "S-1-0x1000000000000-1",
            "S-1-0x-1",
            "S-1-0x+5-1",
            " S-1-5-18",
            "S-1-5-18 ",
            "S-1-5-18)(A;;GA;;;WD",
            "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16",
            "S-1-5-٣",
        ] {
            assert_eq!(normal(text), None, "{text:?}");
        }
    }
}
