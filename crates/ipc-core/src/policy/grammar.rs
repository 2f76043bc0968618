//! The text of a policy.
//!
//! ```text
//! policy = both { "or" both }
//! both   = one { "and" one }
//! one    = "not" one | "(" policy ")" | TERM
//! ```
//!
//! A word ends at white space and at parentheses, but not within quotation marks. What is allocated
//! and how deep it goes is limited by words, not by bytes, so that whatever was read can be written
//! and read again.

use super::term::Term;
use crate::error::{Error, Result};
use crate::files::Escaped;

/// The most words.
const MAX_WORDS: usize = 1024;
/// The longest word, in bytes.
const MAX_WORD: usize = 256;
/// The most parentheses and `not` around a term.
const MAX_DEPTH: usize = 32;

pub(super) fn parse(text: &str) -> Result<Term> {
    let mut words = Words { rest: split(text)?.into_iter().peekable(), depth: 0, end: text.len() };
    let term = words.policy()?;
    match words.rest.next() {
        None => Ok(term),
        Some(word) if word.text == ")" => Err(word.refuse("closes nothing")),
        Some(word) => Err(word.refuse("stands where only `and` or `or` can go on")),
    }
}

#[derive(Clone, Copy, Debug)]
struct Word<'t> {
    text: &'t str,
    /// Where it begins, in bytes.
    at: usize,
}

impl Word<'_> {
    fn refuse(self, what_is_wrong: &str) -> Error {
        let word = Escaped(self.text.as_bytes());
        refuse(self.at, &format!("`{word}` {what_is_wrong}"))
    }
}

/// Counts from 1, as people do.
fn refuse(at: usize, what_is_wrong: &str) -> Error {
    Error::InvalidInput { reason: format!("at byte {} of the policy: {what_is_wrong}", at + 1) }
}

fn split(text: &str) -> Result<Vec<Word<'_>>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let word = Word { text: &text[at..at + length_of_word(text, at)?], at };
        if word.text.len() > MAX_WORD {
            return Err(refuse(at, &format!("a word has more than {MAX_WORD} bytes")));
        }
        if words.len() == MAX_WORDS {
            return Err(refuse(at, &format!("there are more than {MAX_WORDS} words")));
        }
        words.push(word);
        at += word.text.len();
    }
    Ok(words)
}

/// How long the word is that begins at `at`; it has at least one character.
fn length_of_word(text: &str, at: usize) -> Result<usize> {
    let rest = &text[at..];
    if rest.starts_with(['(', ')']) {
        return Ok(1);
    }
    let mut quoted = None;
    for (index, c) in rest.char_indices() {
        match c {
            '"' => quoted = if quoted.is_some() { None } else { Some(at + index) },
            '(' | ')' if quoted.is_none() => return Ok(index),
            c if quoted.is_none() && c.is_whitespace() => return Ok(index),
            _ => {}
        }
    }
    match quoted {
        None => Ok(rest.len()),
        Some(opened) => Err(refuse(opened, "the quotation mark is not closed")),
    }
}

struct Words<'t> {
    rest: std::iter::Peekable<std::vec::IntoIter<Word<'t>>>,
    depth: usize,
    /// Where the text ends.
    end: usize,
}

impl<'t> Words<'t> {
    fn policy(&mut self) -> Result<Term> {
        let mut term = self.both()?;
        while self.rest.next_if(|word| word.text == "or").is_some() {
            term = term.or(self.both()?);
        }
        Ok(term)
    }

    fn both(&mut self) -> Result<Term> {
        let mut term = self.one()?;
        while self.rest.next_if(|word| word.text == "and").is_some() {
            term = term.and(self.one()?);
        }
        Ok(term)
    }

    fn one(&mut self) -> Result<Term> {
        let Some(word) = self.rest.next() else {
            return Err(refuse(self.end, &format!("a term is missing; {TERMS}")));
        };
        match word.text {
            "not" => self.deeper(word, |words| Ok(Term::Not(Box::new(words.one()?)))),
            "(" => self.deeper(word, |words| {
                let term = words.policy()?;
                match words.rest.next() {
                    Some(close) if close.text == ")" => Ok(term),
                    Some(other) => Err(other.refuse("stands where only `and`, `or` or `)` can")),
                    None => Err(word.refuse("is not closed")),
                }
            }),
            _ => term(word),
        }
    }

    fn deeper(
        &mut self,
        word: Word<'t>,
        inside: impl FnOnce(&mut Self) -> Result<Term>,
    ) -> Result<Term> {
        if self.depth == MAX_DEPTH {
            return Err(word.refuse(&format!("is deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let term = inside(self);
        self.depth -= 1;
        term
    }
}

fn term(word: Word<'_>) -> Result<Term> {
    let term = match word.text.split_once(':') {
        None => match word.text {
            "any" => Some(Term::Any),
            "same-user" => Some(Term::SameUser),
            "same-process" => Some(Term::SameProcess),
            "system" => Some(Term::System),
            "root" => Some(Term::Root),
            "sandboxed" => Some(Term::Sandboxed),
            "other-mount-namespace" => Some(Term::OtherMountNamespace),
            "admins" => Some(Term::Admins),
            _ => None,
        },
        Some(("uid", id)) => number(id).map(Term::Uid),
        Some(("gid", id)) => number(id).map(Term::Gid),
        Some(("user", text)) => name(text).map(Term::User),
        Some(("group", text)) => name(text).map(Term::Group),
        Some(("sid", sid)) => sid.parse().ok().map(Term::Sid),
        Some(_) => None,
    };
    term.ok_or_else(|| word.refuse(&format!("is no term; {TERMS}")))
}

fn number(text: &str) -> Option<u32> {
    // `parse` would take a sign, too.
    text.parse().ok().filter(|_| text.bytes().all(|digit| digit.is_ascii_digit()))
}

fn name(text: &str) -> Option<String> {
    let inside = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let name = inside.unwrap_or(text);
    let is_sound = !name.is_empty() && !name.contains(|c: char| c == '"' || c.is_control());
    is_sound.then(|| name.to_owned())
}

const TERMS: &str = "a term is one of any, same-user, system, root, uid:N, gid:N, user:NAME, \
    group:NAME, sid:S-1-…, admins, same-process, sandboxed, other-mount-namespace; `and`, `or`, \
    `not` and parentheses combine them";
