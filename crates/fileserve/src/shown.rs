//! What strangers chose, as JSON that a terminal or a log shows as it is.

use std::fmt::Write as _;

use serde_json::Value;

/// The value as text: what could steer a terminal, end a line, or turn the direction of writing is
/// escaped. (Outside of strings JSON has no such characters.)
#[must_use]
pub fn json(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        let is_plain = character.is_ascii() && character != '\x7f';
        if is_plain || character.escape_debug().eq([character]) {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

/// All bytes of a name that is no Unicode; `None` for one that is, and so is a text.
#[must_use]
pub fn hex_unless_unicode(name: &[u8]) -> Option<String> {
    let is_unicode = std::str::from_utf8(name).is_ok();
    (!is_unicode).then(|| name.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_could_steer_a_terminal_is_escaped_and_means_the_same() {
        let name = "\u{1b}[m \u{7f} \u{9b}2J \u{202e} \u{2028} \u{e0001} naïve \"";
        let value = json!({ "name": name });
        let shown = super::json(&value);
        let expected = r#"{"name":"\u001b[m \u007f \u009b2J \u202e \u2028 \udb40\udc01 naïve \""}"#;
        assert_eq!(shown, expected);
        assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON"), value);
    }
}
