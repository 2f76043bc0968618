//! What lies beside a file while it is received.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};

use crate::platform::Directory;
use crate::protocol::Validator;

/// The names of what lies beside a file while it is received.
#[derive(Debug)]
pub(super) struct Names {
    /// What has come: `.NAME.part`.
    pub(super) part: OsString,
    /// The note that says which file it is the beginning of: `.NAME.part.validator`.
    pub(super) note: OsString,
    /// The note while it is written.
    draft: OsString,
}

impl Names {
    /// Those beside `name`. Where they would be longer than a name may be, its beginning and its
    /// hash stand for it.
    pub(super) fn of(name: &OsStr) -> Self {
        let mut stem = OsString::from(".");
        if name.len() + ".".len() + NOTE.len() <= MAX_NAME {
            stem.push(name);
        } else {
            let hash = blake3::hash(name.as_encoded_bytes()).to_hex();
            stem.push(beginning(&name.to_string_lossy()));
            stem.push("~");
            stem.push(&hash[..HASH_DIGITS]);
        }
        let with = |ending: &str| {
            let mut name = stem.clone();
            name.push(ending);
            name
        };
        Self { part: with(PART), note: with(NOTE), draft: with(DRAFT) }
    }

    /// What the note says; `None` if there is none, or none that can be understood.
    pub(super) fn read_note(&self, directory: &Directory) -> io::Result<Option<Validator>> {
        let Some(file) = directory.open_own(&self.note)? else { return Ok(None) };
        let mut text = Vec::new();
        file.take(MAX_NOTE).read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text).ok())
    }

    /// Puts a note there, in place of any other and never half of it.
    pub(super) fn write_note(&self, directory: &Directory, of: &Validator) -> io::Result<()> {
        let text = serde_json::to_vec(of)?;
        directory.remove(&self.draft)?;
        let mut file = directory.create(&self.draft)?;
        let written =
            file.write_all(&text).and_then(|()| directory.rename(&self.draft, &self.note));
        written.inspect_err(|_| {
            // What stays is removed by the next transfer.
            let _ = directory.remove(&self.draft);
        })
    }
}

fn beginning(name: &str) -> &str {
    let fits = |(at, character): &(usize, char)| at + character.len_utf8() <= BEGINNING;
    let end = name.char_indices().take_while(fits).last();
    &name[..end.map_or(0, |(at, character)| at + character.len_utf8())]
}

const PART: &str = ".part";
const NOTE: &str = ".part.validator";
const DRAFT: &str = ".part.draft";

/// The most bytes that a name has on every file system in common use. Source: limits.h(0p),
/// `NAME_MAX`.
const MAX_NAME: usize = 255;
/// How much of a name too long stays readable, in bytes.
const BEGINNING: usize = 100;
/// How much of its hash tells it from others: 128 bits.
const HASH_DIGITS: usize = 32;

/// More than any note has, in bytes.
const MAX_NOTE: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_have_short_ones_beside_them_and_different_ones_different() {
        let names = |name: &str| Names::of(OsStr::new(name));
        assert_eq!(names("out").note, ".out.part.validator");
        let longest = "n".repeat(MAX_NAME - NOTE.len() - 1);
        assert_eq!(names(&longest).part, OsString::from(format!(".{longest}.part")));
        for long in
            ["n".repeat(240), "n".repeat(255), "é".repeat(127), "x".to_owned() + &"é".repeat(127)]
        {
            let (one, other) = (names(&long), names(&format!("{}!", &long[..long.len() - 2])));
            assert!(one.note.len() <= MAX_NAME, "{:?}", one.note);
            assert_ne!(one.part, other.part);
        }
    }
}
