//! Looking at source text without parsing it.

/// `text` with each line cut where a comment begins. A `//` inside a string cuts too, which hides
/// the rest of that line and no other.
pub(super) fn code_of(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// `true` if `word` stands in `line` and is not part of a longer name.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(is_name) && !line[at + word.len()..].starts_with(is_name)
    })
}

/// What stands between the parentheses behind any of `names`, each with its line, from 1.
pub(super) fn calls_of<'a>(names: &[&str], code: &'a str) -> Vec<(usize, &'a str)> {
    let opening = code.match_indices('(');
    opening
        .filter(|(at, _)| names.iter().any(|name| ends_with_name(&code[..*at], name)))
        .map(|(at, _)| (code[..at].lines().count(), up_to_its_end(&code[at + 1..])))
        .collect()
}

/// The hosts of all web links in `line`.
pub(super) fn hosts_in(line: &str) -> Vec<&str> {
    let links = line.split("://").collect::<Vec<_>>();
    links
        .windows(2)
        .filter(|pair| pair[0].ends_with("http") || pair[0].ends_with("https"))
        .map(|pair| host_at_start(pair[1]))
        .collect()
}

fn ends_with_name(text: &str, name: &str) -> bool {
    text.strip_suffix(name).is_some_and(|before| !before.ends_with(is_name))
}

/// Up to the parenthesis that closes one which was opened before `text`.
fn up_to_its_end(text: &str) -> &str {
    let mut open = 1;
    for (at, character) in text.char_indices() {
        match character {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return &text[..at];
        }
    }
    text
}

fn host_at_start(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !".-".contains(c));
    text[..end.unwrap_or(text.len())].trim_end_matches('.')
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_only_whole() {
        assert!(has_word("unsafe {", "unsafe"));
        assert!(has_word("(unsafe)", "unsafe"));
        assert!(!has_word("unsafe_code", "unsafe"));
        assert!(!has_word("not_unsafe", "unsafe"));
    }

    #[test]
    fn a_call_is_taken_up_to_its_own_end_and_over_lines() {
        let code = "a\n#[cfg(any(unix,\n  windows))]\nmy_cfg(no)";
        assert_eq!(calls_of(&["cfg"], code), [(2, "any(unix,\n  windows)")]);
    }

    #[test]
    fn comments_are_cut_and_lines_keep_their_numbers() {
        assert_eq!(code_of("/// cfg(unix)\nlet a; // b\nc"), "\nlet a; \nc");
    }

    #[test]
    fn every_host_of_a_line_is_found() {
        let line = format!("https{0}a.example/x and http{0}b.example.", "://");
        assert_eq!(hosts_in(&line), ["a.example", "b.example"]);
    }
}
